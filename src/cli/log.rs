//! The log of a process: to standard error, for people or as JSON.
//! Knows: levels. Must not: know what is logged.

use std::io::IsTerminal;

use tracing::Level;

use crate::engine::config::LogLevel;

pub(super) fn level_name(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
        LogLevel::Trace => "trace",
    }
}

pub(super) fn start_log(level: &str, json: bool) {
    let level = level.parse().unwrap_or(Level::INFO);
    let log = tracing_subscriber::fmt().with_max_level(level).with_target(false).with_writer(std::io::stderr);
    // a reader of the log that went away must not end a call
    let log = log.log_internal_errors(false);
    match json {
        false => log.with_ansi(std::io::stderr().is_terminal()).init(),
        true => log.json().init(),
    }
}

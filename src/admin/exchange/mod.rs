//! Exchange's spelling: the lines of an administrator's scripts, understood as the commands of this program.
//! Knows: the part of PowerShell such lines use, Exchange's cmdlets. Must not: change anything itself: it makes
//! [`Request`](super::command::Request)s and prints answers.
//!
//! Text -> [`token`] -> [`parse`] -> [`bind`] (which parameter is which) -> [`shell::Shell`] (what it means here).

mod bind;
mod cmdlet;
mod help;
mod parse;
mod sense;
pub mod shell;
mod show;
mod token;

#[cfg(test)]
mod tests;

pub use cmdlet::is_cmdlet;
pub use shell::{Outcome, Shell};

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ScriptError {
    /// Counted from 1.
    pub line: usize,
    pub message: String,
}

impl ScriptError {
    fn new(line: usize, message: impl Into<String>) -> ScriptError {
        ScriptError { line, message: message.into() }
    }
}

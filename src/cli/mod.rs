//! The command line: one module a noun or verb, parsed by clap.
//! Knows: arguments, exit statuses, how to print. Must not: know how a node works inside.
//!
//! Exit status: 0 done, 1 refused or failed (the reason is on standard error), 2 wrong usage.

mod check;
mod log;
mod organisation;
mod serve;
mod status;
mod worker;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Answers the calls a phone system could not, and puts every message where its owner reads mail.
#[derive(Parser)]
#[command(name = "ringpost", version, arg_required_else_help = true)]
struct Arguments {
    /// Folder of ringpost.toml and of the directory
    #[arg(long, global = true, value_name = "DIR", env = "RINGPOST_CONFIG", default_value = "config")]
    config: PathBuf,
    /// Folder of spool, mail and everything else the node keeps [default: what ringpost.toml says, or var]
    #[arg(long, global = true, value_name = "DIR", env = "RINGPOST_DATA")]
    data: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start the node: answer calls until told to stop
    Serve,
    /// Read the configuration and the directory and say what is wrong with them
    Check,
    /// Carry calls for a node: started by serve, not by hand
    #[command(hide = true)]
    Worker,
    /// Say whether the node is up and healthy, and why messages wait
    Status(status::Options),
}

/// Where this node's configuration and data are.
#[derive(Debug, Clone)]
pub struct Folders {
    pub config: PathBuf,
    pub data: PathBuf,
}

/// Runs the command of this process's arguments.
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let data = arguments.data.unwrap_or_else(|| organisation::data_folder(&arguments.config));
    let folders = Folders { config: arguments.config, data };
    let outcome = match arguments.command {
        Command::Serve => serve::run(&folders),
        Command::Worker => worker::run(),
        Command::Check => check::run(&folders.config).map(|report| println!("{report}")).map_err(Into::into),
        Command::Status(options) => status::run(&folders, &options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("ringpost: {reason}");
            ExitCode::FAILURE
        }
    }
}

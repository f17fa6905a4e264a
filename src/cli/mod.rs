//! The command line: one module a noun or verb, parsed by clap.
//! Knows: arguments, exit statuses, how to print. Must not: know how a node works inside.
//!
//! Exit status: 0 done, 1 refused or failed (the reason is on standard error), 2 wrong usage.

mod ask;
mod check;
mod objects;
mod organisation;
mod print;
mod serve;
mod status;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::admin::settings::Kind;

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
    /// Say whether the node is up and healthy, and why messages wait
    Status(status::Options),
}

/// Where this node's configuration and data are.
#[derive(Debug, Clone)]
pub struct Folders {
    pub config: PathBuf,
    pub data: PathBuf,
}

/// Everything that can be said on the command line.
fn command_line() -> clap::Command {
    Arguments::command().subcommands(Kind::ALL.map(objects::command))
}

/// Runs the command of this process's arguments.
pub fn run() -> ExitCode {
    let matches = command_line().get_matches();
    match run_matches(&matches) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("ringpost: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn run_matches(matches: &ArgMatches) -> Result<(), Box<dyn std::error::Error>> {
    if let Some((noun, arguments)) = matches.subcommand()
        && let Ok(kind) = noun.parse::<Kind>()
    {
        return Ok(objects::run(&folders(matches), kind, arguments)?);
    }
    let folders = folders(matches);
    match Arguments::from_arg_matches(matches)?.command {
        Command::Serve => serve::run(&folders),
        Command::Check => Ok(check::run(&folders.config).map(|report| println!("{report}"))?),
        Command::Status(options) => status::run(&folders, &options),
    }
}

fn folders(matches: &ArgMatches) -> Folders {
    let given = |id: &str| matches.get_one::<PathBuf>(id).cloned();
    let config = given("config").unwrap_or_else(|| PathBuf::from("config"));
    let data = given("data").unwrap_or_else(|| organisation::data_folder(&config));
    Folders { config, data }
}

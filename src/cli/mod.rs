//! The command line: one module a noun or verb, parsed by clap.
//! Knows: arguments, exit statuses, how to print. Must not: know how a node works inside.
//!
//! Exit status: 0 done, 1 refused or failed (the reason is on standard error), 2 wrong usage.

/// `println!` for a reader that may go away (`| head`), which is no reason to panic.
macro_rules! say {
    ($($arguments:tt)*) => { $crate::cli::print::out(format_args!("{}\n", format_args!($($arguments)*))) };
}

/// The same without a line end.
macro_rules! say_part {
    ($($arguments:tt)*) => { $crate::cli::print::out(format_args!($($arguments)*)) };
}

mod ask;
mod check;
mod exchange;
mod log;
mod manual;
mod node;
mod objects;
mod organisation;
mod print;
mod replay;
mod serve;
mod status;
mod systemd;
mod worker;

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
    /// Read the directory again now
    Refresh,
    /// Run a file of Exchange cmdlets (- for standard input)
    Run(exchange::Options),
    /// Play SIPp scenarios: over the network, or against an engine of their own on virtual time
    Replay(replay::Options),
    /// Make a test call: to this node, or through a gateway to a number
    Test(node::TestOptions),
    /// Component states: in service, draining, out of service
    #[command(subcommand)]
    Component(node::Component),
    /// Calls in progress
    #[command(subcommand)]
    ActiveCalls(node::ActiveCalls),
    /// Call data records
    #[command(subcommand)]
    CallDataRecord(node::CallDataRecord),
    /// UM worker processes
    Worker(node::WorkerOptions),
    /// Print the completion of a shell
    Completion(manual::Completion),
    /// Print the manual page, or write all of them to a folder
    Man(manual::Man),
    /// Not built yet
    #[command(hide = true)]
    AutoAttendant(NotBuilt),
    /// Not built yet
    #[command(hide = true)]
    CallAnsweringRule(NotBuilt),
}

#[derive(clap::Args)]
#[command(disable_help_flag = true)]
struct NotBuilt {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    _rest: Vec<String>,
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
///
/// What is spelled as Exchange spells it is no subcommand: its options have one dash.
pub fn run() -> ExitCode {
    let arguments: Vec<String> = std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect();
    if let Some(outcome) = exchange::run_arguments(&arguments) {
        return outcome;
    }
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
        Command::Check => Ok(check::run(&folders.config).map(|report| say!("{report}"))?),
        Command::Status(options) => status::run(&folders, &options),
        Command::Refresh => Ok(node::refresh(&folders)?),
        Command::Run(options) => exchange::run_file(&folders, &options),
        Command::Replay(options) => replay::run(&folders, &options),
        Command::Test(options) => Ok(node::test(&folders, options)?),
        Command::Component(command) => Ok(node::component(&folders, command)?),
        Command::ActiveCalls(command) => Ok(node::active_calls(&folders, command)?),
        Command::CallDataRecord(command) => Ok(node::call_data_record(&folders, command)?),
        Command::Worker(node::WorkerOptions { verb: Some(verb) }) => Ok(node::worker(&folders, verb)?),
        Command::Worker(node::WorkerOptions { verb: None }) => worker::run(),
        Command::Completion(options) => manual::completion(&options),
        Command::Man(options) => manual::man(&options),
        Command::AutoAttendant(_) => Err("auto attendants are not built yet".into()),
        Command::CallAnsweringRule(_) => Err("call answering rules are not built yet".into()),
    }
}

fn folders(matches: &ArgMatches) -> Folders {
    let given = |id: &str| matches.get_one::<PathBuf>(id).cloned();
    let config = given("config").unwrap_or_else(|| PathBuf::from("config"));
    let data = given("data").unwrap_or_else(|| organisation::data_folder(&config));
    Folders { config, data }
}

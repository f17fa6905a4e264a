//! The `ringpost` program: reads the command line and ends with the status of the command.

use std::process::ExitCode;

fn main() -> ExitCode {
    ringpost::cli::run()
}

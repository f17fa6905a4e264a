//! Exchange's spelling on the command line and in files: `ringpost Set-UMService -MaxCallsAllowed 50`,
//! `ringpost run FILE.ps1`.
//! Knows: where a line comes from, where what it prints goes. Must not: know a cmdlet.

use std::error::Error;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use super::Folders;
use super::ask::{Failure, ask};
use super::node::export_file;
use super::organisation::data_folder;
use crate::admin::exchange::shell::AskError;
use crate::admin::exchange::{Outcome, Shell, is_cmdlet};

#[derive(clap::Args)]
pub(super) struct Options {
    /// The file; - for standard input
    #[arg(value_name = "FILE.ps1")]
    file: PathBuf,
    /// Print JSON where cmdlets print objects
    #[arg(long)]
    json: bool,
}

/// Carries out a command line whose first word is a cmdlet; `None`: it is not.
pub(super) fn run_arguments(arguments: &[String]) -> Option<ExitCode> {
    let mut rest = arguments.iter().skip(1);
    let (mut config, mut data) = (std::env::var("RINGPOST_CONFIG").ok(), std::env::var("RINGPOST_DATA").ok());
    let (mut line, mut json) = (Vec::new(), false);
    while let Some(argument) = rest.next() {
        match argument.split_once('=') {
            _ if argument == "--json" => json = true,
            _ if argument == "--config" => config = Some(rest.next()?.clone()),
            _ if argument == "--data" => data = Some(rest.next()?.clone()),
            Some(("--config", folder)) => config = Some(folder.to_owned()),
            Some(("--data", folder)) => data = Some(folder.to_owned()),
            _ => line.push(argument.clone()),
        }
    }
    if !is_cmdlet(line.first()?.split_whitespace().next()?) {
        return None;
    }
    let config = config.map_or_else(|| PathBuf::from("config"), PathBuf::from);
    let data = data.map_or_else(|| data_folder(&config), PathBuf::from);
    let outcome = with_shell(&Folders { config, data }, json, |shell| shell.run_arguments(&line));
    Some(if outcome == Outcome::Done { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

pub(super) fn run_file(folders: &Folders, options: &Options) -> Result<(), Box<dyn Error>> {
    let name = options.file.display().to_string();
    let mut bytes = Vec::new();
    match name.as_str() {
        "-" => drop(std::io::stdin().read_to_end(&mut bytes)?),
        _ => bytes = std::fs::read(&options.file).map_err(|error| format!("{name}: {error}"))?,
    }
    let text = text_of(&bytes).ok_or_else(|| format!("{name}: is neither UTF-8 nor UTF-16 text"))?;
    match with_shell(folders, options.json, |shell| shell.run_script(&name, &text)) {
        Outcome::Done => Ok(()),
        Outcome::Failed => Err(format!("{name}: not everything was carried out").into()),
    }
}

fn with_shell(folders: &Folders, json: bool, work: impl FnOnce(&mut Shell) -> Outcome) -> Outcome {
    let mut give = |request| match ask(folders, request) {
        Ok(answer) => Ok(answer),
        Err(Failure::Refused(refusal)) => Err(AskError::Refused(refusal)),
        Err(failure) => Err(AskError::Failed(failure.to_string())),
    };
    // a reader that went away (head) is no reason to stop half way
    let mut print = |text: &str| drop(std::io::stdout().write_all(text.as_bytes()));
    let mut warn = |text: &str| eprintln!("ringpost: {text}");
    let mut export = |day, rows| match export_file(std::path::Path::new("."), day, rows) {
        Ok(path) => Ok(path.display().to_string()),
        Err(failure) => Err(failure.to_string()),
    };
    work(&mut Shell { ask: &mut give, print: &mut print, export: &mut export, warn: &mut warn, json })
}

/// Windows' editors write UTF-16 with a mark in front.
fn text_of(bytes: &[u8]) -> Option<String> {
    let units = |from: fn([u8; 2]) -> u16| {
        let pairs = bytes.chunks_exact(2).skip(1).map(|pair| from([pair[0], pair[1]]));
        char::decode_utf16(pairs).collect::<Result<String, _>>().ok()
    };
    match bytes {
        [0xff, 0xfe, ..] => units(u16::from_le_bytes),
        [0xfe, 0xff, ..] => units(u16::from_be_bytes),
        _ => String::from_utf8(bytes.to_vec()).ok(),
    }
}

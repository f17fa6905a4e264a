//! `ringpost completion` and `ringpost man`: made of the command line itself.
//! Knows: the whole command line. Must not: know one command.

use std::error::Error;
use std::io;
use std::path::PathBuf;

#[derive(clap::Args)]
pub(super) struct Completion {
    /// bash, elvish, fish, powershell or zsh
    shell: clap_complete::Shell,
}

#[derive(clap::Args)]
pub(super) struct Man {
    /// Folder for ringpost.1 and a page for each command; without it ringpost.1 is printed
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
}

pub(super) fn completion(options: &Completion) -> Result<(), Box<dyn Error>> {
    let mut text = Vec::new();
    clap_complete::generate(options.shell, &mut super::command_line(), "ringpost", &mut text);
    io::Write::write_all(&mut io::stdout(), &text)?;
    Ok(())
}

pub(super) fn man(options: &Man) -> Result<(), Box<dyn Error>> {
    let command = super::command_line();
    match &options.folder {
        None => clap_mangen::Man::new(command).render(&mut io::stdout())?,
        Some(folder) => {
            std::fs::create_dir_all(folder)?;
            clap_mangen::generate_to(command, folder)?;
        }
    }
    Ok(())
}

//! Reads what an administrator wrote: this node's configuration and the organisation's directory.
//! Knows: where the files are. Must not: know what is in them.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use super::Folders;
use crate::directory::{Directory, DirectoryProvider, Fault};
use crate::engine::config::{NodeConfig, process_environment};
use crate::engine::disk::RealDisk;
use crate::engine::provider::TomlFolder;

/// Everything that is wrong, each on a line of its own.
#[derive(Debug)]
pub(super) struct Faults(Vec<Fault>);

pub(super) fn read_config(folders: &Folders) -> Result<NodeConfig, Faults> {
    NodeConfig::read(&RealDisk, &folders.config, process_environment()).map_err(Faults)
}

pub(super) fn read_directory(config: &NodeConfig) -> Result<Directory, Faults> {
    let provider = TomlFolder::new(Arc::new(RealDisk), config.directory.clone());
    let sources = provider.read().map_err(|error| Faults(error.into_faults()))?;
    Directory::load(&sources).map_err(Faults)
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl Error for Faults {}

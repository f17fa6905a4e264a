//! Reads what an administrator wrote: this node's configuration and the organisation's directory.
//! Knows: where the files are. Must not: know what is in them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Folders;
use super::check::Faults;
use crate::admin::organisation::{Organisation, ThisNode};
use crate::engine::config::{NodeConfig, process_environment};
use crate::engine::disk::RealDisk;

pub(super) fn read_config(folders: &Folders) -> Result<NodeConfig, Faults> {
    NodeConfig::read(&RealDisk, &folders.config, process_environment()).map_err(Faults)
}

/// Where the configuration puts the node's data; a configuration that cannot be read is the command's to report.
pub(super) fn data_folder(config: &Path) -> PathBuf {
    let config = NodeConfig::read(&RealDisk, config, process_environment());
    config.map_or_else(|_| PathBuf::from("var"), |config| config.data)
}

/// The organisation's files under command.
pub(super) fn organisation(config: &NodeConfig) -> Organisation {
    Organisation::new(Arc::new(RealDisk), config.directory.clone(), ThisNode::of(config, host_name()))
}

/// This node's name: the configured one, else the machine's.
pub(super) fn node_name(config: &NodeConfig) -> String {
    config.name.as_ref().map_or_else(host_name, ToString::to_string)
}

pub(super) fn host_name() -> String {
    let name = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| "localhost".to_owned())
}

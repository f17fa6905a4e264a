//! Reads what an administrator wrote: this node's configuration and the organisation's directory.
//! Knows: where the files are, how a host name is looked up. Must not: know what is in them.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Folders;
use super::check::Faults;
use crate::admin::organisation::{Organisation, ThisNode};
use crate::directory::{Directory, DirectoryProvider};
use crate::engine;
use crate::engine::config::{NodeConfig, process_environment};
use crate::engine::disk::RealDisk;
use crate::engine::provider::TomlFolder;
use crate::link::Snapshot;

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

/// Reads the directory and looks up the gateways that are known by name. A name that cannot be looked up costs only
/// its own gateway.
pub(super) async fn read_organisation(config: &NodeConfig) -> Result<engine::Organisation, Faults> {
    let provider = TomlFolder::new(Arc::new(RealDisk), config.directory.clone());
    let sources = provider.read().map_err(|error| Faults(error.into_faults()))?;
    let mut directory = Directory::load(&sources).map_err(Faults)?;
    let mut located = Vec::new();
    let hosts: Vec<_> = directory.gateway_hosts().cloned().collect();
    for host in hosts {
        match tokio::net::lookup_host((host.to_string(), 0)).await {
            Ok(found) => {
                let addresses: Vec<IpAddr> = found.map(|address| address.ip()).collect();
                directory.locate(&host, &addresses);
                located.push((host.to_string(), addresses));
            }
            Err(error) => tracing::error!(%host, %error, "UM IP gateway cannot be looked up: its calls are refused"),
        }
    }
    let sources = sources.into_iter().map(|source| (source.name, source.text)).collect();
    let snapshot = Snapshot { generation: 1, sources, located, routers: Vec::new() };
    Ok(engine::Organisation { directory: Arc::new(directory), snapshot })
}

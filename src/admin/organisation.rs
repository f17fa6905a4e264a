//! The organisation's files under command: objects are read from them and changed in them, with a node or without.
//! Knows: the files, the registry of settings, the directory's reader. Must not: know a running node. Blocks.
//!
//! A change is made on the text in memory, loaded as a whole, and written only when it is sound and the files are still
//! what they were when they were read.

mod changing;
mod reading;
mod writing;

#[cfg(test)]
mod tests;

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::command::{Changed, Changes, Object, Reason, Refusal};
use super::edit::Draft;
use super::settings::Kind;
use crate::directory::{DirectoryProvider, Fault};
use crate::engine::Disk;
use crate::engine::config::NodeConfig;
use crate::engine::provider::TomlFolder;

/// The directory's folder, and what this node is.
#[derive(Clone)]
pub struct Organisation {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    node: ThisNode,
}

/// What a command about servers needs to know of this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThisNode {
    /// As the directory names this server.
    pub name: String,
    pub max_calls_allowed: u32,
    pub um_service_port: u16,
    pub call_router_port: u16,
    /// Of workers.
    pub worker_ports: [u16; 2],
    pub rtp_ports: RangeInclusive<u16>,
}

impl ThisNode {
    /// `host`: the machine's name, for a configuration that gives none.
    pub fn of(config: &NodeConfig, host: String) -> ThisNode {
        ThisNode {
            name: config.name.as_ref().map_or(host, ToString::to_string),
            max_calls_allowed: config.max_calls_allowed,
            um_service_port: config.sip.um_service_port,
            call_router_port: config.sip.call_router_port,
            worker_ports: [config.sip.um_worker_port, config.sip.um_worker_replacement_port],
            rtp_ports: config.rtp.ports.clone(),
        }
    }

    /// True for this node's name, and for `localhost`.
    pub fn is_named(&self, server: &str) -> bool {
        ["localhost", "."].contains(&server) || server.eq_ignore_ascii_case(&self.name)
    }
}

impl Organisation {
    pub fn new(disk: Arc<dyn Disk>, folder: PathBuf, node: ThisNode) -> Organisation {
        Organisation { disk, folder, node }
    }

    pub fn node(&self) -> &ThisNode {
        &self.node
    }

    /// Objects of a kind; all of them, in the order of the files, without an identity.
    ///
    /// # Errors
    /// There is none of that identity; files that cannot be read.
    pub fn get(&self, kind: Kind, identity: Option<&str>) -> Result<Vec<Object>, Refusal> {
        let draft = self.draft()?;
        match identity {
            None => Ok(reading::objects(&draft, kind, &self.node)),
            Some(identity) => reading::object(&draft, kind, identity, &self.node).map(|object| vec![object]),
        }
    }

    /// Takes all steps and writes the files, or refuses and leaves everything as it is.
    ///
    /// # Errors
    /// What is wrong with a step, with its values, or with the directory as it would be.
    pub fn change(&self, changes: &Changes) -> Result<Changed, Refusal> {
        let failed = |error: std::io::Error| {
            Refusal::new(Reason::Failed, format!("{} cannot be locked: {error}", self.folder.display()))
        };
        // two commands at once: the second reads what the first has written
        let _lock = self.disk.lock(&self.folder).map_err(failed)?;
        let mut draft = self.draft()?;
        let done = changing::apply(&mut draft, &changes.steps, &self.node, &self.folder)?;
        let files = match changes.what_if {
            true => draft.changed().into_iter().map(|file| file.name).collect(),
            false => writing::write(&*self.disk, &draft)?,
        };
        let force = match files.is_empty() || changes.what_if {
            true => super::command::Force::Unchanged,
            false => super::command::Force::Later("no node is running here".to_owned()),
        };
        Ok(Changed { done, files, what_if: changes.what_if, force })
    }

    fn draft(&self) -> Result<Draft, Refusal> {
        let provider = TomlFolder::new(self.disk.clone(), self.folder.clone());
        let sources = provider.read().map_err(|error| unreadable(error.into_faults()))?;
        Draft::of(sources).map_err(unreadable)
    }
}

fn unreadable(faults: Vec<Fault>) -> Refusal {
    let message = faults.iter().map(Fault::to_string).collect::<Vec<_>>().join("\n");
    Refusal::new(Reason::Failed, message)
}

/// The name of a file of the directory, as faults and drafts have it.
fn shown_path(folder: &Path, file: &str) -> String {
    folder.join(file).display().to_string()
}

//! The processes of a node as one trait: UM workers are started, looked for and ended through it.
//! Knows: what a worker is told at its start. Must not: decide when one is needed.

use std::any::Any;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Environment;
use super::environment::BoxFuture;
use crate::link::WorkerId;

/// What a worker is told at its start; everything else comes over the link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerOrder {
    pub worker: WorkerId,
    /// The mark of the program it runs ([`Processes::program`]).
    pub build: String,
    /// Where it listens for SIP: one port, an entry an address; port 0: the system chooses.
    pub listeners: Vec<SocketAddr>,
    /// A stream connection that was idle for so long is closed.
    pub stream_idle: Duration,
    /// First and last UDP port of media.
    pub rtp_ports: (u16, u16),
    /// The node's data folder.
    pub data: PathBuf,
    /// A folder whose files replace system prompts of the same name.
    pub prompts: Option<PathBuf>,
    /// `error` to `trace`.
    pub log_level: String,
    pub log_json: bool,
}

/// A process that was started.
pub struct StartedWorker {
    pub pid: u32,
    /// Resolves when it has ended, with how.
    pub ended: BoxFuture<String>,
}

pub trait Processes: Send + Sync + 'static {
    /// Starts a UM worker. `environment` is what one inside this process works with.
    fn start(&self, order: WorkerOrder, environment: Arc<dyn Environment>) -> io::Result<StartedWorker>;

    /// Ends a process at once.
    fn kill(&self, pid: u32);

    /// Takes a worker's name for this process; it is known to live for as long as the value does, or the process.
    fn claim(&self, data: &Path, worker: &WorkerId) -> io::Result<Box<dyn Any + Send>>;

    /// Whether the worker's process lives, whoever started it. Forgets what a dead one left of its name.
    fn lives(&self, data: &Path, worker: &WorkerId) -> bool;

    /// Every worker with this data folder that lives.
    fn living(&self, data: &Path) -> Vec<WorkerId>;

    /// Resident memory of a process, octets; 0 when it is not known.
    fn memory(&self, pid: u32) -> u64;

    /// A mark of the program file as it is now: another one after every change of it. Empty: cannot be seen.
    fn program(&self) -> String;
}

/// Where workers and node meet.
pub fn link_path(data: &Path) -> PathBuf {
    data.join("workers.sock")
}

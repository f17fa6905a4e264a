//! What `ringpost status` shows, as it travels over the control socket.
//! Knows: plain figures. Must not: ask anybody for them.

use serde::{Deserialize, Serialize};

use crate::actors::um_service::WorkerStatus;

/// A node at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeStatus {
    pub version: String,
    /// Seconds since the node started.
    pub uptime_s: u64,
    /// Where the node listens, as `udp 0.0.0.0:5060`.
    pub listeners: Vec<String>,
    pub load: Load,
    /// The processes that carry the calls.
    #[serde(default)]
    pub workers: Vec<WorkerStatus>,
    /// Messages that wait to be delivered.
    pub waiting: usize,
    /// Why calls are not taken though nothing is wrong: components out of service, a node that is about to end.
    #[serde(default)]
    pub out_of_service: Vec<String>,
    /// What an administrator must look at; empty when the node is healthy.
    pub problems: Vec<String>,
}

/// What calls hold at this moment; all of it is zero again when the last call has ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
    pub calls: usize,
    pub media_streams: usize,
    pub rtp_ports: usize,
    pub dialogs: usize,
    pub transactions: usize,
    pub connections: usize,
    pub recordings: usize,
}

impl Load {
    /// True when no call, stream, port, dialog, transaction or recording is left. Idle connections may stay.
    pub fn is_idle(&self) -> bool {
        Load { connections: 0, ..*self } == Load::default()
    }
}

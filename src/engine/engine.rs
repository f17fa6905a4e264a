//! A node as a value: every actor of it, started and stopped together.
//! Knows: which actors there are and what they need of each other. Must not: do their work.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;

use super::Environment;
use super::config::NodeConfig;
use crate::actors::delivery::Delivery;
use crate::actors::media_clock::{CountStreams, MediaClock};
use crate::actors::rtp_ports::RtpPorts;
use crate::actors::sip_endpoint::{GetLoad, SipEndpoint, TakeCalls};
use crate::actors::spool_writer::{SpoolState, SpoolWriter};
use crate::actors::transport::{DatagramListener, StreamAcceptor};
use crate::actors::um_worker::{CountCalls, Drain, DropCalls, Equipment, Settings, UmWorker, UseDirectory};
use crate::admin::status::{Load, NodeStatus};
use crate::directory::Directory;
use crate::mailbox::spool::SpoolError;
use crate::mailbox::{MailboxStore, Spool};
use crate::prompts::Prompts;
use crate::protocol::sip::endpoint::Endpoint;
use crate::protocol::sip::Transport;

/// Where the actors run. One Arbiter for all of it keeps a virtual world in step.
#[derive(Clone)]
pub struct Placement {
    pub signalling: ArbiterHandle,
    pub media: ArbiterHandle,
    /// Blocks: nothing that carries calls may run here, unless its disk is in memory.
    pub disk: ArbiterHandle,
}

impl Placement {
    /// Everything on the Arbiter this is called on.
    pub fn here() -> Placement {
        let here = Arbiter::current();
        Placement { signalling: here.clone(), media: here.clone(), disk: here }
    }

    /// Signalling on the Arbiter this is called on; media and disk each on a thread of their own.
    pub fn threads() -> Placement {
        Placement { signalling: Arbiter::current(), media: Arbiter::new().handle(), disk: Arbiter::new().handle() }
    }
}

/// What a node is made of, read and validated.
pub struct Parts {
    pub config: NodeConfig,
    pub directory: Directory,
    pub prompts: Prompts,
    pub spool: Spool,
    pub store: Arc<dyn MailboxStore>,
}

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("cannot listen on {transport} {address}: {error}")]
    Listen { transport: &'static str, address: SocketAddr, error: io::Error },
    #[error(transparent)]
    Spool(#[from] SpoolError),
}

/// A running node.
pub struct Engine {
    started: Instant,
    environment: Arc<dyn Environment>,
    listeners: Vec<String>,
    endpoint: Addr<SipEndpoint>,
    worker: Addr<UmWorker>,
    clock: Addr<MediaClock>,
    ports: RtpPorts,
    spool: Spool,
    spool_state: SpoolState,
}

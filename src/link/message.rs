//! The messages of the link.
//! Knows: plain values. Must not: know sockets or actors.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::mailbox::EntryId;
use crate::records::test_call::{TestOrder, TestOutcome};
use crate::records::trace::TraceOrder;
use crate::records::{ActiveCall, CallDataRecord};

/// A worker process, for as long as it lives; also the owner of what it records.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct WorkerId(pub String);

/// From the node down.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum ToWorker {
    /// Answers [`ToNode::Hello`].
    Welcome(Welcome),
    /// The organisation from now on: the next call is understood by it, running calls keep theirs.
    Configuration(Snapshot),
    /// How many calls the node may have, and how many other workers have: what MaxCallsAllowed leaves.
    Limit { max_calls: u32, elsewhere: u32 },
    /// Take no new calls; end with the last one.
    Drain,
    /// Take no new calls for now, but stay; `None`: take them again. The sentence is what callers' gateways are told.
    Refuse(Option<String>),
    /// End these calls now; what was recorded is kept.
    DropCalls(CallSelector),
    /// End all calls and the process.
    Stop,
    /// Report the SIP of calls as it comes and goes, or cease to.
    Trace(TraceOrder),
    /// The record or message was taken over: it need not be told again.
    Taken { sequence: u64 },
    /// Answer calls for these users as test calls; each is the token of one.
    ExpectTests(Vec<String>),
    /// Place a test call, and tell what came of it.
    Test(Box<TestOrder>),
    /// Send a beat now; it carries this number.
    Report { number: u64 },
}

/// From a worker up.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum ToNode {
    /// Who is there, first of all on every connection.
    Hello {
        worker: WorkerId,
        pid: u32,
        version: String,
        build: String,
        port: u16,
        generation: u64,
        draining: bool,
        /// How long the process has lived.
        age: Duration,
    },
    /// Every listener is up: calls may be sent. Told again after each greeting.
    Ready {
        port: u16,
        /// As `udp 0.0.0.0:5065`.
        listeners: Vec<String>,
    },
    /// The process ends without having begun.
    CannotStart {
        reason: String,
    },
    Beat(Beat),
    CallStarted(Box<ActiveCall>),
    CallAnswered {
        call_identity: String,
    },
    /// Told until [`ToWorker::Taken`] names its number.
    CallEnded {
        sequence: u64,
        record: Box<CallDataRecord>,
    },
    /// A message is in `ready/`.
    MessageReady {
        id: EntryId,
        mailbox: String,
    },
    /// There may be more in `ready/` than was told one by one.
    MessagesReady,
    /// A SIP message of a traced call.
    Traced {
        call_identity: String,
        at: jiff::Timestamp,
        sent: bool,
        local: std::net::SocketAddr,
        peer: std::net::SocketAddr,
        /// It came over a stream: TCP.
        stream: bool,
        bytes: Vec<u8>,
    },
    /// What came of the test call of this token.
    Tested {
        token: String,
        outcome: Box<TestOutcome>,
    },
    /// The last call of a draining worker has ended.
    Drained,
}

/// What a worker needs to begin.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Welcome {
    pub settings: Settings,
    pub configuration: Snapshot,
    pub max_calls: u32,
    pub elsewhere: u32,
    pub refuse: Option<String>,
}

/// What the node's configuration says about calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Name of this server, in Server headers.
    pub server: String,
    /// Host name of this node, in Message-IDs and records.
    pub node: String,
    /// What peers of its IP version are told to send to.
    pub advertised: Option<IpAddr>,
    pub media_timeout: Duration,
    pub session_expires: Duration,
    pub min_se: Duration,
}

/// One generation of the organisation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Snapshot {
    pub generation: u64,
    /// The text of the directory, file by file.
    pub sources: Vec<(String, String)>,
    /// Addresses of the host names in it.
    pub located: Vec<(String, Vec<IpAddr>)>,
}

/// How a worker is, every second.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beat {
    /// The number of the [`ToWorker::Report`] that asked for it; 0: nobody asked.
    #[serde(default)]
    pub answers: u64,
    /// Calls that hold anything.
    pub calls: u32,
    /// Calls whose caller is still there: what MaxCallsAllowed counts.
    pub talking: u32,
    pub media_streams: u32,
    pub rtp_ports: u32,
    pub dialogs: u32,
    pub transactions: u32,
    pub connections: u32,
    pub recordings: u32,
    /// Resident memory, octets.
    pub rss: u64,
    pub generation: u64,
    /// False: the disk is too full to take messages.
    pub has_room: bool,
    /// It takes no new calls and ends with its last one.
    pub draining: bool,
    /// What of it does not work any more.
    pub problems: Vec<String>,
    /// Calls it has refused since it began, by SIP status.
    #[serde(default)]
    pub refused: BTreeMap<u16, u64>,
    /// Of them, those of gateways that were too many to be put on record.
    #[serde(default)]
    pub refused_not_recorded: u64,
}

/// Which calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CallSelector {
    All,
    /// By name of the gateway.
    IpGateway(String),
    /// By SIP Call-ID.
    Call(String),
}

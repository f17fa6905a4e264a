//! What a worker's calls tell whoever keeps account of them: who calls, who was answered, what each call was.
//! Knows: active calls, call data records, traced messages. Must not: know who listens, or where it is kept.

use actix::prelude::*;

use crate::link::{ToNode, ToWorker, WorkerId};
use crate::records::test_call::TestOutcome;
use crate::records::trace::{TraceOrder, TracedMessage};
use crate::records::{ActiveCall, CallDataRecord};

/// Something happened to a call of this worker.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub enum CallHappened {
    Started(Box<ActiveCall>),
    /// The caller has acknowledged the answer.
    Answered {
        call_identity: String,
    },
    /// The last of a call; also of one that was refused and never started.
    Ended(Box<CallDataRecord>),
    /// One was refused, with this SIP status.
    Refused {
        status: u16,
        /// There were too many of them to put this one on record.
        not_recorded: bool,
    },
    /// A SIP message of a call that is traced.
    Traced(TracedMessage),
    /// What came of the test call of this token.
    Tested {
        token: String,
        outcome: Box<TestOutcome>,
    },
}

/// What a worker reports to its node.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct CallEvent {
    pub worker: WorkerId,
    pub event: ToNode,
}

/// A worker process is no more: what calls it had are over.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct WorkerGone {
    pub worker: WorkerId,
    /// As records tell it, such as "the UM worker died".
    pub reason: String,
}

/// What a worker is to be told.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct Tell {
    pub worker: WorkerId,
    pub message: ToWorker,
}

/// Trace calls, or cease to: to whoever keeps traces, and on to every worker.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct Trace(pub TraceOrder);

impl CallHappened {
    /// As the link tells it. `sequence`: the number of a record, by which it is told until it is taken.
    /// `None`: it is not told by itself; beats say it.
    pub fn into_link(self, sequence: u64) -> Option<ToNode> {
        Some(match self {
            CallHappened::Started(call) => ToNode::CallStarted(call),
            CallHappened::Answered { call_identity } => ToNode::CallAnswered { call_identity },
            CallHappened::Ended(record) => ToNode::CallEnded { sequence, record },
            CallHappened::Refused { .. } => return None,
            CallHappened::Tested { token, outcome } => ToNode::Tested { token, outcome },
            CallHappened::Traced(message) => {
                let TracedMessage { call_identity, at, sent, local, peer, stream, bytes } = message;
                ToNode::Traced { call_identity, at, sent, local, peer, stream, bytes }
            }
        })
    }
}

//! What a node and its UM workers tell each other, and how it is framed: one length, one JSON value, over any stream.
//! Knows: the messages. Must not: know what lies between the two ends (a Unix socket, a stream in memory), or act.
//!
//! Each end speaks first with its greeting. A worker that loses the node goes on with its calls, keeps what it has to
//! say, and connects again; a node that loses a worker finishes what that worker recorded.

mod frame;
mod message;
pub mod supervision;

pub use frame::{LinkError, Reader, Writer, split};
pub use message::{Beat, CallSelector, Settings, Snapshot, ToNode, ToWorker, Welcome, WorkerId};

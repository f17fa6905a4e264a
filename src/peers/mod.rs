//! Gateways and other servers as peers of this node: which of them are asked whether they live, how, and what their
//! answers say.
//! Knows: the directory, the OPTIONS request, instants. Must not: know sockets, actors, what calls go through a peer.

mod health;
mod options;
mod watched;

pub use health::{ANSWERS_WITHIN, Command, Event, Health, Question, Target, Verdict};
pub use options::{Asker, options};
pub use watched::{Peer, PeerName, address_conflicts, watched};

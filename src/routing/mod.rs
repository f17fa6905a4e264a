//! Where a call goes: the call router (5060) and the UM service's redirect (5062), as pure functions of one message.
//! Knows: SIP messages, the directory, which servers are in service. Must not: keep anything of a call between two
//! messages, touch sockets or clocks.
//!
//! [`View`] is what is known when a message arrives; [`answer`] says what goes out for it (RFC 3261 8.2.7, a stateless
//! UAS). Router, service and worker understand an INVITE by the same [`understand()`], so that they decide alike.

mod account;
mod answer;
mod contact;
mod decision;
mod fast;
mod listening;
mod proxy;
mod understand;
mod view;

pub use account::{Account, account};
pub use answer::{Answer, Refused, answer, undelivered};
pub use decision::{Decision, Target};
pub use listening::{redirecting_addresses, worker_addresses};
pub use proxy::{Onward, is_server, peer_of};
pub use understand::{Here, understand};
pub use view::{Home, OwnCall, Place, Server, View};

/// Which part of the node a message came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// 5060: on to the UM service of the server that has the mailbox.
    Router,
    /// 5062: on to the worker that takes new calls.
    Service,
}

#[cfg(test)]
mod tests;

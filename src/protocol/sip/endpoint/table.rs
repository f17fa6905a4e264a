//! The order in which transactions move by themselves, and who uses which flow.
//! Knows: names of transactions, instants, flows. Must not: know what a transaction does.

use super::super::transaction::Timer;
use super::super::{ConnectionId, Flow, Transport};
use crate::protocol::timers::Timers;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Instant;

/// A transaction, whichever side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Id {
    Server(u64),
    Client(u64),
}

/// The timers of one transaction, and where [`Deadlines`] has it.
#[derive(Debug, Default)]
pub(super) struct Alarm {
    pub timers: Timers<Timer>,
    listed: Option<Instant>,
}

/// Each transaction once, under its earliest timer.
#[derive(Debug, Default)]
pub(super) struct Deadlines(BTreeSet<(Instant, Id)>);

impl Deadlines {
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn next(&self) -> Option<Instant> {
        self.0.first().map(|(at, _)| *at)
    }

    /// A transaction that has a timer due. It stays off the list until [`Deadlines::list`] is called for it.
    pub fn pop_due(&mut self, now: Instant) -> Option<Id> {
        if self.next()? > now {
            return None;
        }
        self.0.pop_first().map(|(_, id)| id)
    }

    /// Puts the transaction where its earliest timer is now.
    pub fn list(&mut self, id: Id, alarm: &mut Alarm) {
        self.strike(id, alarm);
        alarm.listed = alarm.timers.next();
        self.0.extend(alarm.listed.map(|at| (at, id)));
    }

    pub fn strike(&mut self, id: Id, alarm: &mut Alarm) {
        if let Some(at) = alarm.listed.take() {
            self.0.remove(&(at, id));
        }
    }
}

/// Which transactions depend on which flow.
#[derive(Debug, Default)]
pub(super) struct Flows(BTreeSet<(FlowName, Id)>);

/// A connection by its number, anything else by its addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum FlowName {
    Connection(ConnectionId),
    Addresses(Transport, SocketAddr, SocketAddr),
}

impl Flows {
    pub fn join(&mut self, flow: &Flow, id: Id) {
        self.0.insert((FlowName::of(flow), id));
    }

    pub fn leave(&mut self, flow: &Flow, id: Id) {
        self.0.remove(&(FlowName::of(flow), id));
    }

    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn using(&self, flow: &Flow) -> Vec<Id> {
        let name = FlowName::of(flow);
        let range = (name, Id::Server(u64::MIN))..=(name, Id::Client(u64::MAX));
        self.0.range(range).map(|(_, id)| *id).collect()
    }
}

impl FlowName {
    fn of(flow: &Flow) -> FlowName {
        match flow.connection {
            Some(connection) => FlowName::Connection(connection),
            None => FlowName::Addresses(flow.transport, flow.local, flow.remote),
        }
    }
}

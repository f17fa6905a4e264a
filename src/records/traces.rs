//! The SIP of traced calls as a node keeps it: in memory, the newest calls, so much of each.
//! Knows: traced messages, orders. Must not: know how a message is come by, or grow.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::trace::{NextCalls, TraceOrder, TracedMessage};

/// So many calls are kept, the newest, and so much of each.
pub const CALLS: usize = 50;
pub const MESSAGES: usize = 400;
pub const OCTETS: usize = 1 << 20;
/// Of all calls together; the oldest go first.
const OCTETS_IN_ALL: usize = 16 << 20;
/// So many Call-IDs are remembered that are no new calls.
const KNOWN: usize = 1000;

/// What is kept of one call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TracedCall {
    pub call_identity: String,
    pub first: Timestamp,
    pub last: Timestamp,
    pub messages: usize,
    pub octets: usize,
    /// There was more than is kept.
    pub cut: bool,
}

/// The traces of a node.
#[derive(Debug, Default)]
pub struct Traces {
    kept: Vec<Trace>,
    /// New calls that are still waited for.
    next: Option<NextCalls>,
    /// Calls that are no new ones any more.
    known: BTreeSet<String>,
}

#[derive(Debug)]
struct Trace {
    call: TracedCall,
    messages: Vec<TracedMessage>,
}

impl Traces {
    /// An order is given to whoever watches.
    pub fn ordered(&mut self, order: &TraceOrder) {
        match order {
            TraceOrder::Call { call_identity, .. } | TraceOrder::Follow { call_identity } => self.know(call_identity),
            TraceOrder::Next(next) => self.next = Some(next.clone()),
            TraceOrder::NoMore | TraceOrder::Nothing => self.next = None,
        }
    }

    /// Keeps a message. Of a new call everybody else is to be told, and when it is the last of those that were asked
    /// for, that there are no more.
    pub fn take(&mut self, message: TracedMessage) -> Vec<TraceOrder> {
        let mut orders = Vec::new();
        if !self.known.contains(&message.call_identity) {
            self.know(&message.call_identity);
            orders.push(TraceOrder::Follow { call_identity: message.call_identity.clone() });
            if let Some(next) = &mut self.next {
                next.calls = next.calls.saturating_sub(1);
            }
            if self.next.take_if(|next| next.calls == 0).is_some() {
                orders.push(TraceOrder::NoMore);
            }
        }
        self.keep(message);
        orders
    }

    /// What is kept, the oldest call first.
    pub fn calls(&self) -> Vec<TracedCall> {
        self.kept.iter().map(|trace| trace.call.clone()).collect()
    }

    /// The messages of a call; `None` for its name: of the newest.
    pub fn of(&self, call_identity: Option<&str>) -> Option<&[TracedMessage]> {
        let wanted = |trace: &&Trace| call_identity.is_none_or(|wanted| trace.call.call_identity == wanted);
        self.kept.iter().rev().find(wanted).map(|trace| &*trace.messages)
    }

    fn know(&mut self, call_identity: &str) {
        if self.known.len() >= KNOWN {
            self.known.clear();
        }
        self.known.insert(call_identity.to_owned());
    }

    fn keep(&mut self, message: TracedMessage) {
        if !self.kept.iter().any(|trace| trace.call.call_identity == message.call_identity) {
            if self.kept.len() >= CALLS {
                self.kept.remove(0);
            }
            let call = TracedCall {
                call_identity: message.call_identity.clone(),
                first: message.at,
                last: message.at,
                messages: 0,
                octets: 0,
                cut: false,
            };
            self.kept.push(Trace { call, messages: Vec::new() });
        }
        let of_call = |trace: &&mut Trace| trace.call.call_identity == message.call_identity;
        let Some(trace) = self.kept.iter_mut().find(of_call) else { return };
        let octets = trace.call.octets + message.bytes.len();
        if trace.messages.len() >= MESSAGES || octets > OCTETS {
            trace.call.cut = true;
            return;
        }
        trace.call.octets = octets;
        trace.call.messages += 1;
        trace.call.last = message.at;
        // two processes may tell of one call: the call router, and the worker it was sent to
        let place = trace.messages.partition_point(|earlier| earlier.at <= message.at);
        trace.messages.insert(place, message);
        while self.kept.len() > 1 && self.kept.iter().map(|trace| trace.call.octets).sum::<usize>() > OCTETS_IN_ALL {
            self.kept.remove(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(call: &str, second: i64, octets: usize) -> TracedMessage {
        TracedMessage {
            call_identity: call.to_owned(),
            at: Timestamp::from_second(second).unwrap(),
            sent: false,
            local: "192.0.2.1:5065".parse().unwrap(),
            peer: "192.0.2.9:5060".parse().unwrap(),
            stream: false,
            bytes: vec![b'x'; octets],
        }
    }

    #[test]
    fn a_call_is_told_in_the_order_of_time_by_its_name_or_as_the_newest() {
        let mut traces = Traces::default();
        for (call, second) in [("a", 1), ("b", 2), ("a", 5), ("a", 3)] {
            traces.take(message(call, second, 10));
        }
        let seconds = |call| traces.of(call).unwrap().iter().map(|message| message.at.as_second()).collect::<Vec<_>>();
        assert_eq!((seconds(Some("a")), seconds(None)), (vec![1, 3, 5], vec![2]));
        assert_eq!(traces.of(Some("c")), None);
        let [a, _] = &traces.calls()[..] else { panic!("two calls") };
        assert_eq!((a.messages, a.octets, a.cut), (3, 30, false));
    }

    #[test]
    fn what_is_kept_is_bounded_by_messages_octets_and_calls() {
        let mut traces = Traces::default();
        for second in 0..MESSAGES + 10 {
            traces.take(message("long", second as i64, 1));
        }
        for second in 0..5 {
            traces.take(message("large", second, OCTETS / 2 - 1));
        }
        let calls = traces.calls();
        assert_eq!((calls[0].messages, calls[0].cut), (MESSAGES, true));
        assert_eq!((calls[1].messages, calls[1].cut), (2, true));
        for call in 0..200 {
            traces.take(message(&call.to_string(), 1, OCTETS / 2));
        }
        let calls = traces.calls();
        assert_eq!(calls.len(), 2 * OCTETS_IN_ALL / OCTETS);
        assert_eq!(calls.last().unwrap().call_identity, "199");
        for call in 0..200 {
            traces.take(message(&format!("small {call}"), 1, 1));
        }
        assert_eq!(traces.calls().len(), CALLS);
    }

    #[test]
    fn of_a_new_call_everybody_is_told_and_with_the_last_that_was_asked_for_that_it_was() {
        let mut traces = Traces::default();
        traces.ordered(&TraceOrder::Call { call_identity: "named".to_owned(), on: true });
        traces.ordered(&TraceOrder::Next(NextCalls { calls: 2, from: Vec::new(), number: None }));
        let mut told = |call| traces.take(message(call, 1, 1));
        let follow = |call: &str| TraceOrder::Follow { call_identity: call.to_owned() };
        assert_eq!(told("named"), []);
        assert_eq!(told("a"), [follow("a")]);
        assert_eq!(told("a"), []);
        assert_eq!(told("b"), [follow("b"), TraceOrder::NoMore]);
        assert_eq!(told("b"), []);
    }
}

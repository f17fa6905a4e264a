//! What a message that comes means to a call: expected, seen before, or the end of it.
//! Knows: the order in which sipp looks. Must not: send anything but what was sent before.

use std::hash::{BuildHasher, Hasher};
use std::time::Instant;

use super::super::message;
use super::super::outcome::Failure;
use super::super::scenario::{Expected, Optional, Receiving, What};
use super::{Call, Command, Goes, Shared, T2};
use crate::protocol::sip::Transport;

/// What is looked at in a message that came.
struct Came<'m> {
    text: &'m str,
    /// 0: a request.
    status: u16,
    /// Of a request.
    method: &'m str,
    /// The method a response answers.
    answers: &'m str,
    branch: &'m str,
    hash: u64,
}

impl Call {
    pub(super) fn take(&mut self, now: Instant, text: &str, shared: &mut Shared, out: &mut Vec<Command>) -> Goes {
        let status = message::status(text).unwrap_or(0);
        let came = Came {
            text,
            status,
            method: if status == 0 { message::method(text) } else { "" },
            answers: if status == 0 { "" } else { message::cseq_method(text) },
            branch: message::branch(text).unwrap_or_default(),
            hash: hash(text),
        };
        if self.setup.transport == Transport::Udp && self.setup.retransmits && self.is_copy(now, &came, shared, out) {
            return Goes::Waiting;
        }
        // a scenario may begin with steps that send nothing, also when the peer calls
        if self.at == 0 && matches!(self.scenario.steps.first().map(|step| &step.what), Some(What::Nop)) {
            self.run(now, shared, out);
        }
        if came.status == 0 && came.method == "ACK" {
            self.established = true;
        }
        let tag = message::tag(text, if status == 0 { "From" } else { "To" });
        if let Some(tag) = tag {
            self.peer_tag = Some(tag.to_owned());
        }
        match self.find(&came) {
            Found::Step(step) => self.accept(now, step, &came, shared, out),
            Found::Old { ack } => {
                if let Some(ack) = ack {
                    self.send_again(now, ack, shared, out);
                }
                Goes::Waiting
            }
            Found::Nowhere => {
                self.last_received = text.to_owned();
                match came.method {
                    "PING" => {
                        self.answer_ok(out);
                        return Goes::Waiting;
                    }
                    "BYE" | "CANCEL" => {
                        self.answer_ok(out);
                        self.fail(now, Failure::UnexpectedEnd(came.method.to_owned()), out);
                    }
                    _ => {
                        let came = message::first_line(text).to_owned();
                        self.give_up(now, Failure::Unexpected { expected: self.expectation(), came }, out);
                    }
                }
                Goes::Waiting
            }
        }
    }

    /// A copy of what was answered is answered again; one of what was taken last is nothing new.
    fn is_copy(&mut self, now: Instant, came: &Came, shared: &mut Shared, out: &mut Vec<Command>) -> bool {
        if let Some(answered) = self.answered.filter(|answered| answered.received == came.hash) {
            self.send_again(now, answered.by, shared, out);
            return true;
        }
        self.last_taken.is_some_and(|(_, hash)| hash == came.hash)
    }

    fn send_again(&mut self, now: Instant, step: usize, shared: &mut Shared, out: &mut Vec<Command>) {
        let scenario = self.scenario.clone();
        let Some(What::Send(sending)) = scenario.steps.get(step).map(|step| &step.what) else { return };
        match self.message(now, &sending.message, step, shared) {
            Ok(text) => out.push(Command::Send(text, self.destination)),
            Err(text) => out.push(Command::Note { warning: true, text }),
        }
    }

    /// Which step the message is for.
    fn find(&self, came: &Came) -> Found {
        let steps = self.scenario.steps.len();
        for step in self.at..steps {
            if self.matches(step, came) {
                return Found::Step(step);
            }
            if self.optional(step) == Optional::No {
                break;
            }
        }
        // what may still come of before
        let mut contiguous = true;
        for step in (0..self.at.min(steps)).rev() {
            contiguous &= self.optional(step) != Optional::No;
            if !self.matches(step, came) {
                continue;
            }
            if contiguous || self.optional(step) == Optional::Global {
                return Found::Step(step);
            }
            if let Some(old) = self.old(step, came) {
                return old;
            }
        }
        Found::Nowhere
    }

    /// A response to a transaction that is over: acknowledged again, or nothing to do.
    fn old(&self, step: usize, came: &Came) -> Option<Found> {
        let Some(What::Receive(receiving)) = self.scenario.steps.get(step).map(|step| &step.what) else { return None };
        let Expected::Response { transaction, .. } = &receiving.expected else { return None };
        if let Some(transaction) = transaction.as_ref().and_then(|name| self.transactions.get(name)) {
            if transaction.branch != came.branch {
                return None;
            }
            if (100..200).contains(&came.status) {
                return Some(Found::Old { ack: None });
            }
            return match transaction.ack {
                Some(ack) => Some(Found::Old { ack: Some(ack) }),
                None => (transaction.response == Some(came.hash)).then_some(Found::Old { ack: None }),
            };
        }
        let ack = step + 1;
        let is_acknowledged = match self.scenario.steps.get(ack).map(|step| &step.what) {
            Some(What::Send(sending)) => sending.is_ack(),
            _ => false,
        };
        (came.status != 0 && came.answers == "INVITE" && is_acknowledged).then_some(Found::Old { ack: Some(ack) })
    }

    fn matches(&self, step: usize, came: &Came) -> bool {
        let Some(What::Receive(receiving)) = self.scenario.steps.get(step).map(|step| &step.what) else { return false };
        match &receiving.expected {
            Expected::Request(method) => came.status == 0 && came.method == method,
            Expected::RequestLike(pattern) => came.status == 0 && pattern.is_match(came.method),
            Expected::Response { code, methods, transaction } => {
                let same = || match transaction {
                    Some(name) => self.transactions.get(name).is_some_and(|known| known.branch == came.branch),
                    None => step == 0 || (!came.answers.is_empty() && methods.contains(came.answers)),
                };
                *code == came.status && same()
            }
        }
    }

    fn accept(&mut self, now: Instant, step: usize, came: &Came, shared: &mut Shared, out: &mut Vec<Command>) -> Goes {
        let scenario = self.scenario.clone();
        let Some(taking) = scenario.steps.get(step) else { return Goes::Waiting };
        let What::Receive(receiving) = &taking.what else { return Goes::Waiting };
        if self.is_lost(receiving.lost) {
            return Goes::Waiting;
        }
        if let Expected::Response { transaction: Some(name), .. } = &receiving.expected {
            self.transactions.entry(name.clone()).or_default().response = Some(came.hash);
        }
        self.measure(now, taking, out);
        if let Some(at) = message::audio_address(came.text) {
            out.push(Command::Media(super::MediaOrder::To(at)));
        }
        self.act_noting(now, taking, came.text, shared, out);
        if self.is_over {
            return Goes::Waiting;
        }
        if came.status == 0 {
            self.cseq = self.cseq.max(message::cseq_number(came.text).unwrap_or(0));
        }
        self.stop_copies(now, step, came);
        self.ack_is_pending |= came.status == 200;
        self.learn(receiving, came);
        if !receiving.advances {
            return Goes::Waiting;
        }
        self.last_taken = Some((step, came.hash));
        self.last_received = came.text.to_owned();
        // what is optional and was received is passed, too, unless its test says no
        let test = taking.branch.and_then(|branch| branch.test);
        if receiving.optional != Optional::No && test.is_some_and(|test| !self.get(test, shared).is_set()) {
            return Goes::On;
        }
        self.paused_until = None;
        self.at = step;
        self.next(shared);
        Goes::On
    }

    /// An answer ends the copies of what it answers; a provisional one of no INVITE makes them rare.
    fn stop_copies(&mut self, now: Instant, step: usize, came: &Came) {
        let ends = came.status != 0 || matches!(came.method, "ACK" | "CANCEL" | "BYE" | "PRACK");
        let is_later = self.last_sent.as_ref().is_none_or(|(sent, _)| step > *sent);
        if !ends || !is_later {
            return;
        }
        match came.status == 0 || came.status >= 200 || came.answers == "INVITE" {
            true => self.copies = None,
            false => {
                if let Some(copies) = &mut self.copies {
                    (copies.next, copies.delay) = (now + T2, T2);
                }
            }
        }
    }

    /// Keeps routes, remote target and challenge where the step says so.
    fn learn(&mut self, receiving: &Receiving, came: &Came) {
        if receiving.records_route && self.routes.is_none() {
            let recorded = message::header_lines(came.text, "Record-Route");
            let values = recorded.filter_map(|line| line.split_once(':')).flat_map(|(_, routes)| routes.split(','));
            let mut routes: Vec<&str> = values.map(str::trim).collect();
            if came.status != 0 {
                routes.reverse();
            }
            let contact = message::header(came.text, "Contact").map(message::address_of).unwrap_or_default();
            self.next_url = contact.to_owned();
            let first = routes.first().copied().unwrap_or_default();
            if !routes.is_empty() && !first.contains(";lr") {
                // a strict router (RFC 3261 16.12.1.1): it is asked, and the target comes last
                self.next_url = message::address_of(first).to_owned();
                routes.remove(0);
                self.routes = Some([&routes[..], &[&format!("<{contact}>")]].concat().join(", "));
            } else if !routes.is_empty() {
                self.routes = Some(routes.join(", "));
            }
        }
        if receiving.authenticates && matches!(came.status, 401 | 407) {
            let challenge = message::header(came.text, "Proxy-Authenticate");
            let challenge = challenge.or(message::header(came.text, "WWW-Authenticate"));
            self.challenge = challenge.map(|challenge| (came.status, challenge.to_owned()));
            self.nonces_used = 0;
        }
    }
}

enum Found {
    Step(usize),
    /// Of a transaction that is over.
    Old {
        ack: Option<usize>,
    },
    Nowhere,
}

fn hash(text: &str) -> u64 {
    let mut hasher = foldhash::fast::FixedState::default().build_hasher();
    hasher.write(text.as_bytes());
    hasher.finish()
}

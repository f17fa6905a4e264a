//! Actions: what a step does beside sending and receiving.
//! Knows: variables, and the message at hand. Must not: run commands, play sounds: it says what is to be.

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use super::super::digest;
use super::super::message;
use super::super::outcome::Failure;
use super::super::scenario::{Action, Condition, Extraction, Mismatch, Operand, Operation, Place, Step};
use super::super::value::{Value, Variable};
use super::{Call, Command, MediaOrder, Shared};
use crate::replay::scenario::TextOperand;

impl Call {
    /// Does the actions of a step, and keeps in mind that a check has failed: the call fails at its end.
    pub(super) fn act_noting(
        &mut self,
        now: Instant,
        step: &Step,
        message: &str,
        shared: &mut Shared,
        out: &mut Vec<Command>,
    ) {
        if let Some(mismatch) = self.act(now, step, message, shared, out) {
            self.mismatch = Some(mismatch);
        }
    }

    /// Does the actions of a step; the first check that fails ends them, as in sipp.
    pub(super) fn act(
        &mut self,
        now: Instant,
        step: &Step,
        message: &str,
        shared: &mut Shared,
        out: &mut Vec<Command>,
    ) -> Option<Mismatch> {
        for action in &step.actions {
            if let Some(mismatch) = self.act_once(now, action, message, shared, out) {
                return Some(mismatch);
            }
            if self.is_over {
                break;
            }
        }
        None
    }

    fn act_once(
        &mut self,
        now: Instant,
        action: &Action,
        message: &str,
        shared: &mut Shared,
        out: &mut Vec<Command>,
    ) -> Option<Mismatch> {
        match action {
            Action::Extract(extraction) => return self.extract(extraction, message, shared),
            Action::Log(text) => out.push(Command::Note { warning: false, text: self.text(now, text, shared) }),
            Action::Warn(text) => out.push(Command::Note { warning: true, text: self.text(now, text, shared) }),
            Action::AssignText { to, text } => {
                let text = self.text(now, text, shared);
                self.set_text(*to, text, shared);
            }
            Action::Calculate { to, operation, operand } => self.calculate(*to, *operation, *operand, shared, out),
            Action::Test { to, left, comparison, right, check } => {
                let holds = comparison.holds(self.get(*left, shared).number(), self.operand(*right, shared));
                if let Some(to) = to {
                    self.set(*to, Value::Truth(holds), shared);
                }
                return check.wants(holds, Mismatch::TestFails, Mismatch::TestHolds);
            }
            Action::CompareText { to, left, right, check } => {
                let right = match right {
                    TextOperand::Text(text) => text.as_str(),
                    TextOperand::Variable(variable) => self.get(*variable, shared).text(),
                };
                let order = self.get(*left, shared).text().cmp(right) as i8;
                if let Some(to) = to {
                    self.set(*to, Value::Number(f64::from(order)), shared);
                }
                return check.wants(order == 0, Mismatch::TextsDiffer, Mismatch::TextsAreEqual);
            }
            Action::ToNumber { to, from } => match self.get(*from, shared).to_number() {
                Some(number) => self.set(*to, Value::Number(number), shared),
                None => {
                    let text = format!("${} is no number", self.name(*from));
                    out.push(Command::Note { warning: true, text });
                }
            },
            Action::Trim(variable) => {
                let text = self.get(*variable, shared).text().trim().to_owned();
                self.set_text(*variable, text, shared);
            }
            Action::UrlEncode(variable) => {
                let text = url_encoded(self.get(*variable, shared).text());
                self.set_text(*variable, text, shared);
            }
            Action::UrlDecode(variable) => {
                let text = url_decoded(self.get(*variable, shared).text());
                self.set_text(*variable, text, shared);
            }
            Action::Sample { to, distribution } => {
                let number = distribution.draw(&mut self.random);
                self.set(*to, Value::Number(number), shared);
            }
            Action::TimeOfDay { seconds, microseconds } => {
                let wall = shared.wall.unwrap_or(jiff::Timestamp::UNIX_EPOCH);
                self.set(*seconds, Value::Number(wall.as_second() as f64), shared);
                self.set(*microseconds, Value::Number(f64::from(wall.subsec_microsecond())), shared);
            }
            Action::StepNumber(variable) => self.set(*variable, Value::Number(self.at as f64), shared),
            Action::SetDestination { host, port, transport } => {
                let [host, port, transport] = [host, port, transport].map(|text| self.text(now, text, shared));
                self.turn_to(now, &host, &port, &transport, out);
            }
            Action::VerifyAuthentication { to, username, password } => {
                let [username, password] = [username, password].map(|text| self.text(now, text, shared));
                let line = message::header(message, "Authorization");
                let (method, body) = (message::method(message), message::body(message).unwrap_or_default());
                let request = digest::Request { method, uri: "", body };
                let verified = line.is_some_and(|line| digest::verify(line, &username, &password, &request));
                self.set(*to, Value::Truth(verified), shared);
            }
            Action::Jump(operand) => {
                // the step after this one is next
                let to = self.operand(*operand, shared).max(0.0) as usize;
                self.at = to.wrapping_sub(1);
            }
            Action::Stream { file, loops, payload } => {
                let order = MediaOrder::Stream { file: file.clone(), loops: *loops, payload: *payload };
                out.push(Command::Media(order));
            }
            Action::PauseStream => out.push(Command::Media(MediaOrder::Pause)),
            Action::ResumeStream => out.push(Command::Media(MediaOrder::Resume)),
            Action::PlayPcap(file) => out.push(Command::Media(MediaOrder::Pcap(file.clone()))),
            Action::PlayDtmf(keys) => out.push(Command::Media(MediaOrder::Keys(self.text(now, keys, shared)))),
            Action::Echo(on) => out.push(Command::Media(MediaOrder::Echo(*on))),
            Action::Command(line) => out.push(Command::Run(self.text(now, line, shared))),
            Action::StopCall => self.fail(now, Failure::Stopped, out),
            Action::StopGracefully => out.push(Command::StartNoMoreCalls),
            Action::StopNow => out.push(Command::StopEverything),
        }
        None
    }

    fn name(&self, variable: Variable) -> &str {
        self.scenario.names.variables().get(variable.0).map_or("", String::as_str)
    }

    fn operand(&self, operand: Operand, shared: &Shared) -> f64 {
        match operand {
            Operand::Number(number) => number,
            Operand::Variable(variable) => self.get(variable, shared).number(),
        }
    }

    fn calculate(
        &mut self,
        to: Variable,
        operation: Operation,
        operand: Operand,
        shared: &mut Shared,
        out: &mut Vec<Command>,
    ) {
        let (value, operand) = (self.get(to, shared).number(), self.operand(operand, shared));
        let value = match operation {
            Operation::Assign => operand,
            Operation::Add => value + operand,
            Operation::Subtract => value - operand,
            Operation::Multiply => value * operand,
            Operation::Divide if operand == 0.0 => {
                let text = format!("${} cannot be divided by zero", self.name(to));
                return out.push(Command::Note { warning: true, text });
            }
            Operation::Divide => value / operand,
        };
        self.set(to, Value::Number(value), shared);
    }

    fn extract(&mut self, extraction: &Extraction, message: &str, shared: &mut Shared) -> Option<Mismatch> {
        let must_match = extraction.check == Condition::Holds;
        let looked_in = match &extraction.place {
            Place::Message => Some(message.to_owned()),
            Place::Body => message::body(message).map(str::to_owned),
            Place::Header { name, any_case, occurrence, at_line_start } => {
                let found = after_name(message, name, *any_case, *occurrence, *at_line_start);
                Some(found).filter(|found| !found.is_empty() || !must_match)
            }
            Place::Variable(variable) => match self.get(*variable, shared) {
                Value::Text(text) => Some(text.clone()),
                Value::Unset | Value::Number(_) | Value::Truth(_) => None,
            },
        };
        let Some(looked_in) = looked_in.or_else(|| (!must_match).then(String::new)) else {
            return Some(Mismatch::NoHeader);
        };
        let found = extraction.pattern.captures(&looked_in);
        let matches = found.is_some();
        if let Some(found) = found {
            for (at, variable) in extraction.to.iter().enumerate() {
                // a group that took no part leaves its variable unset
                let value = found.get(at).map_or(Value::Unset, |group| Value::Text(group.as_str().to_owned()));
                self.set(*variable, value, shared);
            }
        }
        extraction.check.wants(matches, Mismatch::NoMatch, Mismatch::UnwantedMatch)
    }

    fn turn_to(&mut self, now: Instant, host: &str, port: &str, transport: &str, out: &mut Vec<Command>) {
        let ip: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
        let number: Option<u16> = port.trim().parse().ok();
        let same = transport.eq_ignore_ascii_case(self.setup.transport.as_str());
        match (ip, number) {
            (Some(ip), Some(number)) if same => self.destination = SocketAddr::new(ip, number),
            (Some(_), Some(_)) => {
                self.fail(now, Failure::CannotSend(format!("setdest: {transport} is not what this replay uses")), out);
            }
            _ => self.fail(
                now,
                Failure::CannotSend(format!("setdest: {host}:{port} is no address and port; names are not looked up")),
                out,
            ),
        }
    }
}

impl Condition {
    fn wants(self, holds: bool, fails: Mismatch, succeeds: Mismatch) -> Option<Mismatch> {
        match (self, holds) {
            (Condition::Holds, false) => Some(fails),
            (Condition::HoldsNot, true) => Some(succeeds),
            _ => None,
        }
    }
}

/// What follows a header's name in its line. Names are looked for as they are written in the scenario, with the colon.
fn after_name(message: &str, name: &str, any_case: bool, occurrence: usize, at_line_start: bool) -> String {
    let (text, wanted) = match any_case {
        true => (message.to_ascii_lowercase(), name.to_ascii_lowercase()),
        false => (message.to_owned(), name.to_owned()),
    };
    let is_there = |at: usize| !at_line_start || at == 0 || text.as_bytes().get(at - 1) == Some(&b'\n');
    let mut places = text.match_indices(&wanted).map(|(at, _)| at).filter(|at| is_there(*at));
    let Some(at) = places.nth(occurrence.saturating_sub(1)) else { return String::new() };
    let after = message.get(at + name.len()..).unwrap_or_default();
    after.split(['\r', '\n']).next().unwrap_or_default().to_owned()
}

fn url_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for octet in text.bytes() {
        match octet {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => encoded.push(char::from(octet)),
            _ => _ = write!(encoded, "%{octet:02X}"),
        }
    }
    encoded
}

fn url_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(octet) = bytes.get(at) {
        let hex = text.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (octet, hex) {
            (b'%', Some(value)) => {
                decoded.push(value);
                at += 3;
            }
            _ => {
                decoded.push(*octet);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_a_name_is_taken_from_its_line() {
        let message = "INVITE x\r\nVia: one\r\nX-Via: two\r\nVia: three\r\n\r\n";
        assert_eq!(after_name(message, "Via:", false, 1, false), " one");
        assert_eq!(after_name(message, "Via:", false, 2, false), " two");
        assert_eq!(after_name(message, "Via:", false, 2, true), " three");
        assert_eq!(after_name(message, "via:", false, 1, false), "");
        assert_eq!(after_name(message, "via:", true, 1, false), " one");
    }

    #[test]
    fn urls_are_encoded_and_decoded() {
        assert_eq!(url_encoded("a b/é~"), "a%20b%2F%C3%A9~");
        assert_eq!(url_decoded("a%20b%2F%C3%A9~%4"), "a b/é~%4");
    }
}

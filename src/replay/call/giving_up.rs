//! How a call that has failed is left: cancelled, acknowledged, ended, as far as it came.
//! Knows: what a peer needs to forget the call. Must not: decide that a call has failed.

use std::time::Instant;

use super::super::message;
use super::super::outcome::Failure;
use super::super::scenario::Side;
use super::{Call, Command};

impl Call {
    /// Fails, and takes leave of the peer.
    pub(super) fn give_up(&mut self, now: Instant, failure: Failure, out: &mut Vec<Command>) {
        if self.scenario.side == Side::Caller && self.at > 0 {
            self.take_leave(out);
        }
        self.fail(now, failure, out);
    }

    fn take_leave(&self, out: &mut Vec<Command>) {
        let sent = self.last_sent.as_ref().map(|(_, text)| text.clone());
        let sent = sent.unwrap_or_default();
        let mut send = |text: Option<String>| {
            out.extend(text.map(|text| Command::Send(text.into(), self.destination)));
        };
        let status = message::status(&self.last_received);
        if self.established || message::method(&sent) != "INVITE" {
            if !self.last_received.is_empty() && self.ack_was_or_is_due() {
                send(self.request("BYE", &sent));
            }
            return;
        }
        match status {
            None => {}
            Some(300..) => send(self.within("ACK", &sent)),
            Some(200..300) => {
                send(self.request("ACK", &sent));
                send(self.request("BYE", &sent));
            }
            Some(_) => send(self.within("CANCEL", &sent)),
        }
    }

    fn ack_was_or_is_due(&self) -> bool {
        self.established || self.ack_is_pending
    }

    /// 200 to the request that came last.
    pub(super) fn answer_ok(&self, out: &mut Vec<Command>) {
        let mut text = String::from("SIP/2.0 200 OK\r\n");
        for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
            message::header_lines(&self.last_received, name).for_each(|line| {
                text.push_str(line);
                text.push_str("\r\n");
            });
        }
        text.push_str("Content-Length: 0\r\n\r\n");
        out.push(Command::Send(text.into(), self.destination));
    }

    /// A request of the transaction of `sent` (RFC 3261 9.1, 17.1.1.3).
    fn within(&self, method: &str, sent: &str) -> Option<String> {
        let uri = message::first_line(sent).split(' ').nth(1)?;
        let via = message::header_lines(sent, "Via").next()?;
        let from = message::header_lines(sent, "From").next()?;
        // an ACK has the To of the response
        let to_of = if method == "ACK" { &self.last_received } else { sent };
        let to = message::header_lines(to_of, "To").next()?;
        let cseq = message::cseq_number(sent)?;
        Some(self.written(method, uri, via, (from, to), cseq))
    }

    /// A request within the dialog.
    fn request(&self, method: &str, sent: &str) -> Option<String> {
        let contact = message::header(&self.last_received, "Contact").map(message::address_of);
        let target = contact.or(Some(self.next_url.as_str()).filter(|url| !url.is_empty()));
        let uri = target.or_else(|| message::first_line(sent).split(' ').nth(1))?;
        let (setup, next) = (&self.setup, self.scenario.steps.len() + usize::from(method == "BYE"));
        let (transport, branch) =
            (setup.transport.as_str(), format!("z9hG4bK-{}-{}-{next}", setup.process, self.number));
        let via = format!("Via: SIP/2.0/{transport} {};branch={branch}", setup.local);
        // who is whom: as in a response, turned around in a request of the peer's
        let is_response = message::status(&self.last_received).is_some();
        let line = |name| message::header_lines(&self.last_received, name).next();
        let (from, to) = (line("From")?, line("To")?);
        let value = |line: &str| line.split_once(':').map_or("", |(_, value)| value).trim().to_owned();
        let (from, to) = if is_response { (value(from), value(to)) } else { (value(to), value(from)) };
        let cseq = if method == "ACK" { message::cseq_number(&self.last_received)? } else { self.cseq + 1 };
        Some(self.written(method, uri, &via, (&format!("From: {from}"), &format!("To: {to}")), cseq))
    }

    fn written(&self, method: &str, uri: &str, via: &str, (from, to): (&str, &str), cseq: u32) -> String {
        let routes = self.routes.as_ref().map(|routes| format!("Route: {routes}\r\n")).unwrap_or_default();
        format!(
            "{method} {uri} SIP/2.0\r\n{via}\r\n{from}\r\n{to}\r\n{routes}Call-ID: {}\r\nCSeq: {cseq} {method}\r\n\
             Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
            self.id
        )
    }
}

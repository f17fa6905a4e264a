//! What one socket of router or UM service has answered: for the figures, for traces, and what was refused.
//! Knows: answers and the octets of them. Must not: look anything up for a call that is redirected; counters are taken
//! beforehand.

use std::net::SocketAddr;
use std::sync::Arc;

use super::RefusedCalls;
use crate::actors::wiretap::Wiretap;
use crate::metrics::{Answered, Counter, Metrics, RefusedBy, Transport};
use crate::protocol::sip::Flow;
use crate::routing::{Answer, Role, View};

/// Who wants to know what redirectors answer.
#[derive(Clone)]
pub struct Audience {
    pub metrics: Arc<Metrics>,
    pub tap: Wiretap,
    pub refused: RefusedCalls,
}

/// Takes note of what is answered at one socket.
#[derive(Clone)]
pub struct Counted {
    audience: Audience,
    by: RefusedBy,
    counters: Counters,
}

/// The counters of one part and one transport.
#[derive(Clone)]
struct Counters {
    redirected: Counter,
    refused: Counter,
    options_ok: Counter,
    options_out_of_service: Counter,
    other: Counter,
}

impl Counted {
    pub fn new(audience: &Audience, role: Role, transport: Transport) -> Counted {
        let by = match role {
            Role::Router => RefusedBy::CallRouter,
            Role::Service => RefusedBy::UmService,
        };
        Counted { audience: audience.clone(), by, counters: Counters::new(&audience.metrics, by, transport) }
    }

    /// Takes note of a message that came along `flow`, and of what it is answered with.
    pub fn note(&self, view: &View, bytes: &[u8], flow: Flow, answer: &Answer, octets: &[u8]) {
        self.counters.count(answer, octets);
        if self.audience.tap.is_on() {
            self.audience.tap.received(bytes, flow);
            let sent = |remote: SocketAddr| self.audience.tap.sent(octets, Flow { remote, ..flow });
            match answer {
                Answer::Nothing => {}
                Answer::Respond(remote) | Answer::Refuse(remote, _) => sent(*remote),
                Answer::Forward(onward) => {
                    sent(onward.along.unwrap_or(onward.to));
                    onward.also.iter().copied().for_each(sent);
                }
            }
        }
        if let Answer::Refuse(_, refused) = answer {
            self.audience.refused.refused(self.by, view, bytes, flow, refused);
        }
    }
}

impl Counters {
    fn new(metrics: &Metrics, by: RefusedBy, transport: Transport) -> Counters {
        let of = |answer| metrics.answers(by, transport, answer);
        Counters {
            redirected: of(Answered::Redirected),
            refused: of(Answered::Refused),
            options_ok: of(Answered::OptionsOk),
            options_out_of_service: of(Answered::OptionsOutOfService),
            other: of(Answered::Other),
        }
    }

    /// Counts an answer by the status its octets begin with.
    fn count(&self, answer: &Answer, octets: &[u8]) {
        let counter = match (answer, octets.get(STATUS)) {
            // what only passes is counted where it is answered
            (Answer::Nothing | Answer::Forward(_), _) => return,
            (Answer::Refuse(..), _) => &self.refused,
            (_, Some(b"302")) => &self.redirected,
            // nothing but OPTIONS is answered by these two without a refusal
            (_, Some(b"200")) => &self.options_ok,
            (_, Some(b"503")) => &self.options_out_of_service,
            _ => &self.other,
        };
        counter.inc();
    }
}

/// Where the status stands in `SIP/2.0 302 Moved Temporarily`.
const STATUS: std::ops::Range<usize> = 8..11;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::sip::Status;
    use crate::routing::Refused;

    #[test]
    fn answers_count_by_what_they_say() {
        let metrics = Metrics::new();
        let counted = Counters::new(&metrics, RefusedBy::CallRouter, Transport::Udp);
        let to = SocketAddr::from(([127, 0, 0, 1], 5060));
        for answer in ["302 Moved Temporarily", "302 Moved Temporarily", "200 OK", "503 Service Unavailable", "481 No"]
        {
            counted.count(&Answer::Respond(to), format!("SIP/2.0 {answer}\r\n").as_bytes());
        }
        counted.count(&Answer::Nothing, b"");
        let refused = Refused { call_id: "1".into(), status: Status::NOT_FOUND, why: "nobody".into() };
        counted.count(&Answer::Refuse(to, Box::new(refused)), b"SIP/2.0 404 Not Found\r\n");

        let text = metrics.text();
        for (answer, number) in
            [("redirected", 2), ("options_ok", 1), ("options_out_of_service", 1), ("other", 1), ("refused", 1)]
        {
            let line = format!(
                "ringpost_router_answers_total{{by=\"call_router\",transport=\"udp\",answer=\"{answer}\"}} {number}"
            );
            assert!(text.contains(&line), "{line}\n{text}");
        }
    }
}

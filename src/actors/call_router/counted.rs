//! What one socket of router or UM service has answered, for the figures.
//! Knows: answers and the octets of them. Must not: look anything up for a message; counters are taken beforehand.

use std::sync::Arc;

use crate::metrics::{Answered, Counter, Metrics, RefusedBy, Transport};
use crate::routing::{Answer, Role};

/// The counters of one part and one transport.
#[derive(Clone)]
pub struct Counted {
    metrics: Arc<Metrics>,
    by: RefusedBy,
    redirected: Counter,
    refused: Counter,
    options_ok: Counter,
    options_out_of_service: Counter,
    other: Counter,
}

impl Counted {
    pub fn new(metrics: &Arc<Metrics>, role: Role, transport: Transport) -> Counted {
        let by = match role {
            Role::Router => RefusedBy::CallRouter,
            Role::Service => RefusedBy::UmService,
        };
        let of = |answer| metrics.answers(by, transport, answer);
        Counted {
            metrics: metrics.clone(),
            by,
            redirected: of(Answered::Redirected),
            refused: of(Answered::Refused),
            options_ok: of(Answered::OptionsOk),
            options_out_of_service: of(Answered::OptionsOutOfService),
            other: of(Answered::Other),
        }
    }

    /// Counts an answer by the status its octets begin with.
    pub fn count(&self, answer: &Answer, octets: &[u8]) {
        let counter = match (answer, octets.get(STATUS)) {
            // what only passes is counted where it is answered
            (Answer::Nothing | Answer::Forward(_), _) => return,
            (Answer::Refuse(_, refused), _) => {
                self.metrics.call_refused(self.by, refused.status.code());
                &self.refused
            }
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
    use std::net::SocketAddr;

    use super::*;
    use crate::protocol::sip::Status;
    use crate::routing::Refused;

    #[test]
    fn answers_count_by_what_they_say() {
        let metrics = Arc::new(Metrics::new());
        let counted = Counted::new(&metrics, Role::Router, Transport::Udp);
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
        let line = "ringpost_calls_refused_total{by=\"call_router\",status=\"404\",reason=\"no_such_user\"} 1";
        assert!(text.contains(line), "{text}");
    }
}

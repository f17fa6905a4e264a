//! The one reliable provisional response of an INVITE (RFC 3262 3): sent until its PRACK comes.
//! Knows: RSeq, RAck, intervals. Must not: know what the response carries or what follows it.

use std::time::{Duration, Instant};

use crate::protocol::sip::values::{CSeq, RAck};
use crate::protocol::sip::{HeaderName, Headers, Method, Response};

const T1: Duration = Duration::from_millis(500);

/// A provisional response on its way; dropped when its PRACK came.
#[derive(Debug, Clone)]
pub(super) struct ReliableProvisional {
    response: Response,
    rseq: u32,
    /// CSeq number of the INVITE.
    cseq: u32,
    interval: Duration,
}

impl ReliableProvisional {
    /// Adds `Require: 100rel` and RSeq. `rseq` is brought into 1 to 2^31 - 1.
    pub fn new(response: Response, rseq: u64) -> ReliableProvisional {
        let rseq = (rseq % 0x7fff_ffff) as u32 + 1;
        let cseq = CSeq::of(&response.headers).map_or(0, |cseq| cseq.number);
        let response = response.with(HeaderName::Require, "100rel").with(HeaderName::RSeq, rseq.to_string());
        ReliableProvisional { response, rseq, cseq, interval: T1 }
    }

    /// The response to send, first or again, and when to send it next: after T1, doubling, without limit T2.
    pub fn transmit(&mut self, now: Instant) -> (Response, Instant) {
        let again = now + self.interval;
        self.interval *= 2;
        (self.response.clone(), again)
    }

    /// After this long without PRACK the INVITE is refused with a 5xx.
    pub fn patience() -> Duration {
        64 * T1
    }

    pub fn is_acknowledged_by(&self, prack: &Headers) -> bool {
        RAck::of(prack) == Some(RAck { rseq: self.rseq, cseq: self.cseq, method: Method::Invite })
    }
}

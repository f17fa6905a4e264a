//! What a test call asks for, and what came of it: the same for the link, the command line and REST.
//! Knows: plain values. Must not: know how the call is made.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A test call that a worker is to place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestOrder {
    /// Names the test; the user a call to this server itself is for, known to nobody else.
    pub token: String,
    /// Request-URI; its host is an address, unless there is a route.
    pub target: String,
    /// The proxy it goes through, `sip:ADDRESS:PORT;transport=…;lr`.
    pub route: Option<String>,
    /// SIP URI of the caller.
    pub from: String,
    /// 0-9, *, #, A-D.
    pub keys: String,
    /// To somebody else: keys are pressed, and any media will do. Else the same tones must come back.
    pub outside: bool,
    pub timeout: Duration,
}

impl TestOrder {
    /// The URI of where its INVITE goes first.
    pub fn next_hop(&self) -> &str {
        self.route.as_ref().unwrap_or(&self.target)
    }
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TestOutcome {
    pub success: bool,
    /// Why it is none; empty for a success.
    pub reason: String,
    /// From the INVITE to the 200, ms.
    pub latency_ms: Option<u64>,
    /// From the INVITE to the end, ms.
    pub duration_ms: u64,
    /// Each final response to the INVITE: `302 Moved Temporarily from sip:…`.
    pub hops: Vec<String>,
    pub audio_codec: String,
    pub packets_sent: u64,
    pub packets_received: u64,
    pub packets_lost: u64,
    pub tones_sent: String,
    pub tones_heard: String,
}

impl TestOutcome {
    /// One that never became a call.
    pub fn failed(reason: impl Into<String>) -> TestOutcome {
        TestOutcome { reason: reason.into(), ..TestOutcome::default() }
    }
}

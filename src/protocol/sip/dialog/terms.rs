//! What a session starts from, hears and wants done: the terms between it and whoever runs it.
//! Knows: messages and media plans as values. Must not: decide anything.

use std::time::Duration;

use crate::protocol::sdp::{LocalMedia, MediaPlan};
use crate::protocol::sip::endpoint::{ClientTransaction, ServerTransaction};
use crate::protocol::sip::{Flow, Request, Response, Status, Uri};

/// What the session of a call to us starts from.
#[derive(Debug, Clone)]
pub struct Setup {
    pub transaction: ServerTransaction,
    /// The INVITE, screened.
    pub invite: Request,
    pub flow: Flow,
    pub local_tag: String,
    pub own: Own,
}

/// What the session of a call of ours starts from.
#[derive(Debug, Clone)]
pub struct Placing {
    /// Request-URI, and where it goes to unless there is a route: its host is an address then.
    pub target: Uri,
    /// The proxy that it goes through (RFC 3261 8.1.2), a loose router at an address.
    pub route: Option<Uri>,
    /// Our address and that of the called, as in From and To, without tags.
    pub from: String,
    pub to: String,
    pub call_id: String,
    pub local_tag: String,
    /// The way to the target.
    pub flow: Flow,
    pub own: Own,
}

/// Our side of a session, whoever calls.
#[derive(Debug, Clone)]
pub struct Own {
    /// Our URI in this dialog, without angle brackets: `sip:host:port;transport=…`.
    pub contact: String,
    /// Server and User-Agent.
    pub server: String,
    /// The longest session interval, and the one proposed: 1800 s.
    pub session_expires: Duration,
    /// The shortest session interval taken, at least 90 s.
    pub min_se: Duration,
    pub media: LocalMedia,
    /// Randomness for RSeq, Retry-After and waits.
    pub seed: u64,
}

/// What a session hears.
#[derive(Debug, Clone)]
pub enum Event {
    /// A request within the dialog, ACK and CANCEL excepted.
    Request {
        transaction: ServerTransaction,
        request: Request,
    },
    /// The ACK to a 2xx of ours.
    Ack {
        request: Request,
    },
    /// The INVITE was cancelled; the CANCEL itself is answered.
    Cancelled,
    /// 64*T1 passed without ACK to a final response of ours.
    NoAck {
        transaction: ServerTransaction,
    },
    Response {
        client: ClientTransaction,
        response: Response,
    },
    /// A request of ours timed out or could not be sent.
    NoResponse {
        client: ClientTransaction,
    },
    /// The application answers.
    Accept,
    /// The application refuses.
    Refuse(Refusal),
    /// The application ends the call, answered or not.
    HangUp,
    /// A deadline passed.
    Tick,
}

/// Why a call is refused, told to the caller's administrator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// 300 to 699.
    pub status: Status,
    /// A sentence for the Warning.
    pub text: String,
    pub retry_after: Option<Duration>,
}

/// What a session wants done.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    Respond {
        transaction: ServerTransaction,
        response: Response,
    },
    /// To be sent with a Via and a branch of the endpoint's. `next_hop`: the first of the route set, or the remote
    /// target; it cannot be read off the request, where a strict router has changed places (RFC 3261 12.2.1.1).
    Request {
        client: ClientTransaction,
        request: Request,
        next_hop: Uri,
        flow: Flow,
    },
    /// Gives up an INVITE of ours that rings.
    Cancel {
        client: ClientTransaction,
    },
    /// An ACK to a 2xx.
    SendAck {
        request: Request,
        next_hop: Uri,
        flow: Flow,
    },
    /// Once, before the first response that makes a dialog; of a call of ours, when its 2xx has come.
    Bind {
        call_id: String,
        local_tag: String,
        remote_tag: String,
    },
    /// Media agreed, or agreed anew; the first one starts the stream.
    Media(MediaPlan),
    /// The caller acknowledged the answer; or the called has answered.
    Established,
    /// A key told by INFO.
    Key {
        key: char,
        duration_ms: u32,
    },
    /// Our BYE is on its way: there is no media from here on (RFC 3261 15.1.1). [`Command::Ended`] follows when it is
    /// answered, or nobody has answered it.
    HungUp,
    /// Once, after everything else. Only requests that come later still are answered (481).
    Ended {
        cause: EndCause,
    },
}

/// Why a session is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndCause {
    PeerHungUp,
    WeHungUp,
    /// CANCEL before the answer, the caller's or ours.
    Cancelled,
    /// Refused by the application or by this machine.
    Refused(Status),
    /// A call of ours was not taken. 408: nobody answered. A 302: where it leads to cannot be reached.
    Declined(Status),
    /// The answer was never acknowledged.
    NoAck,
    /// The reliable provisional response was never acknowledged.
    NoPrack,
    /// The peer's answer to our offer was missing or of no use.
    BadAnswer,
    /// No session refresh came (RFC 4028).
    SessionExpired,
    /// The peer no longer knows the dialog (481) or no longer answers.
    PeerGone,
}

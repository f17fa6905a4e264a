//! What messages are matched by: the request a copy, an ACK or a CANCEL belongs to, and the dialog (RFC 3261 17.2.3,
//! 12). Knows: header values. Must not: know what happens to a match.

use super::super::values::{CSeq, Via};
use super::super::{HeaderName, Method, NameAddr, Request};
use std::sync::Arc;

/// RFC 3261 8.1.1.7: a branch that starts so is unique in space and time. Compared without regard to case.
const COOKIE: &str = "z9hG4bK";

/// What the copies of a request have in common when they come along different ways (RFC 3261 8.2.2.2).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Origin {
    pub call_id: String,
    pub from_tag: String,
    pub cseq: u32,
    method: String,
}

/// What a request has in common with its retransmissions, its ACK to a refusal and its CANCEL (RFC 3261 17.2.3).
///
/// With the cookie, branch and sent-by would do; that Call-ID, From tag and CSeq are the same too is true of every
/// peer that keeps the rules, and tells the calls apart of those that use a branch twice. Without it (RFC 2543) these
/// are what counts, with the Request-URI. The To tag is left out: an INVITE has none, its ACK has ours.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RequestKey {
    pub origin: Arc<Origin>,
    branch: String,
    sent_by: String,
    request_uri: Option<String>,
}

impl RequestKey {
    /// `method` is the method of the transaction that is looked for: INVITE when an ACK or a CANCEL asks.
    pub fn new(request: &Request, via: &Via, method: &Method) -> RequestKey {
        let branch = via.branch().unwrap_or_default();
        let after_cookie = branch
            .get(..COOKIE.len())
            .filter(|start| start.eq_ignore_ascii_case(COOKIE))
            .and_then(|_| branch.get(COOKIE.len()..));
        RequestKey {
            origin: Arc::new(Origin {
                call_id: call_id(request),
                from_tag: tag(request, &HeaderName::From),
                cseq: cseq_number(request),
                method: method.as_str().to_owned(),
            }),
            branch: after_cookie.unwrap_or(branch).to_owned(),
            sent_by: format!("{}:{}", via.host.to_ascii_lowercase(), via.port.unwrap_or(5060)),
            request_uri: after_cookie.is_none().then(|| request.uri.as_str().to_owned()),
        }
    }
}

/// The name of a dialog on our side (RFC 3261 12).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct DialogId {
    pub call_id: String,
    pub local_tag: String,
    pub remote_tag: String,
}

impl DialogId {
    /// The dialog a request claims to be of; `None` without a To tag.
    pub fn of_request(request: &Request) -> Option<DialogId> {
        let local_tag = tag(request, &HeaderName::To);
        (!local_tag.is_empty()).then(|| DialogId {
            call_id: call_id(request),
            local_tag,
            remote_tag: tag(request, &HeaderName::From),
        })
    }
}

pub(super) fn call_id(request: &Request) -> String {
    request.headers.get(&HeaderName::CallId).unwrap_or_default().to_owned()
}

/// The tag of From or To; empty when there is none.
pub(super) fn tag(request: &Request, name: &HeaderName) -> String {
    request.headers.get(name).map(NameAddr::parse).and_then(|party| party.tag().map(str::to_owned)).unwrap_or_default()
}

/// Zero when there is none; `screen` refuses such a request before anything rests on the number.
pub(super) fn cseq_number(request: &Request) -> u32 {
    CSeq::of(&request.headers).map_or(0, |cseq| cseq.number)
}

//! What an INVITE asks for, in the words of the directory.
//! Knows: headers and the request URI. Must not: know who asks, router, service or worker: all decide alike.

use std::net::SocketAddr;

use super::contact::CALLED;
use crate::directory::{
    CallFacts, Caller as CallerFacts, Directory, DivertedFrom, ReasonForCall, Refused, Resolved, resolve,
};
use crate::protocol::sip::calling_party::CallingParty;
use crate::protocol::sip::dialog::Refusal;
use crate::protocol::sip::diversion::{Diversion, DiversionReason, diversions};
use crate::protocol::sip::{HeaderName, NameAddr, Request, Status, Uri};

/// What a call is, for whom, and through which gateway it comes. `peer` is the gateway's address.
///
/// # Errors
/// The directory has no place for it: status and sentence for the peer.
pub fn understand(
    request: &Request,
    peer: SocketAddr,
    calling: Option<&CallingParty>,
    directory: &Directory,
) -> Result<Resolved, Refusal> {
    let to = request.headers.get(&HeaderName::To).map(NameAddr::parse).map(|to| to.uri).unwrap_or(Uri::parse(""));
    let diverted: Vec<DivertedFrom> = diversions(request).into_iter().filter_map(diverted_from).collect();
    let calling = calling.and_then(|calling| {
        Some(CallerFacts { user: calling.uri.user()?, host: calling.uri.host(), anonymous: calling.withheld })
    });
    let called = called(&request.uri);
    let facts = CallFacts {
        peer: peer.ip(),
        peer_port: peer.port(),
        called: called.as_ref().unwrap_or(&request.uri),
        to: &to,
        calling,
        diversions: &diverted,
    };
    resolve(directory, &facts).map_err(refusal)
}

/// The URI that was called first, when a redirect of ours has written it down.
pub(super) fn called(uri: &Uri) -> Option<Uri> {
    uri.param(CALLED).filter(|called| !called.is_empty()).map(|called| Uri::parse(&called))
}

fn refusal(refused: Refused) -> Refusal {
    let status = Status::new(refused.status).unwrap_or(Status::SERVER_INTERNAL_ERROR);
    Refusal::new(status, &refused.reason)
}

/// `None`: the diversion names nobody.
pub(super) fn diverted_from(diversion: Diversion) -> Option<DivertedFrom> {
    let reason = reason_for_call(&diversion.reason);
    Some(DivertedFrom { user: diversion.user?, host: diversion.uri.host(), reason })
}

pub(super) fn reason_for_call(reason: &DiversionReason) -> ReasonForCall {
    match reason {
        DiversionReason::NoAnswer => ReasonForCall::DivertNoAnswer,
        DiversionReason::UserBusy => ReasonForCall::DivertBusy,
        _ => ReasonForCall::DivertForward,
    }
}

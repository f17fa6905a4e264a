//! What an INVITE asks for, in the words of the directory.
//! Knows: headers and the request URI. Must not: know who asks, router, service or worker: all decide alike.

use std::net::SocketAddr;

use super::Role;
use super::contact::CALLED;
use crate::directory::{
    CallFacts, Caller as CallerFacts, DialPlan, Directory, DivertedFrom, ReasonForCall, Refused, Resolved, resolve,
};
use crate::protocol::sip::calling_party::CallingParty;
use crate::protocol::sip::dialog::Refusal;
use crate::protocol::sip::diversion::{Diversion, DiversionReason, diversions};
use crate::protocol::sip::{HeaderName, NameAddr, Request, Status, Uri};

/// Who wants to understand a call.
#[derive(Debug, Clone, Copy)]
pub struct Here<'a> {
    pub directory: &'a Directory,
    /// Name of this server.
    pub node: &'a str,
    /// A worker is part of the UM service.
    pub role: Role,
}

impl Here<'_> {
    /// The SIP URI plans whose trusted peers this part of the server takes calls of (DialPlans).
    fn is_associated_with(&self, plan: &DialPlan) -> bool {
        let plans = match self.role {
            Role::Router => self.directory.call_router_of(self.node).map(|router| &router.dial_plans),
            Role::Service => self.directory.service_of(self.node).map(|service| &service.dial_plans),
        };
        plans.is_some_and(|plans| plans.iter().any(|known| known.name == plan.name))
    }
}

/// What a call is, for whom, and through which gateway it comes. `peer` is the gateway's address.
///
/// # Errors
/// The directory has no place for it: status and sentence for the peer.
pub fn understand(
    request: &Request,
    peer: SocketAddr,
    calling: Option<&CallingParty>,
    here: Here,
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
    let resolved = resolve(here.directory, &facts).map_err(refusal)?;
    if resolved.gateway.trusted_peer && !here.is_associated_with(&resolved.dial_plan) {
        let object = match here.role {
            Role::Router => "call_router",
            Role::Service => "service",
        };
        let (node, plan, peer) = (here.node, &resolved.dial_plan.name, &resolved.gateway.name);
        let why =
            format!("{node} takes no calls of {peer}: dial plan {plan} is not one of the dial_plans of its {object}");
        return Err(Refusal::new(Status::FORBIDDEN, &why));
    }
    Ok(resolved)
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

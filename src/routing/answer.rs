//! One message in, at most one out.
//! Knows: the rules of a stateless UAS (RFC 3261 8.2.7). Must not: remember anything of the message.

use std::net::SocketAddr;

use super::decision::{RETRY_LATER, RETRY_SOON, Target, decide, decide_own, unavailable};
use super::proxy::{self, Onward, Passage};
use super::understand::understand;
use super::view::{OwnCall, View};
use super::{Role, contact, fast};
use crate::protocol::random::mix;
use crate::protocol::sip::dialog::{Refusal, options_answer};
use crate::protocol::sip::endpoint::{response_way, stamp};
use crate::protocol::sip::screen::{screen, unreadable};
use crate::protocol::sip::values::Via;
use crate::protocol::sip::{Flow, HeaderName, Headers, Message, Method, NameAddr, Request, Response, Status};

/// What is served here, for Allow; what a call could use is said in the answer to OPTIONS.
const ALLOW: &str = "INVITE, ACK, CANCEL, OPTIONS";

/// What goes out for a message; its octets are in `out`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Nothing at all.
    Nothing,
    /// A response: over UDP to this address, over a stream along the connection that the request came by.
    Respond(SocketAddr),
    /// Not an answer but the message itself, changed, goes on.
    Forward(Box<Onward>),
    /// A response, and somebody should know: a call was refused.
    Refuse(SocketAddr, Box<Refused>),
}

/// A call that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub call_id: String,
    pub status: Status,
    /// The sentence for the administrator.
    pub why: String,
}

/// Says what goes out for one message, which came along `flow` (its local address is the one on the way to the peer).
/// `out` is emptied and holds what goes out.
pub fn answer(view: &View, role: Role, bytes: &[u8], flow: Flow, out: &mut Vec<u8>) -> Answer {
    out.clear();
    if let Some(answer) = fast::answer(view, role, bytes, flow, out) {
        return answer;
    }
    out.clear();
    answer_any(view, role, bytes, flow, out)
}

/// The same for any message, taken apart as a whole.
pub(super) fn answer_any(view: &View, role: Role, bytes: &[u8], flow: Flow, out: &mut Vec<u8>) -> Answer {
    let mut request = match Message::parse(bytes) {
        Ok(Message::Request(request)) => request,
        Ok(Message::Response(response)) => {
            return pass_back(view, response, flow, out);
        }
        Err(error) => {
            let Some(response) = unreadable(bytes, &error) else { return Answer::Nothing };
            return send(view, response, flow, out);
        }
    };
    // without a Via nobody says where the answer goes to, and it was never ours to guess
    let Some(via) = Via::top(&request.headers) else { return Answer::Nothing };
    let tag = tag(view.seed, &request.headers);
    stamp(&mut request, &via, flow.remote);
    let passage = match screen(&request) {
        Ok(()) => proxy::request(view, role, &request, flow),
        Err(_) => Passage::Ours,
    };
    let response = match passage {
        Passage::Ours => respond(view, role, &request, flow),
        Passage::Refused(refusal) => Some(Err(refusal)),
        Passage::Lost => None,
        Passage::On(request, onward) => {
            out.extend_from_slice(&request.to_bytes());
            return Answer::Forward(Box::new(onward));
        }
    };
    match response {
        None => Answer::Nothing,
        Some(Ok(response)) => {
            // a new call that was refused as a message is a refused call
            let refuses = request.method == Method::Invite && is_refusal(response.status);
            let refused = refuses.then(|| refused(&request, response.status, &said(&response)));
            match (send(view, response.with_to_tag(&tag), flow, out), refused) {
                (Answer::Respond(to), Some(refused)) => Answer::Refuse(to, Box::new(refused)),
                (answer, _) => answer,
            }
        }
        Some(Err(refusal)) => {
            let response = refusal.response(&request).with_to_tag(&tag);
            let refused = refused(&request, refusal.status, &refusal.text);
            match send(view, response, flow, out) {
                Answer::Respond(to) => Answer::Refuse(to, Box::new(refused)),
                other => other,
            }
        }
    }
}

/// What goes back for a message that was to be sent on and found no way to `flow.remote` (RFC 3261 16.9): a 503, as if
/// it had come from there.
pub fn undelivered(view: &View, bytes: &[u8], flow: Flow, out: &mut Vec<u8>) -> Answer {
    out.clear();
    let request = match Message::parse(bytes) {
        Ok(Message::Request(request)) if request.method != Method::Ack => request,
        _ => return Answer::Nothing,
    };
    let refusal = unavailable(&format!("{} cannot be reached", flow.remote), RETRY_SOON);
    let tag = tag(view.seed, &request.headers);
    pass_back(view, refusal.response(&request).with_to_tag(&tag), flow, out)
}

fn pass_back(view: &View, response: Response, flow: Flow, out: &mut Vec<u8>) -> Answer {
    let Some((response, onward)) = proxy::response(view, response, flow) else { return Answer::Nothing };
    out.extend_from_slice(&response.to_bytes());
    Answer::Forward(Box::new(onward))
}

fn refused(request: &Request, status: Status, why: &str) -> Refused {
    let call_id = request.headers.get(&HeaderName::CallId).unwrap_or_default().to_owned();
    Refused { call_id, status, why: why.to_owned() }
}

/// Not so an INVITE within a dialog that is not here.
fn is_refusal(status: Status) -> bool {
    status.code() >= 400 && status != Status::CALL_DOES_NOT_EXIST
}

/// What a response says to people: the text of its Warning, or its reason.
fn said(response: &Response) -> String {
    let warning = response.headers.get(&HeaderName::Warning).and_then(|warning| warning.split('"').nth(1));
    warning.unwrap_or(&response.reason).to_owned()
}

/// `None`: the message is absorbed. `Err`: a call is refused.
fn respond(view: &View, role: Role, request: &Request, flow: Flow) -> Option<Result<Response, Refusal>> {
    // to every answer of ours an ACK comes back, and matches nothing
    if request.method == Method::Ack {
        return None;
    }
    if let Err(response) = screen(request) {
        return Some(Ok(match response.status {
            Status::METHOD_NOT_ALLOWED => {
                let mut response = response;
                response.headers.set(HeaderName::Allow, ALLOW);
                response
            }
            _ => response,
        }));
    }
    let in_dialog = request.headers.get(&HeaderName::To).is_some_and(|to| NameAddr::parse(to).tag().is_some());
    Some(match request.method {
        Method::Options => match refuses(view, role) {
            Some(why) => Ok(unavailable(why, RETRY_LATER).response(request)),
            None => Ok(options_answer(request)),
        },
        Method::Invite if !in_dialog => redirect(view, role, request, flow),
        // what is cancelled has had its final answer
        Method::Invite | Method::Cancel => Ok(request.response(Status::CALL_DOES_NOT_EXIST)),
        _ => Ok(request.response(Status::METHOD_NOT_ALLOWED).with(HeaderName::Allow, ALLOW)),
    })
}

/// Why this part takes no calls at all.
pub(super) fn refuses(view: &View, role: Role) -> Option<&str> {
    match role {
        Role::Router => view.router_refuses.as_deref(),
        Role::Service => view.home.as_ref().and_then(|home| home.refuses.as_deref()),
    }
}

fn redirect(view: &View, role: Role, request: &Request, flow: Flow) -> Result<Response, Refusal> {
    if let Some(call) = own_call(view, request) {
        if let Some(why) = refuses(view, role) {
            return Err(unavailable(why, RETRY_LATER));
        }
        return Ok(redirection(request, &decide_own(view, role, call)?, flow));
    }
    let peer = proxy::peer_of(request, flow.remote, |ip| proxy::is_server(view, ip, flow));
    let resolved = understand(request, peer, None, view.here(role))?;
    if let Some(why) = refuses(view, role) {
        return Err(unavailable(why, RETRY_LATER));
    }
    let spread = hash(0, request.headers.get(&HeaderName::CallId).unwrap_or_default());
    let target = decide(view, role, &resolved, flow.local.ip(), spread)?;
    Ok(redirection(request, &target, flow))
}

/// The call of this server to itself that an INVITE belongs to.
fn own_call<'a>(view: &'a View, invite: &Request) -> Option<&'a OwnCall> {
    let user = if view.tests.is_empty() { None } else { invite.uri.user() }?;
    view.tests.iter().find(|call| call.user == user)
}

fn redirection(request: &Request, target: &Target, flow: Flow) -> Response {
    let mut contact = String::with_capacity(128);
    contact.push('<');
    contact::write(&mut contact, &request.uri, target, flow.transport);
    contact.push('>');
    request.response(Status::MOVED_TEMPORARILY).with(HeaderName::Contact, contact)
}

/// Signs a response and writes it out for where its topmost Via leads.
fn send(view: &View, response: Response, flow: Flow, out: &mut Vec<u8>) -> Answer {
    let Some(via) = Via::top(&response.headers) else { return Answer::Nothing };
    let way = response_way(&via, flow);
    let tag = tag(view.seed, &response.headers);
    let response = response.with_to_tag(&tag).with(HeaderName::Server, view.server.as_str());
    out.extend_from_slice(&response.to_bytes());
    Answer::Respond(way.flow.remote)
}

/// The To tag of our answers, the same for every copy of the request (RFC 3261 8.2.7).
fn tag(seed: u64, headers: &Headers) -> String {
    let field = |name: &HeaderName| headers.get(name).unwrap_or_default();
    tag_of(seed, field(&HeaderName::CallId), field(&HeaderName::From), field(&HeaderName::Via))
}

/// From the fields as they came: a copy is the same to the octet.
pub(super) fn tag_of(seed: u64, call_id: &str, from: &str, via: &str) -> String {
    format!("{:016x}", hash(hash(hash(seed, call_id), from), via))
}

/// FNV-1a by eight octets, mixed so that parts cannot run into each other.
pub(super) fn hash(seed: u64, text: &str) -> u64 {
    let step = |hash: u64, word: u64| (hash ^ word).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(29);
    let (words, rest) = text.as_bytes().as_chunks::<8>();
    let hash = words.iter().fold(mix(!seed), |hash, word| step(hash, u64::from_le_bytes(*word)));
    let mut last = [0; 8];
    last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    mix(step(hash, u64::from_le_bytes(last)) ^ text.len() as u64)
}

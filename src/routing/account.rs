//! What can be put on record of a call that was not taken.
//! Knows: the INVITE, the directory. Must not: be asked for every call; it reads the whole message.

use std::net::SocketAddr;

use super::Role;
use super::proxy::{is_server, peer_of};
use super::understand::understand;
use super::view::View;
use crate::directory::{Destination, IpGateway, UriType};
use crate::protocol::sip::calling_party::{CallingParty, calling_party};
use crate::protocol::sip::{Flow, HeaderName, Message, Method, NameAddr, Request};

/// A refused call of a gateway, as far as it is understood: what is not known is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub gateway: String,
    /// Where the gateway sent the INVITE from.
    pub peer: SocketAddr,
    pub dial_plan: String,
    pub called: String,
    /// Empty: withheld.
    pub caller: String,
    /// Whose mailbox would have answered.
    pub mailbox: String,
    /// Exchange's ReasonForCall.
    pub reason: String,
}

impl Account {
    /// What an INVITE of a gateway says by itself.
    pub fn of(invite: &Request, gateway: &IpGateway, peer: SocketAddr, calling: Option<&CallingParty>) -> Account {
        let to = || invite.headers.get(&HeaderName::To).and_then(|to| NameAddr::parse(to).uri.user());
        let shown = calling.filter(|calling| !calling.withheld);
        Account {
            gateway: gateway.name.to_string(),
            peer,
            dial_plan: String::new(),
            called: invite.uri.user().or_else(to).unwrap_or_default(),
            caller: shown.and_then(|calling| calling.uri.user()).unwrap_or_default(),
            mailbox: String::new(),
            reason: "None".to_owned(),
        }
    }
}

/// `None`: no INVITE, or not of a gateway of the organisation.
pub fn account(view: &View, bytes: &[u8], flow: Flow) -> Option<Account> {
    let Ok(Message::Request(request)) = Message::parse(bytes) else { return None };
    let peer = peer_of(&request, flow.remote, |ip| is_server(view, ip, flow));
    let gateway = view.gateway(peer).filter(|_| request.method == Method::Invite)?;
    let calling = calling_party(&request);
    let mut account = Account::of(&request, gateway, peer, calling.as_ref());
    if let Ok(resolved) = understand(&request, peer, calling.as_ref(), view.here(Role::Router)) {
        account.dial_plan = resolved.dial_plan.name.to_string();
        if resolved.dial_plan.uri_type == UriType::SipName {
            let shown = calling.as_ref().filter(|calling| !calling.withheld);
            account.caller = shown.and_then(CallingParty::address).unwrap_or_default();
        }
        if let Destination::CallAnswering { mailbox, reason } = &resolved.destination {
            account.mailbox = mailbox.alias.to_string();
            account.reason = reason.as_str().to_owned();
        }
    }
    Some(account)
}

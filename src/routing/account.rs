//! What can be put on record of a call that was not taken.
//! Knows: the INVITE, the directory. Must not: be asked for every call; it reads the whole message.

use super::proxy::{is_server, peer_of};
use super::understand::understand;
use super::view::View;
use crate::directory::Destination;
use crate::protocol::sip::calling_party::calling_party;
use crate::protocol::sip::{Flow, HeaderName, Message, Method, NameAddr};

/// A refused call of a gateway, as far as it is understood: what is not known is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    pub gateway: String,
    pub dial_plan: String,
    pub called: String,
    /// Empty: withheld.
    pub caller: String,
    /// Whose mailbox would have answered.
    pub mailbox: String,
    /// Exchange's ReasonForCall.
    pub reason: String,
}

/// `None`: no INVITE, or not of a gateway of the organisation.
pub fn account(view: &View, bytes: &[u8], flow: Flow) -> Option<Account> {
    let Ok(Message::Request(request)) = Message::parse(bytes) else { return None };
    let peer = peer_of(&request, flow.remote, |ip| is_server(view, ip, flow));
    let gateway = view.gateway(peer).filter(|_| request.method == Method::Invite)?;
    let calling = calling_party(&request);
    let to = || request.headers.get(&HeaderName::To).and_then(|to| NameAddr::parse(to).uri.user());
    let mut account = Account {
        gateway: gateway.name.to_string(),
        called: request.uri.user().or_else(to).unwrap_or_default(),
        caller: calling.as_ref().filter(|calling| !calling.withheld).and_then(|c| c.uri.user()).unwrap_or_default(),
        reason: "None".to_owned(),
        ..Account::default()
    };
    if let Ok(resolved) = understand(&request, peer, calling.as_ref(), &view.directory) {
        account.dial_plan = resolved.dial_plan.name.to_string();
        if let Destination::CallAnswering { mailbox, reason } = &resolved.destination {
            account.mailbox = mailbox.alias.to_string();
            account.reason = reason.as_str().to_owned();
        }
    }
    Some(account)
}

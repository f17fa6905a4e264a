//! Who takes a call that was understood: this node's service or worker, another server, or nobody for now.
//! Knows: the view. Must not: read or write messages.

use std::net::IpAddr;
use std::time::Duration;

use super::Role;
use super::view::{Home, OwnCall, Place, View};
use crate::directory::{Destination, GatewayAddress, Mailbox, ReasonForCall, Resolved};
use crate::protocol::sip::Status;
use crate::protocol::sip::dialog::Refusal;

/// A server that is full or out of service is asked again after so long.
pub(super) const RETRY_LATER: Duration = Duration::from_secs(10);
/// A worker that died is back by then.
pub(super) const RETRY_SOON: Duration = Duration::from_secs(1);

/// Where a call goes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub place: Place,
    /// The mailbox that the next hop must find again though the call was diverted to a pilot: its user, and the cause
    /// of RFC 4458.
    pub diverted: Option<(String, u16)>,
}

/// Where a call goes next, or why nowhere.
pub type Decision = Result<Target, Refusal>;

/// Decides for a call that `understand` has resolved. `local` is our address on the way to the peer; `spread` is a
/// number that is the same for every copy of the INVITE and evenly spread over calls.
pub(super) fn decide(view: &View, role: Role, resolved: &Resolved, local: IpAddr, spread: u64) -> Decision {
    let (mailbox, diverted) = match &resolved.destination {
        Destination::CallAnswering { mailbox, reason } => (Some(&**mailbox), diverted(mailbox, *reason)),
        Destination::SubscriberAccess => (None, None),
    };
    let place = match role {
        Role::Service => own_worker(view, local)?,
        Role::Router => next_service(view, mailbox, local, spread)?,
    };
    Ok(Target { place, diverted })
}

/// Decides for a call of this server to itself: it goes to no address that only peers know.
pub(super) fn decide_own(view: &View, role: Role, call: &OwnCall) -> Decision {
    let why = || Refusal::new(Status::TEMPORARILY_UNAVAILABLE, "this server has no UM service");
    let home = view.home.as_ref().ok_or_else(why)?;
    let worker = in_service(home)?;
    let port = if role == Role::Service { worker } else { home.service_port };
    let place = Place { host: GatewayAddress::Ip(call.at), port };
    Ok(Target { place, diverted: None })
}

fn next_service(view: &View, mailbox: Option<&Mailbox>, local: IpAddr, spread: u64) -> Result<Place, Refusal> {
    let own = |home: &Home| own_service(view, home, local);
    if let Some(server) = mailbox.and_then(|mailbox| mailbox.server.as_ref()).filter(|server| !view.is_own(server)) {
        let (place, up) = view.place_of(server);
        return match up {
            true => Ok(place),
            false => Err(unavailable(&format!("server {server} does not answer"), RETRY_LATER)),
        };
    }
    // a mailbox without another home is at home here, and so are calls for nobody in particular when there is no choice
    match &view.home {
        Some(home) if mailbox.is_some() || view.servers.is_empty() => own(home),
        home => any_service(view, home.as_ref(), local, spread),
    }
}

/// The own service and those whose probes are answered, each its share of the calls. A stateless server has no turn to
/// remember: the Call-ID picks, so that a retransmitted INVITE goes where the first one went.
fn any_service(view: &View, home: Option<&Home>, local: IpAddr, spread: u64) -> Result<Place, Refusal> {
    let own = home.map(|home| own_service(view, home, local));
    let serving = own.iter().filter_map(|own| own.as_ref().ok().cloned());
    let up = view.servers.iter().filter(|server| server.up).map(|server| server.place.clone());
    let count = serving.clone().count() + up.clone().count();
    let chosen = (spread as usize).checked_rem(count).and_then(|turn| serving.chain(up).nth(turn));
    match (chosen, own) {
        (Some(place), _) => Ok(place),
        (None, Some(Err(refusal))) => Err(refusal),
        (None, _) if view.servers.is_empty() => {
            let why = "this server is a call router only, and the organisation has no UM service";
            Err(Refusal::new(Status::TEMPORARILY_UNAVAILABLE, why))
        }
        (None, _) => Err(unavailable("no UM service answers", RETRY_LATER)),
    }
}

fn own_service(view: &View, home: &Home, local: IpAddr) -> Result<Place, Refusal> {
    in_service(home)?;
    Ok(own_place(view, home.service_port, local))
}

fn own_worker(view: &View, local: IpAddr) -> Result<Place, Refusal> {
    match &view.home {
        Some(home) => Ok(own_place(view, in_service(home)?, local)),
        None => Err(Refusal::new(Status::TEMPORARILY_UNAVAILABLE, "this server has no UM service")),
    }
}

/// The port of the worker that takes the next call.
fn in_service(home: &Home) -> Result<u16, Refusal> {
    if let Some(why) = home.refuses.as_ref().or(home.full.as_ref()) {
        return Err(unavailable(why, RETRY_LATER));
    }
    home.worker_port.ok_or_else(|| unavailable("no UM worker is running at this moment", RETRY_SOON))
}

fn own_place(view: &View, port: u16, local: IpAddr) -> Place {
    let advertised = view.advertised.filter(|address| address.is_ipv4() == local.to_canonical().is_ipv4());
    Place { host: GatewayAddress::Ip(advertised.unwrap_or(local).to_canonical()), port }
}

pub(super) fn unavailable(why: &str, retry: Duration) -> Refusal {
    Refusal::new(Status::SERVICE_UNAVAILABLE, why).retry_after(retry)
}

/// The mailbox's own name, which leads to it in its dial plan however the diverting user was written.
fn diverted(mailbox: &Mailbox, reason: ReasonForCall) -> Option<(String, u16)> {
    let cause = match reason {
        ReasonForCall::Direct => return None,
        ReasonForCall::DivertNoAnswer => 408,
        ReasonForCall::DivertBusy => 486,
        ReasonForCall::DivertForward => 302,
    };
    let address = || mailbox.sip_addresses.first().map(|address| format!("sip:{address}"));
    let number = || mailbox.e164_numbers.first().map(|number| number.to_string());
    let user = mailbox.primary_extension().map(|extension| extension.to_string()).or_else(number).or_else(address);
    Some((user?, cause))
}

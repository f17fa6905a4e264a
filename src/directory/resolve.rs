//! How a call is understood (`exchange-um` section 5): which gateway, hunt group and dial plan, and whose mailbox answers.
//! Knows: the directory, the addresses and URIs of one call. Must not: read a SIP message, decide what a caller hears.

use std::net::IpAddr;
use std::sync::Arc;

use super::lookup::Links;
use super::numbers::Match;
use super::{DialPlan, Directory, GatewayStatus, HuntGroup, IpGateway, Mailbox};
use crate::protocol::sip::Uri;

/// What is known of a call when its INVITE arrives.
#[derive(Debug, Clone)]
pub struct CallFacts<'c> {
    /// Source address and port of the INVITE.
    pub peer: IpAddr,
    pub peer_port: u16,
    /// The request URI.
    pub called: &'c Uri,
    /// The To URI: says who was called when the request URI has no user.
    pub to: &'c Uri,
    /// `None`: the gateway said nothing about the caller.
    pub calling: Option<Caller>,
    /// Whom the call was meant for before it was sent here; the one whose mailbox should answer first.
    pub diversions: &'c [DivertedFrom],
}

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Number or user part.
    pub user: String,
    pub host: Option<String>,
    /// The caller asked not to be named: no mailbox is looked for.
    pub anonymous: bool,
}

/// One diversion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DivertedFrom {
    /// Number or user part.
    pub user: String,
    pub host: Option<String>,
    pub reason: ReasonForCall,
}

/// Why a call came, as call records name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReasonForCall {
    Direct,
    DivertNoAnswer,
    DivertBusy,
    /// Forwarded without ringing: unconditional, deflection, and every reason that has no name of its own here.
    DivertForward,
}

/// A call that is taken, with all it needs of the directory, so that a new directory does not change a running call.
#[derive(Debug, Clone)]
pub struct Resolved {
    pub gateway: Arc<IpGateway>,
    /// The group that links the gateway to the plan: the one whose pilot was called, where one was.
    pub hunt_group: Arc<HuntGroup>,
    pub dial_plan: Arc<DialPlan>,
    /// The caller's own mailbox, when the calling number is one of the plan or an equivalent plan: its display name is
    /// the caller's name. `None` for anonymous callers.
    pub caller: Option<Arc<Mailbox>>,
    pub destination: Destination,
}

/// What answers.
#[derive(Debug, Clone)]
pub enum Destination {
    /// A message is taken for the mailbox.
    CallAnswering { mailbox: Arc<Mailbox>, reason: ReasonForCall },
    /// The pilot or an access number was called directly: the caller wants to sign in.
    SubscriberAccess,
}

/// A call that is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{status} {reason}")]
pub struct Refused {
    /// SIP status.
    pub status: u16,
    /// A sentence for the administrator, in printable ASCII without quotes and backslashes.
    pub reason: String,
}

impl ReasonForCall {
    /// As call data records spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            ReasonForCall::Direct => "Direct",
            ReasonForCall::DivertNoAnswer => "DivertNoAnswer",
            ReasonForCall::DivertBusy => "DivertBusy",
            ReasonForCall::DivertForward => "DivertForward",
        }
    }
}

impl Refused {
    fn new(status: u16, reason: String) -> Refused {
        // names and numbers in it may come from the peer, and it goes out in header values
        let printable = |c: char| if c.is_ascii_graphic() && !"\"\\".contains(c) || c == ' ' { c } else { '_' };
        Refused { status, reason: reason.chars().map(printable).collect() }
    }
}

/// Says what a call is.
///
/// # Errors
/// 403: not from an enabled gateway; 480: the gateway takes no new calls; 404: nobody has the number.
pub fn resolve(directory: &Directory, call: &CallFacts) -> Result<Resolved, Refused> {
    let gateway = admit(directory, call)?;
    let links = directory.links_of(gateway).ok_or_else(|| {
        Refused::new(
            404,
            format!("UM IP gateway {} has no hunt group, so no dial plan answers its calls", gateway.name),
        )
    })?;
    let called = called_party(call);
    let route = match gateway.trusted_peer {
        true => route_of_peer(directory, links, &called, call.diversions),
        false => route(directory, links, &called),
    };
    let route = route.ok_or_else(|| unroutable(gateway, &called))?;
    let plan = &route.group.dial_plan;
    let destination = destination(directory, call, &called, &route)?;
    let caller = call.calling.as_ref().filter(|caller| !caller.anonymous);
    let caller = caller.and_then(|caller| directory.caller_of(plan, &caller.user, caller.host.as_deref()));
    Ok(Resolved {
        gateway: gateway.clone(),
        hunt_group: route.group.clone(),
        dial_plan: plan.clone(),
        caller: caller.cloned(),
        destination,
    })
}

#[derive(Default)]
struct Called {
    /// Empty when the call names nobody.
    user: String,
    host: Option<String>,
}

/// Where the called number leads.
struct Route<'d> {
    group: &'d Arc<HuntGroup>,
    /// The mailbox that the called number itself names, when it is no pilot.
    mailbox: Option<&'d Arc<Mailbox>>,
}

fn admit<'d>(directory: &'d Directory, call: &CallFacts) -> Result<&'d Arc<IpGateway>, Refused> {
    let Some(gateway) = directory.gateway_of(call.peer, call.peer_port) else {
        return Err(Refused::new(403, format!("{} is not the address of a UM IP gateway", call.peer.to_canonical())));
    };
    match gateway.status {
        GatewayStatus::Enabled => Ok(gateway),
        GatewayStatus::Disabled => Err(Refused::new(403, format!("UM IP gateway {} is disabled", gateway.name))),
        GatewayStatus::NoNewCalls => Err(Refused::new(
            480,
            format!("UM IP gateway {} takes no new calls (its Status is NoNewCalls)", gateway.name),
        )),
    }
}

/// Some gateways send a request URI without user and the number in To.
fn called_party(call: &CallFacts) -> Called {
    let of = |uri: &Uri| uri.user().map(|user| Called { user, host: uri.host() });
    of(call.called).or_else(|| of(call.to)).unwrap_or_default()
}

/// A pilot or access number; else a number of a mailbox (a PBX that routes the extension itself); else the group that
/// takes all calls.
fn route<'d>(directory: &'d Directory, links: &'d Links, called: &Called) -> Option<Route<'d>> {
    let host = called.host.as_deref();
    if let Some(group) = links.group_of(&called.user, host) {
        return Some(Route { group, mailbox: None });
    }
    let catch_all = links.catch_all.as_ref();
    let user_of = |group: &'d Arc<HuntGroup>| {
        let mailbox = directory.user_of(&group.dial_plan, &called.user, host, Match::LastDigits)?;
        Some(Route { group, mailbox: Some(mailbox) })
    };
    // where two plans know the number, the plan that takes all calls comes first, then the order of the hunt groups
    let routed = catch_all.and_then(user_of).or_else(|| links.plans.iter().find_map(user_of));
    routed.or_else(|| catch_all.map(|group| Route { group, mailbox: None }))
}

/// An access number of a plan that trusts the peer; else the user who was called, or for whom it was diverted, of the
/// first plan that has one. A peer is trusted with the users of its plans, not with calls for nobody.
fn route_of_peer<'d>(
    directory: &'d Directory,
    links: &'d Links,
    called: &Called,
    diversions: &[DivertedFrom],
) -> Option<Route<'d>> {
    if let Some(group) = links.group_of(&called.user, called.host.as_deref()) {
        return Some(Route { group, mailbox: None });
    }
    let user = |group: &'d Arc<HuntGroup>, user: &str, host: Option<&str>| {
        directory.user_of(&group.dial_plan, user, host, Match::Exact)
    };
    let by_user = links.plans.iter().find_map(|group| {
        let mailbox = user(group, &called.user, called.host.as_deref())?;
        Some(Route { group, mailbox: Some(mailbox) })
    });
    by_user.or_else(|| {
        let diverted = |group: &&'d Arc<HuntGroup>| {
            diversions.iter().any(|diversion| user(group, &diversion.user, diversion.host.as_deref()).is_some())
        };
        Some(Route { group: links.plans.iter().find(diverted)?, mailbox: None })
    })
}

fn destination(
    directory: &Directory,
    call: &CallFacts,
    called: &Called,
    route: &Route,
) -> Result<Destination, Refused> {
    let plan = &route.group.dial_plan;
    // a diversion that names the pilot says nothing about a user
    let names_pilot = |diversion: &&DivertedFrom| {
        route.mailbox.is_none() && diversion.user == called.user
            || directory
                .links_of(&route.group.ip_gateway)
                .is_some_and(|links| links.group_of(&diversion.user, diversion.host.as_deref()).is_some())
    };
    let diverted = || call.diversions.iter().filter(|diversion| !names_pilot(diversion));
    let meant = diverted().find_map(|diversion| {
        let mailbox = directory.user_of(plan, &diversion.user, diversion.host.as_deref(), Match::LastDigits)?;
        Some((mailbox, diversion.reason))
    });
    let first = diverted().next();
    let routed = || Some((route.mailbox?, first.map_or(ReasonForCall::Direct, |diversion| diversion.reason)));
    match (meant.or_else(routed), first) {
        (Some((mailbox, reason)), _) => Ok(Destination::CallAnswering { mailbox: mailbox.clone(), reason }),
        (None, Some(diversion)) => Err(Refused::new(
            404,
            format!(
                "no mailbox of dial plan {} has {}, for whom the call was diverted",
                plan.name,
                short(&diversion.user)
            ),
        )),
        (None, None) => Ok(Destination::SubscriberAccess),
    }
}

fn unroutable(gateway: &IpGateway, called: &Called) -> Refused {
    let (name, user) = (&gateway.name, short(&called.user));
    let reason = match user.is_empty() {
        _ if gateway.trusted_peer => {
            format!("no dial plan that trusts {name} has user {user}, or one for whom the call was diverted")
        }
        true => format!("the call names no user, and no hunt group of UM IP gateway {name} takes all calls"),
        false => format!(
            "no hunt group of UM IP gateway {name} has pilot {user}, and no mailbox of its dial plans has that number"
        ),
    };
    Refused::new(404, reason)
}

/// A peer's text in a sentence.
fn short(text: &str) -> String {
    text.chars().take(64).collect()
}

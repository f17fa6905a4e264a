//! The router as a stateless proxy (RFC 3261 16.11), for gateways that cannot follow a redirect.
//! Knows: requests and responses that pass, and between whom they may. Must not: keep a transaction; each message says
//! itself where it goes.
//!
//! The branch of our Via follows from the one that came, so that CANCEL and ACK go the INVITE's way; Record-Route keeps
//! the dialog on it. What comes over a stream goes on over one: which connection leads back is written into our Via and
//! our Record-Route, so that it is known again without anything being kept. Nobody is served but gateways with
//! `redirect = false` on one side and servers of ours on the other: this is no open relay.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::Role;
use super::answer::{hash, refuses};
use super::decision::{RETRY_LATER, Target, decide, unavailable};
use super::understand::understand;
use super::view::View;
use crate::directory::Resolved;
use crate::protocol::sip::dialog::Refusal;
use crate::protocol::sip::endpoint::response_way;
use crate::protocol::sip::values::Via;
use crate::protocol::sip::{Flow, HeaderName, Headers, Method, NameAddr, Request, Response, Status, Transport, Uri};

/// What branches of ours begin with; nobody else's do.
pub(super) const MARK: &str = "z9hG4bK-ringpost-";
/// The parameter of our Via that says over which connection the request came.
const CAME: &str = "came";
/// The parameter of our Via in a CANCEL that went to more than one worker: one has the call, the others say so.
const COPIED: &str = "copied";

/// What becomes of a request that may have to be sent on.
pub(super) enum Passage {
    /// It is for us to answer.
    Ours,
    /// It goes on, changed.
    On(Box<Request>, Onward),
    Refused(Refusal),
    /// It leads nowhere, and nobody is told.
    Lost,
}

/// Where a message goes on to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Onward {
    /// UDP or TCP: what it came by.
    pub transport: Transport,
    /// The peer whose connection it goes along, while there is one. Streams only.
    pub along: Option<SocketAddr>,
    /// Where it goes otherwise; for a stream, along the connection that leads there, or a new one.
    pub to: SocketAddr,
    /// Who else gets a copy.
    pub also: Vec<SocketAddr>,
}

/// Whether calls of this peer are sent on instead of being redirected.
pub(super) fn forwards(view: &View, peer: SocketAddr) -> bool {
    view.gateway(peer).is_some_and(|gateway| !gateway.redirect)
}

/// The gateway behind a request: who sent it, or, when routers of ours have sent it on, who sent it to the first.
/// `is_ours` says whether an address is one of this organisation's own servers.
pub fn peer_of(request: &Request, source: SocketAddr, is_ours: impl Fn(IpAddr) -> bool) -> SocketAddr {
    let mut peer = source;
    let mut vias = request.headers.values(&HeaderName::Via).map(Via::parse);
    let mut top = vias.next().flatten();
    while let (Some(via), Some(Some(before))) = (&top, vias.next()) {
        if !is_marked(via) || !is_ours(peer.ip()) {
            break;
        }
        let Some(sender) = came_along(via).or_else(|| sender_of(&before)) else { break };
        peer = sender;
        top = Some(before);
    }
    peer
}

/// Decides about a screened request (ACK too) that came along `flow`; its topmost Via is stamped.
pub(super) fn request(view: &View, role: Role, request: &Request, flow: Flow) -> Passage {
    let route = request.headers.values(&HeaderName::Route).next().map(NameAddr::parse);
    // an INVITE that opens a dialog may name us in a Route too (an outbound proxy)
    if let Some(route) = route.filter(|route| is_in_dialog(request) && is_this(&route.uri, flow)) {
        return in_dialog(view, request, &route.uri, flow);
    }
    let peer = || peer_of(request, flow.remote, |ip| is_server(view, ip, flow));
    let initial = matches!(request.method, Method::Invite | Method::Cancel | Method::Ack);
    if !initial || !forwards(view, peer()) {
        return Passage::Ours;
    }
    if flow.transport == Transport::Tls {
        let why = "calls of a UM IP gateway that does not follow redirects (redirect = false) are taken over UDP and TCP only";
        return match request.method {
            Method::Invite => Passage::Refused(Refusal::new(Status::TEMPORARILY_UNAVAILABLE, why)),
            _ => Passage::Ours,
        };
    }
    if let Some(why) = refuses(view, role).filter(|_| request.method == Method::Invite) {
        return Passage::Refused(unavailable(why, RETRY_LATER));
    }
    match targets(view, role, request, peer(), flow) {
        Ok((to, also)) => {
            let mut onward = passed_on(view, request.clone(), flow);
            if request.method == Method::Cancel && !also.is_empty() {
                mark_copied(&mut onward);
            }
            Passage::On(Box::new(onward), Onward { transport: flow.transport, along: None, to, also })
        }
        // what was refused has had its answer
        Err(_) if request.method == Method::Ack => Passage::Lost,
        Err(_) if request.method == Method::Cancel => Passage::Ours,
        Err(refusal) => Passage::Refused(refusal),
    }
}

/// The way back of a response: our Via is taken off, the next one says where to.
pub(super) fn response(view: &View, mut response: Response, flow: Flow) -> Option<(Response, Onward)> {
    let top = Via::top(&response.headers).filter(is_marked)?;
    let vias: Vec<String> = response.headers.values(&HeaderName::Via).skip(1).map(str::to_owned).collect();
    let next = Via::parse(vias.first()?)?;
    if top.branch() != Some(branch(view, &next, &response.headers).as_str()) || next.transport != word(flow.transport) {
        return None;
    }
    let (to, along) = (sender_of(&next)?, came_along(&top));
    may_pass(view, flow, along.unwrap_or(to)).then_some(())?;
    // the worker that has the call says 200, and to the INVITE what became of it
    if top.param(COPIED).is_some() && response.status.code() >= 300 {
        return None;
    }
    response.headers.remove(&HeaderName::Via);
    for via in vias.into_iter().rev() {
        response.headers.push_front(HeaderName::Via, via);
    }
    Some((response, Onward { transport: flow.transport, along, to, also: Vec::new() }))
}

/// A request within a dialog that runs through us: from gateway to server or back. `route` is our own.
fn in_dialog(view: &View, request: &Request, route: &Uri, flow: Flow) -> Passage {
    let mut onward = request.clone();
    let routes: Vec<String> = request.headers.values(&HeaderName::Route).skip(1).map(str::to_owned).collect();
    onward.headers.remove(&HeaderName::Route);
    for route in routes.iter().rev() {
        onward.headers.push_front(HeaderName::Route, route.as_str());
    }
    let hop = routes.first().map(|route| NameAddr::parse(route).uri);
    let hop = hop.as_ref().unwrap_or(&request.uri);
    let along = callers_connection(view, route, request).filter(|_| flow.transport != Transport::Udp);
    let named = hop.address().map(|ip| SocketAddr::new(ip, hop.port().unwrap_or(5060)));
    let Some(to) = named.or(along) else { return Passage::Lost };
    // what leads back to us would go round for ever
    let round = along.is_none() && to.ip() == flow.local.ip() && to.port() == flow.local.port();
    match may_pass(view, flow, along.unwrap_or(to)) && !round && flow.transport != Transport::Tls {
        true => {
            let passed = passed_on(view, onward, flow);
            Passage::On(Box::new(passed), Onward { transport: flow.transport, along, to, also: Vec::new() })
        }
        false if request.method == Method::Ack => Passage::Lost,
        false => Passage::Refused(Refusal::new(Status::FORBIDDEN, "not between a UM IP gateway and a UM service")),
    }
}

fn is_in_dialog(request: &Request) -> bool {
    request.headers.get(&HeaderName::To).is_some_and(|to| NameAddr::parse(to).tag().is_some())
}

/// From a server of ours to a gateway or another server, or from a gateway that is served so to a server.
fn may_pass(view: &View, flow: Flow, to: SocketAddr) -> bool {
    let to_server = is_server(view, to.ip(), flow);
    is_server(view, flow.remote.ip(), flow) && (to_server || view.gateway(to).is_some())
        || to_server && view.gateway(flow.remote).is_some()
}

/// Where a call goes, and where else what belongs to a call must go that may have begun before workers changed.
fn targets(
    view: &View,
    role: Role,
    request: &Request,
    peer: SocketAddr,
    flow: Flow,
) -> Result<(SocketAddr, Vec<SocketAddr>), Refusal> {
    let resolved = understand(request, peer, None, view.here(role))?;
    let spread = hash(0, request.headers.get(&HeaderName::CallId).unwrap_or_default());
    if request.method == Method::Invite {
        return Ok((target(view, role, &resolved, spread, flow)?, Vec::new()));
    }
    // a call that was taken is not held up by what keeps new ones away
    let mut view = view.clone();
    let mut workers = Vec::new();
    if let Some(home) = &mut view.home {
        (home.refuses, home.full) = (None, None);
        home.worker_port = home.worker_port.or_else(|| home.draining_ports.pop());
        workers.extend(home.worker_port.into_iter().chain(home.draining_ports.iter().copied()));
    }
    let to = target(&view, role, &resolved, spread, flow)?;
    let to_worker = to.ip() == flow.local.ip() && workers.contains(&to.port());
    let others = workers.into_iter().filter(|port| to_worker && *port != to.port());
    Ok((to, others.map(|port| SocketAddr::new(to.ip(), port)).collect()))
}

fn target(view: &View, role: Role, resolved: &Resolved, spread: u64, flow: Flow) -> Result<SocketAddr, Refusal> {
    let Target { place, .. } = decide(view, role, resolved, flow.local.ip(), spread)?;
    let own = decide(view, Role::Service, resolved, flow.local.ip(), spread);
    let at_home = view.home.as_ref().is_some_and(|home| home.service_port == place.port);
    match place.host {
        // this node's own service would only send it on to the worker; what is advertised is for those outside
        _ if role == Role::Service || at_home && own.as_ref().is_ok_and(|own| own.place.host == place.host) => {
            Ok(SocketAddr::new(flow.local.ip(), own?.place.port))
        }
        host => match view.directory.addresses_of(&host).first() {
            Some(address) => Ok(SocketAddr::new(*address, place.port)),
            None => {
                let why = format!("server {host} has no address in its [[service]], which redirect = false needs");
                Err(Refusal::new(Status::TEMPORARILY_UNAVAILABLE, &why))
            }
        },
    }
}

/// RFC 3261 16.6: one hop less, our Via on top, and for what opens a dialog our Record-Route.
fn passed_on(view: &View, mut request: Request, flow: Flow) -> Request {
    let hops = request.headers.get(&HeaderName::MaxForwards).and_then(|hops| hops.parse::<u32>().ok()).unwrap_or(70);
    request.headers.set(HeaderName::MaxForwards, hops.saturating_sub(1).to_string());
    if request.method == Method::Invite && !is_in_dialog(&request) {
        let route = match flow.transport {
            Transport::Udp => format!("<sip:{};lr>", flow.local),
            _ => format!("<sip:{}@{};transport=tcp;lr>", callers_mark(view, &request, flow.remote), flow.local),
        };
        request.headers.push_front(HeaderName::RecordRoute, route);
    }
    if let Some(top) = Via::top(&request.headers) {
        let branch = branch(view, &top, &request.headers);
        let came = match flow.transport {
            Transport::Udp => String::new(),
            _ => format!(";{CAME}={}", written(flow.remote)),
        };
        let via = format!("SIP/2.0/{} {};branch={branch}{came}", word(flow.transport), flow.local);
        request.headers.push_front(HeaderName::Via, via);
    }
    request
}

fn mark_copied(request: &mut Request) {
    let mut vias = request.headers.values(&HeaderName::Via).map(str::to_owned).collect::<Vec<_>>();
    if let Some(top) = vias.first_mut() {
        top.push_str(&format!(";{COPIED}"));
    }
    request.headers.remove(&HeaderName::Via);
    vias.into_iter().rev().for_each(|via| request.headers.push_front(HeaderName::Via, via));
}

/// The same for a request, its CANCEL and the ACK to its refusal, and known again in the response.
fn branch(view: &View, before: &Via, headers: &Headers) -> String {
    let cseq = headers.get(&HeaderName::CSeq).unwrap_or_default();
    let number = cseq.split_ascii_whitespace().next().unwrap_or_default();
    let parts = [headers.get(&HeaderName::CallId).unwrap_or_default(), before.branch().unwrap_or_default(), number];
    format!("{MARK}{:016x}", parts.iter().fold(view.seed, |seed, part| hash(seed, part)))
}

fn is_marked(via: &Via) -> bool {
    via.branch().is_some_and(|branch| branch.starts_with(MARK))
}

/// The user part of our Record-Route: the caller's connection, and a mark by which requests of the caller's side are
/// told from those that go to it.
fn callers_mark(view: &View, invite: &Request, caller: SocketAddr) -> String {
    format!("{}-{}", written(caller), side(view, invite))
}

/// The connection that a request towards the caller of its dialog goes along.
fn callers_connection(view: &View, route: &Uri, request: &Request) -> Option<SocketAddr> {
    let user = route.user()?;
    let (caller, of_caller) = user.rsplit_once('-')?;
    (of_caller != side(view, request)).then(|| read(caller)).flatten()
}

/// Which side of its dialog a request comes from.
fn side(view: &View, request: &Request) -> String {
    let from = request.headers.get(&HeaderName::From).map(NameAddr::parse);
    let tag = from.as_ref().and_then(|from| from.tag()).unwrap_or_default();
    format!("{:08x}", hash(view.seed, tag) >> 32)
}

/// The peer whose connection the request under this Via of ours came by.
fn came_along(via: &Via) -> Option<SocketAddr> {
    via.param(CAME).and_then(read)
}

/// An address in letters that may stand in any parameter and user part.
fn written(address: SocketAddr) -> String {
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => format!("{:08x}-{:04x}", ip.to_bits(), address.port()),
        IpAddr::V6(ip) => format!("{:032x}-{:04x}", ip.to_bits(), address.port()),
    }
}

fn read(written: &str) -> Option<SocketAddr> {
    let (ip, port) = written.split_once('-')?;
    let ip: IpAddr = match ip.len() {
        8 => Ipv4Addr::from_bits(u32::from_str_radix(ip, 16).ok()?).into(),
        32 => Ipv6Addr::from_bits(u128::from_str_radix(ip, 16).ok()?).into(),
        _ => return None,
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

fn word(transport: Transport) -> &'static str {
    match transport {
        Transport::Udp => "UDP",
        Transport::Tcp => "TCP",
        Transport::Tls => "TLS",
    }
}

/// Where the sender of a stamped Via is heard (RFC 3261 18.2.2, RFC 3581).
fn sender_of(via: &Via) -> Option<SocketAddr> {
    let noted = via.param("received").or(Some(via.host.as_str()));
    let ip: IpAddr = noted?.trim_matches(['[', ']']).parse().ok()?;
    if via.transport != word(Transport::Udp) {
        // the far end of a connection is none to connect to
        return Some(SocketAddr::new(ip, via.port.unwrap_or(5060)));
    }
    let port = via.param("rport").and_then(|port| port.parse().ok()).unwrap_or(5060);
    let remote = SocketAddr::new(ip, port);
    let flow = Flow { transport: Transport::Udp, local: remote, remote, connection: None };
    Some(response_way(via, flow).flow.remote)
}

/// Ourselves or another server of this organisation.
pub fn is_server(view: &View, ip: IpAddr, flow: Flow) -> bool {
    let ip = ip.to_canonical();
    ip == flow.local.ip().to_canonical() || view.advertised == Some(ip) || view.directory.is_server(ip)
}

/// A Route that names us: the address and port the message came to.
fn is_this(uri: &Uri, flow: Flow) -> bool {
    uri.address().is_some_and(|ip| ip.to_canonical() == flow.local.ip().to_canonical())
        && uri.port().unwrap_or(5060) == flow.local.port()
}

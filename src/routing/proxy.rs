//! The router as a stateless proxy (RFC 3261 16.11), for gateways that cannot follow a redirect.
//! Knows: requests and responses that pass, and between whom they may. Must not: keep a transaction; each message says
//! itself where it goes.
//!
//! The branch of our Via follows from the one that came, so that CANCEL and ACK go the INVITE's way; Record-Route keeps
//! the dialog on it. Nobody is served but gateways with `redirect = false` on one side and UM services of ours on the
//! other: this is no open relay.

use std::net::{IpAddr, SocketAddr};

use super::Role;
use super::answer::hash;
use super::decision::{Target, decide};
use super::understand::understand;
use super::view::View;
use crate::directory::GatewayAddress;
use crate::protocol::sip::dialog::Refusal;
use crate::protocol::sip::endpoint::response_way;
use crate::protocol::sip::values::Via;
use crate::protocol::sip::{Flow, HeaderName, Method, NameAddr, Request, Response, Status, Transport, Uri};

/// What branches of ours begin with; nobody else's do.
pub(super) const MARK: &str = "z9hG4bK-ringpost-";

/// What becomes of a request that may have to be sent on.
pub(super) enum Passage {
    /// It is for us to answer.
    Ours,
    /// It goes on, changed, to that address.
    On(Box<Request>, SocketAddr),
    Refused(Refusal),
    /// It leads nowhere, and nobody is told.
    Lost,
}

/// Whether calls from there are sent on instead of being redirected.
pub(super) fn forwards(view: &View, flow: Flow) -> bool {
    view.gateway(flow.remote).is_some_and(|gateway| !gateway.redirect)
}

/// The gateway behind a request: who sent it, or, when a router of ours has sent it on, who sent it to the router.
/// `is_ours` says whether an address is one of this organisation's own servers.
pub fn peer_of(request: &Request, source: SocketAddr, is_ours: impl FnOnce(IpAddr) -> bool) -> SocketAddr {
    let mut vias = request.headers.values(&HeaderName::Via).map(Via::parse);
    let (Some(Some(top)), Some(Some(before))) = (vias.next(), vias.next()) else { return source };
    if !is_marked(&top) || !is_ours(source.ip()) {
        return source;
    }
    let flow = Flow { transport: Transport::Udp, local: source, remote: source, connection: None };
    sender_of(&before, flow).unwrap_or(source)
}

/// Decides about a screened request (ACK too) that came along `flow`; its topmost Via is stamped.
pub(super) fn request(view: &View, role: Role, request: &Request, flow: Flow) -> Passage {
    let route = request.headers.values(&HeaderName::Route).next().map(NameAddr::parse);
    let to_tag = request.headers.get(&HeaderName::To).is_some_and(|to| NameAddr::parse(to).tag().is_some());
    // an INVITE that opens a dialog may name us in a Route too (an outbound proxy)
    if to_tag && route.is_some_and(|route| is_this(&route.uri, flow)) {
        return in_dialog(view, request, flow);
    }
    let initial = matches!(request.method, Method::Invite | Method::Cancel | Method::Ack);
    if !initial || !forwards(view, flow) {
        return Passage::Ours;
    }
    if flow.transport != Transport::Udp {
        let why = "calls of a UM IP gateway that does not follow redirects (redirect = false) are taken over UDP only";
        return if request.method == Method::Invite {
            Passage::Refused(Refusal::new(Status::TEMPORARILY_UNAVAILABLE, why))
        } else {
            Passage::Ours
        };
    }
    match target(view, role, request, flow) {
        Ok(to) => Passage::On(Box::new(passed_on(view, request.clone(), flow)), to),
        // what was refused has had its answer
        Err(_) if request.method == Method::Ack => Passage::Lost,
        Err(_) if request.method == Method::Cancel => Passage::Ours,
        Err(refusal) => Passage::Refused(refusal),
    }
}

/// The way back of a response: our Via is taken off, the next one says where to.
pub(super) fn response(view: &View, mut response: Response, flow: Flow) -> Option<(Response, SocketAddr)> {
    let top = Via::top(&response.headers).filter(is_marked)?;
    let vias: Vec<String> = response.headers.values(&HeaderName::Via).skip(1).map(str::to_owned).collect();
    let next = Via::parse(vias.first()?)?;
    let to = sender_of(&next, flow)?;
    let between = is_server(view, flow.remote.ip(), flow) && view.gateway(to).is_some()
        || view.gateway(flow.remote).is_some() && is_server(view, to.ip(), flow);
    if !between || top.branch() != Some(branch(view, &next, &response.headers).as_str()) {
        return None;
    }
    response.headers.remove(&HeaderName::Via);
    for via in vias.into_iter().rev() {
        response.headers.push_front(HeaderName::Via, via);
    }
    Some((response, to))
}

/// A request within a dialog that runs through us: from gateway to server or back.
fn in_dialog(view: &View, request: &Request, flow: Flow) -> Passage {
    let mut onward = request.clone();
    let routes: Vec<String> = request.headers.values(&HeaderName::Route).skip(1).map(str::to_owned).collect();
    onward.headers.remove(&HeaderName::Route);
    for route in routes.iter().rev() {
        onward.headers.push_front(HeaderName::Route, route.as_str());
    }
    let hop = routes.first().map(|route| NameAddr::parse(route).uri);
    let hop = hop.as_ref().unwrap_or(&request.uri);
    let Some(to) = hop.address().map(|ip| SocketAddr::new(ip, hop.port().unwrap_or(5060))) else {
        return Passage::Lost;
    };
    let (from_server, to_server) = (is_server(view, flow.remote.ip(), flow), is_server(view, to.ip(), flow));
    let between = from_server && view.gateway(to).is_some() || to_server && forwards(view, flow);
    // what leads back to us would go round for ever
    let round = to.ip() == flow.local.ip() && to.port() == flow.local.port();
    match between && !round && flow.transport == Transport::Udp {
        true => Passage::On(Box::new(passed_on(view, onward, flow)), to),
        false if request.method == Method::Ack => Passage::Lost,
        false => Passage::Refused(Refusal::new(Status::FORBIDDEN, "not between a UM IP gateway and a UM service")),
    }
}

fn target(view: &View, role: Role, request: &Request, flow: Flow) -> Result<SocketAddr, Refusal> {
    let peer = peer_of(request, flow.remote, |ip| is_server(view, ip, flow));
    let resolved = understand(request, peer, None, &view.directory)?;
    let spread = hash(0, request.headers.get(&HeaderName::CallId).unwrap_or_default());
    let Target { place, .. } = decide(view, role, &resolved, flow.local.ip(), spread)?;
    let own = decide(view, Role::Service, &resolved, flow.local.ip(), spread);
    let at_home = view.home.as_ref().is_some_and(|home| home.service_port == place.port);
    match place.host {
        // this node's own service would only send it on to the worker; what is advertised is for those outside
        _ if role == Role::Service || at_home && own.as_ref().is_ok_and(|own| own.place.host == place.host) => {
            Ok(SocketAddr::new(flow.local.ip(), own?.place.port))
        }
        GatewayAddress::Ip(address) => Ok(SocketAddr::new(address, place.port)),
        GatewayAddress::Host(host) => {
            let why = format!("server {host} has no address in its [[service]], which redirect = false needs");
            Err(Refusal::new(Status::TEMPORARILY_UNAVAILABLE, &why))
        }
    }
}

/// RFC 3261 16.6: one hop less, our Via on top, and for what opens a dialog our Record-Route.
fn passed_on(view: &View, mut request: Request, flow: Flow) -> Request {
    let hops = request.headers.get(&HeaderName::MaxForwards).and_then(|hops| hops.parse::<u32>().ok()).unwrap_or(70);
    request.headers.set(HeaderName::MaxForwards, hops.saturating_sub(1).to_string());
    if request.method == Method::Invite {
        request.headers.push_front(HeaderName::RecordRoute, format!("<sip:{};lr>", flow.local));
    }
    if let Some(top) = Via::top(&request.headers) {
        let branch = branch(view, &top, &request.headers);
        request.headers.push_front(HeaderName::Via, format!("SIP/2.0/UDP {};branch={branch}", flow.local));
    }
    request
}

/// The same for a request, its CANCEL and the ACK to its refusal, and known again in the response.
fn branch(view: &View, before: &Via, headers: &crate::protocol::sip::Headers) -> String {
    let cseq = headers.get(&HeaderName::CSeq).unwrap_or_default();
    let number = cseq.split_ascii_whitespace().next().unwrap_or_default();
    let parts = [headers.get(&HeaderName::CallId).unwrap_or_default(), before.branch().unwrap_or_default(), number];
    format!("{MARK}{:016x}", parts.iter().fold(view.seed, |seed, part| hash(seed, part)))
}

fn is_marked(via: &Via) -> bool {
    via.branch().is_some_and(|branch| branch.starts_with(MARK))
}

/// Where the sender of a stamped Via is heard (RFC 3261 18.2.2, RFC 3581).
fn sender_of(via: &Via, flow: Flow) -> Option<SocketAddr> {
    let noted = via.param("received").or(Some(via.host.as_str()));
    let ip: IpAddr = noted?.trim_matches(['[', ']']).parse().ok()?;
    match via.param("rport").and_then(|port| port.parse().ok()) {
        Some(port) => Some(SocketAddr::new(ip, port)),
        None => Some(response_way(via, Flow { remote: SocketAddr::new(ip, 5060), ..flow }).flow.remote),
    }
}

/// Ourselves or another server that has a UM service.
pub(super) fn is_server(view: &View, ip: IpAddr, flow: Flow) -> bool {
    let ip = ip.to_canonical();
    let named = |server: &super::view::Server| server.place.host == GatewayAddress::Ip(ip);
    ip == flow.local.ip().to_canonical() || view.advertised == Some(ip) || view.servers.iter().any(named)
}

/// A Route that names us: the address and port the message came to.
fn is_this(uri: &Uri, flow: Flow) -> bool {
    uri.address().is_some_and(|ip| ip.to_canonical() == flow.local.ip().to_canonical())
        && uri.port().unwrap_or(5060) == flow.local.port()
}

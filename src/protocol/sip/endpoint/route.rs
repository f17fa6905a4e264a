//! Where messages go: responses by the Via (RFC 3261 18.2, RFC 3581), requests by Route and Request-URI (8.1.2).
//! Knows: header values and flows. Must not: resolve a name, know who sends.

use super::super::uri::Scheme;
use super::super::values::Via;
use super::super::{Flow, HeaderName, Request, Transport, Uri};
use std::net::{IpAddr, SocketAddr};

/// A flow, and the one to take when its connection is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way {
    pub flow: Flow,
    /// Same transport, connection still to be opened.
    pub otherwise: Option<Flow>,
}

/// Notes on the topmost Via where the request came from: `received` when sent-by does not say it (RFC 3261 18.2.1) or
/// rport asks for it, and the value of `rport` (RFC 3581 4). What the peer wrote there itself is not believed.
pub fn stamp(request: &mut Request, via: &Via, source: SocketAddr) {
    let asks_rport = via.param("rport").is_some();
    let ip = source.ip().to_canonical();
    let says_so = via.host.parse::<IpAddr>().is_ok_and(|host| host.to_canonical() == ip);
    let tells_received = asks_rport || !says_so;
    if !tells_received && via.param("received").is_none() {
        return;
    }

    let mut fields = request.headers.fields(&HeaderName::Via).map(str::to_owned).collect::<Vec<_>>();
    let Some(first) = fields.first_mut() else { return };
    let top = first_value(first);
    let rest = first.get(top.len()..).unwrap_or_default();
    let mut parts = split_outside_quotes(top, b';').map(str::trim);
    let mut stamped = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let name = part.split('=').next().unwrap_or_default().trim();
        if !name.eq_ignore_ascii_case("received") && !name.eq_ignore_ascii_case("rport") {
            stamped.push(';');
            stamped.push_str(part);
        }
    }
    if tells_received {
        stamped.push_str(&format!(";received={ip}"));
    }
    if asks_rport {
        stamped.push_str(&format!(";rport={}", source.port()));
    }
    *first = format!("{stamped}{rest}");

    request.headers.remove(&HeaderName::Via);
    for field in fields.into_iter().rev() {
        request.headers.push_front(HeaderName::Via, field);
    }
}

/// Where the response to a request goes that came along `flow` (RFC 3261 18.2.2, RFC 3581 4). Host names are never
/// needed: where sent-by is one, `received` is the address we saw.
pub fn response_way(via: &Via, flow: Flow) -> Way {
    let source = flow.remote;
    let port = via.port.filter(|port| *port != 0).unwrap_or(default_port(flow.transport));
    if flow.transport.is_reliable() {
        // the same connection; when that is gone, a new one to the address it came from
        let otherwise = Flow { remote: SocketAddr::new(source.ip(), port), connection: None, ..flow };
        return Way { flow, otherwise: Some(otherwise) };
    }
    let maddr = via.param("maddr").and_then(|maddr| maddr.trim_matches(['[', ']']).parse::<IpAddr>().ok());
    let remote = match maddr.filter(|ip| !ip.is_multicast() && !ip.is_unspecified()) {
        Some(ip) => SocketAddr::new(ip, port),
        None if via.param("rport").is_some() => source,
        None => SocketAddr::new(source.ip(), port),
    };
    Way { flow: Flow { remote, ..flow }, otherwise: None }
}

/// Where a request of a dialog goes (RFC 3261 8.1.2, 12.2.1.1), when the dialog last heard from its peer along `flow`:
/// to the next hop, if that is an address; along `flow` itself if it is a name (we resolve none inside a dialog), if
/// the peer is behind a NAT and names an address of its own side, and if a connection leads to that address already;
/// and along `flow` if the hop asks for TLS but the dialog did not come by it: we open no TLS connection, and nothing
/// goes to a TLS port in plain text.
pub(super) fn request_way(hop: &Uri, flow: Flow) -> Way {
    let transport = transport_of(hop).unwrap_or(flow.transport);
    if transport == Transport::Tls && flow.transport != Transport::Tls {
        return Way { flow, otherwise: None };
    }
    let port = hop.port().unwrap_or(default_port(transport));
    let named = hop.param("maddr").or_else(|| hop.host()).and_then(|host| host.parse::<IpAddr>().ok());
    let behind_nat = |ip: IpAddr| is_private(ip) && !is_private(flow.remote.ip());
    let address = named.filter(|ip| !ip.is_unspecified() && !behind_nat(*ip));

    let to = |ip| Flow { transport, remote: SocketAddr::new(ip, port), connection: None, ..flow };
    let here = address.is_none_or(|ip| ip.to_canonical() == flow.remote.ip().to_canonical());
    if transport == flow.transport && flow.connection.is_some() && here {
        return Way { flow, otherwise: Some(to(flow.remote.ip())) };
    }
    let flow = match address {
        Some(ip) => to(ip),
        None if transport == flow.transport => flow,
        None => to(flow.remote.ip()),
    };
    Way { flow, otherwise: None }
}

fn transport_of(hop: &Uri) -> Option<Transport> {
    if hop.scheme() == Scheme::Sips {
        return Some(Transport::Tls);
    }
    match hop.param("transport")?.to_ascii_lowercase().as_str() {
        "udp" => Some(Transport::Udp),
        "tcp" => Some(Transport::Tcp),
        "tls" => Some(Transport::Tls),
        _ => None,
    }
}

fn default_port(transport: Transport) -> u16 {
    if transport == Transport::Tls { 5061 } else { 5060 }
}

/// An address that means something only on its own side of a NAT.
fn is_private(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_unspecified(),
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_loopback() || ip.is_unicast_link_local() || ip.is_unspecified(),
    }
}

/// The first of the comma-separated values of a field, as written.
fn first_value(field: &str) -> &str {
    split_outside_quotes(field, b',').next().unwrap_or_default()
}

fn split_outside_quotes(text: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let mut quoted = false;
        let end = text.bytes().position(|byte| {
            quoted ^= byte == b'"';
            byte == separator && !quoted
        });
        rest = end.and_then(|at| text.get(at + 1..));
        Some(text.get(..end.unwrap_or(text.len())).unwrap_or_default())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::sip::{ConnectionId, Method};

    fn flow(transport: Transport, remote: &str) -> Flow {
        let connection = transport.is_reliable().then_some(ConnectionId(7));
        Flow { transport, local: "192.0.2.1:5060".parse().unwrap(), remote: remote.parse().unwrap(), connection }
    }

    fn stamped(via: &str, source: &str) -> String {
        let mut request = Request::new(Method::Options, Uri::parse("sip:192.0.2.1"));
        request.headers.push(HeaderName::Via, via);
        request.headers.push(HeaderName::Via, "SIP/2.0/UDP second.example.test");
        let top = Via::top(&request.headers).unwrap();
        stamp(&mut request, &top, source.parse().unwrap());
        let fields = request.headers.fields(&HeaderName::Via).collect::<Vec<_>>();
        assert_eq!(fields[1], "SIP/2.0/UDP second.example.test", "only the topmost Via is ours to change");
        fields[0].to_owned()
    }

    #[test]
    fn received_and_rport_are_noted_on_the_topmost_via() {
        for (via, source, expected) in [
            // RFC 3261 18.2.1
            ("SIP/2.0/UDP 192.0.2.9:5060;branch=b", "192.0.2.9:5060", "SIP/2.0/UDP 192.0.2.9:5060;branch=b"),
            ("SIP/2.0/UDP pbx.test;branch=b", "192.0.2.9:5060", "SIP/2.0/UDP pbx.test;branch=b;received=192.0.2.9"),
            ("SIP/2.0/UDP 10.0.0.1;branch=b", "192.0.2.9:5060", "SIP/2.0/UDP 10.0.0.1;branch=b;received=192.0.2.9"),
            // RFC 3581 4: with rport always both
            (
                "SIP/2.0/UDP 192.0.2.9;rport;branch=b",
                "192.0.2.9:1024",
                "SIP/2.0/UDP 192.0.2.9;branch=b;received=192.0.2.9;rport=1024",
            ),
            // what the peer claims is replaced
            ("SIP/2.0/UDP 192.0.2.9;received=203.0.113.1", "192.0.2.9:5060", "SIP/2.0/UDP 192.0.2.9"),
            (
                "SIP/2.0/UDP a.test;RPORT=99;x=\";\"",
                "192.0.2.9:1",
                "SIP/2.0/UDP a.test;x=\";\";received=192.0.2.9;rport=1",
            ),
            // several values in one line
            (
                "SIP/2.0/UDP a.test;branch=b, SIP/2.0/UDP b.test",
                "192.0.2.9:1",
                "SIP/2.0/UDP a.test;branch=b;received=192.0.2.9, SIP/2.0/UDP b.test",
            ),
            // IPv6, and IPv4 as a dual-stack socket shows it
            ("SIP/2.0/UDP [2001:db8::1]", "[2001:db8::1]:5060", "SIP/2.0/UDP [2001:db8::1]"),
            ("SIP/2.0/UDP [2001:db8::1]", "[2001:db8::2]:5060", "SIP/2.0/UDP [2001:db8::1];received=2001:db8::2"),
            ("SIP/2.0/UDP 192.0.2.9", "[::ffff:192.0.2.9]:5060", "SIP/2.0/UDP 192.0.2.9"),
        ] {
            assert_eq!(stamped(via, source), expected, "{via} from {source}");
        }
    }

    #[test]
    fn responses_follow_the_via() {
        for (via, source, expected) in [
            // RFC 3261 18.2.2
            ("SIP/2.0/UDP pbx.test:5080", "192.0.2.9:1024", "192.0.2.9:5080"),
            ("SIP/2.0/UDP pbx.test", "192.0.2.9:1024", "192.0.2.9:5060"),
            ("SIP/2.0/UDP pbx.test:0", "192.0.2.9:1024", "192.0.2.9:5060"),
            ("SIP/2.0/UDP pbx.test;maddr=192.0.2.77", "192.0.2.9:1024", "192.0.2.77:5060"),
            ("SIP/2.0/UDP pbx.test;maddr=239.1.1.1", "192.0.2.9:1024", "192.0.2.9:5060"),
            ("SIP/2.0/UDP pbx.test;maddr=not-an-address", "192.0.2.9:1024", "192.0.2.9:5060"),
            // RFC 3581 4
            ("SIP/2.0/UDP pbx.test:5080;rport", "192.0.2.9:1024", "192.0.2.9:1024"),
            ("SIP/2.0/UDP pbx.test;rport;maddr=192.0.2.77", "192.0.2.9:1024", "192.0.2.77:5060"),
        ] {
            let way = response_way(&Via::parse(via).unwrap(), flow(Transport::Udp, source));
            assert_eq!((way.flow.remote, way.otherwise), (expected.parse().unwrap(), None), "{via} from {source}");
        }
    }

    #[test]
    fn responses_on_streams_use_their_connection_then_a_new_one() {
        for (transport, via, new) in [
            (Transport::Tcp, "SIP/2.0/TCP pbx.test:5080", "192.0.2.9:5080"),
            (Transport::Tcp, "SIP/2.0/TCP pbx.test;rport", "192.0.2.9:5060"),
            (Transport::Tls, "SIP/2.0/TLS pbx.test", "192.0.2.9:5061"),
        ] {
            let flow = flow(transport, "192.0.2.9:33333");
            let way = response_way(&Via::parse(via).unwrap(), flow);
            assert_eq!(way.flow, flow);
            assert_eq!(way.otherwise, Some(Flow { remote: new.parse().unwrap(), connection: None, ..flow }), "{via}");
        }
    }

    fn way_of(hop: &str, flow: Flow) -> Way {
        request_way(&Uri::parse(hop), flow)
    }

    #[test]
    fn requests_over_udp_go_to_the_next_hop() {
        for (hop, source, expected) in [
            ("sip:u@192.0.2.20:5080", "192.0.2.9:1024", "192.0.2.20:5080"),
            ("sip:u@192.0.2.20", "192.0.2.9:1024", "192.0.2.20:5060"),
            ("sip:192.0.2.30:5070;lr", "192.0.2.9:1024", "192.0.2.30:5070"),
            ("sip:u@host.test;maddr=192.0.2.40", "192.0.2.9:1024", "192.0.2.40:5060"),
            // a name, an address behind a NAT, no address at all: back where the peer was last heard
            ("sip:u@host.test", "192.0.2.9:1024", "192.0.2.9:1024"),
            ("sip:u@10.0.0.4:5060", "192.0.2.9:1024", "192.0.2.9:1024"),
            ("sip:u@0.0.0.0:5060", "192.0.2.9:1024", "192.0.2.9:1024"),
            ("sip:u@10.0.0.4:5060", "10.0.0.9:1024", "10.0.0.4:5060"),
            ("sip:u@127.0.0.1:5080", "127.0.0.1:5070", "127.0.0.1:5080"),
            ("tel:+14255550100", "192.0.2.9:1024", "192.0.2.9:1024"),
        ] {
            let way = way_of(hop, flow(Transport::Udp, source));
            assert_eq!(way.flow.remote, expected.parse().unwrap(), "{hop} from {source}");
            assert_eq!(way.otherwise, None);
        }
    }

    #[test]
    fn requests_on_streams_use_the_connection_that_leads_there() {
        let here = flow(Transport::Tcp, "192.0.2.9:33333");
        let new = |remote: &str| Flow { remote: remote.parse().unwrap(), connection: None, ..here };
        for uri in ["sip:u@192.0.2.9:5080;transport=tcp", "sip:u@192.0.2.9:5080"] {
            let way = way_of(uri, here);
            assert_eq!(way, Way { flow: here, otherwise: Some(new("192.0.2.9:5080")) }, "{uri}");
        }
        let way = way_of("sip:u@192.0.2.20;transport=tcp", here);
        assert_eq!(way, Way { flow: new("192.0.2.20:5060"), otherwise: None }, "another host needs another connection");
    }

    #[test]
    fn an_explicit_transport_is_followed() {
        let way = way_of("sip:u@192.0.2.9:5080;transport=tcp", flow(Transport::Udp, "192.0.2.9:5060"));
        assert_eq!((way.flow.transport, way.flow.remote.port(), way.flow.connection), (Transport::Tcp, 5080, None));
    }

    #[test]
    fn nothing_goes_to_a_tls_port_in_plain_text() {
        for hop in ["sips:u@192.0.2.9", "sips:u@192.0.2.20:5061;transport=tcp", "sip:u@192.0.2.20;transport=TLS;lr"] {
            for flow in [flow(Transport::Udp, "192.0.2.9:1024"), flow(Transport::Tcp, "192.0.2.9:33333")] {
                assert_eq!(way_of(hop, flow), Way { flow, otherwise: None }, "{hop} along {flow:?}");
            }
            let secure = flow(Transport::Tls, "192.0.2.9:33333");
            assert_eq!(way_of(hop, secure).flow.transport, Transport::Tls, "{hop}");
        }
    }
}

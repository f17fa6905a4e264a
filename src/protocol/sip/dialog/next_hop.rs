//! Where a request within a dialog goes: RFC 3261 8.1.2 for addresses that need no look-up, and peers behind NAT.
//! Knows: URIs, the Via and the flow of the INVITE. Must not: resolve names.

use std::net::{IpAddr, SocketAddr};

use crate::protocol::sip::uri::Scheme;
use crate::protocol::sip::values::Via;
use crate::protocol::sip::{Flow, Transport, Uri};

/// The flow towards `hop`, the first route or the remote target.
///
/// The INVITE's own flow is taken when the hop is the one it came from: the same address (a stream is used again), or
/// an address by which the sender knows itself though it reached us from another, as behind NAT. A host name also leads
/// back there: whoever brought the INVITE knows what lies behind it.
pub(super) fn next_hop(hop: &Uri, invite_via: Option<&Via>, invite: Flow) -> Flow {
    let host = hop.param("maddr").or_else(|| hop.host()).unwrap_or_default();
    let host = host.trim_matches(['[', ']']);
    let Ok(address) = host.parse::<IpAddr>() else { return invite };
    let behind_nat = invite_via.is_some_and(|via| via.host.eq_ignore_ascii_case(host)) && address != invite.remote.ip();
    if behind_nat || address.is_unspecified() || address.is_ipv4() != invite.remote.is_ipv4() {
        return invite;
    }
    let transport = transport(hop).filter(|transport| *transport != Transport::Tls || invite.transport == *transport);
    let transport = transport.unwrap_or(invite.transport);
    if transport == invite.transport && transport.is_reliable() && address == invite.remote.ip() {
        return invite;
    }
    let port = hop.port().unwrap_or(if transport == Transport::Tls { 5061 } else { 5060 });
    let connection = if transport == invite.transport { invite.connection } else { None };
    let connection = connection.filter(|_| address == invite.remote.ip());
    Flow { transport, local: invite.local, remote: SocketAddr::new(address, port), connection }
}

/// What the URI asks for; `None` leaves it to the call (RFC 3263 4.1 would say UDP; a peer that calls by TCP without
/// repeating it in its Contact is common, one that means UDP by that is not).
fn transport(uri: &Uri) -> Option<Transport> {
    if uri.scheme() == Scheme::Sips {
        return Some(Transport::Tls);
    }
    let named = uri.param("transport")?;
    [Transport::Udp, Transport::Tcp, Transport::Tls].into_iter().find(|t| named.eq_ignore_ascii_case(t.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::sip::ConnectionId;

    fn udp_from(remote: &str) -> Flow {
        let local = "192.0.2.1:5060".parse().unwrap();
        Flow { transport: Transport::Udp, local, remote: remote.parse().unwrap(), connection: None }
    }

    fn hop(uri: &str, via: &str, invite: Flow) -> String {
        let flow = next_hop(&Uri::parse(uri), Via::parse(via).as_ref(), invite);
        format!("{} {}", flow.transport.as_str(), flow.remote)
    }

    #[test]
    fn requests_go_where_the_next_hop_says_or_back_to_where_the_invite_came_from() {
        let direct = udp_from("198.51.100.7:5060");
        let nat = udp_from("203.0.113.9:31337");
        for (uri, via, invite, expected) in [
            // a contact with a port of its own
            ("sip:a@198.51.100.7:5070", "SIP/2.0/UDP 198.51.100.7:5060", direct, "UDP 198.51.100.7:5070"),
            ("sip:198.51.100.7", "SIP/2.0/UDP 198.51.100.7:5070", direct, "UDP 198.51.100.7:5060"),
            // the proxy left itself out of the route set
            ("sip:a@198.51.100.88", "SIP/2.0/UDP 198.51.100.7", direct, "UDP 198.51.100.88:5060"),
            // behind NAT: Contact and Via name an address that is not the one seen
            ("sip:a@10.0.0.5:5060", "SIP/2.0/UDP 10.0.0.5:5060", nat, "UDP 203.0.113.9:31337"),
            // names and the other IP version lead back
            ("sip:a@pbx.example.com", "SIP/2.0/UDP 198.51.100.7", direct, "UDP 198.51.100.7:5060"),
            ("sip:a@[2001:db8::7]:5070", "SIP/2.0/UDP 198.51.100.7", direct, "UDP 198.51.100.7:5060"),
            ("tel:+14255550100", "SIP/2.0/UDP 198.51.100.7", direct, "UDP 198.51.100.7:5060"),
            // another transport, another address by maddr
            ("sip:a@198.51.100.7;transport=tcp", "SIP/2.0/UDP 198.51.100.7", direct, "TCP 198.51.100.7:5060"),
            ("sip:pbx.example.com;maddr=198.51.100.9", "SIP/2.0/UDP 198.51.100.7", direct, "UDP 198.51.100.9:5060"),
        ] {
            assert_eq!(hop(uri, via, invite), expected, "{uri} via {via}");
        }
    }

    #[test]
    fn a_stream_is_used_again_for_the_host_that_opened_it_and_for_no_other() {
        let invite =
            Flow { transport: Transport::Tcp, connection: Some(ConnectionId(3)), ..udp_from("198.51.100.7:40001") };
        let via = Via::parse("SIP/2.0/TCP 198.51.100.7:5060");
        assert_eq!(next_hop(&Uri::parse("sip:a@198.51.100.7:5060;transport=Tcp"), via.as_ref(), invite), invite);
        let other = next_hop(&Uri::parse("sip:a@198.51.100.8"), via.as_ref(), invite);
        assert_eq!((other.remote.to_string().as_str(), other.connection), ("198.51.100.8:5060", None));
    }
}

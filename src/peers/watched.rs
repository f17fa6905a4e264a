//! Which peers there are to be asked, according to a directory.
//! Knows: gateways, servers, the addresses behind their names. Must not: remember a directory that was.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use super::Target;
use crate::directory::{Directory, GatewayAddress, GatewayStatus, HostName, IpGateway, Name, SipService};
use crate::protocol::sip::Transport;
use crate::routing::View;

/// Where SIP is spoken unless something else is said (RFC 3261 19.1.2).
const SIP_PORT: u16 = 5060;

/// Who is asked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum PeerName {
    /// A UM IP gateway.
    Gateway(String),
    /// The UM service of another server.
    Server(HostName),
}

/// A peer that is asked. One that differs in anything is another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// `host:port`, as the directory has it.
    pub address: String,
    /// UDP first on every address, then TCP: a gateway may have one of them only.
    pub targets: Vec<Target>,
}

/// Every peer to be asked. Not among them: gateways that are disabled, and those of which no port is known (port 0
/// stands for every port calls come from); servers of which no address is known here, for gateways may know it.
pub fn watched(directory: &Directory, node: &str) -> BTreeMap<PeerName, Peer> {
    let gateways = directory.ip_gateways().iter().filter(|gateway| is_asked(gateway));
    let gateways = gateways.map(|gateway| {
        let mut peer = Peer::new(&gateway.address, gateway.port, directory.addresses_of_gateway(gateway));
        let services: Vec<_> = directory.services_of_gateway(gateway).map(Target::from).collect();
        // a port somebody wrote down is the one that is meant
        if gateway.port == SIP_PORT && !services.is_empty() {
            peer.targets = services;
        }
        (PeerName::Gateway(gateway.name.to_string()), peer)
    });
    let servers = View::servers_of(directory, node, &[]).into_iter().filter_map(|server| {
        let place = server.place;
        let addresses = directory.addresses_of(&place.host);
        let peer = Peer::new(&place.host, place.port, addresses.iter().copied());
        (!addresses.is_empty()).then_some((PeerName::Server(server.name), peer))
    });
    gateways.chain(servers).collect()
}

fn is_asked(gateway: &IpGateway) -> bool {
    gateway.status != GatewayStatus::Disabled && gateway.port != 0
}

/// Gateways that are told apart by nothing a call shows: one address and port for several of them. By address, with
/// their names in the order of the directory; the first one gets the calls.
pub fn address_conflicts(directory: &Directory) -> BTreeMap<(IpAddr, u16), Vec<Name>> {
    let mut known: BTreeMap<(IpAddr, u16), Vec<Name>> = BTreeMap::new();
    let used = directory.ip_gateways().iter().filter(|gateway| gateway.status != GatewayStatus::Disabled);
    for gateway in used {
        for address in directory.addresses_of_gateway(gateway) {
            known.entry((address, gateway.port)).or_default().push(gateway.name.clone());
        }
    }
    known.retain(|_, gateways| gateways.len() > 1);
    known
}

impl Peer {
    fn new(host: &GatewayAddress, port: u16, addresses: impl Iterator<Item = IpAddr>) -> Peer {
        let of = |address| [Transport::Udp, Transport::Tcp].map(|transport| Target { address, transport });
        let targets = addresses.flat_map(|address| of(SocketAddr::new(address, port))).collect();
        Peer { address: format!("{host}:{port}"), targets }
    }
}

impl From<SipService> for Target {
    fn from(SipService { address, stream }: SipService) -> Target {
        Target { address, transport: if stream { Transport::Tcp } else { Transport::Udp } }
    }
}

impl fmt::Display for PeerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PeerName::Gateway(name) => write!(f, "UM IP gateway \"{name}\""),
            PeerName::Server(name) => write!(f, "UM service of {name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::{SourceFile, Whereabouts};

    /// A directory of these gateways and servers, `gw.example.test` leading to 192.0.2.1 and 192.0.2.2 with SIP services.
    fn directory(text: &str) -> Directory {
        let mut directory = Directory::load(&[SourceFile::new("test.toml", text)]).expect("valid");
        let service = |address: &str, stream| SipService { address: address.parse().unwrap(), stream };
        let found = Whereabouts {
            addresses: ["192.0.2.1", "2001:db8::1"].map(|address| address.parse().unwrap()).to_vec(),
            services: vec![service("192.0.2.2:5090", true), service("[2001:db8::1]:5060", false)],
        };
        let names: Vec<HostName> = directory.gateway_hosts().chain(directory.server_hosts()).cloned().collect();
        let known: Vec<_> = names.iter().filter(|name| name.as_str() == "gw.example.test").collect();
        directory.locate(known.into_iter().map(|name| (name, &found)));
        directory
    }

    fn gateway(name: &str, lines: &str) -> String {
        format!("[[ip_gateway]]\nname = \"{name}\"\n{lines}\n")
    }

    fn targets(text: &str) -> Vec<String> {
        let peers = watched(&directory(text), "um1.example.test");
        let shown = |target: &Target| format!("{} {}", target.transport.as_str(), target.address);
        peers.values().flat_map(|peer| peer.targets.iter().map(shown)).collect()
    }

    #[test]
    fn a_gateway_is_asked_where_it_is_according_to_directory_and_dns() {
        for (lines, expected) in [
            ("address = \"192.0.2.9\"", &["UDP 192.0.2.9:5060", "TCP 192.0.2.9:5060"][..]),
            ("address = \"gw.example.test\"", &["TCP 192.0.2.2:5090"]),
            (
                "address = \"gw.example.test\"\nip_address_family = \"Any\"",
                &["TCP 192.0.2.2:5090", "UDP [2001:db8::1]:5060"],
            ),
            (
                "address = \"gw.example.test\"\nport = 5070",
                &["UDP 192.0.2.1:5070", "TCP 192.0.2.1:5070", "UDP 192.0.2.2:5070", "TCP 192.0.2.2:5070"],
            ),
            ("address = \"192.0.2.9\"\nport = 0", &[]),
            ("address = \"192.0.2.9\"\nstatus = \"Disabled\"", &[]),
        ] {
            assert_eq!(targets(&gateway("G", lines)), expected, "{lines}");
        }
    }

    #[test]
    fn other_servers_are_asked_where_their_address_is_known() {
        let services = "[[service]]\nname = \"um1.example.test\"\naddress = \"192.0.2.3\"\n\
            [[service]]\nname = \"um2.example.test\"\naddress = \"192.0.2.4\"\nport = 6062\n\
            [[service]]\nname = \"um3.example.test\"\n";
        assert_eq!(targets(services), ["UDP 192.0.2.4:6062", "TCP 192.0.2.4:6062"]);
    }

    /// What two entries write down alike is refused when the directory is read; names show it only here.
    #[test]
    fn gateways_whose_names_lead_to_one_address_are_a_conflict() {
        let written = gateway("A", "address = \"192.0.2.1\"");
        for (other, conflict) in [
            ("address = \"gw.example.test\"", true),
            ("address = \"gw.example.test\"\nport = 5070", false),
            ("address = \"gw.example.test\"\nstatus = \"Disabled\"", false),
            ("address = \"gw.example.test\"\nip_address_family = \"IPv6Only\"", false),
        ] {
            let directory = directory(&(written.clone() + &gateway("B", other)));
            let found: Vec<_> = address_conflicts(&directory).into_iter().collect();
            let names = ["A", "B"].map(|name| name.parse().unwrap()).to_vec();
            let expected = if conflict { vec![(("192.0.2.1".parse().unwrap(), 5060), names)] } else { vec![] };
            assert_eq!(found, expected, "{other}");
        }
    }
}

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
/// stands for every port calls come from).
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
    let servers = View::servers_of(directory, node, &[]).into_iter().map(|server| {
        let place = server.place;
        let addresses = directory.addresses_of(&place.host);
        (PeerName::Server(server.name), Peer::new(&place.host, place.port, addresses.iter().copied()))
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

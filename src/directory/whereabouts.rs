//! What the DNS says of a host name of a gateway or server.
//! Knows: addresses, ports. Must not: look anything up (the caller does, and hands it to
//! [`Directory::locate`](super::Directory::locate)).

use std::net::{IpAddr, SocketAddr};

/// Where a host name leads to. Empty: nowhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Whereabouts {
    /// Of the name itself (A, AAAA) and of the hosts that offer its SIP services: calls come from any of them.
    pub addresses: Vec<IpAddr>,
    /// Where SIP is spoken (SRV; RFC 3263 4.2), the preferred first. Empty: the DNS does not say.
    pub services: Vec<SipService>,
}

/// A place where SIP is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SipService {
    pub address: SocketAddr,
    /// Over TCP; else over UDP.
    pub stream: bool,
}

impl Whereabouts {
    /// These addresses, and no services.
    pub fn of(addresses: impl IntoIterator<Item = IpAddr>) -> Whereabouts {
        Whereabouts { addresses: addresses.into_iter().collect(), services: Vec::new() }
    }

    /// IPv4 addresses written as IPv6 ones become IPv4 ones; the addresses of services are addresses of the name; each
    /// is there once, in an order that does not depend on how they came.
    pub fn canonical(&self) -> Whereabouts {
        let of_services = self.services.iter().map(|service| service.address.ip());
        let mut addresses: Vec<IpAddr> =
            self.addresses.iter().copied().chain(of_services).map(|address| address.to_canonical()).collect();
        addresses.sort();
        addresses.dedup();
        Whereabouts { addresses, services: self.services.clone() }
    }
}

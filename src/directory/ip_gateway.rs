//! UM IP gateways (`Get-/Set-UMIPGateway`): the peers that calls are taken from.
//! Knows: the keys of `[[ip_gateway]]`. Must not: resolve a name (the caller hands addresses in, see
//! [`Directory::locate`](super::Directory::locate)), know hunt groups.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use super::IpAddressFamily;
use super::fields::{Choice, Fields};
use super::names::{HostName, Invalid, Name};

/// A PBX, media gateway or SBC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IpGateway {
    pub name: Name,
    pub address: GatewayAddress,
    /// Where requests are sent to. A call is known by its source *address*; the port tells gateways with one address
    /// apart: the one with the call's source port, else the one with port 0 (every port).
    pub port: u16,
    pub status: GatewayStatus,
    /// True by default; false: the gateway cannot follow a 302, so the router forwards its calls itself.
    pub redirect: bool,
    /// True by default: calls of ours may go out through the gateway. Says nothing about transfers.
    pub outcalls_allowed: bool,
    /// Which addresses of a host name count; IPv4Only by default.
    pub ip_address_family: IpAddressFamily,
    /// A gateway of a test, listed only when asked for.
    pub simulator: bool,
    /// No object of its own: a front-end pool that SIP URI plans trust ([`DialPlan::trusted_peers`](super::DialPlan::trusted_peers)).
    pub trusted_peer: bool,
}

/// Where a gateway is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum GatewayAddress {
    Ip(IpAddr),
    /// Takes calls only from addresses handed to [`Directory::locate`](super::Directory::locate).
    Host(HostName),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GatewayStatus {
    Enabled,
    /// Its calls are refused.
    Disabled,
    /// Running calls go on, new ones are refused.
    NoNewCalls,
}

impl IpGateway {
    const LATER: [&'static str; 2] = ["delayed_source_party_info_enabled", "message_waiting_indicator_allowed"];

    pub(super) fn read(mut fields: Fields) -> Option<IpGateway> {
        let name = fields.required("name");
        let address = fields.required("address");
        let port = fields.number("port", 0..=u16::MAX, 5060);
        let status = fields.choice("status", GatewayStatus::Enabled);
        let redirect = fields.switch("redirect", true);
        let outcalls_allowed = fields.switch("outcalls_allowed", true);
        let ip_address_family = fields.choice("ip_address_family", IpAddressFamily::Ipv4Only);
        let simulator = fields.switch("simulator", false);
        fields.finish(&IpGateway::LATER);
        Some(IpGateway {
            name: name?.value,
            address: address?.value,
            port,
            status,
            redirect,
            outcalls_allowed,
            ip_address_family,
            simulator,
            trusted_peer: false,
        })
    }

    /// A peer that SIP URI plans trust, as the gateway that its calls come through.
    pub(super) fn of_trusted_peer(address: &GatewayAddress) -> IpGateway {
        IpGateway {
            name: Name::of_peer(address),
            address: address.clone(),
            port: 0,
            status: GatewayStatus::Enabled,
            redirect: true,
            outcalls_allowed: true,
            ip_address_family: IpAddressFamily::Any,
            simulator: false,
            trusted_peer: true,
        }
    }
}

impl GatewayStatus {
    /// As Exchange spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            GatewayStatus::Enabled => "Enabled",
            GatewayStatus::Disabled => "Disabled",
            GatewayStatus::NoNewCalls => "NoNewCalls",
        }
    }
}

impl Choice for GatewayStatus {
    const VALUES: &'static [(&'static str, GatewayStatus)] = &[
        ("Enabled", GatewayStatus::Enabled),
        ("Disabled", GatewayStatus::Disabled),
        ("NoNewCalls", GatewayStatus::NoNewCalls),
    ];
}

impl FromStr for GatewayAddress {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<GatewayAddress, Invalid> {
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        if let Ok(address) = bare.parse::<IpAddr>() {
            let address = address.to_canonical();
            return match address.is_unspecified() || address.is_multicast() {
                true => Err(Invalid(format!("{text} is not the address of a gateway"))),
                false => Ok(GatewayAddress::Ip(address)),
            };
        }
        text.parse().map(GatewayAddress::Host).map_err(|_| {
            Invalid(format!("\"{text}\" is no address; write an IPv4 or IPv6 address or a host name, without a port"))
        })
    }
}

impl fmt::Display for GatewayAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GatewayAddress::Ip(address) => address.fmt(f),
            GatewayAddress::Host(host) => host.fmt(f),
        }
    }
}

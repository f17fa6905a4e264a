//! UM services and call routers of the organisation's servers (`Get-/Set-UMService`, `Get-/Set-UMCallRouterSettings`).
//! Knows: the keys of `[[service]]` and `[[call_router]]`. Must not: know what a server is doing, or whether it is up.
//! A node without an entry of its name lives by its `ringpost.toml` alone; what an entry says comes first.

use std::sync::Arc;

use super::fields::{Choice, Fields};
use super::names::{HostName, Invalid, Name};
use super::source::Located;
use super::{DialPlan, GatewayAddress};

/// The UM service of one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The server's name: what [`Mailbox::server`](super::Mailbox::server) names.
    pub name: HostName,
    /// Where routers send calls to; `None`: the server's name is its address.
    pub address: Option<GatewayAddress>,
    /// Of the UM service, without TLS; `None`: 5062 for others, and what its own configuration says for itself.
    pub port: Option<u16>,
    /// 0 to 10,000; `None`: what the server's own configuration says.
    pub max_calls_allowed: Option<u32>,
    /// SIP URI plans this server takes calls of as a trusted peer.
    pub dial_plans: Vec<Arc<DialPlan>>,
    pub um_startup_mode: Option<StartupMode>,
    pub ip_address_family: IpAddressFamily,
    /// Front-end pool for calls from and to users outside the network.
    pub sip_access_service: Option<FrontEnd>,
}

/// The call router of one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRouter {
    pub name: HostName,
    /// Where calls come from that it sends on to UM services (gateways with `redirect = false`); `None`: those of the
    /// server's `[[service]]`.
    pub address: Option<GatewayAddress>,
    /// `None`: what the server's own configuration says (5060).
    pub sip_tcp_listening_port: Option<u16>,
    /// `None`: 5061.
    pub sip_tls_listening_port: Option<u16>,
    pub um_startup_mode: Option<StartupMode>,
    pub ip_address_family: IpAddressFamily,
    pub dial_plans: Vec<Arc<DialPlan>>,
}

/// Which listeners a service starts (`UMStartupMode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StartupMode {
    Tcp,
    Tls,
    Dual,
}

/// Which IP versions are used (`IPAddressFamily`). `Any`: IPv6 first, else IPv4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IpAddressFamily {
    Ipv4Only,
    Ipv6Only,
    Any,
}

/// `host:port` of a front-end pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrontEnd {
    pub host: GatewayAddress,
    pub port: u16,
}

/// A service whose dial plans are still names.
pub(super) struct ServiceText {
    service: Service,
    dial_plans: Vec<Located<Name>>,
}

/// A call router whose dial plans are still names.
pub(super) struct CallRouterText {
    router: CallRouter,
    dial_plans: Vec<Located<Name>>,
}

impl IpAddressFamily {
    /// Whether an address is of one of these versions.
    pub fn has(self, address: std::net::IpAddr) -> bool {
        match self {
            IpAddressFamily::Ipv4Only => address.to_canonical().is_ipv4(),
            IpAddressFamily::Ipv6Only => address.to_canonical().is_ipv6(),
            IpAddressFamily::Any => true,
        }
    }
}

impl Service {
    const LATER: [&'static str; 6] = [
        "grammar_generation_schedule",
        "irm_log_enabled",
        "irm_log_max_age",
        "irm_log_max_directory_size",
        "irm_log_max_file_size",
        "irm_log_path",
    ];

    pub(super) fn read(mut fields: Fields) -> Option<ServiceText> {
        let name = fields.required("name");
        let address = fields.optional("address");
        let port = fields.optional_number("port", 1..=u16::MAX);
        let max_calls_allowed = fields.optional_number("max_calls_allowed", 0..=10_000);
        let dial_plans = fields.list("dial_plans");
        let um_startup_mode = fields.optional_choice("um_startup_mode");
        refuse_tls_alone(um_startup_mode, &fields);
        let ip_address_family = fields.choice("ip_address_family", IpAddressFamily::Any);
        let sip_access_service = fields.optional("sip_access_service");
        fields.finish(&Service::LATER);
        Some(ServiceText {
            service: Service {
                name: name?.value,
                address: address.map(|address| address.value),
                port,
                max_calls_allowed,
                dial_plans: Vec::new(),
                um_startup_mode,
                ip_address_family,
                sip_access_service: sip_access_service.map(|service| service.value),
            },
            dial_plans,
        })
    }
}

impl CallRouter {
    pub(super) fn read(mut fields: Fields) -> Option<CallRouterText> {
        let name = fields.required("name");
        let address = fields.optional("address");
        let sip_tcp_listening_port = fields.optional_number("sip_tcp_listening_port", 0..=u16::MAX);
        let sip_tls_listening_port = fields.optional_number("sip_tls_listening_port", 0..=u16::MAX);
        let um_startup_mode = fields.optional_choice("um_startup_mode");
        refuse_tls_alone(um_startup_mode, &fields);
        let ip_address_family = fields.choice("ip_address_family", IpAddressFamily::Any);
        let dial_plans = fields.list("dial_plans");
        fields.finish(&[]);
        Some(CallRouterText {
            router: CallRouter {
                name: name?.value,
                address: address.map(|address| address.value),
                sip_tcp_listening_port,
                sip_tls_listening_port,
                um_startup_mode,
                ip_address_family,
                dial_plans: Vec::new(),
            },
            dial_plans,
        })
    }
}

impl ServiceText {
    /// `plans`: finds the plan a name means, and records a fault when there is none that a server may have.
    pub fn with_plans(self, plans: impl Fn(&Located<Name>) -> Option<Arc<DialPlan>>) -> Service {
        Service { dial_plans: self.dial_plans.iter().filter_map(plans).collect(), ..self.service }
    }
}

impl CallRouterText {
    /// As [`ServiceText::with_plans`].
    pub fn with_plans(self, plans: impl Fn(&Located<Name>) -> Option<Arc<DialPlan>>) -> CallRouter {
        CallRouter { dial_plans: self.dial_plans.iter().filter_map(plans).collect(), ..self.router }
    }
}

fn refuse_tls_alone(mode: Option<StartupMode>, fields: &Fields) {
    if mode == Some(StartupMode::Tls) {
        let why = "TLS listeners are not built yet, so nothing would listen; TCP or Dual is allowed";
        fields.fault("um_startup_mode", why);
    }
}

impl StartupMode {
    /// As Exchange spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            StartupMode::Tcp => "TCP",
            StartupMode::Tls => "TLS",
            StartupMode::Dual => "Dual",
        }
    }
}

impl IpAddressFamily {
    /// As Exchange spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            IpAddressFamily::Ipv4Only => "IPv4Only",
            IpAddressFamily::Ipv6Only => "IPv6Only",
            IpAddressFamily::Any => "Any",
        }
    }

    /// Whether an address may be used.
    pub fn allows(self, address: std::net::IpAddr) -> bool {
        match self {
            IpAddressFamily::Ipv4Only => address.to_canonical().is_ipv4(),
            IpAddressFamily::Ipv6Only => address.to_canonical().is_ipv6(),
            IpAddressFamily::Any => true,
        }
    }
}

impl Choice for StartupMode {
    const VALUES: &'static [(&'static str, StartupMode)] =
        &[("TCP", StartupMode::Tcp), ("TLS", StartupMode::Tls), ("Dual", StartupMode::Dual)];
}

impl Choice for IpAddressFamily {
    const VALUES: &'static [(&'static str, IpAddressFamily)] = &[
        ("IPv4Only", IpAddressFamily::Ipv4Only),
        ("IPv6Only", IpAddressFamily::Ipv6Only),
        ("Any", IpAddressFamily::Any),
    ];
}

impl std::str::FromStr for FrontEnd {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<FrontEnd, Invalid> {
        let parsed = text.rsplit_once(':').and_then(|(host, port)| {
            let port = port.parse().ok().filter(|port| *port != 0)?;
            Some(FrontEnd { host: host.parse().ok()?, port })
        });
        parsed.ok_or_else(|| {
            Invalid(format!("\"{text}\" is no front end; write host:port, such as \"pool.example.test:5061\""))
        })
    }
}

impl std::fmt::Display for FrontEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

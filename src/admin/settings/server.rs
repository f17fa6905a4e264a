//! `[[service]]` and `[[call_router]]`, `Set-UMService`, `Set-UMServer`, `Set-UMCallRouterSettings`.
//! Knows: data. Must not: decide anything.

use super::Default::{self, From, Needed, Switch, Text};
use super::{Kind, Setting, Type, part};

const SERVER: Type = Type::Text("host name");
const PORT: Type = Type::Number { least: 0, most: 65535 };
const STARTUP: Type = Type::Choice(&["TCP", "TLS", "Dual"]);
const FAMILY: Type = Type::Choice(&["IPv4Only", "IPv6Only", "Any"]);
const PLANS: &str = "SipName plans this server takes calls of as a trusted peer; plans of other kinds need no servers";
const STARTUP_MEANS: &str =
    "which listeners start; TLS listeners are not built yet: TLS is refused, and Dual listens without TLS only";
const NO_SPEECH: &str = "speech grammars are not made here";

pub(super) const SERVICE: &[Setting] = &[
    Setting::new("name", "", SERVER, Needed, "the server; what mailboxes name as theirs").fixed(),
    Setting::new(
        "address",
        "",
        Type::Text("IP address, host name"),
        From("the server's name"),
        "where call routers send calls to",
    ),
    Setting::new(
        "port",
        "",
        Type::Number { least: 1, most: 65535 },
        From("um_service_port of ringpost.toml: 5062"),
        "UDP and TCP of the UM service, without TLS",
    ),
    Setting::new(
        "max_calls_allowed",
        "MaxCallsAllowed",
        Type::Number { least: 0, most: 10_000 },
        From("max_calls_allowed of ringpost.toml: 100"),
        "calls at once; the next is refused with 503, running ones go on",
    ),
    Setting::new("dial_plans", "DialPlans", Type::References(Kind::DialPlan), Default::None, PLANS),
    Setting::new("um_startup_mode", "UMStartupMode", STARTUP, From("TCP"), STARTUP_MEANS),
    Setting::new(
        "ip_address_family",
        "IPAddressFamily",
        FAMILY,
        Text("Any"),
        "which IP versions are used; Any: IPv6 first, then IPv4",
    ),
    Setting::new(
        "sip_access_service",
        "SIPAccessService",
        Type::Text("host:port"),
        Default::None,
        "front-end pool for calls from and to users outside the network",
    ),
    Setting::new("", "IPAddressFamilyConfigurable", Type::Switch, Switch(true), "")
        .ignored("the address family can always be set"),
    Setting::new(
        "grammar_generation_schedule",
        "GrammarGenerationSchedule",
        Type::List("day.time-day.time"),
        Default::None,
        "",
    )
    .ignored(NO_SPEECH),
    later("irm_log_enabled", "IrmLogEnabled", Type::Switch, Switch(true), part::PROTECTED),
    later("irm_log_max_age", "IrmLogMaxAge", Type::Text("dd.hh:mm:ss"), Text("30.00:00:00"), part::PROTECTED),
    later("irm_log_max_directory_size", "IrmLogMaxDirectorySize", Type::Text("size"), Text("250MB"), part::PROTECTED),
    later("irm_log_max_file_size", "IrmLogMaxFileSize", Type::Text("size"), Text("10MB"), part::PROTECTED),
    later("irm_log_path", "IrmLogPath", Type::Text("path"), Default::None, part::PROTECTED),
    Setting::new("", "ExternalServiceFqdn", Type::Text("host name"), Default::None, "")
        .ignored("Exchange 2010 named its load balancer there; here a service has an address"),
];

pub(super) const CALL_ROUTER: &[Setting] = &[
    Setting::new("name", "", SERVER, Needed, "the server").fixed(),
    Setting::new(
        "address",
        "",
        Type::Text("IP address, host name"),
        From("that of the server's service"),
        "where UM services get calls from that it sends on (gateways with redirect = false)",
    ),
    Setting::new(
        "sip_tcp_listening_port",
        "SipTcpListeningPort",
        PORT,
        From("call_router_port of ringpost.toml: 5060"),
        "UDP and TCP of unsecured plans",
    ),
    Setting::new("sip_tls_listening_port", "SipTlsListeningPort", PORT, From("5061"), "TLS, once it is built"),
    Setting::new("um_startup_mode", "UMStartupMode", STARTUP, From("TCP"), STARTUP_MEANS),
    Setting::new(
        "ip_address_family",
        "IPAddressFamily",
        FAMILY,
        Text("Any"),
        "which IP versions are used; Any: IPv6 first, then IPv4",
    ),
    Setting::new("dial_plans", "DialPlans", Type::References(Kind::DialPlan), Default::None, PLANS),
    Setting::new("", "MaxCallsAllowed", Type::Number { least: 0, most: 10_000 }, Default::None, "")
        .ignored("a call router has no limit of calls, in Exchange neither: the UM service has"),
    Setting::new("", "IPAddressFamilyConfigurable", Type::Switch, Switch(true), "")
        .ignored("the address family can always be set"),
];

const fn later(key: &'static str, parameter: &'static str, of: Type, default: Default, part: &'static str) -> Setting {
    Setting::new(key, parameter, of, default, "").not_built(part)
}

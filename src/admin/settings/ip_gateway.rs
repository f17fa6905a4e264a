//! `[[ip_gateway]]` and `[[hunt_group]]`, `New-/Set-UMIPGateway`, `New-UMHuntGroup`.
//! Knows: data. Must not: decide anything.

use super::Default::{self, Needed, Number, Switch, Text};
use super::{Kind, Setting, Type, part};

const NAME: Type = Type::Text("1 to 64 characters, none of \" / \\ [ ] : ; | = , + * ? < >");

pub(super) const GATEWAY: &[Setting] = &[
    Setting::new("name", "Name", NAME, Needed, "what hunt groups call the gateway; changing it changes them, too"),
    Setting::new(
        "address",
        "Address",
        Type::Text("IPv4 or IPv6 address, host name"),
        Needed,
        "calls are taken from this source address only; a host name is looked up by the node",
    ),
    Setting::new(
        "port",
        "Port",
        Type::Number { least: 0, most: 65535 },
        Number(5060),
        "where requests are sent; of gateways with one address the one with a call's source port takes it, else the one with port 0",
    ),
    Setting::new(
        "status",
        "Status",
        Type::Choice(&["Enabled", "Disabled", "NoNewCalls"]),
        Text("Enabled"),
        "Disabled: calls are refused; NoNewCalls: new ones are, running ones go on",
    ),
    Setting::new(
        "redirect",
        "",
        Type::Switch,
        Switch(true),
        "false: the gateway cannot follow a 302, the call router forwards its calls itself",
    ),
    Setting::new(
        "outcalls_allowed",
        "OutcallsAllowed",
        Type::Switch,
        Switch(true),
        "calls of ours may go out through the gateway; says nothing about transfers",
    ),
    Setting::new(
        "ip_address_family",
        "IPAddressFamily",
        Type::Choice(&["IPv4Only", "IPv6Only", "Any"]),
        Text("IPv4Only"),
        "which addresses of a host name count; Any: IPv6 first, then IPv4",
    ),
    Setting::new(
        "simulator",
        "Simulator",
        Type::Switch,
        Switch(false),
        "a gateway of a test, listed only when asked for",
    ),
    Setting::new("message_waiting_indicator_allowed", "MessageWaitingIndicatorAllowed", Type::Switch, Switch(true), "")
        .not_built(part::MESSAGE_WAITING),
    Setting::new("delayed_source_party_info_enabled", "DelayedSourcePartyInfoEnabled", Type::Switch, Switch(false), "")
        .not_built("calls whose parties are told later"),
];

pub(super) const HUNT_GROUP: &[Setting] = &[
    Setting::new("name", "Name", NAME, Needed, "unique among the groups of the gateway").fixed(),
    Setting::new(
        "ip_gateway",
        "UMIPGateway",
        Type::Reference(Kind::IpGateway),
        Needed,
        "a gateway without hunt group handles no calls",
    )
    .fixed(),
    Setting::new(
        "dial_plan",
        "UMDialPlan",
        Type::Reference(Kind::DialPlan),
        Needed,
        "the plan that answers; at most 200 gateways a plan",
    )
    .fixed(),
    Setting::new(
        "pilot_identifier",
        "PilotIdentifier",
        Type::List("numbers, SIP addresses"),
        Default::None,
        "called numbers this group takes, unique for the gateway; none: all calls that no other group takes",
    )
    .fixed(),
];

//! The kinds of objects, and what each is called where.
//! Knows: names. Must not: know settings.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A kind of object of the organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    DialPlan,
    IpGateway,
    HuntGroup,
    MailboxPolicy,
    Mailbox,
    Service,
    CallRouter,
}

/// What a kind is called.
struct Names {
    kind: Kind,
    /// `[[toml]]`
    toml: &'static str,
    /// On the command line and in URLs.
    noun: &'static str,
    /// In cmdlets.
    exchange: &'static str,
    one: &'static str,
    several: &'static str,
    /// Where the first one is written.
    file: &'static str,
    /// The key that names an object.
    identity: &'static str,
}

const NAMES: [Names; 7] = [
    Names {
        kind: Kind::DialPlan,
        toml: "dial_plan",
        noun: "dial-plan",
        exchange: "UMDialPlan",
        one: "dial plan",
        several: "dial plans",
        file: "dial-plans.toml",
        identity: "name",
    },
    Names {
        kind: Kind::IpGateway,
        toml: "ip_gateway",
        noun: "ip-gateway",
        exchange: "UMIPGateway",
        one: "IP gateway",
        several: "IP gateways",
        file: "gateways.toml",
        identity: "name",
    },
    Names {
        kind: Kind::HuntGroup,
        toml: "hunt_group",
        noun: "hunt-group",
        exchange: "UMHuntGroup",
        one: "hunt group",
        several: "hunt groups",
        file: "gateways.toml",
        identity: "name",
    },
    Names {
        kind: Kind::MailboxPolicy,
        toml: "mailbox_policy",
        noun: "mailbox-policy",
        exchange: "UMMailboxPolicy",
        one: "mailbox policy",
        several: "mailbox policies",
        file: "dial-plans.toml",
        identity: "name",
    },
    Names {
        kind: Kind::Mailbox,
        toml: "mailbox",
        noun: "mailbox",
        exchange: "UMMailbox",
        one: "mailbox",
        several: "mailboxes",
        file: "mailboxes.toml",
        identity: "alias",
    },
    Names {
        kind: Kind::Service,
        toml: "service",
        noun: "service",
        exchange: "UMService",
        one: "UM service",
        several: "UM services",
        file: "servers.toml",
        identity: "name",
    },
    Names {
        kind: Kind::CallRouter,
        toml: "call_router",
        noun: "call-router",
        exchange: "UMCallRouterSettings",
        one: "call router",
        several: "call routers",
        file: "servers.toml",
        identity: "name",
    },
];

impl Kind {
    pub const ALL: [Kind; 7] = [
        Kind::DialPlan,
        Kind::IpGateway,
        Kind::HuntGroup,
        Kind::MailboxPolicy,
        Kind::Mailbox,
        Kind::Service,
        Kind::CallRouter,
    ];

    fn names(self) -> &'static Names {
        let [plan, gateway, group, policy, mailbox, service, router] = &NAMES;
        match self {
            Kind::DialPlan => plan,
            Kind::IpGateway => gateway,
            Kind::HuntGroup => group,
            Kind::MailboxPolicy => policy,
            Kind::Mailbox => mailbox,
            Kind::Service => service,
            Kind::CallRouter => router,
        }
    }

    /// `dial_plan`, as tables of the directory's files are called.
    pub fn toml(self) -> &'static str {
        self.names().toml
    }

    /// `dial-plan`
    pub fn noun(self) -> &'static str {
        self.names().noun
    }

    /// `UMDialPlan`
    pub fn exchange(self) -> &'static str {
        self.names().exchange
    }

    /// `dial plans`
    pub fn several(self) -> &'static str {
        self.names().several
    }

    /// `a dial plan`, `an IP gateway`
    pub fn a(self) -> String {
        let article = if self == Kind::IpGateway { "an" } else { "a" };
        format!("{article} {self}")
    }

    /// The file a first object of this kind is written to.
    pub fn file(self) -> &'static str {
        self.names().file
    }

    /// The key whose value names an object.
    pub fn identity(self) -> &'static str {
        self.names().identity
    }

    /// A server always has these, whether or not the directory has an entry for it.
    pub fn is_of_server(self) -> bool {
        matches!(self, Kind::Service | Kind::CallRouter)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.names().one)
    }
}

impl FromStr for Kind {
    type Err = String;

    /// Reads the noun.
    fn from_str(noun: &str) -> Result<Kind, String> {
        let found = NAMES.iter().find(|names| names.noun == noun);
        found.map(|names| names.kind).ok_or_else(|| format!("\"{noun}\" is no kind of object"))
    }
}

//! Every setting of every object, as data: its TOML key, Exchange's parameter, type, range, default, and whether it works
//! here. It drives the command line, Exchange's spelling, REST and the tables of docs/administration.md.
//! Knows: plain constants. Must not: decide whether a value is allowed (loading the directory does), touch files.
//!
//! Start with [`Kind`], then [`Kind::settings`].

mod dial_plan;
mod ip_gateway;
mod kind;
mod mailbox;
mod mailbox_policy;
mod server;
mod table;
mod value;

#[cfg(test)]
mod tests;

pub use kind::Kind;
pub use table::table;
pub use value::{Change, Edit, Value};

/// One setting of one kind of object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// The key in the directory's files; empty when there is none (nothing is kept).
    pub key: &'static str,
    /// Exchange's name; empty for what Exchange does not have.
    pub parameter: &'static str,
    pub of: Type,
    pub default: Default,
    pub state: State,
    /// Given when the object is made, never changed afterwards.
    pub fixed: bool,
    /// What it means, for the documentation and `--help`.
    pub meaning: &'static str,
}

/// What a setting holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    Switch,
    /// A whole number.
    Number {
        least: i64,
        most: i64,
    },
    /// A duration: text as `30m` here, a number of minutes in Exchange.
    Minutes {
        least: i64,
        most: i64,
    },
    /// A duration: text as `5s` here, a number of seconds in Exchange.
    Seconds {
        least: i64,
        most: i64,
    },
    /// One of these, in any case.
    Choice(&'static [&'static str]),
    /// The name of an object of a kind.
    Reference(Kind),
    /// Names of objects of a kind.
    References(Kind),
    /// Text of this form.
    Text(&'static str),
    /// Texts of this form.
    List(&'static str),
}

/// What holds when a setting is not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Default {
    /// It must be given.
    Needed,
    /// Nothing.
    None,
    Text(&'static str),
    Number(i64),
    Switch(bool),
    /// What another place says, in words.
    From(&'static str),
}

/// Whether a setting does anything here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Works,
    /// Accepted, and said to be ignored: why.
    Ignored(&'static str),
    /// Refused by name: the part it belongs to.
    NotBuilt(&'static str),
}

impl Kind {
    /// All settings of objects of this kind, in the order they are shown.
    pub fn settings(self) -> &'static [Setting] {
        match self {
            Kind::DialPlan => dial_plan::SETTINGS,
            Kind::IpGateway => ip_gateway::GATEWAY,
            Kind::HuntGroup => ip_gateway::HUNT_GROUP,
            Kind::MailboxPolicy => mailbox_policy::SETTINGS,
            Kind::Mailbox => mailbox::SETTINGS,
            Kind::Service => server::SERVICE,
            Kind::CallRouter => server::CALL_ROUTER,
        }
    }

    /// The setting with this key.
    pub fn setting(self, key: &str) -> Option<&'static Setting> {
        self.settings().iter().find(|setting| setting.key == key && !key.is_empty())
    }

    /// The setting Exchange calls so, in any case.
    pub fn parameter(self, parameter: &str) -> Option<&'static Setting> {
        let same = |setting: &&Setting| setting.parameter.eq_ignore_ascii_case(parameter);
        self.settings().iter().find(same).filter(|_| !parameter.is_empty())
    }

    /// Those that are kept in the files and do something.
    pub fn working(self) -> impl Iterator<Item = &'static Setting> {
        self.settings().iter().filter(|setting| setting.state == State::Works)
    }
}

impl Setting {
    const fn new(
        key: &'static str,
        parameter: &'static str,
        of: Type,
        default: Default,
        meaning: &'static str,
    ) -> Setting {
        Setting { key, parameter, of, default, state: State::Works, fixed: false, meaning }
    }

    const fn fixed(self) -> Setting {
        Setting { fixed: true, ..self }
    }

    const fn not_built(self, part: &'static str) -> Setting {
        Setting { state: State::NotBuilt(part), ..self }
    }

    const fn ignored(self, reason: &'static str) -> Setting {
        Setting { state: State::Ignored(reason), ..self }
    }

    /// The option of the command line: `max-call-duration`.
    pub fn option(&self) -> String {
        self.key.replace('_', "-")
    }

    pub fn is_list(&self) -> bool {
        matches!(self.of, Type::List(_) | Type::References(_))
    }

    /// What is allowed, in words: `10m to 120m`.
    pub fn allowed(&self) -> String {
        match self.of {
            Type::Switch => "true, false".to_owned(),
            Type::Number { least, most: i64::MAX } => format!("{least} or more"),
            Type::Number { least, most } => format!("{least} to {most}"),
            Type::Minutes { least, most } => format!("{least}m to {most}m"),
            Type::Seconds { least, most: i64::MAX } => format!("{least}s or more"),
            Type::Seconds { least, most } => format!("{least}s to {most}s"),
            Type::Choice(names) => names.join(", "),
            Type::Reference(kind) => format!("name of {}", kind.a()),
            Type::References(kind) => format!("names of {}", kind.several()),
            Type::Text(form) => form.to_owned(),
            Type::List(form) => form.to_owned(),
        }
    }

    /// The default in words.
    pub fn shown_default(&self) -> String {
        match self.default {
            Default::Needed => "needed".to_owned(),
            Default::None => "none".to_owned(),
            Default::Text(text) => text.to_owned(),
            Default::Number(number) => number.to_string(),
            Default::Switch(switch) => switch.to_string(),
            Default::From(words) => words.to_owned(),
        }
    }

    /// The sentence for one that is not built.
    pub fn why_not(&self) -> Option<String> {
        match self.state {
            State::NotBuilt(part) => Some(format!("is not built yet (it belongs to {part})")),
            _ => None,
        }
    }
}

/// The parts of Unified Messaging that are not built, as refusals name them.
pub mod part {
    pub const ATTENDANTS: &str = "auto attendants";
    pub const SUBSCRIBER_ACCESS: &str = "Outlook Voice Access";
    pub const PIN: &str = "PINs";
    pub const FAX: &str = "fax";
    pub const PROMPTS: &str = "greetings and announcements from files";
    pub const RULES: &str = "call answering rules";
    pub const OUTBOUND: &str = "outbound calls and dialing rules";
    pub const PLAY_ON_PHONE: &str = "Play on Phone";
    pub const TLS: &str = "TLS and SRTP";
    pub const MESSAGE_WAITING: &str = "message waiting indication";
    pub const SPEECH: &str = "speech recognition";
    pub const PREVIEW: &str = "voice mail preview";
    pub const PROTECTED: &str = "protected voice mail";
    pub const DIRECTORY_SEARCH: &str = "directory search";
    pub const CALLER_NAMES: &str = "callers' names from the directory";
    pub const FORMATS: &str = "audio formats of messages other than WAV";
    pub const TEXT_MESSAGES: &str = "text messages";
    pub const OPERATOR: &str = "transfers to an operator";
    pub const TEXTS: &str = "texts of a site's own in messages";
}

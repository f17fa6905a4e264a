//! Component states (`Get-/Set-ServerComponentState`): which parts of this server are in service, and who says so.
//! Knows: components, requesters, the entries of each. Must not: know what being out of service means to a part.
//!
//! Every requester has an entry of its own for each component, and only that requester changes it. A component is as
//! far out of service as the worst of its entries says; [`Component::ServerWideOffline`] speaks for all of them.

mod states;
mod stored;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use states::{Entry, States};
pub use stored::{StoredEntryError, key, value};

/// A part of the server that can be taken out of service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Component {
    /// All of them at once.
    ServerWideOffline,
    #[serde(rename = "UMCallRouter")]
    UmCallRouter,
    /// The UM service and its workers.
    UnifiedMessaging,
}

/// How far a component is in service; the later, the less.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ComponentState {
    #[default]
    Active,
    /// No new calls; running ones end by themselves.
    Draining,
    /// Out of service: no new calls, and running ones are not waited for.
    Inactive,
}

/// On whose behalf a state is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Requester {
    #[serde(rename = "HealthAPI")]
    HealthApi,
    Maintenance,
    Sidelined,
    Functional,
    Deployment,
}

/// A word that names no component, state or requester.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{given}\" is no {kind} here: {}", allowed.join(", "))]
pub struct UnknownWord {
    pub given: String,
    pub kind: &'static str,
    pub allowed: Vec<&'static str>,
}

impl Component {
    pub const ALL: [Component; 3] =
        [Component::ServerWideOffline, Component::UmCallRouter, Component::UnifiedMessaging];

    /// As Exchange spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Component::ServerWideOffline => "ServerWideOffline",
            Component::UmCallRouter => "UMCallRouter",
            Component::UnifiedMessaging => "UnifiedMessaging",
        }
    }
}

impl ComponentState {
    pub const ALL: [ComponentState; 3] = [ComponentState::Active, ComponentState::Inactive, ComponentState::Draining];

    /// As Exchange spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            ComponentState::Active => "Active",
            ComponentState::Draining => "Draining",
            ComponentState::Inactive => "Inactive",
        }
    }
}

impl Requester {
    pub const ALL: [Requester; 5] = [
        Requester::HealthApi,
        Requester::Maintenance,
        Requester::Sidelined,
        Requester::Functional,
        Requester::Deployment,
    ];

    /// As Exchange spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Requester::HealthApi => "HealthAPI",
            Requester::Maintenance => "Maintenance",
            Requester::Sidelined => "Sidelined",
            Requester::Functional => "Functional",
            Requester::Deployment => "Deployment",
        }
    }
}

/// The value that `given` names, in any case.
fn word<T: Copy>(
    given: &str,
    kind: &'static str,
    all: &[T],
    spelt: impl Fn(T) -> &'static str,
) -> Result<T, UnknownWord> {
    let found = all.iter().find(|value| spelt(**value).eq_ignore_ascii_case(given.trim()));
    found.copied().ok_or_else(|| UnknownWord {
        given: given.to_owned(),
        kind,
        allowed: all.iter().map(|value| spelt(*value)).collect(),
    })
}

impl FromStr for Component {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Component, UnknownWord> {
        word(text, "component", &Component::ALL, Component::as_str)
    }
}

impl FromStr for ComponentState {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<ComponentState, UnknownWord> {
        word(text, "component state", &ComponentState::ALL, ComponentState::as_str)
    }
}

impl FromStr for Requester {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Requester, UnknownWord> {
        word(text, "requester", &Requester::ALL, Requester::as_str)
    }
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Display for ComponentState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Display for Requester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

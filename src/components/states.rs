//! The entries of every requester, and the state they make together.
//! Knows: entries, instants handed in. Must not: keep them (see `stored`), or act on them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Component, ComponentState, Requester};

/// What one requester says of one component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub state: ComponentState,
    /// When the requester said so.
    pub since: Timestamp,
}

/// What all requesters say of this server's components. Without an entry a component is Active.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct States {
    entries: BTreeMap<(Component, Requester), Entry>,
}

impl States {
    /// Sets a requester's own entry; those of others stay as they are. False: it said so already.
    pub fn set(&mut self, now: Timestamp, component: Component, requester: Requester, state: ComponentState) -> bool {
        let said = self.entries.get(&(component, requester)).map(|entry| entry.state);
        if said == Some(state) {
            return false;
        }
        self.entries.insert((component, requester), Entry { state, since: now });
        true
    }

    /// Takes an entry over as it was kept.
    pub fn restore(&mut self, component: Component, requester: Requester, entry: Entry) {
        self.entries.insert((component, requester), entry);
    }

    /// The state in force: the worst that any requester says of the component, or of the whole server.
    pub fn of(&self, component: Component) -> ComponentState {
        let said = |component| self.entries_of(component).map(|(_, entry)| entry.state).max().unwrap_or_default();
        said(component).max(said(Component::ServerWideOffline))
    }

    pub fn is_active(&self, component: Component) -> bool {
        self.of(component) == ComponentState::Active
    }

    /// What each requester says, in a fixed order.
    pub fn entries_of(&self, component: Component) -> impl Iterator<Item = (Requester, Entry)> + '_ {
        let one = (component, Requester::ALL[0])..=(component, Requester::ALL[Requester::ALL.len() - 1]);
        self.entries.range(one).map(|((_, requester), entry)| (*requester, *entry))
    }

    /// Why a component takes no new calls, as its peers are told; `None`: it takes them.
    pub fn refusal(&self, component: Component) -> Option<String> {
        let state = self.of(component);
        if state == ComponentState::Active {
            return None;
        }
        // the component's own entries first: they are the nearer reason
        let entries =
            [component, Component::ServerWideOffline].map(|said| self.entries_of(said).map(move |e| (said, e)));
        let worst = entries.into_iter().flatten().find(|(_, (_, entry))| entry.state == state);
        Some(match worst {
            Some((said, (requester, _))) => format!("{component} is out of service: {said} is {state} for {requester}"),
            None => format!("{component} is {state}"),
        })
    }
}

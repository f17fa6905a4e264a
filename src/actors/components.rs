//! The component states of this server: kept, changed on request, told to whoever acts on them.
//! Knows: the states and where they are kept. Must not: decide what a state means, or know who listens.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix::prelude::*;

use crate::components::{Component, ComponentState, Entry, Requester, States, key, value};
use crate::engine::Environment;
use crate::engine::environment::blocking;
use crate::store::{Change, Shelf, Store, StoreError};

pub struct Components {
    environment: Arc<dyn Environment>,
    store: Arc<dyn Store>,
    states: Arc<States>,
    subscribers: Vec<Recipient<ComponentsChanged>>,
    lost: LostStates,
}

/// The states from now on. Told once at the start, and after every change, when it is durable.
#[derive(Message, Clone)]
#[rtype(result = "()")]
pub struct ComponentsChanged(pub Arc<States>);

/// Sets one requester's entry; answered when it is durable and in force.
#[derive(Message)]
#[rtype(result = "Result<(), StoreError>")]
pub struct SetComponent {
    pub component: Component,
    pub state: ComponentState,
    pub requester: Requester,
}

/// What every requester says.
#[derive(Message)]
#[rtype(result = "Arc<States>")]
pub struct GetComponents;

impl Components {
    /// `states` and `lost`: as they were kept, see [`read`].
    pub fn new(
        environment: Arc<dyn Environment>,
        store: Arc<dyn Store>,
        (states, lost): (States, LostStates),
        subscribers: Vec<Recipient<ComponentsChanged>>,
    ) -> Components {
        Components { environment, store, states: Arc::new(states), subscribers, lost }
    }

    fn tell(&self) {
        for subscriber in &self.subscribers {
            subscriber.do_send(ComponentsChanged(self.states.clone()));
        }
    }

    fn changed(&mut self, states: States, set: &SetComponent) {
        let SetComponent { component, state, requester } = set;
        tracing::info!(%component, %requester, %state, in_force = %states.of(*component), "component state set");
        self.states = Arc::new(states);
        self.tell();
    }
}

/// What of the states could not be read, for whoever tells administrators; empty once they have set one anew.
#[derive(Clone, Default)]
pub struct LostStates(Arc<Mutex<Vec<Lost>>>);

/// What the store has and nobody understands: the key, if it is one entry, and a sentence.
#[derive(Debug, Clone)]
struct Lost {
    key: Option<String>,
    sentence: String,
}

impl LostStates {
    pub fn problems(&self) -> Vec<String> {
        self.locked().iter().map(|lost| lost.sentence.clone()).collect()
    }

    fn changes(&self) -> Vec<Change> {
        let keys = self.locked().iter().filter_map(|lost| lost.key.clone()).collect::<Vec<_>>();
        keys.into_iter().map(|key| Change::Remove { key }).collect()
    }

    fn locked(&self) -> MutexGuard<'_, Vec<Lost>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The states as an earlier life of the node kept them. What cannot be read of them is Active, though somebody may have
/// taken it out of service. May block.
pub fn read(store: &dyn Store) -> (States, LostStates) {
    let (states, lost) = match store.all(Shelf::Components) {
        Ok(kept) => {
            let (states, faults) = States::from_kept(&kept);
            (states, faults.into_iter().map(|fault| (Some(fault.key().to_owned()), fault.to_string())).collect())
        }
        Err(error) => (States::default(), vec![(None, error.to_string())]),
    };
    let hint =
        "it is taken for Active. \"ringpost component get\" shows what is in force; \"component set\" forgets this";
    let lost: Vec<_> = lost
        .into_iter()
        .map(|(key, fault)| Lost { key, sentence: format!("a component state cannot be read: {fault}; {hint}") })
        .collect();
    lost.iter().for_each(|lost| tracing::error!(event = "component_state_lost", "ALARM: {}", lost.sentence));
    (states, LostStates(Arc::new(Mutex::new(lost))))
}

impl Actor for Components {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Self::Context) {
        for component in Component::ALL {
            if let Some(refusal) = self.states.refusal(component) {
                tracing::warn!("{refusal}");
            }
        }
        self.tell();
    }
}

impl Handler<SetComponent> for Components {
    type Result = AtomicResponse<Self, Result<(), StoreError>>;

    /// One at a time: what is durable and what is in force never differ.
    fn handle(&mut self, set: SetComponent, _: &mut Self::Context) -> Self::Result {
        let now = self.environment.wall();
        let mut states = States::clone(&self.states);
        let news = states.set(now, set.component, set.requester, set.state);
        let mut changes = self.lost.changes();
        if news {
            changes.push(Change::Put {
                key: key(set.component, set.requester),
                value: value(&Entry { state: set.state, since: now }),
            });
        }
        let (environment, store) = (self.environment.clone(), self.store.clone());
        let kept = async move {
            match changes.is_empty() {
                false => blocking(&*environment, move || store.apply(Shelf::Components, &changes)).await,
                true => Some(Ok(())),
            }
        };
        AtomicResponse::new(Box::pin(kept.into_actor(self).map(move |kept, components, _| {
            let lost = || StoreError { place: "component states".to_owned(), reason: "writing them failed".to_owned() };
            kept.unwrap_or_else(|| Err(lost()))?;
            components.lost.locked().clear();
            if news {
                components.changed(states, &set);
            }
            Ok(())
        })))
    }
}

impl Handler<GetComponents> for Components {
    type Result = Arc<States>;

    fn handle(&mut self, _: GetComponents, _: &mut Self::Context) -> Self::Result {
        self.states.clone()
    }
}

//! The component states of this server: kept, changed on request, told to whoever acts on them.
//! Knows: the states and where they are kept. Must not: decide what a state means, or know who listens.

use std::sync::Arc;

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
    /// `states`: as they were kept, see [`read`].
    pub fn new(
        environment: Arc<dyn Environment>,
        store: Arc<dyn Store>,
        states: States,
        subscribers: Vec<Recipient<ComponentsChanged>>,
    ) -> Components {
        Components { environment, store, states: Arc::new(states), subscribers }
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

/// The states as an earlier life of the node kept them; what cannot be read of them is logged, and Active. May block.
pub fn read(store: &dyn Store) -> Result<States, StoreError> {
    let (states, faults) = States::from_kept(&store.all(Shelf::Components)?);
    faults.iter().for_each(|fault| tracing::error!(%fault, "a component state is lost"));
    Ok(states)
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
        let change = Change::Put {
            key: key(set.component, set.requester),
            value: value(&Entry { state: set.state, since: now }),
        };
        let (environment, store) = (self.environment.clone(), self.store.clone());
        let kept = async move {
            match news {
                true => blocking(&*environment, move || store.apply(Shelf::Components, &[change])).await,
                false => Some(Ok(())),
            }
        };
        AtomicResponse::new(Box::pin(kept.into_actor(self).map(move |kept, components, _| {
            let lost = || StoreError { place: "component states".to_owned(), reason: "writing them failed".to_owned() };
            kept.unwrap_or_else(|| Err(lost()))?;
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

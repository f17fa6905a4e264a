//! The call router: publishes what routing decisions are made by, and the redirectors that answer with it.
//! Knows: the view's parts, as others tell them. Must not: look at a message; [`crate::routing`] does.
//!
//! No message of a peer passes through the [`CallRouter`]: each [`Redirector`] reads the view where it lies, so that a
//! call costs no hop between actors.

mod counted;
mod listening;
mod redirector;
mod refused;
mod relay;
mod stream;

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use arc_swap::ArcSwap;

pub use counted::{Audience, Counted};
pub use listening::{CannotListen, Listening, ListeningState, NotFollowed};
pub use redirector::Redirector;
pub use refused::RefusedCalls;
pub use stream::StreamRedirector;

use super::components::ComponentsChanged;
use super::config_poller::NewGeneration;
use super::um_service::WorkerChanged;
use crate::components::{Component, States};
use crate::directory::HostName;
use crate::engine::environment::{DatagramSocket, StreamListener};
use crate::engine::{Environment, Place};
use crate::metrics;
use crate::routing::{OwnCall, Role, View};

/// The view in force, for whoever answers a message.
pub type Published = Arc<ArcSwap<View>>;

/// Keeps the view up to date.
pub struct CallRouter {
    published: Published,
    states: Arc<States>,
    leaving: Option<String>,
}

/// The node is about to end: nothing takes calls any more, for this reason.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct Leaving(pub String);

/// What the OPTIONS probe of another server's UM service has found.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct ServerHealth {
    pub server: HostName,
    pub up: bool,
}

/// This node's UM service listens on this port.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct ServiceMoved {
    pub port: u16,
}

/// These test calls are under way.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct ExpectTests(pub Vec<OwnCall>);

impl CallRouter {
    pub fn new(view: View) -> CallRouter {
        CallRouter { published: Arc::new(ArcSwap::from_pointee(view)), states: Arc::default(), leaving: None }
    }

    pub fn published(&self) -> Published {
        self.published.clone()
    }

    fn publish(&self, change: impl FnOnce(&mut View)) {
        let mut view = View::clone(&self.published.load());
        change(&mut view);
        self.published.store(Arc::new(view));
    }

    /// A node that ends is not called back by a component that is Active again.
    fn publish_refusals(&self) {
        let refusal = |component| self.leaving.clone().or_else(|| self.states.refusal(component));
        self.publish(|view| {
            view.router_refuses = refusal(Component::UmCallRouter);
            view.home.iter_mut().for_each(|home| home.refuses = refusal(Component::UnifiedMessaging));
        });
    }
}

impl Actor for CallRouter {
    type Context = Context<Self>;
}

impl Handler<NewGeneration> for CallRouter {
    type Result = ();

    fn handle(&mut self, NewGeneration { directory, .. }: NewGeneration, _: &mut Self::Context) {
        self.publish(|view| view.use_directory(directory));
    }
}

impl Handler<WorkerChanged> for CallRouter {
    type Result = ();

    fn handle(&mut self, WorkerChanged { current, draining, full }: WorkerChanged, _: &mut Self::Context) {
        self.publish(|view| {
            if let Some(home) = &mut view.home {
                (home.worker_port, home.draining_ports, home.full) = (current, draining, full);
            }
        });
    }
}

impl Handler<ServiceMoved> for CallRouter {
    type Result = ();

    fn handle(&mut self, ServiceMoved { port }: ServiceMoved, _: &mut Self::Context) {
        self.publish(|view| view.home.iter_mut().for_each(|home| home.service_port = port));
    }
}

impl Handler<ExpectTests> for CallRouter {
    type Result = ();

    fn handle(&mut self, ExpectTests(tests): ExpectTests, _: &mut Self::Context) {
        self.publish(|view| view.tests = tests);
    }
}

impl Handler<Leaving> for CallRouter {
    type Result = ();

    fn handle(&mut self, Leaving(why): Leaving, _: &mut Self::Context) {
        self.leaving = Some(why);
        self.publish_refusals();
    }
}

impl Handler<ComponentsChanged> for CallRouter {
    type Result = ();

    fn handle(&mut self, ComponentsChanged(states): ComponentsChanged, _: &mut Self::Context) {
        self.states = states;
        self.publish_refusals();
    }
}

impl Handler<ServerHealth> for CallRouter {
    type Result = ();

    fn handle(&mut self, ServerHealth { server, up }: ServerHealth, _: &mut Self::Context) {
        self.publish(|view| {
            view.servers.iter_mut().filter(|known| known.name == server).for_each(|known| known.up = up);
        });
    }
}

/// What redirectors are made of.
pub struct Means {
    pub environment: Arc<dyn Environment>,
    /// Where they run.
    pub place: Place,
    pub published: Published,
    pub idle_timeout: Duration,
    pub audience: Audience,
}

impl Means {
    fn redirector(&self, role: Role, socket: Arc<dyn DatagramSocket>) -> Redirector {
        let counted = Counted::new(&self.audience, role, metrics::Transport::Udp);
        Redirector::new(self.environment.clone(), socket, role, self.published.clone(), counted)
    }

    fn stream_redirector(&self, role: Role, listener: Box<dyn StreamListener>) -> StreamRedirector {
        let counted = Counted::new(&self.audience, role, metrics::Transport::Tcp);
        let (environment, published) = (self.environment.clone(), self.published.clone());
        StreamRedirector::new(environment, listener, role, published, self.idle_timeout, counted)
    }
}

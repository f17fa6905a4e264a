//! The call router: publishes what routing decisions are made by, and the redirectors that answer with it.
//! Knows: the view's parts, as others tell them. Must not: look at a message; [`crate::routing`] does.
//!
//! No message of a peer passes through the [`CallRouter`]: each [`Redirector`] reads the view where it lies, so that a
//! call costs no hop between actors.

mod counted;
mod redirector;
mod refused;
mod relay;
mod stream;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use arc_swap::ArcSwap;

pub use counted::{Audience, Counted};
pub use redirector::Redirector;
pub use refused::RefusedCalls;
pub use stream::StreamRedirector;

use super::components::ComponentsChanged;
use super::config_poller::NewGeneration;
use super::um_service::WorkerChanged;
use crate::components::{Component, States};
use crate::directory::HostName;
use crate::engine::{Alive, Environment, Place, alive};
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

/// The actors that answer on one part's addresses.
pub struct Redirectors {
    pub datagram: Vec<(SocketAddr, Addr<Redirector>)>,
    pub stream: Vec<(SocketAddr, Addr<StreamRedirector>)>,
}

/// Why an address is not listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {transport} {address}: {error}")]
pub struct CannotListen {
    pub transport: &'static str,
    pub address: SocketAddr,
    pub error: io::Error,
}

impl Redirectors {
    /// Opens every address, then starts to answer. All or nothing.
    pub fn start(
        environment: &Arc<dyn Environment>,
        place: &Place,
        published: &Published,
        addresses: &[(Role, SocketAddr)],
        idle_timeout: Duration,
        audience: &Audience,
    ) -> Result<Redirectors, CannotListen> {
        let mut sockets = Vec::new();
        let mut listeners = Vec::new();
        for (role, address) in addresses {
            let failed = |transport| move |error| CannotListen { transport, address: *address, error };
            sockets.push((*role, environment.bind_datagram(*address).map_err(failed("UDP"))?));
            listeners.push((*role, environment.listen(*address).map_err(failed("TCP"))?));
        }
        let datagram = sockets.into_iter().map(|(role, socket)| {
            let counted = Counted::new(audience, role, metrics::Transport::Udp);
            let redirector = Redirector::new(environment.clone(), socket.clone(), role, published.clone(), counted);
            (socket.local(), place.start(|_| redirector))
        });
        let stream = listeners.into_iter().map(|(role, listener)| {
            let local = listener.local();
            let counted = Counted::new(audience, role, metrics::Transport::Tcp);
            let redirector =
                StreamRedirector::new(environment.clone(), listener, role, published.clone(), idle_timeout, counted);
            (local, place.start(|_| redirector))
        });
        Ok(Redirectors { datagram: datagram.collect(), stream: stream.collect() })
    }

    /// Where is listened, as `udp 127.0.0.1:5060`.
    pub fn listeners(&self) -> Vec<String> {
        let datagram = self.datagram.iter().map(|(at, _)| format!("udp {at}"));
        datagram.chain(self.stream.iter().map(|(at, _)| format!("tcp {at}"))).collect()
    }

    /// Each redirector, by what an administrator is told when it is dead.
    pub fn vital(&self) -> Vec<(String, Alive)> {
        let datagram = self.datagram.iter();
        let datagram = datagram.map(|(at, actor)| (format!("nothing is received on udp {at} any more"), alive(actor)));
        let stream = self.stream.iter();
        let stream = stream.map(|(at, actor)| (format!("no connections are taken on tcp {at} any more"), alive(actor)));
        datagram.chain(stream).collect()
    }
}

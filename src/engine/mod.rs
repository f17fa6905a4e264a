//! The outside world behind one trait, and a whole node as a value.
//! Knows: sockets, files, entropy, the wall clock, in two kinds: [`real`] and [`virtual_`].
//! Must not: decide anything; what is done with a byte belongs to the rooms within.

pub mod config;
pub mod disk;
#[allow(clippy::module_inception)]
mod engine;
pub mod environment;
mod impairment;
mod moderation;
mod node;
pub mod placement;
pub mod process;
pub mod processes;
pub mod provider;
pub mod real;
mod real_processes;
mod resolver;
pub mod virtual_;
pub mod virtual_processes;
pub mod worker;

pub use disk::{Disk, DiskFile, Loss, MemoryDisk, Refused};
pub use engine::{Around, Beginning, Engine, EngineError, Files, Peer, ROUTER_PORT, SERVICE_PORT, WORKER_PORT};
pub use environment::Environment;
pub use impairment::Impairment;
pub use node::{Node, Parts, StartError, TestTarget};
pub use placement::{Place, Placement};
pub use processes::Processes;

use actix::{Actor, Addr, Context};

/// Whether an actor lives.
pub(crate) type Alive = Box<dyn Fn() -> bool + Send>;

pub(crate) fn alive<A: Actor<Context = Context<A>>>(actor: &Addr<A>) -> Alive {
    let actor = actor.clone();
    Box::new(move || actor.connected())
}

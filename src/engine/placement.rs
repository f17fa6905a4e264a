//! Where actors run.
//! Knows: Arbiters. Must not: know what runs on them.

use actix::prelude::*;

/// A place for actors.
#[derive(Clone)]
pub enum Place {
    /// The thread, and the set of tasks, that this is asked on.
    Here,
    Arbiter(ArbiterHandle),
}

/// Where the actors of a process run. One place for all of it keeps a virtual world in step.
#[derive(Clone)]
pub struct Placement {
    pub signalling: Place,
    pub media: Place,
    /// Blocks: nothing that carries calls may run here, unless its disk is in memory.
    pub disk: Place,
    /// Node and worker talk here: what is large takes its time and holds up nothing.
    pub link: Place,
}

impl Place {
    pub fn start<A, F>(&self, create: F) -> Addr<A>
    where
        A: Actor<Context = Context<A>>,
        F: FnOnce(&mut Context<A>) -> A + Send + 'static,
    {
        match self {
            Place::Here => A::create(create),
            Place::Arbiter(arbiter) => A::start_in_arbiter(arbiter, create),
        }
    }

    fn thread() -> Place {
        Place::Arbiter(Arbiter::new().handle())
    }
}

impl Placement {
    /// Everything on the thread this is called on.
    pub fn here() -> Placement {
        Placement { signalling: Place::Here, media: Place::Here, disk: Place::Here, link: Place::Here }
    }

    /// Signalling on the Arbiter this is called on; media, disk and link each on a thread of their own.
    pub fn threads() -> Placement {
        Placement {
            signalling: Place::Arbiter(Arbiter::current()),
            media: Place::thread(),
            disk: Place::thread(),
            link: Place::thread(),
        }
    }
}

//! Where actors run.
//! Knows: Arbiters. Must not: know what runs on them.

use std::cell::RefCell;
use std::io;
use std::time::{Duration, Instant};

use actix::prelude::*;
use tokio::runtime::{Builder, Runtime};

use super::moderation::Moderation;

/// A flood of INVITEs is looked at so often.
const REDIRECTING_PERIOD: Duration = Duration::from_millis(2);

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
    /// Answers of router and UM service, message by message, and nothing else.
    pub redirecting: Place,
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

    /// A thread that is not woken for every message when there are many ([`Moderation`]).
    fn moderated_thread() -> Place {
        let runtime = || {
            // the same failure, and the same end, as of every other Arbiter's
            let failed = |error| panic!("no event loop for an Arbiter: {error}");
            moderated_runtime(REDIRECTING_PERIOD).unwrap_or_else(failed)
        };
        Place::Arbiter(Arbiter::with_tokio_rt(runtime).handle())
    }
}

/// An event loop for one thread, which is woken no more often than once a `period` when there is much to do
/// ([`Moderation`]).
pub fn moderated_runtime(period: Duration) -> io::Result<Runtime> {
    let rest = move || {
        let rest = MODERATION.with_borrow_mut(|moderation| moderation.park(Instant::now(), period));
        rest.into_iter().for_each(std::thread::sleep);
    };
    let woken = || MODERATION.with_borrow_mut(|moderation| moderation.unpark(Instant::now()));
    Builder::new_current_thread().enable_all().on_thread_park(rest).on_thread_unpark(woken).build()
}

impl Placement {
    /// Everything on the thread this is called on.
    pub fn here() -> Placement {
        Placement {
            signalling: Place::Here,
            redirecting: Place::Here,
            media: Place::Here,
            disk: Place::Here,
            link: Place::Here,
        }
    }

    /// A worker's: signalling on the Arbiter this is called on; media, disk and link each on a thread of their own.
    pub fn of_worker() -> Placement {
        let signalling = Place::Arbiter(Arbiter::current());
        Placement {
            redirecting: signalling.clone(),
            signalling,
            media: Place::thread(),
            disk: Place::thread(),
            link: Place::thread(),
        }
    }

    /// A node's: as a worker's, and redirecting on a thread of its own.
    pub fn of_node() -> Placement {
        Placement { redirecting: Place::moderated_thread(), ..Placement::of_worker() }
    }
}

thread_local! {
    static MODERATION: RefCell<Moderation> = RefCell::default();
}

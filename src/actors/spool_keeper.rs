//! The node's eye on the spool: finishes what workers left that are no more, and sets aside what cannot be read.
//! Knows: the spool, which workers live; runs where blocking holds up no call. Must not: write for a worker that lives.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use actix::prelude::*;

use super::delivery::{Delivery, Look};
use super::spool_writer::{RECOVER_EVERY, SHORTEST_MESSAGE, log_recovered};
use crate::engine::{Environment, Processes};
use crate::link::WorkerId;
use crate::mailbox::Spool;

pub struct SpoolKeeper {
    pub environment: Arc<dyn Environment>,
    pub processes: Arc<dyn Processes>,
    pub data: PathBuf,
    pub spool: Spool,
    pub delivery: Addr<Delivery>,
    /// Folders that do not say whose they are: a worker may be about to, or has died before it did.
    pub nameless: HashSet<String>,
    /// No worker lived when the node began: what is there without a name is nobody's.
    pub alone: bool,
}

/// A worker is no more.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Bury(pub WorkerId);

impl SpoolKeeper {
    fn recover(&mut self, _: &mut Context<Self>) {
        let mut nameless = HashSet::new();
        let alone = std::mem::take(&mut self.alone);
        let is_left = &mut |folder: &str, owner: Option<&str>| match owner {
            Some(owner) => !self.processes.lives(&self.data, &WorkerId(owner.to_owned())),
            // whoever began it has had half a minute to say so
            None => alone || self.nameless.contains(folder) || !nameless.insert(folder.to_owned()),
        };
        let recovered = self.spool.recover_of(SHORTEST_MESSAGE, self.environment.wall(), is_left);
        self.nameless = nameless;
        let recovered = recovered.and_then(|mut recovered| self.spool.tidy(&mut recovered).map(|()| recovered));
        match recovered {
            Ok(recovered) if log_recovered(&recovered) => self.delivery.do_send(Look),
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "recordings that had not ended cannot be finished yet"),
        }
    }
}

impl Actor for SpoolKeeper {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.recover(ctx);
        ctx.run_interval(RECOVER_EVERY, Self::recover);
    }
}

impl Handler<Bury> for SpoolKeeper {
    type Result = ();

    fn handle(&mut self, Bury(_): Bury, ctx: &mut Self::Context) {
        // names that were seen before stay so: this look is not half a minute after the last
        let nameless = std::mem::take(&mut self.nameless);
        self.recover(ctx);
        self.nameless.extend(nameless);
        // what it finished itself and could not tell any more
        self.delivery.do_send(Look);
    }
}

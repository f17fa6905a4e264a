//! The actor around the delivery queue: looks into the spool, carries out attempts, raises the alarm.
//! Knows: spool, courier, clocks. Must not: decide when a message is tried; the queue does.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use actix::prelude::*;
use jiff::Timestamp;

use super::alarm::Alarm;
use crate::engine::Environment;
use crate::engine::environment::blocking;
use crate::mailbox::delivery::{Command, DeliveryState, Event, Queue};
use crate::mailbox::{Courier, Entry, EntryId, Spool, SpoolError};
use crate::metrics::{Delivered, Metrics};

/// Attempts under way at once.
const PARALLEL: usize = 8;
/// The spool is looked into at least so often: for messages an administrator moved back.
const LOOK_EVERY: Duration = Duration::from_secs(30);

pub struct Delivery {
    environment: Arc<dyn Environment>,
    spool: Spool,
    courier: Courier,
    queue: Queue,
    commands: Vec<Command>,
    alarm: Alarm,
    waiting: DeliveryBacklog,
    metrics: Arc<Metrics>,
    look: LookState,
    /// Moved to `failed/` (or not, if the disk refused) since the last look began.
    parked: Vec<EntryId>,
}

/// One look at a time: what an older one saw must not be told after a newer one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LookState {
    Idle,
    Looking,
    /// Something happened meanwhile: another look follows.
    Again,
}

/// How many messages wait; shared, so that it can be known without asking.
#[derive(Clone, Default)]
pub struct DeliveryBacklog(Arc<Backlog>);

struct Backlog {
    messages: AtomicUsize,
    /// Unix milliseconds; `i64::MAX`: nothing waits.
    oldest: AtomicI64,
}

impl Default for Backlog {
    fn default() -> Backlog {
        Backlog { messages: AtomicUsize::new(0), oldest: AtomicI64::new(i64::MAX) }
    }
}

impl DeliveryBacklog {
    pub fn len(&self) -> usize {
        self.0.messages.load(Ordering::Relaxed)
    }

    /// Since when the oldest message waits.
    pub fn oldest(&self) -> Option<Timestamp> {
        Timestamp::from_millisecond(self.0.oldest.load(Ordering::Relaxed)).ok()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// There may be something new in `ready/`.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Look;

/// A message is in `ready/`: the one that was just finished.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Finished {
    pub id: EntryId,
    pub mailbox: String,
}

/// What an attempt came to.
#[derive(Message)]
#[rtype(result = "()")]
struct Attempted(Event);

impl Delivery {
    pub fn new(
        environment: Arc<dyn Environment>,
        spool: Spool,
        courier: Courier,
        metrics: Arc<Metrics>,
    ) -> (Delivery, DeliveryBacklog) {
        let waiting = DeliveryBacklog::default();
        let delivery = Delivery {
            environment,
            spool,
            courier,
            queue: Queue::new(PARALLEL),
            commands: Vec::new(),
            alarm: Alarm::default(),
            waiting: waiting.clone(),
            metrics,
            look: LookState::Idle,
            parked: Vec::new(),
        };
        (delivery, waiting)
    }

    fn step(&mut self, event: Event, ctx: &mut Context<Self>) {
        let now = self.environment.wall();
        let mut commands = std::mem::take(&mut self.commands);
        self.queue.on_event(now, event, &mut commands);
        for command in commands.drain(..) {
            self.carry_out(command, ctx);
        }
        self.commands = commands;
        let oldest = self.queue.oldest().map_or(i64::MAX, Timestamp::as_millisecond);
        self.waiting.0.messages.store(self.queue.len(), Ordering::Relaxed);
        self.waiting.0.oldest.store(oldest, Ordering::Relaxed);
        if let Some(deadline) = self.queue.next_deadline() {
            // at least a second: a deadline that has passed is waiting for an attempt to end, which wakes us too
            let wait = Duration::try_from(deadline.duration_since(now)).unwrap_or_default().max(Duration::from_secs(1));
            let now = self.environment.now();
            self.alarm.no_later_than(ctx, now, Some(now + wait), |delivery, ctx| {
                delivery.alarm.rang();
                delivery.step(Event::Tick, ctx);
            });
        }
    }

    fn carry_out(&mut self, command: Command, ctx: &mut Context<Self>) {
        match command {
            Command::Attempt(id) => {
                let courier = self.courier.clone();
                let attempt = async move { courier.attempt(id).await };
                ctx.spawn(attempt.into_actor(self).map(|event, _, ctx| ctx.notify(Attempted(event))));
            }
            Command::Remember { id, state } => {
                self.metrics.delivery_attempted(Delivered::Failed);
                let error = state.last_error.as_deref().unwrap_or_default();
                let next = state.next_attempt.map(tracing::field::display);
                tracing::warn!(message = %id, attempts = state.attempts, error, next_attempt = next, "message waits");
                let (environment, spool) = (self.environment.clone(), self.spool.clone());
                let noted = async move { blocking(&*environment, move || spool.note_attempt(&id, &state)).await };
                ctx.spawn(noted.into_actor(self).map(|noted, _, _| log_failure(noted)));
            }
            Command::Park { id, state } => {
                self.metrics.delivery_attempted(Delivered::Parked);
                let error = state.last_error.as_deref().unwrap_or_default();
                tracing::error!(
                    message = %id,
                    attempts = state.attempts,
                    error,
                    "ALARM: message cannot be delivered; it is kept in spool/failed"
                );
                let (environment, spool, parked) = (self.environment.clone(), self.spool.clone(), id.clone());
                let moved = async move { blocking(&*environment, move || spool.park(&id, &state)).await };
                ctx.spawn(moved.into_actor(self).map(|moved, delivery, ctx| {
                    let done = matches!(moved, Some(Ok(())));
                    log_failure(moved);
                    delivery.parked.push(parked);
                    // what could not be moved is tried again at the leisure of the regular look
                    if done {
                        delivery.look(ctx);
                    }
                }));
            }
        }
    }

    fn look(&mut self, ctx: &mut Context<Self>) {
        if self.look != LookState::Idle {
            self.look = LookState::Again;
            return;
        }
        self.look = LookState::Looking;
        let parked = std::mem::take(&mut self.parked);
        let (environment, spool) = (self.environment.clone(), self.spool.clone());
        let ready = async move { blocking(&*environment, move || spool.ready()).await };
        ctx.spawn(ready.into_actor(self).map(|ready, delivery, ctx| {
            delivery.looked(ready, parked, ctx);
            if std::mem::replace(&mut delivery.look, LookState::Idle) == LookState::Again {
                delivery.look(ctx);
            }
        }));
    }

    /// Tells the queue what a look saw, and what had been parked before it began.
    fn looked(&mut self, ready: Option<Result<Vec<Entry>, SpoolError>>, parked: Vec<EntryId>, ctx: &mut Context<Self>) {
        for id in parked {
            self.step(Event::Parked(id), ctx);
        }
        match ready {
            Some(Ok(entries)) => {
                for entry in entries {
                    let mailbox = entry.record.details.mailbox.alias.clone();
                    self.step(Event::Ready { id: entry.id().clone(), mailbox, state: entry.delivery }, ctx);
                }
            }
            Some(Err(error)) => tracing::error!(%error, "spool cannot be read; it is looked into again"),
            None => tracing::error!("looking into the spool failed; it is looked into again"),
        }
    }
}

fn log_failure(written: Option<Result<(), SpoolError>>) {
    match written {
        Some(Ok(())) => {}
        Some(Err(error)) => tracing::error!(%error, "spool"),
        None => tracing::error!("what became of a message could not be written"),
    }
}

impl Actor for Delivery {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.look(ctx);
        ctx.run_interval(LOOK_EVERY, Self::look);
    }
}

impl Handler<Look> for Delivery {
    type Result = ();

    fn handle(&mut self, _: Look, ctx: &mut Self::Context) {
        self.look(ctx);
    }
}

impl Handler<Finished> for Delivery {
    type Result = ();

    fn handle(&mut self, Finished { id, mailbox }: Finished, ctx: &mut Self::Context) {
        let state = DeliveryState::new(self.environment.wall());
        self.step(Event::Ready { id, mailbox, state }, ctx);
    }
}

impl Handler<Attempted> for Delivery {
    type Result = ();

    fn handle(&mut self, Attempted(event): Attempted, ctx: &mut Self::Context) {
        if let Event::Delivered(id) = &event {
            tracing::info!(message = %id, "message delivered");
            if let Some(since) = self.queue.waits_since(id) {
                let waited = self.environment.wall().duration_since(since);
                self.metrics.delivered(waited.try_into().unwrap_or_default());
            }
        }
        self.step(event, ctx);
    }
}

//! One alarm clock an actor: the next deadline of the machine within it.
//! Knows: instants. Must not: know what is due.

use std::time::Instant;

use actix::prelude::*;

/// Wakes its actor at the earliest deadline asked for. Asking for a later one than is set costs nothing: the alarm
/// rings early, the machine finds nothing due, and the alarm is set anew.
#[derive(Default)]
pub struct Alarm {
    set: Option<(Instant, SpawnHandle)>,
}

impl Alarm {
    /// Makes sure that `ring` runs no later than `deadline`; `ring` must call [`Alarm::rang`] first.
    pub fn no_later_than<A: Actor<Context = Context<A>>>(
        &mut self,
        ctx: &mut Context<A>,
        now: Instant,
        deadline: Option<Instant>,
        ring: fn(&mut A, &mut Context<A>),
    ) {
        let Some(deadline) = deadline else { return };
        if let Some((at, handle)) = self.set {
            if at <= deadline {
                return;
            }
            ctx.cancel_future(handle);
        }
        let handle = ctx.run_later(deadline.saturating_duration_since(now), ring);
        self.set = Some((deadline, handle));
    }

    pub fn rang(&mut self) {
        self.set = None;
    }
}

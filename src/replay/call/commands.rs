//! What a call tells the scenario beside its own, and is told by it (`sendCmd`, `recvCmd`).
//! Knows: texts. Must not: know how they get there.

use std::time::Instant;

use super::super::outcome::Failure;
use super::super::scenario::{Step, Template};
use super::{Call, Command, Goes, Shared};

impl Call {
    pub(super) fn tell(
        &mut self,
        now: Instant,
        step: &Step,
        command: &Template,
        shared: &mut Shared,
        out: &mut Vec<Command>,
    ) -> Goes {
        self.measure(now, step, out);
        match self.message(now, command, self.at, shared) {
            Ok(text) => {
                out.push(Command::Tell(text.clone()));
                self.act(now, step, &text, shared, out);
                if !self.is_over {
                    self.next(shared);
                }
                Goes::On
            }
            Err(why) => {
                self.fail(now, Failure::CannotSend(why), out);
                Goes::Waiting
            }
        }
    }

    /// Takes what was told and no step has taken yet, or waits for it.
    pub(super) fn be_told(&mut self, now: Instant, step: &Step, shared: &mut Shared, out: &mut Vec<Command>) -> Goes {
        let Some(text) = self.told.pop_front() else {
            if self.nobody_tells {
                self.fail(now, Failure::NobodyTells, out);
            }
            return Goes::Waiting;
        };
        self.measure(now, step, out);
        self.last_received = text.to_string();
        self.act_noting(now, step, &text, shared, out);
        if !self.is_over {
            self.next(shared);
        }
        Goes::On
    }
}

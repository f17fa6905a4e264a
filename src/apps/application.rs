//! The voice application of a call that came in: one of those there are.
//! Knows: each of them. Must not: decide anything for one.

use std::time::Instant;

use super::{CallAnswering, Command, Echo, Event};

#[derive(Debug)]
pub enum Application {
    CallAnswering(Box<CallAnswering>),
    /// A test call.
    Echo(Echo),
}

impl Application {
    pub fn on_event(&mut self, now: Instant, event: Event, out: &mut Vec<Command>) {
        match self {
            Application::CallAnswering(application) => application.on_event(now, event, out),
            Application::Echo(application) => application.on_event(now, event, out),
        }
    }

    /// When [`Event::Tick`] is due.
    pub fn next_deadline(&self) -> Option<Instant> {
        match self {
            Application::CallAnswering(application) => application.next_deadline(),
            Application::Echo(application) => application.next_deadline(),
        }
    }
}

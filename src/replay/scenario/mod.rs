//! A SIPp scenario as data: what a call sends, waits for and does, in steps.
//! Knows: what may stand in a scenario file, and refuses the rest by line and name. Must not: play it.
//!
//! [`Scenario::read`] is where to start. What each element and keyword means is in `docs/replay.md`.

mod action;
mod attributes;
mod distribution;
mod names;
mod read;
mod template;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use regex_lite::Regex;

pub use action::{Action, Comparison, Condition, Extraction, Mismatch, Operand, Operation, Place, TextOperand};
pub use distribution::Distribution;
pub use names::Names;
pub use template::{Authentication, Field, Keyword, Part, Template};

use super::fault::Fault;
use super::value::Variable;

/// A scenario that can be played.
#[derive(Debug, Clone)]
pub struct Scenario {
    pub name: String,
    pub side: Side,
    /// Done once, before the first call.
    pub first: Vec<Step>,
    pub steps: Vec<Step>,
    pub names: Names,
    /// What it needs of an engine of its own (a comment `engine: service=5000`).
    pub needs: BTreeMap<String, String>,
}

impl Scenario {
    /// The first step that needs another scenario beside this one.
    pub fn first_command(&self) -> Option<&Step> {
        self.steps.iter().find(|step| matches!(step.what, What::SendCommand(_) | What::ReceiveCommand))
    }

    /// Its calls begin with what the scenario beside it tells.
    pub fn begins_when_told(&self) -> bool {
        self.steps.first().is_some_and(|step| matches!(step.what, What::ReceiveCommand))
    }
}

/// Which side of a call it plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Caller,
    Called,
}

/// One element.
#[derive(Debug, Clone)]
pub struct Step {
    /// In its file.
    pub line: usize,
    pub what: What,
    /// Goes on elsewhere than with the next step.
    pub branch: Option<Branch>,
    /// Skipped unless this holds.
    pub only_if: Option<(Variable, bool)>,
    pub starts_timer: Option<String>,
    pub stops_timer: Option<String>,
    pub repeats_timer: bool,
    pub actions: Vec<Action>,
}

/// Where to go on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Branch {
    /// A step, or the number of steps for the end.
    pub to: usize,
    pub test: Option<Variable>,
    /// 0 to 1.
    pub chance: f64,
}

#[derive(Debug, Clone)]
pub enum What {
    Send(Box<Sending>),
    Receive(Box<Receiving>),
    Pause {
        length: PauseLength,
        /// The call counts as over: a connection that closes meanwhile is no failure.
        is_wait: bool,
    },
    /// Told to the scenario beside this one.
    SendCommand(Template),
    /// What that one tells is waited for.
    ReceiveCommand,
    Nop,
}

#[derive(Debug, Clone)]
pub enum PauseLength {
    Drawn(Distribution),
    Variable(Variable),
}

#[derive(Debug, Clone)]
pub struct Sending {
    pub message: Template,
    /// First time between two copies over UDP.
    pub retransmit: Option<Duration>,
    /// Where to go on when all copies were sent in vain.
    pub on_timeout: Option<usize>,
    /// Percent of messages that are not sent.
    pub lost: f64,
    pub starts_transaction: Option<String>,
    pub acknowledges: Option<String>,
}

#[derive(Debug, Clone)]
pub struct Receiving {
    pub expected: Expected,
    pub optional: Optional,
    pub timeout: Option<Duration>,
    pub on_timeout: Option<usize>,
    /// Routes and remote target are taken from it (rrs).
    pub records_route: bool,
    /// A challenge in it is answered by `[authentication]`.
    pub authenticates: bool,
    /// Percent of messages that are taken as lost.
    pub lost: f64,
    /// The call goes on behind it (advance_state).
    pub advances: bool,
}

#[derive(Debug, Clone)]
pub enum Expected {
    Request(String),
    /// A request whose method matches.
    RequestLike(Regex),
    Response {
        code: u16,
        /// Methods that may be answered so: of the requests that come before in the file, run together.
        methods: String,
        transaction: Option<String>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Optional {
    No,
    Yes,
    /// At any time from there on.
    Global,
}

impl Scenario {
    /// Reads a scenario; `keys` are words that `[key]` stands for.
    ///
    /// # Errors
    /// Everything in it that cannot be played, by line.
    pub fn read(text: &str, keys: BTreeMap<String, String>) -> Result<Scenario, Vec<Fault>> {
        read::scenario(text, keys)
    }
}

impl Sending {
    pub fn is_response(&self) -> bool {
        self.message.first_word().starts_with("SIP/2.0")
    }

    pub fn is_ack(&self) -> bool {
        self.message.first_word() == "ACK"
    }

    pub fn is_cancel(&self) -> bool {
        self.message.first_word() == "CANCEL"
    }
}

//! What became of a call.
//! Knows: why calls fail. Must not: print.

use std::fmt;
use std::time::Duration;

use super::scenario::Mismatch;

/// A call that is over.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// From 1.
    pub number: u64,
    pub call_id: String,
    pub duration: Duration,
    pub failure: Option<Failed>,
}

/// Where a call did not go as written.
#[derive(Debug, Clone, PartialEq)]
pub struct Failed {
    /// Number of the step, from 0, and its line in the file.
    pub step: usize,
    pub line: usize,
    pub why: Failure,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Failure {
    /// A message that is none of those that may come here.
    Unexpected {
        expected: String,
        came: String,
    },
    /// The peer ends a call that is to go on.
    UnexpectedEnd(String),
    NothingCame {
        expected: String,
        after: Duration,
    },
    /// Every copy of a message was sent in vain.
    NoAnswer {
        sent: String,
        copies: u32,
    },
    Check(Mismatch),
    /// An `int_cmd`.
    Stopped,
    Closed,
    /// The scenario beside this one is over, and has not told what is waited for.
    NobodyTells,
    CannotSend(String),
    /// Steps lead round and round without waiting.
    Endless,
}

impl Failure {
    /// One word for reports.
    pub fn kind(&self) -> &'static str {
        match self {
            Failure::Unexpected { .. } => "unexpected-message",
            Failure::UnexpectedEnd(_) => "unexpected-end",
            Failure::NothingCame { .. } => "receive-timeout",
            Failure::NoAnswer { .. } => "retransmissions",
            Failure::Check(_) => "check",
            Failure::Stopped => "stopped",
            Failure::Closed => "connection-closed",
            Failure::NobodyTells => "nothing-told",
            Failure::CannotSend(_) => "cannot-send",
            Failure::Endless => "endless",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Failure::Unexpected { expected, came } => write!(f, "{expected}, and \"{came}\" came"),
            Failure::UnexpectedEnd(method) => write!(f, "the peer ends the call ({method})"),
            Failure::NothingCame { expected, after } => {
                write!(f, "{expected}, and nothing came within {} ms", after.as_millis())
            }
            Failure::NoAnswer { sent, copies } => write!(f, "nobody answered \"{sent}\", sent {copies} times"),
            Failure::Check(mismatch) => f.write_str(match mismatch {
                Mismatch::NoMatch => "a regular expression does not match",
                Mismatch::UnwantedMatch => "a regular expression matches that must not",
                Mismatch::NoHeader => "there is no such header to look in",
                Mismatch::TestFails => "a test does not hold",
                Mismatch::TestHolds => "a test holds that must not",
                Mismatch::TextsDiffer => "two texts differ",
                Mismatch::TextsAreEqual => "two texts are equal that must not be",
            }),
            Failure::Stopped => f.write_str("the scenario has stopped the call"),
            Failure::Closed => f.write_str("the connection was closed"),
            Failure::NobodyTells => f.write_str("a command is expected, and the scenario that sends it is over"),
            Failure::CannotSend(why) => write!(f, "cannot send: {why}"),
            Failure::Endless => f.write_str("its steps lead round and round without waiting for anything"),
        }
    }
}

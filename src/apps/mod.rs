//! What a caller meets: the voice applications, one pure machine each, `(now, Event)` in and `Command`s out.
//! Knows: the caller's keys, what is said ([`crate::prompts`]), the directory's settings. Must not: know SIP, RTP, files or
//! the time of day; whoever runs a machine hands it the present instant and carries out its commands in order.
//!
//! [`conversation`] is the language all of them speak with the call; [`CallAnswering`] takes a message for a user who did
//! not answer, [`Echo`] answers test calls.

mod application;
pub mod call_answering;
pub mod connectivity;
pub mod conversation;
mod keys;

pub use application::Application;
pub use call_answering::{CallAnswering, CallAnsweringSetup, CalledName};
pub use connectivity::Echo;
pub use conversation::{Command, Event, Importance, Outcome, PlayId, RecordingEnd, Sensitivity};
pub use keys::{KeyPad, KeySource};

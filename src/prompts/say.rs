//! The words of a voice application: what is said, not yet in which language or voice.
//! Knows: names. Must not: know sounds or files.

use super::{PhraseId, PromptId};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// One thing that is said or sounded. Things said one after another are sentences: there is a pause between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Say {
    Prompt(PromptId),
    /// A sentence and what fills its place: [`Say::Digits`] or [`Say::Greeting`].
    Phrase(PhraseId, Box<Say>),
    /// An extension or telephone number, digit by digit; characters that are not said (`-`, a space) are left out.
    Digits(String),
    /// What a user recorded: a greeting, a spoken name.
    Greeting(GreetingId),
    Silence(Duration),
    /// The record tone.
    Tone,
}

/// Names a recording of a user's own; the store of greetings knows the sound.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GreetingId(Arc<str>);

impl GreetingId {
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for GreetingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

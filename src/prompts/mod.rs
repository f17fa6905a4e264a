//! What is said to a caller: prompts by name, the language they are in, and the sound behind them.
//! Knows: languages, phrases, sound files through [`crate::engine::Disk`]. Must not: know a call or decide what is said when.
//!
//! A voice application says a list of [`Say`]; [`Prompts`] turns it into sound at 8 kHz. Which prompts exist is the
//! [`PromptId`] table; their texts are `prompts/<language>/catalogue.toml`, from which `scripts/render-prompts` makes the
//! sound files. Those of en-US are part of the program; a site folder replaces any of them and adds languages
//! (docs/prompts.md).

mod catalogue;
mod id;
mod library;
mod say;

pub use crate::directory::Language;
pub use catalogue::{Catalogue, Segment};
pub use id::{PhraseId, PromptId};
pub use library::{Fault, Prompts, sound_file};
pub use say::{GreetingId, Say};

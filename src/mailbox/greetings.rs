//! What users recorded for their callers: a greeting, their spoken name. One folder a mailbox.
//! Knows: files. Must not: know when a greeting is played. Every call blocks.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::engine::Disk;
use crate::media::wav;

/// `greetings/<alias>/{greeting,name}.wav`.
#[derive(Clone)]
pub struct Greetings {
    disk: Arc<dyn Disk>,
    root: PathBuf,
}

/// Which recording of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// In place of the system greeting.
    Greeting,
    /// The name, within the system greeting.
    Name,
}

/// A recording that is there but cannot be played.
#[derive(Debug, thiserror::Error)]
#[error("{}: {what}", file.display())]
pub struct GreetingError {
    file: PathBuf,
    what: String,
}

impl Greetings {
    pub fn new(disk: Arc<dyn Disk>, root: PathBuf) -> Greetings {
        Greetings { disk, root }
    }

    /// Samples at 8 kHz; `None` when the user has recorded none.
    pub fn read(&self, alias: &str, which: Recorded) -> Result<Option<Vec<i16>>, GreetingError> {
        let name = match which {
            Recorded::Greeting => "greeting.wav",
            Recorded::Name => "name.wav",
        };
        let file = self.root.join(alias).join(name);
        match self.disk.read(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(GreetingError { file, what: error.to_string() }),
            Ok(bytes) => match wav::decode(&bytes) {
                Ok(samples) => Ok(Some(samples)),
                Err(error) => Err(GreetingError { file, what: error.to_string() }),
            },
        }
    }
}

//! Configuration text, and what is wrong with it and where.
//! Knows: names of files, lines. Must not: read a file, know what a key means.

use std::fmt;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// One file of configuration as a provider read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// As faults name it, such as `config/directory/mailboxes.toml`.
    pub name: String,
    pub text: String,
}

impl SourceFile {
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> SourceFile {
        SourceFile { name: name.into(), text: text.into() }
    }
}

/// One thing that is wrong, for the administrator who has to put it right: `file:line: key: message`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub struct Fault {
    /// The file, or whatever else the value came from (the name of an environment variable).
    pub file: String,
    /// Counted from 1; `None` when the fault has no line (a file that cannot be read).
    pub line: Option<usize>,
    /// Empty when the fault is no key's (text that is not TOML).
    pub key: String,
    /// What was wrong, and what is allowed.
    pub message: String,
}

impl Fault {
    /// A fault of a whole file.
    pub fn of_file(file: impl Into<String>, message: impl Into<String>) -> Fault {
        Fault { file: file.into(), line: None, key: String::new(), message: message.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        f.write_str(": ")?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)
    }
}

/// A position in one of the source files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub file: usize,
    /// Octets from the start of the file's text.
    pub offset: usize,
}

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Located<T> {
    pub value: T,
    pub place: Place,
}

/// The faults found so far in a set of files. Goes on collecting: an administrator wants to see all of them at once.
pub(crate) struct Faults<'s> {
    sources: &'s [SourceFile],
    /// Per file the offsets at which its lines start; made when the first fault of the file needs it.
    line_starts: Vec<OnceLock<Vec<usize>>>,
    found: Mutex<Vec<Fault>>,
}

impl<'s> Faults<'s> {
    pub fn new(sources: &'s [SourceFile]) -> Faults<'s> {
        let line_starts = sources.iter().map(|_| OnceLock::new()).collect();
        Faults { sources, line_starts, found: Mutex::default() }
    }

    pub fn add(&self, place: Place, key: &str, message: impl Into<String>) {
        let fault = Fault {
            file: self.sources.get(place.file).map(|source| source.name.clone()).unwrap_or_default(),
            line: Some(self.line(place)),
            key: key.to_owned(),
            message: message.into(),
        };
        self.found().push(fault);
    }

    /// `file:line`, to point from one fault to another place.
    pub fn show(&self, place: Place) -> String {
        let file = self.sources.get(place.file).map_or("", |source| source.name.as_str());
        format!("{file}:{}", self.line(place))
    }

    pub fn count(&self) -> usize {
        self.found().len()
    }

    /// All of them, by file and line.
    pub fn sorted(&self) -> Vec<Fault> {
        let mut found = self.found().clone();
        found.sort();
        found
    }

    fn found(&self) -> MutexGuard<'_, Vec<Fault>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn line(&self, place: Place) -> usize {
        let (Some(source), Some(starts)) = (self.sources.get(place.file), self.line_starts.get(place.file)) else {
            return 1;
        };
        let starts = starts.get_or_init(|| {
            let newlines = source.text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
            std::iter::once(0).chain(newlines.map(|(at, _)| at + 1)).collect()
        });
        starts.partition_point(|start| *start <= place.offset)
    }
}

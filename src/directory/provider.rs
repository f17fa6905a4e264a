//! Where the organisation's text comes from: the seam for TOML files now, etcd or LDAP later.
//! Knows: only the trait and its error. Must not: read anything itself; providers live in `engine`.

use super::{Fault, SourceFile};

/// Reads the whole organisation. May block: never call one on an Arbiter that carries calls.
pub trait DirectoryProvider: Send + Sync {
    /// All of the text, in an order that is the same every time.
    fn read(&self) -> Result<Vec<SourceFile>, ProviderError>;
}

/// Why the directory could not be read; the one in force stays in force.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// Nothing could be read at all.
    #[error("directory {place}: {reason}")]
    Unreachable { place: String, reason: String },
    /// Some files could not be read; one fault each.
    #[error("{}", show(.0))]
    Files(Vec<Fault>),
}

impl ProviderError {
    /// One fault for each thing that was wrong, for those who print faults.
    pub fn into_faults(self) -> Vec<Fault> {
        match self {
            ProviderError::Unreachable { place, reason } => vec![Fault::of_file(place, reason)],
            ProviderError::Files(faults) => faults,
        }
    }
}

fn show(faults: &[Fault]) -> String {
    faults.iter().map(Fault::to_string).collect::<Vec<_>>().join("; ")
}

//! How an entry is kept between two lives of a node: one key and one value each.
//! Knows: their text. Must not: know where they are kept.

use super::{Component, Entry, Requester};

/// An entry that was kept but cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum StoredEntryError {
    #[error("component state kept as \"{0}\" names no component and requester")]
    Key(String),
    #[error("component state kept as \"{key}\": {error}")]
    Value { key: String, error: serde_json::Error },
}

impl StoredEntryError {
    /// Under which it is kept.
    pub fn key(&self) -> &str {
        match self {
            StoredEntryError::Key(key) | StoredEntryError::Value { key, .. } => key,
        }
    }
}

/// As `UMCallRouter/Maintenance`.
pub fn key(component: Component, requester: Requester) -> String {
    format!("{component}/{requester}")
}

/// The value of an entry.
pub fn value(entry: &Entry) -> Vec<u8> {
    serde_json::to_vec(entry).unwrap_or_default()
}

impl super::States {
    /// The states as they were kept, and what of it cannot be read.
    pub fn from_kept(kept: &[(String, Vec<u8>)]) -> (super::States, Vec<StoredEntryError>) {
        let (mut states, mut faults) = (super::States::default(), Vec::new());
        for (key, value) in kept {
            let names = key.split_once('/').and_then(|(component, requester)| {
                Some((component.parse::<Component>().ok()?, requester.parse::<Requester>().ok()?))
            });
            match (names, serde_json::from_slice(value)) {
                (Some((component, requester)), Ok(entry)) => states.restore(component, requester, entry),
                (None, _) => faults.push(StoredEntryError::Key(key.clone())),
                (_, Err(error)) => faults.push(StoredEntryError::Value { key: key.clone(), error }),
            }
        }
        (states, faults)
    }
}

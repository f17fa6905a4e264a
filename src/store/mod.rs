//! What a node remembers between two lives: the organisation in force, component states, what became of gateways.
//! Knows: keys and values, one atomic change. Must not: know what they mean. Every call may block.

mod memory;
mod sled_store;

pub use memory::MemoryStore;
pub use sled_store::SledStore;

/// A part of the store with keys of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Shelf {
    /// The organisation in force, an entry an object, and its generation.
    Directory,
    /// Component states, an entry a component and requester.
    Components,
    /// What is to be known of gateways after a restart.
    Gateways,
}

/// One change of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    Put { key: String, value: Vec<u8> },
    Remove { key: String },
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("store {place}: {reason}")]
pub struct StoreError {
    pub place: String,
    pub reason: String,
}

/// A small durable map. The default is sled in the data folder; a virtual world has one in memory.
pub trait Store: Send + Sync + 'static {
    fn get(&self, shelf: Shelf, key: &str) -> Result<Option<Vec<u8>>, StoreError>;
    /// Every entry of a shelf, in the order of the keys.
    fn all(&self, shelf: Shelf) -> Result<Vec<(String, Vec<u8>)>, StoreError>;
    /// All of the changes or none; durable on return.
    fn apply(&self, shelf: Shelf, changes: &[Change]) -> Result<(), StoreError>;
}

impl Shelf {
    pub fn as_str(self) -> &'static str {
        match self {
            Shelf::Directory => "directory",
            Shelf::Components => "components",
            Shelf::Gateways => "gateways",
        }
    }
}

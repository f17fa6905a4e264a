//! A store in memory: a virtual world's. Clones are the same store, so that it outlives a node as a disk does.
//! Knows: maps. Must not: touch the machine.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Change, Shelf, Store, StoreError};

type Shelves = BTreeMap<Shelf, BTreeMap<String, Vec<u8>>>;

#[derive(Clone, Default)]
pub struct MemoryStore(Arc<Mutex<Shelves>>);

impl MemoryStore {
    fn shelves(&self) -> MutexGuard<'_, Shelves> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn get(&self, shelf: Shelf, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.shelves().get(&shelf).and_then(|entries| entries.get(key).cloned()))
    }

    fn all(&self, shelf: Shelf) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let shelves = self.shelves();
        let entries = shelves.get(&shelf).into_iter().flatten();
        Ok(entries.map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    fn apply(&self, shelf: Shelf, changes: &[Change]) -> Result<(), StoreError> {
        let mut shelves = self.shelves();
        let entries = shelves.entry(shelf).or_default();
        for change in changes {
            match change {
                Change::Put { key, value } => drop(entries.insert(key.clone(), value.clone())),
                Change::Remove { key } => drop(entries.remove(key)),
            }
        }
        Ok(())
    }
}

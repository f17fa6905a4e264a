//! The store of a real node: sled in `var/store`.
//! Knows: sled. Must not: know what is stored.

use std::path::Path;

use super::{Change, Shelf, Store, StoreError};

/// One process has it open at a time.
pub struct SledStore {
    database: sled::Db,
    place: String,
}

impl SledStore {
    /// Opens the store, creating what is missing.
    ///
    /// # Errors
    /// Another process has it, or what is there cannot be read.
    pub fn open(folder: &Path) -> Result<SledStore, StoreError> {
        let place = folder.display().to_string();
        let opened = sled::Config::new().path(folder).cache_capacity(16 << 20).open();
        let database = opened.map_err(|error| StoreError { place: place.clone(), reason: error.to_string() })?;
        Ok(SledStore { database, place })
    }

    fn tree(&self, shelf: Shelf) -> Result<sled::Tree, StoreError> {
        self.database.open_tree(shelf.as_str()).map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &sled::Error) -> StoreError {
        StoreError { place: self.place.clone(), reason: error.to_string() }
    }
}

impl Store for SledStore {
    fn get(&self, shelf: Shelf, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let found = self.tree(shelf)?.get(key).map_err(|error| self.failed(&error))?;
        Ok(found.map(|value| value.to_vec()))
    }

    fn all(&self, shelf: Shelf) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let entry = |entry: sled::Result<(sled::IVec, sled::IVec)>| {
            let (key, value) = entry.map_err(|error| self.failed(&error))?;
            Ok((String::from_utf8_lossy(&key).into_owned(), value.to_vec()))
        };
        self.tree(shelf)?.iter().map(entry).collect()
    }

    fn apply(&self, shelf: Shelf, changes: &[Change]) -> Result<(), StoreError> {
        let tree = self.tree(shelf)?;
        let mut batch = sled::Batch::default();
        for change in changes {
            match change {
                Change::Put { key, value } => batch.insert(key.as_str(), value.as_slice()),
                Change::Remove { key } => batch.remove(key.as_str()),
            }
        }
        tree.apply_batch(batch).map_err(|error| self.failed(&error))?;
        self.database.flush().map(drop).map_err(|error| self.failed(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::super::MemoryStore;
    use super::*;

    fn put(key: &str, value: &str) -> Change {
        Change::Put { key: key.to_owned(), value: value.as_bytes().to_vec() }
    }

    fn entries(store: &dyn Store) -> Vec<(String, String)> {
        let all = store.all(Shelf::Directory).unwrap();
        all.into_iter().map(|(key, value)| (key, String::from_utf8(value).unwrap())).collect()
    }

    #[test]
    fn a_batch_is_applied_whole_and_is_there_when_the_store_is_opened_again() {
        let folder = std::env::temp_dir().join(format!("ringpost-store-{}", std::process::id()));
        let expected = [("b".to_owned(), "2".to_owned()), ("c".to_owned(), "3".to_owned())];
        let batches = [
            vec![put("a", "1"), put("b", "1")],
            vec![put("c", "3"), put("b", "2"), Change::Remove { key: "a".to_owned() }],
        ];
        let memory = MemoryStore::default();
        let store = SledStore::open(&folder).unwrap();
        for batch in &batches {
            store.apply(Shelf::Directory, batch).unwrap();
            memory.apply(Shelf::Directory, batch).unwrap();
        }
        assert_eq!(entries(&store), expected);
        assert_eq!(entries(&memory), expected);
        assert_eq!(store.all(Shelf::Components).unwrap(), []);
        drop(store);
        let store = SledStore::open(&folder).unwrap();
        assert_eq!(entries(&store), expected);
        assert_eq!(store.get(Shelf::Directory, "c").unwrap(), Some(b"3".to_vec()));
        drop(store);
        std::fs::remove_dir_all(folder).unwrap();
    }
}

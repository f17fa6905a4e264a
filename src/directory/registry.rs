//! Objects of one kind by name, and values that only one object may have, while a directory is loaded.
//! Knows: names and places. Must not: know what the objects are.

use std::collections::HashMap;
use std::fmt::Display;
use std::hash::Hash;
use std::sync::Arc;

use super::fields::nearest;
use super::names::Name;
use super::source::{Faults, Located, Place};

/// The objects of one kind.
pub(super) struct Registry<T> {
    kind: &'static str,
    entries: HashMap<String, Entry<T>>,
    order: Vec<Arc<T>>,
    /// False: an object may exist whose name could not be read, so none is called missing.
    complete: bool,
}

struct Entry<T> {
    name: Name,
    place: Place,
    /// `None`: the object has faults, which are recorded.
    object: Option<Arc<T>>,
}

impl<T> Registry<T> {
    /// `complete`: all files could be read.
    pub fn new(kind: &'static str, complete: bool) -> Registry<T> {
        Registry { kind, entries: HashMap::new(), order: Vec::new(), complete }
    }

    /// `name`: `None` when it could not be read; `object`: `None` when it has faults.
    pub fn declare(&mut self, name: Option<Name>, place: Place, object: Option<T>, faults: &Faults) {
        let Some(name) = name else {
            self.complete = false;
            return;
        };
        let object = object.map(Arc::new);
        self.order.extend(object.clone());
        if let Some(first) = self.entries.get(&name.key()) {
            let message = format!("{} \"{name}\" is already defined at {}", self.kind, faults.show(first.place));
            return faults.add(place, "name", message);
        }
        self.entries.insert(name.key(), Entry { name, place, object });
    }

    /// The object a key names. A fault when there is none; no further one when it is there but faulty itself.
    pub fn find(&self, key: &str, name: &Located<Name>, faults: &Faults) -> Option<Arc<T>> {
        let entry = self.entries.get(&name.value.key());
        if entry.is_none() && self.complete {
            let names = self.entries.values().map(|entry| entry.name.as_str());
            let hint = nearest(name.value.as_str(), names).map(|near| format!("; did you mean \"{near}\"?"));
            let message = format!("no {} is named \"{}\"{}", self.kind, name.value, hint.unwrap_or_default());
            faults.add(name.place, key, message);
        }
        entry?.object.clone()
    }

    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// What makes the names different, see [`Name::key`].
    pub fn keys(&self) -> impl Iterator<Item = &String> {
        self.entries.keys()
    }

    /// In the order of the files.
    pub fn objects(&self) -> impl Iterator<Item = &Arc<T>> {
        self.order.iter()
    }

    /// The same.
    pub fn into_objects(self) -> Vec<Arc<T>> {
        self.order
    }
}

/// Values of one key that only one object may have.
pub(super) struct Unique<K> {
    key: &'static str,
    claimed: HashMap<K, Place>,
}

impl<K: Hash + Eq> Unique<K> {
    pub fn new(key: &'static str) -> Unique<K> {
        Unique { key, claimed: HashMap::new() }
    }

    /// Records a fault that names both places when the value is taken; `shown` says what is.
    pub fn claim(&mut self, value: K, place: Place, shown: impl Display, faults: &Faults) {
        match self.claimed.get(&value) {
            Some(first) => {
                faults.add(place, self.key, format!("{shown} is already defined at {}", faults.show(*first)));
            }
            None => drop(self.claimed.insert(value, place)),
        }
    }
}

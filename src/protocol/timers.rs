//! The deadlines of a state machine: armed by name, popped when due.
//! Knows: instants handed to it. Must not: read a clock or wait.

use std::time::Instant;

/// A small set of named deadlines. Arming a name again moves it.
///
/// Meant for machines with a handful of timers each: every operation is linear in the number armed.
#[derive(Debug, Clone)]
pub struct Timers<K> {
    armed: Vec<(K, Instant)>,
}

impl<K> Default for Timers<K> {
    fn default() -> Self {
        Self { armed: Vec::new() }
    }
}

impl<K: Copy + PartialEq> Timers<K> {
    pub fn arm(&mut self, name: K, at: Instant) {
        self.disarm(name);
        self.armed.push((name, at));
    }

    pub fn disarm(&mut self, name: K) {
        self.armed.retain(|(armed, _)| *armed != name);
    }

    pub fn clear(&mut self) {
        self.armed.clear();
    }

    pub fn is_armed(&self, name: K) -> bool {
        self.armed.iter().any(|(armed, _)| *armed == name)
    }

    /// The earliest deadline, if any timer is armed.
    pub fn next(&self) -> Option<Instant> {
        self.armed.iter().map(|(_, at)| *at).min()
    }

    /// Takes the earliest timer that is due at `now`.
    pub fn pop_due(&mut self, now: Instant) -> Option<K> {
        let (index, _) =
            self.armed.iter().enumerate().filter(|(_, (_, at))| *at <= now).min_by_key(|(_, (_, at))| *at)?;
        Some(self.armed.swap_remove(index).0)
    }
}

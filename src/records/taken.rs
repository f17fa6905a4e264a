//! Which records of which worker are kept already: a worker tells each until it hears that it was taken.
//! Knows: numbers that count up from 1. Must not: know records.

use std::collections::{BTreeSet, HashMap};

/// The numbers taken so far. What is told in order costs two numbers a worker.
#[derive(Debug, Clone, Default)]
pub struct Taken(HashMap<String, Numbers>);

#[derive(Debug, Clone, Default)]
struct Numbers {
    /// All up to this one.
    up_to: u64,
    beyond: BTreeSet<u64>,
}

impl Taken {
    pub fn contains(&self, worker: &str, number: u64) -> bool {
        self.0.get(worker).is_some_and(|numbers| number <= numbers.up_to || numbers.beyond.contains(&number))
    }

    pub fn insert(&mut self, worker: &str, number: u64) {
        let numbers = match self.0.get_mut(worker) {
            Some(numbers) => numbers,
            None => self.0.entry(worker.to_owned()).or_default(),
        };
        if number > numbers.up_to {
            numbers.beyond.insert(number);
        }
        while numbers.beyond.remove(&(numbers.up_to + 1)) {
            numbers.up_to += 1;
        }
    }

    /// The worker is no more, and tells nothing again.
    pub fn forget(&mut self, worker: &str) {
        self.0.remove(worker);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_is_taken_once_in_whatever_order_it_comes() {
        let mut taken = Taken::default();
        for (number, known) in
            [(1, false), (2, false), (1, true), (5, false), (4, false), (5, true), (3, false), (4, true)]
        {
            assert_eq!(taken.contains("a", number), known, "{number}");
            taken.insert("a", number);
        }
        assert_eq!(taken.0["a"].up_to, 5);
        assert!(taken.0["a"].beyond.is_empty());
        assert!(!taken.contains("b", 1));
        taken.forget("a");
        assert!(!taken.contains("a", 1));
    }
}

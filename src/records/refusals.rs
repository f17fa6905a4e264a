//! What is told of calls that are refused: how many lines a log gets of them, and how many records are kept, however
//! many there are.
//! Knows: instants, Call-IDs. Must not: know SIP, or who refuses.
//!
//! Whoever likes can send INVITEs, and a gateway that is set up wrongly sends many. Each is counted; log and records
//! have an allowance, and what is beyond it is a number.

use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

/// Lines of log at once, and one more each so often.
const LINES: u32 = 20;
const LINE_EVERY: Duration = Duration::from_millis(500);
/// Records at once, and one more each so often: some 50 MB a day at most.
const RECORDS: u32 = 100;
const RECORD_EVERY: Duration = Duration::from_secs(1);
/// A call of that Call-ID that comes again within so long is a copy (RFC 3261 17.1.1.2: 64 times T1).
const COPIES_WITHIN: Duration = Duration::from_secs(32);
/// So many Call-IDs are remembered for that.
const REMEMBERED: usize = 2048;
/// Octets of a Call-ID that are compared.
const COMPARED: usize = 128;

/// What has been told.
#[derive(Debug)]
pub struct Refusals {
    lines: Allowance,
    records: Allowance,
    recent: VecDeque<(Instant, String)>,
    known: HashSet<String>,
}

/// What is to be told of one refused call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// It was told already: an INVITE sent again.
    Copy,
    New {
        /// A line of log; it says how many had none before it.
        line: Option<u64>,
        /// A record; so many had none before it. Only of calls of gateways.
        record: Option<u64>,
    },
}

/// Who was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    Gateway,
    /// Nobody the organisation knows: never put on record, so that strangers cannot fill a disk.
    Stranger,
}

impl Refusals {
    pub fn new(now: Instant) -> Refusals {
        Refusals {
            lines: Allowance::new(now, LINES, LINE_EVERY),
            records: Allowance::new(now, RECORDS, RECORD_EVERY),
            recent: VecDeque::new(),
            known: HashSet::new(),
        }
    }

    /// A call was refused.
    pub fn refused(&mut self, now: Instant, call_id: &str, peer: Peer) -> Told {
        if peer == Peer::Gateway && self.is_copy(now, call_id) {
            return Told::Copy;
        }
        let record = match peer {
            Peer::Gateway => self.records.take(now),
            Peer::Stranger => None,
        };
        Told::New { line: self.lines.take(now), record }
    }

    fn is_copy(&mut self, now: Instant, call_id: &str) -> bool {
        let old = |at: &Instant| now.saturating_duration_since(*at) >= COPIES_WITHIN;
        while self.recent.front().is_some_and(|(at, _)| old(at)) || self.recent.len() >= REMEMBERED {
            if let Some((_, call_id)) = self.recent.pop_front() {
                self.known.remove(&call_id);
            }
        }
        let call_id: String = call_id.chars().take(COMPARED).collect();
        if self.known.contains(&call_id) {
            return true;
        }
        self.known.insert(call_id.clone());
        self.recent.push_back((now, call_id));
        false
    }
}

/// So much at once, and one more each so often.
#[derive(Debug)]
struct Allowance {
    most: u32,
    every: Duration,
    left: u32,
    counted_to: Instant,
    missed: u64,
}

impl Allowance {
    fn new(now: Instant, most: u32, every: Duration) -> Allowance {
        Allowance { most, every, left: most, counted_to: now, missed: 0 }
    }

    /// `Some`: take one; so many were missed since the last. `None`: nothing is left.
    fn take(&mut self, now: Instant) -> Option<u64> {
        let since = now.saturating_duration_since(self.counted_to);
        let more = u32::try_from(since.as_nanos() / self.every.as_nanos()).unwrap_or(u32::MAX);
        self.left = self.left.saturating_add(more).min(self.most);
        // what is begun of the next one counts, unless there is room for no more
        self.counted_to = if self.left == self.most { now } else { self.counted_to + self.every * more };
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                Some(std::mem::take(&mut self.missed))
            }
            None => {
                self.missed += 1;
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invite_sent_again_is_told_once_and_a_later_call_of_that_name_is_a_new_one() {
        let now = Instant::now();
        let mut refusals = Refusals::new(now);
        let told = Told::New { line: Some(0), record: Some(0) };
        assert_eq!(refusals.refused(now, "a", Peer::Gateway), told);
        assert_eq!(refusals.refused(now + COPIES_WITHIN / 2, "a", Peer::Gateway), Told::Copy);
        assert_eq!(refusals.refused(now, "b", Peer::Gateway), told);
        assert_eq!(refusals.refused(now + COPIES_WITHIN, "a", Peer::Gateway), told);
        assert_eq!(refusals.recent.len(), refusals.known.len());
    }

    #[test]
    fn a_flood_is_a_few_lines_and_records_and_then_a_number() {
        let now = Instant::now();
        let mut refusals = Refusals::new(now);
        let (mut lines, mut records, mut missed) = (0, 0, 0);
        // ten seconds at 1,000 calls a second
        for call in 0..10_000 {
            let at = now + Duration::from_millis(call);
            let Told::New { line, record } = refusals.refused(at, &call.to_string(), Peer::Gateway) else {
                panic!("a copy")
            };
            lines += u64::from(line.is_some());
            records += u64::from(record.is_some());
            missed += record.unwrap_or(0);
        }
        assert_eq!(lines, u64::from(LINES) + 10_000 / 500 - 1);
        assert_eq!(records, u64::from(RECORDS) + 9);
        // those after the last record are told with the next one
        let later = now + Duration::from_secs(11);
        let Told::New { record: Some(more), .. } = refusals.refused(later, "late", Peer::Gateway) else { panic!() };
        assert_eq!(records + missed + more, 10_000);
        assert!(refusals.known.len() <= REMEMBERED && refusals.recent.len() <= REMEMBERED);
    }

    #[test]
    fn strangers_have_lines_and_no_records_and_nothing_of_them_is_kept() {
        let now = Instant::now();
        let mut refusals = Refusals::new(now);
        for _ in 0..2 {
            let told = refusals.refused(now, "a", Peer::Stranger);
            assert_eq!(told, Told::New { line: Some(0), record: None });
        }
        assert!(refusals.known.is_empty());
    }

    #[test]
    fn an_allowance_that_was_not_used_grows_no_larger() {
        let now = Instant::now();
        let mut allowance = Allowance::new(now, 2, Duration::from_secs(1));
        let day = now + Duration::from_secs(86_400);
        let taken = [day; 4].map(|at| allowance.take(at));
        assert_eq!(taken, [Some(0), Some(0), None, None]);
        assert_eq!(allowance.take(day + Duration::from_millis(1500)), Some(2));
        assert_eq!(allowance.take(day + Duration::from_secs(2)), Some(0), "half a second was begun before");
    }
}

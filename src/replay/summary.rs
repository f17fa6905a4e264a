//! What a replay came to: counts, times, and the calls that failed.
//! Knows: outcomes. Must not: print.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::outcome::Outcome;

/// One scenario, played.
#[derive(Debug, Default)]
pub struct Summary {
    pub scenario: String,
    pub succeeded: u64,
    /// Calls that did not go as written, in the order they ended.
    pub failed: Vec<FailedCall>,
    /// By the clock the replay ran on.
    pub elapsed: Duration,
    pub messages_sent: u64,
    pub messages_received: u64,
    pub packets_sent: u64,
    /// Response times (`start_rtd` to `rtd`) by the timers' names.
    pub times: BTreeMap<String, Times>,
}

#[derive(Debug)]
pub struct FailedCall {
    pub outcome: Outcome,
    /// Its messages, if they were kept.
    pub ladder: Vec<Passed>,
}

/// A message that was sent or received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passed {
    /// Since the replay began.
    pub at: Duration,
    pub sent: bool,
    pub first_line: String,
    pub cseq: String,
}

/// Times in ms, in no order.
#[derive(Debug, Default)]
pub struct Times(Vec<f32>);

/// Of times, in ms.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Percentiles {
    pub p50: f32,
    pub p95: f32,
    pub p99: f32,
    pub max: f32,
}

impl Summary {
    pub fn calls(&self) -> u64 {
        self.succeeded + self.failed.len() as u64
    }

    pub fn is_success(&self) -> bool {
        self.failed.is_empty() && self.succeeded > 0
    }

    pub fn calls_per_second(&self) -> f64 {
        match self.elapsed.is_zero() {
            true => 0.0,
            false => self.calls() as f64 / self.elapsed.as_secs_f64(),
        }
    }
}

impl Times {
    pub fn add(&mut self, time: Duration) {
        self.0.push(time.as_secs_f32() * 1000.0);
    }

    /// `None`: nothing was measured.
    pub fn percentiles(&self) -> Option<Percentiles> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f32::total_cmp);
        let max = *sorted.last()?;
        let of = |percent: usize| sorted.get(sorted.len() * percent / 100).copied().unwrap_or(max);
        Some(Percentiles { p50: of(50), p95: of(95), p99: of(99), max })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_times() {
        let mut times = Times::default();
        assert_eq!(times.percentiles(), None);
        (1..=100).rev().for_each(|ms| times.add(Duration::from_millis(ms)));
        let found = times.percentiles().unwrap();
        assert_eq!([found.p50, found.p95, found.p99, found.max].map(|ms| ms.round()), [51.0, 96.0, 100.0, 100.0]);
    }
}

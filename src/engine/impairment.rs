//! What a link between two hosts of a virtual world does to datagrams.
//! Knows: its own randomness and the instants handed in. Must not: hold a datagram, or have a clock.

use std::time::{Duration, Instant};

use crate::protocol::random::Random;

/// One direction of a link.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Impairment {
    /// Each datagram is so long on its way.
    pub delay: Duration,
    /// Up to so much longer, each its own.
    pub jitter: Duration,
    /// 0 to 1: the part that is lost.
    pub loss: f64,
    /// 0 to 1: the part that comes twice.
    pub duplication: f64,
    /// 0 to 1: the part that is overtaken by what is sent up to 50 ms later.
    pub reordering: f64,
    /// Octets a second; what does not fit waits. `None`: whatever is sent.
    pub bandwidth: Option<u64>,
    /// Nothing passes.
    pub partition: bool,
}

/// How long a datagram that is overtaken is held back.
const HELD_BACK: Duration = Duration::from_millis(50);
/// TCP's least wait before it sends again.
const SENT_AGAIN: Duration = Duration::from_millis(200);

/// An impaired link in use.
#[derive(Debug)]
pub(super) struct Link {
    impairment: Impairment,
    random: Random,
    /// What was sent before is through by then.
    busy_until: Option<Instant>,
}

impl Link {
    pub fn new(impairment: Impairment, seed: u64) -> Link {
        Link { impairment, random: Random::new(seed), busy_until: None }
    }

    /// When a datagram of so many octets, sent at `now`, arrives: never, once, or twice.
    pub fn pass(&mut self, now: Instant, octets: usize) -> Vec<Instant> {
        let Impairment { delay, jitter, loss, duplication, reordering, bandwidth, partition } = self.impairment;
        if partition || self.happens(loss) {
            return Vec::new();
        }
        let leaves = self.leaves(now, octets, bandwidth);
        let copies = 1 + usize::from(self.happens(duplication));
        let mut arrivals = Vec::with_capacity(copies);
        for _ in 0..copies {
            let late = self.random.up_to(u64::try_from(jitter.as_micros()).unwrap_or(u64::MAX));
            let held = if self.happens(reordering) { HELD_BACK } else { Duration::ZERO };
            arrivals.push(leaves + delay + Duration::from_micros(late) + held);
        }
        arrivals
    }

    /// When octets on a connection arrive: what is lost is sent again, and late.
    pub fn carry(&mut self, now: Instant, octets: usize) -> Instant {
        let Impairment { delay, jitter, loss, bandwidth, .. } = self.impairment;
        let leaves = self.leaves(now, octets, bandwidth);
        let late = self.random.up_to(u64::try_from(jitter.as_micros()).unwrap_or(u64::MAX));
        let again = if self.happens(loss) { SENT_AGAIN } else { Duration::ZERO };
        leaves + delay + Duration::from_micros(late) + again
    }

    pub fn is_parted(&self) -> bool {
        self.impairment.partition
    }

    /// When so many octets are through, at the link's rate.
    fn leaves(&mut self, now: Instant, octets: usize, bandwidth: Option<u64>) -> Instant {
        let Some(rate) = bandwidth.filter(|rate| *rate > 0) else { return now };
        let takes = Duration::from_secs_f64(octets as f64 / rate as f64);
        let through = self.busy_until.map_or(now, |until| until.max(now)) + takes;
        self.busy_until = Some(through);
        through
    }

    fn happens(&mut self, part: f64) -> bool {
        part > 0.0 && ((self.random.draw() >> 11) as f64 / (1_u64 << 53) as f64) < part
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Times in ms at which datagrams of 100 octets arrive, sent every 10 ms.
    fn arrivals(impairment: Impairment, count: u64) -> Vec<Vec<u64>> {
        let (mut link, now) = (Link::new(impairment, 7), Instant::now());
        let sent = (0..count).map(|number| now + Duration::from_millis(10 * number));
        sent.map(|at| link.pass(at, 100).iter().map(|came| (*came - now).as_millis() as u64).collect()).collect()
    }

    #[test]
    fn a_link_delays_and_keeps_its_rate() {
        let delay = Impairment { delay: Duration::from_millis(30), ..Impairment::default() };
        assert_eq!(arrivals(delay, 3), [[30], [40], [50]]);
        let slow = Impairment { bandwidth: Some(5000), ..Impairment::default() };
        assert_eq!(arrivals(slow, 4), [[20], [40], [60], [80]], "20 ms each");
        assert_eq!(arrivals(Impairment { partition: true, ..Impairment::default() }, 2), [[0_u64; 0]; 2]);
    }

    #[test]
    fn a_link_loses_doubles_and_turns_around_as_much_as_it_was_told() {
        let count = |impairment: Impairment, what: fn(&[Vec<u64>]) -> usize| what(&arrivals(impairment, 10_000));
        let lost = count(Impairment { loss: 0.2, ..Impairment::default() }, |all| {
            all.iter().filter(|at| at.is_empty()).count()
        });
        assert!((1900..2100).contains(&lost), "{lost}");
        let twice = count(Impairment { duplication: 0.1, ..Impairment::default() }, |all| {
            all.iter().filter(|at| at.len() == 2).count()
        });
        assert!((900..1100).contains(&twice), "{twice}");
        let overtaken = count(Impairment { reordering: 0.1, ..Impairment::default() }, |all| {
            all.windows(2).filter(|pair| pair[0][0] > pair[1][0]).count()
        });
        assert!((700..1100).contains(&overtaken), "{overtaken}");
        let jitter = arrivals(Impairment { jitter: Duration::from_millis(8), ..Impairment::default() }, 1000);
        let late: Vec<u64> = jitter.iter().enumerate().map(|(number, at)| at[0] - 10 * number as u64).collect();
        assert!(late.iter().all(|late| *late <= 8) && late.iter().any(|late| *late >= 6));
    }
}

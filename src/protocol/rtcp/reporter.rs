//! One side's reports: when they are due, what they say, and the round trip they measure (RFC 3550 6.2, 6.3, 6.4).
//! Knows: instants and randomness handed in, counts of what was sent and received.
//! Must not: know where reports are sent to.

use std::time::{Duration, Instant};

use super::{Compound, Packet, Reception, SenderReport};

/// What we sent up to now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sent {
    pub packets: u32,
    /// Of payload.
    pub octets: u32,
    /// RTP timestamp of the present instant.
    pub timestamp: u32,
}

/// Writes our reports and reads those of the other side. Two parties with little to say: the interval is RFC 3550's minimum of 5 s, the
/// first half as long, randomised by 0.5 to 1.5 and divided by e - 3/2 (RFC 3550 6.3.1).
#[derive(Debug, Clone)]
pub struct Reporter {
    ssrc: u32,
    cname: String,
    started: Instant,
    due: Instant,
    random: u64,
    packets_reported: u32,
    /// The other side's last report: the middle of its timestamp, and when it came.
    heard: Option<(u32, Instant)>,
    round_trip: Option<Duration>,
}

/// Our clock starts here, not at 0: a report of timestamp 0 would look like none.
const CLOCK_START: u64 = 1 << 32;

impl Reporter {
    pub fn new(ssrc: u32, cname: String, seed: u64, now: Instant) -> Self {
        let mut reporter = Self {
            ssrc,
            cname,
            started: now,
            due: now,
            random: seed | 1,
            packets_reported: 0,
            heard: None,
            round_trip: None,
        };
        reporter.due = now + reporter.interval() / 2;
        reporter
    }

    /// Whether a report is due; if so, the next one is set.
    pub fn is_due(&mut self, now: Instant) -> bool {
        if now < self.due {
            return false;
        }
        self.due = now + self.interval();
        true
    }

    /// A sender report if anything was sent since the last one, else a receiver report; with our name.
    pub fn report(&mut self, now: Instant, sent: Sent, reception: Option<&mut Reception>) -> Compound {
        let sender = (sent.packets != self.packets_reported).then(|| SenderReport {
            ntp: self.clock(now),
            rtp_timestamp: sent.timestamp,
            packets: sent.packets,
            octets: sent.octets,
        });
        self.packets_reported = sent.packets;
        let (last_report, delay) = match self.heard {
            Some((report, at)) => (report, fixed_point(now.saturating_duration_since(at)) >> 16),
            None => (0, 0),
        };
        let block = reception.map(|r| r.block(last_report, delay.min(u64::from(u32::MAX)) as u32));
        Compound::report(self.ssrc, sender, block.as_slice()).cname(self.ssrc, &self.cname)
    }

    /// Takes in what the other side reports.
    pub fn hear(&mut self, now: Instant, packets: &[Packet]) {
        for packet in packets {
            let Packet::Report { sender, blocks, .. } = packet else { continue };
            if let Some(sender) = sender {
                self.heard = Some(((sender.ntp >> 16) as u32, now));
            }
            for block in blocks.iter().filter(|b| b.ssrc == self.ssrc && b.last_report != 0) {
                let here = (self.clock(now) >> 16) as u32;
                let round_trip = here.wrapping_sub(block.last_report).wrapping_sub(block.delay) as i32;
                // A peer that mistakes the units would give nonsense, and a little less than 0 is the rounding of both clocks.
                if (-64..60 << 16).contains(&round_trip) {
                    let micros = (round_trip.max(0) as u64 * 1_000_000) >> 16;
                    self.round_trip = Some(Duration::from_micros(micros));
                }
            }
        }
    }

    /// The last one measured.
    pub fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// 32.32 fixed point seconds since we started: a clock of our own, as RFC 3550 4 allows who has no wall clock.
    fn clock(&self, now: Instant) -> u64 {
        CLOCK_START + fixed_point(now.saturating_duration_since(self.started))
    }

    fn interval(&mut self) -> Duration {
        // xorshift64: enough to keep 500 calls from reporting in step
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let factor = 0.5 + (self.random >> 40) as f64 / (1u64 << 24) as f64;
        Duration::from_secs(5).mul_f64(factor / 1.218_28)
    }
}

fn fixed_point(duration: Duration) -> u64 {
    (duration.as_secs() << 32) | ((u64::from(duration.subsec_nanos()) << 32) / 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::rtcp::parse;

    fn after(start: Instant, millis: u64) -> Instant {
        start + Duration::from_millis(millis)
    }

    #[test]
    fn the_round_trip_is_measured_without_the_peers_pause() {
        let start = Instant::now();
        let mut here = Reporter::new(1, "here".into(), 5, start);
        let mut there = Reporter::new(2, "there".into(), 6, start);
        let sent = Sent { packets: 10, octets: 1600, timestamp: 1600 };

        let report = here.report(after(start, 2500), sent, None).into_octets();
        there.hear(after(start, 2540), &parse(&report).unwrap());
        let mut reception = Reception::new(1, 100);
        let answer = there.report(after(start, 5000), Sent::default(), Some(&mut reception)).into_octets();
        here.hear(after(start, 5030), &parse(&answer).unwrap());

        let round_trip = here.round_trip().unwrap().as_micros();
        assert!((69_900..=70_100).contains(&round_trip), "{round_trip}");
        assert_eq!(there.round_trip(), None);
    }

    #[test]
    fn who_sent_nothing_since_is_a_receiver() {
        let start = Instant::now();
        let mut reporter = Reporter::new(1, "c".into(), 5, start);
        let sent = Sent { packets: 1, octets: 160, timestamp: 0 };
        let is_sender = |compound: Compound| {
            matches!(parse(&compound.into_octets()).unwrap()[0], Packet::Report { sender: Some(_), .. })
        };
        assert!(is_sender(reporter.report(start, sent, None)));
        assert!(!is_sender(reporter.report(start, sent, None)));
    }

    #[test]
    fn intervals_vary_around_five_seconds() {
        let start = Instant::now();
        let mut reporter = Reporter::new(1, "c".into(), 99, start);
        let mut due = Vec::new();
        for millis in 0..600_000 {
            if reporter.is_due(after(start, millis)) {
                due.push(millis);
            }
        }
        assert!((1025..=3080).contains(&due[0]), "{}", due[0]);
        let intervals: Vec<_> = due.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(intervals.iter().all(|i| (2050..=6160).contains(i)));
        assert!(intervals.iter().max().unwrap() - intervals.iter().min().unwrap() > 2000);
    }

    #[test]
    fn a_forged_block_gives_no_round_trip() {
        let start = Instant::now();
        let mut reporter = Reporter::new(1, "c".into(), 5, start);
        let block = |last_report, delay| Reception::new(1, 1).block(last_report, delay);
        for forged in [block(0, 0), block(1, u32::MAX / 2), block(u32::MAX / 2, 0)] {
            reporter.hear(start, &[Packet::Report { ssrc: 2, sender: None, blocks: vec![forged] }]);
            assert_eq!(reporter.round_trip(), None);
        }
    }
}

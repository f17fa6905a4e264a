//! What arrives of one source: loss and jitter (RFC 3550 6.4.1, A.1, A.3, A.8).
//! Knows: sequence numbers, timestamps, arrival times in units of the RTP clock.
//! Must not: keep payloads, decide which source is believed.

use super::{Bursts, ReportBlock};

/// How far a sequence number may leap forward, or lie behind, before it is a restart (RFC 3550 A.1: MAX_DROPOUT, MAX_MISORDER).
const LEAP: u16 = 3000;
const BEHIND: u16 = 100;

/// How a packet stands to those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// The newest so far; `missing` packets before it have not arrived (yet).
    Newest {
        missing: u16,
    },
    /// Overtaken by a later one.
    Late,
    Duplicate,
    /// The source began anew: another SSRC, or a sequence number out of all proportion.
    Restart,
}

/// Statistics of the packets received in a stream. They go on when the source changes its SSRC or restarts, so that a call has one account.
#[derive(Debug, Clone)]
pub struct Reception {
    ssrc: u32,
    /// Extended sequence numbers: the first and the newest of this source.
    first: u32,
    newest: u32,
    /// Which of the 64 sequence numbers up to the newest have arrived; bit 0 is the newest.
    window: u64,
    received: u32,
    /// Expected and received of sources before this one.
    expected_before: u64,
    received_before: u64,
    gaps: u64,
    bursts: Bursts,
    /// As RFC 3550 A.8: scaled by 16.
    jitter: u32,
    transit: Option<u32>,
    expected_reported: u32,
    received_reported: u32,
}

impl Reception {
    /// Starts with the first packet, which counts as received.
    pub fn new(ssrc: u32, sequence: u16) -> Self {
        let first = u32::from(sequence);
        Self {
            ssrc,
            first,
            newest: first,
            window: 1,
            received: 1,
            expected_before: 0,
            received_before: 0,
            gaps: 0,
            bursts: first_arrived(),
            jitter: 0,
            transit: None,
            expected_reported: 0,
            received_reported: 0,
        }
    }

    pub fn push(&mut self, ssrc: u32, sequence: u16) -> Received {
        let ahead = sequence.wrapping_sub(self.newest as u16);
        let behind = ahead.wrapping_neg();
        if ssrc != self.ssrc || (ahead >= LEAP && behind > BEHIND) {
            *self = Self {
                expected_before: self.expected(),
                received_before: self.received(),
                gaps: self.gaps,
                bursts: self.bursts,
                jitter: self.jitter,
                ..Self::new(ssrc, sequence)
            };
            return Received::Restart;
        }
        if ahead != 0 && ahead < LEAP {
            self.newest = self.newest.wrapping_add(u32::from(ahead));
            self.window = if ahead < 64 { self.window << ahead | 1 } else { 1 };
            self.received += 1;
            self.gaps += u64::from(ahead > 1);
            self.bursts.lost(ahead - 1);
            self.bursts.arrived();
            return Received::Newest { missing: ahead - 1 };
        }
        let bit = if behind < 64 { 1u64 << behind } else { 0 };
        if self.window & bit != 0 {
            return Received::Duplicate;
        }
        // One from before the first: the first was overtaken at the very start.
        if u32::from(behind) > self.newest.wrapping_sub(self.first) {
            self.first = self.newest.wrapping_sub(u32::from(behind));
        }
        self.window |= bit;
        self.received += 1;
        Received::Late
    }

    /// Counts a packet's timing into the jitter (RFC 3550 A.8). Not for packets whose timestamp is not the time of sending, as telephone
    /// events. `arrival` is in units of the RTP clock, of any origin.
    pub fn time(&mut self, arrival: u32, timestamp: u32) {
        let transit = arrival.wrapping_sub(timestamp);
        if let Some(before) = self.transit.replace(transit) {
            let difference = (transit.wrapping_sub(before) as i32).unsigned_abs();
            // A leap of the timestamp is not jitter.
            if difference < 8000 {
                self.jitter = self.jitter + difference - ((self.jitter + 8) >> 4);
            }
        }
    }

    /// Packets that should have arrived, of all sources of this stream.
    pub fn expected(&self) -> u64 {
        self.expected_before + u64::from(self.expected_here())
    }

    /// Packets that arrived, each counted once.
    pub fn received(&self) -> u64 {
        self.received_before + u64::from(self.received)
    }

    pub fn lost(&self) -> u64 {
        self.expected().saturating_sub(self.received())
    }

    /// How often a packet was followed by another than the next one: lost packets divided by this is the mean length of a burst.
    pub fn gaps(&self) -> u64 {
        self.gaps
    }

    pub fn bursts(&self) -> &Bursts {
        &self.bursts
    }

    /// In units of the RTP clock.
    pub fn jitter(&self) -> u32 {
        self.jitter >> 4
    }

    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// What to tell the source. `last_report` and `delay` are about its own last report: zero if there was none.
    pub fn block(&mut self, last_report: u32, delay: u32) -> ReportBlock {
        let expected = self.expected_here();
        let expected_since = expected.wrapping_sub(self.expected_reported);
        let received_since = self.received.wrapping_sub(self.received_reported);
        (self.expected_reported, self.received_reported) = (expected, self.received);
        let lost_since = expected_since.saturating_sub(received_since);
        let fraction = (u64::from(lost_since) << 8).checked_div(u64::from(expected_since)).unwrap_or(0);
        ReportBlock {
            ssrc: self.ssrc,
            fraction_lost: fraction.min(255) as u8,
            cumulative_lost: expected.saturating_sub(self.received).min(0x7F_FFFF) as i32,
            highest_sequence: self.newest,
            jitter: self.jitter(),
            last_report,
            delay,
        }
    }

    fn expected_here(&self) -> u32 {
        self.newest.wrapping_sub(self.first).wrapping_add(1)
    }
}

fn first_arrived() -> Bursts {
    let mut bursts = Bursts::default();
    bursts.arrived();
    bursts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(sequences: &[u16]) -> Reception {
        let mut reception = Reception::new(1, sequences[0]);
        for sequence in &sequences[1..] {
            reception.push(1, *sequence);
        }
        reception
    }

    #[test]
    fn loss_is_what_never_came() {
        let reception = heard(&[65533, 65534, 1, 2, 5]);
        assert_eq!((reception.expected(), reception.received(), reception.lost(), reception.gaps()), (9, 5, 4, 2));
    }

    #[test]
    fn reordered_packets_are_not_lost_and_duplicates_hide_no_loss() {
        let mut reception = heard(&[10, 12, 11, 13]);
        assert_eq!(reception.lost(), 0);
        assert_eq!(reception.push(1, 12), Received::Duplicate);
        assert_eq!(reception.push(1, 15), Received::Newest { missing: 1 });
        assert_eq!(reception.push(1, 15), Received::Duplicate);
        assert_eq!(reception.lost(), 1);
        assert_eq!(reception.push(1, 14), Received::Late);
        assert_eq!(reception.lost(), 0);
    }

    #[test]
    fn a_first_packet_that_was_overtaken_is_counted_once() {
        let mut reception = heard(&[10]);
        assert_eq!(reception.push(1, 9), Received::Late);
        assert_eq!(reception.push(1, 9), Received::Duplicate);
        assert_eq!((reception.expected(), reception.received()), (2, 2));
    }

    #[test]
    fn a_restart_is_no_loss() {
        let mut reception = heard(&[10, 11]);
        assert_eq!(reception.push(1, 40_000), Received::Restart);
        assert_eq!(reception.push(2, 7), Received::Restart);
        assert_eq!(reception.push(2, 9), Received::Newest { missing: 1 });
        assert_eq!((reception.expected(), reception.received(), reception.lost()), (6, 5, 1));
    }

    #[test]
    fn the_report_tells_loss_since_the_last_one() {
        let mut reception = heard(&[1, 2, 3, 5]);
        assert_eq!(reception.block(0, 0).fraction_lost, 51); // 1 of 5
        reception.push(1, 6);
        let block = reception.block(9, 8);
        assert_eq!((block.fraction_lost, block.cumulative_lost, block.highest_sequence), (0, 1, 6));
        assert_eq!((block.last_report, block.delay), (9, 8));
    }

    #[test]
    fn jitter_settles_at_the_mean_difference_of_transit() {
        let mut reception = heard(&[0]);
        for packet in 0u32..2000 {
            let late = if packet % 2 == 0 { 0 } else { 80 };
            reception.time(1_000_000 + packet * 160 + late, packet * 160);
        }
        assert!((75..=80).contains(&reception.jitter()), "{}", reception.jitter());
    }
}

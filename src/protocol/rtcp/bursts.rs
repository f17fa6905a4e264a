//! Whether packets are lost one by one or in bursts (RFC 3611 4.7.2).
//! Knows: losses and arrivals in order. Must not: know packets.

/// So many packets in a row that arrive end a burst (RFC 3611 4.7.2: Gmin, recommended 16).
const GAP: u64 = 16;

/// The bursts of a stream. A packet that is overtaken counts as lost here: what comes so late is seldom heard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bursts {
    packets: u64,
    /// Bursts that are over, their packets, and the lost ones of these.
    bursts: u64,
    within: u64,
    lost_within: u64,
    /// From the first loss to the last one, as long as no gap has followed.
    run: u64,
    lost_in_run: u64,
    arrived_since: u64,
}

impl Bursts {
    pub fn lost(&mut self, packets: u16) {
        let packets = u64::from(packets);
        if packets == 0 {
            return;
        }
        if self.lost_in_run > 0 && self.arrived_since >= GAP {
            self.close();
        }
        if self.lost_in_run > 0 {
            self.run += self.arrived_since;
        }
        self.run += packets;
        self.lost_in_run += packets;
        self.arrived_since = 0;
        self.packets += packets;
    }

    pub fn arrived(&mut self) {
        self.arrived_since += 1;
        self.packets += 1;
    }

    /// Percent of the packets in bursts that were lost; 0 without bursts.
    pub fn density_percent(&self) -> f64 {
        let closed = self.closed();
        if closed.within == 0 { 0.0 } else { 100.0 * closed.lost_within as f64 / closed.within as f64 }
    }

    /// Mean length of the time between bursts, in packets; of the whole stream when there is none.
    pub fn gap(&self) -> f64 {
        let closed = self.closed();
        (self.packets - closed.within) as f64 / (closed.bursts + 1) as f64
    }

    /// Mean number of packets lost in a burst; 0 without bursts.
    pub fn loss(&self) -> f64 {
        let closed = self.closed();
        if closed.bursts == 0 { 0.0 } else { closed.lost_within as f64 / closed.bursts as f64 }
    }

    fn closed(mut self) -> Bursts {
        self.close();
        self
    }

    /// A single loss between gaps is no burst.
    fn close(&mut self) {
        if self.lost_in_run > 1 {
            self.bursts += 1;
            self.within += self.run;
            self.lost_within += self.lost_in_run;
        }
        (self.run, self.lost_in_run) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `x`: lost.
    fn heard(packets: &str) -> Bursts {
        let mut bursts = Bursts::default();
        for packet in packets.chars() {
            match packet {
                'x' => bursts.lost(1),
                _ => bursts.arrived(),
            }
        }
        bursts
    }

    #[test]
    fn losses_near_each_other_are_a_burst_and_single_ones_are_none() {
        let gap = "................";
        // packets, density in percent, mean gap, mean loss of a burst
        let table = [
            (String::new(), 0.0, 0.0, 0.0),
            (format!("{gap}{gap}"), 0.0, 32.0, 0.0),
            (format!("{gap}x{gap}x{gap}"), 0.0, 50.0, 0.0),
            (format!("{gap}xx{gap}"), 100.0, 16.0, 2.0),
            (format!("{gap}x..x{gap}"), 50.0, 16.0, 2.0),
            (format!("{gap}x..x{gap}xxxx{gap}"), 75.0, 16.0, 3.0),
            ("xx".to_owned(), 100.0, 0.0, 2.0),
        ];
        for (packets, density, gap, loss) in table {
            let bursts = heard(&packets);
            assert_eq!((bursts.density_percent(), bursts.gap(), bursts.loss()), (density, gap, loss), "{packets}");
        }
    }
}

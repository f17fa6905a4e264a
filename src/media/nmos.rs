//! How good a call sounded, estimated from what its packets went through: the E-model (ITU-T G.107), for the call record.
//! Knows: loss, jitter, delay. Must not: see packets or audio: who counts them is `stream`.

/// What the network did to one direction of a call. The default is a perfect line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conditions {
    /// Packets that never came, in percent of those sent (0-100).
    pub loss_percent: f64,
    /// How much longer losses last in a row than they would by pure chance, see [`burst_ratio`] (1 = by chance).
    pub burst_ratio: f64,
    /// Interarrival jitter (RFC 3550 6.4.1), ms.
    pub jitter_ms: f64,
    /// How long the jitter buffer holds a packet back, ms. Packets later than that are lost.
    pub playout_delay_ms: f64,
    /// RTCP round trip (RFC 3550 6.4.1), ms; 0 when unknown.
    pub round_trip_ms: f64,
}

impl Default for Conditions {
    fn default() -> Self {
        Self { loss_percent: 0.0, burst_ratio: 1.0, jitter_ms: 0.0, playout_delay_ms: 40.0, round_trip_ms: 0.0 }
    }
}

/// A quality estimate in the terms of the call record.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Network mean opinion score, 1.0 (bad) to 4.5; G.711 on a perfect line has 4.4.
    pub nmos: f64,
    /// By how much everything below together lowered it.
    pub degradation: f64,
    /// By how much jitter alone (packets too late to be played) would have lowered it.
    pub degradation_by_jitter: f64,
    /// By how much packet loss alone would have lowered it.
    pub degradation_by_loss: f64,
}

/// Ro - Is with every parameter at its default (G.107 table 2).
const BEST: f64 = 93.2;

/// Packet-loss robustness of G.711 with concealment (G.113 appendix I, table I.4); its equipment impairment Ie is 0.
const ROBUSTNESS: f64 = 25.1;

/// Time a packet takes to fill, ms.
const PACKET_MS: f64 = 20.0;

/// The estimate for G.711 with packet loss concealment under these conditions. Values out of range are taken as the nearest in it.
pub fn estimate(conditions: &Conditions) -> Estimate {
    let conditions = conditions.in_range();
    let nmos = mos(conditions.rating());
    let untroubled = Conditions { loss_percent: 0.0, jitter_ms: 0.0, ..conditions };
    let alone = |only: Conditions| mos(untroubled.rating()) - mos(only.rating());
    Estimate {
        nmos,
        degradation: mos(BEST) - nmos,
        degradation_by_jitter: alone(Conditions { jitter_ms: conditions.jitter_ms, ..untroubled }),
        degradation_by_loss: alone(Conditions { loss_percent: conditions.loss_percent, ..untroubled }),
    }
}

/// BurstR of G.107 3.5: mean length of the losses seen, over that of as much loss by pure chance. At least 1.
///
/// `lost` packets of `expected` in `bursts` groups of consecutive ones.
pub fn burst_ratio(lost: u64, bursts: u64, expected: u64) -> f64 {
    if bursts == 0 || lost >= expected {
        return 1.0;
    }
    let seen = lost as f64 / bursts as f64;
    let by_chance = 1.0 / (1.0 - lost as f64 / expected as f64);
    (seen / by_chance).max(1.0)
}

impl Conditions {
    fn in_range(&self) -> Self {
        let clamp = |value: f64, low: f64, high: f64| if value.is_nan() { low } else { value.clamp(low, high) };
        Self {
            loss_percent: clamp(self.loss_percent, 0.0, 100.0),
            burst_ratio: clamp(self.burst_ratio, 1.0, 100.0),
            jitter_ms: clamp(self.jitter_ms, 0.0, 10_000.0),
            playout_delay_ms: clamp(self.playout_delay_ms, 0.0, 10_000.0),
            round_trip_ms: clamp(self.round_trip_ms, 0.0, 60_000.0),
        }
    }

    /// R of G.107 3.1: R = Ro - Is - Id - Ie,eff.
    fn rating(&self) -> f64 {
        BEST - self.delay_impairment() - self.loss_impairment()
    }

    /// Id, in the closed form of Cole and Rosenbluth, "Voice over IP performance monitoring" (2001), section 3.
    fn delay_impairment(&self) -> f64 {
        let one_way = self.round_trip_ms / 2.0 + self.playout_delay_ms + PACKET_MS;
        0.024 * one_way + 0.11 * (one_way - 177.3).max(0.0)
    }

    /// Ie,eff of G.107 3.5, with Ie = 0.
    fn loss_impairment(&self) -> f64 {
        let loss = 100.0 - (100.0 - self.loss_percent) * (1.0 - self.late());
        95.0 * loss / (loss / self.burst_ratio + ROBUSTNESS)
    }

    /// Share of packets that come after their time. Jitter is the mean deviation of the transit time; with deviations
    /// distributed as Laplace's law, as queues make them, half of them are late ones and fall off exponentially.
    fn late(&self) -> f64 {
        if self.jitter_ms > 0.0 { 0.5 * (-self.playout_delay_ms / self.jitter_ms).exp() } else { 0.0 }
    }
}

/// G.107 annex B: the opinion score of a rating.
fn mos(rating: f64) -> f64 {
    let rating = rating.clamp(0.0, 100.0);
    // Below a rating of 6.5 the polynomial dips under 1.
    (1.0 + 0.035 * rating + rating * (rating - 60.0) * (100.0 - rating) * 7e-6).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn nmos(conditions: Conditions) -> f64 {
        estimate(&conditions).nmos
    }

    #[test]
    fn opinion_scores_of_the_standard() {
        // G.107 annex B, table B.1
        for (rating, score) in [(90.0, 4.34), (80.0, 4.03), (70.0, 3.60), (60.0, 3.10), (50.0, 2.58)] {
            assert!((mos(rating) - score).abs() < 0.01, "{rating} is {}", mos(rating));
        }
        assert_eq!((mos(-5.0), mos(3.0), mos(100.0), mos(200.0)), (1.0, 1.0, 4.5, 4.5));
    }

    #[test]
    fn a_clean_line_is_good_and_loss_hurts_as_published() {
        let clean = nmos(Conditions::default());
        assert!((4.3..4.42).contains(&clean), "{clean}");
        let lossy = |loss_percent| nmos(Conditions { loss_percent, ..Conditions::default() });
        // Ie,eff = 95 * 5 / (5 + 25.1) = 15.8 -> R = 76 -> 3.85; 20 %: 42.1 -> R = 49.6
        assert!((lossy(5.0) - 3.85).abs() < 0.05, "{}", lossy(5.0));
        assert!((lossy(20.0) - 2.56).abs() < 0.05, "{}", lossy(20.0));
        assert!(lossy(100.0) < 1.5);
    }

    #[test]
    fn the_causes_are_told_apart() {
        let jitter = estimate(&Conditions { jitter_ms: 30.0, ..Conditions::default() });
        assert!(jitter.degradation_by_jitter > 0.5 && jitter.degradation_by_loss == 0.0, "{jitter:?}");
        let loss = estimate(&Conditions { loss_percent: 5.0, ..Conditions::default() });
        assert!(loss.degradation_by_loss > 0.4 && loss.degradation_by_jitter == 0.0, "{loss:?}");
        assert!((loss.nmos + loss.degradation - mos(BEST)).abs() < 1e-9);
    }

    #[test]
    fn jitter_inside_the_buffer_costs_nothing() {
        let clean = nmos(Conditions::default());
        assert!(clean - nmos(Conditions { jitter_ms: 5.0, ..Conditions::default() }) < 0.01);
        assert!(clean - nmos(Conditions { jitter_ms: 40.0, ..Conditions::default() }) > 0.5);
    }

    #[test]
    fn bursts_are_recognised() {
        assert_eq!(burst_ratio(0, 0, 1000), 1.0);
        assert_eq!(burst_ratio(50, 50, 1000), 1.0);
        assert!((burst_ratio(50, 10, 1000) - 4.75).abs() < 1e-9);
        assert_eq!(burst_ratio(1000, 1, 1000), 1.0);
        let lossy = Conditions { loss_percent: 10.0, ..Conditions::default() };
        assert!(nmos(Conditions { burst_ratio: 4.0, ..lossy }) < nmos(lossy));
    }

    #[test]
    fn long_delay_is_felt_from_about_180_ms() {
        let delayed = |round_trip_ms| nmos(Conditions { round_trip_ms, ..Conditions::default() });
        assert!(delayed(0.0) - delayed(200.0) < 0.15);
        assert!(delayed(200.0) - delayed(800.0) > 0.8);
    }

    proptest! {
        #[test]
        fn any_input_gives_a_score(loss_percent: f64, burst_ratio: f64, jitter_ms: f64, playout_delay_ms: f64, round_trip_ms: f64) {
            let estimate = estimate(&Conditions { loss_percent, burst_ratio, jitter_ms, playout_delay_ms, round_trip_ms });
            prop_assert!((1.0..=4.5).contains(&estimate.nmos), "{:?}", estimate);
        }

        #[test]
        fn more_loss_is_never_better(loss in 0.0..99.0f64, more in 0.0..1.0f64, jitter_ms in 0.0..100.0f64) {
            let at = |loss_percent| nmos(Conditions { loss_percent, jitter_ms, ..Conditions::default() });
            prop_assert!(at(loss + more) <= at(loss) + 1e-9);
        }
    }
}

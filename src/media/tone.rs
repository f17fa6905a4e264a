//! Tones with soft edges, and the one that says "speak now".
//! Knows: frequencies, levels, lengths. Must not: know cadences or when a tone is played.

use super::level::Dbm0;
use super::{SAMPLE_RATE, samples_in};
use std::f64::consts::{PI, TAU};
use std::time::Duration;

/// One frequency of a tone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part {
    pub hertz: f32,
    pub level: Dbm0,
}

/// The record tone: half a second of 1000 Hz at -13 dBm0.
///
/// 1000 Hz is none of the DTMF frequencies (ITU-T Q.23), so that its echo is never heard as a key.
pub fn beep() -> Vec<i16> {
    tone(&[Part { hertz: 1000.0, level: Dbm0(-13.0) }], Duration::from_millis(500), Duration::from_millis(10))
}

/// The sum of `parts` for `length`, rising and falling along half a cosine of `edge` so that it does not click.
///
/// An edge longer than half of the tone is shortened to that. What is louder than 16 bits hold is clipped.
pub fn tone(parts: &[Part], length: Duration, edge: Duration) -> Vec<i16> {
    let count = samples_in(length);
    let edge = samples_in(edge).min(count / 2);
    (0..count)
        .map(|n| {
            let sum: f64 = parts.iter().map(|part| part.at(n)).sum();
            (sum * envelope(n.min(count - 1 - n), edge)) as i16 // a float converts saturating
        })
        .collect()
}

impl Part {
    fn at(&self, sample: u64) -> f64 {
        // The whole turns are taken off first: a sine of a large argument is imprecise.
        let turns = f64::from(self.hertz) * sample as f64 / f64::from(SAMPLE_RATE);
        f64::from(self.level.sine_peak()) * (TAU * turns.fract()).sin()
    }
}

/// Gain at `distance` samples from the nearer end.
fn envelope(distance: u64, edge: u64) -> f64 {
    if distance >= edge { 1.0 } else { (1.0 - (PI * (distance as f64 + 0.5) / edge as f64).cos()) / 2.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beep_is_half_a_second_of_1000_hz() {
        let beep = beep();
        assert_eq!(beep.len(), 4000);
        let crossings = beep.windows(2).filter(|pair| pair[0] < 0 && pair[1] >= 0).count();
        assert!((498..=500).contains(&crossings), "{crossings} periods in half a second");
        assert!((Dbm0::of(&beep[400..3600]).0 + 13.0).abs() < 0.1);
    }

    #[test]
    fn edges_are_soft() {
        let beep = beep();
        assert!(beep[0].abs() < 50 && beep[3999].abs() < 50);
        assert!(Dbm0::of(&beep[..40]).0 < Dbm0::of(&beep[40..80]).0);
        // no step between neighbours is larger than the sine itself has
        let steepest = Dbm0(-13.0).sine_peak() * std::f32::consts::TAU / 8.0;
        assert!(beep.windows(2).all(|pair| f32::from((pair[1] - pair[0]).abs()) <= steepest + 1.0));
    }

    #[test]
    fn the_beep_is_not_heard_as_a_key() {
        let mut detector = crate::media::dtmf::Detector::new();
        assert!(beep().chunks(160).all(|frame| detector.push(frame).is_none()));
    }

    #[test]
    fn odd_lengths_and_loud_sums_are_harmless() {
        let loud = Part { hertz: 440.0, level: Dbm0(3.0) };
        assert!(tone(&[], Duration::from_millis(1), Duration::ZERO).iter().all(|&sample| sample == 0));
        assert!(tone(&[loud], Duration::ZERO, Duration::from_secs(1)).is_empty());
        assert_eq!(tone(&[loud], Duration::from_micros(125), Duration::from_secs(1)).len(), 1);
        let clipped = tone(&[loud; 4], Duration::from_millis(20), Duration::ZERO);
        assert_eq!((clipped.iter().max(), clipped.iter().min()), (Some(&i16::MAX), Some(&i16::MIN)));
    }
}

//! How loud a signal is, in the unit telephony measures it in.
//! Knows: samples. Must not: decide what a level means (tone, speech, noise): that is its callers' business.

/// A level in dBm0: decibels relative to one milliwatt at the point of zero relative level.
///
/// Linear samples are scaled as ITU-T G.711 scales A-law: a sine that just fills 16 bits has +3.14 dBm0. (Mu-law, +3.17 dBm0
/// at 32636, differs by less than 0.1 dB.) Speech is around -20 dBm0, a quiet line at -60.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Dbm0(pub f32);

/// Level of a sine of peak 32768 (ITU-T G.711, section 3.2 note on A-law).
#[expect(clippy::approx_constant, reason = "decibels, not half a turn")]
const FULL_SCALE: f32 = 3.14;

/// What [`Dbm0::of`] says of no signal at all: far below anything a 16-bit signal can carry.
const NOTHING: f32 = -96.0;

impl Dbm0 {
    /// The level of `samples` without their DC part, -96 for digital silence.
    pub fn of(samples: &[i16]) -> Self {
        Self::from_mean_square(mean_square(samples))
    }

    /// The level of a signal of this power (mean of the squared samples).
    pub fn from_mean_square(mean_square: f32) -> Self {
        let full_scale = 32768.0_f32.powi(2) / 2.0;
        let decibels = 10.0 * (mean_square / full_scale).log10() + FULL_SCALE;
        Self(decibels.max(NOTHING)) // of silence the logarithm is -inf, of a NaN `max` gives the other
    }

    /// Mean of the squared samples of a signal at this level.
    pub fn mean_square(self) -> f32 {
        self.sine_peak().powi(2) / 2.0
    }

    /// Highest sample of a sine at this level.
    pub fn sine_peak(self) -> f32 {
        32768.0 * 10.0_f32.powf((self.0 - FULL_SCALE) / 20.0)
    }
}

/// Power without the DC part: what a line card's offset adds is not loudness.
fn mean_square(samples: &[i16]) -> f32 {
    if samples.is_empty() {
        return 0.0;
    }
    let (sum, squares) = samples.iter().fold((0_i64, 0_i64), |(sum, squares), &sample| {
        let sample = i32::from(sample);
        (sum + i64::from(sample), squares + i64::from(sample * sample))
    });
    let count = samples.len() as f64;
    let mean = sum as f64 / count;
    (squares as f64 / count - mean * mean).max(0.0) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::signals::sine;

    #[test]
    fn a_sine_measures_what_it_was_made_with() {
        for level in [0.0, -10.0, -25.0, -50.0] {
            let measured = Dbm0::of(&sine(1000.0, Dbm0(level), 800));
            assert!((measured.0 - level).abs() < 0.1, "{level} measured as {measured:?}");
        }
    }

    #[test]
    fn dc_is_not_loudness() {
        let mut samples = sine(1000.0, Dbm0(-40.0), 800);
        samples.iter_mut().for_each(|sample| *sample += 3000);
        assert!((Dbm0::of(&samples).0 + 40.0).abs() < 0.1);
        assert_eq!(Dbm0::of(&[5000; 160]), Dbm0(-96.0));
    }

    #[test]
    fn silence_and_extremes_have_a_level() {
        assert_eq!(Dbm0::of(&[]), Dbm0(-96.0));
        assert_eq!(Dbm0::of(&[0; 160]), Dbm0(-96.0));
        let square: Vec<i16> = (0..160).map(|n| if n % 2 == 0 { i16::MIN } else { i16::MAX }).collect();
        assert!((Dbm0::of(&square).0 - 6.15).abs() < 0.05);
    }

    #[test]
    fn power_and_level_convert_both_ways() {
        for level in [3.0, -13.0, -60.0] {
            assert!((Dbm0::from_mean_square(Dbm0(level).mean_square()).0 - level).abs() < 0.001);
        }
        assert_eq!(Dbm0::from_mean_square(f32::NAN), Dbm0(-96.0));
    }
}

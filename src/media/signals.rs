//! Signals for the tests of this room, the same in every run: noise from a seed, sines, synthesised and recorded speech.
//! Knows: samples and levels. Must not: be part of anything but tests.

use super::level::Dbm0;
use std::f32::consts::TAU;

/// White Gaussian noise from a seed (xorshift64*), at a level.
pub struct Noise(u64);

impl Noise {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// Evenly spread over 0..1.
    pub fn uniform(&mut self) -> f32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 40) as f32 / (1u64 << 24) as f32
    }

    pub fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.uniform()
    }

    /// Normally distributed, mean 0, variance 1.
    pub fn gaussian(&mut self) -> f32 {
        (0..12).map(|_| self.uniform()).sum::<f32>() - 6.0
    }

    pub fn samples(&mut self, level: Dbm0, count: usize) -> Vec<i16> {
        let deviation = level.mean_square().sqrt();
        (0..count).map(|_| (self.gaussian() * deviation) as i16).collect()
    }

    pub fn add_to(&mut self, samples: &mut [i16], level: Dbm0) {
        let deviation = level.mean_square().sqrt();
        for sample in samples {
            *sample = sample.saturating_add((self.gaussian() * deviation) as i16);
        }
    }
}

pub fn sine(hertz: f32, level: Dbm0, count: usize) -> Vec<i16> {
    mix(&[(hertz, level)], count)
}

/// Several sines at once, with hard edges, clipped as a codec clips.
pub fn mix(parts: &[(f32, Dbm0)], count: usize) -> Vec<i16> {
    (0..count)
        .map(|n| {
            let at = |(hertz, level): &(f32, Dbm0)| {
                f64::from(level.sine_peak()) * (std::f64::consts::TAU * f64::from(*hertz) * n as f64 / 8000.0).sin()
            };
            parts.iter().map(at).sum::<f64>() as i16
        })
        .collect()
}

/// A talker's nonsense: vowels of three formants on a gliding pitch (80-320 Hz), hiss, and gaps of 40-250 ms between syllables.
pub fn babble(seed: u64, level: Dbm0, count: usize) -> Vec<i16> {
    let mut noise = Noise::new(seed);
    let mut speech: Vec<f32> = Vec::with_capacity(count);
    let base_pitch = noise.between(80.0, 280.0);
    while speech.len() < count {
        let length = noise.between(800.0, 3200.0) as usize;
        if noise.uniform() < 0.2 {
            let loudness = noise.between(0.05, 0.3);
            speech.extend((0..length / 2).map(|_| noise.gaussian() * loudness));
        } else {
            speech.extend(vowel(&mut noise, base_pitch, length));
        }
        let gap = noise.between(320.0, 2000.0) as usize;
        speech.extend(std::iter::repeat_n(0.0, gap));
    }
    speech.truncate(count);
    let power = speech.iter().map(|s| s * s).sum::<f32>() / count as f32;
    let gain = (level.mean_square() / power).sqrt();
    speech.iter().map(|sample| (sample * gain) as i16).collect()
}

fn vowel(noise: &mut Noise, base_pitch: f32, length: usize) -> Vec<f32> {
    let formants = [noise.between(250.0, 900.0), noise.between(800.0, 2300.0), noise.between(2200.0, 3200.0)];
    let loudness = noise.between(0.4, 1.0);
    let (from, to) = (base_pitch * noise.between(0.9, 1.2), base_pitch * noise.between(0.8, 1.1));
    let mut filters = formants.map(|hertz| {
        let radius = (-std::f32::consts::PI * noise.between(50.0, 120.0) / 8000.0).exp();
        ([0.0_f32; 2], 2.0 * radius * (TAU * hertz / 8000.0).cos(), radius * radius)
    });
    let mut phase = 0.0;
    let mut samples: Vec<f32> = (0..length)
        .map(|n| {
            let along = n as f32 / length as f32;
            phase += (from + (to - from) * along) / 8000.0;
            let pulse = if phase >= 1.0 { 1.0 } else { 0.0 };
            phase -= pulse;
            let voiced: f32 = filters
                .iter_mut()
                .zip([1.0, 0.5, 0.25])
                .map(|((state, a1, a2), share)| {
                    let out = pulse + *a1 * state[0] - *a2 * state[1];
                    *state = [out, state[0]];
                    out * share
                })
                .sum();
            voiced * (std::f32::consts::PI * along).sin().sqrt()
        })
        .collect();
    let power = samples.iter().map(|s| s * s).sum::<f32>() / length as f32;
    samples.iter_mut().for_each(|sample| *sample *= loudness / power.sqrt());
    samples
}

/// Five seconds of a spoken sentence, see tests/audio/README.md.
pub fn recorded_speech() -> Vec<i16> {
    super::wav::decode(include_bytes!("../../tests/audio/speech.wav")).unwrap()
}

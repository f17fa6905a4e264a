//! What is heard where nothing arrived: the last pitch period again, fading (after ITU-T G.711 Appendix I), or comfort noise (RFC 3389).
//! Knows: the samples played before. Must not: know packets, decide what is a loss and what a pause.

/// Lags tried as pitch period, in samples: 200 Hz down to 66 Hz.
const SHORTEST: usize = 40;
const LONGEST: usize = 120;
/// Samples compared to find the period.
const COMPARED: usize = 160;
const HISTORY: usize = LONGEST + COMPARED;
/// Samples at full level, and after how many nothing is left: 10 ms, 60 ms.
const FULL: usize = 80;
const GONE: usize = 480;
/// Samples over which what arrives again takes the place of what was made up.
const BLEND: usize = 40;

/// Makes up lost samples.
#[derive(Debug, Clone)]
pub struct Concealment {
    history: [i16; HISTORY],
    /// The period that is repeated, in its first `pitch` samples.
    period: [i16; LONGEST],
    pitch: usize,
    /// Made up since the last sample that arrived.
    made_up: usize,
}

impl Concealment {
    pub fn new() -> Self {
        Self { history: [0; HISTORY], period: [0; LONGEST], pitch: SHORTEST, made_up: 0 }
    }

    /// Samples that arrived, about to be played. After a loss their beginning is blended with what was made up.
    pub fn arrived(&mut self, samples: &mut [i16]) {
        if (1..GONE).contains(&self.made_up) {
            for (step, sample) in samples.iter_mut().take(BLEND).enumerate() {
                let made_up = i32::from(self.make_up(self.made_up + step));
                let share = step as i32;
                *sample = ((i32::from(*sample) * share + made_up * (BLEND as i32 - share)) / BLEND as i32) as i16;
            }
        }
        self.made_up = 0;
        self.remember(samples);
    }

    /// Fills in lost samples.
    pub fn lost(&mut self, samples: &mut [i16]) {
        if self.made_up == 0 {
            self.find_period();
        }
        for sample in samples.iter_mut() {
            *sample = self.make_up(self.made_up);
            self.made_up = (self.made_up + 1).min(GONE);
        }
        self.remember(samples);
    }

    /// A pause: nothing is made up, nothing to blend.
    pub fn paused(&mut self, samples: &[i16]) {
        self.made_up = 0;
        self.remember(samples);
    }

    fn make_up(&self, step: usize) -> i16 {
        let sample = self.period.get(step % self.pitch).copied().unwrap_or(0);
        let level = GONE.saturating_sub(step).min(GONE - FULL) as i32;
        (i32::from(sample) * level / (GONE - FULL) as i32) as i16
    }

    /// The lag at which the newest samples resemble those before them most.
    fn find_period(&mut self) {
        let newest = self.history.get(HISTORY - COMPARED..).unwrap_or_default();
        let mut best = (0.0, LONGEST);
        for lag in SHORTEST..=LONGEST {
            let before = self.history.get(HISTORY - COMPARED - lag..HISTORY - lag).unwrap_or_default();
            // Every other sample is enough for speech, and half the work.
            let (mut product, mut energy) = (0.0f32, 1.0f32);
            for (a, b) in newest.iter().zip(before).step_by(2) {
                product += f32::from(*a) * f32::from(*b);
                energy += f32::from(*b) * f32::from(*b);
            }
            let likeness = if product > 0.0 { product * product / energy } else { 0.0 };
            if likeness > best.0 {
                best = (likeness, lag);
            }
        }
        self.pitch = best.1;
        let last = self.history.get(HISTORY - self.pitch..).unwrap_or_default();
        self.period.iter_mut().zip(last).for_each(|(place, sample)| *place = *sample);
    }

    fn remember(&mut self, samples: &[i16]) {
        let newest = samples.get(samples.len().saturating_sub(HISTORY)..).unwrap_or_default();
        self.history.copy_within(newest.len().., 0);
        let place = self.history.get_mut(HISTORY - newest.len()..).unwrap_or_default();
        place.copy_from_slice(newest);
    }
}

/// Noise of a level the other side announced (RFC 3389), at most -40 dBov: it is to be hardly heard.
#[derive(Debug, Clone)]
pub struct ComfortNoise {
    /// Greatest value, 0 without an announcement.
    peak: i32,
    random: u32,
}

impl ComfortNoise {
    pub fn new() -> Self {
        Self { peak: 0, random: 0x9E37_79B9 }
    }

    /// `level` is in dBov without its sign.
    pub fn announce(&mut self, level: u8) {
        let rms = 32_768.0 * 10f32.powf(-f32::from(level.clamp(40, 127)) / 20.0);
        // Uniform noise has a peak of sqrt(3) times its rms.
        self.peak = (rms * 3f32.sqrt()) as i32;
    }

    pub fn fill(&mut self, samples: &mut [i16]) {
        if self.peak == 0 {
            samples.fill(0);
            return;
        }
        for sample in samples {
            self.random = self.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *sample = ((i32::from((self.random >> 16) as i16) * self.peak) >> 15) as i16;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(from: usize, count: usize) -> Vec<i16> {
        (from..from + count).map(|n| (8000.0 * (n as f64 * std::f64::consts::TAU / 80.0).sin()) as i16).collect()
    }

    #[test]
    fn a_steady_sound_goes_on_through_a_lost_packet() {
        let mut concealment = Concealment::new();
        concealment.arrived(&mut tone(0, 400));
        let mut made_up = [0; 160];
        concealment.lost(&mut made_up);
        let error = made_up.iter().zip(tone(400, 160)).take(80).map(|(a, b)| (a - b).abs()).max().unwrap();
        assert!(error < 200, "{error}");
        let mut again = tone(560, 160);
        concealment.arrived(&mut again);
        let step = made_up[159].abs_diff(again[0]);
        assert!(step < 1500, "a click of {step}");
        assert_eq!(again[40..], tone(600, 120));
    }

    #[test]
    fn a_long_loss_fades_to_silence() {
        let mut concealment = Concealment::new();
        concealment.arrived(&mut tone(0, 400));
        let mut made_up = [1; 960];
        concealment.lost(&mut made_up);
        let level = |range: std::ops::Range<usize>| made_up[range].iter().map(|s| s.unsigned_abs()).max().unwrap();
        assert!(level(0..80) > 7000);
        assert!(level(320..400) < 4000);
        assert_eq!(level(480..960), 0);
    }

    #[test]
    fn comfort_noise_has_the_announced_level() {
        let mut noise = ComfortNoise::new();
        let mut samples = [1i16; 8000];
        noise.fill(&mut samples);
        assert!(samples.iter().all(|s| *s == 0));
        noise.announce(50);
        noise.fill(&mut samples);
        let power = samples.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / 8000.0;
        let level = 10.0 * (power / 32_768f64.powi(2)).log10();
        assert!((level + 50.0).abs() < 1.0, "{level}");
    }
}

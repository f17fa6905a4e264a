//! Is somebody speaking? The recorder ends after silence and trims by this answer.
//! Knows: the level of each frame and of the second before it. Must not: change audio, or know recording rules.
//!
//! A frame is active when it stands out from the noise floor, the least level of the last second or so. That alone would
//! call every step in the noise (a gateway's comfort noise setting in, the hum of a line) speech until the floor has caught up;
//! so activity becomes speech only once its level moves as syllables do. Noise, hum and steady tones never move that much.

use super::level::Dbm0;

/// Decides frame by frame; no memory of its own beyond a few levels.
#[derive(Debug, Clone)]
pub struct Vad {
    floor: Floor,
    /// Consecutive active frames so far, but for short dips.
    run: Option<Run>,
    /// Frames for which silence still counts as speech.
    hangover: u32,
}

/// How long speech goes on after its last active frame: word endings and the gaps inside words are soft.
pub const HANGOVER_FRAMES: u32 = 10;

impl Default for Vad {
    fn default() -> Self {
        Self::new()
    }
}

impl Vad {
    pub fn new() -> Self {
        Self { floor: Floor::new(), run: None, hangover: 0 }
    }

    /// Takes the next frame of 20 ms; true while somebody speaks, and for [`HANGOVER_FRAMES`] after.
    ///
    /// Speech is recognised 60 ms or more after it began, when its level has moved.
    pub fn push(&mut self, frame: &[i16]) -> bool {
        let level = Dbm0::of(frame).0;
        let threshold = (self.floor.push(level) + MARGIN).max(SOFTEST_SPEECH);
        self.run = match self.run.take() {
            None if level > threshold => Some(Run::new()),
            None => None,
            Some(run) => run.next(level, level > threshold),
        };
        if level > threshold && self.run.as_ref().is_some_and(Run::is_speech) {
            self.hangover = HANGOVER_FRAMES;
            return true;
        }
        let hanging_over = self.hangover > 0;
        self.hangover = self.hangover.saturating_sub(1);
        hanging_over
    }
}

/// A stretch of active frames, dips of up to three frames included.
#[derive(Debug, Clone)]
struct Run {
    frames: u32,
    softest: f32,
    loudest: f32,
    dip: u32,
}

impl Run {
    /// Starts with a frame whose level is not looked at: it may hold the sound only in part.
    fn new() -> Self {
        Self { frames: 1, softest: f32::INFINITY, loudest: f32::NEG_INFINITY, dip: 0 }
    }

    fn next(mut self, level: f32, active: bool) -> Option<Self> {
        if active {
            self.frames += 1;
            self.softest = self.softest.min(level);
            self.loudest = self.loudest.max(level);
        }
        self.dip = if active { 0 } else { self.dip + 1 };
        (self.dip <= 3).then_some(self)
    }

    fn is_speech(&self) -> bool {
        self.frames >= SHORTEST && self.loudest - self.softest >= MOVEMENT
    }
}

/// Least level of the last 1.1 to 1.3 seconds: of eight spans of eight frames each, so that it costs eight numbers.
///
/// Starts from nothing, so that the first frames are the floor at once, however loud the line is.
#[derive(Debug, Clone)]
struct Floor {
    spans: [f32; 8],
    current: usize,
    frames: u32,
}

impl Floor {
    fn new() -> Self {
        Self { spans: [f32::INFINITY; 8], current: 0, frames: 0 }
    }

    /// Takes a level in, tells the floor.
    fn push(&mut self, level: f32) -> f32 {
        if level > NO_SIGNAL {
            if self.frames == 8 {
                self.frames = 0;
                self.current = (self.current + 1) % self.spans.len();
                if let Some(span) = self.spans.get_mut(self.current) {
                    *span = f32::INFINITY;
                }
            }
            self.frames += 1;
            if let Some(span) = self.spans.get_mut(self.current) {
                *span = span.min(level);
            }
        }
        self.spans.iter().copied().fold(f32::INFINITY, f32::min)
    }
}

/// What is softer than this is never speech: line noise at -50 dBm0 with its variation, G.711's idle noise at -66.
const SOFTEST_SPEECH: f32 = -48.0;

/// How far a frame stands out from the floor, dB.
const MARGIN: f32 = 9.0;

/// How far the level moves within a syllable, dB, against 1 to 3 dB among frames of steady noise.
const MOVEMENT: f32 = 6.0;

/// Clicks are shorter than this many frames.
const SHORTEST: u32 = 3;

/// Softer than this is no line at all but missing audio, and says nothing about the noise.
const NO_SIGNAL: f32 = -75.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::FRAME;
    use crate::media::codec::{self, Codec};
    use crate::media::signals::{Noise, babble, recorded_speech, sine};

    /// Frames of `samples` that count as speech.
    fn speech_frames(samples: &[i16]) -> Vec<bool> {
        let mut vad = Vad::new();
        samples.chunks(FRAME).map(|frame| vad.push(frame)).collect()
    }

    fn count(frames: &[bool]) -> usize {
        frames.iter().filter(|&&speech| speech).count()
    }

    fn scaled(samples: &[i16], decibels: f32) -> Vec<i16> {
        samples.iter().map(|&sample| (f32::from(sample) * 10.0_f32.powf(decibels / 20.0)) as i16).collect()
    }

    fn through(codec: Codec, samples: &[i16]) -> Vec<i16> {
        let (mut octets, mut back) = (Vec::new(), Vec::new());
        codec::encode(codec, samples, &mut octets);
        codec::decode(codec, &octets, &mut back);
        back
    }

    #[test]
    fn line_noise_is_silence_from_the_first_frame() {
        for codec in [Codec::Pcmu, Codec::Pcma] {
            for level in [-70.0, -60.0, -50.0, -40.0, -30.0] {
                let noise = through(codec, &Noise::new(7).samples(Dbm0(level), 8000 * 60));
                assert_eq!(count(&speech_frames(&noise)), 0, "{codec:?} noise at {level} dBm0");
            }
        }
    }

    #[test]
    fn coloured_noise_is_silence() {
        // one-pole low-pass: the rumble of a car or a fan, whose level moves more than that of white noise
        for seed in 0..10 {
            let mut noise = Noise::new(seed);
            let mut state = 0.0;
            let rumble: Vec<i16> = (0..8000 * 30)
                .map(|_| {
                    state += 0.15 * (noise.gaussian() * 400.0 - state);
                    state as i16
                })
                .collect();
            let level = Dbm0::of(&rumble).0;
            assert!(level > -48.0, "{level}");
            assert_eq!(count(&speech_frames(&rumble)), 0, "seed {seed}");
        }
    }

    #[test]
    fn dc_hum_and_steady_tones_are_silence() {
        assert_eq!(count(&speech_frames(&[3000; 16000])), 0);
        let dc_steps: Vec<i16> = (0..16000).map(|n| if n / 3000 % 2 == 0 { 0 } else { 1500 }).collect();
        assert_eq!(count(&speech_frames(&dc_steps)), 0);
        for hertz in [50.0, 60.0, 425.0, 1000.0, 2100.0] {
            assert_eq!(count(&speech_frames(&sine(hertz, Dbm0(-20.0), 24000))), 0, "{hertz} Hz");
        }
    }

    #[test]
    fn comfort_noise_setting_in_is_silence() {
        let mut noise = Noise::new(3);
        for (before, after) in [(-96.0, -42.0), (-66.0, -40.0), (-60.0, -45.0), (-96.0, -35.0)] {
            for cut in [0, 40, 100, 150] {
                let mut samples = noise.samples(Dbm0(before), 8000 + cut);
                samples.extend(noise.samples(Dbm0(after), 24000));
                assert_eq!(count(&speech_frames(&samples)), 0, "from {before} to {after} dBm0");
            }
        }
    }

    #[test]
    fn clicks_are_silence() {
        let mut line = Noise::new(5).samples(Dbm0(-60.0), 80000);
        for at in (1000..80000).step_by(7000) {
            line[at..at + 30].fill(12000);
        }
        assert_eq!(count(&speech_frames(&line)), 0);
    }

    #[test]
    fn speech_is_heard_loud_and_soft_on_quiet_and_noisy_lines() {
        let speech = recorded_speech();
        for (gain, noise) in [(0.0, -65.0), (0.0, -45.0), (-15.0, -60.0), (6.0, -40.0), (0.0, -96.0)] {
            let mut line = Noise::new(1).samples(Dbm0(noise), 8000);
            let mut spoken = scaled(&speech, gain);
            Noise::new(2).add_to(&mut spoken, Dbm0(noise));
            line.extend(&spoken);
            line.extend(Noise::new(3).samples(Dbm0(noise), 24000));
            let frames = speech_frames(&through(Codec::Pcmu, &line));
            let (first, last) = (50, 50 + spoken.len() / FRAME);
            assert_eq!(count(&frames[..first]), 0, "before speech, {gain} dB over {noise} dBm0");
            assert_eq!(count(&frames[last + 10..]), 0, "after speech, {gain} dB over {noise} dBm0");
            let heard = count(&frames[first..last]);
            assert!(heard * 10 > (last - first) * 7, "{heard} of {} at {gain} dB over {noise} dBm0", last - first);
        }
    }

    #[test]
    fn speech_without_a_silent_start_is_heard() {
        let speech = recorded_speech();
        for start in (0..16000).step_by(1000) {
            let heard = count(&speech_frames(&speech[start..start + 16000]));
            // up to a third of each piece is pauses
            assert!(heard > 50, "{heard} of 100 frames from {start}");
        }
    }

    #[test]
    fn long_speech_without_pauses_stays_speech() {
        for seed in 0..10 {
            let frames = speech_frames(&babble(seed, Dbm0(-20.0), 8000 * 60));
            let longest = frames.split(|&speech| speech).map(<[bool]>::len).max().unwrap();
            assert!(longest < 100, "{longest} frames of speech taken for silence, seed {seed}");
        }
    }

    #[test]
    fn speech_ends_a_hangover_after_its_last_sound() {
        for noise in [-96.0, -66.0, -55.0] {
            let speech = recorded_speech();
            let line = [speech.clone(), Noise::new(2).samples(Dbm0(noise), 16000)].concat();
            let last = speech_frames(&line).iter().rposition(|&speech| speech).unwrap();
            let after = last as i64 - (speech.len() / FRAME) as i64;
            assert!((6..=10).contains(&after), "{after} frames after the last sound");
        }
    }
}

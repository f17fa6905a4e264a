//! Keeps what a caller says, within the rules: ends after silence and at the maximum, tells how much of it is worth keeping.
//! Knows: samples and its rules. Must not: know files, keys or menus; who stores the audio takes it in pieces of a second.

use super::vad::{HANGOVER_FRAMES, Vad};
use super::{FRAME, SAMPLE_RATE, duration_of, samples_in};
use std::time::Duration;

/// When a recording ends by itself (Exchange: `RecordingIdleTimeout`, `MaxRecordingDuration` of the dial plan).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordRules {
    /// Silence after which a take ends, also when nothing was said at all.
    pub idle_timeout: Duration,
    /// Length of the whole message, all takes together.
    pub max_duration: Duration,
}

/// Why a recording ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecordEnd {
    /// Nobody spoke for the idle timeout.
    Silence,
    /// The message is as long as it may be.
    MaximumDuration,
    /// Ended from outside: a key, a hang-up.
    Stopped,
}

/// One take of a message. Positions count from the beginning of the message, in samples.
#[derive(Debug, Clone)]
pub struct Recorder {
    rules: RecordRules,
    vad: Vad,
    /// Where this take began: the length of the takes before it.
    began: u64,
    /// Where the message ends now.
    length: u64,
    /// Newest audio, not handed out yet.
    pending: Vec<i16>,
    /// Was there speech in the latest frames? One bit each, the newest lowest.
    latest: u64,
    /// End of the last speech before `latest`.
    spoken_before: u64,
    ended: bool,
}

/// The newest audio that [`Recorder::ready`] holds back and [`Recorder::cut`] can take away: 100 ms.
pub const HELD_BACK: usize = 800;

/// Samples that [`Recorder::ready`] hands out at once.
const PIECE: usize = SAMPLE_RATE as usize;

impl Recorder {
    /// The first take of a message.
    pub fn new(rules: RecordRules) -> Self {
        Self::continuing(rules, 0)
    }

    /// A further take, put behind the `kept` samples of those before it. The idle timeout starts anew, the maximum counts all.
    pub fn continuing(rules: RecordRules, kept: u64) -> Self {
        Self {
            rules,
            vad: Vad::new(),
            began: kept,
            length: kept,
            pending: Vec::with_capacity(PIECE + HELD_BACK + FRAME),
            latest: 0,
            spoken_before: kept,
            ended: false,
        }
    }

    /// Takes the next frame of 20 ms; tells, once, that the rules end the take here. Frames after that are not recorded.
    pub fn push(&mut self, frame: &[i16]) -> Option<RecordEnd> {
        if self.ended {
            return None;
        }
        let maximum = samples_in(self.rules.max_duration);
        let room = maximum.saturating_sub(self.length).min(frame.len() as u64) as usize;
        let frame = frame.get(..room).unwrap_or(frame);
        let speech = self.vad.push(frame);
        self.remember(speech);
        self.pending.extend_from_slice(frame);
        self.length += frame.len() as u64;
        let end = if self.length >= maximum {
            Some(RecordEnd::MaximumDuration)
        } else if self.silence() >= samples_in(self.rules.idle_timeout) {
            Some(RecordEnd::Silence)
        } else {
            None
        };
        self.ended = end.is_some();
        end
    }

    /// A second of audio (8000 samples) that no [`cut`](Self::cut) can reach any more. Ask after each push.
    pub fn ready(&mut self) -> Option<Vec<i16>> {
        (self.pending.len() >= PIECE + HELD_BACK).then(|| self.pending.drain(..PIECE).collect())
    }

    /// Ends the take: the rest of its audio.
    pub fn finish(&mut self) -> Vec<i16> {
        self.ended = true;
        std::mem::take(&mut self.pending)
    }

    /// Takes away the last `samples` (the sound of a key that was just recognised), as far as they were not handed out
    /// yet: at least [`HELD_BACK`]. What was taken for speech in them is forgotten.
    pub fn cut(&mut self, samples: usize) {
        let samples = samples.min(self.pending.len());
        self.pending.truncate(self.pending.len() - samples);
        self.length -= samples as u64;
        self.latest = self.latest.unbounded_shr(samples.div_ceil(FRAME) as u32);
    }

    /// Length of the whole message so far, nothing trimmed.
    pub fn duration(&self) -> Duration {
        duration_of(self.length)
    }

    /// [`duration`](Self::duration) in samples.
    pub fn samples(&self) -> u64 {
        self.length
    }

    /// How many samples of the message count when the silence at its end is trimmed: up to 200 ms after the last speech.
    ///
    /// If nothing was said in this take, only what the takes before it left; so 0 means that the caller never spoke.
    pub fn speech_end(&self) -> u64 {
        let end = match self.latest {
            0 => self.spoken_before,
            latest => self.length.saturating_sub(u64::from(latest.trailing_zeros()) * FRAME as u64),
        };
        end.clamp(self.began.min(self.length), self.length)
    }

    /// Samples since somebody last spoke in this take, or since it began.
    fn silence(&self) -> u64 {
        let spoken = self.speech_end();
        let hangover = if spoken > self.began { u64::from(HANGOVER_FRAMES) * FRAME as u64 } else { 0 };
        self.length - spoken + hangover.min(self.length - self.began)
    }

    fn remember(&mut self, speech: bool) {
        let oldest = u64::BITS - 1;
        if self.latest >> oldest == 1 {
            self.spoken_before = self.length.saturating_sub(u64::from(oldest) * FRAME as u64);
        }
        self.latest = self.latest << 1 | u64::from(speech);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::level::Dbm0;
    use crate::media::signals::{Noise, babble, recorded_speech, sine};
    use crate::media::{dtmf, tone};

    const RULES: RecordRules =
        RecordRules { idle_timeout: Duration::from_secs(5), max_duration: Duration::from_secs(20 * 60) };

    fn line(samples: usize) -> Vec<i16> {
        Noise::new(samples as u64).samples(Dbm0(-60.0), samples)
    }

    /// Pushes frame by frame until the rules end the take.
    fn record(recorder: &mut Recorder, samples: &[i16]) -> Option<RecordEnd> {
        samples.chunks(FRAME).find_map(|frame| recorder.push(frame))
    }

    fn near(value: u64, expected: usize, tolerance: usize) -> bool {
        value.abs_diff(expected as u64) <= tolerance as u64
    }

    #[test]
    fn silence_from_the_start_ends_after_the_idle_timeout_and_nothing_is_recorded() {
        for noise in [-96.0, -65.0, -50.0, -40.0] {
            let mut recorder = Recorder::new(RULES);
            let end = record(&mut recorder, &Noise::new(1).samples(Dbm0(noise), 80000));
            assert_eq!(end, Some(RecordEnd::Silence));
            assert_eq!(recorder.duration(), Duration::from_secs(5));
            assert_eq!(recorder.speech_end(), 0, "noise at {noise} dBm0");
        }
    }

    #[test]
    fn speech_then_silence_ends_the_idle_timeout_after_the_last_word_and_is_trimmed() {
        let mut recorder = Recorder::new(RULES);
        let speech = recorded_speech();
        let audio = [line(16000), speech.clone(), line(80000)].concat();
        let spoken = 16000 + speech.len();
        assert_eq!(record(&mut recorder, &audio), Some(RecordEnd::Silence));
        // the file ends with 0.2 s of silence of its own
        assert!(near(recorder.samples(), spoken + 40000, 3200), "ended after {:?}", recorder.duration());
        assert!(near(recorder.speech_end(), spoken, 2400), "kept {} of {spoken}", recorder.speech_end());
    }

    #[test]
    fn a_pause_shorter_than_the_idle_timeout_ends_nothing() {
        let mut recorder = Recorder::new(RULES);
        let speech = recorded_speech();
        let audio = [speech.clone(), line(36000), speech.clone(), line(8000)].concat();
        assert_eq!(record(&mut recorder, &audio), None);
        assert!(near(recorder.speech_end(), audio.len() - 8000, 2400));
        assert_eq!(recorder.samples(), audio.len() as u64);
    }

    #[test]
    fn the_maximum_ends_the_recording_to_the_sample() {
        let rules = RecordRules { max_duration: Duration::from_millis(10_005), ..RULES };
        let mut recorder = Recorder::new(rules);
        let audio = babble(1, Dbm0(-20.0), 8000 * 12);
        let mut ends = Vec::new();
        let mut kept = Vec::new();
        for frame in audio.chunks(FRAME) {
            ends.extend(recorder.push(frame));
            kept.extend(recorder.ready().unwrap_or_default());
        }
        kept.extend(recorder.finish());
        assert_eq!(ends, [RecordEnd::MaximumDuration]);
        assert_eq!(recorder.duration(), Duration::from_millis(10_005));
        assert_eq!(kept, audio[..80_040]);
    }

    #[test]
    fn audio_is_handed_out_in_order_by_the_second() {
        let mut recorder = Recorder::new(RULES);
        let audio: Vec<i16> = (0..20_000).map(|n| n as i16).collect();
        let mut pieces = Vec::new();
        for frame in audio.chunks(FRAME) {
            recorder.push(frame);
            pieces.extend(recorder.ready());
        }
        pieces.push(recorder.finish());
        assert_eq!(pieces.iter().map(Vec::len).collect::<Vec<_>>(), [8000, 8000, 4000]);
        assert_eq!(pieces.concat(), audio);
    }

    #[test]
    fn continuing_counts_the_maximum_over_all_takes_and_the_idle_timeout_anew() {
        let rules = RecordRules { max_duration: Duration::from_secs(12), ..RULES };
        let mut first = Recorder::new(rules);
        record(&mut first, &[recorded_speech(), line(8000)].concat());
        let kept = first.speech_end();

        let mut silent = Recorder::continuing(rules, kept);
        assert_eq!(record(&mut silent, &line(80_000)), Some(RecordEnd::Silence));
        assert_eq!(silent.samples(), kept + 40_000);
        assert_eq!(silent.speech_end(), kept, "silence adds nothing");

        let mut second = Recorder::continuing(rules, kept);
        assert_eq!(record(&mut second, &babble(2, Dbm0(-20.0), 8000 * 12)), Some(RecordEnd::MaximumDuration));
        assert_eq!(second.duration(), Duration::from_secs(12));
    }

    #[test]
    fn no_room_left_ends_at_once() {
        let rules = RecordRules { max_duration: Duration::from_secs(3), ..RULES };
        let mut recorder = Recorder::continuing(rules, 24_000);
        assert_eq!(recorder.push(&[0; FRAME]), Some(RecordEnd::MaximumDuration));
        assert_eq!((recorder.samples(), recorder.speech_end()), (24_000, 24_000));
        assert!(recorder.finish().is_empty());
    }

    /// As the stream does it: the detector listens first, and its key's sound is taken back.
    fn record_with_keys(recorder: &mut Recorder, samples: &[i16]) -> (Vec<char>, Vec<i16>) {
        let (mut detector, mut keys, mut kept) = (dtmf::Detector::new(), Vec::new(), Vec::new());
        for frame in samples.chunks(FRAME) {
            let key = detector.push(frame);
            if detector.tone_present() && key.is_none() {
                continue;
            }
            recorder.push(frame);
            if let Some(key) = key {
                keys.push(key);
                recorder.cut(detector.tone_length());
            }
            kept.extend(recorder.ready().unwrap_or_default());
        }
        kept.extend(recorder.finish());
        (keys, kept)
    }

    #[test]
    fn the_sound_of_a_key_is_not_in_the_recording() {
        for (key, length, offset) in [('#', 100, 0), ('#', 60, 37), ('1', 400, 120), ('5', 5000, 81)] {
            let before = line(24_000 + offset);
            let press = dtmf::generate(key, length, Dbm0(-10.0));
            let mut recorder = Recorder::new(RULES);
            let (keys, kept) = record_with_keys(&mut recorder, &[before.clone(), press, line(160)].concat());
            assert_eq!(keys, [key]);
            assert!(kept.iter().all(|sample| sample.abs() < 300), "{key} of {length} ms is heard");
            assert!(kept.len() + 400 >= before.len(), "{} samples of {} are left", kept.len(), before.len());
            assert_eq!(recorder.speech_end(), 0, "a key is not speech");
        }
    }

    #[test]
    fn a_key_after_speech_cuts_the_key_alone() {
        let speech = recorded_speech();
        let press = dtmf::generate('#', 120, Dbm0(-8.0));
        let mut recorder = Recorder::new(RULES);
        let (_, kept) = record_with_keys(&mut recorder, &[speech.clone(), line(1600), press].concat());
        assert_eq!(kept[..speech.len()], speech);
        assert!(near(recorder.speech_end(), speech.len(), 2400));
    }

    #[test]
    fn speech_found_in_what_is_cut_is_forgotten() {
        let mut recorder = Recorder::new(RULES);
        record(&mut recorder, &[line(16_000), babble(1, Dbm0(-15.0), 1600)].concat());
        assert!(recorder.speech_end() > 16_000);
        recorder.cut(1600);
        assert_eq!((recorder.samples(), recorder.speech_end()), (16_000, 0));
    }

    #[test]
    fn cutting_more_than_is_held_takes_what_is_there() {
        let mut recorder = Recorder::new(RULES);
        record(&mut recorder, &babble(1, Dbm0(-15.0), 16_000));
        assert_eq!(recorder.ready().map(|piece| piece.len()), Some(8000));
        recorder.cut(usize::MAX);
        assert_eq!(recorder.samples(), 8000);
        assert!(recorder.speech_end() <= 8000);
        assert!(recorder.finish().is_empty());
    }

    #[test]
    fn a_tone_left_on_the_line_ends_as_silence() {
        // dial tone after the far end hung up on an analogue trunk
        let mut recorder = Recorder::new(RULES);
        let dial_tone = sine(425.0, Dbm0(-15.0), 80_000);
        assert_eq!(record(&mut recorder, &[recorded_speech(), dial_tone].concat()), Some(RecordEnd::Silence));
        assert_eq!(record(&mut Recorder::new(RULES), &[tone::beep(), line(80_000)].concat()), Some(RecordEnd::Silence));
    }
}

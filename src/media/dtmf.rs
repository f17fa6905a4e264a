//! Keys heard in the sound itself, for peers that do not signal them (ITU-T Q.23 frequencies, Q.24 receiver).
//! Knows: samples. Must not: know RTP events (`telephone_event`) or what a key means.
//!
//! Two windows of 20 ms overlap by half. In each, eight Goertzel filters (in step, so that they become vector
//! instructions) give amplitude and phase at the DTMF frequencies. A window is a *hit* when one low and one high frequency
//! together are nearly all there is. How far the phase turns from window to window tells the true frequency to a hertz, which no
//! filter this short could: so a key's tone is told from a voice that passes by, and tones 3.5 % off are refused.
//! Three hits in a row make a press: every tone of 40 ms has them, none of 23 ms does.

use super::SAMPLE_RATE;
use super::level::Dbm0;
use super::tone::{Part, tone};
use std::f32::consts::{PI, TAU};
use std::sync::LazyLock;
use std::time::Duration;

/// The sound of `key` (0-9, *, #, A-D) for `duration_ms`, each of its two tones at `level`. Nothing for any other character.
pub fn generate(key: char, duration_ms: u32, level: Dbm0) -> Vec<i16> {
    let Some((low, high)) = frequencies(key) else { return Vec::new() };
    let parts = [Part { hertz: low, level }, Part { hertz: high, level }];
    tone(&parts, Duration::from_millis(duration_ms.into()), Duration::from_millis(1))
}

fn frequencies(key: char) -> Option<(f32, f32)> {
    let key = key.to_ascii_uppercase();
    KEYS.iter()
        .zip(LOW)
        .find_map(|(row, low)| row.iter().zip(HIGH).find(|(k, _)| **k == key).map(|(_, high)| (low, high)))
}

/// Listens to one call.
#[derive(Debug, Clone)]
pub struct Detector {
    /// The window: its first half the hop before, its second half filled up to `filled`.
    samples: [f32; WINDOW],
    filled: usize,
    /// The eight filters at the last hop.
    previous: Spectrum,
    /// What the last windows were, the newest last.
    hits: [Option<Hit>; HITS],
    press: Option<Press>,
}

/// A window that holds two tones and next to nothing else.
#[derive(Debug, Clone, Copy)]
struct Hit {
    pair: Pair,
    low: Tone,
    high: Tone,
    /// Energy of the whole window.
    energy: f32,
}

/// A low and a high frequency, by index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pair {
    row: usize,
    column: usize,
}

#[derive(Debug, Clone, Copy)]
struct Tone {
    /// In the window, measured at the nominal frequency.
    energy: f32,
    /// How far from the nominal frequency, by the turn of phase since the last hop, Hz.
    offset: f32,
}

/// A key being held.
#[derive(Debug, Clone, Copy)]
struct Press {
    pair: Pair,
    /// Energies of both tones when it was recognised.
    low: f32,
    high: f32,
    misses: u32,
    /// Samples since its tone began.
    length: usize,
}

impl Default for Detector {
    fn default() -> Self {
        Self::new()
    }
}

impl Detector {
    pub fn new() -> Self {
        let silence = [Bin::default(); 8];
        Self { samples: [0.0; WINDOW], filled: 0, previous: silence, hits: [None; HITS], press: None }
    }

    /// Takes the next samples, best by the frame and at most 40 ms at once; tells a key once, about 40 ms after it began.
    ///
    /// Two presses of one key are told apart by a pause of 40 ms; gaps up to 20 ms (a lost packet) do not make two of one.
    pub fn push(&mut self, samples: &[i16]) -> Option<char> {
        let mut key = None;
        let mut rest = samples;
        while !rest.is_empty() {
            let (now, later) = rest.split_at((HOP - self.filled).min(rest.len()));
            for (place, &sample) in self.samples.iter_mut().skip(HOP + self.filled).zip(now) {
                *place = f32::from(sample);
            }
            self.filled += now.len();
            rest = later;
            if self.filled == HOP {
                key = self.hop().or(key);
                self.samples.copy_within(HOP.., 0);
                self.filled = 0;
            }
        }
        key
    }

    /// A key that was told is still being held, or was released less than 60 ms ago.
    pub fn tone_present(&self) -> bool {
        self.press.is_some()
    }

    /// Samples since the tone of the key being held began, never less than it really is, up to 160 more; 0 without one.
    ///
    /// A recorder that took them in all takes them back by this.
    pub fn tone_length(&self) -> usize {
        self.press.map_or(0, |press| press.length + self.filled)
    }

    /// Looks at a full window.
    fn hop(&mut self) -> Option<char> {
        let bank = &*BANK;
        let (window, energy) = bank.weigh(&self.samples);
        let loud_enough = energy > energy_of(SOFTEST_HELD);
        let spectrum = if loud_enough { goertzel(&window, &bank.tones) } else { [Bin::default(); 8] };
        let hit = if loud_enough { self.hit(&spectrum, energy) } else { None };
        self.previous = spectrum;

        let [_, second, third] = self.hits;
        self.hits = [second, third, hit];
        self.hold(&spectrum);
        let pair = self.pressed(&window)?;
        if self.press.is_some_and(|press| press.pair == pair) {
            return None;
        }
        let (low, high) = (spectrum.get(pair.row)?.energy(), spectrum.get(4 + pair.column)?.energy());
        // The first of the hits may have caught the tone when it had filled but half of the window.
        let length = WINDOW + HITS * HOP;
        self.press = Some(Press { pair, low, high, misses: 0, length });
        KEYS.get(pair.row)?.get(pair.column).copied()
    }

    /// Is the key's tone still there? Whatever else is heard: a voice beside it does not make a second press of it.
    fn hold(&mut self, spectrum: &Spectrum) {
        let Some(press) = &mut self.press else { return };
        let least = energy_of(SOFTEST_HELD);
        let there =
            |bin: Option<&Bin>, reference: f32| bin.is_some_and(|b| b.energy() > (reference * 0.1).max(least * 0.1));
        let held =
            there(spectrum.get(press.pair.row), press.low) && there(spectrum.get(4 + press.pair.column), press.high);
        press.misses = if held { 0 } else { press.misses + 1 };
        press.length += HOP;
        if press.misses >= MISSES {
            self.press = None;
        }
    }

    /// Are these two tones, and next to nothing else?
    fn hit(&self, spectrum: &Spectrum, energy: f32) -> Option<Hit> {
        let (low_bins, high_bins) = spectrum.split_at(4);
        let (row, low) = strongest(low_bins)?;
        let (column, high) = strongest(high_bins)?;
        let plausible = low.energy().max(high.energy()) > energy_of(SOFTEST)
            && low.energy() < high.energy() * LOW_OVER_HIGH
            && high.energy() < low.energy() * HIGH_OVER_LOW
            && low.energy() + high.energy() > energy * SHARE;
        if !plausible {
            return None;
        }
        let (low_hertz, high_hertz) = (*LOW.get(row)?, *HIGH.get(column)?);
        let tone = |bin: Bin, before: Option<&Bin>, hertz: f32| {
            Some(Tone { energy: bin.energy(), offset: bin.offset_since(before?, hertz) })
        };
        Some(Hit {
            pair: Pair { row, column },
            low: tone(low, self.previous.get(row), low_hertz)?,
            high: tone(high, self.previous.get(4 + column), high_hertz)?,
            energy,
        })
    }

    /// The key of the last hits, if they are one steady pair of tones at the right frequencies.
    fn pressed(&self, window: &[f32; WINDOW]) -> Option<Pair> {
        let [Some(first), Some(second), Some(third)] = self.hits else { return None };
        let pair = third.pair;
        if first.pair != pair || second.pair != pair {
            return None;
        }
        // The first hit's phase has nothing before it to be compared with.
        let steady = |second: Tone, third: Tone, hertz: f32| {
            let offset = (second.offset + third.offset) / 2.0;
            let steady = (second.offset - third.offset).abs() < DRIFT && offset.abs() < hertz * OFF + OFF_HERTZ;
            steady.then_some(offset)
        };
        let (low_hertz, high_hertz) = (*LOW.get(pair.row)?, *HIGH.get(pair.column)?);
        let low_offset = steady(second.low, third.low, low_hertz)?;
        let high_offset = steady(second.high, third.high, high_hertz)?;
        // Two of three windows are filled by every tone of 40 ms; the third may have caught its beginning or end.
        let mut shares = [first, second, third].map(|hit| hit.share(low_offset, high_offset));
        shares.sort_by(f32::total_cmp);
        let [_, least, _] = shares;
        let voice = third.is_voice(window, low_hertz + low_offset, high_hertz + high_offset);
        (least > SHARE_OF_PRESS && !voice).then_some(pair)
    }
}

impl Hit {
    /// What part of the energy is that of two tones so far from their nominal frequencies, where less of them is measured.
    fn share(&self, low_offset: f32, high_offset: f32) -> f32 {
        let low = self.low.energy / response(low_offset).powi(2);
        let high = self.high.energy / response(high_offset).powi(2);
        (low + high) / self.energy
    }

    /// Are the tones, truly at these frequencies, two harmonics of a voice, which then has more of them?
    fn is_voice(&self, window: &[f32; WINDOW], low_hertz: f32, high_hertz: f32) -> bool {
        // The harmonics of each, and, if they follow each other, the one before and the one after.
        let places = [2.0 * low_hertz, 2.0 * high_hertz, 2.0 * low_hertz - high_hertz, 2.0 * high_hertz - low_hertz];
        let [twice_low, twice_high, before, after] = goertzel(window, &places.map(Filter::at)).map(|bin| bin.energy());
        // Twice the low frequency can lie so close to the high one that it is seen there as well.
        let seen_beside = self.high.energy.sqrt() * response(2.0 * low_hertz - high_hertz).abs();
        let lowest_pitch = 2.0 * low_hertz > high_hertz + 200.0; // below there is hum
        twice_low.sqrt() > (self.low.energy * HARMONIC).sqrt() + seen_beside
            || twice_high > self.high.energy * HARMONIC
            || (before > self.energy * NEIGHBOUR && lowest_pitch)
            || after > self.energy * NEIGHBOUR
    }
}

fn strongest(bins: &[Bin]) -> Option<(usize, Bin)> {
    bins.iter().copied().enumerate().max_by(|(_, one), (_, other)| one.energy().total_cmp(&other.energy()))
}

/// Window and filters, the same for every call.
struct Bank {
    window: [f32; WINDOW],
    tones: [Filter; 8],
}

static BANK: LazyLock<Bank> = LazyLock::new(|| {
    let mut hertz = LOW.into_iter().chain(HIGH);
    Bank {
        // Hann's: what is 100 Hz away from a filter hardly reaches it any more.
        window: std::array::from_fn(|n| (1.0 - (TAU * (n as f32 + 0.5) / WINDOW as f32).cos()) / 2.0),
        tones: std::array::from_fn(|_| Filter::at(hertz.next().unwrap_or_default())),
    }
});

impl Bank {
    /// The samples under the window and without DC, and their energy.
    fn weigh(&self, samples: &[f32; WINDOW]) -> ([f32; WINDOW], f32) {
        let mean = samples.iter().sum::<f32>() / WINDOW as f32;
        let mut weighed = *samples;
        let mut energy = 0.0;
        for (sample, weight) in weighed.iter_mut().zip(&self.window) {
            *sample = (*sample - mean) * weight;
            energy += *sample * *sample;
        }
        (weighed, energy)
    }
}

/// Energy under the window of a sine at `level`.
fn energy_of(level: Dbm0) -> f32 {
    level.mean_square() * SQUARED_WEIGHTS
}

/// Sums of Hann's window and of its squares.
const WEIGHTS: f32 = WINDOW as f32 / 2.0;
const SQUARED_WEIGHTS: f32 = WINDOW as f32 * 3.0 / 8.0;

/// How much of the amplitude of a tone is left in a filter so many Hz away (Hann's window).
fn response(hertz: f32) -> f32 {
    let bins = hertz * WINDOW as f32 / SAMPLE_RATE as f32;
    let sinc = if bins.abs() < 1e-3 { 1.0 } else { (PI * bins).sin() / (PI * bins) };
    let rest = 1.0 - bins * bins;
    if rest.abs() < 1e-3 { 0.5 } else { sinc / rest }
}

/// One Goertzel filter.
#[derive(Debug, Clone, Copy)]
struct Filter {
    cosine: f32,
    sine: f32,
}

/// What a filter found, as a complex number whose phase refers to the end of the window.
#[derive(Debug, Clone, Copy, Default)]
struct Bin {
    re: f32,
    im: f32,
}

/// The low frequencies, then the high ones.
type Spectrum = [Bin; 8];

impl Filter {
    fn at(hertz: f32) -> Self {
        let (sine, cosine) = (TAU * hertz / SAMPLE_RATE as f32).sin_cos();
        Self { cosine, sine }
    }
}

impl Bin {
    /// Energy that the sine found here has under the window.
    fn energy(&self) -> f32 {
        // amplitude = 2 |bin| / WEIGHTS
        (self.re * self.re + self.im * self.im) * 2.0 / (WEIGHTS * WEIGHTS) * SQUARED_WEIGHTS
    }

    /// By how much the frequency differs from `hertz`, from the turn of phase since the hop `before` (within 50 Hz).
    fn offset_since(&self, before: &Bin, hertz: f32) -> f32 {
        let turn = (self.im * before.re - self.re * before.im).atan2(self.re * before.re + self.im * before.im) / TAU;
        let hops_a_second = SAMPLE_RATE as f32 / HOP as f32;
        let surplus = turn - hertz / hops_a_second;
        (surplus - surplus.round()) * hops_a_second
    }
}

fn goertzel<const N: usize>(window: &[f32; WINDOW], filters: &[Filter; N]) -> [Bin; N] {
    let (mut one, mut two) = ([0.0_f32; N], [0.0_f32; N]);
    for sample in window {
        for ((one, two), filter) in one.iter_mut().zip(&mut two).zip(filters) {
            let next = sample + 2.0 * filter.cosine * *one - *two;
            *two = *one;
            *one = next;
        }
    }
    let mut bins = [Bin::default(); N];
    for (((bin, one), two), filter) in bins.iter_mut().zip(one).zip(two).zip(filters) {
        *bin = Bin { re: one - filter.cosine * two, im: filter.sine * two };
    }
    bins
}

const LOW: [f32; 4] = [697.0, 770.0, 852.0, 941.0];
const HIGH: [f32; 4] = [1209.0, 1336.0, 1477.0, 1633.0];
const KEYS: [[char; 4]; 4] = [['1', '2', '3', 'A'], ['4', '5', '6', 'B'], ['7', '8', '9', 'C'], ['*', '0', '#', 'D']];

/// Samples of a window, and how far it moves on.
const WINDOW: usize = 160;
const HOP: usize = WINDOW / 2;

/// A press is this many hits in a row …
const HITS: usize = 3;

/// … and over when its tone was missing this many times in a row: a pause of 40 ms has three, one of 10 ms at most two.
const MISSES: u32 = 3;

/// Softest tone that is looked at, the stronger of the two; Q.24 (AT&T) wants -25 dBm accepted.
const SOFTEST: Dbm0 = Dbm0(-30.0);

/// Softest tone that still holds a press.
const SOFTEST_HELD: Dbm0 = Dbm0(-45.0);

/// How much stronger than the high tone the low one may be, and the reverse, as power. Q.24 (AT&T): 8 dB and 4 dB, and a margin.
const LOW_OVER_HIGH: f32 = 10.0; // 10 dB
const HIGH_OVER_LOW: f32 = 5.0; // 7 dB

/// Least share of the window's energy that both tones have: in one window, where a tone off its frequency loses a
/// third of its own, and over a press, frequency accounted for.
const SHARE: f32 = 0.65;
const SHARE_OF_PRESS: f32 = 0.88;

/// Second harmonic over its fundamental, as power: a voice has it, a key's tone does not.
const HARMONIC: f32 = 0.05;

/// Harmonics beside a pair of tones over the whole, as power: 17 dB below it in the purest voice, 24 dB in a clipped tone.
const NEIGHBOUR: f32 = 0.01;

/// Farthest from its nominal frequency a tone may be: 1.5 % + 2 Hz are to be accepted, and 2 Hz are for the measurement.
const OFF: f32 = 0.015;
const OFF_HERTZ: f32 = 4.0;

/// How much the frequency may change from one window to the next, Hz.
const DRIFT: f32 = 12.0;

#[cfg(test)]
mod tests;

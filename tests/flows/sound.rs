//! Sounds of the tests: speech, the shipped prompts, G.711 written anew, and how alike two sounds are.

use std::f64::consts::TAU;
use std::path::{Path, PathBuf};

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// One sentence with a pause, nearly five seconds.
pub fn speech() -> Vec<i16> {
    read(&root().join("tests/audio/speech.wav"))
}

/// `speech` over and over, and nothing that is said twice in a row at the same place.
pub fn long_speech(seconds: usize) -> Vec<i16> {
    speech().into_iter().cycle().take(seconds * 8000).collect()
}

/// The first `milliseconds` of the speech: words, no silence.
pub fn words(milliseconds: usize) -> Vec<i16> {
    speech().into_iter().skip_while(|sample| sample.abs() < 500).take(milliseconds * 8).collect()
}

/// As long, and nothing like the speech to a correlation: the speech from its end to its beginning.
pub fn other_speech() -> Vec<i16> {
    speech().into_iter().rev().collect()
}

/// A prompt as it is shipped.
pub fn prompt(name: &str) -> Vec<i16> {
    read(&root().join("prompts/en-US").join(name).with_extension("wav"))
}

fn read(file: &Path) -> Vec<i16> {
    let mut reader = hound::WavReader::open(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    reader.samples::<i16>().map(|sample| sample.expect("PCM")).collect()
}

pub fn wav_bytes(samples: &[i16]) -> Vec<u8> {
    let spec =
        hound::WavSpec { channels: 1, sample_rate: 8000, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut file = std::io::Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut file, spec).unwrap();
    samples.iter().for_each(|sample| writer.write_sample(*sample).unwrap());
    writer.finalize().unwrap();
    file.into_inner()
}

/// A sound nobody else makes: three tones that rise.
pub fn jingle() -> Vec<i16> {
    let tone = |hertz: f64| (0..4000).map(move |n| ((f64::from(n) * hertz * TAU / 8000.0).sin() * 6000.0) as i16);
    [523.0, 659.0, 784.0].into_iter().flat_map(tone).collect()
}

/// Which of the two laws of G.711.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Law {
    Mu,
    A,
}

impl Law {
    pub fn payload_type(self) -> u8 {
        match self {
            Law::Mu => 0,
            Law::A => 8,
        }
    }

    pub fn encode(self, sample: i16) -> u8 {
        match self {
            Law::Mu => {
                let sign = if sample < 0 { 0x80 } else { 0 };
                let magnitude = (i32::from(sample).abs() + 132).min(32767);
                let exponent = 31 - (magnitude as u32 >> 7).leading_zeros();
                let mantissa = (magnitude >> (exponent + 3)) & 0x0F;
                !(sign | (exponent as u8) << 4 | mantissa as u8)
            }
            Law::A => {
                let sign = if sample < 0 { 0 } else { 0x80 };
                let magnitude = if sample < 0 { !sample } else { sample } as u16;
                let code = match magnitude >> 8 {
                    0 => (magnitude >> 4) as u8,
                    high => {
                        let exponent = 16 - high.leading_zeros();
                        (exponent as u8) << 4 | (magnitude >> (exponent + 3) & 0x0F) as u8
                    }
                };
                (sign | code) ^ 0x55
            }
        }
    }

    pub fn decode(self, octet: u8) -> i16 {
        match self {
            Law::Mu => {
                let octet = !octet;
                let magnitude = ((i32::from(octet & 0x0F) << 3) + 132) << (octet >> 4 & 7);
                (if octet & 0x80 != 0 { 132 - magnitude } else { magnitude - 132 }) as i16
            }
            Law::A => {
                let octet = octet ^ 0x55;
                let (exponent, mantissa) = (octet >> 4 & 7, i32::from(octet & 0x0F) << 4);
                let magnitude = if exponent == 0 { mantissa + 8 } else { (mantissa + 0x108) << (exponent - 1) };
                (if octet & 0x80 != 0 { magnitude } else { -magnitude }) as i16
            }
        }
    }
}

/// Where `wanted` begins in `heard`, as far as G.711 lets it through.
pub fn find(wanted: &[i16], heard: &[i16]) -> Option<usize> {
    // the first 20 ms may be mixed with the end of what was played before
    let wanted = &wanted[160.min(wanted.len())..];
    let same = |(heard, wanted): (&i16, &i16)| {
        let (heard, wanted) = (i32::from(*heard), i32::from(*wanted));
        (heard - wanted).abs() <= wanted.abs() / 24 + 8
    };
    // the loudest sample is looked at first: it tells most places apart at once
    let loudest = (0..wanted.len()).max_by_key(|index| wanted[*index].unsigned_abs())?;
    heard
        .windows(wanted.len())
        .position(|window| same((&window[loudest], &wanted[loudest])) && window.iter().zip(wanted).all(same))
}

/// Where the record tone ends in `heard`: 1000 Hz alone, for nearly half a second.
pub fn find_tone(heard: &[i16]) -> Option<usize> {
    let mut run = 0;
    for (index, frame) in heard.chunks_exact(160).enumerate() {
        let part = |wave: fn(f64) -> f64| {
            let sum: f64 = frame.iter().enumerate().map(|(n, s)| f64::from(*s) * wave(n as f64 * TAU / 8.0)).sum();
            sum * sum * 2.0 / 160.0
        };
        let energy: f64 = frame.iter().map(|sample| f64::from(*sample).powi(2)).sum();
        let is_tone = energy > 1e6 && part(f64::sin) + part(f64::cos) > 0.98 * energy;
        run = if is_tone { run + 1 } else { 0 };
        if run >= 22 {
            let rest = heard[(index + 1) * 160..].iter().position(|sample| sample.abs() < 60).unwrap_or(0);
            return Some((index + 1) * 160 + rest);
        }
    }
    None
}

/// The best correlation of `said` with a part of `heard`, and where that part begins.
pub fn correlation(said: &[i16], heard: &[i16]) -> (f64, i64) {
    let at = |index: i64| usize::try_from(index).ok().and_then(|index| heard.get(index)).copied().unwrap_or(0);
    let score = |lag: i64, step: usize| {
        let (mut both, mut ours, mut theirs) = (0.0, 0.0, 0.0);
        for (index, said) in said.iter().enumerate().step_by(step) {
            let (said, heard) = (f64::from(*said), f64::from(at(index as i64 + lag)));
            both += said * heard;
            ours += said * said;
            theirs += heard * heard;
        }
        if ours * theirs == 0.0 { 0.0 } else { both / (ours * theirs).sqrt() }
    };
    let slack = (heard.len() as i64 - said.len() as i64).max(0);
    let coarse = (-4000..=slack + 4000).map(|lag| (score(lag, 37), lag));
    let best = coarse.max_by(|a, b| a.0.total_cmp(&b.0)).expect("there are lags");
    (score(best.1, 1), best.1)
}

/// How loud, in samples' units.
pub fn rms(samples: &[i16]) -> f64 {
    (samples.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / samples.len().max(1) as f64).sqrt()
}

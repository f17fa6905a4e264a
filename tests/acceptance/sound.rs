//! Sound as tests compare it: 16 bit samples at 8 kHz.

use std::fs;
use std::path::Path;

/// What the scenarios speak (`scenarios/data/speech.ulaw`).
pub fn speech() -> Vec<i16> {
    encoded_speech().into_iter().map(mu_law).collect()
}

/// As it goes over the line.
pub fn encoded_speech() -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/data/speech.ulaw")).unwrap()
}

/// What the server says.
pub fn prompt(name: &str) -> Vec<i16> {
    let file = format!("prompts/en-US/{name}.wav");
    read_wav(&fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap())
}

pub fn read_wav(bytes: &[u8]) -> Vec<i16> {
    let reader = hound::WavReader::new(bytes).unwrap();
    let spec = reader.spec();
    assert_eq!((spec.channels, spec.sample_rate, spec.bits_per_sample), (1, 8000, 16));
    reader.into_samples().collect::<Result<_, _>>().unwrap()
}

pub fn write_wav(file: &Path, sound: &[i16]) {
    let spec =
        hound::WavSpec { channels: 1, sample_rate: 8000, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut writer = hound::WavWriter::create(file, spec).unwrap();
    sound.iter().for_each(|sample| writer.write_sample(*sample).unwrap());
    writer.finalize().unwrap();
}

pub fn seconds(sound: &[i16]) -> f64 {
    sound.len() as f64 / 8000.0
}

/// ITU-T G.711, written anew so that the node's own tables are not what they are checked with.
pub fn mu_law(byte: u8) -> i16 {
    let byte = !byte;
    let (sign, exponent, mantissa) = (byte & 0x80, i32::from(byte >> 4 & 7), i32::from(byte & 0x0f));
    let magnitude = (((mantissa << 3) + 0x84) << exponent) - 0x84;
    (if sign != 0 { -magnitude } else { magnitude }) as i16
}

/// How alike two sounds are, at the shift (up to `most` samples either way) where they are most alike: 1.0 is the same.
pub fn correlation(a: &[i16], b: &[i16], most: isize) -> f64 {
    (-most..=most).map(|shift| correlation_at(a, b, shift)).fold(-1.0, f64::max)
}

/// Over all of both sounds: what one lacks at its ends counts as silence.
fn correlation_at(a: &[i16], b: &[i16], shift: isize) -> f64 {
    let (a_from, b_from) = if shift >= 0 { (0, shift as usize) } else { (shift.unsigned_abs(), 0) };
    let (Some(a_rest), Some(b_rest)) = (a.get(a_from..), b.get(b_from..)) else { return -1.0 };
    let product: i64 = a_rest.iter().zip(b_rest).map(|(x, y)| i64::from(*x) * i64::from(*y)).sum();
    let energy = |sound: &[i16]| sound.iter().map(|x| i64::from(*x) * i64::from(*x)).sum::<i64>() as f64;
    product as f64 / (energy(a) * energy(b)).sqrt().max(1.0)
}

/// Where a piece of sound is first heard, at least so much alike: the position behind it.
pub fn find(heard: &[i16], piece: &[i16], alike: f64) -> Option<usize> {
    let begins = heard.windows(piece.len()).position(|window| correlation_at(window, piece, 0) >= alike)?;
    Some(begins + piece.len())
}

#[test]
fn a_piece_is_found_where_it_is_and_nowhere_else() {
    let speech = speech();
    assert_eq!(find(&speech[2000..14000], &speech[4000..8000], 0.99), Some(6000));
    assert_eq!(find(&speech[..10000], &speech[20000..24000], 0.6), None);
}

#[test]
fn correlation_tells_a_sound_from_another_and_finds_the_shift() {
    let speech = speech();
    let late: Vec<i16> = std::iter::repeat_n(0, 300).chain(speech.iter().map(|x| x / 2)).collect();
    assert!(correlation(&speech, &late, 400) > 0.99);
    assert!(correlation(&speech, &late, 200) < 0.9);
    let reversed: Vec<i16> = speech.iter().rev().copied().collect();
    assert!(correlation(&speech, &reversed, 400) < 0.5);
}

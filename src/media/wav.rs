//! WAV files (RIFF/WAVE, Microsoft "Multimedia Programming Interface and Data Specifications 1.0"): prompts in, messages out.
//! Knows: bytes of one file. Must not: open files, convert rates or channels: a wrong format is an error that says so.

use super::SAMPLE_RATE;
use thiserror::Error;

/// Why a file cannot be used as a prompt or greeting.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WavError {
    #[error("not a WAV file: it does not start with RIFF and WAVE")]
    NotWav,
    #[error("the WAV file has no usable `{0}` chunk")]
    Missing(&'static str),
    #[error("the WAV file is cut off: its header promises {promised} octets of sound, {present} are there")]
    CutOff { promised: u32, present: usize },
    #[error(
        "16-bit PCM, mono, 8000 Hz is needed, this file is {0}; `sox IN.wav -r 8000 -c 1 -b 16 -e signed-integer OUT.wav` converts it"
    )]
    Format(Format),
}

/// What the `fmt ` chunk of a file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// wFormatTag; of an extensible file the tag inside its sub-format.
    pub tag: u16,
    pub channels: u16,
    /// Samples per second.
    pub rate: u32,
    /// Bits per sample.
    pub bits: u16,
}

const PCM: u16 = 1;
const EXTENSIBLE: u16 = 0xFFFE;

/// Programs that write to a pipe cannot know the length and put something this large (sox, espeak-ng, ffmpeg).
const LENGTH_UNKNOWN: u32 = 0x7FFF_0000;

/// The samples of a 16-bit PCM mono file at 8000 Hz.
///
/// Chunks other than `fmt ` and `data` are passed over. A file written through a pipe (length unknown) ends where it ends.
pub fn decode(file: &[u8]) -> Result<Vec<i16>, WavError> {
    let mut chunks = Chunks::of(file).ok_or(WavError::NotWav)?;
    let format = chunks.find(|chunk| &chunk.name == b"fmt ").ok_or(WavError::Missing("fmt "))?;
    let format = Format::parse(format.body).ok_or(WavError::Missing("fmt "))?;
    if format != (Format { tag: PCM, channels: 1, rate: SAMPLE_RATE, bits: 16 }) {
        return Err(WavError::Format(format));
    }
    let data = chunks.find(|chunk| &chunk.name == b"data").ok_or(WavError::Missing("data"))?;
    if data.body.len() < data.length as usize && data.length < LENGTH_UNKNOWN {
        return Err(WavError::CutOff { promised: data.length, present: data.body.len() });
    }
    let (samples, _half_a_sample) = data.body.as_chunks();
    Ok(samples.iter().map(|&octets| i16::from_le_bytes(octets)).collect())
}

/// A complete file: 16-bit PCM, mono, 8000 Hz.
pub fn encode(samples: &[i16]) -> Vec<u8> {
    let mut file = Vec::with_capacity(HEADER + samples.len() * 2);
    file.extend(header(samples.len() as u64));
    file.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    file
}

/// Octets of the header that [`header`] makes.
pub const HEADER: usize = 44;

/// What comes before `samples` 16-bit samples in a file. Lengths beyond 4 GiB (37 hours) are written as 4 GiB.
pub fn header(samples: u64) -> [u8; HEADER] {
    const FIXED: u32 = HEADER as u32 - 8;
    let data = u32::try_from(samples.saturating_mul(2)).unwrap_or(u32::MAX - 1).min(u32::MAX - 1 - FIXED);
    let fields: [&[u8]; 13] = [
        b"RIFF",
        &(FIXED + data).to_le_bytes(),
        b"WAVE",
        b"fmt ",
        &16_u32.to_le_bytes(),
        &PCM.to_le_bytes(),
        &1_u16.to_le_bytes(), // channels
        &SAMPLE_RATE.to_le_bytes(),
        &(SAMPLE_RATE * 2).to_le_bytes(), // octets a second
        &2_u16.to_le_bytes(),             // octets a sample of all channels
        &16_u16.to_le_bytes(),            // bits a sample
        b"data",
        &data.to_le_bytes(),
    ];
    let mut header = [0; HEADER];
    for (place, octet) in header.iter_mut().zip(fields.into_iter().flatten()) {
        *place = *octet;
    }
    header
}

impl Format {
    fn parse(body: &[u8]) -> Option<Self> {
        let u16_at = |at: usize| Some(u16::from_le_bytes(*body.get(at..)?.first_chunk()?));
        let tag = match u16_at(0)? {
            EXTENSIBLE => u16_at(24)?,
            tag => tag,
        };
        let rate = u32::from_le_bytes(*body.get(4..)?.first_chunk()?);
        Some(Self { tag, channels: u16_at(2)?, rate, bits: u16_at(14)? })
    }
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { tag, channels, rate, bits } = *self;
        match tag {
            PCM => write!(f, "{bits}-bit PCM")?,
            3 => write!(f, "{bits}-bit floating point")?,
            6 => write!(f, "G.711 A-law")?,
            7 => write!(f, "G.711 mu-law")?,
            0x31 => write!(f, "GSM 06.10")?,
            0x55 => write!(f, "MP3")?,
            tag => write!(f, "compressed (format tag {tag:#06x})")?,
        }
        match channels {
            1 => write!(f, ", mono, {rate} Hz"),
            2 => write!(f, ", stereo, {rate} Hz"),
            channels => write!(f, ", {channels} channels, {rate} Hz"),
        }
    }
}

struct Chunk<'f> {
    name: [u8; 4],
    /// As the file claims; `body` is what is there of it.
    length: u32,
    body: &'f [u8],
}

/// The chunks of a RIFF file in order. Ends at the first one whose header is not complete.
struct Chunks<'f> {
    rest: &'f [u8],
}

impl<'f> Chunks<'f> {
    fn of(file: &'f [u8]) -> Option<Self> {
        let (riff, rest) = file.split_first_chunk::<4>()?;
        let (_length, rest) = rest.split_first_chunk::<4>()?;
        let (wave, rest) = rest.split_first_chunk::<4>()?;
        (riff == b"RIFF" && wave == b"WAVE").then_some(Self { rest })
    }
}

impl<'f> Iterator for Chunks<'f> {
    type Item = Chunk<'f>;

    fn next(&mut self) -> Option<Chunk<'f>> {
        let (name, rest) = self.rest.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let length = u32::from_le_bytes(*length);
        let (body, rest) = rest.split_at_checked(length as usize).unwrap_or((rest, &[]));
        // A chunk of odd length is followed by an octet of padding.
        self.rest = if length % 2 == 1 { rest.get(1..).unwrap_or_default() } else { rest };
        Some(Chunk { name: *name, length, body })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Cursor;

    /// What another implementation writes.
    fn hound_file(spec: hound::WavSpec, samples: &[i16]) -> Vec<u8> {
        let mut file = Cursor::new(Vec::new());
        let mut writer = hound::WavWriter::new(&mut file, spec).unwrap();
        for &sample in samples {
            match (spec.sample_format, spec.bits_per_sample) {
                (hound::SampleFormat::Float, _) => writer.write_sample(f32::from(sample) / 32768.0).unwrap(),
                (hound::SampleFormat::Int, 8) => writer.write_sample((sample >> 8) as i8).unwrap(),
                (hound::SampleFormat::Int, _) => writer.write_sample(sample).unwrap(),
            }
        }
        writer.finalize().unwrap();
        file.into_inner()
    }

    const GOOD: hound::WavSpec =
        hound::WavSpec { channels: 1, sample_rate: 8000, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };

    fn with_chunk_before_data(name: &[u8; 4], body: &[u8], samples: &[i16]) -> Vec<u8> {
        let plain = encode(samples);
        let mut file = plain[..36].to_vec();
        file.extend(name);
        file.extend((body.len() as u32).to_le_bytes());
        file.extend(body);
        file.extend(vec![0; body.len() % 2]);
        file.extend(&plain[36..]);
        file
    }

    fn error_of(file: &[u8]) -> String {
        decode(file).unwrap_err().to_string()
    }

    #[test]
    fn wrong_formats_are_named_with_what_is_allowed() {
        let wrong = [
            (hound::WavSpec { channels: 2, ..GOOD }, "16-bit PCM, stereo, 8000 Hz"),
            (hound::WavSpec { sample_rate: 44100, ..GOOD }, "16-bit PCM, mono, 44100 Hz"),
            (hound::WavSpec { bits_per_sample: 8, ..GOOD }, "8-bit PCM, mono, 8000 Hz"),
            (
                hound::WavSpec { bits_per_sample: 32, sample_format: hound::SampleFormat::Float, ..GOOD },
                "32-bit floating point, mono, 8000 Hz",
            ),
        ];
        for (spec, name) in wrong {
            let error = error_of(&hound_file(spec, &[0; 8]));
            assert!(error.starts_with("16-bit PCM, mono, 8000 Hz is needed"), "{error}");
            assert!(error.contains(&format!("this file is {name};")), "{error}");
        }
        let mut mu_law = encode(&[0; 8]);
        mu_law[20] = 7;
        mu_law[34] = 8;
        assert!(error_of(&mu_law).contains("G.711 mu-law, mono, 8000 Hz"));
    }

    #[test]
    fn extensible_pcm_is_pcm() {
        let mut file = encode(&[1, 2, 3]);
        let mut extension = vec![22, 0, 16, 0, 4, 0, 0, 0, 1, 0];
        extension.extend(*b"\0\0\0\0\x10\0\x80\0\0\xAA\0\x38\x9B\x71");
        file.splice(36..36, extension);
        file[16] = 40;
        file[20..22].copy_from_slice(&EXTENSIBLE.to_le_bytes());
        assert_eq!(hound::WavReader::new(&file[..]).unwrap().spec(), GOOD, "the test's own file is right");
        assert_eq!(decode(&file), Ok(vec![1, 2, 3]));
    }

    #[test]
    fn other_chunks_are_passed_over_even_of_odd_length() {
        for body in [&b"INFOISFT\x05\0\0\0sox 1"[..], b"", b"even"] {
            assert_eq!(decode(&with_chunk_before_data(b"LIST", body, &[7, -7])), Ok(vec![7, -7]));
        }
    }

    #[test]
    fn a_file_from_a_pipe_ends_where_it_ends() {
        for length in [0x7FFF_F000_u32, u32::MAX, 0x7FFF_FFFF] {
            let mut file = encode(&[1, 2, 3]);
            file[40..44].copy_from_slice(&length.to_le_bytes());
            assert_eq!(decode(&file), Ok(vec![1, 2, 3]));
        }
    }

    #[test]
    fn damaged_files_are_told_apart() {
        let file = encode(&[1, 2, 3]);
        assert_eq!(decode(b""), Err(WavError::NotWav));
        assert_eq!(decode(b"OggS\0\0\0\0WAVE"), Err(WavError::NotWav));
        assert_eq!(decode(&file[..20]), Err(WavError::Missing("fmt ")));
        assert_eq!(decode(&file[..40]), Err(WavError::Missing("data")));
        assert_eq!(decode(&file[..47]), Err(WavError::CutOff { promised: 6, present: 3 }));
    }

    #[test]
    fn very_long_recordings_have_a_valid_header() {
        let header = header(u64::MAX);
        let length = |at: usize| u32::from_le_bytes(*header[at..].first_chunk().unwrap());
        assert_eq!(length(4), length(40) + 36);
        assert_eq!(length(40) % 2, 0);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(samples: Vec<i16>) {
            let file = encode(&samples);
            let other: Result<Vec<i16>, _> = hound::WavReader::new(&file[..]).unwrap().into_samples().collect();
            prop_assert_eq!(&other.unwrap(), &samples);
            prop_assert_eq!(decode(&file), Ok(samples.clone()));
            prop_assert_eq!(decode(&hound_file(GOOD, &samples)), Ok(samples));
        }

        #[test]
        fn no_bytes_are_a_panic(bytes: Vec<u8>) {
            let _ = decode(&bytes);
        }

        #[test]
        fn no_damage_is_a_panic(
            samples in proptest::collection::vec(any::<i16>(), 0..20),
            damage in proptest::collection::vec((0_usize..84, any::<u8>()), 1..8),
            end in 0_usize..100,
        ) {
            let mut file = with_chunk_before_data(b"LIST", b"odd", &samples);
            for (at, octet) in damage {
                if let Some(place) = file.get_mut(at) {
                    *place = octet;
                }
            }
            file.truncate(end);
            if let Ok(decoded) = decode(&file) {
                prop_assert!(decoded.len() * 2 <= file.len());
            }
        }
    }
}

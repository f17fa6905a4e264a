//! G.711: mu-law and A-law, the two encodings every gateway speaks (ITU-T G.711; RFC 3551 4.5.14).
//! Knows: octets and samples. Must not: know packets, payload types or frames.
//!
//! Both laws are what a floating-point number is anyway: a sign, an exponent (the segment) and four leading bits of the
//! mantissa. So a sample is encoded by converting it to `f32` and taking those bits, which needs no table and turns into
//! vector instructions; an octet is decoded by looking it up.

pub use crate::protocol::sdp::Codec;

/// Appends one octet for each of `samples` to `out`.
pub fn encode(codec: Codec, samples: &[i16], out: &mut Vec<u8>) {
    match codec {
        Codec::Pcmu => out.extend(samples.iter().map(|&sample| to_mu_law(sample))),
        Codec::Pcma => out.extend(samples.iter().map(|&sample| to_a_law(sample))),
    }
}

/// Appends one sample for each of `octets` to `out`. Every octet is valid in both laws.
#[expect(clippy::indexing_slicing, reason = "an octet cannot be outside a table of 256")]
pub fn decode(codec: Codec, octets: &[u8], out: &mut Vec<i16>) {
    let table = match codec {
        Codec::Pcmu => &MU_LAW,
        Codec::Pcma => &A_LAW,
    };
    out.extend(octets.iter().map(|&octet| table[usize::from(octet)]));
}

/// G.711 table 2: 14-bit input, eight segments that double in step, all bits inverted on the wire.
fn to_mu_law(sample: i16) -> u8 {
    let sign = sample >> 15;
    // The sum with 33 makes the segments start at powers of two: 32, 64 … 4096.
    let magnitude = (((sample ^ sign) >> 2) + 33).min(0x1FFF);
    (exponent_and_mantissa(magnitude) - (5 << 4)) as u8 ^ 0xFF ^ (sign as u8 & 0x80)
}

/// G.711 table 1: 13-bit input, the two lowest segments share one step, even bits inverted on the wire.
fn to_a_law(sample: i16) -> u8 {
    let sign = sample >> 15;
    let magnitude = (sample ^ sign) >> 4;
    let code = if magnitude < 32 { magnitude as u8 } else { (exponent_and_mantissa(magnitude) - (3 << 4)) as u8 };
    code ^ 0xD5 ^ (sign as u8 & 0x80)
}

/// The exponent of two and, below it, the four bits that follow the leading one.
fn exponent_and_mantissa(magnitude: i16) -> u32 {
    (f32::from(magnitude).to_bits() >> 19).wrapping_sub(127 << 4)
}

#[expect(clippy::indexing_slicing, reason = "worked out, and checked, by the compiler")]
static MU_LAW: [i16; 256] = {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < table.len() {
        table[octet] = from_mu_law(octet as u8);
        octet += 1;
    }
    table
};

#[expect(clippy::indexing_slicing, reason = "worked out, and checked, by the compiler")]
static A_LAW: [i16; 256] = {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < table.len() {
        table[octet] = from_a_law(octet as u8);
        octet += 1;
    }
    table
};

const fn from_mu_law(octet: u8) -> i16 {
    let code = !octet;
    let magnitude = (((((code & 0x0F) as i16) << 3) + 0x84) << (code >> 4 & 7)) - 0x84;
    if code & 0x80 == 0 { magnitude } else { -magnitude }
}

const fn from_a_law(octet: u8) -> i16 {
    let code = octet ^ 0xD5;
    let (segment, step) = (code >> 4 & 7, ((code & 0x0F) as i16) << 4);
    let magnitude = if segment == 0 { step + 8 } else { (step + 0x108) << (segment - 1) };
    if code & 0x80 == 0 { magnitude } else { -magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LAWS: [Codec; 2] = [Codec::Pcmu, Codec::Pcma];

    fn encoded(codec: Codec, samples: &[i16]) -> Vec<u8> {
        let mut octets = Vec::new();
        encode(codec, samples, &mut octets);
        octets
    }

    fn decoded(codec: Codec, octets: &[u8]) -> Vec<i16> {
        let mut samples = Vec::new();
        decode(codec, octets, &mut samples);
        samples
    }

    /// The encoder of the ITU-T software tool library (G.191 `ulaw_compress`), segment search and all.
    fn reference_mu_law(sample: i16) -> u8 {
        let sample = i32::from(sample);
        let magnitude = if sample < 0 { (!sample >> 2) + 33 } else { (sample >> 2) + 33 }.min(0x1FFF);
        let mut segment = 1;
        while magnitude >> (5 + segment) != 0 {
            segment += 1;
        }
        let high = 8 - segment;
        let low = 0x0F - (magnitude >> segment & 0x0F);
        (high << 4 | low) as u8 | if sample >= 0 { 0x80 } else { 0 }
    }

    /// G.191 `alaw_compress`.
    fn reference_a_law(sample: i16) -> u8 {
        let sample = i32::from(sample);
        let mut code = if sample < 0 { !sample >> 4 } else { sample >> 4 };
        if code > 15 {
            let mut segment = 1;
            while code > 31 {
                code >>= 1;
                segment += 1;
            }
            code = code - 16 + (segment << 4);
        }
        (code as u8 | if sample >= 0 { 0x80 } else { 0 }) ^ 0x55
    }

    #[test]
    fn every_sample_is_encoded_as_the_reference_does() {
        let every: Vec<i16> = (i16::MIN..=i16::MAX).collect();
        assert_eq!(encoded(Codec::Pcmu, &every), every.iter().map(|&s| reference_mu_law(s)).collect::<Vec<_>>());
        assert_eq!(encoded(Codec::Pcma, &every), every.iter().map(|&s| reference_a_law(s)).collect::<Vec<_>>());
    }

    #[test]
    fn values_of_the_standard() {
        // G.711 tables 1 and 2, scaled to 16 bits: both ends, both zeros, a value in between
        assert_eq!(decoded(Codec::Pcmu, &[0x80, 0x00, 0xFF, 0x7F, 0xF0, 0x9E]), [32124, -32124, 0, 0, 120, 8316 + 512]);
        assert_eq!(decoded(Codec::Pcma, &[0xAA, 0x2A, 0xD5, 0x55, 0x85]), [32256, -32256, 8, -8, 4096 + 128]);
    }

    #[test]
    fn every_octet_survives_decoding_and_encoding() {
        let every: Vec<u8> = (0..=255).collect();
        for codec in LAWS {
            let mut again = encoded(codec, &decoded(codec, &every));
            if codec == Codec::Pcmu {
                assert_eq!(again[0x7F], 0xFF, "mu-law's negative zero becomes its positive one");
                again[0x7F] = 0x7F;
            }
            assert_eq!(again, every, "{codec:?}");
        }
    }

    #[test]
    fn what_comes_back_is_within_half_a_step() {
        for codec in LAWS {
            for sample in i16::MIN..=i16::MAX {
                let error = i32::from(decoded(codec, &encoded(codec, &[sample]))[0]) - i32::from(sample);
                // a segment begins at 16 of its steps; 16 more for the smallest steps and the bits cut off before
                let half_a_step = i32::from(sample).abs() / 32 + 16;
                assert!(error.abs() <= half_a_step, "{codec:?} {sample} came back {error} off");
            }
        }
    }

    proptest! {
        #[test]
        fn louder_is_never_encoded_as_softer(one: i16, other: i16) {
            for codec in LAWS {
                let back = decoded(codec, &encoded(codec, &[one.min(other), one.max(other)]));
                prop_assert!(back[0] <= back[1]);
            }
        }

        #[test]
        fn output_is_appended_octet_for_sample(samples: Vec<i16>) {
            for codec in LAWS {
                let mut octets = vec![1, 2, 3];
                encode(codec, &samples, &mut octets);
                prop_assert_eq!(octets.len(), samples.len() + 3);
                prop_assert_eq!(&octets[..3], &[1, 2, 3]);
            }
        }
    }
}

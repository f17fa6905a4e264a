use super::*;
use crate::media::codec::{self, Codec};
use crate::media::signals::{Noise, babble, mix, recorded_speech, sine};
use proptest::prelude::*;

const ALL: [char; 16] = ['1', '2', '3', 'A', '4', '5', '6', 'B', '7', '8', '9', 'C', '*', '0', '#', 'D'];

/// A tone as a telephone might make it: length in samples, level of each part, frequencies by a factor.
fn press(key: char, samples: usize, low: Dbm0, high: Dbm0, factor: f32) -> Vec<i16> {
    let (low_hertz, high_hertz) = frequencies(key).unwrap();
    mix(&[(low_hertz * factor, low), (high_hertz * factor, high)], samples)
}

fn plain(key: char, samples: usize) -> Vec<i16> {
    press(key, samples, Dbm0(-10.0), Dbm0(-10.0), 1.0)
}

/// Keys heard in `samples`, frame by frame, with silence after them.
fn heard(samples: &[i16]) -> String {
    let mut detector = Detector::new();
    let after = [0; 800];
    samples.chunks(160).chain(after.chunks(160)).filter_map(|frame| detector.push(frame)).collect()
}

fn between(before: usize, sound: &[i16], after: usize) -> Vec<i16> {
    [&vec![0; before], sound, &vec![0; after]].concat()
}

fn through(codec: Codec, samples: &[i16]) -> Vec<i16> {
    let (mut octets, mut back) = (Vec::new(), Vec::new());
    codec::encode(codec, samples, &mut octets);
    codec::decode(codec, &octets, &mut back);
    back
}

#[test]
fn every_key_at_every_level_through_both_codecs() {
    for key in ALL {
        for level in [0.0, -3.0, -10.0, -20.0, -25.0] {
            let tone = press(key, 400, Dbm0(level), Dbm0(level), 1.0);
            for codec in [Codec::Pcmu, Codec::Pcma] {
                assert_eq!(heard(&through(codec, &between(53, &tone, 400))), key.to_string(), "{key} at {level} dBm0");
            }
        }
    }
}

#[test]
fn too_soft_is_not_heard() {
    for key in ALL {
        let tone = press(key, 800, Dbm0(-40.0), Dbm0(-40.0), 1.0);
        assert_eq!(heard(&tone), "");
    }
}

#[test]
fn forty_milliseconds_are_accepted_at_every_alignment() {
    for key in ALL {
        for start in 0..160 {
            assert_eq!(heard(&between(start, &plain(key, 320), 400)), key.to_string(), "{key} from sample {start}");
        }
    }
}

#[test]
fn twenty_three_milliseconds_are_refused_at_every_alignment() {
    for key in ALL {
        for start in 0..160 {
            for length in [80, 120, 160, 183] {
                assert_eq!(
                    heard(&between(start, &plain(key, length), 400)),
                    "",
                    "{key}, {length} samples from {start}"
                );
            }
        }
    }
}

#[test]
fn frequencies_off_by_the_tolerance_are_accepted_and_beyond_refused() {
    for key in ALL {
        for start in (0..160).step_by(16) {
            for factor in [0.985, 0.99, 1.01, 1.015] {
                let tone = press(key, 320, Dbm0(-10.0), Dbm0(-10.0), factor);
                assert_eq!(heard(&between(start, &tone, 400)), key.to_string(), "{key} times {factor} from {start}");
            }
            for factor in [0.94, 0.955, 0.965, 1.035, 1.045, 1.06] {
                let tone = press(key, 1600, Dbm0(-10.0), Dbm0(-10.0), factor);
                assert_eq!(heard(&between(start, &tone, 400)), "", "{key} times {factor} from {start}");
            }
        }
    }
}

#[test]
fn one_tone_off_is_refused() {
    for key in ALL {
        let (low, high) = frequencies(key).unwrap();
        for (low_factor, high_factor) in [(1.035, 1.0), (0.965, 1.0), (1.0, 1.035), (1.0, 0.965)] {
            let tone = mix(&[(low * low_factor, Dbm0(-10.0)), (high * high_factor, Dbm0(-10.0))], 1600);
            assert_eq!(heard(&tone), "", "{key} {low_factor} {high_factor}");
        }
    }
}

#[test]
fn twist_is_accepted_also_with_frequencies_off() {
    for key in ALL {
        for (low, high) in [(-8.0, -16.0), (-16.0, -8.0 - 4.0), (-10.0, -18.0), (-10.0, -6.0), (-17.0, -25.0)] {
            for factor in [0.985, 1.0, 1.015] {
                for start in [0, 40, 80, 120] {
                    let tone = press(key, 320, Dbm0(low), Dbm0(high), factor);
                    let line = through(Codec::Pcmu, &between(start, &tone, 400));
                    assert_eq!(heard(&line), key.to_string(), "{key} {low}/{high} dBm0 times {factor}");
                }
            }
        }
        for (low, high) in [(-5.0, -20.0), (-20.0, -5.0)] {
            assert_eq!(heard(&press(key, 1600, Dbm0(low), Dbm0(high), 1.0)), "", "{key} {low}/{high} dBm0");
        }
    }
}

#[test]
fn noise_15_db_below_is_no_obstacle() {
    for (seed, key) in (0..20).flat_map(|seed| ALL.map(|key| (seed, key))) {
        let mut noise = Noise::new(seed * 16 + key as u64);
        let start = (noise.uniform() * 160.0) as usize;
        let factor = noise.between(0.987, 1.013);
        let mut line = between(start, &press(key, 400, Dbm0(-13.0), Dbm0(-13.0), factor), 800);
        noise.add_to(&mut line, Dbm0(-25.0)); // both tones together are at -10
        assert_eq!(heard(&line), key.to_string(), "{key} times {factor}, seed {seed}");
    }
}

#[test]
fn noise_10_db_below_costs_few_keys_and_makes_no_wrong_ones() {
    let mut missed = 0;
    for (seed, key) in (0..50).flat_map(|seed| ALL.map(|key| (seed, key))) {
        let mut line = between(seed as usize * 3, &plain(key, 640), 800);
        Noise::new(seed * 16 + key as u64).add_to(&mut line, Dbm0(-17.0)); // both tones together are at -7
        match heard(&line) {
            keys if keys.is_empty() => missed += 1,
            keys => assert_eq!(keys, key.to_string(), "seed {seed}"),
        }
    }
    assert!(missed <= 8, "{missed} of 800 missed");
}

#[test]
fn noise_alone_is_no_key() {
    for level in [-60.0, -30.0, -15.0, -3.0] {
        assert_eq!(heard(&Noise::new(level as i64 as u64).samples(Dbm0(level), 8000 * 120)), "");
    }
}

#[test]
fn dc_and_hum_are_no_obstacle() {
    for key in ALL {
        let mut line = between(1000, &press(key, 400, Dbm0(-20.0), Dbm0(-20.0), 1.0), 1000);
        for (sample, hum) in line.iter_mut().zip(sine(50.0, Dbm0(-32.0), 2400)) {
            *sample += 1500 + hum;
        }
        assert_eq!(heard(&line), key.to_string());
    }
}

#[test]
fn a_held_key_is_told_once() {
    for key in ['1', '#', 'D'] {
        for noise in [-96.0, -25.0] {
            let mut line = between(100, &plain(key, 40_000), 800);
            Noise::new(1).add_to(&mut line, Dbm0(noise));
            assert_eq!(heard(&line), key.to_string());
        }
    }
}

#[test]
fn a_lost_packet_does_not_make_two_presses() {
    for start in (0..160).step_by(10) {
        let mut line = between(start, &plain('7', 8000), 400);
        for at in [800, 2400, 4000] {
            line[at..at + 160].fill(0);
        }
        assert_eq!(heard(&line), "7", "from {start}");
    }
}

#[test]
fn a_voice_beside_a_held_key_does_not_make_two_presses() {
    let mut line = plain('4', 16_000);
    for (sample, voice) in line.iter_mut().zip(babble(9, Dbm0(-16.0), 16_000)).skip(1600) {
        *sample = sample.saturating_add(voice);
    }
    assert_eq!(heard(&line), "4");
}

#[test]
fn a_pause_of_40_ms_makes_two_presses() {
    for start in 0..160 {
        let line = [between(start, &plain('7', 320), 320), plain('7', 320)].concat();
        assert_eq!(heard(&line), "77", "from {start}");
    }
}

#[test]
fn fast_dialling_is_heard_in_order() {
    let number: String = ALL.iter().collect();
    for start in (0..160).step_by(7) {
        let mut line = vec![0; start];
        for key in ALL {
            line.extend(plain(key, 320));
            line.extend([0; 320]);
        }
        assert_eq!(heard(&line), number, "from {start}");
    }
}

#[test]
fn keys_without_a_pause_are_told_apart() {
    assert_eq!(heard(&[plain('1', 800), plain('2', 800), plain('3', 800)].concat()), "123");
}

#[test]
fn what_we_generate_we_hear() {
    for key in ALL {
        assert_eq!(generate(key, 100, Dbm0(-8.0)).len(), 800);
        assert_eq!(heard(&generate(key, 100, Dbm0(-8.0))), key.to_string());
        assert_eq!(generate(key.to_ascii_lowercase(), 60, Dbm0(-8.0)), generate(key, 60, Dbm0(-8.0)));
    }
    assert!(generate('x', 100, Dbm0(-8.0)).is_empty());
}

#[test]
fn the_tone_is_present_from_the_report_until_40_ms_after_its_end() {
    for start in (0..160).step_by(13) {
        let line = between(start, &plain('5', 1600), 1600);
        let mut detector = Detector::new();
        let (mut reported, mut released) = (None, None);
        for (n, frame) in line.chunks(160).enumerate() {
            let end = (n + 1) * 160;
            if detector.push(frame).is_some() {
                reported = Some(end);
                assert!(detector.tone_present());
                assert!(
                    (end - start..=end - start + 160).contains(&detector.tone_length()),
                    "{}",
                    detector.tone_length()
                );
            }
            if reported.is_some() && released.is_none() && !detector.tone_present() {
                released = Some(end);
            }
        }
        assert!((reported.unwrap() - start) <= 320 + 160, "told {} samples after it began", reported.unwrap() - start);
        let after = released.unwrap() - (start + 1600);
        assert!((80..=480).contains(&after), "released {after} samples after its end");
        assert_eq!(detector.tone_length(), 0);
    }
}

#[test]
fn frames_may_have_any_length() {
    let line = between(37, &plain('9', 400), 400);
    for length in [1, 7, 80, 159, 240, 320] {
        let mut detector = Detector::new();
        let keys: String = line.chunks(length).filter_map(|frame| detector.push(frame)).collect();
        assert_eq!(keys, "9", "in pieces of {length}");
    }
}

#[test]
fn a_voice_is_no_key() {
    // ten talkers of a minute, and a sentence at several levels and speeds
    for seed in 100..110 {
        assert_eq!(heard(&babble(seed, Dbm0(-15.0), 8000 * 60)), "", "seed {seed}");
    }
    let speech = recorded_speech();
    for step in [0.7_f32, 0.8, 0.9, 1.0, 1.1, 1.25, 1.4] {
        let resampled: Vec<i16> = (0..(speech.len() as f32 / step) as usize)
            .filter_map(|n| speech.get((n as f32 * step) as usize).copied())
            .collect();
        assert_eq!(heard(&resampled), "", "speed {step}");
    }
}

#[test]
fn sung_vowels_are_no_keys() {
    // steady harmonics, two of which may lie on a pair of tones
    for pitch in (80..400).step_by(1) {
        let harmonics: Vec<_> = (1..12)
            .map(|n| (pitch as f32 * n as f32, Dbm0(-12.0 - 3.0 * (n as f32 - 3.0).abs())))
            .filter(|(hertz, _)| *hertz < 3400.0)
            .collect();
        assert_eq!(heard(&mix(&harmonics, 1600)), "", "pitch {pitch}");
    }
}

#[test]
fn call_progress_tones_and_chords_are_no_keys() {
    let level = Dbm0(-12.0);
    let mut chords = vec![
        vec![350.0, 440.0], // dial tone
        vec![440.0, 480.0], // ringing
        vec![480.0, 620.0], // busy
        vec![425.0],
        vec![1100.0],       // fax CNG
        vec![2100.0],       // fax CED
        vec![700.0, 900.0], // R1 multifrequency
        vec![700.0, 1100.0],
        vec![900.0, 1300.0],
        vec![1300.0, 1500.0],
        vec![913.8, 1370.6, 1776.7], // special information
    ];
    let note = |steps: i32| 440.0 * 2.0_f32.powf(steps as f32 / 12.0);
    for root in -24..24 {
        for shape in [[0, 4, 7], [0, 3, 7], [0, 5, 9], [0, 4, 10]] {
            chords.push(shape.map(|step| note(root + step)).to_vec());
        }
    }
    for chord in chords {
        let parts: Vec<_> = chord.iter().map(|&hertz| (hertz, level)).collect();
        assert_eq!(heard(&mix(&parts, 8000)), "", "{chord:?}");
    }
}

#[test]
fn single_tones_are_no_keys() {
    for hertz in (300..3400).step_by(7) {
        assert_eq!(heard(&sine(hertz as f32, Dbm0(-10.0), 1600)), "", "{hertz} Hz");
    }
}

proptest! {
    #[test]
    fn any_samples_are_harmless(samples: Vec<i16>, piece in 1_usize..400) {
        let mut detector = Detector::new();
        for piece in samples.chunks(piece) {
            detector.push(piece);
        }
        prop_assert!(detector.tone_length() == 0 || detector.tone_present());
    }

    #[test]
    fn a_key_of_any_make_is_heard_once(
        key in proptest::sample::select(ALL.to_vec()),
        length in 320_usize..4000,
        start in 0_usize..400,
        low in -25.0_f32..-3.0,
        twist in -8.0_f32..4.0,
        factor in 0.985_f32..1.015,
    ) {
        let high = (low + twist).clamp(-25.0, -3.0);
        let line = between(start, &press(key, length, Dbm0(low), Dbm0(high), factor), 400);
        prop_assert_eq!(heard(&line), key.to_string());
    }
}

#![no_main]

use libfuzzer_sys::fuzz_target;
use ringpost::media::wav;

fuzz_target!(|file: &[u8]| {
    if let Ok(samples) = wav::decode(file) {
        assert_eq!(wav::decode(&wav::encode(&samples)), Ok(samples));
    }
});

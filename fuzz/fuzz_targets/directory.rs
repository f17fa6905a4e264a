#![no_main]

use libfuzzer_sys::fuzz_target;
use ringpost::directory::{Directory, SourceFile};

fuzz_target!(|text: &str| {
    if let Err(faults) = Directory::load(&[SourceFile::new("fuzz.toml", text)]) {
        assert!(!faults.is_empty());
    }
});

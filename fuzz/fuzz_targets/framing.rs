#![no_main]
//! A stream: the same frames whether it comes at once or in segments (the first octet says how long they are).

use libfuzzer_sys::fuzz_target;
use ringpost::protocol::sip::framing::{Framer, Limits};

fuzz_target!(|bytes: &[u8]| {
    let Some((size, stream)) = bytes.split_first() else { return };
    let read = |size: usize| {
        let mut framer = Framer::new(Limits::default());
        let mut found = Vec::new();
        for segment in stream.chunks(size) {
            framer.push(segment);
            found.extend(std::iter::from_fn(|| framer.next()));
        }
        found
    };
    assert_eq!(read(usize::from(*size).max(1)), read(stream.len().max(1)));
});

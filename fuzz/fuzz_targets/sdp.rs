#![no_main]

use libfuzzer_sys::fuzz_target;
use ringpost::protocol::sdp::Description;

fuzz_target!(|body: &[u8]| {
    if let Ok(description) = Description::parse(body) {
        let written = description.to_string();
        assert_eq!(Description::parse(written.as_bytes()).map(|again| again.to_string()), Ok(written));
    }
});

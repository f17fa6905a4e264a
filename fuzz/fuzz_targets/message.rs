#![no_main]
//! A datagram: read, screened, its diversions and parts found, written and read again.

use libfuzzer_sys::fuzz_target;
use ringpost::protocol::sip::{Message, diversion::diversions, screen};

fuzz_target!(|bytes: &[u8]| match Message::parse(bytes) {
    Ok(message) => {
        if let Message::Request(request) = &message {
            let _ = (screen::screen(request), diversions(request), request.parts());
        }
        let written = Message::parse(&message.to_bytes()).unwrap();
        assert_eq!(Message::parse(&written.to_bytes()), Ok(written));
    }
    Err(error) => drop(screen::refusal(bytes, error.status(), &error.to_string())),
});

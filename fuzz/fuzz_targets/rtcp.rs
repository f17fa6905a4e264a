#![no_main]

use libfuzzer_sys::fuzz_target;
use ringpost::protocol::rtcp;

fuzz_target!(|datagram: &[u8]| {
    let _ = rtcp::parse(datagram);
});

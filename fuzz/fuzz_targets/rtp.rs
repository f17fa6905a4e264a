#![no_main]

use libfuzzer_sys::fuzz_target;
use ringpost::protocol::rtp::Packet;

fuzz_target!(|datagram: &[u8]| {
    if let Ok(packet) = Packet::parse(datagram) {
        let mut written = Vec::new();
        packet.write(&mut written);
        assert_eq!(Packet::parse(&written), Ok(packet));
    }
});

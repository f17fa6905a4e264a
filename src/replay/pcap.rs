//! RTP packets out of a capture file (libpcap's classic format).
//! Knows: link layers as far as to UDP. Must not: read the file, send the packets.

use std::time::Duration;

/// What UDP datagrams carried, and when, from the first on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capture {
    pub packets: Vec<(Duration, Vec<u8>)>,
}

const FILE_HEADER: usize = 24;
const RECORD_HEADER: usize = 16;
const ETHERNET: u32 = 1;
const RAW_IP: u32 = 101;
const LINUX_COOKED: u32 = 113;
const UDP: u8 = 17;

impl Capture {
    /// Reads a whole file.
    ///
    /// # Errors
    /// It is no capture, or of a kind that is not known here; a sentence.
    pub fn read(file: &[u8]) -> Result<Capture, String> {
        let magic = file.first_chunk::<4>().ok_or("it is too short for a capture")?;
        let (big, nanoseconds) = match magic {
            [0xD4, 0xC3, 0xB2, 0xA1] => (false, false),
            [0xA1, 0xB2, 0xC3, 0xD4] => (true, false),
            [0x4D, 0x3C, 0xB2, 0xA1] => (false, true),
            [0xA1, 0xB2, 0x3C, 0x4D] => (true, true),
            [0x0A, 0x0D, 0x0D, 0x0A] => return Err("pcapng is not known here; save it as pcap".to_owned()),
            _ => return Err("it is no pcap file".to_owned()),
        };
        let word = |at: usize| {
            let octets: [u8; 4] = file.get(at..at + 4)?.try_into().ok()?;
            Some(if big { u32::from_be_bytes(octets) } else { u32::from_le_bytes(octets) })
        };
        let link = word(20).ok_or("it is too short for a capture")?;
        if ![ETHERNET, RAW_IP, LINUX_COOKED].contains(&link) {
            return Err(format!("its link layer ({link}) is not known here"));
        }
        let mut packets = Vec::new();
        let mut began = None;
        let mut at = FILE_HEADER;
        while let (Some(seconds), Some(fraction), Some(length)) = (word(at), word(at + 4), word(at + 8)) {
            let length = length as usize;
            let frame =
                file.get(at + RECORD_HEADER..at + RECORD_HEADER + length).ok_or("its last packet is cut off")?;
            at += RECORD_HEADER + length;
            let fraction = Duration::from_nanos(u64::from(fraction) * if nanoseconds { 1 } else { 1000 });
            let time = Duration::from_secs(u64::from(seconds)) + fraction;
            if let Some(payload) = datagram(frame, link) {
                let first = *began.get_or_insert(time);
                packets.push((time.saturating_sub(first), payload.to_vec()));
            }
        }
        match packets.is_empty() {
            true => Err("there is no UDP datagram in it".to_owned()),
            false => Ok(Capture { packets }),
        }
    }
}

/// What the UDP datagram in a frame carries.
fn datagram(frame: &[u8], link: u32) -> Option<&[u8]> {
    let packet = match link {
        RAW_IP => frame,
        LINUX_COOKED => frame.get(16..)?,
        _ => {
            let tagged = frame.get(12..14)? == [0x81, 0x00];
            frame.get(if tagged { 18 } else { 14 }..)?
        }
    };
    let udp = match packet.first()? >> 4 {
        4 if *packet.get(9)? == UDP => packet.get(usize::from(packet.first()? & 0x0F) * 4..)?,
        6 if *packet.get(6)? == UDP => packet.get(40..)?,
        _ => return None,
    };
    let length = usize::from(u16::from_be_bytes(*udp.get(4..)?.first_chunk()?));
    udp.get(8..length.max(8))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An Ethernet frame with a UDP datagram.
    fn frame(payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![0; 12];
        frame.extend([0x08, 0x00, 0x45, 0, 0, 0, 0, 0, 0, 0, 64, UDP, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1]);
        frame.extend([0x10, 0x00, 0x10, 0x02]);
        frame.extend((payload.len() as u16 + 8).to_be_bytes());
        frame.extend([0, 0]);
        frame.extend(payload);
        frame
    }

    fn file(frames: &[(u32, u32, Vec<u8>)]) -> Vec<u8> {
        let mut file = vec![0xD4, 0xC3, 0xB2, 0xA1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0, 1, 0, 0, 0];
        for (seconds, microseconds, frame) in frames {
            for word in [*seconds, *microseconds, frame.len() as u32, frame.len() as u32] {
                file.extend(word.to_le_bytes());
            }
            file.extend(frame);
        }
        file
    }

    #[test]
    fn datagrams_come_with_their_times() {
        let arp = vec![0; 42];
        let capture = file(&[(7, 0, arp), (7, 500_000, frame(b"one")), (8, 520_000, frame(b"three"))]);
        let packets = Capture::read(&capture).unwrap().packets;
        let expected = [(Duration::ZERO, b"one".to_vec()), (Duration::from_millis(1020), b"three".to_vec())];
        assert_eq!(packets, expected);
    }

    #[test]
    fn what_is_no_capture_is_said() {
        assert_eq!(Capture::read(b"RIFF....").unwrap_err(), "it is no pcap file");
        assert_eq!(Capture::read(&file(&[])).unwrap_err(), "there is no UDP datagram in it");
        let mut cut = file(&[(1, 0, frame(b"one"))]);
        cut.pop();
        assert_eq!(Capture::read(&cut).unwrap_err(), "its last packet is cut off");
    }
}

//! The SIP of a traced call, as it went over the wire: told as a ladder, or as a capture that Wireshark opens.
//! Knows: messages with their addresses and times, the pcap format. Must not: know how they were come by.

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A SIP message of a traced call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TracedMessage {
    pub call_identity: String,
    pub at: Timestamp,
    /// By us; false: received.
    pub sent: bool,
    pub local: SocketAddr,
    pub peer: SocketAddr,
    /// It came over a stream: TCP.
    pub stream: bool,
    pub bytes: Vec<u8>,
}

/// What is to be traced from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TraceOrder {
    /// A call in progress, or not any more.
    Call { call_identity: String, on: bool },
    /// A new call that one part of the server traces and may have sent on to this one.
    Follow { call_identity: String },
    /// New calls, instead of those that were asked for before.
    Next(NextCalls),
    /// No new calls; those that are traced, are to their end.
    NoMore,
    /// No call at all.
    Nothing,
}

/// The next so many calls that fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextCalls {
    pub calls: u32,
    /// Addresses of the gateway they come from; empty: of any.
    pub from: Vec<IpAddr>,
    /// The number or user they are for, called or diverted from.
    pub number: Option<String>,
}

/// How much a ladder tells of each message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    FirstLines,
    Whole,
}

/// The messages one below the other, with the time since the first.
pub fn ladder(messages: &[TracedMessage], detail: Detail) -> String {
    let Some(first) = messages.first() else { return String::new() };
    let mut text =
        format!("Call-ID {}\n{} UTC\n", printable(&first.call_identity), first.at.strftime("%Y-%m-%d %H:%M:%S%.3f"));
    for message in messages {
        let TracedMessage { local, peer, stream, .. } = message;
        let since = message.at.duration_since(first.at).as_secs_f64();
        let sip = String::from_utf8_lossy(&message.bytes);
        let arrow = if message.sent { "<----" } else { "---->" };
        let transport = if *stream { "tcp" } else { "udp" };
        let line = printable(sip.lines().next().unwrap_or_default());
        // a String takes whatever is written to it
        let _ = writeln!(text, "{since:>10.3}  {peer} {arrow} {local} {transport}  {line}");
        if detail == Detail::Whole {
            for line in sip.lines() {
                let _ = writeln!(text, "            | {}", printable(line));
            }
        }
    }
    text
}

/// A capture file (pcap 2.4, Ethernet). What lies below SIP is made up: only addresses, ports and times are true.
pub fn pcap(messages: &[TracedMessage]) -> Vec<u8> {
    let mut file = Vec::new();
    file.extend(0xa1b2_c3d4_u32.to_le_bytes());
    file.extend([2, 0, 4, 0]);
    file.extend([0; 8]);
    file.extend(u32::from(u16::MAX).to_le_bytes());
    file.extend(ETHERNET.to_le_bytes());
    let mut streams = Vec::new();
    for message in messages {
        let (from, to) = match message.sent {
            true => (message.local, message.peer),
            false => (message.peer, message.local),
        };
        let (from, to) = same_family(from, to);
        // one packet holds no more than an IPv4 packet can
        let parts: Vec<&[u8]> = message.bytes.chunks(if message.stream { SEGMENT } else { DATAGRAM }).collect();
        for part in parts {
            let segment = match message.stream {
                true => tcp(&mut streams, from, to, part),
                false => udp(from, to, part),
            };
            let protocol = if message.stream { TCP } else { UDP };
            packet(&mut file, message.at, &frame(from.ip(), to.ip(), protocol, segment));
        }
    }
    file
}

/// A line of a peer's without what would move a terminal's cursor.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '.' } else { c }).collect()
}

/// IPv4 where both are; else both as IPv6.
fn same_family(from: SocketAddr, to: SocketAddr) -> (SocketAddr, SocketAddr) {
    let plain = |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
    let (from, to) = (plain(from), plain(to));
    if from.is_ipv4() == to.is_ipv4() {
        return (from, to);
    }
    let mapped = |address: SocketAddr| match address.ip() {
        IpAddr::V4(v4) => SocketAddr::new(v4.to_ipv6_mapped().into(), address.port()),
        IpAddr::V6(_) => address,
    };
    (mapped(from), mapped(to))
}

fn udp(from: SocketAddr, to: SocketAddr, payload: &[u8]) -> Vec<u8> {
    let length = (UDP_HEADER + payload.len()) as u16;
    let mut datagram = Vec::with_capacity(length.into());
    datagram.extend(from.port().to_be_bytes());
    datagram.extend(to.port().to_be_bytes());
    datagram.extend(length.to_be_bytes());
    datagram.extend([0, 0]);
    datagram.extend(payload);
    // RFC 768: zero means that there is none
    let sum = match checksum(&[&pseudo_header(from.ip(), to.ip(), UDP, length), &datagram]) {
        0 => u16::MAX,
        sum => sum,
    };
    datagram[6..8].copy_from_slice(&sum.to_be_bytes());
    datagram
}

/// How far each direction of each connection has come.
type Streams = Vec<((SocketAddr, SocketAddr), u32)>;

fn tcp(streams: &mut Streams, from: SocketAddr, to: SocketAddr, payload: &[u8]) -> Vec<u8> {
    let come_to = |streams: &Streams, way| streams.iter().find(|(known, _)| *known == way).map_or(1, |(_, at)| *at);
    let (sequence, acknowledged) = (come_to(streams, (from, to)), come_to(streams, (to, from)));
    streams.retain(|(way, _)| *way != (from, to));
    streams.push(((from, to), sequence.wrapping_add(payload.len() as u32)));
    let length = (TCP_HEADER + payload.len()) as u16;
    let mut segment = Vec::with_capacity(length.into());
    segment.extend(from.port().to_be_bytes());
    segment.extend(to.port().to_be_bytes());
    segment.extend(sequence.to_be_bytes());
    segment.extend(acknowledged.to_be_bytes());
    // five words of header, PSH and ACK, a full window
    segment.extend([0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0]);
    segment.extend(payload);
    let sum = checksum(&[&pseudo_header(from.ip(), to.ip(), TCP, length), &segment]);
    segment[16..18].copy_from_slice(&sum.to_be_bytes());
    segment
}

fn frame(from: IpAddr, to: IpAddr, protocol: u8, segment: Vec<u8>) -> Vec<u8> {
    let mut frame = Vec::with_capacity(54 + segment.len());
    // locally administered addresses, the last octets of the host's
    let station = |address: IpAddr| match address {
        IpAddr::V4(v4) => [&[2, 0][..], &v4.octets()].concat(),
        IpAddr::V6(v6) => [&[2, 0][..], &v6.octets()[12..]].concat(),
    };
    frame.extend(station(to));
    frame.extend(station(from));
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            frame.extend([0x08, 0x00]);
            let mut header = [0; IPV4_HEADER];
            header[0] = 0x45;
            header[2..4].copy_from_slice(&((IPV4_HEADER + segment.len()) as u16).to_be_bytes());
            header[6] = 0x40;
            header[8] = 64;
            header[9] = protocol;
            header[12..16].copy_from_slice(&from.octets());
            header[16..20].copy_from_slice(&to.octets());
            let sum = checksum(&[&header]);
            header[10..12].copy_from_slice(&sum.to_be_bytes());
            frame.extend(header);
        }
        (from, to) => {
            frame.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
            frame.extend((segment.len() as u16).to_be_bytes());
            frame.extend([protocol, 64]);
            frame.extend(octets(from));
            frame.extend(octets(to));
        }
    }
    frame.extend(segment);
    frame
}

fn packet(file: &mut Vec<u8>, at: Timestamp, frame: &[u8]) {
    let length = (frame.len() as u32).to_le_bytes();
    let seconds = u32::try_from(at.as_second()).unwrap_or(0);
    let micros = u32::try_from(at.subsec_microsecond()).unwrap_or(0);
    file.extend(seconds.to_le_bytes());
    file.extend(micros.to_le_bytes());
    file.extend(length);
    file.extend(length);
    file.extend(frame);
}

fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    }
}

/// RFC 768, RFC 8200 8.1.
fn pseudo_header(from: IpAddr, to: IpAddr, protocol: u8, length: u16) -> Vec<u8> {
    let addresses = match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => [from.octets(), to.octets()].concat(),
        (from, to) => [octets(from), octets(to)].concat(),
    };
    [&addresses[..], &[0, protocol], &length.to_be_bytes()].concat()
}

/// RFC 1071. Every part but the last is of even length.
fn checksum(parts: &[&[u8]]) -> u16 {
    let words = parts.iter().flat_map(|part| part.chunks(2));
    let mut sum: u64 =
        words.map(|word| u64::from(u16::from_be_bytes([word[0], word.get(1).copied().unwrap_or(0)]))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

const ETHERNET: u32 = 1;
const UDP: u8 = 17;
const TCP: u8 = 6;
const UDP_HEADER: usize = 8;
const TCP_HEADER: usize = 20;
const IPV4_HEADER: usize = 20;
/// Octets of SIP in one packet: what a capture with a snapshot length of 65,535 holds under any header.
const DATAGRAM: usize = 65_000;
const SEGMENT: usize = 1460;

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;

    fn message(seconds: i64, sent: bool, line: &str) -> TracedMessage {
        TracedMessage {
            call_identity: "a@pbx".to_owned(),
            at: Timestamp::from_second(1_772_355_907 + seconds).unwrap(),
            sent,
            local: "192.0.2.1:5065".parse().unwrap(),
            peer: "192.0.2.9:5060".parse().unwrap(),
            stream: false,
            bytes: format!("{line}\r\nCall-ID: a@pbx\r\n\r\n").into_bytes(),
        }
    }

    #[test]
    fn a_ladder_tells_who_said_what_and_when() {
        let messages =
            [message(0, false, "INVITE sip:1001@192.0.2.1 SIP/2.0"), message(2, true, "SIP/2.0 200 OK\u{1b}[2J")];
        insta::assert_snapshot!(ladder(&messages, Detail::FirstLines), @r"
        Call-ID a@pbx
        2026-03-01 09:05:07.000 UTC
             0.000  192.0.2.9:5060 ----> 192.0.2.1:5065 udp  INVITE sip:1001@192.0.2.1 SIP/2.0
             2.000  192.0.2.9:5060 <---- 192.0.2.1:5065 udp  SIP/2.0 200 OK.[2J
        ");
        assert!(ladder(&messages, Detail::Whole).contains("| Call-ID: a@pbx\n"));
        assert_eq!(ladder(&[], Detail::Whole), "");
    }

    /// The frames of a capture: that their lengths lead exactly to its end is the half of being valid.
    fn frames(file: &[u8]) -> Vec<&[u8]> {
        let (mut rest, mut frames) = (&file[24..], Vec::new());
        while !rest.is_empty() {
            let length = u32::from_le_bytes(rest[8..12].try_into().unwrap()) as usize;
            frames.push(&rest[16..16 + length]);
            rest = &rest[16 + length..];
        }
        frames
    }

    #[test]
    fn a_capture_has_headers_whose_checksums_are_right() {
        let v6 = |address: &str| address.parse().unwrap();
        let messages = [
            message(0, false, "INVITE sip:1001@192.0.2.1 SIP/2.0"),
            TracedMessage { stream: true, ..message(1, true, "SIP/2.0 100 Trying") },
            TracedMessage {
                local: v6("[2001:db8::1]:5065"),
                peer: v6("[2001:db8::2]:5060"),
                ..message(2, true, "odd")
            },
            TracedMessage { local: v6("[::]:5065"), ..message(3, true, "mixed") },
        ];
        let file = pcap(&messages);
        let frames = frames(&file);
        assert_eq!(frames.len(), 4);
        for (frame, message) in frames.iter().zip(&messages) {
            let ip = &frame[14..];
            let (from, to, protocol, segment): (IpAddr, IpAddr, u8, &[u8]) = match ip[0] >> 4 {
                4 => {
                    assert_eq!(checksum(&[&ip[..20]]), 0);
                    let v4 = |at: usize| <[u8; 4]>::try_from(&ip[at..at + 4]).unwrap().into();
                    (v4(12), v4(16), ip[9], &ip[20..])
                }
                _ => {
                    let v6 = |at: usize| Ipv6Addr::from(<[u8; 16]>::try_from(&ip[at..at + 16]).unwrap()).into();
                    (v6(8), v6(24), ip[6], &ip[40..])
                }
            };
            assert_eq!(checksum(&[&pseudo_header(from, to, protocol, segment.len() as u16), segment]), 0);
            assert!(segment.ends_with(&message.bytes));
        }
    }

    #[test]
    fn a_stream_goes_on_where_it_was() {
        let long = "x".repeat(3000);
        let messages = [true, true, false].map(|sent| TracedMessage { stream: true, ..message(0, sent, &long) });
        let file = pcap(&messages);
        let numbers: Vec<(u32, u32)> = frames(&file)
            .iter()
            .map(|frame| {
                let number = |at: usize| u32::from_be_bytes(frame[34 + at..38 + at].try_into().unwrap());
                (number(4), number(8))
            })
            .collect();
        let length = messages[0].bytes.len() as u32;
        assert_eq!(numbers[..3], [(1, 1), (1461, 1), (2921, 1)]);
        assert_eq!(numbers[3], (1 + length, 1));
        assert_eq!(numbers[6], (1, 1 + 2 * length));
    }
}

//! A gateway with many callers: signals calls by UDP, talks RTP on a socket a call, and watches what comes back.
//! Knows: just enough SIP for a call that goes well. Must not: use the node's own code.

use std::fs;
use std::io::IoSliceMut;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt};
use nix::sys::time::TimeSpec;

use crate::node::Node;

const FRAME: Duration = Duration::from_millis(20);
/// What everybody says, mu-law, over and over.
const SPEECH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/data/speech.ulaw");
/// Alice, whose messages are mailed.
const MAILED: &str = "1001";
/// Somebody who is told of no missed calls: what is measured is the signalling alone.
const SIGNALLED: &str = "1009";

pub struct Calls {
    calls: Vec<Call>,
    sip: UdpSocket,
}

struct Call {
    rtp: UdpSocket,
    id: String,
    to: String,
    remote: SocketAddr,
    sequence: u16,
    arrivals: Arrivals,
}

#[derive(Default)]
struct Arrivals {
    last: Option<(u16, Duration)>,
    received: u64,
    lost: u64,
    disordered: u64,
    off: Vec<Duration>,
}

/// How evenly packets came: their distance from 20 ms after the one before.
pub struct Spacing {
    pub p50: Duration,
    pub p99: Duration,
    pub received: u64,
    pub lost: u64,
    /// Packets that came twice, or after a later one.
    pub disordered: u64,
    pub gaps: u64,
}

impl Calls {
    /// Calls that are answered and ended at once, one after another.
    pub fn signal(node: &Node, count: usize) {
        let sip = socket(node.sip);
        let rtp = UdpSocket::bind("127.0.0.1:0").expect("a port");
        for _ in 0..count {
            let mut call = Call::dial(&sip, rtp.try_clone().expect("a socket"), SIGNALLED);
            call.bye(&sip);
        }
    }

    /// So many messages of two and a half seconds; for each, how long after its BYE it was in the mailbox.
    pub fn leave_messages(node: &Node, count: usize) -> Vec<Duration> {
        let mailbox = node.mailbox("alice");
        let mails = || fs::read_dir(&mailbox).map_or(0, Iterator::count);
        let mut calls = Calls::record(node, count);
        calls.talk(Duration::from_millis(2500));
        let Calls { calls, sip } = &mut calls;
        let deliver = |call: &mut Call| {
            let before = mails();
            let hung_up = Instant::now();
            call.bye(sip);
            while mails() == before {
                assert!(hung_up.elapsed() < Duration::from_secs(20), "no mail");
                std::thread::sleep(Duration::from_micros(200));
            }
            hung_up.elapsed()
        };
        calls.iter_mut().map(deliver).collect()
    }

    /// Calls that have skipped the greeting and are being recorded.
    pub fn record(node: &Node, count: usize) -> Calls {
        let sip = socket(node.sip);
        let calls = (0..count).map(|_| Call::dial(&sip, media_socket(), MAILED)).collect();
        let mut calls = Calls { calls, sip };
        for call in &mut calls.calls {
            call.request(&calls.sip, "INFO", 2, "application/dtmf-relay", "Signal=1\r\nDuration=160\r\n");
        }
        calls.talk(Duration::from_millis(1500)); // the tone
        calls.calls.iter_mut().for_each(|call| call.arrivals = Arrivals::default());
        calls
    }

    /// Calls whose media goes to known addresses, without signalling.
    pub fn of(remotes: &[SocketAddr]) -> Calls {
        let calls = remotes.iter().map(|remote| {
            let rtp = media_socket();
            rtp.connect(remote).expect("loopback");
            Call {
                rtp,
                id: String::new(),
                to: String::new(),
                remote: *remote,
                sequence: 0,
                arrivals: Arrivals::default(),
            }
        });
        Calls { calls: calls.collect(), sip: UdpSocket::bind("127.0.0.1:0").expect("a port") }
    }

    /// Everybody speaks for so long: a packet each 20 ms, the callers spread over the frame.
    pub fn talk(&mut self, duration: Duration) -> Spacing {
        const SLICES: usize = 10;
        let started = Instant::now();
        let speech = fs::read(SPEECH).expect("the scenarios' speech");
        let mut packet = [0u8; 172];
        let slices = (duration.as_millis() / (FRAME.as_millis() / SLICES as u128)) as u32;
        for slice in 0..slices {
            let due = started + FRAME * slice / SLICES as u32;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            for (number, call) in self.calls.iter_mut().enumerate() {
                if number % SLICES == slice as usize % SLICES {
                    call.speak(&mut packet, &speech);
                    call.listen();
                }
            }
        }
        let mut off: Vec<Duration> =
            self.calls.iter_mut().flat_map(|call| std::mem::take(&mut call.arrivals.off)).collect();
        off.sort_unstable();
        let at = |percent: usize| off.get(off.len() * percent / 100).copied().unwrap_or_default();
        Spacing {
            p50: at(50),
            p99: at(99),
            received: self.calls.iter().map(|call| call.arrivals.received).sum(),
            lost: self.calls.iter().map(|call| call.arrivals.lost).sum(),
            disordered: self.calls.iter().map(|call| call.arrivals.disordered).sum(),
            gaps: off.iter().filter(|off| **off > FRAME).count() as u64,
        }
    }

    pub fn hang_up(&mut self) {
        for call in &mut self.calls {
            call.bye(&self.sip);
        }
    }
}

impl Call {
    fn dial(sip: &UdpSocket, rtp: UdpSocket, extension: &str) -> Call {
        static NUMBER: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let local = rtp.local_addr().expect("an address");
        let sdp = format!(
            "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0 101\r\n\
             a=rtpmap:101 telephone-event/8000\r\n",
            ip = local.ip(),
            port = local.port()
        );
        let mut call = Call {
            rtp,
            id: format!("{number}-{}@bench", std::process::id()),
            to: String::new(),
            remote: local,
            sequence: 0,
            arrivals: Arrivals::default(),
        };
        let diversion =
            format!("Diversion: <sip:{extension}@127.0.0.1>;reason=no-answer\r\nContent-Type: application/sdp");
        let answer = call.exchange(sip, "INVITE", 1, &diversion, &sdp);
        call.to = field(&answer, "To").to_owned();
        let port = answer.lines().find_map(|line| line.strip_prefix("m=audio ")).expect("an SDP answer");
        let port = port.split(' ').next().and_then(|port| port.parse().ok()).expect("a port");
        call.remote = SocketAddr::new(local.ip(), port);
        // others on this machine may still send to a port that was theirs before
        call.rtp.connect(call.remote).expect("loopback");
        call.send(sip, "ACK", 1, "Content-Type: text/plain", "");
        call
    }

    fn bye(&mut self, sip: &UdpSocket) {
        self.request(sip, "BYE", 3, "text/plain", "");
    }

    fn request(&mut self, sip: &UdpSocket, method: &str, cseq: u32, content_type: &str, body: &str) {
        self.exchange(sip, method, cseq, &format!("Content-Type: {content_type}"), body);
    }

    fn exchange(&self, sip: &UdpSocket, method: &str, cseq: u32, header: &str, body: &str) -> String {
        let mut buffer = [0; 4096];
        for _ in 0..10 {
            self.send(sip, method, cseq, header, body);
            while let Ok(length) = sip.recv(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
                let ours = field(&text, "Call-ID") == self.id && field(&text, "CSeq") == format!("{cseq} {method}");
                if ours && text.starts_with("SIP/2.0 200") {
                    return text;
                }
                assert!(!ours || text.starts_with("SIP/2.0 1"), "refused: {text}");
            }
        }
        panic!("no answer to {method}");
    }

    fn send(&self, sip: &UdpSocket, method: &str, cseq: u32, header: &str, body: &str) {
        let local = sip.local_addr().expect("an address");
        let to = if self.to.is_empty() { "<sip:5000@127.0.0.1>" } else { &self.to };
        let text = format!(
            "{method} sip:5000@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{cseq}{method}{id};rport\r\n\
             From: <sip:4255550100@{local}>;tag={id}\r\nTo: {to}\r\nCall-ID: {id}\r\nCSeq: {cseq} {method}\r\n\
             Contact: <sip:bench@{local}>\r\nMax-Forwards: 70\r\n{header}\r\nContent-Length: {length}\r\n\r\n{body}",
            id = self.id,
            length = body.len()
        );
        sip.send(text.as_bytes()).expect("loopback takes what we send");
    }

    fn speak(&mut self, packet: &mut [u8; 172], speech: &[u8]) {
        self.sequence = self.sequence.wrapping_add(1);
        packet[0] = 0x80;
        packet[1] = 0;
        packet[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        packet[4..8].copy_from_slice(&(u32::from(self.sequence) * 160).to_be_bytes());
        let frames = speech.len() / 160;
        packet[12..].copy_from_slice(&speech[self.sequence as usize % frames * 160..][..160]);
        // the last packets of a call that has ended find nobody
        self.rtp.send(packet).ok();
    }

    /// Reads what has come, each packet with the time the kernel took it: ours to read it does not count.
    fn listen(&mut self) {
        let mut buffer = [0; 512];
        loop {
            let mut space = nix::cmsg_space!(TimeSpec);
            let mut slices = [IoSliceMut::new(&mut buffer)];
            let fd = self.rtp.as_raw_fd();
            let Ok(message) = recvmsg::<()>(fd, &mut slices, Some(&mut space), MsgFlags::MSG_DONTWAIT) else { return };
            let stamps = message.cmsgs().expect("control messages").filter_map(|control| match control {
                ControlMessageOwned::ScmTimestampns(stamp) => Some(Duration::from(stamp)),
                _ => None,
            });
            let (at, length) = (stamps.last(), message.bytes);
            if let (Some(at), true) = (at, length >= 12) {
                self.arrivals.note(u16::from_be_bytes([buffer[2], buffer[3]]), at);
            }
        }
    }
}

impl Arrivals {
    fn note(&mut self, sequence: u16, now: Duration) {
        self.received += 1;
        let Some((last, at)) = self.last else { return self.last = Some((sequence, now)) };
        match u32::try_from(sequence.wrapping_sub(last) as i16) {
            Ok(step @ 1..) => {
                self.lost += u64::from(step - 1);
                self.off.push(now.saturating_sub(at).abs_diff(FRAME * step));
                self.last = Some((sequence, now));
            }
            _ => self.disordered += 1,
        }
    }
}

fn socket(to: SocketAddr) -> UdpSocket {
    let sip = UdpSocket::bind("127.0.0.1:0").expect("a port");
    sip.connect(to).expect("loopback");
    sip.set_read_timeout(Some(Duration::from_millis(500))).expect("a socket");
    sip
}

fn media_socket() -> UdpSocket {
    let rtp = UdpSocket::bind("127.0.0.1:0").expect("a port");
    setsockopt(&rtp, sockopt::ReceiveTimestampns, &true).expect("kernel timestamps");
    rtp
}

fn field<'a>(message: &'a str, name: &str) -> &'a str {
    let line = message.lines().find(|line| line.split(':').next().is_some_and(|n| n.eq_ignore_ascii_case(name)));
    line.and_then(|line| line.split_once(':')).map_or("", |(_, value)| value.trim())
}

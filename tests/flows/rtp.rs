//! The far end's media: a packet every 20 ms, keys as RFC 4733 events, a network that loses and delays, and all that
//! was heard.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use ringpost::engine::environment::MediaSocket;

use crate::sound::Law;

/// Samples of a packet, unless a story says otherwise: 20 ms.
const FRAME: usize = 160;
const EVENT_TYPE: u8 = 101;

/// What the network does to packets on their way to the node.
#[derive(Debug, Clone, Copy, Default)]
pub struct Network {
    /// In a thousand.
    pub loss: u32,
    /// Each packet is late by up to this.
    pub jitter: Duration,
}

pub struct Media {
    socket: Box<dyn MediaSocket>,
    rtcp: Box<dyn MediaSocket>,
    /// Where it goes; nothing is sent before it is known.
    pub remote: Option<SocketAddr>,
    /// A line that is open sends silence when nothing is said.
    pub open: bool,
    pub network: Network,
    pub law: Law,
    /// Samples of a packet.
    pub frame: usize,
    queue: VecDeque<Slot>,
    next: Duration,
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    event_began: u32,
    under_way: Vec<(Duration, Vec<u8>)>,
    random: u64,
    pub heard: Heard,
}

/// What is sent in one 20 ms.
enum Slot {
    Audio(Vec<i16>),
    /// Nothing is sent; time goes on.
    Pause,
    /// Comfort noise (RFC 3389), of this level.
    Noise(u8),
    Event(Vec<EventPacket>),
}

struct EventPacket {
    octets: [u8; 4],
    begins: bool,
}

/// What came from the node.
#[derive(Default)]
pub struct Heard {
    pub packets: Vec<Arrival>,
    pub rtcp: Vec<Vec<u8>>,
    pub samples: Vec<i16>,
    /// Up to where a story has listened.
    pub listened: usize,
}

#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    pub at: Duration,
    pub from: SocketAddr,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    pub payload_type: u8,
}

impl Media {
    /// Numbers begin where they soon wrap around.
    pub fn new(socket: Box<dyn MediaSocket>, rtcp: Box<dyn MediaSocket>, law: Law, seed: u64) -> Media {
        Media {
            socket,
            rtcp,
            remote: None,
            open: true,
            network: Network::default(),
            law,
            frame: FRAME,
            queue: VecDeque::new(),
            next: Duration::ZERO,
            ssrc: seed as u32 ^ 0x5eed_0000,
            sequence: u16::MAX - 120 - (seed % 7) as u16 * 60,
            timestamp: u32::MAX - 30_000 - (seed % 5) as u32 * 9_001,
            event_began: 0,
            under_way: Vec::new(),
            random: seed,
            heard: Heard::default(),
        }
    }

    pub fn local(&self) -> SocketAddr {
        self.socket.local()
    }

    pub fn rebind(&mut self, socket: Box<dyn MediaSocket>) {
        self.socket = socket;
    }

    pub fn say(&mut self, samples: &[i16]) {
        for frame in samples.chunks(self.frame) {
            let mut frame = frame.to_vec();
            frame.resize(self.frame, 0);
            self.queue.push_back(Slot::Audio(frame));
        }
    }

    /// A key held for so long, its end told three times (RFC 4733 2.5.1.4).
    pub fn press(&mut self, key: char, held: Duration) {
        let code = "0123456789*#ABCD".find(key).expect("a key of the telephone") as u8;
        let packet = |duration: u16, end: bool, begins: bool| {
            let [high, low] = duration.to_be_bytes();
            EventPacket { octets: [code, if end { 0x8A } else { 0x0A }, high, low], begins }
        };
        let slots = (held.as_millis() / self.frame_time().as_millis()).max(1) as u16;
        let frame = self.frame as u16;
        for slot in 1..=slots {
            self.queue.push_back(Slot::Event(vec![packet(slot * frame, false, slot == 1)]));
        }
        let end = || packet((slots + 1) * frame, true, false);
        self.queue.push_back(Slot::Event(vec![end(), end(), end()]));
    }

    /// Another source, other numbers: what a gateway does when it changes its media card.
    pub fn begin_anew(&mut self) {
        self.ssrc ^= 0xffff;
        self.sequence = self.sequence.wrapping_add(20_000);
        self.timestamp = self.timestamp.wrapping_add(1 << 30);
    }

    /// Everything that was to be said is on its way.
    pub fn is_silent(&self) -> bool {
        self.queue.is_empty() && self.under_way.is_empty()
    }

    pub fn transmit(&mut self, now: Duration) {
        if self.remote.is_none() || !self.open {
            self.next = now;
        } else if now >= self.next {
            self.next += self.frame_time();
            self.frame(now);
        }
        let Some(remote) = self.remote else { return };
        self.under_way.sort_by_key(|(due, _)| *due);
        while self.under_way.first().is_some_and(|(due, _)| *due <= now) {
            let (_, packet) = self.under_way.remove(0);
            self.socket.send(&packet, remote);
        }
    }

    pub fn receive(&mut self, now: Duration) {
        let Media { socket, rtcp, heard, .. } = self;
        rtcp.receive(&mut |_, bytes| heard.rtcp.push(bytes.to_vec()));
        socket.receive(&mut |from, bytes| heard.take(now, from, bytes));
    }

    fn frame_time(&self) -> Duration {
        Duration::from_micros(self.frame as u64 * 125)
    }

    /// Says nothing for so long, and sends nothing; comfort noise is sent once before it, if a level is given.
    pub fn pause(&mut self, time: Duration, noise: Option<u8>) {
        let slots = time.as_millis() / self.frame_time().as_millis();
        for slot in 0..slots {
            self.queue.push_back(match noise.filter(|_| slot == 0) {
                Some(level) => Slot::Noise(level),
                None => Slot::Pause,
            });
        }
    }

    fn frame(&mut self, now: Duration) {
        let packets: Vec<(u8, bool, u32, Vec<u8>)> = match self.queue.pop_front() {
            None => vec![self.audio(&vec![0; self.frame])],
            Some(Slot::Pause) => Vec::new(),
            Some(Slot::Noise(level)) => vec![(13, false, self.timestamp, vec![level])],
            Some(Slot::Audio(frame)) => vec![self.audio(&frame)],
            Some(Slot::Event(events)) => events.into_iter().map(|event| self.event(event)).collect(),
        };
        for (payload_type, marker, timestamp, payload) in packets {
            let mut packet = vec![0x80, payload_type | if marker { 0x80 } else { 0 }];
            packet.extend(self.sequence.to_be_bytes());
            packet.extend(timestamp.to_be_bytes());
            packet.extend(self.ssrc.to_be_bytes());
            packet.extend(payload);
            self.sequence = self.sequence.wrapping_add(1);
            if self.below(1000) >= u64::from(self.network.loss) {
                let late = Duration::from_millis(self.below(self.network.jitter.as_millis() as u64 + 1));
                self.under_way.push((now + late, packet));
            }
        }
        self.timestamp = self.timestamp.wrapping_add(self.frame as u32);
    }

    fn audio(&self, frame: &[i16]) -> (u8, bool, u32, Vec<u8>) {
        let payload = frame.iter().map(|sample| self.law.encode(*sample)).collect();
        (self.law.payload_type(), false, self.timestamp, payload)
    }

    fn event(&mut self, event: EventPacket) -> (u8, bool, u32, Vec<u8>) {
        if event.begins {
            self.event_began = self.timestamp;
        }
        (EVENT_TYPE, event.begins, self.event_began, event.octets.to_vec())
    }

    /// SplitMix64.
    fn below(&mut self, limit: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit.max(1)
    }
}

impl Heard {
    fn take(&mut self, at: Duration, from: SocketAddr, bytes: &[u8]) {
        assert!(bytes.len() > 12 && bytes[0] == 0x80, "a plain RTP header: {bytes:02x?}");
        let payload_type = bytes[1] & 0x7F;
        let arrival = Arrival {
            at,
            from,
            sequence: u16::from_be_bytes([bytes[2], bytes[3]]),
            timestamp: u32::from_be_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]),
            ssrc: u32::from_be_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]),
            payload_type,
        };
        self.packets.push(arrival);
        let law = match payload_type {
            0 => Law::Mu,
            8 => Law::A,
            other => panic!("payload type {other} was not agreed"),
        };
        self.samples.extend(bytes[12..].iter().map(|octet| law.decode(*octet)));
    }
}

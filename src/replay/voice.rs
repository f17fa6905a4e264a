//! The audio a call sends: a file as RTP, a capture, keys, or what it hears.
//! Knows: when the next packet is due. Must not: read files, own a socket.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::pcap::Capture;
use crate::media::telephone_event;
use crate::protocol::rtp::Packet;

/// One packet of G.711, in samples and octets.
const FRAME: usize = 160;
const FRAME_TIME: Duration = Duration::from_millis(20);
/// At 8 kHz.
const MICROSECONDS_PER_SAMPLE: u128 = 125;

pub struct Voice {
    to: Option<SocketAddr>,
    source: Source,
    paused: bool,
    pub echoes: bool,
    ssrc: u32,
    sequence: u16,
    /// Timestamps count from then on, also while nothing is sent.
    epoch: Option<Instant>,
    keys: telephone_event::Sender,
    /// The payload type of keys, as the peer wants them.
    pub keys_type: u8,
    next: Option<Instant>,
}

enum Source {
    Nothing,
    Stream { audio: Arc<[u8]>, at: usize, payload: u8, loops_left: Option<u64> },
    Capture { capture: Arc<Capture>, at: usize, began: Instant },
}

impl Voice {
    pub fn new(ssrc: u32) -> Voice {
        Voice {
            to: None,
            source: Source::Nothing,
            paused: false,
            echoes: false,
            ssrc,
            sequence: 0,
            epoch: None,
            keys: telephone_event::Sender::default(),
            keys_type: 101,
            next: None,
        }
    }

    pub fn turn_to(&mut self, to: SocketAddr) {
        self.to = Some(to);
    }

    /// Plays octets of G.711 so many times; less than 0: for ever.
    pub fn stream(&mut self, now: Instant, audio: Arc<[u8]>, payload: u8, loops: i64) {
        let loops_left = u64::try_from(loops).ok();
        self.source = Source::Stream { audio, at: 0, payload, loops_left };
        (self.paused, self.next) = (false, Some(now));
    }

    pub fn capture(&mut self, now: Instant, capture: Arc<Capture>) {
        self.source = Source::Capture { capture, at: 0, began: now };
        (self.paused, self.next) = (false, Some(now));
    }

    pub fn press(&mut self, now: Instant, keys: &str) {
        self.keys.press(keys);
        self.next = self.next.or(Some(now));
    }

    pub fn pause(&mut self) {
        self.paused = true;
    }

    pub fn resume(&mut self, now: Instant) {
        self.paused = false;
        if !matches!(self.source, Source::Nothing) {
            self.next = Some(self.next.map_or(now, |next| next.max(now)));
        }
    }

    /// Whether it says something, or will; or echoes.
    pub fn is_busy(&self) -> bool {
        self.echoes || self.next.is_some()
    }

    /// When [`Voice::packet`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        self.next
    }

    /// The packet that is due, written into `out`, and where it goes.
    pub fn packet(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<SocketAddr> {
        let due = self.next.filter(|due| *due <= now)?;
        out.clear();
        if let Source::Capture { capture, at, began } = &mut self.source
            && self.keys.is_idle()
        {
            let packet = capture.packets.get(*at).map(|(_, packet)| packet.as_slice());
            out.extend_from_slice(packet.unwrap_or_default());
            *at += 1;
            self.next = capture.packets.get(*at).map(|(after, _)| *began + *after);
            return self.to.filter(|_| packet.is_some());
        }
        self.next = Some(due + FRAME_TIME);
        let elapsed = due.saturating_duration_since(*self.epoch.get_or_insert(due));
        let timestamp = (elapsed.as_micros() / MICROSECONDS_PER_SAMPLE) as u32;
        let key = self.keys.next(timestamp, FRAME as u16);
        let audio = self.frame();
        if let Some(key) = key {
            let payload = key.event.octets();
            self.write(self.keys_type, key.marker, key.timestamp, &payload, out);
            return self.to;
        }
        match audio {
            Some((payload, audio)) => {
                self.write(payload, false, timestamp, &audio, out);
                self.to
            }
            None => {
                if self.keys.is_idle() {
                    self.next = None;
                }
                None
            }
        }
    }

    fn write(&mut self, payload_type: u8, marker: bool, timestamp: u32, payload: &[u8], out: &mut Vec<u8>) {
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        Packet { payload_type, marker, sequence, timestamp, ssrc: self.ssrc, payload }.write(out);
    }

    /// The audio of the next 20 ms, with its payload type.
    fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        if self.paused {
            return None;
        }
        let Source::Stream { audio, at, payload, loops_left } = &mut self.source else { return None };
        if *at >= audio.len() {
            if let Some(left) = loops_left {
                *left = left.saturating_sub(1);
            }
            if audio.is_empty() || *loops_left == Some(0) {
                self.source = Source::Nothing;
                return None;
            }
            *at = 0;
        }
        let frame = audio.get(*at..audio.len().min(*at + FRAME)).unwrap_or_default().to_vec();
        *at += FRAME;
        Some((*payload, frame))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packets(voice: &mut Voice, now: Instant) -> Vec<(u64, u8, usize)> {
        let (mut out, mut all) = (Vec::new(), Vec::new());
        while let Some(at) = voice.deadline().filter(|at| *at < now + Duration::from_secs(2)) {
            if voice.packet(at, &mut out).is_some() {
                let packet = Packet::parse(&out).unwrap();
                all.push(((at - now).as_millis() as u64, packet.payload_type, packet.payload.len()));
            }
        }
        all
    }

    fn voice() -> (Voice, Instant) {
        let mut voice = Voice::new(7);
        voice.turn_to("192.0.2.1:4000".parse().unwrap());
        (voice, Instant::now())
    }

    #[test]
    fn a_file_is_sent_every_20_ms_as_often_as_was_said() {
        let (mut voice, now) = voice();
        voice.stream(now, Arc::from(vec![0; 400]), 8, 2);
        let sent = packets(&mut voice, now);
        assert_eq!(sent, [(0, 8, 160), (20, 8, 160), (40, 8, 80), (60, 8, 160), (80, 8, 160), (100, 8, 80)]);
        voice.stream(now, Arc::from(vec![0; 160]), 0, -1);
        assert_eq!(packets(&mut voice, now).len(), 100);
    }

    #[test]
    fn a_pause_holds_the_stream_where_it_is() {
        let (mut voice, now) = voice();
        voice.stream(now, Arc::from(vec![0; 320]), 0, 1);
        let mut out = Vec::new();
        assert!(voice.packet(now, &mut out).is_some());
        voice.pause();
        assert!(packets(&mut voice, now).is_empty());
        voice.resume(now + Duration::from_secs(1));
        assert_eq!(packets(&mut voice, now), [(1000, 0, 160)]);
    }

    #[test]
    fn keys_go_out_as_events_and_captures_as_they_were() {
        let (mut voice, now) = voice();
        voice.press(now, "1");
        let sent = packets(&mut voice, now);
        assert!(sent.len() >= 5 && sent.iter().all(|(_, payload, length)| (*payload, *length) == (101, 4)), "{sent:?}");
        let mut packet = Vec::new();
        Packet { payload_type: 0, marker: false, sequence: 1, timestamp: 1, ssrc: 1, payload: &[1, 2] }
            .write(&mut packet);
        let times = [0, 30].map(Duration::from_millis);
        let capture = Capture { packets: times.map(|at| (at, packet.clone())).to_vec() };
        voice.capture(now, Arc::new(capture));
        assert_eq!(packets(&mut voice, now), [(0, 0, 2), (30, 0, 2)]);
    }
}

//! Keys as telephone events (RFC 4733): one key press is one digit, whatever the network and the gateway did to its packets.
//! Knows: sequence numbers, timestamps and payloads of event packets; instants handed in.
//! Must not: know the stream, or what a key means.
//!
//! A press is reported at its first packet. Whether a later packet belongs to it or begins another press is told by its timestamp: within
//! a press it stays; it moves by exactly the duration in the next segment of a long press; it moves along with the growing duration at
//! gateways that stamp each packet, or the last ones, anew. A new press of the same key lies a pause further on.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::protocol::rtp::Packet;

const KEYS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D'];

/// One event packet's payload (RFC 4733 2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// 0..=15 are the keys.
    pub code: u8,
    pub end: bool,
    /// In dBm0 without its sign, 0..=63.
    pub volume: u8,
    /// Since the packet's timestamp, in samples at 8 kHz.
    pub duration: u16,
}

impl Event {
    /// `None` for a payload too short to be one.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let [code, flags, high, low] = *payload.first_chunk::<4>()?;
        let duration = u16::from_be_bytes([high, low]);
        Some(Self { code, end: flags & 0x80 != 0, volume: flags & 0x3F, duration })
    }

    pub fn octets(self) -> [u8; 4] {
        let [high, low] = self.duration.to_be_bytes();
        [self.code, (self.volume & 0x3F) | if self.end { 0x80 } else { 0 }, high, low]
    }

    pub fn key(self) -> Option<char> {
        KEYS.get(usize::from(self.code)).copied()
    }
}

/// A press without a packet for this long has ended, though its last packets were lost.
const TIME_OUT: Duration = Duration::from_millis(150);
/// One packet's worth of samples.
const STEP: i32 = 160;
/// How far beyond the end of a press, in samples, a packet may begin and belong to it: rounding when the end was seen,
const ROUNDING: i32 = 80;
/// some lost packets when it was not.
const LOST: i32 = 3 * STEP;
/// Sequence numbers further back than this are no late packets but a sender that began anew.
const MISORDER: i16 = 1000;

#[derive(Debug, Clone, Copy)]
struct Press {
    code: u8,
    /// Of the newest packet.
    timestamp: u32,
    duration: u16,
    sequence: u16,
    heard: Instant,
    ended: bool,
    /// The sender stamps packets of one press with the time of sending.
    restamped: bool,
}

/// Tells key presses from event packets.
#[derive(Debug, Clone, Default)]
pub struct Receiver {
    press: Option<Press>,
    /// Audio came in since the press's newest packet.
    audio_since: bool,
}

impl Receiver {
    /// Takes in an event packet; the key, if a press begins with it.
    pub fn push(&mut self, now: Instant, packet: &Packet) -> Option<char> {
        let event = Event::parse(packet.payload)?;
        let key = event.key()?;
        let fresh = Press {
            code: event.code,
            timestamp: packet.timestamp,
            duration: event.duration,
            sequence: packet.sequence,
            heard: now,
            ended: event.end,
            restamped: false,
        };
        let Some(press) = &mut self.press else {
            self.press = Some(fresh);
            return Some(key);
        };
        let ahead = packet.sequence.wrapping_sub(press.sequence) as i16;
        if (-MISORDER..=0).contains(&ahead) {
            // Overtaken or doubled: what it could tell is known, except that its press ended.
            press.ended |= event.end && press.code == event.code && press.timestamp == packet.timestamp;
            return None;
        }
        if now.saturating_duration_since(press.heard) > TIME_OUT {
            press.ended = true;
        }
        match press.continued_by(packet, event, self.audio_since) {
            Some(restamped) => {
                let ended = event.end || (press.ended && press.timestamp == packet.timestamp);
                *press = Press { restamped, ended, ..fresh };
                self.audio_since = false;
                None
            }
            None => {
                *press = fresh;
                self.audio_since = false;
                Some(key)
            }
        }
    }

    /// An audio packet came in between.
    pub fn audio(&mut self, sequence: u16) {
        let newer = |press: &Press| sequence.wrapping_sub(press.sequence) as i16 > 0;
        self.audio_since |= self.press.as_ref().is_some_and(newer);
    }

    /// Whether a key is being held, as far as is known.
    pub fn is_pressed(&self, now: Instant) -> bool {
        let held = |press: &Press| !press.ended && now.saturating_duration_since(press.heard) <= TIME_OUT;
        self.press.as_ref().is_some_and(held)
    }
}

impl Press {
    /// Whether a newer packet belongs to this press; and then, whether its sender restamps.
    fn continued_by(&self, packet: &Packet, event: Event, audio_since: bool) -> Option<bool> {
        if event.code != self.code {
            return None;
        }
        let moved = packet.timestamp.wrapping_sub(self.timestamp) as i32;
        if moved == 0 {
            return Some(self.restamped);
        }
        let duration = i32::from(event.duration);
        let grown = duration > i32::from(self.duration);
        let covered = if self.restamped { STEP } else { i32::from(self.duration) };
        let gap = moved.saturating_sub(covered);
        // A clock that leaps back is another stream's; a little back is restamping gone wrong.
        if moved < 0 {
            return (moved > -8000 && (grown || event.end)).then_some(true);
        }
        // The duration reaches back to this press: each packet, or the last ones, stamped with the time of sending.
        if !packet.marker
            && duration >= i32::from(self.duration)
            && moved <= duration + ROUNDING
            && (grown || event.end)
        {
            return Some(true);
        }
        // Only the first packets of a press are marked, and start to count anew (RFC 4733 2.5.1.1).
        if packet.marker && !grown && gap > 0 {
            return None;
        }
        let allowed = if self.ended || audio_since { ROUNDING } else { LOST };
        (gap <= allowed).then_some(self.restamped)
    }
}

/// How long we press a key, and pause between two, in samples (Q.24 asks for 40 ms at least).
const PRESSED: u16 = 800;
const PAUSE: u32 = 800;
/// The last packet of a press is sent three times (RFC 4733 2.5.1.4).
const END_PACKETS: u8 = 3;
/// In dBm0 without its sign.
const VOLUME: u8 = 10;

/// A packet to send instead of audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outgoing {
    pub marker: bool,
    /// When the key was pressed.
    pub timestamp: u32,
    pub event: Event,
}

#[derive(Debug, Clone, Copy)]
enum Sending {
    Key { code: u8, pressed_at: u32, ends_sent: u8 },
    Pause { until: u32 },
}

/// Presses keys: 100 ms each, 100 ms apart.
#[derive(Debug, Clone, Default)]
pub struct Sender {
    queue: VecDeque<u8>,
    sending: Option<Sending>,
}

impl Sender {
    /// Queues keys. What is no key is left out.
    pub fn press(&mut self, keys: &str) {
        let code = |key: char| KEYS.iter().position(|k| *k == key.to_ascii_uppercase());
        self.queue.extend(keys.chars().filter_map(code).map(|code| code as u8));
    }

    /// The packet that takes the place of the audio of `length` samples from `timestamp` on, if a key is being sent.
    pub fn next(&mut self, timestamp: u32, length: u16) -> Option<Outgoing> {
        if let Some(Sending::Pause { until }) = self.sending {
            if (until.wrapping_sub(timestamp) as i32) > 0 {
                return None;
            }
            self.sending = None;
        }
        let (code, pressed_at, ends_sent, marker) = match self.sending {
            Some(Sending::Key { code, pressed_at, ends_sent }) => (code, pressed_at, ends_sent, false),
            _ => (self.queue.pop_front()?, timestamp, 0, true),
        };
        let held = timestamp.wrapping_sub(pressed_at).saturating_add(u32::from(length));
        let end = held > u32::from(PRESSED) || ends_sent > 0;
        let duration = held.min(u32::from(PRESSED)) as u16;
        let ends_sent = ends_sent + u8::from(end);
        self.sending = Some(if ends_sent == END_PACKETS {
            Sending::Pause { until: pressed_at.wrapping_add(u32::from(PRESSED) + PAUSE) }
        } else {
            Sending::Key { code, pressed_at, ends_sent }
        });
        Some(Outgoing { marker, timestamp: pressed_at, event: Event { code, end, volume: VOLUME, duration } })
    }

    pub fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.sending.is_none()
    }

    /// Forgets what is not sent yet.
    pub fn clear(&mut self) {
        self.queue.clear();
    }
}

#[cfg(test)]
mod tests;

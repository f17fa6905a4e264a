//! The jitter buffer: puts what arrives in its place on a time line, makes up what is lost, and hands it on in frames.
//! Knows: arrival times, sequence numbers, timestamps; samples at 8 kHz.
//! Must not: know sockets, codecs, or who listens.
//!
//! Who listens here is a recorder, not an ear: so time is never stretched. A frame is exactly the 20 ms its timestamps name, whatever
//! the network did; what is adapted is only when it is handed on. Positions on the time line are samples since the buffer was made. A
//! packet belongs where the first one's arrival and its own timestamp put it. The fastest packets of the last seconds tell how far the
//! time line lags the clock (which also follows the drift of the sender's clock), the slowest how long to wait.
//!
//! A gap in the timestamps without one in the sequence numbers is a pause: nobody spoke (RFC 3389, RFC 3551 4.1). One with missing
//! sequence numbers is a loss, and made up. If nothing arrives at all, frames wait for the longest delay, then time goes on in silence.

mod concealment;
mod ring;

use std::time::{Duration, Instant};

use super::FRAME;
use crate::protocol::rtp::Packet;
use concealment::{ComfortNoise, Concealment};
use ring::{AUDIBLE, MISSING, QUIET, Ring};

/// How long a frame is held back, in samples at 8 kHz.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delay {
    /// Before the network is known.
    pub initial: i64,
    pub least: i64,
    /// At most 4000: the buffer holds a second.
    pub most: i64,
}

impl Delay {
    /// For conversation: 60 ms, 20 to 200 ms.
    pub const LIVE: Self = Self { initial: 480, least: 160, most: 1600 };
    /// For recording, where only completeness counts: 120 ms, 100 to 400 ms.
    pub const RECORDING: Self = Self { initial: 960, least: 800, most: 3200 };
}

/// What a packet says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content<'a> {
    /// Decoded.
    Audio(&'a [i16]),
    /// Comfort noise: a pause begins, of this level in dBov without its sign.
    Noise(u8),
    /// A key held for so many samples; its sound is taken out.
    Key(u16),
}

/// The newest packet, and the place its timestamp has.
#[derive(Debug, Clone, Copy)]
struct Anchor {
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    position: i64,
}

/// Earlier than the fastest by more than this, or later by more than that, a packet's timestamp is not of the same clock, in samples.
const TOO_EARLY: i64 = 1600;
const TOO_LATE: i64 = 8000;
/// So many packets too late in a row, and the time line is moved to where they are.
const LATE_IN_A_ROW: u32 = 10;
/// The fastest packet is remembered for one to two of these, in samples: 4 s.
const WINDOW: i64 = 32_000;
/// Added to the spread of arrivals to give the delay.
const MARGIN: i64 = 80;
/// A gateway that detects keys lets this much of the tone pass before it cuts, in samples.
const LEAK: i64 = 320;

#[derive(Debug, Clone)]
pub struct Jitter {
    delay: Delay,
    started: Instant,
    ring: Ring,
    anchor: Option<Anchor>,
    /// Where the newest content ends.
    end: i64,
    /// A pause was announced, and nothing came since.
    pausing: bool,
    /// The key's sound that was taken out last.
    silenced: (i64, i64),
    /// A packet that did not fit: its sequence number and timestamp. If the next one continues it, it was right.
    suspect: Option<(u16, u32)>,
    late_in_a_row: u32,
    /// The least time from position to arrival in this window and the one before, and when this one began.
    fastest: i64,
    fastest_before: i64,
    window_began: i64,
    /// How much slower than the fastest packets come, decaying.
    spread: i64,
    concealment: Concealment,
    noise: ComfortNoise,
    late: u64,
    made_up: u64,
    /// The peer sent something of the frame handed on last.
    heard: bool,
}

impl Jitter {
    pub fn new(delay: Delay, now: Instant) -> Self {
        Self {
            delay,
            started: now,
            ring: Ring::new(),
            anchor: None,
            end: 0,
            pausing: false,
            silenced: (0, 0),
            suspect: None,
            late_in_a_row: 0,
            fastest: 0,
            fastest_before: 0,
            window_began: 0,
            spread: delay.initial - MARGIN,
            concealment: Concealment::new(),
            noise: ComfortNoise::new(),
            late: 0,
            made_up: 0,
            heard: false,
        }
    }

    pub fn push(&mut self, now: Instant, packet: &Packet, content: Content) {
        let now = self.clock(now);
        match content {
            Content::Audio(samples) => {
                let Some((position, missing)) = self.place(now, packet) else { return };
                let length = samples.len() as i64;
                if position + length <= self.ring.start() {
                    self.too_late(now, packet);
                    return;
                }
                self.late_in_a_row = 0;
                if let Some(missing) = missing {
                    // What was not sent is a pause; the packets lost lie right before this one.
                    if missing == 0 || self.pausing {
                        self.ring.pause(self.end, position - i64::from(missing) * length);
                    }
                    self.pausing = false;
                }
                self.ring.write(position, samples);
                let (from, to) = self.silenced;
                self.ring.silence(from.max(position), to.min(position + length));
                self.end = self.end.max(position + length);
            }
            Content::Noise(level) => {
                let Some((position, missing)) = self.place(now, packet) else { return };
                self.noise.announce(level);
                if let Some(missing) = missing {
                    if missing == 0 {
                        self.ring.pause(self.end, position);
                    }
                    self.pausing = true;
                    self.end = self.end.max(position);
                }
            }
            Content::Key(duration) => self.silence_key(now, packet, duration),
        }
    }

    /// The next frame, if its time has come: its position. Call until there is none.
    pub fn next(&mut self, now: Instant, out: &mut [i16; FRAME]) -> Option<i64> {
        let now = self.clock(now);
        let due = self.ring.start() + self.lag() + self.wait();
        let starved = self.end < self.ring.start() + FRAME as i64 && !self.pausing;
        let patience = if starved { self.delay.most - self.wait() } else { 0 };
        (now >= due + patience).then(|| self.take(out))
    }

    /// The next frame at once, if anything of it has arrived: to finish a recording. What comes later finds its place as before.
    pub fn drain(&mut self, out: &mut [i16; FRAME]) -> Option<i64> {
        (self.ring.start() < self.end).then(|| self.take(out))
    }

    /// Whether the peer sent something of the frame handed on last; arrived or lost; otherwise it is a pause.
    pub fn heard(&self) -> bool {
        self.heard
    }

    /// The position of what is being said now, and arrives at once if the network is fast.
    pub fn present(&self, now: Instant) -> i64 {
        self.clock(now) - self.lag()
    }

    /// Packets that came when their time was over.
    pub fn late(&self) -> u64 {
        self.late
    }

    /// Samples made up for lost ones, not counting when the sender had fallen silent.
    pub fn made_up(&self) -> u64 {
        self.made_up
    }

    /// How long a frame is held back now.
    pub fn held_back(&self) -> Duration {
        Duration::from_micros(self.wait().unsigned_abs() * 125)
    }

    fn clock(&self, now: Instant) -> i64 {
        (now.saturating_duration_since(self.started).as_micros() / 125) as i64
    }

    fn lag(&self) -> i64 {
        self.fastest.min(self.fastest_before)
    }

    fn wait(&self) -> i64 {
        (self.spread + MARGIN).clamp(self.delay.least, self.delay.most)
    }

    /// Where a packet belongs, and, if it is the newest, how many packets are missing before it. `None` for one that fits nowhere.
    fn place(&mut self, now: i64, packet: &Packet) -> Option<(i64, Option<u16>)> {
        let Some(anchor) = self.anchor.filter(|a| a.ssrc == packet.ssrc) else {
            return Some((self.anchor_anew(now, packet, 0), None));
        };
        let position = position(anchor, packet.timestamp);
        let travelled = now - position;
        if !(-TOO_EARLY..=TOO_LATE).contains(&(travelled - self.lag())) {
            return self.reconsider(now, packet);
        }
        self.suspect = None;
        self.observe(now, travelled);
        let ahead = packet.sequence.wrapping_sub(anchor.sequence);
        if ahead == 0 || ahead > u16::MAX / 2 {
            return Some((position, None));
        }
        self.anchor = Some(Anchor { sequence: packet.sequence, timestamp: packet.timestamp, position, ..anchor });
        Some((position, Some(ahead - 1)))
    }

    /// A packet whose timestamp does not fit is dropped, unless it goes on where another such one was.
    fn reconsider(&mut self, now: i64, packet: &Packet) -> Option<(i64, Option<u16>)> {
        let before = self.suspect.replace((packet.sequence, packet.timestamp));
        let moved = before.map(|(sequence, timestamp)| {
            (packet.sequence.wrapping_sub(sequence), packet.timestamp.wrapping_sub(timestamp))
        });
        match moved {
            Some((1..=3, samples @ 0..=1600)) => Some((self.anchor_anew(now, packet, i64::from(samples)), None)),
            _ => None,
        }
    }

    /// The time line goes on, the timestamps begin anew: this packet belongs where its arrival puts it. If that is near to so many samples
    /// after the end, it belongs right there.
    fn anchor_anew(&mut self, now: i64, packet: &Packet, after_end: i64) -> i64 {
        let arrived = now - self.lag();
        let continued = self.end + after_end;
        let position = if self.anchor.is_some() && (arrived - continued).abs() <= 800 { continued } else { arrived };
        if self.anchor.is_none() {
            self.ring.pause(self.ring.start(), position);
        }
        self.anchor =
            Some(Anchor { ssrc: packet.ssrc, sequence: packet.sequence, timestamp: packet.timestamp, position });
        self.suspect = None;
        self.late_in_a_row = 0;
        self.pausing = false;
        position
    }

    /// Learns how the network delays packets.
    fn observe(&mut self, now: i64, travelled: i64) {
        if now - self.window_began >= WINDOW {
            self.fastest_before = self.fastest;
            self.fastest = travelled;
            self.window_began = now;
        }
        self.fastest = self.fastest.min(travelled);
        let slower = travelled - self.lag();
        self.spread = if slower > self.spread {
            slower.min(self.delay.most)
        } else {
            self.spread - (self.spread - slower + 255) / 256
        };
    }

    fn too_late(&mut self, now: i64, packet: &Packet) {
        self.late += 1;
        self.late_in_a_row += 1;
        if self.late_in_a_row >= LATE_IN_A_ROW {
            self.anchor_anew(now, packet, 0);
        }
    }

    fn silence_key(&mut self, now: i64, packet: &Packet, duration: u16) {
        let present = now - self.lag();
        let duration = i64::from(duration);
        let anchor = self.anchor.filter(|a| a.ssrc == packet.ssrc).unwrap_or(Anchor {
            ssrc: packet.ssrc,
            sequence: packet.sequence,
            timestamp: packet.timestamp,
            position: present - duration,
        });
        let begin = position(anchor, packet.timestamp);
        let ahead = packet.sequence.wrapping_sub(anchor.sequence);
        let newest = ahead < u16::MAX / 2;
        self.anchor = Some(Anchor { sequence: if newest { packet.sequence } else { anchor.sequence }, ..anchor });
        // Gateways that stamp each packet anew would have the key last into the future.
        let end = (begin + duration).min(present + FRAME as i64);
        if !(present - TOO_LATE..=present + TOO_EARLY).contains(&end) {
            return;
        }
        let (from, to) = self.silenced;
        let begin = begin - LEAK;
        self.silenced = if begin <= to && end >= from { (from.min(begin), to.max(end)) } else { (begin, end) };
        self.ring.silence(begin, end);
        if newest {
            self.ring.pause(self.end, begin);
            self.end = self.end.max(end);
            self.pausing = false;
        }
    }

    fn take(&mut self, out: &mut [i16; FRAME]) -> i64 {
        let position = self.ring.start();
        self.ring.take(out);
        // what is missing before the newest packet was sent, and lost
        let sent = usize::try_from(self.end - position).unwrap_or(0);
        let before_end = out.iter().take(sent).any(|sample| *sample == MISSING);
        self.heard = before_end || out.iter().any(|sample| *sample >= AUDIBLE);
        if self.pausing && position + FRAME as i64 > self.end {
            let paused = usize::try_from(self.end - position).unwrap_or(0);
            out.iter_mut().skip(paused).filter(|s| **s == MISSING).for_each(|s| *s = QUIET);
        }
        if out.iter().all(|sample| *sample >= AUDIBLE) {
            self.concealment.arrived(out);
            return position;
        }
        let mut rest = out.as_mut_slice();
        while let Some(first) = rest.first().copied() {
            let remaining = rest.len();
            let alike = |sample: &&i16| if first < AUDIBLE { **sample == first } else { **sample >= AUDIBLE };
            let (run, next) = rest.split_at_mut(rest.iter().take_while(alike).count());
            match first {
                MISSING => {
                    let at = position + (FRAME - remaining) as i64;
                    self.made_up += (self.end - at).clamp(0, run.len() as i64) as u64;
                    self.concealment.lost(run);
                }
                QUIET => {
                    self.noise.fill(run);
                    self.concealment.paused(run);
                }
                _ => self.concealment.arrived(run),
            }
            rest = next;
        }
        position
    }
}

fn position(anchor: Anchor, timestamp: u32) -> i64 {
    anchor.position + i64::from(timestamp.wrapping_sub(anchor.timestamp) as i32)
}

#[cfg(test)]
mod tests;

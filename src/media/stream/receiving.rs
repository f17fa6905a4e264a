//! The receiving side: whose packets are believed, what they say, where they belong on the time line.
//! Knows: the latch, the statistics, the keys, the jitter buffer. Must not: know who listens.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use super::super::codec;
use super::super::jitter::{Content, Delay, Jitter};
use super::super::latch::Latch;
use super::super::telephone_event::{self, Event};
use crate::protocol::rtcp::{Received, Reception};
use crate::protocol::rtp::Packet;
use crate::protocol::sdp::{Codec, MediaPlan};

/// RFC 3551 6: what comfort noise is by number, whether agreed or not; and what every peer knows by number.
const COMFORT_NOISE: u8 = 13;
/// More in one packet is no telephony: 200 ms.
const MOST_SAMPLES: usize = 1600;

/// What a payload type stands for.
enum Kind {
    Audio(Codec),
    Noise,
    Event,
}

#[derive(Debug)]
pub struct Receiving {
    pub latch: Latch,
    pub jitter: Jitter,
    /// From the first packet on.
    pub reception: Option<Reception>,
    /// When something came last, or the wait for it began.
    pub heard: Instant,
    started: Instant,
    keys: telephone_event::Receiver,
    /// Where RTCP came from.
    rtcp_source: Option<SocketAddr>,
    decoded: Vec<i16>,
}

impl Receiving {
    pub fn new(signalling: Option<IpAddr>, now: Instant) -> Self {
        Self {
            latch: Latch::new(signalling, now),
            jitter: Jitter::new(Delay::RECORDING, now),
            reception: None,
            heard: now,
            started: now,
            keys: telephone_event::Receiver::default(),
            rtcp_source: None,
            decoded: Vec::with_capacity(MOST_SAMPLES),
        }
    }

    pub fn follow(&mut self, now: Instant, plan: &MediaPlan) {
        self.latch.open(now, plan.remote);
        self.rtcp_source = None;
        // The wait for media begins anew: what is on hold sends nothing.
        self.heard = now;
    }

    /// A datagram on the RTP port; the key, if one is pressed with it.
    pub fn rtp(&mut self, now: Instant, plan: &MediaPlan, from: SocketAddr, bytes: &[u8]) -> Option<char> {
        let packet = Packet::parse(bytes).ok()?;
        let kind = kind(plan, packet.payload_type)?;
        if packet.payload.len() > MOST_SAMPLES || !self.latch.admits(now, from, &packet) {
            return None;
        }
        self.heard = now;
        match &mut self.reception {
            None => self.reception = Some(Reception::new(packet.ssrc, packet.sequence)),
            Some(reception) => match reception.push(packet.ssrc, packet.sequence) {
                Received::Duplicate => return None,
                Received::Restart => self.keys = telephone_event::Receiver::default(),
                Received::Newest { .. } | Received::Late => {}
            },
        }
        match kind {
            Kind::Audio(_) if packet.payload.is_empty() => None, // kept alive
            Kind::Audio(codec) => {
                if let Some(reception) = &mut self.reception {
                    let arrival = now.saturating_duration_since(self.started).as_micros() / 125;
                    reception.time(arrival as u32, packet.timestamp);
                }
                self.keys.audio(packet.sequence);
                self.decoded.clear();
                codec::decode(codec, packet.payload, &mut self.decoded);
                self.jitter.push(now, &packet, Content::Audio(&self.decoded));
                None
            }
            Kind::Noise => {
                let level = packet.payload.first()? & 0x7F;
                self.jitter.push(now, &packet, Content::Noise(level));
                None
            }
            Kind::Event => {
                let event = Event::parse(packet.payload)?;
                let key = self.keys.push(now, &packet);
                self.jitter.push(now, &packet, Content::Key(event.duration));
                key
            }
        }
    }

    /// Whether RTCP from there is the peer's: from the host its media comes from, or where it said.
    pub fn admits_rtcp(&mut self, now: Instant, plan: &MediaPlan, from: SocketAddr) -> bool {
        let known = match self.latch.source() {
            Some(source) => source.ip() == from.ip(),
            None => plan.remote.is_some_and(|remote| remote.ip() == from.ip()),
        };
        let admitted = self.rtcp_source.map_or(known || plan.remote_rtcp == Some(from), |source| source == from);
        if admitted {
            self.rtcp_source = Some(from);
            self.heard = now;
        }
        admitted
    }

    /// Where our RTCP goes: to where the peer's comes from; before that where it said, or beside its media if that is elsewhere.
    pub fn rtcp_destination(&self, plan: &MediaPlan) -> Option<SocketAddr> {
        let beside = |source: SocketAddr| Some(SocketAddr::new(source.ip(), source.port().checked_add(1)?));
        let moved = self.latch.source().filter(|source| plan.remote.is_some_and(|remote| remote != *source));
        self.rtcp_source.or_else(|| moved.and_then(beside)).or(plan.remote_rtcp)
    }
}

fn kind(plan: &MediaPlan, payload_type: u8) -> Option<Kind> {
    match payload_type {
        agreed if agreed == plan.payload_type => Some(Kind::Audio(plan.codec)),
        agreed if Some(agreed) == plan.telephone_event => Some(Kind::Event),
        agreed if Some(agreed) == plan.comfort_noise => Some(Kind::Noise),
        // Peers change between the laws, and send comfort noise, without asking.
        0 => Some(Kind::Audio(Codec::Pcmu)),
        8 => Some(Kind::Audio(Codec::Pcma)),
        COMFORT_NOISE => Some(Kind::Noise),
        _ => None,
    }
}

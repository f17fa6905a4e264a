//! The sending side: one packet every ptime, of what is played, a key, or silence.
//! Knows: the player, the plan. Must not: know what the peer sends.

use std::net::SocketAddr;
use std::sync::Arc;

use super::super::codec;
use super::super::dtmf;
use super::super::level::Dbm0;
use super::super::player::{Player, PlayerState};
use super::super::{FRAME, telephone_event};
use super::{Output, StreamEvent};
use crate::protocol::rtcp::Sent;
use crate::protocol::rtp::{HEADER_LENGTH, Packet};
use crate::protocol::sdp::{Codec, MediaPlan};

/// A key in the sound: 100 ms, with as much silence after it.
const TONE_MS: u32 = 100;
const TONE_LEVEL: Dbm0 = Dbm0(-10.0);
const SILENCE: [i16; 800] = [0; 800];

#[derive(Debug)]
pub struct Sending {
    ssrc: u32,
    sequence: u16,
    /// Of the next frame. It follows the clock, whether we send or not.
    timestamp: u32,
    /// The packet being filled: room for the header, then octets.
    packet: Vec<u8>,
    /// One frame, encoded.
    encoded: Vec<u8>,
    /// Nothing was sent right before: the next packet is marked (RFC 3551 4.1).
    talk_starts: bool,
    pub player: Player,
    playing: u64,
    keys: telephone_event::Sender,
    /// Keys in the sound, which take the place of what is played.
    tones: Player,
    packets: u64,
    octets: u64,
}

impl Sending {
    pub fn new(ssrc: u32, sequence: u16, timestamp: u32) -> Self {
        Self {
            ssrc,
            sequence,
            timestamp,
            packet: Vec::new(),
            encoded: Vec::with_capacity(FRAME),
            talk_starts: true,
            player: Player::new(),
            playing: 0,
            keys: telephone_event::Sender::default(),
            tones: Player::new(),
            packets: 0,
            octets: 0,
        }
    }

    pub fn play(&mut self, id: u64, audio: Vec<Arc<[i16]>>) {
        self.playing = id;
        self.player.play(audio);
    }

    pub fn press(&mut self, keys: &str, as_events: bool) {
        if as_events {
            self.keys.press(keys);
            return;
        }
        let silence: Arc<[i16]> = Arc::from(SILENCE);
        let tone = |key: char| Arc::from(dtmf::generate(key, TONE_MS, TONE_LEVEL));
        self.tones.play(keys.chars().flat_map(|key| [tone(key), silence.clone()]).collect());
    }

    pub fn follow(&mut self, before: Option<&MediaPlan>, plan: &MediaPlan) {
        let same = before.is_some_and(|b| b.codec == plan.codec && b.ptime_ms == plan.ptime_ms);
        if !same {
            self.packet.clear();
        }
        if plan.telephone_event.is_none() {
            self.keys.clear();
        }
    }

    /// 20 ms more.
    pub fn tick(&mut self, plan: &MediaPlan, to: Option<SocketAddr>, out: &mut Vec<Output>) {
        let Some(to) = to.filter(|_| plan.send && plan.remote.is_some()) else {
            self.timestamp = self.timestamp.wrapping_add(FRAME as u32);
            self.packet.clear();
            self.talk_starts = true;
            return;
        };
        self.encoded.clear();
        let mut frame = [0; FRAME];
        let finished = self.player.next_frame(&mut frame) == PlayerState::Finished;
        if self.tones.length() > 0 {
            self.tones.next_frame(&mut frame);
        }
        if frame.iter().all(|sample| *sample == 0) {
            self.encoded.resize(FRAME, silence(plan.codec));
        } else {
            codec::encode(plan.codec, &frame, &mut self.encoded);
        }
        self.fill(plan, to, out);
        if finished {
            out.push(Output::Heard(StreamEvent::Played { id: self.playing }));
        }
    }

    pub fn sent(&self) -> Sent {
        Sent { packets: self.packets as u32, octets: self.octets as u32, timestamp: self.timestamp }
    }

    pub fn packets(&self) -> u64 {
        self.packets
    }

    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Moves the encoded frame into packets and sends those that are full.
    fn fill(&mut self, plan: &MediaPlan, to: SocketAddr, out: &mut Vec<Output>) {
        let length = usize::from(plan.ptime_ms.clamp(10, 200)) * 8;
        let mut rest = self.encoded.as_slice();
        while !rest.is_empty() {
            if self.packet.is_empty() {
                self.packet.reserve_exact(HEADER_LENGTH + length);
                self.packet.resize(HEADER_LENGTH, 0);
            }
            let room = (HEADER_LENGTH + length).saturating_sub(self.packet.len());
            let (now, later) = rest.split_at(room.min(rest.len()));
            self.packet.extend_from_slice(now);
            self.timestamp = self.timestamp.wrapping_add(now.len() as u32);
            rest = later;
            if self.packet.len() < HEADER_LENGTH + length {
                return;
            }
            let audio = std::mem::take(&mut self.packet);
            let begins = self.timestamp.wrapping_sub(length as u32);
            let event = plan.telephone_event.and_then(|kind| Some((kind, self.keys.next(begins, length as u16)?)));
            let (packet, octets) = match event {
                Some((payload_type, event)) => {
                    let payload = event.event.octets();
                    let packet = Packet {
                        payload_type,
                        marker: event.marker,
                        sequence: self.sequence,
                        timestamp: event.timestamp,
                        ssrc: self.ssrc,
                        payload: &payload,
                    };
                    let mut octets = Vec::with_capacity(HEADER_LENGTH + payload.len());
                    packet.write(&mut octets);
                    (octets, payload.len())
                }
                None => {
                    let header = Packet {
                        payload_type: plan.payload_type,
                        marker: self.talk_starts,
                        sequence: self.sequence,
                        timestamp: begins,
                        ssrc: self.ssrc,
                        payload: &[],
                    };
                    let mut octets = audio;
                    if let Some(place) = octets.first_chunk_mut() {
                        *place = header.header();
                    }
                    (octets, length)
                }
            };
            self.talk_starts = false;
            self.sequence = self.sequence.wrapping_add(1);
            self.packets += 1;
            self.octets += octets as u64;
            out.push(Output::Rtp { to, bytes: packet });
        }
    }
}

/// The octet of no sound.
fn silence(codec: Codec) -> u8 {
    match codec {
        Codec::Pcmu => 0xFF,
        Codec::Pcma => 0xD5,
    }
}

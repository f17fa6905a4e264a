//! One RTP stream of one call: joins the codecs, the player, the jitter buffer, the recorder and the keys. Pure.
//! Knows: packets with their source, orders of the call, instants handed in.
//! Must not: open sockets, take time or randomness from anywhere, know why something is played or recorded.
//!
//! [`Stream::on_input`] takes what comes from the network and from the call, [`Stream::tick`] every 20 ms sends a frame and plays one out;
//! both push [`Output`]s. While the plan allows sending, a packet leaves every ptime, silence if nothing is played. Nothing is allocated
//! but the outgoing packet and each second of recording.

mod receiving;
mod sending;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::dtmf::Detector;
use super::recorder::{RecordEnd, RecordRules, Recorder};
use super::{FRAME, nmos, samples_in};
use crate::protocol::rtcp::{self, Reception, Reporter};
use crate::protocol::sdp::MediaPlan;
use receiving::Receiving;
use sending::Sending;

/// What a stream is made of. The numbers are random, handed in.
#[derive(Debug, Clone)]
pub struct StreamConfig {
    pub ssrc: u32,
    pub first_sequence: u16,
    pub first_timestamp: u32,
    /// Our name in RTCP.
    pub cname: String,
    /// How long nothing may come in, while the peer may send, before [`StreamEvent::NoMedia`].
    pub media_timeout: Duration,
    /// The host the call's SIP comes from: media from there is more likely the peer's than from anywhere else.
    pub signalling_peer: Option<IpAddr>,
}

#[derive(Debug)]
pub enum Input<'a> {
    Rtp { from: SocketAddr, bytes: &'a [u8] },
    Rtcp { from: SocketAddr, bytes: &'a [u8] },
    Order(Order),
}

#[derive(Debug, Clone)]
pub enum Order {
    /// Media was agreed, or agreed anew.
    Plan(MediaPlan),
    /// Plays in place of what is playing. While the peer does not listen (hold), playing waits.
    Play {
        id: u64,
        audio: Vec<Arc<[i16]>>,
    },
    /// Ends playing; it is not told as played.
    StopPlaying,
    Pause,
    Resume,
    /// By so many samples.
    Seek(i64),
    /// Records what is said from now on, until the rules or an order end it. A recording under way is ended first.
    Record(RecordRules),
    StopRecording,
    /// As telephone events, or in the sound if those were not agreed.
    SendKeys(String),
    /// Ends the recording and says goodbye. Nothing comes out after that.
    Stop,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    Rtp {
        to: SocketAddr,
        bytes: Vec<u8>,
    },
    Rtcp {
        to: SocketAddr,
        bytes: Vec<u8>,
    },
    Heard(StreamEvent),
    /// Recorded samples to keep, in order: a second at a time, and the rest before [`StreamEvent::RecordingEnded`].
    Audio(Vec<i16>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamEvent {
    /// Pressed just now.
    Key(char),
    /// The last of it was sent.
    Played { id: u64 },
    /// `samples`: how many of the recorded ones count, without the silence at the end.
    RecordingEnded { reason: RecordEnd, samples: u64 },
    /// Nothing came in for the media timeout. Told again only after something did.
    NoMedia,
    /// The peer said goodbye in RTCP.
    PeerLeft,
}

/// What the stream went through so far, for the call record.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quality {
    /// RTP packets sent.
    pub sent: u64,
    /// RTP packets received, each once.
    pub packets: u64,
    /// Packets that never came.
    pub lost: u64,
    /// Packets that came too late to be heard.
    pub late: u64,
    /// Packets dropped because they were not from the peer.
    pub refused: u64,
    /// Interarrival jitter (RFC 3550 6.4.1).
    pub jitter_ms: f64,
    /// The last one measured by RTCP.
    pub round_trip_ms: Option<f64>,
    /// Percent of the packets within bursts of loss that were lost (RFC 3611 4.7.2).
    pub burst_density_percent: f64,
    /// Mean time between bursts; of the whole stream when there is none.
    pub burst_gap_ms: f64,
    /// Mean time that a burst loses.
    pub burst_loss_ms: f64,
    pub estimate: nmos::Estimate,
}

/// A recording under way. Its time begins with the first thing the peer sends: who transmits nothing says nothing.
#[derive(Debug)]
struct Take {
    recorder: Recorder,
    rules: RecordRules,
    /// Position on the jitter buffer's time line from which it records.
    from: i64,
    /// Samples that passed before the peer sent anything.
    awaited: u64,
    /// Recorded samples up to the end of the last that the peer sent.
    heard: u64,
}

/// Silence kept behind the last speech, beside the recogniser's own hangover: 200 ms, so that no word ends abruptly.
const TAIL: u64 = 1600;

impl Take {
    fn new(rules: RecordRules, from: i64) -> Self {
        Self { recorder: Recorder::new(rules), rules, from, awaited: 0, heard: 0 }
    }

    /// Takes the next frame; `heard`: the peer sent something of it.
    fn push(&mut self, frame: &[i16; FRAME], heard: bool) -> Option<RecordEnd> {
        if !heard && self.recorder.samples() == 0 {
            self.awaited += FRAME as u64;
            return (self.awaited >= samples_in(self.rules.idle_timeout)).then_some(RecordEnd::Silence);
        }
        let end = self.recorder.push(frame);
        if heard {
            self.heard = self.recorder.samples();
        }
        end
    }

    /// How many of the recorded samples count: the silence at the end does not, nor what nobody sent.
    fn worth_keeping(&self) -> u64 {
        match self.recorder.speech_end() {
            0 => 0,
            spoken => (spoken + TAIL).min(self.heard).min(self.recorder.samples()),
        }
    }
}

#[derive(Debug)]
pub struct Stream {
    plan: Option<MediaPlan>,
    sending: Sending,
    receiving: Receiving,
    reporter: Reporter,
    /// Listens for keys in the sound, if telephone events were not agreed.
    detector: Option<Detector>,
    take: Option<Take>,
    media_timeout: Duration,
    no_media_told: bool,
    stopped: bool,
}

impl Stream {
    pub fn new(config: StreamConfig, now: Instant) -> Self {
        let seed = u64::from(config.ssrc) << 32 | u64::from(config.first_timestamp);
        Self {
            plan: None,
            sending: Sending::new(config.ssrc, config.first_sequence, config.first_timestamp),
            receiving: Receiving::new(config.signalling_peer, now),
            reporter: Reporter::new(config.ssrc, config.cname, seed, now),
            detector: None,
            take: None,
            media_timeout: config.media_timeout,
            no_media_told: false,
            stopped: false,
        }
    }

    pub fn on_input(&mut self, now: Instant, input: Input, out: &mut Vec<Output>) {
        if self.stopped {
            return;
        }
        match input {
            Input::Rtp { from, bytes } => {
                let Some(plan) = self.plan.as_ref().filter(|plan| plan.receive) else { return };
                if let Some(key) = self.receiving.rtp(now, plan, from, bytes) {
                    out.push(Output::Heard(StreamEvent::Key(key)));
                }
            }
            Input::Rtcp { from, bytes } => self.rtcp(now, from, bytes, out),
            Input::Order(order) => self.obey(now, order, out),
        }
    }

    /// Sends a frame and plays out what is due. Every 20 ms; `now` may lag a little or be ahead, the calls may not be fewer.
    pub fn tick(&mut self, now: Instant, out: &mut Vec<Output>) {
        let Some(plan) = self.plan.as_ref().filter(|_| !self.stopped) else { return };
        self.sending.tick(plan, self.receiving.latch.destination(), out);

        let mut frame = [0; FRAME];
        // Bounded: a process that was asleep catches up over some ticks.
        for _ in 0..50 {
            let Some(position) = self.receiving.jitter.next(now, &mut frame) else { break };
            self.play_out(position, &frame, out);
        }
        if self.reporter.is_due(now) {
            self.report(now, false, out);
        }
        // with the address 0.0.0.0 the peer has put us on hold (RFC 3264 8.4): it may still send, but need not
        let receives = self.plan.as_ref().is_some_and(|plan| plan.receive && plan.remote.is_some());
        let silent = now.saturating_duration_since(self.receiving.heard) >= self.media_timeout;
        if receives && silent && !std::mem::replace(&mut self.no_media_told, true) {
            out.push(Output::Heard(StreamEvent::NoMedia));
        } else if !silent {
            self.no_media_told = false;
        }
    }

    pub fn quality(&self) -> Quality {
        let (reception, jitter) = (self.receiving.reception.as_ref(), &self.receiving.jitter);
        let (packets, lost, gaps) = reception.map_or((0, 0, 0), |r| (r.received(), r.lost(), r.gaps()));
        let jitter_ms = reception.map_or(0.0, |r| f64::from(r.jitter()) / 8.0);
        let round_trip_ms = self.reporter.round_trip().map(|time| time.as_secs_f64() * 1000.0);
        let bursts = reception.map(Reception::bursts).copied().unwrap_or_default();
        // sound comes in frames of 20 ms from nearly every peer
        let frames = |packets: f64| packets * 20.0;
        let expected = packets + lost;
        let missed = lost + jitter.late();
        let conditions = nmos::Conditions {
            loss_percent: if expected == 0 { 0.0 } else { 100.0 * missed as f64 / expected as f64 },
            burst_ratio: nmos::burst_ratio(lost, gaps, expected),
            jitter_ms,
            playout_delay_ms: jitter.held_back().as_secs_f64() * 1000.0,
            round_trip_ms: round_trip_ms.unwrap_or(0.0),
        };
        Quality {
            sent: self.sending.packets(),
            packets,
            lost,
            late: jitter.late(),
            refused: self.receiving.latch.refused(),
            jitter_ms,
            round_trip_ms,
            burst_density_percent: bursts.density_percent(),
            burst_gap_ms: frames(bursts.gap()),
            burst_loss_ms: frames(bursts.loss()),
            estimate: nmos::estimate(&conditions),
        }
    }

    /// Where the peer's media comes from, once that is settled.
    pub fn source(&self) -> Option<SocketAddr> {
        self.receiving.latch.source()
    }

    fn obey(&mut self, now: Instant, order: Order, out: &mut Vec<Output>) {
        match order {
            Order::Plan(plan) => self.follow(now, plan),
            Order::Play { id, audio } => self.sending.play(id, audio),
            Order::StopPlaying => self.sending.player.stop(),
            Order::Pause => self.sending.player.pause(),
            Order::Resume => self.sending.player.resume(),
            Order::Seek(samples) => self.sending.player.seek(samples),
            Order::Record(rules) => {
                self.finish_recording(RecordEnd::Stopped, out);
                self.take = Some(Take::new(rules, self.receiving.jitter.present(now)));
            }
            Order::StopRecording => self.stop_recording(out),
            Order::SendKeys(keys) => {
                let events = self.plan.as_ref().is_some_and(|plan| plan.telephone_event.is_some());
                self.sending.press(&keys, events);
            }
            Order::Stop => {
                self.stop_recording(out);
                self.report(now, true, out);
                self.stopped = true;
            }
        }
    }

    fn follow(&mut self, now: Instant, plan: MediaPlan) {
        match (plan.telephone_event, &self.detector) {
            (Some(_), _) => self.detector = None,
            (None, None) => self.detector = Some(Detector::new()),
            (None, Some(_)) => {}
        }
        self.receiving.follow(now, &plan);
        self.sending.follow(self.plan.as_ref(), &plan);
        self.no_media_told = false;
        self.plan = Some(plan);
    }

    /// A frame of what the peer says, in its place on the time line.
    fn play_out(&mut self, position: i64, frame: &[i16; FRAME], out: &mut Vec<Output>) {
        let key = self.detector.as_mut().and_then(|detector| detector.push(frame));
        if let Some(key) = key {
            out.push(Output::Heard(StreamEvent::Key(key)));
        }
        let Some(take) = self.take.as_mut().filter(|take| position + FRAME as i64 > take.from) else { return };
        // A key's sound is no part of the message: what was taken in before the key was recognised is cut off again.
        let tone = self.detector.as_ref().map_or(0, Detector::tone_length);
        if key.is_some() {
            take.recorder.cut(tone.saturating_sub(FRAME));
        }
        if tone > 0 {
            return;
        }
        let end = take.push(frame, self.receiving.jitter.heard());
        if let Some(samples) = take.recorder.ready() {
            out.push(Output::Audio(samples));
        }
        if let Some(reason) = end {
            self.finish_recording(reason, out);
        }
    }

    /// Ends the recording with what has arrived until now, though its time to be played has not come.
    fn stop_recording(&mut self, out: &mut Vec<Output>) {
        let mut frame = [0; FRAME];
        while self.take.is_some()
            && let Some(position) = self.receiving.jitter.drain(&mut frame)
        {
            self.play_out(position, &frame, out);
        }
        self.finish_recording(RecordEnd::Stopped, out);
    }

    fn finish_recording(&mut self, reason: RecordEnd, out: &mut Vec<Output>) {
        let Some(mut take) = self.take.take() else { return };
        let samples = take.worth_keeping();
        let rest = take.recorder.finish();
        if !rest.is_empty() {
            out.push(Output::Audio(rest));
        }
        out.push(Output::Heard(StreamEvent::RecordingEnded { reason, samples }));
    }

    fn rtcp(&mut self, now: Instant, from: SocketAddr, bytes: &[u8], out: &mut Vec<Output>) {
        let Some(plan) = &self.plan else { return };
        let Ok(packets) = rtcp::parse(bytes) else { return };
        if !self.receiving.admits_rtcp(now, plan, from) {
            return;
        }
        self.reporter.hear(now, &packets);
        let peer = self.receiving.reception.as_ref().map(|r| r.ssrc());
        let left = |packet: &rtcp::Packet| matches!(packet, rtcp::Packet::Bye { ssrcs } if ssrcs.iter().any(|s| Some(*s) == peer));
        if packets.iter().any(left) {
            out.push(Output::Heard(StreamEvent::PeerLeft));
        }
    }

    fn report(&mut self, now: Instant, bye: bool, out: &mut Vec<Output>) {
        let Some(to) = self.plan.as_ref().and_then(|plan| self.receiving.rtcp_destination(plan)) else { return };
        let mut compound = self.reporter.report(now, self.sending.sent(), self.receiving.reception.as_mut());
        if bye {
            compound = compound.bye(self.sending.ssrc());
        }
        out.push(Output::Rtcp { to, bytes: compound.into_octets() });
    }
}

#[cfg(test)]
mod tests;

//! The actor around one media stream: packets between its sockets and the pure stream, audio to the spool.
//! Knows: sockets, its clock, its owner. Must not: know the call.

use std::net::IpAddr;
use std::sync::Arc;

use actix::prelude::*;

use super::dialog::{Heard, StreamLost};
use super::media_clock::{Join, Leave, MediaClock, StreamKey, Tick};
use super::rtp_ports::MediaSockets;
use super::spool_writer::Append;
use super::um_worker::Equipment;
use crate::engine::Environment;
use crate::mailbox::EntryId;
use crate::media::stream::{Input, Order, Output, Quality, Stream, StreamConfig, StreamEvent};
use crate::protocol::sip::endpoint::DialogKey;

/// RTCP is rare; its socket is looked at every so many ticks (100 ms).
const RTCP_EVERY: u32 = 5;

/// Who has a stream.
pub struct Owner {
    pub heard: Recipient<Heard>,
    pub lost: Recipient<StreamLost>,
    /// Where recorded audio goes, and under which name.
    pub audio: Recipient<Append>,
    pub recording: EntryId,
}

/// Starts the stream of a call whose SIP comes from `peer`.
pub fn start(
    equipment: &Equipment,
    sockets: MediaSockets,
    key: DialogKey,
    peer: IpAddr,
    owner: Owner,
) -> Addr<RtpStream> {
    let environment = equipment.environment.clone();
    let config = StreamConfig {
        ssrc: environment.random_u64() as u32,
        first_sequence: environment.random_u64() as u16,
        first_timestamp: environment.random_u64() as u32,
        cname: format!("{:016x}@{}", environment.random_u64(), equipment.settings.node),
        media_timeout: equipment.settings.media_timeout,
        signalling_peer: Some(peer),
    };
    let stream = RtpStream {
        core: Stream::new(config, environment.now()),
        environment,
        sockets,
        key: StreamKey(key.0),
        clock: equipment.clock.clone(),
        owner,
        taken: None,
        stopped: false,
        outputs: Vec::new(),
        ticks: 0,
    };
    equipment.media.start(|_| stream)
}

pub struct RtpStream {
    environment: Arc<dyn Environment>,
    core: Stream,
    sockets: MediaSockets,
    key: StreamKey,
    clock: Addr<MediaClock>,
    owner: Owner,
    /// Samples that went to the spool since recording began; `None` while nothing is recorded.
    taken: Option<u64>,
    /// Ended as asked.
    stopped: bool,
    outputs: Vec<Output>,
    ticks: u32,
}

/// An order of the voice application, or a media plan of the session.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Ordered(pub Order);

/// Ends the stream; answers with its quality when everything recorded has gone to the spool.
#[derive(Message)]
#[rtype(result = "Quality")]
pub struct StopStream;

impl RtpStream {
    fn order(&mut self, order: Order) {
        let now = self.environment.now();
        let records = matches!(order, Order::Record(_));
        self.core.on_input(now, Input::Order(order), &mut self.outputs);
        self.carry_out();
        if records {
            self.taken = Some(0);
        }
    }

    fn receive(&mut self) {
        let now = self.environment.now();
        let Self { sockets, core, outputs, .. } = self;
        sockets.rtp.receive(&mut |from, bytes| core.on_input(now, Input::Rtp { from, bytes }, outputs));
        if self.ticks.is_multiple_of(RTCP_EVERY) {
            sockets.rtcp.receive(&mut |from, bytes| core.on_input(now, Input::Rtcp { from, bytes }, outputs));
        }
    }

    fn carry_out(&mut self) {
        for output in self.outputs.drain(..) {
            match output {
                Output::Rtp { to, bytes } => self.sockets.rtp.send(&bytes, to),
                Output::Rtcp { to, bytes } => self.sockets.rtcp.send(&bytes, to),
                Output::Audio(samples) => {
                    self.taken = self.taken.map(|taken| taken + samples.len() as u64);
                    self.owner.audio.do_send(Append { id: self.owner.recording.clone(), samples });
                }
                Output::Heard(event) => {
                    if matches!(event, StreamEvent::RecordingEnded { .. }) {
                        self.taken = None;
                    }
                    self.owner.heard.do_send(Heard(event));
                }
            }
        }
    }
}

impl Actor for RtpStream {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.clock.do_send(Join(self.key, ctx.address()));
    }
}

/// Also when the actor dies of a panic, where actix calls nothing: the clock forgets the stream, and its call is told.
impl Drop for RtpStream {
    fn drop(&mut self) {
        self.clock.do_send(Leave(self.key));
        if !self.stopped {
            self.owner.lost.do_send(StreamLost { recorded: self.taken });
        }
    }
}

impl Handler<Tick> for RtpStream {
    type Result = ();

    fn handle(&mut self, _: Tick, _: &mut Self::Context) {
        self.receive();
        self.ticks = self.ticks.wrapping_add(1);
        self.core.tick(self.environment.now(), &mut self.outputs);
        self.carry_out();
    }
}

impl Handler<Ordered> for RtpStream {
    type Result = ();

    fn handle(&mut self, Ordered(order): Ordered, _: &mut Self::Context) {
        if matches!(order, Order::StopRecording) {
            // what has arrived but not been read belongs to the recording
            self.receive();
        }
        self.order(order);
    }
}

impl Handler<StopStream> for RtpStream {
    type Result = MessageResult<StopStream>;

    fn handle(&mut self, _: StopStream, ctx: &mut Self::Context) -> Self::Result {
        self.receive();
        self.order(Order::Stop);
        self.stopped = true;
        ctx.stop();
        MessageResult(self.core.quality())
    }
}

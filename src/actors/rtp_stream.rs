//! The actor around one media stream: packets between its sockets and the pure stream, audio to the spool.
//! Knows: sockets, its clock, its dialog. Must not: know the call.

use std::sync::Arc;

use actix::prelude::*;

use super::dialog::{Dialog, Heard, StreamLost};
use super::media_clock::{Join, Leave, MediaClock, StreamKey, Tick};
use super::rtp_ports::MediaSockets;
use super::spool_writer::{Append, SpoolWriter};
use crate::engine::Environment;
use crate::mailbox::EntryId;
use crate::media::stream::{Input, Order, Output, Quality, Stream, StreamEvent};

/// RTCP is rare; its socket is looked at every so many ticks (100 ms).
const RTCP_EVERY: u32 = 5;

pub struct RtpStream {
    pub environment: Arc<dyn Environment>,
    pub core: Stream,
    pub sockets: MediaSockets,
    pub key: StreamKey,
    pub clock: Addr<MediaClock>,
    pub dialog: Addr<Dialog>,
    /// Where recorded audio goes.
    pub spool: Addr<SpoolWriter>,
    pub recording: EntryId,
    /// Samples that went to the spool since recording began; `None` while nothing is recorded.
    pub taken: Option<u64>,
    /// Ended as asked.
    pub stopped: bool,
    pub outputs: Vec<Output>,
    pub ticks: u32,
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
                    self.spool.do_send(Append { id: self.recording.clone(), samples });
                }
                Output::Heard(event) => {
                    if matches!(event, StreamEvent::RecordingEnded { .. }) {
                        self.taken = None;
                    }
                    self.dialog.do_send(Heard(event));
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
            self.dialog.do_send(StreamLost { recorded: self.taken });
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

//! The clock of the media streams of one Arbiter: every stream gets a tick each 20 ms.
//! Knows: which streams there are. Must not: know what a stream does with its tick.

use std::collections::BTreeMap;
use std::time::Duration;

use actix::prelude::*;

use super::rtp_stream::RtpStream;

/// One RTP frame.
const TICK: Duration = Duration::from_millis(20);
/// The streams are spread over so many moments of a frame: the work, and the packets on the wire, come evenly.
const PHASES: u32 = 2;

#[derive(Default)]
pub struct MediaClock {
    phases: [BTreeMap<StreamKey, Addr<RtpStream>>; PHASES as usize],
    phase: usize,
    /// Beats only while there are streams.
    beating: Option<SpawnHandle>,
}

/// Names a stream to its clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct StreamKey(pub u64);

/// Twenty milliseconds have passed.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Tick;

#[derive(Message)]
#[rtype(result = "()")]
pub struct Join(pub StreamKey, pub Addr<RtpStream>);

#[derive(Message)]
#[rtype(result = "()")]
pub struct Leave(pub StreamKey);

/// How many streams there are.
#[derive(Message)]
#[rtype(result = "usize")]
pub struct CountStreams;

impl MediaClock {
    fn beat(&mut self, _: &mut Context<Self>) {
        self.phase = (self.phase + 1) % self.phases.len();
        for stream in self.phases.get(self.phase).into_iter().flat_map(BTreeMap::values) {
            stream.do_send(Tick);
        }
    }

    fn phase_of(&mut self, StreamKey(key): StreamKey) -> &mut BTreeMap<StreamKey, Addr<RtpStream>> {
        &mut self.phases[(key % u64::from(PHASES)) as usize]
    }
}

impl Actor for MediaClock {
    type Context = Context<Self>;
}

impl Handler<Join> for MediaClock {
    type Result = ();

    fn handle(&mut self, Join(key, stream): Join, ctx: &mut Self::Context) {
        self.phase_of(key).insert(key, stream);
        self.beating.get_or_insert_with(|| ctx.run_interval(TICK / PHASES, Self::beat));
    }
}

impl Handler<Leave> for MediaClock {
    type Result = ();

    fn handle(&mut self, Leave(key): Leave, ctx: &mut Self::Context) {
        self.phase_of(key).remove(&key);
        if self.phases.iter().all(BTreeMap::is_empty)
            && let Some(beating) = self.beating.take()
        {
            ctx.cancel_future(beating);
        }
    }
}

impl Handler<CountStreams> for MediaClock {
    type Result = usize;

    fn handle(&mut self, _: CountStreams, _: &mut Self::Context) -> usize {
        self.phases.iter().map(BTreeMap::len).sum()
    }
}

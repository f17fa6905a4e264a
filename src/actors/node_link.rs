//! The worker's end of the link to its node: says how the worker is, does what it is told, comes back when the node does.
//! Knows: the worker's actors, the link. Must not: decide about calls; without a node the worker goes on as it was.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use tokio::sync::{mpsc, oneshot};

use super::call_events::CallHappened;
use super::media_clock::{CountStreams, MediaClock};
use super::rtp_ports::RtpPorts;
use super::sip_endpoint::{GetLoad, SipEndpoint};
use super::spool_writer::{SpoolState, Spooled};
use super::um_worker::{
    CallCount, CountCalls, Drain, DropCalls, ExpectTests, LEAVING, Limit, PlaceTest, Refuse, STRAGGLERS, UmWorker,
    UseDirectory,
};
use super::wiretap::Wiretap;
use crate::directory::{Directory, HostName, SourceFile, Whereabouts};
use crate::engine::Environment;
use crate::engine::environment::{BoxStream, blocking};
use crate::engine::processes::link_path;
use crate::link::{self, Beat, CallSelector, LinkError, Reader, Snapshot, ToNode, ToWorker, Welcome, WorkerId, Writer};
use crate::records::ActiveCall;

const BEAT_EVERY: Duration = Duration::from_secs(1);
/// A node that is away is looked for so often.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// A worker that has neither node nor calls for so long is of no use any more.
const ORPHANED: Duration = Duration::from_secs(5 * 60);
/// So many calls at once take memory worth giving back.
const CROWD: usize = 20;
/// Calls that were told to end are waited for so long.
const LAST_BYES: Duration = Duration::from_secs(3);

/// Who a worker is.
#[derive(Debug, Clone)]
pub struct Identity {
    pub worker: WorkerId,
    pub pid: u32,
    pub build: String,
    /// Where the node's data are.
    pub data: PathBuf,
    /// The port it takes calls on.
    pub port: u16,
    pub listeners: Vec<String>,
    pub born: Instant,
}

impl Identity {
    pub fn hello(&self, now: Instant, generation: u64, draining: bool) -> ToNode {
        ToNode::Hello {
            worker: self.worker.clone(),
            pid: self.pid,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            build: self.build.clone(),
            port: self.port,
            generation,
            draining,
            age: now.saturating_duration_since(self.born),
        }
    }
}

/// The actors of a worker, once they are there.
pub struct Staff {
    pub calls: Addr<UmWorker>,
    pub endpoint: Addr<SipEndpoint>,
    pub clock: Addr<MediaClock>,
    pub ports: RtpPorts,
    pub spool_state: SpoolState,
    pub tap: Wiretap,
    /// Those that live as long as the worker, by what is said when one is dead.
    pub vital: Vec<(String, Alive)>,
}

pub type Alive = Box<dyn Fn() -> bool + Send>;

pub struct NodeLink {
    environment: Arc<dyn Environment>,
    identity: Identity,
    generation: u64,
    /// The last that the node sent; it may still be read.
    newest: u64,
    staff: Option<Staff>,
    node: Option<mpsc::UnboundedSender<ToNode>>,
    /// Which connection to the node this is: what an older one still says does not count.
    connection: u64,
    away_since: Option<Instant>,
    /// The data folder is gone: there is nothing to come back to.
    homeless: bool,
    /// What must be told until it is taken.
    untold: BTreeMap<u64, ToNode>,
    /// What a node that comes back has to know, by Call-ID.
    active: BTreeMap<String, ActiveCall>,
    last_sequence: u64,
    /// Calls refused so far, by status; and those of gateways among them that are not on record.
    refused: BTreeMap<u16, u64>,
    refused_not_recorded: u64,
    calls: CallCount,
    /// The most calls at once since memory was last given back.
    crowd: usize,
    /// As the node last told it.
    limit: Limit,
    draining: Option<Instant>,
    stopping: Option<Instant>,
    over: Option<oneshot::Sender<()>>,
}

/// The worker's actors are there and take calls.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Begun {
    pub staff: Staff,
    pub identity: Identity,
}

/// The process was told to end by its administrator: the first time it drains, the second time it ends.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Terminate;

/// There is a connection to the node.
#[derive(Message)]
#[rtype(result = "()")]
struct Connected(BoxStream);

/// The node spoke, or the connection broke.
#[derive(Message)]
#[rtype(result = "()")]
struct Heard {
    connection: u64,
    message: Result<ToWorker, LinkError>,
}

impl NodeLink {
    /// `over` is told when the worker has nothing left to do. `reader` and `writer`: the link on which the node has
    /// welcomed it.
    pub fn new(
        environment: Arc<dyn Environment>,
        identity: Identity,
        generation: u64,
        limit: Limit,
        over: oneshot::Sender<()>,
    ) -> NodeLink {
        NodeLink {
            environment,
            identity,
            generation,
            newest: generation,
            staff: None,
            node: None,
            connection: 0,
            away_since: None,
            homeless: false,
            untold: BTreeMap::new(),
            active: BTreeMap::new(),
            last_sequence: 0,
            refused: BTreeMap::new(),
            refused_not_recorded: 0,
            calls: CallCount::default(),
            crowd: 0,
            limit,
            draining: None,
            stopping: None,
            over: Some(over),
        }
    }

    /// Tells the node; without one it is forgotten, unless it is kept in `untold`.
    fn tell(&self, message: ToNode) {
        if let Some(node) = &self.node {
            let _ = node.send(message);
        }
    }

    /// Tells the node; a record until it says that it has taken it.
    fn account(&mut self, happened: CallHappened) {
        match &happened {
            CallHappened::Started(call) => drop(self.active.insert(call.call_identity.clone(), (**call).clone())),
            CallHappened::Answered { call_identity } => {
                if let Some(call) = self.active.get_mut(call_identity) {
                    call.answered = true;
                }
            }
            CallHappened::Ended(record) => {
                self.staff.iter().for_each(|staff| staff.tap.ended(&record.call_identity));
                self.active.remove(&record.call_identity);
                self.last_sequence += 1;
            }
            CallHappened::Refused { status, not_recorded } => {
                *self.refused.entry(*status).or_default() += 1;
                self.refused_not_recorded += u64::from(*not_recorded);
            }
            CallHappened::Traced(_) | CallHappened::Tested { .. } => {}
        }
        let Some(message) = happened.into_link(self.last_sequence) else { return };
        if matches!(message, ToNode::CallEnded { .. }) {
            self.untold.insert(self.last_sequence, message.clone());
        }
        self.tell(message);
    }

    fn take_up(&mut self, (reader, writer): (Reader<BoxStream>, Writer<BoxStream>), ctx: &mut Context<Self>) {
        self.connection += 1;
        self.away_since = None;
        let (node, messages) = mpsc::unbounded_channel();
        self.node = Some(node);
        ctx.spawn(write(writer, messages).into_actor(self));
        ctx.spawn(read(reader, self.connection, ctx.address()).into_actor(self));
    }

    fn look_for_node(&self, ctx: &mut Context<Self>) {
        let environment = self.environment.clone();
        let Identity { data, worker, .. } = self.identity.clone();
        let path = link_path(&data);
        let looking = async move {
            loop {
                match environment.connect_local(&path).await {
                    Ok(stream) => return Some(stream),
                    Err(_) if !environment.processes().lives(&data, &worker) => return None,
                    Err(_) => tokio::time::sleep(LOOK_EVERY).await,
                }
            }
        };
        ctx.spawn(looking.into_actor(self).map(|stream, link, ctx| match stream {
            Some(stream) => ctx.notify(Connected(stream)),
            None => link.leave_lost_home(ctx),
        }));
    }

    /// The folder in which this worker's name is claimed was removed, and with it the spool and the way to any node.
    fn leave_lost_home(&mut self, ctx: &mut Context<Self>) {
        let data = self.identity.data.display();
        tracing::error!(worker = self.identity.worker.0, %data, "the data folder is gone: this worker ends with its calls");
        self.homeless = true;
        if let Some(staff) = &self.staff {
            staff.calls.do_send(Refuse(Some(LEAVING.to_owned())));
        }
        self.beat(0, ctx);
    }

    fn obey(&mut self, message: ToWorker, ctx: &mut Context<Self>) {
        let Some(staff) = &self.staff else { return };
        match message {
            ToWorker::Welcome(Welcome { configuration, max_calls, elsewhere, refuse, settings: _ }) => {
                self.limit = Limit { max_calls, elsewhere };
                staff.calls.do_send(self.limit);
                staff.calls.do_send(Refuse(refuse));
                self.use_snapshot(configuration, ctx);
                self.say_ready(ctx);
            }
            ToWorker::Configuration(snapshot) => self.use_snapshot(snapshot, ctx),
            ToWorker::Limit { max_calls, elsewhere } => {
                self.limit = Limit { max_calls, elsewhere };
                staff.calls.do_send(self.limit);
            }
            ToWorker::Drain => self.drain(ctx),
            ToWorker::Refuse(why) => staff.calls.do_send(Refuse(why)),
            ToWorker::DropCalls(which) => staff.calls.do_send(DropCalls(which)),
            ToWorker::Stop => self.stop(),
            ToWorker::Trace(order) => staff.tap.obey(&order),
            ToWorker::Taken { sequence } => drop(self.untold.remove(&sequence)),
            ToWorker::ExpectTests(tokens) => staff.calls.do_send(ExpectTests(tokens)),
            ToWorker::Test(order) => staff.calls.do_send(PlaceTest(*order)),
            ToWorker::Report { number } => self.beat(number, ctx),
        }
    }

    fn say_ready(&mut self, ctx: &mut Context<Self>) {
        self.tell(ToNode::Ready { port: self.identity.port, listeners: self.identity.listeners.clone() });
        self.active.values().for_each(|call| self.tell(ToNode::CallStarted(Box::new(call.clone()))));
        self.untold.values().for_each(|message| self.tell(message.clone()));
        self.beat(0, ctx);
    }

    /// Read where it holds up no call; in force when that is done.
    fn use_snapshot(&mut self, snapshot: Snapshot, ctx: &mut Context<Self>) {
        let generation = snapshot.generation;
        self.newest = generation;
        if generation == self.generation {
            return;
        }
        let environment = self.environment.clone();
        let loaded = async move { blocking(&*environment, move || load(&snapshot)).await };
        ctx.spawn(loaded.into_actor(self).map(move |loaded, link, _| match (loaded, &link.staff) {
            // one that took longer to read than a newer one
            _ if generation != link.newest => {}
            (Some(Ok(directory)), Some(staff)) => {
                staff.calls.do_send(UseDirectory(Arc::new(directory)));
                link.generation = generation;
                link.settle();
            }
            (Some(Err(faults)), _) => tracing::error!(faults, "the directory the node sent is not valid: ours stays"),
            _ => tracing::error!("the directory the node sent cannot be read: ours stays"),
        }));
    }

    fn drain(&mut self, ctx: &mut Context<Self>) {
        if self.draining.is_none() {
            tracing::info!(
                worker = self.identity.worker.0,
                "another worker takes the calls: this one finishes its own"
            );
            self.draining = Some(self.environment.now());
        }
        if let Some(staff) = &self.staff {
            staff.calls.do_send(Drain);
        }
        self.beat(0, ctx);
    }

    fn stop(&mut self) {
        self.stopping.get_or_insert(self.environment.now());
        self.draining.get_or_insert(self.environment.now());
        if let Some(staff) = &self.staff {
            staff.calls.do_send(Refuse(Some(LEAVING.to_owned())));
            staff.calls.do_send(DropCalls(CallSelector::All));
        }
        self.end_when_idle(0);
    }

    /// Says how the worker is, as soon as its actors have.
    fn beat(&self, answers: u64, ctx: &mut Context<Self>) {
        let Some(staff) = &self.staff else { return };
        staff.tap.sweep();
        let problems = staff.vital.iter().filter(|(_, alive)| !alive()).map(|(dead, _)| dead.clone()).collect();
        let (endpoint, calls, streams) =
            (staff.endpoint.send(GetLoad), staff.calls.send(CountCalls), staff.clock.send(CountStreams));
        let beat = Beat {
            answers,
            rtp_ports: count(staff.ports.lent()),
            recordings: count(staff.spool_state.recordings()),
            has_room: staff.spool_state.has_room(),
            rss: self.environment.processes().memory(self.identity.pid),
            generation: self.generation,
            draining: self.draining.is_some(),
            problems,
            refused: self.refused.clone(),
            refused_not_recorded: self.refused_not_recorded,
            ..Beat::default()
        };
        let counted = async move {
            let endpoint = endpoint.await.ok();
            let CallCount { calls, talking } = calls.await.unwrap_or_default();
            Beat {
                calls: count(calls),
                talking: count(talking),
                media_streams: count(streams.await.unwrap_or_default()),
                dialogs: endpoint.map_or(0, |load| count(load.dialogs)),
                transactions: endpoint.map_or(0, |load| count(load.transactions)),
                connections: endpoint.map_or(0, |load| count(load.connections)),
                ..beat
            }
        };
        ctx.spawn(counted.into_actor(self).map(|beat, link, _| {
            let transactions = beat.transactions;
            link.calls = CallCount { calls: beat.calls as usize, talking: beat.talking as usize };
            link.tell(ToNode::Beat(beat));
            link.give_back_memory(transactions);
            link.end_when_idle(transactions);
        }));
    }

    /// What a crowd of calls has taken is of no use once the last trace of it is gone.
    fn give_back_memory(&mut self, transactions: u32) {
        self.crowd = self.crowd.max(self.calls.calls);
        if self.crowd >= CROWD && self.calls.calls == 0 && transactions == 0 {
            self.crowd = 0;
            self.settle();
        }
    }

    /// Gives back memory that is free: of a crowd of calls, or of reading a directory.
    fn settle(&self) {
        let environment = self.environment.clone();
        self.environment.run_blocking(Box::new(move || environment.give_back_memory()));
    }

    /// The process ends when it has nothing left to do, or was told to stop and has done what it could.
    fn end_when_idle(&mut self, transactions: u32) {
        let now = self.environment.now();
        let passed = |since: Option<Instant>, time| since.is_some_and(|at| now.saturating_duration_since(at) >= time);
        let no_calls = self.calls.calls == 0;
        let unwritten = self.staff.as_ref().is_some_and(|staff| staff.spool_state.unwritten() > 0);
        let orphaned = passed(self.away_since, ORPHANED) && no_calls && !unwritten;
        let drained = passed(self.draining, STRAGGLERS) && no_calls && transactions == 0 && !unwritten;
        let told = self.untold.is_empty();
        let stopped = self.stopping.is_some() && no_calls && told || passed(self.stopping, LAST_BYES);
        let lost = self.homeless && no_calls;
        if (orphaned || drained && told || stopped || lost)
            && let Some(over) = self.over.take()
        {
            self.tell(ToNode::Drained);
            let _ = over.send(());
        }
    }
}

/// A directory out of what the node sent.
pub fn load(snapshot: &Snapshot) -> Result<Directory, String> {
    let sources: Vec<_> =
        snapshot.sources.iter().map(|(name, text)| SourceFile::new(name.clone(), text.clone())).collect();
    let mut directory = Directory::load(&sources)
        .map_err(|faults| faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))?;
    let located = snapshot.located.iter();
    let located: Vec<(HostName, Whereabouts)> = located
        .filter_map(|(host, addresses)| Some((host.parse().ok()?, Whereabouts::of(addresses.iter().copied()))))
        .collect();
    directory.locate(located.iter().map(|(host, found)| (host, found)));
    Ok(directory)
}

fn count(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

async fn write(mut writer: Writer<BoxStream>, mut messages: mpsc::UnboundedReceiver<ToNode>) {
    while let Some(message) = messages.recv().await {
        if let Err(error) = writer.send(&message).await {
            // the reader sees it too, and says so
            tracing::debug!(%error, "message to the node not sent");
            return;
        }
    }
}

async fn read(mut reader: Reader<BoxStream>, connection: u64, link: Addr<NodeLink>) {
    loop {
        let message = reader.next().await;
        let broken = message.is_err();
        if link.send(Heard { connection, message }).await.is_err() || broken {
            return;
        }
    }
}

impl Actor for NodeLink {
    type Context = Context<Self>;
}

/// The link on which the node has welcomed this worker.
#[derive(Message)]
#[rtype(result = "()")]
pub struct TakeUp {
    pub reader: Reader<BoxStream>,
    pub writer: Writer<BoxStream>,
}

impl Handler<TakeUp> for NodeLink {
    type Result = ();

    fn handle(&mut self, TakeUp { reader, writer }: TakeUp, ctx: &mut Self::Context) {
        self.take_up((reader, writer), ctx);
    }
}

impl Handler<Begun> for NodeLink {
    type Result = ();

    fn handle(&mut self, Begun { staff, identity }: Begun, ctx: &mut Self::Context) {
        self.staff = Some(staff);
        self.identity = identity;
        self.say_ready(ctx);
        self.settle();
        ctx.run_interval(BEAT_EVERY, |link, ctx| link.beat(0, ctx));
    }
}

impl Handler<Connected> for NodeLink {
    type Result = ();

    fn handle(&mut self, Connected(stream): Connected, ctx: &mut Self::Context) {
        tracing::info!(worker = self.identity.worker.0, "the node is there again");
        self.take_up(link::split(stream), ctx);
        self.tell(self.identity.hello(self.environment.now(), self.generation, self.draining.is_some()));
    }
}

impl Handler<Heard> for NodeLink {
    type Result = ();

    fn handle(&mut self, Heard { connection, message }: Heard, ctx: &mut Self::Context) {
        if connection != self.connection {
            return;
        }
        match message {
            Ok(message) => self.obey(message, ctx),
            Err(error) => {
                tracing::warn!(worker = self.identity.worker.0, %error, "the node is away: calls go on without it");
                self.node = None;
                self.away_since = Some(self.environment.now());
                self.look_for_node(ctx);
            }
        }
    }
}

impl Handler<Spooled> for NodeLink {
    type Result = ();

    fn handle(&mut self, spooled: Spooled, _: &mut Self::Context) {
        // a node that is away looks into the spool when it comes back
        self.tell(match spooled {
            Spooled::Message { id, mailbox } => ToNode::MessageReady { id, mailbox },
            Spooled::Some => ToNode::MessagesReady,
        });
    }
}

impl Handler<CallHappened> for NodeLink {
    type Result = ();

    fn handle(&mut self, happened: CallHappened, _: &mut Self::Context) {
        self.account(happened);
    }
}

impl Handler<CallCount> for NodeLink {
    type Result = ();

    fn handle(&mut self, calls: CallCount, ctx: &mut Self::Context) {
        let fewer = calls.talking < self.calls.talking || calls.calls < self.calls.calls;
        let full = |calls: CallCount| self.limit.is_reached_by(calls.talking);
        let filled_or_not = full(calls) != full(self.calls);
        self.calls = calls;
        // others have more room now, or calls are sent elsewhere
        if self.draining.is_some() && fewer || filled_or_not {
            self.beat(0, ctx);
        }
    }
}

impl Handler<Terminate> for NodeLink {
    type Result = ();

    fn handle(&mut self, _: Terminate, ctx: &mut Self::Context) {
        match self.draining {
            None => self.drain(ctx),
            Some(_) => self.stop(),
        }
    }
}

//! The UM service: starts UM workers, knows which of them takes the calls, and hands on what they tell.
//! Knows: processes, links, what each worker last said. Must not: decide when a worker is needed; supervision does.

mod links;
mod orders;
mod reports;
mod test_calls;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use tokio::sync::{mpsc, oneshot};

use super::call_events::WorkerGone;
use super::calls::Calls;
use super::config_poller::NewGeneration;
use super::delivery::{Delivery, Look};
use super::spool_keeper::{Bury, SpoolKeeper};
use super::um_worker::full;
use crate::directory::Directory;
use crate::engine::processes::{WorkerOrder, link_path};
use crate::engine::{Environment, Processes};
use crate::link::supervision::{Command, Event, Reason, State, Supervision, Terms};
use crate::link::{CallSelector, Settings, Snapshot, ToWorker, Welcome, WorkerId};
use crate::metrics::{Metrics, RecycleReason, WorkerEnd};
use crate::records::trace::{NextCalls, TraceOrder};
use crate::routing::worker_addresses;
use links::accept;
use reports::Report;
pub use reports::{GetReport, ServiceReport, UntilReady, WorkerStatus};
pub use test_calls::PlaceTest;

/// How often supervision looks at its deadlines.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How often the program file is looked at.
const PROGRAM_EVERY: Duration = Duration::from_secs(1);
/// What a process said before it ended is read within so long.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What a UM service begins with.
pub struct Beginning {
    pub environment: Arc<dyn Environment>,
    /// What every worker is told at its start; name, program and listeners are filled in.
    pub order: WorkerOrder,
    /// Where the workers listen, unless the organisation leaves some of it out: one takes the calls, its replacement
    /// has the other.
    pub slots: [Vec<SocketAddr>; 2],
    pub max_age: Duration,
    /// Octets.
    pub max_rss: u64,
    pub settings: Settings,
    pub organisation: NewGeneration,
    /// Unless the organisation says another number for this server.
    pub max_calls: u32,
    pub delivery: Addr<Delivery>,
    pub calls: Addr<Calls>,
    pub keeper: Addr<SpoolKeeper>,
    pub metrics: Arc<Metrics>,
    /// Workers of an earlier node that live.
    pub living: usize,
}

pub struct UmService {
    environment: Arc<dyn Environment>,
    processes: Arc<dyn Processes>,
    order: WorkerOrder,
    /// Where workers may listen.
    configured: [Vec<SocketAddr>; 2],
    /// Where the next one does.
    slots: [Vec<SocketAddr>; 2],
    settings: Settings,
    snapshot: Snapshot,
    max_calls: u32,
    own_max_calls: u32,
    refuse: Option<String>,
    /// The component is out of service, for this reason.
    out_of_service: Option<String>,
    delivery: Addr<Delivery>,
    calls: Addr<Calls>,
    keeper: Addr<SpoolKeeper>,
    metrics: Arc<Metrics>,
    /// Workers that were ended because they did not answer, until they are gone.
    silent: HashSet<WorkerId>,
    /// The number of the last record of each worker that is in the figures.
    counted: HashMap<WorkerId, u64>,
    /// What each worker had refused at its last beat, by status; and how much of that is not on record.
    refusals: HashMap<WorkerId, (BTreeMap<u16, u64>, u64)>,
    living: usize,
    supervision: Supervision,
    commands: Vec<Command>,
    links: HashMap<WorkerId, Link>,
    last_connection: u64,
    /// Where each listens, once it does.
    listeners: BTreeMap<WorkerId, Vec<String>>,
    /// Processes that have ended and may have been heard last words of.
    ending: HashMap<WorkerId, (String, Instant)>,
    last_report: u64,
    reports: Vec<Report>,
    /// Test calls under way.
    tests: Vec<test_calls::Test>,
    starting: Vec<oneshot::Sender<Result<(), String>>>,
    watchers: Vec<Recipient<WorkerChanged>>,
    /// What they know.
    told: WorkerChanged,
    /// New calls that are to be traced, for workers that begin later, too.
    traced: Option<NextCalls>,
    program_seen: Option<Instant>,
    fault: Option<String>,
    /// The organisation leaves no address for workers: they listen where they did.
    homeless: Option<String>,
}

/// The link to a worker that has greeted.
struct Link {
    connection: u64,
    down: mpsc::UnboundedSender<ToWorker>,
    /// What it was last told of the calls of others.
    limit: (u32, u32),
}

/// Where calls go from now on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Message)]
#[rtype(result = "()")]
pub struct WorkerChanged {
    /// The port of the worker that takes new calls; `None`: no worker does.
    pub current: Option<u16>,
    /// The ports of those that only finish theirs.
    pub draining: Vec<u16>,
    /// MaxCallsAllowed is reached, in a sentence; `None`: there is room.
    pub full: Option<String>,
}

/// Tell this one of every [`WorkerChanged`], first of how it is now.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Watch(pub Recipient<WorkerChanged>);

/// Replace the worker that takes the calls; none is cut, none refused.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Recycle;

/// End these calls now; what was recorded is kept.
#[derive(Message)]
#[rtype(result = "()")]
pub struct DropCalls(pub CallSelector);

/// Take no calls, and tell their gateways why; `None`: take them again.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Refuse(pub Option<String>);

/// No worker is started any more; `stop`: those that run end now, with their calls.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Retire {
    pub stop: bool,
}

impl UmService {
    pub fn new(beginning: Beginning) -> UmService {
        let Beginning { environment, order, slots: configured, max_age, max_rss, settings, organisation, .. } =
            beginning;
        let ports = configured.each_ref().map(|slot| slot.first().map_or(0, SocketAddr::port));
        let supervision = Supervision::new(Terms { ports, max_age, max_rss }, environment.random_u64());
        let (slots, homeless) = match slots(&configured, &organisation.directory, &settings.node) {
            Ok(slots) => (slots, None),
            Err(why) => (configured.clone(), Some(why)),
        };
        UmService {
            processes: environment.processes(),
            environment,
            order,
            configured,
            slots,
            homeless,
            max_calls: max_calls(&organisation.directory, &settings.node, beginning.max_calls),
            own_max_calls: beginning.max_calls,
            snapshot: organisation.snapshot(),
            settings,
            refuse: None,
            out_of_service: None,
            delivery: beginning.delivery,
            calls: beginning.calls,
            keeper: beginning.keeper,
            metrics: beginning.metrics,
            silent: HashSet::new(),
            counted: HashMap::new(),
            refusals: HashMap::new(),
            living: beginning.living,
            supervision,
            commands: Vec::new(),
            links: HashMap::new(),
            last_connection: 0,
            listeners: BTreeMap::new(),
            ending: HashMap::new(),
            last_report: 0,
            reports: Vec::new(),
            tests: Vec::new(),
            starting: Vec::new(),
            watchers: Vec::new(),
            told: WorkerChanged::default(),
            traced: None,
            program_seen: None,
            fault: None,
        }
    }

    fn step(&mut self, event: Event, ctx: &mut Context<Self>) {
        let now = self.environment.now();
        let mut commands = std::mem::take(&mut self.commands);
        let deaths = self.supervision.deaths();
        let how = match &event {
            Event::Ended { worker, .. } if self.silent.remove(worker) => WorkerEnd::Silent,
            Event::StartFailed { .. } => WorkerEnd::NotStarted,
            _ => WorkerEnd::Died,
        };
        self.supervision.on_event(now, event, &mut commands);
        if self.supervision.deaths() > deaths {
            self.metrics.worker_died(how);
        }
        for command in commands.drain(..) {
            self.carry_out(command, ctx);
        }
        self.commands = commands;
        self.tell_watchers();
        self.answer_those_who_wait();
    }

    fn tell_watchers(&mut self) {
        let serving = self.serving();
        if serving != self.told {
            self.watchers.iter().for_each(|watcher| watcher.do_send(serving.clone()));
            self.told = serving;
        }
    }

    fn serving(&self) -> WorkerChanged {
        let workers = || self.supervision.workers().map(|(_, known)| known);
        let talking: u32 = workers().map(|known| known.beat.talking).sum();
        WorkerChanged {
            current: self.supervision.current().map(|(_, known)| known.port),
            draining: workers().filter(|known| known.state == State::Draining).map(|known| known.port).collect(),
            full: (talking >= self.max_calls).then(|| full(self.max_calls)),
        }
    }

    fn carry_out(&mut self, command: Command, ctx: &mut Context<Self>) {
        match command {
            Command::Start { worker, slot } => self.start_worker(worker, slot, ctx),
            Command::Welcome { worker } => {
                let elsewhere = self.talking_elsewhere(&worker);
                let limit = (self.max_calls, elsewhere);
                let welcome = Welcome {
                    settings: self.settings.clone(),
                    configuration: self.snapshot.clone(),
                    max_calls: self.max_calls,
                    elsewhere,
                    refuse: self.refusing(),
                };
                if let Some(link) = self.links.get_mut(&worker) {
                    link.limit = limit;
                    let _ = link.down.send(ToWorker::Welcome(welcome));
                    if let Some(next) = self.traced.clone() {
                        let _ = link.down.send(ToWorker::Trace(TraceOrder::Next(next)));
                    }
                }
                // what it finished while no node was there
                self.delivery.do_send(Look);
            }
            Command::Drain { worker } => self.tell(&worker, ToWorker::Drain),
            Command::Kill { worker, pid } => {
                tracing::error!(worker = worker.0, pid, "ALARM: UM worker does not answer: it is ended");
                self.silent.insert(worker.clone());
                // a process number is another's once its process is gone
                if let Some(pid) = pid.filter(|_| self.processes.lives(&self.order.data, &worker)) {
                    self.processes.kill(pid);
                }
            }
            Command::Current(port) => match port {
                Some(port) => tracing::info!(port, "UM worker takes calls"),
                None => tracing::error!("ALARM: no UM worker takes calls"),
            },
            Command::Bury { worker, how } => {
                tracing::warn!(worker = worker.0, how, "UM worker ended");
                self.listeners.remove(&worker);
                self.counted.remove(&worker);
                self.refusals.remove(&worker);
                let reason = "the UM worker died".to_owned();
                self.calls.do_send(WorkerGone { worker: worker.clone(), reason });
                self.keeper.do_send(Bury(worker));
                self.share_limits();
            }
            Command::Replacing { worker, reason } => {
                tracing::info!(worker = worker.0, ?reason, "UM worker is replaced; it finishes its calls");
                self.metrics.worker_recycled(match reason {
                    Reason::Command => RecycleReason::Command,
                    Reason::Age => RecycleReason::Age,
                    Reason::Memory => RecycleReason::Memory,
                    Reason::Program => RecycleReason::Program,
                    Reason::Addresses => RecycleReason::Addresses,
                });
            }
        }
    }

    fn start_worker(&mut self, worker: WorkerId, slot: usize, ctx: &mut Context<Self>) {
        let listeners = self.slots.get(slot).cloned().unwrap_or_default();
        let order =
            WorkerOrder { worker: worker.clone(), build: self.processes.program(), listeners, ..self.order.clone() };
        match self.processes.start(order, self.environment.clone()) {
            Ok(started) => {
                tracing::info!(worker = worker.0, pid = started.pid, "UM worker started");
                let now = self.environment.clone();
                ctx.spawn(started.ended.into_actor(self).map(move |how, service, ctx| {
                    service.ending.insert(worker, (how, now.now()));
                    service.look(ctx);
                }));
            }
            Err(error) => {
                tracing::error!(worker = worker.0, %error, "ALARM: UM worker cannot be started");
                ctx.notify(Failed { worker, reason: format!("the process cannot be started: {error}") });
            }
        }
    }

    fn tell(&self, worker: &WorkerId, message: ToWorker) {
        if let Some(link) = self.links.get(worker) {
            let _ = link.down.send(message);
        }
    }

    fn tell_all(&self, message: &ToWorker) {
        for link in self.links.values() {
            let _ = link.down.send(message.clone());
        }
    }

    /// How many callers all other workers have.
    fn talking_elsewhere(&self, worker: &WorkerId) -> u32 {
        let others = self.supervision.workers().filter(|(other, _)| *other != worker);
        others.map(|(_, known)| known.beat.talking).sum()
    }

    fn share_limits(&mut self) {
        let workers: Vec<_> = self.links.keys().cloned().collect();
        for worker in workers {
            let (max_calls, elsewhere) = (self.max_calls, self.talking_elsewhere(&worker));
            if let Some(link) = self.links.get_mut(&worker).filter(|link| link.limit != (max_calls, elsewhere)) {
                link.limit = (max_calls, elsewhere);
                let _ = link.down.send(ToWorker::Limit { max_calls, elsewhere });
            }
        }
    }

    /// Looks at deadlines, at processes that may have ended, and at the program.
    fn look(&mut self, ctx: &mut Context<Self>) {
        let now = self.environment.now();
        let dead: Vec<_> = (self.supervision.workers())
            .filter(|(id, known)| {
                known.pid.is_some() && !self.links.contains_key(*id) && !self.ending.contains_key(*id)
            })
            .filter(|(id, _)| !self.processes.lives(&self.order.data, id))
            .map(|(id, _)| id.clone())
            .collect();
        for worker in dead {
            self.ending.insert(worker, ("the process is gone".to_owned(), now));
        }
        let heard_out: Vec<_> = (self.ending.iter())
            .filter(|(id, (_, at))| !self.links.contains_key(*id) || now.saturating_duration_since(*at) >= LAST_WORDS)
            .map(|(id, (how, _))| (id.clone(), how.clone()))
            .collect();
        for (worker, how) in heard_out {
            self.ending.remove(&worker);
            self.step(Event::Ended { worker, how }, ctx);
        }
        if self.program_seen.is_none_or(|at| now.saturating_duration_since(at) >= PROGRAM_EVERY) {
            self.program_seen = Some(now);
            let build = self.processes.program();
            // a file that is being replaced, or gone, is no new program
            if !build.is_empty() {
                self.step(Event::Program { build }, ctx);
            }
        }
        self.step(Event::Tick, ctx);
    }

    fn answer_those_who_wait(&mut self) {
        let answer = match (self.supervision.current(), self.supervision.failure()) {
            (Some(_), _) => Ok(()),
            (None, Some(failure)) => Err(failure.to_owned()),
            (None, None) => return,
        };
        for waiting in self.starting.drain(..) {
            let _ = waiting.send(answer.clone());
        }
    }

    /// Why no calls are taken; `None`: they are.
    fn refusing(&self) -> Option<String> {
        self.refuse.clone().or_else(|| self.out_of_service.clone())
    }
}

/// A process could not be started.
#[derive(Message)]
#[rtype(result = "()")]
struct Failed {
    worker: WorkerId,
    reason: String,
}

impl Actor for UmService {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        match self.environment.listen_local(&link_path(&self.order.data)) {
            Ok(listener) => {
                let accepting = accept(listener, ctx.address()).into_actor(self);
                ctx.spawn(accepting.map(|error, service, _| {
                    tracing::error!(%error, "ALARM: workers cannot connect any more");
                    service.fault = Some(format!("UM workers cannot connect: {error}"));
                }));
            }
            Err(error) => {
                let path = link_path(&self.order.data);
                self.fault = Some(format!("UM workers cannot connect to {}: {error}", path.display()));
            }
        }
        let living = self.living;
        self.step(Event::Program { build: self.processes.program() }, ctx);
        self.step(Event::Begin { living }, ctx);
        ctx.run_interval(LOOK_EVERY, Self::look);
    }
}

impl Handler<Failed> for UmService {
    type Result = ();

    fn handle(&mut self, Failed { worker, reason }: Failed, ctx: &mut Self::Context) {
        self.step(Event::StartFailed { worker, reason }, ctx);
    }
}

/// What the organisation says of this server comes first.
pub(crate) fn max_calls(directory: &Directory, node: &str, own: u32) -> u32 {
    directory.service_of(node).and_then(|service| service.max_calls_allowed).unwrap_or(own)
}

/// Where the workers listen.
fn slots(configured: &[Vec<SocketAddr>; 2], directory: &Directory, node: &str) -> Result<[Vec<SocketAddr>; 2], String> {
    let [one, other] = configured;
    Ok([worker_addresses(one, directory, node)?, worker_addresses(other, directory, node)?])
}

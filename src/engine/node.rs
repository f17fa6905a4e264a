//! A node as a value: every actor of it, started and stopped together.
//! Knows: which actors there are and what they need of each other. Must not: do their work.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;

use super::config::Part;
use super::environment::blocking;
use super::{Alive, Environment, Place, Placement};
use crate::actors::call_events::Trace;
use crate::actors::call_router::{CallRouter, CannotListen, Leaving, ListeningState, NotFollowed};
use crate::actors::calls::{Calls, GetActiveCalls, GetTrace, GetTracedCalls, RecordsState};
use crate::actors::components::{self, Components, LostStates};
use crate::actors::config_poller::{ConfigPoller, ConfigurationStatus, InForce, Refresh, RefreshError, Refreshed};
use crate::actors::delivery::DeliveryBacklog;
use crate::actors::peers::{GatewayState, GetGateways, Peers};
use crate::actors::um_service::{
    DropCalls, GetReport, Recycle, Refuse, Retire, ServiceReport, UmService, UntilReady, WorkerStatus,
};
use crate::actors::um_worker::LEAVING;
use crate::admin::status::{Load, NodeStatus};
use crate::components::{Component, ComponentState, Requester};
use crate::directory::{Directory, DirectoryProvider};
use crate::link::{CallSelector, Settings, WorkerId};
use crate::mailbox::{Composer, MailboxStore, Spool};
use crate::metrics::Metrics;
use crate::records::trace::{TraceOrder, TracedMessage};
use crate::records::traces::TracedCall;
use crate::records::{ActiveCall, RecordStore};
use crate::routing::OwnCall;
use crate::store::Store;
pub use testing::TestTarget;

mod starting;
mod testing;
mod watching;

/// What a node is made of, read and validated.
pub struct Parts {
    pub environment: Arc<dyn Environment>,
    pub placement: Placement,
    /// Where SIP is listened for, UDP and TCP, and by which part of the node.
    pub listeners: Vec<(Part, SocketAddr)>,
    /// A stream connection that was idle for so long is closed.
    pub stream_idle: Duration,
    pub settings: Settings,
    /// Calls at once (MaxCallsAllowed), unless the organisation says another number for this server.
    pub max_calls: u32,
    /// A worker of this age, or of so many octets of resident memory, is replaced.
    pub max_age: Duration,
    pub max_rss: u64,
    pub rtp_ports: RangeInclusive<u16>,
    /// The organisation in force at the start.
    pub organisation: InForce,
    /// Where it is read again, every `refresh_interval`.
    pub provider: Arc<dyn DirectoryProvider>,
    pub refresh_interval: Duration,
    /// How often gateways and other servers are asked whether they live.
    pub options_interval: Duration,
    /// What the node remembers between two lives.
    pub store: Arc<dyn Store>,
    /// The data folder, for the workers: they keep spool and greetings there as the node does.
    pub data: PathBuf,
    /// A folder whose files replace system prompts of the same name.
    pub prompts: Option<PathBuf>,
    /// `error` to `trace`, of the workers' log, and whether it is JSON.
    pub log: (String, bool),
    pub spool: Spool,
    pub composer: Composer,
    pub mail: Arc<dyn MailboxStore>,
}

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("the UM worker cannot begin: {0}")]
    Worker(String),
    #[error(transparent)]
    Listen(#[from] NotFollowed),
    /// A gateway is to be asked from an address that is not one of this machine.
    #[error(transparent)]
    Ask(#[from] CannotListen),
}

/// A running node. Its UM workers are processes of their own.
pub struct Node {
    started: Instant,
    environment: Arc<dyn Environment>,
    data: PathBuf,
    node: String,
    max_calls: u32,
    /// `None`: this node is a call router only.
    service: Option<Addr<UmService>>,
    router: Addr<CallRouter>,
    spool: Spool,
    backlog: DeliveryBacklog,
    metrics: Arc<Metrics>,
    /// Where calls are told to go elsewhere.
    redirectors: ListeningState,
    /// Test calls under way.
    tests: RefCell<Vec<OwnCall>>,
    /// It has a call router.
    routes: bool,
    /// It is about to end.
    leaving: Cell<bool>,
    /// Where what carries calls in this process runs.
    places: [Place; 3],
    /// Listeners beside those for calls.
    others: RefCell<Vec<String>>,
    /// What is wrong from the start on.
    noted: RefCell<Vec<String>>,
    calls: Addr<Calls>,
    components: Addr<Components>,
    lost_states: LostStates,
    records: RecordStore,
    records_state: RecordsState,
    /// The actors that live as long as the node, by what an administrator is told when one is dead.
    vital: Vec<(String, Alive)>,
    in_force: InForce,
    poller: Addr<ConfigPoller>,
    peers: Addr<Peers>,
}

/// Workers that were told to end are waited for so long.
const ENDED_WITHIN: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(50);

impl Node {
    /// What tells the redirectors where calls go.
    pub fn call_router(&self) -> &Addr<CallRouter> {
        &self.router
    }

    /// Waits until calls are taken.
    ///
    /// # Errors
    /// The first worker could not begin. (It is started again and again.)
    pub async fn ready(&self) -> Result<(), StartError> {
        let Some(service) = &self.service else { return Ok(()) };
        let ready = service.send(UntilReady).await;
        ready.unwrap_or_else(|_| Err("the UM service does not answer".to_owned())).map_err(StartError::Worker)
    }

    /// Where the node listens, as `udp 127.0.0.1:5060`.
    pub async fn listeners(&self) -> Vec<String> {
        self.and_others(self.report().await.listeners)
    }

    /// What calls hold. A dead actor holds nothing; that it is dead, [`Node::status`] tells.
    pub async fn load(&self) -> Load {
        load(&self.report().await)
    }

    /// The UM workers of this node.
    pub async fn workers(&self) -> Vec<WorkerStatus> {
        self.report().await.workers
    }

    async fn report(&self) -> ServiceReport {
        match &self.service {
            Some(service) => service.send(GetReport).await.unwrap_or_default(),
            None => ServiceReport::default(),
        }
    }

    pub async fn status(&self) -> NodeStatus {
        self.look().await.0
    }

    /// How the node is, and how many messages are in `failed/` if the spool can be read.
    async fn look(&self) -> (NodeStatus, Option<usize>) {
        let spool = self.spool.clone();
        let mut problems = Vec::new();
        let mut failed = None;
        match blocking(&*self.environment, move || spool.status()).await {
            Some(Ok(spool)) => {
                failed = Some(spool.failed.len());
                if !spool.failed.is_empty() {
                    problems.push(format!("{} messages could not be delivered", spool.failed.len()));
                }
            }
            Some(Err(error)) => problems.push(error.to_string()),
            None => problems.push("the spool cannot be read".to_owned()),
        }
        problems.extend(self.vital.iter().filter(|(_, alive)| !alive()).map(|(dead, _)| dead.clone()));
        problems.extend(self.redirectors.problems());
        problems.extend(self.noted.borrow().iter().cloned());
        problems.extend(self.lost_states.problems());
        problems.extend(self.in_force.problems());
        problems.extend(self.records_state.fault());
        let report = self.report().await;
        problems.extend(report.problems.iter().cloned());
        if report.beats.iter().any(|beat| beat.answers > 0 && !beat.has_room) {
            problems.push("disk full: no messages are taken".to_owned());
        }
        let status = NodeStatus {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime_s: self.environment.now().saturating_duration_since(self.started).as_secs(),
            load: load(&report),
            listeners: self.and_others(report.listeners),
            workers: report.workers,
            waiting: self.backlog.len(),
            out_of_service: self.out_of_service().await,
            problems,
        };
        (status, failed)
    }

    /// Reads the directory now, and waits until what it says is in force: the next call is understood by it, running
    /// ones keep theirs.
    ///
    /// # Errors
    /// It cannot be read or is not valid; the one in force stays, and the status says why.
    pub async fn refresh(&self) -> Result<Refreshed, RefreshError> {
        self.poller.send(Refresh).await.unwrap_or(Err(RefreshError::NoAnswer))
    }

    /// Which organisation is in force, and what is wrong with the one that is not.
    pub fn configuration(&self) -> ConfigurationStatus {
        self.in_force.status()
    }

    /// The directory in force.
    pub fn directory(&self) -> Arc<Directory> {
        self.in_force.organisation().directory
    }

    /// The UM IP gateways as this node sees them: do they answer?
    pub async fn gateways(&self) -> Vec<GatewayState> {
        self.peers.send(GetGateways).await.unwrap_or_default()
    }

    /// The component states of this server. `None`: whoever keeps them does not answer.
    pub async fn components(&self) -> Option<Vec<ComponentStatus>> {
        let states = self.components.send(components::GetComponents).await.ok()?;
        let calls = self.load().await.calls;
        let status = |component| ComponentStatus {
            server: self.node.clone(),
            component,
            state: states.of(component),
            requesters: states
                .entries_of(component)
                .map(|(requester, entry)| format!("{requester}: {}", entry.state))
                .collect(),
            drained: !states.is_active(component) && calls == 0,
            detail: states.refusal(component).unwrap_or_default(),
        };
        Some(Component::ALL.into_iter().map(status).collect())
    }

    /// Sets what one requester says of a component; done when it is durable and in force.
    ///
    /// # Errors
    /// A sentence: it cannot be kept, or this node has no such component.
    pub async fn set_component(
        &self,
        component: Component,
        state: ComponentState,
        requester: Requester,
    ) -> Result<(), String> {
        let set = self.components.send(components::SetComponent { component, state, requester }).await;
        set.map_err(|_| "the component states do not answer".to_owned())?.map_err(|error| error.to_string())
    }

    /// Calls in progress, the oldest first.
    pub async fn active_calls(&self) -> Vec<ActiveCall> {
        self.calls.send(GetActiveCalls).await.unwrap_or_default()
    }

    /// Begins or ceases to trace calls: their SIP is kept as it comes and goes, in memory, so much of so many.
    ///
    /// # Errors
    /// No such call is in progress.
    pub async fn trace(&self, order: TraceOrder) -> Result<(), NoSuchCall> {
        if let TraceOrder::Call { call_identity, on: true } = &order
            && !self.active_calls().await.iter().any(|call| call.call_identity == *call_identity)
        {
            return Err(NoSuchCall(call_identity.clone()));
        }
        self.calls.do_send(Trace(order));
        Ok(())
    }

    /// The calls whose SIP is kept, the oldest first.
    pub async fn traced_calls(&self) -> Vec<TracedCall> {
        self.calls.send(GetTracedCalls).await.unwrap_or_default()
    }

    /// The SIP of a traced call; without its name: of the newest.
    pub async fn traced(&self, call_identity: Option<String>) -> Option<Vec<TracedMessage>> {
        self.calls.send(GetTrace { call_identity }).await.ok().flatten()
    }

    /// The records of calls that ended; reading them may block.
    pub fn records(&self) -> RecordStore {
        self.records.clone()
    }

    /// The time of day.
    pub fn wall(&self) -> jiff::Timestamp {
        self.environment.wall()
    }

    /// Replaces the worker that takes the calls; none is cut, none refused.
    pub fn recycle_worker(&self) {
        self.tell(Recycle);
    }

    /// Takes no new calls from now on, and starts no worker any more.
    pub fn drain(&self) {
        let why = LEAVING.to_owned();
        self.leaving.set(true);
        self.router.do_send(Leaving(why.clone()));
        self.tell(Refuse(Some(why)));
        self.tell(Retire { stop: false });
    }

    /// Ends these calls now; what was recorded is kept.
    pub fn drop_calls(&self, which: CallSelector) {
        self.tell(DropCalls(which));
    }

    /// Ends every worker, with what calls it has; what was recorded is kept.
    pub async fn stop(&self) {
        self.tell(Retire { stop: true });
        let gone = async {
            while !self.report().await.workers.is_empty() {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        if tokio::time::timeout(ENDED_WITHIN, gone).await.is_err() {
            let processes = self.environment.processes();
            for worker in self.report().await.workers {
                if processes.lives(&self.data, &WorkerId(worker.id)) {
                    processes.kill(worker.pid);
                }
            }
        }
    }

    fn tell<M>(&self, message: M)
    where
        M: Message + Send + 'static,
        M::Result: Send,
        UmService: Handler<M>,
    {
        if let Some(service) = &self.service {
            service.do_send(message);
        }
    }
}

/// Nothing is to be traced.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no call \"{0}\" is in progress")]
pub struct NoSuchCall(pub String);

/// How far a component is in service.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ComponentStatus {
    pub server: String,
    pub component: Component,
    pub state: ComponentState,
    /// What each says that has said anything.
    pub requesters: Vec<String>,
    /// It takes no calls, and has none left.
    pub drained: bool,
    /// Why it is not Active.
    pub detail: String,
}

fn load(report: &ServiceReport) -> Load {
    let sum = |of: fn(&crate::link::Beat) -> u32| report.beats.iter().map(|beat| of(beat) as usize).sum();
    Load {
        calls: sum(|beat| beat.calls),
        media_streams: sum(|beat| beat.media_streams),
        rtp_ports: sum(|beat| beat.rtp_ports),
        dialogs: sum(|beat| beat.dialogs),
        transactions: sum(|beat| beat.transactions),
        connections: sum(|beat| beat.connections),
        recordings: sum(|beat| beat.recordings),
    }
}

//! A node as a value: every actor of it, started and stopped together.
//! Knows: which actors there are and what they need of each other. Must not: do their work.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;

use super::Environment;
use super::environment::blocking;
use crate::actors::delivery::{Delivery, DeliveryBacklog};
use crate::actors::media_clock::{CountStreams, MediaClock};
use crate::actors::rtp_ports::RtpPorts;
use crate::actors::sip_endpoint::{GetLoad, SipEndpoint, TakeCalls};
use crate::actors::spool_writer::{SpoolState, SpoolWriter};
use crate::actors::transport::{DatagramListener, StreamAcceptor};
use crate::actors::um_worker::{CountCalls, Drain, DropCalls, Equipment, Settings, UmWorker, UseDirectory};
use crate::admin::status::{Load, NodeStatus};
use crate::directory::Directory;
use crate::mailbox::greetings::Greetings;
use crate::mailbox::{Composer, Courier, MailboxStore, Spool};
use crate::metrics::{ConfigurationMoment, Metrics, Moment, Process};
use crate::prompts::Prompts;
use crate::protocol::sip::Transport;
use crate::protocol::sip::endpoint::{Endpoint, Identity};
use crate::protocol::sip::screen::screen;

/// Where the actors run. One Arbiter for all of it keeps a virtual world in step.
#[derive(Clone)]
pub struct Placement {
    pub signalling: ArbiterHandle,
    pub media: ArbiterHandle,
    /// Blocks: nothing that carries calls may run here, unless its disk is in memory.
    pub disk: ArbiterHandle,
}

impl Placement {
    /// Everything on the Arbiter this is called on.
    pub fn here() -> Placement {
        let here = Arbiter::current();
        Placement { signalling: here.clone(), media: here.clone(), disk: here }
    }

    /// Signalling on the Arbiter this is called on; media and disk each on a thread of their own.
    pub fn threads() -> Placement {
        Placement { signalling: Arbiter::current(), media: Arbiter::new().handle(), disk: Arbiter::new().handle() }
    }
}

/// What a node is made of, read and validated.
pub struct Parts {
    pub environment: Arc<dyn Environment>,
    pub placement: Placement,
    /// Where SIP is listened for, by datagrams and by streams.
    pub datagram: Vec<SocketAddr>,
    pub stream: Vec<SocketAddr>,
    /// A stream connection that was idle for so long is closed.
    pub stream_idle: Duration,
    pub settings: Settings,
    pub rtp_ports: RangeInclusive<u16>,
    pub directory: Directory,
    pub prompts: Prompts,
    pub spool: Spool,
    pub greetings: Greetings,
    pub composer: Composer,
    pub store: Arc<dyn MailboxStore>,
}

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("cannot listen on {transport} {address}: {error}")]
    Listen { transport: &'static str, address: SocketAddr, error: io::Error },
}

/// A running node.
pub struct Engine {
    started: Instant,
    environment: Arc<dyn Environment>,
    listeners: RefCell<Vec<String>>,
    /// What is wrong from the start on.
    noted: RefCell<Vec<String>>,
    endpoint: Addr<SipEndpoint>,
    worker: Addr<UmWorker>,
    clock: Addr<MediaClock>,
    ports: RtpPorts,
    spool: Spool,
    spool_state: SpoolState,
    backlog: DeliveryBacklog,
    metrics: Arc<Metrics>,
    max_calls: usize,
    placement: Placement,
    /// The actors that live as long as the node, by what an administrator is told when one is dead.
    vital: Vec<(String, Alive)>,
    /// What is wrong with a directory that was read but did not come in force.
    refused_directory: RefCell<Option<String>>,
}

type Alive = Box<dyn Fn() -> bool>;

fn alive<A: Actor<Context = Context<A>>>(actor: &Addr<A>) -> Alive {
    let actor = actor.clone();
    Box::new(move || actor.connected())
}

impl Engine {
    /// Starts every actor; returns when all listeners are up. Must run in an actix system.
    pub fn start(parts: Parts) -> Result<Engine, StartError> {
        let Parts { environment, placement, settings, spool, .. } = parts;
        let mut core = SipEndpoint::new(
            environment.clone(),
            Endpoint::new(Identity::new(settings.server.clone()), screen, environment.random_u64()),
            parts.stream_idle,
        );
        let datagram = parts.datagram.into_iter().map(|address| {
            let failed = |error| StartError::Listen { transport: "UDP", address, error };
            environment.bind_datagram(address).map_err(failed)
        });
        let datagram = datagram.collect::<Result<Vec<_>, _>>()?;
        let stream = parts.stream.into_iter().map(|address| {
            let failed = |error| StartError::Listen { transport: "TCP", address, error };
            environment.listen(address).map_err(failed)
        });
        let stream = stream.collect::<Result<Vec<_>, _>>()?;
        let mut listeners: Vec<String> = datagram.iter().map(|socket| format!("udp {}", socket.local())).collect();
        listeners.extend(stream.iter().map(|listener| format!("tcp {}", listener.local())));

        datagram.iter().for_each(|socket| core.add_datagram(socket.clone()));
        let endpoint = SipEndpoint::start_in_arbiter(&placement.signalling, |_| core);
        let clock = MediaClock::start_in_arbiter(&placement.media, |_| MediaClock::default());
        let metrics = Arc::new(Metrics::new());
        let max_calls = settings.max_calls;
        let courier = Courier::new(spool.clone(), parts.composer, parts.store);
        let (delivery, backlog) = Delivery::new(environment.clone(), spool.clone(), courier, metrics.clone());
        let delivery = Delivery::start_in_arbiter(&placement.signalling, |_| delivery);
        let mut vital = vec![
            ("the SIP endpoint does not answer".to_owned(), alive(&endpoint)),
            ("the media clock does not answer".to_owned(), alive(&clock)),
            ("nothing is delivered: the delivery does not answer".to_owned(), alive(&delivery)),
        ];
        let (writer, spool_state) = SpoolWriter::new(environment.clone(), spool.clone(), delivery);
        let writer = SpoolWriter::start_in_arbiter(&placement.disk, |_| writer);
        vital.push(("no messages are kept: the spool writer does not answer".to_owned(), alive(&writer)));
        let ports = RtpPorts::new(parts.rtp_ports, environment.random_u64());
        let equipment = Equipment {
            environment: environment.clone(),
            endpoint: endpoint.clone(),
            spool: writer,
            spool_state: spool_state.clone(),
            clock: clock.clone(),
            media: placement.media.clone(),
            ports: ports.clone(),
            prompts: Arc::new(parts.prompts),
            greetings: parts.greetings,
            settings: Arc::new(settings),
        };
        let directory = Arc::new(parts.directory);
        let worker = UmWorker::start_in_arbiter(&placement.signalling, |_| UmWorker::new(equipment, directory));
        vital.push(("no calls are taken: the UM worker does not answer".to_owned(), alive(&worker)));
        endpoint.do_send(TakeCalls(worker.clone().recipient()));
        // last of all: what arrives finds everything in its place
        for socket in datagram {
            let endpoint = endpoint.clone();
            let deaf = format!("nothing is received on udp {} any more", socket.local());
            let listener =
                DatagramListener::start_in_arbiter(&placement.signalling, |_| DatagramListener { socket, endpoint });
            vital.push((deaf, alive(&listener)));
        }
        for listener in stream {
            let deaf = format!("no connections are taken on tcp {} any more", listener.local());
            let acceptor = StreamAcceptor {
                listener: Some(listener),
                transport: Transport::Tcp,
                endpoint: endpoint.clone(),
                idle_timeout: parts.stream_idle,
            };
            let acceptor = StreamAcceptor::start_in_arbiter(&placement.signalling, |_| acceptor);
            vital.push((deaf, alive(&acceptor)));
        }
        let started = environment.now();
        Ok(Engine {
            started,
            environment,
            listeners: RefCell::new(listeners),
            noted: RefCell::default(),
            endpoint,
            worker,
            clock,
            ports,
            spool,
            spool_state,
            backlog,
            metrics,
            max_calls,
            placement,
            vital,
            refused_directory: RefCell::default(),
        })
    }

    /// Where the node listens, as `udp 127.0.0.1:5060`.
    pub fn listeners(&self) -> Vec<String> {
        self.listeners.borrow().clone()
    }

    /// A listener beside those for calls is up, such as `http 127.0.0.1:8080`.
    pub fn also_listens(&self, listener: String) {
        self.listeners.borrow_mut().push(listener);
    }

    /// Something an administrator must look at for as long as the node lives.
    pub fn note_problem(&self, problem: String) {
        self.noted.borrow_mut().push(problem);
    }

    /// What calls hold. A dead actor holds nothing; that it is dead, [`Engine::status`] tells.
    pub async fn load(&self) -> Load {
        let endpoint = self.endpoint.send(GetLoad).await.ok();
        Load {
            calls: self.worker.send(CountCalls).await.unwrap_or_default(),
            media_streams: self.clock.send(CountStreams).await.unwrap_or_default(),
            rtp_ports: self.ports.lent(),
            dialogs: endpoint.map_or(0, |load| load.dialogs),
            transactions: endpoint.map_or(0, |load| load.transactions),
            connections: endpoint.map_or(0, |load| load.connections),
            recordings: self.spool_state.recordings(),
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
        problems.extend(self.noted.borrow().iter().cloned());
        if let Some(faults) = &*self.refused_directory.borrow() {
            problems.push(format!("the directory is not valid, the one before it stays in force: {faults}"));
        }
        if !self.spool_state.has_room() {
            problems.push("disk full: no messages are taken".to_owned());
        }
        let status = NodeStatus {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime_s: self.environment.now().saturating_duration_since(self.started).as_secs(),
            listeners: self.listeners(),
            load: self.load().await,
            waiting: self.backlog.len(),
            problems,
        };
        (status, failed)
    }

    /// What the node counts and measures; actors add to it.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Takes all figures that are of this moment. `process`: what the operating system says, where there is one.
    pub async fn observe(&self, process: Option<Process>) {
        let (status, failed) = self.look().await;
        let waits = |since| self.environment.wall().duration_since(since).as_secs_f64().max(0.0);
        let invalid = self.refused_directory.borrow().is_some();
        let moment = Moment {
            max_calls: self.max_calls,
            calls: status.load.calls,
            media_streams: status.load.media_streams,
            rtp_ports: status.load.rtp_ports,
            dialogs: status.load.dialogs,
            transactions: status.load.transactions,
            connections: status.load.connections,
            recordings: status.load.recordings,
            waiting: status.waiting,
            oldest_waiting_s: self.backlog.oldest().map_or(0.0, waits),
            failed,
            has_room: self.spool_state.has_room(),
            problems: status.problems.len(),
            configuration: Some(ConfigurationMoment { faults: invalid.into(), ..ConfigurationMoment::default() }),
            process,
            ..Moment::default()
        };
        self.metrics.observe(&moment);
    }

    /// All figures as Prometheus reads them, those of this moment taken now.
    pub async fn metrics_text(&self, process: Option<Process>) -> String {
        self.observe(process).await;
        self.metrics.text()
    }

    /// True when every vital actor lives, and the threads that carry calls do what they are given. The disk's thread
    /// may wait for its disk for as long as that takes. Whoever asks must not wait for the answer for ever.
    pub async fn pulse(&self) -> bool {
        for arbiter in [&self.placement.signalling, &self.placement.media] {
            let (beat, felt) = tokio::sync::oneshot::channel();
            // nobody waiting any more is no fault of the thread
            let taken = arbiter.spawn_fn(move || {
                let _ = beat.send(());
            });
            if !taken || felt.await.is_err() {
                return false;
            }
        }
        self.vital.iter().all(|(_, alive)| alive())
    }

    /// The next call is understood by this directory; running calls keep theirs.
    pub fn use_directory(&self, directory: Directory) {
        self.refused_directory.take();
        self.worker.do_send(UseDirectory(Arc::new(directory)));
    }

    /// A directory that is not valid was read; the one in force stays, and the status says why.
    pub fn refuse_directory(&self, faults: String) {
        self.refused_directory.replace(Some(faults));
    }

    /// Takes no new calls from now on.
    pub fn drain(&self) {
        self.worker.do_send(Drain);
    }

    /// Ends every call now; what was recorded is kept.
    pub fn drop_calls(&self) {
        self.worker.do_send(DropCalls);
    }
}

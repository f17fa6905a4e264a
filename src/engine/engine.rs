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
use super::config::Part;
use super::environment::blocking;
use crate::actors::call_router::{self, CallRouter, CannotListen, Redirectors, UseStates};
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
use crate::prompts::Prompts;
use crate::protocol::sip::Transport;
use crate::protocol::sip::endpoint::{Endpoint, Identity};
use crate::protocol::sip::screen::screen;
use crate::routing::{Home, Role, View};

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
    /// Where SIP is listened for, UDP and TCP, and by which part of the node.
    pub listeners: Vec<(Part, SocketAddr)>,
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
    #[error(transparent)]
    Redirect(#[from] CannotListen),
}

/// A running node.
pub struct Engine {
    started: Instant,
    environment: Arc<dyn Environment>,
    listeners: Vec<String>,
    router: Addr<CallRouter>,
    endpoint: Addr<SipEndpoint>,
    worker: Addr<UmWorker>,
    clock: Addr<MediaClock>,
    ports: RtpPorts,
    spool: Spool,
    spool_state: SpoolState,
    backlog: DeliveryBacklog,
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
        let directory = Arc::new(parts.directory);
        let router = CallRouter::new(view(&parts.listeners, &settings, &directory, environment.random_u64()));
        let published = router.published();
        let router = CallRouter::start_in_arbiter(&placement.signalling, |_| router);
        let at_worker = || parts.listeners.iter().filter(|(part, _)| *part == Part::UmWorker).map(|(_, at)| *at);
        let datagram = at_worker().map(|address| {
            let failed = |error| StartError::Listen { transport: "UDP", address, error };
            environment.bind_datagram(address).map_err(failed)
        });
        let datagram = datagram.collect::<Result<Vec<_>, _>>()?;
        let stream = at_worker().map(|address| {
            let failed = |error| StartError::Listen { transport: "TCP", address, error };
            environment.listen(address).map_err(failed)
        });
        let stream = stream.collect::<Result<Vec<_>, _>>()?;
        let redirectors = Redirectors::start(
            &environment,
            &placement.signalling,
            &published,
            &redirecting(&parts.listeners),
            parts.stream_idle,
        )?;
        let mut listeners: Vec<String> = datagram.iter().map(|socket| format!("udp {}", socket.local())).collect();
        listeners.extend(stream.iter().map(|listener| format!("tcp {}", listener.local())));
        listeners.extend(redirectors.datagram.iter().map(|(at, _)| format!("udp {at}")));
        listeners.extend(redirectors.stream.iter().map(|(at, _)| format!("tcp {at}")));

        datagram.iter().for_each(|socket| core.add_datagram(socket.clone()));
        let endpoint = SipEndpoint::start_in_arbiter(&placement.signalling, |_| core);
        let clock = MediaClock::start_in_arbiter(&placement.media, |_| MediaClock::default());
        let courier = Courier::new(spool.clone(), parts.composer, parts.store);
        let (delivery, backlog) = Delivery::new(environment.clone(), spool.clone(), courier);
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
        for (at, redirector) in &redirectors.datagram {
            vital.push((format!("nothing is received on udp {at} any more"), alive(redirector)));
        }
        for (at, redirector) in &redirectors.stream {
            vital.push((format!("no connections are taken on tcp {at} any more"), alive(redirector)));
        }
        vital.push(("calls go by an old directory: the call router does not answer".to_owned(), alive(&router)));
        let started = environment.now();
        Ok(Engine {
            started,
            environment,
            listeners,
            router,
            endpoint,
            worker,
            clock,
            ports,
            spool,
            spool_state,
            backlog,
            vital,
            refused_directory: RefCell::default(),
        })
    }

    /// Where the node listens, as `udp 127.0.0.1:5060`.
    pub fn listeners(&self) -> &[String] {
        &self.listeners
    }

    /// What tells the redirectors where calls go.
    pub fn call_router(&self) -> &Addr<CallRouter> {
        &self.router
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
        let spool = self.spool.clone();
        let mut problems = Vec::new();
        match blocking(&*self.environment, move || spool.status()).await {
            Some(Ok(spool)) if spool.failed.is_empty() => {}
            Some(Ok(spool)) => problems.push(format!("{} messages could not be delivered", spool.failed.len())),
            Some(Err(error)) => problems.push(error.to_string()),
            None => problems.push("the spool cannot be read".to_owned()),
        }
        problems.extend(self.vital.iter().filter(|(_, alive)| !alive()).map(|(dead, _)| dead.clone()));
        if let Some(faults) = &*self.refused_directory.borrow() {
            problems.push(format!("the directory is not valid, the one before it stays in force: {faults}"));
        }
        if !self.spool_state.has_room() {
            problems.push("disk full: no messages are taken".to_owned());
        }
        NodeStatus {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime_s: self.environment.now().saturating_duration_since(self.started).as_secs(),
            listeners: self.listeners.clone(),
            load: self.load().await,
            waiting: self.backlog.len(),
            problems,
        }
    }

    /// The next call is understood by this directory; running calls keep theirs.
    pub fn use_directory(&self, directory: Directory) {
        self.refused_directory.take();
        let directory = Arc::new(directory);
        self.router.do_send(call_router::UseDirectory(directory.clone()));
        self.worker.do_send(UseDirectory(directory));
    }

    /// A directory that is not valid was read; the one in force stays, and the status says why.
    pub fn refuse_directory(&self, faults: String) {
        self.refused_directory.replace(Some(faults));
    }

    /// Takes no new calls from now on.
    pub fn drain(&self) {
        let why = Some("this server is going out of service".to_owned());
        self.router.do_send(UseStates { router: why.clone(), service: why });
        self.worker.do_send(Drain);
    }

    /// Ends every call now; what was recorded is kept.
    pub fn drop_calls(&self) {
        self.worker.do_send(DropCalls);
    }
}

/// What the redirectors begin with.
fn view(listeners: &[(Part, SocketAddr)], settings: &Settings, directory: &Arc<Directory>, seed: u64) -> View {
    let port_of = |wanted: Part| listeners.iter().find(|(part, _)| *part == wanted).map(|(_, at)| at.port());
    let home = port_of(Part::UmService).map(|service_port| Home {
        service_port,
        worker_port: port_of(Part::UmWorker),
        refuses: None,
        full: None,
    });
    View {
        directory: directory.clone(),
        node: settings.node.clone(),
        server: settings.server.clone(),
        advertised: settings.advertised,
        router_refuses: None,
        home,
        servers: View::servers_of(directory, &settings.node, &[]),
        seed,
    }
}

/// The addresses where calls are told to go elsewhere.
fn redirecting(listeners: &[(Part, SocketAddr)]) -> Vec<(Role, SocketAddr)> {
    let role = |part: Part| match part {
        Part::CallRouter => Some(Role::Router),
        Part::UmService => Some(Role::Service),
        Part::UmWorker | Part::ReplacementWorker => None,
    };
    listeners.iter().filter_map(|(part, at)| Some((role(*part)?, *at))).collect()
}

//! A UM worker as a value: the actors that carry calls, in a process of their own or beside the node's in a test.
//! Knows: which actors there are and what they need of each other. Must not: do their work.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use tokio::sync::oneshot;

use super::environment::{BoxStream, DatagramSocket, StreamListener, blocking};
use super::placement::Placement;
use super::processes::{WorkerOrder, link_path};
use super::{Environment, alive};
use crate::actors::media_clock::MediaClock;
use crate::actors::node_link::{Begun, Identity, NodeLink, Staff, TakeUp, Terminate, load};
use crate::actors::rtp_ports::RtpPorts;
use crate::actors::sip_endpoint::{SipEndpoint, TakeCalls};
use crate::actors::spool_writer::SpoolWriter;
use crate::actors::transport::{DatagramListener, StreamAcceptor};
use crate::actors::um_worker::{Equipment, Limit, UmWorker};
use crate::actors::wiretap::{LONGEST_CALL, Wiretap};
use crate::link::{self, LinkError, Reader, ToNode, ToWorker, Welcome, Writer};
use crate::mailbox::greetings::Greetings;
use crate::mailbox::{Spool, SpoolError};
use crate::prompts::Prompts;
use crate::protocol::sip::Transport;
use crate::protocol::sip::endpoint::{Endpoint, Identity as EndpointIdentity};
use crate::protocol::sip::screen::screen;

/// A worker whose node is not there, or says nothing, within so long does not begin.
const WELCOME_WITHIN: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Why a worker does not begin.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    #[error("no node takes this worker at {}: {reason}", path.display())]
    NoNode { path: PathBuf, reason: String },
    #[error("link: {0}")]
    Link(#[from] LinkError),
    #[error("the name of worker {worker} is taken: {error}")]
    Claim { worker: String, error: io::Error },
    #[error("cannot listen on {transport} {address}: {error}")]
    Listen { transport: &'static str, address: SocketAddr, error: io::Error },
    #[error("the directory the node sent is not valid: {0}")]
    Directory(String),
    #[error(transparent)]
    Spool(#[from] SpoolError),
    #[error("what a worker needs could not be read")]
    Unread,
}

/// A running worker.
pub struct Worker {
    link: Addr<NodeLink>,
    over: oneshot::Receiver<()>,
    /// Listeners that another worker still has.
    placement: Placement,
    endpoint: Addr<SipEndpoint>,
    stream_idle: Duration,
    tap: Wiretap,
    _claim: Box<dyn std::any::Any + Send>,
}

impl Worker {
    /// Begins, and works until there is nothing left to do.
    pub async fn run(
        environment: Arc<dyn Environment>,
        placement: Placement,
        order: WorkerOrder,
        pid: u32,
    ) -> Result<(), WorkerError> {
        Worker::begin(environment, placement, order, pid).await?.until_over().await;
        Ok(())
    }

    /// Finds the node, and starts every actor with what it says. Must run in an actix system.
    ///
    /// # Errors
    /// The node is told the reason, too.
    pub async fn begin(
        environment: Arc<dyn Environment>,
        placement: Placement,
        order: WorkerOrder,
        pid: u32,
    ) -> Result<Worker, WorkerError> {
        let claim = environment.processes().claim(&order.data, &order.worker);
        let claim = claim.map_err(|error| WorkerError::Claim { worker: order.worker.0.clone(), error })?;
        let identity = Identity {
            worker: order.worker.clone(),
            pid,
            build: order.build.clone(),
            data: order.data.clone(),
            port: order.listeners.first().map_or(0, SocketAddr::port),
            listeners: Vec::new(),
            born: environment.now(),
        };
        let (reader, mut writer, welcome) = greet(&*environment, &identity).await?;
        match Worker::set_up(environment, placement, order, identity, welcome, claim).await {
            Ok((worker, begun)) => {
                worker.link.do_send(TakeUp { reader, writer });
                worker.link.do_send(begun);
                Ok(worker)
            }
            Err(error) => {
                writer.send(&ToNode::CannotStart { reason: error.to_string() }).await?;
                Err(error)
            }
        }
    }

    async fn set_up(
        environment: Arc<dyn Environment>,
        placement: Placement,
        order: WorkerOrder,
        identity: Identity,
        welcome: Welcome,
        claim: Box<dyn std::any::Any + Send>,
    ) -> Result<(Worker, Begun), WorkerError> {
        let Welcome { settings, configuration, max_calls, elsewhere, refuse } = welcome;
        let generation = configuration.generation;
        let disk = environment.disk();
        let (folder, prompt_disk) = (order.prompts.clone(), disk.clone());
        let read = blocking(&*environment, move || {
            let (prompts, faults) = Prompts::load(&*prompt_disk, folder.as_deref());
            faults.iter().for_each(|fault| tracing::warn!(%fault, "prompt"));
            load(&configuration).map(|directory| (prompts, directory))
        });
        let (prompts, directory) = read.await.ok_or(WorkerError::Unread)?.map_err(WorkerError::Directory)?;
        let spool = Spool::open(disk.clone(), order.data.join("spool"))?;
        let greetings = Greetings::new(disk, order.data.join("greetings"));

        let datagram = bind_all("UDP", &order.listeners, |address| environment.bind_datagram(address))?;
        let stream = bind_all("TCP", &order.listeners, |address| environment.listen(address))?;
        let mut listeners: Vec<String> = datagram.iter().map(|socket| format!("udp {}", socket.local())).collect();
        listeners.extend(stream.iter().map(|listener| format!("tcp {}", listener.local())));
        let port = datagram.first().map_or(identity.port, |socket| socket.local().port());

        let (tell, over) = oneshot::channel();
        let limit = Limit { max_calls, elsewhere };
        let link = NodeLink::new(environment.clone(), identity.clone(), generation, limit, tell);
        let link = placement.link.start(|_| link);
        let tap = Wiretap::new(environment.clone(), link.clone().recipient(), LONGEST_CALL);
        let datagram: Vec<_> = datagram.into_iter().map(|socket| tap.on(socket)).collect();
        let core = SipEndpoint::new(
            environment.clone(),
            Endpoint::new(EndpointIdentity::new(settings.server.clone()), screen, environment.random_u64()),
            order.stream_idle,
        );
        let mut core = core.tapped(tap.clone());
        datagram.iter().for_each(|socket| core.add_datagram(socket.clone()));
        let endpoint = placement.signalling.start(|_| core);
        let clock = placement.media.start(|_| MediaClock::default());
        let (writer, spool_state) =
            SpoolWriter::new(environment.clone(), spool, order.worker.0.clone(), link.clone().recipient());
        let writer = placement.disk.start(|_| writer);
        let ports = RtpPorts::new(order.rtp_ports.0..=order.rtp_ports.1, environment.random_u64());
        let mut vital = vec![
            ("the SIP endpoint does not answer".to_owned(), alive(&endpoint)),
            ("the media clock does not answer".to_owned(), alive(&clock)),
            ("no messages are kept: the spool writer does not answer".to_owned(), alive(&writer)),
        ];
        let equipment = Equipment {
            environment: environment.clone(),
            endpoint: endpoint.clone(),
            spool: writer,
            spool_state: spool_state.clone(),
            clock: clock.clone(),
            media: placement.media.clone(),
            ports: ports.clone(),
            prompts: Arc::new(prompts),
            greetings,
            settings: Arc::new(settings),
            listens: datagram.iter().map(|socket| socket.local()).collect(),
            events: link.clone().recipient(),
        };
        let (directory, count) = (Arc::new(directory), link.clone().recipient());
        let calls = placement.signalling.start(move |_| UmWorker::new(equipment, directory, limit, refuse, count));
        vital.push(("no calls are taken: the UM worker does not answer".to_owned(), alive(&calls)));
        endpoint.do_send(TakeCalls(calls.clone().recipient()));

        let worker = Worker {
            link,
            over,
            placement,
            endpoint: endpoint.clone(),
            stream_idle: order.stream_idle,
            tap: tap.clone(),
            _claim: claim,
        };
        // last of all: what arrives finds everything in its place
        for socket in datagram {
            vital.push(worker.hear_datagrams(socket));
        }
        for listener in stream {
            vital.push(worker.take_connections(listener));
        }
        let identity = Identity { port, listeners, ..identity };
        let staff = Staff { calls, endpoint, clock, ports, spool_state, tap, vital };
        Ok((worker, Begun { staff, identity }))
    }

    /// Ends when the node said so, or when a worker that is being replaced has had its last call.
    pub async fn until_over(mut self) {
        // the sender goes with the link, which lives as long as this
        let _ = (&mut self.over).await;
    }

    /// Tells the worker to drain; the second time, to stop.
    pub fn terminator(&self) -> impl Fn() + use<> {
        let link = self.link.clone();
        move || link.do_send(Terminate)
    }

    fn hear_datagrams(&self, socket: Arc<dyn DatagramSocket>) -> (String, super::Alive) {
        let deaf = format!("nothing is received on udp {} any more", socket.local());
        let listener = DatagramListener { socket, endpoint: self.endpoint.clone() };
        let listener = self.placement.signalling.start(|_| listener);
        (deaf, alive(&listener))
    }

    fn take_connections(&self, listener: Box<dyn StreamListener>) -> (String, super::Alive) {
        let deaf = format!("no connections are taken on tcp {} any more", listener.local());
        let acceptor = StreamAcceptor {
            listener: Some(listener),
            transport: Transport::Tcp,
            endpoint: self.endpoint.clone(),
            idle_timeout: self.stream_idle,
            tap: self.tap.clone(),
        };
        let acceptor = self.placement.signalling.start(|_| acceptor);
        (deaf, alive(&acceptor))
    }
}

fn bind_all<T>(
    transport: &'static str,
    addresses: &[SocketAddr],
    bind: impl Fn(SocketAddr) -> io::Result<T>,
) -> Result<Vec<T>, WorkerError> {
    let bound = addresses
        .iter()
        .map(|&address| bind(address).map_err(|error| WorkerError::Listen { transport, address, error }));
    bound.collect()
}

/// Finds the node and is welcomed.
async fn greet(
    environment: &dyn Environment,
    identity: &Identity,
) -> Result<(Reader<BoxStream>, Writer<BoxStream>, Welcome), WorkerError> {
    let path = link_path(&identity.data);
    let no_node = |reason: String| WorkerError::NoNode { path: path.clone(), reason };
    let greeting = async {
        let stream = loop {
            match environment.connect_local(&path).await {
                Ok(stream) => break stream,
                Err(_) => tokio::time::sleep(LOOK_EVERY).await,
            }
        };
        let (mut reader, mut writer) = link::split(stream);
        writer.send(&identity.hello(environment.now(), 0, false)).await?;
        loop {
            if let ToWorker::Welcome(welcome) = reader.next().await? {
                return Ok((reader, writer, welcome));
            }
        }
    };
    let greeted: Result<Result<_, LinkError>, _> = tokio::time::timeout(WELCOME_WITHIN, greeting).await;
    Ok(greeted.map_err(|_| no_node(format!("no answer within {} s", WELCOME_WITHIN.as_secs())))??)
}

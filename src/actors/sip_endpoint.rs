//! The actor around the transaction table: messages between transports, dialogs and whoever takes new calls.
//! Knows: sockets, connections, which actor owns which dialog. Must not: know what a call is about.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;

use super::alarm::Alarm;
use super::dialog::{Dialog, DialogEvent};
use super::transport::{Connection, Write};
use super::wiretap::Wiretap;
use crate::engine::Environment;
use crate::engine::environment::{BoxFuture, DatagramSocket};
use crate::protocol::sip::endpoint::{self, Command, DialogKey, Endpoint, ServerTransaction};
use crate::protocol::sip::{ConnectionId, Flow, Message as SipMessage, Request, Response, Transport};

/// Datagrams that may wait for the endpoint; more are dropped and sent again by their senders.
const MAILBOX: usize = 16_384;

/// Whom a stream connection leads to.
type StreamPeer = (Transport, SocketAddr);

/// The transaction table of this process and its ways out.
pub struct SipEndpoint {
    environment: Arc<dyn Environment>,
    core: Endpoint,
    commands: Vec<Command>,
    alarm: Alarm,
    /// Datagram sockets by the address they are bound to.
    datagram: BTreeMap<SocketAddr, Arc<dyn DatagramSocket>>,
    connections: HashMap<ConnectionId, Addr<Connection>>,
    /// The newest connection with each peer; what is sent to an address goes over it.
    by_peer: HashMap<StreamPeer, ConnectionId>,
    /// What waits for a connection that is being opened.
    dialling: HashMap<StreamPeer, Vec<(Flow, Vec<u8>)>>,
    dialogs: HashMap<DialogKey, Owner>,
    by_invite: HashMap<ServerTransaction, DialogKey>,
    next_dialog: u64,
    calls: Option<Recipient<Incoming>>,
    idle_timeout: Duration,
    tap: Wiretap,
}

/// Who gets the events of a dialog.
enum Owner {
    /// The call is still being placed; what comes meanwhile waits.
    Pending { invite: ServerTransaction, waiting: Vec<DialogEvent> },
    Running {
        /// `None`: it began with a request of ours.
        invite: Option<ServerTransaction>,
        owner: Recipient<DialogEvent>,
    },
}

/// A request outside any dialog, for the user of the endpoint to answer.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Incoming {
    pub transaction: ServerTransaction,
    pub request: Request,
    pub flow: Flow,
    /// Set for an INVITE: the key its dialog will have.
    pub dialog: Option<DialogKey>,
    /// Our tag: the one the endpoint's own answers to this request have (a 200 to CANCEL).
    pub local_tag: String,
}

/// A message from a transport.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Received {
    pub message: SipMessage,
    pub flow: Flow,
}

/// A message that could not be read, and what its sender is told.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Unreadable {
    pub response: Response,
    pub flow: Flow,
}

#[derive(Message)]
#[rtype(result = "()")]
pub struct NewConnection {
    pub connection: (ConnectionId, Addr<Connection>),
    pub transport: Transport,
    pub remote: SocketAddr,
}

#[derive(Message)]
#[rtype(result = "()")]
pub struct ConnectionClosed {
    pub flow: Flow,
}

/// What a dialog, or whoever refuses a call, asks of the endpoint.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Outgoing(pub endpoint::Event);

/// The call is over; nothing of it is kept but transactions that still run.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Forget(pub DialogKey);

/// The actor that owns a dialog from now on.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Own {
    pub key: DialogKey,
    pub dialog: Addr<Dialog>,
}

/// Who wants to ask something by requests of its own, under the key it is given.
#[derive(Message)]
#[rtype(result = "DialogKey")]
pub struct Join(pub Recipient<DialogEvent>);

/// Who takes requests outside dialogs.
#[derive(Message)]
#[rtype(result = "()")]
pub struct TakeCalls(pub Recipient<Incoming>);

/// How much the endpoint holds at this moment.
#[derive(Message)]
#[rtype(result = "EndpointLoad")]
pub struct GetLoad;

#[derive(Debug, Clone, Copy, PartialEq, Eq, MessageResponse)]
pub struct EndpointLoad {
    pub transactions: usize,
    pub dialogs: usize,
    pub connections: usize,
}

impl SipEndpoint {
    pub fn new(environment: Arc<dyn Environment>, core: Endpoint, idle_timeout: Duration) -> SipEndpoint {
        SipEndpoint {
            environment,
            core,
            commands: Vec::new(),
            alarm: Alarm::default(),
            datagram: BTreeMap::new(),
            connections: HashMap::new(),
            by_peer: HashMap::new(),
            dialling: HashMap::new(),
            dialogs: HashMap::new(),
            by_invite: HashMap::new(),
            next_dialog: 0,
            calls: None,
            idle_timeout,
            tap: Wiretap::default(),
        }
    }

    /// What goes over its sockets and connections passes by this tap.
    pub fn tapped(self, tap: Wiretap) -> SipEndpoint {
        SipEndpoint { tap, ..self }
    }

    pub fn add_datagram(&mut self, socket: Arc<dyn DatagramSocket>) {
        self.datagram.insert(socket.local(), socket);
    }

    /// Runs the machine and carries out what it asked for, in order.
    fn step(&mut self, event: endpoint::Event, ctx: &mut Context<Self>) {
        let now = self.environment.now();
        let mut commands = std::mem::take(&mut self.commands);
        self.core.on_event(now, event, &mut commands);
        for command in commands.drain(..) {
            self.carry_out(command, ctx);
        }
        self.commands = commands;
        self.alarm.no_later_than(ctx, now, self.core.next_deadline(), |endpoint, ctx| {
            endpoint.alarm.rang();
            endpoint.step(endpoint::Event::Tick, ctx);
        });
    }

    fn carry_out(&mut self, command: Command, ctx: &mut Context<Self>) {
        match command {
            Command::Send { bytes, flow } => self.send(bytes, flow, ctx),
            Command::Invite { transaction, request, flow } => {
                let key = self.new_key();
                self.dialogs.insert(key, Owner::Pending { invite: transaction, waiting: Vec::new() });
                self.by_invite.insert(transaction, key);
                self.offer(transaction, request, flow, Some(key));
            }
            Command::OutOfDialog { transaction, request, flow } => {
                self.offer(transaction, request, flow, None);
            }
            Command::InDialog { dialog, transaction, request, .. } => {
                self.tell(dialog, DialogEvent::Request { transaction, request });
            }
            Command::AckReceived { dialog, request } => self.tell(dialog, DialogEvent::Ack { request }),
            Command::Cancelled { transaction } => self.tell_invite(transaction, DialogEvent::Cancelled),
            Command::NoAck { transaction } => self.tell_invite(transaction, DialogEvent::NoAck { transaction }),
            Command::Response { dialog, client, response } => {
                self.tell(dialog, DialogEvent::Response { client, response });
            }
            Command::NoResponse { dialog, client, cause } => {
                self.tell(dialog, DialogEvent::NoResponse { client, cause });
            }
        }
    }

    fn new_key(&mut self) -> DialogKey {
        let key = DialogKey(self.next_dialog);
        self.next_dialog += 1;
        key
    }

    fn offer(&self, transaction: ServerTransaction, request: Request, flow: Flow, dialog: Option<DialogKey>) {
        if let Some(calls) = &self.calls {
            let local_tag = self.core.local_tag(&request);
            calls.do_send(Incoming { transaction, request, flow, dialog, local_tag });
        }
    }

    fn tell_invite(&mut self, invite: ServerTransaction, event: DialogEvent) {
        if let Some(dialog) = self.by_invite.get(&invite) {
            self.tell(*dialog, event);
        }
    }

    fn tell(&mut self, dialog: DialogKey, event: DialogEvent) {
        match self.dialogs.get_mut(&dialog) {
            Some(Owner::Running { owner, .. }) => owner.do_send(event),
            Some(Owner::Pending { waiting, .. }) => waiting.push(event),
            None => tracing::debug!(?dialog, "event for a dialog that is gone"),
        }
    }

    fn forget(&mut self, dialog: DialogKey) {
        let invite = match self.dialogs.remove(&dialog) {
            Some(Owner::Pending { invite, .. }) => Some(invite),
            Some(Owner::Running { invite, .. }) => invite,
            None => None,
        };
        if let Some(invite) = invite {
            self.by_invite.remove(&invite);
        }
    }

    fn send(&mut self, bytes: Vec<u8>, flow: Flow, ctx: &mut Context<Self>) {
        if flow.transport == Transport::Udp {
            let sent = match self.datagram_socket(flow.local) {
                Some(socket) => socket.send(&bytes, flow.remote),
                None => Err(std::io::ErrorKind::NotConnected.into()),
            };
            if let Err(error) = sent {
                tracing::debug!(to = %flow.remote, %error, "SIP datagram not sent");
            }
            return;
        }
        let peer = (flow.transport, flow.remote);
        let existing =
            flow.connection.filter(|id| self.connections.contains_key(id)).or(self.by_peer.get(&peer).copied());
        match existing.and_then(|id| self.connections.get(&id)) {
            Some(connection) => connection.do_send(Write(bytes)),
            None => self.dial(peer, flow, bytes, ctx),
        }
    }

    /// The socket bound to `local`, or the one behind it: a dialog's flow names the address we advertise.
    fn datagram_socket(&self, local: SocketAddr) -> Option<&Arc<dyn DatagramSocket>> {
        let behind = |bound: &SocketAddr| bound.port() == local.port() && bound.is_ipv4() == local.is_ipv4();
        let bound = || self.datagram.iter().find(|(bound, _)| behind(bound)).map(|(_, socket)| socket);
        self.datagram.get(&local).or_else(bound)
    }

    /// Opens a connection for what has none, once a peer however much waits for it.
    fn dial(&mut self, peer: StreamPeer, flow: Flow, bytes: Vec<u8>, ctx: &mut Context<Self>) {
        if let Some(waiting) = self.dialling.get_mut(&peer) {
            return waiting.push((flow, bytes));
        }
        self.dialling.insert(peer, vec![(flow, bytes)]);
        let connecting: BoxFuture<_> = match peer.0 {
            // until TLS is spoken: what asked for it never goes out in plain text
            Transport::Tls => Box::pin(std::future::ready(Err(std::io::ErrorKind::Unsupported.into()))),
            Transport::Udp | Transport::Tcp => self.environment.connect(peer.1),
        };
        let opened = connecting.into_actor(self).map(move |opened, endpoint, ctx| {
            let waiting = endpoint.dialling.remove(&peer).unwrap_or_default();
            match opened {
                Ok((stream, local)) => {
                    let (idle_timeout, tap) = (endpoint.idle_timeout, endpoint.tap.clone());
                    let connection = Connection::start(stream, peer.0, local, peer.1, ctx.address(), idle_timeout, tap);
                    waiting.into_iter().for_each(|(_, bytes)| connection.1.do_send(Write(bytes)));
                    endpoint.adopt(connection, peer);
                }
                Err(error) => {
                    tracing::warn!(remote = %peer.1, %error, "SIP connection cannot be opened");
                    for (flow, _) in waiting {
                        endpoint.step(endpoint::Event::TransportFailed { flow }, ctx);
                    }
                }
            }
        });
        ctx.spawn(opened);
    }

    fn adopt(&mut self, (id, connection): (ConnectionId, Addr<Connection>), peer: StreamPeer) {
        self.connections.insert(id, connection);
        self.by_peer.insert(peer, id);
    }
}

impl Actor for SipEndpoint {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
    }
}

impl Handler<TakeCalls> for SipEndpoint {
    type Result = ();

    fn handle(&mut self, TakeCalls(recipient): TakeCalls, _: &mut Self::Context) {
        self.calls = Some(recipient);
    }
}

impl Handler<Received> for SipEndpoint {
    type Result = ();

    fn handle(&mut self, Received { message, flow }: Received, ctx: &mut Self::Context) {
        self.step(endpoint::Event::Received { message, flow }, ctx);
    }
}

impl Handler<Unreadable> for SipEndpoint {
    type Result = ();

    fn handle(&mut self, Unreadable { response, flow }: Unreadable, ctx: &mut Self::Context) {
        let tag = format!("{:016x}", self.environment.random_u64());
        self.send(response.with_to_tag(&tag).to_bytes(), flow, ctx);
    }
}

impl Handler<Outgoing> for SipEndpoint {
    type Result = ();

    fn handle(&mut self, Outgoing(event): Outgoing, ctx: &mut Self::Context) {
        self.step(event, ctx);
    }
}

impl Handler<Forget> for SipEndpoint {
    type Result = ();

    fn handle(&mut self, Forget(dialog): Forget, ctx: &mut Self::Context) {
        self.forget(dialog);
        self.step(endpoint::Event::Unbind { dialog }, ctx);
    }
}

impl Handler<Own> for SipEndpoint {
    type Result = ();

    fn handle(&mut self, Own { key, dialog }: Own, _: &mut Self::Context) {
        let Some(owner) = self.dialogs.get_mut(&key) else { return };
        if let Owner::Pending { invite, waiting } = owner {
            std::mem::take(waiting).into_iter().for_each(|event| dialog.do_send(event));
            *owner = Owner::Running { invite: Some(*invite), owner: dialog.recipient() };
        }
    }
}

impl Handler<Join> for SipEndpoint {
    type Result = MessageResult<Join>;

    fn handle(&mut self, Join(owner): Join, _: &mut Self::Context) -> Self::Result {
        let key = self.new_key();
        self.dialogs.insert(key, Owner::Running { invite: None, owner });
        MessageResult(key)
    }
}

impl Handler<NewConnection> for SipEndpoint {
    type Result = ();

    fn handle(&mut self, new: NewConnection, _: &mut Self::Context) {
        self.adopt(new.connection, (new.transport, new.remote));
    }
}

impl Handler<ConnectionClosed> for SipEndpoint {
    type Result = ();

    fn handle(&mut self, ConnectionClosed { flow }: ConnectionClosed, ctx: &mut Self::Context) {
        let Some(id) = flow.connection else { return };
        self.connections.remove(&id);
        if self.by_peer.get(&(flow.transport, flow.remote)) == Some(&id) {
            self.by_peer.remove(&(flow.transport, flow.remote));
        }
        self.step(endpoint::Event::TransportFailed { flow }, ctx);
    }
}

impl Handler<GetLoad> for SipEndpoint {
    type Result = EndpointLoad;

    fn handle(&mut self, _: GetLoad, _: &mut Self::Context) -> EndpointLoad {
        EndpointLoad {
            transactions: self.core.transactions(),
            dialogs: self.dialogs.len(),
            connections: self.connections.len(),
        }
    }
}

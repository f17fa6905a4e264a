//! The endpoint: which transaction and which dialog a message belongs to, and when each transaction moves by itself.
//! Knows: messages, the flows they travel on, the transactions of `transaction`. Must not: know what a call is, own a
//! socket, read a clock or draw a random number. Start with [`Endpoint::on_event`]; `server` holds what arrives as
//! requests, `client` what we ask ourselves, `route` where messages go.

mod client;
mod key;
mod random;
mod route;
mod server;
mod table;
#[cfg(test)]
mod tests;

use super::{Flow, Message, Request, Response, Uri};
use crate::protocol::random::Random;
use client::Client;
use key::{DialogId, RequestKey};
pub use route::{Way, response_way, stamp};
use server::Server;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;
use table::{Deadlines, Flows, Id};

/// A request that arrived and is to be answered; named by the endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServerTransaction(pub u64);

/// A request of ours that waits for its answer; named by its dialog, which alone reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientTransaction(pub u64);

/// The owner of a dialog, numbered by the owner of the endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DialogKey(pub u64);

#[derive(Debug)]
pub enum Event {
    Received {
        message: Message,
        flow: Flow,
    },
    /// A response of the transaction user. A To tag and a Server field are added where they are missing; after a
    /// final response everything further is ignored.
    Respond {
        transaction: ServerTransaction,
        response: Response,
    },
    /// A request of a dialog (not ACK, not CANCEL). The endpoint adds the Via; it sends to `next_hop`, along `flow`
    /// where that leads there (see `route::request_way`). Which hop is next only the dialog knows: a strict router
    /// stands in the Request-URI although a loose one may follow it in Route (RFC 3261 8.1.2, 12.2.1.1).
    Request {
        client: ClientTransaction,
        dialog: DialogKey,
        request: Request,
        next_hop: Uri,
        flow: Flow,
    },
    /// Gives up an INVITE of a dialog; its final response, 487 as a rule, still comes (RFC 3261 9.1). Before the first
    /// provisional response nothing happens.
    Cancel {
        dialog: DialogKey,
        client: ClientTransaction,
    },
    /// The ACK to a 2xx: end to end, a message without a transaction.
    Ack {
        request: Request,
        next_hop: Uri,
        flow: Flow,
    },
    /// From now on requests with this Call-ID, To tag and From tag belong to this dialog. A From tag that is missing
    /// (RFC 2543) is the empty one.
    Bind {
        dialog: DialogKey,
        call_id: String,
        local_tag: String,
        remote_tag: String,
    },
    /// The dialog is over: its requests get 481, a 2xx still unacknowledged is no longer sent.
    Unbind {
        dialog: DialogKey,
    },
    /// A connection is gone or could not be opened, or a datagram could not be sent.
    TransportFailed {
        flow: Flow,
    },
    /// The instant of [`Endpoint::next_deadline`] has come.
    Tick,
}

#[derive(Debug)]
pub enum Command {
    Send {
        bytes: Vec<u8>,
        flow: Flow,
    },
    /// A new INVITE outside any dialog, screened and not merged; 100 Trying has been sent.
    Invite {
        transaction: ServerTransaction,
        request: Request,
        flow: Flow,
    },
    /// Any other request outside a dialog; whoever is above answers it, OPTIONS too.
    OutOfDialog {
        transaction: ServerTransaction,
        request: Request,
        flow: Flow,
    },
    /// A request of a bound dialog: re-INVITE (100 Trying has been sent), BYE, UPDATE, PRACK, INFO …
    InDialog {
        dialog: DialogKey,
        transaction: ServerTransaction,
        request: Request,
        flow: Flow,
    },
    /// The ACK to a 2xx of ours; copies of it are absorbed.
    AckReceived {
        dialog: DialogKey,
        request: Request,
    },
    /// A CANCEL matched this INVITE before its final response and has its 200. The INVITE is still to be answered,
    /// with 487 as a rule. Also told when an INVITE was left without an answer for so long that the endpoint refused it.
    Cancelled {
        transaction: ServerTransaction,
    },
    /// 64*T1 passed, or the transport failed, without an ACK to our final response to this INVITE
    /// (RFC 3261 13.3.1.4 for a 2xx, timer H for a refusal).
    NoAck {
        transaction: ServerTransaction,
    },
    /// A response to [`Event::Request`]: provisional ones, one final one, and each copy of a 2xx to INVITE, which is
    /// to be acknowledged every time (RFC 6026 7.2).
    Response {
        dialog: DialogKey,
        client: ClientTransaction,
        response: Response,
    },
    /// There will be no final response to [`Event::Request`].
    NoResponse {
        dialog: DialogKey,
        client: ClientTransaction,
        cause: NoResponseCause,
    },
}

/// Why a request of ours has no final response (RFC 3261 8.1.3.1: to be taken as 408 and 503).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoResponseCause {
    Timeout,
    Transport,
}

/// Who we are in the messages that the endpoint makes by itself, and how much it takes on.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Value of the Server field.
    pub server: String,
    /// Server transactions held at once. The last tenth is kept for requests of known dialogs and for CANCEL, so
    /// that calls can still be ended when the rest is full; beyond, requests get 503 and are forgotten.
    pub max_server_transactions: usize,
}

impl Identity {
    pub fn new(server: impl Into<String>) -> Identity {
        Identity { server: server.into(), max_server_transactions: 200_000 }
    }
}

/// What a UAS checks before anything else (RFC 3261 8.2): `Err` is the refusal, still without To tag.
pub type Screen = fn(&Request) -> Result<(), Response>;

/// The transactions and the known dialogs of one process. Every operation takes O(log n) of what it holds, for each
/// transaction it touches.
///
/// Ordered maps, not hashed ones: their keys are chosen by peers, and nothing here may depend on entropy of its own.
pub struct Endpoint {
    identity: Identity,
    screen: Screen,
    seed: u64,
    random: Random,
    last_id: u64,
    servers: BTreeMap<u64, Server>,
    clients: BTreeMap<u64, Client>,
    /// Every server transaction, by what its retransmissions have in common.
    by_request: BTreeMap<Arc<RequestKey>, u64>,
    /// Requests outside dialogs that are not refused, by what their merged copies have in common.
    ongoing: BTreeMap<Arc<key::Origin>, u64>,
    /// INVITE server transactions whose 2xx waits for the ACK with this CSeq number.
    unacknowledged: BTreeMap<(DialogId, u32), u64>,
    /// Every client transaction but CANCELs, by its branch.
    by_branch: BTreeMap<String, u64>,
    /// Those of CANCELs, by the branch they share with their INVITE.
    cancels: BTreeMap<String, u64>,
    dialogs: BTreeMap<DialogId, DialogKey>,
    bound: BTreeMap<DialogKey, DialogId>,
    flows: Flows,
    deadlines: Deadlines,
    oversized: u64,
    scratch: Vec<super::transaction::Command>,
}

impl Endpoint {
    /// `seed` is the entropy that branches and tags are derived from: it must differ between processes.
    pub fn new(identity: Identity, screen: Screen, seed: u64) -> Endpoint {
        Endpoint {
            identity,
            screen,
            seed,
            random: Random::new(seed),
            last_id: 0,
            servers: BTreeMap::new(),
            clients: BTreeMap::new(),
            by_request: BTreeMap::new(),
            ongoing: BTreeMap::new(),
            unacknowledged: BTreeMap::new(),
            by_branch: BTreeMap::new(),
            cancels: BTreeMap::new(),
            dialogs: BTreeMap::new(),
            bound: BTreeMap::new(),
            flows: Flows::default(),
            deadlines: Deadlines::default(),
            oversized: 0,
            scratch: Vec::new(),
        }
    }

    pub fn on_event(&mut self, now: Instant, event: Event, out: &mut Vec<Command>) {
        match event {
            Event::Received { message: Message::Request(request), flow } => self.receive(now, request, flow, out),
            Event::Received { message: Message::Response(response), .. } => self.receive_response(now, response, out),
            Event::Respond { transaction, response } => self.respond(now, transaction.0, response, out),
            Event::Request { client, dialog, request, next_hop, flow } => {
                let way = route::request_way(&next_hop, flow);
                self.request(now, (dialog, client), request, way, out);
            }
            Event::Cancel { dialog, client } => self.cancel(now, (dialog, client), out),
            Event::Ack { request, next_hop, flow } => {
                let way = route::request_way(&next_hop, flow);
                self.acknowledge(request, way, out);
            }
            Event::Bind { dialog, call_id, local_tag, remote_tag } => {
                self.bind(dialog, DialogId { call_id, local_tag, remote_tag });
            }
            Event::Unbind { dialog } => self.unbind(now, dialog, out),
            Event::TransportFailed { flow } => {
                for id in self.flows.using(&flow) {
                    match id {
                        Id::Server(id) => self.server_transport_failed(now, id, out),
                        Id::Client(id) => self.client_transport_failed(now, id, out),
                    }
                }
            }
            Event::Tick => {
                while let Some(id) = self.deadlines.pop_due(now) {
                    match id {
                        Id::Server(id) => self.step_server(now, id, None, out),
                        Id::Client(id) => self.step_client(now, id, None, None, out),
                    }
                }
            }
        }
    }

    /// When [`Event::Tick`] is due, if anything is under way.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.next()
    }

    /// Nothing is held: no transaction, no timer, no dialog.
    pub fn is_idle(&self) -> bool {
        self.transactions() == 0 && self.dialogs.is_empty()
    }

    /// Transactions under way, both sides.
    pub fn transactions(&self) -> usize {
        self.servers.len() + self.clients.len()
    }

    /// Dialogs bound.
    pub fn dialogs(&self) -> usize {
        self.dialogs.len()
    }

    /// Requests of ours that went out over UDP although they exceed 1300 octets. RFC 3261 18.1.1 asks for a
    /// congestion-controlled transport then; a peer that came over UDP may have none, so IP fragments them.
    pub fn oversized_requests(&self) -> u64 {
        self.oversized
    }

    /// The To tag the endpoint gives to its own answers to this request; the same for every copy of the request.
    /// A dialog that takes it as its local tag lets the 200 to a CANCEL carry it too (RFC 3261 9.2).
    pub fn local_tag(&self, request: &Request) -> String {
        random::tag(self.seed, request)
    }

    fn bind(&mut self, dialog: DialogKey, id: DialogId) {
        if let Some(old) = self.bound.insert(dialog, id.clone()).filter(|old| *old != id) {
            self.dialogs.remove(&old);
        }
        if let Some(other) = self.dialogs.insert(id, dialog).filter(|other| *other != dialog) {
            self.bound.remove(&other);
        }
    }

    fn unbind(&mut self, now: Instant, dialog: DialogKey, out: &mut Vec<Command>) {
        let Some(id) = self.bound.remove(&dialog) else { return };
        self.dialogs.remove(&id);
        self.release_unacknowledged(now, id, out);
    }

    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }
}

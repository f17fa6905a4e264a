//! The UM worker: admits calls, understands where they go, and starts a dialog for each.
//! Knows: the directory in force, what is needed to serve a call. Must not: know what happens inside one.

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;

use super::call::Call;
use super::dialog::{Dialog, HangUp};
use super::media_clock::MediaClock;
use super::rtp_ports::RtpPorts;
use super::sip_endpoint::{Forget, Incoming, Outgoing, Own, SipEndpoint};
use super::spool_writer::{SpoolState, SpoolWriter};
use crate::directory::Directory;
use crate::engine::Environment;
use crate::mailbox::greetings::Greetings;
use crate::prompts::Prompts;
use crate::protocol::sip::dialog::{Refusal, options_answer};
use crate::protocol::sip::endpoint::{self, DialogKey, ServerTransaction};
use crate::protocol::sip::{Flow, HeaderName, Method, Response, Status};

/// A full or stopping server is asked again after so long.
pub const RETRY_AFTER: Duration = Duration::from_secs(10);

/// What every call of this worker shares.
#[derive(Clone)]
pub struct Equipment {
    pub environment: Arc<dyn Environment>,
    pub endpoint: Addr<SipEndpoint>,
    pub spool: Addr<SpoolWriter>,
    pub spool_state: SpoolState,
    pub clock: Addr<MediaClock>,
    /// Where media streams run.
    pub media: ArbiterHandle,
    pub ports: RtpPorts,
    pub prompts: Arc<Prompts>,
    pub greetings: Greetings,
    pub settings: Arc<Settings>,
}

/// What the node's configuration says about calls.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Name of this server, in Server headers and Message-IDs.
    pub server: String,
    pub node: String,
    /// What peers of its IP version are told to send to; for others, and when not set, the address of the way to them.
    pub advertised: Option<IpAddr>,
    pub max_calls: usize,
    pub media_timeout: Duration,
    pub session_expires: Duration,
    pub min_se: Duration,
}

pub struct UmWorker {
    equipment: Equipment,
    directory: Arc<Directory>,
    calls: HashMap<DialogKey, Addr<Dialog>>,
    /// Calls whose caller is still there: what MaxCallsAllowed counts. Those that only finish their message do not.
    talking: HashSet<DialogKey>,
    /// Our address on the way to each gateway that has called since the directory came in force; the routing table is
    /// asked once.
    addresses: HashMap<IpAddr, IpAddr>,
    draining: bool,
}

/// A new directory is in force: the next call is understood by it.
#[derive(Message)]
#[rtype(result = "()")]
pub struct UseDirectory(pub Arc<Directory>);

/// The caller of a call has gone, or was told to.
#[derive(Message)]
#[rtype(result = "()")]
pub struct CallerGone(pub DialogKey);

/// A call has ended and holds nothing any more.
#[derive(Message)]
#[rtype(result = "()")]
pub struct CallEnded(pub DialogKey);

/// How many calls there are.
#[derive(Message)]
#[rtype(result = "usize")]
pub struct CountCalls;

/// Take no new calls.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Drain;

/// End every call now.
#[derive(Message)]
#[rtype(result = "()")]
pub struct DropCalls;

impl UmWorker {
    pub fn new(equipment: Equipment, directory: Arc<Directory>) -> UmWorker {
        UmWorker {
            equipment,
            directory,
            calls: HashMap::new(),
            talking: HashSet::new(),
            addresses: HashMap::new(),
            draining: false,
        }
    }

    fn invite(&mut self, key: DialogKey, incoming: Incoming, ctx: &mut Context<Self>) {
        match self.admit(&incoming) {
            Ok(call) => {
                let dialog = Dialog::start(key, call, incoming, self.equipment.clone(), ctx.address());
                self.calls.insert(key, dialog.clone());
                self.talking.insert(key);
                self.equipment.endpoint.do_send(Own { key, dialog });
            }
            Err(refusal) => {
                let Incoming { transaction, request, flow, .. } = incoming;
                tracing::warn!(
                    call_id = request.headers.get(&HeaderName::CallId).unwrap_or_default(),
                    peer = %flow.remote,
                    status = refusal.status.code(),
                    reason = refusal.text,
                    "call refused"
                );
                let response = refusal.response(&request);
                self.respond(transaction, response);
                self.equipment.endpoint.do_send(Forget(key));
            }
        }
    }

    /// Whether and how a call is taken.
    fn admit(&mut self, incoming: &Incoming) -> Result<Call, Refusal> {
        let settings = &self.equipment.settings;
        let busy = |text: &str| Refusal::new(Status::SERVICE_UNAVAILABLE, text).retry_after(RETRY_AFTER);
        if self.draining {
            return Err(busy("this server is going out of service"));
        }
        if self.talking.len() >= settings.max_calls {
            return Err(busy(&format!("this server has its {} calls (MaxCallsAllowed)", settings.max_calls)));
        }
        let Self { equipment, directory, addresses, .. } = self;
        Call::place(incoming, directory, equipment, |flow| address_towards(flow, equipment, addresses))
    }

    /// Answers a request outside any dialog that is no INVITE.
    fn answer(&self, Incoming { transaction, request, .. }: Incoming) {
        let response = match request.method {
            Method::Options if self.draining => {
                Refusal::new(Status::SERVICE_UNAVAILABLE, "this server is going out of service")
                    .retry_after(RETRY_AFTER)
                    .response(&request)
            }
            Method::Options => options_answer(&request),
            _ => Refusal::new(Status::METHOD_NOT_ALLOWED, "only calls and OPTIONS are taken here").response(&request),
        };
        self.respond(transaction, response);
    }

    fn respond(&self, transaction: ServerTransaction, response: Response) {
        self.equipment.endpoint.do_send(Outgoing(endpoint::Event::Respond { transaction, response }));
    }
}

/// The address we name to this peer in Contact and SDP. To be asked for known gateways only: each is remembered.
fn address_towards(flow: Flow, equipment: &Equipment, addresses: &mut HashMap<IpAddr, IpAddr>) -> io::Result<IpAddr> {
    let remote = flow.remote.ip();
    let reachable = |address: &IpAddr| address.is_ipv4() == remote.to_canonical().is_ipv4();
    if let Some(advertised) = equipment.settings.advertised.filter(reachable) {
        return Ok(advertised);
    }
    if !flow.local.ip().is_unspecified() {
        return Ok(flow.local.ip());
    }
    if let Some(address) = addresses.get(&remote) {
        return Ok(*address);
    }
    let address = equipment.environment.address_towards(remote)?;
    addresses.insert(remote, address);
    Ok(address)
}

impl Actor for UmWorker {
    type Context = Context<Self>;
}

impl Handler<Incoming> for UmWorker {
    type Result = ();

    fn handle(&mut self, incoming: Incoming, ctx: &mut Self::Context) {
        match incoming.dialog {
            Some(key) => self.invite(key, incoming, ctx),
            None => self.answer(incoming),
        }
    }
}

impl Handler<UseDirectory> for UmWorker {
    type Result = ();

    fn handle(&mut self, UseDirectory(directory): UseDirectory, _: &mut Self::Context) {
        self.directory = directory;
        self.addresses.clear();
    }
}

impl Handler<CallerGone> for UmWorker {
    type Result = ();

    fn handle(&mut self, CallerGone(key): CallerGone, _: &mut Self::Context) {
        self.talking.remove(&key);
    }
}

impl Handler<CallEnded> for UmWorker {
    type Result = ();

    fn handle(&mut self, CallEnded(key): CallEnded, _: &mut Self::Context) {
        self.talking.remove(&key);
        self.calls.remove(&key);
    }
}

impl Handler<CountCalls> for UmWorker {
    type Result = usize;

    fn handle(&mut self, _: CountCalls, _: &mut Self::Context) -> usize {
        self.calls.len()
    }
}

impl Handler<Drain> for UmWorker {
    type Result = ();

    fn handle(&mut self, _: Drain, _: &mut Self::Context) {
        self.draining = true;
    }
}

impl Handler<DropCalls> for UmWorker {
    type Result = ();

    fn handle(&mut self, _: DropCalls, _: &mut Self::Context) {
        self.draining = true;
        self.calls.values().for_each(|dialog| dialog.do_send(HangUp));
    }
}

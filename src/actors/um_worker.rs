//! The UM worker: admits calls, understands where they go, and starts a dialog for each.
//! Knows: the directory in force, what is needed to serve a call. Must not: know what happens inside one.

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;

use super::call::{Call, is_ours};
use super::call_events::CallHappened;
use super::call_refused;
use super::dialog::{Dialog, HangUp};
use super::media_clock::MediaClock;
use super::rtp_ports::RtpPorts;
use super::sip_endpoint::{Forget, Incoming, Outgoing, Own, SipEndpoint};
use super::spool_writer::{SpoolState, SpoolWriter};
use super::test_caller::TestCaller;
use crate::directory::Directory;
use crate::engine::{Environment, Place};
use crate::link::{CallSelector, Settings};
use crate::mailbox::greetings::Greetings;
use crate::metrics::RefusedBy;
use crate::prompts::Prompts;
use crate::protocol::sip::calling_party::calling_party;
use crate::protocol::sip::dialog::{Refusal, options_answer};
use crate::protocol::sip::endpoint::{self, DialogKey, ServerTransaction};
use crate::protocol::sip::{Flow, HeaderName, Method, Request, Response, Status, Uri};
use crate::records::refusals::{Peer, Refusals, Told};
use crate::records::test_call::{TestOrder, TestOutcome};
use crate::routing::{Account, Refused, peer_of};

/// Why a server that is about to end takes no calls.
pub const LEAVING: &str = "this server is going out of service";
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
    pub media: Place,
    pub ports: RtpPorts,
    pub prompts: Arc<Prompts>,
    pub greetings: Greetings,
    pub settings: Arc<Settings>,
    /// The sockets SIP is taken on.
    pub listens: Arc<[SocketAddr]>,
    /// Who keeps account of calls.
    pub events: Recipient<CallHappened>,
}

/// A worker that is being replaced still takes calls for so long: those that were sent to it just before.
pub const STRAGGLERS: Duration = Duration::from_secs(10);

pub struct UmWorker {
    equipment: Equipment,
    directory: Arc<Directory>,
    calls: HashMap<DialogKey, Taken>,
    /// Calls whose caller is still there: what MaxCallsAllowed counts. Those that only finish their message do not.
    talking: HashSet<DialogKey>,
    /// Our address on the way to each gateway that has called since the directory came in force; the routing table is
    /// asked once.
    addresses: HashMap<IpAddr, IpAddr>,
    limit: Limit,
    refusals: Refusals,
    /// No calls are taken, for this reason.
    refuse: Option<String>,
    /// Since when another worker takes the calls.
    draining: Option<Instant>,
    /// Users whose calls are tests of this server's own.
    tests: Vec<String>,
    /// Who is told how many calls there are.
    count: Recipient<CallCount>,
}

/// A call that was taken.
struct Taken {
    dialog: Addr<Dialog>,
    gateway: String,
    call_id: String,
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

/// How many calls the node may have, and how many its other workers have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Message)]
#[rtype(result = "()")]
pub struct Limit {
    pub max_calls: u32,
    pub elsewhere: u32,
}

/// Take no calls, and tell their gateways why; `None`: take them.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Refuse(pub Option<String>);

/// Another worker takes the calls from now on.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Drain;

/// End these calls now.
#[derive(Message)]
#[rtype(result = "()")]
pub struct DropCalls(pub CallSelector);

/// Calls for these users are tests.
#[derive(Message)]
#[rtype(result = "()")]
pub struct ExpectTests(pub Vec<String>);

/// Place a test call.
#[derive(Message)]
#[rtype(result = "()")]
pub struct PlaceTest(pub TestOrder);

/// How many calls there are.
#[derive(Message)]
#[rtype(result = "CallCount")]
pub struct CountCalls;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Message, MessageResponse)]
#[rtype(result = "()")]
pub struct CallCount {
    /// That hold anything.
    pub calls: usize,
    /// Whose caller is still there.
    pub talking: usize,
}

impl Limit {
    /// Whether so many callers of one worker leave no room for another.
    pub fn is_reached_by(self, talking: usize) -> bool {
        talking as u64 + u64::from(self.elsewhere) >= u64::from(self.max_calls)
    }
}

impl UmWorker {
    pub fn new(
        equipment: Equipment,
        directory: Arc<Directory>,
        limit: Limit,
        refuse: Option<String>,
        count: Recipient<CallCount>,
    ) -> UmWorker {
        UmWorker {
            refusals: Refusals::new(equipment.environment.now()),
            equipment,
            directory,
            calls: HashMap::new(),
            talking: HashSet::new(),
            addresses: HashMap::new(),
            limit,
            refuse,
            draining: None,
            tests: Vec::new(),
            count,
        }
    }

    fn invite(&mut self, key: DialogKey, incoming: Incoming, ctx: &mut Context<Self>) {
        match self.admit(&incoming) {
            Ok(call) => {
                let (gateway, call_id) = (call.details.gateway.clone(), call.details.call_id.clone());
                let dialog = Dialog::start(key, call, incoming, self.equipment.clone(), ctx.address());
                self.calls.insert(key, Taken { dialog: dialog.clone(), gateway, call_id });
                self.talking.insert(key);
                self.tell_count();
                self.equipment.endpoint.do_send(Own { key, dialog });
            }
            Err(refusal) => {
                let Incoming { transaction, request, flow, .. } = incoming;
                self.refused(&request, flow, &refusal);
                let response = refusal.response(&request);
                self.respond(transaction, response);
                self.equipment.endpoint.do_send(Forget(key));
            }
        }
    }

    /// Tells of a refused call, within what may be told of refused calls.
    fn refused(&mut self, request: &Request, flow: Flow, refusal: &Refusal) {
        let Self { equipment, directory, refusals, .. } = self;
        let peer = peer_of(request, flow.remote, |ip| is_ours(ip, directory, &*equipment.environment));
        let gateway = directory.gateway_of(peer.ip(), peer.port());
        let refused = Refused {
            call_id: request.headers.get(&HeaderName::CallId).unwrap_or_default().to_owned(),
            status: refusal.status,
            why: refusal.text.clone(),
        };
        let of = if gateway.is_some() { Peer::Gateway } else { Peer::Stranger };
        let told = refusals.refused(equipment.environment.now(), &refused.call_id, of);
        let Told::New { line, record } = told else { return };
        if let Some(before) = line {
            call_refused::log(RefusedBy::UmWorker, &refused, peer, before);
        }
        let not_recorded = gateway.is_some() && record.is_none();
        equipment.events.do_send(CallHappened::Refused { status: refused.status.code(), not_recorded });
        if let Some(gateway) = gateway.filter(|_| record.is_some()) {
            let account = Account::of(request, gateway, peer, calling_party(request).as_ref());
            let (now, node) = (equipment.environment.wall(), &equipment.settings.node);
            let record = call_refused::record(account, &refused, now, node);
            equipment.events.do_send(CallHappened::Ended(Box::new(record)));
        }
    }

    /// Whether and how a call is taken.
    fn admit(&mut self, incoming: &Incoming) -> Result<Call, Refusal> {
        let busy = |text: &str| Refusal::new(Status::SERVICE_UNAVAILABLE, text).retry_after(RETRY_AFTER);
        if let Some(why) = self.refusing() {
            return Err(busy(why));
        }
        if self.limit.is_reached_by(self.talking.len()) {
            return Err(busy(&full(self.limit.max_calls)));
        }
        if incoming.request.uri.user().is_some_and(|user| self.tests.contains(&user)) {
            return Call::test(incoming, &self.equipment);
        }
        let Self { equipment, directory, addresses, .. } = self;
        Call::place(incoming, directory, equipment, |flow| address_towards(flow, equipment, addresses))
    }

    /// Why no call is taken at this moment.
    fn refusing(&self) -> Option<&str> {
        let now = self.equipment.environment.now();
        let over = self.draining.is_some_and(|since| now.saturating_duration_since(since) >= STRAGGLERS);
        self.refuse.as_deref().or(over.then_some("another worker of this server takes the calls"))
    }

    fn tell_count(&self) {
        self.count.do_send(self.count());
    }

    fn count(&self) -> CallCount {
        CallCount { calls: self.calls.len(), talking: self.talking.len() }
    }

    fn place_test(&self, order: TestOrder) -> Result<(), String> {
        let hop = Uri::parse(order.next_hop());
        let address = hop.address().ok_or_else(|| format!("{hop} has no address"))?;
        let listens = &self.equipment.listens;
        let socket = listens.iter().find(|socket| socket.is_ipv4() == address.is_ipv4());
        let socket = *socket.ok_or_else(|| format!("this worker has no socket that reaches {address}"))?;
        let advertised = self.equipment.settings.advertised.filter(|ip| ip.is_ipv4() == address.is_ipv4());
        let ip = match (order.outside, advertised) {
            (true, Some(advertised)) => advertised,
            _ if !socket.ip().is_unspecified() => socket.ip(),
            _ => {
                let towards = self.equipment.environment.address_towards(address);
                towards.map_err(|error| format!("no way to {address}: {error}"))?
            }
        };
        TestCaller::start(self.equipment.clone(), order, socket, ip)
    }

    /// Answers a request outside any dialog that is no INVITE.
    fn answer(&self, Incoming { transaction, request, .. }: Incoming) {
        let response = match request.method {
            Method::Options if self.refusing().is_some() => {
                Refusal::new(Status::SERVICE_UNAVAILABLE, self.refusing().unwrap_or_default())
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

/// Why a server that has its calls takes no more.
pub fn full(max_calls: u32) -> String {
    format!("this server has its {max_calls} calls (MaxCallsAllowed)")
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
        if self.talking.remove(&key) {
            self.tell_count();
        }
    }
}

impl Handler<CallEnded> for UmWorker {
    type Result = ();

    fn handle(&mut self, CallEnded(key): CallEnded, _: &mut Self::Context) {
        self.talking.remove(&key);
        self.calls.remove(&key);
        self.tell_count();
    }
}

impl Handler<CountCalls> for UmWorker {
    type Result = CallCount;

    fn handle(&mut self, _: CountCalls, _: &mut Self::Context) -> CallCount {
        self.count()
    }
}

impl Handler<ExpectTests> for UmWorker {
    type Result = ();

    fn handle(&mut self, ExpectTests(tests): ExpectTests, _: &mut Self::Context) {
        self.tests = tests;
    }
}

impl Handler<PlaceTest> for UmWorker {
    type Result = ();

    fn handle(&mut self, PlaceTest(order): PlaceTest, _: &mut Self::Context) {
        let token = order.token.clone();
        if let Err(reason) = self.place_test(order) {
            let outcome = Box::new(TestOutcome::failed(reason));
            self.equipment.events.do_send(CallHappened::Tested { token, outcome });
        }
    }
}

impl Handler<Limit> for UmWorker {
    type Result = ();

    fn handle(&mut self, limit: Limit, _: &mut Self::Context) {
        self.limit = limit;
    }
}

impl Handler<Refuse> for UmWorker {
    type Result = ();

    fn handle(&mut self, Refuse(refuse): Refuse, _: &mut Self::Context) {
        self.refuse = refuse;
    }
}

impl Handler<Drain> for UmWorker {
    type Result = ();

    fn handle(&mut self, _: Drain, _: &mut Self::Context) {
        self.draining.get_or_insert(self.equipment.environment.now());
    }
}

impl Handler<DropCalls> for UmWorker {
    type Result = ();

    fn handle(&mut self, DropCalls(which): DropCalls, _: &mut Self::Context) {
        let chosen = self.calls.values().filter(|call| match &which {
            CallSelector::All => true,
            CallSelector::IpGateway(name) => call.gateway.eq_ignore_ascii_case(name),
            CallSelector::Call(call_id) => call.call_id == *call_id,
        });
        chosen.for_each(|call| call.dialog.do_send(HangUp));
    }
}

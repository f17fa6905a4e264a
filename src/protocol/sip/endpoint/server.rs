//! Requests that arrive: matched, refused or handed up; and their answers (RFC 3261 8.2, 9.2, 12.2.2, 17.2).
//! Knows: the tables of the endpoint. Must not: decide how a call is answered.

use super::super::transaction::{Command as Order, Failure, InviteServer, NonInviteServer, ServerEvent};
use super::super::values::Via;
use super::super::{Flow, HeaderName, Message, Method, NameAddr, Request, Response, Status, Uri};
use super::key::{self, DialogId, Origin, RequestKey};
use super::route::{self, Way};
use super::table::{Alarm, Id};
use super::{Command, DialogKey, Endpoint, ServerTransaction};
use std::sync::Arc;
use std::time::Instant;

/// Seconds after which a peer that met a full endpoint may try again: by then the oldest transactions have ended.
const RETRY_AFTER: &str = "32";

/// A request that arrived and what has been said to it.
pub(super) struct Server {
    machine: Machine,
    key: Arc<RequestKey>,
    way: Way,
    /// To tag of our responses: the derived one until the transaction user gives its own.
    local_tag: String,
    /// The last response, as it went out.
    last: Vec<u8>,
    /// A CANCEL came: the transaction user has been told.
    cancelled: bool,
    alarm: Alarm,
}

#[derive(Debug)]
enum Machine {
    Invite(InviteServer),
    NonInvite(NonInviteServer),
}

impl Endpoint {
    pub(super) fn receive(&mut self, now: Instant, mut request: Request, flow: Flow, out: &mut Vec<Command>) {
        let Some(via) = Via::top(&request.headers) else {
            // nobody says where the answer goes; the flow is known to lead back
            let refusal = (self.screen)(&request).err().unwrap_or_else(|| request.response(Status::BAD_REQUEST));
            return self.refuse(&request, refusal, flow, out);
        };
        route::stamp(&mut request, &via, flow.remote);
        let way = route::response_way(&via, flow);
        match request.method {
            Method::Ack => self.receive_ack(now, request, &via, out),
            Method::Cancel => self.receive_cancel(now, request, &via, way, out),
            _ => {
                let key = RequestKey::new(&request, &via, &request.method);
                if !self.receive_again(now, &key, way, out) {
                    self.receive_new(now, request, key, flow, way, out);
                }
            }
        }
    }

    /// A retransmission, if the request is known. It may come along a new flow, when the old connection was lost:
    /// then its answers go there too.
    fn receive_again(&mut self, now: Instant, key: &RequestKey, way: Way, out: &mut Vec<Command>) -> bool {
        let Some(&id) = self.by_request.get(key) else { return false };
        self.turn_server(id, way);
        self.step_server(now, id, Some(ServerEvent::Request), out);
        true
    }

    fn receive_new(
        &mut self,
        now: Instant,
        request: Request,
        key: RequestKey,
        flow: Flow,
        way: Way,
        out: &mut Vec<Command>,
    ) {
        if let Err(refusal) = (self.screen)(&request) {
            return self.refuse(&request, refusal, way.flow, out);
        }
        let dialog = match DialogId::of_request(&request) {
            Some(id) => match self.dialogs.get(&id) {
                Some(dialog) => Some(*dialog),
                // 12.2.2
                None => return self.refuse_with(&request, Status::CALL_DOES_NOT_EXIST, way.flow, out),
            },
            None => None,
        };
        if dialog.is_none() {
            // these live inside a dialog only: RFC 3261 15.1.2, 3262 3, 3311 5.2, 6086 4.2.2
            if matches!(request.method, Method::Bye | Method::Prack | Method::Update | Method::Info) {
                return self.refuse_with(&request, Status::CALL_DOES_NOT_EXIST, way.flow, out);
            }
            // 8.2.2.2
            if self.ongoing.contains_key(&key.origin) {
                return self.refuse_with(&request, Status::LOOP_DETECTED, way.flow, out);
            }
        }
        if !self.has_room(dialog) {
            let refusal = request.response(Status::SERVICE_UNAVAILABLE).with(HeaderName::RetryAfter, RETRY_AFTER);
            return self.refuse(&request, refusal, way.flow, out);
        }

        let origin = key.origin.clone();
        let id = self.open_server(now, &request, key, way, out);
        if dialog.is_none() {
            self.ongoing.insert(origin, id);
        }
        let transaction = ServerTransaction(id);
        out.push(match dialog {
            Some(dialog) => Command::InDialog { dialog, transaction, request, flow },
            None if request.method == Method::Invite => Command::Invite { transaction, request, flow },
            None => Command::OutOfDialog { transaction, request, flow },
        });
    }

    /// RFC 3261 17.2.1 for a refusal, 13.3.1.4 for a 2xx.
    fn receive_ack(&mut self, now: Instant, request: Request, via: &Via, out: &mut Vec<Command>) {
        let of_invite = self.by_request.get(&RequestKey::new(&request, via, &Method::Invite));
        if let Some((&id, server)) = of_invite.and_then(|id| Some((id, self.servers.get(id)?)))
            && matches!(server.machine, Machine::Invite(invite) if invite.is_refused())
        {
            return self.step_server(now, id, Some(ServerEvent::Ack), out);
        }
        let Some(dialog_id) = DialogId::of_request(&request) else { return };
        let waiting = (dialog_id, key::cseq_number(&request));
        let Some(id) = self.unacknowledged.remove(&waiting) else { return };
        self.step_server(now, id, Some(ServerEvent::Ack), out);
        if let Some(&dialog) = self.dialogs.get(&waiting.0) {
            out.push(Command::AckReceived { dialog, request });
        }
    }

    /// RFC 3261 9.2. It is answered before anything is checked: what it cancels decides.
    fn receive_cancel(&mut self, now: Instant, request: Request, via: &Via, way: Way, out: &mut Vec<Command>) {
        let key = RequestKey::new(&request, via, &Method::Cancel);
        if self.receive_again(now, &key, way, out) {
            return;
        }
        let invite = self.by_request.get(&RequestKey::new(&request, via, &Method::Invite)).copied();
        let Some((id, server)) = invite.and_then(|id| Some((id, self.servers.get_mut(&id)?))) else {
            let refusal = (self.screen)(&request).err();
            let refusal = refusal.unwrap_or_else(|| request.response(Status::CALL_DOES_NOT_EXIST));
            return self.refuse(&request, refusal, way.flow, out);
        };
        let still_open = matches!(server.machine, Machine::Invite(invite) if invite.is_proceeding());
        let first = still_open && !std::mem::replace(&mut server.cancelled, true);
        let ok = request.response(Status::OK).with_to_tag(&server.local_tag);
        if self.servers.len() < self.identity.max_server_transactions {
            let cancel = self.open_server(now, &request, key, way, out);
            self.respond(now, cancel, ok, out);
        } else {
            self.refuse(&request, ok, way.flow, out);
        }
        if first {
            out.push(Command::Cancelled { transaction: ServerTransaction(id) });
        }
    }

    /// Starts the transaction of a request; an INVITE has its 100 at once.
    fn open_server(
        &mut self,
        now: Instant,
        request: &Request,
        key: RequestKey,
        way: Way,
        out: &mut Vec<Command>,
    ) -> u64 {
        let id = self.next_id();
        let reliable = way.flow.transport.is_reliable();
        let mut alarm = Alarm::default();
        let machine = match request.method {
            Method::Invite => Machine::Invite(InviteServer::new(reliable)),
            _ => {
                let machine = NonInviteServer::new(reliable);
                machine.start(&mut self.scratch);
                for order in self.scratch.drain(..) {
                    if let Order::Arm(timer, after) = order {
                        alarm.timers.arm(timer, now + after);
                    }
                }
                Machine::NonInvite(machine)
            }
        };
        self.deadlines.list(Id::Server(id), &mut alarm);
        self.flows.join(&way.flow, Id::Server(id));
        let key = Arc::new(key);
        self.by_request.insert(key.clone(), id);
        let local_tag = self.local_tag(request);
        let server = Server { machine, key, way, local_tag, last: Vec::new(), cancelled: false, alarm };
        self.servers.insert(id, server);
        if request.method == Method::Invite {
            self.respond(now, id, request.response(Status::TRYING), out);
        }
        id
    }

    pub(super) fn respond(&mut self, now: Instant, id: u64, response: Response, out: &mut Vec<Command>) {
        let Some(server) = self.servers.get_mut(&id).filter(|server| server.machine.is_proceeding()) else { return };
        let mut response = response.with_to_tag(&server.local_tag);
        sign(&mut response, &self.identity.server);
        let to = response.headers.get(&HeaderName::To).map(NameAddr::parse);
        if let Some(tag) = to.as_ref().and_then(NameAddr::tag).filter(|tag| *tag != server.local_tag) {
            server.local_tag = tag.to_owned();
        }
        server.last = response.to_bytes();
        if matches!(server.machine, Machine::Invite(_)) && response.status.is_success() {
            self.unacknowledged.insert(server.acknowledgement(), id);
        }
        if response.status.code() >= 300 {
            // the next attempt of a peer that hunts or follows a redirect has the same origin and is no copy
            let origin = server.key.origin.clone();
            self.end_ongoing(&origin, id);
        }
        self.step_server(now, id, Some(ServerEvent::Respond(response.status)), out);
    }

    /// Runs the machine for this event, if there is one, and for every timer that is due; carries out what it asks.
    pub(super) fn step_server(&mut self, now: Instant, id: u64, event: Option<ServerEvent>, out: &mut Vec<Command>) {
        let Some(server) = self.servers.get_mut(&id) else { return };
        let transaction = ServerTransaction(id);
        let mut unanswered = None;
        let mut next = event;
        while let Some(event) = next.or_else(|| server.alarm.timers.pop_due(now).map(ServerEvent::Fired)) {
            server.machine.on_event(event, &mut self.scratch);
            for order in self.scratch.drain(..) {
                match order {
                    Order::Send => out.push(Command::Send { bytes: server.last.clone(), flow: server.way.flow }),
                    Order::Arm(timer, after) => server.alarm.timers.arm(timer, now + after),
                    Order::Disarm(timer) => server.alarm.timers.disarm(timer),
                    Order::Report(Failure::NoAck) => out.push(Command::NoAck { transaction }),
                    Order::Report(Failure::Unanswered) => unanswered = last_resort(&server.last),
                    Order::Report(_) | Order::Acknowledge | Order::Deliver => {}
                }
            }
            if server.machine.is_terminated() {
                return self.close_server(id);
            }
            next = None;
        }
        self.deadlines.list(Id::Server(id), &mut server.alarm);
        if let Some(response) = unanswered {
            self.respond(now, id, response, out);
            out.push(Command::Cancelled { transaction });
        }
    }

    fn close_server(&mut self, id: u64) {
        let Some(mut server) = self.servers.remove(&id) else { return };
        self.deadlines.strike(Id::Server(id), &mut server.alarm);
        self.flows.leave(&server.way.flow, Id::Server(id));
        self.by_request.remove(&server.key);
        self.end_ongoing(&server.key.origin, id);
        if matches!(server.machine, Machine::Invite(_)) {
            let waiting = server.acknowledgement();
            if self.unacknowledged.get(&waiting) == Some(&id) {
                self.unacknowledged.remove(&waiting);
            }
        }
    }

    fn end_ongoing(&mut self, origin: &Arc<Origin>, id: u64) {
        if self.ongoing.get(origin) == Some(&id) {
            self.ongoing.remove(origin);
        }
    }

    /// Nobody waits for the ACKs of this dialog any more.
    pub(super) fn release_unacknowledged(&mut self, now: Instant, dialog: DialogId, out: &mut Vec<Command>) {
        let waiting = self.unacknowledged.range((dialog.clone(), 0)..=(dialog, u32::MAX));
        for (key, id) in waiting.map(|(key, id)| (key.clone(), *id)).collect::<Vec<_>>() {
            self.unacknowledged.remove(&key);
            self.step_server(now, id, Some(ServerEvent::Released), out);
        }
    }

    pub(super) fn server_transport_failed(&mut self, now: Instant, id: u64, out: &mut Vec<Command>) {
        let Some(server) = self.servers.get(&id) else { return };
        let Some(flow) = server.way.otherwise else {
            return self.step_server(now, id, Some(ServerEvent::TransportFailed), out);
        };
        // 18.2.2: a new connection. A refusal without ACK may not have arrived, and no timer sends it again
        let resend = matches!(server.machine, Machine::Invite(invite) if invite.is_completed());
        let bytes = resend.then(|| server.last.clone());
        self.turn_server(id, Way { flow, otherwise: None });
        out.extend(bytes.map(|bytes| Command::Send { bytes, flow }));
    }

    /// From now on the answers of this transaction go that way.
    fn turn_server(&mut self, id: u64, way: Way) {
        let Some(server) = self.servers.get_mut(&id).filter(|server| server.way != way) else { return };
        self.flows.leave(&server.way.flow, Id::Server(id));
        self.flows.join(&way.flow, Id::Server(id));
        server.way = way;
    }

    fn has_room(&self, dialog: Option<DialogKey>) -> bool {
        let most = self.identity.max_server_transactions;
        let reserved = if dialog.is_some() { 0 } else { most / 10 };
        self.servers.len() < most - reserved
    }

    fn refuse_with(&self, request: &Request, status: Status, flow: Flow, out: &mut Vec<Command>) {
        self.refuse(request, request.response(status), flow, out);
    }

    /// Answers and forgets (RFC 3261 8.2.7): a copy of the request gets the same answer, the ACK matches nothing.
    fn refuse(&self, request: &Request, response: Response, flow: Flow, out: &mut Vec<Command>) {
        if request.method != Method::Ack {
            let mut response = response.with_to_tag(&self.local_tag(request));
            sign(&mut response, &self.identity.server);
            out.push(Command::Send { bytes: response.to_bytes(), flow });
        }
    }
}

impl Server {
    /// What the ACK to our 2xx is recognised by.
    fn acknowledgement(&self) -> (DialogId, u32) {
        let Origin { call_id, from_tag, cseq, .. } = &*self.key.origin;
        let local_tag = self.local_tag.clone();
        (DialogId { call_id: call_id.clone(), local_tag, remote_tag: from_tag.clone() }, *cseq)
    }
}

impl Machine {
    fn on_event(&mut self, event: ServerEvent, out: &mut Vec<Order>) {
        match self {
            Machine::Invite(machine) => machine.on_event(event, out),
            Machine::NonInvite(machine) => machine.on_event(event, out),
        }
    }

    fn is_terminated(&self) -> bool {
        match self {
            Machine::Invite(machine) => machine.is_terminated(),
            Machine::NonInvite(machine) => machine.is_terminated(),
        }
    }

    fn is_proceeding(&self) -> bool {
        match self {
            Machine::Invite(machine) => machine.is_proceeding(),
            Machine::NonInvite(machine) => machine.is_proceeding(),
        }
    }
}

/// The 500 to an INVITE that the transaction user forgot, made of the last provisional response to it.
fn last_resort(provisional: &[u8]) -> Option<Response> {
    let Ok(Message::Response(provisional)) = Message::parse(provisional) else { return None };
    let mut invite = Request::new(Method::Invite, Uri::parse(""));
    invite.headers = provisional.headers;
    Some(invite.response(Status::SERVER_INTERNAL_ERROR))
}

fn sign(response: &mut Response, server: &str) {
    if response.headers.get(&HeaderName::Server).is_none() {
        response.headers.push(HeaderName::Server, server);
    }
}

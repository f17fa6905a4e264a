//! Requests of ours, their responses, the ACKs and CANCELs of our INVITEs (RFC 3261 8.1, 9.1, 17.1).
//! Knows: the tables of the endpoint. Must not: decide what is asked of the peer.

use super::super::transaction::{ClientEvent, Command as Order, Failure, InviteClient, NonInviteClient};
use super::super::values::{CSeq, Via};
use super::super::{Flow, HeaderName, Method, Request, Response, Transport};
use super::route::Way;
use super::table::{Alarm, Id};
use super::{ClientTransaction, Command, DialogKey, Endpoint, NoResponseCause};
use std::collections::BTreeMap;
use std::time::Instant;

/// RFC 3261 18.1.1: the largest request for a datagram when the path MTU is not known, octets.
const DATAGRAM_LIMIT: usize = 1300;

/// A request that waits for its response.
pub(super) struct Client {
    machine: Machine,
    /// Who asked, and how it calls this request.
    owner: (DialogKey, ClientTransaction),
    branch: String,
    method: Method,
    /// The request, as it went out.
    bytes: Vec<u8>,
    /// The ACK to a refusal but for the To of that (INVITE only).
    ack: Option<Request>,
    way: Way,
    alarm: Alarm,
}

#[derive(Debug)]
enum Machine {
    Invite(InviteClient),
    NonInvite(NonInviteClient),
}

impl Endpoint {
    pub(super) fn request(
        &mut self,
        now: Instant,
        owner: (DialogKey, ClientTransaction),
        mut request: Request,
        way: Way,
        out: &mut Vec<Command>,
    ) {
        let branch = self.complete(&mut request, &way.flow);
        self.start_client(now, owner, request, branch, way, out);
    }

    /// Sends CANCEL for an INVITE that has got a provisional response and no final one (9.1), under a number of its
    /// own; its answer reaches nobody, for the INVITE's says what became of it. Looks through all requests of ours: it is
    /// rare, and no table is kept for it.
    pub(super) fn cancel(&mut self, now: Instant, owner: (DialogKey, ClientTransaction), out: &mut Vec<Command>) {
        let mut clients = self.clients.iter();
        let Some((&id, client)) = clients.find(|(_, client)| client.owner == owner && client.machine.is_proceeding())
        else {
            return;
        };
        let (branch, way) = (client.branch.clone(), Way { otherwise: None, ..client.way });
        let Some(cancel) = client.ack.as_ref().map(cancel_of) else { return };
        self.step_client(now, id, Some(ClientEvent::Cancelled), None, out);
        self.start_client(now, owner, cancel, branch, way, out);
    }

    fn start_client(
        &mut self,
        now: Instant,
        owner: (DialogKey, ClientTransaction),
        request: Request,
        branch: String,
        way: Way,
        out: &mut Vec<Command>,
    ) {
        let reliable = way.flow.transport.is_reliable();
        let machine = match request.method {
            Method::Invite => Machine::Invite(InviteClient::new(reliable)),
            _ => Machine::NonInvite(NonInviteClient::new(reliable)),
        };
        let ack = (request.method == Method::Invite).then(|| ack_to_refusal(&request));
        let bytes = request.to_bytes();
        if way.flow.transport == Transport::Udp && bytes.len() > DATAGRAM_LIMIT {
            self.oversized += 1;
        }
        let id = self.next_id();
        machine.start(&mut self.scratch);
        self.by_branch_of(&request.method).insert(branch.clone(), id);
        self.flows.join(&way.flow, Id::Client(id));
        let alarm = Alarm::default();
        let method = request.method;
        self.clients.insert(id, Client { machine, owner, branch, method, bytes, ack, way, alarm });
        self.run_client(now, id, None, out);
    }

    /// The ACK to a 2xx: nothing is kept of it, the dialog sends it again for each copy of the 2xx.
    pub(super) fn acknowledge(&mut self, mut request: Request, Way { flow, .. }: Way, out: &mut Vec<Command>) {
        self.complete(&mut request, &flow);
        out.push(Command::Send { bytes: request.to_bytes(), flow });
    }

    /// Adds the Via with a fresh branch, which is returned, and Max-Forwards (RFC 3261 8.1.1.6, 8.1.1.7, RFC 3581 3).
    fn complete(&mut self, request: &mut Request, flow: &Flow) -> String {
        let branch = super::random::branch(&mut self.random);
        let rport = if flow.transport == Transport::Udp { ";rport" } else { "" };
        let via = format!("SIP/2.0/{} {}{rport};branch={branch}", flow.transport.as_str(), flow.local);
        request.headers.push_front(HeaderName::Via, via);
        if request.headers.get(&HeaderName::MaxForwards).is_none() {
            request.headers.push(HeaderName::MaxForwards, "70");
        }
        branch
    }

    /// RFC 3261 17.1.3; 8.1.3.3: with more than our own Via it was not meant for us.
    pub(super) fn receive_response(&mut self, now: Instant, response: Response, out: &mut Vec<Command>) {
        if response.headers.values(&HeaderName::Via).nth(1).is_some() {
            return;
        }
        let (Some(via), Some(cseq)) = (Via::top(&response.headers), CSeq::of(&response.headers)) else { return };
        let by_branch = self.by_branch_of(&cseq.method);
        let Some(&id) = via.branch().and_then(|branch| by_branch.get(branch)) else { return };
        if self.clients.get(&id).is_some_and(|client| client.method == cseq.method) {
            let event = ClientEvent::Response(response.status);
            self.step_client(now, id, Some(event), Some(response), out);
        }
    }

    /// Runs the machine for this event, if there is one, and for every timer that is due; carries out what it asks.
    /// `response` is what came with the event.
    pub(super) fn step_client(
        &mut self,
        now: Instant,
        id: u64,
        event: Option<ClientEvent>,
        response: Option<Response>,
        out: &mut Vec<Command>,
    ) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        if let Some(event) = event {
            client.machine.on_event(event, &mut self.scratch);
            self.run_client(now, id, response, out);
        }
        while let Some(client) = self.clients.get_mut(&id)
            && let Some(timer) = client.alarm.timers.pop_due(now)
        {
            client.machine.on_event(ClientEvent::Fired(timer), &mut self.scratch);
            self.run_client(now, id, None, out);
        }
    }

    /// Carries out what the machine has just asked for, and notes when it moves next.
    fn run_client(&mut self, now: Instant, id: u64, mut response: Option<Response>, out: &mut Vec<Command>) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let (flow, (dialog, name)) = (client.way.flow, client.owner);
        let told = client.method != Method::Cancel;
        let no_response = |cause| told.then_some(Command::NoResponse { dialog, client: name, cause });
        for order in self.scratch.drain(..) {
            match order {
                Order::Send => out.push(Command::Send { bytes: client.bytes.clone(), flow }),
                Order::Arm(timer, after) => client.alarm.timers.arm(timer, now + after),
                Order::Disarm(timer) => client.alarm.timers.disarm(timer),
                Order::Acknowledge => {
                    let to = response.as_ref().and_then(|response| response.headers.get(&HeaderName::To));
                    if let (Some(ack), Some(to)) = (&mut client.ack, to) {
                        ack.headers.set(HeaderName::To, to);
                        out.push(Command::Send { bytes: ack.to_bytes(), flow });
                    }
                }
                Order::Deliver => {
                    let response = response.take().filter(|_| told);
                    out.extend(response.map(|response| Command::Response { dialog, client: name, response }));
                }
                Order::Report(Failure::Transport) => out.extend(no_response(NoResponseCause::Transport)),
                Order::Report(_) => out.extend(no_response(NoResponseCause::Timeout)),
            }
        }
        if client.machine.is_terminated() {
            self.close_client(id);
        } else {
            self.deadlines.list(Id::Client(id), &mut client.alarm);
        }
    }

    fn close_client(&mut self, id: u64) {
        let Some(mut client) = self.clients.remove(&id) else { return };
        self.deadlines.strike(Id::Client(id), &mut client.alarm);
        self.flows.leave(&client.way.flow, Id::Client(id));
        self.by_branch_of(&client.method).remove(&client.branch);
    }

    /// A CANCEL has the branch of its INVITE (9.1).
    fn by_branch_of(&mut self, method: &Method) -> &mut BTreeMap<String, u64> {
        if *method == Method::Cancel { &mut self.cancels } else { &mut self.by_branch }
    }

    /// A request whose connection is gone is tried once more on a new one; the peer knows it again by its branch.
    pub(super) fn client_transport_failed(&mut self, now: Instant, id: u64, out: &mut Vec<Command>) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let Some(flow) = client.way.otherwise.take() else {
            return self.step_client(now, id, Some(ClientEvent::TransportFailed), None, out);
        };
        self.flows.leave(&client.way.flow, Id::Client(id));
        self.flows.join(&flow, Id::Client(id));
        client.way.flow = flow;
        if client.machine.is_unanswered() {
            out.push(Command::Send { bytes: client.bytes.clone(), flow });
        }
    }
}

impl Machine {
    fn start(&self, out: &mut Vec<Order>) {
        match self {
            Machine::Invite(machine) => machine.start(out),
            Machine::NonInvite(machine) => machine.start(out),
        }
    }

    fn on_event(&mut self, event: ClientEvent, out: &mut Vec<Order>) {
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
        matches!(self, Machine::Invite(machine) if machine.is_proceeding())
    }

    fn is_unanswered(&self) -> bool {
        match self {
            Machine::Invite(machine) => machine.is_unanswered(),
            Machine::NonInvite(machine) => machine.is_unanswered(),
        }
    }
}

/// RFC 3261 17.1.1.3: Request-URI, the one Via, Route, From, Call-ID and CSeq number of the INVITE; To follows.
fn ack_to_refusal(invite: &Request) -> Request {
    use HeaderName::{CallId, From, MaxForwards, Route, To, Via};
    let mut ack = Request::new(Method::Ack, invite.uri.clone());
    for name in [Via, Route, MaxForwards, From, To, CallId] {
        ack.headers.copy_from(&invite.headers, &name);
    }
    let number = CSeq::of(&invite.headers).map_or(0, |cseq| cseq.number);
    ack.headers.push(HeaderName::CSeq, format!("{number} ACK"));
    ack
}

/// 9.1: the same Request-URI, Via, Route, From, To, Call-ID and CSeq number as the INVITE, which its ACK has too.
fn cancel_of(ack: &Request) -> Request {
    let mut cancel = ack.clone();
    cancel.method = Method::Cancel;
    let number = CSeq::of(&ack.headers).map_or(0, |cseq| cseq.number);
    cancel.headers.set(HeaderName::CSeq, format!("{number} CANCEL"));
    cancel
}

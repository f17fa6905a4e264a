//! Call flows through an [`Endpoint`] under a hand-turned clock: messages as text in, commands out.

mod client;
mod property;
mod server;

use super::super::{ConnectionId, HeaderName, Method, NameAddr, Status, Transport, Uri};
use super::*;
use std::net::SocketAddr;
use std::time::Duration;

const SEED: u64 = 0x5eed;

/// An endpoint, the time it has, and what it asked for since the last look.
struct Net {
    endpoint: Endpoint,
    start: Instant,
    now: Instant,
    out: Vec<Command>,
}

impl Net {
    fn new() -> Net {
        Net::with(Identity::new("Ringpost"))
    }

    fn with(identity: Identity) -> Net {
        let now = Instant::now();
        Net { endpoint: Endpoint::new(identity, screen, SEED), start: now, now, out: Vec::new() }
    }

    fn event(&mut self, event: Event) -> Vec<Command> {
        self.endpoint.on_event(self.now, event, &mut self.out);
        std::mem::take(&mut self.out)
    }

    fn receive(&mut self, text: &str) -> Vec<Command> {
        self.receive_on(udp("192.0.2.9:5060"), text)
    }

    fn receive_on(&mut self, flow: Flow, text: &str) -> Vec<Command> {
        let message = Message::parse(text.as_bytes()).expect("a test sends messages that parse");
        self.event(Event::Received { message, flow })
    }

    fn respond(&mut self, transaction: ServerTransaction, response: Response) -> Vec<Command> {
        self.event(Event::Respond { transaction, response })
    }

    /// Turns the clock, stopping at each deadline; what was asked for, with the milliseconds since the start.
    fn advance(&mut self, by: Duration) -> Vec<(u128, Command)> {
        let until = self.now + by;
        let mut all = Vec::new();
        while let Some(at) = self.endpoint.next_deadline().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            let ms = (self.now - self.start).as_millis();
            all.extend(self.event(Event::Tick).into_iter().map(|command| (ms, command)));
        }
        self.now = until;
        all
    }

    fn invite(&mut self, text: &str) -> (ServerTransaction, Request) {
        self.invite_on(udp("192.0.2.9:5060"), text)
    }

    /// Receives an INVITE that is to be let through: 100, then the INVITE for the transaction user.
    fn invite_on(&mut self, flow: Flow, text: &str) -> (ServerTransaction, Request) {
        let mut commands = self.receive_on(flow, text);
        assert_eq!(commands.len(), 2, "{commands:?}");
        assert_eq!(sent(&commands[0]).0.status, Status::TRYING);
        match commands.pop() {
            Some(Command::Invite { transaction, request, .. }) => (transaction, request),
            other => panic!("expected the INVITE, got {other:?}"),
        }
    }

    fn bind(&mut self, dialog: u64, local_tag: &str) {
        let (call_id, local_tag, remote_tag) = ("call-1".into(), local_tag.into(), "from-1".into());
        self.event(Event::Bind { dialog: DialogKey(dialog), call_id, local_tag, remote_tag });
    }
}

/// A stand-in for the real one: one method it does not know, one field it misses.
fn screen(request: &Request) -> Result<(), Response> {
    if request.headers.get(&HeaderName::CallId).is_none() {
        return Err(request.response(Status::BAD_REQUEST));
    }
    match &request.method {
        Method::Other(_) => Err(request.response(Status::METHOD_NOT_ALLOWED).with(HeaderName::Allow, "INVITE, ACK")),
        _ => Ok(()),
    }
}

fn udp(remote: &str) -> Flow {
    Flow {
        transport: Transport::Udp,
        local: "192.0.2.1:5062".parse().unwrap(),
        remote: address(remote),
        connection: None,
    }
}

fn tcp(remote: &str, connection: u64) -> Flow {
    let connection = Some(ConnectionId(connection));
    Flow { transport: Transport::Tcp, local: "192.0.2.1:5062".parse().unwrap(), remote: address(remote), connection }
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A request of one call; the parts that tell transactions apart are given.
fn request(method: &str, cseq: u32, branch: &str, to_tag: &str) -> String {
    request_via(method, cseq, &format!("SIP/2.0/UDP 192.0.2.9:5060;branch={branch}"), to_tag)
}

fn request_via(method: &str, cseq: u32, via: &str, to_tag: &str) -> String {
    let to_tag = if to_tag.is_empty() { String::new() } else { format!(";tag={to_tag}") };
    format!(
        "{method} sip:5000@192.0.2.1:5062 SIP/2.0\r\nVia: {via}\r\nMax-Forwards: 70\r\n\
         From: <sip:1001@192.0.2.9>;tag=from-1\r\nTo: <sip:5000@192.0.2.1>{to_tag}\r\nCall-ID: call-1\r\n\
         CSeq: {cseq} {method}\r\nContact: <sip:1001@192.0.2.9:5060>\r\nContent-Length: 0\r\n\r\n"
    )
}

fn sent(command: &Command) -> (Response, Flow) {
    match command {
        Command::Send { bytes, flow } => match Message::parse(bytes) {
            Ok(Message::Response(response)) => (response, *flow),
            other => panic!("expected a response, got {other:?}"),
        },
        other => panic!("expected Send, got {other:?}"),
    }
}

fn sent_request(command: &Command) -> (Request, Flow) {
    match command {
        Command::Send { bytes, flow } => match Message::parse(bytes) {
            Ok(Message::Request(request)) => (request, *flow),
            other => panic!("expected a request, got {other:?}"),
        },
        other => panic!("expected Send, got {other:?}"),
    }
}

/// The only command is a response: its status, To tag and destination.
fn only_response(commands: &[Command]) -> (u16, String, SocketAddr) {
    assert_eq!(commands.len(), 1, "{commands:?}");
    let (response, flow) = sent(&commands[0]);
    (response.status.code(), to_tag(&response), flow.remote)
}

fn to_tag(response: &Response) -> String {
    let to = NameAddr::parse(response.headers.get(&HeaderName::To).unwrap_or_default());
    to.tag().unwrap_or_default().to_owned()
}

fn ok_with_tag(request: &Request, tag: &str) -> Response {
    request.response(Status::OK).with_to_tag(tag)
}

/// When a copy of a message went out, ms since the start.
fn send_times(commands: &[(u128, Command)]) -> Vec<u128> {
    commands.iter().filter(|(_, command)| matches!(command, Command::Send { .. })).map(|(at, _)| *at).collect()
}

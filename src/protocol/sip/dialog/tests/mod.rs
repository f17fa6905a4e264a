//! Calls told as tables: what happens on the left, what the session wants done on the right.
//!
//! Left: `accept`, `hang up`, `cancel`, `refuse 503 30 text`, `ack`, `no ack` (for the last 2xx to an INVITE),
//! `wait 30` (seconds, ticking on the way), `METHOD` (a request of the caller), `<- 200` (the answer to our last
//! request), `<- nothing`. Requests and responses take header lines between `[` and `]`, separated by ` | `, and a session
//! description after `+`: `sdp` for the usual one, or its `m=`, `c=` and `a=` lines separated by ` | `.
//!
//! A table that begins with `call` is a call of ours.
//!
//! Right: commands separated by ` / `; see `told`.

mod answering;
mod calling;
mod ending;
mod endpoint;
mod offers;
mod properties;
mod refreshing;
mod requests;
mod wire;

use std::time::{Duration, Instant};

use super::*;
use crate::protocol::sdp::{Codec, Description, LocalMedia};
use crate::protocol::sip::endpoint::{ClientTransaction, DialogKey, ServerTransaction};
use crate::protocol::sip::screen::{ACCEPT, ALLOW, SUPPORTED};
use crate::protocol::sip::values::CSeq;
use crate::protocol::sip::{
    Flow, HeaderName, Headers, Message, Method, NameAddr, Request, Response, Status, Transport, Uri,
};

const USUAL: &str = "m=audio 4000 RTP/AVP 0 8 101 | a=rtpmap:101 telephone-event/8000";

/// One call and everything that was said in it.
struct Call {
    session: Session,
    now: Instant,
    /// CSeq of the caller's last request.
    cseq: u32,
    /// The number the next transaction gets, and how many final responses each got.
    finals: Vec<u32>,
    /// CSeq and transaction of the last 2xx to an INVITE.
    accepted: Option<(u32, ServerTransaction)>,
    /// Our last request.
    sent: Option<(ClientTransaction, Request)>,
    /// Our last ACK.
    acked: Option<Request>,
    last_response: Option<Response>,
    ended: usize,
}

/// An INVITE with these header lines and this session description, told as in the tables.
fn invite(text: &str) -> Request {
    let request = "INVITE sip:5000@192.0.2.1 SIP/2.0\r\n\
        Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n\
        From: \"Ann\" <sip:ann@example.com>;tag=caller\r\nTo: <sip:5000@192.0.2.1>\r\n\
        Call-ID: one@198.51.100.7\r\nCSeq: 7 INVITE\r\nContact: <sip:ann@198.51.100.7:5070>\r\n\r\n";
    let Ok(Message::Request(mut request)) = Message::parse(request.as_bytes()) else { panic!("no request") };
    let (_, headers, body) = parts(text);
    merge(&mut request.headers, headers);
    request.body = body;
    request
}

fn setup(invite: Request) -> Setup {
    Setup {
        transaction: ServerTransaction(0),
        invite,
        flow: Flow {
            transport: Transport::Udp,
            local: "192.0.2.1:5060".parse().unwrap(),
            remote: "198.51.100.7:5060".parse().unwrap(),
            connection: None,
        },
        local_tag: "ours".into(),
        own: own(),
    }
}

/// A call of ours to `sip:9000@198.51.100.7`.
fn placing() -> Placing {
    Placing {
        target: Uri::parse("sip:9000@198.51.100.7"),
        route: None,
        from: "<sip:test@192.0.2.1>".into(),
        to: "<sip:9000@198.51.100.7>".into(),
        call_id: "ours@192.0.2.1".into(),
        local_tag: "ours".into(),
        flow: setup(invite("")).flow,
        own: own(),
    }
}

fn own() -> Own {
    Own {
        contact: "sip:192.0.2.1:5065;transport=udp".into(),
        server: "Ringpost".into(),
        session_expires: Duration::from_secs(1800),
        min_se: Duration::from_secs(90),
        media: LocalMedia {
            address: "192.0.2.1".parse().unwrap(),
            port: 20000,
            codecs: vec![Codec::Pcmu, Codec::Pcma],
            dtmf: true,
            session_id: 4711,
        },
        seed: 1,
    }
}

impl Call {
    fn start(request: Request) -> (Call, String) {
        let cseq = CSeq::of(&request.headers).map_or(0, |cseq| cseq.number);
        Call::begin(Session::new(setup(request)), cseq)
    }

    fn begin(session: Session, cseq: u32) -> (Call, String) {
        let mut call = Call {
            session,
            now: Instant::now(),
            cseq,
            finals: vec![0],
            accepted: None,
            sent: None,
            acked: None,
            last_response: None,
            ended: 0,
        };
        let mut out = Vec::new();
        call.session.start(call.now, &mut out);
        let told = call.note(out);
        (call, told)
    }

    fn step(&mut self, event: &str) -> String {
        let (head, headers, body) = parts(event);
        let mut words = head.split_whitespace();
        let event = match words.next().unwrap() {
            "accept" => Event::Accept,
            "hang" => Event::HangUp,
            "cancel" => Event::Cancelled,
            "refuse" => Event::Refuse(Refusal {
                status: Status::new(words.next().unwrap().parse().unwrap()).unwrap(),
                retry_after: Some(words.next().unwrap().parse().unwrap()).filter(|s| *s > 0).map(Duration::from_secs),
                text: words.collect::<Vec<_>>().join(" "),
            }),
            "ack" => {
                let cseq = self.accepted.map_or(7, |(cseq, _)| cseq);
                Event::Ack { request: self.request_with(Method::Ack, cseq, headers, body) }
            }
            "no" => Event::NoAck { transaction: self.accepted.unwrap().1 },
            "wait" => return self.wait(Duration::from_secs(words.next().unwrap().parse().unwrap())),
            "<-" => {
                let (client, request) = self.sent.clone().unwrap();
                match words.next().unwrap() {
                    "nothing" => Event::NoResponse { client },
                    code => {
                        let response = request.response(Status::new(code.parse().unwrap()).unwrap());
                        let mut response = response.with_to_tag("theirs");
                        merge(&mut response.headers, headers);
                        response.body = body;
                        Event::Response { client, response }
                    }
                }
            }
            method => {
                self.cseq += 1;
                let request = self.request_with(Method::parse(method), self.cseq, headers, body);
                let transaction = ServerTransaction(self.finals.len() as u64);
                self.finals.push(0);
                Event::Request { transaction, request }
            }
        };
        self.happen(event)
    }

    fn happen(&mut self, event: Event) -> String {
        let mut out = Vec::new();
        self.session.on_event(self.now, event, &mut out);
        self.note(out)
    }

    fn wait(&mut self, time: Duration) -> String {
        let end = self.now + time;
        let mut told = Vec::new();
        while let Some(at) = self.session.next_deadline().filter(|at| *at <= end) {
            self.now = at;
            told.push(self.happen(Event::Tick));
        }
        self.now = end;
        told.into_iter().filter(|told| !told.is_empty()).collect::<Vec<_>>().join(" / ")
    }

    fn request_with(&self, method: Method, cseq: u32, headers: Headers, body: Vec<u8>) -> Request {
        let mut request = invite("");
        request.headers.set(HeaderName::CSeq, format!("{cseq} {method}"));
        request.headers.set(HeaderName::To, "<sip:5000@192.0.2.1>;tag=ours");
        request.method = method;
        merge(&mut request.headers, headers);
        request.body = body;
        request
    }

    /// Checks what holds for every command, and tells them all.
    fn note(&mut self, out: Vec<Command>) -> String {
        let told: Vec<String> = out.iter().map(told).collect();
        for command in out {
            match command {
                Command::Respond { transaction, response } => {
                    let to = NameAddr::parse(response.headers.get(&HeaderName::To).unwrap());
                    assert_eq!(to.tag(), Some("ours"), "every response has our tag");
                    assert!(response.headers.get(&HeaderName::Via).is_some());
                    if response.status.is_final() {
                        self.finals[transaction.0 as usize] += 1;
                        assert_eq!(self.finals[transaction.0 as usize], 1, "one final response to each request");
                    }
                    let cseq = CSeq::of(&response.headers).unwrap();
                    if response.status.is_success() && cseq.method == Method::Invite {
                        self.accepted = Some((cseq.number, transaction));
                    }
                    self.last_response = Some(response);
                }
                Command::Request { client, request, .. } => self.sent = Some((client, request)),
                Command::SendAck { request, .. } => self.acked = Some(request),
                Command::Ended { .. } => {
                    self.ended += 1;
                    assert_eq!(self.ended, 1, "a call ends once");
                    assert_eq!(self.session.next_deadline(), None, "nothing is waited for after the end");
                }
                _ => assert_eq!(self.ended, 0, "nothing after the end"),
            }
        }
        told.join(" / ")
    }
}

/// Plays a table. The first line is the INVITE, or `call` for one of ours; `answered` in its place stands for a usual call up to the ACK.
fn flow(table: &[(&str, &str)]) -> Call {
    let mut call = None;
    let mut seen = String::new();
    for (event, expected) in table {
        let told = match (&mut call, *event) {
            (None, "answered") => {
                let (mut answered, _) = Call::start(invite("+ sdp"));
                answered.step("accept");
                let told = answered.step("ack");
                call = Some(answered);
                told
            }
            (None, "call") => {
                let (begun, told) = Call::begin(Session::call(placing()), 0);
                call = Some(begun);
                told
            }
            (None, event) => {
                let text = event.strip_prefix("INVITE").unwrap();
                let (started, told) = Call::start(invite(text));
                call = Some(started);
                told
            }
            (Some(call), event) => call.step(event),
        };
        seen.push_str(&format!("{event:40} {told}\n"));
        assert_eq!(told, *expected, "at `{event}` of\n{seen}");
    }
    call.unwrap()
}

/// Takes `HEAD [Name: value | Name: value] + sdp` apart.
fn parts(text: &str) -> (&str, Headers, Vec<u8>) {
    let (text, sdp) = match text.split_once('+') {
        Some((text, sdp)) => (text.trim(), Some(sdp.trim())),
        None => (text.trim(), None),
    };
    let (head, lines) = text.split_once('[').unwrap_or((text, ""));
    let mut headers = Headers::default();
    for line in lines.trim_end_matches(']').split(" | ").filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(": ").unwrap();
        headers.push(HeaderName::parse(name), value);
    }
    let body = match sdp {
        None => String::new(),
        Some(body) if body.starts_with('<') => body.trim_matches(['<', '>']).replace('|', "\r\n"),
        Some(media) => {
            headers.push(HeaderName::ContentType, "application/sdp");
            let media = if media == "sdp" { USUAL } else { media };
            format!(
                "v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n{}\r\n",
                media.replace(" | ", "\r\n")
            )
        }
    };
    (head.trim(), headers, body.into_bytes())
}

/// Sets the fields that are there once, adds the others.
fn merge(headers: &mut Headers, more: Headers) {
    for (name, value) in more.iter() {
        match name {
            HeaderName::Contact | HeaderName::From | HeaderName::To | HeaderName::CSeq | HeaderName::Via => {
                headers.set(name.clone(), value)
            }
            name => headers.push(name.clone(), value),
        }
    }
}

/// A command in a few words.
fn told(command: &Command) -> String {
    match command {
        Command::Respond { response, .. } => {
            let method = CSeq::of(&response.headers).unwrap().method;
            format!("{} {method}{}{}", response.status, notable(&response.headers), session_told(&response.body))
        }
        Command::Request { request, .. } => {
            format!("-> {}{}{}", request.method, notable(&request.headers), session_told(&request.body))
        }
        Command::SendAck { .. } => "-> ACK".to_owned(),
        Command::Cancel { .. } => "-> CANCEL".to_owned(),
        Command::Bind { .. } => "bind".to_owned(),
        Command::Media(plan) => {
            let remote = plan.remote.map_or("nowhere".to_owned(), |remote| remote.to_string());
            let ways = match (plan.send, plan.receive) {
                (true, true) => "both ways",
                (true, false) => "send",
                (false, true) => "receive",
                (false, false) => "silent",
            };
            format!("media {remote} {} {ways}", plan.codec.name())
        }
        Command::Established => "established".to_owned(),
        Command::Key { key, duration_ms } => format!("key {key} {duration_ms}"),
        Command::HungUp => "hung up".to_owned(),
        Command::Ended { cause } => format!("ended {cause:?}"),
    }
}

/// The header fields that tables speak of; RSeq and waits are random.
fn notable(headers: &Headers) -> String {
    use HeaderName::*;
    let mut told = Vec::new();
    for (name, value) in headers.iter() {
        match name {
            Require | SessionExpires | MinSe | Unsupported | Reason | RecvInfo => told.push(format!("{name}: {value}")),
            Warning => told.push(format!("{name}: {}", value.split(' ').next().unwrap())),
            RSeq | RetryAfter => told.push(name.to_string()),
            _ => {}
        }
    }
    if told.is_empty() { String::new() } else { format!(" [{}]", told.join(" | ")) }
}

/// Version, direction and codecs of a session description.
fn session_told(body: &[u8]) -> String {
    if body.is_empty() {
        return String::new();
    }
    let sdp = Description::parse(body).unwrap();
    let version = sdp.origin.split(' ').nth(2).unwrap().to_owned();
    let streams = sdp.media.iter().map(|media| match media.port {
        0 => format!(" {} refused", media.kind),
        _ => format!(" {} {}", sdp.direction_of(media).as_str(), media.formats.join(",")),
    });
    format!(" + v{version}{}", streams.collect::<String>())
}

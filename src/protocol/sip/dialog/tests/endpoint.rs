//! A session under the endpoint that really serves it: octets in, octets out, one clock.

use super::*;
use crate::protocol::sip::endpoint::{self, Endpoint, Identity};
use crate::protocol::sip::screen::screen;

/// An endpoint with at most one call, which its application answers at once.
struct Node {
    now: Instant,
    endpoint: Endpoint,
    session: Option<Session>,
    /// What left: the start line, for requests with their CSeq.
    sent: Vec<String>,
    last: String,
    causes: Vec<EndCause>,
}

const FLOW: Flow = Flow {
    transport: Transport::Udp,
    local: std::net::SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)), 5060),
    remote: std::net::SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 7)), 5060),
    connection: None,
};

impl Node {
    fn new() -> Node {
        Node {
            now: Instant::now(),
            endpoint: Endpoint::new(Identity::new("Ringpost"), screen, 1),
            session: None,
            sent: Vec::new(),
            last: String::new(),
            causes: Vec::new(),
        }
    }

    /// What left since the last look.
    fn sent(&mut self) -> String {
        std::mem::take(&mut self.sent).join(" / ")
    }

    fn receive(&mut self, message: &[u8]) -> String {
        let message = Message::parse(message).unwrap();
        self.below(endpoint::Event::Received { message, flow: FLOW });
        self.sent()
    }

    fn wait(&mut self, time: Duration) -> String {
        let end = self.now + time;
        loop {
            let session = self.session.as_ref().and_then(Session::next_deadline);
            let next = [session, self.endpoint.next_deadline()].into_iter().flatten().min();
            let Some(at) = next.filter(|at| *at <= end) else { break };
            self.now = at;
            if session == Some(at) { self.above(Event::Tick) } else { self.below(endpoint::Event::Tick) }
        }
        self.now = end;
        self.sent()
    }

    fn below(&mut self, event: endpoint::Event) {
        let mut out = Vec::new();
        self.endpoint.on_event(self.now, event, &mut out);
        for command in out {
            use endpoint::Command::*;
            match command {
                Send { bytes, .. } => {
                    self.last = String::from_utf8(bytes).unwrap();
                    let line = self.last.lines().next().unwrap();
                    let told = line.strip_prefix("SIP/2.0 ").map_or_else(
                        || format!("-> {}", line.split(' ').next().unwrap()),
                        |status| status.split(' ').next().unwrap().to_owned(),
                    );
                    self.sent.push(told);
                }
                Invite { transaction, request, flow } => {
                    let setup = Setup { transaction, flow, ..setup(request) };
                    let mut session = Session::new(setup);
                    let mut out = Vec::new();
                    session.start(self.now, &mut out);
                    self.session = Some(session);
                    self.carry_out(out);
                    self.above(Event::Accept);
                }
                OutOfDialog { transaction, request, .. } => {
                    let response = request.response(Status::CALL_DOES_NOT_EXIST);
                    self.below(endpoint::Event::Respond { transaction, response });
                }
                InDialog { transaction, request, .. } => self.above(Event::Request { transaction, request }),
                AckReceived { request, .. } => self.above(Event::Ack { request }),
                Cancelled { .. } => self.above(Event::Cancelled),
                NoAck { transaction } => self.above(Event::NoAck { transaction }),
                Response { client, response, .. } => self.above(Event::Response { client, response }),
                NoResponse { client, .. } => self.above(Event::NoResponse { client }),
            }
        }
    }

    fn above(&mut self, event: Event) {
        let Some(session) = &mut self.session else { return };
        let mut out = Vec::new();
        session.on_event(self.now, event, &mut out);
        self.carry_out(out);
    }

    fn carry_out(&mut self, out: Vec<Command>) {
        let dialog = DialogKey(5);
        for command in out {
            match command {
                Command::Respond { transaction, response } => {
                    self.below(endpoint::Event::Respond { transaction, response });
                }
                Command::Request { client, request, next_hop, flow } => {
                    self.below(endpoint::Event::Request { client, dialog, request, next_hop, flow });
                }
                Command::Cancel { client } => self.below(endpoint::Event::Cancel { dialog, client }),
                Command::SendAck { request, next_hop, flow } => {
                    self.below(endpoint::Event::Ack { request, next_hop, flow });
                }
                Command::Bind { call_id, local_tag, remote_tag } => {
                    self.below(endpoint::Event::Bind { dialog, call_id, local_tag, remote_tag });
                }
                Command::Ended { cause } => {
                    self.causes.push(cause);
                    self.session = None;
                    self.below(endpoint::Event::Unbind { dialog });
                }
                Command::Media(_) | Command::Established | Command::Key { .. } | Command::HungUp => {}
            }
        }
    }
}

/// A request of the caller, with its own branch unless it is the ACK to a refusal.
fn request(method: &str, cseq: u32, more: &str, body: &str) -> Vec<u8> {
    let mut request =
        invite(&format!("[Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK{method}{cseq}{more}] {body}"));
    request.method = Method::parse(method);
    request.headers.set(HeaderName::CSeq, format!("{cseq} {method}"));
    if method != "INVITE" || cseq != 7 {
        request.headers.set(HeaderName::To, "<sip:5000@192.0.2.1>;tag=ours");
    }
    request.to_bytes()
}

/// The caller's 200 to what we sent last.
fn ok(node: &Node) -> Vec<u8> {
    let Ok(Message::Request(request)) = Message::parse(node.last.as_bytes()) else { panic!("{}", node.last) };
    request.response(Status::OK).to_bytes()
}

#[test]
fn a_call_goes_through_both_and_leaves_nothing_behind() {
    let mut node = Node::new();
    assert_eq!(node.receive(&request("INVITE", 7, "", "+ sdp")), "100 / 200");
    assert_eq!(node.receive(&request("ACK", 7, "", "")), "");
    assert_eq!(node.receive(&request("INVITE", 8, "", "+ m=audio 4000 RTP/AVP 0 | a=sendonly")), "100 / 200");
    assert_eq!(node.receive(&request("ACK", 8, "", "")), "");
    assert_eq!(node.receive(&request("BYE", 9, "", "")), "200");
    assert_eq!(node.causes, [EndCause::PeerHungUp]);
    node.wait(Duration::from_secs(100));
    assert!(node.endpoint.is_idle());
}

#[test]
fn a_200_without_ack_is_sent_again_and_at_last_followed_by_bye() {
    let mut node = Node::new();
    node.receive(&request("INVITE", 7, "", "+ sdp"));
    let sent = node.wait(Duration::from_secs(32));
    assert!(sent.matches("200").count() >= 9 && sent.ends_with("-> BYE"), "{sent}");
    let ok = ok(&node);
    node.receive(&ok);
    assert_eq!(node.causes, [EndCause::NoAck]);
    node.wait(Duration::from_secs(100));
    assert!(node.endpoint.is_idle());
}

#[test]
fn a_lost_prack_and_a_refresh_nobody_answers_end_the_call() {
    let mut node = Node::new();
    assert_eq!(node.receive(&request("INVITE", 7, " | Require: 100rel", "+ sdp")), "100 / 180");
    let sent = node.wait(Duration::from_secs(40));
    assert_eq!(sent.matches("180").count(), 6, "{sent}");
    assert!(sent.contains("504"), "{sent}");
    assert_eq!(node.causes, [EndCause::NoPrack]);

    let mut node = Node::new();
    node.receive(&request(
        "INVITE",
        7,
        " | Supported: timer | Allow: UPDATE | Session-Expires: 90;refresher=uas",
        "+ sdp",
    ));
    node.receive(&request("ACK", 7, "", ""));
    let sent = node.wait(Duration::from_secs(200));
    assert!(sent.starts_with("-> UPDATE / -> UPDATE") && sent.contains("-> BYE"), "{sent}");
    assert_eq!(node.causes.len(), 1, "{:?}", node.causes);
    assert!(node.endpoint.is_idle());
}

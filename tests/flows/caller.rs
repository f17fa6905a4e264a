//! The far end of one call: it dials, expects, answers and hangs up, as the story says. What it hears and says is in
//! `sounding`, the wire in `line`.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use ringpost::engine::Environment;

use crate::invite::{Invite, Transport, offer};
use crate::rtp::Media;
use crate::sip::Sip;
use crate::world::World;

mod line;
mod persistence;
mod sounding;

pub use line::{Line, Way, whole_messages};
pub use persistence::Answers;

/// Longer than any timer of SIP.
const PATIENCE: Duration = Duration::from_secs(40);
/// Longer than the node waits for anything before it says something by itself.
const TIMERS: Duration = Duration::from_secs(100);

pub struct Caller {
    world: World,
    invite: Invite,
    line: Rc<RefCell<Line>>,
    local: SocketAddr,
    call_id: String,
    from: String,
    to: String,
    target: String,
    cseq: u32,
    branches: u64,
    /// The route set of the dialog (RFC 3261 12.1.2).
    routes: Vec<String>,
    /// The INVITE as it was sent.
    sent: Option<Sip>,
    /// The request whose response is expected: CSeq number and method.
    waiting_for: (u32, String),
    ack: Option<Sip>,
    last: Option<(Duration, Sip)>,
    over: bool,
    /// Its INVITE was, by a 200.
    is_answered: bool,
    /// What the node's requests are answered, if not with 200.
    pub wrong_answer: Option<&'static str>,
}

impl Caller {
    pub fn new(invite: Invite, way: Way, local: SocketAddr, number: u64) -> Caller {
        let world = invite.world.clone();
        let media = SocketAddr::new(local.ip(), local.port() + 2);
        let socket = world.environment().bind_media(media).expect("an RTP socket");
        let rtcp = SocketAddr::new(local.ip(), local.port() + 3);
        let rtcp = world.environment().bind_media(rtcp).expect("an RTCP socket");
        let mut media = Media::new(socket, rtcp, invite.law, number);
        media.network = invite.network;
        let line = Line::new(way, media);
        let line = Rc::new(RefCell::new(line));
        world.add_line(&line);
        Caller {
            from: format!("<sip:{}@{local}>;tag=from-{number}", invite.number),
            to: format!("<sip:{}@{}>", invite.user, invite.node),
            target: invite.request_uri(),
            call_id: format!("call-{number}@{}", local.ip()),
            world,
            invite,
            line,
            local,
            cseq: 0,
            branches: 0,
            routes: Vec::new(),
            sent: None,
            waiting_for: (0, String::new()),
            ack: None,
            last: None,
            over: false,
            is_answered: false,
            wrong_answer: None,
        }
    }

    // ---- the call begins

    pub fn dial(&mut self) {
        let sdp = match &self.invite.offer {
            Some(offer) => offer.clone(),
            None => self.offer(""),
        };
        self.dial_with(&sdp);
    }

    /// Dials with an INVITE that was changed by hand.
    pub fn dial_changed(&mut self, change: impl FnOnce(String) -> String) {
        let sdp = self.offer("");
        let invite = self.request_line("INVITE");
        let invite = self.invite.add_headers(invite).with_body("application/sdp", &sdp);
        self.sent = Some(invite.clone());
        let text = String::from_utf8(invite.to_bytes()).unwrap();
        self.send_octets(change(text).as_bytes());
    }

    /// Dials with this session description, or with none if it is empty.
    pub fn dial_with(&mut self, sdp: &str) {
        self.dial_with_body("application/sdp", sdp);
    }

    pub fn dial_with_body(&mut self, kind: &str, body: &str) {
        let invite = self.request_line("INVITE");
        let invite = self.invite.add_headers(invite);
        let invite = invite.with("Allow", "INVITE, ACK, BYE, CANCEL, PRACK, UPDATE, INFO");
        let invite = if body.is_empty() { invite } else { invite.with_body(kind, body) };
        self.sent = Some(invite.clone());
        self.send(&invite);
    }

    /// Dials again where a 302 leads, with all headers the first INVITE had (RFC 3261 8.1.3.4).
    pub fn follow(&mut self, redirect: &Sip) {
        self.target = redirect.contact().expect("a redirect says where to");
        self.to = self.to.split(";tag=").next().unwrap_or_default().to_owned();
        let place = self.target.split_once('@').map_or("", |(_, place)| place).split(';').next().unwrap_or_default();
        let node: SocketAddr = place.parse().expect("a redirect names an address");
        self.invite.node = node;
        self.line.borrow_mut().way.turn_to(&self.world, self.invite.address, node);
        self.dial();
    }

    /// Our usual offer, with these attributes at its end.
    pub fn offer(&self, attributes: &str) -> String {
        let media = self.invite.signalled_media.unwrap_or(self.line.borrow().media.local());
        offer(media, self.invite.law, attributes)
    }

    /// The INVITE once more, as if its answer had been lost.
    pub fn dial_again(&mut self) {
        let invite = self.sent.clone().expect("the call was dialled");
        self.send(&invite);
    }

    /// The INVITE as a forking proxy sends it by a second way: the same, with another branch.
    pub fn dial_by_another_way(&mut self) {
        let mut invite = self.sent.clone().expect("the call was dialled");
        for (name, value) in &mut invite.headers {
            if name == "Via" {
                *value = value.replace("branch=z9hG4bK", "branch=z9hG4bK-fork");
            }
        }
        self.send_as_is(&invite);
    }

    pub fn outside_dialog(&mut self, method: &str) {
        let request = self.request_line(method);
        let request = self.invite.add_headers(request);
        self.send(&request);
    }

    pub fn cancel(&mut self) {
        let invite = self.sent.clone().expect("the call was dialled");
        let keep =
            |(name, _): &(String, String)| ["Via", "From", "To", "Call-ID", "Max-Forwards"].contains(&name.as_str());
        let headers = invite.headers.iter().filter(|header| keep(header)).cloned().collect();
        let cancel = Sip { headers, ..Sip::new(invite.start.replacen("INVITE", "CANCEL", 1)) };
        let cancel = cancel.with("CSeq", format!("{} CANCEL", invite.cseq()));
        self.waiting_for = (invite.cseq(), "CANCEL".to_owned());
        self.send_as_is(&cancel);
    }

    // ---- requests and responses

    /// Waits for this response to the request sent last. A final response to an INVITE is acknowledged; the media of
    /// a 200 is taken up.
    pub fn expect(&mut self, status: u16) -> Sip {
        let response = self.expect_without_ack(status);
        if response.method() == "INVITE" && status >= 200 {
            self.acknowledge(&response, "");
        }
        response
    }

    pub fn expect_without_ack(&mut self, status: u16) -> Sip {
        let (cseq, method) = self.waiting_for.clone();
        let mut arrived = None;
        self.world.clone().wait(PATIENCE, || {
            while let Some(response) = self.line.borrow_mut().responses.pop_front() {
                let provisional = response.status().is_some_and(|s| s < 200 && s != status);
                if (response.cseq(), response.method()) == (cseq, method.as_str()) && !provisional {
                    arrived = Some(response);
                    return true;
                }
            }
            false
        });
        let response = arrived.unwrap_or_else(|| panic!("no {status} to {method} {cseq} within {PATIENCE:?}"));
        assert_eq!(response.status(), Some(status), "to {method}: {response:#?}");
        self.learn(&response);
        response
    }

    /// The final response to the INVITE, whatever was sent after it.
    pub fn expect_final_of_invite(&mut self, status: u16) -> Sip {
        let invite = self.sent.as_ref().expect("the call was dialled");
        self.waiting_for = (invite.cseq(), "INVITE".to_owned());
        self.expect(status)
    }

    /// No response to the request sent last comes in this time.
    pub fn expect_no_response(&mut self, time: Duration) {
        self.world.run(time);
        let arrived = self.line.borrow_mut().responses.pop_front();
        assert_eq!(arrived, None, "a response nobody asked for");
    }

    /// The final responses, to whatever, that come in this time.
    pub fn finals_within(&mut self, time: Duration) -> Vec<Sip> {
        self.world.run(time);
        self.unread().into_iter().filter(|response| response.status() >= Some(200)).collect()
    }

    /// Takes up the call as this 200 answers it.
    pub fn take_up(&mut self, answer: &Sip) {
        self.learn(answer);
        self.acknowledge(answer, "");
    }

    /// Responses that nobody has looked at.
    pub fn unread(&self) -> Vec<Sip> {
        self.line.borrow_mut().responses.drain(..).collect()
    }

    /// What `response` means for the dialog and the media.
    fn learn(&mut self, response: &Sip) {
        if let Some(tag) = response.tag("To").filter(|_| response.method() != "CANCEL") {
            if let Some(known) = self.to.split_once(";tag=") {
                assert_eq!(known.1, tag, "the dialog has one tag");
            } else {
                self.to = format!("{};tag={tag}", self.to);
            }
        }
        if response.method() == "INVITE" && response.status().is_some_and(|status| status < 300) {
            self.target = response.contact().unwrap_or(self.target.clone());
        }
        let opens_dialog = self.sent.as_ref().is_some_and(|invite| invite.tag("To").is_none());
        if response.method() == "INVITE" && response.status().is_some_and(|status| status < 300) && opens_dialog {
            self.routes = response.all("Record-Route").into_iter().rev().map(str::to_owned).collect();
        }
        if let Some(sdp) = response.sdp() {
            self.line.borrow_mut().media.remote = Some(sdp.audio());
        }
    }

    /// The ACK to `response`; `sdp` may be empty.
    pub fn acknowledge(&mut self, response: &Sip, sdp: &str) {
        let success = response.status().is_some_and(|status| status < 300);
        let invite = self.sent.clone().expect("the call was dialled");
        let dialled = invite.start.split(' ').nth(1).unwrap_or_default().to_owned();
        let target = if success { self.target.clone() } else { dialled };
        let via = if success { self.via() } else { invite.get("Via").to_owned() };
        let ack = Sip::new(format!("ACK {target} SIP/2.0")).with("Via", via);
        let ack = if success { self.routed(ack) } else { ack };
        let ack = ack
            .with("Max-Forwards", "70")
            .with("From", self.from.clone())
            .with("To", response.get("To"))
            .with("Call-ID", self.call_id.clone())
            .with("CSeq", format!("{} ACK", response.cseq()));
        let ack = if sdp.is_empty() { ack } else { ack.with_body("application/sdp", sdp) };
        self.ack = Some(ack.clone());
        self.send_as_is(&ack);
        self.world.run(Duration::from_millis(5));
    }

    pub fn acknowledge_again(&mut self) {
        let ack = self.ack.clone().expect("the call was acknowledged");
        self.send_as_is(&ack);
    }

    /// Sends a request within the dialog and tells what came of it; nothing, if nobody answers.
    pub fn ask(&mut self, method: &str, headers: &[(&str, &str)], body: Option<(&str, &str)>) -> Option<u16> {
        self.unread();
        self.request(method, headers, body);
        let asked = self.waiting_for.clone();
        let finals = self.finals_within(Duration::from_millis(50));
        let response =
            finals.into_iter().find(|response| (response.cseq(), response.method()) == (asked.0, &asked.1))?;
        if method == "INVITE" {
            self.acknowledge(&response, "");
        }
        response.status()
    }

    /// Hangs up, if the node did not before.
    pub fn leave(&mut self) {
        let answer = self.ask("BYE", &[], None);
        assert!(matches!(answer, Some(200 | 481)), "{answer:?} to BYE");
        self.note_bye();
        self.over = true;
        self.media().open = false;
    }

    /// Says nothing more, whatever comes: the plug is pulled.
    pub fn vanish(&mut self) {
        self.over = true;
        self.media().open = false;
        self.line.borrow_mut().persistence = None;
    }

    /// Agrees to the node's BYE if one has come; says that the call lives to who asks (OPTIONS).
    pub fn note_bye(&mut self) {
        while let Some(request) = self.request_of_any_kind() {
            self.respond(&request, self.wrong_answer.unwrap_or("200 OK"), &[]);
            match request.method() {
                "OPTIONS" => continue,
                method => assert_eq!(method, "BYE"),
            }
            self.over = true;
            self.media().open = false;
        }
    }

    pub fn is_over(&self) -> bool {
        self.over
    }

    pub fn is_answered(&self) -> bool {
        self.is_answered
    }

    pub fn call_id(&self) -> &str {
        &self.call_id
    }

    /// The request sent last once more, as if its answer had been lost.
    pub fn request_again(&mut self) {
        let (sent, request) = self.last.clone().expect("a request was sent");
        // RFC 3261 17: nobody sends anything again after 64*T1; it would be a request of its own
        if self.world.now() - sent < Duration::from_secs(32) {
            self.send_as_is(&request);
        }
    }

    /// The next request has this CSeq number.
    pub fn count_from(&mut self, cseq: u32) {
        self.cseq = cseq - 1;
    }

    /// Sends a request within the dialog.
    pub fn request(&mut self, method: &str, headers: &[(&str, &str)], body: Option<(&str, &str)>) {
        let request =
            headers.iter().fold(self.request_line(method), |request, (name, value)| request.with(name, *value));
        let request = match body {
            Some((kind, body)) => request.with_body(kind, body),
            None => request,
        };
        self.send(&request);
    }

    pub fn reinvite(&mut self, attributes: &str) -> Sip {
        let offer = self.offer(attributes);
        self.request("INVITE", &[], Some(("application/sdp", &offer)));
        self.expect(200)
    }

    /// Waits for a request of the node's.
    pub fn expect_request(&mut self, method: &str) -> Sip {
        self.request_within(method, TIMERS).unwrap_or_else(|| panic!("no {method} within {TIMERS:?}"))
    }

    pub fn request_within(&mut self, method: &str, patience: Duration) -> Option<Sip> {
        let mut arrived = None;
        self.world.clone().wait(patience, || {
            arrived = self.line.borrow_mut().requests.pop_front();
            arrived.is_some()
        });
        let request = arrived?;
        assert_eq!(request.method(), method, "{request:#?}");
        assert_eq!(request.get("Call-ID"), self.call_id);
        let ours = [self.world.node(), self.invite.node].map(|node| format!(" {node};"));
        assert!(ours.iter().any(|node| request.get("Via").contains(node)), "{}", request.get("Via"));
        assert_eq!(request.tag("From"), self.to.split_once(";tag=").map(|(_, tag)| tag.to_owned()));
        assert_eq!(request.tag("To"), self.from.split_once(";tag=").map(|(_, tag)| tag.to_owned()));
        Some(request)
    }

    pub fn request_of_any_kind(&mut self) -> Option<Sip> {
        self.line.borrow_mut().requests.pop_front()
    }

    pub fn respond(&mut self, request: &Sip, status: &str, headers: &[(&str, &str)]) {
        self.respond_with(request, status, headers, "");
    }

    /// `sdp` may be empty.
    pub fn respond_with(&mut self, request: &Sip, status: &str, headers: &[(&str, &str)], sdp: &str) {
        let mut response = Sip::new(format!("SIP/2.0 {status}"));
        for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
            response = request.all(name).into_iter().fold(response, |response, value| response.with(name, value));
        }
        let response = headers.iter().fold(response, |response, (name, value)| response.with(name, *value));
        let response = if sdp.is_empty() { response } else { response.with_body("application/sdp", sdp) };
        self.send_as_is(&response);
    }

    // ---- the end

    pub fn hang_up(&mut self) {
        self.request("BYE", &[], None);
        self.expect(200);
        self.line.borrow_mut().media.open = false;
    }

    /// The node hangs up, and we agree.
    pub fn expect_bye(&mut self) -> Sip {
        let bye = self.expect_request("BYE");
        self.line.borrow_mut().media.open = false;
        self.respond(&bye, "200 OK", &[]);
        self.world.run(Duration::from_millis(5));
        bye
    }

    // ---- the wire

    fn request_line(&mut self, method: &str) -> Sip {
        self.cseq += 1;
        self.waiting_for = (self.cseq, method.to_owned());
        let transport = if self.invite.transport == Transport::Udp { "" } else { ";transport=tcp" };
        let request = Sip::new(format!("{method} {} SIP/2.0", self.target)).with("Via", self.via());
        self.routed(request)
            .with("Max-Forwards", "70")
            .with("From", self.from.clone())
            .with("To", self.to.clone())
            .with("Call-ID", self.call_id.clone())
            .with("CSeq", format!("{} {method}", self.cseq))
            .with("Contact", format!("<sip:{}@{}{transport}>", self.invite.number, self.local))
    }

    fn routed(&self, request: Sip) -> Sip {
        self.routes.iter().fold(request, |request, route| request.with("Route", route.clone()))
    }

    fn via(&mut self) -> String {
        self.branches += 1;
        let transport = if self.invite.transport == Transport::Udp { "UDP" } else { "TCP" };
        format!("SIP/2.0/{transport} {};branch=z9hG4bK-{}-{};rport", self.local, self.call_id, self.branches)
    }

    fn send(&mut self, message: &Sip) {
        if message.method() == "INVITE" {
            self.sent = Some(message.clone());
        }
        self.last = Some((self.world.now(), message.clone()));
        self.send_as_is(message);
    }

    /// Sends octets that are no message.
    pub fn send_octets(&mut self, octets: &[u8]) {
        self.line.borrow_mut().way.send(&self.world, octets);
    }

    pub fn send_as_is(&mut self, message: &Sip) {
        let mut line = self.line.borrow_mut();
        if let Some(persistence) = &mut line.persistence {
            persistence.sent(self.world.now(), message);
        }
        line.way.send(&self.world, &message.to_bytes());
    }
}

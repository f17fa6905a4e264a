//! A call of a gateway that follows no redirect, through the router of one server to the UM service of another.

use super::*;
use crate::protocol::sip::{HeaderName, NameAddr, Request};
use crate::routing::{Onward, undelivered};

const SERVERS: &str = "[[call_router]]\nname = \"um1.example.test\"\naddress = \"192.0.2.1\"\n\n\
    [[service]]\nname = \"um2.example.test\"\naddress = \"192.0.2.2\"\n\n\
    [[ip_gateway]]\nname = \"Plain\"\naddress = \"192.0.2.77\"\nport = 0\nredirect = false\n\n\
    [[hunt_group]]\nname = \"Plain Pilot\"\nip_gateway = \"Plain\"\ndial_plan = \"Lab\"\n\n\
    [[mailbox]]\nalias = \"remote\"\nemail_address = \"remote@example.test\"\n\
    mailbox_policy = \"Lab Default Policy\"\nextensions = [\"1777\"]\nserver = \"um2.example.test\"\n";

const GATEWAY: &str = "192.0.2.77:40000";
const ROUTER: &str = "192.0.2.1:5060";
const SERVICE: &str = "192.0.2.2:5062";
const WORKER: &str = "192.0.2.2:5065";
/// Where connections begin that router and service open.
const FROM_ROUTER: &str = "192.0.2.1:50001";
const FROM_SERVICE: &str = "192.0.2.2:50002";

/// One of the two servers that the call passes.
struct Hop {
    view: View,
    role: Role,
    local: &'static str,
}

fn router() -> Hop {
    Hop { view: View { home: None, seed: 11, ..of("um1.example.test") }, role: Role::Router, local: ROUTER }
}

fn service() -> Hop {
    Hop { view: View { seed: 12, ..of("um2.example.test") }, role: Role::Service, local: SERVICE }
}

fn of(node: &str) -> View {
    let mut view = View { node: node.to_owned(), ..view() };
    view.use_directory(Arc::new(Directory::load(&sources(SERVERS)).expect("valid")));
    view
}

impl Hop {
    fn pass(&self, transport: Transport, remote: &str, message: &str) -> (String, Onward) {
        let mut out = Vec::new();
        let answer = answer(&self.view, self.role, message.as_bytes(), self.flow(transport, remote), &mut out);
        let text = String::from_utf8(out).unwrap();
        match answer {
            Answer::Forward(onward) => (text, *onward),
            other => panic!("{other:?}\n{text}\nto\n{message}"),
        }
    }

    fn refuses(&self, transport: Transport, remote: &str, message: &str) {
        let said = answer(&self.view, self.role, message.as_bytes(), self.flow(transport, remote), &mut Vec::new());
        assert!(!matches!(said, Answer::Forward(_)), "{remote} is sent on:\n{message}");
    }

    fn flow(&self, transport: Transport, remote: &str) -> Flow {
        Flow { transport, local: self.local.parse().unwrap(), remote: remote.parse().unwrap(), connection: None }
    }
}

fn at(address: &str) -> SocketAddr {
    address.parse().unwrap()
}

fn word(transport: Transport) -> &'static str {
    if transport == Transport::Udp { "UDP" } else { "TCP" }
}

fn invite(transport: Transport) -> String {
    let via = format!("SIP/2.0/{} 192.0.2.77:5060;branch=z9hG4bK-1", word(transport));
    PLAIN
        .replace("SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK-1", &via)
        .replace("1001", "1777")
        .replace("gateway@192.0.2.9", "gateway@192.0.2.77")
}

fn request(text: &str) -> Request {
    match Message::parse(text.as_bytes()) {
        Ok(Message::Request(request)) => request,
        other => panic!("{other:?}"),
    }
}

/// What the far end of `request` answers.
fn respond(request: &Request, status: &str) -> String {
    let mut text = format!("SIP/2.0 {status}\r\n");
    for name in [HeaderName::Via, HeaderName::From, HeaderName::RecordRoute, HeaderName::CallId, HeaderName::CSeq] {
        request.headers.values(&name).for_each(|value| text.push_str(&format!("{}: {value}\r\n", name.as_str())));
    }
    let to = request.headers.get(&HeaderName::To).unwrap();
    let tag = if to.contains("tag=") { "" } else { ";tag=2" };
    format!("{text}To: {to}{tag}\r\nContact: <sip:{WORKER}>\r\nContent-Length: 0\r\n\r\n")
}

/// A request in the dialog that `invite` (as it came to the worker) has opened; `from_gateway` or from the worker.
fn in_dialog(invite: &Request, transport: Transport, from_gateway: bool) -> String {
    let [from, to] = [HeaderName::From, HeaderName::To].map(|name| invite.headers.get(&name).unwrap().to_owned());
    let mut routes: Vec<&str> = invite.headers.values(&HeaderName::RecordRoute).collect();
    if from_gateway {
        routes.reverse();
    }
    let routes: String = routes.iter().map(|route| format!("Route: {route}\r\n")).collect();
    let (from, to) = if from_gateway { (from, format!("{to};tag=2")) } else { (format!("{to};tag=2"), from) };
    let uri = if from_gateway { WORKER.to_owned() } else { "gateway@192.0.2.77:5060".to_owned() };
    let via = if from_gateway { "192.0.2.77:5060" } else { WORKER };
    format!(
        "BYE sip:{uri} SIP/2.0\r\nVia: SIP/2.0/{} {via};branch=z9hG4bK-bye\r\n{routes}From: {from}\r\nTo: {to}\r\n\
         Call-ID: a@192.0.2.9\r\nCSeq: 2 BYE\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
        word(transport)
    )
}

/// Where the next one sees a message come from.
fn source(transport: Transport, sender: &'static str, connection: &'static str) -> &'static str {
    if transport == Transport::Udp { sender } else { connection }
}

#[test]
fn everything_of_a_call_passes_both_servers_and_comes_back_along_the_same_connections() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let (router, service) = (router(), service());
        let from_gateway = source(transport, "192.0.2.77:5060", GATEWAY);
        let from_router = source(transport, ROUTER, FROM_ROUTER);
        let from_service = source(transport, SERVICE, FROM_SERVICE);

        let (at_service, onward) = router.pass(transport, from_gateway, &invite(transport));
        assert_eq!((onward.to, onward.transport), (at(SERVICE), transport));
        let (at_worker, onward) = service.pass(transport, from_router, &at_service);
        assert_eq!(onward.to, at(WORKER));
        let invite_at_worker = request(&at_worker);
        let is_ours = |ip| router.view.directory.is_server(ip);
        let expected = if transport == Transport::Udp { "192.0.2.77:5060" } else { GATEWAY };
        assert_eq!(peer_of(&invite_at_worker, at(from_service), is_ours), at(expected), "the worker knows the gateway");

        // the answer: along the connections the INVITE came by, and to where it came from without them
        let ringing = respond(&invite_at_worker, "180 Ringing");
        let (ringing, onward) = service.pass(transport, WORKER, &ringing);
        let over_stream = transport == Transport::Tcp;
        assert_eq!((onward.to, onward.along), (at(ROUTER), over_stream.then(|| at(FROM_ROUTER))));
        let (ringing, onward) = router.pass(transport, SERVICE, &ringing);
        assert_eq!((onward.to, onward.along), (at("192.0.2.77:5060"), over_stream.then(|| at(GATEWAY))));
        assert_eq!(ringing.matches("Via:").count(), 1);

        // CANCEL goes the same way, with the branches of the INVITE
        let cancel = invite(transport).replace("INVITE sip", "CANCEL sip").replace("1 INVITE", "1 CANCEL");
        let (cancel, _) = router.pass(transport, from_gateway, &cancel);
        let (cancel, onward) = service.pass(transport, from_router, &cancel);
        assert_eq!((onward.to, onward.also.as_slice()), (at(WORKER), &[][..]));
        let branches = |request: &Request| {
            let vias = request.headers.values(&HeaderName::Via);
            vias.map(|via| via.split_once("branch=").unwrap().1.to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(branches(&request(&cancel)), branches(&invite_at_worker));

        // BYE of the gateway
        let bye = in_dialog(&invite_at_worker, transport, true);
        let (bye, onward) = router.pass(transport, from_gateway, &bye);
        assert_eq!((onward.to, onward.along), (at(SERVICE), None));
        let (bye, onward) = service.pass(transport, from_router, &bye);
        assert_eq!((onward.to, onward.along), (at(WORKER), None));
        let (ok, onward) = service.pass(transport, WORKER, &respond(&request(&bye), "200 OK"));
        assert_eq!(onward.to, at(ROUTER));
        let (_, onward) = router.pass(transport, SERVICE, &ok);
        assert_eq!(onward.to, at("192.0.2.77:5060"));

        // BYE of the worker: back along the gateway's own connection
        let bye = in_dialog(&invite_at_worker, transport, false);
        let (bye, onward) = service.pass(transport, WORKER, &bye);
        assert_eq!((onward.to, onward.along), (at(ROUTER), over_stream.then(|| at(FROM_ROUTER))));
        let (bye, onward) = router.pass(transport, from_service, &bye);
        assert_eq!((onward.to, onward.along), (at("192.0.2.77:5060"), over_stream.then(|| at(GATEWAY))));
        let (ok, onward) = router.pass(transport, from_gateway, &respond(&request(&bye), "200 OK"));
        assert_eq!(onward.along, over_stream.then(|| at(from_service)));
        assert_eq!(onward.to, at(SERVICE));
        service.pass(transport, from_router, &ok);
    }
}

#[test]
fn what_finds_no_way_is_answered_with_503() {
    let (router, service) = (router(), service());
    let (at_service, onward) = router.pass(Transport::Tcp, GATEWAY, &invite(Transport::Tcp));
    let mut out = Vec::new();
    let flow = router.flow(Transport::Tcp, &onward.to.to_string());
    let Answer::Forward(back) = undelivered(&router.view, at_service.as_bytes(), flow, &mut out) else {
        panic!("nobody is told")
    };
    assert_eq!(back.along, Some(at(GATEWAY)));
    let text = String::from_utf8(out).unwrap();
    assert!(text.starts_with("SIP/2.0 503 ") && text.contains("192.0.2.2:5062 cannot be reached"), "{text}");
    assert!(text.contains("Retry-After: 1\r\n") && text.contains(";tag="), "{text}");
    let ack = at_service.replace("INVITE sip", "ACK sip").replace("1 INVITE", "1 ACK");
    assert_eq!(undelivered(&service.view, ack.as_bytes(), flow, &mut Vec::new()), Answer::Nothing);
}

/// Workers were changed while the call rang: all of them are told, and only the one that has it is heard.
#[test]
fn cancel_goes_to_every_worker_that_may_have_the_call() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let (router, mut service) = (router(), service());
        let from_router = source(transport, ROUTER, FROM_ROUTER);
        let home = service.view.home.as_mut().unwrap();
        (home.worker_port, home.draining_ports) = (Some(5067), vec![5065]);
        // full, and going out of service: what was taken before is not held up
        (home.full, home.refuses) = (Some("full".to_owned()), Some("Inactive".to_owned()));
        for method in ["CANCEL", "ACK"] {
            let text = invite(transport).replace("INVITE sip", &format!("{method} sip"));
            let text = text.replace("1 INVITE", &format!("1 {method}"));
            let (text, _) = router.pass(transport, source(transport, "192.0.2.77:5060", GATEWAY), &text);
            let (text, onward) = service.pass(transport, from_router, &text);
            assert_eq!((onward.to, onward.also), (at("192.0.2.2:5067"), vec![at(WORKER)]), "{method}");
            if method == "CANCEL" {
                let cancel = request(&text);
                let flow = service.flow(transport, WORKER);
                let said = |status: &str| {
                    let response = respond(&cancel, status);
                    answer(&service.view, Role::Service, response.as_bytes(), flow, &mut Vec::new())
                };
                assert_eq!(said("481 Call/Transaction Does Not Exist"), Answer::Nothing);
                assert!(matches!(said("200 OK"), Answer::Forward(_)));
            }
        }
    }
}

#[test]
fn nobody_else_is_served() {
    let (router, service) = (router(), service());
    for transport in [Transport::Udp, Transport::Tcp] {
        router.refuses(transport, "203.0.113.5:5060", &invite(transport));
        // what only says that it has passed a router of ours
        let (at_service, _) = router.pass(transport, GATEWAY, &invite(transport));
        service.refuses(transport, "203.0.113.5:5060", &at_service);
        let (at_worker, _) = service.pass(transport, source(transport, ROUTER, FROM_ROUTER), &at_service);
        let invite_at_worker = request(&at_worker);
        for from_gateway in [true, false] {
            let bye = in_dialog(&invite_at_worker, transport, from_gateway);
            router.refuses(transport, "203.0.113.5:5060", &bye);
        }
        // a server that is told to send to a stranger
        let bye = in_dialog(&invite_at_worker, transport, true).replace(SERVICE, "203.0.113.5:5060");
        router.refuses(transport, GATEWAY, &bye);
        let response = respond(&invite_at_worker, "200 OK");
        service.refuses(transport, "203.0.113.5:5060", &response);
        service.refuses(transport, WORKER, &response.replace("z9hG4bK-ringpost-", "z9hG4bK-ringpost-0"));
        let aimed = response.replace("192.0.2.1", "203.0.113.5").replace("came=c0000201", "came=cb007105");
        service.refuses(transport, WORKER, &aimed);
    }
}

/// The far end's tag says on which side a request is: a connection is not taken back the way it came.
#[test]
fn route_that_says_nothing_useful_leads_by_address() {
    let router = router();
    let (text, _) = router.pass(Transport::Tcp, GATEWAY, &invite(Transport::Tcp));
    let at_service = request(&text);
    let route = at_service.headers.get(&HeaderName::RecordRoute).unwrap();
    let user = NameAddr::parse(route).uri.user().unwrap();
    for odd in ["", "zz-zz-zz", "c000024d-9c40", "c000024d-9c40-0-0"] {
        let bye = in_dialog(&at_service, Transport::Tcp, false).replace(&user, odd).replace("sip:@", "sip:");
        let (_, onward) = router.pass(Transport::Tcp, SERVICE, &bye);
        assert_eq!((onward.to, onward.along), (at("192.0.2.77:5060"), None), "{odd}");
    }
}

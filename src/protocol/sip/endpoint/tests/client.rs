//! Requests of ours.

use super::*;
use crate::protocol::sip::values::Via;

const CLIENT: ClientTransaction = ClientTransaction(3);
const DIALOG: DialogKey = DialogKey(7);

fn our_request(method: &str, uri: &str) -> Request {
    let mut request = Request::new(Method::parse(method), Uri::parse(uri));
    for (name, value) in [
        (HeaderName::From, "<sip:5000@192.0.2.1>;tag=ours"),
        (HeaderName::To, "<sip:1001@192.0.2.9>;tag=from-1"),
        (HeaderName::CallId, "call-1"),
        (HeaderName::CSeq, &format!("1 {method}")),
        (HeaderName::Route, "<sip:192.0.2.9:5080;lr>"),
    ] {
        request.headers.push(name, value);
    }
    request
}

/// Where `our_request` goes: to its Route.
fn next_hop() -> Uri {
    Uri::parse("sip:192.0.2.9:5080;lr")
}

fn send(net: &mut Net, method: &str, flow: Flow) -> Request {
    let request = our_request(method, "sip:1001@192.0.2.9");
    let commands = net.event(Event::Request { client: CLIENT, dialog: DIALOG, request, next_hop: next_hop(), flow });
    assert_eq!(commands.len(), 1, "{commands:?}");
    sent_request(&commands[0]).0
}

fn answer(net: &mut Net, request: &Request, status: u16) -> Vec<Command> {
    let response = request.response(Status::new(status).unwrap());
    net.event(Event::Received { message: Message::Response(response), flow: udp("192.0.2.9:5080") })
}

/// The statuses that reached the dialog, and how often it was told that none will come.
fn heard(commands: &[Command]) -> Vec<Result<u16, NoResponseCause>> {
    commands
        .iter()
        .filter_map(|command| match command {
            Command::Response { dialog: DIALOG, client: CLIENT, response } => Some(Ok(response.status.code())),
            Command::NoResponse { dialog: DIALOG, client: CLIENT, cause } => Some(Err(*cause)),
            _ => None,
        })
        .collect()
}

#[test]
fn a_bye_gets_a_via_with_a_fresh_branch_and_goes_to_the_next_hop() {
    let mut net = Net::new();
    let request = our_request("BYE", "sip:1001@192.0.2.9");
    let event = |request| Event::Request {
        client: CLIENT,
        dialog: DIALOG,
        request,
        next_hop: next_hop(),
        flow: udp("192.0.2.9:1024"),
    };
    let commands = net.event(event(request.clone()));
    let (bye, flow) = sent_request(&commands[0]);
    let via = Via::top(&bye.headers).unwrap();
    assert_eq!((via.transport.as_str(), via.host.as_str(), via.port), ("UDP", "192.0.2.1", Some(5062)));
    assert!(via.branch().unwrap().starts_with("z9hG4bK") && via.param("rport").is_some());
    assert_eq!(bye.headers.get(&HeaderName::MaxForwards), Some("70"));
    assert_eq!(flow.remote, address("192.0.2.9:5080"));
    let (second, _) = sent_request(&net.event(event(request))[0]);
    assert_ne!(Via::top(&second.headers), Some(via));
}

#[test]
fn an_unanswered_bye_is_sent_again_until_timer_f() {
    let mut net = Net::new();
    send(&mut net, "BYE", udp("192.0.2.9:5060"));
    let all = net.advance(Duration::from_secs(40));
    assert_eq!(send_times(&all), [500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500]);
    let (at, last) = all.into_iter().last().unwrap();
    assert_eq!((at, heard(&[last])), (32000, vec![Err(NoResponseCause::Timeout)]));
    assert!(net.endpoint.is_idle());
}

#[test]
fn the_answer_to_a_bye_is_heard_once() {
    let mut net = Net::new();
    let bye = send(&mut net, "BYE", udp("192.0.2.9:5060"));
    assert_eq!(heard(&answer(&mut net, &bye, 100)), [Ok(100)]);
    assert_eq!(heard(&answer(&mut net, &bye, 200)), [Ok(200)]);
    assert!(answer(&mut net, &bye, 200).is_empty(), "17.1.2.2: copies are absorbed until timer K");
    assert!(net.advance(Duration::from_secs(5)).is_empty());
    assert!(net.endpoint.is_idle());
    assert!(answer(&mut net, &bye, 200).is_empty());
}

#[test]
fn responses_that_match_nothing_are_dropped() {
    let mut net = Net::new();
    let bye = send(&mut net, "BYE", udp("192.0.2.9:5060"));
    let mut other_method = bye.clone();
    other_method.headers.set(HeaderName::CSeq, "1 UPDATE");
    assert!(answer(&mut net, &other_method, 200).is_empty(), "17.1.3: branch and CSeq method");
    let mut two_vias = bye.clone();
    two_vias.headers.push(HeaderName::Via, "SIP/2.0/UDP 192.0.2.50");
    assert!(answer(&mut net, &two_vias, 200).is_empty(), "8.1.3.3");
    let mut no_via = bye.clone();
    no_via.headers.remove(&HeaderName::Via);
    assert!(answer(&mut net, &no_via, 200).is_empty());
    assert_eq!(heard(&answer(&mut net, &bye, 200)), [Ok(200)]);
}

#[test]
fn each_copy_of_the_2xx_to_a_reinvite_reaches_the_dialog() {
    let mut net = Net::new();
    let invite = send(&mut net, "INVITE", udp("192.0.2.9:5060"));
    assert_eq!(heard(&answer(&mut net, &invite, 200)), [Ok(200)]);
    let ack = our_request("ACK", "sip:1001@192.0.2.9");
    let (ack, flow) =
        sent_request(&net.event(Event::Ack { request: ack, next_hop: next_hop(), flow: udp("192.0.2.9:5060") })[0]);
    assert_eq!(flow.remote, address("192.0.2.9:5080"));
    assert_ne!(Via::top(&ack.headers), Via::top(&invite.headers), "13.2.2.4: a branch of its own");
    assert_eq!(heard(&answer(&mut net, &invite, 200)), [Ok(200)], "RFC 6026 7.2");
    net.advance(Duration::from_secs(32));
    assert!(net.endpoint.is_idle(), "timer M");
}

#[test]
fn a_refused_reinvite_is_acknowledged_by_the_transaction() {
    let mut net = Net::new();
    let invite = send(&mut net, "INVITE", udp("192.0.2.9:5060"));
    let commands = answer(&mut net, &invite, 491);
    let (ack, flow) = sent_request(&commands[0]);
    assert_eq!(ack.method, Method::Ack);
    assert_eq!(flow.remote, address("192.0.2.9:5080"));
    assert_eq!(ack.headers.get(&HeaderName::CSeq), Some("1 ACK"), "17.1.1.3");
    for name in [HeaderName::Via, HeaderName::Route, HeaderName::From, HeaderName::CallId] {
        assert_eq!(ack.headers.get(&name), invite.headers.get(&name), "17.1.1.3: {name}");
    }
    assert_eq!(heard(&commands), [Ok(491)]);
    let again = answer(&mut net, &invite, 491);
    assert_eq!(
        (sent_request(&again[0]).0.method, again.len()),
        (Method::Ack, 1),
        "17.1.1.2: a copy is acknowledged only"
    );
    assert!(net.advance(Duration::from_secs(32)).is_empty());
    assert!(net.endpoint.is_idle(), "timer D");
}

#[test]
fn an_unanswered_reinvite_doubles_until_timer_b() {
    let mut net = Net::new();
    send(&mut net, "INVITE", udp("192.0.2.9:5060"));
    let all = net.advance(Duration::from_secs(40));
    assert_eq!(send_times(&all), [500, 1500, 3500, 7500, 15500, 31500], "17.1.1.2");
    assert_eq!(heard(&all.into_iter().map(|(_, c)| c).collect::<Vec<_>>()), [Err(NoResponseCause::Timeout)]);
    assert!(net.endpoint.is_idle());
}

#[test]
fn a_reinvite_that_stays_provisional_ends_after_three_minutes() {
    let mut net = Net::new();
    let invite = send(&mut net, "INVITE", udp("192.0.2.9:5060"));
    answer(&mut net, &invite, 100);
    let all = net.advance(Duration::from_secs(200));
    assert_eq!(all[0].0, 180_000);
    assert_eq!(heard(&all.into_iter().map(|(_, c)| c).collect::<Vec<_>>()), [Err(NoResponseCause::Timeout)]);
    assert!(net.endpoint.is_idle());
}

#[test]
fn on_tcp_a_request_uses_the_connection_and_is_sent_once() {
    let mut net = Net::new();
    let flow = tcp("192.0.2.9:33333", 1);
    let request = our_request("BYE", "sip:1001@192.0.2.9");
    let commands = net.event(Event::Request { client: CLIENT, dialog: DIALOG, request, next_hop: next_hop(), flow });
    let (bye, used) = sent_request(&commands[0]);
    assert_eq!(used, flow);
    assert!(net.advance(Duration::from_secs(31)).is_empty());
    assert_eq!(heard(&answer(&mut net, &bye, 200)), [Ok(200)]);
    assert!(net.endpoint.is_idle(), "timer K is zero");
}

#[test]
fn a_request_whose_connection_is_gone_is_tried_once_on_a_new_one() {
    let mut net = Net::new();
    let flow = tcp("192.0.2.9:33333", 1);
    let bye = send(&mut net, "BYE", flow);
    let again = net.event(Event::TransportFailed { flow });
    let (copy, new) = sent_request(&again[0]);
    assert_eq!((copy, new), (bye, Flow { remote: address("192.0.2.9:5080"), connection: None, ..flow }));
    let failed = net.event(Event::TransportFailed { flow: new });
    assert_eq!(heard(&failed), [Err(NoResponseCause::Transport)], "17.1.4");
    assert!(net.endpoint.is_idle());
}

#[test]
fn a_datagram_that_cannot_be_sent_ends_the_request() {
    let mut net = Net::new();
    send(&mut net, "BYE", udp("192.0.2.9:5060"));
    let failed = net.event(Event::TransportFailed { flow: udp("192.0.2.9:5080") });
    assert_eq!(heard(&failed), [Err(NoResponseCause::Transport)]);
    assert!(net.endpoint.is_idle());
}

#[test]
fn requests_too_large_for_a_datagram_are_counted() {
    let mut net = Net::new();
    send(&mut net, "BYE", udp("192.0.2.9:5060"));
    assert_eq!(net.endpoint.oversized_requests(), 0);
    let mut request = our_request("INVITE", "sip:1001@192.0.2.9");
    request.body = vec![b'x'; 1300];
    net.event(Event::Request {
        client: CLIENT,
        dialog: DIALOG,
        request,
        next_hop: next_hop(),
        flow: udp("192.0.2.9:5060"),
    });
    assert_eq!(net.endpoint.oversized_requests(), 1);
}

#[test]
fn a_cancel_is_the_invite_again_with_another_method_and_only_the_invite_is_heard_of() {
    let mut net = Net::new();
    let invite = send(&mut net, "INVITE", udp("192.0.2.9:5060"));
    let cancel = |net: &mut Net| net.event(Event::Cancel { dialog: DIALOG, client: CLIENT });
    assert!(cancel(&mut net).is_empty(), "9.1: not before a provisional response");
    assert_eq!(heard(&answer(&mut net, &invite, 180)), [Ok(180)]);

    let commands = cancel(&mut net);
    let (sent, flow) = sent_request(&commands[0]);
    assert_eq!((commands.len(), &sent.method, flow.remote), (1, &Method::Cancel, address("192.0.2.9:5080")));
    assert_eq!(sent.uri, invite.uri);
    for name in [HeaderName::Via, HeaderName::Route, HeaderName::From, HeaderName::To, HeaderName::CallId] {
        let of = |request: &Request| request.headers.values(&name).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(of(&sent), of(&invite), "{name}");
    }
    assert_eq!(sent.headers.get(&HeaderName::CSeq), Some("1 CANCEL"));

    assert!(answer(&mut net, &sent, 200).is_empty(), "the answer to the CANCEL says nothing");
    let over = answer(&mut net, &invite, 487);
    assert_eq!(heard(&over), [Ok(487)]);
    assert_eq!(sent_request(&over[0]).0.method, Method::Ack);
    net.advance(Duration::from_secs(40));
    assert!(net.endpoint.is_idle());
}

#[test]
fn a_cancelled_invite_that_nobody_ends_is_given_up_after_32_s() {
    let mut net = Net::new();
    let invite = send(&mut net, "INVITE", udp("192.0.2.9:5060"));
    answer(&mut net, &invite, 180);
    net.event(Event::Cancel { dialog: DIALOG, client: CLIENT });
    let all = net.advance(Duration::from_secs(60));
    let (at, last) = all.iter().find(|(_, command)| matches!(command, Command::NoResponse { .. })).unwrap();
    assert_eq!((*at, heard(std::slice::from_ref(last))), (32000, vec![Err(NoResponseCause::Timeout)]));
    assert_eq!(heard(&all.into_iter().map(|(_, command)| command).collect::<Vec<_>>()).len(), 1);
    assert!(net.endpoint.is_idle());
}

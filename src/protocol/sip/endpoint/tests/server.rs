//! Requests that arrive.

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn a_retransmitted_invite_gets_the_last_response_again() {
    let mut net = Net::new();
    let text = request("INVITE", 1, "z9hG4bK1", "");
    let (transaction, invite) = net.invite(&text);
    assert_eq!(only_response(&net.receive(&text)).0, 100);
    net.respond(transaction, invite.response(Status::RINGING).with_to_tag("ours"));
    assert_eq!(only_response(&net.receive(&text)), (180, "ours".into(), address("192.0.2.9:5060")));
    net.respond(transaction, invite.response(Status::BUSY_HERE).with_to_tag("ours"));
    assert_eq!(only_response(&net.receive(&text)).0, 486);
}

#[test]
fn the_first_response_is_100_without_to_tag() {
    let mut net = Net::new();
    let commands = net.receive(&request("INVITE", 1, "z9hG4bK1", ""));
    let (trying, _) = sent(&commands[0]);
    assert_eq!((trying.status, to_tag(&trying)), (Status::TRYING, String::new()));
}

#[test]
fn lost_ack_to_486_is_sent_again_by_timer_g_until_timer_h() {
    let mut net = Net::new();
    let (transaction, invite) = net.invite(&request("INVITE", 1, "z9hG4bK1", ""));
    net.respond(transaction, invite.response(Status::BUSY_HERE));
    let all = net.advance(MINUTE);
    assert_eq!(send_times(&all), [500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500]);
    assert!(matches!(all.last(), Some((32000, Command::NoAck { transaction: t })) if *t == transaction), "{all:?}");
    assert!(net.endpoint.is_idle());
}

#[test]
fn ack_to_486_ends_the_retransmission_and_is_nobodys_business() {
    let mut net = Net::new();
    let text = request("INVITE", 1, "z9hG4bK1", "");
    let (transaction, invite) = net.invite(&text);
    let refused = net.respond(transaction, invite.response(Status::BUSY_HERE));
    let tag = only_response(&refused).1;
    assert!(!tag.is_empty(), "a refusal has a To tag even if its author gave none (RFC 3261 8.2.6.2)");
    assert!(net.receive(&request("ACK", 1, "z9hG4bK1", &tag)).is_empty());
    assert!(net.receive(&text).is_empty(), "17.2.1: copies are absorbed in Confirmed");
    assert!(net.advance(Duration::from_secs(4)).is_empty());
    assert!(!net.endpoint.is_idle());
    net.advance(Duration::from_secs(1));
    assert!(net.endpoint.is_idle(), "timer I is T4");
}

#[test]
fn with_the_cookie_the_ack_needs_no_request_uri_to_be_known() {
    let mut net = Net::new();
    let (transaction, invite) = net.invite(&request("INVITE", 1, "z9hG4bK1", ""));
    net.respond(transaction, invite.response(Status::BUSY_HERE).with_to_tag("ours"));
    net.receive(&request("ACK", 1, "z9hG4bK1", "ours").replace("sip:5000@192.0.2.1:5062 ", "sip:192.0.2.1 "));
    net.advance(Duration::from_secs(5));
    assert!(net.endpoint.is_idle());
}

#[test]
fn on_tcp_a_refusal_is_sent_once_and_the_ack_ends_it_at_once() {
    let mut net = Net::new();
    let via = "SIP/2.0/TCP 192.0.2.9:5060;branch=z9hG4bK1";
    let flow = tcp("192.0.2.9:33333", 1);
    let (transaction, invite) = net.invite_on(flow, &request_via("INVITE", 1, via, ""));
    let refused = net.respond(transaction, invite.response(Status::BUSY_HERE).with_to_tag("ours"));
    assert_eq!(sent(&refused[0]).1, flow);
    assert!(net.advance(Duration::from_secs(31)).is_empty());
    net.receive_on(flow, &request_via("ACK", 1, via, "ours"));
    assert!(net.endpoint.is_idle());
}

#[test]
fn lost_ack_to_200_is_sent_again_from_t1_to_t2_until_no_ack() {
    for (flow, via) in [
        (udp("192.0.2.9:5060"), "SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK1"),
        (tcp("192.0.2.9:33333", 1), "SIP/2.0/TCP 192.0.2.9:5060;branch=z9hG4bK1"),
    ] {
        let mut net = Net::new();
        let (transaction, invite) = net.invite_on(flow, &request_via("INVITE", 1, via, ""));
        net.bind(1, "ours");
        net.respond(transaction, ok_with_tag(&invite, "ours"));
        let all = net.advance(MINUTE);
        assert_eq!(send_times(&all), [500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500], "13.3.1.4");
        assert!(matches!(all.last(), Some((32000, Command::NoAck { transaction: t })) if *t == transaction));
        assert_eq!(net.endpoint.transactions(), 0);
    }
}

#[test]
fn ack_to_200_reaches_its_dialog_once() {
    let mut net = Net::new();
    let text = request("INVITE", 1, "z9hG4bK1", "");
    let (transaction, invite) = net.invite(&text);
    net.bind(7, "ours");
    net.respond(transaction, ok_with_tag(&invite, "ours"));
    assert!(net.receive(&text).is_empty(), "RFC 6026 7.1: copies of the INVITE are absorbed in Accepted");
    assert!(net.receive(&request("ACK", 1, "z9hG4bKother", "theirs")).is_empty(), "of another dialog");
    assert!(net.receive(&request("ACK", 2, "z9hG4bKother", "ours")).is_empty(), "of another INVITE");

    let ack = request("ACK", 1, "z9hG4bKack", "ours");
    let commands = net.receive(&ack);
    assert!(matches!(&commands[..], [Command::AckReceived { dialog: DialogKey(7), .. }]), "{commands:?}");
    assert!(net.receive(&ack).is_empty(), "a copy");
    assert!(net.advance(MINUTE).is_empty(), "no 2xx is sent again, nobody misses an ACK");
    assert_eq!(net.endpoint.transactions(), 0);
}

#[test]
fn ack_to_200_with_the_branch_of_the_invite_is_understood() {
    let mut net = Net::new();
    let (transaction, invite) = net.invite(&request("INVITE", 1, "z9hG4bK1", ""));
    net.bind(7, "ours");
    net.respond(transaction, ok_with_tag(&invite, "ours"));
    let commands = net.receive(&request("ACK", 1, "z9hG4bK1", "ours"));
    assert!(matches!(&commands[..], [Command::AckReceived { .. }]), "{commands:?}");
}

#[test]
fn a_dialog_that_is_over_waits_for_no_ack() {
    let mut net = Net::new();
    let (transaction, invite) = net.invite(&request("INVITE", 1, "z9hG4bK1", ""));
    net.bind(7, "ours");
    net.respond(transaction, ok_with_tag(&invite, "ours"));
    net.event(Event::Unbind { dialog: DialogKey(7) });
    assert!(net.advance(MINUTE).is_empty());
    assert!(net.endpoint.is_idle());
}

#[test]
fn cancel_before_the_final_response() {
    let mut net = Net::new();
    let (transaction, invite) = net.invite(&request("INVITE", 1, "z9hG4bK1", ""));
    let cancel = request("CANCEL", 1, "z9hG4bK1", "");
    let commands = net.receive(&cancel);
    let (ok, _) = sent(&commands[0]);
    assert_eq!((ok.status, ok.headers.get(&HeaderName::CSeq)), (Status::OK, Some("1 CANCEL")));
    assert!(matches!(commands[1], Command::Cancelled { transaction: t } if t == transaction));
    assert_eq!(only_response(&net.receive(&cancel)).0, 200, "a copy is answered, the user hears nothing of it");

    let terminated = net.respond(transaction, invite.response(Status::REQUEST_TERMINATED));
    let (status, tag, _) = only_response(&terminated);
    assert_eq!((status, tag), (487, to_tag(&ok)), "9.2: both have the same To tag");
    net.advance(MINUTE);
    assert!(net.endpoint.is_idle());
}

#[test]
fn cancel_after_the_final_response_changes_nothing() {
    let mut net = Net::new();
    let (transaction, invite) = net.invite(&request("INVITE", 1, "z9hG4bK1", ""));
    net.respond(transaction, ok_with_tag(&invite, "ours"));
    let (status, tag, _) = only_response(&net.receive(&request("CANCEL", 1, "z9hG4bK1", "")));
    assert_eq!((status, tag.as_str()), (200, "ours"));
}

#[test]
fn cancel_of_nothing_is_481() {
    let mut net = Net::new();
    net.invite(&request("INVITE", 1, "z9hG4bK1", ""));
    let (status, tag, _) = only_response(&net.receive(&request("CANCEL", 1, "z9hG4bK2", "")));
    assert_eq!(status, 481);
    assert!(!tag.is_empty());
}

#[test]
fn requests_of_unknown_dialogs_are_481_and_forgotten() {
    let mut net = Net::new();
    net.bind(1, "ours");
    for method in ["BYE", "INVITE", "UPDATE", "PRACK", "INFO", "OPTIONS", "NOTIFY", "REFER"] {
        let text = request(method, 2, &format!("z9hG4bK{method}"), "stranger");
        assert_eq!(only_response(&net.receive(&text)).0, 481, "{method}");
    }
    assert!(net.receive(&request("ACK", 2, "z9hG4bKa", "stranger")).is_empty(), "an ACK is never answered");
    let other_caller = request("BYE", 2, "z9hG4bKb", "ours").replace("tag=from-1", "tag=from-2");
    assert_eq!(only_response(&net.receive(&other_caller)).0, 481, "the From tag counts too");
    for method in ["BYE", "UPDATE", "PRACK", "INFO"] {
        let (status, tag, _) = only_response(&net.receive(&request(method, 2, "z9hG4bKc", "")));
        assert_eq!(status, 481, "{method} without To tag");
        assert!(!tag.is_empty());
    }
    assert_eq!(net.endpoint.transactions(), 0);
}

#[test]
fn requests_of_a_bound_dialog_reach_it() {
    let mut net = Net::new();
    net.bind(7, "ours");
    let commands = net.receive(&request("INVITE", 2, "z9hG4bK2", "ours"));
    assert_eq!(sent(&commands[0]).0.status, Status::TRYING);
    assert!(matches!(&commands[1], Command::InDialog { dialog: DialogKey(7), .. }));

    let bye = request("BYE", 3, "z9hG4bK3", "ours");
    let commands = net.receive(&bye);
    let [Command::InDialog { dialog: DialogKey(7), transaction, request: received, .. }] = &commands[..] else {
        panic!("{commands:?}");
    };
    assert!(net.receive(&bye).is_empty(), "17.2.2: a copy in Trying is absorbed");
    assert_eq!(only_response(&net.respond(*transaction, received.response(Status::OK))).1, "ours");
    assert_eq!(only_response(&net.receive(&bye)).0, 200, "17.2.2: a copy in Completed gets the response");

    net.event(Event::Unbind { dialog: DialogKey(7) });
    assert_eq!(only_response(&net.receive(&bye)).0, 200, "the transaction outlives the dialog");
    assert_eq!(only_response(&net.receive(&request("BYE", 4, "z9hG4bK4", "ours"))).0, 481);
}

#[test]
fn the_ack_to_a_refused_reinvite_is_not_the_one_to_the_call() {
    let mut net = Net::new();
    net.bind(7, "ours");
    let commands = net.receive(&request("INVITE", 2, "z9hG4bK2", "ours"));
    let Some(Command::InDialog { transaction, request: invite, .. }) = commands.last() else { panic!("{commands:?}") };
    net.respond(*transaction, invite.response(Status::NOT_ACCEPTABLE_HERE));
    assert!(net.receive(&request("ACK", 2, "z9hG4bK2", "ours")).is_empty());
    net.advance(Duration::from_secs(5));
    assert_eq!(net.endpoint.transactions(), 0);
}

#[test]
fn a_request_that_comes_two_ways_is_482() {
    let mut net = Net::new();
    let (transaction, invite) = net.invite(&request("INVITE", 1, "z9hG4bK1", ""));
    let copy = request("INVITE", 1, "z9hG4bK2", "");
    assert_eq!(only_response(&net.receive(&copy)).0, 482, "8.2.2.2");
    net.respond(transaction, ok_with_tag(&invite, "ours"));
    assert_eq!(only_response(&net.receive(&copy)).0, 482, "the call is answered already");
}

#[test]
fn a_new_attempt_after_a_refusal_is_no_copy() {
    let mut net = Net::new();
    let (transaction, invite) = net.invite(&request("INVITE", 1, "z9hG4bK1", ""));
    net.respond(transaction, invite.response(Status::MOVED_TEMPORARILY));
    // a proxy that follows the redirect to another port of ours keeps tag, Call-ID and CSeq
    let (second, _) = net.invite(&request("INVITE", 1, "z9hG4bK2", ""));
    assert_ne!(transaction, second);
    net.advance(Duration::from_secs(40));
    let third = request("INVITE", 1, "z9hG4bK3", "");
    assert_eq!(only_response(&net.receive(&third)).0, 482, "the end of the first one forgets nothing of the second");
}

#[test]
fn screened_requests_get_the_same_refusal_each_time() {
    let mut net = Net::new();
    let first = only_response(&net.receive(&request("FOO", 1, "z9hG4bK1", "")));
    let second = only_response(&net.receive(&request("FOO", 1, "z9hG4bK1", "")));
    assert_eq!(first.0, 405);
    assert_eq!(first, second, "8.2.7: the To tag is derived");
    let other = only_response(&net.receive(&request("FOO", 1, "z9hG4bK2", "")));
    assert_ne!(first.1, other.1);
    assert!(net.endpoint.is_idle());
}

#[test]
fn a_request_without_via_is_answered_where_it_came_from() {
    let mut net = Net::new();
    let text = request("OPTIONS", 1, "z9hG4bK1", "").replace("Via:", "X-Via:");
    assert_eq!(only_response(&net.receive_on(udp("192.0.2.9:1024"), &text)).0, 400);
    let ack = request("ACK", 1, "z9hG4bK1", "").replace("Via:", "X-Via:");
    assert!(net.receive(&ack).is_empty());
}

#[test]
fn options_outside_a_dialog_is_the_users_to_answer() {
    let mut net = Net::new();
    let commands = net.receive(&request("OPTIONS", 1, "z9hG4bK1", ""));
    let [Command::OutOfDialog { transaction, request: options, .. }] = &commands[..] else { panic!("{commands:?}") };
    let answer = net.respond(*transaction, options.response(Status::OK));
    assert!(!only_response(&answer).1.is_empty());
    assert_eq!(sent(&answer[0]).0.headers.get(&HeaderName::Server), Some("Ringpost"));
    assert!(net.respond(*transaction, options.response(Status::OK)).is_empty(), "one final response, not two");
    net.advance(Duration::from_secs(32));
    assert!(net.endpoint.is_idle(), "timer J");
}

#[test]
fn rport_leads_the_answer_through_a_nat() {
    let mut net = Net::new();
    let via = "SIP/2.0/UDP 10.0.0.4:5060;rport;branch=z9hG4bK1";
    let commands = net.receive_on(udp("203.0.113.7:40000"), &request_via("INVITE", 1, via, ""));
    let (trying, flow) = sent(&commands[0]);
    let via = crate::protocol::sip::values::Via::top(&trying.headers).unwrap();
    assert_eq!((via.param("received"), via.param("rport")), (Some("203.0.113.7"), Some("40000")), "RFC 3581 4");
    assert_eq!(flow.remote, address("203.0.113.7:40000"));
}

#[test]
fn an_answer_takes_a_new_connection_when_its_own_is_gone() {
    let mut net = Net::new();
    let via = "SIP/2.0/TCP 192.0.2.9:5080;branch=z9hG4bK1";
    let flow = tcp("192.0.2.9:33333", 1);
    let (transaction, invite) = net.invite_on(flow, &request_via("INVITE", 1, via, ""));
    assert!(net.event(Event::TransportFailed { flow }).is_empty());
    let new = Flow { remote: address("192.0.2.9:5080"), connection: None, ..flow };
    let busy = net.respond(transaction, invite.response(Status::BUSY_HERE));
    assert_eq!(sent(&busy[0]).1, new, "18.2.2");
    let commands = net.event(Event::TransportFailed { flow: new });
    assert!(matches!(commands[..], [Command::NoAck { .. }]), "17.2.4");
    assert!(net.endpoint.is_idle());
}

#[test]
fn a_refusal_that_may_be_lost_with_its_connection_is_sent_on_the_new_one() {
    let mut net = Net::new();
    let via = "SIP/2.0/TCP 192.0.2.9:5080;branch=z9hG4bK1";
    let flow = tcp("192.0.2.9:33333", 1);
    let text = request_via("INVITE", 1, via, "");
    let (transaction, invite) = net.invite_on(flow, &text);
    net.respond(transaction, invite.response(Status::BUSY_HERE));
    let again = net.event(Event::TransportFailed { flow });
    assert_eq!(only_response(&again), (486, to_tag(&sent(&again[0]).0), address("192.0.2.9:5080")));
    // the peer comes back by itself and asks again: the answer goes along its new connection
    let back = tcp("192.0.2.9:44444", 2);
    assert_eq!(sent(&net.receive_on(back, &text)[0]).1, back);
}

#[test]
fn transactions_of_other_connections_are_left_alone() {
    let mut net = Net::new();
    let via = "SIP/2.0/TCP 192.0.2.9:5080;branch=z9hG4bK1";
    let flow = tcp("192.0.2.9:33333", 1);
    let (transaction, invite) = net.invite_on(flow, &request_via("INVITE", 1, via, ""));
    net.event(Event::TransportFailed { flow: tcp("192.0.2.9:33334", 2) });
    assert_eq!(sent(&net.respond(transaction, invite.response(Status::BUSY_HERE))[0]).1, flow);
}

#[test]
fn a_peer_of_rfc_2543_is_matched_without_a_branch() {
    for branch in ["", ";branch=1", ";branch=z9hG4b"] {
        let via = format!("SIP/2.0/UDP 192.0.2.9:5060{branch}");
        let mut net = Net::new();
        let text = request_via("INVITE", 1, &via, "");
        let (transaction, invite) = net.invite(&text);
        assert_eq!(only_response(&net.receive(&text)).0, 100, "a copy");
        let cancelled = net.receive(&request_via("CANCEL", 1, &via, ""));
        assert!(matches!(cancelled.last(), Some(Command::Cancelled { .. })));
        net.respond(transaction, invite.response(Status::REQUEST_TERMINATED).with_to_tag("ours"));
        net.receive(&request_via("ACK", 1, &via, "ours"));
        assert!(net.advance(Duration::from_secs(40)).is_empty(), "17.2.3: the ACK was recognised");
        assert!(net.endpoint.is_idle());
        net.invite(&request_via("INVITE", 2, &via, ""));
    }
}

#[test]
fn the_cookie_is_compared_without_regard_to_case() {
    let mut net = Net::new();
    net.invite(&request("INVITE", 1, "z9hG4bKabc", ""));
    assert_eq!(only_response(&net.receive(&request("INVITE", 1, "Z9HG4BKabc", ""))).0, 100, "a copy");
}

#[test]
fn sent_by_tells_transactions_of_one_branch_apart() {
    let mut net = Net::new();
    net.invite(&request_via("INVITE", 1, "SIP/2.0/UDP a.test;branch=z9hG4bK1", ""));
    let other = request_via("INVITE", 1, "SIP/2.0/UDP b.test;branch=z9hG4bK1", "");
    assert_eq!(only_response(&net.receive(&other)).0, 482, "17.2.3: not a copy but a second way of the same request");
    let same = request_via("INVITE", 1, "SIP/2.0/UDP A.TEST:5060;branch=z9hG4bK1", "");
    assert_eq!(only_response(&net.receive(&same)).0, 100);
}

#[test]
fn a_branch_used_for_two_calls_does_not_join_them() {
    let mut net = Net::new();
    let (first, _) = net.invite(&request("INVITE", 1, "z9hG4bK1", ""));
    let (second, _) = net.invite(&request("INVITE", 1, "z9hG4bK1", "").replace("call-1", "call-2"));
    assert_ne!(first, second);
}

#[test]
fn a_full_endpoint_says_503_but_lets_calls_end() {
    let mut net = Net::with(Identity { max_server_transactions: 10, ..Identity::new("Ringpost") });
    net.bind(1, "ours");
    let mut last = None;
    for n in 0..9 {
        let text = request("INVITE", 1, &format!("z9hG4bK{n}"), "").replace("call-1", &format!("other-{n}"));
        last = Some((net.invite(&text), text));
    }
    let commands = net.receive(&request("OPTIONS", 1, "z9hG4bKo", ""));
    let (refusal, _) = sent(&commands[0]);
    assert_eq!(refusal.status, Status::SERVICE_UNAVAILABLE);
    assert_eq!(refusal.headers.get(&HeaderName::RetryAfter), Some("32"));
    assert_eq!(net.endpoint.transactions(), 9, "the refusal is not kept");

    let bye = net.receive(&request("BYE", 2, "z9hG4bKbye", "ours"));
    assert!(matches!(bye[..], [Command::InDialog { .. }]), "the last tenth is for dialogs");
    assert_eq!(only_response(&net.receive(&request("INFO", 3, "z9hG4bKi", "ours"))).0, 503);

    let ((transaction, _), text) = last.unwrap();
    let cancel = net.receive(&text.replace("INVITE", "CANCEL"));
    assert_eq!(sent(&cancel[0]).0.status, Status::OK);
    assert!(matches!(cancel[1], Command::Cancelled { transaction: t } if t == transaction));
    assert_eq!(net.endpoint.transactions(), 10);
}

#[test]
fn an_invite_that_its_user_forgets_is_500_after_three_minutes() {
    let mut net = Net::new();
    let (transaction, invite) = net.invite(&request("INVITE", 1, "z9hG4bK1", ""));
    net.advance(Duration::from_secs(170));
    net.respond(transaction, invite.response(Status::RINGING).with_to_tag("ours").with(HeaderName::Contact, "<sip:x>"));
    let all = net.advance(Duration::from_secs(180));
    let (refusal, _) = sent(&all[0].1);
    assert_eq!((all[0].0, refusal.status, to_tag(&refusal).as_str()), (350_000, Status::SERVER_INTERNAL_ERROR, "ours"));
    assert_eq!(refusal.headers.get(&HeaderName::Contact), None);
    assert!(matches!(all[1].1, Command::Cancelled { transaction: t } if t == transaction));
    net.advance(MINUTE);
    assert!(net.endpoint.is_idle());
}

#[test]
fn a_request_that_its_user_forgets_ends_in_silence() {
    let mut net = Net::new();
    net.receive(&request("OPTIONS", 1, "z9hG4bK1", ""));
    assert!(net.advance(Duration::from_secs(32)).is_empty(), "RFC 4320 4.2: a late 408 helps nobody");
    assert!(net.endpoint.is_idle());
}

#[test]
fn two_endpoints_of_one_seed_say_the_same() {
    let play = || {
        let mut net = Net::new();
        let (transaction, invite) = net.invite(&request("INVITE", 1, "z9hG4bK1", ""));
        format!("{:?}", net.respond(transaction, invite.response(Status::BUSY_HERE)))
    };
    assert_eq!(play(), play());
}

#[test]
fn twenty_thousand_calls_at_once_come_and_go() {
    let mut net = Net::new();
    let calls = (0..20_000u32).map(|n| {
        let text = request("INVITE", 1, &format!("z9hG4bK{n}"), "").replace("call-1", &format!("call-{n}"));
        let (transaction, invite) = net.invite(&text);
        net.respond(transaction, ok_with_tag(&invite, "ours"));
        net.now += Duration::from_micros(100);
        text
    });
    let calls = calls.collect::<Vec<_>>();
    assert_eq!(net.endpoint.transactions(), calls.len());
    for text in &calls {
        let ack =
            text.replace("INVITE", "ACK").replace("To: <sip:5000@192.0.2.1>", "To: <sip:5000@192.0.2.1>;tag=ours");
        net.receive(&ack);
    }
    assert!(net.advance(MINUTE).is_empty(), "every ACK was recognised");
    assert!(net.endpoint.is_idle());
}

//! Calls of ours: answered, declined, sent elsewhere, given up.

use super::*;

const INVITE: &str = "-> INVITE [Session-Expires: 1800 | Min-SE: 90] + v1 sendrecv 0,8,101";
const TAKEN: &str = "bind / -> ACK / media 198.51.100.7:4000 PCMU both ways / established";

#[test]
fn a_call_rings_is_answered_and_ends_from_either_side() {
    let begun = [("call", INVITE), ("<- 100", ""), ("<- 180", ""), ("<- 200 + sdp", TAKEN)];
    flow(&[&begun[..], &[("hang up", "-> BYE / hung up"), ("<- 200", "ended WeHungUp")]].concat());
    flow(&[&begun[..], &[("BYE", "200 BYE / ended PeerHungUp")]].concat());
}

#[test]
fn what_is_written_out_is_an_invite_and_a_dialog_of_rfc_3261() {
    let mut call = flow(&[("call", INVITE)]);
    let (_, invite) = call.sent.clone().unwrap();
    let field = |request: &Request, name| request.headers.get(&name).unwrap_or_default().to_owned();
    assert_eq!(invite.uri.as_str(), "sip:9000@198.51.100.7");
    assert_eq!(field(&invite, HeaderName::From), "<sip:test@192.0.2.1>;tag=ours");
    assert_eq!(field(&invite, HeaderName::To), "<sip:9000@198.51.100.7>");
    assert_eq!(field(&invite, HeaderName::CSeq), "1 INVITE");
    assert_eq!(field(&invite, HeaderName::Contact), "<sip:192.0.2.1:5065;transport=udp>");

    let routes = "Record-Route: <sip:10.0.0.1;lr> | Record-Route: <sip:10.0.0.2;lr>";
    call.step(&format!("<- 200 [Contact: <sip:pbx@10.9.9.9:5070> | {routes}] + sdp"));
    let ack = call.acked.clone().unwrap();
    call.step("hang up");
    for (request, cseq) in [(ack, "1 ACK"), (call.sent.clone().unwrap().1, "2 BYE")] {
        assert_eq!(request.uri.as_str(), "sip:pbx@10.9.9.9:5070");
        let routes: Vec<_> = request.headers.values(&HeaderName::Route).collect();
        assert_eq!(routes, ["<sip:10.0.0.2;lr>", "<sip:10.0.0.1;lr>"], "12.1.2: in reverse order");
        assert_eq!(field(&request, HeaderName::To), "<sip:9000@198.51.100.7>;tag=theirs");
        assert_eq!(field(&request, HeaderName::CSeq), cseq);
    }
}

#[test]
fn a_call_through_a_proxy_names_the_called_and_goes_to_the_proxy_until_the_answer_says_another_way() {
    let target = Uri::parse("sip:bob@example.test");
    let route = Some(Uri::parse("sip:192.0.2.60:5060;transport=tcp;lr"));
    let mut session = Session::call(Placing { target, route, ..placing() });
    let mut out = Vec::new();
    session.start(Instant::now(), &mut out);
    let Some(Command::Request { request, next_hop, .. }) = out.first() else { panic!("{out:?}") };
    assert_eq!(request.uri.as_str(), "sip:bob@example.test");
    assert_eq!(request.headers.get(&HeaderName::Route), Some("<sip:192.0.2.60:5060;transport=tcp;lr>"));
    assert_eq!(next_hop.as_str(), "sip:192.0.2.60:5060;transport=tcp;lr");
}

#[test]
fn each_copy_of_the_200_gets_its_ack_again() {
    flow(&[("call", INVITE), ("<- 200 + sdp", TAKEN), ("<- 200 + sdp", "-> ACK")]);
}

#[test]
fn a_second_phone_that_answers_is_told_that_we_have_gone() {
    let second = "<- 200 [To: <sip:9000@198.51.100.7>;tag=second] + sdp";
    let call = flow(&[("call", INVITE), ("<- 200 + sdp", TAKEN), (second, "-> ACK / -> BYE"), ("<- 200", "")]);
    let to = call.sent.as_ref().and_then(|(_, bye)| bye.headers.get(&HeaderName::To));
    assert_eq!(to, Some("<sip:9000@198.51.100.7>;tag=second"));
    let mut call = call;
    call.step("hang up");
    let to = call.sent.as_ref().and_then(|(_, bye)| bye.headers.get(&HeaderName::To));
    assert_eq!(to, Some("<sip:9000@198.51.100.7>;tag=theirs"), "the first one is the call");
}

#[test]
fn a_call_that_is_not_taken_ends_with_the_reason() {
    for (answer, cause) in [
        ("<- 404", "ended Declined(Status(404))"),
        ("<- 486", "ended Declined(Status(486))"),
        ("<- 603", "ended Declined(Status(603))"),
        ("<- nothing", "ended Declined(Status(408))"),
        // nowhere to go: a name, TLS, a telephone number, nothing
        ("<- 302 [Contact: <sip:9000@pbx.test>]", "ended Declined(Status(302))"),
        ("<- 302 [Contact: <sip:9000@198.51.100.9;transport=tls>]", "ended Declined(Status(302))"),
        ("<- 302 [Contact: <tel:+15551234>]", "ended Declined(Status(302))"),
        ("<- 300", "ended Declined(Status(300))"),
    ] {
        flow(&[("call", INVITE), ("<- 100", ""), (answer, cause), (answer, "")]);
    }
}

#[test]
fn a_redirection_is_followed_in_the_same_call() {
    let mut call = flow(&[("call", INVITE), ("<- 302 [Contact: <sip:9000@198.51.100.8:5062>]", INVITE)]);
    let (_, invite) = call.sent.clone().unwrap();
    assert_eq!(invite.uri.as_str(), "sip:9000@198.51.100.8:5062");
    let field = |name| invite.headers.get(&name).unwrap_or_default().to_owned();
    assert_eq!((field(HeaderName::CallId).as_str(), field(HeaderName::CSeq).as_str()), ("ours@192.0.2.1", "2 INVITE"));
    assert_eq!(field(HeaderName::To), "<sip:9000@198.51.100.7>", "8.1.3.4: To stays, without a tag");
    assert_eq!(call.step("<- 200 + sdp"), TAKEN);
}

#[test]
fn places_are_tried_in_the_order_of_their_preference_each_once() {
    let contacts = "Contact: <sip:a@198.51.100.1>;q=0.2, <sip:b@198.51.100.2>;q=0.9, <sip:c@198.51.100.3>;q=0.5";
    let mut call = flow(&[("call", INVITE), (&format!("<- 302 [{contacts}]"), INVITE)]);
    let mut tried = Vec::new();
    for answer in ["<- 503", "<- 302 [Contact: <sip:b@198.51.100.2>, <sip:d@198.51.100.4>]", "<- 480"] {
        tried.push(call.sent.as_ref().unwrap().1.uri.to_string());
        assert_eq!(call.step(answer), INVITE);
    }
    tried.push(call.sent.as_ref().unwrap().1.uri.to_string());
    let expected = ["sip:b@198.51.100.2", "sip:c@198.51.100.3", "sip:d@198.51.100.4", "sip:a@198.51.100.1"];
    assert_eq!(tried, expected);
    assert_eq!(call.step("<- nothing"), "ended Declined(Status(408))");
}

#[test]
fn a_call_nobody_is_to_take_is_tried_nowhere_else() {
    let contacts = "Contact: <sip:a@198.51.100.1>, <sip:b@198.51.100.2>";
    flow(&[("call", INVITE), (&format!("<- 302 [{contacts}]"), INVITE), ("<- 603", "ended Declined(Status(603))")]);
}

#[test]
fn redirections_in_a_circle_end() {
    let mut call = flow(&[("call", INVITE)]);
    let told: Vec<_> = (0..50).map(|n| call.step(&format!("<- 302 [Contact: <sip:x{n}@198.51.100.7>]"))).collect();
    assert_eq!(told.iter().position(|told| told == "ended Declined(Status(302))"), Some(9), "{told:?}");
}

#[test]
fn giving_up_cancels_once_a_provisional_response_has_come() {
    flow(&[
        ("call", INVITE),
        ("hang up", ""),
        ("<- 100", "-> CANCEL"),
        ("<- 180", ""),
        ("hang up", ""),
        ("<- 487", "ended Cancelled"),
    ]);
    flow(&[("call", INVITE), ("<- 180", ""), ("hang up", "-> CANCEL"), ("<- nothing", "ended Cancelled")]);
    flow(&[("call", INVITE), ("hang up", ""), ("<- nothing", "ended Cancelled")]);
    // neither a redirection nor a longer interval is followed any more
    flow(&[("call", INVITE), ("hang up", ""), ("<- 422 [Min-SE: 3600]", "ended Cancelled")]);
    flow(&[("call", INVITE), ("hang up", ""), ("<- 302 [Contact: <sip:a@198.51.100.1>]", "ended Cancelled")]);
    // RFC 3261 9.1: the answer was faster
    flow(&[
        ("call", INVITE),
        ("<- 180", ""),
        ("hang up", "-> CANCEL"),
        ("<- 200 + sdp", "bind / -> ACK / -> BYE / hung up"),
        ("<- 200", "ended Cancelled"),
    ]);
}

#[test]
fn an_answer_of_no_use_is_acknowledged_and_ended() {
    for answer in ["<- 200", "<- 200 + m=audio 4000 RTP/AVP 9", "<- 200 + m=audio 0 RTP/AVP 0", "<- 200 + <nonsense>"] {
        let mut call = flow(&[("call", INVITE)]);
        let told = call.step(answer);
        assert!(told.starts_with("bind / -> ACK / -> BYE [Reason: SIP;cause=488"), "{answer}: {told}");
        assert_eq!(call.step("<- 200"), "ended BadAnswer");
    }
}

#[test]
fn the_called_may_ask_for_a_longer_interval_and_may_refresh() {
    let longer = INVITE.replace("1800", "3600").replace("Min-SE: 90", "Min-SE: 3600");
    flow(&[
        ("call", INVITE),
        ("<- 422 [Min-SE: 3600]", &longer),
        ("<- 200 [Session-Expires: 3600;refresher=uac] + sdp", TAKEN),
        ("wait 1799", ""),
        ("wait 1", "-> INVITE [Session-Expires: 3600;refresher=uac | Min-SE: 3600] + v1 sendrecv 0,8,101"),
    ]);
    flow(&[("call", INVITE), ("<- 422 [Min-SE: 90]", "ended Declined(Status(422))")]);
    // no timer asked for: none
    flow(&[("call", INVITE), ("<- 200 + sdp", TAKEN), ("wait 7200", "")]);
    flow(&[
        ("call", INVITE),
        ("<- 200 [Session-Expires: 1800;refresher=uas] + sdp", TAKEN),
        ("wait 1000", ""),
        (
            "INVITE [Supported: timer | Session-Expires: 1800;refresher=uac] + sdp",
            "200 INVITE [Session-Expires: 1800;refresher=uac | Require: timer] + v2 sendrecv 0,101",
        ),
    ]);
}

#[test]
fn requests_within_a_call_of_ours_are_served_as_in_any() {
    flow(&[
        ("call", INVITE),
        ("BYE", "481 BYE"),
        ("<- 200 + sdp", TAKEN),
        ("OPTIONS", "200 OPTIONS"),
        ("INFO", "200 INFO"),
        (
            "INVITE + m=audio 4000 RTP/AVP 0 101 | a=rtpmap:101 telephone-event/8000 | a=sendonly",
            "media 198.51.100.7:4000 PCMU receive / 200 INVITE + v2 recvonly 0,101",
        ),
    ]);
}

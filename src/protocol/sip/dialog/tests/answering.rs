//! From the INVITE to the ACK: answers, refusals, reliable provisional responses.

use super::*;

const MEDIA: &str = "media 198.51.100.7:4000 PCMU both ways";

#[test]
fn a_call_is_answered_acknowledged_and_hung_up_by_the_caller() {
    flow(&[
        ("INVITE + sdp", ""),
        ("accept", &format!("bind / {MEDIA} / 200 INVITE + v1 sendrecv 0,101")),
        ("accept", ""),
        ("ack", "established"),
        ("ack", ""),
        ("BYE", "200 BYE / ended PeerHungUp"),
        ("BYE", "481 BYE"),
    ]);
}

#[test]
fn the_200_with_its_answer_is_written_out() {
    let text = "[Record-Route: <sip:198.51.100.9;lr> | Supported: timer, 100rel | Session-Expires: 1200] + sdp";
    let (mut call, _) = Call::start(invite(text));
    call.step("accept");
    let answer = call.last_response.unwrap().to_bytes();
    insta::assert_snapshot!(String::from_utf8(answer).unwrap().replace("\r\n", "\n"), @r#"
    SIP/2.0 200 OK
    Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK1
    From: "Ann" <sip:ann@example.com>;tag=caller
    To: <sip:5000@192.0.2.1>;tag=ours
    Call-ID: one@198.51.100.7
    CSeq: 7 INVITE
    Server: Ringpost
    Record-Route: <sip:198.51.100.9;lr>
    Contact: <sip:192.0.2.1:5065;transport=udp>
    Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, PRACK, UPDATE
    Supported: 100rel, timer
    Content-Type: application/sdp
    Session-Expires: 1200;refresher=uac
    Require: timer
    Content-Length: 193

    v=0
    o=- 4711 1 IN IP4 192.0.2.1
    s=-
    c=IN IP4 192.0.2.1
    t=0 0
    m=audio 20000 RTP/AVP 0 101
    a=rtpmap:0 PCMU/8000
    a=rtpmap:101 telephone-event/8000
    a=fmtp:101 0-15
    a=ptime:20
    a=sendrecv
    "#);
}

#[test]
fn an_invite_that_no_application_can_answer_is_refused_at_once() {
    for (invite, refusal) in [
        ("INVITE + m=audio 4000 RTP/AVP 18", "488 INVITE [Warning: 305]"),
        ("INVITE + m=audio 4000 RTP/SAVP 0", "488 INVITE [Warning: 302]"),
        ("INVITE + m=video 4000 RTP/AVP 96", "488 INVITE [Warning: 304]"),
        ("INVITE + c=IN IP4 198.51.100.7", "488 INVITE [Warning: 304]"),
        ("INVITE [Content-Type: application/sdp] + <hello>", "400 INVITE [Warning: 399]"),
        ("INVITE [Supported: timer | Session-Expires: 60] + sdp", "422 INVITE [Min-SE: 90]"),
    ] {
        let status: u16 = refusal.split(' ').next().unwrap().parse().unwrap();
        flow(&[
            (invite, &format!("{refusal} / ended Refused(Status({status}))")),
            ("accept", ""),
            ("cancel", ""),
            ("hang up", ""),
            ("wait 4000", ""),
        ]);
    }
}

#[test]
fn a_488_and_a_422_are_written_out() {
    let (call, _) = Call::start(invite("+ m=audio 4000 RTP/AVP 18"));
    let refusal = String::from_utf8(call.last_response.unwrap().to_bytes()).unwrap().replace("\r\n", "\n");
    insta::assert_snapshot!(refusal, @r#"
    SIP/2.0 488 Not Acceptable Here
    Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK1
    From: "Ann" <sip:ann@example.com>;tag=caller
    To: <sip:5000@192.0.2.1>;tag=ours
    Call-ID: one@198.51.100.7
    CSeq: 7 INVITE
    Server: Ringpost
    Warning: 305 ringpost "Incompatible media format: only PCMU and PCMA at 8000 Hz are spoken here"
    Content-Length: 0
    "#);
    let (call, _) = Call::start(invite("[Supported: timer | Session-Expires: 60] + sdp"));
    let refusal = String::from_utf8(call.last_response.unwrap().to_bytes()).unwrap().replace("\r\n", "\n");
    insta::assert_snapshot!(refusal, @r#"
    SIP/2.0 422 Session Interval Too Small
    Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK1
    From: "Ann" <sip:ann@example.com>;tag=caller
    To: <sip:5000@192.0.2.1>;tag=ours
    Call-ID: one@198.51.100.7
    CSeq: 7 INVITE
    Server: Ringpost
    Min-SE: 90
    Content-Length: 0
    "#);
}

#[test]
fn the_application_refuses_with_a_sentence_for_the_administrator() {
    let call = flow(&[
        ("INVITE + sdp", ""),
        (
            "refuse 503 30 All 100 \"lines\" are\\busy",
            "503 INVITE [Warning: 399 | Retry-After] / ended Refused(Status(503))",
        ),
    ]);
    let response = call.last_response.unwrap();
    assert_eq!(response.headers.get(&HeaderName::RetryAfter), Some("30"));
    assert_eq!(response.headers.get(&HeaderName::Warning), Some("399 ringpost \"All 100 'lines' are/busy\""));
    flow(&[
        ("INVITE + sdp", ""),
        ("refuse 404 0 No such extension", "404 INVITE [Warning: 399] / ended Refused(Status(404))"),
    ]);
    // not a refusal: a fault of the caller of this machine does not become a wrong answer
    flow(&[("INVITE + sdp", ""), ("refuse 200 0 x", "500 INVITE [Warning: 399] / ended Refused(Status(500))")]);
}

#[test]
fn a_cancel_before_the_answer_is_487_and_after_it_nothing() {
    flow(&[("INVITE + sdp", ""), ("cancel", "487 INVITE / ended Cancelled"), ("accept", "")]);
    flow(&[
        ("INVITE + sdp", ""),
        ("accept", &format!("bind / {MEDIA} / 200 INVITE + v1 sendrecv 0,101")),
        ("cancel", ""),
        ("ack", "established"),
        ("cancel", ""),
    ]);
}

#[test]
fn a_late_offer_is_answered_in_the_ack() {
    flow(&[
        ("INVITE", ""),
        ("accept", "bind / 200 INVITE + v1 sendrecv 0,8,101"),
        ("ack + m=audio 4000 RTP/AVP 8", "media 198.51.100.7:4000 PCMA both ways / established"),
        ("hang up", "-> BYE / hung up"),
        ("<- 200", "ended WeHungUp"),
    ]);
}

#[test]
fn a_late_offer_without_a_useful_answer_ends_in_bye() {
    for (ack, reason) in [
        ("ack", "The answer to our offer is missing"),
        ("ack + m=audio 0 RTP/AVP 0", "Media type not available: no audio stream is offered"),
        ("ack + m=audio 4000 RTP/AVP 18", "Incompatible media format: only PCMU and PCMA at 8000 Hz are spoken here"),
        ("ack [Content-Type: application/sdp] + <x>", "the body has neither a v= nor an m= line"),
    ] {
        flow(&[
            ("INVITE", ""),
            ("accept", "bind / 200 INVITE + v1 sendrecv 0,8,101"),
            (ack, &format!("-> BYE [Reason: SIP;cause=488;text=\"{reason}\"] / hung up")),
            ("<- 200", "ended BadAnswer"),
        ]);
    }
}

/// The RAck for the reliable 180 of a call.
fn rack(call: &Call) -> String {
    let response = call.last_response.as_ref().unwrap();
    format!("PRACK [RAck: {} 7 INVITE]", response.headers.get(&HeaderName::RSeq).unwrap())
}

#[test]
fn a_caller_that_requires_it_gets_a_reliable_180_and_the_200_after_its_prack() {
    let mut call = flow(&[
        ("INVITE [Require: 100rel] + sdp", ""),
        ("accept", &format!("bind / {MEDIA} / 180 INVITE [Require: 100rel | RSeq] + v1 sendrecv 0,101")),
        ("PRACK [RAck: 1 7 INVITE]", "481 PRACK"),
        ("PRACK", "481 PRACK"),
        ("INVITE + sdp", "500 INVITE [Retry-After | Warning: 399]"),
    ]);
    assert_eq!(call.wait(Duration::from_millis(400)), "");
    // the 180 comes again with the same RSeq
    let (mut call, _) = Call::start(invite("[Require: 100rel] + sdp"));
    call.step("accept");
    let first = call.last_response.clone();
    let prack = rack(&call);
    assert_eq!(
        call.step("wait 4"),
        ["180 INVITE [Require: 100rel | RSeq] + v1 sendrecv 0,101"; 3].join(" / "),
        "after 0.5, 1.5 and 3.5 s"
    );
    assert_eq!(call.last_response, first);
    assert_eq!(call.step(&prack), "200 PRACK / 200 INVITE", "the 180 carried the answer");
    assert_eq!(call.step(&prack), "481 PRACK");
    assert_eq!(call.step("wait 60"), "");
    assert_eq!(call.step("ack"), "established");
}

#[test]
fn an_unacknowledged_180_ends_in_504() {
    let (mut call, _) = Call::start(invite("[Require: 100rel] + sdp"));
    call.step("accept");
    let end = call.step("wait 33");
    assert_eq!(end.matches("180 INVITE").count(), 6, "{end}");
    assert!(end.ends_with(" / 504 INVITE [Warning: 399] / ended NoPrack"), "{end}");
}

#[test]
fn while_the_180_waits_the_call_may_end_in_every_way() {
    for (event, expected) in [
        ("cancel", "487 INVITE / ended Cancelled"),
        ("BYE", "200 BYE / 487 INVITE / ended PeerHungUp"),
        ("hang up", "480 INVITE [Warning: 399] / ended WeHungUp"),
        ("refuse 486 0 busy", "486 INVITE [Warning: 399] / ended Refused(Status(486))"),
    ] {
        let (mut call, _) = Call::start(invite("[Require: 100rel] + sdp"));
        call.step("accept");
        assert_eq!(call.step(event), expected);
        assert_eq!(call.step("wait 100"), "");
    }
}

#[test]
fn a_late_offer_with_reliable_180_is_answered_in_the_prack() {
    let begin = || {
        let (mut call, _) = Call::start(invite("[Require: 100rel]"));
        assert_eq!(call.step("accept"), "bind / 180 INVITE [Require: 100rel | RSeq] + v1 sendrecv 0,8,101");
        let prack = rack(&call);
        (call, prack)
    };
    let (mut call, prack) = begin();
    assert_eq!(call.step("UPDATE + sdp"), "491 UPDATE", "our offer is open");
    assert_eq!(call.step(&format!("{prack} + sdp")), format!("200 PRACK / {MEDIA} / 200 INVITE"));
    assert_eq!(call.step("ack"), "established");

    for body in ["", "+ m=audio 4000 RTP/AVP 18"] {
        let (mut call, prack) = begin();
        assert_eq!(
            call.step(&format!("{prack} {body}")),
            "200 PRACK / 488 INVITE [Warning: 399] / ended Refused(Status(488))"
        );
    }
}

#[test]
fn a_prack_may_carry_the_next_offer() {
    let begin = || {
        let (mut call, _) = Call::start(invite("[Require: 100rel] + sdp"));
        call.step("accept");
        let prack = rack(&call);
        (call, prack)
    };
    let (mut call, prack) = begin();
    assert_eq!(
        call.step(&format!("{prack} + m=audio 4004 RTP/AVP 8")),
        "media 198.51.100.7:4004 PCMA both ways / 200 PRACK + v2 sendrecv 8 / 200 INVITE"
    );
    let (mut call, prack) = begin();
    assert_eq!(
        call.step(&format!("{prack} + m=audio 4004 RTP/AVP 18")),
        "488 PRACK [Warning: 305] / 200 INVITE",
        "what was agreed in the 180 holds"
    );
    let (mut call, prack) = begin();
    assert_eq!(
        call.step("UPDATE + m=audio 4004 RTP/AVP 8"),
        "media 198.51.100.7:4004 PCMA both ways / 200 UPDATE + v2 sendrecv 8"
    );
    assert_eq!(call.step(&prack), "200 PRACK / 200 INVITE");
}

#[test]
fn a_caller_that_only_supports_reliable_responses_is_answered_straight() {
    flow(&[
        ("INVITE [Supported: 100rel] + sdp", ""),
        ("accept", &format!("bind / {MEDIA} / 200 INVITE + v1 sendrecv 0,101")),
    ]);
}

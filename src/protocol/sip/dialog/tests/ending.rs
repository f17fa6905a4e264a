//! How calls end: BYE from either side and what else may come at that moment.

use super::*;

const ANSWER: &str = "bind / media 198.51.100.7:4000 PCMU both ways / 200 INVITE + v1 sendrecv 0,101";

#[test]
fn the_caller_may_hang_up_at_any_time() {
    flow(&[("INVITE + sdp", ""), ("BYE", "200 BYE / 487 INVITE / ended PeerHungUp")]);
    flow(&[("INVITE + sdp", ""), ("accept", ANSWER), ("BYE", "200 BYE / ended PeerHungUp"), ("ack", "")]);
    flow(&[("answered", "established"), ("BYE", "200 BYE / ended PeerHungUp"), ("hang up", "")]);
}

#[test]
fn our_bye_waits_for_the_ack() {
    flow(&[
        ("INVITE + sdp", ""),
        ("accept", ANSWER),
        ("hang up", ""),
        ("hang up", ""),
        ("ack", "-> BYE / hung up"),
        ("<- 200", "ended WeHungUp"),
    ]);
    flow(&[
        ("INVITE + sdp", ""),
        ("accept", ANSWER),
        ("refuse 486 0 too late", ""),
        ("no ack", "-> BYE / hung up"),
        ("<- 200", "ended WeHungUp"),
    ]);
}

#[test]
fn an_answer_nobody_acknowledges_ends_in_bye() {
    flow(&[
        ("INVITE + sdp", ""),
        ("accept", ANSWER),
        ("no ack", "-> BYE [Reason: SIP;cause=408;text=\"No ACK came for our 200\"] / hung up"),
        ("no ack", ""),
        ("<- 481", "ended NoAck"),
    ]);
}

#[test]
fn our_bye_ends_the_call_whatever_the_answer() {
    for answer in ["<- 200", "<- 481", "<- 500", "<- 401", "<- nothing"] {
        flow(&[
            ("answered", "established"),
            ("hang up", "-> BYE / hung up"),
            ("<- 100", ""),
            (answer, "ended WeHungUp"),
            (answer, ""),
        ]);
    }
}

#[test]
fn byes_that_cross_end_the_call_once() {
    flow(&[
        ("answered", "established"),
        ("hang up", "-> BYE / hung up"),
        ("INFO", "481 INFO"),
        ("INVITE + sdp", "481 INVITE"),
        ("BYE", "200 BYE / ended WeHungUp"),
        ("<- 481", ""),
        ("BYE", "481 BYE"),
    ]);
}

#[test]
fn hanging_up_before_the_answer_is_a_refusal() {
    flow(&[("INVITE + sdp", ""), ("hang up", "480 INVITE [Warning: 399] / ended WeHungUp")]);
}

#[test]
fn our_bye_is_written_out_and_follows_the_routes() {
    let bye = |route: &str, contact: &str| {
        let text = format!("[{route}Contact: {contact}] + sdp");
        let (mut call, _) = Call::start(invite(&text));
        call.step("accept");
        call.step("ack");
        call.step("hang up");
        String::from_utf8(call.sent.unwrap().1.to_bytes()).unwrap().replace("\r\n", "\n")
    };
    insta::assert_snapshot!(bye("", "<sip:ann@198.51.100.7:5070>"), @r#"
    BYE sip:ann@198.51.100.7:5070 SIP/2.0
    Max-Forwards: 70
    From: <sip:5000@192.0.2.1>;tag=ours
    To: "Ann" <sip:ann@example.com>;tag=caller
    Call-ID: one@198.51.100.7
    CSeq: 1 BYE
    User-Agent: Ringpost
    Content-Length: 0
    "#);
    let routes = |text: String| -> Vec<String> {
        text.lines().filter(|l| l.starts_with("BYE") || l.starts_with("Route")).map(str::to_owned).collect()
    };
    let loose = "Record-Route: <sip:198.51.100.9;lr>, <sip:10.0.0.1;lr> | Record-Route: <sip:10.0.0.2;lr=on> | ";
    assert_eq!(
        routes(bye(loose, "sip:ann@10.9.9.9;x=y")),
        [
            "BYE sip:ann@10.9.9.9 SIP/2.0",
            "Route: <sip:198.51.100.9;lr>",
            "Route: <sip:10.0.0.1;lr>",
            "Route: <sip:10.0.0.2;lr=on>"
        ]
    );
    assert_eq!(
        routes(bye("Record-Route: <sip:198.51.100.9?a=b>, <sip:10.0.0.1;lr> | ", "<sip:ann@10.9.9.9;ob>")),
        ["BYE sip:198.51.100.9 SIP/2.0", "Route: <sip:10.0.0.1;lr>", "Route: <sip:ann@10.9.9.9;ob>"],
        "a strict router wants itself as Request-URI"
    );
}

const HOLD: &str = "+ m=audio 4000 RTP/AVP 0 | a=inactive";

#[test]
fn a_peer_that_holds_the_call_is_asked_each_minute_whether_it_is_there() {
    for (answer, then) in [
        (
            "<- nothing",
            "-> BYE [Reason: SIP;cause=408;text=\"Nobody answered OPTIONS while the call was on hold\"] / hung up",
        ),
        (
            "<- 408",
            "-> BYE [Reason: SIP;cause=408;text=\"Nobody answered OPTIONS while the call was on hold\"] / hung up",
        ),
        ("<- 481", "ended PeerGone"),
        ("<- 200", ""),
        ("<- 405", ""),
    ] {
        let mut call = flow(&[
            ("answered", "established"),
            ("wait 3600", ""),
            (&format!("INVITE {HOLD}"), "media 198.51.100.7:4000 PCMU silent / 200 INVITE + v2 inactive 0"),
            ("ack", ""),
            ("wait 59", ""),
            ("wait 1", "-> OPTIONS"),
            ("wait 20", ""),
            ("<- 100", ""),
            ("<- 200", ""),
            ("wait 59", ""),
            ("wait 1", "-> OPTIONS"),
        ]);
        assert_eq!(call.step(answer), then, "at `{answer}`");
    }
}

#[test]
fn a_call_that_is_taken_from_hold_is_asked_no_more() {
    flow(&[
        ("answered", "established"),
        (&format!("INVITE {HOLD}"), "media 198.51.100.7:4000 PCMU silent / 200 INVITE + v2 inactive 0"),
        ("ack", ""),
        ("wait 60", "-> OPTIONS"),
        ("INVITE + sdp", "media 198.51.100.7:4000 PCMU both ways / 200 INVITE + v3 sendrecv 0,101"),
        ("ack", ""),
        ("<- 200", ""),
        ("wait 3600", ""),
    ]);
}

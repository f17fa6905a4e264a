//! Session timers (RFC 4028): who refreshes, and what happens when nobody does.

use super::*;

const ANSWER: &str = "bind / media 198.51.100.7:4000 PCMU both ways / 200 INVITE";
const UPDATE: &str = "-> UPDATE [Session-Expires: 600;refresher=uac | Min-SE: 90]";
const EXPIRED: &str = "-> BYE [Reason: SIP;cause=408;text=\"The session expired without a refresh\"] / hung up";

/// A call of which we are the refresher, at 600 s.
fn ours(allow: &str) -> Call {
    flow(&[
        (&format!("INVITE [Supported: timer | Session-Expires: 600;refresher=uas{allow}] + sdp"), ""),
        ("accept", &format!("{ANSWER} [Session-Expires: 600;refresher=uas] + v1 sendrecv 0,101")),
        ("ack", "established"),
    ])
}

fn play(mut call: Call, table: &[(&str, &str)]) -> Call {
    for (event, expected) in table {
        assert_eq!(call.step(event), *expected, "at `{event}`");
    }
    call
}

#[test]
fn a_caller_without_timers_has_none() {
    flow(&[
        ("INVITE + sdp", ""),
        ("accept", &format!("{ANSWER} + v1 sendrecv 0,101")),
        ("ack", "established"),
        ("wait 90000", ""),
    ]);
}

#[test]
fn a_caller_that_does_not_refresh_is_hung_up_in_time() {
    flow(&[
        ("INVITE [Supported: timer] + sdp", ""),
        ("accept", &format!("{ANSWER} [Session-Expires: 1800;refresher=uac | Require: timer] + v1 sendrecv 0,101")),
        ("ack", "established"),
        ("wait 1767", ""),
        ("wait 1", EXPIRED),
        ("<- nothing", "ended SessionExpired"),
    ]);
}

#[test]
fn each_refresh_of_the_caller_starts_the_session_anew() {
    let refreshed = "[Session-Expires: 600;refresher=uac | Require: timer]";
    flow(&[
        ("INVITE [Supported: timer | Session-Expires: 600] + sdp", ""),
        ("accept", &format!("{ANSWER} {refreshed} + v1 sendrecv 0,101")),
        ("ack", "established"),
        ("wait 300", ""),
        ("UPDATE [Supported: timer | Session-Expires: 600;refresher=uac]", &format!("200 UPDATE {refreshed}")),
        ("wait 500", ""),
        (
            "INVITE [Supported: timer | Session-Expires: 600;refresher=uac] + sdp",
            &format!("200 INVITE {refreshed} + v1 sendrecv 0,101"),
        ),
        ("ack", ""),
        ("UPDATE [Supported: timer | Session-Expires: 45]", "422 UPDATE [Min-SE: 90]"),
        ("INVITE [Supported: timer | Session-Expires: 45] + sdp", "422 INVITE [Min-SE: 90]"),
        ("wait 567", ""),
        ("wait 1", EXPIRED),
    ]);
}

#[test]
fn we_refresh_by_update_where_it_is_allowed() {
    let call = play(
        ours(" | Allow: INVITE, ACK, BYE, UPDATE"),
        &[
            ("wait 299", ""),
            ("wait 1", UPDATE),
            ("<- 200 [Session-Expires: 600;refresher=uac]", ""),
            ("wait 300", UPDATE),
            ("<- 200 [Session-Expires: 400;refresher=uac]", ""),
            ("wait 200", "-> UPDATE [Session-Expires: 400;refresher=uac | Min-SE: 90]"),
            // the peer takes over
            ("<- 200 [Session-Expires: 400;refresher=uas | Contact: <sip:ann@198.51.100.8>]", ""),
            ("wait 367", ""),
            ("wait 1", EXPIRED),
        ],
    );
    assert_eq!(call.sent.unwrap().1.uri.as_str(), "sip:ann@198.51.100.8", "the 2xx moved the target");
}

#[test]
fn our_update_is_written_out() {
    let call = play(ours(" | Allow: UPDATE"), &[("wait 300", UPDATE)]);
    let update = String::from_utf8(call.sent.unwrap().1.to_bytes()).unwrap().replace("\r\n", "\n");
    insta::assert_snapshot!(update, @r#"
    UPDATE sip:ann@198.51.100.7:5070 SIP/2.0
    Max-Forwards: 70
    From: <sip:5000@192.0.2.1>;tag=ours
    To: "Ann" <sip:ann@example.com>;tag=caller
    Call-ID: one@198.51.100.7
    CSeq: 1 UPDATE
    User-Agent: Ringpost
    Contact: <sip:192.0.2.1:5065;transport=udp>
    Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, PRACK, UPDATE
    Supported: timer
    Session-Expires: 600;refresher=uac
    Min-SE: 90
    Content-Length: 0
    "#);
}

const REINVITE: &str = "-> INVITE [Session-Expires: 600;refresher=uac | Min-SE: 90] + v1 sendrecv 0,101";

#[test]
fn we_refresh_by_reinvite_elsewhere_and_acknowledge_its_200_each_time_it_comes() {
    let call = play(
        ours(""),
        &[
            ("wait 300", REINVITE),
            ("<- 100", ""),
            ("<- 180", ""),
            ("<- 200 [Session-Expires: 600;refresher=uac] + sdp", "-> ACK"),
            ("<- 200 [Session-Expires: 600;refresher=uac] + sdp", "-> ACK"),
            ("wait 300", REINVITE),
            ("<- 200 + m=audio 4008 RTP/AVP 8", "-> ACK / media 198.51.100.7:4008 PCMA both ways"),
        ],
    );
    let ack = call.acked.unwrap();
    assert_eq!(ack.headers.get(&HeaderName::CSeq), Some("2 ACK"));
    assert_eq!(ack.uri.as_str(), "sip:ann@198.51.100.7:5070");
    play(
        ours(""),
        &[
            ("wait 300", REINVITE),
            ("<- 200", "-> ACK / -> BYE [Reason: SIP;cause=488;text=\"The answer to our offer is missing\"] / hung up"),
            ("<- 200", "ended BadAnswer"),
        ],
    );
}

#[test]
fn offers_that_cross_our_reinvite_are_491_and_so_may_ours_be() {
    let call = play(
        ours(""),
        &[
            ("wait 300", REINVITE),
            ("INVITE + sdp", "491 INVITE"),
            ("UPDATE + sdp", "491 UPDATE"),
            ("UPDATE", "200 UPDATE [Session-Expires: 600;refresher=uas]"),
            ("<- 491", ""),
        ],
    );
    play(call, &[("wait 2", REINVITE), ("<- 200 + sdp", "-> ACK")]);
}

#[test]
fn a_refused_refresh_is_tried_again_until_the_session_expires() {
    play(
        ours(" | Allow: UPDATE"),
        &[("wait 300", UPDATE), ("<- 405", REINVITE), ("<- 500 [Retry-After: 7 (soon)]", ""), ("wait 7", REINVITE)],
    );
    play(
        ours(" | Allow: UPDATE"),
        &[
            ("wait 300", UPDATE),
            ("<- 422 [Min-SE: 700]", "-> UPDATE [Session-Expires: 700;refresher=uac | Min-SE: 700]"),
            ("<- 422 [Min-SE: 700]", ""),
            ("wait 30", "-> UPDATE [Session-Expires: 700;refresher=uac | Min-SE: 700]"),
            ("<- 200 [Session-Expires: 700;refresher=uac]", ""),
        ],
    );
    let mut call = play(ours(" | Allow: UPDATE"), &[("wait 300", UPDATE)]);
    for _ in 0..8 {
        assert_eq!(call.step("<- 500"), "");
        assert_eq!(call.step("wait 30"), UPDATE);
    }
    assert_eq!(call.step("<- 500"), "");
    assert_eq!(call.step("wait 30"), EXPIRED);
}

#[test]
fn a_peer_that_is_gone_ends_the_call() {
    let gone = "-> BYE [Reason: SIP;cause=408;text=\"Nobody answered the session refresh\"] / hung up";
    play(ours(" | Allow: UPDATE"), &[("wait 300", UPDATE), ("<- 481", "ended PeerGone")]);
    for answer in ["<- 408", "<- nothing"] {
        play(ours(" | Allow: UPDATE"), &[("wait 300", UPDATE), (answer, gone), ("<- nothing", "ended PeerGone")]);
    }
}

#[test]
fn a_reinvite_of_ours_that_is_answered_while_we_leave_is_still_acknowledged() {
    let mut call = play(ours(""), &[("wait 300", REINVITE)]);
    let (client, reinvite) = call.sent.clone().unwrap();
    assert_eq!(call.step("hang up"), "-> BYE / hung up");
    assert_eq!(call.happen(Event::Response { client, response: reinvite.response(Status::OK) }), "-> ACK");
    assert_eq!(call.step("<- 200"), "ended WeHungUp");
}

#[test]
fn a_proxy_may_ask_for_a_caller_that_knows_no_timers() {
    let call = flow(&[
        ("INVITE [Session-Expires: 600;refresher=uac] + sdp", ""),
        ("accept", &format!("{ANSWER} [Session-Expires: 600;refresher=uas] + v1 sendrecv 0,101")),
        ("ack", "established"),
    ]);
    play(call, &[("wait 300", REINVITE), ("<- 200 + sdp", "-> ACK"), ("wait 300", REINVITE)]);
}

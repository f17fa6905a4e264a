//! Offers and answers within an established call: re-INVITE and UPDATE, hold and resume, glare.

use super::*;

#[test]
fn hold_and_resume_are_told_to_the_stream_and_answered_with_a_new_version() {
    for (hold, answer, media) in [
        (
            "m=audio 4000 RTP/AVP 0 101 | a=rtpmap:101 telephone-event/8000 | a=sendonly",
            "recvonly",
            "198.51.100.7:4000 PCMU receive",
        ),
        (
            "m=audio 4000 RTP/AVP 0 101 | a=rtpmap:101 telephone-event/8000 | a=inactive",
            "inactive",
            "198.51.100.7:4000 PCMU silent",
        ),
        (
            "m=audio 4000 RTP/AVP 0 101 | a=rtpmap:101 telephone-event/8000 | c=IN IP4 0.0.0.0",
            "recvonly",
            "nowhere PCMU receive",
        ),
    ] {
        flow(&[
            ("answered", "established"),
            (&format!("INVITE + {hold}"), &format!("media {media} / 200 INVITE + v2 {answer} 0,101")),
            ("ack", ""),
            (&format!("UPDATE + {hold}"), &format!("200 UPDATE + v2 {answer} 0,101")),
            ("INVITE + sdp", "media 198.51.100.7:4000 PCMU both ways / 200 INVITE + v3 sendrecv 0,101"),
            ("ack", ""),
            ("BYE", "200 BYE / ended PeerHungUp"),
        ]);
    }
}

#[test]
fn a_session_refresh_that_changes_nothing_is_answered_with_the_same_version() {
    flow(&[
        ("answered", "established"),
        ("INVITE + sdp", "200 INVITE + v1 sendrecv 0,101"),
        ("ack", ""),
        ("UPDATE", "200 UPDATE"),
        ("UPDATE + sdp", "200 UPDATE + v1 sendrecv 0,101"),
    ]);
}

#[test]
fn an_offer_we_cannot_take_leaves_the_session_as_it_was() {
    flow(&[
        ("answered", "established"),
        ("INVITE + m=audio 0 RTP/AVP 0 | m=image 4000 udptl t38", "488 INVITE [Warning: 304]"),
        ("INVITE + m=audio 4000 RTP/AVP 18", "488 INVITE [Warning: 305]"),
        ("UPDATE + m=audio 4000 RTP/SAVP 0", "488 UPDATE [Warning: 302]"),
        ("UPDATE [Content-Type: application/sdp] + <nonsense>", "400 UPDATE [Warning: 399]"),
        ("INVITE + sdp", "200 INVITE + v1 sendrecv 0,101"),
    ]);
}

#[test]
fn a_reinvite_without_sdp_gets_a_full_offer_and_its_ack_the_answer() {
    flow(&[
        ("answered", "established"),
        ("INVITE", "200 INVITE + v2 sendrecv 0,8,101"),
        ("INVITE + sdp", "491 INVITE"),
        ("UPDATE + sdp", "491 UPDATE"),
        ("UPDATE", "200 UPDATE"),
        (
            "ack + m=audio 4000 RTP/AVP 0 101 | a=rtpmap:101 telephone-event/8000 | a=inactive",
            "media 198.51.100.7:4000 PCMU silent",
        ),
        ("INVITE", "200 INVITE + v2 sendrecv 0,8,101"),
        ("ack", "-> BYE [Reason: SIP;cause=488;text=\"The answer to our offer is missing\"] / hung up"),
        ("<- 200", "ended BadAnswer"),
    ]);
    flow(&[
        ("answered", "established"),
        ("INVITE", "200 INVITE + v2 sendrecv 0,8,101"),
        ("no ack", "-> BYE [Reason: SIP;cause=408;text=\"No ACK came for our 200\"] / hung up"),
    ]);
}

#[test]
fn a_reinvite_that_overtakes_the_ack_is_answered_once_the_first_exchange_is_complete() {
    flow(&[
        ("INVITE + sdp", ""),
        ("accept", "bind / media 198.51.100.7:4000 PCMU both ways / 200 INVITE + v1 sendrecv 0,101"),
        ("INVITE + sdp", "200 INVITE + v1 sendrecv 0,101"),
        ("ack [CSeq: 7 ACK]", "established"),
        ("ack", ""),
    ]);
    flow(&[("INVITE", ""), ("accept", "bind / 200 INVITE + v1 sendrecv 0,8,101"), ("INVITE + sdp", "491 INVITE")]);
}

#[test]
fn the_streams_may_be_taken_away() {
    flow(&[
        ("answered", "established"),
        ("INVITE + m=audio 0 RTP/AVP 0 101", "media nowhere PCMU silent / 200 INVITE + v2 audio refused"),
        ("ack", ""),
        ("INVITE + c=IN IP4 198.51.100.7", "200 INVITE + v3"),
        ("ack", ""),
        ("INVITE + sdp", "media 198.51.100.7:4000 PCMU both ways / 200 INVITE + v4 sendrecv 0,101"),
    ]);
    flow(&[
        ("INVITE + m=audio 4000 RTP/AVP 0 | m=video 5000 RTP/AVP 96", ""),
        ("accept", "bind / media 198.51.100.7:4000 PCMU both ways / 200 INVITE + v1 sendrecv 0 video refused"),
        ("ack", "established"),
        ("INVITE", "200 INVITE + v2 sendrecv 0,8,101 video refused"),
    ]);
}

#[test]
fn a_target_refresh_moves_the_remote_target_only_when_it_is_accepted() {
    let mut call = flow(&[
        ("answered", "established"),
        ("INVITE [Contact: <sip:ann@198.51.100.66>] + m=audio 4000 RTP/AVP 18", "488 INVITE [Warning: 305]"),
        ("OPTIONS [Contact: <sip:ann@198.51.100.67>]", "200 OPTIONS"),
        ("UPDATE [Contact: <sip:ann@198.51.100.8:5090>]", "200 UPDATE"),
        ("hang up", "-> BYE / hung up"),
    ]);
    assert_eq!(call.sent.take().unwrap().1.uri.as_str(), "sip:ann@198.51.100.8:5090");
}

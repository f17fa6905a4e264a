//! What becomes of a session while it lasts: hold and resume, UPDATE, session timers.

use std::time::Duration;

use crate::caller::Caller;
use crate::sound::{Law, long_speech, other_speech, rms, speech, words};
use crate::world::World;

fn answered(world: &World) -> Caller {
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect(200);
    caller
}

#[test]
fn a_greeting_goes_on_after_hold_where_it_was() {
    let world = World::new();
    let mut caller = answered(&world);
    caller.hear("person-at-extension");
    let answer = caller.reinvite("a=inactive\r\n");
    assert!(answer.sdp().unwrap().has("a=inactive"));
    caller.media().open = false;
    world.run(Duration::from_millis(100));
    let packets = caller.heard().packets.len();
    world.seconds(40);
    assert_eq!(caller.heard().packets.len(), packets, "nothing is sent to who does not listen");
    let answer = caller.reinvite("a=sendrecv\r\n");
    assert!(answer.sdp().unwrap().has("a=sendrecv"));
    caller.media().open = true;
    caller.hear_all(&["record-after-tone", "when-finished"]).hear_tone();
    caller.say(&speech()).hang_up();
    world.mailbox("alice").only_message().audio().assert_holds(&speech(), 0.99);
    world.assert_idle();
}

#[test]
fn hold_of_every_kind_is_answered() {
    let world = World::new();
    let mut caller = answered(&world);
    for (asked, answered) in [
        ("a=sendonly\r\n", "a=recvonly"),
        ("a=inactive\r\n", "a=inactive"),
        ("a=recvonly\r\n", "a=sendonly"),
        ("a=sendrecv\r\n", "a=sendrecv"),
    ] {
        let answer = caller.reinvite(asked);
        assert!(answer.sdp().unwrap().has(answered), "{asked}: {answer:#?}");
    }
    let held = caller.offer("").replace("c=IN IP4 127.0.0.1", "c=IN IP4 0.0.0.0");
    caller.request("INVITE", &[], Some(("application/sdp", &held)));
    let answer = caller.expect(200);
    assert!(!answer.sdp().unwrap().has("a=sendrecv"), "{answer:#?}");
    world.run(Duration::from_millis(100));
    let packets = caller.heard().packets.len();
    world.seconds(1);
    assert_eq!(caller.heard().packets.len(), packets);
    caller.reinvite("");
    caller.hear("record-after-tone").hear_tone().say(&speech()).hang_up();
    world.mailbox("alice").only_message();
    world.assert_idle();
}

#[test]
fn hold_by_an_empty_address_may_last_longer_than_the_media_timeout() {
    let world = World::new();
    let mut caller = answered(&world);
    caller.hear("person-at-extension");
    let held = caller.offer("").replace("c=IN IP4 127.0.0.1", "c=IN IP4 0.0.0.0");
    caller.request("INVITE", &[], Some(("application/sdp", &held)));
    caller.expect(200);
    caller.media().open = false;
    world.seconds(40);
    assert!(caller.request_of_any_kind().is_none(), "the call goes on");
    caller.reinvite("");
    caller.media().open = true;
    caller.hear("record-after-tone").hear_tone().say(&speech()).hang_up();
    world.mailbox("alice").only_message().audio().assert_holds(&speech(), 0.99);
    world.assert_idle();
}

#[test]
fn a_caller_who_vanishes_on_hold_is_noticed() {
    let world = World::new();
    let mut caller = answered(&world);
    caller.hear("person-at-extension");
    caller.reinvite("a=inactive\r\n");
    caller.media().open = false;
    for status in ["200 OK", "501 Not Implemented"] {
        let asked = caller.request_within("OPTIONS", Duration::from_secs(61)).expect("the node asks");
        caller.respond(&asked, status, &[]);
    }
    caller.vanish();
    world.seconds(60 + 32 + 32 + 1); // the question, its timer F, that of the BYE
    world.mailbox("alice").only_missed_call();
    world.assert_idle();
}

#[test]
fn a_re_invite_that_offers_nothing_we_speak_is_refused_and_the_call_goes_on() {
    let world = World::new();
    let mut caller = answered(&world);
    let fax = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=image 4000 udptl t38\r\n";
    caller.request("INVITE", &[], Some(("application/sdp", fax)));
    let refused = caller.expect(488);
    assert!(refused.get("Warning").starts_with("304 "), "{}", refused.get("Warning"));
    caller.hear_tone().say(&speech()).hang_up();
    world.mailbox("alice").only_message().audio().assert_holds(&speech(), 0.99);
    world.assert_idle();
}

#[test]
fn a_re_invite_without_offer_is_offered_all_we_speak() {
    let world = World::new();
    let mut caller = answered(&world);
    caller.request("INVITE", &[], None);
    let offer = caller.expect_without_ack(200);
    assert_eq!(offer.sdp().unwrap().formats(), [0, 8, 101]);
    let answer = caller.offer("");
    caller.acknowledge(&offer, &answer);
    caller.hear_tone().say(&speech()).hang_up();
    world.mailbox("alice").only_message().audio().assert_holds(&speech(), 0.99);
    world.assert_idle();
}

#[test]
fn an_update_moves_the_media() {
    let world = World::new();
    let mut caller = answered(&world);
    caller.hear("person-at-extension");
    let moved = caller.move_media(1000);
    let offer = caller.offer("");
    caller.request("UPDATE", &[], Some(("application/sdp", &offer)));
    let answer = caller.expect(200);
    assert!(answer.sdp().is_some());
    caller.hear("record-after-tone").hear_tone().say(&speech()).hang_up();
    assert_eq!(caller.media().local(), moved);
    world.mailbox("alice").only_message().audio().assert_holds(&speech(), 0.99);
    world.assert_idle();
}

#[test]
fn an_update_without_offer_only_refreshes() {
    let world = World::new();
    let mut caller = answered(&world);
    caller.request("UPDATE", &[("Supported", "timer"), ("Session-Expires", "600;refresher=uac")], None);
    let answer = caller.expect(200);
    assert_eq!(answer.get("Session-Expires"), "600;refresher=uac");
    assert!(answer.sdp().is_none());
    caller.hang_up();
    world.assert_idle();
}

#[test]
fn a_session_nobody_refreshes_ends_and_what_was_said_is_kept() {
    let world = World::new();
    let invite = world.gateway().call_for_alice().header("Supported", "timer");
    let mut caller = invite.header("Session-Expires", "90;refresher=uac").dial();
    let answer = caller.expect(200);
    assert_eq!(answer.get("Session-Expires"), "90;refresher=uac");
    assert!(answer.has_token("Require", "timer"));
    let began = world.now();
    caller.hear_tone().begin_to_say(&long_speech(80));
    world.seconds(30);
    let bye = caller.expect_bye();
    // a third of the interval early (RFC 4028 10)
    let lasted = world.now() - began;
    assert!((59..=62).contains(&lasted.as_secs()), "the session lasted {lasted:?}");
    assert!(bye.get("Reason").contains("cause=408"), "{}", bye.get("Reason"));
    assert!(world.mailbox("alice").only_message().audio().seconds() > 40.0);
    world.assert_idle();
}

#[test]
fn a_session_that_is_refreshed_goes_on() {
    let world = World::new();
    let invite = world.gateway().call_for_alice().header("Supported", "timer");
    let mut caller = invite.header("Session-Expires", "90;refresher=uac").dial();
    caller.expect(200);
    caller.hear_tone().begin_to_say(&long_speech(170));
    for _ in 0..4 {
        world.seconds(40);
        caller.request("UPDATE", &[("Supported", "timer"), ("Session-Expires", "90;refresher=uac")], None);
        caller.expect(200);
    }
    caller.hang_up();
    assert!(world.mailbox("alice").only_message().audio().seconds() > 155.0);
    world.assert_idle();
}

#[test]
fn we_refresh_the_session_where_we_were_asked_to() {
    let world = World::new();
    let invite = world.gateway().call_for_alice().header("Supported", "timer");
    let mut caller = invite.header("Session-Expires", "90;refresher=uas").dial();
    assert_eq!(caller.expect(200).get("Session-Expires"), "90;refresher=uas");
    caller.hear_tone().begin_to_say(&long_speech(170));
    for _ in 0..3 {
        let refresh = caller.expect_request("UPDATE");
        assert_eq!(refresh.get("Session-Expires"), "90;refresher=uac");
        let agreed = [("Session-Expires", "90;refresher=uac"), ("Require", "timer")];
        caller.respond(&refresh, "200 OK", &agreed);
    }
    caller.hang_up();
    assert!(world.mailbox("alice").only_message().audio().seconds() > 100.0);
    world.assert_idle();
}

#[test]
fn a_peer_that_does_not_answer_our_refresh_is_gone() {
    let world = World::new();
    let invite = world.gateway().call_for_alice().header("Supported", "timer");
    let mut caller = invite.header("Session-Expires", "120;refresher=uas").dial();
    caller.expect(200);
    caller.hear_tone().begin_to_say(&long_speech(170));
    caller.expect_request("UPDATE");
    let mut last = String::new();
    world.wait(Duration::from_secs(60), || match caller.request_of_any_kind() {
        Some(request) => {
            last = request.method().to_owned();
            last == "BYE"
        }
        None => false,
    });
    assert_eq!(last, "BYE", "a refresh nobody answered ends the call");
    world.mailbox("alice").only_message();
    caller.media().open = false;
    world.assert_idle();
}

#[test]
fn an_interval_that_is_too_small_is_refused() {
    let world = World::new();
    let invite = world.gateway().call_for_alice().header("Supported", "timer");
    let mut caller = invite.header("Session-Expires", "60").dial();
    assert_eq!(caller.expect(422).get("Min-SE"), "90");
    world.mailbox("alice").assert_empty();
    world.assert_idle();
}

#[test]
fn a_call_without_media_is_ended() {
    let world = World::new();
    let mut caller = answered(&world);
    caller.hear("person-at-extension").hear_tone().say(&words(2500));
    let silent = world.now();
    caller.media().open = false;
    caller.expect_bye();
    let lasted = world.now() - silent;
    assert!(lasted <= Duration::from_secs(31), "the call lasted {lasted:?} without media");
    let audio = world.mailbox("alice").only_message().audio();
    assert!(rms(&audio.0) > 100.0);
    world.assert_idle();
}

#[test]
fn a_caller_whose_media_never_comes_is_a_missed_call() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().dial();
    caller.media().open = false;
    caller.expect(200);
    caller.expect_bye();
    world.mailbox("alice").only_missed_call();
    world.assert_idle();
}

#[test]
fn hold_in_the_middle_of_a_message_is_no_end_of_it() {
    let world = World::new();
    let mut caller = answered(&world);
    caller.hear_tone().say(&speech());
    caller.reinvite("a=inactive\r\n");
    caller.media().open = false;
    world.seconds(3);
    caller.media().open = true;
    caller.reinvite("a=sendrecv\r\n");
    caller.say(&other_speech()).hang_up();
    let audio = world.mailbox("alice").only_message().audio();
    audio.assert_holds(&speech(), 0.98);
    audio.assert_holds(&other_speech(), 0.98);
    world.assert_idle();
}

#[test]
fn a_caller_who_holds_too_long_has_left_the_message() {
    let world = World::new();
    let mut caller = answered(&world);
    caller.hear_tone().say(&speech());
    caller.reinvite("a=inactive\r\n");
    caller.media().open = false;
    caller.expect_bye();
    world.mailbox("alice").only_message().audio().assert_holds(&speech(), 0.99);
    world.assert_idle();
}

#[test]
fn the_codec_may_change_in_the_middle_of_a_message() {
    let world = World::new();
    let mut caller = answered(&world);
    caller.hear_tone().say(&speech());
    let only_a = caller.offer("").replace("RTP/AVP 0 8 101", "RTP/AVP 8 101");
    caller.request("INVITE", &[], Some(("application/sdp", &only_a)));
    assert_eq!(caller.expect(200).sdp().unwrap().formats(), [8, 101]);
    caller.media().law = Law::A;
    caller.say(&other_speech()).press('#').hear("press-1-accept").hang_up();
    let audio = world.mailbox("alice").only_message().audio();
    audio.assert_holds(&speech(), 0.98);
    audio.assert_holds(&other_speech(), 0.98);
    world.assert_idle();
}

#[test]
fn we_refresh_by_re_invite_where_update_is_not_allowed() {
    let world = World::new();
    let invite = world.gateway().call_for_alice().header("Supported", "timer");
    let mut caller = invite.header("Session-Expires", "90;refresher=uas").ready();
    caller.dial_changed(|invite| invite.replace("Allow: ", "X-Allow: "));
    caller.expect(200);
    caller.hear_tone().begin_to_say(&long_speech(60));
    let refresh = caller.expect_request("INVITE");
    let (answer, contact) = (caller.offer(""), format!("<sip:gateway@{}>", caller.local()));
    caller.respond_with(&refresh, "200 OK", &[("Contact", &contact)], &answer);
    caller.expect_request("ACK");
    // our 200 is repeated as if the ACK had been lost
    caller.respond_with(&refresh, "200 OK", &[("Contact", &contact)], &answer);
    caller.expect_request("ACK");
    caller.hang_up();
    assert!(world.mailbox("alice").only_message().audio().seconds() > 20.0);
    world.assert_idle();
}

#[test]
fn requests_that_cross_are_sorted_out() {
    let world = World::new();
    let invite = world.gateway().call_for_alice().header("Supported", "timer");
    let mut caller = invite.header("Session-Expires", "90;refresher=uas").ready();
    caller.dial_changed(|invite| invite.replace("Allow: ", "X-Allow: "));
    caller.expect(200);
    caller.hear_tone().begin_to_say(&long_speech(80));
    let theirs = caller.expect_request("INVITE");
    let offer = caller.offer("");
    caller.request("INVITE", &[], Some(("application/sdp", &offer)));
    caller.expect(491);
    caller.respond(&theirs, "491 Request Pending", &[]);
    caller.expect_request("ACK");
    // we asked first in the call, so we wait longer (RFC 3261 14.1); the node tries again within two seconds
    let again = caller.request_within("INVITE", Duration::from_secs(3)).expect("a second try");
    let (answer, contact) = (caller.offer(""), format!("<sip:gateway@{}>", caller.local()));
    caller.respond_with(&again, "200 OK", &[("Contact", &contact)], &answer);
    caller.expect_request("ACK");
    caller.reinvite("");
    caller.hang_up();
    world.mailbox("alice").only_message();
    world.assert_idle();
}

//! Before the call is answered: CANCEL, reliable ringing, late offers.

use std::time::Duration;

use crate::caller::Caller;
use crate::sound::speech;
use crate::world::World;

#[test]
fn a_call_cancelled_before_its_answer_is_a_missed_call() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().header("Require", "100rel").dial();
    caller.expect(180);
    caller.cancel();
    caller.expect(200);
    caller.expect_final_of_invite(487);
    world.mailbox("alice").only_missed_call();
    world.assert_idle();
}

#[test]
fn a_cancel_after_the_answer_changes_nothing() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect(200);
    caller.cancel();
    caller.expect(200);
    caller.hear_tone().say(&speech()).hang_up();
    world.mailbox("alice").only_message();
    world.assert_idle();
}

#[test]
fn a_cancel_of_nothing_is_told_so() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().ready();
    caller.dial();
    let answer = caller.expect_without_ack(200);
    caller.acknowledge(&answer, "");
    caller.hang_up();
    world.seconds(40);
    caller.cancel();
    caller.expect(481);
    world.assert_idle();
}

#[test]
fn ringing_is_acknowledged_by_prack_before_the_answer() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().header("Require", "100rel").dial();
    let ringing = caller.expect(180);
    assert!(ringing.has_token("Require", "100rel"));
    assert!(ringing.sdp().is_some(), "the first reliable response answers the offer");
    caller.expect_no_response(Duration::from_millis(400));
    prack(&mut caller, ringing.get("RSeq"));
    caller.expect(200);
    let answer = caller.expect_final_of_invite(200);
    assert!(answer.sdp().is_none(), "the offer was answered in the 180");
    caller.hear_tone().say(&speech()).hang_up();
    world.mailbox("alice").only_message().audio().assert_holds(&speech(), 0.99);
    world.assert_idle();
}

#[test]
fn ringing_nobody_acknowledges_is_given_up() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().header("Require", "100rel").dial();
    let ringing = caller.expect(180);
    world.run(Duration::from_millis(3800));
    assert_eq!(caller.unread(), [(); 3].map(|()| ringing.clone()), "at 0.5, 1.5 and 3.5 s");
    world.seconds(29);
    caller.expect_final_of_invite(504);
    world.mailbox("alice").only_missed_call();
    world.assert_idle();
}

#[test]
fn a_prack_of_another_response_is_refused() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().header("Require", "100rel").dial();
    let ringing = caller.expect(180);
    prack(&mut caller, "1");
    caller.expect(481);
    prack(&mut caller, ringing.get("RSeq"));
    caller.expect(200);
    caller.expect_final_of_invite(200);
    caller.hang_up();
    world.assert_idle();
}

#[test]
fn a_late_offer_is_answered_in_the_ack() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().without_offer().dial();
    let offer = caller.expect_without_ack(200);
    assert_eq!(offer.sdp().unwrap().formats(), [0, 8, 101]);
    let answer = caller.offer("");
    caller.acknowledge(&offer, &answer);
    caller.hear("record-after-tone").hear_tone().say(&speech()).press('#').hear("press-1-accept");
    caller.hang_up();
    world.mailbox("alice").only_message().audio().assert_holds(&speech(), 0.99);
    world.assert_idle();
}

#[test]
fn a_late_offer_nobody_answers_ends_the_call() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().without_offer().dial();
    let offer = caller.expect_without_ack(200);
    caller.acknowledge(&offer, "");
    let bye = caller.expect_bye();
    assert!(bye.get("Reason").contains("cause=488"), "{}", bye.get("Reason"));
    world.mailbox("alice").only_missed_call();
    world.assert_idle();
}

#[test]
fn who_hangs_up_while_it_rings_is_a_missed_call() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().header("Require", "100rel").dial();
    caller.expect(180);
    caller.request("BYE", &[], None);
    caller.expect(200);
    caller.expect_final_of_invite(487);
    world.mailbox("alice").only_missed_call();
    world.assert_idle();
}

#[test]
fn the_media_may_move_while_it_rings() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().header("Require", "100rel").dial();
    let ringing = caller.expect(180);
    prack(&mut caller, ringing.get("RSeq"));
    caller.expect(200);
    caller.expect_final_of_invite(200);
    caller.move_media(1000);
    let offer = caller.offer("");
    caller.request("UPDATE", &[], Some(("application/sdp", &offer)));
    caller.expect(200);
    caller.hear_tone().say(&speech()).hang_up();
    world.mailbox("alice").only_message().audio().assert_holds(&speech(), 0.99);
    world.assert_idle();
}

#[test]
fn a_prack_that_comes_again_gets_the_same_answer() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().header("Require", "100rel").dial();
    let ringing = caller.expect(180);
    prack(&mut caller, ringing.get("RSeq"));
    let answer = caller.expect(200);
    caller.request_again();
    let finals = caller.finals_within(Duration::from_millis(100));
    assert_eq!(finals.iter().filter(|response| response.method() == "PRACK").collect::<Vec<_>>(), [&answer]);
    let answer = finals.iter().find(|response| response.method() == "INVITE").expect("the answer").clone();
    caller.take_up(&answer);
    caller.hang_up();
    world.assert_idle();
}

#[test]
fn an_offer_within_several_bodies_is_found() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().ready();
    let sdp = caller.offer("");
    let body = format!(
        "--frontier\r\nContent-Type: application/isup;version=itu-t92+\r\nContent-Disposition: signal;handling=optional\r\n\r\n\
         \u{1}\u{11}\u{60}\r\n--frontier\r\nContent-Type: application/sdp\r\n\r\n{sdp}\r\n--frontier--\r\n"
    );
    caller.dial_with_body("multipart/mixed;boundary=frontier", &body);
    caller.expect(200);
    caller.hear_tone().say(&speech()).hang_up();
    world.mailbox("alice").only_message().audio().assert_holds(&speech(), 0.99);
    world.assert_idle();
}

fn prack(caller: &mut Caller, rseq: &str) {
    let rack = format!("{rseq} 1 INVITE");
    caller.request("PRACK", &[("RAck", &rack)], None);
}

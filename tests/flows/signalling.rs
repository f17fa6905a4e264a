//! What can happen to the messages of one call on their way.

use std::time::Duration;

use crate::sound::speech;
use crate::world::World;

#[test]
fn a_retransmitted_invite_is_the_same_call() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().ready();
    caller.dial();
    caller.dial_again();
    let answer = caller.expect_without_ack(200);
    caller.dial_again();
    world.run(Duration::from_millis(100));
    assert_eq!(world.load().calls, 1);
    let again: Vec<_> = caller.unread().into_iter().filter(|response| response.status() != Some(100)).collect();
    assert!(again.iter().all(|response| response == &answer), "{again:#?}");
    caller.acknowledge(&answer, "");
    caller.hear_tone().say(&speech()).hang_up();
    world.mailbox("alice").only_message();
    world.assert_idle();
}

#[test]
fn the_answer_is_repeated_until_it_is_acknowledged() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().dial();
    let answer = caller.expect_without_ack(200);
    world.run(Duration::from_millis(4000));
    // T1, doubled up to T2 (RFC 3261 13.3.1.4): 0.5, 1.5 and 3.5 s after the first
    assert_eq!(caller.unread(), [(); 3].map(|()| answer.clone()));
    caller.acknowledge(&answer, "");
    world.seconds(10);
    assert_eq!(caller.unread(), []);
    caller.hear_tone().say(&speech()).hang_up();
    world.mailbox("alice").only_message();
    world.assert_idle();
}

#[test]
fn a_second_ack_changes_nothing() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect(200);
    caller.acknowledge_again();
    caller.hear("person-at-extension");
    caller.acknowledge_again();
    caller.hear("is-not-available").hear_tone().say(&speech()).hang_up();
    world.mailbox("alice").only_message();
    world.assert_idle();
}

#[test]
fn an_answer_nobody_acknowledges_is_taken_back() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect_without_ack(200);
    let bye = caller.expect_bye();
    assert!(bye.get("Reason").contains("cause=408"), "{}", bye.get("Reason"));
    let patience = world.now().as_secs();
    assert!((31..=34).contains(&patience), "given up after {patience} s");
    world.mailbox("alice").only_missed_call();
    world.assert_idle();
}

#[test]
fn a_bye_nobody_answers_holds_nothing() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect(200);
    caller.hear_tone().say(&speech()).press('#').press('1').press('#').hear("goodbye");
    let bye = caller.expect_request("BYE");
    caller.media().open = false;
    world.seconds(33);
    let mut copies = 0;
    while let Some(copy) = caller.request_within("BYE", Duration::ZERO) {
        assert_eq!(copy, bye);
        copies += 1;
    }
    // RFC 3261 17.1.2.2, timer E: at 0.5, 1.5, 3.5, 7.5 ... 31.5 s
    assert_eq!(copies, 10);
    world.mailbox("alice").only_message();
    world.assert_idle();
}

#[test]
fn a_bye_for_a_call_the_peer_has_forgotten_ends_it_all_the_same() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect(200);
    caller.hear_tone().say(&speech()).press('#').press('*').hear("goodbye");
    let bye = caller.expect_request("BYE");
    caller.respond(&bye, "481 Call/Transaction Does Not Exist", &[]);
    world.mailbox("alice").only_missed_call();
    world.assert_idle();
}

#[test]
fn a_request_of_an_unknown_call_is_told_so() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect(200);
    caller.hang_up();
    caller.request("BYE", &[], None);
    caller.expect(481);
    caller.request("INFO", &[], None);
    caller.expect(481);
    world.assert_idle();
}

#[test]
fn an_unknown_method_within_a_call_is_refused_and_the_call_goes_on() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect(200);
    caller.request("DANCE", &[], None);
    let refused = caller.expect(405);
    assert!(refused.has_token("Allow", "UPDATE"));
    caller.request("REFER", &[("Refer-To", "<sip:1002@192.0.2.1>")], None);
    caller.expect(405);
    caller.request("OPTIONS", &[], None);
    caller.expect(200);
    caller.hear_tone().say(&speech()).hang_up();
    world.mailbox("alice").only_message();
    world.assert_idle();
}

#[test]
fn the_same_call_by_two_ways_is_taken_once() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().ready();
    caller.dial();
    caller.dial_by_another_way();
    // RFC 3261 8.2.2.2: the second way is told so, the first is answered
    let mut responses = caller.finals_within(Duration::from_millis(100));
    responses.sort_by_key(|response| response.status());
    assert_eq!(responses.iter().map(|response| response.status().unwrap()).collect::<Vec<_>>(), [200, 482]);
    assert_eq!(world.load().calls, 1);
    caller.take_up(&responses[0]);
    caller.hang_up();
    world.assert_idle();
}

#[test]
fn odd_datagrams_do_no_harm() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect(200);
    for octets in
        [&b""[..], b"\r\n\r\n", b"\0\0\0\0", b"INVITE", b"\xff\xfe\xfd", b"SIP/2.0 200 OK\r\n\r\n", &[b'A'; 60_000]]
    {
        caller.send_octets(octets);
    }
    caller.hear_tone().say(&speech()).hang_up();
    world.mailbox("alice").only_message();
    world.assert_idle();
}

#[test]
fn who_hangs_up_before_acknowledging_the_answer_is_let_go() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect_without_ack(200);
    caller.request("BYE", &[], None);
    caller.expect(200);
    world.seconds(3);
    assert_eq!(caller.unread(), [], "the answer is repeated no more");
    world.mailbox("alice").only_missed_call();
    world.assert_idle();
}

#[test]
fn a_bye_that_comes_again_gets_the_same_answer() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect(200);
    caller.request("BYE", &[], None);
    let answer = caller.expect(200);
    world.seconds(2);
    caller.request_again();
    world.seconds(1);
    assert_eq!(caller.unread(), [answer]);
    world.mailbox("alice").only_missed_call();
    world.assert_idle();
}

#[test]
fn a_request_that_was_overtaken_is_refused() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect(200);
    caller.count_from(20);
    caller.request("OPTIONS", &[], None);
    caller.expect(200);
    caller.count_from(10);
    caller.request("OPTIONS", &[], None);
    caller.expect(500);
    caller.count_from(30);
    caller.hang_up();
    world.assert_idle();
}

//! Whenever a caller hangs up, the mailbox has exactly one letter: the message if there is one, else the missed call.

use std::time::Duration;

use crate::caller::Caller;
use crate::sound::{speech, words};
use crate::world::World;

fn answered(world: &World) -> Caller {
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect(200);
    caller
}

#[test]
fn before_anything_was_said() {
    let world = World::new();
    answered(&world).hang_up();
    world.mailbox("alice").only_missed_call();
    world.assert_idle();
}

#[test]
fn during_the_greeting() {
    let world = World::new();
    let mut caller = answered(&world);
    caller.hear("person-at-extension").hang_up();
    world.mailbox("alice").only_missed_call();
    world.assert_idle();
}

#[test]
fn during_the_tone() {
    let world = World::new();
    let mut caller = answered(&world);
    caller.press('1').stay_silent(Duration::from_millis(100)).hang_up();
    world.mailbox("alice").only_missed_call();
    world.assert_idle();
}

#[test]
fn right_after_the_tone() {
    let world = World::new();
    let mut caller = answered(&world);
    caller.hear_tone().hang_up();
    world.mailbox("alice").only_missed_call();
    world.assert_idle();
}

#[test]
fn after_less_than_two_seconds() {
    let world = World::new();
    let mut caller = answered(&world);
    caller.hear_tone().say(&words(1700)).hang_up();
    world.mailbox("alice").only_missed_call();
    world.assert_idle();
}

#[test]
fn after_more_than_two_seconds() {
    let world = World::new();
    let mut caller = answered(&world);
    caller.hear_tone().say(&words(2600)).hang_up();
    let audio = world.mailbox("alice").only_message().audio();
    audio.assert_holds(&words(2600), 0.99);
    audio.assert_lasts(2.6, 0.2);
    world.assert_idle();
}

#[test]
fn in_the_middle_of_a_word() {
    let world = World::new();
    let mut caller = answered(&world);
    caller.hear_tone().begin_to_say(&speech()).stay_silent(Duration::from_millis(3300)).hang_up();
    world.mailbox("alice").only_message().audio().assert_lasts(3.3, 0.2);
    world.assert_idle();
}

#[test]
fn in_the_menu() {
    let world = World::new();
    let mut caller = answered(&world);
    caller.hear_tone().say(&speech()).press('#').hear("press-1-accept").hang_up();
    world.mailbox("alice").only_message().audio().assert_holds(&speech(), 0.99);
    world.assert_idle();
}

#[test]
fn while_the_message_is_played_back() {
    let world = World::new();
    let mut caller = answered(&world);
    caller.hear_tone().say(&speech()).press('#').press('2').stay_silent(Duration::from_secs(1)).hang_up();
    world.mailbox("alice").only_message().audio().assert_holds(&speech(), 0.99);
    world.assert_idle();
}

#[test]
fn after_the_message_was_accepted() {
    let world = World::new();
    let mut caller = answered(&world);
    caller.hear_tone().say(&speech()).press('#').press('1').hear("press-pound-send").hang_up();
    world.mailbox("alice").only_message();
    world.assert_idle();
}

#[test]
fn at_the_moment_the_message_is_sent() {
    let world = World::new();
    let mut caller = answered(&world);
    caller.hear_tone().say(&speech()).press('#').press('1').press('#').hang_up();
    world.mailbox("alice").only_message();
    world.assert_idle();
}

#[test]
fn during_the_last_words() {
    let world = World::new();
    let mut caller = answered(&world);
    caller.hear_tone().say(&speech()).press('#').press('1').press('#').hear("message-sent").hang_up();
    world.mailbox("alice").only_message();
    world.assert_idle();
}

#[test]
fn both_sides_at_once() {
    let world = World::new();
    let mut caller = answered(&world);
    caller.hear_tone().say(&speech()).press('#').press('1').press('#').hear("goodbye");
    let theirs = caller.expect_request("BYE");
    caller.request("BYE", &[], None);
    caller.expect(200);
    caller.respond(&theirs, "200 OK", &[]);
    world.mailbox("alice").only_message();
    world.assert_idle();
}

#[test]
fn without_a_word_where_the_user_wants_no_notifications() {
    let world = World::with(|begin| {
        begin.edit("alias = \"alice\"", "alias = \"alice\"\nmissed_call_notification_enabled = false");
    });
    let mut caller = answered(&world);
    caller.hear_tone().say(&words(500)).hang_up();
    world.mailbox("alice").assert_empty();
    world.assert_idle();
}

#[test]
fn one_after_another_in_the_same_world() {
    let world = World::new();
    for _ in 0..20 {
        let mut caller = answered(&world);
        caller.press('1').hear_tone().say(&words(2500)).hang_up();
    }
    world.seconds(2);
    assert_eq!(world.mailbox("alice").messages().len(), 20);
    world.assert_idle();
}

//! What a caller can do with a message before it is sent.

use std::time::Duration;

use crate::caller::Caller;
use crate::sound::{other_speech, speech, words};
use crate::world::World;

/// A caller who has said something and pressed `#`.
fn at_the_menu(world: &World, said: &[i16]) -> Caller {
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect(200);
    caller.press('1').hear_tone().say(said).stay_silent(Duration::from_millis(100)).press('#').hear("press-1-accept");
    caller
}

#[test]
fn a_message_is_accepted_and_sent() {
    let world = World::new();
    let mut caller = at_the_menu(&world, &speech());
    caller.press('1').hear("press-pound-send").press('#');
    caller.hear_all(&["message-sent", "goodbye"]);
    caller.expect_bye();
    let audio = world.mailbox("alice").only_message().audio();
    audio.assert_holds(&speech(), 0.99);
    audio.assert_lasts(speech().len() as f64 / 8000.0, 0.2);
    world.assert_idle();
}

#[test]
fn message_sent_is_said_only_when_the_message_is_in_the_spool() {
    let world = World::new();
    world.trouble().begins(ringpost::mailbox::store::DeliveryError::temporary("nobody at home"));
    let mut caller = at_the_menu(&world, &speech());
    caller.press('1').press('#').hear("message-sent");
    let spooled: Vec<_> = world.spooled().into_iter().filter(|file| file.starts_with("ready")).collect();
    assert!(!spooled.is_empty(), "{:?}", world.spooled());
    caller.hear("goodbye");
    caller.expect_bye();
    world.trouble().is_over();
    world.mailbox("alice").only_message();
    world.assert_idle();
}

#[test]
fn important_and_private_are_marks_of_the_message() {
    let world = World::new();
    let mut caller = at_the_menu(&world, &speech());
    caller.press('1').hear_all(&["press-1-high-importance", "press-2-private"]);
    caller.press('1').hear_all(&["importance-is-high", "press-1-normal-importance"]);
    caller.press('2').hear_all(&["message-is-private", "press-2-not-private"]);
    caller.press('#').hear("message-sent");
    caller.expect_bye();
    let mail = world.mailbox("alice").only_message();
    assert_eq!(mail.header("Importance").as_deref(), Some("high"));
    assert_eq!(mail.header("Sensitivity").as_deref(), Some("private"));
    world.assert_idle();
}

#[test]
fn marks_are_taken_back_by_the_same_key() {
    let world = World::new();
    let mut caller = at_the_menu(&world, &speech());
    caller.press('1').press('1').hear("importance-is-high").press('1').hear("importance-is-normal");
    caller.press('2').hear("message-is-private").press('2').hear("message-is-not-private");
    caller.press('#').hear("message-sent");
    caller.expect_bye();
    let mail = world.mailbox("alice").only_message();
    assert_eq!((mail.header("Importance"), mail.header("Sensitivity")), (None, None));
    world.assert_idle();
}

#[test]
fn who_hangs_up_after_marking_the_message_has_marked_it() {
    let world = World::new();
    let mut caller = at_the_menu(&world, &speech());
    caller.press('1').press('1').hear("importance-is-high").hang_up();
    assert_eq!(world.mailbox("alice").only_message().header("Importance").as_deref(), Some("high"));
    world.assert_idle();
}

#[test]
fn a_message_is_played_back() {
    let world = World::new();
    let mut caller = at_the_menu(&world, &speech());
    caller.forget_what_was_heard();
    caller.press('2');
    caller.hear_sound_alike("the message", &speech()).hear("press-1-accept");
    caller.hang_up();
    world.mailbox("alice").only_message().audio().assert_holds(&speech(), 0.99);
    world.assert_idle();
}

#[test]
fn a_message_is_erased_and_recorded_again() {
    let world = World::new();
    let mut caller = at_the_menu(&world, &other_speech());
    caller.press('3').hear("record-after-tone").hear_tone();
    caller.say(&speech()).hang_up();
    let audio = world.mailbox("alice").only_message().audio();
    audio.assert_holds(&speech(), 0.99);
    audio.assert_lacks(&other_speech());
    audio.assert_lasts(speech().len() as f64 / 8000.0, 0.2);
    world.assert_idle();
}

#[test]
fn what_was_erased_stays_erased_when_nothing_follows() {
    let world = World::new();
    let mut caller = at_the_menu(&world, &speech());
    caller.press('3').hear("record-after-tone").hang_up();
    world.mailbox("alice").only_missed_call();
    world.assert_idle();
}

#[test]
fn a_message_is_continued() {
    let world = World::new();
    let mut caller = at_the_menu(&world, &speech());
    caller.press('4').hear("continue-after-tone").hear_tone();
    let more = other_speech();
    caller.say(&more).hang_up();
    let audio = world.mailbox("alice").only_message().audio();
    audio.assert_holds(&speech(), 0.99);
    audio.assert_holds(&more, 0.99);
    audio.assert_lasts((speech().len() + more.len()) as f64 / 8000.0, 0.5);
    world.assert_idle();
}

#[test]
fn a_message_that_is_not_continued_after_all_is_kept() {
    let world = World::new();
    let mut caller = at_the_menu(&world, &speech());
    caller.press('4').hear_tone().hang_up();
    let audio = world.mailbox("alice").only_message().audio();
    audio.assert_holds(&speech(), 0.99);
    audio.assert_lasts(speech().len() as f64 / 8000.0, 0.3);
    world.assert_idle();
}

#[test]
fn a_message_is_cancelled() {
    let world = World::new();
    let mut caller = at_the_menu(&world, &speech());
    caller.press('*').hear_all(&["message-cancelled", "goodbye"]);
    caller.expect_bye();
    world.mailbox("alice").only_missed_call();
    world.assert_idle();
}

#[test]
fn the_options_are_repeated_and_left_again() {
    let world = World::new();
    let mut caller = at_the_menu(&world, &speech());
    caller.press('0').hear("press-1-accept");
    caller.press('9').hear_all(&["invalid-option", "press-1-accept"]);
    caller.press('1').hear("press-pound-send").press('0').hear("press-pound-send");
    caller.press('*').hear("press-1-accept").press('1').press('#').hear("message-sent");
    caller.expect_bye();
    world.mailbox("alice").only_message();
    world.assert_idle();
}

#[test]
fn who_chooses_nothing_has_the_message_sent() {
    let world = World::new();
    let mut caller = at_the_menu(&world, &speech());
    caller.hear_all(&["no-option-chosen", "no-option-chosen", "message-sent", "goodbye"]);
    caller.expect_bye();
    world.mailbox("alice").only_message().audio().assert_holds(&speech(), 0.99);
    world.assert_idle();
}

#[test]
fn a_message_below_two_seconds_is_asked_for_again() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect(200);
    caller.hear_tone().say(&words(1000)).press('#');
    caller.hear_all(&["message-too-short", "record-after-tone"]).hear_tone();
    caller.say(&speech()).hang_up();
    world.mailbox("alice").only_message().audio().assert_lasts(speech().len() as f64 / 8000.0, 0.2);
    world.assert_idle();
}

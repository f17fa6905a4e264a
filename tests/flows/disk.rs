//! Disks that fill up, and machines that stop: nothing that was said is lost, nothing comes twice.

use std::path::Path;
use std::time::Duration;

use ringpost::engine::{Disk, Loss, Refused};
use ringpost::mailbox::store::DeliveryError;

use crate::sound::{long_speech, speech, words};
use crate::world::{World, spool_files};

#[test]
fn a_full_disk_is_noticed_before_the_call_is_answered() {
    let world = World::new();
    world.disk().set_room(Some(1 << 20));
    world.seconds(2);
    assert!(world.status().problems.iter().any(|problem| problem.contains("disk full")), "{:?}", world.status());
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect(200);
    caller.hear_all(&["cannot-take-messages", "goodbye"]);
    caller.expect_bye();
    assert!(!caller.has_heard("record-after-tone"));
    world.mailbox("alice").only_missed_call();

    world.disk().set_room(None);
    world.seconds(2);
    assert_eq!(world.status().problems, [""; 0]);
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect(200);
    caller.hear("record-after-tone").hang_up();
    world.assert_idle();
}

#[test]
fn a_disk_that_fills_up_while_the_caller_speaks_ends_the_message_and_keeps_it() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect(200);
    caller.hear_tone().begin_to_say(&long_speech(20));
    world.seconds(5);
    // two seconds more, and what it takes to finish the message
    world.disk().set_room(Some(40_000));
    caller.hear_all(&["recording-stopped", "message-sent", "goodbye"]);
    caller.expect_bye();
    world.seconds(60);
    world.mailbox("alice").assert_empty();
    let why = world.spool_status().ready.remove(0).last_error.unwrap_or_default();
    assert!(why.contains("mail/alice"), "{why}");

    world.disk().set_room(None);
    world.seconds(400);
    let audio = world.mailbox("alice").only_message().audio();
    assert!((6.0..8.0).contains(&audio.seconds()), "{} s", audio.seconds());
    audio.assert_holds(&long_speech(5), 0.98);
    world.assert_idle();
}

#[test]
fn a_disk_without_a_byte_left_loses_nothing_that_was_written() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect(200);
    caller.hear_tone().begin_to_say(&long_speech(20));
    world.seconds(5);
    world.disk().set_room(Some(0));
    caller.hear("goodbye");
    assert!(!caller.has_heard("message-sent"), "it is not");
    caller.expect_bye();
    world.seconds(60);
    world.disk().set_room(None);
    world.seconds(60);
    let audio = world.mailbox("alice").only_message().audio();
    assert!((3.5..6.0).contains(&audio.seconds()), "{} s", audio.seconds());
    audio.assert_holds(&long_speech(3), 0.98);
    world.assert_idle();
}

#[test]
fn a_disk_that_takes_nothing_when_the_tone_sounds_is_told_to_the_caller() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect(200);
    caller.hear("is-not-available");
    world.disk().set_room(Some(0));
    caller.hear_tone().begin_to_say(&speech()).hear("recording-stopped");
    caller.expect_bye();
    world.disk().set_room(None);
    world.seconds(60);
    world.assert_idle();
}

#[test]
fn audio_that_cannot_be_erased_is_not_delivered() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect(200);
    caller.press('1').hear_tone().say(&speech()).press('#').hear("press-1-accept");
    world.disk().refuse(Some(Refused::Truncation));
    caller.press('3').hear_all(&["cannot-take-messages", "goodbye"]);
    caller.expect_bye();
    world.disk().refuse(None);
    world.seconds(60);
    world.mailbox("alice").only_missed_call();
    world.assert_idle();
}

#[test]
fn a_call_while_no_file_can_be_created_is_a_missed_call_afterwards() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect(200);
    caller.hear("is-not-available");
    world.disk().refuse(Some(Refused::NewFiles));
    caller.hear_tone().begin_to_say(&speech()).hear("goodbye");
    caller.expect_bye();
    world.seconds(60);
    assert_eq!(world.spooled(), [""; 0].map(std::path::PathBuf::from));
    world.disk().refuse(None);
    world.seconds(35);
    world.mailbox("alice").only_missed_call();
    world.assert_idle();
}

#[test]
fn a_power_failure_while_the_caller_speaks_leaves_a_message() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect(200);
    caller.hear_tone().begin_to_say(&long_speech(20)).stay_silent(Duration::from_millis(7500));
    let world = fails(world, vec![caller]);
    let audio = world.mailbox("alice").only_message().audio();
    assert!((6.0..7.6).contains(&audio.seconds()), "{} s of 7.5", audio.seconds());
    audio.assert_holds(&long_speech(6), 0.98);
    world.assert_idle();
}

#[test]
fn a_power_failure_at_any_moment_of_a_call_leaves_one_letter() {
    for millis in (0..16_000).step_by(731) {
        let world = World::new();
        let mut caller = world.gateway().call_for_alice().dial();
        caller.expect(200);
        caller.press('1').begin_to_say(&[vec![0; 8000], words(4000)].concat());
        caller.media().press('#', Duration::from_millis(100));
        caller.media().say(&[0; 8000]);
        caller.media().press('1', Duration::from_millis(100));
        caller.media().say(&[0; 8000]);
        caller.media().press('#', Duration::from_millis(100));
        caller.stay_silent(Duration::from_millis(millis));
        let (recorded, delivered) = (world.spooled(), world.mailbox("alice").messages().len());
        let world = fails(world, vec![caller]);
        world.seconds(20);
        let letters = world.mailbox("alice").messages().len();
        // before the tone the node has written nothing, so nothing can be known of the call
        let expected = usize::from(!recorded.is_empty() || delivered > 0);
        assert_eq!(letters, expected, "after {millis} ms, with {recorded:?} in the spool");
        world.assert_idle();
    }
}

#[test]
fn what_was_erased_does_not_come_back_after_a_power_failure() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect(200);
    caller.press('1').hear_tone().say(&speech()).press('#').hear("press-1-accept");
    caller.press('3').hear("record-after-tone");
    let world = fails(world, vec![caller]);
    world.mailbox("alice").only_missed_call();
    world.assert_idle();
}

#[test]
fn a_message_that_waited_when_the_power_failed_is_delivered_once() {
    let world = World::new();
    world.trouble().begins(DeliveryError::temporary("connection refused"));
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect(200);
    caller.hear_tone().say(&speech()).press('#').press('1').press('#').hear("message-sent");
    let world = fails(world, vec![caller]);
    let first = world.mailbox("alice").only_message().message_id();
    // and failing again after the delivery brings no second one
    let world = fails(world, Vec::new());
    world.seconds(120);
    assert_eq!(world.mailbox("alice").only_message().message_id(), first);
    world.assert_idle();
}

#[test]
fn a_letter_delivered_but_not_yet_let_go_is_not_delivered_again() {
    let world = World::new();
    world.trouble().begins(DeliveryError::temporary("connection refused"));
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect(200);
    caller.hear_tone().say(&speech()).hang_up();
    world.seconds(1);
    let before = world.disk().after(Loss::Power);
    world.trouble().is_over();
    world.seconds(60);
    world.mailbox("alice").only_message();
    // the spool as it was, the mailbox as it is
    for file in spool_files(&before).into_iter().map(|file| Path::new("spool").join(file)) {
        world.disk().put(&file, &before.read(&file).unwrap()).unwrap();
    }
    world.seconds(90);
    world.mailbox("alice").only_message();
    world.assert_idle();
}

#[test]
fn a_call_cut_off_before_two_seconds_is_a_missed_call_after_the_restart() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect(200);
    caller.hear_tone().say(&words(1200));
    let world = fails(world, vec![caller]);
    world.mailbox("alice").only_missed_call();
    world.assert_idle();
}

fn fails(world: World, callers: Vec<crate::caller::Caller>) -> World {
    drop(callers);
    world.power_failure(Loss::Power)
}

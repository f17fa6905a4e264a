//! Between the spool and the mailbox: stores that fail, and come back.

use std::time::Duration;

use ringpost::engine::Loss;
use ringpost::mailbox::store::DeliveryError;

use crate::sound::{speech, words};
use crate::world::World;

fn leave_a_message(world: &World) {
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect(200);
    caller.press('1').hear_tone().say(&speech()).hang_up();
    world.seconds(1);
}

#[test]
fn a_message_waits_for_its_store_and_is_delivered_once() {
    let world = World::new();
    world.trouble().begins(DeliveryError::temporary("Maildir mail/alice: the file server does not answer"));
    leave_a_message(&world);
    world.seconds(120);
    world.mailbox("alice").assert_empty();

    let status = world.status();
    assert_eq!(status.waiting, 1);
    let waiting = world.spool_status().ready.remove(0);
    assert_eq!(waiting.mailbox, "alice");
    assert_eq!(waiting.last_error.as_deref(), Some("Maildir mail/alice: the file server does not answer"));
    // at 0, 10, 40 and 100 s
    assert_eq!(waiting.attempts, 4);
    assert!(waiting.next_attempt.is_some());

    world.trouble().is_over();
    world.seconds(400);
    world.mailbox("alice").only_message().audio().assert_holds(&speech(), 0.99);
    assert_eq!(world.status().waiting, 0);
    assert_eq!(world.status().problems, [""; 0]);
    world.assert_idle();
}

#[test]
fn a_message_its_store_refuses_for_good_is_parked_and_told_of() {
    let world = World::new();
    world.trouble().begins(DeliveryError::permanent("550 5.1.1 no such user here"));
    leave_a_message(&world);
    // six refusals, 21 minutes
    world.seconds(45 * 60);
    world.mailbox("alice").assert_empty();
    assert_eq!(world.trouble().attempts(), 6);
    let status = world.status();
    assert_eq!(status.waiting, 0);
    assert_eq!(status.problems.len(), 1, "{status:?}");
    let parked = world.spool_status().failed.remove(0);
    assert_eq!((parked.mailbox.as_deref(), parked.reason.as_str()), (Some("alice"), "550 5.1.1 no such user here"));
    assert!(world.spooled().iter().all(|file| file.starts_with("failed")), "{:?}", world.spooled());

    // an administrator puts it right, and moves the folder back
    world.trouble().is_over();
    world.move_failed_back();
    world.seconds(60);
    world.mailbox("alice").only_message().audio().assert_holds(&speech(), 0.99);
    assert_eq!(world.status().problems, [""; 0]);
    world.assert_idle();
}

#[test]
fn a_message_nobody_took_for_five_days_is_parked_not_dropped() {
    let world = World::new();
    world.trouble().begins(DeliveryError::temporary("connection refused"));
    leave_a_message(&world);
    world.seconds(3 * 3600);
    assert!(world.status().problems.is_empty(), "three hours are not unusual");
    let trouble = world.trouble().clone();
    let world = world.restarted(Loss::Power, Duration::from_secs(5 * 24 * 3600), |begin| begin.trouble = trouble);
    world.seconds(60);
    assert_eq!(world.status().problems.len(), 1, "{:?}", world.status());
    assert!(world.spooled().iter().any(|file| file.starts_with("failed") && file.ends_with("audio.pcm")));
}

#[test]
fn a_mailbox_that_fails_holds_up_nobody_else() {
    let world = World::new();
    world.trouble().begins(DeliveryError::temporary("connection refused"));
    leave_a_message(&world);
    world.trouble().is_over();
    let mut caller = world.gateway().invite("1002").dial();
    caller.expect(200);
    caller.press('1').hear_tone().say(&words(2500)).hang_up();
    world.seconds(1);
    assert_eq!(world.mailbox("bob").messages().len(), 1);
    world.mailbox("alice").only_message();
    world.assert_idle();
}

#[test]
fn messages_keep_their_order() {
    let world = World::new();
    world.trouble().begins(DeliveryError::temporary("connection refused"));
    for number in ["+14255550101", "+14255550102", "+14255550103"] {
        let mut caller = world.gateway().call_for_alice().numbered(number).dial();
        caller.expect(200);
        caller.press('1').hear_tone().say(&words(2500)).hang_up();
    }
    world.seconds(30);
    assert_eq!(world.status().waiting, 3);
    world.trouble().is_over();
    world.seconds(3600);
    let messages = world.mailbox("alice").messages();
    let subjects: Vec<String> = messages.iter().map(|mail| mail.subject()).collect();
    assert_eq!(subjects, ["0101", "0102", "0103"].map(|end| format!("Voice Mail from +1425555{end} (0:02)")));
    let mut names: Vec<String> = messages.iter().map(|mail| mail.message_id()).collect();
    names.dedup();
    assert_eq!(names.len(), 3);
    world.assert_idle();
}

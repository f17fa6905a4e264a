//! One press is one key, however it reaches the node.

use std::time::Duration;

use crate::caller::Caller;
use crate::invite::offer;
use crate::sound::{Law, speech};
use crate::world::World;

/// A caller who has left something to choose about.
fn with_a_message(world: &World) -> Caller {
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect(200);
    caller.hear_tone().say(&speech());
    caller
}

#[test]
fn keys_come_by_info() {
    let world = World::new();
    let mut caller = with_a_message(&world);
    caller.press_by_info('#').hear("press-1-accept");
    caller.press_by_info('1').hear("press-pound-send");
    caller.press_by_info('1').hear("importance-is-high");
    caller.press_by_info('#').hear("message-sent");
    caller.expect_bye();
    assert_eq!(world.mailbox("alice").only_message().header("Importance").as_deref(), Some("high"));
    world.assert_idle();
}

#[test]
fn a_key_told_by_info_and_by_telephone_event_at_once_is_one_key() {
    let world = World::new();
    let mut caller = with_a_message(&world);
    caller.press('#').press_by_info('#').hear("press-1-accept");
    // in the delivery menu a second 1 would take the mark back, a second # would come too late
    caller.press_by_info('1').press('1').hear("press-pound-send");
    caller.stay_silent(Duration::from_secs(2));
    caller.press('1').press_by_info('1').hear_all(&["importance-is-high", "press-1-normal-importance"]);
    assert!(!caller.has_heard("importance-is-normal"));
    caller.press('#').hear("message-sent");
    caller.expect_bye();
    assert_eq!(world.mailbox("alice").only_message().header("Importance").as_deref(), Some("high"));
    world.assert_idle();
}

#[test]
fn two_keys_pressed_quickly_are_two_keys() {
    let world = World::new();
    let mut caller = with_a_message(&world);
    caller.press('#').hear("press-1-accept");
    caller.press_quickly("12").hear("message-is-private");
    caller.press('#').hear("message-sent");
    caller.expect_bye();
    assert_eq!(world.mailbox("alice").only_message().header("Sensitivity").as_deref(), Some("private"));
    world.assert_idle();
}

#[test]
fn the_same_key_pressed_twice_quickly_is_two_keys() {
    let world = World::new();
    let mut caller = with_a_message(&world);
    caller.press('#').hear("press-1-accept").press('1').hear("press-pound-send");
    caller.press_quickly("11").hear("importance-is-normal");
    caller.press('#').hear("message-sent");
    caller.expect_bye();
    assert_eq!(world.mailbox("alice").only_message().header("Importance"), None);
    world.assert_idle();
}

#[test]
fn a_key_held_for_five_seconds_is_one_key() {
    let world = World::new();
    let mut caller = with_a_message(&world);
    caller.press('#').hear("press-1-accept").press('1').hear("press-pound-send");
    caller.media().press('1', Duration::from_secs(5));
    caller.finish_speaking().hear("importance-is-high").stay_silent(Duration::from_secs(1));
    assert!(!caller.has_heard("importance-is-normal"));
    caller.hang_up();
    assert_eq!(world.mailbox("alice").only_message().header("Importance").as_deref(), Some("high"));
    world.assert_idle();
}

#[test]
fn a_key_is_heard_in_the_sound_where_telephone_events_were_not_agreed() {
    let world = World::new();
    let invite = world.gateway().call_for_alice();
    let mut caller = invite.ready();
    let plain = offer(caller.media().local(), Law::Mu, "").replace("RTP/AVP 0 8 101", "RTP/AVP 0");
    caller.dial_with(&plain);
    let answer = caller.expect(200);
    assert_eq!(answer.sdp().unwrap().formats(), [0]);
    caller.hear("person-at-extension").say(&touch_tone(697.0, 1209.0)).hear_tone();
    caller.say(&speech()).say(&touch_tone(941.0, 1477.0)).hear("press-1-accept");
    caller.hang_up();
    let audio = world.mailbox("alice").only_message().audio();
    audio.assert_holds(&speech(), 0.98);
    audio.assert_lasts(speech().len() as f64 / 8000.0, 0.25);
    world.assert_idle();
}

#[test]
fn an_info_that_is_no_key_is_refused_and_the_call_goes_on() {
    let world = World::new();
    let mut caller = with_a_message(&world);
    caller.request("INFO", &[], Some(("application/dtmf-relay", "Signal=X\r\nDuration=160\r\n")));
    caller.expect(400);
    caller.request("INFO", &[], Some(("application/media_control+xml", "<media_control/>")));
    let refused = caller.expect(415);
    assert!(refused.get("Accept").contains("application/dtmf-relay"));
    caller.request("INFO", &[], None);
    caller.expect(200);
    caller.hang_up();
    world.mailbox("alice").only_message();
    world.assert_idle();
}

/// 120 ms of two tones, with pauses around.
fn touch_tone(low: f64, high: f64) -> Vec<i16> {
    let tone = |n: u32, hertz: f64| (f64::from(n) * hertz * std::f64::consts::TAU / 8000.0).sin() * 6000.0;
    let pause = vec![0; 800];
    let sound = (0..960).map(|n| (tone(n, low) + tone(n, high)) as i16).collect();
    [pause.clone(), sound, pause].concat()
}

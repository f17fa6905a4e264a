//! Keys and speech over a link that delays, doubles and turns packets around but loses none: each key counts once, and
//! what is recorded is what was said.

use std::time::Duration;

use ringpost::engine::Impairment;

use super::{Lots, seeds};
use crate::caller::Caller;
use crate::sound::{Law, words};
use crate::world::{GATEWAY, HOME, World};

#[test]
fn each_key_counts_once_and_what_is_recorded_is_what_was_said() {
    for seed in seeds() {
        let mut lots = Lots(seed + 30_000);
        let world = World::with(|begin| begin.seed = seed);
        let link = impairment(&mut lots);
        world.environment().impair(GATEWAY, HOME, Some(link));
        let said = words(2500 + lots.below(2000));
        let mut caller = at_the_menu(&world, &said);
        let (mut important, mut private) = (false, false);
        let mut pressed = String::new();
        // a gateway tells its keys one way; by another, soon after, they would be the same ones
        let by_info = lots.below(4) == 0;
        for _ in 0..lots.below(7) {
            let key = ['1', '2'][lots.below(2)];
            match key {
                '1' => important = !important,
                _ => private = !private,
            }
            press(&mut caller, key, by_info, &mut lots);
            pressed.push(key);
        }
        caller.press('#').hear("message-sent");
        caller.expect_bye();
        let mail = world.mailbox("alice").only_message();
        let what = format!("seed {seed}: {pressed} over {link:?}");
        let marks = [("Importance", "high", important), ("Sensitivity", "private", private)];
        for (header, value, wanted) in marks {
            assert_eq!(mail.header(header).as_deref(), wanted.then_some(value), "{what}");
        }
        let kept = mail.audio().0;
        let sent: Vec<i16> = said.iter().map(|sample| Law::Mu.decode(Law::Mu.encode(*sample))).collect();
        assert_is_what_was_sent(&kept, &sent, &what);
        world.assert_idle();
    }
}

/// Silence before it stays; silence behind it, and what is too short there to be speech, does not.
fn assert_is_what_was_sent(kept: &[i16], sent: &[i16], what: &str) {
    let begins = kept.windows(1600).position(|window| window == &sent[..1600]);
    let begins = begins.unwrap_or_else(|| panic!("{what}: the beginning of what was said is not there"));
    let (silence, kept) = kept.split_at(begins);
    assert!(silence.iter().all(|sample| sample.abs() <= 8), "{what}: something was said before");
    let end = kept.len().min(sent.len());
    let differs = (0..end).find(|at| kept[*at] != sent[*at]);
    assert_eq!(differs, None, "{what}: {} samples were sent, and {} kept", sent.len(), kept.len());
    assert!(end + 1600 >= sent.len(), "{what}: the last {} samples are not there", sent.len() - end);
}

fn impairment(lots: &mut Lots) -> Impairment {
    Impairment {
        delay: Duration::from_millis(lots.below(100) as u64),
        jitter: Duration::from_millis(lots.below(15) as u64),
        duplication: lots.below(30) as f64 / 100.0,
        ..Impairment::default()
    }
}

/// A caller who has said something, and may mark it.
fn at_the_menu(world: &World, said: &[i16]) -> Caller {
    let mut caller = world.gateway().call_for_alice().ready();
    caller.persist();
    caller.dial();
    caller.expect(200);
    // who speaks into the end of the tone is not heard
    caller.press('1').hear_tone().stay_silent(Duration::from_millis(60)).say(said);
    caller.stay_silent(Duration::from_millis(500)).press('#').hear("press-1-accept");
    caller.press('1').hear("press-pound-send");
    caller
}

fn press(caller: &mut Caller, key: char, by_info: bool, lots: &mut Lots) {
    let pause = Duration::from_millis(300 + lots.below(2000) as u64);
    match lots.below(3) {
        _ if by_info => _ = caller.press_by_info(key),
        0 => _ = caller.press_quickly(&key.to_string()),
        _ => {
            caller.media().press(key, Duration::from_millis(40 + lots.below(400) as u64));
            caller.finish_speaking();
        }
    }
    caller.stay_silent(pause);
}

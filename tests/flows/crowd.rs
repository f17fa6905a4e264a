//! Many calls at once.

use std::time::Duration;

use crate::caller::Caller;
use crate::sound::{speech, words};
use crate::world::World;

#[test]
fn a_full_node_refuses_the_next_call_and_goes_on_with_those_it_has() {
    let world = World::with(|begin| begin.max_calls = 3);
    let mut callers = dial(&world, 3);
    callers.iter_mut().for_each(|caller| _ = caller.expect(200));
    let mut refused = world.gateway().call_for_alice().dial();
    let response = refused.expect(503);
    let seconds: u32 = response.get("Retry-After").parse().expect("seconds");
    assert!((1..=60).contains(&seconds));
    assert_eq!(world.load().calls, 3);

    for caller in &mut callers {
        caller.hear_tone().begin_to_say(&speech());
    }
    callers.iter_mut().for_each(|caller| caller.finish_speaking().hang_up());
    world.seconds(3);
    assert_eq!(world.mailbox("alice").messages().len(), 3);

    let mut next = world.gateway().call_for_alice().dial();
    next.expect(200);
    next.hang_up();
    world.assert_idle();
}

#[test]
fn a_hundred_calls_at_once_are_a_hundred_messages() {
    let world = World::new();
    let mut callers = dial(&world, 100);
    for caller in &mut callers {
        caller.expect(200);
    }
    assert_eq!(world.load().calls, 100);
    assert_eq!(world.load().rtp_ports, 100);
    for caller in &mut callers {
        caller.media().press('1', Duration::from_millis(100));
        caller.begin_to_say(&[0; 16_000]).begin_to_say(&words(4000));
    }
    world.run(Duration::from_millis(6500));
    for caller in &mut callers {
        caller.assert_steady_stream();
        caller.request("BYE", &[], None);
    }
    for caller in &mut callers {
        caller.expect(200);
    }
    drop(callers);
    world.seconds(10);
    let messages = world.mailbox("alice").messages();
    assert_eq!(messages.len(), 100);
    for mail in messages.iter().step_by(9) {
        mail.audio().assert_holds(&words(4000), 0.99);
    }
    world.assert_idle();
}

#[test]
fn one_seed_is_one_world() {
    let tell = |seed: u64| {
        let world = World::with(|begin| begin.seed = seed);
        let mut callers: Vec<Caller> = (0..3)
            .map(|number| world.gateway().call_for_alice().through(20 * number, Duration::from_millis(40)).dial())
            .collect();
        callers.iter_mut().for_each(|caller| _ = caller.expect(200));
        for caller in &mut callers {
            caller.hear_tone().begin_to_say(&speech());
        }
        callers.iter_mut().for_each(|caller| caller.finish_speaking().hang_up());
        world.assert_idle();
        let messages = world.mailbox("alice").messages();
        let letters: Vec<_> = messages.iter().map(|mail| (mail.message_id(), mail.audio().0)).collect();
        (world.ladder(), letters)
    };
    let (first, again, other) = (tell(7), tell(7), tell(8));
    assert_eq!(first.0, again.0);
    assert!(first.1 == again.1, "the letters of the same world differ");
    assert!(first.1 != other.1, "the letters of another world are the same");
}

fn dial(world: &World, count: usize) -> Vec<Caller> {
    (0..count).map(|_| world.gateway().call_for_alice().dial()).collect()
}

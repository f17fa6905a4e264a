//! UM workers come and go: they die, are replaced, are left by a node and found by the next. Calls go on.

use std::time::Duration;

use ringpost::actors::um_service::WorkerStatus;
use ringpost::link::CallSelector;

use crate::caller::Caller;
use crate::sound::{long_speech, speech};
use crate::world::World;

/// Until the endpoint has forgotten every transaction of calls that ended, and stragglers have come.
const FORGOTTEN: Duration = Duration::from_secs(60);

fn caller_speaking(world: &World) -> Caller {
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect(200);
    caller.hear_tone().begin_to_say(&long_speech(30));
    caller
}

fn states(world: &World) -> Vec<(u16, String)> {
    world.workers().into_iter().map(|worker| (worker.port, worker.state)).collect()
}

/// Replaces the current worker and lets calls go to the new one.
fn recycle(world: &World) -> WorkerStatus {
    let before = world.current_worker();
    world.engine().recycle_worker();
    assert!(world.wait(Duration::from_secs(2), || world.current_worker().id != before.id), "nothing has changed");
    world.call_the_current_worker();
    world.current_worker()
}

#[test]
fn one_worker_takes_the_calls() {
    let world = World::new();
    assert_eq!(states(&world), [(5065, "Current".to_owned())]);
    let caller = caller_speaking(&world);
    let worker = world.current_worker();
    assert_eq!((worker.calls, worker.generation), (1, 1));
    drop(caller);
}

#[test]
fn what_a_worker_that_dies_had_recorded_is_delivered_once_and_another_takes_the_calls() {
    let world = World::new();
    world.call_the_current_worker();
    let mut caller = caller_speaking(&world);
    world.seconds(8);
    world.kill_worker(&world.current_worker());
    caller.vanish();
    let after = Duration::from_secs(1);
    assert!(world.wait(after, || world.workers().iter().any(|worker| worker.state == "Current")), "no worker in 1 s");
    assert_eq!(world.status().problems, [""; 0]);
    let kept = world.mailbox("alice").only_message().audio().seconds();
    assert!((6.5..=8.5).contains(&kept), "{kept} s of 8 are kept");
    let mut next = world.gateway().call_for_alice().dial();
    next.expect(200);
    next.hear_tone().say(&speech()).hang_up();
    world.run(Duration::from_secs(90));
    assert_eq!(world.mailbox("alice").messages().len(), 2, "each call once");
    world.assert_idle();
}

#[test]
fn a_worker_that_dies_again_and_again_is_a_problem_until_one_stays() {
    let world = World::new();
    world.processes().refuse_starts(Some("the table of processes is full"));
    world.kill_worker(&world.current_worker());
    let problems = world.status().problems;
    assert!(problems.len() == 1 && problems[0].contains("no calls are taken"), "{problems:?}");
    world.seconds(5);
    let problems = world.status().problems;
    assert!(problems[0].contains("the table of processes is full"), "{problems:?}");
    world.processes().refuse_starts(None);
    assert!(world.wait(Duration::from_secs(61), || world.status().problems.is_empty()));
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect(200);
    caller.hang_up();
    world.assert_idle();
}

#[test]
fn a_worker_that_is_replaced_finishes_its_calls_while_the_other_takes_the_new_ones() {
    let world = World::new();
    world.call_the_current_worker();
    let mut old = world.gateway().call_for_alice().dial();
    old.expect(200);
    old.hear_tone();
    recycle(&world);
    assert_eq!(states(&world), [(5065, "Draining".to_owned()), (5067, "Current".to_owned())]);
    let mut new = world.gateway().call_for_alice().dial();
    new.expect(200);
    old.say(&speech()).hang_up();
    new.hear_tone().say(&speech()).hang_up();
    world.run(FORGOTTEN);
    assert_eq!(states(&world), [(5067, "Current".to_owned())], "the old one has ended");
    for message in world.mailbox("alice").messages() {
        message.audio().assert_holds(&speech(), 0.99);
    }
    assert_eq!(world.mailbox("alice").messages().len(), 2);
    recycle(&world);
    assert_eq!(world.current_worker().port, 5065, "the ports change back");
    world.assert_idle();
}

#[test]
fn a_call_sent_to_the_old_worker_just_before_it_was_replaced_is_taken() {
    let world = World::new();
    world.call_the_current_worker();
    let mut caller = world.gateway().call_for_alice().ready();
    world.engine().recycle_worker();
    world.seconds(2);
    assert_eq!(world.current_worker().port, 5067);
    caller.dial();
    caller.expect(200);
    caller.hear_tone().say(&speech()).hang_up();
    world.mailbox("alice").only_message();
    world.run(FORGOTTEN);
    assert_eq!(world.workers().len(), 1);
}

#[test]
fn age_memory_and_a_new_program_replace_a_worker() {
    type Trigger = (&'static str, fn(&World));
    let triggers: [Trigger; 3] = [
        ("age", |world| world.seconds(3600)),
        ("memory", |world| world.processes().set_memory(world.current_worker().pid, 2 << 30)),
        ("program", |world| world.processes().set_program("another")),
    ];
    for (what, trigger) in triggers {
        let world = World::with(|begin| begin.max_age = Duration::from_secs(3600));
        let first = world.current_worker();
        world.seconds(10);
        assert_eq!(world.current_worker().id, first.id);
        trigger(&world);
        assert!(world.wait(Duration::from_secs(5), || world.current_worker().id != first.id), "{what}");
        world.run(FORGOTTEN);
        assert_eq!(world.workers().len(), 1, "{what}");
    }
}

#[test]
fn calls_of_all_workers_count_and_those_in_progress_are_untouched() {
    let world = World::with(|begin| begin.max_calls = 2);
    world.call_the_current_worker();
    let mut old = caller_speaking(&world);
    recycle(&world);
    let mut new = caller_speaking(&world);
    let refused = world.gateway().call_for_alice().dial().expect(503);
    assert!(refused.get("Warning").contains("MaxCallsAllowed"), "{refused:#?}");
    assert!(refused.find("Retry-After").is_some());
    world.seconds(5);
    assert!(!old.is_over() && !new.is_over());
    old.hang_up();
    world.seconds(2);
    let mut third = world.gateway().call_for_alice().dial();
    third.expect(200);
    third.hang_up();
    new.hang_up();
    world.assert_idle();
}

#[test]
fn a_node_that_dies_leaves_its_calls_to_their_worker_and_the_next_node_finds_it() {
    let world = World::new();
    world.call_the_current_worker();
    let before = world.current_worker();
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect(200);
    caller.hear_tone().begin_to_say(&long_speech(30));
    world.seconds(5);
    world.kill_node();
    world.seconds(5);
    assert!(!caller.is_over());
    world.start_node();
    let after = world.current_worker();
    assert_eq!((&before.id, before.pid, after.calls), (&after.id, after.pid, 1));
    world.seconds(5);
    caller.hang_up();
    let kept = world.mailbox("alice").only_message().audio().seconds();
    assert!((14.0..=15.5).contains(&kept), "{kept} s of 15");
    world.assert_idle();
}

#[test]
fn a_message_finished_while_the_node_is_down_is_delivered_by_the_next() {
    let world = World::new();
    world.call_the_current_worker();
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect(200);
    caller.hear_tone();
    world.kill_node();
    caller.say(&speech()).hang_up();
    // the worker takes calls that are sent to it, also without a node
    let mut other = world.gateway().call_for_alice().dial();
    other.expect(200);
    other.hear_tone().say(&speech()).hang_up();
    world.seconds(5);
    world.mailbox("alice").assert_empty();
    world.start_node();
    world.seconds(2);
    assert_eq!(world.mailbox("alice").messages().len(), 2);
    world.assert_idle();
}

#[test]
fn a_worker_that_dies_while_the_node_is_down_loses_nothing() {
    let world = World::new();
    world.call_the_current_worker();
    let worker = world.current_worker();
    let mut caller = caller_speaking(&world);
    world.seconds(6);
    world.kill_node();
    world.kill_worker(&worker);
    caller.vanish();
    world.seconds(2);
    world.start_node();
    world.mailbox("alice").only_message();
    assert_ne!(world.current_worker().id, worker.id);
    world.assert_idle();
}

#[test]
fn a_worker_whom_nobody_needs_ends_by_itself() {
    let world = World::new();
    world.kill_node();
    world.seconds(310);
    assert_eq!(world.processes().pids(), [0; 0]);
    world.start_node();
    world.current_worker();
}

#[test]
fn calls_of_one_gateway_or_one_call_can_be_ended() {
    let world = World::new();
    let mut caller = caller_speaking(&world);
    world.engine().drop_calls(CallSelector::IpGateway("another".to_owned()));
    world.seconds(3);
    assert!(!caller.is_over());
    world.engine().drop_calls(CallSelector::IpGateway("loopback".to_owned()));
    caller.expect_bye();
    world.mailbox("alice").only_message();
    world.assert_idle();
}

#[test]
fn a_node_that_stops_ends_its_workers() {
    let world = World::new();
    let mut caller = caller_speaking(&world);
    world.seconds(4);
    let engine = world.engine();
    world.block_on(engine.stop());
    caller.expect_bye();
    assert_eq!(world.processes().pids(), [0; 0]);
    world.seconds(10);
    assert_eq!(world.processes().pids(), [0; 0], "no other is started");
    world.mailbox("alice").only_message();
}

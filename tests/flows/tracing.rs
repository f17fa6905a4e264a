//! The SIP of calls on demand: what an administrator sees of a call in progress, and of the next one.

use std::time::Duration;

use ringpost::records::trace::{Detail, NextCalls, TraceOrder, TracedMessage, ladder};

use crate::invite::Transport;
use crate::sound::{long_speech, speech};
use crate::world::{ROUTER_PORT, World};

fn order(world: &World, order: TraceOrder) {
    world.block_on(world.engine().trace(order)).expect("the call is in progress");
    world.run(Duration::from_millis(20));
}

fn next(calls: u32) -> TraceOrder {
    TraceOrder::Next(NextCalls { calls, from: Vec::new(), number: None })
}

fn traced(world: &World, call: Option<&str>) -> Vec<TracedMessage> {
    let kept = world.block_on(world.engine().traced(call.map(str::to_owned)));
    kept.unwrap_or_default()
}

/// `> INVITE`, `< 200`: received, sent.
fn words(messages: &[TracedMessage]) -> Vec<String> {
    let word = |message: &TracedMessage| {
        let text = String::from_utf8_lossy(&message.bytes).into_owned();
        let mut words = text.split(' ');
        let first = words.next().unwrap_or_default().to_owned();
        let word = if first == "SIP/2.0" { words.next().unwrap_or_default().to_owned() } else { first };
        format!("{} {word}", if message.sent { '<' } else { '>' })
    };
    messages.iter().map(word).collect()
}

#[test]
fn the_next_call_is_told_from_its_invite_to_the_answer_to_its_bye() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let world = World::new();
        order(&world, next(1));
        let mut caller = world.gateway().call_for_alice().over(transport).dial();
        caller.expect(200);
        caller.hear_tone().say(&speech()).hang_up();
        world.seconds(1);
        let messages = traced(&world, None);
        assert_eq!(words(&messages), ["> INVITE", "< 100", "< 200", "> ACK", "> BYE", "< 200"]);
        for message in &messages {
            assert_eq!(message.local, "192.0.2.1:5065".parse().unwrap(), "the address that was spoken to");
            assert_eq!(message.peer, messages[0].peer);
            assert_eq!(message.stream, transport == Transport::Tcp);
        }
        assert!(messages.is_sorted_by_key(|message| message.at));
        let lines = ladder(&messages, Detail::FirstLines);
        assert!(lines.contains("---->") && lines.contains("INVITE sip:5000@192.0.2.1:5065"), "{lines}");
        // that one, and no other
        let mut second = world.gateway().call_for_alice().dial();
        second.expect(200);
        assert_eq!(world.block_on(world.engine().traced_calls()).len(), 1);
    }
}

/// Router and worker are two hops: what the one sends on, the other receives.
#[test]
fn a_call_that_the_router_sends_on_is_told_hop_by_hop() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let world = World::with(|beginning| beginning.edit("port = 0 # every port", "port = 0\nredirect = false"));
        order(&world, next(1));
        let mut caller = world.gateway().call_for_alice().calling_port(ROUTER_PORT).over(transport).dial();
        caller.expect(200);
        caller.hear_tone().say(&speech()).hang_up();
        world.seconds(1);
        let told = words(&traced(&world, None));
        for (message, times) in [("INVITE", 2), ("ACK", 2), ("BYE", 2)] {
            let count = |way: char| told.iter().filter(|word| **word == format!("{way} {message}")).count();
            assert_eq!((count('>'), count('<')), (times, times - 1), "{message} of {told:?}");
        }
        let ok = |way: char| told.iter().filter(|word| **word == format!("{way} 200")).count();
        assert_eq!((ok('<'), ok('>')), (4, 2), "to INVITE and BYE: {told:?}");
    }
}

#[test]
fn a_call_in_progress_is_told_from_then_on_until_it_is_said_to_stop() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect(200);
    let mut other = world.gateway().call_for_alice().dial();
    other.expect(200);
    let active = world.block_on(world.engine().active_calls());
    let call_identity = active[0].call_identity.clone();
    let switch = |on| TraceOrder::Call { call_identity: call_identity.clone(), on };
    order(&world, switch(true));
    let mut callers = [caller, other];
    for caller in &mut callers {
        caller.hear_tone().begin_to_say(&long_speech(20));
    }
    order(&world, switch(false));
    order(&world, switch(true));
    for mut caller in callers {
        caller.hang_up();
    }
    world.seconds(1);
    assert_eq!(words(&traced(&world, Some(&call_identity))), ["> BYE", "< 200"]);
    assert_eq!(world.block_on(world.engine().traced_calls()).len(), 1, "the other call is nobody's business");
    let gone = world.block_on(world.engine().trace(switch(true)));
    assert_eq!(gone.unwrap_err().to_string(), format!("no call \"{call_identity}\" is in progress"));
}

#[test]
fn a_worker_that_begins_later_traces_what_was_asked_for_before() {
    let world = World::new();
    order(&world, next(1));
    world.engine().recycle_worker();
    world.seconds(5);
    world.call_the_current_worker();
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect(200);
    world.run(Duration::from_millis(20));
    assert_eq!(words(&traced(&world, None)), ["> INVITE", "< 100", "< 200", "> ACK"]);
    assert_eq!(traced(&world, None)[0].local.port(), 5067);
}

/// The call router and the UM service are processes of the same call: what they said is in its trace, too.
#[test]
fn a_call_is_told_over_all_its_hops() {
    let world = World::new();
    order(&world, next(1));
    let mut caller = world.gateway().call_for_alice().calling_port(ROUTER_PORT).dial();
    for _ in 0..2 {
        let redirect = caller.expect(302);
        caller.follow(&redirect);
    }
    caller.expect(200);
    caller.hear_tone().say(&speech()).hang_up();
    world.seconds(1);
    let messages = traced(&world, None);
    let hop = ["> INVITE", "< 302", "> ACK"];
    let last = ["> INVITE", "< 100", "< 200", "> ACK", "> BYE", "< 200"];
    assert_eq!(words(&messages), [&hop[..], &hop[..], &last[..]].concat());
    let mut ports: Vec<u16> = messages.iter().map(|message| message.local.port()).collect();
    ports.dedup();
    assert_eq!(ports, [5060, 5062, 5065]);
    assert_eq!(world.block_on(world.engine().traced_calls()).len(), 1);
}

#[test]
fn calls_are_chosen_by_whom_they_are_for() {
    let world = World::new();
    let number =
        |number: &str| TraceOrder::Next(NextCalls { calls: 1, from: Vec::new(), number: Some(number.to_owned()) });
    order(&world, number("1002"));
    world.gateway().call_for_alice().dial().expect(200);
    assert!(traced(&world, None).is_empty(), "it was for 1001");
    world.gateway().invite("1999").dial().expect(404);
    order(&world, number("1999"));
    world.gateway().invite("1999").dial().expect(404);
    world.run(Duration::from_millis(20));
    // the endpoint answers 100 before anybody has looked at the call
    assert_eq!(words(&traced(&world, None)), ["> INVITE", "< 100", "< 404", "> ACK"]);
}

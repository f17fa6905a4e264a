//! What a node does when a part of it dies.

use std::time::Duration;

use crate::sound::{long_speech, speech};
use crate::world::{ROUTER_PORT, SERVICE_PORT, WORKER_PORT, World};

#[test]
fn a_media_stream_that_dies_ends_its_call_and_keeps_the_message() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect(200);
    caller.hear_tone().begin_to_say(&long_speech(20));
    world.seconds(10);
    world.damage().media_panics();
    caller.expect_bye();
    let seconds = world.mailbox("alice").only_message().audio().seconds();
    assert!((8.0..=10.5).contains(&seconds), "{seconds} s of 10 are kept");
    caller.media().open = false;
    world.assert_idle();
}

#[test]
fn a_media_stream_that_dies_while_the_caller_hangs_up_leaves_nothing_behind() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect(200);
    caller.hear_tone().say(&speech());
    world.damage().media_panics();
    caller.hang_up();
    assert!(world.mailbox("alice").only_message().audio().seconds() > 2.0);
    world.assert_idle();
}

#[test]
fn a_node_that_cannot_read_its_sip_socket_says_so() {
    let world = World::new();
    assert_eq!(world.status().problems, [""; 0]);
    world.damage().sip_cannot_be_read();
    for port in [ROUTER_PORT, SERVICE_PORT, WORKER_PORT] {
        world.gateway().call_for_alice().calling_port(port).dial();
    }
    world.run(Duration::from_millis(100));
    let problems = world.status().problems;
    for port in [ROUTER_PORT, SERVICE_PORT, WORKER_PORT] {
        let deaf = format!("nothing is received on udp 0.0.0.0:{port} any more");
        assert!(problems.contains(&deaf), "{port}: {problems:?}");
    }
}

#[test]
fn an_endpoint_that_died_is_a_problem() {
    let world = World::new();
    world.damage().sending_sip_panics();
    world.gateway().call_for_alice().dial();
    world.run(Duration::from_millis(100));
    assert_eq!(world.status().problems, ["the SIP endpoint does not answer"]);
}

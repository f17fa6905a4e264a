//! Ports and IP versions of router, UM service and workers, changed while the node runs.

use std::time::Duration;

use ringpost::directory::SourceFile;
use ringpost::engine::environment::Environment;

use crate::sound::speech;
use crate::world::{ROUTER_PORT, World};

/// The organisation says this of servers from now on.
fn servers(world: &World, text: &str) {
    world.files().edit(|sources| {
        sources.retain(|source| source.name != "servers.toml");
        sources.push(SourceFile::new("servers.toml", text));
    });
    world.block_on(world.engine().refresh()).unwrap();
    world.run(Duration::from_millis(100));
}

fn entry(kind: &str, setting: &str) -> String {
    format!("[[{kind}]]\nname = \"um.example.test\"\n{setting}\n")
}

/// The UDP ports that are listened on.
fn ports(world: &World) -> Vec<String> {
    let listeners = world.status().listeners;
    let udp: Vec<_> = listeners.iter().filter_map(|at| at.strip_prefix("udp ")).map(str::to_owned).collect();
    let tcp: Vec<_> = listeners.iter().filter_map(|at| at.strip_prefix("tcp ")).map(str::to_owned).collect();
    assert_eq!(udp, tcp);
    udp
}

#[test]
fn a_router_that_moves_keeps_its_old_port_until_the_calls_by_it_are_over() {
    let world = World::with(|beginning| beginning.edit("port = 0 # every port", "port = 0\nredirect = false"));
    let call = |port| world.gateway().call_for_alice().calling_port(port);
    let mut before = call(ROUTER_PORT).dial();
    before.expect(200);
    before.hear_tone();
    servers(&world, &entry("call_router", "sip_tcp_listening_port = 6060"));
    assert_eq!(ports(&world), ["0.0.0.0:5065", "0.0.0.0:5060", "0.0.0.0:5062", "0.0.0.0:6060"]);
    let mut after = call(6060).dial();
    after.expect(200);
    after.hear_tone().say(&speech()).hang_up();
    // longer than any copy of a message may come
    while world.now() < Duration::from_secs(60) {
        before.say(&speech());
    }
    assert_eq!(ports(&world).len(), 4);
    before.hang_up();
    world.seconds(45);
    assert_eq!(ports(&world), ["0.0.0.0:5065", "0.0.0.0:5062", "0.0.0.0:6060"]);
    assert_eq!(world.mailbox("alice").messages().len(), 2);
    call(ROUTER_PORT).dial().expect_no_response(Duration::from_secs(10));

    servers(&world, "");
    assert_eq!(ports(&world), ["0.0.0.0:5065", "0.0.0.0:5062", "0.0.0.0:6060", "0.0.0.0:5060"]);
    servers(&world, &entry("call_router", "sip_tcp_listening_port = 6060"));
    assert_eq!(ports(&world).len(), 4, "it was not closed yet, and is wanted again");
    world.seconds(60);
    assert_eq!(ports(&world), ["0.0.0.0:5065", "0.0.0.0:5062", "0.0.0.0:6060"]);
}

#[test]
fn a_service_that_moves_is_where_the_router_sends_to() {
    let world = World::new();
    servers(&world, &entry("service", "port = 6062"));
    let mut caller = world.gateway().call_for_alice().calling_port(ROUTER_PORT).dial();
    for port in [6062, 5065] {
        let redirect = caller.expect(302);
        assert!(redirect.contact().unwrap().contains(&format!("@192.0.2.1:{port};")), "{:?}", redirect.contact());
        caller.follow(&redirect);
    }
    caller.expect(200);
    caller.hear_tone().say(&speech()).hang_up();
    world.mailbox("alice").only_message();
}

#[test]
fn another_ip_version_replaces_the_worker_and_cuts_no_call() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect(200);
    caller.hear_tone();
    servers(&world, &entry("service", "ip_address_family = \"IPv6Only\""));
    world.seconds(2);
    assert_eq!(ports(&world), ["[::]:5067", "0.0.0.0:5060", "0.0.0.0:5062", "[::]:5062"]);
    caller.say(&speech()).hang_up();
    world.mailbox("alice").only_message();
    world.seconds(60);
    assert_eq!(ports(&world), ["[::]:5067", "0.0.0.0:5060", "[::]:5062"]);
    assert_eq!(world.status().problems, [""; 0]);
}

#[test]
fn a_port_that_is_not_to_be_had_changes_nothing_until_it_is() {
    let world = World::new();
    let taken = world.environment().bind_datagram("0.0.0.0:6060".parse().unwrap()).unwrap();
    servers(&world, &entry("call_router", "sip_tcp_listening_port = 6060"));
    let problems = world.status().problems;
    assert!(problems[0].starts_with("the ports in force are the old ones: cannot listen on UDP 0.0.0.0:6060: "));
    world.gateway().call_for_alice().calling_port(ROUTER_PORT).dial().expect(302);
    drop(taken);
    world.seconds(6);
    assert_eq!(world.status().problems, [""; 0]);
    world.gateway().call_for_alice().calling_port(6060).dial().expect(302);
}

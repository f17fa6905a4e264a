//! Calls of gateways that cannot follow a redirect: router and service send them on, and all that belongs to them.

use std::time::Duration;

use ringpost::components::{Component, ComponentState, Requester};
use ringpost::link::CallSelector;

use crate::caller::Caller;
use crate::invite::{Invite, Transport};
use crate::sound::speech;
use crate::world::{ROUTER_PORT, SERVICE_PORT, World};

const WAYS: [Transport; 3] = [Transport::Udp, Transport::Tcp, Transport::TrickledTcp];

/// A gateway that cannot follow a redirect.
fn world() -> World {
    World::with(|beginning| beginning.edit("port = 0 # every port", "port = 0\nredirect = false"))
}

fn call(world: &World, transport: Transport) -> Invite {
    world.gateway().call_for_alice().calling_port(ROUTER_PORT).over(transport)
}

/// A caller who speaks, having been sent on.
fn caller_speaking(world: &World, transport: Transport) -> Caller {
    let mut caller = call(world, transport).dial();
    caller.expect(200);
    caller.hear_tone().say(&speech());
    caller
}

#[test]
fn message_is_left_through_router_or_service() {
    for transport in WAYS {
        for port in [ROUTER_PORT, SERVICE_PORT] {
            let world = world();
            let mut caller = call(&world, transport).calling_port(port).dial();
            let answer = caller.expect(200);
            let route = answer.get("Record-Route");
            match transport {
                Transport::Udp => assert_eq!(route, format!("<sip:192.0.2.1:{port};lr>")),
                _ => assert!(route.ends_with(&format!("@192.0.2.1:{port};transport=tcp;lr>")), "{route}"),
            }
            assert_eq!(answer.all("Via").len(), 1, "our Via is taken off");
            caller.hear_tone().say(&speech()).hang_up();
            let mail = world.mailbox("alice").only_message();
            assert_eq!(mail.header("X-CallingTelephoneNumber").as_deref(), Some("+14255550100"));
            world.assert_idle();
        }
    }
}

#[test]
fn call_is_cancelled_on_its_way() {
    for transport in WAYS {
        let world = world();
        let mut caller = call(&world, transport).ready();
        caller.dial();
        caller.cancel();
        caller.expect(200);
        world.assert_idle();
    }
}

#[test]
fn refusals_and_byes_of_the_worker_come_back() {
    for transport in WAYS {
        let world = world();
        let g729 =
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 18\r\n";
        call(&world, transport).offering(g729).dial().expect(488);
        world.gateway().invite("1999").calling_port(ROUTER_PORT).over(transport).dial().expect(404);
        let mut caller = caller_speaking(&world, transport);
        world.engine().drop_calls(CallSelector::All);
        caller.expect_bye();
        world.mailbox("alice").only_message();
        world.assert_idle();
    }
}

#[test]
fn call_is_held_and_resumed_through_the_router() {
    for transport in WAYS {
        let world = world();
        let mut caller = call(&world, transport).dial();
        caller.expect(200);
        caller.hear_tone();
        assert!(caller.reinvite("a=sendonly\r\n").sdp().unwrap().has("a=recvonly"));
        caller.reinvite("a=sendrecv\r\n");
        caller.say(&speech()).hang_up();
        world.mailbox("alice").only_message();
        world.assert_idle();
    }
}

/// Many calls over one connection to the router take one from there to the worker.
#[test]
fn connections_are_used_again() {
    let world = world();
    let mut callers: Vec<Caller> = (0..3).map(|_| call(&world, Transport::Tcp).dial()).collect();
    callers.iter_mut().for_each(|caller| drop(caller.expect(200)));
    assert_eq!(world.load().connections, 1, "of the worker");
    callers.iter_mut().for_each(Caller::hang_up);
    world.assert_idle();
}

#[test]
fn worker_that_is_not_there_is_a_503() {
    for transport in WAYS {
        let world = world();
        world.processes().refuse_starts(Some("no worker in this story"));
        world.kill_worker(&world.current_worker());
        world.seconds(1);
        call(&world, transport).dial().expect(503);
    }
    // over TCP the router sees it before the node has told it
    let world = world();
    let router = world.engine().call_router().clone();
    router.do_send(ringpost::actors::um_service::WorkerChanged { current: Some(5099), ..Default::default() });
    world.run(Duration::from_millis(10));
    let refused = call(&world, Transport::Tcp).dial().expect(503);
    assert!(refused.get("Warning").contains("192.0.2.1:5099 cannot be reached"), "{}", refused.get("Warning"));
}

#[test]
fn component_out_of_service_refuses_calls_and_lets_running_ones_end() {
    for transport in WAYS {
        let world = world();
        let mut caller = caller_speaking(&world, transport);
        let engine = world.engine();
        for component in [Component::UmCallRouter, Component::UnifiedMessaging] {
            let set = engine.set_component(component, ComponentState::Draining, Requester::Maintenance);
            world.block_on(set).unwrap();
            world.run(Duration::from_millis(10));
            call(&world, transport).dial().expect(503);
            let set = engine.set_component(component, ComponentState::Active, Requester::Maintenance);
            world.block_on(set).unwrap();
            world.run(Duration::from_millis(10));
        }
        let set = engine.set_component(Component::UmCallRouter, ComponentState::Inactive, Requester::Maintenance);
        world.block_on(set).unwrap();
        world.run(Duration::from_millis(10));
        caller.hang_up();
        world.mailbox("alice").only_message();
    }
}

/// A call that rings while workers change: what the caller takes back, the old worker has.
#[test]
fn cancel_finds_the_worker_that_has_the_call() {
    for transport in WAYS {
        let world = world();
        // it rings until the ringing is acknowledged
        let mut caller = call(&world, transport).header("Require", "100rel").ready();
        caller.dial();
        caller.expect_without_ack(180);
        let before = world.current_worker();
        world.engine().recycle_worker();
        assert!(world.wait(Duration::from_secs(2), || world.current_worker().id != before.id), "nothing has changed");
        world.run(Duration::from_millis(10));
        caller.cancel();
        caller.expect(200);
        caller.expect_final_of_invite(487);
        // a call the new worker has is taken back as well, while the old one drains
        let mut next = call(&world, transport).header("Require", "100rel").ready();
        next.dial();
        next.expect_without_ack(180);
        next.cancel();
        next.expect(200);
        next.expect_final_of_invite(487);
        world.assert_idle();
    }
}

/// The same without a router between: the gateway sends CANCEL where it sent the INVITE.
#[test]
fn cancel_reaches_a_draining_worker() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().header("Require", "100rel").ready();
    caller.dial();
    caller.expect_without_ack(180);
    let before = world.current_worker();
    world.engine().recycle_worker();
    assert!(world.wait(Duration::from_secs(2), || world.current_worker().id != before.id), "nothing has changed");
    caller.cancel();
    caller.expect(200);
    caller.expect_final_of_invite(487);
    world.assert_idle();
}

#[test]
fn nobody_else_is_sent_on() {
    let world = world();
    let mut stranger = world.peer("198.51.100.66".parse().unwrap()).call_for_alice().calling_port(ROUTER_PORT).ready();
    stranger.dial_changed(|invite| {
        let routed = invite.replacen("\r\n", "\r\nRoute: <sip:192.0.2.1:5060;lr>\r\n", 1);
        routed.replacen("INVITE sip:5000@192.0.2.1:5060", "INVITE sip:5000@127.0.0.1:9", 1)
    });
    stranger.expect(403);
    let forged = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-ringpost-0000000000000000\r\n\
        Via: SIP/2.0/UDP 127.0.0.1:30000;branch=z9hG4bK-1\r\nFrom: <sip:a@x>;tag=1\r\nTo: <sip:b@x>;tag=2\r\n\
        Call-ID: c\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n";
    let mut victim = world.gateway().call_for_alice().ready();
    let aimed = forged.replace("127.0.0.1:30000", &victim.local().to_string());
    stranger.send_octets(aimed.as_bytes());
    victim.expect_no_response(Duration::from_millis(50));
}

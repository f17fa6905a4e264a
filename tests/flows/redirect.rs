//! Calls that are told to go elsewhere: from the call router to the UM service to the worker.

use std::time::Duration;

use ringpost::actors::call_router::ServerHealth;
use ringpost::actors::um_service::WorkerChanged;
use ringpost::components::{Component, ComponentState, Requester};
use ringpost::engine::config::Part;

use crate::caller::Caller;
use crate::invite::{Diverted, Transport};
use crate::sound::speech;
use crate::world::{ROUTER_PORT, SERVICE_PORT, World};

/// The Contact of the 302 that answers.
fn redirected(caller: &mut Caller) -> String {
    caller.expect(302).contact().expect("a redirect says where to")
}

#[test]
fn diverted_call_is_redirected_twice_and_its_message_is_in_the_mailbox() {
    for transport in [Transport::Udp, Transport::Tcp, Transport::TrickledTcp] {
        let world = World::new();
        let mut caller = world.gateway().call_for_alice().calling_port(ROUTER_PORT).over(transport).dial();
        let by_router = caller.expect(302);
        caller.follow(&by_router);
        let by_service = caller.expect(302);
        let word = if transport == Transport::Udp { "udp" } else { "tcp" };
        let contacts = [by_router, by_service.clone()].map(|response| response.contact().unwrap());
        let to = |port| format!("sip:5000@192.0.2.1:{port};transport={word};target=1001;cause=408");
        assert_eq!(contacts, [to(5062), to(5065)]);
        caller.follow(&by_service);
        caller.expect(200);
        caller.hear_tone().say(&speech()).hang_up();
        let mail = world.mailbox("alice").only_message();
        assert_eq!(mail.header("X-CallingTelephoneNumber").as_deref(), Some("+14255550100"));
        world.assert_idle();
    }
}

/// A gateway that drops Diversion on its way after a redirect loses nothing: the Contact says it (RFC 4458).
#[test]
fn redirected_call_finds_its_mailbox_without_the_headers_it_had() {
    let world = World::new();
    let mut first =
        world.gateway().invite("5000").diverted_from("1002", Diverted::UserBusy).calling_port(ROUTER_PORT).dial();
    let redirect = first.expect(302);
    let mut second = world.gateway().invite("5000").ready();
    second.follow(&redirect);
    let redirect = second.expect(302);
    assert!(redirect.contact().unwrap().ends_with(";target=1002;cause=486"), "{:?}", redirect.contact());
    second.follow(&redirect);
    second.expect(200);
    second.hear_tone().say(&speech()).hang_up();
    world.mailbox("bob").only_message();
    world.assert_idle();
}

#[test]
fn extension_called_directly_stays_the_called_party() {
    let world = World::new();
    let mut caller = world.gateway().invite("1001").calling_port(ROUTER_PORT).dial();
    assert_eq!(redirected(&mut caller), "sip:1001@192.0.2.1:5062;transport=udp");
}

#[test]
fn called_address_is_kept_where_its_host_counts() {
    let world = World::new();
    let invite = world.gateway().invite("dana.scully").calling_host("example.test").calling_port(ROUTER_PORT);
    let mut caller = invite.dial();
    let redirect = caller.expect(302);
    let contact = "sip:dana.scully@192.0.2.1:5062;transport=udp;called=sip%3Adana.scully%40example.test";
    assert_eq!(redirect.contact().as_deref(), Some(contact));
    caller.follow(&redirect);
    let redirect = caller.expect(302);
    assert_eq!(redirect.contact().unwrap(), contact.replace("5062", "5065"));
    caller.follow(&redirect);
    caller.expect(200);
    caller.hear_tone().say(&speech()).hang_up();
    world.mailbox("dana").only_message();
}

#[test]
fn refusals_are_those_of_the_worker() {
    let world = World::new();
    for port in [ROUTER_PORT, SERVICE_PORT] {
        let stranger = world.peer("198.51.100.66".parse().unwrap());
        let refused = stranger.call_for_alice().calling_port(port).dial().expect(403);
        assert!(refused.get("Warning").contains("198.51.100.66 is not the address of a UM IP gateway"));
        assert!(refused.tag("To").is_some());
        let refused = world.gateway().invite("1999").calling_port(port).dial().expect(404);
        assert!(refused.get("Warning").contains("1999"), "{}", refused.get("Warning"));
        let mut odd = world.gateway().call_for_alice().header("Require", "replaces").calling_port(port).ready();
        odd.dial();
        assert_eq!(odd.expect(420).get("Unsupported"), "replaces");
    }
}

#[test]
fn copies_of_an_invite_get_the_same_answer() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().calling_port(ROUTER_PORT).dial();
    let first = caller.expect_without_ack(302);
    caller.dial_again();
    assert_eq!(caller.expect(302).to_bytes(), first.to_bytes());
}

#[test]
fn options_tells_whether_calls_are_taken() {
    let world = World::new();
    for port in [ROUTER_PORT, SERVICE_PORT] {
        let mut ping = world.gateway().invite("ringpost").calling_port(port).ready();
        ping.outside_dialog("OPTIONS");
        ping.expect(200);
    }
    let engine = world.engine();
    world
        .block_on(engine.set_component(Component::UmCallRouter, ComponentState::Draining, Requester::Maintenance))
        .unwrap();
    world.run(Duration::from_millis(10));
    let mut ping = world.gateway().invite("ringpost").calling_port(ROUTER_PORT).ready();
    ping.outside_dialog("OPTIONS");
    assert!(ping.expect(503).get("Warning").contains("Draining"));
    let refused = world.gateway().call_for_alice().calling_port(ROUTER_PORT).dial().expect(503);
    assert_eq!(refused.get("Retry-After"), "10");
    world.gateway().call_for_alice().calling_port(SERVICE_PORT).dial().expect(302);
}

#[test]
fn service_without_worker_asks_to_come_again() {
    let world = World::new();
    let router = world.engine().call_router().clone();
    router.do_send(WorkerChanged::default());
    world.run(Duration::from_millis(10));
    for port in [ROUTER_PORT, SERVICE_PORT] {
        let refused = world.gateway().call_for_alice().calling_port(port).dial().expect(503);
        assert_eq!(refused.get("Retry-After"), "1");
    }
    router.do_send(WorkerChanged { current: Some(5067), ..WorkerChanged::default() });
    world.run(Duration::from_millis(10));
    let mut caller = world.gateway().call_for_alice().calling_port(SERVICE_PORT).dial();
    assert!(redirected(&mut caller).starts_with("sip:5000@192.0.2.1:5067;"));
}

/// Nobody is sent to a worker that has to refuse: another server, or the gateway's next choice, is asked at once.
#[test]
fn full_server_refuses_before_it_redirects() {
    let world = World::with(|beginning| beginning.max_calls = 2);
    let talking: Vec<Caller> = (0..2)
        .map(|_| {
            let mut caller = world.gateway().call_for_alice().dial();
            caller.expect(200);
            caller
        })
        .collect();
    world.run(Duration::from_millis(10));
    for port in [ROUTER_PORT, SERVICE_PORT] {
        let refused = world.gateway().call_for_alice().calling_port(port).dial().expect(503);
        assert_eq!(refused.get("Retry-After"), "10");
        assert!(refused.get("Warning").contains("2 calls (MaxCallsAllowed)"), "{}", refused.get("Warning"));
    }
    let mut talking = talking.into_iter();
    talking.next().unwrap().hang_up();
    world.run(Duration::from_millis(10));
    for port in [ROUTER_PORT, SERVICE_PORT] {
        world.gateway().call_for_alice().calling_port(port).dial().expect(302);
    }
    talking.for_each(|mut caller| caller.hang_up());
    world.assert_idle();
}

const SERVERS: &str = "[[service]]\nname = \"um2.example.test\"\naddress = \"192.0.2.2\"\n\n\
    [[service]]\nname = \"um3.example.test\"\naddress = \"192.0.2.3\"\nport = 6062\n\n\
    [[mailbox]]\nalias = \"remote\"\nemail_address = \"remote@example.test\"\n\
    mailbox_policy = \"Lab Default Policy\"\nextensions = [\"1777\"]\nserver = \"um3.example.test\"\n";

#[test]
fn mailbox_is_answered_by_its_home_server_while_that_answers() {
    let world = World::with(|beginning| beginning.organisation(SERVERS));
    let diverted =
        || world.gateway().invite("5000").diverted_from("1777", Diverted::NoAnswer).calling_port(ROUTER_PORT);
    let contact = redirected(&mut diverted().dial());
    assert_eq!(contact, "sip:5000@192.0.2.3:6062;transport=udp;target=1777;cause=408");
    let health = |up| ServerHealth { server: "um3.example.test".parse().unwrap(), up };
    world.engine().call_router().do_send(health(false));
    world.run(Duration::from_millis(10));
    let refused = diverted().dial().expect(503);
    assert!(refused.get("Warning").contains("um3.example.test does not answer"));
    world.engine().call_router().do_send(health(true));
    world.run(Duration::from_millis(10));
    diverted().dial().expect(302);
}

#[test]
fn calls_for_a_pilot_are_spread_over_the_servers_in_service() {
    let world = World::with(|beginning| beginning.organisation(SERVERS));
    let chosen = |calls: usize| {
        let mut counts = [0; 3];
        for _ in 0..calls {
            let contact = redirected(&mut world.gateway().invite("5000").calling_port(ROUTER_PORT).dial());
            let servers = ["192.0.2.1:5062", "192.0.2.2:5062", "192.0.2.3:6062"];
            let server = servers.iter().position(|server| contact.contains(server)).expect("a server of ours");
            counts[server] += 1;
        }
        counts
    };
    let even = chosen(90);
    assert!(even.iter().all(|count| (15..=45).contains(count)), "{even:?}");
    let down = ServerHealth { server: "um2.example.test".parse().unwrap(), up: false };
    world.engine().call_router().do_send(down);
    world.run(Duration::from_millis(10));
    let without = chosen(30);
    assert!(without[1] == 0 && without[0] > 0 && without[2] > 0, "{without:?}");
}

#[test]
fn router_without_any_um_service_says_so() {
    let world = World::with(|beginning| beginning.listening = vec![Part::CallRouter]);
    let refused = world.gateway().call_for_alice().calling_port(ROUTER_PORT).dial().expect(480);
    assert!(refused.get("Warning").contains("no UM service"), "{}", refused.get("Warning"));
}

//! Front-end pools that SIP URI plans trust: no gateway, no hunt group, media straight to the caller.

use ringpost::engine::environment::Environment;

use crate::caller::Caller;
use crate::invite::Transport;
use crate::sound::speech;
use crate::world::{ROUTER_PORT, World};

const POOL: &str = "192.0.2.60";

/// A world whose plan of SIP addresses trusts the pool; `associated`: so does this server.
fn world(associated: bool) -> World {
    World::with(|beginning| {
        beginning.edit("uri_type = \"SipName\"", "uri_type = \"SipName\"\ntrusted_peers = [\"192.0.2.60\"]");
        if associated {
            let entry = |kind| format!("[[{kind}]]\nname = \"um.example.test\"\ndial_plans = [\"Addresses\"]\n");
            beginning.organisation(&format!("{}{}", entry("service"), entry("call_router")));
        }
    })
}

/// Follows the redirects of router and service to the worker.
fn taken(mut caller: Caller) -> Caller {
    for _ in 0..2 {
        let redirect = caller.expect(302);
        caller.follow(&redirect);
    }
    caller.expect(200);
    caller
}

#[test]
fn a_call_of_the_pool_leaves_its_message_with_names_as_sip_addresses() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let world = world(true);
        let invite = world.peer(POOL.parse().unwrap()).invite("dana.scully").calling_host("example.test");
        let mut caller = invite
            .header("P-Asserted-Identity", "\"Fox Mulder\" <sip:fox.mulder@example.test>")
            .signalling_media_at("203.0.113.40:31000")
            .calling_port(ROUTER_PORT)
            .over(transport)
            .ready();
        // media come from the caller's own phone, not from the pool
        let phone = world.environment().bind_media("203.0.113.40:31000".parse().unwrap()).unwrap();
        caller.media().rebind(phone);
        caller.dial();
        let mut caller = taken(caller);
        caller.hear_tone().say(&speech()).hang_up();
        let mail = world.mailbox("dana").only_message();
        assert_eq!(mail.header("X-CallingTelephoneNumber").as_deref(), Some("fox.mulder@example.test"));
        mail.audio().assert_holds(&speech(), 0.99);
        let records = world.records();
        let parties = (records[0].caller_phone_number.as_str(), records[0].called_phone_number.as_str());
        assert_eq!(parties, ("fox.mulder@example.test", "dana.scully@example.test"));
        assert_eq!((records[0].ip_gateway_name.as_str(), records[0].dial_plan_name.as_str()), (POOL, "Addresses"));
        world.assert_idle();
    }
}

#[test]
fn a_diverted_call_of_the_pool_is_for_whom_it_was_diverted_from() {
    let world = world(true);
    let invite = world.peer(POOL.parse().unwrap()).invite("um").calling_host("example.test");
    let invite = invite.header("Diversion", "<sip:dana.scully@example.test>;reason=no-answer");
    taken(invite.calling_port(ROUTER_PORT).dial()).hear_tone().say(&speech()).hang_up();
    world.mailbox("dana").only_message();
}

#[test]
fn a_server_that_is_not_associated_with_the_plan_refuses_the_pool() {
    let world = world(false);
    let call =
        |port| world.peer(POOL.parse().unwrap()).invite("dana.scully").calling_host("example.test").calling_port(port);
    for (port, object) in [(ROUTER_PORT, "call_router"), (5062, "service"), (5065, "service")] {
        let refused = call(port).dial().expect(403);
        let warning = refused.get("Warning");
        assert!(
            warning.contains(&format!("dial plan Addresses is not one of the dial_plans of its {object}")),
            "{warning}"
        );
    }
}

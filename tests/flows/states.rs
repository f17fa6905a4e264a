//! Components go out of service and come back: what gateways are told, and what becomes of calls.

use ringpost::components::{Component, ComponentState, Requester};
use ringpost::engine::Loss;

use crate::sound::speech;
use crate::world::{ROUTER_PORT, SERVICE_PORT, World};

fn set(world: &World, component: Component, state: ComponentState, requester: Requester) {
    world.block_on(world.engine().set_component(component, state, requester)).expect("the state is kept");
    world.seconds(1);
}

#[test]
fn a_component_is_as_far_out_of_service_as_the_worst_of_its_requesters_says() {
    use Component::{ServerWideOffline, UnifiedMessaging};
    use ComponentState::{Active, Draining, Inactive};
    let world = World::new();
    set(&world, UnifiedMessaging, Inactive, Requester::Maintenance);
    set(&world, ServerWideOffline, Draining, Requester::Functional);
    set(&world, UnifiedMessaging, Active, Requester::Functional);
    let refused = world.gateway().call_for_alice().dial().expect(503);
    assert!(
        refused.get("Warning").contains("UnifiedMessaging is Inactive for Maintenance"),
        "{}",
        refused.get("Warning")
    );
    assert!(!refused.get("Retry-After").is_empty());
    set(&world, UnifiedMessaging, Active, Requester::Maintenance);
    let refused = world.gateway().request("OPTIONS").expect(503);
    assert!(
        refused.get("Warning").contains("ServerWideOffline is Draining for Functional"),
        "{}",
        refused.get("Warning")
    );
    set(&world, ServerWideOffline, Active, Requester::Functional);
    world.gateway().request("OPTIONS").expect(200);
}

#[test]
fn a_call_goes_on_when_its_server_goes_out_of_service_and_the_state_outlives_the_node() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect(200);
    set(&world, Component::UnifiedMessaging, ComponentState::Draining, Requester::Maintenance);
    let drained = |world: &World| {
        let states = world.block_on(world.engine().components()).expect("they answer");
        states.into_iter().any(|status| status.component == Component::UnifiedMessaging && status.drained)
    };
    assert!(!drained(&world));
    caller.hear_tone().say(&speech()).hang_up();
    world.mailbox("alice").only_message();
    world.seconds(60);
    assert!(drained(&world));
    let world = world.power_failure(Loss::Power);
    world.gateway().call_for_alice().dial().expect(503);
}

#[test]
fn a_call_router_out_of_service_sends_calls_elsewhere_and_the_um_service_goes_on() {
    let world = World::new();
    set(&world, Component::UmCallRouter, ComponentState::Inactive, Requester::Maintenance);
    let refused = world.gateway().call_for_alice().calling_port(ROUTER_PORT).dial().expect(503);
    assert!(refused.get("Warning").contains("UMCallRouter is Inactive for Maintenance"), "{}", refused.get("Warning"));
    world.gateway().call_for_alice().calling_port(SERVICE_PORT).dial().expect(302);
    set(&world, Component::UnifiedMessaging, ComponentState::Draining, Requester::Maintenance);
    world.gateway().call_for_alice().calling_port(SERVICE_PORT).dial().expect(503);
    set(&world, Component::UmCallRouter, ComponentState::Active, Requester::Maintenance);
    world.gateway().call_for_alice().calling_port(ROUTER_PORT).dial().expect(503);
    set(&world, Component::UnifiedMessaging, ComponentState::Active, Requester::Maintenance);
    world.gateway().call_for_alice().calling_port(ROUTER_PORT).dial().expect(302);
}

#[test]
fn a_node_that_ends_takes_no_calls_again_whatever_its_components_say() {
    let world = World::new();
    world.engine().drain();
    set(&world, Component::UmCallRouter, ComponentState::Active, Requester::Maintenance);
    for port in [ROUTER_PORT, SERVICE_PORT] {
        let refused = world.gateway().call_for_alice().calling_port(port).dial().expect(503);
        assert!(refused.get("Warning").contains("going out of service"), "{}", refused.get("Warning"));
    }
}

//! Test calls: a node calls itself, and says what it found.

use ringpost::components::{Component, ComponentState, Requester};
use ringpost::engine::TestTarget;
use ringpost::records::test_call::TestOutcome;

use crate::world::World;

fn test(world: &World, target: TestTarget) -> TestOutcome {
    world.block_on(world.engine().test(target, None, None, None)).unwrap()
}

#[test]
fn a_node_calls_itself_and_hears_its_own_tones_again() {
    let world = World::new();
    for (target, redirected) in [(TestTarget::UmService, 1), (TestTarget::CallRouter, 2)] {
        let outcome = test(&world, target);
        assert!(outcome.success, "{outcome:?}");
        assert_eq!((outcome.tones_heard.as_str(), outcome.reason.as_str()), ("ABCD*#0123456789", ""));
        assert_eq!(outcome.hops.len(), redirected + 1, "{outcome:?}");
        assert!(outcome.packets_received > 300 && outcome.packets_lost == 0, "{outcome:?}");
    }
    world.seconds(60);
    let load = world.block_on(world.engine().load());
    assert_eq!((load.calls, load.media_streams, load.rtp_ports, load.dialogs, load.transactions), (0, 0, 0, 0, 0));
    assert_eq!(load.recordings, 0, "nothing of a test is kept");
}

#[test]
fn a_test_says_why_no_call_was_taken() {
    let world = World::new();
    let set = |component, state| {
        world.block_on(world.engine().set_component(component, state, Requester::Maintenance)).unwrap();
    };
    set(Component::UmCallRouter, ComponentState::Inactive);
    let outcome = test(&world, TestTarget::CallRouter);
    assert!(!outcome.success && outcome.reason.starts_with("503 Service Unavailable: "), "{outcome:?}");
    assert!(test(&world, TestTarget::UmService).success, "the UM service is in service");

    set(Component::UnifiedMessaging, ComponentState::Inactive);
    let outcome = test(&world, TestTarget::UmService);
    assert!(!outcome.success && outcome.reason.starts_with("503 Service Unavailable: "), "{outcome:?}");
}

#[test]
fn a_gateway_that_cannot_be_called_is_said_so() {
    let world = World::new();
    let gateway = |name: &str| TestTarget::Gateway { name: name.to_owned(), phone: "5551234".to_owned() };
    let why = |name| world.block_on(world.engine().test(gateway(name), None, None, None)).unwrap_err();
    assert_eq!(why("loopback"), "gateway \"Loopback\" has no address and port to call");
    assert_eq!(why("Nowhere"), "there is no UM IP gateway \"Nowhere\"");
}

#[test]
fn a_stranger_who_names_no_running_test_is_refused_as_ever() {
    let world = World::new();
    assert!(test(&world, TestTarget::UmService).success);
    world.gateway().invite("ringpost-test-0000000000000000").dial().expect(404);
}

//! What is seen of a node from outside: its figures, whether it is ready, what is wrong with it.

use std::time::Duration;

use ringpost::components::{Component, ComponentState, Requester};
use ringpost::engine::Loss;
use ringpost::store::{Change, Shelf, Store};

use crate::sound::speech;
use crate::world::World;

/// The number behind a name with its labels.
pub fn figure(metrics: &str, name: &str) -> f64 {
    let number = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
    number.unwrap_or_else(|| panic!("{name} is not in\n{metrics}"))
}

fn figures(world: &World) -> String {
    world.block_on(world.engine().metrics_text(None))
}

#[test]
fn the_limit_of_calls_in_the_figures_is_the_one_in_force() {
    let world = World::new();
    assert_eq!(figure(&figures(&world), "ringpost_max_calls_allowed"), 100.0);
    let text = "[[service]]\nname = \"um.example.test\"\nmax_calls_allowed = 7\n";
    world.files().edit(|sources| sources.push(ringpost::directory::SourceFile::new("limit.toml", text)));
    world.block_on(world.engine().refresh()).unwrap();
    assert_eq!(figure(&figures(&world), "ringpost_max_calls_allowed"), 7.0);
}

#[test]
fn a_call_is_in_the_figures_while_it_lasts_and_when_it_has_ended() {
    let world = World::new();
    let active = "ringpost_active_calls{gateway=\"Loopback\",dial_plan=\"Lab\"}";
    assert!(!figures(&world).contains(active));
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect(200);
    let now = figures(&world);
    assert_eq!((figure(&now, active), figure(&now, "ringpost_current_calls")), (1.0, 1.0));
    caller.hear_tone().say(&speech()).hang_up();
    world.seconds(2);
    let now = figures(&world);
    assert!(!now.contains(active));
    let ended = "ringpost_calls_total{call_type=\"Call Answering Voice Message\",result=\"Answer\",gateway=\"Loopback\",dial_plan=\"Lab\"}";
    assert_eq!(figure(&now, ended), 1.0);
    for histogram in [
        "ringpost_call_duration_seconds_count",
        "ringpost_rtp_packet_loss_ratio_count",
        "ringpost_rtp_jitter_seconds_count",
        "ringpost_rtp_nmos_count",
        "ringpost_delivery_latency_seconds_count",
    ] {
        assert_eq!(figure(&now, histogram), 1.0, "{histogram}");
    }
    assert_eq!(figure(&now, "ringpost_spool_messages{state=\"waiting\"}"), 0.0);
    assert_eq!(figure(&now, "ringpost_spool_oldest_message_age_seconds"), 0.0);
}

#[test]
fn the_figures_tell_of_refreshes_components_and_workers() {
    let world = World::new();
    let state = |component: &str, state: &str| {
        format!("ringpost_component_state{{component=\"{component}\",state=\"{state}\"}}")
    };
    for component in ["UMCallRouter", "UnifiedMessaging", "ServerWideOffline"] {
        assert_eq!(figure(&figures(&world), &state(component, "Active")), 1.0);
    }
    world
        .block_on(world.engine().set_component(Component::UmCallRouter, ComponentState::Draining, Requester::Sidelined))
        .unwrap();
    world.kill_worker(&world.current_worker());
    world.seconds(600);
    let now = figures(&world);
    assert_eq!(figure(&now, &state("UMCallRouter", "Draining")), 1.0);
    assert!(!now.contains(&state("UMCallRouter", "Active")), "one state at a time");
    assert_eq!(figure(&now, "ringpost_worker_restarts_total{reason=\"died\"}"), 1.0);
    assert_eq!(figure(&now, "ringpost_workers{state=\"current\"}"), 1.0);
    assert_eq!(figure(&now, "ringpost_refreshes_total{reason=\"unchanged\"}"), 1.0);
    assert_eq!(figure(&now, "ringpost_configuration_generation"), 1.0);
    assert!(figure(&now, "ringpost_refresh_age_seconds") < 600.0);
}

#[test]
fn a_node_says_why_it_takes_no_calls_though_nothing_is_wrong() {
    let world = World::new();
    let status = |world: &World| {
        let status = world.status();
        (status.out_of_service, status.problems)
    };
    assert_eq!(status(&world), (Vec::new(), Vec::new()));
    let set = |component, state| {
        world.block_on(world.engine().set_component(component, state, Requester::Maintenance)).unwrap();
    };
    set(Component::UmCallRouter, ComponentState::Inactive);
    assert_eq!(status(&world).0, ["UMCallRouter is out of service: UMCallRouter is Inactive for Maintenance"]);
    set(Component::UmCallRouter, ComponentState::Active);
    set(Component::ServerWideOffline, ComponentState::Inactive);
    let offline = "out of service: ServerWideOffline is Inactive for Maintenance";
    assert_eq!(status(&world).0, [format!("UMCallRouter is {offline}"), format!("UnifiedMessaging is {offline}")]);
    set(Component::ServerWideOffline, ComponentState::Active);
    assert_eq!(status(&world), (Vec::new(), Vec::new()));
    world.engine().drain();
    world.seconds(1);
    assert_eq!(status(&world), (vec!["this server is going out of service".to_owned()], Vec::new()));
}

#[test]
fn a_node_without_a_worker_has_a_problem_until_the_next_one_takes_calls() {
    let world = World::new();
    // the second death of a new worker makes the third one wait
    for _ in 0..2 {
        world.kill_worker(&world.current_worker());
        world.wait(Duration::from_secs(5), || world.workers().iter().any(|worker| worker.state == "Current"));
    }
    world.kill_worker(&world.current_worker());
    let problems = world.status().problems;
    assert!(problems.iter().any(|problem| problem.starts_with("no calls are taken")), "{problems:?}");
    assert_eq!(figure(&figures(&world), "ringpost_workers{state=\"current\"}"), 0.0);
    assert!(world.wait(Duration::from_secs(60), || world.status().problems.is_empty()));
}

#[test]
fn a_component_state_that_cannot_be_read_is_a_problem_until_somebody_sets_one() {
    let world = World::with(|beginning| {
        let entries = [("UMCallRouter/Maintenance", "{"), ("Nothing/Nobody", "{}")];
        let put = entries.map(|(key, value)| Change::Put { key: key.to_owned(), value: value.into() });
        beginning.remembered.apply(Shelf::Components, &put).unwrap();
    });
    let problems = world.status().problems;
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems.iter().any(|problem| problem.contains("UMCallRouter/Maintenance")), "{problems:?}");
    assert!(problems.iter().any(|problem| problem.contains("Nothing/Nobody")), "{problems:?}");
    world
        .block_on(world.engine().set_component(Component::UmCallRouter, ComponentState::Active, Requester::Maintenance))
        .unwrap();
    assert!(world.status().problems.is_empty());
    // and it is forgotten for good
    let world = world.power_failure(Loss::Power);
    assert!(world.status().problems.is_empty());
}

//! What is known of calls: those in progress, and one record of each that ended, whatever dies meanwhile.

use std::time::Duration;

use ringpost::actors::um_service::WorkerChanged;
use ringpost::records::{CallType, OfferResult};

use crate::sound::{long_speech, speech};
use crate::watching::figure;
use crate::world::{ROUTER_PORT, SERVICE_PORT, WORKER_PORT, World};

#[test]
fn a_call_is_active_until_it_ends_and_then_on_record() {
    let world = World::new();
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect(200);
    world.seconds(1);
    let active = world.block_on(world.engine().active_calls());
    let [call] = active.as_slice() else { panic!("{active:?}") };
    assert!(call.answered);
    assert_eq!((call.callee_mailbox_alias.as_str(), call.reason_for_call.as_str()), ("alice", "DivertNoAnswer"));
    let identity = call.call_identity.clone();
    caller.hear_tone().say(&speech()).hang_up();
    world.seconds(2);
    assert!(world.block_on(world.engine().active_calls()).is_empty());
    let records = world.records();
    let [record] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!(record.call_identity, identity);
    assert_eq!((record.call_type, record.offer_result), (CallType::CallAnsweringVoiceMessage, OfferResult::Answer));
    assert_eq!((record.drop_call_reason.as_str(), record.audio_codec.as_str()), ("Graceful Hangup", "PCMU"));
    assert!(record.call_duration_s >= 1);
}

#[test]
fn a_refused_call_is_on_record_when_a_gateway_made_it() {
    let world = World::new();
    world.gateway().invite("1999").dial().expect(404);
    world.peer("198.51.100.66".parse().unwrap()).call_for_alice().dial().expect(403);
    world.seconds(2);
    let records = world.records();
    let [record] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!(record.offer_result, OfferResult::Rejected);
    assert!(record.drop_call_reason.starts_with("404 "), "{}", record.drop_call_reason);
}

/// A router of ours has sent it on: the gateway is the one behind.
#[test]
fn calls_that_were_sent_on_are_on_record_as_the_gateways() {
    let world = World::with(|beginning| {
        beginning.edit("port = 0 # every port", "port = 0\nredirect = false");
        beginning.rtp_ports = 20_000..=20_001;
    });
    let call = || world.gateway().call_for_alice().calling_port(ROUTER_PORT);
    let mut taken = call().dial();
    taken.expect(200);
    call().dial().expect(503);
    taken.hang_up();
    world.seconds(2);
    let records = world.records();
    assert_eq!(records.len(), 2, "{records:?}");
    for record in records {
        assert_eq!((record.ip_gateway_name.as_str(), record.ip_gateway_address.as_str()), ("Loopback", "127.0.0.1"));
    }
}

/// One record a call, whichever part refused it and however often its INVITE was sent.
#[test]
fn calls_refused_by_router_and_service_are_on_record_once_with_what_is_known_of_them() {
    let world = World::new();
    let mut lost = world.gateway().invite("1999").calling_port(ROUTER_PORT).dial();
    lost.expect_without_ack(404);
    lost.dial_again();
    lost.expect(404);
    world.peer("198.51.100.66".parse().unwrap()).call_for_alice().calling_port(ROUTER_PORT).dial().expect(403);
    let full = "this server has its 100 calls (MaxCallsAllowed)";
    world.engine().call_router().do_send(WorkerChanged {
        current: Some(WORKER_PORT),
        full: Some(full.to_owned()),
        ..WorkerChanged::default()
    });
    world.run(Duration::from_millis(10));
    world.gateway().call_for_alice().calling_port(SERVICE_PORT).dial().expect(503);
    let mut odd = world.gateway().call_for_alice().header("Require", "replaces").calling_port(ROUTER_PORT).ready();
    odd.dial();
    odd.expect(420);
    world.seconds(2);
    let records = world.records();
    let [unknown, full, odd] = records.as_slice() else { panic!("{records:?}") };
    for record in [unknown, full, odd] {
        assert_eq!(record.offer_result, OfferResult::Rejected);
        assert_eq!(record.ip_gateway_name, "Loopback");
        assert_eq!(record.um_server_name, "um.example.test");
        assert_eq!(record.caller_phone_number, "+14255550100");
    }
    assert!(unknown.drop_call_reason.starts_with("404 "), "{}", unknown.drop_call_reason);
    assert_eq!(unknown.called_phone_number, "1999");
    assert_eq!(full.drop_call_reason, "503 this server has its 100 calls (MaxCallsAllowed)");
    assert_eq!((full.dial_plan_name.as_str(), full.callee_mailbox_alias.as_str()), ("Lab", "alice"));
    assert!(odd.drop_call_reason.starts_with("420 "), "{}", odd.drop_call_reason);
}

#[test]
fn a_flood_of_refused_calls_is_counted_and_neither_recorded_nor_logged_in_full() {
    let world = World::new();
    for port in [ROUTER_PORT, WORKER_PORT] {
        for _ in 0..150 {
            world.gateway().invite("1999").calling_port(port).dial().expect(404);
        }
    }
    world.seconds(3);
    let metrics = world.block_on(world.engine().metrics_text(None));
    for by in ["call_router", "um_worker"] {
        let refused = figure(
            &metrics,
            &format!("ringpost_calls_refused_total{{by=\"{by}\",status=\"404\",reason=\"no_such_user\"}}"),
        );
        let left_out = figure(&metrics, &format!("ringpost_calls_refused_not_recorded_total{{by=\"{by}\"}}"));
        assert_eq!(refused, 150.0, "{metrics}");
        assert!((40.0..=50.0).contains(&left_out), "{by}: {left_out}");
    }
    let rejected =
        "ringpost_calls_total{call_type=\"None\",result=\"Rejected\",gateway=\"Loopback\",dial_plan=\"unknown\"}";
    assert_eq!(figure(&metrics, rejected), world.records().len() as f64);
}

#[test]
fn a_record_is_kept_once_though_no_node_was_there_when_the_call_ended() {
    let world = World::new();
    world.call_the_current_worker();
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect(200);
    world.kill_node();
    caller.hear_tone().say(&speech()).hang_up();
    world.seconds(2);
    world.start_node();
    assert!(world.wait(Duration::from_secs(5), || !world.records().is_empty()), "no record");
    world.kill_node();
    world.start_node();
    world.seconds(5);
    assert_eq!(world.records().len(), 1);
}

#[test]
fn a_call_whose_worker_dies_is_on_record_with_the_reason() {
    let world = World::new();
    world.call_the_current_worker();
    let mut caller = world.gateway().call_for_alice().dial();
    caller.expect(200);
    caller.hear_tone().begin_to_say(&long_speech(30));
    world.seconds(5);
    world.kill_worker(&world.current_worker());
    caller.vanish();
    world.seconds(5);
    let records = world.records();
    let [record] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!(record.drop_call_reason, "the UM worker died");
    assert!(world.block_on(world.engine().active_calls()).is_empty());
}

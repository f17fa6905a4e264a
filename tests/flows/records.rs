//! What is known of calls: those in progress, and one record of each that ended, whatever dies meanwhile.

use std::time::Duration;

use ringpost::records::{CallType, OfferResult};

use crate::sound::{long_speech, speech};
use crate::world::World;

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

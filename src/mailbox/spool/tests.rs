use std::path::Path;
use std::time::Duration;

use super::*;
use crate::engine::disk::RealDisk;
use crate::engine::{MemoryDisk, Refused};
use crate::mailbox::call::{Caller, Importance, Recipient, Sensitivity};

pub(super) const TWO_SECONDS: Duration = Duration::from_secs(2);

pub(super) fn details(id: &str) -> CallDetails {
    CallDetails {
        id: EntryId::new(id).unwrap(),
        node: "um.example.test".into(),
        mailbox: Recipient {
            alias: "alice".into(),
            address: "alice@example.test".into(),
            display_name: "Alice".into(),
        },
        caller: Some(Caller { number: Some("+14255550100".into()), ..Caller::default() }),
        called: "1001".into(),
        started: now(),
        call_id: "call-1@gateway".into(),
        dial_plan: "Lab".into(),
        gateway: "Loopback".into(),
        reason: "DivertNoAnswer".into(),
        language: "en-US".into(),
        notify_missed_call: true,
        test: false,
    }
}

pub(super) fn now() -> Timestamp {
    Timestamp::from_second(1_700_000_000).unwrap()
}

fn memory() -> (MemoryDisk, Spool) {
    let disk = MemoryDisk::default();
    let spool = Spool::open(Arc::new(disk.clone()), "var/spool".into()).unwrap();
    (disk, spool)
}

fn id(name: &str) -> EntryId {
    EntryId::new(name).unwrap()
}

fn speech(samples: usize) -> Vec<i16> {
    (0..samples).map(|n| (n % 251) as i16 - 125).collect()
}

fn assert_empty(disk: &MemoryDisk) {
    for place in ["recording", "ready", "failed", "erased"] {
        assert_eq!(disk.list(&Path::new("var/spool").join(place)).unwrap(), [""; 0], "{place}");
    }
}

fn write(disk: &MemoryDisk, path: &str, bytes: &[u8]) {
    disk.put(path, bytes).unwrap();
}

#[test]
fn finished_message_is_ready_with_what_counts_of_its_audio() {
    let (disk, spool) = memory();
    let mut recording = spool.begin(details("m1")).unwrap();
    let said = speech(24_000);
    for second in said.chunks(8000) {
        recording.append(second).unwrap();
        recording.sync().unwrap();
    }
    recording.set_flags(Importance::High, Sensitivity::Private).unwrap();
    assert_eq!((recording.samples(), recording.duration()), (24_000, Duration::from_secs(3)));
    let entry = recording.finish(20_001, now()).unwrap();

    assert_eq!(entry.finished.outcome, Outcome::VoiceMessage { samples: 20_001 });
    assert_eq!((entry.record.importance, entry.record.sensitivity), (Importance::High, Sensitivity::Private));
    assert_eq!(spool.audio(&entry).unwrap(), said[..20_001]);
    assert_eq!(spool.ready().unwrap(), [entry]);
    assert_eq!(disk.list(Path::new("var/spool/recording")).unwrap(), [""; 0]);
}

#[test]
fn caller_erases_hears_and_continues() {
    let (_, spool) = memory();
    let mut recording = spool.begin(details("m1")).unwrap();
    recording.append(&speech(9000)).unwrap();
    recording.restart().unwrap();
    assert_eq!((recording.samples(), recording.audio().unwrap().len()), (0, 0));
    recording.append(&[1, 2, 3, 4]).unwrap();
    recording.truncate(2).unwrap();
    recording.append(&[5]).unwrap();
    assert_eq!(recording.audio().unwrap(), [1, 2, 5]);
    let entry = recording.finish(u64::MAX, now()).unwrap();
    assert_eq!(spool.audio(&entry).unwrap(), [1, 2, 5]);
}

#[test]
fn discarded_recording_leaves_nothing() {
    let (disk, spool) = memory();
    let mut recording = spool.begin(details("m1")).unwrap();
    recording.append(&speech(30_000)).unwrap();
    recording.discard().unwrap();
    assert_empty(&disk);
    assert!(spool.recover(TWO_SECONDS, now()).unwrap().finished.is_empty());
}

#[test]
fn call_without_a_message_becomes_a_notification() {
    let (_, spool) = memory();
    spool.missed_call(details("m1"), now()).unwrap();
    let mut recording = spool.begin(details("m2")).unwrap();
    recording.append(&speech(400)).unwrap();
    recording.finish_as_missed_call(now()).unwrap();
    let ready = spool.ready().unwrap();
    assert_eq!(ready.len(), 2);
    for entry in ready {
        assert_eq!(entry.finished.outcome, Outcome::MissedCall);
        assert_eq!(spool.audio(&entry).unwrap(), [0; 0]);
    }
}

#[test]
fn name_of_a_message_is_used_once() {
    let (_, spool) = memory();
    let mut recording = spool.begin(details("m1")).unwrap();
    assert!(matches!(spool.begin(details("m1")), Err(SpoolError::Exists(_))));
    recording.finish(0, now()).unwrap();
    assert!(matches!(spool.missed_call(details("m1"), now()), Err(SpoolError::Exists(_))));
}

#[test]
fn full_disk_is_noticed_before_answering_and_keeps_what_was_said() {
    let (disk, spool) = memory();
    assert!(spool.has_room().unwrap());
    disk.set_room(Some(MINIMUM_ROOM - 1));
    assert!(!spool.has_room().unwrap());
    assert!(spool.clone().with_minimum_room(1000).has_room().unwrap());

    let mut recording = spool.begin(details("m1")).unwrap();
    recording.append(&speech(16_000)).unwrap();
    disk.set_room(Some(10));
    let error = recording.append(&speech(8000)).unwrap_err();
    assert!(error.to_string().contains("recording/m1/audio.pcm"), "{error}");
    assert_eq!(recording.samples(), 16_000);
    assert!(recording.finish(16_000, now()).is_err());
    drop(recording);

    disk.set_room(None);
    assert_eq!(spool.recover(TWO_SECONDS, now()).unwrap().finished, [id("m1")]);
}

#[test]
fn begin_on_a_full_disk_leaves_nothing_behind() {
    let (disk, spool) = memory();
    disk.set_room(Some(5));
    assert!(spool.begin(details("m1")).is_err());
    disk.set_room(None);
    assert_eq!(disk.list(Path::new("var/spool/recording")).unwrap(), [""; 0]);
    spool.begin(details("m1")).unwrap();
}

#[test]
fn call_whose_recording_cannot_begin_is_still_a_missed_call() {
    let (disk, spool) = memory();
    // room for the folder's metadata under its temporary name only: as a crash or EMFILE leaves it
    write(&disk, "var/spool/recording/m1/.call.json.new", b"{");
    assert!(matches!(spool.begin(details("m1")), Err(SpoolError::Exists(_))));
    spool.missed_call(details("m1"), now()).unwrap();
    assert_eq!(spool.ready().unwrap()[0].finished.outcome, Outcome::MissedCall);

    disk.refuse(Some(Refused::NewFiles));
    assert!(spool.begin(details("m2")).is_err());
    assert!(spool.missed_call(details("m2"), now()).is_err());
    disk.refuse(None);
    spool.missed_call(details("m2"), now()).unwrap();
    assert_eq!(spool.ready().unwrap().len(), 2);
}

#[test]
fn ending_that_failed_may_be_asked_again() {
    let (disk, spool) = memory();
    let mut recording = spool.begin(details("m1")).unwrap();
    recording.append(&speech(30_000)).unwrap();
    for refused in [Refused::Truncation, Refused::NewFiles] {
        disk.refuse(Some(refused));
        assert!(recording.finish(20_000, now()).is_err(), "{refused:?}");
        assert!(spool.recover(TWO_SECONDS, now()).unwrap().finished.is_empty(), "its owner tries again");
    }
    disk.refuse(None);
    let entry = recording.finish(20_000, now()).unwrap();
    assert_eq!(spool.audio(&entry).unwrap(), speech(20_000));
    assert_eq!(recording.finish(20_000, now()).unwrap(), entry, "once more changes nothing");
}

#[test]
fn recovery_finishes_partials_of_two_seconds_and_notifies_of_shorter_ones() {
    let (disk, spool) = memory();
    for (name, samples) in [("long", 16_000), ("short", 15_999)] {
        let mut recording = spool.begin(details(name)).unwrap();
        recording.append(&speech(samples)).unwrap();
    }
    let mut silent = details("silent");
    silent.notify_missed_call = false;
    drop(spool.begin(silent).unwrap());
    disk.append(Path::new("var/spool/recording/long/audio.pcm")).unwrap().append(&[7]).unwrap();

    let later = Spool::open(Arc::new(disk.clone()), "var/spool".into()).unwrap();
    let recovered = later.recover(TWO_SECONDS, now()).unwrap();
    assert_eq!(recovered.finished, [id("long")]);
    assert_eq!(recovered.missed, [id("short")]);
    assert_eq!(recovered.removed, ["silent"]);
    assert!(recovered.damaged.is_empty() && recovered.errors.is_empty());
    let entry = later.entry(&id("long")).unwrap();
    assert_eq!(later.audio(&entry).unwrap(), speech(16_000), "half a sample at the end is cut");

    let before = later.ready().unwrap();
    let again = later.recover(TWO_SECONDS, now()).unwrap();
    assert!(again.finished.is_empty() && again.missed.is_empty() && again.removed.is_empty());
    assert_eq!(later.ready().unwrap(), before);
}

#[test]
fn recovery_leaves_a_call_in_progress_alone() {
    let (_, spool) = memory();
    let mut recording = spool.begin(details("m1")).unwrap();
    recording.append(&speech(80_000)).unwrap();
    assert!(spool.clone().recover(TWO_SECONDS, now()).unwrap().finished.is_empty());
    drop(recording);
    assert_eq!(spool.recover(TWO_SECONDS, now()).unwrap().finished, [id("m1")]);
}

#[test]
fn damaged_metadata_is_set_aside_with_the_reason_and_nothing_is_deleted() {
    let (disk, spool) = memory();
    for name in ["torn", "alien", "orphan", "not finished"] {
        write(&disk, &format!("var/spool/recording/{name}/audio.pcm"), &[0; 40_000]);
    }
    write(&disk, "var/spool/recording/torn/call.json", b"{\"details\": {");
    let record = Record {
        details: details("m1"),
        importance: <_>::default(),
        sensitivity: <_>::default(),
        finished: None,
        owner: None,
    };
    write(&disk, "var/spool/recording/alien/call.json", &serde_json::to_vec(&record).unwrap());
    write(&disk, "var/spool/recording/empty/.call.json.new", b"{");
    write(&disk, "var/spool/ready/blank/call.json", b"");

    let recovered = spool.recover(TWO_SECONDS, now()).unwrap();
    assert_eq!(recovered.removed, ["empty"]);
    let damaged: Vec<_> = recovered.damaged.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(damaged, ["alien", "not finished", "orphan", "torn", "blank"]);
    assert!(recovered.errors.is_empty(), "{:?}", recovered.errors);
    for name in ["alien", "not finished", "orphan", "torn"] {
        let audio = format!("var/spool/failed/{name}/audio.pcm");
        assert_eq!(disk.read(Path::new(&audio)).unwrap().len(), 40_000);
    }
    let status = spool.status().unwrap();
    let reason = |name: &str| status.failed.iter().find(|parked| parked.id == name).unwrap().reason.as_str();
    assert!(reason("torn").contains("EOF"), "{}", reason("torn"));
    assert!(reason("alien").contains("belongs to message m1"), "{}", reason("alien"));
    assert!(reason("orphan").contains("missing"), "{}", reason("orphan"));
    assert!(spool.recover(TWO_SECONDS, now()).unwrap().damaged.is_empty());
}

#[test]
fn message_waits_is_parked_and_is_tried_again_by_order() {
    let (disk, spool) = memory();
    spool.begin(details("m1")).unwrap().finish(0, now()).unwrap();
    let waiting = DeliveryState {
        attempts: 2,
        last_error: Some("mail server mx:25: connection refused".into()),
        next_attempt: Some(now()),
        ..DeliveryState::new(now())
    };
    spool.note_attempt(&id("m1"), &waiting).unwrap();
    assert_eq!(spool.ready().unwrap()[0].delivery, waiting);

    let cli = Spool::at(Arc::new(disk.clone()), "var/spool".into());
    let status = cli.status().unwrap();
    assert_eq!(status.ready.len(), 1);
    assert_eq!((status.ready[0].mailbox.as_str(), status.ready[0].attempts), ("alice", 2));
    assert_eq!(status.ready[0].last_error, waiting.last_error);

    spool.park(&id("m1"), &DeliveryState { next_attempt: None, ..waiting.clone() }).unwrap();
    let status = cli.status().unwrap();
    assert!(status.ready.is_empty());
    assert_eq!(status.failed[0].reason, "mail server mx:25: connection refused");
    assert!(spool.ready().unwrap().is_empty());

    cli.retry_failed(&id("m1"), now()).unwrap();
    let again = spool.entry(&id("m1")).unwrap().delivery;
    assert_eq!((again.attempts, again.next_attempt, again.since), (0, None, now()));
    assert!(matches!(cli.retry_failed(&id("m1"), now()), Err(SpoolError::NotFound { .. })));
}

#[test]
fn state_that_cannot_be_read_costs_the_history_not_the_message() {
    let (disk, spool) = memory();
    spool.begin(details("m1")).unwrap().finish(0, now()).unwrap();
    write(&disk, "var/spool/ready/m1/delivery.json", b"\0\0\0");
    assert_eq!(spool.ready().unwrap()[0].delivery, DeliveryState::new(now()));
}

#[test]
fn status_shows_calls_in_progress_and_is_empty_without_a_spool() {
    let (disk, spool) = memory();
    let mut recording = spool.begin(details("m1")).unwrap();
    recording.append(&speech(25_000)).unwrap();
    let status = Spool::at(Arc::new(disk), "var/spool".into()).status().unwrap();
    assert_eq!((status.recording[0].mailbox.as_deref(), status.recording[0].seconds), (Some("alice"), 3));
    let nowhere = Spool::at(Arc::new(MemoryDisk::default()), "var/spool".into()).status().unwrap();
    assert!(nowhere.recording.is_empty() && nowhere.ready.is_empty() && nowhere.failed.is_empty());
}

#[test]
fn delivered_message_is_gone_and_its_folder_with_it() {
    let (disk, spool) = memory();
    spool.begin(details("m1")).unwrap().finish(0, now()).unwrap();
    spool.delivered(&id("m1")).unwrap();
    assert_empty(&disk);
    assert!(matches!(spool.delivered(&id("m1")), Err(SpoolError::NotFound { .. })));
    assert!(matches!(spool.entry(&id("m1")), Err(SpoolError::NotFound { .. })));
}

/// The same life on the machine's own file system: folders that must exist, renames of folders, syncs of folders.
#[test]
fn real_disk_behaves_as_the_one_in_memory() {
    let root = std::env::temp_dir().join(format!("ringpost-spool-{}", std::process::id()));
    let spool = Spool::open(Arc::new(RealDisk), root.join("var/spool")).unwrap();
    assert!(spool.with_minimum_room(1).has_room().unwrap());
    let spool = Spool::open(Arc::new(RealDisk), root.join("var/spool")).unwrap();
    let mut recording = spool.begin(details("m1")).unwrap();
    recording.append(&speech(8000)).unwrap();
    spool.sync_all().unwrap();
    recording.restart().unwrap();
    recording.append(&speech(16_000)).unwrap();
    drop(recording);
    assert_eq!(spool.recover(TWO_SECONDS, now()).unwrap().finished, [id("m1")]);
    let entry = spool.entry(&id("m1")).unwrap();
    assert_eq!(spool.audio(&entry).unwrap(), speech(16_000));
    spool.park(&id("m1"), &DeliveryState::damaged("x")).unwrap();
    spool.retry_failed(&id("m1"), now()).unwrap();
    spool.delivered(&id("m1")).unwrap();
    spool.begin(details("m2")).unwrap().discard().unwrap();
    for place in [RECORDING, READY, FAILED, ERASED] {
        assert_eq!(std::fs::read_dir(root.join("var/spool").join(place)).unwrap().count(), 0, "{place}");
    }
    std::fs::remove_dir_all(root).unwrap();
}

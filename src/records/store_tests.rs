use super::*;
use crate::engine::disk::MemoryDisk;
use crate::records::{ActiveCall, CallType};

fn record(worker: &str, sequence: u64, start: &str) -> KeptRecord {
    let call = ActiveCall {
        call_identity: format!("{worker}-{sequence}@test"),
        call_type: CallType::CallAnsweringVoiceMessage,
        started: start.parse().unwrap(),
        dial_plan: "Lab".to_owned(),
        ip_gateway: "Loopback".to_owned(),
        ip_gateway_address: "127.0.0.1".to_owned(),
        called_phone_number: "1001".to_owned(),
        caller_phone_number: String::new(),
        reason_for_call: "Direct".to_owned(),
        callee_mailbox_alias: "alice".to_owned(),
        answered: true,
        is_test: false,
    };
    let record = CallDataRecord::of(call, "um.example.test");
    KeptRecord { worker: worker.to_owned(), sequence: Some(sequence), record }
}

fn store(disk: &MemoryDisk) -> RecordStore {
    RecordStore::at(Arc::new(disk.clone()), "cdr".into())
}

fn append(writer: &mut RecordWriter, records: &[KeptRecord]) -> (Vec<u64>, Result<(), RecordError>) {
    let mut kept = Vec::new();
    let done = writer.append(records, &mut |record| kept.push(record.sequence.unwrap()));
    (kept, done)
}

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

#[test]
fn a_call_is_kept_under_the_day_it_began_on_and_read_back() {
    let disk = MemoryDisk::default();
    let mut writer = RecordWriter::new(store(&disk));
    let records = [record("a", 1, "2026-03-01T23:59:59Z"), record("a", 2, "2026-03-02T00:00:00Z")];
    let (kept, done) = append(&mut writer, &records);
    done.unwrap();
    assert_eq!(kept, [1, 2]);
    let reader = store(&disk);
    assert_eq!(reader.days().unwrap(), [day("2026-03-01"), day("2026-03-02")]);
    assert_eq!(reader.read(day("2026-03-01")).unwrap(), [records[0].record.clone()]);
    assert_eq!(reader.read(day("2026-03-03")).unwrap(), []);
    let taken = reader.taken(day("2026-03-02")).unwrap();
    assert!(taken.contains("a", 2) && !taken.contains("a", 3));
}

#[test]
fn a_line_that_a_crash_cut_off_is_no_record_and_is_taken_away() {
    let disk = MemoryDisk::default();
    let records = [1, 2, 3].map(|number| record("a", number, "2026-03-01T12:00:00Z"));
    append(&mut RecordWriter::new(store(&disk)), &records[..1]).1.unwrap();
    let path = Path::new("cdr/2026-03-01.jsonl");
    let line = serde_json::to_vec(&records[1]).unwrap();
    for cut in [1, line.len() / 2, line.len()] {
        disk.append(path).unwrap().append(&line[..cut]).unwrap();
        assert!(!store(&disk).taken(day("2026-03-01")).unwrap().contains("a", 2), "cut at {cut}");
        append(&mut RecordWriter::new(store(&disk)), &records[2..]).1.unwrap();
        let found = store(&disk).read(day("2026-03-01")).unwrap();
        assert_eq!(found.last(), Some(&records[2].record));
        assert!(found.iter().all(|record| *record != records[1].record), "cut at {cut}");
    }
}

#[test]
fn what_a_full_disk_refused_is_kept_once_when_it_is_told_again() {
    let disk = MemoryDisk::default();
    let mut writer = RecordWriter::new(store(&disk));
    let records = [1, 2].map(|number| record("a", number, "2026-03-01T12:00:00Z"));
    append(&mut writer, &records[..1]).1.unwrap();
    disk.set_room(Some(10));
    let (kept, refused) = append(&mut writer, &records[1..]);
    assert!(kept.is_empty() && refused.is_err());
    disk.set_room(None);
    append(&mut writer, &records[1..]).1.unwrap();
    assert_eq!(store(&disk).read(day("2026-03-01")).unwrap(), records.map(|kept| kept.record));
}

#[test]
fn after_ninety_days_the_sums_stay_and_the_records_go() {
    let disk = MemoryDisk::default();
    let mut writer = RecordWriter::new(store(&disk));
    let records = [1, 2].map(|number| record("a", number, "2026-03-01T12:00:00Z"));
    append(&mut writer, &records).1.unwrap();
    let store = store(&disk);
    store.prune(day("2026-05-30")).unwrap();
    assert_eq!(store.days().unwrap().len(), 1, "the ninetieth day is still kept");
    store.prune(day("2026-05-31")).unwrap();
    assert_eq!((store.days().unwrap().len(), store.summaries().unwrap().len()), (0, 1));
    assert_eq!(store.summaries().unwrap()[0].total(), 2);
    store.prune(day("2027-05-31")).unwrap();
    assert_eq!(store.summaries().unwrap().len(), 0);
}

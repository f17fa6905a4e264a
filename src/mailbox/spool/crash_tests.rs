//! The machine stops after any single operation on its disk, at any point in the life of a message, in several ways;
//! then a new life recovers and delivers. Whatever happened: each message its caller was told of, and each partial one of
//! the minimum length, is in the mailbox exactly once, with its audio.
//!
//! Time is scaled down: a "second" has 8 samples, so two seconds are two milliseconds to the spool.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use mail_parser::{MessageParser, MimeHeaders};

use super::tests::{details, now};
use super::*;
use crate::engine::{Loss, MemoryDisk};
use crate::mailbox::message::Composer;
use crate::mailbox::store::Maildir;
use crate::mailbox::{Courier, Importance, Sensitivity};

const SECOND: usize = 8;
const TWO_SECONDS: Duration = Duration::from_millis(2);

const LOSSES: [Loss; 6] = [Loss::Process, Loss::Power, Loss::Torn(1), Loss::Torn(2), Loss::Torn(3), Loss::Torn(4)];

/// What the callers know, kept outside the machine that stops.
#[derive(Default)]
struct Ledger {
    calls: BTreeMap<&'static str, Promise>,
    /// Appended samples count at once: only a process dies, the kernel does not.
    kernel_survives: bool,
}

#[derive(Default)]
struct Promise {
    begun: bool,
    told: bool,
    discarding: bool,
    discarded: bool,
    /// Samples that must be in the message, at least.
    safe: usize,
    /// Of these, what was synced.
    synced: usize,
    /// What the recording may hold: the delivered audio is the beginning of one of these.
    takes: Vec<Vec<i16>>,
    /// Exactly this, once the caller is told.
    kept: Option<Vec<i16>>,
}

/// One call, with the ledger written before and after each step.
struct Call<'l> {
    recording: Recording,
    promise: &'l mut Promise,
    kernel_survives: bool,
}

impl Ledger {
    /// Power fails after the process died: what the kernel had kept is gone.
    fn only_synced_counts(&mut self) {
        self.calls.values_mut().for_each(|promise| promise.safe = promise.synced);
    }
}

impl Promise {
    fn keep(&mut self, samples: usize) {
        (self.safe, self.synced) = (samples, samples);
    }

    fn lose(&mut self, but: usize) {
        (self.safe, self.synced) = (self.safe.min(but), self.synced.min(but));
    }
}

type Step = Result<(), SpoolError>;

impl<'l> Call<'l> {
    fn begin(spool: &Spool, ledger: &'l mut Ledger, name: &'static str) -> Result<Self, SpoolError> {
        let kernel_survives = ledger.kernel_survives;
        let promise = ledger.calls.entry(name).or_default();
        promise.takes = vec![Vec::new()];
        let recording = spool.begin(details(name)).inspect_err(|_| {
            // Then it is a missed call, if the disk failed only once; a machine that stopped says nothing.
            match spool.missed_call(details(name), now()) {
                Ok(_) => (promise.told, promise.kept) = (true, Some(Vec::new())),
                Err(error) => assert!(matches!(error, SpoolError::Io { .. }), "{error}"),
            }
        })?;
        promise.begun = true;
        Ok(Self { recording, promise, kernel_survives })
    }

    /// Samples that differ, so that a piece from another place is noticed.
    fn say(&mut self, samples: usize) -> Step {
        let take = self.promise.takes.last_mut().unwrap();
        let start = take.len() as i16 + self.promise.takes.len() as i16 * 1000;
        let said: Vec<i16> = (start..start + samples as i16).collect();
        let take = self.promise.takes.last_mut().unwrap();
        take.extend(&said);
        let length = take.len();
        if let Err(error) = self.recording.append(&said) {
            // What comes later follows what came before; only a crash may leave a part of it.
            let before = take[..length - samples].to_vec();
            self.promise.takes.push(before);
            return Err(error);
        }
        if self.kernel_survives {
            self.promise.safe = length;
        }
        Ok(())
    }

    fn sync(&mut self) -> Step {
        self.recording.sync()?;
        self.promise.keep(self.promise.takes.last().unwrap().len());
        Ok(())
    }

    fn cut(&mut self, samples: usize) -> Step {
        let mut take = self.promise.takes.last().unwrap().clone();
        take.truncate(samples);
        self.promise.lose(samples);
        self.promise.takes.push(take);
        self.recording.truncate(samples as u64)?;
        self.promise.takes.drain(..self.promise.takes.len() - 1);
        self.promise.keep(samples);
        Ok(())
    }

    fn erase(&mut self) -> Step {
        self.promise.lose(0);
        self.promise.takes.push(Vec::new());
        self.recording.restart()?;
        self.promise.takes.drain(..self.promise.takes.len() - 1);
        Ok(())
    }

    fn flag(&mut self) -> Step {
        self.recording.set_flags(Importance::High, Sensitivity::Normal)
    }

    fn finish(mut self, kept: usize) -> Step {
        self.promise.lose(kept);
        let first = self.recording.finish(kept as u64, now());
        first.or_else(|_| self.recording.finish(kept as u64, now()))?;
        self.promise.told = true;
        self.promise.kept = Some(self.promise.takes.last().unwrap()[..kept].to_vec());
        Ok(())
    }

    fn finish_as_missed_call(mut self) -> Step {
        self.promise.lose(0);
        let first = self.recording.finish_as_missed_call(now());
        first.or_else(|_| self.recording.finish_as_missed_call(now()))?;
        self.promise.told = true;
        self.promise.kept = Some(Vec::new());
        Ok(())
    }

    fn discard(self) -> Step {
        self.promise.discarding = true;
        self.recording.discard()?;
        self.promise.discarded = true;
        Ok(())
    }
}

fn open(disk: &MemoryDisk) -> Result<(Spool, Courier, Maildir), SpoolError> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let spool = Spool::open(disk.clone(), "var/spool".into())?;
    let maildir = Maildir::open(disk, "var/mail".into()).during("open", Path::new("var/mail"))?;
    let composer = Composer {
        sender_name: String::new(),
        sender_address: "um@example.test".into(),
        time_zone: jiff::tz::TimeZone::UTC,
    };
    Ok((spool.clone(), Courier::new(spool, composer, Arc::new(maildir.clone())), maildir))
}

/// One attempt, as the courier makes it, without threads.
fn deliver(spool: &Spool, courier: &Courier, maildir: &Maildir, id: &EntryId) -> Result<(), String> {
    let letter = courier.letter(id).map_err(|error| error.to_string())?;
    maildir.deliver_now(&letter).map_err(|error| error.text)?;
    spool.delivered(id).map_err(|error| error.to_string())
}

/// Everything that can happen to a message. An error ends the call it happens to, as a crash ends all of them.
fn life(disk: &MemoryDisk, ledger: &mut Ledger) {
    let Ok((spool, courier, maildir)) = open(disk) else { return };
    let _ = sends_after_recording_again(&spool, ledger);
    let _ = continues_and_sends(&spool, ledger);
    let _ = cancels(&spool, ledger);
    let _ = leaves_nothing(&spool, ledger);
    let _ = hangs_up_at_once(&spool, ledger);
    let _ = is_cut_off(&spool, ledger);
    let _ = delivers(&spool, &courier, &maildir);
}

fn sends_after_recording_again(spool: &Spool, ledger: &mut Ledger) -> Step {
    let mut call = Call::begin(spool, ledger, "again")?;
    for _ in 0..3 {
        call.say(SECOND)?;
        call.sync()?;
    }
    call.erase()?;
    call.say(SECOND)?;
    call.sync()?;
    call.say(2 * SECOND)?;
    call.flag()?;
    call.finish(2 * SECOND + 3)
}

fn continues_and_sends(spool: &Spool, ledger: &mut Ledger) -> Step {
    let mut call = Call::begin(spool, ledger, "continued")?;
    call.say(3 * SECOND)?;
    spool.sync_all()?;
    call.promise.keep(3 * SECOND);
    call.cut(2 * SECOND + 1)?;
    call.say(SECOND)?;
    call.sync()?;
    call.finish(3 * SECOND + 1)
}

fn cancels(spool: &Spool, ledger: &mut Ledger) -> Step {
    let mut call = Call::begin(spool, ledger, "cancelled")?;
    call.say(3 * SECOND)?;
    call.sync()?;
    call.discard()
}

fn leaves_nothing(spool: &Spool, ledger: &mut Ledger) -> Step {
    let mut call = Call::begin(spool, ledger, "nothing")?;
    call.say(SECOND)?;
    call.sync()?;
    call.finish_as_missed_call()
}

fn hangs_up_at_once(spool: &Spool, ledger: &mut Ledger) -> Step {
    let promise = ledger.calls.entry("missed").or_default();
    spool.missed_call(details("missed"), now())?;
    *promise = Promise { begun: true, told: true, kept: Some(Vec::new()), ..Promise::default() };
    Ok(())
}

fn is_cut_off(spool: &Spool, ledger: &mut Ledger) -> Step {
    let mut call = Call::begin(spool, ledger, "cut")?;
    call.say(2 * SECOND)?;
    call.sync()?;
    // The call goes on when a second of it could not be written.
    let _ = call.say(SECOND);
    let _ = call.say(SECOND / 2);
    call.sync()
}

/// Delivery with all its detours: an attempt that fails, a message that is parked and tried again.
fn delivers(spool: &Spool, courier: &Courier, maildir: &Maildir) -> Result<(), String> {
    let text = |error: SpoolError| error.to_string();
    for entry in spool.ready().map_err(text)? {
        let id = entry.id();
        match id.as_str() {
            "again" => spool.note_attempt(id, &DeliveryState::again(now(), Some("busy".into()))).map_err(text)?,
            "continued" => {
                spool.park(id, &DeliveryState::again(now(), Some("refused".into()))).map_err(text)?;
                spool.retry_failed(id, now()).map_err(text)?;
            }
            _ => {}
        }
        deliver(spool, courier, maildir, id)?;
    }
    Ok(())
}

/// A node starts, recovers, and delivers all there is.
fn next_life(disk: &MemoryDisk) -> Result<(), String> {
    let text = |error: SpoolError| error.to_string();
    let (spool, courier, maildir) = open(disk).map_err(text)?;
    let recovered = spool.recover(TWO_SECONDS, now()).map_err(text)?;
    if let Some(error) = recovered.errors.first() {
        return Err(error.to_string());
    }
    assert_eq!(recovered.damaged, [], "a crash alone damages nothing");
    // What the crash left parked, its administrator orders to be tried again.
    for parked in spool.status().map_err(text)?.failed {
        spool.retry_failed(&EntryId::new(parked.id).unwrap(), now()).map_err(text)?;
    }
    for entry in spool.ready().map_err(text)? {
        deliver(&spool, &courier, &maildir, entry.id())?;
    }
    let again = spool.recover(TWO_SECONDS, now()).map_err(text)?;
    assert!(again.finished.is_empty() && again.missed.is_empty() && again.removed.is_empty(), "twice is as once");
    Ok(())
}

/// The owner opens her mailbox: what is new is now read.
fn read_mail(disk: &MemoryDisk) {
    for name in disk.list(Path::new("var/mail/alice/new")).unwrap() {
        let new = Path::new("var/mail/alice/new").join(&name);
        disk.rename(&new, &Path::new("var/mail/alice/cur").join(format!("{name}:2,S"))).unwrap();
    }
}

fn check(disk: &MemoryDisk, ledger: &Ledger, what: &str) {
    let mut mails: BTreeMap<String, Vec<Vec<i16>>> = BTreeMap::new();
    for folder in ["var/mail/alice/new", "var/mail/alice/cur"] {
        for name in disk.list(Path::new(folder)).unwrap() {
            let bytes = disk.read(&Path::new(folder).join(name)).unwrap();
            let mail = MessageParser::new().parse(&bytes).unwrap();
            let id = mail.message_id().unwrap().strip_suffix("@um.example.test").unwrap().to_owned();
            let audio = mail.attachment(0).map_or_else(Vec::new, |part| {
                assert_eq!(part.content_type().unwrap().subtype(), Some("wav"));
                let mut wav = hound::WavReader::new(part.contents()).unwrap();
                wav.samples::<i16>().map(Result::unwrap).collect()
            });
            mails.entry(id).or_default().push(audio);
        }
    }
    for place in ["recording", "ready", "failed", "erased"] {
        let left = disk.list(&Path::new("var/spool").join(place)).unwrap();
        assert_eq!(left, [""; 0], "{what}: left in {place}");
    }
    for (name, promise) in &ledger.calls {
        let found = mails.remove(*name).unwrap_or_default();
        assert!(found.len() <= 1, "{what}: {name} was delivered {} times", found.len());
        if promise.discarded {
            assert!(found.is_empty(), "{what}: {name} was cancelled");
        }
        let Some(audio) = found.first() else {
            let owed = promise.told || (promise.begun && !promise.discarding);
            assert!(!owed, "{what}: {name} is lost");
            continue;
        };
        if let Some(kept) = &promise.kept {
            assert_eq!(audio, kept, "{what}: audio of {name}");
        } else if promise.safe >= 2 * SECOND {
            assert!(audio.len() >= promise.safe, "{what}: {name} has {} of {}", audio.len(), promise.safe);
        }
        let is_beginning = audio.is_empty() || promise.takes.iter().any(|take| take.starts_with(audio));
        assert!(is_beginning, "{what}: {name} holds {audio:?} of {:?}", promise.takes);
    }
    assert!(mails.is_empty(), "{what}: {mails:?} nobody left");
}

/// Lives until the crash and comes back with what the loss leaves.
fn live_and_crash(at: usize, loss: Loss) -> (MemoryDisk, Ledger, bool) {
    let disk = MemoryDisk::default();
    let mut ledger = Ledger { kernel_survives: loss == Loss::Process, ..Ledger::default() };
    disk.crash_at(at);
    life(&disk, &mut ledger);
    let crashed = disk.has_crashed();
    (disk.after(loss), ledger, crashed)
}

#[test]
fn no_crash_at_any_single_operation_loses_or_doubles_a_message() {
    for loss in LOSSES {
        let mut at = 0;
        loop {
            let (disk, ledger, crashed) = live_and_crash(at, loss);
            read_mail(&disk);
            next_life(&disk).unwrap();
            check(&disk, &ledger, &format!("{loss:?} at {at}"));
            if !crashed {
                break;
            }
            at += 1;
        }
        assert!(at > 150, "the life has only {at} operations");
    }
}

#[test]
fn no_second_crash_during_recovery_or_delivery_does_either() {
    // A stride, moved on with each first crash, keeps it short; the two in which a sync can be missing do without.
    let pairs = [
        (Loss::Process, Loss::Process, 4),
        (Loss::Process, Loss::Power, 1),
        (Loss::Power, Loss::Torn(5), 4),
        (Loss::Torn(6), Loss::Power, 2),
    ];
    for (first, second, stride) in pairs {
        for at in 0.. {
            let (disk, mut ledger, crashed) = live_and_crash(at, first);
            if second != Loss::Process {
                ledger.only_synced_counts();
            }
            for again_at in (at % stride..).step_by(stride) {
                let disk = disk.after(Loss::Process); // a copy as it is
                disk.crash_at(again_at);
                let done = next_life(&disk).is_ok();
                let crashed_again = disk.has_crashed();
                assert!(done || crashed_again);
                let disk = disk.after(second);
                read_mail(&disk);
                next_life(&disk).unwrap();
                check(&disk, &ledger, &format!("{first:?} at {at}, {second:?} at {again_at}"));
                if !crashed_again {
                    break;
                }
            }
            if !crashed {
                break;
            }
        }
    }
}

#[test]
fn no_single_failure_of_the_disk_loses_or_doubles_a_message() {
    for at in 0.. {
        let disk = MemoryDisk::default();
        let mut ledger = Ledger { kernel_survives: true, ..Ledger::default() };
        disk.fail_at(at);
        life(&disk, &mut ledger);
        let failed = disk.has_failed();
        while next_life(&disk).is_err() {}
        check(&disk, &ledger, &format!("failure at {at}"));
        if !failed {
            break;
        }
    }
}

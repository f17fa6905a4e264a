//! The one writer of the spool: recorded audio to disk, and messages through their endings.
//! Knows: the spool; runs on an Arbiter of its own, where blocking holds up no call. Must not: know calls or mail.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use actix::prelude::*;
use jiff::Timestamp;

use crate::apps::conversation::Outcome;
use crate::engine::Environment;
use crate::mailbox::spool::Recovered;
use crate::mailbox::{CallDetails, Entry, EntryId, Importance, Recording, Sensitivity, Spool, SpoolError};

/// Recorded audio is durable after so long.
const SYNC_EVERY: Duration = Duration::from_secs(1);
/// Up to so many recordings are synced one by one; more are synced by one call for all.
const SYNC_SINGLY: usize = 4;
/// What a crash cut off is a message from this length on.
pub(super) const SHORTEST_MESSAGE: Duration = Duration::from_secs(2);
/// A recording whose end could not be written is tried again.
pub(super) const RECOVER_EVERY: Duration = Duration::from_secs(30);
/// So many endings that could not be written are remembered.
const UNWRITTEN: usize = 256;

pub struct SpoolWriter {
    environment: Arc<dyn Environment>,
    spool: Spool,
    /// The name of this process in what it records.
    owner: String,
    ready: Recipient<Spooled>,
    open: HashMap<EntryId, Open>,
    /// Endings the disk refused, the oldest first.
    unwritten: VecDeque<Unwritten>,
    unsynced: BTreeSet<EntryId>,
    state: SpoolState,
}

/// A recording that is being written, and the call it is of.
struct Open {
    recording: Recording,
    call: Recipient<CannotRecord>,
    /// Audio was lost: what comes after it would stand in its place.
    cut_off: bool,
    /// The disk refused to keep only so many samples: what is behind them is not of the message.
    erased_from: Option<u64>,
}

impl Open {
    /// Erases what could not be erased before.
    fn erase_rest(&mut self) -> Result<(), SpoolError> {
        if let Some(samples) = self.erased_from {
            self.recording.truncate(samples)?;
            self.erased_from = None;
        }
        Ok(())
    }
}

/// How a call ended, until that is on disk.
struct Unwritten {
    details: CallDetails,
    ending: Ending,
    at: Timestamp,
    recording: Option<Recording>,
}

/// What others may know of the spool without asking.
#[derive(Clone, Default)]
pub struct SpoolState(Arc<SpoolFlags>);

#[derive(Default)]
struct SpoolFlags {
    no_room: AtomicBool,
    recordings: AtomicUsize,
    unwritten: AtomicUsize,
}

impl SpoolState {
    /// False when the disk is too full to take a message.
    pub fn has_room(&self) -> bool {
        !self.0.no_room.load(Ordering::Relaxed)
    }

    /// Endings of calls that the disk refused and that are tried again.
    pub fn unwritten(&self) -> usize {
        self.0.unwritten.load(Ordering::Relaxed)
    }

    /// Recordings that are open.
    pub fn recordings(&self) -> usize {
        self.0.recordings.load(Ordering::Relaxed)
    }
}

/// A message is in `ready/`.
#[derive(Message)]
#[rtype(result = "()")]
pub enum Spooled {
    Message {
        id: EntryId,
        mailbox: String,
    },
    /// Some are, by an earlier attempt or an earlier process.
    Some,
}

/// A recording begins. When it cannot be written, now or later, `call` is told.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Begin {
    pub details: CallDetails,
    pub call: Recipient<CannotRecord>,
}

/// What is recorded cannot be written: the disk is full, or broken. What was written before stays.
#[derive(Message)]
#[rtype(result = "()")]
pub struct CannotRecord;

/// Samples at 8 kHz for a recording.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Append {
    pub id: EntryId,
    pub samples: Vec<i16>,
}

/// Keeps only the first so many samples of a recording.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Truncate {
    pub id: EntryId,
    pub samples: u64,
}

/// How the message is to be delivered, kept with it at once.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Mark {
    pub id: EntryId,
    pub ending: Ending,
}

/// What was recorded so far.
#[derive(Message)]
#[rtype(result = "Result<Vec<i16>, SpoolError>")]
pub struct ReadBack(pub EntryId);

/// How a call ends for its mailbox. The answer comes when it is durable.
#[derive(Message)]
#[rtype(result = "Result<(), SpoolError>")]
pub struct Finish {
    pub details: CallDetails,
    pub ending: Ending,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The first so many samples are the message.
    Message { samples: u64, importance: Importance, sensitivity: Sensitivity },
    /// Nothing was left; the mailbox is told of the call if it wants to be.
    Missed,
    /// The caller took it back, and the mailbox does not want to know.
    Discard,
}

impl From<Outcome> for Ending {
    fn from(outcome: Outcome) -> Ending {
        use crate::apps::conversation as app;
        match outcome {
            Outcome::MissedCall => Ending::Missed,
            Outcome::VoiceMessage { samples, importance, sensitivity } => Ending::Message {
                samples,
                importance: match importance {
                    app::Importance::Normal => Importance::Normal,
                    app::Importance::High => Importance::High,
                },
                sensitivity: match sensitivity {
                    app::Sensitivity::Normal => Sensitivity::Normal,
                    app::Sensitivity::Private => Sensitivity::Private,
                },
            },
        }
    }
}

impl SpoolWriter {
    /// `owner`: the name of this process, for as long as which lives nobody else finishes its recordings.
    pub fn new(
        environment: Arc<dyn Environment>,
        spool: Spool,
        owner: String,
        ready: Recipient<Spooled>,
    ) -> (SpoolWriter, SpoolState) {
        let state = SpoolState::default();
        let writer = SpoolWriter {
            environment,
            spool: spool.owned_by(&owner),
            owner,
            ready,
            open: HashMap::new(),
            unwritten: VecDeque::new(),
            unsynced: BTreeSet::new(),
            state: state.clone(),
        };
        (writer, state)
    }

    fn sync(&mut self, _: &mut Context<Self>) {
        self.look_for_room();
        for open in self.open.values_mut() {
            // said when it failed first; the message is cut at its end in any case
            let _ = open.erase_rest();
        }
        let unsynced = std::mem::take(&mut self.unsynced);
        let synced = match unsynced.len() {
            0 => return,
            1..=SYNC_SINGLY => {
                unsynced.iter().try_for_each(|id| self.open.get_mut(id).map_or(Ok(()), |open| open.recording.sync()))
            }
            _ => self.spool.sync_all(),
        };
        if let Err(error) = synced {
            tracing::error!(%error, "recorded audio is not durable; it is tried again in a second");
            self.unsynced = unsynced;
        }
    }

    fn look_for_room(&mut self) {
        let no_room = match self.spool.has_room() {
            Ok(room) => !room,
            Err(error) => {
                tracing::error!(%error, "spool");
                true
            }
        };
        if self.state.0.no_room.swap(no_room, Ordering::Relaxed) != no_room {
            match no_room {
                true => tracing::error!("disk full: no messages are taken until there is room in the spool"),
                false => tracing::info!("there is room in the spool again: messages are taken"),
            }
        }
    }

    /// Finishes what an earlier attempt of this process could not.
    fn recover(&mut self, _: &mut Context<Self>) {
        for mut unwritten in std::mem::take(&mut self.unwritten) {
            match self.write_ending(&mut unwritten) {
                Ok(()) => tracing::info!(message = %unwritten.details.id, "ending of the call is written after all"),
                Err(error) => self.remember(unwritten, &error),
            }
        }
        self.count();
        let owner = &self.owner;
        let is_ours = &mut |_: &str, of: Option<&str>| of == Some(owner);
        let recovered = match self.spool.recover_of(SHORTEST_MESSAGE, self.environment.wall(), is_ours) {
            Ok(recovered) => recovered,
            Err(error) => return tracing::error!(%error, "recordings that had not ended cannot be finished yet"),
        };
        if log_recovered(&recovered) {
            self.ready.do_send(Spooled::Some);
        }
    }

    fn finish(&mut self, Finish { details, ending }: Finish) -> Result<(), SpoolError> {
        let open = self.open.remove(&details.id);
        let kept = open.as_ref().and_then(|open| open.erased_from);
        let recording = open.map(|open| open.recording);
        self.unsynced.remove(&details.id);
        let mut ending = ending;
        if let (Ending::Message { samples, .. }, Some(kept)) = (&mut ending, kept) {
            *samples = kept.min(*samples);
        }
        let is_short = matches!(ending, Ending::Message { samples: 0, .. }) && kept.is_some();
        let without_audio = is_short || recording.is_none() && matches!(ending, Ending::Message { .. });
        let not_begun = without_audio.then(|| SpoolError::NotBegun(details.id.clone()));
        // without audio it is a missed call, and its caller hears that nothing was kept
        let ending = if without_audio { Ending::Missed } else { ending };
        let mut unwritten = Unwritten { details, ending, at: self.environment.wall(), recording };
        if let Err(error) = self.write_ending(&mut unwritten) {
            self.remember(unwritten, &error);
            return Err(error);
        }
        not_begun.map_or(Ok(()), Err)
    }

    /// Changes nothing on an error: it may be tried again.
    fn write_ending(&self, unwritten: &mut Unwritten) -> Result<(), SpoolError> {
        let Unwritten { details, ending, at, recording } = unwritten;
        let entry = match (recording, *ending) {
            (Some(recording), Ending::Message { samples, importance, sensitivity }) => {
                recording.set_flags(importance, sensitivity)?;
                recording.finish(samples, *at)?
            }
            (Some(recording), Ending::Missed) if details.notify_missed_call => recording.finish_as_missed_call(*at)?,
            (None, Ending::Missed) if details.notify_missed_call => self.spool.missed_call(details.clone(), *at)?,
            (_, Ending::Missed | Ending::Discard) => return self.spool.forget(&details.id),
            (None, Ending::Message { .. }) => return Err(SpoolError::NotBegun(details.id.clone())),
        };
        self.announce(entry);
        Ok(())
    }

    fn remember(&mut self, unwritten: Unwritten, error: &SpoolError) {
        let id = &unwritten.details.id;
        // an earlier attempt has done it: what it could not say is that it is done
        if matches!(error, SpoolError::Exists(_)) {
            self.ready.do_send(Spooled::Some);
            return;
        }
        tracing::error!(message = %id, %error, "ending of the call cannot be written; it is tried again every 30 s");
        self.unwritten.push_back(unwritten);
        if self.unwritten.len() > UNWRITTEN
            && let Some(oldest) = self.unwritten.pop_front()
        {
            // its recording, if there is one, is dropped with it: recovery finishes that as far as it is on disk
            tracing::error!(message = %oldest.details.id, "ALARM: too many endings wait for the disk; one is forgotten");
        }
    }

    fn announce(&self, entry: Entry) {
        let mailbox = entry.record.details.mailbox.alias.clone();
        self.ready.do_send(Spooled::Message { id: entry.id().clone(), mailbox });
    }

    fn count(&self) {
        self.state.0.recordings.store(self.open.len(), Ordering::Relaxed);
        self.state.0.unwritten.store(self.unwritten.len(), Ordering::Relaxed);
    }
}

/// Says what recovery did; whether something is ready now.
pub(super) fn log_recovered(recovered: &Recovered) -> bool {
    for id in recovered.finished.iter().chain(&recovered.missed) {
        tracing::warn!(message = %id, "call that had been cut off is kept");
    }
    for (folder, reason) in &recovered.damaged {
        tracing::error!(folder, reason, "ALARM: message cannot be read; it is kept in spool/failed");
    }
    for error in &recovered.errors {
        tracing::error!(%error, "recording cannot be finished yet");
    }
    !recovered.finished.is_empty() || !recovered.missed.is_empty()
}

impl Actor for SpoolWriter {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.recover(ctx);
        self.look_for_room();
        ctx.run_interval(SYNC_EVERY, Self::sync);
        ctx.run_interval(RECOVER_EVERY, Self::recover);
    }
}

impl Handler<Begin> for SpoolWriter {
    type Result = ();

    fn handle(&mut self, Begin { details, call }: Begin, _: &mut Self::Context) {
        let id = details.id.clone();
        match self.spool.begin(details) {
            Ok(recording) => {
                self.open.insert(id, Open { recording, call, cut_off: false, erased_from: None });
                self.count();
            }
            Err(error) => {
                tracing::error!(message = %id, %error, "recording cannot begin");
                call.do_send(CannotRecord);
            }
        }
    }
}

impl Handler<Append> for SpoolWriter {
    type Result = ();

    fn handle(&mut self, Append { id, samples }: Append, _: &mut Self::Context) {
        let Some(open) = self.open.get_mut(&id).filter(|open| !open.cut_off) else { return };
        match open.recording.append(&samples) {
            Ok(()) => drop(self.unsynced.insert(id)),
            Err(error) => {
                tracing::error!(message = %id, %error, "audio cannot be kept: the recording is ended");
                open.cut_off = true;
                open.call.do_send(CannotRecord);
            }
        }
    }
}

impl Handler<Truncate> for SpoolWriter {
    type Result = ();

    fn handle(&mut self, Truncate { id, samples }: Truncate, _: &mut Self::Context) {
        let Some(open) = self.open.get_mut(&id) else { return };
        open.erased_from = Some(open.erased_from.map_or(samples, |earlier| earlier.min(samples)));
        if let Err(error) = open.erase_rest() {
            tracing::error!(message = %id, %error, "audio cannot be erased: nothing more is recorded in this call");
            open.cut_off = true;
            open.call.do_send(CannotRecord);
        }
    }
}

impl Handler<Mark> for SpoolWriter {
    type Result = ();

    fn handle(&mut self, Mark { id, ending }: Mark, _: &mut Self::Context) {
        let (Some(open), Ending::Message { importance, sensitivity, .. }) = (self.open.get_mut(&id), ending) else {
            return;
        };
        if let Err(error) = open.recording.set_flags(importance, sensitivity) {
            tracing::error!(message = %id, %error, "marks of the message cannot be kept yet");
        }
    }
}

impl Handler<ReadBack> for SpoolWriter {
    type Result = Result<Vec<i16>, SpoolError>;

    fn handle(&mut self, ReadBack(id): ReadBack, _: &mut Self::Context) -> Self::Result {
        self.open.get(&id).ok_or(SpoolError::NotBegun(id))?.recording.audio()
    }
}

impl Handler<Finish> for SpoolWriter {
    type Result = Result<(), SpoolError>;

    fn handle(&mut self, finish: Finish, _: &mut Self::Context) -> Self::Result {
        let finished = self.finish(finish);
        self.count();
        finished
    }
}

//! The spool: where a message is from its first word until a mailbox has it (design section 6). Nothing here is lost.
//! Knows: folders, renames and syncs. Must not: know how a message looks or where it is delivered. Every call blocks.
//!
//! ```text
//! recording/<id>/  call.json audio.pcm                 a call is being recorded (or was, when the node died)
//! ready/<id>/      call.json audio.pcm delivery.json   finished: to be delivered; delivery.json after the first attempt
//! failed/<id>/     the same                            parked: delivery.json says why, an administrator decides
//! erased/<id>/                                         on its way out; emptied by `recover`
//! ```
//! `audio.pcm` is 16 bit little endian at 8 kHz. A folder moves as a whole by one rename, and is complete before it
//! does, so a message is in exactly one place whenever the machine stops.

use std::collections::HashSet;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::call::{CallDetails, EntryId, Finished, Outcome, Record};
use super::delivery::DeliveryState;
use crate::engine::Disk;

mod recording;
mod recovery;
mod status;

#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod tests;

pub use recording::Recording;
pub use recovery::Recovered;
pub use status::{InProgress, Parked, SpoolStatus, Waiting};

/// Below so many free octets no message is taken: 64 MiB, an hour of recording and what the mail of it needs.
pub const MINIMUM_ROOM: u64 = 64 << 20;

const RECORDING: &str = "recording";
const READY: &str = "ready";
const FAILED: &str = "failed";
const ERASED: &str = "erased";
const CALL: &str = "call.json";
const AUDIO: &str = "audio.pcm";
const DELIVERY: &str = "delivery.json";

/// The spool of a node; its clones are the same spool.
#[derive(Clone)]
pub struct Spool {
    disk: Arc<dyn Disk>,
    root: PathBuf,
    minimum_room: u64,
    /// The process that records here.
    owner: Option<String>,
    /// Recordings this process is writing: recovery leaves them alone.
    live: Arc<Mutex<HashSet<EntryId>>>,
}

/// A finished message that waits for its mailbox.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub record: Record,
    pub finished: Finished,
    pub delivery: DeliveryState,
}

#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    #[error("cannot {doing} {}: {source}", path.display())]
    Io { doing: &'static str, path: PathBuf, source: io::Error },
    #[error("{}: {text}", path.display())]
    Damaged { path: PathBuf, text: String },
    #[error("no message {id} in {}", place.display())]
    NotFound { id: EntryId, place: PathBuf },
    #[error("recording {0} could not begin")]
    NotBegun(EntryId),
    #[error("{} is there already", .0.display())]
    Exists(PathBuf),
}

impl Spool {
    /// Opens the spool for a node, creating what is missing.
    pub fn open(disk: Arc<dyn Disk>, root: PathBuf) -> Result<Self, SpoolError> {
        let spool = Self::at(disk, root);
        for place in [RECORDING, READY, FAILED, ERASED] {
            let path = spool.root.join(place);
            spool.disk.create_dir_durable(&path).during("create", &path)?;
        }
        Ok(spool)
    }

    /// The spool as another process sees it (`ringpost status`): nothing is created.
    pub fn at(disk: Arc<dyn Disk>, root: PathBuf) -> Self {
        Self { disk, root, minimum_room: MINIMUM_ROOM, owner: None, live: Arc::default() }
    }

    /// Sets how many octets must be free for [`Spool::has_room`]; [`MINIMUM_ROOM`] otherwise.
    pub fn with_minimum_room(self, octets: u64) -> Self {
        Self { minimum_room: octets, ..self }
    }

    /// What is recorded from now on belongs to this process: others leave it alone while it lives.
    pub fn owned_by(self, owner: impl Into<String>) -> Self {
        Self { owner: Some(owner.into()), ..self }
    }

    /// Whether there is room for a message: asked before a call is answered.
    pub fn has_room(&self) -> Result<bool, SpoolError> {
        let free = self.disk.available(&self.root).during("measure the free space of", &self.root)?;
        Ok(free >= self.minimum_room)
    }

    /// Begins a recording. When it returns, the call is known to the spool whatever happens next. On an error
    /// [`Spool::missed_call`] or [`Spool::forget`] ends what may have been begun; if neither does, recovery after a
    /// restart does.
    pub fn begin(&self, details: CallDetails) -> Result<Recording, SpoolError> {
        let record = self.record(details, None);
        let id = record.details.id.clone();
        let folder = self.reserve(&id)?;
        self.live().insert(id.clone());
        Recording::create(self.clone(), record, folder.clone()).inspect_err(|_| {
            // With its metadata the call is known, and stays so; half a folder would only puzzle recovery.
            if !self.disk.exists(&folder.join(CALL)) {
                let _ = self.disk.remove_dir_all(&folder);
                self.live().remove(&id);
            }
        })
    }

    /// Spools a notification of a call that left no message, also of one whose recording could not begin. Durable on
    /// return; on an error it may be asked again.
    pub fn missed_call(&self, details: CallDetails, finished: Timestamp) -> Result<Entry, SpoolError> {
        let id = details.id.clone();
        for place in [READY, FAILED].map(|place| self.place(place, id.as_str())) {
            if self.disk.exists(&place) {
                return Err(SpoolError::Exists(place));
            }
        }
        // A recording that could not begin, or an earlier attempt, may have left the folder; recovery keeps off it.
        let folder = self.place(RECORDING, id.as_str());
        self.live().insert(id.clone());
        let finished = Finished { at: finished, outcome: Outcome::MissedCall };
        let record = self.record(details, Some(finished));
        self.disk.create_dir_all(&folder).during("create", &folder)?;
        self.write_record(&folder, &record)?;
        let entry = self.promote(record, finished)?;
        self.live().remove(&id);
        Ok(entry)
    }

    /// Nobody wants to know of a call whose recording could not begin.
    pub fn forget(&self, id: &EntryId) -> Result<(), SpoolError> {
        if self.disk.exists(&self.place(RECORDING, id.as_str())) {
            self.erase(RECORDING, id.as_str())?;
        }
        self.live().remove(id);
        Ok(())
    }

    /// Makes everything appended so far to any recording durable: one call for all calls in progress.
    pub fn sync_all(&self) -> Result<(), SpoolError> {
        self.disk.sync_all(&self.root).during("sync", &self.root)
    }

    /// All messages that wait to be delivered, the oldest first. One whose metadata cannot be read is set aside in
    /// `failed/` with the reason.
    pub fn ready(&self) -> Result<Vec<Entry>, SpoolError> {
        let mut entries = Vec::new();
        for name in self.names(READY)? {
            match self.read_entry(&self.place(READY, &name)) {
                Ok(entry) => entries.push(entry),
                Err(SpoolError::Damaged { text, .. }) => self.set_aside(READY, &name, &text)?,
                Err(SpoolError::NotFound { .. }) => {} // delivered meanwhile
                Err(error) => return Err(error),
            }
        }
        entries.sort_by(|a, b| (a.finished.at, a.id()).cmp(&(b.finished.at, b.id())));
        Ok(entries)
    }

    /// One message that waits to be delivered.
    pub fn entry(&self, id: &EntryId) -> Result<Entry, SpoolError> {
        self.read_entry(&self.place(READY, id.as_str()))
    }

    /// What counts of the audio of a message in `ready/`; empty for a missed call.
    pub fn audio(&self, entry: &Entry) -> Result<Vec<i16>, SpoolError> {
        let Outcome::VoiceMessage { samples } = entry.finished.outcome else { return Ok(Vec::new()) };
        let path = self.place(READY, entry.id().as_str()).join(AUDIO);
        let mut audio = read_samples(&*self.disk, &path)?;
        audio.truncate(usize::try_from(samples).unwrap_or(usize::MAX));
        Ok(audio)
    }

    /// Keeps what an attempt to deliver came to beside the message.
    pub fn note_attempt(&self, id: &EntryId, state: &DeliveryState) -> Result<(), SpoolError> {
        let folder = self.present(READY, id)?;
        self.write_delivery(&folder, state)
    }

    /// The mailbox has the message: it leaves the spool.
    pub fn delivered(&self, id: &EntryId) -> Result<(), SpoolError> {
        self.present(READY, id)?;
        self.erase(READY, id.as_str())
    }

    /// Gives up delivering for now: the message moves to `failed/` with `state` saying why. It is never dropped.
    pub fn park(&self, id: &EntryId, state: &DeliveryState) -> Result<(), SpoolError> {
        let folder = self.present(READY, id)?;
        self.write_delivery(&folder, state)?;
        self.shift(READY, FAILED, id.as_str())
    }

    /// An administrator's order: a parked message is tried again, its time counted from `now`.
    pub fn retry_failed(&self, id: &EntryId, now: Timestamp) -> Result<(), SpoolError> {
        let folder = self.present(FAILED, id)?;
        let parked = self.read_entry(&folder)?;
        self.write_delivery(&folder, &DeliveryState::again(now, parked.delivery.last_error))?;
        self.shift(FAILED, READY, id.as_str())
    }

    fn record(&self, details: CallDetails, finished: Option<Finished>) -> Record {
        let owner = self.owner.clone();
        Record { details, importance: <_>::default(), sensitivity: <_>::default(), finished, owner }
    }

    fn place(&self, place: &str, name: &str) -> PathBuf {
        self.root.join(place).join(name)
    }

    /// The folder for a new recording; the name must be new everywhere.
    fn reserve(&self, id: &EntryId) -> Result<PathBuf, SpoolError> {
        let taken = [RECORDING, READY, FAILED].map(|place| self.place(place, id.as_str()));
        match taken.into_iter().find(|path| self.disk.exists(path)) {
            Some(path) => Err(SpoolError::Exists(path)),
            None => Ok(self.place(RECORDING, id.as_str())),
        }
    }

    fn present(&self, place: &str, id: &EntryId) -> Result<PathBuf, SpoolError> {
        let folder = self.place(place, id.as_str());
        if self.disk.exists(&folder) {
            Ok(folder)
        } else {
            Err(SpoolError::NotFound { id: id.clone(), place: self.root.join(place) })
        }
    }

    fn names(&self, place: &str) -> Result<Vec<String>, SpoolError> {
        let path = self.root.join(place);
        self.disk.list(&path).during("list", &path)
    }

    fn read_record(&self, folder: &Path) -> Result<Record, SpoolError> {
        let path = folder.join(CALL);
        let bytes = match self.disk.read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.disk.exists(folder) => {
                return Err(SpoolError::Damaged { path, text: format!("{CALL} is missing") });
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
                return match EntryId::new(name) {
                    Ok(id) => Err(SpoolError::NotFound { id, place: folder.parent().unwrap_or(folder).to_owned() }),
                    Err(error) => Err(SpoolError::Damaged { path, text: error.to_string() }),
                };
            }
            Err(error) => return Err(error).during("read", &path),
        };
        let record: Record = serde_json::from_slice(&bytes)
            .map_err(|error| SpoolError::Damaged { path: path.clone(), text: format!("{CALL}: {error}") })?;
        if folder.file_name() == Some(record.details.id.as_str().as_ref()) {
            Ok(record)
        } else {
            let text = format!("{CALL} belongs to message {}", record.details.id);
            Err(SpoolError::Damaged { path, text })
        }
    }

    fn read_entry(&self, folder: &Path) -> Result<Entry, SpoolError> {
        let record = self.read_record(folder)?;
        let Some(finished) = record.finished else {
            let text = format!("{CALL} does not say how the call ended");
            return Err(SpoolError::Damaged { path: folder.join(CALL), text });
        };
        let delivery = self.read_delivery(folder).unwrap_or_else(|| DeliveryState::new(finished.at));
        Ok(Entry { record, finished, delivery })
    }

    /// What became of earlier attempts. A state that cannot be read is as good as none: the message counts, not its
    /// history.
    fn read_delivery(&self, folder: &Path) -> Option<DeliveryState> {
        let bytes = self.disk.read(&folder.join(DELIVERY)).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    fn write_record(&self, folder: &Path, record: &Record) -> Result<(), SpoolError> {
        let path = folder.join(CALL);
        let json = serde_json::to_vec_pretty(record).map_err(io::Error::other).during("write", &path)?;
        self.disk.write_atomic(&path, &json).during("write", &path)
    }

    fn write_delivery(&self, folder: &Path, state: &DeliveryState) -> Result<(), SpoolError> {
        let path = folder.join(DELIVERY);
        let json = serde_json::to_vec_pretty(state).map_err(io::Error::other).during("write", &path)?;
        self.disk.write_atomic(&path, &json).during("write", &path)
    }

    /// The step after which a message is sent: from `recording/` to `ready/`, durable on return. Its record and
    /// audio must be durable already.
    fn promote(&self, record: Record, finished: Finished) -> Result<Entry, SpoolError> {
        let name = record.details.id.as_str();
        match self.disk.exists(&self.place(RECORDING, name)) {
            true => self.shift(RECORDING, READY, name)?,
            // An earlier attempt moved it, and may not have made that last.
            false => self.sync_places([READY, RECORDING])?,
        }
        Ok(Entry { delivery: DeliveryState::new(finished.at), record, finished })
    }

    /// Moves a message from one place to another by a rename that is durable on return.
    fn shift(&self, from: &str, to: &str, name: &str) -> Result<(), SpoolError> {
        let (source, target) = (self.place(from, name), self.place(to, name));
        if self.disk.exists(&target) {
            return Err(SpoolError::Exists(target));
        }
        self.disk.rename(&source, &target).during("move", &source)?;
        self.sync_places([to, from])
    }

    fn sync_places(&self, places: [&str; 2]) -> Result<(), SpoolError> {
        for place in places.map(|place| self.root.join(place)) {
            self.disk.sync_dir(&place).during("sync", &place)?;
        }
        Ok(())
    }

    /// Moves what cannot be understood to `failed/`, with the reason: an administrator looks at it, nobody deletes it.
    fn set_aside(&self, from: &str, name: &str, reason: &str) -> Result<(), SpoolError> {
        let folder = self.place(from, name);
        let state = DeliveryState::damaged(reason);
        // A full disk must not keep it from being set aside: status then shows what is wrong with the metadata itself.
        let _ = self.write_delivery(&folder, &state);
        self.shift(from, FAILED, name)
    }

    /// Removes a message for good. It leaves its place by one durable rename first, so that no half of it is found
    /// after a crash.
    fn erase(&self, from: &str, name: &str) -> Result<(), SpoolError> {
        let doomed = self.place(ERASED, name);
        if self.disk.exists(&doomed) {
            self.remove(&doomed)?;
        }
        self.shift(from, ERASED, name)?;
        self.remove(&doomed)
    }

    /// Removes a folder; another process may do so at the same moment.
    fn remove(&self, folder: &Path) -> Result<(), SpoolError> {
        match self.disk.remove_dir_all(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed.during("remove", folder),
        }
    }

    fn live(&self) -> MutexGuard<'_, HashSet<EntryId>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Spool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spool").field("root", &self.root).finish_non_exhaustive()
    }
}

impl Entry {
    pub fn id(&self) -> &EntryId {
        &self.record.details.id
    }
}

/// Says what was being done to which file when the disk failed.
trait During<T> {
    fn during(self, doing: &'static str, path: &Path) -> Result<T, SpoolError>;
}

impl<T> During<T> for io::Result<T> {
    fn during(self, doing: &'static str, path: &Path) -> Result<T, SpoolError> {
        self.map_err(|source| SpoolError::Io { doing, path: path.to_owned(), source })
    }
}

fn read_samples(disk: &dyn Disk, path: &Path) -> Result<Vec<i16>, SpoolError> {
    let bytes = disk.read(path).during("read", path)?;
    Ok(bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect())
}

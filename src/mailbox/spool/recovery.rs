//! What a node does with the recordings it finds when it starts: every one is finished, turned into a notification,
//! removed because it holds nothing, or set aside with a reason. Doing it twice is the same as doing it once.
//! Knows: the spool. Must not: deliver.

use std::io;
use std::time::Duration;

use jiff::Timestamp;

use super::{AUDIO, During, ERASED, READY, RECORDING, Spool, SpoolError};
use crate::mailbox::call::{self, EntryId, Finished, Outcome, Record};

/// What [`Spool::recover`] found.
#[derive(Debug, Default)]
pub struct Recovered {
    /// Messages that are now ready: cut off by a crash, or finished but not yet moved.
    pub finished: Vec<EntryId>,
    /// Calls too short for a message whose mailboxes will be notified.
    pub missed: Vec<EntryId>,
    /// Recordings that held nothing anyone wants.
    pub removed: Vec<String>,
    /// Set aside in `failed/`: folder and reason. Raise an alarm.
    pub damaged: Vec<(String, String)>,
    /// Left where they are; the next recovery tries again.
    pub errors: Vec<SpoolError>,
}

impl Spool {
    /// Finishes what an earlier life of the node left in `recording/`: `minimum` (two seconds) and more becomes a
    /// message. Recordings this process is writing are left alone, so it may be called at any time. For a spool that
    /// no other process writes to; else [`Spool::recover_of`].
    pub fn recover(&self, minimum: Duration, now: Timestamp) -> Result<Recovered, SpoolError> {
        let mut recovered = self.recover_of(minimum, now, &mut |_, _| true)?;
        self.tidy(&mut recovered)?;
        Ok(recovered)
    }

    /// Finishes the recordings that `is_left` says of, by folder and owner, that nobody writes them any more. The
    /// owner is not known of a folder whose process has written nothing into it yet.
    pub fn recover_of(
        &self,
        minimum: Duration,
        now: Timestamp,
        is_left: &mut dyn FnMut(&str, Option<&str>) -> bool,
    ) -> Result<Recovered, SpoolError> {
        let mut recovered = Recovered::default();
        for name in self.names(RECORDING)? {
            if EntryId::new(name.as_str()).is_ok_and(|id| self.live().contains(&id)) {
                continue;
            }
            let owner = self.read_record(&self.place(RECORDING, &name)).ok().and_then(|record| record.owner);
            if !is_left(&name, owner.as_deref()) {
                continue;
            }
            match self.recover_one(&name, call::samples(minimum), now, &mut recovered) {
                // its owner has ended it in the moment between
                Ok(()) | Err(SpoolError::NotFound { .. }) => {}
                Err(error) => recovered.errors.push(error),
            }
        }
        Ok(recovered)
    }

    /// Removes what is on its way out, and sets aside what cannot be read.
    pub fn tidy(&self, recovered: &mut Recovered) -> Result<(), SpoolError> {
        for name in self.names(ERASED)? {
            recovered.errors.extend(self.remove(&self.place(ERASED, &name)).err());
        }
        for name in self.names(READY)? {
            let result = match self.read_entry(&self.place(READY, &name)) {
                Err(SpoolError::Damaged { text, .. }) => {
                    self.set_aside(READY, &name, &text).map(|()| recovered.damaged.push((name, text)))
                }
                Err(SpoolError::NotFound { .. }) | Ok(_) => Ok(()),
                Err(error) => Err(error),
            };
            recovered.errors.extend(result.err());
        }
        Ok(())
    }

    fn recover_one(
        &self,
        name: &str,
        minimum: u64,
        now: Timestamp,
        recovered: &mut Recovered,
    ) -> Result<(), SpoolError> {
        let folder = self.place(RECORDING, name);
        let audio = folder.join(AUDIO);
        let samples = match self.disk.length(&audio) {
            Ok(octets) => octets / 2,
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error).during("measure", &audio),
        };
        let record = match self.read_record(&folder) {
            Ok(record) => record,
            // Without metadata and without audio it never was a recording: `begin` did not return.
            Err(SpoolError::Damaged { .. }) if samples == 0 && !self.disk.exists(&folder.join(super::CALL)) => {
                self.disk.remove_dir_all(&folder).during("remove", &folder)?;
                recovered.removed.push(name.to_owned());
                return Ok(());
            }
            Err(SpoolError::Damaged { text, .. }) => {
                self.set_aside(RECORDING, name, &text)?;
                recovered.damaged.push((name.to_owned(), text));
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let id = record.details.id.clone();
        if let Some(finished) = record.finished {
            // The process may have died between the rename of its metadata and the sync that makes it last.
            self.disk.sync_dir(&folder).during("sync", &folder)?;
            self.promote(record, finished)?;
            recovered.finished.push(id);
        } else if record.details.test {
            self.erase(RECORDING, name)?;
            recovered.removed.push(name.to_owned());
        } else if samples >= minimum {
            let mut file = self.disk.append(&audio).during("open", &audio)?;
            file.truncate(samples * 2).during("truncate", &audio)?;
            file.sync().during("sync", &audio)?;
            self.close(record, Finished { at: now, outcome: Outcome::VoiceMessage { samples } })?;
            recovered.finished.push(id);
        } else if record.details.notify_missed_call {
            self.close(record, Finished { at: now, outcome: Outcome::MissedCall })?;
            recovered.missed.push(id);
        } else {
            self.erase(RECORDING, name)?;
            recovered.removed.push(name.to_owned());
        }
        Ok(())
    }

    fn close(&self, record: Record, finished: Finished) -> Result<(), SpoolError> {
        let folder = self.place(RECORDING, record.details.id.as_str());
        let record = Record { finished: Some(finished), ..record };
        self.write_record(&folder, &record)?;
        self.promote(record, finished).map(drop)
    }
}

//! One message while its caller speaks: metadata first, then audio that only grows.
//! Knows: the folder of one recording. Must not: know whether the caller is content; the application says when to
//! begin anew, go on, finish or discard.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;

use super::{AUDIO, During, Entry, RECORDING, Spool, SpoolError, read_samples};
use crate::engine::DiskFile;
use crate::mailbox::call::{self, EntryId, Finished, Importance, Outcome, Record, Sensitivity};

/// A recording in progress. When it is dropped without an ending, what it has is kept for [`Spool::recover`].
pub struct Recording {
    spool: Spool,
    record: Record,
    folder: PathBuf,
    audio: Box<dyn DiskFile>,
    /// Octets of whole samples in the file.
    length: u64,
    scratch: Vec<u8>,
}

impl Recording {
    pub(super) fn create(spool: Spool, record: Record, folder: PathBuf) -> Result<Self, SpoolError> {
        let disk = &*spool.disk;
        let path = folder.join(AUDIO);
        let parent = spool.root.join(RECORDING);
        disk.create_dir_all(&folder).during("create", &folder)?;
        spool.write_record(&folder, &record)?;
        disk.sync_dir(&parent).during("sync", &parent)?;
        // From here on the call is known, whatever becomes of its audio.
        let audio = disk.create_new(&path).during("create", &path)?;
        disk.sync_dir(&folder).during("sync", &folder)?;
        Ok(Self { spool, record, folder, audio, length: 0, scratch: Vec::new() })
    }

    pub fn id(&self) -> &EntryId {
        &self.record.details.id
    }

    /// Samples recorded so far (8 kHz).
    pub fn samples(&self) -> u64 {
        self.length / 2
    }

    pub fn duration(&self) -> Duration {
        call::duration(self.samples())
    }

    /// Adds samples; durable after the next [`Recording::sync`] or [`Spool::sync_all`]. When the disk is full,
    /// what was recorded before stays whole.
    pub fn append(&mut self, samples: &[i16]) -> Result<(), SpoolError> {
        self.scratch.clear();
        self.scratch.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        match self.audio.append(&self.scratch) {
            Ok(()) => {
                self.length += self.scratch.len() as u64;
                Ok(())
            }
            Err(error) => {
                // Half a sample at the end would turn all that is appended later into noise.
                let _ = self.audio.truncate(self.length);
                Err(error).during("append to", &self.folder.join(AUDIO))
            }
        }
    }

    /// Makes what was appended durable; to be called about every second.
    pub fn sync(&mut self) -> Result<(), SpoolError> {
        self.audio.sync().during("sync", &self.folder.join(AUDIO))
    }

    /// Keeps only the first so many samples, durably; recording goes on behind them.
    pub fn truncate(&mut self, samples: u64) -> Result<(), SpoolError> {
        let length = samples.saturating_mul(2).min(self.length);
        self.audio.truncate(length).during("truncate", &self.folder.join(AUDIO))?;
        self.length = length;
        self.sync()
    }

    /// "Erase and record again": what was erased does not come back, not even after a crash.
    pub fn restart(&mut self) -> Result<(), SpoolError> {
        self.truncate(0)
    }

    /// What was recorded so far, for the caller to hear again.
    pub fn audio(&self) -> Result<Vec<i16>, SpoolError> {
        read_samples(&*self.spool.disk, &self.folder.join(AUDIO))
    }

    /// Marks the message; the marks hold for a partial message too.
    pub fn set_flags(&mut self, importance: Importance, sensitivity: Sensitivity) -> Result<(), SpoolError> {
        if (self.record.importance, self.record.sensitivity) == (importance, sensitivity) {
            return Ok(());
        }
        let record = Record { importance, sensitivity, ..self.record.clone() };
        self.spool.write_record(&self.folder, &record)?;
        self.record = record;
        Ok(())
    }

    /// Sends the message with its first `kept` samples: once this returns, it will be delivered, whatever happens.
    /// On an error it may be asked again; once the recording is dropped, [`Spool::recover`] sends what there is.
    pub fn finish(&mut self, kept: u64, at: Timestamp) -> Result<Entry, SpoolError> {
        if let Some(finished) = self.record.finished {
            return self.spool.promote(self.record.clone(), finished);
        }
        self.truncate(kept)?;
        let outcome = Outcome::VoiceMessage { samples: self.samples() };
        self.conclude(Finished { at, outcome })
    }

    /// The caller left nothing worth keeping: the mailbox hears of the call. Durable on return;
    /// on an error it may be asked again.
    pub fn finish_as_missed_call(&mut self, at: Timestamp) -> Result<Entry, SpoolError> {
        if let Some(finished) = self.record.finished {
            return self.spool.promote(self.record.clone(), finished);
        }
        self.truncate(0)?;
        self.conclude(Finished { at, outcome: Outcome::MissedCall })
    }

    /// Forgets the recording.
    pub fn discard(self) -> Result<(), SpoolError> {
        self.spool.erase(RECORDING, self.id().as_str())
    }

    fn conclude(&mut self, finished: Finished) -> Result<Entry, SpoolError> {
        let record = Record { finished: Some(finished), ..self.record.clone() };
        self.spool.write_record(&self.folder, &record)?;
        self.record = record.clone();
        self.spool.promote(record, finished)
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.spool.live().remove(&self.record.details.id);
    }
}

//! What lies in the spool and why, for `ringpost status`: read by any process, while the node works or when it does not.
//! Knows: the spool's folders. Must not: change anything in them.

use jiff::Timestamp;
use serde::Serialize;

use super::{AUDIO, FAILED, READY, RECORDING, Spool, SpoolError};
use crate::mailbox::call::{self, EntryId};

#[derive(Debug, Default, Serialize)]
pub struct SpoolStatus {
    pub recording: Vec<InProgress>,
    /// The oldest first.
    pub ready: Vec<Waiting>,
    /// Not empty: an administrator must look.
    pub failed: Vec<Parked>,
}

/// A call that is being recorded, or was when the node stopped.
#[derive(Debug, Serialize)]
pub struct InProgress {
    pub id: String,
    pub mailbox: Option<String>,
    pub seconds: u64,
}

/// A message that waits to be delivered.
#[derive(Debug, Serialize)]
pub struct Waiting {
    pub id: EntryId,
    pub mailbox: String,
    pub since: Timestamp,
    pub attempts: u32,
    /// `None`: not tried yet.
    pub last_error: Option<String>,
    /// `None`: at once.
    pub next_attempt: Option<Timestamp>,
}

/// A message nobody tries to deliver any more.
#[derive(Debug, Serialize)]
pub struct Parked {
    /// Name of its folder in `failed/`.
    pub id: String,
    /// `None`: the metadata cannot be read.
    pub mailbox: Option<String>,
    pub since: Option<Timestamp>,
    pub attempts: u32,
    pub reason: String,
}

impl Spool {
    /// A message that moves meanwhile may be missing from the answer; none is shown wrongly.
    pub fn status(&self) -> Result<SpoolStatus, SpoolError> {
        let mut status = SpoolStatus::default();
        for name in self.names(RECORDING)? {
            let folder = self.place(RECORDING, &name);
            let mailbox = match self.read_record(&folder) {
                Ok(record) => Some(record.details.mailbox.alias),
                Err(SpoolError::NotFound { .. }) => continue,
                Err(_) => None,
            };
            let octets = self.disk.length(&folder.join(AUDIO)).unwrap_or_default();
            status.recording.push(InProgress { id: name, mailbox, seconds: octets / 2 / call::SAMPLE_RATE });
        }
        for name in self.names(READY)? {
            match self.read_entry(&self.place(READY, &name)) {
                Ok(entry) => status.ready.push(Waiting {
                    id: entry.id().clone(),
                    mailbox: entry.record.details.mailbox.alias.clone(),
                    since: entry.delivery.since,
                    attempts: entry.delivery.attempts,
                    last_error: entry.delivery.last_error,
                    next_attempt: entry.delivery.next_attempt,
                }),
                Err(SpoolError::NotFound { .. }) => {}
                // The node sets it aside with its next look; it is as good as parked.
                Err(error) => status.failed.push(Parked::unreadable(name, error.to_string())),
            }
        }
        for name in self.names(FAILED)? {
            let folder = self.place(FAILED, &name);
            let delivery = self.read_delivery(&folder);
            let reason = delivery.as_ref().and_then(|state| state.last_error.clone());
            match self.read_entry(&folder) {
                Ok(entry) => status.failed.push(Parked {
                    id: name,
                    mailbox: Some(entry.record.details.mailbox.alias),
                    since: Some(entry.finished.at),
                    attempts: entry.delivery.attempts,
                    reason: reason.unwrap_or_else(|| "unknown: delivery.json is missing".into()),
                }),
                Err(SpoolError::NotFound { .. }) => {}
                Err(error) => {
                    status.failed.push(Parked::unreadable(name, reason.unwrap_or_else(|| error.to_string())));
                }
            }
        }
        status.ready.sort_by(|a, b| (a.since, &a.id).cmp(&(b.since, &b.id)));
        Ok(status)
    }
}

impl Parked {
    fn unreadable(id: String, reason: String) -> Self {
        Self { id, mailbox: None, since: None, attempts: 0, reason }
    }
}

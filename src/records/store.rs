//! Where records are kept: `cdr/`, a file of JSON lines for each day (UTC) that calls began on.
//! Knows: files through `Disk`, lines, days. Must not: take the time from anywhere. Every call may block.
//!
//! What was appended is durable before anybody is told; a line cut off by a crash was not, and is taken away when the
//! file is written to again. Days older than [`KEPT_DAYS`] are summed up (`summary/`) and removed.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::civil::Date;
use jiff::{Span, ToSpan};
use serde::{Deserialize, Serialize};

use super::report::DaySummary;
use super::{CallDataRecord, Taken};
use crate::engine::{Disk, DiskFile};

/// Records are kept so long, as Exchange keeps them.
pub const KEPT_DAYS: i32 = 90;
/// Sums of days are kept so long: a report by month looks back a year.
const SUMMARIES_KEPT_DAYS: i32 = 400;
/// A worker tells a record again for no longer than it lives: seven days and the call it drains.
const TOLD_AGAIN_DAYS: i32 = 9;
/// Files that stay open: calls of today, and those that began yesterday.
const OPEN_DAYS: usize = 3;

/// The folder of records, to be read: also while no node runs.
#[derive(Clone)]
pub struct RecordStore {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
}

/// A record as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeptRecord {
    /// Who told it.
    pub worker: String,
    /// As it was numbered by the worker; `None`: the node itself wrote it, for a worker that died.
    pub sequence: Option<u64>,
    pub record: CallDataRecord,
}

#[derive(Debug, thiserror::Error)]
#[error("call data records: {}: {error}", path.display())]
pub struct RecordError {
    pub path: PathBuf,
    pub error: io::Error,
}

impl RecordStore {
    pub fn at(disk: Arc<dyn Disk>, folder: PathBuf) -> RecordStore {
        RecordStore { disk, folder }
    }

    /// The days there are records of, in order.
    pub fn days(&self) -> Result<Vec<Date>, RecordError> {
        let names = self.disk.list(&self.folder).map_err(|error| failed(&self.folder, error))?;
        Ok(names.iter().filter_map(|name| name.strip_suffix(SUFFIX)?.parse().ok()).collect())
    }

    /// The records of calls that began on a day, in the order in which they ended.
    pub fn read(&self, day: Date) -> Result<Vec<CallDataRecord>, RecordError> {
        Ok(self.read_kept(day)?.into_iter().map(|kept| kept.record).collect())
    }

    /// The sums of days whose records are gone.
    pub fn summaries(&self) -> Result<Vec<DaySummary>, RecordError> {
        let folder = self.folder.join(SUMMARY);
        let names = self.disk.list(&folder).map_err(|error| failed(&folder, error))?;
        let mut summaries = Vec::new();
        for name in names.iter().filter(|name| name.ends_with(SUMMARY_SUFFIX) && !name.starts_with('.')) {
            let path = folder.join(name);
            let bytes = self.disk.read(&path).map_err(|error| failed(&path, error))?;
            summaries.push(serde_json::from_slice(&bytes).map_err(|error| failed(&path, error.into()))?);
        }
        Ok(summaries)
    }

    /// Which records workers that may still live have told.
    pub fn taken(&self, today: Date) -> Result<Taken, RecordError> {
        let mut taken = Taken::default();
        let since = before(today, TOLD_AGAIN_DAYS);
        for day in self.days()?.into_iter().filter(|day| *day >= since) {
            for kept in self.read_kept(day)? {
                kept.sequence.iter().for_each(|sequence| taken.insert(&kept.worker, *sequence));
            }
        }
        Ok(taken)
    }

    /// Sums up and removes what is older than it has to be kept. Doing it twice is the same as doing it once.
    pub fn prune(&self, today: Date) -> Result<(), RecordError> {
        let folder = self.folder.join(SUMMARY);
        let oldest = before(today, KEPT_DAYS);
        for day in self.days()?.into_iter().filter(|day| *day < oldest) {
            let summary = DaySummary::of(day, &self.read(day)?);
            let (records, sums) = (self.path(day), folder.join(format!("{day}{SUMMARY_SUFFIX}")));
            let bytes = serde_json::to_vec(&summary).map_err(|error| failed(&sums, error.into()))?;
            self.disk.create_dir_durable(&folder).map_err(|error| failed(&folder, error))?;
            self.disk.write_atomic(&sums, &bytes).map_err(|error| failed(&sums, error))?;
            self.disk.remove_file(&records).map_err(|error| failed(&records, error))?;
        }
        let oldest = before(today, SUMMARIES_KEPT_DAYS);
        for name in self.disk.list(&folder).map_err(|error| failed(&folder, error))? {
            let day = name.strip_suffix(SUMMARY_SUFFIX).and_then(|day| day.parse::<Date>().ok());
            if day.is_some_and(|day| day < oldest) {
                let path = folder.join(name);
                self.disk.remove_file(&path).map_err(|error| failed(&path, error))?;
            }
        }
        Ok(())
    }

    fn path(&self, day: Date) -> PathBuf {
        self.folder.join(format!("{day}{SUFFIX}"))
    }

    /// A line that cannot be read costs only itself.
    fn read_kept(&self, day: Date) -> Result<Vec<KeptRecord>, RecordError> {
        let path = self.path(day);
        let bytes = match self.disk.read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(&path, error)),
        };
        let lines = bytes.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n"));
        Ok(lines.filter_map(|line| serde_json::from_slice(line).ok()).collect())
    }
}

/// The one who appends.
pub struct RecordWriter {
    store: RecordStore,
    open: BTreeMap<Date, OpenDay>,
}

struct OpenDay {
    file: Box<dyn DiskFile>,
    /// What is known to be whole and durable.
    length: u64,
    /// Behind that there may be more, of an attempt that failed.
    torn: bool,
}

impl RecordWriter {
    pub fn new(store: RecordStore) -> RecordWriter {
        RecordWriter { store, open: BTreeMap::new() }
    }

    pub fn store(&self) -> &RecordStore {
        &self.store
    }

    /// Appends; what is handed to `kept` is durable. After an error the others may be appended again.
    pub fn append(&mut self, records: &[KeptRecord], kept: &mut dyn FnMut(&KeptRecord)) -> Result<(), RecordError> {
        let mut days: BTreeMap<Date, Vec<&KeptRecord>> = BTreeMap::new();
        for record in records {
            days.entry(record.record.day()).or_default().push(record);
        }
        for (day, records) in days {
            let path = self.store.path(day);
            let mut lines = Vec::new();
            for record in &records {
                serde_json::to_writer(&mut lines, record).map_err(|error| failed(&path, error.into()))?;
                lines.push(b'\n');
            }
            self.day(day).and_then(|open| open.append(&lines)).map_err(|error| failed(&path, error))?;
            records.into_iter().for_each(&mut *kept);
        }
        Ok(())
    }

    fn day(&mut self, day: Date) -> io::Result<&mut OpenDay> {
        if !self.open.contains_key(&day) {
            while self.open.len() >= OPEN_DAYS {
                self.open.pop_first();
            }
            let opened = self.store.open(day)?;
            self.open.insert(day, opened);
        }
        self.open.get_mut(&day).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl RecordStore {
    fn open(&self, day: Date) -> io::Result<OpenDay> {
        let path = self.path(day);
        let before = match self.disk.read(&path) {
            Ok(bytes) => Some(bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at as u64 + 1)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        if before.is_none() {
            self.disk.create_dir_durable(&self.folder)?;
        }
        let mut file = self.disk.append(&path)?;
        if before.is_none() {
            self.disk.sync_dir(&self.folder)?;
        }
        let length = before.unwrap_or(0);
        if file.len()? > length {
            file.truncate(length)?;
            file.sync()?;
        }
        Ok(OpenDay { file, length, torn: false })
    }
}

impl OpenDay {
    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.torn {
            self.file.truncate(self.length)?;
        }
        self.torn = true;
        self.file.append(lines)?;
        self.file.sync()?;
        self.torn = false;
        self.length += lines.len() as u64;
        Ok(())
    }
}

fn failed(path: &Path, error: io::Error) -> RecordError {
    RecordError { path: path.to_owned(), error }
}

fn before(day: Date, days: i32) -> Date {
    let span: Span = days.days();
    day.saturating_sub(span)
}

const SUFFIX: &str = ".jsonl";
const SUMMARY: &str = "summary";
const SUMMARY_SUFFIX: &str = ".json";

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;

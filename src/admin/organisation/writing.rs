//! Changed files put in the place of those that were read.
//! Knows: the disk. Must not: know what stands in a file.

use std::path::Path;

use crate::admin::command::{Reason, Refusal};
use crate::admin::edit::{Draft, Drafted};
use crate::engine::Disk;

/// Writes what changed, each file at once and durably, and names it.
///
/// # Errors
/// A file is not any more what it was when it was read: then none is written. One that cannot be written.
pub(super) fn write(disk: &dyn Disk, draft: &Draft) -> Result<Vec<String>, Refusal> {
    let changed = draft.changed();
    for file in &changed {
        compare(disk, file)?;
    }
    for file in &changed {
        let failed = |error| Refusal::new(Reason::Failed, format!("{} cannot be written: {error}", file.name));
        disk.replace(Path::new(&file.name), file.after.as_bytes()).map_err(failed)?;
    }
    Ok(changed.into_iter().map(|file| file.name).collect())
}

fn compare(disk: &dyn Disk, file: &Drafted) -> Result<(), Refusal> {
    let path = Path::new(&file.name);
    let now = disk.read(path).ok();
    match (&file.before, now) {
        (None, None) => Ok(()),
        (Some(before), Some(now)) if before.as_bytes() == now => Ok(()),
        _ => {
            let message = format!("{} was changed meanwhile; nothing is written, give the command again", file.name);
            Err(Refusal::new(Reason::Conflict, message))
        }
    }
}

//! Files as the spool, the stores and the configuration need them: append, sync, rename, list.
//! Knows: paths and octets. Must not: know what a file means. Every call may block: never call one on an Arbiter
//! that carries calls.

mod memory;

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::Path;

pub use memory::{Loss, MemoryDisk, Refused};
use nix::fcntl::{Flock, FlockArg};

/// A file system: the machine's ([`RealDisk`]) or one in memory ([`MemoryDisk`]).
pub trait Disk: Send + Sync + 'static {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// Opens for appending, creates when missing.
    fn append(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Creates a file that must not exist yet and opens it for appending.
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Atomic within one file system; replaces a file, not a folder with content.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    fn remove_dir_all(&self, path: &Path) -> io::Result<()>;
    fn create_dir_all(&self, path: &Path) -> io::Result<()>;
    /// Names (not paths) in a folder, sorted; an empty list when the folder is missing.
    fn list(&self, path: &Path) -> io::Result<Vec<String>>;
    fn exists(&self, path: &Path) -> bool;
    /// Octets in a file.
    fn length(&self, path: &Path) -> io::Result<u64>;
    /// Makes renames and creations in a folder durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// Makes everything written so far on the file system of `path` durable (one call for many files).
    fn sync_all(&self, path: &Path) -> io::Result<()>;
    /// Octets that can still be written below `path`.
    fn available(&self, path: &Path) -> io::Result<u64>;

    /// Writes a whole file durably: to a name of its own, synced, renamed into place, folder synced.
    fn write_atomic(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let folder = path.parent().unwrap_or(Path::new("."));
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let temporary = folder.join(format!(".{name}.new"));
        if self.exists(&temporary) {
            self.remove_file(&temporary)?;
        }
        let mut file = self.create_new(&temporary)?;
        file.append(bytes)?;
        file.sync()?;
        drop(file);
        self.rename(&temporary, path)?;
        self.sync_dir(folder)
    }

    /// Puts a file in the place of another as [`Disk::write_atomic`] does; where there are permissions, the new one gets
    /// those of the old. For files that are not the node's own.
    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.write_atomic(path, bytes)
    }

    /// Waits for whoever else has this folder, and has it until the value is dropped. Where nobody else can have it there
    /// is nothing to wait for.
    fn lock(&self, _folder: &Path) -> io::Result<Box<dyn Send>> {
        Ok(Box::new(()))
    }

    /// Creates a folder and those that lead to it, durably. All that lead to it are synced, not only those that were
    /// missing: an earlier process may have died after it created them.
    fn create_dir_durable(&self, path: &Path) -> io::Result<()> {
        self.create_dir_all(path)?;
        for parent in path.ancestors().skip(1) {
            let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            match self.sync_dir(parent) {
                // A folder we may only pass through is not one of ours.
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => break,
                synced => synced?,
            }
        }
        Ok(())
    }
}

/// An open file.
pub trait DiskFile: Send {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    fn truncate(&mut self, length: u64) -> io::Result<()>;
    /// Makes what was appended durable (fdatasync).
    fn sync(&mut self) -> io::Result<()>;
    fn len(&self) -> io::Result<u64>;
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
}

/// The machine's file system. What it creates only its owner may read (0600, folders 0700): spool and mail are
/// people's voices.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn append(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path)?))
    }

    fn create_new(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(fs::OpenOptions::new().append(true).create_new(true).mode(0o600).open(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        // a link to a file stays one
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let old = fs::metadata(&path).ok();
        let mode = match &old {
            Some(old) => old.permissions().mode(),
            // a new one may be read by whom its folder may be looked into by
            None => fs::metadata(folder)?.permissions().mode() & 0o666,
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let temporary = folder.join(format!(".{name}.new"));
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        file.write_all(bytes)?;
        if let Some(old) = old {
            // only root may give a file away; another who may write it is its owner, or in its group
            match chown(&temporary, Some(old.uid()), Some(old.gid())) {
                Err(error) if error.kind() != io::ErrorKind::PermissionDenied => return Err(error),
                _ => {}
            }
        }
        file.set_permissions(fs::Permissions::from_mode(mode))?;
        file.sync_all()?;
        fs::rename(&temporary, &path)?;
        self.sync_dir(folder)
    }

    fn lock(&self, folder: &Path) -> io::Result<Box<dyn Send>> {
        let folder = fs::File::open(folder)?;
        let lock = Flock::lock(folder, FlockArg::LockExclusive).map_err(|(_, error)| io::Error::from(error))?;
        Ok(Box::new(lock))
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir_all(path)
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut names = entries
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect::<io::Result<Vec<_>>>()?;
        names.sort();
        Ok(names)
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    fn length(&self, path: &Path) -> io::Result<u64> {
        Ok(fs::metadata(path)?.len())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        fs::File::open(path)?.sync_all()
    }

    fn sync_all(&self, path: &Path) -> io::Result<()> {
        let folder = fs::File::open(path)?;
        Ok(nix::unistd::syncfs(folder)?)
    }

    fn available(&self, path: &Path) -> io::Result<u64> {
        let stat = nix::sys::statvfs::statvfs(path)?;
        Ok(stat.blocks_available() as u64 * stat.fragment_size() as u64)
    }
}

impl DiskFile for fs::File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }
}

//! A file system in memory that can fill up, fail, and forget: it keeps apart what programs see and what would survive
//! the loss of power, for the content of files and for the names in folders.
//! Knows: paths, octets, what was synced. Must not: give what POSIX does not promise; only a rename is atomic.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::path::{Component, Path};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Disk, DiskFile};
use crate::protocol::random::Random;

/// A disk; clones are the same one.
#[derive(Clone)]
pub struct MemoryDisk(Arc<Mutex<World>>);

/// What the next life finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Only the process died: the kernel has everything.
    Process,
    /// Only what was synced is left.
    Power,
    /// What was synced, and by chance (a seed) some of the rest: names in order, files in part.
    Torn(u64),
}

/// What a disk in memory can be made to refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// No file can be created: too many are open.
    NewFiles,
    /// No file can be shortened.
    Truncation,
    /// Nothing can be changed.
    Changes,
}

#[derive(Clone, Default)]
struct World {
    /// Found by their numbers, which names lead to; the first is the root.
    nodes: Vec<Node>,
    /// Changes of names not yet durable, in order; each happens as a whole.
    journal: Vec<Vec<Change>>,
    /// Octets that may still be written; `None`: no limit.
    room: Option<u64>,
    refused: Option<Refused>,
    /// Changes that were made or tried.
    operations: usize,
    trouble_at: Option<(usize, Trouble)>,
    crashed: bool,
    failed: bool,
}

#[derive(Clone)]
enum Node {
    File(File),
    Folder { seen: BTreeMap<String, usize>, durable: BTreeMap<String, usize> },
}

/// What is durable begins as what is seen, and then goes on as it once was.
#[derive(Clone, Default)]
struct File {
    seen: Vec<u8>,
    synced: usize,
    once: Vec<u8>,
}

#[derive(Clone)]
struct Change {
    folder: usize,
    name: String,
    /// `None`: the name goes.
    node: Option<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Crash,
    Failure,
}

const ROOT: usize = 0;

impl Default for MemoryDisk {
    fn default() -> Self {
        MemoryDisk(Arc::new(Mutex::new(World { nodes: vec![Node::folder()], ..World::default() })))
    }
}

impl MemoryDisk {
    /// Puts a file there, with the folders that lead to it, as one that has lain there for long; in place of another.
    ///
    /// # Errors
    /// The disk refuses it, or a file is in the way.
    pub fn put(&self, path: impl AsRef<Path>, bytes: &[u8]) -> io::Result<()> {
        let path = path.as_ref();
        self.create_dir_durable(path.parent().unwrap_or(Path::new("")))?;
        self.write_atomic(path, bytes)
    }

    /// Refuses this from now on; `None`: nothing.
    pub fn refuse(&self, what: Option<Refused>) {
        self.with(|world| world.refused = what);
    }

    /// Lets only so many more octets be written: a disk that fills up.
    pub fn set_room(&self, octets: Option<u64>) {
        self.with(|world| world.room = octets);
    }

    /// The machine stops in place of change number `at`, counted from 0; nothing works any more.
    pub fn crash_at(&self, at: usize) {
        self.with(|world| world.trouble_at = Some((at, Trouble::Crash)));
    }

    /// Change number `at`, counted from 0, fails, and only that.
    pub fn fail_at(&self, at: usize) {
        self.with(|world| world.trouble_at = Some((at, Trouble::Failure)));
    }

    /// Whether the change that is to fail is still to come.
    pub fn will_fail(&self) -> bool {
        self.with(|world| world.trouble_at.is_some_and(|(at, _)| world.operations <= at))
    }

    /// How many changes were made or tried.
    pub fn operations(&self) -> usize {
        self.with(|world| world.operations)
    }

    /// Whether [`MemoryDisk::crash_at`] has come to pass.
    pub fn has_crashed(&self) -> bool {
        self.with(|world| world.crashed)
    }

    /// Whether [`MemoryDisk::fail_at`] has come to pass.
    pub fn has_failed(&self) -> bool {
        self.with(|world| world.failed)
    }

    /// The disk as the next life finds it, on its own from then on and in order again.
    pub fn after(&self, loss: Loss) -> MemoryDisk {
        let mut world = self.with(|world| world.clone());
        match loss {
            Loss::Process => {}
            Loss::Power => world.forget(File::durable),
            Loss::Torn(seed) => {
                let mut random = Random::new(seed ^ world.operations as u64);
                let changes = u64::try_from(world.journal.len()).unwrap_or(u64::MAX);
                let written = usize::try_from(random.up_to(changes)).unwrap_or(usize::MAX);
                for change in std::mem::take(&mut world.journal).into_iter().take(written).flatten() {
                    world.make_durable(change);
                }
                world.forget(|file| file.torn(&mut random));
            }
        }
        let World { nodes, journal, .. } = world;
        MemoryDisk(Arc::new(Mutex::new(World { nodes, journal, ..World::default() })))
    }

    fn with<T>(&self, work: impl FnOnce(&mut World) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl File {
    fn durable(&self) -> Vec<u8> {
        let synced = self.seen.get(..self.synced).unwrap_or_default();
        [synced, &self.once].concat()
    }

    fn torn(&self, random: &mut Random) -> Vec<u8> {
        match random.up_to(2) {
            0 => self.durable(),
            1 => self.seen.clone(),
            _ if self.once.is_empty() => {
                let more = u64::try_from(self.seen.len().saturating_sub(self.synced)).unwrap_or(u64::MAX);
                let length = self.synced + usize::try_from(random.up_to(more)).unwrap_or(usize::MAX);
                self.seen.get(..length).unwrap_or(&self.seen).to_vec()
            }
            _ => self.durable(),
        }
    }

    fn sync(&mut self) {
        self.synced = self.seen.len();
        self.once.clear();
    }

    fn truncate(&mut self, length: usize) {
        if let Some(cut) = self.seen.get(length..self.synced) {
            self.once = [cut, &self.once].concat();
            self.synced = length;
        }
        self.seen.truncate(length);
    }
}

impl Node {
    fn folder() -> Node {
        Node::Folder { seen: BTreeMap::new(), durable: BTreeMap::new() }
    }

    fn file() -> Node {
        Node::File(File::default())
    }
}

impl World {
    /// Counts an operation that changes something, and lets trouble happen.
    fn step(&mut self) -> io::Result<()> {
        self.alive()?;
        self.may(Refused::Changes)?;
        let number = self.operations;
        self.operations += 1;
        match self.trouble_at {
            Some((at, trouble)) if at == number => {
                self.crashed = trouble == Trouble::Crash;
                self.failed = trouble == Trouble::Failure;
                Err(io::Error::other(format!("trouble at change {number}")))
            }
            _ => Ok(()),
        }
    }

    fn alive(&self) -> io::Result<()> {
        if self.crashed { Err(io::Error::other("the machine has stopped")) } else { Ok(()) }
    }

    fn may(&self, what: Refused) -> io::Result<()> {
        if self.refused == Some(what) { Err(io::Error::other(format!("{what:?} refused"))) } else { Ok(()) }
    }

    fn names(&mut self, folder: usize) -> io::Result<&mut BTreeMap<String, usize>> {
        match self.nodes.get_mut(folder) {
            Some(Node::Folder { seen, .. }) => Ok(seen),
            _ => Err(ErrorKind::NotADirectory.into()),
        }
    }

    fn file(&mut self, node: usize) -> io::Result<&mut File> {
        match self.nodes.get_mut(node) {
            Some(Node::File(file)) => Ok(file),
            _ => Err(ErrorKind::IsADirectory.into()),
        }
    }

    fn find(&mut self, path: &Path) -> io::Result<usize> {
        self.alive()?;
        let mut node = ROOT;
        for part in path.components().filter(|part| matches!(part, Component::Normal(_))) {
            let name = part.as_os_str().to_string_lossy().into_owned();
            let missing = || io::Error::new(ErrorKind::NotFound, format!("{}: no such file", path.display()));
            node = *self.names(node)?.get(&name).ok_or_else(missing)?;
        }
        Ok(node)
    }

    fn place(&mut self, path: &Path) -> io::Result<(usize, String)> {
        let folder = self.find(path.parent().unwrap_or(Path::new("")))?;
        let name = path.file_name().ok_or(ErrorKind::InvalidInput)?;
        Ok((folder, name.to_string_lossy().into_owned()))
    }

    /// Changes names, in one step.
    fn change(&mut self, changes: Vec<Change>) -> io::Result<()> {
        for Change { folder, name, node } in changes.clone() {
            match node {
                Some(node) => self.names(folder)?.insert(name, node),
                None => self.names(folder)?.remove(&name),
            };
        }
        self.journal.push(changes);
        Ok(())
    }

    fn create(&mut self, path: &Path, node: Node) -> io::Result<usize> {
        let (folder, name) = self.place(path)?;
        self.step()?;
        self.nodes.push(node);
        let node = self.nodes.len() - 1;
        self.change(vec![Change { folder, name, node: Some(node) }])?;
        Ok(node)
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        let (folder, name) = self.place(path)?;
        self.find(path)?;
        self.step()?;
        self.change(vec![Change { folder, name, node: None }])
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let node = self.find(from)?;
        if let Ok(other) = self.find(to)
            && self.names(other).is_ok_and(|names| !names.is_empty())
        {
            return Err(ErrorKind::DirectoryNotEmpty.into());
        }
        let ((source, old), (target, new)) = (self.place(from)?, self.place(to)?);
        self.step()?;
        self.change(vec![
            Change { folder: source, name: old, node: None },
            Change { folder: target, name: new, node: Some(node) },
        ])
    }

    fn make_durable(&mut self, Change { folder, name, node }: Change) {
        let Some(Node::Folder { durable, .. }) = self.nodes.get_mut(folder) else { return };
        match node {
            Some(node) => durable.insert(name, node),
            None => durable.remove(&name),
        };
    }

    /// Makes the names in a folder durable, with the changes before them that the same folders saw.
    fn sync_names(&mut self, folder: usize) {
        let mut folders = BTreeSet::from([folder]);
        let (mut now, mut later) = (Vec::new(), Vec::new());
        for group in std::mem::take(&mut self.journal).into_iter().rev() {
            if group.iter().any(|change| folders.contains(&change.folder)) {
                folders.extend(group.iter().map(|change| change.folder));
                now.push(group);
            } else {
                later.push(group);
            }
        }
        now.into_iter().rev().flatten().for_each(|change| self.make_durable(change));
        later.reverse();
        self.journal = later;
    }

    fn sync_everything(&mut self) {
        for change in std::mem::take(&mut self.journal).into_iter().flatten() {
            self.make_durable(change);
        }
        for node in &mut self.nodes {
            if let Node::File(file) = node {
                file.sync();
            }
        }
    }

    /// Only durable names are left, and of files what `left` says.
    fn forget(&mut self, mut left: impl FnMut(&File) -> Vec<u8>) {
        self.journal.clear();
        for node in &mut self.nodes {
            match node {
                Node::File(file) => {
                    file.seen = left(file);
                    file.sync();
                }
                Node::Folder { seen, durable } => seen.clone_from(durable),
            }
        }
    }

    /// Writes as much as there is room for; trouble leaves a part, mostly half a sample.
    fn append(&mut self, node: usize, bytes: &[u8]) -> io::Result<()> {
        if self.room.is_some_and(|room| room < bytes.len() as u64) {
            return Err(ErrorKind::StorageFull.into());
        }
        let (alive, stepped) = (self.alive().is_ok() && self.refused != Some(Refused::Changes), self.step());
        let written = match &stepped {
            Ok(()) => bytes,
            Err(_) if alive => bytes.get(..bytes.len() / 3).unwrap_or_default(),
            Err(_) => return stepped,
        };
        self.file(node)?.seen.extend_from_slice(written);
        self.room = self.room.map(|room| room.saturating_sub(written.len() as u64));
        stepped
    }
}

impl Disk for MemoryDisk {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.with(|world| {
            let node = world.find(path)?;
            Ok(world.file(node)?.seen.clone())
        })
    }

    fn append(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let node = self.with(|world| match world.find(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => world.create(path, Node::file()),
            found => found,
        })?;
        Ok(Box::new(OpenFile { disk: self.clone(), node }))
    }

    fn create_new(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let node = self.with(|world| match world.find(path) {
            Ok(_) => Err(ErrorKind::AlreadyExists.into()),
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            Err(_) => {
                world.may(Refused::NewFiles)?;
                world.create(path, Node::file())
            }
        })?;
        Ok(Box::new(OpenFile { disk: self.clone(), node }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.with(|world| world.rename(from, to))
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.with(|world| {
            let node = world.find(path)?;
            world.file(node)?;
            world.remove(path)
        })
    }

    /// Not atomic: file by file, then the folder.
    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        for name in self.list(path)? {
            let below = path.join(name);
            match self.remove_file(&below) {
                Err(error) if error.kind() == ErrorKind::IsADirectory => self.remove_dir_all(&below)?,
                removed => removed?,
            }
        }
        self.with(|world| world.remove(path))
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        let mut leading: Vec<_> = path.ancestors().collect();
        leading.reverse();
        self.with(|world| {
            for part in leading {
                match world.find(part) {
                    Err(error) if error.kind() == ErrorKind::NotFound => drop(world.create(part, Node::folder())?),
                    found => drop(found?),
                }
            }
            Ok(())
        })
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        self.with(|world| match world.find(path) {
            Ok(folder) => Ok(world.names(folder)?.keys().cloned().collect()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        })
    }

    fn exists(&self, path: &Path) -> bool {
        self.with(|world| world.find(path).is_ok())
    }

    fn length(&self, path: &Path) -> io::Result<u64> {
        self.with(|world| {
            let node = world.find(path)?;
            Ok(world.file(node)?.seen.len() as u64)
        })
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.with(|world| {
            let folder = world.find(path)?;
            world.step()?;
            world.sync_names(folder);
            Ok(())
        })
    }

    fn sync_all(&self, _path: &Path) -> io::Result<()> {
        self.with(|world| {
            world.step()?;
            world.sync_everything();
            Ok(())
        })
    }

    fn available(&self, _path: &Path) -> io::Result<u64> {
        Ok(self.with(|world| world.room).unwrap_or(u64::MAX))
    }
}

struct OpenFile {
    disk: MemoryDisk,
    node: usize,
}

impl OpenFile {
    fn change(&self, work: impl FnOnce(&mut File)) -> io::Result<()> {
        self.disk.with(|world| {
            world.step()?;
            work(world.file(self.node)?);
            Ok(())
        })
    }
}

impl DiskFile for OpenFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.disk.with(|world| world.append(self.node, bytes))
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.disk.with(|world| world.may(Refused::Truncation))?;
        self.change(|file| file.truncate(usize::try_from(length).unwrap_or(usize::MAX)))
    }

    fn sync(&mut self) -> io::Result<()> {
        self.change(File::sync)
    }

    fn len(&self) -> io::Result<u64> {
        self.disk.with(|world| Ok(world.file(self.node)?.seen.len() as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(disk: &MemoryDisk, path: &str, bytes: &[u8], sync: bool) {
        let mut file = disk.append(path.as_ref()).unwrap();
        file.append(bytes).unwrap();
        if sync {
            file.sync().unwrap();
        }
    }

    fn disk() -> MemoryDisk {
        let disk = MemoryDisk::default();
        disk.create_dir_durable("box".as_ref()).unwrap();
        disk
    }

    #[test]
    fn power_leaves_what_was_synced_of_files_whose_names_were() {
        let disk = disk();
        written(&disk, "box/named", b"one", true);
        disk.sync_dir("box".as_ref()).unwrap();
        written(&disk, "box/named", b"two", false);
        written(&disk, "box/nameless", b"three", true);
        let left = disk.after(Loss::Power);
        assert_eq!(left.list("box".as_ref()).unwrap(), ["named"]);
        assert_eq!(left.read("box/named".as_ref()).unwrap(), b"one");
        assert_eq!(disk.after(Loss::Process).read("box/named".as_ref()).unwrap(), b"onetwo");
        assert_eq!(disk.read("box/nameless".as_ref()).unwrap(), b"three", "the disk itself goes on");
    }

    #[test]
    fn what_was_cut_off_and_not_synced_is_there_again() {
        let disk = disk();
        written(&disk, "box/file", b"abcdef", true);
        disk.sync_dir("box".as_ref()).unwrap();
        let mut file = disk.append("box/file".as_ref()).unwrap();
        file.truncate(4).unwrap();
        file.append(b"xy").unwrap();
        file.truncate(2).unwrap();
        let read = |loss| disk.after(loss).read("box/file".as_ref()).unwrap();
        assert_eq!((read(Loss::Process), read(Loss::Power)), (b"ab".to_vec(), b"abcdef".to_vec()));
        file.sync().unwrap();
        assert_eq!(disk.after(Loss::Power).read("box/file".as_ref()).unwrap(), b"ab");
    }

    #[test]
    fn a_rename_is_lost_or_kept_as_a_whole() {
        let disk = disk();
        written(&disk, "box/old", b"one", true);
        disk.sync_dir("box".as_ref()).unwrap();
        disk.create_dir_durable("other".as_ref()).unwrap();
        disk.rename("box/old".as_ref(), "other/new".as_ref()).unwrap();
        let names = |loss| {
            let left = disk.after(loss);
            [left.list("box".as_ref()).unwrap(), left.list("other".as_ref()).unwrap()].concat()
        };
        assert_eq!(names(Loss::Power), ["old"]);
        for seed in 0..20 {
            assert_eq!(names(Loss::Torn(seed)).len(), 1, "seed {seed}");
        }
        disk.sync_dir("other".as_ref()).unwrap();
        assert_eq!(names(Loss::Power), ["new"]);
    }

    #[test]
    fn a_disk_fails_once_or_for_good() {
        let disk = disk();
        disk.fail_at(disk.operations() + 1);
        let mut file = disk.append("box/file".as_ref()).unwrap();
        assert!(file.append(b"abcdef").is_err() && disk.has_failed());
        file.append(b"gh").unwrap();
        assert_eq!(disk.read("box/file".as_ref()).unwrap(), b"abgh");
        disk.refuse(Some(Refused::Changes));
        assert!(file.sync().is_err() && file.append(b"i").is_err());
        disk.refuse(None);
        disk.crash_at(disk.operations());
        assert!(file.sync().is_err() && disk.has_crashed());
        assert!(disk.read("box/file".as_ref()).is_err(), "nothing works any more");
    }
}

//! A file system that forgets: it keeps apart what programs see and what would survive the loss of power, for the
//! content of files and for the names in folders. A rename is atomic; what else POSIX does not promise is not given.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Component, Path};
use std::sync::{Arc, Mutex};

use crate::engine::{Disk, DiskFile};

/// What is left after a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Only the process died: the kernel has everything.
    Process,
    /// Only what was synced.
    Power,
    /// What was synced, and by chance (a seed) some of the rest: names in order, files in part.
    Torn(u64),
}

#[derive(Clone)]
pub struct CrashDisk(Arc<Mutex<World>>);

#[derive(Clone, Default)]
struct World {
    nodes: Vec<Node>,
    /// Changes of names not yet durable, in order; each happens as a whole.
    journal: Vec<Vec<Change>>,
    operations: usize,
    trouble_at: Option<(usize, Trouble)>,
    crashed: bool,
    failed: bool,
}

#[derive(Clone)]
enum Node {
    File { seen: Vec<u8>, durable: Vec<u8> },
    Folder { seen: BTreeMap<String, usize>, durable: BTreeMap<String, usize> },
}

#[derive(Clone)]
struct Change {
    folder: usize,
    name: String,
    node: Option<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Crash,
    Failure,
}

const ROOT: usize = 0;

impl Default for CrashDisk {
    fn default() -> Self {
        let root = Node::Folder { seen: BTreeMap::new(), durable: BTreeMap::new() };
        Self(Arc::new(Mutex::new(World { nodes: vec![root], ..World::default() })))
    }
}

impl CrashDisk {
    /// The machine stops instead of operation number `at`; nothing works any more.
    pub fn crash_at(&self, at: usize) {
        self.with(|world| world.trouble_at = Some((at, Trouble::Crash)));
    }

    /// Operation number `at` fails, and only that.
    pub fn fail_at(&self, at: usize) {
        self.with(|world| world.trouble_at = Some((at, Trouble::Failure)));
    }

    pub fn has_crashed(&self) -> bool {
        self.with(|world| world.crashed)
    }

    pub fn has_failed(&self) -> bool {
        self.with(|world| world.failed)
    }

    /// The disk as the next life finds it.
    pub fn after(&self, loss: Loss) -> Self {
        let mut world = self.with(|world| world.clone());
        match loss {
            Loss::Process => {}
            Loss::Power => world.forget(|_, durable| durable.to_vec()),
            Loss::Torn(seed) => {
                let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ world.operations as u64);
                let written = random.below(world.journal.len() + 1);
                for change in std::mem::take(&mut world.journal).into_iter().take(written).flatten() {
                    world.make_durable(change);
                }
                world.forget(|seen, durable| match random.below(3) {
                    0 => durable.to_vec(),
                    1 => seen.to_vec(),
                    _ if seen.starts_with(durable) => {
                        seen[..durable.len() + random.below(seen.len() - durable.len() + 1)].to_vec()
                    }
                    _ => durable.to_vec(),
                });
            }
        }
        world.operations = 0;
        world.trouble_at = None;
        world.crashed = false;
        Self(Arc::new(Mutex::new(world)))
    }

    fn with<T>(&self, work: impl FnOnce(&mut World) -> T) -> T {
        work(&mut self.0.lock().unwrap())
    }
}

impl World {
    /// Counts an operation that changes something, and lets trouble happen.
    fn step(&mut self) -> io::Result<()> {
        self.alive()?;
        let number = self.operations;
        self.operations += 1;
        match self.trouble_at {
            Some((at, trouble)) if at == number => {
                self.crashed = trouble == Trouble::Crash;
                self.failed = trouble == Trouble::Failure;
                Err(io::Error::other("trouble"))
            }
            _ => Ok(()),
        }
    }

    fn alive(&self) -> io::Result<()> {
        if self.crashed { Err(io::Error::other("the machine has stopped")) } else { Ok(()) }
    }

    fn names(&mut self, folder: usize) -> io::Result<&mut BTreeMap<String, usize>> {
        match &mut self.nodes[folder] {
            Node::Folder { seen, .. } => Ok(seen),
            Node::File { .. } => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    fn find(&mut self, path: &Path) -> io::Result<usize> {
        self.alive()?;
        let mut node = ROOT;
        for part in path.components().filter(|part| *part != Component::CurDir) {
            let name = part.as_os_str().to_string_lossy().into_owned();
            node = *self.names(node)?.get(&name).ok_or(io::ErrorKind::NotFound)?;
        }
        Ok(node)
    }

    fn place(&mut self, path: &Path) -> io::Result<(usize, String)> {
        let folder = self.find(path.parent().unwrap_or(Path::new("")))?;
        Ok((folder, path.file_name().unwrap().to_string_lossy().into_owned()))
    }

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

    fn make_durable(&mut self, Change { folder, name, node }: Change) {
        let Node::Folder { durable, .. } = &mut self.nodes[folder] else { return };
        match node {
            Some(node) => durable.insert(name, node),
            None => durable.remove(&name),
        };
    }

    /// Makes the names in a folder durable, with the changes before them that the same folders saw.
    fn sync_names(&mut self, folder: usize) {
        let mut folders = BTreeSet::from([folder]);
        let mut now = vec![false; self.journal.len()];
        for (index, group) in self.journal.iter().enumerate().rev() {
            if group.iter().any(|change| folders.contains(&change.folder)) {
                now[index] = true;
                folders.extend(group.iter().map(|change| change.folder));
            }
        }
        let mut later = Vec::new();
        for (group, now) in std::mem::take(&mut self.journal).into_iter().zip(now) {
            if now {
                group.into_iter().for_each(|change| self.make_durable(change));
            } else {
                later.push(group);
            }
        }
        self.journal = later;
    }

    fn sync_everything(&mut self) {
        for change in std::mem::take(&mut self.journal).into_iter().flatten() {
            self.make_durable(change);
        }
        for node in &mut self.nodes {
            if let Node::File { seen, durable } = node {
                durable.clone_from(seen);
            }
        }
    }

    fn forget(&mut self, mut file: impl FnMut(&[u8], &[u8]) -> Vec<u8>) {
        self.journal.clear();
        for node in &mut self.nodes {
            match node {
                Node::File { seen, durable } => {
                    *seen = file(seen, durable);
                    durable.clone_from(seen);
                }
                Node::Folder { seen, durable } => seen.clone_from(durable),
            }
        }
    }
}

impl Disk for CrashDisk {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.with(|world| {
            let node = world.find(path)?;
            match &world.nodes[node] {
                Node::File { seen, .. } => Ok(seen.clone()),
                Node::Folder { .. } => Err(io::ErrorKind::IsADirectory.into()),
            }
        })
    }

    fn append(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let node = self.with(|world| match world.find(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                world.create(path, Node::File { seen: Vec::new(), durable: Vec::new() })
            }
            found => found,
        })?;
        Ok(Box::new(OpenFile { disk: self.clone(), node }))
    }

    fn create_new(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        if self.exists(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.append(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.with(|world| {
            let node = world.find(from)?;
            let (source, old) = world.place(from)?;
            let (target, new) = world.place(to)?;
            world.step()?;
            world.change(vec![
                Change { folder: source, name: old, node: None },
                Change { folder: target, name: new, node: Some(node) },
            ])
        })
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.with(|world| world.remove(path))
    }

    /// Not atomic: file by file, then the folder.
    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        for name in self.list(path)? {
            self.remove_file(&path.join(name))?;
        }
        self.with(|world| world.remove(path))
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        let mut leading: Vec<_> = path.ancestors().filter(|part| !part.as_os_str().is_empty()).collect();
        leading.reverse();
        self.with(|world| {
            for part in leading {
                match world.find(part) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {
                        world.create(part, Node::Folder { seen: BTreeMap::new(), durable: BTreeMap::new() })?;
                    }
                    found => drop(found?),
                }
            }
            Ok(())
        })
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        self.with(|world| match world.find(path) {
            Ok(folder) => Ok(world.names(folder)?.keys().cloned().collect()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        })
    }

    fn exists(&self, path: &Path) -> bool {
        self.with(|world| world.find(path).is_ok())
    }

    fn length(&self, path: &Path) -> io::Result<u64> {
        Ok(self.read(path)?.len() as u64)
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
        Ok(u64::MAX)
    }
}

struct OpenFile {
    disk: CrashDisk,
    node: usize,
}

impl OpenFile {
    fn change(&mut self, work: impl FnOnce(&mut Vec<u8>, &mut Vec<u8>)) -> io::Result<()> {
        self.disk.with(|world| {
            world.step()?;
            if let Node::File { seen, durable } = &mut world.nodes[self.node] {
                work(seen, durable);
            }
            Ok(())
        })
    }
}

impl DiskFile for OpenFile {
    /// Trouble leaves a part of the octets, mostly half a sample.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.disk.with(|world| {
            let stepped = world.step();
            let Node::File { seen, .. } = &mut world.nodes[self.node] else { return stepped };
            match &stepped {
                Ok(()) => seen.extend_from_slice(bytes),
                Err(error) if error.to_string() == "trouble" => seen.extend_from_slice(&bytes[..bytes.len() / 3]),
                Err(_) => {}
            }
            stepped
        })
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.change(|seen, _| seen.truncate(length as usize))
    }

    fn sync(&mut self) -> io::Result<()> {
        self.change(|seen, durable| durable.clone_from(seen))
    }

    fn len(&self) -> io::Result<u64> {
        self.disk.with(|world| match &world.nodes[self.node] {
            Node::File { seen, .. } => Ok(seen.len() as u64),
            Node::Folder { .. } => Err(io::ErrorKind::IsADirectory.into()),
        })
    }
}

/// A small generator (xorshift64*): the same seed tells the same story.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.max(1);
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound.max(1)
    }
}

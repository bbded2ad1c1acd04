//! A disk in memory that counts its operations, fails where it is told to, and at a crash forgets what was not synced.
//!
//! At a crash each change of names that was not synced may be kept or not, on its own or up to some point, and the
//! bytes of a file may be those of its last sync, all, some, or zeros: more than real file systems do to anybody.

use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use crate::disk::{Disk, Entry, Kind, Links, ReadFile, Stamp, Stat, WriteFile, nanos};

/// A disk in memory. Clones are the same disk.
#[derive(Debug, Clone)]
pub struct SimDisk {
    world: Arc<Mutex<World>>,
}

/// What happens at an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The device fails (EIO). A write gets half of its bytes there.
    Broken,
    /// The disk is full. A write gets half of its bytes there.
    Full,
    /// The machine stops: this and every later operation fails, until [`SimDisk::after_crash`].
    Crash,
}

#[derive(Debug)]
struct World {
    nodes: Vec<Node>,
    operations: u64,
    failures: Vec<Planned>,
    crashed: bool,
    capacity: Option<u64>,
    ticks: u64,
}

#[derive(Debug, Clone, Copy)]
struct Planned {
    from: u64,
    to: u64,
    failure: Failure,
}

#[derive(Debug, Clone)]
enum Node {
    File { bytes: Vec<u8>, synced: Vec<u8>, modified: u64 },
    Folder { names: Names, synced: Names, changes: Vec<Change> },
}

type Names = BTreeMap<String, usize>;
/// Names that change together, and what they are afterwards.
type Change = Vec<(String, Option<usize>)>;

#[derive(Debug)]
struct Handle {
    world: Arc<Mutex<World>>,
    node: usize,
}

impl SimDisk {
    /// An empty disk on which everything works.
    #[must_use]
    pub fn new() -> Self {
        Self::of(vec![folder(Names::new())])
    }

    /// How many operations there have been.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.lock().operations
    }

    /// Plans a failure of operation number `from` (the first is 0) and of the `count - 1` after it.
    pub fn fail(&self, from: u64, count: u64, failure: Failure) {
        self.lock().failures.push(Planned { from, to: from.saturating_add(count), failure });
    }

    /// Forgets the planned failures.
    pub fn heal(&self) {
        self.lock().failures.clear();
    }

    /// Lets the disk hold this many bytes.
    pub fn set_capacity(&self, bytes: u64) {
        self.lock().capacity = Some(bytes);
    }

    /// The disk as the machine finds it after it stopped now. `seed` decides what of the unsynced is kept.
    #[must_use]
    pub fn after_crash(&self, seed: u64) -> Self {
        let mut world = self.lock();
        world.crashed = true;
        let mut random = seed;
        let nodes = world.nodes.iter().map(|node| node.after_crash(&mut random)).collect();
        let after = Self::of(nodes);
        // Its clock goes on.
        after.lock().ticks = world.ticks;
        after
    }

    /// Writes a file without counting, durably, an existing one in place.
    pub fn put(&self, path: &Path, bytes: &[u8]) {
        let mut world = self.lock();
        let modified = world.tick();
        let file = Node::File { bytes: bytes.to_vec(), synced: bytes.to_vec(), modified };
        if let Ok(node) = world.find(path) {
            world.nodes[node] = file;
            return;
        }
        let (parent, name) = world.parent(path).unwrap();
        world.nodes.push(file);
        let node = world.nodes.len() - 1;
        let Node::Folder { names, synced, .. } = &mut world.nodes[parent] else { panic!("no folder") };
        names.insert(name.clone(), node);
        synced.insert(name, node);
    }

    /// The bytes of a file, without counting.
    #[must_use]
    pub fn bytes(&self, path: &Path) -> Option<Vec<u8>> {
        let world = self.lock();
        match &world.nodes[world.find(path).ok()?] {
            Node::File { bytes, .. } => Some(bytes.clone()),
            Node::Folder { .. } => None,
        }
    }

    /// The names in a folder, sorted, without counting.
    #[must_use]
    pub fn names(&self, folder: &Path) -> Vec<String> {
        let world = self.lock();
        match world.find(folder).map(|node| &world.nodes[node]) {
            Ok(Node::Folder { names, .. }) => names.keys().cloned().collect(),
            _ => Vec::new(),
        }
    }

    fn of(nodes: Vec<Node>) -> Self {
        let world =
            World { nodes, operations: 0, failures: Vec::new(), crashed: false, capacity: None, ticks: 0 };
        Self { world: Arc::new(Mutex::new(world)) }
    }

    fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn handle(&self, node: usize) -> Handle {
        Handle { world: Arc::clone(&self.world), node }
    }
}

impl Default for SimDisk {
    fn default() -> Self {
        Self::new()
    }
}

impl Disk for SimDisk {
    fn create_folders(&self, path: &Path) -> io::Result<()> {
        let mut world = self.lock();
        world.operation()?;
        let mut at = ROOT;
        for name in parts(path) {
            at = match world.names(at)?.get(&name) {
                Some(node) => *node,
                None => {
                    world.nodes.push(folder(Names::new()));
                    let node = world.nodes.len() - 1;
                    world.change(at, vec![(name, Some(node))])?;
                    node
                }
            };
        }
        world.names(at).map(|_| ())
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<Entry>> {
        let mut world = self.lock();
        world.operation()?;
        let node = world.find(folder)?;
        let entry = |(name, node): (&String, &usize)| {
            let stat = world.nodes[*node].stat();
            let stamp = |modified| Stamp { modified, changed: None, inode: Some(*node as u64) };
            let stamp = stat.modified.and_then(nanos).map(stamp);
            Entry { name: name.clone(), kind: stat.kind, length: stat.length, stamp }
        };
        Ok(world.names(node)?.iter().map(entry).collect())
    }

    fn stat(&self, path: &Path, _: Links) -> io::Result<Stat> {
        let mut world = self.lock();
        world.operation()?;
        let node = world.find(path)?;
        Ok(world.nodes[node].stat())
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn WriteFile>> {
        let mut world = self.lock();
        world.operation()?;
        if world.find(path).is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let (parent, name) = world.parent(path)?;
        let modified = world.tick();
        world.nodes.push(Node::File { bytes: Vec::new(), synced: Vec::new(), modified });
        let node = world.nodes.len() - 1;
        world.change(parent, vec![(name, Some(node))])?;
        Ok(Box::new(self.handle(node)))
    }

    fn append(&self, path: &Path, length: u64) -> io::Result<Box<dyn WriteFile>> {
        let mut world = self.lock();
        world.operation()?;
        let node = world.find(path)?;
        let now = world.tick();
        match &mut world.nodes[node] {
            Node::File { bytes, modified, .. } if bytes.len() as u64 >= length => {
                bytes.truncate(usize::try_from(length).unwrap());
                *modified = now;
            }
            Node::File { .. } => return Err(io::ErrorKind::InvalidData.into()),
            Node::Folder { .. } => return Err(io::ErrorKind::IsADirectory.into()),
        }
        Ok(Box::new(self.handle(node)))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn ReadFile>> {
        let mut world = self.lock();
        world.operation()?;
        let node = world.find(path)?;
        Ok(Arc::new(self.handle(node)))
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut world = self.lock();
        world.operation()?;
        let node = world.find(from)?;
        if world.find(to).is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let (old, from) = world.parent(from)?;
        let (new, to) = world.parent(to)?;
        if old == new {
            return world.change(old, vec![(from, None), (to, Some(node))]);
        }
        world.change(new, vec![(to, Some(node))])?;
        world.change(old, vec![(from, None)])
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut world = self.lock();
        world.operation()?;
        world.find(path)?;
        let (parent, name) = world.parent(path)?;
        world.change(parent, vec![(name, None)])
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        let mut world = self.lock();
        world.operation()?;
        let node = world.find(folder)?;
        match &mut world.nodes[node] {
            Node::Folder { names, synced, changes } => {
                synced.clone_from(names);
                changes.clear();
                Ok(())
            }
            Node::File { .. } => Err(io::ErrorKind::NotADirectory.into()),
        }
    }
}

impl WriteFile for Handle {
    fn write_all(&mut self, added: &[u8]) -> io::Result<()> {
        let mut world = self.lock();
        let failed = world.operation().err();
        let room = world.capacity.map_or(u64::MAX, |capacity| capacity.saturating_sub(world.used()));
        let fits = usize::try_from(room).unwrap_or(usize::MAX).min(added.len());
        let count = if failed.is_some() { fits / 2 } else { fits };
        let now = world.tick();
        if let Node::File { bytes, modified, .. } = &mut world.nodes[self.node] {
            bytes.extend_from_slice(&added[..count]);
            *modified = now;
        }
        match failed {
            Some(error) => Err(error),
            None if fits < added.len() => Err(io::ErrorKind::StorageFull.into()),
            None => Ok(()),
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut world = self.lock();
        world.operation()?;
        if let Node::File { bytes, synced, .. } = &mut world.nodes[self.node] {
            synced.clone_from(bytes);
        }
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        let mut world = self.lock();
        world.operation()?;
        Ok(world.nodes[self.node].stat().length)
    }
}

impl ReadFile for Handle {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut world = self.lock();
        world.operation()?;
        let Node::File { bytes, .. } = &world.nodes[self.node] else {
            return Err(io::ErrorKind::IsADirectory.into());
        };
        let rest = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..)).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn stat(&self) -> io::Result<Stat> {
        let mut world = self.lock();
        world.operation()?;
        Ok(world.nodes[self.node].stat())
    }
}

impl Handle {
    fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl World {
    /// Counts an operation and says whether it fails.
    fn operation(&mut self) -> io::Result<()> {
        let number = self.operations;
        self.operations += 1;
        let planned = self.failures.iter().find(|planned| (planned.from..planned.to).contains(&number));
        match planned.map(|planned| planned.failure) {
            _ if self.crashed => Err(broken()),
            None => Ok(()),
            Some(Failure::Full) => Err(io::ErrorKind::StorageFull.into()),
            Some(Failure::Broken) => Err(broken()),
            Some(Failure::Crash) => {
                self.crashed = true;
                Err(broken())
            }
        }
    }

    fn tick(&mut self) -> u64 {
        self.ticks += 1;
        self.ticks
    }

    fn used(&self) -> u64 {
        let mut used = 0;
        let mut folders = vec![ROOT];
        while let Some(at) = folders.pop() {
            for node in self.names(at).into_iter().flat_map(BTreeMap::values) {
                match &self.nodes[*node] {
                    Node::File { bytes, .. } => used += bytes.len() as u64,
                    Node::Folder { .. } => folders.push(*node),
                }
            }
        }
        used
    }

    fn names(&self, node: usize) -> io::Result<&Names> {
        match &self.nodes[node] {
            Node::Folder { names, .. } => Ok(names),
            Node::File { .. } => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    fn find(&self, path: &Path) -> io::Result<usize> {
        parts(path).iter().try_fold(ROOT, |at, name| {
            self.names(at)?.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
        })
    }

    fn parent(&self, path: &Path) -> io::Result<(usize, String)> {
        let name = parts(path).pop().ok_or(io::ErrorKind::InvalidInput)?;
        Ok((self.find(path.parent().unwrap_or(Path::new("")))?, name))
    }

    fn change(&mut self, node: usize, change: Change) -> io::Result<()> {
        match &mut self.nodes[node] {
            Node::Folder { names, changes, .. } => {
                apply(names, &change);
                changes.push(change);
                Ok(())
            }
            Node::File { .. } => Err(io::ErrorKind::NotADirectory.into()),
        }
    }
}

impl Node {
    fn stat(&self) -> Stat {
        match self {
            Self::File { bytes, modified, .. } => Stat {
                kind: Kind::File,
                length: bytes.len() as u64,
                modified: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(*modified)),
            },
            Self::Folder { .. } => Stat { kind: Kind::Folder, length: 0, modified: None },
        }
    }

    fn after_crash(&self, random: &mut u64) -> Self {
        match self {
            Self::File { bytes, synced, modified } => {
                let kept = match next_random(random) % 4 {
                    0 => synced.clone(),
                    1 => bytes.clone(),
                    2 => {
                        let more = bytes.len().saturating_sub(synced.len()) as u64 + 1;
                        let count = synced.len() + usize::try_from(next_random(random) % more).unwrap();
                        bytes[..count.min(bytes.len())].to_vec()
                    }
                    _ => {
                        let mut zeros = synced.clone();
                        zeros.resize(bytes.len(), 0);
                        zeros
                    }
                };
                Self::File { bytes: kept.clone(), synced: kept, modified: *modified }
            }
            Self::Folder { synced, changes, .. } => {
                let mut names = synced.clone();
                let how = next_random(random) % 4;
                let up_to = next_random(random) % (changes.len() as u64 + 1);
                for (at, change) in changes.iter().enumerate() {
                    let keep = match how {
                        0 => false,
                        1 => true,
                        2 => (at as u64) < up_to,
                        _ => next_random(random).is_multiple_of(2),
                    };
                    if keep {
                        apply(&mut names, change);
                    }
                }
                folder(names)
            }
        }
    }
}

/// The next of a series of numbers that only depends on where it began (splitmix64).
pub(super) fn next_random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn apply(names: &mut Names, change: &Change) {
    for (name, node) in change {
        match node {
            Some(node) => names.insert(name.clone(), *node),
            None => names.remove(name),
        };
    }
}

fn folder(names: Names) -> Node {
    Node::Folder { synced: names.clone(), names, changes: Vec::new() }
}

fn parts(path: &Path) -> Vec<String> {
    path.components()
        .filter_map(|part| match part {
            Component::Normal(name) => Some(name.to_str().unwrap().to_owned()),
            _ => None,
        })
        .collect()
}

fn broken() -> io::Error {
    if cfg!(unix) { io::Error::from_raw_os_error(5) } else { io::Error::other("the device failed") }
}

const ROOT: usize = 0;

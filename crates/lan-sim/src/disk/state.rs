//! Names, inodes, and what of both is durable.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Condition, DirEntry, DiskCounts, DiskError, DiskOp};
use crate::content::{Content, Payload};
use crate::fault::DiskTrouble;
use crate::rng::{Chance, Rng};

/// What is on a disk.
#[derive(Debug)]
pub(super) struct State {
    pub(super) names: BTreeMap<String, u64>,
    pub(super) durable_names: BTreeMap<String, u64>,
    /// Changes of names that are not durable, oldest first.
    pub(super) journal: Vec<Change>,
    pub(super) inodes: BTreeMap<u64, Inode>,
    pub(super) rng: Rng,
    pub(super) counts: DiskCounts,
    pub(super) condition: Condition,
    pub(super) troubles: Vec<(u32, DiskTrouble)>,
    /// Numbers of operations that must fail.
    pub(super) fail_at: BTreeSet<u64>,
    pub(super) halt_at: Option<u64>,
    dirs: BTreeSet<String>,
    made: u64,
    epoch: u64,
}

/// A file's bytes, whatever its name.
#[derive(Clone, Debug, Default)]
pub(super) struct Inode {
    pub(super) content: Content,
    pub(super) durable: Durable,
    pub(super) version: u64,
    /// Whether a sync has anything to do. A failed one leaves this false though `content` is not durable.
    pub(super) dirty: bool,
}

/// What of a file is durable. Files are mostly appended to, so that it is mostly a beginning of what is in
/// them, told by its length; only overwriting what is durable makes a copy of it.
#[derive(Clone, Debug)]
pub(super) enum Durable {
    Beginning(u64),
    Copy(Content),
}

impl Default for Durable {
    fn default() -> Self {
        Self::Beginning(0)
    }
}

/// A change of names.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Link { path: String, inode: u64 },
    Rename { from: String, to: String },
    Unlink { path: String },
}

impl State {
    pub(super) const fn new(rng: Rng, condition: Condition) -> Self {
        Self {
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            journal: Vec::new(),
            inodes: BTreeMap::new(),
            rng,
            counts: DiskCounts { operations: 0, failed: 0, no_room: 0, torn: 0 },
            condition,
            troubles: Vec::new(),
            fail_at: BTreeSet::new(),
            halt_at: None,
            dirs: BTreeSet::new(),
            made: 0,
            epoch: 0,
        }
    }

    pub(super) fn begin(&mut self, op: DiskOp) -> Result<(), DiskError> {
        self.counts.operations += 1;
        if self.halt_at.is_some_and(|at| self.counts.operations >= at) {
            return Err(DiskError::Halted);
        }
        let chance = self.effective().fail;
        if self.fail_at.remove(&self.counts.operations) || self.rng.hits(chance) {
            self.counts.failed += 1;
            return Err(DiskError::Failed { op });
        }
        Ok(())
    }

    /// The condition with all troubles in it.
    pub(super) fn effective(&self) -> Condition {
        let mut condition = self.condition;
        for (_, trouble) in &self.troubles {
            match trouble {
                DiskTrouble::Failing => condition.fail = Chance::percent(10),
                DiskTrouble::Full => condition.capacity = Some(0),
                DiskTrouble::Slow => condition.delay = Duration::from_millis(50),
            }
        }
        condition
    }

    pub(super) fn room(&self) -> u64 {
        self.effective().capacity.map_or(u64::MAX, |capacity| capacity.saturating_sub(self.used()))
    }

    pub(super) fn used(&self) -> u64 {
        self.names.values().filter_map(|inode| self.inodes.get(inode)).map(|inode| inode.content.len()).sum()
    }

    pub(super) const fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(super) fn exists(&self, path: &str) -> bool {
        self.names.contains_key(path) || self.dirs.contains(path)
    }

    pub(super) fn find(&self, path: &str) -> Result<u64, DiskError> {
        self.names.get(path).copied().ok_or_else(|| DiskError::NotFound { path: path.to_owned() })
    }

    pub(super) fn inode(&self, inode: u64, epoch: u64) -> Result<&Inode, DiskError> {
        self.inodes.get(&inode).filter(|_| epoch == self.epoch).ok_or(DiskError::HandleLost)
    }

    pub(super) fn inode_mut(&mut self, inode: u64, epoch: u64) -> Result<&mut Inode, DiskError> {
        self.inodes.get_mut(&inode).filter(|_| epoch == self.epoch).ok_or(DiskError::HandleLost)
    }

    pub(super) fn new_inode(&mut self) -> u64 {
        self.made += 1;
        self.inodes.insert(self.made, Inode::default());
        self.made
    }

    pub(super) fn create_dirs(&mut self, path: &str) {
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        for dir in ends.filter_map(|end| path.get(..end)).filter(|dir| !dir.is_empty()) {
            self.dirs.insert(dir.to_owned());
        }
    }

    pub(super) fn metadata(&self, path: &str) -> Result<DirEntry, DiskError> {
        let is_dir = self.dirs.contains(path);
        let inode = if is_dir { None } else { self.inodes.get(&self.find(path)?) };
        let length = inode.map_or(0, |inode| inode.content.len());
        Ok(DirEntry { name: name_of(path).to_owned(), is_dir, length })
    }

    pub(super) fn list(&self, dir: &str) -> Vec<DirEntry> {
        let length = |inode| self.inodes.get(inode).map_or(0, |inode: &Inode| inode.content.len());
        let files = self.names.iter().map(|(path, inode)| (path, false, length(inode)));
        let dirs = self.dirs.iter().map(|path| (path, true, 0));
        let mut entries: Vec<_> = files
            .chain(dirs)
            .filter(|(path, ..)| folder_of(path) == dir)
            .map(|(path, is_dir, length)| DirEntry { name: name_of(path).to_owned(), is_dir, length })
            .collect();
        entries.sort_unstable();
        entries
    }

    /// Does a change that is not durable yet.
    pub(super) fn change(&mut self, change: Change) {
        change.apply(&mut self.names);
        self.journal.push(change);
    }

    /// Makes the names of a folder durable, and with them every change before the last one of the folder, as
    /// a journal does.
    pub(super) fn sync_dir(&mut self, dir: &str) {
        let Some(last) = self.journal.iter().rposition(|change| change.touches(dir)) else { return };
        for change in self.journal.drain(..=last) {
            change.apply(&mut self.durable_names);
        }
    }

    pub(super) fn kill(&mut self) {
        self.epoch += 1;
        self.halt_at = None;
        self.sweep();
    }

    pub(super) fn wipe(&mut self) {
        self.names.clear();
        self.durable_names.clear();
        self.journal.clear();
        self.dirs.clear();
        self.kill();
    }

    /// Forgets inodes that nothing can lead to any more. Only when no handle is left.
    fn sweep(&mut self) {
        let linked = self.journal.iter().filter_map(|change| match change {
            Change::Link { inode, .. } => Some(inode),
            _ => None,
        });
        let named: BTreeSet<u64> =
            self.names.values().chain(self.durable_names.values()).chain(linked).copied().collect();
        self.inodes.retain(|inode, _| named.contains(inode));
    }
}

impl Inode {
    pub(super) fn write_at(&mut self, offset: u64, payload: &Payload) {
        self.change_from(offset);
        self.content.write_at(offset, payload);
    }

    pub(super) fn truncate(&mut self, length: u64) {
        self.change_from(length);
        self.content.truncate(length);
    }

    /// What was durable, as a content of its own.
    pub(super) fn durable(&self) -> Content {
        match &self.durable {
            Durable::Beginning(length) => self.content.part(0, *length),
            Durable::Copy(content) => content.clone(),
        }
    }

    /// Whether everything in the file is durable.
    pub(super) fn is_durable(&self) -> bool {
        match &self.durable {
            Durable::Beginning(length) => *length == self.content.len(),
            Durable::Copy(content) => *content == self.content,
        }
    }

    /// The bytes from `offset` on are about to change.
    fn change_from(&mut self, offset: u64) {
        if matches!(self.durable, Durable::Beginning(length) if offset < length) {
            self.durable = Durable::Copy(self.durable());
        }
        self.version += 1;
        self.dirty = true;
    }

    /// Makes the bytes durable; returns how many there are to write.
    pub(super) fn sync(&mut self) -> u64 {
        if !self.dirty {
            return 0;
        }
        let before = match &self.durable {
            Durable::Beginning(length) => *length,
            Durable::Copy(content) => content.len(),
        };
        self.durable = Durable::Beginning(self.content.len());
        self.dirty = false;
        self.content.len().saturating_sub(before)
    }

    /// A sync failed: the system takes the pages for clean, though they are nowhere.
    pub(super) const fn forget_dirt(&mut self) {
        self.dirty = false;
    }
}

impl Change {
    pub(super) fn apply(&self, names: &mut BTreeMap<String, u64>) {
        match self {
            Self::Link { path, inode } => {
                names.insert(path.clone(), *inode);
            }
            Self::Rename { from, to } => {
                if let Some(inode) = names.remove(from) {
                    names.insert(to.clone(), inode);
                }
            }
            Self::Unlink { path } => {
                names.remove(path);
            }
        }
    }

    fn touches(&self, dir: &str) -> bool {
        match self {
            Self::Link { path, .. } | Self::Unlink { path } => folder_of(path) == dir,
            Self::Rename { from, to } => folder_of(from) == dir || folder_of(to) == dir,
        }
    }
}

fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn name_of(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

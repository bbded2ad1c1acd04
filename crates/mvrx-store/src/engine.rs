//! What every store of this crate does alike: turns arriving bytes into listed commits, on a [`Shelf`] that keeps them.
//!
//! The engine knows the rules (lengths, quota, one content per file, order of arrival) and no place; a shelf knows a
//! place (a folder, the memory) and no rule. Publishing and removing take turns; listing and reading never wait for
//! them, so a slow `fsync` delays no reader.
//!
//! ```text
//!  begin ──► Arriving ──finish──► Whole ──publish──► listed ──remove──► gone
//!               │                   │
//!               └──── dropped ──────┴──► discarded
//! ```
//! Arriving waits for its writer, who has timeouts of its own; Whole waits for its owner's decision. Neither is
//! listed, and both hold their bytes in the quota.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::SystemTime;

use mvrx_message::{Commit, FileUuid};

use crate::budget::Budget;
use crate::buffers::Buffers;
use crate::cancel::Cancel;
use crate::catalogue::Catalogue;
use crate::clock::Clock;
use crate::disk::{Disk, DiskError, ReadFile, WriteFile};
use crate::error::{
    ListError, PublishError, PutAwayError, ReadError, RemoveError, WithdrawError, WriteError,
};
use crate::fs::Aside;
use crate::limits::Limits;
use crate::problem::Problem;
use crate::put_away::{self, Wish};
use crate::store::{Expect, PartOf, PutAway, StoredCommit};
use crate::stored_file::StoredFile;

mod arriving;
mod hashing;
mod import;
mod oldest;
mod parts;
mod whole;

pub(crate) use arriving::Arriving;
pub(crate) use parts::Found;
use parts::Parts;
pub(crate) use whole::Whole;

/// Where a store keeps its files and its index.
pub(crate) trait Shelf: Send + Sync + fmt::Debug + 'static {
    /// A file that is not listed.
    type Place: Send + fmt::Debug;

    /// Makes a file that nobody sees yet.
    fn create(&self) -> Result<(Box<dyn WriteFile>, Self::Place), DiskError>;

    /// Makes a file that can be gone on with later, also after a restart.
    fn create_part(&self, of: &PartOf) -> Result<(Box<dyn WriteFile>, Self::Place), DiskError>;

    /// Goes on with such a file behind its first `length` bytes.
    fn go_on(&self, place: &Self::Place, length: u64) -> Result<Box<dyn WriteFile>, DiskError>;

    /// Opens a file that is not listed, on a handle of its own.
    fn open_unlisted(&self, place: &Self::Place) -> Result<Arc<dyn ReadFile>, DiskError>;

    /// Gives up a file that is not listed. Cannot fail for the caller; what stays is the shelf's to tell.
    fn discard(&self, place: Self::Place);

    /// Keeps the (synced) file at `place` for a person to look at, never to be listed. `None`: it is not kept, and is still to be given up.
    fn put_aside(
        &self,
        place: &Self::Place,
        aside: &Aside,
        limits: &Limits,
    ) -> Result<Option<PathBuf>, DiskError> {
        let _ = (place, aside, limits);
        Ok(None)
    }

    /// Makes the (synced) file at `place` and its commit durable, both or none. Calls never overlap.
    fn keep(&self, place: &Self::Place, stored: &StoredCommit, limits: &Limits) -> Result<(), PublishError>;

    /// What was kept is on the list now.
    fn listed(&self) {}

    /// Opens a listed file.
    fn open(&self, stored: &StoredCommit) -> Result<Arc<dyn ReadFile>, DiskError>;

    /// Forgets a listed file and its commit, durably. Calls never overlap, also not with `keep`.
    fn forget(&self, stored: &StoredCommit) -> Result<(), NotForgotten>;

    /// Marks a listed file as withdrawn, durably; `false`: it is marked already. Calls never overlap.
    fn withdraw(&self, file: FileUuid) -> Result<bool, DiskError>;

    /// Those that are marked.
    fn withdrawn(&self) -> Result<HashSet<FileUuid>, DiskError>;

    /// Which listed files are put together from that of another commit, and from which, each by its place in the order of arrival.
    fn needs_others(&self) -> HashMap<u64, u64> {
        HashMap::new()
    }

    /// What is wrong and was left as it is.
    fn problems(&self) -> Vec<Problem>;
}

/// A removal that met an error.
#[derive(Debug)]
pub(crate) struct NotForgotten {
    pub(crate) error: DiskError,
    /// Whether the commit is still in its place.
    pub(crate) still_there: bool,
}

/// A store on some shelf.
#[derive(Debug)]
pub(crate) struct Engine<S: Shelf> {
    pub(crate) shelf: S,
    pub(crate) limits: Limits,
    clock: Clock,
    /// The disk of the user's own files.
    outside: Arc<dyn Disk>,
    budget: Budget,
    buffers: Buffers,
    pub(crate) list: RwLock<Catalogue>,
    parts: Mutex<Parts<S::Place>>,
    /// Taken by who publishes or removes. Holds the next sequence number, `None` when there is none left.
    turn: Mutex<Option<u64>>,
}

/// Who has it publishes or removes.
pub(crate) type Turn<'a> = MutexGuard<'a, Option<u64>>;

/// What a shelf had when the store was opened.
#[derive(Debug)]
pub(crate) struct Inventory<P> {
    pub(crate) listed: Vec<StoredCommit>,
    /// What the files of some of them take on the disk instead of their length.
    pub(crate) on_disk: HashMap<u64, u64>,
    pub(crate) highest_sequence: u64,
    /// The last one was written to last.
    pub(crate) parts: Vec<Found<P>>,
}

impl<P> Default for Inventory<P> {
    fn default() -> Self {
        Self { listed: Vec::new(), on_disk: HashMap::new(), highest_sequence: 0, parts: Vec::new() }
    }
}

impl<S: Shelf> Engine<S> {
    pub(crate) fn new(
        shelf: S,
        inventory: Inventory<S::Place>,
        limits: Limits,
        clock: Clock,
        outside: Arc<dyn Disk>,
    ) -> Self {
        let budget = Budget::new(limits.total_bytes);
        let mut list = Catalogue::default();
        for stored in inventory.listed {
            let bytes =
                budget.take_existing(*inventory.on_disk.get(&stored.sequence).unwrap_or(&stored.length));
            list.insert(stored, bytes);
        }
        let next = inventory.highest_sequence.checked_add(1);
        let (list, turn, parts) = (RwLock::new(list), Mutex::new(next), Mutex::default());
        let engine =
            Self { shelf, limits, clock, outside, budget, buffers: Buffers::default(), list, turn, parts };
        engine.find_parts(inventory.parts);
        engine
    }

    pub(crate) fn commits(&self) -> Vec<StoredCommit> {
        self.list.read().unwrap_or_else(PoisonError::into_inner).all()
    }

    /// The store's time.
    pub(crate) fn now(&self) -> SystemTime {
        self.clock.now()
    }

    pub(crate) fn commit(&self, file: FileUuid) -> Option<StoredCommit> {
        self.list.read().unwrap_or_else(PoisonError::into_inner).find(file).cloned()
    }

    pub(crate) fn begin(self: &Arc<Self>, expect: Expect) -> Result<Arriving<S>, WriteError> {
        Arriving::begin(self, expect)
    }

    pub(crate) fn open(&self, file: FileUuid) -> Result<StoredFile, ReadError> {
        let list = self.list.read().unwrap_or_else(PoisonError::into_inner).to_read(file);
        let (stored, readers) = list.ok_or(ReadError::FileNotListed { file })?;
        match self.shelf.open(&stored) {
            Ok(open) => Ok(StoredFile::complete(open, stored.length).counted(readers)),
            // Removed between the look at the list and the opening.
            Err(DiskError::NotFound { .. }) if self.commit(file).is_none() => {
                Err(ReadError::FileNotListed { file })
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) fn remove(&self, file: FileUuid) -> Result<(), RemoveError> {
        self.remove_in_turn(file, &self.turn())
    }

    fn remove_in_turn(&self, file: FileUuid, _turn: &Turn<'_>) -> Result<(), RemoveError> {
        let stored = self.commit(file).ok_or(RemoveError::FileNotListed { file })?;
        let forgotten = self.shelf.forget(&stored);
        if !matches!(forgotten, Err(NotForgotten { still_there: true, .. })) {
            self.list.write().unwrap_or_else(PoisonError::into_inner).remove(file);
        }
        forgotten.map_err(|failure| failure.error.into())
    }

    pub(crate) fn withdraw(&self, file: FileUuid) -> Result<bool, WithdrawError> {
        let _turn = self.turn();
        self.commit(file).ok_or(WithdrawError::FileNotListed { file })?;
        Ok(self.shelf.withdraw(file)?)
    }

    pub(crate) fn withdrawn(&self) -> Result<HashSet<FileUuid>, ListError> {
        let mut marked = self.shelf.withdrawn()?;
        let list = self.list.read().unwrap_or_else(PoisonError::into_inner);
        marked.retain(|file| list.find(*file).is_some());
        Ok(marked)
    }

    pub(crate) fn put_away(
        &self,
        file: FileUuid,
        folder: &Path,
        wish: Wish<'_>,
        give_up: Option<&Path>,
        cancel: &Cancel,
    ) -> Result<PutAway, PutAwayError> {
        let stored = self.commit(file).ok_or(ReadError::FileNotListed { file })?;
        let open = self.open(file)?;
        let saving = put_away::Saving {
            disk: &*self.outside,
            buffers: &self.buffers,
            folder,
            file,
            hash: stored.hash,
            length: stored.length,
            attempts: self.limits.name_attempts,
            cancel,
            give_up,
        };
        saving.save(&open, wish)
    }

    pub(crate) fn problems(&self) -> Vec<Problem> {
        self.shelf.problems()
    }

    /// Lists a whole file.
    // req: STO-08
    fn publish(&self, whole: Whole<S>, commit: &Commit, group: &str) -> Result<StoredCommit, PublishError> {
        if let Some(told) = commit.blake3.filter(|told| *told != whole.hash) {
            return Err(PublishError::ContentIsNotTheCommits { file: commit.file, told, found: whole.hash });
        }
        if let Some(listed) = self.listed_as(commit.file, whole.hash)? {
            return Ok(listed);
        }
        let Whole { mut file, mut place, mut bytes, hash, length, .. } = whole;
        place.sync(&mut *file)?;
        // Some systems do not rename what is open for writing.
        drop(file);
        let mut turn = self.turn();
        if let Some(listed) = self.listed_as(commit.file, hash)? {
            return Ok(listed);
        }
        let listed = self.list.read().unwrap_or_else(PoisonError::into_inner).len();
        if listed >= self.limits.commits && !(self.limits.oldest_go && self.oldest_goes(&turn)) {
            return Err(PublishError::CommitListFull { listed, allowed: self.limits.commits });
        }
        let sequence = turn.ok_or(PublishError::SequenceExhausted)?;
        let (seen, group) = (self.clock.now(), group.to_owned());
        let stored = StoredCommit { commit: commit.clone(), sequence, seen, hash, length, group };
        place.keep(&stored, &self.limits)?;
        *turn = sequence.checked_add(1);
        bytes.shrink_to(length);
        self.list.write().unwrap_or_else(PoisonError::into_inner).insert(stored.clone(), bytes);
        self.shelf.listed();
        Ok(stored)
    }

    /// The commit that lists this file with this content already.
    fn listed_as(&self, file: FileUuid, offered: [u8; 32]) -> Result<Option<StoredCommit>, PublishError> {
        match self.commit(file) {
            Some(stored) if stored.hash == offered => Ok(Some(stored)),
            Some(stored) => {
                Err(PublishError::FileListedWithOtherContent { file, listed: stored.hash, offered })
            }
            None => Ok(None),
        }
    }

    pub(crate) fn turn(&self) -> Turn<'_> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes the [`Store`](crate::Store) of a handle that holds an engine.
macro_rules! store_by_engine {
    ($store:ty) => {
        impl $crate::store::Store for $store {
            fn commits(&self) -> Result<Vec<StoredCommit>, $crate::error::ListError> {
                Ok(self.engine.commits())
            }

            fn commit(&self, file: FileUuid) -> Result<Option<StoredCommit>, $crate::error::ListError> {
                Ok(self.engine.commit(file))
            }

            fn import(
                &self,
                source: &Path,
                progress: &dyn Fn(u64),
                cancel: &Cancel,
            ) -> Result<Box<dyn Pending>, $crate::error::ImportError> {
                Ok(Box::new(self.engine.import(source, progress, cancel)?))
            }

            fn begin(&self, expect: Expect) -> Result<Box<dyn Writer>, $crate::error::WriteError> {
                Ok(Box::new(self.engine.begin(expect)?))
            }

            fn part(&self, of: &PartOf) -> u64 {
                self.engine.part(of)
            }

            fn begin_part(
                &self,
                of: &PartOf,
                from: u64,
            ) -> Result<Box<dyn Writer>, $crate::error::WriteError> {
                Ok(Box::new(self.engine.begin_part(of, from)?))
            }

            fn open(&self, file: FileUuid) -> Result<StoredFile, $crate::error::ReadError> {
                self.engine.open(file)
            }

            fn remove(&self, file: FileUuid) -> Result<(), $crate::error::RemoveError> {
                self.engine.remove(file)
            }

            fn withdraw(&self, file: FileUuid) -> Result<bool, $crate::error::WithdrawError> {
                self.engine.withdraw(file)
            }

            fn withdrawn(&self) -> Result<std::collections::HashSet<FileUuid>, $crate::error::ListError> {
                self.engine.withdrawn()
            }

            fn put_away(
                &self,
                file: FileUuid,
                folder: &Path,
                name_hint: &str,
                cancel: &Cancel,
            ) -> Result<PutAway, $crate::error::PutAwayError> {
                self.engine.put_away(file, folder, $crate::put_away::Wish::Hint(name_hint), None, cancel)
            }

            fn problems(&self) -> Vec<Problem> {
                self.engine.problems()
            }
        }
    };
}
pub(crate) use store_by_engine;

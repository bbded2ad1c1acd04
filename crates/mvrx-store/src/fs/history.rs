//! Turns the files of older commits into recipes over another one, and back where they are opened.
//!
//! ```text
//!  json + mvr ──recipe synced, verified, renamed, synced──► json + mvr + recipe ──mvr removed──► json + recipe
//!                                                                  │
//!                              a crash here: next start            ▼ removes the recipe: json + mvr
//! ```
//! A recipe is made over a file that is whole, never over another recipe, and the file goes only after the synced recipe gave it back with
//! its hash. A whole file over which recipes were made stays as long as one of them is there, also after its own commit was removed
//! (`removed + mvr`). Where a recipe cannot be read, no whole file of a removed commit goes: it may be the one.
//! Which file a recipe was made over is told by the hash at its beginning.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, MutexGuard, PoisonError, Weak};

use mvrx_recipe::{MakeError, Needs, RebuildError, Source};

use super::FsStore;
use super::names::{Name, Stem};
use super::shelf::{FsShelf, stem};
use crate::cancel::Cancel;
use crate::disk::{Disk, DiskAction, DiskError, Naming, ReadFile, Stat, WriteFile};
use crate::store::StoredCommit;

/// Which files became recipes.
#[derive(Debug, Default)]
pub(super) struct History {
    /// Over which whole file each was made.
    over: HashMap<Stem, Stem>,
    /// Removed commits whose whole files are still needed.
    idle: HashSet<Stem>,
    /// Some recipe could not be used: whole files of removed commits stay.
    unresolved: bool,
    /// Over what a recipe was tried without gain.
    tried: HashMap<Stem, Vec<Stem>>,
    /// Files that are being moved away.
    leaving: HashSet<Stem>,
    /// Files that were put together and are open.
    open: HashMap<Stem, Weak<Together>>,
}

/// What goes with a commit that is forgotten.
pub(super) enum Forgotten {
    /// Its file or recipe, and with a recipe the file of a removed commit that nothing else needs.
    Unneeded { idle: Option<Stem> },
    /// Nothing: its file is needed.
    Needed,
}

/// What [`FsStore::compact`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Compaction {
    /// Files that became recipes.
    pub compacted: usize,
    /// Bytes that this took less on the disk.
    pub saved: u64,
    /// Older files that stay whole: others were made over them, or they have too little in common with any.
    pub whole: usize,
}

impl FsStore {
    /// Turns the files of all commits but the newest `whole` (at least 1) into recipes over another one, where that gains something. They
    /// are still listed and can be opened: a file is then put together again first, which takes about as long as reading it twice.
    ///
    /// Meant for a thread in the background: it takes no turn from who publishes or removes but for the last step of each file. Ends at
    /// the next piece when `cancel` is thrown; what was done stays done.
    ///
    /// # Errors
    /// What the disk says. Nothing is lost by it, and what was done stays done.
    // req: STO-22
    pub fn compact(&self, whole: usize, cancel: &Cancel) -> Result<Compaction, DiskError> {
        let mut done = Compaction::default();
        let listed = self.engine.commits();
        let older = listed.len().saturating_sub(whole.max(1));
        for stored in listed.iter().take(older) {
            let shelf = &self.engine.shelf;
            if shelf.base_of(stem(stored)).is_some() {
                continue;
            }
            match self.compact_one(stored, &listed, cancel)? {
                Some(saved) => {
                    done.compacted += 1;
                    done.saved += saved;
                }
                None => done.whole += 1,
            }
            if cancel.is_cancelled() {
                break;
            }
        }
        Ok(done)
    }

    /// Bytes that were gained; `None` where the file stays whole.
    fn compact_one(
        &self,
        stored: &StoredCommit,
        listed: &[StoredCommit],
        cancel: &Cancel,
    ) -> Result<Option<u64>, DiskError> {
        let shelf = &self.engine.shelf;
        if !shelf.is_free(stem(stored)) {
            return Ok(None);
        }
        let there = |stored: &StoredCommit| self.engine.commit(stored.commit.file).as_ref() == Some(stored);
        for base in shelf.bases_for(stored, listed) {
            // Others may remove it meanwhile, or make a recipe of it.
            let whole = || {
                there(stored) && there(base) && shelf.is_free(stem(stored)) && shelf.stays_whole(stem(base))
            };
            let made = match shelf.make_recipe(stored, base, cancel) {
                Err(DiskError::NotFound { .. }) if !whole() => continue,
                made => made?,
            };
            let Some((temporary, bytes)) = made else { continue };
            let _turn = self.engine.turn();
            if !whole() {
                shelf.clean(temporary);
                continue;
            }
            shelf.keep_recipe(temporary, stem(stored), stem(base))?;
            let mut list = self.engine.list.write().unwrap_or_else(PoisonError::into_inner);
            list.shrink(stored.commit.file, bytes);
            return Ok(Some(stored.length.saturating_sub(bytes)));
        }
        Ok(None)
    }
}

impl FsShelf {
    fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the start found.
    pub(super) fn remember(&self, over: HashMap<Stem, Stem>, idle: Vec<Stem>, unresolved: bool) {
        let idle = idle.into_iter().collect();
        *self.history() = History { over, idle, unresolved, ..History::default() };
    }

    /// The whole file over which the recipe of this one was made, if it became one.
    pub(super) fn base_of(&self, stem: Stem) -> Option<Stem> {
        self.history().over.get(&stem).copied()
    }

    /// Over which each was made, by their places in the order of arrival.
    pub(super) fn made_over(&self) -> HashMap<u64, u64> {
        self.history().over.iter().map(|(stem, base)| (stem.sequence, base.sequence)).collect()
    }

    /// Whether the file is whole and nothing was made over it.
    pub(super) fn is_free(&self, stem: Stem) -> bool {
        let history = self.history();
        let whole = !history.over.contains_key(&stem) && !history.leaving.contains(&stem);
        whole && !history.unresolved && history.made_over(stem) == 0
    }

    fn stays_whole(&self, stem: Stem) -> bool {
        let history = self.history();
        !history.over.contains_key(&stem) && !history.leaving.contains(&stem)
    }

    /// From now on nothing is made of this file or over it: it is about to be moved away. `false` where that cannot be.
    pub(super) fn leave(&self, stem: Stem) -> bool {
        let free = self.is_free(stem);
        free && self.history().leaving.insert(stem)
    }

    pub(super) fn forget_history(&self, stem: Stem) -> Forgotten {
        let mut history = self.history();
        let Some(base) = history.over.remove(&stem) else {
            if history.unresolved || history.made_over(stem) > 0 {
                history.idle.insert(stem);
                return Forgotten::Needed;
            }
            return Forgotten::Unneeded { idle: None };
        };
        let free = !history.unresolved && history.made_over(base) == 0;
        Forgotten::Unneeded { idle: (free && history.idle.remove(&base)).then_some(base) }
    }

    /// Over which of the listed ones a recipe may be made: the nearest over which some were made already, as long as these are not too many,
    /// then the newest. Were each made over the newest of its time, every third file would stay whole.
    fn bases_for<'a>(&self, stored: &StoredCommit, listed: &'a [StoredCommit]) -> Vec<&'a StoredCommit> {
        let history = self.history();
        let tried = history.tried.get(&stem(stored)).map_or(&[][..], Vec::as_slice);
        if tried.len() >= TRIES {
            return Vec::new();
        }
        let made_over = |base: &StoredCommit| history.made_over(stem(base));
        let may = |base: &&StoredCommit| {
            let base = stem(base);
            let whole = !history.over.contains_key(&base) && !history.leaving.contains(&base);
            whole && base != stem(stored) && !tried.contains(&base)
        };
        let used: HashSet<Stem> = history.over.values().copied().collect();
        let mut bases: Vec<_> = listed.iter().filter(|base| used.contains(&stem(base))).filter(may).collect();
        bases.retain(|base| made_over(base) < MADE_OVER_ONE);
        bases.sort_by_key(|base| base.sequence.abs_diff(stored.sequence));
        bases.truncate(BASES);
        for newest in
            listed.iter().rev().filter(|base| base.sequence > stored.sequence).filter(may).take(BASES)
        {
            if !bases.contains(&newest) && made_over(newest) < MADE_OVER_ONE {
                bases.push(newest);
            }
        }
        bases
    }

    /// A synced recipe for `stored` over `base` that was seen to give it back, and its length; `None` where there is no gain in one.
    fn make_recipe(
        &self,
        stored: &StoredCommit,
        base: &StoredCommit,
        cancel: &Cancel,
    ) -> Result<Option<(Name, u64)>, DiskError> {
        let (target, whole) = (self.source(&self.path_of(stored))?, self.source(&self.path_of(base))?);
        let (mut file, temporary) = self.create_temporary()?;
        let path = self.path(temporary);
        let mut made = self.write_recipe(&whole, &target, &mut *file, &path, cancel);
        drop(file);
        if let Ok(Some(bytes)) = made {
            made =
                self.accept_recipe(&path, &whole, stored, base, cancel).map(|right| right.then_some(bytes));
        }
        if !matches!(made, Ok(Some(_))) {
            self.clean(temporary);
        }
        let made = made?.map(|bytes| (temporary, bytes));
        if made.is_none() && !cancel.is_cancelled() {
            self.history().tried.entry(stem(stored)).or_default().push(stem(base));
        }
        Ok(made)
    }

    fn write_recipe(
        &self,
        base: &OnDisk,
        target: &OnDisk,
        file: &mut dyn WriteFile,
        path: &Path,
        cancel: &Cancel,
    ) -> Result<Option<u64>, DiskError> {
        let limits = mvrx_recipe::Limits::default();
        let mut out = io::BufWriter::with_capacity(PIECE, Out(&mut *file));
        let made = mvrx_recipe::make(base, target, &mut out, &limits, &mut |_| !cancel.is_cancelled());
        let made = match made {
            Ok(made) => out.flush().map(|()| made).map_err(MakeError::Write),
            error => error,
        };
        // What could not be written is not tried again when the buffer goes.
        drop(out.into_parts());
        match made {
            Ok(made) => {
                file.sync().named(DiskAction::Sync, path)?;
                Ok(Some(made.recipe_bytes))
            }
            Err(MakeError::Base(error)) => Err(DiskError::name(DiskAction::Read, &base.path, &error)),
            Err(MakeError::Target(error)) => Err(DiskError::name(DiskAction::Read, &target.path, &error)),
            Err(MakeError::Write(error)) => Err(DiskError::name(DiskAction::Write, path, &error)),
            Err(_) => Ok(None),
        }
    }

    /// Whether the recipe at `path`, as it is on the disk, gives the file of `stored` over that of `base`.
    fn accept_recipe(
        &self,
        path: &Path,
        whole: &OnDisk,
        stored: &StoredCommit,
        base: &StoredCommit,
        cancel: &Cancel,
    ) -> Result<bool, DiskError> {
        let recipe = self.source(path)?;
        let limits = mvrx_recipe::Limits::default();
        let given = mvrx_recipe::needs(&recipe).and_then(|needs| {
            Ok((needs, mvrx_recipe::verify(whole, &recipe, &limits, &mut |_| !cancel.is_cancelled())?))
        });
        match given {
            Ok((needs, given)) => {
                Ok((given.hash, given.length, needs.base) == (stored.hash, stored.length, base.hash))
            }
            Err(RebuildError::Base(error)) => Err(DiskError::name(DiskAction::Read, &whole.path, &error)),
            Err(RebuildError::Recipe(error)) => Err(DiskError::name(DiskAction::Read, path, &error)),
            Err(_) => Ok(false),
        }
    }

    /// Gives the recipe its name, and then gives up the file.
    fn keep_recipe(&self, temporary: Name, stem: Stem, base: Stem) -> Result<(), DiskError> {
        let kept = self
            .remove(Name::Recipe(stem))
            .and_then(|()| self.rename(temporary, Name::Recipe(stem)))
            .and_then(|()| self.sync());
        if let Err(error) = kept {
            // Whichever of the two names it has: the file is there and counts.
            self.clean(temporary);
            self.clean(Name::Recipe(stem));
            return Err(error);
        }
        self.history().over.insert(stem, base);
        self.clean(Name::File(stem));
        Ok(())
    }

    /// What a recipe is made over.
    pub(super) fn needs(&self, stem: Stem) -> Result<Needs, RebuildError> {
        let path = self.path(Name::Recipe(stem));
        let file = self.disk.open(&path).map_err(RebuildError::Recipe)?;
        mvrx_recipe::needs(&OnDisk { file, path })
    }

    pub(super) fn source(&self, path: &Path) -> Result<OnDisk, DiskError> {
        let file = self.disk.open(path).named(DiskAction::Open, path)?;
        Ok(OnDisk { file, path: path.to_path_buf() })
    }

    /// The file of a commit that became a recipe, in a temporary file that goes when nobody reads it any more.
    pub(super) fn put_together(
        &self,
        stored: &StoredCommit,
        base: Stem,
    ) -> Result<Arc<dyn ReadFile>, DiskError> {
        let stem = stem(stored);
        if let Some(open) = self.history().open.get(&stem).and_then(Weak::upgrade) {
            return Ok(open);
        }
        let whole = self.source(&self.path(Name::File(base)))?;
        let recipe = self.source(&self.path(Name::Recipe(stem)))?;
        let (mut file, path) = self.create_scratch()?;
        let limits = mvrx_recipe::Limits { file_bytes: stored.length, ..mvrx_recipe::Limits::default() };
        let mut out = io::BufWriter::with_capacity(PIECE, Out(&mut *file));
        let given = mvrx_recipe::rebuild(&whole, &recipe, &mut out, &limits, &mut |_| true);
        let given = given.and_then(|given| out.flush().map(|()| given).map_err(RebuildError::Write));
        drop(out.into_parts());
        drop(file);
        let named = |action, path: &Path, error: &io::Error| DiskError::name(action, path, error);
        let opened = match given {
            Ok(given) if given.hash == stored.hash => self.disk.open(&path).named(DiskAction::Open, &path),
            Ok(_) => Err(named(DiskAction::Read, &recipe.path, &io::ErrorKind::InvalidData.into())),
            Err(RebuildError::Base(error)) => Err(named(DiskAction::Read, &whole.path, &error)),
            Err(RebuildError::Write(error)) => Err(named(DiskAction::Write, &path, &error)),
            Err(RebuildError::Recipe(error)) => Err(named(DiskAction::Read, &recipe.path, &error)),
            Err(error) => Err(named(
                DiskAction::Read,
                &recipe.path,
                &io::Error::new(io::ErrorKind::InvalidData, error.to_string()),
            )),
        };
        let together = Together { file: opened.as_ref().ok().cloned(), disk: Arc::clone(&self.disk), path };
        opened?;
        let together = Arc::new(together);
        let mut history = self.history();
        history.open.retain(|_, open| open.strong_count() > 0);
        history.open.insert(stem, Arc::downgrade(&together));
        Ok(together)
    }

    fn create_scratch(&self) -> Result<(Box<dyn WriteFile>, PathBuf), DiskError> {
        let Some(folder) = &self.scratch else {
            return self.create_temporary().map(|(file, name)| (file, self.path(name)));
        };
        loop {
            let number = NEXT_SCRATCH.fetch_add(1, Ordering::Relaxed);
            let path = folder.join(format!("mvrx-{}-{number}.part", std::process::id()));
            match self.disk.create(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                created => return Ok((created.named(DiskAction::Create, &path)?, path)),
            }
        }
    }
}

impl History {
    /// How many recipes were made over this file.
    fn made_over(&self, base: Stem) -> usize {
        self.over.values().filter(|stem| **stem == base).count()
    }
}

/// An open file with its name, for errors.
pub(super) struct OnDisk {
    file: Arc<dyn ReadFile>,
    path: PathBuf,
}

impl Source for OnDisk {
    fn length(&self) -> io::Result<u64> {
        Ok(self.file.stat()?.length)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read_at(offset, buffer)
    }
}

/// A file of the disk as a writer.
struct Out<'a>(&'a mut dyn WriteFile);

impl Write for Out<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A file that was put together, until nobody reads it any more.
struct Together {
    file: Option<Arc<dyn ReadFile>>,
    disk: Arc<dyn Disk>,
    path: PathBuf,
}

impl Together {
    fn file(&self) -> io::Result<&Arc<dyn ReadFile>> {
        self.file.as_ref().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl ReadFile for Together {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.file()?.read_at(offset, buffer)
    }

    fn stat(&self) -> io::Result<Stat> {
        self.file()?.stat()
    }

    fn std_file(&self) -> Option<&Arc<std::fs::File>> {
        self.file.as_ref().and_then(|file| file.std_file())
    }
}

impl Drop for Together {
    fn drop(&mut self) {
        // Some systems do not remove what is open. What cannot be removed goes at the next start.
        self.file = None;
        let _ = self.disk.remove(&self.path);
    }
}

impl fmt::Debug for Together {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Together").field("path", &self.path).finish_non_exhaustive()
    }
}

static NEXT_SCRATCH: AtomicU64 = AtomicU64::new(0);
/// Recipes that are made over one file; then another one is taken. Each such file stays whole.
const MADE_OVER_ONE: usize = 128;
/// Files that are tried of each kind.
const BASES: usize = 2;
/// Files over which a recipe of one is tried; then it stays whole until the next start.
const TRIES: usize = 4;
const PIECE: usize = 256 << 10;

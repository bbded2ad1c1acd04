//! A store in a folder.
//!
//! ```text
//! <directory>/mvrx.lock                         held by the running station
//! <directory>/commits/store.json                the schema of the store
//! <directory>/commits/000000000007-<file>.json  the record of a listed commit
//! <directory>/commits/000000000007-<file>.mvr   its file
//! <directory>/commits/000000000007-<file>.recipe  or what gives its file over another one (`history`)
//! <directory>/commits/store.index               what the records say, where there are many (`index`)
//! <directory>/commits/incoming-00….part         a file or record that is being written
//! <directory>/commits/partial-<file>-….part     a file that broke off in the middle, or is being written
//! <directory>/aside/000001-<file>-….bad         a bad file that is kept for a person to look at
//! <directory>/tags/<name>@<file>.tag            a name that a person gave to a commit (`tags`)
//! <directory>/withdrawn/<file>.withdrawn        says that who made a commit has taken it back (`withdrawals`)
//! ```
//! Names say where a commit is in its life, so that a start after a crash finds out by listing one folder:
//!
//! ```text
//!                 record synced        file renamed, synced      record renamed, synced
//!  incoming.part ───────────────► publishing ─────────► publishing + mvr ─────────► json + mvr   listed
//!                                     │                        │                          │
//!         a crash here: next start    ▼                        ▼                          │ remove: record
//!         takes it back            cleaned                  cleaned                       ▼ renamed, synced
//!                                                                                  removed + mvr ──► removed
//! ```
//! The step to `json` is what publishes and the step to `removed` is what removes; before each, everything it relies
//! on is synced, and after it the folder is, before the caller hears of it. The newest `removed` stays, so that no
//! sequence number is used twice. Nothing else in the folder is ever touched.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;

use mvrx_message::FileUuid;

use crate::cancel::Cancel;
use crate::clock::Clock;
use crate::disk::{Disk, DiskAction, DiskError, Links, Naming, RealDisk, SystemCalls};
use crate::engine::{Engine, store_by_engine};
use crate::error::{OpenStoreError, PutAwayError, ReadError};
use crate::limits::Limits;
use crate::lock::DirLock;
use crate::problem::Problem;
use crate::put_away::Wish;
use crate::retention::Retention;
use crate::store::{Expect, PartOf, Pending, PutAway, StoredCommit, Writer};
use crate::stored_file::StoredFile;

mod aside;
mod background;
mod fsck;
mod history;
mod index;
mod names;
mod recover;
mod retain;
mod shelf;
mod tags;
mod view;
mod withdrawals;

pub use background::{HistoryListener, HistoryRound, MayGo};
pub use fsck::{Fsck, fsck};
pub use history::Compaction;
pub use tags::{Tag, TagError, Tags};
pub use view::FsView;
pub use withdrawals::Withdrawals;

pub(crate) use aside::Aside;
use background::{Background, Wanted};
use shelf::FsShelf;

/// Commits and files in a folder, safe against crashes. Clones are the same store.
///
/// ```
/// use mvrx_store::{Expect, FsStore, Store};
/// # let directory = std::env::temp_dir().join(format!("fs-store-{}", std::process::id()));
/// let store = FsStore::open(&directory)?;
/// let mut writer = store.begin(Expect::Unknown)?;
/// writer.write(b"rig")?;
/// let pending = writer.finish()?;
/// assert_eq!(pending.length(), 3);
/// # drop((pending, store));
/// # std::fs::remove_dir_all(directory).ok();
/// # Ok::<(), mvrx_store::StoreError>(())
/// ```
#[derive(Debug, Clone)]
pub struct FsStore {
    engine: Arc<Engine<FsShelf>>,
    _background: Option<Arc<Background>>,
}

/// How an [`FsStore`] works.
#[derive(Debug, Clone, Default)]
pub struct FsOptions {
    /// What it holds at most.
    pub limits: Limits,
    /// Where it takes the time from.
    pub clock: Clock,
    /// Native system calls or their portable twins.
    pub system_calls: SystemCalls,
    /// How many of the newest files stay whole, at least 1, while the older ones become recipes over other ones in the background
    /// ([`FsStore::compact`]). `None`, the default: all stay whole until somebody calls it.
    pub whole: Option<usize>,
    /// Which commits go in the background: after each commit, and when one grows too old ([`FsStore::retain`]). The default keeps all.
    pub retention: Retention,
    /// Who is asked before one of them goes. `None`, the default: nobody, they go.
    pub may_go: Option<MayGo>,
    /// Who is told what was done in the background.
    pub told: Option<HistoryListener>,
    /// A lock that is held already, on the directory or one that contains it. Without one the directory is locked.
    pub lock: Option<DirLock>,
}

/// What [`FsStore::take_out`] calls the file.
#[derive(Debug, Clone, Copy)]
pub enum TakeOutName<'a> {
    /// A safe name made of this one, with a number where it is taken.
    Hint(&'a str),
    /// This name as it is: the user typed it.
    Exactly(&'a OsStr),
}

impl FsStore {
    /// Opens the store in `directory`, creates it where there is none, and cleans up what a crash left.
    ///
    /// # Errors
    /// See [`OpenStoreError`]. What is wrong with single commits is no error: see [`Store::problems`](crate::Store).
    pub fn open(directory: impl AsRef<Path>) -> Result<Self, OpenStoreError> {
        Self::open_with(directory, FsOptions::default())
    }

    /// As [`FsStore::open`], with options.
    ///
    /// # Errors
    /// As [`FsStore::open`].
    pub fn open_with(directory: impl AsRef<Path>, options: FsOptions) -> Result<Self, OpenStoreError> {
        let directory = directory.as_ref();
        let disk = RealDisk::new(options.system_calls);
        create_durably(&disk, directory)?;
        let lock = match &options.lock {
            Some(lock) if lock.covers(directory) => lock.clone(),
            Some(lock) => {
                return Err(OpenStoreError::LockCoversOtherDirectory {
                    locked: lock.directory().to_path_buf(),
                    wanted: directory.to_path_buf(),
                });
            }
            None => DirLock::acquire(directory)?,
        };
        Self::open_locked(Arc::new(disk), directory, options, Some(lock))
    }

    /// Opens a store on another disk, for tests. It takes no lock: the disk is the caller's alone.
    ///
    /// # Errors
    /// As [`FsStore::open`].
    pub fn open_on(
        disk: Arc<dyn Disk>,
        directory: &Path,
        options: FsOptions,
    ) -> Result<Self, OpenStoreError> {
        Self::open_locked(disk, directory, options, None)
    }

    /// Moves a listed file out of the store, for a store that is about to be thrown away: as [`Store::put_away`](crate::Store::put_away),
    /// but by a rename where the folder is on the store's disk, so that nothing is copied.
    ///
    /// The commit is no longer listed then. Who has the file open reads on.
    ///
    /// # Errors
    /// See [`PutAwayError`]; the file is still listed then.
    // req: STO-13
    pub fn take_out(
        &self,
        file: FileUuid,
        folder: &Path,
        name: TakeOutName<'_>,
        cancel: &Cancel,
    ) -> Result<PutAway, PutAwayError> {
        let stored = self.engine.commit(file).ok_or(ReadError::FileNotListed { file })?;
        let from = self.engine.shelf.path_of(&stored);
        let exact;
        let wish = match name {
            TakeOutName::Hint(hint) => Wish::Hint(hint),
            TakeOutName::Exactly(name) => {
                exact = folder.join(name);
                Wish::Exactly(&exact)
            }
        };
        // What became a recipe is put together, and what others were made over has to stay.
        let free = {
            let _turn = self.engine.turn();
            self.engine.shelf.leave(shelf::stem(&stored))
        };
        let give_up = free.then_some(from.as_path());
        let saved = self.engine.put_away(file, folder, wish, give_up, cancel)?;
        // The file is where it was wanted; a record that stays is cleaned up at the store's next start, if there is one.
        let _ = self.engine.remove(file);
        Ok(saved)
    }

    fn open_locked(
        disk: Arc<dyn Disk>,
        directory: &Path,
        options: FsOptions,
        lock: Option<DirLock>,
    ) -> Result<Self, OpenStoreError> {
        let folder = directory.join(COMMITS);
        create_durably(&*disk, &folder)?;
        let shelf = FsShelf::new(Arc::clone(&disk), folder, lock);
        let inventory = recover::recover(&shelf, &options.limits)?;
        let engine = Arc::new(Engine::new(shelf, inventory, options.limits, options.clock, disk));
        engine.shelf.withdrawals().keep(|file| engine.commit(file).is_some());
        let FsOptions { whole, retention, may_go, told, .. } = options;
        let wanted = Wanted { whole, retention, may_go, told };
        let background = Background::start(&engine, wanted).map(Arc::new);
        Ok(Self { engine, _background: background })
    }
}

store_by_engine!(FsStore);

/// Creates `folder` so that it is still there after a crash.
fn create_durably(disk: &dyn Disk, folder: &Path) -> Result<(), DiskError> {
    let missing = folder.ancestors().take_while(|path| !path.as_os_str().is_empty());
    let missing = missing.take_while(|path| disk.stat(path, Links::Follow).is_err()).count();
    disk.create_folders(folder).named(DiskAction::Create, folder)?;
    // One above the missing ones as well: a crash may have come between creating and syncing.
    for path in folder.ancestors().skip(1).take(missing.max(1)) {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        match disk.sync_folder(path).named(DiskAction::Sync, path) {
            // Folders of others above ours need not let us open them.
            Err(DiskError::PermissionDenied { .. }) => {}
            other => other?,
        }
    }
    Ok(())
}

/// The folder of files and records.
const COMMITS: &str = "commits";

#[cfg(test)]
mod tests;

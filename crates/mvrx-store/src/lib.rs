//! Keeps MVR-xchange commits and their files: on disk and in memory.
//!
//! Bytes of an arriving or imported file go in, a list of commits with their files comes out, in the order of arrival
//! and the same after every crash. It knows nothing of stations that are online, of connections, of what an
//! .mvr means (whether it came whole it can tell: [`look_through`]), or of when a commit should be forgotten, unless it is told
//! ([`Retention`]).
//!
//! | part | one sentence |
//! |---|---|
//! | [`Store`] | the trait: list, import, begin, open, remove, put away |
//! | [`FsStore`], [`MemStore`] | a folder that survives crashes, and memory that does not |
//! | [`FsView`], [`Tags`], [`fsck()`] | beside a running station: what is listed, names for commits, whether all of it is whole |
//! | [`Retention`] | which commits go by number, age and bytes |
//! | [`Writer`], [`Pending`] | an arriving file, and a whole one that is not listed yet |
//! | [`StoredFile`] | positioned reads by many, also of a file that is still arriving |
//! | [`DirLock`] | one directory, one running station |
//! | [`disk`] | the seam under `FsStore`, for disks that fail on purpose |
//! | `battery` | the tests that every store passes (feature `battery`) |
//!
//! Rules a caller keeps:
//! - All calls block. A reactor calls them on a thread of its own.
//! - A commit is there when [`Pending::publish`] returned, and only then may anybody be told of it.
//! - A [`Writer`] or [`Pending`] that is dropped gives its file up; nothing of it stays.
//! - One large piece per [`Writer::write`]; each is one write to the disk.
//!
//! [`Limits`] protects it: commits, bytes of all files, bytes of one file, bytes of one record. Each transfer holds one
//! buffer of 1 MiB at most, whatever a file's length is said to be.
//!
//! It mirrors no table of the specification but keeps the fields of Table 72 (MVR_COMMIT); its own promises are in
//! `docs/spec/store.toml`.
//!
//! ```
//! use mvrx_message::{Commit, FileUuid, MvrVersion};
//! use mvrx_store::{Cancel, Expect, MemStore, Store, Wait};
//!
//! let store = MemStore::new();
//! let mut writer = store.begin(Expect::Exactly(11))?;
//! writer.write(b"bytes of an")?;
//! let pending = writer.finish()?;
//! let commit = Commit {
//!     file: FileUuid::from_random_bytes([1; 16]),
//!     station: None,
//!     version: MvrVersion { major: 1, minor: 6 },
//!     file_size: pending.length(),
//!     for_stations: Vec::new(),
//!     comment: "re-hung LX2".to_owned(),
//!     file_name: "rig.mvr".to_owned(),
//!     blake3: None,
//!     author: None,
//!     group: None,
//!     order: None,
//!     missed: false,
//! };
//! let stored = pending.publish(&commit, "Default")?;
//! assert_eq!(store.commits()?, [stored]);
//!
//! let mut buffer = [0; 5];
//! store.open(commit.file)?.read_at(0, &mut buffer, &Wait::until_settled())?;
//! assert_eq!(&buffer, b"bytes");
//! # Ok::<(), mvrx_store::StoreError>(())
//! ```

#![forbid(unsafe_code)]

#[cfg(any(test, feature = "battery"))]
pub mod battery;
mod budget;
mod buffers;
mod cancel;
mod catalogue;
mod clock;
mod condition;
pub mod disk;
mod engine;
mod error;
mod fs;
mod growing;
mod limits;
mod lock;
mod mem;
mod mvr_version;
mod priority;
mod problem;
mod put_away;
mod record;
mod retention;
mod revision;
mod store;
mod stored_file;

pub use cancel::{Cancel, Wait};
pub use clock::Clock;
pub use condition::{Condition, LookError, look_through};
pub use error::{
    ImportError, ListError, OpenStoreError, PublishError, PutAsideError, PutAwayError, ReadError,
    RemoveError, StoreError, WithdrawError, WriteError,
};
pub use fs::{
    Compaction, FsOptions, FsStore, FsView, Fsck, HistoryListener, HistoryRound, MayGo, Tag, TagError, Tags,
    TakeOutName, Withdrawals, fsck,
};
pub use limits::Limits;
pub use lock::DirLock;
pub use mem::MemStore;
pub use mvr_version::{StoredReader, is_whole_archive, mvr_version};
pub use mvrx_file::Limits as ArchiveLimits;
pub use problem::{Problem, RecordDamage};
pub use put_away::leftovers::clear_leftovers;
pub use retention::{Beyond, Going, Keep, Retention};
pub use revision::{Form, Revision};
pub use store::{Bad, Expect, PartOf, Pending, PutAway, Store, StoredCommit, Writer};
pub use stored_file::{Extent, StoredFile};

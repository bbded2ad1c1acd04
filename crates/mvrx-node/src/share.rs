//! What is known of a file that is to be shared.
//!
//! It turns a path into what became of these bytes here before, so that a start does not commit once more what was committed from here, nor
//! bring back what was withdrawn. It commits nothing itself: whoever shares commits what nothing is known of, and says so in his words.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mvrx_message::{Commit, FileUuid, StationUuid};
use mvrx_station::{Station, Stopped};
use mvrx_store::Store;
use tokio::task::spawn_blocking;

/// What a station has done with these bytes before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// They are committed, and here.
    Committed(Box<Commit>),
    /// They were committed as this file, the latest of several, which was withdrawn.
    TakenBack(FileUuid),
}

/// Why nothing can be said of a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShareError {
    /// It cannot be read.
    #[error("{}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The station has stopped.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// The runtime ended before the disk was read.
    #[error("reading the disk was broken off")]
    BrokenOff,
}

/// What this station has done with the bytes of a file before; `None`: nothing, so they can be committed. Commits of others do not count.
/// The file is read once, on a thread for that; cancelled, it is read to its end there.
///
/// # Errors
/// See [`ShareError`].
pub async fn known(station: &Station, path: &Path) -> Result<Option<Known>, ShareError> {
    let owned = path.to_owned();
    let hash = on_disk(move || File::open(owned).and_then(hash_of)).await?;
    let hash = hash.map_err(|error| ShareError::File { path: path.to_owned(), error })?;
    let ours = station.uuid();
    let mut commits = station.commits().await?.into_iter();
    let same = commits
        .find(|info| info.held && info.commit.station == Some(ours) && info.commit.blake3 == Some(hash));
    if let Some(info) = same {
        return Ok(Some(Known::Committed(Box::new(info.commit))));
    }
    let store = station.store();
    Ok(on_disk(move || taken_back(&store, ours, hash)).await?.map(Known::TakenBack))
}

/// A commit of ours with these bytes that was withdrawn: whoever starts the station anew does not want it back by that. Reads the disk.
// req: STO-28
fn taken_back(store: &Arc<dyn Store>, ours: StationUuid, hash: [u8; 32]) -> Option<FileUuid> {
    let withdrawn = store.withdrawn().ok().filter(|withdrawn| !withdrawn.is_empty())?;
    let kept = store.commits().ok()?;
    let ours = kept.into_iter().filter(|stored| stored.commit.station == Some(ours));
    ours.filter(|stored| stored.hash == hash && withdrawn.contains(&stored.commit.file))
        .map(|stored| stored.commit.file)
        .next_back()
}

/// The BLAKE3 of all that is still to be read, in pieces.
pub(crate) fn hash_of(file: File) -> io::Result<[u8; 32]> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(file)?;
    Ok(*hasher.finalize().as_bytes())
}

async fn on_disk<T: Send + 'static>(read: impl FnOnce() -> T + Send + 'static) -> Result<T, ShareError> {
    spawn_blocking(read).await.map_err(|_| ShareError::BrokenOff)
}

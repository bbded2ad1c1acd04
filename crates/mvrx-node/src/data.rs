//! The data directory: identity and files of a running station, one station each.
//!
//! It turns a wish (a directory, or this user's own) into a directory that nobody else has, locked for as long as its store lives. Where the
//! user's own is in use by another station, the next one has a sub-directory by its name: `stations/FOH-desk`, `stations/FOH-desk-2`, up to 32.

use std::path::{Path, PathBuf};

use mvrx_message::StationUuid;
use mvrx_station::IdentityError;
use mvrx_store::{DirLock, FsOptions, FsStore, OpenStoreError};

/// An opened data directory, locked for as long as its store lives.
#[derive(Debug)]
pub struct Data {
    /// Whose it is.
    pub station: StationUuid,
    /// Its files.
    pub store: FsStore,
    /// Where it is.
    pub path: PathBuf,
}

/// Why there is no data directory.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The directory that was given is a file.
    #[error("{} is a file, and --data needs a folder", path.display())]
    IsAFile {
        /// The path.
        path: PathBuf,
    },
    /// Another station runs in the directory that was given.
    #[error("{} is in use by another station; give this one a directory of its own with --data", path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// So many stations of this name run in this user's own directory.
    #[error("{most} stations with the name {name} run on this machine already")]
    TooManyStations {
        /// How many there may be.
        most: u32,
        /// The name.
        name: String,
    },
    /// This user has no directory of his own.
    #[error("this user has no home directory; say where to keep data with --data")]
    NoHome,
    /// The store does not open.
    #[error(transparent)]
    Store(#[from] OpenStoreError),
    /// The directory gives no identity.
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

/// Opens the given directory, or the user's own; when that one is in use by another station, a sub-directory by our name. With `spare_own` the
/// limits of the history leave alone what the station itself committed. Blocks on the disk.
///
/// # Errors
/// See [`DataError`].
pub fn open(
    given: Option<&Path>,
    name: &str,
    options: &FsOptions,
    spare_own: bool,
) -> Result<Data, DataError> {
    if let Some(path) = given {
        if path.exists() && !path.is_dir() {
            return Err(DataError::IsAFile { path: path.to_owned() });
        }
        return open_at(path, options, spare_own)?.ok_or_else(|| DataError::InUse { path: path.to_owned() });
    }
    let base = user_directory()?;
    if let Some(data) = open_at(&base, options, spare_own)? {
        return Ok(data);
    }
    let folder = folder_name(name);
    for number in 1..=STATIONS {
        let folder = if number == 1 { folder.clone() } else { format!("{folder}-{number}") };
        if let Some(data) = open_at(&base.join("stations").join(folder), options, spare_own)? {
            return Ok(data);
        }
    }
    Err(DataError::TooManyStations { most: STATIONS, name: name.to_owned() })
}

/// Opens a directory; `None` when another station runs in it.
fn open_at(path: &Path, options: &FsOptions, spare_own: bool) -> Result<Option<Data>, DataError> {
    let mut options = options.clone();
    if spare_own {
        // Whose the commits are has to be known before any goes, and under the lock.
        let Some(lock) = lock(path)? else { return Ok(None) };
        options.retention.spare = Some(mvrx_station::load_or_create(path)?);
        options.lock = Some(lock);
    }
    let Some(store) = unless_in_use(FsStore::open_with(path, options))? else { return Ok(None) };
    let station = mvrx_station::load_or_create(path)?;
    Ok(Some(Data { station, store, path: path.to_owned() }))
}

/// The lock of a directory; `None` when another station runs in it.
fn lock(path: &Path) -> Result<Option<DirLock>, DataError> {
    let new = if path.is_dir() { None } else { Some(FsStore::open(path)) };
    // It made the folder so that a crash leaves it.
    let locked = new.transpose().and_then(|made| {
        drop(made);
        DirLock::acquire(path)
    });
    Ok(unless_in_use(locked)?)
}

/// What was opened; `None` when another station runs in the directory.
fn unless_in_use<T>(opened: Result<T, OpenStoreError>) -> Result<Option<T>, OpenStoreError> {
    match opened {
        Ok(opened) => Ok(Some(opened)),
        Err(OpenStoreError::DirectoryInUse { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The data directories to look into: the given one, whether it is there or not, or all the user's own.
///
/// # Errors
/// Where none is given and the user has none.
pub fn directories(given: Option<&Path>) -> Result<Vec<PathBuf>, DataError> {
    if let Some(path) = given {
        return Ok(vec![path.to_owned()]);
    }
    let base = user_directory()?;
    let mut all = vec![base.clone()];
    if let Ok(entries) = std::fs::read_dir(base.join("stations")) {
        all.extend(entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()));
    }
    Ok(all)
}

/// Whether a station runs in a directory.
///
/// # Errors
/// Where that cannot be found out.
pub fn is_in_use(directory: &Path) -> Result<bool, OpenStoreError> {
    Ok(unless_in_use(DirLock::acquire(directory))?.is_none())
}

fn user_directory() -> Result<PathBuf, DataError> {
    let dirs = directories::ProjectDirs::from("", "", "mvrx");
    dirs.map(|dirs| dirs.data_dir().to_owned()).ok_or(DataError::NoHome)
}

/// A name as a folder: letters, digits and dashes, never empty.
fn folder_name(name: &str) -> String {
    let kept: String = name.chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).take(48).collect();
    let kept = kept.trim_matches('-');
    if kept.is_empty() { "station".to_owned() } else { kept.to_owned() }
}

/// More stations of one name on one machine are a mistake.
const STATIONS: u32 = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_becomes_a_folder_whatever_it_holds() {
        assert_eq!(folder_name("FOH desk"), "FOH-desk");
        assert_eq!(folder_name("../../x"), "x");
        assert_eq!(folder_name("***"), "station");
        assert!(folder_name(&"a".repeat(500)).len() <= 48);
    }

    #[test]
    fn a_directory_in_use_is_told_in_words_and_free_again_once_its_store_is_closed() {
        let directory = tempfile::tempdir().unwrap();
        let open = |name| open(Some(directory.path()), name, &FsOptions::default(), false);
        let held = open("A").unwrap();
        let refused = open("B").unwrap_err();
        assert!(matches!(refused, DataError::InUse { .. }), "{refused:?}");
        assert!(refused.to_string().contains("in use"), "{refused}");
        let station = held.station;
        drop(held);
        assert_eq!(open("B").unwrap().station, station);
    }

    #[test]
    fn a_file_is_no_data_directory() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("data");
        std::fs::write(&file, b"x").unwrap();
        let refused = open(Some(&file), "A", &FsOptions::default(), false).unwrap_err();
        assert!(matches!(refused, DataError::IsAFile { .. }), "{refused:?}");
    }
}

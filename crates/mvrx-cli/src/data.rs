//! The data directory: identity and files of a running station, one station each.

use std::path::{Path, PathBuf};

use mvrx_message::StationUuid;
use mvrx_store::{DirLock, FsOptions, FsStore, Limits, OpenStoreError};

use crate::failure::Failure;

/// An opened data directory, locked for as long as its store lives.
#[derive(Debug)]
pub(crate) struct Data {
    pub(crate) station: StationUuid,
    pub(crate) store: FsStore,
    pub(crate) path: PathBuf,
}

/// Opens the given directory, or the user's own; when that one is in use by another station, a sub-directory by our name.
pub(crate) fn open(given: Option<&Path>, name: &str) -> Result<Data, Failure> {
    open_as(given, name, &FsOptions::default())
}

/// The same, with room for so much.
pub(crate) fn open_with(given: Option<&Path>, name: &str, limits: Limits) -> Result<Data, Failure> {
    open_as(given, name, &FsOptions { limits, ..FsOptions::default() })
}

/// The same, with a store that works so.
pub(crate) fn open_as(given: Option<&Path>, name: &str, options: &FsOptions) -> Result<Data, Failure> {
    open_sparing(given, name, options, false)
}

/// The same; with `own` its limits leave alone what the station itself committed.
pub(crate) fn open_sparing(
    given: Option<&Path>,
    name: &str,
    options: &FsOptions,
    own: bool,
) -> Result<Data, Failure> {
    if let Some(path) = given {
        if path.exists() && !path.is_dir() {
            return Err(Failure::usage(format!("{} is a file, and --data needs a folder", path.display())));
        }
        return match open_at(path, options, own)? {
            Some(data) => Ok(data),
            None => Err(Failure::local(format!(
                "{} is in use by another station; give this one a directory of its own with --data",
                path.display()
            ))),
        };
    }
    let base = user_directory()?;
    if let Some(data) = open_at(&base, options, own)? {
        return Ok(data);
    }
    let folder = folder_name(name);
    for number in 1..=STATIONS {
        let folder = if number == 1 { folder.clone() } else { format!("{folder}-{number}") };
        if let Some(data) = open_at(&base.join("stations").join(folder), options, own)? {
            return Ok(data);
        }
    }
    Err(Failure::local(format!("{STATIONS} stations with the name {name} run on this machine already")))
}

/// Opens a directory; `None` when another station runs in it.
fn open_at(path: &Path, options: &FsOptions, own: bool) -> Result<Option<Data>, Failure> {
    let mut options = options.clone();
    if own {
        // Whose the commits are has to be known before any goes, and under the lock.
        let Some(lock) = lock(path)? else { return Ok(None) };
        options.retention.spare =
            Some(mvrx_station::load_or_create(path).map_err(|error| Failure::local(error.to_string()))?);
        options.lock = Some(lock);
    }
    let store = match FsStore::open_with(path, options) {
        Ok(store) => store,
        Err(OpenStoreError::DirectoryInUse { .. }) => return Ok(None),
        Err(error) => return Err(Failure::local(error.to_string())),
    };
    let station = mvrx_station::load_or_create(path).map_err(|error| Failure::local(error.to_string()))?;
    Ok(Some(Data { station, store, path: path.to_owned() }))
}

/// The lock of a directory; `None` when another station runs in it.
fn lock(path: &Path) -> Result<Option<DirLock>, Failure> {
    let new = if path.is_dir() { None } else { Some(FsStore::open(path)) };
    // It made the folder so that a crash leaves it.
    let locked = new.transpose().and_then(|made| {
        drop(made);
        DirLock::acquire(path)
    });
    match locked {
        Ok(lock) => Ok(Some(lock)),
        Err(OpenStoreError::DirectoryInUse { .. }) => Ok(None),
        Err(error) => Err(Failure::local(error.to_string())),
    }
}

/// The data directories to look into.
pub(crate) fn directories(given: Option<&Path>) -> Result<Vec<PathBuf>, Failure> {
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

/// The same, for a look at what is kept: one that is named has to be there.
pub(crate) fn with_history(given: Option<&Path>) -> Result<Vec<PathBuf>, Failure> {
    match given.filter(|path| !path.is_dir()) {
        Some(path) => {
            Err(Failure::bad_file(format!("{} is no folder, so nothing is kept there", path.display())))
        }
        None => directories(given),
    }
}

/// Whether a station runs in a directory.
pub(crate) fn is_in_use(directory: &Path) -> Result<bool, Failure> {
    match DirLock::acquire(directory) {
        Ok(_) => Ok(false),
        Err(OpenStoreError::DirectoryInUse { .. }) => Ok(true),
        Err(error) => Err(Failure::local(error.to_string())),
    }
}

fn user_directory() -> Result<PathBuf, Failure> {
    directories::ProjectDirs::from("", "", "mvrx")
        .map(|dirs| dirs.data_dir().to_owned())
        .ok_or_else(|| Failure::local("this user has no home directory; say where to keep data with --data"))
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
    fn a_directory_in_use_is_told_in_words() {
        let directory = tempfile::tempdir().unwrap();
        let held = open(Some(directory.path()), "A").unwrap();
        let failure = open(Some(directory.path()), "B").unwrap_err();
        assert!(format!("{failure:?}").contains("in use"));
        drop(held);
        open(Some(directory.path()), "B").unwrap();
    }
}

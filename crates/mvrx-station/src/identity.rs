//! Our StationUUID, kept in a file so that it survives restarts (Table 65).
//!
//! One directory is one station: whoever runs it holds the directory's lock (see [`mvrx_store::DirLock`]), so that two stations never
//! share a UUID. The file holds the UUID's text and a line end, nothing else.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use mvrx_message::StationUuid;

/// Why a directory gives no identity.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// The file is there and does not hold a UUID. It is left as it is: it may be the only trace of the station's identity.
    #[error("{path} does not hold a station's UUID; move it away to get a new one")]
    NotAUuid {
        /// The file.
        path: PathBuf,
    },
    /// The directory or file cannot be read or written.
    #[error("cannot use {path}: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// Reads the directory's StationUUID, or makes a random one and keeps it. Call it with the directory's lock held.
///
/// # Errors
/// When the file holds something else, or cannot be read or written.
pub fn load_or_create(directory: &Path) -> Result<StationUuid, IdentityError> {
    if let Some(station) = load(directory)? {
        return Ok(station);
    }
    let path = directory.join(FILE);
    let io_error = |error| IdentityError::Io { path: path.clone(), error };
    fs::create_dir_all(directory).map_err(io_error)?;
    let station = StationUuid::from_random_bytes(random_bytes());
    write_whole(&path, &format!("{station}\n")).map_err(io_error)?;
    Ok(station)
}

/// Reads the directory's StationUUID; `None` where no station ever ran. Nothing is made, and no lock is needed: it is written once, as a whole.
///
/// # Errors
/// When the file holds something else, or cannot be read.
pub fn load(directory: &Path) -> Result<Option<StationUuid>, IdentityError> {
    let path = directory.join(FILE);
    match fs::read_to_string(&path) {
        Ok(text) => text.trim().parse().map(Some).map_err(|_| IdentityError::NotAUuid { path }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(IdentityError::Io { path, error }),
    }
}

/// Sixteen random bytes of the system, for ids.
#[must_use]
pub fn random_bytes() -> [u8; 16] {
    *uuid::Uuid::new_v4().as_bytes()
}

/// A crash leaves the old file or the new one, never half of it.
pub(crate) fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = File::create(&beside)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    written.and_then(|()| fs::rename(&beside, path)).inspect_err(|_| {
        // What stays of it is overwritten the next time.
        let _ = fs::remove_file(&beside);
    })
}

const FILE: &str = "station-uuid";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_uuid_stays_the_same_from_start_to_start() {
        let directory = tempfile::tempdir().unwrap();
        let first = load_or_create(&directory.path().join("a")).unwrap();
        assert_eq!(load_or_create(&directory.path().join("a")).unwrap(), first);
        assert_ne!(load_or_create(&directory.path().join("b")).unwrap(), first);
    }

    #[test]
    fn who_only_reads_makes_no_uuid_and_no_directory() {
        let directory = tempfile::tempdir().unwrap();
        let nowhere = directory.path().join("a");
        assert_eq!(load(&nowhere).unwrap(), None);
        assert_eq!(load(directory.path()).unwrap(), None);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
        let made = load_or_create(&nowhere).unwrap();
        assert_eq!(load(&nowhere).unwrap(), Some(made));
    }

    #[test]
    fn a_damaged_file_is_told_and_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(FILE);
        fs::write(&path, "half a uui").unwrap();
        assert!(matches!(load_or_create(directory.path()), Err(IdentityError::NotAUuid { .. })));
        assert!(matches!(load(directory.path()), Err(IdentityError::NotAUuid { .. })));
        assert_eq!(fs::read_to_string(&path).unwrap(), "half a uui");
    }
}

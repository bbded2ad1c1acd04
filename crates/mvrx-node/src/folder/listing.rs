//! What a folder has, and what its files look like from outside.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::io;
use std::path::Path;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

/// What a file looks like from outside: with another look it may have other bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Look {
    length: u64,
    changed_unix_ns: u128,
    /// Where the system tells: another file of the same name, and a change that left the time of the last change as it was.
    inode: u64,
    inode_changed_unix_ns: i128,
}

impl Look {
    pub(super) fn of(about: &Metadata) -> Self {
        let changed = about.modified().ok().and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
        let (inode, inode_changed_unix_ns) = inode(about);
        let changed_unix_ns = changed.map_or(0, |since| since.as_nanos());
        Self { length: about.len(), changed_unix_ns, inode, inode_changed_unix_ns }
    }

    #[cfg(test)]
    pub(super) fn of_length(length: u64) -> Self {
        Self { length, changed_unix_ns: 0, inode: 0, inode_changed_unix_ns: 0 }
    }
}

#[cfg(unix)]
fn inode(about: &Metadata) -> (u64, i128) {
    use std::os::unix::fs::MetadataExt;
    let changed = i128::from(about.ctime()) * 1_000_000_000 + i128::from(about.ctime_nsec());
    (about.ino(), changed)
}

#[cfg(not(unix))]
fn inode(_: &Metadata) -> (u64, i128) {
    (0, 0)
}

/// Why a folder is not watched.
#[derive(Debug, thiserror::Error)]
pub(super) enum ListingError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("it has more than {limit} .mvr files")]
    TooMany { limit: usize },
}

/// The files of the folder that can be meant.
pub(super) fn list(folder: &Path, limit: usize) -> Result<BTreeMap<OsString, Look>, ListingError> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if !can_be_meant(&name) {
            continue;
        }
        // One that went in the meantime is not there.
        let Ok(about) = entry.metadata() else { continue };
        if !about.is_file() {
            continue;
        }
        if files.len() >= limit {
            return Err(ListingError::TooMany { limit });
        }
        files.insert(name, Look::of(&about));
    }
    Ok(files)
}

/// Whether it is the name of a file that is for others: `~$show.mvr` and `.show.mvr` are an application's own.
fn can_be_meant(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    let ends = name.len().checked_sub(ENDING.len()).and_then(|at| name.get(at..));
    ends.is_some_and(|ends| ends.eq_ignore_ascii_case(ENDING))
        && name.len() > ENDING.len()
        && !matches!(name.first(), Some(b'.' | b'~'))
}

const ENDING: &[u8] = b".mvr";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_a_show_is_meant() {
        for name in ["show.mvr", "Show.MVR", "a b.Mvr", "ü.mvr", "show (2).mvr", "x.tmp.mvr"] {
            assert!(can_be_meant(name.as_ref()), "{name}");
        }
        for name in [
            ".mvr",
            "mvr",
            "",
            ".show.mvr",
            "~$show.mvr",
            "~show.mvr",
            "show.mvr~",
            "show.mvr.tmp",
            "show.mvr.txt",
            "show.mvr.part",
            "show.gdtf",
            ".mvrx-1-1.part",
        ] {
            assert!(!can_be_meant(name.as_ref()), "{name}");
        }
    }

    #[test]
    fn a_folder_of_more_than_the_limit_is_refused_at_its_edge() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.mvr", "b.mvr", "c.txt"] {
            fs::write(folder.path().join(name), name).unwrap();
        }
        fs::create_dir(folder.path().join("folder.mvr")).unwrap();
        assert_eq!(list(folder.path(), 2).unwrap().len(), 2);
        let error = list(folder.path(), 1).unwrap_err();
        assert_eq!(error.to_string(), "it has more than 1 .mvr files");
    }

    #[test]
    fn whatever_is_done_to_a_file_gives_it_another_look() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.mvr");
        fs::write(&path, "one").unwrap();
        let look = |path: &Path| Look::of(&fs::metadata(path).unwrap());
        let first = look(&path);
        assert_eq!(look(&path), first);
        fs::write(&path, "longer").unwrap();
        let second = look(&path);
        assert_ne!(second, first);
        // Renamed over, of the same length and, as some tools do, with the time of the one before.
        let time = fs::metadata(&path).unwrap().modified().unwrap();
        let beside = folder.path().join("b");
        fs::write(&beside, "LONGER").unwrap();
        fs::File::options().write(true).open(&beside).unwrap().set_modified(time).unwrap();
        fs::rename(&beside, &path).unwrap();
        if cfg!(unix) {
            assert_ne!(look(&path), second);
        }
    }
}

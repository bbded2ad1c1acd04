//! Which fetched files lie in the folder, remembered over restarts, so that not each start reads all of them again.
//!
//! It only ever saves work: a file counts as there when it has the length and the time of its last change that were noted when it was
//! saved. Whatever else is found is looked at byte by byte. The note lies in the data directory.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use mvrx_message::FileUuid;
use serde::{Deserialize, Serialize};

/// The note, and where it lies.
#[derive(Debug)]
pub struct Saved {
    at: PathBuf,
    note: Note,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Note {
    files: BTreeMap<String, Look>,
}

/// What a file looked like from outside.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Look {
    path: PathBuf,
    length: u64,
    changed_unix_ns: u128,
}

impl Saved {
    /// Reads the note of the data directory. One that cannot be read counts as empty.
    #[must_use]
    pub fn read(data: &Path) -> Self {
        let at = data.join(NAME);
        let small = fs::metadata(&at).is_ok_and(|about| about.len() <= LARGEST);
        let text = if small { fs::read(&at).unwrap_or_default() } else { Vec::new() };
        Self { at, note: serde_json::from_slice(&text).unwrap_or_default() }
    }

    /// Whether the file lies where it was saved, untouched, and that is this folder.
    #[must_use]
    pub fn still_has(&self, file: FileUuid, folder: &Path) -> bool {
        let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let noted = self.note.files.get(&file.to_string());
        let noted = noted.filter(|noted| noted.path.parent() == Some(&folder));
        noted.is_some_and(|noted| Look::at(&noted.path).as_ref() == Some(noted))
    }

    /// The file was saved there.
    pub fn note(&mut self, file: FileUuid, path: &Path) {
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let Some(look) = Look::at(&path) else { return };
        self.note.files.insert(file.to_string(), look);
        // Without it, the next start has more to read; nothing else.
        if let Err(error) = self.write() {
            tracing::info!(%error, "the note of saved files is not written");
        }
    }

    fn write(&self) -> std::io::Result<()> {
        let new = self.at.with_extension("new");
        fs::write(&new, serde_json::to_vec(&self.note)?)?;
        fs::rename(new, &self.at)
    }
}

impl Look {
    fn at(path: &Path) -> Option<Self> {
        let about = fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file)?;
        let changed = about.modified().ok()?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        Some(Self { path: path.to_owned(), length: about.len(), changed_unix_ns: changed.as_nanos() })
    }
}

const NAME: &str = "saved.json";

/// More than the note of a full store has.
const LARGEST: u64 = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_counts_as_there_only_untouched_and_in_the_same_folder() {
        let data = tempfile::tempdir().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = FileUuid::from_random_bytes([7; 16]);
        let path = folder.path().join("show.mvr");
        fs::write(&path, b"show").unwrap();
        let mut saved = Saved::read(data.path());
        assert!(!saved.still_has(file, folder.path()));
        saved.note(file, &path);
        assert!(Saved::read(data.path()).still_has(file, folder.path()));
        assert!(!Saved::read(data.path()).still_has(file, data.path()), "another folder");
        fs::write(&path, b"longer").unwrap();
        assert!(!saved.still_has(file, folder.path()), "touched");
        fs::write(data.path().join(NAME), b"{").unwrap();
        assert!(!Saved::read(data.path()).still_has(file, folder.path()), "a damaged note is none");
    }
}

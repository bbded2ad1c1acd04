//! What was judged already in watched folders, remembered over restarts.
//!
//! It saves work and keeps old files from being committed: where it is lost, what lies in the folder counts as seen, as at the first
//! time, and nothing is committed that nobody saved.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::listing::Look;

/// The note, and where it lies.
#[derive(Debug)]
pub(super) struct Note {
    at: PathBuf,
    folder: PathBuf,
    kept: Kept,
    changed: bool,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    /// Version of this structure.
    schema: u32,
    folders: BTreeMap<PathBuf, BTreeMap<String, Judged>>,
}

/// What was found out about a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Judged {
    pub(super) look: Option<Look>,
    /// Of the bytes that were committed or are known; none for what was there from the start.
    pub(super) hash: Option<String>,
    /// The side file whose words were used.
    pub(super) side: Option<Look>,
}

impl Note {
    /// Reads the note of the data directory. One that cannot be read, or of another schema, counts as empty.
    pub(super) fn read(data: &Path, folder: &Path) -> Self {
        let at = data.join(NAME);
        let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let small = fs::metadata(&at).is_ok_and(|about| about.len() <= LARGEST);
        let text = if small { fs::read(&at).unwrap_or_default() } else { Vec::new() };
        let kept = serde_json::from_slice::<Kept>(&text).ok().filter(|kept| kept.schema == SCHEMA);
        let kept = kept.unwrap_or(Kept { schema: SCHEMA, folders: BTreeMap::new() });
        Self { at, folder, kept, changed: false }
    }

    /// Whether the folder was never watched before.
    pub(super) fn is_first(&self) -> bool {
        !self.kept.folders.contains_key(&self.folder)
    }

    pub(super) fn judged(&self, name: &str) -> Option<&Judged> {
        self.kept.folders.get(&self.folder)?.get(name)
    }

    /// Notes what was found out about files, for [`Note::keep`].
    pub(super) fn add(&mut self, judged: impl IntoIterator<Item = (String, Judged)>) {
        self.kept.folders.entry(self.folder.clone()).or_default().extend(judged);
        self.changed = true;
    }

    /// Writes it, if something has changed; lets go files that are no longer `there`, once they are many.
    pub(super) fn keep(&mut self, there: &dyn Fn() -> BTreeSet<String>) {
        if !std::mem::take(&mut self.changed) {
            return;
        }
        let files = self.kept.folders.entry(self.folder.clone()).or_default();
        if files.len() > FILES {
            let there = there();
            files.retain(|name, _| there.contains(name));
        }
        while self.kept.folders.len() > FOLDERS {
            let other = self.kept.folders.keys().find(|folder| **folder != self.folder).cloned();
            let Some(other) = other else { break };
            self.kept.folders.remove(&other);
        }
        if let Err(error) = self.write() {
            tracing::warn!(%error, note = %self.at.display(), "the note of the watched folder is not written");
        }
    }

    fn write(&self) -> io::Result<()> {
        let new = self.at.with_extension("new");
        let mut file = File::create(&new)?;
        file.write_all(&serde_json::to_vec(&self.kept)?)?;
        file.sync_all()?;
        fs::rename(new, &self.at)
    }
}

const NAME: &str = "watched.json";
const SCHEMA: u32 = 1;
/// More than the note of full folders has.
const LARGEST: u64 = 64 << 20;
const FILES: usize = 20_000;
const FOLDERS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_judged_is_known_at_the_next_start_for_this_folder_alone() {
        let (data, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut note = Note::read(data.path(), folder.path());
        assert!(note.is_first());
        let judged = Judged { look: Some(Look::of_length(7)), hash: Some("ab".to_owned()), side: None };
        note.add([("show.mvr".to_owned(), judged.clone())]);
        assert!(Note::read(data.path(), folder.path()).is_first(), "not written yet");
        note.keep(&BTreeSet::new);
        let note = Note::read(data.path(), folder.path());
        assert!(!note.is_first());
        assert_eq!(note.judged("show.mvr"), Some(&judged));
        assert!(Note::read(data.path(), data.path()).is_first(), "another folder");
        fs::write(data.path().join(NAME), br#"{"schema":2,"folders":{}}"#).unwrap();
        assert!(Note::read(data.path(), folder.path()).is_first(), "of another schema");
    }

    #[test]
    fn it_does_not_grow_for_ever() {
        let data = tempfile::tempdir().unwrap();
        let mut note = Note::read(data.path(), data.path());
        let many = (0..=FILES).map(|n| (format!("{n}.mvr"), Judged::default()));
        note.add(many);
        note.keep(&|| BTreeSet::from(["3.mvr".to_owned()]));
        assert!(note.judged("3.mvr").is_some() && note.judged("4.mvr").is_none());
        for n in 0..40 {
            let folder = data.path().join(n.to_string());
            fs::create_dir(&folder).unwrap();
            let mut note = Note::read(data.path(), &folder);
            note.add([]);
            note.keep(&BTreeSet::new);
        }
        let folders = Note::read(data.path(), data.path()).kept.folders.len();
        assert_eq!(folders, FOLDERS);
    }
}

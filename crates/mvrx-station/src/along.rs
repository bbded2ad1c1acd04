//! Which files are of more groups than the one under which they lie in the store: those that came along when the station moved.
//!
//! A list in memory, by group, and a copy of it in the data directory, so that the next start tells the new group of them, too:
//!
//! ```text
//! group Tour
//! 6a9c…
//! 0f31…
//! ```
//!
//! It is written before the place to which the move leads is kept, and undone with it. It knows no bytes: what the store does not list any more
//! is left out the next time that it is written, so it is never longer than the store's list for each group. A damaged line is passed over;
//! what it named is of its first group alone. A list that the disk does not give at the start is asked for again before it is written over.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Write;
use std::fs;
use std::io;
use std::path::Path;

use mvrx_core::{Command, Input};
use mvrx_message::{Commit, FileUuid, GroupName};
use mvrx_store::{Store, StoredCommit};

use crate::driver::Driver;
use crate::identity::write_whole;
use crate::withdrawing::Stored;

/// The files of each group that lie in the store under another one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Along {
    groups: BTreeMap<String, BTreeSet<FileUuid>>,
    /// There is a list that could not be read; it is not among these.
    unread: bool,
}

impl Along {
    /// What a data directory has; nothing where there is no list, or one that cannot be read now.
    pub(crate) fn read(directory: &Path) -> Self {
        Self::try_read(directory).unwrap_or_else(|error| {
            tracing::warn!(%error, "the files that came along are not told in this group");
            Self { unread: true, ..Self::default() }
        })
    }

    /// What could not be read at the start is read now, so that nothing is written over it that does not have it.
    pub(crate) fn read_again(&mut self, directory: Option<&Path>) -> io::Result<()> {
        if let Some(directory) = directory.filter(|_| self.unread) {
            for (group, files) in Self::try_read(directory)?.groups {
                self.groups.entry(group).or_default().extend(files);
            }
            self.unread = false;
        }
        Ok(())
    }

    fn try_read(directory: &Path) -> io::Result<Self> {
        let mut along = Self::default();
        let text = match fs::read(directory.join(FILE)) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(along),
            Err(error) => return Err(error),
        };
        let mut group = None;
        for line in text.lines() {
            if let Some(name) = line.strip_prefix("group ") {
                group = Some(name);
            } else if let (Some(group), Ok(file)) = (group, line.parse()) {
                along.groups.entry(group.to_owned()).or_default().insert(file);
            }
        }
        Ok(along)
    }

    /// Writes it whole: a crash leaves the old list or this one.
    pub(crate) fn write(&self, directory: &Path) -> io::Result<()> {
        let mut text = String::new();
        for (group, files) in &self.groups {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "group {group}");
            for file in files {
                let _ = writeln!(text, "{file}");
            }
        }
        write_whole(&directory.join(FILE), &text)
    }

    /// The same, where it differs from what is there.
    pub(crate) fn write_over(&self, before: &Self, directory: Option<&Path>) -> io::Result<()> {
        match directory {
            Some(directory) if self != before => self.write(directory),
            _ => Ok(()),
        }
    }

    /// These files are of that group, too; what the store does not have any more is forgotten.
    pub(crate) fn add(&mut self, group: &GroupName, files: &[FileUuid], store: &dyn Store) {
        if files.is_empty() {
            return;
        }
        self.groups.entry(group.as_str().to_owned()).or_default().extend(files);
        // A store that cannot list its files now: the next time.
        if let Ok(stored) = store.commits() {
            let there: HashSet<FileUuid> = stored.iter().map(|stored| stored.commit.file).collect();
            self.groups.values_mut().for_each(|files| files.retain(|file| there.contains(file)));
            self.groups.retain(|_, files| !files.is_empty());
        }
    }

    pub(crate) fn has(&self, group: &str, file: FileUuid) -> bool {
        self.groups.get(group).is_some_and(|files| files.contains(&file))
    }
}

impl Driver {
    /// Tells the core of the files of its group that lie in the store, so that they are listed from the first JOIN on. What
    /// belongs to another group stays there; but what was taken back there is known here, too: somebody may have brought it along who has not
    /// heard of it.
    // req: STA-33
    pub(crate) fn restore(&mut self, stored: Stored) {
        let group = self.group.clone();
        let of_others =
            |one: &&StoredCommit| one.group != group && stored.withdrawn.contains(&one.commit.file);
        let of_others: Vec<Commit> =
            stored.commits.iter().filter(of_others).map(|one| one.commit.clone()).collect();
        // Of what there is to be said the latest counts: that of our group.
        for commit in of_others {
            self.step(Input::Command(Command::RestoreWithdrawn(commit)));
        }
        for commit in self.of_group(&group, stored.commits) {
            self.step(Input::Command(match stored.withdrawn.contains(&commit.file) {
                true => Command::RestoreWithdrawn(commit),
                false => Command::Restore(commit),
            }));
        }
    }

    /// The commits of one group: those made there, and those that came along.
    // req: MOV-14
    pub(crate) fn of_group(&mut self, group: &str, stored: Vec<StoredCommit>) -> Vec<Commit> {
        let (mut known, mut commits) = (HashSet::new(), Vec::new());
        let in_session = self.core.config().session.is_some();
        let along = self.keeping.along();
        for stored in stored {
            let file = stored.commit.file;
            if (stored.group == group || along.has(group, file)) && known.insert(file) {
                self.seen.insert(file, stored.seen);
                // Who made it is known here; the others of a group hear it from himself.
                let author = stored.commit.author.filter(|_| in_session);
                commits.push(Commit { author, ..stored.commit });
            }
        }
        commits
    }
}

/// In the data directory.
const FILE: &str = "came-along";

#[cfg(test)]
mod tests {
    use mvrx_store::MemStore;

    use super::*;

    fn file(n: u8) -> FileUuid {
        FileUuid::from_random_bytes([n; 16])
    }

    // proves: MOV-14
    #[test]
    fn a_list_is_read_as_it_was_written_and_a_damaged_line_is_passed_over() {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path();
        assert_eq!(Along::read(at), Along::default());
        let groups = ["Stage 2", "Tour"].map(|name| (name.to_owned(), BTreeSet::from([file(1), file(2)])));
        let along = Along { groups: groups.into(), unread: false };
        along.write(at).unwrap();
        assert_eq!(Along::read(at), along);
        assert!(along.has("Tour", file(1)) && !along.has("Tour", file(3)) && !along.has("Stage", file(1)));
        fs::write(at.join(FILE), format!("{}\ngroup Tour\nx\n\u{fffd}\n{}\n", file(3), file(4))).unwrap();
        let read = Along::read(at);
        assert!(read.has("Tour", file(4)) && !read.has("Tour", file(3)));
    }

    // proves: MOV-14
    #[test]
    fn a_list_that_could_not_be_read_is_read_before_it_is_written_over_or_the_writing_fails() {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path();
        fs::create_dir(at.join(FILE)).unwrap();
        let mut along = Along::read(at);
        assert!(!along.has("Tour", file(1)));
        along.read_again(Some(at)).unwrap_err();
        fs::remove_dir(at.join(FILE)).unwrap();
        fs::write(at.join(FILE), format!("group Tour\n{}\n", file(1))).unwrap();
        along.read_again(Some(at)).unwrap();
        assert!(along.has("Tour", file(1)));
        // Once: it is what this list is written over from now on.
        fs::remove_file(at.join(FILE)).unwrap();
        along.read_again(Some(at)).unwrap();
        assert!(along.has("Tour", file(1)));
    }

    #[test]
    fn what_the_store_does_not_have_any_more_is_forgotten() {
        let mut along = Along::default();
        along.add(&"Tour".parse().unwrap(), &[file(1)], &MemStore::new());
        assert_eq!(along, Along::default());
    }
}

//! Commits whose files made room in the bridge's store: its stand-ins list them on, also those that start later, and after a restart of the
//! bridge, since they are fetched again when somebody asks for them, and not before.
//!
//! A file of lines beside the store, one COMMIT each, the oldest first. It is written anew when something changes, and what cannot be read of
//! it is as if it had not been there: such a file is new to the bridge, and fetched once.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;
use std::{fs, io};

use mvrx_message::{Commit, Dialect, FileUuid, Message, Product, StationUuid};
use mvrx_store::StoredCommit;

/// All of them, for the driver and for each stand-in's view of the store.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gone {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    /// By when they made room.
    commits: BTreeMap<u64, StoredCommit>,
    next: u64,
    at: Option<PathBuf>,
    changed: bool,
}

impl Gone {
    /// Those of the last run, which are in a file at `at`. Blocks.
    pub(crate) fn open(at: Option<PathBuf>, group: &str) -> Self {
        let gone = Self::default();
        let lines = at.as_deref().and_then(|at| fs::read(at).ok()).unwrap_or_default();
        for line in lines.split(|byte| *byte == b'\n') {
            let Ok(parsed) = Message::parse(line) else { continue };
            if let Message::Commit(Commit { blake3: Some(hash), .. }) = &parsed.message
                && let (hash, Message::Commit(commit)) = (*hash, parsed.message.clone())
            {
                let (length, seen) = (commit.file_size, SystemTime::now());
                gone.note(StoredCommit { commit, sequence: 0, seen, hash, length, group: group.to_owned() });
            }
        }
        let mut inner = gone.inner();
        (inner.at, inner.changed) = (at, false);
        drop(inner);
        gone
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more has made room. Which is forgotten for it, if there are too many.
    pub(crate) fn note(&self, stored: StoredCommit) -> Option<FileUuid> {
        self.forget(stored.commit.file);
        let mut inner = self.inner();
        let number = inner.next;
        inner.next = inner.next.saturating_add(1);
        inner.commits.insert(number, StoredCommit { sequence: number, ..stored });
        inner.changed = true;
        if inner.commits.len() <= MOST {
            return None;
        }
        inner.commits.pop_first().map(|(_, oldest)| oldest.commit.file)
    }

    /// It is there again, or nobody gives it any more.
    pub(crate) fn forget(&self, file: FileUuid) {
        let mut inner = self.inner();
        let before = inner.commits.len();
        inner.commits.retain(|_, stored| stored.commit.file != file);
        inner.changed |= inner.commits.len() != before;
    }

    pub(crate) fn all(&self) -> Vec<StoredCommit> {
        self.inner().commits.values().cloned().collect()
    }

    /// Whether it made room, and this station made it.
    pub(crate) fn is_of(&self, file: FileUuid, author: StationUuid) -> bool {
        self.inner()
            .commits
            .values()
            .any(|stored| stored.commit.file == file && stored.commit.station == Some(author))
    }

    /// Those of one author.
    pub(crate) fn of(&self, author: StationUuid) -> Vec<StoredCommit> {
        let inner = self.inner();
        let its = inner.commits.values().filter(|stored| stored.commit.station == Some(author));
        its.cloned().collect()
    }

    /// Writes them down, if something has changed and there is a place for it. Blocks.
    ///
    /// # Errors
    /// What the disk says; it is tried again after the next change.
    pub(crate) fn save(&self) -> io::Result<()> {
        let (at, lines) = {
            let mut inner = self.inner();
            let Some(at) = inner.at.clone().filter(|_| std::mem::take(&mut inner.changed)) else {
                return Ok(());
            };
            let dialect = Dialect::towards(Product::Mvrx);
            let line = |stored: &StoredCommit| Message::Commit(stored.commit.clone()).to_json(&dialect);
            (at, inner.commits.values().map(line).collect::<Vec<_>>())
        };
        write(&at, &lines)
    }
}

/// All of it or nothing.
fn write(at: &Path, lines: &[Vec<u8>]) -> io::Result<()> {
    let temporary = at.with_extension("part");
    let mut file = io::BufWriter::new(fs::File::create(&temporary)?);
    for line in lines {
        file.write_all(line)?;
        file.write_all(b"\n")?;
    }
    file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    fs::rename(&temporary, at)
}

/// More are not remembered: the one that made room first is new to the bridge then.
const MOST: usize = 4_096;

#[cfg(test)]
mod tests {
    use mvrx_message::MvrVersion;

    use super::*;

    fn stored(n: u16, author: u8) -> StoredCommit {
        let mut id = [0; 16];
        id[..2].copy_from_slice(&n.to_be_bytes());
        let commit = Commit {
            file: FileUuid::from_random_bytes(id),
            station: Some(StationUuid::from_random_bytes([author; 16])),
            version: MvrVersion { major: 1, minor: 6 },
            file_size: n.into(),
            for_stations: vec![StationUuid::from_random_bytes([9; 16])],
            comment: "two\nlines".to_owned(),
            file_name: "show.mvr".to_owned(),
            blake3: Some([3; 32]),
            author: None,
            group: None,
            order: Some(7),
            missed: false,
        };
        let (seen, group) = (SystemTime::now(), "Default".to_owned());
        StoredCommit { commit, sequence: 4, seen, hash: [3; 32], length: n.into(), group }
    }

    fn commits(gone: &Gone) -> Vec<Commit> {
        gone.all().into_iter().map(|stored| stored.commit).collect()
    }

    // proves: BRG-26
    #[test]
    fn what_made_room_is_known_after_a_restart_and_lines_that_cannot_be_read_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("made-room");
        let gone = Gone::open(Some(at.clone()), "Default");
        gone.save().unwrap();
        assert!(!at.exists(), "nothing has changed");
        for n in [1, 2, 3] {
            assert_eq!(gone.note(stored(n, 1)), None);
        }
        gone.forget(stored(2, 1).commit.file);
        gone.save().unwrap();
        let again = || Gone::open(Some(at.clone()), "Default");
        assert_eq!(commits(&again()), [stored(1, 1).commit, stored(3, 1).commit]);
        assert_eq!((again().all()[1].length, again().all()[1].hash), (3, [3; 32]));
        let mut text = fs::read(&at).unwrap();
        let first = text.iter().position(|byte| *byte == b'\n').unwrap();
        text.splice(..first, *b"{\"Type\"");
        fs::write(&at, [&text[..], &b"\xff\n{}\n"[..]].concat()).unwrap();
        assert_eq!(commits(&again()), [stored(3, 1).commit]);
        fs::remove_file(&at).unwrap();
        assert_eq!(commits(&again()), []);
    }

    // proves: BRG-26
    #[test]
    fn so_many_are_remembered_and_the_first_is_forgotten_for_one_more() {
        let gone = Gone::default();
        let most = u16::try_from(MOST).unwrap();
        for n in 0..most {
            assert_eq!(gone.note(stored(n, 1)), None);
        }
        assert_eq!(gone.note(stored(0, 1)), None, "again, and the last one now");
        assert_eq!(gone.note(stored(most, 2)), Some(stored(1, 1).commit.file));
        assert_eq!((gone.all().len(), gone.of(stored(0, 2).commit.station.unwrap()).len()), (MOST, 1));
    }
}

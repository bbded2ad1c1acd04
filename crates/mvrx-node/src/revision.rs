//! What a revision that came changed, in one sentence.
//!
//! A file that was fetched is compared with the revision of the same name before it, where that is kept here, and the difference rolled up:
//! `20 re-addressed, 12 moved, 3 removed`. That takes a moment for a large show, so it is done beside everything else, one after the
//! other; what waits has an end ([`WAITING`]), beyond which a revision comes without its sentence.

use std::collections::VecDeque;
use std::io::{Read, Seek};
use std::sync::Arc;

use mvrx_file::{Diff, Limits, MvrFile};
use mvrx_message::FileUuid;
use mvrx_station::{Event, Heard, HostEvent};
use mvrx_store::{Store, StoredCommit, StoredReader};
use tokio::task::JoinHandle;

/// A revision of somebody else that is here now.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Revision {
    /// Its commit, as it is stored.
    pub stored: StoredCommit,
    /// What changed, where the revision before it is kept here and both are .mvr files.
    pub change: Option<Change>,
}

/// What changed from one revision to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// The revision before.
    pub since: FileUuid,
    /// The sentence.
    pub roll_up: String,
}

/// Looks at what comes. Each file is told once, whatever tells that it is here: a host that keeps one also tells that what it asked for is done.
/// What its author took back is not told.
#[derive(Debug)]
pub struct Revisions {
    store: Arc<dyn Store>,
    waiting: VecDeque<FileUuid>,
    /// The last that came.
    came: VecDeque<FileUuid>,
    /// The last that were taken back.
    taken_back: VecDeque<FileUuid>,
    looking: Option<JoinHandle<Option<Revision>>>,
}

impl Revisions {
    /// Of the station with this store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        let (waiting, came, taken_back) = Default::default();
        Self { store, waiting, came, taken_back, looking: None }
    }

    /// Takes notice of an event.
    pub fn heard(&mut self, heard: &Heard) {
        match heard {
            Heard::Event(seen) => match &seen.event {
                // One without a sender was here before.
                Event::RequestDone { file, from: Some(_), .. } => self.came(*file),
                Event::CommitWithdrawn { file, .. } => self.taken_back(*file),
                _ => {}
            },
            Heard::Session(seen) => {
                if let HostEvent::FileKept { file, .. } = &seen.event {
                    self.came(*file);
                }
            }
            _ => {}
        }
    }

    fn came(&mut self, file: FileUuid) {
        if !self.came.contains(&file) && self.waiting.len() < WAITING {
            remember(&mut self.came, file);
            self.waiting.push_back(file);
        }
    }

    fn taken_back(&mut self, file: FileUuid) {
        if !self.taken_back.contains(&file) {
            remember(&mut self.taken_back, file);
        }
    }

    /// The next that was looked at; waits for ever where there is none. Cancel-safe.
    pub async fn next(&mut self) -> Revision {
        loop {
            if self.looking.is_none() {
                let Some(file) = self.waiting.pop_front() else { return std::future::pending().await };
                let store = Arc::clone(&self.store);
                self.looking = Some(tokio::task::spawn_blocking(move || look(store.as_ref(), file)));
            }
            if let Some(looking) = &mut self.looking {
                let seen = looking.await;
                self.looking = None;
                // What went from the store meanwhile is no news, nor is what was taken back.
                if let Ok(Some(revision)) = seen
                    && !self.taken_back.contains(&revision.stored.commit.file)
                {
                    return revision;
                }
            }
        }
    }
}

fn remember(last: &mut VecDeque<FileUuid>, file: FileUuid) {
    if last.len() >= WAITING {
        last.pop_front();
    }
    last.push_back(file);
}

fn look(store: &dyn Store, file: FileUuid) -> Option<Revision> {
    if store.withdrawn().is_ok_and(|withdrawn| withdrawn.contains(&file)) {
        return None;
    }
    compared(store, file)
}

/// A revision that is kept here, and what it changed since the one of its name before it. Blocks: it reads both.
#[must_use]
pub fn compared(store: &dyn Store, file: FileUuid) -> Option<Revision> {
    let commits = store.commits().ok()?;
    let stored = commits.iter().find(|stored| stored.commit.file == file)?.clone();
    let change = last_of_name(commits, &stored.commit.file_name, Some(&stored)).and_then(|before| {
        let new = read(StoredReader::new(store.open(file).ok()?, stored.length))?;
        Some(Change { since: before.commit.file, roll_up: roll_up(store, &before, &new)? })
    });
    Some(Revision { stored, change })
}

/// The last revision of this name; of those before one, where that is given.
pub(crate) fn last_of_name(
    commits: Vec<StoredCommit>,
    name: &str,
    before: Option<&StoredCommit>,
) -> Option<StoredCommit> {
    let place = |stored: &StoredCommit| (stored.commit.order, stored.sequence);
    let earlier = |stored: &StoredCommit| {
        before.is_none_or(|before| place(stored) < place(before) && stored.group == before.group)
    };
    let same_name = commits.into_iter().filter(|stored| stored.commit.file_name == name && earlier(stored));
    same_name.max_by_key(place)
}

/// What changed from a revision in the store to a file.
pub(crate) fn roll_up<R: Read + Seek>(
    store: &dyn Store,
    before: &StoredCommit,
    new: &MvrFile<R>,
) -> Option<String> {
    let old = store.open(before.commit.file).ok()?;
    let old = read(StoredReader::new(old, before.length))?;
    Some(Diff::between(&old, new).roll_up())
}

pub(crate) fn read<R: Read + Seek>(reader: R) -> Option<MvrFile<R>> {
    MvrFile::read(reader, &Limits::default()).ok()
}

/// Revisions that wait to be looked at, and the last ones that are remembered.
pub const WAITING: usize = 1_024;

#[cfg(test)]
mod tests {
    use mvrx_message::{Commit, MvrVersion};
    use mvrx_store::{Expect, MemStore};

    use super::*;

    fn file(number: u16) -> FileUuid {
        let [high, low] = number.to_be_bytes();
        FileUuid::from_random_bytes([high, low, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    }

    fn keep(store: &MemStore, number: u16) {
        let mut writer = store.begin(Expect::Unknown).unwrap();
        writer.write(&number.to_be_bytes()).unwrap();
        let commit = Commit {
            file: file(number),
            station: None,
            version: MvrVersion { major: 1, minor: 6 },
            file_size: 2,
            for_stations: Vec::new(),
            comment: String::new(),
            file_name: format!("{number}.mvr"),
            blake3: None,
            author: None,
            group: None,
            order: None,
            missed: false,
        };
        writer.finish().unwrap().publish(&commit, "Default").unwrap();
    }

    async fn next(revisions: &mut Revisions) -> FileUuid {
        revisions.next().await.stored.commit.file
    }

    #[tokio::test]
    async fn what_comes_is_told_once_also_where_it_was_told_before_the_second_word_comes() {
        let store = MemStore::new();
        [1, 2].into_iter().for_each(|number| keep(&store, number));
        let mut revisions = Revisions::new(Arc::new(store));
        revisions.came(file(1));
        assert_eq!(next(&mut revisions).await, file(1));
        revisions.came(file(1));
        revisions.came(file(2));
        assert_eq!(next(&mut revisions).await, file(2));
    }

    #[tokio::test]
    async fn what_was_taken_back_is_no_revision_whether_the_store_or_an_event_says_so() {
        let store = MemStore::new();
        (1..=4).for_each(|number| keep(&store, number));
        store.withdraw(file(1)).unwrap();
        let mut revisions = Revisions::new(Arc::new(store));
        // Its author takes it back while it comes, or right after.
        revisions.taken_back(file(2));
        (1..=4).for_each(|number| revisions.came(file(number)));
        revisions.taken_back(file(3));
        assert_eq!(next(&mut revisions).await, file(4));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut revisions = Revisions::new(Arc::new(MemStore::new()));
        for number in 0..=u16::try_from(WAITING).unwrap() {
            revisions.came(file(number));
            revisions.waiting.clear();
            revisions.taken_back(file(number));
        }
        assert_eq!((revisions.came.len(), revisions.taken_back.len()), (WAITING, WAITING));
        assert!(!revisions.came.contains(&file(0)) && !revisions.taken_back.contains(&file(0)));
    }
}

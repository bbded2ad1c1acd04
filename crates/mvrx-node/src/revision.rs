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

/// Looks at what comes.
#[derive(Debug)]
pub struct Revisions {
    store: Arc<dyn Store>,
    waiting: VecDeque<FileUuid>,
    looking: Option<JoinHandle<Option<Revision>>>,
}

impl Revisions {
    /// Of the station with this store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, waiting: VecDeque::new(), looking: None }
    }

    /// Takes notice of an event.
    pub fn heard(&mut self, heard: &Heard) {
        let file = match heard {
            Heard::Event(seen) => match &seen.event {
                // One without a sender was here before.
                Event::RequestDone { file, from: Some(_), .. } => *file,
                _ => return,
            },
            Heard::Session(seen) => match &seen.event {
                HostEvent::FileKept { file, .. } => *file,
                _ => return,
            },
            _ => return,
        };
        if !self.waiting.contains(&file) && self.waiting.len() < WAITING {
            self.waiting.push_back(file);
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
                // What went from the store meanwhile is no news.
                if let Ok(Some(revision)) = seen {
                    return revision;
                }
            }
        }
    }
}

fn look(store: &dyn Store, file: FileUuid) -> Option<Revision> {
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

/// Revisions that wait to be looked at.
pub const WAITING: usize = 1_024;

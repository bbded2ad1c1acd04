//! Watches a folder into which applications save, and finds each .mvr that one has finished writing.
//!
//! A file is finished when it has lain untouched for [`Options::rest`] and is a whole archive: its directory is there, and each member's
//! checksum is right. No event of the system says that an application is done (one writes for half a minute with pauses, one writes
//! beside and renames, one over a network that tells no events at all), so the folder is listed every [`Options::every`], and what counts
//! is rest and wholeness. Only names that end in `.mvr` count, in any case, and none that begins with `.` or `~`, as the temporary files of
//! applications do. Folders inside are not looked into, and links are not followed.
//!
//! What lay in the folder when it was watched for the first time is not found: nobody saved it just now. From then on a note in the data
//! directory says what was judged already, over restarts too: what was saved while nobody watched is found at the next start.
//!
//! The folder is read on a thread of its own, which a disk or a share that hangs cannot make anybody else's trouble. It ends when the
//! [`Folder`] is dropped, at the end of what it reads just then.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc as answers;
use std::time::Duration;

use mvrx_message::{Commit, FileUuid, StationUuid};
use mvrx_store::Store;
use tokio::sync::mpsc;

use self::run::Runner;

mod listing;
mod note;
mod rest;
mod run;
mod words;

/// How a folder is watched.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// How often the folder is listed. 500 ms.
    pub every: Duration,
    /// So long a file lies untouched before it is looked into. 2 s.
    pub rest: Duration,
    /// A file that rests so long and is not whole is told of, once. 30 s.
    pub patience: Duration,
    /// So many `.mvr` files a folder may have; with more it is not watched, which is told. 10,000.
    pub files: usize,
    /// Any bytes will do, not only whole archives.
    pub any_file: bool,
    /// The comment of every commit, in place of the words that are found.
    pub message: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            every: Duration::from_millis(500),
            rest: Duration::from_secs(2),
            patience: Duration::from_secs(30),
            files: 10_000,
            any_file: false,
            message: None,
        }
    }
}

/// What was found in the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Found {
    /// The folder is watched for the first time.
    First {
        /// So many `.mvr` files lie in it and are left alone until they are saved again.
        there: usize,
    },
    /// An application has finished writing it. Nothing else is found until [`Folder::judged`] was told.
    Finished(Finished),
    /// It rests, and is no whole archive. It is looked at again, and found when it is whole.
    Unfinished {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, as a clause.
        why: String,
    },
    /// The folder cannot be read. It is tried again each time.
    Unreadable {
        /// Why, as a clause.
        why: String,
    },
    /// It can be read again.
    Readable,
}

/// A file that an application has finished writing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finished {
    /// Where it lies.
    pub path: PathBuf,
    /// Its name.
    pub name: String,
    /// The BLAKE3 of its bytes, when they were looked at.
    pub hash: [u8; 32],
    /// What to say of it: [`Options::message`]; else what stands in the file of the same name with `.txt` behind it (`show.mvr.txt`), where
    /// that was written anew since the last commit of this file; else what changed since the commit of this name before.
    pub comment: String,
}

/// What became of a file that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is committed, or need not be. It is found again when its bytes change.
    Settled,
    /// It could not be committed now. It is found again after a pause: 1 s, doubled each time, up to 5 min.
    Later,
}

/// A folder that is being watched.
#[derive(Debug)]
pub struct Folder {
    found: mpsc::Receiver<Found>,
    judged: answers::Sender<Verdict>,
}

impl Folder {
    /// Begins to watch `folder`, with its note in `data`. `store` has the revisions before, for the words about a change.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn watch(folder: &Path, data: &Path, store: Arc<dyn Store>, options: Options) -> io::Result<Self> {
        let (tell, found) = mpsc::channel(1);
        let (judged, verdicts) = answers::channel();
        let runner = Runner::new((folder, data), store, options, (tell, verdicts));
        std::thread::Builder::new().name("mvrx-folder".to_owned()).spawn(move || runner.run())?;
        Ok(Self { found, judged })
    }

    /// The next that is found; `None` when the thread ended, which it does not by itself. Cancel-safe.
    pub async fn next(&mut self) -> Option<Found> {
        self.found.recv().await
    }

    /// What became of the [`Finished`] that was found last. To be told once for each.
    pub fn judged(&self, verdict: Verdict) {
        // A thread that ended has nothing to note.
        let _ = self.judged.send(verdict);
    }
}

/// The commit that has these bytes already, where committing them once more would tell nobody anything: one of somebody else, which was
/// fetched or lies on a share that he watches, too; or the newest of ours with this name. (Whoever brings an older revision of his own
/// back commits it again.)
#[must_use]
pub fn committed_as(
    finished: &Finished,
    commits: impl IntoIterator<Item = (Commit, Option<[u8; 32]>)>,
    ours: StationUuid,
) -> Option<FileUuid> {
    let mut newest: Option<(u64, FileUuid, bool)> = None;
    for (commit, held) in commits {
        let same = held.or(commit.blake3) == Some(finished.hash);
        if commit.station != Some(ours) {
            if same {
                return Some(commit.file);
            }
        } else if commit.file_name == finished.name {
            let order = commit.order.unwrap_or(0);
            if newest.is_none_or(|(before, ..)| order >= before) {
                newest = Some((order, commit.file, same));
            }
        }
    }
    newest.filter(|(_, _, same)| *same).map(|(_, file, _)| file)
}

#[cfg(test)]
mod tests;

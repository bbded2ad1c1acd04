//! A running station commits what applications save into a folder.
//!
//! It turns what [`crate::folder`] finds into commits, beside everything else: a large file takes its time, and who proposes a move or
//! asks for a file does not wait for it. What is committed already is not committed again. Whoever keeps one calls [`Watched::next`] over
//! and over.

use std::io;
use std::path::{Path, PathBuf};

use mvrx_message::Commit;
use mvrx_station::{CommitDraft, CommitError, Station, Stopped};
use tokio::task::JoinSet;

use crate::collect::gist_of;
use crate::folder::{self, Finished, Folder, Found, Options, Verdict};

/// The folder that a running station watches.
#[derive(Debug)]
pub struct Watched {
    folder: Folder,
    path: PathBuf,
    /// What was found last, until it is known whether it is committed already.
    finished: Option<Finished>,
    /// The commit of what was found last, with its path.
    committing: JoinSet<(PathBuf, Result<Commit, CommitError>)>,
    /// The file that could not be committed, and why, until another one can.
    told: Option<(PathBuf, String)>,
}

/// What comes of a watched folder, where it is worth telling. That a file is committed, the station's own events say.
#[derive(Debug)]
#[non_exhaustive]
pub enum WatchNews {
    /// What was found, except for what is finished.
    Found {
        /// The folder.
        folder: PathBuf,
        /// What.
        found: Found,
    },
    /// A file could not be committed; it is tried again. Told once for as long as the reason is the same.
    NotCommitted {
        /// The file.
        path: PathBuf,
        /// Why.
        why: CommitError,
    },
}

impl Watched {
    /// Begins to watch `folder`, with its note in the data directory.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn begin(folder: &Path, data: &Path, station: &Station, options: Options) -> io::Result<Self> {
        Ok(Self {
            folder: Folder::watch(folder, data, station.store(), options)?,
            path: folder.to_owned(),
            finished: None,
            committing: JoinSet::new(),
            told: None,
        })
    }

    /// The next that is worth telling. Cancel-safe.
    ///
    /// # Errors
    /// When the station has stopped.
    pub async fn next(&mut self, station: &Station) -> Result<WatchNews, Stopped> {
        loop {
            if let Some(finished) = &self.finished {
                let kept = station.store().commits().unwrap_or_default();
                let kept = kept.into_iter().map(|stored| (stored.commit, Some(stored.hash)));
                let told = station.commits().await?.into_iter().map(|info| (info.commit, None));
                let known = folder::committed_as(finished, kept.chain(told), station.uuid());
                if let Some(finished) = self.finished.take() {
                    match known {
                        // What was fetched into the folder, or saved again as it was.
                        Some(file) => {
                            tracing::info!(%file, path = %finished.path.display(), "committed already");
                            self.folder.judged(Verdict::Settled);
                        }
                        None => self.commit(finished, station),
                    }
                }
            }
            tokio::select! {
                Some(Ok((path, committed))) = self.committing.join_next() => {
                    if let Some(news) = self.committed(path, committed) {
                        return Ok(news);
                    }
                }
                Some(found) = self.folder.next() => match found {
                    Found::Finished(finished) => self.finished = Some(finished),
                    found => return Ok(WatchNews::Found { folder: self.path.clone(), found }),
                },
                else => std::future::pending().await,
            }
        }
    }

    fn commit(&mut self, finished: Finished, station: &Station) {
        let station = station.clone();
        self.committing.spawn(async move {
            let draft = CommitDraft::from_path(&finished.path).comment(finished.comment);
            let committed = station.commit(draft).await;
            (finished.path, committed)
        });
    }

    fn committed(&mut self, path: PathBuf, committed: Result<Commit, CommitError>) -> Option<WatchNews> {
        let Err(why) = committed else {
            self.told = None;
            self.folder.judged(Verdict::Settled);
            return None;
        };
        self.folder.judged(Verdict::Later);
        let told = (path.clone(), gist_of(&why.to_string()));
        let news = self.told.as_ref() != Some(&told);
        self.told = Some(told);
        news.then_some(WatchNews::NotCommitted { path, why })
    }
}

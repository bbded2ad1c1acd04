//! Looks through files before they are listed: those that came, and our own.
//!
//! ```text
//!  arrived ─► looked through ─┬─ whole, or not to be judged ─► listed, offered on
//!                             └─ damaged ─► put aside, told, never offered
//! ```
//! A file is looked through when all of it has come, on a thread that may block, out of the page cache; no transfer waits for it. What the
//! limits protect is told at [`mvrx_store::look_through`]. Who wants other files than archives passed on says so
//! ([`Builder::any_file`]).

use std::fmt;
use std::path::PathBuf;

use mvrx_core::{Event, Input, RequestId};
use mvrx_message::{Author, Commit, FileUuid, StationUuid};
use mvrx_store::{ArchiveLimits, Bad, Cancel, Condition, Pending, look_through};

use crate::Builder;
use crate::commit::CommitError;
use crate::driver::{Done, Driver};

/// What is known of a fetched file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Checked {
    /// What a look through it found.
    pub condition: Condition,
    /// Whether it has the length that was announced for it; `None`: none was.
    pub size_as_told: Option<bool>,
    /// Whether a hash was announced for it, which it has then: another file is not kept.
    pub hash_as_told: bool,
}

impl Checked {
    /// What was found, and how it compares with what was announced.
    #[must_use]
    pub fn new(condition: Condition, size_as_told: Option<bool>, hash_as_told: bool) -> Self {
        Self { condition, size_as_told, hash_as_told }
    }
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = match (self.size_as_told, self.hash_as_told) {
            (Some(true), true) => ", size and hash as told",
            (_, true) => ", hash as told",
            (Some(true), false) => ", size as told",
            (Some(false), false) => ", size not as told",
            (None, false) => "",
        };
        write!(f, "{}{told}", self.condition)
    }
}

/// How files are looked through.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Look {
    any: bool,
    limits: ArchiveLimits,
}

/// How the keeping of a file ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It is listed. `None`: any file would be.
    Kept(Option<Condition>),
    /// It is bad; here it lies, if it was kept aside.
    PutAside { what: String, path: Option<PathBuf> },
    /// Our own side failed.
    Failed(String),
}

/// The keeping of one file.
#[derive(Debug)]
pub(crate) struct Keeping {
    pub(crate) pending: Box<dyn Pending>,
    pub(crate) commit: Commit,
    pub(crate) group: String,
    pub(crate) cancel: Cancel,
}

impl Look {
    /// Lists a file if it is whole. `progress` hears of the bytes that were looked through. Ends early, with a failure, when `cancel` is
    /// thrown.
    // req: STA-25
    pub(crate) async fn keep(self, keeping: Keeping, progress: impl Fn(u64) + Send + 'static) -> Outcome {
        let kept = tokio::task::spawn_blocking(move || self.keep_now(keeping, &progress));
        kept.await.unwrap_or_else(|error| Outcome::Failed(error.to_string()))
    }

    fn keep_now(self, keeping: Keeping, progress: &dyn Fn(u64)) -> Outcome {
        let Keeping { pending, commit, group, cancel } = keeping;
        let condition = match self.look(pending.as_ref(), progress, &cancel) {
            Ok(condition) => condition,
            Err(error) => return Outcome::Failed(error.to_string()),
        };
        if let Some(Condition::Damaged { what }) = condition {
            let path = put_aside(pending, commit.file, Bad::Damaged);
            return Outcome::PutAside { what, path };
        }
        match pending.publish(&commit, &group) {
            Ok(_) => Outcome::Kept(condition),
            Err(error) => Outcome::Failed(error.to_string()),
        }
    }

    fn look(
        self,
        pending: &dyn Pending,
        progress: &dyn Fn(u64),
        cancel: &Cancel,
    ) -> Result<Option<Condition>, mvrx_store::LookError> {
        if self.any {
            return Ok(None);
        }
        look_through(pending, &self.limits, progress, cancel).map(Some)
    }

    /// Whether a file of our own may be committed. `any`: this one may, whatever it is.
    pub(crate) fn accept(self, pending: &dyn Pending, any: bool, cancel: &Cancel) -> Result<(), CommitError> {
        let look = Self { any: self.any || any, ..self };
        match look.look(pending, &|_| {}, cancel)? {
            Some(Condition::Damaged { what }) => Err(CommitError::Damaged { what }),
            _ => Ok(()),
        }
    }
}

/// Keeps a bad file aside. Blocks.
pub(crate) fn put_aside(pending: Box<dyn Pending>, file: FileUuid, why: Bad) -> Option<PathBuf> {
    match pending.put_aside(file, why) {
        Ok(path) => path,
        Err(error) => {
            tracing::warn!(%file, %error, "a bad file was not kept aside");
            None
        }
    }
}

/// What is told of a file that was kept.
pub(crate) fn event_of(file: FileUuid, from: Option<StationUuid>, checked: &Checked) -> Option<Event> {
    Some(match &checked.condition {
        Condition::Whole { members, unread } => Event::FileWhole {
            file,
            from,
            members: *members,
            unread: *unread,
            size_as_told: checked.size_as_told,
            hash_as_told: checked.hash_as_told,
        },
        Condition::NotJudged { what } => Event::FileNotJudged { file, from, what: what.clone() },
        _ => return None,
    })
}

/// What a file that came is compared with.
pub(crate) fn checked(condition: Condition, announced: Option<&Commit>, kept: &Commit) -> Checked {
    let size = announced.map(|commit| commit.file_size).filter(|size| *size != 0);
    Checked {
        condition,
        size_as_told: size.map(|size| size == kept.file_size),
        hash_as_told: announced.is_some_and(|commit| commit.blake3.is_some()),
    }
}

/// A file that was looked through and kept, or was not.
#[derive(Debug)]
pub(crate) struct Looked {
    pub(crate) commit: Commit,
    pub(crate) outcome: Outcome,
}

impl Driver {
    pub(crate) fn keep(&mut self, request: RequestId, commit: Commit) {
        let Some(pending) = self.arrived.remove(&request) else {
            let what = "its bytes are gone".to_owned();
            return self.step(Input::KeepFailed { request, what });
        };
        let progress = self.requests.get(&request).map(|(progress, _)| progress.clone()).unwrap_or_default();
        let cancel = Cancel::new();
        self.looking.insert(request, cancel.clone());
        let (look, done, group) = (self.look, self.done.clone(), self.group.clone());
        // In our own history only: the others of a group hear of its author from himself.
        // req: STO-30
        let author = commit.author.clone().or_else(|| self.known_as(commit.station?));
        tokio::spawn(async move {
            let keeping = Keeping { pending, commit: Commit { author, ..commit.clone() }, group, cancel };
            let outcome = look.keep(keeping, move |bytes| progress.looked_through(bytes)).await;
            let _ = done.send(Done::Kept(request, Box::new(Looked { commit, outcome }))).await;
        });
    }

    /// The name and the application of a station, as far as they are known now.
    fn known_as(&self, station: StationUuid) -> Option<Author> {
        let config = self.core.config();
        let author = match self.core.station(station) {
            Some(view) => Author::new(view.name, view.provider),
            None if station == config.station => Author::new(&config.station_name, &config.provider),
            None => return None,
        };
        (!author.is_empty()).then_some(author)
    }

    pub(crate) fn kept(&mut self, request: RequestId, looked: Looked) {
        self.looking.remove(&request);
        let Looked { commit, outcome } = looked;
        let (file, from) = (commit.file, self.core.asked(request));
        match outcome {
            Outcome::Kept(condition) => {
                let announced = self.core.commit(file);
                let checked =
                    condition.map(|condition| checked(condition, announced.map(|view| view.commit), &commit));
                if let Some(event) = checked.as_ref().and_then(|checked| event_of(file, from, checked)) {
                    self.on_event(event);
                }
                self.checked = checked.map(|checked| (file, checked));
                self.step(Input::Kept { request });
                self.checked = None;
            }
            Outcome::PutAside { what, path } => {
                self.on_event(Event::FilePutAside { file, from, what: format!("damaged: {what}"), path });
                self.step(Input::Damaged { request, what });
            }
            Outcome::Failed(what) => self.step(Input::KeepFailed { request, what }),
        }
    }

    /// What came is another file than the announced one.
    pub(crate) fn put_aside(
        &mut self,
        request: RequestId,
        file: FileUuid,
        (from, what): (StationUuid, String),
    ) {
        let Some(pending) = self.arrived.remove(&request) else { return };
        let done = self.done.clone();
        tokio::spawn(async move {
            let put = tokio::task::spawn_blocking(move || put_aside(pending, file, Bad::OtherFile));
            let path = put.await.unwrap_or_default();
            let event = Event::FilePutAside { file, from: Some(from), what, path };
            // The driver is gone: nobody needs it any more.
            let _ = done.send(Done::Told(Box::new(event))).await;
        });
    }

    /// Nobody wants what came, or is being looked through.
    pub(crate) fn drop_file(&mut self, request: RequestId) {
        drop(self.arrived.remove(&request));
        if let Some(cancel) = self.looking.remove(&request) {
            cancel.cancel();
        }
    }
}

impl Builder {
    /// Takes and commits any file, and not only whole zip archives as an .mvr is one: for tests, and for crews that pass on other
    /// formats. Without it every fetched file is looked through before it is listed, a damaged one is kept aside
    /// ([`Event::FilePutAside`]) and never offered on, and a damaged file of our own is not committed
    /// ([`CommitError::Damaged`]).
    #[must_use]
    pub fn any_file(mut self, any: bool) -> Self {
        self.look.any = any;
        self
    }

    /// What a look through a file may cost. What a limit keeps from being judged is kept, and told ([`Event::FileNotJudged`]).
    #[must_use]
    pub fn check_limits(mut self, limits: ArchiveLimits) -> Self {
        self.look.limits = limits;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_said_in_words() {
        let says = |condition, size_as_told, hash_as_told| {
            Checked { condition, size_as_told, hash_as_told }.to_string()
        };
        let whole = Condition::Whole { members: 897, unread: 0 };
        assert_eq!(
            says(whole.clone(), Some(true), true),
            "whole: 897 members, checksums right, size and hash as told"
        );
        assert_eq!(
            says(whole.clone(), Some(true), false),
            "whole: 897 members, checksums right, size as told"
        );
        assert!(says(whole.clone(), Some(false), false).ends_with(", size not as told"));
        assert!(says(whole.clone(), None, true).ends_with(", hash as told"));
        assert!(says(whole, None, false).ends_with("checksums right"));
    }
}

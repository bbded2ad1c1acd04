//! Where a station that moved is at its next start: kept in its data directory before the old place is left, and forgotten again where the move
//! ends here after all.
//!
//! What is written and undone is done off the driver's thread, one after the other in the order in which it was wanted. A disk that refuses, or
//! hangs, ends the move and nothing else (`Timers::keep_place`).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mvrx_core::Input;
use mvrx_message::{FileUuid, GroupName, SessionTarget};
use mvrx_transport::WsUrl;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::along::Along;
use crate::driver::{Done, Driver};
use crate::identity::write_whole;

/// Where a station that moved is to be at its next start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptPlace {
    /// Its group; in a session the name under which its files are kept.
    pub group: GroupName,
    /// The URL of its session, if it is in one.
    pub session: Option<String>,
}

/// Keeps a place in a station's data directory, for its next start.
///
/// # Errors
/// When it cannot be written; what was kept before stays then.
pub fn keep_place(directory: &Path, place: &KeptPlace) -> io::Result<()> {
    let session = place.session.as_ref().map(|url| format!("session {url}\n")).unwrap_or_default();
    write_whole(&directory.join(FILE), &format!("group {}\n{session}", place.group))
}

/// The place that was kept there; `None` where there is none, or a damaged one.
///
/// # Errors
/// When it cannot be read.
pub fn kept_place(directory: &Path) -> io::Result<Option<KeptPlace>> {
    let text = match fs::read_to_string(directory.join(FILE)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut lines = text.lines();
    let group = lines.next().and_then(|line| line.strip_prefix("group ")).and_then(|name| name.parse().ok());
    let session = lines.next().map(|line| line.strip_prefix("session "));
    Ok(match (group, session) {
        (Some(group), None) => Some(KeptPlace { group, session: None }),
        (Some(group), Some(Some(url))) if url.parse::<WsUrl>().is_ok() => {
            Some(KeptPlace { group, session: Some(url.to_owned()) })
        }
        _ => None,
    })
}

/// Forgets it.
///
/// # Errors
/// When the file is there and cannot be removed.
pub fn forget_place(directory: &Path) -> io::Result<()> {
    match fs::remove_file(directory.join(FILE)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The place of the next start, as the driver has it kept.
#[derive(Debug)]
pub(crate) struct Keeping {
    /// The data directory; `None`: nothing is kept.
    directory: Option<PathBuf>,
    /// What was kept before the move under way kept its place; `None`: nothing is to be undone.
    before: Arc<Mutex<Option<Before>>>,
    /// The files that are of more than one group.
    along: Arc<Mutex<Along>>,
    /// The last of what is being done; each waits for the one before it.
    last: Option<JoinHandle<()>>,
    /// The move under way is its election's, in this group.
    passes: Option<GroupName>,
    /// How many places were to be kept, and the one whose answer the core waits for.
    count: u64,
    awaited: Option<u64>,
}

/// What was kept before a move.
#[derive(Debug)]
struct Before {
    /// `None`: that move keeps no place.
    place: Option<Option<KeptPlace>>,
    along: Along,
}

impl Keeping {
    pub(crate) fn new(directory: Option<PathBuf>) -> Self {
        let along = directory.as_deref().map(Along::read).unwrap_or_default();
        let along = Arc::new(Mutex::new(along));
        let (before, passes) = (Arc::default(), None);
        Self { directory, before, along, last: None, passes, count: 0, awaited: None }
    }

    /// The files that are of more than one group.
    pub(crate) fn along(&self) -> Along {
        self.along.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The new place is ours for good.
    pub(crate) fn has_moved(&mut self) {
        *self.before.lock().unwrap_or_else(PoisonError::into_inner) = None;
        if let (Some(group), Some(directory)) = (self.passes.take(), self.directory.clone()) {
            self.takes_part_again(group, directory);
        }
    }

    /// Who takes part in an election does so at its next start, too, wherever a person had moved it before. Nothing waits for it.
    // req: ELE-12
    fn takes_part_again(&mut self, group: GroupName, directory: PathBuf) {
        let last = self.last.take();
        self.last = Some(tokio::spawn(async move {
            if let Some(last) = last {
                let _ = last.await;
            }
            let written = tokio::task::spawn_blocking(move || match kept_place(&directory)? {
                Some(KeptPlace { session: Some(_), .. }) => {
                    keep_place(&directory, &KeptPlace { group, session: None })
                }
                _ => Ok(()),
            });
            if let Err(error) = written.await.unwrap_or_else(|ended| Err(io::Error::other(ended))) {
                tracing::warn!(%error, "the next start is where this station was moved last");
            }
        }));
    }

    /// Lets what was begun come to its end, within [`LONGEST`].
    pub(crate) async fn finish(self) {
        if let Some(last) = self.last {
            // A disk that hangs keeps nobody from stopping.
            let _ = timeout(LONGEST, last).await;
        }
    }
}

impl Driver {
    /// A place to which we pass is not kept, and nothing waits for what came along there.
    // req: MOV-07, MOV-12, MOV-14
    pub(crate) fn save_place(
        &mut self,
        (to, passing): (&SessionTarget, bool),
        group: GroupName,
        files: Vec<FileUuid>,
    ) {
        let keeping = &mut self.keeping;
        keeping.count += 1;
        keeping.awaited = Some(keeping.count);
        let session = if let SessionTarget::Url(url) = to { Some(url.clone()) } else { None };
        keeping.passes = passing.then(|| group.clone());
        let place = KeptPlace { group, session };
        let (directory, memory) = (keeping.directory.clone(), Arc::clone(&keeping.before));
        let (along, store) = (Arc::clone(&keeping.along), Arc::clone(&self.store));
        let (last, number, done) = (keeping.last.take(), keeping.count, self.done.clone());
        self.keeping.last = Some(tokio::spawn(async move {
            if let Some(last) = last {
                let _ = last.await;
            }
            let kept = tokio::task::spawn_blocking(move || {
                let mut was = along.lock().unwrap_or_else(PoisonError::into_inner).clone();
                was.read_again(directory.as_deref())?;
                let mut is = was.clone();
                is.add(&place.group, &files, store.as_ref());
                let places = directory.as_deref().filter(|_| !passing);
                let before = places.map(kept_place).transpose()?;
                match is.write_over(&was, directory.as_deref()) {
                    Err(error) if passing => {
                        tracing::warn!(%error, "the next start does not tell this group of what came along");
                    }
                    written => written?,
                }
                if let Some(places) = places
                    && let Err(error) = keep_place(places, &place)
                {
                    // Should the list not be undone either, some files are told in that group as well.
                    let _ = was.write_over(&is, directory.as_deref());
                    return Err(error);
                }
                *along.lock().unwrap_or_else(PoisonError::into_inner) = is;
                *memory.lock().unwrap_or_else(PoisonError::into_inner) =
                    Some(Before { place: before, along: was });
                Ok(())
            });
            let kept = kept.await.unwrap_or_else(|ended| Err(io::Error::other(ended)));
            // The driver is gone: nobody waits.
            let _ = done.send(Done::PlaceSaved(number, kept.map_err(|error| error.to_string()))).await;
        }));
    }

    pub(crate) fn place_saved(&mut self, number: u64, kept: Result<(), String>) {
        if self.keeping.awaited.take_if(|awaited| *awaited == number).is_some() {
            self.step(match kept {
                Ok(()) => Input::PlaceSaved,
                Err(what) => Input::PlaceNotSaved { what },
            });
        }
    }

    // req: MOV-08
    pub(crate) fn forget_saved_place(&mut self) {
        let keeping = &mut self.keeping;
        keeping.awaited = None;
        keeping.passes = None;
        let (directory, along) = (keeping.directory.clone(), Arc::clone(&keeping.along));
        let (memory, last, done) = (Arc::clone(&keeping.before), keeping.last.take(), self.done.clone());
        keeping.last = Some(tokio::spawn(async move {
            if let Some(last) = last {
                let _ = last.await;
            }
            let undone = tokio::task::spawn_blocking(move || {
                let before = memory.lock().unwrap_or_else(PoisonError::into_inner).take();
                let Some(before) = before else { return Ok(()) };
                let is = std::mem::replace(
                    &mut *along.lock().unwrap_or_else(PoisonError::into_inner),
                    before.along.clone(),
                );
                let Some(directory) = directory else { return Ok(()) };
                match before.place {
                    Some(Some(place)) => keep_place(&directory, &place),
                    Some(None) => forget_place(&directory),
                    None => Ok(()),
                }?;
                before.along.write_over(&is, Some(&directory))
            });
            if let Err(error) = undone.await.unwrap_or_else(|ended| Err(io::Error::other(ended))) {
                let what = format!("the next start is in another place than this station: {error}");
                let _ = done.send(Done::Problem(what)).await;
            }
        }));
    }
}

impl Driver {
    /// These came along after the place was kept.
    // req: MOV-14
    pub(crate) fn keep_along(&mut self, group: GroupName, files: Vec<FileUuid>) {
        let keeping = &mut self.keeping;
        let (directory, along) = (keeping.directory.clone(), Arc::clone(&keeping.along));
        let (store, last, done) = (Arc::clone(&self.store), keeping.last.take(), self.done.clone());
        keeping.last = Some(tokio::spawn(async move {
            if let Some(last) = last {
                let _ = last.await;
            }
            let kept = tokio::task::spawn_blocking(move || {
                let mut was = along.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let read = was.read_again(directory.as_deref());
                let mut is = was.clone();
                is.add(&group, &files, store.as_ref());
                *along.lock().unwrap_or_else(PoisonError::into_inner) = is.clone();
                read?;
                is.write_over(&was, directory.as_deref())
            });
            if let Err(error) = kept.await.unwrap_or_else(|ended| Err(io::Error::other(ended))) {
                let what =
                    format!("the next start does not tell this group of a file that came along: {error}");
                let _ = done.send(Done::Problem(what)).await;
            }
        }));
    }

    /// A file of ours was listed in `group` while we moved on: it came along.
    pub(crate) fn came_along(&mut self, group: &str, file: FileUuid) {
        let ours = &self.core.config().group;
        if ours.as_str() != group {
            let ours = ours.clone();
            self.keep_along(ours, vec![file]);
        }
    }
}

/// A station that stops waits no longer for its disk.
const LONGEST: Duration = Duration::from_secs(2);

/// In the data directory.
const FILE: &str = "place";

#[cfg(test)]
mod tests {
    use super::*;

    // proves: MOV-12
    #[test]
    fn a_place_is_kept_and_forgotten_and_a_damaged_one_is_none() {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path();
        assert_eq!(kept_place(at).unwrap(), None);
        for session in [None, Some("ws://rack.example:81/x".to_owned())] {
            let place = KeptPlace { group: "Stage 2".parse().unwrap(), session };
            keep_place(at, &place).unwrap();
            assert_eq!(kept_place(at).unwrap(), Some(place));
        }
        forget_place(at).unwrap();
        forget_place(at).unwrap();
        assert_eq!(kept_place(at).unwrap(), None);
        for damaged in
            ["", "group", "group \n", "session ws://x/\n", "group A\nsession rack\n", "group A\ntent 1\n"]
        {
            fs::write(at.join(FILE), damaged).unwrap();
            assert_eq!(kept_place(at).unwrap(), None, "{damaged}");
        }
    }
}

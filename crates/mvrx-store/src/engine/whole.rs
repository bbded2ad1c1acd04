//! A file that has arrived and waits to be listed or given up.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use mvrx_message::{Commit, FileUuid};

use crate::budget::Reservation;
use crate::disk::{DiskAction, DiskError, Naming, ReadFile, WriteFile};
use crate::engine::{Engine, Shelf};
use crate::error::{PublishError, PutAsideError, ReadError, WriteError};
use crate::fs::Aside;
use crate::limits::Limits;
use crate::store::{Bad, PartOf, Pending, StoredCommit};
use crate::stored_file::StoredFile;

/// A file between `finish` and `publish`.
#[derive(Debug)]
pub(crate) struct Whole<S: Shelf> {
    // Closed before its place is discarded, for systems that do not remove open files.
    pub(super) file: Box<dyn WriteFile>,
    pub(super) place: Unlisted<S>,
    pub(super) bytes: Reservation,
    pub(super) hash: [u8; 32],
    pub(super) length: u64,
    /// The announced length, where it is another.
    pub(super) announced: Option<u64>,
}

/// A place on a shelf that is given up unless it is kept.
#[derive(Debug)]
pub(crate) struct Unlisted<S: Shelf> {
    engine: Arc<Engine<S>>,
    place: Option<S::Place>,
    /// The file of which this is a part, and how much of it there is.
    part: Option<(PartOf, u64)>,
}

impl<S: Shelf> Unlisted<S> {
    pub(super) fn new(engine: &Arc<Engine<S>>, place: S::Place) -> Self {
        Self { engine: Arc::clone(engine), place: Some(place), part: None }
    }

    /// It is kept when it is dropped, to be gone on with.
    pub(super) fn of_part(engine: &Arc<Engine<S>>, place: S::Place, part: (PartOf, u64)) -> Self {
        Self { engine: Arc::clone(engine), place: Some(place), part: Some(part) }
    }

    /// So many bytes are in it.
    pub(super) fn has(&mut self, length: u64) {
        if let Some((_, has)) = &mut self.part {
            *has = length;
        }
    }

    /// All of it is here, or nothing of it is to be kept.
    pub(super) fn is_no_part(&mut self) {
        if let Some((of, _)) = self.part.take() {
            self.engine.is_no_part(&of);
        }
    }

    pub(super) fn grow(&self, bytes: &mut Reservation, to: u64) -> Result<(), WriteError> {
        self.engine.grow(bytes, to)
    }

    pub(super) fn engine(&self) -> &Engine<S> {
        &self.engine
    }

    pub(super) fn open(&self) -> Result<Arc<dyn ReadFile>, DiskError> {
        match &self.place {
            Some(place) => self.engine.shelf.open_unlisted(place),
            None => Err(gone(DiskAction::Open)),
        }
    }

    #[allow(clippy::unused_self, reason = "a method of the place whose file it is")]
    pub(super) fn sync(&mut self, file: &mut dyn WriteFile) -> Result<(), DiskError> {
        file.sync().named(DiskAction::Sync, Path::new(UNLISTED))
    }

    /// Keeps the file aside, where the shelf does. What is not kept is given up.
    fn put_aside(self, aside: &Aside) -> Result<Option<PathBuf>, DiskError> {
        let Some(place) = &self.place else { return Err(gone(DiskAction::Rename)) };
        self.engine.shelf.put_aside(place, aside, &self.engine.limits)
    }

    /// Lists the file. From then on it is not ours to give up.
    pub(super) fn keep(&mut self, stored: &StoredCommit, limits: &Limits) -> Result<(), PublishError> {
        let Some(place) = &self.place else { return Err(gone(DiskAction::Rename).into()) };
        self.engine.shelf.keep(place, stored, limits)?;
        self.place = None;
        Ok(())
    }
}

// req: STO-15
impl<S: Shelf> Drop for Unlisted<S> {
    fn drop(&mut self) {
        let Some(place) = self.place.take() else { return };
        match self.part.take() {
            Some((of, length)) => self.engine.keep_part(of, place, length),
            None => self.engine.shelf.discard(place),
        }
    }
}

impl<S: Shelf> Pending for Whole<S> {
    fn length(&self) -> u64 {
        self.length
    }

    fn hash(&self) -> [u8; 32] {
        self.hash
    }

    fn announced_otherwise(&self) -> Option<u64> {
        self.announced
    }

    fn read(&self) -> Result<StoredFile, ReadError> {
        Ok(StoredFile::complete(self.place.open()?, self.length))
    }

    fn put_aside(mut self: Box<Self>, file: FileUuid, why: Bad) -> Result<Option<PathBuf>, PutAsideError> {
        self.place.sync(&mut *self.file)?;
        let Self { file: open, place, hash, length, .. } = *self;
        // Some systems do not rename what is open for writing.
        drop(open);
        Ok(place.put_aside(&Aside { file, hash, length, why })?)
    }

    fn publish(self: Box<Self>, commit: &Commit, group: &str) -> Result<StoredCommit, PublishError> {
        let engine = Arc::clone(&self.place.engine);
        engine.publish(*self, commit, group)
    }
}

/// A place is taken away only when it is kept, and then its owner is gone as well; yet no reason to panic.
fn gone(action: DiskAction) -> DiskError {
    DiskError::NotFound { action, path: UNLISTED.into() }
}

const UNLISTED: &str = "a file that is not listed";

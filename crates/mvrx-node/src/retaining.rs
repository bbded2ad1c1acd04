//! Which commits a running node lets go: by number, age and bytes of each group. The store decides and removes; the station is asked first, and what
//! is still to be saved in a folder waits for that.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use mvrx_message::FileUuid;
use mvrx_station::{LetGo, Station};
use mvrx_store::{FsOptions, MayGo, Retention};

/// Limits of a history, and what keeps a commit beside them.
#[derive(Debug, Clone, Default)]
pub struct Retaining {
    retention: Retention,
    station: Arc<OnceLock<LetGo>>,
    unsaved: Unsaved,
}

impl Retaining {
    /// What is kept; all, unless limits say something else.
    #[must_use]
    pub fn new(retention: Retention) -> Self {
        Self { retention, ..Self::default() }
    }

    /// The store of the station that is to come. Nothing goes before [`Retaining::begin`].
    #[must_use]
    pub fn options(&self, options: FsOptions) -> FsOptions {
        let (station, unsaved) = (Arc::clone(&self.station), self.unsaved.clone());
        let may_go = MayGo::new(move |going| {
            !unsaved.all().contains(&going.commit.file)
                && station.get().is_some_and(|station| station.ask(going, PATIENCE))
        });
        FsOptions { retention: self.retention.clone(), may_go: Some(may_go), ..options }
    }

    /// From now on commits may go: what is to be saved in a folder is known. A second call does nothing.
    pub fn begin(&self, running: &Station) {
        self.station.get_or_init(|| running.let_go());
    }

    /// The files that wait for a folder, for whoever saves them there.
    #[must_use]
    pub fn unsaved(&self) -> Unsaved {
        self.unsaved.clone()
    }
}

/// Files that are to be saved in a folder, and are not there yet.
#[derive(Debug, Clone, Default)]
pub struct Unsaved(Arc<Mutex<BTreeSet<FileUuid>>>);

impl Unsaved {
    fn all(&self) -> MutexGuard<'_, BTreeSet<FileUuid>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Is to be saved.
    pub fn add(&self, file: FileUuid) {
        self.all().insert(file);
    }

    /// Is saved, or is not to be saved any more.
    pub fn remove(&self, file: FileUuid) {
        self.all().remove(&file);
    }
}

/// A station that is busy for longer is asked again.
pub const PATIENCE: Duration = Duration::from_secs(2);

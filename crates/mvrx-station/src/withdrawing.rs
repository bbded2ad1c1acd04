//! Taking back a commit that was a mistake: it is marked in the store first, so that it stays so whatever happens, and leaves the lists then.

use std::collections::HashSet;
use std::sync::Arc;

use mvrx_core::{Command, Input};
use mvrx_message::{FileUuid, StationUuid};
use mvrx_store::{ListError, Store, StoredCommit};
use tokio::sync::oneshot;

use crate::driver::{Done, Driver};

/// Why a commit was not withdrawn. Nothing changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WithdrawError {
    /// The store has no such commit.
    #[error("{file} is not in the store")]
    NotKept {
        /// The file.
        file: FileUuid,
    },
    /// Another station made it.
    #[error("{file} was committed by another station, and only that one can withdraw it")]
    NotOurs {
        /// The file.
        file: FileUuid,
        /// Who made it, as far as it was told.
        author: Option<StationUuid>,
    },
    /// The store cannot be read.
    #[error(transparent)]
    List(#[from] ListError),
    /// The store could not note it.
    #[error(transparent)]
    Store(#[from] mvrx_store::WithdrawError),
    /// The station was stopped meanwhile.
    #[error("the station has stopped")]
    Stopped,
}

/// Who waits to hear whether it is withdrawn: `false`, it was before.
pub(crate) type Told = oneshot::Sender<Result<bool, WithdrawError>>;

/// What lies in a store, and what of it was withdrawn.
#[derive(Debug, Default)]
pub(crate) struct Stored {
    pub(crate) commits: Vec<StoredCommit>,
    pub(crate) withdrawn: HashSet<FileUuid>,
}

impl Stored {
    pub(crate) fn read(store: &dyn Store) -> Result<Self, ListError> {
        Ok(Self { commits: store.commits()?, withdrawn: store.withdrawn()? })
    }

    /// Those that others are told of.
    pub(crate) fn offered(store: &dyn Store) -> Result<Vec<StoredCommit>, ListError> {
        let Self { mut commits, withdrawn } = Self::read(store)?;
        commits.retain(|stored| !withdrawn.contains(&stored.commit.file));
        Ok(commits)
    }
}

impl Driver {
    pub(crate) fn withdraw(&self, file: FileUuid, told: Told) {
        let (store, us, done) = (Arc::clone(&self.store), self.core.config().station, self.done.clone());
        tokio::spawn(async move {
            let marked = mark(store, us, file).await;
            // The driver is gone: nobody waits.
            let _ = done.send(Done::Withdrawn(file, marked, told)).await;
        });
    }

    pub(crate) fn withdrawn(&mut self, file: FileUuid, marked: Result<bool, WithdrawError>, told: Told) {
        if marked.is_ok() {
            self.step(Input::Command(Command::Withdraw(file)));
        }
        let _ = told.send(marked);
    }

    /// What we have of a commit that its author took back is listed no more after a restart, either.
    // req: STA-33
    pub(crate) fn note_withdrawn(&self, file: FileUuid) {
        if self.core.holds(file) {
            remember(Arc::clone(&self.store), file);
        }
    }
}

/// Marks a commit of ours in the store.
pub(crate) async fn mark(
    store: Arc<dyn Store>,
    us: StationUuid,
    file: FileUuid,
) -> Result<bool, WithdrawError> {
    let marked = tokio::task::spawn_blocking(move || {
        let Some(stored) = store.commit(file)? else { return Err(WithdrawError::NotKept { file }) };
        match stored.commit.station {
            Some(author) if author == us => Ok(store.withdraw(file)?),
            author => Err(WithdrawError::NotOurs { file, author }),
        }
    });
    marked.await.unwrap_or(Err(WithdrawError::Stopped))
}

/// Marks in the store what its author took back.
pub(crate) fn remember(store: Arc<dyn Store>, file: FileUuid) {
    tokio::task::spawn_blocking(move || {
        // It may be gone by now.
        if let Err(error) = store.withdraw(file) {
            tracing::warn!(%error, "that a commit was withdrawn is not remembered over a restart");
        }
    });
}

//! From a file on disk to a commit in the store, on threads where blocking hurts nobody.

use std::sync::Arc;

use mvrx_message::{Author, Commit, FileUuid, MvrVersion, StationUuid};
use mvrx_store::{ImportError, Pending, PublishError, Store, StoredCommit};

use crate::files::never;
use crate::identity::random_bytes;
use crate::looking::Look;
use crate::{CommitDraft, Exporter};

/// Why a file was not committed. Nothing was announced and nothing of it is left in the store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// The file could not be copied into the store.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// It is no whole zip archive, as an .mvr is one; see [`CommitDraft::any_file`].
    #[error("the file is damaged: {what}")]
    Damaged {
        /// What is wrong with it, as a clause.
        what: String,
    },
    /// It could not be looked through.
    #[error(transparent)]
    Look(#[from] mvrx_store::LookError),
    /// The store could not keep it.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// The station was stopped meanwhile.
    #[error("the station has stopped")]
    Stopped,
}

/// Who makes a commit.
#[derive(Debug, Clone)]
pub(crate) struct Maker {
    station: StationUuid,
    /// For our own history. A session's host tells it, a station of a group does not.
    author: Author,
}

impl Maker {
    pub(crate) fn new(station: StationUuid, name: &str, provider: &str) -> Self {
        Self { station, author: Author::new(name, provider) }
    }
}

/// A file that lies in the store and is not listed yet, and what is to be said of it.
#[derive(Debug)]
pub(crate) struct Copied {
    pending: Box<dyn Pending>,
    commit: Commit,
    author: Author,
}

pub(crate) async fn copy(
    (store, look): (Arc<dyn Store>, Look),
    draft: CommitDraft,
    by: Maker,
) -> Result<Copied, CommitError> {
    tokio::task::spawn_blocking(move || copy_now((store.as_ref(), look), draft, by))
        .await
        .unwrap_or(Err(CommitError::Stopped))
}

/// `order`: its place among all commits.
pub(crate) async fn list(copied: Copied, group: String, order: u64) -> Result<Commit, CommitError> {
    let Copied { pending, mut commit, author } = copied;
    commit.order = Some(order);
    let stored = Commit { author: Some(author), ..commit.clone() };
    publish(pending, stored, group).await.map(|_| commit)
}

pub(crate) async fn import(
    (store, look): (Arc<dyn Store>, Look),
    draft: CommitDraft,
    by: (Maker, u64),
    group: String,
) -> Result<Commit, CommitError> {
    tokio::task::spawn_blocking(move || import_now((store.as_ref(), look), draft, by, &group))
        .await
        .unwrap_or(Err(CommitError::Stopped))
}

fn import_now(
    from: (&dyn Store, Look),
    draft: CommitDraft,
    (by, order): (Maker, u64),
    group: &str,
) -> Result<Commit, CommitError> {
    let Copied { pending, mut commit, author } = copy_now(from, draft, by)?;
    commit.order = Some(order);
    pending.publish(&Commit { author: Some(author), ..commit.clone() }, group)?;
    Ok(commit)
}

fn copy_now(
    (store, look): (&dyn Store, Look),
    draft: CommitDraft,
    Maker { station, author }: Maker,
) -> Result<Copied, CommitError> {
    let pending = store.import(&draft.path, &|_| {}, &never())?;
    look.accept(pending.as_ref(), draft.any_file, &never())?;
    let own_name = draft.path.file_name().map(|name| name.to_string_lossy().into_owned());
    let version = draft
        .version
        .or_else(|| mvrx_store::mvr_version(pending.as_ref()))
        .unwrap_or(MvrVersion { major: 1, minor: 6 });
    let commit = Commit {
        file: FileUuid::from_random_bytes(random_bytes()),
        station: Some(station),
        version,
        file_size: pending.length(),
        for_stations: draft.for_stations,
        comment: draft.comment,
        file_name: draft.file_name.or(own_name).unwrap_or_default(),
        blake3: Some(pending.hash()),
        author: None,
        group: None,
        order: None,
        missed: false,
    };
    Ok(Copied { pending, commit, author })
}

pub(crate) async fn export(
    exporter: Arc<dyn Exporter>,
    (store, look): (Arc<dyn Store>, Look),
    by: (Maker, u64),
    group: String,
) -> Option<Commit> {
    let exported = tokio::task::spawn_blocking(move || match exporter.export() {
        Ok(draft) => import_now((store.as_ref(), look), draft, by, &group).map_err(|error| error.to_string()),
        Err(why) => Err(why),
    });
    match exported.await {
        Ok(Ok(commit)) => Some(commit),
        Ok(Err(why)) => {
            tracing::warn!(%why, "the application made no file of its current state");
            None
        }
        Err(error) => {
            tracing::warn!(%error, "the application's exporter failed");
            None
        }
    }
}

pub(crate) async fn publish(
    pending: Box<dyn Pending>,
    commit: Commit,
    group: String,
) -> Result<StoredCommit, CommitError> {
    tokio::task::spawn_blocking(move || pending.publish(&commit, &group).map_err(CommitError::from))
        .await
        .unwrap_or(Err(CommitError::Stopped))
}

//! A file is sent and committed.
//!
//! Nothing of one that is sent in part is left: it lies in a temporary file until all of it is here, and that goes with its sender. From then on
//! it is committed whatever becomes of the connection.

use std::io;
use std::sync::Arc;

use axum::body::Body as Sent;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::routing::post;
use futures_util::StreamExt;
use mvrx_message::StationUuid;
use mvrx_node::offering;
use mvrx_station::{CommitDraft, CommitError};
use mvrx_store::disk::DiskError;
use mvrx_store::{ImportError, WriteError};
use serde::Deserialize;
use serde_json::json;

use super::commits;
use crate::names;
use crate::refusal::{Answer, Refusal, document};
use crate::routes::{Body, Route};
use crate::shared::Shared;
use crate::uploads::Upload;

pub(super) fn routes() -> Vec<Route> {
    let (status, answer) = commits::STATUS_CREATED;
    vec![
        Route::new(Method::POST, "/api/v1/commits", post(upload), "Commits the file that is sent")
            .query(&[
                ("file_name", "string", "what it is called; needed"),
                ("comment", "string", "what changed"),
                ("for", "string", "ids of stations, with commas between them: only for these"),
                ("any_file", "string", "`1`: any bytes, not only a whole .mvr"),
            ])
            .takes(Body::File)
            .answers(status, answer),
    ]
}

#[derive(Debug, Deserialize)]
struct Wish {
    file_name: Option<String>,
    comment: Option<String>,
    #[serde(rename = "for")]
    to: Option<String>,
    any_file: Option<String>,
}

/// `POST /commits`.
// req: WEB-07
async fn upload(
    State(shared): State<Arc<Shared>>,
    Query(wish): Query<Wish>,
    headers: HeaderMap,
    sent: Sent,
) -> Answer {
    shared.station()?;
    let name = wish.file_name.as_deref().and_then(names::of_upload);
    let name = name.ok_or_else(|| Refusal::bad("file_name says what the file is called, and is no path"))?;
    let comment = wish.comment.unwrap_or_default();
    if comment.len() > COMMENT {
        return Err(Refusal::bad(format!("a comment has {COMMENT} bytes at most")));
    }
    let to = wish.to.as_deref().unwrap_or_default().split(',').map(str::trim).filter(|id| !id.is_empty());
    let to: Result<Vec<StationUuid>, _> = to.map(str::parse).collect();
    let to = to.map_err(|_| Refusal::bad("for has the whole ids of stations, with commas between them"))?;
    let any = shared.any_file || wish.any_file.is_some_and(|wish| wish == "1");
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: u64| length > shared.limits.upload_bytes) {
        return Err(too_long(&shared));
    }
    let place = Arc::clone(&shared.uploads).try_acquire_owned();
    let place =
        place.map_err(|_| Refusal::busy("as many files as may be are being sent; wait for one to end"))?;
    let file = receive(&shared, sent).await?;
    let draft = CommitDraft::from_path(file.path()).file_name(name.as_str()).comment(comment).any_file(any);
    let committing = commit(Arc::clone(&shared), file, draft.for_stations(to), (name, any));
    let committed = tokio::spawn(async move {
        let committed = committing.await;
        drop(place);
        committed
    });
    committed.await.map_err(|_| Refusal::ours("it ended early"))?
}

/// All of it, in a temporary file.
async fn receive(shared: &Shared, sent: Sent) -> Result<Upload, Refusal> {
    let data = shared.data.clone();
    let mut file = blocking(move || Upload::begin(&data)).await?;
    let mut pieces = sent.into_data_stream();
    loop {
        let piece = tokio::time::timeout(shared.limits.upload_idle, pieces.next()).await;
        let piece = piece.map_err(|_| {
            Refusal::new(StatusCode::REQUEST_TIMEOUT, "nothing more of the file came for too long")
        })?;
        let Some(piece) = piece else { break };
        let piece = piece.map_err(|_| Refusal::bad("the file broke off in the middle"))?;
        let is_time = file.take(&piece);
        if file.length > shared.limits.upload_bytes {
            return Err(too_long(shared));
        }
        if is_time {
            file = blocking(move || file.write()).await?;
        }
    }
    blocking(move || file.write()).await
}

fn too_long(shared: &Shared) -> Refusal {
    let most = mvrx_node::shown::size(shared.limits.upload_bytes);
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, format!("a file may have {most} at most"))
}

/// The disk, where blocking is allowed; beside the looks, so that these do not hold up what is being sent.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, Refusal> {
    let done = tokio::task::spawn_blocking(work).await.map_err(|_| Refusal::ours("it ended early"))?;
    done.map_err(|error| {
        let status = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StatusCode::INSUFFICIENT_STORAGE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Refusal::new(status, format!("the file cannot be kept here: {error}"))
    })
}

async fn commit(
    shared: Arc<Shared>,
    file: Upload,
    draft: CommitDraft,
    (name, any): (String, bool),
) -> Answer {
    let unfit = |words: String| Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, words);
    let looked = shared.look(move || {
        let looked = offering::look(file.path(), &name, any);
        (file, looked)
    });
    let (file, looked) = looked.await?;
    let odd = looked.map_err(|refused| {
        let advice = "; it was not committed (any_file=1 commits it all the same)";
        let advice = if refused.is_damage { advice } else { "" };
        unfit(format!("{}{advice}", refused.words))
    })?;
    let committed = shared.station()?.commit(draft).await;
    // The store has its own copy.
    drop(file);
    let commit = committed.map_err(|error| match &error {
        CommitError::Stopped => Refusal::busy(error.to_string()),
        CommitError::Damaged { .. } => unfit(error.to_string()),
        CommitError::Import(ImportError::Write(WriteError::Disk(DiskError::NoSpaceLeft { .. }))) => {
            Refusal::new(StatusCode::INSUFFICIENT_STORAGE, "no space left on the disk")
        }
        other => Refusal::ours(other.to_string()),
    })?;
    let told = commits::of(&shared, commit.file).await?;
    Ok(document(StatusCode::CREATED, json!({ "commit": told, "odd": odd })))
}

/// As the wire has it.
const COMMENT: usize = 1_000;

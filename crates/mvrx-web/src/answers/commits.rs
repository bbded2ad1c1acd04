//! Commits: the list, one of them, taken back.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::Method;
use axum::routing::{delete, get};
use mvrx_file::{Limits, MvrFile, Summary};
use mvrx_message::{FileUuid, StationUuid};
use mvrx_node::shown::commit_json;
use mvrx_station::{CommitInfo, WithdrawError};
use mvrx_store::Tags;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::finding::{self, Held};
use crate::refusal::{Answer, Refusal, told};
use crate::roll_ups;
use crate::routes::{Route, Success};
use crate::shared::Shared;

pub(super) fn routes() -> Vec<Route> {
    let one = "A commit, and what is in it. ID: whole, the beginning of one, or `latest`";
    vec![
        Route::get("/api/v1/commits", get(list), "The commits, the newest first")
            .query(&[
                ("limit", "integer", "so many at most: 1 to 1000, 200 without it"),
                ("before", "string", "those behind this one, `next` of the answer before"),
            ])
            .document(&[
                ("commits", "array", "each as in `ls`, and `author_name`, `author_application`, `own`, `withdrawn`, `tags`, `roll_up`, `since`, `holders`"),
                ("next", "string|null", "for `before`; null: these were the last"),
                ("total", "integer", "how many there are"),
            ]),
        Route::get("/api/v1/commits/{id}", get(one_of), one)
            .document(&[
                ("commit", "object", "as in the list"),
                ("summary", "object|null", "as of `inspect`, where the file is kept here and can be read"),
            ]),
        Route::new(Method::DELETE, "/api/v1/commits/{id}", delete(withdraw), "Takes back a commit of this station")
            .document(&[
                ("file", "string", "its id"),
                ("new", "boolean", "false: it was withdrawn before"),
            ]),
    ]
}

#[derive(Debug, Deserialize)]
pub(super) struct Wish {
    limit: Option<usize>,
    before: Option<String>,
}

/// What is known beside the commits themselves.
struct Beside {
    us: StationUuid,
    names: BTreeMap<StationUuid, (String, String)>,
    tags: BTreeMap<FileUuid, Vec<String>>,
    withdrawn: HashSet<FileUuid>,
}

/// `GET /commits`.
async fn list(State(shared): State<Arc<Shared>>, Query(wish): Query<Wish>) -> Answer {
    let limit = wish.limit.unwrap_or(USUAL);
    if limit == 0 || limit > MOST {
        return Err(Refusal::bad(format!("limit is a number from 1 to {MOST}")));
    }
    let mut commits = shared.station()?.commits().await?;
    commits.reverse();
    let total = commits.len();
    let from = match &wish.before {
        None => 0,
        Some(before) => {
            let at = commits.iter().position(|info| info.commit.file.to_string() == *before);
            at.ok_or_else(|| Refusal::conflict("the list was changed there meanwhile; read it anew"))? + 1
        }
    };
    let page: Vec<CommitInfo> = commits.into_iter().skip(from).take(limit).collect();
    let next = page.last().filter(|_| from + page.len() < total).map(|info| info.commit.file.to_string());
    let beside = beside(&shared).await?;
    roll_ups::find_out(&shared, page.iter().filter(|info| info.held).map(|info| info.commit.file));
    let commits: Vec<Value> = page.iter().map(|info| json(&shared, &beside, info)).collect();
    told(json!({ "commits": commits, "next": next, "total": total }))
}

/// A commit of the station's list, as documents here have it.
pub(super) async fn of(shared: &Shared, file: FileUuid) -> Result<Option<Value>, Refusal> {
    let commits = shared.station()?.commits().await?;
    let Some(info) = commits.iter().find(|info| info.commit.file == file) else { return Ok(None) };
    Ok(Some(json(shared, &beside(shared).await?, info)))
}

/// `GET /commits/ID`.
async fn one_of(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Answer {
    let file = finding::find(&shared, &id).await?;
    let commit = of(&shared, file).await?.ok_or_else(|| {
        Refusal::not_found("this commit was withdrawn or is of another group; the history has it")
    })?;
    let summary = match finding::held(&shared, &file.to_string()).await {
        Ok(Held { reader, .. }) => shared.look(move || summary(reader)).await?,
        Err(_) => None,
    };
    roll_ups::find_out(&shared, summary.is_some().then_some(file));
    told(json!({ "commit": commit, "summary": summary }))
}

fn summary(reader: mvrx_store::StoredReader) -> Option<Value> {
    let file = MvrFile::read(reader, &Limits::default()).ok()?;
    serde_json::to_value(Summary::of(&file)).ok()
}

/// `DELETE /commits/ID`.
async fn withdraw(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Answer {
    let file = finding::find(&shared, &id).await?;
    let new = shared.station()?.withdraw(file).await.map_err(|error| match error {
        WithdrawError::NotOurs { .. } | WithdrawError::NotKept { .. } => Refusal::conflict(error.to_string()),
        WithdrawError::Stopped => Refusal::busy(error.to_string()),
        error => Refusal::ours(error.to_string()),
    })?;
    told(json!({ "file": file.to_string(), "new": new }))
}

async fn beside(shared: &Shared) -> Result<Beside, Refusal> {
    let station = shared.station()?;
    let names = station.stations().await?.into_iter().map(|info| (info.station, (info.name, info.provider)));
    let names = names.collect();
    let (store, tags) = (station.store(), Tags::of(&shared.data));
    // What the disk does not tell now is left out.
    let looked =
        shared.look(move || (tags.list().unwrap_or_default(), store.withdrawn().unwrap_or_default()));
    let (listed, withdrawn) = looked.await?;
    let mut tags: BTreeMap<FileUuid, Vec<String>> = BTreeMap::new();
    for tag in listed {
        tags.entry(tag.file).or_default().push(tag.name);
    }
    Ok(Beside { us: station.uuid(), names, tags, withdrawn })
}

fn json(shared: &Shared, beside: &Beside, info: &CommitInfo) -> Value {
    let mut fields = commit_json(info);
    let commit = &info.commit;
    let own = commit.station == Some(beside.us);
    let told = commit.author.as_ref().map(|author| (author.name.clone(), author.provider.clone()));
    let author = told.or_else(|| commit.station.and_then(|station| beside.names.get(&station).cloned()));
    let author = author.or_else(|| own.then(|| (shared.seen.place().name, String::new())));
    let (name, application) = author.unzip();
    let change = shared.roll_ups.of(commit.file);
    if let Some(fields) = fields.as_object_mut() {
        fields.insert("author_name".to_owned(), name.into());
        fields.insert("author_application".to_owned(), application.into());
        fields.insert("own".to_owned(), own.into());
        fields.insert("withdrawn".to_owned(), beside.withdrawn.contains(&commit.file).into());
        let tags = beside.tags.get(&commit.file).cloned().unwrap_or_default();
        fields.insert("tags".to_owned(), tags.into());
        fields.insert("roll_up".to_owned(), change.as_ref().map(|change| change.roll_up.clone()).into());
        fields.insert("since".to_owned(), change.map(|change| change.since.to_string()).into());
        let holders: Vec<String> = info.holders.iter().map(ToString::to_string).collect();
        fields.insert("holders".to_owned(), holders.into());
    }
    fields
}

/// The route of one commit has other methods elsewhere.
pub(super) const STATUS_CREATED: (u16, Success) = (
    201,
    Success::Document(&[
        ("commit", "object", "as in the list"),
        ("odd", "string|null", "what is odd about the file, though it was committed"),
    ]),
);

const USUAL: usize = 200;
const MOST: usize = 1_000;

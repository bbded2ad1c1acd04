//! What is kept: the history, what changed between two revisions, the plan.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use mvrx_file::plan::{SvgOptions, Theme};
use mvrx_file::{Diff, Limits, MvrFile, Plan};
use mvrx_message::FileUuid;
use mvrx_node::shown::revision_json;
use mvrx_store::{FsOptions, FsView, StoredReader, Tags};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::finding::{self, Held};
use crate::refusal::{Answer, Refusal, told};
use crate::routes::{Parameter, Route, Success};
use crate::shared::Shared;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/api/v1/history", get(history), "What is kept here, the newest first, as `mvrx log` has it")
            .query(&[("group", "string", "only of this group"), ("limit", "integer", "so many at most; 1000 without it")])
            .document(&[
                ("revisions", "array", "as in `log`"),
                ("problems", "array", "what could not be read, in words that may change"),
            ]),
        Route::get("/api/v1/diff", get(diff), "What changed from one revision that is kept here to another")
            .query(&[("from", "string", "the older one: an id, the beginning of one, `latest`"), ("to", "string", "the newer one")])
            .document(&[
                ("from", "string", "its id"),
                ("to", "string", "its id"),
                ("diff", "object", "as of `mvrx diff`"),
            ]),
        Route::get("/api/v1/plan", get(svg), "The rig as an SVG, with what changed marked where `from` is said")
            .query(&[TO, FROM, ("theme", "string", "`light` or `dark`")])
            .answers(200, Success::Bytes("image/svg+xml")),
        Route::get("/api/v1/plan.json", get(plan), "The same as data, for a page that draws by itself")
            .query(&[TO, FROM])
            .document(&[
                ("from", "string|null", "its id"),
                ("to", "string", "its id"),
                ("plan", "object", "in millimetres: `items` (`object`, `gdtf`, `addresses`, `at`, `points`, `boxes`, `mark`, `changes`), `min`, `max`, `sentence`, `list`, `meshes_unread`, `too_far`"),
            ]),
    ]
}

const TO: Parameter = ("to", "string", "the revision that is drawn: an id, the beginning of one, `latest`");
const FROM: Parameter = ("from", "string", "the older one that it is compared with");

#[derive(Debug, Deserialize)]
struct Of {
    group: Option<String>,
    limit: Option<usize>,
}

/// `GET /history`.
async fn history(State(shared): State<Arc<Shared>>, Query(wish): Query<Of>) -> Answer {
    shared.station()?;
    let limit = wish.limit.unwrap_or(MOST);
    if limit == 0 || limit > MOST {
        return Err(Refusal::bad(format!("limit is a number from 1 to {MOST}")));
    }
    let data = shared.data.clone();
    let looked = shared.look(move || -> Result<Value, String> {
        let view = FsView::open(&data, FsOptions::default()).map_err(|error| error.to_string())?;
        let mut tags: BTreeMap<FileUuid, Vec<String>> = BTreeMap::new();
        for tag in Tags::of(&data).list().map_err(|error| error.to_string())? {
            tags.entry(tag.file).or_default().push(tag.name);
        }
        let mut revisions = view.revisions();
        revisions.retain(|kept| wish.group.as_ref().is_none_or(|group| kept.stored.group == *group));
        revisions.sort_by_key(|kept| std::cmp::Reverse((kept.stored.seen, kept.stored.sequence)));
        revisions.truncate(limit);
        let json = revisions.iter().map(|kept| {
            let tags = tags.get(&kept.stored.commit.file).map_or(&[][..], Vec::as_slice);
            revision_json(kept, tags, &data)
        });
        let revisions: Vec<Value> = json.collect();
        let problems: Vec<String> = view.problems().iter().map(ToString::to_string).collect();
        Ok(json!({ "revisions": revisions, "problems": problems }))
    });
    told(looked.await?.map_err(Refusal::ours)?)
}

#[derive(Debug, Deserialize)]
struct Wish {
    from: Option<String>,
    to: Option<String>,
    theme: Option<String>,
}

/// Both revisions that are meant; of the older one `None` where none is said.
async fn both(shared: &Shared, wish: &Wish) -> Result<(Option<Held>, Held), Refusal> {
    let to = wish.to.as_deref().ok_or_else(|| Refusal::bad("to says which revision is meant"))?;
    let from = match &wish.from {
        Some(from) => Some(finding::held(shared, from).await?),
        None => None,
    };
    Ok((from, finding::held(shared, to).await?))
}

fn read(reader: StoredReader, name: &str) -> Result<MvrFile<StoredReader>, Refusal> {
    MvrFile::read(reader, &Limits::default()).map_err(|error| {
        let words = format!("{}: {error}", mvrx_node::shown::file_name(name));
        Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, words)
    })
}

/// `GET /diff`.
async fn diff(State(shared): State<Arc<Shared>>, Query(wish): Query<Wish>) -> Answer {
    let (from, to) = both(&shared, &wish).await?;
    let from = from.ok_or_else(|| Refusal::bad("from says which revision it is compared with"))?;
    let looked = shared.look(move || -> Result<Value, Refusal> {
        let ids = (from.stored.commit.file.to_string(), to.stored.commit.file.to_string());
        let old = read(from.reader, &from.stored.commit.file_name)?;
        let new = read(to.reader, &to.stored.commit.file_name)?;
        let diff = serde_json::to_value(Diff::between(&old, &new));
        let diff = diff.map_err(|error| Refusal::ours(error.to_string()))?;
        Ok(json!({ "from": ids.0, "to": ids.1, "diff": diff }))
    });
    told(looked.await??)
}

fn planned(from: Option<Held>, to: Held) -> Result<Plan, Refusal> {
    let new = read(to.reader, &to.stored.commit.file_name)?;
    Ok(match from {
        Some(from) => {
            let old = read(from.reader, &from.stored.commit.file_name)?;
            Plan::of_change(&old, &new, &Diff::between(&old, &new))
        }
        None => Plan::of(&new),
    })
}

/// `GET /plan`.
async fn svg(State(shared): State<Arc<Shared>>, Query(wish): Query<Wish>) -> Answer {
    let theme = match wish.theme.as_deref() {
        None | Some("light") => Theme::Light,
        Some("dark") => Theme::Dark,
        Some(_) => return Err(Refusal::bad("theme is light or dark")),
    };
    let (from, to) = both(&shared, &wish).await?;
    let looked = shared.look(move || -> Result<String, Refusal> {
        let name = mvrx_node::shown::file_name(&to.stored.commit.file_name);
        let title = name.strip_suffix(".mvr").unwrap_or(&name).to_owned();
        let plan = planned(from, to)?;
        Ok(plan.svg(&SvgOptions::default().theme(theme).title(title)))
    });
    let svg = looked.await??;
    let kind = HeaderValue::from_static("image/svg+xml");
    Ok(([(header::CONTENT_TYPE, kind)], svg).into_response())
}

/// `GET /plan.json`.
async fn plan(State(shared): State<Arc<Shared>>, Query(wish): Query<Wish>) -> Answer {
    let (from, to) = both(&shared, &wish).await?;
    let ids =
        (from.as_ref().map(|from| from.stored.commit.file.to_string()), to.stored.commit.file.to_string());
    let looked = shared.look(move || -> Result<Value, Refusal> {
        serde_json::to_value(planned(from, to)?).map_err(|error| Refusal::ours(error.to_string()))
    });
    let plan = looked.await??;
    told(json!({ "from": ids.0, "to": ids.1, "plan": plan }))
}

const MOST: usize = 1_000;

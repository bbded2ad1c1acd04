//! What was said: every message in and out, for people who look for the one that was not understood.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::{HeaderValue, header};
use axum::response::IntoResponse;
use axum::routing::get;
use mvrx_node::messages::{Entry, Messages};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::refusal::{Answer, Refusal, told};
use crate::routes::{Route, Success};
use crate::shared::Shared;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get(
            "/api/v1/messages",
            get(messages),
            "The latest messages in and out, without passwords, the oldest first",
        )
        .query(&[
            ("after", "integer", "those behind this number; all that are kept without it"),
            ("limit", "integer", "so many at most, up to 1000; 500 without it"),
        ])
        .document(&[
            (
                "messages",
                "array",
                "`number`, `at_unix_ms`, `connection`, `direction` (`in`, `out`), `peer`, `station`, `what`, `type`, `bytes`, `text`, `cut`, `quirks`",
            ),
            ("first", "integer", "the number of the oldest one that is kept"),
            ("last", "integer", "the number of the newest one; 0: there was none"),
        ]),
        Route::get("/api/v1/messages.jsonl", get(lines), "All of them that are kept, one JSON document a line")
            .answers(200, Success::Bytes("application/jsonl")),
    ]
}

#[derive(Debug, Deserialize)]
struct Wish {
    after: Option<u64>,
    limit: Option<usize>,
}

fn kept(shared: &Shared) -> Result<&Messages, Refusal> {
    shared.station()?;
    shared.messages.as_ref().ok_or_else(|| Refusal::not_found("the messages of this station are not kept"))
}

/// `GET /messages`.
// req: WEB-10
async fn messages(State(shared): State<Arc<Shared>>, Query(wish): Query<Wish>) -> Answer {
    let limit = wish.limit.unwrap_or(USUAL);
    if limit == 0 || limit > MOST {
        return Err(Refusal::bad(format!("limit is a number from 1 to {MOST}")));
    }
    let page = kept(&shared)?.after(wish.after.unwrap_or(0), limit);
    let entries: Vec<Value> = page.entries.iter().map(Entry::json).collect();
    told(json!({ "messages": entries, "first": page.first, "last": page.last }))
}

/// `GET /messages.jsonl`.
async fn lines(State(shared): State<Arc<Shared>>) -> Answer {
    let page = kept(&shared)?.after(0, usize::MAX);
    let mut lines = String::new();
    for entry in &page.entries {
        let mut document = entry.json();
        if let Some(fields) = document.as_object_mut() {
            fields.insert("schema".to_owned(), crate::SCHEMA.into());
        }
        lines.push_str(&document.to_string());
        lines.push('\n');
    }
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/jsonl; charset=utf-8")),
        (
            header::CONTENT_DISPOSITION,
            HeaderValue::from_static("attachment; filename=\"mvrx-messages.jsonl\""),
        ),
    ];
    Ok((headers, lines).into_response())
}

/// Without another wish.
const USUAL: usize = 500;

/// In one answer.
const MOST: usize = 1_000;

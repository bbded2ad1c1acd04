//! Files on their way, begun and cancelled.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{Method, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{delete, get, post};
use mvrx_message::StationUuid;
use mvrx_station::Source;
use serde::Deserialize;
use serde_json::json;

use crate::body::Json;
use crate::refusal::{Answer, Refusal, document, told};
use crate::routes::{Body, Field, Route, Success};
use crate::shared::Shared;
use crate::{finding, transfers};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get(
            "/api/v1/transfers",
            get(list),
            "Files on their way in and out, and the last that ended; the newest first",
        )
        .document(&[("transfers", "array", TRANSFER)]),
        Route::new(Method::POST, "/api/v1/transfers", post(fetch), "Fetches a commit")
            .takes(Body::Document(FETCH))
            .answers(202, Success::Document(&[("transfer", "object", "as in the list")])),
        Route::new(Method::DELETE, "/api/v1/transfers/{id}", delete(cancel), "Ends one that was begun here")
            .answers(204, Success::Nothing),
    ]
}

const TRANSFER: &str = "`id`, `direction` (`in`, `out`), `file`, `file_name`, `station`, `name`, `state` (`waiting`, `running`, `checking`, `done`, `failed`, `cancelled`), `bytes` (null: not known), `total`, `bytes_per_second`, `started_unix_ms`, `ended_unix_ms`, `reason`";

const FETCH: &[Field] = &[
    ("file", "string", "its id, the beginning of one, or `latest`"),
    ("from", "string|null", "only from the station with this whole id"),
];

/// `GET /transfers`.
async fn list(State(shared): State<Arc<Shared>>) -> Answer {
    shared.station()?;
    told(json!({ "transfers": shared.transfers.all() }))
}

#[derive(Debug, Deserialize)]
struct Wish {
    file: String,
    from: Option<String>,
}

/// `POST /transfers`.
async fn fetch(State(shared): State<Arc<Shared>>, Json(wish): Json<Wish>) -> Answer {
    let file = finding::find(&shared, &wish.file).await?;
    let source = match wish.from.as_deref().map(str::parse::<StationUuid>) {
        None => Source::Any,
        Some(Ok(station)) => Source::Station(station),
        Some(Err(_)) => return Err(Refusal::bad("from is the whole id of a station")),
    };
    let transfer = transfers::fetch(&shared, file, source).await?;
    Ok(document(StatusCode::ACCEPTED, json!({ "transfer": transfer })))
}

/// `DELETE /transfers/ID`.
async fn cancel(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Answer {
    shared.transfers.cancel(&id)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

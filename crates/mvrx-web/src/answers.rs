//! What each path answers.

pub(crate) mod around;
mod commits;
mod content;
mod figures;
mod history;
mod messages;
mod settings;
mod status;
mod transfers;
mod upload;

use axum::routing::get;

use crate::events;
use crate::routes::{Route, Success};

/// The table.
pub(crate) fn all() -> Vec<Route> {
    let mut all = vec![
        Route::get(
            "/api/v1/events",
            get(events::stream),
            "Server-sent events: what happens, as `--json` has it, and transfers",
        )
        .query(&[
            ("last_event_id", "string", "goes on behind this id, where no Last-Event-ID header can be sent"),
            ("messages", "string", "`1`: every message in and out as well"),
        ])
        .answers(200, Success::Bytes("text/event-stream"))
        .of_bridges(),
    ];
    let parts = [
        status::routes(),
        commits::routes(),
        content::routes(),
        upload::routes(),
        transfers::routes(),
        history::routes(),
        messages::routes(),
        settings::routes(),
        around::routes(),
        figures::routes(),
    ];
    all.extend(parts.into_iter().flatten());
    all
}

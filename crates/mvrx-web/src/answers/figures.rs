//! Figures for Prometheus, and the description of the API.

use std::fmt::Write;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::IntoResponse;
use axum::routing::get;

use crate::openapi;
use crate::refusal::Answer;
use crate::routes::{Route, Success};
use crate::shared::Shared;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/api/v1/openapi.json", get(describe), "This description")
            .answers(200, Success::Bytes("application/json"))
            .of_bridges(),
        Route::get("/metrics", get(metrics), "Figures, as Prometheus reads them")
            .answers(200, Success::Bytes("text/plain"))
            .of_bridges(),
    ]
}

/// `GET /openapi.json`.
async fn describe() -> Answer {
    let kind = HeaderValue::from_static("application/json");
    Ok(([(header::CONTENT_TYPE, kind)], openapi::document().to_string()).into_response())
}

/// A figure: its name, whether it only grows, what it is, its number.
type Figure = (&'static str, bool, &'static str, u64);

/// `GET /metrics`.
async fn metrics(State(shared): State<Arc<Shared>>) -> Answer {
    let mut figures: Vec<Figure> = Vec::new();
    if let Some(station) = &shared.running {
        let (stations, commits) = (station.stations().await?, station.commits().await?);
        let members = stations.iter().filter(|info| info.membership == mvrx_station::Membership::Member);
        let bytes = commits.iter().filter(|info| info.held).map(|info| info.commit.file_size);
        figures.extend([
            ("mvrx_stations", false, "Stations known", count(stations.len())),
            (
                "mvrx_stations_joined",
                false,
                "Stations that are one of the group or session",
                count(members.count()),
            ),
            ("mvrx_commits", false, "Commits known", count(commits.len())),
            (
                "mvrx_commits_held",
                false,
                "Commits whose file is kept here",
                count(commits.iter().filter(|info| info.held).count()),
            ),
            (
                "mvrx_commits_held_bytes",
                false,
                "Bytes of these, as announced",
                bytes.fold(0, u64::saturating_add),
            ),
            ("mvrx_transfers_running", false, "Transfers that run", count(shared.transfers.running())),
        ]);
        let (done, failed) = shared.transfers.ended();
        figures.extend([
            ("mvrx_transfers_done_total", true, "Transfers that came to their end", done),
            ("mvrx_transfers_failed_total", true, "Transfers that did not, or were cancelled", failed),
        ]);
    }
    if let Some(sides) = &shared.sides {
        let (joined, at_work, shown, carried) = sides.figures();
        figures.extend([
            ("mvrx_bridge_joined", false, "1 while the session has the bridge", joined.into()),
            ("mvrx_bridge_at_work", false, "1 while it is the bridge that works", at_work.into()),
            ("mvrx_bridge_stations", false, "Stations it shows on the other side", count(shown)),
            ("mvrx_bridge_commits_total", true, "Commits it carried", carried),
        ]);
    }
    let streams = shared.limits.event_streams.saturating_sub(shared.streams.available_permits());
    figures.extend([
        ("mvrx_web_event_streams", false, "Open event streams", count(streams)),
        ("mvrx_web_requests_total", true, "Requests that came", shared.guard.asked()),
        (
            "mvrx_web_refused_total",
            true,
            "Requests that were refused before they were looked at",
            shared.guard.refused(),
        ),
    ]);
    let seconds = shared.started.elapsed().unwrap_or_default().as_secs();
    figures.push(("mvrx_uptime_seconds", false, "Since this server began", seconds));
    let mut text = String::new();
    for (name, grows, help, number) in figures {
        let kind = if grows { "counter" } else { "gauge" };
        // Writing into a string cannot fail.
        let _ = write!(text, "# HELP {name} {help}.\n# TYPE {name} {kind}\n{name} {number}\n");
    }
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

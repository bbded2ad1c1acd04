//! How it stands, and who is there.

use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::State;
use axum::routing::get;
use mvrx_node::shown::{station_json, unix_millis};
use serde_json::{Value, json};

use crate::options::Kind;
use crate::refusal::{Answer, told};
use crate::routes::{Field, Route};
use crate::shared::Shared;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/api/v1/status", get(status), "Who this is, where it is, what it can do")
            .document(STATUS)
            .of_bridges(),
        Route::get("/api/v1/stations", get(stations), "Who is in the group or session, as `mvrx ls` lists them")
            .document(&[("stations", "array", "`station`, `name`, `application`, `address`, `addresses`, `state`, `reachable` as in `ls`, `product`, `last_seen_unix_ms` (when an event told of it last, or null), `files` (ids). Of a bridge `station`, `name`, `side` (where it is), `shown_in`")])
            .of_bridges(),
        Route::get("/health", get(health), "Whether it runs")
            .document(&[("status", "string", "`ok`")])
            .of_bridges(),
    ]
}

const STATUS: &[Field] = &[
    ("version", "string", "of mvrx"),
    ("instance", "string", "another one after each start"),
    ("kind", "string", "`station`, `host` or `bridge`"),
    ("station", "string", "its id"),
    ("name", "string", "its name"),
    ("group", "string", "its group; in a session the name under which its files are kept"),
    ("session", "string|null", "the URL of its session"),
    ("address", "string|null", "where other stations reach it; null in a session"),
    ("urls", "array", "of a host: where stations reach its session"),
    ("data", "string", "its data directory"),
    ("started_unix_ms", "integer", "when this server began"),
    ("now_unix_ms", "integer", "this machine's clock"),
    ("mixer", "boolean", "whether Mixer's rooms are served beside it"),
    (
        "bridge",
        "object|null",
        "of a bridge: `joined` (the session has it), `at_work`, `shown` (stations), `carried` (commits since the start)",
    ),
    ("can", "object", "`commit`, `fetch`, `withdraw`, `settings`, `move`: whether it can be asked to"),
];

/// `GET /status`.
async fn status(State(shared): State<Arc<Shared>>) -> Answer {
    let place = shared.seen.place();
    let is_station = shared.running.is_some();
    let hosts = shared.kind == Kind::Host;
    let address =
        shared.running.as_ref().map(|station| station.address()).filter(|_| place.session.is_none());
    let bridge = shared.sides.as_ref().map(|sides| {
        let (joined, at_work, shown, carried) = sides.figures();
        json!({ "joined": joined, "at_work": at_work, "shown": shown, "carried": carried })
    });
    told(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "instance": shared.instance,
        "kind": shared.kind.word(),
        "station": shared.uuid.to_string(),
        "name": place.name,
        "group": place.group,
        "session": place.session,
        "address": address.map(|address| address.to_string()),
        "urls": shared.urls,
        "data": shared.data.display().to_string(),
        "started_unix_ms": unix_millis(shared.started),
        "now_unix_ms": unix_millis(SystemTime::now()),
        "mixer": shared.mixer.is_some(),
        "bridge": bridge,
        "can": {
            "commit": is_station, "fetch": is_station, "withdraw": is_station,
            "settings": is_station && !hosts, "move": is_station,
        },
    }))
}

/// `GET /stations`.
async fn stations(State(shared): State<Arc<Shared>>) -> Answer {
    if let Some(sides) = &shared.sides {
        return told(json!({ "stations": sides.stations() }));
    }
    let station = shared.station()?;
    let (stations, commits) = (station.stations().await?, station.commits().await?);
    let told_of = stations.iter().map(|info| {
        let mut fields = station_json(info, &[]);
        let files = commits.iter().filter(|commit| commit.holders.contains(&info.station));
        let files: Vec<Value> = files.map(|commit| commit.commit.file.to_string().into()).collect();
        if let Some(fields) = fields.as_object_mut() {
            fields.insert("product".to_owned(), info.product.name().into());
            let last = shared.seen.last(info.station).map(unix_millis);
            fields.insert("last_seen_unix_ms".to_owned(), last.into());
            fields.insert("files".to_owned(), files.into());
        }
        fields
    });
    let stations: Vec<Value> = told_of.collect();
    told(json!({ "stations": stations }))
}

/// `GET /health`.
async fn health() -> Answer {
    told(json!({ "status": "ok" }))
}

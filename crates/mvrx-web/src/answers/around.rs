//! What is around the station: the groups in use, what keeps stations from finding each other, Mixer's rooms.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::Method;
use axum::routing::{get, post};
use mixer::{Client, ClientError, ClientOptions};
use mvrx_discovery::Discovery;
use mvrx_node::doctor::{self, Wish};
use mvrx_node::groups::{self, Looking};
use mvrx_node::place::Place;
use mvrx_node::rooms::{numbers, plain};
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use crate::refusal::{Answer, Refusal, told};
use crate::routes::{Field, Route};
use crate::shared::Shared;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/api/v1/groups", get(groups_in_use), "The groups in use on the network, as `mvrx groups` has them; looks for three seconds, or gives what was seen ten seconds ago")
            .document(&[("groups", "array", "as in `groups`"), ("problems", "array", "as in `groups`")]),
        Route::get("/api/v1/doctor", get(last_examination), "What was found the last time").document(DOCTOR),
        Route::new(Method::POST, "/api/v1/doctor", post(examine), "Looks for what keeps stations from finding each other; some seconds, one at a time")
            .document(DOCTOR),
        Route::get("/api/v1/mixer", get(rooms), "Mixer's rooms, where they are served")
            .document(&[
                ("addresses", "array", "where Blenders reach them"),
                ("rooms", "array", "as in `mixer rooms`; null where they need a password to be listed"),
                ("metrics", "object", "as in `mixer serve`"),
            ]),
    ]
}

const DOCTOR: &[Field] = &[
    ("group", "string", "the group"),
    ("findings", "array", "as in `doctor`"),
    ("more", "object", "as in `doctor`"),
    ("notes", "array", "as in `doctor`"),
    ("facts", "object", "as in `doctor`"),
    ("at_unix_ms", "integer", "when it was found"),
];

/// What was found, and by whose turn it is looked for.
#[derive(Debug, Default)]
pub(crate) struct Found {
    groups: tokio::sync::Mutex<Option<(Instant, Value)>>,
    examining: tokio::sync::Mutex<()>,
    examined: std::sync::Mutex<Option<Value>>,
    listing: tokio::sync::Mutex<()>,
}

fn place(shared: &Shared) -> Result<Place, Refusal> {
    shared.station()?;
    let place = shared.place.clone();
    let place = place.ok_or_else(|| Refusal::not_found("this node does not look at the local network"))?;
    Ok(Place { group: shared.seen.place().group, ..place })
}

/// `GET /groups`.
async fn groups_in_use(State(shared): State<Arc<Shared>>) -> Answer {
    let place = place(&shared)?;
    // Who comes meanwhile waits for the same look.
    let mut last = shared.found.groups.lock().await;
    if let Some((at, seen)) = last.as_ref().filter(|(at, _)| at.elapsed() < FRESH) {
        tracing::trace!("groups of {:?} ago", at.elapsed());
        return told(seen.clone());
    }
    let mut discovery = place
        .discovery()
        .map_err(|error| Refusal::conflict(format!("cannot look for other stations: {error}")))?;
    discovery.look_for_groups();
    let mut looking = Looking::new(Box::new(discovery));
    looking.until(Instant::now() + LOOK).await;
    let (in_use, problems) = looking.end().await;
    let seen = groups::json(&in_use, &problems);
    *last = Some((Instant::now(), seen.clone()));
    told(seen)
}

/// `POST /doctor`. Given up where the one who asked is gone.
async fn examine(State(shared): State<Arc<Shared>>) -> Answer {
    let place = place(&shared)?;
    let turn = shared.found.examining.try_lock();
    let _turn = turn.map_err(|_| Refusal::conflict("somebody has begun to look already; wait for that"))?;
    let report = doctor::examine(Wish { place: &place, data: Some(&shared.data), wait: EXAMINE }).await;
    let mut document = report.json(&place.group);
    if let Some(fields) = document.as_object_mut() {
        let now = mvrx_node::shown::unix_millis(std::time::SystemTime::now());
        fields.insert("at_unix_ms".to_owned(), now.into());
    }
    let mut last = shared.found.examined.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    *last = Some(document.clone());
    told(document)
}

/// `GET /doctor`.
async fn last_examination(State(shared): State<Arc<Shared>>) -> Answer {
    shared.station()?;
    let last = shared.found.examined.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
    told(last.ok_or_else(|| Refusal::not_found("nobody has looked yet since this node began"))?)
}

/// `GET /mixer`.
async fn rooms(State(shared): State<Arc<Shared>>) -> Answer {
    let served = shared.mixer.as_ref();
    let (addresses, reader) =
        served.ok_or_else(|| Refusal::not_found("no rooms of Mixer are served here"))?;
    let metrics = reader.read().await.ok_or_else(|| Refusal::not_found("Mixer's rooms have ended"))?;
    let metrics: Map<String, Value> =
        numbers(&metrics).map(|(name, number)| (name.to_owned(), number.into())).collect();
    let _turn = shared.found.listing.lock().await;
    let rooms = match addresses.first() {
        Some(address) => listed(*address).await?,
        None => Value::Null,
    };
    let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    told(json!({ "addresses": addresses, "rooms": rooms, "metrics": metrics }))
}

/// As any client sees them; the server tells nobody else.
async fn listed(mut address: SocketAddr) -> Result<Value, Refusal> {
    if address.ip().is_unspecified() {
        let here =
            if address.is_ipv4() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { IpAddr::V6(Ipv6Addr::LOCALHOST) };
        address.set_ip(here);
    }
    let mut options = ClientOptions::default();
    options.answer_within = ANSWER;
    let listed = async {
        let mut client = Client::connect(address, options).await?;
        client.list_rooms().await
    };
    match listed.await {
        Ok(rooms) => Ok(rooms.iter().map(plain::room).collect()),
        Err(ClientError::Refused { .. }) => Ok(Value::Null),
        Err(error) => Err(Refusal::busy(format!("Mixer's rooms cannot be listed: {error}"))),
    }
}

/// What was seen less long ago is given again.
const FRESH: Duration = Duration::from_secs(10);
/// Some products answer after three seconds.
const LOOK: Duration = Duration::from_secs(3);
const EXAMINE: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(5);

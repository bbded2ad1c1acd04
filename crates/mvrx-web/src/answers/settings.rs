//! Who the station is and where: its name, its group, moves that it leads and that others propose.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{Method, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{get, post, put};
use mvrx_message::StationUuid;
use mvrx_node::shown::{answer_json, with_place};
use mvrx_station::{BridgeMark, MoveAnswer, MoveError, ProposalId, SessionTarget, WsUrl, can_be_a_place};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::body::Json;
use crate::options::Kind;
use crate::refusal::{Answer, Refusal, told};
use crate::routes::{Body, Field, Route, Success};
use crate::shared::Shared;

pub(super) fn routes() -> Vec<Route> {
    let answer = "Follows or refuses what is proposed; the first answer counts";
    let leads = "Goes elsewhere and asks everybody along; answers when it has ended, after minutes at most";
    vec![
        Route::get("/api/v1/settings", get(settings), "What can be set").document(SETTINGS),
        Route::new(Method::PUT, "/api/v1/settings", put(set), "Sets what is said")
            .takes(Body::Document(&[
                ("name", "string|null", "another name"),
                ("group", "string|null", "another group; nobody is asked along"),
            ]))
            .document(SETTINGS),
        Route::get("/api/v1/proposals", get(proposals), "Moves that others propose, to be answered")
            .document(&[(
                "proposals",
                "array",
                "`proposal` (its number), `station`, `name`, `group`, `session`, `until_unix_ms`",
            )]),
        Route::new(Method::POST, "/api/v1/proposals/{number}", post(answer_proposal), answer)
            .takes(Body::Document(&[("accept", "boolean", "whether it is followed")]))
            .answers(204, Success::Nothing),
        Route::new(Method::POST, "/api/v1/moves", post(lead), leads)
            .takes(Body::Document(&[
                ("group", "string|null", "where to; or"),
                ("session", "string|null", "the URL of a session"),
                ("force", "boolean|null", "asks products as well that may not survive the question"),
            ]))
            .document(&[
                ("group", "string|null", "where to"),
                ("session", "string|null", "where to"),
                ("moved", "integer", "how many came along"),
                ("stayed", "integer", "how many did not"),
                ("fixed", "integer", "how many of these are the session's host or a bridge"),
                ("answers", "array", "as in `move`"),
            ]),
    ]
}

const SETTINGS: &[Field] = &[
    ("name", "string", "as others see it"),
    ("group", "string", "where it is; in a session the name under which its files are kept"),
    ("session", "string|null", "the URL of its session"),
    ("moves", "string", "whose proposals to move it follows: `ask`, `always`, `never`, `listed`"),
];

/// `GET /settings`.
async fn settings(State(shared): State<Arc<Shared>>) -> Answer {
    shared.station()?;
    let place = shared.seen.place();
    told(json!({
        "name": place.name, "group": place.group, "session": place.session, "moves": shared.moves,
    }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    name: Option<String>,
    group: Option<String>,
}

/// `PUT /settings`. The group first: where that cannot be, nothing is changed.
async fn set(State(shared): State<Arc<Shared>>, Json(wish): Json<Wish>) -> Answer {
    let station = shared.station()?;
    if shared.kind == Kind::Host {
        return Err(Refusal::conflict("a host keeps its name and its session's for as long as it runs"));
    }
    let name = wish.name.map(|name| name.trim().to_owned());
    if let Some(name) = &name {
        let fits = !name.is_empty() && name.len() <= NAME && !name.chars().any(char::is_control);
        if !fits {
            return Err(Refusal::bad(format!(
                "a name has from 1 to {NAME} bytes, and no control characters"
            )));
        }
    }
    let place = shared.seen.place();
    if let Some(group) = wish.group.filter(|group| *group != place.group || place.session.is_some()) {
        if place.session.is_some() {
            let words = "this station is in a session; move it to a group to leave that";
            return Err(Refusal::conflict(words));
        }
        let changed = station.change_group(group.as_str()).await;
        changed.map_err(|error| Refusal::conflict(error.to_string()))?;
        shared.seen.in_group(&group);
    }
    if let Some(name) = name.filter(|name| *name != place.name) {
        station.rename(name.as_str()).await?;
        shared.seen.renamed(&name);
    }
    settings(State(Arc::clone(&shared))).await
}

/// `GET /proposals`.
async fn proposals(State(shared): State<Arc<Shared>>) -> Answer {
    let stations = shared.station()?.stations().await?;
    let names: BTreeMap<StationUuid, String> =
        stations.into_iter().map(|info| (info.station, info.name)).collect();
    told(json!({ "proposals": shared.seen.proposals(|station| names.get(&station).cloned()) }))
}

#[derive(Debug, Deserialize)]
struct Answered {
    accept: bool,
}

/// `POST /proposals/N`.
async fn answer_proposal(
    State(shared): State<Arc<Shared>>,
    Path(number): Path<u64>,
    Json(answer): Json<Answered>,
) -> Answer {
    let station = shared.station()?;
    if !shared.seen.answer(number) {
        return Err(Refusal::not_found("this is proposed no longer: it was answered, or its time is over"));
    }
    if answer.accept {
        station.accept_move(ProposalId(number)).await?;
    } else {
        station.refuse_move(ProposalId(number)).await?;
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lead {
    group: Option<String>,
    session: Option<String>,
    force: Option<bool>,
}

fn target(wish: &Lead) -> Result<SessionTarget, Refusal> {
    let bad = |error: &dyn std::fmt::Display| Refusal::bad(error.to_string());
    let to = match (&wish.group, &wish.session) {
        (Some(group), None) => SessionTarget::Group(group.parse().map_err(|error| bad(&error))?),
        (None, Some(url)) => {
            url.parse::<WsUrl>().map_err(|error| bad(&error))?;
            SessionTarget::Url(url.clone())
        }
        _ => return Err(Refusal::bad("say where to: group or session, one of them")),
    };
    can_be_a_place(&to).map_err(|error| bad(&error))?;
    Ok(to)
}

/// `POST /moves`. It goes on where the one who asked is gone.
async fn lead(State(shared): State<Arc<Shared>>, Json(wish): Json<Lead>) -> Answer {
    let station = shared.station()?;
    let to = target(&wish)?;
    let stations = station.stations().await?;
    let host = station.session().await?.and_then(|session| session.host);
    let is_bridge = |mark: &Option<BridgeMark>| matches!(mark, Some(BridgeMark::Bridge { .. }));
    let bridges = stations.iter().filter(|info| is_bridge(&info.bridge)).map(|info| info.station);
    let fixed: BTreeSet<StationUuid> = bridges.chain(host).collect();
    let report = station.move_to(to.clone(), wish.force.unwrap_or(false)).await;
    let report = report.map_err(|error| match error {
        MoveError::Stopped => Refusal::busy(error.to_string()),
        error => Refusal::conflict(error.to_string()),
    })?;
    let names: BTreeMap<StationUuid, String> =
        stations.into_iter().map(|info| (info.station, info.name)).collect();
    let moved = report.answers.iter().filter(|(_, answer)| *answer == MoveAnswer::Moved).count();
    let stays = |(station, answer): &&(StationUuid, MoveAnswer)| {
        *answer != MoveAnswer::Moved && fixed.contains(station)
    };
    let answers = report.answers.iter().map(|(station, answer)| {
        let mut fields = answer_json(answer);
        if let Some(fields) = fields.as_object_mut() {
            fields.insert("station".to_owned(), station.to_string().into());
            fields.insert("name".to_owned(), names.get(station).cloned().into());
            fields.insert("fixed".to_owned(), fixed.contains(station).into());
        }
        fields
    });
    let answers: Vec<Value> = answers.collect();
    let document = json!({
        "moved": moved, "stayed": report.answers.len() - moved,
        "fixed": report.answers.iter().filter(stays).count(), "answers": answers,
    });
    told(with_place(document, &to))
}

/// Bytes of a name: a DNS label takes no more.
const NAME: usize = 63;

//! Events of a station as JSON, for programs: the fields that `docs/json.md` tells of.

use mvrx_message::GroupName;
use mvrx_station::{CommitSource, Event};
use serde_json::{Map, Value, json};

/// The event's own name and its fields. Ids are whole; text of other stations is as they sent it.
pub(crate) fn fields(event: &Event) -> (&'static str, Map<String, Value>) {
    let (kind, value) = of_stations(event)
        .or_else(|| of_commits(event))
        .or_else(|| of_requests(event))
        .or_else(|| crate::moving::fields(event))
        .unwrap_or_else(|| of_the_rest(event));
    match value {
        Value::Object(fields) => (kind, fields),
        _ => (kind, Map::new()),
    }
}

fn of_stations(event: &Event) -> Option<(&'static str, Value)> {
    Some(match event {
        Event::StationSighted { station, name } => {
            ("station_sighted", json!({ "station": id(station), "name": name }))
        }
        Event::StationJoined { station, name, provider, product } => (
            "station_joined",
            json!({ "station": id(station), "name": name, "application": provider, "product": product.name() }),
        ),
        Event::StationRenamed { station, from, to } => {
            ("station_renamed", json!({ "station": id(station), "from": from, "name": to }))
        }
        Event::StationLeft { station } => ("station_left", json!({ "station": id(station) })),
        Event::StationLost { station } => ("station_lost", json!({ "station": id(station) })),
        Event::StationUnreachable { station, failure } => {
            ("station_unreachable", json!({ "station": id(station), "reason": failure.to_string() }))
        }
        Event::StationReachable { station } => ("station_reachable", json!({ "station": id(station) })),
        Event::JoinRefused { station, message } => {
            ("join_refused", json!({ "station": id(station), "reason": message }))
        }
        Event::StationMismatch { expected, found, address } => (
            "station_mismatch",
            json!({ "expected": id(expected), "station": id(found), "address": id(address) }),
        ),
        Event::OwnUuidUsedByAnother { name, address } => {
            ("own_uuid_used_by_another", json!({ "name": name, "address": address.as_ref().map(id) }))
        }
        Event::Quirk { station, quirk } => {
            ("quirk", json!({ "station": id(station), "quirk": quirk.name() }))
        }
        _ => return None,
    })
}

fn of_commits(event: &Event) -> Option<(&'static str, Value)> {
    Some(match event {
        Event::CommitSeen { file, from, source } => {
            let source = match source {
                CommitSource::Listed => "listed",
                CommitSource::Announced => "announced",
            };
            let missed = source == "listed";
            (
                "commit_seen",
                json!({ "file": id(file), "station": id(from), "source": source, "missed": missed }),
            )
        }
        Event::CommitPublished { file, stations } => {
            ("commit_published", json!({ "file": id(file), "stations": stations }))
        }
        Event::CommitWithdrawn { file, station } => {
            ("commit_withdrawn", json!({ "file": id(file), "station": id(station) }))
        }
        Event::CommitAcknowledged { file, station } => {
            ("commit_acknowledged", json!({ "file": id(file), "station": id(station) }))
        }
        Event::CommitRefused { file, station, message } => {
            ("commit_refused", json!({ "file": id(file), "station": id(station), "reason": message }))
        }
        Event::CommitNotDelivered { file, station, failure } => (
            "commit_not_delivered",
            json!({ "file": id(file), "station": id(station), "reason": failure.to_string() }),
        ),
        _ => return None,
    })
}

fn of_requests(event: &Event) -> Option<(&'static str, Value)> {
    Some(match event {
        Event::RequestStarted { request, file, from } => (
            "request_started",
            json!({ "request": request.0, "file": file.as_ref().map(id), "station": id(from) }),
        ),
        Event::RequestAttemptFailed { request, from, why } => {
            ("request_attempt_failed", json!({ "request": request.0, "station": id(from), "reason": why }))
        }
        Event::RequestBroke { request, from, why, kept } => (
            "request_broke",
            json!({ "request": request.0, "station": id(from), "reason": why, "kept_bytes": kept }),
        ),
        Event::RequestDone { request, file, from } => (
            "request_done",
            json!({ "request": request.0, "file": id(file), "station": from.as_ref().map(id) }),
        ),
        Event::RequestFailed { request, failure } => {
            ("request_failed", json!({ "request": request.0, "reason": failure.to_string() }))
        }
        Event::FileWhole { file, from, members, unread, size_as_told, hash_as_told } => (
            "file_whole",
            json!({
                "file": id(file), "station": from.as_ref().map(id), "members": members, "unread": unread,
                "size_as_told": size_as_told, "hash_as_told": hash_as_told,
            }),
        ),
        Event::FileNotJudged { file, from, what } => {
            ("file_not_judged", json!({ "file": id(file), "station": from.as_ref().map(id), "reason": what }))
        }
        Event::FilePutAside { file, from, what, path } => (
            "file_put_aside",
            json!({
                "file": id(file), "station": from.as_ref().map(id), "reason": what,
                "path": path.as_ref().map(|path| path.display().to_string()),
            }),
        ),
        Event::FileSizeDiffers { file, from, announced, received } => (
            "file_size_differs",
            json!({ "file": id(file), "station": id(from), "announced_bytes": announced, "bytes": received }),
        ),
        Event::Serving { file, station, address } => (
            "serving",
            json!({ "file": id(file), "station": station.as_ref().map(id), "address": id(address) }),
        ),
        Event::Served { file, station, length } => {
            ("served", json!({ "file": id(file), "station": station.as_ref().map(id), "bytes": length }))
        }
        Event::FetchedFromHost { file, station } => {
            ("fetched_from_host", json!({ "file": id(file), "station": id(station) }))
        }
        Event::ServeFailed { file, station, why } => {
            ("serve_failed", json!({ "file": id(file), "station": station.as_ref().map(id), "reason": why }))
        }
        Event::RequestRefused { file, address, message } => (
            "request_refused",
            json!({ "file": file.as_ref().map(id), "address": id(address), "reason": message }),
        ),
        _ => return None,
    })
}

fn of_the_rest(event: &Event) -> (&'static str, Value) {
    match event {
        Event::PeerError { address, what } => {
            ("peer_error", json!({ "address": id(address), "reason": what }))
        }
        Event::SessionUnreachable { host, why, next_try } => (
            "session_unreachable",
            json!({
                "station": host.as_ref().map(id), "reason": why,
                "again_after_ms": u64::try_from(next_try.as_millis()).unwrap_or(u64::MAX),
            }),
        ),
        Event::SessionRefused { host, message } => {
            ("session_refused", json!({ "station": host.as_ref().map(id), "reason": message }))
        }
        Event::Succession { host, stations, group } => {
            let stations: Vec<_> = stations.iter().map(|next| id(&next.station)).collect();
            let group = group.as_ref().map(GroupName::as_str);
            ("succession", json!({ "host": id(host), "stations": stations, "group": group }))
        }
        Event::LimitReached(limit) => ("limit_reached", json!({ "limit": format!("{limit:?}") })),
        Event::JoinedGroup => ("joined_group", json!({})),
        Event::LeftGroup => ("left_group", json!({})),
        Event::GroupChanged { from, to } => {
            ("group_changed", json!({ "from": from.as_str(), "group": to.as_str() }))
        }
        Event::GroupNotChanged { to, why } => {
            ("group_not_changed", json!({ "wanted": to.as_str(), "reason": why }))
        }
        _ => ("other", json!({})),
    }
}

fn id(id: &impl ToString) -> String {
    id.to_string()
}

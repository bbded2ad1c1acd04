//! What only the host of a session tells: in words for people, and as JSON for programs.

use mvrx_station::HostEvent;
use serde_json::{Map, Value, json};

use crate::events::Names;
use crate::show::{name as shown, plural, size, tame};

/// An event in words; `None` for what a person need not read.
pub(crate) fn words(event: &HostEvent, names: &dyn Names) -> Option<String> {
    Some(match event {
        HostEvent::StationLost { name, why, .. } => format!("{} is gone: {}", shown(name), tame(why)),
        HostEvent::StationReplaced { name, from, to, .. } => {
            format!("{} connected anew from {to}; its connection from {from} was closed", shown(name))
        }
        HostEvent::ConnectionRefused { address, why, .. } => {
            format!("a connection from {} was refused: {}", names.at(*address), tame(why))
        }
        HostEvent::JoinRefused { address, message, .. } => {
            format!("refused a JOIN from {}: {}", names.at(*address), tame(message))
        }
        HostEvent::CommitRelayed { file, stations, .. } if *stations > 0 => {
            format!("told {stations} {} of {}", plural(*stations, "station"), names.file(*file))
        }
        HostEvent::CommitNotTaken { file, station, message, .. } => {
            format!("did not take {} from {}: {}", names.file(*file), names.station(*station), tame(message))
        }
        HostEvent::CommitRefused { station, message } => {
            format!("{} refused a commit: {}", names.station(*station), tame(message))
        }
        HostEvent::ReadStarted { file, from, .. } => {
            format!("fetching {} from {}", names.file(*file), names.station(*from))
        }
        HostEvent::AttemptFailed { file, from, why } => {
            format!("{} did not give {}: {}", names.station(*from), names.file(*file), tame(why))
        }
        HostEvent::ReadFailed { file, why } => {
            format!("{} was not fetched: {}", names.file(*file), tame(why))
        }
        HostEvent::FileKept { file, length } => format!("kept {}, {}", names.file(*file), size(*length)),
        HostEvent::FileUnproven { file, from } => format!(
            "{} of {} came while other answers of it were due: nothing but its length shows that it is this file",
            names.file(*file),
            names.station(*from)
        ),
        HostEvent::FileNotKept { file, why } => format!("{} was not kept: {}", names.file(*file), tame(why)),
        HostEvent::FileDropped { file, .. } => format!("{} made room for newer files", names.file(*file)),
        HostEvent::StationSlowed { station, what, .. } => {
            format!("{} is too fast: {}", names.station(*station), tame(what))
        }
        HostEvent::RequestAbandoned { file, station, why } => {
            let what = file.map_or_else(|| "its request".to_owned(), |file| names.file(file));
            format!("{} did not get {what}: {}", names.station(*station), tame(why))
        }
        HostEvent::LimitReached(limit) => limit.to_string(),
        HostEvent::MessageRefused { address, kind, message, .. } => {
            format!("refused {} from {}: {}", tame(kind), names.at(*address), tame(message))
        }
        HostEvent::CommitToldOtherwise { file, station, what, .. } => {
            format!("{} told of {} otherwise: {}", names.station(*station), names.file(*file), tame(what))
        }
        HostEvent::ConnectionsFail { why } => format!(
            "the system gives no more connections, and nobody else can come in: {}; raise the limit of open files (ulimit -n) or lower \
             --connections",
            tame(why)
        ),
        HostEvent::ConnectionsWork => "the system gives connections again".to_owned(),
        HostEvent::AuditFails { why } => format!("the audit file cannot be written: {}", tame(why)),
        HostEvent::AuditWorks => "the audit file is written again".to_owned(),
        HostEvent::MoveEnded { to, moved, stayed, .. } => format!(
            "{moved} {} moved to {}, {stayed} stayed; this host goes on",
            plural(*moved, "station"),
            crate::moving::place(to)
        ),
        _ => return None,
    })
}

/// The event's own name and its fields.
pub(crate) fn fields(event: &HostEvent) -> (&'static str, Map<String, Value>) {
    let (kind, value) = of_stations(event).or_else(|| of_files(event)).unwrap_or_else(|| of_the_rest(event));
    match value {
        Value::Object(fields) => (kind, fields),
        _ => (kind, Map::new()),
    }
}

fn of_stations(event: &HostEvent) -> Option<(&'static str, Value)> {
    Some(match event {
        HostEvent::StationLost { station, name, why } => {
            ("station_lost", json!({ "station": id(station), "name": name, "reason": why }))
        }
        HostEvent::StationReplaced { station, name, from, to } => (
            "station_replaced",
            json!({ "station": id(station), "name": name, "from": id(from), "address": id(to) }),
        ),
        HostEvent::StationSlowed { station, address, what } => {
            ("station_slowed", json!({ "station": id(station), "address": id(address), "reason": what }))
        }
        HostEvent::FilesAttached { station } => ("files_attached", json!({ "station": id(station) })),
        HostEvent::ConnectionRefused { address, station, why } => (
            "connection_refused",
            json!({ "station": station.as_ref().map(id), "address": id(address), "reason": why }),
        ),
        HostEvent::JoinRefused { station, address, message } => (
            "join_not_accepted",
            json!({ "station": id(station), "address": id(address), "reason": message }),
        ),
        HostEvent::CommitNotTaken { file, station, author, message } => (
            "commit_not_taken",
            json!({ "file": id(file), "station": id(station), "author": author.as_ref().map(id), "reason": message }),
        ),
        HostEvent::CommitRefused { station, message } => {
            ("commit_refused", json!({ "station": id(station), "reason": message }))
        }
        _ => return None,
    })
}

fn of_files(event: &HostEvent) -> Option<(&'static str, Value)> {
    Some(match event {
        HostEvent::CommitRelayed { file, from, stations } => {
            ("commit_relayed", json!({ "file": id(file), "station": id(from), "stations": stations }))
        }
        HostEvent::ReadStarted { file, from, askers } => {
            ("read_started", json!({ "file": id(file), "station": id(from), "askers": askers }))
        }
        HostEvent::AttemptFailed { file, from, why } => {
            ("read_attempt_failed", json!({ "file": id(file), "station": id(from), "reason": why }))
        }
        HostEvent::ReadFailed { file, why } => ("read_failed", json!({ "file": id(file), "reason": why })),
        HostEvent::FileKept { file, length } => ("file_kept", json!({ "file": id(file), "bytes": length })),
        HostEvent::FileUnproven { file, from } => {
            ("file_unproven", json!({ "file": id(file), "from": id(from) }))
        }
        HostEvent::FileNotKept { file, why } => ("file_not_kept", json!({ "file": id(file), "reason": why })),
        HostEvent::FileDropped { file, of, .. } => {
            ("file_dropped", json!({ "file": id(file), "station": id(of) }))
        }
        HostEvent::RequestAbandoned { file, station, why } => (
            "request_abandoned",
            json!({ "file": file.as_ref().map(id), "station": id(station), "reason": why }),
        ),
        _ => return None,
    })
}

fn of_the_rest(event: &HostEvent) -> (&'static str, Value) {
    match event {
        HostEvent::MoveEnded { to, by, moved, stayed } => (
            "move_ended",
            crate::moving::with_place(json!({ "station": id(by), "moved": moved, "stayed": stayed }), to),
        ),
        HostEvent::MessageRefused { station, address, kind, message } => (
            "message_refused",
            json!({ "station": station.as_ref().map(id), "address": id(address), "type": kind, "reason": message }),
        ),
        HostEvent::CommitToldOtherwise { file, station, author, what } => (
            "commit_told_otherwise",
            json!({ "file": id(file), "station": id(station), "author": author.as_ref().map(id), "reason": what }),
        ),
        HostEvent::ConnectionsFail { why } => ("connections_fail", json!({ "reason": why })),
        HostEvent::ConnectionsWork => ("connections_work", json!({})),
        HostEvent::AuditFails { why } => ("audit_fails", json!({ "reason": why })),
        HostEvent::AuditWorks => ("audit_works", json!({})),
        HostEvent::LimitReached(limit) => ("limit_reached", json!({ "limit": format!("{limit:?}") })),
        _ => ("other", json!({})),
    }
}

fn id(value: &impl ToString) -> String {
    value.to_string()
}

//! What `up` and `commit` share: names for people, lines and JSON for each event.

use std::collections::BTreeMap;
use std::time::SystemTime;

use mvrx_message::{FileUuid, StationUuid};
use mvrx_station::{Event, Heard, Station};
use serde_json::json;

use crate::failure::Failure;
use crate::show;

/// Shows events as they come, with the names that people know.
#[derive(Debug)]
pub(crate) struct Watching {
    json: bool,
    stations: BTreeMap<StationUuid, String>,
    files: BTreeMap<FileUuid, String>,
}

impl Watching {
    pub(crate) fn new(json: bool) -> Self {
        Self { json, stations: BTreeMap::new(), files: BTreeMap::new() }
    }

    /// Reads the present names. They are few, and events that need a new one are rare.
    pub(crate) async fn refresh(&mut self, station: &Station) -> Result<(), Failure> {
        for info in station.stations().await? {
            let name = if info.name.is_empty() { show::short(&info.station) } else { show::tame(&info.name) };
            self.stations.insert(info.station, name);
        }
        for info in station.commits().await? {
            let commit = &info.commit;
            let name = if commit.file_name.is_empty() { "a file" } else { &commit.file_name };
            let comment = if commit.comment.is_empty() {
                String::new()
            } else {
                format!(" \"{}\"", show::tame(&commit.comment))
            };
            self.files.insert(
                commit.file,
                format!("{}{comment} [{}]", show::tame(name), show::short(&commit.file)),
            );
        }
        Ok(())
    }

    pub(crate) async fn heard(&mut self, heard: &Heard, station: &Station) -> Result<(), Failure> {
        let seen = match heard {
            Heard::Event(seen) => seen,
            Heard::DiscoveryProblem { what } => {
                self.say(&format!("finding others: {what}"));
                return Ok(());
            }
            Heard::Lagged { missed } => {
                self.say(&format!("{missed} events went by too fast to show"));
                return Ok(());
            }
        };
        if needs_names(&seen.event) {
            self.refresh(station).await?;
        }
        let name = |s: StationUuid| self.stations.get(&s).cloned().unwrap_or_else(|| show::short(&s));
        let file = |f: FileUuid| self.files.get(&f).cloned().unwrap_or_else(|| show::short(&f));
        let words = show::event(&seen.event, &name, &file);
        if let Some(words) = words {
            self.tell(seen.at, kind(&seen.event), &words);
        }
        Ok(())
    }

    /// Something of our own to say, now.
    pub(crate) fn say(&self, words: &str) {
        self.tell(SystemTime::now(), "note", words);
    }

    fn tell(&self, at: SystemTime, kind: &str, words: &str) {
        if self.json {
            show::document(
                &json!({ "schema": show::SCHEMA, "at_unix_ms": show::unix_millis(at), "event": kind, "text": words }),
            );
        } else {
            show::line(&format!("{}  {words}", show::time(at)));
        }
    }
}

fn needs_names(event: &Event) -> bool {
    matches!(
        event,
        Event::StationJoined { .. }
            | Event::StationSighted { .. }
            | Event::StationRenamed { .. }
            | Event::CommitSeen { .. }
            | Event::CommitPublished { .. }
            | Event::RequestDone { .. }
    )
}

/// The event's own name, for programs.
fn kind(event: &Event) -> &'static str {
    match event {
        Event::StationJoined { .. } => "station_joined",
        Event::StationRenamed { .. } => "station_renamed",
        Event::StationLeft { .. } => "station_left",
        Event::StationLost { .. } => "station_lost",
        Event::StationUnreachable { .. } => "station_unreachable",
        Event::StationReachable { .. } => "station_reachable",
        Event::JoinRefused { .. } => "join_refused",
        Event::OwnUuidUsedByAnother { .. } => "own_uuid_used_by_another",
        Event::CommitSeen { .. } => "commit_seen",
        Event::CommitPublished { .. } => "commit_published",
        Event::CommitRefused { .. } => "commit_refused",
        Event::CommitNotDelivered { .. } => "commit_not_delivered",
        Event::RequestStarted { .. } => "request_started",
        Event::RequestFailed { .. } => "request_failed",
        Event::Served { .. } => "served",
        Event::Serving { .. } => "serving",
        Event::ServeFailed { .. } => "serve_failed",
        Event::MoveProposed { .. } => "move_proposed",
        Event::PeerError { .. } => "peer_error",
        _ => "other",
    }
}

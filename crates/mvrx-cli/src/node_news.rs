//! What a running node tells beside the events of its station: a line for people, fields for programs.

use std::path::Path;

use mvrx_message::FileUuid;
use mvrx_node::collect::{Again, Collected};
use mvrx_node::folder::Found;
use mvrx_node::node::{News, Node};
use mvrx_node::rooms::RoomsNews;
use mvrx_node::watched::WatchNews;
use mvrx_station::RequestFailure;
use mvrx_store::PutAwayError;
use serde_json::json;

use crate::commands::bridge;
use crate::commands::offer::{self, disk_words};
use crate::commands::watching::Watching;
use crate::events::{self, Names};
use crate::failure::Failure;
use crate::{electing, history, hooks, show};

/// Shows what happens.
pub(crate) async fn tell(news: &News, node: &Node, watching: &mut Watching) -> Result<(), Failure> {
    match news {
        News::Heard(heard) => return watching.heard(heard, node.station()).await,
        News::Collected(news) => collected(news, watching),
        News::Watched(news) => watched(news, node.data(), watching),
        News::Revision(revision) => watching.revision(revision),
        News::SessionMoved { url } => {
            let words = format!("the session's host is at {} now", show::tame(url));
            watching.say("session_moved", &words, json!({ "session": url }));
        }
        News::Command(told) => hooks::tell(told, watching),
        News::History(round) => history::tell(round, watching),
        News::Electing(news) => electing::tell(news, watching),
        News::Bridge(news) => {
            let (event, words, fields) = bridge::words_of(news);
            watching.say(event, &words, fields);
        }
        News::Rooms(RoomsNews::Ended) => {
            let words = "Mixer's rooms have ended by themselves; the station goes on without them";
            watching.say("mixer_ended", words, json!({}));
        }
        _ => {}
    }
    Ok(())
}

/// What comes of fetching what is wished for.
fn collected(news: &Collected, watching: &mut Watching) {
    match news {
        Collected::Asked { request, file } => watching.expect(*request, *file),
        Collected::Came { file } => watching.hush(*file, false),
        Collected::NotFetched { file, why, next } => {
            not_fetched(*file, why, *next, watching);
            watching.hush(*file, true);
        }
        Collected::Saved { file, path, bytes, already_there } => {
            let path = path.display().to_string();
            let words = if *already_there {
                format!("{path} is there already, with the same {}", show::size(*bytes))
            } else {
                format!("saved {path}, {}", show::size(*bytes))
            };
            let fields = json!({
                "file": file.to_string(), "file_name": watching.file_name(*file), "path": path, "bytes": bytes,
                "already_there": already_there,
            });
            watching.say("saved", &words, fields);
        }
        Collected::NotSaved { file, folder, why, next } if next.new => {
            let folder = folder.display().to_string();
            let why = why.as_ref().map_or_else(|| "its thread ended early".to_owned(), put_away_words);
            let words = format!(
                "{} is fetched, but not saved into {folder}: {why}; {}",
                watching.file(*file),
                again_words(*next)
            );
            not_saved(*file, Some(&folder), (&words, &why), watching);
        }
        Collected::NotWanted { file, bytes } => {
            let why =
                format!("it has {}, and no rule takes that", bytes.map_or_else(String::new, show::size));
            let words = format!("{} is fetched, but not saved: {why}", watching.file(*file));
            not_saved(*file, None, (&words, &why), watching);
        }
        Collected::TakenBack { file } => {
            let why = "its author took it back";
            let words = format!("{} is fetched and kept here, but not saved: {why}", watching.file(*file));
            not_saved(*file, None, (&words, why), watching);
        }
        _ => {}
    }
}

/// What comes of a watched folder.
fn watched(news: &WatchNews, data: &Path, watching: &Watching) {
    match news {
        WatchNews::Found { folder, found } => found_in(&folder.display().to_string(), found, watching),
        WatchNews::NotCommitted { path, why } => {
            let failure = offer::failure(path, data, why);
            let words = failure.words();
            let fields = json!({ "path": path.display().to_string(), "reason": words });
            watching.say("not_committed", &format!("{words}; it is tried again"), fields);
        }
        _ => {}
    }
}

fn found_in(folder: &str, found: &Found, watching: &Watching) {
    match found {
        Found::First { there: 0 } => {}
        Found::First { there } => {
            let files = format!("{there} .mvr {}", show::plural(*there, "file"));
            let words = format!("{files} in {folder} from before: each is committed when it is saved again");
            watching.say("left_alone", &words, json!({ "path": folder, "files": there }));
        }
        Found::Unfinished { path, why } => {
            let path = path.display().to_string();
            let why = show::tame(why);
            let words = format!("{path} is not committed: {why}; it is when it is whole");
            watching.say("unfinished", &words, json!({ "path": path, "reason": why }));
        }
        Found::Unreadable { why } => {
            let words = format!("the folder {folder} cannot be watched now: {why}");
            watching.say("folder_unreadable", &words, json!({ "path": folder, "reason": why }));
        }
        Found::Readable => {
            let words = format!("the folder {folder} is watched again");
            watching.say("folder_readable", &words, json!({ "path": folder }));
        }
        _ => {}
    }
}

fn not_saved(file: FileUuid, path: Option<&str>, (words, why): (&str, &str), watching: &Watching) {
    let fields = json!({
        "file": file.to_string(), "file_name": watching.file_name(file), "path": path, "reason": why,
    });
    watching.say("not_saved", words, fields);
}

fn not_fetched(file: FileUuid, why: &RequestFailure, next: Again, watching: &Watching) {
    if !next.new {
        return;
    }
    let why = match why {
        // Each refusal was told when it came.
        RequestFailure::EveryoneFailed { .. } => "nobody who lists it gave it".to_owned(),
        other => events::request_failure(other, &|station| watching.station(station)),
    };
    let words = format!("{} has not come ({why}); {}", watching.file(file), again_words(next));
    let fields = json!({
        "file": file.to_string(), "file_name": watching.file_name(file), "reason": why,
        "again_after_ms": next.after.map(|pause| u64::try_from(pause.as_millis()).unwrap_or(u64::MAX)),
    });
    watching.say("not_fetched", &words, fields);
}

fn again_words(next: Again) -> &'static str {
    match next.after {
        Some(_) => "it is tried again, less and less often",
        None => "it is tried again when a station comes",
    }
}

fn put_away_words(error: &PutAwayError) -> String {
    match error {
        PutAwayError::Disk(disk) => disk_words(disk),
        other => other.to_string(),
    }
}

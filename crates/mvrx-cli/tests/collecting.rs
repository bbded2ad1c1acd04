//! `mvrx up --get all`: what others commit ends in the folder, whatever goes wrong on the way.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::path::Path;

use support::peer::{Answer, Listed, Peer};
use support::{Crew, Running};

/// Starts a station that collects into a folder, from a peer where there is one.
fn collect(crew: &Crew, data: &Path, folder: &Path, peer: Option<&Peer>, more: &[&str]) -> Running {
    let mut arguments = vec!["up", "--name", "Y", "--get", "all", "--listen", "127.0.0.1:0"];
    let at = peer.map(Peer::at);
    if let Some(at) = &at {
        arguments.extend(["--peer", at]);
    }
    arguments.extend(["--data", data.to_str().unwrap(), "--dir", folder.to_str().unwrap()]);
    arguments.extend(more);
    crew.start(&arguments)
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn what_was_fetched_and_is_not_in_the_folder_is_saved_at_the_next_start() {
    let crew = Crew::of_any_files();
    let peer = Peer::new(1, "Desk");
    let show = Listed::new(1, &peer, "show.mvr", b"the show");
    peer.lists(&[&show]);
    let (data, first, second) = (crew.path("data"), crew.folder("first"), crew.folder("second"));
    let mut up = collect(&crew, &data, &first, Some(&peer), &[]);
    up.until("saved");
    up.kill();
    assert_eq!(names(&first), ["show.mvr"]);

    // Nobody is there any more: another folder, with what a killed save left, and a name that is taken.
    fs::write(second.join(".mvrx-4294967294-1.part"), b"half").unwrap();
    fs::write(second.join(".mvrx-mine.part"), b"not ours").unwrap();
    fs::write(second.join("show.mvr"), b"another").unwrap();
    let mut up = collect(&crew, &data, &second, None, &[]);
    up.until("saved");
    up.kill();
    assert_eq!(fs::read(second.join("show (2).mvr")).unwrap(), b"the show");
    let left: &[&str] = if Path::new("/proc/self").exists() {
        &[".mvrx-mine.part", "show (2).mvr", "show.mvr"]
    } else {
        &[".mvrx-4294967294-1.part", ".mvrx-mine.part", "show (2).mvr", "show.mvr"]
    };
    assert_eq!(names(&second), left);

    // It was noted as saved, yet it is gone.
    fs::remove_file(second.join("show (2).mvr")).unwrap();
    let mut up = collect(&crew, &data, &second, None, &[]);
    up.until("saved");
    up.kill();
    assert_eq!(names(&second), left);
}

#[test]
fn a_start_saves_no_second_copy_of_what_is_there() {
    let crew = Crew::of_any_files();
    let peer = Peer::new(1, "Desk");
    let show = Listed::new(1, &peer, "show.mvr", b"the show");
    peer.lists(&[&show]);
    let (data, folder) = (crew.path("data"), crew.folder("folder"));
    let mut up = collect(&crew, &data, &folder, Some(&peer), &[]);
    up.until("saved");
    up.kill();
    // Without the note of what was saved it looks at the bytes.
    for note in [true, false] {
        if !note {
            fs::remove_file(data.join("saved.json")).unwrap();
        }
        let news = Listed::new(if note { 2 } else { 3 }, &peer, "news.mvr", if note { b"2" } else { b"3" });
        peer.lists(&[&show, &news]);
        let mut up = collect(&crew, &data, &folder, Some(&peer), &[]);
        up.until("saved");
        up.kill();
    }
    assert_eq!(names(&folder), ["news (2).mvr", "news.mvr", "show.mvr"]);
}

#[test]
fn a_save_that_failed_is_tried_again_and_told_in_words() {
    let crew = Crew::of_any_files();
    let peer = Peer::new(1, "Desk");
    let show = Listed::new(1, &peer, "show.mvr", b"the show");
    peer.lists(&[&show]);
    peer.answers(&[Answer::Held]);
    let (data, folder) = (crew.path("data"), crew.folder("folder"));
    let mut up = collect(&crew, &data, &folder, Some(&peer), &[]);
    up.until("fetching");
    fs::rename(&folder, crew.path("elsewhere")).unwrap();
    peer.release();
    let told = up.until("not saved");
    assert!(told.contains("show.mvr") && told.contains("does not exist"), "{told}");
    fs::rename(crew.path("elsewhere"), &folder).unwrap();
    up.until("saved");
    assert_eq!(fs::read(folder.join("show.mvr")).unwrap(), b"the show");
}

#[test]
fn a_transfer_that_breaks_is_tried_again_and_told_once() {
    let crew = Crew::of_any_files();
    let peer = Peer::new(1, "Desk");
    let show = Listed::new(1, &peer, "show.mvr", &[7; 100_000]);
    peer.lists(&[&show]);
    peer.answers(&[Answer::Half, Answer::Half, Answer::Refuse]);
    let (data, folder) = (crew.path("data"), crew.folder("folder"));
    let mut up = collect(&crew, &data, &folder, Some(&peer), &[]);
    up.until("saved");
    assert_eq!(fs::read(folder.join("show.mvr")).unwrap(), [7; 100_000]);
    let told: Vec<_> = up.heard.iter().filter(|line| line.contains("has not come")).collect();
    assert_eq!(told.len(), 1, "{:#?}", up.heard);
    assert!(told[0].contains("show.mvr \"comment 1\"") && told[0].contains("tried again"), "{told:?}");
    let refused = up.heard.iter().filter(|line| line.contains("Desk did not give show.mvr"));
    assert_eq!(refused.count(), 1, "{:#?}", up.heard);
}

#[test]
fn each_event_is_a_json_document_with_fields_for_programs() {
    let crew = Crew::of_any_files();
    let peer = Peer::new(1, "Desk");
    let show = Listed::new(1, &peer, "show.mvr", b"the show");
    peer.lists(&[&show]);
    peer.answers(&[Answer::Refuse]);
    let (data, folder) = (crew.path("data"), crew.folder("folder"));
    let mut up = collect(&crew, &data, &folder, Some(&peer), &["--json"]);
    let saved = up.until("\"event\":\"saved\"");
    let lines: Vec<serde_json::Value> =
        up.heard.iter().chain([&saved]).map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().all(|l| l["schema"] == 1 && l["at_unix_ms"].is_u64() && l["event"].is_string()));
    let of = |kind: &str| {
        lines.iter().find(|l| l["event"] == kind).unwrap_or_else(|| panic!("no {kind} in {lines:#?}"))
    };
    let has = |kind: &str, fields: &[(&str, &str)]| {
        for (field, value) in fields {
            assert_eq!(of(kind)[field], *value, "{field} of {kind}");
        }
    };
    let (file, desk) = (("file", show.file.as_str()), ("station", peer.station.as_str()));
    let (named, called) = (("name", "Desk"), ("file_name", "show.mvr"));
    has("up", &[("name", "Y"), ("group", "Default"), ("data", data.to_str().unwrap())]);
    assert!(of("up")["station"].is_string() && of("up")["address"].is_string());
    has("station_joined", &[desk, named, ("application", "A test")]);
    has("commit_seen", &[file, called, ("comment", "comment 1"), desk, named, ("source", "listed")]);
    has("request_started", &[file, called, desk, named]);
    has("request_attempt_failed", &[file, called, desk, named]);
    assert!(
        of("request_attempt_failed")["reason"].is_string()
            && of("request_attempt_failed")["request"].is_u64()
    );
    has("request_failed", &[file]);
    has("not_fetched", &[file, called]);
    assert!(of("not_fetched")["again_after_ms"].is_u64());
    has("request_done", &[file, desk]);
    has("saved", &[file, called, ("path", folder.join("show.mvr").to_str().unwrap())]);
    assert_eq!((&of("saved")["bytes"], &of("saved")["already_there"]), (&8.into(), &false.into()));
}

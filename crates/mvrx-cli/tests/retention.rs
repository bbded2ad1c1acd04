//! A station and a session's host that keep so much of each group: what is beyond it goes while they run, out of all lists, and is not fetched again.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use support::{Crew, Running, alone, code, event, json};

/// The names of what a data directory keeps.
fn kept(crew: &Crew, data: &str) -> Vec<String> {
    let log = json(&alone(crew, &["log", "--json", "--data", data]));
    let revisions = log["revisions"].as_array().unwrap();
    let mut names: Vec<String> =
        revisions.iter().map(|one| one["file_name"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

/// The same, as soon as it is so.
fn until_kept(crew: &Crew, data: &str, names: &[&str]) {
    let end = Instant::now() + Duration::from_secs(60);
    while kept(crew, data) != names {
        assert!(Instant::now() < end, "{:?} are kept", kept(crew, data));
    }
}

/// What somebody who looks sees of the files there.
fn listed(crew: &Crew, more: &[&str]) -> Vec<String> {
    let listed = crew.run(&[&["ls", "--json", "--wait", "3"], more].concat());
    assert_eq!(code(&listed), 0, "{listed:?}");
    let stations = json(&listed)["stations"].as_array().unwrap().clone();
    let files = stations.iter().flat_map(|station| station["files"].as_array().unwrap().clone());
    let mut files: Vec<String> = files.map(|file| file["file_name"].as_str().unwrap().to_owned()).collect();
    files.sort();
    files.dedup();
    files
}

/// Waits until so many have gone, by however many rounds.
fn until_dropped(running: &mut Running, count: usize) {
    let mut gone = 0;
    while gone < count {
        let dropped = event(&running.until("\"event\":\"history_dropped\""));
        gone += dropped["removed"].as_array().unwrap().len();
        assert!(dropped["bytes"].as_u64().unwrap() > 0, "{dropped}");
    }
    assert_eq!(gone, count);
}

fn shows(crew: &Crew, names: &[&str]) -> Vec<String> {
    let path = |(seed, name): (usize, &&str)| crew.make_show(name, u64::try_from(seed).unwrap());
    names.iter().enumerate().map(path).map(|path| path.to_str().unwrap().to_owned()).collect()
}

fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".mvr"))
        .collect();
    names.sort();
    names
}

// proves: STA-37, STO-29
#[test]
fn stations_let_old_commits_go_while_they_run_and_what_is_saved_is_not_fetched_again() {
    let crew = Crew::new();
    let files = shows(&crew, &["a.mvr", "b.mvr", "c.mvr", "d.mvr"]);
    let (data, other) = (crew.folder("foh"), crew.folder("b"));
    let (data, other) = (data.to_str().unwrap(), other.to_str().unwrap());
    let two = ["--keep-newest", "9", "--keep-newest", "Default=2"];
    let up = [&["up", "--name", "FOH", "--json", "--data", data, "--drop-own"], two.as_slice()].concat();
    let mut desk = crew.start(&[up.as_slice(), &[&files[0], &files[1], &files[2]]].concat());
    until_dropped(&mut desk, 1);
    assert_eq!(kept(&crew, data), ["b.mvr", "c.mvr"]);
    assert_eq!(listed(&crew, &[]), ["b.mvr", "c.mvr"]);

    // Who keeps less than there is saves it all first.
    let received = crew.folder("received");
    let to = received.to_str().unwrap();
    let all = ["up", "--name", "B", "--json", "--data", other, "--get", "all", "--dir", to];
    let b = [all.as_slice(), &["--keep-newest", "1"]].concat();
    let mut reader = crew.start(&b);
    // What goes may go between the two.
    for _ in 0..2 {
        reader.until("\"event\":\"saved\"");
    }
    until_kept(&crew, other, &["c.mvr"]);
    assert_eq!(names_in(&received), ["b.mvr", "c.mvr"]);
    reader.kill();
    let mut reader = crew.start(&b);
    let mut third = crew.start(&["up", "--name", "Z", "--json", &files[3]]);
    third.until("\"event\":\"commit_published\"");
    assert_eq!(event(&reader.until("\"event\":\"saved\""))["file_name"], "d.mvr");
    until_kept(&crew, other, &["d.mvr"]);
    for running in [desk, reader, third] {
        running.kill();
    }
}

// proves: HDR-14, STO-29
#[test]
fn a_host_keeps_so_many_and_its_session_lists_what_somebody_gives() {
    let crew = Crew::new();
    let files = shows(&crew, &["a.mvr", "b.mvr", "c.mvr"]);
    let data = crew.folder("rack");
    let data = data.to_str().unwrap();
    let host = ["host", "--name", "Rack", "--json", "--hidden", "--listen", "127.0.0.1:0", "--data", data];
    let mut host = crew.start(&[host.as_slice(), &["--keep-newest=2"]].concat());
    let url = event(&host.until("\"event\":\"host\""))["urls"][0].as_str().unwrap().to_owned();
    let place = ["--host", url.as_str()];
    let foh = crew.folder("foh");
    let foh = foh.to_str().unwrap();
    // What a session gives is kept under the name of --group: a limit of the session's name would count for nothing, and that is said.
    let elsewhere = [
        "up",
        "--name",
        "L",
        "--json",
        "--group",
        "Tour",
        "--keep-newest",
        "Tour=2",
        "--keep-age",
        "Main=2d",
    ];
    let mut limited = crew.start(&[elsewhere.as_slice(), &place].concat());
    let told = event(&limited.until("\"event\":\"limits_of_others\""));
    assert_eq!((&told["group"], &told["groups"]), (&"Tour".into(), &serde_json::json!(["Main"])));
    limited.kill();
    // Its own stay where nobody says otherwise.
    let up =
        [&["up", "--name", "FOH", "--json", "--data", foh, "--keep-bytes", "1K"], place.as_slice()].concat();
    let desk = crew.start(&[up.as_slice(), &[&files[0], &files[1], &files[2]]].concat());
    until_dropped(&mut host, 1);
    assert_eq!((kept(&crew, data).len(), kept(&crew, foh).len()), (2, 3));
    assert_eq!(listed(&crew, &place), ["a.mvr", "b.mvr", "c.mvr"], "its author gives it");
    desk.kill();
    assert_eq!(listed(&crew, &place), kept(&crew, data));
    host.kill();
}

#[test]
fn limits_that_are_none_are_refused_in_words() {
    let crew = Crew::new();
    for wrong in [["--keep-newest", "0"], ["--keep-age", "30"], ["--keep-bytes", "Tour=much"]] {
        let said = crew.run(&[["up"].as_slice(), &wrong].concat());
        assert_eq!(code(&said), 2, "{said:?}");
    }
    // In the configuration file as well.
    let config = crew.path("mvrx.toml");
    fs::write(&config, "[up]\nkeep-newest = [\"10\", \"Tour=3\"]\nkeep-age = \"30\"\n").unwrap();
    let said = crew.run(&["--config", config.to_str().unwrap(), "up"]);
    assert_eq!(code(&said), 2, "{said:?}");
    assert!(support::stderr(&said).contains("line 3"), "{said:?}");
}

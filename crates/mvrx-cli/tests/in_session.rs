//! Commands in a session: `--host` with a URL, found by itself, a host that is not there, and one that goes and comes.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::net::TcpListener;

use serde_json::Value;
use support::{Crew, Running, code, json, only_mvr_in, stderr, stdout};

/// A running host at a port of its own, and its URL.
fn host(crew: &Crew, more: &[&str]) -> (Running, String) {
    let mut arguments = vec!["host", "--name", "Rack", "--json"];
    if !more.contains(&"--listen") {
        arguments.extend(["--listen", "127.0.0.1:0"]);
    }
    arguments.extend(more);
    let mut host = crew.start(&arguments);
    let up: Value = serde_json::from_str(&host.until("\"event\":\"host\"")).unwrap();
    let url = up["urls"][0].as_str().unwrap().to_owned();
    (host, url)
}

#[test]
fn a_crew_in_a_session_shares_lists_and_fetches() {
    let crew = Crew::new();
    let (_host, url) = host(&crew, &["--hidden"]);
    let show = crew.make_show("show.mvr", 1);
    let received = crew.folder("received");

    let mut a = crew.start(&["up", "--name", "A", "--host", &url, show.to_str().unwrap()]);
    a.until(&format!("A is up and joins the session at {url}"));
    // It commits before or after it is in; the file comes either way.
    a.until("joined the session");
    let to = received.to_str().unwrap();
    let mut b = crew.start(&["up", "--name", "B", "--host", &url, "--get", "all", "--dir", to]);
    b.until("saved");
    assert_eq!(fs::read(only_mvr_in(&received)).unwrap(), fs::read(&show).unwrap());

    let listed = crew.run(&["ls", "--host", &url, "--json"]);
    assert_eq!(code(&listed), 0, "{listed:?}");
    let listed = json(&listed);
    assert_eq!((&listed["session"], &listed["sessions"]), (&url.as_str().into(), &Value::Array(vec![])));
    let mut names: Vec<_> = listed["stations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["name"].as_str().unwrap().to_owned())
        .collect();
    names.sort();
    assert_eq!(names, ["A", "B", "Rack"]);
    let words = stdout(&crew.run(&["ls", "--host", &url]));
    assert!(words.contains("A  mvrx") && words.contains("show.mvr"), "{words}");

    // What its author has taken away with it, the host has kept.
    let second = crew.make_show("second.mvr", 2);
    let committed = crew.run(&[
        "commit",
        second.to_str().unwrap(),
        "-m",
        "re-hung",
        "--name",
        "C",
        "--host",
        &url,
        "--until-fetched",
        "1",
    ]);
    assert_eq!(code(&committed), 0, "{committed:?}");
    let target = crew.path("fetched.mvr");
    let got = crew.run(&["get", "latest", "--host", &url, "-o", target.to_str().unwrap()]);
    assert_eq!(code(&got), 0, "{got:?}");
    assert_eq!(fs::read(&target).unwrap(), fs::read(&second).unwrap());
    let nothing = crew.run(&["get", "nothing.mvr", "--host", &url, "--wait", "1"]);
    assert_eq!(code(&nothing), 5, "{nothing:?}");
    assert!(stderr(&nothing).contains(&format!("in the session at {url} lists")), "{nothing:?}");
}

#[test]
fn the_session_of_the_wanted_name_is_found_by_itself() {
    let crew = Crew::new();
    let show = crew.make_show("show.mvr", 1);
    // It looks on until there is one.
    let received = crew.folder("received");
    let mut early = crew.start(&[
        "up",
        "--name",
        "Early",
        "--group",
        "Tour",
        "--host",
        "auto",
        "--get",
        "all",
        "--dir",
        received.to_str().unwrap(),
    ]);
    early.until("looking on until stopped");
    let (_host, url) = host(&crew, &["--group", "Tour", show.to_str().unwrap()]);
    let place = format!("Early is up and joins the session at {url}");
    early.until(&place);
    early.until("saved");
    assert_eq!(fs::read(only_mvr_in(&received)).unwrap(), fs::read(&show).unwrap());

    let other = crew.run(&["ls", "--host", "auto", "--wait", "3"]);
    assert_eq!(code(&other), 5, "{other:?}");
    let said = stderr(&other);
    assert!(said.contains("no session is called Default") && said.contains(&url), "{said}");
    let _second = host(&crew, &["--group", "Tour", "--data", crew.path("second").to_str().unwrap()]);
    // Which of them shows itself first is the network's: it is not told of two before both have.
    let got = crew.path("got.mvr");
    let ask =
        ["get", "latest", "--group", "Tour", "--host", "auto", "--wait", "5", "-o", got.to_str().unwrap()];
    let two = (0..20).map(|_| crew.run(&ask)).find(|asked| {
        let _ = fs::remove_file(&got);
        code(asked) == 2
    });
    let two = two.expect("both are seen within twenty questions");
    assert!(stderr(&two).contains("2 sessions are called Tour"), "{two:?}");
}

#[test]
fn a_host_that_is_not_there_is_told_in_words() {
    let crew = Crew::new();
    let show = crew.make_show("show.mvr", 1);
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("ws://{closed}/");
    for arguments in [
        &["ls", "--host", &url][..],
        &["get", "latest", "--host", &url],
        &["commit", show.to_str().unwrap(), "-m", "x", "--host", &url],
    ] {
        let failed = crew.run(arguments);
        assert_eq!(code(&failed), 4, "{failed:?}");
        let said = stderr(&failed);
        assert!(said.contains(&format!("no session is to be had at {url}: ")), "{said}");
        assert!(said.to_lowercase().contains("refused"), "{said}");
    }
    let failed = json(&crew.run(&["ls", "--host", &url, "--json"]));
    assert_eq!((&failed["exit_code"], &failed["session"]), (&4.into(), &url.as_str().into()));
    for wrong in
        [&["ls", "--host", "http://rack/"][..], &["ls", "--host", ""], &["ls", "--host", "rack:port"]]
    {
        let failed = crew.run(wrong);
        assert_eq!(code(&failed), 2, "{failed:?}");
    }
    assert_eq!(code(&crew.run(&["up", "--host", &url, "--peer", "127.0.0.1:1"])), 2);
    assert_eq!(code(&crew.run(&["up", "--host", &url, "--listen", "127.0.0.1:0"])), 2);
}

#[test]
fn a_station_outlives_its_host_and_joins_the_next_one() {
    let crew = Crew::new();
    let data = crew.path("rack");
    let with = ["--hidden", "--data", data.to_str().unwrap()];
    let (first, url) = host(&crew, &with);
    let received = crew.folder("received");
    let mut up = crew.start(&[
        "up",
        "--name",
        "A",
        "--host",
        &url,
        "--get",
        "all",
        "--dir",
        received.to_str().unwrap(),
    ]);
    up.until("joined the session");
    first.kill();
    up.until("the host of the session cannot be reached");
    let at = url.trim_start_matches("ws://").trim_end_matches('/').to_owned();
    let show = crew.make_show("show.mvr", 4);
    let (_second, _) = host(&crew, &[&with[..], &["--listen", &at, show.to_str().unwrap()]].concat());
    up.until("joined the session");
    up.until("saved");
    assert_eq!(fs::read(only_mvr_in(&received)).unwrap(), fs::read(&show).unwrap());
}

#[test]
fn a_session_that_was_found_is_found_again_where_its_host_comes_back() {
    let crew = Crew::new();
    let data = crew.path("rack");
    let with = ["--data", data.to_str().unwrap(), "--group", "Tour"];
    let (first, before) = host(&crew, &with);
    let mut up = crew.start(&["up", "--name", "A", "--host", "auto", "--group", "Tour"]);
    up.until(&format!("A is up and joins the session at {before}"));
    up.until("joined the session");
    first.kill();
    up.until("the host of the session cannot be reached");
    // At another port; the former one is taken, so that it cannot be had again by chance.
    let at = before.trim_start_matches("ws://").trim_end_matches('/').to_owned();
    let _taken = TcpListener::bind(&at).ok();
    let (_second, after) = host(&crew, &with);
    assert_ne!(before, after);
    up.until(&format!("the session's host is at {after} now"));
    up.until("joined the session");
}

#[test]
fn the_copy_of_the_host_is_no_fetch_and_a_fetch_of_that_copy_is() {
    let crew = Crew::new();
    let (mut rack, url) = host(&crew, &["--hidden"]);
    let show = crew.make_show("show.mvr", 3);
    let arguments = [
        "commit",
        show.to_str().unwrap(),
        "-m",
        "x",
        "--name",
        "C",
        "--host",
        &url,
        "--until-fetched",
        "1",
        "--json",
    ];
    let mut committing = crew.start(&arguments);
    committing.until("\"event\":\"served\"");
    rack.until("\"event\":\"file_kept\"");
    let target = crew.path("fetched.mvr");
    let got = crew.run(&["get", "show.mvr", "--host", &url, "--name", "G", "-o", target.to_str().unwrap()]);
    assert_eq!(code(&got), 0, "{got:?}");
    let told: Value = serde_json::from_str(&committing.until("\"event\":\"fetched_from_host\"")).unwrap();
    assert!(told["text"].as_str().unwrap().contains("from the host"), "{told}");
    let fetches = committing.heard.iter().filter(|line| line.contains("fetched_from_host")).count();
    assert_eq!(fetches, 0, "the host's own copy is not told as one: {:#?}", committing.heard);
    committing.ends_well();
}

#[test]
fn two_hosts_with_one_station_uuid_are_not_taken_for_one() {
    let crew = Crew::new();
    let (one, two) = (crew.path("one"), crew.path("two"));
    let (first, url) = host(&crew, &["--data", one.to_str().unwrap()]);
    first.kill();
    // As somebody does who sets up a second machine by copying the first one's folders.
    let copied = std::process::Command::new("cp").arg("-r").arg(&one).arg(&two).status().unwrap();
    assert!(copied.success());
    let at = url.trim_start_matches("ws://").trim_end_matches('/').to_owned();
    let (_one, first) = host(&crew, &["--data", one.to_str().unwrap(), "--listen", &at]);
    let mut second = crew.start(&[
        "host",
        "--name",
        "Copy",
        "--json",
        "--listen",
        "127.0.0.1:0",
        "--data",
        two.to_str().unwrap(),
    ]);
    let up: Value = serde_json::from_str(&second.until("\"event\":\"host\"")).unwrap();
    let failed = crew.run(&["ls", "--host", "auto", "--wait", "20"]);
    assert_eq!(code(&failed), 2, "{failed:?}");
    let said = stderr(&failed);
    assert!(said.contains("2 hosts have the same StationUUID"), "{said}");
    assert!(said.contains(&first) && said.contains(up["urls"][0].as_str().unwrap()), "{said}");
    // By its URL either is taken.
    assert_eq!(code(&crew.run(&["ls", "--host", &first])), 0);
}

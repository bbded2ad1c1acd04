//! `mvrx host` as a person runs it: found by `mvrx ls`, one data directory, exit codes, its end.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::net::TcpListener;
use std::process::Command;

use serde_json::Value;
use support::{Crew, code, json, stdout};

const ANYWHERE: &str = "127.0.0.1:0";

#[test]
fn a_host_shares_its_file_is_listed_by_ls_and_ends_with_ctrl_c() {
    let crew = Crew::new();
    let show = crew.make_show("show.mvr", 1);
    let arguments =
        ["host", "--name", "Rack", "--group", "Tour", "--listen", ANYWHERE, "--json", show.to_str().unwrap()];
    let mut host = crew.start(&arguments);
    let up: Value = serde_json::from_str(&host.until("\"event\":\"host\"")).unwrap();
    let url = up["urls"][0].as_str().unwrap().to_owned();
    assert!(url.starts_with("ws://127.0.0.1:") && up["group"] == "Tour", "{up}");
    host.until("\"event\":\"commit_published\"");

    let listed = crew.run(&["ls", "--json", "--wait", "4"]);
    assert_eq!(code(&listed), 0, "{listed:?}");
    let listed: Value = serde_json::from_str(&stdout(&listed)).unwrap();
    let session = &listed["sessions"][0];
    assert_eq!(
        (&session["name"], &session["group"], &session["station"]),
        (&up["name"], &up["group"], &up["station"])
    );
    let port = url.trim_end_matches('/').rsplit(':').next().unwrap().to_owned();
    assert!(session["urls"].to_string().contains(&format!(":{port}/")), "{session}");
    // It is no station of TCP mode.
    assert_eq!(listed["stations"], Value::Array(vec![]));

    let interrupt = Command::new("kill").args(["-INT", &host.child.id().to_string()]).status().unwrap();
    assert!(interrupt.success());
    host.ends_well();
}

#[test]
fn a_url_of_its_own_is_told_in_place_of_addresses() {
    let crew = Crew::new();
    let mut host =
        crew.start(&["host", "--listen", ANYWHERE, "--url", "wss://rack.example/mvr", "--name", "Rack"]);
    host.until("stations reach it at wss://rack.example/mvr");
    let listed = crew.run(&["ls", "--wait", "4"]);
    let words = stdout(&listed);
    assert!(words.contains("Rack  hosts the session Default at wss://rack.example/mvr"), "{words}");
}

#[test]
fn a_bare_name_is_told_with_the_hosts_own_port() {
    let crew = Crew::new();
    let arguments = ["host", "--listen", ANYWHERE, "--url", "rack.local", "--name", "Rack", "--json"];
    let mut host = crew.start(&arguments);
    let up: Value = serde_json::from_str(&host.until("\"event\":\"host\"")).unwrap();
    let port = up["address"].as_str().unwrap().rsplit(':').next().unwrap().to_owned();
    let url = format!("ws://rack.local:{port}/");
    assert_eq!(up["urls"], serde_json::json!([url]));
    let listed = json(&crew.run(&["ls", "--wait", "4", "--json"]));
    assert_eq!(listed["sessions"][0]["urls"][0], url, "{listed}");
}

#[test]
fn what_cannot_be_is_refused_with_its_exit_code() {
    let crew = Crew::new();
    let data = crew.path("data");
    for wrong in
        [&["--url", "http://rack/"][..], &["--url", "rack:port"], &["--pieces", "2M"], &["--pieces", "1"]]
    {
        let refused = crew.run(&[&["host", "--listen", ANYWHERE, "--hidden"][..], wrong].concat());
        assert_eq!(code(&refused), 2, "{refused:?}");
    }
    let with_data = ["host", "--data", data.to_str().unwrap(), "--listen", ANYWHERE, "--hidden"];
    let mut host = crew.start(&with_data);
    host.until("hosts the session");
    let again = crew.run(&with_data);
    assert_eq!(code(&again), 1);
    assert!(String::from_utf8_lossy(&again.stderr).contains("in use by another station"), "{again:?}");

    let taken = TcpListener::bind(ANYWHERE).unwrap();
    let at = taken.local_addr().unwrap().to_string();
    let refused = crew.run(&["host", "--listen", &at, "--hidden"]);
    assert_eq!(code(&refused), 1, "{refused:?}");
    assert_eq!(code(&crew.run(&["host", "--keep", "much"])), 2);
    assert_eq!(code(&crew.run(&["host", "--dir", "/nowhere/at/all"])), 2);
    let text = crew.path("notes.txt");
    std::fs::write(&text, "no archive").unwrap();
    assert_eq!(code(&crew.run(&["host", "--listen", ANYWHERE, text.to_str().unwrap()])), 3);
}

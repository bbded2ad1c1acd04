//! `mvrx bridge` as a person uses it: a host, a station of its session, a station of a group, and the bridge, each a process of its own on loopback.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use support::{Crew, Running, code, json, only_mvr_in, stdout};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A station that fetches all, and the folder for it.
fn up(crew: &Crew, name: &str, more: &[&str]) -> (Running, PathBuf) {
    let folder = crew.folder(&format!("{name}-files"));
    let data = crew.path(name);
    let arguments =
        ["up", "--name", name, "--data", text(&data), "--json", "--get", "all", "--dir", text(&folder)];
    (crew.start(&[&arguments[..], more].concat()), folder)
}

/// Everybody's name in the group, as somebody sees it who has just come; in order.
fn group(crew: &Crew) -> Vec<String> {
    let listed = json(&crew.run(&["ls", "--json", "--wait", "3"]));
    let stations = listed["stations"].as_array().unwrap();
    let mut names: Vec<_> = stations.iter().map(|s| s["name"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

/// Waits until these and no others are in the group.
fn group_is(crew: &Crew, names: &[&str]) {
    let end = Instant::now() + Duration::from_secs(40);
    loop {
        let seen = group(crew);
        if seen == names {
            return;
        }
        assert!(Instant::now() < end, "{seen:?} are in the group, not {names:?}");
    }
}

// proves: BRG-01, BRG-03
#[test]
fn a_group_and_a_session_see_each_other_and_a_station_that_comes_over_takes_its_own_place() {
    let crew = Crew::new();
    let listen = ["--hidden", "--listen", "127.0.0.1:0", "--moves", "always"];
    let mut host = crew.start(&[&["host", "--name", "Rack", "--json"][..], &listen].concat());
    let url: Value = serde_json::from_str(&host.until("\"event\":\"host\"")).unwrap();
    let url = url["urls"][0].as_str().unwrap().to_owned();
    let (of_desk, of_remote) = (crew.make_show("desk.mvr", 1), crew.make_show("remote.mvr", 2));
    let (mut desk, desk_has) = up(&crew, "Desk", &[text(&of_desk)]);
    let (mut remote, remote_has) =
        up(&crew, "Remote", &["--host", &url, "--moves", "always", text(&of_remote)]);
    let data = crew.path("carried");
    let mut bridge =
        crew.start(&["bridge", "--host", &url, "--name", "Bridge", "--data", text(&data), "--json"]);
    let begun: Value = serde_json::from_str(&bridge.until("\"event\":\"bridge\"")).unwrap();
    assert_eq!((&begun["session"], &begun["group"]), (&Value::from(url.as_str()), &Value::from("Default")));
    bridge.until("session_joined");
    bridge.until("bridge_at_work");
    desk.until("\"event\":\"saved\"");
    assert_eq!(fs::read(only_mvr_in(&desk_has)).unwrap(), fs::read(&of_remote).unwrap());
    remote.until("\"event\":\"saved\"");
    assert_eq!(fs::read(only_mvr_in(&remote_has)).unwrap(), fs::read(&of_desk).unwrap());
    group_is(&crew, &["Bridge", "Desk", "Rack", "Remote"]);

    // It arrives in the group while its stand-in is there under the same name. Nobody else moves, least of all a stand-in.
    let moved = crew.run(&[
        "move",
        "--to-group",
        "Default",
        "--host",
        &url,
        "--name",
        "Boss",
        "--wait",
        "3",
        "--json",
    ]);
    assert_eq!(code(&moved), 1, "{moved:?}");
    let moved: Value = serde_json::from_str(stdout(&moved).lines().last().unwrap()).unwrap();
    assert_eq!(moved["moved"], 1, "{moved}");
    let gone = bridge.until("\"event\":\"station_disappeared\",\"name\":\"Remote\"");
    assert!(gone.contains("\"side\":\"group\""), "{gone}");
    group_is(&crew, &["Bridge", "Desk", "Rack", "Remote"]);

    // Nobody but itself is it there.
    let ended = Command::new("kill").args(["-INT", &bridge.child.id().to_string()]).status().unwrap();
    assert!(ended.success());
    bridge.ends_well();
    group_is(&crew, &["Desk", "Remote"]);
    let target = crew.path("again.mvr");
    let got = crew.run(&["get", "latest", "--from", "Remote", "-o", text(&target)]);
    assert_eq!(code(&got), 0, "{got:?}");
}

#[test]
fn what_cannot_be_bridged_is_said() {
    let crew = Crew::new();
    let nowhere = crew.run(&["bridge"]);
    assert_eq!(code(&nowhere), 2, "{nowhere:?}");
    let odd = crew.run(&["bridge", "--host", "ws://127.0.0.1:9/", "--group", ""]);
    assert_eq!(code(&odd), 2, "{odd:?}");
    let data = crew.path("carried");
    let mut away = crew.start(&["bridge", "--host", "ws://127.0.0.1:9/", "--data", text(&data), "--json"]);
    away.until("session_lost");
    let second = crew.run(&["bridge", "--host", "ws://127.0.0.1:9/", "--data", text(&data)]);
    assert_eq!(code(&second), 1, "{second:?}");
}

//! A person moves a session whose host was elected: by the rule of the station beside which it runs, with one question to its operator, and nobody is
//! pulled back.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use support::{Crew, Running, code, json, stderr, stdout};

/// Takes part in elections, with a data directory of its own name.
fn candidate(crew: &Crew, name: &str, priority: &str, more: &[&str]) -> Running {
    let data = crew.path(name);
    let data = data.to_str().unwrap();
    let arguments =
        ["up", "--name", name, "--session-host", "auto", "--priority", priority, "--data", data, "--json"];
    crew.start(&[&arguments[..], &["--bridged", "0"], more].concat())
}

fn event(running: &mut Running, name: &str) -> Value {
    serde_json::from_str(&running.until(&format!("\"event\":\"{name}\""))).unwrap()
}

/// A hosts, B is one of its session; and where.
fn elected(a: &mut Running, b: &mut Running) -> String {
    let url = event(a, "elected")["session"].as_str().unwrap().to_owned();
    event(b, "elected_host");
    url
}

/// `mvrx move` of the session to the group Tour.
fn to_tour<'a>(data: &'a str, url: &'a str) -> [&'a str; 11] {
    ["move", "--host", url, "--to-group", "Tour", "--name", "Boss", "--data", data, "--wait", "8"]
}

/// What each of these answered.
fn answers(told: &Value, names: &[&str]) -> Vec<(String, String)> {
    let all = told["answers"].as_array().unwrap().iter();
    let text = |answer: &Value, field: &str| answer[field].as_str().unwrap_or_default().to_owned();
    let mut all: Vec<_> = all.map(|answer| (text(answer, "name"), text(answer, "answer"))).collect();
    all.retain(|(name, _)| names.contains(&name.as_str()));
    all.sort();
    all.dedup();
    all
}

fn accept(crew: &Crew, data: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mvrx"));
    command.args(["accept", "--data", data.to_str().unwrap(), "--json"]).env("HOME", crew.folder.path());
    command.output().unwrap()
}

fn both_moved() -> Vec<(String, String)> {
    ["A", "B"].map(|name| (name.to_owned(), "moved".to_owned())).to_vec()
}

#[test]
fn a_candidate_says_of_its_group_that_it_is_a_group_and_of_the_session_that_it_is_a_session() {
    let crew = Crew::new();
    let arguments = ["up", "--session-host", "auto", "--bridged", "0", "--priority"];
    let mut a = crew.start(&[&arguments[..], &["20", "--name", "A"]].concat());
    a.until("A is up in the group Default");
    let mut b = crew.start(&[&arguments[..], &["10", "--name", "B"]].concat());
    a.until("B (mvrx) is in the group");
    b.until("A (mvrx) is in the group");
    b.until("this station is one of the elected host's session");
    b.until("A (mvrx) is in the session");
    for line in a.heard.iter().chain(&b.heard) {
        assert!(!line.contains("joined the session"), "{line}");
    }
}

#[test]
fn each_successor_says_that_the_host_is_lost_whoever_comes_first() {
    let crew = Crew::new();
    let mut a = candidate(&crew, "A", "30", &[]);
    let mut b = candidate(&crew, "B", "20", &[]);
    let mut c = candidate(&crew, "C", "10", &[]);
    elected(&mut a, &mut b);
    event(&mut c, "elected_host");
    a.child.kill().unwrap();
    for up in [&mut b, &mut c] {
        event(up, "host_lost");
        event(up, "elected_host");
    }
}

// proves: ELE-11, ELE-12, ELE-16
#[test]
fn an_elected_session_moves_by_the_rule_of_its_hosts_station_and_elects_anew_where_it_was_moved() {
    let crew = Crew::new();
    let boss = crew.path("boss");
    let mut a = candidate(&crew, "A", "20", &["--moves", "always"]);
    let mut b = candidate(&crew, "B", "10", &["--moves", "always"]);
    let url = elected(&mut a, &mut b);
    let told = crew.run(&[&to_tour(boss.to_str().unwrap(), &url)[..], &["--json"]].concat());
    assert_eq!(code(&told), 0, "{told:?}");
    assert_eq!(answers(&json(&told), &["A", "B"]), both_moved(), "{told:?}");
    // The host, which has a name of theirs and ends with the move, is none of those who came along.
    assert_eq!((&json(&told)["moved"], &json(&told)["stayed"]), (&2.into(), &0.into()), "{told:?}");
    for up in [&mut a, &mut b] {
        // Each was told once whose session it is in, however often that changed.
        let members = up.heard.iter().filter(|line| line.contains("\"event\":\"elected_host\"")).count();
        assert!(members <= 1, "{:#?}", up.heard);
        let moved = event(up, "moved");
        // The first one led into the session.
        let moved = if moved["group"] == "Tour" { moved } else { event(up, "moved") };
        assert_eq!(moved["group"], "Tour", "{moved}");
    }
    event(&mut a, "host_ended");
    // Nobody hosts where they were; where they were moved they elect at once.
    let hosting = event(&mut a, "elected");
    assert_eq!(hosting["group"], "Tour", "{hosting}");
    event(&mut b, "elected_host");
    let listed = crew.run(&["ls", "--json", "--wait", "4"]);
    let listed: Value = serde_json::from_str(&stdout(&listed)).unwrap();
    let of = |session: &Value| (session["name"].clone(), session["group"].clone());
    let sessions: Vec<_> = listed["sessions"].as_array().unwrap().iter().map(of).collect();
    assert_eq!(sessions, [("A".into(), "Tour".into())], "{listed}");

    // The next start is there, too, wherever they were led since; who says where to be is there.
    drop((a, b));
    let mut a = candidate(&crew, "A", "20", &[]);
    let mut b = candidate(&crew, "B", "10", &[]);
    for up in [&mut a, &mut b] {
        assert_eq!(event(up, "kept_place")["group"], "Tour");
    }
    elected(&mut a, &mut b);
    drop((a, b));
    let mut a = candidate(&crew, "A", "20", &["--group", "Default"]);
    assert_eq!(event(&mut a, "up")["group"], "Default");
}

// proves: ELE-11
#[test]
fn the_operator_of_an_elected_host_is_asked_once_for_both_and_the_others_for_themselves() {
    let crew = Crew::new();
    let boss = crew.path("boss");
    let mut a = candidate(&crew, "A", "20", &[]);
    let mut b = candidate(&crew, "B", "10", &[]);
    let url = elected(&mut a, &mut b);
    let mut moving = crew.start(&[&to_tour(boss.to_str().unwrap(), &url)[..], &["--json"]].concat());
    assert_eq!(event(&mut a, "move_proposed")["group"], "Tour");
    assert_eq!(code(&accept(&crew, &crew.path("A"))), 0);
    event(&mut b, "move_proposed");
    assert_eq!(code(&accept(&crew, &crew.path("B"))), 0);
    let told: Value = serde_json::from_str(&moving.until("answers")).unwrap();
    assert_eq!(answers(&told, &["A", "B"]), both_moved(), "{told}");
    moving.ends_well();
    event(&mut a, "host_ended");
    let again = a.heard.iter().filter(|line| line.contains("\"event\":\"move_proposed\"")).count();
    assert_eq!(again, 0, "{:#?}", a.heard);
}

// proves: ELE-11
#[test]
fn a_host_whose_station_follows_nobody_or_certain_others_keeps_its_session_from_anybody_else() {
    let crew = Crew::new();
    let boss = crew.path("boss");
    let mut known = crew.start(&["up", "--name", "Boss", "--data", boss.to_str().unwrap(), "--json"]);
    let id = event(&mut known, "up")["station"].as_str().unwrap().to_owned();
    drop(known);
    for (rules, follows) in
        [(&["--moves", "never"][..], false), (&["--moves", "listed", "--follow", id.as_str()], true)]
    {
        let crew_of = ["A", "B"].map(|name| crew.path(name));
        let mut a = candidate(&crew, "A", "20", rules);
        let mut b = candidate(&crew, "B", "10", &["--moves", "always"]);
        let url = elected(&mut a, &mut b);
        let stranger = crew.path("stranger");
        let told = crew.run(&to_tour(stranger.to_str().unwrap(), &url));
        assert_eq!(code(&told), 1, "{told:?}");
        assert!(stdout(&told).contains("this host follows"), "{told:?} {}", stderr(&told));
        event(&mut a, "move_declined");
        if follows {
            let told = crew.run(&[&to_tour(boss.to_str().unwrap(), &url)[..], &["--json"]].concat());
            assert_eq!((code(&told), answers(&json(&told), &["A", "B"])), (0, both_moved()), "{told:?}");
            event(&mut a, "host_ended");
        }
        drop((a, b));
        crew_of.iter().for_each(|data| std::fs::remove_dir_all(data).unwrap());
    }
}

//! A commit that was a mistake is taken back while stations run: in a group, and in a session.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs;

use support::{Crew, alone, code, event, json, stderr, stdout};

/// What somebody who looks sees of the files there.
fn listed(crew: &Crew, more: &[&str]) -> Vec<String> {
    let listed = crew.run(&[&["ls", "--json", "--wait", "3"], more].concat());
    assert_eq!(code(&listed), 0, "{listed:?}");
    let mut files: Vec<String> = json(&listed)["stations"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|station| station["files"].as_array().unwrap().clone())
        .map(|file| file["file_name"].as_str().unwrap().to_owned())
        .collect();
    files.sort();
    files.dedup();
    files
}

/// FOH commits a mistake and what is right, B fetches both, FOH takes the mistake back.
fn takes_back(crew: &Crew, place: &[&str]) {
    let (mistake, right) = (crew.make_show("mistake.mvr", 1), crew.make_show("right.mvr", 2));
    let (data, received) = (crew.folder("foh"), crew.folder("received"));
    let (data, to) = (data.to_str().unwrap(), received.to_str().unwrap());
    let files = [mistake.to_str().unwrap(), right.to_str().unwrap()];
    let up = [&["up", "--name", "FOH", "--json", "--data", data], place].concat();
    let foh = [up.as_slice(), &files].concat();
    let mut desk = crew.start(&foh);
    let committed = event(&desk.until("\"event\":\"commit_published\""));
    let file = committed["file"].as_str().unwrap().to_owned();
    let mut b = crew.start(&[&["up", "--name", "B", "--json", "--get", "all", "--dir", to], place].concat());
    for _ in 0..2 {
        b.until("\"event\":\"saved\"");
    }
    assert_eq!(listed(crew, place), ["mistake.mvr", "right.mvr"]);

    let said = alone(crew, &["withdraw", &file[..8], "--data", data]);
    assert_eq!(code(&said), 0, "{said:?}");
    assert!(stdout(&said).contains("takes it out of its list within a second"), "{said:?}");
    assert!(stdout(&said).contains("other products may show it on"), "{said:?}");
    for running in [&mut desk, &mut b] {
        assert_eq!(event(&running.until("\"event\":\"commit_withdrawn\""))["file"], file.as_str());
    }
    assert_eq!(listed(crew, place), ["right.mvr"]);
    // Who asks for it by its id is told, and who has it has it.
    let asked = crew
        .run(&[&["get", &file, "--wait", "2", "--data", crew.folder("c").to_str().unwrap()], place].concat());
    assert_ne!(code(&asked), 0, "{asked:?}");
    assert!(received.join("mistake.mvr").exists(), "{}", stderr(&asked));
    assert_eq!(fs::read(received.join("mistake.mvr")).unwrap(), fs::read(&mistake).unwrap());

    // It stays so when its station starts anew.
    desk.kill();
    let mut desk = crew.start(&foh);
    assert_eq!(event(&desk.until("\"event\":\"already_withdrawn\""))["file"], file.as_str());
    desk.until("\"event\":\"already_committed\"");
    assert_eq!(listed(crew, place), ["right.mvr"]);
    let log = json(&alone(crew, &["log", "--json", "--data", data]));
    let marked: Vec<bool> =
        log["revisions"].as_array().unwrap().iter().map(|one| one["withdrawn"].as_bool().unwrap()).collect();
    assert_eq!(marked, [false, true], "{log}");
    desk.kill();
    b.kill();
}

// proves: STA-31, STA-32, STA-33
#[test]
fn a_mistake_is_taken_back_in_a_group_and_stays_so() {
    takes_back(&Crew::new(), &[]);
}

// proves: HST-29, SES-15
#[test]
fn a_mistake_is_taken_back_in_a_session_and_stays_so() {
    let crew = Crew::new();
    let mut host = crew.start(&["host", "--name", "Rack", "--json", "--hidden", "--listen", "127.0.0.1:0"]);
    let url = event(&host.until("\"event\":\"host\""))["urls"][0].as_str().unwrap().to_owned();
    takes_back(&crew, &["--host", &url]);
    host.kill();
}

//! The binary as a person uses it: stations in processes of their own, on the loopback interface, at an mDNS port of the test's own.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::process::Command;

use support::{Crew, code, only_mvr_in, stdout};

#[test]
fn one_shares_a_file_another_fetches_all_and_a_third_lists_both() {
    let crew = Crew::new();
    let show = crew.make_show("show.mvr", 1);
    let received = crew.path("received");
    fs::create_dir(&received).unwrap();

    let mut a = crew.start(&["up", "--name", "A", show.to_str().unwrap()]);
    a.until("committed");
    let mut b = crew.start(&["up", "--name", "B", "--get", "all", "--dir", received.to_str().unwrap()]);
    b.until("saved");
    assert_eq!(fs::read(only_mvr_in(&received)).unwrap(), fs::read(&show).unwrap());

    let listed = crew.run(&["ls", "--json", "--wait", "3"]);
    let listed: serde_json::Value = serde_json::from_str(&stdout(&listed)).unwrap();
    let stations = listed["stations"].as_array().unwrap();
    let mut names: Vec<_> = stations.iter().map(|s| s["name"].as_str().unwrap().to_owned()).collect();
    names.sort();
    assert_eq!(names, ["A", "B"]);
    let uuids: std::collections::BTreeSet<_> = stations.iter().map(|s| s["station"].to_string()).collect();
    assert_eq!(uuids.len(), 2, "two stations of one user never share a UUID");
    assert!(stations.iter().all(|s| s["application"] == "mvrx" && s["address"].is_string()));
    assert!(
        stations.iter().all(|s| s["files"].as_array().unwrap().len() == 1),
        "B lists what it fetched: {listed}"
    );
}

#[test]
fn a_committed_file_is_fetched_by_name_of_latest_and_the_committer_ends() {
    let crew = Crew::new();
    let show = crew.make_show("tour.mvr", 2);
    let mut committing = crew.start(&[
        "commit",
        show.to_str().unwrap(),
        "-m",
        "hung LX1",
        "--name",
        "FOH",
        "--until-fetched",
        "1",
    ]);
    committing.until("committed");
    let target = crew.path("fetched.mvr");
    let got = crew.run(&["get", "latest", "--from", "FOH", "-o", target.to_str().unwrap()]);
    assert_eq!(code(&got), 0, "{got:?}");
    assert_eq!(fs::read(&target).unwrap(), fs::read(&show).unwrap());
    committing.ends_well();

    let again = crew.run(&["get", "latest", "-o", target.to_str().unwrap()]);
    assert_eq!(code(&again), 2, "nothing is overwritten: {again:?}");
}

#[test]
fn a_file_for_one_station_is_not_there_for_another() {
    let crew = Crew::new();
    let show = crew.make_show("secret.mvr", 3);
    let received = crew.path("received");
    fs::create_dir(&received).unwrap();
    let mut listener =
        crew.start(&["up", "--name", "Visualizer", "--get", "all", "--dir", received.to_str().unwrap()]);
    listener.until("is up");
    let mut committing = crew.start(&[
        "commit",
        show.to_str().unwrap(),
        "-m",
        "for you",
        "--name",
        "FOH",
        "--to",
        "Visualizer",
    ]);
    listener.until("saved");
    committing.until("sent");
    let listed = crew.run(&["ls", "--json", "--wait", "2"]);
    let listed: serde_json::Value = serde_json::from_str(&stdout(&listed)).unwrap();
    assert!(
        listed["stations"].as_array().unwrap().iter().all(|s| s["files"].as_array().unwrap().is_empty()),
        "{listed}"
    );
}

#[test]
fn says_in_words_and_by_exit_code_what_is_wrong() {
    let crew = Crew::new();
    let nobody = crew.run(&["ls", "--wait", "0.2"]);
    assert_eq!(code(&nobody), 5);
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("nobody is in the group"));

    let missing = crew.run(&["commit", "not-there.mvr", "-m", "x"]);
    assert_eq!(code(&missing), 3);

    let nothing = crew.run(&["get", "latest", "--wait", "0.2", "-o", crew.folder.path().to_str().unwrap()]);
    assert_eq!(code(&nothing), 5);

    let usage = crew.run(&["get"]);
    assert_eq!(code(&usage), 2);

    let show = crew.make_show("x.mvr", 4);
    let to = crew.run(&["commit", show.to_str().unwrap(), "-m", "x", "--to", "Nobody", "--wait", "0.2"]);
    assert_eq!(code(&to), 5, "{to:?}");
}

#[test]
fn the_demo_exchanges_a_file_on_this_machine_alone() {
    let output = Command::new(env!("CARGO_BIN_EXE_mvrx")).arg("demo").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = stdout(&output);
    for step in ["found each other", "committed", "fetched", "bytes are the same"] {
        assert!(said.contains(step), "{said}");
    }
}

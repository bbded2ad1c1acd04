//! `mvrx doctor`: what keeps stations from finding each other, told in words and as a document.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use serde_json::Value;
use support::{Crew, code, json, stdout};

fn ids(report: &Value) -> Vec<&str> {
    report["findings"].as_array().unwrap().iter().map(|f| f["id"].as_str().unwrap()).collect()
}

// proves: DIS-DOCTOR
#[test]
fn all_is_well_with_a_station_in_the_group() {
    let crew = Crew::new();
    let data = crew.folder("data");
    let mut ours = crew.start(&["up", "--name", "Ours", "--group", "Tour"]);
    ours.until("is up");
    let mut other = crew.start(&["up", "--name", "FOH", "--group", "Tour", "--data", data.to_str().unwrap()]);
    other.until("is up");

    let seen = crew.run(&["doctor", "--group", "Tour", "--json", "--wait", "10"]);
    let report = json(&seen);
    assert_eq!((code(&seen), ids(&report).len()), (0, 0), "{report:#}");
    assert_eq!((&report["schema"], &report["group"]), (&1.into(), &"Tour".into()));
    let facts = &report["facts"];
    assert!(
        facts["interfaces"].as_array().unwrap().iter().any(|i| i["loopback"] == true && i["used"] == true)
    );
    assert_eq!(facts["multicast"][0]["heard"], true, "{facts:#}");
    assert_eq!(facts["udp_port_shared"]["ipv4"], true);
    assert_eq!(facts["own_announcement"]["seen"], true);
    assert_eq!(facts["groups"][0]["group"], "Tour");
    let mut names: Vec<_> = facts["stations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| (s["name"].as_str().unwrap(), s["joined"] == true))
        .collect();
    names.sort_unstable();
    assert_eq!(names, [("FOH", true), ("Ours", true)]);
    assert_eq!(facts["tcp"]["stations"][0]["addresses"][0]["answers"], true, "our own answers: {facts:#}");
    if cfg!(target_os = "linux") {
        let holders = facts["udp_port_holders"].to_string();
        assert!(holders.contains("mvrx (process "), "{holders}");
    }

    let told = crew.run(&["doctor", "--group", "Tour", "--wait", "10"]);
    let words = stdout(&told);
    assert_eq!(code(&told), 0, "{words}");
    assert!(words.contains("all is well") && words.contains("joined FOH"), "{words}");
    assert!(!words.contains('!'), "{words}");
}

// proves: DIS-DOCTOR, DIS-GROUPS
#[test]
fn a_group_of_another_case_is_told_with_what_to_do() {
    let crew = Crew::new();
    let data = crew.folder("data");
    let mut other = crew.start(&["up", "--name", "FOH", "--group", "tour", "--data", data.to_str().unwrap()]);
    other.until("is up");
    let told = crew.run(&["doctor", "--group", "Tour", "--wait", "5"]);
    let words = stdout(&told);
    assert_eq!(code(&told), 1, "{words}");
    assert!(
        words.contains("!!  you look in the group Tour, nobody is there; they are in the group tour: FOH"),
        "{words}"
    );
    assert!(words.contains("what to do: spelling and case count: take --group \"tour\""), "{words}");
    assert!(words.contains("1 finding, marked with !"), "{words}");
}

// proves: DIS-DOCTOR
#[test]
fn a_station_that_does_not_answer_is_told_with_its_address() {
    let crew = Crew::new();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = closed.local_addr().unwrap().to_string();
    drop(closed);
    let seen = crew.run(&["doctor", "--group", "Tour", "--json", "--wait", "1", "--peer", &at]);
    let report = json(&seen);
    assert_eq!(code(&seen), 1, "{report:#}");
    assert_eq!(ids(&report), ["nobody-in-group", "station-silent"], "{report:#}");
    let silent = &report["findings"][1];
    assert_eq!(silent["severity"], "problem");
    assert!(silent["text"].as_str().unwrap().contains(&at), "{silent}");
    assert!(!silent["advice"].as_str().unwrap().is_empty());
}

#[test]
fn our_own_station_alone_in_its_group_is_told_as_such() {
    let crew = Crew::new();
    let ours = crew.folder("ours");
    let mut running =
        crew.start(&["up", "--name", "Ours", "--group", "Tour", "--data", ours.to_str().unwrap()]);
    running.until("is up");
    let report = json(&crew.run(&[
        "doctor",
        "--group",
        "Tour",
        "--json",
        "--wait",
        "5",
        "--data",
        ours.to_str().unwrap(),
    ]));
    assert_eq!(ids(&report), ["only-ourselves"], "{report:#}");
    running.kill();
}

#[test]
fn a_copied_data_directory_is_told() {
    let crew = Crew::new();
    let (ours, copy) = (crew.folder("ours"), crew.folder("copy"));
    let mut running = crew.start(&["up", "--name", "A", "--group", "Tour", "--data", ours.to_str().unwrap()]);
    running.until("is up");
    for file in ["station-uuid", "mvrx.lock"] {
        std::fs::copy(ours.join(file), copy.join(file)).unwrap();
    }
    let doctor = ["doctor", "--group", "Tour", "--json", "--wait", "5", "--data", copy.to_str().unwrap()];
    let report = json(&crew.run(&doctor));
    assert!(ids(&report).contains(&"same-station-uuid"), "{report:#}");
}

#[test]
fn a_port_that_is_not_shared_is_told_before_anything_else() {
    let alone = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    let port = alone.local_addr().unwrap().port().to_string();
    let crew = Crew::new();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_mvrx"));
    command.args(["doctor", "--json", "--wait", "0.5", "--interface", "lo", "--mdns-port", &port]);
    let report = json(&command.env("HOME", crew.folder.path()).env_remove("MVRX_DATA").output().unwrap());
    assert_eq!(ids(&report)[..2], ["udp-port-not-shared", "multicast-not-sent"], "{report:#}");
}

#[test]
fn a_group_that_cannot_be_one_is_a_wrong_use() {
    let crew = Crew::new();
    assert_eq!(code(&crew.run(&["doctor", "--group", &"x".repeat(64), "--wait", "0"])), 2);
}

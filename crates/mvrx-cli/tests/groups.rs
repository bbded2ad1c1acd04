//! `mvrx groups`: what is in use, what is easily taken for something else, what may be begun.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use support::{Crew, code, stdout};

// proves: DIS-GROUPS
#[test]
fn lists_the_groups_in_use_and_refuses_to_begin_one_of_them() {
    let crew = Crew::new();
    let nobody = crew.run(&["groups", "--wait", "0.2"]);
    assert_eq!(code(&nobody), 5, "{nobody:?}");

    let mut a = crew.start(&["up", "--name", "A", "--group", "Tour"]);
    a.until("is up");
    let mut b = crew.start(&["up", "--name", "B", "--group", "tour"]);
    b.until("is up");
    let mut c = crew.start(&["up", "--name", "C", "--group", "Tour 2026"]);
    c.until("is up");

    let listed = crew.run(&["groups", "--json", "--wait", "3"]);
    let listed: serde_json::Value = serde_json::from_str(&stdout(&listed)).unwrap();
    let groups = listed["groups"].as_array().unwrap();
    let names: Vec<_> = groups.iter().map(|g| g["group"].as_str().unwrap()).collect();
    assert_eq!(names, ["Tour", "Tour 2026", "tour"], "{listed}");
    assert_eq!(groups[0]["stations"][0]["name"], "A");
    assert_eq!(groups[0]["easily_taken_for"], serde_json::json!(["tour"]));

    let taken = crew.run(&["groups", "--new", "Tour", "--wait", "3"]);
    assert_eq!(code(&taken), 1, "{taken:?}");
    assert!(String::from_utf8_lossy(&taken.stderr).contains("in use, by A"), "{taken:?}");
    let free = crew.run(&["groups", "--new", "Club", "--wait", "1"]);
    assert_eq!(code(&free), 0, "{free:?}");
    let unfit = crew.run(&["groups", "--new", "Tour 2027", "--wait", "0.1"]);
    assert_eq!(code(&unfit), 2, "a space may be joined but not created: {unfit:?}");
}

#[test]
#[cfg(unix)]
fn stopped_by_ctrl_c_it_gives_no_verdict() {
    for wish in [&["--new", "Club"][..], &[]] {
        let crew = Crew::new();
        let network = crew.listener();
        let mut looking = crew.start(&[&["groups", "--json", "--wait", "60"], wish].concat());
        // With its second question it has long been listening for signals.
        for _ in 0..2 {
            network.recv(&mut [0; 9000]).unwrap();
        }
        let pid = looking.child.id().to_string();
        assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        assert_eq!(looking.child.wait().unwrap().code(), Some(130), "{wish:?}");
    }
}

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
    let alike = crew.run(&["groups", "--new", "TOUR", "--json", "--wait", "3"]);
    let document: serde_json::Value = serde_json::from_str(&stdout(&alike)).unwrap();
    assert_eq!((code(&alike), &document["free"]), (0, &true.into()), "{document}");
    assert_eq!(document["easily_taken_for"], serde_json::json!(["Tour", "tour"]));
    let told = String::from_utf8_lossy(&alike.stderr).into_owned();
    assert!(told.contains("careful: \"Tour\": spelling and case count"), "{told}");
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

// proves: DIS-NEAR-MISS
#[test]
fn groups_that_look_alike_are_told_with_what_tells_them_apart() {
    let crew = Crew::new();
    let groups = ["Tour", "Tour ", "T\u{43e}ur", "Hall  1"];
    let mut running = Vec::new();
    for (n, group) in groups.iter().enumerate() {
        let mut one = crew.start(&["up", "--name", &format!("Desk {n}"), "--group", group]);
        one.until("is up");
        running.push(one);
    }
    let listed = crew.run(&["groups", "--wait", "4"]);
    let words = stdout(&listed);
    let line =
        |group: &str| words.lines().find(|line| line.starts_with(group)).unwrap_or_else(|| panic!("{words}"));
    assert!(line("\"Tour\"  ").contains("not the same as \"Tour \": blanks count"), "{words}");
    assert!(line("\"Tour \"  ").contains("\"Tour\": blanks count"), "{words}");
    assert!(line("\"T\u{43e}ur\"  ").contains("only look the same"), "{words}");
    assert!(line("\"Hall  1\"  ").ends_with("  Desk 3"), "{words}");
}

// proves: DIS-GROUP-UNREADABLE
#[test]
fn a_group_that_most_products_read_as_another_is_joined_with_a_word_of_that_and_never_begun_by_new() {
    let crew = Crew::new();
    for (group, read_as) in [("my.group", "group"), ("a@b", "b")] {
        let mut one = crew.start(&["up", "--name", "One", "--group", group]);
        one.until("is up");
        let mut other = crew.start(&["up", "--name", "Other", "--group", group]);
        other.until("One");
        one.until("Other");
        let alone = crew.run(&["ls", "--group", group, "--wait", "3"]);
        let words = String::from_utf8_lossy(&alone.stderr).into_owned();
        assert!(words.contains(&format!("take {group:?} for {read_as:?}")), "{words}");
        assert!(stdout(&alone).contains("One") && stdout(&alone).contains("Other"), "{alone:?}");
        let listed = crew.run(&["groups", "--wait", "4"]);
        let line = format!("{group}  One, Other\n");
        assert!(stdout(&listed).contains(&line), "{listed:?}");
    }
    let new = crew.run(&["groups", "--new", "my.group"]);
    assert_eq!(code(&new), 2, "{new:?}");
}

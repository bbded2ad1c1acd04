//! What `get`, `ls`, `commit` and `up` say, and the exit codes they end with.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::process::Output;

use support::peer::{Answer, Listed, Peer};
use support::{Crew, code, json, stderr, stdout};

/// `mvrx get` at known addresses.
fn get(crew: &Crew, peers: &[&Peer], arguments: &[&str]) -> Output {
    let at: Vec<String> = peers.iter().map(|peer| peer.at()).collect();
    let mut all = vec!["get"];
    all.extend(arguments);
    for at in &at {
        all.extend(["--peer", at]);
    }
    // Most of what is given here is no archive.
    crew.command(&all).env("MVRX_ANY_FILE", "1").output().unwrap()
}

#[test]
fn latest_is_the_authors_last_or_is_left_to_a_person() {
    let crew = Crew::new();
    let (a, b) = (Peer::new(1, "Desk A"), Peer::new(2, "Desk B"));
    let (a1, a2) = (Listed::new(1, &a, "one.mvr", b"a1"), Listed::new(2, &a, "two.mvr", b"a2"));
    a.lists(&[&a1, &a2]);
    // B fetched them in the other order: the author knows better.
    b.lists(&[&a2, &a1]);
    let folder = crew.folder("folder");
    let to = folder.to_str().unwrap();
    let got = get(&crew, &[&a, &b], &["Latest", "--wait", "20", "-o", to]);
    assert_eq!(code(&got), 0, "{got:?}");
    assert_eq!(fs::read(folder.join("two.mvr")).unwrap(), b"a2");

    let theirs = crew.folder("theirs");
    let got = get(&crew, &[&a, &b], &["latest", "--from", "Desk B", "-o", theirs.to_str().unwrap()]);
    assert_eq!(code(&got), 0, "{got:?}");
    assert_eq!(fs::read(theirs.join("one.mvr")).unwrap(), b"a1");

    let mut b1 = Listed::new(3, &b, "three.mvr", b"b1");
    b1.bytes = vec![0; 1_500_000];
    b1.announced = 1_500_000;
    b.lists(&[&b1]);
    let unknown = get(&crew, &[&a, &b], &["latest", "--wait", "20", "-o", to]);
    assert_eq!(code(&unknown), 4, "{unknown:?}");
    let said = stderr(&unknown);
    for words in ["two.mvr", "Desk A", "three.mvr", "1.5 MB", "\"comment 3\"", "Desk B", "--from"] {
        assert!(said.contains(words), "no {words} in {said}");
    }
    assert!(!said.contains("one.mvr"), "{said}");
    let named = get(&crew, &[&a, &b], &["latest", "--from", "Desk B", "--wait", "20", "-o", to]);
    assert_eq!((code(&named), stdout(&named).trim()), (0, folder.join("three.mvr").to_str().unwrap()));
}

#[test]
fn a_file_is_named_by_its_name_or_by_enough_of_its_id() {
    let crew = Crew::new();
    let peer = Peer::new(1, "Desk");
    let (one, two) = (Listed::new(1, &peer, "one.mvr", b"1"), Listed::new(2, &peer, "two.mvr", b"2"));
    peer.lists(&[&one, &two]);
    let folder = crew.folder("folder");
    let to = folder.to_str().unwrap();
    assert_eq!(code(&get(&crew, &[&peer], &["One.mvr", "-o", to])), 0);
    assert_eq!(fs::read(folder.join("one.mvr")).unwrap(), b"1");
    assert_eq!(code(&get(&crew, &[&peer], &["0202", "-o", to])), 0);
    assert_eq!(fs::read(folder.join("two.mvr")).unwrap(), b"2");
    let short = get(&crew, &[&peer], &["020", "-o", to, "--wait", "1"]);
    assert_eq!(code(&short), 2, "{short:?}");
    assert!(stderr(&short).contains("first four characters"), "{short:?}");
    let missing = get(&crew, &[&peer], &["three.mvr", "-o", to, "--wait", "1"]);
    assert_eq!(code(&missing), 5);
    assert!(stderr(&missing).contains("Desk, the one station in the group Default"), "{missing:?}");
    let other = get(&crew, &[&peer], &["latest", "--from", "Q", "-o", to, "--wait", "1"]);
    assert_eq!(code(&other), 5);
    assert!(stderr(&other).contains("there is Desk"), "{other:?}");
    assert_eq!(code(&get(&crew, &[&peer], &["latest", "--from", ""])), 2, "not everybody");
}

#[test]
fn a_group_without_commits_has_no_latest() {
    let crew = Crew::new();
    let peer = Peer::new(1, "Desk");
    let folder = crew.folder("folder");
    let nothing = get(&crew, &[&peer], &["latest", "--wait", "1", "-o", folder.to_str().unwrap()]);
    assert_eq!(code(&nothing), 5, "{nothing:?}");
    let said = stderr(&nothing);
    assert!(said.contains("nobody in the group Default has committed anything yet; there is Desk"), "{said}");

    let data = crew.path("data");
    let mut up = crew.start(&[
        "up",
        "--name",
        "Real",
        "--data",
        data.to_str().unwrap(),
        "--listen",
        "127.0.0.1:0",
        "--json",
    ]);
    let line: serde_json::Value = serde_json::from_str(&up.until("\"event\":\"up\"")).unwrap();
    let at = line["address"].as_str().unwrap();
    let nothing = crew.run(&[
        "get",
        "latest",
        "--wait",
        "3",
        "--from",
        "Real",
        "-o",
        folder.to_str().unwrap(),
        "--peer",
        at,
    ]);
    assert_eq!(code(&nothing), 5, "{nothing:?}");
    assert!(stderr(&nothing).contains("Real has committed nothing yet"), "{nothing:?}");
}

#[test]
fn a_length_that_is_not_the_announced_one_is_told() {
    let crew = Crew::new();
    let peer = Peer::new(1, "Desk");
    let mut show = Listed::new(1, &peer, "show.mvr", b"the show");
    show.announced = 5;
    peer.lists(&[&show]);
    let folder = crew.folder("folder");
    let got = get(&crew, &[&peer], &["show.mvr", "-o", folder.to_str().unwrap(), "--json"]);
    assert_eq!(code(&got), 0, "{got:?}");
    let said = stderr(&got);
    assert!(said.contains("Desk announced show.mvr with 5 bytes and sent 8"), "{said}");
    assert_eq!((&json(&got)["size"], &json(&got)["announced_size"]), (&8.into(), &5.into()));
}

#[test]
fn a_path_that_was_typed_is_taken_as_it_is() {
    let crew = Crew::new();
    let peer = Peer::new(1, "Desk");
    let show = Listed::new(1, &peer, "../sh?ow", b"the show");
    peer.lists(&[&show]);
    let folder = crew.folder("folder");
    let typed = folder.join("my show: final.zip");
    let to = |path: &std::path::Path| get(&crew, &[&peer], &["0101", "-o", path.to_str().unwrap()]);
    let got = to(&typed);
    assert_eq!((code(&got), stdout(&got).trim()), (0, typed.to_str().unwrap()), "{got:?}");
    assert_eq!(fs::read(&typed).unwrap(), b"the show");

    fs::write(&typed, b"his").unwrap();
    let taken = to(&typed);
    assert_eq!(code(&taken), 2);
    assert!(stderr(&taken).contains("is there already"), "{taken:?}");
    assert_eq!(fs::read(&typed).unwrap(), b"his");

    let got = to(&folder.join(""));
    assert_eq!(stdout(&got).trim(), folder.join("sh_ow.mvr").to_str().unwrap(), "{got:?}");
    let missing = to(&folder.join("new").join(""));
    assert_eq!(code(&missing), 2, "{missing:?}");
    assert!(stderr(&missing).contains("is not there"), "{missing:?}");
    let mut left: Vec<_> = fs::read_dir(&folder).unwrap().map(|e| e.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["my show: final.zip", "sh_ow.mvr"]);
}

#[test]
fn what_a_killed_get_left_is_cleared_by_the_next() {
    let crew = Crew::new();
    let peer = Peer::new(1, "Desk");
    let show = Listed::new(1, &peer, "show.mvr", b"the show");
    peer.lists(&[&show]);
    peer.answers(&[Answer::Held]);
    let folder = crew.folder("folder");
    let at = peer.at();
    let killed = crew.start(&["get", "show.mvr", "-o", folder.to_str().unwrap(), "--peer", &at]);
    // It has its store by then.
    peer.until("MVR_JOIN");
    killed.kill();
    let others = folder.join(".mvrx-get-somebody's");
    fs::create_dir(&others).unwrap();
    let running = crew.folder("folder/.mvrx-get-running");
    let lock = mvrx_store::DirLock::acquire(&running).unwrap();
    let count = || fs::read_dir(&folder).unwrap().count();
    assert_eq!(count(), 3, "the killed one left its store");
    peer.release();
    let got = get(&crew, &[&peer], &["show.mvr", "-o", folder.to_str().unwrap()]);
    assert_eq!(code(&got), 0, "{got:?}");
    assert_eq!(count(), 3, "two that are not ours to remove, and the file");
    assert!(others.is_dir() && running.is_dir() && folder.join("show.mvr").is_file());
    drop(lock);
}

#[test]
#[cfg(unix)]
fn ctrl_c_ends_get_as_shells_expect() {
    let crew = Crew::new();
    let peer = Peer::new(1, "Desk");
    let folder = crew.folder("folder");
    let at = peer.at();
    let arguments =
        ["get", "show.mvr", "--wait", "60", "--json", "-o", folder.to_str().unwrap(), "--peer", &at];
    let mut getting = crew.start(&arguments);
    // With the second JOIN it has long been listening for signals.
    peer.until("MVR_JOIN");
    peer.until("MVR_JOIN");
    let pid = getting.child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    assert_eq!(getting.child.wait().unwrap().code(), Some(130));
    let said: serde_json::Value = serde_json::from_str(&getting.until("error")).unwrap();
    assert_eq!((&said["error"], &said["exit_code"]), (&"stopped".into(), &130.into()));
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
}

#[test]
fn what_is_no_mvr_at_all_is_refused_and_what_looks_odd_is_committed_with_a_warning() {
    let crew = Crew::new();
    let data = crew.path("data");
    let commit = |file: &std::path::Path| {
        crew.run(&[
            "commit",
            file.to_str().unwrap(),
            "-m",
            "x",
            "--until-fetched",
            "0",
            "--data",
            data.to_str().unwrap(),
        ])
    };
    let write = |name: &str, bytes: &[u8]| {
        fs::write(crew.path(name), bytes).unwrap();
        crew.path(name)
    };
    for (name, bytes, why) in [
        ("notes.txt", &b"some notes"[..], "not a zip archive"),
        ("notes.mvr", b"some notes", "not a zip archive"),
        ("empty.mvr", b"", "is empty"),
    ] {
        let file = write(name, bytes);
        let refused = commit(&file);
        assert_eq!(code(&refused), 3, "{refused:?}");
        assert!(stderr(&refused).contains(why) && !stderr(&refused).contains("committed"), "{refused:?}");
        let refused = crew.run(&["up", file.to_str().unwrap(), "--data", data.to_str().unwrap()]);
        assert_eq!(code(&refused), 3, "{refused:?}");
        assert!(stdout(&refused).is_empty(), "it does not even start: {refused:?}");
    }
    for name in ["cut.mvr", "zeros.mvr"] {
        let bytes: &[u8] = if name == "cut.mvr" { b"PK\x03\x04 and no end" } else { &[0; 64] };
        let odd = write(name, bytes);
        let refused = commit(&odd);
        assert_eq!(code(&refused), 3, "{refused:?}");
        let arguments = ["commit", odd.to_str().unwrap(), "-m", "x", "--until-fetched", "0", "--any-file"];
        let committed = crew.command(&arguments).args(["--data", data.to_str().unwrap()]).output().unwrap();
        assert_eq!(code(&committed), 0, "{committed:?}");
        let said = stdout(&committed);
        let (at, warned) =
            (said.find("committed cut").or(said.find("committed zeros")), said.find("does not look like"));
        assert!(at.unwrap() < warned.unwrap(), "{said}");
    }
}

#[test]
#[cfg(unix)]
fn a_full_disk_is_this_machines_failure_and_names_file_and_folder() {
    let crew = Crew::new();
    let show = crew.make_show("show.mvr", 1);
    let mut large = fs::read(&show).unwrap();
    large.resize(4 << 20, 0);
    fs::write(crew.path("large.mvr"), large).unwrap();
    let (file, data) = (crew.path("large.mvr"), crew.path("data"));
    for command in ["commit \"$1\" -m x --until-fetched 0", "up \"$1\""] {
        // No file may become larger than 512 blocks, as if the disk held no more.
        let script =
            format!("trap '' XFSZ; ulimit -f 512; exec \"$0\" {command} --data \"$2\" --interface lo");
        let full = std::process::Command::new("sh")
            .args(["-c", &script, env!("CARGO_BIN_EXE_mvrx"), file.to_str().unwrap(), data.to_str().unwrap()])
            .env("HOME", crew.folder.path())
            .env("MVRX_ANY_FILE", "1")
            .output()
            .unwrap();
        assert_eq!(code(&full), 1, "{full:?}");
        let said = stderr(&full);
        assert!(said.contains("large.mvr") && said.contains(data.to_str().unwrap()), "{said}");
        assert!(!said.contains("arriving"), "{said}");
    }
}

#[test]
#[cfg(unix)]
fn a_disk_that_fills_while_a_file_arrives_is_this_machines_failure_and_leaves_nothing() {
    let crew = Crew::new();
    let peer = Peer::new(1, "Desk");
    let show = Listed::new(1, &peer, "show.mvr", &[7; 4 << 20]);
    peer.lists(&[&show]);
    let folder = crew.folder("folder");
    let script =
        "trap '' XFSZ; ulimit -f 512; exec \"$0\" get show.mvr -o \"$1\" --peer \"$2\" --interface lo";
    let full = std::process::Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_mvrx"), folder.to_str().unwrap(), &peer.at()])
        .env("HOME", crew.folder.path())
        .output()
        .unwrap();
    assert_eq!(code(&full), 1, "{full:?}");
    assert!(stderr(&full).contains(folder.to_str().unwrap()), "{full:?}");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
}

#[test]
fn who_does_not_answer_is_named() {
    let crew = Crew::new();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = silent.local_addr().unwrap().to_string();
    let nobody = crew.run(&["ls", "--wait", "0.5", "--peer", &at, "--json"]);
    assert_eq!(code(&nobody), 5);
    assert!(stderr(&nobody).contains(&format!("no answer from {at}")), "{nobody:?}");
    assert!(stderr(&nobody).contains("within 0.5 s"), "{nobody:?}");
    assert_eq!(
        (&json(&nobody)["exit_code"], &json(&nobody)["stations"]),
        (&5.into(), &serde_json::json!([]))
    );
    let nobody = crew.run(&["get", "latest", "--wait", "0.5", "--peer", &at, "--json"]);
    assert_eq!((code(&nobody), &json(&nobody)["exit_code"]), (5, &5.into()));
    assert!(json(&nobody)["error"].as_str().unwrap().contains(&at));
}

#[test]
fn each_station_has_one_line() {
    let crew = Crew::new();
    let peer = Peer::new(1, "Desk");
    let one = Listed::new(1, &peer, "one.mvr", b"1");
    let two = Listed::new(2, &peer, &format!("{}.mvr", "long ".repeat(40)), b"2");
    peer.lists(&[&one]);
    let at = peer.at();
    let mut ls = crew.start(&["ls", "--wait", "8", "--peer", &at]);
    ls.until("one.mvr");
    peer.lists(&[&one, &two]);
    let late = ls.until("long");
    assert!(late.ends_with("at Desk") && late.contains('…') && late.chars().count() < 130, "{late}");
    assert_eq!(ls.heard.iter().filter(|line| line.starts_with("Desk")).count(), 1, "{:#?}", ls.heard);
    ls.ends_well();
}

#[test]
fn a_file_is_no_data_directory() {
    let crew = Crew::new();
    let (show, notes) = (crew.make_show("show.mvr", 1), crew.path("notes.txt"));
    fs::write(&notes, b"x").unwrap();
    let up = crew.run(&["up", show.to_str().unwrap(), "--data", notes.to_str().unwrap()]);
    assert_eq!(code(&up), 2, "{up:?}");
    assert!(stderr(&up).contains("is a file, and --data needs a folder"), "{up:?}");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let crew = Crew::new();
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = held.local_addr().unwrap();
    let data = crew.path("data");
    let up = crew.run(&["up", "--listen", &taken.to_string(), "--data", data.to_str().unwrap()]);
    assert_eq!(code(&up), 1, "{up:?}");
    assert!(stderr(&up).contains(&format!("port {} is in use", taken.port())), "{up:?}");
}

#[test]
fn a_commit_says_first_what_happened_first() {
    let crew = Crew::new();
    let show = crew.make_show("show.mvr", 1);
    let data = crew.path("data");
    let arguments = ["commit", show.to_str().unwrap(), "-m", "x", "--data", data.to_str().unwrap()];
    let mut committing = crew.start(&arguments);
    let committed = committing.until("committed");
    assert!(!committed.contains("0 stations"), "{committed}");
    assert!(!committing.heard.iter().any(|line| line.contains("serving it")), "{:#?}", committing.heard);
    committing.until("serving it until stopped");
}

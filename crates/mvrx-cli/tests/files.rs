//! The commands that look into files, as a person uses them.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use mvrx_file::generate::{Changes, Recipe};

fn mvrx(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mvrx"));
    command
        .current_dir(folder)
        .args(arguments)
        .env("HOME", folder)
        .env_remove("XDG_DATA_HOME")
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("MVRX_CONFIG")
        .env_remove("MVRX_DATA");
    command.output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Two revisions in a folder: 20 fixtures re-addressed, 12 moved, 3 removed.
fn revisions() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let recipe = || Recipe::new(5).fixtures(60).trusses(3);
    fs::write(folder.path().join("old.mvr"), recipe().to_bytes()).unwrap();
    let changes = Changes { readdressed: 20, moved: 12, removed: 3 };
    fs::write(folder.path().join("new.mvr"), recipe().revised(changes).to_bytes()).unwrap();
    folder
}

#[test]
fn inspect_tells_what_is_in_a_file() {
    let folder = revisions();
    let words = mvrx(folder.path(), &["inspect", "old.mvr"]);
    assert_eq!(code(&words), 0);
    assert!(said(&words).contains("60"), "{}", said(&words));
    let json: serde_json::Value =
        serde_json::from_str(&said(&mvrx(folder.path(), &["inspect", "old.mvr", "--json"]))).unwrap();
    assert_eq!(json["schema"], 1);
    assert!(json["summary"].is_object());
}

#[test]
fn diff_says_in_one_sentence_what_changed_and_by_exit_code_that_something_did() {
    let folder = revisions();
    let changed = mvrx(folder.path(), &["diff", "old.mvr", "new.mvr"]);
    assert_eq!(code(&changed), 1);
    let words = said(&changed);
    assert!(words.contains("20 re-addressed, 12 moved, 3 removed"), "{words}");
    let same = mvrx(folder.path(), &["diff", "old.mvr", "old.mvr", "--stat"]);
    assert_eq!(code(&same), 0, "{}", said(&same));
    let json: serde_json::Value =
        serde_json::from_str(&said(&mvrx(folder.path(), &["diff", "old.mvr", "new.mvr", "--json"]))).unwrap();
    assert_eq!(
        (&json["diff"]["counts"]["moved"], &json["diff"]["counts"]["removed"]),
        (&12.into(), &3.into())
    );
}

#[test]
fn check_ends_with_one_on_errors_and_says_what_is_no_mvr() {
    let folder = revisions();
    assert_eq!(code(&mvrx(folder.path(), &["check", "old.mvr"])), 0);
    fs::write(folder.path().join("bad.mvr"), b"not a zip").unwrap();
    let bad = mvrx(folder.path(), &["check", "bad.mvr"]);
    assert_eq!(code(&bad), 1);
    assert!(!said(&bad).is_empty());
    assert_eq!(code(&mvrx(folder.path(), &["inspect", "bad.mvr"])), 3);
    assert_eq!(code(&mvrx(folder.path(), &["inspect", "missing.mvr"])), 3);
}

#[test]
fn plan_draws_and_does_not_write_over_a_file_unasked() {
    let folder = revisions();
    assert_eq!(code(&mvrx(folder.path(), &["plan", "old.mvr", "new.mvr", "-o", "plan.svg"])), 0);
    let svg = fs::read_to_string(folder.path().join("plan.svg")).unwrap();
    assert!(svg.starts_with("<svg") || svg.starts_with("<?xml"), "{}", &svg[..80]);
    assert_eq!(code(&mvrx(folder.path(), &["plan", "old.mvr", "-o", "plan.svg"])), 2);
    assert_eq!(code(&mvrx(folder.path(), &["plan", "old.mvr", "-o", "plan.svg", "--force"])), 0);
    let show = fs::read(folder.path().join("new.mvr")).unwrap();
    for arguments in [["plan", "old.mvr", "new.mvr"].as_slice(), &["plan", "new.mvr"]] {
        let refused = mvrx(folder.path(), &[arguments, &["-o", "./new.mvr", "--force"]].concat());
        assert_eq!(code(&refused), 2, "{refused:?}");
    }
    assert!(fs::read(folder.path().join("new.mvr")).unwrap() == show, "the show is as it was");
    let left = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(!left.into_iter().any(|name| name.to_string_lossy().contains("part")), "nothing half is left");
}

#[test]
#[cfg(target_os = "linux")]
fn what_cannot_be_written_is_a_failure_and_no_verdict() {
    let folder = revisions();
    let full = || std::process::Stdio::from(fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
    for (arguments, expected) in [
        (["inspect", "old.mvr"].as_slice(), 1),
        (&["inspect", "old.mvr", "--json"], 1),
        (&["plan", "old.mvr", "-o", "-"], 1),
        (&["check", "old.mvr"], 70),
        (&["diff", "old.mvr", "new.mvr"], 70),
        (&["diff", "old.mvr", "old.mvr", "--stat"], 70),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mvrx"));
        let output = command.current_dir(folder.path()).args(arguments).stdout(full()).output().unwrap();
        assert_eq!(code(&output), expected, "{arguments:?}");
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(words.contains("cannot write the output: No space left"), "{words}");
    }
    assert_eq!(code(&mvrx(folder.path(), &["plan", "old.mvr", "-o", "/dev/full", "--force"])), 1);
    std::os::unix::fs::symlink("nowhere.svg", folder.path().join("link.svg")).unwrap();
    assert_eq!(code(&mvrx(folder.path(), &["plan", "old.mvr", "-o", "link.svg"])), 2);
}

#[test]
fn a_stored_revision_is_named_by_latest_or_the_beginning_of_its_id() {
    let folder = revisions();
    let data = folder.path().join("data");
    for name in ["old.mvr", "new.mvr"] {
        let arguments =
            ["commit", name, "-m", name, "--until-fetched", "0", "--data", "data", "--interface", "lo"];
        let committed = mvrx(folder.path(), &arguments);
        assert_eq!(code(&committed), 0, "{committed:?}");
    }
    assert!(data.is_dir());
    let changed = mvrx(folder.path(), &["diff", "old.mvr", "latest", "--data", "data"]);
    assert!(said(&changed).contains("20 re-addressed, 12 moved, 3 removed"), "{changed:?}");
    assert_eq!(code(&mvrx(folder.path(), &["inspect", "0000", "--data", "data"])), 3);
    let checked = mvrx(folder.path(), &["check", "latest", "--data", "data"]);
    assert_eq!((code(&checked), said(&checked).as_str()), (0, "nothing found\n"));
    // The plan is titled by the file's name, not by how it was asked for.
    let drawn = mvrx(folder.path(), &["plan", "latest", "--data", "data", "-o", "-"]);
    assert!(said(&drawn).contains(">new</text>") && said(&drawn).ends_with("</svg>\n"), "{drawn:?}");
    let nowhere = mvrx(folder.path(), &["diff", "latest", "old.mvr", "--data", "nowhere"]);
    assert_eq!(code(&nowhere), 3);
    assert!(String::from_utf8_lossy(&nowhere.stderr).contains("nowhere is no folder"), "{nowhere:?}");
}

#[test]
fn a_revision_is_read_beside_the_station_that_runs_in_the_data_directory() {
    let folder = revisions();
    let mut running = Command::new(env!("CARGO_BIN_EXE_mvrx"))
        .args(["up", "old.mvr", "new.mvr", "--name", "desk", "--data", "data", "--interface", "lo", "--json"])
        .current_dir(folder.path())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let lines = std::io::BufRead::lines(std::io::BufReader::new(running.stdout.take().unwrap()));
    // It is running and has committed both once it tells of the second file.
    let told = lines.map_while(Result::ok).find(|line| line.contains("new.mvr"));
    let changed = mvrx(folder.path(), &["diff", "old.mvr", "latest", "--data", "data"]);
    let alive = running.try_wait().unwrap().is_none();
    running.kill().unwrap();
    running.wait().unwrap();
    assert!(told.is_some() && alive, "{told:?}");
    assert!(said(&changed).contains("20 re-addressed, 12 moved, 3 removed"), "{changed:?}");
}

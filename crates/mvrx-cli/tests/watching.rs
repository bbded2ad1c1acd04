//! `mvrx watch`: what an application saves into a folder is committed, once and whole, and what others commit is put there.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use mvrx_file::generate::{Changes, Recipe};
use support::{Crew, Running, code, json, stdout};

fn watch(crew: &Crew, name: &str, folder: &Path, more: &[&str]) -> Running {
    let mut arguments = vec!["watch", folder.to_str().unwrap(), "--name", name];
    arguments.extend(more);
    let mut running = crew.start(&arguments);
    running.until("watching");
    running
}

/// Comments of all commits in the group.
fn comments(crew: &Crew) -> Vec<String> {
    let listed = crew.run(&["ls", "--json", "--wait", "3"]);
    let listed = json(&listed);
    let stations = listed["stations"].as_array().unwrap();
    let files = stations.iter().flat_map(|station| station["files"].as_array().unwrap().clone());
    let mut comments: Vec<_> = files.map(|file| file["comment"].as_str().unwrap().to_owned()).collect();
    comments.sort();
    comments.dedup();
    comments
}

#[test]
fn what_is_saved_on_one_side_is_in_the_folder_of_the_other_and_is_not_committed_back() {
    let crew = Crew::new();
    let (foh, desk) = (crew.folder("foh"), crew.folder("desk"));
    let mut a = watch(&crew, "FOH", &foh, &[]);
    let mut b = watch(&crew, "Desk", &desk, &[]);
    let first = Recipe::new(7).fixtures(40).trusses(2);
    // A slow application, that pauses for longer than a file has to rest.
    let bytes = first.to_bytes();
    let mut file = File::create(foh.join("show.mvr")).unwrap();
    for piece in bytes.chunks(bytes.len() / 3 + 1) {
        std::thread::sleep(Duration::from_millis(2_500));
        file.write_all(piece).unwrap();
        file.flush().unwrap();
    }
    drop(file);
    let line = a.until("committed");
    assert!(line.contains("first commit of show.mvr"), "{line}");
    b.until("saved");
    assert_eq!(fs::read(desk.join("show.mvr")).unwrap(), bytes);

    // The other side changes it and saves beside and over, as applications do.
    let second = first.revised(Changes { readdressed: 20, moved: 12, removed: 3 });
    fs::write(desk.join("show.mvr.tmp"), second.to_bytes()).unwrap();
    fs::rename(desk.join("show.mvr.tmp"), desk.join("show.mvr")).unwrap();
    let line = b.until("committed");
    assert!(line.contains("20 re-addressed, 12 moved, 3 removed"), "{line}");
    let line = a.until("saved");
    assert!(line.contains("show (2).mvr"), "nothing of the user is written over: {line}");
    assert_eq!(fs::read(foh.join("show (2).mvr")).unwrap(), second.to_bytes());

    // Whatever comes next is the next that is committed: nothing that was fetched was, in between.
    for (folder, running, seed) in [(&foh, &mut a, 20), (&desk, &mut b, 21)] {
        fs::write(folder.join(format!("end-{seed}.mvr")), Recipe::new(seed).to_bytes()).unwrap();
        running.until(&format!("first commit of end-{seed}.mvr"));
    }
    let wanted = [
        "20 re-addressed, 12 moved, 3 removed",
        "first commit of end-20.mvr",
        "first commit of end-21.mvr",
        "first commit of show.mvr",
    ];
    assert_eq!(comments(&crew), wanted);
}

#[test]
fn what_was_there_is_left_alone_and_what_was_saved_meanwhile_is_committed_once() {
    let crew = Crew::new();
    let (folder, data) = (crew.folder("shows"), crew.path("data"));
    let data = data.to_str().unwrap();
    fs::write(folder.join("old.mvr"), Recipe::new(1).to_bytes()).unwrap();
    let mut a = crew.start(&["watch", folder.to_str().unwrap(), "--data", data, "-m", "by the watch"]);
    a.until("1 .mvr file in");
    fs::write(folder.join("new.mvr"), Recipe::new(2).to_bytes()).unwrap();
    a.until("committed");
    a.kill();
    fs::write(folder.join("later.mvr"), Recipe::new(3).to_bytes()).unwrap();
    let mut a = crew.start(&["watch", folder.to_str().unwrap(), "--data", data, "--json", "--get", "none"]);
    let line = a.until("commit_published");
    assert!(line.contains("later.mvr"), "{line}");
    fs::write(folder.join("half.mvr"), &Recipe::new(4).to_bytes()[..500]).unwrap();
    fs::write(folder.join("whole.mvr"), Recipe::new(5).to_bytes()).unwrap();
    let line = a.until("commit_published");
    assert!(line.contains("whole.mvr"), "{line}");
    let wanted = ["by the watch", "first commit of later.mvr", "first commit of whole.mvr"];
    assert_eq!(comments(&crew), wanted);
}

#[test]
fn a_folder_that_is_not_there_is_told_before_anything_starts() {
    let crew = Crew::new();
    let missing = crew.run(&["watch", crew.path("nowhere").to_str().unwrap()]);
    assert_eq!(code(&missing), 2);
    assert!(String::from_utf8_lossy(&missing.stderr).contains("is not there"), "{missing:?}");
    let help = stdout(&crew.run(&["watch", "--help"]));
    assert!(help.contains("<DIR>") && help.contains("[default: all]"), "{help}");
    assert!(!help.contains("[default: rules"), "one default alone: {help}");
}

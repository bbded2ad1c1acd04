//! Aim: a damaged file is named as such to people and programs, kept for a person to look at, and given to nobody.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use mvrx_file::generate::Recipe;
use support::peer::{Listed, Peer};
use support::{Crew, code, json, stderr, stdout};

fn whole() -> Vec<u8> {
    Recipe::new(1).fixtures(30).to_bytes()
}

fn damaged() -> Vec<u8> {
    let mut bytes = whole();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    bytes
}

fn bad_in(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|ending| ending == "bad")).collect()
}

// proves: STA-25
#[test]
fn get_says_that_a_file_is_damaged_and_leaves_it_for_a_person() {
    let crew = Crew::new();
    let peer = Peer::new(1, "Desk");
    peer.lists(&[&Listed::new(1, &peer, "rig.mvr", &damaged())]);
    let folder = crew.folder("folder");
    let (at, to) = (peer.at(), folder.to_str().unwrap());
    let got = crew.run(&["get", "rig.mvr", "--peer", &at, "--wait", "20", "-o", to]);
    assert_eq!(code(&got), 4, "{got:?}");
    let said = stderr(&got);
    assert!(said.contains("the file that it sent is damaged: member"), "{said}");
    assert!(stdout(&got).is_empty() && !folder.join("rig.mvr").exists());
    let bad = bad_in(&folder);
    assert_eq!(fs::read(&bad[0]).unwrap(), damaged());
    assert!(said.contains(bad[0].to_str().unwrap()), "{said}");

    let any = crew.run(&["get", "rig.mvr", "--peer", &at, "--wait", "20", "-o", to, "--any-file"]);
    assert_eq!(code(&any), 0, "{any:?}");
    assert_eq!(fs::read(folder.join("rig.mvr")).unwrap(), damaged());
    assert_eq!(bad_in(&folder).len(), 1);
}

// proves: STA-25
#[test]
fn get_shows_that_a_file_is_whole() {
    let crew = Crew::new();
    let peer = Peer::new(1, "Desk");
    peer.lists(&[&Listed::new(1, &peer, "rig.mvr", &whole())]);
    let (at, folder) = (peer.at(), crew.folder("folder"));
    let to = folder.to_str().unwrap();
    let got = crew.run(&["get", "rig.mvr", "--peer", &at, "--wait", "20", "-o", to]);
    assert_eq!(code(&got), 0, "{got:?}");
    let said = stderr(&got);
    assert!(said.contains("mvrx: whole: ") && said.contains("checksums right, size as told"), "{said}");
    let got = crew.run(&["get", "rig.mvr", "--peer", &at, "--wait", "20", "-o", to, "--json"]);
    let check = &json(&got)["check"];
    assert_eq!((&check["whole"], &check["unread"]), (&true.into(), &0.into()), "{check}");
    assert!(check["members"].as_u64().unwrap() > 2, "{check}");
    assert_eq!((&check["size_as_told"], &check["hash_as_told"]), (&true.into(), &false.into()), "{check}");
}

// proves: STA-25
#[test]
fn a_running_station_puts_a_damaged_file_aside_and_tells_where() {
    let crew = Crew::new();
    let peer = Peer::new(1, "Desk");
    peer.lists(&[&Listed::new(1, &peer, "rig.mvr", &damaged())]);
    let (folder, data) = (crew.folder("folder"), crew.path("data"));
    let (to, data_at, at) = (folder.to_str().unwrap(), data.to_str().unwrap(), peer.at());
    let mut up = crew.start(&["up", "--get", "all", "--dir", to, "--data", data_at, "--peer", &at]);
    let line = up.until("kept aside at");
    assert!(line.contains("rig.mvr") && line.contains("from Desk is bad (damaged: member"), "{line}");
    assert!(line.ends_with("not offered on"), "{line}");
    let bad = bad_in(&data.join("aside"));
    assert!(bad.len() == 1 && line.contains(bad[0].to_str().unwrap()), "{line}");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0, "nothing of it is saved");
}

// proves: STA-25
#[test]
fn a_damaged_file_of_ones_own_is_not_committed_unless_wanted() {
    let crew = Crew::new();
    let (show, data) = (crew.path("show.mvr"), crew.path("data"));
    fs::write(&show, damaged()).unwrap();
    let (show, data) = (show.to_str().unwrap(), data.to_str().unwrap());
    for arguments in [vec!["commit", show, "-m", "x", "--until-fetched", "0"], vec!["up", show]] {
        let refused = crew.run(&[arguments.as_slice(), &["--data", data]].concat());
        assert_eq!(code(&refused), 3, "{refused:?}");
        let said = stderr(&refused);
        assert!(said.contains("show.mvr is damaged: member") && said.contains("--any-file"), "{said}");
        assert!(stdout(&refused).is_empty(), "it does not even start: {refused:?}");
    }
    let arguments = ["commit", show, "-m", "x", "--until-fetched", "0", "--any-file", "--data", data];
    let committed = crew.run(&arguments);
    assert_eq!(code(&committed), 0, "{committed:?}");
}

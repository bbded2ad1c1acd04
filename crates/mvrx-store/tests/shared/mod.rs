//! What tests share that kill processes, and those that wait for a disk's clock. A part of several of them: each uses some of it.
#![allow(dead_code, unreachable_pub)]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use mvrx_message::{Commit, FileUuid, MvrVersion};

/// Keeps what a child says; whether it says that a commit was listed. `false` stands for one whose removal was begun and not acknowledged.
pub fn note(acknowledged: &mut BTreeMap<FileUuid, bool>, line: &str) -> bool {
    let mut words = line.split(' ');
    // The name of the test stands before the first line.
    let verb = words.find(|word| ["listed", "removing", "removed"].contains(word));
    let (Some(verb), Some(Ok(file))) = (verb, words.next().map(str::parse)) else { return false };
    match verb {
        "listed" => acknowledged.insert(file, true),
        "removing" => acknowledged.insert(file, false),
        _ => acknowledged.remove(&file),
    };
    verb == "listed"
}

/// One line, out before anything else happens; several at once would let a kill cut one in two.
pub fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("{line}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

/// Waits until what was written before lies far enough back for an index, by the clock of the disk of `folder`.
pub fn settle(folder: &Path) {
    let clock = folder.join("clock");
    let now = || {
        fs::write(&clock, "").unwrap();
        fs::metadata(&clock).unwrap().modified().unwrap()
    };
    let from = now();
    while now().duration_since(from).unwrap_or_default() < Duration::from_millis(3_100) {
        std::thread::sleep(Duration::from_millis(50));
    }
    fs::remove_file(clock).unwrap();
}

/// What a station says of a revision of one rig.
pub fn commit(number: u64, file_size: u64) -> Commit {
    Commit {
        file: FileUuid::from_bytes(u128::from(number).to_be_bytes()).unwrap(),
        station: None,
        version: MvrVersion { major: 1, minor: 6 },
        file_size,
        for_stations: Vec::new(),
        comment: format!("revision {number}"),
        file_name: "rig.mvr".to_owned(),
        blake3: None,
        author: None,
        group: None,
        order: None,
        missed: false,
    }
}

//! What a hundred revisions of a show cost in a store on a disk, and that each comes back.
#![allow(
    missing_docs,
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

#[path = "../../mvrx-recipe/tests/common/revisions.rs"]
mod revisions;

use std::path::Path;

use mvrx_message::{Commit, FileUuid, MvrVersion};
use mvrx_store::{Cancel, Expect, Form, FsOptions, FsStore, Store, Wait, fsck};

fn commit(number: usize) -> Commit {
    Commit {
        file: FileUuid::from_random_bytes([u8::try_from(number).unwrap(); 16]),
        station: None,
        version: MvrVersion { major: 1, minor: 6 },
        file_size: 0,
        for_stations: Vec::new(),
        comment: format!("revision {number}"),
        file_name: "show.mvr".to_owned(),
        blake3: None,
        author: None,
        group: None,
        order: None,
        missed: false,
    }
}

fn bytes_in(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().metadata().unwrap());
    entries.map(|about| about.len()).sum()
}

// proves: STO-22, STO-26
#[test]
fn a_hundred_revisions_of_a_show_cost_at_most_four_times_the_first_and_each_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let all = revisions::revisions(100, false);
    let first = all[0].len() as u64;
    assert!((2_600_000..2_800_000).contains(&first), "{first}");
    let options = FsOptions { whole: Some(2), ..FsOptions::default() };
    let store = FsStore::open_with(folder.path(), options.clone()).unwrap();
    for (number, bytes) in all.iter().enumerate() {
        let mut writer = store.begin(Expect::Exactly(bytes.len() as u64)).unwrap();
        writer.write(bytes).unwrap();
        writer.finish().unwrap().publish(&commit(number), "Default").unwrap();
    }
    // What the background has not come to yet.
    store.compact(2, &Cancel::new()).unwrap();
    let total = bytes_in(&folder.path().join("commits"));
    let recipes = store.revisions().iter().filter(|revision| revision.form == Form::Recipe).count();
    println!("first {first}, all {total} with their records, {recipes} recipes");
    assert!(total <= 4 * first, "{total} of {first}");
    let mut opening = std::time::Duration::ZERO;
    for (number, bytes) in all.iter().enumerate() {
        let begun = std::time::Instant::now();
        let open = store.open(commit(number).file).unwrap();
        opening += begun.elapsed();
        let mut again = vec![0; bytes.len() + 1];
        let mut filled = 0;
        loop {
            match open.read_at(filled as u64, &mut again[filled..], &Wait::until_settled()).unwrap() {
                0 => break,
                count => filled += count,
            }
        }
        assert!(again[..filled] == *bytes, "revision {number}");
    }
    println!("opened in {opening:?} together");
    drop(store);
    let found = fsck(folder.path(), &options, &|_, _| {}, &Cancel::new()).unwrap();
    assert_eq!((found.revisions, found.problems), (100, vec![]));
    assert_eq!(found.bytes, all.iter().map(|bytes| bytes.len() as u64).sum::<u64>());
}

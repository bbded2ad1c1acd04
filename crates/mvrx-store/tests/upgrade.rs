//! A store that the first version of this program wrote (`fixtures/first-version`, as it lay on the disk) is read, gone on with and looked
//! through by this one: nothing is written anew, and nothing is lost.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use mvrx_message::{FileUuid, StationUuid};
use mvrx_store::{Cancel, Expect, FsOptions, FsStore, Store, Wait, fsck};

/// The bytes that it stored as its file number `number`.
fn bytes(number: u8) -> Vec<u8> {
    (0..600_u32).map(|at| u8::try_from(at % 251).unwrap() ^ if at == 300 { number } else { 0 }).collect()
}

fn id(number: u8) -> FileUuid {
    FileUuid::from_random_bytes([number; 16])
}

fn read(store: &FsStore, number: u8) -> Vec<u8> {
    let open = store.open(id(number)).unwrap();
    let mut all = vec![0; 601];
    let mut filled = 0;
    while let count @ 1.. = open.read_at(filled as u64, &mut all[filled..], &Wait::until_settled()).unwrap() {
        filled += count;
    }
    all.truncate(filled);
    all
}

/// A copy, as tests change it.
fn fixture() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/first-version/commits");
    let to = folder.path().join("commits");
    fs::create_dir(&to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
    folder
}

// proves: STO-02, STO-23
#[test]
fn a_store_of_the_first_version_is_listed_given_back_and_gone_on_with() {
    let folder = fixture();
    let store = FsStore::open(folder.path()).unwrap();
    assert_eq!(store.problems(), []);
    let listed = store.commits().unwrap();
    let numbers: Vec<u64> = listed.iter().map(|stored| stored.sequence).collect();
    assert_eq!(numbers, [1, 3, 4], "the second was removed");
    for (stored, number) in listed.iter().zip([1, 3, 4]) {
        let commit = &stored.commit;
        assert_eq!(
            (commit.file, commit.comment.as_str()),
            (id(number), format!("revision {number} – \"über\"").as_str())
        );
        assert_eq!((commit.station, stored.length), (StationUuid::from_bytes([7; 16]), 600));
        assert_eq!((commit.order, commit.author.is_none()), (None, true), "it knew neither");
        assert_eq!(stored.group, if number == 3 { "Tour" } else { "Default" });
        let since = SystemTime::UNIX_EPOCH + Duration::from_secs(1_760_000_000);
        assert!(stored.seen.duration_since(since).unwrap() < Duration::from_secs(3_600));
        assert_eq!(read(&store, number), bytes(number));
    }
    let mut writer = store.begin(Expect::Unknown).unwrap();
    writer.write(&bytes(5)).unwrap();
    let commit = mvrx_message::Commit { file: id(5), order: Some(1), ..listed[0].commit.clone() };
    assert_eq!(writer.finish().unwrap().publish(&commit, "Default").unwrap().sequence, 5);
    let compacted = store.compact(1, &Cancel::new()).unwrap();
    assert_eq!(compacted.compacted + compacted.whole, 3);
    drop(store);
    let store = FsStore::open(folder.path()).unwrap();
    for number in [1, 3, 4, 5] {
        assert_eq!(read(&store, number), bytes(number));
    }
    let found = fsck(folder.path(), &FsOptions::default(), &|_, _| {}, &Cancel::new()).unwrap();
    assert_eq!((found.revisions, found.problems), (4, vec![]));
}

#[test]
fn a_look_changes_nothing_in_a_store_of_the_first_version() {
    let folder = fixture();
    let names = || {
        let entries = fs::read_dir(folder.path().join("commits")).unwrap().map(|entry| entry.unwrap().path());
        let mut all: Vec<_> = entries.map(|path| (path.clone(), fs::read(path).unwrap())).collect();
        all.sort();
        all
    };
    let before = names();
    let found = fsck(folder.path(), &FsOptions::default(), &|_, _| {}, &Cancel::new()).unwrap();
    assert_eq!((found.revisions, found.problems), (3, vec![]));
    assert!(names() == before);
}

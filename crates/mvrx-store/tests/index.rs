//! Processes that open one store with an index: killed while they write it, and looking while it is replaced.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::env;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use mvrx_message::FileUuid;
use mvrx_store::{
    Cancel, Expect, FsOptions, FsStore, FsView, Limits, OpenStoreError, Store, StoredCommit, fsck,
};

mod shared;

use shared::{commit, say, settle};

fn with(limits: Limits) -> FsOptions {
    FsOptions { limits, ..FsOptions::default() }
}

/// All that differs goes into the index at each opening.
fn indexed() -> FsOptions {
    with(Limits { unindexed: 0, ..Limits::default() })
}

fn without() -> FsOptions {
    with(Limits { index_bytes: 0, ..Limits::default() })
}

fn publish(store: &FsStore, number: u64) -> StoredCommit {
    let bytes = [&[5; 3_000][..], &number.to_le_bytes()].concat();
    let mut writer = store.begin(Expect::Exactly(bytes.len() as u64)).unwrap();
    writer.write(&bytes).unwrap();
    let told = commit(number, bytes.len() as u64);
    writer.finish().unwrap().publish(&told, "Default").unwrap()
}

fn view(directory: &Path, options: FsOptions) -> Vec<StoredCommit> {
    let view = FsView::open(directory, options).unwrap();
    assert_eq!(view.problems(), []);
    view.commits()
}

fn index(directory: &Path) -> PathBuf {
    directory.join("commits/store.index")
}

fn child(name: &str, directory: &Path) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(DIRECTORY, directory)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Not a test by itself: it opens a store, changes it and closes it, until it is killed.
#[test]
fn child_opens_and_closes_until_it_is_killed() {
    let Some(directory) = env::var_os(DIRECTORY) else { return };
    loop {
        let store = FsStore::open_with(&directory, indexed()).unwrap();
        let next = store.commits().unwrap().last().map_or(0, |stored| stored.sequence) + 1;
        say(&format!("listed {}", publish(&store, next).sequence));
        if next.is_multiple_of(3) {
            let oldest = store.commits().unwrap()[0].commit.file;
            store.remove(oldest).unwrap();
        }
        if next.is_multiple_of(20) {
            store.compact(2, &Cancel::new()).unwrap();
        }
    }
}

// proves: STO-02, STO-27
#[test]
fn killed_while_they_open_a_store_processes_leave_it_and_its_index_right() {
    let disk = tempfile::tempdir().unwrap();
    // What a child removes of these changes the index at its next opening; what it commits is too new for one.
    let store = FsStore::open_with(disk.path(), without()).unwrap();
    (1..=OLD).for_each(|number| drop(publish(&store, number)));
    drop(store);
    settle(disk.path());
    let mut listed = OLD;
    let mut written = 0;
    let mut last = Vec::new();
    for round in 0..60_u32 {
        let mut child = child("child_opens_and_closes_until_it_is_killed", disk.path());
        let mut told = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut heard = |line: String| {
            if let Some((_, number)) = line.split_once("listed ") {
                listed = number.parse().unwrap();
            }
        };
        told.by_ref().take(3 + usize::try_from(round % 5).unwrap()).for_each(&mut heard);
        // Any moment within the next opening.
        std::thread::sleep(Duration::from_micros(u64::from(round) * 397 % 9_000));
        child.kill().unwrap();
        told.for_each(&mut heard);
        child.wait().unwrap();

        let right = view(disk.path(), without());
        assert_eq!(view(disk.path(), indexed()), right, "kill {round}");
        assert!(right.last().unwrap().sequence >= listed, "kill {round}: acknowledged and lost");
        let now = fs::read(index(disk.path())).unwrap_or_default();
        written += usize::from(now != std::mem::replace(&mut last, now.clone()));
        let found = fsck(disk.path(), &FsOptions::default(), &|_, _| {}, &Cancel::new()).unwrap();
        assert_eq!(found.problems, [], "kill {round}");
    }
    assert!(written > 10, "the index was written in {written} rounds");
}

/// Not a test by itself: it looks into a store again and again, until it is killed.
#[test]
fn child_looks_until_it_is_killed() {
    let Some(directory) = env::var_os(LOOKED_AT) else { return };
    let mut before = 0;
    for looks in 1_u64.. {
        // What is just being published may look odd: a look is no moment.
        let listed = FsView::open(&directory, FsOptions::default()).unwrap().commits();
        for stored in &listed {
            let comment = format!("revision {}", u128::from_be_bytes(stored.commit.file.to_bytes()));
            assert_eq!(stored.commit.comment, comment);
        }
        assert!(listed.len() >= before, "what is never removed was not listed");
        before = listed.len();
        say(&format!("looks {looks}"));
    }
}

// proves: STO-12, STO-16, STO-27
#[test]
fn one_process_opens_and_writes_while_another_one_looks() {
    let disk = tempfile::tempdir().unwrap();
    drop(FsStore::open(disk.path()).unwrap());
    let mut looking = Command::new(env::current_exe().unwrap())
        .args(["--exact", "child_looks_until_it_is_killed", "--nocapture"])
        .env(LOOKED_AT, disk.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let told = BufReader::new(looking.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut told = told.filter(|line| line.contains("looks "));
    let since = std::time::Instant::now();
    let mut number = 0;
    // Long enough that what was written first is old enough for an index.
    while since.elapsed() < Duration::from_secs(6) {
        let store = FsStore::open_with(disk.path(), indexed()).unwrap();
        let refused = FsStore::open_with(disk.path(), indexed()).unwrap_err();
        assert!(matches!(refused, OpenStoreError::DirectoryInUse { .. }), "{refused}");
        for _ in 0..5 {
            number += 1;
            publish(&store, number);
        }
        drop(store);
        assert!(told.next().is_some(), "it found something wrong");
    }
    assert!(looking.try_wait().unwrap().is_none(), "it found something wrong");
    looking.kill().unwrap();
    told.for_each(drop);
    looking.wait().unwrap();
    assert!(index(disk.path()).exists() && number > 20);
    assert_eq!(view(disk.path(), indexed()), view(disk.path(), without()));
}

/// Writes a record anew in place: another comment of the same length, a right checksum, and the time that it had.
fn rewrite_keeping_its_time(record: &Path) {
    let text = fs::read_to_string(record).unwrap();
    let line = text.lines().next().unwrap().replace("revision", "REVISION");
    let modified = fs::metadata(record).unwrap().modified().unwrap();
    let file = File::options().write(true).open(record).unwrap();
    (&file).write_all(format!("{line}\n{}\n", blake3::hash(line.as_bytes()).to_hex()).as_bytes()).unwrap();
    file.set_modified(modified).unwrap();
}

// proves: STO-27
#[test]
#[cfg(unix)]
fn a_record_that_was_written_anew_with_its_length_and_time_kept_is_read_again() {
    let disk = tempfile::tempdir().unwrap();
    let store = FsStore::open(disk.path()).unwrap();
    (1..=4).for_each(|number| drop(publish(&store, number)));
    drop(store);
    settle(disk.path());
    drop(FsStore::open_with(disk.path(), indexed()).unwrap());
    let before = fs::read(index(disk.path())).unwrap();
    drop(FsStore::open_with(disk.path(), indexed()).unwrap());
    assert!(fs::read(index(disk.path())).unwrap() == before, "nothing had changed");
    let record = |number: u64| {
        let file = FileUuid::from_bytes(u128::from(number).to_be_bytes()).unwrap();
        disk.path().join(format!("commits/{number:012}-{file}.json"))
    };
    rewrite_keeping_its_time(&record(2));
    // And one that is replaced by another file, as from a backup.
    let copy = disk.path().join("copy");
    fs::copy(record(3), &copy).unwrap();
    let modified = fs::metadata(record(3)).unwrap().modified().unwrap();
    rewrite_keeping_its_time(&copy);
    File::options().write(true).open(&copy).unwrap().set_modified(modified).unwrap();
    fs::rename(copy, record(3)).unwrap();
    let comments: Vec<_> =
        view(disk.path(), indexed()).into_iter().map(|stored| stored.commit.comment).collect();
    assert_eq!(comments, ["revision 1", "REVISION 2", "REVISION 3", "revision 4"]);
}

/// More than sixty rounds remove.
const OLD: u64 = 200;
const DIRECTORY: &str = "MVRX_STORE_TEST_INDEX";
const LOOKED_AT: &str = "MVRX_STORE_TEST_LOOKED_AT";

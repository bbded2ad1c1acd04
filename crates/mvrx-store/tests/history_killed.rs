//! A process that keeps a history is killed at a hundred random moments.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use mvrx_message::FileUuid;
use mvrx_store::{
    Cancel, Expect, FsOptions, FsStore, FsView, Keep, Limits, Retention, Store, StoredCommit, Tags, fsck,
};

mod shared;

use shared::{commit, note, say};

/// As a store is opened here: with an index as soon as there is anything for it.
fn indexed() -> FsOptions {
    let limits = Limits { unindexed: 0, ..Limits::default() };
    FsOptions { limits, ..FsOptions::default() }
}

/// Not a test by itself: the one below runs it in a process of its own. It commits revisions of one file, tags some, makes recipes in the
/// background and beside it, and removes all but the newest ten.
#[test]
fn child_keeps_a_history_until_it_is_killed() {
    let Some(directory) = env::var_os(HISTORY) else { return };
    let options = FsOptions { whole: Some(2), ..indexed() };
    let store = FsStore::open_with(&directory, options).unwrap();
    let tags = Tags::of(&directory);
    let mut number = store.commits().unwrap().last().map_or(0, |stored| stored.sequence) * 1_000;
    let ten = Retention::of_each_group(Keep { newest: Some(10), ..Keep::default() });
    loop {
        number += 1;
        let told = commit(number, 20_000);
        let mut writer = store.begin(Expect::Exactly(20_000)).unwrap();
        writer.write(&history_revision(number)).unwrap();
        writer.finish().unwrap().publish(&told, "Default").unwrap();
        say(&format!("listed {}", told.file));
        if number.is_multiple_of(7) {
            tags.give(&format!("tag-{number}"), told.file).unwrap();
            say(&format!("tagged {}", told.file));
        }
        for going in store.beyond(&ten).unwrap() {
            say(&format!("removing {}", going.stored.commit.file));
        }
        for gone in store.retain(&ten, &Cancel::new()).unwrap() {
            say(&format!("removed {}", gone.stored.commit.file));
        }
        if number.is_multiple_of(3) {
            store.compact(1, &Cancel::new()).unwrap();
        }
    }
}

fn history_revision(number: u64) -> Vec<u8> {
    let mut bytes = content(7, 20_000);
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    bytes
}

// proves: STO-02, STO-22, STO-24, STO-25, STO-26, STO-27
#[test]
fn killed_at_a_hundred_random_moments_a_history_is_whole_and_loses_nothing_that_was_acknowledged() {
    let disk = tempfile::tempdir().unwrap();
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let seed = env::var("MVRX_TEST_SEED").ok().and_then(|text| text.parse().ok());
    let seed: u64 = seed.unwrap_or(u64::from(since.subsec_nanos()));
    let mut random = seed;
    let mut acknowledged = BTreeMap::new();
    let mut tagged = BTreeSet::new();
    for round in 0..100 {
        let lines = content(random, 4);
        random = random.wrapping_add(1);
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "child_keeps_a_history_until_it_is_killed", "--nocapture"])
            .env(HISTORY, disk.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut told = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut heard = |line: &str| {
            note(&mut acknowledged, line);
            if let Some(file) = line.strip_prefix("tagged ") {
                tagged.insert(file.parse::<FileUuid>().unwrap());
            }
        };
        for line in told.by_ref().take(3 + usize::from(lines[0] % 12)) {
            heard(&line);
        }
        // Any moment within the next few operations.
        std::thread::sleep(Duration::from_micros(u64::from(u16::from_le_bytes([lines[1], lines[2]])) / 8));
        child.kill().unwrap();
        told.for_each(|line| heard(&line));
        child.wait().unwrap();
        let at = format!("seed {seed}, kill {round}");
        look_through(disk.path(), &at);
        let found = FsStore::open_with(disk.path(), indexed()).unwrap().commits().unwrap();
        compare(&found, &mut acknowledged, &at);
        for file in &tagged {
            assert!(found.iter().any(|stored| stored.commit.file == *file), "{at}: tagged and lost: {file}");
        }
        look_through(disk.path(), &at);
    }
    assert!(tagged.len() > 5 && acknowledged.len() >= 10, "seed {seed}: too little was done");
    assert!(disk.path().join("commits/store.index").exists(), "seed {seed}: no index");
    let names = std::fs::read_dir(disk.path().join("commits")).unwrap();
    let recipes = names
        .filter(|name| name.as_ref().unwrap().path().extension().is_some_and(|it| it == "recipe"))
        .count();
    assert!(recipes > 5, "seed {seed}: {recipes} recipes");
}

fn look_through(disk: &Path, at: &str) {
    let found = fsck(disk, &FsOptions::default(), &|_, _| {}, &Cancel::new()).unwrap();
    assert_eq!(found.problems, [], "{at}");
    let without = Limits { index_bytes: 0, ..Limits::default() };
    let without = FsView::open(disk, FsOptions { limits: without, ..FsOptions::default() }).unwrap();
    assert_eq!(FsView::open(disk, indexed()).unwrap().commits(), without.commits(), "{at}");
}

/// What is there is what was acknowledged, save what was in progress; `acknowledged` is what is there from then on.
fn compare(found: &[StoredCommit], acknowledged: &mut BTreeMap<FileUuid, bool>, at: &str) {
    let unknown = found.iter().filter(|stored| !acknowledged.contains_key(&stored.commit.file)).count();
    assert!(unknown <= 1, "{at}: only the one in progress may be there as well");
    for (file, sure) in &*acknowledged {
        let there = found.iter().any(|stored| stored.commit.file == *file);
        assert!(there || !sure, "{at}: acknowledged and lost: {file}");
    }
    *acknowledged = found.iter().map(|stored| (stored.commit.file, true)).collect();
}

/// Bytes that differ from those of every other seed.
fn content(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    let mut byte = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..length).map(|_| byte()).collect()
}

const HISTORY: &str = "MVRX_STORE_TEST_HISTORY";

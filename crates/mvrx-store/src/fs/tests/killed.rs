//! A process with a store is killed in the middle of its work, again and again.

use std::collections::BTreeMap;
use std::env;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use super::*;
use crate::battery::{commit, content, hash, read_all};

#[path = "../../../tests/shared/mod.rs"]
mod shared;

use shared::{note, say};

/// Not a test by itself: the one below runs it in a process of its own.
#[test]
fn child_works_until_it_is_killed() {
    let Some(directory) = env::var_os(DIRECTORY) else { return };
    let store = FsStore::open(directory).unwrap();
    let mut number = store.commits().unwrap().last().map_or(0, |stored| stored.sequence) * 1_000;
    loop {
        number += 1;
        let mut told = commit(1);
        told.file = FileUuid::from_bytes(u128::from(number).to_be_bytes()).unwrap();
        let mut writer = store.begin(Expect::Exactly(20_000)).unwrap();
        writer.write(&content(number, 20_000)).unwrap();
        let stored = writer.finish().unwrap().publish(&told, "Default").unwrap();
        say(&format!("listed {} {}", told.file, stored.sequence));
        if number.is_multiple_of(3) {
            say(&format!("removing {}", told.file));
            store.remove(told.file).unwrap();
            say(&format!("removed {}", told.file));
        }
    }
}

// proves: STO-02, STO-12
#[test]
fn killed_at_any_moment_a_process_loses_nothing_that_it_acknowledged() {
    let disk = OnDisk::new(SystemCalls::Native);
    // What the processes acknowledged; false: a removal was begun and not acknowledged.
    let mut acknowledged: BTreeMap<FileUuid, bool> = BTreeMap::new();
    for round in 1..=6 {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "fs::tests::killed::child_works_until_it_is_killed", "--nocapture"])
            .env(DIRECTORY, disk.directory())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut told = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut listed = 0;
        for line in told.by_ref() {
            listed += usize::from(note(&mut acknowledged, &line));
            if listed == 2 * round {
                break;
            }
        }
        assert_eq!(listed, 2 * round, "the child ended by itself");
        let process = child.id();
        let in_use = FsStore::open(disk.directory()).unwrap_err();
        assert_eq!(in_use, OpenStoreError::DirectoryInUse { path: disk.directory(), process: Some(process) });
        child.kill().unwrap();
        told.for_each(|line| {
            note(&mut acknowledged, &line);
        });
        child.wait().unwrap();

        let store = disk.open();
        assert_eq!(store.problems(), []);
        let found = store.commits().unwrap();
        let unknown = found.iter().filter(|stored| !acknowledged.contains_key(&stored.commit.file)).count();
        assert!(unknown <= 1, "only the one in progress may be there as well");
        for stored in &found {
            assert_eq!(hash(&read_all(&store.open(stored.commit.file).unwrap())), stored.hash);
        }
        acknowledged.retain(|file, sure| {
            let there = found.iter().any(|stored| stored.commit.file == *file);
            assert!(there || !*sure, "acknowledged and lost: {file}");
            *sure = true;
            there
        });
        acknowledged.extend(found.iter().map(|stored| (stored.commit.file, true)));
        let left =
            disk.names().into_iter().filter(|name| name.ends_with(".part") || name.ends_with(".publishing"));
        assert_eq!(left.count(), 0);
    }
}

const DIRECTORY: &str = "MVRX_STORE_TEST_DIRECTORY";

//! A process that lives through everything a store does is killed at each of its system calls in turn, and each of them fails with EIO and with
//! ENOSPC, by strace. `MVRX_EVERY_CALL` says at which: 1 is each, 8 each eighth (`.ci/steps/52-faults.sh`). Without it there is nothing to test
//! here; disks that are said to fail are in the crate's own tests.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]
#![cfg(target_os = "linux")]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use mvrx_store::{
    Bad, Cancel, Expect, FsOptions, FsStore, Keep, Limits, PartOf, Pending, Retention, Store, StoreError,
    StoredCommit, Tags, Wait, fsck,
};

mod shared;

use shared::{commit, say};

/// A program of its own, without threads beside: calls are counted by the thread that makes them.
fn main() {
    if let Some(disk) = env::var_os(DISK) {
        lives_once(&PathBuf::from(disk));
    } else if let Some(step) = env::var("MVRX_EVERY_CALL").ok().and_then(|step| step.parse().ok()) {
        killed_or_failing_at_every_system_call_a_store_loses_nothing_and_shows_nothing_in_part(step);
    } else {
        println!("MVRX_EVERY_CALL is not set: nothing is tested");
    }
}

/// What the process does that is traced. It tells of each deed before it and, if it was acknowledged, after it.
fn lives_once(disk: &Path) {
    let Ok(store) = FsStore::open_with(disk.join("store"), options()) else { return };
    for number in 1..=3 {
        publish(&store, number, || received(&store, number));
    }
    // One that breaks off and is gone on with.
    let of =
        PartOf { file: commit(4, 0).file, length: LENGTH as u64, hash: blake3::hash(&revision(4)).into() };
    if let Ok(mut writer) = store.begin_part(&of, 0) {
        let _ = writer.write(&revision(4)[..LENGTH / 2]);
    }
    publish(&store, 4, || {
        let from = store.part(&of);
        let mut writer = store.begin_part(&of, from)?;
        writer.write(&revision(4)[usize::try_from(from).unwrap()..])?;
        Ok(writer.finish()?)
    });
    publish(&store, 5, || Ok(store.import(&disk.join("user/show.mvr"), &|_| (), &Cancel::new())?));
    deed("tagging", 1, || Tags::of(disk.join("store")).give("first", commit(1, 0).file).is_ok());
    deed("withdrawing", 2, || store.withdraw(commit(2, 0).file).is_ok());
    deed("recipes", 0, || store.compact(1, &Cancel::new()).is_ok());
    deed("saving", 1, || {
        store.put_away(commit(1, 0).file, &disk.join("user"), "saved", &Cancel::new()).is_ok()
    });
    if let Ok(pending) = received(&store, 9) {
        deed("aside", 9, || pending.put_aside(commit(9, 0).file, Bad::Damaged).is_ok());
    }
    deed("removing", 3, || store.remove(commit(3, 0).file).is_ok());
    publish(&store, 6, || received(&store, 6));
    deed("retaining", 0, || {
        let two = Retention::of_each_group(Keep { newest: Some(2), ..Keep::default() });
        let Ok(beyond) = store.beyond(&two) else { return false };
        for going in beyond {
            say(&format!("removing {} begun", going.stored.commit.comment.trim_start_matches("revision ")));
        }
        store.retain(&two, &Cancel::new()).is_ok()
    });
    drop(store);
    say("over 0 begun");
}

fn received(store: &FsStore, number: u64) -> Result<Box<dyn Pending>, StoreError> {
    let mut writer = store.begin(Expect::Exactly(LENGTH as u64))?;
    writer.write(&revision(number))?;
    Ok(writer.finish()?)
}

fn publish(store: &FsStore, number: u64, take_in: impl FnOnce() -> Result<Box<dyn Pending>, StoreError>) {
    deed("listing", number, || {
        let Ok(pending) = take_in() else { return false };
        let told = commit(number, LENGTH as u64);
        let mut listed = pending.publish(&told, "Default");
        if listed.is_err() {
            // Whoever is told of a failure tries again.
            let again = received(store, number);
            listed = again.map_or(listed, |pending| pending.publish(&told, "Default"));
        }
        listed.is_ok()
    });
}

fn deed(what: &str, number: u64, done: impl FnOnce() -> bool) {
    say(&format!("{what} {number} begun"));
    let how = if done() { "done" } else { "failed" };
    say(&format!("{what} {number} {how}"));
}

/// What was begun and not acknowledged, and what was.
#[derive(Default)]
struct Told {
    sure: BTreeSet<(String, u64)>,
    doubtful: BTreeSet<(String, u64)>,
    over: bool,
}

impl Told {
    fn of(output: &str) -> Self {
        let mut told = Self::default();
        for line in output.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [what, number, how] = words[..] else { continue };
            let Ok(number) = number.parse::<u64>() else { continue };
            let deed = (what.to_owned(), number);
            match how {
                "begun" => _ = told.doubtful.insert(deed),
                "done" => {
                    told.doubtful.remove(&deed);
                    told.sure.insert(deed);
                }
                _ => {}
            }
        }
        told.over = told.doubtful.remove(&("over".to_owned(), 0));
        told
    }

    fn has(&self, what: &str, number: u64) -> bool {
        self.sure.contains(&(what.to_owned(), number))
    }

    fn may(&self, what: &str, number: u64) -> bool {
        self.has(what, number) || self.doubtful.contains(&(what.to_owned(), number))
    }
}

// proves: STO-02, STO-15
fn killed_or_failing_at_every_system_call_a_store_loses_nothing_and_shows_nothing_in_part(step: usize) {
    let calls = calls();
    assert!(calls.len() > 200, "only {} calls", calls.len());
    let mut figures: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
    let (mut reached, mut all) = (0, 0);
    for (how, inject) in FAULTS {
        // Each run another share, so that all calls have their turn over the faults.
        for (name, number) in calls.iter().skip(all % step).step_by(step) {
            let at = format!("{how} at {name} number {number}");
            let (disk, told, status, hit) = live(Some(&format!("inject={name}:{inject}:when={number}")));
            all += 1;
            reached += usize::from(hit);
            let figures = figures.entry(how).or_default();
            figures[0] += 1;
            figures[1] += usize::from(!told.over);
            figures[2] += told.sure.len();
            assert!(*how == "killed" || !hit || status.success(), "{at}: {status}");
            check(disk.path(), &told, &at);
        }
    }
    println!(
        "{} calls, one in {step} with each fault: {all} lives, {reached} of which met their fault",
        calls.len()
    );
    for (how, [lives, short, deeds]) in figures {
        println!("{how}: {lives} lives, {short} ended early, {deeds} acknowledged deeds, none lost");
    }
    assert!(reached * 10 > all * 9, "{reached} of {all}");
}

/// Each system call that a life makes on its disk: its name, and the how manieth of this name it is.
fn calls() -> Vec<(String, usize)> {
    let (disk, told, status, _) = live(None);
    // Which of those that went was acknowledged is not said of each.
    let undone = told.doubtful.iter().any(|(what, _)| what != "removing");
    assert!(status.success() && told.over && !undone, "{status}: {:?}", told.doubtful);
    check(disk.path(), &told, "undisturbed");
    let log = fs::read_to_string(disk.path().join("strace")).unwrap();
    let mut seen: HashMap<&str, usize> = HashMap::new();
    let mut calls = Vec::new();
    for line in log.lines() {
        let call = line.split_whitespace().nth(1).and_then(|word| word.split_once('('));
        let Some((name, _)) = call else { continue };
        let number = seen.entry(name).or_default();
        *number += 1;
        if is_of_the_disk(line) && name != "close" {
            calls.push((name.to_owned(), *number));
        }
    }
    calls
}

fn is_of_the_disk(line: &str) -> bool {
    line.contains("/life/store") || line.contains("/life/user")
}

/// One life on a disk of its own: what it said, how it ended, and whether the fault was met where the store is.
fn live(inject: Option<&str>) -> (tempfile::TempDir, Told, ExitStatus, bool) {
    let disk = tempfile::tempdir().unwrap();
    let life = disk.path().join("life");
    fs::create_dir_all(life.join("user")).unwrap();
    fs::write(life.join("user/show.mvr"), revision(5)).unwrap();
    let log = disk.path().join("strace");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-y", "-s", "0", "-e", "trace=%file,%desc", "-e", "signal=none", "-o"]).arg(&log);
    if let Some(inject) = inject {
        strace.args(["-e", inject]);
    }
    let ended = strace.arg(env::current_exe().unwrap()).env(DISK, &life).output().expect("strace is there");
    let log = fs::read_to_string(log).unwrap();
    let hit = if ended.status.success() || inject.is_none_or(|inject| inject.contains("error=")) {
        log.lines().any(|line| line.contains("(INJECTED)") && is_of_the_disk(line))
    } else {
        log.lines().rev().find(|line| line.contains('(')).is_some_and(is_of_the_disk)
    };
    (disk, Told::of(&String::from_utf8_lossy(&ended.stdout)), ended.status, hit)
}

fn check(disk: &Path, told: &Told, at: &str) {
    let directory = disk.join("life/store");
    let found = fsck(&directory, &FsOptions::default(), &|_, _| {}, &Cancel::new()).unwrap();
    assert_eq!(found.problems, [], "{at}: before the next start");
    let store = FsStore::open_with(&directory, options()).unwrap_or_else(|error| panic!("{at}: {error}"));
    assert_eq!(store.problems(), [], "{at}");
    let listed = store.commits().unwrap();
    let there = |number: u64| listed.iter().find(|one| one.commit.file == commit(number, 0).file);
    for number in 1..=6 {
        match there(number) {
            Some(stored) => {
                assert!(told.may("listing", number), "{at}: {number} was never begun");
                assert!(!told.has("removing", number), "{at}: {number} was removed");
                assert!(read(&store, stored) == revision(number), "{at}: {number} is another file");
            }
            None => {
                assert!(!told.has("listing", number) || told.may("removing", number), "{at}: {number} lost");
            }
        }
    }
    assert!(there(9).is_none(), "{at}: what was put aside is listed");
    let tagged = Tags::of(&directory).list().unwrap().len() == 1;
    assert!(tagged || !told.has("tagging", 1), "{at}: the tag is lost");
    let withdrawn = store.withdrawn().unwrap().contains(&commit(2, 0).file);
    assert!(withdrawn || !told.has("withdrawing", 2) || there(2).is_none(), "{at}: not withdrawn any more");
    assert_eq!(fs::read(disk.join("life/user/show.mvr")).unwrap(), revision(5), "{at}: the user's own file");
    let saved = disk.join("life/user/saved.mvr");
    assert!(saved.exists() || !told.has("saving", 1), "{at}: not saved");
    if saved.exists() {
        assert!(fs::read(saved).unwrap() == revision(1), "{at}: a file in part under its final name");
    }
    // It goes on.
    let pending = received(&store, 7).unwrap_or_else(|error| panic!("{at}: {error}"));
    pending.publish(&commit(7, LENGTH as u64), "Default").unwrap_or_else(|error| panic!("{at}: {error}"));
    drop(store);
    let found = fsck(&directory, &FsOptions::default(), &|_, _| {}, &Cancel::new()).unwrap();
    assert_eq!(found.problems, [], "{at}: after the next start");
}

fn read(store: &FsStore, stored: &StoredCommit) -> Vec<u8> {
    let open = store.open(stored.commit.file).unwrap();
    let mut bytes = vec![0; LENGTH + 1];
    let mut filled = 0;
    loop {
        match open.read_at(filled as u64, &mut bytes[filled..], &Wait::until_settled()).unwrap() {
            0 => break,
            count => filled += count,
        }
    }
    bytes.truncate(filled);
    bytes
}

/// With an index as soon as there is anything for it.
fn options() -> FsOptions {
    let limits = Limits { unindexed: 0, ..Limits::default() };
    FsOptions { limits, ..FsOptions::default() }
}

/// Revisions of one rig, which have most in common.
fn revision(number: u64) -> Vec<u8> {
    let mut state = 7_u64;
    let mut byte = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    let mut bytes: Vec<u8> = (0..LENGTH).map(|_| byte()).collect();
    bytes[1_000..1_008].copy_from_slice(&number.to_le_bytes());
    bytes
}

const LENGTH: usize = 20_000;
const DISK: &str = "MVRX_STORE_TEST_DISK";
const FAULTS: &[(&str, &str)] =
    &[("killed", "signal=KILL"), ("EIO", "error=EIO"), ("ENOSPC", "error=ENOSPC")];

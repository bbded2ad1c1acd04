//! The machine stops at every operation in turn, and the disk forgets what was not synced.

use std::collections::{BTreeMap, BTreeSet};

use mvrx_message::FileUuid;
use proptest::prelude::*;

use super::*;
use crate::battery::{Failure, commit, file, hash, read_all};
use crate::error::{PublishError, RemoveError};

/// One thing that a station does with its store.
#[derive(Debug, Clone, Copy)]
enum Step {
    Publish { number: u8, seed: u64 },
    Import { number: u8, seed: u64 },
    GiveUp { seed: u64 },
    Remove { number: u8 },
    PutAway { number: u8 },
    Compact { whole: usize },
}

/// `length` bytes that have most in common with those of every other seed, as revisions of one show have.
fn content(seed: u64, length: usize) -> Vec<u8> {
    let mut bytes = crate::battery::content(77, length);
    let own = crate::battery::content(seed, length / 20);
    bytes[length / 3..][..own.len()].copy_from_slice(&own);
    bytes
}

/// What a store was told and what it may have after a restart.
#[derive(Debug, Default)]
struct Model {
    /// What is listed now.
    listed: BTreeMap<FileUuid, StoredCommit>,
    /// What an operation that failed may have left for the next start: the hash of the content, or none.
    doubts: BTreeMap<FileUuid, BTreeSet<Option<[u8; 32]>>>,
    /// The highest number that was ever acknowledged.
    highest: u64,
}

impl Model {
    fn run(&mut self, store: &FsStore, disk: &SimDisk, steps: &[Step]) {
        for step in steps {
            self.step(store, disk, *step);
            assert_eq!(store.commits().unwrap(), self.in_order(), "after {step:?}");
        }
    }

    fn step(&mut self, store: &FsStore, disk: &SimDisk, step: Step) {
        match step {
            Step::Publish { number, seed } => {
                let mut writer = match store.begin(Expect::Exactly(LENGTH as u64)) {
                    Ok(writer) => writer,
                    Err(_) => return,
                };
                let done = writer.write(&content(seed, LENGTH)).and_then(|()| writer.finish());
                if let Ok(pending) = done {
                    self.published(number, seed, pending.publish(&commit(number), "Default"));
                }
            }
            Step::Import { number, seed } => {
                disk.put(Path::new("user/show.mvr"), &content(seed, LENGTH));
                if let Ok(pending) = store.import(Path::new("user/show.mvr"), &|_| (), &Cancel::new()) {
                    self.published(number, seed, pending.publish(&commit(number), "Default"));
                }
            }
            Step::GiveUp { seed } => {
                if let Ok(mut writer) = store.begin(Expect::Unknown) {
                    let _ = writer.write(&content(seed, LENGTH));
                    let _ = writer.finish();
                }
            }
            Step::Remove { number } => self.removed(number, store),
            Step::PutAway { number } => {
                let _ = store.put_away(file(number), Path::new("user"), "saved", &Cancel::new());
            }
            Step::Compact { whole } => {
                let _ = store.compact(whole, &Cancel::new());
            }
        }
    }

    fn published(&mut self, number: u8, seed: u64, result: Result<StoredCommit, PublishError>) {
        let (file, offered) = (file(number), hash(&content(seed, LENGTH)));
        match result {
            Ok(stored) => {
                assert_eq!(stored.hash, offered);
                if let Some(listed) = self.listed.get(&file) {
                    assert_eq!(listed, &stored);
                    return;
                }
                assert!(stored.sequence > self.highest, "{} was used before", stored.sequence);
                self.highest = stored.sequence;
                self.listed.insert(file, stored);
                self.doubts.remove(&file);
            }
            Err(PublishError::FileListedWithOtherContent { listed, .. }) => {
                assert_eq!(self.listed[&file].hash, listed);
                assert_ne!(listed, offered);
            }
            Err(PublishError::Disk(_)) => {
                self.doubts.entry(file).or_default().insert(Some(offered));
            }
            Err(other) => panic!("{other}"),
        }
    }

    fn removed(&mut self, number: u8, store: &FsStore) {
        let file = file(number);
        match store.remove(file) {
            Ok(()) => {
                assert!(self.listed.remove(&file).is_some());
                self.doubts.remove(&file);
            }
            Err(RemoveError::FileNotListed { .. }) => assert!(!self.listed.contains_key(&file)),
            Err(RemoveError::Disk(_)) => {
                let before = self.listed.get(&file).unwrap().hash;
                if store.commit(file).unwrap().is_none() {
                    self.listed.remove(&file);
                }
                self.doubts.entry(file).or_default().extend([None, Some(before)]);
            }
        }
    }

    fn in_order(&self) -> Vec<StoredCommit> {
        let mut all: Vec<_> = self.listed.values().cloned().collect();
        all.sort_by_key(|stored| stored.sequence);
        all
    }

    /// What is listed after a restart is what was acknowledged, but for what is in doubt.
    fn check(&self, store: &FsStore, disk: &SimDisk) {
        let found = store.commits().unwrap();
        assert!(found.windows(2).all(|pair| pair[0].sequence < pair[1].sequence));
        for stored in &found {
            let file = stored.commit.file;
            let known = self.listed.get(&file) == Some(stored);
            let doubted = self.doubts.get(&file).is_some_and(|doubts| doubts.contains(&Some(stored.hash)));
            assert!(known || doubted, "listed but never acknowledged: {stored:?}");
            assert_eq!(hash(&read_all(&store.open(file).unwrap())), stored.hash);
        }
        for (file, stored) in &self.listed {
            let doubted = self.doubts.contains_key(file);
            assert!(doubted || found.contains(stored), "acknowledged and lost: {stored:?}");
        }
        assert_eq!(store.problems(), [], "a crash alone is no problem");
        let mut names = disk.names(Path::new("store/commits"));
        names.retain(|name| name != "store.index");
        let (marks, mut names): (Vec<_>, Vec<_>) =
            names.into_iter().partition(|name| name.ends_with(".removed"));
        let recipes = names.iter().filter(|name| name.ends_with(".recipe")).count();
        // Each listed commit has its file or its recipe; files of removed ones stay only while there are recipes.
        for stored in &found {
            let stem = format!("{:012}-{}", stored.sequence, stored.commit.file);
            let before = names.len();
            names.retain(|name| *name != format!("{stem}.json"));
            assert_eq!(names.len() + 1, before, "no record of {stem}");
            names.retain(|name| *name != format!("{stem}.mvr") && *name != format!("{stem}.recipe"));
            assert_eq!(names.len() + 2, before, "file and recipe, or none, of {stem}");
        }
        let idle = names.iter().filter(|name| {
            name.strip_suffix(".mvr").is_some_and(|stem| marks.contains(&format!("{stem}.removed")))
        });
        let idle = idle.count();
        assert!(idle <= recipes && marks.len() <= 1 + idle, "{marks:?}");
        assert_eq!(names.len(), 1 + idle, "nothing is left over: {names:?}");
        for name in disk.names(Path::new("user")) {
            let half = name.starts_with('.') || name == "show.mvr";
            assert!(half || disk.bytes(&Path::new("user").join(name)).unwrap().len() == LENGTH);
        }
    }
}

/// With an index as soon as there is anything for it.
fn open(disk: &SimDisk) -> Result<FsStore, OpenStoreError> {
    open_with(disk, Limits { unindexed: 0, ..Limits::default() })
}

fn open_with(disk: &SimDisk, limits: Limits) -> Result<FsStore, OpenStoreError> {
    let options = FsOptions { limits, ..FsOptions::default() };
    FsStore::open_on(Arc::new(disk.clone()), Path::new("store"), options)
}

/// Says where a test was when it failed.
struct At(String);

impl Drop for At {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("failed at {}", self.0);
        }
    }
}

fn user_disk() -> SimDisk {
    let disk = SimDisk::new();
    disk.create_folders(Path::new("user")).unwrap();
    disk.sync_folder(Path::new("")).unwrap();
    disk
}

/// Runs the steps on a disk that stops at operation `crash`, restarts it, and checks. `None`: it ended before.
fn crash_at(crash: u64, seed: u64, steps: &[Step]) -> Option<(SimDisk, Model)> {
    let _at = At(format!("a crash at operation {crash} with seed {seed}"));
    let disk = user_disk();
    disk.fail(crash, 1, Failure::Crash);
    let mut model = Model::default();
    if let Ok(store) = open(&disk) {
        model.run(&store, &disk, steps);
    }
    let ended = disk.operations() <= crash;
    let after = disk.after_crash(seed);
    let store = open(&after).unwrap();
    model.check(&store, &after);
    // It goes on: what is new is listed, and no number comes twice.
    model.doubts.clear();
    model.listed = store.commits().unwrap().into_iter().map(|stored| (stored.commit.file, stored)).collect();
    model.run(&store, &after, &[Step::Publish { number: 200, seed: 200 }]);
    (!ended).then_some((after, model))
}

// proves: STO-01, STO-02, STO-11
#[test]
fn a_crash_at_any_operation_loses_nothing_that_was_acknowledged() {
    let mut operation = 0;
    while (0..8).filter(|seed| crash_at(operation, *seed, STEPS).is_some()).count() > 0 {
        operation += 1;
    }
    assert!(operation > 100, "the steps had only {operation} operations");
}

// proves: STO-22
#[test]
fn a_crash_at_any_operation_of_a_compaction_loses_nothing_that_was_acknowledged() {
    let mut operation = 0;
    while (0..8).filter(|seed| crash_at(operation, *seed, HISTORY).is_some()).count() > 0 {
        operation += 1;
    }
    assert!(operation > 150, "the steps had only {operation} operations");
}

// proves: STO-02
#[test]
fn a_crash_while_cleaning_up_after_a_crash_loses_nothing_either() {
    assert!(crash_twice(STEPS) > 1_000);
}

// proves: STO-22
#[test]
fn a_crash_while_cleaning_up_after_a_crash_of_a_compaction_loses_nothing_either() {
    assert!(crash_twice(HISTORY) > 1_000);
}

/// How many restarts were crashed.
fn crash_twice(steps: &[Step]) -> usize {
    let mut recoveries = 0;
    for first in 0.. {
        // An index takes a while to make, in a test that is not optimized.
        let unindexed = if first % 5 == 0 { 0 } else { 256 };
        let open = |disk: &SimDisk| open_with(disk, Limits { unindexed, ..Limits::default() });
        let disk = user_disk();
        disk.fail(first, 1, Failure::Crash);
        let mut model = Model::default();
        if let Ok(store) = open(&disk) {
            model.run(&store, &disk, steps);
        }
        if disk.operations() <= first {
            break;
        }
        for second in 0.. {
            let _at =
                At(format!("a crash at operation {first} and one at operation {second} of the restart"));
            let after = disk.after_crash(first);
            after.fail(second, 1, Failure::Crash);
            drop(open(&after));
            if after.operations() <= second {
                break;
            }
            let again = after.after_crash(second);
            let store = open(&again).unwrap();
            model.check(&store, &again);
            recoveries += 1;
        }
    }
    recoveries
}

// proves: STO-02, STO-15
#[test]
fn a_failure_at_any_operation_is_named_and_the_store_goes_on() {
    fail_at_any_operation(STEPS);
}

// proves: STO-22
#[test]
fn a_failure_at_any_operation_of_a_compaction_loses_nothing() {
    fail_at_any_operation(HISTORY);
}

fn fail_at_any_operation(steps: &[Step]) {
    for failure in [Failure::Broken, Failure::Full] {
        for count in [1, 2, 6, u64::MAX] {
            for operation in 0.. {
                let _at = At(format!("{failure:?} at operation {operation}, {count} times"));
                let disk = user_disk();
                disk.fail(operation, count, failure);
                let mut model = Model::default();
                if let Ok(store) = open(&disk) {
                    model.run(&store, &disk, steps);
                    let reached = disk.operations() > operation;
                    disk.heal();
                    for stored in store.commits().unwrap() {
                        assert_eq!(hash(&read_all(&store.open(stored.commit.file).unwrap())), stored.hash);
                    }
                    model.run(&store, &disk, &[Step::Publish { number: 200, seed: 200 }]);
                    assert!(model.listed.contains_key(&file(200)), "the store goes on");
                    if !reached {
                        break;
                    }
                }
                disk.heal();
                model.check(&open(&disk).unwrap(), &disk);
                // The machine may stop as well.
                let after = disk.after_crash(operation);
                model.check(&open(&after).unwrap(), &after);
            }
        }
    }
}

// proves: STO-02, STO-15
#[test]
fn a_failure_that_is_soon_followed_by_a_crash_loses_nothing() {
    let mut reached = true;
    for operation in 0.. {
        if !std::mem::take(&mut reached) {
            break;
        }
        for (count, gap) in (1..3).flat_map(|count| (1..9).map(move |gap| (count, gap))) {
            let seed = operation + gap;
            let _at =
                At(format!("a failure at {operation}, {count} times, a crash {gap} later with seed {seed}"));
            let disk = user_disk();
            disk.fail(operation, count, Failure::Broken);
            disk.fail(operation + count + gap, 1, Failure::Crash);
            let mut model = Model::default();
            if let Ok(store) = open(&disk) {
                model.run(&store, &disk, STEPS);
            }
            reached |= disk.operations() > operation;
            let after = disk.after_crash(seed);
            model.check(&open(&after).unwrap(), &after);
        }
    }
}

fn any_step() -> impl Strategy<Value = Step> {
    let (number, seed) = (1..5_u8, 0..3_u64);
    prop_oneof![
        4 => (number.clone(), seed.clone()).prop_map(|(number, seed)| Step::Publish { number, seed }),
        1 => (number.clone(), seed.clone()).prop_map(|(number, seed)| Step::Import { number, seed }),
        1 => seed.prop_map(|seed| Step::GiveUp { seed }),
        3 => number.clone().prop_map(|number| Step::Remove { number }),
        1 => number.prop_map(|number| Step::PutAway { number }),
        2 => (1..3_usize).prop_map(|whole| Step::Compact { whole }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    // proves: STO-02, STO-15
    #[test]
    fn any_life_with_failures_and_crashes_keeps_what_was_acknowledged(
        lives in prop::collection::vec(
            (prop::collection::vec(any_step(), 1..12), 0..260_u64, 0..260_u64, 0..5_u64, any::<u64>()),
            1..4,
        ),
    ) {
        let mut disk = user_disk();
        let mut model = Model::default();
        for (steps, crash, broken, count, seed) in lives {
            disk.fail(broken, count, Failure::Broken);
            disk.fail(crash, 1, Failure::Crash);
            let opened = open(&disk);
            // Records that could not be read now are told and not listed; what they tell of shows later.
            if let Some(store) = opened.as_ref().ok().filter(|store| store.problems().is_empty()) {
                let listed = store.commits().unwrap().into_iter();
                model.listed = listed.map(|stored| (stored.commit.file, stored)).collect();
                model.doubts.clear();
                model.run(store, &disk, &steps);
            }
            drop(opened);
            disk = disk.after_crash(seed);
            model.check(&open(&disk).unwrap(), &disk);
        }
    }
}

const LENGTH: usize = 1_200;

/// A bit of everything: growing, the same again, a conflict, leftovers, removals of the newest and of others.
const STEPS: &[Step] = &[
    Step::Publish { number: 1, seed: 1 },
    Step::Import { number: 2, seed: 2 },
    Step::GiveUp { seed: 3 },
    Step::Publish { number: 1, seed: 1 },
    Step::Publish { number: 1, seed: 4 },
    Step::Publish { number: 3, seed: 3 },
    Step::Remove { number: 3 },
    Step::Publish { number: 4, seed: 4 },
    Step::PutAway { number: 2 },
    Step::Remove { number: 1 },
    Step::Remove { number: 4 },
    Step::Publish { number: 1, seed: 5 },
    Step::Publish { number: 3, seed: 1 },
    Step::Remove { number: 3 },
];

/// Files become recipes, what they were made over is removed before and after them, others come.
const HISTORY: &[Step] = &[
    Step::Publish { number: 1, seed: 1 },
    Step::Publish { number: 2, seed: 2 },
    Step::Publish { number: 3, seed: 3 },
    Step::Compact { whole: 1 },
    Step::PutAway { number: 1 },
    Step::Publish { number: 4, seed: 4 },
    Step::Remove { number: 3 },
    Step::Publish { number: 5, seed: 5 },
    Step::Compact { whole: 1 },
    Step::Remove { number: 1 },
    Step::Remove { number: 2 },
    Step::Remove { number: 5 },
    Step::Remove { number: 4 },
];

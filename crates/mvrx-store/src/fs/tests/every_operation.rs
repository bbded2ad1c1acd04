//! What `crashes` leaves out: withdrawals, files that go on from a part, files put aside and retention, on a disk that fails, tears and stops at each
//! operation in turn.

use std::collections::{BTreeMap, BTreeSet};

use mvrx_message::FileUuid;

use super::*;
use crate::battery::{Failure, commit, content, file, hash, read_all};
use crate::{Bad, Keep, PartOf, Pending, Problem, Retention, StoreError, Wait};

const LENGTH: usize = 1_500;

/// What a life did: what was acknowledged, and what was only begun.
#[derive(Debug, Default)]
struct Deeds {
    listed: BTreeSet<u8>,
    may_be_listed: BTreeSet<u8>,
    withdrawn: bool,
    may_be_withdrawn: bool,
    may_be_gone: BTreeSet<FileUuid>,
    gone: BTreeSet<FileUuid>,
}

fn part_of() -> PartOf {
    PartOf { file: file(4), length: LENGTH as u64, hash: hash(&content(4, LENGTH)) }
}

impl Deeds {
    fn publish(&mut self, number: u8, take_in: impl FnOnce() -> Result<Box<dyn Pending>, StoreError>) {
        let Ok(pending) = take_in() else { return };
        // What a file is has to be known before it is listed: a part that came back torn is another file.
        let Some(bytes) = read(pending.as_ref()) else { return };
        assert_eq!(pending.hash(), hash(&bytes), "the hash is that of the bytes that are there");
        if pending.hash() != hash(&content(number.into(), LENGTH)) {
            return;
        }
        self.may_be_listed.insert(number);
        if pending.publish(&commit(number), "Default").is_ok() {
            self.listed.insert(number);
        }
    }

    fn live(&mut self, store: &FsStore) {
        for number in 1..=3 {
            self.publish(number, || received(store, number));
        }
        self.may_be_withdrawn = true;
        self.withdrawn = store.withdraw(file(2)).is_ok();
        if let Ok(mut writer) = store.begin_part(&part_of(), 0) {
            let _ = writer.write(&content(4, LENGTH)[..LENGTH / 3]);
        }
        self.go_on(store);
        if let Ok(pending) = received(store, 9) {
            let _ = pending.put_aside(file(9), Bad::Damaged);
        }
        self.retain(store);
        self.publish(5, || received(store, 5));
    }

    fn go_on(&mut self, store: &FsStore) {
        self.publish(4, || {
            let from = store.part(&part_of());
            let mut writer = store.begin_part(&part_of(), from)?;
            writer.write(&content(4, LENGTH)[usize::try_from(from).unwrap()..])?;
            Ok(writer.finish()?)
        });
    }

    fn retain(&mut self, store: &FsStore) {
        let two = Retention::of_each_group(Keep { newest: Some(2), ..Keep::default() });
        let Ok(beyond) = store.beyond(&two) else { return };
        self.may_be_gone.extend(beyond.iter().map(|going| going.stored.commit.file));
        if let Ok(gone) = store.retain(&two, &Cancel::new()) {
            self.gone.extend(gone.iter().map(|going| going.stored.commit.file));
        }
    }

    fn check(&self, store: &FsStore) {
        let found: BTreeMap<FileUuid, StoredCommit> =
            store.commits().unwrap().into_iter().map(|stored| (stored.commit.file, stored)).collect();
        for number in 1..=9 {
            let Some(stored) = found.get(&file(number)) else {
                let went = self.may_be_gone.contains(&file(number));
                assert!(went || !self.listed.contains(&number), "acknowledged and lost: {number}");
                continue;
            };
            assert!(self.may_be_listed.contains(&number), "{number} was never published");
            assert!(!self.gone.contains(&file(number)), "{number} is back");
            let bytes = read_all(&store.open(stored.commit.file).unwrap());
            assert!(bytes == content(number.into(), LENGTH), "{number} is another file");
        }
        let withdrawn = store.withdrawn().unwrap();
        assert!(self.may_be_withdrawn || withdrawn.is_empty());
        assert!(withdrawn.iter().all(|one| *one == file(2)), "{withdrawn:?}");
        let there = found.contains_key(&file(2));
        assert!(!(there && self.withdrawn) || withdrawn.contains(&file(2)), "not withdrawn any more");
    }
}

/// The bytes of a file that is not listed yet, if the disk gives them.
fn read(pending: &dyn Pending) -> Option<Vec<u8>> {
    let open = pending.read().ok()?;
    let mut bytes = vec![0; LENGTH + 1];
    let mut filled = 0;
    loop {
        match open.read_at(filled as u64, &mut bytes[filled..], &Wait::until_settled()).ok()? {
            0 => break,
            count => filled += count,
        }
    }
    bytes.truncate(filled);
    Some(bytes)
}

fn received(store: &FsStore, number: u8) -> Result<Box<dyn Pending>, StoreError> {
    let mut writer = store.begin(Expect::Exactly(LENGTH as u64))?;
    writer.write(&content(number.into(), LENGTH))?;
    Ok(writer.finish()?)
}

fn open(disk: &SimDisk) -> Result<FsStore, OpenStoreError> {
    let limits = Limits { unindexed: 0, ..Limits::default() };
    let options = FsOptions { limits, ..FsOptions::default() };
    FsStore::open_on(Arc::new(disk.clone()), Path::new("store"), options)
}

/// A life on a disk that fails at `operation`; whether it came so far. The disk as it is afterwards is looked at by the next start.
fn live(operation: u64, failure: Failure, count: u64, seed: u64) -> bool {
    let disk = SimDisk::new();
    disk.fail(operation, count, failure);
    let mut deeds = Deeds::default();
    if let Ok(store) = open(&disk) {
        deeds.live(&store);
        if failure != Failure::Crash {
            disk.heal();
            // What could not be removed is told, until the next start.
            let left = |problem: &Problem| matches!(problem, Problem::LeftoverKept { .. });
            assert!(store.problems().iter().all(left), "{:?}", store.problems());
            deeds.check(&store);
        }
    }
    let reached = disk.operations() > operation;
    disk.heal();
    // The machine stops as well: what was not synced is there, or torn, or not.
    let after = disk.after_crash(seed);
    let store = open(&after).unwrap();
    assert_eq!(store.problems(), [], "a disk that failed or stopped alone is no problem");
    deeds.check(&store);
    // It goes on, from the part, too.
    deeds.go_on(&store);
    deeds.publish(6, || received(&store, 6));
    assert!(deeds.listed.contains(&6), "it goes on");
    deeds.check(&store);
    reached
}

// proves: STO-02, STO-15, STO-20, STO-24, STO-28
#[test]
fn a_crash_at_any_operation_of_withdrawals_parts_and_retention_loses_nothing_that_was_acknowledged() {
    let reached = |operation| (0..6).filter(|seed| live(operation, Failure::Crash, 1, *seed)).count() > 0;
    let operations = (0..).take_while(|operation| reached(*operation)).count();
    assert!(operations > 120, "only {operations} operations");
}

// proves: STO-02, STO-15, STO-20, STO-24, STO-28
#[test]
fn a_failure_at_any_operation_of_them_and_a_power_cut_afterwards_lose_nothing_either() {
    for failure in [Failure::Broken, Failure::Full] {
        for count in [1, 3, u64::MAX] {
            let operations =
                (0..).take_while(|operation| live(*operation, failure, count, operation % 7)).count();
            assert!(operations > 1, "{failure:?} {count}: only {operations} operations");
        }
    }
}

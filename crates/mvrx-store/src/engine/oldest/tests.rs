use std::path::Path;
use std::sync::Arc;

use crate::battery::{SimDisk, commit, content, file};
use crate::{Clock, Expect, FsOptions, FsStore, Limits, MemStore, Store, Wait, WriteError};

fn limits(total_bytes: u64, commits: usize) -> Limits {
    Limits { total_bytes, commits, oldest_go: true, ..Limits::default() }
}

fn on_disk(disk: &Arc<SimDisk>, limits: Limits) -> FsStore {
    let options = FsOptions { limits, ..FsOptions::default() };
    FsStore::open_on(Arc::<SimDisk>::clone(disk), Path::new("/store"), options).unwrap()
}

fn both(limits: Limits) -> [Box<dyn Store>; 2] {
    [
        Box::new(MemStore::with(limits, Clock::default())),
        Box::new(on_disk(&Arc::new(SimDisk::default()), limits)),
    ]
}

fn keep(store: &dyn Store, n: u8, length: u64, expect: Expect) -> Result<(), WriteError> {
    let mut writer = store.begin(expect)?;
    for piece in content(n.into(), usize::try_from(length).unwrap()).chunks(30) {
        writer.write(piece)?;
    }
    writer.finish()?.publish(&commit(n), "Default").unwrap();
    Ok(())
}

fn listed(store: &dyn Store) -> Vec<u8> {
    store.commits().unwrap().iter().map(|stored| stored.commit.file.to_bytes()[0]).collect()
}

// proves: STO-21
#[test]
fn at_exactly_the_limit_all_stay_and_one_byte_more_drops_the_oldest() {
    for store in both(limits(300, 10)) {
        for n in 1..=3 {
            keep(&*store, n, 100, Expect::Exactly(100)).unwrap();
        }
        assert_eq!(listed(&*store), [1, 2, 3]);
        keep(&*store, 4, 1, Expect::Exactly(1)).unwrap();
        assert_eq!(listed(&*store), [2, 3, 4], "one byte more");
        keep(&*store, 5, 99, Expect::Unknown).unwrap();
        assert_eq!(listed(&*store), [2, 3, 4, 5], "full again, to the byte");
        // Of a length that nobody told: room is made while it comes.
        keep(&*store, 6, 150, Expect::Unknown).unwrap();
        assert_eq!(listed(&*store), [4, 5, 6]);
        assert!(store.problems().is_empty());
    }
}

// proves: STO-21
#[test]
fn what_is_read_stays_and_is_read_to_its_end_and_goes_when_nobody_reads_it() {
    for store in both(limits(300, 10)) {
        for n in 1..=3 {
            keep(&*store, n, 100, Expect::Exactly(100)).unwrap();
        }
        let reading = store.open(file(1)).unwrap();
        let too = reading.clone();
        keep(&*store, 4, 100, Expect::Exactly(100)).unwrap();
        assert_eq!(listed(&*store), [1, 3, 4]);
        let mut bytes = [0; 100];
        assert_eq!(reading.read_at(0, &mut bytes, &Wait::until_settled()).unwrap(), 100);
        assert_eq!(bytes[..], content(1, 100)[..]);
        drop(reading);
        keep(&*store, 5, 100, Expect::Exactly(100)).unwrap();
        assert_eq!(listed(&*store), [1, 4, 5], "a second reader");
        drop(too);
        keep(&*store, 6, 100, Expect::Exactly(100)).unwrap();
        assert_eq!(listed(&*store), [4, 5, 6]);
    }
}

// proves: STO-21
#[test]
fn a_file_that_would_not_fit_drives_nobody_out() {
    for store in both(limits(300, 10)) {
        for n in 1..=3 {
            keep(&*store, n, 100, Expect::Exactly(100)).unwrap();
        }
        let refused = keep(&*store, 4, 301, Expect::Exactly(301)).unwrap_err();
        assert!(
            matches!(refused, WriteError::StoreQuotaReached { wanted: 301, allowed: 300, .. }),
            "{refused}"
        );
        let reading = store.open(file(3)).unwrap();
        assert!(keep(&*store, 4, 201, Expect::Exactly(201)).is_err(), "what is read stays");
        assert_eq!(listed(&*store), [1, 2, 3]);
        drop(reading);
        keep(&*store, 4, 201, Expect::Exactly(201)).unwrap();
        assert_eq!(listed(&*store), [4]);
    }
}

// proves: STO-21
#[test]
fn the_number_of_commits_is_kept_as_well_and_after_a_restart_the_oldest_are_the_same() {
    let disk = Arc::new(SimDisk::default());
    let store = on_disk(&disk, limits(300, 2));
    for n in [7, 8] {
        keep(&store, n, 50, Expect::Exactly(50)).unwrap();
    }
    drop(store);
    let store = on_disk(&disk, limits(300, 2));
    keep(&store, 9, 50, Expect::Exactly(50)).unwrap();
    assert_eq!(listed(&store), [8, 9]);
    drop(store);
    assert_eq!(listed(&on_disk(&disk, limits(300, 2))), [8, 9]);
}

//! Disks that are full or fail, one operation of the store at a time. Lives with failures are in `crashes`.

use std::fs;

use super::*;
use crate::battery::{Failure, arrive, commit, content, file, publish, read_all};
use crate::error::{ImportError, ReadError, WriteError};

fn store_on(disk: &SimDisk) -> FsStore {
    FsStore::open_on(Arc::new(disk.clone()), Path::new("store"), FsOptions::default()).unwrap()
}

// proves: STO-15
#[test]
fn a_full_disk_fails_the_transfer_by_name_and_frees_what_it_took() {
    let disk = SimDisk::new();
    let store = store_on(&disk);
    publish(&store, 1, &[1; 1_000]);
    let listed = store.commits().unwrap();
    disk.set_capacity(5_000);
    let mut writer = store.begin(Expect::Exactly(10_000)).unwrap();
    let reader = writer.reader().unwrap();
    writer.write(&[2; 2_000]).unwrap();
    let error = writer.write(&[2; 2_000]).unwrap_err();
    assert!(matches!(&error, WriteError::Disk(disk) if disk.is_full()), "{error}");
    assert!(matches!(
        reader.available(2_000, &crate::Wait::until_settled()),
        Err(ReadError::ArrivalFailed { .. })
    ));
    drop(writer);
    assert_eq!(disk.names(Path::new("store/commits")).len(), 3, "the half file is gone");
    assert_eq!(store.commits().unwrap(), listed);
    assert_eq!(read_all(&store.open(file(1)).unwrap()), [1; 1_000]);
    publish(&store, 2, &[2; 2_000]);
    assert_eq!(store.problems(), []);
}

// proves: STO-15
#[test]
fn a_disk_without_room_for_the_record_fails_the_publishing_by_name() {
    let disk = SimDisk::new();
    let store = store_on(&disk);
    let pending = arrive(&store, &[1; 1_000]);
    disk.set_capacity(1_200);
    let error = pending.publish(&commit(1), "Default").unwrap_err();
    assert!(matches!(&error, crate::PublishError::Disk(disk) if disk.is_full()), "{error}");
    assert_eq!(store.commits().unwrap(), []);
    assert_eq!(disk.names(Path::new("store/commits")), ["store.json"]);
    disk.set_capacity(10_000);
    publish(&store, 1, &[1; 1_000]);
}

// proves: STO-15
#[test]
fn each_failing_operation_of_an_import_leaves_nothing() {
    let bytes = content(1, 1_100_000);
    for failure in [Failure::Broken, Failure::Full] {
        for operation in 0.. {
            let disk = SimDisk::new();
            let store = store_on(&disk);
            disk.create_folders(Path::new("user")).unwrap();
            let path = Path::new("user/show.mvr");
            disk.put(path, &bytes);
            disk.fail(disk.operations() + operation, 1, failure);
            let before = disk.operations();
            let result = store.import(path, &|_| (), &Cancel::new());
            if disk.operations() <= before + operation {
                assert!(operation > 8 && result.is_ok());
                break;
            }
            let Err(error) = result else { panic!("operation {operation} failed and the import did not") };
            assert!(matches!(
                error,
                ImportError::SourceUnreadable(_) | ImportError::Write(WriteError::Disk(_))
            ));
            assert_eq!(disk.names(Path::new("store/commits")), ["store.json"]);
        }
    }
}

// proves: STO-15
#[test]
fn a_failing_disk_fails_reads_by_name() {
    let disk = SimDisk::new();
    let store = store_on(&disk);
    publish(&store, 1, &[1; 1_000]);
    let open = store.open(file(1)).unwrap();
    disk.fail(0, u64::MAX, Failure::Broken);
    let error = open.read_at(0, &mut [0; 10], &crate::Wait::until_settled()).unwrap_err();
    assert!(matches!(error, ReadError::Disk(DiskError::DeviceFailed { .. })), "{error}");
    assert!(matches!(store.open(file(1)), Err(ReadError::Disk(_))));
    assert_eq!(store.commits().unwrap().len(), 1);
    disk.heal();
    assert_eq!(read_all(&open), [1; 1_000]);
}

// proves: STO-15
#[test]
fn what_cannot_be_cleaned_away_is_told_and_goes_at_the_next_start() {
    let disk = SimDisk::new();
    let store = store_on(&disk);
    let writer = store.begin(Expect::Unknown).unwrap();
    disk.fail(0, u64::MAX, Failure::Broken);
    drop(writer);
    assert!(matches!(&store.problems()[..], [Problem::LeftoverKept { .. }]));
    disk.heal();
    drop(store);
    assert_eq!(store_on(&disk).problems(), []);
    assert_eq!(disk.names(Path::new("store/commits")), ["store.json"]);
}

#[test]
fn a_record_that_cannot_be_read_is_told_and_listed_at_the_next_start() {
    let disk = SimDisk::new();
    publish(&store_on(&disk), 1, &[1; 100]);
    for operation in 0.. {
        disk.heal();
        let from = disk.operations();
        disk.fail(from + operation, 1, Failure::Broken);
        let opened = FsStore::open_on(Arc::new(disk.clone()), Path::new("store"), FsOptions::default());
        if disk.operations() <= from + operation {
            assert_eq!(opened.unwrap().commits().unwrap().len(), 1);
            break;
        }
        match opened {
            Err(error) => assert!(matches!(error, OpenStoreError::Disk(_)), "{error}"),
            Ok(store) if store.commits().unwrap().is_empty() => assert_eq!(store.problems().len(), 1),
            // What failed was not needed to list it.
            Ok(store) => assert_eq!(store.commits().unwrap().len(), 1),
        }
    }
}

// proves: STO-15
#[test]
#[cfg(unix)]
fn a_directory_that_may_not_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let occupied = folder.path().join("file");
    fs::write(&occupied, "no folder").unwrap();
    assert!(matches!(FsStore::open(occupied.join("store")), Err(OpenStoreError::Disk(_))));
}

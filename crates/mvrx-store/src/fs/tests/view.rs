//! Looking at a store that somebody else holds.

use super::*;
use crate::battery::{file, publish, read_all};
use crate::error::ReadError;

#[test]
// proves: STO-16
fn lists_and_opens_what_a_running_store_has_and_changes_nothing() {
    let disk = OnDisk::new(SystemCalls::default());
    let store = disk.open();
    publish(&store, 1, b"first");
    let unfinished = store.begin(Expect::Unknown).unwrap();
    let before = disk.names();
    let view = FsView::open(disk.directory(), disk.options()).unwrap();
    assert_eq!(view.commits(), store.commits().unwrap());
    assert_eq!(read_all(&view.open_file(file(1)).unwrap()), b"first");
    assert_eq!(disk.names(), before);
    drop(unfinished);
    publish(&store, 2, b"later");
    assert!(matches!(view.open_file(file(2)), Err(ReadError::FileNotListed { .. })));
    assert_eq!(FsView::open(disk.directory(), disk.options()).unwrap().commits().len(), 2);
}

#[test]
// proves: STO-16
fn a_commit_removed_since_is_told_as_not_listed_and_an_open_file_reads_on() {
    let disk = OnDisk::new(SystemCalls::default());
    let store = disk.open();
    publish(&store, 1, b"first");
    let view = FsView::open(disk.directory(), disk.options()).unwrap();
    let open = view.open_file(file(1)).unwrap();
    store.remove(file(1)).unwrap();
    assert_eq!(read_all(&open), b"first");
    assert!(matches!(view.open_file(file(1)), Err(ReadError::FileNotListed { .. })));
}

#[test]
fn where_there_is_no_store_nothing_is_listed_and_nothing_made() {
    let folder = tempfile::tempdir().unwrap();
    let view = FsView::open(folder.path().join("nowhere"), FsOptions::default()).unwrap();
    assert!(view.commits().is_empty() && view.problems().is_empty());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn what_a_crash_left_is_not_listed_and_stays_for_the_store_to_clean() {
    let disk = OnDisk::new(SystemCalls::default());
    let store = disk.open();
    publish(&store, 1, b"first");
    drop(store);
    std::fs::write(disk.path("incoming-0000000000000099.part"), b"half").unwrap();
    let before = disk.names();
    assert_eq!(FsView::open(disk.directory(), disk.options()).unwrap().commits().len(), 1);
    assert_eq!(disk.names(), before);
}

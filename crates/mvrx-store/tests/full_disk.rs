//! A store on a disk that is really full: the folder in `MVRX_SMALL_DISK`, a tmpfs of a few MiB (`.ci/steps/51-history.sh`). Without it there
//! is nothing to test here; disks that are said to be full are in the crate's own tests.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

use std::fs;
use std::path::{Path, PathBuf};

use mvrx_message::FileUuid;
use mvrx_store::disk::DiskError;
use mvrx_store::{
    Cancel, Expect, FsOptions, FsStore, Fsck, Limits, PublishError, ReadError, Store, StoreError,
    StoredCommit, Wait, WriteError, fsck,
};

mod shared;

use shared::settle;

const LENGTH: usize = 400_000;

fn revision(number: u8) -> Vec<u8> {
    let mut state = 7_u64;
    let mut byte = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    let mut bytes: Vec<u8> = (0..LENGTH).map(|_| byte()).collect();
    bytes[1_000] = number;
    bytes
}

fn id(number: u8) -> FileUuid {
    shared::commit(u64::from(number), 0).file
}

fn commit(store: &FsStore, number: u8) -> Result<StoredCommit, StoreError> {
    let mut writer = store.begin(Expect::Exactly(LENGTH as u64))?;
    writer.write(&revision(number))?;
    let commit = shared::commit(u64::from(number), LENGTH as u64);
    Ok(writer.finish()?.publish(&commit, "Default")?)
}

/// The disk's words, if it is full.
fn full(error: &StoreError) -> Option<String> {
    let disk = match error {
        StoreError::Write(WriteError::Disk(disk))
        | StoreError::Publish(PublishError::Disk(disk))
        | StoreError::Read(ReadError::Disk(disk)) => disk,
        _ => return None,
    };
    disk.is_full().then(|| disk.to_string())
}

fn read(store: &FsStore, number: u8) -> Result<Vec<u8>, ReadError> {
    let open = store.open(id(number))?;
    let mut bytes = vec![0; LENGTH + 1];
    let mut filled = 0;
    loop {
        match open.read_at(filled as u64, &mut bytes[filled..], &Wait::until_settled())? {
            0 => break,
            count => filled += count,
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

fn look(directory: &Path) -> Fsck {
    fsck(directory, &FsOptions::default(), &|_, _| {}, &Cancel::new()).unwrap()
}

fn numbers(store: &FsStore) -> usize {
    store.commits().unwrap().len()
}

/// Fills the disk to the last byte.
fn fill(folder: &Path) -> PathBuf {
    use std::io::Write;
    let path = folder.join("filler");
    let mut file = fs::File::create(&path).unwrap();
    for piece in [65_536, 4_096, 1] {
        while file.write_all(&vec![1; piece]).is_ok() {}
    }
    path
}

// proves: STO-15, STO-27
#[test]
fn a_full_disk_is_told_loses_nothing_and_goes_on_when_there_is_room_again() {
    let Some(folder) = std::env::var_os("MVRX_SMALL_DISK") else { return };
    let folder = PathBuf::from(folder);
    let directory = folder.join("store");
    let store = FsStore::open(&directory).unwrap();
    let refused = (1..=60).find_map(|number| commit(&store, number).err()).expect("the disk holds all of it");
    let words = full(&refused).unwrap_or_else(|| panic!("another error: {refused}"));
    assert!(words.contains("no space left on the disk"), "{words}");
    let kept = u8::try_from(numbers(&store)).unwrap();
    println!("{kept} revisions of {LENGTH} bytes, then: {words}");
    assert!(kept > 4);
    let all_there = |store: &FsStore, from: u8, to: u8| {
        for number in from..=to {
            assert!(read(store, number).unwrap() == revision(number), "revision {number}");
        }
    };
    all_there(&store, 1, kept);
    assert_eq!(look(&directory).problems, []);

    // Not a byte is left for a recipe, nor for a record.
    let filler = fill(&folder);
    let error = store.compact(1, &Cancel::new()).unwrap_err();
    assert!(matches!(error, DiskError::NoSpaceLeft { .. }), "{error}");
    assert!(full(&commit(&store, 90).unwrap_err()).is_some());
    all_there(&store, 1, kept);
    assert_eq!(look(&directory).problems, []);

    // Recipes make room, and it goes on, also after a restart.
    fs::remove_file(&filler).unwrap();
    store.remove(id(1)).unwrap();
    let compaction = store.compact(1, &Cancel::new()).unwrap();
    println!("{compaction:?}");
    assert_eq!(compaction.compacted, usize::from(kept) - 2);
    commit(&store, 91).unwrap();
    drop(store);
    let store = FsStore::open(&directory).unwrap();
    assert_eq!((numbers(&store), store.problems()), (usize::from(kept), vec![]));
    all_there(&store, 2, kept);
    all_there(&store, 91, 91);

    // A start that cannot write its index lists all the same and leaves nothing over; as soon as there is room there is one.
    drop(store);
    settle(&folder);
    let filler = fill(&folder);
    let limits = Limits { unindexed: 0, ..Limits::default() };
    let indexed = || FsStore::open_with(&directory, FsOptions { limits, ..FsOptions::default() }).unwrap();
    let index = directory.join("commits/store.index");
    let names = || fs::read_dir(directory.join("commits")).unwrap().count();
    let (before, store) = (names(), indexed());
    assert_eq!((numbers(&store), store.problems()), (usize::from(kept), vec![]));
    assert!(!index.exists() && names() == before);
    drop(store);
    fs::remove_file(filler).unwrap();
    let store = indexed();
    assert_eq!((numbers(&store), store.problems()), (usize::from(kept), vec![]));
    println!("an index of {} bytes", fs::metadata(&index).unwrap().len());
    all_there(&store, 2, kept);

    // What became a recipe cannot be put together on a full disk; that is told, and nothing is lost by it.
    let filler = fill(&folder);
    let unread = StoreError::from(read(&store, 2).unwrap_err());
    println!("then: {unread}");
    assert!(full(&unread).is_some(), "{unread}");
    assert_eq!(look(&directory).problems, []);
    fs::remove_file(filler).unwrap();
    all_there(&store, 2, kept);
    drop(store);
    fs::remove_dir_all(directory).unwrap();
}

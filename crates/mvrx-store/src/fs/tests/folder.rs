//! What lies in the folder, who may use it, and what stays over a restart.

use std::fs;
use std::time::{Duration, SystemTime};

use super::*;
use crate::Wait;
use crate::battery::{arrive, commit, content, file, publish, read_all};
use crate::error::ImportError;

fn both() -> [OnDisk; 2] {
    [OnDisk::new(SystemCalls::Native), OnDisk::new(SystemCalls::Portable)]
}

// proves: STO-01
#[test]
fn a_half_file_never_has_its_final_name() {
    for disk in both() {
        let store = disk.open();
        let mut writer = store.begin(Expect::Exactly(20)).unwrap();
        writer.write(&[1; 10]).unwrap();
        assert_eq!(disk.names(), ["incoming-0000000000000001.part", "store.json"]);
        writer.write(&[2; 10]).unwrap();
        let pending = writer.finish().unwrap();
        assert_eq!(disk.names(), ["incoming-0000000000000001.part", "store.json"]);
        pending.publish(&commit(1), "Default").unwrap();
        let stem = format!("000000000001-{}", file(1));
        assert_eq!(disk.names(), [format!("{stem}.json"), format!("{stem}.mvr"), "store.json".to_owned()]);
        assert_eq!(fs::read(disk.path(&format!("{stem}.mvr"))).unwrap(), [[1; 10], [2; 10]].concat());
    }
}

// proves: STO-01
#[test]
fn what_is_given_up_leaves_no_file() {
    for disk in both() {
        let store = disk.open();
        drop(store.begin(Expect::Exactly(20)).unwrap());
        drop(arrive(&store, b"rig"));
        let mut writer = store.begin(Expect::Exactly(1)).unwrap();
        writer.write(b"too long").unwrap_err();
        drop(writer);
        publish(&store, 1, b"rig");
        arrive(&store, b"gir").publish(&commit(1), "Default").unwrap_err();
        publish(&store, 1, b"rig");
        store.remove(file(1)).unwrap();
        let mark = format!("000000000001-{}.removed", file(1));
        assert_eq!(disk.names(), [mark, "store.json".to_owned()]);
        assert_eq!(store.problems(), []);
    }
}

// proves: STO-02, STO-08
#[test]
fn a_restart_lists_the_same_commits_with_everything_they_had() {
    for disk in both() {
        let clock = Clock::new(|| SystemTime::UNIX_EPOCH + Duration::new(1_763_700_000, 123_456_789));
        let options = FsOptions { clock, ..disk.options() };
        let store = FsStore::open_with(disk.directory(), options).unwrap();
        for number in [7, 2, 5, 200] {
            let mut told = commit(number);
            told.blake3 = (number == 5).then(|| crate::battery::hash(&content(5, 3_000)));
            told.station = told.station.filter(|_| number != 2);
            arrive(&store, &content(number.into(), 3_000)).publish(&told, "Grüppe \"1\"").unwrap();
        }
        store.remove(file(2)).unwrap();
        let before = store.commits().unwrap();
        let seen = SystemTime::UNIX_EPOCH + Duration::from_millis(1_763_700_000_123);
        assert!(before.iter().all(|stored| stored.seen == seen));
        drop(store);
        let store = disk.open();
        assert_eq!(store.commits().unwrap(), before);
        for stored in &before {
            let bytes = read_all(&store.open(stored.commit.file).unwrap());
            assert_eq!(crate::battery::hash(&bytes), stored.hash);
        }
        // The quota knows what is there.
        drop(store);
        let limits = Limits { total_bytes: 9_001, ..Limits::default() };
        let store = FsStore::open_with(disk.directory(), FsOptions { limits, ..disk.options() }).unwrap();
        assert!(store.begin(Expect::Exactly(2)).is_err());
        assert!(store.begin(Expect::Exactly(1)).is_ok());
    }
}

// proves: STO-11
#[test]
fn a_number_is_not_used_again_after_a_restart_and_one_mark_is_enough() {
    let disk = OnDisk::new(SystemCalls::Native);
    let mut highest = 0;
    for number in 1..5 {
        let store = disk.open();
        for _ in 0..2 {
            let stored = publish(&store, number, b"rig");
            assert!(stored.sequence > highest);
            highest = stored.sequence;
            store.remove(file(number)).unwrap();
        }
        assert!(disk.names().len() <= 3, "{:?}", disk.names());
    }
    let store = disk.open();
    assert_eq!(disk.names().len(), 2);
    assert_eq!(publish(&store, 9, b"rig").sequence, highest + 1);
    drop(store);
    drop(disk.open());
    assert_eq!(disk.names().len(), 3, "the mark has done its work: {:?}", disk.names());
}

// proves: STO-02
#[test]
fn cleans_leftovers_of_its_own_names_and_leaves_all_others_alone() {
    let disk = OnDisk::new(SystemCalls::Native);
    publish(&disk.open(), 1, b"rig");
    let before = disk.names();
    let uuid = file(9);
    let theirs = ["incoming-1.part", "notes.txt", "rig.mvr", ".hidden", "incoming-0000000000000007.part.txt"];
    let ours = ["incoming-0000000000000007.part".to_owned(), format!("000000000009-{uuid}.publishing")];
    for name in theirs.iter().copied().chain(ours.iter().map(String::as_str)) {
        fs::write(disk.path(name), "x").unwrap();
    }
    fs::write(disk.path(&format!("000000000009-{uuid}.mvr")), "never acknowledged").unwrap();
    fs::write(disk.directory().join("incoming-0000000000000007.part"), "in another folder").unwrap();
    let store = disk.open();
    assert_eq!(store.problems(), []);
    let mut expected = before;
    expected.extend(theirs.map(str::to_owned));
    expected.sort();
    assert_eq!(disk.names(), expected);
    assert!(disk.directory().join("incoming-0000000000000007.part").exists());
}

// proves: STO-12
#[test]
fn a_directory_is_in_use_until_everything_of_the_store_is_gone() {
    let disk = OnDisk::new(SystemCalls::Native);
    let store = disk.open();
    let in_use = || match FsStore::open(disk.directory()) {
        Err(OpenStoreError::DirectoryInUse { path, process }) => {
            assert_eq!((path, process), (disk.directory(), Some(std::process::id())));
            true
        }
        other => other.map(|_| false).unwrap(),
    };
    assert!(in_use());
    let (clone, pending) = (store.clone(), arrive(&store, b"rig"));
    drop(store);
    assert!(in_use());
    drop(clone);
    assert!(in_use(), "a pending file can still be published");
    pending.publish(&commit(1), "Default").unwrap();
    assert!(!in_use());
    assert_eq!(disk.open().commits().unwrap().len(), 1);
}

// proves: STO-12
#[test]
fn uses_a_lock_that_covers_its_directory_and_no_other() {
    let disk = OnDisk::new(SystemCalls::Native);
    let lock = DirLock::acquire(disk.folder.path()).unwrap();
    let options = FsOptions { lock: Some(lock.clone()), ..disk.options() };
    let store = FsStore::open_with(disk.directory(), options.clone()).unwrap();
    drop(lock);
    assert!(!disk.directory().join("mvrx.lock").exists());
    let other = tempfile::tempdir().unwrap();
    let error = FsStore::open_with(other.path(), options.clone()).unwrap_err();
    assert!(matches!(error, OpenStoreError::LockCoversOtherDirectory { .. }), "{error}");
    drop((store, options));
    DirLock::acquire(disk.folder.path()).unwrap();
}

// proves: STO-09
#[test]
fn lowered_limits_unlist_nothing_and_refuse_more() {
    let disk = OnDisk::new(SystemCalls::Native);
    let store = disk.open();
    for number in 1..4 {
        publish(&store, number, &[number; 100]);
    }
    let before = store.commits().unwrap();
    drop(store);
    let limits = Limits {
        commits: 1,
        total_bytes: 10,
        file_bytes: 10,
        record_bytes: 10,
        name_attempts: 1,
        ..Limits::default()
    };
    let store = FsStore::open_with(disk.directory(), FsOptions { limits, ..disk.options() }).unwrap();
    assert_eq!(store.commits().unwrap(), before);
    assert_eq!(store.problems(), []);
    assert!(store.begin(Expect::Exactly(1)).is_err());
    let pending = arrive(&store, b"");
    assert_eq!(
        pending.publish(&commit(9), "Default").unwrap_err(),
        crate::PublishError::CommitListFull { listed: 3, allowed: 1 }
    );
}

#[test]
fn gives_out_descriptors_where_the_system_reads_at_positions() {
    let bytes = content(3, 10_000);
    for (disk, native) in both().into_iter().zip([true, false]) {
        let store = disk.open();
        publish(&store, 1, &bytes);
        let open = store.open(file(1)).unwrap();
        let extents = open.extents();
        assert_eq!(!extents.is_empty(), native);
        for extent in extents {
            assert_eq!((extent.offset, extent.length), (0, 10_000));
            assert_eq!(extent.file.metadata().unwrap().len(), 10_000);
        }
        let mut writer = store.begin(Expect::Unknown).unwrap();
        assert!(writer.as_file().is_some(), "bytes can be moved in either way");
        let mut buffer = [0; 4];
        assert_eq!(open.read_at(5_000, &mut buffer, &Wait::until_settled()).unwrap(), 4);
        assert_eq!(buffer, bytes[5_000..5_004]);
    }
}

// proves: STO-07
#[test]
#[cfg(target_os = "linux")]
fn refuses_a_pipe_without_waiting_for_its_writer() {
    let disk = OnDisk::new(SystemCalls::Native);
    let path = disk.folder.path().join("pipe.mvr");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let error = disk.open().import(&path, &|_| (), &Cancel::new()).unwrap_err();
    assert_eq!(error, ImportError::SourceIsNoRegularFile { path });
}

#[test]
#[cfg(unix)]
fn imports_what_a_link_points_to() {
    let disk = OnDisk::new(SystemCalls::Native);
    let (path, link) = (disk.folder.path().join("show.mvr"), disk.folder.path().join("link.mvr"));
    fs::write(&path, "rig").unwrap();
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert_eq!(disk.open().import(&link, &|_| (), &Cancel::new()).unwrap().length(), 3);
}

#[test]
fn creates_what_is_missing_above_its_directory() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("a").join("b").join("store");
    publish(&FsStore::open(&deep).unwrap(), 1, b"rig");
    assert_eq!(FsStore::open(&deep).unwrap().commits().unwrap().len(), 1);
}

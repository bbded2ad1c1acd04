use std::fs;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::battery::{Failure, SimDisk, content, file, publish};
use crate::disk::{Disk, DiskError};
use crate::{Cancel, FsOptions, FsStore, PutAwayError, Store, TakeOutName};
use std::path::Path;

fn store_on(disk: &SimDisk) -> FsStore {
    disk.create_folders(Path::new("user")).unwrap();
    FsStore::open_on(Arc::new(disk.clone()), Path::new("store"), FsOptions::default()).unwrap()
}

// proves: STO-13, STO-15
#[test]
fn each_failing_operation_leaves_nothing_or_a_whole_file() {
    let user = Path::new("user");
    for failure in [Failure::Broken, Failure::Full] {
        for operation in 0.. {
            let disk = SimDisk::new();
            let store = store_on(&disk);
            let bytes = content(1, 5_000);
            publish(&store, 1, &bytes);
            let from = disk.operations();
            disk.fail(from + operation, 1, failure);
            let result = store.put_away(file(1), user, "rig", &Cancel::new());
            if disk.operations() <= from + operation {
                assert!(operation > 8 && result.is_ok());
                break;
            }
            match result {
                Err(error) => {
                    assert!(matches!(error, PutAwayError::Disk(_) | PutAwayError::Read(_)), "{error}");
                    assert_eq!(disk.names(user), Vec::<String>::new(), "operation {operation}");
                }
                Ok(saved) => panic!("operation {operation} failed and {saved:?} was told"),
            }
            // The next attempt is not disturbed by it.
            let saved = store.put_away(file(1), user, "rig", &Cancel::new()).unwrap();
            assert_eq!(disk.bytes(&saved.path), Some(bytes));
            assert_eq!(disk.names(user), ["rig.mvr"]);
        }
    }
}

// proves: STO-15
#[test]
fn a_full_folder_is_named_and_left_clean() {
    let disk = SimDisk::new();
    let store = store_on(&disk);
    publish(&store, 1, &content(1, 5_000));
    disk.set_capacity(8_000);
    let error = store.put_away(file(1), Path::new("user"), "rig", &Cancel::new()).unwrap_err();
    assert!(matches!(&error, PutAwayError::Disk(disk) if DiskError::is_full(disk)), "{error}");
    assert_eq!(disk.names(Path::new("user")), Vec::<String>::new());
}

// proves: STO-13
#[test]
fn bytes_that_rotted_in_the_store_are_not_given_out() {
    let folder = tempfile::tempdir().unwrap();
    let (store_folder, user) = (folder.path().join("store"), folder.path().join("user"));
    fs::create_dir(&user).unwrap();
    let store = FsStore::open(&store_folder).unwrap();
    publish(&store, 1, &content(1, 5_000));
    let stored = store_folder.join("commits").join(format!("000000000001-{}.mvr", file(1)));
    let mut rotten = fs::read(&stored).unwrap();
    rotten[4_321] ^= 1;
    fs::write(&stored, rotten).unwrap();
    let error = store.put_away(file(1), &user, "rig", &Cancel::new()).unwrap_err();
    assert_eq!(error, PutAwayError::StoredContentDamaged { file: file(1) });
    assert_eq!(fs::read_dir(&user).unwrap().count(), 0);
}

// proves: STO-13
#[test]
#[cfg(unix)]
fn never_writes_through_a_link_that_somebody_puts_in_its_way() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let (user, outside) = (folder.path().join("user"), folder.path().join("outside.mvr"));
    fs::create_dir(&user).unwrap();
    let store = FsStore::open(folder.path().join("store")).unwrap();
    publish(&store, 1, b"stored");
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let swapper = scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let _ = symlink(&outside, user.join("rig.mvr"));
                let _ = fs::remove_file(user.join("rig.mvr"));
            }
        });
        for _ in 0..60 {
            let saved = store.put_away(file(1), &user, "rig", &Cancel::new()).unwrap();
            assert!(saved.path.starts_with(&user));
            assert!(!outside.exists(), "written through the link");
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        swapper.join().unwrap();
    });
    // A link to a file of the very same bytes is still not that file.
    fs::write(&outside, b"stored").unwrap();
    fs::remove_dir_all(&user).unwrap();
    fs::create_dir(&user).unwrap();
    symlink(&outside, user.join("rig.mvr")).unwrap();
    let saved = store.put_away(file(1), &user, "rig", &Cancel::new()).unwrap();
    assert_eq!(saved.path, user.join("rig (2).mvr"));
}

// proves: STO-13
#[test]
fn a_file_that_is_taken_out_is_moved_and_no_longer_listed() {
    let folder = tempfile::tempdir().unwrap();
    let (store_folder, user) = (folder.path().join("store"), folder.path().join("user"));
    fs::create_dir(&user).unwrap();
    let store = FsStore::open(&store_folder).unwrap();
    let bytes = content(1, 5_000);
    publish(&store, 1, &bytes);
    let stored = store_folder.join("commits").join(format!("000000000001-{}.mvr", file(1)));
    let before = inode(&stored);
    fs::write(user.join("rig.mvr"), b"another").unwrap();
    let saved = store.take_out(file(1), &user, TakeOutName::Hint("rig"), &Cancel::new()).unwrap();
    assert_eq!(saved.path, user.join("rig (2).mvr"));
    assert_eq!(fs::read(&saved.path).unwrap(), bytes);
    assert_eq!(inode(&saved.path), before, "moved, not copied");
    assert_eq!(store.commits().unwrap(), []);
    assert_eq!(fs::read(user.join("rig.mvr")).unwrap(), b"another");
    drop(store);
    assert_eq!(FsStore::open(&store_folder).unwrap().commits().unwrap(), []);
}

// proves: STO-13
#[test]
fn a_name_that_the_user_typed_is_taken_as_it_is_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let (store_folder, user) = (folder.path().join("store"), folder.path().join("user"));
    fs::create_dir(&user).unwrap();
    let store = FsStore::open(&store_folder).unwrap();
    publish(&store, 1, b"new");
    let exactly = |name: &'static str| TakeOutName::Exactly(name.as_ref());
    fs::write(user.join("a: b"), b"his").unwrap();
    let taken = store.take_out(file(1), &user, exactly("a: b"), &Cancel::new()).unwrap_err();
    assert_eq!(taken, PutAwayError::NameTaken { path: user.join("a: b") });
    let saved = store.take_out(file(1), &user, exactly("show.zip"), &Cancel::new()).unwrap();
    assert_eq!((saved.path.clone(), fs::read(saved.path).unwrap()), (user.join("show.zip"), b"new".to_vec()));
    assert_eq!(fs::read(user.join("a: b")).unwrap(), b"his");
}

#[cfg(unix)]
fn inode(path: &Path) -> u64 {
    std::os::unix::fs::MetadataExt::ino(&fs::metadata(path).unwrap())
}

#[cfg(not(unix))]
fn inode(_: &Path) -> u64 {
    0
}

//! Stored files that are saved into a folder of the user.

use std::sync::Arc;
use std::thread;

use super::{Subject, content, file, publish};
use crate::{Cancel, Limits, PutAway, PutAwayError, ReadError};

// proves: STO-13
pub fn saves_under_a_safe_name(subject: &dyn Subject) {
    let store = subject.store(Limits::default());
    let (folder, bytes) = (subject.folder(), content(1, 1_700_000));
    publish(&*store, 1, &bytes);
    let saved = store.put_away(file(1), &folder, "rig.mvr", &Cancel::new()).unwrap();
    assert_eq!(saved, PutAway { path: folder.join("rig.mvr"), already_there: false });
    assert_eq!(subject.bytes(&saved.path), bytes);
    assert_eq!(subject.names(&folder), ["rig.mvr"]);
    let unlisted = store.put_away(file(2), &folder, "x", &Cancel::new()).unwrap_err();
    assert_eq!(unlisted, PutAwayError::Read(ReadError::FileNotListed { file: file(2) }));
}

// proves: STO-13
pub fn never_overwrites_but_numbers(subject: &dyn Subject) {
    let store = subject.store(Limits::default());
    let folder = subject.folder();
    publish(&*store, 1, b"new");
    subject.write(&folder.join("rig.mvr"), b"old");
    subject.write(&folder.join("rig (2).mvr"), b"older");
    let saved = store.put_away(file(1), &folder, "rig.mvr", &Cancel::new()).unwrap();
    assert_eq!(saved.path, folder.join("rig (3).mvr"));
    assert_eq!(subject.bytes(&saved.path), b"new");
    assert_eq!(subject.bytes(&folder.join("rig.mvr")), b"old");
    assert_eq!(subject.names(&folder), ["rig (2).mvr", "rig (3).mvr", "rig.mvr"]);
}

// proves: STO-13
pub fn gives_the_same_file_again_instead_of_a_second_copy(subject: &dyn Subject) {
    let store = subject.store(Limits::default());
    let folder = subject.folder();
    publish(&*store, 1, b"new");
    subject.write(&folder.join("rig.mvr"), b"old");
    let first = store.put_away(file(1), &folder, "rig.mvr", &Cancel::new()).unwrap();
    let again = store.put_away(file(1), &folder, "rig.mvr", &Cancel::new()).unwrap();
    assert_eq!(again, PutAway { path: first.path.clone(), already_there: true });
    // The user edits it to other bytes of the same length: it is his now.
    subject.write(&first.path, b"his");
    let third = store.put_away(file(1), &folder, "rig.mvr", &Cancel::new()).unwrap();
    assert_eq!(third, PutAway { path: folder.join("rig (3).mvr"), already_there: false });
    assert_eq!(subject.bytes(&first.path), b"his");
}

// proves: STO-13
pub fn hostile_names_stay_in_the_folder(subject: &dyn Subject) {
    let store = subject.store(Limits::default());
    let folder = subject.folder();
    publish(&*store, 1, b"new");
    let long = "灯".repeat(400);
    for hint in [
        "../../up.mvr",
        "/etc/passwd",
        "C:\\boot.ini",
        "..",
        "",
        "a\0b",
        "CON",
        "x\u{202e}rvm.exe",
        &long,
        "a/../b",
    ] {
        let saved = store.put_away(file(1), &folder, hint, &Cancel::new()).unwrap();
        assert_eq!(saved.path.parent(), Some(&*folder), "{hint:?}");
        let name = saved.path.file_name().unwrap().to_str().unwrap();
        assert!(name.ends_with(".mvr") && name.len() <= 255, "{hint:?} gave {name:?}");
    }
}

pub fn refuses_a_folder_that_does_not_exist(subject: &dyn Subject) {
    let store = subject.store(Limits::default());
    publish(&*store, 1, b"new");
    let file_path = subject.folder().join("file");
    subject.write(&file_path, b"no folder");
    for path in [subject.folder().join("none"), file_path] {
        let error = store.put_away(file(1), &path, "rig", &Cancel::new()).unwrap_err();
        assert_eq!(error, PutAwayError::FolderMissing { path });
    }
}

// proves: STO-09
pub fn gives_up_when_all_names_are_taken(subject: &dyn Subject) {
    let store = subject.store(Limits { name_attempts: 2, ..Limits::default() });
    let folder = subject.folder();
    publish(&*store, 1, b"new");
    subject.write(&folder.join("rig.mvr"), b"old");
    let second = folder.join("rig (2).mvr");
    assert_eq!(store.put_away(file(1), &folder, "rig", &Cancel::new()).unwrap().path, second);
    subject.write(&second, b"his");
    let error = store.put_away(file(1), &folder, "rig", &Cancel::new()).unwrap_err();
    assert_eq!(error, PutAwayError::AllNamesTaken { name: "rig.mvr".to_owned(), attempts: 2 });
    assert_eq!(subject.names(&folder).len(), 2);
}

pub fn a_cancelled_save_leaves_nothing(subject: &dyn Subject) {
    let store = subject.store(Limits::default());
    publish(&*store, 1, b"new");
    let cancel = Cancel::new();
    cancel.cancel();
    let error = store.put_away(file(1), &subject.folder(), "rig", &cancel).unwrap_err();
    assert_eq!(error, PutAwayError::PutAwayCancelled);
    assert_eq!(subject.names(&subject.folder()), Vec::<String>::new());
}

// proves: STO-13
pub fn many_saves_at_once_make_one_file(subject: &dyn Subject) {
    let store = subject.store(Limits::default());
    let (folder, bytes) = (subject.folder(), content(1, 400_000));
    publish(&*store, 1, &bytes);
    thread::scope(|scope| {
        for _ in 0..4 {
            let (store, folder) = (Arc::clone(&store), folder.clone());
            scope.spawn(move || {
                let saved = store.put_away(file(1), &folder, "rig.mvr", &Cancel::new()).unwrap();
                assert_eq!(saved.path, folder.join("rig.mvr"));
            });
        }
    });
    assert_eq!(subject.names(&folder), ["rig.mvr"]);
    assert_eq!(subject.bytes(&folder.join("rig.mvr")), bytes);
}

// proves: STO-13
pub fn saves_of_different_files_at_once_overwrite_nothing(subject: &dyn Subject) {
    let store = subject.store(Limits::default());
    let folder = subject.folder();
    for number in 1..=6 {
        publish(&*store, number, &content(number.into(), 9_000));
    }
    thread::scope(|scope| {
        for number in 1..=6 {
            let (store, folder) = (Arc::clone(&store), folder.clone());
            scope.spawn(move || store.put_away(file(number), &folder, "rig.mvr", &Cancel::new()).unwrap());
        }
    });
    let names = subject.names(&folder);
    assert_eq!(names.len(), 6, "{names:?}");
    let mut found: Vec<_> = names.iter().map(|name| subject.bytes(&folder.join(name))).collect();
    let mut expected: Vec<_> = (1..=6).map(|number| content(number, 9_000)).collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

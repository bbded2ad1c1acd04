//! Files of the user that are taken in.

use std::cell::{Cell, RefCell};

use super::{Subject, commit, content, file, hash, publish, read_all};
use crate::{Cancel, ImportError, Limits, WriteError};

pub fn takes_in_a_file_and_tells_its_progress(subject: &dyn Subject) {
    let store = subject.store(Limits::default());
    let (path, bytes) = (subject.folder().join("show.mvr"), content(1, 2_500_000));
    subject.write(&path, &bytes);
    let told = RefCell::new(Vec::new());
    let pending = store.import(&path, &|done| told.borrow_mut().push(done), &Cancel::new()).unwrap();
    assert_eq!((pending.length(), pending.hash()), (2_500_000, hash(&bytes)));
    assert_eq!(pending.announced_otherwise(), None);
    let told = told.into_inner();
    assert!(told.is_sorted() && told.len() > 2, "{told:?}");
    assert_eq!(told.last(), Some(&2_500_000));
    pending.publish(&commit(1), "Default").unwrap();
    assert_eq!(read_all(&store.open(file(1)).unwrap()), bytes);
}

// proves: STO-06
pub fn later_edits_of_the_original_change_nothing(subject: &dyn Subject) {
    let store = subject.store(Limits::default());
    let (path, bytes) = (subject.folder().join("show.mvr"), content(1, 300_000));
    subject.write(&path, &bytes);
    let pending = store.import(&path, &|_| (), &Cancel::new()).unwrap();
    subject.write(&path, &content(2, 300_001));
    pending.publish(&commit(1), "Default").unwrap();
    subject.write(&path, b"gone");
    assert_eq!(read_all(&store.open(file(1)).unwrap()), bytes);
}

// proves: STO-07
pub fn names_what_cannot_be_imported(subject: &dyn Subject) {
    let store = subject.store(Limits::default());
    let folder = subject.folder();
    let import = |path| store.import(path, &|_| (), &Cancel::new()).unwrap_err();
    let path = folder.join("none.mvr");
    assert_eq!(import(&path), ImportError::SourceMissing { path: path.clone() });
    assert_eq!(import(&folder), ImportError::SourceIsFolder { path: folder.clone() });
    subject.write(&path, b"");
    assert_eq!(import(&path), ImportError::SourceEmpty { path: path.clone() });
    assert_eq!(store.commits().unwrap(), []);
}

// proves: STO-06
pub fn refuses_a_source_that_changes_while_it_is_copied(subject: &dyn Subject) {
    let store = subject.store(Limits { total_bytes: 2_000_000, ..Limits::default() });
    let path = subject.folder().join("show.mvr");
    for length in [1_900_000, 1_300_000] {
        subject.write(&path, &content(1, 1_500_000));
        let changed = Cell::new(false);
        let change = |_| {
            if !changed.replace(true) {
                subject.write(&path, &content(2, length));
            }
        };
        let error = store.import(&path, &change, &Cancel::new()).unwrap_err();
        let after = length as u64;
        let expected = ImportError::SourceChangedWhileCopied { path: path.clone(), before: 1_500_000, after };
        assert_eq!(error, expected);
    }
    publish(&*store, 1, &content(3, 2_000_000));
}

// proves: STO-06
pub fn refuses_a_source_that_is_replaced_by_other_bytes_of_the_same_length(subject: &dyn Subject) {
    let store = subject.store(Limits::default());
    let path = subject.folder().join("show.mvr");
    subject.write(&path, &content(1, 1_500_000));
    subject.age(&path);
    let changed = Cell::new(false);
    let change = |_| {
        if !changed.replace(true) {
            subject.write(&path, &content(2, 1_500_000));
        }
    };
    let error = store.import(&path, &change, &Cancel::new()).unwrap_err();
    let expected =
        ImportError::SourceChangedWhileCopied { path: path.clone(), before: 1_500_000, after: 1_500_000 };
    assert_eq!(error, expected);
}

pub fn a_cancelled_import_leaves_nothing(subject: &dyn Subject) {
    let store = subject.store(Limits { total_bytes: 1_500_000, ..Limits::default() });
    let path = subject.folder().join("show.mvr");
    subject.write(&path, &content(1, 1_500_000));
    let cancel = Cancel::new();
    let error = store.import(&path, &|_| cancel.cancel(), &cancel).unwrap_err();
    assert_eq!(error, ImportError::ImportCancelled);
    let early = store.import(&path, &|_| (), &cancel).unwrap_err();
    assert_eq!(early, ImportError::ImportCancelled);
    store.import(&path, &|_| (), &Cancel::new()).unwrap();
}

// proves: STO-09
pub fn refuses_an_import_over_a_limit(subject: &dyn Subject) {
    let store = subject.store(Limits { file_bytes: 10, total_bytes: 15, ..Limits::default() });
    let path = subject.folder().join("show.mvr");
    subject.write(&path, &[1; 11]);
    let import = || store.import(&path, &|_| (), &Cancel::new());
    let over = WriteError::FileOverLimit { length: 11, allowed: 10 };
    assert_eq!(import().unwrap_err(), ImportError::Write(over));
    subject.write(&path, &[1; 10]);
    import().unwrap().publish(&commit(1), "Default").unwrap();
    let full = WriteError::StoreQuotaReached { used: 10, wanted: 10, allowed: 15 };
    assert_eq!(import().unwrap_err(), ImportError::Write(full));
}

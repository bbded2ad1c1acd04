//! What is listed, in which order, and how much of it.

use std::sync::Arc;
use std::thread;

use super::{Subject, arrive, commit, content, file, hash, publish, read_all};
use crate::{Limits, PublishError, ReadError, RemoveError, Wait, WithdrawError, WriteError};

// proves: STO-08
pub fn lists_commits_in_the_order_of_arrival(subject: &dyn Subject) {
    let store = subject.store(Limits::default());
    let published: Vec<_> =
        [5, 1, 9, 3].map(|number| publish(&*store, number, &content(number.into(), 10))).into();
    let listed = store.commits().unwrap();
    assert_eq!(listed, published);
    assert!(listed.windows(2).all(|pair| pair[0].sequence < pair[1].sequence));
    assert_eq!(store.commit(file(9)).unwrap().as_ref(), Some(&published[2]));
    assert_eq!(store.commit(file(2)).unwrap(), None);
    assert_eq!(store.problems(), []);
}

pub fn lists_nothing_before_it_is_published(subject: &dyn Subject) {
    let store = subject.store(Limits::default());
    let pending = arrive(&*store, b"rig");
    assert_eq!(store.commits().unwrap(), []);
    assert_eq!(read_all(&pending.read().unwrap()), b"rig");
    assert_eq!(store.open(file(1)).unwrap_err(), ReadError::FileNotListed { file: file(1) });
    drop(pending);
    assert_eq!(store.commits().unwrap(), []);
}

// proves: STO-28
pub fn remembers_what_was_withdrawn(subject: &dyn Subject) {
    let store = subject.store(Limits::default());
    let bytes = content(1, 1_000);
    for number in 1..=2 {
        publish(&*store, number, &bytes);
    }
    assert!(store.withdrawn().unwrap().is_empty());
    assert_eq!(store.withdraw(file(3)), Err(WithdrawError::FileNotListed { file: file(3) }));
    assert_eq!((store.withdraw(file(1)), store.withdraw(file(1))), (Ok(true), Ok(false)));
    assert_eq!(store.withdrawn().unwrap(), [file(1)].into());
    // It is a part of the history all the same.
    assert_eq!((store.commits().unwrap().len(), read_all(&store.open(file(1)).unwrap())), (2, bytes));
    store.remove(file(1)).unwrap();
    assert!(store.withdrawn().unwrap().is_empty(), "what is gone is not withdrawn");
}

pub fn keeps_every_field_of_a_commit(subject: &dyn Subject) {
    let store = subject.store(Limits::default());
    let bytes = content(1, 1_234);
    let mut told = commit(1);
    told.blake3 = Some(hash(&bytes));
    let stored = arrive(&*store, &bytes).publish(&told, "Grüppe 1").unwrap();
    assert_eq!(stored.commit, told, "kept as told, also with a file size that is wrong");
    assert_eq!(stored.length, 1_234);
    assert_eq!(stored.hash, hash(&bytes));
    assert_eq!(stored.group, "Grüppe 1");
    assert_eq!(store.commits().unwrap(), [stored]);
}

pub fn gives_each_reader_the_bytes_at_its_position(subject: &dyn Subject) {
    let store = subject.store(Limits::default());
    let bytes = content(2, 700_000);
    publish(&*store, 1, &bytes);
    let open = store.open(file(1)).unwrap();
    assert_eq!(open.length(), Some(700_000));
    thread::scope(|scope| {
        for reader in 0..4_usize {
            let (open, bytes) = (open.clone(), &bytes);
            scope.spawn(move || {
                let mut buffer = vec![0; 33_333];
                for step in 0..40 {
                    let at = (reader * 7_919 + step * 17_011) % bytes.len();
                    let count = open.read_at(at as u64, &mut buffer, &Wait::until_settled()).unwrap();
                    assert!(count > 0);
                    assert_eq!(buffer[..count], bytes[at..at + count]);
                }
            });
        }
    });
    let mut buffer = [0; 8];
    assert_eq!(open.read_at(699_999, &mut buffer, &Wait::until_settled()).unwrap(), 1);
    for end in [700_000, 700_001, u64::MAX] {
        assert_eq!(open.read_at(end, &mut buffer, &Wait::until_settled()).unwrap(), 0);
    }
    assert_eq!(open.read_at(0, &mut [], &Wait::until_settled()).unwrap(), 0);
    assert!(open.extents().iter().map(|extent| extent.length).sum::<u64>() % 700_000 == 0);
}

// proves: STO-08
pub fn publishing_the_same_file_twice_gives_the_first_commit(subject: &dyn Subject) {
    let store = subject.store(Limits { total_bytes: 6, ..Limits::default() });
    let first = publish(&*store, 1, b"rig");
    let mut again = commit(1);
    again.comment = "told by another station".to_owned();
    assert_eq!(arrive(&*store, b"rig").publish(&again, "Other").unwrap(), first);
    assert_eq!(store.commits().unwrap(), [first]);
    // The second copy is gone and so are its bytes in the quota.
    publish(&*store, 2, b"cat");
}

// proves: STO-08
pub fn refuses_other_content_for_a_listed_file(subject: &dyn Subject) {
    let store = subject.store(Limits::default());
    let first = publish(&*store, 1, b"rig");
    let error = arrive(&*store, b"gir").publish(&commit(1), "Default").unwrap_err();
    let expected = PublishError::FileListedWithOtherContent {
        file: file(1),
        listed: hash(b"rig"),
        offered: hash(b"gir"),
    };
    assert_eq!(error, expected);
    assert_eq!(store.commits().unwrap(), [first]);
    assert_eq!(read_all(&store.open(file(1)).unwrap()), b"rig");
}

pub fn refuses_content_that_is_not_the_commits(subject: &dyn Subject) {
    let store = subject.store(Limits::default());
    let mut told = commit(1);
    told.blake3 = Some(hash(b"rig"));
    let error = arrive(&*store, b"gir").publish(&told, "Default").unwrap_err();
    let expected =
        PublishError::ContentIsNotTheCommits { file: file(1), told: hash(b"rig"), found: hash(b"gir") };
    assert_eq!(error, expected);
    assert_eq!(store.commits().unwrap(), []);
}

// proves: STO-11
pub fn removed_commits_are_gone_and_their_readers_read_on(subject: &dyn Subject) {
    let store = subject.store(Limits { total_bytes: 300_000, ..Limits::default() });
    let bytes = content(1, 300_000);
    publish(&*store, 1, &bytes);
    let open = store.open(file(1)).unwrap();
    store.remove(file(1)).unwrap();
    assert_eq!(store.commits().unwrap(), []);
    assert_eq!(store.open(file(1)).unwrap_err(), ReadError::FileNotListed { file: file(1) });
    assert_eq!(store.remove(file(1)).unwrap_err(), RemoveError::FileNotListed { file: file(1) });
    assert_eq!(read_all(&open), bytes);
    // Its bytes are free again, and so is its name, for any content.
    publish(&*store, 1, &content(2, 300_000));
    assert_eq!(store.problems(), []);
}

// proves: STO-11
pub fn never_uses_a_sequence_number_twice(subject: &dyn Subject) {
    let store = subject.store(Limits::default());
    let mut last = 0;
    for number in 1..6 {
        let stored = publish(&*store, number, b"rig");
        assert!(stored.sequence > last);
        last = stored.sequence;
        store.remove(file(number)).unwrap();
    }
    assert_eq!(store.problems(), []);
}

pub fn lists_each_of_many_commits_published_at_once(subject: &dyn Subject) {
    let store = subject.store(Limits::default());
    thread::scope(|scope| {
        for thread in 0..4_u8 {
            let store = Arc::clone(&store);
            scope.spawn(move || {
                for step in 0..5_u8 {
                    let number = thread * 5 + step;
                    let stored = publish(&*store, number, &content(number.into(), 5_000));
                    assert!(store.commits().unwrap().contains(&stored));
                }
            });
        }
    });
    let listed = store.commits().unwrap();
    assert_eq!(listed.len(), 20);
    assert!(listed.windows(2).all(|pair| pair[0].sequence < pair[1].sequence));
    for number in 0..20 {
        assert_eq!(read_all(&store.open(file(number)).unwrap()), content(number.into(), 5_000));
    }
}

// proves: STO-08
pub fn only_one_content_of_a_file_wins_at_once(subject: &dyn Subject) {
    let store = subject.store(Limits::default());
    let results: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..4_u64)
            .map(|thread| {
                let pending = arrive(&*store, &content(thread % 2, 1_000));
                scope.spawn(move || pending.publish(&commit(1), "Default"))
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let listed = store.commits().unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 2);
    for result in results {
        match result {
            Ok(stored) => assert_eq!(stored, listed[0]),
            Err(error) => assert!(matches!(error, PublishError::FileListedWithOtherContent { .. })),
        }
    }
}

// proves: STO-09
pub fn holds_as_many_commits_as_allowed_and_not_one_more(subject: &dyn Subject) {
    let store = subject.store(Limits { commits: 2, ..Limits::default() });
    publish(&*store, 1, b"a");
    publish(&*store, 2, b"b");
    let error = arrive(&*store, b"c").publish(&commit(3), "Default").unwrap_err();
    assert_eq!(error, PublishError::CommitListFull { listed: 2, allowed: 2 });
    // What is listed already is no new commit.
    publish(&*store, 2, b"b");
    store.remove(file(1)).unwrap();
    publish(&*store, 3, b"c");
    assert_eq!(store.commits().unwrap().len(), 2);
}

// proves: STO-09
pub fn holds_as_many_bytes_as_allowed_and_not_one_more(subject: &dyn Subject) {
    let store = subject.store(Limits { total_bytes: 100, ..Limits::default() });
    publish(&*store, 1, &[1; 60]);
    let mut writer = store.begin(crate::Expect::Unknown).unwrap();
    writer.write(&[2; 40]).unwrap();
    let full = WriteError::StoreQuotaReached { used: 100, wanted: 1, allowed: 100 };
    assert_eq!(writer.write(&[2]).unwrap_err(), full);
    drop(writer);
    let refused = store.begin(crate::Expect::Exactly(41)).unwrap_err();
    assert_eq!(refused, WriteError::StoreQuotaReached { used: 60, wanted: 41, allowed: 100 });
    publish(&*store, 2, &[2; 40]);
    assert_eq!(store.begin(crate::Expect::Announced(1)).unwrap_err(), full);
    store.remove(file(1)).unwrap();
    publish(&*store, 3, &[3; 60]);
}

// proves: STO-09
pub fn refuses_a_record_one_byte_over_the_limit(subject: &dyn Subject) {
    let mut told = commit(1);
    told.comment = "x".repeat(3_000);
    let measured = subject.store(Limits { record_bytes: 0, ..Limits::default() });
    let error = arrive(&*measured, b"rig").publish(&told, "Default").unwrap_err();
    let PublishError::CommitRecordOverLimit { length, allowed: 0 } = error else { panic!("{error}") };
    assert!(length > 3_000);

    let store = subject.store(Limits { record_bytes: length, ..Limits::default() });
    told.comment.push('x');
    let error = arrive(&*store, b"rig").publish(&told, "Default").unwrap_err();
    assert_eq!(error, PublishError::CommitRecordOverLimit { length: length + 1, allowed: length });
    told.comment.pop();
    arrive(&*store, b"rig").publish(&told, "Default").unwrap();
}

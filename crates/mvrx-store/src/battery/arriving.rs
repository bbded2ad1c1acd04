//! Files that arrive, and those who read them meanwhile.

use std::io::Write;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::{Subject, arrive, commit, content, file, hash, publish, read_all};
use crate::{Cancel, Expect, Limits, ReadError, StoredFile, Wait, WriteError};

pub fn hashes_and_counts_what_arrives(subject: &dyn Subject) {
    let store = subject.store(Limits::default());
    let bytes = content(1, 900_000);
    for expect in [Expect::Unknown, Expect::Exactly(900_000), Expect::Announced(900_000)] {
        let mut writer = store.begin(expect).unwrap();
        for piece in bytes.chunks(123_457) {
            writer.write(piece).unwrap();
        }
        assert_eq!(writer.received(), 900_000);
        let pending = writer.finish().unwrap();
        assert_eq!(pending.length(), 900_000);
        assert_eq!(pending.hash(), hash(&bytes));
        assert_eq!(pending.announced_otherwise(), None);
    }
}

pub fn takes_an_empty_file(subject: &dyn Subject) {
    let store = subject.store(Limits::default());
    let stored = publish(&*store, 1, b"");
    assert_eq!(stored.length, 0);
    assert_eq!(read_all(&store.open(file(1)).unwrap()), b"");
}

// proves: STO-03
pub fn refuses_a_file_shorter_than_required(subject: &dyn Subject) {
    let store = subject.store(Limits::default());
    let mut writer = store.begin(Expect::Exactly(10)).unwrap();
    let reader = writer.reader().unwrap();
    writer.write(&[1; 9]).unwrap();
    let short = WriteError::FileShorterThanExpected { received: 9, expected: 10 };
    assert_eq!(writer.finish().unwrap_err(), short);
    let error = reader.available(9, &Wait::until_settled()).unwrap_err();
    assert_eq!(error, ReadError::ArrivalFailed { arrived: 9, cause: Arc::new(short) });
}

// proves: STO-03
pub fn refuses_a_file_longer_than_required(subject: &dyn Subject) {
    let store = subject.store(Limits::default());
    let mut writer = store.begin(Expect::Exactly(10)).unwrap();
    writer.write(&[1; 9]).unwrap();
    assert_eq!(writer.room(), 1);
    let error = writer.write(&[1; 2]).unwrap_err();
    assert_eq!(error, WriteError::FileLongerThanExpected { received: 11, expected: 10 });
    assert_eq!(writer.finish().unwrap_err(), WriteError::WriterFailedBefore);
}

// proves: STO-03
pub fn reports_a_length_other_than_announced(subject: &dyn Subject) {
    let store = subject.store(Limits::default());
    for (announced, length) in [(10, 9), (10, 11), (0, 1)] {
        let mut writer = store.begin(Expect::Announced(announced)).unwrap();
        writer.write(&vec![1; length]).unwrap();
        let pending = writer.finish().unwrap();
        assert_eq!(pending.announced_otherwise(), Some(announced));
        assert_eq!(pending.length(), length as u64);
    }
}

// proves: STO-09
pub fn refuses_a_file_one_byte_over_the_limit(subject: &dyn Subject) {
    let store = subject.store(Limits { file_bytes: 10, ..Limits::default() });
    let over = WriteError::FileOverLimit { length: 11, allowed: 10 };
    for expect in [Expect::Exactly(11), Expect::Announced(11)] {
        assert_eq!(store.begin(expect).unwrap_err(), over);
    }
    let huge = store.begin(Expect::Announced(u64::MAX)).unwrap_err();
    assert_eq!(huge, WriteError::FileOverLimit { length: u64::MAX, allowed: 10 });
    let mut writer = store.begin(Expect::Exactly(10)).unwrap();
    writer.write(&[1; 10]).unwrap();
    assert_eq!(writer.finish().unwrap().length(), 10);
    let mut writer = store.begin(Expect::Unknown).unwrap();
    assert_eq!(writer.room(), 10);
    writer.write(&[1; 10]).unwrap();
    assert_eq!(writer.write(&[1]).unwrap_err(), over);
}

pub fn gives_back_the_bytes_of_what_is_given_up(subject: &dyn Subject) {
    let store = subject.store(Limits { total_bytes: 10, ..Limits::default() });
    drop(store.begin(Expect::Exactly(10)).unwrap());
    drop(arrive(&*store, &[1; 10]));
    // An announced length that turns out too large is given back as well, once the file is whole.
    let mut writer = store.begin(Expect::Announced(10)).unwrap();
    writer.write(&[1; 4]).unwrap();
    let first = writer.finish().unwrap();
    let second = arrive(&*store, &[2; 6]);
    first.publish(&commit(1), "Default").unwrap();
    second.publish(&commit(2), "Default").unwrap();
}

// proves: STO-14
pub fn hashes_bytes_that_were_moved_into_the_file(subject: &dyn Subject) {
    let store = subject.store(Limits::default());
    let bytes = content(4, 3_000_000);
    let mut writer = store.begin(Expect::Exactly(3_000_000)).unwrap();
    let reader = writer.reader().unwrap();
    for (step, piece) in bytes.chunks(700_000).enumerate() {
        // First bytes come from the decoder's buffer, the rest out of the socket, and either may follow.
        match writer.as_file().filter(|_| step % 3 != 0) {
            Some(file) => {
                file.write_all(piece).unwrap();
                writer.moved(piece.len() as u64).unwrap();
            }
            None => writer.write(piece).unwrap(),
        }
        assert_eq!(reader.so_far(), writer.received());
    }
    let pending = writer.finish().unwrap();
    assert_eq!(pending.hash(), hash(&bytes));
    assert_eq!(read_all(&reader), bytes);
    pending.publish(&commit(1), "Default").unwrap();
    assert_eq!(read_all(&store.open(file(1)).unwrap()), bytes);
}

// proves: STO-14
pub fn refuses_more_bytes_told_than_are_there(subject: &dyn Subject) {
    let store = subject.store(Limits::default());
    let mut writer = store.begin(Expect::Unknown).unwrap();
    writer.write(&[1; 5]).unwrap();
    writer.moved(2).unwrap();
    let error = writer.finish().unwrap_err();
    assert_eq!(error, WriteError::DiskHasOtherLengthThanTold { told: 7, found: 5 });
}

// proves: STO-10
pub fn many_readers_follow_a_growing_file_to_its_end(subject: &dyn Subject) {
    let store = subject.store(Limits::default());
    let bytes = content(5, 800_000);
    let mut writer = store.begin(Expect::Unknown).unwrap();
    thread::scope(|scope| {
        let readers: Vec<_> = (0..4)
            .map(|_| {
                let reader = writer.reader().unwrap();
                scope.spawn(move || read_all(&reader))
            })
            .collect();
        for piece in bytes.chunks(9_999) {
            writer.write(piece).unwrap();
        }
        let late = writer.reader().unwrap();
        let pending = writer.finish().unwrap();
        for reader in readers {
            assert_eq!(reader.join().unwrap(), bytes);
        }
        assert_eq!(read_all(&late), bytes);
        drop(pending);
    });
}

// proves: STO-10
pub fn readers_see_what_arrived_and_the_reason_why_no_more_comes(subject: &dyn Subject) {
    let store = subject.store(Limits { file_bytes: 10, ..Limits::default() });
    let mut writer = store.begin(Expect::Unknown).unwrap();
    let reader = writer.reader().unwrap();
    let waiting = waiting_past(&reader, 8);
    writer.write(&[7; 8]).unwrap();
    let over = writer.write(&[7; 3]).unwrap_err();
    let failed = ReadError::ArrivalFailed { arrived: 8, cause: Arc::new(over) };
    assert_eq!(waiting.join().unwrap().unwrap_err(), failed);
    drop(writer);
    // The first reason stays, and what arrived can still be read.
    assert_eq!(reader.available(8, &Wait::until_settled()).unwrap_err(), failed);
    let mut buffer = [0; 20];
    assert_eq!(reader.read_at(3, &mut buffer, &Wait::until_settled()).unwrap(), 5);
    assert_eq!(buffer[..5], [7; 5]);
}

// proves: STO-10
pub fn readers_are_told_that_the_writer_is_gone(subject: &dyn Subject) {
    let store = subject.store(Limits::default());
    let mut writer = store.begin(Expect::Exactly(100)).unwrap();
    writer.write(&[1; 5]).unwrap();
    let waiting = waiting_past(&writer.reader().unwrap(), 5);
    drop(writer);
    let cause = Arc::new(WriteError::WriterDropped { received: 5 });
    assert_eq!(waiting.join().unwrap().unwrap_err(), ReadError::ArrivalFailed { arrived: 5, cause });
}

// proves: STO-10
pub fn readers_of_a_silent_file_give_up_in_time(subject: &dyn Subject) {
    let store = subject.store(Limits::default());
    let mut writer = store.begin(Expect::Unknown).unwrap();
    writer.write(&[1; 5]).unwrap();
    let reader = writer.reader().unwrap();
    for waited in [Duration::ZERO, Duration::from_millis(15)] {
        let wait = Wait::idle_at_most(waited);
        assert_eq!(reader.available(0, &wait).unwrap(), 5);
        let error = reader.available(5, &wait).unwrap_err();
        assert_eq!(error, ReadError::NothingArrivedInTime { waited, arrived: 5, offset: 5 });
    }
}

// proves: STO-10
pub fn readers_of_a_silent_file_are_cancelled(subject: &dyn Subject) {
    let store = subject.store(Limits::default());
    let writer = store.begin(Expect::Unknown).unwrap();
    let (cancel, other) = (Cancel::new(), Cancel::new());
    let waits =
        [Wait::until_settled().unless(&cancel), Wait::idle_at_most(Duration::from_secs(600)).unless(&cancel)];
    thread::scope(|scope| {
        let (began, begun) = mpsc::channel();
        let readers: Vec<_> = waits
            .into_iter()
            .map(|wait| {
                let (reader, began) = (writer.reader().unwrap(), began.clone());
                scope.spawn(move || {
                    began.send(()).unwrap();
                    reader.available(0, &wait)
                })
            })
            .collect();
        // Whether they sleep already or are about to: either way they must wake.
        begun.iter().take(2).for_each(drop);
        other.cancel();
        cancel.cancel();
        for reader in readers {
            assert_eq!(reader.join().unwrap().unwrap_err(), ReadError::ReadCancelled);
        }
    });
    let after = Wait::until_settled().unless(&cancel);
    assert_eq!(writer.reader().unwrap().available(0, &after).unwrap_err(), ReadError::ReadCancelled);
}

// proves: STO-10
pub fn readers_go_on_while_the_file_is_published(subject: &dyn Subject) {
    let store = subject.store(Limits::default());
    let bytes = content(6, 200_000);
    let mut writer = store.begin(Expect::Unknown).unwrap();
    writer.write(&bytes).unwrap();
    let reader = writer.reader().unwrap();
    let mut buffer = vec![0; 100_000];
    assert_eq!(reader.read_at(0, &mut buffer, &Wait::until_settled()).unwrap(), 100_000);
    writer.finish().unwrap().publish(&commit(1), "Default").unwrap();
    assert_eq!(reader.read_at(100_000, &mut buffer, &Wait::until_settled()).unwrap(), 100_000);
    assert_eq!(buffer, bytes[100_000..]);
    assert_eq!(reader.length(), Some(200_000));
    store.remove(file(1)).unwrap();
    assert_eq!(read_all(&reader), bytes);
}

pub fn tells_the_length_before_the_end_only_when_it_is_required(subject: &dyn Subject) {
    let store = subject.store(Limits::default());
    for (expect, early) in
        [(Expect::Unknown, None), (Expect::Announced(3), None), (Expect::Exactly(3), Some(3))]
    {
        let mut writer = store.begin(expect).unwrap();
        let reader = writer.reader().unwrap();
        writer.write(b"ri").unwrap();
        assert_eq!(reader.length(), early);
        assert_eq!(reader.so_far(), 2);
        assert!(reader.extents().iter().all(|extent| extent.offset == 0 && extent.length == 2));
        writer.write(b"g").unwrap();
        let _pending = writer.finish().unwrap();
        assert_eq!(reader.length(), Some(3));
    }
}

pub fn nothing_is_taken_after_an_error(subject: &dyn Subject) {
    let store = subject.store(Limits::default());
    let mut writer = store.begin(Expect::Exactly(1)).unwrap();
    writer.write(b"too much").unwrap_err();
    assert_eq!(writer.write(b"x").unwrap_err(), WriteError::WriterFailedBefore);
    assert_eq!(writer.moved(1).unwrap_err(), WriteError::WriterFailedBefore);
    assert_eq!(writer.received(), 0);
}

fn waiting_past(reader: &StoredFile, offset: u64) -> thread::JoinHandle<Result<u64, ReadError>> {
    let (reader, (began, begun)) = (reader.clone(), mpsc::channel());
    let thread = thread::spawn(move || {
        began.send(()).unwrap();
        reader.available(offset, &Wait::until_settled())
    });
    begun.recv().unwrap();
    thread
}

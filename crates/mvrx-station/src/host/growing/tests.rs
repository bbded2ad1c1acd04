use std::sync::Arc;
use std::sync::mpsc;
use std::thread;

use mvrx_store::MemStore;

use super::*;

const LENGTH: u64 = 300_000;

fn content() -> Vec<u8> {
    (0_u32..).map(|n| u8::try_from(n.wrapping_mul(2_654_435_761) >> 24).unwrap()).take(300_000).collect()
}

/// Reads to the end or the first error, as a sending does; the bytes and how it ended.
fn read_all(growing: &Arc<Growing>) -> (Vec<u8>, Result<(), String>) {
    read_from(GrowingSource::new(Arc::clone(growing), Stop::default(), false))
}

fn read_from(mut source: GrowingSource) -> (Vec<u8>, Result<(), String>) {
    let (mut got, mut buffer) = (Vec::new(), vec![0; 64_000]);
    while (got.len() as u64) < source.settled_length().unwrap_or(source.length()) {
        match source.read_at(got.len() as u64, &mut buffer) {
            Ok(SourceRead::Bytes(count)) => got.extend_from_slice(&buffer[..count]),
            Ok(SourceRead::NotYet) => {}
            Ok(SourceRead::End) => return (got, Err("it ended".to_owned())),
            Err(error) => return (got, Err(error.to_string())),
        }
    }
    (got, Ok(()))
}

fn reader(growing: &Arc<Growing>) -> thread::JoinHandle<(Vec<u8>, Result<(), String>)> {
    let growing = Arc::clone(growing);
    thread::spawn(move || read_all(&growing))
}

fn open(growing: &Arc<Growing>, store: &MemStore) -> GrowingSink {
    GrowingSink::open(growing, store, 0).unwrap()
}

// proves: HDR-02, HDR-04
#[test]
fn readers_get_all_but_the_last_byte_as_it_comes_and_that_one_when_the_file_is_verified() {
    let (store, growing, content) = (MemStore::new(), Growing::new(Some(LENGTH), false, None), content());
    let early = reader(&growing);
    let mut sink = Box::new(open(&growing, &store));
    for piece in content.chunks(100_000) {
        sink.write(piece).unwrap();
    }
    let mut source = GrowingSource::new(Arc::clone(&growing), Stop::default(), false);
    let mut buffer = vec![0; 400_000];
    let mut read = 0;
    while read < LENGTH - 1 {
        match source.read_at(read, &mut buffer).unwrap() {
            SourceRead::Bytes(count) => read += count as u64,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(read, LENGTH - 1);
    sink.finish().unwrap();
    assert_eq!(source.read_at(299_999, &mut buffer).unwrap(), SourceRead::NotYet);
    assert_eq!(growing.measure().unwrap().0, LENGTH);
    growing.verify();
    assert_eq!(early.join().unwrap(), (content.clone(), Ok(())));
    assert_eq!(read_all(&growing), (content, Ok(())));
}

// proves: HDR-03
#[test]
fn the_next_owner_goes_on_where_the_lost_one_was_and_readers_notice_nothing() {
    let (store, growing, content) = (MemStore::new(), Growing::new(Some(LENGTH), false, None), content());
    let mut lost = open(&growing, &store);
    lost.write(&content[..123_457]).unwrap();
    let early = reader(&growing);
    // It lets go late: the next one waits for that.
    let (go, wait) = mpsc::channel::<()>();
    let holding = thread::spawn(move || {
        let _ = wait.recv();
        drop(lost);
    });
    let next = {
        let growing = Arc::clone(&growing);
        thread::spawn(move || open(&growing, &store))
    };
    go.send(()).unwrap();
    holding.join().unwrap();
    let mut next = Box::new(next.join().unwrap());
    for piece in content.chunks(50_000) {
        next.write(piece).unwrap();
    }
    next.finish().unwrap();
    growing.verify();
    assert_eq!(early.join().unwrap(), (content, Ok(())));
    assert!(growing.take_arrived().is_some());
}

// proves: HDR-03
#[test]
fn an_owner_with_other_bytes_or_another_length_is_at_fault_and_what_is_there_stays() {
    let (store, growing, content) = (MemStore::new(), Growing::new(Some(LENGTH), false, None), content());
    let mut lost = open(&growing, &store);
    lost.write(&content[..200_000]).unwrap();
    drop(lost);
    let mut other = open(&growing, &store);
    let mut bytes = content.clone();
    bytes[150_000] ^= 1;
    other.write(&bytes[..100_000]).unwrap();
    other.write(&bytes[100_000..]).unwrap_err();
    assert!(!growing.take_fault().unwrap().local);
    drop(other);
    let mut shorter = Box::new(open(&growing, &store));
    shorter.write(&content[..100_000]).unwrap();
    shorter.finish().unwrap_err();
    assert!(!growing.take_fault().unwrap().local);
    let mut right = Box::new(open(&growing, &store));
    right.write(&content).unwrap();
    right.finish().unwrap();
    // A whole one is compared, too.
    let mut again = Box::new(open(&growing, &store));
    again.write(&content).unwrap();
    again.write(&[1]).unwrap_err();
    assert!(!growing.take_fault().unwrap().local);
    assert_eq!(growing.measure().unwrap().0, LENGTH);
}

// proves: HDR-04
#[test]
fn a_file_of_another_length_than_announced_never_looks_whole() {
    let content = content();
    for length in [LENGTH - 1, LENGTH + 1] {
        let (store, growing) = (MemStore::new(), Growing::new(Some(length), false, None));
        let source = GrowingSource::new(Arc::clone(&growing), Stop::default(), false);
        let mut sink = Box::new(open(&growing, &store));
        sink.write(&content).unwrap();
        sink.finish().unwrap();
        growing.verify();
        let (got, end) = read_from(source);
        assert!((got.len() as u64) < length && end.unwrap_err().contains("announced"));
        // Who begins when its length is known has it.
        assert_eq!(read_all(&growing), (content.clone(), Ok(())));
    }
}

// proves: HDR-10
#[test]
fn who_takes_any_length_gets_the_one_that_came() {
    let content = content();
    for length in [1, 100_000, LENGTH - 1, LENGTH, LENGTH + 1, 3 * LENGTH] {
        let (store, growing) = (MemStore::new(), Growing::new(Some(length), false, None));
        let source = GrowingSource::new(Arc::clone(&growing), Stop::default(), true);
        let early = thread::spawn(move || read_from(source));
        let mut sink = Box::new(open(&growing, &store));
        for piece in content.chunks(70_000) {
            sink.write(piece).unwrap();
        }
        sink.finish().unwrap();
        growing.verify();
        assert_eq!(early.join().unwrap(), (content.clone(), Ok(())), "{length}");
    }
}

#[test]
fn what_is_given_up_ends_its_readers_and_opens_for_nobody() {
    let (store, growing, content) = (MemStore::new(), Growing::new(Some(LENGTH), false, None), content());
    let mut sink = open(&growing, &store);
    sink.write(&content[..10]).unwrap();
    let reading = reader(&growing);
    drop(growing.give_up("nobody gives it"));
    drop(sink);
    let (got, end) = reading.join().unwrap();
    assert!(got.len() <= 10 && end.is_err());
    assert_eq!(GrowingSink::open(&growing, &store, 0).unwrap_err().what, "nobody gives it");
    assert_eq!(store.commits().unwrap(), []);
}

#[test]
fn without_an_announced_length_it_is_sent_once_it_is_whole() {
    let (store, growing, content) = (MemStore::new(), Growing::new(None, false, None), content());
    let mut sink = Box::new(open(&growing, &store));
    sink.write(&content).unwrap();
    assert!(!growing.has_length());
    sink.finish().unwrap();
    growing.verify();
    assert!(growing.has_length());
    assert_eq!(read_all(&growing), (content, Ok(())));
}

fn part_of(content: &[u8]) -> PartOf {
    let mut writer = MemStore::new().begin(Expect::Unknown).unwrap();
    writer.write(content).unwrap();
    let hash = writer.finish().unwrap().hash();
    PartOf { file: FileUuid::from_random_bytes([1; 16]), length: content.len() as u64, hash }
}

// proves: HDR-13
#[test]
fn what_a_sink_at_work_has_of_what_is_given_up_is_the_stores_when_it_has_let_go() {
    let (store, content) = (MemStore::new(), content());
    let of = part_of(&content);
    let growing = Growing::new(Some(LENGTH), false, Some(of));
    let mut sink = open(&growing, &store);
    sink.write(&content[..100_000]).unwrap();
    drop(growing.give_up("its owner is lost"));
    let (told, is_told) = mpsc::channel();
    let waiting = thread::spawn({
        let (growing, store) = (Arc::clone(&growing), store.clone());
        move || {
            told.send(()).unwrap();
            growing.let_go();
            store.part(&of)
        }
    });
    is_told.recv().unwrap();
    assert_eq!(store.part(&of), 0, "the sink has it");
    drop(sink);
    assert_eq!(waiting.join().unwrap(), 100_000);
}

// proves: HDR-13
#[test]
fn what_broke_off_is_a_part_of_the_next_read_and_of_no_other_file() {
    let (store, content) = (MemStore::new(), content());
    let of = part_of(&content);
    let growing = Growing::new(Some(LENGTH), false, Some(of));
    let mut sink = open(&growing, &store);
    sink.write(&content[..100_000]).unwrap();
    assert_eq!(growing.part(&of), Some(100_000));
    assert_eq!(growing.part(&PartOf { hash: [9; 32], ..of }), None);
    // The next owner of the same read sends from there on, or from before it.
    drop(sink);
    assert_eq!(GrowingSink::open(&growing, &store, 100_001).unwrap_err().what, ONLY);
    let mut sink = GrowingSink::open(&growing, &store, 90_000).unwrap();
    sink.write(&content[90_000..200_000]).unwrap();
    assert_eq!(growing.part(&of), Some(200_000));
    drop((sink, growing.give_up("nobody is left")));
    assert_eq!(store.part(&of), 200_000);
    // The next read, from the part; a reader gets the whole.
    let growing = Growing::new(Some(LENGTH), false, Some(of));
    let mut sink = GrowingSink::open(&growing, &store, 200_000).unwrap();
    let early = reader(&growing);
    sink.write(&content[200_000..]).unwrap();
    assert_eq!(growing.part(&of), Some(LENGTH - 1), "never all of it");
    Box::new(sink).finish().unwrap();
    let (length, hash, _) = growing.measure().unwrap();
    assert_eq!((length, hash), (LENGTH, of.hash));
    assert!(!growing.part_is_wrong(&hash) && growing.part_is_wrong(&[9; 32]));
    growing.verify();
    assert_eq!(early.join().unwrap(), (content, Ok(())));
}

const ONLY: &str = "only 100000 bytes of it are here, and 100001 are wanted";

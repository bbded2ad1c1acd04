use std::io;
use std::sync::Mutex;

use super::*;
use crate::disk::Stat;

/// A file whose reads can be made to fail from an offset on.
#[derive(Debug, Default)]
struct Bytes {
    bytes: Mutex<Vec<u8>>,
    fails_from: Option<u64>,
}

impl ReadFile for Bytes {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        if self.fails_from.is_some_and(|from| offset >= from) {
            return Err(io::Error::other("the disk is broken"));
        }
        let bytes = self.bytes.lock().unwrap();
        let rest = &bytes[usize::try_from(offset).unwrap().min(bytes.len())..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn stat(&self) -> io::Result<Stat> {
        unreachable!("nobody asks")
    }
}

const PIECES: usize = 40;
const LENGTH: usize = 200_001;

fn piece(number: usize) -> Vec<u8> {
    (0..LENGTH).map(|at| u8::try_from((at * 31 + number * 7) % 251).unwrap()).collect()
}

/// Appends all pieces as a writer does; the hash of what a whole file would be, and how the hashing went.
fn run(fails_from: Option<u64>) -> ([u8; 32], Hashing) {
    let file = Arc::new(Bytes { fails_from, ..Bytes::default() });
    let mut hashing = Hashing::default();
    let mut offset = 0;
    for number in 0..PIECES {
        let piece = piece(number);
        file.bytes.lock().unwrap().extend_from_slice(&piece);
        hashing.appended(&piece, offset);
        offset += piece.len() as u64;
        if hashing.wants_thread(offset) {
            hashing.go_beside(Arc::clone(&file) as Arc<dyn ReadFile>, Buffers::default());
        }
    }
    let whole = blake3::hash(&file.bytes.lock().unwrap());
    (*whole.as_bytes(), hashing)
}

#[test]
fn a_thread_takes_over_long_files_and_gives_the_same_hash() {
    let (whole, mut hashing) = run(None);
    assert!(hashing.beside.is_some(), "{} bytes are long", PIECES * LENGTH);
    hashing.finish();
    assert_eq!(hashing.hashed(), (PIECES * LENGTH) as u64);
    assert_eq!(hashing.hash(), whole);
}

#[test]
fn short_files_are_hashed_in_passing() {
    let mut hashing = Hashing::default();
    let bytes = vec![7; usize::try_from(IN_PASSING).unwrap()];
    hashing.appended(&bytes, 0);
    assert!(!hashing.wants_thread(IN_PASSING));
    hashing.appended(&[7], IN_PASSING);
    assert!(hashing.wants_thread(IN_PASSING + 1));
}

#[test]
fn a_read_that_fails_leaves_the_rest_to_the_caller() {
    let (whole, mut hashing) = run(Some(6_000_000));
    hashing.finish();
    let hashed = usize::try_from(hashing.hashed()).unwrap();
    assert!((6_000_000..PIECES * LENGTH).contains(&hashed), "{hashed}");
    let rest: Vec<u8> = (0..PIECES).flat_map(piece).skip(hashed).collect();
    hashing.update(&rest);
    assert_eq!(hashing.hash(), whole);
}

#[test]
fn bytes_out_of_order_are_not_hashed() {
    let mut hashing = Hashing::default();
    hashing.appended(b"later", 10);
    assert_eq!(hashing.hashed(), 0);
}

#[test]
fn giving_up_ends_the_thread_and_closes_the_file() {
    let file = Arc::new(Bytes::default());
    let mut hashing = Hashing::default();
    hashing.go_beside(Arc::clone(&file) as Arc<dyn ReadFile>, Buffers::default());
    drop(hashing);
    assert_eq!(Arc::strong_count(&file), 1);
}

use mvrx_wire::{HEADER_LEN, file_header};

use super::super::framing::Package;
use super::*;

/// Answers with what it is told to, then with everything.
#[derive(Debug)]
struct Scripted {
    length: u64,
    script: Vec<SourceRead>,
}

impl FileSource for Scripted {
    fn length(&self) -> u64 {
        self.length
    }

    fn read_at(&mut self, _offset: u64, buffer: &mut [u8]) -> Result<SourceRead, BoxError> {
        Ok(if self.script.is_empty() { SourceRead::Bytes(buffer.len()) } else { self.script.remove(0) })
    }
}

fn feed(length: u64, script: &[SourceRead]) -> Feed<Package> {
    let limits = Limits { file_buffer: 64 << 10, ..Limits::default() };
    Feed::new(Box::new(Scripted { length, script: script.to_vec() }), Package, &limits)
}

#[test]
// proves: TRA-04
fn header_and_first_bytes_are_ready_together() {
    let mut feed = feed(1 << 20, &[SourceRead::Bytes(5), SourceRead::NotYet, SourceRead::Bytes(16_378)]);
    assert!(!feed.fill().unwrap(), "five bytes are too few");
    assert!(!feed.fill().unwrap(), "nothing came");
    assert!(!feed.fill().unwrap(), "one byte is missing");
    assert!(feed.fill().unwrap());
    assert_eq!(feed.bytes().len(), HEADER_LEN + (64 << 10), "as much as the buffer holds");
    assert_eq!(feed.bytes()[..HEADER_LEN], file_header(1 << 20));
}

#[test]
fn a_short_file_is_one_write() {
    for length in [0, 1, FIRST_WRITE - 1, FIRST_WRITE] {
        let mut feed = feed(length, &[]);
        assert!(feed.fill().unwrap());
        assert_eq!(feed.bytes().len() as u64, HEADER_LEN as u64 + length);
        assert!(feed.written());
    }
}

#[test]
fn later_writes_take_what_is_there() {
    let mut feed = feed(1 << 20, &[SourceRead::Bytes(20_000), SourceRead::Bytes(1)]);
    assert!(feed.fill().unwrap());
    assert!(!feed.written());
    assert!(feed.fill().unwrap());
    assert_eq!(feed.bytes().len(), 1);
}

#[test]
fn the_header_is_not_counted_as_file() {
    let mut feed = feed(100, &[]);
    feed.fill().unwrap();
    assert_eq!([0, 27, 28, 29, 128].map(|written| feed.sent(written)), [0, 0, 0, 1, 100]);
}

#[test]
// proves: TRA-10
fn a_source_that_claims_too_much_or_nothing_is_at_its_end() {
    for lie in [SourceRead::Bytes(0), SourceRead::Bytes(101), SourceRead::End] {
        let mut feed = feed(100, &[SourceRead::Bytes(40), lie]);
        assert!(!feed.fill().unwrap());
        let dry = feed.fill().unwrap_err();
        let error = feed.dried_up(dry);
        let found = matches!(error, SendFileError::SourceEndedEarly { found: 40, announced: 100, sent: 0 });
        assert!(found, "{error:?}");
    }
}

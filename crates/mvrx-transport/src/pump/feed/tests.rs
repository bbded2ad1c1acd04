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
    let now = Instant::now();
    assert_eq!(feed.fill(now).unwrap(), Filled::Some, "five bytes are too few");
    assert_eq!(feed.fill(now).unwrap(), Filled::Nothing, "nothing came");
    assert_eq!(feed.fill(now).unwrap(), Filled::Some, "one byte is missing");
    assert_eq!(feed.fill(now).unwrap(), Filled::Enough);
    assert_eq!(feed.bytes().len(), HEADER_LEN + (64 << 10), "as much as the buffer holds");
    assert_eq!(feed.bytes()[..HEADER_LEN], file_header(1 << 20));
}

#[test]
fn a_short_file_is_one_write() {
    for length in [0, 1, FIRST_WRITE - 1, FIRST_WRITE] {
        let mut feed = feed(length, &[]);
        assert_eq!(feed.fill(Instant::now()).unwrap(), Filled::Enough);
        assert_eq!(feed.bytes().len() as u64, HEADER_LEN as u64 + length);
        assert!(feed.written());
    }
}

#[test]
fn later_writes_take_what_is_there() {
    let mut feed = feed(1 << 20, &[SourceRead::Bytes(20_000), SourceRead::Bytes(1)]);
    assert_eq!(feed.fill(Instant::now()).unwrap(), Filled::Enough);
    assert!(!feed.written());
    assert_eq!(feed.fill(Instant::now()).unwrap(), Filled::Enough);
    assert_eq!(feed.bytes().len(), 1);
}

#[test]
fn the_header_is_not_counted_as_file() {
    let mut feed = feed(100, &[]);
    feed.fill(Instant::now()).unwrap();
    assert_eq!([0, 27, 28, 29, 128].map(|written| feed.sent(written)), [0, 0, 0, 1, 100]);
}

#[test]
// proves: TRA-10
fn a_source_that_claims_too_much_or_nothing_is_at_its_end() {
    for lie in [SourceRead::Bytes(0), SourceRead::Bytes(101), SourceRead::End] {
        let mut feed = feed(100, &[SourceRead::Bytes(40), lie]);
        assert_eq!(feed.fill(Instant::now()).unwrap(), Filled::Some);
        let dry = feed.fill(Instant::now()).unwrap_err();
        let error = feed.dried_up(dry);
        let found = matches!(error, SendFileError::SourceEndedEarly { found: 40, announced: 100, sent: 0 });
        assert!(found, "{error:?}");
    }
}

/// Frames of at least 100 bytes.
#[derive(Debug)]
struct Frames;

impl Framing for Frames {
    const HEAD: usize = 4;

    fn least(&self) -> usize {
        100
    }

    fn wrap(&mut self, _piece: Piece, _head: &mut [u8], _payload: &mut [u8]) -> usize {
        4
    }
}

fn framed(length: u64, script: &[SourceRead]) -> Feed<Frames> {
    let limits = Limits { file_buffer: 64 << 10, ..Limits::default() };
    Feed::new(Box::new(Scripted { length, script: script.to_vec() }), Frames, &limits)
}

// proves: WSK-22
#[test]
fn pieces_of_a_file_that_grows_wait_for_more_of_it_but_not_for_long() {
    use SourceRead::{Bytes, NotYet};
    let mut feed = framed(16_541, &[Bytes(16_384), Bytes(99), Bytes(1), Bytes(50), NotYet, Bytes(7)]);
    let begun = Instant::now();
    let mut next = |after: Duration| {
        let filled = feed.fill(begun + after).unwrap();
        let ready = (filled == Filled::Enough).then(|| feed.bytes().len() - 4);
        (filled, ready, ready.is_some() && feed.written())
    };
    let at_once = Duration::ZERO;
    assert_eq!(next(at_once), (Filled::Enough, Some(16_384), false));
    assert_eq!(next(at_once).0, Filled::Some, "one byte is missing");
    assert_eq!(next(at_once), (Filled::Enough, Some(100), false));
    assert_eq!(next(at_once).0, Filled::Some);
    assert_eq!(next(HELD / 2).0, Filled::Nothing);
    assert_eq!(next(HELD), (Filled::Enough, Some(50), false), "it has waited long enough");
    assert_eq!(next(HELD), (Filled::Enough, Some(7), true), "nothing comes behind the last byte");
}

// proves: TRA-10
#[test]
fn what_a_source_gave_before_its_end_goes_out_before_that_is_told() {
    use SourceRead::{Bytes, End};
    let mut feed = framed(20_000, &[Bytes(16_384), Bytes(5), End]);
    assert_eq!(feed.fill(Instant::now()).unwrap(), Filled::Enough);
    assert!(!feed.written());
    assert_eq!(feed.fill(Instant::now()).unwrap(), Filled::Some);
    assert_eq!(feed.fill(Instant::now()).unwrap(), Filled::Enough, "the five bytes");
    assert_eq!(feed.bytes().len() - 4, 5);
    assert!(!feed.written());
    assert!(matches!(feed.fill(Instant::now()), Err(Dry::EndedEarly)));
}

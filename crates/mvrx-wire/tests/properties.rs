//! For all messages and all ways to cut a stream.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod bodies;

use bodies::{Chunking, SMALL, Seeded, Transcript, Whole, message, model, read, write_message};
use mvrx_wire::{Limits, PackageHeader, PackageType};
use proptest::prelude::*;

proptest! {
    #[test]
    fn any_header_that_is_written_is_read_back(
        version: u32, count: u32, number: u32, payload_length: u64, package_type in package_type(),
    ) {
        let number = number % count.max(1);
        let header = PackageHeader { version, number, count, package_type, payload_length };
        prop_assert_eq!(PackageHeader::parse(&header.to_bytes()), Ok(header));
    }

    // proves: PKG-11
    #[test]
    fn any_messages_that_are_written_are_read_back(messages in messages(), seed: u64) {
        let (stream, expected) = write(&messages);
        prop_assert_eq!(read(&stream, Limits::default(), &mut Seeded(seed)), expected);
    }

    // proves: PKG-14, PKG-16
    #[test]
    fn any_chunking_gives_the_same_packages(
        messages in messages(), cuts in cuts(), end: Option<prop::sample::Index>, flip: (u16, u8),
    ) {
        let (mut stream, _) = write(&messages);
        // Sometimes the stream ends early, or one of its bits is wrong: the same violation then, too.
        if let Some(end) = end {
            stream.truncate(end.index(stream.len() + 1));
        }
        if let Some(byte) = stream.get_mut(usize::from(flip.0)) {
            *byte ^= 1 << (flip.1 % 8);
        }
        for limits in [Limits::default(), SMALL] {
            let whole = read(&stream, limits, &mut Whole);
            prop_assert_eq!(&whole, &model(&stream, limits));
            prop_assert_eq!(&whole, &read(&stream, limits, &mut Cuts(cuts.clone(), 0)));
        }
    }

    // proves: PKG-16
    #[test]
    fn bytes_that_come_one_by_one_are_the_same_stream(messages in messages()) {
        let (stream, expected) = write(&messages);
        prop_assert_eq!(read(&stream, Limits::default(), &mut Cuts(vec![(1, false)], 0)), expected);
    }
}

#[derive(Debug, Clone)]
struct Written {
    package_type: PackageType,
    version: u32,
    count_zero: bool,
    pieces: Vec<Vec<u8>>,
}

fn package_type() -> impl Strategy<Value = PackageType> {
    prop_oneof![Just(PackageType::Json), Just(PackageType::File)]
}

fn messages() -> impl Strategy<Value = Vec<Written>> {
    let version = prop_oneof![8 => Just(1u32), 1 => Just(0u32), 1 => any::<u32>()];
    let piece = prop_oneof![
        6 => prop::collection::vec(any::<u8>(), 0..80),
        1 => prop::collection::vec(any::<u8>(), 2_000..9_000),
    ];
    let pieces =
        prop_oneof![3 => prop::collection::vec(piece.clone(), 1), 2 => prop::collection::vec(piece, 2..5)];
    let message =
        (package_type(), version, any::<bool>(), pieces).prop_map(|(package_type, version, zero, pieces)| {
            Written { package_type, version, count_zero: zero && pieces.len() == 1, pieces }
        });
    prop::collection::vec(message, 0..6)
}

fn cuts() -> impl Strategy<Value = Vec<(usize, bool)>> {
    prop::collection::vec((prop_oneof![1..4usize, 20..60usize, 1..9_000usize], any::<bool>()), 1..20)
}

fn write(messages: &[Written]) -> (Vec<u8>, Transcript) {
    let mut stream = Vec::new();
    let mut expected = Transcript::default();
    for Written { package_type, version, count_zero, pieces } in messages {
        let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
        write_message(*package_type, *version, *count_zero, &pieces, &mut stream);
        expected.messages.push(message(*package_type, &pieces));
        expected.quirks[0] += if *version == 1 { 0 } else { pieces.len() as u64 };
        expected.quirks[1] += u64::from(*count_zero);
    }
    (stream, expected)
}

/// Sizes and whether the caller moves file bytes itself, over and over.
struct Cuts(Vec<(usize, bool)>, usize);

impl Cuts {
    fn next(&mut self) -> (usize, bool) {
        self.1 = (self.1 + 1) % self.0.len();
        self.0[self.1]
    }
}

impl Chunking for Cuts {
    fn chunk(&mut self, at_most: usize) -> usize {
        self.next().0.min(at_most)
    }
    fn moves_itself(&mut self) -> bool {
        self.next().1
    }
}

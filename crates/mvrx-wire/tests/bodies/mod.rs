//! What the fuzz targets, the corpus replay and the property tests run: one body per fuzz target, over a reader that
//! plays the caller of a [`Decoder`] and a model that reads whole streams in the plainest way.
//!
//! `fuzz/fuzz_targets/` includes this file by path, so it uses nothing but `mvrx_wire` and std.
#![allow(dead_code, missing_docs, unreachable_pub)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod model;
mod reader;

use mvrx_wire::{DecodeError, HEADER_LEN, Limits, PackageHeader, PackageType, encode_json, file_header};

pub use model::model;
pub use reader::read;

/// All that one direction of a connection said.
#[derive(Debug, PartialEq, Eq, Default)]
pub struct Transcript {
    pub messages: Vec<Message>,
    /// The first violation, or how the stream ended.
    pub end: Option<DecodeError>,
    /// Packages whose version is not 1, packages whose count is 0.
    pub quirks: [u64; 2],
}

#[derive(Debug, PartialEq, Eq)]
pub enum Message {
    Json(Vec<u8>),
    File { length: Option<u64>, packages: u32, bytes: Vec<u8>, whole: bool },
}

/// How the bytes reach the decoder: asked with a maximum of at least 1, answers 1 to that maximum.
pub trait Chunking {
    fn chunk(&mut self, at_most: usize) -> usize;
    /// Whether the caller takes file bytes past the decoder this time.
    fn moves_itself(&mut self) -> bool;
}

/// Everything at once, nothing past the decoder.
pub struct Whole;

impl Chunking for Whole {
    fn chunk(&mut self, at_most: usize) -> usize {
        at_most
    }
    fn moves_itself(&mut self) -> bool {
        false
    }
}

/// A sequence that its seed repeats: mostly small pieces, sometimes large ones.
pub struct Seeded(pub u64);

impl Seeded {
    fn next(&mut self) -> u64 {
        // xorshift64*; a state of 0 would stay 0
        self.0 = self.0.max(1);
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32
    }
}

impl Chunking for Seeded {
    fn chunk(&mut self, at_most: usize) -> usize {
        let range = [1, 3, 40, 1 << 16][usize::try_from(self.next() % 4).unwrap()];
        1 + usize::try_from(self.next()).unwrap() % at_most.min(range)
    }
    fn moves_itself(&mut self) -> bool {
        self.next().is_multiple_of(2)
    }
}

/// Limits that small inputs can reach.
pub const SMALL: Limits =
    Limits { json_bytes: 64, file_bytes: 300, packages_per_message: 3, strict_version: false };

/// Fuzz target: any bytes, read as one stream under three sets of limits. No panic, no limit crossed (the reader
/// checks that all along), and the same result as the model.
pub fn package_bytes(data: &[u8]) {
    let strict = Limits { strict_version: true, ..Limits::default() };
    for limits in [Limits::default(), SMALL, strict] {
        assert_eq!(read(data, limits, &mut Whole), model(data, limits), "limits {limits:?}");
    }
}

/// Fuzz target: the first eight bytes choose how the others are cut; the cuts change nothing.
pub fn package_chunking(data: &[u8]) {
    let Some((seed, stream)) = data.split_first_chunk() else { return };
    let seed = u64::from_le_bytes(*seed);
    for limits in [Limits::default(), SMALL] {
        let whole = read(stream, limits, &mut Whole);
        assert_eq!(read(stream, limits, &mut Seeded(seed)), whole, "seed {seed:#x}, limits {limits:?}");
    }
}

/// Fuzz target: the bytes describe messages; written and read back, they are the same.
pub fn package_round_trip(data: &[u8]) {
    let (stream, expected) = messages_from(data);
    let read = read(&stream, Limits::default(), &mut Seeded(data.len() as u64));
    assert_eq!(read, expected);
}

/// Reads `data` as a list of messages, each a control byte, a version byte where the control byte says so, and its
/// pieces, each a length byte and as many bytes as there are.
fn messages_from(mut data: &[u8]) -> (Vec<u8>, Transcript) {
    let mut stream = Vec::new();
    let mut expected = Transcript::default();
    while let Some((&control, rest)) = data.split_first() {
        data = rest;
        let package_type = if control & 1 == 0 { PackageType::Json } else { PackageType::File };
        let version =
            if control & 2 == 0 { 1 } else { u32::from(take(&mut data, 1).first().copied().unwrap_or(0)) };
        let pieces: Vec<&[u8]> = (0..=(control >> 4) % 4)
            .map(|_| {
                let length = take(&mut data, 1).first().copied().unwrap_or(0);
                take(&mut data, usize::from(length))
            })
            .collect();
        let count_zero = control & 4 != 0 && pieces.len() == 1;
        write_message(package_type, version, count_zero, &pieces, &mut stream);
        expected.quirks[0] += if version == 1 { 0 } else { pieces.len() as u64 };
        expected.quirks[1] += u64::from(count_zero);
        expected.messages.push(message(package_type, &pieces));
    }
    (stream, expected)
}

pub fn message(package_type: PackageType, pieces: &[&[u8]]) -> Message {
    let bytes = pieces.concat();
    match package_type {
        PackageType::Json => Message::Json(bytes),
        PackageType::File => Message::File {
            length: (pieces.len() == 1).then_some(bytes.len() as u64),
            packages: u32::try_from(pieces.len()).unwrap(),
            bytes,
            whole: true,
        },
    }
}

/// Writes a message in as many packages as it has pieces: the plain form with the crate's writers, others by hand.
pub fn write_message(
    package_type: PackageType,
    version: u32,
    count_zero: bool,
    pieces: &[&[u8]],
    stream: &mut Vec<u8>,
) {
    if let ([piece], 1, false) = (pieces, version, count_zero) {
        match package_type {
            PackageType::Json => encode_json(piece, stream),
            PackageType::File => {
                stream.extend_from_slice(&file_header(piece.len() as u64));
                stream.extend_from_slice(piece);
            }
        }
        return;
    }
    let count = if count_zero { 0 } else { u32::try_from(pieces.len()).unwrap() };
    for (number, piece) in (0..).zip(pieces) {
        let header =
            PackageHeader { version, number, count, package_type, payload_length: piece.len() as u64 };
        let bytes: [u8; HEADER_LEN] = header.to_bytes();
        assert_eq!(PackageHeader::parse(&bytes), Ok(header));
        stream.extend_from_slice(&bytes);
        stream.extend_from_slice(piece);
    }
}

/// Up to `n` bytes from the front.
fn take<'a>(data: &mut &'a [u8], n: usize) -> &'a [u8] {
    let (taken, rest) = data.split_at(n.min(data.len()));
    *data = rest;
    taken
}

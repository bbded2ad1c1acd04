//! The rows of an index: names as keys, and what a record says as bytes, which are read without searching in text.
//!
//! A key is the commit's number (8 bytes, the highest first), its file (16) and a letter for the ending of the name. Numbers in values have the
//! lowest byte first, texts their length in front, and what may be missing a byte of 0 or 1. Values have the fields of a record in the
//! order of [`encode`]; its number and its file are in the key.

use mvrx_message::{Author, Commit, FileUuid, MvrVersion, StationUuid};

use crate::clock::{from_millis, to_millis};
use crate::fs::names::{Name, Stem};
use crate::store::StoredCommit;

/// A name of something that was read.
pub(super) type Key = [u8; 25];

/// `None` for a name that has no row.
pub(super) fn key(name: Name) -> Option<Key> {
    let (stem, letter) = match name {
        Name::Record(stem) => (stem, RECORD),
        Name::Removed(stem) => (stem, REMOVED),
        Name::Recipe(stem) => (stem, RECIPE),
        _ => return None,
    };
    let mut key = [0; 25];
    let bytes = stem.sequence.to_be_bytes().into_iter().chain(stem.file.to_bytes()).chain([letter]);
    key.iter_mut().zip(bytes).for_each(|(to, byte)| *to = byte);
    Some(key)
}

/// Of which commit it is.
fn stem(key: &Key) -> Option<Stem> {
    let (sequence, rest) = key.split_first_chunk::<8>()?;
    let (file, _) = rest.split_first_chunk::<16>()?;
    Some(Stem { sequence: u64::from_be_bytes(*sequence), file: FileUuid::from_bytes(*file)? })
}

/// What the record says.
pub(super) fn encode(stored: &StoredCommit) -> Vec<u8> {
    let mut row = Row(Vec::with_capacity(256));
    let commit = &stored.commit;
    row.number(to_millis(stored.seen));
    row.number(stored.length);
    row.0.extend(stored.hash);
    row.number(commit.file_size);
    row.0.extend(commit.version.major.to_le_bytes());
    row.0.extend(commit.version.minor.to_le_bytes());
    row.maybe(commit.station, |row, station| row.0.extend(station.to_bytes()));
    row.maybe(commit.blake3, |row, hash| row.0.extend(hash));
    row.maybe(commit.order, Row::number);
    row.number(commit.for_stations.len() as u64);
    commit.for_stations.iter().for_each(|station| row.0.extend(station.to_bytes()));
    row.text(&stored.group);
    row.text(&commit.comment);
    row.text(&commit.file_name);
    row.maybe(commit.author.as_ref(), |row, author| {
        row.text(&author.name);
        row.text(&author.provider);
    });
    row.0
}

/// What the record of this name said; `None` for bytes that are no row.
pub(super) fn decode(key: &Key, bytes: &[u8]) -> Option<StoredCommit> {
    let stem = stem(key)?;
    let mut row = Rest(bytes);
    let (seen, length, hash) = (from_millis(row.number()?)?, row.number()?, row.bytes()?);
    let file_size = row.number()?;
    let version = MvrVersion {
        major: row.bytes().map(u32::from_le_bytes)?,
        minor: row.bytes().map(u32::from_le_bytes)?,
    };
    let station = row.maybe(Rest::station)?;
    let blake3 = row.maybe(Rest::bytes)?;
    let order = row.maybe(Rest::number)?;
    let count = usize::try_from(row.number()?).ok().filter(|count| *count <= row.0.len() / 16)?;
    let for_stations = (0..count).map(|_| row.station()).collect::<Option<_>>()?;
    let (group, comment, file_name) = (row.text()?, row.text()?, row.text()?);
    let author = row.maybe(|row| Some(Author { name: row.text()?, provider: row.text()? }))?;
    let commit = Commit {
        file: stem.file,
        station,
        version,
        file_size,
        for_stations,
        comment,
        file_name,
        blake3,
        author,
        group: None,
        order,
        missed: false,
    };
    row.0.is_empty().then_some(StoredCommit { commit, sequence: stem.sequence, seen, hash, length, group })
}

/// What a recipe says at its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::fs) struct Made {
    /// The hash of the file that it was made over.
    pub(in crate::fs) over: [u8; 32],
    /// What it gives: the hash and the bytes.
    pub(in crate::fs) gives: ([u8; 32], u64),
}

pub(super) fn encode_made(made: Made) -> Vec<u8> {
    let mut row = Row(Vec::with_capacity(72));
    row.0.extend(made.over);
    row.0.extend(made.gives.0);
    row.number(made.gives.1);
    row.0
}

pub(super) fn decode_made(bytes: &[u8]) -> Option<Made> {
    let mut row = Rest(bytes);
    let made = Made { over: row.bytes()?, gives: (row.bytes()?, row.number()?) };
    row.0.is_empty().then_some(made)
}

/// A value that is being written.
struct Row(Vec<u8>);

impl Row {
    fn number(&mut self, number: u64) {
        self.0.extend(number.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.extend(text.as_bytes());
    }

    fn maybe<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.0.push(u8::from(value.is_some()));
        if let Some(value) = value {
            write(self, value);
        }
    }
}

/// What is left of a value that is being read.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*bytes)
    }

    fn number(&mut self) -> Option<u64> {
        self.bytes().map(u64::from_le_bytes)
    }

    fn station(&mut self) -> Option<StationUuid> {
        StationUuid::from_bytes(self.bytes()?)
    }

    fn text(&mut self) -> Option<String> {
        let length = usize::try_from(self.number()?).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(text).ok().map(str::to_owned)
    }

    fn maybe<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        match self.bytes()? {
            [0] => Some(None),
            [1] => read(self).map(Some),
            _ => None,
        }
    }
}

const RECORD: u8 = b'j';
const REMOVED: u8 = b'r';
const RECIPE: u8 = b'c';

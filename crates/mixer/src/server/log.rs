//! The file of one room: an append-only log of records, each with its length and its checksum.
//!
//! | bytes | field |
//! |---|---|
//! | 4 | payload length, little-endian |
//! | 4 | CRC-32 of kind and payload |
//! | 1 | kind |
//! | n | payload |
//!
//! The first record names the room. What follows is whole frames of commands, which are stored again by the rule of accumulation, and attributes,
//! of which the last count. A torn tail, a last record that was not written to its end, is cut off when the file is opened. What is damaged before
//! costs what it held: reading goes on behind it. Files are written by this machine for this machine; still, nothing in them is trusted further than
//! its checksum.

use std::io::{self, Read};
use std::ops::Range;

use bytes::{Buf, BufMut, Bytes};
use mixer_proto::frame::Frames;
use mixer_proto::json::{Json, Object};
use mixer_proto::primitive::{Reader, put_string};
use mixer_proto::server::RoomContent;
use thiserror::Error;

/// Bytes before a record's payload.
pub(super) const RECORD_HEADER: usize = 9;
/// Bytes of a record's length.
const LENGTH: usize = 4;
/// A record of commands ends with the first command that fills so much: what is damaged costs its record, and the record its header.
const RECORD_BYTES: usize = 1 << 10;

/// Where in a header the kind is.
const KIND: usize = 8;
/// Payloads of so many bytes stay where they are read to; smaller ones are gathered in pieces.
const LARGE: usize = 16 << 10;
const PIECE: usize = 256 << 10;

const NAME: u8 = 1;
const COMMANDS: u8 = 2;
const ATTRIBUTES: u8 = 3;

/// The first record of a file.
pub(super) fn name_record(name: &str, attributes: &str) -> Vec<u8> {
    let mut payload = Vec::new();
    put_string(&mut payload, name);
    put_string(&mut payload, attributes);
    let mut record = header(NAME, &payload).to_vec();
    record.extend_from_slice(&payload);
    record
}

pub(super) fn attributes_record(attributes: &str) -> Vec<u8> {
    let mut record = header(ATTRIBUTES, attributes.as_bytes()).to_vec();
    record.extend_from_slice(attributes.as_bytes());
    record
}

/// The payloads of the records that whole frames of commands make.
pub(super) fn commands_payloads(frames: &Bytes) -> impl Iterator<Item = Bytes> {
    let mut begun = 0;
    let ends = Frames::new(frames).map(|frame| frame.range.end);
    ends.filter_map(move |end| {
        let full = end - begun >= RECORD_BYTES || end == frames.len();
        full.then(|| frames.slice(std::mem::replace(&mut begun, end)..end))
    })
}

/// What goes before such a payload, which need not be copied to be written.
pub(super) fn commands_header(payload: &[u8]) -> [u8; RECORD_HEADER] {
    header(COMMANDS, payload)
}

fn header(kind: u8, payload: &[u8]) -> [u8; RECORD_HEADER] {
    let mut bytes = [0; RECORD_HEADER];
    let mut rest = &mut bytes[..];
    // A frame limit far below 4 GiB keeps every record far below it.
    rest.put_u32_le(u32::try_from(payload.len()).unwrap_or(u32::MAX));
    rest.put_u32_le(checksum(kind, payload));
    rest.put_u8(kind);
    bytes
}

/// What a file holds.
#[derive(Debug)]
pub(super) struct ReadBack {
    pub(super) room: RoomContent,
    /// Where its last whole record ends. What is behind, and not damaged, is a record that was not written to its end.
    pub(super) whole: usize,
    /// What was written and is no record any more, in order.
    pub(super) damaged: Vec<Range<usize>>,
    /// Whether attributes, of which the last count, may have been in what is damaged.
    pub(super) attributes_older: bool,
}

/// Why a file gives no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum NoRoom {
    #[error("its room was never completely made, and it can be deleted")]
    NeverMade,
    #[error("its beginning is damaged, and nothing else in it says the room's name")]
    NameDamaged,
    #[error("a record of it is of a kind that this edition does not know")]
    UnknownRecord,
}

/// Reads a room back from a file of so many bytes. A record whose checksum is wrong costs what it held and no more: reading goes on where the next whole
/// record begins. What is whole is never in memory twice.
// req: MIX-KEEP-3, MIX-KEEP-10, MIX-KEEP-15
pub(super) fn read(mut file: impl Read, size: u64) -> io::Result<Result<ReadBack, NoRoom>> {
    let mut found = Found::default();
    let mut small = Vec::new();
    let mut at = 0;
    loop {
        let mut start = Vec::with_capacity(RECORD_HEADER);
        file.by_ref().take(RECORD_HEADER as u64).read_to_end(&mut start)?;
        let left = size.saturating_sub((at + start.len()) as u64);
        let length = start.first_chunk().map_or(0, |length| u32::from_le_bytes(*length));
        if start.len() == RECORD_HEADER && u64::from(length) <= left {
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            small.clear();
            // A large one stays where it is read to.
            let mut payload =
                if length < LARGE { std::mem::take(&mut small) } else { Vec::with_capacity(length) };
            file.by_ref().take(length as u64).read_to_end(&mut payload)?;
            if let (true, Some(kind)) = (is_whole(&start, &payload), start.get(KIND)) {
                at += RECORD_HEADER + payload.len();
                if let Err(error) = found.take(*kind, &mut payload, at) {
                    return Ok(Err(error));
                }
                if length < LARGE {
                    small = payload;
                }
                continue;
            }
            start.append(&mut payload);
        }
        file.read_to_end(&mut start)?;
        return Ok(found.search(at, &start.into()).and_then(|()| found.end()));
    }
}

/// Whether this is a record's header with all of its payload.
fn is_whole(header: &[u8], payload: &[u8]) -> bool {
    let mut rest = header.get(LENGTH..).unwrap_or_default();
    let (expected, kind) = (rest.try_get_u32_le(), rest.try_get_u8());
    kind.is_ok_and(|kind| expected == Ok(checksum(kind, payload)))
}

/// What has been read so far.
#[derive(Default)]
struct Found {
    room: Option<RoomContent>,
    /// Commands in pieces that fill their memory, and the piece that is being filled.
    commands: Vec<Bytes>,
    piece: Vec<u8>,
    whole: usize,
    damaged: Vec<Range<usize>>,
    last_attributes: usize,
}

impl Found {
    /// Takes over a whole record that ends there.
    fn take(&mut self, kind: u8, payload: &mut Vec<u8>, end: usize) -> Result<(), NoRoom> {
        self.whole = end;
        match (kind, &mut self.room) {
            (NAME, None) => self.room = Some(named(payload).ok_or(NoRoom::UnknownRecord)?),
            (COMMANDS, _)
                if Frames::new(payload).map(|frame| frame.range.len()).sum::<usize>() == payload.len() =>
            {
                self.keep(payload);
                return Ok(());
            }
            (ATTRIBUTES, known) => {
                let attributes = std::str::from_utf8(payload).ok().and_then(object);
                let attributes = attributes.ok_or(NoRoom::UnknownRecord)?;
                match known {
                    Some(room) => room.attributes = attributes,
                    None => self.room = Some(named_in(attributes).ok_or(NoRoom::NameDamaged)?),
                }
            }
            _ => return Err(NoRoom::UnknownRecord),
        }
        self.last_attributes = end;
        Ok(())
    }

    fn keep(&mut self, payload: &mut Vec<u8>) {
        let large = payload.len() >= LARGE;
        if large || self.piece.capacity() - self.piece.len() < payload.len() {
            self.seal();
        }
        if large {
            payload.shrink_to_fit();
            return self.commands.push(std::mem::take(payload).into());
        }
        if self.piece.capacity() == 0 {
            self.piece = Vec::with_capacity(PIECE);
        }
        self.piece.extend_from_slice(payload);
    }

    fn seal(&mut self) {
        let mut piece = std::mem::take(&mut self.piece);
        piece.shrink_to_fit();
        if !piece.is_empty() {
            self.commands.push(piece.into());
        }
    }

    /// Takes over what is whole in the rest of a file that begins with what is no whole record.
    fn search(&mut self, start: usize, rest: &Bytes) -> Result<(), NoRoom> {
        let mut at = 0;
        while at < rest.len() {
            let (kind, payload, end) = match record(rest, at) {
                Some((kind, payload)) => {
                    let end = at + RECORD_HEADER + payload.len();
                    (kind, payload, end)
                }
                None => {
                    let next = next_record(rest, at);
                    let end = next.unwrap_or(rest.len());
                    match record_until(rest, at, end) {
                        // Nothing but its length is wrong.
                        Some((kind, payload)) => {
                            self.damaged.push(start + at..start + at + LENGTH);
                            (kind, payload, end)
                        }
                        None if next.is_none() && is_torn(rest, at) => return Ok(()),
                        None => {
                            self.damaged.push(start + at..start + end);
                            at = end;
                            continue;
                        }
                    }
                }
            };
            at = end;
            self.take(kind, &mut payload.to_vec(), start + end)?;
        }
        Ok(())
    }

    fn end(mut self) -> Result<ReadBack, NoRoom> {
        self.seal();
        let Some(mut room) = self.room else {
            return Err(if self.damaged.is_empty() { NoRoom::NeverMade } else { NoRoom::NameDamaged });
        };
        room.commands = self.commands;
        let (damaged, last) = (self.damaged, self.last_attributes);
        let attributes_older = damaged.iter().any(|range| range.start >= last && range.len() > LENGTH);
        Ok(ReadBack { room, whole: self.whole, damaged, attributes_older })
    }
}

/// What was not written to its end: a header or a payload that the file ends in, or room that the system had set aside and not filled.
fn is_torn(file: &[u8], at: usize) -> bool {
    let rest = file.get(at..).unwrap_or_default();
    bounds(file, at).is_none() || rest.iter().all(|byte| *byte == 0)
}

/// Where the next whole record begins behind a damaged one. Mostly its length is right, and then it says so; else every place is tried, but
/// not with more checksums than a bound allows, whatever the file holds.
fn next_record(file: &Bytes, damaged: usize) -> Option<usize> {
    if let Some((_, payload)) = bounds(file, damaged)
        && record(file, payload.end).is_some()
    {
        return Some(payload.end);
    }
    let mut budget = file.len().saturating_mul(SEARCHED_TIMES);
    (damaged + 1..file.len()).find(|at| {
        let Some((kind, payload)) = bounds(file, *at).filter(|(_, payload)| payload.len() <= budget) else {
            return false;
        };
        if !is_plausible(kind, file.get(payload.clone()).unwrap_or_default()) {
            return false;
        }
        budget -= payload.len();
        record(file, *at).is_some()
    })
}

/// Whether a payload begins and ends as one of its kind does; cheaper than its checksum.
fn is_plausible(kind: u8, payload: &[u8]) -> bool {
    match kind {
        ATTRIBUTES => payload.starts_with(b"{") && payload.ends_with(b"}"),
        COMMANDS => !payload.is_empty() && (Frames::new(payload).next().is_some()),
        _ => false,
    }
}

/// A room whose first record is damaged: its attributes have its name as well.
fn named_in(attributes: Object) -> Option<RoomContent> {
    let name = attributes.find("name").and_then(Json::as_str)?.to_owned();
    Some(RoomContent { name, attributes, commands: Vec::new() })
}

fn named(payload: &[u8]) -> Option<RoomContent> {
    let mut reader = Reader::new(payload);
    let name = reader.string().ok()?.to_owned();
    let attributes = object(reader.string().ok()?)?;
    Some(RoomContent { name, attributes, commands: Vec::new() })
}

fn object(text: &str) -> Option<Object> {
    match Json::parse(text) {
        Ok(Json::Object(object)) => Some(object),
        _ => None,
    }
}

/// The whole record that begins there, if one does.
fn record(file: &Bytes, at: usize) -> Option<(u8, Bytes)> {
    let (_, payload) = bounds(file, at)?;
    record_until(file, at, payload.end)
}

/// The same for one whose length is not what it says: it would end at `end`.
fn record_until(file: &Bytes, at: usize, end: usize) -> Option<(u8, Bytes)> {
    let start = at.checked_add(RECORD_HEADER).filter(|start| *start <= end)?;
    let mut expected = file.get(at + LENGTH..start)?;
    let (expected, kind) = (expected.try_get_u32_le().ok()?, expected.try_get_u8().ok()?);
    let payload = file.slice(start..end);
    (checksum(kind, &payload) == expected).then_some((kind, payload))
}

/// The kind and the place of the payload of what would be a record there; `None` when it does not fit into the file.
fn bounds(file: &[u8], at: usize) -> Option<(u8, Range<usize>)> {
    let mut header = file.get(at..)?.get(..RECORD_HEADER)?;
    let length = usize::try_from(header.get_u32_le()).ok()?;
    let kind = *header.get(4)?;
    let start = at + RECORD_HEADER;
    let end = start.checked_add(length).filter(|end| *end <= file.len())?;
    Some((kind, start..end))
}

fn checksum(kind: u8, payload: &[u8]) -> u32 {
    let mut crc = update(!0, kind);
    let (chunks, rest) = payload.as_chunks::<4>();
    for chunk in chunks {
        crc = chunk.iter().fold(crc, |crc, byte| update(crc, *byte));
    }
    !rest.iter().fold(crc, |crc, byte| update(crc, *byte))
}

fn update(crc: u32, byte: u8) -> u32 {
    let [low, ..] = (crc ^ u32::from(byte)).to_le_bytes();
    // A byte is always below 256.
    (crc >> 8) ^ TABLE.get(usize::from(low)).copied().unwrap_or_default()
}

/// In search of a record, checksums are made of at most so many times the bytes of the file.
const SEARCHED_TIMES: usize = 4;
const TABLE: [u32; 256] = table();

#[allow(clippy::indexing_slicing, clippy::cast_possible_truncation)] // evaluated by the compiler, which checks it
const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        let mut crc = at as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
            bit += 1;
        }
        table[at] = crc;
        at += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use mixer_proto::frame;

    use mixer_proto::frame::Frames;

    use super::{
        ATTRIBUTES, LENGTH, NoRoom, ReadBack, attributes_record, checksum, commands_header,
        commands_payloads, name_record,
    };

    fn read(file: &[u8]) -> Result<ReadBack, NoRoom> {
        super::read(file, file.len() as u64).unwrap()
    }

    fn frames_of(found: &ReadBack) -> Vec<Vec<u8>> {
        let commands = found.room.commands.concat();
        Frames::new(&commands).map(|frame| commands[frame.range].to_vec()).collect()
    }

    // proves: MIX-KEEP-15
    #[test]
    fn commands_that_were_read_back_fill_the_memory_that_they_keep() {
        let commands: Vec<Bytes> = (0..3000_usize)
            .map(|number| {
                frame::encode(101, 7, &vec![7; [90, 300, 20_000, 1000, 17_000][number % 5] + number])
            })
            .collect();
        let records = commands.iter().map(|frames| [&commands_header(frames)[..], frames].concat());
        let file = [name_record("r", "{}"), records.collect::<Vec<_>>().concat()].concat();
        let found = read(&file).unwrap();
        assert!(found.room.commands.concat() == commands.concat());
        let bytes: usize = commands.iter().map(Bytes::len).sum();
        let kept: usize =
            found.room.commands.into_iter().map(|piece| piece.try_into_mut().unwrap().capacity()).sum();
        assert!(kept <= bytes + bytes / 100, "{kept} for {bytes}");
    }

    #[test]
    fn checksum_is_crc32() {
        assert_eq!(checksum(b'1', b"23456789"), 0xCBF4_3926);
    }

    // proves: MIX-KEEP-3
    #[test]
    fn file_cut_off_anywhere_reads_as_what_was_whole() {
        let frames = frame::encode(101, 7, b"abc");
        let records = [
            name_record("r", "{\"a\": 1}"),
            [&commands_header(&frames)[..], &frames].concat(),
            attributes_record("{\"a\": 2}"),
            [&commands_header(&frames)[..], &frames].concat(),
        ];
        let file = Bytes::from(records.concat());
        let ends: Vec<usize> = records
            .iter()
            .scan(0, |end, record| {
                *end += record.len();
                Some(*end)
            })
            .collect();
        for cut in 0..=file.len() {
            let whole = ends.iter().rev().find(|end| **end <= cut).copied().unwrap_or(0);
            let found = read(&file[..cut]);
            assert_eq!(found.as_ref().map_or(0, |found| found.whole), whole, "{cut}");
            match found {
                Ok(found) => {
                    assert!(found.damaged.is_empty());
                    let commands = usize::from(cut >= ends[1]) + usize::from(cut >= ends[3]);
                    assert_eq!(frames_of(&found).len(), commands, "{cut}");
                }
                Err(error) => assert_eq!(error, NoRoom::NeverMade),
            }
        }
        // Room that the system had set aside for what never came.
        let found = read(&[&file[..], &[0; 1000]].concat()).unwrap();
        assert_eq!((found.whole, found.damaged), (file.len(), vec![]));
    }

    // proves: MIX-KEEP-10
    #[test]
    fn byte_that_is_damaged_costs_its_record_and_no_other() {
        let frame = |number: u8| frame::encode(101, 7, &[number; 40]);
        let commands = |number: u8| [&commands_header(&frame(number))[..], &frame(number)].concat();
        let records = [
            name_record("r", "{}"),
            commands(1),
            attributes_record("{\"name\": \"r\"}"),
            commands(2),
            commands(3),
        ];
        let file = records.concat();
        let mut start = 0;
        for (number, record) in records.iter().enumerate() {
            for at in start..start + record.len() {
                for flip in [1, 0x80, 0xFF] {
                    let mut broken = file.clone();
                    broken[at] ^= flip;
                    let found = read(&broken).unwrap();
                    let kept: Vec<u8> = frames_of(&found).iter().map(|frame| frame[20]).collect();
                    let lost = match number {
                        1 => Some(1),
                        3 => Some(2),
                        4 => Some(3),
                        _ => None,
                    };
                    // A wrong length alone costs nothing.
                    let of_length = (start..start + LENGTH).contains(&at);
                    let expected: Vec<u8> =
                        (1..=3).filter(|number| of_length || Some(*number) != lost).collect();
                    assert_eq!((found.room.name.as_str(), kept), ("r", expected), "{at} {flip}");
                    let length = if of_length { LENGTH } else { record.len() };
                    assert_eq!(found.damaged, only(start..start + length), "{at} {flip}");
                    assert_eq!(found.attributes_older, !of_length && number >= 2, "{at} {flip}");
                }
            }
            start += record.len();
        }
    }

    fn only<T>(one: T) -> Vec<T> {
        std::iter::once(one).collect()
    }

    #[test]
    fn records_of_commands_are_small_and_together_what_came() {
        let small: Vec<Bytes> = (0..200).map(|number| frame::encode(101, number, &[7; 86])).collect();
        let large = frame::encode(102, 1, &vec![7; 100_000]);
        let run = Bytes::from([&small.concat()[..], &large, &small.concat()].concat());
        let payloads: Vec<Bytes> = commands_payloads(&run).collect();
        assert_eq!(payloads.concat(), run);
        let (largest, others): (Vec<usize>, Vec<usize>) =
            payloads.iter().map(Bytes::len).partition(|length| *length > 1124);
        assert_eq!((largest.len(), others.len()), (1, 37));
        assert_eq!(commands_payloads(&Bytes::new()).count(), 0);
    }

    #[test]
    fn file_without_its_name_gives_no_room() {
        let frames = frame::encode(101, 7, b"abc");
        let mut file = [&name_record("r", "{}")[..], &commands_header(&frames), &frames].concat();
        file[9] ^= 1;
        assert_eq!(read(&file).unwrap_err(), NoRoom::NameDamaged);
        assert_eq!(read(&[]).unwrap_err(), NoRoom::NeverMade);
    }

    #[test]
    fn file_made_to_be_searched_in_vain_is_given_up() {
        let mut file = name_record("r", "{}");
        let whole = file.len();
        // Every few bytes what could be the header of a record up to the end.
        let size = 1 << 20;
        while file.len() < size {
            let left = u32::try_from(size * 2 - file.len()).unwrap() - 9;
            file.extend_from_slice(&left.to_le_bytes());
            file.extend_from_slice(&[0, 0, 0, 0, ATTRIBUTES, b'{']);
        }
        file.resize(size * 2, b'}');
        let found = read(&file).unwrap();
        assert_eq!((found.whole, found.damaged), (whole, only(whole..file.len())));
    }
}

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
//! of which the last count. A torn tail, anything after the last record that is whole, is cut off when the file is opened. Files are written by this
//! machine for this machine; still, nothing in them is trusted further than its checksum.

use bytes::{Buf, BufMut, Bytes};
use mixer_proto::json::{Json, Object};
use mixer_proto::primitive::{Reader, put_string};
use mixer_proto::server::RoomContent;

/// Bytes before a record's payload.
pub(super) const RECORD_HEADER: usize = 9;

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

/// What goes before frames of commands; they need not be copied to be written.
pub(super) fn commands_header(frames: &[u8]) -> [u8; RECORD_HEADER] {
    header(COMMANDS, frames)
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

/// A room read back, and how many bytes of its file are whole records. `None` when there is no room in it.
// req: MIX-KEEP-3
pub(super) fn read(file: &Bytes) -> Option<(RoomContent, usize)> {
    let mut rest = file.clone();
    let mut room: Option<RoomContent> = None;
    while let Some((kind, payload)) = record(&mut rest) {
        match (kind, &mut room) {
            (NAME, None) => room = Some(named(&payload)?),
            (COMMANDS, Some(room)) => room.commands.push(payload),
            (ATTRIBUTES, Some(room)) => {
                if let Some(attributes) = std::str::from_utf8(&payload).ok().and_then(object) {
                    room.attributes = attributes;
                }
            }
            _ => return None,
        }
    }
    Some((room?, file.len() - rest.len()))
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

/// Takes the next whole record; leaves `rest` alone when there is none.
fn record(rest: &mut Bytes) -> Option<(u8, Bytes)> {
    let mut header = rest.get(..RECORD_HEADER)?;
    let length = usize::try_from(header.get_u32_le()).ok()?;
    let expected = header.get_u32_le();
    let kind = header.get_u8();
    let end = RECORD_HEADER.checked_add(length).filter(|end| *end <= rest.len())?;
    let payload = rest.slice(RECORD_HEADER..end);
    if checksum(kind, &payload) != expected {
        return None;
    }
    rest.advance(end);
    Some((kind, payload))
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

    use super::{attributes_record, checksum, commands_header, name_record, read};

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
            let found = read(&file.slice(..cut));
            assert_eq!(found.as_ref().map_or(0, |(_, whole)| *whole), whole, "{cut}");
            if let Some((room, _)) = found {
                assert_eq!(room.commands.len(), usize::from(cut >= ends[1]) + usize::from(cut >= ends[3]));
            }
        }
        // A flipped bit ends the file where it stands.
        for at in ends[0]..file.len() {
            let mut broken = file.to_vec();
            broken[at] ^= 1;
            let (_, whole) = read(&broken.into()).unwrap();
            assert!(whole <= at && ends.contains(&whole), "{at}");
        }
    }
}

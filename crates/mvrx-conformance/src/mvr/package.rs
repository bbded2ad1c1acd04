//! Packages of TCP Mode (Tables 66 and 67), read so leniently that each deviation shows in its own case and nowhere else.

use std::time::Instant;

use crate::transcript::{Transcript, Way};
use crate::wire::{End, Wire};

/// Bytes of a header.
pub(crate) const HEADER: usize = 28;
pub(crate) const MAGIC: u32 = 778_682;
pub(crate) const JSON: u32 = 0;
pub(crate) const FILE: u32 = 1;

/// The fields in front of a payload.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Header {
    pub(crate) magic: u32,
    pub(crate) version: u32,
    pub(crate) number: u32,
    pub(crate) count: u32,
    pub(crate) kind: u32,
    pub(crate) length: u64,
    /// Its bytes are the wrong way round.
    pub(crate) little_endian: bool,
}

impl Header {
    /// What the judge writes where nothing else is tried.
    pub(crate) fn plain(kind: u32, length: usize) -> Self {
        let length = length as u64;
        Self { magic: MAGIC, version: 1, number: 0, count: 1, kind, length, little_endian: false }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER);
        for field in [self.magic, self.version, self.number, self.count, self.kind] {
            bytes.extend(field.to_be_bytes());
        }
        bytes.extend(self.length.to_be_bytes());
        bytes
    }

    fn read(bytes: &[u8]) -> Self {
        let four =
            |at: usize| bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_be_bytes);
        let little_endian = four(0) == MAGIC.swap_bytes();
        let field = |at: usize| if little_endian { four(at).swap_bytes() } else { four(at) };
        let (high, low) = if little_endian { (field(24), field(20)) } else { (field(20), field(24)) };
        Self {
            magic: field(0),
            version: field(4),
            number: field(8),
            count: field(12),
            kind: field(16),
            length: u64::from(high) << 32 | u64::from(low),
            little_endian,
        }
    }
}

/// One package as it came.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) header: Header,
    pub(crate) payload: Vec<u8>,
    /// Fewer bytes came than the header says, and then none.
    pub(crate) short: bool,
}

#[derive(Debug)]
pub(crate) enum NoPackage {
    Silence,
    Closed,
    /// A header came apart, or one that announces more than the judge reads.
    Nonsense(String),
}

/// A message as the judge writes it: header and payload in one write.
pub(crate) fn package(kind: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Header::plain(kind, payload.len()).bytes();
    bytes.extend_from_slice(payload);
    bytes
}

/// Waits for one package of at most so many bytes.
pub(crate) fn receive(
    wire: &mut Wire,
    most: usize,
    until: Instant,
    transcript: &Transcript,
) -> Result<Package, NoPackage> {
    let header = match wire.read(HEADER, until) {
        Ok(bytes) => {
            transcript.note(Way::Received, "header", &bytes);
            Header::read(&bytes)
        }
        Err(end) => {
            let rest = wire.ready().to_vec();
            if !rest.is_empty() {
                transcript.note(Way::Received, "part of a header", &rest);
                return Err(NoPackage::Nonsense(format!("{} bytes that are no header", rest.len())));
            }
            return Err(if matches!(end, End::Silence) { NoPackage::Silence } else { NoPackage::Closed });
        }
    };
    let length = match usize::try_from(header.length) {
        Ok(length) if length <= most => length,
        _ => {
            let words = format!("a package of {} bytes; the judge reads {most}", header.length);
            return Err(NoPackage::Nonsense(words));
        }
    };
    let short = wire.fill(length, until).is_err();
    let payload = wire.take(length);
    transcript.note(Way::Received, "payload", &payload);
    Ok(Package { header, payload, short })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_28_bytes_in_the_order_of_the_layout() {
        let header = Header { version: 2, number: 3, count: 4, kind: 5, length: 6, ..Header::plain(JSON, 0) };
        let bytes = header.bytes();
        let wanted = "000be1ba 00000002 00000003 00000004 00000005 0000000000000006";
        let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, wanted.replace(' ', ""));
        let read = Header::read(&bytes);
        assert_eq!(
            (read.magic, read.version, read.number, read.count, read.kind, read.length),
            (MAGIC, 2, 3, 4, 5, 6)
        );
    }

    #[test]
    fn a_header_that_is_the_wrong_way_round_is_read_and_told() {
        let mut bytes = Vec::new();
        for field in [MAGIC, 1, 0, 1, 0] {
            bytes.extend(field.to_le_bytes());
        }
        bytes.extend((1_u64 << 33 | 7).to_le_bytes());
        let read = Header::read(&bytes);
        assert!(read.little_endian);
        assert_eq!((read.magic, read.count, read.length), (MAGIC, 1, 1 << 33 | 7));
    }
}

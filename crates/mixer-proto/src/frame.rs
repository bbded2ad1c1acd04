//! Turns a byte stream into whole frames, and a message into its frame.
//!
//! A frame is a 14-byte header and a payload, everything little-endian (MVR-xchange's TCP packages are big-endian; the two share nothing):
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 8 | payload size, without the header, unsigned |
//! | 8 | 4 | command id; nobody reads it |
//! | 12 | 2 | message type |
//! | 14 | n | payload |
//!
//! The caller owns the buffer: [`scan`] says how many of its bytes are whole frames, [`Frames`] walks over those, and what is left stays
//! at the front of the buffer until more came. Nothing is copied or allocated. A payload size above the caller's limit is
//! [`Next::Oversized`] as soon as the header is there, before anything is reserved for it.
//!
//! ```
//! use mixer_proto::frame::{self, Frames, Next};
//! let mut bytes = frame::encode(206, 100, b"").to_vec();
//! bytes.extend_from_slice(&[1, 0, 0]);
//! let scan = frame::scan(&bytes, 1 << 20);
//! assert_eq!((scan.whole, scan.next), (14, Next::Missing(11)));
//! assert_eq!(Frames::new(&bytes[..scan.whole]).next().unwrap().header.code, 206);
//! ```

use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};

/// Bytes before the payload.
pub const HEADER_LEN: usize = 14;

/// The first 14 bytes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// Bytes of payload, without the header.
    pub size: u64,
    /// Command id. Replies do not repeat the id of their request.
    pub id: u32,
    /// Message type, see [`crate::code`].
    pub code: u16,
}

impl FrameHeader {
    /// Reads a header. Every 14 bytes are one.
    // req: MIX-FRAME-1, MIX-ROW-19, MIX-ROW-20
    pub fn parse(bytes: &[u8; HEADER_LEN]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n] = *bytes;
        Self {
            size: u64::from_le_bytes([a, b, c, d, e, f, g, h]),
            id: u32::from_le_bytes([i, j, k, l]),
            code: u16::from_le_bytes([m, n]),
        }
    }

    /// Writes the header.
    pub fn to_bytes(self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        let mut rest = &mut bytes[..];
        rest.put_u64_le(self.size);
        rest.put_u32_le(self.id);
        rest.put_u16_le(self.code);
        bytes
    }
}

/// One whole frame inside a slice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Its header.
    pub header: FrameHeader,
    /// Where header and payload lie in the slice.
    pub range: Range<usize>,
    /// Its payload.
    pub payload: &'a [u8],
}

/// What [`scan`] found in a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scan {
    /// So many bytes at the front are whole frames.
    pub whole: usize,
    /// What stands after them.
    pub next: Next,
}

/// What stands after the whole frames of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing: the buffer ends with a frame.
    Boundary,
    /// The beginning of a frame; at least so many bytes are missing. More may be once its header is whole.
    Missing(usize),
    /// A frame whose payload is larger than allowed. The stream cannot be followed any further.
    Oversized {
        /// The announced payload size.
        size: u64,
    },
}

/// Finds the whole frames at the front of `buffer`. Payloads above `payload_limit` bytes are not accepted.
// req: MIX-FRAME-3
pub fn scan(buffer: &[u8], payload_limit: u64) -> Scan {
    let mut whole = 0;
    loop {
        let rest = buffer.get(whole..).unwrap_or_default();
        let Some(header) = rest.first_chunk() else {
            let next = if rest.is_empty() { Next::Boundary } else { Next::Missing(HEADER_LEN - rest.len()) };
            return Scan { whole, next };
        };
        let size = FrameHeader::parse(header).size;
        let Some(length) = payload_length(size, payload_limit) else {
            return Scan { whole, next: Next::Oversized { size } };
        };
        if rest.len() - HEADER_LEN < length {
            return Scan { whole, next: Next::Missing(length - (rest.len() - HEADER_LEN)) };
        }
        whole += HEADER_LEN + length;
    }
}

fn payload_length(size: u64, limit: u64) -> Option<usize> {
    usize::try_from(size).ok().filter(|length| size <= limit && *length <= usize::MAX - HEADER_LEN)
}

/// Walks over whole frames, as [`scan`] found them. Stops before anything that is not whole.
#[derive(Clone, Debug)]
pub struct Frames<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Frames<'a> {
    /// Starts at the front of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Frame<'a>;

    fn next(&mut self) -> Option<Frame<'a>> {
        let rest = self.bytes.get(self.at..)?;
        let (header, rest) = rest.split_first_chunk()?;
        let header = FrameHeader::parse(header);
        let payload = rest.get(..usize::try_from(header.size).ok()?)?;
        let start = self.at;
        self.at += HEADER_LEN + payload.len();
        Some(Frame { header, range: start..self.at, payload })
    }
}

/// Builds a frame.
pub fn encode(code: u16, id: u32, payload: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(HEADER_LEN + payload.len());
    frame.put_slice(&FrameHeader { size: payload.len() as u64, id, code }.to_bytes());
    frame.put_slice(payload);
    frame.freeze()
}

/// Gives every frame whose id is 0 the next number of `ids`, in place: one client always sends 0 and the reference server numbers for it.
// req: MIX-FRAME-2
pub(crate) fn number_frames_without_id(frames: &mut [u8], ids: &mut Ids) {
    let mut at = 0;
    while let Some(header) = frames.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<HEADER_LEN>()) {
        let mut parsed = FrameHeader::parse(header);
        if parsed.id == 0 {
            parsed.id = ids.next_id();
            *header = parsed.to_bytes();
        }
        at = usize::try_from(parsed.size)
            .map_or(usize::MAX, |size| at.saturating_add(HEADER_LEN).saturating_add(size));
    }
}

/// Numbers for frames of our own: from 100 on, like the reference, never 0.
#[derive(Clone, Debug)]
pub(crate) struct Ids(u32);

impl Ids {
    pub(crate) const fn new() -> Self {
        Self(FIRST_ID)
    }

    pub(crate) fn next_id(&mut self) -> u32 {
        let id = self.0;
        self.0 = id.checked_add(1).unwrap_or(FIRST_ID);
        id
    }
}

const FIRST_ID: u32 = 100;

#[cfg(test)]
mod tests;

//! A frame's first bytes, and the mask.

use std::io::Cursor;

use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use super::error::FrameError;

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Opcode {
    /// 0x0: more of the message that began.
    Continuation,
    /// 0x1: a text begins.
    Text,
    /// 0x2: a binary message begins.
    Binary,
    /// 0x8: nothing more will come.
    Close,
    /// 0x9: to be answered with a pong.
    Ping,
    /// 0xa: the answer to a ping.
    Pong,
}

impl Opcode {
    /// Its number on the wire.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Continuation => 0x0,
            Self::Text => 0x1,
            Self::Binary => 0x2,
            Self::Close => 0x8,
            Self::Ping => 0x9,
            Self::Pong => 0xa,
        }
    }

    pub(super) const fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }

    const fn theirs(self) -> OpCode {
        match self {
            Self::Continuation => OpCode::Data(Data::Continue),
            Self::Text => OpCode::Data(Data::Text),
            Self::Binary => OpCode::Data(Data::Binary),
            Self::Close => OpCode::Control(Control::Close),
            Self::Ping => OpCode::Control(Control::Ping),
            Self::Pong => OpCode::Control(Control::Pong),
        }
    }

    const fn ours(opcode: OpCode) -> Result<Self, u8> {
        match opcode {
            OpCode::Data(Data::Continue) => Ok(Self::Continuation),
            OpCode::Data(Data::Text) => Ok(Self::Text),
            OpCode::Data(Data::Binary) => Ok(Self::Binary),
            OpCode::Control(Control::Close) => Ok(Self::Close),
            OpCode::Control(Control::Ping) => Ok(Self::Ping),
            OpCode::Control(Control::Pong) => Ok(Self::Pong),
            OpCode::Data(Data::Reserved(number)) | OpCode::Control(Control::Reserved(number)) => Err(number),
        }
    }
}

/// Everything of a frame but its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHead {
    /// What it is.
    pub opcode: Opcode,
    /// Whether its message ends with it.
    pub fin: bool,
    /// The key that its payload is masked with.
    pub mask: Option<[u8; 4]>,
    /// Bytes of its payload.
    pub length: u64,
}

impl FrameHead {
    /// Writes it and says how many bytes it has.
    #[must_use]
    pub fn write(&self, out: &mut [u8; LONGEST_HEAD]) -> usize {
        let header = self.theirs();
        let mut room: &mut [u8] = out;
        // It fits: the room is as long as the longest.
        let _ = header.format(self.length, &mut room);
        header.len(self.length)
    }

    /// Reads one, and says how many bytes it has; `None` if more are needed. What is wrong with it by itself is
    /// noticed here, what is wrong with its place in the decoder.
    // req: WSK-01, WSK-02, WSK-03
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, FrameError> {
        let &[first, ..] = bytes else { return Ok(None) };
        // Judged before the rest is here: a peer may wait for our verdict.
        if first & 0x70 != 0 {
            return Err(FrameError::ReservedBitsSet { bits: (first & 0x70) >> 4 });
        }
        let opcode = Opcode::ours(OpCode::from(first & 0x0f))
            .map_err(|opcode| FrameError::OpcodeReserved { opcode })?;
        let bytes = bytes.get(..LONGEST_HEAD).unwrap_or(bytes);
        let mut cursor = Cursor::new(bytes);
        let Ok(Some((header, length))) = FrameHeader::parse(&mut cursor) else { return Ok(None) };
        let read = usize::try_from(cursor.position()).unwrap_or(bytes.len());
        if length >> 63 != 0 {
            return Err(FrameError::LengthAbove63Bits { length });
        }
        if read != header.len(length) {
            return Err(FrameError::LengthNotMinimal { length });
        }
        Ok(Some((Self { opcode, fin: header.is_final, mask: header.mask, length }, read)))
    }

    fn theirs(&self) -> FrameHeader {
        FrameHeader {
            is_final: self.fin,
            opcode: self.opcode.theirs(),
            mask: self.mask,
            ..FrameHeader::default()
        }
    }
}

/// Appends a whole frame, masked where there is a key.
pub fn append_frame(opcode: Opcode, fin: bool, key: Option<[u8; 4]>, payload: &[u8], out: &mut Vec<u8>) {
    let mut head = [0; LONGEST_HEAD];
    let length = FrameHead { opcode, fin, mask: key, length: payload.len() as u64 }.write(&mut head);
    out.extend_from_slice(head.get(..length).unwrap_or_default());
    let from = out.len();
    out.extend_from_slice(payload);
    if let (Some(key), Some(payload)) = (key, out.get_mut(from..)) {
        mask(payload, key);
    }
}

/// Appends a close frame with a code and no reason, or with neither.
pub fn append_close(code: Option<u16>, key: Option<[u8; 4]>, out: &mut Vec<u8>) {
    append_close_with(code, "", key, out);
}

/// Appends a close frame with a code and as much of a reason as fits a control frame, in whole characters. No code, no reason.
pub fn append_close_with(code: Option<u16>, reason: &str, key: Option<[u8; 4]>, out: &mut Vec<u8>) {
    let mut payload = Vec::new();
    if let Some(code) = code {
        payload.extend_from_slice(&code.to_be_bytes());
        let fits = reason.floor_char_boundary(LONGEST_REASON);
        payload.extend_from_slice(reason.get(..fits).unwrap_or_default().as_bytes());
    }
    append_frame(Opcode::Close, true, key, &payload, out);
}

/// Masks or unmasks bytes, the first of them with the key's first byte, and returns the key as the byte behind the
/// last one needs it.
pub fn mask(bytes: &mut [u8], key: [u8; 4]) -> [u8; 4] {
    let [a, b, c, d] = key;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = bytes.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
    let mut next = key;
    next.rotate_left(rest.len() % 4);
    next
}

/// Bytes of the longest reason: a control frame has 125, and the code is before it.
const LONGEST_REASON: usize = 123;

/// Bytes of the longest head.
pub const LONGEST_HEAD: usize = 14;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masking_in_pieces_is_masking_at_once() {
        let key = [0x37, 0xfa, 0x21, 0x3d];
        let bytes: Vec<u8> = (0..200_u8).collect();
        let mut whole = bytes.clone();
        mask(&mut whole, key);
        for (at, byte) in whole.iter().enumerate() {
            assert_eq!(*byte, bytes[at] ^ key[at % 4]);
        }
        for cut in 0..bytes.len() {
            let mut pieces = bytes.clone();
            let (one, two) = pieces.split_at_mut(cut);
            let key = mask(one, key);
            mask(two, key);
            assert_eq!(pieces, whole, "cut at {cut}");
        }
    }

    #[test]
    fn the_example_of_the_rfc_is_read_and_written() {
        let hello = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        let mut written = Vec::new();
        append_frame(Opcode::Text, true, Some([0x37, 0xfa, 0x21, 0x3d]), b"Hello", &mut written);
        assert_eq!(written, hello);
        let head =
            FrameHead { opcode: Opcode::Text, fin: true, mask: Some([0x37, 0xfa, 0x21, 0x3d]), length: 5 };
        assert_eq!(FrameHead::parse(&hello), Ok(Some((head, 6))));
    }

    #[test]
    // proves: WSK-01
    fn every_length_is_written_in_as_few_bytes_as_it_needs_and_read_back() {
        for (length, bytes) in [
            (0, 2),
            (125, 2),
            (126, 4),
            (65_535, 4),
            (65_536, 10),
            (u64::from(u32::MAX) + 1, 10),
            (u64::MAX >> 1, 10),
        ] {
            for mask in [None, Some([1, 2, 3, 4])] {
                let head = FrameHead { opcode: Opcode::Binary, fin: false, mask, length };
                let mut out = [0; LONGEST_HEAD];
                let written = head.write(&mut out);
                assert_eq!(written, bytes + if mask.is_some() { 4 } else { 0 });
                assert_eq!(FrameHead::parse(&out[..written]), Ok(Some((head, written))));
                for cut in 0..written {
                    assert_eq!(FrameHead::parse(&out[..cut]), Ok(None), "{cut} of {written}");
                }
            }
        }
    }
}

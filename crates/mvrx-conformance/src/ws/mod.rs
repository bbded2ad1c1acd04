//! WebSocket Mode's connection (RFC 6455), framed by the judge itself: the opening handshake and frames, read leniently enough to say what is wrong.

pub(crate) mod cases;
pub(crate) mod handshake;

use std::time::Instant;

use crate::transcript::{Transcript, Way};
use crate::wire::{End, Wire};

pub(crate) const CONTINUATION: u8 = 0;
pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

/// One frame as it came.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) last: bool,
    /// One of the three bits that no extension has given a meaning.
    pub(crate) reserved: bool,
    pub(crate) opcode: u8,
    pub(crate) masked: bool,
    pub(crate) key: Option<[u8; 4]>,
    /// Its length is written in as few bytes as it needs.
    pub(crate) tight: bool,
    pub(crate) payload: Vec<u8>,
}

#[derive(Debug)]
pub(crate) enum NoFrame {
    Silence,
    Closed,
    TooLong(u64),
}

/// A frame as a client has to write it, masked; `first` is the whole first byte.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    // A key that can be foretold is allowed where nobody stands between: what is sent is the judge's own.
    let key = [0x6d, 0x76, 0x72, 0x78];
    let mut bytes = head(first, payload.len(), 0x80);
    bytes.extend(key);
    bytes.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    bytes
}

/// The same without a mask, which a server refuses.
pub(crate) fn unmasked(first: u8, payload: &[u8]) -> Vec<u8> {
    [head(first, payload.len(), 0), payload.to_vec()].concat()
}

/// A whole message.
pub(crate) fn whole(opcode: u8, payload: &[u8]) -> Vec<u8> {
    frame(0x80 | opcode, payload)
}

fn head(first: u8, length: usize, mask: u8) -> Vec<u8> {
    let mut bytes = vec![first];
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short), _) if short < 126 => bytes.push(mask | short),
        (_, Ok(middle)) => {
            bytes.push(mask | 126);
            bytes.extend(middle.to_be_bytes());
        }
        _ => {
            bytes.push(mask | 127);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    bytes
}

/// Waits for one frame of at most so many bytes.
pub(crate) fn receive(
    wire: &mut Wire,
    most: usize,
    until: Instant,
    transcript: &Transcript,
) -> Result<Frame, NoFrame> {
    let none = |end: End| if matches!(end, End::Silence) { NoFrame::Silence } else { NoFrame::Closed };
    // Looked at and not taken before the whole header is here, so that silence in the middle loses nothing.
    wire.fill(2, until).map_err(none)?;
    let (first, second) = match wire.ready() {
        [first, second, ..] => (*first, *second),
        _ => return Err(NoFrame::Closed),
    };
    let masked = second & 0x80 != 0;
    let extended = match second & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let header = 2 + extended + if masked { 4 } else { 0 };
    wire.fill(header, until).map_err(none)?;
    let number = |bytes: &[u8]| bytes.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    let length = match extended {
        0 => u64::from(second & 0x7f),
        _ => number(wire.ready().get(2..2 + extended).unwrap_or(&[])),
    };
    let payload = match usize::try_from(length) {
        Ok(length) if length <= most => length,
        _ => return Err(NoFrame::TooLong(length)),
    };
    wire.fill(header + payload, until).map_err(none)?;
    let head = wire.take(header);
    let mut payload = wire.take(payload);
    let key: Option<[u8; 4]> = head.last_chunk().filter(|_| masked).copied();
    if let Some(key) = key {
        payload.iter_mut().zip(key.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
    }
    let tight = match extended {
        2 => length > 125,
        8 => length > u64::from(u16::MAX) && length >> 63 == 0,
        _ => true,
    };
    let what =
        format!("frame {}", head.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" "));
    transcript.note(Way::Received, &what, &payload);
    let (last, reserved, opcode) = (first & 0x80 != 0, first & 0x70 != 0, first & 0x0f);
    Ok(Frame { last, reserved, opcode, masked, key, tight, payload })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_written_in_as_few_bytes_as_they_need() {
        for (length, wanted) in [(125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
            assert_eq!(head(0x81, length, 0x80).len(), wanted, "{length}");
        }
        // RFC 6455, 5.7: a single-frame unmasked text message.
        assert_eq!(unmasked(0x81, b"Hello"), [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f]);
    }
}

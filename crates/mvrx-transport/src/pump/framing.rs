//! What stands around a file's bytes on the wire, going out and coming in.
//!
//! TCP Mode has one header in front of all of it; WebSocket Mode has frames. The pumps know neither.

use std::fmt;

use mvrx_wire::{HEADER_LEN, file_header};

/// Puts a file's pieces into frames.
pub(crate) trait Framing: fmt::Debug + Send + 'static {
    /// Bytes of the longest header.
    const HEAD: usize;

    /// Most file bytes in one piece.
    fn most(&self) -> usize {
        usize::MAX
    }

    /// Least file bytes in one piece but the last, as long as the source gives them soon.
    fn least(&self) -> usize {
        0
    }

    /// Writes the header of a piece to the end of `head` and says how many bytes it has. May change the payload
    /// without moving it.
    fn wrap(&mut self, piece: Piece, head: &mut [u8], payload: &mut [u8]) -> usize;

    /// Whether whoever reads knows the length by now, from the wire or by counting.
    fn tells_length(&self) -> bool {
        true
    }

    /// Bytes that others want to have written between two pieces.
    fn interlude(&mut self) -> Vec<u8> {
        Vec::new()
    }
}

/// Where in its file a piece is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) first: bool,
    pub(crate) last: bool,
    /// Bytes of the whole file.
    pub(crate) file: u64,
}

/// Takes a file's bytes out of frames, in place.
pub(crate) trait Unframing: fmt::Debug + Send + 'static {
    /// How many bytes may be read now; 0: it wants no more, for now or for ever.
    fn wants(&self) -> u64;

    /// `raw` came from the link. Moves the file's bytes to its front and says how many they are, and how many raw
    /// bytes that took; the rest is given again. Consumes nothing that comes after what it wants.
    fn unwrap(&mut self, raw: &mut [u8]) -> (usize, usize);
}

/// One package for the whole file.
#[derive(Debug)]
pub(crate) struct Package;

impl Framing for Package {
    const HEAD: usize = HEADER_LEN;

    fn wrap(&mut self, piece: Piece, head: &mut [u8], _payload: &mut [u8]) -> usize {
        match head.first_chunk_mut() {
            Some(head) if piece.first => {
                *head = file_header(piece.file);
                HEADER_LEN
            }
            _ => 0,
        }
    }
}

/// So many bytes that are nothing but file.
#[derive(Debug)]
pub(crate) struct Payload(pub(crate) u64);

impl Unframing for Payload {
    fn wants(&self) -> u64 {
        self.0
    }

    fn unwrap(&mut self, raw: &mut [u8]) -> (usize, usize) {
        self.0 = self.0.saturating_sub(raw.len() as u64);
        (raw.len(), raw.len())
    }
}

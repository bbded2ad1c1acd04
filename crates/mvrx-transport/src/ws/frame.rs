//! Turns WebSocket bytes into frames' payload and back, sans-IO: no socket, no clock, no randomness.
//!
//! A [`FrameDecoder`] takes bytes as they come, in pieces of any size, unmasks payload in place and never holds a
//! binary one; texts are collected up to a limit and given whole. [`append_frame`] and [`FrameHead`] write. It does
//! not know what a message means, and not who answers a ping: the caller does.
//!
//! Rules a caller keeps: what was consumed is dropped, what was not is given again with more behind it; after an
//! error nothing more is decoded, and [`FrameError::close_code`] is what the peer is told. [`FrameLimits`] protects
//! it. It mirrors chapter 5 to 8 of RFC 6455; header bytes are tungstenite's to parse and to format.
//!
//! ```
//! use mvrx_transport::ws::{FrameDecoder, FrameLimits, Opcode, Role, Step, append_frame};
//!
//! let mut bytes = Vec::new();
//! append_frame(Opcode::Text, true, Some([1, 2, 3, 4]), b"Hello", &mut bytes); // as a client does
//! let mut server = FrameDecoder::new(Role::Server, FrameLimits::default());
//! let (consumed, step) = server.decode(&mut bytes).unwrap();
//! assert_eq!((consumed, step), (11, Step::Text("Hello")));
//! ```

mod decoder;
mod error;
mod head;

pub use decoder::{FrameDecoder, Place, Step};
pub use error::FrameError;
pub use head::{FrameHead, LONGEST_HEAD, Opcode, append_close, append_close_with, append_frame, mask};

/// Which end of a connection we are. A client masks what it sends; a server does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// The end that connected.
    Client,
    /// The end that was connected to.
    Server,
}

/// How much a peer may send. Binary messages have no limit here: they are not held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameLimits {
    /// Bytes of one text, however fragmented; checked on each frame's header. Default 1 MiB.
    pub text_bytes: usize,
    /// Frames of one text. Default 65,536.
    pub frames_per_text: u32,
}

impl Default for FrameLimits {
    fn default() -> Self {
        Self { text_bytes: 1 << 20, frames_per_text: 1 << 16 }
    }
}

//! Packages as a codec for `tokio_util::codec::Framed`: convenient, and one copy slower than [`crate::Decoder`] with
//! a buffer of your own when files are large.
//!
//! It knows what [`crate::Decoder`] knows and no more; the same limits protect it. A file comes and goes in chunks of
//! whatever size is at hand, so nothing holds a file here either. Chunks share the read buffer's memory: drop them
//! soon.
//!
//! ```
//! use bytes::{Bytes, BytesMut};
//! use mvrx_wire::codec::{PackageCodec, Received, ToSend};
//! use tokio_util::codec::{Decoder, Encoder};
//!
//! let mut codec = PackageCodec::default();
//! let mut wire = BytesMut::new();
//! codec.encode(ToSend::FileStart { length: 2 }, &mut wire)?;
//! codec.encode(ToSend::FileChunk(Bytes::from_static(b"PK")), &mut wire)?;
//!
//! let length = Some(2);
//! assert_eq!(codec.decode(&mut wire)?, Some(Received::FileStart { length, packages: 1 }));
//! assert_eq!(codec.decode(&mut wire)?, Some(Received::FileChunk(Bytes::from_static(b"PK"))));
//! assert_eq!(codec.decode(&mut wire)?, Some(Received::FileEnd { length: 2 }));
//! assert_eq!(codec.decode(&mut wire)?, None);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::io;

use bytes::{Bytes, BytesMut};
use tokio_util::codec;

use crate::decoder::Found;
use crate::{Blame, DecodeError, Decoder, Limits, Quirks, Scope, file_header, json_header};

/// What comes out of [`PackageCodec`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// A whole JSON message.
    Json(Bytes),
    /// A file begins.
    FileStart {
        /// Bytes of the whole file, if it is one package.
        length: Option<u64>,
        /// Packages the file comes in.
        packages: u32,
    },
    /// The next bytes of the file; never empty.
    FileChunk(Bytes),
    /// The file is whole.
    FileEnd {
        /// Bytes of the whole file.
        length: u64,
    },
}

/// What goes into [`PackageCodec`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToSend {
    /// A whole JSON message: one package.
    Json(Bytes),
    /// A file of `length` bytes, one package whatever its size. Its chunks follow.
    FileStart {
        /// Bytes of the whole file.
        length: u64,
    },
    /// The next bytes of the file.
    FileChunk(Bytes),
}

/// Why receiving stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiveError {
    /// The peer's bytes are no packages, or more than the limits allow, or too few.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The connection failed.
    #[error("the connection failed")]
    Io(#[from] io::Error),
}

impl ReceiveError {
    /// Who has to change something.
    pub const fn blame(&self) -> Blame {
        match self {
            Self::Decode(error) => error.blame(),
            Self::Io(_) => Blame::Network,
        }
    }

    /// How much the error ends: always the connection.
    pub const fn scope(&self) -> Scope {
        Scope::Connection
    }
}

/// Why sending stopped. Except for `Io`, nothing was written and the codec is unchanged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// A chunk is longer than what the announced length leaves.
    #[error("a chunk of {got} bytes where {remaining} bytes of the file are to come")]
    FileChunkBeyondLength {
        /// Bytes of the chunk.
        got: u64,
        /// Bytes of the file that are still to come; 0 outside a file.
        remaining: u64,
    },
    /// A new package while the file before it is not whole.
    #[error("a new package where {missing} bytes of a file are to come")]
    FileNotWhole {
        /// Bytes of the file that are still to come.
        missing: u64,
    },
    /// The connection failed.
    #[error("the connection failed")]
    Io(#[from] io::Error),
}

impl SendError {
    /// Who has to change something.
    pub const fn blame(&self) -> Blame {
        match self {
            Self::FileChunkBeyondLength { .. } | Self::FileNotWhole { .. } => Blame::Local,
            Self::Io(_) => Blame::Network,
        }
    }

    /// How much the error ends. One that left the codec unchanged ends a message only.
    pub const fn scope(&self) -> Scope {
        match self {
            Self::FileChunkBeyondLength { .. } | Self::FileNotWhole { .. } => Scope::Message,
            Self::Io(_) => Scope::Connection,
        }
    }
}

/// Both directions of one connection.
#[derive(Debug, Clone)]
pub struct PackageCodec {
    decoder: Decoder,
    /// Bytes of the file being sent that are still to come.
    unsent: u64,
}

impl PackageCodec {
    /// A codec at the start of a connection.
    pub const fn new(limits: Limits) -> Self {
        Self { decoder: Decoder::new(limits), unsent: 0 }
    }

    /// The tolerated deviations of what was received so far.
    pub const fn quirks(&self) -> &Quirks {
        self.decoder.quirks()
    }

    fn start_package(&mut self, length: u64) -> Result<(), SendError> {
        match self.unsent {
            0 => {
                self.unsent = length;
                Ok(())
            }
            missing => Err(SendError::FileNotWhole { missing }),
        }
    }
}

impl Default for PackageCodec {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl codec::Decoder for PackageCodec {
    type Item = Received;
    type Error = ReceiveError;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Received>, ReceiveError> {
        loop {
            let (consumed, found) = self.decoder.advance(src)?;
            let received = match found {
                Found::Incomplete { missing } => {
                    take(src, consumed, 0);
                    // What is announced is within the limit, but memory waits until there is something to put in it.
                    src.reserve(missing.min(RESERVE_AHEAD));
                    return Ok(None);
                }
                Found::Json(json) => {
                    let length = json.len();
                    Received::Json(take(src, consumed, length))
                }
                Found::SplitJson => {
                    take(src, consumed, 0);
                    Received::Json(self.decoder.take_assembled().into())
                }
                Found::FileStart { length, packages } => {
                    take(src, consumed, 0);
                    Received::FileStart { length, packages }
                }
                Found::FilePayload { held, .. } => {
                    let length = held.len();
                    let chunk = take(src, consumed, length);
                    if chunk.is_empty() {
                        continue; // the offer to move bytes past the decoder, which nobody takes here
                    }
                    Received::FileChunk(chunk)
                }
                Found::FileEnd { length } => {
                    take(src, consumed, 0);
                    Received::FileEnd { length }
                }
            };
            return Ok(Some(received));
        }
    }

    fn decode_eof(&mut self, src: &mut BytesMut) -> Result<Option<Received>, ReceiveError> {
        let received = self.decode(src)?;
        if received.is_none() {
            self.decoder.finish()?;
        }
        Ok(received)
    }
}

impl codec::Encoder<ToSend> for PackageCodec {
    type Error = SendError;

    fn encode(&mut self, item: ToSend, dst: &mut BytesMut) -> Result<(), SendError> {
        match item {
            ToSend::Json(json) => {
                self.start_package(0)?;
                let header = json_header(json.len() as u64);
                dst.reserve(header.len() + json.len());
                dst.extend_from_slice(&header);
                dst.extend_from_slice(&json);
            }
            ToSend::FileStart { length } => {
                self.start_package(length)?;
                dst.extend_from_slice(&file_header(length));
            }
            ToSend::FileChunk(chunk) => {
                let (got, remaining) = (chunk.len() as u64, self.unsent);
                self.unsent =
                    remaining.checked_sub(got).ok_or(SendError::FileChunkBeyondLength { got, remaining })?;
                dst.extend_from_slice(&chunk);
            }
        }
        Ok(())
    }
}

/// Takes the consumed bytes off the buffer and returns the last `payload` of them, where the decoder found it.
fn take(src: &mut BytesMut, consumed: usize, payload: usize) -> Bytes {
    let mut taken = src.split_to(consumed);
    taken.split_off(consumed.saturating_sub(payload)).freeze()
}

const RESERVE_AHEAD: usize = 64 << 10;

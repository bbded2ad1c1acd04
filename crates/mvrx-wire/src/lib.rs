//! Turns TCP bytes into MVR-xchange packages and back, incrementally, never holding a file.
//!
//! In: the bytes of one direction of one connection, in whatever pieces the network delivers them. Out: whole JSON
//! messages, and the bytes of files as they come. The other way round, [`encode_json`] and [`file_header`] write the
//! one form that every product reads: version 1, number 0 of 1.
//!
//! **What it deliberately does not know:** what a JSON message says, which message answers which, where a file goes,
//! what time it is, what a socket is. WebSocket mode has no packages and needs nothing from here.
//!
//! **Rules a caller keeps**
//! 1. The caller owns the read buffer. After every [`Decoder::decode`], drop as many bytes from its front as the call
//!    says were consumed, also when the step is [`Step::Incomplete`].
//! 2. Call again, with or without new bytes, until the step is `Incomplete`; only then wait for the network.
//! 3. File bytes that go from the socket to somewhere else without passing through `decode` are reported with
//!    [`Decoder::file_bytes_moved`].
//! 4. When the stream ends after `Incomplete`, ask [`Decoder::finish`] whether it ended cleanly.
//! 5. After an error the framing is lost. The decoder repeats that error for ever; close the connection.
//!
//! **The limit that protects it:** [`Limits`]. Everything a header claims is checked against it before a byte of the
//! payload is waited for, and no memory is ever reserved on a header's word: a decoder allocates only for JSON that
//! arrives in several packages, and then only for bytes that are there.
//!
//! **Mirrors:** Table 66 (package) and Table 67 (data types) of the MVR specification, in the order of the C layout,
//! in which NUMBER stands before COUNT.
//!
//! ```text
//! offset  0       4        8       12      16     20                28
//!         HEADER  VERSION  NUMBER  COUNT   TYPE   LENGTH            payload
//!         u32     u32      u32     u32     u32    u64               LENGTH bytes       (all big-endian)
//!         778682  1        0..     1       0 | 1
//! ```
//!
//! ```
//! use mvrx_wire::{Decoder, Limits, Step, encode_json, file_header};
//!
//! // What arrives: a message, then a file of five bytes of which three are here already.
//! let mut received = Vec::new();
//! encode_json(br#"{"Type":"MVR_LEAVE"}"#, &mut received);
//! received.extend_from_slice(&file_header(5));
//! received.extend_from_slice(b"PK\x03");
//!
//! let mut decoder = Decoder::new(Limits::default());
//! loop {
//!     let (consumed, step) = decoder.decode(&received)?;
//!     match step {
//!         Step::Json(json) => assert_eq!(json, br#"{"Type":"MVR_LEAVE"}"#),
//!         Step::FileStart { length, .. } => assert_eq!(length, Some(5)),
//!         // `held` is ours now; the other two bytes may go from the socket straight to the disk.
//!         Step::FilePayload { held, on_socket } => {
//!             assert_eq!((held, on_socket), (&b"PK\x03"[..], 2));
//!             decoder.file_bytes_moved(2)?;
//!         }
//!         Step::FileEnd { length } => assert_eq!(length, 5),
//!         Step::Incomplete { .. } => break,
//!     }
//!     received.drain(..consumed);
//! }
//! decoder.finish()?; // the stream may end here
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Feature `tokio-util` adds the module `codec`, the same as a codec for `tokio_util::codec::Framed`.

#![forbid(unsafe_code)]

#[cfg(feature = "tokio-util")]
pub mod codec;
mod decoder;
mod encode;
mod error;
mod header;
mod limits;
mod quirk;

pub use decoder::{Decoder, Step};
pub use encode::{encode_json, file_header, json_header};
pub use error::{Blame, BytesMovedError, DecodeError, Scope};
pub use header::{HEADER_LEN, MAGIC, PackageHeader, PackageType, VERSION};
pub use limits::Limits;
pub use quirk::{Quirk, Quirks};

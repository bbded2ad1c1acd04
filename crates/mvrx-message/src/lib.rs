//! The JSON messages of MVR-xchange and its TXT record as types: bytes into a [`Message`] and back.
//!
//! Reading is tolerant: whatever a known product sends is understood, and each deviation from the specification that had to be
//! tolerated is told as a [`Quirk`]. Writing is strict: one form that every known product reads, save for the few peculiarities of a
//! [`Dialect`]. The tables 65 and 68 to 77 of the specification are mirrored here.
//!
//! It deliberately does not know connections, packages, time, discovery or disks, and no message causes anything here.
//!
//! Rules a caller keeps:
//! - A [`ParseError`] says by its scope whether the connection may go on.
//! - A FileName is a hint: only [`safe_file_name`] makes it a name.
//! - Stations are compared by [`StationUuid`], never by name or by the text of a UUID.
//!
//! [`Limits`] protects it: bytes, depth, entries and lengths of a peer's message are bounded, and memory is a small multiple of
//! the message.
//!
//! ```
//! use mvrx_message::{Dialect, Message, Quirk};
//!
//! let parsed = Message::parse(br#"{"Type":"MVR_LEAVE","StationUUID":"4AA291A1-1A62-45FE-AABC-E90E5E2399A8"}"#)?;
//! assert!(parsed.quirks.contains(Quirk::LeaveStationUuidKey));
//! assert_eq!(
//!     parsed.message.to_json(&Dialect::strict()),
//!     br#"{"Type":"MVR_LEAVE","FromStationUUID":"4aa291a1-1a62-45fe-aabc-e90e5e2399a8"}"#
//! );
//! # Ok::<(), mvrx_message::ParseError>(())
//! ```

#![forbid(unsafe_code)]

mod dialect;
mod error;
mod file_name;
mod group;
mod join_password;
mod limits;
mod message;
mod ours;
mod product;
mod quirk;
mod read;
mod txt;
mod uuids;
mod version;
mod write;

pub use dialect::{CurrentState, Dialect, LeaveKeys};
pub use error::{Blame, ParseError, Scope};
pub use file_name::{numbered, safe_file_name};
pub use group::{GroupName, GroupNameError, SERVICE_TYPE};
pub use join_password::JoinPassword;
pub use limits::Limits;
pub use message::{
    Commit, FilePart, Join, JoinRet, Leave, Message, MessageType, NewSessionHost, NewSessionHostRet, Parsed,
    PartOf, Reply, Request, SessionTarget, SessionTargetError,
};
pub use ours::{
    Author, BridgeMark, Candidate, FetchedFile, FilesConnection, MoveAnswered, MoveOutcome, NamedStation,
    NoBridgeMark, NoCandidate, Ours, Roster, Successor, Ticket, WithdrawnFile,
};
pub use product::Product;
pub use quirk::{Quirk, QuirkSet};
pub use txt::Txt;
pub use uuids::{FileUuid, StationUuid, UuidError};
pub use version::MvrVersion;

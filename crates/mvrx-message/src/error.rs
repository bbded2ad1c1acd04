//! [`ParseError`]: why bytes are no message, whose fault that is and what it spoils.

use crate::MessageType;

/// Whose fault an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Blame {
    /// Our own side: configuration, disk, a bug.
    Local,
    /// The peer broke the protocol.
    Peer,
    /// What lies between.
    Network,
    /// One of our limits was reached; it can be raised.
    Limit,
}

/// What an error spoils.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// This message; the connection goes on.
    Message,
    /// The connection it came on, which is to be closed.
    Connection,
    /// The whole station.
    Station,
}

/// Why bytes are no message. Nothing in here quotes the peer's bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// The text is longer than `Limits::bytes`.
    #[error("the message has {bytes} bytes, more than the {allowed} allowed")]
    MessageLargerThanLimit {
        /// Its length.
        bytes: usize,
        /// `Limits::bytes`.
        allowed: usize,
    },
    /// Objects and arrays lie deeper inside each other than `Limits::depth`.
    #[error("the message nests deeper than the {allowed} levels allowed, at byte {offset}")]
    NestingDeeperThanLimit {
        /// Where the first level too many opens.
        offset: usize,
        /// `Limits::depth`.
        allowed: usize,
    },
    /// The bytes are not UTF-8.
    #[error("the message is not UTF-8 from byte {offset} on")]
    NotUtf8 {
        /// Where the first wrong byte is.
        offset: usize,
    },
    /// The text is not JSON.
    #[error("the message is not JSON, at line {line}, column {column}")]
    NotJson {
        /// Line, from 1.
        line: usize,
        /// Column in bytes, from 1; 0 at the end of a line.
        column: usize,
    },
    /// The text is JSON, but its outermost value is not an object.
    #[error("the message is not a JSON object")]
    TopLevelNotAnObject,
    /// The object has neither `Type` nor `MessageType`, or it is not a text.
    #[error("the message has no Type")]
    TypeMissing,
    /// A message that means nothing without its sender names none.
    #[error("{message_type} names no station")]
    StationUuidMissing {
        /// Which message.
        message_type: MessageType,
    },
    /// A COMMIT names no file.
    #[error("MVR_COMMIT names no file")]
    FileUuidMissing,
    /// The FileUUID of a COMMIT or REQUEST is not a UUID. (An empty one in a REQUEST asks for the current state; that is no error.)
    #[error("the FileUUID of {message_type} is not a UUID")]
    FileUuidNotAUuid {
        /// Which message.
        message_type: MessageType,
    },
    /// A COMMIT is for certain stations, but not one of them can be read: showing it to everybody would be wrong.
    #[error("ForStationsUUID of MVR_COMMIT names stations, but none that can be read")]
    ForStationsNotReadable,
    /// More commits are listed than `Limits::commits`.
    #[error("more than the {allowed} commits allowed are listed")]
    MoreCommitsThanLimit {
        /// `Limits::commits`.
        allowed: usize,
    },
    /// A list of stations has more entries than `Limits::stations`.
    #[error("more than the {allowed} stations allowed are listed")]
    MoreStationsThanLimit {
        /// `Limits::stations`.
        allowed: usize,
    },
}

impl ParseError {
    /// Whose fault it is.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::MessageLargerThanLimit { .. }
            | Self::NestingDeeperThanLimit { .. }
            | Self::MoreCommitsThanLimit { .. }
            | Self::MoreStationsThanLimit { .. } => Blame::Limit,
            _ => Blame::Peer,
        }
    }

    /// What it spoils: a limit that is reached ends the connection, anything else this message alone.
    #[must_use]
    pub fn scope(&self) -> Scope {
        if self.blame() == Blame::Limit { Scope::Connection } else { Scope::Message }
    }

    /// Which message it would have been, where that was clear; for answering with `OK: false` in the right kind.
    #[must_use]
    pub fn message_type(&self) -> Option<MessageType> {
        match self {
            Self::StationUuidMissing { message_type } | Self::FileUuidNotAUuid { message_type } => {
                Some(*message_type)
            }
            Self::FileUuidMissing | Self::ForStationsNotReadable => Some(MessageType::Commit),
            _ => None,
        }
    }
}

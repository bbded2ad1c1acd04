//! What can be wrong with a stream of packages, each violation with what was seen and what was allowed.

use crate::header::PackageType;

/// Who has to change something for an error to go away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Blame {
    /// The program that uses this crate.
    Local,
    /// The peer: it broke the specification.
    Peer,
    /// The way between the two: the stream ended too soon.
    Network,
    /// Nobody broke a rule, but a configured limit is lower than what was asked.
    Limit,
}

/// How much an error ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// One message; the connection goes on.
    Message,
    /// The connection; the station goes on.
    Connection,
    /// The station.
    Station,
}

/// Why a stream of packages cannot be read on. No variant carries payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// A package was due, but the stream goes on with something else. Told after four bytes.
    #[error("not a package: it starts with {got:#010x} and not with {expected:#010x}")]
    MagicIsNotThatOfAPackage {
        /// The first four bytes.
        got: u32,
        /// [`MAGIC`](crate::MAGIC).
        expected: u32,
    },
    /// Only under [`Limits::strict_version`](crate::Limits::strict_version).
    #[error("package version {got} where only {allowed} is accepted")]
    PackageVersionRefused {
        /// The version of the package.
        got: u32,
        /// The version that is accepted.
        allowed: u32,
    },
    /// The type is neither 0 (JSON) nor 1 (file).
    #[error("package type {got} is unknown: 0 is JSON and 1 is a file")]
    PackageTypeUnknown {
        /// The type of the package.
        got: u32,
    },
    /// Package numbers count from 0, so the number must be below the count (a count of 0 is read as 1).
    #[error("package number {number} is not below its count {count}")]
    PackageNumberNotBelowCount {
        /// The number of the package.
        number: u32,
        /// The count as it was written.
        count: u32,
    },
    /// The message has more packages than [`Limits::packages_per_message`](crate::Limits::packages_per_message).
    #[error("a message of {count} packages, more than the limit of {limit}")]
    PackageCountAboveLimit {
        /// The count of the package.
        count: u32,
        /// The limit.
        limit: u32,
    },
    /// The packages of a message come in order from 0, without gap, repetition or another message between.
    #[error("package number {got} where number {expected} was due")]
    PackageNumberOutOfOrder {
        /// The number of the package.
        got: u32,
        /// The number that was due.
        expected: u32,
    },
    /// All packages of a message have the same count.
    #[error("package count {got} within a message of {expected} packages")]
    PackageCountChangedWithinMessage {
        /// The count of the package.
        got: u32,
        /// The count of the message's first package.
        expected: u32,
    },
    /// All packages of a message have the same type.
    #[error("a {got} package within a {expected} message")]
    PackageTypeChangedWithinMessage {
        /// The type of the package.
        got: PackageType,
        /// The type of the message's first package.
        expected: PackageType,
    },
    /// The packages announced so far add up to more than 2^64 - 1 bytes.
    #[error("a package of {length} bytes after {before} bytes of its message is more than 64 bits can count")]
    MessageLengthOverflows {
        /// Bytes of the message's packages before this one.
        before: u64,
        /// Payload length of this package.
        length: u64,
    },
    /// The JSON message is longer than [`Limits::json_bytes`](crate::Limits::json_bytes).
    #[error("a JSON message of at least {got} bytes, more than the limit of {limit}")]
    JsonLongerThanLimit {
        /// Bytes of the message's packages announced so far.
        got: u64,
        /// The limit.
        limit: u64,
    },
    /// The file is longer than [`Limits::file_bytes`](crate::Limits::file_bytes).
    #[error("a file of at least {got} bytes, more than the limit of {limit}")]
    FileLongerThanLimit {
        /// Bytes of the file's packages announced so far.
        got: u64,
        /// The limit.
        limit: u64,
    },
    /// The stream ended within a package header.
    #[error("the stream ended {missing} bytes before the end of a package header")]
    StreamEndedInHeader {
        /// Bytes of the header that never came.
        missing: u64,
    },
    /// The stream ended within a payload.
    #[error("the stream ended {missing} bytes before the end of a {package_type} payload")]
    StreamEndedInPayload {
        /// What was being received.
        package_type: PackageType,
        /// Bytes of this package's payload that never came.
        missing: u64,
    },
    /// The stream ended between two packages of one message.
    #[error("the stream ended after {received} of the {count} packages of a message")]
    StreamEndedWithinMessage {
        /// Packages of the message that came whole.
        received: u32,
        /// Packages the message has.
        count: u32,
    },
}

impl DecodeError {
    /// Who has to change something.
    pub const fn blame(&self) -> Blame {
        match self {
            Self::MagicIsNotThatOfAPackage { .. }
            | Self::PackageTypeUnknown { .. }
            | Self::PackageNumberNotBelowCount { .. }
            | Self::PackageNumberOutOfOrder { .. }
            | Self::PackageCountChangedWithinMessage { .. }
            | Self::PackageTypeChangedWithinMessage { .. }
            | Self::PackageVersionRefused { .. }
            | Self::MessageLengthOverflows { .. } => Blame::Peer,
            Self::PackageCountAboveLimit { .. }
            | Self::JsonLongerThanLimit { .. }
            | Self::FileLongerThanLimit { .. } => Blame::Limit,
            Self::StreamEndedInHeader { .. }
            | Self::StreamEndedInPayload { .. }
            | Self::StreamEndedWithinMessage { .. } => Blame::Network,
        }
    }

    /// How much the error ends: always the connection, because nothing marks where the next package starts.
    pub const fn scope(&self) -> Scope {
        Scope::Connection
    }
}

/// Why [`Decoder::file_bytes_moved`](crate::Decoder::file_bytes_moved) was refused. The decoder is unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum BytesMovedError {
    /// No file payload is being received.
    #[error("{moved} file bytes reported where no file is being received")]
    NoFileIsBeingReceived {
        /// Bytes reported.
        moved: u64,
    },
    /// More than `on_socket` bytes were taken from the socket: what came after the file is lost.
    #[error("{moved} file bytes reported where only {remaining} were to come")]
    MoreThanThePayloadHas {
        /// Bytes reported.
        moved: u64,
        /// Bytes of this package's payload that were still to come.
        remaining: u64,
    },
}

impl BytesMovedError {
    /// Always [`Blame::Local`]: the caller broke its side of the contract.
    pub const fn blame(&self) -> Blame {
        Blame::Local
    }

    /// Always the connection: the caller no longer knows where in the stream it is.
    pub const fn scope(&self) -> Scope {
        Scope::Connection
    }
}

//! Errors on a connection.

use std::io;
use std::time::Duration;

use mvrx_message::{Blame, Scope};
use mvrx_wire::DecodeError;

use super::BoxError;
use crate::ws::FrameError;

/// Why nothing more can be read from a connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The bytes are not packages, claim more than is allowed, or stop in the middle of one.
    #[error(transparent)]
    Framing(#[from] DecodeError),
    /// The bytes are not WebSocket frames, or more than is allowed, or stop in the middle.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The peer closed because of something, by its own word.
    #[error("the peer closed the connection with code {code}{}", said(reason))]
    ClosedByPeer {
        /// The code of its close frame.
        code: u16,
        /// What it said, in its words; may be empty.
        reason: String,
    },
    /// The peer does not answer pings, and sends nothing else.
    #[error("the peer did not answer a ping within {allowed:?}")]
    PingNotAnswered {
        /// [`crate::Limits::pong_within`].
        allowed: Duration,
    },
    /// The peer does not close its side.
    #[error("the peer did not answer a close frame within {allowed:?}")]
    CloseNotAnswered {
        /// [`crate::Limits::close_within`].
        allowed: Duration,
    },
    /// An accepted connection brought nothing at all.
    #[error("nothing came within {allowed:?} of connecting")]
    NothingAfterConnecting {
        /// [`crate::Limits::first_byte`].
        allowed: Duration,
    },
    /// Nothing went over the connection for long.
    #[error("the connection was idle for {allowed:?}")]
    Idle {
        /// [`crate::Limits::idle`].
        allowed: Duration,
    },
    /// A header began and did not end.
    #[error("a header was not complete after {allowed:?}: {received} bytes of it came")]
    HeaderTooSlow {
        /// Bytes of it that came.
        received: usize,
        /// [`crate::Limits::header`].
        allowed: Duration,
    },
    /// A JSON payload began and stopped.
    #[error("nothing of a JSON payload came for {allowed:?}: {missing} bytes are missing")]
    JsonStalled {
        /// Bytes that did not come.
        missing: u64,
        /// [`crate::Limits::json_idle`].
        allowed: Duration,
    },
    /// A JSON message trickles.
    #[error("a JSON message was not complete after {allowed:?}")]
    JsonTooSlow {
        /// [`crate::Limits::json_complete`].
        allowed: Duration,
    },
    /// The caller asked for a message although a file waits to be received. Nothing is lost.
    #[error("a file waits to be received first")]
    FileNotReceived,
    /// An earlier error or a dropped transfer ended the connection.
    #[error("the connection ended earlier")]
    ConnectionBroken,
    /// The system says so.
    #[error("reading failed: {}", super::in_words(.0))]
    Network(#[source] io::Error),
}

impl ReadError {
    /// Whose fault it is.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::Framing(error) => blame_of(error),
            Self::Frame(error) => error.blame(),
            Self::ClosedByPeer { .. } => Blame::Peer,
            Self::PingNotAnswered { .. } | Self::CloseNotAnswered { .. } => Blame::Network,
            Self::HeaderTooSlow { .. } | Self::JsonStalled { .. } | Self::JsonTooSlow { .. } => Blame::Peer,
            Self::NothingAfterConnecting { .. } | Self::Idle { .. } => Blame::Limit,
            Self::FileNotReceived => Blame::Local,
            Self::ConnectionBroken | Self::Network(_) => Blame::Network,
        }
    }

    /// What it ends.
    #[must_use]
    pub fn scope(&self) -> Scope {
        match self {
            Self::FileNotReceived => Scope::Message,
            _ => Scope::Connection,
        }
    }
}

/// Why a file was not received. Its sink was dropped unfinished.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiveError {
    /// No [`crate::Incoming::File`] came before. Nothing is lost.
    #[error("no file has begun")]
    NoFileBegan,
    /// The stream broke: see within.
    #[error("{error} ({received} bytes of the file came)")]
    Stream {
        /// File bytes that came before.
        received: u64,
        /// What broke.
        #[source]
        error: ReadError,
    },
    /// The peer stopped sending, or trickles.
    #[error("the file moved by less than {at_least} bytes within {allowed:?}: {received} bytes of it came")]
    FileStalled {
        /// File bytes that came.
        received: u64,
        /// [`crate::Limits::file_idle_bytes`].
        at_least: u64,
        /// [`crate::Limits::file_idle`].
        allowed: Duration,
    },
    /// The file is longer than allowed, by what came of it.
    #[error("the file is longer than the {allowed} bytes allowed: {received} came")]
    FileLongerThanLimit {
        /// File bytes that came.
        received: u64,
        /// [`crate::Limits::file_bytes`].
        allowed: u64,
    },
    /// The sink failed, a full disk for instance.
    #[error("the received file cannot be kept: {error} (after {received} bytes)")]
    SinkFailed {
        /// File bytes that the sink had taken.
        received: u64,
        /// What the sink said.
        #[source]
        error: BoxError,
    },
    /// The sink panicked, or the runtime is shutting down.
    #[error("the thread that received the file ended early (after {received} bytes)")]
    WorkerEnded {
        /// File bytes that came.
        received: u64,
    },
}

impl ReceiveError {
    /// Whose fault it is.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::NoFileBegan | Self::SinkFailed { .. } | Self::WorkerEnded { .. } => Blame::Local,
            Self::Stream { error, .. } => error.blame(),
            Self::FileStalled { .. } => Blame::Peer,
            Self::FileLongerThanLimit { .. } => Blame::Limit,
        }
    }

    /// What it ends.
    #[must_use]
    pub fn scope(&self) -> Scope {
        match self {
            Self::NoFileBegan => Scope::Message,
            _ => Scope::Connection,
        }
    }
}

/// Why a message was not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The message is longer than any peer is asked to take. Nothing was written.
    #[error("the message has {length} bytes, more than the {allowed} allowed")]
    MessageLongerThanLimit {
        /// Bytes of its JSON.
        length: usize,
        /// [`crate::Limits::json_bytes`].
        allowed: usize,
    },
    /// The peer does not read.
    #[error("the peer took nothing for {allowed:?}: {written} of {length} bytes are written")]
    PeerNotReading {
        /// Bytes of the package that the system took.
        written: usize,
        /// Bytes of the package.
        length: usize,
        /// [`crate::Limits::write_idle`].
        allowed: Duration,
    },
    /// More waits to be sent aside than is allowed. The message was not queued.
    #[error("{waiting} bytes wait to be sent, and {allowed} are allowed")]
    TooMuchWaits {
        /// Bytes that wait, with this message.
        waiting: usize,
        /// Twice [`crate::Limits::json_bytes`].
        allowed: usize,
    },
    /// This side was closed before.
    #[error("this side of the connection is closed")]
    AlreadyClosed,
    /// An earlier error or a dropped write ended the connection.
    #[error("the connection ended earlier")]
    ConnectionBroken,
    /// The system says so; most often the peer closed the connection.
    #[error("writing failed: {0}")]
    Network(#[source] io::Error),
}

impl WriteError {
    /// Whose fault it is.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::MessageLongerThanLimit { .. } | Self::TooMuchWaits { .. } => Blame::Limit,
            Self::PeerNotReading { .. } => Blame::Peer,
            Self::AlreadyClosed => Blame::Local,
            Self::ConnectionBroken | Self::Network(_) => Blame::Network,
        }
    }

    /// What it ends.
    #[must_use]
    pub fn scope(&self) -> Scope {
        match self {
            Self::MessageLongerThanLimit { .. } | Self::TooMuchWaits { .. } => Scope::Message,
            _ => Scope::Connection,
        }
    }
}

/// Why a file was not sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendFileError {
    /// This side was closed, or an earlier error or a dropped write ended the connection. Nothing was written.
    #[error(transparent)]
    Unusable(WriteError),
    /// The source failed.
    #[error("the file cannot be read: {error} ({sent} bytes of it are sent)")]
    SourceFailed {
        /// File bytes that the system took. 0: the peer knows nothing of the file.
        sent: u64,
        /// What the source said.
        #[source]
        error: BoxError,
    },
    /// The source has fewer bytes than it announced.
    #[error("the file ends after {found} of the {announced} bytes announced ({sent} bytes of it are sent)")]
    SourceEndedEarly {
        /// Bytes the source had.
        found: u64,
        /// Bytes it announced.
        announced: u64,
        /// File bytes that the system took. 0: the peer knows nothing of the file.
        sent: u64,
    },
    /// The source still grows, but too slowly.
    #[error("the file grew by less than {at_least} bytes within {allowed:?} ({sent} bytes of it are sent)")]
    SourceStalled {
        /// File bytes that the system took. 0: the peer knows nothing of the file.
        sent: u64,
        /// Bytes that had to come: one.
        at_least: u64,
        /// [`crate::Limits::source_idle`].
        allowed: Duration,
    },
    /// The peer does not read, or trickles.
    #[error(
        "the peer took less than {at_least} bytes within {allowed:?} ({sent} bytes of the file are sent)"
    )]
    PeerNotReading {
        /// File bytes that the system took.
        sent: u64,
        /// [`crate::Limits::file_idle_bytes`].
        at_least: u64,
        /// [`crate::Limits::file_idle`].
        allowed: Duration,
    },
    /// The system says so; most often the peer closed the connection.
    #[error("writing failed: {error} ({sent} bytes of the file are sent)")]
    Network {
        /// File bytes that the system took.
        sent: u64,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// The source panicked, or the runtime is shutting down.
    #[error("the thread that sent the file ended early ({sent} bytes of it are sent)")]
    WorkerEnded {
        /// File bytes that the system took.
        sent: u64,
    },
}

impl SendFileError {
    /// Whose fault it is.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::Unusable(error) => error.blame(),
            Self::SourceFailed { .. }
            | Self::SourceEndedEarly { .. }
            | Self::SourceStalled { .. }
            | Self::WorkerEnded { .. } => Blame::Local,
            Self::PeerNotReading { .. } => Blame::Peer,
            Self::Network { .. } => Blame::Network,
        }
    }

    /// What it ends: the message alone if the source failed before the peer was told anything of the file.
    #[must_use]
    pub fn scope(&self) -> Scope {
        match self {
            Self::SourceFailed { sent: 0, .. }
            | Self::SourceEndedEarly { sent: 0, .. }
            | Self::SourceStalled { sent: 0, .. } => Scope::Message,
            _ => Scope::Connection,
        }
    }
}

fn said(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(": {reason}") }
}

fn blame_of(error: &DecodeError) -> Blame {
    match error.blame() {
        mvrx_wire::Blame::Local => Blame::Local,
        mvrx_wire::Blame::Peer => Blame::Peer,
        mvrx_wire::Blame::Network => Blame::Network,
        mvrx_wire::Blame::Limit => Blame::Limit,
    }
}

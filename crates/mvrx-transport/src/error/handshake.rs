//! Why two ends did not come to speak WebSocket.

use std::io;
use std::time::Duration;

use mvrx_message::{Blame, Scope, StationUuid};

use crate::tls::TlsError;
use crate::ws::Shut;

/// Why a connection did not become a WebSocket.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The peer did not say enough in time.
    #[error("the handshake was not complete after {allowed:?}")]
    TooSlow {
        /// [`crate::Limits::handshake`].
        allowed: Duration,
    },
    /// The peer says too much.
    #[error("no blank line came within {allowed} bytes of the handshake")]
    HeadLongerThanLimit {
        /// [`crate::Limits::handshake_bytes`].
        allowed: usize,
    },
    /// The peer left in the middle.
    #[error("the stream ended in the handshake after {received} bytes")]
    StreamEnded {
        /// Bytes that came.
        received: usize,
    },
    /// What came is not the handshake of RFC 6455.
    #[error("it is not a WebSocket handshake: {what}")]
    NotWebSocket {
        /// What is wrong with it.
        what: String,
    },
    /// The server answered with something else than 101.
    #[error("the server answered with HTTP status {status}")]
    AnsweredWith {
        /// The status.
        status: u16,
    },
    /// Our own check of path, host and origin refused the client.
    #[error("refused with HTTP status {status}")]
    RefusedByCheck {
        /// The status it was told.
        status: u16,
    },
    /// The client did not show that it knows the session's password, or is a web page from elsewhere.
    #[error("kept out: {why}")]
    KeptOut {
        /// What it was told.
        why: Shut,
        /// Who it says it is, where it was a JOIN.
        station: Option<StationUuid>,
    },
    /// Too many handshakes were under way, and this one's address had the most: it made room for others.
    #[error("it made room for others: {allowed} handshakes were under way")]
    PushedOut {
        /// [`crate::Limits::handshakes`].
        allowed: usize,
    },
    /// There is no TLS with the other end.
    #[error("{0}")]
    Tls(#[from] TlsError),
    /// The other end speaks TLS, and the URL says otherwise.
    #[error("it speaks TLS: the URL of its session begins with wss://")]
    TlsWanted,
    /// The host wants a password, and was told none.
    #[error("it wants a password for its session")]
    PasswordWanted,
    /// The host wants another password.
    #[error("it does not take our password for its session")]
    PasswordWrong,
    /// Wrong passwords came from our address too often.
    #[error("it takes no password from our address for a while, after too many wrong ones")]
    TooManyGuesses,
    /// A client that begins with TLS where there is none.
    #[error("the client speaks TLS, and this session is at ws://")]
    TlsNotSpoken,
    /// A client that begins without TLS where there is nothing else.
    #[error("the client does not speak TLS, and this session is at wss://")]
    TlsMissing,
    /// The system says so.
    #[error("the handshake failed: {}", super::in_words(.0))]
    Network(#[source] io::Error),
}

impl HandshakeError {
    /// Whose fault it is.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::TooSlow { .. } | Self::NotWebSocket { .. } | Self::AnsweredWith { .. } => Blame::Peer,
            Self::HeadLongerThanLimit { .. } | Self::PushedOut { .. } => Blame::Limit,
            Self::PasswordWanted | Self::PasswordWrong => Blame::Local,
            Self::TooManyGuesses => Blame::Limit,
            Self::StreamEnded { .. } | Self::Network(_) => Blame::Network,
            Self::RefusedByCheck { .. } | Self::KeptOut { .. } => Blame::Peer,
            Self::Tls(error) if error.is_local() => Blame::Local,
            Self::Tls(TlsError::HungUp) => Blame::Network,
            Self::Tls(_) | Self::TlsWanted | Self::TlsNotSpoken | Self::TlsMissing => Blame::Peer,
        }
    }

    /// What it ends.
    #[must_use]
    pub fn scope(&self) -> Scope {
        Scope::Connection
    }
}

//! Errors before there is a connection.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

pub use lan_net::accept::AcceptError as NotTaken;
pub use lan_net::bind::BindError;
use mvrx_message::{Blame, Scope, StationUuid};

use super::HandshakeError;
use crate::endpoint::Endpoint;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// Nothing listens there.
    #[error("{address} refused the connection")]
    Refused {
        /// Who was called.
        address: SocketAddr,
    },
    /// Nothing answered in time.
    #[error("{address} did not answer within {allowed:?}")]
    NoAnswer {
        /// Who was called.
        address: SocketAddr,
        /// [`crate::Limits::connect`].
        allowed: Duration,
    },
    /// No way leads there, or another failure of the system.
    #[error("cannot reach {address}: {error}")]
    Unreachable {
        /// Who was called.
        address: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
    /// No address is known for the host of a URL.
    #[error("{host} has no address: {error}")]
    NameNotFound {
        /// The name.
        host: String,
        /// What the system said.
        error: io::Error,
    },
    /// Somebody answered, and there is no session to be had.
    #[error("no session with {address}: {error}")]
    NotUpgraded {
        /// Who was called.
        address: SocketAddr,
        /// What came instead.
        #[source]
        error: HandshakeError,
    },
    /// This transport has no way to reach such an endpoint.
    #[error("{endpoint} cannot be reached in this mode")]
    NotThisMode {
        /// Who was to be called.
        endpoint: Endpoint,
    },
}

impl DialError {
    /// Whose fault it is.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::NotUpgraded { error, .. } => error.blame(),
            Self::NotThisMode { .. } => Blame::Local,
            _ => Blame::Network,
        }
    }

    /// What it ends.
    #[must_use]
    pub fn scope(&self) -> Scope {
        Scope::Connection
    }
}

/// Why nothing listens.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct ListenError(#[from] pub BindError);

impl ListenError {
    /// Whose fault it is.
    #[must_use]
    pub fn blame(&self) -> Blame {
        Blame::Local
    }

    /// What it ends.
    #[must_use]
    pub fn scope(&self) -> Scope {
        Scope::Station
    }
}

/// What happened instead of an accepted connection. The listener goes on after all of them but a final one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AcceptError {
    /// A connection was closed at once, since a cap of [`crate::Limits`] is reached, or the system could not hand one over.
    #[error(transparent)]
    NotTaken(#[from] NotTaken),
    /// Somebody connected and did not become a WebSocket client.
    #[error("{peer} did not become a WebSocket client: {error}")]
    NotUpgraded {
        /// Who connected.
        peer: SocketAddr,
        /// What came instead.
        #[source]
        error: HandshakeError,
    },
    /// Final: nobody can connect here any more.
    #[error("the network of this listener is gone")]
    NetworkGone,
}

impl AcceptError {
    /// Whose connection it was, where it was somebody's.
    #[must_use]
    pub fn peer(&self) -> Option<SocketAddr> {
        match self {
            Self::NotUpgraded { peer, .. } => Some(*peer),
            Self::NotTaken(not_taken) => match not_taken {
                NotTaken::TooManyConnections { peer, .. }
                | NotTaken::TooManyConnectionsFromPeer { peer, .. } => Some(*peer),
                _ => None,
            },
            Self::NetworkGone => None,
        }
    }

    /// Who the other end says it is, where it came as far as a JOIN.
    #[must_use]
    pub fn station(&self) -> Option<StationUuid> {
        match self {
            Self::NotUpgraded { error: HandshakeError::KeptOut { station, .. }, .. } => *station,
            _ => None,
        }
    }

    /// Whether the listener is of no more use.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self, Self::NetworkGone)
    }

    /// Whose fault it is.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            // That of a connection which was closed at once is known.
            Self::NotTaken(_) if self.peer().is_some() => Blame::Limit,
            Self::NotUpgraded { error, .. } => error.blame(),
            Self::NotTaken(_) | Self::NetworkGone => Blame::Local,
        }
    }

    /// What it ends.
    #[must_use]
    pub fn scope(&self) -> Scope {
        if self.is_final() { Scope::Station } else { Scope::Connection }
    }
}

//! Errors before there is a connection.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use mvrx_message::{Blame, Scope};

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
#[non_exhaustive]
pub enum ListenError {
    /// Every port that was tried is in use.
    #[error("{}", in_use(*first, *last))]
    NoFreePort {
        /// First port tried.
        first: u16,
        /// Last port tried.
        last: u16,
    },
    /// The system refuses this address whatever the port.
    #[error("cannot listen on {address}: {error}")]
    AddressRefused {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
}

fn in_use(first: u16, last: u16) -> String {
    if first == last {
        format!("port {first} is in use")
    } else {
        format!("ports {first} to {last} are all in use")
    }
}

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
    /// A connection was closed at once: as many as allowed are open.
    #[error("closed a connection from {peer}: {open} of {allowed} are open ({refused} refused so far)")]
    TooManyConnections {
        /// Who was refused.
        peer: SocketAddr,
        /// Open now.
        open: usize,
        /// [`crate::Limits::connections`].
        allowed: usize,
        /// Refused by this listener so far, for either reason.
        refused: u64,
    },
    /// A connection was closed at once: its address has as many as one address may have.
    #[error(
        "closed a connection from {peer}: {open} of {allowed} are open from its address ({refused} refused so far)"
    )]
    TooManyConnectionsFromPeer {
        /// Who was refused.
        peer: SocketAddr,
        /// Open now from that address.
        open: usize,
        /// [`crate::Limits::connections_per_ip`].
        allowed: usize,
        /// Refused by this listener so far, for either reason.
        refused: u64,
    },
    /// The system could not hand a connection over, for instance for want of descriptors.
    #[error("cannot accept, pausing {pause:?} after {failures} failures in a row: {error}")]
    AcceptFailed {
        /// What the system said.
        error: io::Error,
        /// Failures since the last connection.
        failures: u32,
        /// How long the next call waits first.
        pause: Duration,
    },
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
            Self::TooManyConnections { peer, .. }
            | Self::TooManyConnectionsFromPeer { peer, .. }
            | Self::NotUpgraded { peer, .. } => Some(*peer),
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
            Self::TooManyConnections { .. } | Self::TooManyConnectionsFromPeer { .. } => Blame::Limit,
            Self::NotUpgraded { error, .. } => error.blame(),
            Self::AcceptFailed { .. } | Self::NetworkGone => Blame::Local,
        }
    }

    /// What it ends.
    #[must_use]
    pub fn scope(&self) -> Scope {
        if self.is_final() { Scope::Station } else { Scope::Connection }
    }
}

impl From<lan_net::accept::AcceptError> for AcceptError {
    fn from(error: lan_net::accept::AcceptError) -> Self {
        use lan_net::accept::AcceptError as Below;
        match error {
            Below::TooManyConnections { peer, open, allowed, refused } => {
                Self::TooManyConnections { peer, open, allowed, refused }
            }
            Below::TooManyConnectionsFromPeer { peer, open, allowed, refused } => {
                Self::TooManyConnectionsFromPeer { peer, open, allowed, refused }
            }
            Below::AcceptFailed { error, failures, pause } => Self::AcceptFailed { error, failures, pause },
            other => {
                Self::AcceptFailed { error: io::Error::other(other), failures: 1, pause: Duration::ZERO }
            }
        }
    }
}

impl From<lan_net::bind::BindError> for ListenError {
    fn from(error: lan_net::bind::BindError) -> Self {
        use lan_net::bind::BindError as Below;
        match error {
            Below::NoFreePort { first, last } => Self::NoFreePort { first, last },
            Below::AddressRefused { address, error } => Self::AddressRefused { address, error },
            other => {
                let address = SocketAddr::from(([0, 0, 0, 0], 0));
                Self::AddressRefused { address, error: io::Error::other(other) }
            }
        }
    }
}

//! Sessions of WebSocket mode, announced and seen: what the specification's discovery does not have.
//!
//! A session stands under a service type of its own, `_mvrx-session._tcp.local.`, so that nobody who looks for stations of TCP mode takes it
//! for one. Its TXT record has keys of our own. It is a hint, not a proof: who really hosts there, JOIN_RET tells.
//!
//! | TXT key | meaning |
//! |---|---|
//! | `StationName` | the host's name, for people |
//! | `StationUUID` | the host's StationUUID |
//! | `Group` | what the session is called |
//! | `URL` | how the session wants to be reached, where that is another way than the announced address and port |
//!
//! ```
//! use mvrx_discovery::SessionAdvertisement;
//! use mvrx_message::StationUuid;
//!
//! let rack = SessionAdvertisement::new(StationUuid::from_random_bytes([7; 16]), "Rack", 42_480);
//! assert_eq!(rack.url, None);
//! ```

use std::net::SocketAddr;

use mvrx_message::StationUuid;

/// What others are to see of a session that we host.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionAdvertisement {
    /// TXT `StationUUID`: the host's.
    pub station: StationUuid,
    /// TXT `StationName`: the host's.
    pub station_name: String,
    /// TXT `Group`; may be empty.
    pub group: String,
    /// TXT `URL`: how the host wants to be reached. `None`: at the announced address.
    pub url: Option<String>,
    /// The TCP port on which the host listens; not 0.
    pub port: u16,
}

impl SessionAdvertisement {
    /// A session without a group's name or a URL of its own.
    #[must_use]
    pub fn new(station: StationUuid, station_name: impl Into<String>, port: u16) -> Self {
        let (station_name, group) = (station_name.into(), String::new());
        Self { station, station_name, group, url: None, port }
    }
}

/// A session as discovery sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionSighting {
    /// The host's StationUUID.
    pub station: StationUuid,
    /// The host's name; may be empty.
    pub station_name: String,
    /// What the session is called; may be empty.
    pub group: String,
    /// How the host wants to be reached, if it says so.
    pub url: Option<String>,
    /// Where it listens, best first. Never empty.
    pub addresses: Vec<SocketAddr>,
}

impl SessionSighting {
    /// The URLs to try, in order: the one that the host wants, then its addresses.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        let at = |address: &SocketAddr| match address {
            SocketAddr::V4(v4) => format!("ws://{}:{}/", v4.ip(), v4.port()),
            SocketAddr::V6(v6) => format!("ws://[{}]:{}/", v6.ip(), v6.port()),
        };
        self.url.clone().into_iter().chain(self.addresses.iter().map(at)).collect()
    }
}

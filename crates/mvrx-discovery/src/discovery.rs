//! The [`Discovery`] trait and what goes through it.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;

use mvrx_message::{BridgeMark, Candidate, GroupName, Ours, StationUuid};

use crate::{DiscoveryError, DiscoveryProblem, SessionAdvertisement, SessionSighting};

/// A future in a box, so that the trait can be used as `dyn Discovery`.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Shows the stations of the network and shows us to them.
///
/// Rules the caller keeps:
/// * call [`next`](Self::next) again and again: an implementation works (queries, verifies, renames) only while somebody waits there;
/// * key by [`Sighting::key`], never by a name: several products announce one name for all their stations;
/// * try every address of a sighting, and believe who it is only when JOIN_RET's StationUUID is the sighting's;
/// * end with [`shutdown`](Self::shutdown); a drop says goodbye only as well as it can without waiting.
pub trait Discovery: Send + fmt::Debug + 'static {
    /// Shows this station to others, in place of what was advertised before: a new name, group or port is another `advertise`.
    ///
    /// What the network thinks of it comes later, as [`DiscoveryProblem`]s.
    ///
    /// # Errors
    /// When the advertisement cannot be said at all, or nobody is there to say it. What was advertised before stays then.
    fn advertise(&mut self, advertisement: &Advertisement) -> Result<(), DiscoveryError>;

    /// Shows this station in a second group as well, from now on until the next [`advertise`](Self::advertise) or
    /// [`withdraw`](Self::withdraw): a station that changes its group is in both until it has joined the new one. Another
    /// `advertise_also` takes its place. An `advertise` of what was also advertised ends the first one alone.
    ///
    /// # Errors
    /// As those of [`advertise`](Self::advertise), and when nothing is advertised. What is advertised stays then.
    fn advertise_also(&mut self, advertisement: &Advertisement) -> Result<(), DiscoveryError>;

    /// Says goodbye: others stop seeing this station. Seeing others goes on. Nothing happens when nothing was advertised.
    fn withdraw(&mut self);

    /// Shows a session that we host, in place of the one shown before.
    ///
    /// # Errors
    /// When it cannot be said at all, or this way of discovery has no sessions.
    fn announce_session(&mut self, session: &SessionAdvertisement) -> Result<(), DiscoveryError> {
        let _ = session;
        Err(DiscoveryError::ResponderRefused { reason: "sessions cannot be announced this way".to_owned() })
    }

    /// Tells of sessions, too, from now on ([`DiscoveryEvent::Session`]).
    ///
    /// # Errors
    /// When this way of discovery has no sessions.
    fn look_for_sessions(&mut self) -> Result<(), DiscoveryError> {
        Err(DiscoveryError::ResponderRefused { reason: "sessions cannot be seen this way".to_owned() })
    }

    /// Looks from now on for stations that are announced under this group's own service type only as well. One that is advertised looks
    /// in its own group without it.
    fn look_in(&mut self, group: &GroupName) {
        let _ = group;
    }

    /// Asks from now on which groups have a service type of their own, and looks in those, too: for who wants to see all groups there are.
    fn look_for_groups(&mut self) {}

    /// Waits for what is to be told next: stations of all groups, except this station itself.
    ///
    /// `None`, and `None` again ever after: nothing will come any more. Cancel-safe: a future dropped before it is ready has taken nothing.
    fn next(&mut self) -> BoxFuture<'_, Option<DiscoveryEvent>>;

    /// A connection to this sighting failed: look whether it is still there.
    ///
    /// [`DiscoveryEvent::Vanished`] follows (after a while) when it is not, nothing when it is. Cheap to call at every failure.
    fn suspect(&mut self, key: &SightingKey);

    /// The sighting is real, a station answered there: it is not given up to make room for others. The next
    /// [`suspect`](Self::suspect) takes it back.
    fn confirm(&mut self, key: &SightingKey) {
        let _ = key;
    }

    /// Ends it. The goodbyes are on the wire when the future is done, which takes 2 seconds at most.
    ///
    /// Not cancel-safe: dropped early, it behaves as a drop of the discovery.
    fn shutdown(self: Box<Self>) -> BoxFuture<'static, ()>;
}

/// What others are to see of this station (the TXT record of Table 65, SRV's port, and the group in the service name).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Advertisement {
    /// The group.
    pub group: GroupName,
    /// TXT `StationUUID`.
    pub station: StationUuid,
    /// TXT `StationName`; also the first part of the instance name, shortened and cleaned as needed.
    pub station_name: String,
    /// The TCP port on which the station listens; not 0.
    pub port: u16,
    /// It can be elected to host a session (a TXT key of our own).
    pub candidate: Option<Candidate>,
    /// It is a bridge, or a bridge stands in for it (a TXT key of our own).
    pub bridge: Option<BridgeMark>,
}

impl Advertisement {
    /// An advertisement.
    #[must_use]
    pub fn new(group: GroupName, station: StationUuid, station_name: impl Into<String>, port: u16) -> Self {
        Self { group, station, station_name: station_name.into(), port, candidate: None, bridge: None }
    }

    /// The same of a station that can be elected to host.
    #[must_use]
    pub fn with_candidate(self, candidate: Option<Candidate>) -> Self {
        Self { candidate, ..self }
    }

    /// The same of a bridge, or of a station that a bridge stands in for.
    #[must_use]
    pub fn with_bridge(self, bridge: Option<BridgeMark>) -> Self {
        Self { bridge, ..self }
    }
}

/// What a sighting is known by, the same as long as the same station is meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SightingKey {
    /// The TXT record told who it is.
    Station(StationUuid),
    /// An announcement without a StationUUID: its instance name, SRV host and SRV port.
    Place {
        /// The instance name in lower case.
        instance: String,
        /// The SRV target in lower case.
        host: String,
        /// The SRV port.
        port: u16,
    },
    /// An address known in advance.
    Address(SocketAddr),
}

impl fmt::Display for SightingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Station(station) => write!(f, "station {station}"),
            Self::Place { instance, host, port } => write!(f, "{instance} at {host}:{port}"),
            Self::Address(address) => write!(f, "{address}"),
        }
    }
}

/// A station as discovery sees it. It is a hint, not a proof.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sighting {
    /// What it is known by.
    pub key: SightingKey,
    /// TXT `StationUUID`; a fixed list has none.
    pub station: Option<StationUuid>,
    /// TXT `StationName`, or the station's part of the instance name.
    pub station_name: Option<String>,
    /// The group, exactly as spelled. `None`: not known, as with a fixed list.
    pub group: Option<String>,
    /// Other groups in which it is announced as well: one that is changing its group is in two for a while, and `group` is the one of
    /// which was heard last.
    pub also_in: Vec<String>,
    /// Where it may listen, best first. Never empty.
    pub addresses: Vec<SocketAddr>,
    /// The instance name without the service type, `Station.Group` or what the product made of it; for people, not for keys.
    pub instance: Option<String>,
    /// The mark of our own stations; `None`: another product.
    pub ours: Option<Ours>,
}

/// What [`Discovery::next`] tells.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DiscoveryEvent {
    /// A station is there, or what is known of it changed.
    Sighted(Sighting),
    /// It said goodbye, or did not answer when it was looked for, or had to make room.
    Vanished {
        /// What it was known by.
        key: SightingKey,
    },
    /// A session of WebSocket mode is there, or what is known of it changed.
    Session(SessionSighting),
    /// A session is no longer there.
    SessionVanished {
        /// Its host.
        station: StationUuid,
    },
    /// The machine slept: others may have forgotten us meanwhile, some products for good until our next JOIN.
    Woke,
    /// Something a person may want to know; discovery goes on.
    Problem(DiscoveryProblem),
}

//! How a bridge is described.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mvrx_discovery::{Discovery, DiscoveryError};
use mvrx_message::StationUuid;
use mvrx_station::{Builder, Timers, random_bytes};
use mvrx_store::{MemStore, Store};

use crate::Limits;
use crate::again::Again;
use crate::gone::Gone;

/// Makes a discovery of the group; each station of a bridge has one of its own.
pub(crate) type MakeDiscovery = Arc<dyn Fn() -> Result<Box<dyn Discovery>, DiscoveryError> + Send + Sync>;

/// Makes of a described station one of the session.
pub(crate) type IntoSession = Arc<dyn Fn(Builder) -> Builder + Send + Sync>;

/// Describes a bridge.
#[derive(Clone)]
pub struct Options {
    pub(crate) name: String,
    pub(crate) group: String,
    pub(crate) station: StationUuid,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) listen: IpAddr,
    pub(crate) timers: Timers,
    pub(crate) limits: Limits,
    pub(crate) host_too: bool,
    pub(crate) any_file: bool,
    pub(crate) discovery: Option<MakeDiscovery>,
    pub(crate) session: IntoSession,
    pub(crate) look: Duration,
    pub(crate) probe: Duration,
    pub(crate) again: Option<Again>,
    pub(crate) remember: Option<PathBuf>,
    pub(crate) gone: Gone,
}

impl Options {
    /// A bridge of this name between a group and the session at a URL, which keeps files in memory and has a random StationUUID.
    #[must_use]
    pub fn new(name: impl Into<String>, group: impl Into<String>, url: impl Into<String>) -> Self {
        let url = url.into();
        Self {
            name: name.into(),
            group: group.into(),
            station: StationUuid::from_random_bytes(random_bytes()),
            store: Arc::new(MemStore::new()),
            listen: IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            timers: Timers::default(),
            limits: Limits::default(),
            host_too: true,
            any_file: false,
            discovery: None,
            session: Arc::new(move |builder| builder.session(url.clone())),
            look: Duration::from_millis(500),
            probe: Duration::from_secs(5),
            again: None,
            remember: None,
            gone: Gone::default(),
        }
    }

    /// Another group than the one that was given first.
    #[must_use]
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.group = group.into();
        self
    }

    /// Its StationUUID, on both sides; of several bridges the lowest works.
    #[must_use]
    pub fn identity(mut self, station: StationUuid) -> Self {
        self.station = station;
        self
    }

    /// Where the files that it carries are kept. With [`mvrx_store::Limits::oldest_go`] the oldest make room for others, and are fetched again
    /// when somebody asks for them.
    #[must_use]
    pub fn store(mut self, store: impl Store) -> Self {
        self.store = Arc::new(store);
        self
    }

    /// A file of its own, beside the store, in which the bridge remembers what made room, for the next start: it is listed on then, and not
    /// fetched again before somebody asks for it. Without it, each such file is fetched once more after a start. One that cannot be read or
    /// written is as good as none; up to 4,096 commits are in it.
    #[must_use]
    pub fn remember(mut self, at: impl Into<PathBuf>) -> Self {
        self.remember = Some(at.into());
        self
    }

    /// The same with a store that goes on without the bridge: the next bridge may be given it, once this one has been stopped.
    #[must_use]
    pub fn shared_store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = store;
        self
    }

    /// The address at which its stand-ins listen in the group, each at a port of its own; without it, all.
    #[must_use]
    pub fn listen(mut self, address: IpAddr) -> Self {
        self.listen = address;
        self
    }

    /// How long its stations wait.
    #[must_use]
    pub fn timers(mut self, timers: Timers) -> Self {
        self.timers = timers;
        self
    }

    /// What bounds it, and how long it waits.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Whether the session's host itself appears in the group, as without this. Not where it only passes on what others say, and a station of the
    /// same name beside it is there for the person.
    #[must_use]
    pub fn host_too(mut self, appears: bool) -> Self {
        self.host_too = appears;
        self
    }

    /// Carries any file, and not only whole archives; see [`Builder::any_file`].
    #[must_use]
    pub fn any_file(mut self, any: bool) -> Self {
        self.any_file = any;
        self
    }

    /// How often it looks at both sides when nothing happens, and how often it asks other bridges whether they are there; half a second and
    /// 5 s without it.
    #[must_use]
    pub fn pace(mut self, look: Duration, probe: Duration) -> Self {
        (self.look, self.probe) = (look, probe);
        self
    }

    /// How the group is seen; called once for the bridge and once for each stand-in. Without it, mDNS on all interfaces.
    #[must_use]
    pub fn discovery(
        mut self,
        make: impl Fn() -> Result<Box<dyn Discovery>, DiscoveryError> + Send + Sync + 'static,
    ) -> Self {
        self.discovery = Some(Arc::new(make));
        self
    }

    /// How a station becomes one of the session, in place of [`Builder::session`] with the URL: another transport, a certificate.
    #[must_use]
    pub fn session(mut self, make: impl Fn(Builder) -> Builder + Send + Sync + 'static) -> Self {
        self.session = Arc::new(make);
        self
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, group, station, limits, .. } = self;
        f.debug_struct("Options")
            .field("name", name)
            .field("group", group)
            .field("station", station)
            .field("limits", limits)
            .finish_non_exhaustive()
    }
}

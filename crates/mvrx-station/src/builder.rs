//! How a station is described and started.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::net::{Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mvrx_core::election::ElectionConfig;
use mvrx_core::parts::Parts;
use mvrx_core::{Config, Core, Limits, Moves, SessionConfig, Timers};
use mvrx_discovery::{Discovery, DiscoveryError};
use mvrx_message::{BridgeMark, Candidate, GroupName, GroupNameError, MvrVersion, StationUuid};
use mvrx_store::{ListError, MemStore, Store};
use mvrx_transport::middleware::{Observer, Tap};
use mvrx_transport::{FileStyle, ListenError, Transport, WsUrl, WsUrlError};
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::time::Instant;

use crate::accepting::accept;
use crate::beside::AskedByHost;
use crate::driver::{Done, Driver};
use crate::election;
use crate::handle::{Shared, Station};
use crate::host::{self, HostOptions};
use crate::identity::random_bytes;
use crate::keeping::Keeping;
use crate::looking::Look;
use crate::moves::{MakeDiscovery, by_mdns, seed};
use crate::orders::Order;
use crate::secure::Secure;
use crate::ways::Found;
use crate::withdrawing::Stored;
use crate::{Events, Exporter};

/// Describes a station; [`Builder::spawn`] starts it.
///
/// Without further words a station is of the group `Default`, listens on all addresses at port 42424 or the next free one, finds others by mDNS
/// on all interfaces, and keeps its files in memory.
pub struct Builder {
    name: String,
    provider: String,
    group: String,
    station: Option<StationUuid>,
    version: MvrVersion,
    listen: Option<SocketAddr>,
    advertise: bool,
    refuse_size_mismatch: bool,
    limits: Limits,
    timers: Timers,
    events: usize,
    store: Option<Arc<dyn Store>>,
    transport: Option<Arc<dyn Transport>>,
    tap: Option<Tap>,
    discovery: Option<Box<dyn Discovery>>,
    exporter: Option<Arc<dyn Exporter>>,
    host: Option<HostOptions>,
    session: Option<String>,
    moves: Moves,
    candidate: Option<Candidate>,
    pub(crate) bridge: Option<BridgeMark>,
    later_discovery: Option<MakeDiscovery>,
    keep: Option<PathBuf>,
    file_style: FileStyle,
    pub(crate) secure: Secure,
    pub(crate) look: Look,
}

/// Why a station did not start. Nothing of it is left running.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The group's name cannot be one.
    #[error("{group:?} cannot be the name of a group: {error}")]
    GroupName {
        /// The name.
        group: String,
        /// Why.
        error: GroupNameError,
    },
    /// The session's URL cannot be one.
    #[error("{url:?} cannot be the URL of a session: {error}")]
    SessionUrl {
        /// The text, without a user and password that are in it.
        url: String,
        /// Why.
        error: WsUrlError,
    },
    /// No port to listen on.
    #[error("cannot listen for other stations: {0}")]
    Listen(#[from] ListenError),
    /// mDNS cannot be used.
    #[error("cannot look for other stations: {0}")]
    Discovery(#[from] DiscoveryError),
    /// The store cannot be read.
    #[error("cannot read the store: {0}")]
    Store(#[from] ListError),
    /// The station's thread cannot be started.
    #[error("cannot start the station's thread: {0}")]
    Thread(std::io::Error),
}

impl Builder {
    pub(crate) fn new(name: String) -> Self {
        Self {
            name,
            provider: "mvrx".to_owned(),
            group: DEFAULT_GROUP.to_owned(),
            station: None,
            version: MvrVersion { major: 1, minor: 6 },
            listen: None,
            advertise: true,
            refuse_size_mismatch: false,
            limits: Limits::default(),
            timers: Timers::default(),
            events: EVENTS,
            store: None,
            transport: None,
            tap: None,
            discovery: None,
            exporter: None,
            host: None,
            session: None,
            moves: Moves::default(),
            candidate: None,
            bridge: None,
            later_discovery: None,
            keep: None,
            file_style: FileStyle::OneMessage,
            secure: Secure::default(),
            look: Look::default(),
        }
    }

    /// The application's name, shown to other stations as their `Provider`.
    #[must_use]
    pub fn provider(mut self, provider: impl Into<String>) -> Self {
        self.provider = provider.into();
        self
    }

    /// The group to belong to; any UTF-8 label of up to 63 bytes. Names are case-sensitive.
    #[must_use]
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.group = group.into();
        self
    }

    /// Our StationUUID, persistent across restarts (see [`crate::load_or_create`]); without it, a random one for this run.
    #[must_use]
    pub fn identity(mut self, station: StationUuid) -> Self {
        self.station = Some(station);
        self
    }

    /// The newest MVR version the application reads; 1.6 without it.
    #[must_use]
    pub fn version(mut self, version: MvrVersion) -> Self {
        self.version = version;
        self
    }

    /// Where to listen; without it on all addresses, at port 42424 or the next free one. Port 0 lets the system choose.
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = Some(address);
        self
    }

    /// Whether to be announced in discovery. A station that only looks is not.
    #[must_use]
    pub fn advertise(mut self, advertise: bool) -> Self {
        self.advertise = advertise;
        self
    }

    /// Refuse files whose length differs from their announced FileSize (see [`Config::refuse_size_mismatch`]).
    #[must_use]
    pub fn refuse_size_mismatch(mut self, refuse: bool) -> Self {
        self.refuse_size_mismatch = refuse;
        self
    }

    /// How much the station may hold.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// How long things may take.
    #[must_use]
    pub fn timers(mut self, timers: Timers) -> Self {
        self.timers = timers;
        self
    }

    /// How many events may wait for a slow reader before it lags; 1,024 without it.
    #[must_use]
    pub fn event_buffer(mut self, events: usize) -> Self {
        self.events = events.max(1);
        self
    }

    /// Where commits and files are kept; without it, in memory.
    #[must_use]
    pub fn store(mut self, store: impl Store) -> Self {
        self.store = Some(Arc::new(store));
        self
    }

    /// How connections are made; without it, TCP.
    #[must_use]
    pub fn transport(mut self, transport: impl Transport) -> Self {
        self.transport = Some(Arc::new(transport));
        self
    }

    /// Tells of every connection, message and file in and out, of each mode and of a host: a transaction log. Called on the station's thread,
    /// so it should be quick. What it is shown has the passwords and tickets of messages; who keeps or shows it takes them out.
    #[must_use]
    pub fn observe(mut self, observer: impl Observer) -> Self {
        self.tap = Some(Tap::new(observer));
        self
    }

    /// How stations find each other; without it, mDNS on all interfaces.
    #[must_use]
    pub fn discovery(mut self, discovery: impl Discovery) -> Self {
        self.discovery = Some(Box::new(discovery));
        self
    }

    /// Who makes a fresh file when another station asks for our current state; without it, it gets our newest commit.
    #[must_use]
    pub fn exporter(mut self, exporter: impl Exporter) -> Self {
        self.exporter = Some(Arc::new(exporter));
        self
    }

    /// Hosts a session of WebSocket mode, instead of being a station of TCP mode: stations connect to us and JOIN, and whatever anybody commits
    /// goes to all of them. Without [`Builder::listen`] at port 42480 on all addresses. [`Builder::limits`], [`Builder::timers`],
    /// [`Builder::advertise`] and [`Builder::refuse_size_mismatch`] are those of TCP mode and mean nothing here.
    #[must_use]
    pub fn host(mut self, options: HostOptions) -> Self {
        self.host = Some(options);
        self
    }

    /// Is one of the session of WebSocket mode at this URL (`ws://host[:port][/path]` or `wss://…`, see [`Builder::trust`]), instead of being a station of TCP mode: everybody is
    /// reached by its host, with the same commits, requests and events. [`Builder::listen`], [`Builder::discovery`] and
    /// [`Builder::advertise`] mean nothing then; [`Builder::group`] only says under which name files are kept.
    #[must_use]
    pub fn session(mut self, url: impl Into<String>) -> Self {
        self.session = Some(url.into());
        self
    }

    /// Whose proposals to move to another place are followed; without it, those that the application agrees to
    /// ([`crate::Station::accept_move`]).
    #[must_use]
    pub fn moves(mut self, moves: Moves) -> Self {
        self.moves = moves;
        self
    }

    /// The station can be elected to host the session of its group, and tells others so; [`crate::Election`] does the rest. Hosts that are lost
    /// are noticed sooner then, and those that do not answer are waited for no longer than 2 s.
    // req: ELE-01
    #[must_use]
    pub fn candidate(mut self, candidate: Candidate) -> Self {
        self.candidate = Some(candidate);
        self
    }

    /// How a station of a session finds others once it moves to a group; without it, by mDNS on all interfaces. Called then.
    #[must_use]
    pub fn discovery_after_move<D: Discovery>(
        mut self,
        make: impl FnOnce() -> Result<D, DiscoveryError> + Send + 'static,
    ) -> Self {
        self.later_discovery = Some(Box::new(|| make().map(|made| Box::new(made) as Box<dyn Discovery>)));
        self
    }

    /// The data directory in which a station that moved keeps its new place, for [`crate::kept_place`] at the next start; without it
    /// nothing is kept.
    #[must_use]
    pub fn keep_place_in(mut self, directory: impl Into<PathBuf>) -> Self {
        self.keep = Some(directory.into());
        self
    }

    /// How files go to the host of a session that is another product; without it, one binary message each. Messages wait behind such a file,
    /// unless it goes in pieces, which not every host puts together.
    #[must_use]
    pub fn file_style(mut self, style: FileStyle) -> Self {
        self.file_style = style;
        self
    }

    /// The same by a number: files go in messages of at most so many bytes; `None`: in one message each.
    #[must_use]
    pub fn pieces(self, most: Option<usize>) -> Self {
        self.file_style(most.map_or(FileStyle::OneMessage, |most| FileStyle::Messages { most }))
    }

    /// Starts the station on a thread of its own.
    ///
    /// # Errors
    /// When it cannot listen, look for others or read its store.
    pub async fn spawn(self) -> Result<(Station, Events), StartError> {
        let (told, started) = oneshot::channel();
        let thread = std::thread::Builder::new().name("mvrx-station".to_owned());
        let body = move || {
            // Each transfer has a thread of its own, and nobody's may keep another one from beginning.
            let transfers = self.host.as_ref().map_or(0, |host| host.transport.connections);
            let threads = THREADS.saturating_add(transfers.saturating_mul(2));
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .max_blocking_threads(threads)
                .build();
            let runtime = match runtime {
                Ok(runtime) => runtime,
                Err(error) => return drop(told.send(Err(StartError::Thread(error)))),
            };
            let stopping = runtime.block_on(async move {
                let run = match self.prepare().await {
                    Ok((station, events, run)) => {
                        // Who started it may have stopped waiting.
                        told.send(Ok((station, events))).is_ok().then_some(run)
                    }
                    Err(error) => {
                        drop(told.send(Err(error)));
                        None
                    }
                };
                match run {
                    Some(run) => run.await,
                    None => Vec::new(),
                }
            });
            // Whoever waits for the stop may open the store again at once: no task holds it any more.
            runtime.shutdown_timeout(RELEASE);
            for told in stopping {
                // He may have stopped waiting.
                let _ = told.send(());
            }
        };
        thread.spawn(body).map_err(StartError::Thread)?;
        let ended = || StartError::Thread(std::io::Error::other("it ended before it began"));
        started.await.unwrap_or_else(|_| Err(ended()))
    }

    async fn prepare(mut self) -> Result<(Station, Events, Running), StartError> {
        let group = GroupName::join(&self.group)
            .map_err(|error| StartError::GroupName { group: self.group.clone(), error })?;
        let station = self.station.unwrap_or_else(|| StationUuid::from_random_bytes(random_bytes()));
        let store = self.store.take().unwrap_or_else(|| Arc::new(MemStore::new()));
        let reading = Arc::clone(&store);
        let reading = tokio::task::spawn_blocking(move || Stored::read(reading.as_ref())).await;
        let stored = reading.map_err(|error| StartError::Thread(std::io::Error::other(error)))??;
        let Some(options) = self.host.take() else {
            let Prepared { station, events, driver, orders, reports, done } =
                self.prepare_station(station, group, (store, stored)).await?;
            return Ok((station, events, Box::pin(driver.run(orders, reports, done))));
        };
        let host::Prepared { station, events, run } = host::start(host::Starting {
            options,
            name: self.name,
            provider: self.provider,
            group: self.group,
            station,
            version: self.version,
            listen: self.listen,
            events: self.events,
            store,
            stored,
            moves: self.moves,
            transport: self.transport,
            tap: self.tap,
            discovery: self.discovery,
            exporter: self.exporter,
            look: self.look,
        })
        .await?;
        Ok((station, events, run))
    }

    fn config(&self, station: StationUuid, group: GroupName) -> Result<Config, StartError> {
        let mut config = Config::new(station, &self.name, &self.provider, group);
        config.version = self.version;
        config.advertise = self.advertise;
        config.exporter = self.exporter.is_some();
        config.refuse_size_mismatch = self.refuse_size_mismatch;
        config.limits = self.limits.clone();
        config.timers = self.timers.clone();
        config.session = self.session.as_deref().map(session).transpose()?;
        config.moves = self.moves.clone();
        config.candidate = self.candidate;
        config.bridge = self.bridge;
        if self.candidate.is_some() {
            config.timers.host_dial = config.timers.host_dial.min(ElectionConfig::ATTEMPT);
        }
        Ok(config)
    }

    /// How others are reached, and reach us.
    async fn ways(&mut self, in_session: bool) -> Result<Found, StartError> {
        let (transport, tap) = (self.transport.take(), self.tap.as_ref());
        if in_session {
            let web = transport.unwrap_or_else(|| Arc::new(self.secure.web_socket()));
            return Ok(Found::in_session(web, self.listen, tap));
        }
        let election = self.candidate.map(|_| election::web_socket());
        let web = election.unwrap_or_else(|| self.secure.web_socket());
        Found::in_group((transport, Arc::new(web)), self.listen, self.discovery.take(), tap).await
    }

    async fn prepare_station(
        mut self,
        station: StationUuid,
        group: GroupName,
        (store, stored): (Arc<dyn Store>, Stored),
    ) -> Result<Prepared, StartError> {
        let config = self.config(station, group)?;
        let in_session = config.session.is_some();
        let found = self.ways(in_session).await?;
        let address = found.listener.as_ref().map_or_else(nowhere, |listener| listener.local_addr());
        let shown = Arc::new(Mutex::new(address));
        let later = self.later_discovery.unwrap_or_else(by_mdns);
        let (ways, listener, discovery) = found.open(self.listen, Arc::clone(&shown), later);
        let (events, first) = broadcast::channel(self.events);
        let (orders, orders_in) = mpsc::channel::<Order>(QUEUE);
        let shared = Shared::new(station, shown, Arc::clone(&store), orders, &events);
        let (reports, reports_in) = mpsc::channel(QUEUE);
        let (done, done_in) = mpsc::channel(QUEUE);
        if let Some(listener) = listener {
            tokio::spawn(accept(listener, done.clone()));
        }
        let mut driver = Driver {
            core: Core::new(config),
            heard: tokio::sync::watch::Sender::new(false),
            started: Instant::now(),
            group: self.group,
            port: address.port(),
            ways,
            file_style: self.file_style,
            discovery,
            store,
            exporter: self.exporter,
            look: self.look,
            looking: HashMap::new(),
            parts: Parts::default(),
            checked: None,
            events,
            problems: HashSet::new(),
            seen: HashMap::new(),
            fetched: crate::fetches::Fetches::default(),
            places: HashMap::new(),
            shown: HashMap::new(),
            changing: None,
            listing: 0,
            led: None,
            keeping: Keeping::new(self.keep),
            asked_by_host: AskedByHost::default(),
            held_back: None,
            links: HashMap::new(),
            dials: HashMap::new(),
            arrived: HashMap::new(),
            requests: HashMap::new(),
            reports,
            done,
            next_place: 0,
            next_accepted: 0,
            stopping: Vec::new(),
            stopped: false,
            discovery_ended: false,
        };
        driver.restore(stored);
        Ok(Prepared {
            station: Station { shared: Arc::new(shared) },
            events: Events::new(first),
            driver,
            orders: orders_in,
            reports: reports_in,
            done: done_in,
        })
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("name", &self.name)
            .field("group", &self.group)
            .finish_non_exhaustive()
    }
}

/// A station or a host until it is stopped; gives those who wait for that.
pub(crate) type Running = Pin<Box<dyn Future<Output = Vec<oneshot::Sender<()>>> + Send>>;

/// A station about to run.
struct Prepared {
    station: Station,
    events: Events,
    driver: Driver,
    orders: mpsc::Receiver<Order>,
    reports: mpsc::Receiver<crate::connection::Report>,
    done: mpsc::Receiver<Done>,
}

fn session(url: &str) -> Result<SessionConfig, StartError> {
    // req: SEC-05
    let parsed = url.parse::<WsUrl>();
    let parsed = parsed
        .map_err(|error| StartError::SessionUrl { url: mvrx_transport::url_without_user(url), error })?;
    Ok(SessionConfig::new(&parsed.to_string(), seed()))
}

/// Where a station of a session listens.
fn nowhere() -> SocketAddr {
    SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0))
}

/// The group that products begin with.
const DEFAULT_GROUP: &str = "Default";

/// Events that wait for a slow reader.
const EVENTS: usize = 1_024;

/// Orders and reports that wait for the driver; their senders wait then.
const QUEUE: usize = 256;

/// Threads for disks and transfers of a station.
const THREADS: usize = 512;

/// How long a stopping station waits for disks that still work for it.
const RELEASE: Duration = Duration::from_secs(5);

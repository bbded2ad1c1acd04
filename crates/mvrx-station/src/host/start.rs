//! From a described station to a running host.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::{Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, atomic::AtomicUsize};

use mvrx_core::Moves;
use mvrx_core::host::{Config, Host};
use mvrx_core::parts::Parts;
use mvrx_discovery::{Discovery, LanDiscovery, MdnsOptions};
use mvrx_message::{GroupName, MvrVersion, StationUuid};
use mvrx_store::{Cancel, Store};
use mvrx_transport::middleware::Tap;
use mvrx_transport::{Transport, WsUrl};
use tokio::sync::{broadcast, mpsc};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::audit::Repeated;
use super::driver::HostDriver;
use super::options::HostOptions;
use super::outbox::Bounds;
use super::rest::PuttingDown;
use super::tickets::Tickets;
use super::times::Times;
use crate::builder::{Running, StartError};
use crate::handle::{Shared, Station};
use crate::looking::Look;
use crate::orders::Order;
use crate::ways::tapped;
use crate::withdrawing::Stored;
use crate::{Events, Exporter, session_url};

/// What the builder knows.
pub(crate) struct Starting {
    pub(crate) options: HostOptions,
    pub(crate) name: String,
    pub(crate) provider: String,
    pub(crate) group: String,
    pub(crate) station: StationUuid,
    pub(crate) version: MvrVersion,
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) events: usize,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) stored: Stored,
    pub(crate) moves: Moves,
    pub(crate) transport: Option<Arc<dyn Transport>>,
    pub(crate) tap: Option<Tap>,
    pub(crate) discovery: Option<Box<dyn Discovery>>,
    pub(crate) exporter: Option<Arc<dyn Exporter>>,
    pub(crate) look: Look,
}

/// A host about to run.
pub(crate) struct Prepared {
    pub(crate) station: Station,
    pub(crate) events: Events,
    pub(crate) run: Running,
}

/// Listens and reads the store.
pub(crate) async fn start(starting: Starting) -> Result<Prepared, StartError> {
    check_url(starting.options.url.as_deref())?;
    let Starting { options, name, provider, group, station, version, store, exporter, .. } = starting;
    let said = (version, exporter.is_some(), starting.moves);
    let mut config = configured(Config::new(station, &name, &provider), said, &options, &group);

    let transport = starting.transport.unwrap_or_else(|| Arc::new(options.web_socket()));
    let transport = tapped(starting.tap.as_ref(), transport);
    let listener = transport.listen(starting.listen.unwrap_or(ANYWHERE)).await?;
    let address = listener.local_addr();
    config.own_urls = options.own_urls(address.port());
    let (discovery, problem) = showing(starting.discovery, options.announce);

    let (events, first) = broadcast::channel(starting.events);
    let (orders, orders_in) = mpsc::channel::<Order>(ORDERS);
    let (reports, reports_in) = mpsc::channel(REPORTS);
    let (done, done_in) = mpsc::channel(ORDERS);
    let bounds = Bounds {
        one: options.outbox_bytes,
        all: options.outbox_bytes_in_all,
        waiting: Arc::new(AtomicUsize::new(0)),
    };
    let paces = options.paces();
    let shown = Arc::new(Mutex::new(address));
    let shared = Shared::new(station, shown, Arc::clone(&store), orders, &events);
    let mut driver = HostDriver {
        host: Host::new(config),
        options,
        started: Instant::now(),
        group,
        port: address.port(),
        discovery,
        store: Arc::clone(&store),
        exporter,
        look: starting.look,
        stop_looking: Cancel::new(),
        parts: Parts::default(),
        putting_down: PuttingDown::default(),
        checked: None,
        events,
        problems: HashSet::new(),
        seen: Times::default(),
        fetched: crate::fetches::Fetches::default(),
        links: HashMap::new(),
        writers: JoinSet::new(),
        bounds,
        paces,
        repeated: Repeated::default(),
        led: None,
        tickets: Tickets::default(),
        growing: HashMap::new(),
        parked: Vec::new(),
        sending: HashMap::new(),
        asked: HashMap::new(),
        requests: HashMap::new(),
        work: VecDeque::new(),
        working: false,
        next: VecDeque::new(),
        reports,
        done,
        next_accepted: 0,
        stopping: Vec::new(),
        stopped: false,
    };
    driver.restore(starting.stored);
    if let Some(problem) = problem {
        driver.problem(problem);
    }
    let station = Station { shared: Arc::new(shared) };
    let run = Box::pin(driver.run(listener, orders_in, reports_in, done_in));
    Ok(Prepared { station, events: Events::new(first), run })
}

fn configured(
    config: Config,
    (version, exporter, moves): (MvrVersion, bool, Moves),
    options: &HostOptions,
    group: &str,
) -> Config {
    Config {
        version,
        exporter,
        moves,
        gather: options.gather,
        elected: options.elected,
        group: options.elected.and_then(|_| GroupName::join(group).ok()),
        access: options.access.clone(),
        limits: options.limits.clone(),
        timers: options.timers.clone(),
        ..config
    }
}

/// What is shown to people has to lead somewhere.
fn check_url(url: Option<&str>) -> Result<(), StartError> {
    let Some(url) = url else { return Ok(()) };
    let parsed = session_url(url, HOST_PORT).parse::<WsUrl>();
    parsed
        .map(drop)
        .map_err(|error| StartError::SessionUrl { url: mvrx_transport::url_without_user(url), error })
}

/// What shows the session to the network; without it, it is a session all the same, and why there is none is told.
fn showing(
    given: Option<Box<dyn Discovery>>,
    announce: bool,
) -> (Option<Box<dyn Discovery>>, Option<String>) {
    match given {
        Some(discovery) => (Some(discovery), None),
        None if !announce => (None, None),
        None => match LanDiscovery::start(MdnsOptions::default()) {
            Ok(discovery) => (Some(Box::new(discovery) as Box<dyn Discovery>), None),
            Err(error) => (None, Some(format!("this session is not announced: {error}"))),
        },
    }
}

/// Where a host listens without further words.
const ANYWHERE: SocketAddr =
    SocketAddr::V6(std::net::SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, HOST_PORT, 0, 0));
/// Beside the port of TCP mode, so that one machine may have both.
const HOST_PORT: u16 = 42_480;
/// Orders that wait for the driver; their senders wait then.
const ORDERS: usize = 256;
/// Reports that wait for the driver; each may be a message of the greatest length.
const REPORTS: usize = 32;

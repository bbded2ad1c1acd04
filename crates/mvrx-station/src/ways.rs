//! How a station reaches others and is reached: what was described, or what there is without it.

use std::net::{Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use mvrx_discovery::{Discovery, FixedDiscovery, LanDiscovery, MdnsOptions};
use mvrx_transport::middleware::Tap;
use mvrx_transport::{Listener, TcpTransport, Transport};

use crate::builder::StartError;
use crate::moves::{MakeDiscovery, Ways};

/// How others are reached, and reach us.
pub(crate) struct Found {
    tcp: Arc<dyn Transport>,
    web: Arc<dyn Transport>,
    /// In a session nobody connects to us.
    pub(crate) listener: Option<Box<dyn Listener>>,
    discovery: Box<dyn Discovery>,
    /// Whether that discovery looks for stations.
    looks: bool,
}

impl Found {
    /// The ways of a station that begins in a session: nobody looks for it and nobody is looked for.
    // req: SEC-01
    pub(crate) fn in_session(web: Arc<dyn Transport>, listen: Option<SocketAddr>, tap: Option<&Tap>) -> Self {
        let tcp = Arc::new(by_tcp(listen));
        let discovery = Box::new(FixedDiscovery::new([]));
        Self { tcp: tapped(tap, tcp), web: tapped(tap, web), listener: None, discovery, looks: false }
    }

    /// The ways of a station that begins in a group, where it listens.
    pub(crate) async fn in_group(
        (tcp, web): (Option<Arc<dyn Transport>>, Arc<dyn Transport>),
        listen: Option<SocketAddr>,
        discovery: Option<Box<dyn Discovery>>,
        tap: Option<&Tap>,
    ) -> Result<Self, StartError> {
        let tcp = tapped(tap, tcp.unwrap_or_else(|| Arc::new(by_tcp(listen))));
        let listener = tcp.listen(anywhere(listen)).await?;
        let discovery = match discovery {
            Some(discovery) => discovery,
            None => Box::new(LanDiscovery::start(MdnsOptions::default())?),
        };
        Ok(Self { tcp, web: tapped(tap, web), listener: Some(listener), discovery, looks: true })
    }

    /// What there is now, and what opens the way to a group later.
    pub(crate) fn open(
        self,
        listen: Option<SocketAddr>,
        address: Arc<Mutex<SocketAddr>>,
        later: MakeDiscovery,
    ) -> (Ways, Option<Box<dyn Listener>>, Box<dyn Discovery>) {
        let Self { tcp, web, listener, discovery, looks } = self;
        let discovery_later = (!looks).then_some(later);
        let listens = listener.is_some();
        let ways = Ways { tcp, web, listen, listens, address, discovery: discovery_later };
        (ways, listener, discovery)
    }
}

/// A port that was asked for is that port or none; the default one gives way to the next free one.
fn by_tcp(listen: Option<SocketAddr>) -> TcpTransport {
    TcpTransport::default().with_port_attempts(if listen.is_some() { 1 } else { PORTS })
}

/// The transport, with whoever is to be told of what passes.
pub(crate) fn tapped(tap: Option<&Tap>, transport: Arc<dyn Transport>) -> Arc<dyn Transport> {
    match tap {
        Some(tap) => Arc::new(tap.on(transport)),
        None => transport,
    }
}

/// Where a station of a group listens.
pub(crate) fn anywhere(listen: Option<SocketAddr>) -> SocketAddr {
    listen.unwrap_or(SocketAddr::from((Ipv6Addr::UNSPECIFIED, DEFAULT_PORT)))
}

/// The port that grandMA3 listens on, and some products fall back to.
const DEFAULT_PORT: u16 = 42_424;

/// Ports tried from the default one on.
const PORTS: u16 = 256;

//! Stations of one process that reach each other by address, without a socket.
//!
//! Everything but the socket is as in TCP Mode, or as in WebSocket Mode behind the handshake: the same packages or
//! frames, the same decoders, the same limits. Stations of one mode reach each other. Time is
//! tokio's alone, so a test may pause it. It does not know delay or loss: see [`crate::middleware::Faulty`]. A pipe holds
//! 64 KiB in each direction, a listener 128 connections that nobody accepted yet.
//!
//! The crate's page has an example.

pub(crate) mod pipe;

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

use self::pipe::{PipeEnd, pipe};
use crate::endpoint::Endpoint;
use crate::error::{AcceptError, BindError, DialError, ListenError};
use crate::limits::Limits;
use crate::pump::FilePump;
use crate::stream::{self, Origin};
use crate::traits::{BoxFuture, Connection, Listener, Transport};
use crate::ws::{self, Role};

/// A network of one process. Clones are the same network.
#[derive(Debug, Clone, Default)]
pub struct MemoryNetwork {
    wires: Arc<Mutex<Wires>>,
}

/// One station's place in a [`MemoryNetwork`].
#[derive(Debug, Clone)]
pub struct MemoryTransport {
    wires: Arc<Mutex<Wires>>,
    ip: IpAddr,
    limits: Limits,
    mode: Mode,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Tcp,
    WebSocket,
}

#[derive(Debug, Default)]
struct Wires {
    listeners: HashMap<SocketAddr, mpsc::Sender<Connection>>,
    last_port: u16,
}

impl MemoryNetwork {
    /// An empty network.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A station with this address.
    #[must_use]
    pub fn station(&self, ip: impl Into<IpAddr>) -> MemoryTransport {
        let (wires, limits) = (Arc::clone(&self.wires), Limits::default());
        MemoryTransport { wires, ip: ip.into(), limits, mode: Mode::Tcp }
    }
}

impl MemoryTransport {
    /// With these limits. Numbers of connections are not limited.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// In WebSocket Mode. A URL reaches a station by its address; there are no names here.
    #[must_use]
    pub fn with_websockets(mut self) -> Self {
        self.mode = Mode::WebSocket;
        self
    }

    fn open(&self, asked: SocketAddr) -> Result<Box<dyn Listener>, ListenError> {
        if !asked.ip().is_unspecified() && asked.ip() != self.ip {
            let error = io::ErrorKind::AddrNotAvailable.into();
            return Err(BindError::AddressRefused { address: asked, error }.into());
        }
        let (sender, incoming) = mpsc::channel(BACKLOG);
        let mut wires = lock(&self.wires);
        // A listener that was dropped leaves its closed sender behind.
        wires.listeners.retain(|_, sender| !sender.is_closed());
        let first = if asked.port() == 0 { FIRST_OWN_PORT } else { asked.port() };
        let free = (first..=u16::MAX)
            .map(|port| SocketAddr::new(self.ip, port))
            .find(|address| !wires.listeners.contains_key(address));
        let Some(address) = free else { return Err(BindError::NoFreePort { first, last: u16::MAX }.into()) };
        wires.listeners.insert(address, sender);
        Ok(Box::new(MemoryListener { incoming, address }))
    }

    fn connect(&self, address: SocketAddr) -> Result<Connection, DialError> {
        let mut wires = lock(&self.wires);
        let Some(listener) = wires.listeners.get(&address).cloned() else {
            return Err(DialError::Refused { address });
        };
        wires.last_port = wires.last_port.checked_add(1).unwrap_or(1);
        let local = SocketAddr::new(self.ip, wires.last_port);
        drop(wires);
        let (ours, theirs) = pipe();
        let inbound = self.over(theirs, (address, local), Origin::Accepted(None), Role::Server);
        listener.try_send(inbound).map_err(|_| DialError::Refused { address })?;
        Ok(self.over(ours, (local, address), Origin::Dialed, Role::Client))
    }

    fn over(&self, end: PipeEnd, ends: (SocketAddr, SocketAddr), origin: Origin, role: Role) -> Connection {
        let pump = FilePump::Portable;
        match self.mode {
            Mode::Tcp => stream::connection(end, ends, self.limits, pump, origin),
            Mode::WebSocket => ws::connection(end, ends, (self.limits, pump), origin, (role, &[])),
        }
    }

    /// The address of a URL, in the mode that has URLs.
    fn address_of(&self, to: Endpoint) -> Result<SocketAddr, DialError> {
        match to {
            Endpoint::Address(address) => Ok(address),
            Endpoint::Url(url) if self.mode == Mode::WebSocket && !url.is_secure() => {
                let ip = url.host().parse().map_err(|_| DialError::NameNotFound {
                    host: url.host().to_owned(),
                    error: io::ErrorKind::NotFound.into(),
                })?;
                Ok(SocketAddr::new(ip, url.port()))
            }
            endpoint @ Endpoint::Url(_) => Err(DialError::NotThisMode { endpoint }),
        }
    }
}

impl Transport for MemoryTransport {
    fn dial(&self, to: Endpoint) -> BoxFuture<'_, Result<Connection, DialError>> {
        Box::pin(async move { self.connect(self.address_of(to)?) })
    }

    fn listen(&self, addr: SocketAddr) -> BoxFuture<'_, Result<Box<dyn Listener>, ListenError>> {
        Box::pin(async move { self.open(addr) })
    }
}

#[derive(Debug)]
struct MemoryListener {
    incoming: mpsc::Receiver<Connection>,
    address: SocketAddr,
}

impl Listener for MemoryListener {
    fn local_addr(&self) -> SocketAddr {
        self.address
    }

    fn accept(&mut self) -> BoxFuture<'_, Result<Connection, AcceptError>> {
        Box::pin(async move { self.incoming.recv().await.ok_or(AcceptError::NetworkGone) })
    }
}

fn lock(wires: &Mutex<Wires>) -> MutexGuard<'_, Wires> {
    wires.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Connections that wait to be accepted.
const BACKLOG: usize = 128;
/// Where ports begin that the network chooses.
const FIRST_OWN_PORT: u16 = 49_152;

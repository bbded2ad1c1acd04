//! MVR-xchange in WebSocket Mode: sockets into [`Connection`]s, by a handshake.
//!
//! It does not know who hosts a session and who joins one: an application that listens is a host. A handshake that
//! takes its time holds up nobody else's.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use mvrx_transport::{Endpoint, Transport, WsTransport};
//!
//! let ws = WsTransport::default();
//! let mut listener = ws.listen("[::]:42425".parse()?).await?;
//! let dialing = ws.dial(Endpoint::Url("ws://localhost:42425/".parse()?));
//! let (joined, hosted) = tokio::join!(dialing, listener.accept());
//! # Ok(()) }
//! ```

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use lan_net::accept::{Accepted, CappedListener};
use lan_net::deadline::Deadline;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::frame::Role;
use super::handshake::Joined;
use super::io_link::IoLink;
use super::{connection, handshake};
use crate::endpoint::{Endpoint, WsUrl};
use crate::error::{AcceptError, DialError, HandshakeError, ListenError};
use crate::limits::Limits;
use crate::pump::FilePump;
use crate::stream::{Link, Origin};
use crate::tcp::{self, TcpLink, canonical};
use crate::traits::{BoxFuture, Connection, Listener, Transport};

/// What a client asks for, before it is answered.
#[derive(Debug, Clone, Copy)]
pub struct Upgrade<'a> {
    /// Path and query.
    pub path: &'a str,
    /// The host that it believes to reach, with its port if it is not the usual one.
    pub host: Option<&'a str>,
    /// The web page that it acts for, if it is a browser. Some products send one too.
    pub origin: Option<&'a str>,
}

/// A client that is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status it is told, 400 to 599; anything else becomes 403.
    pub status: u16,
}

/// Decides who is let in. Called on the runtime's thread: it should be quick.
pub type Check = dyn Fn(&Upgrade<'_>) -> Result<(), Refusal> + Send + Sync;

/// What a host says of itself in the answer to a handshake, as it is at that moment: one line of printable ASCII, at most 256 bytes; anything
/// else is not said. Called on the runtime's thread: it should be quick.
pub type Note = dyn Fn() -> Option<String> + Send + Sync;

/// WebSocket Mode, both roles. Its options are its fields' business; see the methods.
#[derive(Clone)]
pub struct WsTransport {
    limits: Limits,
    pump: FilePump,
    port_attempts: u16,
    check: Option<Arc<Check>>,
    note: Option<Arc<Note>>,
}

impl Default for WsTransport {
    /// Default [`Limits`], the default [`FilePump`], the asked port only, every client is let in, and nothing is said of the host.
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            pump: FilePump::default(),
            port_attempts: 1,
            check: None,
            note: None,
        }
    }
}

impl WsTransport {
    /// With these limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Moves files in this way.
    #[must_use]
    pub fn with_file_pump(mut self, pump: FilePump) -> Self {
        self.pump = pump;
        self
    }

    /// Tries so many consecutive ports when listening, the asked one included. 1: that one or none.
    #[must_use]
    pub fn with_port_attempts(mut self, attempts: u16) -> Self {
        self.port_attempts = attempts;
        self
    }

    /// Lets in whom `check` lets in.
    #[must_use]
    pub fn with_check(
        mut self,
        check: impl Fn(&Upgrade<'_>) -> Result<(), Refusal> + Send + Sync + 'static,
    ) -> Self {
        self.check = Some(Arc::new(check));
        self
    }

    /// Says this of the host to every client, before it joins; only [`WsTransport::note_of`] asks for it.
    #[must_use]
    pub fn with_note(mut self, note: impl Fn() -> Option<String> + Send + Sync + 'static) -> Self {
        self.note = Some(Arc::new(note));
        self
    }

    /// Asks the host at `url` what it says of itself ([`WsTransport::with_note`]); nobody joins. `None`: nothing, or it is another product.
    ///
    /// # Errors
    /// When no WebSocket is made there.
    // req: WSK-23
    pub async fn note_of(&self, url: WsUrl) -> Result<Option<String>, DialError> {
        let (_, _, joined) = self.upgraded(Endpoint::Url(url)).await?;
        Ok(joined.note)
    }

    /// Becomes a client over a stream that reaches `url` already, one of TLS for instance. `ends` are ours and the
    /// peer's.
    ///
    /// # Errors
    /// What came instead of a WebSocket.
    pub async fn connect_over(
        &self,
        stream: impl AsyncRead + AsyncWrite + Send + 'static,
        url: &WsUrl,
        (local, peer): (SocketAddr, SocketAddr),
    ) -> Result<Connection, HandshakeError> {
        let link = IoLink::new(stream);
        let early = handshake::as_client(&link, url, &self.limits).await?.early;
        Ok(self.connection(link, (local, peer), Origin::Dialed, Role::Client, &early))
    }

    /// Becomes a server over a stream that somebody accepted, one of TLS for instance. `ends` are ours and the
    /// peer's. Its number is not limited here.
    ///
    /// # Errors
    /// What came instead of a WebSocket.
    pub async fn accept_over(
        &self,
        stream: impl AsyncRead + AsyncWrite + Send + 'static,
        (local, peer): (SocketAddr, SocketAddr),
    ) -> Result<Connection, HandshakeError> {
        let link = IoLink::new(stream);
        let early = handshake::as_server(&link, self.says(), &self.limits).await?;
        Ok(self.connection(link, (local, peer), Origin::Accepted(None), Role::Server, &early))
    }

    fn says(&self) -> (Option<&Arc<Check>>, Option<&Arc<Note>>) {
        (self.check.as_ref(), self.note.as_ref())
    }

    async fn reach(&self, to: Endpoint) -> Result<Connection, DialError> {
        let (link, ends, joined) = self.upgraded(to).await?;
        Ok(self.connection(link, ends, Origin::Dialed, Role::Client, &joined.early))
    }

    async fn upgraded(&self, to: Endpoint) -> Result<(TcpLink, (SocketAddr, SocketAddr), Joined), DialError> {
        let (url, addresses) = match to {
            Endpoint::Address(address) => (WsUrl::at(address), vec![address]),
            Endpoint::Url(url) => {
                let addresses = look_up(&url, &self.limits).await?;
                (url, addresses)
            }
        };
        let host = || url.host().to_owned();
        let mut last = DialError::NameNotFound { host: host(), error: std::io::ErrorKind::NotFound.into() };
        for address in addresses {
            if url.is_secure() {
                return Err(DialError::NotUpgraded { address, error: HandshakeError::TlsNotAvailable });
            }
            match tcp::connect(address, self.limits.connect).await {
                Ok((stream, ends)) => return self.join(stream, ends, &url).await,
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn join(
        &self,
        stream: TcpStream,
        ends: (SocketAddr, SocketAddr),
        url: &WsUrl,
    ) -> Result<(TcpLink, (SocketAddr, SocketAddr), Joined), DialError> {
        let link = TcpLink::new(stream);
        match handshake::as_client(&link, url, &self.limits).await {
            Ok(joined) => Ok((link, ends, joined)),
            Err(error) => Err(DialError::NotUpgraded { address: ends.1, error }),
        }
    }

    async fn admit(self, accepted: Accepted, listens: SocketAddr) -> Result<Connection, AcceptError> {
        let Accepted { stream, peer, permit } = accepted;
        let local = stream.local_addr().map_or(listens, canonical);
        let link = TcpLink::new(stream);
        match handshake::as_server(&link, self.says(), &self.limits).await {
            Ok(early) => {
                let origin = Origin::Accepted(Some(permit));
                Ok(self.connection(link, (local, peer), origin, Role::Server, &early))
            }
            Err(error) => Err(AcceptError::NotUpgraded { peer, error }),
        }
    }

    fn connection<L: Link>(
        &self,
        link: L,
        ends: (SocketAddr, SocketAddr),
        origin: Origin,
        role: Role,
        early: &[u8],
    ) -> Connection {
        connection(link, ends, (self.limits, self.pump), origin, (role, early))
    }
}

impl Transport for WsTransport {
    fn dial(&self, to: Endpoint) -> BoxFuture<'_, Result<Connection, DialError>> {
        Box::pin(self.reach(to))
    }

    fn listen(&self, addr: SocketAddr) -> BoxFuture<'_, Result<Box<dyn Listener>, ListenError>> {
        Box::pin(async move {
            let (listener, local) = tcp::listen(addr, self.port_attempts, &self.limits)?;
            let transport = self.clone();
            Ok(Box::new(WsListener { listener, local, transport, shaking: JoinSet::new() })
                as Box<dyn Listener>)
        })
    }
}

impl fmt::Debug for WsTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WsTransport").field("limits", &self.limits).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct WsListener {
    listener: CappedListener,
    local: SocketAddr,
    transport: WsTransport,
    /// Connections in their handshakes; each has its place under the caps.
    shaking: JoinSet<Result<Connection, AcceptError>>,
}

impl Listener for WsListener {
    fn local_addr(&self) -> SocketAddr {
        self.local
    }

    // req: TRA-11
    fn accept(&mut self) -> BoxFuture<'_, Result<Connection, AcceptError>> {
        Box::pin(async move {
            loop {
                tokio::select! {
                    Some(done) = self.shaking.join_next() => {
                        // A handshake that panicked ends its own connection alone.
                        if let Ok(outcome) = done {
                            return outcome;
                        }
                    }
                    accepted = self.listener.accept() => {
                        self.shaking.spawn(self.transport.clone().admit(accepted?, self.local));
                    }
                }
            }
        })
    }
}

/// Every address of the URL's host.
async fn look_up(url: &WsUrl, limits: &Limits) -> Result<Vec<SocketAddr>, DialError> {
    let failed = |error| DialError::NameNotFound { host: url.host().to_owned(), error };
    let lookup = tokio::net::lookup_host((url.host(), url.port()));
    let found = Deadline::after(limits.connect).limit(lookup).await;
    Ok(found.map_err(|_| failed(std::io::ErrorKind::TimedOut.into()))?.map_err(failed)?.take(MOST).collect())
}

/// More addresses of one host are not tried.
const MOST: usize = 16;

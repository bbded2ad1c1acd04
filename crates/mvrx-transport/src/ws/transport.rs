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

use lan_net::accept::{Accepted, CappedListener, Permit, Places};
use lan_net::deadline::Deadline;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::door::{Door, Entry, Login, Told};
use super::frame::Role;
use super::handshake::Says;
use super::io_link::IoLink;
use super::origin::Origins;
use super::shaking::Shaking;
use super::{connection, first_join, handshake};
use crate::endpoint::{Endpoint, WsUrl};
use crate::error::{AcceptError, DialError, HandshakeError, ListenError};
use crate::limits::Limits;
use crate::pump::FilePump;
use crate::stream::{Link, Origin};
use crate::tcp::{self, TcpLink, canonical};
use crate::tls::{ClientTls, FIRST_BYTE, ServerTls};
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
    origins: Option<Origins>,
    note: Option<Arc<Note>>,
    trust: ClientTls,
    tls: Option<ServerTls>,
    door: Option<Door>,
    logins: Vec<Login>,
}

impl Default for WsTransport {
    /// Default [`Limits`], the default [`FilePump`], the asked port only, every client is let in, and nothing is said of the host. As a client:
    /// hosts of `wss://` are those that the system's authorities vouch for. As a host: no TLS.
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            pump: FilePump::default(),
            port_attempts: 1,
            check: None,
            origins: None,
            note: None,
            trust: ClientTls::default(),
            tls: None,
            door: None,
            logins: Vec::new(),
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

    /// As a host, lets web pages in only from these origins.
    #[must_use]
    pub fn with_origins(mut self, origins: Origins) -> Self {
        self.origins = Some(origins);
        self
    }

    /// Says this of the host to every client, before it joins; only [`WsTransport::note_of`] asks for it.
    #[must_use]
    pub fn with_note(mut self, note: impl Fn() -> Option<String> + Send + Sync + 'static) -> Self {
        self.note = Some(Arc::new(note));
        self
    }

    /// As a client, takes these for the hosts of `wss://`.
    #[must_use]
    pub fn with_trust(mut self, trust: ClientTls) -> Self {
        self.trust = trust;
        self
    }

    /// As a host, speaks TLS with this certificate, and nothing else.
    #[must_use]
    pub fn with_tls(mut self, tls: ServerTls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// As a host, lets in who has the password; before anything else of the request is looked at.
    #[must_use]
    pub fn with_door(mut self, door: Door) -> Self {
        self.door = Some(door);
        self
    }

    /// As a client, tells its host the password. Said more than once: each to whom it is for, and one that was said for a host before one for
    /// whoever has the pinned certificate.
    #[must_use]
    pub fn with_login(mut self, login: Login) -> Self {
        self.logins.push(login);
        self
    }

    /// Asks the host at `url` what it says of itself ([`WsTransport::with_note`]); nobody joins. `None`: nothing, or it is another product.
    ///
    /// # Errors
    /// When no WebSocket is made there.
    // req: WSK-23
    pub async fn note_of(&self, url: WsUrl) -> Result<Option<String>, DialError> {
        let (stream, ends, url) = self.stream_to(Endpoint::Url(url)).await?;
        let told = self.login_for(&url);
        let asking = async {
            let authorization = told.as_ref().map(|told| told.authorization.as_str());
            match self.way(stream, &url).await? {
                Way::Plain(link) => handshake::as_client(&link, &url, authorization, &self.limits).await,
                Way::Secure(link) => handshake::as_client(&link, &url, authorization, &self.limits).await,
            }
        };
        let joined = asking.await.map_err(|error| DialError::NotUpgraded { address: ends.1, error })?;
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
        ends: (SocketAddr, SocketAddr),
    ) -> Result<Connection, HandshakeError> {
        self.join(IoLink::new(stream), ends, url).await
    }

    /// Becomes a server over a stream that somebody accepted, one of TLS for instance. `ends` are ours and the
    /// peer's. Its number is not limited here.
    ///
    /// # Errors
    /// What came instead of a WebSocket.
    pub async fn accept_over(
        &self,
        stream: impl AsyncRead + AsyncWrite + Send + 'static,
        ends: (SocketAddr, SocketAddr),
    ) -> Result<Connection, HandshakeError> {
        self.welcome(IoLink::new(stream), ends, None).await
    }

    fn says(&self, peer: SocketAddr) -> Says<'_> {
        let (door, check, note) = (self.door.as_ref(), self.check.as_ref(), self.note.as_ref());
        Says { door, from: peer.ip(), origins: self.origins.as_ref(), check, note }
    }

    fn login_for(&self, url: &WsUrl) -> Option<Told> {
        Login::of_host(&self.logins, url, &self.trust)
    }

    async fn reach(&self, to: Endpoint) -> Result<Connection, DialError> {
        let (stream, ends, url) = self.stream_to(to).await?;
        let joining = async {
            match self.way(stream, &url).await? {
                Way::Plain(link) => self.join(link, ends, &url).await,
                Way::Secure(link) => self.join(link, ends, &url).await,
            }
        };
        joining.await.map_err(|error| DialError::NotUpgraded { address: ends.1, error })
    }

    /// A socket to the first address that answers.
    async fn stream_to(
        &self,
        to: Endpoint,
    ) -> Result<(TcpStream, (SocketAddr, SocketAddr), WsUrl), DialError> {
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
            match tcp::connect(address, self.limits.connect).await {
                Ok((stream, ends)) => return Ok((stream, ends, url)),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// TLS, where the URL wants it.
    // req: TLS-06
    async fn way(&self, stream: TcpStream, url: &WsUrl) -> Result<Way, HandshakeError> {
        if !url.is_secure() {
            return Ok(Way::Plain(TcpLink::new(stream)));
        }
        tcp::prepare(&stream);
        let allowed = self.limits.handshake;
        let shaking = self.trust.connect(stream, url.host());
        let secured = Deadline::after(allowed).limit(shaking).await;
        secured.unwrap_or(Err(HandshakeError::TooSlow { allowed })).map(|s| Way::Secure(IoLink::new(s)))
    }

    async fn join<L: Link>(
        &self,
        link: L,
        ends: (SocketAddr, SocketAddr),
        url: &WsUrl,
    ) -> Result<Connection, HandshakeError> {
        let told = self.login_for(url);
        let authorization = told.as_ref().map(|told| told.authorization.as_str());
        let early = handshake::as_client(&link, url, authorization, &self.limits).await?.early;
        let mut connection = self.connection(link, ends, Origin::Dialed, Role::Client, &early);
        connection.passed.told = told.map(|told| told.password);
        Ok(connection)
    }

    async fn admit(self, accepted: Accepted, listens: SocketAddr) -> Result<Connection, AcceptError> {
        let Accepted { stream, peer, permit } = accepted;
        let local = stream.local_addr().map_or(listens, canonical);
        let ends = (local, peer);
        let admitted = match self.tls.clone() {
            None => self.welcome(TcpLink::new(stream), ends, Some(permit)).await,
            Some(tls) => match self.secure(&tls, stream).await {
                Ok(link) => self.welcome(link, ends, Some(permit)).await,
                Err(error) => Err(error),
            },
        };
        admitted.map_err(|error| AcceptError::NotUpgraded { peer, error })
    }

    async fn welcome<L: Link>(
        &self,
        link: L,
        ends: (SocketAddr, SocketAddr),
        permit: Option<Permit>,
    ) -> Result<Connection, HandshakeError> {
        let peer = ends.1;
        let (early, entry) = handshake::as_server(&link, self.says(peer), &self.limits).await?;
        let mut connection = self.connection(link, ends, Origin::Accepted(permit), Role::Server, &early);
        match (entry, &self.door) {
            (Entry::In(may_be), _) => {
                connection.passed.may_be = may_be;
                Ok(connection)
            }
            (Entry::InJoin, Some(door)) => {
                connection.reader.set_text_bytes(self.limits.stranger_bytes);
                first_join::expect(door, peer.ip(), connection, &self.limits).await
            }
            // Without a door nobody is a stranger.
            (Entry::InJoin, None) => Ok(connection),
        }
    }

    /// TLS, before anything else is read. Who begins otherwise is told, as far as it goes.
    // req: TLS-06, TLS-07, TLS-09
    async fn secure(
        &self,
        tls: &ServerTls,
        stream: TcpStream,
    ) -> Result<IoLink<TlsStream<TcpStream>>, HandshakeError> {
        let allowed = self.limits.handshake;
        let shaking = async {
            tcp::prepare(&stream);
            let mut first = [0];
            let seen = stream.peek(&mut first).await.map_err(HandshakeError::Network)?;
            if seen == 0 {
                return Err(HandshakeError::StreamEnded { received: 0 });
            }
            if first != [FIRST_BYTE] {
                handshake::say_tls(&TcpLink::new(stream), self.limits.handshake_bytes).await;
                return Err(HandshakeError::TlsMissing);
            }
            Ok(IoLink::new(tls.accept(stream).await?))
        };
        Deadline::after(allowed).limit(shaking).await.unwrap_or(Err(HandshakeError::TooSlow { allowed }))
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
            let (listener, local) = tcp::listen(addr, self.port_attempts, &self.limits, Places::Networks)?;
            let transport = self.clone();
            let shaking = Shaking::new(self.limits.handshakes);
            Ok(Box::new(WsListener { listener, local, transport, shaking }) as Box<dyn Listener>)
        })
    }
}

impl fmt::Debug for WsTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WsTransport")
            .field("limits", &self.limits)
            .field("trust", &self.trust)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct WsListener {
    listener: CappedListener,
    local: SocketAddr,
    transport: WsTransport,
    shaking: Shaking,
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
                    Some(outcome) = self.shaking.next() => return outcome,
                    accepted = self.listener.accept(), if self.shaking.has_room() => {
                        let accepted = accepted?;
                        let peer = accepted.peer;
                        self.shaking.begin(peer, self.transport.clone().admit(accepted, self.local));
                    }
                }
            }
        })
    }
}

/// How a client reaches a host.
enum Way {
    Plain(TcpLink),
    Secure(IoLink<tokio_rustls::client::TlsStream<TcpStream>>),
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

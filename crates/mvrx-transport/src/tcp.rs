//! MVR-xchange in TCP Mode: sockets into [`Connection`]s.
//!
//! It does not know who is a station: any peer within the [`Limits`] is served. Small messages leave at once
//! (TCP_NODELAY), header and payload in one write.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use mvrx_transport::{TcpTransport, Transport};
//!
//! let tcp = TcpTransport::default();
//! let mut listener = tcp.listen("[::]:42424".parse()?).await?; // 42424, or the next free port
//! println!("listening on port {}", listener.local_addr().port());
//! let connection = listener.accept().await?;
//! # Ok(()) }
//! ```

use std::io;
use std::net::{Shutdown, SocketAddr};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use lan_net::accept::{AcceptLimits, CappedListener, Places};
use lan_net::bind::{self, BindError, BindOptions};
use lan_net::deadline::Deadline;
use socket2::SockRef;
use tokio::net::TcpStream;

use crate::endpoint::Endpoint;
use crate::error::{AcceptError, DialError, ListenError};
use crate::limits::Limits;
use crate::pump::FilePump;
use crate::stream::{self, Link, Origin};
use crate::traits::{BoxFuture, Connection, Listener, Transport};

/// TCP Mode. Its options are its fields' business; see the methods.
#[derive(Debug, Clone, Copy)]
pub struct TcpTransport {
    limits: Limits,
    pump: FilePump,
    port_attempts: u16,
}

impl Default for TcpTransport {
    /// Default [`Limits`], the default [`FilePump`], and the next 255 ports if the asked one is in use.
    fn default() -> Self {
        Self { limits: Limits::default(), pump: FilePump::default(), port_attempts: 256 }
    }
}

impl TcpTransport {
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

    async fn connect(&self, address: SocketAddr) -> Result<Connection, DialError> {
        let (stream, ends) = connect(address, self.limits.connect).await?;
        Ok(self.connection(stream, ends, Origin::Dialed))
    }

    fn open(&self, address: SocketAddr) -> Result<Box<dyn Listener>, ListenError> {
        let (listener, local) = listen(address, self.port_attempts, &self.limits, Places::Addresses)?;
        Ok(Box::new(TcpListener { listener, local, transport: *self }))
    }

    fn connection(&self, stream: TcpStream, ends: (SocketAddr, SocketAddr), origin: Origin) -> Connection {
        stream::connection(TcpLink::new(stream), ends, self.limits, self.pump, origin)
    }
}

impl Transport for TcpTransport {
    fn dial(&self, to: Endpoint) -> BoxFuture<'_, Result<Connection, DialError>> {
        Box::pin(async move {
            match to {
                Endpoint::Address(address) => self.connect(address).await,
                endpoint @ Endpoint::Url(_) => Err(DialError::NotThisMode { endpoint }),
            }
        })
    }

    fn listen(&self, addr: SocketAddr) -> BoxFuture<'_, Result<Box<dyn Listener>, ListenError>> {
        Box::pin(async move { self.open(addr) })
    }
}

#[derive(Debug)]
struct TcpListener {
    listener: CappedListener,
    local: SocketAddr,
    transport: TcpTransport,
}

impl Listener for TcpListener {
    fn local_addr(&self) -> SocketAddr {
        self.local
    }

    // req: TRA-11
    fn accept(&mut self) -> BoxFuture<'_, Result<Connection, AcceptError>> {
        Box::pin(async move {
            let accepted = self.listener.accept().await?;
            let local = accepted.stream.local_addr().map_or(self.local, canonical);
            let origin = Origin::Accepted(Some(accepted.permit));
            Ok(self.transport.connection(accepted.stream, (local, accepted.peer), origin))
        })
    }
}

#[derive(Debug)]
pub(crate) struct TcpLink {
    stream: TcpStream,
}

impl TcpLink {
    // req: TRA-03
    pub(crate) fn new(stream: TcpStream) -> Self {
        // Without it a reply would wait for the acknowledgement of what went before; nothing depends on it.
        let _ = stream.set_nodelay(true);
        Self { stream }
    }
}

/// The same for a socket that something else is put around, which then cannot be told when a file begins.
pub(crate) fn prepare(stream: &TcpStream) {
    // Only how soon things arrive depends on it.
    let _ = stream.set_nodelay(true);
    #[cfg(target_os = "linux")]
    let _ = SockRef::from(stream).set_tcp_notsent_lowat(HELD_BACK);
}

/// Connects, within `allowed`, and names both ends.
pub(crate) async fn connect(
    address: SocketAddr,
    allowed: Duration,
) -> Result<(TcpStream, (SocketAddr, SocketAddr)), DialError> {
    let stream = match Deadline::after(allowed).limit(TcpStream::connect(address)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
            return Err(DialError::Refused { address });
        }
        Ok(Err(error)) => return Err(DialError::Unreachable { address, error }),
        Err(_) => return Err(DialError::NoAnswer { address, allowed }),
    };
    let local = stream.local_addr().map_err(|error| DialError::Unreachable { address, error })?;
    if local == address {
        // Where nobody listens, a socket may connect to itself.
        return Err(DialError::Refused { address });
    }
    Ok((stream, (canonical(local), canonical(address))))
}

/// Listens at `address` or one of the ports behind it, with the caps of `limits`.
pub(crate) fn listen(
    address: SocketAddr,
    attempts: u16,
    limits: &Limits,
    places: Places,
) -> Result<(CappedListener, SocketAddr), ListenError> {
    let listener = bind::listen(&BindOptions::at(address).attempts(attempts))?;
    let local = listener.local_addr().map_err(|error| BindError::AddressRefused { address, error })?;
    let caps = AcceptLimits {
        connections: limits.connections,
        connections_per_ip: limits.connections_per_ip,
        places,
        ..AcceptLimits::default()
    };
    Ok((CappedListener::new(listener, caps), local))
}

impl Link for TcpLink {
    fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.stream.poll_read_ready(cx))?;
            match self.stream.try_read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                outcome => return Poll::Ready(outcome),
            }
        }
    }

    fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.stream.poll_write_ready(cx))?;
            match self.stream.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                outcome => return Poll::Ready(outcome),
            }
        }
    }

    fn finish_writing(&self) -> io::Result<()> {
        match SockRef::from(&self.stream).shutdown(Shutdown::Write) {
            // The peer was faster.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            outcome => outcome,
        }
    }

    fn abort(&self) {
        // The shutdown wakes both sides, a polling thread too; the reset, sent when the last handle closes, tells the
        // peer that what it has is not whole. A socket that is gone already has nothing to tell.
        let _ = self.stream.set_zero_linger();
        let _ = SockRef::from(&self.stream).shutdown(Shutdown::Both);
        // On Linux a peer whose window is closed would not learn of the shutdown before the last handle is gone:
        // dissolving the association resets at once. Elsewhere a shutdown for reading opens the window or resets.
        #[cfg(target_os = "linux")]
        let _ = rustix::net::connect_unspec(&self.stream);
    }

    #[cfg(target_os = "linux")]
    fn hold_little(&self) {
        // Only how soon things arrive depends on it.
        let _ = SockRef::from(&self.stream).set_tcp_notsent_lowat(HELD_BACK);
    }

    #[cfg(unix)]
    fn socket(&self) -> Option<std::net::TcpStream> {
        use std::os::fd::AsFd;
        self.stream.as_fd().try_clone_to_owned().ok().map(Into::into)
    }
}

pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        std::net::IpAddr::V4(v4) => SocketAddr::from((v4, address.port())),
        // An IPv6 address keeps its scope.
        std::net::IpAddr::V6(_) => address,
    }
}

/// Enough to keep a network busy between two writes.
#[cfg(target_os = "linux")]
const HELD_BACK: u32 = 256 << 10;

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Write};
    use std::net::TcpListener;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    // proves: TRA-13
    async fn an_abort_reaches_a_peer_that_waits_for_room_while_a_handle_is_still_open() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("it listens");
        let address = listener.local_addr().expect("it has an address");
        let link = TcpLink { stream: TcpStream::connect(address).await.expect("it connects") };
        let (mut peer, _) = listener.accept().expect("it accepts");
        let piece = vec![0; 1 << 20];
        peer.set_nonblocking(true).expect("it can");
        while peer.write(&piece).is_ok() {}
        peer.set_nonblocking(false).expect("it can");
        peer.set_write_timeout(Some(Duration::from_secs(20))).expect("it can");
        link.abort();
        let ended = std::iter::repeat_with(|| peer.write(&piece)).find_map(Result::err);
        let kind = ended.map(|error| error.kind());
        assert!(
            matches!(kind, Some(ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)),
            "the peer waits in vain: {kind:?}"
        );
        drop(link);
    }
}

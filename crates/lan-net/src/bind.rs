//! Turns "this port, or the next free one" into a listening socket that serves IPv6 and IPv4 alike.
//!
//! It knows nothing of who will connect. The caller must be inside a tokio runtime with I/O enabled.
//! [`BindOptions::attempts`] bounds the search.
//!
//! ```no_run
//! use lan_net::bind::{self, BindOptions};
//! # fn main() -> Result<(), bind::BindError> {
//! let listener = bind::listen(&BindOptions::any(42424))?; // 42424, or 42425, or ...
//! # Ok(()) }
//! ```

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

/// Where to listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BindOptions {
    /// The preferred address. `[::]` means every address of both families where the system can do that, and
    /// every IPv4 address where it has no IPv6. Port 0 lets the system choose.
    pub address: SocketAddr,
    /// How many consecutive ports are tried, the preferred one included; 0 counts as 1.
    pub attempts: u16,
    /// How many finished handshakes may wait to be accepted.
    pub backlog: u16,
}

impl BindOptions {
    /// Every address of the machine, `port` preferred, then the next free one.
    #[must_use]
    pub fn any(port: u16) -> Self {
        Self::at(SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port))
    }

    /// This address, its port preferred, then the next free one.
    #[must_use]
    pub fn at(address: SocketAddr) -> Self {
        Self { address, attempts: DEFAULT_ATTEMPTS, backlog: DEFAULT_BACKLOG }
    }

    /// Tries only so many ports.
    #[must_use]
    pub fn attempts(mut self, attempts: u16) -> Self {
        self.attempts = attempts;
        self
    }
}

/// Why nothing listens.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// Every port that was tried is in use.
    #[error("{}", in_use(*first, *last))]
    NoFreePort {
        /// First port tried.
        first: u16,
        /// Last port tried.
        last: u16,
    },
    /// The system refuses this address whatever the port.
    #[error("cannot listen on {address}: {error}")]
    AddressRefused {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
}

// req: TRA-14
/// Opens a listening socket as `options` say.
///
/// # Errors
/// [`BindError`]; nothing stays open then.
pub fn listen(options: &BindOptions) -> Result<TcpListener, BindError> {
    let first = options.address.port();
    let tries = if first == 0 { 1 } else { options.attempts.max(1) };
    let last = first.saturating_add(tries - 1);
    for port in first..=last {
        let mut address = options.address;
        address.set_port(port);
        match listen_at(address, options.backlog) {
            Ok(listener) => return Ok(listener),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            Err(error) => return Err(BindError::AddressRefused { address, error }),
        }
    }
    Err(BindError::NoFreePort { first, last })
}

fn listen_at(address: SocketAddr, backlog: u16) -> io::Result<TcpListener> {
    if address.ip() != IpAddr::V6(Ipv6Addr::UNSPECIFIED) {
        return open(address, backlog, false);
    }
    match open(address, backlog, true) {
        Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
            let v4 = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), address.port());
            // The first error says more about the address that was asked for.
            open(v4, backlog, false).map_err(|v4_error| match v4_error.kind() {
                io::ErrorKind::AddrInUse => v4_error,
                _ => error,
            })
        }
        other => other,
    }
}

fn open(address: SocketAddr, backlog: u16, both_families: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if both_families {
        socket.set_only_v6(false)?;
    }
    // On unix this lets a restarted process take its port back; on Windows it would let two share it.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(i32::from(backlog))?;
    TcpListener::from_std(socket.into())
}

fn in_use(first: u16, last: u16) -> String {
    if first == last {
        format!("port {first} is in use")
    } else {
        format!("ports {first} to {last} are all in use")
    }
}

const DEFAULT_ATTEMPTS: u16 = 256;
const DEFAULT_BACKLOG: u16 = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpStream;

    fn local(port: u16) -> BindOptions {
        BindOptions::at(SocketAddr::from(([127, 0, 0, 1], port)))
    }

    // proves: TRA-14
    #[tokio::test]
    async fn takes_the_next_port_when_the_preferred_one_is_in_use() {
        let first = listen(&local(0)).unwrap();
        let taken = first.local_addr().unwrap().port();
        let second = listen(&local(taken)).unwrap();
        let got = second.local_addr().unwrap().port();
        assert!(got > taken, "{got} follows {taken}");
    }

    #[tokio::test]
    async fn names_the_ports_when_all_are_in_use() {
        let first = listen(&local(0)).unwrap();
        let taken = first.local_addr().unwrap().port();
        match listen(&local(taken).attempts(1)) {
            Err(error @ BindError::NoFreePort { first, last }) => {
                assert_eq!((first, last), (taken, taken));
                assert_eq!(error.to_string(), format!("port {taken} is in use"));
            }
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn serves_both_families_on_the_unspecified_address() {
        let listener = listen(&BindOptions::any(0)).unwrap();
        let bound = listener.local_addr().unwrap();
        TcpStream::connect((Ipv4Addr::LOCALHOST, bound.port())).await.unwrap();
        let (_, peer) = listener.accept().await.unwrap();
        assert_eq!(peer.ip().to_canonical(), IpAddr::V4(Ipv4Addr::LOCALHOST));
        if bound.is_ipv6() {
            TcpStream::connect((Ipv6Addr::LOCALHOST, bound.port())).await.unwrap();
        }
    }

    #[tokio::test]
    async fn reports_an_address_that_is_not_ours() {
        let foreign = BindOptions::at(SocketAddr::from(([203, 0, 113, 7], 0)));
        assert!(matches!(listen(&foreign), Err(BindError::AddressRefused { .. })));
    }

    #[tokio::test]
    async fn the_search_ends_at_the_highest_port() {
        let top = listen(&local(u16::MAX));
        if let Ok(held) = &top {
            assert_eq!(held.local_addr().unwrap().port(), u16::MAX);
            assert!(matches!(listen(&local(u16::MAX)), Err(BindError::NoFreePort { .. })));
        }
    }
}

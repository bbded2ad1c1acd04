//! Turns a TCP listener into one that cannot be exhausted.
//!
//! ```text
//! waiting ──connection, below both caps──► Ok(Accepted with a permit)
//!    │  ├──connection, above a cap───────► closed, Err(TooMany..)   ─► waiting
//!    │  ├──a connection that died early──► Err(AcceptFailed)        ─► waiting
//!    │  └──the system has no more to give► Err(AcceptFailed, pause) ─► pausing ─► waiting
//! ```
//! It knows nothing of what is said on the connections. The caller keeps the [`Permit`] as long as the connection
//! and calls [`CappedListener::accept`] again after every error: none of them ends the listener.
//! [`AcceptLimits`] protects it. IPv4 peers of a two-family socket are counted and reported as IPv4.
//!
//! See the crate's page for an example.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

/// How many connections may be open, and how long to pause when the system gives no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AcceptLimits {
    /// Open connections in all.
    pub connections: usize,
    /// Open connections from one place, which is what `places` says.
    pub connections_per_ip: usize,
    /// Which addresses count as one place.
    pub places: Places,
    /// First pause after a failed accept; doubles with each further failure.
    pub first_pause: Duration,
    /// Longest pause.
    pub longest_pause: Duration,
}

/// Which addresses count as one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Places {
    /// Each by itself: for a service on a local network, whose machines are all in one network of 64 bits.
    #[default]
    Addresses,
    /// Those of IPv6 by their networks ([`place`]): for a service across networks, where one machine has such a network for itself.
    Networks,
}

/// Where `from` counts as coming from, across networks: who has one address of IPv6 has its whole network of 64 bits; an IPv4 address, also a
/// mapped one, is itself.
#[must_use]
pub fn place(from: IpAddr) -> IpAddr {
    match from.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from(u128::from(v6) >> 64 << 64)),
        v4 => v4,
    }
}

impl Default for AcceptLimits {
    /// 256 in all, 32 per address, each counted by itself, pauses from 10 ms to 1 s.
    fn default() -> Self {
        Self {
            connections: 256,
            connections_per_ip: 32,
            places: Places::default(),
            first_pause: Duration::from_millis(10),
            longest_pause: Duration::from_secs(1),
        }
    }
}

/// A listener with caps.
#[derive(Debug)]
pub struct CappedListener {
    listener: TcpListener,
    limits: AcceptLimits,
    open: Arc<Mutex<Open>>,
    refused: u64,
    failures: u32,
    paused_until: Option<Instant>,
}

/// A connection below the caps.
#[derive(Debug)]
pub struct Accepted {
    /// The connection.
    pub stream: TcpStream,
    /// Who connected; an IPv4-mapped address is given as IPv4.
    pub peer: SocketAddr,
    /// Its place under the caps.
    pub permit: Permit,
}

/// A place under the caps; dropping it frees the place.
#[derive(Debug)]
pub struct Permit {
    open: Arc<Mutex<Open>>,
    place: IpAddr,
}

/// What happened instead of an accepted connection. Never the end: accept again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AcceptError {
    /// The connection was closed at once: as many as allowed are open.
    #[error("closed a connection from {peer}: {open} of {allowed} are open ({refused} refused so far)")]
    TooManyConnections {
        /// Who was refused.
        peer: SocketAddr,
        /// Open now.
        open: usize,
        /// Allowed at a time.
        allowed: usize,
        /// Refused by this listener so far, for either reason.
        refused: u64,
    },
    /// The connection was closed at once: as many as one place may have are open.
    #[error(
        "closed a connection from {peer}: {open} of {allowed} are open from its address ({refused} refused so far)"
    )]
    TooManyConnectionsFromPeer {
        /// Who was refused.
        peer: SocketAddr,
        /// Open now from that place.
        open: usize,
        /// Allowed at a time from one place.
        allowed: usize,
        /// Refused by this listener so far, for either reason.
        refused: u64,
    },
    /// The system could not hand a connection over, for instance for want of descriptors.
    #[error("cannot accept, pausing {pause:?} after {failures} failures in a row: {error}")]
    AcceptFailed {
        /// What the system said.
        error: io::Error,
        /// Failures since the last connection.
        failures: u32,
        /// How long the next call waits first; zero when only that one connection was lost.
        pause: Duration,
    },
}

#[derive(Debug, Default)]
struct Open {
    all: usize,
    per_place: HashMap<IpAddr, usize>,
}

impl CappedListener {
    /// Puts caps on `listener`.
    #[must_use]
    pub fn new(listener: TcpListener, limits: AcceptLimits) -> Self {
        Self { listener, limits, open: Arc::default(), refused: 0, failures: 0, paused_until: None }
    }

    /// Where it listens.
    ///
    /// # Errors
    /// What the system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Connections open now.
    #[must_use]
    pub fn open(&self) -> usize {
        lock(&self.open).all
    }

    /// Waits for the next connection. Cancel-safe.
    ///
    /// # Errors
    /// [`AcceptError`], after which this may and should be called again.
    pub async fn accept(&mut self) -> Result<Accepted, AcceptError> {
        if let Some(until) = self.paused_until {
            tokio::time::sleep_until(until).await;
            self.paused_until = None;
        }
        let (stream, peer) = match self.listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => return Err(self.failed(error)),
        };
        self.failures = 0;
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        match self.admit(peer) {
            Ok(permit) => Ok(Accepted { stream, peer, permit }),
            Err(refusal) => {
                // A reset tells the peer at once and leaves nothing behind on our side.
                let _ = stream.set_zero_linger();
                Err(refusal)
            }
        }
    }

    fn admit(&mut self, peer: SocketAddr) -> Result<Permit, AcceptError> {
        let place = match self.limits.places {
            Places::Addresses => peer.ip(),
            Places::Networks => place(peer.ip()),
        };
        let mut open = lock(&self.open);
        let from_peer = open.per_place.get(&place).copied().unwrap_or(0);
        if open.all >= self.limits.connections {
            self.refused = self.refused.saturating_add(1);
            let (open, allowed) = (open.all, self.limits.connections);
            return Err(AcceptError::TooManyConnections { peer, open, allowed, refused: self.refused });
        }
        if from_peer >= self.limits.connections_per_ip {
            self.refused = self.refused.saturating_add(1);
            let (open, allowed) = (from_peer, self.limits.connections_per_ip);
            return Err(AcceptError::TooManyConnectionsFromPeer {
                peer,
                open,
                allowed,
                refused: self.refused,
            });
        }
        open.all += 1;
        open.per_place.insert(place, from_peer + 1);
        drop(open);
        Ok(Permit { open: Arc::clone(&self.open), place })
    }

    fn failed(&mut self, error: io::Error) -> AcceptError {
        if only_that_connection(&error) {
            return AcceptError::AcceptFailed { error, failures: self.failures, pause: Duration::ZERO };
        }
        self.failures = self.failures.saturating_add(1);
        let doublings = (self.failures - 1).min(16);
        let pause = self.limits.first_pause.saturating_mul(1 << doublings).min(self.limits.longest_pause);
        self.paused_until = Instant::now().checked_add(pause);
        AcceptError::AcceptFailed { error, failures: self.failures, pause }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut open = lock(&self.open);
        open.all = open.all.saturating_sub(1);
        if let Some(count) = open.per_place.get_mut(&self.place) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                open.per_place.remove(&self.place);
            }
        }
    }
}

/// Errors that belong to one connection that died in the queue, so that pausing would only delay the others.
fn only_that_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

fn lock(open: &Mutex<Open>) -> MutexGuard<'_, Open> {
    open.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bind::{BindOptions, listen};
    use tokio::io::AsyncReadExt;

    fn capped(connections: usize, connections_per_ip: usize) -> (CappedListener, SocketAddr) {
        let listener = listen(&BindOptions::at(SocketAddr::from(([127, 0, 0, 1], 0)))).unwrap();
        let limits = AcceptLimits { connections, connections_per_ip, ..AcceptLimits::default() };
        let listener = CappedListener::new(listener, limits);
        let at = listener.local_addr().unwrap();
        (listener, at)
    }

    #[tokio::test]
    async fn closes_what_is_above_the_cap_and_serves_again_when_a_place_is_free() {
        let (mut listener, at) = capped(2, 9);
        let _one = TcpStream::connect(at).await.unwrap();
        let _two = TcpStream::connect(at).await.unwrap();
        let first = listener.accept().await.unwrap();
        let _second = listener.accept().await.unwrap();
        let mut third = TcpStream::connect(at).await.unwrap();
        match listener.accept().await {
            Err(AcceptError::TooManyConnections { open: 2, allowed: 2, refused: 1, peer }) => {
                assert_eq!(peer, third.local_addr().unwrap());
            }
            other => panic!("{other:?}"),
        }
        assert!(!matches!(third.read(&mut [0; 1]).await, Ok(1..)), "closed at once");
        drop(first);
        assert_eq!(listener.open(), 1);
        let _fourth = TcpStream::connect(at).await.unwrap();
        listener.accept().await.unwrap();
    }

    #[tokio::test]
    async fn one_address_cannot_take_all_places() {
        let (mut listener, at) = capped(9, 1);
        let _one = TcpStream::connect(at).await.unwrap();
        let held = listener.accept().await.unwrap();
        let _two = TcpStream::connect(at).await.unwrap();
        let refusal = listener.accept().await;
        let expected = matches!(
            refusal,
            Err(AcceptError::TooManyConnectionsFromPeer { open: 1, allowed: 1, refused: 1, .. })
        );
        assert!(expected, "{refusal:?}");
        drop(held);
        assert!(lock(&listener.open).per_place.is_empty(), "addresses are forgotten");
    }

    #[tokio::test]
    async fn of_ipv6_a_network_is_one_place_across_networks_and_each_address_on_a_local_one() {
        for (places, most) in [(Places::Networks, 2), (Places::Addresses, 9)] {
            let (mut listener, _) = capped(9, 2);
            listener.limits.places = places;
            let mut from = |text: &str| listener.admit(SocketAddr::new(text.parse().unwrap(), 9));
            let held: Vec<_> = (1..=5).filter_map(|n| from(&format!("2001:db8:0:1::{n}")).ok()).collect();
            assert_eq!(held.len(), most.min(5), "{places:?}");
            // The next network, and each address of IPv4, are places of their own.
            let others = ["2001:db8:0:2::1", "10.0.0.1", "10.0.0.2"].map(|text| from(text).unwrap());
            drop((held, others));
            assert!(lock(&listener.open).per_place.is_empty(), "places are forgotten");
        }
    }

    #[test]
    fn a_place_is_an_address_of_ipv4_and_a_network_of_ipv6() {
        for (from, of) in [
            ("10.1.2.3", "10.1.2.3"),
            ("::ffff:10.1.2.3", "10.1.2.3"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("::1", "::"),
        ] {
            assert_eq!(place(from.parse().unwrap()), of.parse::<IpAddr>().unwrap());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_double_up_to_the_longest() {
        let (mut listener, _) = capped(1, 1);
        let mut pauses = Vec::new();
        for _ in 0..9 {
            match listener.failed(io::Error::from_raw_os_error(24)) {
                AcceptError::AcceptFailed { pause, .. } => pauses.push(pause.as_millis()),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
    }

    #[tokio::test]
    async fn a_connection_that_died_in_the_queue_costs_no_pause() {
        let (mut listener, _) = capped(1, 1);
        let event = listener.failed(io::ErrorKind::ConnectionAborted.into());
        assert!(matches!(event, AcceptError::AcceptFailed { pause: Duration::ZERO, .. }), "{event:?}");
        assert_eq!(listener.paused_until, None);
    }
}

//! Two UDP sockets, one per address family, that hear multicast on chosen interfaces and tell on which one.
//!
//! A family whose port another program holds without sharing it is not heard; it is tried again whenever [`Sockets::reopen`] is called.
//! The two are read in turns, so that a flood in one family does not silence the other.

use std::io;
use std::mem::MaybeUninit;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket as StdSocket};

use lan_mdns::To;
use socket_pktinfo::{PktInfo, PktInfoUdpSocket};
use socket2::{Domain, SockAddr, SockRef};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use super::ways::Way;

mod multicast;
mod others;

#[derive(Debug)]
pub(super) struct Sockets {
    v4: Option<Family>,
    v6: Option<Family>,
    port: u16,
    /// Whether no other process held the port when this one came.
    came_alone: bool,
    /// Whether IPv6 is read first, the next time.
    v6_first: bool,
}

/// What became of a family that was not heard.
#[derive(Debug)]
pub(super) enum Reopened {
    Heard,
    Deaf(io::Error),
}

struct Family {
    socket: PktInfoUdpSocket,
    /// The same socket, for what the other type has no way to set.
    shared: StdSocket,
    /// Those that ask for IPv4 multicast on interfaces that are too many for one.
    further: multicast::Further,
    /// For waiting; made within the first runtime that waits.
    waiting: Option<UdpSocket>,
}

/// Where a datagram came in, and from whom.
#[derive(Debug, Clone, Copy)]
pub(super) struct Received {
    pub(super) index: u32,
    pub(super) v6: bool,
    pub(super) source: SocketAddr,
    pub(super) unicast: bool,
    pub(super) length: usize,
}

impl Sockets {
    /// Opens the port, shared with other responders of this host.
    pub(super) fn open(port: u16) -> io::Result<Self> {
        let came_alone = StdSocket::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok();
        let (v4, v6) = (Family::open(Domain::IPV4, port), Family::open(Domain::IPV6, port));
        match (v4, v6) {
            (Err(error), Err(_)) => Err(error),
            (v4, v6) => Ok(Self { v4: v4.ok(), v6: v6.ok(), port, came_alone, v6_first: false }),
        }
    }

    /// Whether no other process holds the port: answers sent to this host alone reach us. Where the system does not tell, nobody is sure
    /// to be alone for longer than the moment in which he came.
    pub(super) fn are_alone(&self) -> bool {
        let ours = usize::from(self.v4.is_some()) + usize::from(self.v6.is_some());
        others::holders(self.port).is_some_and(|all| all <= ours)
    }

    /// As [`are_alone`](Self::are_alone), at the beginning.
    pub(super) fn came_alone(&self) -> bool {
        self.came_alone
    }

    /// Tries a family again that is not heard; `None` if it is heard.
    // req: DIS-PORT-TAKEN
    pub(super) fn reopen(&mut self, v6: bool) -> Option<Reopened> {
        let (family, domain) = if v6 { (&mut self.v6, Domain::IPV6) } else { (&mut self.v4, Domain::IPV4) };
        if family.is_some() {
            return None;
        }
        match Family::open(domain, self.port) {
            Ok(opened) => {
                *family = Some(opened);
                Some(Reopened::Heard)
            }
            Err(error) => Some(Reopened::Deaf(error)),
        }
    }

    /// Hears multicast there from now on. What the system does not allow is not heard.
    pub(super) fn join(&mut self, way: &Way) {
        let _ = match (way.v6, &mut self.v4, &self.v6) {
            (false, Some(v4), _) => v4.further.join(&v4.shared, GROUP_V4, way.index, way.v4),
            (true, _, Some(v6)) => v6.socket.join_multicast_v6(&GROUP_V6, way.index),
            _ => Ok(()),
        };
    }

    pub(super) fn leave(&self, way: &Way) {
        match (way.v6, &self.v4, &self.v6) {
            (false, Some(v4), _) => v4.further.leave(&v4.shared, GROUP_V4, way.index, way.v4),
            (true, _, Some(v6)) => drop(v6.socket.leave_multicast_v6(&GROUP_V6, way.index)),
            _ => {}
        }
    }

    /// Sends one datagram, or loses it as networks do: nothing is waited for.
    pub(super) fn send(&self, way: &Way, to: To, bytes: &[u8]) {
        let Some(family) = (if way.v6 { &self.v6 } else { &self.v4 }) else { return };
        let target = match (to, way.v6) {
            (To::Unicast(SocketAddr::V6(to)), _) if to.ip().is_unicast_link_local() => {
                SocketAddrV6::new(*to.ip(), to.port(), 0, way.index).into()
            }
            (To::Unicast(to), _) => to,
            (To::Multicast, false) => {
                if multicast::send_from(&family.shared, way.index, way.v4).is_err() {
                    return;
                }
                SocketAddrV4::new(GROUP_V4, self.port).into()
            }
            (To::Multicast, true) => {
                if family.socket.set_multicast_if_v6(way.index).is_err() {
                    return;
                }
                SocketAddrV6::new(GROUP_V6, self.port, 0, way.index).into()
            }
        };
        let _ = family.socket.send_to(bytes, &SockAddr::from(target));
    }

    /// Waits for a datagram, of the two families in turns. Cancel-safe: nothing is taken by a future that is dropped.
    ///
    /// # Errors
    /// When there is no runtime to wait in.
    // req: DIS-FAIR-FAMILIES
    pub(super) async fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Received> {
        for family in [&mut self.v4, &mut self.v6].into_iter().flatten() {
            family.prepare()?;
        }
        loop {
            tokio::select! {
                ready = readable(self.v4.as_ref()) => ready?,
                ready = readable(self.v6.as_ref()) => ready?,
            }
            for v6 in [self.v6_first, !self.v6_first] {
                let family = if v6 { &self.v6 } else { &self.v4 };
                if let Some(received) = family.as_ref().and_then(|family| family.take(buffer, v6)) {
                    self.v6_first = !v6;
                    return Ok(received);
                }
            }
        }
    }
}

async fn readable(family: Option<&Family>) -> io::Result<()> {
    match family.and_then(|family| family.waiting.as_ref()) {
        Some(socket) => socket.readable().await,
        None => std::future::pending().await,
    }
}

impl Family {
    fn open(domain: Domain, port: u16) -> io::Result<Self> {
        let socket = PktInfoUdpSocket::new(domain)?;
        socket.set_reuse_address(true)?;
        #[cfg(unix)]
        socket.set_reuse_port(true)?;
        let shared = socket.try_clone_std()?;
        let any: SocketAddr = if domain == Domain::IPV6 {
            SockRef::from(&shared).set_only_v6(true)?;
            SockRef::from(&shared).set_unicast_hops_v6(HOPS)?;
            socket.set_multicast_hops_v6(HOPS)?;
            socket.set_multicast_loop_v6(true)?;
            (Ipv6Addr::UNSPECIFIED, port).into()
        } else {
            SockRef::from(&shared).set_ttl_v4(HOPS)?;
            socket.set_multicast_ttl_v4(HOPS)?;
            socket.set_multicast_loop_v4(true)?;
            (Ipv4Addr::UNSPECIFIED, port).into()
        };
        socket.set_nonblocking(true)?;
        socket.bind(&SockAddr::from(any))?;
        Ok(Self { socket, shared, further: multicast::Further::default(), waiting: None })
    }

    fn prepare(&mut self) -> io::Result<()> {
        if self.waiting.is_none() {
            self.waiting = Some(UdpSocket::from_std(self.socket.try_clone_std()?)?);
        }
        Ok(())
    }

    /// The next datagram, if there is one.
    fn take(&self, buffer: &mut [u8], v6: bool) -> Option<Received> {
        let waiting = self.waiting.as_ref()?;
        let (length, info) = waiting.try_io(Interest::READABLE, || self.read(waiting, buffer)).ok()?;
        let index = u32::try_from(info.if_index).ok()?;
        let unicast = match info.addr_dst {
            IpAddr::V4(v4) => v4 != GROUP_V4,
            IpAddr::V6(v6) => v6 != GROUP_V6,
        };
        Some(Received { index, v6, source: info.addr_src, unicast, length })
    }
}

impl Family {
    /// Reads the next datagram that is not empty. An empty one is taken off the queue and reported as whatever error there was before,
    /// "nothing there" mostly, and the runtime would wait for the next one beside a full queue: so it is looked whether something is there.
    fn read(&self, waiting: &UdpSocket, buffer: &mut [u8]) -> io::Result<(usize, PktInfo)> {
        for _ in 0..EMPTY_IN_A_ROW {
            match self.socket.recv(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let mut first = [MaybeUninit::uninit()];
                    if SockRef::from(waiting).peek(&mut first).is_err() {
                        return Err(error);
                    }
                }
                read => return read,
            }
        }
        Err(io::ErrorKind::Interrupted.into())
    }
}

impl std::fmt::Debug for Family {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Family").field("waiting", &self.waiting).finish_non_exhaustive()
    }
}

const GROUP_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);

const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb);

/// RFC 6762, 11: datagrams go out with this time to live.
const HOPS: u32 = 255;

/// Somebody who sends nothing but empty datagrams does not keep us from everything else.
const EMPTY_IN_A_ROW: usize = 64;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    // proves: DIS-FAIR-FAMILIES
    #[tokio::test]
    async fn a_flood_in_one_family_leaves_the_other_its_turn() {
        let free = StdSocket::bind("[::]:0").unwrap().local_addr().unwrap().port();
        let mut sockets = Sockets::open(free).unwrap();
        let (loud, quiet) = (StdSocket::bind("127.0.0.1:0").unwrap(), StdSocket::bind("[::1]:0").unwrap());
        for _ in 0..40 {
            loud.send_to(b"flood", ("127.0.0.1", free)).unwrap();
        }
        for _ in 0..4 {
            quiet.send_to(b"hello", ("::1", free)).unwrap();
        }
        let mut buffer = [0; 100];
        let mut heard = Vec::new();
        // The first of each may come before the other's socket is known to be ready.
        while heard.len() < 14 {
            let one = timeout(Duration::from_secs(30), sockets.receive(&mut buffer)).await.unwrap().unwrap();
            heard.push(one.v6);
        }
        assert_eq!(heard.iter().filter(|v6| **v6).count(), 4, "{heard:?}");
    }

    // proves: DIS-PORT-TAKEN
    #[test]
    fn a_port_that_another_holds_alone_is_had_once_he_is_gone() {
        let holder = StdSocket::bind("0.0.0.0:0").unwrap();
        let port = holder.local_addr().unwrap().port();
        let mut sockets = Sockets::open(port).unwrap();
        assert!(!sockets.came_alone());
        assert!(sockets.reopen(true).is_none(), "IPv6 goes on");
        assert!(matches!(sockets.reopen(false), Some(Reopened::Deaf(_))));
        drop(holder);
        assert!(matches!(sockets.reopen(false), Some(Reopened::Heard)));
        assert!(sockets.reopen(false).is_none());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn who_is_alone_at_the_port_is_seen_at_any_time() {
        let free = StdSocket::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port();
        let sockets = Sockets::open(free).unwrap();
        assert!(sockets.came_alone() && sockets.are_alone());
        let others = Sockets::open(free).unwrap();
        assert!(!others.came_alone() && !others.are_alone() && !sockets.are_alone());
        drop(others);
        assert!(sockets.are_alone());
    }
}

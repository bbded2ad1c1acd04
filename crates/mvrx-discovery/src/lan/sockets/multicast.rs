//! IPv4 multicast on one interface. By its number where the system can, as two interfaces may have one address; else by its address.
//!
//! Linux lets one socket ask for it on 20 interfaces (`igmp_max_memberships`), which a machine with many networks of containers has. What
//! any socket has asked for, all at the port hear; so further ones, at no port, ask for the rest.

use std::io;
use std::net::{Ipv4Addr, UdpSocket};

use socket2::{Domain, Socket, Type};

/// The sockets that ask for multicast beside the one that hears it.
#[derive(Debug, Default)]
pub(super) struct Further(Vec<UdpSocket>);

impl Further {
    // req: DIS-MANY-INTERFACES
    pub(super) fn join(
        &mut self,
        socket: &UdpSocket,
        group: Ipv4Addr,
        index: u32,
        address: Ipv4Addr,
    ) -> io::Result<()> {
        if [socket].into_iter().chain(&self.0).any(|socket| join(socket, group, index, address).is_ok()) {
            return Ok(());
        }
        let further: UdpSocket = Socket::new(Domain::IPV4, Type::DGRAM, None)?.into();
        join(&further, group, index, address)?;
        self.0.push(further);
        Ok(())
    }

    pub(super) fn leave(&self, socket: &UdpSocket, group: Ipv4Addr, index: u32, address: Ipv4Addr) {
        let _ =
            [socket].into_iter().chain(&self.0).any(|socket| leave(socket, group, index, address).is_ok());
    }
}

// req: DIS-SAME-ADDRESS
fn join(socket: &UdpSocket, group: Ipv4Addr, index: u32, address: Ipv4Addr) -> io::Result<()> {
    by_index::join(socket, group, index).or_else(|_| socket.join_multicast_v4(&group, &address))
}

fn leave(socket: &UdpSocket, group: Ipv4Addr, index: u32, address: Ipv4Addr) -> io::Result<()> {
    by_index::leave(socket, group, index).or_else(|_| socket.leave_multicast_v4(&group, &address))
}

/// What is sent to all from now on leaves there.
pub(super) fn send_from(socket: &UdpSocket, index: u32, address: Ipv4Addr) -> io::Result<()> {
    by_index::send_from(socket, index, address)
        .or_else(|_| socket2::SockRef::from(socket).set_multicast_if_v4(&address))
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod by_index {
    use std::io;
    use std::net::{Ipv4Addr, UdpSocket};

    use socket2::{InterfaceIndexOrAddress, SockRef};

    pub(super) fn join(socket: &UdpSocket, group: Ipv4Addr, index: u32) -> io::Result<()> {
        SockRef::from(socket).join_multicast_v4_n(&group, &InterfaceIndexOrAddress::Index(index))
    }

    pub(super) fn leave(socket: &UdpSocket, group: Ipv4Addr, index: u32) -> io::Result<()> {
        SockRef::from(socket).leave_multicast_v4_n(&group, &InterfaceIndexOrAddress::Index(index))
    }

    pub(super) fn send_from(socket: &UdpSocket, index: u32, address: Ipv4Addr) -> io::Result<()> {
        let any = Ipv4Addr::UNSPECIFIED;
        Ok(rustix::net::sockopt::set_ip_multicast_if_with_ifindex(socket, &any, &address, index)?)
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod by_index {
    use std::io;
    use std::net::{Ipv4Addr, UdpSocket};

    pub(super) fn join(_: &UdpSocket, _: Ipv4Addr, _: u32) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn leave(_: &UdpSocket, _: Ipv4Addr, _: u32) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn send_from(_: &UdpSocket, _: u32, _: Ipv4Addr) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    // proves: DIS-MANY-INTERFACES
    #[test]
    fn what_is_too_much_for_one_socket_is_asked_for_by_further_ones() {
        let hearing = UdpSocket::bind("0.0.0.0:0").unwrap();
        let sending = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (here, port) = (Ipv4Addr::LOCALHOST, hearing.local_addr().unwrap().port());
        let index = if_addrs::get_if_addrs().unwrap().into_iter().find(if_addrs::Interface::is_loopback);
        let index = index.and_then(|loopback| loopback.index).unwrap();
        let limit = std::fs::read_to_string("/proc/sys/net/ipv4/igmp_max_memberships").unwrap();
        let limit: u16 = limit.trim().parse().unwrap();
        let group = |n: u16| Ipv4Addr::from(0xefff_0000 | u32::from(n));
        let mut further = Further::default();
        // Groups on one interface count as one group on interfaces does.
        for n in 0..=limit {
            further.join(&hearing, group(n), index, here).unwrap();
        }
        send_from(&sending, index, here).unwrap();
        hearing.set_read_timeout(Some(std::time::Duration::from_secs(30))).unwrap();
        for n in [0, limit] {
            sending.send_to(&n.to_be_bytes(), (group(n), port)).unwrap();
            let mut heard = [0; 2];
            hearing.recv(&mut heard).unwrap();
            assert_eq!(u16::from_be_bytes(heard), n);
        }
        assert_eq!(further.0.len(), 1, "the limit was reached");
        for n in 0..=limit {
            further.leave(&hearing, group(n), index, here);
            further.join(&hearing, group(n), index, here).unwrap();
        }
        assert_eq!(further.0.len(), 1, "who is left makes room");
    }
}

//! IPv4 multicast on one interface. By its number where the system can, as two interfaces may have one address; else by its address.

use std::io;
use std::net::{Ipv4Addr, UdpSocket};

// req: DIS-SAME-ADDRESS
pub(super) fn join(socket: &UdpSocket, group: Ipv4Addr, index: u32, address: Ipv4Addr) -> io::Result<()> {
    by_index::join(socket, group, index).or_else(|_| socket.join_multicast_v4(&group, &address))
}

pub(super) fn leave(socket: &UdpSocket, group: Ipv4Addr, index: u32, address: Ipv4Addr) -> io::Result<()> {
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

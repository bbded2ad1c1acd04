//! What is known of this host's interfaces, and a resolved service as an [`Observation`] seen from here.

use std::net::{IpAddr, SocketAddr, SocketAddrV6};

use mdns_sd::{InterfaceId, ResolvedService, ScopedIp};
use mvrx_message::Txt;

use crate::InstanceName;
use crate::address::LocalNetwork;
use crate::sightings::Observation;

/// The interfaces of this host.
#[derive(Debug, Default)]
pub(super) struct Here {
    interfaces: Vec<if_addrs::Interface>,
}

impl Here {
    /// As they are now. Without an answer of the system every address counts as near and none as ours.
    pub(super) fn look() -> Self {
        Self { interfaces: if_addrs::get_if_addrs().unwrap_or_default() }
    }

    pub(super) fn networks(&self) -> Vec<LocalNetwork> {
        let network = |interface: &if_addrs::Interface| match &interface.addr {
            if_addrs::IfAddr::V4(v4) => LocalNetwork { address: v4.ip.into(), prefix: v4.prefixlen },
            if_addrs::IfAddr::V6(v6) => LocalNetwork { address: v6.ip.into(), prefix: v6.prefixlen },
        };
        self.interfaces.iter().map(network).collect()
    }

    pub(super) fn observation(&self, service: &ResolvedService) -> Observation {
        let pairs = service.txt_properties.iter().map(|pair| (pair.key(), pair.val().unwrap_or_default()));
        let (txt, _) = Txt::parse(pairs);
        let mut addresses: Vec<SocketAddr> =
            service.addresses.iter().filter_map(|ip| socket_address(ip, service.port)).collect();
        // They come in the order of a hash table; the same set is to look the same every time.
        addresses.sort_unstable();
        Observation {
            owner: service.fullname.clone(),
            name: InstanceName::read(&service.fullname),
            txt,
            host: service.host.clone(),
            port: service.port,
            addresses,
            same_host: service.addresses.iter().any(|ip| self.is_of_this_host(ip)),
            exact: false,
        }
    }

    /// It is an address of ours, or was heard where nobody but this host speaks.
    fn is_of_this_host(&self, ip: &ScopedIp) -> bool {
        let address = ip.to_ip_addr();
        if !address.is_loopback() && self.interfaces.iter().any(|interface| interface.ip() == address) {
            return true;
        }
        match ip {
            ScopedIp::V4(v4) => v4.interface_ids().iter().any(|id| self.is_loopback(id)),
            ScopedIp::V6(v6) => self.is_loopback(v6.scope_id()),
            _ => false,
        }
    }

    fn is_loopback(&self, id: &InterfaceId) -> bool {
        self.interfaces.iter().any(|interface| interface.index == Some(id.index) && interface.is_loopback())
    }
}

fn socket_address(ip: &ScopedIp, port: u16) -> Option<SocketAddr> {
    match ip {
        ScopedIp::V4(v4) => Some(SocketAddr::new(IpAddr::V4(*v4.addr()), port)),
        ScopedIp::V6(v6) => Some(SocketAddrV6::new(*v6.addr(), port, 0, v6.scope_id().index).into()),
        _ => None,
    }
}

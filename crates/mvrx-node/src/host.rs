//! The host of a session in WebSocket mode, as this machine has one.
//!
//! It turns a [`Place`] into a described host, and the address at which that listens into the URLs that stations are told. Certificates,
//! passwords and who may come in are the caller's, who adds them to the [`HostOptions`] of [`options`]. The host that a group elects is
//! another one, which comes and goes: [`electing`](crate::electing).
//!
//! What bounds it: the limits of its store ([`room`]), and the host's own.

use std::net::{IpAddr, SocketAddr};

use mvrx_discovery::Merged;
use mvrx_station::{Builder, HostOptions, secure_session_url, session_url};
use mvrx_store::Limits as StoreLimits;

use crate::data::Data;
use crate::place::Place;

/// The limits of the store of a host that keeps so many bytes of others. That quota is the host's: what is on its way beside it has room, too.
#[must_use]
pub fn room(kept: u64) -> StoreLimits {
    StoreLimits {
        total_bytes: kept.saturating_mul(4).max(1 << 40),
        commits: COMMITS,
        ..StoreLimits::default()
    }
}

/// A host that keeps so many bytes of others and knows itself under each address of this machine. `url` is what stations are told instead
/// of those, see [`HostOptions::url`].
#[must_use]
pub fn options(kept: u64, url: Option<String>) -> HostOptions {
    let names = addresses_here().iter().map(ToString::to_string).collect();
    HostOptions::default().kept_bytes(kept).url(url).names(names)
}

/// A host of the place's name, whose session is called like its group. It is who the directory says, and keeps there what it has. `shown`
/// shows the session to the network ([`Place::discovery`]); without it stations have to be told the URL.
#[must_use]
pub fn describe(place: &Place, data: Data, options: HostOptions, shown: Option<Merged>) -> Builder {
    let options = options.announce(shown.is_some());
    let host = place.station().identity(data.station).store(data.store).host(options);
    match shown {
        Some(discovery) => host.discovery(discovery),
        None => host,
    }
}

/// What stations can be told to connect to, where a host listens at this address: `wanted`, else one for each address of this machine that
/// others may reach, else the loopback address. Never empty; `wss://` where it is `secure`.
#[must_use]
pub fn urls(address: SocketAddr, wanted: Option<&str>, secure: bool) -> Vec<String> {
    let url = if secure { secure_session_url } else { session_url };
    if let Some(wanted) = wanted {
        return vec![url(wanted, address.port())];
    }
    let at = |ip: IpAddr| url(&SocketAddr::new(ip, address.port()).to_string(), address.port());
    if !address.ip().is_unspecified() {
        return vec![at(address.ip())];
    }
    let usable = |ip: &IpAddr| !ip.is_loopback() && ip.is_ipv4();
    let mut all: Vec<String> = addresses_here().into_iter().filter(usable).map(at).collect();
    all.sort();
    all.dedup();
    if all.is_empty() {
        all.push(at(IpAddr::from([127, 0, 0, 1])));
    }
    all
}

fn addresses_here() -> Vec<IpAddr> {
    if_addrs::get_if_addrs().unwrap_or_default().iter().map(if_addrs::Interface::ip).collect()
}

/// More than a host keeps of others, so that what its own user commits has room.
const COMMITS: usize = 16_384;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_that_is_wished_for_is_the_one_that_is_told() {
        let address = "127.0.0.1:42480".parse().unwrap();
        assert_eq!(urls(address, None, false), ["ws://127.0.0.1:42480/"]);
        assert_eq!(urls(address, None, true), ["wss://127.0.0.1:42480/"]);
        assert_eq!(urls("[::1]:42480".parse().unwrap(), None, true), ["wss://[::1]:42480/"]);
        assert_eq!(urls(address, Some("wss://rack.show/"), true), ["wss://rack.show/"]);
        assert_eq!(urls(address, Some("rack.show"), false), ["ws://rack.show:42480/"]);
        assert_eq!(urls(address, Some("rack.show"), true), ["wss://rack.show:42480/"]);
        assert!(!urls("[::]:42480".parse().unwrap(), None, false).is_empty());
    }
}

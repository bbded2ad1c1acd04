//! [`FixedDiscovery`]: stations at addresses known in advance, for networks that carry no multicast.
//!
//! It shows each address once and then nothing more. Who is there (StationUUID, name, group) tells only JOIN_RET. It announces nothing:
//! the other side needs our address in a list of its own, or learns of us by our JOIN. It deliberately does not look whether anybody
//! answers: trying again is the station's work.
//!
//! ```
//! use mvrx_discovery::{Discovery, DiscoveryEvent, FixedDiscovery};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let mut discovery = FixedDiscovery::new(["192.0.2.7:42424".parse().unwrap()]);
//! let Some(DiscoveryEvent::Sighted(sighting)) = discovery.next().await else { panic!() };
//! assert_eq!((sighting.station, sighting.group), (None, None));
//! # }
//! ```

use std::collections::VecDeque;
use std::future;
use std::net::SocketAddr;

use crate::{Advertisement, BoxFuture, Discovery, DiscoveryError, DiscoveryEvent, Sighting, SightingKey};

/// A list of addresses as a [`Discovery`].
#[derive(Debug)]
pub struct FixedDiscovery {
    waiting: VecDeque<SocketAddr>,
}

impl FixedDiscovery {
    /// These addresses, each shown once however often it stands in the list. Names are for the caller to resolve.
    pub fn new(addresses: impl IntoIterator<Item = SocketAddr>) -> Self {
        let mut waiting = VecDeque::new();
        for address in addresses {
            if !waiting.contains(&address) {
                waiting.push_back(address);
            }
        }
        Self { waiting }
    }
}

impl Discovery for FixedDiscovery {
    /// Does nothing: there is nobody to tell.
    fn advertise(&mut self, _: &Advertisement) -> Result<(), DiscoveryError> {
        Ok(())
    }

    fn advertise_also(&mut self, _: &Advertisement) -> Result<(), DiscoveryError> {
        Ok(())
    }

    fn withdraw(&mut self) {}

    fn next(&mut self) -> BoxFuture<'_, Option<DiscoveryEvent>> {
        Box::pin(async {
            match self.waiting.pop_front() {
                Some(address) => Some(DiscoveryEvent::Sighted(sighting(address))),
                // Not the end: the list stays true.
                None => future::pending().await,
            }
        })
    }

    fn suspect(&mut self, _: &SightingKey) {}

    fn shutdown(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(future::ready(()))
    }
}

fn sighting(address: SocketAddr) -> Sighting {
    Sighting {
        key: SightingKey::Address(address),
        station: None,
        station_name: None,
        group: None,
        also_in: Vec::new(),
        addresses: vec![address],
        instance: None,
        ours: None,
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Waker};

    use super::*;

    #[test]
    fn shows_each_address_once_and_then_waits_for_ever() {
        let addresses =
            ["192.0.2.1:1", "[fe80::1%2]:2", "192.0.2.1:1"].map(|a| a.parse::<SocketAddr>().unwrap());
        let mut discovery = FixedDiscovery::new(addresses);
        let mut cx = Context::from_waker(Waker::noop());
        for address in &addresses[..2] {
            let Poll::Ready(Some(DiscoveryEvent::Sighted(sighting))) =
                discovery.next().as_mut().poll(&mut cx)
            else {
                panic!("{address} is not shown")
            };
            assert_eq!((sighting.key, sighting.addresses), (SightingKey::Address(*address), vec![*address]));
        }
        assert!(discovery.next().as_mut().poll(&mut cx).is_pending());
    }
}

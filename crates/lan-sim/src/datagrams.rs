//! Datagrams: what one host sends to all, or to one, and what becomes of each on its way.
//!
//! A datagram reaches each receiver by itself: one may lose it, hear it late, or twice, and overtaking is usual. Partitions, deaf and mute
//! hosts and addresses that are down keep it away when it is sent; who does not run when it arrives, or listens to another port, has not
//! heard it. Nobody is told of a loss. A host hears its own multicasts, whatever its network does.
//!
//! It deliberately knows nothing of what is in them, and has no groups: all that listen to a port hear what is said to it.
//! Fates follow from the sender's seed, the number of the datagram and the receiver, so that one host more shifts nobody else's.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::event::Event;
use crate::fault::Effect;
use crate::hash;
use crate::host::HostId;
use crate::net::{Action, Net};
use crate::profile::DatagramProfile;
use crate::rng::{Rng, Seed};
use crate::time::Time;
use crate::trace::What;

/// One datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// Who sent it, with the port it was sent from.
    pub from: SocketAddr,
    /// The port it was sent to.
    pub port: u16,
    /// Whether it was sent to this host alone.
    pub unicast: bool,
    /// What it says.
    pub bytes: Arc<[u8]>,
}

/// Those under way.
#[derive(Debug, Default)]
pub(crate) struct Datagrams {
    under_way: Vec<Option<(HostId, Datagram)>>,
    free: Vec<u32>,
}

impl Datagrams {
    fn post(&mut self, to: HostId, datagram: Datagram) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.under_way.push(None);
            u32::try_from(self.under_way.len() - 1).unwrap_or(u32::MAX)
        });
        if let Some(place) = self.under_way.get_mut(slot as usize) {
            *place = Some((to, datagram));
        }
        slot
    }

    fn take(&mut self, slot: u32) -> Option<(HostId, Datagram)> {
        let taken = self.under_way.get_mut(slot as usize)?.take()?;
        self.free.push(slot);
        Some(taken)
    }
}

impl Net {
    /// `to`: one address; without one all that hear.
    pub(crate) fn send_datagram(
        &mut self,
        host: HostId,
        ports: (u16, u16),
        to: Option<SocketAddr>,
        bytes: &[u8],
    ) {
        let Some(there) = self.hosts.get_mut(host.index()) else { return };
        let seed = there.seed.child("datagram").nth(there.datagrams);
        there.datagrams += 1;
        let near = to.map(|to| there.near_ip(to.ip()));
        let Some(ip) = near.or(there.addresses.iter().find(|a| !a.dead).map(|a| a.ip)) else { return };
        let up = there.address_is_up(ip);
        let (from, port) = (SocketAddr::new(ip, ports.0), to.map_or(ports.1, |to| to.port()));
        let datagram = Datagram { from, port, unicast: to.is_some(), bytes: bytes.into() };
        let (length, said) = (bytes.len() as u64, hash::bytes(port.into(), bytes));
        self.record(Some(host), What::SendsDatagram { length, hash: said });
        let receivers: Vec<HostId> = match to {
            Some(to) => self.host_at(to.ip()).into_iter().collect(),
            None => (0..).take(self.hosts.len()).map(HostId).collect(),
        };
        for receiver in receivers {
            if receiver == host {
                let at = self.local_now(host) + OWN;
                self.carry(receiver, &datagram, at);
            } else if up && self.datagram_goes(host, receiver, to) {
                self.send_one(host, receiver, &datagram, seed);
            }
        }
    }

    pub(crate) fn datagram_arrives(&mut self, slot: u32) {
        let Some((host, datagram)) = self.datagrams.take(slot) else { return };
        if self.host(host).is_some_and(|there| there.is_running() && there.hears.contains(&datagram.port)) {
            let said = hash::bytes(datagram.port.into(), &datagram.bytes);
            self.record(Some(host), What::HearsDatagram { hash: said });
            self.tell(host, Event::Datagram(datagram));
        }
    }

    fn datagram_goes(&self, from: HostId, receiver: HostId, to: Option<SocketAddr>) -> bool {
        let (Some(there), Some(here)) = (self.host(from), self.host(receiver)) else { return false };
        let reached = to.map_or_else(
            || here.addresses.iter().any(|a| !a.dead && a.down == 0),
            |to| here.address_is_up(to.ip()),
        );
        there.mute == 0 && here.deaf == 0 && there.reaches(here) && reached
    }

    fn send_one(&mut self, host: HostId, receiver: HostId, datagram: &Datagram, seed: Seed) {
        let profile = self.settings.datagrams.clone();
        let mut rng = seed.nth(receiver.0.into()).rng();
        let sent = self.local_now(host);
        if rng.hits(profile.lost) {
            self.count(Effect::DatagramLost);
        } else {
            let at = sent + self.time_under_way(&profile, &mut rng);
            self.carry(receiver, datagram, at);
        }
        if rng.hits(profile.duplicate) {
            self.count(Effect::DatagramDoubled);
            let at = sent + self.time_under_way(&profile, &mut rng);
            self.carry(receiver, datagram, at);
        }
    }

    fn time_under_way(&mut self, profile: &DatagramProfile, rng: &mut Rng) -> Duration {
        let mut way = profile.delay + rng.span(profile.jitter);
        if rng.hits(profile.late) {
            self.count(Effect::DatagramLate);
            way += rng.span(profile.late_by);
        }
        way
    }

    fn carry(&mut self, to: HostId, datagram: &Datagram, at: Time) {
        let slot = self.datagrams.post(to, datagram.clone());
        self.queue.push(at, Action::Datagram { slot });
    }
}

/// How long one's own multicast takes to come back.
const OWN: Duration = Duration::from_micros(50);

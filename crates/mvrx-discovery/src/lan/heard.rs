//! What the machine shows, put together: a station is heard on several links, and is one observation with the addresses of all.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use lan_mdns::{LinkId, Seen, SeenId};
use mvrx_message::Txt;

use super::socket_address;
use super::ways::Way;
use crate::address::LocalNetwork;
use crate::sightings::{Gone, Observation};
use crate::{InstanceName, InstanceShape, SightingKey};

/// This host's addresses.
#[derive(Debug, Default)]
pub(super) struct Host {
    interfaces: Vec<if_addrs::Interface>,
}

impl Host {
    pub(super) fn new(interfaces: Vec<if_addrs::Interface>) -> Self {
        Self { interfaces }
    }

    pub(super) fn networks(&self) -> Vec<LocalNetwork> {
        let network = |interface: &if_addrs::Interface| match &interface.addr {
            if_addrs::IfAddr::V4(v4) => LocalNetwork { address: v4.ip.into(), prefix: v4.prefixlen },
            if_addrs::IfAddr::V6(v6) => LocalNetwork { address: v6.ip.into(), prefix: v6.prefixlen },
        };
        self.interfaces.iter().map(network).collect()
    }

    fn has(&self, ip: IpAddr) -> bool {
        self.interfaces.iter().any(|interface| interface.ip() == ip)
    }
}

#[derive(Debug, Default)]
pub(super) struct Heard {
    all: BTreeMap<SeenId, Appearance>,
}

/// A station as one source shows it on one link.
#[derive(Debug)]
struct Appearance {
    link: LinkId,
    source: IpAddr,
    shown: Observation,
}

/// What is left of a station when one of its appearances goes.
#[derive(Debug)]
pub(super) enum Left {
    Unknown,
    /// It is heard elsewhere still.
    Other(Box<Observation>),
    Nothing(Gone),
}

impl Heard {
    /// Takes in an appearance; the observation is of all appearances of the same station, name and host. The second is what is left of the
    /// station that this was an appearance of before.
    pub(super) fn note(&mut self, seen: &Seen, way: &Way, host: &Host) -> (Observation, Left) {
        let pairs = seen.txt.iter().map(|string| match string.iter().position(|byte| *byte == b'=') {
            Some(at) => (string.get(..at).unwrap_or_default(), string.get(at + 1..).unwrap_or_default()),
            None => (string.as_slice(), &[][..]),
        });
        let (txt, _) = Txt::parse(pairs);
        let addresses = seen.addresses.iter().map(|ip| socket_address(*ip, seen.port, way.index)).collect();
        let observation = Observation {
            owner: seen.instance.flat(),
            txt,
            host: seen.host.flat(),
            port: seen.port,
            addresses,
            same_host: way.loopback || host.has(seen.source),
            exact: true,
        };
        let another = self.all.get(&seen.id).is_some_and(|before| !is_same(&before.shown, &observation));
        let before = if another { self.remove(seen.id) } else { Left::Unknown };
        let appearance = Appearance { link: seen.link, source: seen.source, shown: observation.clone() };
        self.all.insert(seen.id, appearance);
        (self.whole(seen.id).unwrap_or(observation), before)
    }

    pub(super) fn remove(&mut self, id: SeenId) -> Left {
        let Some(gone) = self.all.remove(&id) else { return Left::Unknown };
        let newest =
            self.all.iter().rev().find(|(_, other)| is_same(&other.shown, &gone.shown)).map(|(id, _)| *id);
        match newest.and_then(|newest| self.whole(newest)) {
            Some(whole) => Left::Other(Box::new(whole)),
            None => {
                let Observation { owner, host, port, txt, .. } = gone.shown;
                Left::Nothing(Gone { owner, host, port, station: txt.station })
            }
        }
    }

    /// Whether others may have, or have, this one's name.
    pub(super) fn is_shared(&self, id: SeenId) -> bool {
        let Some(one) = self.all.get(&id).map(|one| &one.shown) else { return false };
        let bare = InstanceName::read(&one.owner).is_ok_and(|name| name.shape == InstanceShape::GroupOnly);
        let others = self.all.values().map(|other| &other.shown);
        let mut of_name = others.filter(|other| other.owner.eq_ignore_ascii_case(&one.owner));
        bare || of_name.any(|other| other.txt.station != one.txt.station)
    }

    /// All appearances of the station that this is one of.
    pub(super) fn same_station(&self, id: SeenId) -> impl Iterator<Item = SeenId> + '_ {
        let one = self.all.get(&id);
        let same = move |other: &Appearance| one.is_some_and(|one| is_same(&other.shown, &one.shown));
        self.all.iter().filter(move |(other, seen)| **other != id && same(seen)).map(|(id, _)| *id)
    }

    pub(super) fn of_key<'a>(&'a self, key: &'a SightingKey) -> impl Iterator<Item = SeenId> + 'a {
        let is_of = move |one: &Observation| match key {
            SightingKey::Station(station) => one.txt.station == Some(*station),
            SightingKey::Place { host, port, .. } => {
                one.txt.station.is_none() && one.port == *port && one.host.eq_ignore_ascii_case(host)
            }
            SightingKey::Address(_) => false,
        };
        self.all.iter().filter(move |(_, one)| is_of(&one.shown)).map(|(id, _)| *id)
    }

    // req: DIS-TOGETHER
    /// What this appearance says, with the addresses of the others. Of one source on one link only the newest counts: it is at another
    /// port now, say.
    fn whole(&self, newest: SeenId) -> Option<Observation> {
        let one = self.all.get(&newest)?;
        let mut whole = one.shown.clone();
        let elsewhere = |other: &&Appearance| (other.link, other.source) != (one.link, one.source);
        for other in self.all.values().filter(elsewhere).filter(|other| is_same(&other.shown, &one.shown)) {
            let other = &other.shown;
            let more: Vec<SocketAddr> =
                other.addresses.iter().filter(|a| !whole.addresses.contains(a)).copied().collect();
            whole.addresses.extend(more);
            whole.same_host |= other.same_host;
        }
        whole.addresses.sort_unstable();
        Some(whole)
    }
}

fn is_same(a: &Observation, b: &Observation) -> bool {
    let same = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
    let station = a.txt.station == b.txt.station && (a.txt.station.is_some() || a.port == b.port);
    station && same(&a.owner, &b.owner) && same(&a.host, &b.host)
}

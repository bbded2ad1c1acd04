//! What the machine shows, put together: a station is heard on several links, and is one observation with the addresses of all.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use lan_mdns::{LinkId, Seen, SeenId};
use mvrx_message::{StationUuid, Txt};

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

/// Found by what they are asked for by, so that no question takes longer for many.
#[derive(Debug, Default)]
pub(super) struct Heard {
    all: BTreeMap<SeenId, Appearance>,
    /// The appearances of each station under one name and host.
    same: BTreeMap<Same, BTreeSet<SeenId>>,
    /// The stations of each name, and how often each appears.
    names: BTreeMap<String, BTreeMap<Option<StationUuid>, usize>>,
    keys: BTreeMap<Key, BTreeSet<SeenId>>,
}

/// A station as one source shows it on one link.
#[derive(Debug)]
struct Appearance {
    link: LinkId,
    source: IpAddr,
    shown: Observation,
}

/// The station, or without one its port; name and host in lower case.
type Same = (Option<StationUuid>, Option<u16>, String, String);

/// What a [`SightingKey`] looks for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Station(StationUuid),
    Place(String, u16),
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
            name: InstanceName::from_labels(seen.instance.labels()),
            txt,
            host: seen.host.flat(),
            port: seen.port,
            addresses,
            same_host: way.loopback || host.has(seen.source),
            exact: true,
        };
        let another = self.all.get(&seen.id).is_some_and(|before| same(&before.shown) != same(&observation));
        let before = if another { self.remove(seen.id) } else { Left::Unknown };
        let appearance = Appearance { link: seen.link, source: seen.source, shown: observation.clone() };
        self.take(seen.id);
        self.insert(seen.id, appearance);
        (self.whole(seen.id).unwrap_or(observation), before)
    }

    pub(super) fn remove(&mut self, id: SeenId) -> Left {
        let Some(gone) = self.take(id) else { return Left::Unknown };
        let newest = self.same.get(&same(&gone.shown)).and_then(|ids| ids.last().copied());
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
        let of_name = self.names.get(&one.owner.to_ascii_lowercase()).map_or(0, BTreeMap::len);
        bare || of_name > 1
    }

    /// All appearances of the station that this is one of.
    pub(super) fn same_station(&self, id: SeenId) -> impl Iterator<Item = SeenId> + '_ {
        let same = self.all.get(&id).and_then(|one| self.same.get(&same(&one.shown)));
        same.into_iter().flatten().copied().filter(move |other| *other != id)
    }

    pub(super) fn of_key(&self, key: &SightingKey) -> impl Iterator<Item = SeenId> + '_ {
        let key = match key {
            SightingKey::Station(station) => Some(Key::Station(*station)),
            SightingKey::Place { host, port, .. } => Some(Key::Place(host.to_ascii_lowercase(), *port)),
            SightingKey::Address(_) => None,
        };
        key.and_then(|key| self.keys.get(&key)).into_iter().flatten().copied()
    }

    // req: DIS-TOGETHER
    /// What this appearance says, with the addresses of the others. Of one source on one link only the newest counts: it is at another
    /// port now, say.
    fn whole(&self, newest: SeenId) -> Option<Observation> {
        let one = self.all.get(&newest)?;
        let mut whole = one.shown.clone();
        let elsewhere = |other: &&Appearance| (other.link, other.source) != (one.link, one.source);
        let same = self.same.get(&same(&one.shown)).into_iter().flatten().rev().take(APPEARANCES);
        for other in same.filter_map(|id| self.all.get(id)).filter(elsewhere) {
            let other = &other.shown;
            let more: Vec<SocketAddr> =
                other.addresses.iter().filter(|a| !whole.addresses.contains(a)).copied().collect();
            whole.addresses.extend(more);
            whole.same_host |= other.same_host;
        }
        whole.addresses.sort_unstable();
        Some(whole)
    }

    fn insert(&mut self, id: SeenId, appearance: Appearance) {
        let shown = &appearance.shown;
        self.same.entry(same(shown)).or_default().insert(id);
        self.keys.entry(key(shown)).or_default().insert(id);
        let stations = self.names.entry(shown.owner.to_ascii_lowercase()).or_default();
        *stations.entry(shown.txt.station).or_default() += 1;
        self.all.insert(id, appearance);
    }

    fn take(&mut self, id: SeenId) -> Option<Appearance> {
        let gone = self.all.remove(&id)?;
        let shown = &gone.shown;
        forget(&mut self.same, &same(shown), id);
        forget(&mut self.keys, &key(shown), id);
        let name = shown.owner.to_ascii_lowercase();
        if let Some(stations) = self.names.get_mut(&name) {
            match stations.get_mut(&shown.txt.station) {
                Some(count) if *count > 1 => *count -= 1,
                _ => drop(stations.remove(&shown.txt.station)),
            }
            if stations.is_empty() {
                self.names.remove(&name);
            }
        }
        Some(gone)
    }
}

fn same(shown: &Observation) -> Same {
    let Observation { owner, host, port, txt, .. } = shown;
    let port = txt.station.is_none().then_some(*port);
    (txt.station, port, owner.to_ascii_lowercase(), host.to_ascii_lowercase())
}

fn key(shown: &Observation) -> Key {
    match shown.txt.station {
        Some(station) => Key::Station(station),
        None => Key::Place(shown.host.to_ascii_lowercase(), shown.port),
    }
}

fn forget<K: Ord>(index: &mut BTreeMap<K, BTreeSet<SeenId>>, key: &K, id: SeenId) {
    if let Some(ids) = index.get_mut(key) {
        ids.remove(&id);
        if ids.is_empty() {
            index.remove(key);
        }
    }
}

/// Appearances of one station that are looked at for its addresses, newest first: one for each source on each link, and a liar may invent
/// sources.
const APPEARANCES: usize = 64;

//! One station of the table: the names it was heard under, and the sighting they add up to.

use std::cmp::Reverse;
use std::net::SocketAddr;

use mvrx_message::{Ours, Txt};

use super::{instance_of, same_name};
use crate::address::{self, LocalNetwork};
use crate::{InstanceName, InstanceShape, Limits, Sighting, SightingKey};

#[derive(Debug)]
pub(super) struct Entry {
    /// What was told of it last.
    pub(super) told: Sighting,
    /// Newest first.
    pub(super) sources: Vec<Source>,
    pub(super) confirmed: bool,
    /// When it was last heard, new or not.
    pub(super) heard: u64,
}

/// A name and host under which a station was heard.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Source {
    pub(super) owner: String,
    /// In lower case.
    pub(super) host: String,
    pub(super) name: InstanceName,
    pub(super) txt: Txt,
    /// Those that can be reached from here.
    pub(super) addresses: Vec<SocketAddr>,
    /// They are all it has, and nobody else's.
    pub(super) exact: bool,
    /// When it was last heard with something new. Hearing the same again does not make it newer, so that of an old and a new name of one
    /// station, both still in some cache, the new one stays the newer.
    pub(super) changed: u64,
    /// The last generation in which it was heard.
    pub(super) generation: u64,
}

impl Entry {
    /// Nothing is told of it yet.
    pub(super) fn new(key: SightingKey) -> Self {
        let told = Sighting {
            key,
            station: None,
            station_name: None,
            group: None,
            also_in: Vec::new(),
            addresses: Vec::new(),
            instance: None,
            ours: None,
        };
        Self { told, sources: Vec::new(), confirmed: false, heard: 0 }
    }

    /// Takes in what was heard now.
    pub(super) fn merge(&mut self, mut source: Source, limits: &Limits) {
        let shared = source.name.shape == InstanceShape::GroupOnly;
        let known = self.sources.iter().position(|s| s.is_of(&source.owner, &source.host));
        if let Some(before) = known.map(|at| self.sources.remove(at)) {
            // What was heard before stays as second choice in two cases. A cache that mixes up the stations of one name may pair this TXT
            // with another's SRV; JOIN_RET tells which one is right. And a backend that has just forgotten all hears a station's
            // addresses anew one after the other.
            if !source.exact && (shared || source.generation > before.generation) {
                let older = before.addresses.iter().filter(|a| !source.addresses.contains(a)).copied();
                let older: Vec<SocketAddr> = older.collect();
                source.addresses.extend(older);
                source.addresses.truncate(limits.addresses_per_sighting);
            }
            source.generation = source.generation.max(before.generation);
            let same =
                Source { changed: before.changed, generation: before.generation, ..source.clone() } == before;
            source.changed = if same { before.changed } else { source.changed };
        }
        self.sources.push(source);
        self.sources.sort_by_key(|s| Reverse(s.changed));
        self.sources.truncate(limits.names_per_sighting);
    }

    /// What its names add up to.
    pub(super) fn sighting(&self, key: &SightingKey, limits: &Limits, networks: &[LocalNetwork]) -> Sighting {
        let told_by = self.sources.iter().find(|source| source.names_its_group()).or(self.sources.first());
        let group = told_by.map(|source| source.name.group.clone());
        let mut also_in: Vec<String> = Vec::new();
        // A name that is the group alone may be that of a station, or outdated: where there is a better one it tells no further group.
        for source in self.sources.iter().filter(|source| source.name.shape != InstanceShape::GroupOnly) {
            if group.as_ref() != Some(&source.name.group) && !also_in.contains(&source.name.group) {
                also_in.push(source.name.group.clone());
            }
        }
        also_in.sort_unstable();
        let named = |source: &Source| source.txt.station_name.clone().filter(|name| !name.trim().is_empty());
        let station_name = self.sources.iter().find_map(named);
        // They were sorted out when they were heard; here they are only brought in order again.
        let all = self.sources.iter().flat_map(|source| source.addresses.iter().copied());
        let mut addresses = address::usable(all, true, networks);
        addresses.truncate(limits.addresses_per_sighting);
        Sighting {
            key: key.clone(),
            station: self.sources.first().and_then(|source| source.txt.station),
            station_name: station_name.or_else(|| told_by.and_then(|source| source.name.station.clone())),
            group,
            also_in,
            addresses,
            instance: told_by.map(|source| instance_of(&source.owner).to_owned()),
            ours: self.ours(),
        }
    }

    /// What the newest says; where a station is there itself, what it says, and not what a bridge
    /// says that stands in for it; of several bridges, the lowest.
    // req: BRG-03
    fn ours(&self) -> Option<Ours> {
        let marked = |source: &&Source| source.txt.ours.is_some_and(|ours| ours.bridge.is_some());
        let itself = self.sources.iter().find(|source| !marked(source));
        let lowest = || {
            let all = self.sources.iter().filter_map(|source| source.txt.ours);
            all.min_by_key(|ours| ours.bridge)
        };
        itself.map_or_else(lowest, |source| source.txt.ours)
    }
}

impl Source {
    /// Whether it is the source of this name and host.
    pub(super) fn is_of(&self, owner: &str, host: &str) -> bool {
        same_name(&self.owner, owner) && self.host == host
    }

    /// Whether the name tells a group for sure. A product that registers itself under its station name alone, besides its group's own
    /// service type, looks as if it were in a group of its station's name.
    fn names_its_group(&self) -> bool {
        self.name.shape != InstanceShape::GroupOnly
            || self.txt.station_name.as_deref() != Some(&self.name.group)
    }
}

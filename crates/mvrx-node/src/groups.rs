//! Groups as discovery shows them: which are in use, by whom, and which of them a person takes for one another.
//!
//! It turns sightings into groups, and groups into words. What is in use, [`Looking`] sees by a discovery.

use std::collections::BTreeMap;

use mvrx_discovery::{Discovery, DiscoveryEvent, Sighting, SightingKey};
use mvrx_message::StationUuid;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use crate::alike::{Difference, Lookalikes, quoted, shown};
use crate::shown::tame;

/// Each group with its stations.
pub type InUse = BTreeMap<String, Vec<Sighting>>;

/// The stations by the groups that each is in: one that changes its group is in two. What a doctor shows of itself is no group.
#[must_use]
pub fn by_group(seen: impl IntoIterator<Item = Sighting>) -> InUse {
    let mut in_use = InUse::new();
    for sighting in seen {
        let groups = sighting.group.iter().chain(&sighting.also_in);
        let station = sighting.station;
        for group in groups.filter(|group| !is_of_doctor(group, station)) {
            in_use.entry(group.clone()).or_default().push(sighting.clone());
        }
    }
    in_use
}

/// Whether a station is a doctor's, shown for as long as it looks whether others see it: its group is called by its own StationUUID, as no
/// group that a person made is.
#[must_use]
pub fn is_of_doctor(group: &str, station: Option<StationUuid>) -> bool {
    station.is_some_and(|station| group == group_of_doctor(station))
}

/// The group in which a doctor of this StationUUID announces itself.
#[must_use]
pub fn group_of_doctor(station: StationUuid) -> String {
    format!("mvrx-doctor-{station}")
}

/// Groups that a person takes for this one.
#[must_use]
pub fn alike(in_use: &InUse, group: &str) -> Vec<String> {
    Lookalikes::of(in_use.keys()).find(group)
}

/// A group in a line: its name, who is in it, and those that it is easily taken for.
#[must_use]
pub fn line(group: &str, stations: &[Sighting], alike: &[String]) -> String {
    if alike.is_empty() {
        return format!("{}  {}", shown(group), names(stations));
    }
    format!("{}  {}  (not the same as {})", quoted(group), names(stations), told(group, alike))
}

/// These groups, and what tells each from `group`.
#[must_use]
pub fn told(group: &str, alike: &[String]) -> String {
    let one = |other: &String| {
        let how = Difference::between(group, other).map_or("", Difference::words);
        format!("{}: {how}", quoted(other))
    };
    alike.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// The names of stations, as a person sees them.
#[must_use]
pub fn names(stations: &[Sighting]) -> String {
    let name = |s: &Sighting| tame(s.station_name.as_deref().unwrap_or(NAMELESS));
    let mut names: Vec<String> = stations.iter().map(name).collect();
    names.sort();
    names.join(", ")
}

/// A look at the groups in use, for as long as somebody waits. End it with [`Looking::end`].
#[derive(Debug)]
pub struct Looking {
    discovery: Box<dyn Discovery>,
    seen: BTreeMap<SightingKey, Sighting>,
    problems: Vec<String>,
}

impl Looking {
    /// Begins; the discovery was told to look for groups.
    #[must_use]
    pub fn new(discovery: Box<dyn Discovery>) -> Self {
        Self { discovery, seen: BTreeMap::new(), problems: Vec::new() }
    }

    /// Looks until then, or until there is nothing more to see. Cancel-safe: what was seen stays.
    pub async fn until(&mut self, end: Instant) {
        while let Ok(Some(event)) = timeout_at(end, self.discovery.next()).await {
            match event {
                DiscoveryEvent::Sighted(sighting) => drop(self.seen.insert(sighting.key.clone(), sighting)),
                DiscoveryEvent::Vanished { key } => drop(self.seen.remove(&key)),
                DiscoveryEvent::Problem(problem) => {
                    let words = problem.to_string();
                    if self.problems.len() < PROBLEMS && !self.problems.contains(&words) {
                        self.problems.push(words);
                    }
                }
                _ => {}
            }
        }
    }

    /// Ends the discovery; the groups that were seen, and what kept us from seeing all there is.
    pub async fn end(self) -> (InUse, Vec<String>) {
        self.discovery.shutdown().await;
        (by_group(self.seen.into_values()), self.problems)
    }
}

/// Groups as documents for programs have them.
#[must_use]
pub fn json(in_use: &InUse, problems: &[String]) -> Value {
    let station = |s: &Sighting| {
        let addresses: Vec<String> = s.addresses.iter().map(ToString::to_string).collect();
        json!({ "station": s.station.map(|s| s.to_string()), "name": s.station_name, "addresses": addresses })
    };
    let alikes = Lookalikes::of(in_use.keys());
    let groups: Vec<Value> = in_use
        .iter()
        .map(|(group, stations)| {
            let stations: Vec<Value> = stations.iter().map(station).collect();
            json!({ "group": group, "stations": stations, "easily_taken_for": alikes.find(group) })
        })
        .collect();
    json!({ "groups": groups, "problems": problems })
}

/// More different problems are not told.
const PROBLEMS: usize = 16;

const NAMELESS: &str = "a station without a name";

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use mvrx_discovery::{Advertisement, MemoryBus};
    use mvrx_message::GroupName;

    #[tokio::test]
    async fn one_that_changes_its_group_is_in_two_and_a_doctor_in_none() {
        let bus = MemoryBus::new();
        let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let (mut mover, mut doctor, mut looking) = (bus.attach(here), bus.attach(here), bus.attach(here));
        let shown = |group: &str, n| {
            let group = GroupName::create(group).unwrap();
            Advertisement::new(group, StationUuid::from_random_bytes([n; 16]), "Desk", 1)
        };
        mover.advertise(&shown("Default", 1)).unwrap();
        mover.advertise_also(&shown("Stage", 1)).unwrap();
        doctor.advertise(&shown(&group_of_doctor(StationUuid::from_random_bytes([2; 16])), 2)).unwrap();
        let mut named_alike = bus.attach(here);
        named_alike.advertise(&shown("mvrx-doctor-Hall", 3)).unwrap();
        let mut seen: BTreeMap<SightingKey, Sighting> = BTreeMap::new();
        while !(seen.len() == 3 && seen.values().any(|sighting| !sighting.also_in.is_empty())) {
            if let Some(DiscoveryEvent::Sighted(sighting)) = looking.next().await {
                seen.insert(sighting.key.clone(), sighting);
            }
        }
        let in_use = by_group(seen.into_values());
        assert_eq!(in_use.keys().collect::<Vec<_>>(), ["Default", "Stage", "mvrx-doctor-Hall"]);
    }
}

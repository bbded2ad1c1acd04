//! What a world of bridges goes through: everything that is drawn for it; then, with the network in order, the death of a bridge that has a
//! second one beside it, and its return; and what must be true in between and at the end.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

use lan_sim::{BusProfile, Crash, DiskFate, Fault, HostId, LinkProfile, Outcome, Rng, Seed, Step, World};
use mvrx_bridge::Side;
use mvrx_core::Membership;
use mvrx_message::{FileUuid, SessionTarget, StationUuid};

use super::{AROUND, Bridge};
use crate::crew::{Among, hosts_of};
use crate::plan::{act_in, check};
use crate::station::{PORT, address_of, is_present};
use crate::{Act, Ledger, Node, Station};

/// Lets it all happen.
pub(crate) fn play(
    (seed, rough): (u64, bool),
    world: &mut World<Node>,
    ledger: &RefCell<Ledger>,
    steps: &[Step<Act>],
) -> Outcome {
    let rng = Seed::new(seed).child("trial").rng();
    let rest = if rough { crate::quiet::REST } else { CALM };
    let hosts = 0..hosts_of(world);
    let mut trial = Trial { world, ledger, rng, rest, hosts };
    trial.run(steps).err().unwrap_or(Outcome::Passed)
}

/// What becomes of bridges and of those whom they bring together.
pub(crate) struct Trial<'a> {
    pub(crate) world: &'a mut World<Node>,
    pub(crate) ledger: &'a RefCell<Ledger>,
    pub(crate) rng: Rng,
    /// Whose machines these are.
    pub(crate) hosts: Range<u32>,
    /// So long everything takes to come to rest.
    pub(crate) rest: Duration,
}

/// A bridge that died.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Death {
    host: HostId,
    bridge: StationUuid,
    /// Another one works within this.
    pub(crate) within: Duration,
}

type Goes = Result<(), Outcome>;

/// A group, by its name, or a session, by where its host is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Group(String),
    Session(SocketAddr),
}

/// Who is where, and which places are joined by which bridges.
struct Map<'a> {
    homes: BTreeMap<StationUuid, Place>,
    stations: Vec<(HostId, &'a Station, Place)>,
    bridges: Vec<(HostId, &'a Bridge, Place, Place)>,
}

impl Trial<'_> {
    fn run(&mut self, steps: &[Step<Act>]) -> Goes {
        self.pass_with(steps, Duration::from_secs(1))?;
        self.world.heal();
        for host in self.world.hosts().collect::<Vec<_>>() {
            self.world.set_profile(host, LinkProfile::lan());
        }
        self.world.set_bus(BusProfile::calm());
        self.pass(self.rest)?;
        self.is_at_rest("at rest")?;
        self.a_bridge_dies()?;
        self.all_is_available()?;
        check(self.ledger)
    }

    fn pass(&mut self, time: Duration) -> Goes {
        self.pass_with(&[], time)
    }

    fn pass_with(&mut self, steps: &[Step<Act>], rest: Duration) -> Goes {
        let ledger = self.ledger;
        let outcome =
            self.world.play(steps, rest, |world, act| act_in(world, ledger, act), |_, _| check(ledger));
        if outcome == Outcome::Passed { Ok(()) } else { Err(outcome) }
    }

    fn violate(&self, check_name: &'static str, text: std::fmt::Arguments<'_>) -> Goes {
        self.ledger.borrow_mut().violate(check_name, text);
        check(self.ledger)
    }

    fn is_at_rest(&mut self, when: &str) -> Goes {
        let before = self.looks(when)?;
        self.pass(QUIET)?;
        self.is_quiet_since(&before, when)
    }

    /// What must be true at rest; gives what the bridges have done so far.
    pub(crate) fn looks(&self, when: &str) -> Result<Vec<u64>, Outcome> {
        self.one_bridge_works(when)?;
        self.nobody_is_there_twice(when)?;
        self.everybody_is_seen(when)?;
        self.everything_is_listed(when)?;
        Ok(self.deeds())
    }

    /// For [`QUIET`].
    pub(crate) fn is_quiet_since(&self, before: &[u64], when: &str) -> Goes {
        let after = self.deeds();
        if after != before {
            self.violate(AROUND, format_args!("{when} bridges still do something: {before:?}, {after:?}"))?;
        }
        Ok(())
    }

    fn nodes(&self) -> impl Iterator<Item = (HostId, &Node)> {
        Among::new(self.world, &self.hosts).nodes()
    }

    fn deeds(&self) -> Vec<u64> {
        self.nodes().filter_map(|(_, node)| Some(node.bridge()?.deeds())).collect()
    }

    fn map(&self) -> Map<'_> {
        let mut map = Map { homes: BTreeMap::new(), stations: Vec::new(), bridges: Vec::new() };
        for (host, node) in self.nodes() {
            if let Some(bridge) = node.bridge() {
                let group = Place::Group(bridge.group_name().to_owned());
                map.bridges.push((host, bridge, group, Place::Session(bridge.session_at())));
            } else if let Some(rack) = node.rack() {
                map.homes.insert(rack.id(), Place::Session(SocketAddr::new(rack.ip(), PORT)));
            } else if let Some(station) = node.station().filter(|station| is_present(station)) {
                let place = match station.core().place() {
                    SessionTarget::Group(group) => Some(Place::Group(group.as_str().to_owned())),
                    SessionTarget::Url(url) => address_of(&url).map(Place::Session),
                    _ => None,
                };
                if let Some(place) = place {
                    map.homes.insert(station.id(), place.clone());
                    map.stations.push((host, station, place));
                }
            }
        }
        map
    }

    // ---- what is looked at

    pub(crate) fn one_bridge_works(&self, when: &str) -> Goes {
        let map = self.map();
        for (host, bridge, group, session) in &map.bridges {
            let beside = map.bridges.iter().filter(|(_, _, g, s)| (g, s) == (group, session));
            let beside: Vec<_> = beside
                .map(|(host, other, ..)| (*host, other.id(), other.is_in_both(), other.active()))
                .collect();
            let lowest = beside.iter().map(|(_, id, ..)| *id).min();
            let should = lowest.filter(|lowest| *lowest != bridge.id());
            if !bridge.is_in_both() || bridge.active() != should {
                let text = format_args!("{when} {host} waits for {:?}: {beside:?}", bridge.active());
                self.violate(ONE_WORKS, text)?;
            }
        }
        Ok(())
    }

    pub(crate) fn nobody_is_there_twice(&self, when: &str) -> Goes {
        let map = self.map();
        let mut standing: BTreeMap<(Place, StationUuid), Vec<HostId>> = BTreeMap::new();
        for (host, bridge, group, session) in &map.bridges {
            for (side, place) in [(Side::Lan, group), (Side::Host, session)] {
                for station in bridge.stands_for(side) {
                    standing.entry((place.clone(), station)).or_default().push(*host);
                }
            }
        }
        for ((place, station), hosts) in &standing {
            let home = map.homes.get(station);
            let wanted = home.is_some_and(|home| home != place && map.leads(home, place));
            if !wanted || hosts.len() != 1 {
                let text = format_args!("{when} {hosts:?} stand in for {station} of {home:?} in {place:?}");
                self.violate(TWICE, text)?;
            }
        }
        Ok(())
    }

    fn everybody_is_seen(&self, when: &str) -> Goes {
        let map = self.map();
        for (host, me, here) in &map.stations {
            let members = me.core().stations().filter(|view| view.membership == Membership::Member);
            let members: BTreeSet<StationUuid> = members.map(|view| view.station).collect();
            for (station, home) in map.homes.iter().filter(|(station, _)| **station != me.id()) {
                if members.contains(station) != (home == here || map.leads(home, here)) {
                    let sees = members.contains(station);
                    let text = format_args!("{when} {host} in {here:?} sees {station} of {home:?}: {sees}");
                    self.violate(SEEN, text)?;
                }
            }
            let bridges: BTreeSet<StationUuid> =
                map.bridges.iter().map(|(_, bridge, ..)| bridge.id()).collect();
            let nobody = |id: &&StationUuid| !map.homes.contains_key(id) && !bridges.contains(id);
            if let Some(gone) = members.iter().find(nobody) {
                self.violate(SEEN, format_args!("{when} {host} in {here:?} counts {gone}, who is nowhere"))?;
            }
        }
        Ok(())
    }

    /// What stations have committed themselves is listed by all who see them and whom it is for. In a ring, what is for some in another group
    /// may find no way: the stand-in that it was told to and the one that would commit it there may be of two bridges.
    fn everything_is_listed(&self, when: &str) -> Goes {
        let map = self.map();
        for (host, author, home) in &map.stations {
            let own =
                author.core().commits().filter(|view| view.held && view.commit.station == Some(author.id()));
            for view in own {
                let for_all = view.commit.for_stations.is_empty();
                for (there, other, here) in &map.stations {
                    let id = other.id();
                    let two_groups =
                        matches!((home, here), (Place::Group(_), Place::Group(_))) && home != here;
                    let wanted = for_all || (view.commit.for_stations.contains(&id) && !two_groups);
                    if there == host || !wanted || (home != here && !map.leads(home, here)) {
                        continue;
                    }
                    let known = other.core().commits().find(|known| known.commit.file == view.commit.file);
                    if known.as_ref().is_none_or(|known| !known.held && known.holders.is_empty()) {
                        let file = view.commit.file;
                        let is = if known.is_some() { "not available" } else { "not known" };
                        let text = format_args!(
                            "{when} {file} of {host} in {home:?} is {is} at {there} in {here:?} (for all: {for_all})"
                        );
                        self.violate(AVAILABLE, text)?;
                    }
                }
            }
        }
        Ok(())
    }

    // ---- what happens

    /// A bridge that works and has others beside it dies; the next one works, and everything is as before. Then it returns.
    fn a_bridge_dies(&mut self) -> Goes {
        let Some(death) = self.kills_a_bridge() else { return Ok(()) };
        self.pass(death.within)?;
        self.one_bridge_works(AFTER_DEATH)?;
        self.pass(TOGETHER)?;
        self.nobody_is_there_twice(AFTER_DEATH)?;
        self.returns(death);
        self.pass(RETURNS)?;
        self.is_at_rest("after the return of a bridge")
    }

    pub(crate) fn kills_a_bridge(&mut self) -> Option<Death> {
        let map = self.map();
        let has_another = |(host, bridge, group, session): &&(HostId, &Bridge, Place, Place)| {
            let beside = map.bridges.iter().filter(|(_, _, g, s)| (g, s) == (group, session)).count();
            bridge.active().is_none() && beside > 1 && self.world.node(*host).is_some()
        };
        let (host, at, ..) = map.bridges.iter().find(has_another)?;
        let (host, bridge) = (*host, at.id());
        drop(map);
        let how = if self.rng.below(2) == 0 { Crash::Process } else { Crash::Power };
        self.world.inject(&Fault::Crash { host, how, down: None, disk: DiskFate::Kept });
        self.ledger.borrow_mut().tally.takeovers += 1;
        let within = if how == Crash::Process { TAKES_OVER } else { TAKES_OVER_UNHEARD };
        Some(Death { host, bridge, within })
    }

    pub(crate) fn returns(&mut self, death: Death) {
        let gone = self.map().bridges.iter().any(|(_, bridge, ..)| bridge.id() == death.bridge);
        debug_assert!(!gone, "it is down");
        self.world.restart(death.host);
    }

    /// Everybody fetches of what it does not have, and its author still has; that the bytes are right the ledger sees.
    fn all_is_available(&mut self) -> Goes {
        let wanted = self.everybody_fetches();
        self.pass(FETCHING)?;
        self.have_fetched(wanted)
    }

    pub(crate) fn everybody_fetches(&mut self) -> BTreeMap<HostId, Vec<FileUuid>> {
        let map = self.map();
        let mut there: BTreeSet<FileUuid> = BTreeSet::new();
        for (_, author, _) in &map.stations {
            let own =
                author.core().commits().filter(|view| view.held && view.commit.station == Some(author.id()));
            there.extend(own.map(|view| view.commit.file));
        }
        let mut wanted: BTreeMap<HostId, Vec<FileUuid>> = BTreeMap::new();
        for (host, station, here) in &map.stations {
            let missing = station.core().commits().filter(|view| {
                let home = view.commit.station.and_then(|author| map.homes.get(&author));
                let seen = home.is_some_and(|home| home == here || map.leads(home, here));
                seen && !view.held && view.commit.for_stations.is_empty() && there.contains(&view.commit.file)
            });
            wanted.insert(*host, missing.map(|view| view.commit.file).collect());
        }
        drop(map);
        for (host, files) in &mut wanted {
            while files.len() > FETCHED_EACH {
                let one = self.rng.below(files.len() as u64);
                files.swap_remove(usize::try_from(one).unwrap_or(0));
            }
            for file in files {
                self.world.with(*host, |node, net| {
                    if let Node::Ours(station) = node {
                        station.fetch(*file, net);
                    }
                });
            }
        }
        wanted
    }

    pub(crate) fn have_fetched(&self, wanted: BTreeMap<HostId, Vec<FileUuid>>) -> Goes {
        for (host, files) in wanted {
            let Some(station) = self.world.node(host).and_then(Node::station) else { continue };
            let core = station.core();
            let has = |file: &FileUuid| core.commits().any(|view| view.held && view.commit.file == *file);
            if let Some(file) = files.iter().find(|file| !has(file)) {
                self.violate(AVAILABLE, format_args!("{host} lists {file}, and cannot fetch it"))?;
            }
        }
        Ok(())
    }
}

impl Map<'_> {
    /// Whether bridges show who is at home there here: from a group into sessions and through one session into other groups, from a
    /// session into groups.
    fn leads(&self, home: &Place, here: &Place) -> bool {
        let joined = |group: &Place, session: &Place| {
            self.bridges.iter().any(|(_, _, g, s)| (g, s) == (group, session))
        };
        match (home, here) {
            (Place::Group(_), Place::Session(_)) => joined(home, here),
            (Place::Session(_), Place::Group(_)) => joined(here, home),
            (Place::Group(_), Place::Group(_)) => {
                home != here
                    && self
                        .bridges
                        .iter()
                        .any(|(_, _, _, session)| joined(home, session) && joined(here, session))
            }
            (Place::Session(_), Place::Session(_)) => false,
        }
    }
}

/// Where nothing went wrong: what discovery shows is true by then.
const CALM: Duration = Duration::from_mins(3);
/// At rest nothing is done for so long.
pub(crate) const QUIET: Duration = Duration::from_secs(30);
/// Another bridge works so long after the process of the first one died, and it was asked whether it is there.
const TAKES_OVER: Duration = Duration::from_secs(30);
/// The same where its machine has no power any more, and only the lack of an answer tells.
const TAKES_OVER_UNHEARD: Duration = Duration::from_mins(1);
/// Its stand-ins are there, and those of the dead one are forgotten: discovery shows them until their records are too old.
pub(crate) const TOGETHER: Duration = Duration::from_secs(150);
/// It is back, and at work where it goes before the others.
pub(crate) const RETURNS: Duration = Duration::from_mins(4);
/// Time for files.
pub(crate) const FETCHING: Duration = Duration::from_secs(30);
/// So many each station fetches at the end.
const FETCHED_EACH: usize = 4;
pub(crate) const AFTER_DEATH: &str = "after the death of a bridge";
const ONE_WORKS: &str = "one-bridge-works";
const TWICE: &str = "nobody-is-there-twice";
const SEEN: &str = "everybody-is-seen";
const AVAILABLE: &str = "all-is-available";

//! What a world of candidates goes through: everything that is drawn for it; then, with the network in order, the death of its host, a newcomer
//! that flaps, a cut that heals; and what must be true in between and at the end.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::time::Duration;

use lan_sim::{
    BusProfile, Crash, DiskFate, Fault, HostId, LinkProfile, Outcome, Rng, Seed, Step, Time, World,
};
use mvrx_message::{FileUuid, StationUuid};

use super::Candidacy;
use super::watch::{INCUMBENT, RETURNING, Watch, is_of_session};
use crate::crew::{Among, Places};
use crate::plan::{act_in, check};
use crate::{Act, Ledger, Node, Station, quiet};

/// Lets it all happen.
pub(crate) fn play(
    seed: u64,
    world: &mut World<Node>,
    ledger: &RefCell<Ledger>,
    steps: &[Step<Act>],
) -> Outcome {
    let all: Vec<HostId> = world.hosts().collect();
    let watch = Watch::new(steps, &all, MEETING_ROUGH);
    let rng = Seed::new(seed).child("trial").rng();
    let mut trial = Trial { world, ledger, watch, rng, all, places: Places::of(0) };
    trial.run(steps).err().unwrap_or(Outcome::Passed)
}

/// What becomes of some candidates, who are all of a group.
pub(crate) struct Trial<'a> {
    pub(crate) world: &'a mut World<Node>,
    pub(crate) ledger: &'a RefCell<Ledger>,
    pub(crate) watch: Watch,
    pub(crate) rng: Rng,
    pub(crate) all: Vec<HostId>,
    pub(crate) places: Places,
}

/// A host that died, and those of its first heirs who died with it.
#[derive(Debug)]
pub(crate) struct Death {
    pub(crate) dead: Vec<HostId>,
    pub(crate) alive: Vec<HostId>,
    begun: Time,
    /// Somebody acts within this.
    within: Duration,
}

pub(crate) type Goes = Result<(), Outcome>;

impl Trial<'_> {
    fn run(&mut self, steps: &[Step<Act>]) -> Goes {
        self.pass_with(steps, Duration::from_secs(1))?;
        self.world.heal();
        for host in &self.all {
            self.world.set_profile(*host, LinkProfile::lan());
        }
        self.world.set_bus(BusProfile::calm());
        self.come_home(steps)?;
        self.watch.keeps_all(&self.all, self.world.now());
        self.pass(SETTLING)?;
        self.one_host_for_all("at rest", &self.all.clone())?;
        self.watch.meeting = MEETING;
        self.host_dies()?;
        self.host_sleeps()?;
        self.newcomer_flaps()?;
        self.network_parts()?;
        self.pass(quiet::REST)?;
        self.one_host_for_all("at the end", &self.all.clone())?;
        quiet::look(Among::all(self.world), &mut self.ledger.borrow_mut());
        self.no_commit_is_lost();
        check(self.ledger)?;
        self.a_person_moves_them()
    }

    pub(super) fn pass(&mut self, time: Duration) -> Goes {
        self.pass_with(&[], time)
    }

    fn pass_with(&mut self, steps: &[Step<Act>], rest: Duration) -> Goes {
        let (watch, ledger) = (&mut self.watch, self.ledger);
        let outcome = self.world.play(
            steps,
            rest,
            |world, act| act_in(world, ledger, act),
            |world, _| {
                watch.look(Among::all(world), ledger);
                if world.spins() > SPINS {
                    let text = format_args!("{} deadlines were in the past", world.spins());
                    ledger.borrow_mut().violate(SPINNING, text);
                }
                check(ledger)
            },
        );
        if outcome == Outcome::Passed { Ok(()) } else { Err(outcome) }
    }

    pub(super) fn violate(&self, check_name: &'static str, text: &str) -> Goes {
        self.ledger.borrow_mut().violate(check_name, format_args!("{text}"));
        check(self.ledger)
    }

    pub(super) fn pick(&mut self, of: u64) -> u64 {
        self.rng.below(of.max(1))
    }

    // ---- what is looked at

    pub(super) fn candidate(&self, host: HostId) -> Option<&Candidacy> {
        self.world.node(host).and_then(Node::candidate)
    }

    pub(crate) fn hosts_among(&self, group: &[HostId]) -> Vec<HostId> {
        let hosts =
            |host: &&HostId| self.candidate(**host).is_some_and(|candidate| candidate.host().is_some());
        group.iter().filter(hosts).copied().collect()
    }

    pub(crate) fn one_host_for_all(&self, when: &str, group: &[HostId]) -> Goes {
        if group.len() < 2 {
            return Ok(());
        }
        let hosts = self.hosts_among(group);
        let [host] = hosts[..] else {
            return self.violate(ONE_HOST, &format!("{when} {hosts:?} host for {group:?}"));
        };
        match group.iter().find(|member| !is_of_session(self.world, **member, host)) {
            Some(out) => {
                let phase = self.candidate(*out).map(Candidacy::phase);
                let text = format!("{when} {out} ({phase:?}) is not in the session of {host}");
                self.violate(ONE_HOST, &text)
            }
            None => Ok(()),
        }
    }

    /// What any station of the session holds, the host and all the others list.
    pub(crate) fn no_commit_is_lost(&self) {
        let mut held: BTreeSet<(FileUuid, Option<StationUuid>)> = BTreeSet::new();
        let ledger = self.ledger.borrow();
        let nodes = || self.all.iter().filter_map(|host| Some((*host, self.world.node(*host)?)));
        for (_, station) in nodes().filter_map(|(host, node)| Some((host, node.station()?))) {
            let files = station.core().commits().filter(|view| view.held);
            let files = files.filter(|view| ledger.is_public(view.commit.file));
            held.extend(files.map(|view| (view.commit.file, ledger.author(view.commit.file))));
        }
        drop(ledger);
        for (host, node) in nodes() {
            let listed = node.station().map(|station| station.core().commits().map(|view| view.commit.file));
            let listed: BTreeSet<FileUuid> = listed.into_iter().flatten().collect();
            let kept = node.rack().map(|rack| rack.host().commits().map(|view| view.commit.file));
            let kept: Option<BTreeSet<FileUuid>> = kept.map(Iterator::collect);
            // Its own that its disk did not give back a station takes from nobody's word.
            let me = node.station().map(Station::id);
            let lost = held.iter().find(|(file, author)| {
                (!listed.contains(file) && *author != me)
                    || kept.as_ref().is_some_and(|kept| !kept.contains(file))
            });
            if let Some((file, _)) = lost {
                let text = format_args!("{host} does not know {file}, which a station of the session holds");
                self.ledger.borrow_mut().violate(LOST, text);
            }
        }
    }

    // ---- what happens

    /// The host dies, and some of those who would succeed it first; the next one acts. Then they return.
    fn host_dies(&mut self) -> Goes {
        let Some(death) = self.kills_the_host() else { return Ok(()) };
        let next = loop {
            self.pass(Duration::from_millis(20))?;
            if let Some(next) = self.successor(&death)? {
                break next;
            }
        };
        self.pass(TOGETHER)?;
        self.one_host_for_all("after the death of the host", &death.alive)?;
        let pause = Duration::from_millis(self.pick(20_000));
        self.pass(pause)?;
        self.they_return(&death, next);
        self.pass(RETURN)?;
        self.have_returned(&death, next)
    }

    pub(crate) fn kills_the_host(&mut self) -> Option<Death> {
        let [host] = self.hosts_among(&self.all)[..] else { return None };
        let mut heirs: Vec<HostId> = self.all.iter().copied().filter(|heir| *heir != host).collect();
        let world = &*self.world;
        heirs.sort_by_key(|heir| {
            let there = world.node(*heir).and_then(Node::candidate);
            Reverse(there.map(|there| (there.priority(), there.station().id())))
        });
        if heirs.is_empty() {
            return None;
        }
        let with = self.pick(heirs.len().min(3) as u64);
        let dead: Vec<HostId> =
            std::iter::once(host).chain(heirs.into_iter().take(usize::try_from(with).unwrap_or(0))).collect();
        let how = if self.pick(2) == 0 { Crash::Process } else { Crash::Power };
        let begun = self.world.now();
        for dies in &dead {
            // What only they had may be gone with them; what others hold may not.
            let disk = if self.pick_one() { DiskFate::Kept } else { DiskFate::Wiped };
            self.world.inject(&Fault::Crash { host: *dies, how, down: None, disk });
        }
        let noticed = if how == Crash::Power { NOTICED } else { Duration::ZERO };
        let alive: Vec<HostId> = self.all.iter().copied().filter(|host| !dead.contains(host)).collect();
        Some(Death { dead, alive, begun, within: (noticed + ACTS + ON_THE_WAY).min(SUCCEEDED) })
    }

    /// Who acts, if somebody does; an error where that takes too long.
    pub(crate) fn successor(&mut self, death: &Death) -> Result<Option<HostId>, Outcome> {
        let Death { alive, begun, within, .. } = death;
        let took = self.world.now().since_start().saturating_sub(begun.since_start());
        if let Some(next) = self.hosts_among(alive).first() {
            let mut ledger = self.ledger.borrow_mut();
            ledger.tally.takeover = ledger.tally.takeover.max(took);
            return Ok(Some(*next));
        }
        if took > *within {
            self.violate(SUCCESSOR, &format!("nobody of {alive:?} hosts after {took:?}"))?;
        }
        Ok(None)
    }

    pub(crate) fn they_return(&mut self, death: &Death, next: HostId) {
        self.watch.incumbent = Some(next);
        self.watch.clients = death.dead.iter().copied().collect();
        for returns in &death.dead {
            self.world.restart(*returns);
        }
    }

    pub(crate) fn have_returned(&mut self, death: &Death, next: HostId) -> Goes {
        for back in &death.dead {
            if !is_of_session(self.world, *back, next) {
                let phase = self.candidate(*back).map(Candidacy::phase);
                self.violate(RETURNING, &format!("{back} ({phase:?}) is not in the session of {next}"))?;
            }
        }
        self.watch.clients.clear();
        self.one_host_for_all("after the return of the former host", &self.all)
    }

    /// The host's machine does nothing for a while, and goes on: its successor stays, and it is one of the successor's session.
    fn host_sleeps(&mut self) -> Goes {
        let [host] = self.hosts_among(&self.all)[..] else { return Ok(()) };
        let others: Vec<HostId> = self.all.iter().copied().filter(|other| *other != host).collect();
        if others.is_empty() {
            return Ok(());
        }
        let begun = self.world.now();
        let span = Duration::from_millis(8_000 + self.pick(8_000));
        self.watch.keeps_all(&self.all, begun + span);
        self.world.inject(&Fault::Pause { host, span });
        let within = NOTICED + ACTS + ON_THE_WAY;
        let sleep = Death { dead: vec![host], alive: others, begun, within };
        let next = loop {
            self.pass(Duration::from_millis(20))?;
            if let Some(next) = self.successor(&sleep)? {
                break next;
            }
        };
        self.watch.incumbent = Some(next);
        let acted = self.world.now().since_start().saturating_sub(begun.since_start());
        self.pass(span.saturating_sub(acted) + MEETING + TOGETHER)?;
        self.one_host_for_all("after the host was asleep", &self.all)?;
        self.watch.incumbent = None;
        Ok(())
    }

    /// One that does not host comes and goes, of the highest priority from now on.
    fn newcomer_flaps(&mut self) -> Goes {
        let [host] = self.hosts_among(&self.all)[..] else { return Ok(()) };
        self.watch.incumbent = Some(host);
        let others: Vec<HostId> = self.all.iter().copied().filter(|other| *other != host).collect();
        let nth = usize::try_from(self.pick(others.len() as u64)).unwrap_or(0);
        let Some(flaps) = others.get(nth).copied() else { return Ok(()) };
        self.ledger.borrow_mut().give_priority(flaps, HIGHEST);
        for _ in 0..3 + self.pick(3) {
            let how = if self.pick_one() { Crash::Process } else { Crash::Power };
            self.world.crash(flaps, how);
            let down = Duration::from_millis(10 + self.pick(4_000));
            self.pass(down)?;
            self.world.restart(flaps);
            let up = Duration::from_millis(10 + self.pick(9_000));
            self.pass(up)?;
        }
        self.pass(RETURN)?;
        self.one_host_for_all("after somebody flapped", &self.all)?;
        if self.hosts_among(&self.all).first() != Some(&host) {
            self.violate(INCUMBENT, &format!("{host} was displaced"))?;
        }
        self.watch.incumbent = None;
        Ok(())
    }

    /// The network parts in two for a while.
    fn network_parts(&mut self) -> Goes {
        let mut parts: [Vec<HostId>; 2] = Default::default();
        for host in self.all.clone() {
            if self.pick_one() { parts[0].push(host) } else { parts[1].push(host) }
        }
        let breaks = self.pick_one();
        self.watch.keeps_all(&self.all, self.world.now() + PARTED);
        self.world.inject(&Fault::Partition { hosts: parts[0].clone(), span: PARTED, breaks });
        self.pass(PARTED - Duration::from_secs(1))?;
        for part in &parts {
            self.one_host_for_all("while the network is parted", part)?;
        }
        self.pass(Duration::from_secs(1) + MEETING + TOGETHER)?;
        self.one_host_for_all("after the cut", &self.all)
    }

    fn pick_one(&mut self) -> bool {
        self.pick(2) == 0
    }
}

/// Without faults: whatever was under way has ended then.
const SETTLING: Duration = Duration::from_mins(3);
/// Two hosts become one within this where the network is in order: until discovery shows them, and until they have asked each other.
pub(crate) const MEETING: Duration = Duration::from_secs(20);
/// The same while links break at random and sightings are lost.
pub(crate) const MEETING_ROUGH: Duration = Duration::from_secs(60);
/// A power cut is noticed within this, a process that dies at once.
const NOTICED: Duration = Duration::from_secs(3);
/// One of the first three successors acts within this of noticing.
const ACTS: Duration = Duration::from_secs(6);
/// To start a host, and for what is on its way.
const ON_THE_WAY: Duration = Duration::from_millis(500);
/// From the death of a host to the next one's start it may never take longer, whatever the parts of it are.
const SUCCEEDED: Duration = Duration::from_secs(10);
/// All are with the successor so long after it acted.
pub(crate) const TOGETHER: Duration = Duration::from_secs(5);
/// Who starts again has found the host within this.
pub(crate) const RETURN: Duration = Duration::from_secs(30);
pub(crate) const PARTED: Duration = Duration::from_mins(1);
const HIGHEST: u32 = 100;
/// A deadline may be in the past once in a while, where something else happened at the same moment.
const SPINS: u64 = 100;
pub(crate) const SPINNING: &str = "nobody-spins";
const ONE_HOST: &str = "one-host-for-all";
const SUCCESSOR: &str = "a-successor-acts-in-time";
const LOST: &str = "no-commit-is-lost";

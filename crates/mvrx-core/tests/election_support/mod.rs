//! Stations with their elections, a network that parts, and discovery that is late, loses and lingers, as one world in virtual time.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use mvrx_core::election::{
    ElectedHost, Election, ElectionConfig, ElectionInput, ElectionOutput, ElectionPhase,
};
use mvrx_message::{GroupName, StationUuid, Successor};

/// One machine.
struct Machine {
    priority: u32,
    election: Option<Election>,
    /// Grows with each start; what was on its way to an earlier one is lost.
    boot: u32,
    /// The host of whose session it is, and whether the connection stands.
    session: Option<(usize, bool)>,
    /// Its own host: what it shows, if it runs.
    host: Option<ElectedHost>,
    /// In the group of TCP mode, and seen there.
    in_group: bool,
    /// Whose election it takes part in.
    group: usize,
    /// Without power: whoever wants to join it waits in vain, instead of being refused at once.
    dark: bool,
}

enum Happens {
    /// A station is told something.
    Told(usize, u32, ElectionInput),
    /// A host counts who is there.
    Counts(usize, u32),
    /// A join that is under way ends.
    Arrives(usize, u32, String),
    /// What is shown is seen, if it is still so.
    Look(usize, usize),
    /// A connection is noticed to be gone.
    Notice(usize, u32, usize),
    /// Our station tries the host that it lost again.
    Retry(usize, u32),
}

pub struct World {
    seed: u64,
    random: u64,
    now: Duration,
    calm: bool,
    machines: Vec<Machine>,
    /// In which part of the network each is.
    parts: Vec<u8>,
    events: BTreeMap<(Duration, u64), Happens>,
    next: u64,
    /// What each sees: the group's stations, and the hosts.
    sees: Vec<(BTreeSet<usize>, BTreeMap<usize, ElectedHost>)>,
    /// Until when each sees nothing new.
    deaf_until: Vec<Duration>,
    story: String,
}

impl World {
    pub fn new(seed: u64) -> Self {
        Self::of(seed, false, 2)
    }

    /// One in which so many are left when the host and two more are gone.
    pub fn crowd(seed: u64) -> Self {
        Self::of(seed, false, 4)
    }

    pub fn calm(seed: u64) -> Self {
        Self::of(seed, true, 2)
    }

    fn of(seed: u64, calm: bool, least: usize) -> Self {
        let mut world = Self {
            seed,
            random: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            now: Duration::ZERO,
            calm,
            machines: Vec::new(),
            parts: Vec::new(),
            events: BTreeMap::new(),
            next: 0,
            sees: Vec::new(),
            deaf_until: Vec::new(),
            story: String::new(),
        };
        for _ in 0..8 {
            world.random();
        }
        let count = least + world.pick(7 - least);
        for _ in 0..count {
            let priority = u32::try_from(world.pick(3)).unwrap();
            let (election, session, host) = (None, None, None);
            let (in_group, group, dark) = (false, 0, false);
            world.machines.push(Machine {
                priority,
                election,
                boot: 0,
                session,
                host,
                in_group,
                group,
                dark,
            });
            world.parts.push(0);
            world.sees.push(Default::default());
            world.deaf_until.push(Duration::ZERO);
        }
        world
    }

    fn random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random >> 11
    }

    pub fn pick(&mut self, of: usize) -> usize {
        usize::try_from(self.random() % of as u64).unwrap()
    }

    pub fn count(&self) -> usize {
        self.machines.len()
    }

    pub const fn now(&self) -> Duration {
        self.now
    }

    pub fn story(&self) -> &str {
        let from = self.story.len().saturating_sub(6_000);
        let from = (from..self.story.len()).find(|at| self.story.is_char_boundary(*at)).unwrap_or(0);
        &self.story[from..]
    }

    fn within(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_millis(least + self.random() % (most - least + 1))
    }

    fn at(&mut self, after: Duration, what: Happens) {
        self.next += 1;
        self.events.insert((self.now + after, self.next), what);
    }

    fn connected(&self, one: usize, other: usize) -> bool {
        self.parts[one] == self.parts[other]
    }

    // ---- what people and fate do

    pub fn start_all(&mut self) {
        for n in 0..self.count() {
            let wait = self.within(0, 1_500);
            self.pass(wait);
            self.start(n);
        }
    }

    /// All at once: who starts later than the first ones look around finds a host, however high it is itself.
    pub fn start_together(&mut self) {
        for n in 0..self.count() {
            self.start(n);
        }
    }

    pub fn start(&mut self, n: usize) {
        if self.machines[n].election.is_some() {
            return;
        }
        let _ = writeln!(self.story, "{:?} {n} starts, priority {}", self.now, self.machines[n].priority);
        let config = ElectionConfig::new(
            station(n),
            host(n),
            self.machines[n].priority,
            group(self.machines[n].group),
        );
        let machine = &mut self.machines[n];
        machine.boot += 1;
        (machine.in_group, machine.dark) = (true, false);
        let mut election = Election::new(config);
        let outputs = election.step(self.now, ElectionInput::Tick);
        machine.election = Some(election);
        self.sees[n] = Default::default();
        self.carry_out(n, outputs);
        self.everybody_looks();
    }

    /// A person moves it, alone, into a group.
    pub fn moves(&mut self, n: usize, to: usize) {
        if self.machines[n].election.is_none() {
            return;
        }
        let _ = writeln!(self.story, "{:?} a person moves {n} to group {to}", self.now);
        (self.machines[n].session, self.machines[n].in_group) = (None, true);
        self.tell(n, ElectionInput::MovedTo(group(to)));
        self.tell_members();
        self.everybody_looks();
    }

    /// A person moves it, alone, into the session of this host.
    pub fn moves_into(&mut self, n: usize, host: usize) {
        let _ = writeln!(self.story, "{:?} a person moves {n} into the session of {host}", self.now);
        self.machines[n].session = None;
        self.tell(n, ElectionInput::MovedAway);
        self.enter(n, host);
    }

    /// Whose election it takes part in.
    pub fn group_of(&self, n: usize) -> usize {
        self.machines[n].group
    }

    /// Of whose session it is.
    pub fn session_of(&self, n: usize) -> Option<usize> {
        self.machines[n].session.filter(|(_, stands)| *stands).map(|(host, _)| host)
    }

    pub fn crash(&mut self, n: usize) {
        if self.machines[n].election.take().is_none() {
            return;
        }
        let _ = writeln!(self.story, "{:?} {n} crashes", self.now);
        let machine = &mut self.machines[n];
        (machine.session, machine.host, machine.in_group) = (None, None, false);
        for other in 0..self.count() {
            if self.machines[other].session == Some((n, true)) {
                let after = self.within(0, 300);
                let boot = self.machines[other].boot;
                // A connection whose other end is cut off is noticed later.
                let late = if self.connected(n, other) { Duration::ZERO } else { SILENT };
                self.at(after + late, Happens::Notice(other, boot, n));
            }
        }
        // Nobody says goodbye for it: what is shown stays for a while.
        self.everybody_looks();
        self.tell_members();
    }

    /// All of these lose their power at one moment: nobody is told, whoever they had a connection to notices by their silence.
    pub fn cut_power(&mut self, all: &[usize]) {
        for dark in all {
            let _ = writeln!(self.story, "{:?} {dark} loses its power", self.now);
            let machine = &mut self.machines[*dark];
            (machine.election, machine.session, machine.host) = (None, None, None);
            (machine.in_group, machine.dark) = (false, true);
        }
        for n in 0..self.count() {
            if let Some((host, true)) = self.machines[n].session
                && all.contains(&host)
            {
                self.notices_silence(n, host);
            }
        }
        self.everybody_looks();
    }

    /// It was heard last at some moment since the last question and its answer.
    fn notices_silence(&mut self, n: usize, host: usize) {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap();
        let (after, boot) =
            (self.within(millis(ElectionConfig::PONG_WITHIN), millis(SILENT)), self.machines[n].boot);
        self.at(after, Happens::Notice(n, boot, host));
    }

    pub fn flap(&mut self, n: usize) {
        self.crash(n);
        let wait = self.within(10, 3_000);
        self.pass(wait);
        self.start(n);
    }

    pub fn kill_a_host(&mut self) {
        if let Some(n) = (0..self.count()).find(|n| self.machines[*n].host.is_some()) {
            self.crash(n);
        }
    }

    pub fn part(&mut self) {
        for n in 0..self.count() {
            self.parts[n] = u8::try_from(self.pick(2)).unwrap();
        }
        let _ = writeln!(self.story, "{:?} parted {:?}", self.now, self.parts);
        self.notice_parting();
    }

    fn notice_parting(&mut self) {
        for n in 0..self.count() {
            if let Some((host, true)) = self.machines[n].session
                && !self.connected(n, host)
            {
                self.notices_silence(n, host);
            }
        }
        self.everybody_looks();
    }

    pub fn heal(&mut self) {
        let _ = writeln!(self.story, "{:?} healed", self.now);
        self.parts.iter_mut().for_each(|part| *part = 0);
        self.everybody_looks();
    }

    /// For a while nothing new is seen.
    pub fn lose_sightings(&mut self) {
        let until = self.now + Duration::from_secs(5);
        self.deaf_until.iter_mut().for_each(|deaf| *deaf = until);
    }

    /// One of them remembers what was shown, and sees nothing new for so long.
    pub fn deafen(&mut self, n: usize, time: Duration) {
        self.deaf_until[n] = self.now + time;
    }

    /// The cable of one is pulled.
    pub fn cut_off(&mut self, n: usize) {
        self.parts[n] = 1;
        let _ = writeln!(self.story, "{:?} {n} is cut off", self.now);
        self.notice_parting();
    }

    /// One remembers another's host, as alone or not.
    pub fn remembers(&mut self, n: usize, other: usize, alone: bool) {
        let mut shown = self.machines[other].host.clone().unwrap();
        shown.alone = alone;
        self.sees[n].1.insert(other, shown.clone());
        self.tell(n, ElectionInput::HostSeen(shown));
    }

    /// The first two who succeed this host, as it told them.
    pub fn first_heirs(&self, of: usize) -> Vec<usize> {
        self.succession(of).iter().take(2).map(|next| number(next.station)).collect()
    }

    /// Those that host.
    pub fn hosts(&self) -> Vec<usize> {
        (0..self.count()).filter(|n| self.machines[*n].host.is_some()).collect()
    }

    // ---- time

    pub fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        for _ in 0..200_000 {
            let timer = (0..self.count())
                .filter_map(|n| Some((self.machines[n].election.as_ref()?.deadline()?, n)))
                .min();
            let event = self.events.first_key_value().map(|(key, _)| *key);
            let timer_first = timer.is_some_and(|(at, _)| event.is_none_or(|(first, _)| at < first));
            let at = if timer_first { timer.map(|(at, _)| at) } else { event.map(|(at, _)| at) };
            let Some(at) = at.filter(|at| *at <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(at);
            if timer_first {
                self.tell(timer.unwrap().1, ElectionInput::Tick);
            } else {
                let happens = self.events.remove(&event.unwrap()).unwrap();
                self.happens(happens);
            }
        }
        panic!("seed {}: it never comes to rest\n{}", self.seed, self.story());
    }

    fn happens(&mut self, what: Happens) {
        match what {
            Happens::Told(n, boot, input) if self.machines[n].boot == boot => self.tell(n, input),
            Happens::Counts(n, boot) if self.machines[n].boot == boot => {
                let members = (0..self.count()).filter(|other| *other != n);
                let members =
                    members.filter(|other| self.machines[*other].session == Some((n, true))).count();
                self.tell(n, ElectionInput::Members(members));
            }
            Happens::Arrives(n, boot, url) if self.machines[n].boot == boot => self.arrives(n, &url),
            Happens::Look(n, other) => self.look(n, other),
            Happens::Notice(n, boot, host) if self.machines[n].boot == boot => {
                let gone = self.machines[host].host.is_none() || !self.connected(n, host);
                if self.machines[n].session == Some((host, true)) && gone {
                    self.machines[n].session = Some((host, false));
                    self.at(Duration::from_secs(1), Happens::Retry(n, boot));
                    self.tell(n, ElectionInput::Lost);
                    self.tell_members();
                }
            }
            Happens::Retry(n, boot) if self.machines[n].boot == boot => {
                if let Some((host, false)) = self.machines[n].session {
                    if self.is_there(n, host) {
                        self.enter(n, host);
                    } else {
                        let after = self.within(1_000, 3_000);
                        self.at(after, Happens::Retry(n, boot));
                    }
                }
            }
            _ => {}
        }
    }

    fn is_there(&self, n: usize, host: usize) -> bool {
        self.machines[host].host.is_some() && self.connected(n, host)
    }

    fn tell(&mut self, n: usize, input: ElectionInput) {
        let Some(election) = self.machines[n].election.as_mut() else { return };
        let before = election.phase();
        let quiet = matches!(input, ElectionInput::Tick);
        let text = if quiet { String::new() } else { format!("{input:?}") };
        let outputs = election.step(self.now, input);
        let after = election.phase();
        let next = election.deadline();
        // Who is woken when it wants to be, and wants to be woken at once again, keeps its processor busy for nothing.
        if quiet && next.is_some_and(|next| next <= self.now) {
            panic!(
                "seed {}: {n} is {after:?} at {:?} and waits for {next:?}\n{}",
                self.seed,
                self.now,
                self.story()
            );
        }
        if !quiet || before != after || !outputs.is_empty() {
            let _ = writeln!(self.story, "{:?} {n} {before:?}->{after:?} {text} => {outputs:?}", self.now);
        }
        self.carry_out(n, outputs);
    }

    fn carry_out(&mut self, n: usize, outputs: Vec<ElectionOutput>) {
        let boot = self.machines[n].boot;
        for output in outputs {
            match output {
                ElectionOutput::Start => {
                    let started = ElectionInput::Started { url: url(n), since: self.now.as_secs() };
                    let after = self.within(1, 60);
                    self.at(after, Happens::Told(n, boot, started));
                }
                ElectionOutput::Show(host) => {
                    self.machines[n].host = Some(host);
                    self.everybody_looks();
                }
                ElectionOutput::Join { url } => self.goes(n, url),
                ElectionOutput::Lead { url, others } => {
                    self.goes(n, url.clone());
                    for other in others {
                        let other = number(other);
                        let follows = self.machines[other].in_group && self.connected(n, other);
                        if follows && self.machines[other].election.is_some() && self.pick(4) > 0 {
                            self.goes(other, url.clone());
                        }
                    }
                }
                ElectionOutput::End { next } => {
                    self.machines[n].host = None;
                    self.ended(n, next);
                }
                ElectionOutput::Probe { host, .. } => {
                    let other = number(host);
                    let says = self.machines[other].host.clone().filter(|_| self.is_there(n, other));
                    // It says for which group.
                    let says = says.filter(|_| self.machines[n].group == self.machines[other].group);
                    let after = if says.is_some() { self.within(1, 50) } else { ElectionConfig::ATTEMPT };
                    self.at(after, Happens::Told(n, boot, ElectionInput::Probed { host, says }));
                }
                // All who are shown there are silent, or the network is not to be had.
                ElectionOutput::GoBack if !self.machines[n].in_group && self.pick(3) == 0 => {
                    let after = self.within(20, 2_000);
                    self.at(after, Happens::Told(n, boot, ElectionInput::NotBack));
                }
                ElectionOutput::GoBack => {
                    self.machines[n].session = None;
                    self.machines[n].in_group = true;
                    self.everybody_looks();
                    self.at(Duration::ZERO, Happens::Told(n, boot, ElectionInput::Back));
                }
                ElectionOutput::Group(to) => {
                    self.machines[n].group = GROUPS.iter().position(|name| *name == to.as_str()).unwrap();
                    self.sees[n] = Default::default();
                    self.everybody_looks();
                }
                _ => {}
            }
        }
    }

    /// A station is on its way into a session.
    fn goes(&mut self, n: usize, url: String) {
        let there = self.is_there(n, of_url(&url));
        let late = (self.pick(3) == 0 && !there) || self.machines[of_url(&url)].dark;
        let after = if late { ElectionConfig::ATTEMPT } else { self.within(5, 200) };
        let boot = self.machines[n].boot;
        self.at(after, Happens::Arrives(n, boot, url));
    }

    fn arrives(&mut self, n: usize, url: &str) {
        let host = of_url(url);
        if self.machines[n].election.is_none() {
            return;
        }
        if self.is_there(n, host) {
            self.enter(n, host);
        } else {
            self.tell(n, ElectionInput::NotJoined);
        }
    }

    fn enter(&mut self, n: usize, to: usize) {
        self.machines[n].session = Some((to, true));
        self.machines[n].in_group = false;
        self.tell(n, self.joined(to, self.succession(to)));
        self.tell_members();
        self.everybody_looks();
    }

    fn joined(&self, to: usize, succession: Vec<Successor>) -> ElectionInput {
        ElectionInput::Joined { host: host(to), succession, group: Some(group(self.machines[to].group)) }
    }

    fn succession(&self, of: usize) -> Vec<Successor> {
        let mut all: Vec<usize> =
            (0..self.count()).filter(|n| *n != of && self.machines[*n].session == Some((of, true))).collect();
        all.sort_by_key(|n| std::cmp::Reverse((self.machines[*n].priority, station(*n))));
        let next = |n: &usize| Successor {
            station: station(*n),
            priority: self.machines[*n].priority,
            url: url(*n),
        };
        all.iter().take(5).map(next).collect()
    }

    /// Every host tells its succession, and learns how many are there.
    fn tell_members(&mut self) {
        for of in 0..self.count() {
            if self.machines[of].host.is_none() {
                continue;
            }
            let succession = self.succession(of);
            for n in 0..self.count() {
                if self.machines[n].session == Some((of, true)) && self.connected(n, of) {
                    let joined = self.joined(of, succession.clone());
                    let (after, boot) = (self.within(1, 20), self.machines[n].boot);
                    // As long as it is one of that session then.
                    self.at(after, Happens::Told(n, boot, joined));
                }
            }
            let (after, boot) = (self.within(1, 20), self.machines[of].boot);
            self.at(after, Happens::Counts(of, boot));
        }
    }

    fn ended(&mut self, of: usize, next: Option<ElectedHost>) {
        let succession: Vec<Successor> = next
            .into_iter()
            .map(|next| Successor { station: next.host, priority: next.priority, url: next.url })
            .collect();
        for n in 0..self.count() {
            if self.machines[n].session == Some((of, true)) {
                let boot = self.machines[n].boot;
                if n != of && !succession.is_empty() && self.connected(n, of) {
                    let joined = self.joined(of, succession.clone());
                    self.at(Duration::from_millis(1), Happens::Told(n, boot, joined));
                }
                self.at(Duration::from_millis(30), Happens::Notice(n, boot, of));
            }
        }
        self.everybody_looks();
    }

    // ---- discovery

    fn everybody_looks(&mut self) {
        for n in 0..self.count() {
            for other in (0..self.count()).filter(|other| *other != n) {
                // Most is seen at once, some late; what is gone without a word is seen to be gone later still.
                let lost = !self.calm && self.pick(6) == 0;
                let after = if lost { self.within(1_000, 2_500) } else { self.within(10, 400) };
                self.at(after, Happens::Look(n, other));
                let later = self.within(20_000, 30_000);
                self.at(later, Happens::Look(n, other));
            }
        }
    }

    fn look(&mut self, n: usize, other: usize) {
        if self.machines[n].election.is_none() {
            return;
        }
        if self.now < self.deaf_until[n] {
            let after = self.deaf_until[n] - self.now + Duration::from_millis(10);
            return self.at(after, Happens::Look(n, other));
        }
        let reached = self.connected(n, other) && self.machines[other].election.is_some();
        let ours = self.machines[n].group == self.machines[other].group;
        let shows = reached && ours && self.machines[other].in_group;
        let host = self.machines[other].host.clone().filter(|_| reached && ours);
        // What vanishes in silence lingers.
        let lingers = !reached && self.pick(4) > 0;
        if shows && self.sees[n].0.insert(other) {
            let seen = ElectionInput::StationSeen {
                station: station(other),
                priority: self.machines[other].priority,
            };
            self.tell(n, seen);
        } else if !shows && !lingers && self.sees[n].0.remove(&other) {
            self.tell(n, ElectionInput::StationGone { station: station(other) });
        }
        match host {
            Some(shown) if self.sees[n].1.get(&other) != Some(&shown) => {
                self.sees[n].1.insert(other, shown.clone());
                self.tell(n, ElectionInput::HostSeen(shown));
            }
            None if !lingers && self.sees[n].1.remove(&other).is_some() => {
                self.tell(n, ElectionInput::HostGone { host: self::host(other) });
            }
            _ => {}
        }
    }

    // ---- what must hold

    pub fn host(&self) -> Option<usize> {
        let mut hosts = (0..self.count()).filter(|n| self.machines[*n].host.is_some());
        let first = hosts.next();
        first.filter(|_| hosts.next().is_none())
    }

    pub fn highest(&self) -> usize {
        (0..self.count()).max_by_key(|n| (self.machines[*n].priority, station(*n))).unwrap()
    }

    pub fn phase(&self, n: usize) -> ElectionPhase {
        self.machines[n].election.as_ref().unwrap().phase()
    }

    pub fn all_in_one_session(&self) -> bool {
        let Some(host) = self.host() else { return false };
        let up = self.machines.iter().filter(|machine| machine.election.is_some());
        up.clone().count() < 2 || up.clone().all(|machine| machine.session == Some((host, true)))
    }

    /// Each group of each connected part has one host at most, one where there are two stations or more, and all are in its session.
    pub fn check(&mut self, when: &str) {
        for (part, group) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            let up: Vec<usize> = (0..self.count())
                .filter(|n| self.parts[*n] == part && self.machines[*n].group == group)
                .filter(|n| self.machines[*n].election.is_some())
                .collect();
            let hosts: Vec<usize> = up.iter().copied().filter(|n| self.machines[*n].host.is_some()).collect();
            let fine = match (up.len(), hosts.as_slice()) {
                (0, []) | (1, [] | [_]) => true,
                (_, [host]) => up.iter().all(|n| self.machines[*n].session == Some((*host, true))),
                _ => false,
            };
            let phases: Vec<_> = up.iter().map(|n| (n, self.phase(*n), self.machines[*n].session)).collect();
            assert!(
                fine,
                "seed {}, {when}: up {up:?}, hosts {hosts:?}, {phases:?}\n(ELECTION_SEED={} replays it)\n{}",
                self.seed,
                self.seed,
                self.story()
            );
        }
    }

    /// Somebody higher comes and goes: the host stays.
    pub fn nobody_displaces_the_host(&mut self) {
        let Some(host) = self.host() else { return };
        let members = self.machines.iter().filter(|machine| machine.session == Some((host, true))).count();
        if members < 3 {
            // Alone after the other one went, it would give way to anybody, and rightly.
            return;
        }
        for _ in 0..3 {
            let n = self.pick(self.count());
            if n == host {
                continue;
            }
            self.machines[n].priority = 100;
            self.flap(n);
            self.pass(Duration::from_secs(20));
            assert_eq!(self.host(), Some(host), "seed {}: displaced\n{}", self.seed, self.story());
        }
        self.check("after flapping");
    }
}

/// Who falls silent is noticed after this at the latest.
const SILENT: Duration = ElectionConfig::PING_AFTER.saturating_add(ElectionConfig::PONG_WITHIN);

pub fn station(n: usize) -> StationUuid {
    StationUuid::from_random_bytes([u8::try_from(n).unwrap() + 1; 16])
}

pub fn host(n: usize) -> StationUuid {
    StationUuid::from_random_bytes([u8::try_from(n).unwrap() + 101; 16])
}

/// One of two.
pub fn group(n: usize) -> GroupName {
    GroupName::join(GROUPS[n]).unwrap()
}

const GROUPS: [&str; 2] = ["Default", "Tour"];

fn number(of: StationUuid) -> usize {
    (0..100).find(|n| station(*n) == of || host(*n) == of).unwrap()
}

fn url(n: usize) -> String {
    format!("ws://10.0.0.{n}:42480/")
}

fn of_url(url: &str) -> usize {
    url.trim_start_matches("ws://10.0.0.").split(':').next().unwrap().parse().unwrap()
}

//! Stations, groups and two hosts of sessions, joined by streams that deliver when they are told to: what drivers, sockets, discovery and disks do otherwise.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use mvrx_core::host::{self, Host};
use mvrx_core::{
    Command, Config, ConnId, Core, Ending, Event, Input, Membership, MoveAnswer, Moves, Output, PlaceId,
    Presence, SessionConfig, Sighting, Stay, Timer,
};
use mvrx_message::{
    Commit, FileUuid, GroupName, Message, MvrVersion, Parsed, QuirkSet, SessionTarget, StationUuid,
};

/// Hosts have the numbers from here on.
const HOSTS: usize = 100;

pub fn id(n: usize) -> StationUuid {
    StationUuid::from_random_bytes([u8::try_from(n).unwrap() + 1; 16])
}

pub fn url(host: usize) -> SessionTarget {
    SessionTarget::Url(format!("ws://10.0.1.{host}:80/"))
}

pub fn group(name: &str) -> SessionTarget {
    SessionTarget::Group(GroupName::create(name).unwrap())
}

#[derive(Debug)]
enum Item {
    Message(Box<Message>),
    End,
}

#[derive(Debug)]
struct Wire {
    dialer: usize,
    at_dialer: Option<ConnId>,
    acceptor: usize,
    at_acceptor: Option<ConnId>,
    up: VecDeque<Item>,
    down: VecDeque<Item>,
}

pub struct Station {
    pub core: Core,
    pub alive: bool,
    rule: Moves,
    shown_in: BTreeSet<String>,
    /// The next start is here.
    kept: SessionTarget,
    kept_label: String,
    /// What was kept before the move under way kept its place.
    kept_before: Option<(SessionTarget, String)>,
    saving: Option<(SessionTarget, String)>,
    /// The files that come along there.
    along: (String, Vec<FileUuid>),
    label: String,
    store: BTreeMap<String, Vec<Commit>>,
    dials: Vec<(ConnId, usize)>,
    /// Others whose announcements have changed.
    unseen: BTreeSet<usize>,
    preparing: Option<SessionTarget>,
    held_back: Option<Vec<Commit>>,
    /// Moves that were asked for and have not ended.
    pub led: usize,
    pub answers: Vec<(StationUuid, MoveAnswer)>,
    pub moved: usize,
}

pub struct World {
    pub stations: Vec<Station>,
    pub hosts: Vec<Host>,
    pub now: Duration,
    /// Pairs that cannot connect, hosts included.
    parted: BTreeSet<(usize, usize)>,
    wires: BTreeMap<u64, Wire>,
    random: u64,
    next: u64,
    seed: u64,
}

impl Station {
    /// Files of another group are this one's, too.
    fn keep_along(&mut self, label: &str, files: &[FileUuid]) {
        let known: BTreeMap<FileUuid, Commit> =
            self.store.values().flatten().map(|commit| (commit.file, commit.clone())).collect();
        let of_it = self.store.entry(label.to_owned()).or_default();
        for commit in files.iter().filter_map(|file| known.get(file)) {
            if !of_it.iter().any(|other| other.file == commit.file) {
                of_it.push(commit.clone());
            }
        }
    }
}

impl World {
    pub fn new(seed: u64) -> Self {
        let count = 3 + usize::try_from(seed % 3).unwrap();
        let random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let hosts = (0..2).map(new_host).collect();
        let mut world = Self {
            stations: Vec::new(),
            hosts,
            now: Duration::ZERO,
            parted: BTreeSet::new(),
            wires: BTreeMap::new(),
            random,
            next: 0,
            seed,
        };
        for n in 0..count {
            let rule = match world.below(4) {
                0 => Moves::Never,
                1 => Moves::Listed((0..count).filter(|m| m % 2 == 0).map(id).collect()),
                _ => Moves::Always,
            };
            let start = if world.below(3) == 0 { url(0) } else { group("A") };
            let station = world.fresh_station(n, rule, &start, "A", BTreeMap::new());
            world.stations.push(station);
        }
        for n in 0..count {
            world.start(n);
        }
        world
    }

    pub fn below(&mut self, most: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) % most.max(1)
    }

    pub fn pick(&mut self, most: usize) -> usize {
        usize::try_from(self.below(most as u64)).unwrap()
    }

    pub fn any_place(&mut self) -> SessionTarget {
        match self.below(4) {
            0 => group("A"),
            1 => group("B"),
            n => url(usize::try_from(n - 2).unwrap()),
        }
    }

    fn fresh_station(
        &self,
        n: usize,
        rule: Moves,
        place: &SessionTarget,
        label: &str,
        store: BTreeMap<String, Vec<Commit>>,
    ) -> Station {
        let mut config =
            Config::new(id(n), &format!("station {n}"), "mvrx", GroupName::create(label).unwrap());
        config.moves = rule.clone();
        if let SessionTarget::Url(url) = place {
            let session = SessionConfig::new(url, self.seed.wrapping_add(n as u64));
            config.session = Some(SessionConfig { files_connection: false, ..session });
        }
        Station {
            core: Core::new(config),
            alive: true,
            rule,
            shown_in: BTreeSet::new(),
            kept: place.clone(),
            kept_label: label.to_owned(),
            kept_before: None,
            saving: None,
            along: (String::new(), Vec::new()),
            label: label.to_owned(),
            store,
            dials: Vec::new(),
            unseen: BTreeSet::new(),
            preparing: None,
            held_back: None,
            led: 0,
            answers: Vec::new(),
            moved: 0,
        }
    }

    fn start(&mut self, n: usize) {
        let label = self.stations[n].label.clone();
        let stored = self.stations[n].store.get(&label).cloned().unwrap_or_default();
        for commit in stored {
            self.step(n, Input::Command(Command::Restore(commit)));
        }
        self.step(n, Input::Start);
        self.stations[n].unseen = (0..self.stations.len()).filter(|m| *m != n).collect();
    }

    // ---- what people and fate do

    pub fn lead(&mut self, n: usize, to: SessionTarget) {
        if self.stations[n].alive {
            self.stations[n].led += 1;
            self.stations[n].answers.clear();
            self.step(n, Input::Command(Command::Move { to, force: false }));
        }
    }

    pub fn commit(&mut self, n: usize) {
        if !self.stations[n].alive {
            return;
        }
        self.next += 1;
        let mut bytes = [9; 16];
        bytes[..8].copy_from_slice(&self.next.to_be_bytes());
        let commit = Commit {
            file: FileUuid::from_random_bytes(bytes),
            station: Some(id(n)),
            version: MvrVersion { major: 1, minor: 6 },
            file_size: 10,
            for_stations: Vec::new(),
            comment: String::new(),
            file_name: String::new(),
            blake3: None,
            author: None,
            group: None,
            order: None,
            missed: false,
        };
        match &mut self.stations[n].held_back {
            Some(held_back) => held_back.push(commit),
            None => self.publish(n, commit),
        }
    }

    fn publish(&mut self, n: usize, commit: Commit) {
        let station = &mut self.stations[n];
        station.store.entry(station.label.clone()).or_default().push(commit.clone());
        self.step(n, Input::Command(Command::Publish(commit)));
    }

    pub fn part(&mut self, one: usize, other: usize) {
        self.parted.insert((one.min(other), one.max(other)));
        let between = |w: &Wire| {
            (w.dialer.min(w.acceptor), w.dialer.max(w.acceptor)) == (one.min(other), one.max(other))
        };
        let cut: Vec<u64> = self.wires.iter().filter(|(_, w)| between(w)).map(|(id, _)| *id).collect();
        cut.into_iter().for_each(|wire| self.cut(wire));
    }

    pub fn heal(&mut self) {
        self.parted.clear();
    }

    pub fn cut_something(&mut self) {
        let wires: Vec<u64> = self.wires.keys().copied().collect();
        if !wires.is_empty() {
            let at = self.pick(wires.len());
            self.cut(wires[at]);
        }
    }

    pub fn crash(&mut self, n: usize) {
        if !std::mem::replace(&mut self.stations[n].alive, false) {
            return;
        }
        let its: Vec<u64> =
            self.wires.iter().filter(|(_, w)| w.dialer == n || w.acceptor == n).map(|(id, _)| *id).collect();
        for wire in its {
            if let Some(wire) = self.wires.get_mut(&wire) {
                let end = if wire.dialer == n { &mut wire.at_dialer } else { &mut wire.at_acceptor };
                *end = None;
            }
            self.cut(wire);
        }
        self.stations[n].dials.clear();
        self.show(n, BTreeSet::new());
    }

    pub fn restart(&mut self, n: usize) {
        if !self.stations[n].alive {
            let Station { rule, kept, kept_label: label, store, .. } = &self.stations[n];
            let station = self.fresh_station(n, rule.clone(), &kept.clone(), &label.clone(), store.clone());
            self.stations[n] = station;
            self.start(n);
        }
    }

    pub fn restart_host(&mut self, h: usize) {
        let its: Vec<u64> =
            self.wires.iter().filter(|(_, w)| w.acceptor == HOSTS + h).map(|(id, _)| *id).collect();
        for wire in its {
            if let Some(wire) = self.wires.get_mut(&wire) {
                wire.at_acceptor = None;
            }
            self.cut(wire);
        }
        self.hosts[h] = new_host(h);
    }

    fn cut(&mut self, wire: u64) {
        let Some(Wire { dialer, at_dialer, acceptor, at_acceptor, .. }) = self.wires.remove(&wire) else {
            return;
        };
        if let Some(conn) = at_dialer {
            self.ended(dialer, conn, acceptor >= HOSTS, Ending::Broken);
        }
        if let Some(conn) = at_acceptor {
            self.ended(acceptor, conn, false, Ending::Broken);
        }
    }

    fn ended(&mut self, n: usize, conn: ConnId, to_host: bool, ending: Ending) {
        if n >= HOSTS {
            self.host_step(n - HOSTS, host::Input::Closed { conn, what: "it ended".to_owned() });
        } else if to_host {
            self.step(n, Input::HostLost { conn, what: "it ended".to_owned() });
        } else {
            self.step(n, Input::Closed { conn, ending });
        }
    }

    // ---- time and delivery

    /// Delivers one thing, if anything is on its way.
    pub fn deliver(&mut self) -> bool {
        let mut ways: Vec<(u8, u64)> = Vec::new();
        for (n, station) in self.stations.iter().enumerate().filter(|(_, s)| s.alive) {
            let n = n as u64;
            ways.extend((!station.dials.is_empty()).then_some((0, n)));
            ways.extend((!station.unseen.is_empty()).then_some((1, n)));
            ways.extend(station.preparing.is_some().then_some((2, n)));
            ways.extend(station.saving.is_some().then_some((5, n)));
        }
        for (wire, w) in &self.wires {
            ways.extend((!w.up.is_empty()).then_some((3, *wire)));
            ways.extend((!w.down.is_empty()).then_some((4, *wire)));
        }
        if ways.is_empty() {
            return false;
        }
        let (kind, at) = ways[self.pick(ways.len())];
        let n = usize::try_from(at).unwrap();
        match kind {
            0 => self.answer_dial(n),
            1 => self.see(n),
            2 => self.prepared(n),
            3 => self.deliver_on(at, true),
            4 => self.deliver_on(at, false),
            _ => self.saved(n),
        }
        true
    }

    pub fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.next_timer().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            for n in 0..self.stations.len() {
                if self.stations[n].alive && self.stations[n].core.deadline().is_some_and(|at| at <= self.now)
                {
                    self.step(n, Input::Tick);
                }
            }
            for h in 0..self.hosts.len() {
                if self.hosts[h].deadline().is_some_and(|at| at <= self.now) {
                    self.host_step(h, host::Input::Tick);
                }
            }
        }
        self.now = end;
    }

    /// Everything heals, everybody is there, and everything is delivered until nothing happens any more.
    pub fn settle(&mut self) {
        self.heal();
        for n in 0..self.stations.len() {
            self.restart(n);
        }
        for _ in 0..60 {
            self.live(Duration::from_secs(20));
            let long = |timer: Timer| matches!(timer, Timer::Inbound(_) | Timer::Unseen(_));
            if self.stations.iter().all(|s| s.core.timers().all(long)) {
                // What nobody sees any more is noticed within this time.
                return self.live(Duration::from_secs(1_300));
            }
        }
        let waiting: Vec<_> = self.stations.iter().flat_map(|s| s.core.timers()).collect();
        panic!("seed {}: it does not come to rest: {waiting:?}", self.seed);
    }

    /// Lets time pass on a good network: whatever is said arrives before the next timer rings.
    fn live(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            while self.deliver() {}
            let Some(at) = self.next_timer().filter(|at| *at <= end) else { break };
            self.pass(at.saturating_sub(self.now));
        }
        self.now = end;
    }

    fn next_timer(&self) -> Option<Duration> {
        let stations = self.stations.iter().filter(|s| s.alive).filter_map(|s| s.core.deadline());
        stations.chain(self.hosts.iter().filter_map(Host::deadline)).min()
    }

    fn is_parted(&self, one: usize, other: usize) -> bool {
        self.parted.contains(&(one.min(other), one.max(other)))
    }

    fn answer_dial(&mut self, n: usize) {
        let at = self.pick(self.stations[n].dials.len());
        let (conn, to) = self.stations[n].dials.remove(at);
        let there = if to >= HOSTS {
            to - HOSTS < self.hosts.len()
        } else {
            self.stations.get(to).is_some_and(|s| s.alive)
        };
        if !there || self.is_parted(n, to) {
            let what = "no way there".to_owned();
            let input =
                if to >= HOSTS { Input::HostUnreachable { conn, what } } else { Input::DialFailed { conn } };
            return self.step(n, input);
        }
        self.next += 1;
        let accepted = ConnId::Accepted(self.next);
        let wire = Wire {
            dialer: n,
            at_dialer: Some(conn),
            acceptor: to,
            at_acceptor: Some(accepted),
            up: VecDeque::new(),
            down: VecDeque::new(),
        };
        self.wires.insert(self.next, wire);
        let peer = SocketAddr::from(([10, 0, 0, u8::try_from(n).unwrap()], 50_000));
        if to >= HOSTS {
            self.host_step(to - HOSTS, host::Input::Accepted { conn: accepted, peer });
            self.step(n, Input::HostReached { conn, address: ([10, 0, 1, 0], 80).into() });
        } else {
            self.step(to, Input::Accepted { conn: accepted, peer });
            self.step(n, Input::Dialed { conn });
        }
    }

    fn see(&mut self, n: usize) {
        let unseen: Vec<usize> = self.stations[n].unseen.iter().copied().collect();
        let other = unseen[self.pick(unseen.len())];
        self.stations[n].unseen.remove(&other);
        if let Some(sighting) = self.sighting(n, other, None) {
            self.step(n, Input::Sighted(sighting));
        } else {
            self.step(n, Input::Vanished { place: PlaceId(other as u64) });
        }
    }

    fn sighting(&self, n: usize, other: usize, of: Option<&str>) -> Option<Sighting> {
        let groups: Vec<&str> = self.stations[other].shown_in.iter().map(String::as_str).collect();
        let group = match of {
            Some(of) => groups.contains(&of).then_some(of),
            None => self.stations[n].core.group_that_counts(groups),
        };
        group.map(|group| Sighting {
            place: PlaceId(other as u64),
            station: Some(id(other)),
            station_name: Some(format!("station {other}")),
            group: Some(group.to_owned()),
            addresses: vec![SocketAddr::from(([10, 0, 0, u8::try_from(other).unwrap()], 42_424))],
        })
    }

    fn prepared(&mut self, n: usize) {
        let Some(to) = self.stations[n].preparing.take() else { return };
        if self.below(12) == 0 {
            return self.step(n, Input::MoveNotPrepared { what: "the disk is gone".to_owned() });
        }
        let (mut commits, mut sightings) = (Vec::new(), Vec::new());
        if let SessionTarget::Group(group) = &to {
            commits = self.stations[n].store.get(group.as_str()).cloned().unwrap_or_default();
            let others = (0..self.stations.len()).filter(|m| *m != n && !self.stations[n].unseen.contains(m));
            sightings = others.filter_map(|m| self.sighting(n, m, Some(group.as_str()))).collect();
        }
        let seed = self.below(u64::MAX);
        self.step(n, Input::MovePrepared { commits, sightings, seed });
    }

    fn saved(&mut self, n: usize) {
        let Some((to, label)) = self.stations[n].saving.take() else { return };
        if self.below(12) == 0 {
            return self.step(n, Input::PlaceNotSaved { what: "the disk is full".to_owned() });
        }
        let station = &mut self.stations[n];
        let label = std::mem::replace(&mut station.kept_label, label);
        station.kept_before = Some((std::mem::replace(&mut station.kept, to), label));
        self.step(n, Input::PlaceSaved);
    }

    fn deliver_on(&mut self, wire: u64, up: bool) {
        let Some(w) = self.wires.get_mut(&wire) else { return };
        let item = if up { w.up.pop_front() } else { w.down.pop_front() };
        let (n, conn) = if up { (w.acceptor, w.at_acceptor) } else { (w.dialer, w.at_dialer) };
        let to_host = w.acceptor >= HOSTS;
        let (Some(item), Some(conn)) = (item, conn) else { return };
        match item {
            Item::End => {
                self.wires.remove(&wire);
                self.ended(n, conn, to_host, Ending::Clean);
            }
            Item::Message(message) => {
                let parsed = Arc::new(Parsed { message: *message, quirks: QuirkSet::default() });
                if n >= HOSTS {
                    self.host_step(n - HOSTS, host::Input::Received { conn, parsed });
                } else {
                    self.step(n, Input::Received { conn, parsed });
                }
            }
        }
    }

    // ---- what the machines want

    fn step(&mut self, n: usize, input: Input) {
        if !self.stations[n].alive {
            return;
        }
        let now = self.now;
        let outputs: Vec<Output> = self.stations[n].core.step(now, input).collect();
        for output in outputs {
            self.carry_out(n, output);
        }
    }

    fn carry_out(&mut self, n: usize, output: Output) {
        match output {
            Output::Dial { conn, address } => {
                let IpAddr::V4(ip) = address.ip() else { panic!() };
                self.stations[n].dials.push((conn, usize::from(ip.octets()[3])));
            }
            Output::DialHost { conn, url: at } => {
                let host = (0..2).find(|h| url(*h) == SessionTarget::Url(at.clone()));
                self.stations[n].dials.push((conn, HOSTS + host.unwrap_or(50)));
            }
            Output::Send { conn, message, .. } => self.send(n, conn, Item::Message(message)),
            Output::Close { conn } => {
                self.stations[n].dials.retain(|(dial, _)| *dial != conn);
                self.close(n, conn);
            }
            Output::Advertise { group, .. } => self.show(n, BTreeSet::from([group.as_str().to_owned()])),
            Output::AdvertiseAlso { group, .. } => {
                let mut shown = self.stations[n].shown_in.clone();
                shown.insert(group.as_str().to_owned());
                self.show(n, shown);
                self.step(n, Input::AdvertisedAlso);
            }
            Output::Withdraw => self.show(n, BTreeSet::new()),
            Output::PrepareMove { to } => self.stations[n].preparing = Some(to),
            Output::SavePlace { to, group, along, .. } => {
                let label = group.as_str().to_owned();
                self.stations[n].along = (label.clone(), along);
                self.stations[n].saving = Some((to, label));
            }
            Output::KeepAlong { group, files } => self.stations[n].keep_along(group.as_str(), &files),
            Output::ForgetSavedPlace => {
                let station = &mut self.stations[n];
                station.saving = None;
                if let Some((kept, label)) = station.kept_before.take() {
                    (station.kept, station.kept_label) = (kept, label);
                }
            }
            Output::Event(event) => self.note(n, event),
            _ => {}
        }
    }

    fn note(&mut self, n: usize, event: Event) {
        let station = &mut self.stations[n];
        if std::env::var("MOVES_TELL").is_ok() {
            println!("{:?} station {n}: {event:?}", self.now);
        }
        match event {
            Event::MoveBegun { .. } => station.held_back = Some(Vec::new()),
            Event::MoveAnswered { station: other, answer } => {
                assert!(!station.answers.iter().any(|(s, _)| *s == other), "asked twice");
                station.answers.push((other, answer));
            }
            Event::Moved { to, .. } => {
                station.moved += 1;
                station.led = 0;
                assert_eq!(station.kept, to, "left before the new place was kept");
                station.kept_before = None;
                let (label, along) = std::mem::take(&mut station.along);
                station.keep_along(&label, &along);
                station.label = station.core.config().group.as_str().to_owned();
                assert_eq!(station.kept_label, station.label);
                self.release(n);
            }
            Event::NotMoved { .. } => {
                station.led = station.led.saturating_sub(1);
                self.release(n);
            }
            Event::PeerError { what, .. } => panic!("seed {}: station {n} complains: {what}", self.seed),
            _ => {}
        }
    }

    fn release(&mut self, n: usize) {
        if self.stations[n].core.moving_to().is_none() {
            let held_back = self.stations[n].held_back.take().unwrap_or_default();
            held_back.into_iter().for_each(|commit| self.publish(n, commit));
        }
    }

    fn show(&mut self, n: usize, groups: BTreeSet<String>) {
        if self.stations[n].shown_in != groups {
            self.stations[n].shown_in = groups;
            for m in (0..self.stations.len()).filter(|m| *m != n) {
                self.stations[m].unseen.insert(n);
            }
        }
    }

    fn wire_of(&mut self, n: usize, conn: ConnId) -> Option<(u64, bool)> {
        let dialed = matches!(conn, ConnId::Dialed(_));
        let mine = |w: &Wire| {
            if dialed {
                w.dialer == n && w.at_dialer == Some(conn)
            } else {
                w.acceptor == n && w.at_acceptor == Some(conn)
            }
        };
        self.wires.iter().find(|(_, w)| mine(w)).map(|(wire, _)| (*wire, dialed))
    }

    fn send(&mut self, n: usize, conn: ConnId, item: Item) {
        let Some((wire, dialed)) = self.wire_of(n, conn) else { return };
        let Some(wire) = self.wires.get_mut(&wire) else { return };
        if dialed { wire.up.push_back(item) } else { wire.down.push_back(item) }
    }

    fn close(&mut self, n: usize, conn: ConnId) {
        let Some((at, dialed)) = self.wire_of(n, conn) else { return };
        self.send(n, conn, Item::End);
        let Some(wire) = self.wires.get_mut(&at) else { return };
        let (mine, other) = if dialed {
            (&mut wire.at_dialer, wire.at_acceptor)
        } else {
            (&mut wire.at_acceptor, wire.at_dialer)
        };
        *mine = None;
        if other.is_none() {
            self.wires.remove(&at);
        }
    }

    fn host_step(&mut self, h: usize, input: host::Input) {
        let now = self.now;
        let outputs: Vec<host::Output> = self.hosts[h].step(now, input).collect();
        for output in outputs {
            match output {
                host::Output::Send { conn, message, .. } => {
                    self.send(HOSTS + h, conn, Item::Message(message));
                }
                host::Output::Close { conn, .. } => self.close(HOSTS + h, conn),
                host::Output::Event(host::Event::PeerError { what, .. }) => {
                    panic!("seed {}: host {h} complains: {what}", self.seed)
                }
                _ => {}
            }
        }
    }

    // ---- what must be true at rest

    /// Every station is in exactly one place, and everybody there knows it and its commits.
    pub fn check(&self) {
        let seed = self.seed;
        for (n, station) in self.stations.iter().enumerate() {
            assert_eq!(station.core.moving_to(), None, "seed {seed}: station {n} is still moving");
            assert_eq!(
                (station.led, station.core.presence()),
                (0, Presence::Present),
                "seed {seed}: station {n}"
            );
            let place = station.core.place();
            assert_eq!(place, station.kept, "seed {seed}: station {n} would start elsewhere");
            let shown: Vec<&str> = station.shown_in.iter().map(String::as_str).collect();
            match &place {
                SessionTarget::Group(group) => {
                    assert_eq!(shown, [group.as_str()], "seed {seed}: station {n}");
                }
                _ => {
                    assert_eq!(shown, [""; 0], "seed {seed}: station {n} is shown in a group, too");
                    assert_eq!(
                        station.core.session().unwrap().stay,
                        Stay::Joined,
                        "seed {seed}: station {n}"
                    );
                }
            }
            for (h, host) in self.hosts.iter().enumerate() {
                let has = host.stations().any(|view| view.station == id(n));
                assert_eq!(
                    has,
                    place == url(h),
                    "seed {seed}: station {n} is in {place:?}, host {h} has it: {has}"
                );
            }
            let (connections, accepted) = station.core.connections();
            assert!(
                connections == 0 && accepted < 8,
                "seed {seed}: station {n} holds {connections}, {accepted}"
            );
            self.check_company(n, &place);
        }
    }

    fn check_company(&self, n: usize, place: &SessionTarget) {
        let seed = self.seed;
        let me = &self.stations[n].core;
        for (m, other) in self.stations.iter().enumerate().filter(|(m, _)| *m != n) {
            let counts = me.station(id(m)).is_some_and(|view| view.membership == Membership::Member);
            let together = other.core.place() == *place;
            assert_eq!(
                counts,
                together,
                "seed {seed}: station {n} in {place:?}, station {m} in {:?}; counted: {counts}",
                other.core.place()
            );
            if together {
                let known: BTreeSet<FileUuid> = me.commits().map(|view| view.commit.file).collect();
                for view in
                    other.core.commits().filter(|view| view.held && view.commit.station == Some(id(m)))
                {
                    assert!(
                        known.contains(&view.commit.file),
                        "seed {seed}: station {n} does not know {} of station {m}",
                        view.commit.file
                    );
                }
            }
        }
    }
}

fn new_host(h: usize) -> Host {
    let mut config = host::Config::new(id(HOSTS + h), "Rack", "mvrx");
    config.gather = false;
    config.moves = Moves::Always;
    Host::new(config)
}

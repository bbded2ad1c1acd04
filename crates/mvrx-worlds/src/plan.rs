//! A world as a plan: how many stations, what their network is like, what goes wrong; played, it gives a [`Report`].

use std::cell::RefCell;
use std::net::SocketAddr;
use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;

use lan_sim::{
    BusProfile, Chance, Crash, DiskFate, Fault, FaultCounts, FaultPlan, HostId, HostSpec, Keep, LinkProfile,
    Outcome, Rng, Seed, Settings, Shrunk, Step, Time, World, shrink,
};
use mvrx_core::election::ElectionPhase;
use mvrx_message::StationUuid;

use crate::crew::{Among, Places, hosts_of};
use crate::doubles::Quirky;
use crate::ledger::{Shared, Tally};
use crate::planted::Planted;
use crate::station::Setup;
use crate::{
    Act, Artist, Audience, Bridge, Candidacy, Ledger, Node, QuirkyHost, RoomsHost, SessionHost, Station,
    draw, moves, quiet, rooms,
};
use crate::{bridging, electing, everything};

/// A world to be. Everything in it follows from this and the steps.
#[derive(Debug, Clone)]
pub struct Plan {
    pub(crate) seed: u64,
    pub(crate) stations: u32,
    pub(crate) span: Duration,
    pub(crate) faults: FaultPlan,
    pub(crate) rough: bool,
    pub(crate) acts_every: Duration,
    planted: Planted,
    keep: Keep,
    pub(crate) quirky: Vec<Quirky>,
    moving_ports: bool,
    shared_instances: bool,
    session: bool,
    pub(crate) moving: bool,
    pub(crate) crashing: bool,
    pub(crate) electing: bool,
    pub(crate) bridging: bool,
    pub(crate) letting_go: bool,
    pub(crate) everything: bool,
    pub(crate) mixing: bool,
    /// Which crew of a world with many it is, from 1 on.
    pub(crate) crew: u16,
    /// Whose announcements it sees.
    pub(crate) domain: u32,
}

/// What became of a world.
#[derive(Debug, Clone)]
pub struct Report {
    /// Whether a checker found something.
    pub outcome: Outcome,
    /// The hash of everything that happened.
    pub hash: u64,
    /// How many things happened: events told to nodes.
    pub events: u64,
    /// Faults and their effects.
    pub faults: FaultCounts,
    /// What the stations did.
    pub tally: Tally,
    /// The record of it, where it was kept.
    pub trace: String,
    /// The virtual time at the end.
    pub end: Time,
}

impl Plan {
    /// A world of 20 stations for two minutes, in which everything goes wrong.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            stations: 20,
            span: Duration::from_mins(2),
            faults: FaultPlan::everything(Duration::from_secs(30)).longest(Duration::from_secs(20)),
            rough: true,
            acts_every: Duration::from_secs(1),
            planted: Planted::Nothing,
            keep: Keep::Nothing,
            quirky: Vec::new(),
            moving_ports: false,
            shared_instances: false,
            session: false,
            moving: false,
            crashing: false,
            electing: false,
            bridging: false,
            letting_go: false,
            everything: false,
            mixing: false,
            crew: 0,
            domain: 0,
        }
    }

    /// With so many stations.
    #[must_use]
    pub const fn stations(mut self, stations: u32) -> Self {
        self.stations = stations;
        self
    }

    /// For so long, the time to come to rest not counted.
    #[must_use]
    pub const fn span(mut self, span: Duration) -> Self {
        self.span = span;
        self
    }

    /// Without faults, on a good network.
    #[must_use]
    pub fn calm(mut self) -> Self {
        self.faults = FaultPlan::calm();
        self.rough = false;
        self
    }

    /// With these faults.
    #[must_use]
    pub fn faults(mut self, faults: FaultPlan) -> Self {
        self.faults = faults;
        self
    }

    /// With each kind of fault once in `interval` for every twenty machines, and a partition of all of them once in `interval`.
    #[must_use]
    pub fn faults_everywhere(self, interval: Duration) -> Self {
        let faults = everything::faults(interval, self.hosts()).longest(Duration::from_secs(20));
        self.faults(faults)
    }

    /// Somebody does something so often, on the average.
    #[must_use]
    pub const fn acts_every(mut self, interval: Duration) -> Self {
        self.acts_every = interval;
        self
    }

    /// Every station listens to another port after each start.
    #[must_use]
    pub const fn moving_ports(mut self) -> Self {
        self.moving_ports = true;
        self
    }

    /// Every station announces the bare group's name.
    #[must_use]
    pub const fn shared_instances(mut self) -> Self {
        self.shared_instances = true;
        self
    }

    /// In WebSocket Mode: the stations are in a session, whose host is one more machine, the first.
    #[must_use]
    pub const fn session(mut self) -> Self {
        self.session = true;
        self
    }

    /// With stations that move between two groups and two sessions and take each other along; the sessions' hosts are the first two machines.
    #[must_use]
    pub const fn moving(mut self) -> Self {
        self.moving = true;
        self
    }

    /// As [`Plan::moving`], and at each step of a move a machine may crash.
    #[must_use]
    pub const fn crashing(mut self) -> Self {
        self.crashing = true;
        self.moving()
    }

    /// With stations that elect a host for their session, and all that [`crate::Candidacy`] lists.
    #[must_use]
    pub const fn electing(mut self) -> Self {
        self.electing = true;
        self
    }

    /// With stations in two groups and two sessions, which four bridges join in a ring and in part of the worlds one or two more, and all that
    /// [`crate::Bridge`] lists. The sessions' hosts are the first two machines, the bridges the last.
    #[must_use]
    pub const fn bridging(mut self) -> Self {
        self.bridging = true;
        self.moving()
    }

    /// Stations take commits of theirs back, and stores let files go.
    #[must_use]
    pub const fn letting_go(mut self) -> Self {
        self.letting_go = true;
        self
    }

    /// With a server of Mixer's rooms, which is the first machine, and clients in place of stations.
    #[must_use]
    pub const fn mixing(mut self) -> Self {
        self.mixing = true;
        self
    }

    /// With all of these at once: crews of stations with groups and sessions of their own, which have their hosts given or elect them, or move, or are
    /// joined by bridges, some with quirky peers, until so many stations are there; all on one network.
    #[must_use]
    pub const fn everything(mut self) -> Self {
        self.everything = true;
        self
    }

    /// With these quirky peers, beside the stations.
    #[must_use]
    pub fn quirky(mut self, products: &[Quirky]) -> Self {
        self.quirky = products.to_vec();
        self
    }

    /// How many hosts it has.
    pub fn hosts(&self) -> u32 {
        if self.everything {
            return everything::crews(self).last().map_or(0, |crew| crew.hosts.end);
        }
        self.people() + self.bridges() + u32::try_from(self.quirky.len()).unwrap_or(0)
    }

    /// How many hosts it has where somebody does something, which are the first ones.
    pub(crate) fn people(&self) -> u32 {
        self.stations + self.racks()
    }

    /// The ring, and up to two beside the first of it and the last.
    fn bridges(&self) -> u32 {
        if self.bridging { 4 + u32::try_from(self.seed % 3).unwrap_or(0) } else { 0 }
    }

    fn racks(&self) -> u32 {
        if self.moving { 2 } else { u32::from(self.session || self.mixing) }
    }

    /// With a bug.
    #[must_use]
    pub const fn planted(mut self, bug: Planted) -> Self {
        self.planted = bug;
        self
    }

    /// Keeps so much of the trace as text.
    #[must_use]
    pub const fn keep(mut self, keep: Keep) -> Self {
        self.keep = keep;
        self
    }

    /// Whether people move stations while they elect: in every fourth world of one crew, which are brought home one after the other.
    pub(crate) const fn restless(&self) -> bool {
        self.electing && self.crew == 0 && self.seed.is_multiple_of(4)
    }

    /// What happens in it, drawn from its seed.
    pub fn steps(&self) -> Vec<Step<Act>> {
        draw::steps(self, &mut lan_sim::Choices::seeded(self.seed))
    }

    /// What happens in it, drawn from the bytes of a fuzz target.
    pub fn steps_from(&self, bytes: &[u8]) -> Vec<Step<Act>> {
        draw::steps(self, &mut lan_sim::Choices::from_bytes(bytes))
    }

    /// The world before anything happens.
    pub fn world(&self) -> (World<Node>, Rc<RefCell<Ledger>>) {
        let ledger: Shared = Rc::default();
        let bus = if self.rough { BusProfile::rough() } else { BusProfile::calm() };
        let mut world = World::new(Settings { bus, keep: self.keep, ..Settings::new(self.seed) });
        if self.everything {
            everything::crews(self).iter().for_each(|crew| crew.plan.add_to(&mut world, &ledger));
        } else {
            self.add_to(&mut world, &ledger);
        }
        (world, ledger)
    }

    /// Adds its machines to a world.
    fn add_to(&self, world: &mut World<Node>, ledger: &Shared) {
        let mut rng = Seed::new(self.seed).child("hosts").rng();
        let places = Places::of(self.crew);
        if self.mixing {
            return self.add_rooms(world, &places, &mut rng, ledger);
        }
        for (nth, at) in places.sessions.into_iter().take(self.racks() as usize).enumerate() {
            self.add_session_host(world, if nth == 0 { "rack" } else { "other rack" }, at, ledger);
        }
        for number in 0..self.stations {
            self.add_station(world, number, &mut rng, ledger);
        }
        for number in 0..self.bridges() {
            self.add_bridge(world, number, &mut rng, ledger);
        }
        for product in &self.quirky {
            let (product, name, ledger) = (*product, format!("{product:?}"), Rc::clone(ledger));
            let group = places.group.clone();
            world.add_host(self.machine(&name, LinkProfile::lan()), move |net| {
                let quirky = QuirkyHost::start(product, &name, group.as_str(), Rc::clone(&ledger), net);
                Node::Quirky(Box::new(quirky))
            });
        }
    }

    /// What a machine draws by chance depends on its name.
    fn machine(&self, name: &str, profile: LinkProfile) -> HostSpec {
        let spec = match self.crew {
            0 => HostSpec::new(name),
            crew => HostSpec::new(format!("crew {crew} {name}")),
        };
        spec.profile(profile).domain(self.domain)
    }

    fn add_session_host(&self, world: &mut World<Node>, name: &str, at: SocketAddr, ledger: &Shared) {
        let setup = self.setup(name.to_owned(), ledger);
        let spec = self.machine(name, LinkProfile::lan()).address(at.ip());
        world.add_host(spec, move |net| Node::Rack(Box::new(SessionHost::start(setup.clone(), net))));
    }

    fn add_station(&self, world: &mut World<Node>, number: u32, rng: &mut Rng, ledger: &Shared) {
        let name = format!("station {number}");
        let mut spec = self.machine(&name, self.network(rng));
        if self.rough {
            let at = Time::ZERO + rng.span(Duration::from_secs(10));
            spec = spec.boots_at(at);
        }
        let Places { group, stage, sessions: [first, second] } = Places::of(self.crew);
        let (group, at) = match number % 4 {
            _ if !self.bridging => (group, None),
            0 => (group, None),
            1 => (stage, None),
            2 => (group, Some(first)),
            _ => (stage, Some(second)),
        };
        let setup = Setup {
            group,
            shares_instance: self.shared_instances || (self.rough && choose(rng, 8) == 0 && !self.bridging),
            moves_port: self.moving_ports || (self.rough && choose(rng, 2) == 0),
            session: if self.bridging {
                at
            } else if self.moving && number.is_multiple_of(3) {
                Some(first)
            } else {
                self.setup(String::new(), ledger).session
            },
            ..self.setup(name, ledger)
        };
        if self.electing {
            world.add_host(spec, move |net| Node::Candidate(Box::new(Candidacy::start(setup.clone(), net))));
            return;
        }
        world.add_host(spec, move |net| Node::Ours(Box::new(Station::start(setup.clone(), net))));
    }

    fn add_rooms(&self, world: &mut World<Node>, places: &Places, rng: &mut Rng, ledger: &Shared) {
        let (model, planted) = (rooms::Model::default(), self.planted);
        let at = SocketAddr::new(places.sessions[0].ip(), rooms::PORT);
        let (told, shared) = (Rc::clone(&model), Rc::clone(ledger));
        let spec = self.machine("rooms", LinkProfile::lan()).address(at.ip());
        world
            .add_host(spec, move |net| Node::Rooms(Box::new(RoomsHost::start(planted, &told, &shared, net))));
        for number in 0..self.stations {
            let (model, ledger) = (Rc::clone(&model), Rc::clone(ledger));
            let spec = self.machine(&format!("client {number}"), self.network(rng));
            world.add_host(spec, move |net| Node::Artist(Box::new(Artist::start(at, &model, &ledger, net))));
        }
    }

    /// Some machine's.
    fn network(&self, rng: &mut Rng) -> LinkProfile {
        let links = [LinkProfile::lan(), LinkProfile::odd(), LinkProfile::wireless()];
        let mut profile = links.get(if self.rough { choose(rng, 3) } else { 0 }).cloned().unwrap_or_default();
        if self.rough {
            // Most exchanges are over before a fault finds their link; these find them.
            profile.reset = Chance::per_million(4_000);
            profile.silence = Chance::per_million(2_000);
            profile.refuse = Chance::percent(1);
            profile.lose_dial = Chance::percent(1);
        }
        profile
    }

    fn add_bridge(&self, world: &mut World<Node>, number: u32, rng: &mut Rng, ledger: &Shared) {
        let name = format!("bridge {number}");
        let Places { group, stage, sessions: [first, second] } = Places::of(self.crew);
        let (group, at) = match number % 4 {
            0 => (group, first),
            1 => (stage, first),
            2 => (stage, second),
            _ => (group, second),
        };
        let setup = Setup { group, session: Some(at), ..self.setup(name.clone(), ledger) };
        let mut spec = self.machine(&name, LinkProfile::lan());
        if self.rough {
            spec = spec.boots_at(Time::ZERO + rng.span(Duration::from_secs(20)));
        }
        world.add_host(spec, move |net| Node::Bridge(Box::new(Bridge::start(setup.clone(), net))));
    }

    fn setup(&self, name: String, ledger: &Shared) -> Setup {
        let places = Places::of(self.crew);
        Setup {
            name,
            group: places.group.clone(),
            shares_instance: false,
            moves_port: false,
            planted: self.planted,
            limits: mvrx_core::Limits::default(),
            ttl: if self.rough || self.bridging { Duration::from_mins(2) } else { Duration::from_mins(75) },
            session: self.session.then_some(places.sessions[0]),
            places: Rc::new(places),
            moving: self.moving || self.electing,
            slow: self.crashing,
            candidate: None,
            part: None,
            among_bridges: self.bridging,
            alone: self.bridging && !self.seed.is_multiple_of(4),
            ledger: Rc::clone(ledger),
        }
    }

    /// Lets the steps happen, ends all faults, waits until everything is at rest, and looks.
    pub fn play(&self, steps: &[Step<Act>]) -> Report {
        let (mut world, ledger) = self.world();
        let outcome = if self.everything {
            everything::play(self, &mut world, &ledger, steps)
        } else if self.electing {
            electing::play(self.seed, &mut world, &ledger, steps)
        } else if self.bridging {
            bridging::play((self.seed, self.rough), &mut world, &ledger, steps)
        } else {
            play(&mut world, &ledger, steps)
        };
        report(&world, &ledger, outcome)
    }

    /// The shortest steps that fail as these do, in at most `tries` runs. `None` when they do not fail.
    pub fn shrink(&self, steps: &[Step<Act>], tries: usize) -> Option<Shrunk<Step<Act>>> {
        shrink(steps, tries, |steps| self.play(steps).outcome)
    }
}

/// Lets steps happen in a world of one's own making, then rest, with all checkers.
pub fn play(world: &mut World<Node>, ledger: &RefCell<Ledger>, steps: &[Step<Act>]) -> Outcome {
    let outcome = world.play(
        steps,
        Duration::from_secs(1),
        |world, act| act_in(world, ledger, act),
        |_, _| check(ledger),
    );
    if outcome != Outcome::Passed {
        return outcome;
    }
    world.heal();
    for host in world.hosts() {
        world.set_profile(host, LinkProfile::lan());
    }
    let outcome = world.play(&[], quiet::REST, |_, _: &Act| (), |_, _| check(ledger));
    if outcome != Outcome::Passed {
        return outcome;
    }
    rooms::asks(world, &(0..hosts_of(world)));
    quiet::look(Among::all(world), &mut ledger.borrow_mut());
    check(ledger).err().unwrap_or(Outcome::Passed)
}

/// What became of a world.
pub fn report(world: &World<Node>, ledger: &RefCell<Ledger>, outcome: Outcome) -> Report {
    Report {
        outcome,
        hash: world.trace().hash(),
        events: world.delivered(),
        faults: world.counts(),
        tally: ledger.borrow().tally(),
        trace: world.trace().to_string(),
        end: world.now(),
    }
}

/// Lets a person do something.
pub fn act_in(world: &mut World<Node>, ledger: &RefCell<Ledger>, act: &Act) {
    if let Act::MoveAndCrash { .. } = *act {
        return moves::and_crash(world, ledger, act);
    }
    act_among(world, ledger, &(0..hosts_of(world)), act);
}

/// Lets a person of the crew that has these machines do something.
pub(crate) fn act_among(world: &mut World<Node>, ledger: &RefCell<Ledger>, crew: &Range<u32>, act: &Act) {
    if let Act::CrashIn { phase, power, down } = *act {
        return crash_in(world, crew, phase, power, down);
    }
    let host = nth_of(crew, act.host());
    let hosts: Vec<StationUuid> = match act {
        Act::Commit { audience: Audience::Some(_), .. } => {
            let ledger = ledger.borrow();
            crew.clone().filter_map(|n| ledger.station_at(HostId(n))).collect()
        }
        _ => Vec::new(),
    };
    world.with(host, |node, net| match node {
        Node::Ours(station) => station.act(act, &hosts, net),
        Node::Candidate(candidate) => candidate.act(act, &hosts, net),
        Node::Rack(rack) => rack.act(act, &hosts, net),
        Node::Artist(artist) => {
            if let Act::Mix { deed, .. } = *act {
                artist.act(deed, net);
            }
        }
        Node::Bridge(_) | Node::Poser(_) | Node::Rooms(_) => {}
        Node::Quirky(quirky) => quirky.act(act, net),
    });
}

/// The machine that a person's number means.
pub(crate) fn nth_of(crew: &Range<u32>, nth: u32) -> HostId {
    HostId(crew.start + nth % (crew.end - crew.start).max(1))
}

fn crash_in(world: &mut World<Node>, crew: &Range<u32>, phase: u32, power: bool, down: Duration) {
    let phase = ElectionPhase::ALL.get(phase as usize % ElectionPhase::ALL.len());
    let mut nodes = Among::new(world, crew).nodes();
    let there = nodes.find(|(_, node)| node.candidate().map(Candidacy::phase).as_ref() == phase);
    let there = there.map(|(host, _)| host);
    drop(nodes);
    if let Some(host) = there {
        let how = if power { Crash::Power } else { Crash::Process };
        world.inject(&Fault::Crash { host, how, down: Some(down), disk: DiskFate::Kept });
    }
}

pub(crate) fn check(ledger: &RefCell<Ledger>) -> Result<(), Outcome> {
    match ledger.borrow().violation() {
        Some(found) => Err(Outcome::failed(found.check, &found.detail)),
        None => Ok(()),
    }
}

fn choose(rng: &mut Rng, limit: u64) -> usize {
    usize::try_from(rng.below(limit)).unwrap_or(0)
}

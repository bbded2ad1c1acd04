//! A world as a plan: how many stations, what their network is like, what goes wrong; played, it gives a [`Report`].

use std::cell::RefCell;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use lan_sim::{
    BusProfile, Chance, Crash, DiskFate, Fault, FaultCounts, FaultPlan, HostId, HostSpec, Keep, LinkProfile,
    Outcome, Rng, Seed, Settings, Shrunk, Step, Time, World, shrink,
};
use mvrx_core::election::ElectionPhase;
use mvrx_message::{GroupName, StationUuid};

use crate::doubles::Quirky;
use crate::ledger::{Shared, Tally};
use crate::station::{PORT, Setup};
use crate::{
    Act, Audience, Bridge, Candidacy, Ledger, Node, QuirkyHost, SessionHost, Station, draw, moves, quiet,
};
use crate::{bridging, electing};

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
    quirky: Vec<Quirky>,
    moving_ports: bool,
    shared_instances: bool,
    session: bool,
    pub(crate) moving: bool,
    pub(crate) crashing: bool,
    pub(crate) electing: bool,
    pub(crate) bridging: bool,
    pub(crate) letting_go: bool,
}

/// A bug planted on purpose into the node around the core, to test the checkers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Planted {
    /// None.
    #[default]
    Nothing,
    /// A LEAVE is answered and forgotten.
    CommitToWhoLeft,
    /// The end of a file that breaks off is not told.
    RequestNeverEnds,
    /// Of a file that comes in several pieces the last byte is lost on the way to the disk.
    ShortFile,
    /// The host of a session keeps every fifth COMMIT to itself.
    CommitNotRelayed,
    /// The host of a session sends each COMMIT back, too.
    CommitEchoed,
    /// The host of a session forgets that it has kept a file.
    KeptForgotten,
    /// Elected hosts do not hear what others say of themselves.
    HostsDoNotAsk,
    /// That the host is lost is not told to the election.
    LossNotTold,
    /// An elected host ends where somebody of higher priority comes.
    GivesWayToPriority,
    /// A station that starts again sees no hosts.
    HostsNotSeen,
    /// A station tells the host of a session of its own commits alone.
    BringsOwnAlone,
    /// A station does not go where its election sends it.
    JoinsNobody,
    /// What the election of a station without a host waits for stays in the past.
    WokenForNothing,
    /// A bridge commits what it brings where it has it from, too.
    BroughtBack,
    /// A bridge forgets that it has fetched a file.
    FetchedForgotten,
    /// A bridge does not read who is marked.
    MarksNotRead,
    /// Stand-ins stay when they are to leave.
    StandInStays,
    /// A bridge does not see other bridges.
    OtherBridgesNotSeen,
    /// A bridge takes all bridges for present that ever were.
    DeadBridgesCount,
    /// A bridge does not offer every other file.
    OfferForgotten,
    /// A stand-in says LEAVE though its station is there, and not who says it.
    LeaveOfAnother,
    /// An elected host goes on where its own station was moved away.
    HostStays,
    /// A bridge goes on to say the host that its session had when it joined the group.
    OldHostMarked,
    /// A station numbers its commits by themselves, as if it knew of none by others.
    OthersNotCounted,
    /// A station that a person moved to another group takes no part in the election there.
    NoPartThere,
    /// A station takes what a stranger proposes for what its own people want, and needs nobody where it goes.
    ProposalsAreWishes = 30,
    /// Which files are of another group, too, is not kept.
    AlongForgotten = 31,
    /// A station does not say what it took back.
    WithdrawalNotTold = 32,
    /// A store lets a file go and does not say so to its station.
    LetGoNotNoticed = 33,
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

    /// With these quirky peers, beside the stations.
    #[must_use]
    pub fn quirky(mut self, products: &[Quirky]) -> Self {
        self.quirky = products.to_vec();
        self
    }

    /// How many hosts it has.
    pub fn hosts(&self) -> u32 {
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
        if self.moving { 2 } else { u32::from(self.session) }
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

    /// Whether people move stations while they elect: in every fourth world.
    pub(crate) const fn restless(&self) -> bool {
        self.electing && self.seed.is_multiple_of(4)
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
        let mut rng = Seed::new(self.seed).child("hosts").rng();
        let bus = if self.rough { BusProfile::rough() } else { BusProfile::calm() };
        let mut world = World::new(Settings { bus, keep: self.keep, ..Settings::new(self.seed) });
        for at in SESSIONS.into_iter().take(self.racks() as usize) {
            self.add_session_host(&mut world, at, &ledger);
        }
        for number in 0..self.stations {
            self.add_station(&mut world, number, &mut rng, &ledger);
        }
        for number in 0..self.bridges() {
            self.add_bridge(&mut world, number, &mut rng, &ledger);
        }
        for product in &self.quirky {
            let (product, name, ledger) = (*product, format!("{product:?}"), Rc::clone(&ledger));
            let spec = HostSpec::new(&name).profile(LinkProfile::lan());
            world.add_host(spec, move |net| {
                let quirky = QuirkyHost::start(product, &name, group().as_str(), Rc::clone(&ledger), net);
                Node::Quirky(Box::new(quirky))
            });
        }
        (world, ledger)
    }

    fn add_session_host(&self, world: &mut World<Node>, at: SocketAddr, ledger: &Shared) {
        // What a machine draws by chance depends on its name.
        let name = if at == SESSIONS[0] { "rack" } else { "other rack" };
        let setup = self.setup(name.to_owned(), ledger);
        let spec = HostSpec::new(name).address(at.ip()).profile(LinkProfile::lan());
        world.add_host(spec, move |net| Node::Rack(Box::new(SessionHost::start(setup.clone(), net))));
    }

    fn add_station(&self, world: &mut World<Node>, number: u32, rng: &mut Rng, ledger: &Shared) {
        let name = format!("station {number}");
        let links = [LinkProfile::lan(), LinkProfile::odd(), LinkProfile::wireless()];
        let mut profile = links.get(if self.rough { choose(rng, 3) } else { 0 }).cloned().unwrap_or_default();
        if self.rough {
            // Most exchanges are over before a fault finds their link; these find them.
            profile.reset = Chance::per_million(4_000);
            profile.silence = Chance::per_million(2_000);
            profile.refuse = Chance::percent(1);
            profile.lose_dial = Chance::percent(1);
        }
        let mut spec = HostSpec::new(&name).profile(profile);
        if self.rough {
            let at = Time::ZERO + rng.span(Duration::from_secs(10));
            spec = spec.boots_at(at);
        }
        let (group, at) = match number % 4 {
            _ if !self.bridging => (group(), None),
            0 => (group(), None),
            1 => (stage(), None),
            2 => (group(), Some(SESSIONS[0])),
            _ => (stage(), Some(SESSIONS[1])),
        };
        let setup = Setup {
            group,
            shares_instance: self.shared_instances || (self.rough && choose(rng, 8) == 0 && !self.bridging),
            moves_port: self.moving_ports || (self.rough && choose(rng, 2) == 0),
            session: if self.bridging {
                at
            } else if self.moving && number.is_multiple_of(3) {
                Some(SESSIONS[0])
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

    fn add_bridge(&self, world: &mut World<Node>, number: u32, rng: &mut Rng, ledger: &Shared) {
        let name = format!("bridge {number}");
        let (group, at) = match number % 4 {
            0 => (group(), SESSIONS[0]),
            1 => (stage(), SESSIONS[0]),
            2 => (stage(), SESSIONS[1]),
            _ => (group(), SESSIONS[1]),
        };
        let setup = Setup { group, session: Some(at), ..self.setup(name.clone(), ledger) };
        let mut spec = HostSpec::new(&name).profile(LinkProfile::lan());
        if self.rough {
            spec = spec.boots_at(Time::ZERO + rng.span(Duration::from_secs(20)));
        }
        world.add_host(spec, move |net| Node::Bridge(Box::new(Bridge::start(setup.clone(), net))));
    }

    fn setup(&self, name: String, ledger: &Shared) -> Setup {
        Setup {
            name,
            group: group(),
            shares_instance: false,
            moves_port: false,
            planted: self.planted,
            limits: mvrx_core::Limits::default(),
            ttl: if self.rough || self.bridging { Duration::from_mins(2) } else { Duration::from_mins(75) },
            session: self.session.then_some(SESSIONS[0]),
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
        let outcome = if self.electing {
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
    quiet::look(world, &mut ledger.borrow_mut());
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
    let count = u32::try_from(world.hosts().count()).unwrap_or(1).max(1);
    if let Act::CrashIn { phase, power, down } = *act {
        return crash_in(world, phase, power, down);
    }
    if let Act::MoveAndCrash { .. } = *act {
        return moves::and_crash(world, ledger, act);
    }
    let host = HostId(act.host() % count);
    let hosts: Vec<StationUuid> = match act {
        Act::Commit { audience: Audience::Some(_), .. } => {
            let ledger = ledger.borrow();
            (0..count).filter_map(|n| ledger.station_at(HostId(n))).collect()
        }
        _ => Vec::new(),
    };
    world.with(host, |node, net| match node {
        Node::Ours(station) => station.act(act, &hosts, net),
        Node::Candidate(candidate) => candidate.act(act, &hosts, net),
        Node::Rack(rack) => rack.act(act, &hosts, net),
        Node::Bridge(_) | Node::Poser(_) => {}
        Node::Quirky(quirky) => quirky.act(act, net),
    });
}

fn crash_in(world: &mut World<Node>, phase: u32, power: bool, down: Duration) {
    let phase = ElectionPhase::ALL.get(phase as usize % ElectionPhase::ALL.len());
    let there = world.nodes().find(|(_, node)| node.candidate().map(Candidacy::phase).as_ref() == phase);
    if let Some(host) = there.map(|(host, _)| host) {
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

/// Where the hosts of sessions are.
pub(crate) const SESSIONS: [SocketAddr; 2] = [
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 255, 0, 1)), PORT),
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 255, 0, 2)), PORT),
];

/// The group of everybody.
pub(crate) fn group() -> GroupName {
    named("Default")
}

/// The other group, where there are two.
pub(crate) fn stage() -> GroupName {
    named("Stage")
}

fn named(name: &str) -> GroupName {
    match GroupName::create(name) {
        Ok(group) => group,
        Err(error) => unreachable!("the name of the group is in order: {error}"),
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.takeovers > 0 {
            write!(f, "{} bridges taken over, ", self.takeovers)?;
        }
        if self.taken_back + self.let_go > 0 {
            write!(f, "{} commits taken back, {} files let go, ", self.taken_back, self.let_go)?;
        }
        let Self { messages, events, commits, requests, fetched, bytes, dials, moves, .. } = self;
        if self.hosts > 0 {
            let Self { hosts, takeover, split, .. } = self;
            write!(f, "{hosts} hosts elected, takeover {takeover:?}, two hosts {split:?}, ")?;
        }
        write!(
            f,
            "{messages} messages, {dials} dials, {events} events, {commits} commits, {requests} requests, {fetched} with the file, {bytes} bytes, {moves} moves"
        )
    }
}

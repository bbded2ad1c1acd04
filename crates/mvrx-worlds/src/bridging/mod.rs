//! A bridge between one group and one session on one simulated machine, as `mvrx_bridge::Bridge` is on a real one: the real [`Machine`], which
//! looks at what the bridge's own two stations and its stand-ins know, and real stations that do what it says.
//!
//! It decides nothing. All its stations are on one machine and one disk: each file that the bridge has is there once, and a stand-in lists
//! those of its station.
//!
//! | checker | promises | when |
//! |---|---|---|
//! | `no-echo` | nobody is told a commit under another author than its own, or of its own commit as of something new | every message |
//! | `nothing-goes-around` | a bridge fetches a file once as long as it has it; at rest no stand-in starts or stops and no file is fetched, offered or listed | every fetch, rest |
//! | `nobody-is-there-twice` | who is in a place itself is not stood in for there, and nobody is stood in for twice or where what a bridge brought would be carried on | rest |
//! | `everybody-is-seen` | everybody is a member for all of those places to which one bridge, or two by way of a session, lead, and for nobody else | rest |
//! | `one-bridge-works` | of several bridges between one group and one host exactly one is at work, and another one when it has died | rest, 30 s or 60 s after its death |
//! | `all-is-available` | what a station has committed is listed and can be fetched, byte for byte, by all who see the station and whom it is for | rest |

mod parts;
pub(crate) mod trial;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use lan_sim::{Announcement, Event, HostCtx, Time};
use mvrx_bridge::{Action, Known, Limits, Machine, Seen, Side, Through, View};
use mvrx_core::{Command, Event as CoreEvent, Membership, PlaceId, Presence, RequestId, Stay};
use mvrx_message::{BridgeMark, Commit, FileUuid, StationUuid};

use crate::planted::Planted;
use crate::shelf::Shelf;
use crate::station::Setup;
use crate::station::sights::{self, Change, Due, Sights};
use crate::{Ledger, Station};
pub(crate) use parts::{Part, as_it_is};

pub(crate) use trial::play;

/// A bridge.
#[derive(Debug)]
pub struct Bridge {
    us: StationUuid,
    machine: Machine,
    setup: Setup,
    shelf: Shelf,
    at: SocketAddr,
    session: Station,
    /// From when the session's host is known, with the host that its mark says.
    group: Option<(Station, StationUuid)>,
    stand_ins: BTreeMap<(Side, StationUuid), Station>,
    /// Stations that have said LEAVE, until it is out.
    ending: Vec<(Time, Station)>,
    /// What the group's discovery shows, for those of our stations that start later.
    sights: Sights,
    marks: BTreeMap<StationUuid, BridgeMark>,
    fetching: BTreeMap<RequestId, FileUuid>,
    fetched: BTreeSet<FileUuid>,
    next_look: Time,
    next_probe: Time,
    started: u64,
    /// For a bug planted on purpose.
    ever: BTreeMap<StationUuid, Seen>,
    /// What it did and fetched, told apart by nothing: at rest that is nothing.
    deeds: u64,
}

impl Bridge {
    /// Starts a bridge of the group of `setup` with the session at its address.
    pub(crate) fn start(setup: Setup, net: &mut HostCtx<'_>) -> Self {
        let shelf = Shelf::new(net.disk());
        let us = shelf.identity(crate::station::random_bytes(net));
        let at = setup.session.unwrap_or(setup.places.sessions[0]);
        let addresses: Vec<SocketAddr> =
            net.addresses().into_iter().map(|ip| SocketAddr::new(ip, 0)).collect();
        let mut ledger = setup.ledger.borrow_mut();
        ledger.starts_beside(net.host(), us, &addresses);
        // What is for those that it stands in for passes through it.
        ledger.routes(us);
        drop(ledger);
        net.browse();
        let kept: Vec<Commit> = shelf.recover().into_iter().filter_map(as_it_is).collect();
        let fetched = kept.iter().map(|commit| commit.file).collect();
        let machine = Machine::new(us, Limits::default(), kept);
        let part = Part { id: us, mark: BridgeMark::Bridge { host: us }, lists: None, requests: 0 };
        let mut bridge = Self {
            us,
            machine,
            shelf,
            at,
            session: Station::start(parts::describe(&setup, "bridge", Some(at), part), net),
            setup,
            group: None,
            stand_ins: BTreeMap::new(),
            ending: Vec::new(),
            sights: Sights::default(),
            marks: BTreeMap::new(),
            fetching: BTreeMap::new(),
            fetched,
            next_look: net.now(),
            next_probe: net.now() + PROBE,
            started: u64::from(net.boot()) << 16,
            ever: BTreeMap::new(),
            deeds: 0,
        };
        bridge.settle(net);
        bridge
    }

    /// Its StationUUID.
    pub const fn id(&self) -> StationUuid {
        self.us
    }

    /// The bridge that is at work in place of it.
    pub fn active(&self) -> Option<StationUuid> {
        self.machine.active()
    }

    /// Whether it is in its session and its group.
    pub fn is_in_both(&self) -> bool {
        self.group.is_some()
            && self.session.core().session().is_some_and(|session| session.stay == Stay::Joined)
    }

    pub(crate) fn stands_for(&self, side: Side) -> impl Iterator<Item = StationUuid> + '_ {
        self.stand_ins.keys().filter(move |(at, _)| *at == side).map(|(_, station)| *station)
    }

    pub(crate) const fn deeds(&self) -> u64 {
        self.deeds
    }

    pub(crate) fn group_name(&self) -> &str {
        self.setup.group.as_str()
    }

    pub(crate) const fn session_at(&self) -> SocketAddr {
        self.at
    }

    fn stations(&mut self) -> impl Iterator<Item = &mut Station> {
        let own = std::iter::once(&mut self.session).chain(self.group.as_mut().map(|(group, _)| group));
        own.chain(self.stand_ins.values_mut()).chain(self.ending.iter_mut().map(|(_, station)| station))
    }

    /// Takes what the world tells.
    pub(crate) fn handle(&mut self, event: Event, net: &mut HostCtx<'_>) {
        match &event {
            Event::Wake => {
                while let Some(due) = self.sights.due(net.now()) {
                    match due {
                        Due::Ask(instances) => instances.iter().for_each(|instance| net.suspect(instance)),
                        Due::Shows(place) => self.note(place),
                        Due::Gone(_) => {}
                    }
                }
                let now = net.now();
                let is_due = |station: &Station| station.deadline().is_some_and(|deadline| deadline <= now);
                self.stations()
                    .filter(|station| is_due(station))
                    .for_each(|station| station.handle(Event::Wake, net));
            }
            Event::Sighted(seen) | Event::Vanished(seen) if !self.is_of_our_group(seen) => {}
            // As a discovery does, it tells nothing of whom we stand in for ourselves.
            Event::Sighted(seen) | Event::Vanished(seen) if mark_of(seen) == Some(self.stand_in_mark()) => {}
            Event::Sighted(seen) => {
                let (place, _) = self.sights.heard(Arc::clone(seen), net.now());
                self.note(place);
                self.show(seen, net);
            }
            Event::Vanished(gone) => {
                if let Change::Shows(place) = self.sights.gone(gone) {
                    self.note(place);
                }
                self.in_group().for_each(|(_, station)| station.handle(event.clone(), net));
            }
            Event::Accepted { conn, port, .. } => {
                match self.stations().find(|station| station.port() == *port) {
                    Some(station) => station.handle(event, net),
                    None => net.abort(*conn),
                }
            }
            Event::Connected { conn }
            | Event::DialFailed { conn, .. }
            | Event::Readable { conn }
            | Event::Writable { conn }
            | Event::Broken { conn, .. } => {
                if let Some(station) = self.stations().find(|station| station.has(*conn)) {
                    station.handle(event, net);
                }
            }
            _ => {}
        }
        self.settle(net);
    }

    /// When to be woken.
    pub(crate) fn deadline(&self) -> Option<Time> {
        let own = std::iter::once(&self.session).chain(self.group.iter().map(|(group, _)| group));
        let ending = self.ending.iter().map(|(_, station)| station);
        let stations = own.chain(self.stand_ins.values()).chain(ending).filter_map(Station::deadline).min();
        let over = self.ending.iter().map(|(until, _)| *until).min();
        [stations, over, self.sights.deadline(), Some(self.next_look)].into_iter().flatten().min()
    }

    /// Hears what its stations tell, and looks when it is time.
    fn settle(&mut self, net: &mut HostCtx<'_>) {
        let mut told = Vec::new();
        let mut own = 0;
        for (n, station) in self.stations().enumerate() {
            while let Some(event) = station.heard() {
                own += usize::from(n < 2);
                told.push((n == 1, event));
            }
        }
        for (second, event) in told {
            // The second is the bridge's own in the group, where it has one.
            if let CoreEvent::StationLeft { station } | CoreEvent::StationLost { station } = &event
                && second
                && self.group.is_some()
            {
                self.machine.left(*station, net.now().since_start());
            }
            self.hear(&event, net.now());
        }
        if own > 0 {
            self.next_look = self.next_look.min(net.now() + AFTER_EVENT);
        }
        if self.next_look <= net.now() {
            self.next_look = net.now() + LOOK;
            self.look(net);
        }
        let (us, now) = (self.us, net.now());
        let is_over = |(until, station): &mut (Time, Station)| {
            *until <= now || (station.core().presence() == Presence::Absent && station.is_idle())
        };
        let over: Vec<_> = self.ending.extract_if(.., is_over).collect();
        for (_, station) in over {
            net.note(format_args!("bridge {us}: a stand-in has ended"));
            self.end(station, net);
        }
    }

    fn end(&mut self, station: Station, net: &mut HostCtx<'_>) {
        let open: Vec<RequestId> =
            self.fetching.keys().copied().filter(|request| station.made(*request)).collect();
        for request in open {
            self.not_fetched(request, net.now());
        }
        station.end(net);
    }

    fn hear(&mut self, event: &CoreEvent, now: Time) {
        match event {
            CoreEvent::RequestDone { request, .. } => {
                let Some(file) = self.fetching.get(request).copied() else { return };
                match self.stored(file) {
                    Some(_) if self.setup.planted == Planted::FetchedForgotten => {
                        self.twice(file);
                        self.not_fetched(*request, now);
                    }
                    Some(commit) => {
                        self.deeds += 1;
                        self.twice(file);
                        self.fetching.remove(request);
                        self.machine.fetched(&commit);
                    }
                    None => self.not_fetched(*request, now),
                }
            }
            CoreEvent::RequestFailed { request, .. } => self.not_fetched(*request, now),
            _ => {}
        }
        self.next_look = self.next_look.min(now + AFTER_EVENT);
    }

    fn twice(&mut self, file: FileUuid) {
        if !self.fetched.insert(file) {
            let text = format_args!("{} fetched {file}, which it has, once more", self.us);
            self.setup.ledger.borrow_mut().violate(AROUND, text);
        }
    }

    /// The disk does not give it back, now or at all.
    fn forgotten(&mut self, file: FileUuid) {
        self.fetched.remove(&file);
        self.machine.forgotten(file);
    }

    fn not_fetched(&mut self, request: RequestId, now: Time) {
        if let Some(file) = self.fetching.remove(&request) {
            self.machine.not_fetched(file, now.since_start());
        }
    }

    // ---- what is done

    fn look(&mut self, net: &mut HostCtx<'_>) {
        let (mut session, host) = self.view_session();
        if let Some(host) = host {
            self.machine.set_host(host);
            match &mut self.group {
                None => self.join_group(host, net),
                Some((_, marked)) if *marked == host || self.setup.planted == Planted::OldHostMarked => {}
                Some((station, marked)) => {
                    *marked = host;
                    station.order(Command::MarkAs(BridgeMark::Bridge { host }), net);
                }
            }
        }
        let mut group = self.view_group();
        if self.setup.planted == Planted::DeadBridgesCount {
            self.raise_the_dead([&mut group, &mut session]);
        }
        if self.next_probe <= net.now() {
            self.next_probe = net.now() + PROBE;
            self.probe(&group, net);
        }
        if self.group.is_none() {
            return;
        }
        for action in self.machine.look(net.now().since_start(), &group, &session) {
            net.note(format_args!("bridge {}: {action:?}", self.us));
            // A fetch that fails, since nobody has the file any more, is tried again some day.
            self.deeds += u64::from(!matches!(action, Action::Fetch { .. }));
            self.act(action, net);
        }
    }

    fn act(&mut self, action: Action, net: &mut HostCtx<'_>) {
        match action {
            Action::Start { side, station, name, .. } => self.stand_in(side, station, &name, net),
            Action::Stop { .. } if self.setup.planted == Planted::StandInStays => {}
            Action::Stop { side, station, quietly } => match self.stand_ins.remove(&(side, station)) {
                Some(leaving) if quietly && self.setup.planted != Planted::LeaveOfAnother => {
                    self.end(leaving, net);
                }
                Some(leaving) => self.leave(leaving, net),
                None => {}
            },
            Action::Rename { side, station, name } => {
                if let Some(stand_in) = self.stand_ins.get_mut(&(side, station)) {
                    stand_in.order(Command::Rename(name), net);
                }
            }
            Action::Again { side, station } => {
                if let Some(stand_in) = self.stand_ins.get_mut(&(side, station)) {
                    stand_in.order(Command::Refresh, net);
                }
            }
            Action::Fetch { side, through, file } => {
                let request = self.of(side, through).map(|station| station.fetch(file, net));
                match request {
                    Some(request) => {
                        self.fetching.insert(request, file);
                    }
                    None => self.machine.not_fetched(file, net.now().since_start()),
                }
            }
            Action::Offer { file, .. }
                if self.setup.planted == Planted::OfferForgotten && file.to_bytes()[0].is_multiple_of(2) => {}
            Action::Offer { side, station, file } => {
                let Some(commit) = self.stored(file) else { return self.forgotten(file) };
                if self.setup.planted == Planted::BroughtBack
                    && let Some(own) = self.of(side.other(), Through::Bridge)
                {
                    own.order(Command::Publish(commit.clone()), net);
                }
                if let Some(stand_in) = self.stand_ins.get_mut(&(side, station)) {
                    stand_in.order(Command::Publish(commit), net);
                }
            }
            // The store here has room for all.
            Action::Withdraw { .. } => {}
            Action::List { side, file } => {
                let Some(commit) = self.stored(file) else { return self.forgotten(file) };
                if let Some(own) = self.of(side, Through::Bridge) {
                    own.order(Command::Restore(commit), net);
                    own.order(Command::Refresh, net);
                }
            }
        }
    }

    fn stored(&self, file: FileUuid) -> Option<Commit> {
        let commit = self.shelf.commit(file).and_then(as_it_is);
        commit.map(|commit| Commit { group: None, ..commit })
    }

    fn of(&mut self, side: Side, through: Through) -> Option<&mut Station> {
        match (through, side) {
            (Through::Bridge, Side::Host) => Some(&mut self.session),
            (Through::Bridge, Side::Lan) => self.group.as_mut().map(|(group, _)| group),
            (Through::StandIn(station), _) => self.stand_ins.get_mut(&(side, station)),
        }
    }

    fn join_group(&mut self, host: StationUuid, net: &mut HostCtx<'_>) {
        let part =
            Part { id: self.us, mark: BridgeMark::Bridge { host }, lists: None, requests: self.fresh() };
        let name = format!("bridge to {}", self.at.ip());
        let mut station = Station::start(parts::describe(&self.setup, &name, None, part), net);
        for seen in self.all_shown() {
            station.handle(Event::Sighted(seen), net);
        }
        self.group = Some((station, host));
        self.shows(self.us);
    }

    fn shows(&self, station: StationUuid) {
        self.setup.ledger.borrow_mut().is_stood_in_for(station, self.setup.group.as_str());
    }

    fn stand_in(&mut self, side: Side, station: StationUuid, name: &str, net: &mut HostCtx<'_>) {
        let mark = BridgeMark::StandIn { bridge: self.us };
        let part = Part { id: station, mark, lists: Some(station), requests: self.fresh() };
        let session = (side == Side::Host).then_some(self.at);
        let name = if name.is_empty() { "nameless" } else { name };
        let mut stand_in = Station::start(parts::describe(&self.setup, name, session, part), net);
        if side == Side::Lan {
            self.shows(station);
            for seen in self.all_shown().into_iter().filter(|seen| mark_of(seen).is_none()) {
                stand_in.handle(Event::Sighted(seen), net);
            }
        }
        if let Some(before) = self.stand_ins.insert((side, station), stand_in) {
            self.leave(before, net);
        }
    }

    fn leave(&mut self, mut leaving: Station, net: &mut HostCtx<'_>) {
        leaving.order(Command::Leave, net);
        self.ending.push((net.now() + LEAVES_WITHIN, leaving));
    }

    /// Where the numbers of a station's requests begin, which name its temporary files, too.
    const fn fresh(&mut self) -> u64 {
        self.started += 1;
        self.started << 16
    }

    /// A bug planted on purpose.
    fn raise_the_dead(&mut self, views: [&mut View; 2]) {
        for view in views {
            let is_bridge = |seen: &&Seen| matches!(seen.mark, Some(BridgeMark::Bridge { .. }));
            let bridges: Vec<Seen> = view.stations.iter().filter(is_bridge).cloned().collect();
            for seen in bridges
                .into_iter()
                .filter(|seen| seen.mark != Some(BridgeMark::Bridge { host: seen.station }))
            {
                self.ever.insert(seen.station, Seen { answers: true, ..seen });
            }
            view.stations.retain(|seen| !self.ever.contains_key(&seen.station));
            view.stations.extend(self.ever.values().cloned());
        }
    }

    /// Asks those of the group whether they are there of whom it is to be known.
    fn probe(&mut self, group: &View, net: &mut HostCtx<'_>) {
        let Some((station, _)) = &mut self.group else { return };
        for seen in group.stations.iter().filter(|seen| seen.is_to_be_asked()) {
            station.order(Command::Join(seen.station), net);
        }
    }

    // ---- what is seen

    fn is_of_our_group(&self, seen: &Announcement) -> bool {
        crate::station::group_of(&seen.instance) == Some(self.setup.group.as_str())
    }

    const fn stand_in_mark(&self) -> BridgeMark {
        BridgeMark::StandIn { bridge: self.us }
    }

    fn all_shown(&self) -> Vec<Arc<Announcement>> {
        self.sights.all().flat_map(|(_, shown)| shown.iter().rev().cloned()).collect()
    }

    fn in_group(&mut self) -> impl Iterator<Item = (bool, &mut Station)> {
        let own = self.group.as_mut().map(|(group, _)| (true, group));
        let theirs = self.stand_ins.iter_mut().filter(|((side, _), _)| *side == Side::Lan);
        own.into_iter().chain(theirs.map(|(_, station)| (false, station)))
    }

    /// Where a station is there itself, what it says counts; of several bridges that stand in for it, what the lowest says.
    fn note(&mut self, place: PlaceId) {
        let shown = self.sights.shown(place);
        let Some(station) = shown.first().and_then(|seen| sights::txt(seen).station) else { return };
        match shown.iter().map(|seen| mark_of(seen)).min().flatten() {
            Some(mark) => self.marks.insert(station, mark),
            None => self.marks.remove(&station),
        };
    }

    /// Stand-ins see nobody who is marked.
    fn show(&mut self, seen: &Arc<Announcement>, net: &mut HostCtx<'_>) {
        let marked = mark_of(seen).is_some();
        for (own, station) in self.in_group() {
            let seen = Arc::clone(seen);
            let event = if own || !marked { Event::Sighted(seen) } else { Event::Vanished(seen) };
            station.handle(event, net);
        }
    }

    fn view_session(&self) -> (View, Option<StationUuid>) {
        let core = self.session.core();
        let (joined, tells_marks, host) = core.session().map_or((false, false, None), |session| {
            (session.stay == Stay::Joined, session.tells_stations, session.host)
        });
        let stations = self.seen_by(&self.session, |_, marked| marked);
        (View { joined, tells_marks, stations, commits: self.known(Side::Host, &self.session) }, host)
    }

    fn view_group(&self) -> View {
        let Some((group, _)) = &self.group else { return View::default() };
        let mut stations = self.seen_by(group, |station, said| said.or(self.marks.get(&station).copied()));
        for seen in &mut stations {
            seen.doubted = seen.mark != self.marks.get(&seen.station).copied();
        }
        View { joined: true, tells_marks: true, stations, commits: self.known(Side::Lan, group) }
    }

    fn seen_by(
        &self,
        own: &Station,
        mark: impl Fn(StationUuid, Option<BridgeMark>) -> Option<BridgeMark>,
    ) -> Vec<Seen> {
        // Somebody stands in for it, whatever else is known of it.
        let by_another = |station| matches!(mark(station, None), Some(BridgeMark::StandIn { bridge }) if bridge != self.us);
        let there = own.core().stations();
        let there = there.filter(|view| view.membership == Membership::Member || by_another(view.station));
        let seen = there.map(|view| Seen {
            station: view.station,
            name: view.name.to_owned(),
            provider: view.provider.to_owned(),
            // What one said that has left is over.
            mark: mark(view.station, view.bridge.filter(|_| view.membership == Membership::Member)),
            candidate: false,
            answers: view.reachable || view.membership == Membership::Left,
            doubted: false,
            from: view.addresses.first().map(SocketAddr::ip),
        });
        match self.setup.planted {
            Planted::MarksNotRead => seen.map(|seen| Seen { mark: None, ..seen }).collect(),
            Planted::OtherBridgesNotSeen => {
                seen.filter(|seen| !matches!(seen.mark, Some(BridgeMark::Bridge { .. }))).collect()
            }
            _ => seen.collect(),
        }
    }

    fn known(&self, side: Side, own: &Station) -> Vec<Known> {
        let mut known: Vec<Known> = parts::known_by(own, Through::Bridge).collect();
        for ((_, station), stand_in) in self.stand_ins.iter().filter(|((at, _), _)| *at == side) {
            let its = parts::known_by(stand_in, Through::StandIn(*station));
            known.extend(its.filter(|known| known.held || !known.for_all));
        }
        known
    }
}

fn mark_of(seen: &Announcement) -> Option<BridgeMark> {
    sights::txt(seen).ours.and_then(|ours| ours.bridge)
}

/// A ledger that nobody reads: what a bridge's stations tell there would be held against one station of its machine.
fn unread() -> Rc<std::cell::RefCell<Ledger>> {
    Rc::default()
}

/// How often a bridge looks where nothing happens.
const LOOK: Duration = Duration::from_secs(1);
/// After something happened.
const AFTER_EVENT: Duration = Duration::from_millis(50);
/// How often other bridges are asked whether they are there.
const PROBE: Duration = Duration::from_secs(5);
/// A stand-in's LEAVEs are out within this, or never.
const LEAVES_WITHIN: Duration = Duration::from_secs(3);
/// Files that go around.
pub(crate) const AROUND: &str = "nothing-goes-around";

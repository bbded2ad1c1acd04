//! The core itself: its state, and the one door through which everything comes in.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use mvrx_message::{BridgeMark, FileUuid, GroupName, StationUuid};

use crate::change::{Change, ChangeEvent, Former};
use crate::exchange::Exchange;
use crate::farewells::Farewells;
use crate::fetch::Fetch;
use crate::history::History;
use crate::inbound::Inbound;
use crate::moves::{MoveEvent, Moving};
use crate::peer::{Peer, Place, Target};
use crate::released::Released;
use crate::session::Session;
use crate::timer::Agenda;
use crate::withdrawn::ToTell;
use crate::{
    Command, CommitView, Config, ConnId, Event, ExchangePhase, Input, LimitReached, Membership,
    MembershipEvent, Output, Outputs, PlaceId, RequestId, StationView, Timer,
};

/// The sans-IO station. See the crate's page for its contract.
#[derive(Debug)]
pub struct Core {
    pub(crate) config: Config,
    pub(crate) presence: Presence,
    pub(crate) now: Duration,
    pub(crate) peers: BTreeMap<StationUuid, Peer>,
    pub(crate) places: BTreeMap<PlaceId, Place>,
    pub(crate) exchanges: BTreeMap<ConnId, Exchange>,
    pub(crate) inbound: BTreeMap<ConnId, Inbound>,
    pub(crate) fetches: BTreeMap<RequestId, Fetch>,
    pub(crate) history: History,
    /// Our own commits that we have taken back.
    pub(crate) withdrawn: ToTell,
    /// What our store has no more.
    pub(crate) released: Released,
    /// Commits that were listed to us, and by whom, of which the application is still to be told.
    pub(crate) missed: BTreeMap<FileUuid, StationUuid>,
    /// The host of our session has told what it has.
    pub(crate) has_heard: bool,
    /// Since when we are in the group.
    pub(crate) present_since: Duration,
    /// The group that was left last, and what it had.
    pub(crate) left_group: Option<GroupName>,
    pub(crate) left_files: BTreeSet<FileUuid>,
    pub(crate) change: Option<Change>,
    /// Stations of a group that we left, to be told so.
    pub(crate) former: BTreeMap<StationUuid, Former>,
    pub(crate) session: Option<Session>,
    pub(crate) moving: Moving,
    pub(crate) ready: VecDeque<Target>,
    pub(crate) agenda: Agenda,
    pub(crate) limits_told: Vec<LimitReached>,
    /// Every name this station had, the newest last: an echo of an old one is no other station.
    pub(crate) own_names: VecDeque<String>,
    pub(crate) own_uuid_told: bool,
    pub(crate) farewells: Farewells,
    pub(crate) next_dial: u64,
    /// Incoming connections so far.
    pub(crate) accepted: u64,
    pub(crate) out: VecDeque<Output>,
}

/// Whether we are in the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// Not started, or left: nobody is joined, JOINs are answered with OK:false.
    Absent,
    /// In the group.
    Present,
    /// LEAVEs are on their way.
    Leaving,
}

impl Core {
    /// A station that has not started yet.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            own_names: VecDeque::from([config.station_name.clone()]),
            own_uuid_told: false,
            farewells: Farewells::default(),
            session: config.session.clone().map(Session::new),
            config,
            presence: Presence::Absent,
            now: Duration::ZERO,
            peers: BTreeMap::new(),
            places: BTreeMap::new(),
            exchanges: BTreeMap::new(),
            inbound: BTreeMap::new(),
            fetches: BTreeMap::new(),
            history: History::default(),
            withdrawn: ToTell::default(),
            released: Released::default(),
            missed: BTreeMap::new(),
            has_heard: false,
            present_since: Duration::ZERO,
            left_group: None,
            left_files: BTreeSet::new(),
            change: None,
            former: BTreeMap::new(),
            moving: Moving::default(),
            ready: VecDeque::new(),
            agenda: Agenda::default(),
            limits_told: Vec::new(),
            next_dial: 0,
            accepted: 0,
            out: VecDeque::new(),
        }
    }

    /// Takes one thing that happened, and gives what is to be done now, in order.
    ///
    /// `now` counts from any moment, never goes backwards (an earlier one counts as the last one).
    pub fn step(&mut self, now: Duration, input: Input) -> Outputs<'_> {
        self.now = self.now.max(now);
        self.settle_after_first_round();
        while let Some(timer) = self.agenda.take_due(self.now) {
            self.on_timer(timer);
        }
        if let Some(input) = self.route(input) {
            self.on_input(input);
        }
        if self.in_session() {
            self.run_session_fetches();
        } else {
            self.run_change();
            self.run_lanes();
            self.run_fetches();
        }
        self.run_missed();
        self.run_moves();
        Outputs { queue: &mut self.out }
    }

    /// When to call `step` with [`Input::Tick`] at the latest; `None`: nothing is waited for.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        self.agenda.next().into_iter().chain(self.deadline_elsewhere()).min()
    }

    /// The timers that run, for checks and for reading.
    pub fn timers(&self) -> impl Iterator<Item = Timer> + '_ {
        self.agenda.timers().chain(self.timers_elsewhere())
    }

    /// Every station known, in the order of StationUUIDs.
    pub fn stations(&self) -> impl Iterator<Item = StationView<'_>> {
        self.peers.iter().map(|(station, peer)| peer.view(*station, self.config.limits.addresses))
    }

    /// How many stations are known, members or not.
    #[must_use]
    pub fn station_count(&self) -> usize {
        self.peers.len()
    }

    /// The members of the group but ourselves, in the order of StationUUIDs.
    pub fn members(&self) -> impl Iterator<Item = StationUuid> {
        let members = self.peers.iter().filter(|(_, peer)| peer.membership == Membership::Member);
        members.map(|(station, _)| *station)
    }

    /// One station.
    #[must_use]
    pub fn station(&self, station: StationUuid) -> Option<StationView<'_>> {
        self.peers.get(&station).map(|peer| peer.view(station, self.config.limits.addresses))
    }

    /// Every commit known that was not withdrawn, in the order of all stations of ours: the last is the latest.
    pub fn commits(&self) -> impl DoubleEndedIterator<Item = CommitView<'_>> {
        self.history.views()
    }

    /// One of them, also where it was withdrawn.
    #[must_use]
    pub fn commit(&self, file: FileUuid) -> Option<CommitView<'_>> {
        self.history.entry(file).map(crate::history::Entry::view)
    }

    /// Whether a commit that is known was withdrawn by who made it.
    #[must_use]
    pub fn is_withdrawn(&self, file: FileUuid) -> bool {
        self.histories().any(|history| history.is_withdrawn(file))
    }

    /// The identity and limits given at the start, with the present name.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Whether we are in the group.
    #[must_use]
    pub fn presence(&self) -> Presence {
        self.presence
    }

    /// How many connections the core holds open or opening: outgoing and incoming.
    #[must_use]
    pub fn connections(&self) -> (usize, usize) {
        let (out, inn) = self.connections_elsewhere();
        (self.exchanges.len() + out, self.inbound.len() + inn)
    }

    fn on_input(&mut self, input: Input) {
        match input {
            Input::Start => self.start(),
            Input::Tick => {}
            Input::Command(command) => self.on_command(command),
            Input::Sighted(sighting) => self.on_sighted(sighting),
            Input::Vanished { place } => self.on_vanished(place),
            Input::Dialed { conn } => self.on_dialed(conn),
            Input::DialFailed { conn } => self.on_dial_failed(conn),
            Input::AdvertisedAlso => self.on_advertised_also(),
            Input::NotAdvertisedAlso { what } => self.on_not_advertised_also(&what),
            Input::NotAdvertised { what } => self.on_not_advertised(&what),
            Input::MovePrepared { commits, sightings, seed } => {
                self.on_move_prepared(commits, sightings, seed);
            }
            Input::MoveNotPrepared { what } => self.on_move_not_prepared(&what),
            Input::PlaceSaved => self.on_place_saved(),
            Input::PlaceNotSaved { what } => self.on_place_not_saved(&what),
            Input::HostReached { conn, address } => self.on_host_reached(conn, address),
            Input::HostUnreachable { conn, what } => self.on_host_unreachable(conn, &what),
            Input::HostLost { conn, what } => self.on_host_lost(conn, &what),
            Input::Accepted { conn, peer } => self.on_accepted(conn, peer),
            Input::Received { conn, parsed } => self.on_received(conn, &parsed),
            Input::Malformed { conn, what } => self.on_malformed(conn, what),
            Input::FileBegins { conn, length } => self.on_file_begins(conn, length),
            Input::FileArrived { request, length, hash } => self.on_file_arrived(request, length, hash),
            Input::FileSent { conn, length } => self.on_file_sent(conn, length),
            Input::FileFailed { conn, what, local } => self.on_file_failed(conn, what, local),
            Input::FileUnreadable { conn, what } => self.on_file_unreadable(conn, what),
            Input::Kept { request } => self.on_kept(request),
            Input::KeepFailed { request, what } => self.on_keep_failed(request, what),
            Input::PartKept { request, bytes } => self.on_part_kept(request, bytes),
            Input::PartWrong { request } => self.on_part_wrong(request),
            Input::Damaged { request, what } => self.on_damaged(request, &what),
            Input::Exported { conn, commit } => self.on_exported(conn, commit),
            Input::Closed { conn, ending } => self.on_closed(conn, ending),
        }
    }

    fn on_command(&mut self, command: Command) {
        match command {
            Command::Publish(commit) => self.publish(commit, None),
            Command::Restore(commit) => self.history.hold(commit),
            Command::RestoreWithdrawn(commit) => self.restore_withdrawn(commit),
            Command::Withdraw(file) => self.withdraw(file),
            Command::Release(file) => self.release(file),
            Command::Request { request, requested, source } => self.request(request, requested, source),
            Command::Cancel(request) => self.cancel(request),
            Command::Refresh => self.refresh(),
            Command::Join(station) => self.join_asked(station),
            Command::Rename(name) => self.rename(name),
            Command::MarkAs(mark) => self.mark_as(mark),
            Command::SessionAt(url) => self.session_at(&url),
            Command::ChangeGroup { to, commits, sightings } => self.change_group(to, commits, sightings),
            Command::Move { to, force } => self.move_wanted(to, force, None),
            Command::MoveWith { to, others } => self.move_wanted(to, false, Some(others)),
            Command::Companions(stations) => self.companions_are(stations),
            Command::TakesPart(takes_part) => self.takes_part(takes_part),
            Command::AcceptMove(proposal) => self.accept_move(proposal),
            Command::RefuseMove(proposal) => self.refuse_move(proposal),
            Command::AgreeToMove(to) => self.agree_to_move(to),
            Command::Leave => self.leave(),
            Command::Rejoin => self.start(),
            Command::Reannounce => self.reannounce(),
        }
    }

    fn on_timer(&mut self, timer: Timer) {
        match timer {
            Timer::Exchange(conn) => self.on_exchange_deadline(conn),
            Timer::RetryStation(station) => self.on_retry(Target::Station(station)),
            Timer::RetryPlace(place) => self.on_retry(Target::Place(place)),
            Timer::Inbound(conn) => self.on_inbound_deadline(conn),
            Timer::Unseen(station) => self.on_unseen(station),
            Timer::Farewell(station) => self.on_farewell_over(station),
            // The fetch has its turn at the end of this step, and finds that its patience is over.
            Timer::Holder(_) => {}
            Timer::Refresh => self.refresh(),
            Timer::Departure => self.departed(),
            Timer::Change => self.on_change_deadline(),
            Timer::Move => self.on_move_deadline(),
            Timer::Host => self.on_host_deadline(),
            Timer::HostFiles => self.on_files_deadline(),
            Timer::HostAnswer => self.on_host_answer_deadline(),
            Timer::Missed => self.tell_missed(),
        }
    }

    fn start(&mut self) {
        if self.presence == Presence::Present {
            return;
        }
        self.is_back();
        if self.in_session() {
            return self.start_session();
        }
        self.agenda.clear(Timer::Departure);
        self.presence = Presence::Present;
        self.present_since = self.now;
        self.advertise();
        self.event(Event::JoinedGroup);
        let known: Vec<Target> = self.all_targets();
        for target in known {
            self.want_join(target);
        }
        self.join_who_left();
        self.arm_refresh();
    }

    /// Whoever comes back starts anew. Who left while we did may have our LEAVE, and would wait for our JOIN as we for its.
    // req: STA-02
    fn join_who_left(&mut self) {
        let has_left = |peer: &Peer| peer.membership == Membership::Left && !peer.places.is_empty();
        let left = self.peers.iter().filter(|(_, peer)| has_left(peer));
        let left: Vec<StationUuid> = left.map(|(station, _)| *station).collect();
        for station in left {
            self.membership(station, MembershipEvent::Asked);
        }
    }

    fn leave(&mut self) {
        self.end_move(MoveEvent::Left, "this station leaves");
        if self.in_session() {
            return self.leave_session();
        }
        if self.presence != Presence::Present {
            if self.presence == Presence::Absent {
                self.tell_left();
            }
            return;
        }
        self.conclude(ChangeEvent::LeftGroup);
        self.presence = Presence::Leaving;
        self.agenda.clear(Timer::Refresh);
        if self.config.advertise {
            self.out.push_back(Output::Withdraw);
        }
        self.fail_all_fetches();
        let members: Vec<StationUuid> = self.peers.keys().copied().collect();
        for station in members {
            let counts_us = self.counts_us(station);
            self.stop_lane(Target::Station(station));
            // req: STA-06
            if counts_us {
                self.want_leave(station);
            }
        }
        let places: Vec<PlaceId> = self.places.keys().copied().collect();
        for place in places {
            self.stop_lane(Target::Place(place));
        }
        self.agenda.set(Timer::Departure, self.now + self.config.timers.departure);
        self.check_departed();
    }

    /// Ends the leaving once no LEAVE is under way or waiting.
    pub(crate) fn check_departed(&mut self) {
        let busy = |peer: &Peer| peer.lane.leave || peer.lane.running.is_some();
        if self.presence == Presence::Leaving && self.former.is_empty() && !self.peers.values().any(busy) {
            self.departed();
        }
    }

    fn departed(&mut self) {
        self.agenda.clear(Timer::Departure);
        self.presence = Presence::Absent;
        self.drop_former();
        let stations: Vec<StationUuid> = self.peers.keys().copied().collect();
        for station in stations {
            self.stop_lane(Target::Station(station));
            if let Some(peer) = self.peers.get_mut(&station) {
                peer.join_accepted = None;
                if peer.membership != Membership::Left {
                    peer.membership = Membership::Sighted;
                }
            }
        }
        self.peers.retain(|_, peer| !peer.places.is_empty());
        self.tell_left();
    }

    /// Whether a station may believe us to be one of its group: it took our JOIN, sent us its own, or has one of ours to answer.
    pub(crate) fn counts_us(&self, station: StationUuid) -> bool {
        self.peers.get(&station).is_some_and(|peer| {
            let asked = peer.lane.running.and_then(|conn| self.exchanges.get(&conn));
            peer.membership == Membership::Member
                || asked.is_some_and(|exchange| exchange.phase != ExchangePhase::Dialing)
        })
    }

    pub(crate) fn refresh(&mut self) {
        if self.in_session() {
            return self.refresh_session();
        }
        if self.presence != Presence::Present {
            return;
        }
        for target in self.all_targets() {
            self.want_join(target);
        }
        self.arm_refresh();
    }

    fn rename(&mut self, name: String) {
        if self.own_names.len() >= OWN_NAMES {
            self.own_names.pop_front();
        }
        self.own_names.push_back(name.clone());
        self.tell_there(&Command::Rename(name.clone()));
        self.config.station_name = name;
        if self.presence == Presence::Present {
            self.advertise();
            self.refresh();
        }
    }

    // req: BRG-20
    fn mark_as(&mut self, mark: BridgeMark) {
        let before = self.config.bridge.replace(mark);
        if before != Some(mark) {
            self.reannounce();
        }
    }

    fn reannounce(&mut self) {
        if self.presence == Presence::Present {
            self.advertise();
            self.refresh();
        }
    }

    pub(crate) fn advertise(&mut self) {
        if self.config.advertise && !self.in_session() {
            let station_name = self.config.station_name.clone();
            let group = self.config.group.clone();
            self.out.push_back(Output::Advertise { station_name, group });
            if let Some(to) = self.changing_to().cloned() {
                self.advertise_also(to);
            }
        }
    }

    fn arm_refresh(&mut self) {
        if let Some(every) = self.config.timers.refresh {
            self.agenda.set(Timer::Refresh, self.now + every);
        }
    }

    pub(crate) fn event(&mut self, event: Event) {
        self.out.push_back(Output::Event(event));
    }

    /// Tells a limit the first time it keeps something out, not each time.
    pub(crate) fn limit(&mut self, limit: LimitReached) {
        if !self.limits_told.contains(&limit) {
            self.limits_told.push(limit);
            self.event(Event::LimitReached(limit));
        }
    }

    /// Whether our store has a file.
    #[must_use]
    pub fn holds(&self, file: FileUuid) -> bool {
        self.histories().filter_map(|history| history.entry(file)).any(|e| e.held)
    }
}

/// More names that a station had are forgotten.
const OWN_NAMES: usize = 16;

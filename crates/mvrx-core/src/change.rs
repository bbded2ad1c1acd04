//! The change of group, make before break: the station joins the new group first, and only then leaves the old one.
//!
//! ```text
//!            Asked                         Joined: everybody seen there has answered, one at least has accepted, or nobody is there
//!   InOne ───────────► InBoth ──┬─────────► InOne (the new group); LEAVE to the stations of the old one
//!                               └─────────► InOne (the old group); LEAVE to those of the new one that took our JOIN
//!                                          NotAnnounced, NotJoined; LeftGroup: LEAVE to all
//! ```
//!
//! | state | what is true | waited for | bounded by | then |
//! |---|---|---|---|---|
//! | `InOne` | all stations are those of `Config::group` | - | - | - |
//! | `InBoth` | announced in both groups, joined in the old one, joining in the new one | the announcement, an answer of each station seen in the new group; while nobody is seen there, `Timers::look_around` | `Timers::change` | one of the two |
//!
//! Messages carry no group, so it is known of each station on which [`Side`] it is, by where discovery shows it. Commits belong to a
//! group: each side is told its own, and of a station whose side is not known yet nothing is told or taken. What is committed meanwhile
//! is told to both. Requests under way end when the old group is left, as with LEAVE.
//!
//! A station that changes with us is on the new side as soon as discovery shows it there, and is never left.

use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use mvrx_message::{Commit, FileUuid, GroupName, Product, StationUuid};

use crate::exchange::Purpose;
use crate::history::History;
use crate::peer::Target;
use crate::{Core, Event, Membership, Output, PlaceId, Presence, Sighting, Timer};

/// Whether one group is joined or two; see the table above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangePhase {
    /// In one group, or in none.
    InOne,
    /// In the old group and joining the new one.
    InBoth,
}

/// What may happen to a change of group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeEvent {
    /// The application wants another group.
    Asked,
    /// The new group is joined.
    Joined,
    /// Discovery does not announce us there.
    NotAnnounced,
    /// Stations are there, and none took our JOIN in time; or nobody is where somebody should be.
    NotJoined,
    /// The application wants no group at all.
    LeftGroup,
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeAction {
    /// Nothing.
    Nothing,
    /// Announce us there and send JOIN to whom discovery shows there.
    Begin,
    /// Say that one change is under way already.
    Refuse,
    /// Leave the old group.
    Move,
    /// Leave the new group again.
    Stay,
    /// Forget which group is which: all is left.
    Drop,
}

impl ChangePhase {
    /// The next state and what to do, for each state and event.
    #[must_use]
    pub fn on(self, event: ChangeEvent) -> (Self, ChangeAction) {
        use ChangeEvent as E;
        match (self, event) {
            (Self::InOne, E::Asked) => (Self::InBoth, ChangeAction::Begin),
            (Self::InOne, E::Joined | E::NotAnnounced | E::NotJoined | E::LeftGroup) => {
                (self, ChangeAction::Nothing)
            }
            (Self::InBoth, E::Asked) => (self, ChangeAction::Refuse),
            (Self::InBoth, E::Joined) => (Self::InOne, ChangeAction::Move),
            (Self::InBoth, E::NotAnnounced | E::NotJoined) => (Self::InOne, ChangeAction::Stay),
            (Self::InBoth, E::LeftGroup) => (Self::InOne, ChangeAction::Drop),
        }
    }

    /// All states.
    pub const ALL: [Self; 2] = [Self::InOne, Self::InBoth];
}

impl ChangeEvent {
    /// All events.
    pub const ALL: [Self; 5] =
        [Self::Asked, Self::Joined, Self::NotAnnounced, Self::NotJoined, Self::LeftGroup];
}

/// In which of the two groups a station or a place is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// In `Config::group`.
    Ours,
    /// In the group that is joined just now.
    Next,
    /// Nothing tells its group (a fixed list): it is of ours, whichever that is.
    Any,
    /// It came while we are in both, and discovery has not shown it yet.
    Unknown,
}

/// The group that is joined just now.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) to: GroupName,
    history: History,
    /// Discovery announces us there.
    announced: bool,
    /// Discovery has had its time to show who is there, so that nobody seen means nobody there.
    looked: bool,
    /// Decided then at the latest.
    deadline: Duration,
    /// The reason of the last one that did not take our JOIN.
    refusal: Option<String>,
    /// It is a move, which says when the old group is left.
    of_move: bool,
    /// The new group is joined, and the move goes on.
    ready: bool,
}

/// A station of a group that we left, to be told so.
#[derive(Debug)]
pub(crate) struct Former {
    pub(crate) product: Product,
    /// It writes as the specification's next edition does.
    pub(crate) speaks_next: bool,
    /// The group, where LEAVE says it.
    pub(crate) group: Option<GroupName>,
    addresses: VecDeque<SocketAddr>,
    /// It is being told.
    running: bool,
}

impl Former {
    pub(crate) const fn is_running(&self) -> bool {
        self.running
    }
}

impl Core {
    /// The group that is being joined, while the group is changed.
    #[must_use]
    pub fn changing_to(&self) -> Option<&GroupName> {
        self.change.as_ref().map(|change| &change.to)
    }

    /// Which of the groups in which a station is announced counts for us: the one that is being joined, then ours, then the first.
    pub fn group_that_counts<'a>(&self, groups: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
        let looks = self.core_in_a_group();
        let rank = |group: &&str| match looks.side_of(Some(group)) {
            Some(Side::Next) => 0,
            Some(_) => 1,
            None => 2,
        };
        groups.into_iter().min_by_key(rank)
    }

    // req: STA-17
    pub(crate) fn change_group(&mut self, to: GroupName, commits: Vec<Commit>, sightings: Vec<Sighting>) {
        if self.presence == Presence::Leaving {
            let why = "this station is leaving its group".to_owned();
            return self.event(Event::GroupNotChanged { to, why });
        }
        if self.in_session() {
            let why = "this station is one of a session".to_owned();
            return self.event(Event::GroupNotChanged { to, why });
        }
        if self.change.is_none() && to == self.config.group {
            return self.event(Event::GroupChanged { from: to.clone(), to });
        }
        match self.on_change(ChangeEvent::Asked) {
            ChangeAction::Begin if !self.is_moving() => self.begin_change(to, commits, sightings, false),
            _ => {
                let why = "another move is under way".to_owned();
                self.event(Event::GroupNotChanged { to, why });
            }
        }
    }

    /// The same as part of a move, which says when the old group is left.
    pub(crate) fn change_group_in_move(
        &mut self,
        to: GroupName,
        commits: Vec<Commit>,
        sightings: Vec<Sighting>,
    ) {
        if self.on_change(ChangeEvent::Asked) == ChangeAction::Begin {
            let commits = self.with_what_we_have(commits);
            self.begin_change(to, commits, sightings, true);
        }
    }

    /// The move leaves the old group.
    pub(crate) fn release_change(&mut self) {
        if self.change.as_ref().is_some_and(|change| change.of_move) {
            self.conclude(ChangeEvent::Joined);
        }
    }

    /// The move does not go on.
    pub(crate) fn drop_change_of_move(&mut self, why: &str) {
        if let Some(change) = self.change.as_mut().filter(|change| change.of_move) {
            change.refusal = Some(why.to_owned());
            self.conclude(ChangeEvent::NotJoined);
        }
    }

    fn begin_change(&mut self, to: GroupName, commits: Vec<Commit>, sightings: Vec<Sighting>, of_move: bool) {
        let mut history = History::default();
        // req: STA-31
        history.withdrawn = self.history.withdrawn.clone();
        commits.into_iter().for_each(|commit| history.hold(commit));
        let present = self.presence == Presence::Present;
        let announced = !(present && self.config.advertise);
        let deadline = self.now + self.config.timers.change;
        let look = deadline.min(self.now + self.time_to_be_seen());
        self.change = Some(Change {
            to: to.clone(),
            history,
            announced,
            looked: false,
            deadline,
            refusal: None,
            of_move,
            ready: false,
        });
        if !present {
            return self.conclude(ChangeEvent::Joined);
        }
        if !announced {
            self.advertise_also(to);
        }
        self.agenda.set(Timer::Change, look);
        for sighting in sightings {
            self.on_sighted(sighting);
        }
    }

    pub(crate) fn advertise_also(&mut self, group: GroupName) {
        let station_name = self.config.station_name.clone();
        self.out.push_back(Output::AdvertiseAlso { station_name, group });
    }

    pub(crate) fn on_advertised_also(&mut self) {
        if let Some(change) = &mut self.change {
            change.announced = true;
        }
    }

    pub(crate) fn on_not_advertised_also(&mut self, what: &str) {
        if let Some(change) = &mut self.change {
            change.refusal = Some(format!("it cannot be announced there: {what}"));
            self.conclude(ChangeEvent::NotAnnounced);
        }
    }

    pub(crate) fn note_refusal(&mut self, station: StationUuid, why: impl Into<String>) {
        let next = self.peers.get(&station).is_some_and(|peer| peer.side == Side::Next);
        if let Some(change) = self.change.as_mut().filter(|_| next) {
            change.refusal = Some(why.into());
        }
    }

    /// Goes on as soon as everybody in the new group has answered; called at the end of each step.
    pub(crate) fn run_change(&mut self) {
        let Some(change) = self.change.as_ref().filter(|change| change.announced && !change.ready) else {
            return;
        };
        if (change.looked || !self.sees_nobody(is_next)) && !self.waits_for_somebody(is_next) {
            self.decide();
        }
    }

    pub(crate) fn on_change_deadline(&mut self) {
        match self.change.as_mut() {
            Some(change) if !change.looked && self.now < change.deadline => {
                change.looked = true;
                self.agenda.set(Timer::Change, change.deadline);
            }
            Some(change) if change.ready => {}
            Some(change) if !change.announced => {
                change.refusal = Some("it was not announced there in time".to_owned());
                self.conclude(ChangeEvent::NotAnnounced);
            }
            Some(_) => self.decide(),
            None => {}
        }
    }

    fn decide(&mut self) {
        let nobody = self.sees_nobody(is_next);
        if nobody && let Some(why) = self.why_not_begun() {
            self.change.iter_mut().for_each(|change| change.refusal = Some(why.clone()));
            return self.conclude(ChangeEvent::NotJoined);
        }
        if !nobody && !self.has_joined_somebody(is_next) {
            return self.conclude(ChangeEvent::NotJoined);
        }
        match self.change.as_mut().filter(|change| change.of_move) {
            Some(change) => {
                change.ready = true;
                self.agenda.clear(Timer::Change);
                self.change_in_move_ready();
            }
            None => self.conclude(ChangeEvent::Joined),
        }
    }

    fn on_change(&mut self, event: ChangeEvent) -> ChangeAction {
        let phase = if self.change.is_some() { ChangePhase::InBoth } else { ChangePhase::InOne };
        phase.on(event).1
    }

    /// Ends a change in one of its ways.
    pub(crate) fn conclude(&mut self, event: ChangeEvent) {
        let action = self.on_change(event);
        let Some(change) = self.change.take() else { return };
        self.agenda.clear(Timer::Change);
        let from = self.config.group.clone();
        match action {
            ChangeAction::Move => {
                let Change { to, history, of_move, .. } = change;
                self.fail_all_fetches();
                self.part_from(Some(&from), |side| matches!(side, Side::Ours | Side::Unknown));
                self.config.group = to.clone();
                self.farewells.group_changed();
                let left = std::mem::replace(&mut self.history, history);
                self.left_files = left.entries().map(|entry| entry.commit.file).collect();
                self.left_group = Some(from.clone());
                self.all_are_ours();
                if of_move {
                    self.bring_to_group(&left);
                }
                if self.presence == Presence::Present {
                    self.advertise();
                }
                self.event(Event::GroupChanged { from, to });
                self.refresh_any();
            }
            ChangeAction::Stay => {
                self.part_from(Some(&change.to), is_next);
                self.all_are_ours();
                self.advertise();
                let nobody = || "no station that is there took our JOIN in time".to_owned();
                let why = change.refusal.unwrap_or_else(nobody);
                if !change.of_move {
                    self.event(Event::GroupNotChanged { to: change.to, why: why.clone() });
                }
                // The move tells it.
                self.change_in_move_ended(&why);
            }
            _ => {
                // In which of the two they count us they know alone.
                self.part_from(None, is_next);
                self.all_are_ours();
                let why = "this station leaves its group".to_owned();
                self.event(Event::GroupNotChanged { to: change.to, why });
            }
        }
    }

    /// Forgets the stations of a side, and has those told that count us as one of theirs, in this group. Nothing is told where a station that
    /// stays has answered since: whoever was there before, it would take the LEAVE for its own.
    // req: STA-17
    fn part_from(&mut self, group: Option<&GroupName>, is_gone: impl Fn(Side) -> bool) {
        let (gone, stay): (Vec<_>, Vec<_>) = self.peers.iter().partition(|(_, peer)| is_gone(peer.side));
        let gone: Vec<StationUuid> = gone.into_iter().map(|(station, _)| *station).collect();
        let taken: BTreeSet<SocketAddr> = stay.into_iter().filter_map(|(_, peer)| peer.good).collect();
        for station in gone {
            let counts_us = self.counts_us(station);
            self.stop_lane(Target::Station(station));
            let Some(peer) = self.peers.remove(&station) else { continue };
            peer.places.keys().for_each(|place| self.drop_place(*place));
            self.agenda.clear(Timer::Unseen(station));
            self.agenda.clear(Timer::Farewell(station));
            let mut addresses = peer.addresses(self.config.limits.addresses);
            addresses.retain(|address| !taken.contains(address));
            let group = group.filter(|_| peer.side != Side::Unknown && peer.reads_group_of_leave()).cloned();
            if counts_us && !addresses.is_empty() && self.former.len() < self.config.limits.stations {
                let speaks_next = crate::lanes::speaks_next(peer.quirks);
                let former = Former { product: peer.product, speaks_next, group, addresses, running: false };
                self.former.insert(station, former);
            }
        }
        let nameless: Vec<PlaceId> =
            self.places.iter().filter(|(_, place)| is_gone(place.side)).map(|(place, _)| *place).collect();
        for place in nameless {
            self.stop_lane(Target::Place(place));
            self.forget_place_of_who_came_along(place);
            self.drop_place(place);
        }
    }

    /// A station that is on the new side by its JOIN is not to be found where the old one showed it.
    // req: STA-17
    fn forget_place_of_who_came_along(&mut self, place: PlaceId) {
        let Some(station) = self.places.get(&place).and_then(|place| place.station) else { return };
        let Some(peer) = self.peers.get_mut(&station) else { return };
        let addresses = peer.places.remove(&place).unwrap_or_default();
        if peer.places.is_empty() {
            peer.good = peer.good.or(addresses.first().copied());
            self.watch_unseen(station);
        }
    }

    pub(crate) fn drop_place(&mut self, place: PlaceId) {
        self.places.remove(&place);
        self.agenda.clear(Timer::RetryPlace(place));
    }

    fn all_are_ours(&mut self) {
        let sides = self.peers.values_mut().map(|peer| &mut peer.side);
        for side in sides.chain(self.places.values_mut().map(|place| &mut place.side)) {
            if matches!(side, Side::Next | Side::Unknown) {
                *side = Side::Ours;
            }
        }
    }

    /// Those of no known group are told the commits of the new one.
    fn refresh_any(&mut self) {
        let any = self.peers.iter().filter(|(_, peer)| peer.side == Side::Any);
        let any: Vec<StationUuid> = any.map(|(station, _)| *station).collect();
        for station in any {
            self.want_join(Target::Station(station));
        }
    }

    /// On which side a sighting of this group is; `None`: of neither.
    pub(crate) fn side_of(&self, group: Option<&str>) -> Option<Side> {
        match group {
            None => Some(Side::Any),
            Some(group) if self.changing_to().is_some_and(|to| to.as_str() == group) => Some(Side::Next),
            Some(group) if group == self.config.group.as_str() => Some(Side::Ours),
            Some(_) => None,
        }
    }

    /// In which group something is said to a station; `None`: nobody knows.
    pub(crate) fn group_said_to(&self, station: Option<StationUuid>) -> Option<GroupName> {
        self.group_on(self.side_of_station(station))
    }

    pub(crate) fn group_on(&self, side: Side) -> Option<GroupName> {
        match side {
            Side::Ours => Some(self.config.group.clone()).filter(|_| !self.in_session()),
            Side::Next => self.changing_to().cloned(),
            // A station of a fixed list may be in any group.
            Side::Any | Side::Unknown => None,
        }
    }

    /// The group for which a station of ours says something to us, if it is none that we are in: it does not know yet that we moved.
    // req: STA-18
    pub(crate) fn in_another_group<'a>(
        &self,
        from: StationUuid,
        group: Option<&'a GroupName>,
    ) -> Option<&'a GroupName> {
        let any = self.peers.get(&from).is_some_and(|peer| peer.side == Side::Any);
        group.filter(|group| !any && self.side_of(Some(group.as_str())).is_none())
    }

    /// The side of a station of which nothing tells it.
    pub(crate) fn side_of_newcomers(&self) -> Side {
        if self.change.is_some() { Side::Unknown } else { Side::Ours }
    }

    /// Notes on which side discovery shows a station. Tells whether it is told other commits than before.
    pub(crate) fn put_on(&mut self, side: Side, station: StationUuid) -> bool {
        let Some(peer) = self.peers.get_mut(&station) else { return false };
        if peer.side == Side::Any || peer.side == side {
            return false;
        }
        let before = std::mem::replace(&mut peer.side, side);
        if side == Side::Next {
            // What it said in the old group, or where it was shown by mistake, says nothing of the new one.
            peer.met = false;
            peer.lane.failures = 0;
        }
        if side == Side::Next && peer.membership == Membership::Left && !peer.left_every_group {
            // It left the group that we are about to leave.
            peer.membership = Membership::Sighted;
        }
        (side == Side::Next) != (before == Side::Next) || before == Side::Unknown
    }

    /// The commits that a station is told of, and that it tells of; `None`: none.
    pub(crate) fn history_of(&self, station: Option<StationUuid>) -> Option<&History> {
        match self.side_of_station(station) {
            Side::Ours | Side::Any => Some(&self.history),
            Side::Next => self.change.as_ref().map(|change| &change.history),
            Side::Unknown => None,
        }
    }

    pub(crate) fn history_of_mut(&mut self, station: StationUuid) -> Option<&mut History> {
        match self.side_of_station(Some(station)) {
            Side::Ours | Side::Any => Some(&mut self.history),
            Side::Next => self.change.as_mut().map(|change| &mut change.history),
            Side::Unknown => None,
        }
    }

    fn side_of_station(&self, station: Option<StationUuid>) -> Side {
        let peer = station.and_then(|station| self.peers.get(&station));
        peer.map_or(self.side_of_newcomers(), |peer| peer.side)
    }

    /// The commits of the group that is being joined.
    pub(crate) fn next_history(&mut self) -> Option<&mut History> {
        self.change.as_mut().map(|change| &mut change.history)
    }

    /// A station that moves with us and does not see us in the new group yet lists what it has in the old one. Other products do not
    /// keep their groups apart: what they list they offer.
    pub(crate) fn lists_of_old_group(&self, station: StationUuid, file: FileUuid) -> bool {
        let Some(peer) = self.peers.get(&station).filter(|peer| peer.product == Product::Mvrx) else {
            return false;
        };
        // Back in the group that was left last its files are right.
        let back = peer.side == Side::Next && self.changing_to() == self.left_group.as_ref();
        !back && self.left_files.contains(&file) && self.history.entry(file).is_none()
            || peer.side == Side::Next && self.history.entry(file).is_some()
    }

    /// Both groups' commits.
    pub(crate) fn histories(&self) -> impl Iterator<Item = &History> {
        std::iter::once(&self.history).chain(self.change.as_ref().map(|change| &change.history))
    }

    pub(crate) fn histories_mut(&mut self) -> impl Iterator<Item = &mut History> {
        std::iter::once(&mut self.history).chain(self.change.as_mut().map(|change| &mut change.history))
    }

    /// It is one of ours again: it is not told that we left.
    pub(crate) fn is_no_longer_former(&mut self, station: StationUuid) {
        if self.former.remove(&station).is_some() {
            let telling = |target| target == Target::Former(station);
            let conn = self.exchanges.iter().find(|(_, e)| telling(e.target)).map(|(conn, _)| *conn);
            if let Some(conn) = conn {
                self.drop_exchange(conn);
            }
        }
    }

    pub(crate) fn tell_former(&mut self, mut free: usize) {
        while free > 0
            && let Some((station, former)) = self.former.iter_mut().find(|(_, former)| !former.running)
        {
            former.running = true;
            let (station, addresses) = (*station, std::mem::take(&mut former.addresses));
            self.start_exchange(Target::Former(station), Purpose::Leave, addresses);
            free -= 1;
        }
    }

    pub(crate) fn former_told(&mut self, target: Target) {
        if let Target::Former(station) = target {
            self.former.remove(&station);
        }
    }

    pub(crate) fn drop_former(&mut self) {
        let all: Vec<StationUuid> = self.former.keys().copied().collect();
        for station in all {
            self.is_no_longer_former(station);
        }
    }
}

fn is_next(side: Side) -> bool {
    side == Side::Next
}

/// Whether a side is that of the group that is ours for good.
pub(crate) fn in_ours(side: Side) -> bool {
    matches!(side, Side::Ours | Side::Any)
}

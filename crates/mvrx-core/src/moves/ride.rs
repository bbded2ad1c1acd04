//! The move itself: a second core joins the new place, and takes this one's place when it has.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use mvrx_message::{Commit, FileUuid, Product, SessionTarget};

use super::{Cause, MoveAction, MoveEvent, MovePhase, Ride};
use crate::change::{Side, in_ours};
use crate::history::History;
use crate::inbound::{ok, refuse};
use crate::{Command, Core, Event, Input, Membership, Output, SessionConfig, Sighting, Stay, Timer};

impl Ride {
    pub(super) fn new(to: SessionTarget, cause: Cause) -> Self {
        Self {
            to,
            passing: matches!(cause, Cause::Ours { only: Some(_), .. }),
            cause,
            there: None,
            news: Vec::new(),
            looked: false,
            turned_away: None,
            saved: false,
            along: BTreeSet::new(),
            left: None,
            listed: BTreeSet::new(),
            newcomers: true,
            went: BTreeSet::new(),
            deadline: Duration::ZERO,
            to_ask: VecDeque::new(),
            asking: BTreeMap::new(),
        }
    }
}

impl Core {
    // req: MOV-06
    pub(super) fn prepare_move(&mut self) {
        let deadline = self.now + self.config.timers.arrival;
        let left = self.session.as_ref().filter(|session| session.product() == Product::Mvrx);
        let left = left.filter(|_| self.is_joined()).and_then(|_| self.host());
        let Some(ride) = self.moving.ride.as_mut() else { return };
        ride.left = left.filter(|_| !ride.passing);
        ride.deadline = deadline;
        let to = ride.to.clone();
        self.agenda.set(Timer::Move, deadline);
        let errand = ride.cause.is_errand();
        self.event(Event::MoveBegun { to: to.clone(), errand });
        self.out.push_back(Output::PrepareMove { to });
    }

    pub(crate) fn on_move_prepared(&mut self, commits: Vec<Commit>, sightings: Vec<Sighting>, seed: u64) {
        if self.on_move(MoveEvent::Prepared) == MoveAction::Join {
            self.join_there(commits, sightings, seed);
        }
    }

    pub(crate) fn on_move_not_prepared(&mut self, what: &str) {
        if self.moving.phase == MovePhase::Preparing {
            self.end_move(MoveEvent::NotPrepared, what);
        }
    }

    /// The new place is joined beside the old one.
    fn join_there(&mut self, commits: Vec<Commit>, sightings: Vec<Sighting>, seed: u64) {
        let Some(to) = self.moving.ride.as_ref().map(|ride| ride.to.clone()) else { return };
        match to {
            SessionTarget::Group(group) if !self.in_session() => {
                self.change_group_in_move(group, commits, sightings);
            }
            SessionTarget::Group(group) => {
                let mut config = self.config.clone();
                config.group = group;
                config.session = None;
                let commits = self.with_what_we_have(commits);
                self.enter(config, commits, sightings);
            }
            SessionTarget::Url(url) => {
                let mut config = self.config.clone();
                config.session = Some(SessionConfig { url, seed, ..self.files_offer() });
                let commits = self.with_what_we_have(Vec::new());
                self.enter(config, commits, Vec::new());
            }
            _ => self.end_move(MoveEvent::NotJoined, "this station cannot go to a place of that kind"),
        }
    }

    /// The files that we have are the crew's: they come along, and the new place is told of them.
    // req: MOV-14
    pub(crate) fn with_what_we_have(&self, mut commits: Vec<Commit>) -> Vec<Commit> {
        let known: BTreeSet<FileUuid> = commits.iter().map(|commit| commit.file).collect();
        let held = self.history.entries().filter(|e| e.is_given() && !known.contains(&e.commit.file));
        commits.extend(held.map(|e| e.commit.clone()));
        commits
    }

    /// Whether nobody needs to stand in the new group: who leads begins it. Who follows finds there whoever leads; but a host of ours whose own
    /// operator moves its session stays where it is, and to a station of a fixed list a group is a name: it is reached wherever it is.
    // req: MOV-15
    fn may_begin_group(&self) -> bool {
        let asker = match self.moving.ride.as_ref().map(|ride| &ride.cause) {
            Some(Cause::Proposed { asker, .. }) => asker.station,
            _ => return true,
        };
        match &self.session {
            Some(session) => session.product() == Product::Mvrx && asker.is_some() && asker == self.host(),
            None => asker
                .and_then(|station| self.peers.get(&station))
                .is_some_and(|peer| peer.side == Side::Any && peer.membership == Membership::Member),
        }
    }

    /// Why a group in which nobody is seen is not begun by us; `None`: it is.
    pub(crate) fn why_not_begun(&self) -> Option<String> {
        let Some(Ride { to: SessionTarget::Group(group), .. }) = &self.moving.ride else { return None };
        let (name, within) = (group.as_str(), self.config.timers.somebody_there);
        let why =
            || format!("the group {name:?} cannot be reached: no station was seen there within {within:?}");
        (!self.may_begin_group()).then(why)
    }

    /// How long nobody seen in a new group does not mean yet that nobody is there.
    pub(crate) fn time_to_be_seen(&self) -> Duration {
        let timers = &self.config.timers;
        if self.may_begin_group() { timers.look_around } else { timers.somebody_there }
    }

    fn files_offer(&self) -> SessionConfig {
        let plain = SessionConfig::new("", 0);
        let files_connection =
            self.config.session.as_ref().map_or(plain.files_connection, |s| s.files_connection);
        SessionConfig { files_connection, ..plain }
    }

    fn enter(&mut self, config: crate::Config, commits: Vec<Commit>, sightings: Vec<Sighting>) {
        self.moving.cores += 1;
        let mut there = Box::new(Self::new(config));
        there.moving.aside = true;
        there.next_dial = self.moving.cores << CONNECTIONS_BITS;
        there.accepted = self.accepted;
        there.own_names = self.own_names.clone();
        // req: STA-31
        there.withdrawn = self.withdrawn.clone();
        there.history.withdrawn = self.history.withdrawn.clone();
        // req: STA-23
        there.farewells = self.farewells.clone();
        there.farewells.group_changed();
        let now = self.now;
        let commands = commits.into_iter().map(|commit| Input::Command(Command::Restore(commit)));
        let sightings = sightings.into_iter().map(Input::Sighted);
        for input in commands.chain([Input::Start]).chain(sightings) {
            there.step(now, input);
        }
        let look = now + self.time_to_be_seen();
        if let Some(ride) = self.moving.ride.as_mut() {
            let at = if there.in_session() { ride.deadline } else { ride.deadline.min(look) };
            ride.there = Some(there);
            self.agenda.set(Timer::Move, at);
        }
        self.take_outputs_of_there();
        self.spare_who_is_met_again();
    }

    pub(crate) fn on_move_deadline(&mut self) {
        let now = self.now;
        let arrived = self.has_arrived(true);
        match (self.moving.phase, self.moving.ride.as_mut()) {
            (MovePhase::Asking, _) => {
                self.end_move(MoveEvent::Deadline, "the operator did not say yes in time");
            }
            (MovePhase::Joining, Some(ride)) if !ride.looked && now < ride.deadline => {
                ride.looked = true;
                let deadline = ride.deadline;
                self.agenda.set(Timer::Move, deadline);
            }
            (MovePhase::Gathering, _) => self.follow_move(MoveEvent::Deadline),
            (MovePhase::Settled, _) => {}
            (MovePhase::Saving, _) => {
                self.end_move(
                    MoveEvent::Deadline,
                    "the new place could not be kept for the next start in time",
                );
            }
            _ if arrived => self.arrived(),
            _ => self.end_move(MoveEvent::Deadline, "the new place could not be joined in time"),
        }
    }

    /// Goes on as soon as the new place has us; called at the end of each step.
    pub(super) fn run_arrival(&mut self) {
        if self.moving.phase != MovePhase::Joining {
            return;
        }
        if let Some(why) = self.moving.ride.as_mut().and_then(|ride| ride.turned_away.take()) {
            self.end_move(MoveEvent::NotJoined, &why);
        } else if self.is_the_session_we_are_in() {
            self.end_move(
                MoveEvent::NotJoined,
                "this station is there already: that URL leads to the host of its session",
            );
        } else if self.has_arrived(false) {
            self.arrived();
        } else if self.is_turned_away() {
            self.end_move(MoveEvent::NotJoined, "no station that is there took our JOIN");
        } else if self.has_looked_in_vain()
            && let Some(why) = self.why_not_begun()
        {
            self.end_move(MoveEvent::NotJoined, &why);
        }
    }

    /// Whether the host let us in; of a group, whether everybody seen there has answered, one at least with yes, or nobody is there.
    // req: MOV-06
    fn has_arrived(&self, now_or_never: bool) -> bool {
        let Some(ride) = &self.moving.ride else { return false };
        let Some(there) = &ride.there else { return false };
        match there.session() {
            Some(session) => session.stay == Stay::Joined,
            None if there.sees_nobody(in_ours) => ride.looked && self.may_begin_group(),
            None => {
                (now_or_never || !there.waits_for_somebody(in_ours))
                    && (there.has_joined_somebody(in_ours) || (ride.looked && self.goes_anyway()))
            }
        }
    }

    /// Whether we go into the new group also if nobody who is shown there takes our JOIN: an election sends us back, or the host of our session is
    /// lost. Where a bridge was killed all who are shown may be its stand-ins, which answer nobody; who stayed for that would be nowhere.
    // req: ELE-14
    fn goes_anyway(&self) -> bool {
        let errand = match self.moving.ride.as_ref().map(|ride| &ride.cause) {
            Some(Cause::Ours { only, .. }) => only.is_some(),
            _ => return false,
        };
        errand || self.session().is_some_and(|session| session.stay != Stay::Joined)
    }

    /// Whether the new place is another way to the host whose session we are in: by another name of it, or another of its addresses. Nothing would
    /// be gained there, and to stand in both is one connection too many for a host that has one of each station.
    // req: MOV-20
    fn is_the_session_we_are_in(&self) -> bool {
        let Some(Ride { left: Some(left), there: Some(there), .. }) = &self.moving.ride else { return false };
        there.is_joined() && there.host() == Some(*left)
    }

    /// Whether nobody has been seen in the new group in time.
    fn has_looked_in_vain(&self) -> bool {
        let ride = self.moving.ride.as_ref().filter(|ride| ride.looked);
        let there = ride.and_then(|ride| ride.there.as_ref()).filter(|there| !there.in_session());
        there.is_some_and(|there| there.sees_nobody(in_ours))
    }

    /// Whether stations are in the new group, and none of them took our JOIN.
    fn is_turned_away(&self) -> bool {
        let there = self
            .moving
            .ride
            .as_ref()
            .and_then(|ride| ride.there.as_ref())
            .filter(|there| !there.in_session());
        there.is_some_and(|there| {
            !there.sees_nobody(in_ours)
                && !there.waits_for_somebody(in_ours)
                && !there.has_joined_somebody(in_ours)
                && !self.goes_anyway()
        })
    }

    /// The new place has us.
    pub(super) fn arrived(&mut self) {
        self.follow_move(MoveEvent::Joined);
    }

    /// Nothing is left before the next start is in the new place, and nobody is asked to follow before.
    // req: MOV-07
    pub(super) fn save_place(&mut self) {
        let Some(ride) = self.moving.ride.as_mut() else { return };
        ride.saved = true;
        let (to, passing) = (ride.to.clone(), ride.passing);
        self.agenda.set(Timer::Move, self.now + self.config.timers.keep_place);
        let group = ride.there.as_ref().map(|there| there.config.group.clone());
        let group =
            group.or_else(|| self.changing_to().cloned()).unwrap_or_else(|| self.config.group.clone());
        let mut along = Vec::new();
        if group != self.config.group {
            along = self.history.entries().filter(|e| e.is_given()).map(|e| e.commit.file).collect();
        }
        if let Some(ride) = self.moving.ride.as_mut() {
            ride.along = along.iter().copied().collect();
        }
        self.out.push_back(Output::SavePlace { to, group, along, passing });
    }

    pub(crate) fn on_place_saved(&mut self) {
        let event = if self.leads() { MoveEvent::SavedToLead } else { MoveEvent::SavedToFollow };
        self.follow_move(event);
    }

    // req: MOV-08
    pub(crate) fn on_place_not_saved(&mut self, what: &str) {
        if self.moving.phase == MovePhase::Saving {
            self.end_move(
                MoveEvent::NotSaved,
                &format!("the new place cannot be kept for the next start: {what}"),
            );
        }
    }

    pub(crate) fn on_not_advertised(&mut self, what: &str) {
        if self.moving.phase == MovePhase::Joining && self.in_session() {
            self.end_move(MoveEvent::NotJoined, &format!("it cannot be announced there: {what}"));
        }
    }

    /// The change of group that is a move has ended by itself.
    pub(crate) fn change_in_move_ended(&mut self, why: &str) {
        if matches!(self.moving.phase, MovePhase::Joining | MovePhase::Saving | MovePhase::Gathering) {
            self.end_move(MoveEvent::NotJoined, why);
        }
    }

    /// The new group has us, beside the old one.
    pub(crate) fn change_in_move_ready(&mut self) {
        if self.moving.phase == MovePhase::Joining {
            self.arrived();
        }
    }

    /// Leaves the old place: the new one is ours from now on.
    // req: MOV-06, MOV-07
    pub(super) fn switch(&mut self) {
        self.agenda.clear(Timer::Move);
        self.stop_gathering();
        let Some(ride) = self.moving.ride.take() else { return };
        self.keep_late_ones(&ride);
        let Ride { to, cause, there, news, .. } = ride;
        let from = self.place();
        let errand = cause.is_errand();
        let asker = if let Cause::Proposed { asker, .. } = &cause { Some(asker.conn) } else { None };
        let Some(there) = there else {
            // From group to group it is one core.
            self.release_change();
            self.event(Event::Moved { from, to, errand });
            return asker.into_iter().for_each(|conn| self.answer_proposal(conn, ok()));
        };
        let out = std::mem::take(&mut self.out);
        let mut moving = std::mem::take(&mut self.moving);
        let mut old = Box::new(std::mem::replace(self, *there));
        self.now = old.now;
        // Each counted its own; what comes next is later than what either has.
        self.accepted = self.accepted.max(old.accepted);
        self.out = out;
        self.event(Event::Moved { from, to, errand });
        // What was told in the old place is told once.
        let told = |event: &Event| matches!(event, Event::CommitSeen { file, .. } if old.knows(*file));
        self.out.extend(news.into_iter().filter(|event| !told(event)).map(Output::Event));
        // And what was not, since somebody was still waited for there, is told here.
        self.missed.retain(|file, _| !old.knows(*file));
        let untold = std::mem::take(&mut old.missed);
        self.missed.extend(untold.into_iter().filter(|(file, _)| self.history.entry(*file).is_some()));
        old.moving.aside = true;
        // The host takes no answer of a station that has left; of a group every connection stands by itself.
        if let Some(conn) = asker {
            old.answer_proposal(conn, ok());
        }
        self.bring_along(&old);
        let former = moving.parting.replace(old);
        self.moving = moving;
        self.give_up(former);
        self.step_parting(Input::Command(Command::Leave));
    }

    /// What came into our hands after the new place was kept, and is of another group there, is kept as that group's, too.
    // req: MOV-14
    fn keep_late_ones(&mut self, ride: &Ride) {
        let group = ride.there.as_ref().map(|there| &there.config.group);
        let Some(group) = group.or(self.changing_to()).filter(|group| **group != self.config.group).cloned()
        else {
            return;
        };
        let held = self.history.entries().filter(|e| e.is_given() && !ride.along.contains(&e.commit.file));
        let files: Vec<FileUuid> = held.map(|e| e.commit.file).collect();
        if !files.is_empty() {
            self.out.push_back(Output::KeepAlong { group, files });
        }
    }

    /// Of what was fetched or committed while the new place was joined those there are told now.
    // req: MOV-07, MOV-14
    fn bring_along(&mut self, old: &Self) {
        self.bring_to_group(&old.history);
    }

    /// The same from group to group, which is one core.
    pub(crate) fn bring_to_group(&mut self, left: &History) {
        self.bring_withdrawn(left);
        let held = left.entries().filter(|e| e.is_given() && !self.holds(e.commit.file));
        let late: Vec<Commit> = held.map(|e| e.commit.clone()).collect();
        if !late.is_empty() {
            late.into_iter().for_each(|commit| self.history.hold(commit));
            self.refresh();
        }
    }

    /// A place that was left before, and is still saying so, has had its time.
    fn give_up(&mut self, former: Option<Box<Self>>) {
        if let Some(mut former) = former {
            former.close_all();
            self.take_outputs_of_parting(&mut former);
        }
    }

    /// Ends the move where it began; all is as it was.
    // req: MOV-08
    pub(crate) fn end_move(&mut self, event: MoveEvent, why: &str) {
        if self.on_move(event) != MoveAction::StayHere {
            return;
        }
        self.agenda.clear(Timer::Move);
        let Some(ride) = self.moving.ride.take() else { return };
        ride.asking.keys().for_each(|conn| self.drop_exchange(*conn));
        if event != MoveEvent::Left {
            self.drop_change_of_move(why);
        }
        if let Some(there) = ride.there {
            // Who counts us there is told that we are not.
            let former = self.moving.parting.replace(there);
            self.give_up(former);
            self.step_parting(Input::Command(Command::Leave));
        }
        let errand = ride.cause.is_errand();
        if let Cause::Proposed { asker, .. } = ride.cause {
            self.answer_proposal(asker.conn, refuse(why));
        }
        if ride.saved {
            self.out.push_back(Output::ForgetSavedPlace);
        }
        self.event(Event::NotMoved { to: ride.to, why: why.to_owned(), errand });
    }

    /// Whether our application wants the move, and the others to come along.
    fn leads(&self) -> bool {
        matches!(&self.moving.ride, Some(Ride { cause: Cause::Ours { .. }, .. }))
    }
}

/// Each core numbers the connections that it makes from a multiple of this power of two on.
pub(super) const CONNECTIONS_BITS: u32 = 40;

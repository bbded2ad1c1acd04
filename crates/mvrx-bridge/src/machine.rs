//! From what is seen on both sides to what the bridge does: who stands in for whom, which files are fetched, what is offered where.
//!
//! It looks at both sides as they are now, each time anew, so that nothing that was missed stays missed. It knows no socket, no clock, no
//! file's bytes; the same looks give the same deeds.
//!
//! Rules a caller keeps: [`Machine::look`] after every change and about every second; do what it says in its order; tell it what became of
//! a fetch. What bounds it: [`Limits`].

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use mvrx_message::{BridgeMark, Commit, FileUuid, StationUuid};

use crate::table::{Deed, Sight, State};
use evicted::Evicted;
use failed::Failed;

mod evicted;
mod failed;
mod files;

/// One of the two sides of a bridge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The group of TCP mode.
    Lan,
    /// The session of WebSocket mode.
    Host,
}

impl Side {
    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Lan => Self::Host,
            Self::Host => Self::Lan,
        }
    }
}

/// A station that is there on a side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Which.
    pub station: StationUuid,
    /// Its name.
    pub name: String,
    /// Its application.
    pub provider: String,
    /// Whether it is a bridge, or one stands in for it.
    pub mark: Option<BridgeMark>,
    /// Whether it takes part in the election of a session's host: it is about to be in the session itself.
    pub candidate: bool,
    /// Whether it answers.
    pub answers: bool,
    /// Whether discovery shows it otherwise than it said itself.
    pub doubted: bool,
    /// The address at which it answered last, or is shown; `None`: it is not known, as of who is in a session.
    pub from: Option<IpAddr>,
}

impl Seen {
    /// Whether it is to be asked now and then whether it is there: other bridges, since one that was killed said no goodbye; and who is stood in for
    /// by one and did not answer last, which may have been a request that took too long, or is shown otherwise: the last word of a stand-in that
    /// gave way to its station may have come after the station's own first one.
    // req: BRG-06, BRG-08
    #[must_use]
    pub const fn is_to_be_asked(&self) -> bool {
        match self.mark {
            Some(BridgeMark::Bridge { .. }) => true,
            Some(BridgeMark::StandIn { .. }) => !self.answers || self.doubted,
            None => false,
        }
    }
}

/// Who knows a commit on a side: the bridge itself, or one of its stand-ins there, to which alone it was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Through {
    /// The bridge's own station.
    Bridge,
    /// Its stand-in for this station.
    StandIn(StationUuid),
}

/// A commit that is known on a side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Which.
    pub file: FileUuid,
    /// Whose it is.
    pub author: Option<StationUuid>,
    /// Whether it is for everybody.
    pub for_all: bool,
    /// Who knows it.
    pub through: Through,
    /// Whether somebody there gives its file.
    pub available: bool,
    /// Whether the one that knows it has its file.
    pub held: bool,
}

/// One side as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct View {
    /// Whether it can be seen: the session has us, the group is looked at.
    pub joined: bool,
    /// Whether stations are told with their marks there; a host of another product tells of nobody.
    pub tells_marks: bool,
    /// Who is there, without the bridge itself.
    pub stations: Vec<Seen>,
    /// What is known there.
    pub commits: Vec<Known>,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// A stand-in begins.
    Start {
        /// Where.
        side: Side,
        /// For whom.
        station: StationUuid,
        /// Its name.
        name: String,
        /// Its application.
        provider: String,
    },
    /// A stand-in leaves.
    Stop {
        /// Where.
        side: Side,
        /// For whom.
        station: StationUuid,
        /// Somebody else is that station there: it says no LEAVE, which would be taken for the station's.
        quietly: bool,
    },
    /// Its station has another name now.
    Rename {
        /// Where.
        side: Side,
        /// For whom.
        station: StationUuid,
        /// Its name.
        name: String,
    },
    /// A stand-in JOINs everybody again: somebody else under its name has left, and what he said counts for both.
    Again {
        /// Where.
        side: Side,
        /// Whose stand-in.
        station: StationUuid,
    },
    /// A file is fetched into the bridge's store; [`Machine::fetched`], [`Machine::not_fetched`] or
    /// [`Machine::came_wrong`] ends it.
    Fetch {
        /// On this side.
        side: Side,
        /// By this one.
        through: Through,
        /// Which.
        file: FileUuid,
    },
    /// A stand-in commits what its station committed on the other side.
    Offer {
        /// Where.
        side: Side,
        /// Whose stand-in.
        station: StationUuid,
        /// Which.
        file: FileUuid,
    },
    /// A file that made room in the store can be had no more: one of ours lists it no longer.
    Withdraw {
        /// Where it is listed.
        side: Side,
        /// By this one.
        through: Through,
        /// Which.
        file: FileUuid,
    },
    /// The bridge itself lists a file whose author is nowhere.
    List {
        /// Where.
        side: Side,
        /// Which.
        file: FileUuid,
    },
}

/// What bounds a bridge, and how long it waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Stations that it stands in for on each side; each has a thread, a port and, on a host, a connection.
    pub stand_ins: usize,
    /// Of those that are at one address, where that is known: who invents stations, and answers in their names, leaves room for the others.
    pub stand_ins_each: usize,
    /// Files fetched at once.
    pub fetches: usize,
    /// Before a stand-in starts: others may be seen first.
    pub turn: Duration,
    /// So much later for each bridge on that side with a lower StationUUID.
    pub each_before_us: Duration,
    /// So much later for a station that takes part in the election of a session's host: it is about to come by itself.
    pub candidates: Duration,
    /// How long a stand-in stays whose station has left its own side. One that comes to this side is seen here by then, and nobody is told that
    /// it left.
    pub parting: Duration,
    /// How long stand-ins wait for a side that is out of reach.
    pub patience: Duration,
    /// How long somebody who asks for a file that had to make room waits until it is fetched again; then he is refused, and may ask again.
    pub asked: Duration,
    /// Before a file that could not be fetched is tried again; twice as long each time, up to 32 times.
    pub again: Duration,
    /// How often a file is fetched that comes damaged, or is another one than announced. Then it is given up until its author was away, or
    /// somebody asks for it. 0 is taken for 1.
    pub wrong: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            stand_ins: 64,
            stand_ins_each: 16,
            fetches: 4,
            turn: Duration::from_secs(2),
            each_before_us: Duration::from_secs(2),
            candidates: Duration::ZERO,
            parting: Duration::from_secs(2),
            patience: Duration::from_secs(60),
            asked: Duration::from_secs(10),
            again: Duration::from_secs(5),
            wrong: 3,
        }
    }
}

#[derive(Debug, Default)]
struct StandIn {
    state: State,
    /// Since when our turn or its side is waited for.
    since: Option<Duration>,
    /// Somebody else is there under its name.
    beside: bool,
    /// Since when he is not any more.
    alone: Option<Duration>,
    /// Where its station is, since it stands.
    from: Option<IpAddr>,
    name: String,
    provider: String,
}

impl StandIn {
    /// Whether all LEAVEs of somebody else under its name have been heard, and it is still there. Those who heard them count it as left.
    // req: BRG-22
    fn is_to_join_again(&mut self, now: Duration, another: bool, parting: Duration) -> bool {
        if self.state != State::Standing {
            (self.beside, self.alone) = (false, None);
            return false;
        }
        if std::mem::replace(&mut self.beside, another) && !another {
            self.alone = Some(now);
        }
        let over = self.alone.is_some_and(|since| now >= since.saturating_add(parting));
        over && self.alone.take().is_some()
    }
}

/// The rules of a bridge.
#[derive(Debug)]
pub struct Machine {
    us: StationUuid,
    host: Option<StationUuid>,
    /// Nobody stands in for the host itself.
    without_host: bool,
    limits: Limits,
    /// By the side on which they stand.
    stand_ins: BTreeMap<(Side, StationUuid), StandIn>,
    fetching: BTreeSet<FileUuid>,
    failed: BTreeMap<FileUuid, Failed>,
    /// What lies in the bridge's store and is sound, with its author.
    kept: BTreeMap<FileUuid, Option<StationUuid>>,
    evicted: Evicted,
    listed: BTreeSet<(Side, FileUuid)>,
    active: Option<StationUuid>,
    crowded: bool,
}

impl Machine {
    /// A bridge that stands nowhere yet, whose store has these files.
    #[must_use]
    pub fn new(us: StationUuid, limits: Limits, kept: impl IntoIterator<Item = Commit>) -> Self {
        Self {
            us,
            host: None,
            without_host: false,
            limits,
            stand_ins: BTreeMap::new(),
            fetching: BTreeSet::new(),
            failed: BTreeMap::new(),
            kept: kept.into_iter().map(|commit| (commit.file, commit.station)).collect(),
            evicted: Evicted::default(),
            listed: BTreeSet::new(),
            active: None,
            crowded: false,
        }
    }

    /// Nobody stands in for the session's host itself, which is one of its stations: it has no more to say than to pass on what others do.
    // req: BRG-16
    pub fn leave_out_host(&mut self) {
        self.without_host = true;
    }

    /// Who hosts the session.
    pub fn set_host(&mut self, host: StationUuid) {
        self.host = Some(host);
    }

    /// The bridge of this group and this host that is at work in place of us.
    #[must_use]
    pub fn active(&self) -> Option<StationUuid> {
        self.active
    }

    /// Whether more stations are there than may be stood in for.
    #[must_use]
    pub fn crowded(&self) -> bool {
        self.crowded
    }

    /// For whom it stands on a side.
    pub fn standing(&self, side: Side) -> impl Iterator<Item = StationUuid> + '_ {
        let there =
            self.stand_ins.iter().filter(move |((at, _), stand_in)| *at == side && stand_in.state.stands());
        there.map(|((_, station), _)| *station)
    }

    /// A fetch ended with the file in the store.
    pub fn fetched(&mut self, commit: &Commit) {
        self.fetching.remove(&commit.file);
        self.failed.remove(&commit.file);
        self.evicted.is_back(commit.file);
        self.kept.insert(commit.file, commit.station);
    }

    /// A file is no longer in the store.
    pub fn forgotten(&mut self, file: FileUuid) {
        self.kept.remove(&file);
    }

    /// Somebody under this StationUUID said LEAVE in the group, or is seen there no longer, and may have said it to others: where we stand in for
    /// the station, it was not our stand-in.
    // req: BRG-22
    pub fn left(&mut self, station: StationUuid, now: Duration) {
        if let Some(stand_in) = self.stand_ins.get_mut(&(Side::Lan, station)) {
            stand_in.alone = Some(now);
        }
    }

    /// A stand-in could not be started: it is tried again.
    pub fn not_started(&mut self, side: Side, station: StationUuid) {
        self.stand_ins.remove(&(side, station));
    }

    /// Looks at both sides, and says what is to be done.
    pub fn look(&mut self, now: Duration, lan: &View, host: &View) -> Vec<Action> {
        let mut actions = Vec::new();
        self.active = self.bridge_before_us(lan, host);
        for side in [Side::Lan, Side::Host] {
            let (there, from) = match side {
                Side::Lan => (lan, host),
                Side::Host => (host, lan),
            };
            self.stand(now, side, (there, from), lan, &mut actions);
        }
        self.forget_failures(lan, host);
        if self.active.is_none() {
            self.withdraw([(Side::Lan, lan), (Side::Host, host)], &mut actions);
            self.carry(now, lan, host, &mut actions);
        }
        actions
    }

    /// The lowest of the bridges of this group and this host that are at work, if it goes before us.
    // req: BRG-06
    fn bridge_before_us(&self, lan: &View, host: &View) -> Option<StationUuid> {
        let same = |seen: &&Seen| match seen.mark {
            Some(BridgeMark::Bridge { host }) => Some(host) == self.host,
            _ => false,
        };
        let at_work = |seen: &&Seen| {
            // In the session a bridge says its own StationUUID. Everybody can say in the group that he is one; not so what the host tells.
            let as_bridge = Some(BridgeMark::Bridge { host: seen.station });
            let in_session =
                host.stations.iter().any(|other| other.station == seen.station && other.mark == as_bridge);
            seen.answers && (!host.joined || !host.tells_marks || in_session)
        };
        let all = lan.stations.iter().filter(same).filter(at_work).map(|seen| seen.station);
        all.min().filter(|lowest| *lowest < self.us)
    }

    /// Moves each stand-in of a side along its table.
    fn stand(
        &mut self,
        now: Duration,
        side: Side,
        (there, from): (&View, &View),
        lan: &View,
        actions: &mut Vec<Action>,
    ) {
        let mut stations: BTreeSet<StationUuid> = from.stations.iter().map(|seen| seen.station).collect();
        stations.extend(self.stand_ins.keys().filter(|(at, _)| *at == side).map(|(_, station)| *station));
        stations.remove(&self.us);
        let mut standing = self.standing(side).count();
        self.crowded = if side == Side::Lan { false } else { self.crowded };
        for station in stations {
            let seen = from.stations.iter().find(|seen| seen.station == station);
            let sight = self.sight(side, station, (seen, from), there, lan);
            let turn = self.turn(there, seen);
            let quietly = self.is_another_there(side, there, station);
            let (most, at) = (self.limits.stand_ins, seen.and_then(|seen| seen.from));
            let share_is_taken = self.standing_for(side, at) >= self.limits.stand_ins_each;
            let (parting, patience) = (self.limits.parting, self.limits.patience);
            let stand_in = self.stand_ins.entry((side, station)).or_default();
            if let Some(seen) = seen {
                seen.provider.clone_into(&mut stand_in.provider);
                if stand_in.state.stands() && stand_in.name != seen.name && !seen.name.is_empty() {
                    seen.name.clone_into(&mut stand_in.name);
                    actions.push(Action::Rename { side, station, name: seen.name.clone() });
                } else if !stand_in.state.stands() {
                    seen.name.clone_into(&mut stand_in.name);
                }
            }
            // req: BRG-11, BRG-29
            let full = (standing >= most || share_is_taken) && !stand_in.state.stands();
            self.crowded |= full && sight == Sight::Wanted;
            // What is known of a station that has just come, and of who goes before us, may change while it waits.
            let wait = match stand_in.state {
                State::Due => turn,
                State::Parting => parting,
                _ => patience,
            };
            let over = stand_in.since.is_some_and(|since| now >= since.saturating_add(wait));
            if side == Side::Lan && stand_in.is_to_join_again(now, quietly, parting) {
                actions.push(Action::Again { side, station });
            }
            let mut events = vec![if full { Sight::Elsewhere } else { sight }];
            if over {
                events.push(Sight::Over);
            }
            for event in events {
                let (next, deed) = stand_in.state.on(event);
                stand_in.state = next;
                match deed {
                    Deed::Nothing => {}
                    Deed::AwaitTurn | Deed::AwaitSide => stand_in.since = Some(now),
                    Deed::Disarm => stand_in.since = None,
                    Deed::Start => {
                        (stand_in.since, stand_in.from) = (None, at);
                        standing += 1;
                        let (name, provider) = (stand_in.name.clone(), stand_in.provider.clone());
                        actions.push(Action::Start { side, station, name, provider });
                    }
                    Deed::Stop => {
                        stand_in.since = None;
                        standing = standing.saturating_sub(1);
                        actions.push(Action::Stop { side, station, quietly });
                    }
                }
            }
        }
        self.stand_ins.retain(|(at, _), stand_in| *at != side || stand_in.state != State::Absent);
    }

    // req: BRG-03, BRG-07, BRG-08
    fn sight(
        &self,
        side: Side,
        station: StationUuid,
        (seen, from): (Option<&Seen>, &View),
        there: &View,
        lan: &View,
    ) -> Sight {
        let left_out = self.without_host && self.host == Some(station);
        if self.active.is_some() || left_out {
            return Sight::Elsewhere;
        }
        let stands = self.stands(side, station);
        let at_target = there.stations.iter().find(|seen| seen.station == station);
        if let Some(at_target) = at_target {
            let elsewhere = match at_target.mark {
                Some(BridgeMark::StandIn { bridge }) if bridge == self.us => false,
                // Of two bridges that stand in for one station the lower goes on.
                Some(BridgeMark::StandIn { bridge }) => {
                    self.is_at_work(bridge, there, lan) && at_target.answers && (!stands || bridge < self.us)
                }
                Some(BridgeMark::Bridge { .. }) => true,
                None => !stands || there.tells_marks,
            };
            if elsewhere {
                return Sight::Elsewhere;
            }
        }
        if !from.joined {
            return Sight::Unsure;
        }
        let Some(seen) = seen else { return Sight::Gone };
        match seen.mark {
            None => Sight::Wanted,
            // What another bridge brought from its own group into the session goes on into ours; what a bridge brought into a group goes no further.
            Some(BridgeMark::StandIn { bridge }) if side == Side::Lan && bridge != self.us => Sight::Wanted,
            Some(_) => Sight::Gone,
        }
    }

    /// Whether the station is there itself, or by another bridge. The one that is at work in place of us stands in for it, though it may not
    /// be seen to yet.
    // req: BRG-18
    fn is_another_there(&self, side: Side, there: &View, station: StationUuid) -> bool {
        if side == Side::Lan && self.active.is_some() {
            return true;
        }
        let ours = Some(BridgeMark::StandIn { bridge: self.us });
        there.tells_marks && there.stations.iter().any(|seen| seen.station == station && seen.mark != ours)
    }

    /// How many stand on a side for stations at this address.
    fn standing_for(&self, side: Side, at: Option<IpAddr>) -> usize {
        let same = |stand_in: &&StandIn| at.is_some() && stand_in.from == at && stand_in.state.stands();
        let there = self.stand_ins.iter().filter(|((on, _), _)| *on == side);
        there.map(|(_, stand_in)| stand_in).filter(same).count()
    }

    fn stands(&self, side: Side, station: StationUuid) -> bool {
        self.stand_ins.get(&(side, station)).is_some_and(|stand_in| stand_in.state.stands())
    }

    /// Whether a bridge is there that stands in for somebody. Where nobody tells, its stand-ins' own word counts.
    // req: BRG-17
    fn is_at_work(&self, bridge: StationUuid, there: &View, lan: &View) -> bool {
        let answers = |view: &View| view.stations.iter().any(|seen| seen.station == bridge && seen.answers);
        answers(there) || answers(lan)
    }

    // req: BRG-15
    fn turn(&self, there: &View, seen: Option<&Seen>) -> Duration {
        let before =
            |seen: &&Seen| matches!(seen.mark, Some(BridgeMark::Bridge { .. })) && seen.station < self.us;
        let before = u32::try_from(there.stations.iter().filter(before).count()).unwrap_or(u32::MAX);
        let moving =
            if seen.is_some_and(|seen| seen.candidate) { self.limits.candidates } else { Duration::ZERO };
        let turn = self.limits.turn.saturating_add(self.limits.each_before_us.saturating_mul(before));
        turn.saturating_add(moving)
    }
}

#[cfg(test)]
mod tests;

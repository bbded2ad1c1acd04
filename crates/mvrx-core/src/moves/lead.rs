//! Asking the others to come along, once we stand in the new place, and collecting what they answer.

use std::collections::BTreeSet;

use mvrx_message::{
    Message, MoveAnswered, MoveOutcome, NewSessionHost, NewSessionHostRet, Product, SessionTarget,
    StationUuid,
};

use super::consent::{BY_ELECTION, BY_OPERATOR};
use super::{Cause, MoveAnswer, MoveEvent, MovePhase, Ride, place};
use crate::change::{Side, in_ours};
use crate::exchange::Purpose;
use crate::peer::{Peer, Target};
use crate::{ConnId, Core, Event, Membership, Presence, Timer};

impl Core {
    // req: MOV-09
    pub(crate) fn move_wanted(
        &mut self,
        to: SessionTarget,
        force: bool,
        only: Option<BTreeSet<StationUuid>>,
    ) {
        if only.is_none() {
            self.errand_makes_room();
        }
        self.withdraw_question(if only.is_some() { BY_ELECTION } else { BY_OPERATOR });
        let why = match place::fit(&to) {
            Err(why) => Some(why),
            Ok(()) if self.presence != Presence::Present => {
                Some("this station is nowhere at the moment".to_owned())
            }
            Ok(()) if self.is_moving() || self.change.is_some() => {
                Some("another move is under way".to_owned())
            }
            Ok(()) if place::same(&to, &self.place()) => Some("this station is there already".to_owned()),
            Ok(()) => place::differ_only_in_case(&self.place(), &to).err().map(str::to_owned),
        };
        if let Some(why) = why {
            return self.event(Event::NotMoved { to, why, errand: only.is_some() });
        }
        self.moving.ride = Some(Ride::new(to, Cause::Ours { force, only }));
        self.follow_move(MoveEvent::Agreed);
    }

    /// Everybody in the old place is to be asked, but for products that the message ends.
    // req: MOV-10
    pub(super) fn gather(&mut self) {
        let Some(Ride { cause: Cause::Ours { force, only }, .. }) = &self.moving.ride else { return };
        let (force, is_errand) = (*force, only.is_some());
        self.agenda.set(Timer::Move, self.now + self.config.timers.move_answers);
        // req: ELE-03
        if self.in_session() && !is_errand {
            self.agenda.set(Timer::Move, self.now + self.config.timers.host_move);
            self.ask_host_to_move(force);
        }
    }

    /// Everybody who is a member of the old group, or has become one since, is to be asked.
    // req: MOV-10, MOV-16
    fn note_newcomers(&mut self) {
        if self.in_session() {
            return;
        }
        let Some(ride) = self.moving.ride.as_mut() else { return };
        let Cause::Ours { force, only } = &ride.cause else { return };
        if !std::mem::replace(&mut ride.newcomers, false) {
            return;
        }
        let is_errand = only.is_some();
        let old =
            self.peers.iter().filter(|(_, p)| p.membership == Membership::Member && p.side != Side::Next);
        let old = old.filter(|(station, _)| only.as_ref().is_none_or(|only| only.contains(station)));
        let old = old.filter(|(station, _)| !ride.listed.contains(station)).map(|(s, p)| (*s, p));
        let (mut ask, not): (Vec<_>, Vec<_>) =
            old.partition(|(_, p)| *force || p.product.understands_new_session_host());
        if !is_errand {
            // Whose JOIN came before discovery shows it is asked as soon as it is shown.
            let before = ask.len();
            ask.retain(|(_, peer)| !peer.is_yet_to_be_shown());
            ride.newcomers = ask.len() < before;
        }
        ride.listed.extend(ask.iter().map(|(station, _)| *station));
        ride.to_ask.extend(ask.into_iter().map(|(station, _)| station));
        let not: Vec<_> = not.into_iter().map(|(station, peer)| (station, peer.product)).collect();
        for (station, product) in not {
            self.tell_answer(station, MoveAnswer::NotAsked { product });
        }
    }

    /// Whether somebody who is seen in the old group may still become a member of it, or a member may still be shown there, to be asked then.
    fn waits_for_newcomers(&self) -> bool {
        let Some(Ride { cause: Cause::Ours { only: None, .. }, newcomers, .. }) = &self.moving.ride else {
            return false;
        };
        !self.in_session() && (*newcomers || self.waits_for_somebody(in_ours))
    }

    /// Asks as many at once as there may be exchanges; goes on when all have answered. Called at the end of each step.
    pub(super) fn run_gathering(&mut self) {
        if self.moving.phase != MovePhase::Gathering {
            return;
        }
        self.note_newcomers();
        let most = self.config.limits.exchanges;
        while let Some(ride) = self.moving.ride.as_mut()
            && ride.asking.len() < most
            && let Some(station) = ride.to_ask.pop_front()
        {
            self.propose_to(station);
        }
        self.note_lost_host();
        let all_answered =
            self.moving.ride.as_ref().is_some_and(|ride| ride.to_ask.is_empty() && ride.asking.is_empty());
        if all_answered && !self.waits_for_newcomers() {
            self.follow_move(MoveEvent::Answered);
        }
    }

    fn propose_to(&mut self, station: StationUuid) {
        let limit = self.config.limits.addresses;
        let addresses = self.peers.get(&station).map(|peer| peer.addresses(limit)).unwrap_or_default();
        match self.start_exchange(Target::Station(station), Purpose::Propose, addresses) {
            Some(conn) => {
                if let Some(ride) = self.moving.ride.as_mut() {
                    ride.asking.insert(conn, station);
                }
            }
            None => {
                let why = "it left before it could be asked, or nothing shows where it is".to_owned();
                self.move_answered(None, station, MoveAnswer::Unanswered { why });
            }
        }
    }

    /// A proposal goes on by another address, on another connection.
    pub(crate) fn proposal_goes_on(&mut self, before: ConnId, next: ConnId) {
        if let Some(ride) = self.moving.ride.as_mut()
            && let Some(station) = ride.asking.remove(&before)
        {
            ride.asking.insert(next, station);
        }
    }

    pub(crate) fn proposal_message(&self) -> Option<Message> {
        let ride = self.moving.ride.as_ref()?;
        let station = Some(self.config.station);
        Some(Message::NewSessionHost(match &ride.to {
            SessionTarget::Group(group) => NewSessionHost { station, ..NewSessionHost::to_group(group) },
            SessionTarget::Url(url) => NewSessionHost { station, ..NewSessionHost::to_url(url) },
            _ => return None,
        }))
    }

    pub(crate) fn proposal_answered(&mut self, conn: ConnId, station: StationUuid, ret: &NewSessionHostRet) {
        self.move_answered(Some(conn), station, MoveAnswer::of(ret));
    }

    /// One station answered, or will not.
    pub(crate) fn move_answered(&mut self, conn: Option<ConnId>, station: StationUuid, answer: MoveAnswer) {
        if let Some(conn) = conn
            && self.moving.ride.as_mut().is_none_or(|ride| ride.asking.remove(&conn).is_none())
        {
            return;
        }
        self.tell_answer(station, answer);
    }

    fn tell_answer(&mut self, station: StationUuid, answer: MoveAnswer) {
        if let Some(ride) = self.moving.ride.as_mut() {
            ride.listed.insert(station);
        }
        self.event(Event::MoveAnswered { station, answer });
    }

    /// Everybody else of the session is listed as well: only its host could have asked them.
    // req: MOV-16
    fn list_the_session(&mut self, why: &str) {
        let Some(ride) = self.moving.ride.as_ref() else { return };
        let rest: Vec<StationUuid> = self.members().filter(|s| !ride.listed.contains(s)).collect();
        for station in rest {
            self.tell_answer(station, MoveAnswer::Unanswered { why: why.to_owned() });
        }
    }

    /// The host's answers, which would have named them, do not come: who went from the session while it was asking. Whom the new place counts
    /// has moved.
    // req: MOV-16
    fn list_who_went(&mut self) {
        let Some(ride) = self.moving.ride.as_mut() else { return };
        let went = std::mem::take(&mut ride.went);
        let went = went.into_iter().filter(|station| !ride.listed.contains(station));
        let there: BTreeSet<StationUuid> = ride.there.iter().flat_map(|there| there.members()).collect();
        for station in went.collect::<Vec<_>>() {
            let answer = if there.contains(&station) {
                MoveAnswer::Moved
            } else {
                let why = "it left the session before its host told what it answered".to_owned();
                MoveAnswer::Unanswered { why }
            };
            self.tell_answer(station, answer);
        }
    }

    /// Those who are shown in the old group and have not become members of it stay there, and so do members that were never shown.
    fn list_who_just_came(&mut self) {
        let Some(Ride { cause: Cause::Ours { only: None, .. }, listed, .. }) = &self.moving.ride else {
            return;
        };
        let why = |peer: &Peer| match peer.membership {
            Membership::Sighted if in_ours(peer.side) && !peer.places.is_empty() => {
                Some("it came to the place that was left, and had not answered our JOIN yet")
            }
            Membership::Member if peer.side != Side::Next => {
                Some("it joined, but discovery did not show where it can be asked")
            }
            _ => None,
        };
        let new = self.peers.iter().filter(|(station, _)| !listed.contains(station));
        let new: Vec<_> = new.filter_map(|(station, peer)| Some((*station, why(peer)?))).collect();
        for (station, why) in new {
            self.tell_answer(station, MoveAnswer::Unanswered { why: why.to_owned() });
        }
    }

    /// What an election ordered, and only waits for answers, makes room for what a person wants: we are there already, and whoever was asked comes
    /// by itself. Whether it did.
    // req: ELE-11
    pub(super) fn errand_makes_room(&mut self) -> bool {
        let Some(ride) = self.moving.ride.as_mut().filter(|_| self.moving.phase == MovePhase::Gathering)
        else {
            return false;
        };
        if !matches!(ride.cause, Cause::Ours { only: Some(_), .. }) {
            return false;
        }
        let (to_ask, asking) = (std::mem::take(&mut ride.to_ask), std::mem::take(&mut ride.asking));
        asking.keys().for_each(|conn| self.drop_exchange(*conn));
        for station in asking.into_values().chain(to_ask) {
            let why = "a person moved this station before it answered".to_owned();
            self.tell_answer(station, MoveAnswer::Unanswered { why });
        }
        self.follow_move(MoveEvent::Answered);
        true
    }

    /// The time is over: who has not answered stays behind, as far as we know.
    pub(super) fn stop_gathering(&mut self) {
        let Some(ride) = self.moving.ride.as_mut() else { return };
        let (to_ask, asking) = (std::mem::take(&mut ride.to_ask), std::mem::take(&mut ride.asking));
        let in_time = asking.is_empty();
        for (conn, station) in asking {
            self.drop_exchange(conn);
            let why = "no answer came in time".to_owned();
            self.tell_answer(station, MoveAnswer::Unanswered { why });
        }
        for station in to_ask {
            let why = "there was no time left to ask it".to_owned();
            self.tell_answer(station, MoveAnswer::Unanswered { why });
        }
        if !self.in_session() {
            self.list_who_just_came();
        } else if !in_time {
            self.list_who_went();
            self.list_the_session("its host did not say in time whether it comes along");
        }
    }

    /// In a session the host asks everybody.
    // req: MOV-11
    fn ask_host_to_move(&mut self, force: bool) {
        let Some((host, product, conn)) = self.host_to_ask() else {
            return self.list_the_session("the host of its session, which alone can ask it, is not reached");
        };
        if !force && !product.understands_new_session_host() {
            self.tell_answer(host, MoveAnswer::NotAsked { product });
            return self.list_the_session("the host of its session, which alone can ask it, was not asked");
        }
        if let Some(ride) = self.moving.ride.as_mut() {
            ride.asking.insert(conn, host);
        }
        if let Some(message) = self.proposal_message() {
            self.say_to_host(conn, message);
        }
    }

    /// The host answers: for itself, and where it is one of ours for every station by itself.
    pub(crate) fn on_host_move_ret(&mut self, conn: ConnId, ret: &NewSessionHostRet) {
        let gathering = self.in_session_gathering(conn);
        let asked = self.moving.ride.as_mut().filter(|_| gathering);
        let Some(host) = asked.and_then(|ride| ride.asking.remove(&conn)) else {
            if let Some(address) = self.host_address(conn) {
                self.peer_error(
                    address,
                    "an MVR_NEW_SESSION_HOST_RET that answers nothing we asked".to_owned(),
                );
            }
            return;
        };
        for answered in &ret.answers {
            self.tell_answer(answered.station, MoveAnswer::read(answered));
        }
        // One of ours that asked the others names itself where it stays; one that was elected ends with the move, and is nobody who came along.
        if ret.answers.is_empty() {
            self.tell_answer(host, MoveAnswer::of(ret));
        } else if let Some(ride) = self.moving.ride.as_mut() {
            ride.listed.insert(host);
        }
        if ret.reply.ok || !ret.answers.is_empty() {
            self.list_the_session("its host does not say whether it was asked");
        } else {
            self.list_the_session("its host refused, and did not ask it");
        }
    }

    fn in_session_gathering(&self, conn: ConnId) -> bool {
        self.in_session() && self.moving.phase == MovePhase::Gathering && self.is_host_conn(conn)
    }

    /// The connection on which the host was asked is gone, and the answer with it.
    fn note_lost_host(&mut self) {
        if !self.in_session() {
            return;
        }
        let Some(ride) = self.moving.ride.as_ref() else { return };
        let lost = ride.asking.iter().find(|(conn, _)| !self.is_host_conn(**conn)).map(|(c, s)| (*c, *s));
        if let Some((conn, host)) = lost {
            let why = "the connection to the host was lost".to_owned();
            self.move_answered(Some(conn), host, MoveAnswer::Unanswered { why });
            self.list_who_went();
            self.list_the_session("the connection to its host was lost before it told the answers");
        }
    }
}

impl MoveAnswer {
    pub(crate) fn of(ret: &NewSessionHostRet) -> Self {
        if ret.reply.ok { Self::Moved } else { Self::Refused { message: ret.reply.message.clone() } }
    }

    /// As our own hosts tell it of their stations.
    pub(crate) fn read(answered: &MoveAnswered) -> Self {
        let message = answered.message.clone();
        match answered.outcome {
            MoveOutcome::Moved => Self::Moved,
            MoveOutcome::Refused => Self::Refused { message },
            MoveOutcome::NotAsked => {
                let named = Product::ALL.iter().copied().find(|product| product.name() == message);
                Self::NotAsked { product: named.unwrap_or_default() }
            }
            _ => Self::Unanswered { why: message },
        }
    }

    /// The same the other way round.
    pub(crate) fn told(&self, station: StationUuid) -> MoveAnswered {
        let (outcome, message) = match self {
            Self::Moved => (MoveOutcome::Moved, String::new()),
            Self::Refused { message } => (MoveOutcome::Refused, message.clone()),
            Self::Unanswered { why } => (MoveOutcome::Unanswered, why.clone()),
            Self::NotAsked { product } => (MoveOutcome::NotAsked, product.name().to_owned()),
        };
        MoveAnswered { station, outcome, message }
    }
}

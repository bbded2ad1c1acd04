//! Who joins under the StationUUID of a station that is here already, from another address.
//!
//! ```text
//!   JOIN of a newcomer ──► the present connection is asked (Output::AskAlive), the newcomer waits
//!        its answer ──► the newcomer is refused       no answer in time, or the present one is gone ──► the newcomer is let in
//! ```
//! A station that changes its network is in again as soon as its old connection is seen to be dead; who takes the StationUUID of a station
//! that is alive does not throw it out. From the same address the newer connection wins at once: some products leave old sockets open.
//!
//! However many newcomers there are, a connection is asked once at a time, and of the newcomers for one station the newest waits. A question
//! outlives who waits for it, so that coming and going asks no more often. `Limits::waiting` bounds the JOINs that are kept meanwhile.

use mvrx_message::{BridgeMark, Join, StationUuid};

use super::{Host, Output, POLICY, StandingAction, StandingEvent, Timer};
use crate::ConnId;

/// The question whether a station is still there.
#[derive(Debug)]
pub(super) struct Contest {
    /// Its connection.
    asked: ConnId,
    /// Who waits for the answer.
    newcomer: Option<Newcomer>,
}

#[derive(Debug)]
struct Newcomer {
    conn: ConnId,
    join: Join,
}

impl Host {
    /// Whether the station of a JOIN is here on another connection, which is to be asked first.
    pub(super) fn is_contested(&self, conn: ConnId, join: &Join) -> bool {
        let Some(member) = self.members.get(&join.station).filter(|member| member.conn != conn) else {
            return false;
        };
        // req: BRG-02
        // The station itself goes before who stands in for it, who answers for itself alone.
        if is_stand_in(member.bridge) && !is_stand_in(join.ours.and_then(|ours| ours.bridge)) {
            return false;
        }
        let from = |conn| self.links.get(&conn).map(|link| link.peer.ip().to_canonical());
        !self.config.timers.sign_of_life.is_zero() && from(conn) != from(member.conn)
    }

    /// Whether as many wait as may, and this one would be one more.
    pub(super) fn too_many_wait(&self, join: &Join) -> bool {
        let waits = |station| self.contests.get(station).is_some_and(|contest| contest.newcomer.is_some());
        self.newcomers() >= self.config.limits.waiting && !waits(&join.station)
    }

    /// Whose JOIN waits on this connection.
    #[must_use]
    pub fn waits_to_be(&self, conn: ConnId) -> Option<StationUuid> {
        let on_it = |contest: &Contest| contest.newcomer.as_ref().is_some_and(|n| n.conn == conn);
        self.contests.iter().find(|(_, contest)| on_it(contest)).map(|(station, _)| *station)
    }

    /// How many wait.
    pub(super) fn newcomers(&self) -> usize {
        self.contests.values().filter(|contest| contest.newcomer.is_some()).count()
    }

    // req: HST-30
    pub(super) fn ask_present(&mut self, conn: ConnId, join: &Join) {
        let station = join.station;
        let Some(asked) = self.members.get(&station).map(|member| member.conn) else { return };
        self.agenda.clear(Timer::Join(conn));
        self.agenda.clear(Timer::Left(conn));
        let newcomer = Some(Newcomer { conn, join: join.clone() });
        if let Some(contest) = self.contests.get_mut(&station) {
            let before = std::mem::replace(&mut contest.newcomer, newcomer);
            if let Some(before) = before {
                self.turn_away(&before, "another connection wants to be the same station");
            }
            return;
        }
        self.contests.insert(station, Contest { asked, newcomer });
        self.agenda.set(Timer::SignOfLife(station), self.now + self.config.timers.sign_of_life);
        self.out.push_back(Output::AskAlive { conn: asked });
    }

    /// This connection waits for nobody's answer any more; whether it did.
    pub(super) fn wait_no_more(&mut self, conn: ConnId) -> bool {
        let waits = |contest: &&mut Contest| contest.newcomer.as_ref().is_some_and(|n| n.conn == conn);
        let Some(contest) = self.contests.values_mut().find(waits) else { return false };
        contest.newcomer = None;
        true
    }

    /// A connection gave the sign of life that it was asked for.
    pub(super) fn on_alive(&mut self, conn: ConnId) {
        let Some(station) = self.contests.iter().find(|(_, c)| c.asked == conn).map(|(s, _)| *s) else {
            return;
        };
        if let Some(newcomer) = self.end_contest(station) {
            self.turn_away(&newcomer, IS_THERE);
        }
    }

    /// The sign of life did not come in time.
    pub(super) fn on_no_sign(&mut self, station: StationUuid) {
        if let Some(newcomer) = self.end_contest(station) {
            self.let_in(&newcomer);
        }
    }

    /// Ends the questions to connections that are their station's no more.
    pub(super) fn settle_contests(&mut self) {
        let now = |station| self.members.get(station).map(|member| member.conn);
        let over = self.contests.iter().filter(|(station, contest)| now(station) != Some(contest.asked));
        for station in over.map(|(station, _)| *station).collect::<Vec<_>>() {
            let Some(newcomer) = self.end_contest(station) else { continue };
            match self.members.contains_key(&station) {
                // It has just joined from where it was.
                true => self.turn_away(&newcomer, IS_THERE),
                false => self.let_in(&newcomer),
            }
        }
    }

    fn end_contest(&mut self, station: StationUuid) -> Option<Newcomer> {
        self.agenda.clear(Timer::SignOfLife(station));
        self.contests.remove(&station)?.newcomer
    }

    /// What was true when it came may be so no more.
    fn let_in(&mut self, Newcomer { conn, join }: &Newcomer) {
        let why = self.unfit(*conn, join);
        let event = if why.is_some() { StandingEvent::UnfitJoin } else { StandingEvent::Join };
        match self.stand(*conn, event) {
            StandingAction::Admit => self.admit(*conn, join),
            StandingAction::RefuseJoin => {
                let why = why.unwrap_or(IS_THERE);
                self.refuse_join(*conn, join, why);
                self.close(*conn, POLICY, why);
            }
            _ => {}
        }
    }

    // req: HST-30
    fn turn_away(&mut self, Newcomer { conn, join }: &Newcomer, why: &'static str) {
        if self.stand(*conn, StandingEvent::Outdone) == StandingAction::RefuseJoin {
            self.refuse_join(*conn, join, why);
            // It may come again: by then the other one may be gone.
            self.close(*conn, POLICY, why);
        }
    }
}

fn is_stand_in(mark: Option<BridgeMark>) -> bool {
    matches!(mark, Some(BridgeMark::StandIn { .. }))
}

/// To a newcomer.
const IS_THERE: &str = "this station is in the session from another address, and answers there";
/// To a newcomer on a connection that is another station's already.
pub(super) const IS_ANOTHERS: &str =
    "this station is in the session from another address, and this connection has joined as another one";
/// To a newcomer, where there is no room to wait.
pub(super) const TOO_MANY_WAIT: &str = "this station is in the session from another address, and too many wait for an answer from there: try again";

//! A move of the whole session: a station of it, or our own application, wants everybody to go to another place. The host asks its stations and
//! tells who asked what each answered. The host itself stays what it is, until it is ended; one that was elected ends when its own station has gone.
//!
//! ```text
//!   none ─ proposed ─► asking ─ agreed ─► gathering ─ all answered, deadline ─► none: the asker gets the answers
//!                        └ refused, deadline ─► none: OK:false
//! ```
//!
//! | state | what is true | waited for | bounded by | then |
//! |---|---|---|---|---|
//! | none | | | | |
//! | asking | our application is to say whether the stations are asked | it | `Timers::consent` | no |
//! | gathering | MVR_NEW_SESSION_HOST is out to every station but the asker | an answer of each | `Timers::move_answers` | what came |
//!
//! One move at a time, however many are proposed.

use std::collections::BTreeMap;

use mvrx_message::{
    Message, MessageType, NewSessionHost, NewSessionHostRet, Reply, SessionTarget, StationUuid,
};

use super::access::READS_ONLY;
use super::{Event, Host, JOIN_FIRST, Output, Standing, Timer, refuse};
use crate::moves::{same_host, target_of};
use crate::{ConnId, MoveAnswer, Moves, ProposalId};

/// The move under way.
#[derive(Debug)]
pub(super) struct Move {
    to: SessionTarget,
    /// Who wants it; `None`: our application does.
    asker: Option<(ConnId, StationUuid)>,
    force: bool,
    /// Our application is to agree to it.
    proposal: Option<ProposalId>,
    waiting: BTreeMap<ConnId, StationUuid>,
    answers: Vec<(StationUuid, MoveAnswer)>,
}

impl Host {
    // req: MOV-11
    pub(super) fn on_new_session_host(&mut self, conn: ConnId, proposal: &NewSessionHost) {
        let joined = self.links.get(&conn).filter(|link| link.standing == Standing::Joined);
        let answered = match (joined.and_then(|link| link.station), target_of(proposal)) {
            (None, _) => {
                self.refused(conn, MessageType::NewSessionHost, JOIN_FIRST);
                Some(refuse(JOIN_FIRST))
            }
            (Some(_), Err(why)) => {
                self.refused(conn, MessageType::NewSessionHost, &why);
                Some(refuse(&why))
            }
            (Some(station), Ok(to)) => self.consider(conn, station, to),
        };
        if let Some(reply) = answered {
            self.send(conn, Message::NewSessionHostRet(reply.into()));
        }
    }

    /// The answer, if there is one at once.
    // req: MOV-04, MOV-05
    fn consider(&mut self, conn: ConnId, station: StationUuid, to: SessionTarget) -> Option<Reply> {
        if self.moving.is_some() {
            return Some(refuse("another move is under way"));
        }
        if self.is_at(&to) {
            return Some(Reply::ok());
        }
        let refused = match &self.config.moves {
            _ if self.config.access.only_reads(station) => Some(READS_ONLY),
            Moves::Never => Some("this host follows no proposals"),
            Moves::Listed(listed) if !listed.contains(&station) => {
                Some("this host follows only certain stations")
            }
            Moves::Ask | Moves::Always | Moves::Listed(_) => None,
        };
        if let Some(why) = refused {
            let what = (station, to.clone());
            if self.declined.as_ref() != Some(&what) {
                self.declined = Some(what);
                self.event(Event::MoveDeclined { station, to, why: why.to_owned() });
            }
            return Some(refuse(why));
        }
        let asks = self.config.moves == Moves::Ask;
        let proposal = ProposalId(self.next_id());
        let asker = Some((conn, station));
        self.moving = Some(Move::new(to.clone(), asker, false, asks.then_some(proposal)));
        if asks {
            let within = self.config.timers.consent;
            self.agenda.set(Timer::Move, self.now + within);
            self.event(Event::MoveProposed { proposal, station, to, within });
        } else {
            self.ask_stations();
        }
        None
    }

    /// Whether everybody is there already: it is a URL of ours.
    // req: MOV-03
    fn is_at(&self, to: &SessionTarget) -> bool {
        matches!(to, SessionTarget::Url(url) if self.config.own_urls.iter().any(|own| same_host(own, url)))
    }

    pub(super) fn accept_move(&mut self, proposal: ProposalId) {
        if self.moving.as_ref().is_some_and(|moving| moving.proposal == Some(proposal)) {
            self.ask_stations();
        }
    }

    pub(super) fn refuse_move(&mut self, proposal: ProposalId) {
        if self.moving.as_ref().is_some_and(|moving| moving.proposal == Some(proposal)) {
            self.not_moved("the host's operator does not want to move the session");
        }
    }

    /// Our own application wants the stations to go there.
    pub(super) fn move_wanted(&mut self, to: SessionTarget, force: bool) {
        if self.moving.is_some() {
            let why = "another move is under way".to_owned();
            return self.event(Event::NotMoved { to, by: self.config.station, why });
        }
        if self.is_at(&to) {
            return self.event(Event::NotMoved { to, by: self.config.station, why: HERE.to_owned() });
        }
        self.moving = Some(Move::new(to, None, force, None));
        self.ask_stations();
    }

    // req: MOV-10
    fn ask_stations(&mut self) {
        self.agenda.set(Timer::Move, self.now + self.config.timers.move_answers);
        let Some(moving) = self.moving.as_mut() else { return };
        moving.proposal = None;
        let (to, by) = (moving.to.clone(), wanted_by(moving.asker, self.config.station));
        self.event(Event::MoveBegun { to, by });
        let members: Vec<StationUuid> = self.members.keys().copied().collect();
        members.into_iter().for_each(|station| self.ask_station(station));
        self.end_move_if_answered();
    }

    /// Whoever joins while the others are asked is asked as well; who has answered already, or is being asked, is not asked again.
    // req: MOV-10, MOV-16
    pub(super) fn ask_station(&mut self, station: StationUuid) {
        let Some(moving) = self.moving.as_ref().filter(|moving| moving.proposal.is_none()) else { return };
        let Some(member) = self.members.get(&station) else { return };
        let (conn, product) = (member.conn, member.product);
        let is_asker = moving.asker.is_some_and(|(_, asker)| asker == station);
        if is_asker || moving.answers.iter().any(|(other, _)| *other == station) {
            return;
        }
        if moving.waiting.values().any(|other| *other == station) {
            return;
        }
        if !moving.force && !product.understands_new_session_host() {
            return self.answered(station, MoveAnswer::NotAsked { product });
        }
        let by = Some(wanted_by(moving.asker, self.config.station));
        let proposal = match &moving.to {
            SessionTarget::Group(group) => NewSessionHost { station: by, ..NewSessionHost::to_group(group) },
            SessionTarget::Url(url) => NewSessionHost { station: by, ..NewSessionHost::to_url(url) },
            _ => return,
        };
        if let Some(moving) = self.moving.as_mut() {
            moving.waiting.insert(conn, station);
        }
        self.send(conn, Message::NewSessionHost(proposal));
    }

    pub(super) fn on_move_ret(&mut self, conn: ConnId, ret: &NewSessionHostRet) {
        let waited = self.moving.as_mut().and_then(|moving| moving.waiting.remove(&conn));
        let Some(station) = waited else {
            return self
                .peer_error(conn, "an MVR_NEW_SESSION_HOST_RET that answers nothing we asked".to_owned());
        };
        self.answered(station, MoveAnswer::of(ret));
        self.end_move_if_answered();
    }

    /// A connection is gone, and with it an answer.
    pub(super) fn move_lost(&mut self, conn: ConnId, why: &str) {
        if let Some(station) = self.moving.as_mut().and_then(|moving| moving.waiting.remove(&conn)) {
            self.answered(station, MoveAnswer::Unanswered { why: format!("its connection ended: {why}") });
            self.end_move_if_answered();
        }
    }

    pub(super) fn on_move_deadline(&mut self) {
        let Some(moving) = self.moving.as_mut() else { return };
        if moving.proposal.is_some() {
            return self.not_moved("the host's operator did not say yes in time");
        }
        for station in std::mem::take(&mut moving.waiting).into_values() {
            self.answered(station, MoveAnswer::Unanswered { why: "no answer came in time".to_owned() });
        }
        self.end_move_if_answered();
    }

    fn answered(&mut self, station: StationUuid, answer: MoveAnswer) {
        if let Some(moving) = self.moving.as_mut() {
            moving.answers.push((station, answer.clone()));
        }
        self.event(Event::MoveAnswered { station, answer });
    }

    fn end_move_if_answered(&mut self) {
        let over = self.moving.take_if(|moving| moving.proposal.is_none() && moving.waiting.is_empty());
        let Some(Move { to, asker, answers, .. }) = over else { return };
        self.agenda.clear(Timer::Move);
        let moved = answers.iter().filter(|(_, answer)| *answer == MoveAnswer::Moved).count();
        let by = wanted_by(asker, self.config.station);
        self.event(Event::MoveEnded { to, by, moved, stayed: answers.len() - moved });
        let Some(asker) = asker.filter(|(conn, _)| self.links.contains_key(conn)) else { return };
        let reply =
            if moved > 0 || answers.is_empty() { Reply::ok() } else { refuse(&nobody_moved(&answers)) };
        let stays = (self.config.station, MoveAnswer::Refused { message: HOST_STAYS.to_owned() });
        let stays = (!self.ends_after(&answers, asker.1)).then_some(stays);
        let all = answers.iter().chain(&stays).map(|(s, a)| a.told(*s)).collect();
        self.send(asker.0, Message::NewSessionHostRet(NewSessionHostRet { reply, answers: all }));
    }

    /// Whether we were elected, and the station beside which we run goes along.
    // req: ELE-11
    fn ends_after(&self, answers: &[(StationUuid, MoveAnswer)], asker: StationUuid) -> bool {
        let Some(own) = self.config.elected else { return false };
        own == asker || answers.contains(&(own, MoveAnswer::Moved))
    }

    /// The session ends before our application said a word.
    pub(super) fn drop_proposal(&mut self) {
        if self.moving.as_ref().is_some_and(|moving| moving.proposal.is_some()) {
            self.not_moved("the session has ended");
        }
    }

    fn not_moved(&mut self, why: &str) {
        let Some(Move { to, asker, .. }) = self.moving.take() else { return };
        self.agenda.clear(Timer::Move);
        if let Some((conn, _)) = asker.filter(|(conn, _)| self.links.contains_key(conn)) {
            self.send(conn, Message::NewSessionHostRet(refuse(why).into()));
        }
        let by = wanted_by(asker, self.config.station);
        self.out.push_back(Output::Event(Event::NotMoved { to, by, why: why.to_owned() }));
    }
}

impl Move {
    fn new(
        to: SessionTarget,
        asker: Option<(ConnId, StationUuid)>,
        force: bool,
        proposal: Option<ProposalId>,
    ) -> Self {
        Self { to, asker, force, proposal, waiting: BTreeMap::new(), answers: Vec::new() }
    }
}

/// Who wants a move: a station of the session, or the host, which is `us`.
fn wanted_by(asker: Option<(ConnId, StationUuid)>, us: StationUuid) -> StationUuid {
    asker.map_or(us, |(_, asker)| asker)
}

/// In words, since another product reads nothing else of it.
fn nobody_moved(answers: &[(StationUuid, MoveAnswer)]) -> String {
    let why = answers.iter().find_map(|(_, answer)| match answer {
        MoveAnswer::Refused { message } => Some(message.as_str()),
        MoveAnswer::Unanswered { why } => Some(why.as_str()),
        _ => None,
    });
    format!("no station of this session moved: {}", why.unwrap_or("none is known to understand the question"))
}

/// What the host says of itself.
const HOST_STAYS: &str = "it hosts this session, and goes on with it until it is ended";
/// What is said of a URL of our own.
const HERE: &str = "this session is there already";

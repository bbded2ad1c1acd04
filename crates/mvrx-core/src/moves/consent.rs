//! A proposal to move comes in: whether it makes sense, whether it is followed, and what is answered when.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use mvrx_message::{BridgeMark, Message, NewSessionHost, Product, Reply, SessionTarget, StationUuid};

use super::{Asker, Cause, MoveAction, MoveEvent, MovePhase, Moves, ProposalId, Ride, place};
use crate::inbound::{ok, refuse};
use crate::peer::Peer;
use crate::{Command, ConnId, Core, Event, Membership, Presence, Timer};

impl Core {
    pub(crate) fn on_new_session_host(
        &mut self,
        conn: ConnId,
        address: SocketAddr,
        proposal: &NewSessionHost,
    ) {
        let station = self.who_proposes(conn, address, proposal);
        let asker = Asker { conn, station, address };
        let answered = match place::target(proposal) {
            Err(why) => Some(refuse(&why)),
            Ok(to) => self.consider(to, asker),
        };
        if let Some(reply) = answered {
            self.answer_proposal(conn, reply);
        }
    }

    /// The answer, if there is one at once; otherwise it comes when the move has ended.
    fn consider(&mut self, to: SessionTarget, asker: Asker) -> Option<Reply> {
        let moves_on = matches!(self.moving.phase, MovePhase::Settled | MovePhase::Asking);
        // req: MOV-03
        if moves_on && place::same(&to, &self.place()) {
            return Some(ok());
        }
        if let Err(why) = place::differ_only_in_case(&self.place(), &to) {
            return Some(refuse(why));
        }
        if self.presence != Presence::Present {
            return Some(refuse("this station is not in the group at the moment"));
        }
        let passing = self.agreed_in_advance(&asker, &to);
        if passing && !self.moving.away {
            self.withdraw_question(BY_ELECTION);
        }
        // req: MOV-04
        if self.is_moving() || self.change.is_some() {
            return Some(refuse(BUSY));
        }
        // req: MOV-05
        let agreed = self.config.moves == Moves::Ask && self.agreed_already(&to);
        let follows = match &self.config.moves {
            _ if passing && self.moving.away => Some(Err(AWAY)),
            _ if passing => Some(Ok(())),
            Moves::Ask => agreed.then_some(Ok(())),
            Moves::Always => Some(Ok(())),
            Moves::Never => Some(Err(match self.config.bridge {
                Some(BridgeMark::Bridge { .. }) => A_BRIDGE,
                Some(BridgeMark::StandIn { .. }) => BY_A_BRIDGE,
                _ => "this station follows no proposals",
            })),
            Moves::Listed(listed) if asker.station.is_some_and(|station| listed.contains(&station)) => {
                Some(Ok(()))
            }
            Moves::Listed(_) => Some(Err("this station follows only certain others")),
        };
        if let Some(Err(why)) = follows {
            self.declined(&asker, to, why);
            return Some(refuse(why));
        }
        self.moving.next_proposal += 1;
        let proposal = ProposalId(self.moving.next_proposal);
        self.moving.ride = Some(Ride { passing, ..Ride::new(to, Cause::Proposed { proposal, asker }) });
        let event = if follows.is_some() { MoveEvent::Agreed } else { MoveEvent::Proposed };
        self.follow_move(event);
        None
    }

    pub(crate) fn companions_are(&mut self, stations: BTreeSet<StationUuid>) {
        self.tell_there(&Command::Companions(stations.clone()));
        self.moving.companions = stations;
    }

    // req: ELE-11
    pub(crate) fn takes_part(&mut self, takes_part: bool) {
        self.tell_there(&Command::TakesPart(takes_part));
        self.moving.away = !takes_part;
    }

    /// Who can be elected agrees by that to follow who was, into a session at its own address and nowhere else.
    // req: ELE-07
    fn agreed_in_advance(&self, asker: &Asker, to: &SessionTarget) -> bool {
        let Some(station) = asker.station.filter(|station| self.moving.companions.contains(station)) else {
            return false;
        };
        let at = match to {
            SessionTarget::Url(url) if !self.in_session() => place::address(url),
            _ => None,
        };
        let is_its_own = |ip: IpAddr| self.peers.get(&station).is_some_and(|peer| peer.is_vouched_for_at(ip));
        self.config.candidate.is_some() && at.is_some_and(is_its_own)
    }

    // req: ELE-11
    pub(crate) fn agree_to_move(&mut self, to: SessionTarget) {
        self.moving.agreed = Some((to, self.now + self.config.timers.consent));
    }

    /// Whether our operator said yes to this one a moment ago; once. In a session nobody but its host proposes anything.
    fn agreed_already(&mut self, to: &SessionTarget) -> bool {
        let now = self.now;
        let agreed = |(agreed, until): &mut (SessionTarget, _)| place::same(agreed, to) && now < *until;
        self.in_session() && self.moving.agreed.take_if(agreed).is_some()
    }

    /// Whether nothing else can begin.
    pub(crate) fn is_moving(&self) -> bool {
        self.moving.aside || self.moving.phase != MovePhase::Settled
    }

    pub(super) fn ask_application(&mut self) {
        let within = self.config.timers.consent;
        self.agenda.set(Timer::Move, self.now + within);
        let Some(Ride { to, cause: Cause::Proposed { proposal, asker }, .. }) = &self.moving.ride else {
            return;
        };
        let (to, proposal, station, address) = (to.clone(), *proposal, asker.station, asker.address);
        self.event(Event::MoveProposed { proposal, station, address, to, within });
    }

    // req: MOV-05
    pub(crate) fn accept_move(&mut self, proposal: ProposalId) {
        if self.waits_for_word_on(proposal) {
            self.follow_move(MoveEvent::Agreed);
        }
    }

    pub(crate) fn refuse_move(&mut self, proposal: ProposalId) {
        if self.waits_for_word_on(proposal) {
            self.end_move(MoveEvent::Refused, "the operator does not want to move");
        }
    }

    /// Whoever proposed it, the question that is still open gives way to what our own operator or an election wants: it is declined.
    // req: MOV-19
    pub(super) fn withdraw_question(&mut self, why: &str) {
        if self.moving.phase == MovePhase::Asking {
            self.end_move(MoveEvent::Refused, why);
        }
    }

    /// Nobody is asked any longer on behalf of one that is gone: its answer could not be told. Called at the end of each step.
    // req: MOV-19
    pub(super) fn run_asking(&mut self) {
        let asker = match self.moving.ride.as_ref().map(|ride| &ride.cause) {
            Some(Cause::Proposed { asker, .. }) => asker.conn,
            _ => return,
        };
        if !self.inbound.contains_key(&asker) {
            self.withdraw_question("the connection to who proposed it was lost before the operator answered");
        }
    }

    fn waits_for_word_on(&self, proposal: ProposalId) -> bool {
        let ride = self.moving.ride.as_ref().filter(|_| self.moving.phase == MovePhase::Asking);
        ride.is_some_and(
            |ride| matches!(ride.cause, Cause::Proposed { proposal: asked, .. } if asked == proposal),
        )
    }

    /// Who proposes: whoever it says, or said on this connection, or else the only station that may be there; nobody, where no more than its own
    /// word shows that it is there.
    // req: MOV-13
    fn who_proposes(
        &self,
        conn: ConnId,
        address: SocketAddr,
        proposal: &NewSessionHost,
    ) -> Option<StationUuid> {
        let on_conn = self.inbound.get(&conn).and_then(|inbound| inbound.station);
        let said = proposal.station.or(on_conn);
        if self.in_session() {
            // The host speaks for whom it names.
            return said;
        }
        let is_there = |(_, peer): &(&StationUuid, &Peer)| {
            peer.membership == Membership::Member && peer.is_vouched_for_at(address.ip())
        };
        let mut there = self.peers.iter().filter(is_there).map(|(station, _)| *station);
        match said {
            Some(said) => there.find(|station| *station == said),
            None => there.next().filter(|_| there.next().is_none()),
        }
    }

    /// Tells the application what was declined without asking it; the same again is not told again.
    fn declined(&mut self, asker: &Asker, to: SessionTarget, why: &str) {
        let what = (asker.station, to.clone(), why.to_owned());
        if self.moving.declined.as_ref() != Some(&what) {
            self.moving.declined = Some(what);
            let (station, address, why) = (asker.station, asker.address, why.to_owned());
            self.event(Event::MoveDeclined { station, address, to, why });
        }
    }

    pub(super) fn answer_proposal(&mut self, conn: ConnId, reply: Reply) {
        // Its connection may be gone meanwhile; then nobody waits.
        if self.inbound.contains_key(&conn) {
            let product = self.session.as_ref().map_or(Product::Other, |s| s.product());
            self.answer(conn, Message::NewSessionHostRet(reply.into()), product);
        }
    }

    /// Moves the move along its table and does what it says, but for its end.
    pub(super) fn follow_move(&mut self, event: MoveEvent) {
        match self.on_move(event) {
            MoveAction::Ask => self.ask_application(),
            MoveAction::Prepare => self.prepare_move(),
            MoveAction::Save => self.save_place(),
            MoveAction::Gather => self.gather(),
            MoveAction::Switch => self.switch(),
            MoveAction::Join | MoveAction::StayHere | MoveAction::Busy | MoveAction::Nothing => {}
        }
    }
}

/// What is said to a candidate that was elected where a person does not want us.
const AWAY: &str = "a person moved this station; it takes no part in the election";
/// What is said to who waits for the operator's word meanwhile.
pub(super) const BY_ELECTION: &str =
    "the election of its group's host moves this station now; its operator is asked no longer";
pub(super) const BY_OPERATOR: &str = "its own operator moves this station elsewhere";
/// What a bridge says, and whoever is there by one: the station itself is on the other side, and is not asked.
const A_BRIDGE: &str = "it is a bridge, and goes where the one goes that began it";
const BY_A_BRIDGE: &str = "it is here by a bridge, and can be asked on the other side alone";
/// What is said to a second proposal.
const BUSY: &str = "another move is under way";

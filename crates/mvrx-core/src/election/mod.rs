//! Who hosts: stations of one group that may all host its session agree on one, and on the next when that one is gone.
//!
//! It turns what discovery shows, what the host tells of its succession, and the loss of it into: start a host, lead the others into its
//! session, join one, give way to another ([`ElectionPhase`] is the table). It does not know how any of this is done, has no clock and no
//! socket, and never decides about stations that did not ask for it: who is a candidate says so itself ([`mvrx_message::Candidate`]).
//!
//! The rules:
//! * Without a host the highest of the candidates that see each other hosts: by priority, then by StationUUID. The next in order waits a
//!   step longer for it, and then does it itself.
//! * A host that is seen is joined, whoever is higher: who comes later displaces nobody.
//! * When the host is lost, its successors act in the order in which it told them, each a step after the one before it; meanwhile they look
//!   for their elders at the URLs that the host told.
//! * Where two hosts see each other, one gives way: one that is alone, else the one that began later, else the lower one, by what the other one
//!   says of itself at that moment. Its stations are told where to go. It does not while a person has its session asked to go elsewhere.
//! * A host that did not run for a while, and was taken for lost, counts nobody of its session until who is still there was heard.
//! * A person who moves the station away ends its part in this. In another group it begins anew, as who has just started there; out of the session
//!   into the group whose session that is, it takes no part, since it would be led back at once. While a host that it left still
//!   asks the others for that person, its turn does not come.
//! * Who comes into a session of another group's host without a person's will goes back to its own.
//!
//! Rules a caller keeps: call [`Election::step`] with the time at each event and at [`Election::deadline`]; carry the outputs out in order;
//! answer [`ElectionOutput::Join`] and [`ElectionOutput::Lead`] with `Joined` or `NotJoined`, [`ElectionOutput::Start`] with `Started` or `NotStarted`,
//! [`ElectionOutput::GoBack`] with `Back` once the station is there, or with `NotBack`.
//! Bounded: so many candidates and hosts are known, the rest is not looked at.

mod group;
mod io;
mod table;
mod told;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use mvrx_message::{GroupName, StationUuid, Successor};

pub use self::io::{ElectedHost, ElectionConfig, ElectionInput, ElectionOutput};
pub use self::table::{ElectionAction, ElectionEvent, ElectionPhase};

/// One station's part in the election.
#[derive(Debug)]
pub struct Election {
    config: ElectionConfig,
    phase: ElectionPhase,
    now: Duration,
    stations: BTreeMap<StationUuid, u32>,
    hosts: BTreeMap<StationUuid, Seen>,
    /// The host of our session, or of the last one.
    host: Option<StationUuid>,
    succession: Vec<Successor>,
    /// Elders that are still to be tried in this round.
    elders: VecDeque<String>,
    /// Whom we are joining.
    joining: Option<StationUuid>,
    /// The host is lost, and an elder that did not answer is not the end of it.
    bereaved: bool,
    /// Our turn comes then.
    turn_at: Option<Duration>,
    /// The next round of elders, or of hosts that did not answer.
    retry_at: Option<Duration>,
    /// Then our station is sent back to its group once more: it is not there yet.
    back_at: Option<Duration>,
    /// When the first and the latest candidate came or went.
    first_at: Option<Duration>,
    /// Our own host, while it runs.
    own: Option<ElectedHost>,
    /// Our own station is in our own session.
    at_home: bool,
    /// Our host asks its session to go elsewhere, also after our own station has gone: who asked for that waits for the answers, which come through it.
    session_moves: bool,
    /// How many are in our session, as was counted last.
    members: usize,
    /// We did not run for a while: until then nobody counts, since those who were there may have gone meanwhile.
    unsure_until: Option<Duration>,
    yields_at: Option<Duration>,
    /// Whether this one is there is being looked at.
    probing: Option<StationUuid>,
    out: VecDeque<ElectionOutput>,
}

#[derive(Debug)]
struct Seen {
    /// The latest that is known of it.
    seen: ElectedHost,
    /// What discovery showed last: shown again it is no news.
    shown: ElectedHost,
    /// It did not answer, or need not be given way to; it is not tried before.
    not_before: Duration,
    /// It was not tried since it was shown like this, nor since our host was lost.
    fresh: bool,
}

impl Election {
    /// A station that looks for a host.
    #[must_use]
    pub fn new(config: ElectionConfig) -> Self {
        Self {
            phase: ElectionPhase::Looking,
            now: Duration::ZERO,
            stations: BTreeMap::new(),
            hosts: BTreeMap::new(),
            host: None,
            succession: Vec::new(),
            elders: VecDeque::new(),
            joining: None,
            bereaved: false,
            turn_at: None,
            retry_at: None,
            back_at: None,
            first_at: None,
            own: None,
            at_home: false,
            session_moves: false,
            members: 0,
            unsure_until: None,
            yields_at: None,
            probing: None,
            out: VecDeque::new(),
            config,
        }
    }

    /// Where it stands.
    #[must_use]
    pub const fn phase(&self) -> ElectionPhase {
        self.phase
    }

    /// Our own host, while it runs.
    #[must_use]
    pub const fn own(&self) -> Option<&ElectedHost> {
        self.own.as_ref()
    }

    /// Whether our host is known to ask its session to go elsewhere.
    #[must_use]
    pub const fn session_moves(&self) -> bool {
        self.session_moves
    }

    /// When it wants to be woken.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        let waits = |phases: &[ElectionPhase]| phases.contains(&self.phase);
        let turn = self.turn().filter(|_| waits(&[ElectionPhase::Looking, ElectionPhase::Succeeding]));
        let retry = self
            .retry_at
            .filter(|_| waits(&[ElectionPhase::Looking, ElectionPhase::Succeeding, ElectionPhase::Hosting]));
        let yields = self.yields_at.filter(|_| waits(&[ElectionPhase::Hosting]) && self.probing.is_none());
        let back = self.back_at.filter(|_| waits(&[ElectionPhase::Looking]));
        // While we host we are to notice that we did not run.
        let beat = self.own.as_ref().map(|_| self.now + ElectionConfig::PING_AFTER);
        let sure = self.unsure_until.filter(|_| self.own.is_some());
        [turn, retry, yields, back, beat, sure].into_iter().flatten().min()
    }

    /// Takes what happens and gives what is to be done, in order.
    pub fn step(&mut self, now: Duration, input: ElectionInput) -> Vec<ElectionOutput> {
        let last = self.now;
        self.now = last.max(now);
        self.note_gap(last);
        match input {
            ElectionInput::Tick => {}
            ElectionInput::StationSeen { station, priority } => self.station_seen(station, Some(priority)),
            ElectionInput::StationGone { station } => self.station_seen(station, None),
            ElectionInput::HostSeen(seen) => self.host_seen(seen),
            ElectionInput::HostGone { host } => {
                self.hosts.remove(&host);
            }
            ElectionInput::Joined { host, succession, group } => self.joined(host, succession, group),
            ElectionInput::NotJoined => self.not_joined(),
            ElectionInput::Lost => self.lost(),
            ElectionInput::Started { url, since } => self.started(url, since),
            ElectionInput::NotStarted => self.on(ElectionEvent::NotStarted),
            ElectionInput::Members(count) => self.members(count),
            ElectionInput::Probed { host, says } => self.probed(host, says),
            ElectionInput::SessionMoves(moves) => self.session_moves = moves,
            ElectionInput::MovedAway => self.on(ElectionEvent::MovedAway),
            ElectionInput::MovedTo(group) => self.moved_to(group),
            ElectionInput::Back => self.back(),
            ElectionInput::NotBack => self.not_back(),
        }
        self.go_on();
        self.out.drain(..).collect()
    }

    // ---- what is seen

    // req: ELE-02
    fn station_seen(&mut self, station: StationUuid, priority: Option<u32>) {
        let known = self.stations.contains_key(&station);
        let before = match priority {
            Some(_) if station == self.config.station || (!known && self.stations.len() >= STATIONS) => {
                return;
            }
            Some(priority) => self.stations.insert(station, priority),
            None => self.stations.remove(&station),
        };
        if before == priority {
            return;
        }
        self.out.push_back(ElectionOutput::Companions(self.stations.keys().copied().collect()));
        if self.phase == ElectionPhase::Looking {
            self.set_turn();
        }
    }

    fn host_seen(&mut self, seen: ElectedHost) {
        if seen.host == self.config.host {
            return;
        }
        let full = self.hosts.len() >= HOSTS && !self.hosts.contains_key(&seen.host);
        let same = self.hosts.get(&seen.host).is_some_and(|known| known.shown == seen);
        if !full && !same {
            // What is new of it is a reason to try it again.
            let shown = seen.clone();
            self.hosts.insert(seen.host, Seen { seen, shown, not_before: self.now, fresh: true });
        }
    }

    // ---- our stay in a session

    fn joined(&mut self, host: StationUuid, succession: Vec<Successor>, group: Option<GroupName>) {
        if self.own.is_some() {
            self.at_home |= host == self.config.host;
            return;
        }
        if let Some(group) = group
            && !self.is_of_this(host, group)
        {
            return self.on(ElectionEvent::Strayed);
        }
        self.host = Some(host);
        self.succession = succession;
        self.on(ElectionEvent::Joined);
    }

    fn not_joined(&mut self) {
        if self.phase == ElectionPhase::Hosting {
            // Our own station is not in our own session yet.
            self.retry_at = Some(self.now + RETRY);
            return;
        }
        if let Some(host) = self.joining.take() {
            self.not_before_a_while(host);
        }
        self.on(if self.bereaved { ElectionEvent::ElderSilent } else { ElectionEvent::NotJoined });
    }

    fn not_before_a_while(&mut self, host: StationUuid) {
        if let Some(silent) = self.hosts.get_mut(&host) {
            silent.not_before = self.now + self.config.again;
            silent.fresh = false;
        }
    }

    fn lost(&mut self) {
        if self.phase == ElectionPhase::Hosting {
            self.at_home = false;
            self.retry_at = Some(self.now + RETRY);
            return;
        }
        self.on(ElectionEvent::Lost);
    }

    /// Our station is in its group: it was sent back there. Meanwhile it may have come into its former session once more.
    // req: ELE-10
    fn back(&mut self) {
        self.back_at = None;
        if self.phase == ElectionPhase::Hosting {
            self.at_home = false;
            self.retry_at = Some(self.now + RETRY);
            return;
        }
        self.on(ElectionEvent::Back);
    }

    /// Where it stays it is nowhere: it is sent once more.
    // req: ELE-14
    fn not_back(&mut self) {
        if matches!(self.phase, ElectionPhase::Looking | ElectionPhase::Joining) {
            self.back_at = Some(self.now + self.config.again);
        }
    }

    // ---- our own host

    fn started(&mut self, url: String, since: u64) {
        if self.phase != ElectionPhase::Starting {
            // Meanwhile our station followed somebody else.
            return self.out.push_back(ElectionOutput::End { next: None });
        }
        let own =
            ElectedHost { host: self.config.host, priority: self.config.priority, since, alone: true, url };
        self.own = Some(own);
        (self.at_home, self.session_moves) = (false, false);
        (self.members, self.unsure_until) = (0, None);
        // Our members come first; until then we are alone.
        self.hosts.values_mut().for_each(|seen| seen.not_before = seen.not_before.max(self.now));
        self.show();
        self.on(ElectionEvent::Started);
    }

    fn members(&mut self, count: usize) {
        self.members = count;
        self.count();
    }

    fn count(&mut self) {
        let alone = self.members == 0 || self.unsure_until.is_some();
        let Some(own) = self.own.as_mut() else { return };
        if own.alone != alone {
            own.alone = alone;
            self.show();
        }
    }

    /// A host that did not run for longer than a station may be silent is taken for lost by all that were there, and what it knows of them is from
    /// before. It counts nobody until who is still there had the time to be heard; otherwise it might win against its successor.
    // req: ELE-15
    fn note_gap(&mut self, last: Duration) {
        if self.own.is_some() && self.now.saturating_sub(last) > ElectionConfig::LOST_WITHIN {
            self.unsure_until = Some(self.now + ElectionConfig::LOST_WITHIN);
            self.count();
        } else if self.unsure_until.take_if(|until| *until <= self.now).is_some() {
            self.count();
        }
    }

    fn show(&mut self) {
        self.out.extend(self.own.clone().map(ElectionOutput::Show));
    }

    // ---- what follows

    fn go_on(&mut self) {
        match self.phase {
            ElectionPhase::Looking | ElectionPhase::Succeeding => self.seek(),
            ElectionPhase::Hosting => self.consider_yielding(),
            _ => {}
        }
        let lead_again = self.phase == ElectionPhase::Hosting
            && !self.at_home
            && self.retry_at.is_some_and(|at| at <= self.now);
        if lead_again {
            self.lead();
        }
        if self.phase == ElectionPhase::Looking && self.back_at.take_if(|at| *at <= self.now).is_some() {
            self.out.push_back(ElectionOutput::GoBack);
        }
        let passed = self.retry_at.is_some_and(|at| at <= self.now);
        if passed && matches!(self.phase, ElectionPhase::Looking | ElectionPhase::Hosting) {
            self.retry_at = None;
        }
    }

    /// A host that is there, an elder, or our turn.
    // req: ELE-03, ELE-04
    fn seek(&mut self) {
        if self.turn_at.is_none() && self.phase == ElectionPhase::Looking {
            self.set_turn();
        }
        // Who was silent before is not tried where that may outlast our turn: many that are long gone would keep us from it for ever.
        let late = self.turn().is_some_and(|at| at < self.now + self.config.attempt);
        if self.best_host_where(|seen| seen.fresh || !late).is_some() {
            return self.on(ElectionEvent::HostSeen);
        }
        if self.turn().is_some_and(|at| at <= self.now) {
            let event = if self.phase == ElectionPhase::Succeeding && self.rank_in_succession().is_none() {
                ElectionEvent::NobodyLeft
            } else {
                ElectionEvent::TurnCame
            };
            return self.on(event);
        }
        if self.phase == ElectionPhase::Succeeding && self.retry_at.is_some_and(|at| at <= self.now) {
            if late {
                self.retry_at = None;
                return;
            }
            if self.elders.is_empty() {
                self.begin_round();
                // There may be none.
                self.retry_at = self.retry_at.filter(|at| *at > self.now);
            }
            if !self.elders.is_empty() {
                self.on(ElectionEvent::Elder);
            }
        }
    }

    /// Who goes before all others that are seen and may be tried now. The one that was lost is tried by our station itself.
    fn best_host(&self) -> Option<&ElectedHost> {
        self.best_host_where(|_| true)
    }

    fn best_host_where(&self, may: impl Fn(&Seen) -> bool) -> Option<&ElectedHost> {
        let lost = self.host.filter(|_| self.bereaved);
        let usable = |seen: &&Seen| seen.not_before <= self.now && Some(seen.seen.host) != lost && may(seen);
        self.hosts.values().filter(usable).map(|seen| &seen.seen).min_by_key(|seen| seen.rank())
    }

    /// When it is our turn without a host: after a look, and a step for each that goes before us; never while we see nobody.
    // req: ELE-02
    fn set_turn(&mut self) {
        if self.stations.is_empty() {
            (self.turn_at, self.first_at) = (None, None);
            return;
        }
        let us = (self.config.priority, self.config.station);
        let elders = self.stations.iter().filter(|(station, priority)| (**priority, **station) > us).count();
        let first = *self.first_at.get_or_insert(self.now);
        // Who comes and goes all the time does not keep the others waiting for ever.
        let since = self.now.min(first + self.config.look);
        self.turn_at = Some(since + self.config.look + self.steps(elders));
    }

    fn steps(&self, elders: usize) -> Duration {
        self.config.step * u32::try_from(elders.min(STATIONS)).unwrap_or(u32::MAX)
    }

    fn rank_in_succession(&self) -> Option<usize> {
        self.succession.iter().position(|next| next.station == self.config.station)
    }

    fn begin_round(&mut self) {
        let ours = self.rank_in_succession().unwrap_or(self.succession.len());
        self.elders = self.succession.iter().take(ours).map(|next| next.url.clone()).collect();
        self.retry_at = (!self.elders.is_empty()).then_some(self.now + RETRY);
    }

    /// Whoever else hosts is asked how it stands, in turn: what is shown may be of a host that is long gone, or from before a cut. Also one
    /// that need not be given way to by what is shown: what it takes us for may be outdated as well. In turn, since those that are long gone
    /// would keep us from the one that is there, if the best by what is shown was asked first each time. Nobody is while our session is asked to
    /// go elsewhere.
    // req: ELE-06
    fn consider_yielding(&mut self) {
        let next = self.hosts.values().filter(|_| !self.session_moves);
        let next = next.min_by_key(|seen| (seen.not_before, seen.seen.rank()));
        let next = next.map(|next| (next.not_before + self.config.settle, &next.seen));
        self.yields_at = next.map(|(at, _)| at);
        if let Some((at, next)) = next
            && at <= self.now
            && self.probing.is_none()
        {
            let (host, url) = (next.host, next.url.clone());
            self.probing = Some(host);
            self.out.push_back(ElectionOutput::Probe { host, url });
        }
    }

    fn probed(&mut self, host: StationUuid, says: Option<ElectedHost>) {
        if self.probing.take() != Some(host) {
            return;
        }
        let says = says.filter(|says| says.host == host);
        let yields = says.as_ref().zip(self.own.as_ref()).is_some_and(|(it, own)| it.rank() < own.rank());
        if let (Some(says), Some(known)) = (says, self.hosts.get_mut(&host)) {
            known.seen = says;
        }
        if yields && self.hosts.contains_key(&host) && !self.session_moves {
            self.joining = Some(host);
            self.on(ElectionEvent::Yields);
        } else {
            self.not_before_a_while(host);
        }
    }

    /// Moves along the table and does what it says.
    fn on(&mut self, event: ElectionEvent) {
        let (next, action) = self.phase.on(event);
        let away = |phase| phase == ElectionPhase::Elsewhere;
        if away(next) != away(self.phase) {
            self.out.push_back(ElectionOutput::TakesPart(!away(next)));
        }
        self.phase = next;
        if !matches!(next, ElectionPhase::Looking | ElectionPhase::Joining) {
            self.back_at = None;
        }
        match action {
            ElectionAction::Nothing => {}
            ElectionAction::Join => self.join(event),
            // A host that did not answer is tried again; our turn comes all the same.
            ElectionAction::Look => self.retry_at = self.hosts.values().map(|seen| seen.not_before).min(),
            ElectionAction::GoBack => {
                self.look_anew();
                self.out.push_back(ElectionOutput::GoBack);
            }
            ElectionAction::LookAnew => {
                // The host had us a moment ago.
                if let Some(had_us) = self.host.and_then(|host| self.hosts.get_mut(&host)) {
                    (had_us.not_before, had_us.fresh) = (self.now, true);
                }
                self.look_anew();
            }
            ElectionAction::Resume => self.retry_at = Some(self.now + RETRY),
            ElectionAction::Stay => {
                (self.joining, self.bereaved, self.turn_at, self.retry_at) = (None, false, None, None);
                self.elders.clear();
            }
            ElectionAction::Succeed => self.succeed(),
            ElectionAction::Start => {
                self.session_moves = false;
                self.out.push_back(ElectionOutput::Start);
            }
            ElectionAction::Lead => self.lead(),
            ElectionAction::GiveWay => self.give_way(),
            ElectionAction::End => {
                self.own = None;
                self.out.push_back(ElectionOutput::End { next: None });
            }
        }
    }

    fn look_anew(&mut self) {
        self.bereaved = false;
        self.first_at = None;
        self.set_turn();
        self.retry_at = self.hosts.values().map(|seen| seen.not_before).min();
    }

    fn join(&mut self, event: ElectionEvent) {
        let url = if event == ElectionEvent::Elder {
            self.joining = None;
            self.elders.pop_front()
        } else {
            let fresh = self.best_host_where(|seen| seen.fresh).or_else(|| self.best_host());
            let best = fresh.map(|seen| (seen.host, seen.url.clone()));
            self.joining = best.as_ref().map(|(host, _)| *host);
            best.map(|(_, url)| url)
        };
        self.out.extend(url.map(|url| ElectionOutput::Join { url }));
    }

    // req: ELE-04, ELE-05
    fn succeed(&mut self) {
        self.bereaved = true;
        // One that was there beside ours would have become one with it.
        self.hosts.values_mut().for_each(|seen| seen.fresh = false);
        let rank = self.rank_in_succession().unwrap_or(self.succession.len());
        self.turn_at = Some(self.now + self.config.grace + self.steps(rank));
        self.begin_round();
        self.retry_at = (!self.elders.is_empty()).then_some(self.now);
    }

    // req: ELE-03
    fn lead(&mut self) {
        let Some(url) = self.own.as_ref().map(|own| own.url.clone()) else { return };
        (self.retry_at, self.bereaved, self.probing) = (None, false, None);
        let others = self.stations.keys().copied().collect();
        self.out.push_back(ElectionOutput::Lead { url, others });
    }

    // req: ELE-06
    fn give_way(&mut self) {
        let next = self.joining.and_then(|next| self.hosts.get(&next)).map(|next| next.seen.clone());
        (self.own, self.yields_at, self.retry_at, self.host) = (None, None, None, None);
        // Should it not have us after all, we are back in the group before long.
        (self.bereaved, self.succession) = (true, Vec::new());
        self.turn_at = Some(self.now + self.config.grace + self.steps(4));
        let url = next.as_ref().map(|next| next.url.clone());
        self.out.push_back(ElectionOutput::End { next });
        self.out.extend(url.map(|url| ElectionOutput::Join { url }));
    }
}

/// Elders that did not answer are tried again after this.
const RETRY: Duration = Duration::from_millis(500);
/// Candidates that are looked at.
const STATIONS: usize = 64;
/// Hosts that are looked at.
const HOSTS: usize = 64;

//! Reads from owners: one for each file, however many ask; whom to ask next; what to do with what comes.

use std::collections::BTreeSet;

use mvrx_message::{Commit, FileUuid, Message, Product, Reply, Request, StationUuid};

use super::late::{Arrived, Late, Whose};
use super::link::Taking;
use super::requests::not_here;
use super::{
    AskEvent, AskId, Event, Host, LimitReached, Output, POLICY, Relay, RelayAction, RelayEvent, RelayId,
    RelayPhase, Standing, Take, Timer,
};
use crate::ConnId;
use crate::history::announced_size;

impl RelayPhase {
    /// Whether bytes of it are there to be read.
    pub(super) fn can_be_read(self) -> bool {
        matches!(self, Self::Receiving | Self::Keeping | Self::Lingering)
    }
}

impl Host {
    /// The read of a file: the one under way, or a new one that [`Host::start_read`] is to start. `asker`: the station it is for.
    pub(super) fn read_for(
        &mut self,
        file: FileUuid,
        from: &[StationUuid],
        asker: Option<StationUuid>,
    ) -> Result<RelayId, String> {
        // One whose bytes are damaged goes on for those who read it, and a new one begins beside it.
        let damaged = self.history.entry(file).is_some_and(|entry| entry.damaged.is_some());
        let goes_on =
            |relay: &&mut Relay| relay.file == file && !(damaged && relay.phase == RelayPhase::Lingering);
        if let Some(relay) = self.relays.values_mut().find(goes_on) {
            relay.from.extend(from);
            return Ok(relay.id);
        }
        let nobody = self.holders(file, from).all(|(station, _)| Some(station) == asker);
        if nobody {
            // req: HST-19
            let why = match self.history.entry(file) {
                Some(_) => "no station that has it is here now",
                None => NOBODY_TOLD,
            };
            return Err(not_here(why));
        }
        if self.relays.len() >= self.config.limits.relays {
            self.limit(LimitReached::Relays);
            return Err("busy: this host is fetching too many files already, try again".to_owned());
        }
        let id = RelayId(self.next_id());
        let relay = Relay {
            id,
            file,
            announced: self.history.entry(file).map(|entry| entry.commit.clone()),
            phase: RelayPhase::Choosing,
            owner: None,
            tried: BTreeSet::new(),
            attempts: Vec::new(),
            from: from.iter().copied().collect(),
            wanted: Vec::new(),
            gather: false,
            began: false,
            doubted: false,
            keeping: None,
        };
        self.relays.insert(id, relay);
        Ok(id)
    }

    pub(super) fn start_read(&mut self, id: RelayId) {
        if self.relays.get(&id).is_some_and(|relay| relay.phase == RelayPhase::Choosing) {
            self.choose(id);
        }
    }

    /// The joined stations that list a file; where no commit tells of it, those that the REQUEST names, unless they are behind with an
    /// answer already.
    fn holders<'a>(
        &'a self,
        file: FileUuid,
        from: impl IntoIterator<Item = &'a StationUuid>,
    ) -> impl Iterator<Item = (StationUuid, ConnId)> + 'a {
        let entry = self.history.entry(file);
        let listing: BTreeSet<StationUuid> =
            entry.map(|entry| entry.holders.keys().copied().collect()).unwrap_or_default();
        let told = entry.is_some();
        let named = if listing.is_empty() { from.into_iter().copied().collect() } else { listing };
        named.into_iter().filter(|station| !self.config.access.only_reads(*station)).filter_map(
            move |station| {
                let conn = self.members.get(&station)?.file_conn();
                let behind = self.links.get(&conn).is_none_or(|link| !link.late.is_nothing());
                (told || !behind).then_some((station, conn))
            },
        )
    }

    /// Moves a read along the table of [`RelayPhase`] and does what it says.
    pub(super) fn read(&mut self, id: RelayId, event: RelayEvent, why: &str) {
        let Some(relay) = self.relays.get_mut(&id) else { return };
        let (next, action) = relay.phase.on(event);
        let before = std::mem::replace(&mut relay.phase, next);
        if before != next {
            self.agenda.clear(Timer::Queue(id));
            self.agenda.clear(Timer::Answer(id));
        }
        match action {
            RelayAction::Ignore => {}
            RelayAction::Queue => self.agenda.set(Timer::Queue(id), self.now + self.config.timers.queue),
            RelayAction::Ask => self.ask_owner(id),
            RelayAction::Choose => self.choose_again(id, why),
            RelayAction::Abandon => {
                // req: HST-14
                self.is_behind(id);
                self.choose_again(id, why);
            }
            RelayAction::Receive => self.receive(id),
            RelayAction::Keep => self.keep(id),
            RelayAction::Linger => {}
            RelayAction::DropAndChoose => {
                self.stop_readers(id, why);
                self.drop_bytes(id);
                self.choose_again(id, why);
            }
            RelayAction::DropAndWait => {
                self.drop_bytes(id);
                self.wait_on(id);
            }
            RelayAction::DropAndQueue => {
                self.drop_bytes(id);
                self.agenda.set(Timer::Queue(id), self.now + self.config.timers.queue);
            }
            RelayAction::Finish => self.finished(id),
            RelayAction::Fail => self.failed(id, why),
            RelayAction::Drop => {
                self.drop_bytes(id);
                self.remove_read(id);
            }
        }
    }

    /// The owner of a read answers too late: its file may still come.
    fn is_behind(&mut self, id: RelayId) {
        let (late, most) = (self.own(id), self.config.limits.late);
        let Some((conn, _)) = self.relays.get(&id).and_then(|relay| relay.owner) else { return };
        if let Some(link) = self.links.get_mut(&conn) {
            link.owes = link.owes.filter(|owed| *owed != id);
            link.late.add(late, most);
        }
    }

    /// What a read asks for, and how it would be known.
    fn own(&self, id: RelayId) -> Late {
        Late::of(self.relays.get(&id).and_then(|relay| relay.announced.as_ref()))
    }

    /// What came was an earlier answer: the owner still has to give this one.
    fn wait_on(&mut self, id: RelayId) {
        let Some((conn, _)) = self.relays.get(&id).and_then(|relay| relay.owner) else { return };
        if let Some(link) = self.links.get_mut(&conn) {
            link.owes = Some(id);
        }
        self.agenda.set(Timer::Answer(id), self.now + self.config.timers.answer);
    }

    fn remove_read(&mut self, id: RelayId) -> Option<Relay> {
        self.agenda.clear(Timer::Queue(id));
        self.agenda.clear(Timer::Answer(id));
        self.relays.remove(&id)
    }

    fn choose_again(&mut self, id: RelayId, why: &str) {
        let Some(relay) = self.relays.get_mut(&id) else { return };
        if let Some((conn, station)) = relay.owner.take() {
            relay.tried.insert(conn);
            relay.attempts.push((station, why.to_owned()));
            let (file, doubted) = (relay.file, std::mem::take(&mut relay.doubted));
            if doubted {
                // What came may be of another file: the next owner's is not to go on from it.
                self.drop_bytes(id);
            }
            self.event(Event::AttemptFailed { file, from: station, why: why.to_owned() });
        }
        for ask in self.asks_of(id) {
            self.ask(ask, AskEvent::Lost, "");
        }
        self.choose(id);
    }

    /// Looks for a holder that was not asked yet: one that is free, named by a REQUEST, or the author, rather than others.
    fn choose(&mut self, id: RelayId) {
        let Some(relay) = self.relays.get(&id) else { return };
        let askers: BTreeSet<StationUuid> =
            self.asks.values().filter(|a| a.relay == Some(id)).map(|a| a.station).collect();
        let only =
            askers.first().copied().filter(|_| askers.len() == 1 && !relay.gather && relay.wanted.is_empty());
        let entry = self.history.entry(relay.file);
        let author = entry.and_then(|entry| entry.commit.station);
        let is_hashed = entry.is_some_and(|entry| entry.commit.blake3.is_some());
        let left = || {
            let holders = self.holders(relay.file, &relay.from);
            holders.filter(|(station, conn)| Some(*station) != only && !relay.tried.contains(conn))
        };
        let busy = left().next().is_some();
        let best = left()
            .filter(|(_, conn)| self.queue_of(*conn).count() < self.config.limits.queued)
            .max_by_key(|(station, conn)| {
                let link = self.links.get(conn);
                let trusted = (relay.from.contains(station), Some(*station) == author);
                (
                    link.is_some_and(|link| link.late.is_nothing()),
                    // Where no hash tells one file from another, who is asked counts more than how soon it can answer.
                    (!is_hashed).then_some(trusted),
                    link.is_some_and(|link| link.is_free()),
                    trusted,
                )
            });
        let more = relay.attempts.len() < self.config.limits.attempts;
        let is_told = entry.is_some();
        match best.filter(|_| more) {
            Some((station, conn)) => {
                if let Some(relay) = self.relays.get_mut(&id) {
                    relay.owner = Some((conn, station));
                }
                self.read(id, RelayEvent::Found, "");
            }
            None => {
                let last = relay.attempts.last().map(|(station, why)| (*station, why.clone()));
                let why = match last {
                    // req: HST-20
                    _ if busy && more => {
                        self.limit(LimitReached::Queued);
                        let most = self.config.limits.queued;
                        format!("busy: {most} requests wait for the station that has it already, try again")
                    }
                    Some((station, why)) => {
                        let name = self.name_of(station);
                        format!("nobody gives this file; the last one asked was {name}: {why}")
                    }
                    None if is_told => not_here("no station that has it is here now"),
                    None => not_here(NOBODY_TOLD),
                };
                self.read(id, RelayEvent::NoneLeft, &why);
            }
        }
    }

    fn queue_of(&self, conn: ConnId) -> impl Iterator<Item = &Relay> {
        self.relays.values().filter(move |relay| {
            relay.phase == RelayPhase::Queued && relay.owner.is_some_and(|(owner, _)| owner == conn)
        })
    }

    /// Sends the next REQUEST on every connection that is free for one; those that stations wait for go first.
    pub(super) fn run_owners(&mut self) {
        let mut next: std::collections::BTreeMap<ConnId, (bool, RelayId)> = std::collections::BTreeMap::new();
        for relay in self.relays.values().filter(|relay| relay.phase == RelayPhase::Queued) {
            let Some((conn, _)) = relay.owner else { continue };
            if self.links.get(&conn).is_some_and(|link| link.is_free()) {
                let rank = (relay.wanted.is_empty() && self.asks_of(relay.id).is_empty(), relay.id);
                next.entry(conn).and_modify(|best| *best = rank.min(*best)).or_insert(rank);
            }
        }
        for (_, (_, id)) in next {
            self.read(id, RelayEvent::Turn, "");
        }
    }

    fn ask_owner(&mut self, id: RelayId) {
        let Some((file, (conn, station))) = self.relays.get(&id).and_then(|r| Some((r.file, r.owner?)))
        else {
            return;
        };
        if let Some(link) = self.links.get_mut(&conn) {
            link.owes = Some(id);
        }
        self.agenda.set(Timer::Answer(id), self.now + self.config.timers.answer);
        let askers = self.asks_of(id).len();
        self.event(Event::ReadStarted { file, from: station, askers });
        self.send(conn, Message::Request(Request::new(Some(file), vec![station])));
    }

    pub(super) fn on_read_deadline(&mut self, id: RelayId, why: &str) {
        self.read(id, RelayEvent::Deadline, why);
    }

    pub(super) fn on_request_ret(&mut self, conn: ConnId, reply: &Reply) {
        let Some(link) = self.links.get_mut(&conn) else { return };
        let behind = !link.late.is_nothing();
        if reply.ok && (link.owes.is_some() || behind) {
            // Its yes; the file follows.
            return;
        }
        match link.owes.take() {
            Some(id) => {
                if behind {
                    // Which of both it refuses cannot be known, so the other one's file may still come in its place.
                    let (late, most) = (self.own(id), self.config.limits.late);
                    if let Some(link) = self.links.get_mut(&conn) {
                        link.late.add_instead(late, most);
                    }
                }
                self.read(id, RelayEvent::Refused, &format!("it refused: {}", reply.message));
            }
            None if behind => link.late.refused(),
            None => self.peer_error(conn, "an MVR_REQUEST_RET, though nothing was requested".to_owned()),
        }
    }

    pub(super) fn on_file_begins(&mut self, conn: ConnId) {
        let Some(link) = self.links.get_mut(&conn) else { return };
        if matches!(link.standing, Standing::Unjoined | Standing::Waiting) {
            return self.close(conn, POLICY, "a file came before MVR_JOIN");
        }
        let owed = link.owes.take();
        link.taking = Some(owed.map_or(Taking::Nobody, Taking::For));
        let late = !link.late.is_nothing();
        match owed {
            Some(id) => self.read(id, RelayEvent::Begins, ""),
            None if late => self.receive_file(conn, Take::Discard, None, false),
            None => {
                let take = Take::Discard;
                // Counted by the message, or a flood of it would be one file.
                let file = Output::ReceiveFile { conn, take, expected: None, again: false, doubted: false };
                self.out.push_back(file);
                self.peer_error(conn, "a file that nobody requested".to_owned());
            }
        }
    }

    /// Has a file taken that is this one, if any, or one of those that the connection still owes.
    fn receive_file(&mut self, conn: ConnId, take: Take, own: Option<Late>, again: bool) {
        let Some(link) = self.links.get(&conn) else { return };
        // The shortest of those that it may be: what comes beyond that without a pause is the rest of it, or another one of them.
        let expected = link.late.shortest(own);
        // Our own stations tell what their store has measured, and a hash shows that it is so.
        let sure = link.product == Product::Mvrx && link.late.only(own).is_some_and(|it| it.hash.is_some());
        self.out.push_back(Output::ReceiveFile { conn, take, expected, again, doubted: !sure });
    }

    fn receive(&mut self, id: RelayId) {
        let Some(relay) = self.relays.get_mut(&id) else { return };
        let Some((conn, _)) = relay.owner else { return };
        relay.doubted = self.links.get(&conn).is_some_and(|link| !link.late.is_nothing());
        if relay.doubted {
            // What may be another file is not written over a part of this one.
            self.stop_readers(id, "its owner was lost");
            self.drop_bytes(id);
        }
        let Some(relay) = self.relays.get_mut(&id) else { return };
        let again = std::mem::replace(&mut relay.began, true);
        let doubted = relay.doubted;
        let own = Late::of(self.history.entry(relay.file).map(|entry| &entry.commit));
        let length = own.expected.unwrap_or(0);
        let take = if self.is_to_be_kept(id, length) { Take::Keep(id) } else { Take::Relay(id) };
        self.receive_file(conn, take, Some(own), again);
        if doubted {
            return;
        }
        self.is_available(id);
    }

    fn is_available(&mut self, id: RelayId) {
        // req: HST-12
        for ask in self.asks_of(id) {
            self.ask(ask, AskEvent::Available, "");
        }
    }

    pub(super) fn on_file_arrived(&mut self, conn: ConnId, arrived: Arrived) {
        let Some(link) = self.links.get_mut(&conn) else { return };
        let Some(taken) = link.taking.take() else { return };
        let Taking::For(id) = taken else { return link.late.read_away(&arrived) };
        if let Some(other) = self.is_no_answer(id, conn, &arrived) {
            return self.read(id, other, "");
        }
        let Arrived { length, hash, archive } = arrived;
        let Some((file, (_, from))) = self.relays.get(&id).and_then(|r| Some((r.file, r.owner?))) else {
            return;
        };
        let announced = self.history.entry(file).map(|entry| entry.commit.clone());
        if announced.as_ref().and_then(|commit| commit.blake3).is_some_and(|told| Some(told) != hash) {
            return self.read(
                id,
                RelayEvent::Unfit,
                "it sent another file than the one announced (BLAKE3 differs)",
            );
        }
        if let Some(told) = announced.as_ref().and_then(announced_size).filter(|told| *told != length) {
            let is_told = announced.as_ref().is_some_and(|commit| commit.blake3.is_some());
            if !archive && !is_told {
                // req: HST-21
                let why =
                    format!("it sent {length} bytes that are no whole file, and not the {told} announced");
                return self.read(id, RelayEvent::Unfit, &why);
            }
            self.event(Event::FileSizeDiffers { file, from, announced: told, received: length });
        }
        if !self.is_to_be_kept(id, length) {
            return self.read(id, RelayEvent::ArrivedToPass, "");
        }
        if let Some(relay) = self.relays.get_mut(&id) {
            relay.keeping = announced.map(|commit| Commit { file_size: length, blake3: hash, ..commit });
        }
        self.read(id, RelayEvent::ArrivedToKeep, "");
    }

    /// What happened to a read if a file that came is not, or not only, the answer to its REQUEST but one to an earlier REQUEST of the same
    /// connection; where that cannot be told, the answer to the earlier one comes first.
    // req: HST-14
    fn is_no_answer(&mut self, id: RelayId, conn: ConnId, arrived: &Arrived) -> Option<RelayEvent> {
        let own = self.own(id);
        let relay = self.relays.get_mut(&id)?;
        if !std::mem::take(&mut relay.doubted) {
            return None;
        }
        let (file, from) = (relay.file, relay.owner?.1);
        let late = &mut self.links.get_mut(&conn)?.late;
        match late.whose(&own, arrived) {
            Whose::Own { proven } => {
                if !proven {
                    self.event(Event::FileUnproven { file, from });
                }
                self.is_available(id);
                None
            }
            Whose::Late(which) => {
                late.came(which);
                Some(RelayEvent::Other)
            }
            Whose::Joined(which) => {
                late.came(which);
                Some(RelayEvent::Joined)
            }
        }
    }

    /// Our own disk cannot take what comes: whoever waits for it is told, and its owner goes on.
    // req: HST-22
    pub(super) fn on_not_stored(&mut self, conn: ConnId, what: &str) {
        let Some(link) = self.links.get_mut(&conn) else { return };
        if let Some(Taking::For(id)) = link.taking.replace(Taking::Nobody) {
            if self.relays.get(&id).is_some_and(|relay| relay.doubted) {
                // What is read away now may be this one or an earlier one.
                self.is_behind(id);
            }
            self.read(id, RelayEvent::FailedHere, &format!("the host could not store it: {what}"));
        }
    }

    pub(super) fn on_receive_failed(&mut self, conn: ConnId, what: &str, local: bool) {
        let taken = self.links.get_mut(&conn).and_then(|link| link.taking.take());
        if let Some(Taking::For(id)) = taken {
            let event = if local { RelayEvent::FailedHere } else { RelayEvent::Failed };
            let why = if local { format!("the host could not store it: {what}") } else { what.to_owned() };
            // The lost connection is not to be chosen again.
            self.mark_tried(id, conn);
            self.read(id, event, &why);
        }
        self.on_closed(conn, what);
    }

    fn mark_tried(&mut self, id: RelayId, conn: ConnId) {
        if let Some(relay) = self.relays.get_mut(&id) {
            relay.tried.insert(conn);
        }
    }

    fn keep(&mut self, id: RelayId) {
        if let Some(commit) = self.relays.get(&id).and_then(|relay| relay.keeping.clone()) {
            self.out.push_back(Output::KeepFile { relay: id, commit: Box::new(commit) });
        }
    }

    pub(super) fn on_kept(&mut self, id: RelayId) {
        self.read(id, RelayEvent::Kept, "");
    }

    pub(super) fn on_keep_failed(&mut self, id: RelayId, what: &str) {
        let Some(relay) = self.relays.get_mut(&id).filter(|relay| relay.phase == RelayPhase::Keeping) else {
            return;
        };
        let (file, wanted) = (relay.file, std::mem::take(&mut relay.wanted));
        self.event(Event::FileNotKept { file, why: what.to_owned() });
        for request in wanted {
            self.event(Event::RequestFailed { request, why: format!("it could not be kept: {what}") });
        }
        self.read(id, RelayEvent::NotKept, what);
    }

    fn finished(&mut self, id: RelayId) {
        let Some(relay) = self.remove_read(id) else { return };
        for ask in self.asks.values_mut().filter(|ask| ask.relay == Some(id)) {
            // What is under way goes on; what begins from now on reads the store.
            ask.relay = None;
        }
        let Some(commit) = relay.keeping else { return };
        let (file, length) = (commit.file, commit.file_size);
        let from = commit.station.unwrap_or(self.config.station);
        // Who joined while nobody could give it was not told of it.
        // req: HST-26
        let missing = self.history.entry(file).is_none_or(|entry| !entry.is_available());
        self.history.hold(commit);
        if missing {
            self.queue_to_announce(from, file, true);
            self.announce_more();
        }
        // Where everything is fetched, what our application wants too is no exception: its wish alone makes no room.
        let counts = self.config.gather && length <= self.config.limits.longest_kept();
        if relay.wanted.is_empty() || counts {
            self.count_as_kept(file, length);
        }
        self.event(Event::FileKept { file, length });
        for request in relay.wanted {
            self.event(Event::RequestDone { request, file });
        }
    }

    fn failed(&mut self, id: RelayId, why: &str) {
        self.stop_readers(id, why);
        self.drop_bytes(id);
        let Some(relay) = self.remove_read(id) else { return };
        self.event(Event::ReadFailed { file: relay.file, why: why.to_owned() });
        for request in relay.wanted {
            self.event(Event::RequestFailed { request, why: why.to_owned() });
        }
        for ask in self.asks_of(id) {
            self.ask(ask, AskEvent::Nobody, why);
        }
    }

    /// Those that are being sent bytes which turned out wrong or will never be whole.
    pub(super) fn stop_readers(&mut self, id: RelayId, why: &str) {
        for ask in self.asks_of(id) {
            if self.asks.get(&ask).is_some_and(|ask| ask.phase == super::AskPhase::Sending) {
                self.ask(ask, AskEvent::Nobody, why);
            }
        }
    }

    fn drop_bytes(&mut self, id: RelayId) {
        if self.relays.get_mut(&id).is_some_and(|relay| std::mem::take(&mut relay.began)) {
            self.out.push_back(Output::DropFile { relay: id });
        }
    }

    /// A connection is over: what was asked on it is asked elsewhere.
    pub(super) fn owner_gone(&mut self, conn: ConnId, why: &str) {
        let on = |relay: &&Relay| relay.owner.is_some_and(|(owner, _)| owner == conn);
        let lost: Vec<RelayId> = self.relays.values().filter(on).map(|relay| relay.id).collect();
        for id in lost {
            // Ignored where the file is here already.
            self.read(id, RelayEvent::Failed, &format!("its connection ended: {why}"));
        }
    }

    /// A station left: what was not asked yet on its connection is asked elsewhere; what was, still comes.
    pub(super) fn leave_queue(&mut self, conn: ConnId) {
        let waiting: Vec<RelayId> = self.queue_of(conn).map(|relay| relay.id).collect();
        for id in waiting {
            self.read(id, RelayEvent::Failed, "it left the session");
        }
    }

    /// Reads that nobody needs any more end where that costs nothing; a file that was asked for comes anyway and is kept.
    pub(super) fn sweep_relays(&mut self) {
        let ids: Vec<RelayId> = self.relays.keys().copied().collect();
        let asked: BTreeSet<RelayId> = self.asks.values().filter_map(|ask| ask.relay).collect();
        for id in ids {
            let Some(relay) = self.relays.get(&id) else { continue };
            let needed = !relay.wanted.is_empty()
                || (relay.gather && relay.phase == RelayPhase::Queued)
                || asked.contains(&id);
            if !needed {
                self.read(id, RelayEvent::Unused, "");
            }
        }
    }

    pub(super) fn asks_of(&self, id: RelayId) -> Vec<AskId> {
        self.asks.values().filter(|ask| ask.relay == Some(id)).map(|ask| ask.id).collect()
    }

    pub(super) fn fail_all_reads(&mut self, why: &str) {
        let ids: Vec<RelayId> = self.relays.keys().copied().collect();
        for id in ids {
            self.failed(id, why);
        }
    }
}

/// Why a file that no commit tells of is not here.
pub(super) const NOBODY_TOLD: &str = "no station of this session has told of it";

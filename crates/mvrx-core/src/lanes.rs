//! Saying JOIN, LEAVE and COMMIT to others: one exchange at a time with each, a bounded number in all, again after a pause when it failed.

use std::time::Duration;

use mvrx_message::{
    Commit, Dialect, FileUuid, Join, Leave, LeaveKeys, Message, Product, Quirk, QuirkSet, Request,
    StationUuid,
};

use crate::change::Side;
use crate::exchange::{Exchange, Purpose};
use crate::history::is_for;
use crate::peer::{Lane, Target};
use crate::{
    Command, ConnId, Core, Event, ExchangeAction, ExchangeEvent, ExchangeFailure, ExchangePhase, FetchEvent,
    LimitReached, Membership, MembershipEvent, Output, Presence, Timer,
};

impl Core {
    /// Announces a file of ours that lies in the store, to everybody it is for but `except`.
    pub(crate) fn publish(&mut self, mut commit: Commit, except: Option<StationUuid>) {
        commit.station = Some(self.config.station);
        // Where others are told of it under another number than our store has, that is of no harm: the smaller one counts.
        commit.order = commit.order.or_else(|| Some(self.next_order()));
        let file = commit.file;
        if self.is_withdrawn(file) {
            return;
        }
        self.history.hold(commit.clone());
        self.bound_commits(None);
        if self.in_session() {
            self.tell_there(&Command::Publish(commit));
            let stations = self.announce_to_host(file);
            return self.event(Event::CommitPublished { file, stations });
        }
        if let Some(next) = self.next_history() {
            next.hold(commit.clone());
        }
        self.tell_there(&Command::Publish(commit.clone()));
        // req: STA-07
        let present = self.presence == Presence::Present;
        let told: Vec<StationUuid> = self
            .peers
            .iter()
            .filter(|(station, peer)| {
                // Who has LEAVE from us is told nothing more.
                present
                    && Some(**station) != except
                    && is_for(&commit, Some(**station))
                    // A JOIN under way was written before this commit: its station is told when it has become a member.
                    && (peer.membership == Membership::Member || (peer.membership != Membership::Left && peer.lane.running.is_some()))
            })
            .map(|(station, _)| *station)
            .collect();
        self.event(Event::CommitPublished { file, stations: told.len() });
        for station in told {
            self.announce(station, file);
        }
    }

    pub(crate) fn announce(&mut self, station: StationUuid, file: FileUuid) {
        let limit = self.config.limits.pending_commits;
        let Some(peer) = self.peers.get_mut(&station) else { return };
        if peer.lane.commits.iter().any(|(f, _)| *f == file) {
            return;
        }
        peer.lane.commits.push_back((file, 0));
        let over = peer.lane.commits.len() > limit;
        if over {
            peer.lane.commits.pop_front();
            self.limit(LimitReached::PendingCommits);
        }
        self.queue(Target::Station(station));
    }

    pub(crate) fn want_join(&mut self, target: Target) {
        let left = matches!(target, Target::Station(s) if self.peers.get(&s).is_some_and(|p| p.membership == Membership::Left));
        if self.presence != Presence::Present || left {
            return;
        }
        if let Some(lane) = self.lane(target) {
            lane.join = true;
            lane.pausing = false;
            self.clear_retry(target);
            self.queue(target);
        }
    }

    pub(crate) fn want_leave(&mut self, station: StationUuid) {
        if let Some(lane) = self.lane(Target::Station(station)) {
            lane.leave = true;
            self.queue(Target::Station(station));
        }
    }

    /// Drops what is to be said to a target, and the exchange under way.
    pub(crate) fn stop_lane(&mut self, target: Target) {
        self.clear_retry(target);
        let Some(lane) = self.lane(target) else { return };
        let queued = lane.queued;
        let running = lane.running;
        *lane = Lane { queued, ..Lane::default() };
        if let Some(conn) = running {
            self.drop_exchange(conn);
        }
    }

    /// JOIN after a pause: it brings everything up to date once the station answers again.
    pub(crate) fn pause_lane(&mut self, target: Target) {
        let now = self.now;
        let timers = self.config.timers.clone();
        let Some(lane) = self.lane(target) else { return };
        lane.join = true;
        lane.pausing = true;
        let at = now + timers.retry_after(lane.failures.max(1));
        self.agenda.set(retry_timer(target), at);
    }

    pub(crate) fn on_retry(&mut self, target: Target) {
        if let Some(lane) = self.lane(target) {
            lane.pausing = false;
            self.queue(target);
        }
    }

    fn clear_retry(&mut self, target: Target) {
        self.agenda.clear(retry_timer(target));
    }

    pub(crate) fn lane(&mut self, target: Target) -> Option<&mut Lane> {
        match target {
            Target::Station(station) => self.peers.get_mut(&station).map(|p| &mut p.lane),
            Target::Place(place) => self.places.get_mut(&place).map(|p| &mut p.lane),
            Target::Former(_) => None,
        }
    }

    fn queue(&mut self, target: Target) {
        if let Some(lane) = self.lane(target)
            && !lane.queued
            && lane.running.is_none()
            && !lane.pausing
        {
            lane.queued = true;
            self.ready.push_back(target);
        }
    }

    /// Starts what may start: called at the end of each step.
    pub(crate) fn run_lanes(&mut self) {
        if self.ready.is_empty() && self.former.is_empty() {
            return;
        }
        let running = self
            .exchanges
            .values()
            .filter(|e| !matches!(e.purpose, Purpose::Request(_) | Purpose::Propose))
            .count();
        let mut free = self.config.limits.exchanges.saturating_sub(running);
        while free > 0
            && let Some(target) = self.ready.pop_front()
        {
            if let Some(lane) = self.lane(target) {
                lane.queued = false;
                if self.start_next(target) {
                    free -= 1;
                }
            }
        }
        self.tell_former(free);
    }

    fn start_next(&mut self, target: Target) -> bool {
        let limit = self.config.limits.addresses;
        let (lane, addresses, member) = match target {
            Target::Station(station) => match self.peers.get_mut(&station) {
                Some(peer) if peer.lane.has_something_to_say() => {
                    let addresses = peer.addresses(limit);
                    (&mut peer.lane, addresses, peer.membership == Membership::Member)
                }
                _ => return false,
            },
            Target::Place(place) => match self.places.get_mut(&place) {
                Some(place) if place.lane.has_something_to_say() => {
                    (&mut place.lane, place.addresses.iter().copied().collect(), false)
                }
                _ => return false,
            },
            Target::Former(_) => return false,
        };
        if addresses.is_empty() {
            // Nowhere to send it; a sighting will bring an address, and LEAVE cannot wait for one.
            lane.leave = false;
            self.check_departed();
            return false;
        }
        let purpose = if std::mem::take(&mut lane.leave) {
            Purpose::Leave
        } else if std::mem::take(&mut lane.join) {
            Purpose::Join
        } else if member && let Some((file, _)) = lane.commits.front() {
            Purpose::Commit(*file)
        } else {
            return false;
        };
        let conn = self.start_exchange(target, purpose, addresses);
        if let (Some(conn), Some(lane)) = (conn, self.lane(target)) {
            lane.running = Some(conn);
        }
        conn.is_some()
    }

    pub(crate) fn start_exchange(
        &mut self,
        target: Target,
        purpose: Purpose,
        mut untried: std::collections::VecDeque<std::net::SocketAddr>,
    ) -> Option<ConnId> {
        let address = untried.pop_front()?;
        let conn = self.dial(address);
        self.exchanges
            .insert(conn, Exchange { target, purpose, phase: ExchangePhase::Dialing, address, untried });
        Some(conn)
    }

    fn dial(&mut self, address: std::net::SocketAddr) -> ConnId {
        let conn = ConnId::Dialed(self.next_dial);
        self.next_dial += 1;
        self.agenda.set(Timer::Exchange(conn), self.now + self.config.timers.dial);
        self.out.push_back(Output::Dial { conn, address });
        conn
    }

    pub(crate) fn on_dialed(&mut self, conn: ConnId) {
        if self.exchanges.contains_key(&conn) {
            self.exchange(conn, ExchangeEvent::Connected, true);
        } else {
            // It was given up while it was being made.
            self.out.push_back(Output::Close { conn });
        }
    }

    pub(crate) fn on_dial_failed(&mut self, conn: ConnId) {
        self.exchange(conn, ExchangeEvent::DialFailed, false);
    }

    pub(crate) fn on_exchange_deadline(&mut self, conn: ConnId) {
        let open = self.exchanges.get(&conn).is_some_and(|e| e.phase != ExchangePhase::ReplyElsewhere);
        self.exchange(conn, ExchangeEvent::Deadline, open);
    }

    /// Moves an exchange along its table and does what it says. `open`: the connection still has to be closed when it ends.
    pub(crate) fn exchange(&mut self, conn: ConnId, event: ExchangeEvent, open: bool) {
        let Some(exchange) = self.exchanges.get_mut(&conn) else { return };
        let (phase, action) = exchange.phase.on(event);
        exchange.phase = phase;
        match action {
            ExchangeAction::Send => self.send_purpose(conn),
            ExchangeAction::NextAddress => self.next_address(conn, open),
            ExchangeAction::WaitElsewhere => {
                self.agenda.set(Timer::Exchange(conn), self.now + self.config.timers.reply_elsewhere);
            }
            // From here on the transport's idle timeout watches.
            ExchangeAction::TakeFile => self.agenda.clear(Timer::Exchange(conn)),
            ExchangeAction::Finish => self.finish_exchange(conn, open),
            ExchangeAction::Fail(failure) => self.fail_exchange(conn, failure, open),
            ExchangeAction::Ignore => {}
        }
    }

    /// Tries the next address under a new connection's name, so that a late success of the old one is not taken for it.
    pub(crate) fn next_address(&mut self, conn: ConnId, open: bool) {
        let Some(exchange) = self.exchanges.get_mut(&conn) else { return };
        let Some(address) = exchange.untried.pop_front() else {
            return self.fail_exchange(conn, ExchangeFailure::NoAddressAnswered, open);
        };
        let Some(mut exchange) = self.take_exchange(conn, open) else { return };
        let next = self.dial(address);
        exchange.address = address;
        exchange.phase = ExchangePhase::Dialing;
        match exchange.purpose {
            Purpose::Request(request) => {
                if let Some(fetch) = self.fetches.get_mut(&request) {
                    fetch.conn = Some(next);
                }
            }
            Purpose::Propose => self.proposal_goes_on(conn, next),
            Purpose::Join | Purpose::Leave | Purpose::Commit(_) => {
                if let Some(lane) = self.lane(exchange.target) {
                    lane.running = Some(next);
                }
            }
        }
        self.exchanges.insert(next, exchange);
    }

    fn send_purpose(&mut self, conn: ConnId) {
        let Some(exchange) = self.exchanges.get(&conn) else { return };
        let (target, purpose) = (exchange.target, exchange.purpose);
        let product = self.product_of(target);
        let (message, wait) = match purpose {
            Purpose::Join => (Some(self.join_message(target)), self.config.timers.reply),
            Purpose::Leave => (Some(self.leave_message(target)), self.config.timers.reply),
            Purpose::Commit(file) => {
                (self.commit_for(target, file).map(Message::Commit), self.config.timers.reply)
            }
            Purpose::Request(request) => (self.request_message(request), self.config.timers.request_reply),
            Purpose::Propose => (self.proposal_message(), self.config.timers.move_answers),
        };
        // One product reads only what its first read brings. As long as nothing tells which one this is, every other JOIN is short enough for it.
        // It may be one of ours all the same, which has the places of our commits from our object.
        // req: STA-27
        let short = purpose == Purpose::Join && self.is_unknown_and_silent(target);
        let dialect = if short {
            self.dialect_for(target, Product::Mvr4j).with_mvrx_object(true)
        } else {
            self.dialect_for(target, product)
        };
        match message {
            Some(message) => self.send_on(conn, message, dialect, wait),
            // What was to be said is no longer so; nothing is lost by not saying it.
            None => self.finish_exchange(conn, true),
        }
    }

    fn commit_for(&self, target: Target, file: FileUuid) -> Option<Commit> {
        let station = if let Target::Station(station) = target { Some(station) } else { None };
        let commit = self.history_of(station)?.entry(file).map(|e| e.commit.clone())?;
        // req: STA-18
        let group = self.group_said_to(station).filter(|_| self.product_of(target) == Product::Mvrx);
        Some(Commit { group, ..commit })
    }

    /// LEAVE is of one group: who is told late may count us in another one by then.
    // req: STA-24
    fn leave_message(&self, target: Target) -> Message {
        let group = match target {
            Target::Station(station) => self.group_left_to(station),
            Target::Former(station) => self.former.get(&station).and_then(|former| former.group.clone()),
            Target::Place(_) => None,
        };
        // req: BRG-24
        let bridge = self.config.bridge.filter(|mark| mark.is_stand_in() && group.is_some());
        Message::Leave(Leave { group, bridge, ..Leave::new(self.config.station) })
    }

    fn send_on(&mut self, conn: ConnId, message: Message, dialect: Dialect, wait: Duration) {
        self.agenda.set(Timer::Exchange(conn), self.now + wait);
        self.out.push_back(Output::Send { conn, message: Box::new(message), dialect });
    }

    /// Towards an application of which nothing is known what it was seen to write itself counts.
    // req: STA-19
    fn dialect_for(&self, target: Target, product: Product) -> Dialect {
        let dialect = Dialect::towards(product);
        let speaks_next = match target {
            Target::Station(station) => self.peers.get(&station).is_some_and(|p| speaks_next(p.quirks)),
            Target::Former(station) => self.former.get(&station).is_some_and(|p| p.speaks_next),
            Target::Place(_) => false,
        };
        if speaks_next && product == Product::Other {
            dialect.with_leave_keys(LeaveKeys::Both)
        } else {
            dialect
        }
    }

    pub(crate) fn product_of(&self, target: Target) -> Product {
        match target {
            Target::Station(station) => self.peers.get(&station).map_or(Product::Other, |p| p.product),
            Target::Former(station) => self.former.get(&station).map_or(Product::Other, |p| p.product),
            Target::Place(_) => Product::Other,
        }
    }

    /// Whether nothing was heard of a target yet, and the last JOIN to it, a long one, was not answered.
    fn is_unknown_and_silent(&self, target: Target) -> bool {
        match target {
            Target::Station(station) => self
                .peers
                .get(&station)
                .is_some_and(|peer| peer.provider.is_empty() && peer.lane.failures % 2 == 1),
            Target::Place(place) => self.places.get(&place).is_some_and(|p| p.lane.failures % 2 == 1),
            Target::Former(_) => false,
        }
    }

    fn join_message(&mut self, target: Target) -> Message {
        let station = if let Target::Station(station) = target { Some(station) } else { None };
        let most = Dialect::towards(self.product_of(target)).most_commits();
        let commits = match target {
            // Of what is there nothing is known yet but the group.
            Target::Place(place) if self.places.get(&place).is_some_and(|p| p.side == Side::Next) => None,
            Target::Place(_) => Some(&self.history),
            _ => self.history_of(station),
        };
        let commits = commits.map(|h| h.newest_visible_to(station, most)).unwrap_or_default();
        let group = match target {
            Target::Place(place) => self.places.get(&place).and_then(|place| self.group_on(place.side)),
            _ => self.group_said_to(station),
        };
        if let Some(peer) = station.and_then(|s| self.peers.get_mut(&s))
            && peer.membership != Membership::Member
        {
            // This JOIN lists them.
            peer.lane.commits.clear();
        }
        let released = station.map(|station| self.released_to(station)).unwrap_or_default();
        Message::Join(Join {
            provider: self.config.provider.clone(),
            station_name: self.config.station_name.clone(),
            version: self.config.version,
            station: self.config.station,
            commits,
            ours: Some(self.config.ours()),
            group,
            files: None,
            password: None,
            withdrawn: self.withdrawn.files(),
            released,
        })
    }

    pub(crate) fn request_message(&self, request: crate::RequestId) -> Option<Message> {
        let fetch = self.fetches.get(&request)?;
        // The strict form names the station asked, and never us: one product does not answer a REQUEST that says who asks.
        let from = fetch.asking.into_iter().collect();
        Some(Message::Request(Request::new(fetch.file, from)))
    }

    /// Ends an exchange whose reply has been dealt with.
    pub(crate) fn finish_exchange(&mut self, conn: ConnId, open: bool) {
        let Some(exchange) = self.take_exchange(conn, open) else { return };
        if let Target::Station(station) = exchange.target {
            self.answered(station, exchange.address);
        }
        if let Some(lane) = self.lane(exchange.target) {
            lane.failures = 0;
        }
        self.release_lane(&exchange, conn);
        if let Purpose::Commit(file) = exchange.purpose
            && let Some(lane) = self.lane(exchange.target)
        {
            lane.commits.retain(|(f, _)| *f != file);
        }
        self.queue(exchange.target);
        self.former_told(exchange.target);
        self.check_departed();
    }

    pub(crate) fn answered(&mut self, station: StationUuid, address: std::net::SocketAddr) {
        let Some(peer) = self.peers.get_mut(&station) else { return };
        peer.good = Some(address);
        if !std::mem::replace(&mut peer.reachable, true) {
            self.event(Event::StationReachable { station });
            self.confirm(station);
        }
    }

    pub(crate) fn fail_exchange(&mut self, conn: ConnId, failure: ExchangeFailure, open: bool) {
        let Some(exchange) = self.take_exchange(conn, open) else { return };
        if let (Purpose::Propose, Target::Station(station)) = (exchange.purpose, exchange.target) {
            // That it does not answer this says nothing of whether it is there.
            return self.move_answered(Some(conn), station, failure.into());
        }
        self.release_lane(&exchange, conn);
        if let Some(lane) = self.lane(exchange.target) {
            lane.failures = lane.failures.saturating_add(1);
        }
        if let Target::Station(station) = exchange.target {
            self.note_failure(station, failure);
            self.note_refusal(station, failure.to_string());
        }
        match exchange.purpose {
            Purpose::Join => self.join_failed(exchange.target),
            Purpose::Commit(file) => self.commit_failed(exchange.target, file, failure),
            Purpose::Leave | Purpose::Propose => {}
            Purpose::Request(request) => {
                self.attempt_failed(request, FetchEvent::Failed, failure.to_string());
            }
        }
        self.give_up_if_gone(exchange.target);
        self.queue(exchange.target);
        self.former_told(exchange.target);
        self.check_departed();
    }

    fn note_failure(&mut self, station: StationUuid, failure: ExchangeFailure) {
        // A peer that closes without a word is there; it only does not confirm.
        if failure == ExchangeFailure::ClosedWithoutReply {
            return;
        }
        let Some(peer) = self.peers.get_mut(&station) else { return };
        let places: Vec<_> = peer.places.keys().copied().collect();
        if std::mem::replace(&mut peer.reachable, false) {
            self.event(Event::StationUnreachable { station, failure });
        }
        for place in places {
            self.out.push_back(Output::Suspect { place });
        }
    }

    fn join_failed(&mut self, target: Target) {
        match target {
            Target::Station(station) => self.membership(station, MembershipEvent::JoinFailed),
            Target::Place(_) => self.pause_lane(target),
            Target::Former(_) => {}
        }
    }

    fn commit_failed(&mut self, target: Target, file: FileUuid, failure: ExchangeFailure) {
        let Target::Station(station) = target else { return };
        let tries_allowed = self.config.timers.commit_tries;
        let Some(lane) = self.lane(target) else { return };
        let again = failure != ExchangeFailure::ClosedWithoutReply
            && lane.commits.front_mut().filter(|(f, _)| *f == file).is_some_and(|(_, tries)| {
                *tries += 1;
                *tries < tries_allowed
            });
        if !again {
            lane.commits.retain(|(f, _)| *f != file);
            self.event(Event::CommitNotDelivered { file, station, failure });
        }
        if failure != ExchangeFailure::ClosedWithoutReply {
            // A JOIN goes first when it is tried again: it lists whatever is missed meanwhile.
            self.pause_lane(target);
        }
    }

    /// A station that discovery no longer shows and that does not answer, or whose last address is another's, is lost.
    pub(crate) fn give_up_if_gone(&mut self, target: Target) {
        let Target::Station(station) = target else { return };
        let gone = self
            .peers
            .get(&station)
            .filter(|peer| peer.places.is_empty())
            .is_some_and(|p| p.lane.failures >= self.config.timers.lost_after || !p.has_address());
        if gone {
            self.membership(station, MembershipEvent::GaveUp);
        }
    }

    fn release_lane(&mut self, exchange: &Exchange, conn: ConnId) {
        if let Some(lane) = self.lane(exchange.target)
            && lane.running == Some(conn)
        {
            lane.running = None;
        }
    }

    fn take_exchange(&mut self, conn: ConnId, open: bool) -> Option<Exchange> {
        let exchange = self.exchanges.remove(&conn)?;
        self.agenda.clear(Timer::Exchange(conn));
        if open {
            self.out.push_back(Output::Close { conn });
        }
        Some(exchange)
    }

    /// Ends an exchange without a word: its reason is gone.
    pub(crate) fn drop_exchange(&mut self, conn: ConnId) {
        let open = self.exchanges.get(&conn).is_some_and(|e| e.phase != ExchangePhase::ReplyElsewhere);
        if let Some(exchange) = self.take_exchange(conn, open) {
            self.release_lane(&exchange, conn);
        }
    }
}

fn retry_timer(target: Target) -> Timer {
    match target {
        Target::Station(station) | Target::Former(station) => Timer::RetryStation(station),
        Target::Place(place) => Timer::RetryPlace(place),
    }
}

/// Whether these are of the specification's next edition, which names the sender of each message `StationUUID`.
pub(crate) fn speaks_next(quirks: QuirkSet) -> bool {
    [Quirk::LeaveStationUuidKey, Quirk::SenderStationUuid].into_iter().any(|quirk| quirks.contains(quirk))
}

//! Requests of the application: whom to ask, in which order, and what to do with what comes.

use std::collections::BTreeSet;

use mvrx_message::{Commit, FileUuid, MvrVersion, StationUuid};

use crate::exchange::Purpose;
use crate::fetch::{Attempt, Fetch};
use crate::history::announced_size;
use crate::peer::Target;
use crate::{
    ConnId, Core, Event, ExchangeEvent, FetchAction, FetchEvent, FetchPhase, Membership, Output, Presence,
    RequestFailure, RequestId, Requested, Source, Timer,
};

impl Core {
    pub(crate) fn request(&mut self, id: RequestId, requested: Requested, source: Source) {
        let limit = self.config.limits.requests;
        let refused = if self.presence != Presence::Present {
            Some(RequestFailure::LeftGroup)
        } else if self.fetches.len() >= limit {
            Some(RequestFailure::TooManyRequests { limit })
        } else {
            None
        };
        if let Some(failure) = refused {
            return self.event(Event::RequestFailed { request: id, failure });
        }
        let file = match requested {
            Requested::File(file) => Some(file),
            Requested::Latest { .. } => self.latest_of(source),
            Requested::CurrentState { .. } => None,
        };
        if let Some(file) = file {
            if self.holds(file) {
                return self.event(Event::RequestDone { request: id, file, from: None });
            }
            let same = self.fetches.values_mut().find(|f| f.file == Some(file) && f.source == source);
            if let Some(fetch) = same {
                return fetch.also.push(id);
            }
        }
        let phase = FetchPhase::Waiting;
        let fetch = Fetch {
            id,
            requested,
            file,
            source,
            phase,
            also: Vec::new(),
            tried: Vec::new(),
            asking: None,
            conn: None,
            keeping: None,
            hash_told: false,
            breaks: 0,
            part: None,
            disowned: false,
            patience: None,
        };
        self.fetches.insert(id, fetch);
    }

    pub(crate) fn latest_of(&self, source: Source) -> Option<FileUuid> {
        match source {
            Source::Any => self.history.latest().map(|e| e.commit.file),
            Source::Station(station) => {
                let listed = || self.history.views().filter(|view| view.holders.contains_key(&station));
                // req: STA-28
                if listed().all(|view| view.commit.order.is_some()) {
                    return listed().next_back().map(|view| view.commit.file);
                }
                listed().max_by_key(|view| view.holders.get(&station)).map(|view| view.commit.file)
            }
        }
    }

    /// Starts what may start: called at the end of each step.
    pub(crate) fn run_fetches(&mut self) {
        let waiting = self.fetches.values().filter(|f| f.phase == FetchPhase::Waiting);
        let waiting: Vec<RequestId> = waiting.map(|f| f.id).collect();
        for id in waiting {
            let running = self.fetches.values().filter(|f| f.phase != FetchPhase::Waiting).count();
            if running >= self.config.limits.fetches {
                return;
            }
            self.fetch(id, FetchEvent::Turn);
        }
    }

    /// Moves a fetch along its table and does what it says.
    pub(crate) fn fetch(&mut self, id: RequestId, event: FetchEvent) {
        let Some(fetch) = self.fetches.get_mut(&id) else { return };
        let (phase, action) = fetch.phase.on(event);
        fetch.phase = phase;
        match action {
            // req: STA-12
            FetchAction::Choose => self.choose(id),
            FetchAction::Park => self.park(id),
            FetchAction::PutAsideAndChoose => {
                self.put_aside(id);
                self.choose(id);
            }
            FetchAction::Ask => self.ask(id),
            FetchAction::Receive => self.receive(id),
            FetchAction::Keep => self.keep(id),
            FetchAction::Finish => self.fetched(id),
            FetchAction::Fail => self.exhausted(id),
            FetchAction::Wait | FetchAction::Ignore => {}
        }
    }

    /// Looks for a holder that was not asked yet: the author first, then those that answered last.
    fn choose(&mut self, id: RequestId) {
        if self.in_session() {
            return self.choose_by_host(id);
        }
        let Some(fetch) = self.fetches.get_mut(&id) else { return };
        fetch.asking = None;
        fetch.conn = None;
        let (file, source, patience) = (fetch.file, fetch.source, fetch.patience);
        let tried: BTreeSet<StationUuid> = fetch.tried.iter().map(|a| a.station).collect();
        let author = file.and_then(|f| self.history.entry(f)).and_then(|e| e.commit.station);
        let lists = |station: &StationUuid| match (source, file) {
            (Source::Station(wanted), _) => wanted == *station,
            (Source::Any, Some(file)) => {
                self.history.entry(file).is_some_and(|e| e.holders.contains_key(station))
            }
            (Source::Any, None) => true,
        };
        let most = self.config.limits.fetches_from_one;
        let gives_enough = |station: &StationUuid| {
            self.fetches.values().filter(|f| f.asking == Some(*station)).count() >= most
        };
        let mut crowded = false;
        let holders = self.peers.iter().filter(|(station, peer)| {
            peer.membership == Membership::Member
                && !tried.contains(station)
                && lists(station)
                && (file.is_some() || peer.product.answers_request_for_current_state())
        });
        let free = holders.filter(|(station, _)| {
            let enough = gives_enough(station);
            crowded |= enough;
            !enough
        });
        // req: STA-11
        let best = free.max_by_key(|(station, peer)| {
            (peer.has_address(), Some(**station) == author, peer.reachable, peer.join_accepted)
        });
        let found = best.map(|(station, peer)| (*station, peer.has_address()));
        let patient = patience.is_none_or(|until| self.now < until);
        match (found, self.fetches.get_mut(&id)) {
            (Some((station, true)), Some(fetch)) => {
                fetch.asking = Some(station);
                self.fetch(id, FetchEvent::Found);
            }
            _ if crowded => self.fetch(id, FetchEvent::Crowded),
            // It joined us before discovery showed it, which happens within moments of each other.
            (Some((_, false)), _) if patient => self.fetch(id, FetchEvent::NotYet),
            _ => self.fetch(id, FetchEvent::NoneLeft),
        }
    }

    fn park(&mut self, id: RequestId) {
        let timers = &self.config.timers;
        let until = self.now + if self.in_session() { timers.rejoin } else { timers.holder };
        if let Some(fetch) = self.fetches.get_mut(&id)
            && fetch.patience.is_none()
        {
            fetch.patience = Some(until);
            self.agenda.set(Timer::Holder(id), until);
        }
    }

    fn ask(&mut self, id: RequestId) {
        if self.in_session() {
            return self.ask_host(id);
        }
        let limit = self.config.limits.addresses;
        let Some((station, file)) = self.fetches.get(&id).and_then(|f| Some((f.asking?, f.file))) else {
            return;
        };
        let Some(addresses) = self.peers.get(&station).map(|p| p.addresses(limit)) else { return };
        self.event(Event::RequestStarted { request: id, file, from: station });
        let conn = self.start_exchange(Target::Station(station), Purpose::Request(id), addresses);
        if let Some(fetch) = self.fetches.get_mut(&id) {
            fetch.conn = conn;
        }
    }

    pub(crate) fn file_begins(&mut self, conn: ConnId, request: RequestId, length: Option<u64>) {
        self.exchange(conn, ExchangeEvent::FileBegins, true);
        let Some(fetch) = self.fetches.get(&request) else { return };
        let announced =
            fetch.file.and_then(|f| self.history.entry(f)).and_then(|e| announced_size(&e.commit));
        if self.config.refuse_size_mismatch
            && let (Some(announced), Some(length)) = (announced, length)
            && announced != length
        {
            self.drop_exchange(conn);
            let why = format!("it announced {announced} bytes and sends {length}");
            return self.attempt_failed(request, FetchEvent::Failed, why);
        }
        self.fetch(request, FetchEvent::FileBegins);
    }

    fn receive(&mut self, id: RequestId) {
        let Some(fetch) = self.fetches.get(&id) else { return };
        let Some(conn) = fetch.conn else { return };
        let expected = fetch.file.and_then(|f| self.history.entry(f)).and_then(|e| announced_size(&e.commit));
        self.out.push_back(Output::ReceiveFile { conn, request: id, expected });
    }

    pub(crate) fn on_file_arrived(&mut self, id: RequestId, length: u64, hash: [u8; 32]) {
        self.host_answered(id);
        let Some(fetch) = self.fetches.get(&id).filter(|f| f.phase == FetchPhase::Receiving) else {
            // Cancelled while the last bytes came.
            return self.out.push_back(Output::DropFile { request: id });
        };
        let (file, conn, from) = (fetch.file, fetch.conn, fetch.asking);
        if let Some(conn) = conn {
            self.exchange(conn, ExchangeEvent::Reply, true);
        }
        let Some(from) = from else { return };
        let announced = file.and_then(|f| self.history.entry(f)).map(|e| e.commit.clone());
        let hash_told = announced.as_ref().is_some_and(|commit| commit.blake3.is_some());
        let commit = match announced {
            Some(announced) => match self.fits(announced, from, length, hash) {
                Ok(commit) => commit,
                Err(why) => return self.attempt_failed(id, FetchEvent::Unfit, why),
            },
            None => self.unannounced(id, from, length, hash),
        };
        if let Some(fetch) = self.fetches.get_mut(&id) {
            fetch.file = Some(commit.file);
            fetch.keeping = Some(commit);
            fetch.hash_told = hash_told;
        }
        self.fetch(id, FetchEvent::Arrived);
    }

    /// Whether a whole file is the announced one; says how, when it is not.
    fn fits(
        &mut self,
        mut commit: Commit,
        from: StationUuid,
        length: u64,
        hash: [u8; 32],
    ) -> Result<Commit, String> {
        if let Some(told) = commit.blake3
            && told != hash
        {
            return Err("what it sent is not the announced file (BLAKE3 differs)".to_owned());
        }
        if let Some(announced) = announced_size(&commit)
            && announced != length
        {
            self.event(Event::FileSizeDiffers { file: commit.file, from, announced, received: length });
            if self.config.refuse_size_mismatch || commit.blake3.is_some() {
                return Err(format!("it announced {announced} bytes and sent {length}"));
            }
        }
        commit.file_size = length;
        commit.blake3 = Some(hash);
        Ok(commit)
    }

    /// The commit of a file that came without one: a station's current state.
    fn unannounced(&self, id: RequestId, from: StationUuid, length: u64, hash: [u8; 32]) -> Commit {
        let fresh = match self.fetches.get(&id).map(|f| f.requested) {
            Some(Requested::Latest { fresh } | Requested::CurrentState { fresh }) => fresh,
            Some(Requested::File(file)) => file,
            None => FileUuid::from_random_bytes([0; 16]),
        };
        let peer = self.peers.get(&from);
        Commit {
            file: fresh,
            station: Some(from),
            version: peer.map_or(MvrVersion { major: 1, minor: 6 }, |p| p.version),
            file_size: length,
            for_stations: vec![self.config.station],
            comment: "current state".to_owned(),
            file_name: String::new(),
            blake3: Some(hash),
            author: None,
            group: None,
            order: None,
            missed: false,
        }
    }

    fn keep(&mut self, id: RequestId) {
        if let Some(commit) = self.fetches.get(&id).and_then(|f| f.keeping.clone()) {
            self.out.push_back(Output::KeepFile { request: id, commit: Box::new(commit) });
        }
    }

    pub(crate) fn on_kept(&mut self, id: RequestId) {
        self.fetch(id, FetchEvent::Kept);
    }

    pub(crate) fn on_keep_failed(&mut self, id: RequestId, what: String) {
        if self.fetches.get(&id).is_some_and(|f| f.phase == FetchPhase::Keeping) {
            self.end_fetch(id, &RequestFailure::NotKept { why: what });
        }
    }

    /// Who was asked last for what a request is for; `None`: nobody, or it has ended.
    #[must_use]
    pub fn asked(&self, request: RequestId) -> Option<StationUuid> {
        self.fetches.get(&request).and_then(|fetch| fetch.asking)
    }

    /// The file of a request is about to be told as failed, and so much of it is kept to be gone on with.
    pub(crate) fn on_part_kept(&mut self, id: RequestId, bytes: u64) {
        if let Some(fetch) = self.fetches.get_mut(&id).filter(|f| f.phase == FetchPhase::Receiving) {
            fetch.part = Some(bytes);
        }
    }

    /// What came behind a part that was kept did not belong to it: all of it is asked for.
    // req: STA-26
    pub(crate) fn on_part_wrong(&mut self, id: RequestId) {
        self.host_answered(id);
        self.on_part_kept(id, 0);
        let Some(conn) = self.fetches.get(&id).map(|fetch| fetch.conn) else { return };
        if let Some(conn) = conn {
            self.exchange(conn, ExchangeEvent::Reply, true);
        }
        let why = "what it sent does not go on from what was kept".to_owned();
        self.attempt_failed(id, FetchEvent::Failed, why);
    }

    /// It was looked through before it was listed.
    // req: STA-25
    pub(crate) fn on_damaged(&mut self, id: RequestId, what: &str) {
        let keeping = self.fetches.get_mut(&id).filter(|fetch| fetch.phase == FetchPhase::Keeping);
        let Some(fetch) = keeping else { return };
        fetch.keeping = None;
        let (event, more) = if fetch.hash_told {
            (FetchEvent::DamagedEverywhere, "; whoever lists it has the same bytes, by their announced hash")
        } else {
            (FetchEvent::Damaged, "")
        };
        self.attempt_failed(id, event, format!("the file that it sent is damaged: {what}{more}"));
    }

    // req: STA-25
    fn put_aside(&mut self, id: RequestId) {
        let Some(fetch) = self.fetches.get(&id) else { return };
        self.out.push_back(match (fetch.file, fetch.tried.last().cloned()) {
            (Some(file), Some(Attempt { station: from, why: what })) => {
                Output::PutAside { request: id, file, from, what }
            }
            _ => Output::DropFile { request: id },
        });
    }

    fn fetched(&mut self, id: RequestId) {
        self.agenda.clear(Timer::Holder(id));
        let Some(fetch) = self.fetches.remove(&id) else { return };
        let Some(commit) = fetch.keeping.clone() else { return };
        let file = commit.file;
        self.history.hold(commit);
        for request in fetch.waiting() {
            self.event(Event::RequestDone { request, file, from: fetch.asking });
        }
    }

    /// A station did not give the file: the next one is asked.
    pub(crate) fn attempt_failed(&mut self, id: RequestId, event: FetchEvent, why: String) {
        let most = self.config.limits.breaks;
        let Some(fetch) = self.fetches.get_mut(&id) else { return };
        // req: STA-26
        if let (Some(kept), Some(from)) = (fetch.part.take(), fetch.asking)
            && event == FetchEvent::Failed
            && fetch.breaks < most
        {
            fetch.breaks += 1;
            // Whoever goes on with it again has not failed.
            fetch.tried.retain(|attempt| attempt.station != from);
            self.event(Event::RequestBroke { request: id, from, why, kept });
            return self.fetch(id, event);
        }
        if let Some(station) = fetch.asking {
            fetch.tried.push(Attempt { station, why: why.clone() });
            self.event(Event::RequestAttemptFailed { request: id, from: station, why });
        }
        self.fetch(id, event);
    }

    /// Our own side failed: no other station could help.
    pub(crate) fn fail_locally(&mut self, id: RequestId, why: String) {
        self.end_fetch(id, &RequestFailure::NotKept { why });
    }

    /// Nobody is left to ask.
    fn exhausted(&mut self, id: RequestId) {
        let Some(fetch) = self.fetches.get(&id) else { return };
        let failure = if fetch.file.is_some_and(|file| self.is_withdrawn(file)) {
            RequestFailure::Withdrawn
        } else if self.in_session() && !self.is_joined() {
            // Whoever was to be asked is not to blame.
            RequestFailure::HostUnreachable
        } else if !fetch.tried.is_empty() {
            let attempts = fetch.tried.iter().map(|a| (a.station, a.why.clone())).collect();
            RequestFailure::EveryoneFailed { attempts }
        } else {
            match (fetch.source, fetch.file) {
                (source, file) if self.in_session() => self.why_not_by_host(source, file.is_some()),
                (Source::Station(station), file) => match self.peers.get(&station) {
                    Some(peer)
                        if peer.membership == Membership::Member && file.is_none() && peer.has_address() =>
                    {
                        RequestFailure::StationCannotExport { station }
                    }
                    Some(peer) if peer.membership == Membership::Member && peer.has_address() => {
                        RequestFailure::NobodyHasIt
                    }
                    _ => RequestFailure::StationNotJoined { station },
                },
                (Source::Any, Some(_)) => RequestFailure::NobodyHasIt,
                (Source::Any, None) => RequestFailure::NothingCommitted,
            }
        };
        self.end_fetch(id, &failure);
    }

    pub(crate) fn end_fetch(&mut self, id: RequestId, failure: &RequestFailure) {
        self.agenda.clear(Timer::Holder(id));
        let Some(fetch) = self.fetches.remove(&id) else { return };
        for request in fetch.waiting() {
            self.event(Event::RequestFailed { request, failure: failure.clone() });
        }
    }

    pub(crate) fn cancel(&mut self, id: RequestId) {
        if let Some(fetch) = self.fetches.values_mut().find(|f| f.also.contains(&id)) {
            fetch.also.retain(|other| *other != id);
            let orphan = (fetch.disowned && fetch.also.is_empty()).then_some(fetch.id);
            if let Some(orphan) = orphan {
                self.abandon(orphan);
            }
            return self.event(Event::RequestFailed { request: id, failure: RequestFailure::Cancelled });
        }
        let Some(fetch) = self.fetches.get_mut(&id).filter(|f| !f.disowned) else { return };
        if !fetch.also.is_empty() {
            // Others wait for the same file: only this request ends, the fetch goes on.
            fetch.disowned = true;
            return self.event(Event::RequestFailed { request: id, failure: RequestFailure::Cancelled });
        }
        self.abandon(id);
        self.end_fetch(id, &RequestFailure::Cancelled);
    }

    /// Ends what a fetch has under way; nobody waits for it any more.
    fn abandon(&mut self, id: RequestId) {
        let Some(fetch) = self.fetches.get(&id) else { return };
        self.agenda.clear(Timer::Holder(id));
        let (conn, phase, disowned) = (fetch.conn, fetch.phase, fetch.disowned);
        if let Some(conn) = conn {
            self.drop_exchange(conn);
        }
        self.abandon_at_host(id);
        if phase == FetchPhase::Keeping {
            self.out.push_back(Output::DropFile { request: id });
        }
        if disowned {
            self.fetches.remove(&id);
        }
    }

    pub(crate) fn fail_all_fetches(&mut self) {
        let all: Vec<RequestId> = self.fetches.keys().copied().collect();
        for id in all {
            let Some(fetch) = self.fetches.get(&id) else { continue };
            let waiting: Vec<RequestId> = fetch.waiting().collect();
            self.abandon(id);
            self.fetches.remove(&id);
            for request in waiting {
                self.event(Event::RequestFailed { request, failure: RequestFailure::LeftGroup });
            }
        }
    }

    /// Forgets an exchange whose connection is gone already.
    pub(crate) fn drop_exchange_closed(&mut self, conn: ConnId) {
        self.exchanges.remove(&conn);
        self.agenda.clear(Timer::Exchange(conn));
    }
}

//! The files of others in our store: fetched when announced or when our application wants them, kept up to a quota, served after their author
//! has left.

use std::collections::BTreeSet;

use mvrx_message::{FileUuid, StationUuid};

use super::kept::{Kept, KeptFile};
use super::link::Member;
use super::relay::Relay;
use super::requests::is_damaged;
use super::{Event, Host, LimitReached, Output, RelayId, RelayPhase};
use crate::history::announced_size;
use crate::{ConnId, RequestId};

impl Host {
    /// Somebody tells a commit whose file is not here: it is to be read for keeping, where that is the rule.
    pub(super) fn want_kept(&mut self, file: FileUuid) {
        let Some(arrival) = self.history.arrival(file).filter(|_| self.config.gather && !self.ended) else {
            return;
        };
        self.to_gather.insert(arrival, file);
        if self.to_gather.len() > self.config.limits.kept_files {
            // It would not be kept for long anyway.
            self.to_gather.pop_first();
        }
    }

    /// What came is damaged: who reads it already has its bytes, nobody else gets any. Another station that lists it is asked, and who told
    /// of it may give it whole when it tells of it again.
    // req: HDR-12
    pub(super) fn on_damaged(&mut self, id: RelayId, what: &str) {
        let Some(relay) = self.relays.get(&id).filter(|relay| relay.phase == RelayPhase::Keeping) else {
            return;
        };
        let (file, owner) = (relay.file, relay.owner.map(|(_, station)| station));
        let others_have_it = self.history.is_damaged(file, owner, what);
        for ask in self.asks_of(id) {
            if self.asks.get(&ask).is_some_and(|ask| ask.phase != super::AskPhase::Sending) {
                self.ask(ask, super::AskEvent::Nobody, &is_damaged(what));
            }
        }
        self.on_keep_failed(id, &format!("damaged: {what}"));
        if others_have_it {
            self.want_kept(file);
        }
    }

    /// Counts a file that is in our store now, in the order of the commits.
    pub(super) fn count_as_kept(&mut self, file: FileUuid, length: u64) {
        let at = self.newer_from(file);
        let of = self.brought_by(file);
        self.kept.insert(at, KeptFile { file, length, of });
    }

    /// Who brought a commit: its files and itself count for that station.
    fn brought_by(&self, file: FileUuid) -> StationUuid {
        self.history.entry(file).and_then(|entry| entry.brought_by).unwrap_or(self.config.station)
    }

    /// Where in what is kept the commits begin that came after this one.
    fn newer_from(&self, file: FileUuid) -> usize {
        let arrival = self.history.arrival(file);
        self.kept.place(|other| self.history.arrival(other) <= arrival)
    }

    /// Whether a file of this length would still be here after what is kept of newer ones.
    fn would_stay(&self, file: FileUuid, length: u64) -> Stay {
        let arrival = self.history.arrival(file);
        let of = self.brought_by(file);
        let newer = self.kept.from(self.newer_from(file)).map(|kept| (kept.length, kept.of));
        let coming = self.relays.values().filter(|relay| relay.gather);
        let coming = coming.filter(|relay| self.history.arrival(relay.file) > arrival);
        let length_of = |relay: &Relay| relay.announced.as_ref().and_then(announced_size).unwrap_or(0);
        let announced = |relay: &Relay| (length_of(relay), self.brought_by(relay.file));
        let more = |(files, bytes, own): (usize, u64, u64), (length, whose): (u64, StationUuid)| {
            let own = if whose == of { own.saturating_add(length) } else { own };
            (files + 1, bytes.saturating_add(length), own)
        };
        let limits = &self.config.limits;
        let fits = |(files, bytes, own)| {
            files < limits.kept_files && bytes <= limits.kept_bytes && own <= limits.kept_bytes_each
        };
        let here = newer.fold((0, length, length), more);
        match (fits(here), fits(coming.map(announced).fold(here, more))) {
            (_, true) => Stay::Yes,
            (true, false) => Stay::UnlessTheyCome,
            (false, false) => Stay::No,
        }
    }

    /// Starts reads that only we want, the newest file first.
    // req: HST-16
    pub(super) fn run_gathering(&mut self) {
        while self.relays.values().filter(|relay| relay.gather).count() < self.config.limits.gathering {
            let Some(arrival) = self.next_to_gather() else { return };
            let Some(file) = self.to_gather.remove(&arrival) else { return };
            let Some(entry) = self.history.entry(file) else { continue };
            let length = announced_size(&entry.commit).unwrap_or(0);
            let stay = if entry.held { Stay::No } else { self.would_stay(file, length) };
            if stay == Stay::No {
                continue;
            }
            if stay == Stay::UnlessTheyCome || self.relays.len() >= self.config.limits.relays {
                // Looked at again when a read has ended.
                self.to_gather.insert(arrival, file);
                return;
            }
            if let Ok(id) = self.read_for(file, &[], None) {
                if let Some(relay) = self.relays.get_mut(&id) {
                    relay.gather = true;
                }
                self.start_read(id);
            }
        }
    }

    /// The newest file to be kept, but none of stations that each have one under way already: who is slow, and has many, must not keep the
    /// files of others waiting until their authors have left.
    fn next_to_gather(&self) -> Option<u64> {
        let under_way = |relay: &&Relay| {
            relay.gather
                && matches!(relay.phase, RelayPhase::Queued | RelayPhase::Asked | RelayPhase::Receiving)
        };
        let busy: BTreeSet<ConnId> = self
            .relays
            .values()
            .filter(under_way)
            .filter_map(|relay| relay.owner.map(|(conn, _)| conn))
            .collect();
        let may_begin = |file: FileUuid| {
            let holders = self.history.entry(file).into_iter().flat_map(|entry| entry.holders.keys());
            let mut conns = holders.filter_map(|station| self.members.get(station)).map(Member::file_conn);
            // Where nobody is left that has it, the read ends at once.
            conns.next().is_none_or(|first| !busy.contains(&first) || conns.any(|conn| !busy.contains(&conn)))
        };
        let mut newest = self.to_gather.iter().rev().take(LOOKED_AT);
        newest.find(|(_, file)| may_begin(**file)).map(|(arrival, _)| *arrival)
    }

    /// Our application wants a file.
    pub(super) fn request(&mut self, request: RequestId, file: FileUuid) {
        let fail = |host: &mut Self, why: &str| {
            host.event(Event::RequestFailed { request, why: why.to_owned() });
        };
        if self.holds(file) {
            return self.event(Event::RequestDone { request, file });
        }
        let limit = self.config.limits.requests;
        let waiting: usize = self.relays.values().map(|relay| relay.wanted.len()).sum();
        if self.ended {
            return fail(self, "the session has ended");
        }
        if waiting >= limit {
            return fail(self, &format!("{limit} requests are under way already"));
        }
        match self.read_for(file, &[], None) {
            Ok(id) => {
                if let Some(relay) = self.relays.get_mut(&id) {
                    relay.wanted.push(request);
                }
                self.start_read(id);
            }
            Err(why) => fail(self, &why),
        }
    }

    pub(super) fn cancel(&mut self, request: RequestId) {
        let found = self.relays.values_mut().find(|relay| relay.wanted.contains(&request));
        if let Some(relay) = found {
            relay.wanted.retain(|other| *other != request);
            self.event(Event::RequestFailed { request, why: "the request was cancelled".to_owned() });
        }
    }

    /// Whether a file of this length is to stay here.
    pub(super) fn is_to_be_kept(&self, id: RelayId, length: u64) -> bool {
        let Some(relay) = self.relays.get(&id) else { return false };
        // What no commit tells of could never be listed.
        let listed = self.history.entry(relay.file).is_some();
        let fits = length <= self.config.limits.longest_kept() && self.config.limits.kept_files > 0;
        listed && (fits || !relay.wanted.is_empty())
    }

    /// Who gives, or gave, the file of a read.
    #[must_use]
    pub fn owner(&self, relay: RelayId) -> Option<StationUuid> {
        self.relays.get(&relay).and_then(|relay| relay.owner).map(|(_, station)| station)
    }

    /// The files of the oldest commits make room for those of newer ones, of a station that has too many its own; one that somebody is being
    /// sent stays until it is out.
    // req: QUO-03
    pub(super) fn shrink_kept(&mut self) {
        let each = self.config.limits.kept_bytes_each;
        for station in self.kept.above(each) {
            self.limit(LimitReached::KeptEach);
            self.drop_oldest(|kept| kept.bytes_of(station) > each, |kept| kept.of == station);
        }
        let (most_bytes, most_files) = (self.config.limits.kept_bytes, self.config.limits.kept_files);
        let is_over = move |kept: &Kept| kept.bytes() > most_bytes || kept.len() > most_files;
        if is_over(&self.kept) {
            self.limit(LimitReached::Kept);
            self.drop_oldest(is_over, |_| true);
        }
    }

    fn drop_oldest(&mut self, is_over: impl Fn(&Kept) -> bool, is_one: impl Fn(&KeptFile) -> bool) {
        let mut at = 0;
        while is_over(&self.kept) {
            let Some(kept) = self.kept.nth(at) else { return };
            if !is_one(&kept) || self.is_in_use(kept.file) {
                at += 1;
                continue;
            }
            self.let_go(at);
            self.history.release(kept.file);
            self.may_be_given_no_more(kept.file);
        }
    }

    /// A kept file is thrown away.
    pub(super) fn let_go(&mut self, at: usize) {
        if let Some(KeptFile { file, of, .. }) = self.kept.remove(at) {
            self.out.push_back(Output::ForgetFile { file });
            let commit = self.history.entry(file).map(|entry| &entry.commit);
            let name = commit.map_or_else(String::new, |commit| commit.file_name.clone());
            let announced = commit.and_then(announced_size);
            self.event(Event::FileDropped { file, of, name, announced });
        }
    }
}

/// Whether there is room for a file beside newer ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stay {
    Yes,
    /// There is none as soon as those are here that are on their way.
    UnlessTheyCome,
    No,
}

/// So many of the newest files are looked at for one that can be read now: this happens at each step.
const LOOKED_AT: usize = 256;

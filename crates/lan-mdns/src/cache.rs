//! The records of others, each with who said it, where and together with what.
//!
//! Unlike an ordinary DNS cache it keeps what different sources say under one name apart: several products give all their stations one
//! instance name, one host name even, and a cache that lets the newest word win hands out a station's port with another's address. So a
//! record's identity here is link, source, name and data; a cache-flush bit ends only what the same source said before; and an entry
//! remembers the datagram it was last in, so that what was said together is believed together.
//!
//! It knows nothing of sockets or questions; it says when a record wants to be asked for again ([`Due::Ask`]).
//!
//! Limits: [`Limits::records`], [`Limits::records_per_source`], [`Limits::records_per_name`]. To make room, a sixteenth is given up at
//! once: of one source that has too many, or too many of one name, its oldest; of all, the records of the sources that have the most, oldest
//! first; pinned ones last. What one datagram makes us look at is found by source and name, so it is bounded by the last of these limits,
//! however much is held; [`Cache::visited`] counts it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::Name;
use crate::config::Limits;
use crate::io::{LinkId, Lost, Seen};
use crate::record::{Data, Kind, Record, kind};
use crate::rng::Rng;

mod index;

use index::Index;

pub(crate) type EntryId = u64;

#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) link: LinkId,
    pub(crate) source: IpAddr,
    pub(crate) name: Name,
    pub(crate) data: Data,
    pub(crate) flush: bool,
    pub(crate) ttl: Duration,
    pub(crate) first_heard: Duration,
    pub(crate) heard: Duration,
    /// The datagram it was last heard in.
    pub(crate) datagram: u64,
    /// What the TXT record in that datagram said of who it is.
    pub(crate) identity: Option<Vec<u8>>,
    /// Of an SRV record: the TXT record that went with it in that datagram.
    pub(crate) text: Option<EntryId>,
    pub(crate) watch: Watch,
    /// When it is looked at next.
    next: Duration,
    /// Of an SRV record: what was told of the service.
    pub(crate) told: Option<Seen>,
    /// Of an SRV record: that it was told that its host has no address.
    pub(crate) unreachable_told: bool,
}

/// How sure it is that a record still holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Watch {
    /// Believed; asked for again `stage` times since it was heard.
    Believed { stage: u8 },
    /// Somebody failed to reach it; asked for `asked` times.
    Doubted { asked: u8, until: Duration },
    /// It was taken back and has this one more second.
    Leaving(Lost),
}

/// What is due with a record.
#[derive(Debug)]
pub(crate) enum Due {
    Ask { link: LinkId, name: Name, kind: Kind },
    Gone(EntryId, Lost),
}

#[derive(Debug, Default)]
pub(crate) struct Cache {
    pub(crate) entries: BTreeMap<EntryId, Entry>,
    by_name: Index,
    /// PTR records by where they point, SRV records by their host.
    by_target: Index,
    by_source: BTreeMap<(LinkId, IpAddr), BTreeSet<EntryId>>,
    by_record: HashMap<Said, EntryId>,
    timers: BTreeSet<(Duration, EntryId)>,
    /// Whose records make room last, with the order in which they were pinned.
    pins: BTreeMap<Pin, u64>,
    pinned: u64,
    next_id: EntryId,
    visited: AtomicU64,
}

/// Who says so, the instance, and which service of that name.
type Pin = (IpAddr, Name, Option<Vec<u8>>);

/// What a record is known by.
type Said = (LinkId, IpAddr, Name, Data);

/// Who says something, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Speaker {
    pub(crate) now: Duration,
    pub(crate) link: LinkId,
    pub(crate) source: IpAddr,
    pub(crate) datagram: u64,
}

impl Cache {
    /// The entries of this name and kind on a link, of all sources: as many as there are liars.
    pub(crate) fn of(
        &self,
        link: LinkId,
        name: &Name,
        kind: Kind,
    ) -> impl Iterator<Item = (EntryId, &Entry)> {
        self.visit(self.by_name.all(&(link, name.clone(), kind)))
    }

    /// Those of them that one source said, at most [`Limits::records_per_name`], but for PTR records.
    pub(crate) fn of_source(
        &self,
        link: LinkId,
        name: &Name,
        kind: Kind,
        source: IpAddr,
    ) -> impl Iterator<Item = (EntryId, &Entry)> {
        self.visit(self.by_name.of_source(&(link, name.clone(), kind), source))
    }

    /// The PTR records to an instance, or the SRV records to a host.
    pub(crate) fn to(
        &self,
        link: LinkId,
        target: &Name,
        kind: Kind,
    ) -> impl Iterator<Item = (EntryId, &Entry)> {
        self.visit(self.by_target.all(&(link, target.clone(), kind)))
    }

    /// Those of them that one source said, at most [`Limits::records_per_name`].
    pub(crate) fn to_source(
        &self,
        link: LinkId,
        target: &Name,
        kind: Kind,
        source: IpAddr,
    ) -> impl Iterator<Item = (EntryId, &Entry)> {
        self.visit(self.by_target.of_source(&(link, target.clone(), kind), source))
    }

    /// How many there are of this name and kind, of all sources.
    pub(crate) fn count(&self, link: LinkId, name: &Name, kind: Kind) -> usize {
        self.by_name.count(&(link, name.clone(), kind))
    }

    /// How often an entry was looked at.
    pub(crate) fn visited(&self) -> u64 {
        self.visited.load(Ordering::Relaxed)
    }

    fn visit(&self, ids: impl Iterator<Item = EntryId>) -> impl Iterator<Item = (EntryId, &Entry)> {
        ids.filter_map(|id| {
            self.visited.fetch_add(1, Ordering::Relaxed);
            Some((id, self.entries.get(&id)?))
        })
    }

    pub(crate) fn deadline(&self) -> Option<Duration> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Takes a record in, or learns that it still holds. Whether that is news.
    pub(crate) fn hear(
        &mut self,
        speaker: Speaker,
        record: &Record,
        ttl: Duration,
        identity: Option<&Vec<u8>>,
        rng: &mut Rng,
    ) -> (EntryId, bool) {
        let Speaker { now, link, source, datagram } = speaker;
        let known = self.find(link, source, record);
        let id = known.unwrap_or_else(|| self.insert(speaker, record));
        let mut news = known.is_none();
        if let Some(entry) = self.entries.get_mut(&id) {
            let before = entry.next;
            // The same in the eyes of DNS, but it may be spelled anew.
            entry.name = record.name.clone();
            entry.data = record.data.clone();
            entry.flush = record.flush;
            (entry.ttl, entry.heard, entry.datagram) = (ttl, now, datagram);
            entry.identity = identity.cloned().or(entry.identity.take());
            news |= matches!(entry.watch, Watch::Leaving(_));
            entry.watch = Watch::Believed { stage: 0 };
            entry.next = now + refresh_after(ttl, 0, rng);
            self.timers.remove(&(before, id));
            self.timers.insert((entry.next, id));
        }
        (id, news)
    }

    pub(crate) fn find(&self, link: LinkId, source: IpAddr, record: &Record) -> Option<EntryId> {
        self.visited.fetch_add(1, Ordering::Relaxed);
        self.by_record.get(&(link, source, record.name.clone(), record.data.clone())).copied()
    }

    /// The entry has one more second.
    // req: MDNS-GOODBYE-GRACE
    pub(crate) fn leave(&mut self, id: EntryId, now: Duration, why: Lost) {
        if let Some(entry) = self.entries.get_mut(&id)
            && !matches!(entry.watch, Watch::Leaving(_))
        {
            entry.watch = Watch::Leaving(why);
            self.timers.remove(&(entry.next, id));
            entry.next = now + GRACE;
            self.timers.insert((entry.next, id));
        }
    }

    /// The entry is asked for, and gone unless it is heard again in time.
    pub(crate) fn doubt(&mut self, id: EntryId, now: Duration, patience: Duration) {
        if let Some(entry) = self.entries.get_mut(&id)
            && matches!(entry.watch, Watch::Believed { .. })
        {
            entry.watch = Watch::Doubted { asked: 0, until: now + patience };
            self.timers.remove(&(entry.next, id));
            entry.next = now;
            self.timers.insert((entry.next, id));
        }
    }

    /// The next thing that is due.
    // req: MDNS-REFRESH
    pub(crate) fn due(&mut self, now: Duration, rng: &mut Rng) -> Option<Due> {
        let (at, id) = *self.timers.first().filter(|(at, _)| *at <= now)?;
        self.timers.remove(&(at, id));
        let entry = self.entries.get_mut(&id)?;
        let ask = Due::Ask { link: entry.link, name: entry.name.clone(), kind: entry.data.kind() };
        let (due, next) = match entry.watch {
            Watch::Believed { stage } if stage < REFRESHES => {
                entry.watch = Watch::Believed { stage: stage + 1 };
                (ask, entry.heard + refresh_after(entry.ttl, stage + 1, rng))
            }
            Watch::Believed { .. } => (Due::Gone(id, Lost::Silent), now),
            Watch::Doubted { until, .. } if until <= now => (Due::Gone(id, Lost::Silent), now),
            Watch::Doubted { asked, until } => {
                entry.watch = Watch::Doubted { asked: asked.saturating_add(1), until };
                // At once, then after 1, 3, 7 s: RFC 6762, 5.2.
                (ask, until.min(now + Duration::from_secs(1 << asked.min(5))))
            }
            Watch::Leaving(why) => (Due::Gone(id, why), now),
        };
        if matches!(due, Due::Ask { .. }) {
            entry.next = next;
            self.timers.insert((next, id));
        }
        Some(due)
    }

    pub(crate) fn remove(&mut self, id: EntryId) -> Option<Entry> {
        let entry = self.entries.remove(&id)?;
        self.timers.remove(&(entry.next, id));
        let kind = entry.data.kind();
        self.by_name.remove(&(entry.link, entry.name.clone(), kind), entry.source, id);
        if let Some(target) = target_of(&entry.data) {
            self.by_target.remove(&(entry.link, target.clone(), kind), entry.source, id);
        }
        self.by_record.remove(&(entry.link, entry.source, entry.name.clone(), entry.data.clone()));
        let source = (entry.link, entry.source);
        if let Some(all) = self.by_source.get_mut(&source) {
            all.remove(&id);
            if all.is_empty() {
                self.by_source.remove(&source);
            }
        }
        Some(entry)
    }

    /// Which entries have to go so that this one fits. Empty nearly always. `None`: nobody makes room for it, as all of its name are pinned
    /// and it is not: of more stations than there may be some stay, and not each for a while.
    // req: MDNS-FLOOD, MDNS-CROWD
    pub(crate) fn surplus(
        &self,
        link: LinkId,
        source: IpAddr,
        record: &Record,
        identity: Option<&Vec<u8>>,
        limits: &Limits,
    ) -> Option<Vec<EntryId>> {
        let crowd = self.of_one_name(link, source, record, limits.records_per_name);
        let mut pinned = Pinned { cache: self, hosts: BTreeMap::new() };
        if let Some(mut crowd) = crowd {
            crowd.sort_by_cached_key(|id| self.entries.get(id).map(|e| (pinned.holds(e), e.heard)));
            crowd.truncate(limits.records_per_name.div_ceil(ROOM));
            let may_go = |id: &EntryId| self.entries.get(id).is_some_and(|e| !pinned.holds(e));
            let of_service = matches!(record.data, Data::Srv { .. } | Data::Txt(_));
            let counts =
                !of_service || self.pins.contains_key(&(source, record.name.clone(), identity.cloned()));
            if !counts {
                crowd.retain(may_go);
            }
            return Some(crowd).filter(|crowd| !crowd.is_empty());
        }
        let mine = self.by_source.get(&(link, source));
        if let Some(mine) = mine.filter(|mine| mine.len() >= limits.records_per_source) {
            let mut all: Vec<EntryId> = self.visit(mine.iter().copied()).map(|(id, _)| id).collect();
            all.sort_by_cached_key(|id| self.entries.get(id).map(|e| (pinned.holds(e), e.heard)));
            all.truncate(limits.records_per_source.div_ceil(ROOM));
            return Some(all);
        }
        if self.entries.len() < limits.records {
            return Some(Vec::new());
        }
        let count = |e: &Entry| self.by_source.get(&(e.link, e.source)).map_or(0, BTreeSet::len);
        let mut all: Vec<(bool, Reverse<usize>, Duration, EntryId)> = self
            .visit(self.entries.keys().copied())
            .map(|(id, e)| (pinned.holds(e), Reverse(count(e)), e.heard, id))
            .collect();
        all.sort_unstable();
        all.truncate(limits.records.div_ceil(ROOM));
        Some(all.into_iter().map(|(_, _, _, id)| id).collect())
    }

    /// The records of one source that are of one name, or point to one, with this one: if they are as many as there may be.
    fn of_one_name(
        &self,
        link: LinkId,
        source: IpAddr,
        record: &Record,
        limit: usize,
    ) -> Option<Vec<EntryId>> {
        let kind = record.data.kind();
        let full = |ids: Vec<EntryId>| (ids.len() >= limit).then_some(ids);
        let target = target_of(&record.data);
        let to = target.map(|to| self.to_source(link, to, kind, source).map(|(id, _)| id).collect());
        to.and_then(full).or_else(|| {
            // A type has a pointer for each service.
            let named = kind != kind::PTR;
            let of = || self.of_source(link, &record.name, kind, source).map(|(id, _)| id).collect();
            named.then(of).and_then(full)
        })
    }

    /// From now on what this source says of this service makes room last.
    pub(crate) fn pin(&mut self, id: EntryId, limit: usize) {
        let Some(entry) = self.entries.get(&id) else { return };
        let pin = (entry.source, entry.name.clone(), entry.identity.clone());
        self.pinned += 1;
        self.pins.insert(pin, self.pinned);
        if self.pins.len() > limit {
            let oldest = self.pins.iter().min_by_key(|(_, order)| **order).map(|(pin, _)| pin.clone());
            oldest.map(|pin| self.pins.remove(&pin));
        }
    }

    /// Of an SRV or TXT record.
    fn is_pinned_service(&self, entry: &Entry) -> bool {
        self.pins.contains_key(&(entry.source, entry.name.clone(), entry.identity.clone()))
    }

    fn insert(&mut self, speaker: Speaker, record: &Record) -> EntryId {
        let Speaker { now, link, source, datagram } = speaker;
        self.next_id += 1;
        let id = self.next_id;
        let entry = Entry {
            link,
            source,
            name: record.name.clone(),
            data: record.data.clone(),
            flush: record.flush,
            ttl: Duration::ZERO,
            first_heard: now,
            heard: now,
            datagram,
            identity: None,
            text: None,
            watch: Watch::Believed { stage: 0 },
            next: now,
            told: None,
            unreachable_told: false,
        };
        let kind = record.data.kind();
        self.by_name.insert((link, record.name.clone(), kind), source, id);
        if let Some(target) = target_of(&record.data) {
            self.by_target.insert((link, target.clone(), kind), source, id);
        }
        self.by_source.entry((link, source)).or_default().insert(id);
        self.by_record.insert((link, source, record.name.clone(), record.data.clone()), id);
        self.entries.insert(id, entry);
        id
    }
}

/// Whose records make room last. What is known of a host counts for all its addresses, and is found out once.
struct Pinned<'a> {
    cache: &'a Cache,
    hosts: BTreeMap<(LinkId, IpAddr, &'a Name), bool>,
}

impl<'a> Pinned<'a> {
    fn holds(&mut self, entry: &'a Entry) -> bool {
        let cache = self.cache;
        match &entry.data {
            _ if cache.pins.is_empty() => false,
            Data::Ptr(instance) => {
                let any = (entry.source, instance.clone(), None);
                let first = cache.pins.range(any..).next();
                first.is_some_and(|((source, name, _), _)| *source == entry.source && name == instance)
            }
            Data::Srv { .. } | Data::Txt(_) => cache.is_pinned_service(entry),
            _ => *self.hosts.entry((entry.link, entry.source, &entry.name)).or_insert_with(|| {
                cache
                    .to_source(entry.link, &entry.name, kind::SRV, entry.source)
                    .any(|(_, srv)| cache.is_pinned_service(srv))
            }),
        }
    }
}

fn target_of(data: &Data) -> Option<&Name> {
    match data {
        Data::Ptr(target) | Data::Srv { target, .. } => Some(target),
        _ => None,
    }
}

/// How long after a record was heard it is asked for the `stage`th time, or given up: 80, 85, 90 and 95 % of its time to live, each up to
/// 2 % later, then its end (RFC 6762, 5.2).
fn refresh_after(ttl: Duration, stage: u8, rng: &mut Rng) -> Duration {
    if stage >= REFRESHES {
        return ttl;
    }
    let jitter = ttl.mul_f64(rng.between(0, 20).as_secs_f64());
    ttl * (80 + 5 * u32::from(stage)) / 100 + jitter
}

const REFRESHES: u8 = 4;

/// One part in so many is given up at once.
const ROOM: usize = 16;

/// RFC 6762, 10.1 and 10.2.
pub(crate) const GRACE: Duration = Duration::from_secs(1);

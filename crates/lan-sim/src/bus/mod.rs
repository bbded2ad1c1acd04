//! The discovery bus: who announces what, and who has heard it. It knows what multicast DNS does to its users
//! and nothing of its packets.
//!
//! An announcement reaches every host that browses, except where a partition, a deaf or a mute host is
//! between, each in one of a few moments, and by chance not at all until the next refresh, late, twice, or
//! followed by an outdated one. Each host is of one domain; those of another one hear nothing of it. A withdrawal reaches those who heard the announcement; who misses it, or
//! whose announcer stopped without a word, believes until the time to live is over. The bus remembers per
//! announcement who has heard it (one bit per host), so that each belief ends exactly once.

mod work;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::hash;
use crate::host::HostId;
use crate::rng::Seed;

/// What a host announces. What it means is the nodes' affair.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Announcement {
    /// The name it goes by; announcing another one of the same name on the same host replaces it. Several
    /// hosts may use one name.
    pub instance: String,
    /// The port.
    pub port: u16,
    /// Where. Left empty, all addresses of the host are filled in, the dead ones too.
    pub addresses: Vec<IpAddr>,
    /// Whatever else.
    pub text: Vec<(String, Vec<u8>)>,
    /// How long it is believed after its host stopped without a word.
    pub ttl: Duration,
}

impl Announcement {
    /// One at all addresses of its host, without text, believed for two minutes.
    pub fn new(instance: impl Into<String>, port: u16) -> Self {
        Self {
            instance: instance.into(),
            port,
            addresses: Vec::new(),
            text: Vec::new(),
            ttl: Duration::from_mins(2),
        }
    }

    /// Adds a key and its value.
    #[must_use]
    pub fn text(mut self, key: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.text.push((key.into(), value.into()));
        self
    }

    /// The value of a key.
    pub fn value(&self, key: &str) -> Option<&[u8]> {
        self.text.iter().find(|(other, _)| other == key).map(|(_, value)| value.as_slice())
    }

    fn hash(&self) -> u64 {
        let hash = hash::bytes(u64::from(self.port), self.instance.as_bytes());
        self.text
            .iter()
            .fold(hash, |hash, (key, value)| hash::bytes(hash::bytes(hash, key.as_bytes()), value))
    }
}

/// Something for the bus to do at a time.
#[derive(Debug, Clone, Copy)]
pub(crate) enum BusAction {
    /// The hosts of one moment hear an announcement.
    Wave { entry: EntryId, wave: u32 },
    /// A new browser hears what is there.
    Answer { host: HostId, boot: u32 },
    /// A withdrawal is heard.
    Goodbye { entry: EntryId },
    /// Nobody believes it any longer.
    Expire { entry: EntryId },
    /// One host hears something apart from the others.
    Mail { slot: u32 },
    /// Ways changed, of one host or of all: who could not hear does, or who cannot any more forgets.
    Recheck { forget: bool, host: Option<HostId> },
}

/// An announcement on the bus. Never means another one later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EntryId {
    slot: u32,
    serial: u32,
}

#[derive(Debug)]
struct Entry {
    serial: u32,
    domain: u32,
    host: HostId,
    announcement: Arc<Announcement>,
    hash: u64,
    /// Whether its host still stands by it.
    live: bool,
    /// The one that it replaced: who hears this one forgets that one.
    before: Option<EntryId>,
    heard: BitSet,
    seed: Seed,
}

/// Something that one host hears apart from the others.
#[derive(Debug)]
struct Mail {
    host: HostId,
    boot: u32,
    what: Parcel,
}

#[derive(Debug)]
enum Parcel {
    /// What was lost, if it is still true.
    Again(EntryId),
    /// What it said when it was sent, true or not.
    Late(EntryId, Arc<Announcement>),
    /// Something outdated.
    Stale(Arc<Announcement>),
    /// The answer to a suspicion of everything with that name.
    Verify(String),
}

/// Everything announced, and the mail under way.
#[derive(Debug, Default)]
pub(crate) struct Bus {
    entries: Vec<Option<Entry>>,
    free: Vec<u32>,
    made: u32,
    mail: Vec<Option<Mail>>,
    free_mail: Vec<u32>,
    domains: BTreeMap<u32, Domain>,
    longest_ttl: Duration,
}

/// Who is in one part of the bus, and what was announced there.
#[derive(Debug, Default)]
struct Domain {
    hosts: Vec<HostId>,
    /// The slots of its entries.
    slots: BTreeSet<u32>,
    /// What was announced formerly, oldest first.
    former: VecDeque<Arc<Announcement>>,
}

impl Bus {
    pub(crate) const fn longest_ttl(&self) -> Duration {
        self.longest_ttl
    }

    fn get(&self, id: EntryId) -> Option<&Entry> {
        self.entries.get(id.slot as usize)?.as_ref().filter(|entry| entry.serial == id.serial)
    }

    fn get_mut(&mut self, id: EntryId) -> Option<&mut Entry> {
        self.entries.get_mut(id.slot as usize)?.as_mut().filter(|entry| entry.serial == id.serial)
    }

    fn insert(&mut self, entry: Entry) -> EntryId {
        self.longest_ttl = self.longest_ttl.max(entry.announcement.ttl);
        self.made = self.made.wrapping_add(1);
        let (serial, domain) = (self.made, entry.domain);
        let slot = put(&mut self.entries, &mut self.free, Entry { serial, ..entry });
        self.domains.entry(domain).or_default().slots.insert(slot);
        EntryId { slot, serial }
    }

    fn remove(&mut self, id: EntryId) -> Option<Entry> {
        let domain = self.get(id)?.domain;
        if let Some(domain) = self.domains.get_mut(&domain) {
            domain.slots.remove(&id.slot);
        }
        self.free.push(id.slot);
        self.entries.get_mut(id.slot as usize)?.take()
    }

    fn post(&mut self, mail: Mail) -> u32 {
        put(&mut self.mail, &mut self.free_mail, mail)
    }

    fn collect(&mut self, slot: u32) -> Option<Mail> {
        let mail = self.mail.get_mut(slot as usize)?.take()?;
        self.free_mail.push(slot);
        Some(mail)
    }

    pub(crate) fn add_host(&mut self, domain: u32, host: HostId) {
        self.domains.entry(domain).or_default().hosts.push(host);
    }

    /// What is announced in a domain, and what lingers.
    fn ids(&self, domain: u32) -> Vec<EntryId> {
        let slots = self.domains.get(&domain).into_iter().flat_map(|domain| &domain.slots).copied();
        slots
            .filter_map(|slot| self.entry_at(slot).map(|entry| EntryId { slot, serial: entry.serial }))
            .collect()
    }

    fn entry_at(&self, slot: u32) -> Option<&Entry> {
        self.entries.get(slot as usize)?.as_ref()
    }

    fn hosts(&self, domain: u32) -> Vec<HostId> {
        self.domains.get(&domain).map(|domain| domain.hosts.clone()).unwrap_or_default()
    }

    fn former(&self, domain: u32) -> impl DoubleEndedIterator<Item = &Arc<Announcement>> + ExactSizeIterator {
        static NONE: VecDeque<Arc<Announcement>> = VecDeque::new();
        self.domains.get(&domain).map_or(&NONE, |domain| &domain.former).iter()
    }

    fn remember(&mut self, domain: u32, announcement: Arc<Announcement>) {
        let former = &mut self.domains.entry(domain).or_default().former;
        if former.len() == REMEMBERED {
            former.pop_front();
        }
        former.push_back(announcement);
    }
}

fn put<T>(slots: &mut Vec<Option<T>>, free: &mut Vec<u32>, item: T) -> u32 {
    let slot = free.pop().unwrap_or_else(|| {
        slots.push(None);
        u32::try_from(slots.len() - 1).unwrap_or(u32::MAX)
    });
    if let Some(place) = slots.get_mut(slot as usize) {
        *place = Some(item);
    }
    slot
}

/// A set of hosts.
#[derive(Debug, Default)]
struct BitSet {
    words: Vec<u64>,
}

impl BitSet {
    /// Returns whether it was new.
    fn insert(&mut self, host: HostId) -> bool {
        let word = host.index() / 64;
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        let bit = 1 << (host.0 % 64);
        self.words.get_mut(word).is_some_and(|word| {
            let new = *word & bit == 0;
            *word |= bit;
            new
        })
    }

    /// Returns whether it was there.
    fn remove(&mut self, host: HostId) -> bool {
        let bit = 1 << (host.0 % 64);
        self.words.get_mut(host.index() / 64).is_some_and(|word| {
            let there = *word & bit != 0;
            *word &= !bit;
            there
        })
    }

    fn contains(&self, host: HostId) -> bool {
        self.words.get(host.index() / 64).is_some_and(|word| word & (1 << (host.0 % 64)) != 0)
    }

    fn iter(&self) -> impl Iterator<Item = HostId> + '_ {
        (0..).zip(&self.words).flat_map(|(word, bits)| {
            (0..64).filter(move |bit| bits & (1 << bit) != 0).map(move |bit| HostId(word * 64 + bit))
        })
    }
}

/// How many former announcements of a domain can come back stale.
const REMEMBERED: usize = 64;

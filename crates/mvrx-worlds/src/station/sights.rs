//! What the discovery bus shows, as the table of a real discovery has it: one entry for each station, however many announcements show it.
//!
//! An announcement replaces an older one of the same instance and addresses. As mDNS does, the table asks again before a record's time to
//! live is over, or when the core suspects it, and drops what is not heard again within [`DOUBT`]: this is how an outdated announcement, which
//! nobody takes back, ends.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use lan_sim::{Announcement, Time};
use mvrx_core::PlaceId;
use mvrx_message::{StationUuid, Txt};

#[derive(Debug, Default)]
pub(crate) struct Sights {
    entries: BTreeMap<Key, Entry>,
    keys: BTreeMap<PlaceId, Key>,
    /// Whom an instance at its addresses showed last.
    showed: BTreeMap<(String, Vec<IpAddr>), Key>,
    agenda: BTreeSet<(Time, PlaceId)>,
    next: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Station(StationUuid),
    Place(String, Vec<IpAddr>),
}

#[derive(Debug)]
struct Entry {
    place: PlaceId,
    /// The latest first.
    shown: Vec<Arc<Announcement>>,
    /// When each instance was heard last, at its addresses: one that is not heard again ends, though another one of the same station is.
    heard: BTreeMap<(String, Vec<IpAddr>), Time>,
    /// When it is asked for again or, doubted, given up.
    due: Time,
    doubted: bool,
}

/// What an announcement comes to.
pub(crate) enum Change {
    Shows(PlaceId),
    Gone(PlaceId),
    Nothing,
}

/// What is due.
pub(crate) enum Due {
    Ask(Vec<String>),
    Gone(PlaceId),
}

impl Sights {
    /// Tells the place, and the instances to be looked at again: where another station was shown, one of the two is outdated.
    pub(crate) fn heard(&mut self, seen: Arc<Announcement>, now: Time) -> (PlaceId, Vec<String>) {
        let key = key(&seen);
        let before = self.showed.insert((seen.instance.clone(), seen.addresses.clone()), key.clone());
        let displaced = before.filter(|before| *before != key);
        let displaced = displaced.and_then(|before| self.entries.get(&before));
        let displaced = displaced.filter(|entry| entry.shown.iter().any(|other| same_place(other, &seen)));
        let doubted = match displaced.map(|entry| entry.place) {
            Some(displaced) => self.doubt(displaced, now),
            None => Vec::new(),
        };
        let place = PlaceId(self.next);
        let entry = self.entries.entry(key.clone()).or_insert_with(|| {
            self.next += 1;
            Entry { place, shown: Vec::new(), heard: BTreeMap::new(), due: now, doubted: false }
        });
        self.agenda.remove(&(entry.due, entry.place));
        entry.doubted = false;
        entry.due = now + seen.ttl / 5 * 4;
        self.agenda.insert((entry.due, entry.place));
        self.keys.insert(entry.place, key);
        entry.heard.insert((seen.instance.clone(), seen.addresses.clone()), now);
        let heard = &entry.heard;
        let is_fresh = |other: &Announcement| {
            let at = heard.get(&(other.instance.clone(), other.addresses.clone()));
            at.is_some_and(|at| *at + other.ttl + DOUBT > now)
        };
        entry.shown.retain(|other| !same_place(other, &seen) && is_fresh(other));
        entry.shown.insert(0, seen);
        (entry.place, doubted)
    }

    pub(crate) fn gone(&mut self, gone: &Announcement) -> Change {
        let key = key(gone);
        let Some(entry) = self.entries.get_mut(&key) else { return Change::Nothing };
        entry.shown.retain(|other| !same_place(other, gone));
        let place = entry.place;
        if entry.shown.is_empty() {
            self.drop_entry(place).map_or(Change::Nothing, Change::Gone)
        } else {
            Change::Shows(place)
        }
    }

    /// The instances to look at again.
    pub(crate) fn doubt(&mut self, place: PlaceId, now: Time) -> Vec<String> {
        let Some(entry) = self.keys.get(&place).and_then(|key| self.entries.get_mut(key)) else {
            return Vec::new();
        };
        if !entry.doubted {
            self.agenda.remove(&(entry.due, place));
            entry.doubted = true;
            entry.due = now + DOUBT;
            self.agenda.insert((entry.due, place));
        }
        entry.shown.iter().map(|shown| shown.instance.clone()).collect()
    }

    /// Everything that is shown at the moment: the place, and its announcements, the latest first.
    pub(crate) fn all(&self) -> impl Iterator<Item = (PlaceId, &[Arc<Announcement>])> {
        self.entries.values().map(|entry| (entry.place, entry.shown.as_slice()))
    }

    /// What a place shows.
    pub(crate) fn shown(&self, place: PlaceId) -> &[Arc<Announcement>] {
        let entry = self.keys.get(&place).and_then(|key| self.entries.get(key));
        entry.map(|entry| entry.shown.as_slice()).unwrap_or_default()
    }

    /// The next thing that is due.
    pub(crate) fn due(&mut self, now: Time) -> Option<Due> {
        let (at, place) = *self.agenda.first()?;
        if at > now {
            return None;
        }
        let doubted = self.keys.get(&place).and_then(|key| self.entries.get(key)).is_none_or(|e| e.doubted);
        if doubted { self.drop_entry(place).map(Due::Gone) } else { Some(Due::Ask(self.doubt(place, now))) }
    }

    pub(crate) fn deadline(&self) -> Option<Time> {
        self.agenda.first().map(|(at, _)| *at)
    }

    fn drop_entry(&mut self, place: PlaceId) -> Option<PlaceId> {
        let entry = self.entries.remove(&self.keys.remove(&place)?)?;
        self.agenda.remove(&(entry.due, place));
        Some(place)
    }
}

pub(crate) fn txt(seen: &Announcement) -> Txt {
    Txt::parse(seen.text.iter().map(|(key, value)| (key, value))).0
}

pub(super) fn addresses(seen: &Announcement) -> Vec<SocketAddr> {
    seen.addresses.iter().map(|ip| SocketAddr::new(*ip, seen.port)).collect()
}

fn key(seen: &Announcement) -> Key {
    match txt(seen).station {
        Some(station) => Key::Station(station),
        None => Key::Place(seen.instance.clone(), seen.addresses.clone()),
    }
}

fn same_place(one: &Announcement, other: &Announcement) -> bool {
    one.instance == other.instance && one.addresses == other.addresses
}

/// Longer than the discovery bus takes to verify.
const DOUBT: Duration = Duration::from_secs(4);

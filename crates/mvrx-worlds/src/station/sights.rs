//! What the discovery bus shows, as the table of a real discovery has it: one entry for each station, however many announcements show it.
//!
//! An announcement replaces an older one of the same instance and addresses. As mDNS does, the table asks again before a record's time to
//! live is over, or when the core suspects it, and drops what is not heard again within [`DOUBT`]: this is how an outdated announcement, which
//! nobody takes back, ends. Each announcement is asked for by itself, however often another one of its station is heard.

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
    /// Beside each of them when it is asked for again.
    again: Vec<Again>,
    /// The first of those times.
    due: Time,
}

#[derive(Debug, Clone, Copy)]
struct Again {
    /// When it is asked for or, doubted, given up.
    at: Time,
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
    Shows(PlaceId),
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
            Entry { place, shown: Vec::new(), again: Vec::new(), due: now }
        });
        let place = entry.place;
        self.keys.insert(place, key);
        entry.forget(|other| same_place(other, &seen));
        entry.again.insert(0, Again { at: now + seen.ttl / 5 * 4, doubted: false });
        entry.shown.insert(0, seen);
        self.arm(place);
        (place, doubted)
    }

    pub(crate) fn gone(&mut self, gone: &Announcement) -> Change {
        let key = key(gone);
        let Some(entry) = self.entries.get_mut(&key) else { return Change::Nothing };
        entry.forget(|other| same_place(other, gone));
        let place = entry.place;
        if self.arm(place) { Change::Shows(place) } else { Change::Gone(place) }
    }

    /// The instances to look at again.
    pub(crate) fn doubt(&mut self, place: PlaceId, now: Time) -> Vec<String> {
        let Some(entry) = self.keys.get(&place).and_then(|key| self.entries.get_mut(key)) else {
            return Vec::new();
        };
        for again in entry.again.iter_mut().filter(|again| !again.doubted) {
            *again = Again { at: now + DOUBT, doubted: true };
        }
        let instances = entry.shown.iter().map(|shown| shown.instance.clone()).collect();
        self.arm(place);
        instances
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
        let entry = self.keys.get(&place).and_then(|key| self.entries.get_mut(key))?;
        let nth = entry.again.iter().position(|again| again.at == at)?;
        if entry.again.get(nth)?.doubted {
            entry.again.remove(nth);
            entry.shown.remove(nth);
            return Some(if self.arm(place) { Due::Shows(place) } else { Due::Gone(place) });
        }
        let again = entry.again.get_mut(nth)?;
        *again = Again { at: now + DOUBT, doubted: true };
        let instance = entry.shown.get(nth)?.instance.clone();
        self.arm(place);
        Some(Due::Ask(vec![instance]))
    }

    pub(crate) fn deadline(&self) -> Option<Time> {
        self.agenda.first().map(|(at, _)| *at)
    }

    /// Notes when an entry is due, or forgets one of which nothing is left; tells whether something is.
    fn arm(&mut self, place: PlaceId) -> bool {
        let Some(entry) = self.keys.get(&place).and_then(|key| self.entries.get_mut(key)) else {
            return false;
        };
        self.agenda.remove(&(entry.due, place));
        match entry.again.iter().map(|again| again.at).min() {
            Some(at) => {
                entry.due = at;
                self.agenda.insert((at, place));
                true
            }
            None => {
                if let Some(key) = self.keys.remove(&place) {
                    self.entries.remove(&key);
                }
                false
            }
        }
    }
}

impl Entry {
    fn forget(&mut self, which: impl Fn(&Announcement) -> bool) {
        let mut kept = self.shown.iter().map(|shown| !which(shown)).collect::<Vec<_>>().into_iter();
        self.again.retain(|_| kept.next().unwrap_or(true));
        self.shown.retain(|shown| !which(shown));
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

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(instance: &str, ip: [u8; 4]) -> Arc<Announcement> {
        let mut announcement = Announcement::new(instance.to_owned(), 42_424);
        announcement.ttl = Duration::from_mins(2);
        announcement.addresses = vec![ip.into()];
        for (key, value) in Txt::new("desk", StationUuid::from_random_bytes([7; 16])).to_pairs() {
            announcement = announcement.text(key, value);
        }
        Arc::new(announcement)
    }

    /// A station that is stood in for in two groups, whose stand-in in one of them comes and goes.
    #[test]
    fn an_announcement_is_asked_for_however_often_another_of_its_station_is_heard() {
        let (steady, other) = (shown("desk.Default", [10, 0, 0, 1]), shown("desk.Stage", [10, 0, 0, 2]));
        let mut sights = Sights::default();
        let (place, _) = sights.heard(Arc::clone(&steady), Time::ZERO);
        let mut asked = Vec::new();
        for second in (4..=92).step_by(4) {
            let now = Time::ZERO + Duration::from_secs(second);
            sights.heard(Arc::clone(&other), now);
            sights.gone(&other);
        }
        let now = Time::ZERO + Duration::from_secs(96);
        while let Some(due) = sights.due(now) {
            match due {
                Due::Ask(instances) => asked.extend(instances),
                Due::Shows(_) | Due::Gone(_) => panic!("nothing is given up before it was asked for"),
            }
        }
        assert_eq!(asked, ["desk.Default"]);
        sights.heard(Arc::clone(&other), now + DOUBT / 2);
        assert!(matches!(sights.due(now + DOUBT), Some(Due::Shows(at)) if at == place), "it did not answer");
        assert_eq!(sights.shown(place), [other]);
    }
}

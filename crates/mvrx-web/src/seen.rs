//! What is known only from events: where the station is now, when others gave a sign of life, what is proposed to it; of a bridge, who is on
//! which side.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use mvrx_bridge::{News, Side};
use mvrx_message::StationUuid;
use mvrx_node::shown::unix_millis;
use mvrx_station::{Event, SessionTarget, url_without_user};
use serde_json::{Value, json};

/// What a station's events told so far.
#[derive(Debug)]
pub(crate) struct Seen {
    place: Mutex<Whereabouts>,
    last: Mutex<HashMap<StationUuid, SystemTime>>,
    proposals: Mutex<BTreeMap<u64, Proposal>>,
}

/// Who and where the station is.
#[derive(Debug, Clone)]
pub(crate) struct Whereabouts {
    pub(crate) name: String,
    pub(crate) group: String,
    pub(crate) session: Option<String>,
}

#[derive(Debug)]
struct Proposal {
    station: Option<StationUuid>,
    to: SessionTarget,
    until: SystemTime,
}

impl Seen {
    pub(crate) fn new(place: Whereabouts) -> Self {
        Self { place: Mutex::new(place), last: Mutex::default(), proposals: Mutex::default() }
    }

    pub(crate) fn place(&self) -> Whereabouts {
        lock(&self.place).clone()
    }

    /// The station has changed its group.
    pub(crate) fn in_group(&self, group: &str) {
        group.clone_into(&mut lock(&self.place).group);
    }

    pub(crate) fn renamed(&self, name: &str) {
        name.clone_into(&mut lock(&self.place).name);
    }

    /// Takes notice of an event.
    pub(crate) fn hear(&self, at: SystemTime, event: &Event) {
        if let Some(station) = sign_of_life(event) {
            let mut last = lock(&self.last);
            if last.len() >= STATIONS && !last.contains_key(&station) {
                let oldest = last.iter().min_by_key(|(_, at)| **at).map(|(station, _)| *station);
                oldest.and_then(|oldest| last.remove(&oldest));
            }
            last.insert(station, at);
        }
        match event {
            Event::GroupChanged { to, .. } => {
                let mut place = lock(&self.place);
                (place.group, place.session) = (to.as_str().to_owned(), None);
            }
            Event::Moved { to, .. } => {
                let mut place = lock(&self.place);
                match to {
                    SessionTarget::Group(group) => {
                        (place.group, place.session) = (group.as_str().to_owned(), None);
                    }
                    SessionTarget::Url(url) => place.session = Some(url_without_user(url)),
                    _ => {}
                }
            }
            Event::MoveProposed { proposal, station, to, within, .. } => {
                let until = at.checked_add(*within).unwrap_or(at);
                let proposed = Proposal { station: *station, to: to.clone(), until };
                let mut proposals = lock(&self.proposals);
                proposals.insert(proposal.0, proposed);
                while proposals.len() > PROPOSALS {
                    proposals.pop_first();
                }
            }
            _ => {}
        }
        if matches!(event, Event::MoveBegun { .. } | Event::NotMoved { .. }) {
            lock(&self.proposals).clear();
        }
    }

    /// When a station gave a sign of life last.
    pub(crate) fn last(&self, station: StationUuid) -> Option<SystemTime> {
        lock(&self.last).get(&station).copied()
    }

    /// What is proposed and not answered.
    pub(crate) fn proposals(&self, name: impl Fn(StationUuid) -> Option<String>) -> Vec<Value> {
        let now = SystemTime::now();
        let mut proposals = lock(&self.proposals);
        proposals.retain(|_, proposal| proposal.until > now);
        let told = proposals.iter().map(|(number, proposal)| {
            let (group, session) = match &proposal.to {
                SessionTarget::Group(group) => (Some(group.as_str()), None),
                SessionTarget::Url(url) => (None, Some(url.as_str())),
                _ => (None, None),
            };
            json!({
                "proposal": number,
                "station": proposal.station.map(|station| station.to_string()),
                "name": proposal.station.and_then(&name),
                "group": group,
                "session": session,
                "until_unix_ms": unix_millis(proposal.until),
            })
        });
        told.collect()
    }

    /// Takes a proposal that stands, to answer it: each is answered once.
    pub(crate) fn answer(&self, number: u64) -> bool {
        let proposal = lock(&self.proposals).remove(&number);
        proposal.is_some_and(|proposal| proposal.until > SystemTime::now())
    }
}

/// Who was heard.
fn sign_of_life(event: &Event) -> Option<StationUuid> {
    match event {
        Event::StationSighted { station, .. }
        | Event::StationJoined { station, .. }
        | Event::StationRenamed { station, .. }
        | Event::StationLeft { station }
        | Event::StationReachable { station }
        | Event::CommitAcknowledged { station, .. }
        | Event::CommitRefused { station, .. }
        | Event::CommitSeen { from: station, .. } => Some(*station),
        Event::Serving { station, .. } | Event::Served { station, .. } => *station,
        Event::RequestDone { from, .. } => *from,
        _ => None,
    }
}

/// Who is there on each side of a bridge, as its news tell. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Sides(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    /// By the side on which the station is shown: it is of the other one.
    shown: BTreeMap<(&'static str, StationUuid), String>,
    joined: bool,
    at_work: bool,
    carried: u64,
}

impl Sides {
    /// Takes notice of what the bridge tells.
    pub fn hear(&self, news: &News) {
        let mut known = lock(&self.0);
        match news {
            News::SessionJoined { .. } => known.joined = true,
            News::SessionLost { .. } => known.joined = false,
            News::AtWork => known.at_work = true,
            News::Waits { .. } => known.at_work = false,
            News::Carried { .. } => known.carried += 1,
            News::Appeared { side, station, name } if known.shown.len() < STATIONS => {
                known.shown.insert((side.as_str(), *station), name.clone());
            }
            News::Disappeared { side, station, .. } => {
                known.shown.remove(&(side.as_str(), *station));
            }
            _ => {}
        }
    }

    pub(crate) fn stations(&self) -> Vec<Value> {
        let known = lock(&self.0);
        let told = known.shown.iter().map(|((shown_in, station), name)| {
            let side = if *shown_in == Side::Lan.as_str() { Side::Host } else { Side::Lan };
            json!({ "station": station.to_string(), "name": name, "side": side.as_str(), "shown_in": shown_in })
        });
        told.collect()
    }

    /// Whether the session has it, whether it is the one at work, how many stations it shows, how many commits it carried.
    pub(crate) fn figures(&self) -> (bool, bool, usize, u64) {
        let known = lock(&self.0);
        (known.joined, known.at_work, known.shown.len(), known.carried)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Stations of which the last sign of life is remembered, or that a bridge shows.
const STATIONS: usize = 4_096;
/// More than one at a time is rare.
const PROPOSALS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_the_url_of_a_session_is_told_nobody() {
        let place = Whereabouts { name: String::new(), group: "Default".to_owned(), session: None };
        let seen = Seen::new(place);
        let from = SessionTarget::Group("Default".parse().unwrap());
        let to = SessionTarget::Url("ws://foh:geheim@rack.show/".to_owned());
        seen.hear(SystemTime::now(), &Event::Moved { from, to, errand: false });
        assert_eq!(seen.place().session.as_deref(), Some("ws://…@rack.show/"));
    }
}

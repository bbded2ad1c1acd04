//! What is seen: our own announcement, the groups, the stations of ours and why some are not joined.
//!
//! Three at once: a discovery that announces an instance of a group that nobody has, one that watches, and a station that only looks.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv6Addr, SocketAddr, TcpListener};
use std::time::Duration;

use mvrx_discovery::{
    Advertisement, Discovery, DiscoveryError, DiscoveryEvent, Merged, Sighting, SightingKey,
};
use mvrx_message::{GroupName, StationUuid};
use mvrx_station::{Event, Heard, StationInfo};
use serde_json::json;
use tokio::time::{Instant, timeout_at};

use super::interfaces::Card;
use super::own::Own;
use super::report::Report;
use crate::groups::{by_group, group_of_doctor, is_of_doctor};
use crate::place::Place;
use crate::shown;

mod judge;

/// What was seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) sightings: Vec<Sighting>,
    stations: Vec<StationInfo>,
    /// What was heard of why a station is not joined.
    why: BTreeMap<StationUuid, String>,
    problems: BTreeSet<String>,
    /// After how long our own announcement was seen.
    ourselves: Option<Duration>,
}

/// What is needed to judge it.
#[derive(Debug)]
pub(super) struct Look<'a> {
    pub(super) place: &'a Place,
    pub(super) wait: Duration,
    pub(super) own: &'a [Own],
    pub(super) cards: &'a [Card],
}

/// Looks for so long, and some seconds more if our own announcement is not seen by then. Where it cannot, it says why in words.
pub(super) async fn look(place: &Place, wait: Duration) -> Result<Seen, String> {
    let without_peers = Place { peers: Vec::new(), ..place.clone() };
    let (advertisement, _listener) = throw_away()?;
    let mut announcer = discovery(&without_peers)?;
    announcer.advertise(&advertisement).map_err(|error| format!("cannot announce anything: {error}"))?;
    let mut watcher = Box::new(discovery(&without_peers)?);
    watcher.look_for_groups();
    if let Ok(group) = GroupName::join(&place.group) {
        watcher.look_in(&group);
    }
    let mut said = BTreeSet::new();
    let watch = async {
        tokio::select! {
            seen = watch(watcher, advertisement.station, wait) => seen,
            () = keep(&mut announcer, &mut said) => Seen::default(),
        }
    };
    let (mut seen, joined) = tokio::join!(watch, join(place, wait));
    Box::new(announcer).shutdown().await;
    let joined = joined?;
    seen.problems.extend(said);
    seen.problems.extend(joined.problems);
    (seen.stations, seen.why) = (joined.stations, joined.why);
    Ok(seen)
}

fn discovery(place: &Place) -> Result<Merged, String> {
    place.discovery().map_err(|error| cannot_look(&error))
}

fn cannot_look(error: &DiscoveryError) -> String {
    format!("cannot look for other stations: {error}")
}

/// An instance of a group that nobody has. Who takes it for a station finds a port that is open as long as it is announced.
fn throw_away() -> Result<(Advertisement, TcpListener), String> {
    let listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0)).or_else(|_| TcpListener::bind("0.0.0.0:0"));
    let failed = |error: &dyn std::fmt::Display| format!("no TCP port to listen on: {error}");
    let listener = listener.map_err(|error| failed(&error))?;
    let port = listener.local_addr().map_err(|error| failed(&error))?.port();
    let station = StationUuid::from_random_bytes(mvrx_station::random_bytes());
    let group = GroupName::create(&group_of_doctor(station));
    let group = group.map_err(|error| error.to_string())?;
    Ok((Advertisement::new(group, station, "mvrx doctor", port), listener))
}

/// Announces until dropped.
async fn keep(announcer: &mut impl Discovery, problems: &mut BTreeSet<String>) {
    while let Some(event) = announcer.next().await {
        if let DiscoveryEvent::Problem(problem) = event {
            problems.insert(problem.to_string());
        }
    }
    std::future::pending::<()>().await;
}

async fn watch(mut discovery: Box<dyn Discovery>, ourselves: StationUuid, wait: Duration) -> Seen {
    let began = Instant::now();
    let end = began + wait;
    let mut seen = Seen::default();
    let mut sightings: BTreeMap<SightingKey, Sighting> = BTreeMap::new();
    loop {
        let end = if seen.ourselves.is_some() { end } else { end.max(began + PATIENCE) };
        match timeout_at(end, discovery.next()).await {
            Ok(Some(DiscoveryEvent::Sighted(sighting))) if sighting.station == Some(ourselves) => {
                seen.ourselves.get_or_insert(began.elapsed());
            }
            Ok(Some(DiscoveryEvent::Sighted(sighting))) => {
                sightings.insert(sighting.key.clone(), sighting);
            }
            Ok(Some(DiscoveryEvent::Vanished { key })) => drop(sightings.remove(&key)),
            Ok(Some(DiscoveryEvent::Problem(problem))) if seen.problems.len() < PROBLEMS => {
                seen.problems.insert(problem.to_string());
            }
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => break,
        }
    }
    discovery.shutdown().await;
    let of_another_doctor =
        |s: &Sighting| s.group.as_ref().is_some_and(|group| is_of_doctor(group, s.station));
    seen.sightings = sightings.into_values().filter(|s| !of_another_doctor(s)).collect();
    seen
}

/// Joins the group as `mvrx ls` does.
async fn join(place: &Place, wait: Duration) -> Result<Seen, String> {
    let looking = place.looking(None).map_err(|error| cannot_look(&error))?;
    let (looking, mut events) = looking.spawn().await.map_err(|error| error.to_string())?;
    let end = Instant::now() + wait;
    let mut seen = Seen::default();
    while let Ok(Some(heard)) = timeout_at(end, events.next()).await {
        match heard {
            Heard::Event(event) => note(&event.event, &mut seen.why),
            Heard::DiscoveryProblem { what } if seen.problems.len() < PROBLEMS => {
                seen.problems.insert(what);
            }
            Heard::DiscoveryProblem { .. } => {}
            Heard::Session(_) | Heard::Lagged { .. } => {}
        }
    }
    seen.stations = looking.stations().await.map_err(|stopped| stopped.to_string())?;
    looking.stop().await;
    Ok(seen)
}

/// Why a station is not joined, in words that follow its name: the last reason, but that another answers in its place says more than that
/// nobody answers any more.
fn note(event: &Event, why: &mut BTreeMap<StationUuid, String>) {
    match event {
        Event::StationUnreachable { station, .. }
            if why.get(station).is_some_and(|why| why.starts_with(ANOTHER)) =>
        {
            None
        }
        Event::StationUnreachable { station, failure } => why.insert(*station, failure.to_string()),
        Event::JoinRefused { station, message } => {
            let words = format!("it refuses us: {}", shown::name(message));
            why.insert(*station, words)
        }
        Event::StationMismatch { expected, found, address } => {
            let words = format!("{ANOTHER} ({}) answers at {address}", shown::short(found));
            why.insert(*expected, words)
        }
        Event::StationJoined { station, .. } | Event::StationReachable { station } => why.remove(station),
        _ => None,
    };
}

/// More different problems of finding others are not held.
const PROBLEMS: usize = 64;

/// How the reason begins that outlasts others.
const ANOTHER: &str = "another station";

/// An announcement takes a second; a loaded machine needs more.
const PATIENCE: Duration = Duration::from_secs(8);

#[cfg(test)]
mod tests {
    use mvrx_station::ExchangeFailure;

    use super::*;

    #[test]
    fn the_last_reason_counts_until_the_station_is_joined() {
        let [station, found] = [1, 2].map(|byte| StationUuid::from_random_bytes([byte; 16]));
        let mut why = BTreeMap::new();
        let address = "10.0.0.1:42424".parse().unwrap();
        note(&Event::StationMismatch { expected: station, found, address }, &mut why);
        assert!(why[&station].contains("answers at 10.0.0.1:42424"), "{why:?}");
        note(&Event::StationUnreachable { station, failure: ExchangeFailure::NoAddressAnswered }, &mut why);
        assert!(why[&station].contains("answers at 10.0.0.1:42424"), "{why:?}");
        note(&Event::JoinRefused { station, message: "full\u{1b}".to_owned() }, &mut why);
        assert_eq!(why[&station], "it refuses us: full\u{fffd}");
        note(&Event::StationReachable { station }, &mut why);
        assert!(why.is_empty());
    }
}

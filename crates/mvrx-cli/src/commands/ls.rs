//! `mvrx ls`: who is there and what they have. Looks with an identity of its own, is not announced, and leaves when done.

use std::collections::BTreeSet;
use std::time::Duration;

use mvrx_discovery::{Discovery, SessionSighting, find_sessions};
use mvrx_message::{FileUuid, StationUuid};
use mvrx_station::{CommitInfo, Event, Heard, Membership, Station, StationInfo};
use serde_json::json;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::args::Ls;
use crate::failure::Failure;
use crate::{session, show, station};

pub(crate) async fn run(mut args: Ls) -> Result<(), Failure> {
    let wait = station::duration(args.wait);
    args.session.host = session::url(&args.session, &args.common, wait).await?;
    let url = args.session.host.as_deref();
    let (looking, mut events) =
        station::spawn(station::describe_looking(&args.common, &args.session)?).await?;
    let sessions = if url.is_none() { Some(look_for_sessions(&args)?) } else { None };
    let mut shown = BTreeSet::new();
    // The station tells each once, and no more than a few dozen.
    let mut problems = Vec::new();
    let mut stopped = match url {
        Some(url) => tokio::select! {
            joined = session::joined(&mut events, url, wait) => joined.err(),
            failure = station::stopped() => Some(failure),
        },
        None => None,
    };
    // A host tells everything at once.
    let end = Instant::now() + if url.is_some() { wait.min(TOLD) } else { wait };
    if url.is_some() && stopped.is_none() && !args.json {
        show_new(&looking, &mut shown).await?;
    }
    while stopped.is_none() {
        let heard = tokio::select! {
            heard = events.next() => heard,
            () = tokio::time::sleep_until(end) => break,
            failure = station::stopped() => {
                stopped = Some(failure);
                break;
            }
        };
        let Some(heard) = heard else { break };
        let joined = match &heard {
            Heard::Event(seen) => {
                matches!(seen.event, Event::StationJoined { .. } | Event::CommitSeen { .. })
            }
            Heard::DiscoveryProblem { what } => {
                show::note(&format!("finding others: {}", show::tame(what)));
                problems.push(what.clone());
                false
            }
            Heard::Lagged { .. } => true,
            Heard::Session(_) => false,
        };
        if joined && !args.json {
            show_new(&looking, &mut shown).await?;
        }
    }
    let stations = looking.stations().await?;
    let commits = looking.commits().await?;
    looking.stop().await;
    let sessions = match sessions.filter(|_| stopped.is_none()) {
        Some(sessions) => sessions.await.unwrap_or_default(),
        None => Vec::new(),
    };
    let nobody = stations.is_empty() && sessions.is_empty();
    let failure = stopped.or_else(|| nobody.then(|| nobody_here(&args, &stations)));
    if args.json {
        let found = (&stations[..], &commits[..], &sessions[..]);
        let document = document(&args, found, &problems, failure.as_ref());
        show::document(&document);
    } else {
        let others = stations.iter().filter(|s| !shown.contains(&Shown::Station(s.station)));
        others.for_each(|station| show::line(&show::station_line(station)));
        sessions.iter().for_each(|session| show::line(&session_line(session)));
    }
    failure.map_or(Ok(()), |failure| Err(failure.after_document()))
}

fn nobody_here(args: &Ls, stations: &[StationInfo]) -> Failure {
    match args.session.host.as_deref() {
        Some(url) => Failure::nobody(format!("nobody is in {}", session::place(Some(url), &args.common))),
        None => station::nobody(&args.common, args.wait, stations),
    }
}

fn document(
    args: &Ls,
    (stations, commits, sessions): (&[StationInfo], &[CommitInfo], &[SessionSighting]),
    problems: &[String],
    failure: Option<&Failure>,
) -> serde_json::Value {
    let stations: Vec<_> = stations.iter().map(|s| show::station_json(s, commits)).collect();
    let sessions: Vec<_> = sessions.iter().map(session_json).collect();
    let mut document = json!({
        "schema": show::SCHEMA, "group": args.common.group, "session": args.session.host, "stations": stations, "sessions": sessions,
        "problems": problems,
    });
    if let (Some(failure), Some(fields)) = (failure, document.as_object_mut()) {
        fields.insert("error".to_owned(), failure.words().into());
        fields.insert("exit_code".to_owned(), failure.code().into());
    }
    document
}

/// Hosts of sessions (WebSocket mode) that the network shows, of all groups.
fn look_for_sessions(args: &Ls) -> Result<JoinHandle<Vec<SessionSighting>>, Failure> {
    let mut discovery = station::discovery(&args.common)?;
    let wait = station::duration(args.wait);
    Ok(tokio::spawn(async move {
        let found = find_sessions(&mut discovery, wait, usize::MAX).await;
        Box::new(discovery).shutdown().await;
        found.unwrap_or_default()
    }))
}

fn session_line(session: &SessionSighting) -> String {
    let urls = session.urls();
    let more = match urls.len() {
        0 | 1 => String::new(),
        several => format!(" (and {} more)", several - 1),
    };
    let url = urls.first().map(|url| show::tame(url)).unwrap_or_default();
    format!(
        "{}  hosts the session {} at {url}{more}",
        show::name(&session.station_name),
        show::name(&session.group)
    )
}

fn session_json(session: &SessionSighting) -> serde_json::Value {
    json!({
        "station": session.station.to_string(), "name": session.station_name, "group": session.group, "urls": session.urls(),
    })
}

/// What a host has to tell is there within this time.
const TOLD: Duration = Duration::from_secs(1);

/// What a person has read already.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Shown {
    Station(StationUuid),
    File(StationUuid, FileUuid),
}

/// Shows the stations and files that were not shown yet. Each station has one line; what it turns out to have later names it.
async fn show_new(looking: &Station, shown: &mut BTreeSet<Shown>) -> Result<(), Failure> {
    let commits = looking.commits().await?;
    for station in looking.stations().await?.iter().filter(|s| s.membership == Membership::Member) {
        let first = shown.insert(Shown::Station(station.station));
        if first {
            show::line(&show::station_line(station));
        }
        for commit in commits.iter().filter(|c| c.holders.contains(&station.station)) {
            if shown.insert(Shown::File(station.station, commit.commit.file)) {
                let whose = if first { String::new() } else { format!("  at {}", show::name(&station.name)) };
                show::line(&format!("    {}{whose}", show::commit_line(commit)));
            }
        }
    }
    Ok(())
}

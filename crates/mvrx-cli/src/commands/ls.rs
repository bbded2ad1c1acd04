//! `mvrx ls`: who is there and what they have. Looks with an identity of its own, is not announced, and leaves when done.

use std::collections::BTreeSet;

use mvrx_message::{FileUuid, StationUuid};
use mvrx_station::{Event, Heard, Membership, Station};
use serde_json::json;
use tokio::time::Instant;

use crate::args::Ls;
use crate::failure::Failure;
use crate::{show, station};

pub(crate) async fn run(args: Ls) -> Result<(), Failure> {
    let (looking, mut events) = station::spawn(station::describe_looking(&args.common)?).await?;
    let end = Instant::now() + station::duration(args.wait);
    let mut shown = BTreeSet::new();
    let mut stopped = None;
    loop {
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
                show::note(&format!("finding others: {what}"));
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
    let failure =
        stopped.or_else(|| stations.is_empty().then(|| station::nobody(&args.common, args.wait, &stations)));
    if args.json {
        let stations: Vec<_> = stations.iter().map(|s| show::station_json(s, &commits)).collect();
        let mut document =
            json!({ "schema": show::SCHEMA, "group": args.common.group, "stations": stations });
        if let (Some(failure), Some(fields)) = (&failure, document.as_object_mut()) {
            fields.insert("error".to_owned(), failure.words().into());
            fields.insert("exit_code".to_owned(), failure.code().into());
        }
        show::document(&document);
    } else {
        let others = stations.iter().filter(|s| !shown.contains(&Shown::Station(s.station)));
        others.for_each(|station| show::line(&show::station_line(station)));
    }
    failure.map_or(Ok(()), |failure| Err(failure.after_document()))
}

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

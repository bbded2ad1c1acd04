//! `mvrx ls`: who is there and what they have. Looks with an identity of its own, is not announced, and leaves when done.

use std::collections::BTreeSet;

use mvrx_station::{Event, Heard, Membership};
use serde_json::json;
use tokio::time::Instant;

use crate::args::Ls;
use crate::failure::Failure;
use crate::{show, station};

pub(crate) async fn run(args: Ls) -> Result<(), Failure> {
    let (looking, mut events) = station::spawn(station::describe_looking(&args.common)?).await?;
    let end = Instant::now() + station::duration(args.wait);
    let mut shown = BTreeSet::new();
    loop {
        let heard = tokio::select! {
            heard = events.next() => heard,
            () = tokio::time::sleep_until(end) => break,
            () = station::interrupted() => break,
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
        };
        if joined && !args.json {
            show_new(&looking, &mut shown).await?;
        }
    }
    let stations = looking.stations().await?;
    let commits = looking.commits().await?;
    looking.stop().await;

    if args.json {
        let stations: Vec<_> = stations.iter().map(|s| show::station_json(s, &commits)).collect();
        show::document(&json!({ "schema": show::SCHEMA, "group": args.common.group, "stations": stations }));
    } else {
        for unjoined in stations.iter().filter(|s| s.membership != Membership::Member) {
            show::line(&show::station_line(unjoined));
        }
    }
    if stations.is_empty() {
        let group = &args.common.group;
        return Err(Failure::nobody(format!(
            "nobody is in the group {group} (upper and lower case differ); is another group in use there, or another network?"
        )));
    }
    Ok(())
}

/// Shows the stations and files that were not shown yet.
async fn show_new(looking: &mvrx_station::Station, shown: &mut BTreeSet<String>) -> Result<(), Failure> {
    let commits = looking.commits().await?;
    for station in looking.stations().await?.iter().filter(|s| s.membership == Membership::Member) {
        let files: Vec<_> = commits.iter().filter(|c| c.holders.contains(&station.station)).collect();
        let new: Vec<_> = files
            .iter()
            .filter(|c| !shown.contains(&format!("{} {}", station.station, c.commit.file)))
            .collect();
        let known = shown.contains(&station.station.to_string());
        if known && new.is_empty() {
            continue;
        }
        show::line(&show::station_line(station));
        shown.insert(station.station.to_string());
        for commit in new {
            show::line(&format!("    {}", show::commit_line(commit)));
            shown.insert(format!("{} {}", station.station, commit.commit.file));
        }
    }
    Ok(())
}

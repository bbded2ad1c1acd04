//! `mvrx commit`: commits a file and serves it until it was fetched often enough, or until stopped.

use std::time::Duration;

use mvrx_message::{FileUuid, StationUuid};
use mvrx_station::{CommitDraft, Event, Events, Heard, Membership, Station};
use tokio::time::Instant;

use crate::args::Commit;
use crate::commands::watching::Watching;
use crate::failure::Failure;
use crate::pick::{self, Meant};
use crate::{data, show, station};

pub(crate) async fn run(args: Commit) -> Result<(), Failure> {
    if !args.file.is_file() {
        return Err(Failure::bad_file(format!("{} is not a file", args.file.display())));
    }
    if let Err(error) = mvrx_file::version_of(&args.file) {
        show::note(&format!(
            "mvrx: {} does not look like an .mvr ({error}); committed all the same",
            args.file.display()
        ));
    }
    let data = data::open(args.kept.data.as_deref(), &station::name(&args.common))?;
    let mut describe = station::describe(&args.common)?.identity(data.station).store(data.store);
    if let Some(listen) = args.kept.listen {
        describe = describe.listen(listen);
    }
    let (running, mut events) = station::spawn(describe).await?;
    let mut watching = Watching::new(args.json);
    let result = tokio::select! {
        result = serve(&running, &mut events, &mut watching, &args) => result,
        () = station::interrupted() => Ok(()),
    };
    running.stop().await;
    result
}

async fn serve(
    running: &Station,
    events: &mut Events,
    watching: &mut Watching,
    args: &Commit,
) -> Result<(), Failure> {
    let to = find_all(running, events, watching, args).await?;
    let draft = CommitDraft::from_path(&args.file).comment(args.message.as_str()).for_stations(to);
    let commit = running.commit(draft).await;
    let commit = commit.map_err(|error| Failure::bad_file(format!("{}: {error}", args.file.display())))?;
    watching.refresh(running).await?;
    if args.until_fetched.is_none() {
        watching.say("serving it until stopped (ctrl-c)");
    }
    let mut left = args.until_fetched;
    while left != Some(0) {
        let Some(heard) = events.next().await else { return Err(Failure::local("the station has stopped")) };
        watching.heard(&heard, running).await?;
        if served(&heard, commit.file) {
            left = left.map(|n| n.saturating_sub(1));
        }
    }
    Ok(())
}

fn served(heard: &Heard, wanted: FileUuid) -> bool {
    matches!(heard, Heard::Event(seen) if matches!(seen.event, Event::Served { file, .. } if file == wanted))
}

/// Waits until every station of `--to` is in the group.
async fn find_all(
    running: &Station,
    events: &mut Events,
    watching: &mut Watching,
    args: &Commit,
) -> Result<Vec<StationUuid>, Failure> {
    let end = Instant::now() + station::duration(args.wait);
    loop {
        let stations = running.stations().await?;
        let members: Vec<_> = stations.into_iter().filter(|s| s.membership == Membership::Member).collect();
        let mut found = Vec::new();
        let mut missing = Vec::new();
        for text in &args.to {
            match pick::station(text, &members) {
                Meant::One(station) => found.push(station),
                Meant::None => missing.push(text.as_str()),
                Meant::Several(which) => {
                    let which = which.join("\n  ");
                    return Err(Failure::usage(format!(
                        "{text} can mean more than one station; say which:\n  {which}"
                    )));
                }
            }
        }
        if missing.is_empty() {
            return Ok(found);
        }
        if Instant::now() >= end {
            return Err(Failure::nobody(format!(
                "not in the group {}: {}; nothing was committed",
                args.common.group,
                missing.join(", ")
            )));
        }
        tokio::select! {
            heard = events.next() => match heard {
                Some(heard) => watching.heard(&heard, running).await?,
                None => return Err(Failure::local("the station has stopped")),
            },
            () = tokio::time::sleep_until(end.max(Instant::now() + Duration::from_millis(1))) => {}
        }
    }
}

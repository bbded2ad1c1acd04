//! `mvrx commit`: commits a file and serves it until it was fetched often enough, or until stopped.

use std::path::Path;
use std::time::Duration;

use mvrx_message::{FileUuid, StationUuid};
use mvrx_node::history::Rounds;
use mvrx_node::node::{News, Node};
use mvrx_station::{CommitDraft, Event, Events, Heard, Membership, Station};
use serde_json::json;
use tokio::time::Instant;

use crate::args::Commit;
use crate::commands::offer::{self, Desk};
use crate::commands::watching::Watching;
use crate::failure::Failure;
use crate::pick::{self, Meant};
use crate::{data, node_news, session, show, station};

pub(crate) async fn run(mut args: Commit) -> Result<(), Failure> {
    let odd = offer::look(&args.file, args.common.any_file)?;
    let wait = station::duration(args.wait);
    args.session.host = session::url(&args.session, &args.common, wait).await?;
    let url = args.session.host.as_deref();
    let (told, rounds) = mvrx_node::history::rounds();
    let data = data::open_as(
        args.kept.data.as_deref(),
        &station::name(&args.common),
        &args.kept.history.options(told),
    )?;
    let kept_at = data.path.clone();
    let mut describe =
        station::describe(&args.common, &args.session)?.identity(data.station).store(data.store);
    if let Some(listen) = args.kept.listen {
        describe = describe.listen(listen);
    }
    let (running, events) = station::spawn(describe).await?;
    let mut watching = Watching::new(args.json);
    if url.is_some() {
        watching.in_session();
    }
    let result = tokio::select! {
        result = serve((&running, events), (&kept_at, rounds), &mut watching, &args, odd) => result,
        // Serving until stopped is what it was to do.
        stopped = station::stopped() => if args.until_fetched.is_none() { Ok(()) } else { Err(stopped) },
    };
    running.stop().await;
    result
}

async fn serve(
    (running, mut events): (&Station, Events),
    (kept_at, rounds): (&Path, Rounds),
    watching: &mut Watching,
    args: &Commit,
    odd: Option<String>,
) -> Result<(), Failure> {
    if let Some(url) = args.session.host.as_deref() {
        for heard in session::joined(&mut events, url, station::duration(args.wait)).await? {
            watching.heard(&heard, running).await?;
        }
    }
    let mut node = Node::new(running.clone(), events, kept_at).history(rounds);
    let to = find_all(&mut node, watching, args).await?;
    let draft = CommitDraft::from_path(&args.file).comment(args.message.as_str()).for_stations(to);
    let mut desk = Desk { node: &mut node, watching };
    let file = desk.commit(draft, &args.file, odd.as_deref()).await?;
    if args.until_fetched.is_none() {
        watching.say(
            "serving_until_stopped",
            "serving it until stopped (ctrl-c)",
            json!({ "file": file.to_string() }),
        );
    }
    // Counted by the station: of the events some may be missed.
    while !is_enough(running, file, args.until_fetched).await? {
        let news = node.next().await?;
        node_news::tell(&news, &node, watching).await?;
        if args.session.host.is_some() && args.until_fetched.is_some() {
            is_taken(&news, file)?;
        }
    }
    // The count may be ahead of what was read: who fetched it is told all the same.
    while let Some(news) = node.heard_at_once()? {
        node_news::tell(&news, &node, watching).await?;
    }
    Ok(())
}

/// A session's host that refuses a commit tells nobody of it: then nobody ever fetches it.
fn is_taken(news: &News, file: FileUuid) -> Result<(), Failure> {
    let News::Heard(Heard::Event(seen)) = news else { return Ok(()) };
    match &seen.event {
        Event::CommitRefused { file: refused, message, .. } if *refused == file => Err(Failure::peer(
            format!("the session's host does not take it, and nobody can fetch it: {}", show::tame(message)),
        )),
        _ => Ok(()),
    }
}

/// Whether as many stations have fetched the file as were waited for.
async fn is_enough(running: &Station, file: FileUuid, wanted: Option<u64>) -> Result<bool, Failure> {
    let Some(wanted) = wanted else { return Ok(false) };
    let commits = running.commits().await?;
    let fetched = commits.iter().find(|info| info.commit.file == file).map_or(0, |info| info.fetched);
    Ok(fetched >= wanted)
}

/// Waits until every station of `--to` is in the group.
async fn find_all(
    node: &mut Node,
    watching: &mut Watching,
    args: &Commit,
) -> Result<Vec<StationUuid>, Failure> {
    let end = Instant::now() + station::duration(args.wait);
    loop {
        let stations = node.station().stations().await?;
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
                "not seen in {} within {} s: {}; nothing was committed",
                session::place(args.session.host.as_deref(), &args.common),
                args.wait,
                missing.join(", ")
            )));
        }
        tokio::select! {
            news = node.next() => node_news::tell(&news?, node, watching).await?,
            () = tokio::time::sleep_until(end.max(Instant::now() + Duration::from_millis(1))) => {}
        }
    }
}

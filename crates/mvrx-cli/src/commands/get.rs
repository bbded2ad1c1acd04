//! `mvrx get`: fetches one file. Asks with an identity of its own, is not announced, and leaves when done.

use std::time::Duration;

use mvrx_message::{FileUuid, StationUuid};
use mvrx_station::{
    Checked, CommitInfo, Condition, Event, Events, Fetched, Heard, Membership, RequestFailure, Source,
    Station, StationInfo, Transfer,
};
use mvrx_store::FsStore;
use serde_json::json;
use tokio::time::Instant;

use crate::args::Get;
use crate::failure::Failure;
use crate::kept::{self, Kept};
use crate::pick::{self, Meant};
use crate::{events, session, show, station};

mod destination;
mod words;

use destination::Destination;

pub(crate) async fn run(mut args: Get) -> Result<(), Failure> {
    let destination = Destination::parse(&args.output)?;
    if let Some(kept) = kept_here(&args)? {
        return from_here(destination, kept, args.json).await;
    }
    destination::clear_leftovers(&destination.folder);
    // Beside its final place, so that the last step is a rename and not a copy.
    let beside = tempfile::Builder::new().prefix(destination::BESIDE).tempdir_in(&destination.folder);
    let beside = beside.map_err(|error| {
        Failure::local(format!("cannot write into {}: {error}", destination.folder.display()))
    })?;
    let store = FsStore::open(beside.path()).map_err(|error| Failure::local(error.to_string()))?;
    let wait = station::duration(args.wait);
    args.session.host = session::url(&args.session, &args.common, wait).await?;
    let describe = station::describe_looking(&args.common, &args.session)?.store(store.clone());
    let (asking, mut events) = station::spawn(describe).await?;

    let fetched = tokio::select! {
        fetched = fetch(&asking, &mut events, &args) => fetched,
        stopped = station::stopped() => Err(stopped),
    };
    asking.stop().await;
    // The store goes with this process; what a person is to look at stays.
    for path in destination::keep_bad(beside.path(), &destination.folder) {
        show::note(&format!("mvrx: a bad file that came is kept at {}", path.display()));
    }
    let Got { fetched, announced } = fetched?;
    let path = destination.save(&store, &fetched).await?;
    if args.json {
        show::document(&json!({
            "schema": show::SCHEMA,
            "file": fetched.file.to_string(),
            "file_name": fetched.commit.file_name,
            "path": path.display().to_string(),
            "size": fetched.commit.file_size,
            "announced_size": announced.unwrap_or(fetched.commit.file_size),
            "blake3": fetched.commit.blake3.map(|h| show::hex(&h)),
            "author": fetched.commit.station.map(|s| s.to_string()),
            "from": fetched.from.map(|s| s.to_string()),
            "comment": fetched.commit.comment,
            "check": checked_json(fetched.checked.as_ref()),
        }));
    } else {
        show::line(&path.display().to_string());
        if let Some(checked) = &fetched.checked {
            show::note(&format!("mvrx: {checked}"));
        }
    }
    Ok(())
}

/// The revision that is meant, where it is kept on this machine. What cannot be looked into keeps nobody from asking the others.
fn kept_here(args: &Get) -> Result<Option<Kept>, Failure> {
    if args.from.is_some() || pick::is_latest(&args.what) {
        return Ok(None);
    }
    match kept::find(args.data.as_deref(), &args.what) {
        Err(failure) if !failure.is_usage() => Ok(None),
        found => found,
    }
}

/// Saves a revision that is kept here.
async fn from_here(destination: Destination, kept: Kept, json: bool) -> Result<(), Failure> {
    let stored = kept.stored().clone();
    let path = destination.copy(kept).await?;
    if json {
        show::document(&json!({
            "schema": show::SCHEMA,
            "file": stored.commit.file.to_string(),
            "file_name": stored.commit.file_name,
            "path": path.display().to_string(),
            "size": stored.length,
            "announced_size": stored.commit.file_size,
            "blake3": show::hex(&stored.hash),
            "author": stored.commit.station.map(|s| s.to_string()),
            "from": serde_json::Value::Null,
            "comment": stored.commit.comment,
            "check": serde_json::Value::Null,
            "kept_here": true,
        }));
    } else {
        show::line(&path.display().to_string());
        show::note("mvrx: it was kept here; its bytes are those that were stored");
    }
    Ok(())
}

/// A file in the store, and the length announced for it where it was another.
struct Got {
    fetched: Fetched,
    announced: Option<u64>,
}

async fn fetch(asking: &Station, events: &mut Events, args: &Get) -> Result<Got, Failure> {
    if let Some(url) = args.session.host.as_deref() {
        session::joined(events, url, station::duration(args.wait)).await?;
    }
    let (file, source) = find(asking, events, args).await?;
    let transfer = match (file, source) {
        (Some(file), source) => asking.request(file, source).await?,
        (None, Source::Station(from)) => asking.request_current_state(from).await?,
        (None, Source::Any) => asking.request_latest(Source::Any).await?,
    };
    let bar = (show::for_people() && !args.json).then(progress_bar);
    let stations = asking.stations().await?;
    match follow(transfer, events, bar, &stations).await {
        Ok(got) => Ok(got),
        Err(failure) => Err(words::not_fetched(&failure, file, &stations, args)),
    }
}

fn checked_json(checked: Option<&Checked>) -> serde_json::Value {
    let Some(checked) = checked else { return serde_json::Value::Null };
    let (members, unread, reason) = match &checked.condition {
        Condition::Whole { members, unread } => (Some(members), Some(unread), None),
        other => (None, None, Some(other.to_string())),
    };
    json!({
        "whole": members.is_some(), "members": members, "unread": unread, "reason": reason,
        "size_as_told": checked.size_as_told, "hash_as_told": checked.hash_as_told, "text": checked.to_string(),
    })
}

/// Waits until somebody has what is wanted: an id or a name as soon as it is seen, the latest when the group has had time to tell.
async fn find(
    asking: &Station,
    events: &mut Events,
    args: &Get,
) -> Result<(Option<FileUuid>, Source), Failure> {
    let end = Instant::now() + station::duration(args.wait);
    let latest = pick::is_latest(&args.what);
    let mut quiet_at = Instant::now() + SETTLED;
    loop {
        let all = asking.stations().await?;
        let commits = asking.commits().await?;
        let members: Vec<StationInfo> =
            all.iter().filter(|s| s.membership == Membership::Member).cloned().collect();
        let last_look = Instant::now() >= end;
        let quiet = Instant::now() >= quiet_at || last_look;
        let from = match args.from.as_deref().map(|text| (text, pick::station(text, &members))) {
            None => Some(None),
            Some((_, Meant::One(station))) => Some(Some(station)),
            Some((text, Meant::None)) if last_look => {
                return Err(words::no_such_station(text, &members, &all, args));
            }
            Some((_, Meant::None)) => None,
            Some((text, Meant::Several(which))) => return Err(words::ambiguous_station(text, &which)),
        };
        if let Some(from) = from {
            let source = from.map_or(Source::Any, Source::Station);
            match choose(&args.what, &commits, &members, from) {
                Meant::One(file) if !latest || quiet => return Ok((Some(file), source)),
                Meant::Several(which) if quiet => return Err(words::ambiguous_file(&args.what, &which)),
                Meant::None if last_look && latest && !members.is_empty() => return Ok((None, source)),
                Meant::None if last_look => return Err(words::nothing(args, &members, &all, &commits)),
                _ => {}
            }
        }
        tokio::select! {
            heard = events.next() => {
                let heard = heard.ok_or_else(|| Failure::local("the station has stopped"))?;
                if is_news(&heard) {
                    quiet_at = Instant::now() + SETTLED;
                }
            }
            () = tokio::time::sleep_until(if quiet { end } else { end.min(quiet_at) }) => {}
        }
    }
}

/// Whether there is more to choose from now.
fn is_news(heard: &Heard) -> bool {
    match heard {
        Heard::Event(seen) => {
            matches!(seen.event, Event::StationJoined { .. } | Event::CommitSeen { .. })
        }
        Heard::Lagged { .. } => true,
        Heard::Session(_) => false,
        Heard::DiscoveryProblem { what } => {
            show::note(&format!("mvrx: finding others: {what}"));
            false
        }
    }
}

fn choose(
    what: &str,
    commits: &[CommitInfo],
    members: &[StationInfo],
    from: Option<StationUuid>,
) -> Meant<FileUuid> {
    let found = if pick::is_latest(what) {
        pick::latest(commits, members, from)
    } else {
        pick::commit(what, commits, members, from)
    };
    match found {
        Meant::One(commit) => Meant::One(commit.commit.file),
        Meant::None => Meant::None,
        Meant::Several(which) => Meant::Several(which),
    }
}

/// Waits for the end of the transfer, shows how far it is, and says what is odd about it.
async fn follow(
    mut transfer: Transfer,
    events: &mut Events,
    bar: Option<indicatif::ProgressBar>,
    stations: &[StationInfo],
) -> Result<Got, RequestFailure> {
    let progress = transfer.progress();
    let mut redraw = tokio::time::interval(Duration::from_millis(100));
    let mut differs = None;
    let end = loop {
        tokio::select! {
            // What happened before the end is heard before it.
            biased;
            Some(heard) = events.next() => {
                if let Heard::Event(seen) = heard
                    && let Event::FileSizeDiffers { from, announced, received, .. } = seen.event
                {
                    differs = Some((from, announced, received));
                }
            }
            end = &mut transfer => break end,
            _ = redraw.tick() => {
                if let Some(bar) = &bar {
                    draw(bar, progress.received(), progress.total());
                    if progress.checked() > 0 {
                        bar.set_message(format!("looking through it, {}", show::size(progress.checked())));
                    }
                }
            }
        }
    };
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    let fetched = end?;
    if let Some((from, announced, received)) = differs {
        let (from, file) = (words::name_of(from, stations), show::file_name(&fetched.commit.file_name));
        show::note(&format!("mvrx: {}", events::size_differs(&from, &file, announced, received)));
    }
    Ok(Got { fetched, announced: differs.map(|(_, announced, _)| announced) })
}

fn draw(bar: &indicatif::ProgressBar, received: u64, total: Option<u64>) {
    // A length that is not known, or wrong, makes no bar.
    match total.filter(|total| received <= *total) {
        Some(total) => bar.set_length(total),
        None => bar.unset_length(),
    }
    bar.set_position(received);
    bar.tick();
}

fn progress_bar() -> indicatif::ProgressBar {
    let bar = indicatif::ProgressBar::no_length();
    let template = "{wide_bar} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} {eta} {msg}";
    if let Ok(style) = indicatif::ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

/// The group is taken to have told all it has after this long without news.
const SETTLED: Duration = Duration::from_secs(2);

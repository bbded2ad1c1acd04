//! `mvrx get`: fetches one file. Asks with an identity of its own, is not announced, and leaves when done.

use std::path::{Path, PathBuf};
use std::time::Duration;

use mvrx_message::{FileUuid, StationUuid, safe_file_name};
use mvrx_station::{Event, Events, Fetched, Heard, Membership, Source, Station, Transfer};
use mvrx_store::FsStore;
use serde_json::json;
use tokio::time::Instant;

use crate::args::Get;
use crate::failure::Failure;
use crate::pick::{self, Meant};
use crate::{show, station};

pub(crate) async fn run(args: Get) -> Result<(), Failure> {
    let (folder, name) = destination(&args.output)?;
    // Beside its final place, so that the last step is a rename and not a copy.
    let beside = tempfile::Builder::new().prefix(".mvrx-get-").tempdir_in(&folder);
    let beside =
        beside.map_err(|e| Failure::local(format!("cannot write into {}: {e}", folder.display())))?;
    let store = FsStore::open(beside.path()).map_err(|e| Failure::local(e.to_string()))?;
    let describe = station::describe_looking(&args.common)?.store(store);
    let (asking, mut events) = station::spawn(describe).await?;

    let fetched = tokio::select! {
        fetched = fetch(&asking, &mut events, &args) => fetched,
        () = station::interrupted() => Err(Failure::local("stopped")),
    };
    let saved = match fetched {
        Ok(fetched) => save(&asking, fetched, &folder, name).await,
        Err(failure) => Err(failure),
    };
    asking.stop().await;
    let (fetched, path) = saved?;
    if args.json {
        show::document(&json!({
            "schema": show::SCHEMA,
            "file": fetched.file.to_string(),
            "path": path.display().to_string(),
            "size": fetched.commit.file_size,
            "blake3": fetched.commit.blake3.map(|h| show::hex(&h)),
            "author": fetched.commit.station.map(|s| s.to_string()),
            "from": fetched.from.map(|s| s.to_string()),
            "comment": fetched.commit.comment,
        }));
    } else {
        show::line(&path.display().to_string());
    }
    Ok(())
}

async fn fetch(asking: &Station, events: &mut Events, args: &Get) -> Result<Fetched, Failure> {
    let (file, source) = find(asking, events, args).await?;
    let transfer = match (file, source) {
        (Some(file), source) => asking.request(file, source).await?,
        (None, Source::Station(from)) => asking.request_current_state(from).await?,
        (None, Source::Any) => asking.request_latest(Source::Any).await?,
    };
    let bar = (show::for_people() && !args.json).then(progress_bar);
    follow(transfer, bar).await
}

/// Waits until somebody has what is wanted: an id as soon as it is seen, the latest when the group has had time to tell.
async fn find(
    asking: &Station,
    events: &mut Events,
    args: &Get,
) -> Result<(Option<FileUuid>, Source), Failure> {
    let end = Instant::now() + station::duration(args.wait);
    let settled = Duration::from_secs(2);
    let mut quiet_at = Instant::now() + settled;
    loop {
        let stations = asking.stations().await?;
        let commits = asking.commits().await?;
        let members: Vec<_> = stations.into_iter().filter(|s| s.membership == Membership::Member).collect();
        let last_look = Instant::now() >= end;
        let from = match &args.from {
            Some(text) => match pick::station(text, &members) {
                Meant::One(station) => Some(station),
                Meant::None if last_look => return Err(not_there(text, members.len())),
                Meant::None => None,
                Meant::Several(which) => return Err(ambiguous("station", text, &which)),
            },
            None => None,
        };
        let ready = args.from.is_none() || from.is_some();
        let quiet = Instant::now() >= quiet_at || last_look;
        if ready {
            let source = from.map_or(Source::Any, Source::Station);
            match choose(&args.what, &commits, &members, from) {
                Meant::One(file) if args.what != LATEST || quiet => return Ok((Some(file), source)),
                Meant::Several(which) if quiet => return Err(ambiguous("file", &args.what, &which)),
                Meant::None if last_look && args.what == LATEST && !members.is_empty() => {
                    return Ok((None, source));
                }
                Meant::None if last_look => return Err(nothing(args, members.len())),
                _ => {}
            }
        }
        tokio::select! {
            heard = events.next() => {
                if matches!(&heard, Some(Heard::Event(seen)) if matches!(seen.event, Event::StationJoined { .. } | Event::CommitSeen { .. })) {
                    quiet_at = Instant::now() + settled;
                }
                if heard.is_none() {
                    return Err(Failure::local("the station has stopped"));
                }
            }
            () = tokio::time::sleep_until(if quiet { end } else { end.min(quiet_at) }) => {}
        }
    }
}

fn choose(
    what: &str,
    commits: &[mvrx_station::CommitInfo],
    members: &[mvrx_station::StationInfo],
    from: Option<StationUuid>,
) -> Meant<FileUuid> {
    let found = if what == LATEST {
        pick::latest(commits, from, &pick::lists(commits, members))
    } else {
        pick::commit(what, commits)
    };
    match found {
        Meant::One(commit) => Meant::One(commit.commit.file),
        Meant::None => Meant::None,
        Meant::Several(which) => Meant::Several(which),
    }
}

fn ambiguous(kind: &str, text: &str, which: &[String]) -> Failure {
    Failure::usage(format!("{text} can mean more than one {kind}; say which:\n  {}", which.join("\n  ")))
}

fn not_there(text: &str, others: usize) -> Failure {
    Failure::nobody(format!("no station called {text} is in the group ({others} others are)"))
}

fn nothing(args: &Get, stations: usize) -> Failure {
    let group = &args.common.group;
    Failure::nobody(match stations {
        0 => format!("nobody is in the group {group} (upper and lower case differ)"),
        n => {
            format!("none of the {n} {} in the group {group} lists {}", show::plural(n, "station"), args.what)
        }
    })
}

async fn follow(mut transfer: Transfer, bar: Option<indicatif::ProgressBar>) -> Result<Fetched, Failure> {
    let progress = transfer.progress();
    let mut redraw = tokio::time::interval(Duration::from_millis(100));
    let end = loop {
        tokio::select! {
            end = &mut transfer => break end,
            _ = redraw.tick() => {
                if let Some(bar) = &bar {
                    bar.set_length(progress.total().unwrap_or(0));
                    bar.set_position(progress.received());
                }
            }
        }
    };
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    end.map_err(|failure| {
        use mvrx_station::RequestFailure as F;
        match failure {
            F::NothingCommitted | F::NobodyHasIt | F::StationNotJoined { .. } => {
                Failure::nobody(failure.to_string())
            }
            F::NotKept { .. } | F::LeftGroup | F::Cancelled => Failure::local(failure.to_string()),
            _ => Failure::peer(show::tame(&failure.to_string())),
        }
    })
}

fn progress_bar() -> indicatif::ProgressBar {
    let bar = indicatif::ProgressBar::new(0);
    let template = "{wide_bar} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} {eta}";
    if let Ok(style) = indicatif::ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

/// The folder to save into, and the name where one was given.
fn destination(output: &Path) -> Result<(PathBuf, Option<String>), Failure> {
    if output.is_dir() {
        return Ok((output.to_owned(), None));
    }
    if output.exists() {
        return Err(Failure::usage(format!("{} is there already; nothing is overwritten", output.display())));
    }
    let name = output.file_name().map(|n| n.to_string_lossy().into_owned());
    let folder = output.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match name {
        Some(name) if folder.is_dir() => Ok((folder.to_owned(), Some(name))),
        _ => Err(Failure::usage(format!("the folder {} is not there", folder.display()))),
    }
}

async fn save(
    asking: &Station,
    fetched: Fetched,
    folder: &Path,
    name: Option<String>,
) -> Result<(Fetched, PathBuf), Failure> {
    let (store, folder, file) = (asking.store(), folder.to_owned(), fetched.file);
    let hint = name.unwrap_or_else(|| safe_file_name(&fetched.commit.file_name));
    let saving =
        tokio::task::spawn_blocking(move || store.put_away(file, &folder, &hint, &mvrx_store::Cancel::new()));
    match saving.await {
        Ok(Ok(saved)) => Ok((fetched, saved.path)),
        Ok(Err(error)) => Err(Failure::local(error.to_string())),
        Err(error) => Err(Failure::local(error.to_string())),
    }
}

const LATEST: &str = "latest";

//! `mvrx up`: the long-running station.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mvrx_message::FileUuid;
use mvrx_station::{CommitDraft, Event, Fetched, Heard, RequestFailure, Source, Station};
use tokio::task::JoinSet;

use crate::args::{Fetch, Up};
use crate::commands::mixer::serve as mixer_serve;
use crate::commands::watching::Watching;
use crate::failure::Failure;
use crate::{data, show, station};

pub(crate) async fn run(args: Up) -> Result<(), Failure> {
    for file in &args.files {
        if !file.is_file() {
            return Err(Failure::bad_file(format!("{} is not a file", file.display())));
        }
    }
    if !args.dir.is_dir() {
        return Err(Failure::usage(format!("the folder {} is not there", args.dir.display())));
    }
    let data = data::open(args.kept.data.as_deref(), &station::name(&args.common))?;
    let kept_at = data.path.clone();
    let mut describe = station::describe(&args.common)?.identity(data.station).store(data.store);
    if let Some(listen) = args.kept.listen {
        describe = describe.listen(listen);
    }
    let mixer = serve_mixer(&args)?;
    let (running, mut events) = match station::spawn(describe).await {
        Ok(spawned) => spawned,
        Err(failure) => {
            stop_mixer(mixer, &args).await;
            return Err(failure);
        }
    };
    let mut watching = Watching::new(args.json);
    watching.say(&format!(
        "{} is up in the group {}, listening at {}, data in {}",
        station::name(&args.common),
        args.common.group,
        running.address(),
        kept_at.display()
    ));
    if let Some(mixer) = &mixer {
        let at: Vec<String> = mixer.local_addresses().iter().map(ToString::to_string).collect();
        watching.say(&format!("serving Mixer at {}", at.join(", ")));
    }
    watching.refresh(&running).await?;
    let ended = async {
        share(&running, &args.files, &watching).await?;
        watch(&running, &mut events, &mut watching, &args).await
    };
    let result = tokio::select! {
        result = ended => result,
        () = station::interrupted() => Ok(()),
    };
    running.stop().await;
    stop_mixer(mixer, &args).await;
    result
}

/// Mixer's rooms beside the station, when wished for.
fn serve_mixer(args: &Up) -> Result<Option<mixer::Server>, Failure> {
    let Some(address) = args.mixer else { return Ok(None) };
    let mut builder = mixer::Server::builder().address(address);
    if let Some(directory) = &args.mixer_data {
        builder = builder.data(directory, mixer::Fsync::Interval(Duration::from_secs(1)));
    }
    mixer_serve::start(builder).map(Some)
}

async fn stop_mixer(server: Option<mixer::Server>, args: &Up) {
    if let Some(server) = server {
        mixer_serve::stop(server, args.json).await;
    }
}

/// Commits the files given at the start, but not again what was committed from here before.
async fn share(running: &Station, files: &[PathBuf], watching: &Watching) -> Result<(), Failure> {
    for path in files {
        let hash = hash_of(path).await?;
        let ours = Some(running.uuid());
        let commits = running.commits().await?;
        if let Some(known) =
            commits.iter().find(|c| c.held && c.commit.station == ours && c.commit.blake3 == Some(hash))
        {
            watching.say(&format!(
                "{} is committed already as {}",
                path.display(),
                show::short(&known.commit.file)
            ));
            continue;
        }
        let committed = running.commit(CommitDraft::from_path(path.clone())).await;
        committed.map_err(|error| Failure::bad_file(format!("{}: {error}", path.display())))?;
    }
    Ok(())
}

async fn hash_of(path: &Path) -> Result<[u8; 32], Failure> {
    let owned = path.to_owned();
    let hashed = tokio::task::spawn_blocking(move || hash(&owned)).await;
    match hashed {
        Ok(Ok(hash)) => Ok(hash),
        Ok(Err(error)) => Err(Failure::bad_file(format!("{}: {error}", path.display()))),
        Err(error) => Err(Failure::local(error.to_string())),
    }
}

/// The BLAKE3 of a file, read in pieces.
fn hash(path: &Path) -> std::io::Result<[u8; 32]> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(std::fs::File::open(path)?)?;
    Ok(*hasher.finalize().as_bytes())
}

async fn watch(
    running: &Station,
    events: &mut mvrx_station::Events,
    watching: &mut Watching,
    args: &Up,
) -> Result<(), Failure> {
    let mut fetches: JoinSet<(FileUuid, Result<Fetched, RequestFailure>)> = JoinSet::new();
    let mut wanted: std::collections::BTreeSet<FileUuid> = std::collections::BTreeSet::new();
    let folder: Arc<Path> = args.dir.clone().into();
    loop {
        tokio::select! {
            heard = events.next() => {
                let Some(heard) = heard else { return Err(Failure::local("the station has stopped")) };
                watching.heard(&heard, running).await?;
                if args.get == Fetch::All && brings_files(&heard) {
                    for commit in running.commits().await? {
                        if !commit.held && wanted.insert(commit.commit.file) {
                            let file = commit.commit.file;
                            let transfer = running.request(file, Source::Any).await?;
                            fetches.spawn(async move { (file, transfer.await) });
                        }
                    }
                }
            }
            Some(fetched) = fetches.join_next() => match fetched {
                Ok((_, Ok(fetched))) => save(running, fetched, Arc::clone(&folder), watching).await,
                // The event has told why; it is tried again when somebody comes who may have it.
                Ok((file, Err(_))) => drop(wanted.remove(&file)),
                Err(_) => {}
            },
        }
    }
}

/// Whether a file may be there now that could not be fetched before.
fn brings_files(heard: &Heard) -> bool {
    match heard {
        Heard::Event(seen) => matches!(
            seen.event,
            Event::CommitSeen { .. } | Event::StationJoined { .. } | Event::StationReachable { .. }
        ),
        Heard::DiscoveryProblem { .. } => false,
        Heard::Lagged { .. } => true,
    }
}

async fn save(running: &Station, fetched: Fetched, folder: Arc<Path>, watching: &Watching) {
    let (store, file) = (running.store(), fetched.file);
    let hint = fetched.commit.file_name.clone();
    let saving =
        tokio::task::spawn_blocking(move || store.put_away(file, &folder, &hint, &mvrx_store::Cancel::new()));
    let words = match saving.await {
        Ok(Ok(saved)) => format!("saved {}, {}", saved.path.display(), show::size(fetched.commit.file_size)),
        Ok(Err(error)) => format!("fetched, but not saved: {error}"),
        Err(error) => format!("fetched, but not saved: {error}"),
    };
    watching.say(&words);
}

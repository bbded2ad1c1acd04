//! `mvrx mixer save`, `load`: rooms as files in the format of Mixer's own tools.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use mixer::{Json, Object, Progress, SavedRoom, takes_every_version};
use serde_json::json;

use super::args::{Load, Save};
use super::{connect, unless_stopped};
use crate::failure::Failure;
use crate::show;

/// A file beyond this is no saved room; no server takes one.
const LARGEST: u64 = 8 << 30;

pub(super) async fn save(args: Save) -> Result<(), Failure> {
    let path = args.file.clone();
    let there = || Failure::usage(format!("{} is there already; --force writes over it", path.display()));
    if path.is_dir() {
        return Err(Failure::usage(format!("{} is a folder; name a file", path.display())));
    }
    // Renaming over it would take away a device, a pipe or a link that somebody put there on purpose.
    if fs::symlink_metadata(&path).is_ok_and(|about| !about.is_file()) {
        return Err(Failure::usage(format!("{} is no regular file; name another", path.display())));
    }
    if path.exists() && !args.force {
        return Err(there());
    }
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        return Err(Failure::usage(format!("the folder {} is not there", folder.display())));
    }
    let folder = folder.to_owned();
    let saved = unless_stopped(async {
        let mut client = connect(&args.reach).await?;
        let mut bar = Bar::new(args.json);
        let saved = client.save_room_watched(&args.room, |progress| bar.show(progress)).await;
        bar.clear();
        Ok(saved?)
    })
    .await?;
    let (commands, bytes) = (saved.command_count(), saved.commands.len() as u64);
    let (to, force) = (path.clone(), args.force);
    let written = tokio::task::spawn_blocking(move || write(&saved, &folder, &to, force)).await;
    let cannot =
        |error: &dyn std::fmt::Display| Failure::local(format!("cannot write {}: {error}", path.display()));
    match written.map_err(|error| cannot(&error))? {
        Ok(()) => {}
        // Somebody made the file while we read the room.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Err(there()),
        Err(error) => return Err(cannot(&error)),
    }
    if args.json {
        show::document(&json!({
            "schema": show::SCHEMA, "room": args.room, "path": path.display().to_string(), "commands": commands, "bytes": bytes,
        }));
    } else {
        show::note(&format!("saved {commands} commands, {}", show::size(bytes)));
        show::line(&path.display().to_string());
    }
    Ok(())
}

/// Writes beside the final place and renames, so that nobody ever sees half a room.
fn write(saved: &SavedRoom, folder: &Path, path: &Path, force: bool) -> std::io::Result<()> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".mvrx-save-");
    // As any other file of this user, whose umask applies.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut beside = builder.tempfile_in(folder)?;
    let head = SavedRoom { attributes: saved.attributes.clone(), commands: Default::default() };
    beside.write_all(&head.encode())?;
    beside.write_all(&saved.commands)?;
    beside.as_file().sync_all()?;
    let kept = if force { beside.persist(path) } else { beside.persist_noclobber(path) };
    kept.map(drop).map_err(|error| error.error)
}

pub(super) async fn load(args: Load) -> Result<(), Failure> {
    let path = args.file.clone();
    let read = tokio::task::spawn_blocking(move || read(&path)).await;
    let mut saved = read.map_err(|error| Failure::local(error.to_string()))??;
    let room = room_name(&args, &saved)?;
    set_versions(&args, &mut saved.attributes);
    let every_version = takes_every_version(&saved.attributes);
    let (commands, bytes) = (saved.command_count(), saved.commands.len() as u64);
    unless_stopped(async {
        let mut client = connect(&args.reach).await?;
        let mut bar = Bar::new(args.json);
        let loaded = client.load_room_watched(&room, &saved, |progress| bar.show(progress)).await;
        bar.clear();
        Ok(loaded?)
    })
    .await?;
    if args.json {
        show::document(&json!({
            "schema": show::SCHEMA, "room": room, "commands": commands, "bytes": bytes, "every_version": every_version,
        }));
    } else {
        if every_version && !args.ignore_versions {
            show::note(
                "the room takes clients of every version; --blender-version and --mixer-version name the right ones",
            );
        }
        show::note(&format!("loaded {commands} commands, {}, into room", show::size(bytes)));
        show::line(&show::tame(&room));
    }
    Ok(())
}

fn read(path: &PathBuf) -> Result<SavedRoom, Failure> {
    let bad = |error: &dyn std::fmt::Display| Failure::bad_file(format!("{}: {error}", path.display()));
    let mut file = File::open(path).map_err(|error| bad(&error))?;
    let about = file.metadata().map_err(|error| bad(&error))?;
    if !about.is_file() || about.len() > LARGEST {
        return Err(bad(&format!("not a file of up to {}", show::size(LARGEST))));
    }
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut file, &mut bytes).map_err(|error| bad(&error))?;
    SavedRoom::decode(&bytes.into()).map_err(|error| bad(&error))
}

/// Which clients the room takes: as wished, else as saved.
fn set_versions(args: &Load, attributes: &mut Object) {
    let wished = [("blender_version", &args.blender_version), ("mixer_version", &args.mixer_version)];
    for (key, version) in wished.into_iter().filter_map(|(key, version)| Some((key, version.as_deref()?))) {
        attributes.insert(key.into(), version.into());
        attributes.insert("ignore_version_check".into(), false.into());
    }
    if args.ignore_versions {
        attributes.insert("ignore_version_check".into(), true.into());
    }
}

/// As wished, else as saved, else the file's name.
fn room_name(args: &Load, saved: &SavedRoom) -> Result<String, Failure> {
    let as_saved = || saved.attributes.find("name").and_then(Json::as_str).map(str::to_owned);
    let of_file = || args.file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let name = args.room.clone().or_else(as_saved).or_else(of_file).unwrap_or_default();
    if name.is_empty() {
        return Err(Failure::usage("the room needs a name; give one with --room"));
    }
    Ok(name)
}

/// Progress for a person who waits at a terminal.
struct Bar(Option<indicatif::ProgressBar>);

impl Bar {
    fn new(json: bool) -> Self {
        let bar = (show::for_people() && !json).then(|| indicatif::ProgressBar::new(0));
        let style = indicatif::ProgressStyle::with_template(
            "{wide_bar} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} {eta}",
        );
        if let (Some(bar), Ok(style)) = (&bar, style) {
            bar.set_style(style);
        }
        Self(bar)
    }

    fn show(&mut self, progress: Progress) {
        if let Some(bar) = &self.0 {
            bar.set_length(progress.of.max(progress.bytes));
            bar.set_position(progress.bytes);
        }
    }

    fn clear(&mut self) {
        if let Some(bar) = self.0.take() {
            bar.finish_and_clear();
        }
    }
}

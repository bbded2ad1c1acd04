//! What `up` and `commit` do with the files of the user: look at them before anything starts, commit them, say why not.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use mvrx_file::{ArchiveError, OpenError};
use mvrx_message::FileUuid;
use mvrx_node::node::{News, Node};
use mvrx_station::{CommitDraft, CommitError, Event, Heard};
use mvrx_store::disk::DiskError;
use mvrx_store::{ImportError, PublishError, WriteError};
use serde_json::json;

use crate::commands::watching::Watching;
use crate::failure::Failure;
use crate::{node_news, show};

/// Refuses what cannot be an .mvr: missing, empty, unreadable, or no whole zip archive, unless `any` file will do. Gives a warning for one
/// that merely looks odd.
pub(crate) fn look(path: &Path, any: bool) -> Result<Option<String>, Failure> {
    let refuse = |why: &str| Failure::bad_file(format!("{} {why}", path.display()));
    let about = match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(refuse("does not exist")),
        Err(error) => return Err(refuse(&format!("cannot be read: {error}"))),
        Ok(about) => about,
    };
    if !about.is_file() {
        return Err(refuse(if about.is_dir() { "is a folder, not a file" } else { "is not a regular file" }));
    }
    if about.len() == 0 {
        return Err(refuse("is empty"));
    }
    let read = mvrx_file::version_of(path);
    let is_zip =
        !matches!(&read, Err(OpenError::Archive(ArchiveError::EndRecordMissing)) if !may_be_zip(path));
    if !any && is_zip {
        is_whole(path)?;
    }
    match read {
        Ok(_) => Ok(None),
        Err(OpenError::Io(error) | OpenError::Archive(ArchiveError::Io(error))) => {
            Err(refuse(&format!("cannot be read: {error}")))
        }
        Err(OpenError::Archive(ArchiveError::EndRecordMissing)) if !any && !is_zip => {
            Err(refuse("is no .mvr: it is not a zip archive"))
        }
        Err(odd) => {
            Ok(Some(format!("{} does not look like an .mvr ({odd}); committed all the same", path.display())))
        }
    }
}

/// Whether every byte of it is there, and right.
fn is_whole(path: &Path) -> Result<(), Failure> {
    let cannot = |what: String| Failure::bad_file(format!("{} {what}", path.display()));
    let file = File::open(path).map_err(|error| cannot(format!("cannot be read: {error}")))?;
    let looked = mvrx_file::whole::look(file, &mvrx_file::Limits::default(), &mut |_| true);
    match looked {
        Err(damage) if damage.is_damage() => Err(cannot(damaged(&damage.to_string()))),
        // A disk that fails says so when the file is copied; what a limit hides is no damage.
        _ => Ok(()),
    }
}

fn damaged(what: &str) -> String {
    format!("is damaged: {}; it was not committed (--any-file commits it all the same)", show::tame(what))
}

/// Whether it begins as a zip archive does.
fn may_be_zip(path: &Path) -> bool {
    let mut begin = [0; 4];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut begin));
    read.is_ok() && ZIP_BEGINS.contains(&begin)
}

/// Where a file is committed, and who tells of it.
pub(crate) struct Desk<'a> {
    pub(crate) node: &'a mut Node,
    pub(crate) watching: &'a mut Watching,
}

impl Desk<'_> {
    /// Commits a file, and tells what happens until it is announced; then what is `odd` about it. A large one says that its copying
    /// takes a while.
    pub(crate) async fn commit(
        &mut self,
        draft: CommitDraft,
        path: &Path,
        odd: Option<&str>,
    ) -> Result<FileUuid, Failure> {
        let waiting = copying(path);
        let running = self.node.station().clone();
        let committed = running.commit(draft).await;
        if let Some(bar) = waiting {
            bar.finish_and_clear();
        }
        let file = committed.map_err(|error| failure(path, self.node.data(), &error))?.file;
        self.watching.refresh(&running).await?;
        // What happened before comes first.
        loop {
            let news = self.node.next().await?;
            node_news::tell(&news, self.node, self.watching).await?;
            if matches!(&news, News::Heard(heard) if is_published(heard, file)) {
                break;
            }
        }
        if let Some(odd) = odd {
            self.watching.say(
                "warning",
                odd,
                json!({ "file": file.to_string(), "path": path.display().to_string() }),
            );
        }
        Ok(file)
    }
}

fn copying(path: &Path) -> Option<indicatif::ProgressBar> {
    let length = std::fs::metadata(path).map_or(0, |about| about.len());
    (length >= LARGE && show::for_people()).then(|| {
        let bar = indicatif::ProgressBar::new_spinner();
        bar.set_message(format!("copying {}, {} …", path.display(), show::size(length)));
        bar.enable_steady_tick(std::time::Duration::from_millis(100));
        bar
    })
}

/// Whether it tells that the commit is announced, or events were missed and it may have.
fn is_published(heard: &Heard, wanted: FileUuid) -> bool {
    match heard {
        Heard::Event(seen) => matches!(seen.event, Event::CommitPublished { file, .. } if file == wanted),
        Heard::Lagged { .. } => true,
        Heard::Session(_) | Heard::DiscoveryProblem { .. } => false,
    }
}

/// Whose fault it is that a file was not committed, with the file and the folder.
pub(crate) fn failure(path: &Path, data: &Path, error: &CommitError) -> Failure {
    let of_ours = |why: String| {
        Failure::local(format!("{} could not be copied into {}: {why}", path.display(), data.display()))
    };
    match error {
        CommitError::Import(ImportError::Write(WriteError::Disk(disk)))
        | CommitError::Publish(PublishError::Disk(disk)) => of_ours(disk_words(disk)),
        CommitError::Import(ImportError::Write(error)) => of_ours(error.to_string()),
        CommitError::Publish(error) => of_ours(error.to_string()),
        CommitError::Import(ImportError::ImportCancelled) | CommitError::Stopped => {
            Failure::local(error.to_string())
        }
        CommitError::Damaged { what } => Failure::bad_file(format!("{} {}", path.display(), damaged(what))),
        // Its words name the file.
        CommitError::Import(error) => Failure::bad_file(error.to_string()),
        other => of_ours(other.to_string()),
    }
}

/// What the disk said, without the name of a file that the user does not know.
pub(crate) fn disk_words(error: &DiskError) -> String {
    match error {
        DiskError::NoSpaceLeft { .. } => "no space left on the disk".to_owned(),
        DiskError::FileTooLargeForDisk { .. } => "the disk does not hold files of this size".to_owned(),
        DiskError::ReadOnlyDisk { .. } => "the disk is read-only".to_owned(),
        DiskError::PermissionDenied { action, .. } => format!("no permission to {action} there"),
        DiskError::DeviceFailed { action, .. } => format!("the device failed to {action}"),
        other => other.to_string(),
    }
}

/// What stands at the beginning of a zip archive: a member, none at all, or a part of several.
const ZIP_BEGINS: [[u8; 4]; 3] = [*b"PK\x03\x04", *b"PK\x05\x06", *b"PK\x07\x08"];

/// Copying less is done before one has read that it is being done.
const LARGE: u64 = 128 << 20;

//! What `up` and `commit` do with the files of the user: look at them before anything starts, commit them, say why not.

use std::path::Path;

use mvrx_message::FileUuid;
use mvrx_node::node::{News, Node};
use mvrx_node::offering::{self, Unfit};
use mvrx_station::{CommitDraft, CommitError, Event, Heard};
use mvrx_store::disk::DiskError;
use mvrx_store::{ImportError, PublishError, WriteError};
use serde_json::json;

use crate::commands::watching::Watching;
use crate::failure::Failure;
use crate::{node_news, show};

/// Refuses what cannot be an .mvr; see [`offering::look`].
pub(crate) fn look(path: &Path, any: bool) -> Result<Option<String>, Failure> {
    offering::look(path, &path.display().to_string(), any)
        .map_err(|refused| Failure::bad_file(with_advice(refused)))
}

fn with_advice(Unfit { words, is_damage, .. }: Unfit) -> String {
    if is_damage {
        format!("{words}; it was not committed (--any-file commits it all the same)")
    } else {
        words
    }
}

fn damaged(what: &str) -> String {
    format!("is damaged: {}; it was not committed (--any-file commits it all the same)", show::tame(what))
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

/// Copying less is done before one has read that it is being done.
const LARGE: u64 = 128 << 20;

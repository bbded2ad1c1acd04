//! `mvrx log`, `show`, `tag`, `withdraw`, `prune`, `fsck`: the history that stations of this user keep, whether they run or not.

use std::collections::BTreeSet;
use std::path::PathBuf;

use mvrx_store::{Form, StoredCommit};
use serde_json::Value;

use crate::kept::Kept;
use crate::show;
use crate::show::stored_json;

pub(crate) mod fsck;
pub(crate) mod log;
pub(crate) mod prune;
pub(crate) mod show_one;
pub(crate) mod tag;
pub(crate) mod withdraw;

/// Where the history is.
#[derive(Debug, clap::Args)]
pub(crate) struct Where {
    /// The data directory; without it all those of this user
    #[arg(long, value_name = "DIR", env = "MVRX_DATA")]
    pub(crate) data: Option<PathBuf>,
}

/// Who made a commit, as far as it was told.
fn author(stored: &StoredCommit) -> String {
    match (&stored.commit.author, &stored.commit.station) {
        (Some(author), _) if !author.name.is_empty() => show::name(&author.name),
        (_, Some(station)) => show::short(station),
        _ => "unknown".to_owned(),
    }
}

/// That nothing of this group is kept, but of others.
fn none_of(group: &str, groups: &BTreeSet<String>) -> String {
    let others = groups.iter().map(|group| show::name(group)).collect::<Vec<_>>().join(", ");
    let others = if others.is_empty() { others } else { format!("; of {others} there is") };
    format!("no revision of the group {} is kept here{others}", show::name(group))
}

/// `whole`, or what the recipe takes.
fn form(kept: &Kept) -> String {
    match kept.revision.form {
        Form::Whole => "whole".to_owned(),
        _ => format!("recipe of {}", show::size(kept.revision.on_disk)),
    }
}

/// In a line for people.
fn line(stored: &StoredCommit) -> String {
    format!(
        "{}  {}  {}  {}  {}  {}{}",
        show::short(&stored.commit.file),
        show::date_time(stored.seen),
        show::name(&stored.group),
        author(stored),
        show::size(stored.length),
        show::file_name(&stored.commit.file_name),
        show::comment(&stored.commit.comment)
    )
}

fn kept_json(kept: &Kept) -> Value {
    show::revision_json(&kept.revision, &kept.tags, &kept.directory)
}

//! `mvrx log`, `show`, `tag`, `withdraw`, `prune`, `fsck`: the history that stations of this user keep, whether they run or not.

use std::collections::BTreeSet;
use std::path::PathBuf;

use mvrx_store::{Form, StoredCommit};
use serde_json::{Value, json};

use crate::kept::Kept;
use crate::show;

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

fn form_word(form: Form) -> &'static str {
    match form {
        Form::Whole => "whole",
        _ => "recipe",
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

/// For programs.
fn stored_json(stored: &StoredCommit) -> Value {
    let commit = &stored.commit;
    json!({
        "file": commit.file.to_string(),
        "file_name": commit.file_name,
        "comment": commit.comment,
        "group": stored.group,
        "author": commit.station.map(|station| station.to_string()),
        "name": commit.author.as_ref().map(|author| &author.name),
        "application": commit.author.as_ref().map(|author| &author.provider),
        "size": stored.length,
        "announced_size": commit.file_size,
        "mvr_version": format!("{}.{}", commit.version.major, commit.version.minor),
        "for_stations": commit.for_stations.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "blake3": show::hex(&stored.hash),
        "order": commit.order,
        "seen_unix_ms": show::unix_millis(stored.seen),
    })
}

fn kept_json(kept: &Kept) -> Value {
    let mut value = stored_json(kept.stored());
    let more = json!({
        "form": form_word(kept.revision.form),
        "on_disk": kept.revision.on_disk,
        "tags": kept.tags,
        "withdrawn": kept.revision.withdrawn,
        "data": kept.directory.display().to_string(),
    });
    if let (Value::Object(fields), Value::Object(more)) = (&mut value, more) {
        fields.extend(more);
    }
    value
}

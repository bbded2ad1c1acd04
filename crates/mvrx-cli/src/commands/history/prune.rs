//! `mvrx prune`: lets old revisions go, by number, age and bytes of each group.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use mvrx_message::StationUuid;
use mvrx_store::{Beyond, Cancel, FsOptions, FsStore, FsView, Going, Keep, OpenStoreError, Retention};
use serde_json::json;

use super::{Where, line, stored_json};
use crate::commands::host::bytes;
use crate::failure::Failure;
use crate::{data, show};

#[derive(Debug, clap::Args)]
pub(crate) struct Prune {
    /// Keep so many of the newest of each group
    #[arg(long, value_name = "N")]
    newest: Option<usize>,
    /// Keep those that came within this time, as 12h, 30d or 8w
    #[arg(long, value_name = "AGE", value_parser = age)]
    age: Option<Duration>,
    /// Keep the newest of each group that take so much on the disk together, as 500M or 20G
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    bytes: Option<u64>,
    /// Only in this group (may be repeated)
    #[arg(short, long)]
    group: Vec<String>,
    /// Those that were committed from here as well: perhaps nobody else has them
    #[arg(long)]
    own: bool,
    /// Say what would go, and remove nothing; this works beside a running station, too
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    at: Where,
    /// One JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

/// What went, or would.
#[derive(Default)]
struct Pruned {
    going: Vec<(Going, bool)>,
    /// Those that stay only because they were committed from here.
    own_stay: usize,
    in_use: Vec<String>,
    /// The groups of which something is kept.
    groups: BTreeSet<String>,
}

pub(crate) fn run(args: &Prune) -> Result<(), Failure> {
    let keep = Keep { newest: args.newest, age: args.age, bytes: args.bytes };
    if keep.is_everything() {
        return Err(Failure::usage("say what is to be kept: --newest, --age or --bytes"));
    }
    let mut pruned = Pruned::default();
    for directory in data::with_history(args.at.data.as_deref())? {
        prune(args, keep, &directory, &mut pruned)?;
    }
    tell(args, &pruned);
    for group in args.group.iter().filter(|group| !pruned.groups.contains(*group)) {
        show::note(&format!("mvrx: {}", super::none_of(group, &pruned.groups)));
    }
    if pruned.in_use.is_empty() {
        return Ok(());
    }
    let words = format!(
        "nothing was removed from {}: stop the station that runs there; --dry-run works beside it",
        pruned.in_use.join(", ")
    );
    Err(if args.json { Failure::local(words).after_document() } else { Failure::local(words) })
}

fn prune(args: &Prune, keep: Keep, directory: &Path, pruned: &mut Pruned) -> Result<(), Failure> {
    let local = |error: &dyn std::fmt::Display| Failure::local(error.to_string());
    let view = FsView::open(directory, FsOptions::default()).map_err(|error| local(&error))?;
    let commits = view.commits();
    if commits.is_empty() {
        return Ok(());
    }
    pruned.groups.extend(commits.into_iter().map(|stored| stored.group));
    let own = own(directory)?;
    let retention = |spare| match args.group.as_slice() {
        [] => Retention { spare, ..Retention::of_each_group(keep) },
        groups => {
            let groups: BTreeMap<String, Keep> = groups.iter().map(|group| (group.clone(), keep)).collect();
            Retention { groups, spare, ..Retention::default() }
        }
    };
    let wanted = retention(if args.own { None } else { own });
    let going = if args.dry_run {
        view.beyond(&wanted).map_err(|error| local(&error))?
    } else {
        match FsStore::open(directory) {
            Err(OpenStoreError::DirectoryInUse { path, process }) => {
                let by = process.map(|process| format!(" (in use by process {process})")).unwrap_or_default();
                pruned.in_use.push(format!("{}{by}", path.display()));
                return Ok(());
            }
            Err(error) => return Err(local(&error)),
            Ok(store) => store.retain(&wanted, &Cancel::new()).map_err(|error| local(&error))?,
        }
    };
    if !args.own {
        // Before anything went: what was not spared would have gone as well.
        let without = view.beyond(&retention(None)).map_err(|error| local(&error))?;
        let ours = without.iter().filter(|going| is_own(going, own)).count();
        pruned.own_stay += ours;
    }
    pruned.going.extend(going.into_iter().map(|going| {
        let ours = is_own(&going, own);
        (going, ours)
    }));
    Ok(())
}

fn is_own(going: &Going, own: Option<StationUuid>) -> bool {
    own.is_some() && going.stored.commit.station == own
}

/// The station whose directory it is, if one ever ran there.
fn own(directory: &Path) -> Result<Option<StationUuid>, Failure> {
    mvrx_station::load(directory).map_err(|error| Failure::local(error.to_string()))
}

fn tell(args: &Prune, pruned: &Pruned) {
    let bytes = pruned.going.iter().fold(0_u64, |sum, (going, _)| sum.saturating_add(going.on_disk));
    if args.json {
        let removed: Vec<_> = pruned.going.iter().map(|(going, own)| going_json(going, *own)).collect();
        show::document(&json!({
            "schema": show::SCHEMA, "dry_run": args.dry_run, "removed": removed, "bytes": bytes,
            "own_stay": pruned.own_stay, "in_use": pruned.in_use,
        }));
        return;
    }
    let verb = if args.dry_run { "would go" } else { "gone" };
    for (going, own) in &pruned.going {
        let own = if *own { "; it was committed from here, perhaps nobody else has it" } else { "" };
        show::line(&format!("{verb}: {}  ({}{own})", line(&going.stored), why(&going.beyond)));
    }
    let number = pruned.going.len();
    let words = if args.dry_run { "would go, which would free" } else { "went, which freed" };
    show::line(&format!("{number} {} {words} up to {}", show::plural(number, "revision"), show::size(bytes)));
    if pruned.own_stay > 0 {
        let number = pruned.own_stay;
        show::note(&format!(
            "mvrx: {number} {}; --own removes {}, too",
            if number == 1 {
                "revision beyond the limits stays, as it was committed from here and perhaps nobody else has it"
            } else {
                "revisions beyond the limits stay, as they were committed from here and perhaps nobody else has them"
            },
            if number == 1 { "it" } else { "them" }
        ));
    }
}

fn going_json(going: &Going, own: bool) -> serde_json::Value {
    let mut value = stored_json(&going.stored);
    let beyond = match going.beyond {
        Beyond::Number { .. } => "number",
        Beyond::Age { .. } => "age",
        _ => "bytes",
    };
    if let Some(fields) = value.as_object_mut() {
        fields.insert("on_disk".to_owned(), going.on_disk.into());
        fields.insert("beyond".to_owned(), beyond.into());
        fields.insert("own".to_owned(), own.into());
    }
    value
}

fn why(beyond: &Beyond) -> String {
    match beyond {
        Beyond::Number { allowed } => format!("beyond the newest {allowed}"),
        Beyond::Age { allowed } => format!("older than {} h", allowed.as_secs() / 3_600),
        Beyond::Bytes { allowed } => format!("beyond {}", show::size(*allowed)),
        _ => "beyond the limits".to_owned(),
    }
}

/// `90s`, `12h`, `30d`, `8w`.
pub(crate) fn age(text: &str) -> Result<Duration, String> {
    let wrong = || "a time, as 12h, 30d or 8w".to_owned();
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let seconds: u64 = match unit.trim() {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        _ => return Err(wrong()),
    };
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(|| "more than there is".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_read_as_people_write_them() {
        for (text, seconds) in
            [("90s", 90), ("5m", 300), ("12h", 43_200), ("30d", 2_592_000), ("8w", 4_838_400)]
        {
            assert_eq!(age(text), Ok(Duration::from_secs(seconds)));
        }
        for wrong in ["", "30", "d", "-1d", "1y", "99999999999999999w"] {
            age(wrong).unwrap_err();
        }
    }
}

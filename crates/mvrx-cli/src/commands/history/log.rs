//! `mvrx log`: what is kept, the newest first.

use serde_json::json;

use super::{Where, author, form, kept_json};
use crate::failure::Failure;
use crate::kept::{self, Kept};
use crate::show;

#[derive(Debug, clap::Args)]
pub(crate) struct Log {
    #[command(flatten)]
    at: Where,
    /// Only this group
    #[arg(short, long)]
    group: Option<String>,
    /// So many at most
    #[arg(short = 'n', long, value_name = "N")]
    number: Option<usize>,
    /// One JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) fn run(args: &Log) -> Result<(), Failure> {
    let mut all = kept::all(args.at.data.as_deref())?;
    all.revisions.retain(|kept| args.group.as_ref().is_none_or(|group| kept.stored().group == *group));
    all.revisions.sort_by_key(|kept| std::cmp::Reverse((kept.stored().seen, kept.stored().sequence)));
    all.revisions.truncate(args.number.unwrap_or(usize::MAX));
    if args.json {
        let problems: Vec<String> = all.problems.iter().map(|(_, problem)| problem.to_string()).collect();
        let revisions: Vec<_> = all.revisions.iter().map(kept_json).collect();
        show::document(&json!({ "schema": show::SCHEMA, "revisions": revisions, "problems": problems }));
        return Ok(());
    }
    for kept in &all.revisions {
        show::line(&words(kept));
    }
    if all.revisions.is_empty() {
        show::note("mvrx: no revision is kept here");
    }
    for (directory, problem) in &all.problems {
        show::note(&format!("mvrx: {}: {problem}; `mvrx fsck` looks through all of it", directory.display()));
    }
    Ok(())
}

fn words(kept: &Kept) -> String {
    let stored = kept.stored();
    let tags = kept.tags.iter().map(|tag| format!("  [{tag}]")).collect::<String>();
    let withdrawn = if kept.revision.withdrawn { "  (withdrawn)" } else { "" };
    format!(
        "{}  {}  {}  {}  {}  {}  {}{tags}{withdrawn}{}",
        show::short(&stored.commit.file),
        show::date_time(stored.seen),
        show::name(&stored.group),
        author(stored),
        show::size(stored.length),
        form(kept),
        show::file_name(&stored.commit.file_name),
        show::comment(&stored.commit.comment),
    )
}

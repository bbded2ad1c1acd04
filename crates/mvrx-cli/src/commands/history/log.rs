//! `mvrx log`: what is kept, the newest first.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use mvrx_store::Problem;
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
    let groups: BTreeSet<String> = all.revisions.iter().map(|kept| kept.stored().group.clone()).collect();
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
    match &args.group {
        _ if groups.is_empty() && all.problems.is_empty() => show::note("mvrx: no revision is kept here"),
        _ if groups.is_empty() => show::note("mvrx: no revision that is kept here can be given"),
        Some(group) if !groups.contains(group) => {
            show::note(&format!("mvrx: {}", super::none_of(group, &groups)));
        }
        _ => {}
    }
    tell_problems(&all.problems);
    Ok(())
}

/// The first few of each directory: of one lost file each recipe over it has its own.
fn tell_problems(problems: &[(std::path::PathBuf, Problem)]) {
    let mut of_each: BTreeMap<&Path, Vec<&Problem>> = BTreeMap::new();
    for (directory, problem) in problems {
        of_each.entry(directory).or_default().push(problem);
    }
    for (directory, problems) in of_each {
        let at = directory.display();
        let (shown, rest) = problems.split_at(problems.len().min(PROBLEMS));
        for problem in shown {
            show::note(&format!("mvrx: {at}: {problem}"));
        }
        let more = match rest.len() {
            0 => String::new(),
            some => format!("{some} more {}; ", show::plural(some, "problem")),
        };
        show::note(&format!("mvrx: {at}: {more}`mvrx fsck` looks through all of it"));
    }
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

/// Problems of a directory that are told one by one.
const PROBLEMS: usize = 3;

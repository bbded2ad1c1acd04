//! `mvrx fsck`: is everything that is kept whole?

use mvrx_store::{Cancel, FsOptions, Fsck as Found};
use serde_json::json;

use super::Where;
use crate::failure::{Failure, Verdict};
use crate::{data, show};

#[derive(Debug, clap::Args)]
pub(crate) struct Fsck {
    #[command(flatten)]
    at: Where,
    /// One JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) fn run(args: &Fsck) -> Result<Verdict, Failure> {
    let mut sum = Found::default();
    let (mut problems, mut directories) = (Vec::new(), Vec::new());
    let bar = (show::for_people() && !args.json).then(indicatif::ProgressBar::no_length);
    for directory in data::with_history(args.at.data.as_deref())? {
        let progress = |done, all| {
            if let Some(bar) = &bar {
                bar.set_length(all);
                bar.set_position(done);
            }
        };
        let found = mvrx_store::fsck(&directory, &FsOptions::default(), &progress, &Cancel::new());
        let found = found.map_err(|error| Failure::local(error.to_string()))?;
        sum.revisions += found.revisions;
        sum.whole += found.whole;
        sum.recipes += found.recipes;
        sum.bytes += found.bytes;
        sum.tags += found.tags;
        problems.extend(found.problems.into_iter().map(|problem| (directory.clone(), problem)));
        directories.push(directory.display().to_string());
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    if args.json {
        let problem = |(directory, problem): &(std::path::PathBuf, mvrx_store::Problem)| {
            json!({
                "problem": problem.word(), "file": problem.file().map(|file| file.to_string()),
                "text": problem.to_string(), "data": directory.display().to_string(),
            })
        };
        let problems: Vec<_> = problems.iter().map(problem).collect();
        show::document(&json!({
            "schema": show::SCHEMA, "data": directories, "revisions": sum.revisions, "whole": sum.whole,
            "recipes": sum.recipes, "bytes": sum.bytes, "tags": sum.tags, "problems": problems,
        }));
    } else {
        for (directory, problem) in &problems {
            show::line(&format!("{}: {problem}", directory.display()));
        }
        show::line(&words(&sum, problems.len()));
    }
    Ok(if problems.is_empty() { Verdict::Fine } else { Verdict::Findings })
}

fn words(sum: &Found, problems: usize) -> String {
    let looked = format!(
        "{} {} ({} whole, {} as {}), {} of files and {} {} looked through",
        sum.revisions,
        show::plural(sum.revisions, "revision"),
        sum.whole,
        sum.recipes,
        show::plural(sum.recipes, "recipe"),
        show::size(sum.bytes),
        sum.tags,
        show::plural(sum.tags, "tag"),
    );
    match problems {
        0 => format!("{looked}: all is well"),
        some => format!("{looked}: {some} {}; nothing was changed", show::plural(some, "problem")),
    }
}

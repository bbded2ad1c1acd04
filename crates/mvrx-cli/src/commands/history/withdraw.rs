//! `mvrx withdraw`: takes back a commit that was a mistake.

use mvrx_store::{WithdrawError, Withdrawals};
use serde_json::json;

use super::{Where, line, stored_json};
use crate::args::some_text;
use crate::failure::Failure;
use crate::{data, kept, show};

#[derive(Debug, clap::Args)]
pub(crate) struct Withdraw {
    /// The revision, one that was committed from here: the beginning of its id, its tag, or `latest`
    #[arg(value_name = "ID|TAG|latest", value_parser = some_text)]
    what: String,
    #[command(flatten)]
    at: Where,
    /// One JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) fn run(args: &Withdraw) -> Result<(), Failure> {
    let kept = kept::expect_to_withdraw(args.at.data.as_deref(), &args.what)?;
    let (directory, stored) = (kept.directory.as_path(), kept.stored());
    let own = mvrx_station::load(directory).map_err(|error| Failure::local(error.to_string()))?;
    if own.is_none() || stored.commit.station != own {
        return Err(Failure::usage(format!(
            "{} was committed by {}, not from here: only that station can withdraw it",
            show::short(&stored.commit.file),
            super::author(stored)
        )));
    }
    let new = Withdrawals::of(directory).add(stored.commit.file).map_err(|error| match error {
        WithdrawError::FileNotListed { .. } => Failure::bad_file(format!("{error}: it was removed just now")),
        error => Failure::local(error.to_string()),
    })?;
    let running = data::is_in_use(directory)?;
    if args.json {
        show::document(&json!({
            "schema": show::SCHEMA, "revision": stored_json(stored), "new": new, "running": running,
            "data": directory.display().to_string(),
        }));
        return Ok(());
    }
    show::line(&format!("{}: {}", if new { "withdrawn" } else { "withdrawn already" }, line(stored)));
    show::line(if running {
        "the station that runs there takes it out of its list within a second, and tells the others"
    } else {
        "no station runs there: the others are told when one does (mvrx up, mvrx host, mvrx commit)"
    });
    CREW.iter().for_each(|words| show::line(words));
    Ok(())
}

/// What it means to those who see it in their lists.
// req: STA-32
const CREW: [&str; 3] = [
    "stations and hosts of mvrx then take it out of their lists; other products may show it on, and are refused when they ask for it",
    "who has fetched it has it: nobody's files are touched, so tell them",
    "it stays here as withdrawn (mvrx log); the same file committed again is a new commit",
];

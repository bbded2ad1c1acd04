//! Why nothing was fetched, in words that say what to do about it.

use mvrx_message::{FileUuid, StationUuid};
use mvrx_station::{CommitInfo, RequestFailure, StationInfo};

use crate::args::Get;
use crate::failure::Failure;
use crate::{events, pick, session, show, station};

pub(super) fn ambiguous_station(text: &str, which: &[String]) -> Failure {
    Failure::usage(format!("{text} can mean more than one station; say which:\n  {}", which.join("\n  ")))
}

pub(super) fn ambiguous_file(text: &str, which: &[String]) -> Failure {
    let which = which.join("\n  ");
    if pick::is_latest(text) {
        return Failure::peer(format!(
            "which file is the latest cannot be told from here: the stations' lists end differently, and their clocks are not \
             trusted. Give the id of one of these, or a station with --from:\n  {which}"
        ));
    }
    Failure::usage(format!(
        "{text} can mean more than one file; give the id, or a station with --from:\n  {which}"
    ))
}

pub(super) fn no_such_station(
    text: &str,
    members: &[StationInfo],
    all: &[StationInfo],
    args: &Get,
) -> Failure {
    if members.is_empty() {
        return nobody(args, all);
    }
    Failure::nobody(format!("no station called {text} is in {}; there {}", place(args), are(members)))
}

pub(super) fn nothing(
    args: &Get,
    members: &[StationInfo],
    all: &[StationInfo],
    commits: &[CommitInfo],
) -> Failure {
    if members.is_empty() {
        return nobody(args, all);
    }
    let what = &args.what;
    if pick::is_too_short(what, commits) {
        return Failure::usage(format!(
            "{what} is too short for an id; give its first four characters or more"
        ));
    }
    let place = place(args);
    Failure::nobody(match (&args.from, members) {
        (Some(from), _) => format!("{from} lists no file whose name or id is {what}"),
        (None, [one]) => {
            format!(
                "{}, the one station in {place}, lists no file whose name or id is {what}",
                show::name(&one.name)
            )
        }
        (None, several) => {
            format!(
                "none of the {} stations in {place} lists a file whose name or id is {what}",
                several.len()
            )
        }
    })
}

/// A request ended without the file; `file` is none where a station was asked for its current state.
pub(super) fn not_fetched(
    failure: &RequestFailure,
    file: Option<FileUuid>,
    stations: &[StationInfo],
    args: &Get,
) -> Failure {
    use RequestFailure as F;
    let why = events::request_failure(failure, &|station| name_of(station, stations));
    match failure {
        F::NotKept { why } => {
            let folder = args.output.display();
            Failure::local(format!("the file cannot be kept in {folder}: {}", show::tame(why)))
        }
        F::LeftGroup | F::Cancelled | F::TooManyRequests { .. } => Failure::local(why),
        _ if file.is_none() => {
            let place = place(args);
            let who = match &args.from {
                Some(from) => format!("{from} has committed nothing yet"),
                None => {
                    format!("nobody in {place} has committed anything yet; there {}", are(stations))
                }
            };
            Failure::nobody(format!("{who} (asked for a current state: {why})"))
        }
        F::NothingCommitted | F::NobodyHasIt | F::StationNotJoined { .. } => Failure::nobody(why),
        _ => Failure::peer(format!("not fetched: {why}")),
    }
}

/// Nobody is there.
fn nobody(args: &Get, all: &[StationInfo]) -> Failure {
    match args.session.host.as_deref() {
        Some(_) => Failure::peer(format!("the host of {} is gone", place(args))),
        None => station::nobody(&args.common, args.wait, all),
    }
}

fn place(args: &Get) -> String {
    session::place(args.session.host.as_deref(), &args.common)
}

pub(super) fn name_of(station: StationUuid, stations: &[StationInfo]) -> String {
    let known = stations.iter().find(|s| s.station == station).filter(|s| !s.name.is_empty());
    known.map_or_else(|| show::short(&station), |s| show::name(&s.name))
}

/// `is A`, or `are A, B and 5 more`.
fn are(stations: &[StationInfo]) -> String {
    let names: Vec<String> = stations.iter().take(NAMES).map(|s| show::name(&s.name)).collect();
    let more = stations.len().saturating_sub(NAMES);
    let verb = if stations.len() == 1 { "is" } else { "are" };
    let names = names.join(", ");
    if more == 0 { format!("{verb} {names}") } else { format!("{verb} {names} and {more} more") }
}

/// More names make no sentence.
const NAMES: usize = 8;

//! Moves as the commands need them: whose proposals are followed, how they are told, and where `mvrx accept` reaches a running station.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use clap::ValueEnum;
use mvrx_message::StationUuid;
use mvrx_station::{Event, MoveAnswer, Moves, SessionTarget};
use serde_json::{Value, json};

use crate::data;
use crate::events::Names;
use crate::failure::Failure;
use crate::show::tame;
pub(crate) use crate::show::{answer_json, with_place};

/// Whose proposals to move are followed.
#[derive(Debug, clap::Args)]
pub(crate) struct MovesArgs {
    /// When another station proposes to move to another group or session (MVR_NEW_SESSION_HOST): `ask` waits a minute for `mvrx accept`,
    /// `listed` follows the stations of --follow alone
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Rule::Ask)]
    moves: Rule,
    /// With --moves listed: follow this station (may be repeated), by its whole id
    #[arg(long, value_name = "STATION", required_if_eq("moves", "listed"))]
    follow: Vec<StationUuid>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Rule {
    /// Wait for `mvrx accept`
    Ask,
    /// Follow
    Always,
    /// Stay
    Never,
    /// Follow certain stations
    Listed,
}

impl MovesArgs {
    /// Whether any proposal may be followed.
    pub(crate) fn may_follow(&self) -> bool {
        self.moves != Rule::Never
    }

    /// Its word on the command line.
    pub(crate) fn word(&self) -> &'static str {
        match self.moves {
            Rule::Ask => "ask",
            Rule::Always => "always",
            Rule::Never => "never",
            Rule::Listed => "listed",
        }
    }

    pub(crate) fn rule(&self) -> Result<Moves, Failure> {
        if self.moves != Rule::Listed && !self.follow.is_empty() {
            return Err(Failure::usage("--follow means nothing without --moves listed"));
        }
        Ok(match self.moves {
            Rule::Ask => Moves::Ask,
            Rule::Always => Moves::Always,
            Rule::Never => Moves::Never,
            Rule::Listed => Moves::Listed(self.follow.iter().copied().collect::<BTreeSet<_>>()),
        })
    }
}

/// A place as people say it.
pub(crate) fn place(place: &SessionTarget) -> String {
    match place {
        SessionTarget::Group(group) => format!("the group {}", tame(group.as_str())),
        SessionTarget::Url(url) => format!("the session at {}", tame(url)),
        _ => "another place".to_owned(),
    }
}

/// An event of a move in words.
pub(crate) fn words(event: &Event, names: &dyn Names) -> Option<String> {
    Some(match event {
        Event::MoveProposed { station, address, to, within, .. } => format!(
            "{} proposes to move to {}; `mvrx accept{with}` follows, `mvrx refuse{with}` stays; refused by itself after {} s",
            station.map_or_else(|| address.to_string(), |station| names.station(station)),
            place(to),
            within.as_secs(),
            with = names.reached_with()
        ),
        Event::MoveDeclined { station, address, to, why } => format!(
            "{} proposed to move to {}; {}",
            station.map_or_else(|| address.to_string(), |station| names.station(station)),
            place(to),
            if names.may_follow() {
                format!("this station stays, and answered: {}", tame(why))
            } else {
                "this command stays where it is".to_owned()
            }
        ),
        // What an election tries: it says itself what comes of it.
        Event::MoveBegun { errand: true, .. } | Event::NotMoved { errand: true, .. } => return None,
        Event::MoveBegun { to, .. } if names.hosts() => {
            format!("asking the stations of this session to move to {}; this host goes on", place(to))
        }
        Event::NotMoved { to, why, .. } if names.hosts() => {
            format!("this session's stations were not asked to move to {}: {}", place(to), tame(why))
        }
        Event::MoveBegun { to, .. } => format!("moving to {}", place(to)),
        Event::MoveAnswered { station, answer } => {
            format!("{}: {}", names.station(*station), answer_words(answer))
        }
        Event::Moved { from, to, .. } => format!("now in {}, no longer in {}", place(to), place(from)),
        Event::NotMoved { to, why, .. } => format!("not moved to {}: {}", place(to), tame(why)),
        _ => return None,
    })
}

pub(crate) fn answer_words(answer: &MoveAnswer) -> String {
    tame(&answer.to_string())
}

/// The event's own name and its fields.
pub(crate) fn fields(event: &Event) -> Option<(&'static str, Value)> {
    Some(match event {
        Event::MoveProposed { proposal, station, address, to, within } => (
            "move_proposed",
            with_place(
                json!({
                    "proposal": proposal.0, "station": station.as_ref().map(ToString::to_string), "address": address.to_string(),
                    "within_ms": millis(*within),
                }),
                to,
            ),
        ),
        Event::MoveDeclined { station, address, to, why } => (
            "move_declined",
            with_place(
                json!({
                    "station": station.as_ref().map(ToString::to_string), "address": address.to_string(), "reason": why,
                }),
                to,
            ),
        ),
        Event::MoveBegun { to, errand } => ("move_begun", with_place(json!({ "errand": errand }), to)),
        Event::MoveAnswered { station, answer } => {
            let mut fields = answer_json(answer);
            if let Some(fields) = fields.as_object_mut() {
                fields.insert("station".to_owned(), station.to_string().into());
            }
            ("move_answered", fields)
        }
        Event::Moved { to, errand, .. } => ("moved", with_place(json!({ "errand": errand }), to)),
        Event::NotMoved { to, why, errand } => {
            ("not_moved", with_place(json!({ "reason": why, "errand": errand }), to))
        }
        _ => return None,
    })
}

/// What `mvrx accept` needs to look into a data directory: nothing where it looks by itself.
pub(crate) fn reached_with(directory: &Path) -> String {
    let looked_at = data::directories(None).unwrap_or_default();
    if looked_at.iter().any(|looked_at| looked_at == directory) {
        return String::new();
    }
    let path = tame(&directory.display().to_string());
    let plain = path.chars().all(|c| c.is_alphanumeric() || "/\\:._-".contains(c));
    if plain { format!(" --data {path}") } else { format!(" --data '{path}'") }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::watching::Watching;

    #[test]
    fn what_an_election_tries_is_for_programs_and_what_somebody_wanted_is_for_people() {
        let names = Watching::new(false);
        let to = SessionTarget::Url("ws://10.0.0.1:42480/".to_owned());
        for errand in [true, false] {
            let begun = Event::MoveBegun { to: to.clone(), errand };
            let not = Event::NotMoved { to: to.clone(), why: "it is off".to_owned(), errand };
            for event in [begun, not] {
                assert_eq!(words(&event, &names).is_none(), errand, "{event:?}");
                assert_eq!(fields(&event).unwrap().1["errand"], errand, "{event:?}");
            }
        }
    }
}

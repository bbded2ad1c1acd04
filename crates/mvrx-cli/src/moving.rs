//! Moves as the commands need them: whose proposals are followed, how they are told, and where `mvrx accept` reaches a running station.
//!
//! A station that is asked to move writes what is proposed into its data directory, which is this user's alone; `mvrx accept` and `mvrx refuse`
//! write the answer beside it. The station looks for it as long as the proposal stands, and at no other time.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use clap::ValueEnum;
use mvrx_message::StationUuid;
use mvrx_station::{Event, MoveAnswer, Moves, ProposalId, SessionTarget, Station};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::data;
use crate::events::Names;
use crate::failure::Failure;
use crate::show::{self, tame};

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
        Event::MoveBegun { to } => format!("moving to {}", place(to)),
        Event::MoveAnswered { station, answer } => {
            format!("{}: {}", names.station(*station), answer_words(answer))
        }
        Event::Moved { from, to, .. } => format!("now in {}, no longer in {}", place(to), place(from)),
        Event::NotMoved { to, why } => format!("not moved to {}: {}", place(to), tame(why)),
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
        Event::MoveBegun { to } => ("move_begun", with_place(json!({}), to)),
        Event::MoveAnswered { station, answer } => {
            let mut fields = answer_json(answer);
            if let Some(fields) = fields.as_object_mut() {
                fields.insert("station".to_owned(), station.to_string().into());
            }
            ("move_answered", fields)
        }
        Event::Moved { to, .. } => ("moved", with_place(json!({}), to)),
        Event::NotMoved { to, why } => ("not_moved", with_place(json!({ "reason": why }), to)),
        _ => return None,
    })
}

/// `group` or `session`: the place to which it goes.
pub(crate) fn with_place(mut fields: Value, to: &SessionTarget) -> Value {
    let (group, session) = match to {
        SessionTarget::Group(group) => (Some(group.as_str()), None),
        SessionTarget::Url(url) => (None, Some(url.as_str())),
        _ => (None, None),
    };
    if let Some(fields) = fields.as_object_mut() {
        fields.insert("group".to_owned(), group.into());
        fields.insert("session".to_owned(), session.into());
    }
    fields
}

pub(crate) fn answer_json(answer: &MoveAnswer) -> Value {
    match answer {
        MoveAnswer::Moved => json!({ "answer": "moved" }),
        MoveAnswer::Refused { message } => json!({ "answer": "refused", "reason": message }),
        MoveAnswer::Unanswered { why } => json!({ "answer": "unanswered", "reason": why }),
        MoveAnswer::NotAsked { product } => json!({ "answer": "not_asked", "product": product.name() }),
        _ => json!({ "answer": "other" }),
    }
}

/// What is proposed to a running station, as its data directory has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Proposed {
    pub(crate) proposal: u64,
    /// In words.
    pub(crate) to: String,
    pub(crate) until_unix_ms: u64,
}

/// The running station's side: a proposal that stands, and the answer to it.
#[derive(Debug)]
pub(crate) struct Consent {
    directory: PathBuf,
    open: Option<ProposalId>,
}

impl Consent {
    /// Nothing is proposed; what an earlier run left is gone.
    pub(crate) fn new(directory: &Path) -> Self {
        let consent = Self { directory: directory.to_owned(), open: None };
        consent.clear();
        consent
    }

    /// What `mvrx accept` needs to look here: nothing where it looks by itself.
    pub(crate) fn reached_with(&self) -> String {
        let looked_at = data::directories(None).unwrap_or_default();
        if looked_at.contains(&self.directory) {
            return String::new();
        }
        let path = tame(&self.directory.display().to_string());
        let plain = path.chars().all(|c| c.is_alphanumeric() || "/\\:._-".contains(c));
        if plain { format!(" --data {path}") } else { format!(" --data '{path}'") }
    }

    /// Notes a proposal, and its end.
    pub(crate) fn note(&mut self, event: &Event) -> Result<(), Failure> {
        match event {
            Event::MoveProposed { proposal, to, within, .. } => {
                let until = show::unix_millis(SystemTime::now()).saturating_add(millis(*within));
                let proposed = Proposed { proposal: proposal.0, to: place(to), until_unix_ms: until };
                self.clear();
                let text = serde_json::to_string(&proposed).unwrap_or_default();
                write(&self.directory.join(PROPOSED), &text).map_err(|error| {
                    Failure::local(format!(
                        "cannot tell of a proposed move in {}: {error}",
                        self.directory.display()
                    ))
                })?;
                self.open = Some(*proposal);
            }
            Event::MoveBegun { .. } | Event::NotMoved { .. } if self.open.take().is_some() => self.clear(),
            _ => {}
        }
        Ok(())
    }

    /// The answer to the proposal that stands, once somebody has given it. Cancel-safe.
    pub(crate) async fn answer(&mut self) -> (ProposalId, bool) {
        loop {
            let Some(open) = self.open else { std::future::pending().await };
            match fs::read_to_string(self.directory.join(ANSWER)).ok().as_deref().map(str::trim) {
                Some(text) if text == format!("{} {ACCEPT}", open.0) => return self.answered(open, true),
                Some(text) if text == format!("{} {REFUSE}", open.0) => return self.answered(open, false),
                _ => tokio::time::sleep(LOOK).await,
            }
        }
    }

    /// Gives the station the answer.
    pub(crate) async fn carry_out(
        station: &Station,
        (proposal, accepted): (ProposalId, bool),
    ) -> Result<(), Failure> {
        if accepted {
            station.accept_move(proposal).await?;
        } else {
            station.refuse_move(proposal).await?;
        }
        Ok(())
    }

    fn answered(&mut self, proposal: ProposalId, accepted: bool) -> (ProposalId, bool) {
        self.open = None;
        self.clear();
        (proposal, accepted)
    }

    fn clear(&self) {
        for file in [PROPOSED, ANSWER] {
            // Mostly it is not there.
            let _ = fs::remove_file(self.directory.join(file));
        }
    }
}

impl Drop for Consent {
    fn drop(&mut self) {
        self.clear();
    }
}

/// What is proposed to the station that runs in a directory, if anything still stands.
pub(crate) fn proposed_in(directory: &Path) -> Option<Proposed> {
    let text = fs::read_to_string(directory.join(PROPOSED)).ok()?;
    let proposed: Proposed = serde_json::from_str(&text).ok()?;
    (proposed.until_unix_ms > show::unix_millis(SystemTime::now())).then_some(proposed)
}

/// Answers it, unless somebody has: the first answer counts. Tells whether it is this one. Blocks for half a second at most.
// req: MOV-17
pub(crate) fn answer(directory: &Path, proposed: &Proposed, accepted: bool) -> io::Result<bool> {
    let word = if accepted { ACCEPT } else { REFUSE };
    let path = directory.join(ANSWER);
    // The station takes a whole line, and nothing less.
    let written = File::create_new(&path)
        .and_then(|mut file| file.write_all(format!("{} {word}\n", proposed.proposal).as_bytes()));
    match written {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
        Err(error) => return Err(error),
    }
    // The station takes the proposal away before the answer. Where it is gone, this answer was read, or it came behind another one and stays.
    for _ in 0..5 {
        if proposed_in(directory).is_some_and(|stands| stands.proposal == proposed.proposal) || !path.exists()
        {
            return Ok(true);
        }
        std::thread::sleep(LOOK / 2);
    }
    match fs::remove_file(&path) {
        Ok(()) => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

/// Half a file is never seen.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let beside = path.with_extension("new");
    fs::write(&beside, text)?;
    fs::rename(&beside, path)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// In the data directory.
const PROPOSED: &str = "move-proposed";
const ANSWER: &str = "move-answer";
const ACCEPT: &str = "accept";
const REFUSE: &str = "refuse";

/// Somebody waits for the answer, for a minute at most.
const LOOK: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use super::*;

    // proves: MOV-17
    #[tokio::test]
    async fn a_proposal_is_answered_through_the_data_directory_while_it_stands() {
        let directory = tempfile::tempdir().unwrap();
        let mut consent = Consent::new(directory.path());
        assert_eq!(proposed_in(directory.path()), None);
        let to = SessionTarget::Url("ws://rack/".to_owned());
        let event = |n| Event::MoveProposed {
            proposal: ProposalId(n),
            station: None,
            address: ([10, 0, 0, 1], 1).into(),
            to: to.clone(),
            within: Duration::from_secs(60),
        };
        for (n, accepted) in [(1, true), (2, false)] {
            consent.note(&event(n)).unwrap();
            let proposed = proposed_in(directory.path()).unwrap();
            assert_eq!((proposed.proposal, proposed.to.as_str()), (n, "the session at ws://rack/"));
            assert!(answer(directory.path(), &proposed, accepted).unwrap());
            // The first one counts, whatever the second says.
            for second in [true, false] {
                assert!(!answer(directory.path(), &proposed, second).unwrap());
            }
            assert_eq!(consent.answer().await, (ProposalId(n), accepted));
            assert_eq!(proposed_in(directory.path()), None);
            // One that comes just behind it is told so as well, and leaves nothing.
            assert!(!answer(directory.path(), &proposed, !accepted).unwrap());
        }
        consent.note(&event(3)).unwrap();
        consent.note(&Event::NotMoved { to, why: "too late".to_owned() }).unwrap();
        assert_eq!(proposed_in(directory.path()), None);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}

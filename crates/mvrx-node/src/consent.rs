//! Proposals to move are answered through the data directory: the page, `mvrx accept` and `mvrx refuse` reach a running station there.
//!
//! A station that is asked to move writes what is proposed into its data directory, which is this user's alone; whoever answers writes the
//! answer beside it. The station looks for it as long as the proposal stands, and at no other time.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use mvrx_station::{Event, ProposalId, SessionTarget};
use serde::{Deserialize, Serialize};

/// What is proposed to a running station, as its data directory has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposed {
    proposal: u64,
    group: Option<String>,
    session: Option<String>,
    until_unix_ms: u64,
}

impl Proposed {
    /// Where to; `None` where that is no group and no session.
    #[must_use]
    pub fn to(&self) -> Option<SessionTarget> {
        match (&self.group, &self.session) {
            (_, Some(url)) => Some(SessionTarget::Url(url.clone())),
            (Some(group), None) => group.parse().ok().map(SessionTarget::Group),
            (None, None) => None,
        }
    }
}

/// The running station's side: a proposal that stands, and the answer to it.
#[derive(Debug)]
pub struct Consent {
    directory: PathBuf,
    open: Option<ProposalId>,
}

impl Consent {
    /// Nothing is proposed; what an earlier run left is gone.
    #[must_use]
    pub fn new(directory: &Path) -> Self {
        let consent = Self { directory: directory.to_owned(), open: None };
        consent.clear();
        consent
    }

    /// Notes a proposal, and its end.
    ///
    /// # Errors
    /// Where it cannot be written down, so that nobody could answer it.
    pub fn note(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::MoveProposed { proposal, to, within, .. } => {
                let (group, session) = match to {
                    SessionTarget::Group(group) => (Some(group.as_str().to_owned()), None),
                    SessionTarget::Url(url) => (None, Some(url.clone())),
                    _ => (None, None),
                };
                let until_unix_ms = millis(now()).saturating_add(millis(*within));
                let proposed = Proposed { proposal: proposal.0, group, session, until_unix_ms };
                self.clear();
                let text = serde_json::to_string(&proposed).unwrap_or_default();
                write(&self.directory.join(PROPOSED), &text)?;
                self.open = Some(*proposal);
            }
            Event::MoveBegun { .. } | Event::NotMoved { .. } if self.open.take().is_some() => self.clear(),
            _ => {}
        }
        Ok(())
    }

    /// The answer to the proposal that stands, once somebody has given it. Cancel-safe.
    pub async fn answer(&mut self) -> (ProposalId, bool) {
        loop {
            let Some(open) = self.open else { std::future::pending().await };
            match fs::read_to_string(self.directory.join(ANSWER)).ok().as_deref().map(str::trim) {
                Some(text) if text == format!("{} {ACCEPT}", open.0) => return self.answered(open, true),
                Some(text) if text == format!("{} {REFUSE}", open.0) => return self.answered(open, false),
                _ => tokio::time::sleep(LOOK).await,
            }
        }
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
#[must_use]
pub fn proposed_in(directory: &Path) -> Option<Proposed> {
    let text = fs::read_to_string(directory.join(PROPOSED)).ok()?;
    let proposed: Proposed = serde_json::from_str(&text).ok()?;
    (proposed.until_unix_ms > millis(now())).then_some(proposed)
}

/// Answers it, unless somebody has: the first answer counts. Tells whether it is this one. Blocks for half a second at most.
///
/// # Errors
/// Where the directory cannot be written into.
// req: MOV-17
pub fn answer(directory: &Path, proposed: &Proposed, accepted: bool) -> io::Result<bool> {
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

fn now() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
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
            assert_eq!((proposed.proposal, proposed.to()), (n, Some(to.clone())));
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
        consent.note(&Event::NotMoved { to, why: "too late".to_owned(), errand: false }).unwrap();
        assert_eq!(proposed_in(directory.path()), None);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}

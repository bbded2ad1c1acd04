//! Commits that their author takes back, and files that a store lets go: as the driver and its store do it.

use lan_sim::HostCtx;
use mvrx_core::{Command, CommitView, Event, Input};
use mvrx_message::{Commit, FileUuid, Message, StationUuid};

use super::{Setup, Station, nth_of};
use crate::planted::Planted;
use crate::shelf::Shelf;

impl Station {
    /// Its user takes a commit back.
    pub(super) fn take_back(&mut self, nth: u32, net: &mut HostCtx<'_>) {
        let taken_back = mark_taken_back(nth, self.id(), self.core.commits(), (&self.shelf, &self.setup));
        if let Some(file) = taken_back {
            self.step(Input::Command(Command::Withdraw(file)), net);
        }
    }

    /// The station is asked first: what is in use stays.
    pub(super) fn let_file_go(&mut self, nth: u32, net: &mut HostCtx<'_>) {
        let held = self.core.commits().filter(|view| view.held).map(|view| view.commit.file);
        let held: Vec<FileUuid> = held.collect();
        let Some(file) = nth_of(&held, nth).filter(|file| !self.core.is_in_use(*file)) else { return };
        self.setup.ledger.borrow_mut().lets_go(self.id(), file);
        if self.setup.planted != Planted::LetGoNotNoticed {
            self.step(Input::Command(Command::Release(file)), net);
        }
        self.shelf.remove(file);
    }

    /// What lies on the disk, as it is known from the start on.
    pub(super) fn restored(&self, commit: Commit) -> Command {
        if self.shelf.is_taken_back(commit.file) {
            Command::RestoreWithdrawn(commit)
        } else {
            Command::Restore(commit)
        }
    }

    /// What was taken back in other groups: somebody may have brought it along who has not heard of it.
    pub(super) fn taken_back_elsewhere(&self) -> Vec<Commit> {
        let group = &self.core.config().group;
        if self.setup.part.is_some() || !self.shelf.has_taken_back_any() {
            return Vec::new();
        }
        let elsewhere = self.shelf.recover_of(|commit, of| {
            of.is_some_and(|of| of != group) && self.shelf.is_taken_back(commit.file)
        });
        elsewhere.into_iter().map(|(commit, _)| commit).collect()
    }

    /// What it has of a commit that its author took back is listed no more after the next start, either.
    pub(super) fn notes_withdrawn(&self, event: &Event) {
        let file = match event {
            Event::CommitWithdrawn { file, .. } => *file,
            Event::RequestDone { file, .. } if self.core.is_withdrawn(*file) => *file,
            _ => return,
        };
        if self.core.holds(file) {
            // A disk that fails now: its author says so again.
            let _ = self.shelf.take_back(file);
        }
    }

    /// What is said of itself in a list.
    pub(super) fn lists(&self, message: &Message, net: &HostCtx<'_>) {
        let commits = match message {
            Message::Join(join) => &join.commits,
            Message::JoinRet(ret) => &ret.commits,
            _ => return,
        };
        self.setup.ledger.borrow_mut().lists(net.host(), self.id(), commits);
    }
}

/// Marks the nth of one's own commits as taken back, before anything else, so that it stays so whatever happens.
pub(crate) fn mark_taken_back<'a>(
    nth: u32,
    me: StationUuid,
    commits: impl Iterator<Item = CommitView<'a>>,
    (shelf, setup): (&Shelf, &Setup),
) -> Option<FileUuid> {
    let own = commits.filter(|view| view.held && view.commit.station == Some(me));
    let own: Vec<FileUuid> = own.map(|view| view.commit.file).collect();
    let file = nth_of(&own, nth)?;
    shelf.take_back(file).ok()?;
    setup.ledger.borrow_mut().takes_back(file);
    Some(file)
}

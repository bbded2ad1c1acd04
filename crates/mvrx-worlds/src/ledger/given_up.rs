//! What stations have taken back, and what their stores have let go.

use std::collections::BTreeSet;

use lan_sim::HostId;
use mvrx_message::{Commit, FileUuid, StationUuid};

use super::{LET_GO, Ledger, TAKEN_BACK};

#[derive(Debug, Default)]
pub(super) struct GivenUp {
    taken_back: BTreeSet<FileUuid>,
    /// The same, also where its author's disk did not say so at a start.
    ever_taken_back: BTreeSet<FileUuid>,
    let_go: BTreeSet<(StationUuid, FileUuid)>,
}

impl Ledger {
    /// Its author takes a commit back, and its disk has noted it.
    pub(crate) fn takes_back(&mut self, file: FileUuid) {
        self.tally.taken_back += 1;
        self.given_up.taken_back.insert(file);
        self.given_up.ever_taken_back.insert(file);
    }

    pub(crate) fn is_taken_back(&self, file: FileUuid) -> bool {
        self.given_up.taken_back.contains(&file)
    }

    /// Whether it was at any time: who has heard of it does not list it, whatever others find on a disk that does not say all.
    pub(crate) fn was_taken_back(&self, file: FileUuid) -> bool {
        self.given_up.ever_taken_back.contains(&file)
    }

    /// A store lets a file go: a disk that fails now may give it back at the next start, or not.
    pub(crate) fn lets_go(&mut self, station: StationUuid, file: FileUuid) {
        self.tally.let_go += 1;
        self.published.remove(&file);
        self.given_up.let_go.insert((station, file));
    }

    /// A file lies in a store of this machine again.
    pub(super) fn is_back(&mut self, host: HostId, file: FileUuid) {
        if let Some(station) = self.station_at(host) {
            self.given_up.let_go.remove(&(station, file));
        }
    }

    /// The machine's disk did not say what was taken back there.
    pub(super) fn forgets_what_was_taken_back(&mut self, host: HostId) {
        let Self { given_up, sources, homes, .. } = self;
        let author = |file: &FileUuid| sources.get(file).and_then(|source| homes.get(&source.author));
        given_up.taken_back.retain(|file| author(file) != Some(&host));
    }

    /// `me`, of `host`, lists these in a JOIN or its answer.
    pub(crate) fn lists(&mut self, host: HostId, me: StationUuid, commits: &[Commit]) {
        for file in commits.iter().map(|commit| commit.file) {
            if self.given_up.let_go.contains(&(me, file)) {
                self.violate(LET_GO, format_args!("{host} lists {file}, which its store has let go"));
            }
            if self.is_taken_back(file) && self.author(file) == Some(me) {
                self.violate(TAKEN_BACK, format_args!("{host} lists {file}, which it has taken back"));
            }
        }
    }
}

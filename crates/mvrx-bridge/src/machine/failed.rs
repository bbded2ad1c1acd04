//! Files that could not be fetched: when they are tried again, and which no more.
//!
//! What did not come may come later, and is tried after longer and longer pauses. What came and was damaged, or another file than announced,
//! would come like that for ever: after a few times it is given up, until its author was away, or somebody asks for it. A bridge that starts
//! knows of none.

use std::collections::BTreeSet;
use std::time::Duration;

use mvrx_message::{FileUuid, StationUuid};

use super::{Machine, Side, View};

#[derive(Debug, Default)]
pub(super) struct Failed {
    pub(super) times: u32,
    again: Duration,
    /// How often a wrong file came.
    wrong: u32,
    /// Its author was not there since it was given up.
    away: bool,
}

impl Machine {
    /// A fetch ended without a file that may be offered.
    pub fn not_fetched(&mut self, file: FileUuid, now: Duration) {
        self.fetching.remove(&file);
        let failed = self.failed.entry(file).or_default();
        failed.again = now.saturating_add(self.limits.again.saturating_mul(1 << failed.times.min(5)));
        failed.times = failed.times.saturating_add(1);
    }

    /// A fetch ended with a file that is damaged, or another one than announced. Whether it is given up by that.
    // req: BRG-25
    pub fn came_wrong(&mut self, file: FileUuid, now: Duration) -> bool {
        self.not_fetched(file, now);
        let failed = self.failed.entry(file).or_default();
        failed.wrong = failed.wrong.saturating_add(1);
        failed.wrong >= self.most_wrong()
    }

    fn most_wrong(&self) -> u32 {
        self.limits.wrong.max(1)
    }

    /// Whether a file is not to be tried now.
    pub(super) fn is_left_alone(&self, file: FileUuid, now: Duration) -> bool {
        let given_up = |failed: &Failed| failed.wrong >= self.most_wrong() && !self.evicted.is_asked(file);
        self.failed.get(&file).is_some_and(|failed| now < failed.again || given_up(failed))
    }

    /// Of a file that nobody tells any more nothing is remembered: there is no end of those that somebody may invent. One that was given up
    /// is as good as new when its author has been away.
    // req: BRG-11, BRG-25
    pub(super) fn forget_failures(&mut self, lan: &View, host: &View) {
        if self.failed.is_empty() {
            return;
        }
        let sides = [(Side::Lan, lan), (Side::Host, host)];
        let is_there = |author: StationUuid| {
            let itself = |(side, view): &(Side, &View)| {
                !self.stands(*side, author) && view.stations.iter().any(|seen| seen.station == author)
            };
            sides.iter().any(itself)
        };
        let (mut told, mut there) = (BTreeSet::new(), BTreeSet::new());
        for known in sides.iter().flat_map(|(_, view)| &view.commits) {
            if self.failed.contains_key(&known.file) {
                told.insert(known.file);
                if known.author.is_some_and(is_there) {
                    there.insert(known.file);
                }
            }
        }
        let most = self.most_wrong();
        self.failed.retain(|file, failed| {
            let was_away = failed.away;
            failed.away = failed.wrong >= most && !there.contains(file);
            told.contains(file) && !(was_away && there.contains(file))
        });
    }
}

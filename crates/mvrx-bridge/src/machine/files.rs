//! Which files a bridge fetches, and who offers them on the other side.

use std::collections::BTreeSet;
use std::time::Duration;

use mvrx_message::{BridgeMark, FileUuid, StationUuid};

use super::{Action, Machine, Side, Through, View};

/// The files that somebody on a side gives, in order.
struct Given(Vec<FileUuid>);

impl Given {
    fn on(view: &View) -> Self {
        let given = view.commits.iter().filter(|known| known.available || known.held);
        let mut files: Vec<FileUuid> = given.map(|known| known.file).collect();
        files.sort_unstable();
        Self(files)
    }

    fn has(&self, file: FileUuid) -> bool {
        self.0.binary_search(&file).is_ok()
    }
}

impl Machine {
    /// Fetches what is to be carried, and offers what was fetched.
    pub(super) fn carry(&mut self, now: Duration, lan: &View, host: &View, actions: &mut Vec<Action>) {
        let (given_lan, given_host) = (Given::on(lan), Given::on(host));
        let sides = [(Side::Lan, lan, (host, &given_host)), (Side::Host, host, (lan, &given_lan))];
        for (side, view, there) in sides {
            self.fetch(now, (side, view), there, actions);
        }
        if self.fetching.len() < self.limits.fetches {
            self.evicted.nobody_gives_the_rest();
        }
        for (side, view, there) in sides {
            self.offer((side, view), there, actions);
        }
    }

    // req: BRG-09
    fn fetch(
        &mut self,
        now: Duration,
        (side, view): (Side, &View),
        (there, given_there): (&View, &Given),
        actions: &mut Vec<Action>,
    ) {
        if !view.joined {
            return;
        }
        for known in &view.commits {
            let file = known.file;
            let Some(author) = known.author else { continue };
            if self.fetching.len() >= self.limits.fetches {
                return;
            }
            if !known.available || self.kept.contains_key(&file) || self.fetching.contains(&file) {
                continue;
            }
            // req: BRG-23
            let again = self.evicted.is_asked(file);
            if self.evicted.contains(file) && !again {
                continue;
            }
            if self.is_left_alone(file, now) || !self.is_of(side, author, view) {
                continue;
            }
            let failed = self.failed.get(&file);
            let (mut from, mut through) = (side, known.through);
            if given_there.has(file) && !again {
                if !self.stands(side.other(), author) {
                    continue;
                }
                // Who had a file once is told of ever after; and our stand-in for its author, who had it there, may be all that is left of them. The
                // group is asked first, where that costs less.
                // req: BRG-21
                let other = there.commits.iter().find(|other| other.file == file && other.available);
                let first = failed.is_none_or(|failed| failed.times.is_multiple_of(2));
                if let Some(other) = other.filter(|_| there.joined && first == (side == Side::Host)) {
                    (from, through) = (side.other(), other.through);
                }
            }
            self.evicted.is_back(file);
            self.fetching.insert(file);
            actions.push(Action::Fetch { side: from, through, file });
        }
    }

    // req: BRG-10
    fn offer(
        &mut self,
        (from, view): (Side, &View),
        (there, given_there): (&View, &Given),
        actions: &mut Vec<Action>,
    ) {
        let side = from.other();
        let held_there = held_by_stand_ins(there);
        let mut told = BTreeSet::new();
        for known in &view.commits {
            let (file, Some(author)) = (known.file, known.author) else { continue };
            if !self.kept.contains_key(&file) || !told.insert(file) || !self.is_of(from, author, view) {
                continue;
            }
            if self.stands(side, author) {
                if held_there.binary_search(&(author, file)).is_err() {
                    actions.push(Action::Offer { side, station: author, file });
                }
                continue;
            }
            let nowhere = |view: &View| view.stations.iter().all(|seen| seen.station != author);
            let wanted =
                known.for_all && !given_there.has(file) && there.joined && nowhere(view) && nowhere(there);
            if wanted && self.listed.insert((side, file)) {
                actions.push(Action::List { side, file });
            }
        }
    }

    /// Whether a commit is of the side on which it is known: its author is there itself, or nowhere.
    fn is_of(&self, side: Side, author: StationUuid, view: &View) -> bool {
        if author == self.us || self.stands(side, author) {
            return false;
        }
        let seen = view.stations.iter().find(|seen| seen.station == author);
        match seen.and_then(|seen| seen.mark) {
            None => true,
            Some(BridgeMark::StandIn { bridge }) => side == Side::Host && bridge != self.us,
            Some(BridgeMark::Bridge { .. }) => false,
        }
    }
}

/// The files that our stand-ins on a side have committed, each with its author, in order.
fn held_by_stand_ins(view: &View) -> Vec<(StationUuid, FileUuid)> {
    let held = view.commits.iter().filter(|known| known.held);
    let mut held: Vec<_> = held
        .filter_map(|known| match known.through {
            Through::StandIn(author) => Some((author, known.file)),
            Through::Bridge => None,
        })
        .collect();
    held.sort_unstable();
    held
}

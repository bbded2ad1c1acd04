//! Tells from listings, one after the other, which files have come to rest. It reads no clock and no disk.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::time::Duration;

use super::listing::Look;

/// The files of a folder, and since when each looks as it does.
#[derive(Debug)]
pub(super) struct Rest {
    rest: Duration,
    files: BTreeMap<OsString, File>,
}

#[derive(Debug)]
struct File {
    look: Look,
    /// On the caller's clock.
    since: Duration,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Not looked into since it changed.
    Waits,
    /// Looked into, and to be looked into again then, after so many tries.
    Again { at: Duration, tries: u32 },
    /// Nothing to do until it changes.
    Settled,
}

impl Rest {
    pub(super) fn new(rest: Duration) -> Self {
        Self { rest, files: BTreeMap::new() }
    }

    /// Takes notice of what the folder has now, and gives the names that are to be looked into.
    pub(super) fn see(&mut self, listing: &BTreeMap<OsString, Look>, now: Duration) -> Vec<OsString> {
        self.files.retain(|name, _| listing.contains_key(name));
        for (name, look) in listing {
            match self.files.get_mut(name) {
                Some(file) if file.look == *look => {}
                Some(file) => *file = File::new(*look, now),
                None => {
                    self.files.insert(name.clone(), File::new(*look, now));
                }
            }
        }
        let due = |file: &File| match file.state {
            State::Waits => now.saturating_sub(file.since) >= self.rest,
            State::Again { at, .. } => now >= at,
            State::Settled => false,
        };
        self.files.iter().filter(|(_, file)| due(file)).map(|(name, _)| name.clone()).collect()
    }

    /// For how long it has looked as it does.
    pub(super) fn rested(&self, name: &OsStr, now: Duration) -> Duration {
        self.files.get(name).map_or(Duration::ZERO, |file| now.saturating_sub(file.since))
    }

    /// As what it was seen.
    pub(super) fn look(&self, name: &OsStr) -> Option<Look> {
        self.files.get(name).map(|file| file.look)
    }

    /// It need not be looked into until it changes.
    pub(super) fn settled(&mut self, name: &OsStr) {
        if let Some(file) = self.files.get_mut(name) {
            file.state = State::Settled;
        }
    }

    /// It is to be looked into again: after 1 s, then twice as long each time, and `longest` at most.
    pub(super) fn again(&mut self, name: &OsStr, now: Duration, longest: Duration) {
        if let Some(file) = self.files.get_mut(name) {
            let tries = if let State::Again { tries, .. } = file.state { tries.saturating_add(1) } else { 0 };
            let pause = FIRST_PAUSE.saturating_mul(1 << tries.min(12)).min(longest);
            file.state = State::Again { at: now.saturating_add(pause), tries };
        }
    }

    /// It changed while it was looked into.
    pub(super) fn changed(&mut self, name: &OsStr, look: Look, now: Duration) {
        if let Some(file) = self.files.get_mut(name) {
            *file = File::new(look, now);
        }
    }
}

impl File {
    fn new(look: Look, since: Duration) -> Self {
        Self { look, since, state: State::Waits }
    }
}

const FIRST_PAUSE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn listing(files: &[(&str, u64)]) -> BTreeMap<OsString, Look> {
        files.iter().map(|(name, length)| ((*name).into(), Look::of_length(*length))).collect()
    }

    #[test]
    fn a_file_is_due_once_it_has_rested_and_not_a_moment_before() {
        let mut rest = Rest::new(seconds(2));
        assert!(rest.see(&listing(&[("a.mvr", 1)]), seconds(0)).is_empty());
        assert!(rest.see(&listing(&[("a.mvr", 1)]), Duration::from_millis(1_999)).is_empty());
        assert_eq!(rest.see(&listing(&[("a.mvr", 1)]), seconds(2)), ["a.mvr"]);
        rest.settled("a.mvr".as_ref());
        assert!(rest.see(&listing(&[("a.mvr", 1)]), seconds(99)).is_empty());
    }

    #[test]
    fn each_change_begins_the_rest_anew() {
        let mut rest = Rest::new(seconds(2));
        for second in 0..20 {
            assert!(rest.see(&listing(&[("a.mvr", second)]), seconds(second)).is_empty(), "{second}");
        }
        assert!(rest.see(&listing(&[("a.mvr", 19)]), seconds(20)).is_empty());
        assert_eq!(rest.see(&listing(&[("a.mvr", 19)]), seconds(21)), ["a.mvr"]);
        rest.settled("a.mvr".as_ref());
        assert!(rest.see(&listing(&[("a.mvr", 20)]), seconds(22)).is_empty());
        assert_eq!(rest.see(&listing(&[("a.mvr", 20)]), seconds(24)), ["a.mvr"], "saved once more");
    }

    #[test]
    fn one_that_went_and_came_back_rests_again() {
        let mut rest = Rest::new(seconds(2));
        rest.see(&listing(&[("a.mvr", 1)]), seconds(0));
        rest.see(&listing(&[]), seconds(1));
        rest.see(&listing(&[("a.mvr", 1)]), seconds(2));
        assert!(rest.see(&listing(&[("a.mvr", 1)]), seconds(3)).is_empty());
        assert_eq!(rest.see(&listing(&[("a.mvr", 1)]), seconds(4)), ["a.mvr"]);
    }

    #[test]
    fn tries_come_after_longer_and_longer_pauses_and_begin_anew_with_a_change() {
        let mut rest = Rest::new(seconds(2));
        let same = listing(&[("a.mvr", 1)]);
        rest.see(&same, seconds(0));
        let mut at = Vec::new();
        for second in 1..100 {
            if !rest.see(&same, seconds(second)).is_empty() {
                at.push(second);
                rest.again("a.mvr".as_ref(), seconds(second), seconds(20));
            }
        }
        assert_eq!(at, [2, 3, 5, 9, 17, 33, 53, 73, 93]);
        rest.see(&listing(&[("a.mvr", 2)]), seconds(100));
        assert_eq!(rest.see(&listing(&[("a.mvr", 2)]), seconds(102)), ["a.mvr"]);
    }
}

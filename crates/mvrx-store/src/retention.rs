//! Which commits go so that a history stays within limits: by their number, their age and their bytes, for each group.
//!
//! It decides and removes nothing; [`FsStore::retain`](crate::FsStore::retain) does. Rules, in this order: the newest commit of a group
//! that was not withdrawn always stays, and so do those with a tag and those of a station that is spared, unless they were withdrawn; these count
//! for no limit, save the newest. Of the others
//! those go that are more than the number allows, older than the age allows, or do not fit the bytes any more, newest first: where one does
//! not fit, everything older goes too, so that a history has no gaps that nobody asked for. What was withdrawn is counted last, after the
//! oldest: it takes no place of a commit that holds, and goes first.
//!
//! What is newest is told by the place of the commits in the order of all ([`mvrx_message::Commit::order`]) where each commit of the group has
//! one, else by when they came.

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, SystemTime};

use mvrx_message::{FileUuid, StationUuid};

use crate::revision::Revision;
use crate::store::StoredCommit;

/// What is kept of the commits of each group. The default keeps everything.
///
/// ```
/// use mvrx_store::{Keep, Retention};
/// let keep = Retention::of_each_group(Keep { newest: Some(100), ..Keep::default() });
/// assert!(!keep.is_everything());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Retention {
    /// Of each group that has no limits of its own.
    pub each: Keep,
    /// Of these groups instead.
    pub groups: BTreeMap<String, Keep>,
    /// Commits of this station stay: nobody else may have them. They count for no limit.
    pub spare: Option<StationUuid>,
}

/// What is kept of one group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keep {
    /// So many of the newest; 0 keeps the newest one all the same.
    pub newest: Option<usize>,
    /// Those that came so long ago at most.
    pub age: Option<Duration>,
    /// The newest that take so many bytes on the disk together.
    pub bytes: Option<u64>,
}

/// Which limit a commit is beyond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Beyond {
    /// As many are kept that are newer, or, where this one was withdrawn, that were not.
    Number {
        /// [`Keep::newest`].
        allowed: usize,
    },
    /// It is older than what is kept.
    Age {
        /// [`Keep::age`].
        allowed: Duration,
    },
    /// It does not fit, or one that is counted before it did not.
    Bytes {
        /// [`Keep::bytes`].
        allowed: u64,
    },
}

/// A commit that goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Going {
    /// The commit.
    pub stored: StoredCommit,
    /// What it takes on the disk, in bytes. Where other files were made over this one it is given back with the last of them only.
    pub on_disk: u64,
    /// Why it goes.
    pub beyond: Beyond,
}

impl Retention {
    /// The same for each group.
    #[must_use]
    pub fn of_each_group(each: Keep) -> Self {
        Self { each, ..Self::default() }
    }

    /// Whether nothing ever goes.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.each.is_everything() && self.groups.values().all(Keep::is_everything)
    }

    /// The least age after which something may go.
    pub(crate) fn least_age(&self) -> Option<Duration> {
        self.groups.values().chain([&self.each]).filter_map(|keep| keep.age).min()
    }

    fn of(&self, group: &str) -> &Keep {
        self.groups.get(group).unwrap_or(&self.each)
    }

    /// What of `revisions` goes at `now`, the oldest of each group first.
    // req: STO-24
    pub(crate) fn plan(
        &self,
        revisions: Vec<Revision>,
        tagged: &HashSet<FileUuid>,
        now: SystemTime,
    ) -> Vec<Going> {
        let mut groups: BTreeMap<String, Vec<Revision>> = BTreeMap::new();
        for revision in revisions {
            groups.entry(revision.stored.group.clone()).or_default().push(revision);
        }
        let mut going = Vec::new();
        for (group, mut revisions) in groups {
            oldest_first(&mut revisions);
            let spared = |revision: &Revision| {
                let commit = &revision.stored.commit;
                let ours = self.spare.is_some() && commit.station == self.spare;
                ours && !revision.withdrawn || tagged.contains(&commit.file)
            };
            going.extend(self.of(&group).plan(revisions, &spared, now));
        }
        going
    }
}

impl Keep {
    /// Whether nothing ever goes.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }

    fn plan(
        &self,
        oldest_first: Vec<Revision>,
        spared: &dyn Fn(&Revision) -> bool,
        now: SystemTime,
    ) -> Vec<Going> {
        let mut going = Vec::new();
        let (mut number, mut bytes) = (0_usize, 0_u64);
        let mut newest_is_found = false;
        let newest_first = oldest_first.into_iter().enumerate().rev();
        let (withdrawn, good): (Vec<_>, Vec<_>) = newest_first.partition(|(_, revision)| revision.withdrawn);
        for (place, revision) in good.into_iter().chain(withdrawn) {
            let is_newest = !revision.withdrawn && !std::mem::replace(&mut newest_is_found, true);
            if !is_newest && spared(&revision) {
                continue;
            }
            number = number.saturating_add(1);
            bytes = bytes.saturating_add(revision.on_disk);
            let beyond = self.beyond(number, bytes, age(&revision.stored, now));
            if let Some(beyond) = beyond.filter(|_| !is_newest) {
                going.push((place, Going { stored: revision.stored, on_disk: revision.on_disk, beyond }));
            }
        }
        going.sort_by_key(|(place, _)| *place);
        going.into_iter().map(|(_, going)| going).collect()
    }

    /// Whether the commit with this place, with so many bytes up to it, goes. The sum never falls, so neither does what it says.
    fn beyond(&self, number: usize, bytes: u64, age: Duration) -> Option<Beyond> {
        let by_number = self.newest.filter(|allowed| number > *allowed);
        let by_age = self.age.filter(|allowed| age > *allowed);
        let by_bytes = self.bytes.filter(|allowed| bytes > *allowed);
        by_number
            .map(|allowed| Beyond::Number { allowed })
            .or(by_age.map(|allowed| Beyond::Age { allowed }))
            .or(by_bytes.map(|allowed| Beyond::Bytes { allowed }))
    }
}

/// Since when it is here; a clock that went back makes nothing old.
fn age(stored: &StoredCommit, now: SystemTime) -> Duration {
    now.duration_since(stored.seen).unwrap_or(Duration::ZERO)
}

fn oldest_first(revisions: &mut [Revision]) {
    if revisions.iter().all(|revision| revision.stored.commit.order.is_some()) {
        revisions.sort_by_key(|revision| (revision.stored.commit.order, revision.stored.commit.file));
    } else {
        revisions.sort_by_key(|revision| revision.stored.sequence);
    }
}

#[cfg(test)]
mod tests;

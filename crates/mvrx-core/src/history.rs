//! The commits that are known, in order of arrival, and who lists each.
//!
//! "Latest" is the last one that arrived: no clock of another machine is trusted. A commit is known by its FileUUID; told again it changes
//! nothing but who lists it, and where in its list. In a station a commit addressed to others (ForStationsUUID) never gets in here, so it
//! is neither listed nor served; in a host it does, for those it is for.

use std::collections::BTreeMap;

use mvrx_message::{Commit, FileUuid, StationUuid};

use crate::CommitSource;

/// A commit as the application sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct CommitView<'a> {
    /// What was announced; `station` is its author.
    pub commit: &'a Commit,
    /// Its place in the order of arrival.
    pub arrival: u64,
    /// Whether our store has the file.
    pub held: bool,
    /// The stations that list it, each with its place in what that station told: of two commits, the one with the higher place is later
    /// by that station's own order.
    pub holders: &'a BTreeMap<StationUuid, u64>,
}

#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) commit: Commit,
    /// The station that told of it first, whoever made it; of what lay in our store from the start its author. `None`: we.
    pub(crate) brought_by: Option<StationUuid>,
    pub(crate) held: bool,
    pub(crate) holders: BTreeMap<StationUuid, u64>,
}

impl Entry {
    /// Whether we have the file or a station that is here lists it.
    pub(crate) fn is_available(&self) -> bool {
        self.held || !self.holders.is_empty()
    }
}

#[derive(Debug, Default)]
pub(crate) struct History {
    by_arrival: BTreeMap<u64, Entry>,
    arrivals: BTreeMap<FileUuid, u64>,
    next: u64,
    /// The place of the next commit that a station tells.
    next_told: u64,
    /// How many each station brought.
    brought: BTreeMap<StationUuid, usize>,
    /// What the commits take in memory, about.
    bytes: usize,
}

/// What telling the history of a commit did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Noted {
    New,
    Known,
    /// The same FileUUID with another size, not told by its author: somebody is wrong, the first word stands.
    Contradicts,
}

impl History {
    /// Adds a commit whose file lies in our store, or marks a known one as held.
    pub(crate) fn hold(&mut self, commit: Commit) {
        if let Some(entry) = self.entry_mut(commit.file) {
            entry.held = true;
            entry.commit.file_size = commit.file_size;
            if commit.blake3.is_some() {
                entry.commit.blake3 = commit.blake3;
            }
        } else {
            let brought_by = commit.station;
            self.insert(Entry { commit, brought_by, held: true, holders: BTreeMap::new() });
        }
    }

    /// Adds a commit that `from` tells of. A list tells its order anew, an announcement only what was not known.
    pub(crate) fn note(&mut self, commit: &Commit, from: StationUuid, source: CommitSource) -> Noted {
        let told = self.next_told;
        self.next_told += 1;
        if let Some(entry) = self.entry_mut(commit.file) {
            let author = entry.commit.station == Some(from);
            if let (Some(known), Some(told)) = (announced_size(&entry.commit), announced_size(commit))
                && known != told
                && !author
            {
                return Noted::Contradicts;
            }
            let before = cost(&entry.commit);
            if author && !entry.held {
                // The author's own word corrects a second-hand one.
                entry.commit = commit.clone();
                entry.commit.station = Some(from);
            }
            let now = cost(&entry.commit);
            // req: STA-09
            let place = entry.holders.entry(from).or_insert(told);
            if source == CommitSource::Listed {
                *place = told;
            }
            self.bytes = self.bytes.saturating_add(now).saturating_sub(before);
            return Noted::Known;
        }
        let mut commit = commit.clone();
        commit.station.get_or_insert(from);
        let holders = BTreeMap::from([(from, told)]);
        self.insert(Entry { commit, brought_by: Some(from), held: false, holders });
        Noted::New
    }

    /// Makes room: drops the oldest commits whose files we do not hold until at most `limit` are left, which take at most so many bytes. Tells
    /// whether any went.
    pub(crate) fn shrink_within(&mut self, limit: usize, bytes: usize) -> bool {
        let mut dropped = false;
        while self.by_arrival.len() > limit || self.bytes > bytes {
            let Some(oldest) = self.by_arrival.iter().find(|(_, e)| !e.held).map(|(a, _)| *a) else {
                return dropped;
            };
            self.remove(oldest);
            dropped = true;
        }
        dropped
    }

    /// A station is no longer there to give its files.
    pub(crate) fn forget_holder(&mut self, station: StationUuid) {
        for entry in self.by_arrival.values_mut() {
            entry.holders.remove(&station);
        }
    }

    pub(crate) fn entry(&self, file: FileUuid) -> Option<&Entry> {
        self.by_arrival.get(self.arrivals.get(&file)?)
    }

    /// Counts up as commits come; `None` where nothing is known of it.
    pub(crate) fn arrival(&self, file: FileUuid) -> Option<u64> {
        self.arrivals.get(&file).copied()
    }

    fn entry_mut(&mut self, file: FileUuid) -> Option<&mut Entry> {
        self.by_arrival.get_mut(self.arrivals.get(&file)?)
    }

    pub(crate) fn latest(&self) -> Option<&Entry> {
        self.by_arrival.values().next_back()
    }

    /// The commits whose files we hold and that `station` may know of, oldest first. `None`: somebody unknown.
    pub(crate) fn visible_to(
        &self,
        station: Option<StationUuid>,
    ) -> impl DoubleEndedIterator<Item = &Commit> {
        self.by_arrival.values().filter(move |e| e.held && is_for(&e.commit, station)).map(|e| &e.commit)
    }

    /// The newest of them, oldest first: more than `most` would not fit a message.
    pub(crate) fn newest_visible_to(&self, station: Option<StationUuid>, most: usize) -> Vec<Commit> {
        let mut newest: Vec<Commit> = self.visible_to(station).rev().take(most).cloned().collect();
        newest.reverse();
        newest
    }

    /// The newest commits whose files we hold, whoever they are for, oldest first: more than `most` would not fit a message.
    pub(crate) fn newest_held(&self, most: usize) -> Vec<Commit> {
        let held = self.entries().rev().filter(|e| e.held);
        let mut newest: Vec<Commit> = held.take(most).map(|e| e.commit.clone()).collect();
        newest.reverse();
        newest
    }

    /// The newest commits that `station` may know of and somebody can give, oldest first: more than `most` would not fit a message.
    pub(crate) fn newest_listed_to(&self, station: StationUuid, most: usize) -> Vec<Commit> {
        let listed = self.entries().rev().filter(|e| e.is_available() && is_for(&e.commit, Some(station)));
        let mut newest: Vec<Commit> = listed.take(most).map(|e| e.commit.clone()).collect();
        newest.reverse();
        newest
    }

    /// Every commit known, in order of arrival.
    pub(crate) fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.by_arrival.values()
    }

    /// The file of a commit is no longer in our store.
    pub(crate) fn release(&mut self, file: FileUuid) {
        if let Some(entry) = self.entry_mut(file) {
            entry.held = false;
        }
    }

    /// Nothing is known of a commit any more.
    pub(crate) fn forget(&mut self, file: FileUuid) {
        if let Some(arrival) = self.arrival(file) {
            self.remove(arrival);
        }
    }

    /// The files that a station lists and we do not have.
    pub(crate) fn missing_of(&self, station: StationUuid) -> Vec<FileUuid> {
        let missing = self.entries().filter(|entry| !entry.held && entry.holders.contains_key(&station));
        missing.map(|entry| entry.commit.file).collect()
    }

    /// The stations that brought more commits than so many.
    pub(crate) fn who_brought_more_than(&self, most: usize) -> Vec<StationUuid> {
        self.brought.iter().filter(|(_, count)| **count > most.max(1)).map(|(station, _)| *station).collect()
    }

    /// The commits that a station brought but its newest `most`, oldest first.
    pub(crate) fn oldest_of(&self, station: StationUuid, most: usize) -> Vec<FileUuid> {
        let count = self.brought.get(&station).copied().unwrap_or(0).saturating_sub(most.max(1));
        let of = |entry: &&Entry| entry.brought_by == Some(station);
        self.entries().filter(of).take(count).map(|entry| entry.commit.file).collect()
    }

    pub(crate) fn views(&self) -> impl DoubleEndedIterator<Item = CommitView<'_>> {
        self.by_arrival.iter().map(|(arrival, e)| CommitView {
            commit: &e.commit,
            arrival: *arrival,
            held: e.held,
            holders: &e.holders,
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.by_arrival.len()
    }

    /// What the commits take in memory, about.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    fn insert(&mut self, entry: Entry) {
        self.bytes = self.bytes.saturating_add(cost(&entry.commit));
        if let Some(station) = entry.brought_by {
            *self.brought.entry(station).or_default() += 1;
        }
        self.arrivals.insert(entry.commit.file, self.next);
        self.by_arrival.insert(self.next, entry);
        self.next += 1;
    }

    fn remove(&mut self, arrival: u64) {
        let Some(entry) = self.by_arrival.remove(&arrival) else { return };
        self.arrivals.remove(&entry.commit.file);
        self.bytes = self.bytes.saturating_sub(cost(&entry.commit));
        let Some(station) = entry.brought_by else { return };
        if let Some(count) = self.brought.get_mut(&station) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.brought.remove(&station);
            }
        }
    }
}

/// What a commit takes, about: what others choose the length of, and the rest as much as it is.
fn cost(commit: &Commit) -> usize {
    let author = commit.author.as_ref().map_or(0, |author| author.name.len() + author.provider.len());
    let texts = commit.comment.len() + commit.file_name.len() + author;
    size_of::<Entry>() + texts + commit.for_stations.len() * size_of::<StationUuid>()
}

/// The FileSize of a commit; 0 says nothing.
pub(crate) fn announced_size(commit: &Commit) -> Option<u64> {
    Some(commit.file_size).filter(|size| *size != 0)
}

/// Whether `station` is among those a commit is for. Its author always is.
pub(crate) fn is_for(commit: &Commit, station: Option<StationUuid>) -> bool {
    // req: STA-08
    commit.for_stations.is_empty()
        || station.is_some_and(|s| commit.for_stations.contains(&s) || commit.station == Some(s))
}

//! The commits that are known, in one order for all stations of ours, and who lists each.
//!
//! No clock of another machine is trusted: each commit has a number ([`Commit::order`]), higher than that of every commit that its maker
//! knew of, and of two with the same the lower FileUUID is earlier. So whoever knows the same commits has them in the same order, by
//! whichever way and in whichever sequence they came.
//!
//! | a commit comes | its number | certain, and told on |
//! |---|---|---|
//! | with a number | that; of several the smallest | yes |
//! | with one that is higher than the highest known by more than `reach` | as without one | |
//! | without one, while we know where the others stand ([`History::settle`]) | the highest known and 1 | yes |
//! | without one, announced before that | the same | from [`History::settle`] on |
//! | without one, in a list before that | that of its predecessor in the list and 1 | from [`History::settle`] on |
//!
//! The smallest counts because it is the same whoever is asked last, and because a number that nobody can have reached is undone by
//! whoever knows better. A commit is known by its FileUUID; told again it changes nothing but its number, who lists it, and where in its
//! list. In a station a commit addressed to others (ForStationsUUID) never gets in here, so it is neither listed nor served; in a host it
//! does, for those it is for.

use std::collections::{BTreeMap, BTreeSet};

use mvrx_message::{Commit, FileUuid, StationUuid};

use crate::CommitSource;
use crate::withdrawn::Withdrawn;

/// A commit as the application sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct CommitView<'a> {
    /// What was announced; `station` is its author.
    pub commit: &'a Commit,
    /// Its place in the order in which they reached us; which one is later [`Commit::order`] tells, not this.
    pub arrival: u64,
    /// Whether our store has the file.
    pub held: bool,
    /// The stations that list it, each with its place in what that station told: of two commits, the one with the higher place is later
    /// by that station's own order.
    pub holders: &'a BTreeMap<StationUuid, u64>,
}

#[derive(Debug)]
pub(crate) struct Entry {
    /// Its `order` is there once it is certain.
    pub(crate) commit: Commit,
    /// The station that told of it first, whoever made it; of what lay in our store from the start its author. `None`: we.
    pub(crate) brought_by: Option<StationUuid>,
    /// By which it has its place among the others.
    number: u64,
    arrival: u64,
    pub(crate) held: bool,
    pub(crate) holders: BTreeMap<StationUuid, u64>,
    /// What is damaged in what came of it, where nobody else had it: nobody is offered it until it came whole.
    pub(crate) damaged: Option<String>,
    /// Who made it has taken it back: it is in no list any more, and given to nobody.
    pub(crate) withdrawn: bool,
    /// Our store let it go by its limits: it is not fetched to be kept again.
    pub(crate) let_go: bool,
}

impl Entry {
    /// Whether we have the file or a station that is here lists it, and it is neither known to be damaged nor withdrawn.
    pub(crate) fn is_available(&self) -> bool {
        self.damaged.is_none() && !self.withdrawn && (self.held || !self.holders.is_empty())
    }

    pub(crate) fn view(&self) -> CommitView<'_> {
        CommitView { commit: &self.commit, arrival: self.arrival, held: self.held, holders: &self.holders }
    }

    /// Whether we have the file and give it.
    pub(crate) fn is_given(&self) -> bool {
        self.held && !self.withdrawn
    }
}

#[derive(Debug, Default)]
pub(crate) struct History {
    by_file: BTreeMap<FileUuid, Entry>,
    by_order: BTreeSet<(u64, FileUuid)>,
    by_arrival: BTreeMap<u64, FileUuid>,
    next: u64,
    /// Whether we know where the others stand, so that a number of ours is right.
    settled: bool,
    /// The number of the last commit of the list that is being read.
    before: u64,
    /// The highest number that was promised to a commit which is still to come.
    promised: u64,
    /// The place of the next commit that a station tells.
    next_told: u64,
    /// How many each station brought.
    brought: BTreeMap<StationUuid, usize>,
    /// What the commits take in memory, about.
    bytes: usize,
    pub(crate) withdrawn: Withdrawn,
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
        let file = commit.file;
        if commit.order == Some(self.promised) {
            self.promised = 0;
        }
        if let Some(entry) = self.by_file.get_mut(&file) {
            entry.held = true;
            entry.let_go = false;
            entry.damaged = None;
            entry.commit.file_size = commit.file_size;
            if commit.blake3.is_some() {
                entry.commit.blake3 = commit.blake3;
            }
            if let Some(order) = placeable(commit.order) {
                self.place(file, order);
            }
        } else {
            let order = placeable(commit.order);
            let number = order.unwrap_or_else(|| following(self.highest()));
            let order = order.or(self.settled.then_some(number));
            let brought_by = commit.station;
            let commit = Commit { order, missed: false, ..commit };
            self.insert((commit, number), brought_by, true, BTreeMap::new());
        }
    }

    /// A number for a commit of ours that is about to be made: higher than all that are known or promised, of `others` as well.
    pub(crate) fn promise(&mut self, others: u64) -> u64 {
        self.promised = following(self.highest().max(self.promised).max(others));
        self.promised
    }

    /// The highest number known; 0: none.
    pub(crate) fn highest(&self) -> u64 {
        self.by_order.last().map_or(0, |(number, _)| *number)
    }

    /// A list begins: the next commits that are [noted](Self::note) as listed follow each other.
    pub(crate) fn begin_list(&mut self) {
        self.before = 0;
    }

    /// We know where the others stand: what has no number of its own gets the one by which it has its place, and is told on with it.
    pub(crate) fn settle(&mut self) {
        if !std::mem::replace(&mut self.settled, true) {
            for entry in self.by_file.values_mut() {
                entry.commit.order.get_or_insert(entry.number);
            }
        }
    }

    /// Adds a commit that `from` tells of. A list tells its order anew, an announcement only what was not known. A number that is higher than
    /// all that are known by more than `reach` is as good as none.
    pub(crate) fn note(
        &mut self,
        commit: &Commit,
        from: StationUuid,
        source: CommitSource,
        reach: u64,
    ) -> Noted {
        let told = self.next_told;
        self.next_told += 1;
        let order = placeable(commit.order)
            .filter(|order| self.by_order.is_empty() || *order <= self.highest().saturating_add(reach));
        let file = commit.file;
        if self.withdrawn.has(file, commit.station.or(Some(from))) || self.is_withdrawn(file) {
            return Noted::Known;
        }
        if let Some(entry) = self.by_file.get_mut(&file) {
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
                let order = entry.commit.order;
                entry.commit = Commit { order, missed: false, ..commit.clone() };
                entry.commit.station = Some(from);
            }
            let now = cost(&entry.commit);
            // req: STA-09
            let place = entry.holders.entry(from).or_insert(told);
            if source == CommitSource::Listed {
                *place = told;
            }
            self.bytes = self.bytes.saturating_add(now).saturating_sub(before);
            self.place_again(file, order, source);
            return Noted::Known;
        }
        let follows = match source {
            CommitSource::Listed if !self.settled => self.before,
            _ => self.highest(),
        };
        let number = order.unwrap_or_else(|| following(follows));
        self.read_on(number, source);
        let mut commit = commit.clone();
        commit.station.get_or_insert(from);
        commit.order = order.or(self.settled.then_some(number));
        commit.missed = false;
        self.insert((commit, number), Some(from), false, BTreeMap::from([(from, told)]));
        Noted::New
    }

    /// A commit that is known is told again, with this number or without one.
    // req: STA-27
    fn place_again(&mut self, file: FileUuid, order: Option<u64>, source: CommitSource) {
        if let Some(order) = order {
            self.place(file, order);
        }
        let Some(entry) = self.by_file.get(&file) else { return };
        // By the list's own order, as long as nobody knows better.
        if entry.commit.order.is_none() && source == CommitSource::Listed && entry.number <= self.before {
            let number = following(self.before);
            self.put(file, number);
        }
        let number = self.by_file.get(&file).map_or(0, |entry| entry.number);
        self.read_on(number, source);
    }

    fn read_on(&mut self, number: u64, source: CommitSource) {
        if source == CommitSource::Listed {
            self.before = self.before.max(number);
        }
    }

    /// Somebody tells this number for it: of several the smallest counts.
    fn place(&mut self, file: FileUuid, order: u64) {
        let Some(entry) = self.by_file.get_mut(&file) else { return };
        if entry.commit.order.is_none_or(|known| order < known) {
            entry.commit.order = Some(order);
            self.put(file, order);
        }
    }

    fn put(&mut self, file: FileUuid, number: u64) {
        let Some(entry) = self.by_file.get_mut(&file) else { return };
        let before = std::mem::replace(&mut entry.number, number);
        self.by_order.remove(&(before, file));
        self.by_order.insert((number, file));
    }

    /// Makes room: drops the oldest commits whose files we do not hold until at most `limit` are left, which take at most so many bytes. Tells
    /// whether any went.
    pub(crate) fn shrink_within(&mut self, limit: usize, bytes: usize) -> bool {
        let mut dropped = false;
        while self.len() > limit || self.bytes > bytes {
            // By arrival: a number that somebody made up keeps nothing of others out.
            let mut arrived = self.by_arrival.values();
            let oldest = arrived.find(|file| self.by_file.get(file).is_some_and(|entry| !entry.held));
            let Some(oldest) = oldest.copied() else { return dropped };
            self.forget(oldest);
            dropped = true;
        }
        dropped
    }

    /// A station is no longer there to give its files.
    pub(crate) fn forget_holder(&mut self, station: StationUuid) {
        for entry in self.by_file.values_mut() {
            entry.holders.remove(&station);
        }
    }

    /// What this station gave of a file is damaged. Whether others list it still.
    pub(crate) fn is_damaged(&mut self, file: FileUuid, from: Option<StationUuid>, what: &str) -> bool {
        let Some(entry) = self.by_file.get_mut(&file).filter(|entry| !entry.held) else { return false };
        if let Some(from) = from {
            entry.holders.remove(&from);
        }
        if entry.holders.is_empty() {
            entry.damaged = Some(what.chars().take(DAMAGED).collect());
        }
        !entry.holders.is_empty()
    }

    pub(crate) fn entry(&self, file: FileUuid) -> Option<&Entry> {
        self.by_file.get(&file)
    }

    pub(crate) fn entry_mut(&mut self, file: FileUuid) -> Option<&mut Entry> {
        self.by_file.get_mut(&file)
    }

    /// Counts up as commits come; `None` where nothing is known of it.
    pub(crate) fn arrival(&self, file: FileUuid) -> Option<u64> {
        self.by_file.get(&file).map(|entry| entry.arrival)
    }

    pub(crate) fn latest(&self) -> Option<&Entry> {
        self.entries().rfind(|entry| !entry.withdrawn)
    }

    /// The place of a commit in the order of all; `None` where nothing is known of it.
    pub(crate) fn place_of(&self, file: FileUuid) -> Option<(u64, FileUuid)> {
        self.by_file.get(&file).map(|entry| (entry.number, file))
    }

    /// The commits whose files we hold and that `station` may know of, oldest first. `None`: somebody unknown.
    pub(crate) fn visible_to(
        &self,
        station: Option<StationUuid>,
    ) -> impl DoubleEndedIterator<Item = &Commit> {
        self.entries().filter(move |e| e.is_given() && is_for(&e.commit, station)).map(|e| &e.commit)
    }

    /// The newest of them, oldest first: more than `most` would not fit a message.
    pub(crate) fn newest_visible_to(&self, station: Option<StationUuid>, most: usize) -> Vec<Commit> {
        let mut newest: Vec<Commit> = self.visible_to(station).rev().take(most).cloned().collect();
        newest.reverse();
        newest
    }

    /// The newest commits whose files we hold, whoever they are for, oldest first: more than `most` would not fit a message.
    pub(crate) fn newest_held(&self, most: usize) -> Vec<Commit> {
        let held = self.entries().rev().filter(|e| e.is_given());
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

    /// Every commit known, the earliest first.
    pub(crate) fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.by_order.iter().filter_map(|(_, file)| self.by_file.get(file))
    }

    /// The file of a commit is no longer in our store.
    pub(crate) fn release(&mut self, file: FileUuid) {
        if let Some(entry) = self.by_file.get_mut(&file) {
            entry.held = false;
        }
    }

    /// Nothing is known of a commit any more.
    pub(crate) fn forget(&mut self, file: FileUuid) {
        if let Some(entry) = self.by_file.remove(&file) {
            self.by_order.remove(&(entry.number, file));
            self.by_arrival.remove(&entry.arrival);
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

    /// The files that a station lists and we do not have.
    pub(crate) fn missing_of(&self, station: StationUuid) -> Vec<FileUuid> {
        let missing = self.entries().filter(|entry| !entry.held && entry.holders.contains_key(&station));
        missing.map(|entry| entry.commit.file).collect()
    }

    /// The stations that brought more commits than so many.
    pub(crate) fn who_brought_more_than(&self, most: usize) -> Vec<StationUuid> {
        self.brought.iter().filter(|(_, count)| **count > most.max(1)).map(|(station, _)| *station).collect()
    }

    /// The commits that a station brought but the `most` that came last, oldest first: by arrival, so that no number keeps one.
    pub(crate) fn oldest_of(&self, station: StationUuid, most: usize) -> Vec<FileUuid> {
        let count = self.brought.get(&station).copied().unwrap_or(0).saturating_sub(most.max(1));
        let of = |entry: &&Entry| entry.brought_by == Some(station);
        let arrived = self.by_arrival.values().filter_map(|file| self.by_file.get(file));
        arrived.filter(of).take(count).map(|entry| entry.commit.file).collect()
    }

    pub(crate) fn views(&self) -> impl DoubleEndedIterator<Item = CommitView<'_>> {
        self.entries().filter(|entry| !entry.withdrawn).map(Entry::view)
    }

    pub(crate) fn len(&self) -> usize {
        self.by_file.len()
    }

    /// What the commits take in memory, about.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    fn insert(
        &mut self,
        (commit, number): (Commit, u64),
        brought_by: Option<StationUuid>,
        held: bool,
        holders: BTreeMap<StationUuid, u64>,
    ) {
        self.bytes = self.bytes.saturating_add(cost(&commit));
        if let Some(station) = brought_by {
            *self.brought.entry(station).or_default() += 1;
        }
        let (file, arrival) = (commit.file, self.next);
        self.by_order.insert((number, file));
        self.by_arrival.insert(arrival, file);
        let withdrawn = self.withdrawn.has(file, commit.station);
        let (damaged, let_go) = (None, false);
        let entry = Entry { commit, brought_by, number, arrival, held, holders, damaged, withdrawn, let_go };
        self.by_file.insert(file, entry);
        self.next += 1;
    }
}

/// Characters of what is damaged.
const DAMAGED: usize = 256;

/// The next number, the last one at most: from there on FileUUIDs alone decide.
fn following(number: u64) -> u64 {
    number.saturating_add(1).min(Commit::LAST)
}

/// A number that a commit can have.
fn placeable(order: Option<u64>) -> Option<u64> {
    order.filter(|order| (1..=Commit::LAST).contains(order))
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

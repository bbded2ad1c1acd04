//! Files that the bridge had and that made room in its store.
//!
//! Ours list them on as long as somebody on their own side gives them: they are fetched again when they are asked for, and not before, or files
//! would drive each other out for ever. When nobody gives one any more, it is listed no longer.

use std::collections::BTreeSet;

use mvrx_message::FileUuid;

use super::{Action, Machine, Side, View};

#[derive(Debug, Default)]
pub(super) struct Evicted {
    gone: BTreeSet<FileUuid>,
    asked: BTreeSet<FileUuid>,
}

impl Evicted {
    pub(super) fn contains(&self, file: FileUuid) -> bool {
        self.gone.contains(&file)
    }

    pub(super) fn is_asked(&self, file: FileUuid) -> bool {
        self.asked.contains(&file)
    }

    /// It is fetched now, or was.
    pub(super) fn is_back(&mut self, file: FileUuid) {
        self.asked.remove(&file);
        self.gone.remove(&file);
    }

    /// All that can be fetched at the moment has begun to be.
    pub(super) fn nobody_gives_the_rest(&mut self) {
        self.asked.clear();
    }
}

impl Machine {
    /// What made room before this start, and is listed on by the stand-in of its author.
    // req: BRG-26
    pub fn made_room_before(&mut self, file: FileUuid) {
        if !self.kept.contains_key(&file) {
            self.evicted.gone.insert(file);
        }
    }

    /// Nothing is remembered any more of a file that made room: seen again it is new.
    pub fn forget_room(&mut self, file: FileUuid) {
        self.evicted.is_back(file);
    }

    /// The files that the store has, as far as was told.
    pub fn kept(&self) -> impl Iterator<Item = FileUuid> + '_ {
        self.kept.keys().copied()
    }

    /// Its author took it back: it is carried no more.
    // req: BRG-27
    pub fn was_withdrawn(&mut self, file: FileUuid) {
        self.kept.remove(&file);
        self.evicted.is_back(file);
        self.listed.retain(|(_, listed)| *listed != file);
    }

    /// The store dropped a file to make room for others.
    pub fn made_room(&mut self, file: FileUuid) {
        if self.kept.remove(&file).is_some() {
            self.evicted.gone.insert(file);
        }
    }

    /// Somebody asks one of ours for a file that the store has no more. The next look fetches it if it can be had; [`Machine::will_fetch`] tells.
    pub fn asked_again(&mut self, file: FileUuid) {
        self.evicted.asked.insert(file);
    }

    /// Whether a file is being fetched, or will be when others are here.
    #[must_use]
    pub fn will_fetch(&self, file: FileUuid) -> bool {
        self.fetching.contains(&file) || self.evicted.is_asked(file)
    }

    /// What nobody gives any more is listed no longer. Where its side is out of reach, that is not known.
    // req: BRG-23
    pub(super) fn withdraw(&mut self, sides: [(Side, &View); 2], actions: &mut Vec<Action>) {
        if self.evicted.gone.is_empty() {
            return;
        }
        for (side, there) in sides {
            let Some((_, from)) = sides.iter().find(|(at, _)| *at != side) else { continue };
            let gives = from.commits.iter().filter(|known| known.available || known.held);
            let given: BTreeSet<FileUuid> = gives.map(|known| known.file).collect();
            for known in there.commits.iter().filter(|known| known.held) {
                let file = known.file;
                if !self.evicted.contains(file) {
                    continue;
                }
                if !given.contains(&file) && from.joined {
                    // Seen again it is new to us.
                    self.evicted.is_back(file);
                    actions.push(Action::Withdraw { side, through: known.through, file });
                }
            }
        }
    }
}

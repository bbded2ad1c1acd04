//! Turns what the records said, and the beginnings of recipes, into a file of its own, so that a start need not open each of them. The records stay the truth: the index is
//! only believed of a file that is as it was when it was read, and may be missing, old or damaged at any time.
//!
//! The folder is listed as ever, and tells of each file its length, the times of its last writing and change, and its number on the disk. Of a
//! file that is the same in all of them the index is asked, each other one is read. A file that is written to within one tick of the disk's
//! clock may look the same before and after, so a file goes into the index only where both its times lie [`SETTLED`] before the reading, by the
//! disk's own clock: whatever is done to it later has a later time.
//!
//! ```text
//!              more than `Limits::unindexed` to be read     read        temporary written     old one removed
//!  folder listed ─────────────► time of the disk taken ────────► rows ──────────────► ready ─────────► renamed
//! ```
//! It is written by who opens the store and holds its lock, at no other time: publishing and removing cost nothing more. It is never synced,
//! as a crash costs no more than reading the records once more, and replaced as a whole, so who reads it meanwhile, without a lock, has the old
//! one, the new one or none. What cannot be written is left: nothing depends on it.

use std::cell::{Cell, RefCell};
use std::ops::Range;

use super::names::Name;
use super::shelf::FsShelf;
use crate::disk::{Links, nanos};
use crate::limits::Limits;
use crate::record;
use crate::store::StoredCommit;

mod image;
mod row;

pub(super) use image::Seen;
use image::{Image, NotUsable, Row, Table};
use row::Key;
pub(super) use row::Made;

/// What is known of the files in the folder.
#[derive(Debug, Default)]
pub(super) struct Index {
    limits: Limits,
    image: Option<Image>,
    records: Rows,
    recipes: Rows,
    fresh: Vec<Row>,
    /// A newer program's: it stays.
    newer: bool,
    /// It is damaged, or has an older schema.
    renew: bool,
    /// The file that is to become the index, and the disk's time before anything was read.
    begun: Option<(Name, i64)>,
}

/// What is known of files, by name; what was not asked for in the end is no longer there.
#[derive(Debug, Default)]
struct Rows {
    known: Vec<Known>,
    /// What they said, one after the other.
    said: Vec<u8>,
    /// Behind the one that was found last: they are asked for in order.
    next: Cell<usize>,
}

#[derive(Debug)]
struct Known {
    key: Key,
    seen: Seen,
    said: Range<usize>,
    asked: bool,
}

impl Index {
    /// What the file has that was read as `bytes`, `None` where there is none that can be read.
    pub(super) fn of(bytes: Option<Vec<u8>>, limits: Limits) -> Self {
        let mut index = Self { limits, ..Self::default() };
        let Some(bytes) = bytes else { return index };
        match Image::of(bytes, limits.index_bytes).and_then(|(image, older)| {
            index.renew = older;
            index.fill(&image)?;
            Ok(image)
        }) {
            Ok(image) => index.image = Some(image),
            Err(NotUsable::Newer) => index.newer = true,
            Err(NotUsable::Damaged) => {
                (index.records, index.recipes) = Default::default();
                index.renew = true;
            }
        }
        index
    }

    fn fill(&mut self, image: &Image) -> Result<(), NotUsable> {
        let rows = RefCell::new((&mut self.records, &mut self.recipes));
        image.rows(
            |table, count| {
                let count = usize::try_from(count).unwrap_or(0).min(MOST_RESERVED);
                match table {
                    Table::Records => rows.borrow_mut().0.known.reserve(count),
                    Table::Recipes => rows.borrow_mut().1.known.reserve(count),
                }
            },
            |table, key, seen, said| match table {
                Table::Records => rows.borrow_mut().0.keep(*key, seen, said),
                Table::Recipes => rows.borrow_mut().1.keep(*key, seen, said),
            },
        )?;
        // As the database has them.
        if self.records.are_in_order() && self.recipes.are_in_order() {
            Ok(())
        } else {
            Err(NotUsable::Damaged)
        }
    }

    /// What the record said, if it is still the same file.
    pub(super) fn record(&mut self, name: Name, seen: Option<Seen>) -> Option<StoredCommit> {
        let (key, said) = self.records.take(name, seen)?;
        row::decode(&key, said)
    }

    /// What the recipe says, if it is still the same file.
    pub(super) fn recipe(&mut self, name: Name, seen: Option<Seen>) -> Option<Made> {
        let (_, said) = self.recipes.take(name, seen)?;
        row::decode_made(said)
    }

    /// A record was read that can be used. One that has more than this version knows of is read each time: another version may know of it.
    pub(super) fn read_record(
        &mut self,
        name: Name,
        seen: Option<Seen>,
        bytes: &[u8],
        stored: &StoredCommit,
    ) {
        if let Some((key, seen)) = row::key(name).zip(self.settled(seen))
            && record::encode(stored) == bytes
        {
            self.fresh.push(Row { table: Table::Records, key, seen, value: row::encode(stored) });
        }
    }

    /// The beginning of a recipe was read.
    pub(super) fn read_recipe(&mut self, name: Name, seen: Option<Seen>, made: Made) {
        if let Some((key, seen)) = row::key(name).zip(self.settled(seen)) {
            self.fresh.push(Row { table: Table::Recipes, key, seen, value: row::encode_made(made) });
        }
    }

    /// Whether what is done to the file from now on shows.
    fn settled(&self, seen: Option<Seen>) -> Option<Seen> {
        let (_, before) = self.begun?;
        let latest = before.saturating_sub(SETTLED);
        let stamp = seen?.stamp;
        (stamp.modified <= latest && stamp.changed.is_none_or(|changed| changed <= latest)).then_some(seen?)
    }

    /// Before anything is read: looks whether the index is to be written, and what time it is on the disk. `all` are the files that are about
    /// to be asked for.
    pub(super) fn begin(&mut self, shelf: &FsShelf, all: impl Iterator<Item = (Name, Option<Seen>)>) {
        if self.newer || self.limits.index_bytes == 0 {
            return;
        }
        let (mut same, mut other) = (0_usize, 0_usize);
        for (name, seen) in all {
            let found = match name {
                Name::Recipe(_) => self.recipes.find(name, seen),
                _ => self.records.find(name, seen),
            };
            *(if found.is_some() { &mut same } else { &mut other }) += 1;
        }
        if !self.renew
            && !self
                .is_much(other, (self.records.known.len() + self.recipes.known.len()).saturating_sub(same))
        {
            return;
        }
        let Ok((file, temporary)) = shelf.create_temporary() else { return };
        drop(file);
        match shelf.disk.stat(&shelf.path(temporary), Links::Keep).ok().and_then(|stat| nanos(stat.modified?))
        {
            Some(now) => self.begun = Some((temporary, now)),
            None => {
                shelf.clean(temporary);
            }
        }
    }

    fn is_much(&self, other: usize, gone: usize) -> bool {
        other.saturating_add(gone) > self.limits.unindexed
    }

    /// The store cannot be opened.
    pub(super) fn give_up(self, shelf: &FsShelf) {
        if let Some((temporary, _)) = self.begun {
            shelf.clean(temporary);
        }
    }

    /// After everything was read: replaces the index where that is worth it.
    // req: STO-27
    pub(super) fn finish(mut self, shelf: &FsShelf) {
        let Some((temporary, _)) = self.begun else { return };
        let records = self.records.gone().map(|key| (Table::Records, key));
        let recipes = self.recipes.gone().map(|key| (Table::Recipes, key));
        let gone: Vec<_> = records.chain(recipes).collect();
        if !self.renew && !self.is_much(self.fresh.len(), gone.len()) {
            shelf.clean(temporary);
            return;
        }
        let image = match self.image.take() {
            Some(image) => Ok(image),
            None => Image::empty(self.limits.index_bytes),
        };
        let written = match image.and_then(|image| image.change(&gone, &self.fresh)) {
            Ok(image) => write(shelf, temporary, &image.into_bytes()),
            // It can be read and not be changed, or does not fit any more: the next start makes it anew.
            Err(_) => {
                shelf.clean(Name::Index);
                false
            }
        };
        if !written {
            shelf.clean(temporary);
        }
    }
}

impl Rows {
    fn keep(&mut self, key: Key, seen: Seen, said: &[u8]) {
        let from = self.said.len();
        self.said.extend_from_slice(said);
        self.known.push(Known { key, seen, said: from..self.said.len(), asked: false });
    }

    fn are_in_order(&self) -> bool {
        self.known.is_sorted_by_key(|known| known.key)
    }

    fn take(&mut self, name: Name, seen: Option<Seen>) -> Option<(Key, &[u8])> {
        let at = self.find(name, seen)?;
        let known = self.known.get_mut(at)?;
        known.asked = true;
        Some((known.key, self.said.get(known.said.clone())?))
    }

    /// Where the row of this name is, if it is still the same file.
    fn find(&self, name: Name, seen: Option<Seen>) -> Option<usize> {
        let (key, seen) = row::key(name).zip(seen)?;
        let next = self.next.get();
        let at = match self.known.get(next) {
            Some(known) if known.key == key => next,
            _ => self.known.binary_search_by_key(&key, |known| known.key).ok()?,
        };
        self.next.set(at.saturating_add(1));
        self.known.get(at).is_some_and(|known| known.seen == seen).then_some(at)
    }

    fn gone(&self) -> impl Iterator<Item = Key> {
        self.known.iter().filter(|known| !known.asked).map(|known| known.key)
    }
}

/// Writes the file that is to be the index and gives it its name; not synced.
fn write(shelf: &FsShelf, temporary: Name, bytes: &[u8]) -> bool {
    let Ok(mut file) = shelf.disk.append(&shelf.path(temporary), 0) else { return false };
    let written = file.write_all(bytes).is_ok();
    drop(file);
    written && shelf.remove(Name::Index).is_ok() && shelf.rename(temporary, Name::Index).is_ok()
}

/// Longer than a tick of any disk's clock (two seconds on FAT), in nanoseconds.
const SETTLED: i64 = 3_000_000_000;

/// Rows for which room is made at once, whatever number an index tells.
const MOST_RESERVED: usize = 100_000;

#[cfg(test)]
mod tests;

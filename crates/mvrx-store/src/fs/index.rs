//! Turns what the records said into a file of its own, so that a start need not open each of them. The records stay the truth: the index is
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

use std::cell::RefCell;

use super::names::Name;
use super::shelf::FsShelf;
use crate::disk::{Links, nanos};
use crate::limits::Limits;
use crate::record;
use crate::store::StoredCommit;

mod image;
mod row;

pub(super) use image::Seen;
use image::{Image, NotUsable, Row};
use row::Key;

/// What is known of the files in the folder.
#[derive(Debug, Default)]
pub(super) struct Index {
    limits: Limits,
    image: Option<Image>,
    /// By name; what was not asked for is no longer there.
    rows: Vec<Known>,
    fresh: Vec<Row>,
    /// A newer program's: it stays.
    newer: bool,
    /// It is damaged, or has an older schema.
    renew: bool,
    /// The file that is to become the index, and the disk's time before anything was read.
    begun: Option<(Name, i128)>,
}

/// What is known of a file.
#[derive(Debug)]
struct Known {
    key: Key,
    seen: Seen,
    /// `None`: it was asked for.
    said: Option<StoredCommit>,
}

impl Index {
    /// What the file has that was read as `bytes`, `None` where there is none that can be read.
    pub(super) fn of(bytes: Option<Vec<u8>>, limits: Limits) -> Self {
        let mut index = Self { limits, ..Self::default() };
        let Some(bytes) = bytes else { return index };
        match Image::of(bytes, limits.index_bytes).and_then(|(image, older)| {
            index.renew = older;
            let rows = RefCell::new(&mut index.rows);
            image.rows(
                |count| rows.borrow_mut().reserve(usize::try_from(count).unwrap_or(0).min(MOST_RESERVED)),
                |key, seen, value| {
                    let said = row::decode(key, value);
                    rows.borrow_mut().extend(said.map(|said| Known { key: *key, seen, said: Some(said) }));
                },
            )?;
            // As the database has them.
            if !index.rows.is_sorted_by_key(|known| known.key) {
                return Err(NotUsable::Damaged);
            }
            Ok(image)
        }) {
            Ok(image) => index.image = Some(image),
            Err(NotUsable::Newer) => index.newer = true,
            Err(NotUsable::Damaged) => {
                index.rows.clear();
                index.renew = true;
            }
        }
        index
    }

    /// What the record said, if it is still the same file.
    pub(super) fn record(&mut self, name: Name, seen: Option<Seen>) -> Option<StoredCommit> {
        let at = self.find(name, seen)?;
        self.rows.get_mut(at)?.said.take()
    }

    /// Where the row of this name is, if it is still the same file.
    fn find(&self, name: Name, seen: Option<Seen>) -> Option<usize> {
        let (key, seen) = row::key(name).zip(seen)?;
        let at = self.rows.binary_search_by_key(&key, |known| known.key).ok()?;
        self.rows.get(at).is_some_and(|known| known.seen == seen).then_some(at)
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
            self.fresh.push(Row { key, seen, value: row::encode(stored) });
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
            *(if self.find(name, seen).is_some() { &mut same } else { &mut other }) += 1;
        }
        if !self.renew && !self.is_much(other, self.rows.len().saturating_sub(same)) {
            return;
        }
        let Ok((file, temporary)) = shelf.create_temporary() else { return };
        drop(file);
        match shelf.disk.stat(&shelf.path(temporary), Links::Keep).ok().and_then(|stat| stat.modified) {
            Some(now) => self.begun = Some((temporary, nanos(now))),
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
        let gone: Vec<Key> =
            self.rows.iter().filter(|known| known.said.is_some()).map(|known| known.key).collect();
        if !self.renew && !self.is_much(self.fresh.len(), gone.len()) {
            shelf.clean(temporary);
            return;
        }
        let image = match self.image.take() {
            Some(image) => Ok(image),
            None => Image::empty(self.limits.index_bytes),
        };
        let bytes = image.and_then(|image| image.change(&gone, &self.fresh)).map(Image::into_bytes);
        let written = bytes.is_ok_and(|bytes| write(shelf, temporary, &bytes));
        if !written {
            shelf.clean(temporary);
        }
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
const SETTLED: i128 = 3_000_000_000;

/// Rows for which room is made at once, whatever number an index tells.
const MOST_RESERVED: usize = 100_000;

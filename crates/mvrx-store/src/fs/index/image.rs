//! The bytes of an index, read and written in memory. It knows no disk.
//!
//! | bytes | |
//! |---|---|
//! | 8 | `mvrx-idx` |
//! | 4 | its schema, the lowest byte first |
//! | 8 | length of the database, likewise |
//! | 32 | BLAKE3 of the 20 bytes above and of the database |
//! | | a database of `redb` |
//!
//! | schema | tables |
//! |---|---|
//! | 1 | `records` |
//! | 2 | and `recipes`, empty in an index that was brought here from schema 1: each is read once more |
//!
//! Every later schema keeps this frame, so an older program can tell "newer than I" (left alone) from "damaged" (made anew). The database gets
//! to see no byte before the checksum was compared: it may panic at damaged ones. A forged index with a right checksum is caught where it makes
//! it panic, and what it may ask of memory is limited.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::{
    Builder, ReadableDatabase, ReadableTable, ReadableTableMetadata, StorageBackend, TableDefinition,
};

use super::row::Key;
use crate::disk::Stamp;

/// The schema that this version writes, and the newest that it reads.
pub(super) const SCHEMA: u32 = 2;

/// An index as it lies in its file.
#[derive(Debug)]
pub(super) struct Image {
    pages: Pages,
}

/// Why bytes are no index that can be used here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotUsable {
    Damaged,
    Newer,
}

/// A file as it was when it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::fs) struct Seen {
    pub(in crate::fs) length: u64,
    pub(in crate::fs) stamp: Stamp,
}

/// Where a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    Records,
    Recipes,
}

/// A file, what it was when it was read, and what it said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) table: Table,
    pub(super) key: Key,
    pub(super) seen: Seen,
    pub(super) value: Vec<u8>,
}

impl Image {
    /// One with nothing in it, which grows to `most` bytes at most.
    pub(super) fn empty(most: u64) -> Result<Self, NotUsable> {
        let image = Self { pages: Pages::new(vec![0; HEAD], most) };
        image.change(&[], &[])
    }

    /// The index of these bytes, brought to this version's schema; whether it had an older one.
    pub(super) fn of(bytes: Vec<u8>, most: u64) -> Result<(Self, bool), NotUsable> {
        let schema = unframe(&bytes)?;
        let image = Self { pages: Pages::new(bytes, most) };
        for from in schema..SCHEMA {
            image.migrate(from)?;
        }
        Ok((image, schema < SCHEMA))
    }

    /// From one schema to the next.
    fn migrate(&self, from: u32) -> Result<(), NotUsable> {
        fenced(|| {
            let database = builder().create_with_backend(self.pages.clone())?;
            let change = database.begin_write()?;
            match from {
                1 => drop(change.open_table(RECIPES)?),
                _ => return Err(io::Error::from(io::ErrorKind::InvalidData).into()),
            }
            Ok(change.commit()?)
        })
    }

    /// Tells how many there are in a table, and then calls `row` with each file, what it was when it was read, and what it said.
    pub(super) fn rows(
        &self,
        mut count: impl FnMut(Table, u64),
        mut row: impl FnMut(Table, &Key, Seen, &[u8]),
    ) -> Result<(), NotUsable> {
        fenced(|| {
            let database = builder().open_read_only_with_backend(self.pages.clone())?;
            for table in [Table::Records, Table::Recipes] {
                let rows = database.begin_read()?.open_table(table.definition())?;
                count(table, rows.len()?);
                for entry in rows.iter()? {
                    let (key, value) = entry?;
                    let (length, modified, changed, inode, value) = value.value();
                    // Times that are centuries away are no file's.
                    let changed = changed.map(i64::try_from).transpose();
                    let (Ok(modified), Ok(changed)) = (modified.try_into(), changed) else { continue };
                    let seen = Seen { length, stamp: Stamp { modified, changed, inode } };
                    row(table, key.value(), seen, value);
                }
            }
            Ok(())
        })
    }

    /// The same without some files, and with new rows.
    pub(super) fn change(self, gone: &[(Table, Key)], fresh: &[Row]) -> Result<Self, NotUsable> {
        fenced(|| {
            let mut database = builder().create_with_backend(self.pages.clone())?;
            let change = database.begin_write()?;
            for table in [Table::Records, Table::Recipes] {
                let mut rows = change.open_table(table.definition())?;
                for (_, key) in gone.iter().filter(|(of, _)| *of == table) {
                    rows.remove(key)?;
                }
                for row in fresh.iter().filter(|row| row.table == table) {
                    let Seen { length, stamp } = row.seen;
                    let (modified, changed) = (stamp.modified.into(), stamp.changed.map(i128::from));
                    rows.insert(&row.key, (length, modified, changed, stamp.inode, row.value.as_slice()))?;
                }
            }
            change.commit()?;
            database.compact().map_err(|_| io::Error::other("not compacted"))?;
            Ok(())
        })?;
        Ok(self)
    }

    /// The bytes of its file.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        let mut bytes = std::mem::take(&mut *self.pages.lock());
        let length = bytes.len().saturating_sub(HEAD) as u64;
        let head = [&MAGIC[..], &SCHEMA.to_le_bytes(), &length.to_le_bytes()].concat();
        let checksum = checksum(&head, bytes.get(HEAD..).unwrap_or_default());
        bytes.splice(..HEAD.min(bytes.len()), [head.as_slice(), &checksum].concat());
        bytes
    }
}

impl Table {
    fn definition(self) -> TableDefinition<'static, &'static Key, Value<'static>> {
        match self {
            Self::Records => RECORDS,
            Self::Recipes => RECIPES,
        }
    }
}

/// The schema of a frame whose checksum is right.
fn unframe(bytes: &[u8]) -> Result<u32, NotUsable> {
    let (head, rest) = bytes.split_at_checked(HEAD - 32).ok_or(NotUsable::Damaged)?;
    let (told, database) = rest.split_at_checked(32).ok_or(NotUsable::Damaged)?;
    let (magic, numbers) = head.split_at_checked(8).ok_or(NotUsable::Damaged)?;
    let (schema, length) = numbers.split_at_checked(4).ok_or(NotUsable::Damaged)?;
    let length_is_right = length == (database.len() as u64).to_le_bytes();
    if magic != MAGIC || !length_is_right || checksum(head, database) != told {
        return Err(NotUsable::Damaged);
    }
    match schema.try_into().map(u32::from_le_bytes) {
        Ok(schema @ 1..=SCHEMA) => Ok(schema),
        Ok(schema) if schema > SCHEMA => Err(NotUsable::Newer),
        _ => Err(NotUsable::Damaged),
    }
}

fn checksum(head: &[u8], database: &[u8]) -> [u8; 32] {
    *blake3::Hasher::new().update(head).update(database).finalize().as_bytes()
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE);
    builder
}

/// Whatever goes wrong in the database, its bytes are of no use then.
fn fenced(work: impl FnOnce() -> Result<(), redb::Error>) -> Result<(), NotUsable> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(NotUsable::Damaged),
    }
}

/// The pages of the database, behind the room for the frame's head.
#[derive(Debug, Clone)]
struct Pages {
    bytes: Arc<Mutex<Vec<u8>>>,
    most: u64,
}

impl Pages {
    fn new(bytes: Vec<u8>, most: u64) -> Self {
        Self { bytes: Arc::new(Mutex::new(bytes)), most }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a stretch of the database lies behind the head.
fn stretch(offset: u64, length: usize) -> io::Result<std::ops::Range<usize>> {
    let beyond = || io::Error::from(io::ErrorKind::UnexpectedEof);
    let from = usize::try_from(offset).ok().and_then(|offset| offset.checked_add(HEAD)).ok_or_else(beyond)?;
    Ok(from..from.checked_add(length).ok_or_else(beyond)?)
}

impl StorageBackend for Pages {
    fn len(&self) -> io::Result<u64> {
        Ok(self.lock().len().saturating_sub(HEAD) as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let bytes = self.lock();
        let from = bytes.get(stretch(offset, out.len())?).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(from);
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let whole = stretch(length, 0)?.start;
        if whole as u64 > self.most {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.lock().resize(whole, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut bytes = self.lock();
        let to = bytes.get_mut(stretch(offset, data.len())?).ok_or(io::ErrorKind::UnexpectedEof)?;
        to.copy_from_slice(data);
        Ok(())
    }
}

/// Length, times and number of the file (see [`Stamp`]), and what it says.
type Value<'a> = (u64, i128, Option<i128>, Option<u64>, &'a [u8]);
/// Records by the names of their files.
const RECORDS: TableDefinition<'static, &Key, Value<'_>> = TableDefinition::new("records");
/// Recipes, likewise: what each needs and gives.
const RECIPES: TableDefinition<'static, &Key, Value<'_>> = TableDefinition::new("recipes");
const MAGIC: [u8; 8] = *b"mvrx-idx";
/// Bytes in front of the database.
const HEAD: usize = 8 + 4 + 8 + 32;
/// Bytes that the database keeps of its pages, which are in memory anyway.
const CACHE: usize = 4 << 20;

//! Turns the folder as it was left, also by a crash, into what is listed: first everything is read, and only when
//! all of it is understood to be ours to use is anything changed.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use mvrx_message::FileUuid;

use crate::disk::{DiskAction, DiskError, Entry, Kind, Links, Naming, WriteFile};
use crate::engine::{Found, Inventory};
use crate::error::OpenStoreError;
use crate::fs::names::{Name, Stem};
use crate::fs::shelf::FsShelf;
use crate::problem::{Problem, RecordDamage};
use crate::record::{self, NotUsable};
use crate::store::{PartOf, StoredCommit};

/// What the folder has.
#[derive(Debug, Default)]
struct Scan {
    schema: Option<u64>,
    commits: BTreeMap<Stem, Parts>,
    temporaries: Vec<Name>,
    parts: Vec<(PartOf, u64)>,
}

/// What there is of one commit. Lengths in bytes.
#[derive(Debug, Default)]
struct Parts {
    record: Option<u64>,
    file: Option<u64>,
    publishing: bool,
    removed: bool,
}

/// Reads what is in the folder of `shelf`, tells what is wrong with it, and cleans up after a crash.
// req: STO-02, STO-04, STO-05
pub(super) fn recover(shelf: &FsShelf, record_bytes: u64) -> Result<Inventory<Name>, OpenStoreError> {
    let (scan, mut inventory) = read_all(shelf, record_bytes)?;
    if scan.schema.is_none() {
        write_schema(shelf)?;
    }
    clean_up(shelf, &scan);
    inventory.parts = parts(shelf, &scan);
    Ok(inventory)
}

/// What can be gone on with; what is empty, or longer than its file, goes.
// req: STO-20
fn parts(shelf: &FsShelf, scan: &Scan) -> Vec<Found<Name>> {
    let mut found = Vec::new();
    for (of, length) in &scan.parts {
        let (of, length, place) = (*of, *length, Name::Part(*of));
        let at = shelf.disk.stat(&shelf.path(place), Links::Keep).ok().and_then(|stat| stat.modified);
        match at {
            Some(at) if length > 0 && length <= of.length => {
                found.push(Found { of, place, length, at });
            }
            _ => {
                shelf.clean(place);
            }
        }
    }
    found
}

/// Reads what is in the folder and changes nothing.
pub(super) fn look(shelf: &FsShelf, record_bytes: u64) -> Result<Inventory<Name>, OpenStoreError> {
    read_all(shelf, record_bytes).map(|(_, inventory)| inventory)
}

fn read_all(shelf: &FsShelf, record_bytes: u64) -> Result<(Scan, Inventory<Name>), OpenStoreError> {
    let entries = shelf.disk.list(&shelf.folder).named(DiskAction::List, &shelf.folder)?;
    let (scan, mut problems) = sort(entries);
    // A limit that was lowered does not unlist what was stored before.
    let allowed = record_bytes.max(crate::Limits::default().record_bytes);
    problems.extend(check_schema(shelf, scan.schema, allowed)?);
    let listed = read_records(shelf, &scan.commits, allowed, &mut problems)?;

    problems.into_iter().for_each(|problem| shelf.tell(problem));
    let highest_sequence = scan.commits.keys().map(|stem| stem.sequence).max().unwrap_or(0);
    Ok((scan, Inventory { listed, highest_sequence, parts: Vec::new() }))
}

fn sort(entries: Vec<Entry>) -> (Scan, Vec<Problem>) {
    let mut scan = Scan::default();
    let mut problems = Vec::new();
    for entry in entries {
        let Some(name) = Name::parse(&entry.name) else { continue };
        if entry.kind != Kind::File {
            problems.push(Problem::NotARegularFile { name: entry.name });
            continue;
        }
        match name {
            Name::Schema => scan.schema = Some(entry.length),
            Name::Temporary(_) => scan.temporaries.push(name),
            Name::Part(of) => scan.parts.push((of, entry.length)),
            Name::Record(stem) => scan.commits.entry(stem).or_default().record = Some(entry.length),
            Name::File(stem) => scan.commits.entry(stem).or_default().file = Some(entry.length),
            Name::Publishing(stem) => scan.commits.entry(stem).or_default().publishing = true,
            Name::Removed(stem) => scan.commits.entry(stem).or_default().removed = true,
        }
    }
    (scan, problems)
}

fn check_schema(
    shelf: &FsShelf,
    length: Option<u64>,
    allowed: u64,
) -> Result<Option<Problem>, OpenStoreError> {
    let Some(length) = length else { return Ok(None) };
    match read(shelf, Name::Schema, length, allowed).and_then(|bytes| record::check_schema(&bytes)) {
        Ok(()) => Ok(None),
        Err(NotUsable::Newer { found }) => Err(newer(&shelf.path(Name::Schema), found)),
        Err(NotUsable::Damaged(_)) => Ok(Some(Problem::SchemaFileDamaged { name: Name::Schema.to_string() })),
    }
}

fn read_records(
    shelf: &FsShelf,
    commits: &BTreeMap<Stem, Parts>,
    allowed: u64,
    problems: &mut Vec<Problem>,
) -> Result<Vec<StoredCommit>, OpenStoreError> {
    let mut listed: HashMap<FileUuid, StoredCommit> = HashMap::new();
    for (stem, parts) in commits {
        let (name, file) = (Name::Record(*stem).to_string(), stem.file);
        let Some(length) = parts.record.filter(|_| !parts.removed) else {
            if let Some(length) = parts.file.filter(|_| !parts.publishing && !parts.removed) {
                problems.push(Problem::FileWithoutRecord { name: Name::File(*stem).to_string(), length });
            }
            continue;
        };
        let stored = match read_record(shelf, *stem, length, allowed) {
            Ok(stored) => stored,
            Err(NotUsable::Newer { found }) => return Err(newer(&shelf.path(Name::Record(*stem)), found)),
            Err(NotUsable::Damaged(damage)) => {
                problems.push(Problem::RecordDamaged { name, damage });
                continue;
            }
        };
        match parts.file {
            None => problems.push(Problem::FileMissing { name, file }),
            Some(found) if found != stored.length => {
                problems.push(Problem::FileLengthNotAsStored { name, file, stored: stored.length, found });
            }
            Some(_) => {
                // Stems come in the order of arrival, so what is there is the older one.
                if let Some(older) = listed.insert(file, stored) {
                    let name = Name::Record(Stem { sequence: older.sequence, file }).to_string();
                    problems.push(Problem::FileRecordedTwice { name, file });
                }
            }
        }
    }
    Ok(listed.into_values().collect())
}

fn read_record(shelf: &FsShelf, stem: Stem, length: u64, allowed: u64) -> Result<StoredCommit, NotUsable> {
    let stored = record::decode(&read(shelf, Name::Record(stem), length, allowed)?)?;
    if stored.sequence == stem.sequence && stored.commit.file == stem.file {
        Ok(stored)
    } else {
        Err(NotUsable::Damaged(RecordDamage::NameTellsOfAnother))
    }
}

fn read(shelf: &FsShelf, name: Name, length: u64, allowed: u64) -> Result<Vec<u8>, NotUsable> {
    let unreadable = |error| NotUsable::Damaged(RecordDamage::Unreadable(error));
    let path = shelf.path(name);
    let Some(size) = usize::try_from(length).ok().filter(|_| length <= allowed) else {
        return Err(NotUsable::Damaged(RecordDamage::LongerThanLimit { length, allowed }));
    };
    let file = shelf.disk.open(&path).named(DiskAction::Open, &path).map_err(unreadable)?;
    let mut bytes = vec![0; size];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(filled as u64, rest).named(DiskAction::Read, &path).map_err(unreadable)? {
            0 => break,
            count => filled = filled.saturating_add(count),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

fn newer(path: &Path, found: u64) -> OpenStoreError {
    OpenStoreError::SchemaNewerThanSupported { path: path.to_path_buf(), found, supported: record::SCHEMA }
}

fn write_schema(shelf: &FsShelf) -> Result<(), DiskError> {
    let (mut file, temporary) = shelf.create_temporary()?;
    let path = shelf.path(temporary);
    let written = write_synced(&mut *file, &path);
    drop(file);
    written.and_then(|()| shelf.rename(temporary, Name::Schema)).inspect_err(|_| {
        shelf.clean(temporary);
    })?;
    shelf.sync()
}

fn write_synced(file: &mut dyn WriteFile, path: &Path) -> Result<(), DiskError> {
    file.write_all(&record::encode_schema()).named(DiskAction::Write, path)?;
    file.sync().named(DiskAction::Sync, path)
}

/// Finishes what a crash interrupted: a publishing that was not told of goes back, a removal goes on. What cannot be
/// cleaned away is told and left for the next start.
fn clean_up(shelf: &FsShelf, scan: &Scan) {
    for temporary in &scan.temporaries {
        shelf.clean(*temporary);
    }
    // Of the names that stay: a publishing that goes back has no number to protect, and could not.
    let staying =
        scan.commits.iter().filter(|(_, parts)| parts.record.is_some() || parts.removed || !parts.publishing);
    let highest = staying.map(|(stem, _)| stem).max();
    let mut marks = Vec::new();
    for (stem, parts) in &scan.commits {
        if parts.removed {
            let gone = shelf.clean(Name::Record(*stem)) && shelf.clean(Name::File(*stem));
            match gone {
                true if Some(stem) == highest => shelf.note_swept(*stem),
                true => marks.push(Name::Removed(*stem)),
                false => {}
            }
        }
        if parts.publishing {
            let gone = parts.record.is_some() || shelf.clean(Name::File(*stem));
            if gone {
                marks.push(Name::Publishing(*stem));
            }
        }
    }
    if marks.is_empty() {
        return;
    }
    // A mark goes only after what it stands for is gone for good.
    let synced = shelf.sync();
    for mark in marks {
        match &synced {
            Ok(()) => {
                shelf.clean(mark);
            }
            Err(error) => shelf.tell(Problem::LeftoverKept { name: mark.to_string(), error: error.clone() }),
        }
    }
}

//! Turns the folder as it was left, also by a crash, into what is listed: first everything is read, and only when
//! all of it is understood to be ours to use is anything changed.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use mvrx_message::FileUuid;
use mvrx_recipe::RebuildError;

use crate::disk::{DiskAction, DiskError, Entry, Kind, Links, Naming, WriteFile};
use crate::engine::{Found, Inventory};
use crate::error::OpenStoreError;
use crate::fs::index::{Index, Made, Seen};
use crate::fs::names::{Name, Stem};
use crate::fs::shelf::FsShelf;
use crate::limits::Limits;
use crate::problem::{Problem, RecordDamage};
use crate::record::{self, NotUsable};
use crate::store::{PartOf, StoredCommit};

/// What the folder has.
#[derive(Debug, Default)]
struct Scan {
    schema: Option<u64>,
    index: Option<u64>,
    commits: BTreeMap<Stem, Parts>,
    temporaries: Vec<Name>,
    parts: Vec<(PartOf, u64)>,
    /// Which whole file each listed recipe was made over.
    bases: HashMap<Stem, Stem>,
    /// Whether some recipe cannot be used, so that it is not known over which file it was made.
    unresolved: bool,
}

impl Scan {
    /// Removed commits whose files stay, because others were made over them.
    fn idle(&self) -> Vec<Stem> {
        let removed =
            self.commits.iter().filter(|(_, parts)| parts.removed.is_some() && parts.file.is_some());
        removed.map(|(stem, _)| *stem).filter(|stem| self.needs(*stem)).collect()
    }

    /// What will be asked for.
    fn to_read(&self) -> impl Iterator<Item = (Name, Option<Seen>)> {
        self.commits.iter().flat_map(|(stem, parts)| {
            let record = match (parts.record, parts.removed) {
                (_, Some(there)) => parts.file.map(|_| (Name::Removed(*stem), there.seen)),
                (record, None) => record.map(|there| (Name::Record(*stem), there.seen)),
            };
            let listed = parts.record.is_some() && parts.removed.is_none() && parts.file.is_none();
            let recipe = parts.recipe.filter(|_| listed).map(|there| (Name::Recipe(*stem), there.seen));
            record.into_iter().chain(recipe)
        })
    }

    fn needs(&self, base: Stem) -> bool {
        self.unresolved || self.bases.values().any(|stem| *stem == base)
    }
}

/// What there is of one commit. Lengths in bytes.
#[derive(Debug, Default)]
struct Parts {
    record: Option<There>,
    file: Option<u64>,
    recipe: Option<There>,
    publishing: bool,
    removed: Option<There>,
}

/// A file that was listed.
#[derive(Debug, Clone, Copy)]
struct There {
    length: u64,
    /// As what the index knows it, where the disk tells enough.
    seen: Option<Seen>,
}

/// Reads what is in the folder of `shelf`, tells what is wrong with it, and cleans up after a crash.
// req: STO-02, STO-04, STO-05
pub(super) fn recover(shelf: &FsShelf, limits: &Limits) -> Result<Inventory<Name>, OpenStoreError> {
    let (scan, problems) = list_all(shelf)?;
    let mut reader = Reader::new(shelf, &scan, limits);
    reader.index.begin(shelf, scan.to_read());
    let (scan, mut inventory) = match read_all(&mut reader, scan, problems) {
        Ok(read) => read,
        Err(error) => {
            reader.index.give_up(shelf);
            return Err(error);
        }
    };
    shelf.remember(scan.bases.clone(), scan.idle(), scan.unresolved);
    let index = reader.index;
    if let Err(error) = scan.schema.map_or_else(|| write_schema(shelf), |_| Ok(())) {
        index.give_up(shelf);
        return Err(error.into());
    }
    clean_up(shelf, &scan);
    inventory.parts = parts(shelf, &scan);
    index.finish(shelf);
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
pub(super) fn look(shelf: &FsShelf, limits: &Limits) -> Result<Inventory<Name>, OpenStoreError> {
    let (scan, problems) = list_all(shelf)?;
    let mut reader = Reader::new(shelf, &scan, limits);
    let (scan, inventory) = read_all(&mut reader, scan, problems)?;
    shelf.remember(scan.bases.clone(), scan.idle(), scan.unresolved);
    Ok(inventory)
}

fn list_all(shelf: &FsShelf) -> Result<(Scan, Vec<Problem>), OpenStoreError> {
    let entries = shelf.disk.list(&shelf.folder).named(DiskAction::List, &shelf.folder)?;
    Ok(sort(entries))
}

fn read_all(
    reader: &mut Reader<'_>,
    mut scan: Scan,
    mut problems: Vec<Problem>,
) -> Result<(Scan, Inventory<Name>), OpenStoreError> {
    let shelf = reader.shelf;
    problems.extend(check_schema(shelf, scan.schema, reader.allowed)?);
    let mut on_disk = HashMap::new();
    let listed = read_records(reader, &mut scan, &mut on_disk, &mut problems)?;

    problems.into_iter().for_each(|problem| shelf.tell(problem));
    let highest_sequence = scan.commits.keys().map(|stem| stem.sequence).max().unwrap_or(0);
    Ok((scan, Inventory { listed, on_disk, highest_sequence, parts: Vec::new() }))
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
        let length = entry.length;
        let there = There { length, seen: entry.stamp.map(|stamp| Seen { length, stamp }) };
        match name {
            Name::Schema => scan.schema = Some(length),
            Name::Index => scan.index = Some(length),
            Name::Temporary(_) => scan.temporaries.push(name),
            Name::Part(of) => scan.parts.push((of, entry.length)),
            Name::Record(stem) => scan.commits.entry(stem).or_default().record = Some(there),
            Name::File(stem) => scan.commits.entry(stem).or_default().file = Some(entry.length),
            Name::Recipe(stem) => scan.commits.entry(stem).or_default().recipe = Some(there),
            Name::Publishing(stem) => scan.commits.entry(stem).or_default().publishing = true,
            Name::Removed(stem) => scan.commits.entry(stem).or_default().removed = Some(there),
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
    reader: &mut Reader<'_>,
    scan: &mut Scan,
    on_disk: &mut HashMap<u64, u64>,
    problems: &mut Vec<Problem>,
) -> Result<Vec<StoredCommit>, OpenStoreError> {
    let mut listed = Listed::of(scan.commits.len());
    let mut whole: HashMap<[u8; 32], Stem> = HashMap::with_capacity(scan.commits.len());
    let mut recipes = Vec::new();
    for (stem, parts) in &scan.commits {
        let (name, file) = (|| Name::Record(*stem).to_string(), stem.file);
        if let (Some(there), Some(found)) = (parts.removed, parts.file) {
            // Others may have been made over it.
            if let Ok(stored) = reader.record(Name::Removed(*stem), *stem, there) {
                whole.extend((stored.length == found).then_some((stored.hash, *stem)));
            }
        }
        let Some(there) = parts.record.filter(|_| parts.removed.is_none()) else {
            if let Some(length) = parts.file.filter(|_| !parts.publishing && parts.removed.is_none()) {
                problems.push(Problem::FileWithoutRecord { name: Name::File(*stem).to_string(), length });
            }
            scan.unresolved |= parts.recipe.is_some() && parts.removed.is_none();
            continue;
        };
        let stored = match reader.record(Name::Record(*stem), *stem, there) {
            Ok(stored) => stored,
            Err(NotUsable::Newer { found }) => {
                return Err(newer(&reader.shelf.path(Name::Record(*stem)), found));
            }
            Err(NotUsable::Damaged(damage)) => {
                scan.unresolved |= parts.recipe.is_some();
                problems.push(Problem::RecordDamaged { name: name(), damage });
                continue;
            }
        };
        match (parts.file, parts.recipe) {
            (None, Some(recipe)) => recipes.push((*stem, stored, recipe)),
            (None, None) => problems.push(Problem::FileMissing { name: name(), file }),
            (Some(found), _) if found != stored.length => {
                scan.unresolved |= parts.recipe.is_some();
                let stored = stored.length;
                problems.push(Problem::FileLengthNotAsStored { name: name(), file, stored, found });
            }
            (Some(_), _) => {
                whole.insert(stored.hash, *stem);
                listed.insert(stored, problems);
            }
        }
    }
    for (stem, stored, recipe) in recipes {
        match base_of(reader, stem, recipe, &stored, &whole) {
            Ok(base) => {
                scan.bases.insert(stem, base);
                on_disk.insert(stem.sequence, recipe.length);
                listed.insert(stored, problems);
            }
            Err(problem) => {
                scan.unresolved = true;
                problems.push(problem);
            }
        }
    }
    Ok(listed.commits)
}

/// Commits that are listed; of two with the same file the later one.
struct Listed {
    commits: Vec<StoredCommit>,
    at: HashMap<FileUuid, usize>,
}

impl Listed {
    fn of(count: usize) -> Self {
        Self { commits: Vec::with_capacity(count), at: HashMap::with_capacity(count) }
    }

    fn insert(&mut self, stored: StoredCommit, problems: &mut Vec<Problem>) {
        let file = stored.commit.file;
        let listed = self.at.get(&file).and_then(|at| self.commits.get_mut(*at));
        let Some(listed) = listed else {
            self.at.insert(file, self.commits.len());
            self.commits.push(stored);
            return;
        };
        let sequence = listed.sequence.min(stored.sequence);
        let name = Name::Record(Stem { sequence, file }).to_string();
        problems.push(Problem::FileRecordedTwice { name, file });
        if stored.sequence > listed.sequence {
            *listed = stored;
        }
    }
}

/// Over which of the whole files the recipe of `stored` was made.
fn base_of(
    reader: &mut Reader<'_>,
    stem: Stem,
    recipe: There,
    stored: &StoredCommit,
    whole: &HashMap<[u8; 32], Stem>,
) -> Result<Stem, Problem> {
    let (name, file) = (Name::Recipe(stem).to_string(), stem.file);
    let unusable = |why| Problem::RecipeUnusable { name: name.clone(), file, why };
    let made = reader.recipe(stem, recipe).map_err(|error| unusable(error.to_string()))?;
    if made.gives != (stored.hash, stored.length) {
        return Err(unusable("it gives another file".to_owned()));
    }
    whole.get(&made.over).copied().ok_or_else(|| Problem::BaseMissing { name: name.clone(), file })
}

/// Gives what records say, of files that are as the index knows them without opening them.
struct Reader<'a> {
    shelf: &'a FsShelf,
    /// Bytes that a record has at most.
    allowed: u64,
    index: Index,
}

impl<'a> Reader<'a> {
    fn new(shelf: &'a FsShelf, scan: &Scan, limits: &Limits) -> Self {
        // A limit that was lowered does not unlist what was stored before.
        let allowed = limits.record_bytes.max(Limits::default().record_bytes);
        // An index that cannot be read costs time alone.
        let index = scan.index.and_then(|length| read(shelf, Name::Index, length, limits.index_bytes).ok());
        Self { shelf, allowed, index: Index::of(index, *limits) }
    }

    fn record(&mut self, name: Name, stem: Stem, there: There) -> Result<StoredCommit, NotUsable> {
        let right =
            |stored: &StoredCommit| stored.sequence == stem.sequence && stored.commit.file == stem.file;
        if there.length <= self.allowed
            && let Some(stored) = self.index.record(name, there.seen).filter(right)
        {
            return Ok(stored);
        }
        let bytes = read(self.shelf, name, there.length, self.allowed)?;
        let stored = record::decode(&bytes)?;
        if !right(&stored) {
            return Err(NotUsable::Damaged(RecordDamage::NameTellsOfAnother));
        }
        self.index.read_record(name, there.seen, &bytes, &stored);
        Ok(stored)
    }

    fn recipe(&mut self, stem: Stem, there: There) -> Result<Made, RebuildError> {
        let name = Name::Recipe(stem);
        if let Some(made) = self.index.recipe(name, there.seen) {
            return Ok(made);
        }
        let needs = self.shelf.needs(stem)?;
        let made = Made { over: needs.base, gives: (needs.hash, needs.length) };
        self.index.read_recipe(name, there.seen, made);
        Ok(made)
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
    let staying = scan
        .commits
        .iter()
        .filter(|(_, parts)| parts.record.is_some() || parts.removed.is_some() || !parts.publishing);
    let highest = staying.map(|(stem, _)| stem).max();
    let mut marks = Vec::new();
    for (stem, parts) in &scan.commits {
        if parts.removed.is_some() {
            let record_gone = shelf.clean(Name::Record(*stem)) && shelf.clean(Name::Recipe(*stem));
            // Over this one others were made, or may have been.
            if scan.needs(*stem) {
                continue;
            }
            let gone = record_gone && shelf.clean(Name::File(*stem));
            match gone {
                true if Some(stem) == highest => shelf.note_swept(*stem),
                true => marks.push(Name::Removed(*stem)),
                false => {}
            }
        }
        // It became a recipe, and the crash came before the file went: that is done again.
        if parts.record.is_some() && parts.file.is_some() && parts.recipe.is_some() && !scan.unresolved {
            shelf.clean(Name::Recipe(*stem));
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

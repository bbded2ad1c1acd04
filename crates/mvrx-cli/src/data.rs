//! The data directory: identity and files of a running station, one station each.

use std::path::{Path, PathBuf};

use mvrx_message::StationUuid;
use mvrx_store::{FsOptions, FsStore, FsView, Limits, OpenStoreError, StoredCommit, StoredReader};

use crate::failure::Failure;
use crate::{pick, show};

/// An opened data directory, locked for as long as its store lives.
#[derive(Debug)]
pub(crate) struct Data {
    pub(crate) station: StationUuid,
    pub(crate) store: FsStore,
    pub(crate) path: PathBuf,
}

/// Opens the given directory, or the user's own; when that one is in use by another station, a sub-directory by our name.
pub(crate) fn open(given: Option<&Path>, name: &str) -> Result<Data, Failure> {
    open_with(given, name, Limits::default())
}

/// The same, with room for so much.
pub(crate) fn open_with(given: Option<&Path>, name: &str, limits: Limits) -> Result<Data, Failure> {
    if let Some(path) = given {
        if path.exists() && !path.is_dir() {
            return Err(Failure::usage(format!("{} is a file, and --data needs a folder", path.display())));
        }
        return match open_at(path, limits)? {
            Some(data) => Ok(data),
            None => Err(Failure::local(format!(
                "{} is in use by another station; give this one a directory of its own with --data",
                path.display()
            ))),
        };
    }
    let base = user_directory()?;
    if let Some(data) = open_at(&base, limits)? {
        return Ok(data);
    }
    let folder = folder_name(name);
    for number in 1..=STATIONS {
        let own = if number == 1 { folder.clone() } else { format!("{folder}-{number}") };
        if let Some(data) = open_at(&base.join("stations").join(own), limits)? {
            return Ok(data);
        }
    }
    Err(Failure::local(format!("{STATIONS} stations with the name {name} run on this machine already")))
}

/// Opens a directory; `None` when another station runs in it.
fn open_at(path: &Path, limits: Limits) -> Result<Option<Data>, Failure> {
    let options = FsOptions { limits, ..FsOptions::default() };
    let store = match FsStore::open_with(path, options) {
        Ok(store) => store,
        Err(OpenStoreError::DirectoryInUse { .. }) => return Ok(None),
        Err(error) => return Err(Failure::local(error.to_string())),
    };
    let station = mvrx_station::load_or_create(path).map_err(|error| Failure::local(error.to_string()))?;
    Ok(Some(Data { station, store, path: path.to_owned() }))
}

/// A revision that a station keeps, running or not, and its file's name: `latest`, or the beginning of an id. Without a directory, those of all
/// the user's own are meant.
pub(crate) fn revision(given: Option<&Path>, text: &str) -> Result<Option<(StoredReader, String)>, Failure> {
    if let Some(path) = given.filter(|path| !path.is_dir()) {
        return Err(Failure::bad_file(format!(
            "{} is no folder, so no revision is kept there",
            path.display()
        )));
    }
    let failed = |error: &dyn std::fmt::Display| Failure::local(error.to_string());
    let mut found: Vec<(FsView, StoredCommit)> = Vec::new();
    for directory in directories(given)? {
        let view = FsView::open(&directory, FsOptions::default()).map_err(|error| failed(&error))?;
        let mut commits = view.commits();
        if pick::is_latest(text) {
            commits = last_of(commits).into_iter().collect();
        }
        found.extend(commits.into_iter().map(|stored| (view.clone(), stored)));
    }
    let id = text.to_lowercase();
    if pick::is_latest(text) {
        found.sort_by_key(|(_, stored)| stored.seen);
        found.drain(..found.len().saturating_sub(1));
    } else {
        found.retain(|(_, stored)| id.len() >= 4 && stored.commit.file.to_string().starts_with(&id));
        // Several stations of this machine may keep the same one.
        found.sort_by_key(|(_, stored)| stored.commit.file);
        found.dedup_by_key(|(_, stored)| stored.commit.file);
    }
    match found.as_slice() {
        [] => Ok(None),
        [(view, one)] => {
            let file = view.open_file(one.commit.file).map_err(|error| failed(&error))?;
            Ok(Some((StoredReader::new(file, one.length), one.commit.file_name.clone())))
        }
        several => {
            let line = |(_, stored): &(FsView, StoredCommit)| {
                let commit = &stored.commit;
                let comment = if commit.comment.is_empty() {
                    String::new()
                } else {
                    format!("  {}", show::name(&commit.comment))
                };
                format!("{}  {}{comment}", commit.file, show::name(&commit.file_name))
            };
            let ids: Vec<String> = several.iter().map(line).collect();
            Err(Failure::usage(format!(
                "{text} can mean more than one revision; say which:\n  {}",
                ids.join("\n  ")
            )))
        }
    }
}

/// The latest of a store: of the group of which something came last, and seen when that was. By the order that all stations of ours have,
/// where all have their place in it: what came last may have been made before others. Orders of several stores say nothing of each other.
fn last_of(mut commits: Vec<StoredCommit>) -> Option<StoredCommit> {
    let came_last = commits.iter().max_by_key(|stored| (stored.seen, stored.sequence))?;
    let (seen, group) = (came_last.seen, came_last.group.clone());
    commits.retain(|stored| stored.group == group);
    if commits.iter().all(|stored| stored.commit.order.is_some()) {
        commits.sort_by_key(|stored| (stored.commit.order, stored.commit.file));
    } else {
        commits.sort_by_key(|stored| (stored.seen, stored.sequence));
    }
    commits.pop().map(|last| StoredCommit { seen, ..last })
}

/// The data directories to look into.
pub(crate) fn directories(given: Option<&Path>) -> Result<Vec<PathBuf>, Failure> {
    if let Some(path) = given {
        return Ok(vec![path.to_owned()]);
    }
    let base = user_directory()?;
    let mut all = vec![base.clone()];
    if let Ok(entries) = std::fs::read_dir(base.join("stations")) {
        all.extend(entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()));
    }
    Ok(all)
}

fn user_directory() -> Result<PathBuf, Failure> {
    directories::ProjectDirs::from("", "", "mvrx")
        .map(|dirs| dirs.data_dir().to_owned())
        .ok_or_else(|| Failure::local("this user has no home directory; say where to keep data with --data"))
}

/// A name as a folder: letters, digits and dashes, never empty.
fn folder_name(name: &str) -> String {
    let kept: String = name.chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).take(48).collect();
    let kept = kept.trim_matches('-');
    if kept.is_empty() { "station".to_owned() } else { kept.to_owned() }
}

/// More stations of one name on one machine are a mistake.
const STATIONS: u32 = 32;

#[cfg(test)]
mod tests {
    use mvrx_message::{Commit, FileUuid, MvrVersion};

    use super::*;

    fn commit(id: [u8; 16], length: u64) -> Commit {
        Commit {
            file: FileUuid::from_random_bytes(id),
            station: None,
            version: MvrVersion { major: 1, minor: 6 },
            file_size: length,
            for_stations: Vec::new(),
            comment: String::new(),
            file_name: String::new(),
            blake3: None,
            author: None,
            group: None,
            order: None,
            missed: false,
        }
    }

    #[test]
    fn a_name_becomes_a_folder_whatever_it_holds() {
        assert_eq!(folder_name("FOH desk"), "FOH-desk");
        assert_eq!(folder_name("../../x"), "x");
        assert_eq!(folder_name("***"), "station");
        assert!(folder_name(&"a".repeat(500)).len() <= 48);
    }

    #[test]
    fn ids_that_begin_alike_are_all_told_with_their_names() {
        use mvrx_store::{Expect, Store as _};
        let directory = tempfile::tempdir().unwrap();
        let store = FsStore::open(directory.path()).unwrap();
        for (last, name) in [(1, "monday.mvr"), (2, "tuesday.mvr")] {
            let mut id = [0xab; 16];
            id[15] = last;
            let mut writer = store.begin(Expect::Unknown).unwrap();
            writer.write(name.as_bytes()).unwrap();
            let comment = format!("rig of {name}");
            let commit = Commit { comment, file_name: name.to_owned(), ..commit(id, name.len() as u64) };
            writer.finish().unwrap().publish(&commit, "Default").unwrap();
        }
        let given = Some(directory.path());
        let failure = revision(given, "abab").unwrap_err();
        for text in ["monday.mvr", "tuesday.mvr", "rig of monday.mvr"] {
            assert!(failure.words().contains(text), "{}", failure.words());
        }
        assert_eq!(failure.code(), 2);
        let whole = FileUuid::from_random_bytes([0xab; 16]).to_string();
        assert!(revision(given, &whole).unwrap().is_none(), "begins alike and is none of them");
        let first = format!("{}01", &whole[..34]);
        assert_eq!(revision(given, &first.to_uppercase()).unwrap().unwrap().1, "monday.mvr");
        assert_eq!(revision(given, "latest").unwrap().unwrap().1, "tuesday.mvr");
        let missing = revision(Some(&directory.path().join("nowhere")), "latest").unwrap_err();
        assert!(missing.words().contains("is no folder") && missing.code() == 3, "{}", missing.words());
    }

    #[test]
    fn the_latest_of_a_store_is_the_last_in_the_order_and_not_what_came_last() {
        let stored = |n: u8, order: Option<u64>, group: &str| StoredCommit {
            commit: Commit { order, ..commit([n; 16], 1) },
            sequence: n.into(),
            seen: std::time::UNIX_EPOCH + std::time::Duration::from_secs(n.into()),
            hash: [n; 32],
            length: 1,
            group: group.to_owned(),
        };
        let last = |all: Vec<StoredCommit>| last_of(all).map(|last| last.sequence);
        let other = stored(1, Some(99), "Other");
        let all = |third| vec![other.clone(), stored(2, Some(8), "Default"), stored(3, third, "Default")];
        assert_eq!(last(all(Some(7))), Some(2));
        assert_eq!(last(all(Some(9))), Some(3));
        assert_eq!(last(all(None)), Some(3), "as before there was an order");
        assert_eq!(last(Vec::new()), None);
    }

    #[test]
    fn a_directory_in_use_is_told_in_words() {
        let directory = tempfile::tempdir().unwrap();
        let held = open(Some(directory.path()), "A").unwrap();
        let failure = open(Some(directory.path()), "B").unwrap_err();
        assert!(format!("{failure:?}").contains("in use"));
        drop(held);
        open(Some(directory.path()), "B").unwrap();
    }
}

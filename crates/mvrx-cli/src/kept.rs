//! Finds revisions that stations of this user keep, whether they run or not: by the beginning of an id as in git, by a tag, or the latest.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mvrx_message::FileUuid;
use mvrx_store::{FsOptions, FsView, Problem, Revision, StoredCommit, StoredReader, Tags};

use crate::failure::Failure;
use crate::{data, pick, show};

/// A revision and where it is.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) view: FsView,
    pub(crate) revision: Revision,
    /// Its names, in any of the directories.
    pub(crate) tags: Vec<String>,
    pub(crate) directory: PathBuf,
}

/// What the data directories have.
#[derive(Debug, Default)]
pub(crate) struct All {
    /// Each file once, however many stations of this machine keep it; those of one directory in order of arrival.
    pub(crate) revisions: Vec<Kept>,
    pub(crate) problems: Vec<(PathBuf, Problem)>,
}

impl Kept {
    pub(crate) fn stored(&self) -> &StoredCommit {
        &self.revision.stored
    }

    /// Its file, to be read.
    pub(crate) fn reader(&self) -> Result<StoredReader, Failure> {
        let file = self.view.open_file(self.stored().commit.file);
        file.map(|file| StoredReader::new(file, self.stored().length)).map_err(|error| failed(&error))
    }
}

/// Everything that is kept in the given directory, or in all the user's own.
pub(crate) fn all(given: Option<&Path>) -> Result<All, Failure> {
    let mut all = All::default();
    let mut places = BTreeMap::new();
    for directory in data::with_history(given)? {
        let view = FsView::open(&directory, FsOptions::default()).map_err(|error| failed(&error))?;
        let mut tags: BTreeMap<FileUuid, Vec<String>> = BTreeMap::new();
        for tag in Tags::of(&directory).list().map_err(|error| failed(&error))? {
            tags.entry(tag.file).or_default().push(tag.name);
        }
        all.problems.extend(view.problems().into_iter().map(|problem| (directory.clone(), problem)));
        for revision in view.revisions() {
            let file = revision.stored.commit.file;
            let names = tags.remove(&file).unwrap_or_default();
            let place = *places.entry(file).or_insert(all.revisions.len());
            if let Some(kept) = all.revisions.get_mut(place) {
                kept.tags.extend(names);
                kept.tags.sort();
                kept.tags.dedup();
            } else {
                let (view, directory) = (view.clone(), directory.clone());
                all.revisions.push(Kept { view, revision, tags: names, directory });
            }
        }
    }
    Ok(all)
}

/// The revision that is meant: `latest`, a tag, or the beginning of an id. `None`: nothing is called so.
pub(crate) fn find(given: Option<&Path>, text: &str) -> Result<Option<Kept>, Failure> {
    let mut found = all(given)?.revisions;
    if pick::is_latest(text) {
        found.retain(|kept| !kept.revision.withdrawn);
        return Ok(latest(found));
    }
    named(found, text)
}

/// The same for who takes it back: `latest` is the latest also where that was withdrawn, so that who says it twice takes back no other.
pub(crate) fn expect_to_withdraw(given: Option<&Path>, text: &str) -> Result<Kept, Failure> {
    let found = all(given)?.revisions;
    let found = if pick::is_latest(text) { latest(found) } else { named(found, text)? };
    found.ok_or_else(|| nothing(given, text))
}

fn named(mut found: Vec<Kept>, text: &str) -> Result<Option<Kept>, Failure> {
    let is_tagged = |kept: &Kept| kept.tags.iter().any(|tag| tag.eq_ignore_ascii_case(text));
    if found.iter().any(is_tagged) {
        found.retain(is_tagged);
    } else {
        let id = text.to_lowercase();
        found.retain(|kept| id.len() >= 4 && kept.stored().commit.file.to_string().starts_with(&id));
        found.sort_by_key(|kept| kept.stored().commit.file);
    }
    if found.len() < 2 {
        return Ok(found.pop());
    }
    let ids: Vec<String> = found.iter().map(candidate).collect();
    let ids = ids.join("\n  ");
    Err(Failure::usage(format!("{text} can mean more than one revision; say which:\n  {ids}")))
}

/// The same, where there has to be one.
pub(crate) fn expect(given: Option<&Path>, text: &str) -> Result<Kept, Failure> {
    find(given, text)?.ok_or_else(|| nothing(given, text))
}

/// Why there is no such revision.
fn nothing(given: Option<&Path>, text: &str) -> Failure {
    if pick::is_latest(text) {
        let is_empty = all(given).is_ok_and(|all| all.revisions.is_empty());
        return Failure::bad_file(if is_empty {
            "no revision is kept here, so there is no latest"
        } else {
            "all that is kept here is withdrawn, so there is no latest; `mvrx log` lists it, with the ids"
        });
    }
    let short = if text.len() < 4 { "; of an id the first four characters are needed" } else { "" };
    Failure::bad_file(format!(
        "no revision that is kept here has this tag, or an id that begins with it: {text}{short}"
    ))
}

/// One to choose from.
fn candidate(kept: &Kept) -> String {
    let commit = &kept.stored().commit;
    format!("{}  {}{}", commit.file, show::file_name(&commit.file_name), show::comment(&commit.comment))
}

/// Of each directory the last; of these the one that was seen last. Orders of several stores say nothing of each other.
fn latest(found: Vec<Kept>) -> Option<Kept> {
    let mut directories: Vec<PathBuf> = found.iter().map(|kept| kept.directory.clone()).collect();
    directories.dedup();
    let lasts = directories.iter().filter_map(|directory| {
        let here = found.iter().filter(|kept| kept.directory == *directory);
        last_of(here.map(|kept| kept.stored().clone()).collect())
    });
    let last = lasts.max_by_key(|stored| stored.seen)?;
    found.into_iter().find(|kept| kept.stored().commit.file == last.commit.file)
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

fn failed(error: &dyn std::fmt::Display) -> Failure {
    Failure::local(error.to_string())
}

#[cfg(test)]
mod tests {
    use mvrx_message::{Commit, MvrVersion};

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
    fn ids_that_begin_alike_are_all_told_with_their_names() {
        use mvrx_store::{Expect, FsStore, Store as _};
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
        let name = |text: &str| find(given, text).unwrap().unwrap().stored().commit.file_name.clone();
        let failure = find(given, "abab").unwrap_err();
        for text in ["monday.mvr", "tuesday.mvr", "rig of monday.mvr"] {
            assert!(failure.words().contains(text), "{}", failure.words());
        }
        assert_eq!(failure.code(), 2);
        let whole = FileUuid::from_random_bytes([0xab; 16]).to_string();
        assert!(find(given, &whole).unwrap().is_none(), "begins alike and is none of them");
        let first = format!("{}01", &whole[..34]);
        assert_eq!(name(&first.to_uppercase()), "monday.mvr");
        assert_eq!(name("latest"), "tuesday.mvr");
        Tags::of(directory.path()).give("premiere", first.parse().unwrap()).unwrap();
        assert_eq!(name("Premiere"), "monday.mvr", "by its tag");
        let missing = find(Some(&directory.path().join("nowhere")), "latest").unwrap_err();
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
}

//! The index beside the records: what it saves, that it is never believed where it must not be, and that nothing depends on it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use proptest::prelude::*;

use super::*;
use crate::battery::{Failure, SimDisk, commit, file, publish};
use crate::disk::{Disk, Entry, ReadFile, Stat, WriteFile};
use crate::{FsOptions, FsStore, Store};

/// A disk that tells which files were opened to be read, and whose clock is as coarse as wanted.
#[derive(Debug, Clone)]
struct Watched {
    disk: SimDisk,
    opened: Arc<Mutex<Vec<String>>>,
    /// Tenths of a second between two ticks of the clock; each change takes one.
    tick: u64,
}

impl Watched {
    fn new(tick: u64) -> Self {
        Self { disk: SimDisk::new(), opened: Arc::default(), tick }
    }

    /// What the clock says of a time of the disk, which counts changes.
    fn coarse(&self, time: SystemTime) -> SystemTime {
        let changes = time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        SystemTime::UNIX_EPOCH + Duration::from_millis(changes / self.tick * self.tick * 100)
    }

    /// Lets this many tenths of a second go by.
    fn wait(&self, tenths: usize) {
        for _ in 0..tenths {
            self.disk.put(Path::new("time"), b"");
        }
    }

    /// Until what there is may go into an index.
    fn settle(&self) {
        self.wait(60);
    }

    fn try_open(&self, limits: Limits) -> Result<FsStore, crate::OpenStoreError> {
        self.opened.lock().unwrap().clear();
        let options = FsOptions { limits, ..FsOptions::default() };
        FsStore::open_on(Arc::new(self.clone()), Path::new("store"), options)
    }

    /// What an opening lists, and which records and recipes it opened for that.
    fn open(&self, limits: Limits) -> (Vec<StoredCommit>, Vec<String>) {
        let store = self.try_open(limits).unwrap();
        let opened = std::mem::take(&mut *self.opened.lock().unwrap());
        let of_commits = opened.into_iter().filter(|name| !name.starts_with("store."));
        (store.commits().unwrap(), of_commits.collect())
    }

    fn index(&self) -> Option<Vec<u8>> {
        self.disk.bytes(&path("store.index"))
    }

    /// A store with these commits, closed, and long enough ago for an index.
    fn with(commits: std::ops::RangeInclusive<u8>) -> Self {
        let disk = Self::new(1);
        let store = disk.try_open(INDEXED).unwrap();
        commits.for_each(|number| {
            publish(&store, number, &[number; 50]);
        });
        drop(store);
        disk.settle();
        disk
    }
}

impl Disk for Watched {
    fn create_folders(&self, folder: &Path) -> io::Result<()> {
        self.disk.create_folders(folder)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<Entry>> {
        let mut entries = self.disk.list(folder)?;
        for stamp in entries.iter_mut().filter_map(|entry| entry.stamp.as_mut()) {
            let changes = u64::try_from(stamp.modified / 1_000_000_000).unwrap();
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(changes);
            stamp.modified = nanos(self.coarse(time)).unwrap();
        }
        Ok(entries)
    }

    fn stat(&self, path: &Path, links: Links) -> io::Result<Stat> {
        let stat = self.disk.stat(path, links)?;
        Ok(Stat { modified: stat.modified.map(|time| self.coarse(time)), ..stat })
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn WriteFile>> {
        self.disk.create(path)
    }

    fn append(&self, path: &Path, length: u64) -> io::Result<Box<dyn WriteFile>> {
        self.disk.append(path, length)
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn ReadFile>> {
        self.opened.lock().unwrap().push(path.file_name().unwrap().to_str().unwrap().to_owned());
        self.disk.open(path)
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename_new(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.disk.sync_folder(folder)
    }
}

fn path(name: &str) -> PathBuf {
    Path::new("store/commits").join(name)
}

fn record_name(number: u8) -> String {
    format!("{:012}-{}.json", number, file(number))
}

/// The record of a commit with another comment, of the same length.
fn other_record(number: u8, letter: char) -> Vec<u8> {
    let mut told = commit(number);
    told.comment = String::from(letter);
    let hash = *blake3::hash(&[number; 50]).as_bytes();
    let (sequence, seen, group) = (u64::from(number), SystemTime::UNIX_EPOCH, "Default".to_owned());
    record::encode(&StoredCommit { commit: told, sequence, seen, hash, length: 50, group })
}

/// Everything that differs goes into the index.
const INDEXED: Limits = Limits { unindexed: 0, ..limits() };
const NONE: Limits = Limits { index_bytes: 0, ..limits() };

const fn limits() -> Limits {
    Limits {
        commits: 1_000,
        total_bytes: 1 << 30,
        oldest_go: false,
        file_bytes: 1 << 20,
        record_bytes: 1 << 20,
        unindexed: 256,
        index_bytes: 1 << 26,
        name_attempts: 10,
        aside_files: 1,
        aside_bytes: 1 << 20,
        parts: 1,
        part_bytes: 1 << 20,
        part_age: Duration::from_secs(60),
    }
}

// proves: STO-27
#[test]
fn what_is_as_it_was_is_not_opened_and_what_is_not_is() {
    let disk = Watched::with(1..=5);
    let (listed, opened) = disk.open(INDEXED);
    assert_eq!((listed.len(), opened.len()), (5, 5), "the first time each is read");
    let (again, opened) = disk.open(INDEXED);
    assert_eq!((&again, opened), (&listed, vec![]));
    // One is written anew, one goes, one comes.
    disk.disk.put(&path(&record_name(2)), &other_record(2, 'x'));
    let store = disk.try_open(INDEXED).unwrap();
    store.remove(file(3)).unwrap();
    publish(&store, 9, b"new");
    drop(store);
    let ninth = format!("{:012}-{}.json", 6, file(9));
    let (third, opened) = disk.open(INDEXED);
    assert_eq!(opened, [record_name(2), ninth.clone()]);
    assert_eq!(third[1].commit.comment, "x");
    assert_eq!(disk.open(NONE).0, third);
    disk.settle();
    assert_eq!(disk.open(INDEXED).1, [record_name(2), ninth], "too young for the index before");
    assert_eq!(disk.open(INDEXED), (third, vec![]));
}

// proves: STO-27
#[test]
fn recipes_are_known_too_and_open_as_before() {
    let disk = Watched::with(1..=1);
    let store = disk.try_open(INDEXED).unwrap();
    let revision = |number: u8| {
        let mut bytes = crate::battery::content(1, 20_000);
        bytes[usize::from(number) * 50..][..10].copy_from_slice(&[number; 10]);
        bytes
    };
    (2..=6).for_each(|number| {
        publish(&store, number, &revision(number));
    });
    let compacted = store.compact(2, &crate::Cancel::new()).unwrap().compacted;
    assert!(compacted >= 3, "{compacted}");
    drop(store);
    disk.settle();
    let (listed, opened) = disk.open(INDEXED);
    assert_eq!(opened.iter().filter(|name| name.ends_with(".recipe")).count(), compacted);
    assert_eq!(disk.open(INDEXED), (listed.clone(), vec![]));
    assert_eq!(disk.open(NONE).0, listed);
    let store = disk.try_open(INDEXED).unwrap();
    for number in 2..=6 {
        assert!(crate::battery::read_all(&store.open(file(number)).unwrap()) == revision(number));
    }
    // The file that they need is known to be needed.
    store.remove(file(6)).unwrap();
    store.remove(file(5)).unwrap();
    drop(store);
    for _ in 0..2 {
        disk.settle();
        let store = disk.try_open(INDEXED).unwrap();
        assert!(crate::battery::read_all(&store.open(file(2)).unwrap()) == revision(2));
        assert_eq!(store.problems(), []);
    }
}

/// What is done to the folder between two openings.
#[derive(Debug, Clone, Copy)]
enum Deed {
    /// A record gets another content of the same length.
    Write(u8, char),
    /// It is taken away.
    Remove(u8),
    Wait(usize),
    Open,
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        4 => (1..=3_u8, prop::char::range('a', 'e')).prop_map(|(number, letter)| Deed::Write(number, letter)),
        1 => (1..=3_u8).prop_map(Deed::Remove),
        2 => (1..=40_usize).prop_map(Deed::Wait),
        4 => Just(Deed::Open),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    // proves: STO-27
    #[test]
    fn however_coarse_the_clock_the_list_is_what_the_records_say(
        tick in prop::sample::select(vec![1, 5, 20_u64]),
        deeds in prop::collection::vec(deed(), 4..30),
    ) {
        let disk = Watched { tick, ..Watched::with(1..=3) };
        for deed in deeds {
            match deed {
                Deed::Write(number, letter) => {
                    disk.disk.put(&path(&record_name(number)), &other_record(number, letter));
                }
                Deed::Remove(number) => {
                    let _ = disk.disk.remove(&path(&record_name(number)));
                }
                Deed::Wait(seconds) => disk.wait(seconds),
                Deed::Open => {
                    let (with, _) = disk.open(INDEXED);
                    let (without, _) = disk.open(NONE);
                    prop_assert_eq!(with, without);
                }
            }
        }
    }
}

// proves: STO-27
#[test]
fn a_record_with_keys_of_a_later_version_is_read_each_time() {
    let disk = Watched::with(1..=3);
    let bytes = disk.disk.bytes(&path(&record_name(2))).unwrap();
    let line = String::from_utf8(bytes).unwrap().lines().next().unwrap().replacen('{', "{\"later\":1,", 1);
    let record = format!("{line}\n{}\n", blake3::hash(line.as_bytes()).to_hex());
    disk.disk.put(&path(&record_name(2)), record.as_bytes());
    disk.settle();
    disk.open(INDEXED);
    for _ in 0..2 {
        let (listed, opened) = disk.open(INDEXED);
        assert_eq!((listed.len(), opened), (3, vec![record_name(2)]));
    }
}

// proves: STO-27
#[test]
fn it_is_written_at_exactly_the_limits() {
    let disk = Watched::with(1..=5);
    disk.open(Limits { unindexed: 5, ..INDEXED });
    assert_eq!(disk.index(), None, "no more than that are read one by one");
    disk.open(Limits { unindexed: 4, ..INDEXED });
    let length = disk.index().unwrap().len() as u64;
    assert_eq!(disk.open(Limits { index_bytes: length, ..INDEXED }).1.len(), 0);
    assert_eq!(disk.open(Limits { index_bytes: length - 1, ..INDEXED }).1.len(), 5);
    assert_eq!(disk.open(NONE).1.len(), 5);
    // What is gone counts, too.
    let store = disk.try_open(INDEXED).unwrap();
    (1..=2).for_each(|number| store.remove(file(number)).unwrap());
    drop(store);
    let before = disk.index();
    disk.open(Limits { unindexed: 2, ..INDEXED });
    assert_eq!(disk.index(), before);
    disk.open(Limits { unindexed: 1, ..INDEXED });
    assert_ne!(disk.index(), before);
}

// proves: STO-27
#[test]
fn a_damaged_index_is_not_believed_and_made_anew() {
    let disk = Watched::with(1..=5);
    let (listed, _) = disk.open(INDEXED);
    let whole = disk.index().unwrap();
    let damages = (0..whole.len()).step_by(whole.len() / 60).chain(0..60);
    for at in damages {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        for damaged in [flipped, whole[..at].to_vec(), [&whole[..], &vec![0; at + 1]].concat()] {
            disk.disk.put(&path("store.index"), &damaged);
            let (again, opened) = disk.open(INDEXED);
            assert_eq!((&again, opened.len()), (&listed, 5), "byte {at}");
            assert_eq!(disk.open(INDEXED), (listed.clone(), vec![]), "byte {at}");
        }
    }
}

/// The same with its checksum made right.
fn forged(mut index: Vec<u8>) -> Vec<u8> {
    let (head, database) = (20, 52);
    let checksum = blake3::Hasher::new().update(&index[..head]).update(&index[database..]).finalize();
    index[head..database].copy_from_slice(checksum.as_bytes());
    index
}

#[test]
fn a_forged_index_with_a_right_checksum_ends_nothing() {
    let disk = Watched::with(1..=5);
    disk.open(INDEXED);
    let whole = disk.index().unwrap();
    let mut refused = 0;
    for at in (52..whole.len()).filter(|at| at % 61 == 0 || (*at < 400 && whole[*at] != 0)) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        let index = Index::of(Some(forged(damaged)), INDEXED);
        refused += usize::from(index.renew);
    }
    assert!(refused > 0, "some of it has to matter");
}

// proves: STO-27
#[test]
fn an_index_of_a_newer_version_stays_as_it_is() {
    let disk = Watched::with(1..=5);
    let (listed, _) = disk.open(INDEXED);
    let mut newer = disk.index().unwrap();
    newer[8] = u8::try_from(image::SCHEMA).unwrap() + 1;
    let newer = forged(newer);
    disk.disk.put(&path("store.index"), &newer);
    for _ in 0..2 {
        let (again, opened) = disk.open(INDEXED);
        assert_eq!((&again, opened.len()), (&listed, 5));
        assert_eq!(disk.index().as_ref(), Some(&newer));
    }
}

// proves: STO-15, STO-27
#[test]
fn where_it_cannot_be_written_the_store_opens_as_ever_and_nothing_is_left_over() {
    for failure in [Failure::Full, Failure::Broken] {
        // From each operation of the opening on, the first that have to do with the index.
        for from in 0..80 {
            let disk = Watched::with(1..=5);
            let mut names = disk.disk.names(Path::new("store/commits"));
            names.push("store.index".to_owned());
            names.sort();
            disk.disk.fail(disk.disk.operations() + from, 1, failure);
            let opened = disk.try_open(INDEXED);
            disk.disk.heal();
            if let Ok(store) = opened {
                // A record that could not be read is told, and so is a leftover that could not go.
                let (listed, problems) = (store.commits().unwrap().len(), store.problems());
                assert!(listed <= 5 && listed + problems.len() >= 5, "{failure:?} at {from}: {problems:?}");
            }
            let (listed, _) = disk.open(INDEXED);
            assert_eq!(listed.len(), 5, "{failure:?} at {from}");
            let now = disk.disk.names(Path::new("store/commits"));
            assert_eq!(now, names, "{failure:?} at {from}");
        }
    }
}

#[test]
fn a_disk_without_room_for_it_has_none() {
    let disk = Watched::with(1..=5);
    let used = 5 * 50 + 5 * 600;
    disk.disk.set_capacity(used);
    let names = disk.disk.names(Path::new("store/commits"));
    assert_eq!(disk.open(INDEXED).0.len(), 5);
    assert_eq!(disk.disk.names(Path::new("store/commits")), names);
}

mod upgrade;

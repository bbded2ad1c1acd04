//! Older files become recipes: what is listed, opened, removed and moved away afterwards.

use super::*;
use crate::battery::{arrive, commit, content, file, hash, publish, read_all};
use crate::{Expect, Limits, ReadError, WriteError};

/// Revisions of one file: the same but for some bytes.
fn revision(number: u8) -> Vec<u8> {
    let mut bytes = content(1, 20_000);
    bytes[usize::from(number) * 50..][..10].copy_from_slice(&[number; 10]);
    bytes
}

fn fill(store: &FsStore, numbers: std::ops::RangeInclusive<u8>) {
    for number in numbers {
        publish(store, number, &revision(number));
    }
}

fn all_come_back(store: &FsStore, numbers: impl IntoIterator<Item = u8>) {
    let numbers: Vec<u8> = numbers.into_iter().collect();
    assert_eq!(store.commits().unwrap().len(), numbers.len());
    for number in numbers {
        assert!(read_all(&store.open(file(number)).unwrap()) == revision(number), "file {number}");
    }
    assert_eq!(store.problems(), []);
}

fn count(disk: &OnDisk, ending: &str) -> usize {
    disk.names().iter().filter(|name| name.ends_with(ending)).count()
}

// proves: STO-22
#[test]
fn older_files_become_recipes_and_come_back_also_after_a_restart() {
    for system_calls in [SystemCalls::Native, SystemCalls::Portable] {
        let disk = OnDisk::new(system_calls);
        let store = disk.open();
        fill(&store, 1..=9);
        let done = store.compact(2, &Cancel::new()).unwrap();
        assert_eq!((done.compacted, done.whole), (7, 0));
        assert!(done.saved > 7 * 19_000, "{done:?}");
        assert_eq!((count(&disk, ".mvr"), count(&disk, ".recipe")), (2, 7));
        all_come_back(&store, 1..=9);
        // Nothing is left to do, and nothing is left over.
        assert_eq!(store.compact(2, &Cancel::new()).unwrap(), Compaction::default());
        assert_eq!(disk.names().len(), 9 + 9 + 1);
        drop(store);
        let store = disk.open();
        all_come_back(&store, 1..=9);
        assert_eq!(disk.names().len(), 9 + 9 + 1);
    }
}

#[test]
fn those_who_read_a_file_read_on_while_it_becomes_a_recipe_and_when_it_is_removed() {
    let disk = OnDisk::new(SystemCalls::Native);
    let store = disk.open();
    fill(&store, 1..=3);
    let before = store.open(file(1)).unwrap();
    store.compact(1, &Cancel::new()).unwrap();
    let (after, again) = (store.open(file(1)).unwrap(), store.open(file(1)).unwrap());
    assert_eq!(count(&disk, ".part"), 1, "who opens it at the same time reads the same file");
    store.remove(file(1)).unwrap();
    store.remove(file(3)).unwrap();
    for reader in [&before, &after, &again] {
        assert!(read_all(reader) == revision(1));
    }
    drop((before, after, again));
    assert_eq!(count(&disk, ".part"), 0);
    all_come_back(&store, [2]);
}

// proves: STO-22
#[test]
fn a_file_stays_while_others_are_made_over_it_and_goes_with_the_last() {
    let disk = OnDisk::new(SystemCalls::Native);
    let store = disk.open();
    fill(&store, 1..=3);
    store.compact(1, &Cancel::new()).unwrap();
    store.remove(file(3)).unwrap();
    assert_eq!(count(&disk, ".mvr"), 1);
    all_come_back(&store, [1, 2]);
    drop(store);
    let store = disk.open();
    all_come_back(&store, [1, 2]);
    store.remove(file(1)).unwrap();
    all_come_back(&store, [2]);
    store.remove(file(2)).unwrap();
    assert_eq!((count(&disk, ".mvr"), count(&disk, ".recipe"), count(&disk, ".json")), (0, 0, 1));
    drop(store);
    all_come_back(&disk.open(), []);
}

#[test]
fn a_removed_file_goes_at_the_next_start_when_nothing_is_made_over_it_any_more() {
    let disk = OnDisk::new(SystemCalls::Native);
    let store = disk.open();
    fill(&store, 1..=2);
    store.compact(1, &Cancel::new()).unwrap();
    store.remove(file(2)).unwrap();
    drop(store);
    // As after a crash between the removal of the last recipe and that of the file.
    for name in disk.names().iter().filter(|name| name.starts_with("000000000001")) {
        std::fs::remove_file(disk.path(name)).unwrap();
    }
    assert_eq!(count(&disk, ".mvr"), 1);
    all_come_back(&disk.open(), []);
    assert_eq!(count(&disk, ".mvr"), 0);
}

// proves: STO-22
#[test]
fn one_file_in_many_stays_whole_when_each_commit_is_followed_by_a_compaction() {
    let disk = OnDisk::new(SystemCalls::Native);
    let store = disk.open();
    for number in 1..=140 {
        fill(&store, number..=number);
        store.compact(2, &Cancel::new()).unwrap();
    }
    // The two newest, one over which 128 were made, and the next.
    assert_eq!((count(&disk, ".mvr"), count(&disk, ".recipe")), (4, 136));
    all_come_back(&store, 1..=140);
}

#[test]
fn files_with_nothing_in_common_stay_whole() {
    let disk = OnDisk::new(SystemCalls::Native);
    let store = disk.open();
    for number in 1..=3 {
        publish(&store, number, &content(number.into(), 5_000));
    }
    let done = store.compact(1, &Cancel::new()).unwrap();
    assert_eq!((done.compacted, done.whole, done.saved), (0, 2, 0));
    assert_eq!((count(&disk, ".mvr"), count(&disk, ".part")), (3, 0));
    // A newer one that has makes the difference.
    publish(&store, 4, &[content(1, 5_000), vec![4]].concat());
    assert_eq!(store.compact(1, &Cancel::new()).unwrap().compacted, 1);
}

#[test]
fn what_becomes_a_recipe_makes_room_in_the_quota() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { total_bytes: 65_000, ..Limits::default() };
    let store = FsStore::open_with(folder.path(), FsOptions { limits, ..FsOptions::default() }).unwrap();
    fill(&store, 1..=3);
    let full = store.begin(Expect::Exactly(20_000));
    assert!(matches!(full.unwrap_err(), WriteError::StoreQuotaReached { .. }));
    store.compact(1, &Cancel::new()).unwrap();
    fill(&store, 4..=5);
    drop(store);
    let store = FsStore::open_with(folder.path(), FsOptions { limits, ..FsOptions::default() }).unwrap();
    drop(arrive(&store, &[0; 3_000]));
    assert!(store.begin(Expect::Exactly(20_000)).is_err());
}

// proves: STO-22
#[test]
fn a_recipe_that_cannot_be_used_is_told_and_takes_nothing_with_it() {
    let disk = OnDisk::new(SystemCalls::Native);
    let store = disk.open();
    fill(&store, 1..=3);
    store.compact(1, &Cancel::new()).unwrap();
    store.remove(file(3)).unwrap();
    drop(store);
    let recipe = disk.names().into_iter().find(|name| name.ends_with(".recipe")).unwrap();
    let good = std::fs::read(disk.path(&recipe)).unwrap();
    let mut bad = good.clone();
    bad[20] ^= 1;
    std::fs::write(disk.path(&recipe), &bad).unwrap();
    let store = disk.open();
    assert!(matches!(&store.problems()[..], [Problem::RecipeUnusable { name, .. }] if *name == recipe));
    assert_eq!(store.commits().unwrap().len(), 1);
    // The other one goes; what the damaged one may need stays.
    store.remove(file(2)).unwrap();
    drop(store);
    drop(disk.open());
    assert_eq!(count(&disk, ".mvr"), 1);
    std::fs::write(disk.path(&recipe), &good).unwrap();
    all_come_back(&disk.open(), [1]);
}

#[test]
fn a_recipe_damaged_further_on_is_an_error_when_it_is_opened() {
    let disk = OnDisk::new(SystemCalls::Native);
    let store = disk.open();
    fill(&store, 1..=2);
    store.compact(1, &Cancel::new()).unwrap();
    let recipe = disk.names().into_iter().find(|name| name.ends_with(".recipe")).unwrap();
    let mut bytes = std::fs::read(disk.path(&recipe)).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(disk.path(&recipe), &bytes).unwrap();
    let error = store.open(file(1)).unwrap_err();
    assert!(error.to_string().ends_with(".recipe: invalid data"), "{error}");
    assert_eq!(count(&disk, ".part"), 0);
}

#[test]
fn a_recipe_whose_whole_file_is_gone_is_told() {
    let disk = OnDisk::new(SystemCalls::Native);
    let store = disk.open();
    fill(&store, 1..=2);
    store.compact(1, &Cancel::new()).unwrap();
    drop(store);
    let whole = disk.names().into_iter().find(|name| name.ends_with(".mvr")).unwrap();
    std::fs::remove_file(disk.path(&whole)).unwrap();
    let store = disk.open();
    let problems = store.problems();
    assert!(
        problems
            .iter()
            .any(|problem| matches!(problem, Problem::BaseMissing { file: f, .. } if *f == file(1))),
        "{problems:?}"
    );
    assert_eq!(store.commits().unwrap(), []);
}

#[test]
fn a_view_beside_a_running_store_reads_recipes_and_leaves_the_folder_alone() {
    let disk = OnDisk::new(SystemCalls::Native);
    let store = disk.open();
    fill(&store, 1..=3);
    let before = FsView::open(disk.directory(), disk.options()).unwrap();
    store.compact(1, &Cancel::new()).unwrap();
    let after = FsView::open(disk.directory(), disk.options()).unwrap();
    for view in [&before, &after] {
        let open = view.open_file(file(1)).unwrap();
        assert_eq!(count(&disk, ".part"), 0);
        assert!(read_all(&open) == revision(1));
    }
    store.remove(file(1)).unwrap();
    assert!(matches!(after.open_file(file(1)), Err(ReadError::FileNotListed { .. })));
}

#[test]
fn what_is_taken_out_of_a_store_leaves_what_others_are_made_over() {
    let disk = OnDisk::new(SystemCalls::Native);
    let store = disk.open();
    fill(&store, 1..=3);
    store.compact(1, &Cancel::new()).unwrap();
    let folder = disk.folder.path().join("user");
    for number in [3, 1] {
        let out =
            store.take_out(file(number), &folder, TakeOutName::Hint("show.mvr"), &Cancel::new()).unwrap();
        assert_eq!(hash(&std::fs::read(out.path).unwrap()), hash(&revision(number)));
    }
    all_come_back(&store, [2]);
}

#[test]
fn a_cancelled_compaction_leaves_everything_as_it_is() {
    let disk = OnDisk::new(SystemCalls::Native);
    let store = disk.open();
    fill(&store, 1..=3);
    let cancel = Cancel::new();
    cancel.cancel();
    assert_eq!(store.compact(1, &cancel).unwrap().compacted, 0);
    assert_eq!((count(&disk, ".mvr"), count(&disk, ".part")), (3, 0));
    assert_eq!(store.compact(1, &Cancel::new()).unwrap().compacted, 2);
}

#[test]
fn two_compactions_at_once_beside_publishing_and_removing_lose_nothing() {
    let disk = OnDisk::new(SystemCalls::Native);
    let store = disk.open();
    fill(&store, 1..=20);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| store.compact(2, &Cancel::new()).unwrap());
        }
        scope.spawn(|| (1..=20).step_by(3).for_each(|number| store.remove(file(number)).unwrap()));
        scope.spawn(|| fill(&store, 21..=30));
    });
    let left: Vec<u8> = (1..=30).filter(|number| *number > 20 || (number - 1) % 3 != 0).collect();
    let mut found: Vec<_> = store.commits().unwrap().iter().map(|stored| stored.commit.file).collect();
    let mut expected: Vec<_> = left.iter().map(|number| commit(*number).file).collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    all_come_back(&store, left.clone());
    drop(store);
    all_come_back(&disk.open(), left);
}

// proves: STO-22
#[test]
fn older_files_become_recipes_in_the_background() {
    let disk = OnDisk::new(SystemCalls::Native);
    let store = disk.open();
    fill(&store, 1..=3);
    drop(store);
    let open = || {
        let options = FsOptions { whole: Some(2), ..disk.options() };
        FsStore::open_with(disk.directory(), options).unwrap()
    };
    let store = open();
    let background = Arc::clone(store._background.as_ref().unwrap());
    background.wait_until(|| count(&disk, ".recipe") == 1);
    fill(&store, 4..=9);
    background.wait_until(|| count(&disk, ".recipe") == 6);
    // Two newest ones, and the one over which all others were made.
    assert_eq!(count(&disk, ".mvr"), 3);
    all_come_back(&store, 1..=9);
    drop((store, background));
    // The thread has ended, so that the directory is free.
    all_come_back(&open(), 1..=9);
}

#[test]
fn a_disk_that_fails_in_the_background_is_told_once_and_tried_again() {
    let disk = SimDisk::new();
    let open = |whole| {
        let options = FsOptions { whole, ..FsOptions::default() };
        FsStore::open_on(Arc::new(disk.clone()), Path::new("store"), options).unwrap()
    };
    let store = open(None);
    fill(&store, 1..=3);
    drop(store);
    let before = disk.operations();
    drop(open(None));
    // Behind what opening takes: the thread's own operations.
    disk.fail(disk.operations() + (disk.operations() - before), u64::MAX, crate::battery::Failure::Broken);
    let store = open(Some(1));
    let background = Arc::clone(store._background.as_ref().unwrap());
    background.wait_until(|| store.problems().len() == 1);
    assert!(matches!(&store.problems()[..], [Problem::FilesStayWhole { .. }]));
    disk.heal();
    publish(&store, 4, &revision(4));
    background.wait_until(|| {
        disk.names(Path::new("store/commits")).iter().filter(|name| name.ends_with(".recipe")).count() >= 2
    });
    for number in 1..=4 {
        assert!(read_all(&store.open(file(number)).unwrap()) == revision(number));
    }
}

/// What lies on the disk of files and recipes.
fn on_disk(disk: &OnDisk) -> u64 {
    let kept = disk.names().into_iter().filter(|name| name.ends_with(".mvr") || name.ends_with(".recipe"));
    kept.map(|name| std::fs::metadata(disk.path(&name)).unwrap().len()).sum()
}

fn narrow(disk: &OnDisk, total_bytes: u64) -> FsStore {
    let limits = Limits { total_bytes, oldest_go: true, ..Limits::default() };
    FsStore::open_with(disk.directory(), FsOptions { limits, ..disk.options() }).unwrap()
}

fn listed(store: &FsStore) -> Vec<u8> {
    store.commits().unwrap().iter().map(|stored| stored.commit.file.to_bytes()[0]).collect()
}

// proves: STO-21, STO-22
#[test]
fn of_a_store_whose_oldest_go_what_recipes_were_made_over_goes_after_them_and_all_that_is_listed_comes_back()
{
    let disk = OnDisk::new(SystemCalls::Native);
    let store = narrow(&disk, 150_000);
    fill(&store, 1..=3);
    // 1 and 2 over 3; then 4, 5 and 6 over 3, too, which is older than they are.
    store.compact(1, &Cancel::new()).unwrap();
    fill(&store, 4..=7);
    store.compact(1, &Cancel::new()).unwrap();
    assert_eq!((count(&disk, ".mvr"), count(&disk, ".recipe")), (2, 5));
    // Nothing in common with the others: no recipe is made of it.
    let used = on_disk(&disk);
    let wanted = usize::try_from(150_000 - used).unwrap();
    publish(&store, 50, &content(50, wanted));
    assert_eq!(listed(&store), [1, 2, 3, 4, 5, 6, 7, 50], "full, to the byte");
    publish(&store, 51, &content(51, 1));
    assert_eq!(listed(&store), [2, 3, 4, 5, 6, 7, 50, 51], "one byte more");
    // The recipes hold little: all that were made over 3 go before it does, and it makes the room.
    publish(&store, 52, &content(52, 19_000));
    assert_eq!(listed(&store), [7, 50, 51, 52]);
    assert!(read_all(&store.open(file(7)).unwrap()) == revision(7));
    assert_eq!((count(&disk, ".mvr"), count(&disk, ".recipe")), (4, 0));
    assert!(on_disk(&disk) <= 150_000, "{}", on_disk(&disk));
    assert_eq!(store.problems(), []);
}

// proves: STO-21, STO-22
#[test]
fn what_the_recipe_of_a_file_that_is_read_was_made_over_makes_no_room() {
    let disk = OnDisk::new(SystemCalls::Native);
    let store = narrow(&disk, 60_000);
    fill(&store, 1..=3);
    store.compact(1, &Cancel::new()).unwrap();
    let reading = store.open(file(1)).unwrap();
    let refused = store.begin(Expect::Exactly(41_000)).map(drop).unwrap_err();
    assert!(matches!(refused, WriteError::StoreQuotaReached { wanted: 41_000, .. }), "{refused}");
    assert_eq!(listed(&store), [1, 2, 3], "it would not have fitted when all that may go were gone");
    let wanted = usize::try_from(60_000 - on_disk(&disk)).unwrap() + 1;
    publish(&store, 50, &content(50, wanted));
    assert_eq!(listed(&store), [1, 3, 50], "what the one that is read needs stays");
    assert!(read_all(&reading) == revision(1));
    assert!(on_disk(&disk) <= 60_000);
    drop(reading);
    drop(store.begin(Expect::Exactly(41_000)).unwrap());
    assert_eq!(listed(&store), [0_u8; 0], "one after the other, until there is room");
    assert_eq!(on_disk(&disk), 0);
}

//! A look through the whole store tells each damage by name, and nothing where all is well.

use std::fs;
use std::sync::Mutex;

use super::*;
use crate::battery::{content, file, publish};
use crate::{Fsck, fsck};

fn look(disk: &OnDisk) -> Fsck {
    fsck(disk.directory(), &disk.options(), &|_, _| {}, &Cancel::new()).unwrap()
}

fn words(disk: &OnDisk) -> Vec<&'static str> {
    look(disk).problems.iter().map(Problem::word).collect()
}

/// Four revisions, the older two recipes over the third; the second has a tag.
fn filled() -> OnDisk {
    let disk = OnDisk::new(SystemCalls::Native);
    let store = disk.open();
    let mut bytes = content(7, 20_000);
    for number in 1..=4 {
        bytes[usize::from(number)] ^= 1;
        publish(&store, number, &bytes);
    }
    store.compact(2, &Cancel::new()).unwrap();
    Tags::of(disk.directory()).give("premiere", file(2)).unwrap();
    disk
}

fn turn_a_byte(disk: &OnDisk, begin: &str, ending: &str, at: usize) {
    let name =
        disk.names().into_iter().find(|name| name.starts_with(begin) && name.ends_with(ending)).unwrap();
    let mut bytes = fs::read(disk.path(&name)).unwrap();
    bytes[at] ^= 0x40;
    fs::write(disk.path(&name), bytes).unwrap();
}

// proves: STO-26
#[test]
fn all_is_well_beside_a_store_at_work_and_without_one() {
    let disk = filled();
    let expected = (4, 2, 2, 80_000, 1, true);
    let store = disk.open();
    for _ in 0..2 {
        let found = look(&disk);
        let counts = (found.revisions, found.whole, found.recipes, found.bytes, found.tags, found.complete);
        assert_eq!((counts, found.problems), (expected, vec![]));
    }
    drop(store);
    assert_eq!(words(&disk), [""; 0]);
    let nowhere = fsck(disk.path("nowhere"), &disk.options(), &|_, _| {}, &Cancel::new()).unwrap();
    assert_eq!(nowhere, Fsck { complete: true, ..Fsck::default() });
}

// proves: STO-26
#[test]
fn a_turned_byte_anywhere_is_found_and_told_by_name() {
    let disk = filled();
    turn_a_byte(&disk, "000000000003", ".mvr", 10_000);
    assert_eq!(words(&disk), ["content-damaged"]);
    let found = look(&disk);
    assert_eq!(found.problems[0].file(), Some(file(3)));
    assert!(found.problems[0].to_string().contains("not what was stored"), "{}", found.problems[0]);

    let disk = filled();
    let recipe_end =
        fs::read(disk.path(&disk.names().into_iter().find(|name| name.ends_with(".recipe")).unwrap()));
    turn_a_byte(&disk, "000000000001", ".recipe", recipe_end.unwrap().len() - 1);
    assert_eq!(words(&disk), ["recipe-unusable"]);
    assert_eq!(look(&disk).problems[0].file(), Some(file(1)));

    // Both older ones were made over the third or the fourth.
    let disk = filled();
    let base = disk.open().engine.shelf.base_of(names::Stem { sequence: 1, file: file(1) }).unwrap();
    turn_a_byte(&disk, &format!("{:012}", base.sequence), ".mvr", 19_999);
    let mut found = words(&disk);
    found.sort_unstable();
    assert_eq!(found, ["content-damaged", "recipe-unusable", "recipe-unusable"]);

    let disk = filled();
    turn_a_byte(&disk, "000000000003", ".json", 30);
    assert!(words(&disk).contains(&"record-damaged"));

    let disk = filled();
    turn_a_byte(&disk, "store", ".json", 3);
    assert_eq!(words(&disk), ["schema-file-damaged"]);
}

// proves: STO-26
#[test]
fn what_is_missing_is_told_and_nothing_is_changed() {
    let disk = filled();
    let name =
        disk.names().into_iter().find(|name| name.starts_with("000000000004") && name.ends_with(".mvr"));
    fs::remove_file(disk.path(&name.unwrap())).unwrap();
    let before = disk.names();
    assert_eq!(words(&disk)[0], "file-missing");
    assert_eq!(disk.names(), before);

    let disk = filled();
    disk.open().remove(file(2)).unwrap();
    assert_eq!(words(&disk), ["tag-of-nothing"]);
    assert!(look(&disk).problems[0].to_string().contains("the tag premiere is of"));
}

#[test]
fn it_ends_at_the_next_piece_when_it_is_called_off_and_says_that_it_is_not_complete() {
    let disk = filled();
    let (cancel, seen) = (Cancel::new(), Mutex::new(Vec::new()));
    let stop = |done, all| {
        seen.lock().unwrap().push((done, all));
        cancel.cancel();
    };
    let found = fsck(disk.directory(), &disk.options(), &stop, &cancel).unwrap();
    assert!(!found.complete && found.bytes < 80_000);
    assert_eq!(seen.lock().unwrap()[0].1, 80_000);
}

// proves: STO-26
#[test]
fn beside_a_store_that_publishes_compacts_and_removes_nothing_looks_wrong() {
    let disk = filled();
    let store = disk.open();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut bytes = content(7, 20_000);
            for number in 5..=60_u8 {
                bytes[usize::from(number)] ^= 1;
                publish(&store, number, &bytes);
                store.compact(2, &Cancel::new()).unwrap();
                if number > 8 {
                    store.remove(file(number - 4)).unwrap();
                }
            }
            done.store(true, std::sync::atomic::Ordering::SeqCst);
        });
        let mut looks = 0;
        while !done.load(std::sync::atomic::Ordering::SeqCst) || looks == 0 {
            assert_eq!(words(&disk), [""; 0], "look {looks}");
            looks += 1;
        }
    });
}

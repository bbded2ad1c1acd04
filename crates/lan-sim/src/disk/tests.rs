use std::io::Write as _;

use super::*;
use crate::content::{Bulk, Payload};

fn disk(seed: u64) -> Disk {
    Disk::new(Seed::new(seed))
}

/// What a careful store does: a temporary file, synced, renamed, its folder synced.
fn store(disk: &Disk, name: &str, bytes: &[u8]) -> Result<(), DiskError> {
    let temporary = format!("box/{name}.tmp");
    if disk.exists(&temporary) {
        disk.remove(&temporary)?;
    }
    let file = disk.create(&temporary)?;
    for piece in bytes.chunks(10) {
        file.append(piece)?;
    }
    file.sync()?;
    disk.rename(&temporary, &format!("box/{name}"))?;
    disk.sync_dir("box")
}

#[test]
fn a_careful_store_loses_nothing_it_acknowledged_wherever_the_power_goes() {
    let mut died = 0;
    for seed in 0..20 {
        for nth in 1..40 {
            let disk = disk(seed);
            store(&disk, "old", b"the old file, thirty bytes lo.").unwrap();
            disk.halt_at(nth);
            let first = store(&disk, "new", b"the new file, thirty bytes lo.");
            let second = store(&disk, "old", b"the old file in a longer version, changed");
            died += usize::from(first.is_err() || second.is_err());
            disk.lose_power();
            let read = |name: &str| {
                disk.open(&format!("box/{name}")).map(|file| file.contents().unwrap().to_bytes()).ok()
            };
            let new = read("new");
            assert!(
                new.is_none() || new.as_deref() == Some(b"the new file, thirty bytes lo."),
                "seed {seed}, {nth}: {new:?}"
            );
            assert!(first.is_err() || new.is_some(), "seed {seed}, {nth}: acknowledged and gone");
            let old = read("old").expect("an old or a new version is always there");
            assert!(old.starts_with(b"the old file"), "seed {seed}, {nth}: {old:?}");
            assert!(
                second.is_err() || old.ends_with(b"changed"),
                "seed {seed}, {nth}: acknowledged and gone"
            );
        }
    }
    assert!(died > 300, "the power went in {died} runs");
}

#[test]
fn a_careless_store_is_found_out() {
    let mut torn = 0;
    for seed in 0..100 {
        let disk = disk(seed);
        let file = disk.create("box/a.tmp").unwrap();
        file.append(b"never synced").unwrap();
        disk.rename("box/a.tmp", "box/a").unwrap();
        disk.sync_dir("box").unwrap();
        disk.lose_power();
        let left = disk.open("box/a").unwrap().contents().unwrap().to_bytes();
        assert!(left.len() <= 12, "seed {seed}");
        torn += usize::from(left != b"never synced");
    }
    assert!((50..95).contains(&torn), "{torn} of 100 are found torn");
}

#[test]
fn names_survive_up_to_a_point_in_their_order() {
    let mut survivors = std::collections::BTreeSet::new();
    for seed in 0..200 {
        let disk = disk(seed);
        for name in ["a", "b", "c", "d"] {
            disk.create(name).unwrap();
        }
        disk.lose_power();
        let names: String = disk.list("").unwrap().into_iter().map(|entry| entry.name).collect();
        assert!("abcd".starts_with(&names), "seed {seed}: {names}");
        survivors.insert(names);
    }
    assert_eq!(survivors.len(), 5, "{survivors:?}");
}

#[test]
fn overwritten_bytes_are_old_or_new_from_the_front() {
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..200 {
        let disk = disk(seed);
        let file = disk.create("x").unwrap();
        file.append(b"aaaa").unwrap();
        file.sync().unwrap();
        disk.sync_dir("").unwrap();
        file.write_at(0, &Payload::Bytes(b"bbbb".to_vec())).unwrap();
        disk.lose_power();
        let left = disk.open("x").unwrap().contents().unwrap().to_bytes();
        seen.insert(String::from_utf8(left).unwrap());
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["aaaa", "baaa", "bbaa", "bbba", "bbbb"]);
}

#[test]
fn truncating_what_was_durable_may_come_undone() {
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..100 {
        let disk = disk(seed);
        let file = disk.create("x").unwrap();
        file.append(b"abcd").unwrap();
        file.sync().unwrap();
        disk.sync_dir("").unwrap();
        file.truncate(1).unwrap();
        assert_eq!(file.length(), Ok(1));
        disk.lose_power();
        seen.insert(disk.open("x").unwrap().length().unwrap());
    }
    assert!(seen.contains(&1) && seen.contains(&4), "{seen:?}");
}

#[test]
fn a_sync_that_failed_is_not_mended_by_the_next_one() {
    let mut lost = 0;
    for seed in 0..40 {
        let disk = disk(seed);
        let file = disk.create("x").unwrap();
        disk.sync_dir("").unwrap();
        file.append(b"data").unwrap();
        disk.fail_nth(1);
        assert_eq!(file.sync(), Err(DiskError::Failed { op: DiskOp::Sync }));
        assert_eq!(file.sync(), Ok(()), "the system takes the pages for clean");
        disk.lose_power();
        lost += usize::from(disk.open("x").unwrap().length() != Ok(4));
    }
    assert!(lost > 10, "lost {lost} of 40 times");
}

#[test]
fn a_full_disk_takes_what_fits_and_a_removal_makes_room() {
    let disk = disk(1);
    disk.set_condition(Condition { capacity: Some(10), ..Condition::default() });
    let file = disk.create("x").unwrap();
    assert_eq!(file.append(b"12345678"), Ok(()));
    assert_eq!(file.append(b"abcd"), Err(DiskError::NoRoom { wanted: 4, fitted: 2 }));
    assert_eq!(file.contents().unwrap().to_bytes(), b"12345678ab");
    assert_eq!(file.write_at(2, &Payload::Bytes(b"xx".to_vec())), Ok(()), "overwriting needs no room");
    assert_eq!(std::io::Error::from(file.append(b"z").unwrap_err()).kind(), std::io::ErrorKind::StorageFull);
    disk.remove("x").unwrap();
    disk.create("y").unwrap().append_bulk(Bulk::new(1, 10)).unwrap();
    assert_eq!(disk.counts().no_room, 2);
}

#[test]
fn a_write_that_fails_leaves_a_beginning() {
    let mut left = std::collections::BTreeSet::new();
    for seed in 0..100 {
        let disk = disk(seed);
        let file = disk.create("x").unwrap();
        disk.fail_nth(1);
        assert_eq!(file.append(b"abc"), Err(DiskError::Failed { op: DiskOp::Write }));
        left.insert(String::from_utf8(file.contents().unwrap().to_bytes()).unwrap());
    }
    assert_eq!(left.into_iter().collect::<Vec<_>>(), ["", "a", "ab", "abc"]);
}

#[test]
fn handles_follow_their_file_and_die_with_their_process() {
    let disk = disk(1);
    let file = disk.create("a").unwrap();
    disk.rename("a", "b").unwrap();
    file.clone().write_all(b"one").unwrap();
    disk.remove("b").unwrap();
    file.append(b"two").unwrap();
    assert_eq!(file.contents().unwrap().to_bytes(), b"onetwo", "removed but open");
    assert_eq!(file.version(), Ok(2));
    disk.kill();
    assert_eq!(file.append(b"x"), Err(DiskError::HandleLost));
    assert_eq!(disk.used(), 0);
}

#[test]
fn names_are_found_created_and_never_overwritten_unasked() {
    let disk = disk(1);
    disk.create_dirs("top/inner").unwrap();
    disk.create("top/x").unwrap().append(b"x").unwrap();
    disk.create("top/y").unwrap();
    assert_eq!(disk.create("top/x").unwrap_err(), DiskError::Exists { path: "top/x".into() });
    assert_eq!(disk.rename_new("top/x", "top/y"), Err(DiskError::Exists { path: "top/y".into() }));
    assert_eq!(disk.open("top/z").unwrap_err(), DiskError::NotFound { path: "top/z".into() });
    let entries = disk.list("top").unwrap();
    let entries: Vec<_> =
        entries.iter().map(|entry| (entry.name.as_str(), entry.is_dir, entry.length)).collect();
    assert_eq!(entries, [("inner", true, 0), ("x", false, 1), ("y", false, 0)]);
    assert_eq!(disk.metadata("top").map(|entry| (entry.name, entry.is_dir)), Ok(("top".into(), true)));
    assert_eq!(disk.metadata("top/x").map(|entry| (entry.name, entry.length)), Ok(("x".into(), 1)));
    assert!(disk.metadata("top/z").is_err());
    disk.rename("top/x", "top/y").unwrap();
    assert_eq!(disk.open("top/y").unwrap().length(), Ok(1));
    assert!(!disk.exists("top/x") && disk.exists("top/inner"));
}

#[test]
fn operations_take_the_time_they_are_told_to() {
    let disk = disk(1);
    let condition =
        Condition { delay: Duration::from_millis(2), bytes_per_second: Some(1_000), ..Condition::default() };
    disk.set_condition(condition);
    let file = disk.create("x").unwrap();
    file.append(&[0; 500]).unwrap();
    assert_eq!(disk.spent(), Duration::from_millis(504));
    file.sync().unwrap();
    file.sync().unwrap();
    assert_eq!(disk.take_spent(), Duration::from_millis(1_008), "a second sync has nothing to write");
    assert_eq!(disk.take_spent(), Duration::ZERO);
}

#[test]
fn a_file_of_four_gib_costs_nothing() {
    let disk = disk(1);
    let file = disk.create("big").unwrap();
    file.append_bulk(Bulk::new(7, 4 << 30)).unwrap();
    file.sync().unwrap();
    disk.sync_dir("").unwrap();
    disk.lose_power();
    let file = disk.open("big").unwrap();
    assert_eq!(file.contents().unwrap().as_bulk(), Some(Bulk::new(7, 4 << 30)));
    let mut out = [0; 16];
    assert_eq!(file.read_at((4 << 30) - 8, &mut out), Ok(8));
    let copy = disk.create("copy").unwrap();
    copy.append(b"!").unwrap();
    copy.append_content(&file.contents().unwrap()).unwrap();
    assert_eq!(copy.part(1, u64::MAX).unwrap().as_bulk(), Some(Bulk::new(7, 4 << 30)));
}

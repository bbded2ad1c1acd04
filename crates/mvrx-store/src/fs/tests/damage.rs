//! What others did to the folder: told, never deleted, and everything else is served.

use std::collections::BTreeMap;
use std::fs;

use super::*;
use crate::battery::{arrive, commit, file, publish, read_all};
use crate::problem::RecordDamage;
use crate::{PublishError, ReadError};

/// A store with commits 1, 2 and 3, closed.
fn three() -> OnDisk {
    let disk = OnDisk::new(SystemCalls::Native);
    let store = disk.open();
    for number in 1..4 {
        publish(&store, number, &[number; 50]);
    }
    drop(store);
    disk
}

fn record(number: u8) -> String {
    format!("{:012}-{}.json", number, file(number))
}

fn stored_file(number: u8) -> String {
    format!("{:012}-{}.mvr", number, file(number))
}

fn everything(disk: &OnDisk) -> BTreeMap<String, Vec<u8>> {
    disk.names()
        .into_iter()
        .map(|name| (name.clone(), fs::read(disk.path(&name)).unwrap_or_default()))
        .collect()
}

/// Opens the store: commit 2 is not listed for this reason, 1 and 3 are served, and no byte of the folder changed.
fn told(disk: &OnDisk, problem: &Problem) {
    let before = everything(disk);
    let store = disk.open();
    let listed: Vec<_> = store.commits().unwrap().iter().map(|stored| stored.commit.file).collect();
    assert_eq!(listed, [file(1), file(3)]);
    for number in [1, 3] {
        assert_eq!(read_all(&store.open(file(number)).unwrap()), [number; 50]);
    }
    assert_eq!(store.open(file(2)).unwrap_err(), ReadError::FileNotListed { file: file(2) });
    assert_eq!(store.problems(), std::slice::from_ref(problem));
    assert!(!problem.to_string().is_empty());
    assert_eq!(everything(disk), before);
    // The same file may come again.
    publish(&store, 2, &[2; 50]);
    assert_eq!(store.commits().unwrap().last().unwrap().sequence, 4);
}

// proves: STO-05
#[test]
fn a_record_with_a_changed_byte_is_told_and_the_others_are_served() {
    let disk = three();
    let path = disk.path(&record(2));
    let whole = fs::read(&path).unwrap();
    for at in (0..whole.len()).step_by(11) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x11;
        fs::write(&path, &damaged).unwrap();
        let store = disk.open();
        assert_eq!(store.commits().unwrap().len(), 2, "byte {at}");
        let problems = store.problems();
        assert!(
            matches!(&problems[..], [Problem::RecordDamaged { name, .. }] if *name == record(2)),
            "byte {at}: {problems:?}"
        );
        assert_eq!(fs::read(&path).unwrap(), damaged);
    }
    fs::write(&path, &whole).unwrap();
    assert_eq!(disk.open().commits().unwrap().len(), 3, "mended by hand it is listed again");
}

// proves: STO-05
#[test]
fn a_record_cut_short_anywhere_is_told() {
    let disk = three();
    let path = disk.path(&record(2));
    let whole = fs::read(&path).unwrap();
    for length in (0..whole.len()).step_by(17) {
        fs::write(&path, &whole[..length]).unwrap();
        let store = disk.open();
        assert_eq!((store.commits().unwrap().len(), store.problems().len()), (2, 1), "{length} bytes");
    }
    let damage = RecordDamage::NotARecord;
    told(&disk, &Problem::RecordDamaged { name: record(2), damage });
}

// proves: STO-05
#[test]
fn a_record_under_the_name_of_another_is_told() {
    let disk = three();
    fs::copy(disk.path(&record(1)), disk.path(&record(2))).unwrap();
    let damage = RecordDamage::NameTellsOfAnother;
    told(&disk, &Problem::RecordDamaged { name: record(2), damage });
}

// proves: STO-05
#[test]
fn a_record_that_is_too_long_is_told_without_being_read() {
    let disk = three();
    let record_file = fs::File::options().write(true).open(disk.path(&record(2))).unwrap();
    record_file.set_len(2 * 1024 * 1024 + 1).unwrap();
    let damage = RecordDamage::LongerThanLimit { length: 2_097_153, allowed: 2_097_152 };
    told(&disk, &Problem::RecordDamaged { name: record(2), damage });
}

// proves: STO-05
#[test]
fn a_missing_file_is_told() {
    let disk = three();
    fs::remove_file(disk.path(&stored_file(2))).unwrap();
    told(&disk, &Problem::FileMissing { name: record(2), file: file(2) });
}

// proves: STO-05
#[test]
fn a_file_of_another_length_is_told() {
    for length in [49, 51] {
        let disk = three();
        fs::write(disk.path(&stored_file(2)), vec![2; length]).unwrap();
        let found = length as u64;
        told(&disk, &Problem::FileLengthNotAsStored { name: record(2), file: file(2), stored: 50, found });
    }
}

// proves: STO-05
#[test]
fn a_file_without_a_record_is_told_and_kept() {
    let disk = three();
    fs::remove_file(disk.path(&record(2))).unwrap();
    told(&disk, &Problem::FileWithoutRecord { name: stored_file(2), length: 50 });
}

// proves: STO-05
#[test]
fn what_is_no_regular_file_is_told() {
    let disk = three();
    fs::remove_file(disk.path(&record(2))).unwrap();
    fs::remove_file(disk.path(&stored_file(2))).unwrap();
    fs::create_dir(disk.path(&record(2))).unwrap();
    told(&disk, &Problem::NotARegularFile { name: record(2) });
}

// proves: STO-05
#[test]
fn of_two_records_of_a_file_the_later_counts() {
    let disk = three();
    let (kept, kept_file) =
        (fs::read(disk.path(&record(2))).unwrap(), fs::read(disk.path(&stored_file(2))).unwrap());
    let store = disk.open();
    store.remove(file(2)).unwrap();
    let later = publish(&store, 2, b"other");
    drop(store);
    // Somebody put the old ones back.
    fs::write(disk.path(&record(2)), kept).unwrap();
    fs::write(disk.path(&stored_file(2)), kept_file).unwrap();
    fs::remove_file(disk.path(&format!("{:012}-{}.removed", 2, file(2)))).unwrap();
    let store = disk.open();
    assert_eq!(store.commits().unwrap().last(), Some(&later));
    assert_eq!(store.commits().unwrap().len(), 3);
    assert_eq!(store.problems(), [Problem::FileRecordedTwice { name: record(2), file: file(2) }]);
}

// proves: STO-04
#[test]
fn a_newer_schema_is_refused_and_nothing_is_changed() {
    for name in ["store.json".to_owned(), record(2)] {
        let disk = three();
        let path = disk.path(&name);
        fs::write(&path, framed(r#"{"schema":2,"shape":"nobody knows yet"}"#)).unwrap();
        fs::write(disk.path("incoming-0000000000000009.part"), "a leftover").unwrap();
        fs::write(disk.path(&format!("{:012}-{}.publishing", 9, file(9))), "another").unwrap();
        let before = everything(&disk);
        let error = FsStore::open(disk.directory()).unwrap_err();
        assert_eq!(error, OpenStoreError::SchemaNewerThanSupported { path, found: 2, supported: 1 });
        assert_eq!(everything(&disk), before);
    }
}

// proves: STO-05
#[test]
fn a_damaged_schema_file_is_told_and_left() {
    let disk = three();
    fs::write(disk.path("store.json"), "{").unwrap();
    let store = disk.open();
    assert_eq!(store.commits().unwrap().len(), 3);
    assert_eq!(store.problems(), [Problem::SchemaFileDamaged { name: "store.json".to_owned() }]);
    assert_eq!(fs::read(disk.path("store.json")).unwrap(), b"{");
}

#[test]
fn a_missing_schema_file_is_written_again() {
    let disk = three();
    let before = everything(&disk);
    fs::remove_file(disk.path("store.json")).unwrap();
    assert_eq!(disk.open().problems(), []);
    assert_eq!(everything(&disk), before);
}

#[test]
fn a_forged_last_number_leaves_none_for_the_next_commit() {
    let disk = three();
    let mut forged = disk.open().commit(file(2)).unwrap().unwrap();
    forged.sequence = u64::MAX;
    let stem = format!("{}-{}", u64::MAX, file(2));
    fs::write(disk.path(&format!("{stem}.json")), crate::record::encode(&forged)).unwrap();
    fs::rename(disk.path(&stored_file(2)), disk.path(&format!("{stem}.mvr"))).unwrap();
    fs::remove_file(disk.path(&record(2))).unwrap();
    let store = disk.open();
    assert_eq!(store.commits().unwrap().len(), 3);
    assert_eq!(
        arrive(&store, b"x").publish(&commit(9), "Default").unwrap_err(),
        PublishError::SequenceExhausted
    );
    store.remove(file(2)).unwrap();
}

#[test]
fn a_file_that_somebody_shortens_while_it_is_read_is_named() {
    let disk = three();
    let store = disk.open();
    let open = store.open(file(2)).unwrap();
    fs::File::options().write(true).open(disk.path(&stored_file(2))).unwrap().set_len(20).unwrap();
    let mut buffer = [0; 50];
    let wait = crate::Wait::until_settled();
    assert_eq!(open.read_at(0, &mut buffer, &wait).unwrap(), 20);
    let error = open.read_at(20, &mut buffer, &wait).unwrap_err();
    assert_eq!(error, ReadError::StoredFileCutShort { length: 50, end: 20 });
}

fn framed(line: &str) -> String {
    format!("{line}\n{}\n", blake3::hash(line.as_bytes()).to_hex())
}

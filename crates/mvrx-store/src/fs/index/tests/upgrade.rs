//! From an index as schema 1 was (`tests/fixtures/index-schema-1`, of the records of `first-version`) to the one of this version.

use redb::{Builder, ReadableDatabase, ReadableTable, TableDefinition, TableHandle};

use super::*;

/// As it was in schema 1.
const RECORDS: TableDefinition<'_, &[u8; 25], Value<'_>> = TableDefinition::new("records");
type Value<'a> = (u64, i128, Option<i128>, Option<u64>, &'a [u8]);

fn fixture() -> (Vec<u8>, Vec<(String, Vec<u8>)>) {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let index = std::fs::read(fixtures.join("index-schema-1/store.index")).unwrap();
    let entries = std::fs::read_dir(fixtures.join("first-version/commits")).unwrap();
    let read = |path: PathBuf| {
        (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read(path).unwrap())
    };
    (index, entries.map(|entry| read(entry.unwrap().path())).collect())
}

/// The index as it would be had the records been `disk`'s files when schema 1 wrote it.
fn as_if_of(index: &[u8], disk: &Watched) -> Vec<u8> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &index[52..]).unwrap();
    let database = Builder::new().open(file.path()).unwrap();
    let entries = disk.list(Path::new("store/commits")).unwrap();
    let change = database.begin_write().unwrap();
    {
        let mut records = change.open_table(RECORDS).unwrap();
        let rows: Vec<_> = records
            .iter()
            .unwrap()
            .map(|row| {
                let (key, value) = row.unwrap();
                (*key.value(), value.value().4.to_vec())
            })
            .collect();
        assert_eq!(rows.len(), 3);
        for (key, value) in rows {
            let sequence = u64::from_be_bytes(key[..8].try_into().unwrap());
            let start = format!("{sequence:012}-");
            let entry =
                entries.iter().find(|entry| entry.name.starts_with(&start) && entry.name.ends_with(".json"));
            let (entry, stamp) = entry.map(|entry| (entry, entry.stamp.unwrap())).unwrap();
            let (modified, changed) = (stamp.modified.into(), stamp.changed.map(i128::from));
            let value = (entry.length, modified, changed, stamp.inode, value.as_slice());
            records.insert(&key, value).unwrap();
        }
    }
    change.commit().unwrap();
    drop(database);
    let database = std::fs::read(file.path()).unwrap();
    let length = (database.len() as u64).to_le_bytes();
    forged([b"mvrx-idx", &1_u32.to_le_bytes()[..], &length, &[0; 32], &database].concat())
}

fn tables(index: &[u8]) -> Vec<String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &index[52..]).unwrap();
    let database = Builder::new().open(file.path()).unwrap();
    let read = database.begin_read().unwrap();
    let mut names: Vec<_> = read.list_tables().unwrap().map(|table| table.name().to_owned()).collect();
    names.sort();
    names
}

// proves: STO-27
#[test]
fn an_index_of_schema_1_is_brought_here_and_its_records_are_not_read_again() {
    let (index, files) = fixture();
    assert_eq!(
        (&index[..8], &index[8..12], tables(&index)),
        (&b"mvrx-idx"[..], &[1, 0, 0, 0][..], vec!["records".to_owned()])
    );
    let disk = Watched::new(1);
    drop(disk.try_open(NONE).unwrap());
    for (name, bytes) in &files {
        disk.disk.put(&path(name), bytes);
    }
    disk.settle();
    let (listed, opened) = disk.open(NONE);
    assert_eq!((listed.len(), opened.len()), (3, 3));

    disk.disk.put(&path("store.index"), &as_if_of(&index, &disk));
    let (migrated, opened) = disk.open(INDEXED);
    assert_eq!((&migrated, opened), (&listed, vec![]), "what schema 1 knew of is known");
    let now = disk.index().unwrap();
    assert_eq!((now[8], tables(&now)), (2, vec!["recipes".to_owned(), "records".to_owned()]));
    assert_eq!(disk.open(INDEXED), (listed, vec![]));
}

// proves: STO-27
#[test]
fn a_store_that_was_copied_with_an_index_of_schema_1_is_read_and_listed() {
    let (index, files) = fixture();
    let disk = Watched::new(1);
    drop(disk.try_open(NONE).unwrap());
    for (name, bytes) in &files {
        disk.disk.put(&path(name), bytes);
    }
    disk.disk.put(&path("store.index"), &index);
    disk.settle();
    let (listed, opened) = disk.open(INDEXED);
    assert_eq!((listed.len(), opened.len()), (3, 3), "the files are others than those that it knows");
    assert_eq!(disk.index().unwrap()[8], 2);
    assert_eq!(disk.open(INDEXED), (listed, vec![]));
}

//! Opening a store of many commits with its index and without: the same list, in less time. With `MVRX_OPENING=10000` in a release build it
//! tells how long both take.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

use std::env;
use std::fs;
use std::path::Path;
use std::time::Instant;

use mvrx_message::FileUuid;
use mvrx_store::{FsOptions, FsStore, FsView, Limits, Store};

mod shared;

use shared::settle;

fn id(number: u64) -> FileUuid {
    FileUuid::from_bytes((0x4000_u128 << 64 | 0x8000_u128 << 48 | u128::from(number)).to_be_bytes()).unwrap()
}

/// A file of 2,000 bytes that differs little from all others.
fn content(number: u64) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..2_000_u64).map(|at| (at * at % 251).to_le_bytes()[0]).collect();
    bytes[1_000..1_008].copy_from_slice(&number.to_le_bytes());
    bytes
}

/// Lays `count` commits into the folder as a store does, without waiting for the disk. With `recipes`, all but the newest ten files and each
/// hundredth one are recipes over the hundredth one before.
fn lay(directory: &Path, count: u64, recipes: bool) {
    let folder = directory.join("commits");
    fs::create_dir_all(&folder).unwrap();
    for number in 1..=count {
        let stem = format!("{number:012}-{}", id(number));
        let content = content(number);
        let line = format!(
            r#"{{"schema":1,"sequence":{number},"file":"{}","seen_ms":{},"length":2000,"blake3":"{}","group":"Default","station":"{}","version":[1,6],"file_size":2000,"for_stations":[],"comment":"revision {number}: 12 moved, 3 removed","file_name":"a show of the summer {number}.mvr","told_blake3":null,"author":["Desk of the house","mvrx"],"order":{number}}}"#,
            id(number),
            1_763_700_000_000 + number,
            blake3::hash(&content).to_hex(),
            id(7),
        );
        let record = format!("{line}\n{}\n", blake3::hash(line.as_bytes()).to_hex());
        fs::write(folder.join(format!("{stem}.json")), record).unwrap();
        let base = number / 100 * 100;
        if !recipes || base == number || base == 0 || number + 10 > count {
            fs::write(folder.join(format!("{stem}.mvr")), content).unwrap();
        } else {
            let (base, mut recipe) = (self::content(base), Vec::new());
            let limits = mvrx_recipe::Limits::default();
            mvrx_recipe::make(&base, &content, &mut recipe, &limits, &mut |_| true).unwrap();
            fs::write(folder.join(format!("{stem}.recipe")), recipe).unwrap();
        }
    }
}

fn with(limits: Limits) -> FsOptions {
    FsOptions { limits, ..FsOptions::default() }
}

// proves: STO-27
#[test]
fn a_store_with_an_index_lists_what_its_records_say_without_opening_them() {
    let count = env::var("MVRX_OPENING").map_or(600, |text| text.parse().unwrap());
    for recipes in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        lay(folder.path(), count, recipes);
        settle(folder.path());
        println!("{count} commits, {}", if recipes { "older ones as recipes" } else { "all whole" });
        compare(folder.path(), count);
    }
}

/// Opens the store with an index and without, in turn.
fn compare(directory: &Path, count: u64) {
    let none = with(Limits { index_bytes: 0, ..Limits::default() });
    let open = |options: &FsOptions| {
        let since = Instant::now();
        let store = FsStore::open_with(directory, options.clone()).unwrap();
        let took = since.elapsed();
        assert_eq!(store.problems(), []);
        (store.commits().unwrap(), took)
    };
    let (listed, _) = open(&none);
    assert_eq!(listed.len() as u64, count);
    let (first, making) = open(&with(Limits::default()));
    assert_eq!(first, listed);
    let length = fs::metadata(directory.join("commits/store.index")).unwrap().len();
    println!("made in {making:?}, {length} bytes");
    let mut ratios = Vec::new();
    for round in 0..9 {
        let (without, slow) = open(&none);
        let (with, fast) = open(&with(Limits::default()));
        let since = Instant::now();
        let view = FsView::open(directory, FsOptions::default()).unwrap();
        println!("{round}: without {slow:?}, with {fast:?}, a look {:?}", since.elapsed());
        assert_eq!((&without, &with, &view.commits()), (&listed, &listed, &listed));
        ratios.push(slow.as_secs_f64() / fast.as_secs_f64());
    }
    ratios.sort_by(f64::total_cmp);
    println!("times faster: median {:.2}, {:.2} to {:.2}", ratios[4], ratios[0], ratios[8]);
}

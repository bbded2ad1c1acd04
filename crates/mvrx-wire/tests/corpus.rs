//! Replays the corpora of the fuzz targets: what they once found stays found, without a fuzzer.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::print_stdout)]

mod bodies;

use std::fs;
use std::path::Path;

// proves: PKG-09, PKG-16
#[test]
fn package_bytes_holds_for_its_corpus() {
    replay("package_bytes", bodies::package_bytes);
}

// proves: PKG-16
#[test]
fn package_chunking_holds_for_its_corpus() {
    replay("package_chunking", bodies::package_chunking);
}

// proves: PKG-11
#[test]
fn package_round_trip_holds_for_its_corpus() {
    replay("package_round_trip", bodies::package_round_trip);
}

fn replay(target: &str, body: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut inputs = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        println!("{}", path.display()); // shown when the body fails
        body(&fs::read(&path).unwrap());
        inputs += 1;
    }
    assert!(inputs >= 10, "{inputs} inputs in {}", folder.display());
}

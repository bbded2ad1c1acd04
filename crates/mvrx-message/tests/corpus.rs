//! Replays the corpora of the fuzz targets: what they once found stays found, without a fuzzer.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::print_stdout)]

mod bodies;

use std::fs;
use std::path::Path;

// proves: MSG-LIMITS, MSG-STRICT
#[test]
fn message_bytes_holds_for_its_corpus() {
    replay("message_bytes", bodies::message_bytes);
}

// proves: MSG-FILENAME, MSG-GROUP, MSG-TXT
#[test]
fn message_names_holds_for_its_corpus() {
    replay("message_names", bodies::message_names);
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

//! What fuzzers have found, as plain tests.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::print_stderr)]

mod bodies;

use std::path::Path;

fn replay(target: &str, body: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut inputs = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        eprintln!("{}", path.display()); // shown when the body fails
        body(&std::fs::read(path).unwrap());
        inputs += 1;
    }
    assert!(inputs > 0);
}

#[test]
fn bytes_found_by_fuzzing_hold() {
    replay("mixer_bytes", bodies::mixer_bytes);
}

// proves: MIX-JSON-1, MIX-JSON-2
#[test]
fn json_found_by_fuzzing_holds() {
    replay("mixer_json", bodies::mixer_json);
}

// proves: MIX-WORLD-1
#[test]
fn worlds_found_by_fuzzing_hold() {
    replay("mixer_world", bodies::mixer_world);
}

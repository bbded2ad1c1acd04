//! Bytes as schedules, without a fuzzer: the corpus of the fuzz target, and some more.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::print_stdout)]

mod bodies;

use std::fs;
use std::path::Path;

#[test]
fn no_bytes_are_a_quiet_world() {
    bodies::worlds(&[]);
}

#[test]
fn any_bytes_are_a_world_in_order() {
    for seed in 0..10_u8 {
        let bytes: Vec<u8> =
            (0..=255_u8).map(|n| n.wrapping_mul(167).wrapping_add(seed).rotate_left(3)).collect();
        bodies::worlds(&bytes);
    }
}

#[test]
fn worlds_holds_for_its_corpus() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/worlds");
    let mut inputs = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        println!("{}", path.display()); // shown when the body fails
        bodies::worlds(&fs::read(&path).unwrap());
        inputs += 1;
    }
    assert!(inputs >= 10, "{inputs} inputs in {}", folder.display());
}

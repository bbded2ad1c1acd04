//! What fuzzers have found, as plain tests, and what they begin with.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::print_stderr)]

mod bodies;

use std::path::Path;

use proptest::prelude::*;

// proves: MDNS-MALFORMED
#[test]
fn datagrams_found_by_fuzzing_hold() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/dns_datagrams");
    let mut inputs = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        eprintln!("{}", path.display()); // shown when the body fails
        bodies::dns_datagrams(&std::fs::read(path).unwrap());
        inputs += 1;
    }
    assert!(inputs > 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_datagrams_hold(data in proptest::collection::vec(any::<u8>(), 0..600)) {
        bodies::dns_datagrams(&data);
    }
}

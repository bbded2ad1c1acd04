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

#[test]
fn what_is_played_reaches_every_limit_and_every_input() {
    // A crowd of one name under IPv4 and IPv6, pinned, and another over it; then all that can happen.
    let crowd = |what, count| [0x0c, 0, what, count];
    let pinned = [0x0b, 0];
    let mut data = [crowd(0, 100), crowd(2, 100)].concat();
    data.extend(pinned);
    data.extend([crowd(1, 60), crowd(8, 120), [0x8c, 0, 0, 127]].concat());
    data.extend((0..=11).chain([0x13, 0x44, 0x5a]).flat_map(|how| [how, 0]));
    data.extend([crowd(0x04, 253), crowd(0x14, 250), crowd(0, 255)].concat());
    let counts = bodies::play(&data);
    assert!(counts.evicted > 200 && counts.visited > 1000 && counts.sent > 20, "{counts:?}");
    assert_eq!((counts.datagrams, counts.malformed, counts.foreign), (8, 1, 0), "{counts:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_datagrams_hold(data in proptest::collection::vec(any::<u8>(), 0..600)) {
        bodies::dns_datagrams(&data);
    }
}

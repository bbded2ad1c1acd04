//! Replays what fuzzing found, and throws random bytes at the same bodies.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "bodies/mod.rs"]
mod bodies;

use std::path::Path;

use mvrx_recipe::{Limits, RebuildError, verify};
use proptest::prelude::*;

fn replay(target: &str, body: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        body(&std::fs::read(entry.unwrap().path()).unwrap());
        count += 1;
    }
    assert!(count > 0, "no corpus of {target}");
}

#[test]
fn corpus_of_recipes_still_passes() {
    replay("recipe_bytes", bodies::recipe_bytes);
}

/// So that the sums are right indeed: these are carried out to the end, where alone the hash of what came out tells.
#[test]
fn frames_with_right_sums_are_believed_until_the_hash_of_what_they_give() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/recipe_bytes");
    for name in ["copy_and_new", "directory"] {
        let recipe =
            bodies::with_right_sums(&std::fs::read(folder.join(name)).unwrap(), &bodies::small_base());
        let error = verify(&bodies::small_base(), &recipe, &Limits::default(), &mut |_| true).unwrap_err();
        assert!(matches!(error, RebuildError::PartDiffers { part: 0 }), "{name}: {error}");
    }
}

#[test]
fn corpus_of_round_trips_still_passes() {
    replay("recipe_round_trip", bodies::recipe_round_trip);
}

proptest! {
    // proves: HISTORY-HOSTILE
    #[test]
    fn frames_with_right_sums_over_anything_never_hurt(
        frames in prop::collection::vec((prop::collection::vec(0_u8..12, 1..60), 0_u16..40, 0_u16..40, 0_u16..60), 1..4)
    ) {
        let mut data = Vec::new();
        for (body, dictionary, material, output) in frames {
            data.push(u8::try_from(body.len()).unwrap());
            for number in [dictionary, material, output] {
                data.extend_from_slice(&number.to_le_bytes());
            }
            data.extend(body);
        }
        bodies::recipe_bytes(&data);
    }

    #[test]
    fn any_two_files_come_back(data in prop::collection::vec(0_u8..5, 0..4000)) {
        bodies::recipe_round_trip(&data);
    }
}

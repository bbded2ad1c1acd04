//! Replays what fuzzing found, and throws some random edits of good files at the same bodies.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "bodies/mod.rs"]
mod bodies;

use std::path::Path;

use mvrx_file::generate::{Changes, Recipe};
use mvrx_file::{Archive, Limits};
use proptest::prelude::*;

fn replay(target: &str, body: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries {
        body(&std::fs::read(entry.unwrap().path()).unwrap());
    }
}

#[test]
fn corpus_of_archives_still_passes() {
    replay("mvr_zip", bodies::mvr_zip);
}

#[test]
fn corpus_of_root_files_still_passes() {
    replay("mvr_xml", bodies::mvr_xml);
}

#[test]
fn corpus_of_differences_still_passes() {
    replay("mvr_diff", bodies::mvr_diff);
}

fn root_file(recipe: &Recipe) -> Vec<u8> {
    let archive = Archive::open(std::io::Cursor::new(recipe.to_bytes()), &Limits::default()).unwrap();
    let place = archive.members().iter().position(|member| member.name == mvrx_file::ROOT_FILE).unwrap();
    archive.unpack(place, 1 << 24).unwrap().read_all().unwrap()
}

/// Overwrites, cuts out or doubles some bytes.
fn edit(bytes: &mut Vec<u8>, edits: &[(u16, u8, u8)]) {
    for (place, kind, byte) in edits {
        if bytes.is_empty() {
            return;
        }
        let at = usize::from(*place) * bytes.len() / 65_536;
        let end = (at + usize::from(*byte)).min(bytes.len());
        match kind % 3 {
            0 => bytes[at] = *byte,
            1 => drop(bytes.drain(at..end)),
            _ => {
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn edited_archives_never_hurt(edits in prop::collection::vec(any::<(u16, u8, u8)>(), 1..6), deflate: bool) {
        let mut bytes = Recipe::new(1).fixtures(3).meshes(2).deflate(deflate).to_bytes();
        edit(&mut bytes, &edits);
        bodies::mvr_zip(&bytes);
    }

    #[test]
    fn edited_root_files_never_hurt(edits in prop::collection::vec(any::<(u16, u8, u8)>(), 1..6)) {
        let mut bytes = root_file(&Recipe::new(2).fixtures(4).meshes(1));
        edit(&mut bytes, &edits);
        bodies::mvr_xml(&bytes);
    }

    #[test]
    fn differences_of_edited_root_files_are_the_same_both_ways(edits in prop::collection::vec(any::<(u16, u8, u8)>(), 0..4)) {
        let recipe = Recipe::new(3).fixtures(5).meshes(1);
        let mut bytes = root_file(&recipe);
        bytes.push(0);
        let mut other = root_file(&recipe.revised(Changes { readdressed: 1, moved: 1, removed: 1 }));
        edit(&mut other, &edits);
        bytes.extend(other);
        bodies::mvr_diff(&bytes);
    }
}

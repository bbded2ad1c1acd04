//! What `generate` makes is an MVR, and the same one every time.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::io::{Cursor, Read};

use mvrx_file::generate::{Changes, PAYLOAD_NAME, Recipe};
use mvrx_file::{Archive, Limits, Version, version_of, version_of_reader};

#[test]
fn tells_the_version_of_a_generated_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("show.mvr");
    Recipe::new(1).write(std::fs::File::create(&path).unwrap()).unwrap();
    assert_eq!(version_of(&path).unwrap(), Version { major: 1, minor: 6 });
}

#[test]
fn same_recipe_gives_same_bytes() {
    let recipe = Recipe::new(42).fixtures(50).trusses(3).deflate(true);
    assert_eq!(recipe.to_bytes(), recipe.to_bytes());
    assert_ne!(recipe.to_bytes(), Recipe::new(43).fixtures(50).trusses(3).deflate(true).to_bytes());
}

#[test]
fn every_generated_member_unpacks_to_its_checksum() {
    for deflate in [false, true] {
        let bytes = Recipe::new(3).meshes(20).payload_bytes(200_001).deflate(deflate).to_bytes();
        let archive = Archive::open(Cursor::new(bytes), &Limits::default()).unwrap();
        assert_eq!(archive.members().len(), 20 + 6);
        for place in 0..archive.members().len() {
            archive.unpack(place, 1 << 30).unwrap().verify().unwrap();
        }
    }
}

#[test]
fn payload_has_the_size_asked_for_and_cannot_be_compressed() {
    let bytes = Recipe::new(3).payload_bytes(1 << 20).to_bytes();
    let archive = Archive::open(Cursor::new(bytes), &Limits::default()).unwrap();
    let place = archive.members().iter().position(|member| member.name == PAYLOAD_NAME).unwrap();
    let mut content = Vec::new();
    archive.unpack(place, 1 << 30).unwrap().read_to_end(&mut content).unwrap();
    assert_eq!(content.len(), 1 << 20);
    let mut packed = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut packed, &content).unwrap();
    assert!(packed.finish().unwrap().len() > content.len() * 99 / 100);
}

#[test]
fn revision_changes_headers_and_order_but_no_content_except_the_root_file() {
    let first = Recipe::new(9).fixtures(60).trusses(2).meshes(200);
    let second = first.clone().revised(Changes { readdressed: 20, moved: 12, removed: 3 });
    let open = |recipe: &Recipe| Archive::open(Cursor::new(recipe.to_bytes()), &Limits::default()).unwrap();
    let (old, new) = (open(&first), open(&second));
    assert_eq!(version_of_reader(Cursor::new(second.to_bytes()), &Limits::default()).unwrap().minor, 6);
    assert_eq!(old.members().len(), new.members().len());
    assert_ne!(old.members()[1].name, new.members()[1].name);
    let changed = old.members().iter().filter(|member| !new.members().contains(member)).count();
    assert_eq!(changed, 1);
}

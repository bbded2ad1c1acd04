//! Any two files: what a recipe gives back is what it was made for, byte for byte, or there is no recipe.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::{Numbers, Show, any_length, looked_at, made, round_trip};
use mvrx_file::generate::{Changes, MemberOptions, Recipe, ZipWriter};
use mvrx_recipe::{Limits, MakeError};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Edit {
    Replace(prop::sample::Index, Vec<u8>),
    Insert(prop::sample::Index, Vec<u8>),
    TakeOut(prop::sample::Index, usize),
    Double(prop::sample::Index, usize),
    Move(prop::sample::Index, usize, prop::sample::Index),
}

fn edit() -> impl Strategy<Value = Edit> {
    let at = any::<prop::sample::Index>;
    let some = || prop::collection::vec(any::<u8>(), 0..40);
    prop_oneof![
        (at(), some()).prop_map(|(at, bytes)| Edit::Replace(at, bytes)),
        (at(), some()).prop_map(|(at, bytes)| Edit::Insert(at, bytes)),
        (at(), 0_usize..3000).prop_map(|(at, count)| Edit::TakeOut(at, count)),
        (at(), 0_usize..3000).prop_map(|(at, count)| Edit::Double(at, count)),
        (at(), 0_usize..3000, at()).prop_map(|(at, count, to)| Edit::Move(at, count, to)),
    ]
}

fn edited(bytes: &[u8], edits: &[Edit]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for edit in edits {
        let cut = |bytes: &[u8], at: usize, count: usize| at..(at + count).min(bytes.len());
        match edit {
            Edit::Replace(at, new) => {
                let range = cut(&bytes, at.index(bytes.len() + 1), new.len());
                bytes.splice(range, new.iter().copied());
            }
            Edit::Insert(at, new) => {
                let at = at.index(bytes.len() + 1);
                bytes.splice(at..at, new.iter().copied());
            }
            Edit::TakeOut(at, count) => {
                let range = cut(&bytes, at.index(bytes.len() + 1), *count);
                bytes.drain(range);
            }
            Edit::Double(at, count) => {
                let range = cut(&bytes, at.index(bytes.len() + 1), *count);
                let again = bytes[range.clone()].to_vec();
                bytes.splice(range.end..range.end, again);
            }
            Edit::Move(at, count, to) => {
                let range = cut(&bytes, at.index(bytes.len() + 1), *count);
                let moved: Vec<u8> = bytes.drain(range).collect();
                let to = to.index(bytes.len() + 1);
                bytes.splice(to..to, moved);
            }
        }
    }
    bytes
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    prop::collection::vec(edit(), 0..8)
}

/// The smallest window, in which everything is long, one in which some is, and the usual one.
fn window() -> impl Strategy<Value = usize> {
    prop_oneof![Just(1 << 10), Just(16 << 10), Just(8 << 20)]
}

/// As [`round_trip`]; what is empty has no recipe.
fn comes_back(base: &[u8], target: &[u8], limits: &Limits) {
    if target.is_empty() {
        assert!(matches!(made(base, target, limits), Err(MakeError::NoGain { length: 0, .. })));
    } else {
        round_trip(base, target, limits);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    // proves: HISTORY-ANY
    #[test]
    fn edited_files_come_back(seed: u64, length in 0_usize..30_000, edits in edits(), window in window()) {
        let base = Numbers(seed).bytes(length);
        let target = edited(&base, &edits);
        comes_back(&base, &target, &any_length(window));
        comes_back(&target, &base, &any_length(window));
    }

    #[test]
    fn files_of_few_different_bytes_come_back(
        base in prop::collection::vec(0_u8..3, 0..3000), target in prop::collection::vec(0_u8..3, 0..3000), window in window()
    ) {
        comes_back(&base, &target, &any_length(window));
    }

    // proves: HISTORY-ZIP
    #[test]
    fn edited_archives_come_back(deflate: bool, zips: bool, edits in edits(), window in window(), minutes in 0_u32..500) {
        let base = Recipe::new(3).fixtures(6).meshes(6).deflate(deflate).to_bytes();
        let target = if zips {
            let mut show = Show::of(base.clone());
            let root = edited(show.root(), &edits);
            *show.root() = root;
            show.to_bytes(minutes)
        } else {
            edited(&base, &edits)
        };
        comes_back(&base, &target, &any_length(window));
        comes_back(&target, &base, &any_length(window));
    }
}

// proves: HISTORY-ZIP
#[test]
fn another_export_of_a_show_costs_little_in_whatever_order_its_members_are() {
    for deflate in [false, true] {
        let show = Recipe::new(7).fixtures(60).meshes(200).deflate(deflate);
        let (older, newer) =
            (show.to_bytes(), show.revised(Changes { readdressed: 20, moved: 12, removed: 3 }).to_bytes());
        for (base, target) in [(&older, &newer), (&newer, &older)] {
            let cost = round_trip(base, target, &Limits::default());
            assert!(cost < 6000, "{cost} of {} (deflated: {deflate})", target.len());
        }
    }
}

#[test]
fn a_revision_that_is_the_same_costs_a_few_hundred_bytes() {
    let bytes = Recipe::new(7).to_bytes();
    assert!(round_trip(&bytes, &bytes, &Limits::default()) < 300);
}

// proves: HISTORY-MEMORY
#[test]
fn files_longer_than_the_window_are_looked_through_for_what_they_have_in_common() {
    let mut numbers = Numbers(9);
    let base = numbers.bytes(300_000);
    let mut target = base.clone();
    let moved: Vec<u8> = target.drain(10_000..150_000).collect();
    target.splice(100_000..100_000, moved);
    target.splice(50_000..50_000, numbers.bytes(500));
    let mut recipe_limits = any_length(16 << 10);
    let cost = round_trip(&base, &target, &recipe_limits);
    assert!(cost < 3000, "{cost}");
    // The same with more parts than one: a part ends when it has as many stretches.
    recipe_limits.stretches = 1;
    let recipe = made(&base, &target, &recipe_limits).unwrap();
    assert!(looked_at(&recipe).parts > 3);
    round_trip(&base, &target, &recipe_limits);
}

// proves: HISTORY-MEMORY
#[test]
fn no_part_needs_more_than_the_window() {
    let mut numbers = Numbers(10);
    let (base, target) = (numbers.bytes(50_000), numbers.bytes(70_000));
    for window in [1 << 10, 5000, 60_000] {
        let recipe = made(&base, &target, &any_length(window)).unwrap();
        let told = looked_at(&recipe);
        assert!(told.window as usize <= window && told.parts >= (70_000 / window) as u64, "{told:?}");
        comes_back(&base, &target, &any_length(window));
    }
}

#[test]
fn a_member_under_another_name_is_found_by_its_content() {
    let content = Numbers(4).bytes(20_000);
    let zip = |name: &str, comment: &[u8]| {
        let mut zip = ZipWriter::new(Vec::new());
        zip.add(b"first", comment, &MemberOptions::default()).unwrap();
        zip.add(name.as_bytes(), &content, &MemberOptions::default()).unwrap();
        zip.finish().unwrap()
    };
    let (base, target) = (zip("one.bin", b"x"), zip("other.bin", b"yy"));
    let recipe = made(&base, &target, &Limits::default()).unwrap();
    assert!(looked_at(&recipe).copied >= 20_000 && recipe.len() < 600, "{}", recipe.len());
    round_trip(&base, &target, &Limits::default());
}

/// A directory may lie: the same checksum and size over other bytes.
#[test]
fn members_are_compared_not_believed() {
    let zip = |content: &[u8]| {
        let mut zip = ZipWriter::new(Vec::new());
        let lie = MemberOptions { claim_crc: Some(7), ..MemberOptions::default() };
        zip.add(b"mesh.3ds", content, &lie).unwrap();
        zip.finish().unwrap()
    };
    let mut numbers = Numbers(6);
    let one = numbers.bytes(5000);
    let mut other = one.clone();
    other[2500] ^= 1;
    assert!(round_trip(&zip(&one), &zip(&other), &Limits::default()) < 400);
}

// proves: HISTORY-GAIN
#[test]
fn files_with_nothing_in_common_have_no_recipe() {
    let mut numbers = Numbers(1);
    let (base, target) = (numbers.bytes(50_000), numbers.bytes(50_000));
    let error = made(&base, &target, &Limits::default()).unwrap_err();
    assert!(matches!(error, MakeError::NoGain { length: 50_000, allowed: 37_500 }), "{error}");
    assert_eq!(
        error.to_string(),
        "the file has too little in common with the whole one: its recipe would take more than 37500 of 50000 bytes"
    );
}

// proves: HISTORY-GAIN
#[test]
fn how_much_shorter_a_recipe_has_to_be_is_a_limit() {
    let base = Recipe::new(7).to_bytes();
    let target = Recipe::new(7).revised(Changes { readdressed: 2, moved: 1, removed: 0 }).to_bytes();
    let cost = u64::try_from(round_trip(&base, &target, &Limits::default())).unwrap();
    let permille = |worth_permille| Limits { worth_permille, ..Limits::default() };
    let needed = u32::try_from((cost * 1000).div_ceil(target.len() as u64)).unwrap();
    assert!(made(&base, &target, &permille(needed)).is_ok());
    assert!(matches!(made(&base, &target, &permille(needed - 1)), Err(MakeError::NoGain { .. })));
}

#[test]
fn empty_files_have_no_recipe_and_are_a_base() {
    assert!(matches!(
        made(b"abc", b"", &Limits::default()),
        Err(MakeError::NoGain { length: 0, allowed: 0 })
    ));
    round_trip(b"", &[0; 10_000], &Limits::default());
    round_trip(b"", &Recipe::new(1).to_bytes(), &any_length(8 << 20));
}

#[test]
fn a_file_above_the_limit_is_refused() {
    let bytes = Recipe::new(7).to_bytes();
    let length = bytes.len() as u64;
    let limits = |file_bytes| Limits { file_bytes, ..Limits::default() };
    assert!(made(&bytes, &bytes, &limits(length)).is_ok());
    let error = made(&bytes, &bytes, &limits(length - 1)).unwrap_err();
    assert!(matches!(error, MakeError::FileAboveLimit { .. }), "{error}");
}

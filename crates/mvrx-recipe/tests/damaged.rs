//! Recipes and bases that are not what they were, disks that fail, and those who lose patience: clear errors, and never a wrong file.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::cell::Cell;
use std::io::{self, Write};

use common::{Numbers, Show, Watched, any_length, made};
use mvrx_file::generate::Recipe;
use mvrx_recipe::{Limits, MakeError, RebuildError, inspect, make, rebuild, verify};

/// A base, a later export of it, and a recipe of several parts for that.
fn case(deflate: bool) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let base = Recipe::new(3).fixtures(4).meshes(4).deflate(deflate).to_bytes();
    let mut show = Show::of(base.clone());
    let root = String::from_utf8(show.root().clone()).unwrap();
    *show.root() = root.replace("<Address", "<Address ").into_bytes();
    let target = show.to_bytes(5);
    let recipe = made(&base, &target, &Limits { stretches: 3, ..any_length(8 << 20) }).unwrap();
    (base, target, recipe)
}

fn again(base: &[u8], recipe: &[u8]) -> Result<Vec<u8>, RebuildError> {
    let mut out = Vec::new();
    rebuild(&base.to_vec(), &recipe.to_vec(), &mut out, &Limits::default(), &mut |_| true)?;
    Ok(out)
}

// proves: HISTORY-HOSTILE
#[test]
fn a_recipe_with_any_byte_changed_is_told_apart() {
    for deflate in [false, true] {
        let (base, _, recipe) = case(deflate);
        for place in 0..recipe.len() {
            for bit in [1, 0x80] {
                let mut damaged = recipe.clone();
                damaged[place] ^= bit;
                let error = again(&base, &damaged).unwrap_err();
                let told = matches!(
                    error,
                    RebuildError::NotARecipe
                        | RebuildError::VersionUnknown { .. }
                        | RebuildError::Cut { .. }
                        | RebuildError::Damaged { .. }
                        | RebuildError::WindowAboveLimit { .. }
                );
                assert!(told, "byte {place}: {error}");
                assert!(inspect(&damaged, &Limits::default()).is_err(), "byte {place}");
            }
        }
    }
}

// proves: HISTORY-HOSTILE
#[test]
fn a_recipe_cut_at_any_byte_is_told_apart() {
    let (base, _, recipe) = case(false);
    for length in 0..recipe.len() {
        let error = again(&base, &recipe[..length]).unwrap_err();
        let expected = if length < 8 {
            matches!(error, RebuildError::NotARecipe)
        } else {
            matches!(error, RebuildError::Cut { .. })
        };
        assert!(expected, "{length} bytes: {error}");
        assert!(error.is_damage());
    }
    let longer = [&recipe[..], b"x"].concat();
    assert!(matches!(again(&base, &longer), Err(RebuildError::Damaged { .. })));
}

#[test]
fn parts_in_another_order_or_twice_are_told_apart() {
    let (base, target, recipe) = case(false);
    assert_eq!(again(&base, &recipe).unwrap(), target);
    // A header has 122 bytes; a frame begins with the length of its body and has 84 before it.
    let mut frames = Vec::new();
    let mut at = 122;
    loop {
        let length = u32::from_le_bytes(recipe[at..at + 4].try_into().unwrap()) as usize;
        if length == 0 {
            break;
        }
        frames.push(&recipe[at..at + 84 + length]);
        at += 84 + length;
    }
    assert!(frames.len() > 2, "{}", frames.len());
    let put_together = |order: &[usize]| {
        let frames: Vec<u8> = order.iter().flat_map(|place| frames[*place].to_vec()).collect();
        [&recipe[..122], &frames, &recipe[at..]].concat()
    };
    let mut order: Vec<usize> = (0..frames.len()).collect();
    assert_eq!(put_together(&order), recipe);
    order.swap(0, 1);
    assert!(again(&base, &put_together(&order)).is_err());
    order.swap(0, 1);
    order.pop();
    assert!(again(&base, &put_together(&order)).is_err());
    order.extend([frames.len() - 1, frames.len() - 1]);
    assert!(again(&base, &put_together(&order)).is_err());
}

// proves: HISTORY-BYTES
#[test]
fn another_base_is_told_before_anything_is_written() {
    let (base, _, recipe) = case(false);
    for place in (0..base.len()).step_by(997) {
        let mut other = base.clone();
        other[place] ^= 1;
        let mut out = Vec::new();
        let error = rebuild(&other, &recipe, &mut out, &Limits::default(), &mut |_| true).unwrap_err();
        assert!(matches!(error, RebuildError::BaseDiffers), "byte {place}: {error}");
        assert!(out.is_empty());
    }
    for other in [&base[..base.len() - 1], &[&base[..], b"x"].concat(), b""] {
        assert!(matches!(again(other, &recipe), Err(RebuildError::BaseDiffers)));
    }
}

/// The base changes behind the check: the part's own hash tells.
#[test]
fn a_base_that_changes_meanwhile_is_told() {
    struct Changing(Vec<u8>, Cell<bool>);
    impl mvrx_recipe::Source for Changing {
        fn length(&self) -> io::Result<u64> {
            self.0.length()
        }
        fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.0.read_at(offset, buffer)?;
            if self.1.get() {
                buffer[..count].iter_mut().for_each(|byte| *byte ^= 1);
            }
            Ok(count)
        }
    }
    let (base, _, recipe) = case(false);
    let length = base.len() as u64;
    let base = Changing(base, Cell::new(false));
    let error = rebuild(&base, &recipe, &mut Vec::new(), &Limits::default(), &mut |done| {
        base.1.set(done >= length);
        true
    })
    .unwrap_err();
    assert!(matches!(error, RebuildError::PartDiffers { part: 0 } | RebuildError::Damaged { .. }), "{error}");
}

#[test]
fn a_later_version_is_told_by_its_number() {
    let (base, _, mut recipe) = case(false);
    recipe[8] = 2;
    let error = again(&base, &recipe).unwrap_err();
    assert_eq!(error.to_string(), "the recipe has version 2, and 1 is the newest known one");
    assert!(!error.is_damage());
}

// proves: HISTORY-MEMORY
#[test]
fn limits_of_carrying_out_hold_at_their_edge() {
    let (base, target, recipe) = case(false);
    let told = inspect(&recipe, &Limits::default()).unwrap();
    let with = |limits: Limits| verify(&base, &recipe, &limits, &mut |_| true);
    let window = |allowed_window_bytes| with(Limits { allowed_window_bytes, ..Limits::default() });
    assert!(window(told.window as usize).is_ok());
    assert!(matches!(window(told.window as usize - 1), Err(RebuildError::WindowAboveLimit { .. })));
    let file = |file_bytes| with(Limits { file_bytes, ..Limits::default() });
    assert!(file(target.len() as u64).is_ok());
    assert!(matches!(file(target.len() as u64 - 1), Err(RebuildError::FileAboveLimit { .. })));
}

#[test]
fn disks_that_fail_are_named() {
    let (base, target, recipe) = case(true);
    let failing = |bytes, fails_at| Watched { bytes, fails_at: Some(fails_at), reads: Cell::new(0) };
    let whole = |bytes| Watched { bytes, fails_at: None, reads: Cell::new(0) };
    let all = whole(&recipe);
    verify(&whole(&base), &all, &any_length(8 << 20), &mut |_| true).unwrap();
    for at in 1..=all.reads.get() {
        let error = verify(&base, &failing(&recipe, at), &Limits::default(), &mut |_| true).unwrap_err();
        assert!(matches!(error, RebuildError::Recipe(_)) && !error.is_damage(), "{error}");
    }
    let all = whole(&base);
    verify(&all, &recipe, &Limits::default(), &mut |_| true).unwrap();
    for at in 1..=all.reads.get() {
        let error = verify(&failing(&base, at), &recipe, &Limits::default(), &mut |_| true).unwrap_err();
        assert!(matches!(error, RebuildError::Base(_)), "{error}");
    }
    let all = [whole(&base), whole(&target)];
    make(&all[0], &all[1], &mut Vec::new(), &any_length(8 << 20), &mut |_| true).unwrap();
    for at in 1..=all[0].reads.get() {
        let error = make(&failing(&base, at), &target, &mut Vec::new(), &any_length(8 << 20), &mut |_| true)
            .unwrap_err();
        assert!(matches!(error, MakeError::Base(_)), "{error}");
    }
    for at in 1..=all[1].reads.get() {
        let error = make(&base, &failing(&target, at), &mut Vec::new(), &any_length(8 << 20), &mut |_| true)
            .unwrap_err();
        assert!(matches!(error, MakeError::Target(_)), "{error}");
    }
}

/// Takes so many bytes and no more.
struct Full(usize);
impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(self.0);
        self.0 -= count;
        if count == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(count) }
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_named() {
    let (base, target, recipe) = case(false);
    for room in [0, 1, 100, recipe.len() - 1] {
        let made = make(
            &base,
            &target,
            &mut Full(room),
            &Limits { stretches: 3, ..any_length(8 << 20) },
            &mut |_| true,
        );
        assert!(matches!(made, Err(MakeError::Write(_))), "{room}");
    }
    for room in [0, 1, target.len() - 1] {
        let rebuilt = rebuild(&base, &recipe, &mut Full(room), &Limits::default(), &mut |_| true);
        assert!(matches!(rebuilt, Err(RebuildError::Write(_))), "{room}");
    }
}

/// Runs something that asks whether to go on; whether it came to its end.
type Run<'a> = dyn FnMut(&mut dyn FnMut(u64) -> bool) -> bool + 'a;

#[test]
fn whoever_asked_can_stop_it_at_every_look() {
    let (base, target, recipe) = case(false);
    let looks = |run: &mut Run<'_>| {
        let mut all = 0;
        assert!(run(&mut |_| {
            all += 1;
            true
        }));
        for stop in 1..=all {
            let mut look = 0;
            assert!(!run(&mut |_| {
                look += 1;
                look < stop
            }));
            assert_eq!(look, stop);
        }
        assert!(all > 2);
    };
    looks(&mut |go_on| match make(&base, &target, &mut Vec::new(), &any_length(8 << 20), go_on) {
        Ok(_) => true,
        Err(error) => !matches!(error, MakeError::Stopped),
    });
    looks(&mut |go_on| match verify(&base, &recipe, &Limits::default(), go_on) {
        Ok(_) => true,
        Err(error) => !matches!(error, RebuildError::Stopped),
    });
}

#[test]
fn random_bytes_are_no_recipe() {
    let mut numbers = Numbers(2);
    for length in [0, 7, 8, 121, 122, 500] {
        assert!(matches!(again(b"", &numbers.bytes(length)), Err(RebuildError::NotARecipe)));
    }
}

//! What several tests of recipes use.
#![allow(dead_code, reason = "every test includes this file and uses its own part of it")]

use mvrx_recipe::{Inspected, Limits, MakeError, Source, inspect, make, rebuild, verify};

pub(crate) mod revisions;

#[allow(unused_imports, reason = "not every test uses them")]
pub(crate) use revisions::{Numbers, Show};

/// Limits under which any recipe is worth having.
pub(crate) fn any_length(window_bytes: usize) -> Limits {
    Limits { window_bytes, worth_permille: u32::MAX, ..Limits::default() }
}

pub(crate) fn made(base: &[u8], target: &[u8], limits: &Limits) -> Result<Vec<u8>, MakeError> {
    let mut recipe = Vec::new();
    let made = make(&base.to_vec(), &target.to_vec(), &mut recipe, limits, &mut |_| true)?;
    assert_eq!((made.recipe_bytes, made.length), (recipe.len() as u64, target.len() as u64));
    assert_eq!(made.hash, *blake3::hash(target).as_bytes());
    Ok(recipe)
}

/// Makes a recipe, carries it out, and compares; how long it is.
pub(crate) fn round_trip(base: &[u8], target: &[u8], limits: &Limits) -> usize {
    let recipe = made(base, target, limits).unwrap();
    let mut again = Vec::new();
    let rebuilt = rebuild(&base.to_vec(), &recipe, &mut again, limits, &mut |_| true).unwrap();
    assert!(again == target, "the file came back otherwise");
    assert_eq!((rebuilt.length, rebuilt.hash), (target.len() as u64, *blake3::hash(target).as_bytes()));
    assert_eq!(verify(&base.to_vec(), &recipe, limits, &mut |_| true).unwrap(), rebuilt);
    let told = looked_at(&recipe);
    assert_eq!(
        (told.length, told.hash, told.recipe_bytes),
        (rebuilt.length, rebuilt.hash, recipe.len() as u64)
    );
    assert_eq!((told.base_length, told.base), (base.len() as u64, *blake3::hash(base).as_bytes()));
    recipe.len()
}

pub(crate) fn looked_at(recipe: &Vec<u8>) -> Inspected {
    inspect(recipe, &Limits::default()).unwrap()
}

/// A source that can be counted and fail.
pub(crate) struct Watched<'a> {
    pub(crate) bytes: &'a [u8],
    /// Fails from this read on.
    pub(crate) fails_at: Option<u64>,
    pub(crate) reads: std::cell::Cell<u64>,
}

impl Source for Watched<'_> {
    fn length(&self) -> std::io::Result<u64> {
        self.bytes.length()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.reads.set(self.reads.get() + 1);
        if self.fails_at.is_some_and(|at| self.reads.get() >= at) {
            return Err(std::io::Error::other("the disk is gone"));
        }
        // Short reads are allowed, so they happen.
        let most = buffer.len().min(1000);
        self.bytes.read_at(offset, &mut buffer[..most])
    }
}

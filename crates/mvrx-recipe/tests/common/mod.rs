//! What several tests of recipes use.
#![allow(dead_code, reason = "every test includes this file and uses its own part of it")]

use std::io::Cursor;

use mvrx_file::generate::{MemberOptions, ZipWriter};
use mvrx_file::{Archive, ROOT_FILE};
use mvrx_recipe::{Inspected, Limits, MakeError, Source, inspect, make, rebuild, verify};

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

/// A show whose members can be edited and packed again, as an application exports it again and again.
#[derive(Clone)]
pub(crate) struct Show {
    pub(crate) members: Vec<(String, Vec<u8>)>,
    pub(crate) options: MemberOptions,
}

impl Show {
    pub(crate) fn of(bytes: Vec<u8>) -> Self {
        let archive = Archive::open(Cursor::new(bytes), &mvrx_file::Limits::default()).unwrap();
        let content = |place| archive.unpack(place, u64::MAX).unwrap().read_all().unwrap();
        let members =
            archive.members().iter().enumerate().map(|(place, member)| (member.name.clone(), content(place)));
        let options = if archive.members()[0].method == 8 {
            MemberOptions::deflate()
        } else {
            MemberOptions::default()
        };
        Self { members: members.collect(), options }
    }

    pub(crate) fn root(&mut self) -> &mut Vec<u8> {
        &mut self.members.iter_mut().find(|(name, _)| name == ROOT_FILE).unwrap().1
    }

    /// The file, as exported so many minutes after the first time.
    pub(crate) fn to_bytes(&self, minutes: u32) -> Vec<u8> {
        let mut options = self.options.clone();
        options.dos_time += (minutes / 60) << 11 | (minutes % 60) << 5;
        let mut zip = ZipWriter::new(Vec::new());
        for (name, data) in &self.members {
            zip.add(name.as_bytes(), data, &options).unwrap();
        }
        zip.finish().unwrap()
    }
}

/// Numbers that are the same in every run.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % end as u64).unwrap()
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| u8::try_from(self.below(256)).unwrap()).collect()
    }
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

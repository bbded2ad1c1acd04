//! Turns an older revision of a file into a short recipe over a whole one, and the recipe back into the older revision, byte for byte.
//!
//! Of two revisions of an .mvr nearly all members are the same. A recipe copies those by where they lie in the base, after their bytes were
//! compared, and holds the rest as a compressed difference: of changed members against the member of the same name, of headers and
//! directories against those of the base. A deflated member is compared unpacked, and packed again to the same
//! bytes, whichever program packed it. Any other file works, too: what both have in common is found wherever it lies.
//!
//! It knows no store, no network and no commits: a file is whatever can be read at positions ([`Source`]), and where a recipe is kept,
//! synced and named is its caller's. Rules a caller keeps: a base stays as it is while recipes over it are kept, and nothing is dropped
//! before [`verify`] said that its recipe gives it back. What protects it: [`Limits`] bounds the memory (see there), every number of a
//! recipe is checked before it is used, and every byte of a recipe is under a checksum. The format is in `docs/history.md`.
//!
//! | to | use |
//! |---|---|
//! | write a recipe | [`make`] |
//! | see whether it gives the file back | [`verify`] |
//! | get the file back | [`rebuild`] |
//! | see what it is for, quickly | [`needs`] |
//! | see what it costs, and that it is whole | [`inspect`] |
//!
//! ```
//! use mvrx_file::generate::{Changes, Recipe as Show};
//! use mvrx_recipe::{Limits, make, rebuild};
//! let show = Show::new(7).fixtures(40);
//! let older = show.to_bytes();
//! let newer = show.revised(Changes { readdressed: 20, moved: 12, removed: 3 }).to_bytes();
//!
//! let (limits, mut recipe) = (Limits::default(), Vec::new());
//! let made = make(&newer, &older, &mut recipe, &limits, &mut |_| true)?;
//! assert!(made.recipe_bytes * 4 < older.len() as u64);
//!
//! let mut again = Vec::new();
//! rebuild(&newer, &recipe, &mut again, &limits, &mut |_| true)?;
//! assert_eq!(again, older);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

pub use self::error::{MakeError, RebuildError};
pub use self::inspect::{Inspected, Needs, inspect, needs};
pub use self::limits::Limits;
pub use self::make::{Made, make};
pub use self::rebuild::{Rebuilt, rebuild, verify};
pub use self::source::Source;

mod block;
mod coarse;
mod delta;
mod directory;
mod error;
mod format;
mod inspect;
mod limits;
mod make;
mod numbers;
mod packing;
mod plan;
mod predict;
mod rebuild;
mod source;
#[cfg(test)]
mod streams;
mod tokens;

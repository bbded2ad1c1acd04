//! Keeps the promises about the tree that no compiler keeps: arrows between crates point one way, files stay readable, every requirement is
//! met by code and proved by a test, features that would change what messages mean stay off.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod arrows;
mod claims;
mod requirements;
mod sizes;
mod supply;
mod tree;

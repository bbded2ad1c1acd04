//! What a world does to its nodes, one file per part of it.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(unreachable_pub)]

mod clocks;
mod crashes;
mod datagrams;
mod determinism;
mod dials;
mod discovery;
mod links;
mod losses;
mod partitions;
mod probe;
mod schedules;

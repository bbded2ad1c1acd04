//! Bytes as the schedule of a simulated world: all checkers hold.
#![no_main]
#![forbid(unsafe_code)]

#[path = "../../crates/mvrx-worlds/tests/bodies/mod.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::worlds(data));

//! Two root files, parted by a zero byte: the difference is the same both ways, and nothing differs from itself.
#![no_main]
#![forbid(unsafe_code)]

#[path = "../../crates/mvrx-file/tests/bodies/mod.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::mvr_diff(data));

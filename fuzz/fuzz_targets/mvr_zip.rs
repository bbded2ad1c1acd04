//! Any bytes as an .mvr: no panic, limits hold, no member larger than it says.
#![no_main]
#![forbid(unsafe_code)]

#[path = "../../crates/mvrx-file/tests/bodies/mod.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::mvr_zip(data));

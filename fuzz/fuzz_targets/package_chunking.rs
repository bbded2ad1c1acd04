//! The same packages however a stream is cut, also when file bytes go past the decoder.
#![no_main]
#![forbid(unsafe_code)]

#[path = "../../crates/mvrx-wire/tests/bodies/mod.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::package_chunking(data));

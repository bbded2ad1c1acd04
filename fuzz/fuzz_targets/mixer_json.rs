//! Any text as JSON in Python's dialect.
#![no_main]
#![forbid(unsafe_code)]

#[path = "../../crates/mixer-proto/tests/bodies/mod.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::mixer_json(data));

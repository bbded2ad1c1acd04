//! Any bytes as a stream of packages: no panic, no limit crossed, the same as a plain model reads.
#![no_main]
#![forbid(unsafe_code)]

#[path = "../../crates/mvrx-wire/tests/bodies/mod.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::package_bytes(data));

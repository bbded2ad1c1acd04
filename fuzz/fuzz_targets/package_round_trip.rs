//! Messages that are written are read back.
#![no_main]
#![forbid(unsafe_code)]

#[path = "../../crates/mvrx-wire/tests/bodies/mod.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::package_round_trip(data));

//! Any bytes as a GeneralSceneDescription.xml: no panic, limits hold, what cannot be opened is an error of the check.
#![no_main]
#![forbid(unsafe_code)]

#[path = "../../crates/mvrx-file/tests/bodies/mod.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::mvr_xml(data));

//! Any bytes as a recipe, with right checksums too: no panic, limits hold, what comes out is what it says.
#![no_main]
#![forbid(unsafe_code)]

#[path = "../../crates/mvrx-recipe/tests/bodies/mod.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::recipe_bytes(data));

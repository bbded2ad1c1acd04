//! Any two files: a recipe is made and gives the second one back.
#![no_main]
#![forbid(unsafe_code)]

#[path = "../../crates/mvrx-recipe/tests/bodies/mod.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::recipe_round_trip(data));

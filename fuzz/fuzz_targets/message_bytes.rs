//! Any bytes as a message: no panic, limits hold, what was understood can be passed on.
#![no_main]
#![forbid(unsafe_code)]

#[path = "../../crates/mvrx-message/tests/bodies/mod.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::message_bytes(data));

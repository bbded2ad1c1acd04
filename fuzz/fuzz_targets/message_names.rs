//! Any text as a file name, a group or a TXT record: no panic, and each keeps its promise.
#![no_main]
#![forbid(unsafe_code)]

#[path = "../../crates/mvrx-message/tests/bodies/mod.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::message_names(data));

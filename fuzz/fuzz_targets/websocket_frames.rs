//! Any bytes as a stream of WebSocket frames, cut in any way: no panic, no limit crossed, the same as a plain model reads.
#![no_main]
#![forbid(unsafe_code)]

#[path = "../../crates/mvrx-transport/tests/bodies/mod.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::websocket_frames(data));

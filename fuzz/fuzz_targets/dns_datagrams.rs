//! Any bytes as datagrams into a multicast DNS machine.
#![no_main]
#![forbid(unsafe_code)]

#[path = "../../crates/lan-mdns/tests/bodies/mod.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::dns_datagrams(data));

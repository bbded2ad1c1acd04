//! Bytes as schedules, without a fuzzer.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod bodies;

#[test]
fn no_bytes_are_a_quiet_world() {
    bodies::worlds(&[]);
}

#[test]
fn any_bytes_are_a_world_in_order() {
    for seed in 0..10_u8 {
        let bytes: Vec<u8> =
            (0..=255_u8).map(|n| n.wrapping_mul(167).wrapping_add(seed).rotate_left(3)).collect();
        bodies::worlds(&bytes);
    }
}

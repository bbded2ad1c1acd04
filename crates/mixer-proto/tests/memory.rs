//! What attributes keep in memory, counted allocation by allocation.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fmt::Write;

use mixer_proto::message::ClientMessage;
use mixer_proto::server::{ALLOW, Limits, PASSWORD};
use support::{World, client_attributes, kinds, room_attributes};

const ALLOWED: usize = 60_000;

/// Fills what is allowed with one thing over and over, and tells how many bytes that keeps.
fn kept(message: impl Fn(usize) -> ClientMessage) -> usize {
    let takes = |count: usize| {
        let mut limits = Limits::default();
        limits.attribute_bytes = ALLOWED;
        let mut world = World::with(limits);
        let creator = world.room("r", &[]);
        let frame = message(count).encode(1);
        let mut refused = false;
        let kept = allocation_counter::measure(|| {
            world.bytes(creator, &frame);
            refused = kinds(&world.read(creator)).contains(&"SEND_ERROR");
        });
        (!refused).then_some(usize::try_from(kept.bytes_current).unwrap_or(0))
    };
    let (mut most, mut bytes, mut step) = (0, 0, 1 << 15);
    while step > 0 {
        if let Some(kept) = takes(most + step) {
            (most, bytes) = (most + step, kept);
        }
        step /= 2;
    }
    assert!(most > 100, "{most}");
    bytes
}

// proves: MIX-LIMIT-10
#[test]
fn attributes_at_the_limit_keep_no_more_memory_than_it_allows_whatever_they_are_made_of() {
    let list = |item: &'static str| {
        move |count: usize| client_attributes(&format!("{{\"a\": [{}]}}", vec![item; count].join(", ")))
    };
    for item in
        ["0", "\"\"", "\"x\"", "[]", "[0]", "{}", "{\"\": 0}", "123456789012345678901234567890", "0.5"]
    {
        let kept = kept(list(item));
        assert!(kept <= ALLOWED, "{kept} bytes of lists of {item}");
    }
    let keys = |count: usize| {
        let mut text = String::from("{\"\": 0");
        (0..count).for_each(|key| write!(text, ", \"{key:x}\": 0").unwrap());
        text + "}"
    };
    let top = kept(|count| client_attributes(&keys(count)));
    assert!(top <= ALLOWED, "{top} bytes of keys");
    let nested = kept(|count| client_attributes(&format!("{{\"a\": {}}}", keys(count))));
    assert!(nested <= ALLOWED, "{nested} bytes of keys of a value");
    let text = kept(|count| client_attributes(&format!("{{\"a\": \"{}\"}}", "x".repeat(count))));
    assert!(text <= ALLOWED, "{text} bytes of text");
}

// proves: MIX-LIMIT-10
#[test]
fn lists_of_networks_and_passwords_at_the_limit_keep_no_more_memory_than_it_allows() {
    for network in ["::", "1.1.1.1/32", "1111:2222:3333:4444:5555:6666:7777:8888/128"] {
        let list = |count: usize| {
            let list = vec![format!("\"{network}\""); count].join(", ");
            room_attributes("r", &format!("{{\"{ALLOW}\": [{list}]}}"))
        };
        let kept = kept(list);
        assert!(kept <= ALLOWED, "{kept} bytes of {network}");
    }
    let password =
        kept(|count| room_attributes("r", &format!("{{\"{PASSWORD}\": \"{}\"}}", "x".repeat(count))));
    assert!(password <= ALLOWED, "{password}");
}

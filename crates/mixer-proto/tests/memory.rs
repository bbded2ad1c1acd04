//! What attributes keep in memory, counted allocation by allocation.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fmt::Write;
use std::time::Duration;

use mixer_proto::message::ClientMessage;
use mixer_proto::server::{ALLOW, ClientKey, Input, Limits, PASSWORD};
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

const EACH: usize = 10_000;
const CROWD: usize = 40;

/// A crowd that has connected at once, and all of it sets an attribute.
fn crowd(limits: Limits) -> (World, Vec<ClientKey>) {
    let mut world = World::with(limits);
    let crowd: Vec<_> = (0..CROWD).map(|_| world.connect_quietly()).collect();
    set_all(&mut world, &crowd, "x");
    (world, crowd)
}

fn set_all(world: &mut World, crowd: &[ClientKey], letter: &str) {
    let text = letter.repeat(EACH);
    for client in crowd {
        world.queue(*client, &client_attributes(&format!("{{\"a\": \"{text}\"}}")));
    }
}

/// How often all that a crowd has set is allocated at a time, and altogether, while everybody is told.
fn times_allocated(world: &mut World) -> [u64; 2] {
    let taken = allocation_counter::measure(|| world.round());
    [taken.bytes_max, taken.bytes_total].map(|bytes| bytes / (CROWD * EACH) as u64)
}

// proves: MIX-LIMIT-11, MIX-INV-7
#[test]
fn newcomers_whose_grace_ends_together_share_what_they_are_told() {
    let (mut world, members) = crowd(Limits::default());
    let [most, all] = times_allocated(&mut world);
    assert!(most < 6 && all < 12, "{most} times at once, {all} times in all");
    assert!(members.iter().all(|client| kinds(&world.read(*client)) == ["CLIENT_UPDATE"]));
    // Those whose grace ends one after the other wait for each other.
    let late: Vec<_> = (0..CROWD)
        .map(|_| {
            world.now += Duration::from_millis(1);
            world.connect_quietly()
        })
        .collect();
    let mut ends = 0;
    while let Some(due) = world.server.deadline() {
        world.now = due;
        world.step(Input::EndOfRound);
        ends += 1;
    }
    assert!(ends < 8, "{ends}");
    assert!(late.iter().all(|client| kinds(&world.read(*client)).contains(&"CLIENT_UPDATE")));
}

// proves: MIX-LIMIT-11, MIX-LIMIT-9
#[test]
fn what_recipients_of_many_versions_are_told_is_rendered_a_few_times_and_waits_within_the_bound() {
    for (allowed, at_once, dropped) in [(100, 20, false), (3, 8, true)] {
        let mut limits = Limits::default();
        limits.all_outbox_bytes = allowed * CROWD * EACH;
        let (mut world, members) = crowd(limits);
        world.round();
        for client in &members {
            world.take(*client);
        }
        // Each of them has been told up to another version, but not of what comes now.
        for _ in 0..CROWD {
            let listener = world.connect_quietly();
            for message in [ClientMessage::ListClients, ClientMessage::ListRooms] {
                world.queue(listener, &message);
            }
            world.take(listener);
        }
        set_all(&mut world, &members, "y");
        let [most, all] = times_allocated(&mut world);
        assert!(most < at_once && all < 100, "{most} times at once, {all} times in all");
        assert_eq!(!world.closed.is_empty(), dropped, "{allowed}");
    }
}

//! Each bound of the room server at its edge: what just fits is taken, and one more is not. Those of names, rooms and clients are in `rows`, those of
//! attributes beside their code, those of whole frames with the driver.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::time::Duration;

use bytes::BytesMut;
use mixer_proto::frame;
use mixer_proto::message::{ClientMessage, JoinRoom};
use mixer_proto::server::{CloseReason, Input, Limits};
use support::{World, client_attributes, command, join, kinds, room_attributes};

const NANOSECOND: Duration = Duration::from_nanos(1);

fn limited(change: impl FnOnce(&mut Limits)) -> World {
    let mut limits = Limits::default();
    change(&mut limits);
    World::with(limits)
}

fn deletes(lines: &[String]) -> usize {
    lines.iter().filter(|line| line.starts_with("DELETE")).count()
}

// proves: MIX-LIMIT-2
#[test]
fn all_rooms_together_hold_what_is_allowed_and_whoever_is_refused_is_told_what_is_full() {
    let mut world = limited(|limits| limits.stored_bytes = 100);
    // 20 bytes each.
    let one = world.room("one", &[command(101, "ab", 0), command(101, "ab", 0), command(101, "ab", 0)]);
    let two = world.room("two", &[command(101, "ab", 0)]);
    world.send_bytes(two, &command(101, "ab", 0));
    assert!(!kinds(&world.read(two)).contains(&"SEND_ERROR"));
    assert_eq!(world.server.metrics().stored_bytes, 100);
    world.send_bytes(two, &command(101, "ab", 0));
    assert_eq!(
        world.read(two)[0],
        "SEND_ERROR the server is full: 2 rooms hold 100 bytes together, 100 are allowed; room two holds 40: \
         1 commands were neither stored nor sent on"
    );
    // What a room that goes held is given back.
    world.disconnect(one);
    world.send_bytes(two, &[command(101, "ab", 0), command(101, "ab", 0), command(101, "ab", 0)].concat());
    assert!(!kinds(&world.read(two)).contains(&"SEND_ERROR"));
    world.send_bytes(two, &command(101, "", 0));
    assert!(world.read(two)[0].contains("server is full"));
}

// proves: MIX-LIMIT-2
#[test]
fn room_that_is_full_by_itself_is_named() {
    let mut world = limited(|limits| limits.room_bytes = 40);
    let creator = world.room("r", &[command(101, "ab", 0), command(101, "ab", 0)]);
    world.send_bytes(creator, &command(101, "ab", 0));
    assert_eq!(
        world.read(creator),
        [
            "SEND_ERROR room r is full: it holds 40 bytes, 40 are allowed: 1 commands were neither stored nor sent on"
        ]
    );
}

// proves: MIX-BUG-4
#[test]
fn message_is_let_in_while_less_than_the_limit_waits_and_drops_its_recipient_at_the_limit() {
    let mut world = limited(|limits| limits.outbox_bytes = 1000);
    let creator = world.room("r", &[]);
    let member = world.connect();
    world.send(member, &join("r"));
    world.take(member);
    world.take(creator);
    // 18 bytes more than asked for.
    world.bytes(creator, &command(101, "", 999 - 18));
    assert_eq!(world.server.metrics().queued_bytes, 999);
    world.bytes(creator, &command(101, "", 0));
    assert!(world.closed.is_empty());
    assert_eq!(deletes(&world.read(member)), 2);
    world.bytes(creator, &command(101, "", 1000 - 18));
    world.bytes(creator, &command(101, "", 0));
    assert_eq!(world.closed, [(member, CloseReason::OutboxFull { queued: 1000, allowed: 1000 })]);
}

// proves: MIX-INV-4
#[test]
fn updates_go_to_whom_the_limit_waits_for_and_not_to_whom_more_waits_for() {
    let mut world = limited(|limits| limits.update_backlog_bytes = 100);
    let creator = world.room("r", &[]);
    let member = world.connect();
    world.send(member, &join("r"));
    for (waiting, told) in [(100, true), (101, false)] {
        world.take(member);
        world.take(creator);
        // Replaces one of its size and type, or is transient: nothing else is told.
        world.bytes(creator, &command(205, "", waiting - 18));
        world.send(creator, &client_attributes(&format!("{{\"waits\": {waiting}}}")));
        let unsent: Vec<u8> = world.server.unsent(member).flatten().copied().collect();
        let seen = support::lines(&unsent);
        assert_eq!(kinds(&seen).contains(&"CLIENT_UPDATE"), told, "{waiting}: {seen:?}");
    }
    assert!(world.read(member)[1].contains("101"));
}

// proves: MIX-BUG-4
#[test]
fn senders_are_held_back_for_a_byte_more_than_the_limit_and_to_the_end_of_the_window() {
    for (waiting, reads) in [(1000, true), (1001, false)] {
        let mut world = limited(|limits| limits.hold_bytes = 1000);
        let window = Limits::default().hold_window;
        let creator = world.room("r", &[]);
        let member = world.connect();
        world.send(member, &join("r"));
        world.take(member);
        let begun = world.now;
        world.bytes(creator, &command(205, "", waiting - 18));
        assert_eq!(world.server.may_read(creator), reads, "{waiting}");
        world.now = begun + window - NANOSECOND;
        world.step(Input::EndOfRound);
        assert_eq!(world.server.may_read(creator), reads, "{waiting}");
        world.now = begun + window;
        world.step(Input::EndOfRound);
        assert!(world.server.may_read(creator));
    }
}

/// Uploads so many megabytes as fast as the room lets it, to a member that takes `per_tick` bytes every 10 ms and one that takes everything. Tells how
/// many bytes each of them got and for how long the sender was held back.
fn upload(world: &mut World, megabytes: usize, per_tick: usize) -> ([usize; 2], Duration) {
    const TICK: Duration = Duration::from_millis(10);
    let creator = world.room("r", &[]);
    let (steady, fast) = (world.connect(), world.connect());
    for member in [steady, fast] {
        world.send(member, &join("r"));
    }
    for client in [creator, steady, fast] {
        world.take(client);
    }
    let piece = command(205, "", (256 << 10) - 18);
    let (mut left, mut got, mut held) = (megabytes * 4, [0; 2], Duration::ZERO);
    while left > 0 || world.server.metrics().queued_bytes > 0 {
        for _ in 0..4 {
            if left > 0 && world.server.may_read(creator) {
                world.bytes(creator, &piece);
                left -= 1;
            }
        }
        held += if world.server.may_read(creator) { Duration::ZERO } else { TICK };
        world.now += TICK;
        for (at, (member, most)) in [(steady, per_tick), (fast, usize::MAX)].into_iter().enumerate() {
            let count = world.server.unsent(member).map(<[u8]>::len).sum::<usize>().min(most);
            got[at] += count;
            world.step(Input::Written { client: member, count });
        }
        world.step(Input::EndOfRound);
    }
    (got, held)
}

// proves: MIX-BUG-13
#[test]
fn member_that_reads_steadily_survives_any_upload_down_to_the_least_rate() {
    // 10 MB/s, 1 MB/s, and the least rate itself.
    let least = (256 << 10) / 200 + 1;
    for (megabytes, per_tick) in [(200, 100_000), (200, 10_000), (70, least)] {
        let mut world = World::new();
        let (got, held) = upload(&mut world, megabytes, per_tick);
        assert!(world.closed.is_empty(), "{per_tick} bytes in 10 ms: {:?}", world.closed);
        assert!(held > Duration::from_secs(10), "{held:?}");
        assert_eq!(got, [megabytes << 20; 2], "{per_tick}");
    }
}

// proves: MIX-BUG-13, MIX-BUG-4
#[test]
fn member_that_does_not_read_delays_a_long_upload_by_one_window_and_is_dropped() {
    let mut world = World::new();
    let (got, held) = upload(&mut world, 200, 0);
    assert_eq!(got, [0, 200 << 20]);
    assert_eq!(held, Limits::default().hold_window);
    assert_eq!(world.closed.len(), 1);
    assert!(matches!(world.closed[0].1, CloseReason::OutboxFull { .. }), "{:?}", world.closed);
}

// proves: MIX-BUG-13
#[test]
fn member_is_waited_for_while_it_takes_the_least_and_not_for_a_byte_less() {
    for (taken, waited_for) in [(600, true), (599, false)] {
        let mut world = limited(|limits| {
            (limits.hold_bytes, limits.hold_least_bytes, limits.outbox_bytes) = (1000, 600, 1 << 20);
        });
        let window = Limits::default().hold_window;
        let creator = world.room("r", &[]);
        let member = world.connect();
        world.send(member, &join("r"));
        world.take(member);
        world.bytes(creator, &command(205, "", 10_000));
        world.step(Input::Written { client: member, count: taken });
        world.now += window;
        world.step(Input::EndOfRound);
        assert_eq!(!world.server.may_read(creator), waited_for, "{taken}");
        if !waited_for {
            // It is waited for again when it has taken as much as may wait, and not before.
            world.step(Input::Written { client: member, count: 999 });
            world.bytes(creator, &command(205, "", 0));
            assert!(world.server.may_read(creator));
            world.step(Input::Written { client: member, count: 1 });
            world.bytes(creator, &command(205, "", 0));
            assert!(!world.server.may_read(creator));
        }
    }
}

// proves: MIX-LIMIT-7
#[test]
fn what_waits_for_a_member_keeps_nothing_of_what_was_read_with_it() {
    for (dense, room_bytes) in [(true, u64::MAX), (false, u64::MAX), (true, 0)] {
        let mut world = limited(|limits| limits.room_bytes = room_bytes);
        let creator = world.room("r", &[]);
        let deaf = world.connect();
        world.send(deaf, &join("r"));
        world.take(deaf);
        let mut buffer = BytesMut::with_capacity(256 << 10);
        // A type that is ignored, and one that is refused where the room is full; the little between them is sent on.
        buffer.extend_from_slice(&frame::encode(22, 1, &[0; 100_000]));
        buffer.extend_from_slice(&command(205, "", 0));
        buffer.extend_from_slice(&frame::encode(22, 1, &[0; 100_000]));
        if room_bytes == 0 {
            buffer.clear();
            buffer.extend_from_slice(&command(101, "", 200_000));
            buffer.extend_from_slice(&command(205, "", 0));
        }
        let frames = buffer.split();
        world.step(Input::Received { client: creator, frames, dense });
        world.take(creator);
        assert_eq!(world.server.metrics().queued_bytes, 18, "for the deaf one");
        assert!(buffer.try_reclaim(256 << 10), "dense {dense}, room of {room_bytes}");
    }
}

// proves: MIX-BUG-3
#[test]
fn joiner_is_handed_no_further_piece_while_the_limit_waits_for_it() {
    let mut world = limited(|limits| limits.history_chunk_bytes = 1000);
    let creator = world.room("r", &[]);
    for n in 0..100 {
        world.send_bytes(creator, &command(101, "a", 400 + n));
    }
    let joiner = world.connect();
    world.take(joiner);
    world.queue(joiner, &join("r"));
    let stored = world.server.metrics().stored_bytes;
    let mut got = 0;
    while got < 100 {
        let waiting: Vec<u8> = world.server.unsent(joiner).flatten().copied().collect();
        // Less than the limit, and then one piece; pieces grow with what the room holds.
        assert!((waiting.len() as u64) < 1000 + stored / 4 + 500, "{}", waiting.len());
        got += deletes(&support::lines(&waiting));
        world.step(Input::Written { client: joiner, count: waiting.len() });
    }
    assert_eq!(got, 100);
}

// proves: MIX-INV-7
#[test]
fn newcomer_that_asks_for_nothing_is_told_of_the_others_when_its_grace_ends() {
    let mut world = World::new();
    let grace = Limits::default().hello_grace;
    let begun = world.now;
    let newcomer = world.connect_quietly();
    for (at, told) in [(begun + grace - NANOSECOND, false), (begun + grace, true)] {
        world.now = at;
        world.step(Input::EndOfRound);
        assert_eq!(kinds(&world.read(newcomer)).contains(&"CLIENT_UPDATE"), told);
    }
}

// proves: MIX-ROW-15
#[test]
fn update_that_may_wait_waits_for_its_interval_and_no_longer() {
    let mut world = limited(|limits| limits.update_interval = Duration::from_millis(10));
    let (client, other) = (world.connect(), world.connect());
    world.send(client, &client_attributes("{\"n\": 0}"));
    world.take(other);
    let told_at = world.now;
    // 0.2 ms for each of the two clients.
    let due = told_at + Duration::from_micros(10_400);
    world.queue(client, &client_attributes("{\"n\": 1}"));
    assert_eq!(world.server.deadline(), Some(due));
    for (at, told) in [(due - NANOSECOND, false), (due, true)] {
        world.now = at;
        world.step(Input::EndOfRound);
        assert_eq!(!world.read(other).is_empty(), told);
    }
}

// proves: MIX-LIMIT-5
#[test]
fn attributes_of_all_together_fit_to_the_last_byte() {
    // `"a": "…"` and a separator: nine bytes beside the text itself, and 192 for a key and a value.
    let set = |length: usize| client_attributes(&format!("{{\"a\": \"{}\"}}", "x".repeat(length)));
    let mut world = limited(|limits| limits.all_attribute_bytes = 100 + 2 * 192);
    let (one, two) = (world.connect(), world.connect());
    for (client, length, refused) in [(one, 41, false), (two, 42, true), (two, 41, false)] {
        world.take(client);
        world.send(client, &set(length));
        assert_eq!(kinds(&world.read(client)).contains(&"SEND_ERROR"), refused, "{length}");
    }
}

// proves: MIX-ROW-20, MIX-LIMIT-6
#[test]
fn client_whose_frame_cannot_be_read_is_told_and_closed() {
    let mut world = limited(|limits| (limits.frame_bytes, limits.unfinished_bytes) = (10, 20));
    let (one, two) = (world.connect(), world.connect());
    world.take(one);
    world.take(two);
    world.step(Input::Oversized { client: one, size: 11 });
    world.step(Input::Unfinished { client: two, kept: 21 });
    assert_eq!(world.read(one), ["SEND_ERROR it announced a frame of 11 bytes, 10 are allowed"]);
    assert!(
        world.read(two)[0].contains("21 bytes are kept for unfinished frames of all clients, 20 are allowed")
    );
    assert_eq!(
        world.closed,
        [
            (one, CloseReason::FrameTooLarge { size: 11, allowed: 10 }),
            (two, CloseReason::TooMuchUnfinished { kept: 21, allowed: 20 })
        ]
    );
    world.send(one, &ClientMessage::ClientId);
    assert!(world.read(one).is_empty(), "nothing more is heard of it");
}

// proves: MIX-LIMIT-5
#[test]
fn passwords_and_lists_of_networks_count_as_attributes_to_the_last_byte() {
    // `"mvrx_password": "…"` and separators: 21 bytes beside the password itself, and 192 for a key and a value.
    let of_client =
        |length: usize| client_attributes(&format!("{{\"mvrx_password\": \"{}\"}}", "x".repeat(length)));
    let mut world = limited(|limits| limits.all_attribute_bytes = 100 + 2 * 192);
    let (one, two) = (world.connect(), world.connect());
    for (client, length, refused) in [(one, 29, false), (two, 30, true), (two, 29, false)] {
        world.take(client);
        world.send(client, &of_client(length));
        assert_eq!(kinds(&world.read(client)).contains(&"SEND_ERROR"), refused, "{length}");
    }
    // What is gone no longer counts.
    world.disconnect(one);
    world.send(two, &client_attributes("{\"mvrx_password\": null}"));
    let mut world = limited(|limits| limits.all_attribute_bytes = 740);
    let creator = world.room("r", &[]);
    // 29 bytes, and 21 for the mark that the room is locked; then 50 and 51; 192 each, and 64 for what is in the list.
    for (text, refused) in [
        (r#"{"mvrx_password": "12345678"}"#, None),
        (
            r#"{"mvrx_allow": ["1111:2222:3333:4444:5555:666::7"]}"#,
            Some("SEND_ERROR attributes of 741 bytes are more than 740 bytes"),
        ),
        (r#"{"mvrx_allow": ["1111:2222:3333:4444:5555:66::7"]}"#, None),
    ] {
        world.take(creator);
        world.send(creator, &room_attributes("r", text));
        let seen = world.read(creator);
        let error = seen.iter().find(|line| line.starts_with("SEND_ERROR"));
        assert_eq!(error.map(String::as_str), refused, "{text}");
    }
}

// proves: MIX-LIMIT-8
#[test]
fn versions_are_as_long_as_a_name_may_be_and_no_longer() {
    let mut world = limited(|limits| limits.name_bytes = 10);
    let client = world.connect();
    let join = |blender: usize, mixer: usize| {
        ClientMessage::JoinRoom(JoinRoom {
            room: "r".into(),
            blender_version: "1".repeat(blender),
            mixer_version: "2".repeat(mixer),
            ..JoinRoom::default()
        })
    };
    for (blender, mixer, text) in [
        (11, 0, "SEND_ERROR a blender version of 11 bytes is longer than 10 bytes"),
        (0, 11, "SEND_ERROR a mixer version of 11 bytes is longer than 10 bytes"),
        (10, 10, "JOIN_ROOM r"),
    ] {
        world.take(client);
        world.send(client, &join(blender, mixer));
        assert_eq!(world.read(client)[0], text);
    }
}

// proves: MIX-LIMIT-9
#[test]
fn above_what_may_wait_for_all_together_those_go_for_whom_most_waits() {
    // A message counts 200 bytes beside its own.
    let mut world = limited(|limits| limits.all_outbox_bytes = 3 * (10_000 + 200));
    let creator = world.room("r", &[]);
    let members: Vec<_> = (0..3).map(|_| world.connect()).collect();
    for member in &members {
        world.send(*member, &join("r"));
    }
    for client in members.iter().chain([&creator]) {
        world.take(*client);
    }
    // What all of them share counts once.
    for _ in 0..3 {
        world.bytes(creator, &command(205, "", 10_000 - 18));
    }
    assert_eq!((world.server.metrics().queued_bytes, world.closed.len()), (90_000, 0));
    // Two of them read most of it; one byte more is too much, and the third goes.
    for member in &members[1..] {
        world.step(Input::Written { client: *member, count: 25_000 });
    }
    world.queue(members[1], &ClientMessage::ClientId);
    let [(gone, CloseReason::AllOutboxesFull { queued: 30_000, waiting, allowed: 30_600 })] =
        world.closed[..]
    else {
        panic!("{:?}", world.closed)
    };
    assert_eq!(gone, members[0]);
    assert!(waiting > 30_600);
    assert_eq!(world.take(members[2]).len(), 5_000, "nobody else lost anything");
}

// proves: MIX-LIMIT-9, MIX-BUG-4
#[test]
fn listings_that_nobody_reads_are_bounded_together() {
    let mut world = limited(|limits| limits.all_outbox_bytes = 1 << 20);
    let big = world.connect();
    world.send(big, &client_attributes(&format!("{{\"a\": \"{}\"}}", "x".repeat(100_000))));
    let reader = world.connect();
    world.take(big);
    world.take(reader);
    let deaf: Vec<_> = (0..10).map(|_| world.connect_quietly()).collect();
    for _ in 0..5 {
        for client in &deaf {
            world.queue(*client, &ClientMessage::ListClients);
            assert!(world.server.metrics().queued_bytes <= 1 << 20);
        }
    }
    assert!(!world.closed.is_empty() && world.closed.iter().all(|(client, _)| deaf.contains(client)));
    world.queue(reader, &ClientMessage::ListClients);
    assert!(world.read(reader).iter().any(|line| line.starts_with("LIST_CLIENTS")));
}

// proves: MIX-BUG-4
#[test]
fn member_that_is_dropped_while_it_holds_back_its_room_lets_the_senders_go_on() {
    let mut world = limited(|limits| (limits.hold_bytes, limits.outbox_bytes) = (1000, 10_000));
    let creator = world.room("r", &[]);
    let deaf = world.connect();
    world.send(deaf, &join("r"));
    world.take(deaf);
    world.bytes(creator, &command(205, "", 10_000));
    assert!(!world.server.may_read(creator));
    // It was read before.
    world.bytes(creator, &command(205, "", 0));
    assert_eq!(world.closed.len(), 1);
    assert_eq!(world.resumed, [creator]);
}

// proves: MIX-LIMIT-12
#[test]
fn small_outbox_brings_down_what_must_come_before_it() {
    assert_eq!(Limits::default().consistent(), Limits::default());
    let mut small = Limits::default();
    small.outbox_bytes = 4000;
    let small = small.consistent();
    assert_eq!(small.all_attribute_bytes, 2000);
    assert_eq!([small.hold_bytes, small.update_backlog_bytes, small.history_chunk_bytes], [1000; 3]);
    let mut least = Limits::default();
    least.outbox_bytes = 0;
    assert_eq!(least.consistent().history_chunk_bytes, 1, "a joiner is handed something");
}

// proves: MIX-LIMIT-12, MIX-LIMIT-5
#[test]
fn newcomer_gets_in_when_attributes_are_as_many_as_may_be() {
    let mut world =
        limited(|limits| (limits.outbox_bytes, limits.all_attribute_bytes) = (100_000, usize::MAX));
    let set = |world: &mut World, client, letter: &str, length: usize| {
        world.send(client, &client_attributes(&format!("{{\"a\": \"{}\"}}", letter.repeat(length))));
    };
    let others: Vec<_> = (0..60).map(|_| world.connect()).collect();
    for client in &others {
        set(&mut world, *client, "x", 1000);
    }
    for client in &others {
        world.take(*client);
    }
    let newcomer = world.connect_quietly();
    for client in &others {
        set(&mut world, *client, "y", 1000);
        world.take(*client);
    }
    for message in [ClientMessage::ClientId, ClientMessage::ListClients, ClientMessage::ListRooms] {
        world.send(newcomer, &message);
    }
    assert!(world.closed.is_empty(), "{:?}", world.closed);
    let seen = world.read(newcomer);
    assert!(seen.iter().any(|line| line.starts_with("LIST_CLIENTS") && line.contains("yyy")));
}

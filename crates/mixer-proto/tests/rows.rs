//! Each row of the table "seed against source", and the special cases of rooms.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use mixer_proto::frame;
use mixer_proto::message::{ClientMessage, JoinRoom};
use mixer_proto::server::{FORWARD_UNKNOWN, Limits};
use support::{World, client_attributes, command, join, keep_open, kinds, room_attributes};

// proves: MIX-ROW-2
#[test]
fn joiner_of_another_version_is_refused_unless_the_creator_asked_to_ignore_versions() {
    let versions = |room: &str, blender: &str, ignore: bool| {
        ClientMessage::JoinRoom(JoinRoom {
            room: room.into(),
            blender_version: blender.into(),
            ignore_version_check: ignore,
            ..JoinRoom::default()
        })
    };
    for (creator_ignores, joiner_ignores, joined) in
        [(false, false, false), (false, true, false), (true, false, true)]
    {
        let mut world = World::new();
        let (creator, joiner) = (world.connect(), world.connect());
        world.send(creator, &versions("r", "2.93", creator_ignores));
        world.send(creator, &ClientMessage::Content);
        world.read(joiner);
        world.send(joiner, &versions("r", "3.0", joiner_ignores));
        let first = world.read(joiner).remove(0);
        assert_eq!(first.starts_with("CLEAR_CONTENT"), joined, "{first}");
        assert_eq!(first.starts_with("SEND_ERROR"), !joined, "{first}");
    }
}

// proves: MIX-ROW-3, MIX-CASE-2
#[test]
fn room_that_is_not_joinable_refuses_and_the_client_may_try_again() {
    let mut world = World::new();
    let (creator, joiner) = (world.connect(), world.connect());
    world.send(creator, &join("r"));
    world.read(joiner);
    world.send(joiner, &join("r"));
    assert_eq!(kinds(&world.read(joiner)), ["SEND_ERROR"]);
    // Commands of who believes to be in are dropped silently.
    world.send_bytes(joiner, &command(101, "x", 0));
    assert!(world.read(joiner).is_empty());
    world.send(creator, &ClientMessage::Content);
    world.read(joiner);
    world.send(joiner, &join("r"));
    assert_eq!(kinds(&world.read(joiner)), ["CLEAR_CONTENT", "JOIN_ROOM", "CLIENT_UPDATE"]);
}

// proves: MIX-ROW-7, MIX-ROW-8
#[test]
fn requests_about_unknown_rooms_and_deleting_a_full_one_are_answered_with_an_error() {
    let mut world = World::new();
    world.room("full", &[]);
    let client = world.connect();
    world.read(client);
    for message in [
        ClientMessage::DeleteRoom { room: "none".into() },
        ClientMessage::DeleteRoom { room: "full".into() },
        room_attributes("none", "{}"),
        keep_open("none", true),
    ] {
        world.send(client, &message);
        assert_eq!(kinds(&world.read(client)), ["SEND_ERROR"], "{message:?}");
    }
}

// proves: MIX-ROW-9
#[test]
fn server_attributes_cannot_be_spoofed_and_the_rest_of_the_update_passes() {
    let mut world = World::new();
    let creator = world.room("r", &[]);
    world.send(creator, &client_attributes(r#"{"id": "x", "ip": 1, "port": 2, "room": "y", "a": 1}"#));
    assert_eq!(world.read(creator), [format!(r#"CLIENT_UPDATE {{"{}": {{"a": 1}}}}"#, world.id(creator))]);
    world.send(
        creator,
        &room_attributes("r", r#"{"joinable": false, "command_count": 9, "byte_size": 9, "keep_open": true, "name": "z", "b": 2}"#),
    );
    assert_eq!(world.read(creator), [r#"ROOM_UPDATE {"r": {"b": 2}}"#]);
    world.send(creator, &room_attributes("r", r#"{"joinable": false}"#));
    assert!(world.read(creator).is_empty());
}

// proves: MIX-ROW-10
#[test]
fn room_listing_has_custom_attributes_first_and_the_name() {
    let mut world = World::new();
    let creator = world.room("r", &[command(101, "x", 0)]);
    world.send(creator, &room_attributes("r", r#"{"vrtist_protocol": false}"#));
    world.read(creator);
    world.send(creator, &ClientMessage::ListRooms);
    assert_eq!(
        world.read(creator),
        [concat!(
            r#"LIST_ROOMS {"r": {"vrtist_protocol": false, "name": "r", "keep_open": false, "blender_version": "", "#,
            r#""mixer_version": "", "ignore_version_check": false, "generic_protocol": false, "command_count": 1, "#,
            r#""byte_size": 19, "joinable": true}}"#
        )]
    );
}

// proves: MIX-ROW-17
#[test]
fn scenes_of_a_user_reach_the_others_as_they_came() {
    let mut world = World::new();
    let (one, other) = (world.connect(), world.connect());
    world.take(other);
    let scenes = concat!(
        r#"{"user_scenes": {"Scene": {"frame": 1, "selected_objects": ["Cube"], "views": {"1": {"eye": [0.1, NaN, -0.0], "#,
        r#""target": [1e+16, 2.0, 3], "screen_corners": [[1.5, 2.0, 3.0], [4.0, 5.0, 6.0]]}}}}}"#
    );
    world.send(one, &client_attributes(scenes));
    assert_eq!(world.read(other), [format!(r#"CLIENT_UPDATE {{"{}": {scenes}}}"#, world.id(one))]);
}

// proves: MIX-ROW-11
#[test]
fn room_without_a_name_is_refused() {
    let mut world = World::new();
    let client = world.connect();
    world.read(client);
    world.send(client, &join(""));
    assert_eq!(kinds(&world.read(client)), ["SEND_ERROR"]);
}

// proves: MIX-ROW-15
#[test]
fn updates_that_may_wait_are_gathered_and_the_last_value_arrives() {
    let mut world = World::new();
    let (client, other) = (world.connect(), world.connect());
    world.round();
    world.read(other);
    for n in 0..100 {
        world.queue(client, &client_attributes(&format!(r#"{{"n": {n}}}"#)));
        world.step(mixer_proto::server::Input::EndOfRound);
    }
    let due = world.server.deadline().unwrap();
    assert!(due > world.now);
    world.now = due;
    world.step(mixer_proto::server::Input::EndOfRound);
    let id = world.id(client);
    let seen = world.read(other);
    assert_eq!(
        seen,
        [
            format!(r#"CLIENT_UPDATE {{"{id}": {{"n": 0}}}}"#),
            format!(r#"CLIENT_UPDATE {{"{id}": {{"n": 99}}}}"#)
        ]
    );
    assert_eq!(world.server.deadline(), None);
}

// proves: MIX-ROW-16
#[test]
fn error_sent_by_a_client_reaches_everybody_and_itself() {
    let mut world = World::new();
    let (one, two) = (world.connect(), world.connect());
    world.read(one);
    world.read(two);
    world.send(one, &ClientMessage::SendError { text: "oh".into() });
    assert_eq!(world.read(one), ["SEND_ERROR oh"]);
    assert_eq!(world.read(two), ["SEND_ERROR oh"]);
}

// proves: MIX-ROW-18, MIX-INV-6, MIX-CMD-1
#[test]
fn boundary_code_is_dropped_and_unknown_codes_are_answered_and_forwarded_only_where_wanted() {
    let mut world = World::new();
    let creator = world.room("r", &[]);
    let member = world.connect();
    world.send(member, &join("r"));
    world.read(creator);
    world.read(member);
    let unknown =
        [frame::encode(100, 1, b""), frame::encode(158, 1, b"x"), frame::encode(5000, 1, b"y")].concat();
    world.send_bytes(creator, &unknown);
    assert_eq!(kinds(&world.read(creator)), ["SEND_ERROR", "SEND_ERROR"]);
    assert!(world.read(member).is_empty());
    world.send(creator, &room_attributes("r", &format!(r#"{{"{FORWARD_UNKNOWN}": true}}"#)));
    world.read(member);
    world.read(creator);
    world.send_bytes(creator, &unknown);
    assert_eq!(kinds(&world.read(member)), ["158", "5000", "ROOM_UPDATE"]);
    assert_eq!(kinds(&world.read(creator)), ["ROOM_UPDATE"]);
}

// proves: MIX-ROW-18, MIX-INV-6
#[test]
fn joiner_of_a_room_that_no_longer_wants_unknown_codes_gets_none_from_its_history() {
    for chunk in [1, 1 << 20] {
        let mut limits = Limits::default();
        limits.history_chunk_bytes = chunk;
        let mut world = World::with(limits);
        let creator = world.room("r", &[]);
        let wish = |on: bool| room_attributes("r", &format!(r#"{{"{FORWARD_UNKNOWN}": {on}}}"#));
        world.send(creator, &wish(true));
        let (known, unknown) = (command(101, "a", 9), frame::encode(5000, 1, b"y"));
        let commands =
            [&unknown, &known, &unknown, &unknown, &command(201, "/x", 1), &command(201, "/x", 2), &unknown];
        for command in commands {
            world.send_bytes(creator, command);
        }
        let joined = |world: &mut World| {
            let joiner = world.connect();
            world.read(joiner);
            world.send(joiner, &join("r"));
            world.read(joiner)
        };
        assert_eq!(joined(&mut world).iter().filter(|line| line.starts_with("5000")).count(), 4);
        world.send(creator, &wish(false));
        assert_eq!(
            kinds(&joined(&mut world)),
            ["CLEAR_CONTENT", "ROOM_UPDATE", "DELETE", "TRANSFORM", "JOIN_ROOM", "CLIENT_UPDATE"],
            "chunk {chunk}"
        );
        // They are still there, for when they are wanted again.
        world.send(creator, &wish(true));
        assert_eq!(joined(&mut world).iter().filter(|line| line.starts_with("5000")).count(), 4);
    }
}

// proves: MIX-CASE-1
#[test]
fn kept_room_whose_creator_went_before_its_content_is_begun_anew_by_the_next_client() {
    let mut world = World::new();
    let creator = world.connect();
    world.send(creator, &join("r"));
    world.send(creator, &keep_open("r", true));
    world.send_bytes(creator, &command(101, "half", 0));
    world.disconnect(creator);
    let next = world.connect();
    world.read(next);
    world.send(next, &join("r"));
    let seen = world.read(next);
    assert_eq!(kinds(&seen), ["JOIN_ROOM", "CONTENT", "ROOM_UPDATE", "CLIENT_UPDATE"]);
    assert!(seen[2].contains(r#""command_count": 0, "byte_size": 0, "joinable": false"#), "{}", seen[2]);
}

// proves: MIX-CASE-1
#[test]
fn room_whose_creator_went_before_its_content_is_deleted() {
    let mut world = World::new();
    let (creator, other) = (world.connect(), world.connect());
    world.send(creator, &join("r"));
    world.read(other);
    let id = world.id(creator);
    world.disconnect(creator);
    assert_eq!(
        world.read(other),
        [
            format!(r#"CLIENT_UPDATE {{"{id}": {{"room": null}}}}"#),
            "ROOM_DELETED r".into(),
            format!("CLIENT_DISCONNECTED {id}")
        ]
    );
}

// proves: MIX-CASE-3
#[test]
fn content_is_refused_outside_a_room_and_for_a_joinable_one_and_any_member_may_send_it() {
    let mut world = World::new();
    let client = world.connect();
    world.read(client);
    world.send(client, &ClientMessage::Content);
    assert_eq!(kinds(&world.read(client)), ["SEND_ERROR"]);
    world.send(client, &join("r"));
    world.send(client, &ClientMessage::Content);
    world.read(client);
    world.send(client, &ClientMessage::Content);
    assert_eq!(kinds(&world.read(client)), ["SEND_ERROR"]);
}

// proves: MIX-CASE-4
#[test]
fn kept_room_outlives_its_members_and_any_client_may_delete_it_or_change_it() {
    let mut world = World::new();
    let creator = world.room("r", &[]);
    let other = world.connect();
    world.send(other, &keep_open("r", true));
    world.send(creator, &ClientMessage::LeaveRoom { room: "r".into() });
    world.read(other);
    world.send(other, &keep_open("r", false));
    assert_eq!(world.read(other), [r#"ROOM_UPDATE {"r": {"keep_open": false}}"#]);
    world.send(other, &keep_open("r", false));
    assert!(world.read(other).is_empty(), "no change, no update");
    world.send(other, &ClientMessage::DeleteRoom { room: "r".into() });
    assert_eq!(world.read(other), ["ROOM_DELETED r"]);
}

// proves: MIX-CASE-5
#[test]
fn commands_outside_any_room_are_dropped_silently() {
    let mut world = World::new();
    let client = world.connect();
    world.read(client);
    world.send_bytes(client, &command(101, "x", 0));
    assert!(world.read(client).is_empty());
    assert_eq!(world.server.metrics().commands_outside, 1);
}

// proves: MIX-CASE-6
#[test]
fn second_join_and_leaving_no_room_are_refused() {
    let mut world = World::new();
    let client = world.room("r", &[]);
    world.send(client, &join("s"));
    assert_eq!(kinds(&world.read(client)), ["SEND_ERROR"]);
    world.send(client, &ClientMessage::LeaveRoom { room: String::new() });
    world.read(client);
    world.send(client, &ClientMessage::LeaveRoom { room: String::new() });
    assert_eq!(kinds(&world.read(client)), ["SEND_ERROR"]);
}

// proves: MIX-CASE-7
#[test]
fn malformed_requests_are_answered_and_the_connection_goes_on() {
    let mut world = World::new();
    let client = world.connect();
    world.read(client);
    for (code, payload) in [
        (15, &b"\x0c\0\0\0{\"a\": 1,5  }"[..]),
        (15, b"\x02\0\0\0[]"),
        (1, b"\x01\0\0\0\xff"),
        (7, b"\xff"),
        (2, b""),
        (23, b""),
    ] {
        world.send_bytes(client, &frame::encode(code, 1, payload));
        assert_eq!(kinds(&world.read(client)), ["SEND_ERROR"], "{code}");
    }
    for code in [6, 19, 20, 21, 22] {
        world.send_bytes(client, &frame::encode(code, 1, b""));
        assert!(world.read(client).is_empty());
    }
    world.send(client, &ClientMessage::ClientId);
    assert_eq!(kinds(&world.read(client)), ["CLIENT_ID"]);
    assert!(world.closed.is_empty());
}

// proves: MIX-LIMIT-2, MIX-LIMIT-3
#[test]
fn limits_of_rooms_names_and_clients_hold_at_their_edge() {
    let mut limits = Limits::default();
    limits.rooms = 1;
    limits.name_bytes = 3;
    limits.clients = 2;
    limits.room_bytes = 60;
    let mut world = World::with(limits);
    let (one, two) = (world.connect(), world.connect());
    assert!(world.server.connect(world.now, ([192, 0, 2, 9], 1).into()).is_err());
    world.read(two);
    world.send(two, &join("four"));
    assert_eq!(kinds(&world.read(two)), ["SEND_ERROR"]);
    world.send(one, &join("abc"));
    world.read(two);
    world.send(two, &join("b"));
    assert_eq!(kinds(&world.read(two)), ["SEND_ERROR"]);
    world.send(one, &ClientMessage::Content);
    world.send(two, &join("abc"));
    world.read(one);
    world.read(two);
    // 20 bytes each: three fit, the fourth does not, a transient one needs no space.
    let commands: Vec<_> = (0..4).map(|_| command(101, "ab", 0)).chain([command(205, "", 0)]).collect();
    world.send_bytes(one, &commands.concat());
    assert_eq!(kinds(&world.read(two)), ["DELETE", "DELETE", "DELETE", "FRAME", "ROOM_UPDATE"]);
    assert_eq!(kinds(&world.read(one)), ["SEND_ERROR", "ROOM_UPDATE"]);
    assert_eq!(world.server.metrics().stored_bytes, 60);
}

// proves: MIX-BUG-2
#[test]
fn client_that_asks_faster_than_it_reads_is_dropped_and_its_further_requests_cost_nothing() {
    let mut limits = Limits::default();
    limits.outbox_bytes = 1000;
    let mut world = World::with(limits);
    let client = world.connect();
    let frames = ClientMessage::ListClients.encode(1).repeat(10_000);
    world.bytes(client, &frames);
    assert_eq!(world.closed.len(), 1);
    assert!(world.server.metrics().frames_received < 20);
    assert_eq!(world.server.metrics().queued_bytes, 0);
}

// proves: MIX-LIMIT-4
#[test]
fn one_clients_words_are_bounded_and_never_make_others_be_dropped() {
    let mut limits = Limits::default();
    limits.attribute_bytes = 1000;
    limits.error_bytes = 10;
    limits.hold_bytes = 500;
    limits.outbox_bytes = 5000;
    let longest = limits.attribute_bytes + limits.name_bytes + 4096;
    let mut world = World::with(limits);
    let (loud, deaf) = (world.connect(), world.connect());
    world.take(loud);
    world.take(deaf);
    let say = |text: &str| ClientMessage::SendError { text: text.to_owned() };
    world.send(loud, &say(&"x".repeat(11)));
    assert!(world.read(loud)[0].contains("11 bytes is longer than 10"));
    for _ in 0..1000 {
        world.send(loud, &say(&"x".repeat(10)));
        assert_eq!(kinds(&world.read(loud)), ["SEND_ERROR"]);
    }
    assert!(world.closed.is_empty());
    assert!(world.take(deaf).len() < 600);
    world.send(loud, &say("again"));
    assert_eq!(kinds(&world.read(deaf)), ["SEND_ERROR"]);
    world.read(loud);
    for (length, told) in [(longest, "longer than 1024"), (longest + 1, "a request of")] {
        world.send_bytes(loud, &frame::encode(1, 1, &vec![b'x'; length]));
        let answer = world.read(loud);
        assert_eq!(kinds(&answer), ["SEND_ERROR"]);
        assert!(answer[0].contains(told) || length == longest, "{answer:?}");
    }
}

// proves: MIX-LIMIT-5
#[test]
fn attributes_of_all_together_are_bounded_and_the_bound_is_given_back() {
    let mut limits = Limits::default();
    // And 192 for a key and a value of each.
    limits.all_attribute_bytes = 500;
    let mut world = World::with(limits);
    let set = |world: &mut World, client, length: usize| {
        world.take(client);
        world.send(client, &client_attributes(&format!("{{\"a\": \"{}\"}}", "x".repeat(length))));
        kinds(&world.read(client)).contains(&"SEND_ERROR")
    };
    let (one, two) = (world.connect(), world.connect());
    assert!(!set(&mut world, one, 60));
    assert!(set(&mut world, two, 60), "522 of 500 bytes");
    assert!(!set(&mut world, two, 10));
    // What is replaced counts no more, and what goes with its client neither.
    assert!(!set(&mut world, one, 20));
    assert!(!set(&mut world, two, 60));
    world.disconnect(two);
    assert!(!set(&mut world, one, 80));
    // Rooms count as well.
    world.send(one, &join("r"));
    world.take(one);
    world.send(one, &room_attributes("r", "{\"long\": \"xxxxxxxxxxxxxxxxxxxx\"}"));
    assert!(kinds(&world.read(one)).contains(&"SEND_ERROR"));
}

// proves: MIX-ACCESS-3, MIX-INV-6
#[test]
fn only_a_member_makes_a_room_forward_unknown_codes() {
    let mut world = World::new();
    let creator = world.room("r", &[]);
    let outsider = world.connect();
    world.take(outsider);
    let wish = room_attributes("r", &format!(r#"{{"{FORWARD_UNKNOWN}": true, "a": 1}}"#));
    world.send(outsider, &wish);
    assert_eq!(world.read(outsider), ["SEND_ERROR only a member decides on the unknown messages of room r"]);
    world.send(outsider, &room_attributes("r", r#"{"a": 1}"#));
    assert_eq!(kinds(&world.read(outsider)), ["ROOM_UPDATE"]);
    world.send(creator, &wish);
    assert!(world.read(outsider)[0].contains(FORWARD_UNKNOWN));
}

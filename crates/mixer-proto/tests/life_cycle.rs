//! The orders of messages around a client's stay in a room, and the invariants real clients rely on.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use mixer_proto::message::ClientMessage;
use mixer_proto::server::{ALLOW, Input, Keeping, Limits, PASSWORD, StoreOp};
use support::{World, client_attributes, command, join, kinds, room_attributes};

// proves: MIX-LIFE-1, MIX-ROW-12, MIX-ROW-13, MIX-INV-2
#[test]
fn creating_a_room() {
    let mut world = World::new();
    let (creator, other) = (world.connect(), world.connect());
    assert_eq!(
        world.read(other),
        [
            r#"CLIENT_UPDATE {"192.0.2.1:5002": {"id": "192.0.2.1:5002", "ip": "192.0.2.1", "port": 5002, "room": null}}"#
        ]
    );
    world.read(creator);
    world.send(creator, &join("r"));
    let updates = [
        concat!(
            r#"ROOM_UPDATE {"r": {"name": "r", "keep_open": false, "blender_version": "", "mixer_version": "", "#,
            r#""ignore_version_check": false, "generic_protocol": false, "command_count": 0, "byte_size": 0, "joinable": false}}"#
        ),
        r#"CLIENT_UPDATE {"192.0.2.1:5001": {"room": "r"}}"#,
    ];
    assert_eq!(world.read(creator), [&["JOIN_ROOM r", "CONTENT"][..], &updates].concat());
    assert_eq!(world.read(other), updates);
}

// proves: MIX-LIFE-2, MIX-CMD-4, MIX-CMD-5
#[test]
fn content_makes_the_room_joinable_and_commands_change_its_counts() {
    let mut world = World::new();
    let (creator, other) = (world.connect(), world.connect());
    world.send(creator, &join("r"));
    world.read(creator);
    world.read(other);
    world.send_bytes(creator, &command(201, "/a", 1));
    let counts = r#"ROOM_UPDATE {"r": {"byte_size": 21, "command_count": 1}}"#;
    assert_eq!(world.read(creator), [counts], "the sender gets the counts and not its command");
    assert_eq!(world.read(other), [counts]);
    world.send_bytes(creator, &command(201, "/a", 1));
    assert!(world.read(other).is_empty(), "a replacement of the same size changes nothing");
    world.send_bytes(creator, &command(201, "/a", 2));
    assert_eq!(world.read(other), [r#"ROOM_UPDATE {"r": {"byte_size": 22}}"#]);
    world.send(creator, &ClientMessage::Content);
    assert_eq!(world.read(other), [r#"ROOM_UPDATE {"r": {"joinable": true}}"#]);
}

// proves: MIX-LIFE-3, MIX-ROW-14, MIX-INV-3
#[test]
fn joining_an_existing_room() {
    let mut world = World::new();
    let creator = world.room("r", &[command(101, "a", 0), command(205, "", 0), command(102, "b", 9)]);
    let joiner = world.connect();
    world.send(joiner, &ClientMessage::ListRooms);
    world.read(joiner);
    world.read(creator);
    world.send(joiner, &join("r"));
    let update = format!(r#"CLIENT_UPDATE {{"{}": {{"room": "r"}}}}"#, world.id(joiner));
    assert_eq!(world.read(joiner), ["CLEAR_CONTENT", "DELETE 5", "CAMERA 14", "JOIN_ROOM r", &update]);
    assert_eq!(world.read(creator), [update]);
    world.send_bytes(creator, &[command(205, "", 0), command(101, "c", 0)].concat());
    assert_eq!(kinds(&world.read(joiner)), ["FRAME", "DELETE", "ROOM_UPDATE"]);
}

// proves: MIX-INV-1
#[test]
fn joiner_knows_the_size_of_the_room_before_its_first_command() {
    // Pending: the joiner was there before the room was filled, and updates are being gathered.
    let mut world = World::new();
    let (creator, joiner) = (world.connect(), world.connect());
    world.send(creator, &join("r"));
    world.send(creator, &ClientMessage::Content);
    world.queue(creator, &client_attributes("{\"a\": 1}"));
    world.step(Input::EndOfRound);
    world.read(joiner);
    world.bytes(creator, &command(101, "a", 0));
    world.step(Input::EndOfRound);
    assert!(world.read(joiner).is_empty(), "gathered");
    world.queue(joiner, &join("r"));
    let seen = world.read(joiner);
    assert_eq!(kinds(&seen), ["CLEAR_CONTENT", "ROOM_UPDATE", "DELETE", "JOIN_ROOM", "CLIENT_UPDATE"]);
    assert_eq!(seen[1], r#"ROOM_UPDATE {"r": {"byte_size": 19, "command_count": 1}}"#);
    // Never told: the joiner came later and did not ask.
    let late = world.connect();
    world.read(late);
    world.send(late, &join("r"));
    let seen = world.read(late);
    assert_eq!(kinds(&seen), ["CLEAR_CONTENT", "ROOM_UPDATE", "DELETE", "JOIN_ROOM", "CLIENT_UPDATE"]);
    assert!(seen[1].contains(r#""byte_size": 19"#));
}

// proves: MIX-LIFE-4, MIX-ROW-4
#[test]
fn leaving_a_room() {
    let mut world = World::new();
    let creator = world.room("r", &[]);
    let other = world.connect();
    world.read(other);
    world.read(creator);
    world.send(creator, &ClientMessage::LeaveRoom { room: "whatever".into() });
    let update = format!(r#"CLIENT_UPDATE {{"{}": {{"room": null}}}}"#, world.id(creator));
    assert_eq!(world.read(creator), ["LEAVE_ROOM", &update, "ROOM_DELETED r"]);
    assert_eq!(world.read(other), [&update, "ROOM_DELETED r"]);
}

// proves: MIX-LIFE-5
#[test]
fn disconnecting_from_a_room_with_others_in_it() {
    let mut world = World::new();
    let creator = world.room("r", &[]);
    let member = world.connect();
    world.send(member, &join("r"));
    world.read(creator);
    let id = world.id(member);
    world.disconnect(member);
    assert_eq!(
        world.read(creator),
        [format!(r#"CLIENT_UPDATE {{"{id}": {{"room": null}}}}"#), format!("CLIENT_DISCONNECTED {id}")]
    );
}

// proves: MIX-BUG-9, MIX-INV-2
#[test]
fn probe_that_connects_and_closes_leaves_no_ghost() {
    let mut world = World::new();
    let observer = world.connect();
    world.read(observer);
    for _ in 0..400 {
        let probe = world.connect_quietly();
        world.step(Input::Disconnected { client: probe });
    }
    world.round();
    assert!(world.read(observer).is_empty());
}

// proves: MIX-BUG-9, MIX-INV-2
#[test]
fn newcomer_that_listed_only_the_rooms_is_told_which_ended() {
    let mut world = World::new();
    let creator = world.connect();
    world.send(creator, &join("r"));
    let observer = world.connect_quietly();
    world.queue(observer, &ClientMessage::ListRooms);
    world.read(observer);
    world.step(Input::Disconnected { client: creator });
    assert_eq!(world.read(observer), ["ROOM_DELETED r"], "of the client it was never told");
}

// proves: MIX-BUG-9, MIX-INV-2
#[test]
fn newcomer_that_listed_only_the_clients_is_told_who_went() {
    let mut world = World::new();
    let gone = world.connect();
    let id = world.id(gone);
    let observer = world.connect_quietly();
    world.queue(observer, &ClientMessage::ListClients);
    world.read(observer);
    world.step(Input::Disconnected { client: gone });
    assert_eq!(world.read(observer), [format!("CLIENT_DISCONNECTED {id}")]);
}

// proves: MIX-BUG-9, MIX-INV-2
#[test]
fn slow_recipient_that_listed_what_no_update_told_it_is_told_of_its_end() {
    let mut limits = Limits::default();
    limits.update_backlog_bytes = 10;
    let mut world = World::with(limits);
    let slow = world.connect();
    let other = world.connect();
    // Something waits for the slow one, so it gets no updates.
    let newcomer = world.connect();
    let id = world.id(newcomer);
    world.send(newcomer, &join("new"));
    world.queue(slow, &ClientMessage::ListClients);
    world.queue(slow, &ClientMessage::ListRooms);
    world.disconnect(newcomer);
    let seen = world.read(slow);
    assert!(seen.contains(&"ROOM_DELETED new".to_owned()), "{seen:?}");
    assert!(seen.contains(&format!("CLIENT_DISCONNECTED {id}")), "{seen:?}");
    world.disconnect(other);
}

// proves: MIX-INV-2, MIX-INV-4
#[test]
fn recipient_that_does_not_read_gets_the_latest_values_and_no_ghosts_once_it_reads() {
    let mut limits = Limits::default();
    limits.update_backlog_bytes = 10;
    let mut world = World::with(limits);
    let slow = world.connect();
    let creator = world.connect();
    // Something waits for the slow one already, so nothing more is queued for it.
    for name in ["one", "two", "three"] {
        world.send(creator, &join(name));
        for n in 0..50 {
            world.send_bytes(creator, &command(101, "a", n));
        }
        if name != "three" {
            world.send(creator, &ClientMessage::LeaveRoom { room: String::new() });
        }
    }
    let gone = world.connect();
    world.disconnect(gone);
    let seen = world.read(slow);
    assert_eq!(kinds(&seen), ["CLIENT_UPDATE", "ROOM_UPDATE", "CLIENT_UPDATE"]);
    assert!(
        seen[1].contains(r#"{"three": {"name": "three","#) && seen[1].contains(r#""command_count": 50"#),
        "{seen:?}"
    );
    assert!(seen[2].contains(r#""room": "three""#) && !seen[2].contains("5003"), "{seen:?}");
}

// proves: MIX-BUG-1, MIX-BUG-3
#[test]
fn joiner_lost_in_the_middle_of_the_history_leaves_nothing_behind() {
    let mut limits = Limits::default();
    limits.history_chunk_bytes = 1000;
    let mut world = World::with(limits);
    let creator = world.room("r", &[]);
    for n in 0..100 {
        world.send_bytes(creator, &command(101, "a", 500 + n));
    }
    world.take(creator);
    let (lost, left) = (world.connect(), world.connect());
    world.read(left);
    for joiner in [lost, left] {
        world.queue(joiner, &join("r"));
    }
    assert!(world.server.metrics().queued_bytes < 200_000);
    world.send(creator, &ClientMessage::LeaveRoom { room: String::new() });
    world.send(creator, &ClientMessage::DeleteRoom { room: "r".into() });
    assert_eq!(world.read(creator).last().map(|line| line.contains("not empty")), Some(true));
    world.step(Input::Disconnected { client: lost });
    world.queue(left, &ClientMessage::LeaveRoom { room: String::new() });
    world.round();
    let seen = world.read(left);
    assert!(
        seen.contains(&"LEAVE_ROOM".to_owned()) && !seen.iter().any(|line| line.starts_with("JOIN_ROOM"))
    );
    assert_eq!(seen.last().map(String::as_str), Some("ROOM_DELETED r"));
    assert_eq!((world.server.metrics().rooms, world.server.metrics().stored_bytes), (0, 0));
}

// proves: MIX-BUG-10, MIX-BUG-11
#[test]
fn late_joiner_ends_with_exactly_the_rooms_state_when_commands_merge_while_it_reads() {
    for chunk in [1, 60, 5_000] {
        let mut limits = Limits::default();
        limits.history_chunk_bytes = chunk;
        let mut world = World::with(limits);
        let creator =
            world.room("r", &[command(101, "a", 100), command(101, "b", 100), command(201, "/x", 1)]);
        let joiner = world.connect();
        world.take(joiner);
        world.queue(joiner, &join("r"));
        let mut got = Vec::new();
        for n in 2..40_usize {
            // Reads a little, while the last command is replaced again and again.
            let some: Vec<u8> = world.server.unsent(joiner).flatten().copied().take(50).collect();
            world.step(Input::Written { client: joiner, count: some.len() });
            got.extend(some);
            world.bytes(creator, &command(201, "/x", n % 7));
        }
        got.extend(world.take(joiner));
        let last = support::lines(&got).into_iter().rfind(|line| line.starts_with("TRANSFORM"));
        assert_eq!(last, Some(format!("TRANSFORM {}", 6 + 39 % 7)), "chunk {chunk}");
    }
}

// proves: MIX-BUG-2, MIX-BUG-4
#[test]
fn member_that_does_not_read_is_dropped_by_name_and_the_others_get_everything() {
    let mut limits = Limits::default();
    limits.outbox_bytes = 10_000;
    let mut world = World::with(limits);
    let creator = world.room("r", &[]);
    let (deaf, other) = (world.connect(), world.connect());
    for member in [deaf, other] {
        world.send(member, &join("r"));
    }
    world.take(other);
    let mut got = 0;
    for _ in 0..100 {
        world.bytes(creator, &command(101, "a", 1000));
        got += kinds(&world.read(other)).iter().filter(|kind| **kind == "DELETE").count();
        assert!(world.server.metrics().queued_bytes < 12_000);
    }
    assert_eq!(got, 100);
    assert_eq!(world.closed.iter().map(|(client, _)| *client).collect::<Vec<_>>(), [deaf]);
    world.disconnect(deaf);
    assert!(world.read(other).iter().any(|line| line.starts_with("CLIENT_DISCONNECTED")));
}

// proves: MIX-BUG-4
#[test]
fn slow_member_holds_back_its_room_while_it_reads_and_for_one_window_when_it_does_not() {
    let mut limits = Limits::default();
    limits.hold_bytes = 10_000;
    let mut world = World::with(limits.clone());
    let creator = world.room("r", &[]);
    let (slow, outsider) = (world.connect(), world.connect());
    world.send(slow, &join("r"));
    world.take(slow);
    assert!(world.server.may_read(creator));
    world.bytes(creator, &command(101, "a", 12_000));
    assert!(!world.server.may_read(creator));
    assert!(world.server.may_read(outsider));
    // It reads: the room goes on.
    world.step(Input::Written { client: slow, count: 8_000 });
    assert_eq!(std::mem::take(&mut world.resumed), [creator]);
    assert!(world.server.may_read(creator));
    // It stops reading: the room goes on after one window, and is not held again.
    world.bytes(creator, &command(101, "a", 12_000));
    assert!(!world.server.may_read(creator));
    world.now += limits.hold_window;
    assert!(world.server.deadline().is_some_and(|deadline| deadline <= world.now));
    world.step(Input::EndOfRound);
    assert_eq!(std::mem::take(&mut world.resumed), [creator]);
    world.bytes(creator, &command(101, "a", 12_000));
    assert!(world.server.may_read(creator));
    // Once it has read everything, it counts again.
    world.take(slow);
    world.bytes(creator, &command(101, "a", 12_000));
    assert!(!world.server.may_read(creator));
    world.disconnect(slow);
    assert!(world.server.may_read(creator));
}

// proves: MIX-ACCESS-1
#[test]
fn locked_room_takes_only_who_knows_the_password_and_shows_it_to_nobody() {
    let mut world = World::new();
    let creator = world.room("r", &[]);
    let (stranger, friend) = (world.connect(), world.connect());
    world.send(stranger, &room_attributes("r", &format!(r#"{{"{PASSWORD}": "x"}}"#)));
    assert!(world.read(stranger).last().unwrap().contains("only a member"));
    world.send(creator, &room_attributes("r", &format!(r#"{{"{PASSWORD}": "secret", "a": 1}}"#)));
    world.send(friend, &client_attributes(&format!(r#"{{"{PASSWORD}": "secret"}}"#)));
    world.send(friend, &ClientMessage::ListClients);
    world.send(friend, &ClientMessage::ListRooms);
    for client in [creator, stranger, friend] {
        let seen = world.read(client);
        assert!(!seen.iter().any(|line| line.contains("secret") || line.contains(PASSWORD)), "{seen:?}");
    }
    for message in [join("r"), support::keep_open("r", true), room_attributes("r", "{\"a\": 2}")] {
        world.send(stranger, &message);
        assert!(world.read(stranger).last().unwrap().contains("locked"), "{message:?}");
    }
    world.send(friend, &join("r"));
    assert_eq!(world.read(friend)[0], "CLEAR_CONTENT");
    world.send(
        creator,
        &room_attributes("r", &format!(r#"{{"{PASSWORD}": null, "{ALLOW}": ["10.0.0.0/8"]}}"#)),
    );
    world.read(stranger);
    world.send(stranger, &join("r"));
    assert!(world.read(stranger)[0].contains("locked"));
    world.send(creator, &room_attributes("r", &format!(r#"{{"{ALLOW}": ["192.0.2.0/24"]}}"#)));
    world.read(stranger);
    world.send(stranger, &join("r"));
    assert_eq!(world.read(stranger)[0], "CLEAR_CONTENT");
}

// proves: MIX-KEEP-1
#[test]
fn no_member_is_sent_a_command_before_it_is_durable() {
    let mut world = World::keeping(Keeping::DurableBeforeRelay);
    let creator = world.room("r", &[]);
    let member = world.connect();
    world.send(member, &join("r"));
    world.read(member);
    world.stored.clear();
    world.send_bytes(creator, &command(101, "a", 0));
    assert!(world.read(member).is_empty());
    let joiner = world.connect();
    world.queue(joiner, &join("r"));
    assert!(!kinds(&world.read(joiner)).contains(&"DELETE"));
    let [StoreOp::Commands { ticket, frames, .. }] = &world.stored[..] else { panic!("{:?}", world.stored) };
    assert_eq!(*frames, command(101, "a", 0));
    let ticket = *ticket;
    world.step(Input::Durable { ticket });
    assert_eq!(kinds(&world.read(member))[0], "DELETE");
    assert!(kinds(&world.read(joiner)).contains(&"JOIN_ROOM"));
}

// proves: MIX-KEEP-2
#[test]
fn restored_room_is_as_it_was_and_joinable() {
    let mut world = World::keeping(Keeping::Logged);
    let creator = world.room("r", &[command(101, "a", 3), command(201, "/x", 1)]);
    world.send(creator, &room_attributes("r", &format!(r#"{{"b": [1], "{PASSWORD}": "secret"}}"#)));
    world.send(creator, &support::keep_open("r", true));
    let key = world.server.rooms()[0];
    let content = world.server.content(key).unwrap();
    let mut again = World::keeping(Keeping::Logged);
    again.server.restore(content.clone()).unwrap();
    assert!(again.server.restore(content).is_err());
    let client = again.connect();
    again.send(client, &client_attributes(&format!(r#"{{"{PASSWORD}": "secret"}}"#)));
    again.send(client, &ClientMessage::ListRooms);
    let seen = again.read(client);
    assert!(
        seen.last()
            .unwrap()
            .contains(r#"{"r": {"b": [1], "mvrx_locked": true, "name": "r", "keep_open": true"#),
        "{seen:?}"
    );
    again.send(client, &join("r"));
    let seen = again.read(client);
    assert_eq!(seen[..4], ["CLEAR_CONTENT", "DELETE 8", "TRANSFORM 7", "JOIN_ROOM r"]);
    assert!(again.stored.is_empty());
}

// proves: MIX-INV-7
#[test]
fn new_client_is_told_of_changes_only_after_its_listings_or_its_grace() {
    let mut world = World::new();
    let other = world.room("r", &[]);
    let (listing, silent) = (world.connect_quietly(), world.connect_quietly());
    world.queue(listing, &ClientMessage::ListClients);
    world.queue(other, &ClientMessage::LeaveRoom { room: String::new() });
    world.step(Input::EndOfRound);
    assert_eq!(kinds(&world.read(listing)), ["LIST_CLIENTS"]);
    assert!(world.read(silent).is_empty());
    world.queue(listing, &ClientMessage::ListRooms);
    assert_eq!(kinds(&world.read(listing)), ["LIST_ROOMS", "CLIENT_UPDATE"]);
    assert!(world.server.deadline().is_some());
    world.round();
    let seen = world.read(silent);
    assert_eq!(kinds(&seen), ["CLIENT_UPDATE"]);
    assert!(seen[0].contains(r#""ip": "192.0.2.1", "port": 5003, "room": null"#), "{seen:?}");
    assert_eq!(world.server.deadline(), None);
}

// proves: MIX-KEEP-9
#[test]
fn restored_room_outlives_who_looks_at_it_whether_it_was_kept_open_or_not() {
    let mut world = World::keeping(Keeping::Logged);
    world.room("r", &[command(101, "a", 3)]);
    let content = world.server.content(world.server.rooms()[0]).unwrap();
    let mut again = World::keeping(Keeping::Logged);
    again.server.restore(content).unwrap();
    let client = again.connect();
    again.send(client, &join("r"));
    again.send(client, &ClientMessage::LeaveRoom { room: "r".into() });
    assert_eq!(again.server.rooms().len(), 1);
}

// proves: MIX-KEEP-9
#[test]
fn lock_of_the_operator_stands_above_the_stored_one() {
    let mut world = World::keeping(Keeping::Logged);
    world.server.lock_room("r", "old");
    let creator = world.connect();
    world.send(creator, &client_attributes(&format!(r#"{{"{PASSWORD}": "old"}}"#)));
    world.send(creator, &join("r"));
    let content = world.server.content(world.server.rooms()[0]).unwrap();
    let mut again = World::keeping(Keeping::Logged);
    again.server.lock_room("r", "new");
    again.server.restore(content).unwrap();
    for (password, enters) in [("old", false), ("new", true)] {
        let client = again.connect();
        again.send(client, &client_attributes(&format!(r#"{{"{PASSWORD}": "{password}"}}"#)));
        again.send(client, &join("r"));
        let joined = kinds(&again.read(client)).contains(&"JOIN_ROOM");
        assert_eq!(joined, enters, "{password}");
    }
}

/// How many clients with this password enter, of one.
fn enters(world: &mut World, password: &str) -> bool {
    let client = world.connect();
    world.send(client, &client_attributes(&format!(r#"{{"{PASSWORD}": "{password}"}}"#)));
    world.send(client, &join("r"));
    let entered = kinds(&world.read(client)).contains(&"JOIN_ROOM");
    world.disconnect(client);
    entered
}

// proves: MIX-ACCESS-2
#[test]
fn no_member_takes_away_or_changes_the_password_of_the_operator() {
    let mut world = World::new();
    world.server.lock_room("r", "operator's");
    let creator = world.connect();
    world.send(creator, &client_attributes(&format!(r#"{{"{PASSWORD}": "operator's"}}"#)));
    world.send(creator, &join("r"));
    world.send(creator, &ClientMessage::Content);
    for password in ["null", "\"mine\""] {
        world.take(creator);
        world.send(creator, &room_attributes("r", &format!(r#"{{"{PASSWORD}": {password}, "x": 1}}"#)));
        assert_eq!(
            world.read(creator),
            ["SEND_ERROR the password of room r is the operator's; no client changes it"]
        );
        assert!(!enters(&mut world, "mine") && !enters(&mut world, ""), "{password}");
        assert!(enters(&mut world, "operator's"));
    }
}

// proves: MIX-ACCESS-2
#[test]
fn stored_list_of_networks_holds_beside_the_password_of_the_operator() {
    let mut world = World::keeping(Keeping::Logged);
    let creator = world.room("r", &[]);
    world.send(
        creator,
        &room_attributes("r", &format!(r#"{{"{ALLOW}": ["10.0.0.0/8"], "{PASSWORD}": "mine"}}"#)),
    );
    let content = world.server.content(world.server.rooms()[0]).unwrap();
    let mut again = World::keeping(Keeping::Logged);
    again.server.lock_room("r", "operator's");
    let key = again.server.restore(content).unwrap();
    assert!(!enters(&mut again, "operator's"), "its address is on no list");
    // The members' own password is kept for when the operator's is gone.
    let stored = again.server.content(key).unwrap().attributes;
    assert_eq!(stored.find(PASSWORD), Some(&"mine".into()));
    assert!(stored.find(ALLOW).is_some());
}

// proves: MIX-ACCESS-1, MIX-LIMIT-1
#[test]
fn refused_change_of_attributes_locks_nobody_out() {
    let mut limits = Limits::default();
    limits.attribute_bytes = 500;
    let mut world = World::with(limits);
    let creator = world.room("r", &[]);
    let long = "x".repeat(100);
    world.send(creator, &room_attributes("r", &format!(r#"{{"{PASSWORD}": "p", "a": "{long}"}}"#)));
    assert!(world.read(creator)[0].starts_with("SEND_ERROR attributes of"));
    assert!(enters(&mut world, "anything"));
}

// proves: MIX-KEEP-11
#[test]
fn attributes_are_stored_once_for_all_changes_of_a_round_and_not_without_one() {
    let mut world = World::keeping(Keeping::Logged);
    let creator = world.room("r", &[]);
    world.stored.clear();
    for value in 0..100 {
        world.queue(creator, &room_attributes("r", &format!(r#"{{"x": {value}, "{PASSWORD}": "p"}}"#)));
    }
    world.round();
    let [StoreOp::Attributes { attributes, .. }] = &world.stored[..] else { panic!("{:?}", world.stored) };
    assert!(attributes.contains("\"x\": 99") && attributes.contains(PASSWORD), "{attributes}");
    world.stored.clear();
    for _ in 0..100 {
        world.send(creator, &room_attributes("r", &format!(r#"{{"x": 99.0, "{PASSWORD}": "p"}}"#)));
    }
    assert!(world.stored.is_empty(), "{:?}", world.stored);
    for (password, stored) in [("\"q\"", 1), ("\"q\"", 1), ("null", 2)] {
        world.send(creator, &room_attributes("r", &format!(r#"{{"{PASSWORD}": {password}}}"#)));
        assert_eq!(world.stored.len(), stored, "{password}");
    }
}

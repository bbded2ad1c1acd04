//! Rooms that were not whole when their sender and their server went.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use mixer_proto::message::ClientMessage;
use mixer_proto::server::{Input, Keeping, StoreOp};
use support::{World, command, join, kinds};

// proves: MIX-KEEP-13
#[test]
fn joiner_is_sent_nothing_of_a_room_before_it_is_durable_that_the_room_is_joinable() {
    let mut world = World::keeping(Keeping::DurableBeforeRelay);
    let creator = world.connect();
    world.send(creator, &join("r"));
    world.send_bytes(creator, &command(101, "a", 0));
    let Some(StoreOp::Commands { ticket, .. }) = world.stored.last() else { panic!("{:?}", world.stored) };
    let ticket = *ticket;
    world.step(Input::Durable { ticket });
    // All in one round.
    world.queue(creator, &ClientMessage::Content);
    let joiner = world.connect_quietly();
    world.queue(joiner, &join("r"));
    assert!(!kinds(&world.read(joiner)).contains(&"DELETE"));
    let Some(StoreOp::Attributes { ticket, attributes, .. }) = world.stored.last() else {
        panic!("{:?}", world.stored)
    };
    assert!(attributes.contains("\"joinable\": true"), "{attributes}");
    let ticket = *ticket;
    world.step(Input::Durable { ticket });
    assert!(kinds(&world.read(joiner)).contains(&"DELETE"));
}

// proves: MIX-KEEP-13
#[test]
fn room_that_was_sent_in_part_is_not_joinable_when_it_comes_back_and_the_next_client_begins_it_anew() {
    let mut world = World::new();
    let creator = world.connect();
    world.send(creator, &join("r"));
    world.send_bytes(creator, &command(101, "half", 0));
    let key = world.server.rooms()[0];
    let content = world.server.content(key).unwrap();
    let mut again = World::keeping(Keeping::Logged);
    again.server.restore(content).unwrap();
    assert_eq!(again.server.metrics().stored_bytes, 0);
    let (next, other) = (again.connect(), again.connect());
    again.take(next);
    again.send(next, &join("r"));
    assert_eq!(kinds(&again.read(next))[..2], ["JOIN_ROOM", "CONTENT"]);
    assert!(matches!(again.stored[..], [StoreOp::Create { .. }]), "what was there is void");
    again.send_bytes(next, &command(101, "whole", 0));
    again.send(next, &ClientMessage::Content);
    again.take(other);
    again.send(other, &join("r"));
    let seen = again.read(other);
    assert_eq!(kinds(&seen)[..4], ["CLEAR_CONTENT", "ROOM_UPDATE", "DELETE", "JOIN_ROOM"]);
    assert_eq!(seen[2], "DELETE 9", "the whole one and nothing of the half");
}

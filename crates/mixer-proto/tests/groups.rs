//! What begins as a group in a room ends there, whoever goes and however full it is.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use bytes::Bytes;
use mixer_proto::code::{GROUP_BEGIN, GROUP_END};
use mixer_proto::frame;
use mixer_proto::message::ClientMessage;
use mixer_proto::server::{Keeping, Limits, RoomServer, StoreOp};
use support::{World, command, join, keep_open, lines};

fn begin() -> Bytes {
    frame::encode(GROUP_BEGIN, 1, &[0; 4])
}

fn end() -> Bytes {
    frame::encode(GROUP_END, 1, &[])
}

/// The commands among what a client got.
fn commands(lines: Vec<String>) -> Vec<String> {
    let command = |line: &String| ["GROUP", "DELETE", "FRAME"].iter().any(|kind| line.starts_with(kind));
    lines.into_iter().filter(command).collect()
}

fn joined(world: &mut World, room: &str) -> (mixer_proto::server::ClientKey, Vec<String>) {
    let member = world.connect();
    world.send(member, &join(room));
    let seen = commands(world.read(member));
    (member, seen)
}

// proves: MIX-CMD-7
#[test]
fn groups_of_a_member_that_goes_are_ended_for_the_others_for_joiners_and_on_disk() {
    for leaves in [true, false] {
        let mut world = World::keeping(Keeping::Logged);
        let creator = world.room("r", &[]);
        let (member, _) = joined(&mut world, "r");
        world.send_bytes(creator, &[begin(), begin(), command(101, "a", 0), end(), begin()].concat());
        world.send_bytes(member, &[begin(), end()].concat());
        world.take(member);
        if leaves {
            world.send(creator, &ClientMessage::LeaveRoom { room: String::new() });
        } else {
            world.disconnect(creator);
        }
        assert_eq!(commands(world.read(member)), ["GROUP_END 0", "GROUP_END 0"]);
        let (_, history) = joined(&mut world, "r");
        let of = |kind: &str| history.iter().filter(|line| line.starts_with(kind)).count();
        assert_eq!((of("GROUP_BEGIN"), of("GROUP_END")), (4, 4), "{history:?}");
        let stored = world.stored.iter().filter_map(|operation| match operation {
            StoreOp::Commands { frames, .. } => Some(lines(frames).len()),
            _ => None,
        });
        assert_eq!(stored.sum::<usize>(), 9);
        // Nothing is owed any more.
        world.disconnect(member);
    }
}

// proves: MIX-CMD-7
#[test]
fn group_that_a_room_ends_with_is_ended_only_where_the_room_is_kept() {
    let mut world = World::new();
    let creator = world.room("r", &[]);
    world.send(creator, &keep_open("r", true));
    world.send_bytes(creator, &begin());
    world.disconnect(creator);
    assert_eq!(joined(&mut world, "r").1, ["GROUP_BEGIN 4", "GROUP_END 0"]);
}

// proves: MIX-CMD-7, MIX-LIMIT-2
#[test]
fn full_room_takes_the_end_of_a_group_it_took_and_of_no_other() {
    let mut limits = Limits::default();
    limits.room_bytes = 18 + 20;
    let mut world = World::with(limits);
    let creator = world.room("r", &[]);
    let (member, _) = joined(&mut world, "r");
    world.take(creator);
    let inner = [begin(), command(205, "", 0), end()].concat();
    world.send_bytes(creator, &[begin(), command(101, "ab", 0), inner.into(), end()].concat());
    assert_eq!(commands(world.read(member)), ["GROUP_BEGIN 4", "DELETE 6", "FRAME 4", "GROUP_END 0"]);
    assert!(world.read(creator)[0].ends_with("2 commands were neither stored nor sent on"));
    assert_eq!(world.server.metrics().stored_bytes, 18 + 20 + 14);
}

// proves: MIX-CMD-7, MIX-LIMIT-2
#[test]
fn end_of_a_group_brings_nothing_into_a_full_room() {
    let mut limits = Limits::default();
    limits.room_bytes = 18;
    let mut world = World::with(limits);
    let creator = world.room("r", &[]);
    let (member, _) = joined(&mut world, "r");
    world.send_bytes(creator, &[begin(), frame::encode(GROUP_END, 1, &[0; 1000])].concat());
    assert_eq!(commands(world.read(member)), ["GROUP_BEGIN 4", "GROUP_END 0"]);
}

// proves: MIX-CMD-7
#[test]
fn client_opens_a_thousand_groups_and_not_one_more() {
    let mut world = World::new();
    let creator = world.room("r", &[]);
    let (member, _) = joined(&mut world, "r");
    world.send_bytes(creator, &begin().repeat(1000));
    assert_eq!(commands(world.read(member)).len(), 1000);
    world.take(creator);
    world.send_bytes(creator, &begin());
    let told = "SEND_ERROR 1000 groups are open: 1 more were neither stored nor sent on";
    assert_eq!(world.read(creator)[0], told);
    world.send_bytes(creator, &end().repeat(1001));
    assert_eq!(commands(world.read(member)).len(), 1000);
    world.send_bytes(creator, &begin());
    assert_eq!(commands(world.read(member)), ["GROUP_BEGIN 4"]);
}

// proves: MIX-CMD-7
#[test]
fn room_that_comes_back_in_the_middle_of_groups_has_their_ends() {
    let mut world = World::new();
    world.room("r", &[begin(), command(101, "a", 0), begin()]);
    let key = world.server.rooms()[0];
    let mut content = world.server.content(key).unwrap();
    for _ in 0..2 {
        world.server = RoomServer::new(Limits::default());
        world.server.restore(content.clone()).unwrap();
        let (_, history) = joined(&mut world, "r");
        assert_eq!(history, ["GROUP_BEGIN 4", "DELETE 5", "GROUP_BEGIN 4", "GROUP_END 0", "GROUP_END 0"]);
        // They are not doubled when it comes back once more.
        let key = world.server.rooms()[0];
        content = world.server.content(key).unwrap();
    }
}

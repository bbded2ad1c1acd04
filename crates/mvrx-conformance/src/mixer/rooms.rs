//! Rooms: how they begin, are joined, are left and end, and what is told of them.

use serde_json::{Value, json};

use super::clients::is;
use super::guest::{Guest, join, join_with, json as object, text, truth};
use super::{
    CLEAR_CONTENT, CLIENT_UPDATE, CONTENT, DELETE_ROOM, JOIN_ROOM, KEEP_OPEN, LEAVE_ROOM, LIST_ROOMS,
    ROOM_DELETED, ROOM_UPDATE, SEND_ERROR, SET_ROOM, room_name,
};
use crate::case::{Case, field, must};
use crate::verdict::{Outcome, fail};
use crate::visit::Visit;

const JOIN: &str = "JOIN_ROOM";
const LEAVE: &str = "LEAVE_ROOM";
const ATTRIBUTES: &str = "Room: server attributes";

pub(super) const CASES: &[Case] = &[
    must(
        "create-answered",
        JOIN,
        "Who joins a room that is not there gets JOIN_ROOM with its name, then CONTENT.",
        &["MIX-ROW-13"],
        |v| {
            let mut guest = Guest::arrive(v)?;
            let name = room_name(v)?;
            guest.say(JOIN_ROOM, &join(&name))?;
            let first = guest.until(|frame| matches!(frame.kind, JOIN_ROOM | CONTENT), "no JOIN_ROOM")?;
            if first.kind == CONTENT {
                return fail("CONTENT came before JOIN_ROOM");
            }
            if first.text() != Some(&name) {
                return fail("JOIN_ROOM has another name");
            }
            let early = guest.until(|frame| matches!(frame.kind, CONTENT | ROOM_UPDATE), "no CONTENT")?;
            if early.kind == CONTENT { Ok(()) } else { fail("ROOM_UPDATE came before CONTENT") }
        },
    ),
    must(
        "create-told",
        JOIN,
        "All clients are told of a new room, with all its attributes, joinable false.",
        &["MIX-ROW-12"],
        |v| {
            let (mut other, _creator, name) = created(v)?;
            let told = other.room_told(&name, |_| true)?;
            for key in ["keep_open", "command_count", "byte_size"] {
                is(&told, key, |_| true)?;
            }
            is(&told, "joinable", |value| value == &json!(false))
        },
    ),
    must(
        "create-client-told",
        JOIN,
        "All clients are told that who made a room is in it: the attribute room alone.",
        &["MIX-LIFE-1"],
        |v| {
            let (mut other, creator, name) = created(v)?;
            let told = other.client_told(&creator.id, |change| change.get("room") == Some(&json!(name)))?;
            if told == json!({ "room": name }) { Ok(()) } else { fail(format!("{told} was told")) }
        },
    ),
    must(
        "content-makes-joinable",
        "CONTENT",
        "CONTENT from who made the room makes it joinable, and that alone is told.",
        &["MIX-LIFE-2"],
        |v| {
            let (mut other, mut creator, name) = created(v)?;
            other.room_told(&name, |_| true)?;
            creator.wait_for(CONTENT)?;
            creator.say(CONTENT, b"")?;
            let told = other.room_told(&name, |_| true)?;
            if told == json!({ "joinable": true }) { Ok(()) } else { fail(format!("{told} was told")) }
        },
    ),
    must(
        "join-order",
        JOIN,
        "Who joins a room that is there gets CLEAR_CONTENT, then what the room holds, then JOIN_ROOM.",
        &["MIX-ROW-14", "MIX-INV-3"],
        join_order,
    ),
    must(
        "join-client-told",
        JOIN,
        "All clients are told who joined: the attribute room alone.",
        &["MIX-LIFE-3"],
        |v| {
            let (mut owner, name) = Guest::with_room(v)?;
            let joined = Guest::in_room(v, &name)?;
            let told = owner.client_told(&joined.id, |change| change.get("room") == Some(&json!(name)))?;
            if told == json!({ "room": name }) { Ok(()) } else { fail(format!("{told} was told")) }
        },
    ),
    must("join-twice", JOIN, "Who is in a room already is answered with SEND_ERROR.", &["MIX-CASE-6"], |v| {
        let (mut guest, _) = Guest::with_room(v)?;
        let other = room_name(v)?;
        guest.say(JOIN_ROOM, &join(&other))?;
        guest.wait_for(SEND_ERROR).map(drop)
    }),
    must("join-without-name", "Room", "A room has a name that is not empty.", &["MIX-ROW-11"], |v| {
        let mut guest = Guest::arrive(v)?;
        guest.say(JOIN_ROOM, &join(""))?;
        let answer = guest.until(
            |frame| matches!(frame.kind, SEND_ERROR | JOIN_ROOM),
            "neither SEND_ERROR nor JOIN_ROOM",
        )?;
        if answer.kind == SEND_ERROR { Ok(()) } else { fail("a room without a name is joined") }
    }),
    must(
        "leave-told",
        LEAVE,
        "All clients are told who left: the attribute room, null.",
        &["MIX-LIFE-4"],
        |v| {
            let (mut owner, name) = Guest::with_room(v)?;
            let mut guest = Guest::in_room(v, &name)?;
            owner.client_told(&guest.id, |change| change.get("room") == Some(&json!(name)))?;
            // Also that it had none when it came.
            owner.forget()?;
            guest.say(LEAVE_ROOM, name.as_bytes())?;
            let told = owner.client_told(&guest.id, |change| change.get("room") == Some(&Value::Null))?;
            if told == json!({ "room": null }) { Ok(()) } else { fail(format!("{told} was told")) }
        },
    ),
    field(
        "leave-answered",
        "Leaving is answered by an empty LEAVE_ROOM: clients wait for it.",
        &["MIX-ROW-4"],
        |v| {
            let (mut guest, name) = Guest::with_room(v)?;
            guest.say(LEAVE_ROOM, name.as_bytes())?;
            let answer = guest.wait_for(LEAVE_ROOM)?;
            if answer.payload.is_empty() { Ok(()) } else { fail("it is not empty") }
        },
    ),
    must(
        "leave-ends-the-room",
        LEAVE,
        "A room that is not kept open ends with its last client, which all are told.",
        &["MIX-LIFE-4"],
        |v| {
            let mut other = Guest::arrive(v)?;
            let (mut guest, name) = Guest::with_room(v)?;
            other.knows_room(&name)?;
            guest.say(LEAVE_ROOM, name.as_bytes())?;
            deleted(&mut other, &name)?;
            let rooms = other.list(LIST_ROOMS)?;
            if rooms.get(&name).is_some() { fail("it is still listed") } else { Ok(()) }
        },
    ),
    must("leave-outside", LEAVE, "Who is in no room is answered with SEND_ERROR.", &["MIX-CASE-6"], |v| {
        let mut guest = Guest::arrive(v)?;
        guest.say(LEAVE_ROOM, b"")?;
        guest.wait_for(SEND_ERROR).map(drop)
    }),
    must(
        "list-rooms",
        "LIST_ROOMS",
        "LIST_ROOMS is answered with an object of all rooms' attributes by their names.",
        &["MIX-WORLD-1"],
        |v| listed(v).map(drop),
    ),
    must("room-has-keep-open", ATTRIBUTES, "A room tells whether it is kept open.", &["MIX-LIFE-1"], |v| {
        is(&listed(v)?, "keep_open", Value::is_boolean)
    }),
    must("room-has-count", ATTRIBUTES, "A room tells how many commands it holds.", &["MIX-CMD-4"], |v| {
        is(&listed(v)?, "command_count", Value::is_u64)
    }),
    must("room-has-size", ATTRIBUTES, "A room tells how many bytes it holds.", &["MIX-CMD-4"], |v| {
        is(&listed(v)?, "byte_size", Value::is_u64)
    }),
    must("room-has-joinable", ATTRIBUTES, "A room tells whether it can be joined.", &["MIX-LIFE-2"], |v| {
        is(&listed(v)?, "joinable", |value| value == &json!(true))
    }),
    must("room-has-name", ATTRIBUTES, "A room has its name as an attribute.", &["MIX-ROW-10"], |v| {
        is(&listed(v)?, "name", Value::is_string)
    }),
    must(
        "keep-open-told",
        "SET_ROOM_KEEP_OPEN",
        "A change of keep_open is told to all clients, and that alone.",
        &["MIX-CASE-4"],
        |v| {
            let mut other = Guest::arrive(v)?;
            let (mut guest, name) = Guest::with_room(v)?;
            other.forget()?;
            guest.say(KEEP_OPEN, &[text(&name), truth(true)].concat())?;
            let told = other.room_told(&name, |_| true)?;
            if told == json!({ "keep_open": true }) { Ok(()) } else { fail(format!("{told} was told")) }
        },
    ),
    must(
        "keep-open-same-again",
        "SET_ROOM_KEEP_OPEN",
        "Where nothing has changed nothing is told.",
        &["MIX-CASE-4"],
        |v| {
            let (mut guest, name) = Guest::with_room(v)?;
            guest.forget()?;
            guest.say(KEEP_OPEN, &[text(&name), truth(false)].concat())?;
            guest.nothing(
                |frame| frame.kind == ROOM_UPDATE && frame.json().is_some_and(|all| all.get(&name).is_some()),
                "ROOM_UPDATE",
            )
        },
    ),
    must(
        "keep-open-keeps",
        LEAVE,
        "A room that is kept open stays when the last client leaves it.",
        &["MIX-CASE-4"],
        |v| {
            let (mut guest, name) = kept(v)?;
            let rooms = guest.list(LIST_ROOMS)?;
            guest.say(DELETE_ROOM, name.as_bytes())?;
            deleted(&mut guest, &name)?;
            if rooms.get(&name).is_some() { Ok(()) } else { fail("it is not listed any more") }
        },
    ),
    must(
        "keep-open-unknown",
        "SET_ROOM_KEEP_OPEN",
        "A room that is not there is answered with SEND_ERROR.",
        &["MIX-ROW-8"],
        |v| {
            let mut guest = Guest::arrive(v)?;
            let name = room_name(v)?;
            guest.say(KEEP_OPEN, &[text(&name), truth(true)].concat())?;
            guest.wait_for(SEND_ERROR).map(drop)
        },
    ),
    must(
        "delete-told",
        "DELETE_ROOM",
        "All clients are told that a room was deleted.",
        &["MIX-CASE-4"],
        |v| {
            let mut other = Guest::arrive(v)?;
            let (mut guest, name) = kept(v)?;
            other.knows_room(&name)?;
            guest.say(DELETE_ROOM, name.as_bytes())?;
            deleted(&mut other, &name)
        },
    ),
    must(
        "delete-unknown",
        "DELETE_ROOM",
        "A room that is not there is answered with SEND_ERROR.",
        &["MIX-ROW-7"],
        |v| {
            let mut guest = Guest::arrive(v)?;
            let name = room_name(v)?;
            guest.say(DELETE_ROOM, name.as_bytes())?;
            guest.wait_for(SEND_ERROR).map(drop)
        },
    ),
    must(
        "delete-occupied",
        "DELETE_ROOM",
        "A room that somebody is in is not deleted, and is answered with SEND_ERROR.",
        &["MIX-ROW-7"],
        |v| {
            let (mut guest, name) = Guest::with_room(v)?;
            guest.say(DELETE_ROOM, name.as_bytes())?;
            guest.wait_for(SEND_ERROR)?;
            let rooms = guest.list(LIST_ROOMS)?;
            if rooms.get(&name).is_some() { Ok(()) } else { fail("it was deleted") }
        },
    ),
    must(
        "room-attributes-told",
        "SET_ROOM_CUSTOM_ATTRIBUTES",
        "What is set of a room is told to all clients, only what has changed.",
        &["MIX-INV-4"],
        |v| {
            let mut other = Guest::arrive(v)?;
            let (mut guest, name) = Guest::with_room(v)?;
            other.forget()?;
            guest.say(SET_ROOM, &[text(&name), object(&json!({ "conform": 1 }))].concat())?;
            let told = other.room_told(&name, |_| true)?;
            if told == json!({ "conform": 1 }) { Ok(()) } else { fail(format!("{told} was told")) }
        },
    ),
    must(
        "room-attributes-same-again",
        "SET_ROOM_CUSTOM_ATTRIBUTES",
        "Where nothing has changed nothing is told.",
        &["MIX-JSON-4"],
        |v| {
            let (mut guest, name) = Guest::with_room(v)?;
            let set = [text(&name), object(&json!({ "conform": { "deep": [1] } }))].concat();
            guest.say(SET_ROOM, &set)?;
            guest.forget()?;
            guest.say(SET_ROOM, &set)?;
            guest.nothing(
                |frame| frame.kind == ROOM_UPDATE && frame.json().is_some_and(|all| all.get(&name).is_some()),
                "ROOM_UPDATE",
            )
        },
    ),
    must(
        "room-attributes-unknown",
        "SET_ROOM_CUSTOM_ATTRIBUTES",
        "A room that is not there is answered with SEND_ERROR.",
        &["MIX-ROW-8"],
        |v| {
            let mut guest = Guest::arrive(v)?;
            let name = room_name(v)?;
            guest.say(SET_ROOM, &[text(&name), object(&json!({ "conform": 1 }))].concat())?;
            guest.wait_for(SEND_ERROR).map(drop)
        },
    ),
    must(
        "room-attributes-of-the-server",
        "Room",
        "What the server sets cannot be changed by clients.",
        &["MIX-ROW-9"],
        |v| {
            let (mut guest, name) = Guest::with_room(v)?;
            let spoof = json!({ "command_count": 7, "byte_size": 7, "joinable": false, "keep_open": true });
            guest.say(SET_ROOM, &[text(&name), object(&spoof)].concat())?;
            let rooms = guest.list(LIST_ROOMS)?;
            let room = rooms.get(&name).cloned().unwrap_or_default();
            for (key, value) in [
                ("command_count", json!(0)),
                ("byte_size", json!(0)),
                ("joinable", json!(true)),
                ("keep_open", json!(false)),
            ] {
                is(&room, key, |now| *now == value)?;
            }
            Ok(())
        },
    ),
    field(
        "join-too-early",
        "A room whose content is not complete refuses by SEND_ERROR.",
        &["MIX-ROW-3"],
        |v| {
            let (mut other, _creator, name) = created(v)?;
            other.say(JOIN_ROOM, &join(&name))?;
            let answer = other.until(
                |frame| matches!(frame.kind, SEND_ERROR | JOIN_ROOM),
                "neither SEND_ERROR nor JOIN_ROOM",
            )?;
            if answer.kind == SEND_ERROR { Ok(()) } else { fail("it is joined") }
        },
    ),
    field(
        "join-other-version",
        "A joiner of other versions is refused by SEND_ERROR.",
        &["MIX-ROW-2"],
        |v| {
            let (_owner, name) = Guest::with_room(v)?;
            let mut other = Guest::arrive(v)?;
            other.say(JOIN_ROOM, &join_with(&name, "another version", false))?;
            let answer = other.until(
                |frame| matches!(frame.kind, SEND_ERROR | JOIN_ROOM),
                "neither SEND_ERROR nor JOIN_ROOM",
            )?;
            if answer.kind == SEND_ERROR { Ok(()) } else { fail("it is joined") }
        },
    ),
    must(
        "join-name-alone",
        "JOIN_ROOM, data",
        "JOIN_ROOM may have the room's name alone.",
        &["MIX-ROW-1"],
        |v| {
            let mut guest = Guest::arrive(v)?;
            let name = room_name(v)?;
            guest.say(JOIN_ROOM, &text(&name))?;
            guest.wait_for(CONTENT).map(drop)
        },
    ),
];

/// One who looks on, one who has begun a room, and its name.
fn created(v: &mut Visit<'_>) -> Outcome<(Guest, Guest, String)> {
    let (mut other, mut creator) = (Guest::arrive(v)?, Guest::arrive(v)?);
    other.knows_client(&creator.id)?;
    other.forget()?;
    let name = room_name(v)?;
    creator.say(JOIN_ROOM, &join(&name))?;
    creator.wait_for(JOIN_ROOM)?;
    Ok((other, creator, name))
}

/// A room that is kept open and that nobody is in, and who made it.
fn kept(v: &mut Visit<'_>) -> Outcome<(Guest, String)> {
    let (mut guest, name) = Guest::with_room(v)?;
    guest.say(KEEP_OPEN, &[text(&name), truth(true)].concat())?;
    guest.room_told(&name, |room| room.get("keep_open") == Some(&json!(true)))?;
    guest.say(LEAVE_ROOM, name.as_bytes())?;
    let id = guest.id.clone();
    guest.client_told(&id, |change| change.get("room") == Some(&Value::Null))?;
    Ok((guest, name))
}

/// The attributes of a new room in the listing.
fn listed(v: &mut Visit<'_>) -> Outcome<Value> {
    let (mut guest, name) = Guest::with_room(v)?;
    let rooms = guest.list(LIST_ROOMS)?;
    match rooms.get(&name) {
        Some(room) if room.is_object() => Ok(room.clone()),
        _ => fail("the room is not in the listing"),
    }
}

pub(super) fn deleted(guest: &mut Guest, name: &str) -> Outcome {
    guest
        .until(|frame| frame.kind == ROOM_DELETED && frame.text() == Some(name), "no ROOM_DELETED of it")
        .map(drop)
}

fn join_order(v: &mut Visit<'_>) -> Outcome {
    let (mut owner, name) = Guest::with_room(v)?;
    for part in [&b"one"[..], b"two"] {
        owner.say(super::OBJECT_VISIBILITY, part)?;
    }
    owner.room_told(&name, |room| room.get("command_count") == Some(&json!(2)))?;
    let mut guest = Guest::arrive(v)?;
    guest.forget()?;
    guest.say(JOIN_ROOM, &join(&name))?;
    // One after the other, since frames that were kept would hide their order.
    let mut seen = Vec::new();
    while seen.last() != Some(&JOIN_ROOM) {
        let frame =
            guest.until(|frame| !matches!(frame.kind, ROOM_UPDATE | CLIENT_UPDATE), "no JOIN_ROOM")?;
        seen.push(frame.kind);
    }
    let wanted = [CLEAR_CONTENT, super::OBJECT_VISIBILITY, super::OBJECT_VISIBILITY, JOIN_ROOM];
    if seen == wanted { Ok(()) } else { fail(format!("the types came as {seen:?}, not as {wanted:?}")) }
}

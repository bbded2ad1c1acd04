//! What clients of a Mixer server are judged by.

use super::cases::{Seen, must, nothing};
use super::watched::{Came, Watched};
use crate::case::{Binding, Case, watching};
use crate::mixer::{
    CLIENT_ID, COMMAND, CONTENT, DELETE_ROOM, JOIN_ROOM, KEEP_OPEN, LEAVE_ROOM, LIST_CLIENTS, LIST_ROOMS,
    SET_CLIENT, SET_CLIENT_NAME, SET_ROOM,
};
use crate::verdict::{Finding, Verdict};

const FIELD: &str = "found in the field";
const FRAMES: &str = "Low level protocol";
const JOIN: &str = "JOIN_ROOM";

pub(super) const CASES: &[Case] = &[
    must("client-comes", FRAMES, "A client connects and says something.", &["MIX-FRAME-1"], |w| {
        if w.mixer.came.is_empty() { failed("nobody came", &[]) } else { Ok(()) }
    }),
    must(
        "client-frame-order",
        FRAMES,
        "The numbers of a frame are written with their lowest byte first.",
        &["MIX-FRAME-1", "MIX-ROW-19"],
        |w| about(w, "client-frame-order", "frame", |_| true),
    ),
    must(
        "client-frame-type",
        "Commands / Messages",
        "A frame has a type that a client may send.",
        &["MIX-ROW-18"],
        |w| about(w, "client-frame-type", "frame", |_| true),
    ),
    watching(
        "client-asks-empty",
        FIELD,
        "LIST_ROOMS, LIST_CLIENTS, CLIENT_ID and CONTENT are empty.",
        Binding::Field,
        &["MIX-ROW-5"],
        |w| {
            let empty = |came: &Came| matches!(came.kind, CLIENT_ID | LIST_CLIENTS | LIST_ROOMS | CONTENT);
            about(w, "client-asks-empty", "such frame", empty)
        },
    ),
    must("client-join-room", JOIN, "JOIN_ROOM begins with the room's name.", &["MIX-ROW-11"], |w| {
        about(w, "client-join-room", "JOIN_ROOM", |came| came.kind == JOIN_ROOM)
    }),
    watching(
        "client-join-versions",
        FIELD,
        "JOIN_ROOM tells the versions of Blender and of Mixer, which servers compare.",
        Binding::Field,
        &["MIX-ROW-2"],
        |w| about(w, "client-join-versions", "JOIN_ROOM", |came| came.kind == JOIN_ROOM),
    ),
    watching(
        "client-join-flags",
        FIELD,
        "JOIN_ROOM ends with two truth values of 4 bytes.",
        Binding::Field,
        &["MIX-ROW-1", "MIX-PRIM-2"],
        |w| about(w, "client-join-flags", "JOIN_ROOM", |came| came.kind == JOIN_ROOM),
    ),
    must("client-join-once", JOIN, "Who is in a room joins no other.", &["MIX-CASE-6"], |w| {
        about(w, "client-join-once", "JOIN_ROOM", |came| came.kind == JOIN_ROOM)
    }),
    must("client-leave-inside", "LEAVE_ROOM", "Only who is in a room leaves it.", &["MIX-CASE-6"], |w| {
        about(w, "client-leave-inside", "LEAVE_ROOM", |came| came.kind == LEAVE_ROOM)
    }),
    watching(
        "client-raw-names",
        FIELD,
        "LEAVE_ROOM, DELETE_ROOM and SET_CLIENT_NAME are a name without a length.",
        Binding::Field,
        &["MIX-RAW-1"],
        |w| {
            let raw = |came: &Came| matches!(came.kind, LEAVE_ROOM | DELETE_ROOM | SET_CLIENT_NAME);
            about(w, "client-raw-names", "such frame", raw)
        },
    ),
    must(
        "client-content",
        "CONTENT",
        "Who makes a room sends what is in it, and CONTENT when that is all.",
        &["MIX-LIFE-2"],
        |w| {
            let judged = || w.mixer.begun.iter().filter_map(|(sent, seen)| Some(((*sent)?, seen)));
            match judged().find(|(sent, _)| !sent) {
                Some((_, seen)) => failed("no CONTENT came", seen),
                None if judged().next().is_none() => nothing("room was made"),
                None => Ok(()),
            }
        },
    ),
    must(
        "client-content-once",
        "CONTENT",
        "CONTENT is sent for a room that waits for it, once.",
        &["MIX-CASE-3"],
        |w| about(w, "client-content-once", "CONTENT", |came| came.kind == CONTENT),
    ),
    must("client-commands-inside", "Room", "Commands are sent by who is in a room.", &["MIX-CASE-5"], |w| {
        about(w, "client-commands-inside", "command", |came| came.kind > COMMAND)
    }),
    must(
        "client-attributes",
        "SET_CLIENT_CUSTOM_ATTRIBUTES",
        "What a client sets is an object of JSON.",
        &["MIX-CASE-7"],
        |w| about(w, "client-attributes", "SET_CLIENT_CUSTOM_ATTRIBUTES", |came| came.kind == SET_CLIENT),
    ),
    must(
        "client-own-attributes",
        "SET_CLIENT_CUSTOM_ATTRIBUTES",
        "Attributes that are the server's are not set.",
        &["MIX-ROW-9"],
        |w| about(w, "client-own-attributes", "SET_CLIENT_CUSTOM_ATTRIBUTES", |came| came.kind == SET_CLIENT),
    ),
    must(
        "client-room-attributes",
        "SET_ROOM_CUSTOM_ATTRIBUTES, SET_ROOM_KEEP_OPEN",
        "What is set of a room is its name, and an object of JSON or a truth value.",
        &["MIX-CASE-7", "MIX-PRIM-2"],
        |w| {
            about(w, "client-room-attributes", "such frame", |came| matches!(came.kind, SET_ROOM | KEEP_OPEN))
        },
    ),
    must(
        "client-room-known",
        "SET_ROOM_CUSTOM_ATTRIBUTES, SET_ROOM_KEEP_OPEN, DELETE_ROOM",
        "What is set or deleted is a room that is there.",
        &["MIX-ROW-7", "MIX-ROW-8"],
        |w| {
            let of_room = |came: &Came| matches!(came.kind, SET_ROOM | KEEP_OPEN | DELETE_ROOM);
            about(w, "client-room-known", "such frame", of_room)
        },
    ),
];

/// The first of the frames that are meant which fails this case.
fn about(w: &Watched, case: &str, what: &str, meant: impl Fn(&Came) -> bool) -> Seen {
    if !w.mixer.came.iter().any(meant) {
        return nothing(what);
    }
    let found =
        w.mixer.came.iter().find_map(|came| {
            came.wrong.iter().find(|(id, _)| *id == case).map(|(_, words)| (words, &came.seen))
        });
    found.map_or(Ok(()), |(words, seen)| failed(words, seen))
}

fn failed(words: &str, seen: &[String]) -> Seen {
    Err((Finding { verdict: Verdict::Fail, words: words.to_owned() }, seen.to_vec()))
}

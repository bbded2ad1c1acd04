//! Commands of a room: who gets them, in which order, and what is kept of them.

use serde_json::json;

use super::guest::{Frame, Guest, text};
use super::{COMMAND, LIST_ROOMS, OBJECT_VISIBILITY};
use crate::case::{Case, field, must};
use crate::verdict::{Outcome, fail, tolerated};
use crate::visit::Visit;

const TEXT: &str = "Introduction; Commands / Messages";

pub(super) const CASES: &[Case] = &[
    must(
        "command-relayed",
        TEXT,
        "A command goes to the other clients of the room, as it came.",
        &["MIX-CMD-1", "MIX-CROWD-1"],
        |v| {
            let (mut one, mut other, _) = pair(v)?;
            one.say(OBJECT_VISIBILITY, b"\x07\0\0\0conform\x01\0\0\0")?;
            let came = other.wait_for(OBJECT_VISIBILITY)?;
            if came.payload == b"\x07\0\0\0conform\x01\0\0\0" { Ok(()) } else { fail("its bytes are others") }
        },
    ),
    must("command-not-back", TEXT, "A command does not go back to who sent it.", &["MIX-CMD-5"], |v| {
        let (mut one, mut other, _) = pair(v)?;
        one.say(OBJECT_VISIBILITY, b"conform")?;
        other.wait_for(OBJECT_VISIBILITY)?;
        one.nothing(is_command, "the command")
    }),
    must("command-in-its-room", "Room", "A command goes to nobody outside the room.", &["MIX-CMD-1"], |v| {
        let mut outside = Guest::arrive(v)?;
        let (mut elsewhere, _) = Guest::with_room(v)?;
        let (mut one, mut other, _) = pair(v)?;
        one.say(OBJECT_VISIBILITY, b"conform")?;
        other.wait_for(OBJECT_VISIBILITY)?;
        outside.nothing(is_command, "the command")?;
        elsewhere.nothing(is_command, "the command")
    }),
    must(
        "commands-in-order",
        TEXT,
        "Every command arrives once, in the order in which they were sent.",
        &["MIX-CROWD-1"],
        |v| {
            let (mut one, mut other, _) = pair(v)?;
            for number in 0..MANY {
                one.say(OBJECT_VISIBILITY, &number.to_le_bytes())?;
            }
            for number in 0..MANY {
                let came = other.wait_for(OBJECT_VISIBILITY)?;
                if came.payload != number.to_le_bytes() {
                    return fail(format!("in place of number {number} of {MANY} another one came"));
                }
            }
            Ok(())
        },
    ),
    must(
        "command-count",
        "Room: COMMAND_COUNT",
        "A room counts the commands that it holds.",
        &["MIX-CMD-4"],
        |v| {
            let count = held(v)?.0;
            if count == Some(2) { Ok(()) } else { fail(format!("{count:?} of 2")) }
        },
    ),
    must(
        "command-bytes",
        "Room: BYTE_SIZE",
        "A room counts the bytes of the commands that it holds.",
        &["MIX-CMD-4"],
        |v| match held(v)?.1 {
            Some(34) => Ok(()),
            Some(6) => tolerated("only the data counts, not the 14 bytes in front of it"),
            other => fail(format!("{other:?} of 34")),
        },
    ),
    field("command-boundary", "The type 100 itself is no command and goes to nobody.", &["MIX-CMD-1"], |v| {
        let (mut one, mut other, _) = pair(v)?;
        one.say(COMMAND, b"conform")?;
        other.nothing(|frame| frame.kind == COMMAND, "it")
    }),
    field(
        "command-replaces",
        "A newer transform of the same object replaces the last one in what the room holds.",
        &["MIX-CMD-2"],
        |v| {
            let (mut one, _other, name) = pair(v)?;
            for matrix in [b"first ", b"second"] {
                one.say(TRANSFORM, &[text("conform"), matrix.to_vec()].concat())?;
            }
            one.room_told(&name, |room| room.get("command_count").is_some())?;
            one.forget()?;
            let room = one.list(LIST_ROOMS)?.get(&name).cloned().unwrap_or_default();
            if room.get("command_count") == Some(&json!(1)) { Ok(()) } else { fail("both are kept") }
        },
    ),
    field("command-not-kept", "The current frame is passed on and not kept.", &["MIX-CMD-3"], |v| {
        let (mut one, mut other, name) = pair(v)?;
        one.say(FRAME, &7_i32.to_le_bytes())?;
        other.wait_for(FRAME)?;
        let room = one.list(LIST_ROOMS)?.get(&name).cloned().unwrap_or_default();
        if room.get("command_count") == Some(&json!(0)) { Ok(()) } else { fail("it is kept") }
    }),
    field(
        "command-outside",
        "A command of who is in no room goes to nobody, and the client stays.",
        &["MIX-CASE-5"],
        |v| {
            let mut outside = Guest::arrive(v)?;
            let (_one, mut other, _) = pair(v)?;
            outside.say(OBJECT_VISIBILITY, b"conform")?;
            outside.list(LIST_ROOMS)?;
            other.nothing(is_command, "the command")
        },
    ),
];

/// Two in a new room, and its name.
fn pair(v: &mut Visit<'_>) -> Outcome<(Guest, Guest, String)> {
    let (one, name) = Guest::with_room(v)?;
    let other = Guest::in_room(v, &name)?;
    Ok((one, other, name))
}

/// What a room with two commands of 3 bytes says that it holds.
fn held(v: &mut Visit<'_>) -> Outcome<(Option<u64>, Option<u64>)> {
    let (mut one, mut other, name) = pair(v)?;
    for part in [b"one", b"two"] {
        one.say(OBJECT_VISIBILITY, part)?;
        other.wait_for(OBJECT_VISIBILITY)?;
    }
    let room = one.list(LIST_ROOMS)?.get(&name).cloned().unwrap_or_default();
    let number = |key: &str| room.get(key).and_then(serde_json::Value::as_u64);
    Ok((number("command_count"), number("byte_size")))
}

fn is_command(frame: &Frame) -> bool {
    frame.kind == OBJECT_VISIBILITY
}

const TRANSFORM: u16 = 201;
const FRAME: u16 = 205;
const MANY: u32 = 200;

//! Clients: who they are, what is said of them, and to whom.

use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};

use super::guest::{Guest, frame, json as object};
use super::{CLIENT_DISCONNECTED, CLIENT_ID, CLIENT_UPDATE, LIST_CLIENTS, SET_CLIENT, SET_CLIENT_NAME};
use crate::case::{Case, field, must};
use crate::verdict::{Outcome, fail, tolerated};
use crate::visit::Visit;

const FRAME: &str = "Commands / Messages";
const ATTRIBUTES: &str = "Client: server attributes";
const SET: &str = "SET_CLIENT_CUSTOM_ATTRIBUTES";

pub(super) const CASES: &[Case] = &[
    must(
        "frame-answered",
        FRAME,
        "A command is its size in 8 bytes, its id in 4, its type in 2, and its data.",
        &["MIX-FRAME-1"],
        |v| Guest::arrive(v).map(drop),
    ),
    field("frame-byte-order", "Numbers come with their lowest byte first.", &["MIX-ROW-19"], |v| {
        let mut guest = Guest::arrive(v)?;
        guest.say(CLIENT_ID, b"")?;
        if guest.wait_for(CLIENT_ID)?.big_endian { fail("the highest byte comes first") } else { Ok(()) }
    }),
    must(
        "frame-in-pieces",
        "Commands / Messages; TCP is a stream",
        "A command is read whatever pieces the network makes of it.",
        &["MIX-BUG-5"],
        |v| {
            let mut guest = Guest::arrive(v)?;
            let bytes = frame(CLIENT_ID, b"");
            for piece in bytes.chunks(5) {
                guest.write("piece", piece)?;
                // So that the pieces are segments of their own.
                sleep(Duration::from_millis(40));
            }
            guest.wait_for(CLIENT_ID).map(drop)
        },
    ),
    must(
        "frames-at-once",
        "Commands / Messages; TCP is a stream",
        "Several commands are read that arrive together.",
        &["MIX-BUG-5"],
        |v| {
            let mut guest = Guest::arrive(v)?;
            guest.write("two commands", &[frame(LIST_CLIENTS, b""), frame(CLIENT_ID, b"")].concat())?;
            guest.wait_for(LIST_CLIENTS)?;
            guest.wait_for(CLIENT_ID).map(drop)
        },
    ),
    field("half-a-frame-hears", "Who has sent half a command hears what others do.", &["MIX-BUG-7"], |v| {
        let mut half = Guest::arrive(v)?;
        let bytes = frame(CLIENT_ID, b"");
        half.write("half a command", bytes.get(..9).unwrap_or(&bytes))?;
        let mut other = Guest::arrive(v)?;
        other.say(SET_CLIENT, &object(&json!({ "user_name": "Conformance test" })))?;
        half.client_told(&other.id, |_| true).map(drop)
    }),
    must(
        "client-id",
        "CLIENT_ID",
        "CLIENT_ID is answered with the client's unique id.",
        &["MIX-ROW-5"],
        |v| {
            let (one, other) = (Guest::arrive(v)?, Guest::arrive(v)?);
            if one.id.is_empty() || one.id == other.id {
                return fail(format!("two clients are \"{}\" and \"{}\"", one.id, other.id));
            }
            Ok(())
        },
    ),
    field(
        "client-id-raw",
        "The id comes as text up to the end of the command, with no length in front.",
        &["MIX-ROW-5"],
        |v| {
            let mut guest = Guest::arrive(v)?;
            guest.say(CLIENT_ID, b"")?;
            if guest.wait_for(CLIENT_ID)?.text().is_some() {
                fail("there is a length in front")
            } else {
                Ok(())
            }
        },
    ),
    must(
        "list-clients",
        "LIST_CLIENTS",
        "LIST_CLIENTS is answered with an object of all clients' attributes by their ids.",
        &["MIX-BUG-9"],
        |v| own(v).map(drop),
    ),
    must("client-has-id", ATTRIBUTES, "A client has its id as an attribute.", &["MIX-INV-2"], |v| {
        let (guest, attributes) = own(v)?;
        is(&attributes, "id", |value| value.as_str() == Some(&guest.id))
    }),
    must("client-has-ip", ATTRIBUTES, "A client has its IP as an attribute.", &["MIX-NET-1"], |v| {
        is(&own(v)?.1, "ip", |value| value.as_str().is_some_and(|ip| ip.parse::<std::net::IpAddr>().is_ok()))
    }),
    must(
        "client-has-port",
        ATTRIBUTES,
        "A client has its port as an attribute, a number.",
        &["MIX-INV-2"],
        |v| is(&own(v)?.1, "port", Value::is_u64),
    ),
    must(
        "client-has-room",
        ATTRIBUTES,
        "A client has its room as an attribute, null where it is in none.",
        &["MIX-INV-2"],
        |v| is(&own(v)?.1, "room", Value::is_null),
    ),
    field(
        "newcomer-told",
        "The others are told of who connects, with all attributes.",
        &["MIX-INV-2"],
        |v| {
            let mut here = Guest::arrive(v)?;
            let newcomer = Guest::arrive(v)?;
            let told = here.client_told(&newcomer.id, |_| true)?;
            ["id", "room"].iter().try_for_each(|key| is(&told, key, |_| true))
        },
    ),
    must(
        "attributes-told",
        SET,
        "What a client sets is told to all clients, itself included.",
        &["MIX-INV-4"],
        |v| {
            let (mut one, mut other) = (Guest::arrive(v)?, Guest::arrive(v)?);
            one.say(SET_CLIENT, &object(&json!({ "conform": 1 })))?;
            let id = one.id.clone();
            for guest in [&mut one, &mut other] {
                guest.client_told(&id, |change| change.get("conform") == Some(&json!(1)))?;
            }
            Ok(())
        },
    ),
    must("attributes-only-changes", SET, "Only what has changed is told.", &["MIX-JSON-4"], |v| {
        let mut guest = changed(v, &json!({ "conform_a": 1, "conform_b": 1 }))?;
        guest.say(SET_CLIENT, &object(&json!({ "conform_a": 1, "conform_b": 2 })))?;
        let id = guest.id.clone();
        let told = guest.client_told(&id, |_| true)?;
        if told == json!({ "conform_b": 2 }) { Ok(()) } else { fail(format!("{told} was told")) }
    }),
    must(
        "attributes-same-again",
        "Mixer Protocol; SET_CLIENT_CUSTOM_ATTRIBUTES",
        "Where nothing has changed nothing is told.",
        &["MIX-JSON-4"],
        |v| {
            let mut guest = changed(v, &json!({ "conform": [1, "two"] }))?;
            guest.say(SET_CLIENT, &object(&json!({ "conform": [1, "two"] })))?;
            let id = guest.id.clone();
            guest.nothing(
                |frame| frame.kind == CLIENT_UPDATE && frame.json().is_some_and(|all| all.get(&id).is_some()),
                "CLIENT_UPDATE",
            )
        },
    ),
    must(
        "attributes-of-the-server",
        "Client",
        "What the server sets cannot be changed by clients.",
        &["MIX-ROW-9"],
        |v| {
            let (mut guest, before) = own(v)?;
            guest.say(
                SET_CLIENT,
                &object(&json!({ "id": "conform", "ip": "192.0.2.1", "port": 1, "room": "conform" })),
            )?;
            let all = guest.list(LIST_CLIENTS)?;
            let after = all.get(&guest.id).cloned().unwrap_or_default();
            for key in ["id", "ip", "port", "room"] {
                if before.get(key) != after.get(key) {
                    return fail(format!("{key} is {} now", after.get(key).unwrap_or(&Value::Null)));
                }
            }
            Ok(())
        },
    ),
    must(
        "client-name",
        "SET_CLIENT_NAME",
        "SET_CLIENT_NAME sets the attribute user_name.",
        &["MIX-ROW-6"],
        |v| {
            let mut guest = Guest::arrive(v)?;
            guest.say(SET_CLIENT_NAME, b"Conformance test")?;
            let id = guest.id.clone();
            guest
                .client_told(&id, |change| change.get("user_name") == Some(&json!("Conformance test")))
                .map(drop)
        },
    ),
    must(
        "disconnected-told",
        "CLIENT_DISCONNECTED",
        "All clients are told of one that is gone.",
        &["MIX-LIFE-5"],
        |v| {
            let mut here = Guest::arrive(v)?;
            let gone = Guest::arrive(v)?;
            let id = gone.id.clone();
            // What was never told of need not be told to be gone.
            here.knows_client(&id)?;
            drop(gone);
            here.until(
                |frame| frame.kind == CLIENT_DISCONNECTED && frame.text() == Some(&id),
                "no CLIENT_DISCONNECTED of it",
            )
            .map(drop)
        },
    ),
    field(
        "json-blanks",
        "JSON has a blank after each comma and colon: one product reads it by patterns.",
        &["MIX-INV-5"],
        |v| {
            let mut guest = Guest::arrive(v)?;
            guest.say(LIST_CLIENTS, b"")?;
            let frame = guest.wait_for(LIST_CLIENTS)?;
            let text = frame.text().unwrap_or_default();
            if text.contains("\": ") && text.contains(", \"") { Ok(()) } else { fail("there is none") }
        },
    ),
];

/// A guest and its attributes in the listing.
fn own(v: &mut Visit<'_>) -> Outcome<(Guest, Value)> {
    let mut guest = Guest::arrive(v)?;
    let all = guest.list(LIST_CLIENTS)?;
    match all.get(&guest.id) {
        Some(own) if own.is_object() => Ok((guest, own.clone())),
        _ => fail(format!("{} is not in the listing", guest.id)),
    }
}

/// A guest that has set this, and was told.
fn changed(v: &mut Visit<'_>, attributes: &Value) -> Outcome<Guest> {
    let mut guest = Guest::arrive(v)?;
    guest.say(SET_CLIENT, &object(attributes))?;
    guest.forget()?;
    Ok(guest)
}

pub(super) fn is(attributes: &Value, key: &str, right: impl Fn(&Value) -> bool) -> Outcome {
    match attributes.get(key) {
        Some(value) if right(value) => Ok(()),
        Some(value) => fail(format!("{key} is {value}")),
        None if key == "name" => {
            tolerated("there is no name: the reference sends none, and clients know it by the key")
        }
        None => fail(format!("there is no {key}")),
    }
}

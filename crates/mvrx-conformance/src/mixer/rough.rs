//! What is broken, and what a server that goes on serving others does with it. Only with the operator's consent.

use super::guest::{Guest, frame, text};
use super::{CLIENT_ID, SEND_ERROR, SET_CLIENT};
use crate::case::{Case, Consent, field, must};
use crate::verdict::{Outcome, fail};
use crate::visit::Visit;

const TEXT: &str = "Commands / Messages";
const ASKED: &[Consent] = &[Consent::Rough];

pub(super) const CASES: &[Case] = &[
    field("error-passed-on", "SEND_ERROR of a client goes to every client.", &["MIX-ROW-16"], |v| {
        let (mut one, mut other) = (Guest::arrive(v)?, Guest::arrive(v)?);
        one.say(SEND_ERROR, &text("only a test of conformance"))?;
        other
            .until(
                |f| f.kind == SEND_ERROR && f.text() == Some("only a test of conformance"),
                "no SEND_ERROR of it",
            )
            .map(drop)
    })
    .needs(ASKED),
    field(
        "keeps-who-errs",
        "Who sends an unknown type is told by SEND_ERROR and stays.",
        &["MIX-ROW-18"],
        |v| {
            let mut guest = Guest::arrive(v)?;
            guest.say(UNKNOWN, b"conform")?;
            guest.wait_for(SEND_ERROR)?;
            guest.say(CLIENT_ID, b"")?;
            guest.wait_for(CLIENT_ID).map(drop)
        },
    )
    .needs(ASKED),
    field(
        "keeps-who-sends-no-json",
        "Who sends JSON that is none is told by SEND_ERROR and stays.",
        &["MIX-CASE-7"],
        |v| {
            let mut guest = Guest::arrive(v)?;
            guest.say(SET_CLIENT, &text("{\"conform\": "))?;
            guest.wait_for(SEND_ERROR)?;
            guest.say(CLIENT_ID, b"")?;
            guest.wait_for(CLIENT_ID).map(drop)
        },
    )
    .needs(ASKED),
    must(
        "survives-unknown-type",
        TEXT,
        "A type that nobody knows ends nobody else's stay.",
        &["MIX-ROW-18"],
        |v| survives(v, &frame(UNKNOWN, b"conform")),
    )
    .needs(ASKED),
    must(
        "survives-huge-size",
        TEXT,
        "A size that nobody can keep ends nobody else's stay.",
        &["MIX-FRAME-3"],
        |v| {
            let mut bytes = (u64::MAX / 2).to_le_bytes().to_vec();
            bytes.extend([0, 0, 0, 0, 18, 0, 1, 2, 3]);
            survives(v, &bytes)
        },
    )
    .needs(ASKED),
    must(
        "survives-half-a-frame",
        TEXT,
        "A command that ends early ends nobody else's stay.",
        &["MIX-BUG-7"],
        |v| {
            let bytes = frame(SET_CLIENT, &text("{}"));
            survives(v, bytes.get(..17).unwrap_or(&bytes))
        },
    )
    .needs(ASKED),
    must(
        "survives-bad-utf8",
        TEXT,
        "A text that is not UTF-8 ends nobody else's stay.",
        &["MIX-PRIM-1"],
        |v| survives(v, &frame(SET_CLIENT, b"\x04\0\0\0\xff\xfe{}")),
    )
    .needs(ASKED),
    must(
        "survives-long-string",
        TEXT,
        "A text that says to be longer than its command ends nobody else's stay.",
        &["MIX-PRIM-3"],
        |v| survives(v, &frame(super::JOIN_ROOM, b"\xff\xff\xff\x7fconform")),
    )
    .needs(ASKED),
    must(
        "survives-deep-json",
        "SET_CLIENT_CUSTOM_ATTRIBUTES",
        "JSON of very many levels ends nobody else's stay.",
        &["MIX-JSON-3"],
        |v| {
            let deep = format!("{{\"conform\": {}{}}}", "[".repeat(100_000), "]".repeat(100_000));
            survives(v, &frame(SET_CLIENT, &text(&deep)))
        },
    )
    .needs(ASKED),
    must(
        "still-there",
        "CLIENT_ID",
        "After all of it a client is served as at the start.",
        &["MIX-BUG-8"],
        |v| Guest::with_room(v).map(drop),
    ),
];

/// Such bytes from one client; another one, here before, and a new one are served.
fn survives(v: &mut Visit<'_>, bytes: &[u8]) -> Outcome {
    let mut other = Guest::arrive(v)?;
    let mut guest = Guest::arrive(v)?;
    guest.write("bytes", bytes)?;
    guest.finish();
    // Whatever it says to that.
    let _ = guest.rest();
    other.say(CLIENT_ID, b"")?;
    if let Err(finding) = other.wait_for(CLIENT_ID) {
        return fail(format!("after that another client is not served: {}", finding.words));
    }
    match Guest::arrive(v) {
        Ok(_) => Ok(()),
        Err(finding) => fail(format!("after that nobody new is served: {}", finding.words)),
    }
}

/// Between the codes of existing clients, which may only grow by upgrades of all of them.
const UNKNOWN: u16 = 60_000;

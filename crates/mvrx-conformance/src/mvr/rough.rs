//! What is broken, and what a product that goes on serving others does with it. Only with the operator's consent: it has been seen to end products.

use serde_json::json;

use super::package::{self, FILE, Header, JSON};
use super::{look, messages};
use crate::case::{Case, Consent, field, must, should};
use crate::verdict::{Outcome, fail};
use crate::visit::Visit;

const TABLE: &str = "TCP Mode, Table 66";
const JSON_TEXT: &str = "Packet & Message definition; ISO/IEC 21778";
const ASKED: &[Consent] = &[Consent::Rough];

pub(super) const PACKAGES: &[Case] = &[
    must(
        "reads-several-packages",
        TABLE,
        "A message of several packages is read as one.",
        &["PKG-11"],
        split,
    )
    .needs(ASKED),
    should(
        "refuses-other-header",
        TABLE,
        "What does not begin with 778682 is no package.",
        &["PKG-03"],
        |v| not_taken(v, |header| header.magic = 0x0102_0304),
    )
    .needs(ASKED),
    should("refuses-other-type", TABLE, "There are packages of the types 0 and 1 only.", &["PKG-07"], |v| {
        not_taken(v, |header| header.kind = 7)
    })
    .needs(ASKED),
    should(
        "refuses-number-beyond-count",
        TABLE,
        "A package's number, counted from 0, is below the count.",
        &["PKG-17"],
        |v| {
            not_taken(v, |header| {
                header.number = 5;
                header.count = 2;
            })
        },
    )
    .needs(ASKED),
    must(
        "survives-other-header",
        TABLE,
        "Bytes that are no package end nobody else's exchange.",
        &["TRA-02"],
        |v| survives(v, b"GET / HTTP/1.1\r\nHost: conform\r\n\r\n\r\n\r\n\r\n\r\n\r\n"),
    )
    .needs(ASKED),
    must(
        "survives-huge-length",
        TABLE,
        "A length that nobody can keep ends nobody else's exchange.",
        &["PKG-09"],
        |v| {
            let header = Header { length: u64::MAX / 2, ..Header::plain(JSON, 0) };
            survives(v, &[header.bytes(), b"{\"Type\":".to_vec()].concat())
        },
    )
    .needs(ASKED),
    must(
        "survives-half-a-package",
        TABLE,
        "A package that ends early ends nobody else's exchange.",
        &["PKG-13"],
        |v| {
            let whole = package::package(JSON, messages::join(&v.ids.first).to_string().as_bytes());
            survives(v, whole.get(..whole.len() / 2).unwrap_or(&whole))
        },
    )
    .needs(ASKED),
    must(
        "survives-unasked-file",
        TABLE,
        "A file that nobody asked for ends nobody else's exchange.",
        &["TRA-02"],
        |v| survives(v, &package::package(FILE, &messages::test_file())),
    )
    .needs(ASKED),
    must(
        "survives-empty-package",
        TABLE,
        "A package without payload ends nobody else's exchange.",
        &["TRA-02"],
        |v| survives(v, &package::package(JSON, b"")),
    )
    .needs(ASKED),
];

pub(super) const MESSAGES: &[Case] = &[
    must(
        "survives-no-json",
        JSON_TEXT,
        "A message that is no JSON ends nobody else's exchange.",
        &["TRA-02"],
        |v| survives_message(v, b"{\"Type\": \"MVR_JOIN\", "),
    )
    .needs(ASKED),
    must(
        "survives-bad-utf8",
        JSON_TEXT,
        "A message that is not UTF-8 ends nobody else's exchange.",
        &["MSG-UTF8"],
        |v| survives_message(v, b"{\"Type\":\"MVR_JOIN\",\"StationName\":\"\xff\xfe\"}"),
    )
    .needs(ASKED),
    must(
        "survives-deep-json",
        JSON_TEXT,
        "A message of very many levels ends nobody else's exchange.",
        &["MSG-LIMITS"],
        |v| survives_message(v, &[b"[".repeat(100_000), b"]".repeat(100_000)].concat()),
    )
    .needs(ASKED),
    must(
        "survives-no-object",
        "ISO/IEC 21778",
        "A message that is no object ends nobody else's exchange.",
        &["MSG-TYPE"],
        |v| survives_message(v, b"[1,2,3]"),
    )
    .needs(ASKED),
    must(
        "survives-missing-fields",
        "Tables 68 to 76",
        "Messages in which all but Type is missing end nobody else's exchange.",
        &["TRA-02"],
        |v| {
            for kind in ["MVR_JOIN", "MVR_LEAVE", "MVR_COMMIT", "MVR_REQUEST", "MVR_NEW_SESSION_HOST"] {
                survives_message(v, json!({ "Type": kind }).to_string().as_bytes())?;
            }
            Ok(())
        },
    )
    .needs(&[Consent::Rough, Consent::Commits]),
    must(
        "survives-wrong-kinds",
        "Tables 68 to 76",
        "Values of the wrong kind end nobody else's exchange.",
        &["MSG-LIMITS"],
        |v| {
            let join = json!({
                "Type": "MVR_JOIN", "Provider": 7, "StationName": [], "verMajor": {}, "verMinor": null,
                "StationUUID": { "a": 1 }, "Commits": "none",
            });
            survives_message(v, join.to_string().as_bytes())
        },
    )
    .needs(ASKED),
    field(
        "survives-unknown-type",
        "A message of a type that nobody knows ends nobody else's exchange.",
        &["MSG-UNKNOWN"],
        |v| survives_message(v, json!({ "Type": "MVR_CONFORM", "OK": true }).to_string().as_bytes()),
    )
    .needs(ASKED),
    field(
        "survives-unasked-answer",
        "An answer that nobody asked for ends nobody else's exchange.",
        &["MSG-RET"],
        |v| {
            let ret = json!({ "Type": "MVR_REQUEST_RET", "OK": false, "Message": "nobody asked" });
            survives_message(v, ret.to_string().as_bytes())
        },
    )
    .needs(ASKED),
    must(
        "still-there",
        "MVR_JOIN message",
        "After all of it a JOIN is answered as at the start.",
        &["STA-01"],
        |v| look::is(&v.join_ret()?.1, "MVR_JOIN_RET"),
    ),
];

/// JOIN in two packages.
fn split(v: &mut Visit<'_>) -> Outcome {
    let json = messages::join(&v.ids.first).to_string();
    let (one, other) = json.as_bytes().split_at(json.len() / 2);
    let mut bytes = Vec::new();
    for (number, part) in [(0, one), (1, other)] {
        let header = Header { number, count: 2, ..Header::plain(JSON, part.len()) };
        bytes.extend(header.bytes());
        bytes.extend(part);
    }
    let mut line = v.line()?;
    line.write_noted("two packages of one message", &bytes)?;
    let ret = line.answer()?;
    look::is(&ret, "MVR_JOIN_RET")
}

/// A JOIN behind such a header is not answered as if nothing were wrong, and the next one is.
fn not_taken(v: &mut Visit<'_>, change: impl FnOnce(&mut Header)) -> Outcome {
    let json = messages::join(&v.ids.first).to_string();
    let mut header = Header::plain(JSON, json.len());
    change(&mut header);
    let mut line = v.line()?;
    line.write_noted("package", &[header.bytes(), json.into_bytes()].concat())?;
    line.finish();
    if let Ok(answer) = line.answer()
        && messages::ok(&answer) == Some(true)
    {
        return fail("it is read as if it were one");
    }
    v.still_answers()
}

/// Such bytes on a connection of their own; the next JOIN is answered.
fn survives(v: &mut Visit<'_>, bytes: &[u8]) -> Outcome {
    let mut line = v.line()?;
    line.write_noted("bytes", bytes)?;
    line.finish();
    // Whatever it says to that.
    let _ = line.hear(v.quiet());
    v.still_answers()
}

fn survives_message(v: &mut Visit<'_>, json: &[u8]) -> Outcome {
    let mut line = v.line()?;
    line.say_bytes(json)?;
    let _ = line.hear(v.quiet());
    v.still_answers()
}

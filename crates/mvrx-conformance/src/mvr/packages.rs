//! Packages of TCP Mode: what the product writes in front of its answer, and how it reads a stream.

use std::thread::sleep;
use std::time::Duration;

use super::messages;
use super::package::{self, HEADER, Header, JSON, MAGIC, Package};
use crate::case::{Case, field, must};
use crate::verdict::{Outcome, fail};
use crate::visit::Visit;

const TABLE: &str = "TCP Mode, Table 66";

pub(super) const CASES: &[Case] = &[
    must("package-header", TABLE, "A package begins with the number 778682.", &["PKG-03"], |v| {
        let magic = first(v)?.header.magic;
        if magic == MAGIC { Ok(()) } else { fail(format!("it begins with {magic}")) }
    }),
    must(
        "package-byte-order",
        "TCP Mode, Table 67 and its note",
        "The numbers of a header are written with their highest byte first.",
        &["PKG-02"],
        |v| if first(v)?.header.little_endian { fail("the lowest byte comes first") } else { Ok(()) },
    ),
    must("package-version", TABLE, "The version of a package is 1.", &["PKG-04"], |v| {
        let version = first(v)?.header.version;
        if version == 1 { Ok(()) } else { fail(format!("the version is {version} (0x{version:08x})")) }
    }),
    must("package-number", TABLE, "The packages of a message are numbered from 0 on.", &["PKG-10"], |v| {
        let number = first(v)?.header.number;
        if number == 0 { Ok(()) } else { fail(format!("the first package has the number {number}")) }
    }),
    must(
        "package-count",
        TABLE,
        "A package tells of how many its message consists; each number is below that.",
        &["PKG-17"],
        |v| {
            let header = first(v)?.header;
            if header.number < header.count {
                return Ok(());
            }
            fail(format!("number {} of {}", header.number, header.count))
        },
    ),
    must("package-type", TABLE, "A message goes as a package of type 0.", &["PKG-07"], |v| {
        let kind = first(v)?.header.kind;
        if kind == JSON { Ok(()) } else { fail(format!("the type is {kind}")) }
    }),
    must("package-length", TABLE, "A package tells the length of its payload in bytes.", &["PKG-09"], |v| {
        let Package { header, payload, short } = first(v)?;
        if short {
            let came = payload.len();
            return fail(format!("the header says {} bytes, and {came} came", header.length));
        }
        let whole = serde_json::from_str::<serde_json::Value>(&String::from_utf8_lossy(&payload)).is_ok();
        if whole || header.count > 1 {
            return Ok(());
        }
        fail(format!("the {} bytes that the header tells of are no whole message", header.length))
    }),
    must("message-utf8", TABLE, "A message is encoded in UTF-8.", &["MSG-UTF8"], |v| {
        let payload = first(v)?.payload;
        match std::str::from_utf8(&payload) {
            Ok(_) => Ok(()),
            Err(error) => fail(format!("byte {} is none", error.valid_up_to())),
        }
    }),
    field(
        "package-single",
        "A message is one package: several products take the first for the whole.",
        &["PKG-08"],
        |v| {
            let count = first(v)?.header.count;
            if count == 1 { Ok(()) } else { fail(format!("the count is {count}")) }
        },
    ),
    must(
        "reads-in-pieces",
        "TCP Mode; TCP is a stream",
        "A package is read whatever pieces the network makes of it, also where its header comes apart.",
        &["TRA-01", "PKG-16"],
        reads_in_pieces,
    ),
    must(
        "reads-two-at-once",
        "TCP Mode; MVR_JOIN, note",
        "Several messages can be sent on one connection, also when they arrive together.",
        &["TRA-01", "PKG-16"],
        reads_two_at_once,
    ),
    field(
        "reads-any-version",
        "A package is read whatever its version: the official library writes what happens to be in memory.",
        &["PKG-05"],
        |v| joined_with(v, |header| header.version = 0x0100_4d0a),
    ),
    field("reads-count-0", "A count of 0 is taken for 1.", &["PKG-06"], |v| {
        joined_with(v, |header| header.count = 0)
    }),
];

/// The package with which a JOIN is answered.
fn first(v: &mut Visit<'_>) -> Outcome<Package> {
    let mut line = v.line()?;
    line.say(&messages::join(&v.ids.first))?;
    line.package()
}

fn reads_in_pieces(v: &mut Visit<'_>) -> Outcome {
    let mut line = v.line()?;
    let json = messages::join(&v.ids.first).to_string();
    let bytes = package::package(JSON, json.as_bytes());
    let mut rest = bytes.as_slice();
    for piece in [10, HEADER - 10, json.len() / 2, usize::MAX] {
        let (now, later) = rest.split_at(piece.min(rest.len()));
        line.write_noted("piece", now)?;
        rest = later;
        // So that the pieces are segments of their own.
        sleep(Duration::from_millis(40));
    }
    line.answer().map(drop)
}

fn reads_two_at_once(v: &mut Visit<'_>) -> Outcome {
    let mut line = v.line()?;
    let json = messages::join(&v.ids.first).to_string();
    let one = package::package(JSON, json.as_bytes());
    line.write_noted("two packages", &[one.clone(), one].concat())?;
    line.answer()?;
    line.answer().map(drop)
}

fn joined_with(v: &mut Visit<'_>, change: impl FnOnce(&mut Header)) -> Outcome {
    let mut line = v.line()?;
    let json = messages::join(&v.ids.first).to_string();
    let mut header = Header::plain(JSON, json.len());
    change(&mut header);
    line.write_noted("package", &[header.bytes(), json.into_bytes()].concat())?;
    line.answer().map(drop)
}

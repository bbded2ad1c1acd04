//! What clients are judged by: everything that they said. First what is of TCP Mode alone, then the messages of both modes.

use serde_json::Value;

use super::watched::{Form, Said, Watched};
use crate::case::{Binding, Case, Watching, watching};
use crate::mvr::package::Header;
use crate::mvr::{look, messages};
use crate::verdict::{Finding, Outcome, Verdict, fail, tolerated};

const TABLE: &str = "TCP Mode, Table 66";

pub(super) const fn must(
    id: &'static str,
    section: &'static str,
    sentence: &'static str,
    ids: &'static [&'static str],
    probe: Watching,
) -> Case {
    watching(id, section, sentence, Binding::Must, ids, probe)
}

pub(super) const PACKAGES: &[Case] = &[
    must("client-header", TABLE, "A package begins with the number 778682.", &["PKG-03"], |w| {
        packages(w, |header, _| wrong(header.magic != 778_682, &format!("it begins with {}", header.magic)))
    }),
    must(
        "client-byte-order",
        "TCP Mode, Table 67 and its note",
        "The numbers of a header are written with their highest byte first.",
        &["PKG-02"],
        |w| packages(w, |header, _| wrong(header.little_endian, "the lowest byte comes first")),
    ),
    must("client-version", TABLE, "The version of a package is 1.", &["PKG-04"], |w| {
        packages(w, |header, _| wrong(header.version != 1, &format!("it is {}", header.version)))
    }),
    must(
        "client-count",
        TABLE,
        "A package's number, counted from 0, is below the count.",
        &["PKG-17"],
        |w| {
            packages(w, |header, _| {
                wrong(header.number >= header.count, &format!("number {} of {}", header.number, header.count))
            })
        },
    ),
    must("client-type", TABLE, "A message goes as a package of type 0.", &["PKG-07"], |w| {
        packages(w, |header, _| wrong(header.kind != 0, &format!("the type is {}", header.kind)))
    }),
    must("client-length", TABLE, "A package tells the length of its payload in bytes.", &["PKG-09"], |w| {
        packages(w, |_, whole| wrong(!whole, "as many bytes as it tells are no whole message"))
    }),
];

pub(super) const MESSAGES: &[Case] = &[
    must("client-utf8", TABLE, "A message is encoded in UTF-8.", &["MSG-UTF8"], |w| {
        every(w, |said| wrong(!said.utf8, "it is not"))
    }),
    must(
        "client-joins",
        "MVR_JOIN message",
        "Who wants to be one of the group, or of the session, sends MVR_JOIN.",
        &["STA-01"],
        |w| {
            if w.said.iter().any(|said| said.is("MVR_JOIN")) {
                return Ok(());
            }
            let words = if w.said.is_empty() { "nobody came" } else { "no JOIN came" };
            Err((Finding { verdict: Verdict::Fail, words: words.to_owned() }, Vec::new()))
        },
    ),
    must(
        "client-join-first",
        "MVR_JOIN message",
        "The first message to a station or host is MVR_JOIN.",
        &["STA-01"],
        |w| match w.said.first() {
            Some(said) => wrong(!said.is("MVR_JOIN"), "it is another one")
                .map_err(|finding| (finding, said.seen.clone())),
            None => nothing("message"),
        },
    ),
    must("client-join-provider", "Table 68", "JOIN names the application.", &["MSG-JOIN"], |w| {
        each(w, "MVR_JOIN", |m| look::text(m, "Provider"))
    }),
    must("client-join-name", "Table 68", "JOIN has the station's name for people.", &["MSG-JOIN"], |w| {
        each(w, "MVR_JOIN", |m| look::text(m, "StationName"))
    }),
    must("client-join-uuid", "Table 68", "JOIN has the station's UUID.", &["MSG-UUID"], |w| {
        each(w, "MVR_JOIN", |m| look::uuid(m, "StationUUID"))
    }),
    must(
        "client-join-version",
        "Table 68",
        "JOIN tells the supported version of MVR.",
        &["MSG-VERSION"],
        |w| each(w, "MVR_JOIN", |m| look::number(m, "verMajor").and_then(|()| look::number(m, "verMinor"))),
    ),
    must(
        "client-join-commits",
        "Table 68",
        "JOIN lists the files that are there.",
        &["MSG-COMMITS-KEY"],
        |w| each(w, "MVR_JOIN", look::commits),
    ),
    must(
        "client-request-file",
        "Table 74",
        "REQUEST has the UUID of the file, or none for the last one.",
        &["MSG-REQUEST"],
        |w| {
            each(w, "MVR_REQUEST", |m| match m.get("FileUUID") {
                None => Ok(()),
                Some(Value::String(text)) if text.is_empty() => Ok(()),
                _ => look::uuid(m, "FileUUID"),
            })
        },
    ),
    must(
        "client-request-from",
        "Table 74",
        "FromStationUUID is a list of UUIDs.",
        &["MSG-REQUEST-FROM"],
        |w| {
            each(w, "MVR_REQUEST", |m| match m.get("FromStationUUID") {
                Some(Value::Array(_)) | None => Ok(()),
                Some(Value::String(_)) => {
                    tolerated("FromStationUUID is a text, as in the specification's example")
                }
                Some(other) => fail(format!("FromStationUUID is {other}")),
            })
        },
    ),
    must(
        "client-request-known",
        "MVR_REQUEST message",
        "What is asked for was announced.",
        &["STA-11"],
        |w| {
            each(w, "MVR_REQUEST", |m| {
                let file = messages::field(m, "FileUUID");
                if file.is_empty() || w.has(file) { Ok(()) } else { fail(format!("{file} was not")) }
            })
        },
    ),
    must("client-commit-file", "Table 72", "COMMIT has the UUID of the file.", &["MSG-COMMIT"], |w| {
        each(w, "MVR_COMMIT", |m| look::uuid(m, "FileUUID"))
    }),
    must("client-commit-station", "Table 72", "COMMIT has the UUID of the station.", &["MSG-COMMIT"], |w| {
        each(w, "MVR_COMMIT", |m| look::uuid(m, "StationUUID"))
    }),
    must("client-commit-size", "Table 72", "COMMIT has the size of the file.", &["MSG-FILESIZE"], |w| {
        each(w, "MVR_COMMIT", |m| look::number(m, "FileSize"))
    }),
    must(
        "client-commit-version",
        "Table 72",
        "COMMIT has the version of the file's MVR.",
        &["MSG-VERSION"],
        |w| each(w, "MVR_COMMIT", |m| look::number(m, "verMajor").and_then(|()| look::number(m, "verMinor"))),
    ),
    must(
        "client-leave-station",
        "Table 70",
        "LEAVE has the UUID of the station as FromStationUUID.",
        &["MSG-LEAVE"],
        |w| {
            each(w, "MVR_LEAVE", |m| match m.get("FromStationUUID") {
                None if m.get("StationUUID").is_some() => {
                    tolerated("it is called StationUUID, as in the specification's example")
                }
                _ => look::uuid(m, "FromStationUUID"),
            })
        },
    ),
    must("client-one-uuid", "Tables 68 and 70, StationUUID", "Who leaves is who joined.", &["STA-06"], |w| {
        each(w, "MVR_LEAVE", |m| {
            let key = if m.get("FromStationUUID").is_some() { "FromStationUUID" } else { "StationUUID" };
            let leaver = messages::field(m, key);
            let joined =
                w.said.iter().filter(|said| said.is("MVR_JOIN")).filter_map(|said| said.message.as_ref());
            let mut joined = joined.map(|join| messages::field(join, "StationUUID"));
            if joined.any(|station| station.eq_ignore_ascii_case(leaver)) {
                Ok(())
            } else {
                fail(format!("{leaver} did not join"))
            }
        })
    }),
];

pub(super) type Seen = Result<(), (Finding, Vec<String>)>;

pub(super) fn wrong(is: bool, words: &str) -> Outcome {
    if is { fail(words) } else { Ok(()) }
}

pub(super) fn nothing(what: &str) -> Seen {
    Err((Finding { verdict: Verdict::NotOffered, words: format!("no {what} came") }, Vec::new()))
}

/// `look` has the header, and whether behind it stands one whole message.
fn packages(w: &Watched, look: impl Fn(&Header, bool) -> Outcome) -> Seen {
    every(w, |said| match &said.form {
        Form::Package { header, short } => look(header, !short && said.message.is_some()),
        Form::Frames { .. } => Ok(()),
    })
}

pub(super) fn every(w: &Watched, look: impl Fn(&Said) -> Outcome) -> Seen {
    if w.said.is_empty() {
        return nothing("message");
    }
    worst(w.said.iter(), look, |said| &said.seen)
}

fn each(w: &Watched, kind: &str, look: impl Fn(&Value) -> Outcome) -> Seen {
    if !w.said.iter().any(|said| said.is(kind)) {
        return nothing(kind);
    }
    let look = |said: &Said| said.message.as_ref().map_or(Ok(()), &look);
    worst(w.said.iter().filter(|said| said.is(kind)), look, |said| &said.seen)
}

/// The worst finding, with its bytes.
pub(super) fn worst<'a, T: 'a>(
    all: impl Iterator<Item = &'a T>,
    look: impl Fn(&T) -> Outcome,
    seen: impl Fn(&T) -> &Vec<String>,
) -> Seen {
    let found = all.filter_map(|one| look(one).err().map(|finding| (finding, seen(one).clone())));
    found.min_by_key(|(finding, _)| finding.verdict).map_or(Ok(()), Err)
}

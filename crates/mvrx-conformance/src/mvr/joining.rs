//! MVR_JOIN and its answer (Tables 68 and 69).

use serde_json::{Value, json};

use super::{look, messages};
use crate::case::{Case, Consent, field, must};
use crate::verdict::{Finding, Outcome, fail, not_offered};
use crate::visit::Visit;

const TABLE: &str = "Table 69";
const ENTRIES: &str = "Tables 69 and 72";

pub(super) const CASES: &[Case] = &[
    must("join-answered", "MVR_JOIN message", "A JOIN is answered on its connection.", &["MSG-JOIN"], |v| {
        v.join_ret().map(drop)
    }),
    must("join-ret-type", TABLE, "The answer to JOIN is of the type MVR_JOIN_RET.", &["MSG-TYPE"], |v| {
        look::is(&v.join_ret()?.1, "MVR_JOIN_RET")
    }),
    must("join-ret-ok", TABLE, "The answer says by a truth value that it worked.", &["MSG-OK"], |v| {
        look::truth(&v.joined()?.1, true)
    }),
    must(
        "join-ret-message",
        TABLE,
        "Message is a text for people, empty where there is nothing to say.",
        &["MSG-RET"],
        |v| look::text_or_nothing(&v.join_ret()?.1, "Message"),
    ),
    field(
        "join-ret-message-there",
        "Message is there even when it is empty: two products read no answer without it.",
        &["MSG-STRICT"],
        |v| look_there(&v.join_ret()?.1, "Message"),
    ),
    must("join-ret-provider", TABLE, "The answer names the application.", &["MSG-JOIN-RET"], provider),
    must("join-ret-name", TABLE, "The answer has the station's name for people.", &["MSG-JOIN-RET"], |v| {
        look::text(&v.join_ret()?.1, "StationName")
    }),
    must("join-ret-uuid", TABLE, "The answer has the station's UUID.", &["MSG-UUID"], |v| {
        look::uuid(&v.join_ret()?.1, "StationUUID")
    }),
    must("join-ret-major", TABLE, "verMajor of the supported MVR is sent.", &["MSG-VERSION"], |v| {
        look::number(&v.join_ret()?.1, "verMajor")
    }),
    must("join-ret-minor", TABLE, "verMinor of the supported MVR is sent.", &["MSG-VERSION"], |v| {
        look::number(&v.join_ret()?.1, "verMinor")
    }),
    must("join-ret-commits", TABLE, "The answer lists the files that are there.", &["MSG-COMMITS-KEY"], |v| {
        look::commits(&v.join_ret()?.1)
    }),
    field(
        "join-ret-commits-there",
        "Commits is there even when it is empty: two products read no answer without it.",
        &["MSG-STRICT"],
        |v| look_there(&v.join_ret()?.1, "Commits"),
    ),
    field("join-ret-string-length", "No text is longer than 1,000 bytes: one product copies them into fixed buffers.", &["MSG-STRINGS"], |v| {
        short_texts(&v.join_ret()?.1)
    }),
    must("listed-file", ENTRIES, "A listed file has its UUID.", &["MSG-COMMIT"], |v| {
        each(v, |entry| look::uuid(entry, "FileUUID"))
    }),
    must("listed-station", ENTRIES, "A listed file has the UUID of its station.", &["MSG-COMMIT"], |v| {
        each(v, |entry| look::uuid(entry, "StationUUID"))
    }),
    must("listed-size", ENTRIES, "A listed file has its size.", &["MSG-FILESIZE"], |v| {
        each(v, |entry| look::number(entry, "FileSize"))
    }),
    must("listed-version", ENTRIES, "A listed file has the version of its MVR.", &["MSG-VERSION"], |v| {
        each(v, |entry| look::number(entry, "verMajor").and_then(|()| look::number(entry, "verMinor")))
    }),
    must("listed-audience", ENTRIES, "ForStationsUUID is a list of UUIDs, empty for everybody.", &["MSG-FOR-STATIONS"], |v| {
        each(v, audience)
    }),
    must("listed-words", ENTRIES, "Comment and FileName are texts.", &["MSG-COMMIT"], |v| {
        each(v, |entry| {
            look::text_or_nothing(entry, "Comment").and_then(|()| look::text_or_nothing(entry, "FileName"))
        })
    }),
    field("listed-type", "Each listed file is a whole MVR_COMMIT, its Type as well.", &["MSG-STRICT"], |v| {
        each(v, |entry| look::is(entry, "MVR_COMMIT"))
    }),
    field("listed-once", "No file is listed twice.", &["STA-09"], listed_once),
    field("listed-name-is-no-path", "FileName is a name and no path.", &["MSG-FILENAME"], |v| {
        each(v, |entry| {
            let name = messages::field(entry, "FileName");
            if name.contains(['/', '\\']) { fail(format!("FileName is {name}")) } else { Ok(()) }
        })
    }),
    must("uuid-stays", "Table 69, StationUUID", "The station's UUID does not change.", &["STA-04"], |v| {
        let (one, other) = (v.join_ret()?.1, v.join_ret()?.1);
        let (one, other) = (messages::field(&one, "StationUUID"), messages::field(&other, "StationUUID"));
        if one == other { Ok(()) } else { fail(format!("it was {one}, then {other}")) }
    }),
    must(
        "join-again",
        "MVR_JOIN message, note",
        "JOIN can be sent again on the same connection, to change the name or to get the list.",
        &["STA-03"],
        |v| {
            let (mut line, _) = v.joined()?;
            let again = line.ask(&messages::join_as(&v.ids.first, "Conformance test (renamed)"))?;
            look::is(&again, "MVR_JOIN_RET").and_then(|()| yes(&again))
        },
    ),
    field("join-other-keys", "Keys that nobody knows are read over.", &["MSG-UNKNOWN"], |v| {
        let join = messages::with(messages::join(&v.ids.first), "conform", json!({ "nested": [1, 2, { "deeper": null }], "text": "nobody knows this key" }));
        accepted(v, join.to_string().as_bytes())
    }),
    must("join-json-layout", "ISO/IEC 21778", "JSON is read in any order of keys, with any white space.", &["MSG-TYPE"], |v| {
        let join = format!(
            "{{\r\n\t\"StationUUID\" : \"{}\",\n  \"Commits\":[ ],\n\"verMinor\":6 ,\"verMajor\":1,\n\"StationName\":\"{}\",\"Provider\":\"{}\" ,\n\"Type\":\"MVR_JOIN\"}}\n",
            v.ids.first, messages::NAME, messages::NAME
        );
        accepted(v, join.as_bytes())
    }),
    must("join-unicode-name", TABLE_66, "Names are in UTF-8, with letters of any script.", &["MSG-UTF8"], |v| {
        let name = "Conformance test: Prüfung 灯光 🎭";
        accepted(v, messages::join_as(&v.ids.first, name).to_string().as_bytes())
    }),
    must("join-escaped-name", "ISO/IEC 21778", "Letters may be escaped.", &["MSG-JOIN"], |v| {
        let name = "Conformance test \"\\\u{e9}";
        let join = messages::join_as(&v.ids.first, name).to_string().replace('\u{e9}', "\\u00e9");
        accepted(v, join.as_bytes())
    }),
    field("join-upper-case-uuid", "UUIDs are read in upper case.", &["MSG-UUID"], |v| {
        accepted(v, messages::join(&v.ids.first.to_uppercase()).to_string().as_bytes())
    }),
    field("join-long", "A JOIN of 12,000 bytes is read: one product loses what does not come in its first read.", &["TRA-01"], |v| {
        let join = messages::with(messages::join(&v.ids.first), "conform", json!("x".repeat(12_000)));
        accepted(v, join.to_string().as_bytes())
    }),
    must("join-as-the-example", "Table 68, its example", "JOIN as the specification's example has it: versions as texts, the list as Files.", &["MSG-COMMITS-KEY", "MSG-VERSION"], |v| {
        let join = json!({
            "Type": "MVR_JOIN", "Provider": messages::NAME, "verMajor": "1", "verMinor": "6",
            "StationUUID": v.ids.first, "StationName": messages::NAME, "Files": [],
        });
        accepted(v, join.to_string().as_bytes())
    })
    .needs(&[Consent::Rough]),
    must("join-without-the-optional", "Table 68", "Commits may be missing and is then empty; versions may be missing and are then 0.", &["MSG-JOIN"], |v| {
        let join = json!({
            "Type": "MVR_JOIN", "Provider": messages::NAME, "StationUUID": v.ids.first, "StationName": messages::NAME,
        });
        accepted(v, join.to_string().as_bytes())
    })
    .needs(&[Consent::Rough]),
];

const TABLE_66: &str = "Table 66; ISO/IEC 21778";

/// The example in the specification has none.
fn provider(v: &mut Visit<'_>) -> Outcome {
    let ret = v.join_ret()?.1;
    if ret.get("Provider").is_none() {
        return crate::verdict::tolerated("there is no Provider, as in the specification's example");
    }
    look::text(&ret, "Provider")
}

fn look_there(message: &Value, key: &str) -> Outcome {
    match message.get(key) {
        None | Some(Value::Null) => fail(format!("there is no {key}")),
        Some(_) => Ok(()),
    }
}

pub(super) fn yes(ret: &Value) -> Outcome {
    if messages::ok(ret) == Some(true) { Ok(()) } else { fail(format!("refused: {}", messages::reason(ret))) }
}

/// A JOIN in this form is answered with OK; not offered where the judge is not let in at all.
fn accepted(v: &mut Visit<'_>, join: &[u8]) -> Outcome {
    v.joined()?;
    let ret = v.line()?.ask_bytes(join)?;
    look::is(&ret, "MVR_JOIN_RET").and_then(|()| yes(&ret))
}

/// Looks at every listed file. The first that is wrong counts; of several what is merely tolerated does so only where none fails.
fn each(v: &mut Visit<'_>, look: impl Fn(&Value) -> Outcome) -> Outcome {
    let ret = v.joined()?.1;
    let entries = messages::commits(&ret);
    if entries.is_empty() {
        return not_offered("it lists no file");
    }
    let found: Vec<Finding> = entries.iter().filter_map(|entry| look(entry).err()).collect();
    let worst = found.into_iter().min_by_key(|finding| finding.verdict);
    worst.map_or(Ok(()), Err)
}

fn audience(entry: &Value) -> Outcome {
    match entry.get("ForStationsUUID") {
        None => Ok(()),
        Some(Value::Array(list)) => {
            if let Some(odd) = list.iter().find(|one| !one.is_string()) {
                return fail(format!("{odd} is in the list"));
            }
            list.iter().try_for_each(|one| look::uuid(&json!({ "ForStationsUUID": one }), "ForStationsUUID"))
        }
        Some(Value::Null) => crate::verdict::tolerated("ForStationsUUID is null"),
        Some(other) => fail(format!("ForStationsUUID is {other}, no list")),
    }
}

fn listed_once(v: &mut Visit<'_>) -> Outcome {
    let ret = v.joined()?.1;
    let mut files: Vec<String> = messages::commits(&ret)
        .iter()
        .map(|entry| messages::field(entry, "FileUUID").to_ascii_lowercase())
        .collect();
    if files.is_empty() {
        return not_offered("it lists no file");
    }
    files.sort();
    match files.windows(2).find(|pair| matches!(pair, [one, other] if one == other)) {
        Some(pair) => fail(format!("{} is", pair.concat().get(..36).unwrap_or_default())),
        None => Ok(()),
    }
}

fn short_texts(ret: &Value) -> Outcome {
    let entries = messages::commits(ret).iter().chain([ret]);
    for (key, value) in entries.filter_map(Value::as_object).flatten() {
        if let Some(length) = value.as_str().map(str::len).filter(|length| *length > 1000) {
            return fail(format!("{key} has {length} bytes"));
        }
    }
    Ok(())
}

//! MVR_COMMIT and its answer (Tables 72 and 73). Only with the operator's consent.

use serde_json::{Value, json};

use super::joining::yes;
use super::{look, messages};
use crate::case::{Case, Consent, field, must};
use crate::verdict::Outcome;
use crate::visit::Visit;

const TABLE: &str = "Table 73";
const ASKED: &[Consent] = &[Consent::Commits];
const ROUGHLY: &[Consent] = &[Consent::Commits, Consent::Rough];

pub(super) const CASES: &[Case] = &[
    must(
        "commit-answered",
        "MVR_COMMIT message",
        "A COMMIT is answered on its connection.",
        &["MSG-COMMIT"],
        |v| committed(v).map(drop),
    )
    .needs(ASKED),
    must(
        "commit-ret-type",
        TABLE,
        "The answer to COMMIT is of the type MVR_COMMIT_RET.",
        &["MSG-RET"],
        |v| look::is(&committed(v)?, "MVR_COMMIT_RET"),
    )
    .needs(ASKED),
    must("commit-ret-ok", TABLE, "The answer says by a truth value that it worked.", &["MSG-OK"], |v| {
        look::truth(&committed(v)?, true)
    })
    .needs(ASKED),
    must("commit-ret-message", TABLE, "Message is a text for people.", &["MSG-RET"], |v| {
        look::text_or_nothing(&committed(v)?, "Message")
    })
    .needs(ASKED),
    field(
        "commit-told-again",
        "A COMMIT that is told again is the same commit, and no error.",
        &["STA-09"],
        |v| {
            let (mut line, _) = v.joined()?;
            let commit = commit(v, &[]);
            line.ask(&commit)?;
            yes(&line.ask(&commit)?)
        },
    )
    .needs(ASKED),
    must(
        "commit-for-one",
        "Table 72, ForStationsUUID",
        "A COMMIT may be for some stations.",
        &["MSG-FOR-STATIONS"],
        |v| {
            let (mut line, ret) = v.joined()?;
            let commit = commit(v, &[messages::field(&ret, "StationUUID")]);
            yes(&line.ask(&commit)?)
        },
    )
    .needs(ASKED),
    must(
        "commit-without-the-optional",
        "Table 72",
        "FileName, Comment and ForStationsUUID may be missing.",
        &["MSG-COMMIT"],
        |v| {
            let (mut line, _) = v.joined()?;
            let commit = json!({
                "Type": "MVR_COMMIT", "verMajor": 1, "verMinor": 6, "FileSize": messages::test_file().len(),
                "FileUUID": v.ids.file, "StationUUID": v.ids.first,
            });
            yes(&line.ask(&commit)?)
        },
    )
    .needs(ROUGHLY),
    must(
        "join-with-commits",
        "Table 68, Commits",
        "JOIN lists the files of who joins.",
        &["MSG-JOIN"],
        |v| {
            v.joined()?;
            let join = messages::with(messages::join(&v.ids.first), "Commits", json!([commit(v, &[])]));
            let ret = v.line()?.ask(&join)?;
            look::is(&ret, "MVR_JOIN_RET").and_then(|()| yes(&ret))
        },
    )
    .needs(ASKED),
    field(
        "join-with-a-bad-commit",
        "A listed file that makes no sense is left out, and the JOIN stands.",
        &["MSG-BAD-ENTRY"],
        |v| {
            v.joined()?;
            let join = messages::with(
                messages::join(&v.ids.first),
                "Commits",
                json!([{ "Type": "MVR_COMMIT" }, 7, commit(v, &[])]),
            );
            yes(&v.line()?.ask(&join)?)
        },
    )
    .needs(ROUGHLY),
];

fn commit(v: &Visit<'_>, to: &[&str]) -> Value {
    messages::commit(&v.ids.first, &v.ids.file, messages::test_file().len(), to)
}

fn committed(v: &mut Visit<'_>) -> Outcome<Value> {
    let (mut line, _) = v.joined()?;
    let commit = commit(v, &[]);
    line.ask(&commit)
}

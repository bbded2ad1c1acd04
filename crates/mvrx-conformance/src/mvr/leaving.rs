//! MVR_LEAVE and its answer (Tables 70 and 71).

use serde_json::{Value, json};

use super::joining::yes;
use super::{look, messages};
use crate::case::{Case, Consent, field, must};
use crate::verdict::Outcome;
use crate::visit::Visit;

const TABLE: &str = "Table 71";

pub(super) const CASES: &[Case] = &[
    must(
        "leave-answered",
        "MVR_LEAVE message",
        "A LEAVE is answered on its connection.",
        &["MSG-LEAVE"],
        |v| left(v).map(drop),
    ),
    must("leave-ret-type", TABLE, "The answer to LEAVE is of the type MVR_LEAVE_RET.", &["MSG-RET"], |v| {
        look::is(&left(v)?, "MVR_LEAVE_RET")
    }),
    must("leave-ret-ok", TABLE, "The answer says by a truth value that it worked.", &["MSG-OK"], |v| {
        look::truth(&left(v)?, true)
    }),
    must("leave-ret-message", TABLE, "Message is a text for people.", &["MSG-RET"], |v| {
        look::text_or_nothing(&left(v)?, "Message")
    }),
    must("join-after-leave", "MVR_LEAVE message", "Who has left joins again by JOIN.", &["STA-02"], |v| {
        left(v)?;
        let again = v.join_ret()?.1;
        look::is(&again, "MVR_JOIN_RET").and_then(|()| yes(&again))
    }),
    field("leave-twice", "Who leaves twice is answered both times.", &["STA-02"], |v| {
        left(v)?;
        let mut line = v.line()?;
        line.ask(&messages::leave(&v.ids.first)).map(drop)
    }),
    must(
        "leave-as-the-example",
        "Table 70, its example",
        "LEAVE as the specification's example has it, with StationUUID in place of FromStationUUID.",
        &["MSG-LEAVE-KEYS"],
        |v| {
            let (mut line, _) = v.joined()?;
            let ret = line.ask(&json!({ "Type": "MVR_LEAVE", "StationUUID": v.ids.first }))?;
            look::is(&ret, "MVR_LEAVE_RET").and_then(|()| yes(&ret))
        },
    )
    .needs(&[Consent::Rough]),
];

/// Joins and leaves on the same connection.
fn left(v: &mut Visit<'_>) -> Outcome<Value> {
    let (mut line, _) = v.joined()?;
    line.ask(&messages::leave(&v.ids.first))
}

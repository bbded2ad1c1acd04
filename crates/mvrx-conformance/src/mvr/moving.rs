//! MVR_NEW_SESSION_HOST and its answer (Tables 76 and 77). Only with the operator's consent, and never to a place that exists.

use serde_json::{Value, json};

use super::{look, messages};
use crate::case::{Case, Consent, must};
use crate::verdict::{Outcome, fail};
use crate::visit::Visit;

const TEXT: &str = "MVR_NEW_SESSION_HOST message";
const TABLE: &str = "Table 77";
const ASKED: &[Consent] = &[Consent::Moves, Consent::Rough];

pub(super) const CASES: &[Case] = &[
    must("move-both", TEXT, "ServiceName and ServiceURL set both: OK is false.", &["MSG-NSH-ONE"], |v| {
        no(&proposed(v, GROUP, URL)?)
    })
    .needs(ASKED),
    must(
        "move-neither",
        TEXT,
        "Exactly one of ServiceName and ServiceURL has to be set.",
        &["MSG-NSH-ONE"],
        |v| no(&proposed(v, "", "")?),
    )
    .needs(ASKED),
    must("move-ret-type", TABLE, "The answer is of the type MVR_NEW_SESSION_HOST_RET.", &["MSG-RET"], |v| {
        look::is(&proposed(v, GROUP, URL)?, "MVR_NEW_SESSION_HOST_RET")
    })
    .needs(ASKED),
    must("move-ret-ok", TABLE, "The answer says by a truth value that it did not work.", &["MSG-OK"], |v| {
        look::truth(&proposed(v, GROUP, URL)?, false)
    })
    .needs(ASKED),
    must("move-stays", TEXT, "Who could not move is where it was.", &["STA-17"], |v| {
        proposed(v, "", URL)?;
        v.still_answers()
    })
    .needs(ASKED),
];

/// A host does not go anywhere itself.
pub(super) const STATION: &[Case] =
    &[must("move-to-nowhere", TEXT, "A URL that cannot be reached: OK is false.", &["MSG-NSH"], |v| {
        no(&proposed(v, "", URL)?)
    })
    .needs(ASKED)];

/// A port at which nobody listens, and a group that nobody is in.
pub(super) const URL: &str = "ws://127.0.0.1:9/";
const GROUP: &str = "conformance-test-nowhere._mvrxchange._tcp.local.";

fn proposed(v: &mut Visit<'_>, name: &str, url: &str) -> Outcome<Value> {
    let (mut line, _) = v.joined()?;
    line.ask(&proposal(name, url))
}

pub(super) fn proposal(name: &str, url: &str) -> Value {
    json!({ "Type": "MVR_NEW_SESSION_HOST", "ServiceName": name, "ServiceURL": url })
}

pub(super) fn no(ret: &Value) -> Outcome {
    match messages::ok(ret) {
        Some(false) => Ok(()),
        Some(true) => fail("OK is true"),
        None => fail("there is no OK"),
    }
}

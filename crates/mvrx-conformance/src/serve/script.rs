//! What the script says to such a message, in either mode.

use serde_json::{Value, json};

use super::watched::Watched;
use crate::mvr::messages;

pub(super) enum Answer {
    Message(Value),
    /// The file of the script.
    File,
}

pub(super) fn answer(watched: &Watched, message: &Value) -> Option<Answer> {
    let kind = messages::field(message, "Type");
    let no = |words: &str| json!({ "Type": format!("{kind}_RET"), "OK": false, "Message": words });
    let ret = match kind {
        "MVR_JOIN" => join_ret(watched),
        "MVR_LEAVE" | "MVR_COMMIT" => json!({ "Type": format!("{kind}_RET"), "OK": true, "Message": "" }),
        "MVR_REQUEST" => {
            let file = messages::field(message, "FileUUID");
            if file.is_empty() || watched.has(file) {
                return Some(Answer::File);
            }
            no("this is a test, and has no such file")
        }
        "MVR_NEW_SESSION_HOST" => no("a test moves nowhere"),
        _ => return None,
    };
    Some(Answer::Message(ret))
}

fn join_ret(watched: &Watched) -> Value {
    let commits: Vec<Value> = watched.files.first().map(|file| commit(watched, file)).into_iter().collect();
    json!({
        "Type": "MVR_JOIN_RET", "OK": true, "Message": "", "Provider": messages::NAME, "StationName": messages::NAME,
        "verMajor": 1, "verMinor": 6, "StationUUID": watched.station, "Commits": commits,
    })
}

/// The COMMIT of a file of the script.
pub(super) fn commit(watched: &Watched, file: &str) -> Value {
    messages::commit(&watched.station, file, messages::test_file().len(), &[])
}

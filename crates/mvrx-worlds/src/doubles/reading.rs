//! Frames and JSON as the products read them, written anew in a few lines so as not to share a mistake with the code under test.

use serde_json::Value;

pub(super) enum Frame {
    Json(Vec<u8>),
    File(Vec<u8>),
}

pub(super) const HEADER: usize = 28;

/// A package: 778682, version, 0 of 1, type, length.
pub(super) fn frame(version: u32, kind: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + payload.len());
    for number in [778_682, version, 0, 1, kind] {
        bytes.extend_from_slice(&u32::to_be_bytes(number));
    }
    bytes.extend_from_slice(&(payload.len() as u64).to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// The first frame, and how many bytes it has. `None`: not here yet.
pub(super) fn next(bytes: &[u8]) -> Result<Option<(Frame, usize)>, &'static str> {
    let (Some(magic), Some(version), Some(number), Some(count), Some(kind)) =
        (word(bytes, 0), word(bytes, 4), word(bytes, 8), word(bytes, 12), word(bytes, 16))
    else {
        return Ok(None);
    };
    let Some(length) =
        bytes.get(20..HEADER).and_then(|eight| Some(u64::from_be_bytes(eight.try_into().ok()?)))
    else {
        return Ok(None);
    };
    match (magic, version, number, count) {
        (778_682, 1, 0, 1) => {}
        (778_682, 1, _, _) => return Err("a message in several packages"),
        (778_682, _, _, _) => return Err("another version than 1"),
        _ => return Err("another magic number"),
    }
    let end = HEADER + usize::try_from(length).map_err(|_| "a length that fits nowhere")?;
    let Some(payload) = bytes.get(HEADER..end) else { return Ok(None) };
    let frame = if kind == 0 { Frame::Json(payload.to_vec()) } else { Frame::File(payload.to_vec()) };
    Ok(Some((frame, end)))
}

pub(super) fn is_whole(bytes: &[u8]) -> bool {
    matches!(next(bytes), Ok(Some((_, used))) if used == bytes.len())
}

pub(super) fn text(message: &Value, key: &str) -> String {
    message.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

pub(super) fn kind_is_reply(message: &Value) -> bool {
    text(message, "Type").ends_with("_RET")
}

pub(super) fn count(bytes: &[u8], part: &[u8]) -> usize {
    bytes.windows(part.len()).filter(|window| *window == part).count()
}

/// What the strictest reader of all needs: every key, each of its kind.
pub(super) fn strict(message: &Value, kind: &str) -> Result<(), String> {
    let needs: Needs = match kind {
        "MVR_JOIN" => JOIN,
        "MVR_JOIN_RET" => JOIN_RET,
        "MVR_COMMIT" => COMMIT,
        "MVR_LEAVE" => &[("FromStationUUID", is_uuid)],
        "MVR_REQUEST" => &[("FileUUID", is_uuid), ("FromStationUUID", Value::is_array)],
        "MVR_LEAVE_RET" | "MVR_COMMIT_RET" | "MVR_REQUEST_RET" => RET,
        _ => return Err(format!("a message of the type {kind:?}")),
    };
    for (key, fits) in needs {
        match message.get(*key) {
            None => return Err(format!("{kind} without {key}")),
            Some(value) if !fits(value) => return Err(format!("{kind} with {key}: {value}")),
            Some(_) => {}
        }
    }
    for commit in message.get("Commits").and_then(Value::as_array).into_iter().flatten() {
        strict(commit, &text(commit, "Type"))?;
    }
    Ok(())
}

/// Its strings go into arrays of 1,024 bytes, unchecked.
pub(super) fn short_strings(value: &Value) -> Result<(), String> {
    match value {
        Value::String(text) if text.len() > 1_000 => Err(format!("a string of {} bytes", text.len())),
        Value::Array(items) => items.iter().try_for_each(short_strings),
        Value::Object(keys) => {
            keys.iter().filter(|(key, _)| *key != "mvrx").try_for_each(|(_, value)| short_strings(value))
        }
        _ => Ok(()),
    }
}

fn is_uuid(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.len() == 36)
}

type Needs = &'static [(&'static str, fn(&Value) -> bool)];

const JOIN: Needs = &[
    ("Provider", Value::is_string),
    ("StationName", Value::is_string),
    ("verMajor", Value::is_u64),
    ("verMinor", Value::is_u64),
    ("StationUUID", is_uuid),
    ("Commits", Value::is_array),
];
const JOIN_RET: Needs = &[
    ("OK", Value::is_boolean),
    ("Message", Value::is_string),
    ("Provider", Value::is_string),
    ("StationName", Value::is_string),
    ("verMajor", Value::is_u64),
    ("verMinor", Value::is_u64),
    ("StationUUID", is_uuid),
    ("Commits", Value::is_array),
];
const COMMIT: Needs = &[
    ("verMajor", Value::is_u64),
    ("verMinor", Value::is_u64),
    ("FileSize", Value::is_u64),
    ("FileUUID", is_uuid),
    ("StationUUID", is_uuid),
    ("ForStationsUUID", Value::is_array),
    ("Comment", Value::is_string),
    ("FileName", Value::is_string),
];
const RET: Needs = &[("OK", Value::is_boolean), ("Message", Value::is_string)];

//! What the judge says: in the form that every known product reads, unless a case is about another one.

use serde_json::{Value, json};

/// Who the judge is, as an application and as a station. Without the name of any product: several treat others by their names, and one that took
/// the judge for its own kind would show it another face.
pub(crate) const NAME: &str = "Conformance test";
pub(crate) const FILE_NAME: &str = "conformance-test.mvr";

pub(crate) fn join(me: &str) -> Value {
    join_as(me, NAME)
}

pub(crate) fn join_as(me: &str, name: &str) -> Value {
    json!({
        "Type": "MVR_JOIN", "Provider": NAME, "StationName": name, "verMajor": 1, "verMinor": 6,
        "StationUUID": me, "Commits": [],
    })
}

pub(crate) fn leave(me: &str) -> Value {
    json!({ "Type": "MVR_LEAVE", "FromStationUUID": me })
}

pub(crate) fn request(file: &str, from: &str) -> Value {
    json!({ "Type": "MVR_REQUEST", "FileUUID": file, "FromStationUUID": [from] })
}

pub(crate) fn commit(me: &str, file: &str, size: usize, to: &[&str]) -> Value {
    json!({
        "Type": "MVR_COMMIT", "verMajor": 1, "verMinor": 6, "FileSize": size, "FileUUID": file, "StationUUID": me,
        "ForStationsUUID": to, "Comment": "a test, to be ignored", "FileName": FILE_NAME,
    })
}

/// What a product may say of its own accord while the judge waits for an answer.
pub(crate) fn is_question(message: &Value) -> bool {
    let kind = field(message, "Type");
    matches!(kind, "MVR_JOIN" | "MVR_LEAVE" | "MVR_COMMIT" | "MVR_REQUEST" | "MVR_NEW_SESSION_HOST")
}

/// The message with this field set.
pub(crate) fn with(mut message: Value, key: &str, value: Value) -> Value {
    if let Some(fields) = message.as_object_mut() {
        fields.insert(key.to_owned(), value);
    }
    message
}

/// OK, however it is spelled.
pub(crate) fn ok(message: &Value) -> Option<bool> {
    match message.get("OK")? {
        Value::Bool(ok) => Some(*ok),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        Value::Number(number) => number.as_i64().map(|number| number != 0),
        _ => None,
    }
}

pub(crate) fn is_no(message: &Value) -> bool {
    ok(message) == Some(false)
}

/// What it says why.
pub(crate) fn reason(message: &Value) -> &str {
    message
        .get("Message")
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
        .unwrap_or("it does not say why")
}

/// The list, under the key of the tables or that of the examples.
pub(crate) fn commits(message: &Value) -> &[Value] {
    let list = message.get("Commits").or_else(|| message.get("Files"));
    list.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

pub(crate) fn field<'a>(message: &'a Value, key: &str) -> &'a str {
    message.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// The smallest whole .mvr: an archive with an empty scene in it.
pub(crate) fn test_file() -> Vec<u8> {
    let name: &[u8; 27] = b"GeneralSceneDescription.xml";
    let xml = b"<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"no\" ?>\n<GeneralSceneDescription verMajor=\"1\" verMinor=\"6\" \
        provider=\"Conformance test\" providerVersion=\"1\"><Scene><Layers/></Scene></GeneralSceneDescription>\n";
    let (size, length) = (four(xml.len()), [27, 0]);
    let mut common = vec![20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0x58];
    for field in [crc32(xml).to_le_bytes(), size, size] {
        common.extend(field);
    }
    common.extend(length);
    common.extend([0, 0]);
    let mut zip = b"PK\x03\x04".to_vec();
    zip.extend(&common);
    zip.extend(name);
    zip.extend(xml);
    let directory = zip.len();
    zip.extend(b"PK\x01\x02\x14\x00");
    zip.extend(&common);
    zip.extend([0; 14]);
    zip.extend(name);
    let directory_size = zip.len() - directory;
    zip.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    zip.extend(four(directory_size));
    zip.extend(four(directory));
    zip.extend([0, 0]);
    zip
}

fn four(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes()
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_archive_format() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn ok_is_read_however_it_is_spelled() {
        for (value, wanted) in [
            (json!(true), Some(true)),
            (json!("False"), Some(false)),
            (json!(1), Some(true)),
            (json!("yes"), None),
            (Value::Null, None),
        ] {
            assert_eq!(ok(&json!({ "OK": value })), wanted, "{value}");
        }
        assert_eq!(ok(&json!({})), None);
    }
}

//! A JSON object into the raw texts of the keys that some message knows.
//!
//! The messages share so many keys that one list serves them all; which of them a message uses is decided once its `Type` is known.
//! Unknown keys are checked to be JSON and ignored. A key that comes twice counts as its last value, as in most readers.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::ParseError;

type Raw<'a> = Option<&'a RawValue>;

/// The values of one object, not yet looked at.
#[derive(Default)]
pub(super) struct Fields<'a> {
    pub(super) message_type: Raw<'a>,
    pub(super) legacy_message_type: Raw<'a>,
    pub(super) ok: Raw<'a>,
    pub(super) message: Raw<'a>,
    pub(super) provider: Raw<'a>,
    pub(super) station_name: Raw<'a>,
    pub(super) ver_major: Raw<'a>,
    pub(super) ver_minor: Raw<'a>,
    pub(super) station_uuid: Raw<'a>,
    pub(super) from_station_uuid: Raw<'a>,
    pub(super) from_stations_uuid: Raw<'a>,
    pub(super) commits: Raw<'a>,
    pub(super) files: Raw<'a>,
    pub(super) file_uuid: Raw<'a>,
    pub(super) file_size: Raw<'a>,
    pub(super) for_stations_uuid: Raw<'a>,
    pub(super) comment: Raw<'a>,
    pub(super) file_name: Raw<'a>,
    pub(super) service_name: Raw<'a>,
    pub(super) service_url: Raw<'a>,
    pub(super) password: Raw<'a>,
    pub(super) mvrx: Raw<'a>,
    pub(super) duplicate_key: bool,
}

/// Takes a whole message apart.
pub(super) fn of_message(text: &str) -> Result<Fields<'_>, ParseError> {
    read(text).map_err(|e| {
        if e.is_data() {
            ParseError::TopLevelNotAnObject
        } else {
            ParseError::NotJson { line: e.line(), column: e.column() }
        }
    })
}

/// Takes an object inside a message apart; `None` if it is none.
pub(super) fn of_object(raw: &RawValue) -> Option<Fields<'_>> {
    read(raw.get()).ok()
}

fn read(text: &str) -> Result<Fields<'_>, serde_json::Error> {
    let mut json = serde_json::Deserializer::from_str(text);
    let fields = json.deserialize_map(FieldsVisitor)?;
    json.end()?;
    Ok(fields)
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
        let mut fields = Fields::default();
        let mut duplicate_key = false;
        while let Some(slot) = map.next_key_seed(Slot(&mut fields))? {
            match slot {
                Some(slot) => duplicate_key |= slot.replace(map.next_value()?).is_some(),
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        fields.duplicate_key = duplicate_key;
        Ok(fields)
    }
}

/// Reads a key into the place of its value; `None` for an unknown one.
struct Slot<'f, 'de>(&'f mut Fields<'de>);

impl<'f, 'de> DeserializeSeed<'de> for Slot<'f, 'de> {
    type Value = Option<&'f mut Raw<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, key: D) -> Result<Self::Value, D::Error> {
        // As bytes, so that a key with half of a surrogate pair is merely unknown.
        key.deserialize_bytes(self)
    }
}

impl<'f, 'de> Visitor<'de> for Slot<'f, 'de> {
    type Value = Option<&'f mut Raw<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_bytes<E>(self, key: &[u8]) -> Result<Self::Value, E> {
        let fields = self.0;
        Ok(Some(match key {
            b"Type" => &mut fields.message_type,
            b"MessageType" => &mut fields.legacy_message_type,
            b"OK" => &mut fields.ok,
            b"Message" => &mut fields.message,
            b"Provider" => &mut fields.provider,
            b"StationName" => &mut fields.station_name,
            b"verMajor" => &mut fields.ver_major,
            b"verMinor" => &mut fields.ver_minor,
            b"StationUUID" => &mut fields.station_uuid,
            b"FromStationUUID" => &mut fields.from_station_uuid,
            b"FromStationsUUID" => &mut fields.from_stations_uuid,
            b"Commits" => &mut fields.commits,
            b"Files" => &mut fields.files,
            b"FileUUID" => &mut fields.file_uuid,
            b"FileSize" => &mut fields.file_size,
            b"ForStationsUUID" => &mut fields.for_stations_uuid,
            b"Comment" => &mut fields.comment,
            b"FileName" => &mut fields.file_name,
            b"ServiceName" => &mut fields.service_name,
            b"ServiceURL" => &mut fields.service_url,
            b"Password" => &mut fields.password,
            b"mvrx" => &mut fields.mvrx,
            _ => return Ok(None),
        }))
    }
}

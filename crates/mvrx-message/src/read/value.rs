//! The raw text of one value into what it should be, noting how it deviates.
//!
//! Nothing here fails a message, save a list that is too long: what cannot be read is absent, and a quirk tells.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer as _;
use serde::de::{SeqAccess, Visitor};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::file_name::cut;
use crate::uuids::{self, Spelling};
use crate::{Limits, MvrVersion, ParseError, Quirk, QuirkSet, StationUuid, UuidError};

/// The limits of one message and its quirks so far.
pub(super) struct Reader<'l> {
    pub(super) limits: &'l Limits,
    pub(super) quirks: QuirkSet,
}

/// What stands where a UUID should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Id {
    /// Nothing, or `null`.
    Absent,
    Empty,
    Nil,
    /// Neither a UUID nor one of the ways to say "none".
    Unreadable,
    /// Not nil.
    Is(Uuid),
}

/// What stands where a list of stations should.
#[derive(Debug, Default)]
pub(super) struct Stations {
    pub(super) readable: Vec<StationUuid>,
    /// Entries that name a station in a way nobody understands.
    pub(super) unreadable: usize,
}

impl Reader<'_> {
    pub(super) fn note_if(&mut self, condition: bool, quirk: Quirk) {
        if condition {
            self.quirks.insert(quirk);
        }
    }

    /// A string, cut to the limit. `None`: absent, null or not a string.
    pub(super) fn string(&mut self, raw: Option<&RawValue>) -> Option<String> {
        let raw = self.present(raw)?;
        let Some(text) = self.text(raw) else {
            self.quirks.insert(Quirk::FieldOfWrongKind);
            return None;
        };
        let kept = cut(&text, self.limits.string_bytes);
        self.note_if(kept.len() < text.len(), Quirk::StringCut);
        Some(if kept.len() == text.len() { text.into_owned() } else { kept.to_owned() })
    }

    /// Whether it is this word, in any case.
    pub(super) fn is_word(&mut self, raw: Option<&RawValue>, word: &str) -> bool {
        raw.and_then(|raw| self.text(raw)).is_some_and(|text| text.trim().eq_ignore_ascii_case(word))
    }

    // req: MSG-UUID
    pub(super) fn id(&mut self, raw: Option<&RawValue>) -> Id {
        let Some(raw) = self.present(raw) else { return Id::Absent };
        let Some(text) = self.text(raw) else {
            self.quirks.insert(Quirk::FieldOfWrongKind);
            return Id::Unreadable;
        };
        match uuids::read(&text) {
            Ok((uuid, _)) if uuid.is_nil() => Id::Nil,
            Ok((uuid, spelling)) => {
                self.note_if(spelling == Spelling::UpperCase, Quirk::UuidUpperCase);
                self.note_if(spelling == Spelling::Odd, Quirk::UuidOddlySpelled);
                Id::Is(uuid)
            }
            Err(UuidError::Empty) => Id::Empty,
            Err(_) => Id::Unreadable,
        }
    }

    /// A station that may be missing.
    pub(super) fn station(&mut self, raw: Option<&RawValue>) -> Option<StationUuid> {
        let id = self.id(raw);
        self.station_of(id)
    }

    pub(super) fn station_of(&mut self, id: Id) -> Option<StationUuid> {
        match id {
            Id::Is(uuid) => return StationUuid::from_uuid(uuid),
            Id::Absent => {}
            Id::Empty => self.note_if(true, Quirk::UuidEmpty),
            Id::Nil => self.note_if(true, Quirk::UuidNil),
            Id::Unreadable => self.note_if(true, Quirk::UuidUnreadable),
        }
        None
    }

    /// A list of stations, also one station alone as a text.
    pub(super) fn stations(
        &mut self,
        raw: Option<&RawValue>,
        as_string: Quirk,
    ) -> Result<Stations, ParseError> {
        let mut stations = Stations::default();
        let Some(raw) = self.present(raw) else { return Ok(stations) };
        match first_byte(raw) {
            b'[' => {
                let allowed = self.limits.stations;
                if !each_element(raw, allowed, |entry| self.add_station(entry, &mut stations)) {
                    return Err(ParseError::MoreStationsThanLimit { allowed });
                }
            }
            b'"' => {
                self.quirks.insert(as_string);
                self.add_station(raw, &mut stations);
            }
            b'{' => {
                self.quirks.insert(Quirk::FieldOfWrongKind);
                // Some languages write an empty list as an empty object; a full one may name stations.
                stations.unreadable += usize::from(raw.get().contains(':'));
            }
            _ => self.note_if(true, Quirk::FieldOfWrongKind),
        }
        Ok(stations)
    }

    // req: MSG-BAD-ENTRY
    fn add_station(&mut self, raw: &RawValue, stations: &mut Stations) {
        let id = self.id(Some(raw));
        if id == Id::Unreadable {
            self.quirks.insert(Quirk::StationEntryDropped);
            stations.unreadable += 1;
        }
        stations.readable.extend(self.station_of(id));
    }

    // req: MSG-OK
    pub(super) fn ok(&mut self, raw: Option<&RawValue>, assumed: bool) -> bool {
        let (ok, quirk) = match self.present(raw).map(RawValue::get) {
            Some("true") => return true,
            Some("false") => return false,
            Some(text) if text.starts_with('"') => (self.word_as_bool(raw), Quirk::OkAsString),
            Some(text) => (text.parse().ok().map(|n: f64| n != 0.0), Quirk::OkAsNumber),
            None => (None, Quirk::OkMissing),
        };
        self.quirks.insert(if ok.is_some() { quirk } else { Quirk::OkMissing });
        ok.unwrap_or(assumed)
    }

    fn word_as_bool(&mut self, raw: Option<&RawValue>) -> Option<bool> {
        if self.is_word(raw, "true") || self.is_word(raw, "1") {
            Some(true)
        } else if self.is_word(raw, "false") || self.is_word(raw, "0") {
            Some(false)
        } else {
            None
        }
    }

    // req: MSG-VERSION
    pub(super) fn version(&mut self, major: Option<&RawValue>, minor: Option<&RawValue>) -> MvrVersion {
        let mut part = |raw| {
            let (number, quirk) = self.number(raw, Quirk::VersionAsString, Quirk::VersionAsFloat);
            let number = number.and_then(|n| u32::try_from(n).ok());
            self.quirks.extend(if number.is_some() { quirk } else { Some(Quirk::VersionMissing) });
            number.unwrap_or(0)
        };
        MvrVersion { major: part(major), minor: part(minor) }
    }

    // req: MSG-FILESIZE
    pub(super) fn file_size(&mut self, raw: Option<&RawValue>) -> u64 {
        let (number, quirk) = self.number(raw, Quirk::FileSizeAsString, Quirk::FileSizeAsFloat);
        self.quirks.extend(if number.is_some() { quirk } else { Some(Quirk::FileSizeMissing) });
        number.unwrap_or(0)
    }

    /// A number from 0 on, and how it deviates if it does.
    fn number(
        &mut self,
        raw: Option<&RawValue>,
        as_string: Quirk,
        as_float: Quirk,
    ) -> (Option<u64>, Option<Quirk>) {
        let Some(raw) = self.present(raw) else { return (None, None) };
        let (text, quirk) = match self.text(raw) {
            Some(text) => (text, Some(as_string)),
            None => (Cow::Borrowed(raw.get()), None),
        };
        let text = text.trim();
        match text.parse() {
            Ok(number) => (Some(number), quirk),
            Err(_) => (text.parse().ok().and_then(whole), quirk.or(Some(as_float))),
        }
    }

    /// What is there and not null.
    fn present<'a>(&mut self, raw: Option<&'a RawValue>) -> Option<&'a RawValue> {
        let raw = raw?;
        if raw.get() == "null" {
            self.quirks.insert(Quirk::NullField);
            return None;
        }
        Some(raw)
    }

    /// The characters of a JSON string; `None` for another kind of value.
    fn text<'a>(&mut self, raw: &'a RawValue) -> Option<Cow<'a, str>> {
        if first_byte(raw) != b'"' {
            return None;
        }
        if let Ok(text) = serde_json::Deserializer::from_str(raw.get()).deserialize_str(Text) {
            return Some(text);
        }
        // As the raw text is checked JSON, only half of a surrogate pair brings us here.
        self.quirks.insert(Quirk::UnpairedSurrogate);
        serde_json::Deserializer::from_str(raw.get()).deserialize_bytes(Text).ok()
    }
}

/// Calls `each` for the elements of an array; `false` when there are more than `most`.
pub(super) fn each_element<'a>(raw: &'a RawValue, most: usize, each: impl FnMut(&'a RawValue)) -> bool {
    // As the raw text is checked JSON, only a list that was not read to its end is an error.
    serde_json::Deserializer::from_str(raw.get()).deserialize_seq(Elements { most, each }).unwrap_or(false)
}

pub(super) fn first_byte(raw: &RawValue) -> u8 {
    raw.get().bytes().next().unwrap_or_default()
}

fn whole(number: f64) -> Option<u64> {
    if !(0.0..TWO_TO_64).contains(&number) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range was just checked")]
    Some(number as u64)
}

const TWO_TO_64: f64 = 18_446_744_073_709_551_616.0;

struct Text;

impl<'de> Visitor<'de> for Text {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Self::Value, E> {
        Ok(Cow::Owned(String::from_utf8_lossy(bytes).into_owned()))
    }
}

struct Elements<F> {
    most: usize,
    each: F,
}

impl<'de, F: FnMut(&'de RawValue)> Visitor<'de> for Elements<F> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<bool, A::Error> {
        let mut count = 0;
        while let Some(element) = seq.next_element()? {
            if count == self.most {
                return Ok(false);
            }
            count += 1;
            (self.each)(element);
        }
        Ok(true)
    }
}

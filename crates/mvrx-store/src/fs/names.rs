//! The names in the folder of a store, written and read. A name that is not exactly one of ours is none of ours.

use std::fmt;

use mvrx_message::FileUuid;

use crate::store::PartOf;

/// What a commit's record and file are called by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Stem {
    pub(super) sequence: u64,
    pub(super) file: FileUuid,
}

/// What something in the folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Name {
    Schema,
    Index,
    Temporary(u64),
    Part(PartOf),
    Record(Stem),
    File(Stem),
    Recipe(Stem),
    Publishing(Stem),
    Removed(Stem),
}

impl Name {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let name = if text == SCHEMA_NAME {
            Self::Schema
        } else if text == INDEX_NAME {
            Self::Index
        } else if let Some(number) = text.strip_prefix(INCOMING) {
            Self::Temporary(u64::from_str_radix(number.strip_suffix(PART)?, 16).ok()?)
        } else if let Some(part) = text.strip_prefix(PARTIAL) {
            Self::Part(part_of(part.strip_suffix(PART)?)?)
        } else {
            let (stem, ending) = text.split_once('.')?;
            let stem = stem_of(stem)?;
            return match ending {
                "json" => Some(Self::Record(stem)),
                "mvr" => Some(Self::File(stem)),
                "recipe" => Some(Self::Recipe(stem)),
                "publishing" => Some(Self::Publishing(stem)),
                "removed" => Some(Self::Removed(stem)),
                _ => None,
            };
        };
        // Other spellings of the same numbers are not ours.
        (name.to_string() == text).then_some(name)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (stem, ending) = match self {
            Self::Schema => return out.write_str(SCHEMA_NAME),
            Self::Index => return out.write_str(INDEX_NAME),
            Self::Temporary(number) => return write!(out, "{INCOMING}{number:016x}{PART}"),
            Self::Part(of) => {
                write!(out, "{PARTIAL}{}-{}-", of.file, of.length)?;
                of.hash.iter().try_for_each(|byte| write!(out, "{byte:02x}"))?;
                return out.write_str(PART);
            }
            Self::Record(stem) => (stem, "json"),
            Self::File(stem) => (stem, "mvr"),
            Self::Recipe(stem) => (stem, "recipe"),
            Self::Publishing(stem) => (stem, "publishing"),
            Self::Removed(stem) => (stem, "removed"),
        };
        write!(out, "{:012}-{}.{ending}", stem.sequence, stem.file)
    }
}

const SCHEMA_NAME: &str = "store.json";
const INDEX_NAME: &str = "store.index";
/// A stem in exactly our spelling. There may be tens of thousands, so none is written again to compare it.
fn stem_of(text: &str) -> Option<Stem> {
    let (digits, file) = text.split_once('-')?;
    let longer = digits.len() > SEQUENCE && !digits.starts_with('0');
    let number = digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits.len() == SEQUENCE || longer);
    let hyphen = |at| matches!(at, 8 | 13 | 18 | 23);
    let spelled = |(at, byte)| match byte {
        b'-' => hyphen(at),
        b'0'..=b'9' | b'a'..=b'f' => !hyphen(at),
        _ => false,
    };
    let ours = number && file.len() == UUID && file.bytes().enumerate().all(spelled);
    ours.then(|| Some(Stem { sequence: digits.parse().ok()?, file: file.parse().ok()? })).flatten()
}

fn part_of(text: &str) -> Option<PartOf> {
    let (file, rest) = text.split_at_checked(UUID)?;
    let (length, digits) = rest.strip_prefix('-')?.split_once('-')?;
    let mut hash = [0; 32];
    if digits.len() != 2 * hash.len() {
        return None;
    }
    for (place, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits.get(2 * place..2 * place + 2)?, 16).ok()?;
    }
    Some(PartOf { file: file.parse().ok()?, length: length.parse().ok()?, hash })
}

const INCOMING: &str = "incoming-";
const PARTIAL: &str = "partial-";
const UUID: usize = 36;
/// Digits of a number that has no more.
const SEQUENCE: usize = 12;
const PART: &str = ".part";

#[cfg(test)]
mod tests {
    use super::*;

    fn stem(sequence: u64) -> Stem {
        Stem { sequence, file: FileUuid::from_random_bytes([7; 16]) }
    }

    #[test]
    fn reads_every_name_that_it_writes() {
        for name in [
            Name::Schema,
            Name::Index,
            Name::Temporary(0),
            Name::Temporary(u64::MAX),
            Name::Part(PartOf {
                file: stem(1).file,
                length: u64::MAX,
                hash: std::array::from_fn(|n| u8::try_from(n * 8).unwrap()),
            }),
            Name::Record(stem(1)),
            Name::File(stem(999_999_999_999)),
            Name::Recipe(stem(3)),
            Name::Publishing(stem(u64::MAX)),
            Name::Removed(stem(12)),
        ] {
            assert_eq!(Name::parse(&name.to_string()), Some(name));
        }
    }

    #[test]
    fn leaves_the_names_of_others_alone() {
        let file = FileUuid::from_random_bytes([0xab; 16]);
        for text in [
            "".to_owned(),
            "rig.mvr".to_owned(),
            "incoming-1.part".to_owned(),
            "incoming-00000000000000AB.part".to_owned(),
            "incoming-0000000000000001.part.bak".to_owned(),
            format!("1-{file}.json"),
            format!("+00000000001-{file}.json"),
            format!("000000000001-{}.json", file.to_string().to_uppercase()),
            format!("000000000001-{file}.json~"),
            format!("000000000001-{file}"),
            format!("partial-{file}-7-{}.part", "ab".repeat(31)),
            format!("partial-{file}-07-{}.part", "ab".repeat(32)),
            format!("partial-{file}-7-{}.part", "+b".repeat(32)),
            format!("partial-{file}-7-{}.part", "AB".repeat(32)),
            format!("99999999999999999999999-{file}.mvr"),
        ] {
            assert_eq!(Name::parse(&text), None, "{text}");
        }
    }
}

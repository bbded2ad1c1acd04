//! The `mvrx` object: what only our own stations say. Nothing that is wrong with it spoils a message.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::value::{Reader, first_byte};
use crate::{MvrVersion, Ours, Quirk};

/// What was said.
pub(super) struct Extra {
    pub(super) ours: Ours,
    pub(super) blake3: Option<[u8; 32]>,
    pub(super) mvr: Option<MvrVersion>,
}

#[derive(Deserialize)]
struct Object<'a> {
    v: u32,
    #[serde(borrow, default)]
    blake3: Option<&'a RawValue>,
    #[serde(borrow, default)]
    mvr: Option<&'a RawValue>,
}

/// Reads it; without a version nothing of it counts, otherwise each key by itself.
// req: MSG-MVRX
pub(super) fn read(reader: &mut Reader<'_>, raw: Option<&RawValue>) -> Option<Extra> {
    let raw = raw?;
    // The derived reader would take an array for the object as well.
    let object =
        (first_byte(raw) == b'{').then(|| serde_json::from_str::<Object<'_>>(raw.get()).ok()).flatten();
    let Some(object) = object else {
        reader.quirks.insert(Quirk::MvrxObjectUnreadable);
        return None;
    };
    let mut part = |raw: Option<&RawValue>| -> Option<String> {
        let text = serde_json::from_str(raw?.get()).ok();
        reader.note_if(text.is_none(), Quirk::MvrxObjectUnreadable);
        text
    };
    let (blake3, mvr) = (part(object.blake3), part(object.mvr));
    let extra = Extra {
        ours: Ours { version: object.v },
        blake3: blake3.as_deref().and_then(hash),
        mvr: mvr.as_deref().and_then(version),
    };
    reader.note_if(blake3.is_some() != extra.blake3.is_some(), Quirk::MvrxObjectUnreadable);
    reader.note_if(mvr.is_some() != extra.mvr.is_some(), Quirk::MvrxObjectUnreadable);
    Some(extra)
}

fn hash(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    let mut hash = [0; 32];
    if digits.len() != 2 * hash.len() {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(hash)
}

fn digit(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        b'A'..=b'F' => Some(character - b'A' + 10),
        _ => None,
    }
}

fn version(text: &str) -> Option<MvrVersion> {
    let (major, minor) = text.split_once('.')?;
    Some(MvrVersion { major: major.parse().ok()?, minor: minor.parse().ok()? })
}

//! Turns a listed commit into the bytes of one index record and back. It knows no files.
//!
//! A record is one line of JSON and, on a second line, the BLAKE3 of the first in hexadecimal:
//!
//! ```text
//! {"schema":1,"sequence":7,"file":"…","seen_ms":1763700000000,"length":91234,"blake3":"…","group":"Default", …}
//! 5f2c…
//! ```
//! Every later schema keeps this frame and the key `schema`, so an older program can tell "newer than I" from
//! "damaged". Within a schema keys may be added, and unknown ones are passed over.

use serde::{Deserialize, Serialize};

use mvrx_message::{Author, Commit, FileUuid, MvrVersion, StationUuid};

use crate::clock::{from_millis, to_millis};
use crate::problem::RecordDamage;
use crate::store::StoredCommit;

/// The schema that this version writes, and the newest that it reads.
pub(crate) const SCHEMA: u64 = 1;

/// Why bytes are no record that can be used here.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NotUsable {
    Damaged(RecordDamage),
    Newer { found: u64 },
}

#[derive(Serialize, Deserialize)]
struct SchemaOnly {
    schema: u64,
}

#[derive(Serialize, Deserialize)]
struct Fields {
    schema: u64,
    sequence: u64,
    file: FileUuid,
    seen_ms: u64,
    length: u64,
    blake3: String,
    group: String,
    station: Option<StationUuid>,
    version: (u32, u32),
    file_size: u64,
    for_stations: Vec<StationUuid>,
    comment: String,
    file_name: String,
    told_blake3: Option<String>,
    /// StationName and Provider of the station; records of before it was known have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    author: Option<(String, String)>,
    /// Its place in the order of all commits; records of before it was told have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    order: Option<u64>,
}

/// The record of a commit.
pub(crate) fn encode(stored: &StoredCommit) -> Vec<u8> {
    let commit = &stored.commit;
    let fields = Fields {
        schema: SCHEMA,
        sequence: stored.sequence,
        file: commit.file,
        seen_ms: to_millis(stored.seen),
        length: stored.length,
        blake3: hex(stored.hash),
        group: stored.group.clone(),
        station: commit.station,
        version: (commit.version.major, commit.version.minor),
        file_size: commit.file_size,
        for_stations: commit.for_stations.clone(),
        comment: commit.comment.clone(),
        file_name: commit.file_name.clone(),
        told_blake3: commit.blake3.map(hex),
        author: commit.author.as_ref().map(|author| (author.name.clone(), author.provider.clone())),
        // req: STO-23
        order: commit.order,
    };
    frame(&fields)
}

/// The commit of a record.
// req: STO-04, STO-05
pub(crate) fn decode(bytes: &[u8]) -> Result<StoredCommit, NotUsable> {
    let line = unframe(bytes)?;
    let not_understood = NotUsable::Damaged(RecordDamage::FieldsNotUnderstood);
    match serde_json::from_slice::<Fields>(line).ok().and_then(understand) {
        Some(stored) => Ok(stored),
        None => Err(not_understood),
    }
}

/// What tells the schema of a whole store.
pub(crate) fn encode_schema() -> Vec<u8> {
    frame(&SchemaOnly { schema: SCHEMA })
}

/// Whether a store with this schema file can be used here.
pub(crate) fn check_schema(bytes: &[u8]) -> Result<(), NotUsable> {
    unframe(bytes).map(|_| ())
}

fn understand(fields: Fields) -> Option<StoredCommit> {
    let told = match fields.told_blake3 {
        Some(text) => Some(unhex(&text)?),
        None => None,
    };
    let (major, minor) = fields.version;
    let commit = Commit {
        file: fields.file,
        station: fields.station,
        version: MvrVersion { major, minor },
        file_size: fields.file_size,
        for_stations: fields.for_stations,
        comment: fields.comment,
        file_name: fields.file_name,
        blake3: told,
        author: fields.author.map(|(name, provider)| Author { name, provider }),
        group: None,
        order: fields.order,
        missed: false,
    };
    Some(StoredCommit {
        commit,
        sequence: fields.sequence,
        seen: from_millis(fields.seen_ms)?,
        hash: unhex(&fields.blake3)?,
        length: fields.length,
        group: fields.group,
    })
}

/// A line and its checksum.
fn frame(value: &impl Serialize) -> Vec<u8> {
    // Texts, numbers and lists of them always are JSON; were they not, the record would be read back as damaged.
    let mut bytes = serde_json::to_vec(value).unwrap_or_default();
    let checksum = hex(*blake3::hash(&bytes).as_bytes());
    bytes.push(b'\n');
    bytes.extend_from_slice(checksum.as_bytes());
    bytes.push(b'\n');
    bytes
}

/// The line of a frame whose checksum is right and whose schema is known.
fn unframe(bytes: &[u8]) -> Result<&[u8], NotUsable> {
    let damaged = |damage| Err(NotUsable::Damaged(damage));
    let Some((line, rest)) =
        bytes.iter().position(|byte| *byte == b'\n').and_then(|at| bytes.split_at_checked(at))
    else {
        return damaged(RecordDamage::NotARecord);
    };
    let checksum = rest
        .strip_prefix(b"\n")
        .and_then(|rest| rest.strip_suffix(b"\n"))
        .and_then(|hex| blake3::Hash::from_hex(hex).ok());
    let Some(checksum) = checksum else { return damaged(RecordDamage::NotARecord) };
    if blake3::hash(line) != checksum {
        return damaged(RecordDamage::ChecksumDiffers);
    }
    match serde_json::from_slice::<SchemaOnly>(line) {
        Ok(SchemaOnly { schema: found }) if found > SCHEMA => Err(NotUsable::Newer { found }),
        Ok(SchemaOnly { schema: SCHEMA }) => Ok(line),
        _ => damaged(RecordDamage::FieldsNotUnderstood),
    }
}

fn hex(hash: [u8; 32]) -> String {
    blake3::Hash::from_bytes(hash).to_hex().to_string()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    blake3::Hash::from_hex(text).ok().map(|hash| *hash.as_bytes())
}

#[cfg(test)]
mod tests;

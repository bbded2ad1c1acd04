//! COMMIT, alone and as an entry of `Commits` (Table 72).

use serde_json::value::RawValue;

use super::fields::{self, Fields};
use super::value::{Id, Reader, each_element, first_byte};
use super::{known_type, mvrx};
use crate::{Commit, FileUuid, MessageType, ParseError, Quirk};

/// Reads a COMMIT message.
// req: MSG-COMMIT
pub(super) fn alone(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Result<Commit, ParseError> {
    let file = file(reader, fields)?;
    let stations = reader.stations(fields.for_stations_uuid, Quirk::ForStationsAsString)?;
    // req: MSG-FOR-STATIONS
    if stations.readable.is_empty() && stations.unreadable > 0 {
        return Err(ParseError::ForStationsNotReadable);
    }
    let station = reader.station(fields.station_uuid);
    reader.note_if(station.is_none(), Quirk::StationUuidMissing);
    let written = reader.version(fields.ver_major, fields.ver_minor);
    let extra = mvrx::read(reader, fields.mvrx);
    Ok(Commit {
        file,
        station,
        version: extra.as_ref().and_then(|e| e.mvr).unwrap_or(written),
        file_size: reader.file_size(fields.file_size),
        for_stations: stations.readable,
        comment: reader.string(fields.comment).unwrap_or_default(),
        file_name: reader.string(fields.file_name).unwrap_or_default(),
        blake3: extra.as_ref().and_then(|e| e.blake3),
        group: extra.as_ref().and_then(|e| e.group.clone()),
        order: extra.as_ref().and_then(|e| e.order),
        missed: extra.as_ref().is_some_and(|e| e.missed),
        author: extra.and_then(|e| e.author),
    })
}

/// Reads the list of JOIN and JOIN_RET under either of its names.
// req: MSG-COMMITS-KEY
pub(super) fn listed(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Result<Vec<Commit>, ParseError> {
    let mut commits = Vec::new();
    list(reader, fields.commits, &mut commits)?;
    if commits.is_empty() {
        list(reader, fields.files, &mut commits)?;
    }
    reader.note_if(fields.files.is_some(), Quirk::FilesKey);
    Ok(commits)
}

fn list(
    reader: &mut Reader<'_>,
    raw: Option<&RawValue>,
    commits: &mut Vec<Commit>,
) -> Result<(), ParseError> {
    let Some(raw) = raw else { return Ok(()) };
    if first_byte(raw) != b'[' {
        reader.quirks.insert(if raw.get() == "null" { Quirk::NullField } else { Quirk::FieldOfWrongKind });
        return Ok(());
    }
    let allowed = reader.limits.commits;
    if each_element(raw, allowed, |element| commits.extend(entry(reader, element))) {
        Ok(())
    } else {
        Err(ParseError::MoreCommitsThanLimit { allowed })
    }
}

// req: MSG-BAD-ENTRY
fn entry(reader: &mut Reader<'_>, raw: &RawValue) -> Option<Commit> {
    let commit = fields::of_object(raw).and_then(|fields| {
        reader.note_if(fields.duplicate_key, Quirk::DuplicateKey);
        if let Some(kind) = reader.string(fields.message_type) {
            let is_commit = known_type(reader, &kind) == Some(MessageType::Commit);
            reader.note_if(!is_commit, Quirk::CommitEntryOfOtherType);
        }
        alone(reader, &fields).ok()
    });
    reader.note_if(commit.is_none(), Quirk::CommitEntryDropped);
    commit
}

fn file(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Result<FileUuid, ParseError> {
    match reader.id(fields.file_uuid) {
        Id::Is(uuid) => FileUuid::from_uuid(uuid).ok_or(ParseError::FileUuidMissing),
        Id::Absent | Id::Empty | Id::Nil => Err(ParseError::FileUuidMissing),
        Id::Unreadable => Err(ParseError::FileUuidNotAUuid { message_type: MessageType::Commit }),
    }
}

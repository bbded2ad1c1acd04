//! Bytes into a [`Message`]: tolerant, bounded, each deviation told as a [`Quirk`].
//!
//! An object is first taken apart into the raw texts of the keys that some message knows ([`fields`]), then each is read as what it
//! should be ([`value`]). So the order of keys does not matter (`Type` may come last), a value of a wrong kind spoils nothing but
//! itself, and an entry of a list is dropped alone. It mirrors the read column of table 3.2 of the interoperability notes.
//!
//! No recursion depends on the input and every loop is over bytes that are there: time is linear in the message.

mod commit;
mod fields;
mod guess;
mod mvrx;
mod value;

use serde_json::value::RawValue;

use self::fields::Fields;
pub(crate) use self::guess::guess_type;
use self::mvrx::Extra;
use self::value::{Id, Reader};
use crate::{
    Join, JoinPassword, JoinRet, Leave, Limits, Message, MessageType, MvrVersion, NewSessionHost,
    NewSessionHostRet, ParseError, Parsed, Quirk, QuirkSet, Reply, Request, StationUuid,
};

impl Message {
    /// Reads a message with the default [`Limits`].
    ///
    /// # Errors
    /// A [`ParseError`]; its `scope` says what it spoils.
    pub fn parse(json: &[u8]) -> Result<Parsed, ParseError> {
        Self::parse_with(json, &Limits::default())
    }

    /// Reads a message with these limits.
    ///
    /// # Errors
    /// A [`ParseError`]; its `scope` says what it spoils.
    // req: MSG-LIMITS
    pub fn parse_with(json: &[u8], limits: &Limits) -> Result<Parsed, ParseError> {
        if json.len() > limits.bytes {
            return Err(ParseError::MessageLargerThanLimit { bytes: json.len(), allowed: limits.bytes });
        }
        // req: MSG-UTF8
        let text = std::str::from_utf8(json).map_err(|e| ParseError::NotUtf8 { offset: e.valid_up_to() })?;
        check_depth(json, limits.depth)?;
        let fields = fields::of_message(text)?;
        let mut reader = Reader { limits, quirks: QuirkSet::EMPTY };
        let message = message(&mut reader, &fields)?;
        Ok(Parsed { message, quirks: reader.quirks })
    }
}

fn message(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Result<Message, ParseError> {
    reader.note_if(fields.duplicate_key, Quirk::DuplicateKey);
    let kind = kind(reader, fields)?;
    // req: MSG-UNKNOWN
    let Some(message_type) = known_type(reader, &kind) else { return Ok(Message::Unknown { kind }) };
    Ok(match message_type {
        MessageType::Join => Message::Join(join(reader, fields)?),
        MessageType::JoinRet => Message::JoinRet(join_ret(reader, fields)?),
        MessageType::Leave => Message::Leave(leave(reader, fields)?),
        MessageType::LeaveRet => Message::LeaveRet(reply(reader, fields, true)),
        MessageType::Commit => Message::Commit(commit::alone(reader, fields)?),
        MessageType::CommitRet => Message::CommitRet(reply(reader, fields, true)),
        MessageType::Request => Message::Request(request(reader, fields)?),
        // It exists only to refuse, so an unreadable one refuses.
        MessageType::RequestRet => Message::RequestRet(request_ret(reader, fields)),
        MessageType::NewSessionHost => Message::NewSessionHost(new_session_host(reader, fields)),
        MessageType::NewSessionHostRet => Message::NewSessionHostRet(new_session_host_ret(reader, fields)),
    })
}

// req: MSG-TYPE
fn kind(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Result<String, ParseError> {
    if let Some(kind) = reader.string(fields.message_type) {
        return Ok(kind);
    }
    let kind = reader.string(fields.legacy_message_type).ok_or(ParseError::TypeMissing)?;
    reader.quirks.insert(Quirk::MessageTypeKey);
    Ok(kind)
}

/// The specification's type, also where it is misspelled as the specification itself does in Table 74.
pub(in crate::read) fn known_type(reader: &mut Reader<'_>, kind: &str) -> Option<MessageType> {
    if let Some(known) = MessageType::from_wire(kind) {
        return Some(known);
    }
    let known = MessageType::from_wire(kind.trim().trim_end_matches('-'))?;
    reader.quirks.insert(Quirk::TypeMisspelled);
    Some(known)
}

// req: MSG-JOIN
fn join(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Result<Join, ParseError> {
    let station = reader.id(fields.station_uuid);
    let station = required_station(reader, station, MessageType::Join)?;
    let (provider, station_name, version, mut extra) = introduction(reader, fields);
    let commits = commit::listed(reader, fields)?;
    let ours = extra.as_ref().map(|e| e.ours);
    let (files, group) = extra.as_mut().map_or((None, None), |e| (e.files.take(), e.group.take()));
    let (withdrawn, released) = extra.map(|e| (e.withdrawn, e.released)).unwrap_or_default();
    // req: MSG-JOIN-PASSWORD
    let password = reader.string(fields.password).map(|text| JoinPassword::new(&text));
    Ok(Join {
        provider,
        station_name,
        version,
        station,
        commits,
        ours,
        group,
        files,
        password,
        withdrawn,
        released,
    })
}

// req: MSG-JOIN-RET
fn join_ret(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Result<JoinRet, ParseError> {
    let reply = reply(reader, fields, true);
    let station = reader.station(fields.station_uuid);
    reader.note_if(station.is_none(), Quirk::StationUuidMissing);
    let (provider, station_name, version, extra) = introduction(reader, fields);
    let commits = commit::listed(reader, fields)?;
    let ours = extra.as_ref().map(|e| e.ours);
    let (ticket, roster, group) = extra.map_or((None, None, None), |e| (e.ticket, e.roster, e.group));
    Ok(JoinRet { reply, provider, station_name, version, station, commits, ours, group, ticket, roster })
}

/// What JOIN and JOIN_RET say alike of their sender.
fn introduction(reader: &mut Reader<'_>, fields: &Fields<'_>) -> (String, String, MvrVersion, Option<Extra>) {
    let provider = reader.string(fields.provider).unwrap_or_default();
    reader.note_if(provider.is_empty(), Quirk::ProviderMissing);
    let station_name = reader.string(fields.station_name).unwrap_or_default();
    reader.note_if(station_name.is_empty(), Quirk::StationNameMissing);
    let written = reader.version(fields.ver_major, fields.ver_minor);
    let extra = mvrx::read(reader, fields.mvrx);
    let version = extra.as_ref().and_then(|e| e.mvr).unwrap_or(written);
    (provider, station_name, version, extra)
}

// req: MSG-LEAVE-KEYS
fn leave(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Result<Leave, ParseError> {
    let from = reader.id(fields.from_station_uuid);
    let this = reader.id(fields.station_uuid);
    if this != Id::Absent {
        let alone = from == Id::Absent;
        reader.quirks.insert(if alone { Quirk::LeaveStationUuidKey } else { Quirk::LeaveBothKeys });
    }
    if let (Id::Is(from), Id::Is(this)) = (from, this) {
        reader.note_if(from != this, Quirk::LeaveKeysDisagree);
    }
    let id = if matches!(from, Id::Is(_)) { from } else { this };
    let station = required_station(reader, id, MessageType::Leave)?;
    // req: MSG-MVRX-GROUP
    let extra = mvrx::read(reader, fields.mvrx);
    // req: BRG-24
    let bridge = extra.as_ref().and_then(|extra| extra.ours.bridge);
    Ok(Leave { station, group: extra.and_then(|extra| extra.group), bridge })
}

// req: MSG-REQUEST
fn request(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Result<Request, ParseError> {
    let file = if reader.is_word(fields.file_uuid, "latest") {
        reader.quirks.insert(Quirk::LatestAsWord);
        None
    } else {
        match reader.id(fields.file_uuid) {
            // req: MSG-REQUEST-LATEST
            Id::Absent | Id::Empty => None,
            Id::Nil => {
                reader.quirks.insert(Quirk::UuidNil);
                None
            }
            Id::Is(uuid) => crate::FileUuid::from_uuid(uuid),
            Id::Unreadable => {
                return Err(ParseError::FileUuidNotAUuid { message_type: MessageType::Request });
            }
        }
    };
    // req: MSG-REQUEST-FROM
    reader.note_if(
        fields.from_station_uuid.is_none() && fields.from_stations_uuid.is_none(),
        Quirk::FromStationMissing,
    );
    reader.note_if(fields.from_stations_uuid.is_some(), Quirk::FromStationsKey);
    let mut from = reader.stations(fields.from_station_uuid, Quirk::FromStationAsString)?.readable;
    if from.is_empty() {
        from = reader.stations(fields.from_stations_uuid, Quirk::FromStationAsString)?.readable;
    }
    let station = sender(reader, fields.station_uuid);
    // req: MSG-MVRX-PART
    let part = mvrx::read(reader, fields.mvrx).and_then(|extra| extra.part());
    Ok(Request { file, from, station, part })
}

// req: MSG-NSH
fn new_session_host(reader: &mut Reader<'_>, fields: &Fields<'_>) -> NewSessionHost {
    let told = mvrx::read(reader, fields.mvrx).and_then(|extra| extra.station);
    NewSessionHost {
        service_name: reader.string(fields.service_name).unwrap_or_default(),
        service_url: reader.string(fields.service_url).unwrap_or_default(),
        station: sender(reader, fields.station_uuid).or(told),
    }
}

fn new_session_host_ret(reader: &mut Reader<'_>, fields: &Fields<'_>) -> NewSessionHostRet {
    let answers = mvrx::read(reader, fields.mvrx).map(|extra| extra.answers).unwrap_or_default();
    NewSessionHostRet { reply: reply(reader, fields, true), answers }
}

// req: MSG-MVRX-PART
fn request_ret(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Reply {
    let from = mvrx::read(reader, fields.mvrx).and_then(|extra| extra.from);
    let reply = reply(reader, fields, false);
    Reply { from: from.filter(|_| reply.ok), ..reply }
}

// req: MSG-RET
fn reply(reader: &mut Reader<'_>, fields: &Fields<'_>, assumed: bool) -> Reply {
    Reply {
        ok: reader.ok(fields.ok, assumed),
        message: reader.string(fields.message).unwrap_or_default(),
        from: None,
    }
}

/// The StationUUID that the next edition adds to two messages.
fn sender(reader: &mut Reader<'_>, raw: Option<&RawValue>) -> Option<StationUuid> {
    reader.note_if(raw.is_some(), Quirk::SenderStationUuid);
    reader.station(raw)
}

fn required_station(
    reader: &mut Reader<'_>,
    id: Id,
    message_type: MessageType,
) -> Result<StationUuid, ParseError> {
    reader.station_of(id).ok_or(ParseError::StationUuidMissing { message_type })
}

/// Refuses what nests deeper than allowed. Brackets inside strings do not count.
fn check_depth(json: &[u8], allowed: usize) -> Result<(), ParseError> {
    let opening = |byte: &&u8| matches!(byte, b'{' | b'[');
    // Most messages have so few brackets that none can be too deep; counting is many times faster than following.
    if json.iter().filter(opening).count() <= allowed {
        return Ok(());
    }
    let mut depth = 0_usize;
    let mut bytes = json.iter().enumerate();
    while let Some((offset, byte)) = bytes.next() {
        match byte {
            b'"' => skip_string(&mut bytes),
            b'{' | b'[' if depth == allowed => {
                return Err(ParseError::NestingDeeperThanLimit { offset, allowed });
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

/// Goes on behind the quote that ends a string.
fn skip_string<'a>(bytes: &mut impl Iterator<Item = (usize, &'a u8)>) {
    while let Some((_, byte)) = bytes.next() {
        match byte {
            b'\\' => {
                bytes.next();
            }
            b'"' => return,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;

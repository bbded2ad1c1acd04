//! The JSON objects as they are written; the order of the fields is the order on the wire.

use serde::{Serialize, Serializer};

use super::mvrx::{AuthorShape, MvrxShape, WithdrawnShape, hex, latest, latest_released, other_than_current};
use crate::file_name::{bounded_file_name, cut};
use crate::{
    Commit, CurrentState, Dialect, FileUuid, FilesConnection, GroupName, Join, JoinPassword, JoinRet, Leave,
    LeaveKeys, MessageType, MvrVersion, NewSessionHost, NewSessionHostRet, Ours, Reply, Request, StationUuid,
    Ticket,
};

/// A list that [`super::list`] fills; it is the last field.
type EmptyList = [(); 0];

#[derive(Serialize)]
pub(super) struct JoinShape<'a> {
    #[serde(rename = "Type")]
    kind: &'static str,
    #[serde(rename = "Provider")]
    provider: &'a str,
    #[serde(rename = "StationName")]
    station_name: &'a str,
    #[serde(rename = "verMajor")]
    ver_major: u32,
    #[serde(rename = "verMinor")]
    ver_minor: u32,
    #[serde(rename = "StationUUID")]
    station: StationUuid,
    #[serde(rename = "Password", skip_serializing_if = "Option::is_none")]
    password: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mvrx: Option<MvrxShape<'a>>,
    #[serde(rename = "Commits")]
    commits: EmptyList,
}

impl<'a> JoinShape<'a> {
    pub(super) fn of(join: &'a Join, dialect: &Dialect) -> Self {
        Self {
            kind: MessageType::Join.as_str(),
            provider: short(&join.provider, dialect),
            station_name: short(&join.station_name, dialect),
            ver_major: MvrVersion::CURRENT.major,
            ver_minor: MvrVersion::CURRENT.minor,
            station: join.station,
            // req: MSG-JOIN-PASSWORD
            password: join.password.as_ref().map(JoinPassword::as_str),
            mvrx: join.ours.and_then(|ours| {
                let ticket = match &join.files {
                    Some(FilesConnection::Of(ticket)) => Some(ticket.as_str()),
                    _ => None,
                };
                let files = join.files == Some(FilesConnection::Offered);
                let mvr = other_than_current(join.version);
                // req: MSG-MVRX-GROUP
                let group = join.group.as_ref().map(GroupName::as_str);
                let withdrawn = latest(&join.withdrawn, |file| WithdrawnShape::Own(*file));
                let released = latest_released(&join.released);
                MvrxShape { files, ticket, group, withdrawn, released, ..MvrxShape::of(ours, mvr) }
                    .towards(dialect)
            }),
            commits: [],
        }
    }
}

#[derive(Serialize)]
pub(super) struct JoinRetShape<'a> {
    #[serde(rename = "Type")]
    kind: &'static str,
    #[serde(rename = "OK")]
    ok: bool,
    #[serde(rename = "Message")]
    message: &'a str,
    #[serde(rename = "Provider")]
    provider: &'a str,
    #[serde(rename = "StationName")]
    station_name: &'a str,
    #[serde(rename = "verMajor")]
    ver_major: u32,
    #[serde(rename = "verMinor")]
    ver_minor: u32,
    #[serde(rename = "StationUUID")]
    station: OrEmpty<StationUuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mvrx: Option<MvrxShape<'a>>,
    #[serde(rename = "Commits")]
    commits: EmptyList,
}

impl<'a> JoinRetShape<'a> {
    pub(super) fn of(ret: &'a JoinRet, dialect: &Dialect) -> Self {
        Self {
            kind: MessageType::JoinRet.as_str(),
            ok: ret.reply.ok,
            message: short(&ret.reply.message, dialect),
            provider: short(&ret.provider, dialect),
            station_name: short(&ret.station_name, dialect),
            ver_major: MvrVersion::CURRENT.major,
            ver_minor: MvrVersion::CURRENT.minor,
            station: OrEmpty(ret.station),
            mvrx: ret.ours.and_then(|ours| {
                let ticket = ret.ticket.as_ref().map(Ticket::as_str);
                let mvr = other_than_current(ret.version);
                let group = ret.group.as_ref().map(GroupName::as_str);
                MvrxShape { ticket, group, ..MvrxShape::of(ours, mvr) }
                    .with_roster(ret.roster.as_ref())
                    .towards(dialect)
            }),
            commits: [],
        }
    }
}

#[derive(Serialize)]
pub(super) struct LeaveShape<'a> {
    #[serde(rename = "Type")]
    kind: &'static str,
    #[serde(rename = "FromStationUUID")]
    from: StationUuid,
    #[serde(rename = "StationUUID", skip_serializing_if = "Option::is_none")]
    station: Option<StationUuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mvrx: Option<MvrxShape<'a>>,
}

impl<'a> LeaveShape<'a> {
    // req: MSG-LEAVE
    pub(super) fn of(leave: &'a Leave, dialect: &Dialect) -> Self {
        // req: MSG-MVRX-GROUP
        let group = leave.group.as_ref().map(GroupName::as_str);
        // req: BRG-24
        let ours = Ours::CURRENT.with_bridge(leave.bridge);
        let says = group.is_some() || leave.bridge.is_some();
        let mvrx = says.then(|| MvrxShape { group, ..MvrxShape::of(ours, None) });
        Self {
            kind: MessageType::Leave.as_str(),
            from: leave.station,
            station: (dialect.leave_keys() == LeaveKeys::Both).then_some(leave.station),
            mvrx: mvrx.and_then(|mvrx| mvrx.towards(dialect)),
        }
    }
}

#[derive(Serialize)]
pub(super) struct CommitShape<'a> {
    #[serde(rename = "Type")]
    kind: &'static str,
    #[serde(rename = "verMajor")]
    ver_major: u32,
    #[serde(rename = "verMinor")]
    ver_minor: u32,
    #[serde(rename = "FileSize")]
    file_size: u64,
    #[serde(rename = "FileUUID")]
    file: FileUuid,
    #[serde(rename = "StationUUID")]
    station: OrEmpty<StationUuid>,
    #[serde(rename = "ForStationsUUID")]
    for_stations: &'a [StationUuid],
    #[serde(rename = "Comment")]
    comment: &'a str,
    #[serde(rename = "FileName")]
    file_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    mvrx: Option<MvrxShape<'a>>,
}

impl<'a> CommitShape<'a> {
    pub(super) fn of(commit: &'a Commit, dialect: &Dialect) -> Self {
        // req: MSG-COMMIT-VERSION
        let unknown = commit.version == MvrVersion { major: 0, minor: 0 };
        let current = unknown || dialect.only_current_version();
        let version = if current { MvrVersion::CURRENT } else { commit.version };
        let otherwise = (commit.version != version && !unknown).then_some(commit.version);
        let author = commit.author.as_ref().filter(|author| commit.station.is_some() && !author.is_empty());
        let group = commit.group.as_ref().map(GroupName::as_str);
        let named = author.is_some() || group.is_some();
        // req: MSG-MVRX-ORDER
        let order = commit.order.filter(|order| (1..=Commit::LAST).contains(order));
        let placed = order.is_some() || commit.missed;
        let told = commit.blake3.is_some() || otherwise.is_some() || named || placed;
        let mvrx = told.then(|| MvrxShape {
            blake3: commit.blake3.map(|hash| hex(&hash)),
            author: author.map(AuthorShape::of),
            group,
            order,
            missed: commit.missed,
            ..MvrxShape::of(Ours::CURRENT, otherwise)
        });
        Self {
            kind: MessageType::Commit.as_str(),
            ver_major: version.major,
            ver_minor: version.minor,
            file_size: commit.file_size,
            file: commit.file,
            station: OrEmpty(commit.station),
            for_stations: &commit.for_stations,
            comment: short(&commit.comment, dialect),
            file_name: bounded_file_name(&commit.file_name, dialect.string_bytes()),
            mvrx: mvrx.and_then(|mvrx| mvrx.towards(dialect)),
        }
    }
}

#[derive(Serialize)]
pub(super) struct RequestShape<'a> {
    #[serde(rename = "Type")]
    kind: &'static str,
    #[serde(rename = "FileUUID", skip_serializing_if = "Option::is_none")]
    file: Option<OrEmpty<FileUuid>>,
    #[serde(rename = "FromStationUUID")]
    from: &'a [StationUuid],
    #[serde(skip_serializing_if = "Option::is_none")]
    mvrx: Option<MvrxShape<'a>>,
}

impl<'a> RequestShape<'a> {
    // req: MSG-REQUEST-FROM, MSG-REQUEST-LATEST
    pub(super) fn of(request: &'a Request, dialect: &Dialect) -> Self {
        let absent = request.file.is_none() && dialect.current_state() == CurrentState::NoFileUuid;
        Self {
            kind: MessageType::Request.as_str(),
            file: (!absent).then_some(OrEmpty(request.file)),
            from: &request.from,
            // req: MSG-MVRX-PART
            mvrx: request.part.and_then(|part| {
                let (from, blake3) = (Some(part.from), Some(hex(&part.blake3)));
                MvrxShape { from, blake3, ..MvrxShape::of(Ours::CURRENT, None) }.towards(dialect)
            }),
        }
    }
}

#[derive(Serialize)]
pub(super) struct NewSessionHostShape<'a> {
    #[serde(rename = "Type")]
    kind: &'static str,
    #[serde(rename = "ServiceName")]
    service_name: &'a str,
    #[serde(rename = "ServiceURL")]
    service_url: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    mvrx: Option<MvrxShape<'a>>,
}

impl<'a> NewSessionHostShape<'a> {
    pub(super) fn of(host: &'a NewSessionHost, dialect: &Dialect) -> Self {
        Self {
            kind: MessageType::NewSessionHost.as_str(),
            service_name: short(&host.service_name, dialect),
            service_url: short(&host.service_url, dialect),
            // req: MSG-MVRX-MOVE
            mvrx: host.station.and_then(|station| {
                MvrxShape { station: Some(station), ..MvrxShape::of(Ours::CURRENT, None) }.towards(dialect)
            }),
        }
    }
}

#[derive(Serialize)]
pub(super) struct ReplyShape<'a> {
    #[serde(rename = "Type")]
    kind: &'static str,
    #[serde(rename = "OK")]
    ok: bool,
    #[serde(rename = "Message")]
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    mvrx: Option<MvrxShape<'a>>,
}

impl<'a> ReplyShape<'a> {
    pub(super) fn of(kind: MessageType, reply: &'a Reply, dialect: &Dialect) -> Self {
        Self { kind: kind.as_str(), ok: reply.ok, message: short(&reply.message, dialect), mvrx: None }
    }

    // req: MSG-MVRX-PART
    pub(super) fn of_request(reply: &'a Reply, dialect: &Dialect) -> Self {
        let object =
            |from| MvrxShape { from: Some(from), ..MvrxShape::of(Ours::CURRENT, None) }.towards(dialect);
        Self { mvrx: reply.from.and_then(object), ..Self::of(MessageType::RequestRet, reply, dialect) }
    }

    // req: MSG-MVRX-MOVE
    pub(super) fn of_move(ret: &'a NewSessionHostRet, dialect: &Dialect) -> Self {
        let object = || MvrxShape::of(Ours::CURRENT, None).with_answers(&ret.answers).towards(dialect);
        let mvrx = (!ret.answers.is_empty()).then(object).flatten();
        Self { mvrx, ..Self::of(MessageType::NewSessionHostRet, &ret.reply, dialect) }
    }
}

#[derive(Serialize)]
pub(super) struct TypeShape<'a> {
    #[serde(rename = "Type")]
    kind: &'a str,
}

impl<'a> TypeShape<'a> {
    pub(super) fn of(kind: &'a str, dialect: &Dialect) -> Self {
        Self { kind: short(kind, dialect) }
    }
}

/// A UUID, or the empty string for none: no field is ever null.
struct OrEmpty<T>(Option<T>);

impl<T: Serialize> Serialize for OrEmpty<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Some(id) => id.serialize(serializer),
            None => serializer.serialize_str(""),
        }
    }
}

// req: MSG-STRINGS
fn short<'a>(text: &'a str, dialect: &Dialect) -> &'a str {
    cut(text, dialect.string_bytes())
}

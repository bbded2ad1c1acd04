//! The `mvrx` object: what only our own stations say. Nothing that is wrong with it spoils a message.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::fields;
use super::value::{Id, Reader, each_element, first_byte};
use crate::{
    Author, BridgeMark, Candidate, Commit, FetchedFile, FilePart, FileUuid, FilesConnection, GroupName, Join,
    MoveAnswered, MoveOutcome, MvrVersion, NamedStation, Ours, Quirk, Roster, StationUuid, Successor, Ticket,
    WithdrawnFile,
};

/// What was said.
pub(super) struct Extra {
    pub(super) ours: Ours,
    pub(super) blake3: Option<[u8; 32]>,
    pub(super) mvr: Option<MvrVersion>,
    pub(super) author: Option<Author>,
    pub(super) files: Option<FilesConnection>,
    pub(super) ticket: Option<Ticket>,
    pub(super) roster: Option<Roster>,
    pub(super) station: Option<StationUuid>,
    pub(super) group: Option<GroupName>,
    pub(super) answers: Vec<MoveAnswered>,
    pub(super) from: Option<u64>,
    pub(super) order: Option<u64>,
    pub(super) missed: bool,
    pub(super) withdrawn: Vec<FileUuid>,
    pub(super) released: Vec<FileUuid>,
}

impl Extra {
    /// The beginning of a file that somebody has: without its hash it means nothing.
    pub(super) fn part(&self) -> Option<FilePart> {
        Some(FilePart { from: self.from?, blake3: self.blake3? })
    }
}

type Raw<'a> = Option<&'a RawValue>;

#[derive(Deserialize)]
struct Object<'a> {
    v: u32,
    #[serde(borrow, default)]
    blake3: Raw<'a>,
    #[serde(borrow, default)]
    mvr: Raw<'a>,
    #[serde(borrow, default, rename = "StationName")]
    name: Raw<'a>,
    #[serde(borrow, default, rename = "Provider")]
    provider: Raw<'a>,
    #[serde(borrow, default)]
    files: Raw<'a>,
    #[serde(borrow, default)]
    ticket: Raw<'a>,
    #[serde(borrow, default)]
    stations: Raw<'a>,
    #[serde(borrow, default)]
    gone: Raw<'a>,
    #[serde(borrow, default)]
    fetched: Raw<'a>,
    #[serde(borrow, default)]
    news: Raw<'a>,
    #[serde(borrow, default)]
    more: Raw<'a>,
    #[serde(borrow, default, rename = "StationUUID")]
    station: Raw<'a>,
    #[serde(borrow, default)]
    group: Raw<'a>,
    #[serde(borrow, default)]
    answers: Raw<'a>,
    #[serde(borrow, default)]
    host: Raw<'a>,
    #[serde(borrow, default)]
    succession: Raw<'a>,
    #[serde(borrow, default)]
    bridge: Raw<'a>,
    #[serde(borrow, default)]
    from: Raw<'a>,
    #[serde(borrow, default)]
    order: Raw<'a>,
    #[serde(borrow, default)]
    missed: Raw<'a>,
    #[serde(borrow, default)]
    withdrawn: Raw<'a>,
    #[serde(borrow, default)]
    released: Raw<'a>,
}

#[derive(Deserialize)]
struct Marked<'a> {
    #[serde(borrow, default)]
    bridge: Raw<'a>,
}

#[derive(Deserialize)]
struct Succeeding<'a> {
    priority: u32,
    #[serde(borrow, rename = "ServiceURL")]
    url: Raw<'a>,
}

#[derive(Deserialize)]
struct Answered<'a> {
    #[serde(borrow, default)]
    outcome: Raw<'a>,
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
    let (blake3, mvr) = (text(reader, object.blake3), text(reader, object.mvr));
    let ticket = text(reader, object.ticket).map(|text| Ticket::read(&text));
    // req: MSG-MVRX-FILES
    let offered = truth(reader, object.files).then_some(FilesConnection::Offered);
    let extra = Extra {
        ours: Ours {
            version: object.v,
            candidate: candidate(reader, object.host),
            bridge: bridge(reader, object.bridge),
        },
        blake3: blake3.as_deref().and_then(hash),
        mvr: mvr.as_deref().and_then(version),
        author: author(reader, object.name, object.provider),
        files: ticket.clone().map(FilesConnection::Of).or(offered),
        ticket,
        roster: roster(reader, &object),
        station: reader.station(object.station),
        // req: MSG-MVRX-GROUP
        group: group(reader, object.group),
        answers: answers(reader, object.answers),
        from: number(reader, object.from),
        order: order(reader, object.order),
        missed: truth(reader, object.missed),
        withdrawn: withdrawn(reader, object.withdrawn)
            .into_iter()
            .filter_map(|(file, station)| station.is_none().then_some(file))
            .collect(),
        released: released(reader, object.released),
    };
    reader.note_if(blake3.is_some() != extra.blake3.is_some(), Quirk::MvrxObjectUnreadable);
    reader.note_if(mvr.is_some() != extra.mvr.is_some(), Quirk::MvrxObjectUnreadable);
    Some(extra)
}

fn text(reader: &mut Reader<'_>, raw: Raw<'_>) -> Option<String> {
    let text = serde_json::from_str(raw?.get()).ok();
    reader.note_if(text.is_none(), Quirk::MvrxObjectUnreadable);
    text
}

fn number(reader: &mut Reader<'_>, raw: Raw<'_>) -> Option<u64> {
    let number = serde_json::from_str(raw?.get()).ok();
    reader.note_if(number.is_none(), Quirk::MvrxObjectUnreadable);
    number
}

/// One that cannot be is as good as none: the commit is placed as one of another product's.
// req: MSG-MVRX-ORDER
fn order(reader: &mut Reader<'_>, raw: Raw<'_>) -> Option<u64> {
    let order = raw.map(|_| number(reader, raw).filter(|order| (1..=Commit::LAST).contains(order)));
    reader.note_if(order == Some(None), Quirk::MvrxObjectUnreadable);
    order.flatten()
}

fn truth(reader: &mut Reader<'_>, raw: Raw<'_>) -> bool {
    let said = raw.map(RawValue::get);
    reader.note_if(!matches!(said, None | Some("true" | "false")), Quirk::MvrxObjectUnreadable);
    said == Some("true")
}

// req: MSG-MVRX-NAMES
fn author(reader: &mut Reader<'_>, name: Raw<'_>, provider: Raw<'_>) -> Option<Author> {
    let author = Author {
        name: reader.string(name).unwrap_or_default(),
        provider: reader.string(provider).unwrap_or_default(),
    };
    (!author.is_empty()).then_some(author)
}

// req: MSG-MVRX-ROSTER
fn roster(reader: &mut Reader<'_>, object: &Object<'_>) -> Option<Roster> {
    if object.stations.is_none()
        && object.gone.is_none()
        && object.fetched.is_none()
        && object.succession.is_none()
        && object.withdrawn.is_none()
        && object.released.is_none()
    {
        return None;
    }
    let (news, more) = (truth(reader, object.news), truth(reader, object.more));
    let mut roster = Roster { news, more, ..Roster::default() };
    let mut readable = each(reader, object.stations, |reader, raw| {
        let fields = fields::of_object(raw)?;
        let station = reader.station(fields.station_uuid)?;
        let author = author(reader, fields.station_name, fields.provider);
        let marked = serde_json::from_str::<Marked<'_>>(raw.get()).ok()?;
        let bridge = bridge(reader, marked.bridge);
        roster.stations.push(NamedStation { station, author: author.unwrap_or_default(), bridge });
        Some(())
    });
    readable &= each(reader, object.gone, |reader, raw| {
        roster.gone.push(reader.station(Some(raw))?);
        Some(())
    });
    readable &= each(reader, object.fetched, |reader, raw| {
        let fields = fields::of_object(raw)?;
        let file = match reader.id(fields.file_uuid) {
            Id::Is(uuid) => FileUuid::from_uuid(uuid)?,
            _ => return None,
        };
        roster.fetched.push(FetchedFile { file, station: reader.station(fields.station_uuid)? });
        Some(())
    });
    readable &= successors(reader, object, &mut roster);
    // What is wrong with these is noted where a JOIN has them.
    let by_others = withdrawn(reader, object.withdrawn).into_iter();
    roster.withdrawn =
        by_others.filter_map(|(file, station)| Some(WithdrawnFile { file, station: station? })).collect();
    roster.released = released(reader, object.released);
    reader.note_if(!readable, Quirk::MvrxObjectUnreadable);
    Some(roster)
}

/// What whoever says it gives no more.
// req: MSG-MVRX-RELEASED
fn released(reader: &mut Reader<'_>, raw: Raw<'_>) -> Vec<FileUuid> {
    let mut files = Vec::new();
    let readable = each(reader, raw, |reader, raw| {
        let Id::Is(uuid) = reader.id(Some(raw)) else { return None };
        files.push(FileUuid::from_uuid(uuid)?);
        Some(())
    });
    reader.note_if(!readable, Quirk::MvrxObjectUnreadable);
    files.truncate(Join::RELEASED);
    files
}

/// With its author where a host says it, else of who says it.
// req: MSG-MVRX-WITHDRAWN
fn withdrawn(reader: &mut Reader<'_>, raw: Raw<'_>) -> Vec<(FileUuid, Option<StationUuid>)> {
    let mut files = Vec::new();
    let readable = each(reader, raw, |reader, raw| {
        let (file, station) = if first_byte(raw) == b'{' {
            let fields = fields::of_object(raw)?;
            (reader.id(fields.file_uuid), Some(reader.station(fields.station_uuid)?))
        } else {
            (reader.id(Some(raw)), None)
        };
        let Id::Is(uuid) = file else { return None };
        files.push((FileUuid::from_uuid(uuid)?, station));
        Some(())
    });
    reader.note_if(!readable, Quirk::MvrxObjectUnreadable);
    files.truncate(Join::WITHDRAWN);
    files
}

// req: MSG-MVRX-SUCCESSION
fn successors(reader: &mut Reader<'_>, object: &Object<'_>, roster: &mut Roster) -> bool {
    if object.succession.is_none() {
        return true;
    }
    let mut all = Vec::new();
    let readable = each(reader, object.succession, |reader, raw| {
        let fields = fields::of_object(raw)?;
        let succeeding = serde_json::from_str::<Succeeding<'_>>(raw.get()).ok()?;
        let (station, url) = (reader.station(fields.station_uuid)?, text(reader, succeeding.url)?);
        all.push(Successor { station, priority: succeeding.priority, url });
        Some(())
    });
    all.truncate(Roster::SUCCESSORS);
    roster.succession = Some(all);
    readable
}

// req: MSG-MVRX-SUCCESSION
fn candidate(reader: &mut Reader<'_>, raw: Raw<'_>) -> Option<Candidate> {
    let candidate = raw.map(|_| text(reader, raw).and_then(|text| text.parse().ok()));
    reader.note_if(candidate == Some(None), Quirk::MvrxObjectUnreadable);
    candidate.flatten()
}

// req: BRG-01
fn bridge(reader: &mut Reader<'_>, raw: Raw<'_>) -> Option<BridgeMark> {
    let bridge = raw.map(|_| text(reader, raw).and_then(|text| text.parse().ok()));
    reader.note_if(bridge == Some(None), Quirk::MvrxObjectUnreadable);
    bridge.flatten()
}

fn group(reader: &mut Reader<'_>, raw: Raw<'_>) -> Option<GroupName> {
    let group = raw.map(|_| text(reader, raw).and_then(|name| GroupName::join(&name).ok()));
    reader.note_if(group == Some(None), Quirk::MvrxObjectUnreadable);
    group.flatten()
}

// req: MSG-MVRX-MOVE
fn answers(reader: &mut Reader<'_>, raw: Raw<'_>) -> Vec<MoveAnswered> {
    let mut answers = Vec::new();
    let readable = each(reader, raw, |reader, raw| {
        let (fields, answered) =
            (fields::of_object(raw)?, serde_json::from_str::<Answered<'_>>(raw.get()).ok()?);
        let station = reader.station(fields.station_uuid)?;
        let outcome = MoveOutcome::read(&text(reader, answered.outcome).unwrap_or_default());
        let message = reader.string(fields.message).unwrap_or_default();
        answers.push(MoveAnswered { station, outcome, message });
        Some(())
    });
    reader.note_if(!readable, Quirk::MvrxObjectUnreadable);
    answers
}

/// Calls `take` for each entry of a list, as far as the limit goes; tells whether all of it was read.
fn each<'a>(
    reader: &mut Reader<'_>,
    raw: Raw<'a>,
    mut take: impl FnMut(&mut Reader<'_>, &'a RawValue) -> Option<()>,
) -> bool {
    let Some(raw) = raw else { return true };
    let most = reader.limits.stations;
    let mut readable = true;
    let whole =
        first_byte(raw) == b'[' && each_element(raw, most, |entry| readable &= take(reader, entry).is_some());
    whole && readable
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

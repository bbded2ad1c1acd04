//! The `mvrx` object as it is written; see [`Ours`] for its keys.

use serde::Serialize;

use crate::file_name::cut;
use crate::{
    Author, Dialect, FetchedFile, FileUuid, Join, MoveAnswered, MvrVersion, NamedStation, Ours, Roster,
    StationUuid, Successor,
};

/// The object; what is not said has no key.
#[derive(Serialize, Default)]
pub(super) struct MvrxShape<'a> {
    pub(super) v: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mvr: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) blake3: Option<String>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(super) author: Option<AuthorShape<'a>>,
    #[serde(skip_serializing_if = "is_false")]
    pub(super) files: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ticket: Option<&'a str>,
    #[serde(skip_serializing_if = "is_false")]
    pub(super) news: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub(super) more: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stations: Option<Vec<NamedShape<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) gone: Option<&'a [StationUuid]>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) fetched: Vec<FetchedShape>,
    #[serde(rename = "StationUUID", skip_serializing_if = "Option::is_none")]
    pub(super) station: Option<StationUuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) group: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) answers: Option<Vec<AnsweredShape<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) host: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bridge: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) succession: Option<Vec<SuccessorShape<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) from: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) order: Option<u64>,
    #[serde(skip_serializing_if = "is_false")]
    pub(super) missed: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) withdrawn: Vec<WithdrawnShape>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) released: &'a [FileUuid],
}

/// By its station itself, or as a host passes it on.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum WithdrawnShape {
    Own(FileUuid),
    Of(FetchedShape),
}

/// Those that fit.
// req: MSG-MVRX-WITHDRAWN
pub(super) fn latest<T>(withdrawn: &[T], shape: impl Fn(&T) -> WithdrawnShape) -> Vec<WithdrawnShape> {
    withdrawn.iter().skip(withdrawn.len().saturating_sub(Join::WITHDRAWN)).map(shape).collect()
}

/// Those that fit.
// req: MSG-MVRX-RELEASED
pub(super) fn latest_released(released: &[FileUuid]) -> &[FileUuid] {
    released.get(released.len().saturating_sub(Join::RELEASED)..).unwrap_or_default()
}

/// Who hosts next.
#[derive(Serialize)]
pub(super) struct SuccessorShape<'a> {
    #[serde(rename = "StationUUID")]
    station: StationUuid,
    priority: u32,
    #[serde(rename = "ServiceURL")]
    url: &'a str,
}

/// What a station answered.
#[derive(Serialize)]
pub(super) struct AnsweredShape<'a> {
    #[serde(rename = "StationUUID")]
    station: StationUuid,
    outcome: &'static str,
    #[serde(rename = "Message")]
    message: &'a str,
}

/// Who a station is.
#[derive(Serialize)]
pub(super) struct AuthorShape<'a> {
    #[serde(rename = "StationName")]
    name: &'a str,
    #[serde(rename = "Provider")]
    provider: &'a str,
}

#[derive(Serialize)]
pub(super) struct NamedShape<'a> {
    #[serde(rename = "StationUUID")]
    station: StationUuid,
    #[serde(flatten)]
    author: AuthorShape<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bridge: Option<String>,
}

#[derive(Serialize)]
pub(super) struct FetchedShape {
    #[serde(rename = "FileUUID")]
    file: FileUuid,
    #[serde(rename = "StationUUID")]
    station: StationUuid,
}

impl<'a> MvrxShape<'a> {
    // req: MSG-MVRX
    pub(super) fn of(ours: Ours, mvr: Option<MvrVersion>) -> Self {
        let host = ours.candidate.map(|candidate| candidate.to_string());
        // req: BRG-01
        let bridge = ours.bridge.map(|bridge| bridge.to_string());
        let mvr = mvr.map(|version| version.to_string());
        Self { v: ours.version, mvr, host, bridge, ..Self::default() }
    }

    // req: MSG-MVRX-ROSTER
    pub(super) fn with_roster(self, roster: Option<&'a Roster>) -> Self {
        let Some(roster) = roster else { return self };
        let stations = roster.stations.iter().take(Roster::MOST).map(NamedShape::of).collect();
        let gone = roster.gone.get(..Roster::MOST).unwrap_or(&roster.gone);
        let gone = (!gone.is_empty()).then_some(gone);
        let fetched = roster.fetched.iter().take(Roster::MOST).map(FetchedShape::of).collect();
        // req: MSG-MVRX-SUCCESSION
        let succession = roster.succession.as_ref().map(|all| {
            let fits = |next: &&Successor| next.url.len() <= Author::STRING_BYTES;
            all.iter().filter(fits).take(Roster::SUCCESSORS).map(SuccessorShape::of).collect()
        });
        Self {
            news: roster.news,
            more: roster.more,
            stations: Some(stations),
            gone,
            fetched,
            succession,
            withdrawn: latest(&roster.withdrawn, |of| {
                WithdrawnShape::Of(FetchedShape { file: of.file, station: of.station })
            }),
            released: latest_released(&roster.released),
            ..self
        }
    }

    // req: MSG-MVRX-MOVE
    pub(super) fn with_answers(self, answers: &'a [MoveAnswered]) -> Self {
        let shape = |answered: &'a MoveAnswered| AnsweredShape {
            station: answered.station,
            outcome: answered.outcome.as_str(),
            message: short(&answered.message),
        };
        Self { answers: Some(answers.iter().take(MoveAnswered::MOST).map(shape).collect()), ..self }
    }

    /// The object, for readers that get one.
    pub(super) fn towards(self, dialect: &Dialect) -> Option<Self> {
        dialect.mvrx_object().then_some(self)
    }
}

impl<'a> AuthorShape<'a> {
    // req: MSG-MVRX-NAMES
    pub(super) fn of(author: &'a Author) -> Self {
        Self { name: short(&author.name), provider: short(&author.provider) }
    }
}

impl<'a> NamedShape<'a> {
    fn of(named: &'a NamedStation) -> Self {
        let bridge = named.bridge.map(|bridge| bridge.to_string());
        Self { station: named.station, author: AuthorShape::of(&named.author), bridge }
    }
}

impl<'a> SuccessorShape<'a> {
    fn of(next: &'a Successor) -> Self {
        Self { station: next.station, priority: next.priority, url: &next.url }
    }
}

impl FetchedShape {
    fn of(fetched: &FetchedFile) -> Self {
        Self { file: fetched.file, station: fetched.station }
    }
}

pub(super) fn other_than_current(version: MvrVersion) -> Option<MvrVersion> {
    (version != MvrVersion::CURRENT).then_some(version)
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

/// As much as has no more than [`Author::STRING_BYTES`] once it is JSON, so that names cannot crowd commits out of a list.
fn short(text: &str) -> &str {
    let mut written = 0;
    let first_beyond = text.char_indices().find(|(_, character)| {
        written += json_bytes(*character);
        written > Author::STRING_BYTES
    });
    cut(text, first_beyond.map_or(text.len(), |(at, _)| at))
}

fn json_bytes(character: char) -> usize {
    match character {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '\0'..='\u{1f}' => 6,
        other => other.len_utf8(),
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
const fn is_false(truth: &bool) -> bool {
    !*truth
}

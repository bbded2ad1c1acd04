//! The ten messages of MVR-xchange (Tables 68 to 77) as types.
//!
//! A value of these types is what a message means, not how it was spelled: text in place of numbers, either list key, either
//! spelling of a UUID all end up the same here. They do not know how they are read ([`Message::parse`]) or written
//! ([`Message::to_json`]).
//!
//! An empty string is a missing one: no field of the specification tells the two apart.

use std::fmt;

use crate::{
    Author, BridgeMark, FileUuid, FilesConnection, GroupName, GroupNameError, JoinPassword, MoveAnswered,
    MvrVersion, Ours, Product, QuirkSet, Roster, StationUuid, Ticket,
};

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Message {
    /// A station joins or tells its news (Table 68).
    Join(Join),
    /// The answer (Table 69).
    JoinRet(JoinRet),
    /// A station leaves (Table 70).
    Leave(Leave),
    /// The answer (Table 71).
    LeaveRet(Reply),
    /// There is a new file (Table 72).
    Commit(Commit),
    /// The answer (Table 73).
    CommitRet(Reply),
    /// A file is wanted (Table 74).
    Request(Request),
    /// It is not given (Table 75); where it is given, the file itself comes instead.
    RequestRet(Reply),
    /// The session is to move (Table 76).
    NewSessionHost(NewSessionHost),
    /// The answer (Table 77).
    NewSessionHostRet(NewSessionHostRet),
    /// A message of a type that the specification does not have.
    Unknown {
        /// Its `Type`.
        kind: String,
    },
}

/// A message and what was tolerated in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// The message.
    pub message: Message,
    /// Its deviations.
    pub quirks: QuirkSet,
}

/// One of the specification's types of message, the value of `Type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MessageType {
    /// `MVR_JOIN`
    Join,
    /// `MVR_JOIN_RET`
    JoinRet,
    /// `MVR_LEAVE`
    Leave,
    /// `MVR_LEAVE_RET`
    LeaveRet,
    /// `MVR_COMMIT`
    Commit,
    /// `MVR_COMMIT_RET`
    CommitRet,
    /// `MVR_REQUEST`
    Request,
    /// `MVR_REQUEST_RET`
    RequestRet,
    /// `MVR_NEW_SESSION_HOST`
    NewSessionHost,
    /// `MVR_NEW_SESSION_HOST_RET`
    NewSessionHostRet,
}

/// MVR_JOIN (Table 68).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Join {
    /// The application.
    pub provider: String,
    /// The station's name, for people.
    pub station_name: String,
    /// The newest MVR version it reads; 0.0: it does not say.
    pub version: MvrVersion,
    /// The station.
    pub station: StationUuid,
    /// The files it has, oldest first. Writing lists the newest that fit [`Dialect::join_bytes`](crate::Dialect::join_bytes).
    pub commits: Vec<Commit>,
    /// What only our own stations say; `None`: another product.
    pub ours: Option<Ours>,
    /// The group of TCP mode in which it is said; our own stations only.
    pub group: Option<GroupName>,
    /// What it says of a second connection, for files; our own stations only.
    pub files: Option<FilesConnection>,
    /// That it knows the session's password (issue 258 of the specification).
    pub password: Option<JoinPassword>,
    /// Its own commits that it has withdrawn, the latest last; our own stations only. Writing lists the last [`Join::WITHDRAWN`].
    pub withdrawn: Vec<FileUuid>,
    /// Files that it listed and has no more, the latest last; our own stations only. Writing lists the last [`Join::RELEASED`].
    pub released: Vec<FileUuid>,
}

impl Join {
    /// So many withdrawn commits fit beside the commits.
    pub const WITHDRAWN: usize = 24;
    /// So many files that are not held any more fit beside the commits.
    pub const RELEASED: usize = 64;

    /// This station joins; it has no files, and says nothing else, not even that it is one of ours.
    #[must_use]
    pub fn new(
        station: StationUuid,
        station_name: impl Into<String>,
        provider: impl Into<String>,
        version: MvrVersion,
    ) -> Self {
        Self {
            provider: provider.into(),
            station_name: station_name.into(),
            version,
            station,
            commits: Vec::new(),
            ours: None,
            group: None,
            files: None,
            password: None,
            withdrawn: Vec::new(),
            released: Vec::new(),
        }
    }
}

/// MVR_JOIN_RET (Table 69).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinRet {
    /// Whether the JOIN was accepted.
    pub reply: Reply,
    /// The application.
    pub provider: String,
    /// The station's name, for people.
    pub station_name: String,
    /// The newest MVR version it reads; 0.0: it does not say.
    pub version: MvrVersion,
    /// The answering station. A writer always gives it; products left it out.
    pub station: Option<StationUuid>,
    /// The files it has, oldest first. Writing lists the newest that fit
    /// [`Dialect::join_ret_bytes`](crate::Dialect::join_ret_bytes).
    pub commits: Vec<Commit>,
    /// What only our own stations say; `None`: another product.
    pub ours: Option<Ours>,
    /// The group of TCP mode in which it is said, or for which a session's host was elected; our own stations only.
    pub group: Option<GroupName>,
    /// With what a second connection, for files, proves whose it is; from our own hosts only, and only where it was offered.
    pub ticket: Option<Ticket>,
    /// Who else is one of the session; from our own hosts only.
    pub roster: Option<Roster>,
}

impl JoinRet {
    /// Whether it answers a JOIN; otherwise it only tells who came and went.
    #[must_use]
    pub fn answers_join(&self) -> bool {
        !self.roster.as_ref().is_some_and(|roster| roster.news)
    }
}

/// MVR_LEAVE (Table 70).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leave {
    /// Who leaves.
    pub station: StationUuid,
    /// The group of TCP mode that it leaves; our own stations only.
    pub group: Option<GroupName>,
    /// Who says it, where that is a bridge that stands in for the station; our own only.
    pub bridge: Option<BridgeMark>,
}

/// MVR_COMMIT (Table 72), alone or as an entry of `Commits`: one revision of the show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// The revision.
    pub file: FileUuid,
    /// The station that has it. A writer always gives it; the specification's own example leaves it out.
    pub station: Option<StationUuid>,
    /// The file's own MVR version; 0.0: not said.
    pub version: MvrVersion,
    /// The file's length in bytes; 0: not said.
    pub file_size: u64,
    /// Whom it is for; empty: everybody.
    pub for_stations: Vec<StationUuid>,
    /// What changed, for people.
    pub comment: String,
    /// A hint for naming it on disk, never a path: see [`safe_file_name`](crate::safe_file_name). May be empty.
    pub file_name: String,
    /// The BLAKE3 of the file, from our own stations only (the `mvrx` object).
    pub blake3: Option<[u8; 32]>,
    /// Who the station is, for people; from our own stations only. Without a station it is not written.
    pub author: Option<Author>,
    /// The group of TCP mode in which COMMIT is said; our own stations only. An entry of a list has none.
    pub group: Option<GroupName>,
    /// Its place in the order of commits, our own stations only: higher than that of each commit that its maker knew of, from 1 to
    /// [`Commit::LAST`]. Of two that have the same, the one with the lower FileUUID is earlier.
    pub order: Option<u64>,
    /// COMMIT: it was made while the one that this is said to was not there to be told, or nobody could give it; our own hosts only.
    pub missed: bool,
}

impl Commit {
    /// The highest [`order`](Self::order) there is: every reader of JSON keeps it whole.
    pub const LAST: u64 = (1 << 53) - 1;
}

/// MVR_REQUEST (Table 74).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The file wanted; `None`: whatever the station would export now.
    pub file: Option<FileUuid>,
    /// From whom; may be empty. Where a host stands between, the FileUUID counts for more.
    pub from: Vec<StationUuid>,
    /// Who asks, in the next edition of the specification. Read, never written: one product does not answer if it is there.
    pub station: Option<StationUuid>,
    /// The asker has the beginning of the file; our own stations only.
    pub part: Option<FilePart>,
}

/// The beginning of a file that somebody has, and which file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilePart {
    /// How many bytes: the file is wanted from here on.
    pub from: u64,
    /// The BLAKE3 of the whole file. Who has another file sends that whole.
    pub blake3: [u8; 32],
}

/// Which file a part is of: the same bytes, whoever has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartOf {
    /// The file.
    pub file: FileUuid,
    /// Its announced length in bytes.
    pub length: u64,
    /// Its announced BLAKE3.
    pub hash: [u8; 32],
}

impl PartOf {
    /// Which bytes a commit says that its file has; `None` where it tells no hash or no length.
    #[must_use]
    pub fn announced_by(commit: &Commit) -> Option<Self> {
        let hash = commit.blake3.filter(|_| commit.file_size > 0)?;
        Some(Self { file: commit.file, length: commit.file_size, hash })
    }
}

/// MVR_NEW_SESSION_HOST (Table 76).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSessionHost {
    /// The mDNS service to move to, or empty.
    pub service_name: String,
    /// The WebSocket URL to move to, or empty.
    pub service_url: String,
    /// Who says so: the next edition of the specification has it, and our own stations say it in the `mvrx` object. Written there alone.
    pub station: Option<StationUuid>,
}

/// MVR_NEW_SESSION_HOST_RET (Table 77).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSessionHostRet {
    /// Whether the sender has moved; of a host, whether it asked its stations.
    pub reply: Reply,
    /// What the stations of a session answered its host; from our own hosts only. Writing lists the first [`MoveAnswered::MOST`].
    pub answers: Vec<MoveAnswered>,
}

/// `OK` and `Message` of every answer (Tables 69, 71, 73, 75, 77).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Whether it was done.
    pub ok: bool,
    /// Why not, for people; may be empty.
    pub message: String,
    /// In MVR_REQUEST_RET of our own stations: the file follows, from this byte on, as [`Request::part`] asked.
    pub from: Option<u64>,
}

/// Where NEW_SESSION_HOST moves the session.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionTarget {
    /// To TCP mode, in this group.
    Group(GroupName),
    /// To WebSocket mode, at this URL. Nothing of it is checked.
    Url(String),
}

/// Why NEW_SESSION_HOST moves the session nowhere; to be answered with `OK: false`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SessionTargetError {
    /// Both are set.
    #[error("ServiceName and ServiceURL are both set")]
    BothSet,
    /// None is set.
    #[error("neither ServiceName nor ServiceURL is set")]
    NoneSet,
    /// ServiceName names no group.
    #[error("ServiceName names no group")]
    NotAGroup(#[source] GroupNameError),
}

impl Message {
    /// The `Type` of the message as it is written.
    #[must_use]
    pub fn kind(&self) -> &str {
        match self {
            Self::Unknown { kind } => kind,
            known => known.message_type().map_or("", MessageType::as_str),
        }
    }

    /// The type of the message; `None` for one that the specification does not have.
    #[must_use]
    pub fn message_type(&self) -> Option<MessageType> {
        Some(match self {
            Self::Join(_) => MessageType::Join,
            Self::JoinRet(_) => MessageType::JoinRet,
            Self::Leave(_) => MessageType::Leave,
            Self::LeaveRet(_) => MessageType::LeaveRet,
            Self::Commit(_) => MessageType::Commit,
            Self::CommitRet(_) => MessageType::CommitRet,
            Self::Request(_) => MessageType::Request,
            Self::RequestRet(_) => MessageType::RequestRet,
            Self::NewSessionHost(_) => MessageType::NewSessionHost,
            Self::NewSessionHostRet(_) => MessageType::NewSessionHostRet,
            Self::Unknown { .. } => return None,
        })
    }
}

impl MessageType {
    /// Each of them.
    pub const ALL: [Self; 10] = [
        Self::Join,
        Self::JoinRet,
        Self::Leave,
        Self::LeaveRet,
        Self::Commit,
        Self::CommitRet,
        Self::Request,
        Self::RequestRet,
        Self::NewSessionHost,
        Self::NewSessionHostRet,
    ];

    /// Its name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Join => "MVR_JOIN",
            Self::JoinRet => "MVR_JOIN_RET",
            Self::Leave => "MVR_LEAVE",
            Self::LeaveRet => "MVR_LEAVE_RET",
            Self::Commit => "MVR_COMMIT",
            Self::CommitRet => "MVR_COMMIT_RET",
            Self::Request => "MVR_REQUEST",
            Self::RequestRet => "MVR_REQUEST_RET",
            Self::NewSessionHost => "MVR_NEW_SESSION_HOST",
            Self::NewSessionHostRet => "MVR_NEW_SESSION_HOST_RET",
        }
    }

    /// The type with this name.
    #[must_use]
    pub fn from_wire(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.as_str() == name)
    }

    /// The type that bytes which are no message were meant to have, for refusing them in the right kind: the first `Type` of the outermost
    /// object, however broken the rest is. Takes time linear in the bytes.
    #[must_use]
    pub fn guess(broken: &[u8]) -> Option<Self> {
        crate::read::guess_type(broken).and_then(|name| Self::from_wire(name.trim().trim_end_matches('-')))
    }

    /// Whether it answers another message.
    #[must_use]
    pub const fn is_reply(self) -> bool {
        matches!(
            self,
            Self::JoinRet | Self::LeaveRet | Self::CommitRet | Self::RequestRet | Self::NewSessionHostRet
        )
    }

    /// The type that answers it; `None` for an answer.
    #[must_use]
    pub const fn reply(self) -> Option<Self> {
        Some(match self {
            Self::Join => Self::JoinRet,
            Self::Leave => Self::LeaveRet,
            Self::Commit => Self::CommitRet,
            Self::Request => Self::RequestRet,
            Self::NewSessionHost => Self::NewSessionHostRet,
            _ => return None,
        })
    }
}

impl fmt::Display for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Join {
    /// What the sender is.
    #[must_use]
    pub fn product(&self) -> Product {
        product(self.ours.as_ref(), &self.provider, &self.station_name)
    }
}

impl JoinRet {
    /// What the sender is.
    #[must_use]
    pub fn product(&self) -> Product {
        product(self.ours.as_ref(), &self.provider, &self.station_name)
    }
}

fn product(ours: Option<&Ours>, provider: &str, station_name: &str) -> Product {
    if ours.is_some() { Product::Mvrx } else { Product::detect(provider, station_name) }
}

impl Leave {
    /// This station leaves.
    #[must_use]
    pub const fn new(station: StationUuid) -> Self {
        Self { station, group: None, bridge: None }
    }
}

impl Request {
    /// Asks for a file, or with `None` for the current state, from these stations.
    #[must_use]
    pub const fn new(file: Option<FileUuid>, from: Vec<StationUuid>) -> Self {
        Self { file, from, station: None, part: None }
    }
}

impl NewSessionHost {
    /// Moves the session to TCP mode, or to another group there.
    #[must_use]
    pub fn to_group(group: &GroupName) -> Self {
        Self { service_name: group.service_name(), service_url: String::new(), station: None }
    }

    /// Moves the session to WebSocket mode, or to another URL there.
    #[must_use]
    pub fn to_url(url: &str) -> Self {
        Self { service_name: String::new(), service_url: url.to_owned(), station: None }
    }

    /// Where the session is to move.
    ///
    /// # Errors
    /// Both or none are set, or ServiceName names no group.
    // req: MSG-NSH-ONE
    pub fn target(&self) -> Result<SessionTarget, SessionTargetError> {
        let (name, url) = (self.service_name.as_str(), self.service_url.trim());
        match (name.trim(), url) {
            ("", "") => Err(SessionTargetError::NoneSet),
            ("", url) => Ok(SessionTarget::Url(url.to_owned())),
            (_, "") => GroupName::from_service_name(name)
                .map(SessionTarget::Group)
                .map_err(SessionTargetError::NotAGroup),
            (_, _) => Err(SessionTargetError::BothSet),
        }
    }
}

impl From<Reply> for NewSessionHostRet {
    fn from(reply: Reply) -> Self {
        Self { reply, answers: Vec::new() }
    }
}

impl Reply {
    /// It was done.
    #[must_use]
    pub const fn ok() -> Self {
        Self { ok: true, message: String::new(), from: None }
    }

    /// It was not done, for this reason.
    #[must_use]
    pub fn refused(reason: &str) -> Self {
        Self { ok: false, message: reason.to_owned(), from: None }
    }
}

//! What only our own stations say, in the `mvrx` object: the mark by which they know each other, and what the specification has no
//! field for.
//!
//! The object is one additional key, `"mvrx"`, in JOIN, JOIN_RET, LEAVE, COMMIT, NEW_SESSION_HOST and NEW_SESSION_HOST_RET. Other products ignore it, and nothing of the
//! specification depends on it. It only ever grows: a reader ignores what it does not know, so that its version tells what a peer
//! can do and never forbids reading.
//!
//! | in | key | meaning |
//! |---|---|---|
//! | all | `v` | [`Ours::version`] |
//! | all | `mvr` | the MVR version where it is not the 1.6 that must be written, as `"1.5"` |
//! | COMMIT | `blake3` | the file's BLAKE3, 64 hexadecimal digits |
//! | COMMIT | `order` | [`Commit::order`](crate::Commit::order): its place among all commits, a whole number from 1 to 2^53 - 1 |
//! | COMMIT | `missed` | [`Commit::missed`](crate::Commit::missed): `true`, it is no new one |
//! | COMMIT | `StationName`, `Provider` | [`Author`], of the station whose StationUUID the commit has |
//! | JOIN, JOIN_RET, COMMIT | `group` | the group of TCP mode in which it is said: a station that moves is in two for a while |
//! | JOIN_RET of an elected host | `group` | the group of TCP mode for which it was elected |
//! | LEAVE | `group` | the group of TCP mode that is left |
//! | JOIN | `files`, `ticket` | [`FilesConnection`]: a second connection is offered (`true`), or this is it |
//! | JOIN_RET | `ticket` | the [`Ticket`] of that second connection |
//! | NEW_SESSION_HOST | `StationUUID` | who proposes the move |
//! | NEW_SESSION_HOST_RET | `answers` | [`MoveAnswered`]: what each station of a session answered |
//! | JOIN_RET | `stations`, `gone`, `news`, `more` | [`Roster`]: who is one of the session |
//! | JOIN | `host` | [`Candidate`]: the station can host a session, if the others want it |
//! | JOIN, JOIN_RET, and each of its `stations` | `bridge` | [`BridgeMark`]: the station is a bridge, or a bridge stands in for it |
//! | LEAVE | `bridge` | [`BridgeMark`]: a bridge that stood in for the station says it, and not the station |
//! | JOIN_RET | `succession` | [`Roster::succession`]: who hosts when this host is gone |
//! | JOIN, JOIN_RET | `withdrawn` | [`Join::withdrawn`](crate::Join::withdrawn): commits that their authors have taken back: FileUUIDs, of a host with the author's StationUUID |
//! | JOIN, JOIN_RET | `released` | [`Join::released`](crate::Join::released): FileUUIDs that whoever says it listed and gives no more |
//! | JOIN_RET | `fetched` | [`Roster::fetched`]: who took a file of the asker's from the host |
//!
//! Its strings are short: at most [`Author::STRING_BYTES`] each.

use std::fmt;

use crate::{FileUuid, StationUuid};

/// The mark of our own stations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Ours {
    /// The version of what the peer adds to the protocol.
    pub version: u32,
    /// It can be elected to host a session.
    pub candidate: Option<Candidate>,
    /// It is a bridge, or a bridge stands in for it.
    pub bridge: Option<BridgeMark>,
}

impl Ours {
    /// What this edition of the crate writes.
    pub const CURRENT: Self = Self { version: 1, candidate: None, bridge: None };

    /// The same of a station that can be elected.
    #[must_use]
    pub const fn with_candidate(self, candidate: Option<Candidate>) -> Self {
        Self { candidate, ..self }
    }

    /// The same of a bridge, or of a station that a bridge stands in for.
    #[must_use]
    pub const fn with_bridge(self, bridge: Option<BridgeMark>) -> Self {
        Self { bridge, ..self }
    }
}

/// What marks bridges and those that they stand in for, so that no bridge carries on what a bridge brought.
///
/// ```
/// use mvrx_message::BridgeMark;
///
/// let bridge = "4aa291a1-1a62-45fe-aabc-e90e5e2399a8".parse()?;
/// let mark = BridgeMark::StandIn { bridge };
/// assert_eq!(mark.to_string(), "by 4aa291a1-1a62-45fe-aabc-e90e5e2399a8");
/// assert_eq!("by 4aa291a1-1a62-45fe-aabc-e90e5e2399a8".parse(), Ok(mark));
/// # Ok::<(), mvrx_message::UuidError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BridgeMark {
    /// The station is a bridge between its group and the session of this host.
    Bridge {
        /// The host.
        host: StationUuid,
    },
    /// The station is on the other side of a bridge.
    StandIn {
        /// The bridge.
        bridge: StationUuid,
    },
}

impl BridgeMark {
    /// Whether a bridge says it in place of a station.
    #[must_use]
    pub const fn is_stand_in(&self) -> bool {
        matches!(self, Self::StandIn { .. })
    }
}

impl fmt::Display for BridgeMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bridge { host } => write!(f, "to {host}"),
            Self::StandIn { bridge } => write!(f, "by {bridge}"),
        }
    }
}

/// The text is no bridge's mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoBridgeMark;

impl fmt::Display for NoBridgeMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("neither to a host nor by a bridge")
    }
}

impl std::error::Error for NoBridgeMark {}

impl std::str::FromStr for BridgeMark {
    type Err = NoBridgeMark;

    fn from_str(text: &str) -> Result<Self, NoBridgeMark> {
        let (word, station) = text.trim().split_once(' ').ok_or(NoBridgeMark)?;
        let station = station.trim().parse().map_err(|_| NoBridgeMark)?;
        match word {
            "to" => Ok(Self::Bridge { host: station }),
            "by" => Ok(Self::StandIn { bridge: station }),
            _ => Err(NoBridgeMark),
        }
    }
}

/// A station that can be elected to host a session, as its TXT record and its JOIN tell.
///
/// ```
/// use mvrx_message::Candidate;
///
/// let rack = Candidate { priority: 7, port: 42_480 };
/// assert_eq!(rack.to_string(), "7:42480");
/// assert_eq!("7:42480".parse(), Ok(rack));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Candidate {
    /// The highest hosts.
    pub priority: u32,
    /// The port at which its session would be; not 0.
    pub port: u16,
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.priority, self.port)
    }
}

/// The text is no candidate's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoCandidate;

impl fmt::Display for NoCandidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a priority and a port, as 7:42480")
    }
}

impl std::error::Error for NoCandidate {}

impl std::str::FromStr for Candidate {
    type Err = NoCandidate;

    fn from_str(text: &str) -> Result<Self, NoCandidate> {
        let (priority, port) = text.trim().split_once(':').ok_or(NoCandidate)?;
        let candidate = Self {
            priority: priority.parse().map_err(|_| NoCandidate)?,
            port: port.parse().map_err(|_| NoCandidate)?,
        };
        if candidate.port == 0 { Err(NoCandidate) } else { Ok(candidate) }
    }
}

/// A station that hosts when its elders are gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Successor {
    /// Which.
    pub station: StationUuid,
    /// Its priority.
    pub priority: u32,
    /// The URL of its session, once there is one.
    pub url: String,
}

impl Default for Ours {
    fn default() -> Self {
        Self::CURRENT
    }
}

/// Who a station is, for people: COMMIT names its station by StationUUID only, and behind a host that is all one gets to know.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Author {
    /// Its StationName; may be empty.
    pub name: String,
    /// Its application; may be empty.
    pub provider: String,
}

impl Author {
    /// Bytes that each string may have as JSON text; writing cuts the rest at a character's boundary.
    pub const STRING_BYTES: usize = 120;

    /// A station of this name and application.
    #[must_use]
    pub fn new(name: &str, provider: &str) -> Self {
        Self { name: name.to_owned(), provider: provider.to_owned() }
    }

    /// Whether it says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.name.is_empty() && self.provider.is_empty()
    }
}

/// What a JOIN in WebSocket mode says of a second connection, for files.
///
/// A station that can have one says so in the JOIN of its first connection ([`Offered`](Self::Offered)). A host that can have one, too,
/// answers with a [`Ticket`]. The station connects to the same URL again and begins with a JOIN of the same StationUUID with that ticket
/// ([`Of`](Self::Of)); once that is answered with OK true, REQUESTs, their answers and files go on that connection only.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FilesConnection {
    /// The sender can have one.
    Offered,
    /// This is it: of the station and the connection that were given this ticket.
    Of(Ticket),
}

/// What proves that a second connection is of the station that it says; known to that station and its host only.
///
/// It is not shown by `Debug`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Ticket(String);

impl Ticket {
    /// The longest text that is kept; a longer one is cut, and is nobody's.
    pub const BYTES: usize = 64;

    /// A ticket made of bytes that nobody can guess.
    #[must_use]
    pub fn from_random_bytes(bytes: [u8; 16]) -> Self {
        Self(format!("{:032x}", u128::from_be_bytes(bytes)))
    }

    /// The ticket as somebody wrote it.
    pub(crate) fn read(text: &str) -> Self {
        Self(crate::file_name::cut(text, Self::BYTES).to_owned())
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ticket(..)")
    }
}

/// Who is one of a session, as its host tells its own kind of station in JOIN_RET.
///
/// The answer to a JOIN begins the list: the host itself is not in it, nor the asker. What does not fit, and who comes, goes or is renamed
/// later, is told by further JOIN_RETs with [`news`](Self::news), which answer no JOIN. They go to stations whose JOIN had the `mvrx` object
/// and to nobody else.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Roster {
    /// Whether this changes the list, and answers no JOIN; otherwise it is the beginning of a list.
    pub news: bool,
    /// The list goes on in the next message; until one without this nobody is missing from it.
    pub more: bool,
    /// Stations that are in the session. Writing lists the first [`Roster::MOST`].
    pub stations: Vec<NamedStation>,
    /// Stations that are no longer. Writing lists the first [`Roster::MOST`].
    pub gone: Vec<StationUuid>,
    /// Files of the one that this is told to, and who has them from the host now. Writing lists the first [`Roster::MOST`].
    pub fetched: Vec<FetchedFile>,
    /// Who hosts when this host is gone, the first of them that is there; `None`: this host was not elected. Writing lists the first
    /// [`Roster::SUCCESSORS`].
    pub succession: Option<Vec<Successor>>,
    /// Commits that their authors have withdrawn, the latest last. Writing lists the last [`Join::WITHDRAWN`](crate::Join::WITHDRAWN).
    pub withdrawn: Vec<WithdrawnFile>,
    /// Files that the host listed, and that nobody gives in this session any more. Writing lists the last
    /// [`Join::RELEASED`](crate::Join::RELEASED).
    pub released: Vec<FileUuid>,
}

/// A commit that was taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WithdrawnFile {
    /// Which.
    pub file: FileUuid,
    /// Who says so; it counts if he made it.
    pub station: StationUuid,
}

impl Roster {
    /// So many stations fit one message beside its commits.
    pub const MOST: usize = 24;
    /// So many successors.
    pub const SUCCESSORS: usize = 5;
}

/// A file that a station got from its session's host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchedFile {
    /// Which.
    pub file: FileUuid,
    /// Who has it now.
    pub station: StationUuid,
}

/// A station and who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedStation {
    /// Which.
    pub station: StationUuid,
    /// Who it is.
    pub author: Author,
    /// Whether it is a bridge, or stood in for by one.
    pub bridge: Option<BridgeMark>,
}

/// What one station of a session answered its host, who had asked it to move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoveAnswered {
    /// Which.
    pub station: StationUuid,
    /// What.
    pub outcome: MoveOutcome,
    /// Its reason, or what is known instead, for people; may be empty. As long as an [`Author`]'s string.
    pub message: String,
}

impl MoveAnswered {
    /// So many answers fit one message.
    pub const MOST: usize = 256;
}

/// What became of the question whether a station moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MoveOutcome {
    /// It says that it has moved.
    Moved,
    /// It says that it stays.
    Refused,
    /// It did not answer.
    Unanswered,
    /// It was not asked: it is a product of which nobody knows whether it outlives the question. The message names the product.
    NotAsked,
}

impl MoveOutcome {
    /// Its word in a message.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Moved => "moved",
            Self::Refused => "refused",
            Self::Unanswered => "unanswered",
            Self::NotAsked => "not-asked",
        }
    }

    /// A word that is not known says that nothing is known.
    pub(crate) fn read(word: &str) -> Self {
        let known = [Self::Moved, Self::Refused, Self::NotAsked];
        known.into_iter().find(|known| known.as_str() == word).unwrap_or(Self::Unanswered)
    }
}

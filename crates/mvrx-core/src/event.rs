//! What the application is told.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use mvrx_message::{FileUuid, GroupName, Product, Quirk, SessionTarget, StationUuid, Successor};

use crate::{ExchangeFailure, MoveAnswer, ProposalId, RequestId};

/// One thing worth telling a person or an application.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// Discovery shows a station of our group that was not known.
    StationSighted {
        /// Which.
        station: StationUuid,
        /// Its name in discovery, may be empty.
        name: String,
    },
    /// A station is one of the group now: it sent JOIN or accepted ours.
    StationJoined {
        /// Which.
        station: StationUuid,
        /// Its name.
        name: String,
        /// Its application.
        provider: String,
        /// What we take that application for.
        product: Product,
    },
    /// A station has another name now.
    StationRenamed {
        /// Which.
        station: StationUuid,
        /// Its name until now.
        from: String,
        /// Its name from now on.
        to: String,
    },
    /// A station sent LEAVE.
    StationLeft {
        /// Which.
        station: StationUuid,
    },
    /// A station is no longer seen and no longer answers. Not told of one that left ([`Event::StationLeft`]) and did not join again.
    StationLost {
        /// Which.
        station: StationUuid,
    },
    /// A station does not answer at the moment; it is tried again.
    StationUnreachable {
        /// Which.
        station: StationUuid,
        /// Why.
        failure: ExchangeFailure,
    },
    /// A station answers again.
    StationReachable {
        /// Which.
        station: StationUuid,
    },
    /// A station answered our JOIN with OK:false.
    JoinRefused {
        /// Which.
        station: StationUuid,
        /// Its reason.
        message: String,
    },
    /// Another station than the announced one answers at an address.
    StationMismatch {
        /// Who was expected there.
        expected: StationUuid,
        /// Who answers.
        found: StationUuid,
        /// Where.
        address: SocketAddr,
    },
    /// Another station has our StationUUID, as with a copied data directory: neither sees the other. Told once.
    OwnUuidUsedByAnother {
        /// Its StationName, where it is told.
        name: String,
        /// Where its message came from, or where discovery shows it.
        address: Option<SocketAddr>,
    },
    /// A commit of another station is known now.
    CommitSeen {
        /// Which.
        file: FileUuid,
        /// Who told; in a session, where the host tells everything, the author, who need not be there.
        from: StationUuid,
        /// How.
        source: CommitSource,
    },
    /// A commit of ours is being announced.
    CommitPublished {
        /// Which.
        file: FileUuid,
        /// To how many stations.
        stations: usize,
    },
    /// A commit was taken back by who made it: it is in no list of ours any more. What we have of it stays in our store.
    CommitWithdrawn {
        /// Which.
        file: FileUuid,
        /// Who made it; we, too.
        station: StationUuid,
    },
    /// A station confirmed a COMMIT.
    CommitAcknowledged {
        /// Which.
        file: FileUuid,
        /// Who.
        station: StationUuid,
    },
    /// A station answered a COMMIT with OK:false.
    CommitRefused {
        /// Which.
        file: FileUuid,
        /// Who.
        station: StationUuid,
        /// Its reason.
        message: String,
    },
    /// A station did not take a COMMIT; it learns of it by the next JOIN.
    CommitNotDelivered {
        /// Which.
        file: FileUuid,
        /// Who.
        station: StationUuid,
        /// Why.
        failure: ExchangeFailure,
    },
    /// A station is being asked for a file.
    RequestStarted {
        /// Which request.
        request: RequestId,
        /// Which file, where it is known.
        file: Option<FileUuid>,
        /// Who is asked.
        from: StationUuid,
    },
    /// A station did not give the file; the next one that lists it is asked.
    RequestAttemptFailed {
        /// Which request.
        request: RequestId,
        /// Who.
        from: StationUuid,
        /// Why, in words.
        why: String,
    },
    /// A file broke off; the station is asked to go on with it.
    RequestBroke {
        /// Which request.
        request: RequestId,
        /// Who sent it.
        from: StationUuid,
        /// Why, in words.
        why: String,
        /// How much of it is here, in bytes.
        kept: u64,
    },
    /// A requested file is in the store.
    RequestDone {
        /// Which request.
        request: RequestId,
        /// Which file.
        file: FileUuid,
        /// From whom; `None`: it was there already.
        from: Option<StationUuid>,
    },
    /// A request ended without the file.
    RequestFailed {
        /// Which request.
        request: RequestId,
        /// Why.
        failure: RequestFailure,
    },
    /// A whole file came whose length is not the FileSize announced for it.
    FileSizeDiffers {
        /// Which.
        file: FileUuid,
        /// Who sent it.
        from: StationUuid,
        /// The FileSize of the commit, bytes.
        announced: u64,
        /// What came, bytes.
        received: u64,
    },
    /// A fetched file was looked through before it was kept, and is a whole archive.
    FileWhole {
        /// Which.
        file: FileUuid,
        /// Who sent it.
        from: Option<StationUuid>,
        /// Members in the archive.
        members: u64,
        /// Of these, members that could not be unpacked: encrypted, of an unknown method, or beyond a limit.
        unread: u64,
        /// Whether it has the length that was announced for it; `None`: none was.
        size_as_told: Option<bool>,
        /// Whether a hash was announced for it, which it has then.
        hash_as_told: bool,
    },
    /// A limit kept a fetched file from being looked through; it is kept, as nothing is known to be wrong with it.
    FileNotJudged {
        /// Which.
        file: FileUuid,
        /// Who sent it.
        from: Option<StationUuid>,
        /// Which limit, in words.
        what: String,
    },
    /// A bad file came. It is never listed nor offered on.
    FilePutAside {
        /// Which it should have been.
        file: FileUuid,
        /// Who sent it.
        from: Option<StationUuid>,
        /// What is wrong with it, in words.
        what: String,
        /// Where it lies for a person to look at; `None`: it was thrown away.
        path: Option<PathBuf>,
    },
    /// A file is being sent to somebody.
    Serving {
        /// Which.
        file: FileUuid,
        /// Who, where it is known.
        station: Option<StationUuid>,
        /// Where to.
        address: SocketAddr,
    },
    /// A file was sent whole.
    Served {
        /// Which.
        file: FileUuid,
        /// Who, where it is known.
        station: Option<StationUuid>,
        /// How many bytes.
        length: u64,
    },
    /// A station of our session took a file of ours from the host, which has it from us. Told by hosts of our own kind.
    FetchedFromHost {
        /// Which.
        file: FileUuid,
        /// Who has it now.
        station: StationUuid,
    },
    /// A file could not be sent whole.
    ServeFailed {
        /// Which.
        file: FileUuid,
        /// Who, where it is known.
        station: Option<StationUuid>,
        /// Why, in words.
        why: String,
    },
    /// A station asked for a file that we do not give.
    RequestRefused {
        /// Which; `None`: "your current state".
        file: Option<FileUuid>,
        /// Where from.
        address: SocketAddr,
        /// What it was told.
        message: String,
    },
    /// A station deviates from the specification in a way that is tolerated; told once for each station and deviation.
    Quirk {
        /// Which.
        station: StationUuid,
        /// How.
        quirk: Quirk,
    },
    /// Somebody sent what cannot be read or has no place in the exchange.
    PeerError {
        /// Where from.
        address: SocketAddr,
        /// What is wrong, in words.
        what: String,
    },
    /// The network proposes to move (MVR_NEW_SESSION_HOST), and our application is to say whether we follow:
    /// [`crate::Command::AcceptMove`] or [`crate::Command::RefuseMove`].
    MoveProposed {
        /// To be named in the answer.
        proposal: ProposalId,
        /// Who, where it is known. TCP mode does not prove it.
        station: Option<StationUuid>,
        /// Where from.
        address: SocketAddr,
        /// Where to.
        to: SessionTarget,
        /// Not answered within this time, it is refused.
        within: Duration,
    },
    /// A proposal to move was answered with OK:false by our rule ([`crate::Moves`]). The same again is not told again.
    MoveDeclined {
        /// Who, where it is known.
        station: Option<StationUuid>,
        /// Where from.
        address: SocketAddr,
        /// Where to.
        to: SessionTarget,
        /// What it was told.
        why: String,
    },
    /// It is agreed: we are about to join another place. `Moved` or `NotMoved` follows.
    MoveBegun {
        /// Where to.
        to: SessionTarget,
        /// As in `Moved`.
        errand: bool,
    },
    /// A station answered whether it comes along, or will not.
    MoveAnswered {
        /// Which.
        station: StationUuid,
        /// What.
        answer: MoveAnswer,
    },
    /// We are in another place, and out of the former one: stations and commits are those of the new place now.
    Moved {
        /// The former place.
        from: SessionTarget,
        /// The new one.
        to: SessionTarget,
        /// It was an errand ([`crate::Command::MoveWith`]); otherwise somebody wanted it, here or by a proposal.
        errand: bool,
    },
    /// We did not move; all is as it was.
    NotMoved {
        /// Where to it would have been.
        to: SessionTarget,
        /// Why, in words.
        why: String,
        /// As in `Moved`.
        errand: bool,
    },
    /// The host of our session cannot be reached, or was lost; it is tried again. Told when the reason is another than before.
    SessionUnreachable {
        /// Which, where it is known.
        host: Option<StationUuid>,
        /// Why, in words.
        why: String,
        /// When it is tried again.
        next_try: Duration,
    },
    /// The host of our session was elected, and tells who succeeds it; told at each JOIN, and when it changes.
    Succession {
        /// The host.
        host: StationUuid,
        /// Who comes after it, the first first.
        stations: Vec<Successor>,
        /// The group of TCP mode for which it was elected, where it says so.
        group: Option<GroupName>,
    },
    /// The host of our session answered JOIN with OK:false; it is tried again. Told when the reason is another than before.
    SessionRefused {
        /// Which, where it is known.
        host: Option<StationUuid>,
        /// Its reason; may be empty.
        message: String,
    },
    /// A limit keeps something out.
    LimitReached(LimitReached),
    /// We are in the group; in a session told each time its host let us in again.
    JoinedGroup,
    /// We are in another group, and out of the former one: stations and commits are those of the new group now.
    GroupChanged {
        /// The former group.
        from: GroupName,
        /// The new one.
        to: GroupName,
    },
    /// The group was not changed; all is as it was.
    GroupNotChanged {
        /// Which group was wanted.
        to: GroupName,
        /// Why, in words.
        why: String,
    },
    /// We have left the group; every station that could be told was told.
    LeftGroup,
}

/// How a commit became known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitSource {
    /// It was listed in JOIN or JOIN_RET: it was made while we were not there to be told, and is one that we missed.
    Listed,
    /// It was announced by COMMIT.
    Announced,
}

/// Which of [`crate::Limits`] was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum LimitReached {
    /// `Limits::stations`.
    Stations,
    /// `Limits::places`.
    Places,
    /// `Limits::commits`.
    Commits,
    /// `Limits::commit_bytes`.
    CommitBytes,
    /// `Limits::pending_commits`.
    PendingCommits,
    /// `Limits::inbound`, or as many as the listener may have.
    Inbound,
    /// As many as the listener may have from one address.
    InboundFromOne,
    /// `Limits::quiet_from_one`.
    QuietFromOne,
    /// `Limits::served`.
    Served,
    /// The system's own: it gives no more connections, for want of descriptors for instance.
    System,
}

impl fmt::Display for LimitReached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stations => "as many stations as allowed are known; new ones take the places of those that never answered",
            Self::Places => "as many places as allowed are seen that do not say whose they are; further ones are not noticed",
            Self::Commits => "as many commits as allowed are remembered; the oldest are forgotten",
            Self::CommitBytes => "the names and comments of the commits take as much room as allowed; the oldest are forgotten",
            Self::PendingCommits => "more commits than allowed wait to be told to a station",
            Self::Inbound => "as many connections as allowed are open; further ones are closed",
            Self::InboundFromOne => "one address has as many connections open as allowed; further ones of it are closed",
            Self::QuietFromOne => "one address keeps more connections open than allowed that nothing comes on; the oldest are closed",
            Self::Served => "as many files as allowed are being sent; further requests are refused",
            Self::System => "the system gives no more connections, for want of open files as a rule; who connects waits until it does again",
        })
    }
}

/// Why a request ended without the file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestFailure {
    /// No commit is known and no station can be asked for its current state.
    NothingCommitted,
    /// Nobody that can be reached lists the file.
    NobodyHasIt,
    /// Who made the commit has taken it back.
    Withdrawn,
    /// The station named as source is not one of the group.
    StationNotJoined {
        /// Which.
        station: StationUuid,
    },
    /// The station named as source is known not to understand a request for its current state.
    StationCannotExport {
        /// Which.
        station: StationUuid,
    },
    /// The host of our session was not there to be asked.
    HostUnreachable,
    /// Everybody who lists it was asked and none gave it.
    EveryoneFailed {
        /// Whom, and why not, in words.
        attempts: Vec<(StationUuid, String)>,
    },
    /// As the host of a session we got it from nobody, or could not keep it.
    NotGiven {
        /// Why, in words.
        why: String,
    },
    /// Our own store could not keep it.
    NotKept {
        /// Why, in words.
        why: String,
    },
    /// The application cancelled it.
    Cancelled,
    /// `Limits::requests` are under way already.
    TooManyRequests {
        /// The limit.
        limit: usize,
    },
    /// We left the group.
    LeftGroup,
}

impl fmt::Display for RequestFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NothingCommitted => f.write_str("no station of the group has committed anything yet"),
            Self::NobodyHasIt => f.write_str("no station that can be reached lists this file"),
            Self::Withdrawn => f.write_str("its author has withdrawn this commit"),
            Self::StationNotJoined { station } => write!(f, "station {station} is not one of the group"),
            Self::StationCannotExport { station } => {
                write!(f, "station {station} does not understand a request for its current state")
            }
            Self::HostUnreachable => f.write_str("the session's host cannot be reached"),
            Self::EveryoneFailed { attempts } => {
                f.write_str("every station that lists it was asked and none gave it")?;
                attempts.iter().try_for_each(|(station, why)| write!(f, "; {station}: {why}"))
            }
            Self::NotGiven { why } => f.write_str(why),
            Self::NotKept { why } => write!(f, "this machine could not keep the file: {why}"),
            Self::Cancelled => f.write_str("the request was cancelled"),
            Self::TooManyRequests { limit } => write!(f, "{limit} requests are under way already"),
            Self::LeftGroup => f.write_str("this station has left the group"),
        }
    }
}

impl std::error::Error for RequestFailure {}

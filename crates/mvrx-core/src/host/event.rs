//! What the application and its operator are told.

use std::net::SocketAddr;
use std::time::Duration;

use mvrx_message::{FileUuid, Product, Quirk, SessionTarget, StationUuid};

use crate::{CommitSource, MoveAnswer, ProposalId, RequestId};

/// One thing worth telling a person or an application.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A station is one of the session now.
    StationJoined {
        /// Which.
        station: StationUuid,
        /// Its name.
        name: String,
        /// Its application.
        provider: String,
        /// What we take that application for.
        product: Product,
        /// Where from.
        address: SocketAddr,
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
    /// A station connected anew; its older connection is closed.
    StationReplaced {
        /// Which.
        station: StationUuid,
        /// Its name.
        name: String,
        /// Where the older connection came from.
        from: SocketAddr,
        /// Where the newer one comes from.
        to: SocketAddr,
    },
    /// A joined station has a second connection, for files.
    FilesAttached {
        /// Which.
        station: StationUuid,
    },
    /// A station sent LEAVE.
    StationLeft {
        /// Which.
        station: StationUuid,
    },
    /// A station's connection ended without LEAVE.
    StationLost {
        /// Which.
        station: StationUuid,
        /// Its name.
        name: String,
        /// Why, in words.
        why: String,
    },
    /// A connection ended before its handshake was done, or before anybody joined on it: told by who accepts connections, not by the machine.
    ConnectionRefused {
        /// Where from.
        address: SocketAddr,
        /// Who it says it is, where its JOIN was read.
        station: Option<StationUuid>,
        /// Why, in words.
        why: String,
    },
    /// A message was refused that changes something or asks for something, and is no JOIN: in another's name, before JOIN, or not to be read.
    MessageRefused {
        /// Whose the connection is; `None`: nobody has joined on it.
        station: Option<StationUuid>,
        /// Where from.
        address: SocketAddr,
        /// Its type, as it is in the message.
        kind: String,
        /// Why, as it was told to the sender.
        message: String,
    },
    /// A station tells of a known commit with another name, author or size: the first word stands, unless it is the author's own.
    CommitToldOtherwise {
        /// Which file.
        file: FileUuid,
        /// Who told it.
        station: StationUuid,
        /// Whose it is said to be.
        author: Option<StationUuid>,
        /// What is different, in words.
        what: String,
    },
    /// The system gives no more connections: told once, by who accepts them, not by the machine.
    ConnectionsFail {
        /// What the system says.
        why: String,
    },
    /// It does again, for a while already.
    ConnectionsWork,
    /// The audit file cannot be written: told once, by who writes it, not by the machine.
    AuditFails {
        /// Why, in words.
        why: String,
    },
    /// The audit file is written again; how many lines are missing is a line in it.
    AuditWorks,
    /// A station is faster than one station may be, and made to wait; told the first time, by who reads and writes its connections, not by
    /// the machine.
    StationSlowed {
        /// Which.
        station: StationUuid,
        /// Where from.
        address: SocketAddr,
        /// What it does too fast, in words.
        what: String,
    },
    /// A JOIN was answered with OK:false.
    JoinRefused {
        /// Who.
        station: StationUuid,
        /// Where from.
        address: SocketAddr,
        /// What it was told.
        message: String,
    },
    /// A commit of another station, for us or for everybody, is known now.
    CommitSeen {
        /// Which.
        file: FileUuid,
        /// Who told.
        from: StationUuid,
        /// How.
        source: CommitSource,
    },
    /// A commit was passed on.
    CommitRelayed {
        /// Which.
        file: FileUuid,
        /// Who told.
        from: StationUuid,
        /// To how many stations.
        stations: usize,
    },
    /// A commit of ours was announced.
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
    /// We answered a COMMIT with OK:false, or left a commit that a JOIN lists; of those of one JOIN the first is told.
    CommitNotTaken {
        /// Which.
        file: FileUuid,
        /// Who told.
        station: StationUuid,
        /// Whose it is said to be.
        author: Option<StationUuid>,
        /// What it was told.
        message: String,
    },
    /// A station answered a COMMIT with OK:false.
    CommitRefused {
        /// Who.
        station: StationUuid,
        /// Its reason.
        message: String,
    },
    /// An owner is being asked for a file.
    ReadStarted {
        /// Which.
        file: FileUuid,
        /// Whom.
        from: StationUuid,
        /// How many stations wait for it.
        askers: usize,
    },
    /// An owner did not give a file; the next one is asked.
    AttemptFailed {
        /// Which.
        file: FileUuid,
        /// Who.
        from: StationUuid,
        /// Why, in words.
        why: String,
    },
    /// Nobody gave a file.
    ReadFailed {
        /// Which.
        file: FileUuid,
        /// Why, in words.
        why: String,
    },
    /// A relayed file is in our store.
    FileKept {
        /// Which.
        file: FileUuid,
        /// How many bytes.
        length: u64,
    },
    /// A relayed file is not in our store, though it arrived.
    FileNotKept {
        /// Which.
        file: FileUuid,
        /// Why, in words.
        why: String,
    },
    /// A kept file made room for newer ones.
    FileDropped {
        /// Which.
        file: FileUuid,
        /// Who brought its commit.
        of: StationUuid,
        /// Its name, as it was announced; may be empty.
        name: String,
        /// Its length as it was announced, bytes; `None`: it was not said.
        announced: Option<u64>,
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
    /// A file was taken for the one requested by nothing but its length, from an owner that owed other answers, too.
    FileUnproven {
        /// Which.
        file: FileUuid,
        /// Who sent it.
        from: StationUuid,
    },
    /// A file is being sent to a station.
    Serving {
        /// Which.
        file: FileUuid,
        /// To whom.
        station: StationUuid,
    },
    /// A file was sent whole.
    Served {
        /// Which.
        file: FileUuid,
        /// To whom.
        station: StationUuid,
        /// How many bytes.
        length: u64,
    },
    /// A REQUEST was answered with OK:false.
    RequestRefused {
        /// Which file; `None`: "your current state".
        file: Option<FileUuid>,
        /// Who asked.
        station: StationUuid,
        /// What it was told.
        message: String,
    },
    /// A REQUEST ended without an answer, because whoever asked left, is no longer connected, or got a part of the file.
    RequestAbandoned {
        /// Which file.
        file: Option<FileUuid>,
        /// Who asked.
        station: StationUuid,
        /// Why, in words.
        why: String,
    },
    /// A file that our application requested is in the store.
    RequestDone {
        /// Which request.
        request: RequestId,
        /// Which file.
        file: FileUuid,
    },
    /// A request of our application ended without the file.
    RequestFailed {
        /// Which request.
        request: RequestId,
        /// Why, in words.
        why: String,
    },
    /// A station deviates from the specification in a way that is tolerated; told once for each stay and deviation.
    Quirk {
        /// Which.
        station: StationUuid,
        /// How.
        quirk: Quirk,
    },
    /// Somebody sent what cannot be read or has no place in the exchange.
    PeerError {
        /// Who, once joined.
        station: Option<StationUuid>,
        /// Where from.
        address: SocketAddr,
        /// What is wrong, in words.
        what: String,
    },
    /// A station proposes to move the session (MVR_NEW_SESSION_HOST), and our application is to say whether the stations are asked:
    /// [`super::Command::AcceptMove`] or [`super::Command::RefuseMove`].
    MoveProposed {
        /// To be named in the answer.
        proposal: ProposalId,
        /// Who.
        station: StationUuid,
        /// Where to.
        to: SessionTarget,
        /// Not answered within this time, it is refused.
        within: Duration,
    },
    /// A proposal to move was answered with OK:false by our rule ([`crate::Moves`]). The same again is not told again.
    MoveDeclined {
        /// Who.
        station: StationUuid,
        /// Where to.
        to: SessionTarget,
        /// What it was told.
        why: String,
    },
    /// The stations are being asked to move. `MoveEnded` follows.
    MoveBegun {
        /// Where to.
        to: SessionTarget,
        /// Who wants it: a station of the session, or the host itself.
        by: StationUuid,
    },
    /// A station answered whether it moves, or will not.
    MoveAnswered {
        /// Which.
        station: StationUuid,
        /// What.
        answer: MoveAnswer,
    },
    /// Everybody who was asked has answered, or had the time to. We host on for whoever stayed.
    MoveEnded {
        /// Where to.
        to: SessionTarget,
        /// Who wanted it: a station of the session, or the host itself.
        by: StationUuid,
        /// How many say that they have moved, without the one that proposed it.
        moved: usize,
        /// How many stayed, or may have.
        stayed: usize,
    },
    /// A move was not agreed to; nobody was asked.
    NotMoved {
        /// Where to it would have been.
        to: SessionTarget,
        /// Who wanted it: a station of the session, or the host itself.
        by: StationUuid,
        /// Why, in words.
        why: String,
    },
    /// A limit keeps something out; told once for each limit.
    LimitReached(LimitReached),
    /// The session is over.
    Ended,
}

/// Which of [`super::Limits`] was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum LimitReached {
    /// `Limits::connections`.
    Connections,
    /// `Limits::stations`.
    Stations,
    /// `Limits::waiting`.
    Waiting,
    /// `Limits::commits`.
    Commits,
    /// `Limits::commit_bytes`.
    CommitBytes,
    /// `Limits::asks`.
    Asks,
    /// `Limits::relays`.
    Relays,
    /// `Limits::queued`.
    Queued,
    /// `Limits::kept_bytes` or `Limits::kept_files`.
    Kept,
    /// `Limits::kept_bytes_each`.
    KeptEach,
    /// `Limits::commits_each`.
    CommitsEach,
}

impl std::fmt::Display for LimitReached {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Connections => "as many connections as allowed are open; further ones are closed",
            Self::Stations => "as many stations as allowed have joined; further ones are refused",
            Self::Waiting => {
                "as many connections as allowed wait to be a station that is here from another address; further ones are refused"
            }
            Self::Commits => "as many commits as allowed are remembered; the oldest are forgotten",
            Self::CommitBytes => {
                "the names and comments of the commits take as much room as allowed; the oldest are forgotten"
            }
            Self::Asks => "a station had more requests waiting than allowed; its connection was closed",
            Self::Relays => "as many files as allowed are being fetched; further requests are refused",
            Self::Queued => "as many requests as allowed wait for one station; further ones are refused",
            Self::Kept => "as many files of others as allowed are kept; the oldest make room",
            Self::KeptEach => "as much of one station's files as allowed is kept; its oldest make room",
            Self::CommitsEach => {
                "as many commits of one station as allowed are remembered; its oldest are forgotten"
            }
        })
    }
}

//! What may happen to a station: commands of the application and reports of the driver.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use mvrx_message::{BridgeMark, Commit, FileUuid, GroupName, Message, Parsed, SessionTarget, StationUuid};

use crate::{ConnId, PlaceId, ProposalId, RequestId};

/// One thing that happened.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Input {
    /// The station starts: it advertises itself and joins whom discovery shows.
    Start,
    /// Nothing but the time: call it when [`crate::Core::deadline`] has come.
    Tick,
    /// The application wants something.
    Command(Command),
    /// Discovery shows a place, or shows it anew with other facts.
    Sighted(Sighting),
    /// Discovery no longer shows a place.
    Vanished {
        /// The place.
        place: PlaceId,
    },
    /// A [`crate::Output::Dial`] succeeded.
    Dialed {
        /// The connection.
        conn: ConnId,
    },
    /// A [`crate::Output::Dial`] did not succeed.
    DialFailed {
        /// The connection that was not made.
        conn: ConnId,
    },
    /// A [`crate::Output::AdvertiseAlso`] is done.
    AdvertisedAlso,
    /// A [`crate::Output::AdvertiseAlso`] cannot be done.
    NotAdvertisedAlso {
        /// Why, in words.
        what: String,
    },
    /// An [`crate::Output::Advertise`] cannot be done.
    NotAdvertised {
        /// Why, in words.
        what: String,
    },
    /// An [`crate::Output::PrepareMove`] is done.
    MovePrepared {
        /// To a group: the commits of that group whose files lie in the store.
        commits: Vec<Commit>,
        /// To a group: what discovery shows of it at the moment.
        sightings: Vec<Sighting>,
        /// Random bits, as [`crate::SessionConfig::seed`].
        seed: u64,
    },
    /// An [`crate::Output::PrepareMove`] cannot be done.
    MoveNotPrepared {
        /// Why, in words.
        what: String,
    },
    /// An [`crate::Output::SavePlace`] is done: the next start is there, whatever happens from now on.
    PlaceSaved,
    /// An [`crate::Output::SavePlace`] cannot be done: the disk refuses.
    PlaceNotSaved {
        /// Why, in words.
        what: String,
    },
    /// A [`crate::Output::DialHost`] succeeded.
    HostReached {
        /// The connection.
        conn: ConnId,
        /// Where the host is.
        address: SocketAddr,
    },
    /// A [`crate::Output::DialHost`] did not succeed.
    HostUnreachable {
        /// The connection that was not made.
        conn: ConnId,
        /// Why, in words.
        what: String,
    },
    /// A connection to the host ended by itself.
    HostLost {
        /// The connection.
        conn: ConnId,
        /// How, in words.
        what: String,
    },
    /// Somebody connected to us.
    Accepted {
        /// The connection.
        conn: ConnId,
        /// Where from; the port says nothing about where that station listens.
        peer: SocketAddr,
    },
    /// A message came.
    Received {
        /// On this connection.
        conn: ConnId,
        /// The message and the deviations that were tolerated in it.
        parsed: Arc<Parsed>,
    },
    /// Something came that cannot be read: a message, with the connection in order, or bytes that are no package.
    Malformed {
        /// On this connection.
        conn: ConnId,
        /// What is wrong with it, in words.
        what: String,
    },
    /// A file begins. Nothing is read of it until [`crate::Output::ReceiveFile`].
    FileBegins {
        /// On this connection.
        conn: ConnId,
        /// Its length in bytes, when the first package tells it.
        length: Option<u64>,
    },
    /// A [`crate::Output::ReceiveFile`] ended with the whole file in the store's hands, not yet published.
    FileArrived {
        /// For this request.
        request: RequestId,
        /// Its length in bytes.
        length: u64,
        /// Its BLAKE3.
        hash: [u8; 32],
    },
    /// A [`crate::Output::SendFile`] ended with all bytes handed to the system.
    FileSent {
        /// On this connection.
        conn: ConnId,
        /// How many bytes.
        length: u64,
    },
    /// A [`crate::Output::SendFile`] or [`crate::Output::ReceiveFile`] failed. The connection is unusable and forgotten.
    FileFailed {
        /// On this connection.
        conn: ConnId,
        /// Why, in words.
        what: String,
        /// Whether our own side failed (a full disk): asking another station would not help.
        local: bool,
    },
    /// A [`crate::Output::SendFile`] could not begin, because our store does not give the file. The connection is in order.
    FileUnreadable {
        /// On this connection.
        conn: ConnId,
        /// Why, in words.
        what: String,
    },
    /// A [`crate::Output::KeepFile`] is done: the file is in the store for good.
    Kept {
        /// For this request.
        request: RequestId,
    },
    /// A [`crate::Output::KeepFile`] failed.
    KeepFailed {
        /// For this request.
        request: RequestId,
        /// Why, in words.
        what: String,
    },
    /// A [`crate::Output::ReceiveFile`] is about to be told as failed, and so much of the file is kept that the same station is asked to go on
    /// with it. Told only where the file has come further.
    PartKept {
        /// For this request.
        request: RequestId,
        /// How much, in bytes.
        bytes: u64,
    },
    /// A [`crate::Output::ReceiveFile`] ended with all bytes, behind a part that was kept, and they are not the file: nothing is kept
    /// any more.
    PartWrong {
        /// For this request.
        request: RequestId,
    },
    /// A [`crate::Output::KeepFile`] was not done, because the file is damaged. It is out of the store.
    Damaged {
        /// For this request.
        request: RequestId,
        /// What is wrong with it, in words.
        what: String,
    },
    /// A [`crate::Output::Export`] is done; the fresh file is in the store already. `None`: the application could not.
    Exported {
        /// The asking connection.
        conn: ConnId,
        /// What was stored.
        commit: Option<Commit>,
    },
    /// A connection ended by itself.
    Closed {
        /// The connection.
        conn: ConnId,
        /// In which way.
        ending: Ending,
    },
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The peer closed it between two messages.
    Clean,
    /// It broke, was cut in the middle of a package, or carried bytes that are no package.
    Broken,
}

/// Where discovery sees a station.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// The name of this sighting, the same as long as discovery means the same thing by it.
    pub place: PlaceId,
    /// The TXT record's StationUUID; a fixed list has none, the JOIN_RET tells it then.
    pub station: Option<StationUuid>,
    /// The TXT record's StationName.
    pub station_name: Option<String>,
    /// The group; `None` counts as ours (a fixed list names no group).
    pub group: Option<String>,
    /// Where it listens, best first; all are tried.
    pub addresses: Vec<SocketAddr>,
}

/// What the application may ask for.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Command {
    /// A file of ours that lies in the store is announced to the stations it is for.
    Publish(Commit),
    /// A file that lay in the store before the start is listed (its commit may be another station's).
    Restore(Commit),
    /// The same of one that was withdrawn: it is known, and neither listed nor given.
    RestoreWithdrawn(Commit),
    /// A commit of ours was a mistake: it leaves our list, is given to nobody any more, and a JOIN tells everybody so. One of somebody else
    /// stays as it is.
    Withdraw(FileUuid),
    /// The file of a commit is no longer in our store: it is neither listed nor given from now on, and our kind of stations are told so by a JOIN;
    /// others learn it by asking. [`Core::is_in_use`](crate::Core::is_in_use) says when it must stay.
    Release(FileUuid),
    /// A file is wanted.
    Request {
        /// The name of this request, from outside.
        request: RequestId,
        /// What is wanted.
        requested: Requested,
        /// From whom.
        source: Source,
    },
    /// A request is no longer wanted.
    Cancel(RequestId),
    /// Another group is joined, and this one left then; [`crate::Event::GroupChanged`] or [`crate::Event::GroupNotChanged`] says how it ends.
    ChangeGroup {
        /// Which.
        to: GroupName,
        /// The commits of that group whose files lie in the store.
        commits: Vec<Commit>,
        /// What discovery shows of that group at the moment.
        sightings: Vec<Sighting>,
    },
    /// The host of our session is found at another URL: the next connection goes there, at once if we are away. One that stands stays.
    SessionAt(String),
    /// We move to another place, and everybody here is asked to come along; [`crate::Event::MoveAnswered`] tells who does,
    /// [`crate::Event::Moved`] or [`crate::Event::NotMoved`] how it ends.
    Move {
        /// Where to.
        to: SessionTarget,
        /// Whether products are asked, too, of which nobody knows whether they outlive the question.
        force: bool,
    },
    /// The same as an errand of a station that was elected to host, or follows one that was: these and nobody else are asked, none if there are
    /// none.
    MoveWith {
        /// Where to.
        to: SessionTarget,
        /// Who is asked to come along, of those that are known to understand it.
        others: BTreeSet<StationUuid>,
    },
    /// These stations can be elected as we can: what one of them proposes is followed where it leads into its own session.
    Companions(BTreeSet<StationUuid>),
    /// Whether we take part in the election at the moment. Who was moved away by a person does not, and no candidate leads it back.
    TakesPart(bool),
    /// A proposed move is followed.
    AcceptMove(ProposalId),
    /// A proposed move is not followed.
    RefuseMove(ProposalId),
    /// Our operator has agreed already to a move to this place, which the host of our session is about to propose: that one is followed without
    /// a question, if it comes within [`crate::Timers::consent`]. For the station beside an elected host, whose operator is one and the same.
    AgreeToMove(SessionTarget),
    /// JOIN to every station again: tells our name and commits, brings theirs.
    Refresh,
    /// JOIN to one station, even one that left.
    Join(StationUuid),
    /// We have another name now.
    Rename(String),
    /// We are a bridge, or stand in for somebody, and this is said of it from now on: discovery and everybody in the group are told.
    MarkAs(BridgeMark),
    /// LEAVE the group, tell discovery; [`crate::Event::LeftGroup`] says when it is done.
    Leave,
    /// Join the group again after a LEAVE.
    Rejoin,
    /// Our addresses or port changed, or the machine woke up: announce and JOIN again.
    Reannounce,
}

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requested {
    /// This file.
    File(FileUuid),
    /// The commit that arrived last; where no commit is known, the current state of a station that can be asked for it.
    Latest {
        /// The FileUUID to give to a file that comes without one (fresh, random, version 4).
        fresh: FileUuid,
    },
    /// What the station named as source would export now.
    CurrentState {
        /// The FileUUID to give to it (fresh, random, version 4).
        fresh: FileUuid,
    },
}

/// Whom a request may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Any station that lists the file, its author first.
    Any,
    /// This one only.
    Station(StationUuid),
}

/// What a message is about, for events and logs.
pub(crate) fn is_reply(message: &Message) -> bool {
    matches!(
        message,
        Message::JoinRet(_)
            | Message::LeaveRet(_)
            | Message::CommitRet(_)
            | Message::RequestRet(_)
            | Message::NewSessionHostRet(_)
    )
}

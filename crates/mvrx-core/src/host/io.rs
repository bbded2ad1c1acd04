//! What may happen to a host, and what it wants done, in order.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use mvrx_message::{
    Commit, Dialect, FileUuid, Message, MessageType, Parsed, SessionTarget, StationUuid, Successor,
};

use super::Event;
use crate::{ConnId, ProposalId, RequestId};

/// One REQUEST of a station; numbered by the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AskId(pub u64);

/// One read of a file from an owner; numbered by the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelayId(pub u64);

/// One thing that happened.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Input {
    /// Nothing but the time: call it when [`super::Host::deadline`] has come.
    Tick,
    /// The application wants something.
    Command(Command),
    /// Somebody connected, and the WebSocket handshake is done.
    Accepted {
        /// The connection, [`ConnId::Accepted`] with a number never used before.
        conn: ConnId,
        /// Where from.
        peer: SocketAddr,
    },
    /// An accepted connection that has not joined is the second one of a joined station, for files. How it proved that is the driver's.
    Attached {
        /// The connection.
        conn: ConnId,
        /// Whose it is.
        station: StationUuid,
    },
    /// A connection gave the sign of life that [`Output::AskAlive`] asked for.
    Alive {
        /// The connection.
        conn: ConnId,
    },
    /// A message came.
    Received {
        /// On this connection.
        conn: ConnId,
        /// The message and the deviations that were tolerated in it.
        parsed: Arc<Parsed>,
    },
    /// A message came that cannot be read; the connection is in order.
    Malformed {
        /// On this connection.
        conn: ConnId,
        /// What it was meant to be, as far as that can be seen.
        kind: Option<MessageType>,
        /// What is wrong with it, in words.
        what: String,
    },
    /// A file begins. Nothing is read of it until [`Output::ReceiveFile`].
    FileBegins {
        /// On this connection.
        conn: ConnId,
    },
    /// An [`Output::ReceiveFile`] ended with the whole file on our disk, not yet published.
    FileArrived {
        /// On this connection.
        conn: ConnId,
        /// Its length in bytes.
        length: u64,
        /// Its BLAKE3; `None`: it was read away, and nobody looked.
        hash: Option<[u8; 32]>,
        /// Whether it is a whole archive; asked for where its length is not the announced one, or where it ends is doubted.
        archive: bool,
    },
    /// The same, but it went on from a part that was here before, and both together do not have the announced hash: none of it is a file.
    PartWrong {
        /// On this connection.
        conn: ConnId,
    },
    /// What an [`Output::ReceiveFile`] takes cannot be stored here (a full disk). The connection is in order: the rest is read away, and
    /// [`Input::FileArrived`] tells when that is done.
    NotStored {
        /// On this connection.
        conn: ConnId,
        /// Why, in words.
        what: String,
    },
    /// An [`Output::ReceiveFile`] failed. The connection is over, as with [`Input::Closed`].
    ReceiveFailed {
        /// On this connection.
        conn: ConnId,
        /// Why, in words.
        what: String,
        /// Whether our own side failed (a full disk): asking another station would not help.
        local: bool,
    },
    /// An [`Output::SendFile`] ended with all bytes handed to the system.
    FileSent {
        /// For this ask.
        ask: AskId,
        /// How many bytes.
        length: u64,
    },
    /// An [`Output::SendFile`] failed or was stopped. If it had begun, the connection is unusable.
    SendFailed {
        /// For this ask.
        ask: AskId,
        /// Why, in words.
        what: String,
        /// Whether the peer has a part of the file.
        begun: bool,
    },
    /// An [`Output::KeepFile`] is done: the file is in the store for good.
    Kept {
        /// From this read.
        relay: RelayId,
    },
    /// An [`Output::KeepFile`] failed; what arrived can still be read.
    KeepFailed {
        /// From this read.
        relay: RelayId,
        /// Why, in words.
        what: String,
    },
    /// What an [`Output::KeepFile`] was to keep is damaged: nobody else is offered it until it comes whole.
    Damaged {
        /// From this read.
        relay: RelayId,
        /// What is damaged, in words.
        what: String,
    },
    /// An [`Output::Export`] is done; the fresh file is in the store already. `None`: the application could not.
    Exported {
        /// For this ask.
        ask: AskId,
        /// What was stored.
        commit: Option<Commit>,
    },
    /// A connection ended by itself.
    Closed {
        /// The connection.
        conn: ConnId,
        /// How, in words.
        what: String,
    },
}

/// What the application may ask for.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Command {
    /// A file of ours that lies in the store is announced to the stations it is for (Figure 8).
    Publish(Commit),
    /// A file that lay in the store before the start is listed (its commit may be another station's, and counts as kept then).
    Restore(Commit),
    /// The same of one that was withdrawn: it is known, and neither listed nor given.
    RestoreWithdrawn(Commit),
    /// A commit of ours was a mistake: it leaves our list, is given to nobody any more, and the stations are told so.
    Withdraw(FileUuid),
    /// Our store drops this file, by limits of its own: it is given to nobody any more, and not fetched to be kept again. [`Host::is_needed`](super::Host::is_needed)
    /// says when it must stay.
    Release(FileUuid),
    /// A file is wanted in our store, for our application.
    Request {
        /// The name of this request, from outside.
        request: RequestId,
        /// Which.
        file: FileUuid,
    },
    /// A request is no longer wanted.
    Cancel(RequestId),
    /// Every station of the session is asked to go to another place; [`Event::MoveAnswered`] tells who does.
    Move {
        /// Where to.
        to: SessionTarget,
        /// Whether products are asked, too, of which nobody knows whether they outlive the question.
        force: bool,
    },
    /// The stations are asked, as a station proposed.
    AcceptMove(ProposalId),
    /// They are not.
    RefuseMove(ProposalId),
    /// We have another name now; stations learn it by their next JOIN.
    Rename(String),
    /// The session goes on at another elected host: its stations are told so, and it ends.
    EndFor(Successor),
    /// The session ends: every connection is closed, nobody is accepted any more.
    End,
}

/// Where the bytes to be sent are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bytes {
    /// A file of the store.
    Stored,
    /// The file that this read is receiving: send what is there, wait for more, end when it is whole.
    Growing(RelayId),
}

/// What is to become of a file that begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Take {
    /// It is read by those who ask while it arrives, and probably kept.
    Keep(RelayId),
    /// The same, but it will not be kept.
    Relay(RelayId),
    /// Nobody wants it any more: read it, so that the connection can go on, and forget it.
    Discard,
}

/// One thing to do. See the module's page for what each must be answered with.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Output {
    /// Write a message. If a file is on its way out on this connection, the message goes between two parts of it where the wire
    /// allows that (never so an answer to a REQUEST: the file is out by then).
    Send {
        /// On this connection.
        conn: ConnId,
        /// This message.
        message: Box<Message>,
        /// In the form that this peer reads best.
        dialect: Dialect,
    },
    /// Write a file. [`Input::FileSent`] or [`Input::SendFailed`] answers, unless the connection is closed meanwhile.
    SendFile {
        /// On this connection.
        conn: ConnId,
        /// For this ask.
        ask: AskId,
        /// This file.
        file: FileUuid,
        /// Its bytes.
        bytes: Bytes,
        /// Whether messages for the station go out on this connection, too: then the file leaves room for them where the peer allows.
        shared: bool,
    },
    /// The rest of a file will never come: end its sending with [`Input::SendFailed`] (or [`Input::FileSent`], if it is out already).
    StopSend {
        /// For this ask.
        ask: AskId,
    },
    /// Take the file that begins on this connection. [`Input::FileArrived`] or [`Input::ReceiveFailed`] answers, unless the connection is
    /// closed meanwhile.
    ///
    /// If `again`, a part of the file is on our disk from an owner that is lost, and some may be reading it: this one's bytes start at 0
    /// and must be the same as far as they are there. Others are a failure.
    ReceiveFile {
        /// On this connection.
        conn: ConnId,
        /// What for.
        take: Take,
        /// The FileSize announced for it, in bytes; the least one where it may be one of several files.
        expected: Option<u64>,
        /// Whether a part of it is there already.
        again: bool,
        /// Whether nothing tells for sure where it ends: its FileSize may be wrong, or it may be another one of the files that are owed.
        doubted: bool,
    },
    /// Publish the file that arrived for this read. Those who read it go on.
    KeepFile {
        /// The read.
        relay: RelayId,
        /// As this commit.
        commit: Box<Commit>,
    },
    /// Throw away what arrived for this read.
    DropFile {
        /// The read.
        relay: RelayId,
    },
    /// Take a kept file out of the store. Nobody is being sent it.
    ForgetFile {
        /// Which.
        file: FileUuid,
    },
    /// Make a fresh file of the application's current state and store it.
    Export {
        /// For this ask.
        ask: AskId,
    },
    /// Close, after all messages that were to be sent on it are out. The host has forgotten the connection.
    Close {
        /// This connection.
        conn: ConnId,
        /// Why, as a code of RFC 6455 (7.4.1).
        code: u16,
        /// Why, in words for people; the reason of the close frame.
        why: String,
    },
    /// Ask whether the peer is still there: [`Input::Alive`] tells that it answered this very question (a pong to a ping). No answer is told by
    /// nothing.
    AskAlive {
        /// This connection.
        conn: ConnId,
    },
    /// The application is told.
    Event(Event),
}

/// The outputs of one step, in order. What is not taken comes first in the next step's.
#[derive(Debug)]
pub struct Outputs<'a> {
    pub(super) queue: &'a mut VecDeque<Output>,
}

impl Iterator for Outputs<'_> {
    type Item = Output;

    fn next(&mut self) -> Option<Output> {
        self.queue.pop_front()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.queue.len(), Some(self.queue.len()))
    }
}

impl ExactSizeIterator for Outputs<'_> {}

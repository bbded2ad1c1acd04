//! One outgoing exchange: a connection of its own, one message, one reply.
//!
//! ```text
//!             DialFailed: next address, or failed
//!                ┌──┐
//!   Dialing ─────┴──┴─ Connected ─► AwaitingReply ── Reply ───────────► done
//!      │ Deadline: next address        │     │  └─── FileBegins ──────► ReceivingFile ─ Reply ─► done
//!      ▼                               │     └ Deadline, Broken ──────► failed
//!    failed                            └ ClosedEmpty ► ReplyElsewhere ─ Reply ─► done
//!                                                           └ Deadline ────────► unanswered
//! ```
//!
//! | phase | what is true | waited for | bounded by | then |
//! |---|---|---|---|---|
//! | `Dialing` | an address is being tried | the connection | `Timers::dial` | the next address |
//! | `AwaitingReply` | the message is out | its reply on this connection | `Timers::reply`, `request_reply` | failed |
//! | `ReplyElsewhere` | the peer closed without a word; one product answers on a connection of its own | that reply | `Timers::reply_elsewhere` | unanswered |
//! | `ReceivingFile` | the answer to a REQUEST is a file | its end | the transport's idle timeout | failed |
//!
//! There are no request ids on the wire: a reply matches by its connection, or, on a new connection, by StationUUID or source address.

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;

use mvrx_message::FileUuid;

use crate::peer::Target;
use crate::{Ending, RequestId};

/// Where an exchange stands; see the table above.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExchangePhase {
    /// An address is being tried.
    Dialing,
    /// The message is out.
    AwaitingReply,
    /// The asking connection was closed empty; the reply may come on another one.
    ReplyElsewhere,
    /// The answer is a file, which is arriving.
    ReceivingFile,
}

/// What may happen to an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExchangeEvent {
    /// The connection stands.
    Connected,
    /// The address refused or does not answer.
    DialFailed,
    /// The reply (or the end of the file) is here.
    Reply,
    /// The reply is a file, which begins.
    FileBegins,
    /// The peer closed its end between two messages.
    ClosedEmpty,
    /// The connection broke, or brought something that is no reply.
    Broken,
    /// The phase's timer rang.
    Deadline,
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExchangeAction {
    /// Send the message.
    Send,
    /// Try the next address; with none left, fail.
    NextAddress,
    /// Wait for the reply on another connection.
    WaitElsewhere,
    /// Take the file.
    TakeFile,
    /// It is done.
    Finish,
    /// It failed.
    Fail(ExchangeFailure),
    /// Not possible in this phase; nothing follows.
    Ignore,
}

/// Why an exchange did not end with a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ExchangeFailure {
    /// None of the station's addresses accepted a connection.
    NoAddressAnswered,
    /// The message was sent and no reply came in time.
    NoReplyInTime,
    /// The peer closed the connection without a reply, and none came on another one.
    ClosedWithoutReply,
    /// The connection broke before the reply.
    ConnectionBroke,
}

impl fmt::Display for ExchangeFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoAddressAnswered => "none of its addresses accepted a connection",
            Self::NoReplyInTime => "no reply came in time",
            Self::ClosedWithoutReply => "it closed the connection without a reply",
            Self::ConnectionBroke => "the connection broke before the reply",
        })
    }
}

impl ExchangePhase {
    /// The next phase and what to do, for each phase and event.
    #[must_use]
    pub fn on(self, event: ExchangeEvent) -> (Self, ExchangeAction) {
        use ExchangeAction::{Fail, Finish, Ignore, NextAddress, Send, TakeFile, WaitElsewhere};
        use ExchangeEvent as E;
        use ExchangePhase::{AwaitingReply, Dialing, ReceivingFile, ReplyElsewhere};
        match (self, event) {
            (Dialing, E::Connected) => (AwaitingReply, Send),
            (Dialing, E::DialFailed | E::Deadline | E::Broken | E::ClosedEmpty) => (Dialing, NextAddress),
            (AwaitingReply | ReplyElsewhere | ReceivingFile, E::Reply) => (self, Finish),
            (AwaitingReply, E::FileBegins) => (ReceivingFile, TakeFile),
            (AwaitingReply, E::ClosedEmpty) => (ReplyElsewhere, WaitElsewhere),
            (AwaitingReply | ReceivingFile, E::Deadline) => (self, Fail(ExchangeFailure::NoReplyInTime)),
            (AwaitingReply | ReceivingFile, E::Broken) | (ReceivingFile, E::ClosedEmpty) => {
                (self, Fail(ExchangeFailure::ConnectionBroke))
            }
            (ReplyElsewhere, E::Deadline) => (self, Fail(ExchangeFailure::ClosedWithoutReply)),
            (Dialing, E::Reply | E::FileBegins)
            | (ReplyElsewhere, E::FileBegins | E::ClosedEmpty | E::Broken)
            | (ReceivingFile, E::FileBegins)
            | (AwaitingReply | ReplyElsewhere | ReceivingFile, E::Connected | E::DialFailed) => {
                (self, Ignore)
            }
        }
    }

    /// All phases, in the order of the table.
    pub const ALL: [Self; 4] =
        [Self::Dialing, Self::AwaitingReply, Self::ReplyElsewhere, Self::ReceivingFile];
}

impl ExchangeEvent {
    /// All events.
    pub const ALL: [Self; 7] = [
        Self::Connected,
        Self::DialFailed,
        Self::Reply,
        Self::FileBegins,
        Self::ClosedEmpty,
        Self::Broken,
        Self::Deadline,
    ];

    /// The event that the end of a connection is.
    pub(crate) fn of_ending(ending: Ending) -> Self {
        match ending {
            Ending::Clean => Self::ClosedEmpty,
            Ending::Broken => Self::Broken,
        }
    }
}

/// What an exchange is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Join,
    Leave,
    Commit(FileUuid),
    Request(RequestId),
    /// To come along to another place.
    Propose,
}

/// An outgoing exchange under way.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) target: Target,
    pub(crate) purpose: Purpose,
    pub(crate) phase: ExchangePhase,
    pub(crate) address: SocketAddr,
    pub(crate) untried: VecDeque<SocketAddr>,
}

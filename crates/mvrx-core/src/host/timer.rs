//! Every timer of a host in one enum, and the table of how long each runs.

use std::time::Duration;

use mvrx_message::StationUuid;

use super::{AskId, RelayId};
use crate::ConnId;

/// Something that is waited for no longer than a [`Timers`] entry says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// A new connection is to send JOIN.
    Join(ConnId),
    /// A connection whose station left is to send JOIN again.
    Left(ConnId),
    /// The present connection of a station is to give a sign of life.
    SignOfLife(StationUuid),
    /// A read waits for its turn on its owner's connection.
    Queue(RelayId),
    /// An owner is to answer REQUEST.
    Answer(RelayId),
    /// Our application is to make a file of its current state.
    Export(AskId),
    /// More commits of a long list are to be told to the others.
    Announce,
    /// Our stations are to be told what nobody gives any more.
    Released,
    /// Our application is to agree to a move, or the stations are to answer.
    Move,
}

/// How long each thing may take. All times are from the moment the wait begins. What moves bytes is bounded by the transport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timers {
    /// JOIN on a new connection.
    pub join: Duration,
    /// JOIN on a connection whose station left, before it is closed.
    pub left: Duration,
    /// The answer of a station's present connection, where another address joins as that station; then the newer one wins. Zero: it wins
    /// without a question.
    pub sign_of_life: Duration,
    /// The turn of a REQUEST on its owner's connection: earlier files have to come whole first.
    pub queue: Duration,
    /// The first byte of the answer to REQUEST; an application may have to export first.
    pub answer: Duration,
    /// A file of our own application's current state.
    pub export: Duration,
    /// Between two parts of many new commits that the others are told of; and from the first file that nobody gives any more until that is
    /// told, with all that go meanwhile.
    pub announce: Duration,
    /// From the start: until then it is not known which numbers those who come tell for the commits of other products, so none is given to
    /// them.
    pub first_round: Duration,
    /// One message without sense is forgiven after so long; zero: never.
    pub forgiven: Duration,
    /// Our application may take this long to say whether the stations are asked to move.
    pub consent: Duration,
    /// The stations' answers to that: longer than what one of them waits for its own application and for the new place.
    pub move_answers: Duration,
}

impl Default for Timers {
    fn default() -> Self {
        Self {
            join: Duration::from_secs(15),
            left: Duration::from_secs(600),
            sign_of_life: Duration::from_secs(2),
            queue: Duration::from_secs(600),
            answer: Duration::from_secs(60),
            export: Duration::from_secs(60),
            announce: Duration::from_millis(200),
            first_round: Duration::from_secs(10),
            forgiven: Duration::from_secs(5),
            consent: Duration::from_secs(60),
            move_answers: Duration::from_secs(120),
        }
    }
}

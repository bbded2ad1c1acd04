//! What is counted for the report.

use std::fmt;
use std::time::Duration;

/// How much happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Messages sent by our stations.
    pub messages: u64,
    /// Events our stations told.
    pub events: u64,
    /// Commits made.
    pub commits: u64,
    /// Requests made.
    pub requests: u64,
    /// Requests that ended with the file.
    pub fetched: u64,
    /// Bytes of those files.
    pub bytes: u64,
    /// Files that went on where they broke off.
    pub resumed: u64,
    /// Dials made by our stations.
    pub dials: u64,
    /// Moves that ended in another place.
    pub moves: u64,
    /// Commands of rooms that members were told.
    pub commands: u64,
    /// Commits that their authors took back.
    pub taken_back: u64,
    /// Files that stores let go.
    pub let_go: u64,
    /// Machines that crashed at a step of a move, by the step's place in [`crate::MoveStep::ALL`].
    pub struck: [u64; 6],
    /// Elected hosts that started.
    pub hosts: u64,
    /// The longest time from the death of a host to the start of its successor's, of those that were measured.
    pub takeover: Duration,
    /// Bridges that died and had another one take over.
    pub takeovers: u64,
    /// The longest time that two hosts were there which nothing kept from each other.
    pub split: Duration,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.takeovers > 0 {
            write!(f, "{} bridges taken over, ", self.takeovers)?;
        }
        if self.taken_back + self.let_go > 0 {
            write!(f, "{} commits taken back, {} files let go, ", self.taken_back, self.let_go)?;
        }
        if self.commands > 0 {
            write!(f, "{} commands of rooms, ", self.commands)?;
        }
        let Self { messages, events, commits, requests, fetched, bytes, dials, moves, .. } = self;
        if self.hosts > 0 {
            let Self { hosts, takeover, split, .. } = self;
            write!(f, "{hosts} hosts elected, takeover {takeover:?}, two hosts {split:?}, ")?;
        }
        write!(
            f,
            "{messages} messages, {dials} dials, {events} events, {commits} commits, {requests} requests, {fetched} with the file, {bytes} bytes, {moves} moves"
        )
    }
}

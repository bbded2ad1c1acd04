//! [`Limits`]: how much of a peer's message is read. Each is reached only by a peer that is broken or hostile.

/// How much one message may hold.
///
/// Whoever frames the messages has a limit of its own and stops earlier; this one guards the parser wherever bytes come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the whole JSON text. Above it: [`ParseError::MessageLargerThanLimit`](crate::ParseError).
    pub bytes: usize,
    /// Objects and arrays inside each other. Above it: [`ParseError::NestingDeeperThanLimit`](crate::ParseError).
    pub depth: usize,
    /// Entries of `Commits`. Above it: [`ParseError::MoreCommitsThanLimit`](crate::ParseError).
    pub commits: usize,
    /// Entries of a list of stations. Above it: [`ParseError::MoreStationsThanLimit`](crate::ParseError), or, inside an entry of
    /// `Commits`, that entry is dropped.
    pub stations: usize,
    /// Bytes kept of one string; the rest is cut at a character's boundary. A quirk tells.
    pub string_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 1024 * 1024, depth: 64, commits: 4_096, stations: 256, string_bytes: 4_096 }
    }
}

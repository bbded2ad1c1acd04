//! What a station is (its identity and group) and how much it may hold.

use mvrx_message::{BridgeMark, Candidate, GroupName, MvrVersion, Ours, StationUuid};

use crate::{Moves, SessionConfig, Timers};

/// Who this station is and how it behaves; given once, at the start.
#[derive(Debug, Clone)]
pub struct Config {
    /// Our StationUUID; persistent across restarts (Table 65).
    pub station: StationUuid,
    /// Our StationName, shown to people.
    pub station_name: String,
    /// The application's name, the `Provider` of JOIN (Table 68).
    pub provider: String,
    /// The newest MVR version our application reads, sent in JOIN.
    pub version: MvrVersion,
    /// The group we belong to; sightings of other groups are ignored.
    pub group: GroupName,
    /// The session of WebSocket mode to be one of; `None`: TCP mode. In a session discovery is not used, and `group` only says under which name
    /// files are kept.
    pub session: Option<SessionConfig>,
    /// Whose proposals to move (MVR_NEW_SESSION_HOST) are followed.
    pub moves: Moves,
    /// We can be elected to host a session, and say so.
    pub candidate: Option<Candidate>,
    /// We are a bridge, or stand in for a station on the other side of one, and say so to the host of a session.
    pub bridge: Option<BridgeMark>,
    /// Whether we register in discovery. A station that only looks (`ls`, `get`) does not.
    pub advertise: bool,
    /// Whether a REQUEST without FileUUID is answered by [`crate::Output::Export`]; otherwise by our newest file.
    pub exporter: bool,
    /// Whether a received file whose length differs from the FileSize announced in COMMIT is refused.
    ///
    /// Off by default: products that export afresh for each request, or keep FileSize in 32 bits, announce wrong sizes, and a
    /// package says its own length, so that a file cut short is noticed anyway. A difference is told as an event either way. A
    /// file whose announced BLAKE3 does not match is always refused.
    pub refuse_size_mismatch: bool,
    /// How much may be held.
    pub limits: Limits,
    /// How long things may take.
    pub timers: Timers,
}

impl Config {
    /// A station with default limits and timers that speaks MVR 1.6 and advertises itself.
    #[must_use]
    pub fn new(station: StationUuid, station_name: &str, provider: &str, group: GroupName) -> Self {
        Self {
            station,
            station_name: station_name.to_owned(),
            provider: provider.to_owned(),
            version: MvrVersion { major: 1, minor: 6 },
            group,
            session: None,
            moves: Moves::default(),
            candidate: None,
            bridge: None,
            advertise: true,
            exporter: false,
            refuse_size_mismatch: false,
            limits: Limits::default(),
            timers: Timers::default(),
        }
    }

    /// What we say of ourselves to our own kind.
    pub(crate) fn ours(&self) -> Ours {
        Ours::CURRENT.with_candidate(self.candidate).with_bridge(self.bridge)
    }
}

/// How much the core may hold. Each one that is reached is told by [`crate::Event::LimitReached`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Stations known at once; a new one above it takes the place of one that never answered, if there is any.
    pub stations: usize,
    /// Places sighted without a StationUUID at once.
    pub places: usize,
    /// Commits remembered of all stations together; the oldest whose file we do not hold goes first.
    pub commits: usize,
    /// What they may take in memory, about, in bytes: names and comments are as long as others make them. The oldest whose file we do not hold
    /// goes first.
    pub commit_bytes: usize,
    /// Commits waiting to be announced to one station; the oldest goes first (JOIN lists them anyway).
    pub pending_commits: usize,
    /// Outgoing connections for JOIN, LEAVE and COMMIT at once.
    pub exchanges: usize,
    /// Files fetched at once; further requests wait their turn.
    pub fetches: usize,
    /// Of them from one station, so that a slow one does not take every place.
    pub fetches_from_one: usize,
    /// Requests known at once, waiting ones included.
    pub requests: usize,
    /// How often the file of one request may break off and be gone on with before the next holder is asked.
    pub breaks: usize,
    /// Files served at once; a REQUEST above it is answered with OK:false.
    pub served: usize,
    /// Requests that wait on one connection for the file under way on it.
    pub waiting_requests: usize,
    /// Requests and answers that wait on one connection; above it the connection is closed, since replies match messages by their order.
    pub waiting_answers: usize,
    /// Incoming connections at once; further ones are closed.
    pub inbound: usize,
    /// Of them from one address that have had their answers and are kept open; with more, the one that was silent longest is closed.
    pub quiet_from_one: usize,
    /// Addresses tried for one station.
    pub addresses: usize,
    /// How far the number that a commit is told with ([`mvrx_message::Commit::order`]) may lie above the highest known: one that is
    /// higher is as good as none, so that nobody uses all numbers up. Who knows no commit yet takes any.
    pub order_reach: u64,
    /// Withdrawn commits that are remembered, at least 1; the one that was told first is forgotten, and listed again where somebody who has
    /// it never heard of that.
    pub withdrawn: usize,
    /// Files that we let go of and that not everybody was told of yet, at least 1; of more, the first are learned by asking.
    pub released: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            stations: 8_192,
            places: 1_024,
            commits: 16_384,
            commit_bytes: 32 << 20,
            pending_commits: 256,
            exchanges: 64,
            fetches: 8,
            fetches_from_one: 2,
            requests: 1_024,
            breaks: 200,
            served: 64,
            waiting_requests: 16,
            waiting_answers: 256,
            inbound: 512,
            quiet_from_one: 16,
            addresses: 16,
            order_reach: 1 << 20,
            withdrawn: 1_024,
            released: 1_024,
        }
    }
}

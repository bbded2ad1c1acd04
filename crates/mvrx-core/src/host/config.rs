//! Who the host is, how it behaves, and how much it may hold.

use mvrx_message::{GroupName, JoinRet, MvrVersion, Ours, Reply, StationUuid};

use super::{Access, Timers};
use crate::Moves;

/// Who this host is and how it behaves; given once, at the start.
#[derive(Debug, Clone)]
pub struct Config {
    /// Our StationUUID; persistent across restarts. A host is a station of its session.
    pub station: StationUuid,
    /// Our StationName, shown to people.
    pub station_name: String,
    /// The application's name, the `Provider` of JOIN_RET (Table 69).
    pub provider: String,
    /// The newest MVR version our application reads, sent in JOIN_RET.
    pub version: MvrVersion,
    /// Whether a REQUEST to us without FileUUID is answered by [`super::Output::Export`]; otherwise by the session's newest file.
    pub exporter: bool,
    /// Whether every committed file is fetched as soon as it is announced, so that it outlives its author's stay. Otherwise files are kept
    /// as they are relayed.
    pub gather: bool,
    /// Whose proposals to move the session (MVR_NEW_SESSION_HOST) are passed on to its stations.
    pub moves: Moves,
    /// This host was elected; the station beside it, which goes when it goes. Then it tells who succeeds it.
    pub elected: Option<StationUuid>,
    /// The group of TCP mode for which it was elected: told in JOIN_RET.
    pub group: Option<GroupName>,
    /// The URLs at which we are, as far as they are known: nobody is asked to move there.
    pub own_urls: Vec<String>,
    /// Who may be one of the session, and do what.
    pub access: Access,
    /// How much may be held.
    pub limits: Limits,
    /// How long things may take.
    pub timers: Timers,
}

impl Config {
    /// A host with default limits and timers that speaks MVR 1.6 and keeps all files.
    #[must_use]
    pub fn new(station: StationUuid, station_name: &str, provider: &str) -> Self {
        Self {
            station,
            station_name: station_name.to_owned(),
            provider: provider.to_owned(),
            version: MvrVersion { major: 1, minor: 6 },
            exporter: false,
            gather: true,
            moves: Moves::default(),
            elected: None,
            group: None,
            own_urls: Vec::new(),
            access: Access::default(),
            limits: Limits::default(),
            timers: Timers::default(),
        }
    }

    /// Our JOIN_RET with nothing listed: a refusal, or the answer to a second connection, which is for files alone.
    #[must_use]
    pub fn join_ret(&self, reply: Reply) -> JoinRet {
        JoinRet {
            reply,
            provider: self.provider.clone(),
            station_name: self.station_name.clone(),
            version: self.version,
            station: Some(self.station),
            commits: Vec::new(),
            ours: Some(Ours::CURRENT),
            group: self.group.clone(),
            // The driver's: it needs randomness.
            ticket: None,
            roster: None,
        }
    }
}

/// How much a host may hold. Each one that keeps something out is told by [`super::Event::LimitReached`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once, joined or not; further ones are closed.
    pub connections: usize,
    /// Stations joined at once; a JOIN above it is answered with OK:false.
    pub stations: usize,
    /// JOINs kept at once of those who join as a station that is here from another address, while that one is asked for a sign of life; of
    /// each such station one. A JOIN above it is answered with OK:false.
    pub waiting: usize,
    /// Commits remembered; the oldest whose file we do not hold goes first, then the oldest that was relayed, with its file. Those of our
    /// own application stay, so it is a bound for what others cause.
    pub commits: usize,
    /// Bytes of the commits remembered, as [`Limits::commits`]: names, comments and lists of stations count.
    pub commit_bytes: usize,
    /// Commits remembered of those that one station brought; its own oldest go first, with their files. At least one.
    pub commits_each: usize,
    /// Commits of stations that are told to the others within `Timers::announce`, whether JOIN listed them or COMMIT told them; more of them
    /// follow after it.
    pub announced_at_join: usize,
    /// REQUESTs of one connection that are not answered yet; at one more it is closed, since an answer out of order would be a wrong one.
    pub asks: usize,
    /// Files read from owners at once, waiting ones included; a REQUEST that needs one more is answered with OK:false.
    pub relays: usize,
    /// Of these, reads that only we want; of each station one at a time.
    pub gathering: usize,
    /// Reads that wait for one owner's connection; with more, the next holder is asked, and where there is none the REQUEST is answered with
    /// OK:false: busy.
    pub queued: usize,
    /// Answers that one connection owes and that did not come in time: so many are told from later ones.
    pub late: usize,
    /// Owners asked for one file before it is given up.
    pub attempts: usize,
    /// Files sent at once; further ones wait for their turn.
    pub sending: usize,
    /// Requests of our own application at once.
    pub requests: usize,
    /// Bytes that one file may have; a COMMIT of a larger one is answered with OK:false, and nothing of it is read.
    pub largest_file: u64,
    /// Bytes of relayed files kept; the oldest go first. Files of our own application do not count.
    pub kept_bytes: u64,
    /// The same of the files whose commits one station brought; its own oldest go first. A larger file is passed on to who asks, and not kept.
    pub kept_bytes_each: u64,
    /// Relayed files kept; the oldest go first.
    pub kept_files: usize,
    /// Messages without sense on one connection that are not forgiven yet (`Timers::forgiven`), before it is closed.
    pub errors: u32,
    /// As [`crate::Limits::order_reach`].
    pub order_reach: u64,
    /// As [`crate::Limits::withdrawn`].
    pub withdrawn: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1_024,
            stations: 512,
            waiting: 64,
            commits: 16_384,
            commit_bytes: 32 << 20,
            commits_each: 4_096,
            announced_at_join: 64,
            asks: 64,
            relays: 128,
            gathering: 16,
            queued: 32,
            late: 8,
            attempts: 16,
            sending: 128,
            requests: 256,
            largest_file: u64::MAX,
            kept_bytes: 64 << 30,
            kept_bytes_each: u64::MAX,
            kept_files: 8_192,
            errors: 32,
            order_reach: 1 << 20,
            withdrawn: 1_024,
        }
    }
}

impl Limits {
    /// Bytes of the longest file that is kept.
    pub(super) fn longest_kept(&self) -> u64 {
        self.kept_bytes.min(self.kept_bytes_each)
    }
}

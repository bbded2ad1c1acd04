//! One file fetched for the application, from whichever station gives it (Figure 10: the first refuses, the second has it).
//!
//! ```text
//!   Waiting ─ Turn ─► Choosing ─ Found ─► Asking ─ FileBegins ─► Receiving ─ Arrived ─► Keeping ─ Kept ─► done
//!                        ▲  │                │ Refused, Failed       │ Refused, Failed   │ │ NotKept, DamagedEverywhere
//!                        │  └─ NoneLeft ─► failed                    │ Unfit             │ ▼
//!                        └───────────────────┴───────────────────────┴───────── Damaged ─┘ failed
//!   Choosing ─ Crowded ─► Waiting
//! ```
//!
//! | phase | what is true | waited for | bounded by | then |
//! |---|---|---|---|---|
//! | `Waiting` | `Limits::fetches` others are under way, `Limits::fetches_from_one` with each holder, or no holder's address is known yet | its turn, a sighting | their ends, `Timers::holder` | failed |
//! | `Choosing` | a holder is looked for | - (never at rest) | - | - |
//! | `Asking` | REQUEST is on its way | the file or OK:false | the exchange's timers | the next holder |
//! | `Receiving` | bytes arrive | the end of the file | the transport's idle timeout | the next holder |
//! | `Keeping` | it has the length and hash that were announced | a look whether it is whole, and the store | - (local) | damaged: the next holder, unless its hash was announced; else failed, by its name |
//!
//! The bytes and their progress never enter the core: a file ends as arrived (length and hash) or failed.

use mvrx_message::{Commit, FileUuid, StationUuid};

use crate::{ConnId, RequestId, Requested, Source};

/// Where a fetch stands; see the table above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FetchPhase {
    /// Its turn has not come.
    Waiting,
    /// A holder is looked for.
    Choosing,
    /// REQUEST is on its way.
    Asking,
    /// Bytes arrive.
    Receiving,
    /// The store publishes the file.
    Keeping,
}

/// What may happen to a fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FetchEvent {
    /// A place among those under way is free.
    Turn,
    /// A holder that was not asked yet was found.
    Found,
    /// Those that have it give as many others already as one station is asked for.
    Crowded,
    /// A holder is known, but not yet where it listens.
    NotYet,
    /// Nobody is left to ask.
    NoneLeft,
    /// The holder answered OK:false.
    Refused,
    /// The holder's file begins.
    FileBegins,
    /// The holder was not reached, or the connection broke.
    Failed,
    /// The whole file is here.
    Arrived,
    /// The whole file is here, but it is not the one that was announced.
    Unfit,
    /// The store has it for good.
    Kept,
    /// The store could not keep it.
    NotKept,
    /// It was looked through and is damaged; another holder may have it whole.
    Damaged,
    /// The same, and it is what was announced by its hash: whoever has it has the same bytes.
    DamagedEverywhere,
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FetchAction {
    /// Look for a holder.
    Choose,
    /// Wait for another turn.
    Wait,
    /// Wait until discovery shows where a holder listens, a bounded time.
    Park,
    /// Ask the holder.
    Ask,
    /// Take the bytes.
    Receive,
    /// Have the store publish it.
    Keep,
    /// Put the bytes aside and look for another holder.
    PutAsideAndChoose,
    /// It is done.
    Finish,
    /// It failed.
    Fail,
    /// Not possible in this phase; nothing follows.
    Ignore,
}

impl FetchPhase {
    /// The next phase and what to do, for each phase and event.
    #[must_use]
    pub fn on(self, event: FetchEvent) -> (Self, FetchAction) {
        use FetchAction::{Ask, Choose, Fail, Finish, Ignore, Keep, Park, PutAsideAndChoose, Receive, Wait};
        use FetchEvent as E;
        use FetchPhase::{Asking, Choosing, Keeping, Receiving, Waiting};
        match (self, event) {
            (Waiting, E::Turn) => (Choosing, Choose),
            (Choosing, E::Found) => (Asking, Ask),
            (Choosing, E::Crowded) => (Waiting, Wait),
            (Choosing, E::NotYet) => (Waiting, Park),
            (Choosing, E::NoneLeft) | (Keeping, E::NotKept | E::DamagedEverywhere) => (self, Fail),
            (Asking | Receiving, E::Refused | E::Failed) => (Choosing, Choose),
            (Asking, E::FileBegins) => (Receiving, Receive),
            (Receiving, E::Arrived) => (Keeping, Keep),
            (Receiving, E::Unfit) => (Choosing, PutAsideAndChoose),
            // req: STA-25
            (Keeping, E::Damaged) => (Choosing, Choose),
            (Keeping, E::Kept) => (Keeping, Finish),
            (Waiting, _) | (Choosing, _) | (Asking, _) | (Receiving, _) | (Keeping, _) => (self, Ignore),
        }
    }

    /// All phases, in the order of the table.
    pub const ALL: [Self; 5] = [Self::Waiting, Self::Choosing, Self::Asking, Self::Receiving, Self::Keeping];
}

impl FetchEvent {
    /// All events.
    pub const ALL: [Self; 14] = [
        Self::Turn,
        Self::Found,
        Self::Crowded,
        Self::NotYet,
        Self::NoneLeft,
        Self::Refused,
        Self::FileBegins,
        Self::Failed,
        Self::Arrived,
        Self::Unfit,
        Self::Kept,
        Self::NotKept,
        Self::Damaged,
        Self::DamagedEverywhere,
    ];
}

/// A fetch under way, and everybody who waits for it.
#[derive(Debug)]
pub(crate) struct Fetch {
    pub(crate) id: RequestId,
    pub(crate) requested: Requested,
    /// The file, once it is known which one it is.
    pub(crate) file: Option<FileUuid>,
    pub(crate) source: Source,
    pub(crate) phase: FetchPhase,
    /// Requests for the same file that came while this one was under way.
    pub(crate) also: Vec<RequestId>,
    pub(crate) tried: Vec<Attempt>,
    pub(crate) asking: Option<StationUuid>,
    pub(crate) conn: Option<ConnId>,
    /// What the store is to publish the file as, decided when it has arrived.
    pub(crate) keeping: Option<Commit>,
    /// How often it broke off and could be gone on with.
    pub(crate) breaks: usize,
    /// Bytes that are kept since it broke off, until the connection's end is told.
    pub(crate) part: Option<u64>,
    /// Its hash was announced, so that all who have it have the same bytes.
    pub(crate) hash_told: bool,
    /// The request that began this fetch was cancelled; those in `also` still wait.
    pub(crate) disowned: bool,
    /// Until when a holder may still turn out to be reachable, once it was found that none is.
    pub(crate) patience: Option<std::time::Duration>,
}

impl Fetch {
    /// The requests that end with this fetch.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = RequestId> + '_ {
        (!self.disowned).then_some(self.id).into_iter().chain(self.also.iter().copied())
    }
}

/// One station that was asked, and why it did not give the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub(crate) station: StationUuid,
    pub(crate) why: String,
}

//! One read of a file from an owner, for everybody who asks and for our own store, as one declared table.
//!
//! ```text
//!   Choosing ─ Found ─► Queued ─ Turn ─► Asked ─ Begins ─► Receiving ─ ArrivedToKeep ─► Keeping ─ Kept ─► done
//!    ▲ │  ▲               │                │                │  │ └ ArrivedToPass ┐         │ NotKept
//!    │ │  └─ Failed ──────┴─ Refused ──────┴──── Failed ────┘  │                 ▼         │
//!    │ └ NoneLeft: failed    Deadline ◄──── Other ───────────┤ └ Unfit       Lingering ◄───┘     Joined, PartWrong: Queued again
//!    └──────────────────────────────────────────────────────────┘                └ Unused: thrown away
//! ```
//!
//! | phase | what is true | waited for | bounded by | then |
//! |---|---|---|---|---|
//! | `Choosing` | an owner is looked for | - (never at rest) | - | - |
//! | `Queued` | the owner's connection is answering an earlier REQUEST | its turn | `Timers::queue` | the next holder |
//! | `Asked` | REQUEST is on its way | the file or OK:false | `Timers::answer` | the next holder |
//! | `Receiving` | bytes arrive; everybody who asks reads them as they grow | the end | the transport's idle timeout | the next holder |
//! | `Keeping` | the file is whole and fits what was announced | the store | - (local) | lingers |
//! | `Lingering` | it is whole and not kept; some still read it | their ends | the transport's idle timeouts | thrown away |
//!
//! An owner that did not answer in time still owes the answer. It is asked for other files all the same, as the last choice; what it then
//! sends is passed to nobody before its length or hash told which REQUEST it answers (`Other`: an earlier one, and the wait goes on;
//! `Joined`: earlier ones and this one in one piece, so it is asked again; so it is where it went on from a part that was not of it, `PartWrong`).

use std::collections::BTreeSet;

use mvrx_message::{Commit, FileUuid, StationUuid};

use super::RelayId;
use crate::{ConnId, RequestId};

/// Where a read stands; see the table above.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RelayPhase {
    /// An owner is looked for.
    Choosing,
    /// It waits for its turn on the owner's connection.
    Queued,
    /// REQUEST is on its way.
    Asked,
    /// Bytes arrive.
    Receiving,
    /// The store publishes the file.
    Keeping,
    /// Whole, not kept, still read.
    Lingering,
}

/// What may happen to a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelayEvent {
    /// A holder that was not asked yet was found.
    Found,
    /// Nobody is left to ask.
    NoneLeft,
    /// The owner's connection is free.
    Turn,
    /// The owner answered OK:false.
    Refused,
    /// The owner's file begins.
    Begins,
    /// The owner's connection ended.
    Failed,
    /// The phase's timer rang.
    Deadline,
    /// Our own side could not take the bytes.
    FailedHere,
    /// The whole file is here and is to be kept.
    ArrivedToKeep,
    /// The whole file is here and is only for those who ask.
    ArrivedToPass,
    /// The whole file is here, but it is not the one that was announced.
    Unfit,
    /// A whole file is here, and it is the late answer to an earlier REQUEST: this one's still comes.
    Other,
    /// The whole file is here, but it went on from a part, and both are not the file.
    PartWrong,
    /// Late answers are here with this one behind them, and nothing shows where it begins.
    Joined,
    /// The store has it for good.
    Kept,
    /// The store could not keep it.
    NotKept,
    /// Nobody asks for it any more.
    Unused,
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelayAction {
    /// Nothing.
    Ignore,
    /// Wait for a turn on the owner's connection.
    Queue,
    /// Send REQUEST.
    Ask,
    /// Look for another holder.
    Choose,
    /// The same, and the owner still owes its answer.
    Abandon,
    /// Take the bytes.
    Receive,
    /// Have the store publish it.
    Keep,
    /// Leave it to those who still read it.
    Linger,
    /// Throw the bytes away and look for another holder.
    DropAndChoose,
    /// Throw the bytes away and wait on.
    DropAndWait,
    /// Throw the bytes away and ask the same owner again, which owes less now.
    DropAndQueue,
    /// It is done.
    Finish,
    /// It failed.
    Fail,
    /// Throw it away.
    Drop,
}

impl RelayPhase {
    /// The next phase and what to do, for each phase and event.
    #[must_use]
    pub fn on(self, event: RelayEvent) -> (Self, RelayAction) {
        use RelayAction as A;
        use RelayEvent as E;
        use RelayPhase::{Asked, Choosing, Keeping, Lingering, Queued, Receiving};
        match (self, event) {
            (Choosing, E::Found) => (Queued, A::Queue),
            (Choosing, E::NoneLeft) | (Receiving, E::FailedHere) => (self, A::Fail),
            (Queued, E::Turn) => (Asked, A::Ask),
            // req: HST-13
            (Queued, E::Failed | E::Deadline) | (Asked, E::Refused | E::Failed) | (Receiving, E::Failed) => {
                (Choosing, A::Choose)
            }
            (Queued, E::Unused) | (Lingering, E::Unused) => (self, A::Drop),
            (Asked, E::Begins) => (Receiving, A::Receive),
            (Asked, E::Deadline) => (Choosing, A::Abandon),
            (Receiving, E::ArrivedToKeep) => (Keeping, A::Keep),
            (Receiving, E::ArrivedToPass) | (Keeping, E::NotKept) => (Lingering, A::Linger),
            (Receiving, E::Unfit) => (Choosing, A::DropAndChoose),
            (Receiving, E::Other) => (Asked, A::DropAndWait),
            (Receiving, E::Joined | E::PartWrong) => (Queued, A::DropAndQueue),
            (Keeping, E::Kept) => (Keeping, A::Finish),
            (Choosing | Queued | Asked | Receiving | Keeping | Lingering, _) => (self, A::Ignore),
        }
    }

    /// All phases, in the order of the table.
    pub const ALL: [Self; 6] =
        [Self::Choosing, Self::Queued, Self::Asked, Self::Receiving, Self::Keeping, Self::Lingering];
}

impl RelayEvent {
    /// All events.
    pub const ALL: [Self; 17] = [
        Self::Found,
        Self::NoneLeft,
        Self::Turn,
        Self::Refused,
        Self::Begins,
        Self::Failed,
        Self::Deadline,
        Self::FailedHere,
        Self::ArrivedToKeep,
        Self::ArrivedToPass,
        Self::Unfit,
        Self::Other,
        Self::PartWrong,
        Self::Joined,
        Self::Kept,
        Self::NotKept,
        Self::Unused,
    ];
}

/// One read and who it is for. The asks that wait for it name it.
#[derive(Debug)]
pub(super) struct Relay {
    pub(super) id: RelayId,
    pub(super) file: FileUuid,
    /// What was announced when the read began: whom the file is for, also if the commit is forgotten meanwhile.
    pub(super) announced: Option<Commit>,
    pub(super) phase: RelayPhase,
    /// The connection of the owner that is asked, and whose it is.
    pub(super) owner: Option<(ConnId, StationUuid)>,
    /// The connections that were asked, in vain.
    pub(super) tried: BTreeSet<ConnId>,
    /// Who was asked and why it did not give the file, in words.
    pub(super) attempts: Vec<(StationUuid, String)>,
    /// Whom the REQUESTs named as source.
    pub(super) from: BTreeSet<StationUuid>,
    /// Requests of our own application.
    pub(super) wanted: Vec<RequestId>,
    /// It is read to be kept, whoever asks.
    pub(super) gather: bool,
    /// Bytes of it lie on our disk.
    pub(super) began: bool,
    /// What comes may be the late answer to an earlier REQUEST: nobody is sent any of it before that is known.
    pub(super) doubted: bool,
    /// What the store is to publish the file as, decided when it has arrived.
    pub(super) keeping: Option<Commit>,
}

//! One REQUEST of a station, from its arrival to its answer, as one declared table.
//!
//! ```text
//!   Seeking ── Available ──► Found ── Turn ──► Sending ─ Sent ────► done
//!    │ ▲  └──── Lost ◄─────── │ │                 │ └─── NotBegun ─► refused
//!    │ └────────────────────────┘                 │  └── Broken ───► connection closed
//!    └── Nobody ─► Hopeless ─ Turn ─► refused     └ Nobody ─► Stopping ─ Sent, NotBegun, Broken: the same
//!   Exporting: like Seeking, but the host's own application makes the file.
//! ```
//!
//! | phase | what is true | waited for | bounded by | then |
//! |---|---|---|---|---|
//! | `Seeking` | one read of the file from an owner is under way for all who ask | its beginning or its failure | the read's timers | refused |
//! | `Exporting` | our application makes a file of its current state | the file | `Timers::export` | the newest file |
//! | `Found` | the first bytes are on our disk | earlier REQUESTs of this connection; `Limits::sending` | their ends | sent |
//! | `Hopeless` | nobody gives it | earlier REQUESTs of this connection | their ends | refused |
//! | `Sending` | it goes out, as fast as it is taken and as it arrives | its end | the transport's idle timeout | connection closed |
//! | `Stopping` | the rest of it will never come | the driver | - (local) | refused, or closed if a part is out |
//!
//! There are no request ids on the wire: answers keep the order of the REQUESTs on their connection.

use mvrx_message::{FileUuid, StationUuid};

use super::{AskId, RelayId};
use crate::ConnId;

/// Where an ask stands; see the table above.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AskPhase {
    /// An owner is looked for or asked.
    Seeking,
    /// Our application makes the file.
    Exporting,
    /// It can be sent.
    Found,
    /// Nobody gives it.
    Hopeless,
    /// It goes out.
    Sending,
    /// Its sending is being stopped.
    Stopping,
}

/// What may happen to an ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskEvent {
    /// The file is there, or begins to be.
    Available,
    /// Nobody is left to give it.
    Nobody,
    /// The read broke off; another owner is looked for.
    Lost,
    /// It is this ask's turn on its connection.
    Turn,
    /// The whole file is out.
    Sent,
    /// Sending failed with nothing sent.
    NotBegun,
    /// Sending failed with a part sent.
    Broken,
    /// Whoever asked has left or is no longer connected.
    Gone,
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskAction {
    /// Nothing.
    Ignore,
    /// Send the file.
    Send,
    /// REQUEST_RET with OK:false, and the ask is over.
    Refuse,
    /// Stop sending.
    Stop,
    /// The ask is over, served.
    Finish,
    /// Close the connection: nothing else tells that the file is not whole.
    CutOff,
    /// The ask is over without an answer.
    Forget,
}

impl AskPhase {
    /// The next phase and what to do, for each phase and event.
    #[must_use]
    pub fn on(self, event: AskEvent) -> (Self, AskAction) {
        use AskAction as A;
        use AskEvent as E;
        use AskPhase::{Exporting, Found, Hopeless, Seeking, Sending, Stopping};
        match (self, event) {
            (Seeking | Exporting, E::Available) => (Found, A::Ignore),
            (Seeking | Exporting | Found, E::Nobody) => (Hopeless, A::Ignore),
            (Found, E::Lost) => (Seeking, A::Ignore),
            (Found, E::Turn) => (Sending, A::Send),
            (Hopeless, E::Turn) => (Hopeless, A::Refuse),
            (Sending, E::Nobody) => (Stopping, A::Stop),
            (Sending | Stopping, E::Sent) => (self, A::Finish),
            (Sending | Stopping, E::NotBegun) => (self, A::Refuse),
            (Sending | Stopping, E::Broken) => (self, A::CutOff),
            (_, E::Gone) => (self, A::Forget),
            // A file whose owner is lost waits where it is for the next owner's bytes.
            (Seeking | Exporting | Found | Hopeless | Sending | Stopping, _) => (self, A::Ignore),
        }
    }

    /// All phases, in the order of the table.
    pub const ALL: [Self; 6] =
        [Self::Seeking, Self::Exporting, Self::Found, Self::Hopeless, Self::Sending, Self::Stopping];
}

impl AskEvent {
    /// All events.
    pub const ALL: [Self; 8] = [
        Self::Available,
        Self::Nobody,
        Self::Lost,
        Self::Turn,
        Self::Sent,
        Self::NotBegun,
        Self::Broken,
        Self::Gone,
    ];
}

/// One REQUEST and what becomes of it.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) id: AskId,
    pub(super) conn: ConnId,
    pub(super) station: StationUuid,
    /// The file, once it is known which one it is.
    pub(super) file: Option<FileUuid>,
    /// The read it waits for or reads from; `None`: the file is in the store, or nowhere.
    pub(super) relay: Option<RelayId>,
    pub(super) phase: AskPhase,
    /// What it is told if it is refused.
    pub(super) why: String,
}

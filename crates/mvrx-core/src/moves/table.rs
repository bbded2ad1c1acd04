//! A move from one place to another as one declared table. A place is a group of TCP mode or a session of WebSocket mode.
//!
//! ```text
//!            Proposed             Agreed              Prepared           Joined            SavedToFollow
//!   Settled ──────────► Asking ──────────► Preparing ──────────► Joining ────────► Saving ───────────────► Settled, there
//!      │                  │                  ▲   │                │                │  │ SavedToLead
//!      └── Agreed ────────│──────────────────┘   │                │                │  └─► Gathering ─ Answered, Deadline ─► Settled, there
//!                         │ Refused, Deadline    │ NotPrepared,   │ NotJoined,     │ NotSaved, NotJoined,
//!                         ▼                      ▼ Deadline       ▼ Deadline       ▼ Deadline
//!                  Settled, here           Settled, here    Settled, here    Settled, here           (Left from each: here, and that is left)
//! ```
//!
//! | state | what is true | waited for | bounded by | then |
//! |---|---|---|---|---|
//! | `Settled` | in one place, or on the way into it | - | - | - |
//! | `Asking` | somebody proposed a move, and our application is to say yes or no | it | `Timers::consent` | no |
//! | `Preparing` | it is agreed; the driver reads what the store has of the new place, and opens the way there | it | `Timers::arrival` | here |
//! | `Joining` | in the old place, and joining the new one | the host's JOIN_RET, or an answer of each station seen in the group | `Timers::arrival` | here |
//! | `Saving` | in both; the driver keeps the new place for the next start | it | `Timers::keep_place` | here, and the old place is the next start's again |
//! | `Gathering` | in both; the others were asked to come along | an answer of each | `Timers::move_answers`, `Timers::host_move` | there |

/// Where a move stands; see the table above.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum MovePhase {
    /// In one place.
    #[default]
    Settled,
    /// Our application is to say whether we follow a proposal.
    Asking,
    /// The driver gathers what is needed for the new place.
    Preparing,
    /// The new place is being joined.
    Joining,
    /// The new place has us, and is being kept for the next start.
    Saving,
    /// We stand in both places and wait for what the others answer.
    Gathering,
}

/// What may happen to a move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoveEvent {
    /// Somebody proposed it, and our application is to decide.
    Proposed,
    /// It is to be done: the application or its rule says so.
    Agreed,
    /// The application does not want it.
    Refused,
    /// All is there that is needed for the new place.
    Prepared,
    /// The way there cannot be opened.
    NotPrepared,
    /// The new place has us.
    Joined,
    /// It is kept for the next start, and somebody else leads.
    SavedToFollow,
    /// It is kept for the next start, and we are to ask the others to come along.
    SavedToLead,
    /// It cannot be kept for the next start.
    NotSaved,
    /// The new place does not want us, or is not there.
    NotJoined,
    /// Everybody who was asked has answered.
    Answered,
    /// The state's timer rang.
    Deadline,
    /// The application leaves altogether.
    Left,
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoveAction {
    /// Not possible in this state; nothing follows.
    Nothing,
    /// Tell the application, and wait for its word.
    Ask,
    /// Have the driver prepare it.
    Prepare,
    /// Join the new place, beside the old one.
    Join,
    /// Have the driver keep the new place for the next start.
    Save,
    /// Ask the others to come along.
    Gather,
    /// Leave the old place; who proposed it is told that it is done.
    Switch,
    /// Leave the new place, if anything of it was joined; who proposed it is told why.
    StayHere,
    /// Say that another move is under way.
    Busy,
}

impl MovePhase {
    /// The next state and what to do, for each state and event.
    #[must_use]
    pub fn on(self, event: MoveEvent) -> (Self, MoveAction) {
        use MoveAction as A;
        use MoveEvent as E;
        use MovePhase::{Asking, Gathering, Joining, Preparing, Saving, Settled};
        match (self, event) {
            (Settled, E::Proposed) => (Asking, A::Ask),
            (Settled | Asking, E::Agreed) => (Preparing, A::Prepare),
            (Preparing, E::Prepared) => (Joining, A::Join),
            (Joining, E::Joined) => (Saving, A::Save),
            (Saving, E::SavedToLead) => (Gathering, A::Gather),
            (Saving, E::SavedToFollow) | (Gathering, E::Answered | E::Deadline) => (Settled, A::Switch),
            (Asking, E::Refused | E::Deadline | E::Left)
            | (Preparing, E::NotPrepared | E::Deadline | E::Left)
            | (Joining, E::NotJoined | E::Deadline | E::Left)
            | (Saving, E::NotSaved | E::NotJoined | E::Deadline | E::Left)
            | (Gathering, E::NotJoined | E::Left) => (Settled, A::StayHere),
            (Asking | Preparing | Joining | Saving | Gathering, E::Proposed)
            | (Preparing | Joining | Saving | Gathering, E::Agreed) => (self, A::Busy),
            (Settled, E::Refused | E::Prepared | E::NotPrepared | E::Joined | E::SavedToFollow)
            | (Settled, E::SavedToLead | E::NotSaved | E::NotJoined | E::Answered | E::Deadline | E::Left)
            | (Asking, E::Prepared | E::NotPrepared | E::Joined | E::SavedToFollow | E::SavedToLead)
            | (Asking, E::NotSaved | E::NotJoined | E::Answered)
            | (Preparing, E::Refused | E::Joined | E::SavedToFollow | E::SavedToLead | E::NotSaved)
            | (Preparing, E::NotJoined | E::Answered)
            | (Joining, E::Refused | E::Prepared | E::NotPrepared | E::SavedToFollow | E::SavedToLead)
            | (Joining, E::NotSaved | E::Answered)
            | (Saving, E::Refused | E::Prepared | E::NotPrepared | E::Joined | E::Answered)
            | (Gathering, E::Refused | E::Prepared | E::NotPrepared | E::Joined)
            | (Gathering, E::SavedToFollow | E::SavedToLead | E::NotSaved) => (self, A::Nothing),
        }
    }

    /// All states, in the order of the table.
    pub const ALL: [Self; 6] =
        [Self::Settled, Self::Asking, Self::Preparing, Self::Joining, Self::Saving, Self::Gathering];
}

impl MoveEvent {
    /// All events.
    pub const ALL: [Self; 13] = [
        Self::Proposed,
        Self::Agreed,
        Self::Refused,
        Self::Prepared,
        Self::NotPrepared,
        Self::Joined,
        Self::SavedToFollow,
        Self::SavedToLead,
        Self::NotSaved,
        Self::NotJoined,
        Self::Answered,
        Self::Deadline,
        Self::Left,
    ];
}

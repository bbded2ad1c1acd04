//! Our second connection to a host, for files, as one declared table.
//!
//! RFC 6455 lets no message between the frames of a file, so a COMMIT is only sure not to wait behind one if the file has a connection of
//! its own. A host that can have one gives a ticket in JOIN_RET.
//!
//! ```text
//!   Single ─ Ticket ─► Dialing ─ Dialed ─► Attaching ─ Accepted ─► Attached
//!     ▲                 ▲   └ DialFailed, Deadline ┐ └ Deadline, Closed ┐ └ Closed ┐
//!     │        Deadline └──────────────────────── Away ◄────────────────┴──────────┘
//!     └─ StayOver (from each); Refused (from Attaching)
//! ```
//!
//! | state | what is true | waited for | bounded by | then |
//! |---|---|---|---|---|
//! | `Single` | files go with the messages | a ticket | - | - |
//! | `Dialing` | the second connection is being made | it | `Timers::host_dial` | away |
//! | `Attaching` | JOIN with the ticket is out | JOIN_RET | `Timers::reply` | away |
//! | `Attached` | REQUESTs, their answers and files go there only | - | the transport's pings | away, when it ends |
//! | `Away` | files go with the messages until the next try | the next try | `Timers::retry` | dial |

/// Where the second connection stands; see the table above.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FilesLink {
    /// There is none.
    Single,
    /// It is being made.
    Dialing,
    /// JOIN with the ticket is out on it.
    Attaching,
    /// It is ours.
    Attached,
    /// A pause runs before the next try.
    Away,
}

/// What may happen to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FilesLinkEvent {
    /// The host gave a ticket.
    Ticket,
    /// The connection stands.
    Dialed,
    /// It could not be made.
    DialFailed,
    /// The host took the ticket.
    Accepted,
    /// The host did not take the ticket.
    Refused,
    /// It ended by itself.
    Closed,
    /// Our stay in the session is over.
    StayOver,
    /// The state's timer rang.
    Deadline,
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FilesLinkAction {
    /// Connect to the host once more.
    Dial,
    /// Send JOIN with the ticket.
    Join,
    /// Use it from now on.
    Attach,
    /// Try again after a pause.
    Pause,
    /// Close it, or give it up, and try again after a pause.
    CloseAndPause,
    /// Close it, or give it up.
    Close,
    /// Not possible in this state; nothing follows.
    Ignore,
}

impl FilesLink {
    /// The next state and what to do, for each state and event.
    #[must_use]
    pub fn on(self, event: FilesLinkEvent) -> (Self, FilesLinkAction) {
        use FilesLink::{Attached, Attaching, Away, Dialing, Single};
        use FilesLinkAction as A;
        use FilesLinkEvent as E;
        match (self, event) {
            (Single, E::Ticket) | (Away, E::Deadline) => (Dialing, A::Dial),
            (Dialing, E::Dialed) => (Attaching, A::Join),
            (Dialing, E::DialFailed | E::Closed) | (Attaching | Attached, E::Closed) => (Away, A::Pause),
            (Dialing | Attaching, E::Deadline) => (Away, A::CloseAndPause),
            (Attaching, E::Accepted) => (Attached, A::Attach),
            (Attaching, E::Refused) | (Dialing | Attaching | Attached | Away, E::StayOver) => {
                (Single, A::Close)
            }
            (Single, E::Dialed | E::DialFailed | E::Accepted | E::Refused | E::Closed)
            | (Single, E::StayOver | E::Deadline)
            | (Dialing, E::Ticket | E::Accepted | E::Refused)
            | (Attaching, E::Ticket | E::Dialed | E::DialFailed)
            | (Attached, E::Ticket | E::Dialed | E::DialFailed | E::Accepted | E::Refused | E::Deadline)
            | (Away, E::Ticket | E::Dialed | E::DialFailed | E::Accepted | E::Refused | E::Closed) => {
                (self, A::Ignore)
            }
        }
    }

    /// All states, in the order of the table.
    pub const ALL: [Self; 5] = [Self::Single, Self::Dialing, Self::Attaching, Self::Attached, Self::Away];
}

impl FilesLinkEvent {
    /// All events.
    pub const ALL: [Self; 8] = [
        Self::Ticket,
        Self::Dialed,
        Self::DialFailed,
        Self::Accepted,
        Self::Refused,
        Self::Closed,
        Self::StayOver,
        Self::Deadline,
    ];
}

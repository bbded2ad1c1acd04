//! Our stay in a session of WebSocket mode, as one declared table.
//!
//! ```text
//!   Out ─ Start ─► Dialing ─ Dialed ─► Joining ─ JoinAccepted ─► Joined ─ Leave ─► Leaving ─ LeaveAnswered ─► Out
//!                    ▲  │                │                         │                   └ Deadline, Closed ───► Out
//!           Deadline │  └ DialFailed     └ JoinRefused, Closed,    └ Closed, JoinRefused
//!                    │    Deadline         Deadline                     (put out)
//!                    └────────────── Away ◄───────────────────────────────┘
//! ```
//!
//! | state | what is true | waited for | bounded by | then |
//! |---|---|---|---|---|
//! | `Out` | not started, or left | the application | - | - |
//! | `Dialing` | the host is being connected to | the connection | `Timers::host_dial` | away |
//! | `Joining` | JOIN is out | JOIN_RET | `Timers::reply` | away |
//! | `Joined` | one of the session | - | the transport's pings | away, when the connection ends |
//! | `Away` | the host does not answer, refused us, or was lost | the next try | `Timers::retry`, some longer, some shorter by chance | dial |
//! | `Leaving` | LEAVE is out | LEAVE_RET | `Timers::departure` | out |
//!
//! Leaving before JOIN was answered closes the connection, which ends a stay as surely as LEAVE does.

/// Where our stay stands; see the table above.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stay {
    /// Not started, or left.
    Out,
    /// The host is being connected to.
    Dialing,
    /// JOIN is out.
    Joining,
    /// One of the session.
    Joined,
    /// A pause runs before the next try.
    Away,
    /// LEAVE is out.
    Leaving,
}

/// What may happen to a stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StayEvent {
    /// The application wants to be in the session, now.
    Start,
    /// The connection stands.
    Dialed,
    /// It could not be made.
    DialFailed,
    /// JOIN was answered with OK:true.
    JoinAccepted,
    /// JOIN was answered with OK:false.
    JoinRefused,
    /// The application wants to leave.
    Leave,
    /// LEAVE was answered.
    LeaveAnswered,
    /// The connection ended by itself.
    Closed,
    /// The state's timer rang.
    Deadline,
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StayAction {
    /// Connect to the host.
    Dial,
    /// Close the connection, or give it up, and connect anew.
    CloseAndDial,
    /// Send JOIN.
    Join,
    /// We are in: take over who is there and what there is, send what waited.
    Enter,
    /// The same, of a JOIN that only refreshed.
    Renew,
    /// Try again after a pause.
    Pause,
    /// Close the connection, or give it up, and try again after a pause.
    CloseAndPause,
    /// Send LEAVE.
    SayLeave,
    /// It is over.
    Depart,
    /// Close the connection, or give it up; it is over.
    CloseAndDepart,
    /// Not possible in this state; nothing follows.
    Ignore,
}

impl Stay {
    /// The next state and what to do, for each state and event.
    #[must_use]
    pub fn on(self, event: StayEvent) -> (Self, StayAction) {
        use Stay::{Away, Dialing, Joined, Joining, Leaving, Out};
        use StayAction as A;
        use StayEvent as E;
        match (self, event) {
            (Out | Away, E::Start) | (Away, E::Deadline) => (Dialing, A::Dial),
            (Leaving, E::Start) => (Dialing, A::CloseAndDial),
            (Dialing, E::Dialed) => (Joining, A::Join),
            (Dialing, E::DialFailed | E::Closed) | (Joining | Joined, E::Closed) => (Away, A::Pause),
            (Dialing | Joining, E::Deadline) | (Joining | Joined, E::JoinRefused) => (Away, A::CloseAndPause),
            (Joining, E::JoinAccepted) => (Joined, A::Enter),
            (Joined, E::JoinAccepted) => (Joined, A::Renew),
            (Joined, E::Leave) => (Leaving, A::SayLeave),
            (Dialing | Joining, E::Leave) | (Leaving, E::LeaveAnswered | E::Deadline) => {
                (Out, A::CloseAndDepart)
            }
            (Out | Away, E::Leave) | (Leaving, E::Closed) => (Out, A::Depart),
            (Out, E::Dialed | E::DialFailed | E::JoinAccepted | E::JoinRefused | E::LeaveAnswered)
            | (Out, E::Closed | E::Deadline)
            | (Dialing, E::Start | E::JoinAccepted | E::JoinRefused | E::LeaveAnswered)
            | (Joining, E::Start | E::Dialed | E::DialFailed | E::LeaveAnswered)
            | (Joined, E::Start | E::Dialed | E::DialFailed | E::LeaveAnswered | E::Deadline)
            | (Away, E::Dialed | E::DialFailed | E::JoinAccepted | E::JoinRefused)
            | (Away, E::LeaveAnswered | E::Closed)
            | (Leaving, E::Dialed | E::DialFailed | E::JoinAccepted | E::JoinRefused | E::Leave) => {
                (self, A::Ignore)
            }
        }
    }

    /// All states, in the order of the table.
    pub const ALL: [Self; 6] =
        [Self::Out, Self::Dialing, Self::Joining, Self::Joined, Self::Away, Self::Leaving];
}

impl StayEvent {
    /// All events.
    pub const ALL: [Self; 9] = [
        Self::Start,
        Self::Dialed,
        Self::DialFailed,
        Self::JoinAccepted,
        Self::JoinRefused,
        Self::Leave,
        Self::LeaveAnswered,
        Self::Closed,
        Self::Deadline,
    ];
}

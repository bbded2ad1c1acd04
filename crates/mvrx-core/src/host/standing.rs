//! What a connection to the host is, as one declared table.
//!
//! ```text
//!               Join                       Leave
//!   Unjoined ──────────► Joined ◄──┐ Join ────────► Left
//!      │                    └──────┘ (new name)      │ ▲
//!      │                    ▲────────── Join ────────┘ │
//!      └─ Attached ─► Files ──────── StationGone ──────┘
//!   Unjoined, Left: closed by Silence. Joined, Files: closed by Replaced.
//!
//!                    ContestedJoin           Join (nobody is there) ─► Joined
//!   Unjoined, Left ────────────────► Waiting ┤
//!                                            └ Outdone, UnfitJoin, Leave ─► Unjoined
//! ```
//!
//! | state | what is true | waited for | bounded by | then |
//! |---|---|---|---|---|
//! | `Unjoined` | somebody connected | JOIN | `Timers::join` | closed |
//! | `Joined` | messages of one station, and its files where it has no connection for them | - | the transport's pings | - |
//! | `Left` | it sent LEAVE, or its station is gone; only a file under way goes on | JOIN | `Timers::left` | closed |
//! | `Waiting` | its station is here from another address, where it is asked for a sign of life | that | `Timers::sign_of_life` | it is that station |
//! | `Files` | the second connection of a joined station: REQUESTs, their answers and files only | - | the transport's pings | - |

/// What a connection is; see the table above.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// Nobody joined on it yet.
    Unjoined,
    /// A station is joined on it.
    Joined,
    /// Its station has left.
    Left,
    /// A joined station moves files on it.
    Files,
    /// It is to be a station that is joined on another connection, if that one is dead.
    Waiting,
}

/// What may happen to a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StandingEvent {
    /// JOIN came, and there is room.
    Join,
    /// JOIN came that cannot be accepted.
    UnfitJoin,
    /// JOIN came of a station that is here from another address.
    ContestedJoin,
    /// The station for which it waits is somebody else.
    Outdone,
    /// The driver found that it is the second connection of a joined station.
    Attached,
    /// LEAVE came.
    Leave,
    /// COMMIT came.
    Commit,
    /// REQUEST came.
    Request,
    /// The same station has a newer connection of this kind.
    Replaced,
    /// The station of this second connection left or was lost.
    StationGone,
    /// Its timer rang.
    Silence,
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StandingAction {
    /// Nothing.
    Ignore,
    /// Its station is one of the session now.
    Admit,
    /// The name and the list are brought up to date.
    Renew,
    /// JOIN_RET with OK:false.
    RefuseJoin,
    /// The present connection of the station is asked for a sign of life.
    AskPresent,
    /// LEAVE_RET with OK:true; it waits for nothing any more.
    GiveUp,
    /// Files of the station move on it from now on.
    Attach,
    /// Its station leaves the session.
    Depart,
    /// LEAVE_RET with OK:true; nothing changes.
    AgreeAgain,
    /// The message is acted on.
    Serve,
    /// OK:false: JOIN first.
    RefuseUnjoined,
    /// OK:false: this connection is for files.
    RefuseFilesOnly,
    /// Nothing new happens on it, and it is closed unless JOIN comes.
    Retire,
    /// It is closed.
    Close,
}

impl Standing {
    /// The next state and what to do, for each state and event.
    #[must_use]
    pub fn on(self, event: StandingEvent) -> (Self, StandingAction) {
        use Standing::{Files, Joined, Left, Unjoined, Waiting};
        use StandingAction as A;
        use StandingEvent as E;
        match (self, event) {
            (Unjoined | Left | Waiting, E::Join) => (Joined, A::Admit),
            (Unjoined | Left | Joined, E::UnfitJoin) | (Joined, E::ContestedJoin) => (self, A::RefuseJoin),
            // req: HST-30
            (Unjoined | Left | Waiting, E::ContestedJoin) => (Waiting, A::AskPresent),
            (Waiting, E::UnfitJoin | E::Outdone) => (Unjoined, A::RefuseJoin),
            (Waiting, E::Leave) => (Unjoined, A::GiveUp),
            (Unjoined, E::Attached) => (Files, A::Attach),
            // req: HST-02
            (Unjoined, E::Leave | E::Commit | E::Request) | (Left | Waiting, E::Commit | E::Request) => {
                (self, A::RefuseUnjoined)
            }
            (Unjoined | Left, E::Silence) => (self, A::Close),
            (Joined, E::Join) => (Joined, A::Renew),
            (Joined, E::Leave) => (Left, A::Depart),
            (Joined, E::Commit | E::Request) | (Files, E::Request) => (self, A::Serve),
            (Joined | Files | Left, E::Replaced) => (self, A::Close),
            (Left, E::Leave) => (Left, A::AgreeAgain),
            (Files, E::Join | E::UnfitJoin | E::ContestedJoin | E::Leave | E::Commit) => {
                (Files, A::RefuseFilesOnly)
            }
            (Files, E::StationGone) => (Left, A::Retire),
            (Unjoined, E::Replaced | E::StationGone)
            | (Joined, E::Attached | E::StationGone | E::Silence)
            | (Left, E::Attached | E::StationGone)
            | (Files, E::Attached | E::Silence)
            | (Waiting, E::Attached | E::Replaced | E::StationGone | E::Silence)
            | (Unjoined | Joined | Left | Files, E::Outdone) => (self, A::Ignore),
        }
    }

    /// All states, in the order of the table.
    pub const ALL: [Self; 5] = [Self::Unjoined, Self::Joined, Self::Left, Self::Files, Self::Waiting];
}

impl StandingEvent {
    /// All events.
    pub const ALL: [Self; 11] = [
        Self::Join,
        Self::UnfitJoin,
        Self::ContestedJoin,
        Self::Outdone,
        Self::Attached,
        Self::Leave,
        Self::Commit,
        Self::Request,
        Self::Replaced,
        Self::StationGone,
        Self::Silence,
    ];
}

//! What becomes of one stand-in: from what is seen of its station on both sides to whether it stands.
//!
//! ```text
//!             Wanted              Over: Start
//! ┌────────┐ ────────► ┌─────┐ ──────────────► ┌──────────┐ ◄─── Wanted ──── ┌─────────┐
//! │ Absent │           │ Due │                 │ Standing │                  │ Waiting │
//! └────────┘ ◄──────── └─────┘                 └──────────┘ ──── Unsure ───► └─────────┘
//!      ▲     all else                           │   │   ▲                         │ │
//!      ├───────────── Elsewhere: Stop ──────────┘  Gone │ Wanted                  │ │
//!      │                                            ▼   │                         │ │
//!      │                                         ┌─────────┐ ◄─────── Gone ───────┘ │
//!      ├───────────── Elsewhere, Over: Stop ──── │ Parting │                        │
//!      │                                         └─────────┘                        │
//!      └───────────── Elsewhere, Over: Stop ────────────────────────────────────────┘
//! ```
//!
//! | state | what is true | waited for | at most, then |
//! |---|---|---|---|
//! | Absent | nobody of ours stands there | the station, on its own side | - |
//! | Due | it is to stand, unless somebody else does first | our turn among the bridges there | a few seconds, it is started |
//! | Standing | it stands | - | - |
//! | Waiting | it stands, and its own side is out of reach | its own side | the patience, it is stopped |
//! | Parting | it stands, and its station has left | the station, which may come to this side | the parting, it is stopped |

/// Where a stand-in is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum State {
    /// It is not there.
    #[default]
    Absent,
    /// It starts when our turn comes.
    Due,
    /// It stands.
    Standing,
    /// It stands, though nothing is known of its station at the moment.
    Waiting,
    /// It stands, though its station has left its own side: on the way to this one, it will be seen here in a moment.
    Parting,
}

/// What is seen of its station, or the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sight {
    /// The station is on its own side, and nobody is it on the other side.
    Wanted,
    /// It is on the other side itself, or by another bridge, or another bridge is the active one.
    Elsewhere,
    /// It is not on its own side.
    Gone,
    /// Its own side cannot be seen at the moment.
    Unsure,
    /// The wait is over.
    Over,
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Deed {
    /// Nothing.
    Nothing,
    /// Wait for our turn.
    AwaitTurn,
    /// Wait for its side as long as patience goes.
    AwaitSide,
    /// Wait no longer.
    Disarm,
    /// Start it.
    Start,
    /// Stop it.
    Stop,
}

impl State {
    /// All, for whoever walks the whole table.
    pub const ALL: [Self; 5] = [Self::Absent, Self::Due, Self::Standing, Self::Waiting, Self::Parting];

    /// The table.
    // req: BRG-05
    #[must_use]
    pub const fn on(self, sight: Sight) -> (Self, Deed) {
        match (self, sight) {
            (Self::Absent, Sight::Wanted) => (Self::Due, Deed::AwaitTurn),
            (Self::Absent, _) => (Self::Absent, Deed::Nothing),
            (Self::Due, Sight::Wanted) => (Self::Due, Deed::Nothing),
            (Self::Due, Sight::Over) => (Self::Standing, Deed::Start),
            (Self::Due, _) => (Self::Absent, Deed::Disarm),
            (Self::Standing, Sight::Wanted | Sight::Over) => (Self::Standing, Deed::Nothing),
            (Self::Standing, Sight::Unsure) => (Self::Waiting, Deed::AwaitSide),
            (Self::Waiting | Self::Parting, Sight::Wanted) => (Self::Standing, Deed::Disarm),
            (Self::Waiting, Sight::Unsure) => (Self::Waiting, Deed::Nothing),
            (Self::Standing | Self::Waiting, Sight::Gone) => (Self::Parting, Deed::AwaitSide),
            (Self::Parting, Sight::Gone | Sight::Unsure) => (Self::Parting, Deed::Nothing),
            (Self::Standing | Self::Waiting | Self::Parting, _) => (Self::Absent, Deed::Stop),
        }
    }

    /// Whether it stands on the other side.
    #[must_use]
    pub const fn stands(self) -> bool {
        matches!(self, Self::Standing | Self::Waiting | Self::Parting)
    }
}

impl Sight {
    /// All.
    pub const ALL: [Self; 5] = [Self::Wanted, Self::Elsewhere, Self::Gone, Self::Unsure, Self::Over];
}

#[cfg(test)]
mod tests;

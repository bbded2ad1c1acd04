//! What becomes of one stand-in: from what is seen of its station on both sides to whether it stands.
//!
//! ```text
//!             Wanted              Over: Start
//! ┌────────┐ ────────► ┌─────┐ ──────────────► ┌──────────┐ ◄─── Wanted ──── ┌─────────┐
//! │ Absent │           │ Due │                 │ Standing │                  │ Waiting │
//! └────────┘ ◄──────── └─────┘                 └──────────┘ ──── Unsure ───► └─────────┘
//!      ▲     all else                               │                             │
//!      └───────────── Elsewhere, Gone: Stop ────────┴─── Elsewhere, Gone, Over ───┘
//! ```
//!
//! | state | what is true | waited for | at most, then |
//! |---|---|---|---|
//! | Absent | nobody of ours stands there | the station, on its own side | - |
//! | Due | it is to stand, unless somebody else does first | our turn among the bridges there | a few seconds, it is started |
//! | Standing | it stands | - | - |
//! | Waiting | it stands, and its own side is out of reach | its own side | the patience, it is stopped |

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
    pub const ALL: [Self; 4] = [Self::Absent, Self::Due, Self::Standing, Self::Waiting];

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
            (Self::Waiting, Sight::Wanted) => (Self::Standing, Deed::Disarm),
            (Self::Waiting, Sight::Unsure) => (Self::Waiting, Deed::Nothing),
            (Self::Standing, _) | (Self::Waiting, _) => (Self::Absent, Deed::Stop),
        }
    }

    /// Whether it stands on the other side.
    #[must_use]
    pub const fn stands(self) -> bool {
        matches!(self, Self::Standing | Self::Waiting)
    }
}

impl Sight {
    /// All.
    pub const ALL: [Self; 5] = [Self::Wanted, Self::Elsewhere, Self::Gone, Self::Unsure, Self::Over];
}

#[cfg(test)]
mod tests;

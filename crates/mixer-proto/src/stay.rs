//! The chart of a client's stay in a room, as the client lives it.
//!
//! ```text
//!            ask to join          CLEAR_CONTENT            JOIN_ROOM
//!  Outside ─────────────► Asked ─────────────────► Receiving ────────► Inside ──┐
//!    ▲ ▲                  │   │ JOIN_ROOM                     content    ▲      │ ask to leave
//!    │ └──── refused ─────┘   └───────► Creating ─► Uploading ─── sent ──┘      ▼
//!    │                                    CONTENT                            Leaving
//!    └───────────────────────────────── LEAVE_ROOM ─────────────────────────────┘
//! ```
//!
//! | state | who is waited for | what bounds it |
//! |---|---|---|
//! | `Outside` | nobody | - |
//! | `Asked` | the server: history, echo or refusal | the caller's deadline |
//! | `Receiving` | the server: the rest of the history, then the echo | bytes must keep coming |
//! | `Creating` | the server: CONTENT follows the echo at once | the caller's deadline |
//! | `Uploading` | the application: it sends commands, then that they are complete | nothing; others cannot join meanwhile |
//! | `Inside` | nobody | - |
//! | `Leaving` | the server: the empty LEAVE_ROOM | the caller's deadline |
//!
//! A refusal looks like a SEND_ERROR that another client has sent to everybody, so no SEND_ERROR changes a stay. Servers answer in order: what is asked
//! after a join and answered before it says that the join was refused. Nobody who is in a room is refused to leave it. [`Stay::after`] is the whole table;
//! what it has no entry for is not expected and changes nothing.

/// What is true of a client's stay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stay {
    /// In no room.
    #[default]
    Outside,
    /// Has asked to join.
    Asked,
    /// Is being sent the history of an existing room.
    Receiving,
    /// Has created the room.
    Creating,
    /// Shall send the content of the room it created.
    Uploading,
    /// Is in the room.
    Inside,
    /// Has asked to leave.
    Leaving,
}

/// What happens to a stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StayEvent {
    /// The application asks to join.
    AskToJoin,
    /// CLEAR_CONTENT came.
    ClearContent,
    /// A room command came.
    Command,
    /// JOIN_ROOM came.
    JoinRoom,
    /// CONTENT came.
    Content,
    /// The application has sent all content.
    ContentSent,
    /// The application asks to leave.
    AskToLeave,
    /// LEAVE_ROOM came.
    LeaveRoom,
    /// SEND_ERROR came, about whatever.
    SendError,
    /// What was asked after the join was answered, and the join was not.
    Refused,
}

impl Stay {
    /// All states.
    pub const ALL: [Self; 7] = [
        Self::Outside,
        Self::Asked,
        Self::Receiving,
        Self::Creating,
        Self::Uploading,
        Self::Inside,
        Self::Leaving,
    ];

    /// What is true afterwards; `None` when the event is not expected in this state.
    // req: MIX-STAY-1
    pub const fn after(self, event: StayEvent) -> Option<Self> {
        use StayEvent as E;
        Some(match (self, event) {
            (Self::Outside, E::AskToJoin) => Self::Asked,
            // A SEND_ERROR may come at any time: some clients send them to everybody.
            (Self::Outside, E::SendError) | (Self::Asked, E::Refused) | (Self::Leaving, E::LeaveRoom) => {
                Self::Outside
            }
            (Self::Asked, E::SendError) => Self::Asked,
            (Self::Asked, E::ClearContent) => Self::Receiving,
            (Self::Receiving, E::Command | E::SendError) => Self::Receiving,
            (Self::Receiving, E::JoinRoom) => Self::Inside,
            (Self::Asked, E::JoinRoom) => Self::Creating,
            (Self::Creating, E::Content) => Self::Uploading,
            (Self::Creating, E::SendError) => Self::Creating,
            (Self::Uploading, E::Command | E::SendError) => Self::Uploading,
            (Self::Uploading, E::ContentSent) => Self::Inside,
            (Self::Inside, E::Command | E::SendError) => Self::Inside,
            (Self::Receiving | Self::Creating | Self::Uploading | Self::Inside, E::AskToLeave) => {
                Self::Leaving
            }
            // What was on its way when the client asked to leave.
            (Self::Leaving, E::Command | E::JoinRoom | E::Content | E::SendError) => Self::Leaving,
            _ => return None,
        })
    }
}

impl StayEvent {
    /// All events.
    pub const ALL: [Self; 10] = [
        Self::AskToJoin,
        Self::ClearContent,
        Self::Command,
        Self::JoinRoom,
        Self::Content,
        Self::ContentSent,
        Self::AskToLeave,
        Self::LeaveRoom,
        Self::SendError,
        Self::Refused,
    ];
}

#[cfg(test)]
mod tests {
    use super::{Stay, StayEvent};

    // proves: MIX-STAY-1
    #[test]
    fn whole_table_is_as_declared() {
        let mut table = String::new();
        for state in Stay::ALL {
            for event in StayEvent::ALL {
                let next = state.after(event).map_or("-".to_owned(), |next| format!("{next:?}"));
                table.push_str(&format!(
                    "{:<10} {:<13} {next}\n",
                    format!("{state:?}"),
                    format!("{event:?}")
                ));
            }
        }
        assert_eq!(table, include_str!("../tests/data/stay.txt"));
    }
}

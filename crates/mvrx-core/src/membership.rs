//! A peer's membership of our group, as one declared table.
//!
//! ```text
//!              JoinAccepted / JoinReceived
//!   Sighted ─────────────────────────────► Member ◄──────────┐
//!      │ ▲  ─── JoinRefused ──► Refused ─── JoinAccepted, ───┤
//!      │ └───── JoinFailed (try later)      JoinReceived     │ JoinReceived
//!      └──────────── LeaveReceived ──────► Left ─────────────┘
//!   Vanished: Sighted, Refused, Left are forgotten; a Member is asked once more and lost when it does not answer (GaveUp).
//! ```
//!
//! | state | what is true | waited for | bounded by | then |
//! |---|---|---|---|---|
//! | `Sighted` | discovery shows it, no JOIN was accepted either way | the answer to our JOIN | `Timers::reply`, `retry` | JOIN again |
//! | `Member` | it accepted our JOIN or sent its own | - | `lost_after` once discovery no longer shows it | lost |
//! | `Refused` | it answered our JOIN with OK:false | its own JOIN, or the next try | `retry` | JOIN again |
//! | `Left` | it sent LEAVE | its own JOIN only; `Asked` when we have left ourselves and come back | - | member again |
//!
//! After a LEAVE we neither JOIN nor COMMIT to a station as long as discovery shows it: TCP mode lets a station stay announced after
//! leaving. One that vanished and comes back has started anew and is joined like any other; some products LEAVE when they quit and
//! never JOIN us by themselves after a restart. When we come back to the group after a LEAVE of our own we start anew, too, and JOIN whomever
//! discovery shows: two that left at once may have each other's LEAVE.

/// Where a station stands; see the table above.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Membership {
    /// Seen by discovery, not yet joined.
    Sighted,
    /// A station of our group.
    Member,
    /// It answered our JOIN with OK:false.
    Refused,
    /// It sent LEAVE.
    Left,
}

/// What may happen to a membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MembershipEvent {
    /// Discovery shows it (again, or at another address).
    Sighted,
    /// It sent JOIN.
    JoinReceived,
    /// It sent LEAVE.
    LeaveReceived,
    /// It answered our JOIN with OK:true.
    JoinAccepted,
    /// It answered our JOIN with OK:false.
    JoinRefused,
    /// Our JOIN was not answered, or it could not be reached.
    JoinFailed,
    /// Discovery no longer shows it.
    Vanished,
    /// It vanished and did not answer any more.
    GaveUp,
    /// The operator asked for it to be joined, or for us to come back to the group.
    Asked,
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MembershipAction {
    /// Nothing.
    Nothing,
    /// Send it JOIN.
    Join,
    /// Send it JOIN unless ours was accepted a moment ago ([`crate::Timers::join_back`]).
    JoinBack,
    /// Send it JOIN after the next pause of [`crate::Timers::retry`].
    JoinLater,
    /// Ask it once more, to learn whether it is still there.
    Verify,
    /// Drop everything known of it.
    Forget,
}

impl Membership {
    /// The next state and what to do, for each state and event.
    #[must_use]
    pub fn on(self, event: MembershipEvent) -> (Self, MembershipAction) {
        use Membership::{Left, Member, Refused, Sighted};
        use MembershipAction::{Forget, Join, JoinBack, JoinLater, Nothing, Verify};
        use MembershipEvent as E;
        match (self, event) {
            (Sighted, E::Sighted | E::Asked) => (Sighted, Join),
            (Sighted | Refused, E::JoinFailed) => (self, JoinLater),
            (Sighted | Refused | Left, E::Vanished | E::GaveUp) | (Member, E::GaveUp) => (self, Forget),
            (Sighted | Refused | Member, E::JoinAccepted) => (Member, Nothing),
            (Sighted | Refused, E::JoinRefused) => (Refused, JoinLater),
            (Sighted | Refused | Left, E::JoinReceived) => (Member, Join),
            // It may have started anew since our last JOIN, and some products count us only after ours.
            (Member, E::JoinReceived) => (Member, JoinBack),
            (_, E::LeaveReceived) => (Left, Nothing),
            (Refused, E::Sighted | E::Asked) | (Member, E::Sighted | E::Asked) => (self, Join),
            // A member that refuses a refreshing JOIN has put us out.
            (Member, E::JoinRefused) => (Refused, JoinLater),
            (Member, E::JoinFailed) => (Member, JoinLater),
            (Member, E::Vanished) => (Member, Verify),
            // A reply to a JOIN that was under way when it left does not bring it back.
            // req: STA-02
            (Left, E::Sighted | E::JoinAccepted | E::JoinRefused | E::JoinFailed) => (Left, Nothing),
            (Left, E::Asked) => (Sighted, Join),
        }
    }

    /// All states, in the order of the table.
    pub const ALL: [Self; 4] = [Self::Sighted, Self::Member, Self::Refused, Self::Left];
}

impl MembershipEvent {
    /// All events.
    pub const ALL: [Self; 9] = [
        Self::Sighted,
        Self::JoinReceived,
        Self::LeaveReceived,
        Self::JoinAccepted,
        Self::JoinRefused,
        Self::JoinFailed,
        Self::Vanished,
        Self::GaveUp,
        Self::Asked,
    ];
}

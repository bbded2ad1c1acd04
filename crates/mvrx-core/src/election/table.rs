//! Where one station stands in the election of its group's host, as one declared table.
//!
//! ```text
//!             HostSeen              Joined                     Lost
//!   Looking ───────────► Joining ───────────► Member ───────────────────► Succeeding
//!     │ ▲                 │   ▲                  ▲ ▲   HostSeen, Elder ◄──┘ │ │
//!     │ └── NotJoined ────┘   │                  │ └───── Joined ───────────┘ │
//!     │ TurnCame              └──────────────────│───── HostSeen, Elder ──────┤
//!     └──────────► Starting ── Started ─► Hosting ── Yields ─► Joining        │ TurnCame
//!                   ▲  └ NotStarted ─► Looking                                │
//!                   └─────────────────────────────────────────────────────────┘   (MovedAway from each: Elsewhere;
//!                                                                                MovedIn from there: Looking;
//!                                                                                Back from Member, Strayed: Looking)
//! ```
//!
//! | state | what is true | waited for | bounded by | then |
//! |---|---|---|---|---|
//! | `Looking` | in the group; no elected host is known | one to be seen; our turn | the look, and a step for each elder | we host |
//! | `Joining` | on the way into a host's session | its answer | the move's own deadline | look, or try the next elder |
//! | `Member` | in the session of an elected host | - | - | on its loss we succeed; back in the group after all, we look anew |
//! | `Succeeding` | the host is lost; our elders are tried in turn | one of them, the host itself, our turn | the grace, and a step for each elder | we host |
//! | `Starting` | our own host starts | it | the driver | host, or look again |
//! | `Hosting` | our host runs, and our own station is one of its session | - | - | until it is ended, or yields |
//! | `Elsewhere` | a person moved this station away | the person | - | moved into a group, we look there |

/// Where a station stands; see the table above.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum ElectionPhase {
    /// No elected host is known.
    #[default]
    Looking,
    /// On the way into a host's session.
    Joining,
    /// In the session of an elected host.
    Member,
    /// The host is lost.
    Succeeding,
    /// Our own host starts.
    Starting,
    /// Our own host runs.
    Hosting,
    /// A person moved this station away.
    Elsewhere,
}

/// What may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ElectionEvent {
    /// A host is there that can be joined.
    HostSeen,
    /// An elder is to be tried.
    Elder,
    /// We are one of an elected host's session.
    Joined,
    /// We are not: it does not answer, or refuses.
    NotJoined,
    /// The same, and we are looking for the successor of a host that was lost.
    ElderSilent,
    /// The host of our session was lost.
    Lost,
    /// All elders had their time.
    TurnCame,
    /// The host was lost and nobody succeeds, us included.
    NobodyLeft,
    /// Our host runs.
    Started,
    /// Our host cannot run.
    NotStarted,
    /// Another host goes before ours.
    Yields,
    /// A person moved our station away.
    MovedAway,
    /// A person moved our station into the group whose election this is now.
    MovedIn,
    /// Our station came into the session of another group's host.
    Strayed,
    /// Our station is in its group again, as it was told.
    Back,
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ElectionAction {
    /// Not possible in this state; nothing follows.
    Nothing,
    /// Join a host's session.
    Join,
    /// Wait for a host to be seen, or for our turn.
    Look,
    /// Begin to try the elders.
    Succeed,
    /// Go on with the elders.
    Resume,
    /// Be a member.
    Stay,
    /// Start our host.
    Start,
    /// Join our own session and ask the others to come along.
    Lead,
    /// End our host, and go to the other one.
    GiveWay,
    /// Go back to the group.
    GoBack,
    /// Look as who has just come into the group, and join the host that had us at once.
    LookAnew,
    /// End our host: the person who moved us wants none here.
    End,
}

impl ElectionPhase {
    /// The next state and what to do, for each state and event.
    #[must_use]
    pub fn on(self, event: ElectionEvent) -> (Self, ElectionAction) {
        use ElectionAction as A;
        use ElectionEvent as E;
        use ElectionPhase::{Elsewhere, Hosting, Joining, Looking, Member, Starting, Succeeding};
        match (self, event) {
            (Looking | Succeeding, E::HostSeen) | (Succeeding, E::Elder) => (Joining, A::Join),
            (Looking | Succeeding, E::TurnCame) => (Starting, A::Start),
            (Looking | Joining | Succeeding | Elsewhere, E::Joined) => (Member, A::Stay),
            (Joining, E::NotJoined) => (Looking, A::Look),
            (Joining, E::ElderSilent) => (Succeeding, A::Resume),
            (Member, E::Lost) => (Succeeding, A::Succeed),
            (Succeeding, E::NobodyLeft) => (Looking, A::GoBack),
            (Starting, E::Started) => (Hosting, A::Lead),
            (Starting, E::NotStarted) => (Looking, A::GoBack),
            (Hosting, E::Yields) => (Joining, A::GiveWay),
            (Looking | Joining | Member | Succeeding, E::MovedAway) => (Elsewhere, A::Nothing),
            (Starting | Hosting, E::MovedAway) => (Elsewhere, A::End),
            (Elsewhere, E::MovedIn) => (Looking, A::Look),
            (Looking | Joining | Member | Succeeding, E::Strayed) => (Looking, A::GoBack),
            (Member, E::Back) => (Looking, A::LookAnew),
            (Starting | Hosting | Elsewhere, E::Strayed) => (self, A::Nothing),
            (Looking | Joining | Member | Succeeding | Starting | Hosting, E::MovedIn) => (self, A::Nothing),
            (Looking | Joining | Succeeding | Starting | Hosting | Elsewhere, E::Back) => (self, A::Nothing),
            (Looking, E::ElderSilent)
            | (Looking, E::Elder | E::NotJoined | E::Lost | E::NobodyLeft | E::Started | E::NotStarted)
            | (Looking, E::Yields)
            | (Joining, E::HostSeen | E::Elder | E::Lost | E::TurnCame | E::NobodyLeft)
            | (Joining, E::Started | E::NotStarted | E::Yields)
            | (Member, E::ElderSilent)
            | (Member, E::HostSeen | E::Elder | E::Joined | E::NotJoined | E::TurnCame | E::NobodyLeft)
            | (Member, E::Started | E::NotStarted | E::Yields)
            | (
                Succeeding,
                E::ElderSilent | E::NotJoined | E::Lost | E::Started | E::NotStarted | E::Yields,
            )
            | (Starting, E::ElderSilent)
            | (Starting, E::HostSeen | E::Elder | E::Joined | E::NotJoined | E::Lost | E::TurnCame)
            | (Starting, E::NobodyLeft | E::Yields)
            | (Hosting, E::ElderSilent)
            | (Hosting, E::HostSeen | E::Elder | E::Joined | E::NotJoined | E::Lost | E::TurnCame)
            | (Hosting, E::NobodyLeft | E::Started | E::NotStarted)
            | (Elsewhere, E::ElderSilent)
            | (Elsewhere, E::HostSeen | E::Elder | E::NotJoined | E::Lost | E::TurnCame | E::NobodyLeft)
            | (Elsewhere, E::Started | E::NotStarted | E::Yields | E::MovedAway) => (self, A::Nothing),
        }
    }

    /// All states, in the order of the table.
    pub const ALL: [Self; 7] = [
        Self::Looking,
        Self::Joining,
        Self::Member,
        Self::Succeeding,
        Self::Starting,
        Self::Hosting,
        Self::Elsewhere,
    ];
}

impl ElectionEvent {
    /// All events.
    pub const ALL: [Self; 15] = [
        Self::HostSeen,
        Self::Elder,
        Self::Joined,
        Self::NotJoined,
        Self::ElderSilent,
        Self::Lost,
        Self::TurnCame,
        Self::NobodyLeft,
        Self::Started,
        Self::NotStarted,
        Self::Yields,
        Self::MovedAway,
        Self::MovedIn,
        Self::Strayed,
        Self::Back,
    ];
}

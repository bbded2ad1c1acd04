//! Bugs planted on purpose.

/// A bug planted on purpose into the node around the core, to test the checkers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Planted {
    /// None.
    #[default]
    Nothing,
    /// A LEAVE is answered and forgotten.
    CommitToWhoLeft,
    /// The end of a file that breaks off is not told.
    RequestNeverEnds,
    /// Of a file that comes in several pieces the last byte is lost on the way to the disk.
    ShortFile,
    /// The host of a session keeps every fifth COMMIT to itself.
    CommitNotRelayed,
    /// The host of a session sends each COMMIT back, too.
    CommitEchoed,
    /// The host of a session forgets that it has kept a file.
    KeptForgotten,
    /// Elected hosts do not hear what others say of themselves.
    HostsDoNotAsk,
    /// That the host is lost is not told to the election.
    LossNotTold,
    /// An elected host ends where somebody of higher priority comes.
    GivesWayToPriority,
    /// A station that starts again sees no hosts.
    HostsNotSeen,
    /// A station tells the host of a session of its own commits alone.
    BringsOwnAlone,
    /// A station does not go where its election sends it.
    JoinsNobody,
    /// What the election of a station without a host waits for stays in the past.
    WokenForNothing,
    /// A bridge commits what it brings where it has it from, too.
    BroughtBack,
    /// A bridge forgets that it has fetched a file.
    FetchedForgotten,
    /// A bridge does not read who is marked.
    MarksNotRead,
    /// Stand-ins stay when they are to leave.
    StandInStays,
    /// A bridge does not see other bridges.
    OtherBridgesNotSeen,
    /// A bridge takes all bridges for present that ever were.
    DeadBridgesCount,
    /// A bridge does not offer every other file.
    OfferForgotten,
    /// A stand-in says LEAVE though its station is there, and not who says it.
    LeaveOfAnother,
    /// An elected host goes on where its own station was moved away.
    HostStays,
    /// A bridge goes on to say the host that its session had when it joined the group.
    OldHostMarked,
    /// A station numbers its commits by themselves, as if it knew of none by others.
    OthersNotCounted,
    /// A station that a person moved to another group takes no part in the election there.
    NoPartThere,
    /// A station takes what a stranger proposes for what its own people want, and needs nobody where it goes.
    ProposalsAreWishes = 30,
    /// Which files are of another group, too, is not kept.
    AlongForgotten = 31,
    /// A station does not say what it took back.
    WithdrawalNotTold = 32,
    /// A store lets a file go and does not say so to its station.
    LetGoNotNoticed = 33,
    /// A server of rooms does not hear every seventh command.
    RoomCommandLost = 40,
    /// A server of rooms says that all is on its disk, and writes nothing.
    RoomNotSaved = 41,
}

impl Planted {
    /// The bug of this number, as the program `mvrx-worlds` counts them.
    pub const fn of(number: u64) -> Self {
        match number {
            1 => Self::CommitToWhoLeft,
            2 => Self::RequestNeverEnds,
            3 => Self::ShortFile,
            4 => Self::CommitNotRelayed,
            5 => Self::CommitEchoed,
            6 => Self::KeptForgotten,
            7 => Self::HostsDoNotAsk,
            8 => Self::LossNotTold,
            9 => Self::GivesWayToPriority,
            10 => Self::HostsNotSeen,
            11 => Self::BringsOwnAlone,
            12 => Self::JoinsNobody,
            13 => Self::WokenForNothing,
            14 => Self::BroughtBack,
            15 => Self::FetchedForgotten,
            16 => Self::MarksNotRead,
            17 => Self::StandInStays,
            18 => Self::OtherBridgesNotSeen,
            19 => Self::DeadBridgesCount,
            20 => Self::OfferForgotten,
            21 => Self::LeaveOfAnother,
            22 => Self::HostStays,
            23 => Self::OldHostMarked,
            24 => Self::OthersNotCounted,
            25 => Self::NoPartThere,
            30 => Self::ProposalsAreWishes,
            31 => Self::AlongForgotten,
            32 => Self::WithdrawalNotTold,
            33 => Self::LetGoNotNoticed,
            40 => Self::RoomCommandLost,
            41 => Self::RoomNotSaved,
            _ => Self::Nothing,
        }
    }
}

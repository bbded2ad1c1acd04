//! What goes into an election and what comes out of it.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::time::Duration;

use mvrx_message::{GroupName, StationUuid, Successor};

/// Who takes part, and how long it waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ElectionConfig {
    /// Our StationUUID.
    pub station: StationUuid,
    /// The StationUUID of the host that we would start: another one, since our station is one of its session.
    pub host: StationUuid,
    /// The highest hosts.
    pub priority: u32,
    /// The group of TCP mode whose session it is; another one once a person has moved our station there ([`ElectionOutput::Group`]).
    pub group: GroupName,
    /// Discovery has this long to show who is there, before anybody hosts.
    pub look: Duration,
    /// After a host is lost it has this long to come back.
    pub grace: Duration,
    /// Each elder has so much longer than the next one.
    pub step: Duration,
    /// Two hosts that see each other have this long to hear the latest of each other.
    pub settle: Duration,
    /// A host that could not be joined is not tried again for so long.
    pub again: Duration,
    /// After this long a host that is tried, and silent, is given up.
    pub attempt: Duration,
}

impl ElectionConfig {
    /// Between a candidate and its host, who was not heard for so long is asked for a sign of life.
    pub const PING_AFTER: Duration = Duration::from_secs(1);
    /// Who gives none for so long, asked once, is lost.
    pub const PONG_WITHIN: Duration = Duration::from_secs(2);
    /// Who does not run for longer than this is lost to all others.
    pub const LOST_WITHIN: Duration = Duration::from_secs(3);
    /// A host may take this long to accept a candidate's connection, or to answer how it stands.
    pub const ATTEMPT: Duration = Duration::from_millis(1_750);

    /// With the default times: a successor hosts within 10 s if at most two of its elders went with the host, however they went.
    #[must_use]
    pub const fn new(station: StationUuid, host: StationUuid, priority: u32, group: GroupName) -> Self {
        Self {
            station,
            host,
            priority,
            group,
            look: Duration::from_secs(3),
            grace: Duration::from_millis(1_500),
            step: Duration::from_millis(2_250),
            settle: Duration::from_secs(2),
            again: Duration::from_secs(3),
            attempt: Self::ATTEMPT,
        }
    }
}

/// A host as discovery shows it, or as it says itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ElectedHost {
    /// Its StationUUID.
    pub host: StationUuid,
    /// Its priority.
    pub priority: u32,
    /// When it began, by its own clock, in seconds since 1970.
    pub since: u64,
    /// Nobody is in its session but its own station.
    pub alone: bool,
    /// Where it is.
    pub url: String,
}

impl ElectedHost {
    /// Of two hosts that see each other, the one for which this is smaller stays.
    pub(super) fn rank(&self) -> impl Ord + use<> {
        (self.alone, self.since, Reverse(self.priority), Reverse(self.host))
    }
}

/// What happens.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ElectionInput {
    /// Nothing but time.
    Tick,
    /// A candidate is seen in the group.
    StationSeen {
        /// Which.
        station: StationUuid,
        /// Its priority.
        priority: u32,
    },
    /// It is no longer seen there.
    StationGone {
        /// Which.
        station: StationUuid,
    },
    /// An elected host of the group is seen, or what is seen of it changed.
    HostSeen(ElectedHost),
    /// It is no longer seen.
    HostGone {
        /// Which.
        host: StationUuid,
    },
    /// Our station is one of an elected host's session, and this is what that host tells of its succession; also told when that changes.
    Joined {
        /// The host.
        host: StationUuid,
        /// Who comes after it.
        succession: Vec<Successor>,
        /// The group for which it was elected, where it says so.
        group: Option<GroupName>,
    },
    /// A session that was to be joined does not have us.
    NotJoined,
    /// The connection to our session's host was lost.
    Lost,
    /// Our host runs, at this URL, since this time.
    Started {
        /// Where.
        url: String,
        /// In seconds since 1970.
        since: u64,
    },
    /// It cannot run.
    NotStarted,
    /// So many stations are in the session that we host, our own not counted.
    Members(usize),
    /// What the host that was to be looked at says of itself at this moment.
    Probed {
        /// Which.
        host: StationUuid,
        /// What, at the URL at which it was asked; `None`: it is not there, or hosts no longer.
        says: Option<ElectedHost>,
    },
    /// Our host asks its session to go elsewhere, as a person wants (`true`), or everybody has answered. Also told of one that has ended but for that.
    SessionMoves(bool),
    /// A person moved our station into a session.
    MovedAway,
    /// A person moved our station into this group.
    MovedTo(GroupName),
    /// Our station is in its group again, where it was sent by [`ElectionOutput::GoBack`].
    Back,
    /// It was sent there in vain, and is in a session still.
    NotBack,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ElectionOutput {
    /// Start our host.
    Start,
    /// Move our station into the session at this URL, alone.
    Join {
        /// Where.
        url: String,
    },
    /// Move our station into our own session, and ask these to come along.
    Lead {
        /// Where.
        url: String,
        /// Whom.
        others: BTreeSet<StationUuid>,
    },
    /// Show our host to the network as it is now.
    Show(ElectedHost),
    /// Ask this host how it stands now.
    Probe {
        /// Which.
        host: StationUuid,
        /// Where.
        url: String,
    },
    /// End our host. Its stations are told that this one is their host now, if there is one.
    End {
        /// Which.
        next: Option<ElectedHost>,
    },
    /// Move our station back to its group, alone.
    GoBack,
    /// These and no others are candidates: a move that one of them leads into its own session is followed.
    Companions(BTreeSet<StationUuid>),
    /// The election is that of this group from now on: nothing that was seen before counts any more, what is seen there is told from the beginning, and
    /// what is shown is shown there.
    Group(GroupName),
    /// Whether our station follows those at the moment. One that a person moved away does not.
    TakesPart(bool),
}

//! What a bridge tells its application.

use std::fmt;

use mvrx_message::{FileUuid, StationUuid};

use crate::Side;

/// One thing worth telling a person.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum News {
    /// The session has us, or has us again.
    SessionJoined {
        /// Its host.
        host: StationUuid,
    },
    /// The session cannot be reached; it is tried again.
    SessionLost {
        /// Why, in words.
        why: String,
    },
    /// Another bridge of this group and this host is at work; this one waits.
    Waits {
        /// Which.
        bridge: StationUuid,
    },
    /// This bridge is at work.
    AtWork,
    /// A station is on the other side too from now on: the session's host has let it in, or the group is shown it.
    Appeared {
        /// Where it appeared.
        side: Side,
        /// Which.
        station: StationUuid,
        /// Its name.
        name: String,
    },
    /// A station is no longer on the other side by us.
    Disappeared {
        /// From where.
        side: Side,
        /// Which.
        station: StationUuid,
        /// Its name.
        name: String,
    },
    /// The session's host does not let a station of the group in; it is tried again, and told again when the reason is another one.
    NotLetIn {
        /// Which.
        station: StationUuid,
        /// Its name.
        name: String,
        /// The host's reason.
        why: String,
    },
    /// The session's host does not take a commit of the group.
    Refused {
        /// Which.
        file: FileUuid,
        /// Its name.
        file_name: String,
        /// Its author.
        station: StationUuid,
        /// The host's reason.
        why: String,
    },
    /// A commit is on the other side too: in the session its host has taken it, in the group it is announced.
    Carried {
        /// Where it was committed now.
        side: Side,
        /// Which.
        file: FileUuid,
        /// Its name.
        file_name: String,
        /// Its author.
        station: StationUuid,
        /// Bytes of its file.
        length: u64,
    },
    /// A file is not carried; it is tried again later.
    NotCarried {
        /// From where.
        side: Side,
        /// Which.
        file: FileUuid,
        /// Why, in words.
        why: String,
    },
    /// A file came as often as [`Limits::wrong`](crate::Limits::wrong) says, and was damaged or another one than announced each time. It is not
    /// fetched again until its author was away, or somebody asks for it.
    GivenUp {
        /// From where.
        side: Side,
        /// Which.
        file: FileUuid,
        /// What is wrong with it, in words.
        why: String,
    },
    /// A file went out of the bridge's store to make room for others. It is fetched again when somebody asks for it.
    MadeRoom {
        /// Which.
        file: FileUuid,
    },
    /// A file that went to make room can be had no more: it is listed no longer.
    Withdrawn {
        /// Where it was listed.
        side: Side,
        /// Which.
        file: FileUuid,
    },
    /// A station cannot be stood in for; it is tried again.
    NotStanding {
        /// Where.
        side: Side,
        /// Which.
        station: StationUuid,
        /// Why, in words.
        why: String,
    },
    /// There are more stations than are stood in for.
    TooManyStations {
        /// So many are, on each side.
        most: usize,
        /// Of them so many of the group that are at one address.
        each: usize,
    },
    /// Something keeps the group from being seen, or us from being seen there.
    Problem {
        /// What, in words.
        what: String,
    },
}

impl Side {
    /// Its word in what is told.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lan => "group",
            Self::Host => "session",
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

//! What the core wants done, in order.

use std::collections::VecDeque;
use std::net::SocketAddr;

use mvrx_message::{Commit, Dialect, FileUuid, GroupName, Message, SessionTarget, StationUuid};

use crate::Event;

/// One connection. The core numbers those it dials, the driver those it accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConnId {
    /// Made by [`Output::Dial`].
    Dialed(u64),
    /// Made by somebody else; numbered by the driver, each number once.
    Accepted(u64),
}

/// One request of the application; numbered by it, each number once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// One thing that discovery shows; numbered by the driver, the same number for the same thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlaceId(pub u64);

/// One thing to do. See the crate's page for what each must be answered with.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Output {
    /// Connect.
    Dial {
        /// The name of the connection to be.
        conn: ConnId,
        /// Where to.
        address: SocketAddr,
    },
    /// Connect to the host of our session, or connect to it once more.
    DialHost {
        /// The name of the connection to be.
        conn: ConnId,
        /// The session's URL, as [`crate::SessionConfig`] has it.
        url: String,
    },
    /// Write a message. If a file is on its way out on this connection, the message goes between two parts of it where the wire allows that.
    Send {
        /// On this connection.
        conn: ConnId,
        /// This message.
        message: Box<Message>,
        /// In the form that this peer reads best.
        dialect: Dialect,
    },
    /// Write a file of the store. Messages for this connection wait until it is out, where the wire has no room for them between its parts
    /// ([`crate::Core::leaves_room`]); other connections do not.
    /// [`crate::Input::FileSent`], [`crate::Input::FileFailed`] or [`crate::Input::FileUnreadable`] answers each, also where the connection is closed meanwhile.
    SendFile {
        /// On this connection.
        conn: ConnId,
        /// This file.
        file: FileUuid,
    },
    /// Take the file that begins on this connection.
    ReceiveFile {
        /// On this connection.
        conn: ConnId,
        /// For this request.
        request: RequestId,
        /// The FileSize announced for it, in bytes.
        expected: Option<u64>,
    },
    /// Look through the file that arrived for this request, and publish it if it is whole.
    KeepFile {
        /// For this request.
        request: RequestId,
        /// As this commit.
        commit: Box<Commit>,
    },
    /// Throw away what arrived for this request.
    DropFile {
        /// For this request.
        request: RequestId,
    },
    /// What arrived for this request is another file than the one announced: keep it aside for a person to look at, or throw it away.
    PutAside {
        /// For this request.
        request: RequestId,
        /// The file that it should have been.
        file: FileUuid,
        /// Who sent it.
        from: StationUuid,
        /// What is wrong with it, in words.
        what: String,
    },
    /// Make a fresh file of the application's current state and store it.
    Export {
        /// For whoever asked on this connection.
        conn: ConnId,
    },
    /// Close, after all that was to be sent on it is out. The core has forgotten the connection.
    Close {
        /// This connection.
        conn: ConnId,
    },
    /// Announce us in discovery under this name, in this group alone; replaces what was announced before. Where it cannot be done,
    /// [`crate::Input::NotAdvertised`] says so.
    Advertise {
        /// Our StationName.
        station_name: String,
        /// The group.
        group: GroupName,
    },
    /// Announce us in discovery in a second group too, beside the first, until the next `Advertise` or `Withdraw`.
    /// [`crate::Input::AdvertisedAlso`] or [`crate::Input::NotAdvertisedAlso`] answers.
    AdvertiseAlso {
        /// Our StationName.
        station_name: String,
        /// The second group.
        group: GroupName,
    },
    /// Get ready to be in another place, beside the one where we are: for a group listen, look around, and read what the store has of it.
    /// [`crate::Input::MovePrepared`] or [`crate::Input::MoveNotPrepared`] answers.
    PrepareMove {
        /// Where to.
        to: SessionTarget,
    },
    /// Keep a place for the next start: it has us, and the old one is left once this is done. [`crate::Input::PlaceSaved`] or
    /// [`crate::Input::PlaceNotSaved`] answers, unless `ForgetSavedPlace` comes before.
    SavePlace {
        /// Where the next start is to be.
        to: SessionTarget,
        /// The group that it belongs to; in a session the name under which its files are kept.
        group: GroupName,
        /// The files that come along, where they are of another group so far: kept as this one's, too, with the place.
        along: Vec<FileUuid>,
        /// Its election sends it there, or another candidate leads it: nobody chose that place for the next start, and the answer waits for
        /// no disk.
        passing: bool,
    },
    /// These files came along as well, after `SavePlace`: they are to be kept as those of this group, too.
    KeepAlong {
        /// The group.
        group: GroupName,
        /// The files.
        files: Vec<FileUuid>,
    },
    /// The move ended where it began, after `SavePlace`: the next start is where it was before. A `SavePlace` that is not answered yet is not
    /// answered any more.
    ForgetSavedPlace,
    /// Take back what is announced in discovery.
    Withdraw,
    /// A station answered at a place: it is real, discovery does not give it up to make room for others.
    Confirm {
        /// The place.
        place: PlaceId,
    },
    /// A place did not answer: discovery may want to look again.
    Suspect {
        /// The place.
        place: PlaceId,
    },
    /// The application is told.
    Event(Event),
}

/// The outputs of one step, in order. What is not taken comes first in the next step's.
#[derive(Debug)]
pub struct Outputs<'a> {
    pub(crate) queue: &'a mut VecDeque<Output>,
}

impl Iterator for Outputs<'_> {
    type Item = Output;

    fn next(&mut self) -> Option<Output> {
        self.queue.pop_front()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.queue.len(), Some(self.queue.len()))
    }
}

impl ExactSizeIterator for Outputs<'_> {}

//! What the server knows of one client.

use std::net::SocketAddr;

use super::RoomKey;
use super::attributes::{Attributes, ObjectWriter};
use super::groups::Groups;
use super::outbox::Outbox;
use crate::json::Json;

/// Names a client inside the server, from connection to disconnection; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientKey(pub(super) u64);

/// Where a client is.
///
/// ```text
/// Outside ──join new room──────────► Inside
///    │ ▲ ▲──────leave, room deleted────┘ ▲
///    │ └─leave──────────┐                │
///    └─join existing──► Downloading ─────┘ has the whole history
/// ```
/// While `Downloading`, the client is waited for: it must read. Nobody else waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Outside,
    /// Has been handed the history up to `position`.
    Downloading {
        room: RoomKey,
        position: u64,
    },
    Inside {
        room: RoomKey,
    },
}

#[derive(Debug)]
pub(super) struct Client {
    pub(super) address: SocketAddr,
    pub(super) id: String,
    pub(super) custom: Attributes,
    pub(super) password: Option<String>,
    pub(super) place: Place,
    pub(super) groups: Groups,
    /// The name of the room the client is in, as others see it.
    pub(super) room: Option<String>,
    /// Versions at which the client came, its room changed, and anything of it changed.
    pub(super) created: u64,
    pub(super) room_changed: u64,
    pub(super) touched: u64,
    /// Up to which version this client has been told of everything, and at which it was last told of all rooms and of all clients because it asked.
    pub(super) seen: u64,
    pub(super) listed_rooms: u64,
    pub(super) listed_clients: u64,
    /// Gets no updates yet: it is about to ask for the listings they would be about.
    pub(super) greeting: bool,
    pub(super) outbox: Outbox,
    /// The driver has been told that there is something to send.
    pub(super) ready: bool,
    /// Gets nothing any more; the driver has been told to close it.
    pub(super) dropped: bool,
    /// Did not get an update because too much was waiting.
    pub(super) behind: bool,
    /// The driver stopped reading from it because its room is held back.
    pub(super) paused: bool,
    pub(super) hold: Hold,
}

/// Whether the client holds back the senders of its room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Hold {
    pub(super) holding: bool,
    /// Too slow to be waited for, until it reads again.
    pub(super) lagging: bool,
    /// Bytes read since the window began, or since it lags.
    pub(super) drained: usize,
}

impl Client {
    pub(super) fn new(address: SocketAddr, version: u64, seen: u64) -> Self {
        let address = SocketAddr::new(address.ip().to_canonical(), address.port());
        Self {
            id: address.to_string(),
            address,
            custom: Attributes::default(),
            password: None,
            place: Place::Outside,
            groups: Groups::default(),
            room: None,
            created: version,
            room_changed: version,
            touched: version,
            seen,
            listed_rooms: 0,
            listed_clients: 0,
            greeting: true,
            outbox: Outbox::default(),
            ready: false,
            dropped: false,
            behind: false,
            paused: false,
            hold: Hold::default(),
        }
    }

    /// What everything counts that it has set.
    pub(super) fn attribute_bytes(&self) -> usize {
        self.custom.bytes() + super::access::password_bytes(self.password.as_deref())
    }

    /// Whether it may believe that what came at version `created` is there: it was told so by an update, or by the last listing, of version `listed`.
    pub(super) fn knows_of(&self, created: u64, listed: u64) -> bool {
        listed >= created || (self.seen >= created && !self.greeting)
    }

    pub(super) fn user_name(&self) -> Option<String> {
        self.custom.find("user_name").and_then(Json::as_str).map(str::to_owned)
    }

    /// Writes the attributes that changed after `since`: all of them when the client came after it.
    pub(super) fn write_since(&self, since: u64, out: &mut ObjectWriter) {
        let full = self.created > since;
        for (key, value) in self.custom.changed_since(since) {
            out.value(key, value);
        }
        if full {
            out.field("id", &Json::from(self.id.as_str()));
            out.field("ip", &Json::from(self.address.ip().to_string().as_str()));
            out.field("port", &Json::from(i64::from(self.address.port())));
        }
        if full || self.room_changed > since {
            out.field("room", &self.room.as_deref().map_or(Json::Null, Json::from));
        }
    }
}

/// Attributes only the server sets.
// req: MIX-ROW-9
pub(super) const RESERVED: [&str; 4] = ["id", "ip", "port", "room"];

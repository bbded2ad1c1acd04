//! What the server knows of one room.

use super::ClientKey;
use super::access::{FORWARD_UNKNOWN, Lock};
use super::attributes::{Attributes, ObjectWriter};
use super::history::History;
use crate::json::Json;
use crate::message::JoinRoom;

/// Names a room inside the server; never used twice, also when a room of the same name comes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomKey(pub(super) u64);

#[derive(Debug)]
pub(super) struct Room {
    pub(super) name: String,
    pub(super) custom: Attributes,
    pub(super) lock: Lock,
    pub(super) keep_open: bool,
    pub(super) blender_version: String,
    pub(super) mixer_version: String,
    pub(super) ignore_version_check: bool,
    pub(super) generic_protocol: bool,
    pub(super) joinable: bool,
    pub(super) history: History,
    pub(super) members: Vec<ClientKey>,
    /// Clients that are being handed the history.
    pub(super) joiners: Vec<ClientKey>,
    /// How many members hold back the senders.
    pub(super) holders: usize,
    /// The ticket of the last stored command.
    pub(super) ticket: u64,
    /// Versions at which the room came, parts of it changed, and anything of it changed.
    pub(super) created: u64,
    /// Version since which all of it is new to everybody: when it came, or was begun anew.
    pub(super) renewed: u64,
    pub(super) keep_open_changed: u64,
    pub(super) joinable_changed: u64,
    pub(super) byte_size_changed: u64,
    pub(super) command_count_changed: u64,
    pub(super) touched: u64,
}

impl Room {
    pub(super) fn new(join: JoinRoom, version: u64) -> Self {
        Self {
            name: join.room,
            custom: Attributes::default(),
            lock: Lock::default(),
            keep_open: false,
            blender_version: join.blender_version,
            mixer_version: join.mixer_version,
            ignore_version_check: join.ignore_version_check,
            generic_protocol: join.generic_protocol,
            joinable: false,
            history: History::default(),
            members: Vec::new(),
            joiners: Vec::new(),
            holders: 0,
            ticket: 0,
            created: version,
            renewed: version,
            keep_open_changed: version,
            joinable_changed: version,
            byte_size_changed: version,
            command_count_changed: version,
            touched: version,
        }
    }

    /// What everything counts that clients have set.
    pub(super) fn attribute_bytes(&self) -> usize {
        self.custom.bytes() + self.lock.bytes()
    }

    /// Nobody is in it or on the way into it.
    pub(super) fn is_deserted(&self) -> bool {
        self.members.is_empty() && self.joiners.is_empty()
    }

    /// Whether it wants commands of unknown types, when they come and when its history is handed out.
    pub(super) fn forwards_unknown(&self) -> bool {
        self.custom.find(FORWARD_UNKNOWN).and_then(Json::as_bool).unwrap_or(false)
    }

    /// Writes the attributes that changed after `since`: all of them when the room came after it.
    // req: MIX-ROW-10, MIX-ROW-12
    pub(super) fn write_since(&self, since: u64, out: &mut ObjectWriter) {
        let count = Json::from(self.history.command_count());
        let size = Json::from(self.history.byte_size());
        for (key, value) in self.custom.changed_since(since) {
            out.value(key, value);
        }
        if self.renewed > since {
            out.field("name", &Json::from(self.name.as_str()));
            out.field("keep_open", &Json::from(self.keep_open));
            out.field("blender_version", &Json::from(self.blender_version.as_str()));
            out.field("mixer_version", &Json::from(self.mixer_version.as_str()));
            out.field("ignore_version_check", &Json::from(self.ignore_version_check));
            out.field("generic_protocol", &Json::from(self.generic_protocol));
            out.field("command_count", &count);
            out.field("byte_size", &size);
            out.field("joinable", &Json::from(self.joinable));
            return;
        }
        if self.keep_open_changed > since {
            out.field("keep_open", &Json::from(self.keep_open));
        }
        if self.joinable_changed > since {
            out.field("joinable", &Json::from(self.joinable));
        }
        if self.byte_size_changed > since {
            out.field("byte_size", &size);
        }
        if self.command_count_changed > since {
            out.field("command_count", &count);
        }
    }

    /// All attributes as one JSON object, to be stored: the lock is among them.
    pub(super) fn attributes_text(&self) -> String {
        let mut out = ObjectWriter::start();
        self.write_since(0, &mut out);
        self.lock.write(&mut out);
        out.finish()
    }
}

/// Attributes only the server sets.
// req: MIX-ROW-9
pub(super) const RESERVED: [&str; 10] = [
    "name",
    "keep_open",
    "blender_version",
    "mixer_version",
    "ignore_version_check",
    "generic_protocol",
    "command_count",
    "byte_size",
    "joinable",
    super::access::LOCKED,
];

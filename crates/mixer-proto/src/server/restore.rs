//! Rooms that come back from disk, and what a driver writes there.

use bytes::Bytes;
use thiserror::Error;

use super::access::Lock;
use super::groups::{ends, open_behind};
use super::requests::without;
use super::{ALLOW, Keeping, PASSWORD, RoomKey, RoomServer, room};
use crate::json::{Json, Object};
use crate::message::JoinRoom;

/// A room's attributes and commands.
#[derive(Clone, Debug, PartialEq)]
pub struct RoomContent {
    /// Its name.
    pub name: String,
    /// All attributes, the server's own and those that are never shown among them.
    pub attributes: Object,
    /// Its commands: whole frames, shared with the room.
    pub commands: Vec<Bytes>,
}

/// Why a room does not come back.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// There is a room of this name.
    #[error("room {name} exists already")]
    RoomExists {
        /// The name.
        name: String,
    },
}

impl RoomServer {
    /// Takes a room back, empty of clients and kept open, whether it was before or not: its members lost it without
    /// leaving it, so the next one that looks at it must not end it. Nothing is stored again.
    ///
    /// A room whose content was not complete (its attribute `joinable` is false) comes back without it and is not joinable: nobody was ever shown it, and
    /// its sender is gone. The next client that joins begins it anew.
    ///
    /// A room that the operator locked by name has the operator's password, and the list of networks that was stored. What was once accepted is taken back
    /// even if a limit has shrunk.
    ///
    /// # Errors
    /// When there is a room of this name.
    // req: MIX-KEEP-2, MIX-KEEP-9, MIX-KEEP-13
    pub fn restore(&mut self, content: RoomContent) -> Result<RoomKey, RestoreError> {
        if self.room_names.contains_key(&content.name) {
            return Err(RestoreError::RoomExists { name: content.name });
        }
        let text =
            |key: &str| content.attributes.find(key).and_then(Json::as_str).unwrap_or_default().to_owned();
        let flag = |key: &str| content.attributes.find(key).and_then(Json::as_bool).unwrap_or(false);
        let join = JoinRoom {
            blender_version: text("blender_version"),
            mixer_version: text("mixer_version"),
            ignore_version_check: flag("ignore_version_check"),
            generic_protocol: flag("generic_protocol"),
            room: content.name.clone(),
        };
        let keeping = std::mem::replace(&mut self.keeping, Keeping::Nothing);
        let key = self.add_room(join);
        self.keeping = keeping;
        let version = self.new_version();
        let complete = content.attributes.find("joinable").and_then(Json::as_bool).unwrap_or(true);
        if let Some(room) = self.rooms.get_mut(&key) {
            let lock = Lock::of_operator(self.locked_names.get(&content.name));
            // The server wrote these itself; broken ones lock nobody out.
            room.lock = lock.changed(&content.attributes).unwrap_or(lock);
            let public = without(content.attributes, &[&room::RESERVED[..], &[PASSWORD, ALLOW]]);
            let _ = room.custom.update(public, version, usize::MAX);
            self.attribute_bytes += room.attribute_bytes();
            room.keep_open = true;
            room.joinable = complete;
            let mut groups = 0;
            // One after the other, lest what is copied is there twice.
            for commands in content.commands.into_iter().filter(|_| complete) {
                groups = open_behind(&commands, groups);
                room.history.append(&commands, true, |_| {});
            }
            // Who began them is gone.
            // req: MIX-CMD-7
            room.history.append(&ends(groups, &mut self.ids), true, |_| {});
            self.stored_bytes += room.history.byte_size();
        }
        self.show_lock(key);
        Ok(key)
    }

    /// A room as it stands; its commands are shared, not copied.
    pub fn content(&mut self, key: RoomKey) -> Option<RoomContent> {
        let room = self.rooms.get_mut(&key)?;
        let attributes = match Json::parse(&room.attributes_text()) {
            Ok(Json::Object(attributes)) => attributes,
            _ => Object::new(),
        };
        Some(RoomContent { name: room.name.clone(), attributes, commands: room.history.pieces() })
    }

    /// The keys of all rooms, oldest first.
    pub fn rooms(&self) -> Vec<RoomKey> {
        self.rooms.keys().copied().collect()
    }
}

//! Control messages from clients.

use std::time::Duration;

use super::access::{ALLOW, FORWARD_UNKNOWN, PASSWORD, password_bytes, password_in};
use super::attributes::{Attributes, ObjectWriter};
use super::client::Place;
use super::{ClientKey, Output, RoomKey, RoomServer, StoreOp, client, room};
use crate::code::control;
use crate::frame;
use crate::json::{Json, Object};
use crate::message::{ClientMessage, DecodeClientMessageError, ServerMessage};
use crate::primitive::put_string;

impl RoomServer {
    /// One control message; what cannot be done is answered with SEND_ERROR.
    pub(super) fn request(&mut self, now: Duration, key: ClientKey, code: u16, payload: &[u8]) {
        // req: MIX-LIMIT-4
        let (length, allowed) = (payload.len(), self.limits.attribute_bytes + self.limits.name_bytes + HEAD);
        if length > allowed {
            return self
                .send_error(key, &format!("a request of {length} bytes is longer than {allowed} bytes"));
        }
        let message = match ClientMessage::decode(code, payload) {
            Ok(message) => message,
            Err(DecodeClientMessageError::TypeNotFromClient { code }) if IGNORED.contains(&code) => return,
            // Malformed messages, too, are answered: an existing client writes JSON that its locale breaks.
            // req: MIX-CASE-7
            Err(error) => return self.send_error(key, &error.to_string()),
        };
        let quiet = matches!(
            message,
            ClientMessage::SetClientCustomAttributes { .. } | ClientMessage::SetClientName { .. }
        );
        let before = self.updates.version();
        if let Err(text) = self.perform(now, key, message) {
            self.send_error(key, &text);
        }
        // The client sees what its request changed before the answer to its next one.
        if !quiet && self.updates.version() != before && self.updates.is_prompt() {
            self.send_updates_to(key);
        }
    }

    fn perform(&mut self, now: Duration, key: ClientKey, message: ClientMessage) -> Result<(), String> {
        match message {
            ClientMessage::JoinRoom(join) => self.join(now, key, join),
            ClientMessage::LeaveRoom { .. } => self.leave(now, key),
            ClientMessage::ListRooms => {
                self.list_rooms(key);
                Ok(())
            }
            ClientMessage::Content => self.content_sent(key),
            ClientMessage::DeleteRoom { room } => self.delete_room(key, &room),
            ClientMessage::SetClientName { name } => {
                let attributes = [("user_name".into(), Json::from(name.as_str()))].into_iter().collect();
                self.set_client_attributes(key, attributes)
            }
            ClientMessage::SendError { text } => self.send_error_to_all(&text),
            ClientMessage::ListClients => {
                self.list_clients(key);
                Ok(())
            }
            ClientMessage::SetClientCustomAttributes { attributes } => {
                self.set_client_attributes(key, attributes)
            }
            ClientMessage::SetRoomCustomAttributes { room, attributes } => {
                self.set_room_attributes(key, &room, attributes)
            }
            ClientMessage::SetRoomKeepOpen { room, keep_open } => self.set_keep_open(key, &room, keep_open),
            ClientMessage::ClientId => {
                let id = self.clients.get(&key).map(|client| client.id.clone()).unwrap_or_default();
                // req: MIX-ROW-5
                self.say(key, &ServerMessage::ClientId { id });
                Ok(())
            }
        }
    }

    fn list_rooms(&mut self, key: ClientKey) {
        let mut rooms = ObjectWriter::start();
        for room in self.rooms.values() {
            rooms.open(&room.name);
            room.write_since(0, &mut rooms);
            rooms.close();
        }
        let version = self.updates.version();
        if let Some(client) = self.clients.get_mut(&key) {
            client.listed_rooms = version;
        }
        self.say_text(key, control::LIST_ROOMS, &rooms.finish());
        self.end_greeting_when_listed(key);
    }

    fn list_clients(&mut self, key: ClientKey) {
        let mut clients = ObjectWriter::start();
        for client in self.clients.values().filter(|client| !client.dropped) {
            clients.open(&client.id);
            client.write_since(0, &mut clients);
            clients.close();
        }
        self.say_text(key, control::LIST_CLIENTS, &clients.finish());
        let version = self.updates.version();
        if let Some(client) = self.clients.get_mut(&key) {
            client.listed_clients = version;
        }
        self.end_greeting_when_listed(key);
    }

    fn end_greeting_when_listed(&mut self, key: ClientKey) {
        if self.clients.get(&key).is_some_and(|client| client.listed_clients > 0 && client.listed_rooms > 0) {
            self.end_greeting(key);
        }
    }

    // req: MIX-LIFE-2, MIX-CASE-3
    fn content_sent(&mut self, key: ClientKey) -> Result<(), String> {
        let place = self.clients.get(&key).map(|client| client.place);
        let Some(Place::Inside { room: room_key }) = place else {
            return Err("CONTENT comes from a client that is in no room".to_owned());
        };
        let version = self.new_version();
        let Some(room) = self.rooms.get_mut(&room_key) else { return Ok(()) };
        if room.joinable {
            return Err(format!("CONTENT came before: room {} is joinable already", room.name));
        }
        room.joinable = true;
        room.joinable_changed = version;
        self.room_touched(room_key, version, true);
        // At once: whoever joins now must find the room joinable again after a restart, and waits for this ticket.
        // req: MIX-KEEP-13
        self.store_attributes(room_key);
        self.store_changed_attributes();
        Ok(())
    }

    // req: MIX-ROW-7
    fn delete_room(&mut self, key: ClientKey, name: &str) -> Result<(), String> {
        let room_key = self.find_room(key, name)?;
        let Some(room) = self.rooms.get(&room_key) else { return Ok(()) };
        if !room.is_deserted() {
            let inside = room.members.len() + room.joiners.len();
            return Err(format!("room {name} is not empty: {inside} clients are in it"));
        }
        self.end_room(room_key);
        Ok(())
    }

    /// The room a request is about, provided the client may change it.
    // req: MIX-ROW-8, MIX-CASE-4
    fn find_room(&self, key: ClientKey, name: &str) -> Result<RoomKey, String> {
        let room_key = *self.room_names.get(name).ok_or_else(|| format!("room {name} does not exist"))?;
        if self.may_change(key, room_key) {
            return Ok(room_key);
        }
        Err(format!("room {name} is locked, and this client is not in it"))
    }

    /// A locked room is changed only by its members and by those who could enter.
    fn may_change(&self, key: ClientKey, room_key: RoomKey) -> bool {
        let (Some(client), Some(room)) = (self.clients.get(&key), self.rooms.get(&room_key)) else {
            return false;
        };
        room.members.contains(&key) || room.lock.admits(client.address.ip(), client.password.as_deref())
    }

    // req: MIX-ROW-9, MIX-ROW-17
    fn set_client_attributes(&mut self, key: ClientKey, attributes: Object) -> Result<(), String> {
        let version = self.new_version();
        let spare = self.spare_attribute_bytes();
        let Some(client) = self.clients.get_mut(&key) else { return Ok(()) };
        let before = client.attribute_bytes();
        let allowed = self.limits.attribute_bytes.min(before + spare);
        let password = match attributes.find(PASSWORD) {
            Some(password) => password_in(password)?,
            None => client.password.clone(),
        };
        let public = without(attributes, &[&client::RESERVED[..], &[PASSWORD]]);
        let changed =
            update_beside(&mut client.custom, public, version, password_bytes(password.as_deref()), allowed)?;
        client.password = password;
        self.attribute_bytes += client.attribute_bytes();
        self.attribute_bytes -= before;
        if changed {
            self.client_touched(key, version, false);
        }
        Ok(())
    }

    // req: MIX-ROW-9, MIX-ACCESS-1
    fn set_room_attributes(&mut self, key: ClientKey, name: &str, attributes: Object) -> Result<(), String> {
        let room_key = self.find_room(key, name)?;
        let version = self.new_version();
        let spare = self.spare_attribute_bytes();
        let Some(room) = self.rooms.get_mut(&room_key) else { return Ok(()) };
        let before = room.attribute_bytes();
        let allowed = self.limits.attribute_bytes.min(before + spare);
        // Forwarded, they make Python clients go.
        // req: MIX-ACCESS-3
        if attributes.find(FORWARD_UNKNOWN).is_some() && !room.members.contains(&key) {
            return Err(format!("only a member decides on the unknown messages of room {name}"));
        }
        let mut lock = None;
        if attributes.find(PASSWORD).is_some() || attributes.find(ALLOW).is_some() {
            if !room.members.contains(&key) {
                return Err(format!("only a member locks or unlocks room {name}"));
            }
            // req: MIX-ACCESS-2
            if attributes.find(PASSWORD).is_some() && room.lock.is_operators() {
                return Err(format!("the password of room {name} is the operator's; no client changes it"));
            }
            lock = Some(room.lock.changed(&attributes)?).filter(|lock| *lock != room.lock);
        }
        let public = without(attributes, &[&room::RESERVED[..], &[PASSWORD, ALLOW]]);
        let hidden = lock.as_ref().unwrap_or(&room.lock).bytes();
        let changed = update_beside(&mut room.custom, public, version, hidden, allowed)?;
        let locked_anew = lock.is_some();
        room.lock = lock.unwrap_or_else(|| std::mem::take(&mut room.lock));
        self.attribute_bytes += room.attribute_bytes();
        self.attribute_bytes -= before;
        if changed {
            self.room_touched(room_key, version, false);
        }
        if changed || locked_anew {
            self.show_lock(room_key);
            self.store_attributes(room_key);
        }
        Ok(())
    }

    // req: MIX-CASE-4
    fn set_keep_open(&mut self, key: ClientKey, name: &str, keep_open: bool) -> Result<(), String> {
        let room_key = self.find_room(key, name)?;
        let version = self.new_version();
        let Some(room) = self.rooms.get_mut(&room_key) else { return Ok(()) };
        if room.keep_open != keep_open {
            room.keep_open = keep_open;
            room.keep_open_changed = version;
            self.room_touched(room_key, version, true);
            self.store_attributes(room_key);
        }
        Ok(())
    }

    /// The attributes have changed. They are stored as a whole, so at the end of the round will do for all changes of it.
    // req: MIX-KEEP-11
    fn store_attributes(&mut self, key: RoomKey) {
        if self.keeping != super::Keeping::Nothing {
            self.unstored.insert(key);
        }
    }

    pub(super) fn store_changed_attributes(&mut self) {
        for key in std::mem::take(&mut self.unstored) {
            if let Some(room) = self.rooms.get_mut(&key) {
                self.last_ticket += 1;
                room.ticket = self.last_ticket;
                let (attributes, ticket) = (room.attributes_text(), room.ticket);
                self.outputs.push_back(Output::Store(StoreOp::Attributes { room: key, attributes, ticket }));
            }
        }
    }

    // req: MIX-LIMIT-5
    fn spare_attribute_bytes(&self) -> usize {
        self.limits.all_attribute_bytes.saturating_sub(self.attribute_bytes)
    }

    /// A client's SEND_ERROR goes to everybody, itself included; except to those for whom so much waits that one client's words could make them be dropped.
    // req: MIX-ROW-16, MIX-LIMIT-4
    fn send_error_to_all(&mut self, text: &str) -> Result<(), String> {
        let (length, allowed) = (text.len(), self.limits.error_bytes);
        if length > allowed {
            return Err(format!("an error text of {length} bytes is longer than {allowed} bytes"));
        }
        let bytes = ServerMessage::SendError { text: text.to_owned() }.encode(self.ids.next_id());
        let bytes = self.waiting.counted(bytes);
        let reading =
            self.clients.iter().filter(|(_, client)| client.outbox.queued() <= self.limits.hold_bytes);
        let reading: Vec<ClientKey> = reading.map(|(key, _)| *key).collect();
        for key in reading {
            self.send(key, bytes.clone());
        }
        Ok(())
    }

    pub(super) fn send_error(&mut self, key: ClientKey, text: &str) {
        self.metrics.errors_sent += 1;
        self.say(key, &ServerMessage::SendError { text: text.to_owned() });
    }

    pub(super) fn say(&mut self, key: ClientKey, message: &ServerMessage) {
        let bytes = self.waiting.counted(message.encode(self.ids.next_id()));
        self.send(key, bytes);
    }

    fn say_text(&mut self, key: ClientKey, code: u16, text: &str) {
        let mut payload = Vec::with_capacity(text.len() + 4);
        put_string(&mut payload, text);
        let bytes = self.waiting.counted(frame::encode(code, self.ids.next_id(), &payload));
        self.send(key, bytes);
    }
}

/// Takes over what differs, when it and the `hidden` bytes beside it are not more than allowed; else changes nothing.
// req: MIX-LIMIT-5
fn update_beside(
    custom: &mut Attributes,
    changes: Object,
    version: u64,
    hidden: usize,
    allowed: usize,
) -> Result<bool, String> {
    let too_many = |bytes: usize| format!("attributes of {bytes} bytes are more than {allowed} bytes");
    let rest = allowed.checked_sub(hidden).ok_or_else(|| too_many(custom.bytes() + hidden))?;
    custom.update(changes, version, rest).map_err(|error| too_many(error.bytes + hidden))
}

pub(super) fn without(attributes: Object, keys: &[&[&str]]) -> Object {
    attributes
        .into_iter()
        .filter(|(key, _)| !keys.iter().any(|keys| keys.iter().any(|name| *key == *name)))
        .collect()
}

/// What a request may need besides a name and attributes.
const HEAD: usize = 4 << 10;

/// Types the reference ignores when a client sends them.
const IGNORED: [u16; 5] = [
    control::CLEAR_CONTENT,
    control::CLIENT_UPDATE,
    control::ROOM_UPDATE,
    control::ROOM_DELETED,
    control::CLIENT_DISCONNECTED,
];

//! Entering and leaving rooms, and the end of rooms.
//!
//! The orders of messages, per recipient:
//!
//! | what | to the client | to everybody |
//! |---|---|---|
//! | new room | JOIN_ROOM, CONTENT | ROOM_UPDATE (all), CLIENT_UPDATE (room) |
//! | content sent | | ROOM_UPDATE (joinable) |
//! | existing room | CLEAR_CONTENT, pending updates, history, JOIN_ROOM | CLIENT_UPDATE (room) |
//! | leaving | LEAVE_ROOM | CLIENT_UPDATE (room null), ROOM_DELETED if it was the last |
//! | disconnected | | the same, then CLIENT_DISCONNECTED |

use std::time::Duration;

use bytes::Bytes;

use super::access::Lock;
use super::attributes::ObjectWriter;
use super::client::{Client, Place};
use super::history::{History, known_in};
use super::room::Room;
use super::{ClientKey, Keeping, Output, RoomKey, RoomServer, StoreOp};
use crate::code::control;
use crate::frame;
use crate::json::{Json, Object};
use crate::message::{JoinRoom, ServerMessage};
use crate::primitive::put_string;

impl RoomServer {
    // req: MIX-ROW-11, MIX-CASE-6
    pub(super) fn join(&mut self, now: Duration, key: ClientKey, join: JoinRoom) -> Result<(), String> {
        let Some(client) = self.clients.get(&key) else { return Ok(()) };
        if client.place != Place::Outside {
            return Err(format!("{} has joined a room already and leaves it first", client.id));
        }
        if join.room.is_empty() {
            return Err("a room needs a name".to_owned());
        }
        let (length, allowed) = (join.room.len(), self.limits.name_bytes);
        if length > allowed {
            return Err(format!("a room name of {length} bytes is longer than {allowed} bytes"));
        }
        // req: MIX-LIMIT-8
        for (what, version) in [("blender", &join.blender_version), ("mixer", &join.mixer_version)] {
            let length = version.len();
            if length > allowed {
                return Err(format!("a {what} version of {length} bytes is longer than {allowed} bytes"));
            }
        }
        match self.room_names.get(&join.room) {
            None => self.create(key, join),
            Some(room) => self.join_existing(now, key, *room, join),
        }
    }

    // req: MIX-LIFE-1, MIX-ROW-13
    fn create(&mut self, key: ClientKey, join: JoinRoom) -> Result<(), String> {
        let (rooms, allowed) = (self.rooms.len(), self.limits.rooms);
        if rooms >= allowed {
            return Err(format!("no further room: {rooms} exist and {allowed} are allowed"));
        }
        let lock = Lock::of_operator(self.locked_names.get(&join.room));
        self.admit(key, &join.room, &lock)?;
        let room_key = self.add_room(join);
        if let (Some(room), true) = (self.rooms.get_mut(&room_key), lock.is_set()) {
            room.lock = lock;
        }
        self.show_lock(room_key);
        self.enter_as_creator(key, room_key);
        Ok(())
    }

    pub(super) fn add_room(&mut self, join: JoinRoom) -> RoomKey {
        let version = self.new_version();
        self.last_room += 1;
        let key = RoomKey(self.last_room);
        self.room_names.insert(join.room.clone(), key);
        let room = Room::new(join, version);
        if self.keeping != Keeping::Nothing {
            let (name, attributes) = (room.name.clone(), room.attributes_text());
            self.outputs.push_back(Output::Store(StoreOp::Create { room: key, name, attributes }));
        }
        self.rooms.insert(key, room);
        self.room_touched(key, version, true);
        key
    }

    fn enter_as_creator(&mut self, key: ClientKey, room: RoomKey) {
        self.say(key, &ServerMessage::JoinRoom { room: self.room_name(room) });
        self.say(key, &ServerMessage::Content);
        self.enter(key, room);
    }

    fn enter(&mut self, key: ClientKey, room_key: RoomKey) {
        let version = self.new_version();
        let Some(room) = self.rooms.get_mut(&room_key) else { return };
        room.joiners.retain(|joiner| *joiner != key);
        room.members.push(key);
        let name = room.name.clone();
        if let Some(client) = self.clients.get_mut(&key) {
            client.place = Place::Inside { room: room_key };
            client.room = Some(name);
            client.room_changed = version;
        }
        self.client_touched(key, version, true);
    }

    // req: MIX-ROW-2, MIX-ROW-3, MIX-CASE-1, MIX-CASE-2
    fn join_existing(
        &mut self,
        now: Duration,
        key: ClientKey,
        room_key: RoomKey,
        join: JoinRoom,
    ) -> Result<(), String> {
        let Some(room) = self.rooms.get(&room_key) else { return Ok(()) };
        let name = &join.room;
        self.admit(key, name, &room.lock)?;
        if !room.joinable {
            if room.is_deserted() {
                self.create_again(key, room_key, join);
                return Ok(());
            }
            return Err(format!("room {name} is not joinable yet: its creator is still sending its content"));
        }
        for (what, own, other) in [
            ("blender", &join.blender_version, &room.blender_version),
            ("mixer", &join.mixer_version, &room.mixer_version),
        ] {
            if !room.ignore_version_check && own != other {
                return Err(format!("room {name} has {what} version {other:?}, the client has {own:?}"));
            }
        }
        self.begin_download(now, key, room_key);
        Ok(())
    }

    fn admit(&self, key: ClientKey, name: &str, lock: &Lock) -> Result<(), String> {
        let Some(client) = self.clients.get(&key) else { return Ok(()) };
        if lock.admits(client.address.ip(), client.password.as_deref()) {
            return Ok(());
        }
        Err(format!(
            "room {name} is locked: its password is missing or wrong, or this address is not on its list"
        ))
    }

    /// The creator of a kept room went before its content was complete: the next client begins anew.
    fn create_again(&mut self, key: ClientKey, room_key: RoomKey, join: JoinRoom) {
        let version = self.new_version();
        let Some(room) = self.rooms.get_mut(&room_key) else { return };
        self.stored_bytes -= room.history.byte_size();
        room.history = History::default();
        room.blender_version = join.blender_version;
        room.mixer_version = join.mixer_version;
        room.ignore_version_check = join.ignore_version_check;
        room.generic_protocol = join.generic_protocol;
        // All of its attributes are told again; who knows it must still be told of its end.
        room.renewed = version;
        let (name, attributes) = (room.name.clone(), room.attributes_text());
        if self.keeping != Keeping::Nothing {
            self.outputs.push_back(Output::Store(StoreOp::Create { room: room_key, name, attributes }));
        }
        self.room_touched(room_key, version, true);
        self.enter_as_creator(key, room_key);
    }

    // req: MIX-LIFE-3, MIX-ROW-14, MIX-INV-1, MIX-INV-3
    fn begin_download(&mut self, now: Duration, key: ClientKey, room_key: RoomKey) {
        self.say(key, &ServerMessage::ClearContent);
        self.send_updates_to(key);
        let (Some(client), Some(room)) = (self.clients.get_mut(&key), self.rooms.get_mut(&room_key)) else {
            return;
        };
        client.place = Place::Downloading { room: room_key, position: 0 };
        room.joiners.push(key);
        // Clients divide by the room's size while they read its history, so they must know it.
        let told = client.created < room.created || client.listed_rooms >= room.created;
        if !told {
            let mut rooms = ObjectWriter::start();
            rooms.open(&room.name);
            room.write_since(0, &mut rooms);
            rooms.close();
            let mut payload = Vec::new();
            put_string(&mut payload, &rooms.finish());
            let update = frame::encode(control::ROOM_UPDATE, self.ids.next_id(), &payload);
            let update = self.waiting.counted(update);
            self.send(key, update);
        }
        self.continue_download(now, key);
    }

    /// Hands a joiner as much of the history as may wait for it, and lets it in once it has everything.
    // req: MIX-BUG-3, MIX-BUG-11
    pub(super) fn continue_download(&mut self, now: Duration, key: ClientKey) {
        let chunk = self.limits.history_chunk_bytes;
        loop {
            let Some(client) = self.clients.get_mut(&key) else { return };
            let Place::Downloading { room: room_key, mut position } = client.place else { return };
            let Some(room) = self.rooms.get_mut(&room_key) else { return };
            if client.dropped {
                return;
            }
            if position >= room.history.byte_size() {
                let name = room.name.clone();
                self.say(key, &ServerMessage::JoinRoom { room: name });
                self.enter(key, room_key);
                self.send_updates_to(key);
                self.hold_if_backlogged(now, room_key, key);
                return;
            }
            if client.outbox.queued() >= chunk {
                return;
            }
            let mut pieces: Vec<Bytes> = Vec::new();
            let unwanted = room.history.has_unknown() && !room.forwards_unknown();
            room.history.share_from(&mut position, chunk, |piece| match unwanted {
                true => known_in(&piece, |known| pieces.push(known)),
                false => pieces.push(piece),
            });
            client.place = Place::Downloading { room: room_key, position };
            let ticket = room.ticket;
            if self.keeping == Keeping::DurableBeforeRelay {
                self.gate(key, ticket);
            }
            for piece in pieces {
                self.metrics.bytes_replayed += piece.len() as u64;
                self.send(key, piece);
            }
        }
    }

    // req: MIX-LIFE-4, MIX-ROW-4
    pub(super) fn leave(&mut self, now: Duration, key: ClientKey) -> Result<(), String> {
        let Some(client) = self.clients.get(&key) else { return Ok(()) };
        let (Place::Inside { room } | Place::Downloading { room, .. }) = client.place else {
            return Err(format!("{} is in no room", client.id));
        };
        self.say(key, &ServerMessage::LeaveRoom);
        self.step_out(now, key, room);
        Ok(())
    }

    /// Takes a client out of its room, and ends the room when nobody is left.
    // req: MIX-BUG-1
    fn step_out(&mut self, now: Duration, key: ClientKey, room_key: RoomKey) {
        self.release(key);
        self.end_groups(now, key, room_key);
        let version = self.new_version();
        if let Some(room) = self.rooms.get_mut(&room_key) {
            room.members.retain(|member| *member != key);
            room.joiners.retain(|joiner| *joiner != key);
        }
        if let Some(client) = self.clients.get_mut(&key) {
            client.place = Place::Outside;
            client.hold = super::client::Hold::default();
            if client.room.take().is_some() {
                client.room_changed = version;
                self.client_touched(key, version, true);
            }
        }
        let over = self.rooms.get(&room_key).is_some_and(|room| room.is_deserted() && !room.keep_open);
        if over {
            self.end_room(room_key);
        }
    }

    // req: MIX-INV-2
    pub(super) fn end_room(&mut self, key: RoomKey) {
        // What led to the end is told before the end.
        self.send_updates_to_all();
        let Some(room) = self.rooms.remove(&key) else { return };
        self.room_names.remove(&room.name);
        self.forget_room(room.touched);
        self.stored_bytes -= room.history.byte_size();
        self.attribute_bytes -= room.attribute_bytes();
        if self.keeping != Keeping::Nothing {
            self.outputs.push_back(Output::Store(StoreOp::Delete { room: key }));
        }
        let end = ServerMessage::RoomDeleted { room: room.name };
        self.announce_end(&end, |client| client.knows_of(room.created, client.listed_rooms));
    }

    /// Tells everybody that something is gone, except those who have not yet been told that it was there.
    fn announce_end(&mut self, message: &ServerMessage, knows: impl Fn(&Client) -> bool) {
        let bytes = self.waiting.counted(message.encode(self.ids.next_id()));
        let told: Vec<ClientKey> =
            self.clients.iter().filter(|(_, client)| knows(client)).map(|(key, _)| *key).collect();
        for key in told {
            self.send(key, bytes.clone());
        }
    }

    // req: MIX-LIFE-5, MIX-BUG-9, MIX-INV-2
    pub(super) fn disconnected(&mut self, now: Duration, key: ClientKey) {
        let Some(client) = self.clients.get_mut(&key) else { return };
        client.dropped = true;
        if let Place::Inside { room } | Place::Downloading { room, .. } = client.place {
            let was_inside = client.room.is_some();
            self.step_out(now, key, room);
            if was_inside {
                self.send_updates_to_all();
            }
        }
        let Some(client) = self.clients.remove(&key) else { return };
        self.attribute_bytes -= client.attribute_bytes();
        self.forget_client(client.touched);
        let end = ServerMessage::ClientDisconnected { id: client.id };
        self.announce_end(&end, |other| other.knows_of(client.created, other.listed_clients));
    }

    /// Shows or hides that a room is locked.
    pub(super) fn show_lock(&mut self, key: RoomKey) {
        let version = self.new_version();
        let Some(room) = self.rooms.get_mut(&key) else { return };
        let shown = room.custom.find(super::access::LOCKED).and_then(Json::as_bool).unwrap_or(false);
        if shown != room.lock.is_set() {
            let shown: Object =
                [(super::access::LOCKED.into(), Json::from(room.lock.is_set()))].into_iter().collect();
            let before = room.custom.bytes();
            // A few bytes above the limit do no harm, and the mark must not get lost.
            let _ = room.custom.update(shown, version, usize::MAX);
            self.attribute_bytes += room.custom.bytes();
            self.attribute_bytes -= before;
            self.room_touched(key, version, false);
        }
    }

    pub(super) fn room_name(&self, key: RoomKey) -> String {
        self.rooms.get(&key).map(|room| room.name.clone()).unwrap_or_default()
    }
}

//! A double of the reference server, from what it was seen to do: one thread per client, silent about requests it does not perform, raw CLIENT_ID, empty
//! LEAVE_ROOM, one update per change to everybody, disconnects who sends what it does not know.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use mixer_proto::frame::{Frames, scan};
use mixer_proto::json::{Json, Object};
use mixer_proto::message::{ClientMessage, JoinRoom, ServerMessage};

#[derive(Default)]
struct State {
    clients: BTreeMap<String, (TcpStream, Object)>,
    rooms: BTreeMap<String, Room>,
}

struct Room {
    attributes: Object,
    commands: Vec<Vec<u8>>,
    members: Vec<String>,
}

/// Starts it; it lives as long as the test's process.
pub fn start() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let state = Arc::new(Mutex::new(State::default()));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let state = Arc::clone(&state);
            thread::spawn(move || serve(&state, stream.unwrap()));
        }
    });
    address
}

fn serve(state: &Mutex<State>, mut stream: TcpStream) {
    let id = stream.peer_addr().unwrap().to_string();
    {
        let mut state = state.lock().unwrap();
        let attributes = object(&format!(r#"{{"id": "{id}", "ip": "127.0.0.1", "port": 1, "room": null}}"#));
        state.clients.insert(id.clone(), (stream.try_clone().unwrap(), attributes.clone()));
        state.client_update(&id, attributes);
    }
    let mut buffer = Vec::new();
    let mut bytes = [0; 65536];
    while let Ok(count @ 1..) = stream.read(&mut bytes) {
        buffer.extend_from_slice(&bytes[..count]);
        let whole = scan(&buffer, u64::MAX).whole;
        let frames: Vec<u8> = buffer.drain(..whole).collect();
        let mut state = state.lock().unwrap();
        for frame in Frames::new(&frames) {
            if frame.header.code > 100 {
                state.command(&id, &frames[frame.range]);
                continue;
            }
            let Ok(message) = ClientMessage::decode(frame.header.code, frame.payload) else {
                let _ = stream.shutdown(std::net::Shutdown::Both);
                break;
            };
            state.perform(&id, message);
        }
    }
    let mut state = state.lock().unwrap();
    state.leave(&id);
    state.clients.remove(&id);
    state.tell_all(&ServerMessage::ClientDisconnected { id });
}

impl State {
    fn perform(&mut self, id: &str, message: ClientMessage) {
        match message {
            ClientMessage::JoinRoom(join) => self.join(id, join),
            ClientMessage::LeaveRoom { .. } => {
                self.tell(id, &ServerMessage::LeaveRoom);
                self.leave(id);
            }
            ClientMessage::ListRooms => {
                let rooms = self
                    .rooms
                    .iter()
                    .map(|(name, room)| (name.as_str().into(), room.attributes.clone().into()));
                let rooms = rooms.collect();
                self.tell(id, &ServerMessage::ListRooms { rooms });
            }
            ClientMessage::ListClients => {
                let clients =
                    self.clients.iter().map(|(id, (_, known))| (id.as_str().into(), known.clone().into()));
                let clients = clients.collect();
                self.tell(id, &ServerMessage::ListClients { clients });
            }
            ClientMessage::Content => {
                if let Some(name) = self.room_of(id) {
                    self.room_update(&name, object(r#"{"joinable": true}"#));
                }
            }
            ClientMessage::DeleteRoom { room } => self.delete(room),
            ClientMessage::SetClientCustomAttributes { attributes } => self.client_update(id, attributes),
            ClientMessage::SetRoomCustomAttributes { room, attributes } => {
                self.room_update(&room, attributes);
            }
            ClientMessage::SetRoomKeepOpen { room, keep_open } => {
                self.room_update(&room, object(&format!(r#"{{"keep_open": {keep_open}}}"#)));
            }
            ClientMessage::ClientId => self.tell(id, &ServerMessage::ClientId { id: id.to_owned() }),
            ClientMessage::SendError { text } => self.tell_all(&ServerMessage::SendError { text }),
            _ => {}
        }
    }

    fn join(&mut self, id: &str, join: JoinRoom) {
        let refusal = match self.rooms.get(&join.room) {
            _ if self.room_of(id).is_some() => Some("already in a room"),
            Some(room) if room.attributes.find("joinable") != Some(&Json::Bool(true)) => {
                Some("not joinable yet")
            }
            Some(room)
                if room.attributes.find("blender_version").and_then(Json::as_str)
                    != Some(&join.blender_version) =>
            {
                Some("version mismatch")
            }
            _ => None,
        };
        if let Some(text) = refusal {
            return self.tell(id, &ServerMessage::SendError { text: text.to_owned() });
        }
        let name = join.room;
        if let Some(room) = self.rooms.get_mut(&name) {
            let history: Vec<u8> = room.commands.concat();
            room.members.push(id.to_owned());
            self.tell(id, &ServerMessage::ClearContent);
            self.send(id, &history);
            self.tell(id, &ServerMessage::JoinRoom { room: name.clone() });
        } else {
            let attributes = object(&format!(
                r#"{{"keep_open": false, "blender_version": "{}", "mixer_version": "{}", "ignore_version_check": false,
                "generic_protocol": false, "command_count": 0, "byte_size": 0, "joinable": false}}"#,
                join.blender_version, join.mixer_version
            ));
            let room =
                Room { attributes: attributes.clone(), commands: Vec::new(), members: vec![id.to_owned()] };
            self.rooms.insert(name.clone(), room);
            self.tell(id, &ServerMessage::JoinRoom { room: name.clone() });
            self.tell(id, &ServerMessage::Content);
            self.room_update(&name, attributes);
        }
        self.client_update(id, [("room".into(), Json::from(name.as_str()))].into_iter().collect());
    }

    fn leave(&mut self, id: &str) {
        let Some(name) = self.room_of(id) else { return };
        self.client_update(id, object(r#"{"room": null}"#));
        let room = self.rooms.get_mut(&name).unwrap();
        room.members.retain(|member| member != id);
        if room.members.is_empty() && room.attributes.find("keep_open") != Some(&Json::Bool(true)) {
            self.rooms.remove(&name);
            self.tell_all(&ServerMessage::RoomDeleted { room: name });
        }
    }

    fn command(&mut self, id: &str, frame: &[u8]) {
        let Some(name) = self.room_of(id) else { return };
        let room = self.rooms.get_mut(&name).unwrap();
        room.commands.push(frame.to_vec());
        let bytes: usize = room.commands.iter().map(Vec::len).sum();
        let changes =
            object(&format!(r#"{{"byte_size": {bytes}, "command_count": {}}}"#, room.commands.len()));
        for member in room.members.clone().iter().filter(|member| *member != id) {
            self.send(member, frame);
        }
        self.room_update(&name, changes);
    }

    fn delete(&mut self, room: String) {
        if self.rooms.get(&room).is_some_and(|room| room.members.is_empty()) {
            self.rooms.remove(&room);
            self.tell_all(&ServerMessage::RoomDeleted { room });
        }
    }

    fn room_of(&self, id: &str) -> Option<String> {
        self.rooms
            .iter()
            .find(|(_, room)| room.members.iter().any(|member| member == id))
            .map(|(name, _)| name.clone())
    }

    fn room_update(&mut self, name: &str, changes: Object) {
        let Some(room) = self.rooms.get_mut(name) else { return };
        for (key, value) in &changes {
            room.attributes.insert(key.clone(), value.clone());
        }
        self.tell_all(&ServerMessage::RoomUpdate {
            updates: [(name.into(), changes.into())].into_iter().collect(),
        });
    }

    fn client_update(&mut self, id: &str, changes: Object) {
        let Some((_, known)) = self.clients.get_mut(id) else { return };
        for (key, value) in &changes {
            known.insert(key.clone(), value.clone());
        }
        self.tell_all(&ServerMessage::ClientUpdate {
            updates: [(id.into(), changes.into())].into_iter().collect(),
        });
    }

    fn tell(&mut self, id: &str, message: &ServerMessage) {
        self.send(id, &message.encode(100));
    }

    fn tell_all(&mut self, message: &ServerMessage) {
        let frame = message.encode(100);
        for (stream, _) in self.clients.values_mut() {
            let _ = stream.write_all(&frame);
        }
    }

    fn send(&mut self, id: &str, bytes: &[u8]) {
        if let Some((stream, _)) = self.clients.get_mut(id) {
            let _ = stream.write_all(bytes);
        }
    }
}

fn object(text: &str) -> Object {
    Json::parse(text).unwrap().as_object().unwrap().clone()
}

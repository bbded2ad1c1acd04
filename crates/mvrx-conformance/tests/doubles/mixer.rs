//! A Mixer server: rooms, their commands, and everybody told of every change at once.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Map, Value, json};

/// What is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    None,
    IdWithLength,
    NoPort,
    TellsSameAgain,
    TellsAllAttributes,
    TakesServerAttributes,
    NoGoodbye,
    ContentFirst,
    NewRoomJoinable,
    NeverJoinable,
    HistoryLast,
    JoinsTwice,
    AnyName,
    LeaveUnanswered,
    RoomsStay,
    DeletesOccupied,
    SilentAboutUnknown,
    EchoesCommands,
    TellsEverybody,
    KeepsFrames,
    NoMerging,
    Miscounts,
    NoNameAttribute,
    CompactJson,
}

struct Client {
    stream: TcpStream,
    attributes: Map<String, Value>,
    room: Option<String>,
}

#[derive(Default)]
struct Room {
    attributes: Map<String, Value>,
    commands: Vec<(u16, Vec<u8>)>,
}

#[derive(Default)]
struct State {
    clients: BTreeMap<String, Client>,
    rooms: BTreeMap<String, Room>,
}

#[derive(Clone)]
struct Server {
    fault: Fault,
    state: Arc<Mutex<State>>,
}

/// Listens on loopback until the test ends; the address is that of the judge.
pub fn listen(fault: Fault) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("mixer://{}", listener.local_addr().unwrap());
    let server = Server { fault, state: Arc::default() };
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let server = server.clone();
            std::thread::spawn(move || {
                let Ok(address) = stream.peer_addr() else { return };
                let id = address.to_string();
                let mut state = server.state.lock().unwrap();
                let attributes = Map::new();
                state.clients.insert(
                    id.clone(),
                    Client { stream: stream.try_clone().unwrap(), attributes, room: None },
                );
                let told = json!({ &id: server.client(&state, &id) });
                server.tell_all(&mut state, 19, &server.json(&told));
                drop(state);
                server.serve(stream, &id);
                let mut state = server.state.lock().unwrap();
                server.leave(&mut state, &id);
                state.clients.remove(&id);
                if !server.is(Fault::NoGoodbye) {
                    server.tell_all(&mut state, 22, &text(&id));
                }
            });
        }
    });
    address
}

impl Server {
    fn is(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    fn serve(&self, mut stream: TcpStream, id: &str) -> Option<()> {
        loop {
            let mut header = [0; 14];
            stream.read_exact(&mut header).ok()?;
            let size = u64::from_le_bytes(header[..8].try_into().unwrap());
            if size > 1 << 20 {
                return None;
            }
            let kind = u16::from_le_bytes(header[12..].try_into().unwrap());
            let mut payload = vec![0; usize::try_from(size).unwrap()];
            stream.read_exact(&mut payload).ok()?;
            let mut state = self.state.lock().unwrap();
            if let Err(why) = self.command(&mut state, id, kind, &payload) {
                say(&mut state, id, 12, &text(&why));
            }
        }
    }

    fn command(&self, state: &mut State, id: &str, kind: u16, payload: &[u8]) -> Result<(), String> {
        match kind {
            1 => self.join(state, id, payload),
            3 if state.clients[id].room.is_none() => Err("in no room".to_owned()),
            3 => {
                if !self.is(Fault::LeaveUnanswered) {
                    say(state, id, 3, b"");
                }
                self.leave(state, id);
                Ok(())
            }
            4 => {
                let all: Map<String, Value> =
                    state.rooms.iter().map(|(name, room)| (name.clone(), self.room(name, room))).collect();
                say(state, id, 4, &self.json(&Value::Object(all)));
                Ok(())
            }
            5 => {
                let name = state.clients[id].room.clone().ok_or("in no room")?;
                if !self.is(Fault::NeverJoinable) {
                    self.set_room(state, &name, json!({ "joinable": true }));
                }
                Ok(())
            }
            7 => self.delete(state, &String::from_utf8_lossy(payload)),
            11 => self.set_client(state, id, json!({ "user_name": String::from_utf8_lossy(payload) })),
            12 => {
                self.tell_all(state, 12, payload);
                Ok(())
            }
            14 => {
                let all: Map<String, Value> =
                    state.clients.keys().map(|id| (id.clone(), self.client(state, id))).collect();
                say(state, id, 14, &self.json(&Value::Object(all)));
                Ok(())
            }
            15 => {
                let set = read_json(&mut &payload[..])?;
                self.set_client(state, id, set)
            }
            16 | 17 => self.room_request(state, kind, payload),
            18 => {
                let bytes = if self.is(Fault::IdWithLength) { text(id) } else { id.as_bytes().to_vec() };
                say(state, id, 18, &bytes);
                Ok(())
            }
            100 => Ok(()),
            101..=1000 => {
                self.relay(state, id, kind, payload);
                Ok(())
            }
            _ => Err("an unknown type".to_owned()),
        }
    }

    /// SET_ROOM_CUSTOM_ATTRIBUTES and SET_ROOM_KEEP_OPEN.
    fn room_request(&self, state: &mut State, kind: u16, payload: &[u8]) -> Result<(), String> {
        let mut rest = payload;
        let name = read_text(&mut rest)?;
        let mut set = if kind == 16 {
            read_json(&mut rest)?
        } else {
            json!({ "keep_open": rest.starts_with(&[1, 0, 0, 0]) })
        };
        if kind == 16 && !self.is(Fault::TakesServerAttributes) {
            let own = ["command_count", "byte_size", "joinable", "keep_open", "name"];
            set.as_object_mut().ok_or("no object")?.retain(|key, _| !own.contains(&key.as_str()));
        }
        if !state.rooms.contains_key(&name) {
            return if self.is(Fault::SilentAboutUnknown) { Ok(()) } else { Err("no such room".to_owned()) };
        }
        self.set_room(state, &name, set);
        Ok(())
    }

    fn join(&self, state: &mut State, id: &str, payload: &[u8]) -> Result<(), String> {
        let mut rest = payload;
        let name = read_text(&mut rest)?;
        let version = read_text(&mut rest).unwrap_or_default();
        if state.clients[id].room.is_some() && !self.is(Fault::JoinsTwice) {
            return Err("in a room already".to_owned());
        }
        if name.is_empty() && !self.is(Fault::AnyName) {
            return Err("no name".to_owned());
        }
        if let Some(room) = state.rooms.get(&name) {
            if room.attributes["joinable"] != json!(true) && !self.is(Fault::NewRoomJoinable) {
                return Err("not joinable yet".to_owned());
            }
            if room.attributes["blender_version"] != json!(version) {
                return Err("another version".to_owned());
            }
            let commands = room.commands.clone();
            say(state, id, 6, b"");
            if self.is(Fault::HistoryLast) {
                say(state, id, 1, &text(&name));
            }
            commands.iter().for_each(|(kind, payload)| say(state, id, *kind, payload));
            if !self.is(Fault::HistoryLast) {
                say(state, id, 1, &text(&name));
            }
        } else {
            if self.is(Fault::ContentFirst) {
                say(state, id, 5, b"");
            }
            say(state, id, 1, &text(&name));
            let attributes = json!({ "keep_open": false, "blender_version": version, "joinable": self.is(Fault::NewRoomJoinable) });
            let Value::Object(attributes) = attributes else { unreachable!() };
            state.rooms.insert(name.clone(), Room { attributes, commands: Vec::new() });
            let told = json!({ &name: self.room(&name, &state.rooms[&name]) });
            if !self.is(Fault::ContentFirst) {
                say(state, id, 5, b"");
            }
            self.tell_all(state, 20, &self.json(&told));
        }
        state.clients.get_mut(id).unwrap().room = Some(name.clone());
        self.tell_all(state, 19, &self.json(&json!({ id: { "room": name } })));
        Ok(())
    }

    fn leave(&self, state: &mut State, id: &str) {
        let Some(name) = state.clients.get_mut(id).and_then(|client| client.room.take()) else { return };
        self.tell_all(state, 19, &self.json(&json!({ id: { "room": null } })));
        let empty = !state.clients.values().any(|client| client.room.as_ref() == Some(&name));
        let kept = state.rooms.get(&name).is_none_or(|room| room.attributes["keep_open"] == json!(true));
        if empty && !kept && !self.is(Fault::RoomsStay) {
            state.rooms.remove(&name);
            self.tell_all(state, 21, &text(&name));
        }
    }

    fn delete(&self, state: &mut State, name: &str) -> Result<(), String> {
        if !state.rooms.contains_key(name) {
            return if self.is(Fault::SilentAboutUnknown) { Ok(()) } else { Err("no such room".to_owned()) };
        }
        if state.clients.values().any(|client| client.room.as_deref() == Some(name))
            && !self.is(Fault::DeletesOccupied)
        {
            return Err("somebody is in it".to_owned());
        }
        state.rooms.remove(name);
        self.tell_all(state, 21, &text(name));
        if self.is(Fault::DeletesOccupied) { Err("deleted all the same".to_owned()) } else { Ok(()) }
    }

    fn set_client(&self, state: &mut State, id: &str, set: Value) -> Result<(), String> {
        let Value::Object(mut set) = set else { return Err("no object".to_owned()) };
        if !self.is(Fault::TakesServerAttributes) {
            set.retain(|key, _| !["id", "ip", "port", "room"].contains(&key.as_str()));
        }
        let client = state.clients.get_mut(id).unwrap();
        let changes = self.changes(&mut client.attributes, set);
        if !changes.is_empty() {
            self.tell_all(state, 19, &self.json(&json!({ id: changes })));
        }
        Ok(())
    }

    fn set_room(&self, state: &mut State, name: &str, set: Value) {
        let Value::Object(set) = set else { return };
        let room = state.rooms.get_mut(name).unwrap();
        let mut changes = self.changes(&mut room.attributes, set);
        if !changes.is_empty() {
            if self.is(Fault::TellsAllAttributes) {
                changes = room.attributes.clone();
            }
            self.tell_all(state, 20, &self.json(&json!({ name: changes })));
        }
    }

    fn changes(
        &self,
        attributes: &mut Map<String, Value>,
        mut set: Map<String, Value>,
    ) -> Map<String, Value> {
        let all = set.clone();
        if !self.is(Fault::TellsSameAgain) {
            set.retain(|key, value| attributes.get(key) != Some(value));
        }
        attributes.extend(set.clone());
        if self.is(Fault::TellsAllAttributes) && !set.is_empty() { all } else { set }
    }

    fn relay(&self, state: &mut State, id: &str, kind: u16, payload: &[u8]) {
        let Some(name) = state.clients[id].room.clone() else { return };
        let room = state.rooms.get_mut(&name).unwrap();
        if kind != 205 || self.is(Fault::KeepsFrames) {
            let path = |payload: &[u8]| read_text(&mut &payload[..]).unwrap_or_default();
            let last = room.commands.last().map(|(kind, payload)| (*kind, path(payload)));
            if kind > 200 && last == Some((kind, path(payload))) && !self.is(Fault::NoMerging) {
                room.commands.pop();
            }
            room.commands.push((kind, payload.to_vec()));
            let told = json!({ &name: { "byte_size": size(room), "command_count": room.commands.len() } });
            self.tell_all(state, 20, &self.json(&told));
        }
        for (other, client) in &mut state.clients {
            let member = client.room.as_ref() == Some(&name) || self.is(Fault::TellsEverybody);
            if member && (other != id || self.is(Fault::EchoesCommands)) {
                let _ = client.stream.write_all(&frame(kind, payload));
            }
        }
    }

    fn client(&self, state: &State, id: &str) -> Value {
        let client = &state.clients[id];
        let (ip, port) = id.rsplit_once(':').unwrap();
        let mut own =
            json!({ "id": id, "ip": ip, "port": port.parse::<u16>().unwrap(), "room": client.room });
        if self.is(Fault::NoPort) {
            own.as_object_mut().unwrap().remove("port");
        }
        own.as_object_mut().unwrap().extend(client.attributes.clone());
        own
    }

    fn room(&self, name: &str, room: &Room) -> Value {
        let count = room.commands.len() + usize::from(self.is(Fault::Miscounts));
        let mut own = json!({ "name": name, "command_count": count, "byte_size": size(room) });
        if self.is(Fault::NoNameAttribute) {
            own.as_object_mut().unwrap().remove("name");
        }
        own.as_object_mut().unwrap().extend(room.attributes.clone());
        own
    }

    fn tell_all(&self, state: &mut State, kind: u16, payload: &[u8]) {
        for client in state.clients.values_mut() {
            let _ = client.stream.write_all(&frame(kind, payload));
        }
    }

    /// With the blanks that Python writes. No text of these tests has such a sign in it but between values.
    fn json(&self, value: &Value) -> Vec<u8> {
        let compact = value.to_string();
        if self.is(Fault::CompactJson) {
            return text(&compact);
        }
        text(&compact.replace("\":", "\": ").replace(",\"", ", \""))
    }
}

fn size(room: &Room) -> usize {
    room.commands.iter().map(|(_, payload)| 14 + payload.len()).sum()
}

fn say(state: &mut State, id: &str, kind: u16, payload: &[u8]) {
    if let Some(client) = state.clients.get_mut(id) {
        let _ = client.stream.write_all(&frame(kind, payload));
    }
}

fn frame(kind: u16, payload: &[u8]) -> Vec<u8> {
    [&(payload.len() as u64).to_le_bytes()[..], &[9, 0, 0, 0], &kind.to_le_bytes(), payload].concat()
}

fn text(text: &str) -> Vec<u8> {
    [&u32::try_from(text.len()).unwrap().to_le_bytes()[..], text.as_bytes()].concat()
}

fn read_text(bytes: &mut &[u8]) -> Result<String, String> {
    let length = bytes.get(..4).ok_or("a short text")?;
    let length = usize::try_from(u32::from_le_bytes(length.try_into().unwrap())).unwrap();
    let text = bytes.get(4..4 + length).ok_or("a short text")?;
    *bytes = &bytes[4 + length..];
    String::from_utf8(text.to_vec()).map_err(|_| "no text".to_owned())
}

fn read_json(bytes: &mut &[u8]) -> Result<Value, String> {
    serde_json::from_str(&read_text(bytes)?).map_err(|error| error.to_string())
}

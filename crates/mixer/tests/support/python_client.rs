//! A double of the reference's Python client, with its real faults: it fails on message types it does not know, on partial updates of clients it has not
//! been told of, and divides by the room's size at the first command of a history.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use bytes::Bytes;
use mixer_proto::code;
use mixer_proto::frame::{Frames, scan};
use mixer_proto::json::{Json, Object};
use mixer_proto::message::{ClientMessage, JoinRoom, ServerMessage};

pub struct PythonClient {
    stream: TcpStream,
    buffer: Vec<u8>,
    pub rooms: BTreeMap<String, Object>,
    pub clients: BTreeMap<String, Object>,
    pub id: String,
    joining: Option<String>,
    next_id: u32,
    /// Messages in the order they came: (type, whole frame).
    pub messages: Vec<(u16, Bytes)>,
    looked_at: usize,
}

impl PythonClient {
    /// Connects and says hello as the Python client does: id, clients, rooms, attributes.
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.set_write_timeout(Some(Duration::from_secs(30))).unwrap();
        let mut client = Self {
            stream,
            buffer: Vec::new(),
            rooms: BTreeMap::new(),
            clients: BTreeMap::new(),
            id: String::new(),
            joining: None,
            next_id: 100,
            messages: Vec::new(),
            looked_at: 0,
        };
        let attributes = Json::parse(r#"{"user_name": "Zoé", "user_color": [1.0, 0.5, 0.0]}"#).unwrap();
        for message in [
            ClientMessage::ClientId,
            ClientMessage::ListClients,
            ClientMessage::ListRooms,
            ClientMessage::SetClientCustomAttributes { attributes: attributes.as_object().unwrap().clone() },
        ] {
            client.request(&message);
        }
        client.wait(code::control::LIST_ROOMS);
        client
    }

    pub fn request(&mut self, message: &ClientMessage) {
        self.next_id += 1;
        let frame = message.encode(self.next_id);
        self.send(&frame);
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    fn join(room: &str) -> ClientMessage {
        ClientMessage::JoinRoom(JoinRoom {
            room: room.into(),
            blender_version: "2.93.5".into(),
            mixer_version: "1.0.1".into(),
            ignore_version_check: false,
            generic_protocol: true,
        })
    }

    /// Creates a room, sends its content and waits until it is joinable.
    pub fn create_room(&mut self, room: &str, content: &[Bytes]) {
        self.request(&Self::join(room));
        self.wait(code::control::JOIN_ROOM);
        self.wait(code::control::CONTENT);
        for command in content {
            self.send(command);
        }
        self.request(&ClientMessage::Content);
        while self.rooms.get(room).and_then(|room| room.find("joinable")) != Some(&Json::Bool(true)) {
            self.receive();
        }
    }

    /// Joins an existing room, polling until it is joinable as users do.
    pub fn join_room(&mut self, room: &str) {
        self.joining = Some(room.to_owned());
        self.request(&Self::join(room));
        self.wait(code::control::CLEAR_CONTENT);
        self.wait(code::control::JOIN_ROOM);
        self.joining = None;
    }

    pub fn leave_room(&mut self, room: &str) {
        self.request(&ClientMessage::LeaveRoom { room: room.into() });
        self.wait(code::control::LEAVE_ROOM);
    }

    /// Blocks until the next message of this type, as the reference's `wait` does.
    pub fn wait(&mut self, wanted: u16) -> Bytes {
        loop {
            while let Some((code, frame)) = self.messages.get(self.looked_at).cloned() {
                self.looked_at += 1;
                if code == wanted {
                    return frame;
                }
            }
            self.receive();
        }
    }

    /// The next so many room commands.
    pub fn read_commands(&mut self, count: usize) -> Vec<Bytes> {
        let mut commands = Vec::new();
        loop {
            while let Some((code, frame)) = self.messages.get(self.looked_at).cloned() {
                self.looked_at += 1;
                if code > 100 {
                    commands.push(frame);
                }
                if commands.len() == count {
                    return commands;
                }
            }
            self.receive();
        }
    }

    pub fn commands(&self) -> Vec<&Bytes> {
        self.messages.iter().filter(|(code, _)| *code > 100).map(|(_, frame)| frame).collect()
    }

    /// Reads once and takes over what has come.
    pub fn receive(&mut self) {
        let mut bytes = [0; 65536];
        let count = self.stream.read(&mut bytes).expect("the server says nothing");
        assert!(count > 0, "the server has closed the connection");
        self.buffer.extend_from_slice(&bytes[..count]);
        let whole = scan(&self.buffer, u64::MAX).whole;
        let frames = Bytes::from(self.buffer.drain(..whole).collect::<Vec<u8>>());
        for frame in Frames::new(&frames) {
            let code = frame.header.code;
            assert!(code::name(code).is_some(), "ValueError: {code} is not a valid MessageType");
            if code < 100 {
                let message = ServerMessage::decode(code, frame.payload).unwrap();
                // Joining ends here, also for what comes with the same read.
                if matches!(message, ServerMessage::JoinRoom { .. }) {
                    self.joining = None;
                }
                self.take(message);
            } else if let Some(room) = &self.joining {
                let size =
                    self.rooms.get(room).expect("KeyError").find("byte_size").expect("KeyError").as_i64();
                assert!(size.unwrap() > 0, "ZeroDivisionError");
            }
            self.messages.push((code, frames.slice(frame.range)));
        }
    }

    fn take(&mut self, message: ServerMessage) {
        match message {
            ServerMessage::ClientId { id } => self.id = id,
            ServerMessage::ListRooms { rooms } => self.rooms = table(&rooms),
            ServerMessage::ListClients { clients } => self.clients = table(&clients),
            ServerMessage::RoomUpdate { updates } => update(&mut self.rooms, &updates),
            ServerMessage::ClientUpdate { updates } => {
                update(&mut self.clients, &updates);
                for client in self.clients.values() {
                    assert!(client.find("id").is_some() && client.find("room").is_some(), "KeyError");
                }
            }
            ServerMessage::RoomDeleted { room } => drop(self.rooms.remove(&room).expect("KeyError")),
            ServerMessage::ClientDisconnected { id } => drop(self.clients.remove(&id).expect("KeyError")),
            _ => {}
        }
    }
}

fn table(object: &Object) -> BTreeMap<String, Object> {
    object.iter().map(|(key, value)| (key.to_string(), value.as_object().unwrap().clone())).collect()
}

fn update(table: &mut BTreeMap<String, Object>, updates: &Object) {
    for (key, changes) in updates {
        let known = table.entry(key.to_string()).or_default();
        for (key, value) in changes.as_object().unwrap() {
            known.insert(key.clone(), value.clone());
        }
    }
}

//! A room server with clients whose bytes go by hand, and readable forms of what they get.
#![allow(dead_code, unreachable_pub)]

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use mixer_proto::frame::{self, Frames};
use mixer_proto::json::{Json, Object};
use mixer_proto::message::{ClientMessage, JoinRoom, ServerMessage};
use mixer_proto::primitive::put_string;
use mixer_proto::server::{ClientKey, CloseReason, Input, Keeping, Limits, Output, RoomServer, StoreOp};

pub struct World {
    pub server: RoomServer,
    pub now: Duration,
    pub closed: Vec<(ClientKey, CloseReason)>,
    pub resumed: Vec<ClientKey>,
    pub stored: Vec<StoreOp>,
    port: u16,
}

pub fn object(text: &str) -> Object {
    Json::parse(text).unwrap().as_object().unwrap().clone()
}

pub fn join(room: &str) -> ClientMessage {
    ClientMessage::JoinRoom(JoinRoom { room: room.into(), ..JoinRoom::default() })
}

pub fn client_attributes(text: &str) -> ClientMessage {
    ClientMessage::SetClientCustomAttributes { attributes: object(text) }
}

pub fn room_attributes(room: &str, text: &str) -> ClientMessage {
    ClientMessage::SetRoomCustomAttributes { room: room.into(), attributes: object(text) }
}

pub fn keep_open(room: &str, keep_open: bool) -> ClientMessage {
    ClientMessage::SetRoomKeepOpen { room: room.into(), keep_open }
}

/// A command with a path and some more bytes.
pub fn command(code: u16, path: &str, tail: usize) -> Bytes {
    let mut payload = Vec::new();
    put_string(&mut payload, path);
    payload.resize(payload.len() + tail, 7);
    frame::encode(code, 1, &payload)
}

impl World {
    pub fn new() -> Self {
        Self::with(Limits::default())
    }

    pub fn with(limits: Limits) -> Self {
        Self {
            server: RoomServer::new(limits),
            now: Duration::ZERO,
            closed: Vec::new(),
            resumed: Vec::new(),
            stored: Vec::new(),
            port: 5000,
        }
    }

    pub fn keeping(keeping: Keeping) -> Self {
        let mut world = Self::new();
        world.server.keep(keeping);
        world
    }

    /// Connects a client and lets everybody read what that leads to.
    pub fn connect(&mut self) -> ClientKey {
        let key = self.connect_quietly();
        self.round();
        key
    }

    pub fn connect_quietly(&mut self) -> ClientKey {
        self.port += 1;
        self.server.connect(self.now, ([192, 0, 2, 1], self.port).into()).unwrap()
    }

    pub fn step(&mut self, input: Input) {
        for output in self.server.step(self.now, input) {
            match output {
                Output::Close { client, reason, .. } => self.closed.push((client, reason)),
                Output::Resume { client } => self.resumed.push(client),
                Output::Store(operation) => self.stored.push(operation),
                _ => {}
            }
        }
    }

    /// Ends the round a second later, so that everything is due.
    pub fn round(&mut self) {
        self.now += Duration::from_secs(1);
        self.step(Input::EndOfRound);
    }

    pub fn bytes(&mut self, client: ClientKey, bytes: &[u8]) {
        self.step(Input::Received { client, frames: BytesMut::from(bytes), dense: false });
    }

    /// Sends without ending the round.
    pub fn queue(&mut self, client: ClientKey, message: &ClientMessage) {
        self.bytes(client, &message.encode(1));
    }

    pub fn send(&mut self, client: ClientKey, message: &ClientMessage) {
        self.queue(client, message);
        self.round();
    }

    pub fn send_bytes(&mut self, client: ClientKey, bytes: &[u8]) {
        self.bytes(client, bytes);
        self.round();
    }

    pub fn disconnect(&mut self, client: ClientKey) {
        self.step(Input::Disconnected { client });
        self.round();
    }

    /// Everything that waits for the client, taken until nothing comes any more.
    pub fn take(&mut self, client: ClientKey) -> Vec<u8> {
        let mut taken = Vec::new();
        loop {
            let now: Vec<u8> = self.server.unsent(client).flatten().copied().collect();
            if now.is_empty() {
                return taken;
            }
            self.step(Input::Written { client, count: now.len() });
            taken.extend_from_slice(&now);
        }
    }

    /// The same, one line per message.
    pub fn read(&mut self, client: ClientKey) -> Vec<String> {
        lines(&self.take(client))
    }

    /// A room with its creator, who has sent the commands and let everybody in. Nobody has anything left to read but `others`.
    pub fn room(&mut self, name: &str, commands: &[Bytes]) -> ClientKey {
        let creator = self.connect();
        self.send(creator, &join(name));
        self.send_bytes(creator, &commands.concat());
        self.send(creator, &ClientMessage::Content);
        self.take(creator);
        creator
    }

    pub fn id(&self, client: ClientKey) -> String {
        self.server.client_id(client).unwrap().to_owned()
    }
}

pub fn lines(bytes: &[u8]) -> Vec<String> {
    let lines: Vec<String> = Frames::new(bytes).map(|frame| line(frame.header.code, frame.payload)).collect();
    assert_eq!(
        Frames::new(bytes).map(|frame| frame.range.len()).sum::<usize>(),
        bytes.len(),
        "not whole frames"
    );
    lines
}

fn line(code: u16, payload: &[u8]) -> String {
    if code > 100 {
        let name = mixer_proto::code::name(code).map_or(code.to_string(), str::to_owned);
        return format!("{name} {}", payload.len());
    }
    match ServerMessage::decode(code, payload).unwrap() {
        ServerMessage::JoinRoom { room } => format!("JOIN_ROOM {room}"),
        ServerMessage::LeaveRoom => "LEAVE_ROOM".into(),
        ServerMessage::ListRooms { rooms } => format!("LIST_ROOMS {}", Json::Object(rooms)),
        ServerMessage::Content => "CONTENT".into(),
        ServerMessage::ClearContent => "CLEAR_CONTENT".into(),
        ServerMessage::SendError { text } => format!("SEND_ERROR {text}"),
        ServerMessage::ListClients { clients } => format!("LIST_CLIENTS {}", Json::Object(clients)),
        ServerMessage::ClientId { id } => format!("CLIENT_ID {id}"),
        ServerMessage::ClientUpdate { updates } => format!("CLIENT_UPDATE {}", Json::Object(updates)),
        ServerMessage::RoomUpdate { updates } => format!("ROOM_UPDATE {}", Json::Object(updates)),
        ServerMessage::RoomDeleted { room } => format!("ROOM_DELETED {room}"),
        ServerMessage::ClientDisconnected { id } => format!("CLIENT_DISCONNECTED {id}"),
        other => format!("{other:?}"),
    }
}

/// The names of the messages alone.
pub fn kinds(lines: &[String]) -> Vec<&str> {
    lines.iter().map(|line| line.split(' ').next().unwrap()).collect()
}

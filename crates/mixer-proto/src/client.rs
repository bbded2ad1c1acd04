//! Turns what a server sends into events and views, and what an application wants into frames. Sans-IO.
//!
//! The session keeps the views every client keeps: all rooms and all clients with their attributes, as far as the server has told. It follows
//! [`crate::stay`]. It deliberately knows no deadline and no socket, and does not look into room commands.
//!
//! Rules for the driver: call [`ClientSession::hello`] first; feed whole frames only; send [`ClientSession::take_outgoing`] after each call.
//!
//! ```
//! use mixer_proto::client::{ClientSession, ClientEvent};
//! use mixer_proto::message::ServerMessage;
//! let mut session = ClientSession::new();
//! session.hello();
//! assert!(!session.take_outgoing().is_empty());
//! let events: Vec<_> = session.receive(&ServerMessage::ClientId { id: "192.0.2.1:5".into() }.encode(1)).collect();
//! assert_eq!(events, [ClientEvent::Identified { id: "192.0.2.1:5".into() }]);
//! ```

use bytes::{Bytes, BytesMut};

use crate::code::COMMAND;
use crate::frame::{self, Frame, Frames, Ids};
use crate::json::{Json, Object, Text};
use crate::message::{ClientMessage, DecodeServerMessageError, JoinRoom, ServerMessage};
use crate::stay::{Stay, StayEvent};

/// One client's side of a connection.
#[derive(Debug)]
pub struct ClientSession {
    stay: Stay,
    room: Option<String>,
    id: Option<String>,
    rooms: Object,
    clients: Object,
    outgoing: BytesMut,
    ids: Ids,
    /// How often the own id was asked for, and told.
    id_asked: u64,
    id_told: u64,
    /// The join whose answer is due.
    asked: Option<Asked>,
}

/// A join that was asked for.
#[derive(Debug)]
struct Asked {
    /// Which telling of the own id was asked for right behind it.
    id_told: u64,
    /// The SEND_ERROR that came since then and may be the refusal.
    error: Option<String>,
}

/// What the server told.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ClientEvent {
    /// The client's own id.
    Identified {
        /// The id.
        id: String,
    },
    /// The list of all rooms came: see [`ClientSession::rooms`].
    RoomsListed,
    /// The list of all clients came: see [`ClientSession::clients`].
    ClientsListed,
    /// Attributes of a room changed; the first event of a room names all.
    RoomChanged {
        /// Its name.
        room: String,
        /// What changed.
        changes: Object,
    },
    /// Attributes of a client changed; the first event of a client names all.
    ClientChanged {
        /// Its id.
        id: String,
        /// What changed.
        changes: Object,
    },
    /// A room is gone.
    RoomDeleted {
        /// Its name.
        room: String,
    },
    /// A client is gone.
    ClientGone {
        /// Its id.
        id: String,
    },
    /// The history of the room follows: what is shown of it is to be cleared.
    ContentCleared,
    /// The client is in the room, and has its whole history.
    Joined {
        /// The room.
        room: String,
    },
    /// The client has created the room and shall send its content, then [`ClientSession::content_sent`].
    ContentWanted {
        /// The room.
        room: String,
    },
    /// The client is out of its room.
    Left,
    /// The server, or another client, says that something went wrong.
    Refused {
        /// The text.
        text: String,
    },
    /// The server does not let the client into the room.
    JoinRefused {
        /// The room.
        room: String,
        /// Why, as far as it can be told apart: of the [`ClientEvent::Refused`] that came meanwhile the last that names the room, else the last.
        text: String,
    },
    /// A room command.
    Command {
        /// Its type.
        code: u16,
        /// The whole frame, header included, shared with what was received.
        frame: Bytes,
    },
    /// A control message that cannot be read; nothing was changed by it.
    Unreadable {
        /// Why.
        error: DecodeServerMessageError,
    },
    /// A message that does not fit the client's stay.
    Unexpected {
        /// Its type.
        code: u16,
        /// The stay.
        stay: Stay,
    },
}

/// The session is not in a state for that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not possible while {stay:?}")]
pub struct NotNow {
    /// The state.
    pub stay: Stay,
}

impl ClientSession {
    /// A session on a fresh connection.
    pub fn new() -> Self {
        Self {
            stay: Stay::Outside,
            room: None,
            id: None,
            rooms: Object::new(),
            clients: Object::new(),
            outgoing: BytesMut::new(),
            ids: Ids::new(),
            id_asked: 0,
            id_told: 0,
            asked: None,
        }
    }

    /// Asks for what every client asks first: its id, all clients, all rooms.
    pub fn hello(&mut self) {
        for message in [ClientMessage::ClientId, ClientMessage::ListClients, ClientMessage::ListRooms] {
            self.request(&message);
        }
    }

    /// Asks to join a room, or to create it; and behind it for the own id, which servers tell after the answer to the join: a SEND_ERROR that comes before
    /// may be the refusal as well as what another client sent to everybody.
    ///
    /// # Errors
    /// When the client is in a room or on its way.
    pub fn join(&mut self, join: JoinRoom) -> Result<(), NotNow> {
        self.advance(StayEvent::AskToJoin)?;
        self.room = Some(join.room.clone());
        self.request(&ClientMessage::JoinRoom(join));
        self.request(&ClientMessage::ClientId);
        self.asked = Some(Asked { id_told: self.id_asked, error: None });
        Ok(())
    }

    /// Says that the content of the new room is complete.
    ///
    /// # Errors
    /// When no content is wanted.
    pub fn content_sent(&mut self) -> Result<(), NotNow> {
        self.advance(StayEvent::ContentSent)?;
        self.request(&ClientMessage::Content);
        Ok(())
    }

    /// Asks to leave the room.
    ///
    /// # Errors
    /// When the client is in none.
    pub fn leave(&mut self) -> Result<(), NotNow> {
        self.advance(StayEvent::AskToLeave)?;
        let room = self.room.clone().unwrap_or_default();
        self.request(&ClientMessage::LeaveRoom { room });
        Ok(())
    }

    /// Sends a room command.
    ///
    /// # Errors
    /// When the client is in no room: the server would drop the command silently.
    pub fn command(&mut self, code: u16, payload: &[u8]) -> Result<(), NotNow> {
        if !matches!(self.stay, Stay::Uploading | Stay::Inside) {
            return Err(NotNow { stay: self.stay });
        }
        let frame = frame::encode(code, self.ids.next_id(), payload);
        self.outgoing.extend_from_slice(&frame);
        Ok(())
    }

    /// Sends any control message but those that have a method of their own.
    pub fn request(&mut self, message: &ClientMessage) {
        self.id_asked += u64::from(matches!(message, ClientMessage::ClientId));
        let frame = message.encode(self.ids.next_id());
        self.outgoing.extend_from_slice(&frame);
    }

    /// What is to be sent.
    pub fn take_outgoing(&mut self) -> Bytes {
        self.outgoing.split().freeze()
    }

    /// How many bytes are to be sent.
    pub fn outgoing_bytes(&self) -> usize {
        self.outgoing.len()
    }

    /// Takes whole frames; one message may be several events.
    pub fn receive<'a>(&'a mut self, frames: &'a Bytes) -> impl Iterator<Item = ClientEvent> + 'a {
        Frames::new(frames).flat_map(move |frame| self.frame(&frame, frames))
    }

    /// What is true of the stay in a room.
    pub fn stay(&self) -> Stay {
        self.stay
    }

    /// The client's id, once told.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// All rooms: attributes by name.
    pub fn rooms(&self) -> &Object {
        &self.rooms
    }

    /// All clients: attributes by id.
    pub fn clients(&self) -> &Object {
        &self.clients
    }

    fn frame(&mut self, frame: &Frame<'_>, bytes: &Bytes) -> Vec<ClientEvent> {
        let code = frame.header.code;
        if code > COMMAND {
            return match self.advance(StayEvent::Command) {
                Ok(()) => vec![ClientEvent::Command { code, frame: bytes.slice(frame.range.clone()) }],
                Err(NotNow { stay }) => vec![ClientEvent::Unexpected { code, stay }],
            };
        }
        match ServerMessage::decode(code, frame.payload) {
            Ok(message) => self.message(message),
            Err(error) => vec![ClientEvent::Unreadable { error }],
        }
    }

    fn message(&mut self, message: ServerMessage) -> Vec<ClientEvent> {
        let code = message.code();
        let room = self.room.clone().unwrap_or_default();
        let (step, event) = match message {
            ServerMessage::ClearContent => (StayEvent::ClearContent, ClientEvent::ContentCleared),
            ServerMessage::JoinRoom { room } => (StayEvent::JoinRoom, ClientEvent::Joined { room }),
            ServerMessage::Content => (StayEvent::Content, ClientEvent::ContentWanted { room }),
            ServerMessage::LeaveRoom => (StayEvent::LeaveRoom, ClientEvent::Left),
            ServerMessage::SendError { text } => {
                self.note_error(&text, &room);
                (StayEvent::SendError, ClientEvent::Refused { text })
            }
            ServerMessage::ClientId { id } => return self.identified(id, room),
            other => return self.told(other),
        };
        match self.advance(step) {
            // The echo of a new room says nothing yet: CONTENT follows.
            Ok(())
                if self.stay == Stay::Creating
                    || (self.stay == Stay::Leaving && step != StayEvent::SendError) =>
            {
                Vec::new()
            }
            Ok(()) => vec![event],
            Err(NotNow { stay }) => vec![ClientEvent::Unexpected { code, stay }],
        }
    }

    fn note_error(&mut self, text: &str, room: &str) {
        let Some(Asked { error, .. }) = &mut self.asked else { return };
        if error.as_ref().is_none_or(|known| text.contains(room) || !known.contains(room)) {
            *error = Some(text.to_owned());
        }
    }

    // req: MIX-STAY-2
    fn identified(&mut self, id: String, room: String) -> Vec<ClientEvent> {
        self.id_told += 1;
        let known = self.id.replace(id.clone()).is_some();
        let Some(asked) = self.asked.take_if(|asked| asked.id_told <= self.id_told) else {
            return vec![ClientEvent::Identified { id }];
        };
        // It was asked for the join's sake, not for the application's.
        let mut events = Vec::new();
        if !known {
            events.push(ClientEvent::Identified { id });
        }
        // A join that was let in is no longer asked for by now.
        if self.advance(StayEvent::Refused).is_ok() {
            let text = asked.error.unwrap_or_else(|| "the server does not say why".to_owned());
            events.push(ClientEvent::JoinRefused { room, text });
        }
        events
    }

    fn told(&mut self, message: ServerMessage) -> Vec<ClientEvent> {
        match message {
            ServerMessage::ListRooms { rooms } => {
                self.rooms = rooms;
                vec![ClientEvent::RoomsListed]
            }
            ServerMessage::ListClients { clients } => {
                self.clients = clients;
                vec![ClientEvent::ClientsListed]
            }
            ServerMessage::RoomUpdate { updates } => merge(&mut self.rooms, updates)
                .map(|(room, changes)| ClientEvent::RoomChanged { room, changes })
                .collect(),
            ServerMessage::ClientUpdate { updates } => merge(&mut self.clients, updates)
                .map(|(id, changes)| ClientEvent::ClientChanged { id, changes })
                .collect(),
            ServerMessage::RoomDeleted { room } => {
                self.rooms.remove(&room);
                vec![ClientEvent::RoomDeleted { room }]
            }
            ServerMessage::ClientDisconnected { id } => {
                self.clients.remove(&id);
                vec![ClientEvent::ClientGone { id }]
            }
            _ => Vec::new(),
        }
    }

    fn advance(&mut self, event: StayEvent) -> Result<(), NotNow> {
        self.stay = self.stay.after(event).ok_or(NotNow { stay: self.stay })?;
        if self.stay == Stay::Outside {
            self.room = None;
        }
        Ok(())
    }
}

impl Default for ClientSession {
    fn default() -> Self {
        Self::new()
    }
}

/// Merges updates into a view; yields each of them.
// req: MIX-WORLD-1
fn merge(view: &mut Object, updates: Object) -> impl Iterator<Item = (String, Object)> {
    let mut changed = Vec::new();
    for (key, value) in updates {
        let Json::Object(changes) = value else { continue };
        changed.push((key.to_string(), changes.clone()));
        if let Some(Json::Object(known)) = view.find_mut(&key) {
            for (key, value) in changes {
                known.insert(key, value);
            }
        } else {
            view.insert(Text::clone(&key), Json::Object(changes));
        }
    }
    changed.into_iter()
}

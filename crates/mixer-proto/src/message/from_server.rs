//! What the server says to a client.

use bytes::Bytes;
use thiserror::Error;

use crate::code::control;
use crate::frame;
use crate::json::Object;
use crate::primitive::{PayloadError, Reader, put_object, put_string, utf8};

/// A control message from the server.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ServerMessage {
    /// The client is in the room now.
    JoinRoom {
        /// The room's name.
        room: String,
    },
    /// The client is out of its room now.
    LeaveRoom,
    /// All rooms: attributes by name.
    ListRooms {
        /// Attributes by name.
        rooms: Object,
    },
    /// The client has created the room and shall send its content.
    Content,
    /// The room's content follows: clear what you have.
    ClearContent,
    /// Something could not be done.
    SendError {
        /// Why.
        text: String,
    },
    /// All clients: attributes by id.
    ListClients {
        /// Attributes by id.
        clients: Object,
    },
    /// The client's own id.
    ClientId {
        /// The id.
        id: String,
    },
    /// Attributes of clients have changed.
    ClientUpdate {
        /// Changed attributes by id.
        updates: Object,
    },
    /// Attributes of rooms have changed.
    RoomUpdate {
        /// Changed attributes by name.
        updates: Object,
    },
    /// A room is gone.
    RoomDeleted {
        /// Its name.
        room: String,
    },
    /// A client is gone.
    ClientDisconnected {
        /// Its id.
        id: String,
    },
}

/// Why a frame from a server is no control message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeServerMessageError {
    /// The type is not one a server may send.
    #[error("message type {code} is not one that a server sends")]
    TypeNotFromServer {
        /// The type.
        code: u16,
    },
    /// The payload is broken.
    #[error("{}: {error}", crate::code::name(*code).unwrap_or("message"))]
    PayloadUnreadable {
        /// The type.
        code: u16,
        /// What is wrong.
        error: PayloadError,
    },
}

impl ServerMessage {
    /// Reads a control message.
    ///
    /// # Errors
    /// When the type is none of a server's, or its payload cannot be read.
    // req: MIX-ROW-4, MIX-ROW-5
    pub fn decode(code: u16, payload: &[u8]) -> Result<Self, DecodeServerMessageError> {
        let mut reader = Reader::new(payload);
        let message = match code {
            control::JOIN_ROOM => reader.string().map(|room| Self::JoinRoom { room: room.to_owned() }),
            control::LEAVE_ROOM => Ok(Self::LeaveRoom),
            control::LIST_ROOMS => reader.object().map(|rooms| Self::ListRooms { rooms }),
            control::CONTENT => Ok(Self::Content),
            control::CLEAR_CONTENT => Ok(Self::ClearContent),
            control::SEND_ERROR => reader.string().map(|text| Self::SendError { text: text.to_owned() }),
            control::LIST_CLIENTS => reader.object().map(|clients| Self::ListClients { clients }),
            control::CLIENT_ID => utf8(payload).map(|id| Self::ClientId { id: id.to_owned() }),
            control::CLIENT_UPDATE => reader.object().map(|updates| Self::ClientUpdate { updates }),
            control::ROOM_UPDATE => reader.object().map(|updates| Self::RoomUpdate { updates }),
            control::ROOM_DELETED => reader.string().map(|room| Self::RoomDeleted { room: room.to_owned() }),
            control::CLIENT_DISCONNECTED => {
                reader.string().map(|id| Self::ClientDisconnected { id: id.to_owned() })
            }
            _ => return Err(DecodeServerMessageError::TypeNotFromServer { code }),
        };
        message.map_err(|error| DecodeServerMessageError::PayloadUnreadable { code, error })
    }

    /// Writes the message as a frame with this id.
    pub fn encode(&self, id: u32) -> Bytes {
        let mut payload = Vec::new();
        match self {
            Self::JoinRoom { room: text }
            | Self::RoomDeleted { room: text }
            | Self::SendError { text }
            | Self::ClientDisconnected { id: text } => put_string(&mut payload, text),
            Self::ClientId { id: raw } => payload.extend_from_slice(raw.as_bytes()),
            Self::ListRooms { rooms: object }
            | Self::ListClients { clients: object }
            | Self::ClientUpdate { updates: object }
            | Self::RoomUpdate { updates: object } => put_object(&mut payload, object),
            Self::LeaveRoom | Self::Content | Self::ClearContent => {}
        }
        frame::encode(self.code(), id, &payload)
    }

    /// The message type.
    pub const fn code(&self) -> u16 {
        match self {
            Self::JoinRoom { .. } => control::JOIN_ROOM,
            Self::LeaveRoom => control::LEAVE_ROOM,
            Self::ListRooms { .. } => control::LIST_ROOMS,
            Self::Content => control::CONTENT,
            Self::ClearContent => control::CLEAR_CONTENT,
            Self::SendError { .. } => control::SEND_ERROR,
            Self::ListClients { .. } => control::LIST_CLIENTS,
            Self::ClientId { .. } => control::CLIENT_ID,
            Self::ClientUpdate { .. } => control::CLIENT_UPDATE,
            Self::RoomUpdate { .. } => control::ROOM_UPDATE,
            Self::RoomDeleted { .. } => control::ROOM_DELETED,
            Self::ClientDisconnected { .. } => control::CLIENT_DISCONNECTED,
        }
    }
}

//! What a client says to the server.

use bytes::Bytes;
use thiserror::Error;

use crate::code::control;
use crate::frame;
use crate::json::Object;
use crate::primitive::{PayloadError, Reader, put_bool, put_object, put_string, utf8};

/// A control message from a client.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ClientMessage {
    /// Enter a room, or create it.
    JoinRoom(JoinRoom),
    /// Leave the room the client is in. The name that comes with it means nothing.
    LeaveRoom {
        /// The name, only for those who look at the bytes.
        room: String,
    },
    /// Ask for all rooms.
    ListRooms,
    /// The creator has sent the room's content: it may be joined now.
    Content,
    /// Delete an empty room.
    DeleteRoom {
        /// Its name.
        room: String,
    },
    /// Deprecated way to set the attribute `user_name`.
    SetClientName {
        /// The new name.
        name: String,
    },
    /// A text for everybody on the server.
    SendError {
        /// The text.
        text: String,
    },
    /// Ask for all clients.
    ListClients,
    /// Change attributes of the client itself.
    SetClientCustomAttributes {
        /// Keys and new values.
        attributes: Object,
    },
    /// Change attributes of a room.
    SetRoomCustomAttributes {
        /// Its name.
        room: String,
        /// Keys and new values.
        attributes: Object,
    },
    /// Say whether a room outlives its last member.
    SetRoomKeepOpen {
        /// Its name.
        room: String,
        /// Whether it does.
        keep_open: bool,
    },
    /// Ask for the client's own id.
    ClientId,
}

/// The five fields of a JOIN_ROOM. Shorter forms exist; what is missing is empty or false.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JoinRoom {
    /// The room's name.
    pub room: String,
    /// Blender's version, compared as text.
    pub blender_version: String,
    /// The add-on's version, compared as text.
    pub mixer_version: String,
    /// Whether a room created by this message takes members of other versions.
    pub ignore_version_check: bool,
    /// Whether a room created by this message speaks the generic protocol; only stored.
    pub generic_protocol: bool,
}

/// Why a frame from a client is no control message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeClientMessageError {
    /// The type is not one a client may send.
    #[error("message type {code} is not one that a client sends")]
    TypeNotFromClient {
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

impl ClientMessage {
    /// Reads a control message.
    ///
    /// # Errors
    /// When the type is none of a client's, or its payload cannot be read.
    // req: MIX-ROW-1, MIX-ROW-6
    pub fn decode(code: u16, payload: &[u8]) -> Result<Self, DecodeClientMessageError> {
        let mut reader = Reader::new(payload);
        let message = match code {
            control::JOIN_ROOM => join_room(&mut reader).map(Self::JoinRoom),
            control::LEAVE_ROOM => {
                Ok(Self::LeaveRoom { room: String::from_utf8_lossy(payload).into_owned() })
            }
            control::LIST_ROOMS => Ok(Self::ListRooms),
            control::CONTENT => Ok(Self::Content),
            control::DELETE_ROOM => utf8(payload).map(|room| Self::DeleteRoom { room: room.to_owned() }),
            control::SET_CLIENT_NAME => {
                utf8(payload).map(|name| Self::SetClientName { name: name.to_owned() })
            }
            control::SEND_ERROR => reader.string().map(|text| Self::SendError { text: text.to_owned() }),
            control::LIST_CLIENTS => Ok(Self::ListClients),
            control::SET_CLIENT_CUSTOM_ATTRIBUTES => {
                reader.object().map(|attributes| Self::SetClientCustomAttributes { attributes })
            }
            control::SET_ROOM_CUSTOM_ATTRIBUTES => room_attributes(&mut reader),
            control::SET_ROOM_KEEP_OPEN => reader
                .string()
                .map(|room| Self::SetRoomKeepOpen { room: room.to_owned(), keep_open: reader.bool() }),
            control::CLIENT_ID => Ok(Self::ClientId),
            _ => return Err(DecodeClientMessageError::TypeNotFromClient { code }),
        };
        message.map_err(|error| DecodeClientMessageError::PayloadUnreadable { code, error })
    }

    /// Writes the message as a frame with this id.
    pub fn encode(&self, id: u32) -> Bytes {
        let mut payload = Vec::new();
        match self {
            Self::JoinRoom(join) => {
                put_string(&mut payload, &join.room);
                put_string(&mut payload, &join.blender_version);
                put_string(&mut payload, &join.mixer_version);
                put_bool(&mut payload, join.ignore_version_check);
                put_bool(&mut payload, join.generic_protocol);
            }
            Self::LeaveRoom { room: raw }
            | Self::DeleteRoom { room: raw }
            | Self::SetClientName { name: raw } => {
                payload.extend_from_slice(raw.as_bytes());
            }
            Self::SendError { text } => put_string(&mut payload, text),
            Self::SetClientCustomAttributes { attributes } => put_object(&mut payload, attributes),
            Self::SetRoomCustomAttributes { room, attributes } => {
                put_string(&mut payload, room);
                put_object(&mut payload, attributes);
            }
            Self::SetRoomKeepOpen { room, keep_open } => {
                put_string(&mut payload, room);
                put_bool(&mut payload, *keep_open);
            }
            Self::ListRooms | Self::Content | Self::ListClients | Self::ClientId => {}
        }
        frame::encode(self.code(), id, &payload)
    }

    /// The message type.
    pub const fn code(&self) -> u16 {
        match self {
            Self::JoinRoom(_) => control::JOIN_ROOM,
            Self::LeaveRoom { .. } => control::LEAVE_ROOM,
            Self::ListRooms => control::LIST_ROOMS,
            Self::Content => control::CONTENT,
            Self::DeleteRoom { .. } => control::DELETE_ROOM,
            Self::SetClientName { .. } => control::SET_CLIENT_NAME,
            Self::SendError { .. } => control::SEND_ERROR,
            Self::ListClients => control::LIST_CLIENTS,
            Self::SetClientCustomAttributes { .. } => control::SET_CLIENT_CUSTOM_ATTRIBUTES,
            Self::SetRoomCustomAttributes { .. } => control::SET_ROOM_CUSTOM_ATTRIBUTES,
            Self::SetRoomKeepOpen { .. } => control::SET_ROOM_KEEP_OPEN,
            Self::ClientId => control::CLIENT_ID,
        }
    }
}

fn join_room(reader: &mut Reader<'_>) -> Result<JoinRoom, PayloadError> {
    Ok(JoinRoom {
        room: reader.string()?.to_owned(),
        blender_version: reader.string()?.to_owned(),
        mixer_version: reader.string()?.to_owned(),
        ignore_version_check: reader.bool(),
        generic_protocol: reader.bool(),
    })
}

fn room_attributes(reader: &mut Reader<'_>) -> Result<ClientMessage, PayloadError> {
    let room = reader.string()?.to_owned();
    Ok(ClientMessage::SetRoomCustomAttributes { room, attributes: reader.object()? })
}

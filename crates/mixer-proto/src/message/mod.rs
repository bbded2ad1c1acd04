//! Turns control frames into typed messages and back: the whole table of message types below 100, in both directions.
//!
//! Payloads are the *real* ones, which the protocol's text and the reference disagree about in places: LEAVE_ROOM, DELETE_ROOM,
//! SET_CLIENT_NAME and the CLIENT_ID reply are raw text without a length, JOIN_ROOM has five fields of which all but the first may be missing, and
//! leaving is answered with an empty LEAVE_ROOM. It deliberately does not know what follows from a message.

mod from_client;
mod from_server;

pub use from_client::{ClientMessage, DecodeClientMessageError, JoinRoom};
pub use from_server::{DecodeServerMessageError, ServerMessage};

#[cfg(test)]
mod tests;

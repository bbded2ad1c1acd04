//! The Mixer protocol: codec, commands, and a sans-IO room server and client.
//!
//! Mixer lets several Blenders (and VRtist, Shot Manager, ...) share one live scene: a server relays each client's commands to the other
//! clients of its room and keeps them for those who come later. This crate turns bytes into typed messages and back, and decides what a
//! server and a client do about them. It deliberately knows nothing of sockets, clocks, threads and files, nor of what a room
//! command means: commands stay opaque bytes.
//!
//! | module | turns what into what |
//! |---|---|
//! | [`frame`] | a byte stream into whole frames |
//! | [`code`] | a message type into its name and its fate in a room |
//! | [`primitive`] | payload bytes into strings, truth values, JSON |
//! | [`json`] | Python's JSON text into ordered values |
//! | [`message`] | a control frame into a [`message::ClientMessage`] or [`message::ServerMessage`] |
//! | [`server`] | what clients send into what each of them must be sent |
//! | [`client`] | what a server sends into events and views |
//! | [`stay`] | the chart of a client's stay in a room |
//! | [`saved`] | a saved room file into attributes and commands |
//!
//! ```
//! use mixer_proto::message::{ClientMessage, ServerMessage};
//! use mixer_proto::server::{Input, Limits, RoomServer};
//! use std::time::Duration;
//!
//! let mut server = RoomServer::new(Limits::default());
//! let client = server.connect(Duration::ZERO, "192.0.2.1:5000".parse().unwrap()).unwrap();
//! let request = bytes::BytesMut::from(&ClientMessage::ClientId.encode(100)[..]);
//! server.step(Duration::ZERO, Input::Received { client, frames: request, dense: false });
//! server.step(Duration::ZERO, Input::EndOfRound);
//! let sent: Vec<u8> = server.unsent(client).flatten().copied().collect();
//! let first = mixer_proto::frame::Frames::new(&sent).next().unwrap();
//! assert_eq!(ServerMessage::decode(first.header.code, first.payload).unwrap(), ServerMessage::ClientId { id: "192.0.2.1:5000".into() });
//! ```
#![forbid(unsafe_code)]

pub mod client;
pub mod code;
pub mod frame;
pub mod json;
pub mod message;
pub mod primitive;
pub mod saved;
pub mod server;
pub mod stay;

//! What a fuzzer, the corpus replay and the property tests run.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

pub mod world;

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use mixer_proto::client::ClientSession;
use mixer_proto::frame::{Frames, scan};
use mixer_proto::json::Json;
use mixer_proto::message::{ClientMessage, ServerMessage};
use mixer_proto::saved::SavedRoom;
use mixer_proto::server::{Input, Limits, RoomServer};
use world::Action;

/// Any bytes, as everything that comes from outside: no panic, and what was understood is written and understood again.
pub fn mixer_bytes(data: &[u8]) {
    let whole = scan(data, 1 << 16).whole;
    for frame in Frames::new(&data[..whole]) {
        if let Ok(message) = ClientMessage::decode(frame.header.code, frame.payload) {
            again_from_client(&message);
        }
        if let Ok(message) = ServerMessage::decode(frame.header.code, frame.payload) {
            again_from_server(&message);
        }
    }
    let frames = Bytes::copy_from_slice(&data[..whole]);
    ClientSession::new().receive(&frames).for_each(drop);
    let _ = SavedRoom::decode(&Bytes::copy_from_slice(data));
    let mut limits = Limits::default();
    limits.attribute_bytes = 1000;
    limits.name_bytes = 10;
    limits.room_bytes = 1000;
    let mut server = RoomServer::new(limits);
    let client = server.connect(Duration::ZERO, ([192, 0, 2, 1], 1).into()).unwrap();
    server.step(
        Duration::ZERO,
        Input::Received { client, frames: BytesMut::from(&data[..whole]), dense: false },
    );
    server.step(Duration::ZERO, Input::EndOfRound);
    let sent: Vec<u8> = server.unsent(client).flatten().copied().collect();
    for frame in Frames::new(&sent).filter(|frame| frame.header.code < 100) {
        ServerMessage::decode(frame.header.code, frame.payload).expect("what the server says can be read");
    }
    assert!(server.metrics().stored_bytes <= 1000);
}

/// Any text as JSON: what is read is written in a form that reads the same, and stays the same from then on.
pub fn mixer_json(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(value) = Json::parse(text) else { return };
    let written = value.to_string();
    assert!(written.is_ascii());
    let again = Json::parse(&written).expect("what was written can be read");
    assert_eq!(again.to_string(), written);
    // The one value that does not equal itself.
    assert!(again.python_eq(&value) || matches!(value, Json::Float(number) if number.is_nan()), "{written}");
}

/// Bytes as actions of a simulated world of clients, compared with the reference model.
pub fn mixer_world(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let actions: Vec<Action> = rest.chunks_exact(4).map(action).collect();
    world::run(&actions, first & 1 == 1);
}

fn action(bytes: &[u8]) -> Action {
    let (client, room, value) = (bytes[1] % 6, bytes[2] % 3, bytes[3]);
    match bytes[0] {
        250..=252 => return Action::Error(client),
        253..=255 => return Action::Restart,
        _ => {}
    }
    match bytes[0] % 18 {
        0 => Action::Connect,
        1 => Action::Disconnect(client),
        2 | 3 => Action::Join(client, room),
        4 => Action::Leave(client),
        5 | 6 => Action::Content(client),
        7..=9 => Action::Command(client, bytes[2], value),
        10 => Action::ClientAttribute(client, value % 4),
        11 => Action::RoomAttribute(client, room, value % 4),
        12 => Action::KeepOpen(client, room, value & 1 == 1),
        13 => Action::Delete(client, room),
        14 => Action::ConnectQuietly,
        15 => Action::List(client, value & 1 == 1),
        16 => Action::Read(client, u16::from_le_bytes([bytes[2], value])),
        _ => Action::Round(value),
    }
}

fn again_from_client(message: &ClientMessage) {
    let frame = message.encode(1);
    let again = ClientMessage::decode(message.code(), &frame[14..]).unwrap();
    assert_eq!(again.encode(1), frame);
}

fn again_from_server(message: &ServerMessage) {
    let frame = message.encode(1);
    let again = ServerMessage::decode(message.code(), &frame[14..]).unwrap();
    assert_eq!(again.encode(1), frame);
}

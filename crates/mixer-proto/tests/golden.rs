//! Bytes of the reference's own encoders and of a real Blender session.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use bytes::Bytes;
use mixer_proto::code::{self, control};
use mixer_proto::frame::{Frames, Next, scan};
use mixer_proto::json::{Json, Object};
use mixer_proto::message::{ClientMessage, JoinRoom, ServerMessage};
use mixer_proto::primitive::Reader;
use mixer_proto::saved::SavedRoom;

fn items() -> Vec<(String, Object, Vec<u8>)> {
    let file = Json::parse(include_str!("data/encodings.json")).unwrap();
    let items = file.as_object().unwrap().find("items").unwrap().as_array().unwrap();
    items
        .iter()
        .map(|item| {
            let item = item.as_object().unwrap();
            let hex = item.find("hex").unwrap().as_str().unwrap();
            let bytes = (0..hex.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
                .collect();
            let fields = item.find("fields").unwrap().as_object().unwrap().clone();
            (item.find("name").unwrap().as_str().unwrap().to_owned(), fields, bytes)
        })
        .collect()
}

// proves: MIX-FRAME-1, MIX-JSON-2, MIX-ROW-1, MIX-ROW-5, MIX-ROW-6, MIX-ROW-19
#[test]
fn every_golden_message_is_read_and_written_again_byte_for_byte() {
    let mut messages = 0;
    for (name, fields, bytes) in items().into_iter().filter(|(name, ..)| !name.starts_with("primitive")) {
        messages += 1;
        let found = scan(&bytes, 1 << 20);
        assert_eq!((found.whole, found.next), (bytes.len(), Next::Boundary), "{name}");
        let frame = Frames::new(&bytes).next().unwrap();
        assert_eq!(i64::from(frame.header.id), fields.find("id").unwrap().as_i64().unwrap(), "{name}");
        let code = frame.header.code;
        if code > code::COMMAND {
            assert!(code::fate(code).is_some(), "{name}");
            continue;
        }
        let from_client =
            ClientMessage::decode(code, frame.payload).map(|message| message.encode(frame.header.id));
        let from_server =
            ServerMessage::decode(code, frame.payload).map(|message| message.encode(frame.header.id));
        let ours = [from_client.ok(), from_server.ok()];
        assert!(ours.iter().flatten().any(|ours| *ours == bytes), "{name}");
    }
    assert_eq!(messages, 26);
}

// proves: MIX-ROW-1
#[test]
fn golden_join_room_has_the_five_fields() {
    let (_, _, bytes) = items().into_iter().find(|(name, ..)| name == "JOIN_ROOM client->server").unwrap();
    let join = JoinRoom {
        room: "Ré".into(),
        blender_version: "2.93.5".into(),
        mixer_version: "1.0.1".into(),
        ignore_version_check: false,
        generic_protocol: true,
    };
    assert_eq!(ClientMessage::decode(control::JOIN_ROOM, &bytes[14..]), Ok(ClientMessage::JoinRoom(join)));
}

// proves: MIX-PRIM-1, MIX-PRIM-2, MIX-JSON-1, MIX-JSON-2
#[test]
fn golden_primitives_are_read() {
    for (name, fields, bytes) in items() {
        match name.strip_prefix("primitive: ") {
            Some("string" | "string empty") => {
                assert_eq!(
                    Reader::new(&bytes).string().ok(),
                    fields.find("value").unwrap().as_str(),
                    "{name}"
                );
            }
            Some("bool true" | "bool false") => {
                assert_eq!(
                    Some(Reader::new(&bytes).bool()),
                    fields.find("value").unwrap().as_bool(),
                    "{name}"
                );
            }
            Some(json) if json.starts_with("json") => {
                let text = Reader::new(&bytes).string().unwrap();
                assert_eq!(Json::parse(text).unwrap().to_string(), text, "{name}");
            }
            _ => {}
        }
    }
}

// proves: MIX-FILE-1
#[test]
fn golden_saved_room_is_read_and_written_again() {
    let file = Bytes::from_static(include_bytes!("data/room_bake.bin"));
    let room = SavedRoom::decode(&file).unwrap();
    assert_eq!(Frames::new(&room.commands).count(), 2);
    assert_eq!(room.attributes.find("keep_open"), Some(&Json::Bool(true)));
    assert_eq!(room.encode(), file);
}

// proves: MIX-JSON-2
#[test]
fn attributes_of_a_real_blender_keep_text_and_meaning() {
    let file = Json::parse(include_str!("data/blender_clients.json")).unwrap();
    let again = Json::parse(&file.to_string()).unwrap();
    assert!(file.python_eq(&again));
    assert!(file.to_string().contains(r#""screen_corners": [[14.002402305603027, -6.794316291809082, "#));
    let commands = file.as_object().unwrap().find("commands").unwrap().as_array().unwrap();
    for command in commands {
        let name = command.as_object().unwrap().find("type").unwrap().as_str().unwrap();
        assert!((101..=1000).any(|code| code::name(code) == Some(name)), "{name}");
    }
}

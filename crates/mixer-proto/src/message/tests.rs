use super::{ClientMessage, DecodeClientMessageError, JoinRoom, ServerMessage};
use crate::json::{Json, Object};
use crate::primitive::put_string;

fn object(text: &str) -> Object {
    Json::parse(text).unwrap().as_object().unwrap().clone()
}

// proves: MIX-ROW-1
#[test]
fn join_room_is_read_with_one_four_and_five_fields() {
    let full = JoinRoom {
        room: "r".into(),
        blender_version: "2.93".into(),
        mixer_version: "1.0".into(),
        ignore_version_check: true,
        generic_protocol: true,
    };
    let five = ClientMessage::JoinRoom(full.clone()).encode(1);
    assert_eq!(ClientMessage::decode(1, &five[14..]), Ok(ClientMessage::JoinRoom(full.clone())));
    let four = JoinRoom { generic_protocol: false, ..full };
    assert_eq!(ClientMessage::decode(1, &five[14..five.len() - 4]), Ok(ClientMessage::JoinRoom(four)));
    let mut one = Vec::new();
    put_string(&mut one, "r");
    let short = JoinRoom { room: "r".into(), ..JoinRoom::default() };
    assert_eq!(ClientMessage::decode(1, &one), Ok(ClientMessage::JoinRoom(short)));
}

// proves: MIX-ROW-5, MIX-ROW-6, MIX-RAW-1
#[test]
fn raw_payloads_have_no_length() {
    assert_eq!(&ClientMessage::DeleteRoom { room: "é".into() }.encode(1)[14..], "é".as_bytes());
    assert_eq!(&ClientMessage::LeaveRoom { room: "x".into() }.encode(1)[14..], b"x");
    assert_eq!(&ClientMessage::SetClientName { name: "x".into() }.encode(1)[14..], b"x");
    assert_eq!(&ServerMessage::ClientId { id: "1.2.3.4:5".into() }.encode(1)[14..], b"1.2.3.4:5");
    assert!(ServerMessage::LeaveRoom.encode(1)[14..].is_empty());
}

#[test]
fn every_message_reads_back_as_it_was_written() {
    let attributes = object(r#"{"user_name": "Zoé", "n": NaN, "big": 123456789012345678901234567890}"#);
    let room = "Ré".to_owned();
    for message in [
        ClientMessage::JoinRoom(JoinRoom { room: room.clone(), ..JoinRoom::default() }),
        ClientMessage::LeaveRoom { room: room.clone() },
        ClientMessage::ListRooms,
        ClientMessage::Content,
        ClientMessage::DeleteRoom { room: room.clone() },
        ClientMessage::SetClientName { name: room.clone() },
        ClientMessage::SendError { text: room.clone() },
        ClientMessage::ListClients,
        ClientMessage::SetClientCustomAttributes { attributes: object("{\"a\": [1, {}]}") },
        ClientMessage::SetRoomCustomAttributes { room: room.clone(), attributes: object("{}") },
        ClientMessage::SetRoomKeepOpen { room: room.clone(), keep_open: true },
        ClientMessage::ClientId,
    ] {
        let frame = message.encode(7);
        assert_eq!(ClientMessage::decode(message.code(), &frame[14..]), Ok(message));
    }
    for message in [
        ServerMessage::JoinRoom { room: room.clone() },
        ServerMessage::LeaveRoom,
        ServerMessage::ListRooms { rooms: object("{\"a\": {}}") },
        ServerMessage::Content,
        ServerMessage::ClearContent,
        ServerMessage::SendError { text: room.clone() },
        ServerMessage::ListClients { clients: object("{}") },
        ServerMessage::ClientId { id: room.clone() },
        ServerMessage::ClientUpdate { updates: object("{\"a\": {\"room\": null}}") },
        ServerMessage::RoomUpdate { updates: object("{}") },
        ServerMessage::RoomDeleted { room: room.clone() },
        ServerMessage::ClientDisconnected { id: room },
    ] {
        let frame = message.encode(7);
        assert_eq!(ServerMessage::decode(message.code(), &frame[14..]), Ok(message));
    }
    let frame = ClientMessage::SetClientCustomAttributes { attributes }.encode(1);
    assert!(
        frame.ends_with(br#"{"user_name": "Zo\u00e9", "n": NaN, "big": 123456789012345678901234567890}"#)
    );
}

#[test]
fn types_of_the_other_side_and_historic_ones_are_refused() {
    for code in [0, 2, 6, 8, 9, 10, 13, 19, 20, 21, 22, 23, 99, 100, 101, 1000] {
        assert_eq!(
            ClientMessage::decode(code, b""),
            Err(DecodeClientMessageError::TypeNotFromClient { code })
        );
    }
    for code in [0, 2, 7, 11, 15, 16, 17, 100] {
        assert!(ServerMessage::decode(code, b"").is_err());
    }
}

//! Turns events into one line of text each, for people who watch a room.

use mixer_proto::client::ClientEvent;
use mixer_proto::code::{self, Fate};
use mixer_proto::frame::HEADER_LEN;
use mixer_proto::json::{Json, Object};
use mixer_proto::primitive::Reader;

/// One line about an event, without a line end; control characters in names are escaped and long texts cut.
///
/// ```
/// use mixer::{ClientEvent, describe};
/// let frame = mixer_proto::frame::encode(201, 1, b"\x05\0\0\0/Cube...");
/// assert_eq!(describe(&ClientEvent::Command { code: 201, frame }), "TRANSFORM /Cube, 12 bytes");
/// ```
pub fn describe(event: &ClientEvent) -> String {
    match event {
        ClientEvent::Identified { id } => format!("this client is {}", shown(id)),
        ClientEvent::RoomsListed => "rooms listed".to_owned(),
        ClientEvent::ClientsListed => "clients listed".to_owned(),
        ClientEvent::RoomChanged { room, changes } => format!("room {}: {}", shown(room), changed(changes)),
        ClientEvent::ClientChanged { id, changes } => format!("client {}: {}", shown(id), changed(changes)),
        ClientEvent::RoomDeleted { room } => format!("room {} is gone", shown(room)),
        ClientEvent::ClientGone { id } => format!("client {} is gone", shown(id)),
        ClientEvent::ContentCleared => "history begins".to_owned(),
        ClientEvent::Joined { room } => format!("history of {} is complete", shown(room)),
        ClientEvent::ContentWanted { room } => format!("room {} is new and waits for content", shown(room)),
        ClientEvent::Left => "left the room".to_owned(),
        ClientEvent::Refused { text } => format!("error: {}", shown(text)),
        ClientEvent::JoinRefused { room, text } => format!("not let into {}: {}", shown(room), shown(text)),
        ClientEvent::Command { code, frame } => command(*code, frame.get(HEADER_LEN..).unwrap_or_default()),
        ClientEvent::Unreadable { error } => format!("unreadable: {error}"),
        ClientEvent::Unexpected { code, stay } => format!("unexpected message type {code} while {stay:?}"),
        other => format!("{other:?}"),
    }
}

fn command(code: u16, payload: &[u8]) -> String {
    let name = code::name(code).map_or_else(|| format!("unknown type {code}"), str::to_owned);
    let size = payload.len();
    match (code::fate(code), code) {
        (_, code::FRAME) => match payload.first_chunk() {
            Some(number) => format!("{name} {}", i32::from_le_bytes(*number)),
            None => name,
        },
        (Some(Fate::Merged), _) if !payload.is_empty() => {
            let path = Reader::new(payload).string_bytes();
            format!("{name} {}, {size} bytes", shown(&String::from_utf8_lossy(path)))
        }
        _ => format!("{name}, {size} bytes"),
    }
}

fn changed(changes: &Object) -> String {
    shown(&Json::Object(changes.clone()).to_string())
}

fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(LONGEST).flat_map(escaped).collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push_str("...");
    }
    shown
}

fn escaped(character: char) -> impl Iterator<Item = char> {
    let plain = (!character.is_control()).then_some(character);
    plain.into_iter().chain(character.is_control().then(|| character.escape_default()).into_iter().flatten())
}

const LONGEST: usize = 400;

#[cfg(test)]
mod tests {
    use mixer_proto::client::ClientEvent;
    use mixer_proto::frame::encode;

    use super::describe;

    #[test]
    fn lines_have_no_control_characters_and_an_end() {
        let text = describe(&ClientEvent::Refused { text: format!("a\n\u{1b}[31m{}", "x".repeat(1000)) });
        assert!(!text.chars().any(char::is_control) && text.len() < 450, "{text}");
        let frame = encode(205, 1, &42_i32.to_le_bytes());
        assert_eq!(describe(&ClientEvent::Command { code: 205, frame }), "FRAME 42");
        let frame = encode(208, 1, b"\xff\xff\xff\xff\xff");
        assert_eq!(describe(&ClientEvent::Command { code: 208, frame }), "WORLD_SKY \u{fffd}, 5 bytes");
    }
}

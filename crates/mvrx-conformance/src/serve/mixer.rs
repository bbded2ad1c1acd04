//! A scripted Mixer server: one connection of it.
//!
//! It has one room with one command in it, takes what a client sends into rooms of its own, and forgets these with the connection. Nobody else is told of
//! anything.

use std::collections::BTreeMap;
use std::net::TcpStream;
use std::time::Instant;

use serde_json::{Map, Value, json};

use super::watched::{Came, keep};
use super::{Shared, WRITE};
use crate::judge::Limits;
use crate::mixer::{
    CLEAR_CONTENT, CLIENT_ID, CLIENT_UPDATE, COMMAND, CONTENT, DELETE_ROOM, JOIN_ROOM, KEEP_OPEN, LEAVE_ROOM,
    LIST_CLIENTS, LIST_ROOMS, NoFrame, OBJECT_VISIBILITY, ROOM_DELETED, ROOM_UPDATE, SEND_ERROR, SET_CLIENT,
    SET_CLIENT_NAME, SET_ROOM, frame, json as words, plain_json, receive, text,
};
use crate::transcript::{Transcript, Way};
use crate::wire::Wire;

/// Answers until it ends.
pub(super) fn serve(stream: TcpStream, shared: &Shared, limits: Limits, until: Instant) {
    let Ok(peer) = stream.peer_addr() else { return };
    let Ok(mut wire) = Wire::over(stream, WRITE) else { return };
    let transcript = Transcript::default();
    let mut member = Member::new(&peer.ip().to_string(), peer.port());
    loop {
        let came = match receive(&mut wire, limits.file, until, &transcript) {
            Ok(came) => came,
            Err(NoFrame::Closed) => break,
            Err(NoFrame::Silence | NoFrame::TooLong(_)) => return,
        };
        let mut wrong = Vec::new();
        if came.big_endian {
            wrong.push(("client-frame-order", "the highest byte comes first".to_owned()));
        }
        let answers = member.hears(came.kind, &came.payload, &mut wrong);
        let seen = transcript.take();
        {
            let mut watched = shared.watched();
            match member.begins.take() {
                Some(Begins::Room) => {
                    member.begun = Some(watched.mixer.begun.len());
                    keep(&mut watched.mixer.begun, (Some(false), seen.clone()));
                }
                Some(Begins::Content) => {
                    let begun = member.begun.and_then(|begun| watched.mixer.begun.get_mut(begun));
                    if let Some(begun) = begun {
                        begun.0 = Some(true);
                    }
                }
                None => {}
            }
            keep(&mut watched.mixer.came, Came { kind: came.kind, wrong, seen });
        }
        shared.came.notify_all();
        transcript.note(Way::Sent, "an answer", &answers);
        if wire.write(&answers).is_err() {
            break;
        }
    }
    let mut watched = shared.watched();
    // A room whose creator is gone in the middle is nobody's fault.
    let left_behind = member.room.is_some().then_some(member.begun).flatten();
    let open = left_behind.and_then(|begun| watched.mixer.begun.get_mut(begun));
    if let Some(open) = open.filter(|open| open.0 == Some(false)) {
        open.0 = None;
    }
    watched.mixer.gone |= member.has_joined;
    drop(watched);
    shared.came.notify_all();
}

/// What is known of a client.
struct Member {
    id: String,
    attributes: Map<String, Value>,
    room: Option<String>,
    has_joined: bool,
    rooms: BTreeMap<String, Map<String, Value>>,
    /// What this frame begins, for the record.
    begins: Option<Begins>,
    begun: Option<usize>,
}

enum Begins {
    Room,
    Content,
}

type Wrong = Vec<(&'static str, String)>;

impl Member {
    fn new(ip: &str, port: u16) -> Self {
        let id = format!("{ip}:{port}");
        let attributes = object(json!({ "id": id, "ip": ip, "port": port, "room": null }));
        let mut room = fresh_room(ROOM, ROOM, ROOM);
        room.extend(object(json!({
            "keep_open": true, "ignore_version_check": true, "joinable": true, "command_count": 1,
            "byte_size": frame(OBJECT_VISIBILITY, HIDDEN).len(),
        })));
        let rooms = BTreeMap::from([(ROOM.to_owned(), room)]);
        Self { id, attributes, room: None, has_joined: false, rooms, begins: None, begun: None }
    }

    /// What is answered.
    fn hears(&mut self, kind: u16, payload: &[u8], wrong: &mut Wrong) -> Vec<u8> {
        if matches!(kind, CLIENT_ID | LIST_CLIENTS | LIST_ROOMS | CONTENT) && !payload.is_empty() {
            wrong.push(("client-asks-empty", format!("{} bytes are in one of type {kind}", payload.len())));
        }
        match kind {
            CLIENT_ID => frame(CLIENT_ID, self.id.as_bytes()),
            LIST_CLIENTS => frame(LIST_CLIENTS, &words(&json!({ &self.id: self.attributes }))),
            LIST_ROOMS => frame(LIST_ROOMS, &words(&json!(self.rooms))),
            JOIN_ROOM => self.join(payload, wrong),
            LEAVE_ROOM => self.leave(payload, wrong),
            CONTENT => self.content(wrong),
            DELETE_ROOM => self.delete(payload, wrong),
            SET_CLIENT_NAME => {
                let name = raw(payload, wrong);
                self.set_client(&object(json!({ "user_name": name })))
            }
            SET_CLIENT => match attributes(payload) {
                Ok(mut set) => {
                    let own: Vec<&str> = OWN.into_iter().filter(|key| set.remove(*key).is_some()).collect();
                    if !own.is_empty() {
                        wrong.push(("client-own-attributes", format!("it sets {}", own.join(", "))));
                    }
                    self.set_client(&set)
                }
                Err(why) => {
                    wrong.push(("client-attributes", why));
                    error("these are no attributes")
                }
            },
            SET_ROOM | KEEP_OPEN => self.set_room(kind, payload, wrong),
            SEND_ERROR => frame(SEND_ERROR, payload),
            kind if kind > COMMAND => self.command(payload.len(), wrong),
            _ => {
                wrong.push(("client-frame-type", format!("one has {kind}")));
                error("an unknown type")
            }
        }
    }

    fn join(&mut self, payload: &[u8], wrong: &mut Wrong) -> Vec<u8> {
        let mut rest = payload;
        let Some(name) = string(&mut rest).filter(|name| !name.is_empty()) else {
            wrong.push((
                "client-join-room",
                "it does not begin with a name that has its length in front".to_owned(),
            ));
            return error("a room needs a name");
        };
        let versions = (string(&mut rest), string(&mut rest));
        if versions.0.is_none() || versions.1.is_none() {
            wrong.push(("client-join-versions", "one is missing".to_owned()));
        } else if !matches!(rest, [0 | 1, 0, 0, 0, 0 | 1, 0, 0, 0]) {
            wrong.push((
                "client-join-flags",
                format!("{} bytes are there that are not two of them", rest.len()),
            ));
        }
        if let Some(room) = &self.room {
            wrong.push(("client-join-once", format!("it is in \"{room}\"")));
            return error("in a room already");
        }
        let known = self.rooms.get(&name).cloned();
        if known.is_none() && self.rooms.len() >= ROOMS {
            return error("this is a test, and has no more rooms");
        }
        self.has_joined = true;
        self.room = Some(name.clone());
        let placed = self.set_client(&object(json!({ "room": name })));
        if known.is_some() {
            let history = if name == ROOM { frame(OBJECT_VISIBILITY, HIDDEN) } else { Vec::new() };
            return [frame(CLEAR_CONTENT, b""), history, frame(JOIN_ROOM, &text(&name)), placed].concat();
        }
        let (blender, mixer) = (versions.0.unwrap_or_default(), versions.1.unwrap_or_default());
        let room = fresh_room(&name, &blender, &mixer);
        let told = frame(ROOM_UPDATE, &words(&json!({ &name: room })));
        self.rooms.insert(name.clone(), room);
        self.begins = Some(Begins::Room);
        [frame(JOIN_ROOM, &text(&name)), frame(CONTENT, b""), told, placed].concat()
    }

    fn leave(&mut self, payload: &[u8], wrong: &mut Wrong) -> Vec<u8> {
        raw(payload, wrong);
        let Some(name) = self.room.take() else {
            wrong.push(("client-leave-inside", "it is in no room".to_owned()));
            return error("in no room");
        };
        let placed = self.set_client(&object(json!({ "room": null })));
        let kept =
            self.rooms.get(&name).is_some_and(|room| room.get("keep_open") == Some(&Value::Bool(true)));
        let ended = if kept {
            Vec::new()
        } else {
            self.rooms.remove(&name);
            frame(ROOM_DELETED, &text(&name))
        };
        [frame(LEAVE_ROOM, b""), placed, ended].concat()
    }

    fn content(&mut self, wrong: &mut Wrong) -> Vec<u8> {
        let room = self
            .room
            .clone()
            .and_then(|name| Some((self.rooms.get(&name)?.get("joinable")? == &json!(false), name)));
        let Some((true, name)) = room else {
            wrong.push(("client-content-once", "nobody waits for it".to_owned()));
            return error("nobody waits for content");
        };
        self.begins = Some(Begins::Content);
        self.update_room(&name, &object(json!({ "joinable": true })))
    }

    fn delete(&mut self, payload: &[u8], wrong: &mut Wrong) -> Vec<u8> {
        let name = raw(payload, wrong);
        if self.room.as_ref() == Some(&name) || name == ROOM {
            return error("this room is not to be deleted");
        }
        match self.rooms.remove(&name) {
            Some(_) => frame(ROOM_DELETED, &text(&name)),
            None => unknown(&name, wrong),
        }
    }

    fn set_room(&mut self, kind: u16, payload: &[u8], wrong: &mut Wrong) -> Vec<u8> {
        let mut rest = payload;
        let Some(name) = string(&mut rest) else {
            wrong.push(("client-room-attributes", "there is no name with its length in front".to_owned()));
            return error("no name");
        };
        let set = match (kind, rest) {
            (KEEP_OPEN, [keep @ (0 | 1), 0, 0, 0]) => Ok(object(json!({ "keep_open": *keep == 1 }))),
            (KEEP_OPEN, _) => Err("no truth value stands behind the name".to_owned()),
            _ => attributes(rest),
        };
        match set {
            Err(why) => {
                wrong.push(("client-room-attributes", why));
                error("these are no attributes")
            }
            Ok(_) if !self.rooms.contains_key(&name) => unknown(&name, wrong),
            Ok(set) => self.update_room(&name, &set),
        }
    }

    fn command(&mut self, bytes: usize, wrong: &mut Wrong) -> Vec<u8> {
        let Some(name) = self.room.clone() else {
            wrong.push(("client-commands-inside", "it is in no room".to_owned()));
            return Vec::new();
        };
        let counted =
            |room: &Map<String, Value>, key: &str| room.get(key).and_then(Value::as_u64).unwrap_or(0);
        let Some(room) = self.rooms.get(&name) else { return Vec::new() };
        let (size, count) = (counted(room, "byte_size"), counted(room, "command_count"));
        let size = size.saturating_add((bytes + HEADER) as u64);
        self.update_room(
            &name,
            &object(json!({ "byte_size": size, "command_count": count.saturating_add(1) })),
        )
    }

    fn set_client(&mut self, set: &Map<String, Value>) -> Vec<u8> {
        merge(&mut self.attributes, set);
        frame(CLIENT_UPDATE, &words(&json!({ &self.id: set })))
    }

    fn update_room(&mut self, name: &str, set: &Map<String, Value>) -> Vec<u8> {
        if let Some(room) = self.rooms.get_mut(name) {
            merge(room, set);
        }
        frame(ROOM_UPDATE, &words(&json!({ name: set })))
    }
}

fn unknown(name: &str, wrong: &mut Wrong) -> Vec<u8> {
    wrong.push(("client-room-known", format!("there is no \"{name}\"")));
    error("no such room")
}

fn fresh_room(name: &str, blender: &str, mixer: &str) -> Map<String, Value> {
    object(json!({
        "name": name, "keep_open": false, "blender_version": blender, "mixer_version": mixer,
        "ignore_version_check": false, "generic_protocol": true, "command_count": 0, "byte_size": 0, "joinable": false,
    }))
}

/// As many attributes as a test needs; what is more is not kept.
fn merge(all: &mut Map<String, Value>, set: &Map<String, Value>) {
    for (key, value) in set {
        if all.contains_key(key) || all.len() < ATTRIBUTES {
            all.insert(key.clone(), value.clone());
        }
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn error(words: &str) -> Vec<u8> {
    frame(SEND_ERROR, &text(words))
}

/// A text to the end of the frame.
fn raw(payload: &[u8], wrong: &mut Wrong) -> String {
    let mut rest = payload;
    match std::str::from_utf8(payload) {
        _ if string(&mut rest).is_some() && rest.is_empty() => {
            wrong.push(("client-raw-names", "there is a length in front".to_owned()));
        }
        Ok(_) => {}
        Err(_) => wrong.push(("client-raw-names", "it is not UTF-8".to_owned())),
    }
    String::from_utf8_lossy(payload).into_owned()
}

/// A text with its length in front.
fn string(rest: &mut &[u8]) -> Option<String> {
    let (length, behind) = rest.split_first_chunk()?;
    let (text, behind) = behind.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    let text = std::str::from_utf8(text).ok()?;
    *rest = behind;
    Some(text.to_owned())
}

/// An object of attributes, as JSON with its length in front.
fn attributes(payload: &[u8]) -> Result<Map<String, Value>, String> {
    let mut rest = payload;
    let text = string(&mut rest).ok_or("there is no text with its length in front")?;
    match serde_json::from_str(&plain_json(&text)) {
        Ok(Value::Object(fields)) if rest.is_empty() => Ok(fields),
        Ok(Value::Object(_)) => Err(format!("{} bytes stand behind it", rest.len())),
        Ok(_) => Err("the JSON is no object".to_owned()),
        Err(error) => Err(format!("it is no JSON ({error})")),
    }
}

/// The room that is there.
pub(super) const ROOM: &str = "conformance test";
/// OBJECT_VISIBILITY of an object that nobody has.
const HIDDEN: &[u8] = b"\x07\0\0\0conform\x01\0\0\0";
/// Of a client, and not its to set.
const OWN: [&str; 4] = ["id", "ip", "port", "room"];
const HEADER: usize = 14;
const ROOMS: usize = 16;
const ATTRIBUTES: usize = 256;

//! Mixer: frames, a guest of a server, and the cases for servers.

mod clients;
mod commands;
mod guest;
mod rooms;
mod rough;

pub(crate) use guest::{Guest, NoFrame, frame, json, plain_json, receive, text};

use crate::case::Case;
use crate::verdict::Outcome;
use crate::visit::{Visit, uuid};

/// What is done without any further consent.
pub(crate) const DOES: &str = "The judge connects again and again as up to three clients named \"Conformance test\", makes rooms that are \
    named \"conformance test …\", sends commands into those alone, and deletes them.";
pub(crate) const ROUGH: &str =
    "It sends unusual and broken frames, and an error text that every client of the server is shown.";

pub(crate) const JOIN_ROOM: u16 = 1;
pub(crate) const LEAVE_ROOM: u16 = 3;
pub(crate) const LIST_ROOMS: u16 = 4;
pub(crate) const CONTENT: u16 = 5;
pub(crate) const CLEAR_CONTENT: u16 = 6;
pub(crate) const DELETE_ROOM: u16 = 7;
pub(crate) const SET_CLIENT_NAME: u16 = 11;
pub(crate) const SEND_ERROR: u16 = 12;
pub(crate) const LIST_CLIENTS: u16 = 14;
pub(crate) const SET_CLIENT: u16 = 15;
pub(crate) const SET_ROOM: u16 = 16;
pub(crate) const KEEP_OPEN: u16 = 17;
pub(crate) const CLIENT_ID: u16 = 18;
pub(crate) const CLIENT_UPDATE: u16 = 19;
pub(crate) const ROOM_UPDATE: u16 = 20;
pub(crate) const ROOM_DELETED: u16 = 21;
pub(crate) const CLIENT_DISCONNECTED: u16 = 22;

/// Types above this one go to the room.
pub(crate) const COMMAND: u16 = 100;
/// One that every server knows, and that changes nothing for who does not know the object.
pub(crate) const OBJECT_VISIBILITY: u16 = 131;

pub(crate) fn server_cases() -> Vec<Case> {
    [clients::CASES, rooms::CASES, commands::CASES, rough::CASES].concat()
}

/// A room of this run that nobody has yet.
pub(crate) fn room_name(v: &Visit<'_>) -> Outcome<String> {
    match uuid() {
        Ok(id) => Ok(format!("{} {}", prefix(v), id.get(..8).unwrap_or_default())),
        Err(error) => crate::verdict::not_offered(format!("the system gives no random numbers: {error}")),
    }
}

/// Deletes what rooms of this run are left.
pub(crate) fn farewell(visit: &Visit<'_>) {
    let Ok(mut guest) = Guest::arrive(visit) else { return };
    let Ok(rooms) = guest.list(LIST_ROOMS) else { return };
    let prefix = prefix(visit);
    for name in rooms.as_object().into_iter().flat_map(|rooms| rooms.keys()) {
        if name.starts_with(&prefix) {
            let _ = guest.say(DELETE_ROOM, name.as_bytes());
        }
    }
    // Asks for something more, so that the connection does not end before the rooms have.
    let _ = guest.list(LIST_ROOMS);
}

fn prefix(v: &Visit<'_>) -> String {
    format!("conformance test {}", v.ids.first.get(..8).unwrap_or_default())
}

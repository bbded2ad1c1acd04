//! The reference model of one server of rooms: what it was told, in its order, and the plain rules of rooms. It shares no code with the server.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use bytes::Bytes;
use mixer_proto::frame::Frames;
use mixer_proto::json::Json;
use mixer_proto::message::ClientMessage;
use mixer_proto::server::RoomContent;

/// All rooms of a server.
#[derive(Debug, Default)]
pub(crate) struct Rooms {
    rooms: BTreeMap<String, Room>,
    /// In which room each client is, by its address.
    inside: BTreeMap<SocketAddr, String>,
    /// What others have sent since it came.
    live: BTreeMap<SocketAddr, Vec<u32>>,
    /// Each command by its number: in which life of which room, as the how manieth.
    arrived: BTreeMap<u32, (u32, usize)>,
    lives: u32,
    /// Some of what happened is not on the disk yet.
    lags: bool,
    /// Rooms that the disk has not given back, but may the next time.
    hidden: BTreeSet<String>,
    /// The number of the latest command.
    pub(crate) sent: u32,
}

#[derive(Debug, Default)]
struct Room {
    life: u32,
    /// All that ever came, and how many of it somebody else was told.
    log: Vec<Bytes>,
    told: usize,
    stored: Vec<Bytes>,
    members: BTreeSet<SocketAddr>,
    joinable: bool,
    keep_open: bool,
}

/// What a checker found.
pub(crate) type Found = Option<(&'static str, String)>;

impl Rooms {
    /// The server is fed a frame of a client.
    pub(crate) fn heard(&mut self, at: SocketAddr, frame: &Bytes) {
        let code = code_of(frame);
        if code > 100 {
            return self.command(at, frame);
        }
        match ClientMessage::decode(code, frame.get(HEADER..).unwrap_or_default()) {
            Ok(ClientMessage::JoinRoom(join)) => self.joins(at, &join.room),
            Ok(ClientMessage::LeaveRoom { .. }) => self.gone(at),
            Ok(ClientMessage::Content) => {
                if let Some(room) = self.room_of(at) {
                    room.joinable = true;
                }
            }
            Ok(ClientMessage::SetRoomKeepOpen { room, keep_open }) => {
                if let Some(room) = self.rooms.get_mut(&room) {
                    room.keep_open = keep_open;
                }
            }
            Ok(ClientMessage::DeleteRoom { room })
                if self.rooms.get(&room).is_some_and(|room| room.members.is_empty()) =>
            {
                self.rooms.remove(&room);
            }
            _ => {}
        }
    }

    fn room_of(&mut self, at: SocketAddr) -> Option<&mut Room> {
        self.rooms.get_mut(self.inside.get(&at)?)
    }

    fn joins(&mut self, at: SocketAddr, name: &str) {
        if self.inside.contains_key(&at) {
            return;
        }
        let lives = &mut self.lives;
        let room = self.rooms.entry(name.to_owned()).or_insert_with(|| {
            *lives += 1;
            Room { life: *lives, ..Room::default() }
        });
        let begins = room.members.is_empty() && !room.joinable;
        if !begins && !room.joinable {
            return;
        }
        if begins {
            self.lives += 1;
            *room = Room { life: self.lives, keep_open: room.keep_open, ..Room::default() };
        }
        room.members.insert(at);
        self.inside.insert(at, name.to_owned());
        self.live.insert(at, Vec::new());
    }

    /// A client leaves its room, or the server.
    pub(crate) fn gone(&mut self, at: SocketAddr) {
        self.live.remove(&at);
        let Some(name) = self.inside.remove(&at) else { return };
        let Some(room) = self.rooms.get_mut(&name) else { return };
        room.members.remove(&at);
        if room.members.is_empty() && !room.keep_open {
            self.rooms.remove(&name);
        }
    }

    fn command(&mut self, at: SocketAddr, frame: &Bytes) {
        let Some(room) = self.inside.get(&at).and_then(|name| self.rooms.get_mut(name)) else { return };
        store(&mut room.stored, frame);
        room.log.push(frame.clone());
        let number = number_of(frame);
        self.arrived.insert(number, (room.life, room.log.len()));
        for member in room.members.iter().filter(|member| **member != at) {
            self.live.entry(*member).or_default().push(number);
        }
    }

    // ---- what clients see

    /// A client at this address is told a command after those that it was told since it entered its room.
    pub(crate) fn is_told(&mut self, at: SocketAddr, before: Option<u32>, frame: &Bytes) -> Found {
        let number = number_of(frame);
        let Some((life, place)) = self.arrived.get(&number).copied() else {
            return Some((IN_ROOM, format!("{at} is told {number}, which the server never had")));
        };
        let earlier = before.and_then(|before| self.arrived.get(&before)).copied();
        if let Some((other, at_least)) = earlier
            && (other != life || at_least >= place)
        {
            let before = before.unwrap_or_default();
            return Some((
                IN_ROOM,
                format!("{at} is told {number} of room {life} after {before} of {other}"),
            ));
        }
        // It may have left meanwhile, or the server may be gone with the room.
        if let Some(room) = self.rooms.values_mut().find(|room| room.life == life) {
            room.told = room.told.max(place);
        }
        None
    }

    // ---- the server's end

    /// What happened since the last time is on the disk, or is not.
    pub(crate) fn disk_lags(&mut self, lags: bool) {
        self.lags = lags;
    }

    /// The server starts with these rooms, and nobody; whether the disk lags is told next. `whole`: the disk is the one of before; some rooms of it cannot be read.
    pub(crate) fn server_starts(
        &mut self,
        back: &[RoomContent],
        whole: bool,
        unreadable: &[String],
    ) -> Vec<(&'static str, String)> {
        self.inside.clear();
        self.live.clear();
        let mut found = Vec::new();
        let mut before = std::mem::take(&mut self.rooms);
        for content in back {
            let joinable = content.attributes.find("joinable").and_then(Json::as_bool).unwrap_or(true);
            let mut room =
                before.remove(&content.name).unwrap_or_else(|| Room { life: 0, ..Room::default() });
            if let Err(text) = room.comes_back_as(&content.commands.concat(), joinable) {
                if room.told > 0 || whole && !self.lags && !self.hidden.contains(&content.name) {
                    found.push((COMES_BACK, format!("{} comes back {text}", content.name)));
                }
                // One of before, which the disk did not let go or did not give back.
                let all = Bytes::from(content.commands.concat());
                let stored = Frames::new(&all).map(|frame| all.slice(frame.range)).collect();
                self.lives += 1;
                room = Room { life: self.lives, stored, joinable, ..Room::default() };
            }
            room.members.clear();
            room.keep_open = true;
            self.rooms.insert(content.name.clone(), room);
        }
        let lost = before.iter().find(|(name, room)| room.told > 0 && !unreadable.contains(name));
        if let Some((name, _)) = lost.filter(|_| whole) {
            found.push((COMES_BACK, format!("{name} does not come back, of which somebody was told")));
        }
        self.hidden.retain(|name| back.iter().all(|content| content.name != *name));
        self.hidden.extend(unreadable.iter().cloned());
        if !whole {
            self.hidden.extend(before.into_keys());
        }
        found
    }

    // ---- at rest

    /// Whether these are the rooms, with what is stored in them.
    pub(crate) fn are(&self, rooms: &[RoomContent]) -> Found {
        let names: BTreeSet<&String> = rooms.iter().map(|room| &room.name).collect();
        let mine: BTreeSet<&String> = self.rooms.keys().collect();
        if names != mine {
            return Some((AS_MODEL, format!("there are {names:?}, there should be {mine:?}")));
        }
        let differs = rooms.iter().find(|content| {
            let stored = self.rooms.get(&content.name).map(|room| room.stored.concat());
            stored != Some(content.commands.concat())
        });
        differs.map(|content| (AS_MODEL, format!("{} does not store what it should", content.name)))
    }

    /// Whether a client is in a room.
    pub(crate) fn is_inside(&self, at: SocketAddr) -> bool {
        self.inside.contains_key(&at)
    }

    /// Whether a member has seen what it has to, apart from what it sent itself.
    pub(crate) fn has_everything(&self, at: SocketAddr, seen: &[u32], own: &BTreeSet<u32>) -> Found {
        let room = self.inside.get(&at).and_then(|name| self.rooms.get(name))?;
        let has = |number: &u32| seen.contains(number) || own.contains(number);
        let lost = room.stored.iter().map(number_of).find(|number| !has(number));
        if let Some(lost) = lost {
            return Some((EVERYTHING, format!("{at} does not have {lost}, which its room stores")));
        }
        let live = self.live.get(&at).map(Vec::as_slice).unwrap_or_default();
        let text =
            || (EVERYTHING, format!("{at} has seen {seen:?}, others have sent {live:?} since it came"));
        (!seen.ends_with(live)).then(text)
    }
}

impl Room {
    /// It is what it was at some moment not before the last command that somebody was told.
    fn comes_back_as(&mut self, commands: &[u8], joinable: bool) -> Result<(), String> {
        if !joinable && self.life > 0 && self.told == 0 {
            (self.stored, self.log, self.joinable) = (Vec::new(), Vec::new(), false);
            return Ok(());
        }
        if !self.joinable || !joinable {
            return Err(format!("joinable: {joinable}, and {} of it were told", self.told));
        }
        let as_of = |count: usize| {
            let mut stored = Vec::new();
            self.log.iter().take(count).for_each(|frame| store(&mut stored, frame));
            stored
        };
        let moment = (self.told..=self.log.len()).rev().find(|count| as_of(*count).concat() == commands);
        let Some(moment) = moment else {
            return Err(format!("as it never was after {} of {} commands", self.told, self.log.len()));
        };
        self.stored = as_of(moment);
        self.log.truncate(moment);
        Ok(())
    }
}

/// An update takes the place of the one before it of the same thing; what is of the moment is not stored.
fn store(stored: &mut Vec<Bytes>, frame: &Bytes) {
    let code = code_of(frame);
    let same = |last: &Bytes| code_of(last) == code && path_of(last) == path_of(frame);
    if (201..=208).contains(&code) && stored.last().is_some_and(same) {
        stored.pop();
    }
    if ![139, 205, 1000].contains(&code) {
        stored.push(frame.clone());
    }
}

pub(crate) fn code_of(frame: &[u8]) -> u16 {
    frame.get(12..14).and_then(|code| code.try_into().ok()).map_or(0, u16::from_le_bytes)
}

fn word_at(frame: &[u8], at: usize) -> u32 {
    frame.get(at..at + 4).and_then(|word| word.try_into().ok()).map_or(0, u32::from_le_bytes)
}

fn path_of(frame: &[u8]) -> &[u8] {
    frame.get(PATH..PATH + word_at(frame, HEADER) as usize).unwrap_or_default()
}

/// The number that makes each command unique stands behind its path.
pub(crate) fn number_of(frame: &Bytes) -> u32 {
    word_at(frame, PATH + path_of(frame).len())
}

const HEADER: usize = 14;
const PATH: usize = HEADER + 4;
const IN_ROOM: &str = "commands-stay-in-their-room";
const COMES_BACK: &str = "kept-rooms-come-back";
const AS_MODEL: &str = "rooms-are-the-model's";
const EVERYTHING: &str = "members-have-everything";

//! Clients that act at random, a plain model of the protocol beside the server, and what must hold for each client when all has been read.
//!
//! Checked: members get every command of the others in their room once and in order; a joiner's history is the room's list as the plain rule has it, also
//! while commands merge under it; nobody is sent a command outside its stay; the views built from listings and updates end equal to the truth; no update
//! follows the end of what it is about; a deserted room is gone unless it is kept.

#![allow(unreachable_pub)]

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use mixer_proto::client::{ClientEvent, ClientSession};
use mixer_proto::frame::{self, scan};
use mixer_proto::json::{Json, Object};
use mixer_proto::message::{ClientMessage, JoinRoom};
use mixer_proto::primitive::put_string;
use mixer_proto::server::{ClientKey, Input, Limits, RoomServer};
use mixer_proto::stay::Stay;

#[derive(Clone, Debug)]
pub enum Action {
    Connect,
    /// Without asking for any listing.
    ConnectQuietly,
    /// Asks for all rooms, or for all clients.
    List(u8, bool),
    Disconnect(u8),
    Join(u8, u8),
    Leave(u8),
    Content(u8),
    Command(u8, u8, u8),
    ClientAttribute(u8, u8),
    RoomAttribute(u8, u8, u8),
    KeepOpen(u8, u8, bool),
    Delete(u8, u8),
    Read(u8, u16),
    Round(u8),
    /// Says to everybody that something went wrong.
    Error(u8),
    /// The server ends and comes back with its rooms, and everybody is gone.
    Restart,
}

/// A real client session with what it was sent, compared with what the model expects.
struct Player {
    key: ClientKey,
    session: ClientSession,
    unread: BytesMut,
    /// Commands the session saw, since it entered its room.
    seen: Vec<Bytes>,
    /// Commands it sent itself since then.
    own: Vec<Bytes>,
    /// Whether it asked for all rooms, and for all clients.
    listed: [bool; 2],
}

#[derive(Default, Clone)]
struct ModelRoom {
    stored: Vec<Bytes>,
    members: Vec<ClientKey>,
    joinable: bool,
    keep_open: bool,
}

#[derive(Default)]
struct Model {
    rooms: BTreeMap<String, ModelRoom>,
    /// Live commands each member must get, in order.
    live: BTreeMap<ClientKey, Vec<Bytes>>,
    sent: u32,
}

pub fn run(actions: &[Action], small: bool) {
    let mut server = RoomServer::new(limits(small));
    let mut players: Vec<Player> = Vec::new();
    let mut model = Model::default();
    let mut now = Duration::ZERO;
    let mut port = 0;
    for action in actions {
        if matches!(action, Action::Restart) {
            server = restarted(&mut server, limits(small));
            players.clear();
            model.restarted();
            continue;
        }
        act(action, &mut server, &mut players, &mut model, &mut now, &mut port);
    }
    settle(&mut server, &mut players, &mut model, &mut now);
    check(&mut server, &mut players, &model, now, small);
}

fn limits(small: bool) -> Limits {
    let mut limits = Limits::default();
    if small {
        limits.history_chunk_bytes = 64;
        limits.update_backlog_bytes = 100;
        limits.hold_bytes = 200;
    }
    limits
}

fn restarted(server: &mut RoomServer, limits: Limits) -> RoomServer {
    let mut again = RoomServer::new(limits);
    for key in server.rooms() {
        again.restore(server.content(key).unwrap()).unwrap();
    }
    again
}

fn act(
    action: &Action,
    server: &mut RoomServer,
    players: &mut Vec<Player>,
    model: &mut Model,
    now: &mut Duration,
    port: &mut u16,
) {
    match action {
        Action::Connect | Action::ConnectQuietly if players.len() < 6 => {
            *port += 1;
            let key = server.connect(*now, ([192, 0, 2, 1], *port).into()).unwrap();
            let mut session = ClientSession::new();
            let greets = matches!(action, Action::Connect);
            if greets {
                session.hello();
            }
            players.push(Player {
                key,
                session,
                unread: BytesMut::new(),
                seen: Vec::new(),
                own: Vec::new(),
                listed: [greets; 2],
            });
            flush(server, players.last_mut().unwrap(), *now);
        }
        Action::Connect | Action::ConnectQuietly => {}
        Action::Round(milliseconds) => {
            *now += Duration::from_millis(u64::from(*milliseconds));
            server.step(*now, Input::EndOfRound);
        }
        Action::Disconnect(at) if !players.is_empty() => {
            let at = usize::from(*at) % players.len();
            let player = players.remove(at);
            model.gone(player.key);
            server.step(*now, Input::Disconnected { client: player.key });
        }
        _ => act_as(action, server, players, model, *now),
    }
}

#[allow(clippy::too_many_lines)] // one arm per action
fn act_as(
    action: &Action,
    server: &mut RoomServer,
    players: &mut [Player],
    model: &mut Model,
    now: Duration,
) {
    let (Action::Join(at, _)
    | Action::Leave(at)
    | Action::Content(at)
    | Action::Command(at, ..)
    | Action::ClientAttribute(at, _)
    | Action::RoomAttribute(at, ..)
    | Action::KeepOpen(at, ..)
    | Action::Delete(at, _)
    | Action::List(at, _)
    | Action::Error(at)
    | Action::Read(at, _)) = action
    else {
        return;
    };
    let count = players.len();
    let Some(player) = players.get_mut(usize::from(*at) % count.max(1)) else { return };
    match action {
        Action::Join(_, room) => {
            // One stay at a time: a session waits for its answers, and the model follows what the server decides.
            read_all(server, player, model, now);
            let join = JoinRoom { room: name(*room), ..JoinRoom::default() };
            if player.session.join(join).is_ok() {
                player.seen.clear();
                player.own.clear();
                model.joining(player.key, &name(*room));
            }
        }
        Action::Leave(_) => {
            read_all(server, player, model, now);
            if player.session.leave().is_ok() {
                model.gone(player.key);
            }
        }
        Action::Content(_) => {
            read_all(server, player, model, now);
            if player.session.content_sent().is_ok() {
                model.joinable(player.key);
            }
        }
        Action::Command(_, kind, tail) => {
            model.sent += 1;
            let frame = command(*kind, *tail, model.sent);
            if player.session.command(code_of(&frame), &frame[14..]).is_ok() {
                let sent = player.session.take_outgoing();
                player.own.push(sent.clone());
                model.command(player.key, &sent);
                server.step(
                    now,
                    Input::Received {
                        client: player.key,
                        frames: BytesMut::from(&sent[..]),
                        dense: *tail < 50,
                    },
                );
            }
        }
        Action::ClientAttribute(_, value) => {
            let attributes = value_object(*value);
            player.session.request(&ClientMessage::SetClientCustomAttributes { attributes });
        }
        Action::RoomAttribute(_, room, value) => {
            let attributes = value_object(*value);
            player.session.request(&ClientMessage::SetRoomCustomAttributes { room: name(*room), attributes });
        }
        Action::KeepOpen(_, room, keep_open) => {
            model.keep_open(&name(*room), *keep_open);
            player
                .session
                .request(&ClientMessage::SetRoomKeepOpen { room: name(*room), keep_open: *keep_open });
        }
        Action::Delete(_, room) => {
            model.delete(&name(*room));
            player.session.request(&ClientMessage::DeleteRoom { room: name(*room) });
        }
        Action::List(_, rooms) => {
            player.listed[usize::from(!rooms)] = true;
            player.session.request(if *rooms {
                &ClientMessage::ListRooms
            } else {
                &ClientMessage::ListClients
            });
        }
        Action::Error(_) => {
            player.session.request(&ClientMessage::SendError { text: "room 0 is gone".into() });
        }
        Action::Read(_, count) => read(server, player, usize::from(*count), now),
        _ => {}
    }
    flush(server, player, now);
}

impl Model {
    fn joining(&mut self, key: ClientKey, name: &str) {
        let live = self.live.entry(key).or_default();
        live.clear();
        let room = self.rooms.entry(name.to_owned()).or_default();
        if room.members.is_empty() && !room.joinable {
            room.stored.clear();
            room.members.push(key);
        } else if room.joinable {
            // What the joiner gets depends on how much merges before it has read; `check` looks at what it ends with.
            room.members.push(key);
        }
    }

    fn gone(&mut self, key: ClientKey) {
        self.live.remove(&key);
        self.rooms.retain(|_, room| {
            let before = room.members.len();
            room.members.retain(|member| *member != key);
            before == room.members.len() || !room.members.is_empty() || room.keep_open
        });
    }

    /// Everybody is gone, every room is kept, and those that were not whole are empty.
    fn restarted(&mut self) {
        self.live.clear();
        for room in self.rooms.values_mut() {
            room.members.clear();
            room.keep_open = true;
            if !room.joinable {
                room.stored.clear();
            }
        }
    }

    fn joinable(&mut self, key: ClientKey) {
        if let Some(room) = self.rooms.values_mut().find(|room| room.members.contains(&key)) {
            room.joinable = true;
        }
    }

    fn command(&mut self, key: ClientKey, frame: &Bytes) {
        let Some(room) = self.rooms.values_mut().find(|room| room.members.contains(&key)) else { return };
        let code = code_of(frame);
        if (201..=208).contains(&code)
            && room
                .stored
                .last()
                .is_some_and(|last| last[12..14] == frame[12..14] && path(last) == path(frame))
        {
            room.stored.pop();
        }
        if ![139, 205, 1000].contains(&code) {
            room.stored.push(frame.clone());
        }
        for member in room.members.iter().filter(|member| **member != key) {
            self.live.entry(*member).or_default().push(frame.clone());
        }
    }

    fn keep_open(&mut self, name: &str, keep_open: bool) {
        if let Some(room) = self.rooms.get_mut(name) {
            room.keep_open = keep_open;
        }
    }

    fn delete(&mut self, name: &str) {
        if self.rooms.get(name).is_some_and(|room| room.members.is_empty()) {
            self.rooms.remove(name);
        }
    }
}

fn flush(server: &mut RoomServer, player: &mut Player, now: Duration) {
    let sent = player.session.take_outgoing();
    if !sent.is_empty() {
        server.step(
            now,
            Input::Received { client: player.key, frames: BytesMut::from(&sent[..]), dense: false },
        );
    }
}

fn read(server: &mut RoomServer, player: &mut Player, count: usize, now: Duration) {
    let bytes: Vec<u8> = server.unsent(player.key).flatten().copied().take(count).collect();
    server.step(now, Input::Written { client: player.key, count: bytes.len() });
    player.unread.extend_from_slice(&bytes);
    let whole = scan(&player.unread, 1 << 30).whole;
    let frames = player.unread.split_to(whole).freeze();
    let mut gone: Vec<String> = Vec::new();
    let events: Vec<ClientEvent> = player.session.receive(&frames).collect();
    for event in events {
        match event {
            ClientEvent::ContentCleared => player.seen.clear(),
            ClientEvent::Command { frame, .. } => player.seen.push(frame),
            ClientEvent::ClientGone { id } => gone.push(id),
            ClientEvent::ClientChanged { id, .. } => {
                assert!(!gone.contains(&id), "update of a client that is gone");
            }
            ClientEvent::Unexpected { code, stay } => panic!("{code} while {stay:?}"),
            ClientEvent::Unreadable { error } => panic!("{error}"),
            _ => {}
        }
    }
}

fn read_all(server: &mut RoomServer, player: &mut Player, _model: &mut Model, now: Duration) {
    flush(server, player, now);
    while server.unsent(player.key).next().is_some() {
        read(server, player, usize::MAX, now);
    }
}

/// Everybody reads everything.
fn settle(server: &mut RoomServer, players: &mut [Player], model: &mut Model, now: &mut Duration) {
    for _ in 0..4 {
        *now += Duration::from_secs(1);
        server.step(*now, Input::EndOfRound);
        for player in players.iter_mut() {
            read_all(server, player, model, *now);
        }
    }
    assert_eq!(server.deadline(), None, "no timer is left");
    assert_eq!(server.metrics().queued_bytes, 0);
}

fn check(server: &mut RoomServer, players: &mut [Player], model: &Model, now: Duration, small: bool) {
    let names: Vec<&String> = model.rooms.keys().collect();
    assert_eq!(server.metrics().rooms, names.len(), "{names:?}");
    for key in server.rooms() {
        let content = server.content(key).unwrap();
        assert_eq!(content.commands.concat(), model.rooms[&content.name].stored.concat(), "{}", content.name);
    }
    for player in players.iter_mut() {
        let inside = model.rooms.values().find(|room| room.members.contains(&player.key));
        let stays = matches!(player.session.stay(), Stay::Inside | Stay::Uploading);
        assert_eq!(stays, inside.is_some(), "{:?}", player.session.stay());
        if let Some(room) = inside {
            let live = model.live.get(&player.key).cloned().unwrap_or_default();
            check_commands(player, room, &live, small);
        }
        let (rooms, clients) = (player.session.rooms().clone(), player.session.clients().clone());
        player.session.hello();
        flush(server, player, now);
        while server.unsent(player.key).next().is_some() {
            read(server, player, usize::MAX, now);
        }
        let truth = [player.session.rooms(), player.session.clients()];
        for ((view, truth), listed) in [rooms, clients].into_iter().zip(truth).zip(player.listed) {
            let shown = (Json::Object(view.clone()), Json::Object(truth.clone()));
            // Who never asked knows only what changed since it came; but nothing that is not there.
            assert!(
                view.iter().all(|(key, _)| truth.position(key).is_some()),
                "view {}, truth {}",
                shown.0,
                shown.1
            );
            assert!(!listed || shown.0.python_eq(&shown.1), "view {}, truth {}", shown.0, shown.1);
        }
    }
}

/// What a member has seen is in the order in which it was sent, nothing twice, and has everything that the room still stores except the member's
/// own; a member that got its history at once has seen everything that others sent since, transient commands too.
fn check_commands(player: &Player, room: &ModelRoom, live: &[Bytes], small: bool) {
    let numbers: Vec<u32> = player.seen.iter().map(|frame| number(frame)).collect();
    assert!(numbers.is_sorted_by(|one, two| one < two), "{numbers:?}");
    for stored in &room.stored {
        assert!(player.seen.contains(stored) || player.own.contains(stored), "{} got lost", number(stored));
    }
    if !small {
        assert!(player.seen.ends_with(live), "{numbers:?} does not end with all that others sent");
    }
}

/// The number that makes each command unique stands behind its path.
fn number(frame: &[u8]) -> u32 {
    let at = 18 + path(frame).len();
    u32::from_le_bytes(frame[at..at + 4].try_into().unwrap())
}

fn name(room: u8) -> String {
    format!("room {room}")
}

fn value_object(value: u8) -> Object {
    [("key".into(), Json::from(i64::from(value))), ("id".into(), Json::Null)].into_iter().collect()
}

fn code_of(frame: &[u8]) -> u16 {
    u16::from_le_bytes([frame[12], frame[13]])
}

fn path(frame: &[u8]) -> &[u8] {
    let length = u32::from_le_bytes(frame[14..18].try_into().unwrap()) as usize;
    &frame[18..18 + length]
}

fn command(kind: u8, tail: u8, number: u32) -> Bytes {
    let code = [101, 102, 201, 201, 202, 205, 139, 1000][usize::from(kind) % 8];
    let mut payload = Vec::new();
    put_string(&mut payload, if tail.is_multiple_of(2) { "/a" } else { "/b" });
    payload.extend_from_slice(&number.to_le_bytes());
    payload.resize(payload.len() + usize::from(tail), tail);
    frame::encode(code, 1, &payload)
}

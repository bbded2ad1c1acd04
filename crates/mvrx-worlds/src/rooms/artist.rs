//! A Mixer client on a simulated machine: it dials its server until it is there, and again when it is gone.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use lan_sim::{Conn, Event, HostCtx, Read, SendQueue, Time};
use mixer_proto::client::{ClientEvent, ClientSession};
use mixer_proto::frame::{self, scan};
use mixer_proto::json::{Json, Object};
use mixer_proto::message::{ClientMessage, JoinRoom};
use mixer_proto::primitive::put_string;
use mixer_proto::stay::Stay;

use super::model::{code_of, number_of};
use super::{Mix, Model};
use crate::ledger::Shared;

/// A client.
#[derive(Debug)]
pub struct Artist {
    server: SocketAddr,
    line: Option<Line>,
    /// When it dials again, or asks for all rooms, so that a line that is dead is found out.
    next: Time,
    model: Model,
    ledger: Shared,
}

/// A connection.
#[derive(Debug)]
struct Line {
    conn: Conn,
    at: SocketAddr,
    stands: bool,
    session: ClientSession,
    unread: BytesMut,
    out: SendQueue,
    /// What it was told since it entered its room.
    seen: Vec<u32>,
    /// What it sent itself since then.
    own: BTreeSet<u32>,
}

impl Artist {
    pub(crate) fn start(server: SocketAddr, model: &Model, ledger: &Shared, net: &mut HostCtx<'_>) -> Self {
        let (model, ledger) = (Rc::clone(model), Rc::clone(ledger));
        let mut artist = Self { server, line: None, next: net.now(), model, ledger };
        artist.dial(net);
        artist
    }

    fn dial(&mut self, net: &mut HostCtx<'_>) {
        let conn = net.dial(self.server);
        let at = net.local(conn).unwrap_or(self.server);
        let mut session = ClientSession::new();
        session.hello();
        self.line = Some(Line {
            conn,
            at,
            stands: false,
            session,
            unread: BytesMut::new(),
            out: SendQueue::new(),
            seen: Vec::new(),
            own: BTreeSet::new(),
        });
        self.next = net.now() + ASKS;
    }

    /// Takes what the world tells.
    pub(crate) fn handle(&mut self, event: &Event, net: &mut HostCtx<'_>) {
        let ours = |conn: Conn, artist: &Self| artist.line.as_ref().is_some_and(|line| line.conn == conn);
        match *event {
            Event::Connected { conn } if ours(conn, self) => {
                if let Some(line) = &mut self.line {
                    line.stands = true;
                    line.at = net.local(conn).unwrap_or(line.at);
                }
            }
            Event::DialFailed { conn, .. } | Event::Broken { conn, .. } if ours(conn, self) => self.gone(net),
            Event::Readable { conn } if ours(conn, self) => self.read(net),
            Event::Wake if self.next <= net.now() => match &mut self.line {
                None => self.dial(net),
                Some(line) => {
                    line.session.request(&ClientMessage::ListRooms);
                    self.next = net.now() + ASKS;
                }
            },
            _ => {}
        }
        self.flush(net);
    }

    /// When to be woken.
    pub(crate) const fn deadline(&self) -> Option<Time> {
        Some(self.next)
    }

    fn gone(&mut self, net: &mut HostCtx<'_>) {
        if let Some(line) = self.line.take() {
            net.close(line.conn);
        }
        self.next = net.now() + Duration::from_millis(500 + net.random() % 2_000);
    }

    fn flush(&mut self, net: &mut HostCtx<'_>) {
        let Some(line) = self.line.as_mut().filter(|line| line.stands) else { return };
        let bytes = line.session.take_outgoing();
        if !bytes.is_empty() {
            line.out.push(bytes.to_vec());
        }
        // What is over is told by its own event.
        let _ = line.out.flush(line.conn, net);
    }

    fn read(&mut self, net: &mut HostCtx<'_>) {
        while let Some(line) = &mut self.line {
            let mut bytes = Vec::new();
            match net.read(line.conn, &mut bytes, 16 * 1024) {
                Read::Bytes(_) => line.unread.extend_from_slice(&bytes),
                Read::End => return self.gone(net),
                Read::Empty | Read::Gone => return,
            }
            let whole = scan(&line.unread, 1 << 30).whole;
            let frames = line.unread.split_to(whole).freeze();
            let events: Vec<ClientEvent> = line.session.receive(&frames).collect();
            for event in events {
                let wrong = match event {
                    ClientEvent::ContentCleared => {
                        line.seen.clear();
                        None
                    }
                    ClientEvent::Command { frame, .. } => {
                        let wrong =
                            self.model.borrow_mut().is_told(line.at, line.seen.last().copied(), &frame);
                        line.seen.push(number_of(&frame));
                        self.ledger.borrow_mut().tally.commands += 1;
                        wrong
                    }
                    ClientEvent::Unexpected { code, stay } => {
                        Some((UNDERSTOOD, format!("{code} came while {stay:?}")))
                    }
                    ClientEvent::Unreadable { error } => Some((UNDERSTOOD, error.to_string())),
                    _ => None,
                };
                if let Some((check, text)) = wrong {
                    self.ledger.borrow_mut().violate(check, format_args!("{}: {text}", net.host()));
                }
            }
        }
    }

    /// Its person does something.
    pub(crate) fn act(&mut self, deed: Mix, net: &mut HostCtx<'_>) {
        let Some(line) = self.line.as_mut().filter(|line| line.stands) else { return };
        let session = &mut line.session;
        match deed {
            Mix::Join(room) => {
                if session.join(JoinRoom { room: name(room), ..JoinRoom::default() }).is_ok() {
                    line.seen.clear();
                    line.own.clear();
                }
            }
            // Where it is in no room, or has content to send, these are refused by the session itself.
            Mix::Leave => drop(session.leave()),
            Mix::Content => drop(session.content_sent()),
            Mix::Command(kind, tail) => {
                let number = {
                    let mut model = self.model.borrow_mut();
                    model.sent += 1;
                    model.sent
                };
                let frame = command(kind, tail, number);
                if session.command(code_of(&frame), frame.get(14..).unwrap_or_default()).is_ok() {
                    line.own.insert(number);
                }
            }
            Mix::Attribute(value) => {
                session.request(&ClientMessage::SetClientCustomAttributes { attributes: one(value) });
            }
            Mix::RoomAttribute(room, value) => {
                let (room, attributes) = (name(room), one(value));
                session.request(&ClientMessage::SetRoomCustomAttributes { room, attributes });
            }
            Mix::KeepOpen(room, keep_open) => {
                session.request(&ClientMessage::SetRoomKeepOpen { room: name(room), keep_open });
            }
            Mix::Delete(room) => session.request(&ClientMessage::DeleteRoom { room: name(room) }),
            Mix::Error => session.request(&ClientMessage::SendError { text: "room 0 is gone".into() }),
        }
        self.flush(net);
    }

    /// What is wrong with it at rest.
    pub(super) fn look(&self, rooms: &super::model::Rooms) -> super::model::Found {
        let Some(line) = self.line.as_ref().filter(|line| line.stands) else {
            return Some((CONNECTED, "is not with its server".to_owned()));
        };
        let stay = line.session.stay();
        let inside = rooms.is_inside(line.at);
        if matches!(stay, Stay::Inside | Stay::Uploading) != inside {
            return Some((CONNECTED, format!("is {stay:?}, the server has it in a room: {inside}")));
        }
        rooms.has_everything(line.at, &line.seen, &line.own)
    }

    /// The rooms that it lists.
    pub(super) fn rooms(&self) -> Option<Json> {
        Some(Json::Object(self.line.as_ref()?.session.rooms().clone()))
    }
}

fn name(room: u8) -> String {
    format!("room {room}")
}

fn one(value: u8) -> Object {
    [("key".into(), Json::from(i64::from(value))), ("id".into(), Json::Null)].into_iter().collect()
}

fn command(kind: u8, tail: u8, number: u32) -> Bytes {
    let codes = [101, 102, 201, 201, 202, 205, 139, 1000];
    let code = codes.get(usize::from(kind) % codes.len()).copied().unwrap_or(101);
    let mut payload = Vec::new();
    put_string(&mut payload, if tail.is_multiple_of(2) { "/a" } else { "/b" });
    payload.extend_from_slice(&number.to_le_bytes());
    payload.resize(payload.len() + usize::from(tail), tail);
    frame::encode(code, 1, &payload)
}

/// It asks for all rooms so often.
const ASKS: Duration = Duration::from_secs(30);
const UNDERSTOOD: &str = "clients-understand-the-server";
const CONNECTED: &str = "clients-and-server-agree";

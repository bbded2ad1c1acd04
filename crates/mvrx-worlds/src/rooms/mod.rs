//! Mixer in a world: the real room server and real clients, sans-IO both, with the world in place of sockets and disk.
//!
//! The server keeps its rooms on its disk, each as a file that is replaced as a whole, and says that something is durable once it is: members are
//! told of nothing before. A disk that refuses is tried again each second. Whatever the server is fed the [`model::Rooms`] are told in the same order, and what it
//! gives back at its next start is compared with them.
//!
//! | checker | promises | when |
//! |---|---|---|
//! | `commands-stay-in-their-room` | a client is told commands of its own room alone, each once, in the order in which the server had them | every command |
//! | `kept-rooms-come-back` | a room that comes back from the disk is as it was at some moment, not before the last command that somebody was told, and is there if anything of it was told | every start of a server |
//! | `rooms-are-the-model's` | rooms, members and stored commands are those of the plain model | rest |
//! | `members-have-everything` | who is in a room has everything that is stored there, and everything that others sent since it came | rest |
//! | `rooms-are-seen-alike` | all clients of a server list the same rooms | rest |

mod artist;
mod deeds;
pub(crate) mod model;
mod rest;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use lan_sim::{Conn, DiskError, Event, HostCtx, Read, Time};
use mixer_proto::frame::{Frames, scan};
use mixer_proto::saved::SavedRoom;
use mixer_proto::server::{
    ClientKey, Input, Keeping, Limits, Output, RoomContent, RoomKey, RoomServer, StoreOp,
};

use crate::ledger::Shared;
use crate::planted::Planted;

pub use artist::Artist;
pub use deeds::Mix;
pub(crate) use deeds::draw;
pub(crate) use rest::{asks, look};

/// The model of one server, as its nodes share it.
pub(crate) type Model = Rc<RefCell<model::Rooms>>;

/// A server of rooms.
#[derive(Debug)]
pub struct RoomsHost {
    server: RoomServer,
    limits: Limits,
    guests: BTreeMap<ClientKey, Guest>,
    by_conn: BTreeMap<Conn, ClientKey>,
    /// Rooms to write, and those to remove by their names.
    unsaved: BTreeSet<RoomKey>,
    gone: BTreeSet<String>,
    names: BTreeMap<RoomKey, String>,
    /// What is durable once all of that is done.
    ticket: Option<u64>,
    again_at: Option<Time>,
    /// What the run before removed may come back with the power, as the disk refused at the start.
    unsynced: bool,
    received: u64,
    /// What its rooms are, where that was asked for.
    at_rest: Vec<RoomContent>,
    planted: Planted,
    model: Model,
}

#[derive(Debug)]
struct Guest {
    conn: Conn,
    at: SocketAddr,
    unread: BytesMut,
}

impl RoomsHost {
    /// Starts: takes back what is on its disk, listens.
    pub(crate) fn start(planted: Planted, model: &Model, ledger: &Shared, net: &mut HostCtx<'_>) -> Self {
        let limits = Limits::default();
        let mut server = RoomServer::new(limits.clone());
        let found = read_all(net);
        let mut names = BTreeMap::new();
        for content in found.rooms {
            let name = content.name.clone();
            // Two files never have one name.
            if let Ok(key) = server.restore(content) {
                names.insert(key, name);
            }
        }
        server.keep(Keeping::DurableBeforeRelay);
        let back: Vec<RoomContent> =
            server.rooms().into_iter().filter_map(|key| server.content(key)).collect();
        let told = model.borrow_mut().server_starts(&back, found.whole, &found.unreadable);
        told.into_iter().for_each(|(check, text)| {
            ledger.borrow_mut().violate(check, format_args!("{}: {text}", net.host()));
        });
        // A disk that refuses now looks wiped at the next start: then nothing is asked of it.
        let unsynced = replace(net, MARK, b"here").is_err();
        model.borrow_mut().disk_lags(unsynced || !found.whole);
        let _ = net.listen(PORT);
        Self {
            server,
            limits,
            guests: BTreeMap::new(),
            by_conn: BTreeMap::new(),
            unsaved: BTreeSet::new(),
            gone: BTreeSet::new(),
            names,
            ticket: None,
            again_at: unsynced.then(|| net.now() + AGAIN),
            unsynced,
            received: 0,
            at_rest: Vec::new(),
            planted,
            model: Rc::clone(model),
        }
    }

    /// Takes what the world tells.
    pub(crate) fn handle(&mut self, event: &Event, net: &mut HostCtx<'_>) {
        match *event {
            Event::Accepted { conn, peer, .. } => match self.server.connect(net.now().since_start(), peer) {
                Ok(key) => {
                    self.by_conn.insert(conn, key);
                    self.guests.insert(key, Guest { conn, at: peer, unread: BytesMut::new() });
                    self.read(key, net);
                }
                Err(_) => net.close(conn),
            },
            Event::Readable { conn } => {
                if let Some(key) = self.by_conn.get(&conn).copied() {
                    self.read(key, net);
                }
            }
            Event::Writable { conn } => {
                if let Some(key) = self.by_conn.get(&conn).copied() {
                    self.write(key, net);
                }
            }
            Event::Broken { conn, .. } => {
                if let Some(key) = self.by_conn.get(&conn).copied() {
                    self.ends(key, net);
                }
            }
            _ => {}
        }
        if self.again_at.is_some_and(|at| at <= net.now()) {
            self.again_at = None;
            self.save(net);
        }
        self.step(Input::EndOfRound, net);
    }

    /// When to be woken.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.server.deadline().map(Time::from).into_iter().chain(self.again_at).min()
    }

    fn read(&mut self, key: ClientKey, net: &mut HostCtx<'_>) {
        while self.server.may_read(key) {
            let Some(guest) = self.guests.get_mut(&key) else { return };
            let mut bytes = Vec::new();
            match net.read(guest.conn, &mut bytes, 16 * 1024) {
                Read::Bytes(_) => guest.unread.extend_from_slice(&bytes),
                Read::End => return self.ends(key, net),
                Read::Empty | Read::Gone => return,
            }
            let whole = scan(&guest.unread, self.limits.frame_bytes).whole;
            let frames = guest.unread.split_to(whole).freeze();
            let at = guest.at;
            let mut fed = BytesMut::with_capacity(frames.len());
            for frame in Frames::new(&frames) {
                self.model.borrow_mut().heard(at, &frames.slice(frame.range.clone()));
                self.received += u64::from(frame.header.code > 100);
                let lost = frame.header.code > 100 && self.received.is_multiple_of(7);
                if self.planted != Planted::RoomCommandLost || !lost {
                    fed.extend_from_slice(frames.get(frame.range).unwrap_or_default());
                }
            }
            if !fed.is_empty() {
                self.step(Input::Received { client: key, frames: fed, dense: false }, net);
            }
        }
    }

    fn write(&mut self, key: ClientKey, net: &mut HostCtx<'_>) {
        while let Some(conn) = self.guests.get(&key).map(|guest| guest.conn) {
            let Some(piece) = self.server.unsent(key).next().map(<[u8]>::to_vec) else { return };
            let Ok(count) = net.write(conn, &piece) else { return };
            self.step(Input::Written { client: key, count }, net);
            if count < piece.len() {
                return;
            }
        }
    }

    fn ends(&mut self, key: ClientKey, net: &mut HostCtx<'_>) {
        let Some(guest) = self.guests.remove(&key) else { return };
        self.by_conn.remove(&guest.conn);
        net.close(guest.conn);
        self.model.borrow_mut().gone(guest.at);
        self.step(Input::Disconnected { client: key }, net);
    }

    fn step(&mut self, input: Input, net: &mut HostCtx<'_>) {
        let outputs: Vec<Output> = self.server.step(net.now().since_start(), input).collect();
        let mut stored = false;
        for output in outputs {
            match output {
                Output::Ready { client } => self.write(client, net),
                Output::Resume { client } => self.read(client, net),
                Output::Close { client, .. } => {
                    self.write(client, net);
                    self.ends(client, net);
                }
                Output::Store(op) => {
                    self.is_to_be_stored(op);
                    stored = true;
                }
                _ => {}
            }
        }
        if stored {
            self.save(net);
        }
    }

    fn is_to_be_stored(&mut self, op: StoreOp) {
        match op {
            StoreOp::Create { room, name, .. } => {
                self.gone.remove(&name);
                self.names.insert(room, name);
                self.unsaved.insert(room);
            }
            StoreOp::Commands { room, ticket, .. } | StoreOp::Attributes { room, ticket, .. } => {
                self.unsaved.insert(room);
                self.ticket = self.ticket.max(Some(ticket));
            }
            StoreOp::Delete { room } => {
                self.unsaved.remove(&room);
                self.gone.extend(self.names.remove(&room));
            }
            _ => {}
        }
    }

    /// Writes what is to be written; what the disk refuses is tried again.
    fn save(&mut self, net: &mut HostCtx<'_>) {
        if self.planted != Planted::RoomNotSaved {
            let done = self.save_all(net);
            let left = !self.unsaved.is_empty() || !self.gone.is_empty() || self.unsynced;
            self.model.borrow_mut().disk_lags(left);
            if done.is_err() || left {
                self.again_at = Some(net.now() + AGAIN);
                return;
            }
        }
        if let Some(ticket) = self.ticket.take() {
            self.step(Input::Durable { ticket }, net);
        }
    }

    fn save_all(&mut self, net: &HostCtx<'_>) -> Result<(), DiskError> {
        if self.unsynced {
            net.disk().create_dirs(DIR)?;
            net.disk().sync_dir(DIR)?;
            self.unsynced = false;
        }
        while let Some(name) = self.gone.first().cloned() {
            let path = path_of(&name);
            if net.disk().exists(&path) {
                net.disk().remove(&path)?;
            }
            net.disk().create_dirs(DIR)?;
            net.disk().sync_dir(DIR)?;
            self.gone.remove(&name);
        }
        while let Some(key) = self.unsaved.first().copied() {
            if let Some(content) = self.server.content(key) {
                let commands = Bytes::from(content.commands.concat());
                let file = SavedRoom { attributes: content.attributes, commands }.encode();
                replace(net, &path_of(&content.name), &file)?;
            }
            self.unsaved.remove(&key);
        }
        Ok(())
    }
}

/// What a disk has.
struct Found {
    rooms: Vec<RoomContent>,
    /// Names of rooms whose file could not be read.
    unreadable: Vec<String>,
    /// It was not wiped, and all of it could be looked at.
    whole: bool,
}

fn read_all(net: &HostCtx<'_>) -> Found {
    let disk = net.disk();
    let mut found = Found { rooms: Vec::new(), unreadable: Vec::new(), whole: disk.exists(MARK) };
    let Ok(files) = disk.list(DIR) else {
        found.whole &= !disk.exists(DIR);
        return found;
    };
    for entry in files {
        let Some(name) = entry.name.strip_suffix(".room").map(str::to_owned) else { continue };
        let bytes = disk.open(&path_of(&name)).and_then(|file| file.contents());
        let room =
            bytes.ok().and_then(|bytes| SavedRoom::decode(&Bytes::from(bytes.to_bytes().to_vec())).ok());
        match room {
            Some(SavedRoom { attributes, commands }) => {
                let commands = if commands.is_empty() { Vec::new() } else { vec![commands] };
                found.rooms.push(RoomContent { name, attributes, commands });
            }
            None => found.unreadable.push(name),
        }
    }
    found
}

/// A file is there as a whole or as it was before.
fn replace(net: &HostCtx<'_>, path: &str, bytes: &[u8]) -> Result<(), DiskError> {
    let (disk, new) = (net.disk(), format!("{path}.new"));
    disk.create_dirs(DIR)?;
    if disk.exists(&new) {
        disk.remove(&new)?;
    }
    let file = disk.create(&new)?;
    file.append(bytes)?;
    file.sync()?;
    disk.rename(&new, path)?;
    disk.sync_dir(DIR)
}

fn path_of(name: &str) -> String {
    format!("{DIR}/{name}.room")
}

/// The server's port.
pub(crate) const PORT: u16 = 12_800;
const DIR: &str = "rooms";
const MARK: &str = "rooms/mark";
const AGAIN: Duration = Duration::from_secs(1);

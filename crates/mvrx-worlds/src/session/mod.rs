//! A session of WebSocket Mode in a world: its host on a simulated machine, as the driver is on a real one.
//!
//! It decides nothing: whatever happens becomes an [`Input`] of the [`Host`], whatever the host wants is done. Each station's connection carries
//! the packages of TCP Mode here, since the frames of a WebSocket are proved elsewhere and the host does not see them; so a message that is
//! said while a file goes out follows behind it.
//!
//! Beside what the ledger checks for every station, the host is watched for two promises of its own:
//!
//! | checker | promises | when |
//! |---|---|---|
//! | `host-never-echoes` | a COMMIT does not go back to who sent it or made it | every message |
//! | `one-owner-read` | of one file one read at a time, and none of a file that was kept whole | every file |

mod carry;
mod files;
mod rest;
mod tickets;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use lan_sim::{Conn, Event, HostCtx, HostId, Time};
use mvrx_core::host::{AskId, Command, Config, Event as HostEvent, Host, Input, RelayId};
use mvrx_core::{ConnId, ProposalId, RequestId};
use mvrx_message::{Commit, FileUuid, GroupName, Message, StationUuid, Successor, Ticket};

use crate::Act;
use crate::ledger::ECHO;
use crate::parts::Parts;
use crate::shelf::Shelf;
use crate::station::link::{Found, Link, made, pong};
use crate::station::{Closing, PORT, Setup, draft, nth_of, random_bytes, rule_of};
use files::Growing;

/// A session's host.
#[derive(Debug)]
pub struct SessionHost {
    host: Host,
    ip: Option<IpAddr>,
    setup: Setup,
    shelf: Shelf,
    links: BTreeMap<ConnId, Wire>,
    by_conn: HashMap<Conn, ConnId>,
    transfers: BTreeSet<ConnId>,
    closing: BTreeMap<Conn, Closing>,
    /// Files on their way in or lately in, by read.
    relays: BTreeMap<RelayId, Growing>,
    /// Tickets for second connections, and whose they are.
    tickets: BTreeMap<ConnId, (StationUuid, Ticket)>,
    parts: Parts,
    /// Files of others that were kept since the start.
    kept: BTreeSet<FileUuid>,
    /// Counts temporary files.
    temporary: u64,
    /// Counts the COMMITs sent.
    relayed: u64,
    next_accepted: u64,
    next_request: u64,
    inputs: VecDeque<Input>,
    stepping: bool,
    /// It was elected: what it says to another host that asks how it stands.
    note: Option<String>,
    elected: bool,
    /// What the station beside an elected one is still to hear.
    heard: VecDeque<HostEvent>,
}

/// One connection, and what the ledger has to know of it.
#[derive(Debug)]
struct Wire {
    link: Link,
    /// Whose it is, from its JOIN to its LEAVE.
    station: Option<StationUuid>,
    /// The file that the latest REQUEST on it asked for.
    asked: Option<FileUuid>,
    /// FileSize of the file that begins.
    begins: Option<u64>,
    /// For which read a file comes in.
    reading: Option<RelayId>,
    sending: Option<Sending>,
}

/// A file on its way out.
#[derive(Debug)]
struct Sending {
    ask: AskId,
    length: u64,
    /// Where the rest comes from, and from which byte on; `None`: all of it waits in the queue.
    growing: Option<(RelayId, u64)>,
    /// Messages that were said meanwhile.
    held: Vec<Vec<u8>>,
}

impl SessionHost {
    /// Starts: finds its identity and its files, listens.
    pub(crate) fn start(setup: Setup, net: &mut HostCtx<'_>) -> Self {
        let shelf = Shelf::new(net.disk());
        let fresh = random_bytes(net);
        let me = shelf.identity(fresh);
        let port = net.listen(PORT).or_else(|_| net.listen(0)).unwrap_or(0);
        let addresses: Vec<SocketAddr> =
            net.addresses().into_iter().map(|ip| SocketAddr::new(ip, port)).collect();
        setup.ledger.borrow_mut().starts(net.host(), me, &addresses);
        let mut config = Config::new(me, &setup.name, "mvrx worlds");
        if setup.moving {
            config.moves = mvrx_core::Moves::Always;
        }
        Self::begin(config, shelf, &addresses, setup, net)
    }

    /// The host beside a station, which was elected, at the port that it told. `None`: that port is taken.
    pub(crate) fn elected(
        me: StationUuid,
        beside: StationUuid,
        port: u16,
        setup: Setup,
        net: &mut HostCtx<'_>,
    ) -> Option<Self> {
        let port = net.listen(port).ok()?;
        let shelf = Shelf::hosted(net.disk());
        let addresses: Vec<SocketAddr> =
            net.addresses().into_iter().map(|ip| SocketAddr::new(ip, port)).collect();
        setup.ledger.borrow_mut().starts_beside(net.host(), me, &addresses);
        let mut config = Config::new(me, &setup.name, "mvrx worlds");
        config.elected = Some(beside);
        config.group = Some(setup.group.clone());
        config.moves = rule_of(net.host());
        Some(Self::begin(config, shelf, &addresses, setup, net))
    }

    /// The StationUUID that it has, or would have.
    pub(crate) fn elected_id(net: &mut HostCtx<'_>) -> StationUuid {
        let fresh = random_bytes(net);
        Shelf::hosted(net.disk()).identity(fresh)
    }

    fn begin(
        config: Config,
        shelf: Shelf,
        addresses: &[SocketAddr],
        setup: Setup,
        net: &mut HostCtx<'_>,
    ) -> Self {
        setup.ledger.borrow_mut().routes(config.station);
        let elected = config.elected.is_some();
        let mut rack = Self {
            host: Host::new(config),
            ip: addresses.first().map(SocketAddr::ip),
            setup,
            shelf,
            links: BTreeMap::new(),
            by_conn: HashMap::new(),
            transfers: BTreeSet::new(),
            closing: BTreeMap::new(),
            relays: BTreeMap::new(),
            tickets: BTreeMap::new(),
            parts: Parts::default(),
            kept: BTreeSet::new(),
            temporary: u64::from(net.boot()) << 32,
            relayed: 0,
            next_accepted: 0,
            next_request: 0,
            inputs: VecDeque::new(),
            stepping: false,
            note: None,
            elected,
            heard: VecDeque::new(),
        };
        let group = rack.host.config().group.clone();
        let of_it = |of: Option<&GroupName>| group.is_none() || of == group.as_ref();
        for (commit, content) in rack.shelf.recover_of(|_, of| of_it(of)) {
            rack.setup.ledger.borrow_mut().has_bytes(net.host(), "restores", commit.file, &content);
            let restored = match rack.shelf.is_taken_back(commit.file) {
                true => Command::RestoreWithdrawn(commit),
                false => Command::Restore(commit),
            };
            rack.step(Input::Command(restored), net);
        }
        rack
    }

    /// The machine, to look at.
    pub const fn host(&self) -> &Host {
        &self.host
    }

    /// Its StationUUID.
    pub fn id(&self) -> StationUuid {
        self.host.config().station
    }

    /// Where it is.
    pub(crate) fn ip(&self) -> IpAddr {
        self.ip.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
    }

    /// Whether nothing waits to be sent, nothing is being closed, and no file is on its way.
    pub fn is_idle(&self) -> bool {
        self.closing.is_empty() && self.links.values().all(|wire| wire.link.out.is_empty())
    }

    /// So many stations are in its session, this one not counted.
    pub(crate) fn members_but(&self, station: StationUuid) -> usize {
        self.host.stations().filter(|view| view.station != station).count()
    }

    /// What it says of itself to another host that asks.
    pub(crate) fn says_of_itself(&mut self, note: Option<String>) {
        self.note = note;
    }

    /// What it told since this was asked last; kept by elected ones alone.
    pub(crate) fn heard(&mut self) -> Option<HostEvent> {
        self.heard.pop_front()
    }

    /// Its operator says whether its stations are asked to move.
    pub(crate) fn answer(&mut self, proposal: ProposalId, yes: bool, net: &mut HostCtx<'_>) {
        let command = if yes { Command::AcceptMove(proposal) } else { Command::RefuseMove(proposal) };
        self.step(Input::Command(command), net);
    }

    /// It ends; its stations are told of the next one, if there is one.
    pub(crate) fn end(&mut self, next: Option<Successor>, net: &mut HostCtx<'_>) {
        self.note = None;
        self.step(Input::Command(next.map_or(Command::End, Command::EndFor)), net);
    }

    /// Whether everything that it had to say is out.
    pub(crate) fn has_ended(&self) -> bool {
        self.links.is_empty() && self.closing.is_empty()
    }

    fn step(&mut self, input: Input, net: &mut HostCtx<'_>) {
        self.inputs.push_back(input);
        if std::mem::replace(&mut self.stepping, true) {
            // What is being carried out goes first.
            return;
        }
        while let Some(input) = self.inputs.pop_front() {
            let outputs: Vec<_> = self.host.step(net.now().since_start(), input).collect();
            for output in outputs {
                self.carry_out(output, net);
            }
            self.check_limits(net.host());
        }
        self.stepping = false;
    }

    fn check_limits(&self, host: HostId) {
        let (holds, limits) = (self.host.holdings(), &self.host.config().limits);
        let tables = [
            ("connections", holds.connections, limits.connections),
            ("stations", holds.stations, limits.stations),
            ("stations that wait", holds.waiting, limits.waiting),
            ("commits", holds.commits, limits.commits),
            ("reads", holds.relays, limits.relays),
            ("kept files", holds.kept_files, limits.kept_files),
        ];
        for (what, is, most) in tables {
            if is > most {
                let text = format_args!("{host} holds {is} {what}, {most} are allowed");
                self.setup.ledger.borrow_mut().violate(crate::ledger::LIMIT, text);
            }
        }
    }

    // ---- what people do

    pub(crate) fn act(&mut self, act: &Act, hosts: &[StationUuid], net: &mut HostCtx<'_>) {
        match *act {
            Act::Commit { length, audience, hashed, .. } => {
                let file = FileUuid::from_random_bytes(random_bytes(net));
                let content = made(net.random() | 1, length);
                let mut commit = draft(file, self.id(), content, audience.among(hosts), hashed);
                commit.order = Some(self.host.next_order());
                let known = self.host.commits().map(|view| view.commit.file).collect();
                self.setup.ledger.borrow_mut().knew(file, known);
                self.temporary += 1;
                // The ledger first: should the disk fail half way, the file may still be found at the next start.
                self.setup.ledger.borrow_mut().committed(&commit, self.id(), content);
                if self.shelf.import(self.temporary, content, &commit).is_ok() {
                    self.step(Input::Command(Command::Publish(commit)), net);
                }
            }
            Act::Request { nth, .. } => {
                let wanted: Vec<FileUuid> =
                    self.host.commits().filter(|view| !view.held).map(|view| view.commit.file).collect();
                if let Some(file) = nth_of(&wanted, nth) {
                    self.next_request += 1;
                    let request = RequestId(self.next_request);
                    self.setup.ledger.borrow_mut().requested(net.host(), request);
                    self.step(Input::Command(Command::Request { request, file }), net);
                }
            }
            Act::Cancel { nth, .. } => {
                let open: Vec<RequestId> = self
                    .setup
                    .ledger
                    .borrow_mut()
                    .view(net.host())
                    .map(|view| view.open.iter().copied().collect())
                    .unwrap_or_default();
                if let Some(request) = nth_of(&open, nth) {
                    self.step(Input::Command(Command::Cancel(request)), net);
                }
            }
            Act::TakeBack { nth, .. } => self.take_back(nth, net),
            Act::Rename { name, .. } => {
                let name = format!("{} {name}", self.setup.name);
                self.step(Input::Command(Command::Rename(name)), net);
            }
            _ => {}
        }
    }

    // ---- what happens

    /// Takes what the world tells.
    pub(crate) fn handle(&mut self, event: &Event, net: &mut HostCtx<'_>) {
        match *event {
            Event::Wake => {
                self.keep_alive(net);
                self.end_idle(net);
                self.step(Input::Tick, net);
            }
            Event::Accepted { conn, peer, .. } => {
                let id = ConnId::Accepted(self.next_accepted);
                self.next_accepted += 1;
                self.by_conn.insert(conn, id);
                let mut link = Link::new(conn, peer).watchful(self.elected);
                link.stands_since(net.now());
                self.links.insert(
                    id,
                    Wire { link, station: None, asked: None, begins: None, reading: None, sending: None },
                );
                self.step(Input::Accepted { conn: id, peer }, net);
                self.read(id, net);
            }
            Event::Readable { conn } => {
                if let Some(id) = self.by_conn.get(&conn).copied() {
                    self.read(id, net);
                }
            }
            Event::Writable { conn } => self.writable(conn, net),
            Event::Broken { conn, .. } => {
                self.closing.remove(&conn);
                if let Some(id) = self.by_conn.get(&conn).copied() {
                    self.ended(id, "the connection broke", net);
                }
            }
            _ => {}
        }
    }

    /// When to be woken.
    pub(crate) fn deadline(&self) -> Option<Time> {
        let idle = self.transfers.iter().filter_map(|id| self.links.get(id)?.link.idle_at).min();
        let closing = self.closing.values().map(|closing| closing.until).min();
        let beat = self.links.values().filter_map(|wire| wire.link.beat_at()).min();
        [self.host.deadline().map(Time::from), idle, closing, beat].into_iter().flatten().min()
    }

    fn read(&mut self, id: ConnId, net: &mut HostCtx<'_>) {
        while let Some(found) = self.links.get_mut(&id).and_then(|wire| wire.link.next(net)) {
            self.found(id, found, net);
        }
        self.feed_readers(net);
    }

    fn found(&mut self, id: ConnId, found: Found, net: &mut HostCtx<'_>) {
        match found {
            Found::Message(parsed) if matches!(&parsed.message, Message::Unknown { kind } if kind == ASK) => {
                if let (Some(note), Some(wire)) = (&self.note, self.links.get_mut(&id)) {
                    wire.link.push_message(format!("{{\"Type\":\"{note}\"}}").as_bytes());
                    self.flush(id, net);
                }
            }
            Found::Message(parsed) => {
                self.hears(id, &parsed.message);
                self.parts.wants(id, &parsed.message);
                if self.says_where(id, &parsed.message, net) {
                    return;
                }
                if let Message::Join(join) = &parsed.message
                    && self.is_second(id, join, net)
                {
                    return;
                }
                self.echoes(id, &parsed.message, net);
                self.step(Input::Received { conn: id, parsed: Arc::from(parsed) }, net);
            }
            Found::Alive => self.step(Input::Alive { conn: id }, net),
            Found::Beat(words) => {
                match self.links.get_mut(&id) {
                    Some(Wire { sending: Some(sending), .. }) => sending.held.push(pong(&words)),
                    Some(wire) => wire.link.push_message(&pong(&words)),
                    None => {}
                }
                self.flush(id, net);
            }
            Found::Malformed(what) => self.step(Input::Malformed { conn: id, kind: None, what }, net),
            Found::FileBegins(length) => {
                if let Some(wire) = self.links.get_mut(&id) {
                    wire.begins = length;
                }
                self.step(Input::FileBegins { conn: id }, net);
            }
            Found::FileArrived(receiving) => self.arrived(id, receiving, net),
            Found::FileFailed(what, local) => self.receive_failed(id, what, local, net),
            Found::Ended(_) => self.ended(id, "it was closed", net),
        }
    }

    fn hears(&mut self, id: ConnId, message: &Message) {
        let Some(wire) = self.links.get_mut(&id) else { return };
        match message {
            Message::Join(join) => wire.station = Some(join.station),
            Message::Leave(_) => wire.station = None,
            Message::RequestRet(reply) if !reply.ok => wire.asked = None,
            Message::Commit(commit) => {
                let by = wire.station;
                self.setup.ledger.borrow_mut().told_by(commit.file, by);
            }
            _ => {}
        }
    }

    /// What is said to whom, for the ledger.
    fn says(&mut self, id: ConnId, message: &Message, host: HostId) {
        let Some(wire) = self.links.get_mut(&id) else { return };
        let mut ledger = self.setup.ledger.borrow_mut();
        ledger.tally.messages += 1;
        let commits: &[Commit] = match message {
            Message::JoinRet(ret) => {
                if ret.answers_join() && !ret.reply.ok {
                    wire.station = None;
                }
                &ret.commits
            }
            Message::Commit(commit) => {
                match wire.station {
                    None => ledger.violate(
                        crate::ledger::LEFT,
                        format_args!("{host} sends COMMIT on {id:?}, where nobody is joined"),
                    ),
                    Some(to) if ledger.is_echo(commit.file, to) => {
                        let file = commit.file;
                        ledger.violate(ECHO, format_args!("{host} sends {to} its own commit {file}"));
                    }
                    Some(_) => {}
                }
                std::slice::from_ref(commit)
            }
            Message::Request(request) => {
                wire.asked = request.file;
                &[]
            }
            _ => &[],
        };
        for commit in commits {
            ledger.tells(host, wire.link.peer, "tells of", commit.file);
            if let Some(to) = wire.station {
                ledger.tells_station(host, to, commit.file);
            }
        }
    }
}

/// One host asks another how it stands: the `mvrx-note` of a WebSocket handshake, as a message of its own.
pub(crate) const ASK: &str = "WORLDS_ASK";

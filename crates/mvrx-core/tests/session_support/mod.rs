//! A host and its stations, joined by streams that deliver when they are told to: what drivers, sockets and disks do otherwise.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use mvrx_core::host::{self, AskId, Bytes, Host, RelayId, Take};
use mvrx_core::{
    Command, Config, ConnId, Core, Event, Input, Output, RequestFailure, RequestId, Requested, SessionConfig,
    Source,
};
use mvrx_message::{
    Commit, FileUuid, FilesConnection, GroupName, Message, MvrVersion, Parsed, QuirkSet, Reply, StationUuid,
    Ticket,
};

pub fn station(n: usize) -> StationUuid {
    StationUuid::from_random_bytes([u8::try_from(n).unwrap(); 16])
}

/// What travels.
#[derive(Debug, Clone)]
enum Item {
    Message(Box<Message>),
    /// A file of the station's store.
    FromClient(FileUuid),
    FromHost {
        ask: AskId,
        file: FileUuid,
        growing: Option<RelayId>,
    },
}

/// One connection: what is on its way, in each direction.
#[derive(Debug, Default)]
struct Wire {
    client: usize,
    at_client: Option<ConnId>,
    up: VecDeque<Item>,
    down: VecDeque<Item>,
    /// The file that is arriving there, once somebody said where it goes.
    arriving_up: Option<(FileUuid, Take)>,
    arriving_down: Option<(FileUuid, AskId, RequestId)>,
    /// No message has come up yet.
    fresh: bool,
}

pub struct Client {
    pub core: Core,
    pub open: BTreeSet<RequestId>,
    pub failures: BTreeMap<RequestId, RequestFailure>,
    pub offers_files: bool,
    seen: Vec<FileUuid>,
    store: BTreeSet<FileUuid>,
    dials: Vec<ConnId>,
    refuse: u64,
}

pub struct World {
    pub host: Host,
    pub clients: Vec<Client>,
    pub now: Duration,
    pub fetched: usize,
    random: u64,
    wires: BTreeMap<ConnId, Wire>,
    tickets: BTreeMap<ConnId, Ticket>,
    lengths: BTreeMap<FileUuid, u64>,
    host_store: BTreeSet<FileUuid>,
    /// What was taken back.
    pub withdrawn: BTreeSet<FileUuid>,
    next: u64,
    gather: bool,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let stations = 2 + usize::try_from(seed % 4).unwrap();
        Self::with(stations, seed, seed.is_multiple_of(2))
    }

    /// Everything is offered, nothing fetched ahead.
    pub fn quiet(stations: usize) -> Self {
        Self::with(stations, 1, false)
    }

    fn with(stations: usize, seed: u64, gather: bool) -> Self {
        let clients = (1..=stations).map(|n| client(n, seed)).collect();
        let mut world = Self {
            host: new_host(gather),
            clients,
            now: Duration::ZERO,
            fetched: 0,
            random: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            wires: BTreeMap::new(),
            tickets: BTreeMap::new(),
            lengths: BTreeMap::new(),
            host_store: BTreeSet::new(),
            withdrawn: BTreeSet::new(),
            next: 0,
            gather,
        };
        for n in 0..stations {
            world.step(n, Input::Start);
        }
        world
    }

    pub fn below(&mut self, most: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) % most.max(1)
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        let at = usize::try_from(self.below(all.len() as u64)).unwrap();
        all.get(at).copied()
    }

    pub fn host_id(&self) -> StationUuid {
        self.host.config().station
    }

    pub fn command(&mut self, n: usize, command: Command) {
        self.step(n, Input::Command(command));
    }

    fn fresh_file(&mut self) -> FileUuid {
        self.next += 1;
        let mut bytes = [7; 16];
        bytes[..8].copy_from_slice(&self.next.to_be_bytes());
        FileUuid::from_random_bytes(bytes)
    }

    fn new_commit(&mut self, author: StationUuid) -> Commit {
        let file = self.fresh_file();
        let length = 1 + self.below(1_000);
        self.lengths.insert(file, length);
        let only = self.below(self.clients.len() as u64);
        let narrow = self.below(5) == 0;
        let only = station(usize::try_from(only).unwrap() + 1);
        Commit {
            file,
            station: Some(author),
            version: MvrVersion { major: 1, minor: 6 },
            file_size: length,
            for_stations: if narrow { vec![only] } else { Vec::new() },
            comment: String::new(),
            file_name: String::new(),
            blake3: Some(digest(file)),
            author: None,
            group: None,
            order: None,
            missed: false,
        }
    }

    pub fn commit(&mut self, n: usize) -> FileUuid {
        let mut commit = self.new_commit(self.clients[n].core.config().station);
        if self.gather {
            // Half of the schedules have commits for some.
        } else {
            commit.for_stations.clear();
        }
        let file = commit.file;
        self.clients[n].store.insert(file);
        self.command(n, Command::Publish(commit));
        file
    }

    pub fn host_commits(&mut self) {
        let commit = self.new_commit(station(0));
        self.host_store.insert(commit.file);
        self.host_step(None, host::Input::Command(host::Command::Publish(commit)));
    }

    /// A station takes back one of its own, the host as well.
    pub fn withdraw_something(&mut self, n: usize) {
        let of_host = self.below(8) == 0;
        let us = if of_host { self.host_id() } else { self.clients[n].core.config().station };
        let views: Vec<_> = match of_host {
            true => self.host.commits().collect(),
            false => self.clients[n].core.commits().collect(),
        };
        let own = views.iter().filter(|view| view.commit.station == Some(us));
        let own: Vec<FileUuid> = own.map(|view| view.commit.file).collect();
        let Some(file) = self.one_of(&own) else { return };
        self.withdrawn.insert(file);
        if of_host {
            self.host_step(None, host::Input::Command(host::Command::Withdraw(file)));
        } else {
            self.command(n, Command::Withdraw(file));
        }
    }

    pub fn some_file(&mut self, n: usize) -> Option<FileUuid> {
        let known: Vec<FileUuid> =
            self.clients[n].core.commits().filter(|c| !c.held).map(|c| c.commit.file).collect();
        self.one_of(&known)
    }

    pub fn request(&mut self, n: usize, file: FileUuid) -> RequestId {
        self.next += 1;
        let request = RequestId(self.next);
        self.clients[n].open.insert(request);
        let requested = Requested::File(file);
        self.command(n, Command::Request { request, requested, source: Source::Any });
        request
    }

    pub fn cancel_something(&mut self, n: usize) {
        let open: Vec<RequestId> = self.clients[n].open.iter().copied().collect();
        if let Some(request) = self.one_of(&open) {
            self.command(n, Command::Cancel(request));
            assert!(!self.clients[n].open.contains(&request), "cancelled, and still open");
        }
    }

    pub fn leave_and_rejoin(&mut self, n: usize) {
        self.command(n, Command::Leave);
        for _ in 0..self.below(20) {
            self.deliver_something();
        }
        self.command(n, Command::Rejoin);
    }

    /// The next dials of a station fail.
    pub fn refuse_dials(&mut self, n: usize) {
        self.clients[n].refuse += 1 + self.below(3);
    }

    /// How often a commit was told to the application.
    pub fn seen(&self, n: usize, file: FileUuid) -> usize {
        self.clients[n].seen.iter().filter(|seen| **seen == file).count()
    }

    /// Files for a station that the host or a joined station holds.
    pub fn available_to(&self, n: usize) -> Vec<FileUuid> {
        let us = self.clients[n].core.config().station;
        let held = |file: &FileUuid| {
            self.host_store.contains(file) || self.clients.iter().any(|c| c.store.contains(file))
        };
        let views = self.host.commits().map(|view| view.commit);
        views
            .filter(|c| c.for_stations.is_empty() || c.for_stations.contains(&us) || c.station == Some(us))
            .map(|c| c.file)
            .filter(held)
            .collect()
    }

    /// The host's process ends and begins anew, with what its disk has.
    pub fn restart_host(&mut self) {
        let conns: Vec<ConnId> = self.wires.keys().copied().collect();
        for conn in conns {
            self.cut(conn, false);
        }
        self.tickets.clear();
        let views = self.host_store.iter().filter_map(|file| self.host.commit(*file));
        let known: Vec<Commit> = views.cloned().collect();
        let listed: Vec<FileUuid> = self.host.commits().map(|view| view.commit.file).collect();
        self.host = new_host(self.gather);
        for commit in known {
            // The store remembers what was withdrawn.
            let command = match listed.contains(&commit.file) {
                true => host::Command::Restore(commit),
                false => host::Command::RestoreWithdrawn(commit),
            };
            self.host_step(None, host::Input::Command(command));
        }
    }

    pub fn cut_something(&mut self) {
        let conns: Vec<ConnId> = self.wires.keys().copied().collect();
        if let Some(conn) = self.one_of(&conns) {
            self.cut(conn, true);
        }
    }

    pub fn cut_client(&mut self, n: usize) {
        let conns: Vec<ConnId> = self.wires.iter().filter(|(_, w)| w.client == n).map(|(c, _)| *c).collect();
        for conn in conns {
            self.cut(conn, true);
        }
    }

    fn cut(&mut self, conn: ConnId, tell_host: bool) {
        let Some(wire) = self.wires.remove(&conn) else { return };
        self.tickets.remove(&conn);
        if tell_host {
            let what = "cut".to_owned();
            if wire.arriving_up.is_some() {
                self.host_step(None, host::Input::ReceiveFailed { conn, what, local: false });
            } else {
                self.host_step(None, host::Input::Closed { conn, what });
            }
        }
        if let Some(at_client) = wire.at_client {
            let what = "cut".to_owned();
            let input = if wire.arriving_down.is_some() {
                Input::FileFailed { conn: at_client, what, local: false }
            } else {
                Input::HostLost { conn: at_client, what }
            };
            self.step(wire.client, input);
        }
    }

    pub fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let clients = self.clients.iter().filter_map(|c| c.core.deadline());
            let Some(at) = clients.chain(self.host.deadline()).min().filter(|at| *at <= end) else { break };
            self.now = self.now.max(at);
            for n in 0..self.clients.len() {
                if self.clients[n].core.deadline().is_some_and(|at| at <= self.now) {
                    self.step(n, Input::Tick);
                }
            }
            if self.host.deadline().is_some_and(|at| at <= self.now) {
                self.host_step(None, host::Input::Tick);
            }
        }
        self.now = end;
    }

    /// Delivers everything, lets everybody come back, until nothing happens any more.
    pub fn settle(&mut self) {
        for client in &mut self.clients {
            client.refuse = 0;
        }
        for _ in 0..200 {
            while self.deliver() {}
            let waits =
                self.clients.iter().any(|c| c.core.deadline().is_some()) || self.host.deadline().is_some();
            if !waits {
                return;
            }
            self.pass(Duration::from_secs(10));
        }
        let waiting: Vec<_> = self.clients.iter().flat_map(|c| c.core.timers()).collect();
        panic!(
            "it does not come to rest: {waiting:?}, the host {:?}",
            self.host.timers().collect::<Vec<_>>()
        );
    }

    pub fn deliver_something(&mut self) {
        self.deliver();
    }

    /// One thing arrives somewhere; `false` when nothing is on its way.
    fn deliver(&mut self) -> bool {
        let dials: Vec<(usize, ConnId)> = self
            .clients
            .iter()
            .enumerate()
            .flat_map(|(n, c)| c.dials.iter().map(move |conn| (n, *conn)))
            .collect();
        let wires: Vec<ConnId> = self.wires.keys().copied().collect();
        let choices = dials.len() + 2 * wires.len();
        let first = usize::try_from(self.below(choices as u64)).unwrap();
        (0..choices).map(|k| (first + k) % choices).any(|at| match at.checked_sub(dials.len()) {
            None => self.answer_dial(dials[at].0, dials[at].1),
            Some(at) if at % 2 == 0 => self.deliver_up(wires[at / 2]),
            Some(at) => self.deliver_down(wires[at / 2]),
        })
    }

    fn answer_dial(&mut self, n: usize, at_client: ConnId) -> bool {
        self.clients[n].dials.retain(|conn| *conn != at_client);
        if self.clients[n].refuse > 0 {
            self.clients[n].refuse -= 1;
            let what = "connection refused".to_owned();
            self.step(n, Input::HostUnreachable { conn: at_client, what });
            return true;
        }
        self.next += 1;
        let conn = ConnId::Accepted(self.next);
        let wire = Wire { client: n, at_client: Some(at_client), fresh: true, ..Wire::default() };
        self.wires.insert(conn, wire);
        let octet = u8::try_from(n + 1).unwrap();
        self.host_step(None, host::Input::Accepted { conn, peer: ([10, 0, 0, octet], 50_000).into() });
        if self.wires.contains_key(&conn) {
            let address = ([10, 0, 0, 200], 42_480).into();
            self.step(n, Input::HostReached { conn: at_client, address });
        }
        true
    }

    fn deliver_up(&mut self, conn: ConnId) -> bool {
        let Some(wire) = self.wires.get_mut(&conn) else { return false };
        let client = wire.client;
        if let Some((file, _)) = wire.arriving_up {
            wire.arriving_up = None;
            let sender = wire.at_client;
            let (length, hash) = (self.lengths[&file], digest(file));
            if let Some(at_client) = sender {
                self.step(client, Input::FileSent { conn: at_client, length });
            }
            self.host_step(None, host::Input::FileArrived { conn, length, hash: Some(hash), archive: true });
            return true;
        }
        let Some(item) = wire.up.pop_front() else { return false };
        let fresh = std::mem::replace(&mut wire.fresh, false);
        match item {
            Item::Message(message) => {
                assert!(matches!(*message, Message::Join(_)) || !fresh, "something before JOIN: {message:?}");
                self.say_to_host(conn, *message);
            }
            Item::FromClient(file) => {
                if let Some(wire) = self.wires.get_mut(&conn) {
                    wire.arriving_up = Some((file, Take::Discard));
                }
                self.host_step(None, host::Input::FileBegins { conn });
            }
            Item::FromHost { .. } => unreachable!(),
        }
        true
    }

    /// What the host's driver does with tickets.
    fn say_to_host(&mut self, conn: ConnId, message: Message) {
        if let Message::Join(join) = &message {
            match &join.files {
                Some(FilesConnection::Of(ticket)) => {
                    let good = self.tickets.values().any(|known| known == ticket);
                    if good {
                        self.host_step(None, host::Input::Attached { conn, station: join.station });
                    }
                    let reply = if good { Reply::ok() } else { Reply::refused("no such ticket") };
                    let ret = self.host.config().join_ret(reply);
                    if let Some(wire) = self.wires.get_mut(&conn) {
                        wire.down.push_back(Item::Message(Box::new(Message::JoinRet(ret))));
                    }
                    return;
                }
                Some(FilesConnection::Offered) => {
                    self.next += 1;
                    let mut bytes = [3; 16];
                    bytes[..8].copy_from_slice(&self.next.to_be_bytes());
                    self.tickets.entry(conn).or_insert_with(|| Ticket::from_random_bytes(bytes));
                }
                _ => {}
            }
        }
        let parsed = Arc::new(Parsed { message, quirks: QuirkSet::default() });
        self.host_step(Some(conn), host::Input::Received { conn, parsed });
    }

    fn deliver_down(&mut self, conn: ConnId) -> bool {
        let Some(wire) = self.wires.get_mut(&conn) else { return false };
        let (n, Some(at_client)) = (wire.client, wire.at_client) else { return false };
        if let Some((file, ask, request)) = wire.arriving_down.take() {
            let (length, hash) = (self.lengths[&file], digest(file));
            self.host_step(None, host::Input::FileSent { ask, length });
            self.step(n, Input::FileArrived { request, length, hash });
            return true;
        }
        let waits = matches!(wire.down.front(), Some(Item::FromHost { growing: Some(_), .. }));
        if waits {
            // It ends when the read of its owner does; this world sends it only then.
            return false;
        }
        let Some(item) = wire.down.pop_front() else { return false };
        match item {
            Item::Message(message) => {
                let parsed = Arc::new(Parsed { message: *message, quirks: QuirkSet::default() });
                self.step(n, Input::Received { conn: at_client, parsed });
            }
            Item::FromHost { ask, file, .. } => {
                wire.arriving_down = Some((file, ask, RequestId(u64::MAX)));
                self.step(n, Input::FileBegins { conn: at_client, length: None });
            }
            Item::FromClient(_) => unreachable!(),
        }
        true
    }

    fn step(&mut self, n: usize, input: Input) {
        let outputs: Vec<Output> = self.clients[n].core.step(self.now, input).collect();
        for output in outputs {
            self.carry_out(n, output);
        }
    }

    fn wire_of(&mut self, n: usize, at_client: ConnId) -> Option<&mut Wire> {
        self.wires.values_mut().find(|w| w.client == n && w.at_client == Some(at_client))
    }

    fn carry_out(&mut self, n: usize, output: Output) {
        match output {
            Output::DialHost { conn, url } => {
                assert_eq!(url, URL);
                self.clients[n].dials.push(conn);
            }
            Output::Send { conn, message, .. } => {
                if let Some(wire) = self.wire_of(n, conn) {
                    wire.up.push_back(Item::Message(message));
                }
            }
            Output::SendFile { conn, file } => {
                assert!(self.clients[n].store.contains(&file), "a file that is not there");
                if let Some(wire) = self.wire_of(n, conn) {
                    wire.up.push_back(Item::FromClient(file));
                }
            }
            Output::ReceiveFile { conn, request, .. } => {
                let wire = self.wire_of(n, conn).expect("a file on a connection that is gone");
                wire.arriving_down.as_mut().expect("no file is there").2 = request;
            }
            Output::KeepFile { request, commit } => {
                assert!(self.lengths.contains_key(&commit.file));
                self.clients[n].store.insert(commit.file);
                self.step(n, Input::Kept { request });
            }
            Output::Close { conn } => {
                self.clients[n].dials.retain(|dial| *dial != conn);
                let found = self.wires.iter_mut().find(|(_, w)| w.client == n && w.at_client == Some(conn));
                if let Some((at_host, wire)) = found {
                    wire.at_client = None;
                    let (at_host, cut) = (*at_host, wire.arriving_up.is_some());
                    // What was said before closing arrives, but for a file in the middle.
                    let said: Vec<Item> = wire.up.drain(..).collect();
                    for item in said.into_iter().take_while(|_| !cut) {
                        match item {
                            Item::Message(message) => self.say_to_host(at_host, *message),
                            _ => break,
                        }
                    }
                    self.cut(at_host, true);
                }
            }
            Output::Event(event) => self.note(n, event),
            _ => {}
        }
    }

    fn note(&mut self, n: usize, event: Event) {
        let client = &mut self.clients[n];
        match event {
            Event::RequestDone { request, file, .. } => {
                assert!(client.open.remove(&request), "a request ended twice");
                assert!(client.store.contains(&file), "done without the file");
                self.fetched += 1;
            }
            Event::RequestFailed { request, failure } => {
                assert!(client.open.remove(&request), "a request ended twice");
                client.failures.insert(request, failure);
            }
            Event::CommitSeen { file, .. } => client.seen.push(file),
            Event::PeerError { what, .. } => panic!("station {n} complains: {what}"),
            _ => {}
        }
    }

    fn host_step(&mut self, from: Option<ConnId>, input: host::Input) {
        let outputs: Vec<host::Output> = self.host.step(self.now, input).collect();
        for output in outputs {
            self.carry_out_for_host(from, output);
        }
    }

    fn carry_out_for_host(&mut self, from: Option<ConnId>, output: host::Output) {
        use host::Output as O;
        match output {
            O::Send { conn, mut message, .. } => {
                if let Message::JoinRet(ret) = message.as_mut()
                    && ret.reply.ok
                    && ret.answers_join()
                    && from == Some(conn)
                {
                    ret.ticket = self.tickets.get(&conn).cloned();
                }
                if let Some(wire) = self.wires.get_mut(&conn) {
                    wire.down.push_back(Item::Message(message));
                }
            }
            O::SendFile { conn, ask, file, bytes, .. } => {
                let growing = if let Bytes::Growing(relay) = bytes { Some(relay) } else { None };
                if let Some(wire) = self.wires.get_mut(&conn) {
                    wire.down.push_back(Item::FromHost { ask, file, growing });
                }
            }
            O::StopSend { ask } => self.stop_send(ask),
            O::ReceiveFile { conn, take, .. } => {
                let wire = self.wires.get_mut(&conn).expect("a file on a connection that is gone");
                wire.arriving_up.as_mut().expect("no file is there").1 = take;
            }
            O::KeepFile { relay, commit } => {
                self.host_store.insert(commit.file);
                self.whole(relay);
                self.host_step(None, host::Input::Kept { relay });
            }
            O::DropFile { relay } => self.whole(relay),
            O::ForgetFile { file } => assert!(self.host_store.remove(&file)),
            O::Close { conn, .. } => self.cut(conn, false),
            O::Event(host::Event::PeerError { what, .. }) => panic!("the host complains: {what}"),
            _ => {}
        }
    }

    /// A read is whole: who reads it gets it all.
    fn whole(&mut self, relay: RelayId) {
        for item in self.wires.values_mut().flat_map(|wire| &mut wire.down) {
            if let Item::FromHost { growing, .. } = item
                && *growing == Some(relay)
            {
                *growing = None;
            }
        }
    }

    fn stop_send(&mut self, stopped: AskId) {
        let is = |item: &Item| matches!(item, Item::FromHost { ask, .. } if *ask == stopped);
        let mut found = false;
        for wire in self.wires.values_mut() {
            let before = wire.down.len();
            wire.down.retain(|item| !is(item));
            found |= wire.down.len() < before;
        }
        if found {
            let what = "stopped".to_owned();
            self.host_step(None, host::Input::SendFailed { ask: stopped, what, begun: false });
        }
    }
}

fn new_host(gather: bool) -> Host {
    let mut config = host::Config::new(station(0), "Rack", "mvrx");
    config.gather = gather;
    Host::new(config)
}

fn client(n: usize, seed: u64) -> Client {
    let group = GroupName::create("Default").unwrap();
    let mut config = Config::new(station(n), &format!("station {n}"), "mvrx", group);
    let offers_files = !(seed + n as u64).is_multiple_of(3);
    config.session = Some(SessionConfig {
        files_connection: offers_files,
        ..SessionConfig::new(URL, seed.wrapping_add(n as u64))
    });
    Client {
        core: Core::new(config),
        open: BTreeSet::new(),
        failures: BTreeMap::new(),
        offers_files,
        seen: Vec::new(),
        store: BTreeSet::new(),
        dials: Vec::new(),
        refuse: 0,
    }
}

/// What a file's bytes hash to.
fn digest(file: FileUuid) -> [u8; 32] {
    let mut hash = [0; 32];
    hash[..16].copy_from_slice(&file.to_bytes());
    hash
}

const URL: &str = "ws://rack.example/";

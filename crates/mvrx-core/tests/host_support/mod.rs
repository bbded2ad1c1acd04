//! One host and scripted stations around it: a test says what happens and looks at what the host wants.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mvrx_core::ConnId;
use mvrx_core::host::{AskId, Bytes, Command, Config, Event, Host, Input, Output, RelayId, Take};
use mvrx_message::{
    Commit, FileUuid, Join, JoinRet, Leave, Message, MvrVersion, Parsed, QuirkSet, Reply, Request,
    StationUuid,
};

pub const VERSION: MvrVersion = MvrVersion { major: 1, minor: 6 };

pub fn station(n: u8) -> StationUuid {
    StationUuid::from_random_bytes([n; 16])
}

pub fn file(n: u8) -> FileUuid {
    FileUuid::from_random_bytes([100 + n; 16])
}

pub fn commit(n: u8, author: u8) -> Commit {
    Commit {
        file: file(n),
        station: Some(station(author)),
        version: VERSION,
        file_size: 1000 + u64::from(n),
        for_stations: Vec::new(),
        comment: format!("commit {n}"),
        file_name: format!("show{n}.mvr"),
        blake3: None,
        author: None,
        group: None,
        order: None,
        missed: false,
    }
}

pub fn commit_for(n: u8, author: u8, for_stations: &[u8]) -> Commit {
    Commit { for_stations: for_stations.iter().map(|s| station(*s)).collect(), ..commit(n, author) }
}

pub fn join_as(n: u8, provider: &str, name: &str, commits: Vec<Commit>) -> Message {
    Message::Join(Join { commits, ..Join::new(station(n), name, provider, VERSION) })
}

pub fn leave(n: u8) -> Message {
    Message::Leave(Leave::new(station(n)))
}

pub fn request_for(n: u8) -> Message {
    Message::Request(Request::new(Some(file(n)), vec![station(0)]))
}

pub fn not_here() -> Message {
    Message::RequestRet(Reply::refused("gone"))
}

/// A host under test, its time, and what it wanted since the last look.
pub struct Rack {
    pub host: Host,
    pub now: Duration,
    pub out: Vec<Output>,
    accepted: u64,
}

impl Rack {
    /// A host that keeps what it relays and fetches nothing by itself.
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    pub fn with(configure: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::new(station(0), "Rack", "mvrx");
        config.gather = false;
        configure(&mut config);
        Self { host: Host::new(config), now: Duration::ZERO, out: Vec::new(), accepted: 0 }
    }

    pub fn step(&mut self, input: Input) -> &mut Self {
        self.out.extend(self.host.step(self.now, input));
        self
    }

    pub fn command(&mut self, command: Command) -> &mut Self {
        self.step(Input::Command(command))
    }

    /// Lets time pass, ringing each timer at its moment.
    pub fn pass(&mut self, time: Duration) -> &mut Self {
        let end = self.now + time;
        while let Some(at) = self.host.deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.step(Input::Tick);
        }
        self.now = end;
        self
    }

    pub fn accept(&mut self, n: u8) -> ConnId {
        self.accepted += 1;
        let conn = ConnId::Accepted(self.accepted);
        self.step(Input::Accepted { conn, peer: SocketAddr::from(([10, 0, 0, n], 50_000)) });
        conn
    }

    pub fn receive(&mut self, conn: ConnId, message: Message) -> &mut Self {
        self.step(Input::Received { conn, parsed: Arc::new(Parsed { message, quirks: QuirkSet::default() }) })
    }

    /// Station `n` connects and joins with these commits; its JOIN_RET.
    pub fn join_with(&mut self, n: u8, provider: &str, commits: Vec<Commit>) -> (ConnId, JoinRet) {
        let conn = self.accept(n);
        self.receive(conn, join_as(n, provider, &format!("station {n}"), commits));
        match self.take_sent(conn) {
            Some(Message::JoinRet(ret)) => (conn, ret),
            other => panic!("no JOIN_RET: {other:?}"),
        }
    }

    /// Station `n` connects, joins with these commits, and what follows is forgotten.
    pub fn join(&mut self, n: u8, commits: Vec<Commit>) -> ConnId {
        let (conn, ret) = self.join_with(n, "MVRApplication", commits);
        assert!(ret.reply.ok, "{ret:?}");
        self.out.clear();
        conn
    }

    pub fn take_sent(&mut self, on: ConnId) -> Option<Message> {
        let at = self.out.iter().position(|o| matches!(o, Output::Send { conn, .. } if *conn == on))?;
        match self.out.remove(at) {
            Output::Send { message, .. } => Some(*message),
            _ => None,
        }
        .map(bare)
    }

    /// The reply that was sent on a connection, whatever its type.
    pub fn take_reply(&mut self, on: ConnId) -> Reply {
        match self.take_sent(on) {
            Some(Message::CommitRet(reply) | Message::LeaveRet(reply) | Message::RequestRet(reply)) => reply,
            Some(Message::NewSessionHostRet(ret)) => ret.reply,
            Some(Message::JoinRet(ret)) => ret.reply,
            other => panic!("no reply: {other:?}"),
        }
    }

    /// The REQUEST that the host sent to an owner.
    pub fn asked(&mut self, on: ConnId) -> Option<FileUuid> {
        match self.take_sent(on) {
            Some(Message::Request(request)) => request.file,
            None => None,
            other => panic!("no REQUEST: {other:?}"),
        }
    }

    /// The file that the host wants sent on a connection.
    pub fn take_send_file(&mut self, on: ConnId) -> Option<(AskId, FileUuid, Bytes, bool)> {
        let at = self.out.iter().position(|o| matches!(o, Output::SendFile { conn, .. } if *conn == on))?;
        match self.out.remove(at) {
            Output::SendFile { ask, file, bytes, shared, .. } => Some((ask, file, bytes, shared)),
            _ => None,
        }
    }

    /// A file begins on a connection; what the host takes it for.
    pub fn begin(&mut self, on: ConnId) -> (Take, bool) {
        self.step(Input::FileBegins { conn: on });
        let at = self.out.iter().position(|o| matches!(o, Output::ReceiveFile { conn, .. } if *conn == on));
        match self.out.remove(at.expect("nothing is received")) {
            Output::ReceiveFile { take, again, .. } => (take, again),
            _ => unreachable!(),
        }
    }

    pub fn arrive(&mut self, conn: ConnId, length: u64) -> &mut Self {
        self.step(Input::FileArrived { conn, length, hash: Some([1; 32]), archive: true })
    }

    pub fn take_keep(&mut self) -> Option<(RelayId, Commit)> {
        let at = self.out.iter().position(|o| matches!(o, Output::KeepFile { .. }))?;
        match self.out.remove(at) {
            Output::KeepFile { relay, commit } => Some((relay, *commit)),
            _ => None,
        }
    }

    /// Station `n` gives its file `f`, asked before: it begins, arrives and is kept.
    pub fn deliver(&mut self, owner: ConnId, length: u64) {
        assert!(matches!(self.begin(owner).0, Take::Keep(_)));
        self.arrive(owner, length);
        let (relay, _) = self.take_keep().expect("nothing is kept");
        self.step(Input::Kept { relay });
    }

    pub fn sent(&mut self, ask: AskId, length: u64) -> &mut Self {
        self.step(Input::FileSent { ask, length })
    }

    pub fn close(&mut self, conn: ConnId) -> &mut Self {
        self.step(Input::Closed { conn, what: "reset by peer".to_owned() })
    }

    pub fn closed(&self, on: ConnId) -> Option<String> {
        self.out.iter().find_map(|o| match o {
            Output::Close { conn, why, .. } if *conn == on => Some(why.clone()),
            _ => None,
        })
    }

    pub fn events(&self) -> Vec<Event> {
        self.out
            .iter()
            .filter_map(|o| if let Output::Event(e) = o { Some(e.clone()) } else { None })
            .collect()
    }

    pub fn saw(&self, wanted: impl Fn(&Event) -> bool) -> bool {
        self.events().iter().any(wanted)
    }

    pub fn sent_anything_on(&self, on: ConnId) -> bool {
        self.out.iter().any(|o| match o {
            Output::Send { conn, .. } | Output::SendFile { conn, .. } => *conn == on,
            _ => false,
        })
    }
}

/// Who the author is has a test of its own, and so has the order.
fn bare(message: Message) -> Message {
    match message {
        Message::Commit(commit) => {
            Message::Commit(Commit { author: None, order: None, missed: false, ..commit })
        }
        other => other,
    }
}

//! One core and scripted peers around it: a test says what happens and looks at what the core wants.
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

use mvrx_core::{
    Command, Config, ConnId, Core, Ending, Event, Input, Output, PlaceId, RequestId, Requested, Sighting,
    Source,
};
use mvrx_message::{
    Commit, FileUuid, GroupName, Join, JoinRet, Leave, Message, MvrVersion, Parsed, QuirkSet, Reply, Request,
    StationUuid,
};

pub const VERSION: MvrVersion = MvrVersion { major: 1, minor: 6 };

pub fn me() -> StationUuid {
    station(0)
}

pub fn station(n: u8) -> StationUuid {
    StationUuid::from_random_bytes([n; 16])
}

pub fn file(n: u8) -> FileUuid {
    FileUuid::from_random_bytes([100 + n; 16])
}

pub fn address(n: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, n], 42424))
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

pub fn ok() -> Reply {
    Reply { ok: true, message: String::new(), from: None }
}

pub fn no(message: &str) -> Reply {
    Reply { ok: false, message: message.to_owned(), from: None }
}

pub fn join_from(n: u8, provider: &str, commits: Vec<Commit>) -> Message {
    Message::Join(Join { commits, ..Join::new(station(n), format!("station {n}"), provider, VERSION) })
}

pub fn join_ret_from(n: u8, provider: &str, reply: Reply, commits: Vec<Commit>) -> Message {
    Message::JoinRet(JoinRet {
        reply,
        provider: provider.to_owned(),
        station_name: format!("station {n}"),
        version: VERSION,
        station: Some(station(n)),
        commits,
        ours: None,
        group: None,
        ticket: None,
        roster: None,
    })
}

/// A core under test, its time, and what it wanted since the last look.
pub struct Desk {
    pub core: Core,
    pub now: Duration,
    pub out: Vec<Output>,
    accepted: u64,
    /// The disk keeps a new place at once; otherwise the test answers.
    pub keeps_places: bool,
}

impl Desk {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    pub fn with(configure: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::new(me(), "FOH desk", "mvrx", GroupName::create("Default").unwrap());
        configure(&mut config);
        let mut desk = Self {
            core: Core::new(config),
            now: Duration::ZERO,
            out: Vec::new(),
            accepted: 0,
            keeps_places: true,
        };
        desk.step(Input::Start);
        desk.out.clear();
        desk
    }

    pub fn step(&mut self, input: Input) -> &mut Self {
        self.out.extend(self.core.step(self.now, input));
        let saves = |o: &Output| matches!(o, Output::SavePlace { .. });
        if self.keeps_places
            && let Some(at) = self.out.iter().position(saves)
        {
            self.out.remove(at);
            self.step(Input::PlaceSaved);
        }
        self
    }

    pub fn command(&mut self, command: Command) -> &mut Self {
        self.step(Input::Command(command))
    }

    /// Lets time pass, ringing each timer at its moment.
    pub fn pass(&mut self, time: Duration) -> &mut Self {
        let end = self.now + time;
        while let Some(at) = self.core.deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.step(Input::Tick);
        }
        self.now = end;
        self
    }

    /// To whom LEAVE is said; each answers.
    pub fn farewells(&mut self) -> Vec<u8> {
        let mut told = Vec::new();
        while let Some((conn, to)) = self.take_dial() {
            self.step(Input::Dialed { conn });
            let message = self.take_sent(conn).expect("something is said");
            assert!(matches!(message, Message::Leave(_)), "{message:?}");
            self.receive(conn, Message::LeaveRet(ok()));
            let std::net::IpAddr::V4(ip) = to.ip() else { panic!() };
            told.push(ip.octets()[3]);
        }
        told.sort_unstable();
        told
    }

    pub fn sight(&mut self, n: u8) -> &mut Self {
        self.sight_at(n, vec![address(n)])
    }

    pub fn sight_at(&mut self, n: u8, addresses: Vec<SocketAddr>) -> &mut Self {
        self.step(Input::Sighted(Sighting {
            place: PlaceId(u64::from(n)),
            station: Some(station(n)),
            station_name: Some(format!("station {n}")),
            group: Some("Default".to_owned()),
            addresses,
        }))
    }

    pub fn receive(&mut self, conn: ConnId, message: Message) -> &mut Self {
        self.step(Input::Received { conn, parsed: Arc::new(Parsed { message, quirks: QuirkSet::default() }) })
    }

    /// A new incoming connection from station `n`'s address.
    pub fn accept(&mut self, n: u8) -> ConnId {
        self.accepted += 1;
        let conn = ConnId::Accepted(self.accepted);
        self.step(Input::Accepted { conn, peer: SocketAddr::from(([10, 0, 0, n], 50_000)) });
        conn
    }

    /// The next connection the core dials, made.
    pub fn connect(&mut self) -> (ConnId, SocketAddr, Message) {
        let (conn, address) = self.take_dial().expect("the core dials nobody");
        self.step(Input::Dialed { conn });
        (conn, address, self.take_sent(conn).expect("nothing was sent on the new connection"))
    }

    /// Station `n` is sighted, accepts our JOIN and lists these commits.
    pub fn join_with(&mut self, n: u8, provider: &str, commits: Vec<Commit>) -> &mut Self {
        self.sight(n);
        let (conn, to, message) = self.connect();
        assert_eq!(to, address(n));
        assert!(matches!(message, Message::Join(_)), "{message:?}");
        self.receive(conn, join_ret_from(n, provider, ok(), commits))
    }

    pub fn join(&mut self, n: u8) -> &mut Self {
        self.join_with(n, "MVRApplication", Vec::new());
        self.out.clear();
        self
    }

    pub fn take_dial(&mut self) -> Option<(ConnId, SocketAddr)> {
        let at = self.out.iter().position(|o| matches!(o, Output::Dial { .. }))?;
        match self.out.remove(at) {
            Output::Dial { conn, address } => Some((conn, address)),
            _ => None,
        }
    }

    pub fn take_sent(&mut self, on: ConnId) -> Option<Message> {
        let at = self.out.iter().position(|o| matches!(o, Output::Send { conn, .. } if *conn == on))?;
        match self.out.remove(at) {
            Output::Send { message, .. } => Some(*message),
            _ => None,
        }
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

    pub fn closed(&self, conn: ConnId) -> bool {
        self.out.contains(&Output::Close { conn })
    }

    pub fn dials(&self) -> usize {
        self.out.iter().filter(|o| matches!(o, Output::Dial { .. })).count()
    }

    pub fn request(&mut self, id: u64, n: u8) -> &mut Self {
        self.command(Command::Request {
            request: RequestId(id),
            requested: Requested::File(file(n)),
            source: Source::Any,
        })
    }

    pub fn close(&mut self, conn: ConnId, ending: Ending) -> &mut Self {
        self.step(Input::Closed { conn, ending })
    }
}

/// What the next connection says, with its answer: a JOIN.
pub fn next_join(desk: &mut Desk) -> (u8, Join) {
    let (conn, to, said) = desk.connect();
    let std::net::IpAddr::V4(ip) = to.ip() else { panic!() };
    let n = ip.octets()[3];
    let Message::Join(join) = said else { panic!("{said:?}") };
    desk.receive(conn, join_ret_from(n, "mvrx", ok(), vec![]));
    (n, join)
}

pub fn leave(n: u8) -> Message {
    Message::Leave(Leave::new(station(n)))
}

pub fn request_for(n: u8) -> Message {
    Message::Request(Request::new(Some(file(n)), Vec::new()))
}

pub fn request_for_current_state() -> Message {
    Message::Request(Request::new(None, Vec::new()))
}

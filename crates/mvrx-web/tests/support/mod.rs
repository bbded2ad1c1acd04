//! Stations of one process on loopback, each with its server, and a client that is made of a socket.
#![allow(dead_code, unreachable_pub, missing_debug_implementations, reason = "no test uses all of it")]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use mvrx_discovery::MemoryBus;
use mvrx_node::messages::Messages;
use mvrx_station::{Event, Events, Heard, Station};
use mvrx_store::FsStore;
use mvrx_web::{Feed, Limits, Listen, Options, TOKEN_FILE, Web};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A station, its server, its folder.
pub struct Node {
    pub folder: tempfile::TempDir,
    pub station: Station,
    pub events: Events,
    pub web: Web,
    pub feed: Feed,
    pub at: SocketAddr,
    pub token: String,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

pub const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

pub fn crew() -> MemoryBus {
    MemoryBus::new()
}

impl Node {
    pub async fn start(bus: &MemoryBus, name: &str) -> Self {
        Self::with(bus, name, Limits::default(), |options| options).await
    }

    pub async fn with(
        bus: &MemoryBus,
        name: &str,
        limits: Limits,
        describe: impl FnOnce(Options) -> Options,
    ) -> Self {
        Self::at(bus, name, SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), limits, describe).await
    }

    pub async fn at(
        bus: &MemoryBus,
        name: &str,
        at: SocketAddr,
        limits: Limits,
        describe: impl FnOnce(Options) -> Options,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let builder = Station::builder(name)
            .provider("mvrx")
            .moves(mvrx_station::Moves::Ask)
            .listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
            .discovery(bus.attach(LOOPBACK))
            .identity(mvrx_station::load_or_create(folder.path()).unwrap())
            .store(FsStore::open(folder.path()).unwrap());
        let messages = Messages::default();
        let builder = builder.observe(messages.clone());
        let (station, events) = builder.spawn().await.unwrap();
        let feed = Feed::default();
        let options = Options::station(station.clone(), folder.path())
            .named(name, "Default")
            .feed(feed.clone())
            .messages(messages)
            .limits(limits);
        let web = Web::start(describe(options), Listen::At(at)).unwrap();
        let token = std::fs::read_to_string(folder.path().join(TOKEN_FILE)).unwrap();
        let at = web.address();
        Self { folder, station, events, web, feed, at, token }
    }

    /// Waits until an event is told.
    pub async fn until(&mut self, wanted: impl Fn(&Event) -> bool) -> Event {
        loop {
            let heard = in_time(self.events.next()).await.unwrap();
            if let Heard::Event(seen) = heard
                && wanted(&seen.event)
            {
                return seen.event;
            }
        }
    }

    pub async fn joined(&mut self) {
        self.until(|event| matches!(event, Event::StationJoined { .. })).await;
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], b"").await
    }

    pub async fn json(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }

    /// With the token.
    pub async fn order(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        self.ask(method, path, &[("Authorization", &format!("Bearer {}", self.token))], body).await
    }

    /// The same with a JSON document.
    pub async fn order_json(&self, method: &str, path: &str, body: &Value) -> Answer {
        let authorization = format!("Bearer {}", self.token);
        let headers = [("Authorization", authorization.as_str()), ("Content-Type", "application/json")];
        self.ask(method, path, &headers, body.to_string().as_bytes()).await
    }

    pub async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        ask(self.at, method, path, headers, body).await
    }

    pub fn make_show(&self, name: &str, seed: u64) -> (PathBuf, Vec<u8>) {
        let bytes = mvrx_file::generate::Recipe::new(seed).fixtures(30).to_bytes();
        let path = self.folder.path().join(name);
        std::fs::write(&path, &bytes).unwrap();
        (path, bytes)
    }

    pub async fn stop(self) {
        self.web.stop().await;
        self.station.stop().await;
    }
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn error(&self) -> String {
        let json = self.json();
        assert_eq!(json["schema"], 1);
        json["error"].as_str().unwrap().to_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let wanted = format!("{}:", name.to_ascii_lowercase());
        let line = self.head.lines().find(|line| line.to_ascii_lowercase().starts_with(&wanted))?;
        Some(line[wanted.len()..].trim())
    }
}

/// One request over a connection of its own, by HTTP/1.0, whose answers end with the connection.
pub async fn ask(at: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let mut stream = open(at, method, path, headers, Some(body.len())).await;
    // A server that refuses does not wait for the body.
    let _ = stream.write_all(body).await;
    answer(stream).await
}

/// Sends the head.
pub async fn open(
    at: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    length: Option<usize>,
) -> TcpStream {
    let mut stream = TcpStream::connect(at).await.unwrap();
    let mut head = format!("{method} {path} HTTP/1.0\r\n");
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        head.push_str(&format!("Host: {at}\r\n"));
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if let Some(length) = length.filter(|length| *length > 0) {
        head.push_str(&format!("Content-Length: {length}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

pub async fn answer(mut stream: TcpStream) -> Answer {
    let mut bytes = Vec::new();
    // A connection that is reset ends it as well.
    let _ = in_time(stream.read_to_end(&mut bytes)).await;
    let end = bytes.windows(4).position(|end| end == b"\r\n\r\n");
    let Some(end) = end else {
        return Answer { status: 0, head: String::new(), body: bytes };
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head, body: bytes[end + 4..].to_vec() }
}

/// A client of an event stream.
pub struct Stream {
    stream: TcpStream,
    text: String,
}

/// One event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    pub id: String,
    pub event: String,
    pub data: String,
}

impl Stream {
    pub async fn open(at: SocketAddr, query: &str, headers: &[(&str, &str)]) -> Self {
        let stream = open(at, "GET", &format!("/api/v1/events{query}"), headers, None).await;
        let mut opened = Self { stream, text: String::new() };
        while !opened.text.contains("\r\n\r\n") {
            assert!(opened.more().await, "no answer: {}", opened.text);
        }
        let (head, rest) = opened.text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.0 200") || head.starts_with("HTTP/1.1 200"), "{head}");
        opened.text = rest.to_owned();
        opened
    }

    async fn more(&mut self) -> bool {
        let mut buffer = [0; 4_096];
        let count = in_time(self.stream.read(&mut buffer)).await.unwrap_or(0);
        self.text.push_str(&String::from_utf8_lossy(&buffer[..count]));
        count > 0
    }

    /// The next block that is no comment; `None`: the stream has ended.
    pub async fn next(&mut self) -> Option<Told> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                let mut told = Told::default();
                for line in block.lines() {
                    match line.split_once(": ") {
                        Some(("id", id)) => told.id = id.to_owned(),
                        Some(("event", event)) => told.event = event.to_owned(),
                        Some(("data", data)) => told.data = data.to_owned(),
                        _ => {}
                    }
                }
                if told != Told::default() {
                    return Some(told);
                }
            } else if !self.more().await {
                return None;
            }
        }
    }

    /// The next of this name.
    pub async fn until(&mut self, event: &str) -> Told {
        loop {
            let told = self.next().await.unwrap_or_else(|| panic!("the stream ended before {event}"));
            if told.event == event {
                return told;
            }
        }
    }
}

/// Nothing here takes more than seconds; a test that hangs is to fail.
pub async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), future).await.expect("it takes too long")
}

//! Stations and hosts that move, and proposals letter by letter.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;

use mvrx_discovery::MemoryBus;
use mvrx_message::FileUuid;
use mvrx_station::{CommitDraft, Event, Events, HostOptions, Moves, SessionTarget, Station};
use mvrx_store::FsStore;
use serde_json::{Value, json};

use super::{HERE, LIMIT, loopback, package, read_package, until};

pub fn url(address: SocketAddr) -> SessionTarget {
    SessionTarget::Url(format!("ws://{address}/"))
}

pub fn group(name: &str) -> SessionTarget {
    SessionTarget::Group(name.parse().unwrap())
}

pub async fn station(bus: &MemoryBus, folder: &Path, name: &str, moves: Moves) -> (Station, Events) {
    let data = folder.join(name);
    let store = FsStore::open(&data).unwrap();
    let builder =
        Station::builder(name).any_file(true).listen(loopback()).discovery(bus.attach(HERE)).store(store);
    builder.moves(moves).keep_place_in(data).spawn().await.unwrap()
}

pub async fn host(folder: &Path, name: &str, moves: Moves) -> (Station, Events) {
    let store = FsStore::open(folder.join(name)).unwrap();
    let options = HostOptions::default().announce(false);
    Station::builder(name)
        .any_file(true)
        .listen(loopback())
        .host(options)
        .moves(moves)
        .store(store)
        .spawn()
        .await
        .unwrap()
}

pub async fn commit(station: &Station, folder: &Path, name: &str) -> FileUuid {
    let path = folder.join(name);
    fs::write(&path, name).unwrap();
    station.commit(CommitDraft::from_path(&path)).await.unwrap().file
}

pub async fn until_joined(events: &mut Events, other: &Station) {
    let wanted = other.uuid();
    until(events, |e| matches!(e, Event::StationJoined { station, .. } if *station == wanted).then_some(()))
        .await;
}

/// All of them, in whatever order they come.
pub async fn until_all_joined(events: &mut Events, others: &[&Station]) {
    let mut missing: Vec<_> = others.iter().map(|other| other.uuid()).collect();
    while !missing.is_empty() {
        let came = |e: &Event| match e {
            Event::StationJoined { station, .. } => missing.iter().position(|wanted| station == wanted),
            _ => None,
        };
        let came = until(events, came).await;
        missing.remove(came);
    }
}

pub async fn until_moved(events: &mut Events, place: &SessionTarget) {
    until(events, |e| matches!(e, Event::Moved { to, .. } if to == place).then_some(())).await;
}

pub async fn until_known(station: &Station, events: &mut Events, file: FileUuid) {
    let knows = async || station.commits().await.unwrap().iter().any(|info| info.commit.file == file);
    if !knows().await {
        until(events, |e| matches!(e, Event::CommitSeen { file: seen, .. } if *seen == file).then_some(()))
            .await;
    }
}

/// A URL where nobody listens.
pub fn nowhere() -> SessionTarget {
    let listener = TcpListener::bind(loopback()).unwrap();
    url(listener.local_addr().unwrap())
}

/// A proposal, letter by letter.
pub fn proposal(name: &str, url: &str) -> String {
    format!(r#"{{"Type":"MVR_NEW_SESSION_HOST","ServiceName":"{name}","ServiceURL":"{url}"}}"#)
}

/// The answer to one: whether it is yes, and why not.
pub fn answer_in(json: &[u8]) -> (bool, String) {
    let ret: Value = serde_json::from_slice(json).unwrap();
    assert_eq!(ret["Type"], "MVR_NEW_SESSION_HOST_RET");
    (ret["OK"].as_bool().unwrap(), ret["Message"].as_str().unwrap_or_default().to_owned())
}

/// Says it in a package and reads the answer.
pub fn propose(socket: &mut TcpStream, name: &str, url: &str) -> (bool, String) {
    socket.write_all(&package(0, proposal(name, url).as_bytes())).unwrap();
    let (_, payload) = read_package(socket).expect("no answer");
    answer_in(&payload)
}

/// A client of WebSocket Mode, made of a socket, RFC 6455 and the specification's text.
pub struct Client {
    socket: TcpStream,
}

impl Client {
    pub fn connect(to: SocketAddr) -> Self {
        let mut socket = TcpStream::connect(to).unwrap();
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        let request = format!(
            "GET / HTTP/1.1\r\nHost: {to}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        socket.write_all(request.as_bytes()).unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            socket.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
        Self { socket }
    }

    fn frame(&mut self, opcode: u8, payload: &[u8]) {
        let mask = [7, 11, 13, 17];
        let mut bytes = vec![0x80 | opcode];
        match u8::try_from(payload.len()).ok().filter(|length| *length < 126) {
            Some(length) => bytes.push(0x80 | length),
            None => {
                bytes.push(0x80 | 126);
                bytes.extend_from_slice(&u16::try_from(payload.len()).unwrap().to_be_bytes());
            }
        }
        bytes.extend_from_slice(&mask);
        bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        self.socket.write_all(&bytes).unwrap();
    }

    fn say(&mut self, json: &str) {
        self.frame(1, json.as_bytes());
    }

    /// The next message of this type; others are passed over.
    fn hear(&mut self, kind: &str) -> Vec<u8> {
        let mut message = Vec::new();
        loop {
            let mut head = [0; 2];
            self.socket.read_exact(&mut head).expect("no answer");
            let mut length = usize::from(head[1]);
            if length == 126 {
                let mut long = [0; 2];
                self.socket.read_exact(&mut long).unwrap();
                length = u16::from_be_bytes(long).into();
            }
            assert!(length < 0x1_0000 && head[1] < 127, "a server masks nothing, and this is short");
            let mut payload = vec![0; length];
            self.socket.read_exact(&mut payload).unwrap();
            match head[0] & 0x0F {
                9 => self.frame(10, &payload),
                0 | 1 => message.extend_from_slice(&payload),
                8 => panic!("it was closed: {}", String::from_utf8_lossy(&payload)),
                _ => {}
            }
            if head[0] & 0x80 == 0 || head[0] & 0x0F > 1 {
                continue;
            }
            let text = std::mem::take(&mut message);
            let read: Value = serde_json::from_slice(&text).unwrap();
            if read["Type"] == kind {
                return text;
            }
        }
    }

    pub fn join(&mut self) {
        let join = json!({
            "Type": "MVR_JOIN", "Provider": "MVRApplication", "StationName": "raw", "verMajor": 1, "verMinor": 6,
            "StationUUID": "0f0f0f0f-0f0f-4f0f-8f0f-0f0f0f0f0f0f", "Commits": [],
        });
        self.say(&join.to_string());
        let ret: Value = serde_json::from_slice(&self.hear("MVR_JOIN_RET")).unwrap();
        assert_eq!(ret["OK"], true, "{ret}");
    }

    pub fn propose(&mut self, name: &str, url: &str) -> (bool, String) {
        self.say(&proposal(name, url));
        answer_in(&self.hear("MVR_NEW_SESSION_HOST_RET"))
    }
}

//! The host of a session in WebSocket Mode: passes commits on, and files from who has them to who asks.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use data_encoding::BASE64;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use serde_json::{Value, json};

/// What is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    None,
    BadAccept,
    UnaskedExtension,
    BinaryMessages,
    Masks,
    BadUtf8,
    PackageHeader,
    NoFragments,
    NoPong,
    NoClose,
    AnyMask,
    AnyBits,
    PassesNothing,
    Echoes,
    OtherAuthor,
    LosesSize,
    ListsNothing,
    TellsEverybody,
    TellsWhoLeft,
    AsksNobody,
    OtherBytes,
    MovesBlind,
}

struct Member {
    connection: u64,
    station: String,
    left: bool,
    stream: TcpStream,
    /// Who waits for files of this station.
    askers: VecDeque<TcpStream>,
}

#[derive(Default)]
struct Session {
    members: Vec<Member>,
    commits: Vec<(u64, Value)>,
}

#[derive(Clone)]
struct Host {
    fault: Fault,
    session: Arc<Mutex<Session>>,
}

/// Listens on loopback until the test ends; the address is that of the judge.
pub fn listen(fault: Fault) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("ws://{}/", listener.local_addr().unwrap());
    let host = Host { fault, session: Arc::default() };
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().map_while(Result::ok).enumerate() {
            let host = host.clone();
            std::thread::spawn(move || {
                host.serve(stream, number as u64);
                let mut session = host.session.lock().unwrap();
                session.members.retain(|member| member.connection != number as u64);
                session.commits.retain(|(connection, _)| *connection != number as u64);
            });
        }
    });
    address
}

const ME: &str = "3f0e4d2c-5b6a-4798-8a9b-0c1d2e3f4a5b";
const FILE: &str = "4f0e4d2c-5b6a-4798-8a9b-0c1d2e3f4a5b";
const BYTES: &[u8] = b"PK\x03\x04 the host's own file";

impl Host {
    fn is(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    fn serve(&self, mut stream: TcpStream, connection: u64) -> Option<()> {
        self.handshake(&mut stream)?;
        let mut whole = Vec::new();
        let mut kind = 1;
        loop {
            let mut head = [0; 2];
            stream.read_exact(&mut head).ok()?;
            let length = match head[1] & 0x7f {
                126 => u64::from(u16::from_be_bytes(take(&mut stream)?)),
                127 => u64::from_be_bytes(take(&mut stream)?),
                short => u64::from(short),
            };
            let masked = head[1] & 0x80 != 0;
            let key: [u8; 4] = if masked { take(&mut stream)? } else { [0; 4] };
            let mut payload = vec![0; usize::try_from(length).ok().filter(|length| *length < 1 << 20)?];
            stream.read_exact(&mut payload).ok()?;
            payload.iter_mut().zip(key.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
            let (last, bits, opcode) = (head[0] & 0x80 != 0, head[0] & 0x70, head[0] & 0x0f);
            if (bits != 0 && !self.is(Fault::AnyBits)) || (!masked && !self.is(Fault::AnyMask)) {
                return None;
            }
            match opcode {
                9 if payload.len() > 125 => return None,
                9 if self.is(Fault::NoPong) => {}
                9 => self.frame(&mut stream, 10, &payload)?,
                8 if self.is(Fault::NoClose) => return None,
                8 => return self.frame(&mut stream, 8, &payload),
                10 => {}
                0..=2 => {
                    if opcode > 0 {
                        kind = opcode;
                    }
                    whole.extend(payload);
                    if last || self.is(Fault::NoFragments) {
                        self.message(&mut stream, connection, kind, std::mem::take(&mut whole))?;
                    }
                }
                _ => return None,
            }
        }
    }

    fn handshake(&self, stream: &mut TcpStream) -> Option<()> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.extend(take::<1>(stream)?);
        }
        let text = String::from_utf8(head).ok()?;
        let key = text.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "))?;
        let mut text = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
        if self.is(Fault::BadAccept) {
            text.push('x');
        }
        let accept = BASE64.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()).as_ref());
        let more = if self.is(Fault::UnaskedExtension) {
            "Sec-WebSocket-Extensions: permessage-deflate\r\n"
        } else {
            ""
        };
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n{more}\r\n"
        );
        stream.write_all(answer.as_bytes()).ok()
    }

    fn frame(&self, stream: &mut TcpStream, opcode: u8, payload: &[u8]) -> Option<()> {
        let mask = if self.is(Fault::Masks) && opcode < 8 { 0x80 } else { 0 };
        let mut bytes = vec![0x80 | opcode];
        match u8::try_from(payload.len()) {
            Ok(short) if short < 126 => bytes.push(mask | short),
            _ => {
                bytes.push(mask | 126);
                bytes.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
            }
        }
        if mask != 0 {
            bytes.extend([0; 4]);
        }
        bytes.extend(payload);
        stream.write_all(&bytes).ok()
    }

    fn say(&self, stream: &mut TcpStream, message: &Value) -> Option<()> {
        let mut json = message.to_string().into_bytes();
        if self.is(Fault::BadUtf8)
            && let Some(at) = json.windows(6).position(|part| part == b"Double")
        {
            json[at] = 0xff;
        }
        if self.is(Fault::PackageHeader) {
            json = [&super::station::header(json.len())[..], &json].concat();
        }
        self.frame(stream, if self.is(Fault::BinaryMessages) { 2 } else { 1 }, &json)
    }

    fn message(&self, stream: &mut TcpStream, connection: u64, kind: u8, bytes: Vec<u8>) -> Option<()> {
        if kind == 2 {
            return self.file(connection, bytes);
        }
        let message: Value = serde_json::from_str(&String::from_utf8(bytes).ok()?).ok()?;
        let kind = message.get("Type")?.as_str()?.to_owned();
        let ret = |ok: bool, why: &str| json!({ "Type": format!("{kind}_RET"), "OK": ok, "Message": why });
        match kind.as_str() {
            "MVR_JOIN" => self.join(stream, connection, &message),
            "MVR_LEAVE" => {
                message.get("FromStationUUID").or_else(|| message.get("StationUUID"))?;
                let mut session = self.session.lock().unwrap();
                session.members.iter_mut().filter(|m| m.connection == connection).for_each(|m| m.left = true);
                self.say(stream, &ret(true, ""))
            }
            "MVR_COMMIT" => {
                self.say(stream, &ret(true, ""))?;
                self.commit(connection, message)
            }
            "MVR_REQUEST" => self.request(stream, &message, &ret(false, "not here")),
            "MVR_REQUEST_RET" => {
                let mut session = self.session.lock().unwrap();
                let owner = session.members.iter_mut().find(|member| member.connection == connection)?;
                if let Some(mut asker) = owner.askers.pop_front() {
                    self.say(&mut asker, &message)?;
                }
                Some(())
            }
            "MVR_NEW_SESSION_HOST" => self.say(stream, &ret(self.is(Fault::MovesBlind), "nobody moves")),
            _ => None,
        }
    }

    fn join(&self, stream: &mut TcpStream, connection: u64, join: &Value) -> Option<()> {
        let station = join.get("StationUUID")?.as_str()?.to_ascii_lowercase();
        let mut session = self.session.lock().unwrap();
        session.members.retain(|member| member.connection != connection);
        let (left, askers) = (false, VecDeque::new());
        session.members.push(Member {
            connection,
            station: station.clone(),
            left,
            stream: stream.try_clone().ok()?,
            askers,
        });
        let own = json!({
            "Type": "MVR_COMMIT", "verMajor": 1, "verMinor": 6, "FileSize": BYTES.len(), "FileUUID": FILE, "StationUUID": ME,
            "ForStationsUUID": [], "Comment": "", "FileName": "own.mvr",
        });
        let visible =
            session.commits.iter().map(|(_, commit)| commit).filter(|commit| is_for(commit, &station));
        let mut list: Vec<Value> = visible.cloned().collect();
        if self.is(Fault::ListsNothing) {
            list.clear();
        }
        list.push(own);
        let ret = json!({
            "Type": "MVR_JOIN_RET", "OK": true, "Message": "", "Provider": "A double", "StationName": "Double",
            "verMajor": 1, "verMinor": 6, "StationUUID": ME, "Commits": list,
        });
        self.say(stream, &ret)?;
        drop(session);
        for entry in join.get("Commits").and_then(Value::as_array).into_iter().flatten() {
            if entry.get("FileUUID").is_some() {
                self.commit(connection, entry.clone())?;
            }
        }
        Some(())
    }

    fn commit(&self, connection: u64, mut commit: Value) -> Option<()> {
        let mut session = self.session.lock().unwrap();
        let known = |(_, other): &(u64, Value)| other["FileUUID"] == commit["FileUUID"];
        if session.commits.iter().any(known) {
            return Some(());
        }
        session.commits.push((connection, commit.clone()));
        match self.fault {
            Fault::PassesNothing => return Some(()),
            Fault::OtherAuthor => commit["StationUUID"] = json!(ME),
            Fault::LosesSize => commit["FileSize"] = json!(0),
            _ => {}
        }
        for member in &mut session.members {
            let sender = member.connection == connection && !self.is(Fault::Echoes);
            let left = member.left && !self.is(Fault::TellsWhoLeft);
            let other = !is_for(&commit, &member.station) && !self.is(Fault::TellsEverybody);
            if !sender && !left && !other {
                self.say(&mut member.stream, &commit);
            }
        }
        Some(())
    }

    fn request(&self, stream: &mut TcpStream, request: &Value, refusal: &Value) -> Option<()> {
        let file = request.get("FileUUID").and_then(Value::as_str).unwrap_or_default();
        if file == FILE || file.is_empty() {
            return self.frame(stream, 2, BYTES);
        }
        let mut session = self.session.lock().unwrap();
        let owner = session.commits.iter().find(|(_, c)| c["FileUUID"] == file).map(|(owner, _)| *owner);
        let owner = session.members.iter_mut().find(|member| Some(member.connection) == owner);
        match owner {
            Some(owner) if !self.is(Fault::AsksNobody) => {
                owner.askers.push_back(stream.try_clone().ok()?);
                self.say(&mut owner.stream, request)
            }
            _ => self.say(stream, refusal),
        }
    }

    fn file(&self, connection: u64, mut bytes: Vec<u8>) -> Option<()> {
        let mut session = self.session.lock().unwrap();
        let owner = session.members.iter_mut().find(|member| member.connection == connection)?;
        if self.is(Fault::OtherBytes) {
            bytes[10] ^= 1;
        }
        if let Some(mut asker) = owner.askers.pop_front() {
            self.frame(&mut asker, 2, &bytes)?;
        }
        Some(())
    }
}

fn is_for(commit: &Value, station: &str) -> bool {
    let list = commit.get("ForStationsUUID").and_then(Value::as_array);
    list.is_none_or(|list| list.is_empty() || list.iter().any(|one| one.as_str() == Some(station)))
}

fn take<const N: usize>(stream: &mut TcpStream) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).ok()?;
    Some(bytes)
}

//! A station of a session: joins, commits, gives its file, fetches the host's, leaves and closes.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::{Value, json};

/// What is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    None,
    /// Ends without a word once it has connected.
    GoneEarly,
    OldHttp,
    NoHost,
    NoConnection,
    ShortKey,
    OldVersion,
    NoMask,
    OneMask,
    Reserved,
    UnknownOpcode,
    LooseLength,
    LongPing,
    LooseEnd,
    BeginsInside,
    BinaryMessages,
    NoJson,
    BadUtf8,
    PackageHeader,
    NoPong,
    OtherPong,
    NoCommitRet,
    NoFile,
    RefusesFile,
    ShortFile,
    LongFile,
    FileInPieces,
    NoClose,
    CloseCode,
    CloseReason,
    NoProvider,
    CommitsFirst,
    AsksUnknown,
    AnotherLeaves,
}

struct Member {
    fault: Fault,
    stream: TcpStream,
    masks: u8,
}

const ME: &str = "5e0e4d2c-5b6a-4798-8a9b-0c1d2e3f4a5b";
const FILE: &str = "6e0e4d2c-5b6a-4798-8a9b-0c1d2e3f4a5b";
const NOBODY: &str = "7e0e4d2c-5b6a-4798-8a9b-0c1d2e3f4a5b";
const BYTES: &[u8] = b"PK\x03\x04 the station's own file";
const LAST: u8 = 0x80;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// Visits the session once.
pub fn visit(address: SocketAddr, fault: Fault) {
    let mut member = Member { fault, stream: TcpStream::connect(address).unwrap(), masks: 0 };
    member.open(address);
    if fault == Fault::GoneEarly {
        return;
    }
    let commit = json!({
        "Type": "MVR_COMMIT", "verMajor": 1, "verMinor": 6, "FileSize": BYTES.len(), "FileUUID": FILE, "StationUUID": ME,
        "ForStationsUUID": [], "Comment": "", "FileName": "show.mvr",
    });
    if fault == Fault::CommitsFirst {
        member.say(&commit);
    }
    member.join();
    member.oddities();
    let theirs = member.hear("MVR_COMMIT");
    if fault != Fault::NoCommitRet {
        member.say(&json!({ "Type": "MVR_COMMIT_RET", "OK": true, "Message": "" }));
    }
    if fault != Fault::CommitsFirst {
        member.say(&commit);
        member.hear("MVR_REQUEST");
    }
    member.give();
    let file = if fault == Fault::AsksUnknown { json!(NOBODY) } else { theirs["FileUUID"].clone() };
    member
        .say(&json!({ "Type": "MVR_REQUEST", "FileUUID": file, "FromStationUUID": [theirs["StationUUID"]] }));
    if fault == Fault::AsksUnknown {
        assert_eq!(member.hear("MVR_REQUEST_RET")["OK"], false);
    } else {
        assert_eq!(member.receive(BINARY)[..4], *b"PK\x03\x04");
    }
    let leaver = if fault == Fault::AnotherLeaves { NOBODY } else { ME };
    member.say(&json!({ "Type": "MVR_LEAVE", "FromStationUUID": leaver }));
    member.hear("MVR_LEAVE_RET");
    match fault {
        Fault::NoClose => return,
        Fault::CloseCode => member.frame(LAST | CLOSE, &1005_u16.to_be_bytes()),
        Fault::CloseReason => member.frame(LAST | CLOSE, &[3, 232, 0xff]),
        _ => member.frame(LAST | CLOSE, &[&1000_u16.to_be_bytes()[..], b"done"].concat()),
    }
    member.receive(CLOSE);
}

impl Member {
    fn is(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    fn open(&mut self, address: SocketAddr) {
        let http = if self.is(Fault::OldHttp) { "1.0" } else { "1.1" };
        let host = if self.is(Fault::NoHost) { String::new() } else { format!("Host: {address}\r\n") };
        let connection = if self.is(Fault::NoConnection) { "close" } else { "keep-alive, Upgrade" };
        let key = if self.is(Fault::ShortKey) { "c2hvcnQ=" } else { "dGhlIHNhbXBsZSBub25jZQ==" };
        let version = if self.is(Fault::OldVersion) { 8 } else { 13 };
        let request = format!(
            "GET /session HTTP/{http}\r\n{host}Upgrade: websocket\r\nConnection: {connection}\r\nSec-WebSocket-Key: {key}\r\n\
             Sec-WebSocket-Version: {version}\r\n\r\n"
        );
        self.stream.write_all(request.as_bytes()).unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut one = [0];
            self.stream.read_exact(&mut one).unwrap();
            head.extend(one);
        }
        let head = String::from_utf8(head).unwrap();
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        if key.starts_with('d') {
            assert!(head.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
        }
    }

    fn join(&mut self) {
        let mut join = json!({
            "Type": "MVR_JOIN", "Provider": "A double", "StationName": "Double", "verMajor": 1, "verMinor": 6,
            "StationUUID": ME, "Commits": [],
        });
        if self.is(Fault::NoProvider) {
            join["Provider"] = json!("");
        }
        self.say(&join);
        let ret = self.hear("MVR_JOIN_RET");
        assert_eq!((&ret["OK"], ret["Commits"].as_array().unwrap().len()), (&json!(true), 1), "{ret}");
        let asked = self.receive(PING);
        match self.fault {
            Fault::NoPong => {}
            Fault::OtherPong => self.frame(LAST | PONG, b"another"),
            _ => self.frame(LAST | PONG, &asked),
        }
    }

    /// What belongs to nothing.
    fn oddities(&mut self) {
        match self.fault {
            Fault::UnknownOpcode => self.frame(LAST | 5, b"what"),
            Fault::LongPing => self.frame(LAST | PING, &[7; 126]),
            Fault::LooseEnd => self.frame(LAST, b"the end of nothing"),
            Fault::BeginsInside => self.frame(TEXT, b"{\"Type\":"),
            Fault::NoJson => self.frame(LAST | TEXT, b"{\"Type\""),
            _ => {}
        }
    }

    fn give(&mut self) {
        match self.fault {
            Fault::NoFile => {}
            Fault::RefusesFile => {
                self.say(&json!({ "Type": "MVR_REQUEST_RET", "OK": false, "Message": "no" }));
            }
            Fault::ShortFile => self.frame(LAST | BINARY, &BYTES[1..]),
            Fault::LongFile => self.frame(LAST | BINARY, &[BYTES, b"x"].concat()),
            Fault::FileInPieces => BYTES.chunks(8).for_each(|piece| self.frame(LAST | BINARY, piece)),
            // In fragments, which make one message.
            _ => {
                self.frame(BINARY, &BYTES[..9]);
                self.frame(0, &BYTES[9..12]);
                self.frame(LAST, &BYTES[12..]);
            }
        }
    }

    fn say(&mut self, message: &Value) {
        let mut json = message.to_string().into_bytes();
        if self.is(Fault::BadUtf8)
            && let Some(at) = json.windows(6).position(|part| part == b"Double")
        {
            json[at] = 0xff;
        }
        if self.is(Fault::PackageHeader) {
            json = [&super::station::header(json.len())[..], &json].concat();
        }
        let bits = if self.is(Fault::Reserved) { 0x40 } else { 0 };
        self.frame(LAST | bits | if self.is(Fault::BinaryMessages) { BINARY } else { TEXT }, &json);
    }

    fn frame(&mut self, first: u8, payload: &[u8]) {
        if !self.is(Fault::OneMask) {
            self.masks += 1;
        }
        let key = [7, 9, 0, self.masks];
        let mask = if self.is(Fault::NoMask) { 0 } else { 0x80 };
        let mut bytes = vec![first];
        match u8::try_from(payload.len()) {
            Ok(short) if short < 126 && !self.is(Fault::LooseLength) => bytes.push(mask | short),
            _ => {
                bytes.push(mask | 126);
                bytes.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
            }
        }
        if mask == 0 {
            bytes.extend(payload);
        } else {
            bytes.extend(key);
            bytes.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
        }
        self.stream.write_all(&bytes).unwrap();
    }

    /// Waits for a message of this type; others are not for it.
    fn hear(&mut self, kind: &str) -> Value {
        loop {
            let message: Value = serde_json::from_slice(&self.receive(TEXT)).unwrap();
            if message["Type"] == kind {
                return message;
            }
        }
    }

    /// Waits for a frame with this opcode; others are not for it.
    fn receive(&mut self, opcode: u8) -> Vec<u8> {
        loop {
            let mut head = [0; 2];
            self.stream.read_exact(&mut head).unwrap();
            let length = match head[1] {
                126 => {
                    let mut length = [0; 2];
                    self.stream.read_exact(&mut length).unwrap();
                    u16::from_be_bytes(length).into()
                }
                short => usize::from(short),
            };
            let mut payload = vec![0; length];
            self.stream.read_exact(&mut payload).unwrap();
            if head[0] == LAST | opcode {
                return payload;
            }
        }
    }
}

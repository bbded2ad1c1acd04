//! A station of TCP Mode.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::{Value, json};

/// What is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    None,
    ListsNothing,
    RefusesAll,
    OtherHeader,
    LittleEndian,
    OtherVersion,
    NumberOne,
    CountNought,
    OtherType,
    LengthTooLong,
    BadUtf8,
    MessageInTwo,
    HeaderInOneRead,
    OneMessagePerRead,
    StrictVersion,
    OkAsText,
    OtherAnswer,
    NoName,
    NoProvider,
    NilUuid,
    UpperCaseUuid,
    VersionsAsText,
    NoVersions,
    FilesKey,
    NoMessage,
    LongName,
    ListedWithoutSize,
    ListedWithoutStation,
    ListedPath,
    ListedTwice,
    ListedAudienceAsText,
    UuidChanges,
    NoSecondJoin,
    AsciiOnly,
    StrictKeys,
    LeaveUnanswered,
    LeaveByTableOnly,
    RefusalSilent,
    RefusalOk,
    GivesAnything,
    FileCut,
    FileSizeWrong,
    FileNoArchive,
    FileInTwo,
    FileChanges,
    CommitRefused,
    MoveBoth,
    MoveBlind,
    AnyHeader,
    FirstPackageOnly,
    DiesOfList,
}

struct Station {
    fault: Fault,
    dead: AtomicBool,
    answers: AtomicU64,
}

/// Listens on loopback until the test ends; the address is that of the judge.
pub fn listen(fault: Fault) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap());
    let station = Arc::new(Station { fault, dead: AtomicBool::new(false), answers: AtomicU64::new(0) });
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            if station.dead.load(Ordering::SeqCst) {
                return;
            }
            let station = Arc::clone(&station);
            std::thread::spawn(move || station.serve(stream));
        }
    });
    address
}

const ME: &str = "1f0e4d2c-5b6a-4798-8a9b-0c1d2e3f4a5b";
const FILE: &str = "2f0e4d2c-5b6a-4798-8a9b-0c1d2e3f4a5b";

impl Station {
    fn is(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    fn serve(&self, mut stream: TcpStream) -> Option<()> {
        let mut held = Vec::new();
        let mut message = Vec::new();
        let mut joins = 0;
        loop {
            let mut piece = [0; 65_536];
            let read = stream.read(&mut piece).ok().filter(|read| *read > 0)?;
            if self.is(Fault::HeaderInOneRead) && held.is_empty() && read < 28 {
                return None;
            }
            held.extend_from_slice(&piece[..read]);
            while held.len() >= 28 {
                let field = |at: usize| u32::from_be_bytes(held[at..at + 4].try_into().unwrap());
                let (version, number, count, kind) = (field(4), field(8), field(12).max(1), field(16));
                let length = u64::from_be_bytes(held[20..28].try_into().unwrap());
                if (field(0) != 778_682 && !self.is(Fault::AnyHeader))
                    || kind > 1
                    || number >= count
                    || length > 1 << 20
                    || (self.is(Fault::StrictVersion) && version != 1)
                {
                    return None;
                }
                let whole = 28 + usize::try_from(length).unwrap();
                if held.len() < whole {
                    break;
                }
                message.extend_from_slice(&held[28..whole]);
                held.drain(..whole);
                if self.is(Fault::OneMessagePerRead) {
                    held.clear();
                }
                if number + 1 < count && !self.is(Fault::FirstPackageOnly) {
                    continue;
                }
                let json: Value = serde_json::from_slice(&std::mem::take(&mut message)).ok()?;
                if self.is(Fault::DiesOfList) && json.is_array() {
                    self.dead.store(true, Ordering::SeqCst);
                }
                self.answer(&mut stream, &json, &mut joins)?;
            }
        }
    }

    fn answer(&self, stream: &mut TcpStream, message: &Value, joins: &mut usize) -> Option<()> {
        let kind = message.get("Type")?.as_str()?;
        let ret = |ok: bool, why: &str| json!({ "Type": format!("{kind}_RET"), "OK": ok, "Message": why });
        match kind {
            "MVR_JOIN" => {
                *joins += 1;
                let ret = self.join_ret(message, *joins)?;
                self.message(stream, ret)
            }
            "MVR_LEAVE" => match message.get("FromStationUUID").or_else(|| message.get("StationUUID")) {
                _ if self.is(Fault::LeaveUnanswered) => None,
                Some(_) if !self.is(Fault::LeaveByTableOnly) => self.message(stream, ret(true, "")),
                Some(_) if message.get("FromStationUUID").is_some() => self.message(stream, ret(true, "")),
                _ => self.message(stream, ret(false, "who?")),
            },
            "MVR_COMMIT" => self.message(stream, ret(!self.is(Fault::CommitRefused), "a word for a person")),
            "MVR_REQUEST" => self.request(stream, message, ret(self.is(Fault::RefusalOk), "not here")),
            "MVR_NEW_SESSION_HOST" => {
                let set = |key: &str| message.get(key).and_then(Value::as_str).is_some_and(|s| !s.is_empty());
                let both = set("ServiceName") && set("ServiceURL");
                let takes = (both && self.is(Fault::MoveBoth))
                    || (set("ServiceURL") && !both && self.is(Fault::MoveBlind));
                self.message(stream, ret(takes, ""))
            }
            _ => None,
        }
    }

    fn request(&self, stream: &mut TcpStream, message: &Value, refusal: Value) -> Option<()> {
        let file = message.get("FileUUID").and_then(Value::as_str).unwrap_or_default();
        if file != FILE && !file.is_empty() && !self.is(Fault::GivesAnything) {
            return if self.is(Fault::RefusalSilent) { None } else { self.message(stream, refusal) };
        }
        if self.is(Fault::ListsNothing) {
            return self.message(stream, refusal);
        }
        let mut bytes = file_bytes();
        match self.fault {
            Fault::FileNoArchive => bytes[..2].copy_from_slice(b"<?"),
            Fault::FileChanges => bytes[40] = self.answers.fetch_add(1, Ordering::SeqCst).to_be_bytes()[7],
            Fault::FileCut => {
                stream.write_all(&package(1, 1, 0, 1, bytes.len(), &bytes[..10])).ok()?;
                return None;
            }
            Fault::FileInTwo => {
                let (one, other) = bytes.split_at(9);
                stream.write_all(&package(1, 1, 0, 2, one.len(), one)).ok()?;
                return stream.write_all(&package(1, 1, 1, 2, other.len(), other)).ok();
            }
            _ => {}
        }
        stream.write_all(&package(1, 1, 0, 1, bytes.len(), &bytes)).ok()
    }

    fn join_ret(&self, join: &Value, joins: usize) -> Option<Value> {
        let name = join.get("StationName").and_then(Value::as_str).unwrap_or_default();
        if self.is(Fault::AsciiOnly) && !name.is_ascii() {
            return None;
        }
        if self.is(Fault::StrictKeys) && join.get("conform").is_some() {
            return None;
        }
        let size = file_bytes().len() + usize::from(self.is(Fault::FileSizeWrong));
        let mut entry = json!({
            "Type": "MVR_COMMIT", "verMajor": 1, "verMinor": 6, "FileSize": size, "FileUUID": FILE, "StationUUID": ME,
            "ForStationsUUID": [], "Comment": "", "FileName": "show.mvr",
        });
        match self.fault {
            Fault::ListedWithoutSize => drop(entry.as_object_mut()?.remove("FileSize")),
            Fault::ListedWithoutStation => entry["StationUUID"] = json!(""),
            Fault::ListedPath => entry["FileName"] = json!("C:\\shows\\show.mvr"),
            Fault::ListedAudienceAsText => entry["ForStationsUUID"] = json!(ME),
            _ => {}
        }
        let mut list = vec![entry; if self.is(Fault::ListedTwice) { 2 } else { 1 }];
        if self.is(Fault::ListsNothing) {
            list.clear();
        }
        let mut ret = json!({
            "Type": "MVR_JOIN_RET", "OK": true, "Message": "", "Provider": "A double", "StationName": "Double",
            "verMajor": 1, "verMinor": 6, "StationUUID": ME, "Commits": list,
        });
        match self.fault {
            Fault::RefusesAll => ret["OK"] = json!(false),
            Fault::NoSecondJoin if joins > 1 => ret["OK"] = json!(false),
            Fault::OtherAnswer => ret["Type"] = json!("MVR_JOIN_REPLY"),
            Fault::NoName => ret["StationName"] = json!(" "),
            Fault::NoProvider => drop(ret.as_object_mut()?.remove("Provider")),
            Fault::NilUuid => ret["StationUUID"] = json!("00000000-0000-0000-0000-000000000000"),
            Fault::UpperCaseUuid => ret["StationUUID"] = json!(ME.to_uppercase()),
            Fault::VersionsAsText => (ret["verMajor"], ret["verMinor"]) = (json!("1"), json!("6")),
            Fault::NoVersions => (ret["verMajor"], ret["verMinor"]) = (Value::Null, json!("1.6")),
            Fault::LongName => ret["StationName"] = json!("x".repeat(1001)),
            Fault::UuidChanges => {
                let last = self.answers.fetch_add(1, Ordering::SeqCst) % 16;
                ret["StationUUID"] = json!(format!("{}{last:x}", &ME[..35]));
            }
            Fault::FilesKey => {
                let list = ret.as_object_mut()?.remove("Commits")?;
                ret["Files"] = list;
            }
            _ => {}
        }
        Some(ret)
    }

    fn message(&self, stream: &mut TcpStream, mut message: Value) -> Option<()> {
        match self.fault {
            Fault::OkAsText => message["OK"] = json!(message["OK"].to_string()),
            Fault::NoMessage => drop(message.as_object_mut()?.remove("Message")),
            _ => {}
        }
        let mut json = message.to_string().into_bytes();
        if self.is(Fault::BadUtf8) {
            let at = json.windows(6).position(|part| part == b"Double");
            if let Some(at) = at {
                json[at] = 0xff;
            }
        }
        let length = json.len() + if self.is(Fault::LengthTooLong) { 9 } else { 0 };
        let bytes = match self.fault {
            Fault::OtherVersion => package(0, 0x5602, 0, 1, length, &json),
            Fault::NumberOne => package(0, 1, 1, 1, length, &json),
            Fault::CountNought => package(0, 1, 0, 0, length, &json),
            Fault::OtherType => package(3, 1, 0, 1, length, &json),
            Fault::MessageInTwo => {
                let (one, other) = json.split_at(20);
                [package(0, 1, 0, 2, one.len(), one), package(0, 1, 1, 2, other.len(), other)].concat()
            }
            _ => package(0, 1, 0, 1, length, &json),
        };
        let mut bytes = bytes;
        match self.fault {
            Fault::OtherHeader => bytes[..4].copy_from_slice(b"MVRX"),
            Fault::LittleEndian => {
                (0..5).for_each(|at| bytes[4 * at..4 * at + 4].reverse());
                bytes[20..28].reverse();
            }
            _ => {}
        }
        stream.write_all(&bytes).ok()?;
        // Where a length is wrong, the reader knows it by the end.
        if self.is(Fault::LengthTooLong) { None } else { Some(()) }
    }
}

fn file_bytes() -> Vec<u8> {
    let mut bytes = b"PK\x03\x04 not much of an archive, but it begins as one".to_vec();
    bytes.resize(70_000, 7);
    bytes
}

/// In front of a message of this length.
pub fn header(length: usize) -> Vec<u8> {
    package(0, 1, 0, 1, length, &[])
}

fn package(kind: u32, version: u32, number: u32, count: u32, length: usize, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for field in [778_682, version, number, count, kind] {
        bytes.extend(u32::to_be_bytes(field));
    }
    bytes.extend((length as u64).to_be_bytes());
    bytes.extend(payload);
    bytes
}

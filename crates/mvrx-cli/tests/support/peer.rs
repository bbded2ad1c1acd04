//! A station made of a socket and the specification's text: it does as it is told, also what no station of ours would do.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Condvar, Mutex};

use serde_json::{Value, json};

use super::LIMIT;

/// A commit that the peer lists.
#[derive(Clone)]
pub struct Listed {
    pub file: String,
    pub author: String,
    pub name: String,
    pub comment: String,
    pub bytes: Vec<u8>,
    /// What it says of the length.
    pub announced: u64,
}

/// How a REQUEST is answered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Whole,
    /// Half of the file, then the connection ends.
    Half,
    Refuse,
    /// The whole file, but only after [`Peer::release`].
    Held,
}

pub struct Peer {
    pub address: SocketAddr,
    pub station: String,
    heard: Receiver<String>,
    shared: Arc<Mutex<Shared>>,
    gate: Arc<Gate>,
}

#[derive(Default)]
struct Gate {
    open: Mutex<bool>,
    opened: Condvar,
}

struct Shared {
    station: String,
    name: String,
    provider: String,
    commits: Vec<Listed>,
    /// The answers to the next requests; then whole files.
    answers: Vec<Answer>,
}

impl Listed {
    /// A file with a right length; `number` makes its id.
    pub fn new(number: u8, author: &Peer, name: &str, bytes: &[u8]) -> Self {
        Self {
            file: format!("{number:02x}{number:02x}0000-0000-4000-8000-000000000001"),
            author: author.station.clone(),
            name: name.to_owned(),
            comment: format!("comment {number}"),
            bytes: bytes.to_vec(),
            announced: bytes.len() as u64,
        }
    }

    fn json(&self) -> Value {
        json!({
            "Type": "MVR_COMMIT", "verMajor": 1, "verMinor": 6, "FileSize": self.announced, "FileUUID": self.file,
            "StationUUID": self.author, "ForStationsUUID": [], "Comment": self.comment, "FileName": self.name,
        })
    }
}

impl Peer {
    /// Begins to listen; `number` makes its StationUUID.
    pub fn new(number: u8, name: &str) -> Self {
        Self::of("A test", number, name)
    }

    /// The same, made by another application.
    pub fn of(provider: &str, number: u8, name: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let station = format!("{number:02x}{number:02x}1111-1111-4111-8111-111111111111");
        let shared = Shared {
            station: station.clone(),
            name: name.to_owned(),
            provider: provider.to_owned(),
            commits: Vec::new(),
            answers: Vec::new(),
        };
        let shared = Arc::new(Mutex::new(shared));
        let (tell, heard) = mpsc::channel();
        let gate = Arc::new(Gate::default());
        let serving = (Arc::clone(&shared), Arc::clone(&gate));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let ((shared, gate), tell) = (serving.clone(), tell.clone());
                std::thread::spawn(move || serve(stream, &shared, &gate, &tell));
            }
        });
        Self { address, station, heard, shared, gate }
    }

    pub fn at(&self) -> String {
        self.address.to_string()
    }

    pub fn lists(&self, commits: &[&Listed]) {
        self.shared.lock().unwrap().commits = commits.iter().map(|&c| c.clone()).collect();
    }

    pub fn answers(&self, answers: &[Answer]) {
        self.shared.lock().unwrap().answers = answers.to_vec();
    }

    /// Lets the files go that were [`Answer::Held`].
    pub fn release(&self) {
        *self.gate.open.lock().unwrap() = true;
        self.gate.opened.notify_all();
    }

    /// Waits until a message of this type came.
    pub fn until(&self, kind: &str) {
        while self.heard.recv_timeout(LIMIT).unwrap_or_else(|error| panic!("no {kind} came: {error}")) != kind
        {
        }
    }
}

/// Answers until the other side goes.
fn serve(mut stream: TcpStream, shared: &Mutex<Shared>, gate: &Gate, tell: &Sender<String>) -> Option<()> {
    loop {
        let mut header = [0; 28];
        stream.read_exact(&mut header).ok()?;
        let length = u64::from_be_bytes(header[20..28].try_into().unwrap());
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        stream.read_exact(&mut payload).ok()?;
        let message: Value = serde_json::from_slice(&payload).unwrap();
        let kind = message["Type"].as_str().unwrap().to_owned();
        answer(&mut stream, &message, &kind, shared, gate)?;
        let _ = tell.send(kind);
    }
}

fn answer(
    stream: &mut TcpStream,
    message: &Value,
    kind: &str,
    shared: &Mutex<Shared>,
    gate: &Gate,
) -> Option<()> {
    let mut shared = shared.lock().unwrap();
    let plain =
        |ok: bool| json!({ "Type": format!("{kind}_RET"), "OK": ok, "Message": if ok { "" } else { "no" } });
    match kind {
        "MVR_JOIN" => {
            let commits: Vec<Value> = shared.commits.iter().map(Listed::json).collect();
            let ret = json!({
                "Type": "MVR_JOIN_RET", "OK": true, "Message": "", "Provider": shared.provider, "StationName": shared.name,
                "verMajor": 1, "verMinor": 6, "StationUUID": shared.station, "Commits": commits,
            });
            send_json(stream, &ret)
        }
        "MVR_REQUEST" => {
            let file = message["FileUUID"].as_str().unwrap_or_default();
            let found = shared.commits.iter().find(|c| c.file == file).cloned();
            let answer = if shared.answers.is_empty() { Answer::Whole } else { shared.answers.remove(0) };
            drop(shared);
            if answer == Answer::Held {
                let open = gate.open.lock().unwrap();
                drop(gate.opened.wait_timeout_while(open, LIMIT, |open| !*open).unwrap());
            }
            match (found, answer) {
                (Some(listed), Answer::Whole | Answer::Held) => {
                    send(stream, 1, listed.bytes.len(), &listed.bytes)
                }
                (Some(listed), Answer::Half) => {
                    send(stream, 1, listed.bytes.len(), &listed.bytes[..listed.bytes.len() / 2]);
                    None
                }
                _ => send_json(stream, &plain(false)),
            }
        }
        _ => send_json(stream, &plain(true)),
    }
}

fn send_json(stream: &mut TcpStream, message: &Value) -> Option<()> {
    let bytes = message.to_string().into_bytes();
    send(stream, 0, bytes.len(), &bytes)
}

fn send(stream: &mut TcpStream, package_type: u32, length: usize, bytes: &[u8]) -> Option<()> {
    let mut package = Vec::new();
    for number in [778_682, 1, 0, 1, package_type] {
        package.extend(u32::to_be_bytes(number));
    }
    package.extend((length as u64).to_be_bytes());
    package.extend(bytes);
    stream.write_all(&package).ok()
}

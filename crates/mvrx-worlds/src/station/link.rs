//! One connection of a station: the bytes that come become [`Found`]s, messages and files go out in order.
//!
//! It decides nothing, as the connection tasks of the real driver. A file that begins is left on the link until the station says where it goes. File bytes
//! move as the runs they were written as and are never made, except for the first 16 KiB, which share a write with the header as on real sockets.

use std::time::Duration;

use lan_sim::{Bulk, Content, HostCtx, Payload, Read, SendQueue, Take, Time};
use mvrx_core::election::ElectionConfig;
use mvrx_core::{Ending, RequestId};
use mvrx_message::{FileUuid, Message, Parsed, Scope};
use mvrx_wire::{Decoder, HEADER_LEN, Limits, Step, encode_json, file_header};

use crate::shelf::Incoming;

/// What came on a link.
#[derive(Debug)]
pub(crate) enum Found {
    Message(Box<Parsed>),
    Malformed(String),
    /// A ping came, with these words: [`pong`] answers it, not within a file.
    Beat(String),
    /// The question that was [asked](Link::ask) last is answered.
    Alive,
    FileBegins(Option<u64>),
    FileArrived(Receiving),
    /// The file that was under way did not arrive whole. `true`: our own disk failed.
    FileFailed(String, bool),
    Ended(Ending),
}

/// A file on its way in.
#[derive(Debug)]
pub(crate) struct Receiving {
    pub(crate) request: RequestId,
    pub(crate) incoming: Incoming,
    /// In how many pieces it came.
    pub(crate) pieces: u32,
}

#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) conn: lan_sim::Conn,
    pub(crate) peer: std::net::SocketAddr,
    decoder: Decoder,
    input: Vec<u8>,
    /// File bytes of the current package that the decoder has not seen.
    on_socket: u64,
    /// A file began, and nobody said yet where it goes.
    begun: bool,
    receiving: Option<Receiving>,
    pub(crate) out: SendQueue,
    pub(crate) sending: Option<(FileUuid, u64)>,
    /// A message came on it.
    pub(crate) heard: bool,
    /// When anything came last; nothing before the connection stands.
    heard_at: Option<Time>,
    /// A ping is out since something came.
    pinged: bool,
    /// How many questions there were, and whether the last one is open.
    asked: (u64, bool),
    /// A transfer is given up when nothing moves until then.
    pub(crate) idle_at: Option<Time>,
    /// After so long a silence it is asked whether the peer lives, and the answer is waited for so long.
    beats: (Duration, Duration),
}

impl Link {
    pub(crate) fn new(conn: lan_sim::Conn, peer: std::net::SocketAddr) -> Self {
        Self {
            conn,
            peer,
            decoder: Decoder::new(Limits::default()),
            input: Vec::new(),
            on_socket: 0,
            begun: false,
            receiving: None,
            out: SendQueue::new(),
            sending: None,
            heard: false,
            heard_at: None,
            pinged: false,
            asked: (0, false),
            idle_at: None,
            beats: (PING_AFTER, PONG_WITHIN),
        }
    }

    /// Of a station that can be elected, or of an elected host: who is cut off is noticed within a few seconds.
    pub(crate) fn watchful(mut self, watchful: bool) -> Self {
        if watchful {
            self.beats = WATCHFUL;
        }
        self
    }

    pub(crate) const fn is_receiving(&self) -> bool {
        self.receiving.is_some()
    }

    pub(crate) fn receive(&mut self, request: RequestId, incoming: Incoming) {
        self.begun = false;
        self.receiving = Some(Receiving { request, incoming, pieces: 0 });
    }

    /// Takes back what arrived of a file, to throw it away.
    pub(crate) const fn abandon(&mut self) -> Option<Receiving> {
        self.receiving.take()
    }

    pub(crate) fn push_message(&mut self, json: &[u8]) {
        let mut bytes = Vec::new();
        encode_json(json, &mut bytes);
        self.out.push(bytes);
    }

    pub(crate) fn push_file(&mut self, file: FileUuid, content: &Content) {
        let length = content.len();
        let first = length.min(FIRST_WRITE);
        let mut bytes = file_header(length).to_vec();
        bytes.extend(content.part(0, first).to_bytes());
        self.out.push(bytes);
        self.push_part(&content.part(first, length - first));
        self.sending = Some((file, length));
    }

    /// A file of so many bytes begins; they follow in parts.
    pub(crate) fn push_header(&mut self, length: u64) {
        self.out.push(file_header(length).to_vec());
    }

    pub(crate) fn push_part(&mut self, part: &Content) {
        match part.as_bulk() {
            Some(bulk) => self.out.push_bulk(bulk),
            None if !part.is_empty() => self.out.push(part.to_bytes()),
            None => {}
        }
    }

    /// What has come of the file that is under way.
    pub(crate) fn arrived(&self) -> Option<Content> {
        self.receiving.as_ref().and_then(|receiving| receiving.incoming.contents().ok())
    }

    /// The next thing that came, or `None` until more arrives.
    pub(crate) fn next(&mut self, net: &mut HostCtx<'_>) -> Option<Found> {
        while !self.begun {
            if self.on_socket > 0 && self.input.is_empty() {
                match self.take_file_bytes(net) {
                    Some(Moved::Some) => continue,
                    Some(Moved::Found(found)) => return Some(found),
                    None => return None,
                }
            }
            let (consumed, found) = match self.decode() {
                Ok(decoded) => decoded,
                Err(found) => return Some(found),
            };
            self.input.drain(..consumed);
            match found {
                Decoded::Nothing => {}
                Decoded::Found(found) => return Some(found),
                Decoded::More => match net.read(self.conn, &mut self.input, READ) {
                    Read::Bytes(_) => self.moved(net),
                    Read::Empty | Read::Gone => return None,
                    Read::End => return Some(self.ended()),
                },
            }
        }
        None
    }

    fn decode(&mut self) -> Result<(usize, Decoded), Found> {
        let (consumed, step) = match self.decoder.decode(&self.input) {
            Ok(decoded) => decoded,
            Err(error) if self.receiving.is_some() => {
                return Err(Found::FileFailed(error.to_string(), false));
            }
            Err(_) => return Err(Found::Ended(Ending::Broken)),
        };
        let found = match step {
            Step::Incomplete { .. } => Decoded::More,
            Step::Json(json) => match Message::parse(json) {
                Ok(parsed) if words(&parsed.message, PING).is_some() => {
                    let words = words(&parsed.message, PING).unwrap_or_default().to_owned();
                    Decoded::Found(Found::Beat(words))
                }
                Ok(parsed) if words(&parsed.message, PONG).is_some() => {
                    let (asked, open) = self.asked;
                    let answers = open && words(&parsed.message, PONG) == Some(asked.to_string().as_str());
                    self.asked.1 = open && !answers;
                    if answers { Decoded::Found(Found::Alive) } else { Decoded::Nothing }
                }
                Ok(parsed) => Decoded::Found(Found::Message(Box::new(parsed))),
                Err(error) if error.scope() == Scope::Message => {
                    Decoded::Found(Found::Malformed(error.to_string()))
                }
                Err(_) => return Err(Found::Ended(Ending::Broken)),
            },
            Step::FileStart { length, .. } => {
                self.begun = true;
                Decoded::Found(Found::FileBegins(length))
            }
            Step::FilePayload { held, on_socket } => {
                self.on_socket = on_socket;
                let payload = Payload::Bytes(held.to_vec());
                match self.receiving.as_mut().map(|receiving| receiving.append(&payload)) {
                    Some(Err(what)) => return Err(Found::FileFailed(what, true)),
                    Some(Ok(())) | None => Decoded::Nothing,
                }
            }
            Step::FileEnd { .. } => match self.receiving.take() {
                Some(receiving) => Decoded::Found(Found::FileArrived(receiving)),
                None => Decoded::Nothing,
            },
        };
        Ok((consumed, found))
    }

    fn take_file_bytes(&mut self, net: &mut HostCtx<'_>) -> Option<Moved> {
        match net.take(self.conn, self.on_socket) {
            Take::Payload(payload) => {
                self.on_socket -= payload.len();
                if let Some(Err(what)) = self.receiving.as_mut().map(|receiving| receiving.append(&payload)) {
                    return Some(Moved::Found(Found::FileFailed(what, true)));
                }
                self.moved(net);
                // Never more than the decoder said are due.
                let _ = self.decoder.file_bytes_moved(payload.len());
                Some(Moved::Some)
            }
            Take::Empty | Take::Gone => None,
            Take::End => Some(Moved::Found(self.ended())),
        }
    }

    /// Something moved: the idle limit begins anew.
    fn moved(&mut self, net: &HostCtx<'_>) {
        self.heard_at = Some(net.now());
        self.pinged = false;
        if self.receiving.is_some() {
            self.idle_at = Some(net.now() + super::IDLE);
        }
    }

    /// A file has gone one way: unless another one goes the other way, nothing is under way.
    pub(crate) fn rests(&mut self, sends: bool) -> bool {
        let rests = !sends && !self.is_receiving();
        if rests {
            self.idle_at = None;
        }
        rests
    }

    // ---- the life signs of a WebSocket, which packages do not have

    /// When [`Link::keep_alive`] has something to do; nothing is asked while a file goes out, whose own limit holds.
    pub(crate) fn beat_at(&self) -> Option<Time> {
        let (ping_after, pong_within) = self.beats;
        let silence = if self.pinged { ping_after + pong_within } else { ping_after };
        self.heard_at.filter(|_| self.idle_at.is_none()).map(|heard| heard + silence)
    }

    /// The connection stands now: silence counts from here.
    pub(crate) const fn stands_since(&mut self, now: Time) {
        self.heard_at = Some(now);
    }

    /// Asks whether the peer still lives; `false`: it was asked and did not answer.
    pub(crate) fn keep_alive(&mut self, now: Time) -> bool {
        if self.beat_at().is_none_or(|at| at > now) {
            return true;
        }
        if self.pinged {
            return false;
        }
        self.pinged = true;
        self.push_message(&self.ping());
        true
    }

    /// What asks the peer for a sign of life: [`Found::Alive`] tells of its answer to this very question.
    pub(crate) fn ask(&mut self) -> Vec<u8> {
        self.asked = (self.asked.0 + 1, true);
        self.ping()
    }

    fn ping(&self) -> Vec<u8> {
        let (asked, open) = self.asked;
        beat(PING, &if open { asked.to_string() } else { String::new() })
    }

    fn ended(&self) -> Found {
        match self.decoder.finish() {
            _ if self.receiving.is_some() => {
                Found::FileFailed("the stream ended within it".to_owned(), false)
            }
            Ok(()) => Found::Ended(Ending::Clean),
            Err(_) => Found::Ended(Ending::Broken),
        }
    }
}

impl Receiving {
    fn append(&mut self, payload: &Payload) -> Result<(), String> {
        if payload.is_empty() {
            return Ok(());
        }
        self.pieces += 1;
        self.incoming.append(payload).map_err(|error| error.to_string())
    }
}

enum Decoded {
    Nothing,
    More,
    Found(Found),
}

enum Moved {
    Some,
    Found(Found),
}

/// What stands behind the kind of a ping or pong.
fn words<'a>(message: &'a Message, wanted: &str) -> Option<&'a str> {
    match message {
        Message::Unknown { kind } => kind.strip_prefix(wanted),
        _ => None,
    }
}

/// The answer to a ping with these words.
pub(crate) fn pong(words: &str) -> Vec<u8> {
    beat(PONG, words)
}

fn beat(kind: &str, words: &str) -> Vec<u8> {
    format!("{{\"Type\":\"{kind}{words}\"}}").into_bytes()
}

const PING: &str = "WORLDS_PING";
const PONG: &str = "WORLDS_PONG";
/// As the transport's limits are.
const PING_AFTER: Duration = Duration::from_secs(30);
const PONG_WITHIN: Duration = Duration::from_secs(60);
/// As those of `mvrx_station::Election`.
const WATCHFUL: (Duration, Duration) = (ElectionConfig::PING_AFTER, ElectionConfig::PONG_WITHIN);
/// Of a file, so many bytes go out with its header.
const FIRST_WRITE: u64 = 16 * 1024 - HEADER_LEN as u64;
const READ: usize = 16 * 1024;

/// A run of bytes as content, for sources.
pub(crate) const fn made(seed: u64, length: u64) -> Bulk {
    Bulk::new(seed, length)
}

//! The latest messages in and out of a station, for people who want to see what is said: a transaction log.
//!
//! [`Messages`] is an observer of a station ([`mvrx_station::Builder::observe`]) and a ring: it keeps the latest entries within [`MessageLimits`], each with a
//! number that never comes twice, and forgets the oldest. Passwords and tickets of messages are taken out before anything is kept. It knows no screen and no socket; whoever shows it asks for what came [`after`](Messages::after) a
//! number, and [waits](Messages::changed) for more.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use mvrx_message::{Dialect, FilesConnection, JoinPassword, Message, StationUuid, Ticket};
use mvrx_station::{Direction, Observer, Record, What};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::shown::unix_millis;

/// How much is kept. Defaults: 2,000 entries of together 4 MiB of text, 4 KiB of each; the stations behind 4,096 connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageLimits {
    /// Entries; at least one is kept.
    pub entries: usize,
    /// Bytes of the texts of all of them.
    pub bytes: usize,
    /// Bytes of one text; more is cut, which its entry says.
    pub text: usize,
    /// Connections of which it is remembered who is at the other end.
    pub connections: usize,
}

impl Default for MessageLimits {
    fn default() -> Self {
        Self { entries: 2_000, bytes: 4 << 20, text: 4 << 10, connections: 4_096 }
    }
}

/// One thing that passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number, from 1.
    pub number: u64,
    /// When this machine saw it.
    pub at: SystemTime,
    /// The connection, from 1; 0: there was none.
    pub connection: u64,
    /// Towards whom.
    pub direction: Direction,
    /// The other end.
    pub peer: Option<SocketAddr>,
    /// The station there, where it has said who it is.
    pub station: Option<StationUuid>,
    /// What it was: a word of [`What::name`].
    pub what: &'static str,
    /// A message's `Type`, as it was written, cut like a text.
    pub kind: Option<String>,
    /// Bytes of the message's JSON, or of the file.
    pub bytes: Option<u64>,
    /// The message as it was understood, without passwords and tickets, or what is to be said of it.
    pub text: Option<String>,
    /// Whether the text goes on.
    pub cut: bool,
    /// What was tolerated in it: names of quirks.
    pub quirks: Vec<&'static str>,
}

impl Entry {
    /// As documents for programs have it.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({
            "number": self.number,
            "at_unix_ms": unix_millis(self.at),
            "connection": self.connection,
            "direction": self.direction.name(),
            "peer": self.peer.map(|peer| peer.to_string()),
            "station": self.station.map(|station| station.to_string()),
            "what": self.what,
            "type": self.kind,
            "bytes": self.bytes,
            "text": self.text,
            "cut": self.cut,
            "quirks": self.quirks,
        })
    }
}

/// Entries in their order, and which there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The entries.
    pub entries: Vec<Entry>,
    /// The number of the oldest one that is kept; one more than `last` where none is.
    pub first: u64,
    /// The number of the newest one; 0: there was none yet.
    pub last: u64,
}

/// The ring. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Messages {
    ring: Arc<Mutex<Ring>>,
    last: watch::Sender<u64>,
}

impl Default for Messages {
    fn default() -> Self {
        Self::new(MessageLimits::default())
    }
}

impl Messages {
    /// Nothing has passed yet.
    #[must_use]
    pub fn new(limits: MessageLimits) -> Self {
        let ring = Ring { limits, entries: VecDeque::new(), bytes: 0, last: 0, stations: BTreeMap::new() };
        Self { ring: Arc::new(Mutex::new(ring)), last: watch::Sender::new(0) }
    }

    /// Up to `most` entries that came after the one of this number, the oldest first; 0: all that are kept.
    #[must_use]
    pub fn after(&self, number: u64, most: usize) -> Page {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let first = ring.last - ring.entries.len() as u64 + 1;
        let skipped = usize::try_from(number.saturating_add(1).saturating_sub(first)).unwrap_or(usize::MAX);
        let entries = ring.entries.iter().skip(skipped).take(most).cloned().collect();
        Page { entries, first, last: ring.last }
    }

    /// The newest `most` entries, the oldest first.
    #[must_use]
    pub fn newest(&self, most: usize) -> Page {
        let last = *self.last.borrow();
        self.after(last.saturating_sub(most as u64), most)
    }

    /// Tells of the number of the newest entry, each time that there is one.
    #[must_use]
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.last.subscribe()
    }
}

impl Observer for Messages {
    fn observe(&self, record: &Record<'_>) {
        // Whoever waits for the lock does not wait for this.
        let said = said(&record.what);
        let number = {
            let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
            ring.note(record, said);
            ring.last
        };
        self.last.send_replace(number);
    }
}

#[derive(Debug)]
struct Ring {
    limits: MessageLimits,
    entries: VecDeque<Entry>,
    /// Of their texts.
    bytes: usize,
    last: u64,
    stations: BTreeMap<u64, StationUuid>,
}

impl Ring {
    fn note(&mut self, record: &Record<'_>, Said { kind, bytes, text, quirks }: Said) {
        if let (Direction::In, What::Message { message, .. }) = (record.direction, &record.what)
            && let Some(station) = speaker(message)
        {
            self.stations.insert(record.connection, station);
            while self.stations.len() > self.limits.connections {
                self.stations.pop_first();
            }
        }
        let (text, cut) = shortened(text, self.limits.text);
        let (kind, _) = shortened(kind, self.limits.text);
        self.last += 1;
        let entry = Entry {
            number: self.last,
            at: SystemTime::now(),
            connection: record.connection,
            direction: record.direction,
            peer: record.peer,
            station: self.stations.get(&record.connection).copied(),
            what: record.what.name(),
            kind,
            bytes,
            text,
            cut,
            quirks,
        };
        self.bytes += weight(&entry);
        self.entries.push_back(entry);
        while self.entries.len() > 1
            && (self.entries.len() > self.limits.entries || self.bytes > self.limits.bytes)
        {
            self.bytes -= self.entries.pop_front().as_ref().map_or(0, weight);
        }
    }
}

fn weight(entry: &Entry) -> usize {
    entry.text.as_ref().map_or(0, String::len) + entry.kind.as_ref().map_or(0, String::len)
}

/// What there is to keep of something that passed.
#[derive(Default)]
struct Said {
    kind: Option<String>,
    bytes: Option<u64>,
    text: Option<String>,
    quirks: Vec<&'static str>,
}

fn said(what: &What<'_>) -> Said {
    let text = |text: String| Said { text: Some(text), ..Said::default() };
    match what {
        What::Message { message, quirks, dialect, bytes } => {
            let json = open_to_all(message).to_json(dialect.unwrap_or(&whole()));
            Said {
                kind: Some(message.kind().to_owned()),
                bytes: Some(*bytes as u64),
                text: Some(String::from_utf8_lossy(&json).into_owned()),
                quirks: quirks.iter().map(|quirk| quirk.name()).collect(),
            }
        }
        What::Malformed { error, bytes } => Said { bytes: Some(*bytes as u64), ..text(error.to_string()) },
        What::FileBegins { length } => Said { bytes: *length, ..Said::default() },
        What::FileMoved { length } => Said { bytes: Some(*length), ..Said::default() },
        What::Failed { error } => text(error.to_string()),
        What::Tolerated { deviation } => text(deviation.to_string()),
        _ => Said::default(),
    }
}

/// Who a message says that it is from.
fn speaker(message: &Message) -> Option<StationUuid> {
    match message {
        Message::Join(join) => Some(join.station),
        // The news of a host come from whom its answer came from.
        Message::JoinRet(answer) if answer.answers_join() => answer.station,
        Message::Leave(leave) if leave.bridge.is_none() => Some(leave.station),
        _ => None,
    }
}

/// The message without what proves who somebody is.
fn open_to_all(message: &Message) -> Message {
    let mut open = message.clone();
    match &mut open {
        Message::Join(join) => {
            if let Some(password) = &mut join.password {
                *password = JoinPassword::new(HIDDEN);
            }
            if let Some(FilesConnection::Of(ticket)) = &mut join.files {
                *ticket = hidden_ticket();
            }
        }
        Message::JoinRet(answer) => answer.ticket = answer.ticket.as_ref().map(|_| hidden_ticket()),
        Message::NewSessionHost(host) => {
            host.service_url = mvrx_station::url_without_user(&host.service_url);
        }
        _ => {}
    }
    open
}

fn hidden_ticket() -> Ticket {
    Ticket::from_random_bytes([0; 16])
}

/// Cuts a text where a character ends, and tells whether it did.
fn shortened(text: Option<String>, most: usize) -> (Option<String>, bool) {
    let Some(mut text) = text else { return (None, false) };
    let cut = text.len() > most;
    if cut {
        text.truncate(text.floor_char_boundary(most));
    }
    (Some(text), cut)
}

/// Everything that was understood, however long.
fn whole() -> Dialect {
    Dialect::strict()
        .with_join_bytes(usize::MAX)
        .with_join_ret_bytes(usize::MAX)
        .with_string_bytes(usize::MAX)
}

/// What stands for a password.
const HIDDEN: &str = "(hidden)";

#[cfg(test)]
mod tests;

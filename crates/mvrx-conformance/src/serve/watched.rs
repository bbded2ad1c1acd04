//! What came from clients, kept up to a limit, for the cases to look at.

use serde_json::Value;

use crate::mvr::messages;
use crate::mvr::package::Header;
use crate::ws::handshake::Asked;

/// All that came, in order.
#[derive(Debug, Default)]
pub(crate) struct Watched {
    pub(crate) said: Vec<Said>,
    pub(crate) session: Session,
    pub(crate) mixer: Mixer,
    /// The files of which the script tells.
    pub(crate) files: Vec<String>,
    /// The scripted station, or the host.
    pub(crate) station: String,
}

/// One message of a client.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    pub(crate) form: Form,
    /// The JSON in it; nothing where it is none.
    pub(crate) message: Option<Value>,
    pub(crate) utf8: bool,
    pub(crate) seen: Vec<String>,
}

/// How a message came.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Form {
    /// Of TCP Mode; `short`: its payload was shorter than its header says.
    Package { header: Header, short: bool },
    /// Of WebSocket Mode; `headed`: a header of TCP Mode stood in front.
    Frames { text: bool, headed: bool },
}

/// What is known of connections of WebSocket Mode alone.
#[derive(Debug, Default)]
pub(crate) struct Session {
    pub(crate) opened: Vec<(Asked, Vec<String>)>,
    pub(crate) frames: Vec<Framed>,
    pub(crate) questions: Vec<Question>,
    pub(crate) ends: Vec<End>,
}

/// One frame without its payload.
#[derive(Debug)]
pub(crate) struct Framed {
    pub(crate) connection: u64,
    pub(crate) opcode: u8,
    pub(crate) last: bool,
    pub(crate) reserved: bool,
    pub(crate) key: Option<[u8; 4]>,
    /// Its length is written in as few bytes as it needs.
    pub(crate) tight: bool,
    pub(crate) length: usize,
    /// It neither begins a message nor goes on with the one that was begun.
    pub(crate) misplaced: bool,
    pub(crate) seen: Vec<String>,
}

/// What the script asked of a client.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) connection: u64,
    pub(crate) what: What,
    pub(crate) answered: bool,
    /// Its connection ended, and no LEAVE had come.
    pub(crate) cut_off: bool,
    pub(crate) seen: Vec<String>,
}

#[derive(Debug)]
pub(crate) enum What {
    Ping,
    Commit,
    /// The first file that the client announced.
    File(Given),
}

/// What came of a file.
#[derive(Debug, Default)]
pub(crate) struct Given {
    /// As announced; 0: not at all.
    pub(crate) size: u64,
    pub(crate) bytes: u64,
    /// In so many messages.
    pub(crate) messages: usize,
    pub(crate) refused: bool,
}

/// How a connection ended.
#[derive(Debug)]
pub(crate) struct End {
    /// The body of the Close frame, where one came.
    pub(crate) close: Option<Vec<u8>>,
    pub(crate) seen: Vec<String>,
}

/// What is known of Mixer's clients.
#[derive(Debug, Default)]
pub(crate) struct Mixer {
    pub(crate) came: Vec<Came>,
    /// Of each room that a client began: whether its content was sent, or the client was gone before.
    pub(crate) begun: Vec<(Option<bool>, Vec<String>)>,
    /// A connection that was in a room is over.
    pub(crate) gone: bool,
}

/// One frame without its payload.
#[derive(Debug)]
pub(crate) struct Came {
    pub(crate) kind: u16,
    /// The cases that it fails, and why.
    pub(crate) wrong: Vec<(&'static str, String)>,
    pub(crate) seen: Vec<String>,
}

impl Said {
    pub(crate) fn is(&self, kind: &str) -> bool {
        self.message.as_ref().is_some_and(|message| messages::field(message, "Type") == kind)
    }
}

impl Watched {
    /// The files are listed by this UUID or another spelling of it.
    pub(crate) fn has(&self, file: &str) -> bool {
        self.files.iter().any(|own| own.eq_ignore_ascii_case(file))
    }

    pub(crate) fn hears(&mut self, said: Said) {
        keep(&mut self.said, said);
    }
}

/// What is beyond the limit is not judged.
pub(crate) fn keep<T>(all: &mut Vec<T>, one: T) {
    if all.len() < KEPT {
        all.push(one);
    }
}

/// Messages, frames, connections that are kept of each.
const KEPT: usize = 10_000;

//! Files that broke off and go on, as the drivers of stations and hosts have it: what is kept, what was asked for and answered, what is sent.
//!
//! A part is known by the hash that its commit announced. It is in memory: a machine that starts anew begins anew.

use std::collections::BTreeMap;

use lan_sim::Content;
use mvrx_core::ConnId;
use mvrx_message::{Commit, Dialect, FilePart, FileUuid, Message, Reply, Request};

/// Which bytes a file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Of {
    pub(crate) file: FileUuid,
    length: u64,
    pub(crate) hash: [u8; 32],
}

/// A file that was asked for behind so much of it, and from where on it comes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Going {
    pub(crate) of: Of,
    asked: u64,
    pub(crate) from: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Parts {
    kept: BTreeMap<Of, Content>,
    asked: BTreeMap<ConnId, Going>,
    arriving: BTreeMap<ConnId, Going>,
    wanted: BTreeMap<(ConnId, FileUuid), FilePart>,
}

impl Of {
    fn announced_by(commit: &Commit) -> Option<Self> {
        let hash = commit.blake3.filter(|_| commit.file_size > 0)?;
        Some(Self { file: commit.file, length: commit.file_size, hash })
    }

    /// At least one byte is left to come.
    pub(crate) fn most(&self) -> u64 {
        self.length.saturating_sub(1)
    }
}

impl Parts {
    /// Asks for what is not kept of a file; `here`: what is there besides.
    pub(crate) fn ask(
        &mut self,
        conn: ConnId,
        request: &mut Request,
        announced: Option<&Commit>,
        here: impl Fn(&Of) -> u64,
    ) {
        self.asked.remove(&conn);
        let Some(of) = announced.and_then(Of::announced_by) else { return };
        let asked = here(&of).max(self.kept.get(&of).map_or(0, Content::len)).min(of.most());
        self.asked.insert(conn, Going { of, asked, from: 0 });
        request.part = (asked > 0).then_some(FilePart { from: asked, blake3: of.hash });
    }

    /// Whether a message says from where on the file follows that was asked for.
    pub(crate) fn is_answer(&mut self, conn: ConnId, message: &Message) -> bool {
        let Some(from) = says(message) else { return false };
        let going = self.asked.get_mut(&conn).filter(|going| going.asked == from && from > 0);
        going.map(|going| going.from = from).is_some()
    }

    /// The file that begins on a connection, and its first bytes, which do not come.
    pub(crate) fn begins(&mut self, conn: ConnId) -> Option<(Going, Content)> {
        let going = self.asked.remove(&conn)?;
        self.arriving.insert(conn, going);
        let kept = self.kept.get(&going.of).map(|kept| kept.part(0, going.from));
        Some((going, kept.unwrap_or_default()))
    }

    /// The file that was arriving on a connection.
    pub(crate) fn ends(&mut self, conn: ConnId) -> Option<Going> {
        self.arriving.remove(&conn)
    }

    /// A file broke off with so much of it here; how much is kept, where that is more than there was.
    pub(crate) fn broke(&mut self, of: Of, came: &Content) -> Option<u64> {
        let came = came.part(0, came.len().min(of.most()));
        let more = came.len() > self.kept.get(&of).map_or(0, Content::len);
        (more && self.kept.len() < MOST).then(|| {
            self.kept.insert(of, came.clone());
            came.len()
        })
    }

    /// The whole file is here, or what was kept is not of it.
    pub(crate) fn is_over(&mut self, of: &Of) {
        self.kept.remove(of);
    }

    /// Somebody asks for a part of a file.
    pub(crate) fn wants(&mut self, conn: ConnId, message: &Message) {
        if let Message::Request(Request { file: Some(file), part, .. }) = message {
            match part {
                Some(part) => _ = self.wanted.insert((conn, *file), *part),
                None => _ = self.wanted.remove(&(conn, *file)),
            }
        }
    }

    /// From where on a file of this hash is sent.
    pub(crate) fn from(&mut self, conn: ConnId, file: FileUuid, hash: Option<[u8; 32]>, length: u64) -> u64 {
        let wanted = self.wanted.remove(&(conn, file));
        let fits = |part: &FilePart| Some(part.blake3) == hash && part.from < length;
        wanted.filter(fits).map_or(0, |part| part.from)
    }

    pub(crate) fn over(&mut self, conn: ConnId) {
        self.asked.remove(&conn);
        self.wanted.retain(|(other, _), _| *other != conn);
    }
}

/// From where on a file follows, if a message says so.
pub(crate) fn says(message: &Message) -> Option<u64> {
    match message {
        Message::RequestRet(Reply { ok: true, from, .. }) => *from,
        _ => None,
    }
}

/// The words that say so.
pub(crate) fn answer(from: u64) -> Vec<u8> {
    Message::RequestRet(Reply { from: Some(from), ..Reply::ok() }).to_json(&Dialect::strict())
}

const MOST: usize = 16;

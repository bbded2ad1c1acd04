//! What the drivers of stations and hosts keep of files that broke off; the rule by which they go on is [`mvrx_core::parts`].
//!
//! It is in memory: a machine that starts anew begins anew.

use std::collections::BTreeMap;

use lan_sim::Content;
use mvrx_core::ConnId;
use mvrx_core::parts::{self, Going, from_of};
use mvrx_message::{Commit, Dialect, FileUuid, Message, PartOf, Reply, Request};

#[derive(Debug, Default)]
pub(crate) struct Parts {
    rule: parts::Parts,
    kept: BTreeMap<PartOf, Content>,
    arriving: BTreeMap<ConnId, Going>,
}

impl Parts {
    /// Asks for what is not kept of a file; `here`: what is there besides.
    pub(crate) fn ask(
        &mut self,
        conn: ConnId,
        request: &mut Request,
        announced: Option<&Commit>,
        here: impl Fn(&PartOf) -> u64,
    ) {
        let kept = |of: &PartOf| here(of).max(self.kept.get(of).map_or(0, Content::len)).min(most(of));
        self.rule.ask(conn, request, announced, kept);
    }

    /// Whether a message says from where on the file follows that was asked for.
    pub(crate) fn is_answer(&mut self, conn: ConnId, message: &Message) -> bool {
        self.rule.is_answer(conn, message)
    }

    /// The file that begins on a connection, and its first bytes, which do not come.
    pub(crate) fn begins(&mut self, conn: ConnId) -> Option<(Going, Content)> {
        let going = self.rule.begins(conn)?;
        self.arriving.insert(conn, going);
        let kept = self.kept.get(&going.of).map(|kept| kept.part(0, going.from));
        Some((going, kept.unwrap_or_default()))
    }

    /// The file that was arriving on a connection.
    pub(crate) fn ends(&mut self, conn: ConnId) -> Option<Going> {
        self.arriving.remove(&conn)
    }

    /// A file broke off with so much of it here; how much is kept, where that is more than there was.
    pub(crate) fn broke(&mut self, of: PartOf, came: &Content) -> Option<u64> {
        let came = came.part(0, came.len().min(most(&of)));
        let more = came.len() > self.kept.get(&of).map_or(0, Content::len);
        (more && self.kept.len() < MOST).then(|| {
            self.kept.insert(of, came.clone());
            came.len()
        })
    }

    /// The whole file is here, or what was kept is not of it.
    pub(crate) fn is_over(&mut self, of: &PartOf) {
        self.kept.remove(of);
    }

    /// Somebody asks for a file.
    pub(crate) fn wants(&mut self, conn: ConnId, message: &Message) {
        if let Message::Request(request) = message {
            self.rule.wants(conn, request);
        }
    }

    /// From where on a file of this hash is sent.
    pub(crate) fn from(&mut self, conn: ConnId, file: FileUuid, hash: Option<[u8; 32]>, length: u64) -> u64 {
        from_of(self.rule.wanted(conn, file), hash, length)
    }

    pub(crate) fn over(&mut self, conn: ConnId) {
        self.rule.over(conn);
    }
}

/// At least one byte is left to come.
fn most(of: &PartOf) -> u64 {
    of.length.saturating_sub(1)
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
    parts::answer(from).to_json(&Dialect::strict())
}

const MOST: usize = 16;

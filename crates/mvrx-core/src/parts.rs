//! Files that broke off and go on: what is asked for, what was answered, what is sent.
//!
//! ```text
//!  asker                                              giver
//!  REQUEST, "mvrx": {"from": N, "blake3": H} ───────► has this very file, and more than N bytes of it
//!  ◄── REQUEST_RET OK:true, "mvrx": {"from": N} ─────
//!  ◄── the file's bytes from N on ───────────────────
//! ```
//! Whoever has another file, or does not know the object, sends the whole file and says nothing before it. A part is kept of files whose
//! hash and length were announced, and belongs to these: whoever lists them may be asked.
//!
//! For drivers, of stations and of hosts: it knows no rule of requests, [`Core`](crate::Core) and [`Host`](crate::host::Host) decide who is
//! asked, and how often; and no bytes, which the driver keeps.

use std::collections::BTreeMap;

use mvrx_message::{Commit, FilePart, FileUuid, Message, PartOf, Reply, Request};

use crate::ConnId;

/// What is known of the parts on each connection. A connection may have asked for 64 parts that were not sent; what it asks for behind them
/// it gets whole.
#[derive(Debug, Default)]
pub struct Parts {
    asked: BTreeMap<ConnId, Going>,
    wanted: BTreeMap<ConnId, Vec<(FileUuid, FilePart)>>,
}

/// A file that comes, and behind how much of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Going {
    /// Which file.
    pub of: PartOf,
    /// Bytes that are kept, and behind which the file was asked for.
    pub kept: u64,
    /// From where on it comes: 0, unless the giver says otherwise.
    pub from: u64,
}

impl Parts {
    /// Asks for what is missing of a file, where its commit says which bytes it has; `kept`: how many of them are here. Does not wait for a
    /// disk.
    // req: STA-26
    pub fn ask(
        &mut self,
        conn: ConnId,
        request: &mut Request,
        announced: Option<&Commit>,
        kept: impl FnOnce(&PartOf) -> u64,
    ) {
        self.asked.remove(&conn);
        let of = announced.and_then(PartOf::announced_by).filter(|of| request.file == Some(of.file));
        let Some(of) = of else { return };
        let kept = kept(&of);
        self.asked.insert(conn, Going { of, kept, from: 0 });
        request.part = (kept > 0).then_some(FilePart { from: kept, blake3: of.hash });
    }

    /// Whether an answer says from where on the file follows; nobody else needs it then.
    #[must_use]
    pub fn is_answer(&mut self, conn: ConnId, message: &Message) -> bool {
        let Message::RequestRet(Reply { ok: true, from: Some(from), .. }) = message else { return false };
        // One that was not asked for is an answer without a file, as the core sees it.
        match self.asked.get_mut(&conn).filter(|going| going.kept == *from && *from > 0) {
            Some(going) => {
                going.from = *from;
                true
            }
            None => false,
        }
    }

    /// The file that begins on a connection, if it may go on.
    pub fn begins(&mut self, conn: ConnId) -> Option<Going> {
        self.asked.remove(&conn)
    }

    /// Somebody asks for a file, for what is missing of it or for the whole: the last word counts.
    pub fn wants(&mut self, conn: ConnId, request: &Request) {
        let Some(file) = request.file else { return };
        if let Some(wanted) = self.wanted.get_mut(&conn) {
            wanted.retain(|(other, _)| *other != file);
        }
        let Some(part) = request.part else { return };
        let wanted = self.wanted.entry(conn).or_default();
        if wanted.len() < WANTED {
            wanted.push((file, part));
        }
    }

    /// What was asked of a file that is sent now.
    pub fn wanted(&mut self, conn: ConnId, file: FileUuid) -> Option<FilePart> {
        let wanted = self.wanted.get_mut(&conn)?;
        let at = wanted.iter().position(|(other, _)| *other == file)?;
        Some(wanted.swap_remove(at).1)
    }

    /// The connection is over, or what was asked for on it.
    pub fn over(&mut self, conn: ConnId) {
        self.asked.remove(&conn);
        self.wanted.remove(&conn);
    }
}

/// From where on a file of this hash and length is sent.
// req: STA-26
#[must_use]
pub fn from_of(part: Option<FilePart>, hash: Option<[u8; 32]>, length: u64) -> u64 {
    match part {
        Some(FilePart { from, blake3 }) if hash == Some(blake3) && from < length => from,
        _ => 0,
    }
}

/// The answer that goes before a file that does not begin at its beginning.
#[must_use]
pub fn answer(from: u64) -> Message {
    Message::RequestRet(Reply { from: Some(from), ..Reply::ok() })
}

/// Parts that one connection may have asked for and not been sent.
const WANTED: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    // proves: STA-26
    #[test]
    fn a_file_is_sent_from_where_it_was_asked_only_where_it_is_that_file_and_has_more() {
        let part = |from| Some(FilePart { from, blake3: [1; 32] });
        let hash = Some([1; 32]);
        assert_eq!(from_of(part(1), hash, 10), 1);
        assert_eq!(from_of(part(9), hash, 10), 9);
        for whole in [part(0), part(10), part(11), part(u64::MAX), None] {
            assert_eq!(from_of(whole, hash, 10), 0, "{whole:?}");
        }
        assert_eq!(from_of(part(5), Some([2; 32]), 10), 0, "another file");
        assert_eq!(from_of(part(5), None, 10), 0);
        assert_eq!(from_of(part(0), hash, 0), 0);
    }

    #[test]
    fn who_asks_for_a_file_again_without_a_part_gets_the_whole() {
        let mut parts = Parts::default();
        let (conn, file) = (ConnId::Accepted(1), FileUuid::from_random_bytes([1; 16]));
        let part = FilePart { from: 1, blake3: [1; 32] };
        parts.wants(conn, &Request { part: Some(part), ..Request::new(Some(file), vec![]) });
        parts.wants(conn, &Request::new(Some(file), vec![]));
        assert_eq!(parts.wanted(conn, file), None);
    }

    #[test]
    fn what_a_connection_may_have_asked_for_is_bounded_and_goes_with_it() {
        let mut parts = Parts::default();
        let conn = ConnId::Accepted(1);
        let file = |n: u128| FileUuid::from_random_bytes(n.to_be_bytes());
        let part = FilePart { from: 1, blake3: [1; 32] };
        for n in 0..WANTED as u128 + 1 {
            parts.wants(conn, &Request { part: Some(part), ..Request::new(Some(file(n)), vec![]) });
        }
        assert_eq!(parts.wanted(conn, file(WANTED as u128)), None);
        assert_eq!(parts.wanted(conn, file(0)), Some(part));
        assert_eq!(parts.wanted(conn, file(0)), None, "once");
        parts.over(conn);
        assert_eq!(parts.wanted(conn, file(1)), None);
        // An answer to what was not asked is none.
        assert!(!parts.is_answer(conn, &answer(5)));
    }
}

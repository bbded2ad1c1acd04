//! Files that broke off and go on: what is asked for, what was answered, what is sent.
//!
//! ```text
//!  asker                                              giver
//!  REQUEST, "mvrx": {"from": N, "blake3": H} ───────► has this very file, and more than N bytes of it
//!  ◄── REQUEST_RET OK:true, "mvrx": {"from": N} ─────
//!  ◄── the file's bytes from N on ───────────────────
//! ```
//! Whoever has another file, or does not know the object, sends the whole file and says nothing before it. A part is kept of files whose
//! hash and length were announced, and belongs to these: whoever lists them may be asked. It knows no rule of requests; the core decides
//! who is asked, and how often.

use std::collections::HashMap;

use mvrx_core::{ConnId, Input, RequestId};
use mvrx_message::{Commit, Dialect, FilePart, FileUuid, Message, Reply, Request};
use mvrx_store::{PartOf, Pending};
use mvrx_transport::{BoxError, FileSource, MessageWriter, SourceRead};

use crate::HostOptions;
use crate::connection::{Job, Receive};
use crate::driver::Driver;

/// What is known of the parts on each connection.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    asked: HashMap<ConnId, Going>,
    wanted: HashMap<ConnId, Vec<(FileUuid, FilePart)>>,
}

/// A file that comes, and behind how much of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Going {
    pub(crate) of: PartOf,
    /// Bytes that are kept, and behind which the file was asked for.
    pub(crate) kept: u64,
    /// From where on it comes: 0, unless the giver says otherwise.
    pub(crate) from: u64,
}

impl Parts {
    /// Asks for what is missing of a file, where its commit says which bytes it has; `kept`: how many of them are here. Does not wait for a
    /// disk.
    // req: STA-26
    pub(crate) fn ask(
        &mut self,
        conn: ConnId,
        request: &mut Request,
        announced: Option<&Commit>,
        kept: impl FnOnce(&PartOf) -> u64,
    ) {
        self.asked.remove(&conn);
        let Some((commit, hash)) = announced.and_then(|commit| Some((commit, commit.blake3?))) else {
            return;
        };
        if commit.file_size == 0 || request.file != Some(commit.file) {
            return;
        }
        let of = PartOf { file: commit.file, length: commit.file_size, hash };
        let kept = kept(&of);
        self.asked.insert(conn, Going { of, kept, from: 0 });
        request.part = (kept > 0).then_some(FilePart { from: kept, blake3: hash });
    }

    /// Whether an answer says from where on the file follows; nobody else needs it then.
    pub(crate) fn is_answer(&mut self, conn: ConnId, message: &Message) -> bool {
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

    /// The file that begins.
    pub(crate) fn begins(&mut self, conn: ConnId) -> Option<Going> {
        self.asked.remove(&conn)
    }

    /// Somebody asks for what is missing of a file.
    pub(crate) fn wants(&mut self, conn: ConnId, request: &Request) {
        let Some((file, part)) = request.file.zip(request.part) else { return };
        let wanted = self.wanted.entry(conn).or_default();
        wanted.retain(|(other, _)| *other != file);
        if wanted.len() < WANTED {
            wanted.push((file, part));
        }
    }

    /// What was asked of a file that is sent now.
    pub(crate) fn wanted(&mut self, conn: ConnId, file: FileUuid) -> Option<FilePart> {
        let wanted = self.wanted.get_mut(&conn)?;
        let at = wanted.iter().position(|(other, _)| *other == file)?;
        Some(wanted.swap_remove(at).1)
    }

    pub(crate) fn over(&mut self, conn: ConnId) {
        self.asked.remove(&conn);
        self.wanted.remove(&conn);
    }
}

impl Driver {
    pub(crate) fn send(&mut self, (conn, mut message): (ConnId, Box<Message>), dialect: Dialect) {
        if let Message::Request(request) = message.as_mut() {
            let of = |file| self.core.commits().map(|view| view.commit).find(|commit| commit.file == file);
            let announced = request.file.and_then(of);
            self.parts.ask(conn, request, announced, |of| self.store.part(of));
        }
        self.order(conn, Job::Send(message, dialect));
    }

    /// Notes what a message says of a part; whether it is meant for nobody else.
    pub(crate) fn is_of_parts(&mut self, input: &Input) -> bool {
        let Input::Received { conn, parsed } = input else { return false };
        if let Message::Request(request) = &parsed.message {
            self.parts.wants(*conn, request);
        }
        self.parts.is_answer(*conn, &parsed.message)
    }

    pub(crate) fn receive(&mut self, (conn, request): (ConnId, RequestId), expected: Option<u64>) {
        let going = self.parts.begins(conn);
        let from = going.map_or(0, |going| going.from);
        let progress = self.requests.get(&request).map(|(progress, _)| progress.begin(expected));
        let progress = progress.unwrap_or_default();
        progress.add(from);
        let product = self.core.session().map(|session| session.product);
        let ending = HostOptions::ending(product.unwrap_or_default(), false);
        let expected = expected.map(|expected| expected.saturating_sub(from));
        if let Some(link) = self.links.get(&conn) {
            // The reader waits for nothing else.
            let _ = link.receive(Receive { request, expected, going, ending, progress });
        }
    }

    /// A whole file is here, or what was taken for its beginning is not.
    pub(crate) fn arrived(
        &mut self,
        (request, pending): (RequestId, Box<dyn Pending>),
        going: Option<Going>,
    ) {
        let (length, hash) = (pending.length(), pending.hash());
        if going.is_some_and(|going| going.from > 0 && going.of.hash != hash) {
            drop(pending);
            return self.step(Input::PartWrong { request });
        }
        self.arrived.insert(request, pending);
        self.step(Input::FileArrived { request, length, hash });
    }

    /// A connection is over: its writer lets out what it has, then closes.
    pub(crate) fn unlink(&mut self, conn: ConnId) {
        self.parts.over(conn);
        if let Some(link) = self.links.remove(&conn) {
            link.close();
        }
    }
}

/// From where on a file of this hash and length is sent.
// req: STA-26
pub(crate) fn from_of(part: Option<FilePart>, hash: Option<[u8; 32]>, length: u64) -> u64 {
    match part {
        Some(FilePart { from, blake3 }) if hash == Some(blake3) && from < length => from,
        _ => 0,
    }
}

/// The answer that goes before a file that does not begin at its beginning.
pub(crate) fn answer(from: u64) -> Message {
    Message::RequestRet(Reply { ok: true, message: String::new(), from: Some(from) })
}

/// Writes that answer.
pub(crate) async fn say(writer: &mut dyn MessageWriter, from: u64) -> Result<(), mvrx_transport::WriteError> {
    match from {
        0 => Ok(()),
        from => writer.send(&answer(from), &Dialect::strict()).await.map(drop),
    }
}

/// The rest of a file.
#[derive(Debug)]
pub(crate) struct Rest {
    whole: Box<dyn FileSource>,
    from: u64,
}

impl Rest {
    pub(crate) fn of(whole: Box<dyn FileSource>, from: u64) -> Box<dyn FileSource> {
        if from == 0 { whole } else { Box::new(Self { whole, from }) }
    }
}

impl FileSource for Rest {
    fn length(&self) -> u64 {
        self.whole.length().saturating_sub(self.from)
    }

    fn settled_length(&self) -> Option<u64> {
        self.whole.settled_length().map(|length| length.saturating_sub(self.from))
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<SourceRead, BoxError> {
        self.whole.read_at(self.from.saturating_add(offset), buffer)
    }
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

//! Files of owners that broke off and go on: what [`crate::resume`] does for stations, of what the host reads.
//!
//! A file that broke off becomes a part of the store on a thread that may block. Who comes back at once is asked behind that, or it would be
//! asked for all of it.

use std::collections::{HashMap, HashSet};

use mvrx_core::ConnId;
use mvrx_core::host::Input;
use mvrx_message::{Dialect, FileUuid, Message, Reply, Request};
use tokio::task::JoinHandle;

use super::driver::{Done, HostDriver, POLICY};

/// Files that broke off and are on their way to the store's parts, and the REQUESTs for them, which wait for that.
#[derive(Debug, Default)]
pub(super) struct PuttingDown {
    /// Several reads of one file may be on their way.
    files: HashMap<FileUuid, usize>,
    waiting: Vec<Waiting>,
}

type Waiting = (ConnId, FileUuid, Box<Message>, Dialect);

impl PuttingDown {
    fn begin(&mut self, file: FileUuid) {
        *self.files.entry(file).or_default() += 1;
    }

    /// Gives a message back that may go out now. REQUESTs of one connection do not pass each other, since its answers come in their order.
    pub(super) fn pass(
        &mut self,
        conn: ConnId,
        message: Box<Message>,
        dialect: Dialect,
    ) -> Option<Box<Message>> {
        let Message::Request(Request { file: Some(file), .. }) = message.as_ref() else {
            return Some(message);
        };
        let file = *file;
        if !self.files.contains_key(&file) && !self.waiting.iter().any(|waiting| waiting.0 == conn) {
            return Some(message);
        }
        self.waiting.push((conn, file, message, dialect));
        None
    }

    /// One of them is the store's. Gives what may go out now, in its order.
    fn end(&mut self, file: FileUuid) -> Vec<Waiting> {
        if let Some(count) = self.files.get_mut(&file) {
            *count -= 1;
            if *count == 0 {
                self.files.remove(&file);
            }
        }
        let mut behind = HashSet::new();
        let free = |(conn, file, ..): &Waiting| {
            let free = !self.files.contains_key(file) && !behind.contains(conn);
            if !free {
                behind.insert(*conn);
            }
            free
        };
        let (now, later) = std::mem::take(&mut self.waiting).into_iter().partition(free);
        self.waiting = later;
        now
    }

    pub(super) fn forget(&mut self, conn: ConnId) {
        self.waiting.retain(|waiting| waiting.0 != conn);
    }
}

impl HostDriver {
    /// `leaving` ends when what there is of a file is the store's.
    pub(super) fn put_down(&mut self, file: FileUuid, leaving: JoinHandle<()>) {
        self.putting_down.begin(file);
        let done = self.done.clone();
        tokio::spawn(async move {
            // Also if that has failed: then nothing is kept of it, and all of it is asked for.
            let _ = leaving.await;
            // The driver is gone: nobody needs it any more.
            let _ = done.send(Done::PutDown(file)).await;
        });
    }

    pub(super) fn is_put_down(&mut self, file: FileUuid) {
        for (conn, _, message, dialect) in self.putting_down.end(file) {
            self.send(conn, message, dialect);
        }
        // Who does not read was found out.
        self.step(Input::Tick);
    }

    /// A REQUEST to an owner asks for what is not here of the file: of a read under way, or of one that broke off earlier.
    // req: HDR-13
    pub(super) fn ask_for_the_rest(&mut self, conn: ConnId, request: &mut Request) {
        let Some(file) = request.file else { return };
        self.asked.insert(conn, file);
        let announced = self.host.commit(file).filter(|_| !self.host.owes_other_answers(conn));
        let under_way = |of: &_| self.growing.values().find_map(|growing| growing.part(of));
        self.parts.ask(conn, request, announced, |of| under_way(of).unwrap_or_else(|| self.store.part(of)));
    }

    /// Whether a message says from where on the file behind it comes. Where it is not the answer to what was asked last, nothing could tell
    /// what that file is, and the connection ends.
    pub(super) fn says_where(&mut self, conn: ConnId, message: &Message) -> bool {
        if self.parts.is_answer(conn, message) {
            return true;
        }
        if let Message::RequestRet(Reply { ok: true, from: Some(from), .. }) = message {
            let what = format!("it sends a file from byte {from} on, which was not asked for");
            self.part(conn, POLICY, &what);
            self.step(Input::Closed { conn, what });
            return true;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(n: u8) -> FileUuid {
        FileUuid::from_random_bytes([n; 16])
    }

    fn ask(putting_down: &mut PuttingDown, conn: u64, n: u8) -> bool {
        let request = Box::new(Message::Request(Request::new(Some(file(n)), vec![])));
        putting_down.pass(ConnId::Accepted(conn), request, Dialect::strict()).is_some()
    }

    fn end(putting_down: &mut PuttingDown, n: u8) -> Vec<(ConnId, FileUuid)> {
        putting_down.end(file(n)).into_iter().map(|(conn, file, ..)| (conn, file)).collect()
    }

    // proves: HDR-13
    #[test]
    fn requests_for_what_is_put_down_wait_and_no_other_of_their_connection_passes_them() {
        let mut all = PuttingDown::default();
        assert!(ask(&mut all, 1, 1), "nothing is put down");
        all.begin(file(1));
        all.begin(file(1));
        all.begin(file(2));
        assert!(!ask(&mut all, 1, 1));
        assert!(!ask(&mut all, 1, 3), "behind the one before");
        assert!(ask(&mut all, 2, 3), "another connection");
        assert!(!ask(&mut all, 2, 2));
        assert!(!ask(&mut all, 3, 1));
        let other = Box::new(Message::CommitRet(Reply::ok()));
        assert!(all.pass(ConnId::Accepted(1), other, Dialect::strict()).is_some(), "it is no REQUEST");
        assert_eq!(end(&mut all, 1), [], "a second read of it is put down");
        all.forget(ConnId::Accepted(3));
        let (one, two) = (ConnId::Accepted(1), ConnId::Accepted(2));
        assert_eq!(end(&mut all, 1), [(one, file(1)), (one, file(3))]);
        assert!(ask(&mut all, 1, 1));
        assert_eq!(end(&mut all, 2), [(two, file(2))]);
        assert_eq!(end(&mut all, 2), [], "once");
        assert!(all.files.is_empty() && all.waiting.is_empty());
    }
}

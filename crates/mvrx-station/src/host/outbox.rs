//! What waits to be written on one connection: messages bounded in bytes, at most one file, and the order to close.
//!
//! ```text
//!  driver ─ push ─► [ message | message | file | message ] ─ next ─► writer
//!              └── over the bound: TooMuch, and the driver ends that connection by name
//! ```
//! It knows nothing of what the messages say. A file costs nothing here: its bytes stay on the disk. [`Bounds`] protects it: so many bytes
//! for one connection, so many for all of them together.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mvrx_message::{Dialect, Message};
use tokio::sync::Notify;

use super::sending::FileJob;

/// What a writer is to do.
#[derive(Debug)]
pub(super) enum Job {
    Send(Box<Message>, Dialect),
    SendFile(FileJob),
}

/// How much may wait.
#[derive(Debug, Clone)]
pub(super) struct Bounds {
    /// Bytes of one connection.
    pub(super) one: usize,
    /// Bytes of all connections.
    pub(super) all: usize,
    /// What waits on all of them now.
    pub(super) waiting: Arc<AtomicUsize>,
}

/// The peer does not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooMuch {
    pub(super) waiting: usize,
    pub(super) allowed: usize,
}

/// The driver's side and the writer's side: the same thing.
#[derive(Debug)]
pub(super) struct Outbox {
    bounds: Bounds,
    queue: Mutex<Queue>,
    changed: Notify,
    /// Nothing more will be ordered.
    closing: AtomicBool,
    last_words: Mutex<Option<(u16, String)>>,
}

#[derive(Debug, Default)]
struct Queue {
    jobs: VecDeque<(Job, usize)>,
    charged: usize,
}

impl Outbox {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            queue: Mutex::default(),
            changed: Notify::new(),
            closing: AtomicBool::new(false),
            last_words: Mutex::default(),
        }
    }

    /// Queues a message. It is charged what it costs in memory while it waits.
    // req: HDR-05
    pub(super) fn send(&self, message: Box<Message>, dialect: Dialect) -> Result<(), TooMuch> {
        let charge = message.to_json(&dialect).len().saturating_mul(2).saturating_add(MESSAGE_COST);
        let mut queue = self.lock();
        let waiting = queue.charged.saturating_add(charge);
        let in_all = self.bounds.waiting.load(Ordering::Relaxed).saturating_add(charge);
        // The first message always has room: an answer is longer than a small bound.
        if waiting > self.bounds.one && queue.charged > 0 {
            return Err(TooMuch { waiting, allowed: self.bounds.one });
        }
        if in_all > self.bounds.all && queue.charged > 0 {
            return Err(TooMuch { waiting: in_all, allowed: self.bounds.all });
        }
        queue.charged = waiting;
        self.bounds.waiting.fetch_add(charge, Ordering::Relaxed);
        queue.jobs.push_back((Job::Send(message, dialect), charge));
        drop(queue);
        self.changed.notify_one();
        Ok(())
    }

    pub(super) fn send_file(&self, job: FileJob) {
        self.lock().jobs.push_back((Job::SendFile(job), 0));
        self.changed.notify_one();
    }

    /// Why the connection ends, for its close frame; the first reason counts.
    pub(super) fn set_last_words(&self, code: u16, reason: &str) {
        let mut words = self.last_words.lock().unwrap_or_else(PoisonError::into_inner);
        words.get_or_insert_with(|| (code, reason.to_owned()));
    }

    pub(super) fn last_words(&self) -> (u16, String) {
        let words = self.last_words.lock().unwrap_or_else(PoisonError::into_inner);
        words.clone().unwrap_or((GOING_WELL, String::new()))
    }

    /// Nothing more comes; what waits still goes out.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::SeqCst);
        self.changed.notify_one();
    }

    /// The next job; `None` when all is done and nothing more comes. One task waits.
    pub(super) async fn next(&self) -> Option<Job> {
        loop {
            if let Some(job) = self.pop(|_| true) {
                return Some(job);
            }
            if self.closing.load(Ordering::SeqCst) {
                return None;
            }
            self.changed.notified().await;
        }
    }

    /// The next message that may pass a file under way; `None` when the connection is to be closed. Cancel-safe.
    pub(super) async fn next_message(&self) -> Option<(Box<Message>, Dialect)> {
        loop {
            if self.closing.load(Ordering::SeqCst) {
                return None;
            }
            if let Some(Job::Send(message, dialect)) = self.pop(|job| matches!(job, Job::Send(..))) {
                return Some((message, dialect));
            }
            self.changed.notified().await;
        }
    }

    /// Ends when the connection is to be closed; messages wait.
    pub(super) async fn closed(&self) {
        while !self.closing.load(Ordering::SeqCst) {
            self.changed.notified().await;
        }
    }

    fn pop(&self, wanted: impl Fn(&Job) -> bool) -> Option<Job> {
        let mut queue = self.lock();
        queue.jobs.front().filter(|(job, _)| wanted(job))?;
        let (job, charge) = queue.jobs.pop_front()?;
        queue.charged = queue.charged.saturating_sub(charge);
        self.bounds.waiting.fetch_sub(charge, Ordering::Relaxed);
        Some(job)
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        let charged = self.lock().charged;
        self.bounds.waiting.fetch_sub(charged, Ordering::Relaxed);
    }
}

/// The close code of an end that needs no reason.
const GOING_WELL: u16 = 1000;
/// What a message costs beside its text.
const MESSAGE_COST: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use mvrx_message::Reply;

    fn outbox(one: usize, all: &Arc<AtomicUsize>, most: usize) -> Outbox {
        Outbox::new(Bounds { one, all: most, waiting: Arc::clone(all) })
    }

    fn message() -> Box<Message> {
        Box::new(Message::CommitRet(Reply::ok()))
    }

    // proves: HDR-05
    #[tokio::test]
    async fn what_waits_is_bounded_for_one_and_for_all() {
        let waiting = Arc::default();
        let first = outbox(1_000, &waiting, 1_200);
        let mut taken = 0;
        let refused = loop {
            match first.send(message(), Dialect::strict()) {
                Ok(()) => taken += 1,
                Err(refused) => break refused,
            }
        };
        assert!(taken > 1 && refused.allowed == 1_000 && refused.waiting > 1_000, "{taken} {refused:?}");
        let second = outbox(1_000, &waiting, 1_200);
        let refused = (0..9).find_map(|_| second.send(message(), Dialect::strict()).err()).unwrap();
        assert_eq!(refused.allowed, 1_200);
        // What was written, or was never written, makes room.
        assert!(matches!(first.next().await, Some(Job::Send(..))));
        drop(first);
        second.send(message(), Dialect::strict()).unwrap();
        drop(second);
        assert_eq!(waiting.load(Ordering::Relaxed), 0);
    }

    // proves: HDR-05
    #[test]
    fn the_longest_join_ret_leaves_room_for_what_is_said_beside_it() {
        let commit = mvrx_message::Commit {
            file: mvrx_message::FileUuid::from_random_bytes([1; 16]),
            station: None,
            version: mvrx_message::MvrVersion { major: 1, minor: 6 },
            file_size: 1,
            for_stations: vec![],
            comment: "c".repeat(300),
            file_name: "show.mvr".to_owned(),
            blake3: Some([1; 32]),
            author: None,
            group: None,
            order: None,
            missed: false,
        };
        let config = mvrx_core::host::Config::new(
            mvrx_message::StationUuid::from_random_bytes([1; 16]),
            "Rack",
            "mvrx",
        );
        let ret = mvrx_message::JoinRet { commits: vec![commit; 5_000], ..config.join_ret(Reply::ok()) };
        let ret = Box::new(Message::JoinRet(ret));
        let dialect = Dialect::in_session(mvrx_message::Product::Mvrx);
        assert!(ret.to_json(&dialect).len() > 500 << 10, "it is as long as it may be");
        let options = crate::HostOptions::default();
        let outbox = outbox(options.outbox_bytes, &Arc::default(), options.outbox_bytes_in_all);
        outbox.send(ret.clone(), dialect).unwrap();
        outbox.send(ret, dialect).unwrap();
        (0..100).for_each(|_| outbox.send(message(), dialect).unwrap());
    }

    #[tokio::test]
    async fn all_that_was_ordered_goes_out_before_the_end() {
        let outbox = outbox(1_000, &Arc::default(), 1_000);
        outbox.send(message(), Dialect::strict()).unwrap();
        outbox.close();
        assert!(outbox.next().await.is_some() && outbox.next().await.is_none());
        assert!(outbox.next_message().await.is_none());
    }
}

//! Documents that were told, numbered, for event streams: a bounded ring that each reader reads at his own pace.
//!
//! Whoever tells never waits. A reader who falls so far behind that something he has not read is gone is told so once ([`Read::Lost`]) and reads
//! everything anew. Of documents with the same key only the newest is kept: how far a transfer is counts now, not a second ago. Until somebody
//! reads for the first time nothing is kept, and [`Feed::wanted`] says that nothing need be built.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// What is kept at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedLimits {
    /// Documents. 1,024.
    pub documents: usize,
    /// Bytes of them; one that is longer than all of it is not told to streams. 1 MiB.
    pub bytes: usize,
}

impl Default for FeedLimits {
    fn default() -> Self {
        Self { documents: 1_024, bytes: 1 << 20 }
    }
}

/// Documents that were told, for whoever reads on. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Feed(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    limits: FeedLimits,
    ring: Mutex<Ring>,
    last: watch::Sender<u64>,
    wanted: AtomicBool,
}

#[derive(Debug, Default)]
struct Ring {
    told: VecDeque<Told>,
    bytes: usize,
    last: u64,
    /// The newest that made room.
    lost: u64,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) number: u64,
    pub(crate) event: Cow<'static, str>,
    pub(crate) document: Arc<str>,
    key: Option<u64>,
}

/// What is behind a number.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// These, oldest first; none: nothing yet.
    Next(Vec<Told>),
    /// Something behind that number is gone.
    Lost,
}

impl Default for Feed {
    fn default() -> Self {
        Self::new(FeedLimits::default())
    }
}

impl Feed {
    /// An empty one.
    #[must_use]
    pub fn new(limits: FeedLimits) -> Self {
        let (ring, wanted) = (Mutex::default(), AtomicBool::new(false));
        Self(Arc::new(Inner { limits, ring, last: watch::Sender::new(0), wanted }))
    }

    /// Whether anybody has ever read: before that a document need not be built.
    #[must_use]
    pub fn wanted(&self) -> bool {
        self.0.wanted.load(Ordering::Relaxed)
    }

    /// Tells a document: one line of JSON, as `--json` has it. Never waits.
    pub fn tell(&self, event: &str, document: &str) {
        self.push(Cow::Owned(event.to_owned()), document, None);
    }

    /// The same of what counts only as it is now: an earlier one with this key is told no more.
    pub(crate) fn tell_latest(&self, event: &'static str, key: u64, document: &str) {
        self.push(Cow::Borrowed(event), document, Some(key));
    }

    fn push(&self, event: Cow<'static, str>, document: &str, key: Option<u64>) {
        let FeedLimits { documents, bytes } = self.0.limits;
        // A line end would end the document in a stream.
        if !self.wanted() || document.len() > bytes || document.contains(['\n', '\r']) {
            return;
        }
        let mut ring = self.lock();
        if key.is_some()
            && let Some(at) = ring.told.iter().position(|told| told.key == key)
            && let Some(old) = ring.told.remove(at)
        {
            ring.bytes = ring.bytes.saturating_sub(old.document.len());
        }
        ring.last += 1;
        let number = ring.last;
        ring.bytes += document.len();
        ring.told.push_back(Told { number, event, document: document.into(), key });
        while (ring.told.len() > documents.max(1) || ring.bytes > bytes)
            && let Some(old) = ring.told.pop_front()
        {
            ring.bytes = ring.bytes.saturating_sub(old.document.len());
            ring.lost = old.number;
        }
        drop(ring);
        self.0.last.send_replace(number);
    }

    /// Begins to read: the number behind which everything will be told, and what tells of more.
    pub(crate) fn listen(&self) -> (u64, watch::Receiver<u64>) {
        self.0.wanted.store(true, Ordering::Relaxed);
        (self.lock().last, self.0.last.subscribe())
    }

    /// What was told behind a number, of about so many bytes.
    pub(crate) fn read(&self, after: u64, most: usize) -> Read {
        let ring = self.lock();
        if after < ring.lost || after > ring.last {
            return Read::Lost;
        }
        let from = ring.told.partition_point(|told| told.number <= after);
        let mut bytes = 0;
        let next = ring.told.iter().skip(from).take_while(|told| {
            let first = bytes == 0;
            bytes += told.document.len();
            first || bytes <= most
        });
        Read::Next(next.cloned().collect())
    }

    fn lock(&self) -> MutexGuard<'_, Ring> {
        self.0.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(read: Read) -> Vec<u64> {
        match read {
            Read::Next(told) => told.into_iter().map(|told| told.number).collect(),
            Read::Lost => panic!("something is gone"),
        }
    }

    #[test]
    fn nothing_is_kept_until_somebody_reads() {
        let feed = Feed::default();
        feed.tell("up", "{}");
        assert!(!feed.wanted());
        assert_eq!(feed.listen().0, 0);
        assert!(feed.wanted());
        feed.tell("up", "{}");
        assert_eq!(numbers(feed.read(0, 1_000)), [1]);
    }

    // proves: WEB-09
    #[test]
    fn a_reader_that_is_too_far_behind_is_told_so_and_one_at_the_edge_is_not() {
        let feed = Feed::new(FeedLimits { documents: 3, bytes: 100 });
        let (start, _) = feed.listen();
        (0..3).for_each(|_| feed.tell("e", "{}"));
        assert_eq!(numbers(feed.read(start, 1_000)), [1, 2, 3], "as many as are kept");
        feed.tell("e", "{}");
        assert_eq!(feed.read(start, 1_000), Read::Lost);
        assert_eq!(numbers(feed.read(1, 1_000)), [2, 3, 4]);
        assert_eq!(feed.read(5, 1_000), Read::Lost, "of another start");
        feed.tell("e", &"x".repeat(100));
        assert_eq!(numbers(feed.read(4, 1)), [5], "its bytes are all there may be; a reader always gets one");
        assert_eq!(feed.read(3, 1_000), Read::Lost);
        feed.tell("e", &"x".repeat(101));
        assert!(numbers(feed.read(5, 1)).is_empty(), "one byte more is not told");
    }

    #[test]
    fn of_documents_with_one_key_the_newest_is_told() {
        let feed = Feed::new(FeedLimits { documents: 3, bytes: 100 });
        let (start, _) = feed.listen();
        feed.tell("e", "{}");
        (0..1_000).for_each(|_| feed.tell_latest("transfer", 7, "{}"));
        feed.tell_latest("transfer", 8, "{}");
        assert_eq!(numbers(feed.read(start, 1_000)), [1, 1_001, 1_002], "and nothing else made room");
    }

    #[test]
    fn a_document_with_a_line_end_is_none() {
        let feed = Feed::default();
        feed.listen();
        feed.tell("e", "{}\n\ndata: {}");
        assert!(numbers(feed.read(0, 10)).is_empty());
    }
}

//! What a stream of bytes has to offer, and what the two halves of a connection share.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use lan_net::accept::Permit;
use tokio::time::Instant;

use crate::limits::Limits;
use crate::pump::FilePump;

/// Both directions of one byte stream, used through a shared reference: one task reads, one writes.
pub(crate) trait Link: fmt::Debug + Send + Sync + 'static {
    /// Reads what is there; 0 is the end.
    fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>>;

    /// Writes what fits.
    fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>>;

    /// Tells the peer that nothing more will come, after what was written.
    fn finish_writing(&self) -> io::Result<()>;

    /// Ends both directions now. Whoever waits on the link, on either side, is woken; what is on the way may be lost.
    fn abort(&self);

    /// From now on the system holds back little of what is written, so that what is written next is soon on its way.
    fn hold_little(&self) {}

    /// A second handle of the same socket for a thread that blocks; `None` if there is none to be had.
    #[cfg(unix)]
    fn socket(&self) -> Option<std::net::TcpStream> {
        None
    }
}

/// Who made the connection.
#[derive(Debug)]
pub(crate) enum Origin {
    Dialed,
    /// With its place under the caps, where there are caps.
    Accepted(#[allow(dead_code, reason = "held for its drop")] Option<Permit>),
}

/// What the two halves share. Dropping the last half drops the link.
#[derive(Debug)]
pub(crate) struct Shared<L> {
    pub(crate) link: L,
    pub(crate) limits: Limits,
    #[cfg_attr(not(unix), allow(dead_code, reason = "there is only the portable pump"))]
    pub(crate) pump: FilePump,
    pub(crate) origin: Origin,
    pub(crate) opened: Instant,
    broken: AtomicBool,
    sending_file: AtomicBool,
    /// Milliseconds from `opened` to the latest write.
    wrote: AtomicU64,
}

impl<L: Link> Shared<L> {
    pub(crate) fn new(link: L, limits: Limits, pump: FilePump, origin: Origin) -> Self {
        Self {
            link,
            limits,
            pump,
            origin,
            opened: Instant::now(),
            broken: AtomicBool::new(false),
            sending_file: AtomicBool::new(false),
            wrote: AtomicU64::new(0),
        }
    }

    /// Ends the connection for good: both halves, and threads that work for them.
    pub(crate) fn break_off(&self) {
        self.broken.store(true, Ordering::SeqCst);
        self.link.abort();
    }

    /// The same for both halves only: the link lives on for what is to be said last.
    pub(crate) fn give_up(&self) {
        self.broken.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::SeqCst)
    }

    /// Breaks the connection off unless the guard is told that all went well.
    pub(crate) fn guard(self: &Arc<Self>) -> BreakOff<L> {
        BreakOff { shared: Some(Arc::clone(self)) }
    }

    pub(crate) fn note_write(&self) {
        let after = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.wrote.store(after, Ordering::Relaxed);
    }

    pub(crate) fn last_write(&self) -> Instant {
        self.opened + Duration::from_millis(self.wrote.load(Ordering::Relaxed))
    }

    pub(crate) fn set_sending_file(&self, sending: bool) {
        self.sending_file.store(sending, Ordering::Relaxed);
        self.note_write();
    }

    pub(crate) fn is_sending_file(&self) -> bool {
        self.sending_file.load(Ordering::Relaxed)
    }
}

/// A transfer in progress: whatever ends it, its connection ends too, unless it ended well.
pub(crate) struct BreakOff<L: Link> {
    shared: Option<Arc<Shared<L>>>,
}

impl<L: Link> BreakOff<L> {
    pub(crate) fn all_went_well(mut self) {
        self.shared = None;
    }
}

// req: TRA-13
impl<L: Link> Drop for BreakOff<L> {
    fn drop(&mut self) {
        if let Some(shared) = &self.shared {
            shared.break_off();
        }
    }
}

//! Turns "stop that" and "how long at most" into two small values that every long operation takes.
//!
//! [`Cancel`] ends imports, saves and reads of an arriving file from another thread; it knows nothing of who works
//! for whom. [`Wait`] says how long a read of a file that is still arriving may stand still. A caller keeps one
//! `Cancel` per thing that ends as a whole (a connection, a request), never one for a whole program: it cannot be
//! undone.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use crate::growing::Growth;

/// A switch that ends the operations it was given to. Cheap to clone; all clones are the same switch.
///
/// ```
/// let cancel = mvrx_store::Cancel::new();
/// assert!(!cancel.is_cancelled());
/// cancel.clone().cancel();
/// assert!(cancel.is_cancelled());
/// ```
#[derive(Debug, Clone, Default)]
pub struct Cancel {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    cancelled: AtomicBool,
    /// Files that readers of this switch wait on, so that cancelling wakes them. Pruned whenever one is added.
    waiting: Mutex<Vec<Weak<Growth>>>,
}

impl Cancel {
    /// A switch that is not thrown yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends what the switch was given to: at the next piece (at most one buffer later) or, for a reader that waits
    /// for an arriving file, at once.
    pub fn cancel(&self) {
        self.inner.cancelled.store(true, Ordering::SeqCst);
        let waiting = std::mem::take(&mut *self.inner.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        for growth in waiting.iter().filter_map(Weak::upgrade) {
            growth.wake_all();
        }
    }

    /// Whether the switch was thrown.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.inner.cancelled.load(Ordering::SeqCst)
    }

    /// Has `growth` woken when the switch is thrown. Call it before looking at `is_cancelled` for the last time.
    pub(crate) fn wakes(&self, growth: &Arc<Growth>) {
        let mut waiting = self.inner.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.iter().any(|known| known.as_ptr() == Arc::as_ptr(growth)) {
            return;
        }
        waiting.retain(|known| known.strong_count() > 0);
        waiting.push(Arc::downgrade(growth));
    }

    #[cfg(test)]
    pub(crate) fn files_waited_for(&self) -> usize {
        self.inner.waiting.lock().unwrap().len()
    }
}

/// How long a read may wait for bytes of a file that is still arriving. Files that are complete never wait.
///
/// The time is an idle time: it starts anew whenever any byte of the file arrives, so a slow peer is not an error
/// and a silent one is.
#[derive(Debug, Clone, Default)]
pub struct Wait {
    idle: Option<Duration>,
    cancel: Option<Cancel>,
}

impl Wait {
    /// Waits until the bytes are there, the file is complete or it failed. A writer that is dropped counts as
    /// failed, so the wait ends with the transfer.
    #[must_use]
    pub fn until_settled() -> Self {
        Self::default()
    }

    /// As [`Wait::until_settled`], and gives up when no byte arrived for `idle`. Zero never waits.
    #[must_use]
    pub fn idle_at_most(idle: Duration) -> Self {
        Self { idle: Some(idle), cancel: None }
    }

    /// Ends the wait as well when `cancel` is thrown.
    #[must_use]
    pub fn unless(mut self, cancel: &Cancel) -> Self {
        self.cancel = Some(cancel.clone());
        self
    }

    pub(crate) fn idle(&self) -> Option<Duration> {
        self.idle
    }

    pub(crate) fn cancel(&self) -> Option<&Cancel> {
        self.cancel.as_ref()
    }
}

//! A file on its way to us.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use mvrx_core::{RequestFailure, RequestId};
use mvrx_message::{Commit, FileUuid, StationUuid};
use tokio::sync::{mpsc, oneshot};

use crate::looking::Checked;
use crate::orders::Order;

/// How far a transfer is. Cheap to clone and to read from any thread.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Of the station asked now; each one asked begins anew.
    moved: Mutex<mvrx_transport::Progress>,
    total: AtomicU64,
    looked: AtomicU64,
}

impl Progress {
    /// Bytes that arrived so far; back to 0 when another station is asked.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.inner.moved.lock().unwrap_or_else(PoisonError::into_inner).moved()
    }

    /// Bytes in all, once a station has begun to send.
    #[must_use]
    pub fn total(&self) -> Option<u64> {
        Some(self.inner.total.load(Ordering::Relaxed)).filter(|total| *total != 0)
    }

    /// Bytes that were looked through since the whole file came, as they unpack; 0 before that.
    #[must_use]
    pub fn checked(&self) -> u64 {
        self.inner.looked.load(Ordering::Relaxed)
    }

    pub(crate) fn looked_through(&self, bytes: u64) {
        self.inner.looked.store(bytes, Ordering::Relaxed);
    }

    /// Counts what somebody else moves.
    pub(crate) fn follow(&self, total: Option<u64>, moved: &mvrx_transport::Progress) {
        *self.inner.moved.lock().unwrap_or_else(PoisonError::into_inner) = moved.clone();
        self.inner.total.store(total.unwrap_or(0), Ordering::Relaxed);
    }

    pub(crate) fn begin(&self, total: Option<u64>) -> mvrx_transport::Progress {
        let fresh = mvrx_transport::Progress::new();
        self.looked_through(0);
        *self.inner.moved.lock().unwrap_or_else(PoisonError::into_inner) = fresh.clone();
        self.inner.total.store(total.unwrap_or(0), Ordering::Relaxed);
        fresh
    }
}

/// A file that is in the store now.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Fetched {
    /// Which.
    pub file: FileUuid,
    /// What was announced of it, with its real length and hash.
    pub commit: Commit,
    /// Who gave it; `None`: it was in the store already.
    pub from: Option<StationUuid>,
    /// What was found out of it before it was listed; `None`: it was in the store already, or any file is taken.
    pub checked: Option<Checked>,
}

/// A request under way: a future of its end. Dropping it leaves the request running; [`Transfer::cancel`] ends it.
#[derive(Debug)]
pub struct Transfer {
    pub(crate) id: RequestId,
    pub(crate) progress: Progress,
    pub(crate) end: oneshot::Receiver<Result<Fetched, RequestFailure>>,
    pub(crate) orders: mpsc::Sender<Order>,
}

impl Transfer {
    /// The name of the request in events.
    #[must_use]
    pub fn id(&self) -> RequestId {
        self.id
    }

    /// How far it is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }

    /// Ends the request; the future then gives [`RequestFailure::Cancelled`], unless the file was there already.
    pub async fn cancel(&self) {
        // A station that has stopped has ended its requests.
        let _ = self.orders.send(Order::Cancel(self.id)).await;
    }
}

impl Future for Transfer {
    type Output = Result<Fetched, RequestFailure>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.end).poll(context).map(|end| end.unwrap_or(Err(RequestFailure::LeftGroup)))
    }
}

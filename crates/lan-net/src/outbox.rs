//! Turns messages for one peer into a queue that is bounded in bytes, and a peer that does not read into an error.
//!
//! ```text
//! open ──push over the budget──► overflowed (queue freed; both sides are told SlowPeer)
//!   ├───last Outbox dropped────► draining ──all written──► ended
//!   └───OutboxWriter dropped───► closed
//! ```
//! It knows nothing of what the bytes mean; one [`Bytes`] may lie in many outboxes at no further cost of memory.
//! The owner of the peer drops the peer on the first error: the outbox never blocks a sender, never drops a
//! message from the middle. [`OutboxLimits`] protects it: a message is charged its length and
//! [`MESSAGE_COST`] bytes, until it is written.
//!
//! ```
//! # use bytes::Bytes;
//! # use lan_net::outbox::{self, OutboxLimits};
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), outbox::OutboxError> {
//! let (outbox, writer) = outbox::channel(OutboxLimits::default());
//! outbox.push(Bytes::from_static(b"hello"))?;
//! drop(outbox);
//! let mut socket = Vec::new();
//! writer.write_to(&mut socket).await?;
//! assert_eq!(socket, b"hello");
//! # Ok(()) }
//! ```

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::Notify;

/// What every message costs beside its length, so that a flood of tiny ones is bounded too.
pub const MESSAGE_COST: usize = 64;

/// How much may wait for one peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutboxLimits {
    /// Bytes, with [`MESSAGE_COST`] for each message.
    pub bytes: usize,
}

impl Default for OutboxLimits {
    /// 8 MiB.
    fn default() -> Self {
        Self { bytes: 8 << 20 }
    }
}

/// Why a message will not reach the peer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutboxError {
    /// The peer reads more slowly than we produce; drop it.
    #[error("slow peer: {queued} bytes wait and {length} more would exceed the {allowed} allowed")]
    SlowPeer {
        /// Charged before this message.
        queued: usize,
        /// What this message would have added.
        length: usize,
        /// The budget.
        allowed: usize,
    },
    /// No peer could take this message: it alone exceeds the budget. The queue is untouched.
    #[error("a message of {length} bytes exceeds the outbox of {allowed}")]
    MessageAboveBudget {
        /// What it would have been charged.
        length: usize,
        /// The budget.
        allowed: usize,
    },
    /// The writing side is gone.
    #[error("the peer's connection is gone")]
    Closed,
    /// Writing failed.
    #[error("cannot write to the peer: {0}")]
    Write(#[from] io::Error),
}

/// The side that queues. Clones feed the same queue.
#[derive(Debug)]
pub struct Outbox {
    shared: Arc<Shared>,
}

/// The side that writes.
#[derive(Debug)]
pub struct OutboxWriter {
    shared: Arc<Shared>,
}

/// An outbox and its writer.
#[must_use]
pub fn channel(limits: OutboxLimits) -> (Outbox, OutboxWriter) {
    let queue = Queue { senders: 1, ..Queue::default() };
    let shared = Arc::new(Shared { limits, queue: Mutex::new(queue), changed: Notify::new() });
    (Outbox { shared: Arc::clone(&shared) }, OutboxWriter { shared })
}

impl Outbox {
    /// Queues a message; never waits.
    ///
    /// # Errors
    /// [`OutboxError::SlowPeer`] once, [`OutboxError::Closed`] from then on.
    pub fn push(&self, message: Bytes) -> Result<(), OutboxError> {
        let length = message.len().saturating_add(MESSAGE_COST);
        let allowed = self.shared.limits.bytes;
        if length > allowed {
            return Err(OutboxError::MessageAboveBudget { length, allowed });
        }
        let mut queue = self.shared.lock();
        if queue.state != State::Open {
            return Err(OutboxError::Closed);
        }
        let queued = queue.charged;
        if queued.saturating_add(length) > allowed {
            queue.state = State::Overflowed { queued, length };
            queue.messages = VecDeque::new();
            drop(queue);
            self.shared.changed.notify_one();
            return Err(OutboxError::SlowPeer { queued, length, allowed });
        }
        queue.charged += length;
        queue.messages.push_back(message);
        drop(queue);
        self.shared.changed.notify_one();
        Ok(())
    }

    /// Bytes that wait, as charged.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.shared.lock().charged
    }
}

impl Clone for Outbox {
    fn clone(&self) -> Self {
        self.shared.lock().senders += 1;
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        let mut queue = self.shared.lock();
        queue.senders -= 1;
        let last = queue.senders == 0;
        drop(queue);
        if last {
            self.shared.changed.notify_one();
        }
    }
}

impl OutboxWriter {
    /// Writes what is queued until every [`Outbox`] is dropped and all is written and flushed. Not cancel-safe: a
    /// message may have been written in part, so that the connection is of no more use.
    ///
    /// # Errors
    /// [`OutboxError::SlowPeer`] as soon as the queue overflowed, also in the middle of a write that the peer does
    /// not take; [`OutboxError::Write`].
    pub async fn write_to<W>(self, socket: &mut W) -> Result<(), OutboxError>
    where
        W: AsyncWrite + Unpin + ?Sized,
    {
        loop {
            let batch = match self.shared.take_batch() {
                Next::Batch(batch) => batch,
                Next::Wait => {
                    self.shared.changed.notified().await;
                    continue;
                }
                Next::End => return Ok(socket.flush().await?),
                Next::Overflow(error) => return Err(error),
            };
            let charged: usize = batch.iter().map(|message| message.len() + MESSAGE_COST).sum();
            tokio::select! {
                written = write_batch(socket, batch) => written?,
                error = self.shared.overflowed() => return Err(error),
            }
            self.shared.lock().charged -= charged;
        }
    }
}

impl Drop for OutboxWriter {
    fn drop(&mut self) {
        let mut queue = self.shared.lock();
        queue.messages = VecDeque::new();
        queue.charged = 0;
        if queue.state == State::Open {
            queue.state = State::Closed;
        }
    }
}

#[derive(Debug)]
struct Shared {
    limits: OutboxLimits,
    queue: Mutex<Queue>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    messages: VecDeque<Bytes>,
    charged: usize,
    senders: usize,
    state: State,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Open,
    Overflowed {
        queued: usize,
        length: usize,
    },
    Closed,
}

enum Next {
    Batch(VecDeque<Bytes>),
    Wait,
    End,
    Overflow(OutboxError),
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_batch(&self) -> Next {
        let mut queue = self.lock();
        if let Some(error) = self.overflow(&queue) {
            return Next::Overflow(error);
        }
        if queue.messages.is_empty() {
            return if queue.senders == 0 { Next::End } else { Next::Wait };
        }
        let count = queue.messages.len().min(BATCH);
        Next::Batch(queue.messages.drain(..count).collect())
    }

    fn overflow(&self, queue: &Queue) -> Option<OutboxError> {
        match queue.state {
            State::Overflowed { queued, length } => {
                Some(OutboxError::SlowPeer { queued, length, allowed: self.limits.bytes })
            }
            State::Open | State::Closed => None,
        }
    }

    async fn overflowed(&self) -> OutboxError {
        loop {
            if let Some(error) = self.overflow(&self.lock()) {
                return error;
            }
            self.changed.notified().await;
        }
    }
}

async fn write_batch<W>(socket: &mut W, mut batch: VecDeque<Bytes>) -> io::Result<()>
where
    W: AsyncWrite + Unpin + ?Sized,
{
    while let Some(front) = batch.front_mut() {
        if front.is_empty() {
            batch.pop_front();
            continue;
        }
        let slices: Vec<IoSlice<'_>> = batch.iter().map(|message| IoSlice::new(message)).collect();
        let written = socket.write_vectored(&slices).await?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        advance(&mut batch, written);
    }
    Ok(())
}

fn advance(batch: &mut VecDeque<Bytes>, mut written: usize) {
    while let Some(front) = batch.front_mut() {
        if front.len() > written {
            front.advance(written);
            return;
        }
        written -= front.len();
        batch.pop_front();
    }
}

/// Messages per vectored write.
const BATCH: usize = 64;

#[cfg(test)]
mod tests;

//! What waits to be sent to one client: shared bytes in order, counted, parts of them gated until they are durable.

use std::collections::VecDeque;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{Buf, Bytes};

/// Counts the bytes that wait in all outboxes, those that several share once: each message is counted from here on until nobody has it any more.
#[derive(Debug, Default)]
pub(super) struct Waiting(Arc<AtomicUsize>);

impl Waiting {
    pub(super) fn counted(&self, bytes: Bytes) -> Bytes {
        if bytes.is_empty() {
            return bytes;
        }
        self.0.fetch_add(bytes.len() + MESSAGE, Ordering::Relaxed);
        Bytes::from_owner(Counted { bytes, waiting: Arc::clone(&self.0) })
    }

    pub(super) fn bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

struct Counted {
    bytes: Bytes,
    waiting: Arc<AtomicUsize>,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.waiting.fetch_sub(self.bytes.len() + MESSAGE, Ordering::Relaxed);
    }
}

/// What a message takes besides its bytes.
const MESSAGE: usize = 200;

#[derive(Debug, Default)]
pub(super) struct Outbox {
    queue: VecDeque<Bytes>,
    /// Bytes that wait.
    queued: usize,
    /// Bytes ever pushed, and ever sent.
    pushed: u64,
    sent: u64,
    /// From the position on, in bytes ever pushed, nothing may be sent before the ticket is durable. Both numbers only grow.
    gates: VecDeque<(u64, u64)>,
}

impl Outbox {
    pub(super) fn push(&mut self, bytes: Bytes) {
        if bytes.is_empty() {
            return;
        }
        self.queued += bytes.len();
        self.pushed += bytes.len() as u64;
        self.queue.push_back(bytes);
    }

    /// What is pushed from now on waits for `ticket`.
    pub(super) fn gate(&mut self, ticket: u64) {
        if self.gates.back().is_none_or(|(_, last)| *last < ticket) {
            self.gates.push_back((self.pushed, ticket));
        }
    }

    /// Everything up to `ticket` is durable.
    pub(super) fn open_gates(&mut self, ticket: u64) {
        while self.gates.front().is_some_and(|(_, gate)| *gate <= ticket) {
            self.gates.pop_front();
        }
    }

    pub(super) fn is_gated(&self) -> bool {
        !self.gates.is_empty()
    }

    pub(super) fn queued(&self) -> usize {
        self.queued
    }

    /// Bytes that may be sent now.
    pub(super) fn sendable(&self) -> usize {
        match self.gates.front() {
            Some((position, _)) => usize::try_from(position.saturating_sub(self.sent)).unwrap_or(usize::MAX),
            None => self.queued,
        }
    }

    /// The slices that may be sent now, in order.
    pub(super) fn slices(&self) -> impl Iterator<Item = &[u8]> {
        let mut left = self.sendable();
        self.queue.iter().map_while(move |bytes| {
            let slice = bytes.get(..bytes.len().min(left)).filter(|slice| !slice.is_empty())?;
            left -= slice.len();
            Some(slice)
        })
    }

    /// The first `count` waiting bytes were sent.
    pub(super) fn advance(&mut self, count: usize) {
        let mut left = count.min(self.queued);
        self.queued -= left;
        self.sent += left as u64;
        while let Some(front) = self.queue.front_mut() {
            if front.len() > left {
                front.advance(left);
                return;
            }
            left -= front.len();
            self.queue.pop_front();
        }
        // A burst must not keep its queue for ever.
        if self.queue.capacity() > KEPT_SLOTS {
            self.queue = VecDeque::new();
        }
    }
}

const KEPT_SLOTS: usize = 64;

#[cfg(test)]
mod tests {
    use super::Outbox;
    use bytes::Bytes;

    fn sendable(outbox: &Outbox) -> Vec<u8> {
        outbox.slices().flatten().copied().collect()
    }

    #[test]
    fn gated_bytes_wait_for_their_ticket_and_those_before_do_not() {
        let mut outbox = Outbox::default();
        outbox.push(Bytes::from_static(b"ab"));
        outbox.gate(1);
        outbox.push(Bytes::from_static(b"cd"));
        outbox.gate(1);
        outbox.gate(2);
        outbox.push(Bytes::from_static(b"e"));
        assert_eq!(sendable(&outbox), b"ab");
        outbox.advance(1);
        outbox.open_gates(1);
        assert_eq!(sendable(&outbox), b"bcd");
        outbox.advance(3);
        assert_eq!((outbox.sendable(), outbox.queued()), (0, 1));
        outbox.open_gates(7);
        assert_eq!(sendable(&outbox), b"e");
        outbox.advance(1);
        assert_eq!(outbox.queued(), 0);
    }
}

//! What a node has yet to write to one link.

use std::collections::VecDeque;

use crate::content::{Bulk, Payload};
use crate::ctx::HostCtx;
use crate::event::ConnGone;
use crate::link::Conn;

/// Payloads that wait for room, in order. Call [`SendQueue::flush`] after pushing and on
/// [`Event::Writable`](crate::Event::Writable) and [`Event::Connected`](crate::Event::Connected). Unbounded:
/// who pushes decides.
#[derive(Clone, Debug, Default)]
pub struct SendQueue {
    waiting: VecDeque<Payload>,
    /// How much of the first one was taken, when it is real bytes.
    done: usize,
    then: Then,
}

/// What follows the last payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Then {
    #[default]
    Nothing,
    Finish,
    Close,
}

impl SendQueue {
    /// Nothing to write.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends real bytes.
    pub fn push(&mut self, bytes: impl Into<Vec<u8>>) {
        self.waiting.push_back(Payload::Bytes(bytes.into()));
    }

    /// Appends bulk.
    pub fn push_bulk(&mut self, bulk: Bulk) {
        self.waiting.push_back(Payload::Bulk(bulk));
    }

    /// Finishes the link's direction after what waits.
    pub const fn finish(&mut self) {
        self.then = Then::Finish;
    }

    /// Closes the link after what waits; [`HostCtx::close`] says what that does to bytes left unread.
    pub const fn close(&mut self) {
        self.then = Then::Close;
    }

    /// Whether everything was taken.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many bytes wait.
    pub fn len(&self) -> u64 {
        self.waiting.iter().map(Payload::len).sum::<u64>() - self.done as u64
    }

    /// Writes what there is room for. Returns whether nothing waits any more.
    ///
    /// # Errors
    /// [`ConnGone`] when the handle is over.
    pub fn flush(&mut self, conn: Conn, net: &mut HostCtx<'_>) -> Result<bool, ConnGone> {
        while let Some(first) = self.waiting.front_mut() {
            let all = match first {
                Payload::Bytes(bytes) => {
                    let rest = bytes.get(self.done..).unwrap_or(&[]);
                    self.done += net.write(conn, rest)?;
                    self.done >= bytes.len()
                }
                Payload::Bulk(bulk) => {
                    let taken = net.write_bulk(conn, *bulk)?;
                    *bulk = bulk.split_at(taken).1;
                    bulk.length == 0
                }
            };
            if !all {
                return Ok(false);
            }
            self.waiting.pop_front();
            self.done = 0;
        }
        match self.then {
            Then::Nothing => {}
            Then::Finish => net.finish(conn),
            Then::Close => net.close(conn),
        }
        Ok(true)
    }
}

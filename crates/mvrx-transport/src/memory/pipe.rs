//! Two ends of a byte stream that behave as the ends of a TCP connection do: each direction can end by itself, either
//! end can break both, and a reader that is gone breaks the writer.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::stream::Link;

/// Both ends.
pub(crate) fn pipe() -> (PipeEnd, PipeEnd) {
    let (there, back) = (Arc::<Way>::default(), Arc::<Way>::default());
    let one = PipeEnd { incoming: Arc::clone(&back), outgoing: Arc::clone(&there) };
    (one, PipeEnd { incoming: there, outgoing: back })
}

#[derive(Debug)]
pub(crate) struct PipeEnd {
    incoming: Arc<Way>,
    outgoing: Arc<Way>,
}

/// One direction.
#[derive(Debug, Default)]
struct Way {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    bytes: VecDeque<u8>,
    finished: bool,
    broken: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Link for PipeEnd {
    fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut way = self.incoming.lock();
        if way.broken {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if way.bytes.is_empty() && !way.finished && !buffer.is_empty() {
            way.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let count = io::Read::read(&mut way.bytes, buffer)?;
        way.wake_writer();
        Poll::Ready(Ok(count))
    }

    fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut way = self.outgoing.lock();
        if way.broken || way.finished {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let room = CAPACITY.saturating_sub(way.bytes.len());
        if room == 0 && !bytes.is_empty() {
            way.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let now = bytes.get(..room).unwrap_or(bytes);
        way.bytes.extend(now);
        way.wake_reader();
        Poll::Ready(Ok(now.len()))
    }

    fn finish_writing(&self) -> io::Result<()> {
        let mut way = self.outgoing.lock();
        way.finished = true;
        way.wake_reader();
        Ok(())
    }

    fn abort(&self) {
        self.incoming.break_off();
        self.outgoing.break_off();
    }
}

impl Drop for PipeEnd {
    fn drop(&mut self) {
        // What was written before can still be read, as with a socket that is closed.
        let _ = self.finish_writing();
        self.incoming.break_off();
    }
}

impl Way {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn break_off(&self) {
        let mut way = self.lock();
        way.broken = true;
        way.bytes = VecDeque::new();
        way.wake_reader();
        way.wake_writer();
    }
}

impl State {
    fn wake_reader(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    fn wake_writer(&mut self) {
        if let Some(writer) = self.writer.take() {
            writer.wake();
        }
    }
}

/// Bytes that are on the way in one direction.
const CAPACITY: usize = 64 << 10;

//! Any stream of tokio's as a link: TLS, for instance. Both halves of a connection share it under a lock that is
//! never held while one waits.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::stream::Link;

pub(super) struct IoLink<S> {
    state: Mutex<State<S>>,
}

struct State<S> {
    /// `None` once the link was broken off.
    stream: Option<Pin<Box<S>>>,
    reader: Option<Waker>,
    writer: Option<Waker>,
    finishing: bool,
}

impl<S: AsyncRead + AsyncWrite> IoLink<S> {
    pub(super) fn new(stream: S) -> Self {
        let state = State { stream: Some(Box::pin(stream)), reader: None, writer: None, finishing: false };
        Self { state: Mutex::new(state) }
    }

    fn lock(&self) -> MutexGuard<'_, State<S>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: AsyncRead + AsyncWrite> State<S> {
    /// A shutdown that could not be done at once goes on whenever the link is used.
    fn finish(&mut self, cx: &mut Context<'_>) {
        if let (true, Some(stream)) = (self.finishing, &mut self.stream) {
            self.finishing = stream.as_mut().poll_shutdown(cx).is_pending();
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Send + 'static> Link for IoLink<S> {
    fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut state = self.lock();
        state.reader = Some(cx.waker().clone());
        state.finish(cx);
        let Some(stream) = &mut state.stream else {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        };
        let mut into = ReadBuf::new(buffer);
        let read = stream.as_mut().poll_read(cx, &mut into);
        read.map_ok(|()| into.filled().len())
    }

    fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut state = self.lock();
        state.writer = Some(cx.waker().clone());
        let Some(stream) = &mut state.stream else {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        };
        let written = stream.as_mut().poll_write(cx, bytes);
        if written.is_ready() {
            // TLS may hold back what it was given.
            let _ = stream.as_mut().poll_flush(cx);
        }
        written
    }

    fn finish_writing(&self) -> io::Result<()> {
        let mut state = self.lock();
        state.finishing = true;
        let reader = state.reader.take();
        state.finish(&mut Context::from_waker(Waker::noop()));
        drop(state);
        if let Some(reader) = reader {
            reader.wake();
        }
        Ok(())
    }

    fn abort(&self) {
        let mut state = self.lock();
        let (stream, reader, writer) = (state.stream.take(), state.reader.take(), state.writer.take());
        drop(state);
        drop(stream);
        for waker in [reader, writer].into_iter().flatten() {
            waker.wake();
        }
    }
}

impl<S> fmt::Debug for IoLink<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IoLink").finish_non_exhaustive()
    }
}
